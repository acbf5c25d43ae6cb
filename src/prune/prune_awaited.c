/*
 * G7: what another store still waits for must not go yet. That store's plan is made here as
 * if it had everything that it may still get; where it would keep an artifact that it
 * lacks, every complete copy elsewhere has to wait for it.
 */
#include "prune/prune_steps.h"

#include "base/memory.h"

/* Where a copy was, and the store decided that it is not wanted. */
struct decided {
    char artifact[ULID_SIZE];
    int64_t store_id;
};

/* One group. Its rows are seen by artifact, because each store's plan is made as if it had
 * all that it may still get. */
struct group {
    struct prune *prune;
    const char *job;
    const struct catalog_plan_row **rows; /* by artifact, then store */
    size_t count;
    const struct decided *decided;
    size_t decided_count;
};

/* The plan of one store as it would be. */
struct wish {
    const char *store;
    int64_t store_id; /* 0: the catalog has not seen it yet */
    struct retention_artifact *artifacts;
    size_t *first; /* of the artifact of the same index: its first row in group->rows */
    bool *lacking; /* it is not there yet */
    size_t count, lacking_count;
};

static int compare_rows(const void *left, const void *right)
{
    const struct catalog_plan_row *a = *(const struct catalog_plan_row *const *)left;
    const struct catalog_plan_row *b = *(const struct catalog_plan_row *const *)right;
    int order = strcmp(a->artifact, b->artifact);
    return order != 0 ? order : (a->store_id > b->store_id) - (a->store_id < b->store_id);
}

static int compare_decided(const void *left, const void *right)
{
    const struct decided *a = left, *b = right;
    int order = strcmp(a->artifact, b->artifact);
    return order != 0 ? order : (a->store_id > b->store_id) - (a->store_id < b->store_id);
}

static bool was_decided(const struct group *group, const char *artifact, int64_t store_id)
{
    struct decided key = {.store_id = store_id};
    if (group->decided_count == 0)
        return false;
    memcpy(key.artifact, artifact, sizeof key.artifact);
    return bsearch(&key, group->decided, group->decided_count, sizeof key,
                   compare_decided) != NULL;
}

/* How one artifact stands in this store. */
enum standing { STANDING_OUT, STANDING_THERE, STANDING_LACKING };

static enum standing stand(const struct group *group, size_t first, size_t end,
                           const struct wish *wish, const struct catalog_plan_row **use)
{
    const struct catalog_plan_row *here = NULL, *good = NULL;
    for (size_t i = first; i < end; i++) {
        if (wish->store_id != 0 && group->rows[i]->store_id == wish->store_id)
            here = group->rows[i];
        else if (prune_state(group->rows[i]) == RETENTION_COMPLETE)
            good = group->rows[i];
    }
    *use = here != NULL ? here : good;
    if (here != NULL && prune_state(here) == RETENTION_COMPLETE)
        return STANDING_THERE;
    /* What was taken ad hoc belongs into the stores of that one command, and no others. */
    if (good == NULL || (here == NULL && *group->job == '\0'))
        return STANDING_OUT;
    *use = good;
    if (here != NULL)
        return here->state == CATALOG_COPY_DELETING || here->state == CATALOG_COPY_LOCKED ||
                       here->state == CATALOG_COPY_BLOCKED
                   ? STANDING_OUT
                   : STANDING_LACKING;
    return was_decided(group, good->artifact, wish->store_id) ? STANDING_OUT
                                                              : STANDING_LACKING;
}

static size_t end_of(const struct group *group, size_t first)
{
    size_t end = first + 1;
    while (end < group->count &&
           strcmp(group->rows[end]->artifact, group->rows[first]->artifact) == 0)
        end++;
    return end;
}

static void add_artifact(struct wish *wish, const struct catalog_plan_row *row,
                         size_t first, bool lacking)
{
    wish->artifacts[wish->count] = (struct retention_artifact){
        .id = row->artifact,
        .group = row->group,
        .seq = row->seq,
        .time = row->time,
        .has_time = row->time != 0,
        .size = row->bytes,
        .state = RETENTION_COMPLETE,
        .flags = (row->quarantined ? RETENTION_QUARANTINED : 0u) |
                 (row->proven && !lacking ? RETENTION_VERIFIED : 0u)};
    wish->first[wish->count] = first;
    wish->lacking[wish->count] = lacking;
    wish->count++;
    wish->lacking_count += lacking;
}

static void fill(const struct group *group, struct wish *wish)
{
    wish->artifacts = memory_array(group->count, sizeof *wish->artifacts);
    wish->first = memory_array(group->count, sizeof *wish->first);
    wish->lacking = memory_array(group->count, sizeof *wish->lacking);
    for (size_t first = 0, end = 0; first < group->count; first = end) {
        const struct catalog_plan_row *use = NULL;
        end = end_of(group, first);
        enum standing standing = stand(group, first, end, wish, &use);
        if (standing != STANDING_OUT)
            add_artifact(wish, use, first, standing == STANDING_LACKING);
    }
}

static void release(struct wish *wish)
{
    free(wish->artifacts);
    free(wish->first);
    free(wish->lacking);
}

static void add_name(struct prune *prune, const struct catalog_plan_row *row,
                     const char *name)
{
    char ***names = &prune->pending[row - prune->rows.items];
    size_t count = 0, capacity = 0;
    while (*names != NULL && (*names)[count] != NULL)
        count++;
    memory_grow(names, &capacity, count + 2, sizeof **names);
    (*names)[count] = memory_strdup(name);
    (*names)[count + 1] = NULL;
}

/* Every complete copy of it elsewhere has to wait. */
static void add_waiting(const struct group *group, const struct wish *wish, size_t index)
{
    size_t first = wish->first[index], end = end_of(group, first);
    for (size_t i = first; i < end; i++) {
        if (prune_state(group->rows[i]) == RETENTION_COMPLETE)
            add_name(group->prune, group->rows[i], wish->store);
    }
}

static int wish_for(const struct group *group, struct wish *wish, struct err *err)
{
    const struct policy *policy =
        policies_for(group->prune->policies, group->job, wish->store, err);
    struct retention_plan *plan = NULL;
    int result = policy ? 0 : -1;
    fill(group, wish);
    if (result == 0 && wish->lacking_count > 0) {
        plan = retention_plan_new(&policy->retention, group->prune->spec.now,
                                  wish->artifacts, wish->count, err);
        result = plan ? 0 : -1;
    }
    for (size_t i = 0; plan && i < wish->count; i++) {
        if (wish->lacking[i] && plan->decisions[i].verdict == RETENTION_KEEP &&
            (plan->decisions[i].reasons & RETENTION_QUARANTINE) == 0)
            add_waiting(group, wish, i);
    }
    retention_plan_free(plan);
    release(wish);
    return result;
}

static int64_t id_of(const struct prune *prune, const char *name)
{
    for (size_t i = 0; i < prune->known.count; i++) {
        if (strcmp(prune->known.items[i].name, name) == 0)
            return prune->known.items[i].id;
    }
    return 0;
}

/* The stores of the job; where the configuration has no such job, those that the catalog
 * saw it use. */
static void name_stores(const struct group *group, struct strlist *names)
{
    const struct settings *settings = group->prune->settings;
    const struct job_settings *job =
        *group->job != '\0' ? settings_job(settings, group->job) : NULL;
    for (size_t i = 0; job && i < job->stores.count; i++)
        strlist_add(names, job->stores.items[i]);
    for (size_t i = 0; !job && i < group->count; i++) {
        const char *name = prune_store_name(group->prune, group->rows[i]->store_id);
        if (!strlist_has(names, name))
            strlist_add(names, name);
    }
}

static int plan_group(struct group *group, struct err *err)
{
    struct strlist names = {0};
    int result = 0;
    qsort(group->rows, group->count, sizeof *group->rows, compare_rows);
    name_stores(group, &names);
    for (size_t i = 0; result == 0 && i < names.count; i++) {
        struct wish wish = {.store = names.items[i],
                            .store_id = id_of(group->prune, names.items[i])};
        result = wish_for(group, &wish, err);
    }
    strlist_release(&names);
    return result;
}

/* Removed by a plan or by somebody's wish; what merely failed or broke there is still
 * wanted. */
static bool is_decision(const struct catalog_copy *copy)
{
    const char *reason = copy->delete_reason;
    return reason != NULL && strcmp(reason, PRUNE_FAILED_KEEP) != 0 &&
           strcmp(reason, PRUNE_DAMAGED_KEEP) != 0;
}

static int load_decided(const struct prune *prune, struct decided **out, size_t *count,
                        struct err *err)
{
    struct catalog_copies copies = {0};
    struct catalog_copy_filter filter = {.job = prune->spec.job,
                                         .states = 1u << CATALOG_COPY_DELETED};
    int result = catalog_copies_list(prune->catalog, &filter, &copies, err);
    struct decided *decided = memory_array(copies.count + 1, sizeof *decided);
    *count = 0;
    for (size_t i = 0; result == 0 && i < copies.count; i++) {
        if (!is_decision(&copies.items[i]))
            continue;
        memcpy(decided[*count].artifact, copies.items[i].artifact, ULID_SIZE);
        decided[(*count)++].store_id = copies.items[i].store_id;
    }
    catalog_copies_release(&copies);
    if (*count > 0)
        qsort(decided, *count, sizeof *decided, compare_decided);
    *out = decided;
    return result;
}

int prune_find_pending(struct prune *prune, struct err *err)
{
    const struct catalog_plan_rows *rows = &prune->rows;
    struct group group = {.prune = prune};
    struct decided *decided = NULL;
    int result = load_decided(prune, &decided, &group.decided_count, err);
    prune->pending = memory_array(rows->count + 1, sizeof *prune->pending);
    group.decided = decided;
    group.rows = memory_array(rows->count + 1, sizeof *group.rows);
    for (size_t i = 0; result == 0 && i < rows->count;) {
        group.job = rows->items[i].job;
        group.count = 0;
        const char *name = rows->items[i].group;
        for (; i < rows->count && strcmp(rows->items[i].group, name) == 0; i++)
            group.rows[group.count++] = &rows->items[i];
        result = plan_group(&group, err);
    }
    free(group.rows);
    free(decided);
    return result;
}
