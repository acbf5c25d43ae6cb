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

/* Sticky: later it must not become the anchor. */
static int remember_quarantine(struct prune *prune, const struct prune_part *part,
                               size_t index, bool *changed, struct err *err)
{
    if (!retention_plan_newly_quarantined(part->plan, index))
        return 0;
    *changed = true;
    log_warning("%s is dated in the future or has no time: it is kept and counts for "
                "nothing until somebody has looked at it",
                part->rows[index]->artifact);
    return catalog_artifact_set_quarantined(prune->catalog, part->rows[index]->artifact,
                                            true, err);
}

/* delete_grace counts from the first plan that wants it gone; one that is wanted again
 * starts anew. */
static int remember_mark(struct prune *prune, const struct prune_part *part, size_t index,
                         bool *changed, struct err *err)
{
    const struct retention_decision *decision = &part->plan->decisions[index];
    const struct catalog_plan_row *row = part->rows[index];
    bool begins =
        decision->verdict == RETENTION_PRUNE && decision->is_held && row->first_marked == 0;
    bool ends = decision->verdict == RETENTION_KEEP && row->first_marked != 0;
    if (!begins && !ends)
        return 0;
    *changed = true;
    return catalog_copy_set_first_marked(prune->catalog, row->copy,
                                         begins ? prune->spec.now : 0, err);
}

static int remember_part(struct prune *prune, const struct prune_part *part,
                         struct err *err)
{
    for (size_t i = 0; i < part->count; i++) {
        bool changed = false;
        if (remember_quarantine(prune, part, i, &changed, err) < 0 ||
            remember_mark(prune, part, i, &changed, err) < 0)
            return -1;
        if (changed)
            state_sync_try_push(prune->catalog, part->repository, part->rows[i]->artifact);
    }
    return 0;
}

static bool clock_is_doubtful(const struct prune_part *part)
{
    for (size_t i = 0; i < part->plan->group_count; i++) {
        if ((part->guards[i] & RETENTION_GUARD_CLOCK) != 0)
            return true;
    }
    return false;
}

/* By a clock that is behind, good backups would be marked as from the future, for good. */
int prune_remember(struct prune *prune, struct err *err)
{
    int64_t highest = 0;
    if (catalog_time_highest(prune->catalog, &highest, err) < 0)
        return -1;
    if (prune->spec.now + CLOCK_SLACK_S < highest)
        return 0;
    for (size_t i = 0; i < prune->part_count; i++) {
        if (!clock_is_doubtful(&prune->parts[i]) &&
            remember_part(prune, &prune->parts[i], err) < 0)
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
    memory_grow(&marks->items, &marks->item_capacity, marks->count + 1,
                sizeof *marks->items);
    memory_grow(&marks->deletions, &marks->deletion_capacity, marks->count + 1,
                sizeof *marks->deletions);
    marks->items[marks->count] = (struct item){part, row, reason};
    marks->deletions[marks->count++] = (struct catalog_deletion){
        .copy = row->copy, .reason = reason, .expected = row->state};
}

static char *reason_of(const struct prune_part *part, size_t index)
{
    struct text text;
    text_init(&text, 4096);
    retention_explain_text(part->plan, index, NULL, &text);
    char *reason = text_take(&text);
    text_release(&text);
    return reason;
}

static const struct retention_group *find_group(const struct prune_part *part,
                                                const char *name)
{
    for (size_t i = 0; i < part->plan->group_count; i++) {
        if (strcmp(part->plan->groups[i].name, name) == 0)
            return &part->plan->groups[i];
    }
    return NULL;
}

static void collect(struct marks *marks, const struct prune_part *part)
{
    const struct retention_group *group = find_group(part, marks->group);
    if (group == NULL ||
        prune_group_is_refused(marks->prune, part, (size_t)(group - part->plan->groups)))
        return;
    for (size_t i = group->first; i < group->first + group->count; i++) {
        size_t index = retention_plan_index(part->plan, i);
        const struct retention_decision *decision = &part->plan->decisions[index];
        if (decision->verdict == RETENTION_PRUNE && !decision->is_held)
            add_item(marks, part, index, reason_of(part, index));
        else if (decision->is_due)
            add_item(marks, part, index,
                     memory_strdup(part->rows[index]->state == CATALOG_COPY_FAILED
                                       ? PRUNE_FAILED_KEEP
                                       : PRUNE_DAMAGED_KEEP));
    }
}

static void release(struct marks *marks)
{
    for (size_t i = 0; i < marks->count; i++)
        free(marks->items[i].reason);
    free(marks->items);
    free(marks->deletions);
}

/* ---- pins that another machine set ---- */

static void drop_item(struct marks *marks, size_t index)
{
    free(marks->items[index].reason);
    marks->count--;
    marks->items[index] = marks->items[marks->count];
    marks->deletions[index] = marks->deletions[marks->count];
}

/* Who cannot be asked stays, this time. */
static int respect_pins(struct marks *marks, struct err *err)
{
    for (size_t i = marks->count; i-- > 0;) {
        struct err why = {0};
        const struct item *item = &marks->items[i];
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
        drop_item(marks, i);
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
        if (row->store_id != store_id || prune_state(row) != RETENTION_COMPLETE ||
            row->quarantined || row->time == 0 || strcmp(row->group, marks->group) != 0)
            continue;
        left->count++;
        if (left->newest == NULL || compare(row, left->newest) > 0)
            left->newest = row;
        if (row->proven && (left->proven == NULL || compare(row, left->proven) > 0))
            left->proven = row;
        left->seq = row->seq > left->seq ? row->seq : left->seq;
    }
}

static bool goes(const struct marks *marks, size_t index, int64_t store_id)
{
    return marks->items[index].row->store_id == store_id &&
           marks->items[index].row->state == CATALOG_COPY_COMPLETE &&
           marks->deletions[index].result == CATALOG_MARKED;
}

static bool outlives(const struct left *left, const struct catalog_plan_row *row)
{
    if (left->newest == NULL || compare(left->newest, row) < 0 || left->seq < row->seq)
        return false;
    return !row->proven || (left->proven != NULL && compare(left->proven, row) > 0);
}

static int check_store(const struct marks *marks, const struct catalog_plan_rows *rows,
                       const struct prune_part *part, struct err *err)
{
    struct left left = {0};
    size_t going = 0, floor = (size_t)part->policy->retention.min_keep;
    bool good = true;
    count_left(marks, rows, part->repository->id, &left);
    for (size_t i = 0; i < marks->count; i++) {
        if (!goes(marks, i, part->repository->id))
            continue;
        going++;
        good &= outlives(&left, marks->items[i].row);
    }
    if (going == 0)
        return 0;
    good &= left.count >= (left.count + going < floor ? left.count + going : floor);
    if (!good)
        return err_set(err, ERR_UNSAFE,
                       "store \"%s\": meanwhile too few good ones would be left",
                       part->repository->name);
    if (left.newest->suspect && !marks->prune->forced)
        return err_set(err, ERR_UNSAFE, "store \"%s\": the newest backup became suspect",
                       part->repository->name);
    return 0;
}

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

static void tell(struct marks *marks)
{
    for (size_t i = 0; i < marks->count; i++) {
        enum catalog_skip what = marks->deletions[i].result;
        const struct item *item = &marks->items[i];
        if (what == CATALOG_MARKED || what == CATALOG_FORGOTTEN) {
            marks->prune->marked++;
            continue;
        }
        marks->prune->skipped++;
        log_info("%s stays in store \"%s\": %s", item->row->artifact,
                 item->part->repository->name, catalog_skip_name(what));
    }
}

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
    if (catalog_deletions_mark(prune->catalog, &marking, &why) == 0) {
        tell(marks);
        return 0;
    }
    if (why.kind != ERR_UNSAFE) {
        *err = why;
        return -1;
    }
    log_warning("group %s: nothing is deleted: %s", marks->group, why.text);
    prune->failed_groups++;
    return 0;
}

static int mark_group(struct prune *prune, const struct catalog_plan_row *row,
                      struct err *err)
{
    struct marks marks = {.prune = prune, .group = row->group, .job = row->job};
    for (size_t i = 0; i < prune->part_count; i++)
        collect(&marks, &prune->parts[i]);
    int result = marks.count > 0 ? respect_pins(&marks, err) : 0;
    if (result == 0 && marks.count > 0)
        result = mark_items(&marks, err);
    release(&marks);
    return result;
}

int prune_mark(struct prune *prune, struct err *err)
{
    const struct catalog_plan_rows *rows = &prune->rows;
    for (size_t i = 0; i < rows->count; i++) {
        if (i > 0 && strcmp(rows->items[i].group, rows->items[i - 1].group) == 0)
            continue;
        if (cancel_check(session_cancel(prune->spec.session), err) < 0 ||
            mark_group(prune, &rows->items[i], err) < 0)
            return -1;
    }
    return 0;
}
