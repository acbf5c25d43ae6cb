#include "s3/http/xml.h"

#include "base/memory.h"
#include "tests/support/run_suite.h"

#include <check.h>

static int collect(void *context, const char *path, const char *text, struct err *err)
{
    (void)err;
    text_addf(context, "%s=%s;", path, text);
    return 0;
}

static int walk(const char *document, const char *root, struct text *out, struct err *err)
{
    text_init(out, 1 << 20);
    return s3_xml_walk(&(struct s3_xml){document, strlen(document), root}, collect, out,
                       err);
}

START_TEST(every_element_comes_with_its_path_and_text)
{
    static const struct {
        const char *document, *walked;
    } rows[] = {
        {"<R><A>1</A><B><C>x</C><C>y</C></B></R>", "A=1;B/C=x;B/C=y;B=;=;"},
        {"<?xml version=\"1.0\"?>\n<R xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">\n"
         "  <A>&lt;&amp;&gt;&quot;&apos;&#65;</A>\n</R>\n",
         "A=<&>\"'A;=\n;"},
        {" \r\n\t \n<?xml version=\"1.0\" encoding=\"UTF-8\"?><R><E>\"abc\"</E></R>",
         "E=\"abc\";=;"},
        {"<R><A/><B></B><![CDATA[z]]></R>", "A=;B=;=z;"},
        {"<x:R xmlns:x=\"u\"><x:A>1</x:A></x:R>", "A=1;=;"},
        {"<R><A> a b </A></R>", "A= a b ;=;"},
        {"<R><!-- a --><A>1<!-- b -->2</A><?p i?></R>", "A=12;=;"},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct text out;
        struct err err = {0};
        ck_assert_msg(walk(rows[i].document, "R", &out, &err) == 0, "%s", err.text);
        ck_assert_str_eq(out.data, rows[i].walked);
        text_release(&out);
    }
}
END_TEST

static const char too_deep[] =
    "<R><a><b><c><d><e><f><g><h><i><j><k><l><m><n><o><p><q/></p></o></n></m></l></k></j>"
    "</i></h></g></f></e></d></c></b></a></R>";

START_TEST(what_is_no_whole_document_is_refused)
{
    static const char *const documents[] = {
        "",
        " \n ",
        "<R>",
        "<R><A>1</A>",
        "<R><A>1</B></R>",
        "<Other/>",
        "<Error><Code>InternalError</Code></Error>",
        "<html><body>404</body></html>",
        "{\"message\":\"no\"}",
        "<R></R><R></R>",
        "<R>\x01</R>",
        "<R>\xff\xfe</R>",
        "<!DOCTYPE R [<!ENTITY a \"b\">]><R>&a;</R>",
        "<!DOCTYPE R SYSTEM \"file:///etc/passwd\"><R/>",
        "<R>&unknown;</R>",
        too_deep,
    };

    for (size_t i = 0; i < sizeof documents / sizeof documents[0]; i++) {
        struct text out;
        struct err err = {0};
        ck_assert_msg(walk(documents[i], "R", &out, &err) < 0, "%s", documents[i]);
        ck_assert_int_eq(err.kind, ERR_TRANSIENT);
        text_release(&out);
    }
}
END_TEST

static void fill(struct text *document, const char *unit, size_t times)
{
    text_init(document, 1 << 20);
    text_add(document, "<R><A>");
    for (size_t i = 0; i < times; i++)
        text_add(document, unit);
    text_add(document, "</A></R>");
}

START_TEST(a_text_without_end_is_refused)
{
    struct text document, out;
    struct err err = {0};

    fill(&document, "xxxxxxxxxxxxxxxx", 4096);
    ck_assert_int_eq(walk(document.data, "R", &out, &err), 0);
    text_release(&out);
    text_release(&document);
    fill(&document, "xxxxxxxxxxxxxxxx", 4097);
    ck_assert_int_eq(walk(document.data, "R", &out, &err), -1);
    text_release(&out);
    text_release(&document);
}
END_TEST

static int stop(void *context, const char *path, const char *text, struct err *err)
{
    unsigned *calls = context;
    (void)path;
    (void)text;
    (void)err;
    return ++*calls == 2 ? 7 : 0;
}

START_TEST(the_callers_result_ends_the_walk)
{
    static const char document[] = "<R><A/><A/><A/></R>";
    struct err err = {0};
    unsigned calls = 0;

    ck_assert_int_eq(
        s3_xml_walk(&(struct s3_xml){document, strlen(document), "R"}, stop, &calls, &err),
        7);
    ck_assert_uint_eq(calls, 2);
}
END_TEST

START_TEST(the_first_element_at_a_path_is_found)
{
    static const char document[] = "<R><A>1</A><B><A>2</A></B><A>3</A></R>";
    static const struct {
        const char *path, *found;
    } rows[] = {{"A", "1"}, {"B/A", "2"}, {"C", NULL}};

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct err err = {0};
        char *found = NULL;
        ck_assert_int_eq(s3_xml_find(&(struct s3_xml){document, strlen(document), "R"},
                                     rows[i].path, &found, &err),
                         0);
        ck_assert_pstr_eq(found, rows[i].found);
        free(found);
    }
}
END_TEST

START_TEST(the_root_tells_success_from_error)
{
    static const struct {
        const char *document, *root;
    } rows[] = {
        {"   <Error><Code>x</Code></Error>", "Error"},
        {"<?xml version='1.0'?><CompleteMultipartUploadResult/>",
         "CompleteMultipartUploadResult"},
        {"", ""},
        {"   ", ""},
        {"no", ""},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char root[64];
        bool found =
            s3_xml_root(rows[i].document, strlen(rows[i].document), root, sizeof root);
        ck_assert_int_eq(found, rows[i].root[0] != '\0');
        ck_assert_str_eq(root, rows[i].root);
    }
}
END_TEST

START_TEST(texts_are_escaped_or_refused)
{
    static const struct {
        const char *text, *xml; /* NULL: refused */
    } rows[] = {
        {"a/b", "a/b"},
        {"<&>\"'", "&lt;&amp;&gt;&quot;&apos;"},
        {"a\nb\r\tc", "a&#10;b&#13;&#9;c"},
        {"\xc3\xbc", "\xc3\xbc"},
        {"a\x01", NULL},
        {"\x1f", NULL},
        {"\xff", NULL},
        {"\xef\xbf\xbe", NULL},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct text out;
        text_init(&out, 1000);
        ck_assert_int_eq(s3_xml_add(&out, rows[i].text), rows[i].xml != NULL);
        ck_assert_str_eq(out.data, rows[i].xml != NULL ? rows[i].xml : "");
        text_release(&out);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("xml");
    TCase *tests = tcase_create("xml");
    tcase_add_test(tests, every_element_comes_with_its_path_and_text);
    tcase_add_test(tests, what_is_no_whole_document_is_refused);
    tcase_add_test(tests, a_text_without_end_is_refused);
    tcase_add_test(tests, the_callers_result_ends_the_walk);
    tcase_add_test(tests, the_first_element_at_a_path_is_found);
    tcase_add_test(tests, the_root_tells_success_from_error);
    tcase_add_test(tests, texts_are_escaped_or_refused);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
