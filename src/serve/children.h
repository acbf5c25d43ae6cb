/*
 * children - runs under way as processes of their own: `pgkeep backup JOB --run ID`, or `pgkeep
 * verify --job JOB --longest-unverified --run ID`, or with --level drill instead, for each pending row, never two of one job, at most so many at once.
 *
 *     children_new -> children_launch, children_reap whenever children_fd is readable
 *     -> children_free, which waits for all
 *
 * A child outlives us when we are killed: its run goes on, and who comes after us sees it by its
 * row. Each is waited for by a thread, which says so on children_fd. One thread calls these.
 */
#ifndef PGKEEP_SERVE_CHILDREN_H
#define PGKEEP_SERVE_CHILDREN_H

#include "catalog/runs.h"
#include "config/settings.h"

struct children;

/* results: what the runs print on stdout (ids) goes to ours, else nowhere. */
struct children *children_new(bool results, struct err *err) MUST_USE;
void children_free(struct children *children); /* NULL-safe */

/* Begins what is pending and may begin: one of `mine` (ids; may be NULL), what our process asked
 * for, or what nobody begins any more. A job that is not in the settings fails its run. */
struct children_wish {
    const int64_t *mine;
    size_t mine_count;
    bool
        orphans; /* also those whose process is dead, or unknown and CHILDREN_ORPHAN_S late */
    /* set by children_launch */
    size_t waiting; /* of these, how many cannot begin yet */
    size_t taken;   /* of `mine`, how many another process has begun and not ended */
    size_t foreign; /* of configured jobs, runs open whose end nobody tells us */
};
int children_launch(struct children *children, const struct settings *settings,
                    struct catalog *catalog, struct children_wish *wish,
                    struct err *err) MUST_USE;

/* Whoever has ended; what its row lacks is written, unless another process has the run. How many
 * are still there: *count, also on errors; one whose row could not be written is. */
int children_reap(struct children *children, struct catalog *catalog, size_t *count,
                  struct err *err) MUST_USE;
/* Asks all to end, by their rows; by_signal: also by SIGTERM. */
void children_cancel(struct children *children, struct catalog *catalog, bool by_signal);
int children_fd(const struct children *children); /* an eventfd; children_reap reads it */

#define CHILDREN_ORPHAN_S 15

#endif
