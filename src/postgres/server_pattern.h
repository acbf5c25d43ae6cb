/*
 * server_pattern - pg_dump's patterns for schemas and tables as regular expressions.
 *
 * The rules are pg_dump's (documentation of psql, "Patterns"):
 *
 *     *                  any run
 *     ?                  any character
 *     letters            lower case, unless in double quotes
 *     ""                 inside quotes: one quote
 *     .                  outside of quotes: parts schema and name
 *     $                  itself
 *     other characters   outside of quotes keep their meaning in regular expressions
 *
 * A database in front (db.schema.table) is left out of account.
 */
#ifndef PGKEEP_POSTGRES_SERVER_PATTERN_H
#define PGKEEP_POSTGRES_SERVER_PATTERN_H

#include "base/text.h"

struct server;
struct dump_filters; /* postgres/dump.h */

/* What pg_dump dumps: nothing of the system's, and of an extension only its
 * configuration. The relation is c, its schema n. */
#define SERVER_DUMPED                                                                      \
    "FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace " \
    "WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema' "                     \
    "AND (NOT EXISTS (SELECT FROM pg_catalog.pg_depend d WHERE d.deptype = 'e' "           \
    "AND d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.objid = c.oid) "     \
    "OR EXISTS (SELECT FROM pg_catalog.pg_extension e WHERE c.oid = ANY (e.extconfig))) "

struct server_pattern {
    char *schema; /* regular expression, NULL: none was given */
    char *name;
};
/* For a pattern of schemas, schema is NULL and name is the schema's. */
void server_pattern_parse(const char *pattern, struct server_pattern *out);
void server_pattern_release(struct server_pattern *pattern);

/* Adds to such a query the conditions that these filters (may be NULL) mean. of_data: also
 * those of --exclude-table-data. */
void server_pattern_add_filters(struct server *server, struct text *sql,
                                const struct dump_filters *filters, bool of_data);

#endif
