/*
 * Between plan and deletion. First what is to be remembered of the plan, then, group by
 * group, one transaction in which the whole group is read again, over all stores: two
 * prunes on two machines may each have planned to keep what the other one is about to
 * remove.
 */
#include "prune/prune_steps.h"

#include "repository/state_sync.h"
#include "base/cancel.h"
#include "base/log.h"
#include "base/memory.h"
#include "catalog/deletions.h"
#include "catalog/db/facts.h"
#include "catalog/runs.h"
#include "retention/explain.h"

enum { CLOCK_SLACK_S = 60 };

/* ---- what a plan remembers ---- */

/* Both marks lie on rows, and in the store's state file for other machines and a rebuilt catalog. */
static int remember_part(struct prune *prune, const struct prune_part *part,
                         struct err *err)
{
    for (size_t i = 0; i < part->count; i++) {
        const struct retention_decision *decision = &part->plan->decisions[i];
        const struct catalog_plan_row *row = part->rows[i];
        bool changed = false;
        /* Quarantined is sticky: later it must not become the anchor (RETENTION 3, step 1). */
        if (retention_plan_newly_quarantined(part->plan, i)) {
            log_warning(
                "%s is dated in the future or has no time: it is kept and counts for "
                "nothing until somebody has looked at it",
                row->artifact);
            if (catalog_artifact_set_quarantined(prune->catalog, row->artifact, true, err) <
                0)
                return -1;
            changed = true;
        }
        /* delete_grace counts from the first plan that wants it gone (G6); one that is wanted
         * again starts anew. */
        bool begins = decision->verdict == RETENTION_PRUNE && decision->is_held &&
                      row->first_marked == 0;
        bool ends = decision->verdict == RETENTION_KEEP && row->first_marked != 0;
        if (begins || ends) {
            if (catalog_copy_set_first_marked(prune->catalog, row->copy,
                                              begins ? prune->spec.now : 0, err) < 0)
                return -1;
            changed = true;
        }
        if (changed)
            state_sync_try_push(prune->catalog, part->repository, row->artifact);
    }
    return 0;
}

/* By a clock that is behind, good backups would be marked as from the future, for good. */
int prune_remember(struct prune *prune, struct err *err)
{
    /* A minute of slack: two machines that share a catalog are never at the very same
     * second. */
    int64_t highest = 0;
    if (catalog_time_highest(prune->catalog, &highest, err) < 0)
        return -1;
    if (prune->spec.now + CLOCK_SLACK_S < highest)
        return 0;
    for (size_t i = 0; i < prune->part_count; i++) {
        const struct prune_part *part = &prune->parts[i];
        /* Its own clock may be the wrong one; then our marks of "in the future" would be,
         * too. */
        bool doubtful = false;
        for (size_t j = 0; j < part->plan->group_count; j++)
            doubtful |= (part->guards[j] & RETENTION_GUARD_CLOCK) != 0;
        if (!doubtful && remember_part(prune, part, err) < 0)
            return -1;
    }
    return 0;
}

/* ---- phase 1: one group ---- */

struct item {
    const struct prune_part *part;
    const struct catalog_plan_row *row;
    char *reason;
};

/* All stores of one group; items[i] is what marking.items[i] is about. */
struct marks {
    struct prune *prune;
    const char *group, *job;
    struct item *items;
    struct catalog_deletion *deletions;
    size_t count, item_capacity, deletion_capacity;
};

static void add_item(struct marks *marks, const struct prune_part *part, size_t index,
                     char *reason)
{
    const struct catalog_plan_row *row = part->rows[index];
    /* Two arrays in step: what is marked, and what it is about. */
    memory_grow(&marks->items, &marks->item_capacity, marks->count + 1,
                sizeof *marks->items);
    memory_grow(&marks->deletions, &marks->deletion_capacity, marks->count + 1,
                sizeof *marks->deletions);
    marks->items[marks->count] = (struct item){part, row, reason};
    marks->deletions[marks->count++] = (struct catalog_deletion){
        .copy = row->copy, .reason = reason, .expected = row->state};
}

/* NULL: this store, or this policy, has nothing of the group. */
static const struct retention_group *find_group(const struct prune_part *part,
                                                const char *name)
{
    for (size_t i = 0; i < part->plan->group_count; i++) {
        if (strcmp(part->plan->groups[i].name, name) == 0)
            return &part->plan->groups[i];
    }
    return NULL;
}

/* What of this store's plan goes, and why; a group that a guard refuses is left alone. */
static void collect(struct marks *marks, const struct prune_part *part)
{
    const struct retention_group *group = find_group(part, marks->group);
    if (group == NULL ||
        prune_group_is_refused(marks->prune, part, (size_t)(group - part->plan->groups)))
        return;
    for (size_t i = group->first; i < group->first + group->count; i++) {
        size_t index = retention_plan_index(part->plan, i);
        const struct retention_decision *decision = &part->plan->decisions[index];
        if (decision->verdict == RETENTION_PRUNE && !decision->is_held) {
            /* The reason outlives the plan: the row tells it as long as its tombstone
             * stands. */
            struct text reason;
            text_init(&reason, 4096);
            retention_explain_text(part->plan, index, NULL, &reason);
            add_item(marks, part, index, text_take(&reason));
            text_release(&reason);
        } else if (decision->is_due)
            add_item(marks, part, index,
                     memory_strdup(part->rows[index]->state == CATALOG_COPY_FAILED
                                       ? PRUNE_FAILED_KEEP
                                       : PRUNE_DAMAGED_KEEP));
    }
}

/* ---- pins that another machine set ---- */

/* Who cannot be asked stays, this time. */
static int respect_pins(struct marks *marks, struct err *err)
{
    for (size_t i = marks->count; i-- > 0;) {
        struct err why = {0};
        const struct item *item = &marks->items[i];
        /* Only whole copies carry pins (CONTRACT-NOTES 23). */
        if (item->row->state != CATALOG_COPY_COMPLETE ||
            state_sync_pull(marks->prune->catalog, item->part->repository,
                            item->row->artifact, &why) == 0)
            continue;
        if (err_is_fatal(why.kind)) {
            *err = why;
            return -1;
        }
        log_warning("store \"%s\": %s stays: whether it is pinned cannot be told: %s",
                    item->part->repository->name, item->row->artifact, why.text);
        marks->prune->skipped++;
        marks->prune->untold++;
        /* The last one takes its place; it was asked already, as this goes from the end. */
        free(item->reason);
        marks->count--;
        marks->items[i] = marks->items[marks->count];
        marks->deletions[i] = marks->deletions[marks->count];
    }
    return 0;
}

/* ---- asked again inside the transaction ---- */

/* What would be left of the group in one store. */
struct left {
    size_t count;
    const struct catalog_plan_row *newest, *proven;
    int64_t seq;
};

/* The planner's order (RETENTION 2): the newest by time, then seq, then id. */
static int compare(const struct catalog_plan_row *a, const struct catalog_plan_row *b)
{
    if (a->time != b->time)
        return a->time < b->time ? -1 : 1;
    if (a->seq != b->seq)
        return a->seq < b->seq ? -1 : 1;
    return strcmp(a->artifact, b->artifact);
}

static void count_left(const struct marks *marks, const struct catalog_plan_rows *rows,
                       int64_t store_id, struct left *left)
{
    for (size_t i = 0; i < rows->count; i++) {
        const struct catalog_plan_row *row = &rows->items[i];
        /* As the planner classifies: what is set aside counts for no floor. */
        if (row->store_id != store_id || prune_state(row) != RETENTION_COMPLETE ||
            row->quarantined || row->time == 0 || strcmp(row->group, marks->group) != 0)
            continue;
        left->count++;
        if (left->newest == NULL || compare(row, left->newest) > 0)
            left->newest = row;
        if (row->proven && (left->proven == NULL || compare(row, left->proven) > 0))
            left->proven = row;
        /* After a clock went back the newest by time is not the newest that was made. */
        left->seq = row->seq > left->seq ? row->seq : left->seq;
    }
}

/* The floors of RETENTION 3 step 3 for one store, by what the transaction sees: what stays must
 * be newer than all that goes, hold a verified one newer than any verified that goes, and be
 * min_keep at least. */
static int check_store(const struct marks *marks, const struct catalog_plan_rows *rows,
                       const struct prune_part *part, struct err *err)
{
    struct left left = {0};
    size_t going = 0, floor = (size_t)part->policy->retention.min_keep;
    bool good = true;
    /* By rows that this very transaction reads, its own marks included: what is going is no
     * longer complete. */
    count_left(marks, rows, part->repository->id, &left);
    for (size_t i = 0; i < marks->count; i++) {
        const struct catalog_plan_row *row = marks->items[i].row;
        /* Failed ones that are cleared away, and those that a pin or lease kept, take
         * nothing from the floors. */
        if (row->store_id != part->repository->id || row->state != CATALOG_COPY_COMPLETE ||
            marks->deletions[i].result != CATALOG_MARKED)
            continue;
        going++;
        good &=
            left.newest != NULL && compare(left.newest, row) >= 0 && left.seq >= row->seq;
        good &= !row->proven || (left.proven != NULL && compare(left.proven, row) > 0);
    }
    if (going == 0)
        return 0;
    /* min_keep of those there were: a store that never had so many must not be refused for
     * that. */
    good &= left.count >= (left.count + going < floor ? left.count + going : floor);
    if (!good)
        return err_set(err, ERR_UNSAFE,
                       "store \"%s\": meanwhile too few good ones would be left",
                       part->repository->name);
    /* G11, once more. */
    if (left.newest->suspect && !marks->prune->forced)
        return err_set(err, ERR_UNSAFE, "store \"%s\": the newest backup became suspect",
                       part->repository->name);
    return 0;
}

/* catalog_marking's check: called inside the transaction, after its marks and before its end. */
static int check_floors(void *context, struct catalog *catalog, struct err *err)
{
    const struct marks *marks = context;
    struct catalog_plan_rows rows = {0};
    const struct catalog_plan_scope scope = {.job = marks->job,
                                             .now = marks->prune->spec.now};
    int result = catalog_plan_rows(catalog, &scope, &rows, err);
    for (size_t i = 0; result == 0 && i < marks->prune->part_count; i++) {
        if (find_group(&marks->prune->parts[i], marks->group) != NULL)
            result = check_store(marks, &rows, &marks->prune->parts[i], err);
    }
    catalog_plan_rows_release(&rows);
    return result;
}

/* ---- all groups ---- */

/* A group that is refused here does not keep the others from going on. */
static int mark_items(struct marks *marks, struct err *err)
{
    struct prune *prune = marks->prune;
    struct err why = {0};
    struct catalog_marking marking = {.items = marks->deletions,
                                      .count = marks->count,
                                      .run = session_run_id(prune->spec.session),
                                      .now = prune->spec.now,
                                      .check = check_floors,
                                      .context = marks};
    if (catalog_deletions_mark(prune->catalog, &marking, &why) < 0) {
        /* A refusal undid the marks of this group; anything else is the catalog. */
        if (why.kind != ERR_UNSAFE) {
            *err = why;
            return -1;
        }
        log_warning("group %s: nothing is deleted: %s", marks->group, why.text);
        prune->failed_groups++;
        return 0;
    }
    /* Single ones may stay all the same: a pin, a lease or another run was first. */
    for (size_t i = 0; i < marks->count; i++) {
        enum catalog_skip result = marks->deletions[i].result;
        const struct item *item = &marks->items[i];
        if (result == CATALOG_MARKED || result == CATALOG_FORGOTTEN) {
            prune->marked++;
            continue;
        }
        prune->skipped++;
        log_info("%s stays in store \"%s\": %s", item->row->artifact,
                 item->part->repository->name, catalog_skip_name(result));
    }
    return 0;
}

static int mark_group(struct prune *prune, const struct catalog_plan_row *row,
                      struct err *err)
{
    /* Over all stores at once: what one machine removes here, another may count on there */
    struct marks marks = {.prune = prune, .group = row->group, .job = row->job};
    for (size_t i = 0; i < prune->part_count; i++)
        collect(&marks, &prune->parts[i]);
    /* The stores are asked before the transaction: nothing on a network is waited for
     * inside of one. */
    int result = marks.count > 0 ? respect_pins(&marks, err) : 0;
    if (result == 0 && marks.count > 0)
        result = mark_items(&marks, err);
    for (size_t i = 0; i < marks.count; i++)
        free(marks.items[i].reason);
    free(marks.items);
    free(marks.deletions);
    return result;
}

int prune_mark(struct prune *prune, struct err *err)
{
    const struct catalog_plan_rows *rows = &prune->rows;
    for (size_t i = 0; i < rows->count; i++) {
        /* Rows come group by group. */
        if (i > 0 && strcmp(rows->items[i].group, rows->items[i - 1].group) == 0)
            continue;
        if (cancel_check(session_cancel(prune->spec.session), err) < 0 ||
            mark_group(prune, &rows->items[i], err) < 0)
            return -1;
    }
    return 0;
}
