#include "s3/probe/probe_work.h"

#include "base/cancel.h"
#include "base/memory.h"
#include "base/ulid.h"
#include "s3/ops/object.h"
#include "s3/http/xml.h"

/* Keys of ours hold percent-encoded names; a service or a proxy that decodes them twice
 * shows here. */
#define SMALL "object/a%20b+c.gz"
#define LARGE "object/parts.gz"

/* ---- one object */

/* PUT; *request stays for the caller, who releases it. */
static int put(struct s3_probing *probing, const char *key, const char *token,
               bool if_absent, struct s3_request *request, struct err *err)
{
    s3_request_init(request, "PUT", key);
    request->body = probing->data;
    request->body_size = S3_PROBE_SMALL;
    s3_request_header(request, "Content-Type", "application/gzip");
    s3_request_header(request, "x-amz-meta-pgkeep-token", "%s", token);
    if (if_absent)
        s3_request_header(request, "If-None-Match", "*");
    s3_client_add_encryption(probing->client, request);
    probing->wrote = probing->objects = true;
    return s3_probe_ask(probing, request, false, err);
}

static void look_at_etag(struct s3_probing *probing, const struct s3_request *request)
{
    bool uses = s3_probe_uses(probing, S3_TRAIT_ETAG_IS_MD5);
    const char *etag = request->answer.etag;
    struct s3_finding *finding;

    if (!request->has_md5)
        return;
    if (s3_client_etag_differs(probing->client, etag, request->md5)) {
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

static int try_put(struct s3_probing *probing, const char *key, const char *token)
{
    struct s3_request request;
    struct err err = {0};

    int result = put(probing, key, token, false, &request, &err);
    if (result == 0 && !s3_probe_is_success(&request))
        result = s3_probe_refused(probing, &request, &err);
    if (result < 0) {
        (void)s3_probe_fail(probing, S3_PROBE_PUT, &err);
    } else {
        s3_probe_add(probing, S3_PROBE_PUT, S3_PROBE_OK, "accepted");
        look_at_etag(probing, &request);
    }
    s3_request_release(&request);
    return result;
}

static int read_back(struct s3_probing *probing, const char *key, const char *token,
                     struct err *err)
{
    struct s3_object object = {0};
    struct text text;
    bool absent = false;

    text_init(&text, 64 << 10);
    int result = s3_get(probing->client, key, &text, &absent, err);
    if (result == 0 && absent)
        result = err_set(err, ERR_STORE, "what was written a moment ago is not there");
    if (result == 0 && (text.length != S3_PROBE_SMALL ||
                        memcmp(text.data, probing->data, S3_PROBE_SMALL) != 0))
        result = err_set(err, ERR_CORRUPT, "what comes back is not what was written");
    if (result == 0)
        result = s3_head(probing->client, key, &object, &absent, err);
    if (result == 0 && (absent || object.token == NULL || strcmp(object.token, token) != 0))
        result = err_set(err, ERR_STORE, "its metadata (x-amz-meta-…) do not come back");
    if (result == 0 && object.retain_until > s3_client_time(probing->client))
        s3_probe_add(probing, S3_PROBE_LOCK, S3_PROBE_WARNING,
                     "objects are locked although no default retention was seen");
    s3_object_release(&object);
    text_release(&text);
    return result;
}

static int try_get(struct s3_probing *probing, const char *key, const char *token)
{
    struct err err = {0};

    if (read_back(probing, key, token, &err) < 0)
        return s3_probe_fail(probing, S3_PROBE_GET, &err);
    s3_probe_add(probing, S3_PROBE_GET, S3_PROBE_OK, "the same bytes and metadata");
    return 0;
}

/* ---- listing */

struct listed {
    const char *key;
    size_t count; /* objects in all */
    bool found;   /* this one, with its size */
};

static int count(void *context, const struct s3_object *object, struct err *err)
{
    struct listed *listed = context;

    (void)err;
    listed->count++;
    if (strcmp(object->key, listed->key) == 0 && object->size == S3_PROBE_SMALL)
        listed->found = true;
    return 0;
}

static void try_list(struct s3_probing *probing, const char *key)
{
    struct listed listed = {.key = key};
    struct err err = {0};
    struct s3_finding *finding;

    if (s3_list(probing->client, probing->folder, count, &listed, &err) < 0) {
        (void)s3_probe_fail(probing, S3_PROBE_LIST, &err);
        return;
    }
    if (listed.found && listed.count == 1) {
        s3_probe_add(probing, S3_PROBE_LIST, S3_PROBE_OK, "by prefix, with its size");
        return;
    }
    finding = s3_probe_add(probing, S3_PROBE_LIST, S3_PROBE_FAILED,
                           listed.found ? "the prefix is not kept to"
                                        : "what was written is not listed under its key");
    if (!listed.found && probing->row->list_version != 1)
        s3_probe_advise(finding, "try list_version = 1");
}

/* ---- conditions */

/* status: of a write that must not have happened. */
static void add_condition(struct s3_probing *probing, enum s3_probe_what what,
                          enum s3_probe_trait trait, int status)
{
    bool honoured = status == 412 || status == 409;
    bool ignored = status >= 200 && status < 300;
    bool uses = s3_probe_uses(probing, trait);
    /* A PUT is repeated without the condition, Complete is not. */
    bool fatal = !ignored && trait == S3_TRAIT_COMPLETE_IF_ABSENT;
    enum s3_probe_verdict verdict = honoured || !uses ? S3_PROBE_OK
                                    : fatal           ? S3_PROBE_FAILED
                                                      : S3_PROBE_WARNING;

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

static void try_condition(struct s3_probing *probing, const char *key, const char *token)
{
    struct s3_request request;
    struct err err = {0};

    if (put(probing, key, token, true, &request, &err) < 0)
        (void)s3_probe_fail(probing, S3_PROBE_CONDITION, &err);
    else
        add_condition(probing, S3_PROBE_CONDITION, S3_TRAIT_PUT_IF_ABSENT,
                      request.answer.status);
    s3_request_release(&request);
}

/* ---- uploads that become an object */

struct large {
    const char *key;
    struct s3_probe_begun *begun;
    unsigned count;
    size_t sizes[3];
    char etags[3][sizeof((struct s3_answer *)NULL)->etag];
};

static int send_parts(struct s3_probing *probing, struct large *large, struct err *err)
{
    int result = 0;

    for (unsigned i = 0; result == 0 && i < large->count; i++) {
        struct s3_probe_part part = {.key = large->key,
                                     .id = large->begun->id,
                                     .number = i + 1,
                                     .size = large->sizes[i]};
        struct s3_request request;
        result = s3_probe_part(probing, &part, &request, err);
        if (result == 0 && !s3_probe_is_success(&request))
            result = s3_probe_refused(probing, &request, err);
        memcpy(large->etags[i], request.answer.etag, sizeof large->etags[i]);
        s3_request_release(&request);
    }
    return result;
}

/* *status: what Complete was answered with; err holds the refusal's words. */
static int complete(struct s3_probing *probing, const struct large *large, bool if_absent,
                    int *status, struct err *err)
{
    struct s3_request request;
    struct text body, answer;

    text_init(&body, 4096);
    text_init(&answer, 64 << 10);
    text_add(&body, "<CompleteMultipartUpload "
                    "xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">");
    for (unsigned i = 0; i < large->count; i++) {
        text_addf(&body, "<Part><PartNumber>%u</PartNumber><ETag>", i + 1);
        (void)s3_xml_add(&body, large->etags[i]);
        text_add(&body, "</ETag></Part>");
    }
    text_add(&body, "</CompleteMultipartUpload>");
    s3_request_init(&request, "POST", large->key);
    s3_query_add(&request.query, "uploadId", large->begun->id);
    s3_request_header(&request, "Content-Type", "application/xml");
    if (if_absent)
        s3_request_header(&request, "If-None-Match", "*");
    request.body = body.data;
    request.body_size = body.length;
    request.root = "CompleteMultipartUploadResult";
    request.out = &answer;
    request.patient = true;
    request.what = "completing an upload";
    int result = s3_probe_ask(probing, &request, false, err);
    *status = request.answer.status;
    if (result == 0 && s3_probe_is_success(&request))
        large->begun->ended = true;
    else if (result == 0)
        (void)s3_probe_refused(probing, &request, err);
    s3_request_release(&request);
    text_release(&body);
    text_release(&answer);
    return result;
}

/* Begins, sends, completes. *refused: Complete was, and err says why. */
static int upload(struct s3_probing *probing, struct large *large, bool *refused,
                  struct err *err)
{
    struct s3_probe_create create = {.key = large->key};
    int status = 0;

    *refused = false;
    large->begun = s3_probe_create(probing, &create, err);
    int result = large->begun != NULL ? 0 : -1;
    if (result == 0)
        result = send_parts(probing, large, err);
    if (result == 0)
        result = complete(probing, large, false, &status, err);
    if (result == 0 && (status < 200 || status >= 300)) {
        *refused = true;
        result = -1;
    }
    return result;
}

static int check_size(struct s3_probing *probing, const struct large *large,
                      struct err *err)
{
    struct s3_object object = {0};
    bool absent = false;
    uint64_t size = 0;

    for (unsigned i = 0; i < large->count; i++)
        size += large->sizes[i];
    int result = s3_head(probing->client, large->key, &object, &absent, err);
    if (result == 0 && (absent || object.size != size))
        result =
            err_set(err, ERR_CORRUPT, "the object does not have the size of its parts");
    s3_object_release(&object);
    return result;
}

/* Sizes that grow and then shrink, as those of a stream of unknown length do. */
static int try_uneven(struct s3_probing *probing, struct large *large, struct err *err)
{
    bool uses = s3_probe_uses(probing, S3_TRAIT_UNEVEN_PARTS);
    bool refused = false;
    struct s3_finding *finding;

    large->count = 3;
    large->sizes[0] = probing->part_size;
    large->sizes[1] = probing->part_size + S3_PROBE_MORE;
    large->sizes[2] = S3_PROBE_SMALL;
    if (!uses) {
        finding = s3_probe_add(probing, S3_PROBE_UNEVEN, S3_PROBE_SKIPPED,
                               "not tried: parts are of one size");
        s3_probe_expect(finding, "not used");
        return 1;
    }
    if (upload(probing, large, &refused, err) == 0) {
        probing->traits[S3_TRAIT_UNEVEN_PARTS] = S3_HAS;
        finding = s3_probe_add(probing, S3_PROBE_UNEVEN, S3_PROBE_OK, "accepted");
        s3_probe_expect(finding, "accepted");
        return 0;
    }
    if (!refused)
        return s3_probe_fail(probing, S3_PROBE_MULTIPART, err);
    probing->traits[S3_TRAIT_UNEVEN_PARTS] = S3_LACKS;
    (void)s3_probe_fail(probing, S3_PROBE_UNEVEN, err);
    finding = &probing->out->findings[probing->out->count - 1];
    s3_probe_expect(finding, "accepted");
    s3_probe_advise(finding, "set provider = \"r2\": parts of one size");
    err_clear(err);
    return 1;
}

static int try_even(struct s3_probing *probing, struct large *large, struct err *err)
{
    bool refused = false;

    large->count = 2;
    large->sizes[1] = S3_PROBE_SMALL;
    if (upload(probing, large, &refused, err) == 0)
        return 0;
    (void)s3_probe_fail(probing, S3_PROBE_MULTIPART, err);
    struct s3_finding *finding = &probing->out->findings[probing->out->count - 1];
    s3_probe_expect(finding, "parts of %zu bytes", probing->part_size);
    return -1;
}

static int try_multipart(struct s3_probing *probing, struct large *large)
{
    struct err err = {0};
    int result = try_uneven(probing, large, &err);

    if (result == 1)
        result = try_even(probing, large, &err);
    if (result < 0)
        return -1;
    if (check_size(probing, large, &err) < 0)
        return s3_probe_fail(probing, S3_PROBE_MULTIPART, &err);
    s3_probe_expect(
        s3_probe_add(probing, S3_PROBE_MULTIPART, S3_PROBE_OK,
                     "%u parts, the first of %zu bytes", large->count, large->sizes[0]),
        "parts of %llu bytes and more", (unsigned long long)probing->row->min_part);
    return 0;
}

/* Across the border of the first two parts, where a service that puts them together badly
 * shows. */
static void try_range(struct s3_probing *probing, const struct large *large)
{
    enum { BEFORE = 700 };
    unsigned char got[S3_PROBE_SMALL];
    unsigned char want[S3_PROBE_SMALL];
    struct s3_request request;
    struct err err = {0};

    memcpy(want, probing->data + large->sizes[0] - BEFORE, BEFORE);
    memcpy(want + BEFORE, probing->data, sizeof want - BEFORE);
    s3_request_init(&request, "GET", large->key);
    s3_client_add_key_headers(probing->client, &request);
    request.buffer = got;
    request.ranged = true;
    request.first = large->sizes[0] - BEFORE;
    request.last = request.first + sizeof got - 1;
    int result = s3_probe_ask(probing, &request, false, &err);
    if (result == 0 && !s3_probe_is_success(&request))
        result = s3_probe_refused(probing, &request, &err);
    if (result == 0 && memcmp(got, want, sizeof got) != 0)
        result = err_set(&err, ERR_CORRUPT, "other bytes than were written");
    if (result < 0)
        (void)s3_probe_fail(probing, S3_PROBE_RANGE, &err);
    else
        s3_probe_add(probing, S3_PROBE_RANGE, S3_PROBE_OK, "exactly the bytes asked for");
    s3_request_release(&request);
}

/* A second upload to the key of the first. */
static void try_complete_condition(struct s3_probing *probing, const char *key)
{
    struct large large = {.key = key, .count = 1, .sizes = {S3_PROBE_SMALL}};
    struct s3_probe_create create = {.key = key};
    struct err err = {0};
    int status = 0;

    large.begun = s3_probe_create(probing, &create, &err);
    int result = large.begun != NULL ? 0 : -1;
    if (result == 0)
        result = send_parts(probing, &large, &err);
    if (result == 0)
        result = complete(probing, &large, true, &status, &err);
    if (result < 0)
        (void)s3_probe_fail(probing, S3_PROBE_COMPLETE_CONDITION, &err);
    else
        add_condition(probing, S3_PROBE_COMPLETE_CONDITION, S3_TRAIT_COMPLETE_IF_ABSENT,
                      status);
}

static void make_token(char token[33])
{
    unsigned char bits[16];

    ulid_random(bits, sizeof bits);
    digest_hex(bits, sizeof bits, token);
}

int s3_probe_objects(struct s3_probing *probing, struct err *err)
{
    char token[33];
    char *small = s3_probe_key(probing, SMALL);
    char *key = s3_probe_key(probing, LARGE);
    struct large large = {.key = key};

    make_token(token);
    if (try_put(probing, small, token) == 0) {
        if (try_get(probing, small, token) == 0) {
            try_list(probing, small);
            try_condition(probing, small, token);
        }
        if (try_multipart(probing, &large) == 0) {
            try_range(probing, &large);
            try_complete_condition(probing, key);
        }
    }
    free(small);
    free(key);
    return cancel_check(s3_client_cancel(probing->client), err);
}
