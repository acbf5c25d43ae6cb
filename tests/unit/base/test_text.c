#include "base/memory.h"
#include "base/text.h"
#include "tests/support/run_suite.h"

#include <check.h>

static struct text out;

static void begin(void)
{
    text_init(&out, 100);
}

static void end(void)
{
    text_release(&out);
}

/* ---- growing ---- */

START_TEST(what_goes_beyond_the_ceiling_is_dropped_and_told_at_the_end)
{
    struct text small;
    struct err err = {0};
    text_init(&small, 4);
    text_add(&small, "abc");
    ck_assert_int_eq(text_check(&small, "the word", &err), 0);
    text_addf(&small, "%s", "def");
    ck_assert_str_eq(small.data, "abcd");
    ck_assert_int_lt(text_check(&small, "the word", &err), 0);
    ck_assert_int_eq(err.kind, ERR_SYSTEM);
    ck_assert_str_eq(err.text, "the word is larger than 4 bytes");
    text_clear(&small);
    ck_assert_int_eq(text_check(&small, "the word", &err), 0);
    ck_assert_str_eq(small.data, "");
    text_release(&small);
}
END_TEST

START_TEST(a_formatted_text_may_be_longer_than_the_buffer_it_is_tried_in)
{
    struct text large;
    text_init(&large, 1000);
    text_addf(&large, "%*s|", 700, "x");
    ck_assert_uint_eq(large.length, 701);
    ck_assert_str_eq(large.data + 699, "x|");
    text_release(&large);
}
END_TEST

START_TEST(a_text_that_was_taken_begins_anew)
{
    text_add(&out, "first");
    char *taken = text_take(&out);
    text_add(&out, "second");
    ck_assert_str_eq(taken, "first");
    ck_assert_str_eq(out.data, "second");
    free(taken);
}
END_TEST

/* ---- ways to write bytes ---- */

static const struct {
    const char *bytes, *shown;
} printables[] = {
    {"plain \xC3\xA4 \xE2\x82\xAC \xF0\x9F\x90\x98",
     "plain \xC3\xA4 \xE2\x82\xAC \xF0\x9F\x90\x98"},
    {"a\x1B[31m\n", "a\\x1B[31m\\x0A"},
    {"\x7F", "\\x7F"},
    {"\xC2\x9B", "\\xC2\\x9B"},          /* CSI as one C1 character */
    {"\xC0\xAF", "\\xC0\\xAF"},          /* not the shortest form */
    {"\xED\xA0\x80", "\\xED\\xA0\\x80"}, /* a surrogate */
    {"\xE2\x82", "\\xE2\\x82"},          /* cut */
    {"\xF0\x80\x80\x80", "\\xF0\\x80\\x80\\x80"},
    {"\xF4\x90\x80\x80", "\\xF4\\x90\\x80\\x80"}, /* beyond U+10FFFF */
    {"\xE2\x28\xA1", "\\xE2(\\xA1"},
};

START_TEST(nothing_that_moves_a_terminal_is_shown_as_it_is)
{
    text_add_printable(&out, printables[_i].bytes, strlen(printables[_i].bytes));
    ck_assert_str_eq(out.data, printables[_i].shown);
    ck_assert_int_eq(text_is_utf8(printables[_i].bytes, strlen(printables[_i].bytes)),
                     _i < 4);
}
END_TEST

static const struct {
    const char *text, *out;
    bool clean;
} decodes[] = {
    {"a%20b", "a b", true}, {"a+b", "a+b", true},   {"%e1%88%B4", "\xE1\x88\xB4", true},
    {"%", "%", false},      {"%2", "%2", false},    {"%2g", "%2g", false},
    {"%%41", "%A", false},  {"%2525", "%25", true}, {"", "", true},
};

START_TEST(percent_encoding_is_taken_off_once)
{
    ck_assert_int_eq(text_add_decoded(&out, decodes[_i].text, strlen(decodes[_i].text)),
                     decodes[_i].clean);
    ck_assert_str_eq(out.data, decodes[_i].out);
}
END_TEST

START_TEST(a_nul_is_not_clean)
{
    ck_assert(!text_add_decoded(&out, "a%00b", 5));
    ck_assert_uint_eq(out.length, 3);
}
END_TEST

START_TEST(what_is_encoded_comes_back)
{
    char all[256];
    for (int i = 0; i < 256; i++)
        all[i] = (char)i;
    struct text encoded, decoded;
    text_init(&encoded, 1000);
    text_init(&decoded, 1000);
    text_add_percent(&encoded, all, sizeof all, false);
    ck_assert_ptr_null(strpbrk(encoded.data, "/ +&=?#"));
    ck_assert(!text_add_decoded(&decoded, encoded.data, encoded.length)); /* the NUL */
    ck_assert_uint_eq(decoded.length, sizeof all);
    ck_assert_mem_eq(decoded.data, all, sizeof all);
    text_release(&encoded);
    text_release(&decoded);
}
END_TEST

START_TEST(a_word_of_a_shell_is_one_whatever_is_in_it)
{
    text_add_quoted(&out, "it's $HOME");
    ck_assert_str_eq(out.data, "'it'\\''s $HOME'");
}
END_TEST

START_TEST(hex_digits_are_of_both_cases)
{
    static const char digits[] = "0123456789abcdefABCDEF";
    for (int i = 0; digits[i] != '\0'; i++)
        ck_assert_int_eq(text_hex_digit(digits[i]), i < 16 ? i : i - 6);
    for (const char *p = "gG/:@`\x80 "; *p != '\0'; p++)
        ck_assert_int_eq(text_hex_digit(*p), -1);
    ck_assert_int_eq(text_hex_digit('\0'), -1);
    text_add_hex(&out, "\x00\xAB\x7f", 3);
    ck_assert_str_eq(out.data, "00ab7f");
}
END_TEST

/* ---- comparing ---- */

START_TEST(only_ascii_letters_become_lower_case)
{
    char word[] = "Az[@`{ \xC3\x84 09";
    ck_assert_ptr_eq(text_lower(word), word);
    ck_assert_str_eq(word, "az[@`{ \xC3\x84 09");
}
END_TEST

START_TEST(control_characters_are_found_and_letters_of_others_are_none)
{
    ck_assert(text_has_control("a\tb"));
    ck_assert(text_has_control("\r"));
    ck_assert(text_has_control("a\x7f"));
    ck_assert(!text_has_control(""));
    ck_assert(!text_has_control("a b~\xC3\xA4"));
}
END_TEST

START_TEST(null_equals_null_alone)
{
    char copy[] = "a";
    ck_assert(text_equal(NULL, NULL));
    ck_assert(text_equal("a", copy));
    ck_assert(!text_equal(NULL, ""));
    ck_assert(!text_equal("", NULL));
    ck_assert(!text_equal("a", "b"));
}
END_TEST

START_TEST(a_text_ends_with_no_more_than_it_is_long)
{
    ck_assert(text_starts_with("abc", "ab") && !text_starts_with("a", "ab"));
    ck_assert(text_ends_with("abc", "bc") && !text_ends_with("c", "bc"));
    ck_assert(text_ends_with("abc", ""));
}
END_TEST

START_TEST(a_misspelt_word_leads_to_the_nearest_name)
{
    static const char *const names[] = {"backup", "restore", "verify", "list"};
    ck_assert_str_eq(text_nearest("bakcup", names, 4), "backup");
    ck_assert_str_eq(text_nearest("lsit", names, 4), "list");
    ck_assert_ptr_null(text_nearest("frobnicate", names, 4));
    ck_assert_ptr_null(text_nearest("", names, 4));
    char endless[200];
    memset(endless, 'a', sizeof endless - 1);
    endless[sizeof endless - 1] = '\0';
    const char *const long_names[] = {endless};
    ck_assert_ptr_null(text_nearest(endless, names, 4));
    ck_assert_ptr_null(text_nearest("aaaa", long_names, 1));
}
END_TEST

/* ---- for people ---- */

static const struct {
    uint64_t bytes;
    const char *text;
} sizes[] = {
    {0, "0 B"},
    {1023, "1023 B"},
    {1024, "1.0 KiB"},
    {(uint64_t)1023 << 10, "1023.0 KiB"},
    {((uint64_t)1 << 20) - 1, "1.0 MiB"}, /* never "1024.0 KiB" */
    {UINT64_MAX, "16.0 EiB"},
};

START_TEST(a_size_has_at_most_four_digits_before_the_point)
{
    char text[32];
    ck_assert_str_eq(text_size(text, sizes[_i].bytes), sizes[_i].text);
}
END_TEST

static const struct {
    int64_t ms;
    const char *text;
} durations[] = {
    {-5, "0.0s"},         {400, "0.4s"},          {9949, "9.9s"},
    {9950, "9s"},         {59999, "59s"},         {60000, "1m00s"},
    {3600000, "1h00m"},   {11520000, "3h12m"},    {172799000, "47h59m"},
    {172800000, "2d00h"}, {1000000000, "11d13h"},
};

START_TEST(a_duration_is_told_in_two_units_at_most)
{
    char text[32];
    ck_assert_str_eq(text_duration(text, durations[_i].ms), durations[_i].text);
}
END_TEST

START_TEST(one_is_told_in_the_singular)
{
    char text[64];
    ck_assert_str_eq(text_count(text, 1, "copy", "copies"), "1 copy");
    ck_assert_str_eq(text_count(text, 0, "copy", "copies"), "0 copies");
}
END_TEST

/* ---- lists ---- */

START_TEST(a_list_owns_its_strings_and_ends_with_null_for_execve)
{
    struct strlist list = {0};
    char word[] = "pg_dump";
    strlist_add(&list, word);
    word[0] = 'X';
    strlist_addf(&list, "--jobs=%d", 4);
    ck_assert(strlist_has(&list, "pg_dump"));
    ck_assert(!strlist_has(&list, "Xg_dump"));
    char **argv = strlist_argv(&list);
    ck_assert_str_eq(argv[0], "pg_dump");
    ck_assert_str_eq(argv[1], "--jobs=4");
    ck_assert_ptr_null(argv[2]);
    ck_assert_uint_eq(list.count, 2);
    strlist_release(&list);
    ck_assert_uint_eq(list.count, 0);
}
END_TEST

START_TEST(a_list_is_sorted_by_bytes_also_an_empty_one)
{
    struct strlist list = {0};
    strlist_sort(&list);
    ck_assert_uint_eq(list.count, 0);
    strlist_add(&list, "b");
    strlist_add(&list, "\xC3\xA4");
    strlist_add(&list, "B");
    strlist_add(&list, "a");
    strlist_sort(&list);
    ck_assert_str_eq(list.items[0], "B");
    ck_assert_str_eq(list.items[1], "a");
    ck_assert_str_eq(list.items[2], "b");
    ck_assert_str_eq(list.items[3], "\xC3\xA4");
    strlist_release(&list);
}
END_TEST

/* ---- fields that own a string (memory) ---- */

START_TEST(a_field_is_replaced_by_a_copy_even_of_a_part_of_itself)
{
    char *field = NULL;
    memory_replace(&field, "a/b");
    memory_replace(&field, field + 2);
    ck_assert_str_eq(field, "b");
    memory_take(&field, memory_strdup("c"));
    ck_assert_str_eq(field, "c");
    memory_replace(&field, NULL);
    ck_assert_ptr_null(field);
}
END_TEST

#define COUNT(array) ((int)(sizeof(array) / sizeof *(array)))

int main(void)
{
    Suite *suite = suite_create("text");
    TCase *tcase = tcase_create("text");
    tcase_add_checked_fixture(tcase, begin, end);
    tcase_add_test(tcase, what_goes_beyond_the_ceiling_is_dropped_and_told_at_the_end);
    tcase_add_test(tcase, a_formatted_text_may_be_longer_than_the_buffer_it_is_tried_in);
    tcase_add_test(tcase, a_text_that_was_taken_begins_anew);
    tcase_add_loop_test(tcase, nothing_that_moves_a_terminal_is_shown_as_it_is, 0,
                        COUNT(printables));
    tcase_add_loop_test(tcase, percent_encoding_is_taken_off_once, 0, COUNT(decodes));
    tcase_add_test(tcase, a_nul_is_not_clean);
    tcase_add_test(tcase, what_is_encoded_comes_back);
    tcase_add_test(tcase, a_word_of_a_shell_is_one_whatever_is_in_it);
    tcase_add_test(tcase, hex_digits_are_of_both_cases);
    tcase_add_test(tcase, only_ascii_letters_become_lower_case);
    tcase_add_test(tcase, control_characters_are_found_and_letters_of_others_are_none);
    tcase_add_test(tcase, null_equals_null_alone);
    tcase_add_test(tcase, a_text_ends_with_no_more_than_it_is_long);
    tcase_add_test(tcase, a_misspelt_word_leads_to_the_nearest_name);
    tcase_add_loop_test(tcase, a_size_has_at_most_four_digits_before_the_point, 0,
                        COUNT(sizes));
    tcase_add_loop_test(tcase, a_duration_is_told_in_two_units_at_most, 0,
                        COUNT(durations));
    tcase_add_test(tcase, one_is_told_in_the_singular);
    tcase_add_test(tcase, a_list_owns_its_strings_and_ends_with_null_for_execve);
    tcase_add_test(tcase, a_list_is_sorted_by_bytes_also_an_empty_one);
    tcase_add_test(tcase, a_field_is_replaced_by_a_copy_even_of_a_part_of_itself);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
