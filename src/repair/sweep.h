/*
 * sweep - finishes or undoes what crashes left: half uploads, half deletions, uploads that
 * nobody owns, and on request objects that nothing knows.
 *
 * In each store, in this order:
 *
 *   1 copies `uploading` without a live owner: completed when their manifest is there, else
 *     undone (recover.h)
 *   2 copies on their way out: removed (remove.h), also before their next try is due
 *   3 uploads under keys of ours that no copy owns: aborted at once when the key belongs to
 *     this catalog, else only when older than SWEEP_AGE_S - another machine may be at it
 *
 * Then, for all stores: artifacts whose process is gone and that have no copy left to look
 * after end. And once more in each store, with `orphans`:
 *
 *   4 objects under keys of ours that neither a row here nor a manifest there speaks for,
 *     older than SWEEP_AGE_S, and only while no upload is open there and no backup runs
 *
 * Before all of it, where no store was named: clusters and databases of drills whose process is gone
 * (drill/target.h).
 *
 * Never touched: what keys_parse does not take for ours, what lies outside of the store's
 * prefix, what a live process owns, and any store that is not surely the one it should be
 * (G8). A listing that broke off, or that is empty where copies are known, decides nothing
 * (G10).
 *
 * One thread.
 */
#ifndef PGKEEP_REPAIR_SWEEP_H
#define PGKEEP_REPAIR_SWEEP_H

#include "session/session.h"
#include "copy/recover.h"
#include "copy/remove.h"
#include "drill/target.h"

#define SWEEP_AGE_S (INT64_C(7) * 86400)

struct sweep_spec {
    struct session *session; /* of sweep_session */
    const char *store;       /* NULL: all */
    bool orphans;
    int64_t now;
};

struct sweep_report {
    struct repository_list stores; /* those that answered, and the failures */
    struct recover_counts recovered;
    size_t ended; /* artifacts that were running without anybody */
    struct remove_results removed;
    size_t aborted;      /* uploads that nobody owned */
    size_t left_uploads; /* of others, or younger than SWEEP_AGE_S */
    size_t orphans;      /* objects removed */
    uint64_t orphan_bytes;
    size_t young_orphans;        /* that may become some */
    size_t unknown;              /* manifests of backups that this catalog does not know */
    struct target_counts drills; /* what drills left elsewhere; not with a store */
    size_t failed;               /* steps that a store did not let us take */
};
void sweep_report_release(struct sweep_report *report);

/* The run: it holds the lock of removals and is recorded. Settings, cancel and observer are
 * the caller's to add. */
struct session_spec sweep_session(void);
/* 0 with whatever could be done; -1: ERR_CONFIG (unknown store), the catalog
 * failed, or cancelled. Release the report always. */
int sweep_run(const struct sweep_spec *spec, struct sweep_report *report,
              struct err *err) MUST_USE;
/* PARTIAL when something could not be done, or a store that somebody misses did not answer;
 * FAILED when none was reached, excused or not. */
enum outcome sweep_outcome(const struct sweep_report *report, struct err *why);

#endif
