/*
 * Uploads into a directory. A thread of its own writes, so that a slow disk holds up
 * neither the other stores nor the stream.
 */
#include "store/store_dir.h"

#include "base/chan.h"
#include "base/memory.h"
#include "base/thread.h"

#include <assert.h>

/* More than any pool of buffers has (copy/fanout.h: 16), so that a part never waits to be
 * queued. */
enum { QUEUE = 64 };

struct dir_upload {
    struct store_upload upload;
    struct store_dir_file file; /* the thread's while parts are queued, else the caller's */
    uint64_t given;             /* bytes; caller only */
    bool running;               /* the thread was started; caller only */
    pthread_t thread;
    struct chan queue;    /* of parts, each with a reference */
    pthread_mutex_t lock; /* guards what follows */
    pthread_cond_t changed;
    size_t unwritten;   /* parts queued or being written */
    bool abandoned;     /* the rest is let go of unwritten */
    struct err failure; /* kind ERR_NONE: none */
};

static void *write_parts(void *argument)
{
    struct dir_upload *upload = argument;
    struct part *part;
    /* Until the queue is closed and empty. */
    while ((part = chan_pop(&upload->queue)) != NULL) {
        struct err err = {0};
        /* After a failure the rest is only let go of: its buffers are wanted elsewhere. */
        pthread_mutex_lock(&upload->lock);
        bool skip = upload->abandoned || upload->failure.kind != ERR_NONE;
        pthread_mutex_unlock(&upload->lock);
        int result =
            skip ? 0 : store_dir_file_write(&upload->file, part->data, part->size, &err);
        /* Its buffer goes back before anybody hears of it: who waits may end the pool at
         * once. */
        part_release(part);
        pthread_mutex_lock(&upload->lock);
        if (result < 0)
            upload->failure = err;
        upload->unwritten--;
        pthread_cond_broadcast(&upload->changed);
        pthread_mutex_unlock(&upload->lock);
    }
    return NULL;
}

static struct dir_upload *new_upload(struct store *store)
{
    struct dir_upload *upload = memory_zalloc(sizeof *upload);
    upload->upload.store = store;
    /* Nothing to undo yet, should it be given up before it has a file. */
    upload->file = (struct store_dir_file){.folder = -1, .fd = -1, .visible = true};
    chan_init(&upload->queue, QUEUE);
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
    upload->running = thread_start(&upload->thread, write_parts, upload, err) == 0;
    return upload->running ? 0 : -1;
}

struct store_upload *store_dir_upload_begin(struct store *store,
                                            const struct store_upload_spec *spec,
                                            struct err *err)
{
    struct dir_upload *upload = new_upload(store);
    char temp[STORE_DIR_TEMP_SIZE];
    /* By the artifact alone: a second try of the same one finds that the first still
     * writes. */
    snprintf(temp, sizeof temp, ".%s.part", spec->id);
    int result = ulid_is_valid(spec->id)
                     ? 0
                     : err_set(err, ERR_STORE, "\"%s\" is not an id", spec->id);
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
                                             const char *handle, struct store_resumed *at,
                                             struct err *err)
{
    struct dir_upload *upload = new_upload(store);
    const char *temp = store_dir_leaf(handle);
    size_t folder = (size_t)(temp - handle);
    /* A temp file in the very folder of the key: no other file is ever appended to. */
    bool beside = folder == (size_t)(store_dir_leaf(spec->key) - spec->key) &&
                  strncmp(handle, spec->key, folder) == 0 && store_dir_is_temp(temp);
    int result = beside ? store_dir_file_reopen((struct store_dir *)store, spec->key, temp,
                                                &upload->file, err)
                        : err_set(err, ERR_NOT_FOUND, "\"%s\" is not an upload of %s",
                                  handle, spec->key);
    if (result == 0 && start(upload, spec, err) == 0) {
        /* Parts have no numbers in a file: they go on by their offset alone. */
        upload->given = at->offset = upload->file.size;
        return &upload->upload;
    }
    upload->file.visible = true; /* what is there stays for the next try */
    (void)store_dir_upload_discard(&upload->upload);
    return NULL;
}

int store_dir_upload_part(struct store_upload *base, struct part *part, struct err *err)
{
    struct dir_upload *upload = (struct dir_upload *)base;
    /* The file is written from the front to the back: a gap would be filled with what
     * comes next. */
    if (part->offset != upload->given)
        return err_set(err, ERR_STORE, "part %u begins at byte %llu and not at %llu",
                       part->number, (unsigned long long)part->offset,
                       (unsigned long long)upload->given);
    /* What failed behind the caller's back is told with the next part. */
    pthread_mutex_lock(&upload->lock);
    bool failed = upload->failure.kind != ERR_NONE;
    if (failed)
        *err = upload->failure;
    else
        upload->unwritten++;
    pthread_mutex_unlock(&upload->lock);
    if (failed)
        return -1;
    upload->given += part->size;
    /* Only a closed queue refuses, and it is closed by whoever frees the upload. */
    bool queued = chan_push(&upload->queue, part_ref(part));
    assert(queued);
    (void)queued;
    return 0;
}

/* Until the queue is empty and nothing is being written. */
static int drain(struct dir_upload *upload, struct err *err)
{
    pthread_mutex_lock(&upload->lock);
    while (upload->unwritten > 0)
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
    /* A write that the kernel could not bring to disk is told by fsync, once. Remember
     * it. */
    if (store_dir_file_sync(&upload->file, err) == 0)
        return 0;
    /* Else the next fsync would say that all is well. */
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
    /* On disk first, then the name. */
    if (store_dir_upload_wait(base, err) < 0 ||
        store_dir_file_commit(&upload->file, false, err) < 0)
        return -1;
    /* What lies there now, as a reader will find it, and not what we believe we wrote. */
    if (base->store->ops->stat(base->store, upload->file.key, out, &absent, err) < 0)
        return -1;
    if (absent || out->size != upload->given) {
        store_object_release(out);
        return err_set(err, ERR_CORRUPT, "%s is not the %llu bytes that were written",
                       upload->file.key, (unsigned long long)upload->given);
    }
    return 0;
}

bool store_dir_upload_discard(struct store_upload *base)
{
    struct dir_upload *upload = (struct dir_upload *)base;
    /* The thread leaves when it has let go of all that is queued. */
    pthread_mutex_lock(&upload->lock);
    upload->abandoned = true;
    pthread_mutex_unlock(&upload->lock);
    chan_close(&upload->queue);
    if (upload->running)
        pthread_join(upload->thread, NULL);
    /* Nobody writes any more: an unfinished file can go. */
    bool clean = store_dir_file_release(&upload->file);
    chan_release(&upload->queue);
    pthread_cond_destroy(&upload->changed);
    pthread_mutex_destroy(&upload->lock);
    free(upload);
    return clean;
}
