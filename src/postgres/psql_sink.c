/*
 * The two programs that bring a dump back. Both read it from a pipe, so that no copy of it
 * ever lies on a disk.
 */
#include "postgres/psql_sink.h"

#include "base/memory.h"
#include "postgres/child.h"
#include "postgres/conninfo.h"

#define DUPLICATE_OBJECT "42710" /* a role or tablespace that is there already */

struct psql_sink {
    struct child *child;
};

/* A plain dump is a script for psql. */
static void add_psql(struct strlist *argv, const struct psql_sink_spec *spec,
                     const char *connection)
{
    strlist_add(argv, spec->programs->psql);
    strlist_add(argv, "-X"); /* whatever ~/.psqlrc would change */
    strlist_add(argv, "-q");
    strlist_add(argv, spec->globals ? "--set=ON_ERROR_STOP=0" : "--set=ON_ERROR_STOP=1");
    if (spec->globals)
        strlist_add(argv, "--set=VERBOSITY=verbose"); /* SQLSTATEs, for child_spec */
    strlist_add(argv, "--no-password");
    strlist_addf(argv, "--dbname=%s", connection);
    strlist_add(argv, "--file=-"); /* messages carry line numbers */
}

/* Of an archive pg_restore can leave parts out. */
static void add_pg_restore(struct strlist *argv, const struct psql_sink_spec *spec,
                           const char *connection)
{
    strlist_add(argv, spec->programs->pg_restore);
    /* By default it goes on after errors and ends with 1 all the same. */
    strlist_add(argv, "--exit-on-error");
    strlist_add(argv, "--no-password");
    strlist_addf(argv, "--dbname=%s", connection);
    if (spec->no_owner)
        strlist_add(argv, "--no-owner");
    if (spec->no_privileges)
        strlist_add(argv, "--no-privileges");
}

struct psql_sink *psql_sink_start(const struct psql_sink_spec *spec, struct err *err)
{
    struct conninfo_child connection;
    struct strlist argv = {0};
    if (conninfo_child(spec->conninfo, spec->database, &connection, err) < 0)
        return NULL;
    if (spec->format == DUMP_PLAIN)
        add_psql(&argv, spec, connection.argument);
    else
        add_pg_restore(&argv, spec, connection.argument);
    struct child_spec child_spec = {
        .argv = &argv,
        .env = &connection.env,
        .database = connection.database,
        .reads = true,
        .kind = ERR_DATABASE,
        .tolerated = spec->globals ? DUPLICATE_OBJECT : NULL,
        /* psql alone of the programs dies of a SIGTERM without a word to the server. */
        .interrupt = spec->format == DUMP_PLAIN,
        .cancel = spec->cancel,
    };
    struct child *child = child_start(&child_spec, err);
    conninfo_child_release(&connection);
    strlist_release(&argv);
    if (child == NULL)
        return NULL;
    struct psql_sink *restore = memory_zalloc(sizeof *restore);
    restore->child = child;
    return restore;
}

int psql_sink_write(struct psql_sink *restore, const void *data, size_t size,
                    struct err *err)
{
    return child_write(restore->child, data, size, err);
}

int psql_sink_finish(struct psql_sink *restore, struct err *err)
{
    return child_finish(restore->child, err);
}

void psql_sink_free(struct psql_sink *restore)
{
    if (restore == NULL)
        return;
    child_free(restore->child);
    free(restore);
}
