#include "tests/support/depot_prune.h"

#include "prune/delete_artifact.h"
#include "prune/pin.h"

int depot_prune(struct depot *depot, struct depot_prune *run)
{
    struct session_spec run_spec = prune_session(run->job, !run->dry);
    struct prune_spec spec = {.session = depot_session(depot, &run_spec),
                              .job = run->job,
                              .store = run->store,
                              .yes = !run->dry,
                              .force = run->force,
                              .now = run->now ? run->now : depot->now};
    struct text refusal;
    struct err why = {0};
    if (spec.session == NULL)
        return -1;
    struct prune *prune = prune_new(&spec, &depot->err);
    if (prune == NULL) {
        (void)session_end(spec.session, OUTCOME_FAILED, &depot->err);
        return -1;
    }
    run->due = prune_due_count(prune);
    int result = run->dry ? 0 : prune_run(prune, &depot->err);
    memcpy(run->hash, prune->hash, sizeof run->hash);
    enum outcome outcome = result < 0 ? OUTCOME_FAILED : prune_outcome(prune, &why);
    prune_rest_hash(prune, run->rest);
    run->marked = prune->marked;
    run->skipped = prune->skipped;
    run->untold = prune->untold;
    run->failed_groups = prune->failed_groups;
    run->removed = prune->removed.count;
    run->refused = prune->refused;
    run->missed = prune->stores.failure_count;
    run->over_cap = prune->over_cap;
    text_init(&refusal, sizeof run->refusal - 1);
    (void)prune_is_refused(prune, &refusal);
    snprintf(run->refusal, sizeof run->refusal, "%s", refusal.data);
    text_release(&refusal);
    prune_free(prune);
    run->status = session_end(spec.session, outcome, result < 0 ? &depot->err : &why);
    return result;
}

int depot_delete(struct depot *depot, unsigned n, struct depot_delete *run)
{
    struct session_spec run_spec = delete_session(!run->dry);
    struct delete_spec spec = {.session = depot_session(depot, &run_spec),
                               .id = depot_id(n),
                               .store = run->store,
                               .yes = !run->dry,
                               .force = run->force,
                               .now = depot->now};
    struct delete_outcome outcome;
    if (spec.session == NULL)
        return -1;
    int result = delete_artifact(&spec, &outcome, &depot->err);
    run->count = outcome.count;
    run->removed = outcome.removed.count;
    run->missed = outcome.stores.failure_count;
    run->only_row = outcome.only_row;
    run->last_good = outcome.last_good;
    memcpy(run->hash, outcome.hash, sizeof run->hash);
    run->status = session_end(
        spec.session, result < 0 ? OUTCOME_FAILED : delete_artifact_outcome(&outcome),
        result < 0 ? &depot->err : NULL);
    delete_outcome_release(&outcome);
    return result;
}

static int change_pin(struct depot *depot, struct pin_spec *spec, size_t *untold)
{
    size_t count = 0;
    struct session_spec run_spec = {.kind = "pin", .catalog = SESSION_WRITE};
    spec->session = depot_session(depot, &run_spec);
    if (spec->session == NULL)
        return -1;
    int result = pin_run(spec, &count, &depot->err);
    (void)session_end(spec->session, OUTCOME_DONE, NULL);
    if (untold != NULL)
        *untold = count;
    return result;
}

int depot_pin(struct depot *depot, unsigned n, int64_t until, const char *reason,
              size_t *untold)
{
    struct pin_spec spec = {
        .id = depot_id(n), .pinned = true, .until = until, .reason = reason};
    return change_pin(depot, &spec, untold);
}

int depot_unpin(struct depot *depot, unsigned n, size_t *untold)
{
    struct pin_spec spec = {.id = depot_id(n)};
    return change_pin(depot, &spec, untold);
}
