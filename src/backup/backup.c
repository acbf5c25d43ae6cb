/*
 * A run of a job: lock, server, stores, what an earlier run left, then one database after
 * the other. The lock is held from before the first question to after the last row, so that
 * what recover_job finds cannot belong to a backup of this job that is still under way.
 *
 * Databases are taken one by one and not in parallel: each dump already uses several
 * processors for compression, and the memory of part buffers is promised once.
 */
#include "backup/backup.h"

#include "backup/backup_artifact.h"
#include "base/clock.h"
#include "base/digest.h"
#include "base/log.h"
#include "base/memory.h"
#include "catalog/db/facts.h"
#include "catalog/artifact_list.h"
#include "catalog/run_databases.h"
#include "catalog/runs.h"
#include "config/resolve.h"
#include "copy/recover.h"
#include "repository/unknown.h"
#include "postgres/conninfo.h"
#include "postgres/server.h"

enum { LOCK_HEX = 16 /* digits of a hash are enough of a name */ };

/* One run of one job. */
struct job_run {
    struct session *session;
    const struct backup_spec *spec;
    const struct job_settings *job;
    const struct source_settings *source;
    struct secret conninfo;            /* with the password */
    struct server_databases databases; /* also those that cannot be dumped */
    struct strlist gone;               /* have backups, and the server has them no more */
    struct repository_list stores;
    struct programs programs;
    uint64_t announced; /* bytes of buffers that were told of (backup_artifact.h) */
};

void backup_results_release(struct backup_results *results)
{
    for (size_t i = 0; i < results->count; i++)
        free(results->items[i].database);
    free(results->items);
    *results = (struct backup_results){0};
}

/* ---- begin ---- */

struct session *backup_begin(const struct backup_spec *spec,
                             const struct session_spec *base, struct err *err)
{
    const struct settings *settings = base->settings;
    const struct job_settings *job = settings_require_job(settings, spec->job, err);
    const struct source_settings *source =
        job != NULL ? settings_require_source(settings, job->source, err) : NULL;
    char *name = NULL;
    if (source == NULL)
        return NULL;
    if (settings->adhoc) {
        /* Two ad-hoc backups of different databases do not stand in each other's way: what
         * they are called is their source, without its password. */
        unsigned char sum[SHA256_SIZE];
        char hex[SHA256_HEX];
        char *public = conninfo_public(source->conninfo.text, err);
        if (public == NULL)
            return NULL;
        digest_sha256(public, strlen(public), sum);
        digest_hex(sum, sizeof sum, hex)[LOCK_HEX] = 0;
        free(public);
        name = memory_format("adhoc-%s", hex);
    } else
        name = memory_strdup(job->name);
    /* `status` and `runs` show the command; a connection string does not belong there. */
    char *command =
        memory_format("backup %s", settings->adhoc ? "--source ..." : job->name);
    struct session_spec run = *base;
    run.kind = "backup";
    run.job = spec->job;
    run.catalog = SESSION_CREATE;
    run.lock = SESSION_LOCK_JOB;
    run.lock_name = name;
    run.command = command;
    run.recorded = true;
    run.run = spec->run;
    run.time_limit_ms = job->timeout_s * 1000;
    struct session *session = session_begin(&run, err);
    free(command);
    free(name);
    return session;
}

/* ---- what is needed before the first dump ---- */

/* Databases that this job has backups of, and that the server has no more: dropped, or
 * renamed, which nobody may have thought of. */
static int warn_of_gone(struct job_run *run, struct server *server, struct err *err)
{
    struct strlist known = {0};
    int result = catalog_artifacts_databases(session_catalog(run->session), run->job->name,
                                             &known, err);
    for (size_t i = 0; i < known.count && result == 0; i++) {
        bool there = false;
        for (size_t j = 0; j < run->databases.count && !there; j++)
            there = strcmp(run->databases.items[j].name, known.items[i]) == 0;
        /* What is excluded by now is there all the same. */
        if (!there)
            result = server_database_exists(server, known.items[i], &there, err);
        if (result == 0 && !there) {
            log_warning("database \"%s\" has backups, but the server has it no more",
                        known.items[i]);
            strlist_add(&run->gone, known.items[i]);
        }
    }
    strlist_release(&known);
    return result;
}

/* Which databases, and with what pg_dump. */
static int ask_server(struct job_run *run, struct err *err)
{
    const struct source_settings *source = run->source;
    struct secret password = {0};
    bool any = source->globals;
    /* The password from wherever the settings say, into a string that only libpq sees. */
    if (resolve_source(source, &password, err) < 0)
        return -1;
    run->conninfo.text = conninfo_with_password(source->conninfo.text, password.text, err);
    secret_release(&password);
    if (run->conninfo.text == NULL)
        return -1;

    struct server *server =
        server_connect(run->conninfo.text, NULL, session_cancel(run->session), err);
    int result = 0;
    if (server == NULL)
        return -1;
    /* Patterns are matched against what the server has now. */
    if (source->databases.count > 0) {
        result = server_databases(server, &source->databases, &source->exclude_databases,
                                  &run->databases, err);
        if (result == 0)
            result = warn_of_gone(run, server, err);
    } else {
        /* The one that the connection leads to, whatever its name. */
        run->databases.items = memory_zalloc(sizeof *run->databases.items);
        run->databases.items[0].name = memory_strdup(server_database(server));
        run->databases.count = run->databases.capacity = 1;
    }
    /* A pg_dump older than the server refuses to dump it. */
    if (result == 0)
        result = programs_find(session_settings(run->session)->pg_bin_dir,
                               server_version(server), &run->programs, err);
    if (result == 0 && run->programs.warning != NULL)
        log_warning("source \"%s\": %s", source->name, run->programs.warning);
    server_free(server);

    /* A run that has nothing to do is more likely a wrong pattern than what was meant. */
    for (size_t i = 0; i < run->databases.count; i++)
        any |= run->databases.items[i].problem == NULL || run->databases.items[i].named;
    if (result == 0 && !any)
        result = err_set(err, ERR_DATABASE, "no database of the server fits `databases`");
    return result;
}

/* Stores that fail are left out as long as min_copies are there (copies of the others fail). */
static int open_stores(struct job_run *run, struct err *err)
{
    const struct job_settings *job = run->job;
    if (session_repositories(run->session, &job->stores, true, &run->stores, err) < 0)
        return -1;
    if (run->stores.count >= (size_t)job->min_copies)
        return 0;
    /* The run is told by the first store that failed: its kind decides the exit status. */
    *err = run->stores.failures[0].err;
    if (run->stores.count == 0)
        return -1;
    return err_context(err, "%zu of %zu stores answer, min_copies is %lld",
                       run->stores.count, job->stores.count, (long long)job->min_copies);
}

/* ---- the databases ---- */

static struct backup_result *add_result(struct backup_results *results)
{
    memory_grow(&results->items, &results->capacity, results->count + 1,
                sizeof *results->items);
    struct backup_result *result = &results->items[results->count++];
    *result = (struct backup_result){0};
    return result;
}

/* ---- what the run remembers ---- */

/* Filters of a command line make another kind of run than the job's own. */
static bool is_partial(const struct job_run *run)
{
    const struct settings *settings = session_settings(run->session);
    bool partial = false;
    for (size_t i = 0; i < option_table_count; i++) {
        const struct option *option = &option_table[i];
        /* Of a source only its filters are lists that `backup` takes. */
        partial |= option->scope == OPTION_SOURCE && option->argument != NULL &&
                   option_is_list(option) &&
                   settings_is_argument(settings, option, run->source->name);
    }
    return partial;
}

/* One row; `row` has what is the same in all of them. */
static int expect(const struct job_run *run, struct catalog_run_database row,
                  char *database, enum dump_type type, struct err *err)
{
    row.database = database;
    row.type = memory_strdup(dump_type_name(type));
    int result = catalog_run_expect(session_catalog(run->session), &row, err);
    free(row.type);
    return result;
}

/* Before the first dump: whatever happens to this process, `status` knows what should have come
 * of it. What only a pattern brought in and cannot be dumped is not expected. */
static int expect_all(const struct job_run *run, struct err *err)
{
    static char globals[] = "";
    int result = 0;
    if (session_run_id(run->session) == 0)
        return 0;
    struct catalog_run_database row = {.run = session_run_id(run->session),
                                       .partial = is_partial(run),
                                       .outcome = CATALOG_RUN_EXPECTED};
    if (run->source->globals)
        result = expect(run, row, globals, DUMP_GLOBALS, err);
    for (size_t i = 0; result == 0 && i < run->databases.count; i++) {
        const struct server_database *database = &run->databases.items[i];
        if (database->problem == NULL || database->named)
            result = expect(run, row, database->name, run->job->type, err);
    }
    row.outcome = CATALOG_RUN_GONE;
    for (size_t i = 0; result == 0 && i < run->gone.count; i++)
        result = expect(run, row, run->gone.items[i], run->job->type, err);
    return result;
}

/* That it cannot be written down does not change what became of the backup. */
static void remember(const struct job_run *run, enum dump_type type,
                     const struct backup_result *result)
{
    struct err trouble = {0};
    char *name = memory_strdup(dump_type_name(type));
    char *message = NULL;
    if (result->outcome == BACKUP_FAILED) {
        /* The sentence without the noun that the row has, and without its hint. */
        char *noun =
            memory_format("database \"%s\": ", result->database ? result->database : "");
        const char *text = result->err.text;
        text += text_starts_with(text, noun) ? strlen(noun) : 0;
        message = memory_strndup(text, strcspn(text, "\n"));
        free(noun);
    }
    const struct catalog_run_database row = {.run = session_run_id(run->session),
                                             .database = result->database,
                                             .type = name,
                                             .outcome = result->outcome == BACKUP_FAILED
                                                            ? CATALOG_RUN_MISSED
                                                            : CATALOG_RUN_DUMPED,
                                             .message = message};
    if (row.run != 0 && row.database != NULL &&
        catalog_run_found(session_catalog(run->session), &row, &trouble) < 0)
        log_warning("%s", trouble.text);
    free(message);
    free(name);
}

static int backup_one(struct job_run *run, const char *database, enum dump_type type,
                      struct backup_results *results, struct err *err)
{
    /* A store that went away during one database would be waited for, as long as its
     * retry_time says, in each of the others. */
    if (results->count > 0 && session_recheck(run->session, &run->stores, err) < 0)
        return -1;
    struct backup_artifact spec = {.session = run->session,
                                   .name = run->spec->name,
                                   .job = run->job,
                                   .source = run->source,
                                   .conninfo = run->conninfo.text,
                                   .database = database,
                                   .type = type,
                                   .programs = &run->programs,
                                   .stores = &run->stores,
                                   .announced = &run->announced};
    struct backup_result *result = add_result(results);
    int done = backup_artifact(&spec, result, err);
    remember(run, type, result);
    if (run->spec->done)
        run->spec->done(run->spec->context, result);
    return done;
}

/* What somebody named is believed to be backed up: that it cannot be is a failure. What only
 * a pattern brought in is left out, which is said. */
static void pass_over(struct job_run *run, const struct server_database *database,
                      struct backup_results *results)
{
    if (!database->named) {
        log_warning("database \"%s\" is left out: %s", database->name, database->problem);
        return;
    }
    struct backup_result *result = add_result(results);
    result->database = memory_strdup(database->name);
    result->outcome = BACKUP_FAILED;
    err_set(&result->err, ERR_DATABASE, "%s", database->problem);
    remember(run, run->job->type, result);
    if (run->spec->done)
        run->spec->done(run->spec->context, result);
}

/* One that fails does not keep the others from being backed up; only a cancel ends all. */
static int backup_all(struct job_run *run, struct backup_results *results, struct err *err)
{
    if (run->source->globals && backup_one(run, "", DUMP_GLOBALS, results, err) < 0)
        return -1;
    for (size_t i = 0; i < run->databases.count; i++) {
        const struct server_database *database = &run->databases.items[i];
        if (database->problem != NULL)
            pass_over(run, database, results);
        else if (backup_one(run, database->name, run->job->type, results, err) < 0)
            return -1;
    }
    return 0;
}

/* Other backups in the stores, of which nothing here knows (CONTRACT-NOTES 34): another machine's,
 * or all of them after the catalog was lost. That they cannot be counted is no trouble of this
 * backup. */
static void tell_unknown(const struct job_run *run)
{
    struct catalog *catalog = session_catalog(run->session);
    for (size_t i = 0; i < run->stores.count; i++) {
        const struct repository *repository = run->stores.items[i];
        struct err why = {0};
        char text[64];
        struct unknown known = {0};
        int64_t now = clock_now();
        int result = unknown_remembered(catalog, repository->uuid, &known, &why);
        /* Once a day is often enough for a request; a clock that went back counts as a day. */
        if (result == 0 &&
            (known.when == 0 || now < known.when || now - known.when >= UNKNOWN_EVERY_S)) {
            known.when = now;
            result = unknown_count(catalog, repository->store, &known.count, &why);
            if (result == 0)
                result = unknown_remember(catalog, repository->uuid, &known, &why);
        }
        if (result < 0)
            log_debug("store \"%s\": %s", repository->name, why.text);
        else if (known.count > 0)
            log_warning(
                "store \"%s\" holds %s that this catalog does not know: " UNKNOWN_ADVICE,
                repository->name, text_count(text, known.count, "backup", "backups"));
    }
}

int backup_job(struct session *session, const struct backup_spec *spec,
               struct backup_results *results, struct err *err)
{
    const struct settings *settings = session_settings(session);
    struct job_run run = {.session = session, .spec = spec};
    int result = -1;
    run.job = settings_require_job(settings, spec->job, err);
    if (run.job != NULL)
        run.source = settings_require_source(settings, run.job->source, err);
    if (run.source == NULL)
        return -1;
    /* Before anything else: guard G4 compares later clocks with this. */
    if (catalog_time_seen(session_catalog(session), clock_now(), err) == 0 &&
        ask_server(&run, err) == 0 && expect_all(&run, err) == 0 &&
        open_stores(&run, err) == 0) {
        /* What an earlier run of this job left is cleared before more is added. */
        recover_job(session_catalog(session), &run.stores,
                    settings->adhoc ? "" : spec->job);
        result = backup_all(&run, results, err);
        if (result == 0)
            tell_unknown(&run);
    }
    /* An ad-hoc job has a name that the user never gave. */
    if (result < 0 && !settings->adhoc)
        err_context(err, "backup of \"%s\"", spec->job);
    repository_list_release(&run.stores);
    programs_release(&run.programs);
    server_databases_release(&run.databases);
    strlist_release(&run.gone);
    secret_release(&run.conninfo);
    return result;
}

/* ---- what it came to ---- */

/* One tally for all jobs of a command: `backup --all` has one exit status. */
void backup_tally_add(struct backup_tally *tally, const struct job_settings *job,
                      const struct backup_results *results, const struct err *why)
{
    for (size_t i = 0; i < results->count; i++) {
        const struct backup_result *result = &results->items[i];
        tally->good += result->outcome == BACKUP_GOOD;
        tally->partial += result->outcome == BACKUP_PARTIAL;
        tally->failed += result->outcome == BACKUP_FAILED;
        tally->suspect |= result->suspect && job->anomaly == ANOMALY_FAIL;
        if (tally->first.kind == ERR_NONE)
            tally->first = result->err;
    }
    if (why == NULL || why->kind == ERR_NONE)
        return;
    /* What ended the job is its reason, also when a database had failed before. */
    tally->failed++;
    if (tally->first.kind == ERR_NONE || err_is_fatal(why->kind))
        tally->first = *why;
}

enum outcome backup_outcome(const struct backup_tally *tally, struct err *why)
{
    *why = tally->first;
    /* A cancel is no partial success: who cancels does not want to be told it went well. */
    if (why->kind == ERR_CANCELLED)
        return OUTCOME_FAILED;
    if (tally->failed + tally->partial > 0)
        return tally->good + tally->partial > 0 ? OUTCOME_PARTIAL : OUTCOME_FAILED;
    if (why->kind != ERR_NONE)
        return OUTCOME_FAILED;
    if (!tally->suspect)
        return OUTCOME_DONE;
    /* All of it is stored and complete; only the exit status is to wake somebody. */
    err_set(why, ERR_CORRUPT, "a backup is suspect, and its job says anomaly = \"fail\"");
    return OUTCOME_FAILED;
}
