#include "stream/scan/scan.h"
#include "tests/support/run_suite.h"

#include <check.h>

/* Inputs are SQL in which `~` marks each place where a chunk may be cut. Behind a semicolon
 * that ends a statement a newline makes a second place, which is not marked. */
struct input {
    unsigned char *data;
    size_t size;
    bool *borders; /* borders[n]: one behind n bytes */
};

static struct input input_new(const char *marked)
{
    size_t length = strlen(marked);
    struct input input = {malloc(length + 1), 0, calloc(length + 2, sizeof(bool))};
    for (size_t i = 0; i < length; i++) {
        if (marked[i] != '~') {
            input.data[input.size++] = (unsigned char)marked[i];
            continue;
        }
        input.borders[input.size] = true;
        if (input.data[input.size - 1] == ';' && marked[i + 1] == '\n')
            input.borders[input.size + 1] = true;
    }
    return input;
}

static void input_free(struct input *input)
{
    free(input->data);
    free(input->borders);
}

/* All that a scan says, as text, so that two scans can be compared. */
struct trace {
    struct text text;
    bool *borders; /* of the input's size, or NULL */
    size_t offset, border;
    uint64_t rows;
    unsigned flags;
    bool refused;
};

static const char *const event_names[] = {"nothing", "section", "table", "table end",
                                          "closing"};

static void trace_table(struct trace *trace, const struct dump_table *table)
{
    text_addf(&trace->text, " %s|%s(", table->schema, table->name);
    for (size_t i = 0; i < table->columns.count; i++)
        text_addf(&trace->text, "%s%s", i > 0 ? "|" : "", table->columns.items[i]);
    text_addf(&trace->text, ")");
}

static void trace_span(struct trace *trace, const struct scan *scan,
                       const struct scan_span *span)
{
    if (span->border > 0) {
        trace->border = trace->offset + span->border;
        if (trace->borders != NULL)
            trace->borders[trace->border] = true;
    }
    trace->offset += span->size;
    trace->rows += span->rows;
    trace->flags |= span->flags;
    if (span->event == SCAN_NOTHING)
        return;
    text_addf(&trace->text, "%zu %s in %s behind %zu rows %llu flags %u", trace->offset,
              event_names[span->event], section_name(scan->section), trace->border,
              (unsigned long long)trace->rows, trace->flags);
    if (span->event == SCAN_TABLE)
        trace_table(trace, scan->table);
    text_add_char(&trace->text, '\n');
    /* The cutter makes a border behind these two. */
    if (span->event == SCAN_SECTION || span->event == SCAN_TABLE) {
        trace->border = trace->offset;
        if (trace->borders != NULL)
            trace->borders[trace->border] = true;
    }
}

/* Scans in pieces of `piece` bytes, the first one of `first`. Returns whether it ended
 * well. */
static bool scan_pieces(const unsigned char *data, size_t size, size_t first, size_t piece,
                        struct trace *trace)
{
    struct scan scan;
    struct scan_span span;
    struct err err = {0};
    size_t end = first;
    scan_init(&scan);
    while (trace->offset < size) {
        if (end > size)
            end = size;
        while (trace->offset < end) {
            if (scan_step(&scan, data + trace->offset, end - trace->offset, &span, &err) <
                0) {
                trace->refused = true;
                scan_release(&scan);
                return false;
            }
            ck_assert_uint_gt(span.size, 0);
            ck_assert_uint_le(span.border, span.size);
            trace_span(trace, &scan, &span);
        }
        end += piece;
    }
    bool well = scan_ended_well(&scan);
    text_addf(&trace->text, "end in %s behind %zu rows %llu flags %u encoding %s %s\n",
              section_name(scan.section), trace->border, (unsigned long long)trace->rows,
              trace->flags, scan.encoding, well ? "well" : "cut");
    scan_release(&scan);
    return well;
}

static void trace_init(struct trace *trace, bool *borders)
{
    *trace = (struct trace){.borders = borders};
    text_init(&trace->text, 1 << 20);
}

#define HEADER                                                                             \
    "--\n-- PostgreSQL database dump\n--\n\n"                                              \
    "SET client_encoding = 'UTF8';~\nSET standard_conforming_strings = on;~\n"
#define CLOSING "--\n-- PostgreSQL database dump complete\n--\n\n"

static const struct {
    const char *name;
    const char *sql;
} inputs[] = {
    {"statements", "SELECT 1;~\nSELECT 2;~ SELECT 3;~\n\n"},
    {"empty statements", ";~;~\n"},
    {"strings", "SELECT 'a;b''c;--', '', '\\';~\nSELECT ';\n;';~\n"},
    {"escape strings", "SELECT E'it\\'s; \\\\', e'\\\\'';';~\nSELECT 1;~\n"},
    {"escape strings go on behind a newline", "SELECT E'a' \n 'it\\';s';~\nSELECT 1;~\n"},
    {"a type name in front of a quote is no escape prefix", "SELECT date'\\';~\n"},
    {"an identifier that ends in e", "SELECT type_e'\\';~\n"},
    {"bit and national strings", "SELECT B'01;', x'0f;', N'a\\', U&'d\\0061;';~\n"},
    {"a number that ends in e", "SELECT 1e5;~SELECT 1.e;~\n"},
    {"quoted identifiers", "CREATE TABLE \"a;b\"\"c'--/*\n\" (\"x;\" int);~\nSELECT 1;~\n"},
    {"unicode identifiers", "SELECT U&\"d\\0061;\";~\n"},
    {"dollar quotes", "SELECT $$a;'$$;~\nSELECT $a$ ; $b$ ; $A$ ; $a$;~\n"},
    {"the tag in its own beginning", "SELECT $ab$ ; $a$ab$;~\nSELECT $x$;$$x$;~\n"},
    {"tags with digits and high bytes", "SELECT $t\xc3\xa4g1$ ; $t\xc3\xa4g1$;~\n"},
    {"parameters are no tags", "SELECT $1;~ SELECT $1$;~\n"},
    {"a number ends in front of a dollar quote", "SELECT 1$$;$$;~ SELECT $1$a$;$a$;~\n"},
    {"an escape string ends on its line", "SELECT E'a' '\\';~\nSELECT 1;~\n"},
    {"dollars in identifiers", "SELECT a$b$c;~ SELECT a$$;~\n"},
    {"line comments", "SELECT 1 -- ; ' \" $$ /*\n;~\n-- ; '\nSELECT 2;~\n"},
    {"a comment behind an operator", "SELECT 1--;\n+2;~ SELECT 3-1;~ SELECT 6/2;~\n"},
    {"block comments nest", "SELECT /* ; /* ; */ ; ' */ 1;~\n/* a; *//**/SELECT 2;~\n"},
    {"stars and slashes in comments",
     "/*/ ; */;~ /***;**/;~ /*//*;*/*/;~ SELECT 1 */2;~\n"},
    {"carriage return ends a comment", "-- a\rSELECT 1;~\n"},
    {"rules with several actions",
     "CREATE RULE r AS ON INSERT TO t DO INSTEAD ( INSERT INTO a VALUES (1);\n"
     "DELETE FROM b WHERE (x IN (1, 2)););~\nSELECT 1;~\n"},
    {"a bracket too many", "SELECT 1);~\nSELECT (2);~\n"},
    {"atomic bodies",
     "CREATE FUNCTION f() RETURNS int LANGUAGE sql\n BEGIN ATOMIC\n SELECT 1;\n"
     " SELECT CASE WHEN true THEN 1 ELSE 2 END;\nEND;~\nSELECT 1;~\n"},
    {"atomic procedures, replaced",
     "CREATE OR REPLACE PROCEDURE s.\"p;\"() LANGUAGE sql BEGIN ATOMIC INSERT INTO t "
     "VALUES (1); DELETE FROM t; END;~\nSELECT 1;~\n"},
    {"a column named begin in an atomic body",
     "CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT t.begin, begin AS x FROM t; "
     "SELECT begin; END;~\nSELECT 1;~\n"},
    {"BEGIN alone is a transaction", "BEGIN;~\nSELECT 1;~\nCOMMIT;~\n"},
    {"psql lines",
     "\\restrict abc;'\"\n~SELECT 1;~\n\\connect -reuse-previous=on \"dbname='a;b'\"\n~"
     "\\unrestrict abc;'\"\n~"},
    {"a backslash inside a statement is not one", "SELECT 1 \\ ;~\n"},
    {"a table",
     HEADER "COPY public.t (a, b) FROM stdin;\n~1\t2\n~\\N\t\\\\.\n~\\.\n~" CLOSING},
    {"a table without columns", "COPY public.z  FROM stdin;\n~\n~\n~\\.\n~SELECT 1;~\n"},
    {"a table without rows", "COPY z (a) FROM stdin;\n~\\.\n~\n"},
    {"names over lines", "COPY \"s;\n\\.\n\".\"t\"\"x\n\\.\n\" (\"a\n;\", \"b,)\", \"FROM "
                         "stdin;\") FROM stdin;\n"
                         "~1\t2\t3\n~\\.\n~SELECT 1;~\n"},
    {"names in bytes that are no UTF-8",
     "COPY \"\xff\".\"\xe9t\xe9\" (\xc4, b$1) FROM stdin;\n~\xff\n~\\.\n~"},
    {"a dump as data",
     "COPY public.t (a) FROM stdin;\n~--\n~-- PostgreSQL database dump complete\n~--\n~\n~"
     "\\\\unrestrict abc\n~\\\\.\n~COPY x FROM stdin;\n~'\n~$$\n~/*\n~\\.\n~SELECT 1;~\n"},
    {"comments cannot forge a table",
     "-- Data for Name: COPY evil (a) FROM stdin; Type: TABLE DATA; Schema: public\n"
     "SELECT 1;~\n"},
    {"a copy that is none", "COPY t TO stdout;~\nCOPY (SELECT 1) TO stdout;~\nCOPY t FROM "
                            "'f';~\nSELECT 'COPY t FROM "
                            "stdin;';~\nCOPYING x FROM stdin;~\n"},
    {"lower case and options", "copy t from STDIN WITH (FORMAT text);\n~1\n~\\.\n~"},
    {"rows as statements",
     "INSERT INTO public.t VALUES ('a;', E'\\\\;');~\nINSERT INTO t VALUES (1), (2);~\n"},
    {"large objects",
     "SELECT pg_catalog.lo_create('1');~\nBEGIN;~\n\nSELECT pg_catalog.lo_open('1', 1);~\n"
     "SELECT pg_catalog.lowrite(0, '\\x3b');~\nCOMMIT;~\nALTER TABLE t ADD CHECK "
     "(true);~\n"},
    {"strings without standard_conforming_strings",
     "SET standard_conforming_strings = off;~\nSELECT 'it\\'s;';~\nSELECT B'\\';~\n"},
    {"a second statement behind a table", "COPY t FROM stdin; SELECT 1;\n~1\n~\\.\n~"},
};
enum { INPUTS = sizeof inputs / sizeof *inputs };

START_TEST(borders_stand_where_they_must_and_nowhere_else)
{
    struct input input = input_new(inputs[_i].sql);
    bool *got = calloc(input.size + 2, sizeof *got);
    struct trace trace;
    trace_init(&trace, got);
    (void)scan_pieces(input.data, input.size, 1, 1, &trace);
    for (size_t i = 0; i <= input.size; i++)
        ck_assert_msg(got[i] == input.borders[i], "%s: border at %zu: got %d, want %d",
                      inputs[_i].name, i, got[i], input.borders[i]);
    text_release(&trace.text);
    free(got);
    input_free(&input);
}
END_TEST

static void check_split(const struct input *input, size_t first, size_t piece,
                        const struct trace *want, const char *name)
{
    struct trace trace;
    trace_init(&trace, NULL);
    (void)scan_pieces(input->data, input->size, first, piece, &trace);
    ck_assert_msg(strcmp(trace.text.data, want->text.data) == 0,
                  "%s in pieces %zu, %zu:\n%s\nwant\n%s", name, first, piece,
                  trace.text.data, want->text.data);
    text_release(&trace.text);
}

START_TEST(how_the_bytes_are_cut_into_pieces_changes_nothing)
{
    struct input input = input_new(inputs[_i].sql);
    struct trace whole;
    trace_init(&whole, NULL);
    (void)scan_pieces(input.data, input.size, input.size, 1, &whole);
    for (size_t first = 1; first < input.size; first++)
        check_split(&input, first, input.size, &whole, inputs[_i].name);
    for (size_t piece = 1; piece < 40; piece++)
        check_split(&input, piece, piece, &whole, inputs[_i].name);
    text_release(&whole.text);
    input_free(&input);
}
END_TEST

static bool ends_well(const char *data, size_t size)
{
    struct trace trace;
    trace_init(&trace, NULL);
    bool well = scan_pieces((const unsigned char *)data, size, size, 1, &trace);
    text_release(&trace.text);
    return well;
}

static const char *const whole_dumps[] = {
    "--\n-- PostgreSQL database dump\n--\n\nSET x = 1;\n\n" CLOSING,
    "--\n-- PostgreSQL database dump\n--\n\n\\restrict aB1\n\nSET x = 1;\n\n" CLOSING
    "\\unrestrict aB1\n\n",
    "--\n-- PostgreSQL database cluster dump\n--\n\n\\restrict aB1\n\nSET x = 1;\n\n"
    "\\unrestrict aB1\n\n--\n-- PostgreSQL database cluster dump complete\n--\n\n",
    "COPY t (a) FROM stdin;\n1\n\\.\n\n\n" CLOSING,
    "-- Completed on 2026-11-24 15:00:00 UTC\n\n" CLOSING,
};

START_TEST(a_dump_cut_at_any_byte_never_ends_well)
{
    const char *dump = whole_dumps[_i];
    size_t size = strlen(dump);
    ck_assert(ends_well(dump, size));
    for (size_t cut = 1; cut < size; cut++)
        ck_assert_msg(!ends_well(dump, cut), "cut at %zu of %zu", cut, size);
}
END_TEST

static const char *const broken_dumps[] = {
    "SET x = 1;\n",
    CLOSING "SET x = 1;\n",
    CLOSING "SET x = 1",
    CLOSING "-- more\n",
    CLOSING "--",
    CLOSING "-",
    CLOSING "/* more */",
    CLOSING "/*",
    CLOSING "\\connect x\n\n",
    CLOSING "\\unrestrict abc\n\n",                    /* was never restricted */
    "\\restrict abc\n" CLOSING,                        /* not lifted */
    "\\restrict abc\n" CLOSING "\\unrestrict abd\n\n", /* by another token */
    "\\restrict abc\n" CLOSING "\\unrestrict\n\n",
    "SELECT '\n" CLOSING,
    "SELECT '\n" CLOSING "';\n",
    "SELECT E'\\'\n" CLOSING,
    "SELECT $a$\n" CLOSING,
    "SELECT \"\n" CLOSING,
    "SELECT (\n" CLOSING,
    "/*\n" CLOSING,
    "/* /* */\n" CLOSING,
    "SELECT 1\n" CLOSING,
    "COPY t (a) FROM stdin;\n" CLOSING, /* the words are a row */
    "COPY t (a\n" CLOSING,
    "CREATE FUNCTION f() BEGIN ATOMIC SELECT 1;\n" CLOSING,
    "-- PostgreSQL database dump complete\n--\n\n", /* no line above it */
    "--\n-- PostgreSQL database dump complete\n\n",
    "--\n-- PostgreSQL database dump complete \n--\n\n",
    "--\n-- PostgreSQL database dump complete; Type: TABLE\n--\n\n",
    "--\n--  PostgreSQL database dump complete\n--\n\n",
    "--\n-- PostgreSQL database dump complete\n-- x\n\n",
    "--\n\n-- PostgreSQL database dump complete\n--\n\n",
    "--\r\n-- PostgreSQL database dump complete\r\n--\r\n\r\n",
    "\n\n\n",
};

START_TEST(what_only_looks_like_the_end_does_not_end_well)
{
    ck_assert_msg(!ends_well(broken_dumps[_i], strlen(broken_dumps[_i])), "%s",
                  broken_dumps[_i]);
}
END_TEST

static const struct {
    const char *sql, *want;
} tables[] = {
    {"COPY public.t (a, b) FROM stdin;\n\\.\n", "public|t(a|b)"},
    {"COPY t FROM stdin;\n\\.\n", "|t()"},
    {"COPY public.z  FROM stdin;\n\\.\n", "public|z()"},
    {"COPY \"a\"\"b\".\"c.d\" (\"e,\n)\") FROM stdin;\n\\.\n", "a\"b|c.d(e,\n))"},
    {"COPY public.\"FROM stdin;\" (\"(\") FROM stdin;\n\\.\n", "public|FROM stdin;(()"},
    {"COPY \xe8\xa1\xa8.\xff (\"\xfe\") FROM stdin;\n\\.\n", "\xe8\xa1\xa8|\xff(\xfe)"},
};

START_TEST(tables_and_columns_come_from_the_copy_statement_without_quotes)
{
    struct trace trace;
    trace_init(&trace, NULL);
    (void)scan_pieces((const unsigned char *)tables[_i].sql, strlen(tables[_i].sql), 1, 1,
                      &trace);
    ck_assert_msg(strstr(trace.text.data, tables[_i].want) != NULL, "%s lacks %s",
                  trace.text.data, tables[_i].want);
    text_release(&trace.text);
}
END_TEST

static const struct {
    const char *sql;
    enum section want;
} sections[] = {
    {"SELECT pg_catalog.lo_create('7');\n", SECTION_PRE_DATA},
    {"COPY t (n) FROM stdin;\n1\n\\.\nSELECT pg_catalog.lo_create('7');\n"
     "ALTER LARGE OBJECT 7 OWNER TO a;\n",
     SECTION_DATA},
    /* Behind an index or a grant: data again, as their contents are. */
    {"CREATE INDEX i ON t (a);\nSELECT pg_catalog.lo_create('7');\n", SECTION_DATA},
    {"GRANT ALL ON LARGE OBJECT 7 TO a;\nALTER LARGE OBJECT 8 OWNER TO a;\n", SECTION_DATA},
    {"CREATE TABLE t (a int);", SECTION_PRE_DATA},
    {"ALTER TABLE ONLY public.t ATTACH PARTITION public.p FOR VALUES IN (1);",
     SECTION_PRE_DATA},
    {"ALTER TABLE t ALTER COLUMN a ADD GENERATED ALWAYS AS IDENTITY ();", SECTION_PRE_DATA},
    {"SELECT pg_catalog.lo_create('1');", SECTION_PRE_DATA},
    {"SELECT pg_catalog.setval('s', 1, true);", SECTION_DATA},
    {"COPY t FROM stdin;\n\\.\n", SECTION_DATA},
    {"COPY t FROM stdin;\n\\.\nSET default_tablespace = '';", SECTION_DATA},
    {"COPY t FROM stdin;\n\\.\nGRANT SELECT ON t TO x;", SECTION_POST_DATA},
    {"INSERT INTO t VALUES (1);", SECTION_DATA},
    {"BEGIN;", SECTION_DATA},
    {"CREATE UNIQUE INDEX i ON t USING btree (a);", SECTION_POST_DATA},
    {"ALTER TABLE ONLY \"odd; name\".t\n    ADD CONSTRAINT p PRIMARY KEY (a);",
     SECTION_POST_DATA},
    {"ALTER TABLE public.t ENABLE ROW LEVEL SECURITY;", SECTION_POST_DATA},
    {"CREATE INDEX i ON t (a);\nCREATE VIEW v AS SELECT 1;", SECTION_POST_DATA},
    {"-- Name: CREATE INDEX; Type: INDEX\nCREATE TABLE t ();", SECTION_PRE_DATA},
    {"SELECT 'x' /* CREATE INDEX */;", SECTION_PRE_DATA},
    {"CREATE INDEX i ON t (a);\nSELECT * FROM pg_catalog.pg_restore_relation_stats('a', "
     "1);",
     SECTION_POST_DATA},
    {"SELECT * FROM pg_catalog.pg_restore_relation_stats('a', 1);", SECTION_DATA},
};

START_TEST(sections_come_from_statements)
{
    struct scan scan;
    struct scan_span span;
    struct err err = {0};
    const unsigned char *data = (const unsigned char *)sections[_i].sql;
    size_t size = strlen(sections[_i].sql);
    scan_init(&scan);
    for (size_t at = 0; at < size; at += span.size)
        ck_assert_int_eq(scan_step(&scan, data + at, size - at, &span, &err), 0);
    ck_assert_msg(scan.section == sections[_i].want, "%s: %s", sections[_i].sql,
                  section_name(scan.section));
    scan_release(&scan);
}
END_TEST

START_TEST(state_and_restrict_lines_are_marked)
{
    static const struct {
        const char *sql;
        unsigned want;
    } flags[] = {
        {"SELECT 1;", 0},
        {"SET default_tablespace = '';", SCAN_STATE},
        {"SELECT pg_catalog.set_config('search_path', '', false);", SCAN_STATE},
        {"SELECT 'SET x = 1;';", 0},
        {"\\restrict a\n", SCAN_RESTRICT},
        {"\\unrestrict a\n", SCAN_RESTRICT},
        {"\\connect a\n", 0},
        {"-- \\restrict a\n", 0},
        {"SELECT '\n\\restrict a\n';", 0},
    };

    for (size_t i = 0; i < sizeof flags / sizeof *flags; i++) {
        struct trace trace;
        trace_init(&trace, NULL);
        (void)scan_pieces((const unsigned char *)flags[i].sql, strlen(flags[i].sql), 1, 1,
                          &trace);
        ck_assert_msg(trace.flags == flags[i].want, "%s: %u", flags[i].sql, trace.flags);
        text_release(&trace.text);
    }
}
END_TEST

START_TEST(the_encoding_is_the_one_the_dump_declares)
{
    struct trace trace;
    static const char sql[] = "SELECT 'SET client_encoding = ''X''';\n"
                              "SET client_encoding = 'EUC_JP';\n";
    trace_init(&trace, NULL);
    (void)scan_pieces((const unsigned char *)sql, sizeof sql - 1, 1, 1, &trace);
    ck_assert_ptr_nonnull(strstr(trace.text.data, "encoding EUC_JP cut"));
    text_release(&trace.text);
}
END_TEST

START_TEST(an_encoding_that_cannot_be_followed_is_refused)
{
    struct trace trace;
    static const char sql[] = "SET client_encoding = 'SJIS';\nSELECT 1;\n";
    trace_init(&trace, NULL);
    (void)scan_pieces((const unsigned char *)sql, sizeof sql - 1, 100, 1, &trace);
    ck_assert(trace.refused);
    text_release(&trace.text);
}
END_TEST

START_TEST(a_statement_without_end_is_refused_before_memory_grows)
{
    struct trace trace;
    size_t size = 6 << 20;
    unsigned char *data = malloc(size);
    memset(data, 'x', size);
    memcpy(data, "COPY ", 5);
    trace_init(&trace, NULL);
    (void)scan_pieces(data, size, 65536, 65536, &trace);
    ck_assert(trace.refused);
    text_release(&trace.text);
    free(data);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("scan");
    TCase *tcase = tcase_create("scan");

    tcase_add_loop_test(tcase, borders_stand_where_they_must_and_nowhere_else, 0, INPUTS);
    tcase_add_loop_test(tcase, how_the_bytes_are_cut_into_pieces_changes_nothing, 0,
                        INPUTS);
    tcase_add_loop_test(tcase, a_dump_cut_at_any_byte_never_ends_well, 0,
                        (int)(sizeof whole_dumps / sizeof *whole_dumps));
    tcase_add_loop_test(tcase, what_only_looks_like_the_end_does_not_end_well, 0,
                        (int)(sizeof broken_dumps / sizeof *broken_dumps));
    tcase_add_loop_test(tcase,
                        tables_and_columns_come_from_the_copy_statement_without_quotes, 0,
                        (int)(sizeof tables / sizeof *tables));
    tcase_add_loop_test(tcase, sections_come_from_statements, 0,
                        (int)(sizeof sections / sizeof *sections));
    tcase_add_test(tcase, state_and_restrict_lines_are_marked);
    tcase_add_test(tcase, the_encoding_is_the_one_the_dump_declares);
    tcase_add_test(tcase, an_encoding_that_cannot_be_followed_is_refused);
    tcase_add_test(tcase, a_statement_without_end_is_refused_before_memory_grows);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
