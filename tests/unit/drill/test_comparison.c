#include "drill/comparison.h"

#include "tests/support/run_suite.h"

/* Both sides in one notation: "a.t=5 a.u=?", where ? is not known and ! an extension's. */
struct side {
    struct comparison_table tables[8];
    char names[8][32];
    struct comparison_side side;
};

static void read_side(struct side *out, const char *text)
{
    *out = (struct side){0};
    for (size_t i = 0; *text != '\0'; i++) {
        char rows[16] = "";
        int length = 0;
        ck_assert_int_eq(sscanf(text, "%31[^=]=%15s%n", out->names[i], rows, &length), 2);
        text += length + (text[length] == ' ');
        out->tables[i] = (struct comparison_table){
            "a", out->names[i], *rows == '?' ? COMPARISON_UNKNOWN : atoll(rows),
            strchr(rows, '!') != NULL};
        out->side.table_count = i + 1;
    }
    out->side.tables = out->tables;
}

static const struct row {
    const char *expected, *found;
    bool rows_told;
    size_t differences;
    const char *first; /* NULL: none */
} rows[] = {
    {"t=5 u=0", "u=0 t=5", true, 0, NULL},
    {"t=5", "t=4", true, 1, "table a.t has 4 rows, the backup has 5"},
    {"t=5", "", true, 1, "table a.t is missing"},
    {"t=5", "t=5 u=1", true, 1, "table a.u has 1 rows, the backup has 0"},
    {"t=5", "t=5 u=0", true, 0, NULL},
    /* an archive does not say */
    {"", "t=5 u=1", false, 0, NULL},
    {"t=?", "t=5", true, 0, NULL},
    /* an extension brings rows, and a dump what was added to them */
    {"t=1", "t=8501!", true, 0, NULL},
    {"t=2", "t=1!", true, 1, "table a.t has 1 rows, the backup has 2"},
    {"", "t=8500!", true, 0, NULL},
};

START_TEST(rows_are_compared_table_by_table)
{
    struct side expected, found;
    struct comparison out = {0};
    read_side(&expected, rows[_i].expected);
    read_side(&found, rows[_i].found);
    comparison_make(&expected.side, &found.side, rows[_i].rows_told, &out);
    ck_assert_uint_eq(out.differences, rows[_i].differences);
    ck_assert_uint_eq(out.told.count, rows[_i].differences);
    if (rows[_i].first != NULL)
        ck_assert_str_eq(out.told.items[0], rows[_i].first);
    comparison_release(&out);
}
END_TEST

START_TEST(things_are_counted_unless_the_backup_does_not_tell)
{
    struct comparison_side expected = {0}, found = {0};
    struct comparison out = {0};
    expected.counts[INSPECT_INDEXES] = 3;
    found.counts[INSPECT_INDEXES] = 2;
    expected.counts[INSPECT_LARGE_OBJECTS] = COMPARISON_UNKNOWN;
    found.counts[INSPECT_LARGE_OBJECTS] = 7;
    comparison_make(&expected, &found, true, &out);
    ck_assert_uint_eq(out.differences, 1);
    ck_assert_str_eq(out.told.items[0], "there are 2 indexes, the backup makes 3");
    ck_assert_int_eq(out.counts[INSPECT_LARGE_OBJECTS], COMPARISON_UNKNOWN);
    comparison_release(&out);
}
END_TEST

START_TEST(sequences_stand_where_the_backup_sets_them)
{
    char a[] = "a", s[] = "s", t[] = "t";
    const struct inspect_sequence wanted[] = {{a, s, 5, true}, {a, t, 1, false}};
    const struct inspect_sequence has[] = {{a, s, 5, false}};
    struct comparison_side expected = {.sequences = wanted, .sequence_count = 2};
    struct comparison_side found = {.sequences = has, .sequence_count = 1};
    struct comparison out = {0};
    comparison_make(&expected, &found, true, &out);
    ck_assert_uint_eq(out.differences, 2);
    ck_assert_str_eq(out.told.items[0],
                     "sequence a.s stands at 5, the backup sets 5 (used)");
    ck_assert_str_eq(out.told.items[1], "sequence a.t is missing");
    comparison_release(&out);
}
END_TEST

START_TEST(ten_differences_are_told_and_names_drive_no_terminal)
{
    struct comparison out = {0};
    for (int i = 0; i < 25; i++)
        comparison_add(&out, "%d \033[2J", i);
    ck_assert_uint_eq(out.differences, 25);
    ck_assert_uint_eq(out.told.count, COMPARISON_TOLD);
    ck_assert_str_eq(out.told.items[3], "3 \\x1B[2J");
    comparison_release(&out);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("comparison");
    TCase *tcase = tcase_create("comparison");
    tcase_add_loop_test(tcase, rows_are_compared_table_by_table, 0,
                        (int)(sizeof rows / sizeof *rows));
    tcase_add_test(tcase, things_are_counted_unless_the_backup_does_not_tell);
    tcase_add_test(tcase, sequences_stand_where_the_backup_sets_them);
    tcase_add_test(tcase, ten_differences_are_told_and_names_drive_no_terminal);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
