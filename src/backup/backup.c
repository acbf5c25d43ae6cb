/*
 * A run of a job: lock, server, stores, what an earlier run left, then one database after
 * the other. The lock is held from before the first question to after the last row, so that
 * what recover_job finds cannot belong to a backup of this job that is still under way.
 *
 * Databases are taken one by one and not in parallel: each dump already uses several
 * processors for compression, and the memory of part buffers is promised once.
 */
#include "backup/backup.h"
#include "session/exit_status.h"

#include "repository/repository.h"
#include "session/lock.h"
#include "copy/recover.h"
#include "backup/backup_artifact.h"
#include "base/clock.h"
#include "base/digest.h"
#include "base/log.h"
#include "base/memory.h"
#include "catalog/db/facts.h"
#include "catalog/runs.h"
#include "postgres/conninfo.h"
#include "postgres/server.h"

enum {
    LOCK_HEX = 16,     /* digits of a hash are enough of a name */
    STATUS_PARTIAL = 8 /* exit status: some are good */
};

/* One run of one job. */
struct job_run {
    const struct backup_spec *spec;
    const struct job_settings *job;
    const struct source_settings *source;
    struct secret conninfo; /* with the password */
    struct strlist databases;
    struct repository_list stores;
    struct programs programs;
};

void backup_results_release(struct backup_results *results)
{
    for (size_t i = 0; i < results->count; i++)
        free(results->items[i].database);
    free(results->items);
    *results = (struct backup_results){0};
}

static int find_settings(struct job_run *run, struct err *err)
{
    struct settings *settings = run->spec->settings;
    run->job = settings_require_job(settings, run->spec->job, err);
    if (run->job == NULL || settings_resolve_source(settings, run->job->source, err) < 0)
        return -1;
    run->source = settings_require_source(settings, run->job->source, err);
    if (run->source == NULL)
        return -1;
    run->conninfo.text =
        conninfo_with_password(run->source->conninfo.text, run->source->password.text, err);
    return run->conninfo.text ? 0 : -1;
}

/* Which databases, and with what pg_dump. */
static int ask_server(struct job_run *run, struct err *err)
{
    const struct source_settings *source = run->source;
    struct server *server = server_connect(run->conninfo.text, NULL, NULL, err);
    int result = -1;
    if (server == NULL)
        return -1;
    /* Without `databases` it is the one the connection leads to, whatever its name. */
    if (source->databases.count > 0)
        result = server_databases(server, &source->databases, &source->exclude_databases,
                                  &run->databases, err);
    else {
        strlist_add(&run->databases, server_database(server));
        result = 0;
    }
    if (result == 0)
        result = programs_find(run->spec->settings->pg_bin_dir, server_version(server),
                               &run->programs, err);
    server_free(server);
    if (result == 0 && run->databases.count == 0 && !source->globals)
        result = err_set(err, ERR_DATABASE, "no database of the server fits `databases`");
    return result;
}

static int open_stores(struct job_run *run, struct err *err)
{
    const struct job_settings *job = run->job;
    if (repository_list_open(&run->stores, run->spec->settings, run->spec->catalog,
                             &job->stores, true, err) < 0)
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

/* A store that went away during one database would be waited for, as long as its retry_time
 * says, in each of the others. */
static int take_one(struct job_run *run, const char *database, enum dump_type type,
                    struct backup_results *results, struct err *err)
{
    if (results->count > 0 && repository_list_recheck(&run->stores, err) < 0)
        return -1;
    struct backup_artifact take = {.spec = run->spec,
                                   .job = run->job,
                                   .source = run->source,
                                   .conninfo = run->conninfo.text,
                                   .database = database,
                                   .type = type,
                                   .programs = &run->programs,
                                   .stores = &run->stores};
    memory_grow(&results->items, &results->capacity, results->count + 1,
                sizeof *results->items);
    struct backup_result *result = &results->items[results->count++];
    *result = (struct backup_result){0};
    int taken = backup_artifact(&take, result, err);
    const struct backup_observer *observer = &run->spec->observer;
    if (observer->done)
        observer->done(observer->context, result);
    return taken;
}

/* One that fails does not keep the others from being taken. */
static int take_all(struct job_run *run, struct backup_results *results, struct err *err)
{
    if (run->source->globals && take_one(run, "", DUMP_GLOBALS, results, err) < 0)
        return -1;
    for (size_t i = 0; i < run->databases.count; i++) {
        if (take_one(run, run->databases.items[i], run->job->type, results, err) < 0)
            return -1;
    }
    return 0;
}

static int run_locked(struct job_run *run, struct backup_results *results, struct err *err)
{
    if (ask_server(run, err) < 0 || open_stores(run, err) < 0)
        return -1;
    recover_job(run->spec->catalog, &run->stores,
                run->spec->settings->adhoc ? "" : run->spec->job);
    return take_all(run, results, err);
}

/* As the command's own: 8 when anything of it is good. */
static int status_of(const struct backup_results *results, const struct err *why)
{
    if (why == NULL)
        return 0;
    for (size_t i = 0; i < results->count; i++) {
        if (why->kind != ERR_CANCELLED && results->items[i].outcome != BACKUP_FAILED)
            return STATUS_PARTIAL;
    }
    return exit_status_of(OUTCOME_FAILED, why->kind, NULL);
}

/* What `status` shows of this run later. */
static void end_run(struct job_run *run, int64_t id, const struct backup_results *results,
                    int done, const struct err *err)
{
    struct err trouble = {0};
    const struct err *why = done < 0 ? err : NULL;
    for (size_t i = 0; !why && i < results->count; i++) {
        if (results->items[i].err.kind != ERR_NONE)
            why = &results->items[i].err;
    }
    if (catalog_run_end(run->spec->catalog, id, status_of(results, why),
                        why ? why->text : NULL, &trouble) < 0)
        log_warning("%s", trouble.text);
}

static int run_recorded(struct job_run *run, struct backup_results *results,
                        struct err *err)
{
    struct catalog *catalog = run->spec->catalog;
    int64_t id = 0;
    if (catalog_run_begin(catalog, "backup", run->spec->job, &id, err) < 0)
        return -1;
    /* Before anything else: guard G4 compares later clocks with this. */
    int result = catalog_time_seen(catalog, clock_now(), err);
    if (result == 0)
        result = run_locked(run, results, err);
    end_run(run, id, results, result, err);
    return result;
}

/* Two ad-hoc backups of different databases do not stand in each other's way: what they are
 * called is their source, without its password. */
static struct lock *take_lock(const struct job_run *run, struct err *err)
{
    bool adhoc = run->spec->settings->adhoc;
    char *public = conninfo_public(run->conninfo.text, err);
    unsigned char sum[SHA256_SIZE];
    char hex[SHA256_HEX];
    if (public == NULL)
        return NULL;
    digest_sha256(public, strlen(public), sum);
    digest_hex(sum, sizeof sum, hex)[LOCK_HEX] = 0;
    char *name = adhoc ? memory_format("adhoc-%s", hex) : memory_strdup(run->job->name);
    char *command = memory_format("backup %s", adhoc ? "--source ..." : run->job->name);
    struct lock_spec spec = {.catalog = run->spec->settings->catalog,
                             .kind = LOCK_JOB,
                             .name = name,
                             .command = command};
    struct lock *lock = lock_take(&spec, err);
    free(public);
    free(name);
    free(command);
    return lock;
}

int backup_job(const struct backup_spec *spec, struct backup_results *results,
               struct err *err)
{
    struct job_run run = {.spec = spec};
    struct lock *lock = NULL;
    int result = -1;
    if (find_settings(&run, err) < 0)
        goto cleanup;
    lock = take_lock(&run, err);
    if (lock == NULL)
        goto cleanup;
    result = run_recorded(&run, results, err);
    if (result < 0 && !spec->settings->adhoc)
        err_context(err, "backup of \"%s\"", spec->job);
cleanup:
    lock_release(lock);
    repository_list_release(&run.stores);
    programs_release(&run.programs);
    strlist_release(&run.databases);
    secret_release(&run.conninfo);
    return result;
}
