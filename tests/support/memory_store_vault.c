/* What a memory_store holds, and how it fails. */
#include "base/clock.h"
#include "base/memory.h"
#include "tests/support/memory_store_internal.h"

#include <pthread.h>
#include <signal.h>

const char *memory_step_name(enum memory_step step)
{
    static const char *const names[] = {
        "check",   "begin",   "resume",   "part", "wait", "finish",
        "discard", "pending", "abort",    "put",  "get",  "stat",
        "list",    "remove",  "download", "read", "any"};
    return names[step];
}

struct memory_store *memory_of(struct store *store)
{
    return (struct memory_store *)store;
}

struct memory_vault *memory_vault(struct store *store)
{
    return memory_of(store)->vault;
}

bool memory_is_bucket(const struct store *store)
{
    return strcmp(store->ops->type, "s3") == 0;
}

/* ---- faults ---- */

/* Does this rule say that the step fails now? */
static bool fires(struct store *store, struct memory_fault *fault, const char *key)
{
    if (fault->left == 0 || strstr(key, fault->match) == NULL ||
        (fault->kind == ERR_CANCELLED && memory_of(store)->cleaning) || --fault->left > 0)
        return false;
    fault->left = fault->once ? 0 : 1;
    memory_vault(store)->failed = true;
    return true;
}

/* Many small objects are fetched by several threads at once. */
static pthread_mutex_t counting = PTHREAD_MUTEX_INITIALIZER;

/* Once; what it does may use the store itself. */
static void call_hook(struct memory_hook *hook)
{
    pthread_mutex_lock(&counting);
    bool now = hook->left > 0 && --hook->left == 0;
    pthread_mutex_unlock(&counting);
    if (now)
        hook->then(hook->context);
}

struct memory_outcome memory_step_begin(struct store *store, enum memory_step step,
                                        const char *key, struct err *err)
{
    struct memory_vault *vault = memory_vault(store);
    struct memory_fault *rules[] = {&vault->faults[step], &vault->faults[MEMORY_ANY]};
    struct memory_outcome outcome = {.did = true};
    call_hook(&vault->hooks[step]);
    call_hook(&vault->hooks[MEMORY_ANY]);
    pthread_mutex_lock(&counting);
    vault->steps[step]++;
    vault->steps[MEMORY_ANY]++;
    for (size_t i = 0; i < 2; i++) {
        if (!fires(store, rules[i], key))
            continue;
        if (rules[i]->deadly && !rules[i]->did)
            (void)raise(SIGKILL);
        outcome.dies = outcome.dies || rules[i]->deadly;
        outcome.did = outcome.did && rules[i]->did;
        if (!rules[i]->deadly) {
            outcome.failed = true;
            err_set(err, rules[i]->kind, "told to fail (%s)", memory_step_name(step));
        }
    }
    pthread_mutex_unlock(&counting);
    return outcome;
}

int memory_step_end(struct memory_outcome outcome)
{
    if (outcome.dies)
        (void)raise(SIGKILL);
    return outcome.failed ? -1 : 0;
}

/* ---- what it holds ---- */

struct memory_object *memory_find(struct store *store, const char *key)
{
    struct memory_vault *vault = memory_vault(store);
    for (size_t i = 0; i < MEMORY_OBJECTS; i++) {
        if (vault->objects[i].key[0] != '\0' && strcmp(vault->objects[i].key, key) == 0)
            return &vault->objects[i];
    }
    return NULL;
}

void memory_full(const char *of_what)
{
    fprintf(stderr, "memory_store: no room for more %s\n", of_what);
    abort();
}

uint64_t memory_keep(struct memory_vault *vault, const void *data, size_t size)
{
    uint64_t at = vault->used;
    if (sizeof *vault + at + size > MEMORY_VAULT_SIZE)
        memory_full("bytes");
    if (size > 0)
        memcpy(vault->bytes + at, data, size);
    vault->used += size;
    return at;
}

struct memory_object *memory_set(struct store *store, const char *key)
{
    struct memory_vault *vault = memory_vault(store);
    struct memory_object *object = memory_find(store, key);
    for (size_t i = 0; object == NULL && i < MEMORY_OBJECTS; i++) {
        if (vault->objects[i].key[0] == '\0')
            object = &vault->objects[i];
    }
    if (object == NULL || strlen(key) >= MEMORY_KEY_SIZE)
        memory_full("objects");
    snprintf(object->key, sizeof object->key, "%s", key);
    object->at = vault->used;
    object->size = 0;
    object->modified = clock_now();
    return object;
}

/* Keys in order, as listings come. */
const struct memory_object *memory_next_object(struct store *store, const char *after)
{
    const struct memory_object *next = NULL;
    for (size_t i = 0; i < MEMORY_OBJECTS; i++) {
        const struct memory_object *object = &memory_vault(store)->objects[i];
        if (object->key[0] != '\0' && strcmp(object->key, after) > 0 &&
            (next == NULL || strcmp(object->key, next->key) < 0))
            next = object;
    }
    return next;
}

/* ---- what tests set and ask ---- */

static struct memory_fault *set_fault(struct store *store, enum memory_step step,
                                      unsigned n, const char *match, bool did)
{
    struct memory_fault *fault = &memory_vault(store)->faults[step];
    *fault = (struct memory_fault){.left = n, .did = did};
    snprintf(fault->match, sizeof fault->match, "%s", match);
    return fault;
}

void memory_store_fail(struct store *store, enum memory_step step, unsigned n,
                       const char *match, enum err_kind kind, bool did)
{
    set_fault(store, step, n, match, did)->kind = kind;
}

void memory_store_stumble(struct store *store, enum memory_step step, unsigned n,
                          const char *match, enum err_kind kind, bool did)
{
    struct memory_fault *fault = set_fault(store, step, n, match, did);
    fault->kind = kind;
    fault->once = true;
}

void memory_store_kill(struct store *store, enum memory_step step, unsigned n, bool did)
{
    set_fault(store, step, n, "", did)->deadly = true;
}

void memory_store_before(struct store *store, enum memory_step step, unsigned n,
                         void (*then)(void *context), void *context)
{
    memory_vault(store)->hooks[step] =
        (struct memory_hook){.left = n, .then = then, .context = context};
}

bool memory_store_failed(struct store *store)
{
    return memory_vault(store)->failed;
}

void memory_store_refuse(struct store *store, const char *match, enum store_removal result,
                         int64_t until)
{
    struct memory_vault *vault = memory_vault(store);
    snprintf(vault->refused, sizeof vault->refused, "%s", match);
    vault->refusal =
        (struct store_removed){.result = result, .locked_until = until, .reason = "no"};
}

void memory_store_heal(struct store *store)
{
    struct memory_vault *vault = memory_vault(store);
    memset(vault->faults, 0, sizeof vault->faults);
    memset(vault->hooks, 0, sizeof vault->hooks);
    vault->refused[0] = '\0';
    vault->failed = false;
}

bool memory_store_has(struct store *store, const char *key)
{
    return memory_find(store, key) != NULL;
}

size_t memory_store_count(struct store *store)
{
    size_t count = 0;
    for (size_t i = 0; i < MEMORY_OBJECTS; i++)
        count += memory_vault(store)->objects[i].key[0] != '\0';
    return count;
}

const char *memory_store_key(struct store *store, size_t i)
{
    const struct memory_object *object = memory_next_object(store, "");
    while (object != NULL && i-- > 0)
        object = memory_next_object(store, object->key);
    return object != NULL ? object->key : NULL;
}

const struct text *memory_store_bytes(struct store *store, const char *key)
{
    const struct memory_object *object = memory_find(store, key);
    struct text *view = &memory_of(store)->view;
    if (object == NULL)
        return NULL;
    text_clear(view);
    text_add_bytes(view, memory_vault(store)->bytes + object->at, object->size);
    return view;
}

unsigned memory_store_open_uploads(struct store *store)
{
    unsigned count = 0;
    for (size_t i = 0; i < MEMORY_UPLOADS; i++)
        count += memory_vault(store)->uploads[i].handle[0] != '\0';
    return count;
}

bool memory_store_upload(struct store *store, size_t i, struct store_pending *out)
{
    struct memory_unfinished *uploads = memory_vault(store)->uploads;
    for (size_t slot = 0; slot < MEMORY_UPLOADS; slot++) {
        struct memory_unfinished *upload = &uploads[slot];
        if (upload->handle[0] == '\0' || i-- > 0)
            continue;
        *out = (struct store_pending){.key = memory_is_bucket(store) ? upload->key
                                                                     : upload->handle,
                                      .handle = upload->handle,
                                      .initiated = upload->initiated};
        return true;
    }
    return false;
}

size_t memory_store_parts(struct store *store, const struct memory_part **parts)
{
    *parts = memory_vault(store)->parts;
    return memory_vault(store)->piece_count;
}

unsigned memory_store_steps(struct store *store, enum memory_step step)
{
    return memory_vault(store)->steps[step];
}

void memory_store_drop(struct store *store, const char *key)
{
    struct memory_object *object = memory_find(store, key);
    if (object != NULL)
        object->key[0] = '\0';
}

void memory_store_spoil(struct store *store, const char *key, uint64_t offset)
{
    const struct memory_object *object = memory_find(store, key);
    if (object != NULL && offset < object->size)
        memory_vault(store)->bytes[object->at + offset] ^= 1;
}

void memory_store_spoil_uploads(struct store *store, uint64_t offset)
{
    struct memory_vault *vault = memory_vault(store);
    for (size_t i = 0; i < vault->piece_count; i++) {
        const struct memory_piece *piece = &vault->pieces[i];
        if (piece->upload >= 0 && offset >= piece->part.offset &&
            offset - piece->part.offset < piece->part.size)
            vault->bytes[piece->at + offset - piece->part.offset] ^= 1;
    }
}

void memory_store_cut(struct store *store, const char *key, uint64_t size)
{
    struct memory_object *object = memory_find(store, key);
    if (object != NULL && size < object->size)
        object->size = size;
}

void memory_store_age(struct store *store, int64_t seconds)
{
    struct memory_vault *vault = memory_vault(store);
    for (size_t i = 0; i < MEMORY_OBJECTS; i++)
        vault->objects[i].modified -= seconds;
    for (size_t i = 0; i < MEMORY_UPLOADS; i++)
        vault->uploads[i].initiated -= seconds;
}
