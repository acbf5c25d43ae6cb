/*
 * Which artifacts are of one run, then one restore after the other. What the run missed is told at
 * the end: who restores a whole server must know what is not on it.
 */
#include "backup/restore_all.h"

#include "base/memory.h"
#include "base/parse.h"
#include "catalog/artifact_find.h"
#include "catalog/artifact_group.h"
#include "catalog/artifact_list.h"
#include "catalog/run_databases.h"
#include "catalog/runs.h"
#include "postgres/conninfo.h"
#include "postgres/server.h"

struct whole {
    const struct restore_all_spec *spec;
    struct restore_all_result *result;
    int64_t run; /* number of the run; 0: the catalog knows none */
    char *job;
    struct catalog_artifacts all;           /* complete ones of the job, newest first */
    const struct catalog_artifact **chosen; /* in the order in which they come back */
    size_t count;
};

static struct catalog *catalog_of(const struct whole *whole)
{
    return session_catalog(whole->spec->session);
}

/* ---- which run ---- */

static bool is_globals(const struct catalog_artifact *artifact)
{
    return strcmp(artifact->type, dump_type_name(DUMP_GLOBALS)) == 0;
}

/* The run of this number, or the one that made `anchor`. Absent is a normal answer of the latter. */
static int find_run(struct whole *whole, int64_t number,
                    const struct catalog_artifact *anchor, struct catalog_run *out,
                    struct catalog_runs *runs, struct err *err)
{
    const struct catalog_run_filter filter = {.kind = "backup", .id = number};
    *out = (struct catalog_run){0};
    if (catalog_runs_list(catalog_of(whole), &filter, runs, err) < 0)
        return -1;
    for (size_t i = 0; i < runs->count; i++) {
        const struct catalog_run *run = &runs->items[i];
        bool of_it = anchor == NULL || (run->started <= anchor->started &&
                                        text_equal(run->owner, anchor->owner) &&
                                        (run->ended == 0 || run->ended >= anchor->started));
        if (!of_it)
            continue;
        *out = *run; /* borrowed from the list */
        return 0;
    }
    return 0;
}

/* Newest first, so a database that comes a second time is of an earlier run. */
static bool is_chosen(const struct whole *whole, const struct catalog_artifact *artifact)
{
    for (size_t i = 0; i < whole->count; i++)
        if (strcmp(whole->chosen[i]->database, artifact->database) == 0 &&
            is_globals(whole->chosen[i]) == is_globals(artifact))
            return true;
    return false;
}

/* Of type full or globals, and not cut down by hand. */
static bool is_regular(const struct catalog_artifact *artifact)
{
    bool data = strcmp(artifact->type, dump_type_name(DUMP_FULL)) == 0;
    return (data || is_globals(artifact)) && !catalog_artifact_is_partial(artifact);
}

/* All that a known run made: what was begun while it went on, by its process. */
static void choose_of_run(struct whole *whole, const struct catalog_run *run)
{
    for (size_t i = 0; i < whole->all.count; i++) {
        const struct catalog_artifact *one = &whole->all.items[i];
        if (is_regular(one) && !is_chosen(whole, one) && one->started >= run->started &&
            (run->ended == 0 || one->started <= run->ended) &&
            text_equal(one->owner, run->owner))
            whole->chosen[whole->count++] = one;
    }
}

/* Where no run is known: what was taken right before it and right after it, without a gap, until a
 * database comes a second time. */
static void choose_around(struct whole *whole, size_t anchor)
{
    whole->chosen[whole->count++] = &whole->all.items[anchor];
    for (int direction = 1; direction >= -1; direction -= 2) {
        const struct catalog_artifact *last = &whole->all.items[anchor];
        /* They come newest first, so the older ones have the higher index. */
        for (size_t i = anchor + (size_t)direction; i < whole->all.count;
             i += (size_t)direction) {
            const struct catalog_artifact *one = &whole->all.items[i];
            int64_t gap = direction > 0 ? last->started - one->finished
                                        : one->started - last->finished;
            if (!is_regular(one))
                continue;
            if (gap > RESTORE_ALL_GAP_S || is_chosen(whole, one))
                break;
            whole->chosen[whole->count++] = last = one;
        }
    }
}

/* The globals first, since databases belong to roles; then as they were taken. */
static int compare(const void *a, const void *b)
{
    const struct catalog_artifact *one = *(const struct catalog_artifact *const *)a;
    const struct catalog_artifact *other = *(const struct catalog_artifact *const *)b;
    if (is_globals(one) != is_globals(other))
        return is_globals(one) ? -1 : 1;
    return (one->seq > other->seq) - (one->seq < other->seq);
}

/* The job's newest, whatever its database, as `latest` chooses: a backup whose clock was wrong does
 * not stand for the run. Or the very artifact that was named. */
static int find_anchor(const struct whole *whole, char id[ULID_SIZE], struct err *err)
{
    const struct catalog_choice choice = {
        .text = whole->spec->run,
        .any_database = text_starts_with(whole->spec->run, "latest:")};
    return catalog_artifact_find(catalog_of(whole), &choice, id, err);
}

static int load_job(struct whole *whole, struct err *err)
{
    const struct catalog_filter filter = {.job = whole->job,
                                          .statuses = 1u << CATALOG_COMPLETE};
    return catalog_artifacts_list(catalog_of(whole), &filter, CATALOG_WITH_COPIES,
                                  &whole->all, err);
}

static int find_all(struct whole *whole, struct err *err)
{
    struct catalog_runs runs = {0};
    struct catalog_run run;
    struct err unsaid = {0};
    size_t anchor = 0;
    char id[ULID_SIZE];
    int64_t number = 0;
    int result = -1;
    /* A number alone is a run: no id is as short. */
    if (parse_int(whole->spec->run, 1, 999999999, &number, &unsaid) == 0) {
        if (find_run(whole, number, NULL, &run, &runs, err) < 0)
            goto cleanup;
        if (run.id == 0 || run.job == NULL) {
            err_set(err, ERR_NOT_FOUND, "the catalog knows no backup run %lld",
                    (long long)number);
            err_hint(err, "say latest:JOB, or the id of a backup of that run");
            goto cleanup;
        }
        whole->job = memory_strdup(strcmp(run.job, SETTINGS_ADHOC) == 0 ? "" : run.job);
        if (load_job(whole, err) < 0)
            goto cleanup;
    } else {
        struct catalog_artifact one = {0};
        if (find_anchor(whole, id, err) < 0 ||
            catalog_artifact_load(catalog_of(whole), id, 0, &one, err) < 0) {
            catalog_artifact_release(&one);
            goto cleanup;
        }
        whole->job = memory_strdup(one.job);
        catalog_artifact_release(&one);
        if (load_job(whole, err) < 0)
            goto cleanup;
        while (anchor < whole->all.count && strcmp(whole->all.items[anchor].id, id) != 0)
            anchor++;
        if (anchor == whole->all.count) {
            err_set(err, ERR_NOT_FOUND, "%s is not complete", id);
            goto cleanup;
        }
        if (find_run(whole, 0, &whole->all.items[anchor], &run, &runs, err) < 0)
            goto cleanup;
    }
    whole->run = run.id;
    whole->chosen = memory_array(whole->all.count + 1, sizeof(*whole->chosen));
    if (run.id != 0)
        choose_of_run(whole, &run);
    else
        choose_around(whole, anchor);
    if (whole->count > 1)
        qsort(whole->chosen, whole->count, sizeof(*whole->chosen), compare);
    result = whole->count > 0 ? 0
                              : err_set(err, ERR_NOT_FOUND,
                                        "of run %s no complete backup of type full is left",
                                        whole->spec->run);
cleanup:
    catalog_runs_release(&runs);
    return result;
}

/* ---- one after the other ---- */

static void tell(struct whole *whole, const struct restore_all_one *one)
{
    struct restore_all_result *result = whole->result;
    result->restored += one->done != NULL;
    result->failed += one->done == NULL && one->artifact != NULL;
    result->missing += one->artifact == NULL;
    if (one->err != NULL && result->first.kind == ERR_NONE) {
        result->first = *one->err;
        if (*one->database != '\0')
            err_context(&result->first, "database \"%s\"", one->database);
        else
            err_context(&result->first, "globals");
    }
    if (whole->spec->done != NULL)
        whole->spec->done(whole->spec->context, one);
}

/* Is it on the server already? `postgres` always is. */
static int is_there(const struct whole *whole, const char *database, bool *there,
                    struct err *err)
{
    struct server *server = server_connect_any(whole->spec->conninfo,
                                               session_cancel(whole->spec->session), err);
    if (server == NULL)
        return -1;
    int result = server_database_exists(server, database, there, err);
    server_free(server);
    return result;
}

static int restore_one(struct whole *whole, const struct catalog_artifact *artifact,
                       struct restore_done *done, struct err *err)
{
    const struct restore_all_spec *all = whole->spec;
    bool globals = is_globals(artifact);
    bool there = true;
    char *conninfo = conninfo_with_database(all->conninfo,
                                            globals ? "postgres" : artifact->database, err);
    struct restore_spec spec = {
        .from = {.session = all->session, .artifact = artifact, .store = all->store},
        .conninfo = conninfo,
        .no_owner = !globals && all->no_owner,
        .no_privileges = !globals && all->no_privileges,
        .no_role_passwords = all->no_role_passwords,
        .parallel = globals ? 0 : all->parallel};
    int result = conninfo != NULL ? 0 : -1;
    if (result == 0 && !globals)
        result = is_there(whole, artifact->database, &there, err);
    spec.create = !there;
    if (result == 0)
        result = restore_run(&spec, done, err);
    /* Its hint is for a restore of this one alone, which can be told more. */
    char *hint = strstr(err->text, "\nhint: ");
    if (result < 0 && !globals && there && hint != NULL) {
        *hint = '\0';
        err_hint(err,
                 "into another database it comes with: pgkeep restore %s --to "
                 "'... dbname=OTHER' --create",
                 artifact->id);
    }
    if (conninfo != NULL)
        memory_wipe(conninfo, strlen(conninfo));
    free(conninfo);
    return result;
}

/* What the run should have dumped and did not. */
static int tell_missing(struct whole *whole, struct err *err)
{
    struct catalog_run_databases databases = {0};
    int result = 0;
    if (whole->run != 0)
        result = catalog_run_databases_of(catalog_of(whole), whole->run, &databases, err);
    for (size_t i = 0; result == 0 && i < databases.count; i++) {
        const struct catalog_run_database *database = &databases.items[i];
        const struct catalog_artifact like = {.database = database->database,
                                              .type = database->type};
        struct err why = {0};
        if (database->outcome == CATALOG_RUN_GONE || is_chosen(whole, &like))
            continue;
        err_set(&why, ERR_NOT_FOUND, "the run has no backup of it%s%s",
                database->message ? ": " : "", database->message ? database->message : "");
        const struct restore_all_one one = {.database = database->database, .err = &why};
        tell(whole, &one);
    }
    catalog_run_databases_release(&databases);
    return result;
}

int restore_all(const struct restore_all_spec *spec, struct restore_all_result *result,
                struct err *err)
{
    struct whole whole = {.spec = spec, .result = result};
    *result = (struct restore_all_result){0};
    int done = find_all(&whole, err);
    for (size_t i = 0; done == 0 && i < whole.count; i++) {
        struct restore_done restored = {0};
        struct err why = {0};
        struct restore_all_one one = {.database = whole.chosen[i]->database,
                                      .artifact = whole.chosen[i]};
        if (restore_one(&whole, whole.chosen[i], &restored, &why) == 0)
            one.done = &restored;
        else
            one.err = &why;
        /* Only a cancel ends all: what one database lacks another may have. */
        if (one.err != NULL && why.kind == ERR_CANCELLED) {
            *err = why;
            done = -1;
        } else {
            tell(&whole, &one);
        }
        restore_done_release(&restored);
    }
    if (done == 0)
        done = tell_missing(&whole, err);
    catalog_artifacts_release(&whole.all);
    free(whole.chosen);
    free(whole.job);
    return done;
}

enum outcome restore_all_outcome(const struct restore_all_result *result, struct err *why)
{
    *why = result->first;
    if (result->failed + result->missing == 0)
        return OUTCOME_DONE;
    return result->restored > 0 ? OUTCOME_PARTIAL : OUTCOME_FAILED;
}
