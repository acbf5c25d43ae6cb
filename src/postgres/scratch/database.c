/*
 * Names come from a dump, and are quoted by libpq.
 */
#include "postgres/scratch/database.h"

#include "base/log.h"
#include "base/memory.h"
#include "postgres/server_query.h"

enum { SQL_MAX = 64 * 1024, FORCE_FROM = 130000 };

/* VERB "name" REST */
static int run(struct server *server, const char *what, const char *verb, const char *name,
               const char *rest, struct err *err)
{
    struct text sql;
    text_init(&sql, SQL_MAX);
    text_add(&sql, verb);
    server_add_name(server, &sql, name);
    text_add(&sql, rest);
    int result = text_check(&sql, what, err);
    if (result == 0)
        result = server_execute(server, what, sql.data, err);
    text_release(&sql);
    return result;
}

static void try(struct server *server, const char *verb, const char *name, const char *rest)
{
    struct err trouble = {0};
    if (run(server, name, verb, name, rest, &trouble) < 0)
        log_warning("%s", trouble.text);
}

void database_add_role(struct server *server, const char *name)
{
    try(server, "CREATE ROLE ", name, "");
}

void database_add_tablespace(struct server *server, const char *name, const char *folder)
{
    struct text rest;
    text_init(&rest, SQL_MAX);
    text_add(&rest, " LOCATION ");
    server_add_literal(server, &rest, folder);
    try(server, "CREATE TABLESPACE ", name, rest.data);
    text_release(&rest);
}

void database_add_schema(struct server *server, const char *name)
{
    try(server, "CREATE SCHEMA IF NOT EXISTS ", name, "");
}

/* 1: it is there and ours, 0: it is not there; -1. */
static int find(struct server *server, const char *name, struct err *err)
{
    PGresult *row =
        server_query(server, "comment of the database",
                     "SELECT pg_catalog.shobj_description(oid, 'pg_database') FROM "
                     "pg_catalog.pg_database WHERE datname = $1",
                     name, err);
    if (row == NULL)
        return -1;
    int found = PQntuples(row) > 0 ? 1 : 0;
    char *comment = found ? server_take_value(row, 0, 0) : NULL;
    PQclear(row);
    if (comment != NULL && !text_starts_with(comment, SCRATCH_COMMENT))
        found =
            err_set(err, ERR_DATABASE,
                    "database \"%s\" has a comment that is not a drill's: it stays", name);
    free(comment);
    return found;
}

/* They keep a database from being dropped, and what they name at their publisher is not ours: it is
 * let go of. Only sessions of the database itself can drop them. */
static int drop_subscriptions(struct server *server, const char *conninfo, const char *name,
                              struct err *err)
{
    int64_t count = server_query_count(
        server, "subscriptions",
        "SELECT pg_catalog.count(*) FROM pg_catalog.pg_subscription s JOIN "
        "pg_catalog.pg_database d ON d.oid = s.subdbid WHERE d.datname = $1",
        name, err);
    if (count <= 0)
        return (int)count;
    struct server *inside = server_connect(conninfo, name, server->cancel, err);
    PGresult *rows =
        inside == NULL
            ? NULL
            : server_query(inside, "subscriptions",
                           "SELECT subname FROM pg_catalog.pg_subscription s JOIN "
                           "pg_catalog.pg_database d ON d.oid = s.subdbid WHERE "
                           "d.datname = pg_catalog.current_database()",
                           NULL, err);
    int result = rows == NULL ? -1 : 0;
    for (int i = 0; result == 0 && i < PQntuples(rows); i++) {
        static const char *const rest[] = {" DISABLE", " SET (slot_name = NONE)"};
        const char *subscription = PQgetvalue(rows, i, 0);
        for (size_t j = 0; result == 0 && j < sizeof rest / sizeof *rest; j++)
            result = run(inside, "a subscription", "ALTER SUBSCRIPTION ", subscription,
                         rest[j], err);
        if (result == 0)
            result =
                run(inside, "a subscription", "DROP SUBSCRIPTION ", subscription, "", err);
    }
    PQclear(rows);
    server_free(inside);
    return result;
}

int database_drop(struct server *server, const char *conninfo, const char *name,
                  struct err *err)
{
    if (!text_starts_with(name, SCRATCH_PREFIX))
        return err_set(err, ERR_DATABASE, "database \"%s\" is none of a drill", name);
    int found = find(server, name, err);
    if (found <= 0)
        return found;
    if (drop_subscriptions(server, conninfo, name, err) < 0)
        return -1;
    /* Before 13 there is no FORCE: those who are in it are ended one by one. */
    bool force = server_version(server) >= FORCE_FROM;
    if (!force) {
        PGresult *ended = server_query(server, "ending sessions",
                                       "SELECT pg_catalog.pg_terminate_backend(pid) FROM "
                                       "pg_catalog.pg_stat_activity WHERE datname = $1",
                                       name, err);
        if (ended == NULL)
            return -1;
        PQclear(ended);
    }
    return run(server, "dropping the drill's database", "DROP DATABASE IF EXISTS ", name,
               force ? " WITH (FORCE)" : "", err);
}
