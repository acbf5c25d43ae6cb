/*
 * store - one store alone, for integration tests and for trying places out:
 *
 *     store check | mark | put KEY | overwrite KEY| mark | put KEY | get KEY | list PREFIX
 * | remove KEY | pending PREFIX store upload KEY <DATA store leave KEY <DATA           sent
 * as if more followed, then gone without a word store resume KEY HANDLE <DATA   of the
 * whole, what is there already is passed over store abort KEY HANDLE | read KEY OFFSET
 * LENGTH
 *
 * Environment: PART_SIZE (5MiB), STORE_DIR, or S3_BUCKET, S3_PREFIX, S3_ENDPOINT,
 * S3_RETRY_MS; keys as everywhere. put takes its data from stdin; "overwrite KEY" is a put
 * that may. Exit status as pgkeep's.
 */
#include "store/store.h"
#include "session/exit_status.h"

#include "base/file.h"
#include "base/memory.h"
#include "base/parse.h"
#include "s3/s3.h"

#define ID "01KC1E5T00ABCDEFGHJKMNPQRS"

enum { PART_SIZE = 5 << 20, PARTS = 4, CEILING = 64 << 20 };

struct call {
    struct store *store;
    char **args; /* behind the command; NULL-terminated */
    struct part_pool *pool;
    uint64_t part_size;
};

static struct store *open_store(struct err *err)
{
    const char *folder = getenv("STORE_DIR");
    const char *retry = getenv("S3_RETRY_MS");
    struct s3_config config;
    s3_config_init(&config);
    config.endpoint = getenv("S3_ENDPOINT");
    config.bucket = getenv("S3_BUCKET");
    config.prefix = getenv("S3_PREFIX");
    config.style = S3_STYLE_PATH;
    if (retry != NULL && parse_int(retry, 1, INT64_MAX, &config.retry_time_ms, err) < 0)
        return NULL;
    return folder != NULL ? store_open_dir("test", folder, err)
                          : store_open_s3("test", &config, err);
}

static int check(struct call *call, struct err *err)
{
    return store_check(call->store, true, 15000, err);
}

static int mark(struct call *call, struct err *err)
{
    char uuid[37] = "";
    int result = store_mark(call->store, uuid, err);
    if (result == 0)
        printf("%s\n", uuid);
    return result;
}

static int put_as(struct call *call, bool overwrite, struct err *err)
{
    struct text text;
    text_init(&text, CEILING);
    int result = file_read("/dev/stdin", &text, NULL, err);
    if (result == 0)
        result = (overwrite ? store_put : store_put_new)(call->store, call->args[0],
                                                         text.data, text.length, err);
    text_release(&text);
    return result;
}

static int get(struct call *call, struct err *err)
{
    struct text text;
    bool absent = false;
    text_init(&text, CEILING);
    int result = store_get(call->store, call->args[0], &text, &absent, err);
    if (result == 0 && absent)
        result = err_set(err, ERR_NOT_FOUND, "%s is absent", call->args[0]);
    else if (result == 0)
        fwrite(text.data, 1, text.length, stdout);
    text_release(&text);
    return result;
}

static int print_object(void *context, const struct store_object *object, struct err *err)
{
    (void)context;
    (void)err;
    printf("%s\t%llu\n", object->key, (unsigned long long)object->size);
    return 0;
}

static int list(struct call *call, struct err *err)
{
    return store_list(call->store, call->args[0], print_object, NULL, err);
}

static int print_pending(void *context, const struct store_pending *pending,
                         struct err *err)
{
    (void)context;
    (void)err;
    printf("%s\t%s\n", pending->key, pending->handle);
    return 0;
}

static int pending(struct call *call, struct err *err)
{
    return store_list_pending(call->store, call->args[0], print_pending, NULL, err);
}

static int remove_key(struct call *call, struct err *err)
{
    static const char *const words[] = {
        [STORE_GONE] = "gone", [STORE_LOCKED] = "locked", [STORE_REFUSED] = "refused"};
    struct store_removed removed;
    int result = store_remove(call->store, call->args[0], &removed, err);
    if (result == 0)
        printf("%s %lld %s\n", words[removed.result], (long long)removed.locked_until,
               removed.reason);
    return result;
}

static int put(struct call *call, struct err *err)
{
    return put_as(call, false, err);
}

static int overwrite(struct call *call, struct err *err)
{
    return put_as(call, true, err);
}

/* stdin as parts. The last one is known by what does not follow it. */
static int give_parts(struct call *call, struct store_upload *upload, uint64_t offset,
                      unsigned number, struct err *err)
{
    for (bool last = false; !last; number++) {
        struct part *part = part_pool_get(call->pool, err);
        if (part == NULL)
            return -1;
        part->size = fread(part->data, 1, call->part_size, stdin);
        int next = getc(stdin);
        last = ungetc(next, stdin) == EOF;
        part->offset = offset;
        part->number = number;
        part->last = last && call->args[0] != NULL;
        offset += part->size;
        int result = store_upload_part(upload, part, err);
        part_release(part);
        if (result < 0)
            return -1;
    }
    return 0;
}

static struct store_upload_spec make_spec(const struct call *call)
{
    return (struct store_upload_spec){
        .key = call->args[0], .content_type = "application/gzip", .id = ID};
}

static int finish(struct store_upload *upload, struct err *err)
{
    struct store_object object;
    if (store_upload_finish(upload, &object, err) < 0)
        return -1;
    printf("%llu\n", (unsigned long long)object.size);
    store_object_release(&object);
    return 0;
}

static int upload(struct call *call, struct err *err)
{
    struct store_upload_spec spec = make_spec(call);
    struct store_upload *upload = store_upload_begin(call->store, &spec, err);
    int result = upload == NULL ? -1 : give_parts(call, upload, 0, 1, err);
    if (result == 0)
        result = finish(upload, err);
    store_upload_free(upload);
    return result;
}

static int leave(struct call *call, struct err *err)
{
    struct store_upload_spec spec = make_spec(call);
    struct store_upload *upload = store_upload_begin(call->store, &spec, err);
    call->args[0] = NULL; /* no part is the last */
    if (upload == NULL || give_parts(call, upload, 0, 1, err) < 0 ||
        store_upload_wait(upload, err) < 0)
        return -1;
    _Exit(0);
}

static int resume(struct call *call, struct err *err)
{
    struct store_upload_spec spec = make_spec(call);
    struct store_resumed at;
    struct store_upload *upload =
        store_upload_resume(call->store, &spec, call->args[1], &at, err);
    for (uint64_t i = 0; upload != NULL && i < at.offset; i++)
        (void)getc(stdin);
    int result =
        upload == NULL ? -1 : give_parts(call, upload, at.offset, at.next_number, err);
    if (result == 0)
        result = finish(upload, err);
    store_upload_free(upload);
    return result;
}

static int abort_one(struct call *call, struct err *err)
{
    return store_abort_pending(call->store, call->args[0], call->args[1], err);
}

static int read_range(struct call *call, struct err *err)
{
    static char buffer[1 << 20];
    int64_t offset = 0, length = 0;
    ssize_t got = -1;
    if (parse_int(call->args[1], 0, INT64_MAX, &offset, err) < 0 ||
        parse_int(call->args[2], 0, INT64_MAX, &length, err) < 0)
        return -1;
    struct store_download *download = store_download_begin(
        call->store, call->args[0], (uint64_t)offset, (uint64_t)length, err);
    while (download != NULL &&
           (got = store_download_read(download, buffer, sizeof buffer, err)) > 0)
        fwrite(buffer, 1, (size_t)got, stdout);
    store_download_free(download);
    return (int)got;
}

static const struct {
    const char *name;
    int args;
    int (*run)(struct call *call, struct err *err);
} commands[] = {
    {"check", 0, check},         {"mark", 0, mark},       {"put", 1, put},
    {"overwrite", 1, overwrite}, {"get", 1, get},         {"list", 1, list},
    {"remove", 1, remove_key},   {"upload", 1, upload},   {"leave", 1, leave},
    {"resume", 2, resume},       {"abort", 2, abort_one}, {"pending", 1, pending},
    {"read", 3, read_range},
};

static int run(struct call *call, const char *name, int args, struct err *err)
{
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
        if (strcmp(commands[i].name, name) == 0 && commands[i].args == args)
            return commands[i].run(call, err);
    }
    return err_set(err, ERR_USAGE, "no command %s with %d arguments", name, args);
}

int main(int argc, char **argv)
{
    const char *size = getenv("PART_SIZE");
    struct err err = {0};
    struct call call = {.args = argv + 2, .part_size = PART_SIZE};
    int result = argc < 2 ? err_set(&err, ERR_USAGE, "no command") : s3_global_init(&err);
    if (result == 0 && size != NULL)
        result = parse_size(size, &call.part_size, &err);
    if (result == 0) {
        call.store = open_store(&err);
        call.pool = part_pool_new(PARTS, call.part_size, NULL, &err);
        result = call.store == NULL ? -1 : run(&call, argv[1], argc - 2, &err);
        store_close(call.store);
        part_pool_free(call.pool);
    }
    if (result < 0)
        (void)fprintf(stderr, "%s\n", err.text);
    s3_global_release();
    return result < 0 ? exit_status_of(OUTCOME_FAILED, err.kind, NULL) : 0;
}
