/*
 * The order in a store matters: recovery first, as it may complete what would otherwise
 * count as an orphan; then deletions; then uploads. Orphans come last of all, once no store
 * holds an unfinished copy of a dead process any more: until then its artifact counts as a
 * backup that runs.
 */
#include "repair/sweep_steps.h"

#include "base/log.h"
#include "base/memory.h"
#include "catalog/leases.h"

void sweep_report_release(struct sweep_report *report)
{
    repository_list_release(&report->stores);
    remove_results_release(&report->removed);
}

/* ---- stores ---- */

/* known: the catalog has seen it. A store of the configuration that was never used may have no
 * mark, and may be away for good reasons: that is not a failure. */
static int open_store(const struct sweep_spec *spec, struct sweep_report *report,
                      const char *name, bool known, struct err *err)
{
    struct err why = {0};
    struct session_store store = {.name = name, .named = spec->store != NULL};
    struct repository *repository = session_repository(spec->session, name, false, &why);
    if (repository != NULL)
        repository_list_add(&report->stores, repository);
    else if (known || err_is_fatal(why.kind))
        return session_skip(spec->session, &store, &why, &report->stores, err);
    else
        log_debug("%s", why.text);
    return 0;
}

/* Crashes may have left something in any store that this catalog ever wrote to, and in one
 * that was configured and never got its first row. */
static int open_stores(const struct sweep_spec *spec, struct sweep_report *report,
                       struct err *err)
{
    const struct settings *settings = session_settings(spec->session);
    struct catalog_stores known = {0};
    int64_t forgotten = 0;
    int result =
        catalog_stores_forget_unreached(session_catalog(spec->session), &forgotten, err);
    if (forgotten > 0)
        log_info("%lld store(s) of a command line that never answered are forgotten",
                 (long long)forgotten);
    if (result == 0)
        result = catalog_stores_list(session_catalog(spec->session), &known, err);
    if (result == 0)
        result = session_require_store(spec->session, spec->store, err);

    /* Those of the catalog. One with a mark is told when it does not answer, and so is an ad-hoc
     * one: it is here because a command wrote to it. */
    for (size_t i = 0; result == 0 && i < known.count; i++) {
        const struct catalog_store *row = &known.items[i];
        if (spec->store == NULL || strcmp(spec->store, row->name) == 0)
            result =
                open_store(spec, report, row->name, *row->uuid != '\0' || row->adhoc, err);
    }

    /* Those that only the configuration names. */
    for (size_t i = 0; result == 0 && i < settings->store_count; i++) {
        const char *name = settings->stores[i].name;
        bool wanted = spec->store == NULL || strcmp(spec->store, name) == 0;
        for (size_t j = 0; wanted && j < known.count; j++)
            wanted = strcmp(known.items[j].name, name) != 0; /* was opened above */
        if (wanted)
            result = open_store(spec, report, name, spec->store != NULL, err);
    }
    catalog_stores_release(&known);
    return result;
}

/* ---- one store ---- */

/* What a store refuses is counted, and the other stores go on; all else ends the run. */
static int pass_over(const struct sweep *sweep, const struct err *why, struct err *err)
{
    if (!err_is_of_store(why->kind)) {
        *err = *why;
        return -1;
    }
    log_warning("store \"%s\": %s", sweep->repository->name, why->text);
    sweep->report->failed++;
    return 0;
}

/* Steps 1 to 3. */
static int settle_store(struct sweep *sweep, struct err *err)
{
    const struct sweep_spec *spec = sweep->spec;
    struct catalog *catalog = session_catalog(spec->session);
    struct recover_counts *sum = &sweep->report->recovered, counts = {0};
    struct err why = {0};
    const struct remove_spec removing = {catalog, sweep->repository, spec->now};

    /* 1: the copies of dead processes. What was done counts also when the rest failed. */
    int result = recover_store(catalog, sweep->repository, true, &counts, err);
    sum->completed += counts.completed;
    sum->cleaned += counts.cleaned;
    sum->left += counts.left;
    sum->failed += counts.failed;

    /* 2: deletions that were begun. */
    if (result == 0)
        result = remove_due(&removing, true, &sweep->report->removed, err);
    if (result < 0)
        return -1;

    /* 3: uploads that no row speaks for. By now the store has answered often enough for its
     * clock to be known; a folder's is ours. */
    bool known = false;
    int64_t offset = store_clock_offset(sweep->repository->store, &known);
    sweep->store_now = spec->now + (known ? offset : 0);
    if (sweep_uploads(sweep, &sweep->open, &why) < 0)
        return pass_over(sweep, &why, err);
    sweep->settled = true;
    return 0;
}

/* Step 4. A store that could not be asked for its uploads is not searched. */
static int search_store(const struct sweep *sweep, struct err *err)
{
    struct err why = {0};
    char count[64];
    if (!sweep->settled)
        return 0;
    if (sweep->open == 0)
        return sweep_orphans(sweep, &why) < 0 ? pass_over(sweep, &why, err) : 0;
    log_warning("store \"%s\": %s open: orphans are not looked for",
                sweep->repository->name,
                text_count(count, sweep->open, "upload is", "uploads are"));
    return 0;
}

/* ---- the run ---- */

struct session_spec sweep_session(void)
{
    return (struct session_spec){.kind = "sweep",
                                 .catalog = SESSION_WRITE,
                                 .lock = SESSION_LOCK_REMOVAL,
                                 .recorded = true};
}

/* Three walks over the stores, since what one leaves open decides about another. */
int sweep_run(const struct sweep_spec *spec, struct sweep_report *report, struct err *err)
{
    struct catalog *catalog = session_catalog(spec->session);
    *report = (struct sweep_report){0};
    /* Elsewhere than in stores; first, because a store may be away for long. */
    int result =
        spec->store == NULL ? target_sweep(spec->session, &report->drills, err) : 0;
    if (result == 0)
        result = open_stores(spec, report, err);
    /* What each store came to is needed again for its orphans, after all others were
     * settled. */
    size_t count = report->stores.count;
    struct sweep *sweeps = memory_array(count + 1, sizeof *sweeps);

    for (size_t i = 0; result == 0 && i < count; i++) {
        sweeps[i] = (struct sweep){
            .spec = spec, .repository = report->stores.items[i], .report = report};
        result = cancel_check(session_cancel(spec->session), err);
        if (result == 0)
            result = settle_store(&sweeps[i], err);
    }

    /* An artifact ends when none of its copies is unfinished, in whatever store. Before the
     * orphans: while it counts as running none are looked for. */
    if (result == 0)
        result = recover_artifacts(catalog, NULL, false, &report->ended, err);

    for (size_t i = 0; result == 0 && spec->orphans && i < count; i++) {
        result = cancel_check(session_cancel(spec->session), err);
        if (result == 0)
            result = search_store(&sweeps[i], err);
    }

    /* Leases of processes that ended hold nothing back any more. */
    if (result == 0)
        result = catalog_leases_purge(catalog, spec->now, err);
    if (result == 0)
        result = recover_forget_history(catalog, spec->now, err);
    free(sweeps);
    return result;
}

/* From worst to best: nothing reached, something undone, all well. */
enum outcome sweep_outcome(const struct sweep_report *report, struct err *why)
{
    size_t missed = repository_list_required_failures(&report->stores);
    /* Locked and foreign things are no undone work: they wait for a date, or their owner. */
    bool undone = report->failed + report->recovered.failed + report->drills.failed > 0;
    for (size_t i = 0; i < report->removed.count; i++)
        undone |= report->removed.items[i].outcome == REMOVE_BLOCKED ||
                  report->removed.items[i].outcome == REMOVE_LATER;
    err_clear(why);
    /* Where no store was reached nothing was swept, whoever misses them (CONTRACT-NOTES 13). */
    if (report->stores.failure_count > 0 && report->stores.count == 0) {
        *why = report->stores.failures[0].err;
        why->kind = ERR_TRANSIENT; /* whatever each of them said */
        if (report->stores.failure_count > 1)
            err_context(why, "none of %zu stores was reached",
                        report->stores.failure_count);
        return OUTCOME_FAILED;
    }
    return undone || missed > 0 ? OUTCOME_PARTIAL : OUTCOME_DONE;
}
