/*
 * Backups whose large table comes over connections of its own: what they look like, and that
 * whatever happens to any of these connections at any step leaves the whole backup or nothing.
 */
#include "backup/backup.h"

#include "base/file.h"
#include "tests/support/captured.h"
#include "tests/support/run_suite.h"
#include "tests/support/world.h"

static struct world world;

/* One table of two pieces, beside the one that fake_pg_dump writes. */
static void serve(const char *pattern)
{
    static const char mib16[] = "16777216";
    fake_libpq_answer("reset_val", 2, "UTF8", "UTF8", FAKE_LIBPQ_END);
    fake_libpq_answer("pg_table_size(c.oid)", 7, "4711", "public.big", "n, \"Words\"",
                      pattern, mib16, mib16, "8192", FAKE_LIBPQ_END);
    fake_libpq_answer("pg_export_snapshot", 1, "00000003-0000001B-1", FAKE_LIBPQ_END);
    fake_libpq_answer("ctid >= '(0,0)'", 1, "1\tone", "2\t\\N", FAKE_LIBPQ_END);
    fake_libpq_answer("ctid >= '(1024,0)'", 1, "3\tthree", FAKE_LIBPQ_END);
}

static void begin(const char *job)
{
    struct world_spec spec = {.job = job};
    world_begin(&world, &spec);
    serve("\"public\".\"big\"");
}

static void setup(void)
{
    begin("parallel = 2; dump_retries = 0;");
}

static void teardown(void)
{
    ck_assert_uint_eq(fake_libpq_open(), 0);
    world_end(&world);
}

static const struct backup_result *result(void)
{
    ck_assert_uint_eq(world.backups.count, 1);
    return &world.backups.items[0];
}

static void assert_nothing_stored(void)
{
    char id[ULID_SIZE];
    struct store *store = world_store(&world, "offsite");
    for (size_t at = 0; memory_store_key(store, at) != NULL; at++) {
        (void)keys_parse(memory_store_key(store, at), id);
        ck_assert_msg(*id == '\0', "%s", memory_store_key(store, at));
    }
    world_assert_settled(&world);
}

START_TEST(rows_of_workers_stand_behind_the_definitions_and_are_counted)
{
    const char *id = world_take(&world);
    const char *data = memory_store_bytes(world_store(&world, "offsite"),
                                          world_key(&world, id, KEYS_KIND_DATA))
                           ->data;
    const char *first =
        strstr(data, "\nCOPY public.big (n, \"Words\") FROM stdin;\n1\tone\n2\t\\N\n\\.\n");
    const char *second =
        strstr(data, "\nCOPY public.big (n, \"Words\") FROM stdin;\n3\tthree\n\\.\n");
    const char *table = strstr(data, "CREATE TABLE public.t ");
    ck_assert_ptr_nonnull(first);
    ck_assert_ptr_nonnull(second);
    ck_assert(table < first && table < second);
    ck_assert(strstr(data, "PostgreSQL database dump complete") > second);
    const struct catalog_artifact *artifact = world_load(&world, id);
    ck_assert_int_eq(artifact->table_count, 2);
    ck_assert_int_eq(artifact->row_count, 13);
    ck_assert_int_eq(world_verify(&world, id, "offsite", CATALOG_FULL), 0);
}
END_TEST

START_TEST(every_session_is_in_one_snapshot_and_set_as_that_of_pg_dump)
{
    (void)world_take(&world);
    /* The second connection is not needed when the first has copied all before it is there. */
    unsigned joined = fake_libpq_asked("SET TRANSACTION SNAPSHOT '00000003-0000001B-1'");
    static const char *const each[] = {"BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
                                       "SET row_security = off",
                                       "SET extra_float_digits = 3", "COMMIT"};
    ck_assert_uint_le(joined, 1);
    for (size_t i = 0; i < sizeof each / sizeof *each; i++)
        ck_assert_uint_eq(fake_libpq_asked(each[i]), 1 + joined);
    ck_assert_uint_ge(
        fake_libpq_asked("LOCK TABLE ONLY public.big IN ACCESS SHARE MODE NOWAIT"), 1);
}
END_TEST

START_TEST(nothing_that_happens_to_a_connection_at_any_step_leaves_half_a_backup)
{
    bool good = false;
    unsigned failed = 0;
    for (unsigned n = 1; !good; n++) {
        world_end(&world);
        setup();
        fake_libpq_lose_at(n);
        /* The job, or its one database; a worker that fails to connect leaves it to the other. */
        int done = world_backup(&world, "nightly");
        good = done == 0 && result()->outcome == BACKUP_GOOD && fake_libpq_calls() < n;
        if (done == 0 && result()->outcome == BACKUP_GOOD) {
            ck_assert_int_eq(
                world_verify(&world, world_id(&world), "offsite", CATALOG_FULL), 0);
            ck_assert_int_eq(world_load(&world, world_id(&world))->row_count, 13);
        } else {
            const struct err *err = done == 0 ? &result()->err : &world.err;
            ck_assert_str_eq(err_kind_name(err->kind), "database");
            assert_nothing_stored();
            failed++;
        }
        ck_assert_uint_eq(fake_libpq_open(), 0);
        ck_assert_uint_lt(n, 1000);
    }
    ck_assert_uint_gt(failed, 50);
}
END_TEST

START_TEST(rows_that_the_server_sent_and_that_did_not_come_fail_the_dump)
{
    fake_libpq_miscount(1);
    ck_assert_int_eq(world_backup(&world, "nightly"), 0);
    ck_assert_int_eq(result()->outcome, BACKUP_FAILED);
    ck_assert_ptr_nonnull(strstr(result()->err.text, "rows, "));
    ck_assert_ptr_nonnull(strstr(result()->err.text, "table public.big"));
    assert_nothing_stored();
}
END_TEST

START_TEST(a_text_that_holds_the_rows_of_a_worker_too_fails_the_dump)
{
    fake_libpq_answer("pg_table_size(c.oid)", 7, "4711", "public.t", "n",
                      "\"public\".\"t\"", "16777216", "16777216", "8192", FAKE_LIBPQ_END);
    ck_assert_int_eq(world_backup(&world, "nightly"), 0);
    ck_assert_int_eq(result()->outcome, BACKUP_FAILED);
    ck_assert_ptr_nonnull(
        strstr(result()->err.text, "rows of a table that a worker copies"));
    assert_nothing_stored();
}
END_TEST

START_TEST(a_dump_that_ends_before_its_data_says_why_and_ends_the_workers)
{
    world_programs("pg_dump", "bytes=90 say=pg_dump:+error:+out+of+luck exit=1");
    ck_assert_int_eq(world_backup(&world, "nightly"), 0);
    ck_assert_int_eq(result()->outcome, BACKUP_FAILED);
    ck_assert_ptr_nonnull(strstr(result()->err.text, "out of luck"));
    assert_nothing_stored();
}
END_TEST

static const struct alone {
    const char *job, *match, *message;
} alone[] = {
    {"parallel = 0;", NULL, NULL},
    {"parallel = \"auto\";", NULL, NULL}, /* 16 MiB are not worth it */
    {"parallel = 2; type = \"data\";", NULL, NULL},
    {"parallel = 2; type = \"schema\";", NULL, NULL},
    {"parallel = 2;", "pg_export_snapshot", "ERROR:  cannot export a snapshot here"},
    {"parallel = 2;", "SET jit", "ERROR:  unrecognized configuration parameter \"jit\""},
};

START_TEST(pg_dump_is_alone_where_it_is_told_so_where_it_pays_and_where_it_must)
{
    world_end(&world);
    begin(alone[_i].job);
    if (alone[_i].match != NULL)
        fake_libpq_fail(alone[_i].match, alone[_i].message);
    ck_assert_int_eq(world_load(&world, world_take(&world))->table_count, 1);
    ck_assert_uint_eq(fake_libpq_asked("COPY"), 0);
}
END_TEST

static const char *const no_connection[] = {
    "FATAL:  sorry, too many clients already",
    "FATAL:  no more connections allowed (max_client_conn)",
    "FATAL:  MaxClientsInSessionMode: max clients reached",
    "FATAL:  Max client connections reached",
};

START_TEST(without_a_free_connection_the_leader_copies_alone_and_it_is_said_once)
{
    world_end(&world);
    begin("parallel = 4; dump_retries = 0;");
    fake_libpq_fail("SET TRANSACTION SNAPSHOT", no_connection[_i]);
    struct text said;
    captured_begin();
    const char *id = world_take(&world);
    captured_end(&said);
    const char *first = strstr(said.data, "fewer connections");
    /* Nobody asks for a connection when the leader has copied all before. */
    if (first != NULL)
        ck_assert_ptr_null(strstr(first + 1, "fewer connections"));
    text_release(&said);
    ck_assert_int_eq(world_load(&world, id)->row_count, 13);
}
END_TEST

static const struct passing {
    const char *match, *message;
} passing[] = {
    {"NOWAIT", "ERROR:  could not obtain lock on relation \"big\""},
    {"COPY (SELECT", "ERROR:  cache lookup failed for relation 4711"},
    {"COPY (SELECT", "ERROR:  could not open relation with OID 4711"},
    {"LOCK TABLE ONLY", "ERROR:  relation \"public.big\" does not exist"},
};

START_TEST(what_another_session_did_costs_a_second_try_by_pg_dump_alone)
{
    world_end(&world);
    begin("parallel = 2;");
    fake_libpq_answer("LIMIT 5001", 1, "public.big", FAKE_LIBPQ_END);
    serve("\"public\".\"big\"");
    fake_libpq_fail(passing[_i].match, passing[_i].message);
    const struct catalog_artifact *artifact = world_load(&world, world_take(&world));
    ck_assert_int_eq(artifact->tries, 2);
    ck_assert_int_eq(artifact->table_count, 1);
    world_assert_settled(&world);
}
END_TEST

static const struct lock_wait {
    const char *limit;     /* of the user, in the source */
    const char *of_alone;  /* of pg_dump when it is alone; NULL: none */
    const char *of_beside; /* of pg_dump beside workers */
} lock_waits[] = {
    {"lock_wait_timeout = \"2min\";", "--lock-wait-timeout=120000",
     "--lock-wait-timeout=5000"},
    {"lock_wait_timeout = \"3s\";", "--lock-wait-timeout=3000", "--lock-wait-timeout=3000"},
    {"lock_wait_timeout = \"0s\";", NULL, "--lock-wait-timeout=5000"},
};

/* Somebody waits for the leader's lock, and pg_dump behind him. */
START_TEST(a_lock_that_pg_dump_waits_for_beside_workers_costs_a_second_try_alone)
{
    const struct lock_wait *wait = &lock_waits[_i];
    struct text said;
    struct err trouble = {0};
    world_end(&world);
    struct world_spec spec = {.job = "parallel = 2; dump_retries = 0;",
                              .source = wait->limit};
    world_begin(&world, &spec);
    serve("\"public\".\"big\"");
    world_programs("pg_dump",
                   "only=--snapshot bytes=90 "
                   "say=pg_dump:+error:+query+failed:+ERROR:++canceling+statement+due+to+"
                   "statement+timeout say=pg_dump:+detail:+Query+was:+LOCK+TABLE+public.t "
                   "exit=1");
    const char *log = world_path(&world, "@/log");
    setenv("FAKE_PG_LOG", log, 1);
    const struct catalog_artifact *artifact = world_load(&world, world_take(&world));
    unsetenv("FAKE_PG_LOG");
    ck_assert_int_eq(artifact->tries, 2);
    ck_assert_int_eq(artifact->table_count, 1);
    text_init(&said, 1 << 20);
    ck_assert_int_eq(file_read(log, &said, NULL, &trouble), 0);
    const char *beside = strstr(said.data, "--snapshot=");
    ck_assert_ptr_nonnull(strstr(said.data, wait->of_beside));
    ck_assert_ptr_nonnull(beside);
    const char *second = strstr(beside, "\npg_dump\n");
    ck_assert_ptr_nonnull(second);
    if (wait->of_alone != NULL)
        ck_assert_ptr_nonnull(strstr(second, wait->of_alone));
    else
        ck_assert_ptr_null(strstr(second, "--lock-wait-timeout"));
    text_release(&said);
    world_assert_settled(&world);
}
END_TEST

START_TEST(without_workers_a_lock_that_is_not_given_is_the_end)
{
    world_end(&world);
    begin("parallel = 0; dump_retries = 1;");
    world_programs("pg_dump", "bytes=90 exit=1 say=pg_dump:+error:+query+failed:+ERROR:++"
                              "canceling+statement+due+to+statement+timeout");
    ck_assert_int_eq(world_backup(&world, "nightly"), 0);
    ck_assert_int_eq(result()->outcome, BACKUP_FAILED);
    ck_assert_int_eq(world_load(&world, world_id(&world))->tries, 1);
    assert_nothing_stored();
}
END_TEST

/* The leader finds none either: then the try that follows needs one only. */
START_TEST(no_free_connection_for_the_leader_does_not_cost_the_backup)
{
    world_end(&world);
    begin("parallel = 2; dump_retries = 0;");
    fake_libpq_fail("BEGIN ISOLATION LEVEL", no_connection[_i]);
    ck_assert_int_eq(world_load(&world, world_take(&world))->table_count, 1);
    world_assert_settled(&world);
}
END_TEST

START_TEST(a_second_failure_is_the_end)
{
    world_end(&world);
    begin("parallel = 2; dump_retries = 1;");
    world_programs("pg_dump", "bytes=90 say=pg_dump:+error:+cache+lookup+failed exit=1");
    ck_assert_int_eq(world_backup(&world, "nightly"), 0);
    ck_assert_int_eq(result()->outcome, BACKUP_FAILED);
    ck_assert_ptr_nonnull(strstr(result()->err.text, "hint: another session"));
    ck_assert_int_eq(world_load(&world, world_id(&world))->tries, 2);
    assert_nothing_stored();
}
END_TEST

static void cancel_in_dump(struct world *of, const char *phase)
{
    if (strcmp(phase, "dump") == 0)
        world_cancel(of);
}

START_TEST(a_cancel_ends_all_connections)
{
    world_programs("pg_dump", "bytes=100 hang");
    world.on_phase = cancel_in_dump;
    ck_assert_int_eq(world_backup(&world, "nightly"), -1);
    ck_assert_int_eq(world.err.kind, ERR_CANCELLED);
    assert_nothing_stored();
}
END_TEST

static Suite *suite(void)
{
    Suite *suite = suite_create("parallel_dump");
    TCase *tcase = tcase_create("parallel_dump");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, rows_of_workers_stand_behind_the_definitions_and_are_counted);
    tcase_add_test(tcase, every_session_is_in_one_snapshot_and_set_as_that_of_pg_dump);
    tcase_add_test(tcase,
                   nothing_that_happens_to_a_connection_at_any_step_leaves_half_a_backup);
    tcase_add_test(tcase, rows_that_the_server_sent_and_that_did_not_come_fail_the_dump);
    tcase_add_test(tcase, a_text_that_holds_the_rows_of_a_worker_too_fails_the_dump);
    tcase_add_test(tcase, a_dump_that_ends_before_its_data_says_why_and_ends_the_workers);
    tcase_add_loop_test(
        tcase, pg_dump_is_alone_where_it_is_told_so_where_it_pays_and_where_it_must, 0,
        sizeof alone / sizeof *alone);
    tcase_add_loop_test(
        tcase, without_a_free_connection_the_leader_copies_alone_and_it_is_said_once, 0,
        sizeof no_connection / sizeof *no_connection);
    tcase_add_loop_test(tcase, what_another_session_did_costs_a_second_try_by_pg_dump_alone,
                        0, sizeof passing / sizeof *passing);
    tcase_add_loop_test(
        tcase, a_lock_that_pg_dump_waits_for_beside_workers_costs_a_second_try_alone, 0,
        sizeof lock_waits / sizeof *lock_waits);
    tcase_add_test(tcase, without_workers_a_lock_that_is_not_given_is_the_end);
    tcase_add_loop_test(tcase, no_free_connection_for_the_leader_does_not_cost_the_backup,
                        0, sizeof no_connection / sizeof *no_connection);
    tcase_add_test(tcase, a_second_failure_is_the_end);
    tcase_add_test(tcase, a_cancel_ends_all_connections);
    suite_add_tcase(suite, tcase);
    return suite;
}

int main(void)
{
    return run_suite(suite());
}
