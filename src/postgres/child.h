/*
 * child - pg_dump, psql and pg_restore as children: what they say is logged as warnings,
 * and the first error among it becomes the sentence that the user reads.
 *
 *     child_start -> read child_fd or child_write ... -> child_finish -> child_free
 *
 * The exit status decides whether it went well (but see `tolerated`). child_free of a
 * running child closes its pipes and ends it (SIGTERM: pg_dump and the others then cancel
 * their query on the server).
 */
#ifndef PGKEEP_POSTGRES_CHILD_H
#define PGKEEP_POSTGRES_CHILD_H

#include "base/cancel.h"
#include "base/text.h"

struct child;

struct child_spec {
    struct strlist *argv;      /* argv[0] is the program */
    const struct strlist *env; /* as of conninfo_child; may be NULL */
    const char *database;      /* for the log; NULL: do not log */
    bool writes;               /* we read its stdout */
    bool reads;                /* we write its stdin */
    enum err_kind kind;        /* of a failure */
    /* psql that goes on after errors, with VERBOSITY=verbose: those of other SQLSTATEs than
     * this count as failures although it ends with 0. NULL: the exit status alone. */
    const char *tolerated;
    bool interrupt;              /* process.h: psql */
    const struct cancel *cancel; /* NULL: the root */
};

struct child *child_start(const struct child_spec *spec, struct err *err) MUST_USE;
int child_fd(const struct child *child);
/* Blocks until the child has taken all of it; a cancel is heeded. When the child has ended
 * early: the error of child_finish. */
int child_write(struct child *child, const void *data, size_t size,
                struct err *err) MUST_USE;
/* Its exit status; -1 while it was not waited for. */
int child_status(const struct child *child);
/* Closes its stdin and waits. One sentence with exit status or signal, its first error, a
 * hint. */
int child_finish(struct child *child, struct err *err) MUST_USE;
void child_free(struct child *child); /* NULL-safe */

#endif
