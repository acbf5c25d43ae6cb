#include "tests/support/depot_repair.h"

#include "base/memory.h"
#include "catalog/stores.h"

#include <check.h>

int depot_sweep(struct depot *depot, struct depot_sweep *run)
{
    struct session_spec run_spec = sweep_session();
    struct sweep_spec spec = {.session = depot_session(depot, &run_spec),
                              .store = run->store,
                              .orphans = run->orphans,
                              .now = run->now ? run->now : depot->now};
    struct sweep_report report;
    struct err why = {0};
    if (spec.session == NULL)
        return -1;
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
    run->status = session_end(spec.session,
                              result < 0 ? OUTCOME_FAILED : sweep_outcome(&report, &why),
                              result < 0 ? &depot->err : &why);
    sweep_report_release(&report);
    return result;
}

int depot_sync(struct depot *depot, enum depot_place place, struct sync_result *result)
{
    struct session_spec run_spec = {.kind = "catalog sync", .catalog = SESSION_WRITE};
    struct session *session = depot_session(depot, &run_spec);
    int done = -1;
    *result = (struct sync_result){0};
    if (session == NULL)
        return -1;
    struct repository *repository =
        session_repository(session, depot_place_name(place), false, &depot->err);
    if (repository != NULL)
        done = sync_store(session, repository, result, &depot->err);
    (void)session_end(session, OUTCOME_DONE, NULL);
    return done;
}

char *depot_check(struct depot *depot, enum depot_place place)
{
    struct repository *repository = depot_open(depot, place);
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
    struct rebuild_result result = {0};
    struct session_spec run_spec = rebuild_session();
    struct session *session = depot_session(depot, &run_spec);
    int done = session == NULL ? -1 : rebuild_run(session, run->only, &result, &depot->err);
    if (session != NULL)
        run->status =
            session_end(session, done < 0 ? OUTCOME_FAILED : rebuild_outcome(&result),
                        done < 0 ? &depot->err : NULL);
    run->stores = result.count;
    run->unused = result.unused;
    run->artifacts = result.artifacts;
    run->damaged = result.damaged;
    run->kept = memory_strdup(result.kept);
    rebuild_result_release(&result);
    depot_reopen(depot);
    return done;
}
