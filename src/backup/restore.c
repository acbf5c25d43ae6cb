/*
 * The database is the one thing here that cannot be undone, so everything that can be wrong
 * is asked before it is touched: options that do not fit, a copy that cannot be opened, patterns
 * that choose nothing, a target that is not empty, programs that are too old. Only then a database
 * is made.
 */
#include "backup/restore.h"

#include "backup/restore/parallel.h"
#include "backup/restore/project.h"
#include "backup/restore/resume.h"
#include "backup/restore/role_filter.h"
#include "backup/restore_hint.h"
#include "base/log.h"
#include "base/memory.h"
#include "postgres/conninfo.h"
#include "postgres/psql_sink.h"
#include "postgres/server.h"
#include "repository/repository_object.h"
#include "stream/decode.h"

enum {
    MAJOR = 10000,
    MAINTENANCE_KB = 512 * 1024 /* of all sessions together, for making indexes */
};

struct restore_run {
    const struct restore_spec *spec;
    struct copy_reader_spec from;
    const struct catalog_artifact *artifact;
    enum dump_format format;
    bool globals;
    char *database; /* target */
    struct copy_reader *retrieve;
    struct server *server; /* of the target, or where it is made; until it is filled */
    struct server_properties properties; /* of the source, from the manifest */
    struct programs programs;
    bool exists, created;
    /* Statement by statement, not through psql. */
    bool by_script;
    bool only_faster;
    unsigned sessions; /* of the target */
    struct script script;
    struct selection_spec chosen;
    struct sql_map present; /* in the target */
    struct ledger *ledger;  /* what of it is done; NULL: that is kept nowhere */
};

/* ---- before anything is touched ---- */

/* As many as were asked for, else as many as pay off: one session of psql is as fast for what
 * is small, and archives come through one pipe. */
static unsigned sessions_of(const struct restore_run *r)
{
    if (r->format != DUMP_PLAIN || r->globals)
        return 1;
    /* Rows alone go into tables that have their foreign keys already: pg_dump put them in an order
     * that these allow. */
    if (strcmp(r->artifact->type, dump_type_name(DUMP_DATA)) == 0 &&
        !r->spec->disable_triggers)
        return 1;
    return r->spec->parallel > 0 ? r->spec->parallel
                                 : parallel_pays(r->artifact->raw_bytes);
}

/* Which way: psql and pg_restore take all of a dump as it is, pg_restore also without owners and
 * rights. */
static int check_options(struct restore_run *r, struct err *err)
{
    const struct restore_spec *spec = r->spec;
    bool part = selection_is_given(spec->tables) || selection_is_given(spec->schemas) ||
                spec->section != NULL;
    if (!dump_format_from_name(r->artifact->format, &r->format))
        return err_set(err, ERR_CORRUPT, "unknown format \"%s\"", r->artifact->format);
    bool filtered = spec->no_owner || spec->no_privileges;
    r->by_script = part || spec->search_path != NULL || spec->disable_triggers ||
                   (spec->project && !r->globals) || (filtered && r->format == DUMP_PLAIN);
    r->sessions = sessions_of(r);
    r->only_faster = !r->by_script && spec->parallel == 0 && !spec->resume;
    r->by_script = r->by_script || r->sessions > 1 || spec->resume;
    r->chosen = (struct selection_spec){.tables = spec->tables,
                                        .schemas = spec->schemas,
                                        .section = spec->section,
                                        .no_owner = spec->no_owner,
                                        .no_privileges = spec->no_privileges};
    if (r->globals && spec->create)
        return err_set(
            err, ERR_USAGE,
            "globals are roles and tablespaces of a server: --create does not fit");
    if (spec->resume && (r->format != DUMP_PLAIN || r->globals)) {
        err_set(err, ERR_USAGE,
                "only a restore of a plain backup of a database can go on: this one is %s",
                r->globals ? "of globals" : r->artifact->format);
        return err_hint(err, "begin anew in an empty database");
    }
    if (r->format != DUMP_PLAIN && spec->parallel > 1)
        log_info("a backup of format custom is restored by one connection; fetch --decode "
                 "gives a file for pg_restore -j %u",
                 spec->parallel);
    if (r->globals && (r->by_script || spec->parallel > 1))
        return err_set(err, ERR_USAGE,
                       "globals are restored as a whole, by one connection");
    return 0;
}

/* psql and pg_restore must know what the dump says: at least as new as the pg_dump that
 * wrote it and as the target (version 0: none is known). */
static int find_programs(struct restore_run *r, int wanted, struct err *err)
{
    const char *version = r->artifact->pg_dump_version;
    int wrote = version ? (int)strtol(version, NULL, 10) * MAJOR : 0;
    if (r->programs.psql != NULL)
        programs_release(&r->programs);
    return programs_find(session_settings(r->from.session)->pg_bin_dir,
                         wrote > wanted ? wrote : wanted, &r->programs, err);
}

/* What the backup holds. Of a plain one no program is needed for that. */
static int read_script(struct restore_run *r, struct err *err)
{
    /* Its index tells where the text is; rows are not touched. */
    if (r->format == DUMP_PLAIN)
        return script_read(&r->script, r->retrieve, err);
    if (find_programs(r, 0, err) < 0)
        return -1;
    return script_read_archive(&r->script, &r->from, r->programs.pg_restore, err);
}

/* --create: the database must not be there yet; who makes it is connected to another one. */
static int check_new(struct restore_run *r, struct err *err)
{
    struct repository_manifest found;
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
    /* Whoever connects owns the database then, and needs no right on another role. */
    if (r->spec->no_owner)
        memory_replace(&r->properties.owner, NULL);
    if (r->spec->no_privileges)
        strlist_release(&r->properties.acl);

    /* One connects to a database in order to make another. */
    r->server = server_connect_any(r->spec->conninfo, session_cancel(r->from.session), err);
    if (r->server == NULL ||
        server_database_exists(r->server, r->database, &exists, err) < 0)
        return -1;
    /* Made by the restore that goes on; what else lies there is asked later (resume.h). */
    r->exists = exists;
    if (!exists || r->spec->resume)
        return 0;
    err_set(err, ERR_DATABASE, "database \"%s\" exists already", r->database);
    return err_hint(err, "without --create it is restored into, if it is empty");
}

/* Without --create: it must be there, and empty unless the user says otherwise. */
static int check_target(struct restore_run *r, struct err *err)
{
    uint64_t tables = 0;
    r->server =
        server_connect(r->spec->conninfo, NULL, session_cancel(r->from.session), err);
    if (r->server == NULL) {
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
    if (!r->globals && !r->spec->into_nonempty && !r->spec->resume &&
        server_user_tables(r->server, r->spec->project ? supabase_owns_schema : NULL,
                           &tables, err) < 0)
        return -1;
    if (tables == 0)
        return 0;
    err_set(err, ERR_DATABASE, "database \"%s\" is not empty: it has %llu tables",
            r->database, (unsigned long long)tables);
    return err_hint(err, "restore into a new one with --create, or say --into-nonempty");
}

static void add_present(void *context, const char *schema, const char *name)
{
    struct restore_run *r = context;
    /* Overloaded functions have one name: the first is enough. */
    (void)sql_map_add(&r->present, schema, name, 0);
}

/* By patterns and, for a project, by what its platform has: the same for a list and a restore. */
static int choose(struct restore_run *r, struct err *err)
{
    const struct outline *outline = &r->script.outline;
    if (selection_make(outline, &r->chosen, &r->script.selection, err) < 0)
        return -1;
    if (r->spec->project)
        project_narrow(outline, &r->script.selection);
    return 0;
}

/* What of it comes; what is there already need not come along. */
static int select_script(struct restore_run *r, struct err *err)
{
    /* A new database has nothing but what every new one has. */
    if (r->server != NULL && !r->spec->create) {
        char *encoding = outline_encoding(&r->script.outline);
        int result = loader_present(r->server, encoding, add_present, r, err);
        free(encoding);
        if (result < 0)
            return -1;
        r->chosen.present = &r->present;
    }
    if (choose(r, err) < 0)
        return -1;
    /* It was said when the restore began, of a target that had less. */
    if (r->spec->resume)
        return 0;
    for (size_t i = 0; i < r->script.selection.brought.count; i++)
        log_info("comes along: %s", r->script.selection.brought.items[i]);
    for (size_t i = 0; i < r->script.selection.left_out.count; i++)
        log_warning("left out: %s", r->script.selection.left_out.items[i]);
    return 0;
}

/* ---- the bytes ---- */

static int write_restore(void *context, const void *data, size_t size, struct err *err)
{
    return psql_sink_write(context, data, size, err);
}

/* The end of input is given only after the last hash was right: until then psql has no
 * reason to say that it is done. */
static int feed(struct restore_run *r, struct meter *meter, struct err *err)
{
    const struct restore_spec *spec = r->spec;
    struct psql_sink_spec target = {.conninfo = spec->conninfo,
                                    .format = r->format,
                                    .globals = r->globals,
                                    .no_owner = spec->no_owner,
                                    .no_privileges = spec->no_privileges,
                                    .programs = &r->programs,
                                    .cancel = session_cancel(r->from.session)};
    struct psql_sink *restore = psql_sink_start(&target, err);
    if (restore == NULL)
        return -1;
    struct stream_sink sink = {.write = write_restore, .context = restore};
    struct role_filter filter;
    bool filtered = r->globals && (spec->no_role_passwords || spec->project);
    if (filtered)
        sink = role_filter_begin(&filter, sink, spec->project);
    int result = copy_reader_run(r->retrieve, COPY_READER_DECODED, sink, meter, err);
    if (filtered)
        result = role_filter_finish(&filter, result, err);
    observer_phase(session_observer(r->from.session), "finish");
    if (result == 0)
        result = psql_sink_finish(restore, err);
    psql_sink_free(restore);
    return result;
}

static int begin_ledger(struct restore_run *r, struct err *err)
{
    const struct restore_spec *spec = r->spec;
    struct resume_spec resume = {.target = {.conninfo = spec->conninfo,
                                            .id = r->artifact->id,
                                            .cancel = session_cancel(r->from.session)},
                                 .chosen = &r->chosen,
                                 .search_path = spec->search_path,
                                 .disable_triggers = spec->disable_triggers,
                                 .project = spec->project,
                                 .create = spec->create,
                                 .into_nonempty = spec->into_nonempty,
                                 .again = spec->resume};
    return resume_begin(&resume, &r->script, &r->ledger, err);
}

static int carry(struct restore_run *r, struct meter *meter, struct err *err)
{
    struct carry_spec carry = {.script = &r->script,
                               .chosen = &r->chosen,
                               .target = {.conninfo = r->spec->conninfo,
                                          .disable_triggers = r->spec->disable_triggers,
                                          .replica_if_allowed = r->spec->project,
                                          .fast = true,
                                          .cancel = session_cancel(r->from.session)},
                               .parent = session_cancel(r->from.session),
                               .search_path = r->spec->search_path,
                               .meter = meter};
    /* What one session brings in the order of the dump is told of nowhere, and begins anew. */
    if ((r->sessions < 2 || !parallel_fits(&r->script)) && !r->spec->resume) {
        /* Several sessions decode at the same time anyway. */
        carry.threads = decode_threads();
        return carry_out(&carry, err);
    }
    if (begin_ledger(r, err) < 0)
        return -1;
    carry.ledger = r->ledger;
    int64_t memory =
        r->spec->memory > 0 ? (int64_t)(r->spec->memory / 1024) : MAINTENANCE_KB;
    carry.target.maintenance_memory = memory / r->sessions;
    return parallel_carry(&carry, r->sessions, err);
}

static int fill(struct restore_run *r, struct err *err)
{
    const struct observer *observer = session_observer(r->from.session);
    struct meter meter;
    uint64_t expected = r->artifact->raw_bytes;
    /* Progress is counted in the rows that come; definitions are few bytes. */
    if (r->by_script && r->script.chunks != NULL)
        expected = script_chosen_bytes(&r->script);
    meter_init(&meter, expected);
    observer_artifact(observer, r->artifact, &meter);
    observer_phase(observer, "restore");
    int result = r->by_script ? carry(r, &meter, err) : feed(r, &meter, err);
    observer_artifact_end(observer);
    if (result < 0)
        restore_hint(r->spec, err);
    return result;
}

/* Everything is asked by now: the database is made, with the settings that its content may
 * depend on. */
static int create_database(struct restore_run *r, struct err *err)
{
    if (!r->exists &&
        server_create_database(r->server, r->database, &r->properties, err) < 0)
        return -1;
    /* From here on a failure leaves something behind, and the error says so. */
    r->created = true;
    return server_apply_settings(r->server, r->database, &r->properties, err);
}

/* Several sessions were our own idea, and the chunk index they need is not right: then one. */
static int do_without_script(struct restore_run *r, struct err *err)
{
    if (!r->only_faster || err_is_fatal(err->kind))
        return -1;
    log_warning("%s: it is restored by one connection", err->text);
    err_clear(err);
    script_release(&r->script);
    r->by_script = false;
    r->sessions = 1;
    return 0;
}

static int check(struct restore_run *r, struct err *err)
{
    if (r->by_script && read_script(r, err) < 0 && do_without_script(r, err) < 0)
        return -1;
    if ((r->spec->create ? check_new(r, err) : check_target(r, err)) < 0)
        return -1;
    /* Programs before the database: one that cannot be filled is not made. */
    if (!(r->by_script && r->format == DUMP_PLAIN) &&
        find_programs(r, server_version(r->server), err) < 0)
        return -1;
    if (r->by_script) {
        /* Found anew for this server: the text is poured once more. */
        r->script.pg_restore = r->programs.pg_restore;
        /* Rows as INSERTs, in an order that only one session keeps: that is told of nowhere. */
        if (r->spec->resume && !parallel_fits(&r->script)) {
            err_set(err, ERR_USAGE,
                    "this backup is restored by one connection, which cannot go on");
            return err_hint(err, "begin anew in an empty database");
        }
        return select_script(r, err);
    }
    return 0;
}

static int run(struct restore_run *r, struct err *err)
{
    const char *conninfo = r->spec->conninfo;
    int result = 0;
    /* libpq would use the one named like the user: a backup is not to end in `postgres`. */
    if (!r->globals && !conninfo_names_database(conninfo)) {
        err_set(err, ERR_USAGE, "--to does not say which database");
        return err_hint(err, "as --to 'host=db2 dbname=shop_restored'");
    }
    r->database = conninfo_database(conninfo, err);
    if (r->database == NULL || check_options(r, err) < 0)
        return -1;
    /* The copy before the target: no database is made for bytes that cannot be read. */
    r->retrieve = copy_reader_open(&r->from, err);
    if (r->retrieve == NULL || check(r, err) < 0)
        return -1;
    if (r->spec->create)
        result = create_database(r, err);
    server_free(r->server);
    r->server = NULL;
    if (result < 0 && !r->created)
        return -1;
    if (result == 0)
        result = fill(r, err);
    /* What would get in the way of the restore comes last. */
    if (result == 0 && r->created) {
        r->server = server_connect(conninfo, NULL, session_cancel(r->from.session), err);
        result = r->server != NULL
                     ? server_apply_properties(r->server, r->database, &r->properties, err)
                     : -1;
    }
    if (result < 0)
        return restore_hint_left(&(struct restore_left){.database = r->database,
                                                        .globals = r->globals,
                                                        .resumable = r->ledger != NULL,
                                                        .made = r->created && !r->exists},
                                 err);
    resume_end(r->ledger, r->database);
    return 0;
}

static void begin(struct restore_run *r, const struct restore_spec *spec)
{
    *r = (struct restore_run){
        .spec = spec, .from = spec->from, .artifact = spec->from.artifact};
    r->from.purpose = "being restored";
    r->globals = strcmp(r->artifact->type, dump_type_name(DUMP_GLOBALS)) == 0;
}

static void end(struct restore_run *r)
{
    ledger_free(r->ledger);
    script_release(&r->script);
    sql_map_release(&r->present);
    server_free(r->server);
    copy_reader_close(r->retrieve);
    server_properties_release(&r->properties);
    programs_release(&r->programs);
    free(r->database);
}

/* The caller's from now on. */
static void take_lists(struct restore_run *r, struct strlist *left_out,
                       struct strlist *brought)
{
    *left_out = r->script.selection.left_out;
    *brought = r->script.selection.brought;
    r->script.selection.left_out = (struct strlist){0};
    r->script.selection.brought = (struct strlist){0};
}

int restore_run(const struct restore_spec *spec, struct restore_done *done, struct err *err)
{
    struct restore_run r;
    begin(&r, spec);
    *done = (struct restore_done){0};
    int result = run(&r, err);
    if (result == 0) {
        done->store = memory_strdup(copy_reader_copy(r.retrieve)->store);
        bool part = r.script.selection.partial || spec->section != NULL;
        done->counted = !part || r.script.chunks != NULL;
        done->raw_bytes = part ? script_chosen_bytes(&r.script) : r.artifact->raw_bytes;
        done->database = r.database;
        r.database = NULL;
        take_lists(&r, &done->left_out, &done->brought);
    }
    end(&r);
    return result;
}

void restore_done_release(struct restore_done *done)
{
    free(done->database);
    free(done->store);
    strlist_release(&done->left_out);
    strlist_release(&done->brought);
    *done = (struct restore_done){0};
}

/* ---- what it would do ---- */

int restore_list(const struct restore_spec *spec, struct listing *listing, struct err *err)
{
    struct restore_run r;
    begin(&r, spec);
    *listing = (struct listing){0};
    int result = -1;
    if (r.globals)
        err_set(err, ERR_USAGE,
                "globals are restored as a whole: there is nothing to list");
    else if (check_options(&r, err) == 0)
        r.retrieve = copy_reader_open(&r.from, err);
    if (r.retrieve != NULL && read_script(&r, err) == 0)
        result = choose(&r, err);
    if (result == 0) {
        listing_fill(listing, &r.script, &r.chosen);
        take_lists(&r, &listing->left_out, &listing->brought);
    }
    end(&r);
    return result;
}
