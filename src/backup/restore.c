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

/* --create: the database must not be there yet. */
static int create_database(struct restore_run *r, struct err *err)
{
    const struct cancel *cancel = session_cancel(r->spec->from.session);
    struct repository_manifest found;
    struct err second = {0};
    bool exists = false;
    /* Owner, encoding and settings of the source: only the manifest has them. */
    int result = repository_require_manifest(copy_reader_repository(r->retrieve)->store,
                                             r->artifact->id, &found, err);
    if (result == 0) {
        r->properties = found.manifest.facts.properties; /* moves */
        found.manifest.facts.properties = (struct server_properties){0};
    }
    repository_manifest_release(&found);
    if (result < 0)
        return -1;

    /* One connects to a database in order to make another; `postgres` may be missing. */
    struct server *server = server_connect(r->spec->conninfo, "postgres", cancel, err);
    if (server == NULL)
        server = server_connect(r->spec->conninfo, "template1", cancel, &second);
    if (server == NULL)
        return -1;
    result = -1;
    if (server_database_exists(server, r->database, &exists, err) < 0)
        goto cleanup;
    if (exists) {
        err_set(err, ERR_DATABASE, "database \"%s\" exists already", r->database);
        err_hint(err, "without --create it is restored into, if it is empty");
        goto cleanup;
    }
    /* Programs before the database: one that cannot be filled is not made. */
    if (find_programs(r, server, err) < 0)
        goto cleanup;
    result = server_create_database(server, r->database, &r->properties, err);
    r->created = result == 0;
cleanup:
    server_free(server);
    return result;
}

/* Without --create: it must be there, and empty unless the user says otherwise. */
static int check_target(struct restore_run *r, struct err *err)
{
    struct server *server =
        server_connect(r->spec->conninfo, NULL, session_cancel(r->spec->from.session), err);
    uint64_t tables = 0;
    int result = 0;
    if (server == NULL) {
        /* libpq has no code for this, only its text. */
        char *missing = memory_format("database \"%s\" does not exist", r->database);
        if (strstr(err->text, missing) != NULL) {
            err_set(err, ERR_DATABASE, "%s", missing);
            err_hint(err, "--create makes it first");
        }
        free(missing);
        return -1;
    }
    /* Globals go into every server, which always has some. */
    if (!r->globals && !r->spec->into_nonempty)
        result = server_user_tables(server, &tables, err);
    if (result == 0 && tables > 0) {
        err_set(err, ERR_DATABASE, "database \"%s\" is not empty: it has %llu tables",
                r->database, (unsigned long long)tables);
        result =
            err_hint(err, "restore into a new one with --create, or say --into-nonempty");
    }
    if (result == 0)
        result = find_programs(r, server, err);
    server_free(server);
    return result;
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

static int run(struct restore_run *r, struct err *err)
{
    const char *conninfo = r->spec->conninfo;
    struct copy_reader_spec from = r->spec->from;
    from.purpose = "being restored";
    /* libpq would use the one named like the user: a backup is not to end in `postgres`. */
    if (!r->globals && !conninfo_names_database(conninfo)) {
        err_set(err, ERR_USAGE, "--to does not say which database");
        return err_hint(err, "as --to 'host=db2 dbname=shop_restored'");
    }
    r->database = conninfo_database(conninfo, err);
    if (r->database == NULL || check_options(r, err) < 0)
        return -1;
    /* The copy before the target: no database is made for bytes that cannot be read. */
    r->retrieve = copy_reader_open(&from, err);
    if (r->retrieve == NULL ||
        (r->spec->create ? create_database(r, err) : check_target(r, err)) < 0)
        return -1;
    int result = feed(r, err);
    /* Settings of the database itself come last: they might get in the way of the restore. */
    if (result == 0 && r->created) {
        struct server *server =
            server_connect(conninfo, NULL, session_cancel(from.session), err);
        result =
            server ? server_apply_properties(server, r->database, &r->properties, err) : -1;
        server_free(server);
    }
    if (result == 0)
        return 0;
    /* A database that is half there must not look like one that is whole. */
    if (r->globals)
        return err_context(err, "roles and tablespaces may be incomplete now");
    if (r->created)
        return err_context(err,
                           "database \"%s\" was created and is incomplete (drop it before "
                           "trying again)",
                           r->database);
    return err_context(err, "database \"%s\" may be incomplete now", r->database);
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
