/*
 * The database is the one thing here that cannot be undone, so everything that can be wrong
 * is asked before it is touched: options that the format cannot do, a target that is not
 * empty, programs that are too old, a copy that cannot be opened.
 */
#include "backup/restore.h"

#include "repository/repository_object.h"
#include "base/memory.h"
#include "postgres/psql_sink.h"
#include "postgres/conninfo.h"
#include "postgres/server.h"

enum { MAJOR = 10000 };

struct restore_run {
    const struct restore_spec *spec;
    const struct catalog_artifact *artifact;
    enum dump_format format;
    bool globals;
    char *database; /* target */
    struct copy_reader *retrieve;
    struct server_properties properties; /* of the source, from the manifest */
    struct programs programs;
    bool created;
};

/* ---- before anything is touched ---- */

static bool is_given(const struct strlist *list)
{
    return list != NULL && list->count > 0;
}

/* Plain SQL goes through psql as it is. Saying so is better than restoring more than was
 * asked for. */
static int check_options(struct restore_run *r, struct err *err)
{
    const struct restore_spec *spec = r->spec;
    const struct {
        bool given;
        const char *option;
    } custom_only[] = {{is_given(spec->tables), "--table"},
                       {is_given(spec->schemas), "--schema"},
                       {spec->section != NULL, "--section"},
                       {spec->no_owner, "--no-owner"},
                       {spec->no_privileges, "--no-privileges"}};
    if (!dump_format_from_name(r->artifact->format, &r->format))
        return err_set(err, ERR_CORRUPT, "unknown format \"%s\"", r->artifact->format);
    for (size_t i = 0; r->format == DUMP_PLAIN && i < 5; i++) {
        if (!custom_only[i].given)
            continue;
        err_set(err, ERR_USAGE,
                "%s works with backups of format custom only, this one is "
                "plain",
                custom_only[i].option);
        return err_hint(err,
                        "restore all of it into a scratch database and take from there; "
                        "or back up with --format custom");
    }
    if (r->globals && spec->create)
        return err_set(
            err, ERR_USAGE,
            "globals are roles and tablespaces of a server: --create does not fit");
    return 0;
}

/* psql and pg_restore must know what the dump says: at least as new as the pg_dump that
 * wrote it and as the target. */
static int find_programs(struct restore_run *r, const struct server *server,
                         struct err *err)
{
    int wanted = server_version(server);
    const char *version = r->artifact->pg_dump_version;
    int wrote = version ? (int)strtol(version, NULL, 10) * MAJOR : 0;
    if (wrote > wanted)
        wanted = wrote;
    return programs_find(session_settings(r->spec->from.session)->pg_bin_dir, wanted,
                         &r->programs, err);
}

/* The database that one connects to in order to make another. */
static struct server *connect_maintenance(const char *conninfo, const struct cancel *cancel,
                                          struct err *err)
{
    struct err second = {0};
    struct server *server = server_connect(conninfo, "postgres", cancel, err);
    if (server == NULL)
        server = server_connect(conninfo, "template1", cancel, &second);
    return server;
}

static int create_database(struct restore_run *r, struct err *err)
{
    bool exists = false;
    struct server *server =
        connect_maintenance(r->spec->conninfo, session_cancel(r->spec->from.session), err);
    int result = -1;
    if (server == NULL)
        return -1;
    if (server_database_exists(server, r->database, &exists, err) < 0)
        goto cleanup;
    if (exists) {
        err_set(err, ERR_DATABASE, "database \"%s\" exists already", r->database);
        err_hint(err, "without --create it is restored into, if it is empty");
        goto cleanup;
    }
    if (find_programs(r, server, err) < 0)
        goto cleanup;
    result = server_create_database(server, r->database, &r->properties, err);
    r->created = result == 0;
cleanup:
    server_free(server);
    return result;
}

static int check_empty(struct restore_run *r, struct server *server, struct err *err)
{
    uint64_t tables = 0;
    if (r->globals || r->spec->into_nonempty)
        return 0;
    if (server_user_tables(server, &tables, err) < 0)
        return -1;
    if (tables == 0)
        return 0;
    err_set(err, ERR_DATABASE, "database \"%s\" is not empty: it has %llu tables",
            r->database, (unsigned long long)tables);
    return err_hint(err, "restore into a new one with --create, or say --into-nonempty");
}

static int check_target(struct restore_run *r, struct err *err)
{
    struct server *server =
        server_connect(r->spec->conninfo, NULL, session_cancel(r->spec->from.session), err);
    if (server == NULL) {
        char *missing = memory_format("database \"%s\" does not exist", r->database);
        if (strstr(err->text, missing) != NULL) {
            err_set(err, ERR_DATABASE, "%s", missing);
            err_hint(err, "--create makes it first");
        }
        free(missing);
        return -1;
    }
    int result = check_empty(r, server, err);
    if (result == 0)
        result = find_programs(r, server, err);
    server_free(server);
    return result;
}

static int read_properties(struct restore_run *r, struct err *err)
{
    struct repository_manifest found;
    int result = repository_require_manifest(copy_reader_repository(r->retrieve)->store,
                                             r->artifact->id, &found, err);
    if (result == 0) {
        r->properties = found.manifest.facts.properties; /* moves */
        found.manifest.facts.properties = (struct server_properties){0};
    }
    repository_manifest_release(&found);
    return result;
}

static int prepare_target(struct restore_run *r, struct err *err)
{
    if (!r->spec->create)
        return check_target(r, err);
    return read_properties(r, err) < 0 ? -1 : create_database(r, err);
}

/* ---- the bytes ---- */

static int write_restore(void *context, const void *data, size_t size, struct err *err)
{
    return psql_sink_write(context, data, size, err);
}

/* The end of input is given only after the last hash was right: until then psql has no
 * reason to say that it is done. */
static int feed(struct restore_run *r, struct err *err)
{
    const struct restore_spec *spec = r->spec;
    const struct observer *observer = session_observer(spec->from.session);
    struct meter meter;
    struct psql_sink_spec target = {.conninfo = spec->conninfo,
                                    .format = r->format,
                                    .globals = r->globals,
                                    .tables = spec->tables,
                                    .schemas = spec->schemas,
                                    .section = spec->section,
                                    .no_owner = spec->no_owner,
                                    .no_privileges = spec->no_privileges,
                                    .programs = &r->programs,
                                    .cancel = session_cancel(spec->from.session)};
    struct psql_sink *restore = psql_sink_start(&target, err);
    if (restore == NULL)
        return -1;
    struct stream_sink sink = {.write = write_restore, .context = restore};
    meter_init(&meter, r->artifact->raw_bytes);
    observer_artifact(observer, r->artifact, &meter);
    observer_phase(observer, "restore");
    int result = copy_reader_run(r->retrieve, COPY_READER_DECODED, sink, &meter, err);
    observer_phase(observer, "finish");
    if (result == 0)
        result = psql_sink_finish(restore, err);
    observer_artifact_end(observer);
    psql_sink_free(restore);
    return result;
}

static int apply_properties(struct restore_run *r, struct err *err)
{
    struct server *server =
        server_connect(r->spec->conninfo, NULL, session_cancel(r->spec->from.session), err);
    if (server == NULL)
        return -1;
    int result = server_apply_properties(server, r->database, &r->properties, err);
    server_free(server);
    return result;
}

/* A database that is half there must not look like one that is whole. */
static void tell_incomplete(const struct restore_run *r, struct err *err)
{
    if (r->globals)
        err_context(err, "roles and tablespaces may be incomplete now");
    else if (r->created)
        err_context(err,
                    "database \"%s\" was created and is incomplete (drop it before "
                    "trying again)",
                    r->database);
    else
        err_context(err, "database \"%s\" may be incomplete now", r->database);
}

/* libpq would take the one named like the user: a backup is not to end in `postgres`. */
static int check_named(const struct restore_run *r, struct err *err)
{
    if (r->globals || conninfo_names_database(r->spec->conninfo))
        return 0;
    err_set(err, ERR_USAGE, "--to does not say which database");
    return err_hint(err, "as --to 'host=db2 dbname=shop_restored'");
}

static int run(struct restore_run *r, struct err *err)
{
    struct copy_reader_spec from = r->spec->from;
    from.purpose = "being restored";
    if (check_named(r, err) < 0)
        return -1;
    r->database = conninfo_database(r->spec->conninfo, err);
    if (r->database == NULL || check_options(r, err) < 0)
        return -1;
    r->retrieve = copy_reader_open(&from, err);
    if (r->retrieve == NULL || prepare_target(r, err) < 0)
        return -1;
    int result = feed(r, err);
    if (result == 0 && r->created)
        result = apply_properties(r, err);
    if (result < 0)
        tell_incomplete(r, err);
    return result;
}

int restore_run(const struct restore_spec *spec, struct restore_done *done, struct err *err)
{
    struct restore_run r = {.spec = spec, .artifact = spec->from.artifact};
    *done = (struct restore_done){0};
    r.globals = strcmp(r.artifact->type, dump_type_name(DUMP_GLOBALS)) == 0;
    int result = run(&r, err);
    if (result == 0) {
        done->store = memory_strdup(copy_reader_copy(r.retrieve)->store);
        done->database = r.database;
        r.database = NULL;
    }
    copy_reader_close(r.retrieve);
    server_properties_release(&r.properties);
    programs_release(&r.programs);
    free(r.database);
    return result;
}

void restore_done_release(struct restore_done *done)
{
    free(done->database);
    free(done->store);
    *done = (struct restore_done){0};
}
