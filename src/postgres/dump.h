/*
 * dump - pg_dump and pg_dumpall --globals-only as a source of bytes.
 *
 *     dump_start -> read dump_fd to its end -> dump_finish (how did it end?) -> dump_free
 *
 * pg_dump's stderr is logged as warnings; its exit status alone decides. dump_free of a
 * running dump ends it and its transaction. Start it from a thread that outlives it (see
 * process.h).
 */
#ifndef PGKEEP_POSTGRES_DUMP_H
#define PGKEEP_POSTGRES_DUMP_H

#include "base/cancel.h"
#include "base/text.h"

enum dump_format { DUMP_PLAIN, DUMP_CUSTOM };
enum dump_type { DUMP_FULL, DUMP_SCHEMA, DUMP_DATA, DUMP_GLOBALS };
const char *dump_format_name(enum dump_format format); /* "plain" "custom" */
const char *dump_type_name(enum dump_type type); /* "full" "schema" "data" "globals" */
bool dump_format_from_name(const char *name, enum dump_format *out);
bool dump_type_from_name(const char *name, enum dump_type *out);

/* pg_dump's own pattern rules. */
struct dump_filters {
    struct strlist schemas, exclude_schemas, tables, exclude_tables, exclude_table_data;
};

struct dump_spec {
    const char *conninfo;
    const char *database;    /* NULL: conninfo's */
    enum dump_format format; /* DUMP_GLOBALS is always plain */
    enum dump_type type;
    const struct dump_filters *filters; /* may be NULL */
    const char *snapshot;               /* an exported one; NULL: one of its own */
    const char *encoding;               /* of the text; NULL: pg_dump's choice */
    bool no_role_passwords;             /* DUMP_GLOBALS */
    const struct strlist *elsewhere;    /* patterns of tables whose rows come another way */
    int64_t lock_wait_timeout_ms;       /* 60000 by default at the caller */
    const char *program;                /* pg_dump's or pg_dumpall's path */
    const struct cancel *cancel;        /* NULL: the root */
};

struct dump;
struct dump *dump_start(const struct dump_spec *spec, struct err *err) MUST_USE;
int dump_fd(const struct dump *dump);
/* Call after end of file on the fd. ERR_DATABASE with exit status or signal and pg_dump's
 * last words; known causes get a hint (lost connection, lock timeout, version mismatch,
 * conflict with recovery, disk full). */
int dump_finish(struct dump *dump, struct err *err) MUST_USE;
void dump_free(struct dump *dump); /* NULL-safe */

/* Walks a whole custom-format archive, `pg_restore -f /dev/null`, that is fed through a pipe:
 *
 *     dump_check_start -> dump_check_write ... -> dump_check_finish -> dump_check_free
 *
 * A missing byte is ERR_CORRUPT. */
struct dump_check;
struct dump_check *dump_check_start(const char *pg_restore, struct err *err) MUST_USE;
int dump_check_write(struct dump_check *check, const void *data, size_t size,
                     struct err *err) MUST_USE;
int dump_check_finish(struct dump_check *check, struct err *err) MUST_USE;
void dump_check_free(struct dump_check *check);

#endif
