/*
 * Names are taken from the statement and never from the comment above it, because the name of
 * an object can hold a newline and forge a comment. pg_dump writes each in the one way that
 * is read here; what differs is some other statement and has no rows.
 */
#include "stream/scan/dump_table.h"

#include "base/memory.h"
#include "stream/scan/sqlchar.h"

#include <strings.h>

struct dump_table *dump_table_new(const char *schema, const char *name,
                                  struct strlist *columns)
{
    struct dump_table *table = memory_zalloc(sizeof *table);
    table->schema = memory_strdup(schema);
    table->name = memory_strdup(name);
    /* The list moves. */
    table->columns = *columns;
    *columns = (struct strlist){0};
    atomic_init(&table->references, 1);
    return table;
}

struct dump_table *dump_table_ref(struct dump_table *table)
{
    atomic_fetch_add(&table->references, 1);
    return table;
}

void dump_table_release(struct dump_table *table)
{
    /* Chunks of one table are with several threads at once: the last one frees it. */
    if (table == NULL || atomic_fetch_sub(&table->references, 1) > 1)
        return;
    free(table->schema);
    free(table->name);
    strlist_release(&table->columns);
    free(table);
}

/* ---- COPY ... FROM stdin ---- */

struct cursor {
    const char *at, *end;
};

static void skip_space(struct cursor *cursor)
{
    while (cursor->at < cursor->end && sqlchar_is_space((unsigned char)*cursor->at))
        cursor->at++;
}

static bool take(struct cursor *cursor, char c)
{
    skip_space(cursor);
    if (cursor->at == cursor->end || *cursor->at != c)
        return false;
    cursor->at++;
    return true;
}

static bool take_quoted(struct cursor *cursor, struct text *name)
{
    /* A quote in the name is written twice. */
    cursor->at++;
    while (cursor->at < cursor->end) {
        char c = *cursor->at++;
        if (c == '"') {
            if (cursor->at == cursor->end || *cursor->at != '"')
                return true;
            cursor->at++;
        }
        text_add_char(name, c);
    }
    return false;
}

/* Empties name first. */
static bool take_name(struct cursor *cursor, struct text *name)
{
    text_clear(name);
    skip_space(cursor);
    /* In quotes it may hold anything; bare, pg_dump writes only what needs none. */
    if (cursor->at < cursor->end && *cursor->at == '"')
        return take_quoted(cursor, name);
    while (cursor->at < cursor->end && sqlchar_is_name((unsigned char)*cursor->at))
        text_add_char(name, *cursor->at++);
    return name->length > 0;
}

/* `(a, b)`, or nothing. */
static bool take_columns(struct cursor *cursor, struct text *name, struct strlist *columns)
{
    /* No list: a table without columns, or with generated ones only. */
    if (!take(cursor, '('))
        return true;
    do {
        if (!take_name(cursor, name))
            return false;
        strlist_add(columns, name->data);
    } while (take(cursor, ','));
    return take(cursor, ')');
}

/* A word of the language: in any case, as a server would take it. */
static bool take_word(struct cursor *cursor, struct text *name, const char *word)
{
    return take_name(cursor, name) && strcasecmp(name->data, word) == 0;
}

struct dump_table *dump_table_parse(const char *body, size_t size)
{
    struct cursor cursor = {body, body + size};
    struct text schema, table, name;
    struct strlist columns = {0};
    struct dump_table *result = NULL;
    /* No name can be longer than the statement. */
    text_init(&schema, size);
    text_init(&table, size);
    text_init(&name, size);
    /* `COPY (SELECT …)`, `COPY t TO …` and `COPY t FROM 'file'` fail one of these steps. */
    bool ok = take_name(&cursor, &table);
    /* What was read was the schema, if a dot follows. */
    if (ok && take(&cursor, '.')) {
        text_add_bytes(&schema, table.data, table.length);
        ok = take_name(&cursor, &table);
    }
    ok = ok && take_columns(&cursor, &name, &columns) &&
         take_word(&cursor, &name, "FROM") && take_word(&cursor, &name, "stdin");
    if (ok)
        result = dump_table_new(schema.data, table.data, &columns);
    strlist_release(&columns);
    text_release(&schema);
    text_release(&table);
    text_release(&name);
    return result;
}
