/* What doctor says of servers and of stores in memory: each thing that can be wrong is told
 * with what to do about it, and the rest is looked at all the same. */
#include "doctor/diagnose.h"

#include "base/log.h"
#include "base/memory.h"
#include "repository/keys.h"
#include "tests/support/depot.h"
#include "tests/support/fake_libpq.h"
#include "tests/support/memory_store.h"
#include "tests/support/run_suite.h"

#include <check.h>
#include <stdlib.h>

#define NAS (depot.stores[DEPOT_NAS])

struct told {
    char *group, *name, *check, *found, *advice;
    enum diagnose_verdict verdict;
};

static struct depot depot;
static struct diagnose_result result;
static struct told told[60];
static size_t told_count;

static void forget(void)
{
    for (size_t i = 0; i < told_count; i++) {
        free(told[i].group);
        free(told[i].name);
        free(told[i].check);
        free(told[i].found);
        free(told[i].advice);
    }
    told_count = 0;
}

static void hear(void *unused, const struct diagnose_finding *finding)
{
    (void)unused;
    ck_assert_uint_lt(told_count, sizeof told / sizeof *told);
    told[told_count++] = (struct told){.group = memory_strdup(finding->group),
                                       .name = memory_strdup(finding->name),
                                       .check = memory_strdup(finding->check),
                                       .found = memory_strdup(finding->found),
                                       .advice = memory_strdup(finding->advice),
                                       .verdict = finding->verdict};
}

static void look(void)
{
    struct diagnose_spec spec = {.settings = &depot.settings, .report = hear};
    forget();
    ck_assert_int_eq(diagnose_run(&spec, &result, &depot.err), 0);
}

static void setup(void)
{
    struct depot_spec spec = {.policy = "keep_last = 2;"};
    depot_begin(&depot, &spec);
    setenv("FAKE_PG", "version=16.3", 1);
    fake_libpq_serve(160003, 1000000);
}

static void teardown(void)
{
    forget();
    fake_libpq_reset();
    depot_end(&depot);
}

/* Something like this was told of that check. */
static void expect(const char *group, const char *check, enum diagnose_verdict verdict,
                   const char *says)
{
    for (size_t i = 0; i < told_count; i++) {
        if (strcmp(told[i].group, group) == 0 && strcmp(told[i].check, check) == 0 &&
            told[i].verdict == verdict && strstr(told[i].found, says) != NULL)
            return;
    }
    for (size_t i = 0; i < told_count; i++)
        fprintf(stderr, "%s %s %s %s: %s\n", told[i].group,
                told[i].name ? told[i].name : "", told[i].check,
                diagnose_verdict_name(told[i].verdict), told[i].found);
    ck_abort_msg("nothing like \"%s\" was told of %s %s", says, group, check);
}

static bool is_told(const char *check)
{
    for (size_t i = 0; i < told_count; i++) {
        if (strcmp(told[i].check, check) == 0)
            return true;
    }
    return false;
}

/* Only sections of the configuration can do that; here it is done behind its back. */
static struct source_settings *source(void)
{
    return &depot.settings.sources[0];
}

/* ---- servers ---- */

START_TEST(a_server_that_can_be_dumped_is_told_with_its_version_and_size)
{
    look();
    expect("source", "server", DIAGNOSE_OK, "PostgreSQL 16.3 on ");
    expect("source", "programs", DIAGNOSE_OK, "16.3 (");
    expect("source", "rights", DIAGNOSE_OK, "every row");
    ck_assert(!is_told("globals"));
    ck_assert_uint_eq(result.counts[DIAGNOSE_FAILED], 0);
    ck_assert_int_eq(result.first, ERR_NONE);
    ck_assert_uint_eq(fake_libpq_open(), 0);
}
END_TEST

START_TEST(a_server_that_is_away_is_one_failure_and_the_stores_are_looked_at)
{
    fake_libpq_refuse(NULL, "could not connect to server");
    look();
    expect("source", "server", DIAGNOSE_FAILED, "could not connect to server");
    expect("store", "write", DIAGNOSE_OK, "");
    ck_assert(!is_told("rights"));
    ck_assert_int_eq(result.first, ERR_DATABASE);
}
END_TEST

START_TEST(no_program_that_fits_the_server_is_told)
{
    setenv("FAKE_PG", "version=15.1", 1);
    look();
    expect("source", "programs", DIAGNOSE_FAILED, "too old for a server of version 16");
    expect("source", "rights", DIAGNOSE_OK, "");
}
END_TEST

START_TEST(each_database_is_connected_to)
{
    source()->globals = false;
    strlist_add(&source()->databases, "*");
    fake_libpq_answer("SELECT datname, ", 4, "shop", "t", "-1", "f", "stock", "t", "-1",
                      "f", FAKE_LIBPQ_END);
    look();
    expect("source", "rights", DIAGNOSE_OK, "database \"shop\"");
    expect("source", "rights", DIAGNOSE_OK, "database \"stock\"");
    fake_libpq_refuse("stock", "permission denied for database");
    look();
    expect("source", "rights", DIAGNOSE_OK, "database \"shop\"");
    expect("source", "rights", DIAGNOSE_FAILED, "permission denied for database");
}
END_TEST

START_TEST(a_pattern_that_fits_no_database_is_told)
{
    strlist_add(&source()->databases, "none*");
    fake_libpq_answer("SELECT datname, ", 4, FAKE_LIBPQ_END);
    look();
    expect("source", "databases", DIAGNOSE_FAILED, "none of the server fits");
    ck_assert(!is_told("rights"));
}
END_TEST

START_TEST(a_named_database_that_cannot_be_dumped_is_a_failure_and_another_a_warning)
{
    strlist_add(&source()->databases, "shpo");
    strlist_add(&source()->databases, "*");
    fake_libpq_answer("SELECT datname, ", 4, "shop", "t", "-1", "f", "broken", "t", "-2",
                      "f", FAKE_LIBPQ_END);
    look();
    expect("source", "databases", DIAGNOSE_FAILED,
           "database \"shpo\": the server has no such database; did you mean \"shop\"?");
    expect("source", "databases", DIAGNOSE_WARNING,
           "database \"broken\" is left out: it is invalid");
    expect("source", "rights", DIAGNOSE_OK, "database \"shop\"");
    ck_assert_int_eq(result.first, ERR_DATABASE);
}
END_TEST

START_TEST(a_pg_dump_that_is_not_of_the_servers_major_is_a_warning)
{
    setenv("FAKE_PG", "version=98.1", 1);
    fake_libpq_reset();
    fake_libpq_serve(970003, 1000000);
    look();
    expect("source", "programs", DIAGNOSE_WARNING,
           "does not restore into a server of version 97");
}
END_TEST

START_TEST(rights_that_are_missing_are_told)
{
    fake_libpq_fail("pg_database_size(", "permission denied for function");
    look();
    expect("source", "rights", DIAGNOSE_FAILED, "permission denied for function");
}
END_TEST

START_TEST(roles_are_dumped_to_see_whether_they_can_be)
{
    source()->globals = true;
    look();
    expect("source", "globals", DIAGNOSE_OK, "can be dumped (");
    setenv("FAKE_PG", "version=16.3 say=pg_dumpall:+error:+permission+denied exit=1", 1);
    look();
    expect("source", "globals", DIAGNOSE_FAILED, "permission denied");
}
END_TEST

START_TEST(a_job_without_rows_wants_definitions_only)
{
    depot.settings.jobs[0].type = DUMP_SCHEMA;
    look();
    expect("source", "rights", DIAGNOSE_OK, "every definition");
}
END_TEST

START_TEST(a_source_without_a_job_is_looked_at_as_if_it_had_one)
{
    memory_replace(&depot.settings.jobs[0].source, "another");
    look();
    expect("source", "rights", DIAGNOSE_OK, "every row");
}
END_TEST

START_TEST(a_password_that_cannot_be_had_is_told)
{
    memory_replace(&source()->password_file, "/nonexistent/password");
    look();
    expect("source", "settings", DIAGNOSE_FAILED, "/nonexistent/password");
    ck_assert(!is_told("server"));
}
END_TEST

/* ---- stores ---- */

START_TEST(a_store_that_is_as_it_should_be_is_left_as_it_was)
{
    depot_backups(&depot, 1, 2);
    size_t before = memory_store_count(NAS);
    look();
    expect("store", "reached", DIAGNOSE_OK, "");
    expect("store", "mark", DIAGNOSE_OK, "as expected");
    expect("store", "write", DIAGNOSE_OK, "came and went");
    ck_assert_uint_eq(memory_store_count(NAS), before);
}
END_TEST

static const struct {
    enum memory_step step;
    const char *match, *check, *says;
} faults[] = {
    {MEMORY_GET, KEYS_MARK, "mark", "told to fail"},
    {MEMORY_PUT, "", "write", "told to fail"},
    {MEMORY_GET, "probe", "write", "told to fail"},
    {MEMORY_REMOVE, "", "write", "told to fail"},
    {MEMORY_CHECK, "", "reached", "is not there, though the catalog knows this store"},
};

START_TEST(whatever_a_store_does_not_do_is_told_and_the_other_is_looked_at)
{
    memory_store_fail(NAS, faults[_i].step, 1, faults[_i].match, ERR_DENIED, false);
    look();
    expect("store", faults[_i].check, DIAGNOSE_FAILED, faults[_i].says);
    ck_assert_uint_eq(result.counts[DIAGNOSE_FAILED], 1);
    expect("store", "write", DIAGNOSE_OK, "came and went"); /* offsite */
}
END_TEST

START_TEST(what_may_not_be_removed_is_told)
{
    memory_store_refuse(NAS, "p", STORE_LOCKED, depot.now + 1000);
    look();
    expect("store", "write", DIAGNOSE_FAILED, "may not be removed");
}
END_TEST

START_TEST(a_mark_that_is_gone_or_anothers_is_told_with_the_way_out)
{
    char *uuid = depot_unmark(&depot, DEPOT_NAS);
    look();
    expect("store", "mark", DIAGNOSE_FAILED, "pgkeep-store.json is missing");
    depot_mark(&depot, DEPOT_NAS, "11111111-2222-4333-8444-555555555555");
    look();
    expect("store", "mark", DIAGNOSE_FAILED, "another store than expected");
    for (size_t i = 0; i < told_count; i++) {
        if (strcmp(told[i].check, "mark") == 0 && told[i].verdict == DIAGNOSE_FAILED)
            ck_assert_ptr_nonnull(strstr(told[i].advice, "pgkeep doctor --adopt nas"));
    }
    ck_assert_int_eq(result.first, ERR_UNSAFE);
    free(uuid);
}
END_TEST

/* ---- the catalog ---- */

START_TEST(a_damaged_catalog_is_told)
{
    catalogs_sql(&depot.catalogs, "PRAGMA foreign_keys = OFF;"
                                  "INSERT INTO leases (copy, purpose, owner, taken, "
                                  "refreshed) VALUES (4711, 'x', 'x', 1, 1)");
    look();
    expect("catalog", "integrity", DIAGNOSE_FAILED, "");
    ck_assert_int_eq(result.first, ERR_CORRUPT);
    expect("store", "write", DIAGNOSE_OK, "");
}
END_TEST

START_TEST(without_a_configuration_that_is_told)
{
    struct settings none = {.catalog = depot.catalogs.path};
    struct diagnose_spec spec = {.settings = &none, .report = hear};
    ck_assert_int_eq(diagnose_run(&spec, &result, &depot.err), 0);
    expect("configuration", "file", DIAGNOSE_FAILED, "there is none");
    ck_assert_int_eq(result.first, ERR_CONFIG);
}
END_TEST

int main(void)
{
    log_setup(LOG_LEVEL_ERROR, LOG_FORMAT_TEXT);
    Suite *suite = suite_create("diagnose_source");
    TCase *tests = tcase_create("diagnose");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_set_timeout(tests, 30);
    tcase_add_test(tests, a_server_that_can_be_dumped_is_told_with_its_version_and_size);
    tcase_add_test(tests,
                   a_server_that_is_away_is_one_failure_and_the_stores_are_looked_at);
    tcase_add_test(tests, no_program_that_fits_the_server_is_told);
    tcase_add_test(tests, each_database_is_connected_to);
    tcase_add_test(tests, a_pattern_that_fits_no_database_is_told);
    tcase_add_test(
        tests, a_named_database_that_cannot_be_dumped_is_a_failure_and_another_a_warning);
    tcase_add_test(tests, a_pg_dump_that_is_not_of_the_servers_major_is_a_warning);
    tcase_add_test(tests, rights_that_are_missing_are_told);
    tcase_add_test(tests, roles_are_dumped_to_see_whether_they_can_be);
    tcase_add_test(tests, a_job_without_rows_wants_definitions_only);
    tcase_add_test(tests, a_source_without_a_job_is_looked_at_as_if_it_had_one);
    tcase_add_test(tests, a_password_that_cannot_be_had_is_told);
    tcase_add_test(tests, a_store_that_is_as_it_should_be_is_left_as_it_was);
    tcase_add_loop_test(tests,
                        whatever_a_store_does_not_do_is_told_and_the_other_is_looked_at, 0,
                        (int)(sizeof faults / sizeof *faults));
    tcase_add_test(tests, what_may_not_be_removed_is_told);
    tcase_add_test(tests, a_mark_that_is_gone_or_anothers_is_told_with_the_way_out);
    tcase_add_test(tests, a_damaged_catalog_is_told);
    tcase_add_test(tests, without_a_configuration_that_is_told);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
