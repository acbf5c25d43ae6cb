/*
 * s3 - the S3 client alone, for integration tests, measurements and trying services out:
 *
 *     s3 put KEY <DATA        parts in flight; prints size, ETag, parts' size
 *     s3 get KEY [OFFSET LENGTH] >DATA
 *     s3 head KEY | list PREFIX | delete KEY | uploads PREFIX | parts KEY ID | abort KEY ID
 *     s3 presign KEY SECONDS
 *
 * Environment: S3_BUCKET, S3_ENDPOINT, S3_PROVIDER, S3_STYLE (path, virtual), S3_SIGNING,
 * S3_ESTIMATE (bytes of the stream), S3_MEMORY (MiB of part buffers, 96), S3_PARALLEL and
 * S3_RANGE (of get), S3_RETRY_MS, S3_LIMIT_RATE, S3_MAX_PARTS, S3_SSE, S3_SSE_C_KEY_FILE,
 * S3_STORAGE_CLASS; keys as everywhere (s3/credentials.h).
 */
#define _GNU_SOURCE /* F_SETPIPE_SZ */
#include "s3/s3.h"
#include "session/exit_status.h"

#include "base/cancel.h"
#include "base/digest.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/parse.h"
#include "store/store_parts.h"

#include <fcntl.h>
#include <sys/random.h>
#include <unistd.h>

static int64_t number(const char *name, int64_t default_value)
{
    const char *text = getenv(name);
    struct err err = {0};
    int64_t value;

    if (text == NULL || *text == '\0')
        return default_value;
    if (parse_int(text, 0, INT64_MAX, &value, &err) < 0) {
        fprintf(stderr, "s3: %s: %s\n", name, err.text);
        exit(2);
    }
    return value;
}

static struct s3_client *connect_client(struct err *err)
{
    const char *style = getenv("S3_STYLE");
    struct s3_config config;

    s3_config_init(&config);
    config.endpoint = getenv("S3_ENDPOINT");
    config.bucket = getenv("S3_BUCKET");
    config.provider = getenv("S3_PROVIDER");
    config.payload_signing = getenv("S3_SIGNING");
    config.style = style == NULL                   ? S3_STYLE_AUTO
                   : strcmp(style, "virtual") == 0 ? S3_STYLE_VIRTUAL
                                                   : S3_STYLE_PATH;
    config.retry_time_ms = number("S3_RETRY_MS", 0);
    config.limit_rate = (uint64_t)number("S3_LIMIT_RATE", 0);
    config.sse_c_key_file = getenv("S3_SSE_C_KEY_FILE");
    config.sse = getenv("S3_SSE");
    config.storage_class = getenv("S3_STORAGE_CLASS");
    config.max_parts = (unsigned)number("S3_MAX_PARTS", 0);
    return s3_client_new(&config, err);
}

/* ---- put ---- */

struct feed {
    struct store_part_rules rules;
    uint64_t estimate, memory;
    struct part_pool *pool;
    size_t part_size;
    uint64_t offset;
    unsigned number;
};

static size_t buffers(const struct feed *feed, uint64_t size)
{
    uint64_t count = feed->memory / size;

    return count < 2 ? 2 : count > 16 ? 16 : (size_t)count;
}

static struct part *next_part(struct feed *feed, struct err *err)
{
    uint64_t size = store_parts_size(&feed->rules, feed->estimate, feed->number + 1);

    if (size == 0) {
        err_set(err, ERR_STORE, "the stream is too long for this service");
        return NULL;
    }
    if (feed->pool == NULL)
        feed->pool = part_pool_new(buffers(feed, size), size, NULL, err);
    else if (size != feed->part_size)
        part_pool_resize(feed->pool, buffers(feed, size), size);
    feed->part_size = size;
    struct part *part = feed->pool != NULL ? part_pool_get(feed->pool, err) : NULL;
    if (part == NULL)
        return NULL;
    part->number = ++feed->number;
    part->offset = feed->offset;
    return part;
}

/* Fills the part to the brim: a short read is not the end. */
static int fill(struct part *part, struct err *err)
{
    while (part->size < part->capacity) {
        ssize_t n =
            read(STDIN_FILENO, part->data + part->size, part->capacity - part->size);
        if (n < 0)
            return err_errno(err, ERR_SYSTEM, "standard input");
        if (n == 0) {
            part->last = true;
            return 0;
        }
        part->size += (size_t)n;
    }
    return 0;
}

static int feed_all(struct feed *feed, struct s3_upload *upload, struct err *err)
{
    bool last = false;

    while (!last) {
        struct part *part = next_part(feed, err);
        if (part == NULL)
            return -1;
        int result = fill(part, err);
        last = part->last;
        feed->offset += part->size;
        if (result == 0 && (part->size > 0 || part->number == 1))
            result = s3_upload_part(upload, part, err);
        part_release(part);
        if (result < 0)
            return -1;
    }
    return 0;
}

static int say_upload_id(void *context, const char *upload_id, struct err *err)
{
    (void)context;
    (void)err;
    fprintf(stderr, "upload %s\n", upload_id);
    return 0;
}

static void print_object(const struct s3_object *object)
{
    printf("%llu %lld %s %s\n", (unsigned long long)object->size,
           (long long)object->modified, object->etag != NULL ? object->etag : "-",
           object->key);
}

static int put(struct s3_client *client, char **argv, struct err *err)
{
    struct s3_upload_spec spec = {.key = argv[0],
                                  .content_type = "application/octet-stream",
                                  .on_upload_id = say_upload_id};
    struct s3_part_rules rules = s3_client_part_rules(client);
    struct feed feed = {
        .rules = {rules.min_size, rules.max_size, rules.max_parts, rules.uniform},
        .estimate = (uint64_t)number("S3_ESTIMATE", 0),
        .memory = (uint64_t)number("S3_MEMORY", 96) << 20};
    struct s3_object object;
    unsigned char token[16];

    if (getrandom(token, sizeof token, 0) != (ssize_t)sizeof token)
        return err_errno(err, ERR_SYSTEM, "getrandom");
    digest_hex(token, sizeof token, spec.token);
    (void)fcntl(STDIN_FILENO, F_SETPIPE_SZ, 1 << 20);
    struct s3_upload *upload = s3_upload_begin(client, &spec, err);
    if (upload == NULL)
        return -1;
    int result = feed_all(&feed, upload, err);
    if (result == 0)
        result = s3_upload_finish(upload, &object, err);
    if (result == 0) {
        fprintf(stderr, "%u parts of up to %zu bytes, waited %lld ms for buffers\n",
                feed.number, feed.part_size, (long long)part_pool_waited_ms(feed.pool));
        print_object(&object);
        s3_object_release(&object);
    }
    s3_upload_free(upload);
    part_pool_free(feed.pool);
    return result;
}

/* ---- the others ---- */

static int copy_out(struct s3_download *download, struct err *err)
{
    size_t size = 1 << 20;
    unsigned char *buffer = memory_alloc(size);
    ssize_t n;

    while ((n = s3_download_read(download, buffer, size, err)) > 0)
        if (file_write_all(STDOUT_FILENO, buffer, (size_t)n) < 0) {
            n = err_errno(err, ERR_SYSTEM, "standard output");
            break;
        }
    free(buffer);
    return n < 0 ? -1 : 0;
}

static int get(struct s3_client *client, char **argv, struct err *err)
{
    struct s3_download_spec spec = {.key = argv[0],
                                    .parallel = (unsigned)number("S3_PARALLEL", 0),
                                    .range_size = (size_t)number("S3_RANGE", 0)};
    int64_t offset = 0, length = 0;

    if (argv[1] != NULL &&
        (argv[2] == NULL || parse_int(argv[1], 0, INT64_MAX, &offset, err) < 0 ||
         parse_int(argv[2], 0, INT64_MAX, &length, err) < 0))
        return err_set(err, ERR_USAGE, "get KEY OFFSET LENGTH");
    spec.offset = (uint64_t)offset;
    spec.length = (uint64_t)length;
    struct s3_download *download = s3_download_begin(client, &spec, err);
    int result = download != NULL ? copy_out(download, err) : -1;
    s3_download_free(download);
    return result;
}

static int head(struct s3_client *client, char **argv, struct err *err)
{
    struct s3_object object;
    bool absent;

    if (s3_head(client, argv[0], &object, &absent, err) < 0)
        return -1;
    if (absent)
        return err_set(err, ERR_NOT_FOUND, "\"%s\" does not exist", argv[0]);
    print_object(&object);
    s3_object_release(&object);
    return 0;
}

static int print_each(void *context, const struct s3_object *object, struct err *err)
{
    (void)context;
    (void)err;
    print_object(object);
    return 0;
}

static int list(struct s3_client *client, char **argv, struct err *err)
{
    return s3_list(client, argv[0], print_each, NULL, err);
}

static int delete_key(struct s3_client *client, char **argv, struct err *err)
{
    struct s3_delete deletion = {.key = argv[0]};

    if (s3_delete(client, &deletion, err) < 0)
        return -1;
    if (deletion.result != S3_REMOVED)
        return err_set(err, ERR_DENIED, "not removed: %s", deletion.reason);
    return 0;
}

static int print_pending(void *context, const struct s3_unfinished *pending,
                         struct err *err)
{
    (void)context;
    (void)err;
    printf("%s %lld %s\n", pending->upload_id, (long long)pending->initiated, pending->key);
    return 0;
}

static int uploads(struct s3_client *client, char **argv, struct err *err)
{
    return s3_list_uploads(client, argv[0], print_pending, NULL, err);
}

static int parts(struct s3_client *client, char **argv, struct err *err)
{
    struct s3_parts found;

    if (s3_list_parts(client, argv[0], argv[1], &found, err) < 0)
        return -1;
    if (found.absent)
        return err_set(err, ERR_NOT_FOUND, "no such upload");
    for (size_t i = 0; i < found.count; i++)
        printf("%u %llu %s\n", found.items[i].number,
               (unsigned long long)found.items[i].size, found.items[i].etag);
    free(found.items);
    return 0;
}

static int abort_one(struct s3_client *client, char **argv, struct err *err)
{
    return s3_abort_upload(client, argv[0], argv[1], err);
}

static int presign(struct s3_client *client, char **argv, struct err *err)
{
    int64_t seconds, expires;

    if (parse_int(argv[1], 1, INT32_MAX, &seconds, err) < 0)
        return -1;
    char *url = s3_presign(client, argv[0], seconds, &expires, err);
    if (url == NULL)
        return -1;
    puts(url);
    free(url);
    return 0;
}

static const struct command {
    const char *name;
    int arguments; /* at least */
    int (*run)(struct s3_client *client, char **argv, struct err *err);
} commands[] = {
    {"put", 1, put},     {"get", 1, get},           {"head", 1, head},
    {"list", 1, list},   {"delete", 1, delete_key}, {"uploads", 1, uploads},
    {"parts", 2, parts}, {"abort", 2, abort_one},   {"presign", 2, presign},
};

static int run(const struct command *command, char **argv, struct err *err)
{
    if (s3_global_init(err) < 0 || cancel_install(err) < 0)
        return -1;
    struct s3_client *client = connect_client(err);
    int result = client != NULL ? command->run(client, argv, err) : -1;
    s3_client_free(client);
    s3_global_release();
    return result;
}

int main(int argc, char **argv)
{
    struct err err = {0};

    for (size_t i = 0; argc > 1 && i < sizeof commands / sizeof *commands; i++) {
        const struct command *command = &commands[i];
        if (strcmp(argv[1], command->name) != 0 || argc < 2 + command->arguments)
            continue;
        if (run(command, argv + 2, &err) == 0)
            return 0;
        fprintf(stderr, "s3: %s\n", err.text);
        return exit_status_of(OUTCOME_FAILED, err.kind, NULL);
    }
    fprintf(stderr,
            "usage: s3 put|get|head|list|delete|uploads|parts|abort|presign KEY...\n");
    return 2;
}
