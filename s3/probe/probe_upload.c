/* Uploads that never become objects: what a service refuses can be tried without leaving
 * anything, also where objects would be locked. */
#include "s3/probe/probe_work.h"

#include "base/memory.h"

#include <assert.h>

/* The number that is tried when the row's is refused. */
enum { FEW_PARTS = 1000 /* Scaleway's limit, the only other one known */ };

struct s3_probe_begun *s3_probe_create(struct s3_probing *probing,
                                       const struct s3_probe_create *create,
                                       struct err *err)
{
    struct s3_request request;
    struct text document;
    char *id = NULL;
    text_init(&document, 64 << 10);
    s3_multipart_create(&request, create->key, create->checksum, &document);
    /* As configured only where nothing becomes of it: a lock would bind a scratch object. */
    if (create->as_configured)
        s3_client_add_object_headers(probing->client, &request);
    else
        s3_client_add_encryption(probing->client, &request);
    probing->wrote = true;
    int result = s3_probe_demand(probing, &request, err);
    if (result == 0)
        result = s3_multipart_id(&document, &id, err);
    s3_request_release(&request);
    text_release(&document);
    if (result < 0)
        return NULL;

    /* Remembered for the clean-up, whatever happens with it. */
    assert(probing->begun_count < S3_PROBE_UPLOADS_MAX);
    struct s3_probe_begun *begun = &probing->begun[probing->begun_count++];
    *begun = (struct s3_probe_begun){.key = memory_strdup(create->key), .id = id};
    return begun;
}

int s3_probe_part(struct s3_probing *probing, const struct s3_probe_part *part,
                  struct s3_request *request, struct err *err)
{
    const struct s3_multipart_part where = {part->key, part->id, part->number};
    struct digests wrong = {0};
    char hex[SHA256_HEX];
    s3_multipart_part(probing->client, &where, request);
    request->body = probing->data;
    request->body_size = part->size;
    request->crc64 = part->wrong_crc;
    /* What is claimed to be known is not computed, but sent. */
    digests_add(&wrong,
                (part->wrong_md5 ? DIGESTS_MD5 : 0U) |
                    (part->wrong_sha256 ? DIGESTS_SHA256 : 0U) |
                    (part->wrong_crc ? DIGESTS_CRC64NVME : 0U),
                request->body, request->body_size);
    /* One bit is enough: it must not be compared by its beginning alone. */
    wrong.md5[0] ^= 1;
    wrong.sha256[0] ^= 1;
    wrong.crc64nvme = ~wrong.crc64nvme;
    request->digests = wrong;
    /* Also where bodies are not signed. */
    if (part->wrong_sha256)
        request->payload = digest_hex(wrong.sha256, SHA256_SIZE, hex);
    /* Damaged it goes out once: the engine would mend it. */
    bool any = part->wrong_md5 || part->wrong_sha256 || part->wrong_crc;
    return s3_probe_ask(probing, request, any, err);
}

/* "400 BadDigest" */
static const char *answer_text(const struct s3_request *request, char out[80])
{
    const struct s3_answer *answer = &request->answer;
    snprintf(out, 80, "%d%s%s", answer->status, answer->code[0] != '\0' ? " " : "",
             answer->code);
    return out;
}

/* A part that is damaged on purpose. */
static void try_wrong(struct s3_probing *probing, enum s3_probe_what what,
                      const struct s3_probe_part *part)
{
    struct s3_request request;
    struct err err = {0};
    char text[80];
    struct s3_finding *finding;
    if (s3_probe_part(probing, part, &request, &err) < 0) {
        s3_probe_fail(probing, what, &err);
    } else if (s3_probe_is_success(&request)) {
        /* Not looked at (Supabase): the ETag is the only thing left that shows damage. */
        finding = s3_probe_add(probing, what, S3_PROBE_WARNING, "accepted");
        s3_probe_expect(finding, "refused");
        s3_probe_advise(finding, "nothing to set: pgkeep compares ETags and sizes; verify "
                                 "backups in this store now and then");
    } else {
        finding = s3_probe_add(probing, what, S3_PROBE_OK, "refused (%s)",
                               answer_text(&request, text));
        s3_probe_expect(finding, "refused");
    }
    s3_request_release(&request);
}

/* 1: taken, 0: refused, -1: no answer. */
static int takes_number(struct s3_probing *probing, const struct s3_probe_part *from,
                        unsigned number, struct err *err)
{
    /* The same bytes again: the number alone is what is tried. */
    struct s3_probe_part part = *from;
    struct s3_request request;
    part.number = number;
    int result = s3_probe_part(probing, &part, &request, err);
    if (result == 0)
        result = s3_probe_is_success(&request) ? 1 : 0;
    s3_request_release(&request);
    return result;
}

/* How many parts there may be decides how large an object can get: a limit that is not known shows
 * after hours, at the part too many. */
static void try_numbers(struct s3_probing *probing, const struct s3_probe_part *part)
{
    unsigned limit = probing->row->max_parts;
    struct err err = {0};
    /* A part may have any number: none of those before it has to be there. */
    int taken = takes_number(probing, part, limit, &err);
    bool few = taken == 0 && limit > FEW_PARTS;
    struct s3_finding *finding;
    /* Refused: is it the other limit that services have? */
    if (few)
        few = takes_number(probing, part, FEW_PARTS, &err) == 1;
    if (taken < 0) {
        s3_probe_fail(probing, S3_PROBE_LAST_PART, &err);
        return;
    }
    finding = s3_probe_add(probing, S3_PROBE_LAST_PART,
                           taken == 1 ? S3_PROBE_OK : S3_PROBE_FAILED, "%u is %s", limit,
                           taken == 1 ? "accepted" : "refused");
    s3_probe_expect(finding, "up to %u parts", limit);
    if (few)
        s3_probe_advise(finding, "set max_parts = %d", (int)FEW_PARTS);
    else if (taken == 0)
        s3_probe_advise(finding, "set max_parts to the service's limit");
}

/* ---- listing ---- */

struct search {
    const char *id;
    bool found;
};

/* s3_each_unfinished. */
static int find_upload(void *context, const struct s3_unfinished *upload, struct err *err)
{
    struct search *search = context;
    (void)err;
    if (strcmp(upload->upload_id, search->id) == 0)
        search->found = true;
    return 0;
}

/* How a sweep can find what a crash has left: by the prefix, by whole keys out of the catalog, or
 * not at all. */
static void try_listing(struct s3_probing *probing, const struct s3_probe_part *part)
{
    /* By the scratch folder, then by the key itself. */
    struct search all = {.id = part->id}, exact = {.id = part->id};
    struct err err = {0};
    struct s3_finding *finding;
    bool by_prefix = s3_probe_uses(probing, S3_TRAIT_UPLOADS_BY_PREFIX);
    bool listed =
        s3_list_uploads(probing->client, probing->folder, find_upload, &all, &err) == 0 &&
        s3_list_uploads(probing->client, part->key, find_upload, &exact, &err) == 0;
    /* Rights that are missing say nothing about the service. */
    if (listed)
        probing->traits[S3_TRAIT_UPLOADS_BY_PREFIX] = all.found ? S3_HAS : S3_LACKS;
    if (!listed) {
        finding = s3_probe_add(probing, S3_PROBE_UPLOADS, S3_PROBE_WARNING,
                               "cannot be listed: %.200s", err.text);
        s3_probe_advise(finding, "allow s3:ListBucketMultipartUploads; without it only "
                                 "uploads that the catalog knows are cleaned up");
    } else if (all.found) {
        finding = s3_probe_add(probing, S3_PROBE_UPLOADS, S3_PROBE_OK, "by prefix");
    } else if (exact.found) {
        /* MinIO: a sweep then asks for each key that the catalog knows. */
        finding =
            s3_probe_add(probing, S3_PROBE_UPLOADS,
                         by_prefix ? S3_PROBE_WARNING : S3_PROBE_OK, "by whole key only");
    } else {
        finding = s3_probe_add(probing, S3_PROBE_UPLOADS, S3_PROBE_WARNING,
                               "an open upload is not listed at all");
        s3_probe_advise(finding, "nothing to set: uploads that the catalog knows are "
                                 "cleaned up all the same");
    }
    s3_probe_expect(finding, "%s", by_prefix ? "by prefix" : "by whole key");
}

/* ---- checksums ---- */

/* `unfit` is how bad it is that the row counts on it in vain: refused uploads fail, unchecked ones
 * only lack a second proof. */
static void add_checksum(struct s3_probing *probing, enum s3_probe_known known,
                         enum s3_probe_verdict unfit, const char *found)
{
    bool uses = s3_probe_uses(probing, S3_TRAIT_CHECKSUMS);
    enum s3_probe_verdict verdict = uses && known == S3_LACKS ? unfit : S3_PROBE_OK;
    /* A service that takes a wrong one has none, as far as we are concerned. */
    probing->traits[S3_TRAIT_CHECKSUMS] = known;
    s3_probe_expect(s3_probe_add(probing, S3_PROBE_CHECKSUM, verdict, "%s%s", found,
                                 uses ? "" : s3_probe_unused),
                    "%s", uses ? "refused" : "not used");
}

/* An upload with CRC-64, and a part that is not what its checksum says. */
static void try_checksum(struct s3_probing *probing)
{
    struct s3_probe_part part = {.number = 1, .size = S3_PROBE_SMALL, .wrong_crc = true};
    char *key = s3_probe_key(probing, "aborted/checksum");
    struct s3_probe_create create = {.key = key, .checksum = true};
    struct s3_request request;
    struct err err = {0};
    char text[80];
    char found[160];
    struct s3_probe_begun *begun = s3_probe_create(probing, &create, &err);
    /* A refusal is an answer to the question, silence is not. */
    if (begun == NULL) {
        if (err.kind == ERR_TRANSIENT)
            s3_probe_fail(probing, S3_PROBE_CHECKSUM, &err);
        else
            add_checksum(probing, S3_LACKS, S3_PROBE_FAILED,
                         "uploads with checksums are refused");
        free(key);
        return;
    }
    /* Refused as it should be, by whichever code. */
    part.key = key;
    part.id = begun->id;
    if (s3_probe_part(probing, &part, &request, &err) < 0) {
        s3_probe_fail(probing, S3_PROBE_CHECKSUM, &err);
    } else if (s3_probe_is_success(&request)) {
        add_checksum(probing, S3_LACKS, S3_PROBE_WARNING, "accepted: it is not looked at");
    } else {
        snprintf(found, sizeof found, "refused (%s)", answer_text(&request, text));
        add_checksum(probing, S3_HAS, S3_PROBE_OK, found);
    }
    s3_request_release(&request);
    /* A failure shows at the end, when it is tried again. */
    begun->ended = s3_abort_upload(probing->client, key, begun->id, &err) == 0;
    free(key);
}

/* ---- all of it ---- */

/* True: it is gone. Parts that are still listed afterwards would be paid for without being seen. */
static bool try_abort(struct s3_probing *probing, const struct s3_probe_part *part)
{
    struct s3_parts parts = {0};
    struct err err = {0};
    if (s3_abort_upload(probing->client, part->key, part->id, &err) < 0 ||
        s3_list_parts(probing->client, part->key, part->id, &parts, &err) < 0)
        s3_probe_fail(probing, S3_PROBE_ABORT, &err);
    else if (parts.count > 0)
        s3_probe_add(probing, S3_PROBE_ABORT, S3_PROBE_WARNING,
                     "%zu parts are still there afterwards", parts.count);
    else
        s3_probe_add(probing, S3_PROBE_ABORT, S3_PROBE_OK, "nothing is left of it");
    free(parts.items);
    return err.kind == ERR_NONE;
}

/* With the upload open: each wrong part, the limits, the listing, and at last its end. */
static void try_parts(struct s3_probing *probing, const struct s3_probe_part *part,
                      struct s3_probe_begun *begun)
{
    struct s3_probe_part wrong = *part;
    s3_probe_add(probing, S3_PROBE_CREATE, S3_PROBE_OK, "accepted");
    /* Part 1 was sent whole; wrong ones take the number behind it. */
    wrong.number = 2;
    if (digest_available(DIGEST_MD5)) {
        wrong.wrong_md5 = true;
        try_wrong(probing, S3_PROBE_MD5, &wrong);
        wrong.wrong_md5 = false;
    } else {
        s3_probe_add(probing, S3_PROBE_MD5, S3_PROBE_SKIPPED,
                     "OpenSSL of this machine has no MD5");
    }
    wrong.wrong_sha256 = true;
    try_wrong(probing, S3_PROBE_SHA256, &wrong);
    try_numbers(probing, part);
    try_listing(probing, part);
    begun->ended = try_abort(probing, part);
}

int s3_probe_uploads(struct s3_probing *probing, struct err *err)
{
    char *key = s3_probe_key(probing, "aborted/upload");
    struct s3_probe_create create = {.key = key, .as_configured = true};
    struct s3_request request;
    struct err why = {0};
    struct s3_probe_begun *begun = s3_probe_create(probing, &create, &why);
    struct s3_probe_part part = {.key = key, .number = 1, .size = S3_PROBE_SMALL};
    int result = begun != NULL ? 0 : -1;
    /* "Accepted" is said when a good part was taken, too: to begin costs a service nothing. */
    if (result == 0) {
        part.id = begun->id;
        result = s3_probe_part(probing, &part, &request, &why);
        if (result == 0 && !s3_probe_is_success(&request))
            result = s3_request_fail(probing->client, &request, &why);
        s3_request_release(&request);
    }
    if (result < 0) {
        s3_probe_fail(probing, S3_PROBE_CREATE, &why);
    } else {
        try_parts(probing, &part, begun);
        try_checksum(probing);
    }
    free(key);
    return cancel_check(s3_client_cancel(probing->client), err);
}
