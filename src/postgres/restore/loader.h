/*
 * loader - a session that carries out a dump: statement by statement, and rows by COPY.
 *
 *     loader_open -> loader_statement, loader_copy_begin .. _put .. _end ... -> loader_free
 *
 * A cancel ends what runs on the server, too: the statement is cancelled there before the call
 * returns, so nothing of an interrupted restore goes on working. One thread per loader. Errors
 * are ERR_DATABASE with the server's first message, its context where that names a line of a
 * COPY, and a hint.
 */
#ifndef PGKEEP_POSTGRES_RESTORE_LOADER_H
#define PGKEEP_POSTGRES_RESTORE_LOADER_H

#include "base/cancel.h"
#include "base/text.h"
#include "postgres/server.h"

struct loader_spec {
    const char *conninfo;        /* of the target, with password */
    bool disable_triggers;       /* session_replication_role = replica */
    bool replica_if_allowed;     /* the same where the role may; else a warning */
    bool fast;                   /* synchronous_commit = off; see loader_flush */
    int64_t maintenance_memory;  /* maintenance_work_mem in kB; 0: as the server has it */
    const struct cancel *cancel; /* NULL: the root */
};

struct loader;
struct loader *loader_open(const struct loader_spec *spec, struct err *err) MUST_USE;
/* One statement, or several; what they return is thrown away. The text is in the session's
 * client_encoding, NUL-terminated. */
int loader_statement(struct loader *loader, const char *sql, struct err *err) MUST_USE;
/* The same; *done: how many of its statements went well, so that one knows which did not. */
int loader_statements(struct loader *loader, const char *sql, size_t *done,
                      struct err *err) MUST_USE;
/* sql: COPY … FROM stdin; other statements may stand in front of it, in the same transaction. */
int loader_copy_begin(struct loader *loader, const char *sql, struct err *err) MUST_USE;
int loader_copy_put(struct loader *loader, const void *data, size_t size,
                    struct err *err) MUST_USE;
/* Ends it, waits. *rows: as the server counted them. */
int loader_copy_end(struct loader *loader, uint64_t *rows, struct err *err) MUST_USE;
/* All that was committed, by any session, is on the server's disk afterwards. */
int loader_flush(struct loader *loader, struct err *err) MUST_USE;
/* What the target has, as (schema, name) of relations, types, functions and operators and
 * (schema, "") of schemas, but for the system's own; in this encoding from now on (NULL: as the
 * session has it), so that names can be compared with those of a dump. */
typedef void (*loader_each)(void *context, const char *schema, const char *name);
int loader_present(struct server *server, const char *encoding, loader_each each,
                   void *context, struct err *err) MUST_USE;
void loader_free(struct loader *loader); /* NULL-safe; cancels what runs */

#endif
