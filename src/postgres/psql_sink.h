/*
 * psql_sink - psql and pg_restore as sinks of raw dump bytes.
 *
 *     psql_sink_start -> psql_sink_write ... -> psql_sink_finish -> psql_sink_free
 *
 * plain: one `psql -X -v ON_ERROR_STOP=1 --no-password -q` for the whole stream; custom:
 * one pg_restore reading stdin (--exit-on-error). A failure ends with ERR_DATABASE and the
 * program's first error line. psql_sink_free of an unfinished restore ends the program.
 */
#ifndef PGKEEP_POSTGRES_PSQL_SINK_H
#define PGKEEP_POSTGRES_PSQL_SINK_H

#include "base/cancel.h"
#include "base/text.h"
#include "postgres/dump.h"
#include "postgres/programs.h"

struct psql_sink_spec {
    const char *conninfo; /* of the target, password allowed */
    const char *database; /* NULL: conninfo's */
    enum dump_format format;
    /* pg_dumpall's roles and tablespaces, plain: those that are there already (the
     * superuser always is) are passed over, whatever else fails is a failure in the end. */
    bool globals;
    bool no_owner;      /* custom only */
    bool no_privileges; /* custom only */
    const struct programs *programs;
    const struct cancel *cancel; /* NULL: the root */
};
struct psql_sink;
struct psql_sink *psql_sink_start(const struct psql_sink_spec *spec,
                                  struct err *err) MUST_USE;
int psql_sink_write(struct psql_sink *restore, const void *data, size_t size,
                    struct err *err) MUST_USE;
/* End of input; waits. Only after this 0 is the restore done. */
int psql_sink_finish(struct psql_sink *restore, struct err *err) MUST_USE;
void psql_sink_free(struct psql_sink *restore);

#endif
