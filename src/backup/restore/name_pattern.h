/*
 * name_pattern - one of pg_dump's patterns for tables or schemas, held against the names in a dump
 * instead of those in a server (postgres/server_pattern.h says what means what).
 *
 * Its `.` stands for one byte of a name here, so `?` for a letter beyond ASCII is two of them.
 */
#ifndef PGKEEP_BACKUP_RESTORE_NAME_PATTERN_H
#define PGKEEP_BACKUP_RESTORE_NAME_PATTERN_H

#include "backup/restore/sql_name.h"

#include <regex.h>

struct name_pattern {
    regex_t schema, name;
    bool any_schema; /* the pattern is a bare name */
};

/* ERR_USAGE: its brackets make no regular expression. */
int name_pattern_compile(struct name_pattern *out, const char *text,
                         struct err *err) MUST_USE;
bool name_pattern_fits(const struct name_pattern *pattern, const struct sql_name *name);
/* For a pattern of schemas. */
bool name_pattern_fits_schema(const struct name_pattern *pattern, const char *schema);
void name_pattern_release(struct name_pattern *pattern);

#endif
