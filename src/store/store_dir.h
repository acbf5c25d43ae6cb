/*
 * store_dir - a directory as a store: folders 0700, files 0600; private to this folder.
 *
 *     store_dir.c         handle, small objects, download
 *     store_dir_path.c    the way from the root to a key, segment by segment
 *     store_dir_file.c    a file that is not yet visible: temp name, fsync, rename
 *     store_dir_upload.c  the same with a thread that writes
 *     store_dir_list.c    listing, pending uploads
 *
 * The root may be reached through symbolic links, which is the user's affair; below it none
 * is followed, so that nothing is made or removed outside. The root is opened for each
 * call: an unmount is not held up, and a root that is gone is an error, never "absent".
 *
 * Errors are ERR_STORE with the path, the reason and a hint.
 */
#ifndef PGKEEP_STORE_STORE_DIR_H
#define PGKEEP_STORE_STORE_DIR_H

#include "base/ulid.h"
#include "store/store_ops.h"

struct store_dir {
    struct store store;
    char *path;
};

/* Makes errno an error: "cannot WHAT PATH/KEY: reason" and a hint. key may be "".
 * Returns -1. */
int store_dir_fail(const struct store_dir *dir, const char *what, const char *key,
                   struct err *err);

/* ---- store_dir_path.c ---- */
/* fd, or -1 with ERR_STORE. */
int store_dir_open_root(const struct store_dir *dir, struct err *err) MUST_USE;
/* The folder that holds `key`: *fd, or -1 when it or one above is absent. make: never
 * absent. */
int store_dir_open_folder(const struct store_dir *dir, const char *key, bool make, int *fd,
                          struct err *err) MUST_USE;
/* The last segment of a key; points into it. */
const char *store_dir_leaf(const char *key);
/* fsync of all folders from the one that holds `key` up to the root. */
int store_dir_sync(const struct store_dir *dir, const char *key, struct err *err) MUST_USE;
/* Unlinks one file and makes that durable, then tidies up; absent is success. -1 with
 * the error, and errno of the unlink (0: it was done, and is not on disk for sure). */
int store_dir_unlink(const struct store_dir *dir, const char *key,
                     struct err *err) MUST_USE;
/* Removes the folders above `key` that are empty, never the root. Trouble is no error: an
 * empty folder harms nobody. */
void store_dir_tidy(const struct store_dir *dir, const char *key);

/* ---- store_dir_file.c ---- */
/* A file under its temp name, beside the place where it will appear. */
struct store_dir_file {
    const struct store_dir *dir;
    char *key;
    char *temp; /* leaf: ".<id>.part", or ".<id>.<8 hex digits>.part" of a small object */
    int folder; /* fd */
    int fd;
    uint64_t size; /* when it was opened: 0 of a new one */
    bool visible;  /* committed: nothing to undo */
};
enum { STORE_DIR_TEMP_SIZE = 48 };
/* Is it the leaf of a temp file? */
bool store_dir_is_temp(const char *leaf);
/* Temp file of an upload: ".<id>.part". One that is there already is ERR_STORE. */
int store_dir_file_create(const struct store_dir *dir, const char *key, const char *temp,
                          struct store_dir_file *file, struct err *err) MUST_USE;
/* An existing one, to go on writing at its end, which is file->size. ERR_NOT_FOUND when
 * it is gone. */
int store_dir_file_reopen(const struct store_dir *dir, const char *key, const char *temp,
                          struct store_dir_file *file, struct err *err) MUST_USE;
/* The relative path of its temp file, heap: the handle of a pending upload. */
char *store_dir_file_handle(const struct store_dir_file *file) MUST_USE;
int store_dir_file_write(struct store_dir_file *file, const void *data, size_t size,
                         struct err *err) MUST_USE;
int store_dir_file_sync(struct store_dir_file *file, struct err *err) MUST_USE;
/* Renames it and makes that durable. An existing key is ERR_STORE unless `overwrite`. After
 * a failure nothing of ours is visible, but what was to be overwritten may be. */
int store_dir_file_commit(struct store_dir_file *file, bool overwrite,
                          struct err *err) MUST_USE;
/* Not committed: the temp file goes, and folders that are empty then. */
bool store_dir_file_release(struct store_dir_file *file);

/* ---- the others: rows of struct store_ops ---- */
struct store_upload *store_dir_upload_begin(struct store *store,
                                            const struct store_upload_spec *spec,
                                            struct err *err) MUST_USE;
struct store_upload *store_dir_upload_resume(struct store *store,
                                             const struct store_upload_spec *spec,
                                             const char *handle, struct store_resumed *at,
                                             struct err *err) MUST_USE;
int store_dir_upload_part(struct store_upload *upload, struct part *part,
                          struct err *err) MUST_USE;
int store_dir_upload_wait(struct store_upload *upload, struct err *err) MUST_USE;
int store_dir_upload_finish(struct store_upload *upload, struct store_object *out,
                            struct err *err) MUST_USE;
bool store_dir_upload_discard(struct store_upload *upload);

int store_dir_list(struct store *store, const char *prefix, store_each each, void *context,
                   struct err *err) MUST_USE;
int store_dir_list_pending(struct store *store, const char *prefix, store_each_pending each,
                           void *context, struct err *err) MUST_USE;
int store_dir_abort_pending(struct store *store, const char *key, const char *handle,
                            struct err *err) MUST_USE;

#endif
