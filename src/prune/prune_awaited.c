/*
 * G7: what another store still waits for must not go yet. That store's plan is made here as
 * if it had everything that it may still get; where it would keep an artifact that it
 * lacks, every complete copy elsewhere has to wait for it.
 */
#include "prune/prune_steps.h"

#include "base/memory.h"

/* Where a copy was, and the store decided that it is not wanted. */
struct decision {
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
    const struct decision *decisions;
    size_t decision_count;
};

/* The plan of one store as it would be. */
struct projection {
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

static int compare_decisions(const void *left, const void *right)
{
    const struct decision *a = left, *b = right;
    int order = strcmp(a->artifact, b->artifact);
    return order != 0 ? order : (a->store_id > b->store_id) - (a->store_id < b->store_id);
}

/* By halving: a deleted copy of 400 days ago is in the list, too. */
static bool was_decided(const struct group *group, const char *artifact, int64_t store_id)
{
    struct decision key = {.store_id = store_id};
    if (group->decision_count == 0)
        return false;
    memcpy(key.artifact, artifact, sizeof key.artifact);
    return bsearch(&key, group->decisions, group->decision_count, sizeof key,
                   compare_decisions) != NULL;
}

/* How one artifact stands in this store. */
enum presence { PRESENCE_OUT, PRESENCE_THERE, PRESENCE_LACKING };

static enum presence presence_of(const struct group *group, size_t first, size_t end,
                                 const struct projection *projection,
                                 const struct catalog_plan_row **use)
{
    /* This store's own row, and any whole one elsewhere that it could be copied from. */
    const struct catalog_plan_row *here = NULL, *good = NULL;
    for (size_t i = first; i < end; i++) {
        if (projection->store_id != 0 && group->rows[i]->store_id == projection->store_id)
            here = group->rows[i];
        else if (prune_state(group->rows[i]) == RETENTION_COMPLETE)
            good = group->rows[i];
    }
    *use = here != NULL ? here : good;
    if (here != NULL && prune_state(here) == RETENTION_COMPLETE)
        return PRESENCE_THERE;
    /* What was taken ad hoc belongs into the stores of that one command, and no others. */
    if (good == NULL || (here == NULL && *group->job == '\0'))
        return PRESENCE_OUT;
    *use = good;
    if (here != NULL)
        return here->state == CATALOG_COPY_DELETING || here->state == CATALOG_COPY_LOCKED ||
                       here->state == CATALOG_COPY_BLOCKED
                   ? PRESENCE_OUT
                   : PRESENCE_LACKING;
    /* No row at all: removed by a decision once, or never there. */
    return was_decided(group, good->artifact, projection->store_id) ? PRESENCE_OUT
                                                                    : PRESENCE_LACKING;
}

/* Sorted by artifact: all its copies stand in one stretch. */
static size_t end_of(const struct group *group, size_t first)
{
    size_t end = first + 1;
    while (end < group->count &&
           strcmp(group->rows[end]->artifact, group->rows[first]->artifact) == 0)
        end++;
    return end;
}

/* As this store's planner would see them, were they there already: whole, unpinned, and not
 * proven where they are lacking. */
static void fill(const struct group *group, struct projection *projection)
{
    /* As many as there are rows at most: each artifact has one row in a store at least. */
    projection->artifacts = memory_array(group->count, sizeof *projection->artifacts);
    projection->first = memory_array(group->count, sizeof *projection->first);
    projection->lacking = memory_array(group->count, sizeof *projection->lacking);
    for (size_t first = 0, end = 0; first < group->count; first = end) {
        const struct catalog_plan_row *row = NULL;
        end = end_of(group, first);
        enum presence presence = presence_of(group, first, end, projection, &row);
        bool lacking = presence == PRESENCE_LACKING;
        if (presence == PRESENCE_OUT)
            continue;
        projection->first[projection->count] = first;
        projection->lacking[projection->count] = lacking;
        projection->lacking_count += lacking;
        projection->artifacts[projection->count++] = (struct retention_artifact){
            .id = row->artifact,
            .group = row->group,
            .seq = row->seq,
            .time = row->time,
            .has_time = row->time != 0,
            .size = row->bytes,
            .state = RETENTION_COMPLETE,
            .flags = (row->quarantined ? RETENTION_QUARANTINED : 0u) |
                     (row->proven && !lacking ? RETENTION_VERIFIED : 0u)};
    }
}

/* Every complete copy of it elsewhere has to wait: each gets the name of this store, in a list
 * that ends in NULL, as retention_artifact has it. */
static void add_waiting(const struct group *group, const struct projection *projection,
                        size_t index)
{
    size_t first = projection->first[index], end = end_of(group, first);
    for (size_t i = first; i < end; i++) {
        const struct catalog_plan_row *row = group->rows[i];
        char ***names = &group->prune->pending[row - group->prune->rows.items];
        size_t count = 0, capacity = 0;
        if (prune_state(row) != RETENTION_COMPLETE)
            continue;
        while (*names != NULL && (*names)[count] != NULL)
            count++;
        memory_grow(names, &capacity, count + 2, sizeof **names);
        (*names)[count] = memory_strdup(projection->store);
        (*names)[count + 1] = NULL;
    }
}

static int project(const struct group *group, struct projection *projection,
                   struct err *err)
{
    const struct policy *policy =
        policies_for(group->prune->policies, group->job, projection->store, err);
    struct retention_plan *plan = NULL;
    /* A policy that cannot be read ends the whole: it may be the one that wants to keep. */
    int result = policy ? 0 : -1;
    fill(group, projection);
    /* Nearly always nothing is lacking, and no plan is made. */
    if (result == 0 && projection->lacking_count > 0) {
        plan = retention_plan_new(&policy->retention, group->prune->spec.now,
                                  projection->artifacts, projection->count, err);
        result = plan ? 0 : -1;
    }
    for (size_t i = 0; plan && i < projection->count; i++) {
        /* Quarantined ones are kept by the planner but wanted by no rule: nobody waits for
         * those. */
        if (projection->lacking[i] && plan->decisions[i].verdict == RETENTION_KEEP &&
            (plan->decisions[i].reasons & RETENTION_QUARANTINE) == 0)
            add_waiting(group, projection, i);
    }
    retention_plan_free(plan);
    free(projection->artifacts);
    free(projection->first);
    free(projection->lacking);
    return result;
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
    /* A decommissioned job: its stores are those where its copies lie. */
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
    /* By artifact, so that all copies of one stand together. */
    qsort(group->rows, group->count, sizeof *group->rows, compare_rows);
    name_stores(group, &names);
    for (size_t i = 0; result == 0 && i < names.count; i++) {
        /* The catalog may not have seen it yet: then it lacks everything. */
        struct projection projection = {.store = names.items[i]};
        for (size_t j = 0; j < group->prune->known.count; j++) {
            if (strcmp(group->prune->known.items[j].name, projection.store) == 0)
                projection.store_id = group->prune->known.items[j].id;
        }
        result = project(group, &projection, err);
    }
    strlist_release(&names);
    return result;
}

static int load_decisions(const struct prune *prune, struct decision **out, size_t *count,
                          struct err *err)
{
    /* Tombstones: for as long as they are kept, a decision is remembered. */
    struct catalog_copies copies = {0};
    struct catalog_copy_filter filter = {.job = prune->spec.job,
                                         .states = 1u << CATALOG_COPY_DELETED};
    int result = catalog_copies_list(prune->catalog, &filter, &copies, err);
    struct decision *decisions = memory_array(copies.count + 1, sizeof *decisions);
    *count = 0;
    for (size_t i = 0; result == 0 && i < copies.count; i++) {
        /* By a plan, or by somebody's wish; what merely failed or broke there is still wanted. */
        const char *reason = copies.items[i].delete_reason;
        if (reason == NULL || strcmp(reason, PRUNE_FAILED_KEEP) == 0 ||
            strcmp(reason, PRUNE_DAMAGED_KEEP) == 0)
            continue;
        /* What was decided is a fact about artifact and store; when, and by which plan,
         * does not matter here. */
        memcpy(decisions[*count].artifact, copies.items[i].artifact, ULID_SIZE);
        decisions[(*count)++].store_id = copies.items[i].store_id;
    }
    catalog_copies_release(&copies);
    if (*count > 0)
        qsort(decisions, *count, sizeof *decisions, compare_decisions);
    *out = decisions;
    return result;
}

int prune_find_awaited(struct prune *prune, struct err *err)
{
    const struct catalog_plan_rows *rows = &prune->rows;
    struct group group = {.prune = prune};
    struct decision *decisions = NULL;
    int result = load_decisions(prune, &decisions, &group.decision_count, err);
    prune->pending = memory_array(rows->count + 1, sizeof *prune->pending);
    group.decisions = decisions;
    group.rows = memory_array(rows->count + 1, sizeof *group.rows);
    for (size_t i = 0; result == 0 && i < rows->count;) {
        /* Rows come group by group, over all stores. */
        group.job = rows->items[i].job;
        group.count = 0;
        const char *name = rows->items[i].group;
        for (; i < rows->count && strcmp(rows->items[i].group, name) == 0; i++)
            group.rows[group.count++] = &rows->items[i];
        result = plan_group(&group, err);
    }
    free(group.rows);
    free(decisions);
    return result;
}
