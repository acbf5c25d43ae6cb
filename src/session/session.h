/*
 * session - one run of ours, from its lock to its record.
 *
 *     session_begin -> session_repository, session_catalog … of the operation -> session_end
 *
 * It owns what a run needs and nobody else opens: its node in the tree of cancels (with the
 * time limit), the catalog, the lock, the record in `runs`, and the stores, each opened and
 * identified once however often it is asked for. What goes wrong with one store of several is
 * decided here alone: skipped and told, or the end of the run. session_end is the only
 * way out: it writes the record and returns the exit status, which is the process's as well.
 *
 *     why a store could not be opened      one asked for alone     one of several
 *     ---------------------------------    --------------------    --------------------------
 *     fatal (err_is_fatal)                 the error               the end of the run
 *     another mark, away, denied, …        the error               skipped, a warning;
 *                                                                  excused when nobody misses
 *                                                                  it (repository_is_required)
 *
 * One thread, but for session_repository, session_cancel and session_settings, which any
 * thread may call. The observer is told on that one thread.
 */
#ifndef PGKEEP_SESSION_SESSION_H
#define PGKEEP_SESSION_SESSION_H

#include "repository/repository.h"
#include "session/exit_status.h"
#include "session/observer.h"

#define SESSION_WATCH_MS 500

/* How long a store that could not be opened is taken for away before it is asked again. */
#define SESSION_AWAY_MS 60000

enum session_catalog {
    SESSION_NO_CATALOG,  /* none is opened */
    SESSION_READ,        /* must be there: ERR_NOT_FOUND with the ways on */
    SESSION_READ_IF_ANY, /* none yet is a normal answer: session_catalog is NULL then */
    SESSION_WRITE,       /* must be there */
    SESSION_CREATE       /* is made */
};

enum session_lock {
    SESSION_NO_LOCK,
    SESSION_LOCK_JOB,     /* taking a backup of it */
    SESSION_LOCK_CHECK,   /* verifying one of its backups by schedule */
    SESSION_LOCK_REMOVAL, /* prune, delete, sweep: one per catalog */
    SESSION_LOCK_SERVE,   /* one `serve` per catalog */
    SESSION_LOCK_ALL      /* removal and every job of the settings: a rebuild */
};

struct session_spec {
    const struct settings *settings;
    const char *kind; /* as `runs` names it: "backup" "prune" "catalog sync" … */
    const char *job;  /* of the record; NULL: none in particular */
    enum session_catalog catalog;
    enum session_lock lock;
    const char *lock_name; /* SESSION_LOCK_JOB: the job, or what stands for it; NULL: job */
    const char *command; /* for whoever finds the lock held: "backup nightly"; NULL: kind */
    bool recorded;       /* the run stands in `runs` */
    int64_t run; /* the pending row that this run answers; 0: it gets one of its own */
    struct cancel *cancel; /* parent of its node; NULL: the root */
    int64_t time_limit_ms; /* 0: none */
    const struct observer
        *observer; /* the first of a list; NULL: none; outlives the session */
};

struct session;

/* Catalog, lock, record, in this order: a run that may not begin leaves no trace. ERR_BUSY
 * names the holder. Somebody who asks for the end of a recorded run (catalog_run_cancel) is heard
 * within SESSION_WATCH_MS: its node is tripped, for CANCEL_ASKED. */
struct session *session_begin(const struct session_spec *spec, struct err *err) MUST_USE;
/* Writes the record, closes all, and returns the exit status. why: what a failure was, or the
 * first of what went wrong; NULL, or of no kind: nothing did. */
int session_end(struct session *session, enum outcome outcome, const struct err *why);
/* Of a run that ended well, for its record: "deleted 3, locked 1". */
void session_set_summary(struct session *session, const char *summary);

const struct settings *session_settings(const struct session *session);
struct catalog *session_catalog(const struct session *session);
struct cancel *session_cancel(const struct session *session);
const struct observer *session_observer(const struct session *session); /* the list */
int64_t session_run_id(const struct session *session); /* 0: not recorded */

/* ---- stores ---- */

/* The store of this name (repository_open), opened once. Borrowed until session_end. may_mark: one
 * that is new gets its mark. NULL with whatever is wrong; the same answer again for
 * SESSION_AWAY_MS. */
struct repository *session_repository(struct session *session, const char *name,
                                      bool may_mark, struct err *err) MUST_USE;

/* Later, before one that is open is used for something else: does it still answer, within
 * REPOSITORY_TIMEOUT_MS, and is it the same place? Asked when that was last sure more than five
 * seconds ago. -1: it counts as away from now on, as if it had not been opened. */
int session_check_again(struct session *session, struct repository *repository,
                        struct err *err) MUST_USE;

/* One of several. */
struct session_store {
    const char *name;
    int64_t id; /* what the catalog's row of that name must lead to; 0: whatever it does */
    bool may_mark;
    bool named; /* somebody asked for it by name: never excused */
    bool alone; /* its failure will be told as what ends the run: no warning */
};
/* Opens it and adds it to the list, or skips it: then it stands among the list's failures. -1:
 * what ends the run. */
int session_add_repository(struct session *session, const struct session_store *store,
                           struct repository_list *list, struct err *err) MUST_USE;
/* All of these names. Two that are one and the same place are ERR_CONFIG: a backup needs two
 * places to have two copies. */
int session_repositories(struct session *session, const struct strlist *names,
                         bool may_mark, struct repository_list *list,
                         struct err *err) MUST_USE;
/* Later, before they are used again: those of the list that do not answer any more
 * (REPOSITORY_TIMEOUT_MS each) are skipped from now on. */
int session_recheck(struct session *session, struct repository_list *list,
                    struct err *err) MUST_USE;
/* Goes on without this store, or not: -1 with `why` when it is fatal. */
int session_skip(struct session *session, const struct session_store *store,
                 const struct err *why, struct repository_list *list,
                 struct err *err) MUST_USE;

/* ---- names that somebody typed ---- */

/* A slip of the pen should not read as "there are no backups": ERR_CONFIG, with the nearest
 * name, unless the configuration or the catalog has it (name NULL: 0). What was taken out of
 * the configuration still has its backups. */
int session_require_job(struct session *session, const char *name,
                        struct err *err) MUST_USE;
int session_require_store(struct session *session, const char *name,
                          struct err *err) MUST_USE;

#endif
