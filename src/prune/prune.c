/*
 * The frame of a prune: what comes before the plan, what a refusal means, and the order of
 * doing. A dry run ends with prepare, so everything that changes a row or a store is below
 * "doing it".
 */
#include "prune/prune_steps.h"

#include "copy/recover.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "catalog/artifact_group.h"
#include "catalog/db/facts.h"
#include "catalog/deletions.h"
#include "catalog/leases.h"
#include "catalog/runs.h"

/* ---- up to the plan ---- */

struct session_spec prune_session(const char *job, bool yes)
{
    return (struct session_spec){.kind = "prune",
                                 .job = job,
                                 .catalog = SESSION_WRITE,
                                 .lock = yes ? SESSION_LOCK_REMOVAL : SESSION_NO_LOCK,
                                 .recorded = yes};
}

/* What planning needs and nothing asks for: also for the plan of what a refusal left. */
static struct prune *make(const struct prune_spec *spec)
{
    struct prune *prune = memory_zalloc(sizeof *prune);
    prune->spec = *spec;
    prune->settings = session_settings(spec->session);
    prune->catalog = session_catalog(spec->session);
    prune->policies = policies_new(prune->settings);
    return prune;
}

struct prune *prune_new(const struct prune_spec *spec, struct err *err)
{
    struct prune *prune = make(spec);
    /* A damaged catalog must not decide what goes: its pages may lie about pins. */
    if (catalog_check(prune->catalog, err) == 0 && prune_gather(prune, err) == 0 &&
        prune_open_stores(prune, err) == 0 && prune_find_awaited(prune, err) == 0 &&
        prune_plan(prune, err) == 0)
        return prune;
    prune_free(prune);
    return NULL;
}

void prune_rest_hash(const struct prune *prune, char hash[RETENTION_HASH_SIZE])
{
    struct prune_spec spec = prune->spec;
    struct err ignored = {0};
    memcpy(hash, prune->hash, RETENTION_HASH_SIZE);
    if (!spec.yes) /* nothing was carried out */
        return;
    /* As a dry run would plan it: the hash is for the next command line. */
    spec.yes = false;
    spec.force = NULL;
    struct prune *rest = make(&spec);
    for (size_t i = 0; i < prune->stores.count; i++)
        repository_list_add(&rest->stores, prune->stores.items[i]);
    /* Should it fail, the old hash is given; the next run refuses it, and prints a new one */
    if (prune_gather(rest, &ignored) == 0 && prune_find_awaited(rest, &ignored) == 0 &&
        prune_plan(rest, &ignored) == 0)
        memcpy(hash, rest->hash, RETENTION_HASH_SIZE);
    prune_free(rest);
}

void prune_free(struct prune *prune)
{
    if (prune == NULL)
        return;
    for (size_t i = 0; i < prune->part_count; i++) {
        retention_plan_free(prune->parts[i].plan);
        free(prune->parts[i].guards);
        free(prune->parts[i].artifacts);
        free(prune->parts[i].rows);
    }
    free(prune->parts);
    for (size_t i = 0; prune->pending && i < prune->rows.count; i++) {
        for (char **name = prune->pending[i]; name && *name; name++)
            free(*name);
        free(prune->pending[i]);
    }
    free(prune->pending);
    remove_results_release(&prune->removed);
    catalog_plan_rows_release(&prune->rows);
    repository_list_release(&prune->stores);
    catalog_stores_release(&prune->known);
    policies_free(prune->policies);
    free(prune);
}

/* ---- doing it ---- */

/* A failed or cancelled one that never had a copy, long ago: the newest complete one of its
 * group came later. */
static bool is_forgettable(const struct prune *prune, const struct catalog_artifact *row)
{
    char *group = catalog_artifact_group(row);
    bool found = false;
    for (size_t i = 0; !found && i < prune->part_count; i++) {
        const struct prune_part *part = &prune->parts[i];
        /* Of any store's policy: a row without copies belongs to none, so the first whose
         * time is over decides. */
        const struct duration *keep = &part->policy->retention.failed_keep;
        for (size_t j = 0; !found && j < part->plan->group_count; j++) {
            const struct retention_group *of = &part->plan->groups[j];
            found =
                strcmp(of->name, group) == 0 && of->has_anchor && of->anchor > row->time &&
                prune->spec.now >= retention_calendar_after(part->policy->retention.zone,
                                                            row->time, *keep);
        }
    }
    free(group);
    return found;
}

/* Rows of which nothing is left anywhere (RETENTION 5: failed_keep). */
static int forget_failed(struct prune *prune, struct err *err)
{
    /* Failed before any store had a byte: no plan of a store ever sees these. */
    struct catalog_artifacts failed = {0};
    struct catalog_filter filter = {
        .job = prune->spec.job, .statuses = 1u << CATALOG_FAILED | 1u << CATALOG_CANCELLED};
    int result =
        catalog_artifacts_list(prune->catalog, &filter, CATALOG_WITH_COPIES, &failed, err);
    for (size_t i = 0; result == 0 && i < failed.count; i++) {
        const struct catalog_artifact *row = &failed.items[i];
        /* A copy in any other state still has to be looked after, or tells a story of its
         * own. */
        bool empty = true;
        for (size_t j = 0; j < row->copy_count; j++)
            empty &= row->copies[j].state == CATALOG_COPY_DELETED;
        if (empty && is_forgettable(prune, row))
            result = catalog_artifact_forget(prune->catalog, row->id, err);
    }
    catalog_artifacts_release(&failed);
    return result;
}

/* until: what counts as now for history. After the plan, so that a dry run, which changes nothing, plans the same. */
static int clear_away(struct prune *prune, int64_t until, struct err *err)
{
    struct catalog *catalog = prune->catalog;
    size_t count = 0;
    /* What crashed uploads left, then artifacts that nobody makes any more. */
    for (size_t i = 0; i < prune->stores.count; i++) {
        if (recover_store(catalog, prune->stores.items[i], false, NULL, err) < 0)
            return -1;
    }
    if (recover_artifacts(catalog, NULL, false, &count, err) < 0 ||
        forget_failed(prune, err) < 0 ||
        catalog_leases_purge(catalog, prune->spec.now, err) < 0)
        return -1;
    /* Rows of copies that are gone stay as tombstones for 400 days, runs and checks as long. */
    if (catalog_tombstones_purge(catalog, until - CATALOG_TOMBSTONE_S, NULL, err) < 0)
        return -1;
    return recover_forget_history(catalog, until, err);
}

/* The order of a prune, and why it is this one: */
static int run_steps(struct prune *prune, struct err *err)
{
    struct catalog *catalog = prune->catalog;
    int64_t highest = 0, until = prune->spec.now;
    struct err ignored = {0};
    /* By a clock that nobody trusts nothing is done, also not what was decided before: dates of
     * locks and of failures would be held against it. */
    if (prune->refusal.kind != ERR_NONE)
        return 0;
    /* The time is seen first, so that no later run takes an older clock for right. One that
     * was wrong and is right again: the user said so, with the hash. */
    if (catalog_time_highest(catalog, &highest, err) < 0)
        return -1;
    /* History is forgotten by a time that an earlier run has seen: a clock that jumped ahead
     * just now would take all of it. */
    if (highest != 0 && highest < until)
        until = highest;
    if (prune->forced && retention_guard_clock(prune->spec.now, highest, &ignored) < 0) {
        if (catalog_time_reset(catalog, prune->spec.now, err) < 0)
            return -1;
    } else if (catalog_time_seen(catalog, prune->spec.now, err) < 0)
        return -1;
    /* Phase 1: what the plan remembers, then complete -> deleting, group by group. From here on
     * any end of this process leaves something that the next run goes on with. */
    if (prune_remember(prune, err) < 0 || prune_mark(prune, err) < 0)
        return -1;
    /* Phase 2: all that is due, the manifest first (copy/remove.h); what was decided before goes
     * on, also in groups where nothing new is decided. */
    for (size_t i = 0; i < prune->stores.count; i++) {
        const struct remove_spec spec = {catalog, prune->stores.items[i], prune->spec.now};
        if (remove_due(&spec, false, &prune->removed, err) < 0)
            return -1;
    }
    return clear_away(prune, until, err);
}

static size_t count_removed(const struct prune *prune, enum remove_outcome outcome)
{
    size_t count = 0;
    for (size_t i = 0; i < prune->removed.count; i++)
        count += prune->removed.items[i].outcome == outcome;
    return count;
}

int prune_run(struct prune *prune, struct err *err)
{
    /* The summary stands in the record of the run, also of one that broke off. */
    int result = run_steps(prune, err);
    char *summary = memory_format(
        "deleted %zu, locked %zu, blocked %zu, later %zu, refused %zu groups",
        count_removed(prune, REMOVE_GONE), count_removed(prune, REMOVE_LOCKED),
        count_removed(prune, REMOVE_BLOCKED), count_removed(prune, REMOVE_LATER),
        prune->refused);
    session_set_summary(prune->spec.session, summary);
    free(summary);
    return result;
}

/* Linear: what was removed in one run is little, and asked for once by each form of output */
const struct remove_result *prune_result_of(const struct prune *prune, int64_t copy)
{
    for (size_t i = 0; i < prune->removed.count; i++) {
        if (prune->removed.items[i].copy == copy)
            return &prune->removed.items[i];
    }
    return NULL;
}

/* failed_keep and damaged_keep: no part of the plan's hash, as nothing good goes by them */
size_t prune_due_count(const struct prune *prune)
{
    size_t count = 0;
    for (size_t i = 0; i < prune->part_count; i++) {
        const struct retention_plan *plan = prune->parts[i].plan;
        for (size_t j = 0; j < plan->count; j++)
            count += plan->decisions[j].is_due;
    }
    return count;
}

enum outcome prune_outcome(const struct prune *prune, struct err *why)
{
    const struct err *missed = NULL; /* the first of the failures that somebody misses */
    for (size_t i = 0; missed == NULL && i < prune->stores.failure_count; i++) {
        if (!prune->stores.failures[i].excused)
            missed = &prune->stores.failures[i].err;
    }
    /* Locked ones are no undone work: they wait for a date. */
    size_t undone =
        count_removed(prune, REMOVE_BLOCKED) + count_removed(prune, REMOVE_LATER);
    err_clear(why);
    /* After the work: a guard of one group does not keep the others from being pruned. */
    if (prune_is_refused(prune, NULL) || prune->failed_groups > 0) {
        struct text text;
        text_init(&text, 1 << 16);
        (void)prune_is_refused(prune, &text);
        /* One sentence for the log; the plan has all of them. */
        size_t first = strcspn(text.data, "\n");
        bool more = text.data[first] != '\0' && text.data[first + 1] != '\0';
        if (first > 0)
            err_set(why, ERR_UNSAFE, "%.*s%s", first > 220 ? 220 : (int)first, text.data,
                    more ? " (and others, see the plan)" : "");
        else
            err_set(why, ERR_UNSAFE, "what is left of a group changed meanwhile");
        text_release(&text);
        return OUTCOME_FAILED;
    }
    if (missed != NULL && prune->stores.count == 0) {
        *why = *missed;
        why->kind = ERR_TRANSIENT; /* whatever each of them said: no store answers */
        return OUTCOME_FAILED;
    }
    /* A cap that is out of reach asks for somebody's decision as well (CONTRACT-NOTES 13) */
    bool partial = missed != NULL || undone > 0 || prune->untold > 0 || prune->over_cap;
    return partial ? OUTCOME_PARTIAL : OUTCOME_DONE;
}
