/*
 * Backups of a job: dumps that end in every way, servers and stores that are not there,
 * several databases. What stores do in the middle of one is test_backup_stores.c.
 */
#include "backup/backup.h"

#include "base/log.h"
#include "catalog/artifact_group.h"
#include "repository/manifest.h"
#include "tests/support/captured.h"
#include "tests/support/run_suite.h"
#include "tests/support/store_seam.h"
#include "tests/support/world.h"

#define STATUS_OF_LAST_RUN "SELECT exit_status FROM runs ORDER BY id DESC LIMIT 1"
#define ARTIFACTS "SELECT count(*) FROM artifacts"

static struct world world;

static void setup(void)
{
    world_begin(&world, NULL);
}

static void begin(const struct world_spec *spec)
{
    world_end(&world);
    world_begin(&world, spec);
}

static void teardown(void)
{
    world_end(&world);
}

static const struct backup_result *result(size_t i)
{
    ck_assert_uint_lt(i, world.backups.count);
    return &world.backups.items[i];
}

static void assert_says(const struct err *err, enum err_kind kind, const char *text)
{
    ck_assert_msg(strstr(err->text, text) != NULL, "%s", err->text);
    ck_assert_str_eq(err_kind_name(err->kind), err_kind_name(kind));
}

/* Nothing of any artifact is in any store. */
static void assert_nothing_stored(void)
{
    static const char *const names[] = {"nas", "offsite", "third"};
    char id[ULID_SIZE];
    for (size_t i = 0; i < 3; i++) {
        struct store *store = world_store(&world, names[i]);
        for (size_t at = 0; memory_store_key(store, at) != NULL; at++) {
            (void)keys_parse(memory_store_key(store, at), id);
            ck_assert_msg(*id == '\0', "%s: %s", names[i], memory_store_key(store, at));
        }
    }
    world_assert_settled(&world);
}

/* ---- one that is good ---- */

START_TEST(a_backup_is_complete_in_each_of_its_stores)
{
    const char *id = world_take(&world);
    ck_assert_int_eq(world_status(&world, id), CATALOG_COMPLETE);
    world_assert_state(&world, id, "nas", CATALOG_COPY_COMPLETE);
    world_assert_state(&world, id, "offsite", CATALOG_COPY_COMPLETE);
    world_assert_state(&world, id, "third", CATALOG_COPY_STATES);
    world_assert_settled(&world);
    ck_assert_int_eq(world_number(&world, STATUS_OF_LAST_RUN), 0);
}
END_TEST

START_TEST(all_stores_hold_the_same_bytes_of_data_index_and_manifest)
{
    static const enum keys_kind kinds[] = {KEYS_KIND_DATA, KEYS_KIND_INDEX,
                                           KEYS_KIND_MANIFEST};
    world_programs("pg_dump", "rows=300");
    const char *id = world_take(&world);
    for (size_t i = 0; i < 3; i++) {
        const char *key = world_key(&world, id, kinds[i]);
        const struct text *one = memory_store_bytes(world_store(&world, "nas"), key);
        const struct text *two = memory_store_bytes(world_store(&world, "offsite"), key);
        ck_assert_uint_eq(one->length, two->length);
        ck_assert_mem_eq(one->data, two->data, one->length);
    }
    const struct memory_part *parts;
    ck_assert_uint_gt(memory_store_parts(world_store(&world, "nas"), &parts), 5);
}
END_TEST

START_TEST(an_artifact_says_what_it_is_of)
{
    static const struct world_spec spec = {
        .source = "exclude_table_data = [ \"public.s*\" ];",
        .job = "description = \"each night\"; tags = [ \"team=db\", \"a=b=c\" ];"};
    begin(&spec);
    const struct catalog_artifact *artifact = world_load(&world, world_take(&world));
    ck_assert_str_eq(artifact->job, "nightly");
    ck_assert_str_eq(artifact->source, "shop");
    ck_assert_str_eq(artifact->database, "shop");
    ck_assert_str_eq(artifact->origin, "db.internal:5432");
    ck_assert_str_eq(artifact->type, "full");
    ck_assert_str_eq(artifact->format, "plain");
    ck_assert_str_eq(artifact->compression, "none");
    ck_assert_str_eq(artifact->pg_dump_version, "15.99");
    ck_assert_str_eq(artifact->server_version, "15.0");
    ck_assert_str_eq(artifact->description, "each night");
    ck_assert_uint_eq(artifact->tags.count, 2);
    ck_assert_str_eq(artifact->tags.items[0].name, "a");
    ck_assert_str_eq(artifact->tags.items[0].value, "b=c");
    ck_assert_uint_eq(artifact->filters.count, 1);
    ck_assert_str_eq(artifact->filters.items[0].name, "exclude_table_data");
    ck_assert_str_eq(artifact->filters.items[0].value, "public.s*");
    ck_assert_int_eq(artifact->table_count, 1);
    ck_assert_int_eq(artifact->row_count, 10);
    ck_assert_uint_gt(artifact->raw_bytes, 500);
    ck_assert_uint_eq(artifact->raw_bytes, artifact->stored_bytes);
    ck_assert_str_eq(artifact->sha256, artifact->raw_sha256);
    ck_assert_int_ge(artifact->finished, artifact->started);
    ck_assert_ptr_null(artifact->error_code);
}
END_TEST

/* It is another group than what the job makes by itself, and `latest` looks past it. */
START_TEST(filters_of_the_command_line_are_known_as_such)
{
    static const struct world_spec spec = {
        .source = "exclude_table_data = [ \"public.s*\" ]; tables = [ \"a*\" ];",
        .words = {"nightly", "--table", "big", "--exclude-schema", "x"}};
    static const char *const expected[] = {"--exclude-schema x", "--table big",
                                           "exclude_table_data public.s*"};
    begin(&spec);
    const struct catalog_artifact *artifact = world_load(&world, world_take(&world));
    ck_assert_uint_eq(artifact->filters.count, 3);
    for (size_t i = 0; i < 3; i++) {
        const struct catalog_pair *filter = &artifact->filters.items[i];
        char *text = memory_format("%s %s", filter->name, filter->value);
        ck_assert_str_eq(text, expected[i]);
        free(text);
    }
    ck_assert(catalog_artifact_is_partial(artifact));
    char *group = catalog_artifact_group(artifact);
    ck_assert_ptr_nonnull(strstr(group, "nightly/shop/full (filtered: "));
    free(group);
}
END_TEST

START_TEST(a_manifest_holds_no_password)
{
    const char *key = world_key(&world, world_take(&world), KEYS_KIND_MANIFEST);
    const struct text *text = memory_store_bytes(world_store(&world, "nas"), key);
    ck_assert_ptr_null(strstr(text->data, "hunter2"));
    ck_assert_ptr_nonnull(strstr(text->data, "db.internal"));
}
END_TEST

START_TEST(the_last_good_one_is_the_estimate_of_the_next)
{
    const char *first = world_take(&world);
    uint64_t bytes = world_load(&world, first)->raw_bytes;
    const char *second = world_take(&world);
    ck_assert_uint_eq(world_load(&world, first)->progress.estimate, 100000);
    ck_assert_uint_eq(world_load(&world, second)->progress.estimate, bytes);
}
END_TEST

static const char *const compressions[] = {"gzip:1", "zstd:3", "bzip2"};

START_TEST(what_is_stored_is_what_pg_dump_wrote_whatever_the_codec)
{
    char *job = memory_format("compress = \"%s\"; parallel = 2;", compressions[_i]);
    struct world_spec spec = {.job = job};
    struct text plain, coded;
    text_init(&plain, 1 << 20);
    text_init(&coded, 1 << 20);
    struct copy_reader_spec any = {0};
    const char *id = world_take(&world);
    ck_assert_int_eq(
        world_read(&world, world_open(&world, id, &any), COPY_READER_STORED, &plain), 0);
    begin(&spec);
    id = world_take(&world);
    ck_assert_uint_lt(world_load(&world, id)->stored_bytes, plain.length);
    ck_assert_int_eq(
        world_read(&world, world_open(&world, id, &any), COPY_READER_DECODED, &coded), 0);
    ck_assert_str_eq(plain.data, coded.data);
    text_release(&plain);
    text_release(&coded);
    free(job);
}
END_TEST

START_TEST(an_observer_is_told_each_database_from_its_begin_to_what_became_of_it)
{
    static const char *const wanted[] = {"begin shop", "phase dump", "phase finish",
                                         "end",        "done shop",  "begin shop",
                                         "phase dump", "end",        "done shop"};
    (void)world_take(&world);
    world_programs("pg_dump", "exit=1");
    ck_assert_int_eq(world_backup(&world, "nightly"), 0);
    ck_assert_uint_eq(world.told.count, sizeof wanted / sizeof *wanted);
    for (size_t i = 0; i < world.told.count; i++)
        ck_assert_str_eq(world.told.items[i], wanted[i]);
}
END_TEST

/* ---- dumps that fail ---- */

static const struct {
    const char *words;
    const char *says;
} failures[] = {
    {"exit=1", "pg_dump ended with exit status 1"},
    {"bytes=0 exit=1", "pg_dump ended with exit status 1"},
    {"bytes=100 exit=3", "pg_dump ended with exit status 3"},
    {"rows=200 bytes=5000 exit=1", "pg_dump ended with exit status 1"},
    {"rows=200 exit=1 say=pg_dump:+error:+connection+lost", "connection lost"},
    {"signal=KILL", "pg_dump was ended by signal 9"},
    {"rows=200 bytes=5000 signal=TERM", "pg_dump was ended by signal 15"},
    {"bytes=0", "the dump is cut"},
    {"cut=10", "the dump is cut"},
    {"rows=200 bytes=5000", "the dump is cut"},
};

START_TEST(a_failed_dump_is_never_committed)
{
    world_programs("pg_dump", failures[_i].words);
    ck_assert_int_eq(world_backup(&world, "nightly"), 0);
    ck_assert_int_eq(result(0)->outcome, BACKUP_FAILED);
    assert_says(&result(0)->err, ERR_DATABASE, failures[_i].says);
    assert_nothing_stored();
    const struct catalog_artifact *artifact = world_load(&world, world_id(&world));
    ck_assert_int_eq(artifact->status, CATALOG_FAILED);
    ck_assert_str_eq(artifact->error_code, "database");
    ck_assert_str_eq(artifact->error_message, result(0)->err.text);
    ck_assert_uint_eq(artifact->stored_bytes, 0);
    ck_assert_int_eq(world_number(&world, STATUS_OF_LAST_RUN), 4);
    world_assert_state(&world, world_id(&world), "nas", CATALOG_COPY_FAILED);
    world_assert_state(&world, world_id(&world), "offsite", CATALOG_COPY_FAILED);
}
END_TEST

static void cancel_in_dump(struct world *of, const char *phase)
{
    if (strcmp(phase, "dump") == 0)
        world_cancel(of);
}

static void cancel_at_the_end(struct world *of, const char *phase)
{
    if (strcmp(phase, "finish") == 0)
        world_cancel(of);
}

START_TEST(a_cancel_ends_a_dump_that_hangs_and_leaves_nothing)
{
    world_programs("pg_dump", "bytes=100 hang");
    world.on_phase = cancel_in_dump;
    ck_assert_int_eq(world_backup(&world, "nightly"), -1);
    assert_says(&world.err, ERR_CANCELLED, "interrupted by SIGTERM");
    assert_nothing_stored();
    const struct catalog_artifact *artifact = world_load(&world, world_id(&world));
    ck_assert_int_eq(artifact->status, CATALOG_CANCELLED);
    ck_assert_str_eq(artifact->error_code, "cancelled");
    ck_assert_int_eq(world_number(&world, STATUS_OF_LAST_RUN), 143);
}
END_TEST

START_TEST(a_cancel_after_the_last_byte_still_lets_it_be_finished_or_undone)
{
    world.on_phase = cancel_at_the_end;
    (void)world_backup(&world, "nightly");
    world_assert_settled(&world);
}
END_TEST

/* ---- archives ---- */

static void begin_custom(void)
{
    static const struct world_spec spec = {.job = "format = \"custom\";"};
    char path[SCRATCH_SIZE];
    begin(&spec);
    scratch_file(path, "PGDMP and whatever an archive holds\n");
    char *words = memory_format("from=%s", path);
    world_programs("pg_dump", words);
    free(words);
}

START_TEST(an_archive_is_walked_by_pg_restore_before_it_counts)
{
    begin_custom();
    const char *saved = world_path(&world, "@/walked");
    char *words = memory_format("save=%s", saved);
    world_programs("pg_restore", words);
    const char *id = world_take(&world);
    const struct catalog_artifact *artifact = world_load(&world, id);
    ck_assert_str_eq(artifact->format, "custom");
    ck_assert_int_eq(artifact->row_count, CATALOG_UNKNOWN_ROWS);
    FILE *file = fopen(saved, "r");
    char line[64] = "";
    ck_assert_ptr_nonnull(fgets(line, sizeof line, file));
    ck_assert_str_eq(line, "PGDMP and whatever an archive holds\n");
    fclose(file);
    free(words);
}
END_TEST

static const char *const walks[] = {"exit=1", "bytes=3 exit=1", "signal=SEGV"};

START_TEST(an_archive_that_pg_restore_cannot_walk_is_a_failed_dump)
{
    begin_custom();
    world_programs("pg_restore", walks[_i]);
    ck_assert_int_eq(world_backup(&world, "nightly"), 0);
    ck_assert_int_eq(result(0)->outcome, BACKUP_FAILED);
    assert_says(&result(0)->err, ERR_DATABASE, "the dump is not whole");
    assert_nothing_stored();
}
END_TEST

START_TEST(what_does_not_begin_as_an_archive_is_none)
{
    begin_custom();
    world_programs("pg_dump", "rows=10");
    ck_assert_int_eq(world_backup(&world, "nightly"), 0);
    ck_assert_int_eq(result(0)->outcome, BACKUP_FAILED);
    ck_assert_int_eq(result(0)->err.kind, ERR_DATABASE);
    assert_nothing_stored();
}
END_TEST

/* ---- servers ---- */

START_TEST(a_server_that_is_not_there_costs_no_artifact_but_is_recorded)
{
    fake_libpq_refuse(NULL, "connection to server failed: Connection refused");
    ck_assert_int_eq(world_backup(&world, "nightly"), -1);
    assert_says(&world.err, ERR_DATABASE, "backup of \"nightly\": cannot connect");
    ck_assert_int_eq(world_number(&world, ARTIFACTS), 0);
    ck_assert_int_eq(world_number(&world, STATUS_OF_LAST_RUN), 4);
    ck_assert_uint_eq(store_seam_opened("/memory/nas"), 0);
}
END_TEST

START_TEST(a_role_that_would_not_see_every_row_is_refused_before_the_dump)
{
    fake_libpq_answer("row_security_active", 1, "public.orders", FAKE_LIBPQ_END);
    ck_assert_int_eq(world_backup(&world, "nightly"), 0);
    ck_assert_int_eq(result(0)->outcome, BACKUP_FAILED);
    assert_says(&result(0)->err, ERR_DATABASE, "row-level security");
    ck_assert_str_eq(result(0)->id, "");
    ck_assert_int_eq(world_number(&world, ARTIFACTS), 0);
}
END_TEST

static const char *const questions[] = {"pg_database_size", "pg_encoding_to_char(d",
                                        "pg_db_role_setting", "has_table_privilege"};

START_TEST(a_question_that_the_server_does_not_answer_fails_that_database)
{
    fake_libpq_fail(questions[_i], "ERROR: out of shared memory");
    ck_assert_int_eq(world_backup(&world, "nightly"), 0);
    ck_assert_int_eq(result(0)->outcome, BACKUP_FAILED);
    assert_says(&result(0)->err, ERR_DATABASE, "out of shared memory");
    assert_nothing_stored();
    ck_assert_uint_eq(fake_libpq_open(), 0);
}
END_TEST

START_TEST(programs_older_than_the_server_are_refused)
{
    world_programs("pg_dump", "version=9.6");
    ck_assert_int_eq(world_backup(&world, "nightly"), -1);
    assert_says(&world.err, ERR_DATABASE, "too old");
    ck_assert_int_eq(world_number(&world, ARTIFACTS), 0);
}
END_TEST

static void begin_many(const char *job)
{
    struct world_spec spec = {
        .source = "databases = [ \"*\" ]; exclude_databases = [ \"skipped\" ]; "
                  "globals = true;",
        .job = job};
    begin(&spec);
    fake_libpq_answer("SELECT datname, ", 4, "alpha", "t", "-1", "f", "beta", "t", "-1",
                      "f", "skipped", "t", "-1", "f", "zeta", "t", "-1", "f",
                      FAKE_LIBPQ_END);
}

START_TEST(globals_and_each_database_that_fits_are_taken_in_turn)
{
    static const char *const names[] = {"", "alpha", "beta", "zeta"};
    begin_many(NULL);
    ck_assert_int_eq(world_backup(&world, "nightly"), 0);
    ck_assert_uint_eq(world.backups.count, 4);
    for (size_t i = 0; i < 4; i++) {
        ck_assert_str_eq(result(i)->database, names[i]);
        ck_assert_msg(result(i)->outcome == BACKUP_GOOD, "%s", result(i)->err.text);
        const struct catalog_artifact *artifact = world_load(&world, result(i)->id);
        ck_assert_str_eq(artifact->database, names[i]);
        ck_assert_str_eq(artifact->type, i == 0 ? "globals" : "full");
    }
    world_assert_settled(&world);
}
END_TEST

START_TEST(globals_are_plain_where_databases_are_archives)
{
    begin_custom();
    static const struct world_spec spec = {.job = "format = \"custom\";",
                                           .source = "globals = true;"};
    begin(&spec);
    world_programs("pg_dump", "exit=1");
    ck_assert_int_eq(world_backup(&world, "nightly"), 0);
    ck_assert_int_eq(result(0)->outcome, BACKUP_GOOD);
    ck_assert_str_eq(world_load(&world, result(0)->id)->format, "plain");
    ck_assert_int_eq(result(1)->outcome, BACKUP_FAILED);
}
END_TEST

START_TEST(a_database_that_fails_does_not_keep_the_others_from_being_taken)
{
    begin_many(NULL);
    fake_libpq_refuse("beta",
                      "FATAL: database \"beta\" is not currently accepting connections");
    ck_assert_int_eq(world_backup(&world, "nightly"), 0);
    ck_assert_uint_eq(world.backups.count, 4);
    ck_assert_int_eq(result(1)->outcome, BACKUP_GOOD);
    ck_assert_int_eq(result(2)->outcome, BACKUP_FAILED);
    assert_says(&result(2)->err, ERR_DATABASE, "not currently accepting");
    ck_assert_int_eq(result(3)->outcome, BACKUP_GOOD);
    ck_assert_int_eq(world_number(&world, STATUS_OF_LAST_RUN), 8);
    world_assert_settled(&world);
}
END_TEST

START_TEST(no_database_that_fits_is_an_error)
{
    static const struct world_spec spec = {.source = "databases = [ \"none-*\" ];"};
    begin(&spec);
    ck_assert_int_eq(world_backup(&world, "nightly"), -1);
    assert_says(&world.err, ERR_DATABASE, "no database of the server fits");
}
END_TEST

/* Note 27 of the contract. */
START_TEST(a_named_database_that_cannot_be_dumped_is_a_failed_database_of_the_run)
{
    static const struct world_spec spec = {
        .source = "databases = [ \"shop\", \"shpo\", \"broken\", \"closed\" ];"};
    static const char *const says[] = {"it is invalid", "it takes no connections", NULL,
                                       "no such database; did you mean \"shop\"?"};
    begin(&spec);
    fake_libpq_answer("SELECT datname, ", 4, "broken", "t", "-2", "f", "closed", "f", "-1",
                      "f", "shop", "t", "-1", "f", FAKE_LIBPQ_END);
    ck_assert_int_eq(world_backup(&world, "nightly"), 0);
    ck_assert_uint_eq(world.backups.count, 4);
    for (size_t i = 0; i < 4; i++) {
        ck_assert_int_eq(result(i)->outcome, says[i] == NULL ? BACKUP_GOOD : BACKUP_FAILED);
        if (says[i] != NULL)
            assert_says(&result(i)->err, ERR_DATABASE, says[i]);
    }
    ck_assert_str_eq(result(3)->database, "shpo");
    ck_assert_int_eq(world_number(&world, STATUS_OF_LAST_RUN), 8);
    world_assert_settled(&world);
}
END_TEST

START_TEST(a_run_of_nothing_but_missing_databases_has_failed)
{
    static const struct world_spec spec = {.source = "databases = [ \"none-of-these\" ];"};
    begin(&spec);
    ck_assert_int_eq(world_backup(&world, "nightly"), 0);
    ck_assert_int_eq(result(0)->outcome, BACKUP_FAILED);
    ck_assert_int_eq(world_number(&world, STATUS_OF_LAST_RUN), 4);
}
END_TEST

START_TEST(what_only_a_pattern_brought_in_is_left_out_and_said_once)
{
    struct text said;
    begin_many(NULL);
    fake_libpq_answer("SELECT datname, ", 4, "alpha", "t", "-1", "f", "broken", "t", "-2",
                      "f", "closed", "f", "-1", "f", FAKE_LIBPQ_END);
    captured_begin();
    ck_assert_int_eq(world_backup(&world, "nightly"), 0);
    captured_end(&said);
    ck_assert_uint_eq(world.backups.count, 2);
    ck_assert_int_eq(result(1)->outcome, BACKUP_GOOD);
    ck_assert_int_eq(world_number(&world, STATUS_OF_LAST_RUN), 0);
    const char *line = strstr(said.data, "database \"closed\" is left out: it takes no");
    ck_assert_msg(line != NULL, "%s", said.data);
    ck_assert_ptr_null(strstr(line + 1, "database \"closed\""));
    ck_assert_ptr_nonnull(strstr(said.data, "database \"broken\" is left out: it is"));
    text_release(&said);
}
END_TEST

/* The same for each of them: said before the first, and no more. */
START_TEST(what_buffers_take_is_said_once_per_run)
{
    struct text said;
    begin_many(NULL);
    log_setup(LOG_LEVEL_INFO, LOG_FORMAT_TEXT);
    captured_begin();
    ck_assert_int_eq(world_backup(&world, "nightly"), 0);
    captured_end(&said);
    ck_assert_uint_gt(world.backups.count, 1);
    const char *line = strstr(said.data, ": memory for buffers: ");
    ck_assert_msg(line != NULL, "%s", said.data);
    ck_assert_msg(strstr(line + 10, "memory for buffers") == NULL, "%s", said.data);
    text_release(&said);
}
END_TEST

START_TEST(a_database_that_had_backups_and_is_gone_is_said)
{
    struct text said;
    begin_many(NULL);
    ck_assert_int_eq(world_backup(&world, "nightly"), 0);
    backup_results_release(&world.backups);
    fake_libpq_answer("SELECT datname, ", 4, "alpha", "t", "-1", "f", FAKE_LIBPQ_END);
    fake_libpq_answer("datname = $1; $1=zeta", 1, "1", FAKE_LIBPQ_END);
    captured_begin();
    ck_assert_int_eq(world_backup(&world, "nightly"), 0);
    captured_end(&said);
    ck_assert_ptr_nonnull(
        strstr(said.data, "database \"beta\" has backups, but the server has it no more"));
    ck_assert_ptr_null(strstr(said.data, "\"zeta\" has backups"));
    text_release(&said);
}
END_TEST

START_TEST(a_store_that_goes_away_is_not_waited_for_in_each_database)
{
    begin_many(NULL);
    /* Opened and looked at once, then before each database but the first. */
    memory_store_fail(world_store(&world, "offsite"), MEMORY_CHECK, 2, "", ERR_TRANSIENT,
                      false);
    ck_assert_int_eq(world_backup(&world, "nightly"), 0);
    ck_assert_uint_eq(world.backups.count, 4);
    ck_assert_int_eq(result(0)->outcome, BACKUP_GOOD);
    for (size_t i = 1; i < 4; i++) {
        ck_assert_int_eq(result(i)->outcome, BACKUP_PARTIAL);
        ck_assert_int_eq(result(i)->err.kind, ERR_TRANSIENT);
        world_assert_state(&world, result(i)->id, "nas", CATALOG_COPY_COMPLETE);
        world_assert_state(&world, result(i)->id, "offsite", CATALOG_COPY_FAILED);
    }
    ck_assert_uint_eq(memory_store_steps(world_store(&world, "offsite"), MEMORY_CHECK), 2);
    ck_assert_int_eq(world_number(&world, STATUS_OF_LAST_RUN), 8);
    world_assert_settled(&world);
}
END_TEST

/* ---- who may run, and on what ---- */

START_TEST(two_backups_of_one_job_do_not_run_at_once)
{
    struct lock *lock = world_lock(&world, "nightly");
    ck_assert_int_eq(world_backup(&world, "nightly"), -1);
    assert_says(&world.err, ERR_BUSY, "somebody's backup");
    ck_assert_int_eq(world_number(&world, "SELECT count(*) FROM runs"), 0);
    lock_release(lock);
    (void)world_take(&world);
}
END_TEST

START_TEST(an_unknown_job_is_an_error_of_the_configuration)
{
    ck_assert_int_eq(world_backup(&world, "nigthly"), -1);
    assert_says(&world.err, ERR_CONFIG, "nigthly");
}
END_TEST

START_TEST(two_names_of_one_store_are_refused)
{
    static const struct world_spec spec = {
        .stores = "alias: { type = \"dir\"; path = \"/memory/nas\"; };",
        .job = "stores = [ \"nas\", \"alias\" ];"};
    begin(&spec);
    ck_assert_int_eq(world_backup(&world, "nightly"), -1);
    assert_says(&world.err, ERR_CONFIG, "one and the same");
    ck_assert_int_eq(world_number(&world, ARTIFACTS), 0);
}
END_TEST

START_TEST(an_ad_hoc_backup_needs_no_job_and_stands_in_nobodys_way)
{
    static const struct world_spec spec = {
        .words = {"--source", "host=other dbname=scratch user=me password=secret",
                  "--store", "dir:/memory/third", "--name", "before the move"}};
    begin(&spec);
    struct lock *lock = world_lock(&world, SETTINGS_ADHOC);
    ck_assert_msg(world_backup(&world, SETTINGS_ADHOC) == 0, "%s", world.err.text);
    ck_assert_msg(result(0)->outcome == BACKUP_GOOD, "%s", result(0)->err.text);
    const struct catalog_artifact *artifact = world_load(&world, result(0)->id);
    ck_assert_str_eq(artifact->job, "");
    ck_assert_str_eq(artifact->database, "scratch");
    ck_assert_str_eq(artifact->origin, "other:5432");
    ck_assert_uint_eq(artifact->copy_count, 1);
    ck_assert_str_eq(artifact->copies[0].store, "dir:/memory/third");
    lock_release(lock);
}
END_TEST

/* ---- does it look like the ones before? ---- */

START_TEST(a_backup_that_shrank_is_kept_and_marked_here_and_in_its_stores)
{
    world_programs("pg_dump", "rows=100");
    for (int i = 0; i < 3; i++)
        ck_assert(!world_load(&world, world_take(&world))->suspect);
    world_programs("pg_dump", "rows=10");
    const char *id = world_take(&world);
    ck_assert(world.backups.items[0].suspect);
    ck_assert(world_load(&world, id)->suspect);
    ck_assert(world_has(&world, id, "nas", KEYS_KIND_STATE));
    ck_assert(world_has(&world, id, "offsite", KEYS_KIND_STATE));
    world_programs("pg_dump", "rows=100");
    ck_assert(!world_load(&world, world_take(&world))->suspect);
    world_assert_settled(&world);
}
END_TEST

START_TEST(a_suspect_backup_fails_the_run_where_its_job_says_so)
{
    static const struct world_spec spec = {.job = "anomaly = \"fail\";"};
    begin(&spec);
    world_programs("pg_dump", "rows=100");
    for (int i = 0; i < 3; i++)
        (void)world_take(&world);
    ck_assert_int_eq(world.exit_status, 0);
    world_programs("pg_dump", "rows=10");
    (void)world_take(&world);
    ck_assert_int_eq(world.exit_status, 6);
    ck_assert_int_eq(
        world_number(&world, "SELECT exit_status FROM runs ORDER BY id DESC LIMIT 1"), 6);
}
END_TEST

START_TEST(a_state_file_that_cannot_be_written_does_not_make_a_good_backup_fail)
{
    world_programs("pg_dump", "rows=100");
    (void)world_take(&world);
    world_programs("pg_dump", "rows=10");
    memory_store_fail(world_store(&world, "nas"), MEMORY_PUT, 1, "state/", ERR_DENIED,
                      false);
    const char *id = world_take(&world);
    ck_assert(world_load(&world, id)->suspect);
    ck_assert(!world_has(&world, id, "nas", KEYS_KIND_STATE));
    ck_assert(world_has(&world, id, "offsite", KEYS_KIND_STATE));
}
END_TEST

static Suite *suite(void)
{
    Suite *suite = suite_create("backup");
    TCase *tcase = tcase_create("backup");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, a_backup_is_complete_in_each_of_its_stores);
    tcase_add_test(tcase, all_stores_hold_the_same_bytes_of_data_index_and_manifest);
    tcase_add_test(tcase, an_artifact_says_what_it_is_of);
    tcase_add_test(tcase, filters_of_the_command_line_are_known_as_such);
    tcase_add_test(tcase, a_manifest_holds_no_password);
    tcase_add_test(tcase, the_last_good_one_is_the_estimate_of_the_next);
    tcase_add_test(tcase,
                   an_observer_is_told_each_database_from_its_begin_to_what_became_of_it);
    tcase_add_loop_test(tcase, what_is_stored_is_what_pg_dump_wrote_whatever_the_codec, 0,
                        sizeof compressions / sizeof *compressions);
    tcase_add_loop_test(tcase, a_failed_dump_is_never_committed, 0,
                        sizeof failures / sizeof *failures);
    tcase_add_test(tcase, a_cancel_ends_a_dump_that_hangs_and_leaves_nothing);
    tcase_add_test(tcase, a_cancel_after_the_last_byte_still_lets_it_be_finished_or_undone);
    tcase_add_test(tcase, an_archive_is_walked_by_pg_restore_before_it_counts);
    tcase_add_loop_test(tcase, an_archive_that_pg_restore_cannot_walk_is_a_failed_dump, 0,
                        sizeof walks / sizeof *walks);
    tcase_add_test(tcase, what_does_not_begin_as_an_archive_is_none);
    tcase_add_test(tcase, a_server_that_is_not_there_costs_no_artifact_but_is_recorded);
    tcase_add_test(tcase, a_role_that_would_not_see_every_row_is_refused_before_the_dump);
    tcase_add_loop_test(tcase,
                        a_question_that_the_server_does_not_answer_fails_that_database, 0,
                        sizeof questions / sizeof *questions);
    tcase_add_test(tcase, programs_older_than_the_server_are_refused);
    tcase_add_test(tcase, globals_and_each_database_that_fits_are_taken_in_turn);
    tcase_add_test(tcase, globals_are_plain_where_databases_are_archives);
    tcase_add_test(tcase, a_database_that_fails_does_not_keep_the_others_from_being_taken);
    tcase_add_test(tcase, no_database_that_fits_is_an_error);
    tcase_add_test(tcase,
                   a_named_database_that_cannot_be_dumped_is_a_failed_database_of_the_run);
    tcase_add_test(tcase, a_run_of_nothing_but_missing_databases_has_failed);
    tcase_add_test(tcase, what_only_a_pattern_brought_in_is_left_out_and_said_once);
    tcase_add_test(tcase, what_buffers_take_is_said_once_per_run);
    tcase_add_test(tcase, a_database_that_had_backups_and_is_gone_is_said);
    tcase_add_test(tcase, a_store_that_goes_away_is_not_waited_for_in_each_database);
    tcase_add_test(tcase, two_backups_of_one_job_do_not_run_at_once);
    tcase_add_test(tcase, an_unknown_job_is_an_error_of_the_configuration);
    tcase_add_test(tcase, two_names_of_one_store_are_refused);
    tcase_add_test(tcase, an_ad_hoc_backup_needs_no_job_and_stands_in_nobodys_way);
    tcase_add_test(tcase, a_backup_that_shrank_is_kept_and_marked_here_and_in_its_stores);
    tcase_add_test(tcase, a_suspect_backup_fails_the_run_where_its_job_says_so);
    tcase_add_test(tcase,
                   a_state_file_that_cannot_be_written_does_not_make_a_good_backup_fail);
    suite_add_tcase(suite, tcase);
    return suite;
}

int main(void)
{
    return run_suite(suite());
}
