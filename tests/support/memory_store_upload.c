/* Uploads of a memory_store: slots and pieces of its vault, until they are an object. */
#include "base/clock.h"
#include "base/memory.h"
#include "tests/support/memory_store_internal.h"

struct memory_upload {
    struct store_upload upload;
    char key[MEMORY_KEY_SIZE];
    int slot; /* in vault.uploads */
    bool done;
    uint64_t given;
};

static struct memory_upload *upload_new(struct store *store, int slot)
{
    struct memory_upload *upload = memory_zalloc(sizeof *upload);
    upload->upload.store = store;
    upload->slot = slot;
    memcpy(upload->key, memory_vault(store)->uploads[slot].key, sizeof upload->key);
    return upload;
}

static const char *key_of(struct store_upload *base)
{
    return ((struct memory_upload *)base)->key;
}

static int find_handle(struct store *store, const char *handle)
{
    for (int i = 0; i < MEMORY_UPLOADS; i++) {
        if (strcmp(memory_vault(store)->uploads[i].handle, handle) == 0)
            return i;
    }
    return -1;
}

/* Of an upload that is over: its slot and its pieces are free again. */
static void forget_upload(struct store *store, int slot)
{
    struct memory_vault *vault = memory_vault(store);
    vault->uploads[slot].handle[0] = '\0';
    for (size_t i = 0; i < vault->piece_count; i++) {
        if (vault->pieces[i].upload == slot)
            vault->pieces[i].upload = -1;
    }
}

static int begin_unfinished(struct store *store, const struct store_upload_spec *spec)
{
    int slot = find_handle(store, "");
    if (slot < 0 || strlen(spec->key) >= MEMORY_KEY_SIZE - 64)
        memory_full("uploads");
    struct memory_unfinished *upload = &memory_vault(store)->uploads[slot];
    const char *leaf = strrchr(spec->key, '/');
    snprintf(upload->key, sizeof upload->key, "%s", spec->key);
    char handle[MEMORY_KEY_SIZE];
    unsigned number = ++memory_vault(store)->handles;
    if (memory_is_bucket(store))
        snprintf(handle, sizeof handle, "upload-%u", number);
    else
        snprintf(handle, sizeof handle, "%.*s.%s.part",
                 leaf ? (int)(leaf + 1 - spec->key) : 0, spec->key, spec->id);
    /* A folder's of a try that is dead has that name already. */
    if (find_handle(store, handle) >= 0)
        snprintf(handle + strlen(handle) - strlen(".part"), 16, ".%08x.part", number);
    memcpy(upload->handle, handle, sizeof handle);
    upload->size = 0;
    upload->initiated = clock_now();
    return slot;
}

/* A bucket's upload is there before its handle can be told. One that fails to begin leaves
 * nothing, whatever the store had done by then. */
struct store_upload *memory_upload_begin(struct store *store,
                                         const struct store_upload_spec *spec,
                                         struct err *err)
{
    struct memory_outcome outcome = memory_step_begin(store, MEMORY_BEGIN, spec->key, err);
    if (outcome.failed)
        return NULL;
    int slot = begin_unfinished(store, spec);
    const char *handle = memory_vault(store)->uploads[slot].handle;
    if (memory_is_bucket(store))
        (void)memory_step_end(outcome);
    if (spec->on_pending != NULL && spec->on_pending(spec->context, handle, err) < 0) {
        forget_upload(store, slot);
        return NULL;
    }
    (void)memory_step_end(outcome);
    return &upload_new(store, slot)->upload;
}

struct store_upload *memory_upload_resume(struct store *store,
                                          const struct store_upload_spec *spec,
                                          const char *handle, struct store_resumed *at,
                                          struct err *err)
{
    struct memory_vault *vault = memory_vault(store);
    if (memory_step_end(memory_step_begin(store, MEMORY_RESUME, spec->key, err)) < 0)
        return NULL;
    int slot = find_handle(store, handle);
    if (slot < 0 || strcmp(vault->uploads[slot].key, spec->key) != 0) {
        err_set(err, ERR_NOT_FOUND, "\"%s\" is no upload of %s", handle, spec->key);
        return NULL;
    }
    if (spec->on_pending != NULL && spec->on_pending(spec->context, handle, err) < 0)
        return NULL;
    struct memory_upload *upload = upload_new(store, slot);
    upload->given = at->offset = vault->uploads[slot].size;
    for (size_t i = 0; memory_is_bucket(store) && i < vault->piece_count; i++)
        at->next_number += vault->pieces[i].upload == slot;
    return &upload->upload;
}

int memory_upload_part(struct store_upload *base, struct part *part, struct err *err)
{
    struct memory_upload *upload = (struct memory_upload *)base;
    struct memory_vault *vault = memory_vault(base->store);
    /* The first of a new one may stand for one that goes on. */
    if (part->offset != upload->given && upload->given != 0)
        return err_set(err, ERR_STORE, "part %u begins at byte %llu and not at %llu",
                       part->number, (unsigned long long)part->offset,
                       (unsigned long long)upload->given);
    struct memory_outcome outcome =
        memory_step_begin(base->store, MEMORY_PART, key_of(base), err);
    if (vault->piece_count == MEMORY_PARTS)
        memory_full("parts");
    struct memory_piece *piece = &vault->pieces[vault->piece_count];
    piece->part = vault->parts[vault->piece_count++] =
        (struct memory_part){part->number, part->size, part->offset, part->last};
    piece->upload = -1;
    upload->given = part->offset + part->size;
    if (outcome.did) {
        piece->upload = upload->slot;
        piece->at = memory_keep(vault, part->data, part->size);
        vault->uploads[upload->slot].size += part->size;
    }
    return memory_step_end(outcome);
}

int memory_upload_wait(struct store_upload *base, struct err *err)
{
    return memory_step_end(memory_step_begin(base->store, MEMORY_WAIT, key_of(base), err));
}

int memory_upload_finish(struct store_upload *base, struct store_object *out,
                         struct err *err)
{
    struct memory_upload *upload = (struct memory_upload *)base;
    struct memory_vault *vault = memory_vault(base->store);
    struct memory_outcome outcome =
        memory_step_begin(base->store, MEMORY_FINISH, key_of(base), err);
    if (!outcome.failed && memory_find(base->store, key_of(base)) != NULL)
        return err_set(err, ERR_STORE, "%s is there already", key_of(base));
    if (outcome.did) {
        struct memory_object *object = memory_set(base->store, key_of(base));
        for (size_t i = 0; i < vault->piece_count; i++) {
            const struct memory_piece *piece = &vault->pieces[i];
            if (piece->upload != upload->slot)
                continue;
            (void)memory_keep(vault, vault->bytes + piece->at, piece->part.size);
            object->size += piece->part.size;
        }
        out->size = object->size;
        if (memory_is_bucket(base->store) && !outcome.failed)
            out->etag = memory_format("\"%s\"", vault->uploads[upload->slot].handle);
        upload->done = true;
        forget_upload(base->store, upload->slot);
    }
    return memory_step_end(outcome);
}

bool memory_upload_discard(struct store_upload *base)
{
    struct memory_upload *upload = (struct memory_upload *)base;
    struct memory_outcome outcome = {.did = true};
    struct err ignored = {0};
    /* What undoes itself does so although the process is cancelled. */
    bool cleaning = memory_of(base->store)->cleaning;
    memory_of(base->store)->cleaning = true;
    if (!upload->done)
        outcome = memory_step_begin(base->store, MEMORY_DISCARD, key_of(base), &ignored);
    memory_of(base->store)->cleaning = cleaning;
    if (outcome.did && !upload->done)
        forget_upload(base->store, upload->slot);
    free(upload);
    return memory_step_end(outcome) == 0;
}

int memory_list_pending(struct store *store, const char *prefix, store_each_pending each,
                        void *context, struct err *err)
{
    int result = memory_step_end(memory_step_begin(store, MEMORY_PENDING, prefix, err));
    for (int i = 0; result == 0 && i < MEMORY_UPLOADS; i++) {
        struct memory_unfinished upload = memory_vault(store)->uploads[i];
        const struct store_pending shown = {.key = memory_is_bucket(store) ? upload.key
                                                                           : upload.handle,
                                            .handle = upload.handle,
                                            .initiated = upload.initiated};
        if (upload.handle[0] != '\0' && store_prefix_matches(prefix, shown.key))
            result = each(context, &shown, err);
    }
    return result;
}

int memory_abort_pending(struct store *store, const char *key, const char *handle,
                         struct err *err)
{
    struct memory_outcome outcome = memory_step_begin(store, MEMORY_ABORT, key, err);
    int slot = find_handle(store, handle);
    if (outcome.did && slot >= 0 && *handle != '\0')
        forget_upload(store, slot);
    return memory_step_end(outcome);
}
