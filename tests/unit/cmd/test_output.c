#include "cmd/output.h"
#include "base/file.h"
#include "tests/support/run_suite.h"

#include <check.h>
#include <unistd.h>

/* Runs `print` with stdout in a temp file and gives back what it wrote. */
static char *captured(void (*print)(void))
{
    FILE *file = tmpfile();
    int saved = dup(STDOUT_FILENO);
    struct text text;
    char buffer[4096];
    ck_assert_ptr_nonnull(file);
    (void)fflush(stdout);
    ck_assert_int_ge(dup2(fileno(file), STDOUT_FILENO), 0);
    print();
    (void)fflush(stdout);
    ck_assert_int_ge(dup2(saved, STDOUT_FILENO), 0);
    (void)close(saved);
    rewind(file);
    text_init(&text, 1 << 16);
    for (size_t n; (n = fread(buffer, 1, sizeof(buffer), file)) > 0;)
        text_add_bytes(&text, buffer, n);
    (void)fclose(file);
    char *result = text_take(&text);
    text_release(&text);
    return result;
}

static const struct output_column columns[] = {
    {"ID", OUTPUT_LEFT}, {"SIZE", OUTPUT_RIGHT}, {"NAME", OUTPUT_LEFT}};

static void print_table(void)
{
    struct output_table table;
    output_table_init(&table, columns, 3);
    output_table_cell(&table, "01JD");
    output_table_cellf(&table, "%d B", 7);
    output_table_cell(&table, "caf\xc3\xa9");
    output_table_cell(&table, "\xc3\xa9");
    output_table_cell(&table, "12345 B");
    output_table_cell(&table, NULL);
    output_table_print(&table);
    output_table_release(&table);
}

START_TEST(columns_are_padded_by_characters_not_bytes)
{
    char *text = captured(print_table);
    ck_assert_str_eq(text, "ID       SIZE  NAME\n"
                           "01JD      7 B  caf\xc3\xa9\n"
                           "\xc3\xa9     12345 B  -\n");
    free(text);
}
END_TEST

static void print_empty_cells(void)
{
    struct output_table table;
    output_table_init(&table, columns, 3);
    output_table_cell(&table, "01JD");
    output_table_cell(&table, "7 B");
    output_table_cell(&table, "");
    output_table_cell(&table, "01JE");
    output_table_cell(&table, "");
    output_table_cell(&table, "");
    output_table_print(&table);
    output_table_release(&table);
}

START_TEST(no_line_ends_in_blanks)
{
    char *text = captured(print_empty_cells);
    ck_assert_str_eq(text, "ID    SIZE  NAME\n"
                           "01JD   7 B\n"
                           "01JE\n");
    free(text);
}
END_TEST

/* Five columns: the time loses its seconds, then WHAT goes, then SIZE, then names are cut. */
static size_t width;

static void print_narrow(void)
{
    static const struct output_column wide[] = {
        {"ID", OUTPUT_LEFT},    {"TIME", OUTPUT_LEFT}, {"WHAT", OUTPUT_LEFT},
        {"SIZE", OUTPUT_RIGHT}, {"NAME", OUTPUT_LEFT}, {"REMARKS", OUTPUT_LEFT}};
    static const struct output_fit fit[] = {
        [1] = {.least = 5}, [2] = {.spare = 2}, [3] = {.spare = 1}, [5] = {0}};
    struct output_table table;
    output_table_init(&table, wide, 6);
    table.fit = fit;
    output_table_cell(&table, "01JD");
    output_table_cell(&table, "12:30:59");
    output_table_cell(&table, "full");
    output_table_cell(&table, "12 B");
    output_table_cell(&table, "t\xc3\xa4gliche_daten");
    output_table_cell(&table, "a remark of 24 characters");
    output_table_print_within(&table, width);
    output_table_release(&table);
}

static const struct {
    size_t width;
    const char *text;
} narrow[] = {
    {0, "ID    TIME      WHAT  SIZE  NAME            REMARKS\n"
        "01JD  12:30:59  full  12 B  t\xc3\xa4gliche_daten  a remark of 24 characters\n"},
    {67, "ID    TIME      WHAT  SIZE  NAME            REMARKS\n"
         "01JD  12:30:59  full  12 B  t\xc3\xa4gliche_daten  a remark of 24 chara...\n"},
    {55, "ID    TIME   WHAT  SIZE  NAME            REMARKS\n"
         "01JD  12:30  full  12 B  t\xc3\xa4gliche_daten  a remark of...\n"},
    {50, "ID    TIME   SIZE  NAME            REMARKS\n"
         "01JD  12:30  12 B  t\xc3\xa4gliche_daten  a remark of ...\n"},
    {44, "ID    TIME   NAME            REMARKS\n"
         "01JD  12:30  t\xc3\xa4gliche_daten  a remark of ...\n"},
    {35, "ID    TIME   NAME      REMARKS\n"
         "01JD  12:30  t\xc3\xa4gli...  a remark ...\n"},
};

START_TEST(on_a_narrow_terminal_what_says_least_goes_first)
{
    width = narrow[_i].width;
    char *text = captured(print_narrow);
    ck_assert_str_eq(text, narrow[_i].text);
    free(text);
}
END_TEST

static void print_empty_table(void)
{
    struct output_table table;
    output_table_init(&table, columns, 3);
    output_table_print(&table);
    output_table_release(&table);
}

START_TEST(a_table_without_rows_prints_nothing)
{
    char *text = captured(print_empty_table);
    ck_assert_str_eq(text, "");
    free(text);
}
END_TEST

static void print_hostile(void)
{
    static const char name[] = "a\x1b[2Jb\nc\x7f\xff";
    struct output_table table;
    output_table_init(&table, &columns[2], 1);
    output_table_cell(&table, name);
    output_table_print(&table);
    output_table_release(&table);
    output_field("database", name);
    output_fieldf("table", "%s", name);
    output_linef("%s", name);
}

START_TEST(a_name_cannot_drive_the_terminal)
{
    char *text = captured(print_hostile);
    size_t lines = 0;
    for (const char *at = text; *at; at++) {
        ck_assert_msg(*at == '\n' ||
                          ((unsigned char)*at >= 0x20 && (unsigned char)*at < 0x7f),
                      "%s", text);
        lines += *at == '\n';
    }
    ck_assert_uint_eq(lines, 5);
    free(text);
}
END_TEST

static void print_fields(void)
{
    output_field("id", "01JD");
    output_field("name", NULL);
    output_field("note", "");
    output_fieldf("rows", "%d", 3);
}

START_TEST(fields_line_up_and_empty_ones_are_left_out)
{
    char *text = captured(print_fields);
    ck_assert_str_eq(text, "id               01JD\nrows             3\n");
    free(text);
}
END_TEST

static void print_document(void)
{
    output_json(json_pack("{s:s, s:i}", "b", "x", "a", 1));
}

START_TEST(json_keeps_its_order_and_ends_a_line)
{
    char *text = captured(print_document);
    ck_assert_str_eq(text, "{\n  \"b\": \"x\",\n  \"a\": 1\n}\n");
    free(text);
}
END_TEST

START_TEST(times_and_sizes_read_well)
{
    char time[32], size[64];
    ck_assert_str_eq(output_time(time, 0), "-");
    setenv("TZ", "CET-1", 1);
    ck_assert_str_eq(output_time(time, 1795226400), "2026-11-21 03:00:00+01");
    ck_assert_str_eq(output_size(size, 1536, false), "1.5 KiB");
    ck_assert_str_eq(output_size(size, 1536, true), "1.5 KiB (1536 bytes)");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("output");
    TCase *tcase = tcase_create("output");
    tcase_add_test(tcase, columns_are_padded_by_characters_not_bytes);
    tcase_add_test(tcase, no_line_ends_in_blanks);
    tcase_add_loop_test(tcase, on_a_narrow_terminal_what_says_least_goes_first, 0,
                        sizeof narrow / sizeof *narrow);
    tcase_add_test(tcase, a_table_without_rows_prints_nothing);
    tcase_add_test(tcase, a_name_cannot_drive_the_terminal);
    tcase_add_test(tcase, fields_line_up_and_empty_ones_are_left_out);
    tcase_add_test(tcase, json_keeps_its_order_and_ends_a_line);
    tcase_add_test(tcase, times_and_sizes_read_well);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
