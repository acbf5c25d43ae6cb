#include "tests/support/depot_repair.h"

#include "base/memory.h"
#include "catalog/stores.h"

#include <check.h>

int depot_sweep(struct depot *depot, struct depot_sweep *run)
{
    struct sweep_spec spec = {.settings = &depot->settings,
                              .catalog = depot->catalog,
                              .store = run->store,
                              .orphans = run->orphans,
                              .now = run->now ? run->now : depot->now};
    struct sweep_report report;
    err_clear(&depot->err);
    int result = sweep_run(&spec, &report, &depot->err);
    run->recovered = report.recovered;
    run->ended = report.ended;
    run->removed = report.removed.count;
    run->aborted = report.aborted;
    run->left_uploads = report.left_uploads;
    run->orphaned = report.orphans;
    run->young_orphans = report.young_orphans;
    run->unknown = report.unknown;
    run->failed = report.failed;
    run->missed = report.stores.failure_count;
    sweep_report_release(&report);
    return result;
}

static struct repository *open_place(struct depot *depot, enum depot_place place)
{
    err_clear(&depot->err);
    return repository_open(&depot->settings, depot->catalog, depot_place_name(place), false,
                           &depot->err);
}

int depot_sync(struct depot *depot, enum depot_place place, struct sync_result *result)
{
    struct repository *repository = open_place(depot, place);
    *result = (struct sync_result){0};
    if (repository == NULL)
        return -1;
    int done =
        sync_store(&depot->settings, depot->catalog, repository, result, &depot->err);
    repository_close(repository);
    return done;
}

char *depot_check(struct depot *depot, enum depot_place place)
{
    struct repository *repository = open_place(depot, place);
    struct check_result result;
    struct text text;
    char *found = NULL;
    if (repository == NULL)
        return NULL;
    text_init(&text, 1 << 16);
    if (check_store(depot->catalog, repository, depot->now, &result, &depot->err) == 0) {
        for (size_t i = 0; i < result.count; i++)
            text_addf(&text, "%s%s %u", i > 0 ? ", " : "",
                      check_kind_name(result.items[i].kind),
                      depot_number(result.items[i].id));
        found = text_take(&text);
    }
    check_result_release(&result);
    text_release(&text);
    repository_close(repository);
    return found;
}

int depot_rebuild(struct depot *depot, struct depot_rebuild *run)
{
    struct rebuild_result result;
    err_clear(&depot->err);
    int done = rebuild_run(&depot->settings, run->only, &result, &depot->err);
    run->stores = result.count;
    run->unused = result.unused;
    run->artifacts = result.artifacts;
    run->damaged = result.damaged;
    run->kept = memory_strdup(result.kept);
    rebuild_result_release(&result);
    depot_reopen(depot);
    return done;
}
