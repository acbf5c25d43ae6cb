/* Uploads that never become objects: what a service refuses can be tried without leaving
 * anything, also where objects would be locked. */
#include "s3/probe/probe_work.h"

#include "base/cancel.h"
#include "base/memory.h"
#include "s3/ops/ledger.h"
#include "s3/http/xml.h"

#include <assert.h>

enum { FEW_PARTS = 1000 /* Scaleway's limit, the only other one known */ };

static struct s3_probe_begun *remember(struct s3_probing *probing, const char *key,
                                       char *id)
{
    assert(probing->begun_count < S3_PROBE_UPLOADS_MAX);
    struct s3_probe_begun *begun = &probing->begun[probing->begun_count++];
    *begun = (struct s3_probe_begun){.key = memory_strdup(key), .id = id};
    return begun;
}

struct s3_probe_begun *s3_probe_create(struct s3_probing *probing,
                                       const struct s3_probe_create *create,
                                       struct err *err)
{
    static const char root[] = "InitiateMultipartUploadResult";
    struct s3_request request;
    struct text answer;
    char *id = NULL;

    text_init(&answer, 64 << 10);
    s3_request_init(&request, "POST", create->key);
    s3_query_add(&request.query, "uploads", NULL);
    if (create->as_configured)
        s3_client_add_object_headers(probing->client, &request);
    else
        s3_client_add_encryption(probing->client, &request);
    if (create->checksum) {
        s3_request_header(&request, "x-amz-checksum-algorithm", "CRC64NVME");
        s3_request_header(&request, "x-amz-checksum-type", "FULL_OBJECT");
    }
    request.what = "beginning an upload";
    request.root = root;
    request.out = &answer;
    probing->wrote = true;
    int result = s3_probe_ask(probing, &request, false, err);
    if (result == 0 && !s3_probe_is_success(&request))
        result = s3_probe_refused(probing, &request, err);
    if (result == 0)
        result = s3_xml_find(answer.data, answer.length, root, "UploadId", &id, err);
    if (result == 0 && id == NULL)
        result = err_set(err, ERR_STORE, "beginning an upload: the answer has no id");
    s3_request_release(&request);
    text_release(&answer);
    return result == 0 ? remember(probing, create->key, id) : NULL;
}

static void claim_md5(struct s3_request *request)
{
    digest_md5(request->body, request->body_size, request->md5);
    request->md5[0] ^= 1;
    request->has_md5 = true;
}

static void claim_sha256(struct s3_request *request, char hex[SHA256_HEX])
{
    unsigned char sum[SHA256_SIZE];

    digest_sha256(request->body, request->body_size, sum);
    sum[0] ^= 1;
    request->payload = digest_hex(sum, sizeof sum, hex);
}

int s3_probe_part(struct s3_probing *probing, const struct s3_probe_part *part,
                  struct s3_request *request, struct err *err)
{
    char crc[S3_CRC64_BASE64];
    char hex[SHA256_HEX];
    bool wrong = part->wrong_md5 || part->wrong_sha256 || part->wrong_crc;

    s3_request_init(request, "PUT", part->key);
    s3_query_addf(&request->query, "partNumber", "%u", part->number);
    s3_query_add(&request->query, "uploadId", part->id);
    request->body = probing->data;
    request->body_size = part->size;
    request->what = "a part";
    s3_client_add_key_headers(probing->client, request);
    if (part->wrong_md5)
        claim_md5(request);
    if (part->wrong_sha256)
        claim_sha256(request, hex);
    if (part->wrong_crc)
        s3_request_header(
            request, "x-amz-checksum-crc64nvme", "%s",
            s3_crc64_base64(~digest_crc64nvme(0, request->body, request->body_size), crc));
    return s3_probe_ask(probing, request, wrong, err);
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
    char words[80];
    struct s3_finding *finding;

    if (s3_probe_part(probing, part, &request, &err) < 0) {
        (void)s3_probe_fail(probing, what, &err);
    } else if (s3_probe_is_success(&request)) {
        finding = s3_probe_add(probing, what, S3_PROBE_WARNING, "accepted");
        s3_probe_expect(finding, "refused");
        s3_probe_advise(finding, "nothing to set: pgkeep compares ETags and sizes; verify "
                                 "backups in this store now and then");
    } else {
        finding = s3_probe_add(probing, what, S3_PROBE_OK, "refused (%s)",
                               answer_text(&request, words));
        s3_probe_expect(finding, "refused");
    }
    s3_request_release(&request);
}

/* 1: taken, 0: refused, -1: no answer. */
static int takes_number(struct s3_probing *probing, const struct s3_probe_part *from,
                        unsigned number, struct err *err)
{
    struct s3_probe_part part = *from;
    struct s3_request request;

    part.number = number;
    int result = s3_probe_part(probing, &part, &request, err);
    if (result == 0)
        result = s3_probe_is_success(&request) ? 1 : 0;
    s3_request_release(&request);
    return result;
}

static void try_numbers(struct s3_probing *probing, const struct s3_probe_part *part)
{
    unsigned limit = probing->row->max_parts;
    struct err err = {0};
    int taken = takes_number(probing, part, limit, &err);
    bool few = taken == 0 && limit > FEW_PARTS;
    struct s3_finding *finding;

    if (few)
        few = takes_number(probing, part, FEW_PARTS, &err) == 1;
    if (taken < 0) {
        (void)s3_probe_fail(probing, S3_PROBE_LAST_PART, &err);
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

/* ---- listing */

struct search {
    const char *id;
    bool found;
};

static int look_for(void *context, const struct s3_pending *pending, struct err *err)
{
    struct search *search = context;

    (void)err;
    if (strcmp(pending->upload_id, search->id) == 0)
        search->found = true;
    return 0;
}

static void try_listing(struct s3_probing *probing, const struct s3_probe_part *part)
{
    struct search all = {.id = part->id}, exact = {.id = part->id};
    struct err err = {0};
    struct s3_finding *finding;
    bool by_prefix = s3_probe_uses(probing, S3_TRAIT_UPLOADS_BY_PREFIX);
    const char *expected = by_prefix ? "by prefix" : "by whole key";

    if (s3_list_uploads(probing->client, probing->folder, look_for, &all, &err) < 0 ||
        s3_list_uploads(probing->client, part->key, look_for, &exact, &err) < 0) {
        finding = s3_probe_add(probing, S3_PROBE_UPLOADS, S3_PROBE_WARNING,
                               "cannot be listed: %.200s", err.text);
        s3_probe_advise(finding, "allow s3:ListBucketMultipartUploads; without it only "
                                 "uploads that the catalog knows are cleaned up");
    } else if (all.found) {
        probing->traits[S3_TRAIT_UPLOADS_BY_PREFIX] = S3_HAS;
        finding = s3_probe_add(probing, S3_PROBE_UPLOADS, S3_PROBE_OK, "by prefix");
    } else if (exact.found) {
        probing->traits[S3_TRAIT_UPLOADS_BY_PREFIX] = S3_LACKS;
        finding =
            s3_probe_add(probing, S3_PROBE_UPLOADS,
                         by_prefix ? S3_PROBE_WARNING : S3_PROBE_OK, "by whole key only");
    } else {
        probing->traits[S3_TRAIT_UPLOADS_BY_PREFIX] = S3_LACKS;
        finding = s3_probe_add(probing, S3_PROBE_UPLOADS, S3_PROBE_WARNING,
                               "an open upload is not listed at all");
        s3_probe_advise(finding, "nothing to set: uploads that the catalog knows are "
                                 "cleaned up all the same");
    }
    s3_probe_expect(finding, "%s", expected);
}

/* ---- checksums */

static void add_checksum(struct s3_probing *probing, enum s3_probe_known known,
                         enum s3_probe_verdict unfit, const char *found)
{
    bool uses = s3_probe_uses(probing, S3_TRAIT_CHECKSUMS);
    enum s3_probe_verdict verdict = uses && known == S3_LACKS ? unfit : S3_PROBE_OK;

    probing->traits[S3_TRAIT_CHECKSUMS] = known;
    s3_probe_expect(s3_probe_add(probing, S3_PROBE_CHECKSUM, verdict, "%s%s", found,
                                 uses ? "" : s3_probe_unused),
                    "%s", uses ? "refused" : "not used");
}

static void try_checksum(struct s3_probing *probing)
{
    struct s3_probe_part part = {.number = 1, .size = S3_PROBE_SMALL, .wrong_crc = true};
    char *key = s3_probe_key(probing, "aborted/checksum");
    struct s3_probe_create create = {.key = key, .checksum = true};
    struct s3_request request;
    struct err err = {0};
    char words[80];
    char found[160];
    struct s3_probe_begun *begun = s3_probe_create(probing, &create, &err);

    if (begun == NULL) {
        if (err.kind == ERR_TRANSIENT)
            (void)s3_probe_fail(probing, S3_PROBE_CHECKSUM, &err);
        else
            add_checksum(probing, S3_LACKS, S3_PROBE_FAILED,
                         "uploads with checksums are refused");
        goto cleanup;
    }
    part.key = key;
    part.id = begun->id;
    if (s3_probe_part(probing, &part, &request, &err) < 0) {
        (void)s3_probe_fail(probing, S3_PROBE_CHECKSUM, &err);
    } else if (s3_probe_is_success(&request)) {
        add_checksum(probing, S3_LACKS, S3_PROBE_WARNING, "accepted: it is not looked at");
    } else {
        snprintf(found, sizeof found, "refused (%s)", answer_text(&request, words));
        add_checksum(probing, S3_HAS, S3_PROBE_OK, found);
    }
    s3_request_release(&request);
    /* A failure shows at the end, when it is tried again. */
    begun->ended = s3_abort_upload(probing->client, key, begun->id, &err) == 0;
cleanup:
    free(key);
}

/* ---- */

static bool abort_it(struct s3_probing *probing, const struct s3_probe_part *part)
{
    struct s3_part_info *parts = NULL;
    size_t count = 0;
    bool absent = false;
    struct err err = {0};

    if (s3_abort_upload(probing->client, part->key, part->id, &err) < 0 ||
        s3_list_parts(probing->client, part->key, part->id, &parts, &count, &absent, &err) <
            0)
        (void)s3_probe_fail(probing, S3_PROBE_ABORT, &err);
    else if (!absent && count > 0)
        s3_probe_add(probing, S3_PROBE_ABORT, S3_PROBE_WARNING,
                     "%zu parts are still there afterwards", count);
    else
        s3_probe_add(probing, S3_PROBE_ABORT, S3_PROBE_OK, "nothing is left of it");
    free(parts);
    return err.kind == ERR_NONE;
}

static void try_parts(struct s3_probing *probing, const struct s3_probe_part *part,
                      struct s3_probe_begun *begun)
{
    struct s3_probe_part wrong = *part;

    s3_probe_add(probing, S3_PROBE_CREATE, S3_PROBE_OK, "accepted");
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
    begun->ended = abort_it(probing, part);
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

    if (result == 0) {
        part.id = begun->id;
        result = s3_probe_part(probing, &part, &request, &why);
        if (result == 0 && !s3_probe_is_success(&request))
            result = s3_probe_refused(probing, &request, &why);
        s3_request_release(&request);
    }
    if (result < 0)
        (void)s3_probe_fail(probing, S3_PROBE_CREATE, &why);
    else
        try_parts(probing, &part, begun);
    if (result == 0)
        try_checksum(probing);
    free(key);
    return cancel_check(s3_client_cancel(probing->client), err);
}
