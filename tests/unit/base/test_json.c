#include "base/json.h"
#include "base/memory.h"
#include "tests/support/run_suite.h"

#include <check.h>

static struct err err;
static struct json_reader reader;
static json_t *document;

static void begin(void)
{
    err_clear(&err);
}

static void open_document(const char *text)
{
    document = json_parse(text, strlen(text), &err);
    ck_assert_msg(document != NULL, "%s", err.text);
    json_reader_init(&reader, document, "manifest", &err);
}

/* The problem that was told at the end, "" when there was none. */
static const char *problem(bool lenient)
{
    int result = json_reader_finish(&reader, lenient);
    json_decref(document);
    ck_assert_int_eq(result, err.kind == ERR_NONE ? 0 : -1);
    ck_assert(result == 0 || err.kind == ERR_CORRUPT);
    return err.text;
}

/* ---- reading ---- */

START_TEST(every_kind_of_value_is_read_as_what_it_is)
{
    open_document("{\"s\":\"x\",\"i\":-3,\"b\":true,\"t\":\"2026-11-21T02:00:00Z\","
                  "\"a\":[1],\"o\":{},\"h\":{\"hex\":\"ff01\"},\"n\":null}");
    char *string = json_read_string(&reader, "s", false);
    char *bytes = json_read_bytes(&reader, "h", false);
    char *same = json_read_bytes(&reader, "s", false);
    ck_assert_str_eq(string, "x");
    ck_assert_str_eq(bytes, "\xFF\x01");
    ck_assert_str_eq(same, "x");
    ck_assert_int_eq(json_read_int(&reader, "i", -9, 9, false), -3);
    ck_assert(json_read_bool(&reader, "b", false));
    ck_assert_int_eq(json_read_time(&reader, "t", false), 1795226400);
    ck_assert_uint_eq(json_array_size(json_read_array(&reader, "a", false)), 1);
    ck_assert_ptr_nonnull(json_read_object(&reader, "o", false));
    ck_assert_ptr_null(json_read_string(&reader, "n", true));
    ck_assert_str_eq(problem(false), "");
    free(string);
    free(bytes);
    free(same);
}
END_TEST

static void read_string(void)
{
    free(json_read_string(&reader, "k", false));
}
static void read_bytes(void)
{
    free(json_read_bytes(&reader, "k", false));
}
static void read_int(void)
{
    (void)json_read_int(&reader, "k", 0, 9, false);
}
static void read_bool(void)
{
    (void)json_read_bool(&reader, "k", false);
}
static void read_time(void)
{
    (void)json_read_time(&reader, "k", false);
}
static void read_array(void)
{
    (void)json_read_array(&reader, "k", false);
}
static void read_object(void)
{
    (void)json_read_object(&reader, "k", false);
}

static const struct {
    const char *text;
    void (*ask)(void);
    const char *problem;
} wrong[] = {
    {"{}", read_string, "manifest: \"k\" is missing"},
    {"{\"k\":null}", read_string, "manifest: \"k\" is missing"},
    {"{\"k\":1}", read_string, "manifest: \"k\" is not a string"},
    {"{\"k\":1}", read_bytes, "manifest: \"k\" is neither a string nor {\"hex\": ...}"},
    {"{\"k\":{\"hex\":\"f\"}}", read_bytes,
     "manifest: \"k\" is neither a string nor {\"hex\": ...}"},
    {"{\"k\":{\"hex\":\"0100\"}}", read_bytes,
     "manifest: \"k\" is neither a string nor {\"hex\": ...}"},
    {"{\"k\":{\"hex\":\"01\",\"x\":1}}", read_bytes,
     "manifest: \"k\" is neither a string nor {\"hex\": ...}"},
    {"{\"k\":1.0}", read_int, "manifest: \"k\" is not a whole number"},
    {"{\"k\":10}", read_int, "manifest: \"k\" is out of range"},
    {"{\"k\":-1}", read_int, "manifest: \"k\" is out of range"},
    {"{\"k\":1}", read_bool, "manifest: \"k\" is neither true nor false"},
    {"{\"k\":\"yesterday\"}", read_time, "manifest: \"k\" is not a time"},
    {"{\"k\":7}", read_time, "manifest: \"k\" is not a time"},
    {"{\"k\":{}}", read_array, "manifest: \"k\" is not an array"},
    {"{\"k\":[]}", read_object, "manifest: \"k\" is not an object"},
};

START_TEST(a_value_of_another_kind_is_told_with_its_key)
{
    open_document(wrong[_i].text);
    wrong[_i].ask();
    ck_assert_str_eq(problem(false), wrong[_i].problem);
}
END_TEST

START_TEST(a_list_of_names_is_read_whole_or_not_at_all)
{
    struct strlist names = {0};
    open_document("{\"k\":[\"a\",{\"hex\":\"ff\"}]}");
    json_read_list(&reader, "k", false, &names);
    json_read_list(&reader, "absent", true, &names);
    ck_assert_str_eq(problem(false), "");
    ck_assert_uint_eq(names.count, 2);
    ck_assert_str_eq(names.items[1], "\xFF");
    open_document("{\"k\":[\"a\",7]}");
    json_read_list(&reader, "k", false, &names);
    ck_assert_str_eq(problem(false),
                     "manifest: \"k\" holds what is neither a string nor {\"hex\": ...}");
    strlist_release(&names);
}
END_TEST

START_TEST(the_first_problem_is_the_one_that_is_told)
{
    open_document("{\"a\":1,\"k\":2,\"new\":3}");
    read_string();
    ck_assert_int_eq(json_read_int(&reader, "a", 5, 9, false), 0);
    ck_assert_str_eq(problem(false), "manifest: \"k\" is not a string");
}
END_TEST

START_TEST(a_key_that_nobody_asked_for_is_of_another_version)
{
    open_document("{\"k\":\"x\",\"new\":1}");
    read_string();
    ck_assert_str_eq(problem(false), "manifest: \"new\" is unknown to this version");
    begin();
    open_document("{\"k\":\"x\",\"new\":1}");
    read_string();
    ck_assert_str_eq(problem(true), "");
}
END_TEST

START_TEST(what_is_no_object_has_no_keys)
{
    open_document("[]");
    ck_assert_ptr_null(json_read_string(&reader, "k", true));
    ck_assert_str_eq(problem(true), "manifest is not a JSON object");
}
END_TEST

START_TEST(a_document_is_whole_and_says_nothing_twice)
{
    static const char *const bad[] = {"", "{", "{\"a\":1,\"a\":2}", "{} x", "nothing"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        ck_assert_ptr_null(json_parse(bad[i], strlen(bad[i]), &err));
        ck_assert_int_eq(err.kind, ERR_CORRUPT);
        ck_assert_ptr_nonnull(strstr(err.text, "not valid JSON"));
    }
}
END_TEST

/* ---- writing ---- */

START_TEST(names_are_written_so_that_the_same_bytes_come_back)
{
    static const char *const names[] = {"plain", "\xC3\xA4", "\xFF\xFE", "q\"\n", ""};
    json_t *object = json_object();
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char key[8];
        snprintf(key, sizeof key, "%zu", i);
        json_object_set_new(object, key, json_bytes(names[i]));
    }
    json_object_set_new(object, "none", json_bytes(NULL));
    json_object_set_new(object, "at", json_time(1795226400));
    json_object_set_new(object, "never", json_time(0));
    char *text = json_text(object, false);
    ck_assert_str_eq(text, "{\"0\":\"plain\",\"1\":\"\xC3\xA4\",\"2\":{\"hex\":\"fffe\"},"
                           "\"3\":\"q\\\"\\n\",\"4\":\"\",\"none\":null,"
                           "\"at\":\"2026-11-21T02:00:00Z\",\"never\":null}");
    open_document(text);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char key[8];
        snprintf(key, sizeof key, "%zu", i);
        char *name = json_read_bytes(&reader, key, false);
        ck_assert_str_eq(name, names[i]);
        free(name);
    }
    ck_assert_str_eq(problem(true), "");
    free(text);
    text = json_text(object, true);
    ck_assert_ptr_nonnull(strstr(text, "\n  \"1\""));
    free(text);
    json_decref(object);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("json");
    TCase *tcase = tcase_create("json");
    tcase_add_checked_fixture(tcase, begin, NULL);
    tcase_add_test(tcase, every_kind_of_value_is_read_as_what_it_is);
    tcase_add_loop_test(tcase, a_value_of_another_kind_is_told_with_its_key, 0,
                        (int)(sizeof wrong / sizeof *wrong));
    tcase_add_test(tcase, a_list_of_names_is_read_whole_or_not_at_all);
    tcase_add_test(tcase, the_first_problem_is_the_one_that_is_told);
    tcase_add_test(tcase, a_key_that_nobody_asked_for_is_of_another_version);
    tcase_add_test(tcase, what_is_no_object_has_no_keys);
    tcase_add_test(tcase, a_document_is_whole_and_says_nothing_twice);
    tcase_add_test(tcase, names_are_written_so_that_the_same_bytes_come_back);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
