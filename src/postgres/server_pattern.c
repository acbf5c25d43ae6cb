/*
 * As patternToSQLRegex of pg_dump does it, without its database part. It must be the same
 * set of tables: preflight says of these whether a dump of them would be whole.
 */
#include "postgres/server_pattern.h"

#include "base/memory.h"

enum { PATTERN_MAX = 64 * 1024 };

/* Anchored at both ends: a pattern stands for the whole name. */
static void begin(struct text *part)
{
    text_clear(part);
    text_add(part, "^(");
}

/* In quotes nothing means anything but itself. */
static void add_quoted(struct text *part, char c)
{
    if (strchr("|*+?()[]{}.^$\\", c) != NULL)
        text_add_char(part, '\\');
    text_add_char(part, c);
}

/* PostgreSQL folds ASCII only, and so does tolower in the locale that the process has. */
static void add_plain(struct text *part, char c)
{
    if (c == '*')
        text_add(part, ".*");
    else if (c == '?')
        text_add_char(part, '.');
    else if (c == '$')
        text_add(part, "\\$");
    else
        text_add_char(part, text_lower_char(c));
}

void server_pattern_parse(const char *pattern, struct server_pattern *out)
{
    struct text part;
    bool quoted = false;
    *out = (struct server_pattern){0};
    text_init(&part, PATTERN_MAX);
    begin(&part);
    for (const char *at = pattern; *at != '\0'; at++) {
        if (*at == '"' && quoted && at[1] == '"') {
            add_quoted(&part, *at++);
        } else if (*at == '"') {
            quoted = !quoted;
        } else if (quoted) {
            add_quoted(&part, *at);
            /* What came so far was the schema; of db.schema.table the database goes by the
         * way. */
        } else if (*at == '.') {
            text_add(&part, ")$");
            memory_take(&out->schema, text_take(&part));
            begin(&part);
        } else {
            add_plain(&part, *at);
        }
    }
    text_add(&part, ")$");
    out->name = text_take(&part);
    text_release(&part);
}

void server_pattern_release(struct server_pattern *pattern)
{
    free(pattern->schema);
    free(pattern->name);
    *pattern = (struct server_pattern){0};
}
