#include "tests/support/s3_suite.h"

#include "base/memory.h"
#include "tests/support/s3_rig.h"

#include <signal.h>
#include <unistd.h>

#define TOKEN "0123456789abcdef0123456789abcdef"

struct s3_config s3_suite_config(const struct s3_suite *suite, const char *bucket)
{
    struct s3_config config;

    s3_config_init(&config);
    config.endpoint = suite->service.endpoint;
    config.region = suite->service.region;
    config.bucket = bucket;
    config.provider = suite->provider;
    config.access_key = suite->service.access_key;
    config.secret_key = suite->service.secret_key;
    config.ca_file = suite->service.ca_file;
    config.style = suite->service.virtual_host ? S3_STYLE_VIRTUAL : S3_STYLE_PATH;
    config.retry_time_ms = 20000; /* a claim that fails shall not take half an hour */
    return config;
}

struct s3_client *s3_suite_connect(struct s3_suite *suite, const char *bucket,
                                   struct text *answer)
{
    struct s3_config config = s3_suite_config(suite, bucket);
    struct err err = {0};
    struct s3_client *client = s3_client_new(&config, &err);

    if (client == NULL)
        s3_suite_failed(suite, &err, answer);
    return client;
}

void s3_suite_failed(struct s3_suite *suite, const struct err *err, struct text *answer)
{
    text_add(answer, err_kind_name(err->kind));
    snprintf(suite->note, sizeof suite->note, "%s", err->text);
}

bool s3_suite_result(struct s3_suite *suite, int result, const char *good,
                     const struct err *err, struct text *answer)
{
    if (result == 0)
        text_add(answer, good);
    else
        s3_suite_failed(suite, err, answer);
    return result == 0;
}

void s3_suite_ask(struct s3_suite *suite, const struct s3_raw *raw, struct text *answer)
{
    struct s3_raw_reply reply;

    s3_raw_ask(&suite->service, raw, &reply);
    s3_raw_words(&reply, answer);
    snprintf(suite->note, sizeof suite->note, "%.400s", reply.body.data);
    s3_raw_release(&reply);
}

bool s3_suite_put(struct s3_suite *suite, struct s3_client *client, const char *key,
                  const char *data, struct text *answer)
{
    struct s3_put put = {.key = key, .data = data, .size = strlen(data)};
    struct err err = {0};

    if (s3_put(client, &put, &err) == 0)
        return true;
    text_add(answer, "put: ");
    s3_suite_failed(suite, &err, answer);
    return false;
}

void s3_suite_delete(struct s3_suite *suite, struct s3_client *client, const char *key,
                     const char *version_id, struct text *answer)
{
    static const char *const words[] = {
        [S3_REMOVED] = "removed", [S3_LOCKED] = "locked", [S3_REFUSED] = "refused"};
    struct s3_delete deletion = {.key = key, .version_id = version_id};
    struct err err = {0};
    int result = s3_delete(client, &deletion, &err);

    if (s3_suite_result(suite, result, words[deletion.result], &err, answer) &&
        deletion.result != S3_REMOVED)
        snprintf(suite->note, sizeof suite->note, "%s", deletion.reason);
}

/* ---- uploads and what they left ---- */

struct s3_upload *s3_suite_begin(struct s3_client *client, const char *key, struct err *err)
{
    struct s3_upload_spec spec = {
        .key = key, .content_type = "application/gzip", .token = TOKEN};

    return s3_upload_begin(client, &spec, err);
}

static int give_one(struct s3_upload *upload, struct part *part, unsigned number,
                    size_t last, struct err *err)
{
    part->number = number;
    part->offset = (uint64_t)(number - 1) * S3_SUITE_PART;
    part->last = last > 0;
    part->size = part->last ? last : S3_SUITE_PART;
    s3_rig_fill(part->data, part->offset, part->size);
    return s3_upload_part(upload, part, err);
}

int s3_suite_give(struct s3_upload *upload, unsigned from, unsigned to, size_t last,
                  struct err *err)
{
    struct part_pool *pool = part_pool_new(2, S3_SUITE_PART, NULL, err);
    int result = pool != NULL ? 0 : -1;

    for (unsigned number = from; result == 0 && number <= to; number++) {
        struct part *part = part_pool_get(pool, err);
        if (part == NULL) {
            result = -1;
        } else {
            result = give_one(upload, part, number, number == to ? last : 0, err);
            part_release(part);
        }
    }
    /* All parts come back before the pool goes. */
    struct err ignored = {0};
    if (s3_upload_wait(upload, result == 0 ? err : &ignored) < 0)
        result = -1;
    part_pool_free(pool);
    return result;
}

static const char *compare_all(struct s3_download *download, uint64_t size, struct err *err)
{
    unsigned char *buffer = memory_alloc(1 << 20);
    const char *result = "same bytes";
    uint64_t at = 0;
    ssize_t n = 1;

    while (strcmp(result, "same bytes") == 0 &&
           (n = s3_download_read(download, buffer, 1 << 20, err)) > 0) {
        if (!s3_rig_matches(buffer, at, (size_t)n))
            result = "other bytes";
        at += (uint64_t)n;
    }
    free(buffer);
    if (n < 0)
        return NULL;
    return n == 0 && at != size ? "other length" : result;
}

void s3_suite_compare(struct s3_suite *suite, const char *key, uint64_t size,
                      struct text *answer)
{
    struct s3_download_spec spec = {.key = key, .range_size = 2 << 20};
    struct err err = {0};
    struct s3_download *download = s3_download_begin(suite->client, &spec, &err);
    const char *word = download != NULL ? compare_all(download, size, &err) : NULL;

    if (word != NULL)
        text_add(answer, word);
    else
        s3_suite_failed(suite, &err, answer);
    s3_download_free(download);
}

int s3_suite_die(struct s3_suite *suite, const char *key)
{
    struct err err = {0};
    struct s3_upload *upload = s3_suite_begin(suite->client, key, &err);

    if (upload == NULL || s3_suite_give(upload, 1, 2, 0, &err) < 0) {
        fprintf(stderr, "# %s\n", err.text);
        s3_upload_free(upload);
        return 1;
    }
    kill(getpid(), SIGKILL);
    return 1;
}
