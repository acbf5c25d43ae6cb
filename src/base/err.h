/*
 * err - one error, owned by the caller, passed last.
 *
 * A function that can fail returns 0 or -1 (or a pointer or NULL) and fills the struct err it was
 * given. The first failure is the cause: callers add context in front of it and a hint behind it,
 * clean-up code must not overwrite it (give clean-up its own struct err). The kind, never the text,
 * decides retries and the exit status. Return an error or log it, never both.
 *
 *     if (file_make_folders(path, err) < 0)
 *         return err_context(err, "store \"%s\"", name);
 *
 * No allocation, no globals: one struct err per thread. Texts are cut, never overrun, and hold no
 * control characters but the newline in front of a hint.
 */
#ifndef PGKEEP_BASE_ERR_H
#define PGKEEP_BASE_ERR_H

#include "base/poison.h"

enum err_kind {
    ERR_NONE = 0,
    ERR_USAGE,     /* command line: exit 2 */
    ERR_CONFIG,    /* configuration: exit 3 */
    ERR_SYSTEM,    /* the operating system, or a limit of ours: exit 1 */
    ERR_DATABASE,  /* PostgreSQL or its programs: exit 4 */
    ERR_AGAIN,     /* the same, but what somebody else did there is over by now: exit 4 */
    ERR_TRANSIENT, /* a store that may answer later: exit 5 */
    ERR_DENIED,    /* a store refuses us (credentials, rights): exit 5 */
    ERR_STORE,     /* a store cannot serve this at all (no bucket, disk full): exit 5 */
    ERR_NOT_FOUND, /* what was named does not exist: exit 1 */
    ERR_CORRUPT,   /* hash, size, decoding, damaged file: exit 6 */
    ERR_UNSAFE,    /* refused by a guard: exit 9 */
    ERR_BUSY,      /* a lock is held: exit 7 */
    ERR_CANCELLED  /* SIGINT or SIGTERM: exit 130 or 143 */
};

struct err {
    enum err_kind kind;
    char text[480];
};

#define MUST_USE __attribute__((warn_unused_result))
#define PRINTF(string_index, first) __attribute__((format(printf, string_index, first)))

/* Empties it. A zeroed struct err is empty too. */
void err_clear(struct err *err);

/* Sets kind and text, whatever was there. Returns -1, so that callers can return it. */
int err_set(struct err *err, enum err_kind kind, const char *format, ...) PRINTF(3, 4);

/* Like err_set, and adds ": " and the text of errno (read before anything else), and of EMFILE what
 * can be done. Returns -1. */
int err_errno(struct err *err, enum err_kind kind, const char *format, ...) PRINTF(3, 4);

/* Puts "CONTEXT: " in front of the text, unless it begins so already. Returns -1. */
int err_context(struct err *err, const char *format, ...) PRINTF(2, 3);

#define ERR_HINT_MARK "\nhint: "
/* Adds "\nhint: ..." behind the text, unless there is a hint already. Returns -1. */
int err_hint(struct err *err, const char *format, ...) PRINTF(2, 3);

/* How far a failure reaches, the same everywhere. Fatal: it ends a run, because no other store
 * would fare better (this machine, a catalog that is held, cancelled). Of a store: the run goes
 * on with the others. Of an object: so does the work in that store, with its other objects;
 * these are of a store too. */
bool err_is_fatal(enum err_kind kind);
bool err_is_of_store(enum err_kind kind);
bool err_is_of_object(enum err_kind kind);

/* The kind as a stable lower-case word ("database"), for JSON and the catalog. */
const char *err_kind_name(enum err_kind kind);

#endif
