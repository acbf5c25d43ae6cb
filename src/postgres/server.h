/*
 * server - what pgkeep asks a PostgreSQL server through libpq before a dump or a restore.
 *
 * One struct server per connection and thread. Sessions are opened with application_name
 * pgkeep, keepalives, an empty search_path, statement_timeout, lock_timeout,
 * idle_in_transaction_session_timeout (and transaction_timeout from 17) off,
 * client_encoding UTF8 unless the database has none (SQL_ASCII, MULE_INTERNAL): then texts
 * are the stored bytes. Nothing is sent at start-up but application_name: poolers refuse
 * other parameters. A pooler that shares sessions (PgBouncer in transaction or statement
 * mode, Supabase port 6543) is refused before the session is changed in any way, because
 * what pg_dump sets would stay on connections of the application. Errors are ERR_DATABASE,
 * one sentence and a hint; a password never stands in them.
 */
#ifndef PGKEEP_POSTGRES_SERVER_H
#define PGKEEP_POSTGRES_SERVER_H

#include "base/cancel.h"
#include "base/text.h"

struct server;
struct dump_filters; /* postgres/dump.h */

/* conninfo: libpq key=value string or URI, or just a database name; settings it lacks come
 * from PG*, service files and ~/.pgpass, but not PGOPTIONS and PGCLIENTENCODING, nor
 * PGHOSTADDR where it names a host.
 * database (may be NULL) overrides its dbname. Bounded by connect_timeout (default 15 s)
 * per address; a cancel (NULL: the root) ends it. */
struct server *server_connect(const char *conninfo, const char *database,
                              const struct cancel *cancel, struct err *err) MUST_USE;
/* The same to a database that every server has: `postgres`, or template1 where that was dropped.
 * For questions about the others. */
struct server *server_connect_any(const char *conninfo, const struct cancel *cancel,
                                  struct err *err) MUST_USE;
void server_free(struct server *server);
/* Whether something between gives out sessions of its own (a pool in session mode). */
bool server_is_pooled(struct server *server);
int server_version(const struct server *server);              /* 150018 */
const char *server_version_text(const struct server *server); /* "15.18 (Debian …)" */
const char *server_database(const struct server *server);
const char *server_host(const struct server *server); /* host or socket folder */
const char *server_port(const struct server *server);
const char *server_user(const struct server *server);

/* What pg_dump's text does not hold of a database. Heap, may be NULL. Not kept: tablespace.
 * The comment is read in the encoding of the connected database, as pg_dump
 * --create reads it. */
struct server_properties {
    char *encoding, *collate, *ctype, *locale_provider, *icu_locale, *icu_rules, *owner,
        *comment;
    bool is_template, allow_connections;
    int connection_limit;
    /* "ALTER DATABASE x SET …" pairs as "ROLE-or-empty\tname=value" */
    struct strlist settings;
    struct strlist acl; /* aclitem texts of pg_database.datacl */
};
int server_properties(struct server *server, struct server_properties *out,
                      struct err *err) MUST_USE;
void server_properties_release(struct server_properties *properties);

/* pg_database_size of its database. */
int server_size(struct server *server, uint64_t *bytes, struct err *err) MUST_USE;
/* One that is meant, whether or not it can be dumped. */
struct server_database {
    char *name;
    char *problem; /* why it cannot be, to be put behind its name; NULL: it can */
    bool named;    /* by itself, not only by a pattern */
};
struct server_databases {
    struct server_database *items;
    size_t count, capacity;
};
/* Those that `include` picks (names, or patterns with '*' and '?'; none: all), minus
 * `exclude`, by name; last what is named but is not there. Templates only when named. */
int server_databases(struct server *server, const struct strlist *include,
                     const struct strlist *exclude, struct server_databases *out,
                     struct err *err) MUST_USE;
void server_databases_release(struct server_databases *databases);
/* Errors (ERR_DATABASE, with a hint naming BYPASSRLS or pg_read_all_data) when this role
 * could not dump every row: row-level security that applies to it, tables, sequences or
 * large objects it may not read. Only what the filters (may be NULL) leave in is looked at,
 * by pg_dump's own pattern rules; without data (type schema) rows do not matter. */
int server_preflight(struct server *server, const struct dump_filters *filters,
                     bool with_data, struct err *err) MUST_USE;
/* What the chosen relations need and a dump by these filters does not hold: types, functions and
 * relations of other schemas, extensions' included; with `tables` everything but the tables. By
 * the server's own dependencies; descriptions, at most 100. Nothing without such filters. */
int server_missing(struct server *server, const struct dump_filters *filters,
                   struct strlist *missing, struct err *err) MUST_USE;
/* "pgcrypto 1.3" of each extension but plpgsql, by name. */
int server_extensions(struct server *server, struct strlist *extensions,
                      struct err *err) MUST_USE;
/* Number of user tables (not pg_catalog, information_schema, extension members), without those of
 * schemas that `ignored` (may be NULL) says yes to. */
int server_user_tables(struct server *server, bool (*ignored)(const char *schema),
                       uint64_t *count, struct err *err) MUST_USE;
int server_database_exists(struct server *server, const char *name, bool *exists,
                           struct err *err) MUST_USE;
/* CREATE DATABASE from template0 with encoding, locale, owner (if that role exists, else a
 * warning), comment. properties may be NULL: the server's defaults. */
int server_create_database(struct server *server, const char *name,
                           const struct server_properties *properties,
                           struct err *err) MUST_USE;
/* Before the restore, because content can depend on them: ALTER DATABASE … SET, per role too,
 * but for those under which nobody could write (default_transaction_read_only, role). What this
 * server refuses (a role or an extension is missing here) is logged as a warning; only a lost
 * connection is an error. */
int server_apply_settings(struct server *server, const char *name,
                          const struct server_properties *properties,
                          struct err *err) MUST_USE;
/* After it: the rest of the settings, rights, limits; the same about errors. */
int server_apply_properties(struct server *server, const char *name,
                            const struct server_properties *properties,
                            struct err *err) MUST_USE;

#endif
