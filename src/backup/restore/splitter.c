/*
 * The lexer tells where something ends; what lies between two ends is kept until it is known what
 * it was. So an INSERT of a megabyte is held whole, as the server will hold it, too.
 */
#include "backup/restore/splitter.h"

#include "base/memory.h"
#include "stream/scan/scan.h"

/* A single statement beyond this is no work of pg_dump's but for INSERTs of huge values, which
 * the server itself takes up to 1 GiB only. */
#define STATEMENT_MAX ((size_t)1 << 30)

struct splitter {
    struct splitter_sink sink;
    struct lexer lexer;
    struct rows rows;
    enum { SQL, COPY_LINE, COPY_ROWS } state;
    enum section section;
    struct text held; /* since the last end */
    uint64_t row_count;
    struct dump_table *table; /* of the COPY that is open */
};

struct splitter *splitter_new(const struct splitter_sink *sink)
{
    struct splitter *splitter = memory_zalloc(sizeof *splitter);
    splitter->sink = *sink;
    /* Where every dump begins. */
    splitter->section = SECTION_PRE_DATA;
    lexer_init(&splitter->lexer);
    text_init(&splitter->held, STATEMENT_MAX);
    return splitter;
}

void splitter_section(struct splitter *splitter, enum section section)
{
    splitter->section = section;
}

/* What was held, without the blanks and comments in front. */
static void take_statement(struct splitter *splitter, struct statement *statement)
{
    struct sql_cursor cursor;
    /* What is held may begin with blanks and a block comment: the first token is the
     * begin. */
    sql_cursor_init(&cursor, splitter->held.data, splitter->held.length);
    struct sql_token first = sql_peek(&cursor);
    size_t size = splitter->held.length - (size_t)(first.at - splitter->held.data);
    /* All of it, also behind a NUL byte, which no dump holds and a damaged one may. */
    char *text = memory_alloc(size + 1);
    memcpy(text, first.at, size);
    text[size] = '\0';
    statement_parse(statement, text, size);
    statement->section = splitter->section;
    /* Indexes of older backups have the making of large objects behind the data, which pg_dump 17
     * and later write between BEGIN and COMMIT. Rights on them do come there. */
    if (strcmp(statement->type, "large object") == 0 ||
        head_matches(&splitter->lexer.head, "ALTER LARGE OBJECT"))
        if (statement->section == SECTION_POST_DATA)
            statement->section = splitter->section = SECTION_DATA;
}

static int on_statement(struct splitter *splitter, struct err *err)
{
    struct statement statement = {0};
    const struct head *head = &splitter->lexer.head;
    /* Whether a backslash escapes in plain strings: the lexer must know with the next byte. */
    if (head_matches(head, "SET STANDARD_CONFORMING_STRINGS"))
        splitter->lexer.standard_strings =
            !head_matches(head, "SET STANDARD_CONFORMING_STRINGS = OFF");
    /* Only a COPY that rows follow counts: its text is parsed as the scan of a backup
     * does. */
    splitter->table =
        splitter->lexer.in_copy
            ? dump_table_parse(splitter->lexer.body.data, splitter->lexer.body.length)
            : NULL;
    splitter->section =
        splitter->table != NULL ? SECTION_DATA : scan_section(head, splitter->section);
    if (splitter->table != NULL)
        splitter->state = COPY_LINE;
    /* What went beyond the ceiling was dropped: such a statement is never sent. */
    if (text_check(&splitter->held, "a statement of the dump", err) < 0)
        return -1;
    take_statement(splitter, &statement);
    /* An empty statement (a lone semicolon) is nobody's. */
    if (statement.size <= 1) {
        statement_release(&statement);
        return 0;
    }
    return splitter->sink.statement(splitter->sink.context, &statement, err);
}

static int push_sql(struct splitter *splitter, const unsigned char *data, size_t size,
                    size_t *used, struct err *err)
{
    enum lexer_event event;
    int result = 0;
    /* The lexer takes what belongs to the statement and stops behind its end. */
    *used = lexer_step(&splitter->lexer, data, size, &event);
    /* Kept until it is known what it is part of. */
    text_add_bytes(&splitter->held, data, *used);
    if (splitter->lexer.failed)
        return err_set(err, ERR_CORRUPT,
                       "the dump holds a COPY statement or a dollar quote without end");
    /* The piece ended first: the rest comes with the next one. */
    if (event == LEXER_NOTHING)
        return 0;
    if (event == LEXER_STATEMENT)
        result = on_statement(splitter, err);
    /* Comments, psql's lines and empty ones are behind us, whatever they said. */
    text_clear(&splitter->held);
    lexer_next(&splitter->lexer);
    return result;
}

/* Rows, up to and with the line that ends them. */
static int push_rows(struct splitter *splitter, const unsigned char *data, size_t size,
                     size_t *used, struct err *err)
{
    const struct splitter_sink *sink = &splitter->sink;
    struct rows_span span;
    /* Only newlines are looked at: nearly all bytes of a dump come through here. */
    rows_scan(&splitter->rows, data, size, &span);
    *used = span.size;
    splitter->row_count += span.count;
    if (sink->rows != NULL && sink->rows(sink->context, data, span.size, err) < 0)
        return -1;
    /* The table goes on in the next piece. */
    if (!span.ended)
        return 0;
    splitter->state = SQL;
    dump_table_release(splitter->table);
    splitter->table = NULL;
    return sink->rows_end != NULL ? sink->rows_end(sink->context, splitter->row_count, err)
                                  : 0;
}

int splitter_push(struct splitter *splitter, const void *data, size_t size, struct err *err)
{
    const unsigned char *at = data;
    int result = 0;
    while (size > 0 && result == 0) {
        size_t used = 0;
        const unsigned char *newline;
        switch (splitter->state) {
        case SQL:
            /* Statements, comments and lines for psql. */
            result = push_sql(splitter, at, size, &used, err);
            break;
        case COPY_LINE:
            /* The statement has ended, its line not: rows begin behind the newline. */
            newline = memchr(at, '\n', size);
            used = newline != NULL ? (size_t)(newline - at) + 1 : size;
            if (newline != NULL) {
                splitter->state = COPY_ROWS;
                splitter->row_count = 0;
                rows_init(&splitter->rows);
            }
            break;
        case COPY_ROWS:
            /* Up to the line that ends them, which only looks like a statement of psql. */
            result = push_rows(splitter, at, size, &used, err);
            break;
        }
        at += used;
        size -= used;
    }
    return result;
}

int splitter_finish(struct splitter *splitter, struct err *err)
{
    /* At top level, with nothing open: a cut is seen wherever it is. */
    if (splitter->state == SQL && lexer_is_idle(&splitter->lexer))
        return 0;
    return err_set(err, ERR_CORRUPT, "the dump ends in the middle of %s",
                   splitter->state == SQL ? "a statement" : "a table's rows");
}

void splitter_free(struct splitter *splitter)
{
    if (splitter == NULL)
        return;
    lexer_release(&splitter->lexer);
    text_release(&splitter->held);
    dump_table_release(splitter->table);
    free(splitter);
}
