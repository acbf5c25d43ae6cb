#include "tests/support/memory_store.h"

#include "base/memory.h"
#include "store/store_ops.h"

enum { OBJECTS = 32, PARTS = 256, BYTES_MAX = 1 << 30 };

struct object {
    char *key; /* NULL: free */
    struct text bytes;
};

struct fault {
    unsigned left; /* steps until it fires; 0: none */
    char match[64];
    enum err_kind kind;
    bool did;
};

struct memory_store {
    struct store store;
    struct s3_part_rules rules;
    struct object objects[OBJECTS];
    struct memory_part parts[PARTS];
    size_t part_count;
    struct fault faults[MEMORY_STEPS];
    char refused[64]; /* "": nothing is */
    struct store_removed refusal;
    unsigned open;
};

struct memory_upload {
    struct store_upload upload;
    char *key;
    struct text bytes;
    bool done;
};

static struct memory_store *of(struct store *store)
{
    return (struct memory_store *)store;
}

/* Does this step fail now? *did: after it was carried out. */
static bool fails(struct store *store, enum memory_step step, const char *key, bool *did,
                  struct err *err)
{
    struct fault *fault = &of(store)->faults[step];
    *did = true;
    if (fault->left == 0 || strstr(key, fault->match) == NULL || --fault->left > 0)
        return false;
    fault->left = 1;
    *did = fault->did;
    err_set(err, fault->kind, "told to fail");
    return true;
}

static struct object *find(struct store *store, const char *key)
{
    struct memory_store *memory = of(store);
    for (size_t i = 0; i < OBJECTS; i++) {
        if (memory->objects[i].key != NULL && strcmp(memory->objects[i].key, key) == 0)
            return &memory->objects[i];
    }
    return NULL;
}

static void forget(struct object *object)
{
    if (object == NULL || object->key == NULL)
        return;
    free(object->key);
    object->key = NULL;
    text_release(&object->bytes);
}

static void set(struct store *store, const char *key, const void *data, size_t size)
{
    struct memory_store *memory = of(store);
    size_t i = 0;
    forget(find(store, key));
    while (memory->objects[i].key != NULL)
        i++;
    memory->objects[i].key = memory_strdup(key);
    text_init(&memory->objects[i].bytes, BYTES_MAX);
    text_add_bytes(&memory->objects[i].bytes, data, size);
}

static void close_store(struct store *store)
{
    for (size_t i = 0; i < OBJECTS; i++)
        forget(&of(store)->objects[i]);
    free(store->name);
    free(store);
}

static int check(struct store *store, bool create, int64_t timeout_ms, struct err *err)
{
    bool did;
    (void)create, (void)timeout_ms;
    return fails(store, MEMORY_CHECK, "", &did, err) ? -1 : 0;
}

static int put(struct store *store, const char *key, const void *data, size_t size,
               bool overwrite, struct err *err)
{
    bool did;
    bool failed = fails(store, MEMORY_PUT, key, &did, err);
    if (!failed && !overwrite && find(store, key) != NULL)
        return err_set(err, ERR_STORE, "%s is there already", key);
    if (did)
        set(store, key, data, size);
    return failed ? -1 : 0;
}

static int get(struct store *store, const char *key, struct text *out, bool *absent,
               struct err *err)
{
    const struct object *object = find(store, key);
    *absent = object == NULL;
    if (object != NULL)
        text_add_bytes(out, object->bytes.data, object->bytes.length);
    return text_check(out, key, err);
}

static int stat_object(struct store *store, const char *key, struct store_object *out,
                       bool *absent, struct err *err)
{
    const struct object *object = find(store, key);
    (void)err;
    *absent = object == NULL;
    if (object != NULL)
        *out =
            (struct store_object){.key = memory_strdup(key), .size = object->bytes.length};
    return 0;
}

static int remove_object(struct store *store, const char *key, struct store_removed *out,
                         struct err *err)
{
    bool did;
    const struct memory_store *memory = of(store);
    bool failed = fails(store, MEMORY_REMOVE, key, &did, err);
    if (!failed && memory->refused[0] != '\0' && strstr(key, memory->refused) != NULL) {
        *out = memory->refusal;
        return 0;
    }
    if (did)
        forget(find(store, key));
    out->result = failed ? STORE_REFUSED : STORE_GONE;
    return failed ? -1 : 0;
}

static struct store_upload *
upload_begin(struct store *store, const struct store_upload_spec *spec, struct err *err)
{
    if (spec->on_pending != NULL && spec->on_pending(spec->context, "handle", err) < 0)
        return NULL;
    struct memory_upload *upload = memory_zalloc(sizeof *upload);
    upload->upload.store = store;
    upload->key = memory_strdup(spec->key);
    text_init(&upload->bytes, BYTES_MAX);
    of(store)->open++;
    return &upload->upload;
}

static int upload_part(struct store_upload *base, struct part *part, struct err *err)
{
    struct memory_upload *upload = (struct memory_upload *)base;
    struct memory_store *memory = of(base->store);
    bool did;
    bool failed = fails(base->store, MEMORY_PART, upload->key, &did, err);
    if (memory->part_count < PARTS)
        memory->parts[memory->part_count++] =
            (struct memory_part){part->number, part->size, part->offset, part->last};
    if (did)
        text_add_bytes(&upload->bytes, part->data, part->size);
    return failed ? -1 : 0;
}

static int upload_wait(struct store_upload *base, struct err *err)
{
    bool did;
    return fails(base->store, MEMORY_WAIT, ((struct memory_upload *)base)->key, &did, err)
               ? -1
               : 0;
}

static int upload_finish(struct store_upload *base, struct store_object *out,
                         struct err *err)
{
    struct memory_upload *upload = (struct memory_upload *)base;
    bool did;
    bool failed = fails(base->store, MEMORY_FINISH, upload->key, &did, err);
    if (did) {
        set(base->store, upload->key, upload->bytes.data, upload->bytes.length);
        upload->done = true;
        of(base->store)->open--;
    }
    if (failed)
        return -1;
    out->size = upload->bytes.length;
    return 0;
}

static bool upload_discard(struct store_upload *base)
{
    struct memory_upload *upload = (struct memory_upload *)base;
    if (!upload->done)
        of(base->store)->open--;
    text_release(&upload->bytes);
    free(upload->key);
    free(upload);
    return true;
}

static int list_pending(struct store *store, const char *prefix, store_each_pending each,
                        void *context, struct err *err)
{
    (void)store, (void)prefix, (void)each, (void)context, (void)err;
    return 0;
}

static int abort_pending(struct store *store, const char *key, const char *handle,
                         struct err *err)
{
    (void)store, (void)key, (void)handle, (void)err;
    return 0;
}

static struct s3_part_rules part_rules(const struct store *store)
{
    return ((const struct memory_store *)store)->rules;
}

static const struct store_ops ops = {
    .type = "memory",
    .close = close_store,
    .check = check,
    .put = put,
    .get = get,
    .stat = stat_object,
    .remove = remove_object,
    .upload_begin = upload_begin,
    .upload_part = upload_part,
    .upload_wait = upload_wait,
    .upload_finish = upload_finish,
    .upload_discard = upload_discard,
    .list_pending = list_pending,
    .abort_pending = abort_pending,
    .part_rules = part_rules,
};

struct store *memory_store_new(const char *name, const struct s3_part_rules *rules)
{
    struct memory_store *memory = memory_zalloc(sizeof *memory);
    memory->store.ops = &ops;
    memory->store.name = memory_strdup(name);
    if (rules != NULL)
        memory->rules = *rules;
    return &memory->store;
}

void memory_store_fail(struct store *store, enum memory_step step, unsigned n,
                       const char *match, enum err_kind kind, bool did)
{
    struct fault *fault = &of(store)->faults[step];
    *fault = (struct fault){.left = n, .kind = kind, .did = did};
    snprintf(fault->match, sizeof fault->match, "%s", match);
}

void memory_store_refuse(struct store *store, const char *match, enum store_removal result,
                         int64_t until)
{
    struct memory_store *memory = of(store);
    snprintf(memory->refused, sizeof memory->refused, "%s", match);
    memory->refusal =
        (struct store_removed){.result = result, .locked_until = until, .reason = "no"};
}

void memory_store_heal(struct store *store)
{
    memset(of(store)->faults, 0, sizeof of(store)->faults);
    of(store)->refused[0] = '\0';
}

bool memory_store_has(struct store *store, const char *key)
{
    return find(store, key) != NULL;
}

size_t memory_store_count(struct store *store)
{
    size_t count = 0;
    for (size_t i = 0; i < OBJECTS; i++)
        count += of(store)->objects[i].key != NULL;
    return count;
}

const struct text *memory_store_bytes(struct store *store, const char *key)
{
    const struct object *object = find(store, key);
    return object != NULL ? &object->bytes : NULL;
}

void memory_store_drop(struct store *store, const char *key)
{
    forget(find(store, key));
}

unsigned memory_store_open_uploads(struct store *store)
{
    return of(store)->open;
}

size_t memory_store_parts(struct store *store, const struct memory_part **parts)
{
    *parts = of(store)->parts;
    return of(store)->part_count;
}
