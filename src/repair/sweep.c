/*
 * The order in a store matters: recovery first, as it may complete what would otherwise
 * count as an orphan; then deletions; then uploads; orphans last, and only when nothing is
 * on its way there.
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

int64_t sweep_store_time(const struct sweep *sweep)
{
    bool known = false;
    int64_t offset = store_clock_offset(sweep->repository->store, &known);
    return sweep->spec->now + (known ? offset : 0);
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

static bool is_among(const struct catalog_stores *stores, const char *name)
{
    for (size_t i = 0; i < stores->count; i++) {
        if (strcmp(stores->items[i].name, name) == 0)
            return true;
    }
    return false;
}

static int open_all(const struct sweep_spec *spec, struct sweep_report *report,
                    const struct catalog_stores *known, struct err *err)
{
    for (size_t i = 0; i < known->count; i++) {
        const struct catalog_store *row = &known->items[i];
        if ((spec->store == NULL || strcmp(spec->store, row->name) == 0) &&
            open_store(spec, report, row->name, *row->uuid != '\0', err) < 0)
            return -1;
    }
    const struct settings *settings = session_settings(spec->session);
    for (size_t i = 0; i < settings->store_count; i++) {
        const char *name = settings->stores[i].name;
        if ((spec->store == NULL || strcmp(spec->store, name) == 0) &&
            !is_among(known, name) &&
            open_store(spec, report, name, spec->store != NULL, err) < 0)
            return -1;
    }
    return 0;
}

static int open_stores(const struct sweep_spec *spec, struct sweep_report *report,
                       struct err *err)
{
    struct catalog_stores known = {0};
    int result = catalog_stores_list(session_catalog(spec->session), &known, err);
    if (result == 0)
        result = session_require_store(spec->session, spec->store, err);
    if (result == 0)
        result = open_all(spec, report, &known, err);
    catalog_stores_release(&known);
    return result;
}

/* ---- one store ---- */

static void add_counts(struct recover_counts *sum, const struct recover_counts *more)
{
    sum->completed += more->completed;
    sum->cleaned += more->cleaned;
    sum->left += more->left;
    sum->failed += more->failed;
}

static int sweep_rest(const struct sweep *sweep, struct err *err)
{
    size_t open = 0;
    if (sweep_uploads(sweep, &open, err) < 0)
        return -1;
    if (!sweep->spec->orphans)
        return 0;
    if (open == 0)
        return sweep_orphans(sweep, err);
    char count[64];
    log_warning("store \"%s\": %s open: orphans are not looked for",
                sweep->repository->name,
                text_count(count, open, "upload is", "uploads are"));
    return 0;
}

static int sweep_store(const struct sweep *sweep, struct err *err)
{
    const struct sweep_spec *spec = sweep->spec;
    struct recover_counts counts = {0};
    struct err why = {0};
    int result = recover_store(session_catalog(spec->session), sweep->repository, true,
                               &counts, err);
    add_counts(&sweep->report->recovered, &counts);
    if (result == 0)
        result = remove_due(session_catalog(spec->session), sweep->repository, spec->now,
                            true, &sweep->report->removed, err);
    if (result < 0 || sweep_rest(sweep, &why) == 0)
        return result;
    if (!err_is_of_store(why.kind)) {
        *err = why;
        return -1;
    }
    log_warning("store \"%s\": %s", sweep->repository->name, why.text);
    sweep->report->failed++;
    return 0;
}

static int sweep_all(const struct sweep_spec *spec, struct sweep_report *report,
                     struct err *err)
{
    if (open_stores(spec, report, err) < 0)
        return -1;
    for (size_t i = 0; i < report->stores.count; i++) {
        struct sweep sweep = {spec, report->stores.items[i], report};
        if (cancel_check(session_cancel(spec->session), err) < 0 ||
            sweep_store(&sweep, err) < 0)
            return -1;
    }
    if (recover_artifacts(session_catalog(spec->session), NULL, false, &report->ended,
                          err) < 0)
        return -1;
    if (catalog_leases_purge(session_catalog(spec->session), spec->now, err) < 0)
        return -1;
    return recover_forget_history(session_catalog(spec->session), spec->now, err);
}

struct session_spec sweep_session(void)
{
    return (struct session_spec){.kind = "sweep",
                                 .catalog = SESSION_WRITE,
                                 .lock = SESSION_LOCK_REMOVAL,
                                 .recorded = true};
}

int sweep_run(const struct sweep_spec *spec, struct sweep_report *report, struct err *err)
{
    *report = (struct sweep_report){0};
    return sweep_all(spec, report, err);
}

enum outcome sweep_outcome(const struct sweep_report *report, struct err *why)
{
    size_t missed = repository_list_required_failures(&report->stores);
    /* Locked and foreign things are no undone work: they wait for a date, or their owner. */
    bool undone = report->failed + report->recovered.failed > 0;
    for (size_t i = 0; i < report->removed.count; i++)
        undone |= report->removed.items[i].outcome == REMOVE_BLOCKED ||
                  report->removed.items[i].outcome == REMOVE_LATER;
    err_clear(why);
    if (missed > 0 && report->stores.count == 0) {
        err_set(why, ERR_TRANSIENT, "no store answers");
        return OUTCOME_FAILED;
    }
    return undone || missed > 0 ? OUTCOME_PARTIAL : OUTCOME_DONE;
}
