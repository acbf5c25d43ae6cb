/*
 * file - files and folders, private by default (0600, 0700), O_CLOEXEC always.
 *
 * Errors are ERR_SYSTEM with the path and the reason; "absent" is an out-parameter where it is a
 * normal answer. Any thread.
 */
#ifndef PGKEEP_BASE_FILE_H
#define PGKEEP_BASE_FILE_H

#include "base/err.h"
#include "base/text.h"

#include <sys/types.h>

/* Reads a whole file into `out` (initialised by the caller; its ceiling is the limit).
 * absent may be NULL: then a missing file is ERR_NOT_FOUND. */
int file_read(const char *path, struct text *out, bool *absent, struct err *err) MUST_USE;
/* Brings the names in an open folder to disk: 0, or -1 with errno. A file system that knows no
 * such thing is 0. */
int file_sync_folder(int fd) MUST_USE;
/* The same for the folder that holds `path`. */
int file_sync_folder_of(const char *path, struct err *err) MUST_USE;
/* mkdir -p with 0700; folders that exist stay as they are. */
int file_make_folders(const char *path, struct err *err) MUST_USE;
int file_make_folders_of(const char *path, struct err *err) MUST_USE; /* of its parent */
/* write/pwrite until done; EINTR and short writes are handled. errno is kept for the caller. */
int file_write_all(int fd, const void *data, size_t size) MUST_USE;
/* read until `size` bytes or end of file; bytes read, or -1 with errno. */
ssize_t file_read_all(int fd, void *data, size_t size) MUST_USE;
/* Puts `data` where `path` is or would be, with the rights `mode` whatever the umask: whole or not
 * at all, and never another's file that lies in the way of the temporary one. `durable`: on disk
 * when it returns, as what cannot be made again must be. */
struct file_content {
    const void *data;
    size_t size;
    mode_t mode;
    bool durable;
};
int file_replace(const char *path, const struct file_content *content,
                 struct err *err) MUST_USE;
bool file_exists(const char *path);
/* The folder part of a path ("." when it has none), heap. */
char *file_folder(const char *path) MUST_USE;
char *file_join(const char *folder, const char *name) MUST_USE; /* heap */
/* The path itself when it begins with '/', else below the current folder; heap. NULL with
 * ERR_SYSTEM: there is no current folder any more. */
char *file_absolute(const char *path, struct err *err) MUST_USE;
void file_close(int *fd); /* closes if >= 0, sets -1, keeps errno */
/* Path of the program that runs us, as it lies there now: an update counts for whoever is started by
 * it. Heap; NULL with ERR_SYSTEM. */
char *file_own_program(struct err *err) MUST_USE;
/* Path of a program on PATH, heap; NULL when absent. A name with a slash is a path. */
char *file_find_program(const char *name) MUST_USE;

#endif
