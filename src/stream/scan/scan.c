/*
 * pg_dump's text as sections, tables and rows, on top of the lexer, which knows nothing of
 * pg_dump. Nearly all bytes are rows and go through step_rows, which looks at little more
 * than newlines.
 */
#include "stream/scan/scan.h"

#include <strings.h>

enum state { SQL, COPY_LINE, COPY_ROWS };

/* How far the end of pg_dump's text has come:
 *
 *     --
 *     -- PostgreSQL database dump complete
 *     --
 *     (empty line)
 *     \unrestrict TOKEN        newer versions of pg_dump only
 *     (empty line)
 *
 * Anything else at top level goes back to NONE. */
enum closing { NONE, RULE, COMPLETE, RULE_AFTER, UNRESTRICTED, ENDED };

static const char *const closing_comments[] = {
    "-- PostgreSQL database dump complete",
    "-- PostgreSQL database cluster dump complete",
};

enum effect {
    STAYS, /* says nothing about the section */
    IS_DATA,
    IS_POST,
    BEGINS_DATA_OR_STAYS, /* data, unless post-data has begun */
    DATA_UNLESS_PRE       /* data, but pre-data in front of it */
};

/* The statements of pg_dump that tell sections apart. Others belong to pre-data before the
 * data and to post-data behind it. */
static const struct {
    const char *head;
    enum effect effect;
} statement_kinds[] = {
    {"SET", STAYS},
    {"RESET", STAYS},
    {"SELECT PG_CATALOG.SET_CONFIG", STAYS},
    {"SELECT * FROM PG_CATALOG.PG_RESTORE_RELATION_STATS", BEGINS_DATA_OR_STAYS},
    {"SELECT * FROM PG_CATALOG.PG_RESTORE_ATTRIBUTE_STATS", BEGINS_DATA_OR_STAYS},
    {"SELECT PG_CATALOG.SETVAL", IS_DATA},
    {"SELECT PG_CATALOG.LO_OPEN", IS_DATA},
    {"SELECT PG_CATALOG.LOWRITE", IS_DATA},
    {"SELECT PG_CATALOG.LO_CLOSE", IS_DATA},
    /* Up to 16 large objects are made in pre-data, from 17 on behind the rows of tables. */
    {"SELECT PG_CATALOG.LO_CREATE", DATA_UNLESS_PRE},
    {"ALTER LARGE OBJECT", DATA_UNLESS_PRE},
    {"COMMENT ON LARGE OBJECT", DATA_UNLESS_PRE},
    {"BEGIN", IS_DATA},
    {"COMMIT", IS_DATA},
    {"INSERT INTO", IS_DATA},
    {"ALTER TABLE * DISABLE TRIGGER ALL", IS_DATA},
    {"ALTER TABLE * ENABLE TRIGGER ALL", IS_DATA},
    {"CREATE INDEX", IS_POST},
    {"CREATE UNIQUE INDEX", IS_POST},
    {"CREATE TRIGGER", IS_POST},
    {"CREATE CONSTRAINT TRIGGER", IS_POST},
    {"CREATE EVENT TRIGGER", IS_POST},
    {"CREATE RULE", IS_POST},
    {"CREATE POLICY", IS_POST},
    {"CREATE PUBLICATION", IS_POST},
    {"CREATE SUBSCRIPTION", IS_POST},
    {"CREATE STATISTICS", IS_POST},
    {"ALTER INDEX", IS_POST},
    {"ALTER TABLE ONLY * ADD CONSTRAINT", IS_POST},
    {"ALTER TABLE * ADD CONSTRAINT", IS_POST},
    {"ALTER TABLE * ENABLE ROW LEVEL SECURITY", IS_POST},
    {"REFRESH MATERIALIZED VIEW", IS_POST},
    /* Stand-ins of views are replaced behind the data, and rights come last of all: pg_dump
     * writes neither of them anywhere else. */
    {"CREATE OR REPLACE VIEW", IS_POST},
    {"GRANT", IS_POST},
    {"REVOKE", IS_POST},
    {"ALTER DEFAULT PRIVILEGES", IS_POST},
};

/* Client encodings in which the second byte of a letter may be a quote or a backslash. No
 * server has them, so a dump is written in one only when somebody forced it. */
static const char *const unsafe_encodings[] = {
    "BIG5", "GB18030", "GBK", "JOHAB", "SHIFT_JIS_2004", "SJIS", "UHC",
};

/* The first row that fits decides. */
enum section scan_section(const struct head *head, enum section here)
{
    for (size_t i = 0; i < sizeof statement_kinds / sizeof *statement_kinds; i++) {
        if (!head_matches(head, statement_kinds[i].head))
            continue;
        switch (statement_kinds[i].effect) {
        case STAYS:
            return here;
        case IS_DATA:
            return SECTION_DATA;
        case IS_POST:
            return SECTION_POST_DATA;
        case BEGINS_DATA_OR_STAYS:
            return here == SECTION_POST_DATA ? here : SECTION_DATA;
        case DATA_UNLESS_PRE:
            return here == SECTION_PRE_DATA ? here : SECTION_DATA;
        }
    }
    /* pg_dump writes nothing else between the data: grants, constraints, triggers come
     * behind it. */
    return here == SECTION_DATA ? SECTION_POST_DATA : here;
}

/* SET client_encoding = 'NAME' and SET standard_conforming_strings = off. */
static int read_setting(struct scan *scan, struct err *err)
{
    static const char encoding[] = "SET CLIENT_ENCODING = '";
    const struct head *head = &scan->lexer.head;
    size_t from = sizeof encoding - 1;
    /* Whether a backslash escapes in plain strings: the lexer must know with the next
     * byte. */
    if (head_matches(head, "SET STANDARD_CONFORMING_STRINGS"))
        scan->lexer.standard_strings =
            !head_matches(head, "SET STANDARD_CONFORMING_STRINGS = OFF");
    if (head->size < from + 2 || memcmp(head->text, encoding, from) != 0 ||
        head->size - from > sizeof scan->encoding)
        return 0;
    /* The head keeps what stands in single quotes as it is. */
    size_t size = head->size - from - 1; /* without the quote behind it */
    memcpy(scan->encoding, head->text + from, size);
    scan->encoding[size] = '\0';
    for (size_t i = 0; i < sizeof unsafe_encodings / sizeof *unsafe_encodings; i++) {
        if (strcasecmp(scan->encoding, unsafe_encodings[i]) == 0) {
            err_set(err, ERR_DATABASE,
                    "the dump is written in client encoding %s, in which letters can "
                    "hold quotes and backslashes",
                    scan->encoding);
            return err_hint(err, "dump it in another one: --encoding UTF8");
        }
    }
    return 0;
}

static int on_statement(struct scan *scan, struct scan_span *span, struct err *err)
{
    const struct lexer *lexer = &scan->lexer;
    const struct head *head = &lexer->head;
    /* Around the contents of large objects. */
    if (head_matches(head, "BEGIN"))
        scan->in_transaction = true;
    else if (head_matches(head, "COMMIT"))
        scan->in_transaction = false;
    /* The rows begin behind this line, whatever else the line holds. */
    if (lexer->in_copy) {
        /* NULL: some other COPY, which brings no rows along; it is a statement as any
         * other. */
        struct dump_table *table = dump_table_parse(lexer->body.data, lexer->body.length);
        if (table != NULL) {
            dump_table_release(scan->table);
            scan->table = table;
            scan->state = COPY_LINE;
            scan->section = SECTION_DATA;
            return 0;
        }
    }
    /* What every piece of a restore needs in front of it. */
    if (head_matches(head, "SET") || head_matches(head, "SELECT PG_CATALOG.SET_CONFIG")) {
        span->flags |= SCAN_STATE;
        if (read_setting(scan, err) < 0)
            return -1;
    }
    enum section section = scan_section(head, scan->section);
    /* The border behind a statement that begins a section is set by who cuts there: the one
     * to cut at lies in front of it. */
    scan->border_grows = true;
    if (section == scan->section) {
        span->border = span->size;
    } else {
        scan->section = section;
        span->event = SCAN_SECTION;
    }
    return 0;
}

/* Comments mean nothing but at the very end, where three lines of them in a row say that
 * the dump is whole. */
static void on_comment(struct scan *scan)
{
    const char *line = scan->lexer.line;
    /* In this order and without anything in between, also no object's name: a name in a
     * comment can hold a newline and whatever follows it. */
    bool rule = strcmp(line, "--") == 0;
    bool complete = false;
    for (size_t i = 0; i < sizeof closing_comments / sizeof *closing_comments; i++)
        complete = complete || strcmp(line, closing_comments[i]) == 0;
    if (rule)
        scan->closing = scan->closing == COMPLETE ? RULE_AFTER : RULE;
    else
        scan->closing = complete && scan->closing == RULE ? COMPLETE : NONE;
}

/* A psql line. Its token is what follows the first space. */
static void on_meta(struct scan *scan, struct scan_span *span)
{
    const char *line = scan->lexer.line;
    const char *space = strchr(line, ' ');
    const char *token = space != NULL ? space + 1 : "";
    bool closes = false;
    if (text_starts_with(line, "\\restrict ")) {
        span->flags |= SCAN_RESTRICT;
        /* psql asks for the same token again before it leaves the restricted mode, so data
         * cannot forge the end (CVE-2025-8714). A token cut here would not match: that is
         * safe. */
        snprintf(scan->restrict_token, sizeof scan->restrict_token, "%s", token);
    } else if (text_starts_with(line, "\\unrestrict ")) {
        span->flags |= SCAN_RESTRICT;
        closes = strcmp(token, scan->restrict_token) == 0;
        if (closes)
            scan->restrict_token[0] = '\0';
    }
    scan->closing = closes && scan->closing == ENDED ? UNRESTRICTED : NONE;
    span->border = span->size;
}

/* Outside of rows: event by event, until one of them is the caller's to know. */
static int step_sql(struct scan *scan, const unsigned char *data, size_t size,
                    struct scan_span *span, struct err *err)
{
    while (span->size < size && span->event == SCAN_NOTHING && scan->state == SQL) {
        enum lexer_event event;
        /* One newline behind a semicolon belongs to the statement, so that chunks begin at
         * lines. */
        bool directly = scan->border_grows && data[span->size] == '\n';
        span->size +=
            lexer_step(&scan->lexer, data + span->size, size - span->size, &event);
        scan->border_grows = false;
        if (scan->lexer.failed)
            return err_set(err, ERR_DATABASE,
                           "the dump holds a COPY statement or a dollar quote without end");
        switch (event) {
        case LEXER_NOTHING:
            continue;
        case LEXER_STATEMENT:
            /* A statement behind the closing comment: then that was not the end. */
            scan->closing = NONE;
            if (on_statement(scan, span, err) < 0)
                return -1;
            break;
        case LEXER_COMMENT:
            on_comment(scan);
            if (scan->closing == RULE_AFTER)
                span->event = SCAN_CLOSING;
            break;
        case LEXER_META:
            on_meta(scan, span);
            break;
        case LEXER_NEWLINE:
            /* Else an empty line: the one that ends a comment or a psql line is not seen
             * here. Behind the closing comment it completes the end. */
            if (directly)
                span->border = span->size;
            else
                scan->closing = scan->closing >= RULE_AFTER ? ENDED : NONE;
            break;
        }
        lexer_next(&scan->lexer);
    }
    return 0;
}

void scan_init(struct scan *scan)
{
    *scan = (struct scan){.section = SECTION_PRE_DATA};
    lexer_init(&scan->lexer);
}

void scan_release(struct scan *scan)
{
    lexer_release(&scan->lexer);
    dump_table_release(scan->table);
    scan->table = NULL;
}

int scan_step(struct scan *scan, const unsigned char *data, size_t size,
              struct scan_span *span, struct err *err)
{
    *span = (struct scan_span){0};
    switch ((enum state)scan->state) {
    case SQL:
        return step_sql(scan, data, size, span, err);
    case COPY_LINE: {
        /* The statement has ended, but its line not: rows begin behind the newline. */
        const unsigned char *newline = memchr(data, '\n', size);
        span->size = newline != NULL ? (size_t)(newline - data) + 1 : size;
        if (newline != NULL) {
            span->event = SCAN_TABLE;
            scan->state = COPY_ROWS;
            rows_init(&scan->rows);
        }
        return 0;
    }
    case COPY_ROWS: {
        /* Nearly all bytes of a dump: nothing but newlines is looked at. */
        struct rows_span rows;
        rows_scan(&scan->rows, data, size, &rows);
        span->size = rows.size;
        span->border = rows.border;
        span->rows = rows.count;
        /* Back to SQL, in a state in which nothing is open. */
        if (rows.ended) {
            span->event = SCAN_TABLE_END;
            scan->state = SQL;
        }
        return 0;
    }
    }
    return 0;
}

/* All four: the closing comment was last, nothing is open, and a restricted part was
 * left. */
bool scan_ended_well(const struct scan *scan)
{
    return scan->state == SQL && scan->closing == ENDED && lexer_is_idle(&scan->lexer) &&
           scan->restrict_token[0] == '\0';
}
