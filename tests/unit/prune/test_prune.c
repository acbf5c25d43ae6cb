/* What happens between the plan and the marks: whatever came first is respected, inside the
 * transaction that marks. */
#include "prune/prune.h"

#include "repository/keys.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "catalog/leases.h"
#include "catalog/runs.h"
#include "catalog/verifications.h"
#include "tests/support/catalogs.h"
#include "tests/support/run_suite.h"

#include <check.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { COUNT = 5 }; /* number 5 is the newest; a policy keeps one */
#define OK(call) ck_assert_msg((call) == 0, "%s", err.text)

static struct catalogs catalogs;
static struct settings settings;
static struct store *store;
static struct session *session;
static struct prune *prune;
static struct err err;
static int64_t copies[COUNT + 1], now;

static void load_settings(const char *folder, const char *policy)
{
    char *path = memory_format("%s/config", folder);
    FILE *file = fopen(path, "w");
    ck_assert_ptr_nonnull(file);
    (void)fprintf(file,
                  "catalog = \"%s\";\n"
                  "sources: { shop: { conninfo = \"dbname=shop\"; }; };\n"
                  "stores: { nas: { type = \"dir\"; path = \"%s/nas\"; }; };\n"
                  "policies: { one: { %s }; };\n"
                  "jobs: { nightly: { source = \"shop\"; stores = [ \"nas\" ];"
                  " retention = \"one\"; }; };\n",
                  catalogs.path, folder, policy);
    ck_assert_int_eq(fclose(file), 0);
    char program[] = "pgkeep", command[] = "list";
    char *option = memory_format("--config=%s", path);
    char *argv[] = {program, option, command};
    static const char *const commands[] = {"list"};
    struct config_args args;
    struct config_args_line line = {3, argv, commands, 1};
    OK(config_args_parse(&args, &line, &err));
    OK(settings_load(&settings, &args, &err));
    config_args_release(&args);
    free(option);
    (void)unlink(path);
    free(path);
}

static void make_store(void)
{
    char uuid[37] = "";
    char *path = memory_format("%s/nas", catalogs.folder);
    store = store_open_dir("nas", path, &err);
    ck_assert_ptr_nonnull(store);
    OK(store_check(store, true, 1000, &err));
    OK(store_mark(store, uuid, &err));
    free(path);
}

static struct session *open_session(bool yes)
{
    struct session_spec spec = prune_session(NULL, yes);
    spec.settings = &settings;
    return session_begin(&spec, &err);
}

static void plan(void)
{
    session = open_session(true);
    ck_assert_msg(session != NULL, "%s", err.text);
    struct prune_spec spec = {.session = session, .yes = true, .now = now};
    prune = prune_new(&spec, &err);
    ck_assert_msg(prune != NULL, "%s", err.text);
}

/* The exit status, as it is recorded. */
static int end(void)
{
    struct err why = {0};
    enum outcome outcome = prune_outcome(prune, &why);
    prune_free(prune);
    prune = NULL;
    int status = session_end(session, outcome, &why);
    session = NULL;
    return status;
}

static void begin(const char *policy)
{
    err_clear(&err);
    now = clock_now();
    catalogs_begin(&catalogs);
    load_settings(catalogs.folder, policy);
    make_store();
    int64_t id = catalogs_store(catalogs.catalog, "nas");
    for (unsigned n = 1; n <= COUNT; n++)
        copies[n] =
            catalogs_complete(catalogs.catalog, n, id, now - 86400 * (COUNT - (int)n + 1));
    plan();
}

static void setup(void)
{
    begin("keep_last = 1; guard_percent = 100;");
}

static void teardown(void)
{
    if (session != NULL)
        (void)end();
    settings_release(&settings);
    struct store_removed removed;
    for (unsigned n = 1; n <= COUNT; n++) {
        char *key = keys_state(catalogs_id(n));
        OK(store_remove(store, key, &removed, &err));
        free(key);
    }
    OK(store_remove(store, KEYS_MARK, &removed, &err));
    store_close(store);
    char *path = memory_format("%s/nas/state", catalogs.folder);
    (void)rmdir(path);
    *strrchr(path, '/') = '\0';
    (void)rmdir(path);
    free(path);
    catalogs_end(&catalogs);
}

static bool is_complete(unsigned n)
{
    struct catalog_copy copy = {0};
    OK(catalog_copy_load(catalogs.catalog, copies[n], &copy, &err));
    bool complete = copy.state == CATALOG_COPY_COMPLETE;
    catalog_copy_release(&copy);
    return complete;
}

static void expect(const char *complete, int status)
{
    char found[COUNT + 1] = "";
    OK(prune_run(prune, &err));
    for (unsigned n = 1; n <= COUNT; n++)
        if (is_complete(n))
            (void)snprintf(found + strlen(found), 2, "%u", n);
    ck_assert_str_eq(found, complete);
    struct err why = {0};
    enum outcome outcome = prune_outcome(prune, &why);
    ck_assert_int_eq(exit_status_of(outcome, why.kind, NULL), status);
}

START_TEST(nothing_came_between)
{
    expect("5", 0);
    ck_assert_uint_eq(prune->marked, 4);
    ck_assert_uint_eq(prune->removed.count, 4);
}
END_TEST

START_TEST(a_pin_that_came_first_holds)
{
    OK(catalog_artifact_pin(catalogs.catalog, catalogs_id(2), 0, "mine", &err));
    expect("25", 0);
    ck_assert_uint_eq(prune->skipped, 1);
}
END_TEST

START_TEST(a_pin_that_another_machine_noted_in_the_store_holds)
{
    char *key = keys_state(catalogs_id(3));
    char *text =
        memory_format("{\"pgkeep_state\":1,\"id\":\"%s\","
                      "\"changed\":\"2026-01-01T00:00:00Z\","
                      "\"pin\":{\"pinned\":true,\"until\":null,\"reason\":\"theirs\","
                      "\"changed\":\"2026-01-01T00:00:00Z\"}}",
                      catalogs_id(3));
    OK(store_put(store, key, text, strlen(text), &err));
    free(text);
    free(key);
    expect("35", 0);
}
END_TEST

START_TEST(one_of_which_nobody_can_say_whether_it_is_pinned_stays_and_is_told)
{
    char *file = memory_format("%s/nas/state/%s.json", catalogs.folder, catalogs_id(3));
    char *folder = memory_format("%s/nas/state", catalogs.folder);
    ck_assert_int_eq(mkdir(folder, 0700), 0);
    ck_assert_int_eq(mkdir(file, 0700), 0);
    expect("35", 8);
    ck_assert_uint_eq(prune->untold, 1);
    ck_assert_int_eq(rmdir(file), 0);
    free(folder);
    free(file);
}
END_TEST

START_TEST(one_whose_state_file_is_damaged_stays_and_is_told)
{
    char *key = keys_state(catalogs_id(3));
    OK(store_put(store, key, "{", 1, &err));
    free(key);
    expect("35", 8);
    ck_assert_uint_eq(prune->untold, 1);
}
END_TEST

START_TEST(a_reader_that_came_first_keeps_its_copy)
{
    struct catalog_lease lease = {
        .copy = copies[1], .purpose = "being restored", .unbroken = true};
    OK(catalog_lease_take(catalogs.catalog, &lease, &err));
    expect("15", 0);
}
END_TEST

START_TEST(when_the_newest_breaks_meanwhile_the_others_stay)
{
    char message[] = "SHA-256 differs";
    struct catalog_verification bad = {.copy = copies[5],
                                       .time = now,
                                       .level = CATALOG_FULL,
                                       .result = CATALOG_FOUND_DAMAGED,
                                       .message = message};
    OK(catalog_verification_add(catalogs.catalog, &bad, &err));
    expect("1234", 9);
    ck_assert_uint_eq(prune->failed_groups, 1);
}
END_TEST

START_TEST(when_the_newest_becomes_suspect_meanwhile_the_others_stay)
{
    OK(catalog_artifact_set_suspect(catalogs.catalog, catalogs_id(5), true, &err));
    expect("12345", 9);
}
END_TEST

START_TEST(one_that_was_proven_meanwhile_goes_only_if_a_newer_proven_one_stays)
{
    struct catalog_verification good = {
        .copy = copies[2], .time = now, .level = CATALOG_FULL, .result = CATALOG_GOOD};
    OK(catalog_verification_add(catalogs.catalog, &good, &err));
    (void)end();
    plan();
    expect("25", 0);
}
END_TEST

START_TEST(a_store_that_is_another_by_now_loses_nothing)
{
    struct store_removed removed;
    OK(store_remove(store, KEYS_MARK, &removed, &err));
    OK(prune_run(prune, &err));
    ck_assert_int_eq(end(), 8);
    ck_assert_int_eq(
        catalogs_number(&catalogs, "SELECT count(*) FROM copies WHERE state = 'deleted'"),
        0);
}
END_TEST

START_TEST(a_second_one_finds_the_first)
{
    ck_assert_ptr_null(open_session(true));
    ck_assert_int_eq(err.kind, ERR_BUSY);
    struct prune_spec spec = {.session = open_session(false), .now = now};
    ck_assert_ptr_nonnull(spec.session);
    struct prune *shown = prune_new(&spec, &err);
    ck_assert_ptr_nonnull(shown);
    ck_assert_str_eq(shown->hash, prune->hash);
    prune_free(shown);
    ck_assert_int_eq(session_end(spec.session, OUTCOME_DONE, NULL), 0);
}
END_TEST

START_TEST(the_run_is_recorded)
{
    struct catalog_runs runs = {0};
    expect("5", 0);
    ck_assert_int_eq(end(), 0);
    const struct catalog_run_filter prunes = {.kind = "prune"};
    OK(catalog_runs_list(catalogs.catalog, &prunes, &runs, &err));
    ck_assert_uint_eq(runs.count, 1);
    ck_assert_int_eq(runs.items[0].exit_status, 0);
    ck_assert_ptr_nonnull(strstr(runs.items[0].message, "deleted 4"));
    catalog_runs_release(&runs);
}
END_TEST

int main(void)
{
    log_setup(LOG_LEVEL_ERROR, LOG_FORMAT_TEXT);
    Suite *suite = suite_create("prune");
    TCase *tcase = tcase_create("prune");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, nothing_came_between);
    tcase_add_test(tcase, a_pin_that_came_first_holds);
    tcase_add_test(tcase, a_pin_that_another_machine_noted_in_the_store_holds);
    tcase_add_test(tcase, one_whose_state_file_is_damaged_stays_and_is_told);
    tcase_add_test(tcase,
                   one_of_which_nobody_can_say_whether_it_is_pinned_stays_and_is_told);
    tcase_add_test(tcase, a_reader_that_came_first_keeps_its_copy);
    tcase_add_test(tcase, when_the_newest_breaks_meanwhile_the_others_stay);
    tcase_add_test(tcase, when_the_newest_becomes_suspect_meanwhile_the_others_stay);
    tcase_add_test(tcase,
                   one_that_was_proven_meanwhile_goes_only_if_a_newer_proven_one_stays);
    tcase_add_test(tcase, a_store_that_is_another_by_now_loses_nothing);
    tcase_add_test(tcase, a_second_one_finds_the_first);
    tcase_add_test(tcase, the_run_is_recorded);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
