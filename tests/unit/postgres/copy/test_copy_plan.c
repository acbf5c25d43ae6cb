#include "postgres/copy/copy_plan.h"

#include "base/memory.h"
#include "postgres/copy/copy_session.h"
#include "tests/support/fake_libpq.h"
#include "tests/support/run_suite.h"

#include <check.h>

#define MIB (UINT64_C(1) << 20)

static struct err err;

static void setup(void)
{
    err_clear(&err);
    fake_libpq_serve(150018, 0);
}

static void teardown(void)
{
    ck_assert_uint_eq(fake_libpq_open(), 0);
    fake_libpq_reset();
}

static struct copy_plan plan_of(const struct copy_table *tables, size_t count, bool ranges)
{
    struct copy_plan plan = {
        .table_count = count, .block_size = 8192, .has_ranges = ranges};
    plan.tables = memory_array(count, sizeof *plan.tables);
    for (size_t i = 0; i < count; i++) {
        plan.tables[i] = tables[i];
        plan.bytes += tables[i].bytes;
    }
    return plan;
}

static const struct cut {
    uint64_t heap, bytes; /* of the one table */
    unsigned workers;
    bool ranges;
    size_t tasks;
} cuts[] = {
    {7 * MIB, 7 * MIB, 2, true, 1},
    {16 * MIB, 16 * MIB, 2, true, 2},
    {1024 * MIB, 1024 * MIB, 2, true, 16}, /* 64 MiB each */
    {1024 * MIB, 1024 * MIB, 4, true, 32},
    {102400 * MIB, 102400 * MIB, 2, true, 1600},
    {3 * MIB, 936 * MIB, 2, true, 16}, /* by TOAST, not by the heap */
    {24576, 936 * MIB, 2, true, 3},    /* but no more than there are blocks */
    {0, 936 * MIB, 2, true, 1},
    {1024 * MIB, 1024 * MIB, 2, false, 1}, /* 13 cannot scan ranges */
};

START_TEST(pieces_follow_the_weight_with_toast_and_leave_nothing_out)
{
    const struct cut *cut = &cuts[_i];
    const struct copy_table table = {.heap_bytes = cut->heap, .bytes = cut->bytes};
    struct copy_plan plan = plan_of(&table, 1, cut->ranges);
    copy_plan_cut(&plan, cut->workers);
    ck_assert_uint_eq(plan.task_count, cut->tasks);
    uint64_t next = 0;
    for (size_t i = 0; i < plan.task_count; i++) {
        ck_assert_uint_eq(plan.tasks[i].from, next);
        ck_assert(plan.tasks[i].whole == (plan.task_count == 1));
        next = plan.tasks[i].to;
    }
    ck_assert_uint_eq(next, COPY_PLAN_OPEN);
    copy_plan_release(&plan);
}
END_TEST

START_TEST(the_largest_pieces_come_first)
{
    const struct copy_table tables[] = {
        {.heap_bytes = 5 * MIB, .bytes = 5 * MIB},
        {.heap_bytes = 500 * MIB, .bytes = 500 * MIB},
        {.heap_bytes = 3 * MIB, .bytes = 30 * MIB},
        {.heap_bytes = 20 * MIB, .bytes = 20 * MIB},
    };
    struct copy_plan plan = plan_of(tables, 4, true);
    copy_plan_cut(&plan, 2);
    for (size_t i = 1; i < plan.task_count; i++)
        ck_assert_uint_le(plan.tasks[i].bytes, plan.tasks[i - 1].bytes);
    copy_plan_release(&plan);
}
END_TEST

START_TEST(what_the_filters_leave_out_is_no_workers)
{
    struct dump_filters filters = {0};
    struct copy_plan plan;
    struct server *server = server_connect("dbname=shop", NULL, NULL, &err);
    strlist_add(&filters.exclude_tables, "audit.*");
    strlist_add(&filters.exclude_table_data, "public.\"T*\"");
    ck_assert_int_eq(copy_plan_ask(server, &filters, &plan, &err), 0);
    const char *asked = fake_libpq_last("pg_table_size(c.oid)");
    ck_assert_ptr_nonnull(strstr(asked, "AND NOT ((n.nspname ~ '^(audit)$'"));
    ck_assert_ptr_nonnull(strstr(asked, "c.relname ~ '^(T\\*)$'"));
    ck_assert_ptr_nonnull(strstr(asked, "row_security_active"));
    copy_plan_release(&plan);
    strlist_release(&filters.exclude_tables);
    strlist_release(&filters.exclude_table_data);
    server_free(server);
}
END_TEST

static const struct encoding {
    const char *own, *wanted, *becomes;
} encodings[] = {
    {"UTF8", NULL, "UTF8"},
    {"LATIN1", NULL, "LATIN1"},
    {"SJIS", NULL, "EUC_JP"}, /* letters of it hold backslashes */
    {"UTF8", "LATIN9", "LATIN9"},
};

START_TEST(a_session_copies_in_the_encoding_that_pg_dump_writes_or_in_a_safe_one)
{
    struct copy_session_spec spec = {.conninfo = "dbname=shop",
                                     .encoding = encodings[_i].wanted};
    fake_libpq_answer("reset_val", 2, encodings[_i].own, "EUC_JP", FAKE_LIBPQ_END);
    struct copy_session *session;
    ck_assert_msg(copy_session_open(&spec, &session, &err) == 0, "%s", err.text);
    ck_assert_str_eq(copy_session_encoding(session), encodings[_i].becomes);
    ck_assert_ptr_nonnull(
        strstr(fake_libpq_last("client_encoding "), encodings[_i].becomes));
    copy_session_free(session);
}
END_TEST

START_TEST(a_table_that_was_rewritten_between_snapshot_and_lock_is_noticed)
{
    const struct copy_table table = {.oid = NULL};
    struct copy_session_spec spec = {.conninfo = "dbname=shop"};
    struct copy_plan plan = plan_of(&table, 1, true);
    plan.tables[0].oid = memory_strdup("4711");
    plan.tables[0].name = memory_strdup("public.big");
    struct copy_session *session;
    ck_assert_int_eq(copy_session_open(&spec, &session, &err), 0);
    fake_libpq_answer("pg_relation_filenode", 1, "1", FAKE_LIBPQ_END);
    ck_assert_int_eq(copy_session_share(session, NULL, &plan, &err), -1);
    ck_assert_int_eq(err.kind, ERR_AGAIN);
    /* By the name that is locked and copied, too. */
    ck_assert_ptr_nonnull(strstr(fake_libpq_last("to_regclass"), "('4711', 'public.big')"));
    copy_session_free(session);
    copy_plan_release(&plan);
}
END_TEST

static const struct refusal {
    int version;
    const char *match, *message;
    int led;
} refusals[] = {
    /* Windows, and 14 on anything but Linux. */
    {140000, "client_connection_check_interval",
     "ERROR:  invalid value for parameter \"client_connection_check_interval\": 5000", 0},
    /* A pooler or a fork that lacks a setting. */
    {150018, "SET jit", "ERROR:  unrecognized configuration parameter \"jit\"", 1},
    {150018, "BEGIN ISOLATION", "ERROR:  feature not supported: isolation level", 1},
};

START_TEST(what_a_server_does_not_take_is_done_without_or_left_to_pg_dump)
{
    const struct refusal *refusal = &refusals[_i];
    struct copy_session_spec spec = {.conninfo = "dbname=shop"};
    struct copy_session *session;
    fake_libpq_serve(refusal->version, 0);
    fake_libpq_fail(refusal->match, refusal->message);
    ck_assert_int_eq(copy_session_open(&spec, &session, &err), refusal->led);
    ck_assert_uint_eq(fake_libpq_asked(refusal->match), 1);
    ck_assert((session != NULL) == (refusal->led == 0));
    ck_assert((err.kind == ERR_NONE) == (refusal->led == 0));
    copy_session_free(session);
}
END_TEST

START_TEST(servers_before_14_are_not_asked_to_notice_our_end)
{
    struct copy_session_spec spec = {.conninfo = "dbname=shop"};
    struct copy_session *session;
    fake_libpq_serve(130000, 0);
    ck_assert_int_eq(copy_session_open(&spec, &session, &err), 0);
    ck_assert_uint_eq(fake_libpq_asked("client_connection_check_interval"), 0);
    copy_session_free(session);
}
END_TEST

static Suite *suite(void)
{
    Suite *suite = suite_create("copy_plan");
    TCase *tcase = tcase_create("copy_plan");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_loop_test(tcase, pieces_follow_the_weight_with_toast_and_leave_nothing_out, 0,
                        sizeof cuts / sizeof *cuts);
    tcase_add_test(tcase, the_largest_pieces_come_first);
    tcase_add_test(tcase, what_the_filters_leave_out_is_no_workers);
    tcase_add_loop_test(
        tcase, a_session_copies_in_the_encoding_that_pg_dump_writes_or_in_a_safe_one, 0,
        sizeof encodings / sizeof *encodings);
    tcase_add_test(tcase, a_table_that_was_rewritten_between_snapshot_and_lock_is_noticed);
    tcase_add_loop_test(tcase,
                        what_a_server_does_not_take_is_done_without_or_left_to_pg_dump, 0,
                        sizeof refusals / sizeof *refusals);
    tcase_add_test(tcase, servers_before_14_are_not_asked_to_notice_our_end);
    suite_add_tcase(suite, tcase);
    return suite;
}

int main(void)
{
    return run_suite(suite());
}
