#include "tests/support/depot_prune.h"

#include "prune/delete_artifact.h"
#include "prune/pin.h"

int depot_prune(struct depot *depot, struct depot_prune *run)
{
    struct prune_spec spec = {.settings = &depot->settings,
                              .catalog = depot->catalog,
                              .job = run->job,
                              .store = run->store,
                              .yes = !run->dry,
                              .force = run->force,
                              .now = run->now ? run->now : depot->now};
    struct text refusal;
    err_clear(&depot->err);
    struct prune *prune = prune_new(&spec, &depot->err);
    if (prune == NULL)
        return -1;
    run->due = prune_due_count(prune);
    int result = run->dry ? 0 : prune_run(prune, &depot->err);
    memcpy(run->hash, prune->hash, sizeof run->hash);
    run->status = prune_exit_status(prune);
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
    return result;
}

int depot_delete(struct depot *depot, unsigned n, struct depot_delete *run)
{
    struct delete_spec spec = {.settings = &depot->settings,
                               .catalog = depot->catalog,
                               .id = depot_id(n),
                               .store = run->store,
                               .yes = !run->dry,
                               .now = depot->now};
    struct delete_outcome outcome;
    err_clear(&depot->err);
    int result = delete_artifact(&spec, &outcome, &depot->err);
    run->count = outcome.count;
    run->removed = outcome.removed.count;
    run->missed = outcome.stores.failure_count;
    run->only_row = outcome.only_row;
    delete_outcome_release(&outcome);
    return result;
}

static int change_pin(struct depot *depot, const struct pin_spec *spec, size_t *untold)
{
    size_t count = 0;
    err_clear(&depot->err);
    int result = pin_run(spec, &count, &depot->err);
    if (untold != NULL)
        *untold = count;
    return result;
}

int depot_pin(struct depot *depot, unsigned n, int64_t until, const char *reason,
              size_t *untold)
{
    struct pin_spec spec = {.settings = &depot->settings,
                            .catalog = depot->catalog,
                            .id = depot_id(n),
                            .pinned = true,
                            .until = until,
                            .reason = reason};
    return change_pin(depot, &spec, untold);
}

int depot_unpin(struct depot *depot, unsigned n, size_t *untold)
{
    struct pin_spec spec = {
        .settings = &depot->settings, .catalog = depot->catalog, .id = depot_id(n)};
    return change_pin(depot, &spec, untold);
}
