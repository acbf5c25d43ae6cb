/*
 * session_parts - what the files of session.h share; private to them.
 *
 *     session.c         begin and end
 *     session_stores.c  the stores, and the names that somebody typed
 *     session_watch.c   does anybody ask for the end of the run?
 */
#ifndef PGKEEP_SESSION_SESSION_PARTS_H
#define PGKEEP_SESSION_SESSION_PARTS_H

#include "session/lock.h"
#include "session/session.h"

#include <pthread.h>

/* A store that was asked for. */
struct session_entry {
    char *name;
    struct repository *repository; /* NULL: it could not be opened */
    bool may_mark;                 /* so it was asked for then */
    bool lost;                     /* opened once, and did not answer later */
    struct err err;                /* why not; of no kind: it is open */
    int64_t failed_ms;             /* monotonic */
};

struct session {
    struct session_spec spec;
    struct cancel *cancel;
    struct catalog *catalog; /* of the session's thread */
    struct lock **locks;
    size_t lock_count, lock_capacity;
    int64_t run;
    struct session_watch *watch; /* NULL: not recorded */
    char *summary;

    pthread_t thread;     /* that it belongs to */
    pthread_mutex_t lock; /* guards what follows, also while a store is being opened */
    /* One thread, one connection: for stores that another thread asks for. */
    struct catalog *others_catalog;
    struct session_entry *entries;
    size_t entry_count, entry_capacity;
};

struct session_watch *session_watch_start(struct session *session,
                                          struct err *err) MUST_USE;
void session_watch_stop(struct session_watch *watch); /* NULL-safe; waits for its thread */

void session_stores_init(struct session *session);
/* Adds what went out through each to the catalog's totals; at the end, by the session's thread. */
void session_stores_count(struct session *session);
void session_stores_release(struct session *session); /* closes them */

#endif
