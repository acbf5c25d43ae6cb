/*
 * The locks of a dump. The leader takes them before anybody copies, and waits for them as pg_dump
 * would; workers never wait. Names are locked, not oids, so afterwards both must still belong
 * together.
 */
#include "postgres/copy/copy_session_internal.h"

#include "base/memory.h"
#include "postgres/server_pattern.h"

/* More locks than these and the server's table of locks might not hold those of pg_dump. */
enum { LOCKS_MAX = 5000 };

/* All that pg_dump would lock, if they are not too many; else those of the plan. */
static int names_to_lock(struct copy_session *session, const struct dump_filters *filters,
                         const struct copy_plan *plan, struct strlist *names,
                         struct err *err)
{
    struct text sql;
    PGresult *rows = NULL;
    text_init(&sql, COPY_SQL_MAX);
    text_add(&sql, "SELECT pg_catalog.format('%I.%I', n.nspname, c.relname) " SERVER_DUMPED
                   "AND c.relkind IN ('r', 'p') ");
    server_pattern_add_filters(session->server, &sql, filters, false);
    text_addf(&sql, "ORDER BY c.oid LIMIT %d", LOCKS_MAX + 1);
    int result = text_check(&sql, "the query for the filters", err);
    if (result == 0)
        rows = server_query(session->server, "tables to lock", sql.data, NULL, err);
    text_release(&sql);
    if (rows == NULL)
        return -1;
    /* Beyond the limit pg_dump locks the others itself, a moment later, as it always does. */
    if (PQntuples(rows) <= LOCKS_MAX) {
        for (int i = 0; i < PQntuples(rows); i++)
            strlist_add(names, PQgetvalue(rows, i, 0));
    } else {
        for (size_t i = 0; i < plan->table_count; i++)
            strlist_add(names, plan->tables[i].name);
    }
    PQclear(rows);
    return 0;
}

/* The catalogs as the snapshot sees them against what the server's functions see now: is this
 * still the same file, and is it the table that the name means, by which it was locked and will
 * be copied? */
static int check_unmoved(struct copy_session *session, const struct copy_plan *plan,
                         struct err *err)
{
    struct text sql;
    text_init(&sql, COPY_SQL_MAX);
    /* The first row joins with nothing; it gives the columns their types. */
    text_add(&sql, "SELECT pg_catalog.count(*) FROM (VALUES (0::pg_catalog.oid, "
                   "NULL::pg_catalog.text)");
    for (size_t i = 0; i < plan->table_count; i++) {
        text_addf(&sql, ", ('%s', ", plan->tables[i].oid);
        server_add_literal(session->server, &sql, plan->tables[i].name);
        text_add_char(&sql, ')');
    }
    text_add(&sql, ") AS t (oid, name) JOIN pg_catalog.pg_class c ON c.oid = t.oid WHERE "
                   "pg_catalog.pg_relation_filenode(c.oid) IS DISTINCT FROM c.relfilenode "
                   "OR pg_catalog.to_regclass(t.name) IS DISTINCT FROM "
                   "c.oid::pg_catalog.regclass");
    int64_t moved = text_check(&sql, "a statement", err);
    if (moved == 0)
        moved = server_query_count(session->server, "tables", sql.data, NULL, err);
    text_release(&sql);
    if (moved <= 0)
        return (int)moved;
    err_set(err, ERR_AGAIN,
            "a large table was dropped, renamed or rewritten in this moment");
    return err_hint(err,
                    "another session changed definitions at that moment: run it again");
}

static int lock_tables(struct copy_session *session, const struct dump_filters *filters,
                       const struct copy_plan *plan, struct err *err)
{
    struct strlist names = {0};
    struct text sql;
    text_init(&sql, COPY_SQL_MAX);
    /* As long as pg_dump would wait; only this session waits at all. */
    text_addf(&sql, "SET lock_timeout = %lld", (long long)session->lock_wait_timeout_ms);
    int result = server_execute(session->server, "lock_timeout", sql.data, err);
    if (result == 0)
        result = names_to_lock(session, filters, plan, &names, err);
    if (result == 0 && names.count > 0) {
        text_clear(&sql);
        /* One statement: a round trip for each of some thousand tables would be seconds. */
        text_add(&sql, "LOCK TABLE ");
        for (size_t i = 0; i < names.count; i++)
            text_addf(&sql, "%sONLY %s", i > 0 ? ", " : "", names.items[i]);
        text_add(&sql, " IN ACCESS SHARE MODE");
        result = text_check(&sql, "the list of tables", err);
        if (result == 0)
            result = copy_session_execute(session, "LOCK TABLE", sql.data, -1, err);
    }
    strlist_release(&names);
    text_release(&sql);
    return result;
}

int copy_session_share(struct copy_session *session, const struct dump_filters *filters,
                       const struct copy_plan *plan, struct err *err)
{
    struct server *server = session->server;
    if (lock_tables(session, filters, plan, err) < 0 ||
        check_unmoved(session, plan, err) < 0)
        return -1;
    PGresult *row = server_query(server, "the snapshot",
                                 "SELECT pg_catalog.pg_export_snapshot()", NULL, err);
    /* It answers, but it will not: one connection can still do all of it. */
    if (row == NULL)
        return PQstatus(server->conn) == CONNECTION_OK ? 1 : -1;
    if (PQntuples(row) == 1)
        session->snapshot = server_take_value(row, 0, 0);
    PQclear(row);
    if (session->snapshot != NULL)
        return 0;
    return err_set(err, ERR_DATABASE, "the snapshot: unexpected answer");
}

/* Of a worker, once for each table that it comes to. */
int copy_session_lock_now(struct copy_session *session, const struct copy_table *table,
                          int wake_fd, struct err *err)
{
    /* In vain when somebody waits to change the table: waiting behind him, who waits for the
     * leader, would never end. */
    if (session->locked == table)
        return 0;
    char *sql =
        memory_format("LOCK TABLE ONLY %s IN ACCESS SHARE MODE NOWAIT", table->name);
    int state = copy_session_execute(session, "LOCK TABLE", sql, wake_fd, err);
    free(sql);
    if (state == 0)
        session->locked = table;
    return state;
}
