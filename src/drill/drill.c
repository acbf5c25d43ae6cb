/*
 * The copy is chosen once and kept under a lease until the end: what is proven is one copy, so another
 * one must not stand in for a chunk that this one does not have (broken_too of copy_reader.h).
 */
#include "drill/drill.h"

#include "backup/restore.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/json.h"
#include "base/log.h"
#include "base/memory.h"
#include "copy/verify.h"
#include "drill/against.h"
#include "drill/expectation.h"
#include "drill/target.h"
#include "postgres/conninfo.h"
#include "postgres/programs.h"
#include "repository/repository_object.h"
#include "session/hook.h"

enum { MAJOR = 10000, COMMAND_TIMEOUT_S = 3600 };
#define DEFAULT_MEMORY ((uint64_t)1 << 30)

struct drill {
    const struct drill_spec *spec;
    const struct job_settings *job; /* NULL: none of this name any more */
    struct drill_result *out;
    struct copy_reader_spec from;
    struct copy_reader *reader;
    struct repository_manifest manifest;
    struct programs programs; /* of an archive */
    struct script script;
    bool has_outline;
    struct names names;
    struct expectation expectation;
    struct target *target;
    size_t checks; /* that were true */
    bool command;  /* ended well */
    int version;   /* of the target */
    int64_t restore_ms, compare_ms;
};

bool drill_is_possible(const struct catalog_artifact *artifact)
{
    return strcmp(artifact->type, dump_type_name(DUMP_FULL)) == 0 ||
           strcmp(artifact->type, dump_type_name(DUMP_SCHEMA)) == 0;
}

bool drill_ends_all(enum err_kind kind)
{
    return kind != ERR_DATABASE && kind != ERR_AGAIN && err_is_fatal(kind);
}

/* ---- what the backup says ---- */

/* "15.18 (Debian …)" */
static int major_of(const char *version)
{
    return version != NULL ? (int)strtol(version, NULL, 10) * MAJOR : 0;
}

/* The text around the rows. Without a chunk index there is no way to it but through all of the rows. */
static int read_outline(struct drill *d, struct err *err)
{
    const struct catalog_artifact *artifact = d->spec->artifact;
    bool plain = strcmp(artifact->format, dump_format_name(DUMP_PLAIN)) == 0;
    int result = 0;
    d->has_outline = !plain || copy_reader_copy(d->reader)->index_key != NULL;
    if (plain && d->has_outline) {
        result = script_read(&d->script, d->reader, err);
    } else if (!plain) {
        result = programs_find(session_settings(d->spec->session)->pg_bin_dir,
                               major_of(artifact->pg_dump_version), &d->programs, err);
        if (result == 0)
            result = script_read_archive(&d->script, &d->from, d->programs.pg_restore, err);
    }
    return result;
}

/* Roles that the database's own properties name. */
static void add_roles_of(const struct server_properties *properties, struct names *names)
{
    names_add_role(names, properties->owner);
    for (size_t i = 0; i < properties->settings.count; i++) {
        const char *setting = properties->settings.items[i];
        const char *tab = strchr(setting, '\t');
        char *role = tab != NULL && tab > setting
                         ? memory_strndup(setting, (size_t)(tab - setting))
                         : NULL;
        names_add_role(names, role);
        free(role);
    }
}

static int read_backup(struct drill *d, struct err *err)
{
    struct store *store = copy_reader_repository(d->reader)->store;
    const struct verify_spec look = {.session = d->spec->session,
                                     .artifact = d->spec->artifact,
                                     .copy = copy_reader_copy(d->reader),
                                     .level = CATALOG_QUICK};
    if (verify_look(store, &look, err) < 0 ||
        repository_require_manifest(store, d->spec->artifact->id, &d->manifest, err) < 0 ||
        read_outline(d, err) < 0)
        return -1;
    const struct catalog_artifact *says = &d->manifest.manifest.artifact;
    bool plain = strcmp(says->format, dump_format_name(DUMP_PLAIN)) == 0;
    if (d->has_outline)
        names_collect(&d->script.outline, &d->names);
    add_roles_of(&d->manifest.manifest.facts.properties, &d->names);
    expectation_make(says, d->has_outline ? &d->script.outline : NULL, plain,
                     &d->expectation);
    expectation_compare_catalog(says, d->spec->artifact, &d->out->comparison);
    return 0;
}

/* ---- the restore ---- */

static const char *place_of(const struct drill *d)
{
    if (d->spec->to != NULL)
        return d->spec->to;
    return d->job != NULL ? d->job->drill_to.text : NULL;
}

static int open_target(struct drill *d, struct err *err)
{
    const struct catalog_artifact *artifact = d->spec->artifact;
    int server = major_of(artifact->server_version),
        dump = major_of(artifact->pg_dump_version);
    struct target_spec target = {.session = d->spec->session,
                                 .artifact = artifact->id,
                                 .to = place_of(d),
                                 .version = dump > server ? dump : server,
                                 .bytes = artifact->raw_bytes,
                                 .memory =
                                     d->job != NULL ? d->job->drill_memory : DEFAULT_MEMORY,
                                 .names = &d->names,
                                 .properties = &d->manifest.manifest.facts.properties};
    d->target = target_open(&target, err);
    if (d->target == NULL)
        return -1;
    d->version = target_version(d->target);
    return 0;
}

static int restore(struct drill *d, struct err *err)
{
    int64_t start = clock_monotonic_ms();
    bool cluster = target_is_cluster(d->target);
    struct restore_done done = {0};
    /* On a server of others roles may be lacking, and rights are not what is compared. */
    struct restore_spec spec = {
        .from = d->from,
        .conninfo = target_conninfo(d->target),
        .no_owner = !cluster,
        .no_privileges = !cluster,
        .memory = (d->job != NULL ? d->job->drill_memory : DEFAULT_MEMORY) / 2};
    int result = restore_run(&spec, &done, err);
    d->restore_ms = clock_monotonic_ms() - start;
    restore_done_release(&done);
    return result < 0 ? err_context(err, "it was not restored") : 0;
}

/* ---- what came ---- */

static int count_rows(struct server *server, const struct inspect_tables *tables,
                      struct comparison_table *out, struct err *err)
{
    for (size_t i = 0; i < tables->count; i++) {
        uint64_t rows = 0;
        const struct inspect_table *table = &tables->items[i];
        if (inspect_rows(server, table, &rows, NULL, err) < 0)
            return -1;
        out[i] = (struct comparison_table){table->schema, table->name, (int64_t)rows,
                                           table->extension};
    }
    return 0;
}

/* A root that the dump does not name has its rows in partitions that it does name. */
static size_t drop_roots(const struct drill *d, const struct inspect_tables *tables,
                         struct comparison_table *found)
{
    struct sql_map map = {0};
    size_t count = 0;
    const struct comparison_side *side = &d->expectation.side;
    for (size_t i = 0; i < side->table_count; i++)
        (void)sql_map_add(&map, side->tables[i].schema, side->tables[i].name, i);
    /* And partitions whose rows came through their root stand in its count. */
    for (size_t i = 0; i < tables->count; i++) {
        bool named = sql_map_find(&map, found[i].schema, found[i].name) != NULL;
        bool through = tables->items[i].partition && side->table_count > 0 && !named;
        if (named || !(tables->items[i].root || through))
            found[count++] = found[i];
    }
    sql_map_release(&map);
    return count;
}

static int inspect(struct drill *d, struct server *server, struct err *err)
{
    struct inspect_tables tables = {0};
    struct inspect_sequences sequences = {0};
    struct comparison_side found = {0};
    struct comparison_table *rows = NULL;
    int result = inspect_begin(server, d->spec->artifact->encoding, err);
    if (result == 0)
        result = inspect_tables(server, &tables, err);
    if (result == 0) {
        rows = memory_array(tables.count + 1, sizeof *rows);
        result = count_rows(server, &tables, rows, err);
    }
    if (result == 0)
        result = inspect_counts(server, found.counts, err);
    if (result == 0)
        result = inspect_sequences(server, &sequences, err);
    if (result == 0) {
        found.tables = rows;
        found.table_count = drop_roots(d, &tables, rows);
        found.sequences = sequences.items;
        found.sequence_count = sequences.count;
        comparison_make(&d->expectation.side, &found, d->expectation.rows_told,
                        &d->out->comparison);
    }
    free(rows);
    inspect_sequences_release(&sequences);
    inspect_tables_release(&tables);
    return result;
}

/* SQL that fails says nothing of the backup: it may be misspelt. */
static int run_checks(struct drill *d, struct server *server, struct err *err)
{
    for (size_t i = 0; d->job != NULL && i < d->job->drill_checks.count; i++) {
        const char *sql = d->job->drill_checks.items[i];
        bool truth = false;
        if (inspect_is_true(server, sql, &truth, err) < 0)
            return err_context(err, "check %zu", i + 1);
        if (truth)
            d->checks++;
        else
            comparison_add(&d->out->comparison, "check %zu is not true: %s", i + 1, sql);
    }
    return 0;
}

static int run_command(struct drill *d, struct err *err)
{
    struct strlist facts = {0};
    struct err why = {0};
    if (d->job == NULL || d->job->drill_command.count == 0)
        return 0;
    char *program = file_find_program(d->job->drill_command.items[0]);
    char *conninfo = conninfo_public(target_conninfo(d->target), err);
    int result = conninfo != NULL ? 0 : -1;
    if (result == 0 && program == NULL)
        result = err_set(err, ERR_DATABASE, "drill_command: no such program: %s",
                         d->job->drill_command.items[0]);
    if (result == 0) {
        strlist_addf(&facts, "PGKEEP_CONNINFO=%s", conninfo);
        strlist_addf(&facts, "PGKEEP_ARTIFACT=%s", d->spec->artifact->id);
        strlist_addf(&facts, "PGKEEP_DATABASE=%s", d->spec->artifact->database);
        const struct hook_spec hook = {.name = "drill_command",
                                       .arguments = &d->job->drill_command,
                                       .facts = &facts,
                                       .document = "{}",
                                       .timeout_s = COMMAND_TIMEOUT_S,
                                       .settings = session_settings(d->spec->session),
                                       .cancel = session_cancel(d->spec->session)};
        d->command = hook_run(&hook, &why) == 0;
        if (why.kind == ERR_CANCELLED) {
            *err = why;
            result = -1;
        } else if (!d->command) {
            comparison_add(&d->out->comparison, "%s", why.text);
        }
    }
    strlist_release(&facts);
    free(program);
    free(conninfo);
    return result;
}

static int compare(struct drill *d, struct err *err)
{
    int64_t start = clock_monotonic_ms();
    struct cancel *cancel = session_cancel(d->spec->session);
    struct server *server = server_connect(target_conninfo(d->target), NULL, cancel, err);
    int result = server == NULL ? -1 : inspect(d, server, err);
    if (result == 0)
        result = run_checks(d, server, err);
    server_free(server);
    if (result == 0)
        result = run_command(d, err);
    if (result == 0 && d->spec->against != NULL) {
        const struct against_spec spec = {.restored = target_conninfo(d->target),
                                          .live = d->spec->against,
                                          .encoding = d->spec->artifact->encoding,
                                          .cancel = cancel};
        result = against_run(&spec, &d->out->against, &d->out->against_tables, err);
    }
    d->compare_ms = clock_monotonic_ms() - start;
    return result;
}

/* ---- the whole ---- */

static int examine(struct drill *d, struct err *err)
{
    const struct observer *observer = session_observer(d->spec->session);
    struct meter meter;
    if (read_backup(d, err) < 0 || open_target(d, err) < 0 || restore(d, err) < 0)
        return -1;
    meter_init(&meter, 0);
    observer_artifact(observer, d->spec->artifact, &meter);
    observer_phase(observer, "compare");
    int result = compare(d, err);
    observer_artifact_end(observer);
    return result;
}

static json_t *comparison_json(const struct comparison *comparison)
{
    json_t *kinds = json_object();
    for (size_t i = 0; i < INSPECT_KINDS; i++) {
        char *key = memory_strdup(inspect_kind_name(i));
        for (char *at = key; (at = strchr(at, ' ')) != NULL;)
            *at = '_';
        json_set(kinds, key,
                 comparison->counts[i] == COMPARISON_UNKNOWN
                     ? json_null()
                     : json_integer(comparison->counts[i]));
        free(key);
    }
    return json_pack("{s:I, s:I, s:I, s:o, s:I, s:o}", "tables",
                     (json_int_t)comparison->tables, "rows", (json_int_t)comparison->rows,
                     "sequences", (json_int_t)comparison->sequences, "counts", kinds,
                     "differences", (json_int_t)comparison->differences, "first",
                     json_strings(&comparison->told));
}

/* For the history: what was compared, and where. */
static char *report_text(const struct drill *d)
{
    json_t *report = comparison_json(&d->out->comparison);
    json_set(report, "target",
             json_string(d->target == NULL              ? "none"
                         : target_is_cluster(d->target) ? "cluster"
                                                        : "server"));
    json_set(report, "server_version", json_integer(d->version));
    json_set(report, "checks", json_integer((json_int_t)d->checks));
    json_set(report, "command", json_boolean(d->command));
    json_set(report, "restore_ms", json_integer(d->restore_ms));
    json_set(report, "compare_ms", json_integer(d->compare_ms));
    if (d->spec->against != NULL) {
        const struct comparison *live = &d->out->against;
        json_set(report, "against",
                 json_pack("{s:I, s:I, s:I, s:o}", "tables", (json_int_t)live->tables,
                           "rows", (json_int_t)live->rows, "differences",
                           (json_int_t)live->differences, "first",
                           json_strings(&live->told)));
    }
    char *text = json_text(report, false);
    json_decref(report);
    return text;
}

/* What it comes to: only an answer about the copy itself decides. */
static void judge(struct drill *d, int result, struct err *why)
{
    struct catalog_verification *found = &d->out->verification;
    const struct comparison *comparison = &d->out->comparison;
    found->result = CATALOG_UNDECIDED;
    if (result == 0 && comparison->differences > 0) {
        err_set(why, ERR_CORRUPT, "%zu difference%s: %s", comparison->differences,
                comparison->differences == 1 ? "" : "s", comparison->told.items[0]);
        found->result = CATALOG_FOUND_DAMAGED;
    } else if (result == 0) {
        found->result = CATALOG_GOOD;
    } else if (why->kind == ERR_CORRUPT) {
        found->result = CATALOG_FOUND_DAMAGED;
    } else if (why->kind == ERR_NOT_FOUND && d->target == NULL) {
        found->result = CATALOG_FOUND_MISSING;
    }
    found->sense = found->result == CATALOG_GOOD && d->checks > 0;
    found->bytes = result == 0 ? d->spec->artifact->stored_bytes : 0;
    found->message = why->kind == ERR_NONE ? NULL : memory_strdup(why->text);
    found->report = report_text(d);
}

static int open_copy(struct drill *d, struct err *err)
{
    d->from = (struct copy_reader_spec){.session = d->spec->session,
                                        .artifact = d->spec->artifact,
                                        .store = d->spec->store,
                                        .purpose = "being drilled"};
    /* A good one if there is one, else one that was found broken and may have been put back; then
     * that one alone. */
    d->reader = copy_reader_open(&d->from, err);
    if (d->reader == NULL && err->kind == ERR_CORRUPT) {
        d->from.broken_too = true;
        d->reader = copy_reader_open(&d->from, err);
    }
    if (d->reader == NULL)
        return -1;
    d->out->copy = copy_reader_copy(d->reader);
    copy_reader_close(d->reader);
    d->from.store = d->out->copy->store;
    d->from.broken_too = true;
    d->reader = copy_reader_open(&d->from, err);
    return d->reader == NULL ? -1 : 0;
}

static void end(struct drill *d)
{
    target_close(d->target);
    expectation_release(&d->expectation);
    names_release(&d->names);
    script_release(&d->script);
    programs_release(&d->programs);
    repository_manifest_release(&d->manifest);
    copy_reader_close(d->reader);
}

int drill_run(const struct drill_spec *spec, struct drill_result *out, struct err *why,
              struct err *err)
{
    struct drill d = {.spec = spec, .out = out};
    int64_t start = clock_monotonic_ms();
    *out = (struct drill_result){0};
    err_clear(why);
    text_init(&out->against_tables, (size_t)64 << 20);
    if (!drill_is_possible(spec->artifact))
        return err_set(err, ERR_USAGE,
                       "a backup of type %s holds no database that could be restored alone",
                       spec->artifact->type);
    d.job = settings_job(session_settings(spec->session), spec->artifact->job);
    /* Without a copy to read there is none that a verdict could be about. */
    if (open_copy(&d, err) < 0) {
        end(&d);
        return -1;
    }
    struct catalog_verification *found = &out->verification;
    int result = examine(&d, why);
    /* What fails while all is being ended may say so in other words. */
    if (result < 0 && cancel_requested(session_cancel(spec->session)))
        result = cancel_check(session_cancel(spec->session), why);
    /* A difference is no error yet: what was restored was read, and each chunk was right. */
    if (result < 0)
        verify_doubt(d.reader, why);
    judge(&d, result, why);
    /* Gone before it is recorded: what is good leaves nothing. */
    struct target *target = d.target;
    d.target = NULL;
    target_close(target);
    found->copy = out->copy->id;
    found->run = session_run_id(spec->session);
    found->level = CATALOG_DRILL;
    found->time = clock_now();
    found->duration_ms = clock_monotonic_ms() - start;
    const struct verify_spec record = {.session = spec->session,
                                       .artifact = spec->artifact,
                                       .copy = out->copy,
                                       .level = CATALOG_DRILL};
    result = -1;
    if (drill_ends_all(why->kind))
        *err = *why;
    else
        result = verify_record(&record, d.reader, found, why, err);
    end(&d);
    return result;
}

void drill_result_release(struct drill_result *result)
{
    verify_release(&result->verification);
    comparison_release(&result->comparison);
    comparison_release(&result->against);
    text_release(&result->against_tables);
    *result = (struct drill_result){0};
}
