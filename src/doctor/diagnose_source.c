/*
 * As a backup would, in its order and with its own functions: what they refuse here they
 * would refuse at night.
 */
#include "doctor/diagnose_work.h"

#include "config/resolve.h"
#include "backup/backup_facts.h"
#include "base/cancel.h"
#include "base/memory.h"
#include "postgres/conninfo.h"
#include "postgres/dump.h"
#include "postgres/programs.h"
#include "postgres/server.h"

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
        result = server_preflight(server, &asked->source->filters, asked->with_data, &err);
    if (result == 0)
        result = server_size(server, &bytes, &err);
    if (result < 0) {
        err_context(&err, "database \"%s\"", database);
        diagnose_fail(asked->d, DIAGNOSE_RIGHTS, &err);
    } else {
        diagnose_report(asked->d, DIAGNOSE_RIGHTS, DIAGNOSE_OK, NULL,
                        "database \"%s\" (%s): %s", database, text_size(size, bytes),
                        asked->with_data ? "every row" : "every definition");
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
