#define _GNU_SOURCE /* memmem */
/*
 * A tokenizer of its own beside the scan's lexer: that one goes byte by byte through a stream
 * and finds borders, this one has the whole statement in memory and reads its names.
 */
#include "backup/restore/sql_name.h"

#include "base/memory.h"
#include "stream/scan/sqlchar.h"

#include <strings.h>

enum { NAME_MAX_BYTES = 64 * 1024 };

void sql_name_set(struct sql_name *name, const char *schema, const char *object)
{
    memory_replace(&name->schema, schema);
    memory_replace(&name->name, object);
}

void sql_name_release(struct sql_name *name)
{
    free(name->schema);
    free(name->name);
    *name = (struct sql_name){0};
}

/* NULL equals NULL alone: a name that is none is no name's equal but another none's. */
bool sql_name_equal(const struct sql_name *a, const struct sql_name *b)
{
    return text_equal(a->schema, b->schema) && text_equal(a->name, b->name);
}

/* Quoted unless it is lower-case letters, digits and underscores and no reserved word. */
static void add_identifier(struct text *out, const char *name)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyz0123456789_";
    static const char *const reserved[] = {
        "all",        "analyse",   "analyze",    "and",       "any",     "array",
        "as",         "asc",       "both",       "case",      "cast",    "check",
        "collate",    "column",    "constraint", "create",    "cross",   "default",
        "deferrable", "desc",      "distinct",   "do",        "else",    "end",
        "except",     "false",     "fetch",      "for",       "foreign", "freeze",
        "from",       "full",      "grant",      "group",     "having",  "in",
        "inner",      "into",      "is",         "join",      "lateral", "leading",
        "left",       "like",      "limit",      "natural",   "not",     "null",
        "offset",     "on",        "only",       "or",        "order",   "outer",
        "placing",    "primary",   "references", "returning", "right",   "select",
        "some",       "symmetric", "table",      "then",      "to",      "trailing",
        "true",       "union",     "unique",     "user",      "using",   "variadic",
        "verbose",    "when",      "where",      "window",    "with"};
    bool quote = *name == '\0' || (*name >= '0' && *name <= '9') ||
                 name[strspn(name, plain)] != '\0';
    for (size_t i = 0; !quote && i < sizeof reserved / sizeof *reserved; i++)
        quote = strcmp(name, reserved[i]) == 0;
    if (!quote) {
        text_add(out, name);
        return;
    }
    text_add_char(out, '"');
    for (; *name != '\0'; name++) {
        if (*name == '"')
            text_add_char(out, '"');
        text_add_char(out, *name);
    }
    text_add_char(out, '"');
}

void sql_name_add(struct text *out, const char *schema, const char *object)
{
    /* Names in a dump are qualified; what is not belongs to nothing or is a bare
     * object's. */
    if (schema != NULL && *schema != '\0') {
        add_identifier(out, schema);
        text_add_char(out, '.');
    }
    add_identifier(out, object);
}

char *sql_name_text(const char *schema, const char *object)
{
    struct text out;
    text_init(&out, NAME_MAX_BYTES);
    sql_name_add(&out, schema, object);
    /* Names are at most some hundred bytes; the ceiling is never met. */
    return text_finish(&out);
}

/* ---- tokens ---- */

void sql_cursor_init(struct sql_cursor *cursor, const char *sql, size_t size)
{
    cursor->at = sql;
    cursor->end = sql + size;
}

static void skip_blanks(struct sql_cursor *cursor)
{
    while (cursor->at < cursor->end) {
        size_t left = (size_t)(cursor->end - cursor->at);
        if (sqlchar_is_space((unsigned char)*cursor->at)) {
            cursor->at++;
        } else if (left > 1 && cursor->at[0] == '-' && cursor->at[1] == '-') {
            /* The newline itself is a blank and goes with the next round. */
            const char *newline = memchr(cursor->at, '\n', left);
            cursor->at = newline != NULL ? newline : cursor->end;
        } else if (left > 1 && cursor->at[0] == '/' && cursor->at[1] == '*') {
            /* They nest; pg_dump writes none, views of users may hold none either (the server
             * keeps no comments), so this is for other hands' dumps. */
            unsigned depth = 0;
            do {
                /* Either pair is passed as a whole, so that the star of one is not taken
                 * for the other's. */
                bool opens = cursor->at[0] == '/' && cursor->at[1] == '*';
                bool closes = cursor->at[0] == '*' && cursor->at[1] == '/';
                depth = opens ? depth + 1 : closes ? depth - 1 : depth;
                cursor->at += opens || closes ? 2 : 1;
            } while (depth > 0 && cursor->at + 1 < cursor->end);
        } else {
            return;
        }
    }
}

/* Behind the quote that ends what begins at `at`; a doubled one is part of it. */
static const char *end_of_quote(const char *at, const char *end, bool escapes)
{
    /* The same for texts and for quoted names: only what ends it differs. */
    char quote = *at++;
    while (at < end) {
        if (escapes && *at == '\\' && at + 1 < end)
            at += 2;
        else if (*at != quote)
            at++;
        else if (at + 1 < end && at[1] == quote)
            at += 2;
        else
            return at + 1;
    }
    return end;
}

/* NULL: the dollar opens no quote. */
static const char *end_of_dollar(const char *at, const char *end)
{
    /* $$ or $tag$: letters, digits behind the first, no dollar. $1 is a parameter. */
    const char *tag_end = at + 1;
    while (tag_end < end &&
           (sqlchar_is_letter((unsigned char)*tag_end) ||
            (tag_end > at + 1 && sqlchar_is_digit((unsigned char)*tag_end))))
        tag_end++;
    if (tag_end == end || *tag_end != '$')
        return NULL;
    /* The very same tag ends it, wherever it occurs next. */
    size_t size = (size_t)(tag_end - at) + 1;
    const char *found = memmem(at + size, (size_t)(end - at) - size, at, size);
    return found != NULL ? found + size : end;
}

struct sql_token sql_next(struct sql_cursor *cursor)
{
    skip_blanks(cursor);
    struct sql_token token = {.at = cursor->at};
    const char *end = cursor->end;
    if (cursor->at == end)
        return token;
    /* What the first byte says decides the kind; E'', B'' and X'' look like words at
     * first. */
    unsigned char c = (unsigned char)*cursor->at;
    const char *dollar = c == '$' ? end_of_dollar(cursor->at, end) : NULL;
    bool prefixed =
        strchr("EeBbXx", (int)c) != NULL && cursor->at + 1 < end && cursor->at[1] == '\'';
    if (c == '\'' || c == '"' || prefixed) {
        token.kind = c == '"' ? SQL_QUOTED : SQL_STRING;
        cursor->at =
            end_of_quote(cursor->at + (prefixed ? 1 : 0), end, c == 'E' || c == 'e');
    } else if (dollar != NULL) {
        token.kind = SQL_DOLLAR;
        cursor->at = dollar;
    } else if (sqlchar_is_letter(c) || sqlchar_is_digit(c)) {
        token.kind = SQL_WORD;
        while (cursor->at < end && sqlchar_is_name((unsigned char)*cursor->at))
            cursor->at++;
    } else {
        token.kind = SQL_MARK;
        cursor->at++;
    }
    token.size = (size_t)(cursor->at - token.at);
    return token;
}

struct sql_token sql_peek(const struct sql_cursor *cursor)
{
    /* Looked at on a copy: a cursor is two pointers. */
    struct sql_cursor ahead = *cursor;
    return sql_next(&ahead);
}

bool sql_token_is(const struct sql_token *token, const char *word)
{
    return token->kind == SQL_WORD && token->size == strlen(word) &&
           strncasecmp(token->at, word, token->size) == 0;
}

bool sql_keyword(struct sql_cursor *cursor, const char *word)
{
    struct sql_cursor ahead = *cursor;
    struct sql_token token = sql_next(&ahead);
    if (!sql_token_is(&token, word))
        return false;
    *cursor = ahead;
    return true;
}

bool sql_mark(struct sql_cursor *cursor, char mark)
{
    struct sql_cursor ahead = *cursor;
    struct sql_token token = sql_next(&ahead);
    if (token.kind != SQL_MARK || *token.at != mark)
        return false;
    *cursor = ahead;
    return true;
}

/* Without the quotes around it; a doubled one inside is one. */
static char *unquote(const char *at, size_t size)
{
    char quote = *at;
    char *out = memory_alloc(size);
    size_t used = 0;
    for (size_t i = 1; i + 1 < size; i++) {
        out[used++] = at[i];
        if (at[i] == quote)
            i++;
    }
    out[used] = '\0';
    return out;
}

char *sql_identifier(struct sql_cursor *cursor)
{
    struct sql_cursor ahead = *cursor;
    struct sql_token token = sql_next(&ahead);
    /* Bare words that are keywords elsewhere (a table called "date") are names here. */
    if (token.kind != SQL_WORD && token.kind != SQL_QUOTED)
        return NULL;
    *cursor = ahead;
    return token.kind == SQL_QUOTED ? unquote(token.at, token.size)
                                    : memory_strndup(token.at, token.size);
}

bool sql_name_read(struct sql_cursor *cursor, bool column, struct sql_name *out)
{
    /* At most three parts: pg_dump never writes the database's name. */
    char *parts[3] = {NULL, NULL, NULL};
    size_t count = 0;
    *out = (struct sql_name){0};
    do {
        parts[count] = sql_identifier(cursor);
        if (parts[count] == NULL)
            break;
        count++;
    } while (count < 3 && sql_mark(cursor, '.'));
    /* A column's table is what is in front of the last dot. */
    size_t used = column && count > 1 ? count - 1 : count;
    if (used == 1)
        sql_name_set(out, "", parts[0]);
    else if (used > 1)
        sql_name_set(out, parts[0], parts[1]);
    for (size_t i = 0; i < count; i++)
        free(parts[i]);
    return used > 0;
}

bool sql_operator_read(struct sql_cursor *cursor, struct sql_name *out)
{
    static const char marks[] = "+-*/<>=~!@#%^&|`?";
    struct sql_cursor ahead = *cursor;
    char *schema = sql_identifier(&ahead);
    bool dot = schema != NULL && sql_mark(&ahead, '.');
    /* Behind the dot the server's own text has no blank. */
    const char *begin = ahead.at;
    while (dot && ahead.at < ahead.end && *ahead.at != '\0' &&
           strchr(marks, *ahead.at) != NULL)
        ahead.at++;
    bool found = dot && ahead.at > begin;
    if (found) {
        char *name = memory_strndup(begin, (size_t)(ahead.at - begin));
        *out = (struct sql_name){.schema = schema, .name = name};
        *cursor = ahead;
    } else {
        free(schema);
    }
    return found;
}

char *sql_string_value(const struct sql_token *token)
{
    /* With escapes it would take a decoder; pg_dump writes such strings only where a
     * backslash is in the name, and those are restored, if not understood. */
    if (token->kind != SQL_STRING || *token->at != '\'')
        return NULL;
    return unquote(token->at, token->size);
}

/* ---- names to numbers ---- */

/* FNV-1a over both parts. */
static size_t hash(const char *schema, const char *object)
{
    /* Not against an attacker: who can write the dump owns the database already. */
    uint64_t sum = UINT64_C(14695981039346656037);
    for (const char *at = schema; *at != '\0'; at++)
        sum = (sum ^ (unsigned char)*at) * UINT64_C(1099511628211);
    sum = (sum ^ '.') * UINT64_C(1099511628211);
    for (const char *at = object; *at != '\0'; at++)
        sum = (sum ^ (unsigned char)*at) * UINT64_C(1099511628211);
    return (size_t)sum;
}

/* The row of that name, or the free one where it belongs. */
static struct sql_map_row *row_of(const struct sql_map *map, const char *schema,
                                  const char *object)
{
    /* Linear probing; rows never go away, so a free one ends the search. */
    size_t at = hash(schema, object) & (map->capacity - 1);
    while (map->rows[at].name.name != NULL &&
           (strcmp(map->rows[at].name.schema, schema) != 0 ||
            strcmp(map->rows[at].name.name, object) != 0))
        at = (at + 1) & (map->capacity - 1);
    return &map->rows[at];
}

/* Half of it stays free: so a search is short. */
static void grow(struct sql_map *map)
{
    struct sql_map old = *map;
    /* A power of two, so that a mask is enough. */
    map->capacity = old.capacity == 0 ? 64 : old.capacity * 2;
    map->rows = memory_array(map->capacity, sizeof *map->rows);
    /* Moved, not copied: the names stay where they are. */
    for (size_t i = 0; i < old.capacity; i++)
        if (old.rows[i].name.name != NULL)
            *row_of(map, old.rows[i].name.schema, old.rows[i].name.name) = old.rows[i];
    free(old.rows);
}

bool sql_map_add(struct sql_map *map, const char *schema, const char *object, size_t value)
{
    /* Before the search: the row that is found must stay. */
    if (map->count * 2 >= map->capacity)
        grow(map);
    struct sql_map_row *row = row_of(map, schema, object);
    if (row->name.name != NULL)
        return false;
    sql_name_set(&row->name, schema, object);
    row->value = value;
    map->count++;
    return true;
}

size_t *sql_map_find(const struct sql_map *map, const char *schema, const char *object)
{
    if (map->count == 0)
        return NULL;
    struct sql_map_row *row = row_of(map, schema, object);
    return row->name.name != NULL ? &row->value : NULL;
}

void sql_map_release(struct sql_map *map)
{
    for (size_t i = 0; i < map->capacity; i++)
        sql_name_release(&map->rows[i].name);
    free(map->rows);
    *map = (struct sql_map){0};
}
