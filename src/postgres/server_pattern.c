/*
 * As patternToSQLRegex of pg_dump does it, without its database part. It must be the same
 * set of tables: preflight says of these whether a dump of them would be whole.
 */
#include "postgres/server_pattern.h"

#include "base/memory.h"
#include "postgres/dump.h"
#include "postgres/server_query.h"

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

/* ---- as conditions of a query ---- */

static void add_match(struct server *server, struct text *sql, const char *column,
                      const char *expression)
{
    text_addf(sql, "%s ~ ", column);
    server_add_literal(server, sql, expression);
}

/* One pattern as a condition on n (schema) and c (relation). */
static void add_pattern(struct server *server, struct text *sql, const char *pattern,
                        bool of_schema)
{
    struct server_pattern parsed;
    server_pattern_parse(pattern, &parsed);
    text_add_char(sql, '(');
    if (of_schema) {
        add_match(server, sql, "n.nspname", parsed.name);
    } else {
        if (parsed.schema != NULL) {
            add_match(server, sql, "n.nspname", parsed.schema);
        } else {
            /* As for psql's \d: only what would be found without its schema. */
            text_add(sql, "n.nspname = ANY (");
            server_add_literal(server, sql, server->search_path);
            text_add(sql, "::pg_catalog.name[])");
        }
        text_add(sql, " AND ");
        add_match(server, sql, "c.relname", parsed.name);
    }
    text_add_char(sql, ')');
    server_pattern_release(&parsed);
}

/* "AND (p OR q)", "AND NOT (p OR q)"; nothing for none. */
static void add_patterns(struct server *server, struct text *sql, const char *before,
                         const struct strlist *patterns, bool of_schema)
{
    if (patterns->count == 0)
        return;
    text_addf(sql, "%s (", before);
    for (size_t i = 0; i < patterns->count; i++) {
        if (i > 0)
            text_add(sql, " OR ");
        add_pattern(server, sql, patterns->items[i], of_schema);
    }
    text_add(sql, ") ");
}

/* With --table, pg_dump does not look at the schema filters. */
void server_pattern_add_filters(struct server *server, struct text *sql,
                                const struct dump_filters *filters, bool of_data)
{
    if (filters == NULL)
        return;
    if (filters->tables.count == 0) {
        add_patterns(server, sql, "AND", &filters->schemas, true);
        add_patterns(server, sql, "AND NOT", &filters->exclude_schemas, true);
    }
    add_patterns(server, sql, "AND", &filters->tables, false);
    add_patterns(server, sql, "AND NOT", &filters->exclude_tables, false);
    if (of_data)
        add_patterns(server, sql, "AND NOT", &filters->exclude_table_data, false);
}
