/*
 * sql_name - names as a dump's statements hold them, read token by token, and a map of them.
 *
 *     sql_cursor_init -> sql_keyword, sql_name_read, sql_next ... -> (nothing to release)
 *
 * Names are unquoted, in the dump's encoding, any bytes but NUL. Bare words keep their letters,
 * because pg_dump writes bare only what is lower case already.
 */
#ifndef PGKEEP_BACKUP_RESTORE_SQL_NAME_H
#define PGKEEP_BACKUP_RESTORE_SQL_NAME_H

#include "base/err.h"
#include "base/text.h"

struct sql_name {
    char *schema; /* "" when the name is not qualified */
    char *name;   /* NULL: none */
};
void sql_name_set(struct sql_name *name, const char *schema,
                  const char *object); /* copies */
void sql_name_release(struct sql_name *name);
bool sql_name_equal(const struct sql_name *a, const struct sql_name *b);
/* `public.orders`, in quotes where SQL needs them; for SQL and for the reader. */
void sql_name_add(struct text *out, const char *schema, const char *object);
char *sql_name_text(const char *schema, const char *object) MUST_USE; /* heap */

/* ---- tokens ---- */

enum sql_token_kind {
    SQL_END,
    SQL_WORD,   /* keyword, bare name or number */
    SQL_QUOTED, /* "name" */
    SQL_STRING, /* 'text', also E'' and the like */
    SQL_DOLLAR, /* $tag$ text $tag$ */
    SQL_MARK    /* one byte of punctuation */
};
struct sql_token {
    enum sql_token_kind kind;
    const char *at; /* into the statement, with its quotes */
    size_t size;
};
/* Blanks and comments are passed over. The statement must outlive the cursor. */
struct sql_cursor {
    const char *at, *end;
};
void sql_cursor_init(struct sql_cursor *cursor, const char *sql, size_t size);
struct sql_token sql_next(struct sql_cursor *cursor);
struct sql_token sql_peek(const struct sql_cursor *cursor);
bool sql_token_is(const struct sql_token *token, const char *word); /* in any case */
/* Moves behind it when it is there. A quoted name is no keyword. */
bool sql_keyword(struct sql_cursor *cursor, const char *word);
bool sql_mark(struct sql_cursor *cursor, char mark);
/* One identifier, unquoted, heap; NULL when there is none: the cursor stays. */
char *sql_identifier(struct sql_cursor *cursor) MUST_USE;
/* `name` or `schema.name`; of more parts (a column's name behind its table's) the first two
 * when `column`. False: there is none. */
bool sql_name_read(struct sql_cursor *cursor, bool column, struct sql_name *out) MUST_USE;
/* `schema.===`: marks are an operator's name. Only qualified ones; false: the cursor stays. */
bool sql_operator_read(struct sql_cursor *cursor, struct sql_name *out) MUST_USE;
/* What a string token holds, heap: '' is one quote; NULL for E'' with escapes. */
char *sql_string_value(const struct sql_token *token) MUST_USE;

/* ---- names to numbers ---- */

struct sql_map {
    struct sql_map_row {
        struct sql_name name; /* NULL: free */
        size_t value;
    } * rows;
    size_t count, capacity;
};
/* The first value given for a name stays. False: it was there already. */
bool sql_map_add(struct sql_map *map, const char *schema, const char *object, size_t value);
/* NULL when it is not there; valid until the next add. */
size_t *sql_map_find(const struct sql_map *map, const char *schema, const char *object);
void sql_map_release(struct sql_map *map);

#endif
