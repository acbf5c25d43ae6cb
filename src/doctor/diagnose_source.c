/*
 * As a backup would, in its order and with its own functions: what they refuse here they
 * would refuse at night.
 */
#include "doctor/diagnose_work.h"

#include "config/resolve.h"
#include "backup/backup_facts.h"
#include "base/cancel.h"
#include "base/clock.h"
#include "base/memory.h"
#include "postgres/conninfo.h"
#include "postgres/dump.h"
#include "postgres/programs.h"
#include "postgres/server.h"
#include "schedule/schedule.h"

#include <errno.h>
#include <unistd.h>

/* A source on its way through the checks. */
struct asked {
    struct diagnose *d;
    const struct source_settings *source;
    struct secret conninfo; /* with the password */
    struct programs programs;
    struct strlist databases;
    bool with_data; /* some job wants rows, or no job says */
};

/* Of a source whose jobs only want definitions nobody needs the right to read rows. */
static bool wants_data(const struct settings *settings, const char *source)
{
    /* A source without a job is there for a reason, so all of it is looked at. */
    bool any = false;
    for (size_t i = 0; i < settings->job_count; i++) {
        const struct job_settings *job = &settings->jobs[i];
        if (strcmp(job->source, source) != 0)
            continue;
        any = true;
        if (job->type != DUMP_SCHEMA)
            return true;
    }
    return !any;
}

/* ---- the server ---- */

static int find_databases(struct asked *asked, struct server *server, struct err *err)
{
    const struct source_settings *source = asked->source;
    /* Nothing named: the one of the connection. */
    if (source->databases.count == 0) {
        /* As the server calls it: the connection string may leave it out. */
        strlist_add(&asked->databases, server_database(server));
        return 0;
    }
    struct server_databases found;
    if (server_databases(server, &source->databases, &source->exclude_databases, &found,
                         err) < 0)
        return -1;
    bool told = false;
    for (size_t i = 0; i < found.count; i++) {
        const struct server_database *database = &found.items[i];
        struct err missing = {0};
        if (database->problem == NULL) {
            strlist_add(&asked->databases, database->name);
        } else if (database->named) { /* a backup would fail for it */
            err_set(&missing, ERR_DATABASE, "database \"%s\": %s", database->name,
                    database->problem);
            diagnose_fail(asked->d, DIAGNOSE_DATABASES, &missing);
            told = true;
        } else { /* a backup would leave it out */
            diagnose_report(asked->d, DIAGNOSE_DATABASES, DIAGNOSE_WARNING, NULL,
                            "database \"%s\" is left out: %s", database->name,
                            database->problem);
        }
    }
    server_databases_release(&found);
    /* None at all is a failure of its own, unless one was reported, or roles are wanted. */
    if (asked->databases.count > 0 || source->globals || told)
        return 0;
    err_set(err, ERR_DATABASE, "none of the server fits `databases`");
    return err_hint(err, "check databases and exclude_databases of the source");
}

/* A project: by which way it is reached, and what its backups will not hold. */
static void tell_project(struct asked *asked, const struct server *server)
{
    enum supabase_address address =
        supabase_address(server_host(server), server_port(server));
    if (address != SUPABASE_NOT)
        diagnose_report(asked->d, DIAGNOSE_SERVER, DIAGNOSE_OK, NULL, "Supabase: %s",
                        supabase_address_name(address));
    for (size_t i = 0; supabase_left_out[i] != NULL; i++)
        diagnose_report(asked->d, DIAGNOSE_SERVER, DIAGNOSE_OK, NULL, "left out: %s",
                        supabase_left_out[i]);
    for (size_t i = 0; supabase_elsewhere[i] != NULL; i++)
        diagnose_report(asked->d, DIAGNOSE_SERVER, DIAGNOSE_OK, NULL, "in no dump: %s",
                        supabase_elsewhere[i]);
}

/* What all databases of the server have in common; each of them is looked at later. */
static int check_server(struct asked *asked)
{
    struct err err = {0};
    struct server *server =
        server_connect(asked->conninfo.text, NULL, asked->d->spec->cancel, &err);
    /* Without a server there is nothing to ask the rest of. */
    if (server == NULL) {
        diagnose_fail(asked->d, DIAGNOSE_SERVER, &err);
        return -1;
    }
    diagnose_report(asked->d, DIAGNOSE_SERVER, DIAGNOSE_OK, NULL,
                    "PostgreSQL %s on %s, as %s", server_version_text(server),
                    server_host(server), server_user(server));

    if (asked->source->profile == PROFILE_SUPABASE)
        tell_project(asked, server);

    /* Programs that fit its version. Without them the databases are still looked at. */
    const char *bin_dir = asked->d->spec->settings->pg_bin_dir;
    const struct programs *programs = &asked->programs;
    if (programs_find(bin_dir, server_version(server), &asked->programs, &err) < 0)
        diagnose_fail(asked->d, DIAGNOSE_PROGRAMS, &err);
    else
        diagnose_report(asked->d, DIAGNOSE_PROGRAMS,
                        programs->warning == NULL ? DIAGNOSE_OK : DIAGNOSE_WARNING, NULL,
                        "%s (%s)%s%s", programs->version, programs->pg_dump,
                        programs->warning == NULL ? "" : ": ",
                        programs->warning == NULL ? "" : programs->warning);

    err_clear(&err);
    int result = find_databases(asked, server, &err);
    if (result < 0)
        diagnose_fail(asked->d, DIAGNOSE_DATABASES, &err);
    server_free(server);
    return result;
}

/* How often the jobs of this source run by themselves within 30 days; -1: a schedule that cannot
 * be read, which is told elsewhere. */
static int64_t runs_a_month(const struct asked *asked)
{
    const struct settings *settings = asked->d->spec->settings;
    const int64_t from = clock_now(), until = from + (int64_t)30 * 24 * 3600;
    int64_t runs = 0;
    for (size_t i = 0; i < settings->job_count; i++) {
        const struct job_settings *job = &settings->jobs[i];
        struct err ignored = {0};
        if (strcmp(job->source, asked->source->name) != 0 || !job->enabled)
            continue;
        const struct schedule_spec spec = {
            .cron = job->schedule, .every_s = job->every_s, .timezone = job->timezone};
        struct schedule *schedule = schedule_new(&spec, &ignored);
        if (schedule == NULL)
            return -1;
        for (int64_t at = schedule_next(schedule, from); at < until;
             at = schedule_next(schedule, at))
            runs++;
        schedule_free(schedule);
    }
    return runs;
}

/* What leaves the project with each backup is paid for: a dump is about as large as its database
 * without indexes, so that this is the upper end. */
static void tell_egress(struct asked *asked, const char *database, uint64_t bytes)
{
    char one[32], month[32];
    int64_t runs = runs_a_month(asked);
    if (asked->source->profile != PROFILE_SUPABASE)
        return;
    if (runs > 0)
        diagnose_report(asked->d, DIAGNOSE_DATABASES, DIAGNOSE_OK, NULL,
                        "egress of \"%s\": up to %s a backup, %s in 30 days (%lld runs)",
                        database, text_size(one, bytes),
                        text_size(month, bytes * (uint64_t)runs), (long long)runs);
    else
        diagnose_report(asked->d, DIAGNOSE_DATABASES, DIAGNOSE_OK, NULL,
                        "egress of \"%s\": up to %s a backup; no job has a schedule",
                        database, text_size(one, bytes));
}

/* ---- each database ---- */

/* Connected to on its own, since rights and row security differ between databases. */
static void check_database(struct asked *asked, const char *database)
{
    struct err err = {0};
    char size[32];
    uint64_t bytes = 0;
    struct server *server =
        server_connect(asked->conninfo.text, database, asked->d->spec->cancel, &err);
    int result = server == NULL ? -1 : 0;
    /* The refusals of a backup, before it has run for hours: tables that may not be read, rows
     * that a policy would hide. */
    if (result == 0)
        result = server_preflight(server, settings_filters(asked->source), asked->with_data,
                                  &err);
    if (result == 0)
        result = server_size(server, &bytes, &err);
    if (result < 0) {
        err_context(&err, "database \"%s\"", database);
        diagnose_fail(asked->d, DIAGNOSE_RIGHTS, &err);
    } else {
        diagnose_report(asked->d, DIAGNOSE_RIGHTS, DIAGNOSE_OK, NULL,
                        "database \"%s\" (%s): %s", database, text_size(size, bytes),
                        asked->with_data ? "every row" : "every definition");
        tell_egress(asked, database, bytes);
    }
    server_free(server);
}

/* ---- roles and tablespaces: only pg_dumpall itself knows what it may read ---- */

/* Its output is counted and dropped. */
static int drain(int fd, const struct cancel *cancel, uint64_t *bytes, struct err *err)
{
    char buffer[65536];
    ssize_t size = 1;
    while (size != 0) {
        /* A server that hangs must not hold doctor for ever. */
        if (cancel_check(cancel, err) < 0)
            return -1;
        size = read(fd, buffer, sizeof buffer);
        if (size < 0 && errno != EINTR)
            return err_errno(err, ERR_DATABASE, "reading from pg_dumpall");
        if (size > 0)
            *bytes += (uint64_t)size;
    }
    return 0;
}

/* Run as a backup runs it: no question to the server tells what pg_dumpall may read. */
static void check_globals(struct asked *asked)
{
    struct err err = {0};
    char size[32];
    uint64_t bytes = 0;
    struct dump_spec spec = {.conninfo = asked->conninfo.text,
                             .type = DUMP_GLOBALS,
                             .no_role_passwords = asked->source->no_role_passwords,
                             .program = asked->programs.pg_dumpall,
                             .cancel = asked->d->spec->cancel};
    /* In full, and dropped: roles are few. */
    struct dump *dump = dump_start(&spec, &err);
    int result =
        dump == NULL ? -1 : drain(dump_fd(dump), asked->d->spec->cancel, &bytes, &err);
    if (result == 0)
        result = dump_finish(dump, &err);
    if (result < 0)
        diagnose_fail(asked->d, DIAGNOSE_GLOBALS, &err);
    else
        diagnose_report(asked->d, DIAGNOSE_GLOBALS, DIAGNOSE_OK, NULL, "can be dumped (%s)",
                        text_size(size, bytes));
    dump_free(dump);
}

/* ---- */

/* The source with its password, which may come from a command or a file. */
static int prepare(struct asked *asked, const char *name, struct err *err)
{
    const struct settings *settings = asked->d->spec->settings;
    /* Looked up now and wiped at once; errors of it are those that a backup would meet. */
    struct secret password = {0};
    asked->source = settings_require_source(settings, name, err);
    if (asked->source == NULL || resolve_source(asked->source, &password, err) < 0)
        return -1;
    asked->with_data = wants_data(settings, name);
    asked->conninfo.text =
        conninfo_with_password(asked->source->conninfo.text, password.text, err);
    secret_release(&password);
    return asked->conninfo.text == NULL ? -1 : 0;
}

void diagnose_source(struct diagnose *d, const char *name)
{
    struct asked asked = {.d = d};
    struct err err = {0};
    if (prepare(&asked, name, &err) < 0) {
        diagnose_fail(d, DIAGNOSE_SETTINGS, &err);
    } else if (check_server(&asked) == 0) {
        /* Rights differ from database to database, so each is connected to, as a backup
         * would. */
        for (size_t i = 0; i < asked.databases.count && !cancel_requested(d->spec->cancel);
             i++)
            check_database(&asked, asked.databases.items[i]);
        if (asked.source->globals && asked.programs.pg_dumpall != NULL)
            check_globals(&asked);
    }
    programs_release(&asked.programs);
    strlist_release(&asked.databases);
    secret_release(&asked.conninfo);
}
