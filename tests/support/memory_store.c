#define _GNU_SOURCE /* MAP_ANONYMOUS, MAP_NORESERVE */
#include "base/memory.h"
#include "tests/support/memory_store_internal.h"

#include <sys/mman.h>

struct memory_download {
    struct store_download download;
    char *key;
    uint64_t at, end, size;
};

static bool holds(struct store *store, const struct memory_object *object, const void *data,
                  size_t size)
{
    return object->size == size &&
           memcmp(memory_vault(store)->bytes + object->at, data, size) == 0;
}

/* ---- objects ---- */

static void close_store(struct store *store)
{
    struct memory_store *memory = memory_of(store);
    if (--memory->references > 0)
        return;
    if (!memory->borrowed)
        munmap(memory->vault, MEMORY_VAULT_SIZE);
    text_release(&memory->view);
    free(store->name);
    free(memory);
}

static struct store *cleaner(struct store *store)
{
    struct memory_store *other = memory_zalloc(sizeof *other);
    *other = *memory_of(store);
    other->store.ops = &other->ops;
    other->store.name = memory_strdup(store->name);
    other->references = 1;
    other->cleaning = other->borrowed = true;
    text_init(&other->view, MEMORY_VAULT_SIZE);
    return &other->store;
}

static int64_t clock_offset(struct store *store, bool *known)
{
    *known = memory_of(store)->has_clock;
    return memory_of(store)->clock_offset;
}

static int check(struct store *store, bool create, int64_t timeout_ms, struct err *err)
{
    (void)create, (void)timeout_ms;
    return memory_step_end(memory_step_begin(store, MEMORY_CHECK, "", err));
}

static int put(struct store *store, const struct store_put *put, struct err *err)
{
    struct memory_outcome outcome = memory_step_begin(store, MEMORY_PUT, put->key, err);
    struct memory_object *object = memory_find(store, put->key);
    bool same = object != NULL && memory_is_bucket(store) &&
                holds(store, object, put->data, put->size);
    if (!outcome.failed && !put->overwrite && object != NULL && !same)
        return err_set(err, ERR_STORE, "%s is there already", put->key);
    if (outcome.did) {
        object = memory_set(store, put->key);
        object->at = memory_keep(memory_vault(store), put->data, put->size);
        object->size = put->size;
    }
    return memory_step_end(outcome);
}

static int get(struct store *store, const char *key, struct text *out, bool *absent,
               struct err *err)
{
    struct memory_outcome outcome = memory_step_begin(store, MEMORY_GET, key, err);
    const struct memory_object *object = memory_find(store, key);
    *absent = object == NULL;
    if (memory_step_end(outcome) < 0)
        return -1;
    if (object != NULL)
        text_add_bytes(out, memory_vault(store)->bytes + object->at, object->size);
    return text_check(out, key, err);
}

static int stat_object(struct store *store, const char *key, struct store_object *out,
                       bool *absent, struct err *err)
{
    struct memory_outcome outcome = memory_step_begin(store, MEMORY_STAT, key, err);
    const struct memory_object *object = memory_find(store, key);
    *absent = object == NULL;
    if (memory_step_end(outcome) < 0)
        return -1;
    if (object != NULL)
        *out = (struct store_object){
            .key = memory_strdup(key), .size = object->size, .modified = object->modified};
    return 0;
}

/* What comes and goes meanwhile, by the hand of `each`, may be in it or not. */
static int list(struct store *store, const char *prefix, store_each each, void *context,
                struct err *err)
{
    int result = memory_step_end(memory_step_begin(store, MEMORY_LIST, prefix, err));
    char after[MEMORY_KEY_SIZE] = "";
    const struct memory_object *object;
    while (result == 0 && (object = memory_next_object(store, after)) != NULL) {
        snprintf(after, sizeof after, "%s", object->key);
        const struct store_object shown = {
            .key = after, .size = object->size, .modified = object->modified};
        if (store_prefix_matches(prefix, after))
            result = each(context, &shown, err);
    }
    return result;
}

static int remove_object(struct store *store, const char *key, struct store_removed *out,
                         struct err *err)
{
    struct memory_vault *vault = memory_vault(store);
    struct memory_outcome outcome = memory_step_begin(store, MEMORY_REMOVE, key, err);
    if (!outcome.failed && vault->refused[0] != '\0' && strstr(key, vault->refused)) {
        *out = vault->refusal;
        return 0;
    }
    if (outcome.did)
        memory_store_drop(store, key);
    out->result = outcome.failed ? STORE_REFUSED : STORE_GONE;
    return memory_step_end(outcome);
}

static struct store_part_rules part_rules(const struct store *store)
{
    return ((const struct memory_store *)store)->rules;
}

/* ---- downloads ---- */

static struct store_download *download_begin(struct store *store, const char *key,
                                             uint64_t offset, uint64_t length,
                                             struct err *err)
{
    const struct memory_object *object = memory_find(store, key);
    if (memory_step_end(memory_step_begin(store, MEMORY_DOWNLOAD, key, err)) < 0)
        return NULL;
    if (object == NULL || offset > object->size) {
        err_set(err, ERR_NOT_FOUND, "%s is not there", key);
        return NULL;
    }
    struct memory_download *download = memory_zalloc(sizeof *download);
    uint64_t rest = object->size - offset;
    download->download.store = store;
    download->key = memory_strdup(key);
    download->size = object->size;
    download->at = object->at + offset;
    download->end = download->at + (length == 0 || length > rest ? rest : length);
    return &download->download;
}

static uint64_t download_size(const struct store_download *base)
{
    return ((const struct memory_download *)base)->size;
}

static ssize_t download_read(struct store_download *base, void *buffer, size_t size,
                             struct err *err)
{
    struct memory_download *download = (struct memory_download *)base;
    uint64_t left = download->end - download->at;
    if (memory_step_end(memory_step_begin(base->store, MEMORY_READ, download->key, err)) <
        0)
        return -1;
    size_t now = size < left ? size : (size_t)left;
    memcpy(buffer, memory_vault(base->store)->bytes + download->at, now);
    download->at += now;
    return (ssize_t)now;
}

static void download_free(struct store_download *base)
{
    free(((struct memory_download *)base)->key);
    free(base);
}

/* ---- the handle ---- */

static const struct store_ops ops = {
    .type = "memory",
    .close = close_store,
    .check = check,
    .cleaner = cleaner,
    .clock_offset = clock_offset,
    .put = put,
    .get = get,
    .stat = stat_object,
    .list = list,
    .remove = remove_object,
    .upload_begin = memory_upload_begin,
    .upload_resume = memory_upload_resume,
    .upload_part = memory_upload_part,
    .upload_wait = memory_upload_wait,
    .upload_finish = memory_upload_finish,
    .upload_discard = memory_upload_discard,
    .list_pending = memory_list_pending,
    .abort_pending = memory_abort_pending,
    .download_begin = download_begin,
    .download_size = download_size,
    .download_read = download_read,
    .download_free = download_free,
    .part_rules = part_rules,
};

struct store *memory_store_new(const char *name, const struct store_part_rules *rules)
{
    struct memory_store *memory = memory_zalloc(sizeof *memory);
    memory->vault = mmap(NULL, MEMORY_VAULT_SIZE, PROT_READ | PROT_WRITE,
                         MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory->vault == MAP_FAILED)
        memory_full("stores");
    memory->ops = ops;
    memory->store.ops = &memory->ops;
    memory->store.name = memory_strdup(name);
    memory->references = 1;
    text_init(&memory->view, MEMORY_VAULT_SIZE);
    if (rules != NULL)
        memory->rules = *rules;
    return &memory->store;
}

void memory_store_set_type(struct store *store, const char *type)
{
    memory_of(store)->ops.type = type;
}

void memory_store_set_clock(struct store *store, int64_t offset)
{
    memory_of(store)->has_clock = true;
    memory_of(store)->clock_offset = offset;
}

void memory_store_set_rules(struct store *store, const struct store_part_rules *rules)
{
    memory_of(store)->rules = rules != NULL ? *rules : (struct store_part_rules){0};
}

struct store *memory_store_share(struct store *store)
{
    memory_of(store)->references++;
    return store;
}
