/*
 * task_plan - in which order several sessions may carry out the rows, indexes and keys of a
 * script; a plan without threads, so the caller holds a lock around each call.
 *
 *     task_plan_new -> task_plan_next, task_plan_done ... until task_plan_finished -> task_plan_free
 *
 * Rows of the largest table first, in pieces. A table's indexes when all of its own rows are in;
 * a foreign key when rows and indexes of both tables are. A unique or primary key is made as an
 * index first, beside the table's other indexes, and then becomes the constraint. A foreign key is
 * added unproved, in no time, and then proved, which locks its own table alone: many that refer to
 * one table are proved at once. No two tasks that would wait for each other's lock in the server run
 * at once.
 *
 * Only what is understood is in it: indexes and keys of plain tables. What concerns partition
 * roots, views or functions that the dump makes behind the data stays with the caller, in the
 * order of the dump, as everything else: task_plan_has tells.
 */
#ifndef PGKEEP_BACKUP_RESTORE_TASK_PLAN_H
#define PGKEEP_BACKUP_RESTORE_TASK_PLAN_H

#include "backup/restore/script.h"
#include "postgres/restore/ledger.h"

#define TASK_NONE SIZE_MAX

struct task {
    const struct statement *statement; /* NULL: rows */
    char *sql;                         /* instead of the statement's text; NULL: that */
    bool half;                         /* `sql` is only the first half of it */
    size_t first, chunks;              /* rows: of the index */
    size_t setting; /* statement of the outline that must be in force; TASK_NONE */
    /* For task_plan.c. */
    size_t relations[2]; /* that it works on; TASK_NONE */
    bool exclusive;      /* nobody else may work on them meanwhile */
    size_t waits;        /* for so many relations to be finished */
    size_t follow;       /* task that comes when it is done */
    size_t next[2];      /* in the list of each of its relations */
};

struct task_plan;
/* piece_size: raw bytes of rows in one task. What the ledger (may be NULL) has is no task any more.
 * Script and ledger must outlive it. */
struct task_plan *task_plan_new(const struct script *script, const struct ledger *ledger,
                                uint64_t piece_size) MUST_USE;
/* Is this statement of the outline among its tasks? */
bool task_plan_has(const struct task_plan *plan, size_t statement);
/* NULL: nothing may begin now, before another task is done. */
const struct task *task_plan_next(struct task_plan *plan);
void task_plan_done(struct task_plan *plan, const struct task *task);
bool task_plan_finished(const struct task_plan *plan); /* all tasks are done */
void task_plan_free(struct task_plan *plan);           /* NULL-safe */

/* Does it say where indexes are made from here on? */
bool task_sets_tablespace(const struct statement *statement);
/* `ALTER TABLE … ADD CONSTRAINT … PRIMARY KEY (…)` as the index and the constraint made of it,
 * both heap. False: it says more than that, and is carried out as it is. */
bool task_split_key(const struct statement *statement, char **index,
                    char **constraint) MUST_USE;
/* `ALTER TABLE … ADD CONSTRAINT … FOREIGN KEY …` as NOT VALID and VALIDATE CONSTRAINT, both heap. False:
 * it is not to be proved (NOT VALID, NOT ENFORCED), or not understood. */
bool task_split_foreign(const struct statement *statement, char **added,
                        char **proved) MUST_USE;

#endif
