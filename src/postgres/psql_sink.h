/*
 * restore - psql and pg_restore as sinks of raw dump bytes.
 *
 *     restore_start -> restore_write ... -> restore_finish -> restore_free
 *
 * plain: one `psql -X -v ON_ERROR_STOP=1 --no-password -q` for the whole stream; custom:
 * one pg_restore reading stdin (--exit-on-error). A failure ends with ERR_DATABASE and the
 * program's first error line. restore_free of an unfinished restore ends the program.
 */
#ifndef PGKEEP_POSTGRES_PSQL_SINK_H
#define PGKEEP_POSTGRES_PSQL_SINK_H

#include "base/err.h"
#include "base/text.h"
#include "postgres/dump.h"

struct restore_spec {
    const char *conninfo; /* of the target, password allowed */
    const char *database; /* NULL: conninfo's */
    enum dump_format format;
    /* pg_dumpall's roles and tablespaces, plain: those that are there already (the
     * superuser always is) are passed over, whatever else fails is a failure in the end. */
    bool globals;
    const struct strlist *tables;  /* custom only; may be NULL: --table */
    const struct strlist *schemas; /* custom only; may be NULL: --schema */
    const char *section;           /* NULL or pre-data|data|post-data; custom only */
    bool no_owner;                 /* custom only */
    bool no_privileges;            /* custom only */
    const struct programs *programs;
};
struct restore;
struct restore *restore_start(const struct restore_spec *spec, struct err *err) MUST_USE;
int restore_write(struct restore *restore, const void *data, size_t size,
                  struct err *err) MUST_USE;
/* End of input; waits. Only after this 0 is the restore done. */
int restore_finish(struct restore *restore, struct err *err) MUST_USE;
void restore_free(struct restore *restore);

#endif
