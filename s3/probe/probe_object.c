/* Objects as backups make them: in one PUT and from parts; read, listed, and guarded. */
#include "s3/probe/probe_work.h"

#include "base/memory.h"
#include "s3/ops/ledger.h"

/* Keys of ours hold percent-encoded names; a service or a proxy that decodes them twice
 * shows here. */
#define SMALL "object/a%20b+c.gz"
#define LARGE "object/parts.gz"

/* The small one. */
struct small {
    char *key;
    char token[S3_TOKEN_SIZE];
};

/* ---- one object ---- */

/* PUT; *request stays for the caller, who releases it. A refusal is an answer. */
static int put(struct s3_probing *probing, const struct small *small, bool if_absent,
               struct s3_request *request, struct err *err)
{
    s3_request_init(request, "PUT", small->key);
    request->body = probing->data;
    request->body_size = S3_PROBE_SMALL;
    s3_request_header(request, "Content-Type", "application/gzip");
    s3_request_header(request, "x-amz-meta-pgkeep-token", "%s", small->token);
    if (if_absent)
        s3_request_header(request, "If-None-Match", "*");
    /* Encrypted as backups are, but without their locks and classes: it must be free to go. Noted
     * before it is sent, as the answer may be lost. */
    s3_client_add_encryption(probing->client, request);
    probing->wrote = probing->objects = true;
    return s3_probe_ask(probing, request, false, err);
}

/* Whether an ETag may be compared with our MD5, which is how a damaged part is noticed. */
static void check_etag(struct s3_probing *probing, const struct s3_request *request)
{
    bool uses = s3_probe_uses(probing, S3_TRAIT_ETAG_IS_MD5);
    const char *etag = request->answer.etag;
    struct s3_finding *finding;
    /* Without MD5 (FIPS) there is nothing to compare. */
    if ((request->digests.known & DIGESTS_MD5) == 0)
        return;
    if (s3_client_etag_differs(probing->client, etag, request->digests.md5)) {
        probing->traits[S3_TRAIT_ETAG_IS_MD5] = S3_LACKS;
        finding = s3_probe_add(probing, S3_PROBE_ETAG, S3_PROBE_FAILED,
                               "look like MD5s and are none: every part would be taken for "
                               "damaged");
        s3_probe_advise(finding, "if the bucket encrypts with a key of KMS, set "
                                 "sse = \"aws:kms\"");
    } else if (strlen(etag) == 2 * MD5_SIZE + 2 && s3_client_etag_is_md5(probing->client)) {
        probing->traits[S3_TRAIT_ETAG_IS_MD5] = S3_HAS;
        finding = s3_probe_add(probing, S3_PROBE_ETAG, S3_PROBE_OK, "are MD5s");
    } else {
        finding = s3_probe_add(probing, S3_PROBE_ETAG, S3_PROBE_OK,
                               "are no MD5s; sizes and tokens are compared");
    }
    s3_probe_expect(finding, "%s", uses ? "MD5s" : "not used");
}

/* Without an object there is nothing to read, list or guard: false ends these questions. */
static bool try_put(struct s3_probing *probing, const struct small *small)
{
    /* As it comes: whether a key that is taken is refused is the next question but one. */
    struct s3_request request;
    struct err err = {0};
    int result = put(probing, small, false, &request, &err);
    if (result == 0 && !s3_probe_is_success(&request))
        result = s3_request_fail(probing->client, &request, &err);
    if (result < 0) {
        s3_probe_fail(probing, S3_PROBE_PUT, &err);
    } else {
        s3_probe_add(probing, S3_PROBE_PUT, S3_PROBE_OK, "accepted");
        check_etag(probing, &request);
    }
    s3_request_release(&request);
    return result == 0;
}

/* The same bytes, our token among its metadata, and no lock that nobody asked for. */
static bool try_get(struct s3_probing *probing, const struct small *small)
{
    struct s3_client *client = probing->client;
    struct s3_object object = {0};
    struct text text;
    bool absent = false;
    struct err err = {0};
    text_init(&text, 64 << 10);
    int result = s3_get(client, small->key, &text, &absent, &err);
    /* S3 shows a new object at once since 2020; one that does not would fail backups' own checks. */
    if (result == 0 && absent)
        result = err_set(&err, ERR_STORE, "what was written a moment ago is not there");
    if (result == 0 && (text.length != S3_PROBE_SMALL ||
                        memcmp(text.data, probing->data, S3_PROBE_SMALL) != 0))
        result = err_set(&err, ERR_CORRUPT, "what comes back is not what was written");
    if (result == 0)
        result = s3_head(client, small->key, &object, &absent, &err);
    if (result == 0 && (absent || !text_equal(object.token, small->token)))
        result = err_set(&err, ERR_STORE, "its metadata (x-amz-meta-…) do not come back");
    if (result == 0 && object.retain_until > s3_client_time(client))
        s3_probe_add(probing, S3_PROBE_LOCK, S3_PROBE_WARNING,
                     "objects are locked although no default retention was seen");
    /* The first thing that was wrong; what came after it was not asked. */
    s3_object_release(&object);
    text_release(&text);
    s3_probe_conclude(probing, S3_PROBE_GET, &err, "the same bytes and metadata");
    return result == 0;
}

/* ---- listing ---- */

struct listed {
    const char *key;
    size_t count; /* objects in all */
    bool found;   /* this one, with its size */
};

/* s3_each. */
static int count(void *context, const struct s3_object *object, struct err *err)
{
    struct listed *listed = context;
    (void)err;
    listed->count++;
    if (strcmp(object->key, listed->key) == 0 && object->size == S3_PROBE_SMALL)
        listed->found = true;
    return 0;
}

/* Exactly the one object of this folder: rebuilds, sweeps and deletions believe in listings. */
static void try_list(struct s3_probing *probing, const char *key)
{
    /* The folder is new, so nothing but this object can be in it. */
    struct listed listed = {.key = key};
    struct err err = {0};
    struct s3_finding *finding;
    if (s3_list(probing->client, probing->folder, count, &listed, &err) < 0) {
        s3_probe_fail(probing, S3_PROBE_LIST, &err);
        return;
    }
    if (listed.found && listed.count == 1) {
        s3_probe_add(probing, S3_PROBE_LIST, S3_PROBE_OK, "by prefix, with its size");
        return;
    }
    finding = s3_probe_add(probing, S3_PROBE_LIST, S3_PROBE_FAILED,
                           listed.found ? "the prefix is not kept to"
                                        : "what was written is not listed under its key");
    /* Old services list the second version badly or not at all. */
    if (!listed.found && probing->row->list_version != 1)
        s3_probe_advise(finding, "try list_version = 1");
}

/* ---- conditions ---- */

/* status: of a write that must not have happened. */
static void add_condition(struct s3_probing *probing, enum s3_probe_what what,
                          enum s3_probe_trait trait, int status)
{
    /* Refused as it should be, written all the same, or not understood at all. */
    bool honoured = status == 412 || status == 409;
    bool ignored = status >= 200 && status < 300;
    bool uses = s3_probe_uses(probing, trait);
    /* A PUT is repeated without the condition, Complete is not. */
    bool fatal = !ignored && trait == S3_TRAIT_COMPLETE_IF_ABSENT;
    enum s3_probe_verdict verdict = honoured || !uses ? S3_PROBE_OK
                                    : fatal           ? S3_PROBE_FAILED
                                                      : S3_PROBE_WARNING;
    /* Some answer 409 while they make up their mind; written is what counts, and it was not. */
    probing->traits[trait] = honoured ? S3_HAS : S3_LACKS;
    struct s3_finding *finding = s3_probe_add(probing, what, verdict, "%s (%d)%s",
                                              honoured  ? "honoured"
                                              : ignored ? "ignored: the object is replaced"
                                                        : "refused",
                                              status, uses ? "" : s3_probe_unused);
    s3_probe_expect(finding, "%s", uses ? "honoured" : "not used");
    if (uses && ignored)
        s3_probe_advise(finding, "keys are unique, so no backup is replaced; two machines "
                                 "that use the store for the first time should not do so "
                                 "at the same moment");
}

/* On a key that is taken: a service that has conditions must refuse it. */
static void try_condition(struct s3_probing *probing, const struct small *small)
{
    struct s3_request request;
    struct err err = {0};
    if (put(probing, small, true, &request, &err) < 0)
        s3_probe_fail(probing, S3_PROBE_CONDITION, &err);
    else
        add_condition(probing, S3_PROBE_CONDITION, S3_TRAIT_PUT_IF_ABSENT,
                      request.answer.status);
    s3_request_release(&request);
}

/* ---- uploads that become an object ---- */

struct large {
    const char *key;
    unsigned count;
    size_t sizes[3];
    bool if_absent;
    int status; /* what Complete was answered with; 0: it did not come to that */
};

/* One after the other: it is the service's rules that are tried, not its speed. */
static int send_parts(struct s3_probing *probing, const struct large *large, const char *id,
                      struct s3_ledger *ledger, struct err *err)
{
    int result = 0;
    for (unsigned i = 0; result == 0 && i < large->count; i++) {
        struct s3_probe_part part = {
            .key = large->key, .id = id, .number = i + 1, .size = large->sizes[i]};
        struct s3_request request;
        result = s3_probe_part(probing, &part, &request, err);
        if (result == 0 && !s3_probe_is_success(&request))
            result = s3_request_fail(probing->client, &request, err);
        if (result == 0)
            result = s3_ledger_give(ledger, i + 1, ledger->given, part.size, err);
        if (result == 0)
            s3_ledger_done(ledger, i + 1, request.answer.etag, NULL);
        s3_request_release(&request);
    }
    return result;
}

/* Begins, sends, completes. 0 when Complete was answered: large->status says how, and err why
 * it was refused. */
static int upload(struct s3_probing *probing, struct large *large, struct err *err)
{
    struct s3_probe_create create = {.key = large->key};
    struct s3_ledger ledger = {0};
    struct s3_request request;
    struct text list, document;
    struct s3_probe_begun *begun = s3_probe_create(probing, &create, err);
    large->status = 0;
    if (begun == NULL)
        return -1;
    /* Through the same books as a backup, so the same list is sent. */
    text_init(&list, 4096);
    text_init(&document, 64 << 10);
    int result = send_parts(probing, large, begun->id, &ledger, err);
    if (result == 0)
        result = s3_ledger_body(&ledger, &list, err);
    if (result == 0) {
        s3_multipart_complete(&request, large->key, begun->id, &list, &document);
        if (large->if_absent)
            s3_request_header(&request, "If-None-Match", "*");
        result = s3_probe_ask(probing, &request, false, err);
        /* Refused it is still open, and the clean-up's. */
        large->status = request.answer.status;
        if (result == 0 && s3_probe_is_success(&request))
            begun->ended = true;
        else if (result == 0)
            (void)s3_request_fail(probing->client, &request, err);
        s3_request_release(&request);
    }
    text_release(&document);
    text_release(&list);
    s3_ledger_release(&ledger);
    return result;
}

/* Complete says 200; whether the object is right is looked at apart. */
static bool is_made(const struct large *large)
{
    return large->status >= 200 && large->status < 300;
}

/* Sizes that grow and then shrink, as those of a stream of unknown length do. True: there is an
 * object; false: none, *even says whether it is worth a try with equal parts. */
static bool try_uneven(struct s3_probing *probing, struct large *large, bool *even)
{
    struct s3_finding *finding;
    struct err err = {0};
    *large = (struct large){
        .key = large->key,
        .count = 3,
        .sizes = {probing->part_size, probing->part_size + S3_PROBE_MORE, S3_PROBE_SMALL}};
    *even = true;
    /* Megabytes for a question whose answer changes nothing. */
    if (!s3_probe_uses(probing, S3_TRAIT_UNEVEN_PARTS)) {
        finding = s3_probe_add(probing, S3_PROBE_UNEVEN, S3_PROBE_SKIPPED,
                               "not tried: parts are of one size");
        s3_probe_expect(finding, "not used");
        return false;
    }
    if (upload(probing, large, &err) < 0) {
        s3_probe_fail(probing, S3_PROBE_MULTIPART, &err);
        *even = false;
        return false;
    }
    /* R2 takes the parts and refuses Complete. */
    probing->traits[S3_TRAIT_UNEVEN_PARTS] = is_made(large) ? S3_HAS : S3_LACKS;
    if (is_made(large)) {
        finding = s3_probe_add(probing, S3_PROBE_UNEVEN, S3_PROBE_OK, "accepted");
    } else {
        finding = s3_probe_fail(probing, S3_PROBE_UNEVEN, &err);
        s3_probe_advise(finding, "set provider = \"r2\": parts of one size");
    }
    s3_probe_expect(finding, "accepted");
    return is_made(large);
}

/* Equal parts and a shorter last one, which every service must take. */
static bool try_even(struct s3_probing *probing, struct large *large)
{
    struct err err = {0};
    *large = (struct large){
        .key = large->key, .count = 2, .sizes = {probing->part_size, S3_PROBE_SMALL}};
    if (upload(probing, large, &err) == 0 && is_made(large))
        return true;
    s3_probe_expect(s3_probe_fail(probing, S3_PROBE_MULTIPART, &err), "parts of %zu bytes",
                    probing->part_size);
    return false;
}

/* An object from parts, by whichever sizes it takes; true when one of the right size is there. */
static bool try_multipart(struct s3_probing *probing, struct large *large)
{
    struct s3_object object = {0};
    bool absent = false, even = false;
    uint64_t size = 0;
    struct err err = {0};
    /* Where uneven sizes are refused or not used, equal ones must do. */
    if (!try_uneven(probing, large, &even) && !(even && try_even(probing, large)))
        return false;
    /* Services have been seen to drop a part without a word. */
    for (unsigned i = 0; i < large->count; i++)
        size += large->sizes[i];
    int result = s3_head(probing->client, large->key, &object, &absent, &err);
    if (result == 0 && (absent || object.size != size))
        result =
            err_set(&err, ERR_CORRUPT, "the object does not have the size of its parts");
    s3_object_release(&object);
    if (result < 0) {
        s3_probe_fail(probing, S3_PROBE_MULTIPART, &err);
        return false;
    }
    s3_probe_expect(
        s3_probe_add(probing, S3_PROBE_MULTIPART, S3_PROBE_OK,
                     "%u parts, the first of %zu bytes", large->count, large->sizes[0]),
        "parts of %llu bytes and more", (unsigned long long)probing->row->min_part);
    return true;
}

/* Across the border of the first two parts, where a service that puts them together badly
 * shows. */
static void try_range(struct s3_probing *probing, const struct large *large)
{
    enum { BEFORE = 700 };
    unsigned char came[S3_PROBE_SMALL];
    unsigned char want[S3_PROBE_SMALL];
    struct s3_request request;
    struct err err = {0};
    /* Each part is the data from its beginning. */
    memcpy(want, probing->data + large->sizes[0] - BEFORE, BEFORE);
    memcpy(want + BEFORE, probing->data, sizeof want - BEFORE);
    s3_request_init(&request, "GET", large->key);
    s3_client_add_key_headers(probing->client, &request);
    request.buffer = came;
    request.ranged = true;
    request.first = large->sizes[0] - BEFORE;
    request.last = request.first + sizeof came - 1;
    if (s3_probe_demand(probing, &request, &err) == 0 &&
        memcmp(came, want, sizeof came) != 0)
        err_set(&err, ERR_CORRUPT, "other bytes than were written");
    s3_probe_conclude(probing, S3_PROBE_RANGE, &err, "exactly the bytes asked for");
    s3_request_release(&request);
}

/* A second upload to the key of the first. Of all conditions this is the one that services lack
 * most often, and that two writers of one key would need. */
static void try_complete_condition(struct s3_probing *probing, const char *key)
{
    struct large large = {
        .key = key, .count = 1, .sizes = {S3_PROBE_SMALL}, .if_absent = true};
    struct err err = {0};
    if (upload(probing, &large, &err) < 0)
        s3_probe_fail(probing, S3_PROBE_COMPLETE_CONDITION, &err);
    else
        add_condition(probing, S3_PROBE_COMPLETE_CONDITION, S3_TRAIT_COMPLETE_IF_ABSENT,
                      large.status);
}

int s3_probe_objects(struct s3_probing *probing, struct err *err)
{
    struct small small = {.key = s3_probe_key(probing, SMALL)};
    char *key = s3_probe_key(probing, LARGE);
    struct large large = {.key = key};
    s3_multipart_token(small.token);
    /* Each question needs what the one before it has left. */
    if (try_put(probing, &small)) {
        if (try_get(probing, &small)) {
            try_list(probing, small.key);
            try_condition(probing, &small);
        }
        if (try_multipart(probing, &large)) {
            try_range(probing, &large);
            try_complete_condition(probing, key);
        }
    }
    free(small.key);
    free(key);
    return cancel_check(s3_client_cancel(probing->client), err);
}
