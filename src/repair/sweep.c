/*
 * The order in a store matters: recovery first, as it may complete what would otherwise
 * count as an orphan; then deletions; then uploads; orphans last, and only when nothing is
 * on its way there.
 */
#include "repair/sweep_steps.h"
#include "session/exit_status.h"

#include "session/lock.h"
#include "base/cancel.h"
#include "base/log.h"
#include "base/memory.h"
#include "catalog/leases.h"
#include "catalog/runs.h"

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

static int add_failure(const struct sweep_spec *spec, struct sweep_report *report,
                       const char *name, const struct err *why, struct err *err)
{
    struct repository_list *list = &report->stores;
    bool missed = true;
    if (spec->store == NULL &&
        repository_is_required(spec->settings, spec->catalog, name, &missed, err) < 0)
        return -1;
    memory_grow(&list->failures, &list->failure_capacity, list->failure_count + 1,
                sizeof *list->failures);
    list->failures[list->failure_count++] = (struct repository_failure){
        .name = memory_strdup(name), .err = *why, .excused = !missed};
    log_warning("skipped: %s", why->text);
    return 0;
}

/* known: the catalog has seen it; a store of the configuration that was never used may have
 * no mark and need not answer. */
static int open_store(const struct sweep_spec *spec, struct sweep_report *report,
                      const char *name, bool known, struct err *err)
{
    struct repository_list *list = &report->stores;
    struct err why = {0};
    struct repository *repository =
        repository_open(spec->settings, spec->catalog, name, false, &why);
    if (repository != NULL) {
        memory_grow(&list->items, &list->capacity, list->count + 1, sizeof *list->items);
        list->items[list->count++] = repository;
        return 0;
    }
    if (!err_is_of_store(why.kind)) {
        *err = why;
        return -1;
    }
    /* A configured store that was never used may be away for good reasons; that is not a
     * failure. */
    if (known)
        return add_failure(spec, report, name, &why, err);
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
    for (size_t i = 0; i < spec->settings->store_count; i++) {
        const char *name = spec->settings->stores[i].name;
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
    int result = catalog_stores_list(spec->catalog, &known, err);
    if (result == 0 && spec->store && !is_among(&known, spec->store) &&
        settings_require_store(spec->settings, spec->store, err) == NULL)
        result = -1;
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
    int result = recover_store(spec->catalog, sweep->repository, true, &counts, err);
    add_counts(&sweep->report->recovered, &counts);
    if (result == 0)
        result = remove_due(spec->catalog, sweep->repository, spec->now, true,
                            &sweep->report->removed, err);
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
        if (cancel_check(NULL, err) < 0 || sweep_store(&sweep, err) < 0)
            return -1;
    }
    if (recover_artifacts(spec->catalog, NULL, false, &report->ended, err) < 0)
        return -1;
    return catalog_leases_purge(spec->catalog, spec->now, err);
}

int sweep_run(const struct sweep_spec *spec, struct sweep_report *report, struct err *err)
{
    struct lock_spec lock_spec = {
        .catalog = catalog_path(spec->catalog), .kind = LOCK_REMOVAL, .command = "sweep"};
    struct err trouble = {0};
    int64_t run = 0;
    *report = (struct sweep_report){0};
    struct lock *lock = lock_take(&lock_spec, err);
    if (lock == NULL)
        return -1;
    int result = catalog_run_begin(spec->catalog, "sweep", NULL, &run, err);
    if (result == 0)
        result = sweep_all(spec, report, err);
    if (run != 0 &&
        catalog_run_end(spec->catalog, run,
                        result < 0 ? exit_status_of(OUTCOME_FAILED, err->kind, NULL) : 0,
                        result < 0 ? err->text : NULL, &trouble) < 0)
        log_warning("%s", trouble.text);
    lock_release(lock);
    return result;
}
