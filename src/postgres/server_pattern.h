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

struct server_pattern {
    char *schema; /* regular expression, NULL: none was given */
    char *name;
};
/* For a pattern of schemas, schema is NULL and name is the schema's. */
void server_pattern_parse(const char *pattern, struct server_pattern *out);
void server_pattern_release(struct server_pattern *pattern);

#endif
