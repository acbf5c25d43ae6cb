/*
 * A hint says what to do next, not what the message says already. Each row is here because
 * somebody stood before that message and did not know; a test in test_dump.c or an
 * integration test brings the message about. Where no row fits, no hint is better than a
 * general one.
 */
#include "postgres/hint.h"

#include "base/memory.h"

#define DDL_HINT "another session changed definitions at that moment: run it again"
#define POOLER_HINT                                                                        \
    "the pooler has no free connection: raise its pool size or connect directly"

/* The first row whose part occurs counts: special causes stand before general ones. '*' is
 * any run of characters. */
struct hint_row {
    const char *part;
    const char *hint;
};

/* What another session did at that moment: hint_is_passing. They are looked at first. */
static const struct hint_row passing_rows[] = {
    /* Definitions that changed while they were read: the dump sees the old ones, the server's
     * functions already the new ones. */
    {"could not obtain lock on relation",
     "another session is changing this table: run it again when that is done"},
    {"cache lookup failed", DDL_HINT},
    {"could not open relation with OID", DDL_HINT},
    {"relation with OID*does not exist", DDL_HINT},
    {"LOCK TABLE*does not exist", DDL_HINT}, /* of a worker, */
    {"does not exist*LOCK TABLE", DDL_HINT}, /* of pg_dump */
    {"tuple concurrently", DDL_HINT},
    {"deadlock detected", DDL_HINT},
    /* Connections that there are not. */
    {"too many clients", "the server has no free connection"},
    {"too many connections", "the server has no free connection for this role or database"},
    {"remaining connection slots", "the server has no free connection"},
    /* The same of poolers: PgBouncer, then two of Supavisor. */
    {"no more connections allowed", POOLER_HINT},
    {"max clients reached", POOLER_HINT},
    {"Max client connections", POOLER_HINT},
};

static const struct hint_row rows[] = {
    /* What the server does to a long query: standby, rights, timeouts, locks. */
    {"conflict with recovery",
     "the standby ended the query to apply changes: set hot_standby_feedback = on or raise "
     "max_standby_streaming_delay there, or dump from the primary"},
    {"row-level security policy",
     "let the role bypass it: ALTER ROLE … BYPASSRLS, or exclude the table"},
    {"pg_authid", "roles with their passwords are for superusers only: use such a role for "
                  "globals, or set globals = false"},
    /* Programs and servers that are not of one age. */
    {"server version mismatch",
     "pg_dump must not be older than the server: install its package or set pg_bin_dir"},
    {"invalid command \\restrict", "psql is older than the dump: install the newest minor "
                                   "release of the client package"},
    {"unsupported version",
     "the archive is newer than this pg_restore: set pg_bin_dir to a "
     "newer client"},
    /* Waiting: pg_dump's lock_wait_timeout is a statement_timeout of the server. */
    {"statement timeout*LOCK TABLE",
     "another session holds a lock (see pg_locks); try when it is gone, or raise "
     "lock_wait_timeout"},
    {"lock timeout", "another session holds a lock (see pg_locks); try when it is gone, or "
                     "raise lock_wait_timeout"},
    {"statement timeout", "a statement_timeout of the role or a pooler ended it"},
    {"idle-in-transaction timeout",
     "set idle_in_transaction_session_timeout = 0 for the role"},
    {"transaction timeout", "set transaction_timeout = 0 for the role"},
    /* Making databases, and getting into them. */
    {"permission denied to create database",
     "give the role CREATEDB, or restore into an empty database that somebody else made"},
    {"permission denied for database",
     "GRANT CONNECT ON DATABASE … TO the role, or use another role"},
    {"must be able to SET ROLE", "--no-owner makes the connecting role the owner"},
    {"must be member of role", "--no-owner makes the connecting role the owner"},
    {"duplicate key value", "the target has such a row already, or had triggers or data of "
                            "its own: restore into an "
                            "empty database"},
    {"violates foreign key constraint",
     "rows of one table came before those it refers to: --disable-triggers for backups of "
     "type data"},
    /* Disks, and rights on single objects. */
    {"Too many open files", "raise the limit of open files of a process (ulimit -n)"},
    {"No space left on device", "a disk is full: the server's, if the message is its"},
    {"permission denied for large object", "dump as their owner or as a superuser"},
    {"permission denied",
     "give the role what it needs, for a dump with GRANT pg_read_all_data"},
    {"must be owner of", "use --no-owner, or a role that is a member of the owner"},
    /* A damaged database: the older backups may be all that is left of it. */
    {"invalid page in block",
     "the database itself is damaged: do not remove older backups"},
    {"could not read block", "the database itself is damaged: do not remove older backups"},
    {"missing chunk number", "the database itself is damaged: do not remove older backups"},
    {"invalid memory alloc request",
     "a row is too large or damaged: find it with COPY of parts of the table"},
    /* Patterns of the filters. */
    {"no matching", "patterns are pg_dump's: lower case unless in double quotes, "
                    "schema.table"},
    {"cross-database references", "a pattern with two dots names a database: quote names "
                                  "that hold dots"},
    /* Logging in. */
    {"password authentication failed",
     "check the role and its password (~/.pgpass, PGPASSWORD, password_file)"},
    {"no password supplied",
     "give the password by ~/.pgpass, PGPASSWORD, password_file or the connection string"},
    {"Peer authentication failed", "the socket takes only the operating system's user of "
                                   "that name; use host=127.0.0.1 or "
                                   "another user"},
    {"no pg_hba.conf entry", "the server's pg_hba.conf does not let this role, database, "
                             "address or encryption in"},
    /* Poolers. */
    {"unsupported startup parameter", "the pooler refuses a start-up parameter: remove it, "
                                      "or see ignore_startup_parameters"},
    {"prepared statement",
     "the pooler shares sessions: use session mode or connect directly"},
    {"current transaction is aborted", "see the server's log for the first error"},
    /* TLS. */
    {"certificate verify failed", "give the server's CA by sslrootcert=FILE"},
    {"root certificate file", "give the server's CA by sslrootcert=FILE"},
    {"does not support SSL", "the server has no TLS: sslmode=prefer would go without"},
    /* The way to the server. */
    {"could not translate host name", "check the host name and the resolver"},
    {"Network is unreachable", "no route to that address; a host with only an IPv6 address "
                               "needs IPv6 here"},
    {"Connection refused",
     "is the server running, at this host and port, and does it listen "
     "there (listen_addresses)?"},
    {"No such file or directory", "no server at that socket: check host and port"},
    {"timeout expired", "no answer within connect_timeout: a firewall, or a wrong address"},
    /* A server that comes or goes. */
    {"starting up", "the server has just been started: try again"},
    {"shutting down", "the server is being stopped: try again later"},
    {"administrator command", "somebody or something ended the session "
                              "(pg_terminate_backend, a restart): run it again"},
    {"another server process",
     "the server crashed and restarts: see its log, run it again"},
    /* A connection that broke in the middle. */
    {"server closed the connection",
     "the server or something between dropped the connection: "
     "see the server's log, run it again"},
    {"could not receive data from server", "the connection broke: run it again"},
    {"SSL SYSCALL error", "the connection broke: run it again"},
    {"SSL connection has been closed", "the connection broke: run it again"},
    {"connection not open", "the connection broke: run it again"},
    {"Connection timed out",
     "no answer within connect_timeout: a firewall, or a wrong address"},
    /* Restoring: what is there already, or is not there yet. */
    {"already exists", "the target holds such an object: restore into an empty database"},
    {"is not available", "install the extension on the target server"},
    {"could not open extension control file", "install the extension on the target server"},
    {"unrecognized configuration parameter", "the target server is older, or lacks the "
                                             "extension that defines it"},
    {"invalid locale name", "the target's operating system lacks that locale: add it with "
                            "locale-gen, or create the database yourself"},
};

static bool occurs(const char *part, const char *message)
{
    const char *star = strchr(part, '*');
    if (star == NULL)
        return strstr(message, part) != NULL;
    char *head = memory_strndup(part, (size_t)(star - part));
    const char *found = strstr(message, head);
    free(head);
    return found != NULL && occurs(star + 1, found);
}

static const char *find(const struct hint_row *row, size_t count, const char *message)
{
    for (; count > 0; count--, row++)
        if (occurs(row->part, message))
            return row->hint;
    return NULL;
}

static const char *find_passing(const char *message)
{
    return find(passing_rows, sizeof passing_rows / sizeof *passing_rows, message);
}

void hint_add(struct err *err, const char *message)
{
    const char *hint = find_passing(message);
    if (hint == NULL)
        hint = find(rows, sizeof rows / sizeof *rows, message);
    if (hint != NULL)
        err_hint(err, "%s", hint);
}

bool hint_is_passing(const char *message)
{
    return find_passing(message) != NULL;
}
