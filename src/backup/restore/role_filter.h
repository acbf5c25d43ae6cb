/*
 * role_filter - globals without the passwords of roles: for servers that do not let anybody but
 * themselves set one (RDS, Supabase), and for who wants to give new ones.
 *
 *     role_filter_begin -> the sink that it gives -> role_filter_finish
 *
 * pg_dumpall writes one statement a line, `ALTER ROLE name WITH … PASSWORD '…';`: of these lines
 * the clause is left out, all else passes as it is. For a Supabase project (postgres/profile/supabase.h) the
 * platform's own roles, tablespaces and what only a superuser may say are left out, too. One thread.
 */
#ifndef PGKEEP_BACKUP_RESTORE_ROLE_FILTER_H
#define PGKEEP_BACKUP_RESTORE_ROLE_FILTER_H

#include "base/text.h"
#include "stream/stream.h"

struct role_filter {
    struct stream_sink to;
    struct text line; /* what is not a whole line yet */
    bool project;
};

struct stream_sink role_filter_begin(struct role_filter *filter, struct stream_sink to,
                                     bool project);
/* Passes on what is left when `result` is 0, and releases. The result, or -1. */
int role_filter_finish(struct role_filter *filter, int result, struct err *err) MUST_USE;

#endif
