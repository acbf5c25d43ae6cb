/*
 * The list is made before the first drill: what is backed up meanwhile has its turn the next time.
 */
#include "drill/drill_all.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "catalog/artifact_list.h"

#include <stdlib.h>

struct session_spec drill_all_session(const struct drill_all_spec *spec)
{
    struct session_spec run = {
        .kind = "drill", .catalog = SESSION_WRITE, .recorded = true, .run = spec->run};
    if (spec->job != NULL) {
        run.job = spec->job;
        run.lock = SESSION_LOCK_CHECK;
    }
    return run;
}

/* One of the list, by its id: tables are loaded when its turn comes. */
struct candidate {
    char id[ULID_SIZE];
    int64_t drilled; /* last; 0: never */
};
struct candidates {
    struct candidate *items;
    size_t count, capacity;
};

static int drill_one(const struct drill_all_spec *spec, const char *id,
                     struct drill_all_result *sum, struct err *err)
{
    struct catalog_artifact artifact = {0};
    struct drill_result result = {0};
    struct err why = {0};
    int done =
        catalog_artifact_load(session_catalog(spec->session), id,
                              CATALOG_WITH_COPIES | CATALOG_WITH_TABLES, &artifact, err);
    if (done == 0) {
        const struct drill_spec one = {.session = spec->session,
                                       .artifact = &artifact,
                                       .store = spec->among.store,
                                       .to = spec->to,
                                       .against = spec->against};
        done = drill_run(&one, &result, &why, err);
    }
    if (done == 0) {
        sum->drilled++;
        sum->good += result.verification.result == CATALOG_GOOD;
        sum->other +=
            result.verification.result == CATALOG_GOOD && result.against.differences > 0;
        sum->undecided += result.verification.result == CATALOG_UNDECIDED;
        if (result.verification.result == CATALOG_UNDECIDED && sum->first.kind == ERR_NONE)
            sum->first = why;
        if (spec->drilled != NULL)
            spec->drilled(spec->context, &artifact, &result);
    }
    drill_result_release(&result);
    catalog_artifact_release(&artifact);
    return done;
}

static void add(struct candidates *list, const char *id, int64_t drilled)
{
    struct candidate *one =
        memory_append(&list->items, &list->count, &list->capacity, sizeof *one);
    memcpy(one->id, id, ULID_SIZE);
    one->drilled = drilled;
}

/* Groups are what retention compares: another filter is another backup. */
static bool is_first_of_group(const struct catalog_artifact *artifact,
                              struct strlist *groups)
{
    char *group = memory_format("%s\n%s\n%s\n%s\n%s\n%s", artifact->job, artifact->source,
                                artifact->origin, artifact->database, artifact->type,
                                artifact->filters_hash);
    bool first = !strlist_has(groups, group);
    if (first)
        strlist_add(groups, group);
    free(group);
    return first;
}

/* Never drilled ones first, then by how long it is ago. */
static int by_turn(const void *a, const void *b)
{
    const struct candidate *one = a, *other = b;
    if (one->drilled != other->drilled)
        return one->drilled < other->drilled ? -1 : 1;
    /* Newer first: ids ascend in time. */
    return strcmp(other->id, one->id);
}

static int list_filtered(const struct drill_all_spec *spec, struct candidates *list,
                         struct err *err)
{
    struct catalog_artifacts artifacts = {0};
    struct strlist groups = {0};
    struct catalog *catalog = session_catalog(spec->session);
    const struct catalog_filter filter = {.job = spec->job,
                                          .database = spec->among.database,
                                          .type = spec->among.type,
                                          .until = spec->among.before,
                                          .store = spec->among.store,
                                          .statuses = 1u << CATALOG_COMPLETE};
    int result = catalog_artifacts_list(catalog, &filter, 0, &artifacts, err);
    for (size_t i = 0; result == 0 && i < artifacts.count; i++) {
        const struct catalog_artifact *artifact = &artifacts.items[i];
        int64_t drilled = 0;
        if (!drill_is_possible(artifact) ||
            (!spec->all && !is_first_of_group(artifact, &groups)))
            continue;
        if (spec->all)
            result = catalog_verification_drilled(catalog, artifact->id, &drilled, err);
        add(list, artifact->id, drilled);
    }
    if (spec->all && list->count > 0)
        qsort(list->items, list->count, sizeof *list->items, by_turn);
    strlist_release(&groups);
    catalog_artifacts_release(&artifacts);
    return result;
}

static int list_named(const struct drill_all_spec *spec, struct candidates *list,
                      struct err *err)
{
    for (size_t i = 0; i < spec->names->count; i++) {
        struct catalog_choice choice = spec->among;
        char id[ULID_SIZE];
        choice.text = spec->names->items[i];
        if (catalog_artifact_find(session_catalog(spec->session), &choice, id, err) < 0)
            return -1;
        add(list, id, 0);
    }
    return 0;
}

int drill_all(const struct drill_all_spec *spec, struct drill_all_result *result,
              struct err *err)
{
    struct candidates list = {0};
    int64_t end = clock_monotonic_ms() + spec->budget_s * 1000;
    *result = (struct drill_all_result){0};
    int done = session_require_store(spec->session, spec->among.store, err);
    if (done == 0)
        done = session_require_job(spec->session, spec->job, err);
    if (done == 0)
        done = spec->names->count > 0 ? list_named(spec, &list, err)
                                      : list_filtered(spec, &list, err);
    for (size_t i = 0; done == 0 && i < list.count; i++) {
        done = cancel_check(session_cancel(spec->session), err);
        if (done == 0 && spec->budget_s > 0 && clock_monotonic_ms() >= end) {
            result->left = list.count - i;
            break;
        }
        struct err why = {0};
        if (done == 0)
            done = drill_one(spec, list.items[i].id, result, &why);
        /* Of many one that has no copy to read is a failure of its own. */
        if (done < 0 && why.kind != ERR_NONE) {
            if (list.count > 1 && !drill_ends_all(why.kind)) {
                log_warning("%s: %s", list.items[i].id, why.text);
                result->drilled++;
                if (why.kind != ERR_CORRUPT && why.kind != ERR_NOT_FOUND) {
                    result->undecided++;
                    if (result->first.kind == ERR_NONE)
                        result->first = why;
                }
                done = 0;
            } else {
                *err = why;
            }
        }
    }
    free(list.items);
    return done;
}

enum outcome drill_all_outcome(const struct drill_all_result *result, struct err *why)
{
    size_t bad = result->drilled - result->good - result->undecided;
    err_clear(why);
    /* Damage outweighs what merely could not be decided. */
    if (bad > 0)
        err_set(why, ERR_CORRUPT, "%zu of %zu backups did not stand their drill", bad,
                result->drilled);
    else if (result->undecided > 0) {
        *why = result->first;
        err_context(why, "%zu of %zu backups could not be drilled", result->undecided,
                    result->drilled);
    } else if (result->other > 0)
        err_set(why, ERR_CORRUPT, "%zu of %zu backups differ from the live database",
                result->other, result->drilled);
    return why->kind == ERR_NONE ? OUTCOME_DONE : OUTCOME_FAILED;
}
