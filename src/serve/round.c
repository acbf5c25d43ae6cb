/*
 * First what the dead left open is closed, since a job that looks busy would wait for ever; then, in
 * one transaction, every job is read, decided about and written. Two rounds at one moment are one
 * after the other, and the second finds the pending row of the first.
 */
#include "serve/round.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "catalog/db/schedules.h"
#include "report/jobs.h"
#include "session/settle.h"

void round_release(struct round *round)
{
    free(round->requested);
    *round = (struct round){0};
}

/* ---- what is due ---- */

/* A pending row, and a line that says why. */
static int request(struct catalog *catalog, const struct jobs_row *row,
                   const struct due *due, struct round *out, struct err *err)
{
    char kind[16], time[32];
    bool retry = due->what == DUE_RETRY && row->last != NULL;
    (void)snprintf(kind, sizeof kind, "%s", jobs_kind_name(row->kind));
    struct catalog_run wish = {.kind = kind,
                               .job = row->settings->name,
                               .cause =
                                   retry ? CATALOG_RUN_BY_RETRY : CATALOG_RUN_BY_SCHEDULE,
                               .due = due->time,
                               .retry = retry ? row->last->retry + 1 : 0};
    int64_t id = 0;
    if (catalog_run_request(catalog, &wish, &id, err) < 0)
        return -1;
    if (retry)
        log_info("job \"%s\": retry %lld of %lld, as run %lld", row->settings->name,
                 (long long)wish.retry, (long long)row->settings->retries, (long long)id);
    else
        log_info("job \"%s\"%s is due since %s: run %lld", row->settings->name,
                 row->kind == JOBS_BACKUP   ? ""
                 : row->kind == JOBS_VERIFY ? ": a verification"
                                            : ": a drill",
                 clock_local(time, due->time), (long long)id);
    int64_t *last = memory_append(&out->requested, &out->requested_count,
                                  &out->requested_capacity, sizeof *last);
    *last = id;
    return 0;
}

static int look_at(struct catalog *catalog, const struct jobs_row *row, int64_t now,
                   struct round *out, struct err *err)
{
    char time[32];
    /* The decision is pure; all that is left to do here is to write it down. */
    struct due_job known = jobs_due(row);
    struct due due;
    due_decide(&known, now, &due);
    /* One that is off remembers just that: another rule, by which what it misses is nobody's. */
    if (!row->settings->enabled && row->handled == 0)
        due.handled = now;
    if (due.handled != row->handled &&
        catalog_schedule_set(catalog, row->key, row->rule, due.handled - jobs_delay(row),
                             err) < 0)
        return -1;
    if (due.skipped != 0)
        log_warning("job \"%s\": missed at %s, left out (catch_up)", row->settings->name,
                    clock_local(time, due.skipped));
    if (due.next < out->next)
        out->next = due.next;
    return due.what == DUE_NOTHING ? 0 : request(catalog, row, &due, out, err);
}

/* Jobs as they stand, and of each first what has been due for longest: a verification has its turn
 * also beside backups that are due all the time. */
static int by_turn(const void *left, const void *right)
{
    const struct jobs_row *a = left, *b = right;
    if (a->settings != b->settings)
        return a->settings < b->settings ? -1 : 1;
    return a->next != b->next ? (a->next < b->next ? -1 : 1) : (int)a->kind - (int)b->kind;
}

int round_look(const struct settings *settings, struct catalog *catalog, int64_t now,
               struct round *out, struct err *err)
{
    struct jobs jobs = {0};
    out->next = INT64_MAX;
    out->requested_count = 0;
    if (settle_runs(settings, catalog, err) < 0 || catalog_begin(catalog, err) < 0)
        return -1;
    int result = jobs_load(&jobs, settings, catalog, now, err);
    if (result == 0 && jobs.count > 0)
        qsort(jobs.items, jobs.count, sizeof *jobs.items, by_turn);
    for (size_t i = 0; result == 0 && i < jobs.count; i++) {
        struct jobs_row *row = &jobs.items[i];
        size_t before = out->requested_count;
        result = look_at(catalog, row, now, out, err);
        /* Of one job one run at a time: what else it does waits for this one. */
        bool busy = row->busy || out->requested_count > before;
        if (busy && i + 1 < jobs.count && jobs.items[i + 1].settings == row->settings)
            jobs.items[i + 1].busy = true;
    }
    jobs_release(&jobs);
    /* Half a round is none: what was asked for and what is remembered belong together. */
    if (result == 0)
        return catalog_commit(catalog, err);
    catalog_rollback(catalog);
    return -1;
}
