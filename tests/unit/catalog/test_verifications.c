#include "catalog/verifications.h"

#include "base/memory.h"
#include "catalog/artifact_list.h"
#include "catalog/runs.h"
#include "tests/support/catalog_rig.h"
#include "tests/support/run_suite.h"

static int64_t copy_id;

static void setup(void)
{
    catalog_rig_begin();
    copy_id = catalogs_complete(here.catalog, 1, here.store, 1000);
}

static int add(int64_t time, enum catalog_level level, enum catalog_result result)
{
    struct catalog_verification v = {
        .copy = copy_id, .time = time, .level = level, .result = result, .bytes = 3};
    return catalog_verification_add(here.catalog, &v, &here.err);
}

static struct catalog_copy copy(void)
{
    struct catalog_copy loaded;
    OK(catalog_copy_load(here.catalog, copy_id, &loaded, &here.err));
    return loaded;
}

/* A sequence of checks, each "LEVEL RESULT" as q f d and g m a u, and how the copy stands
 * afterwards: C M A, its verified level, its proven level (0: not proven). */
static const struct row {
    const char *checks, *stands;
} rows[] = {
    {"qg", "C10"},
    {"fg", "C22"},
    {"dg", "C33"},
    {"fg qg", "C12"},
    {"dg fg", "C22"},
    {"qm", "M10"},
    {"fm", "M20"},
    {"fg qm", "M10"},
    {"fg qm qg", "C10"},
    {"qa", "A10"},
    {"qa qg", "C10"},
    {"fa", "A20"},
    {"fg fa", "A20"},
    {"fa fg", "C22"},
    {"da dg", "C33"},
    {"qu", "C00"},
    {"fg qu", "C22"},
    {"fa qu", "A20"},
    {"fa qm", "M10"},
    {"fm fa", "A20"},
    {"fm qg", "C10"},
    /* who looks less closely than the one that found damage, says nothing */
    {"fa qg", "A20"},
    {"da fg", "A30"},
    {"fa qm qg", "M10"},
    {"fa qa qg", "A10"},
    {"fa qm fg", "C22"},
    {"fa fg fm qg", "C10"},
};

START_TEST(checks_move_the_copy_as_the_table_says)
{
    static const char levels[] = "nqfd";
    static const char results[] = "gmau";
    static const char states[] = "UCFMAELBD";
    int64_t time = 100;
    for (const char *p = rows[_i].checks; *p != '\0'; p += p[2] == '\0' ? 2 : 3)
        ck_assert_int_eq(add(time++, (enum catalog_level)(strchr(levels, p[0]) - levels),
                             (enum catalog_result)(strchr(results, p[1]) - results)),
                         0);
    struct catalog_copy stands = copy();
    char text[8];
    snprintf(text, sizeof text, "%c%d%d", states[stands.state], (int)stands.verified_level,
             (int)stands.proven_level);
    ck_assert_msg(strcmp(text, rows[_i].stands) == 0, "%s: %s, not %s", rows[_i].checks,
                  text, rows[_i].stands);
    ck_assert_int_eq(stands.proven > 0, stands.proven_level > 0);
    bool good = stands.state == CATALOG_COPY_COMPLETE;
    ck_assert_int_eq(stands.verified_error == NULL, good);
    catalog_copy_release(&stands);
}
END_TEST

/* A dump of a database that somebody emptied has good bytes. */
START_TEST(only_a_drill_that_asks_for_sense_clears_suspect)
{
    OK(catalog_artifact_set_suspect(here.catalog, catalogs_id(1), true, &here.err));
    ck_assert_int_eq(add(100, CATALOG_QUICK, CATALOG_GOOD), 0);
    ck_assert_int_eq(catalog_rig_number("SELECT suspect FROM artifacts"), 1);
    ck_assert_int_eq(add(101, CATALOG_FULL, CATALOG_GOOD), 0);
    ck_assert_int_eq(catalog_rig_number("SELECT suspect FROM artifacts"), 1);
    ck_assert_int_eq(catalog_rig_number("SELECT proven FROM copies"), 101);
    ck_assert_int_eq(add(102, CATALOG_DRILL, CATALOG_UNDECIDED), 0);
    ck_assert_int_eq(add(103, CATALOG_DRILL, CATALOG_FOUND_DAMAGED), 0);
    ck_assert_int_eq(catalog_rig_number("SELECT suspect FROM artifacts"), 1);
    ck_assert_int_eq(add(104, CATALOG_FULL, CATALOG_GOOD), 0);
    ck_assert_int_eq(catalog_rig_number("SELECT suspect FROM artifacts"), 1);
    /* Nor does one that only counted. */
    ck_assert_int_eq(add(105, CATALOG_DRILL, CATALOG_GOOD), 0);
    ck_assert_int_eq(catalog_rig_number("SELECT suspect FROM artifacts"), 1);
    struct catalog_verification asked = {.copy = copy_id,
                                         .time = 106,
                                         .level = CATALOG_DRILL,
                                         .result = CATALOG_GOOD,
                                         .report = (char *)(uintptr_t) "{}",
                                         .sense = true};
    OK(catalog_verification_add(here.catalog, &asked, &here.err));
    ck_assert_int_eq(catalog_rig_number("SELECT suspect FROM artifacts"), 0);
    int64_t drilled = 0;
    OK(catalog_verification_drilled(here.catalog, catalogs_id(1), &drilled, &here.err));
    ck_assert_int_eq(drilled, 106);
}
END_TEST

START_TEST(the_history_is_kept_newest_first)
{
    struct catalog_verifications list = {0};
    int64_t run = 0;
    OK(catalog_run_begin(here.catalog, "verify", NULL, &run, &here.err));
    struct catalog_verification v = {.copy = copy_id,
                                     .run = run,
                                     .time = 300,
                                     .level = CATALOG_FULL,
                                     .result = CATALOG_FOUND_DAMAGED,
                                     .duration_ms = 12,
                                     .bytes = 34};
    char wrong[] = "hash differs";
    ck_assert_int_eq(add(200, CATALOG_QUICK, CATALOG_GOOD), 0);
    v.message = wrong;
    OK(catalog_verification_add(here.catalog, &v, &here.err));
    ck_assert_int_eq(add(100, CATALOG_QUICK, CATALOG_UNDECIDED), 0);
    OK(catalog_verifications_of(here.catalog, catalogs_id(1), 0, &list, &here.err));
    ck_assert_uint_eq(list.count, 3);
    ck_assert_int_eq(list.items[0].id, v.id);
    ck_assert_int_eq(list.items[0].run, run);
    ck_assert_str_eq(list.items[0].message, wrong);
    ck_assert_str_eq(list.items[0].store, "nas");
    ck_assert_int_eq(list.items[0].duration_ms, 12);
    ck_assert_uint_eq(list.items[0].bytes, 34);
    ck_assert_int_eq(list.items[1].result, CATALOG_GOOD);
    ck_assert_int_eq(list.items[1].run, 0);
    ck_assert_int_eq(list.items[2].result, CATALOG_UNDECIDED);
    catalog_verifications_release(&list);
    OK(catalog_verifications_of(here.catalog, catalogs_id(1), 1, &list, &here.err));
    ck_assert_uint_eq(list.count, 1);
    catalog_verifications_release(&list);
    struct catalog_copy stands = copy();
    ck_assert_str_eq(stands.verified_error, wrong);
    catalog_copy_release(&stands);
}
END_TEST

/* Two artifacts of "nightly" with a copy each, finished at 10 and 20. */
START_TEST(whose_turn_it_is_is_who_was_longest_unchecked)
{
    char id[ULID_SIZE];
    struct catalog *catalog = here.catalog;
    (void)catalogs_complete(catalog, 2, here.store, 20);
    catalogs_sql(&here.files, "UPDATE artifacts SET job = 'nightly', status = 'complete',"
                              " finished = 10 * number; DELETE FROM verifications");
    const struct {
        const char *change;
        enum catalog_level level;
        unsigned turn; /* 0: nobody's */
    } turns[] = {
        {"SELECT 1", CATALOG_FULL, 1}, /* never: since they were made */
        {"UPDATE copies SET verified = 30, verified_level = 1 WHERE artifact = 1",
         CATALOG_FULL, 1}, /* a quick look proves no bytes */
        {"SELECT 1", CATALOG_QUICK, 2},
        {"UPDATE copies SET proven = 40 WHERE artifact = 1", CATALOG_FULL, 2},
        /* Its store was away: it does not stand in front for ever. */
        {"INSERT INTO verifications (copy, time, level, result, duration_ms, bytes)"
         " SELECT id, 50, 2, 'undecided', 0, 0 FROM copies WHERE artifact = 2",
         CATALOG_FULL, 1},
        {"UPDATE copies SET state = 'deleting'", CATALOG_FULL, 0},
    };
    for (size_t i = 0; i < sizeof turns / sizeof *turns; i++) {
        catalogs_sql(&here.files, turns[i].change);
        OK(catalog_verification_longest(catalog, "nightly", turns[i].level, id, &here.err));
        ck_assert_str_eq(id, turns[i].turn > 0 ? catalogs_id(turns[i].turn) : "");
    }
    OK(catalog_verification_longest(catalog, "another", CATALOG_FULL, id, &here.err));
    ck_assert_str_eq(id, "");
}
END_TEST

START_TEST(a_refused_check_leaves_no_history)
{
    catalogs_sql(&here.files, "UPDATE copies SET state = 'deleting'");
    ck_assert_int_eq(add(100, CATALOG_FULL, CATALOG_GOOD), -1);
    ck_assert_int_eq(here.err.kind, ERR_UNSAFE);
    ck_assert_int_eq(catalog_rig_number("SELECT count(*) FROM verifications"), 0);
}
END_TEST

START_TEST(what_is_long_ago_is_forgotten_but_for_the_last_word)
{
    ck_assert_int_eq(add(100, CATALOG_QUICK, CATALOG_GOOD), 0);
    ck_assert_int_eq(add(200, CATALOG_FULL, CATALOG_GOOD), 0);
    ck_assert_int_eq(catalog_verifications_purge(here.catalog, 100, &here.err), 0);
    ck_assert_int_eq(catalog_rig_number("SELECT count(*) FROM verifications"), 2);
    ck_assert_int_eq(catalog_verifications_purge(here.catalog, 1000, &here.err), 0);
    ck_assert_int_eq(catalog_rig_number("SELECT count(*) FROM verifications"), 1);
    ck_assert_int_eq(catalog_rig_number("SELECT time FROM verifications"), 200);
}
END_TEST

START_TEST(results_have_names)
{
    ck_assert_str_eq(catalog_result_name(CATALOG_GOOD), "good");
    ck_assert_str_eq(catalog_result_name(CATALOG_FOUND_MISSING), "missing");
    ck_assert_str_eq(catalog_result_name(CATALOG_FOUND_DAMAGED), "damaged");
    ck_assert_str_eq(catalog_result_name(CATALOG_UNDECIDED), "undecided");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("verifications");
    TCase *tcase = tcase_create("verifications");
    tcase_add_checked_fixture(tcase, setup, catalog_rig_end);
    tcase_add_loop_test(tcase, checks_move_the_copy_as_the_table_says, 0,
                        sizeof rows / sizeof *rows);
    tcase_add_test(tcase, only_a_drill_that_asks_for_sense_clears_suspect);
    tcase_add_test(tcase, the_history_is_kept_newest_first);
    tcase_add_test(tcase, whose_turn_it_is_is_who_was_longest_unchecked);
    tcase_add_test(tcase, a_refused_check_leaves_no_history);
    tcase_add_test(tcase, what_is_long_ago_is_forgotten_but_for_the_last_word);
    tcase_add_test(tcase, results_have_names);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
