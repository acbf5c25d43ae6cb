/* Which backups are of one run, and what is said of each of its databases. */
#include "backup/restore_all.h"

#include "base/memory.h"
#include "tests/support/run_suite.h"
#include "tests/support/world.h"

static struct world world;
static struct text told;

static void setup(void)
{
    const struct world_spec spec = {.source = "databases = [ \"*\" ]; globals = true;"};
    world_begin(&world, &spec);
    fake_libpq_answer("SELECT datname, ", 4, "alpha", "t", "-1", "f", "beta", "t", "-1",
                      "f", FAKE_LIBPQ_END);
    world_programs(NULL, "rows=10");
    text_init(&told, 10000);
}

static void teardown(void)
{
    text_release(&told);
    world_end(&world);
}

static void tell(void *context, const struct restore_all_one *one)
{
    (void)context;
    text_addf(&told, "%s%s:%s", told.length > 0 ? " " : "",
              *one->database ? one->database : "(globals)",
              one->done       ? "restored"
              : one->artifact ? "failed"
                              : "missing");
}

static int restore(const char *run, struct restore_all_result *result)
{
    const struct session_spec run_spec = {
        .settings = &world.settings, .kind = "restore", .catalog = SESSION_WRITE};
    struct restore_all_spec spec = {
        .run = run, .conninfo = "host=new user=postgres", .done = tell};
    struct err why = {0};
    text_clear(&told);
    err_clear(&world.err);
    spec.session = session_begin(&run_spec, &world.err);
    ck_assert_msg(spec.session != NULL, "%s", world.err.text);
    int done = restore_all(&spec, result, &world.err);
    world.exit_status =
        done < 0 ? session_end(spec.session, OUTCOME_FAILED, &world.err)
                 : session_end(spec.session, restore_all_outcome(result, &why), &why);
    return done;
}

/* What was taken so far was taken two hours ago. */
static void two_hours_pass(void)
{
    world_sql(&world, "UPDATE artifacts SET started = started - 7200,"
                      " finished = finished - 7200, time = time - 7200;"
                      "UPDATE runs SET started = started - 7200, ended = ended - 7200");
}

START_TEST(roles_come_first_and_then_each_database_of_the_run)
{
    struct restore_all_result result;
    ck_assert_int_eq(world_backup(&world, "nightly"), 0);
    ck_assert_int_eq(restore("latest:nightly", &result), 0);
    ck_assert_str_eq(told.data, "(globals):restored alpha:restored beta:restored");
    ck_assert_int_eq(world.exit_status, 0);
    ck_assert_uint_eq(result.restored, 3);
    /* By its number, and by any backup of it. */
    ck_assert_int_eq(restore("1", &result), 0);
    ck_assert_uint_eq(result.restored, 3);
    ck_assert_int_eq(restore(world_id(&world), &result), 0);
    ck_assert_uint_eq(result.restored, 3);
}
END_TEST

START_TEST(what_the_run_missed_is_missing_and_not_taken_from_another)
{
    struct restore_all_result result;
    ck_assert_int_eq(world_backup(&world, "nightly"), 0);
    two_hours_pass();
    fake_libpq_refuse("beta", "permission denied for database \"beta\"");
    (void)world_backup(&world, "nightly");
    fake_libpq_refuse("beta", NULL);
    ck_assert_int_eq(restore("latest:nightly", &result), 0);
    ck_assert_str_eq(told.data, "(globals):restored alpha:restored beta:missing");
    ck_assert_int_eq(world.exit_status, 8);
    ck_assert_int_eq(restore("1", &result), 0);
    ck_assert_str_eq(told.data, "(globals):restored alpha:restored beta:restored");
}
END_TEST

START_TEST(one_that_cannot_be_brought_back_does_not_keep_the_others_from_it)
{
    struct restore_all_result result;
    ck_assert_int_eq(world_backup(&world, "nightly"), 0);
    fake_libpq_refuse("alpha", "it is closed");
    fake_libpq_answer("pg_database WHERE datname = $1", 1, "1", FAKE_LIBPQ_END);
    ck_assert_int_eq(restore("latest:nightly", &result), 0);
    ck_assert_str_eq(told.data, "(globals):restored alpha:failed beta:restored");
    ck_assert_int_eq(world.exit_status, 8);
    ck_assert_ptr_nonnull(strstr(result.first.text, "database \"alpha\""));
}
END_TEST

START_TEST(without_runs_in_the_catalog_it_is_what_was_taken_in_a_row)
{
    struct restore_all_result result;
    ck_assert_int_eq(world_backup(&world, "nightly"), 0);
    char *first = memory_strdup(world_id(&world));
    two_hours_pass();
    ck_assert_int_eq(world_backup(&world, "nightly"), 0);
    world_sql(&world, "DELETE FROM run_databases; DELETE FROM runs");
    ck_assert_int_eq(restore("latest:nightly", &result), 0);
    ck_assert_str_eq(told.data, "(globals):restored alpha:restored beta:restored");
    ck_assert_int_eq(restore(first, &result), 0);
    ck_assert_str_eq(told.data, "(globals):restored alpha:restored beta:restored");
    free(first);
}
END_TEST

START_TEST(the_newest_run_is_not_one_whose_time_is_from_the_future)
{
    struct restore_all_result result;
    ck_assert_int_eq(world_backup(&world, "nightly"), 0);
    world_sql(&world, "UPDATE artifacts SET time = time + 999999, quarantined = 1,"
                      " started = started - 7200, finished = finished - 7200;"
                      "UPDATE runs SET started = started - 7200, ended = ended - 7200");
    fake_libpq_refuse("beta", "permission denied for database \"beta\"");
    (void)world_backup(&world, "nightly");
    fake_libpq_refuse("beta", NULL);
    ck_assert_int_eq(restore("latest:nightly", &result), 0);
    ck_assert_str_eq(told.data, "(globals):restored alpha:restored beta:missing");
}
END_TEST

START_TEST(a_run_that_is_none_is_an_error)
{
    struct restore_all_result result;
    ck_assert_int_eq(restore("latest:nightly", &result), -1);
    ck_assert_int_eq(world.err.kind, ERR_NOT_FOUND);
    ck_assert_int_eq(restore("77", &result), -1);
    ck_assert_int_eq(world.err.kind, ERR_NOT_FOUND);
    ck_assert_str_eq(told.data, "");
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("restore_all");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_set_timeout(tests, 30);
    tcase_add_test(tests, roles_come_first_and_then_each_database_of_the_run);
    tcase_add_test(tests, what_the_run_missed_is_missing_and_not_taken_from_another);
    tcase_add_test(tests, one_that_cannot_be_brought_back_does_not_keep_the_others_from_it);
    tcase_add_test(tests, without_runs_in_the_catalog_it_is_what_was_taken_in_a_row);
    tcase_add_test(tests, the_newest_run_is_not_one_whose_time_is_from_the_future);
    tcase_add_test(tests, a_run_that_is_none_is_an_error);
    Suite *suite = suite_create("restore_all");
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
