/* Uploads into a directory. A thread of its own writes, so that a slow disk holds up
 * neither the other stores nor the stream; parts wait in a queue that the pool of buffers
 * bounds. */
#include "store/store_dir.h"

#include "base/memory.h"

#include <pthread.h>

struct waiting {
    struct part *part;
    struct waiting *next;
};

struct dir_upload {
    struct store_upload upload;
    struct store_dir_file file; /* the thread's while parts are queued, else the caller's */
    uint64_t given;             /* bytes; caller only */
    bool running;               /* the thread was started; caller only */
    pthread_t thread;
    pthread_mutex_t lock; /* guards what follows */
    pthread_cond_t changed;
    struct waiting *first, **end;
    bool busy;   /* a part is being written */
    bool ending; /* the thread is to leave */
    uint64_t written;
    struct err failure; /* kind ERR_NONE: none */
};

/* What is to be written next; NULL: leave. Also says that the one before is done. */
static struct waiting *next_part(struct dir_upload *upload)
{
    struct waiting *waiting = NULL;
    pthread_mutex_lock(&upload->lock);
    upload->busy = false;
    pthread_cond_broadcast(&upload->changed);
    while (upload->first == NULL && !upload->ending)
        pthread_cond_wait(&upload->changed, &upload->lock);
    if (!upload->ending) {
        waiting = upload->first;
        upload->first = waiting->next;
        if (upload->first == NULL)
            upload->end = &upload->first;
        upload->busy = true;
    }
    pthread_mutex_unlock(&upload->lock);
    return waiting;
}

static void write_one(struct dir_upload *upload, const struct part *part)
{
    struct err err = {0};
    pthread_mutex_lock(&upload->lock);
    bool failed = upload->failure.kind != ERR_NONE;
    pthread_mutex_unlock(&upload->lock);
    /* After a failure the rest is only let go of: its buffers are wanted elsewhere. */
    if (failed)
        return;
    int result = store_dir_file_write(&upload->file, part->data, part->size, &err);
    pthread_mutex_lock(&upload->lock);
    if (result < 0)
        upload->failure = err;
    else
        upload->written += part->size;
    pthread_mutex_unlock(&upload->lock);
}

static void *write_parts(void *argument)
{
    struct dir_upload *upload = argument;
    for (struct waiting *waiting = next_part(upload); waiting != NULL;
         waiting = next_part(upload)) {
        write_one(upload, waiting->part);
        part_release(waiting->part);
        free(waiting);
    }
    return NULL;
}

static struct dir_upload *new_upload(struct store *store)
{
    struct dir_upload *upload = memory_zalloc(sizeof *upload);
    upload->upload.store = store;
    upload->file = (struct store_dir_file){.folder = -1, .fd = -1, .visible = true};
    upload->end = &upload->first;
    pthread_mutex_init(&upload->lock, NULL);
    pthread_cond_init(&upload->changed, NULL);
    return upload;
}

/* The handle is kept before the first byte is written: a crash in between leaves a row that
 * names nothing, not a file that nobody knows. */
static int start(struct dir_upload *upload, const struct store_upload_spec *spec,
                 struct err *err)
{
    char *handle = store_dir_file_handle(&upload->file);
    int result =
        spec->on_pending != NULL ? spec->on_pending(spec->context, handle, err) : 0;
    free(handle);
    if (result != 0)
        return -1;
    int error = pthread_create(&upload->thread, NULL, write_parts, upload);
    if (error != 0)
        return err_set(err, ERR_SYSTEM, "cannot start a thread: %s", strerror(error));
    upload->running = true;
    return 0;
}

struct store_upload *store_dir_upload_begin(struct store *store,
                                            const struct store_upload_spec *spec,
                                            struct err *err)
{
    struct dir_upload *upload = new_upload(store);
    char temp[STORE_DIR_TEMP_SIZE];
    snprintf(temp, sizeof temp, ".%s.part", spec->id);
    int result =
        ulid_is_valid(spec->id) ? 0 : err_set(err, ERR_STORE, "\"%s\" is no id", spec->id);
    if (result == 0)
        result = store_dir_file_create((struct store_dir *)store, spec->key, temp,
                                       &upload->file, err);
    if (result == 0 && start(upload, spec, err) == 0)
        return &upload->upload;
    (void)store_dir_upload_discard(&upload->upload);
    return NULL;
}

struct store_upload *store_dir_upload_resume(struct store *store,
                                             const struct store_upload_spec *spec,
                                             const char *handle, uint64_t *offset,
                                             unsigned *next_number, struct err *err)
{
    struct dir_upload *upload = new_upload(store);
    const char *temp = store_dir_leaf(handle);
    size_t folder = (size_t)(temp - handle);
    bool beside = folder == (size_t)(store_dir_leaf(spec->key) - spec->key) &&
                  strncmp(handle, spec->key, folder) == 0 && store_dir_is_temp(temp);
    int result = beside ? store_dir_file_reopen((struct store_dir *)store, spec->key, temp,
                                                &upload->file, offset, err)
                        : err_set(err, ERR_NOT_FOUND, "\"%s\" is no upload of %s", handle,
                                  spec->key);
    if (result == 0 && start(upload, spec, err) == 0) {
        upload->given = upload->written = *offset;
        *next_number = 1;
        return &upload->upload;
    }
    upload->file.visible = true; /* what is there stays for the next try */
    (void)store_dir_upload_discard(&upload->upload);
    return NULL;
}

int store_dir_upload_part(struct store_upload *base, struct part *part, struct err *err)
{
    struct dir_upload *upload = (struct dir_upload *)base;
    int result = 0;
    if (part->offset != upload->given)
        return err_set(err, ERR_STORE, "part %u begins at byte %llu and not at %llu",
                       part->number, (unsigned long long)part->offset,
                       (unsigned long long)upload->given);
    pthread_mutex_lock(&upload->lock);
    if (upload->failure.kind != ERR_NONE) {
        *err = upload->failure;
        result = -1;
    } else {
        struct waiting *waiting = memory_zalloc(sizeof *waiting);
        waiting->part = part_ref(part);
        *upload->end = waiting;
        upload->end = &waiting->next;
        upload->given += part->size;
        pthread_cond_broadcast(&upload->changed);
    }
    pthread_mutex_unlock(&upload->lock);
    return result;
}

/* Until the queue is empty and nothing is being written. */
static int drain(struct dir_upload *upload, struct err *err)
{
    pthread_mutex_lock(&upload->lock);
    while (upload->first != NULL || upload->busy)
        pthread_cond_wait(&upload->changed, &upload->lock);
    bool failed = upload->failure.kind != ERR_NONE;
    if (failed)
        *err = upload->failure;
    pthread_mutex_unlock(&upload->lock);
    return failed ? -1 : 0;
}

int store_dir_upload_wait(struct store_upload *base, struct err *err)
{
    struct dir_upload *upload = (struct dir_upload *)base;
    if (drain(upload, err) < 0)
        return -1;
    /* A write that the kernel could not bring to disk is told by fsync, once. Remember it. */
    if (store_dir_file_sync(&upload->file, err) == 0)
        return 0;
    pthread_mutex_lock(&upload->lock);
    upload->failure = *err;
    pthread_mutex_unlock(&upload->lock);
    return -1;
}

int store_dir_upload_finish(struct store_upload *base, struct store_object *out,
                            struct err *err)
{
    struct dir_upload *upload = (struct dir_upload *)base;
    bool absent = false;
    if (store_dir_upload_wait(base, err) < 0 ||
        store_dir_file_commit(&upload->file, false, err) < 0)
        return -1;
    if (base->store->ops->stat(base->store, upload->file.key, out, &absent, err) < 0)
        return -1;
    if (absent || out->size != upload->given) {
        store_object_release(out);
        return err_set(err, ERR_CORRUPT, "%s is not the %llu bytes that were written",
                       upload->file.key, (unsigned long long)upload->given);
    }
    return 0;
}

static void end_thread(struct dir_upload *upload)
{
    pthread_mutex_lock(&upload->lock);
    upload->ending = true;
    pthread_cond_broadcast(&upload->changed);
    pthread_mutex_unlock(&upload->lock);
    if (upload->running)
        pthread_join(upload->thread, NULL);
}

bool store_dir_upload_discard(struct store_upload *base)
{
    struct dir_upload *upload = (struct dir_upload *)base;
    end_thread(upload);
    while (upload->first != NULL) {
        struct waiting *waiting = upload->first;
        upload->first = waiting->next;
        part_release(waiting->part);
        free(waiting);
    }
    bool clean = store_dir_file_release(&upload->file);
    pthread_cond_destroy(&upload->changed);
    pthread_mutex_destroy(&upload->lock);
    free(upload);
    return clean;
}

uint64_t store_dir_upload_sent(struct store_upload *base)
{
    struct dir_upload *upload = (struct dir_upload *)base;
    pthread_mutex_lock(&upload->lock);
    uint64_t written = upload->written;
    pthread_mutex_unlock(&upload->lock);
    return written;
}
