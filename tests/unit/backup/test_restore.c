/* Backups that were really taken, fed to a psql and a pg_restore that keep what they get. */
#include "backup/restore.h"

#include "base/file.h"
#include "base/memory.h"
#include "tests/support/run_suite.h"
#include "tests/support/world.h"

#include <unistd.h>

#define LEASES "SELECT count(*) FROM leases"

static struct world world;
static const char *id;    /* in nas and offsite */
static const char *saved; /* what the programs got */
static const char *log_path;
static struct text text;
static const struct restore_spec plain = {.conninfo = "host=db2 dbname=shop_new"};

static void begin(const struct world_spec *spec)
{
    world_begin(&world, spec);
    saved = world_path(&world, "@/saved");
    log_path = world_path(&world, "@/log");
    text_init(&text, 1 << 25);
}

static void setup(void)
{
    begin(NULL);
    world_programs("pg_dump", "rows=100");
    id = world_take(&world);
}

static void teardown(void)
{
    unsetenv("FAKE_PG_LOG");
    text_release(&text);
    world_end(&world);
}

/* The programs do this from now on, keep what they read and note their arguments. */
static void programs(const char *words)
{
    char *all = memory_format("save=%s %s", saved, words);
    world_programs("psql", all);
    world_programs("pg_restore", all);
    setenv("FAKE_PG_LOG", log_path, 1);
    free(all);
}

static const struct text *content(const char *path)
{
    struct err err = {0};
    text_clear(&text);
    text_add(&text, "");
    if (file_exists(path))
        ck_assert_msg(file_read(path, &text, NULL, &err) == 0, "%s", err.text);
    return &text;
}

static void assert_logged(const char *line, bool wanted)
{
    ck_assert_msg((strstr(content(log_path)->data, line) != NULL) == wanted, "%s in %s",
                  line, text.data);
}

static void restored(const struct restore_spec *spec)
{
    ck_assert_msg(world_restore(&world, id, spec) == 0, "%s", world.err.text);
    ck_assert_int_eq(world_number(&world, LEASES), 0);
    ck_assert_uint_eq(fake_libpq_open(), 0);
}

static void refused(const struct restore_spec *spec, enum err_kind kind, const char *says)
{
    ck_assert_int_eq(world_restore(&world, id, spec), -1);
    ck_assert_msg(strstr(world.err.text, says) != NULL, "%s", world.err.text);
    ck_assert_str_eq(err_kind_name(world.err.kind), err_kind_name(kind));
    ck_assert_ptr_null(world.database);
    ck_assert_int_eq(world_number(&world, LEASES), 0);
    ck_assert_uint_eq(fake_libpq_open(), 0);
}

/* ---- plain ---- */

static void lease_is_held(struct world *of, const char *phase)
{
    (void)phase;
    ck_assert_int_eq(world_number(of, LEASES " WHERE purpose = 'being restored'"), 1);
}

START_TEST(psql_gets_what_pg_dump_wrote)
{
    programs("");
    world.on_phase = lease_is_held;
    restored(&plain);
    ck_assert_str_eq(world.store, "nas");
    ck_assert_str_eq(world.database, "shop_new");
    const struct text *dump = memory_store_bytes(world_store(&world, "nas"),
                                                 world_key(&world, id, KEYS_KIND_DATA));
    ck_assert_uint_eq(content(saved)->length, dump->length);
    ck_assert_mem_eq(text.data, dump->data, dump->length);
    assert_logged("psql\n", true);
    assert_logged("ON_ERROR_STOP=1", true);
    assert_logged("dbname='shop_new'", true);
}
END_TEST

START_TEST(a_store_that_is_away_is_made_up_for_by_another)
{
    programs("");
    memory_store_fail(world_store(&world, "nas"), MEMORY_CHECK, 1, "", ERR_TRANSIENT,
                      false);
    restored(&plain);
    ck_assert_str_eq(world.store, "offsite");
}
END_TEST

static const struct {
    const char *words, *says;
} ends[] = {
    {"exit=3 say=psql:<stdin>:5:+ERROR:+no+such+type", "ERROR: no such type"},
    {"bytes=100 exit=1", "psql ended with exit status 1"},
    {"signal=KILL", "psql was ended by signal 9"},
};

START_TEST(a_psql_that_fails_is_told_and_the_target_called_incomplete)
{
    programs(ends[_i].words);
    refused(&plain, ERR_DATABASE, ends[_i].says);
    ck_assert_ptr_nonnull(
        strstr(world.err.text, "database \"shop_new\" may be incomplete now"));
}
END_TEST

START_TEST(a_psql_that_ends_well_before_it_had_all_is_no_success)
{
    static const struct world_spec spec = {.job = "stores = [ \"nas\" ];"};
    teardown();
    begin(&spec);
    memory_store_set_rules(world_store(&world, "nas"), NULL);
    world_programs("pg_dump", "rows=100000"); /* more than a pipe holds */
    id = world_take(&world);
    programs("bytes=100");
    refused(&plain, ERR_DATABASE, "psql ended before it had read all");
}
END_TEST

static void end_the_run(struct world *of, const char *phase)
{
    if (strcmp(phase, "restore") == 0)
        cancel_trip(session_cancel(of->restoring), CANCEL_ASKED);
}

START_TEST(the_end_of_the_run_reaches_the_sessions_of_a_parallel_restore)
{
    const struct restore_spec parallel = {.conninfo = plain.conninfo, .parallel = 2};
    /* Of the run alone: the process goes on. */
    world.on_phase = end_the_run;
    refused(&parallel, ERR_CANCELLED, "cancelled");
    ck_assert_int_eq(cancel_reason(NULL), CANCEL_NONE);
}
END_TEST

/* ---- nothing that was not checked ---- */

enum { CHUNK = 4 << 20, ROW = 64 };

/* A dump of about 9 MiB, which is three chunks, none of them compressed. */
static void begin_large(const char *job)
{
    const struct world_spec spec = {.job = job};
    begin(&spec);
    const char *path = world_path(&world, "@/dump");
    FILE *file = fopen(path, "w");
    fputs("--\n-- PostgreSQL database dump\n--\n\nCOPY public.t (n) FROM stdin;\n", file);
    for (int i = 0; i < 9 * (1 << 20) / ROW; i++)
        fprintf(file, "%063d\n", i);
    fputs("\\.\n\n\n--\n-- PostgreSQL database dump complete\n--\n\n", file);
    fclose(file);
    char *words = memory_format("from=%s", path);
    world_programs("pg_dump", words);
    free(words);
}

START_TEST(restore_feeds_psql_nothing_that_was_not_checked)
{
    teardown();
    begin_large("stores = [ \"third\" ];");
    memory_store_set_rules(world_store(&world, "third"), NULL);
    id = world_take(&world);
    programs("");
    struct store *store = world_store(&world, "third");
    const char *key = world_key(&world, id, KEYS_KIND_DATA);
    struct text whole;
    text_init(&whole, 1 << 25);
    const struct text *data = memory_store_bytes(store, key);
    text_add_bytes(&whole, data->data, data->length);
    ck_assert_uint_gt(whole.length, 2 * CHUNK);
    for (size_t chunk = 0; chunk < 3; chunk++) {
        memory_store_spoil(store, key, chunk * CHUNK + CHUNK / 8);
        refused(&plain, ERR_CORRUPT, "is not what was stored");
        ck_assert_ptr_nonnull(strstr(world.err.text, "may be incomplete now"));
        memory_store_spoil(store, key, chunk * CHUNK + CHUNK / 8);
        /* What was found is remembered, until a check finds it good again. */
        world_assert_state(&world, id, "third", CATALOG_COPY_DAMAGED);
        world_sql(&world, "UPDATE copies SET state = 'complete'");
        /* Chunks end with rows; what is in the pipe when psql is ended it never had. */
        ck_assert_uint_le(content(saved)->length, chunk * CHUNK + ROW);
        ck_assert(text.length == 0 || memcmp(text.data, whole.data, text.length) == 0);
    }
    restored(&plain);
    ck_assert_uint_eq(content(saved)->length, whole.length);
    text_release(&whole);
}
END_TEST

START_TEST(a_store_that_breaks_off_leaves_no_success)
{
    programs("");
    memory_store_fail(world_store(&world, "nas"), MEMORY_READ, 1, "", ERR_TRANSIENT, false);
    memory_store_fail(world_store(&world, "offsite"), MEMORY_READ, 1, "", ERR_TRANSIENT,
                      false);
    refused(&plain, ERR_TRANSIENT, "told to fail");
    ck_assert_ptr_nonnull(strstr(world.err.text, "may be incomplete now"));
    world_assert_state(&world, id, "nas", CATALOG_COPY_COMPLETE); /* away is not damaged */
}
END_TEST

/* ---- chunk by chunk from where it is whole ---- */

static const struct {
    int nas,
        offsite; /* the chunk that is damaged there; -1: none, -2: the object is gone */
    const char *last; /* the store that the last chunk came from */
    const char *error;
} failing[] = {
    {-1, -1, "nas", NULL},
    {0, -1, "offsite", NULL},
    {2, -1, "offsite", NULL},
    {0, 1, "nas", NULL}, /* there and back again */
    {1, 0, "offsite", NULL},
    {2, 0, "offsite", NULL},
    {0, 2, "nas", NULL},
    {-2, -1, "offsite", NULL},
    {-2, 1, "", "chunk 2 is not what was stored"},
    {1, 1, "", "chunk 2 is not what was stored"},
    {0, 0, "", "chunk 1 is not what was stored"},
};

static void break_copy(const char *store, int chunk)
{
    const char *key = world_key(&world, id, KEYS_KIND_DATA);
    if (chunk >= 0)
        memory_store_spoil(world_store(&world, store), key,
                           (uint64_t)chunk * CHUNK + CHUNK / 8);
    else if (chunk == -2)
        memory_store_drop(world_store(&world, store), key);
}

static void assert_remembered(const char *store, int chunk)
{
    world_assert_state(&world, id, store,
                       chunk == -1   ? CATALOG_COPY_COMPLETE
                       : chunk == -2 ? CATALOG_COPY_MISSING
                                     : CATALOG_COPY_DAMAGED);
}

START_TEST(a_restore_fails_only_when_no_copy_has_a_chunk_whole)
{
    teardown();
    begin_large("stores = [ \"nas\", \"offsite\" ];");
    memory_store_set_rules(world_store(&world, "nas"), NULL);
    memory_store_set_rules(world_store(&world, "offsite"), NULL);
    id = world_take(&world);
    programs("");
    struct text whole;
    text_init(&whole, 1 << 25);
    const struct text *data = memory_store_bytes(world_store(&world, "nas"),
                                                 world_key(&world, id, KEYS_KIND_DATA));
    text_add_bytes(&whole, data->data, data->length);
    break_copy("nas", failing[_i].nas);
    break_copy("offsite", failing[_i].offsite);
    if (failing[_i].error) {
        refused(&plain, ERR_CORRUPT, failing[_i].error);
        ck_assert_ptr_nonnull(strstr(world.err.text, "store \"offsite\""));
        assert_remembered("nas", failing[_i].nas);
        assert_remembered("offsite", failing[_i].offsite);
    } else {
        restored(&plain);
        ck_assert_uint_eq(content(saved)->length, whole.length);
        ck_assert_mem_eq(text.data, whole.data, whole.length);
        ck_assert_str_eq(world.store, failing[_i].last);
        assert_remembered("nas", failing[_i].nas);
        bool seen = failing[_i].nas != -1; /* the other copy was looked at */
        assert_remembered("offsite", seen && failing[_i].offsite > failing[_i].nas
                                         ? failing[_i].offsite
                                         : -1);
    }
    text_release(&whole);
}
END_TEST

/* ---- the target ---- */

#define USER_TABLES "c.relkind IN ('r', 'p', 'f', 'm')"

START_TEST(a_target_with_tables_is_refused_unless_it_is_wanted_so)
{
    struct restore_spec into = plain;
    programs("");
    fake_libpq_answer(USER_TABLES, 2, "public", "3", FAKE_LIBPQ_END);
    refused(&plain, ERR_DATABASE, "database \"shop_new\" is not empty: it has 3 tables");
    ck_assert_ptr_nonnull(strstr(world.err.text, "hint: restore into a new one"));
    assert_logged("psql", false);
    into.into_nonempty = true;
    restored(&into);
}
END_TEST

START_TEST(a_target_that_does_not_exist_is_told_so)
{
    programs("");
    fake_libpq_refuse("shop_new", "FATAL:  database \"shop_new\" does not exist");
    refused(&plain, ERR_DATABASE, "database \"shop_new\" does not exist");
    ck_assert_ptr_nonnull(strstr(world.err.text, "hint: --create makes it first"));
    assert_logged("psql", false);
}
END_TEST

START_TEST(a_server_that_is_not_there_is_told_so)
{
    programs("");
    fake_libpq_refuse(NULL, "connection refused");
    refused(&plain, ERR_DATABASE, "connection refused");
    assert_logged("psql", false);
}
END_TEST

START_TEST(the_database_must_be_named)
{
    const struct restore_spec nameless = {.conninfo = "host=db2"};
    refused(&nameless, ERR_USAGE, "--to does not say which database");
}
END_TEST

/* The server's version; the dump was written by a pg_dump of 15. */
static const int too_new[] = {150000, 140000};

START_TEST(programs_older_than_the_dump_or_the_server_are_refused)
{
    fake_libpq_reset();
    fake_libpq_serve(too_new[_i], 1);
    world_programs("pg_dump", "version=14.0"); /* its version stands for all of them */
    refused(&plain, ERR_DATABASE, "is too old");
}
END_TEST

/* ---- --create ---- */

static const struct restore_spec create = {.conninfo = "host=db2 dbname=shop_new",
                                           .create = true};

START_TEST(a_database_is_made_like_its_source)
{
    teardown();
    begin(NULL);
    fake_libpq_answer("pg_db_role_setting", 1, "\twork_mem=64MB", FAKE_LIBPQ_END);
    fake_libpq_answer("unnest(d.datacl)", 1, "app=c/keeper", FAKE_LIBPQ_END);
    id = world_take(&world);
    programs("");
    fake_libpq_answer("FROM pg_catalog.pg_roles WHERE rolname", 1, "1", FAKE_LIBPQ_END);
    restored(&create);
    const char *made = fake_libpq_last("CREATE DATABASE");
    ck_assert_ptr_nonnull(strstr(made, "\"shop_new\" TEMPLATE template0"));
    ck_assert_ptr_nonnull(strstr(made, "ENCODING 'UTF8'"));
    ck_assert_ptr_nonnull(strstr(made, "OWNER \"keeper\""));
    ck_assert_uint_eq(fake_libpq_asked("SET \"work_mem\" TO '64MB'"), 1);
    ck_assert_uint_eq(fake_libpq_asked("GRANT CONNECT ON DATABASE \"shop_new\""), 1);
    /* After the data, not before it. */
    ck_assert_uint_eq(fake_libpq_asked(USER_TABLES), 0);
}
END_TEST

START_TEST(a_database_that_exists_is_not_made)
{
    programs("");
    fake_libpq_answer("FROM pg_catalog.pg_database WHERE datname = $1", 1, "1",
                      FAKE_LIBPQ_END);
    refused(&create, ERR_DATABASE, "database \"shop_new\" exists already");
    ck_assert_uint_eq(fake_libpq_asked("CREATE DATABASE"), 0);
    assert_logged("psql", false);
}
END_TEST

START_TEST(without_the_database_postgres_template1_is_connected_to)
{
    programs("");
    fake_libpq_refuse("postgres", "FATAL:  database \"postgres\" does not exist");
    restored(&create);
    fake_libpq_refuse(NULL, "connection refused");
    refused(&create, ERR_DATABASE, "connection refused");
}
END_TEST

START_TEST(a_database_that_was_made_and_is_not_whole_is_called_so)
{
    programs("exit=3");
    refused(&create, ERR_DATABASE,
            "database \"shop_new\" was created and is incomplete (drop it before");
}
END_TEST

START_TEST(properties_that_cannot_be_applied_for_lack_of_a_server_are_an_error)
{
    teardown();
    begin(NULL);
    fake_libpq_answer("pg_db_role_setting", 1, "\twork_mem=64MB", FAKE_LIBPQ_END);
    id = world_take(&world);
    programs("");
    fake_libpq_break("SET \"work_mem\"");
    refused(&create, ERR_DATABASE, "was created and is incomplete");
}
END_TEST

START_TEST(what_the_server_refuses_to_apply_is_no_reason_to_fail)
{
    teardown();
    begin(NULL);
    fake_libpq_answer("pg_db_role_setting", 1, "\twork_mem=64MB", FAKE_LIBPQ_END);
    id = world_take(&world);
    programs("");
    fake_libpq_fail("SET \"work_mem\"", "ERROR:  permission denied to set parameter");
    restored(&create);
}
END_TEST

START_TEST(a_database_that_cannot_be_made_is_not_restored_into)
{
    programs("");
    fake_libpq_fail("CREATE DATABASE", "ERROR:  permission denied to create database");
    refused(&create, ERR_DATABASE, "permission denied to create database");
    assert_logged("psql", false);
}
END_TEST

START_TEST(without_its_manifest_nobody_knows_how_to_make_it)
{
    programs("");
    memory_store_drop(world_store(&world, "nas"),
                      world_key(&world, id, KEYS_KIND_MANIFEST));
    refused(&create, ERR_NOT_FOUND, "the manifest is missing");
    ck_assert_uint_eq(fake_libpq_asked("CREATE DATABASE"), 0);
    restored(&plain); /* which needs none */
}
END_TEST

/* ---- parts ---- */

static char misspelt[] = "ordrs";
static char *misspelt_items[] = {misspelt};
static const struct strlist none = {misspelt_items, 1, 1};

START_TEST(a_pattern_that_fits_nothing_is_refused_before_a_database_is_made)
{
    struct restore_spec spec = create;
    programs("");
    if (_i == 0)
        spec.tables = &none;
    else
        spec.schemas = &none;
    refused(&spec, ERR_NOT_FOUND, "of the backup fits \"ordrs\"");
    ck_assert_uint_eq(fake_libpq_asked("CREATE DATABASE"), 0);
    assert_logged("psql", false);
}
END_TEST

START_TEST(a_format_that_nobody_knows_is_damage)
{
    world_sql(&world, "UPDATE artifacts SET format = 'tar'");
    refused(&plain, ERR_CORRUPT, "unknown format \"tar\"");
}
END_TEST

/* ---- archives ---- */

static void begin_custom(size_t size)
{
    static const struct world_spec spec = {.job =
                                               "format = \"custom\"; stores = [\"nas\"];"};
    teardown();
    begin(&spec);
    const char *path = world_path(&world, "@/archive");
    FILE *file = fopen(path, "w");
    fputs("PGDMP", file);
    for (size_t i = 0; i < size; i++)
        fputc('x', file);
    fclose(file);
    char *words = memory_format("from=%s", path);
    world_programs("pg_dump", words);
    free(words);
    memory_store_set_rules(world_store(&world, "nas"), NULL);
    id = world_take(&world);
    programs("");
}

START_TEST(an_archive_goes_to_pg_restore_with_what_was_chosen)
{
    struct restore_spec spec = plain;
    spec.no_owner = _i == 0;
    spec.no_privileges = _i == 1;
    begin_custom(1000);
    restored(&spec);
    ck_assert_uint_eq(content(saved)->length, 1005);
    assert_logged("--no-owner\n", _i == 0);
    assert_logged("--no-privileges\n", _i == 1);
    assert_logged("--exit-on-error\n", true);
}
END_TEST

START_TEST(a_pg_restore_that_ends_well_before_it_had_all_is_no_success)
{
    begin_custom(3 << 20); /* more than a pipe holds */
    programs("bytes=100");
    refused(&plain, ERR_DATABASE, "pg_restore ended before it had read all");
}
END_TEST

/* ---- globals ---- */

START_TEST(globals_go_on_over_roles_that_are_there)
{
    static const struct world_spec spec = {.source = "globals = true;",
                                           .job = "stores = [ \"nas\" ];"};
    teardown();
    begin(&spec);
    ck_assert_int_eq(world_backup(&world, "nightly"), 0);
    id = world.backups.items[0].id;
    programs("say=psql:<stdin>:20:+ERROR:++42710:+role+\"app\"+already+exists");
    fake_libpq_answer(USER_TABLES, 2, "public", "3", FAKE_LIBPQ_END);
    const struct restore_spec to = {.conninfo = "host=db2"};
    restored(&to);
    assert_logged("ON_ERROR_STOP=0", true);
    ck_assert_uint_eq(fake_libpq_asked(USER_TABLES), 0);
    programs("say=psql:<stdin>:20:+ERROR:++42501:+permission+denied");
    refused(&to, ERR_DATABASE, "roles and tablespaces may be incomplete now");
    refused(&create, ERR_USAGE, "--create does not fit");
}
END_TEST

static Suite *suite(void)
{
    Suite *suite = suite_create("restore");
    TCase *tcase = tcase_create("restore");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, psql_gets_what_pg_dump_wrote);
    tcase_add_test(tcase, a_store_that_is_away_is_made_up_for_by_another);
    tcase_add_loop_test(tcase, a_psql_that_fails_is_told_and_the_target_called_incomplete,
                        0, sizeof ends / sizeof *ends);
    tcase_add_test(tcase, a_psql_that_ends_well_before_it_had_all_is_no_success);
    tcase_add_test(tcase, the_end_of_the_run_reaches_the_sessions_of_a_parallel_restore);
    tcase_add_test(tcase, restore_feeds_psql_nothing_that_was_not_checked);
    tcase_add_test(tcase, a_store_that_breaks_off_leaves_no_success);
    tcase_add_loop_test(tcase, a_restore_fails_only_when_no_copy_has_a_chunk_whole, 0,
                        sizeof failing / sizeof *failing);
    tcase_add_test(tcase, a_target_with_tables_is_refused_unless_it_is_wanted_so);
    tcase_add_test(tcase, a_target_that_does_not_exist_is_told_so);
    tcase_add_test(tcase, a_server_that_is_not_there_is_told_so);
    tcase_add_test(tcase, the_database_must_be_named);
    tcase_add_loop_test(tcase, programs_older_than_the_dump_or_the_server_are_refused, 0,
                        2);
    tcase_add_test(tcase, a_database_is_made_like_its_source);
    tcase_add_test(tcase, a_database_that_exists_is_not_made);
    tcase_add_test(tcase, without_the_database_postgres_template1_is_connected_to);
    tcase_add_test(tcase, a_database_that_was_made_and_is_not_whole_is_called_so);
    tcase_add_test(tcase,
                   properties_that_cannot_be_applied_for_lack_of_a_server_are_an_error);
    tcase_add_test(tcase, what_the_server_refuses_to_apply_is_no_reason_to_fail);
    tcase_add_test(tcase, a_database_that_cannot_be_made_is_not_restored_into);
    tcase_add_test(tcase, without_its_manifest_nobody_knows_how_to_make_it);
    tcase_add_loop_test(
        tcase, a_pattern_that_fits_nothing_is_refused_before_a_database_is_made, 0, 2);
    tcase_add_test(tcase, a_format_that_nobody_knows_is_damage);
    tcase_add_loop_test(tcase, an_archive_goes_to_pg_restore_with_what_was_chosen, 0, 3);
    tcase_add_test(tcase, a_pg_restore_that_ends_well_before_it_had_all_is_no_success);
    tcase_add_test(tcase, globals_go_on_over_roles_that_are_there);
    suite_add_tcase(suite, tcase);
    return suite;
}

int main(void)
{
    return run_suite(suite());
}
