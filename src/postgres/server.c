#include "postgres/server.h"

#include "postgres/server_query.h"

void server_free(struct server *server)
{
    if (server == NULL)
        return;
    PQfinish(server->conn);
    free(server->search_path);
    free(server);
}

int server_version(const struct server *server)
{
    return PQserverVersion(server->conn);
}

const char *server_version_text(const struct server *server)
{
    const char *text = PQparameterStatus(server->conn, "server_version");
    return text == NULL ? "" : text;
}

const char *server_database(const struct server *server)
{
    return PQdb(server->conn);
}

const char *server_host(const struct server *server)
{
    return PQhost(server->conn);
}

const char *server_port(const struct server *server)
{
    return PQport(server->conn);
}

const char *server_user(const struct server *server)
{
    return PQuser(server->conn);
}

int server_size(struct server *server, uint64_t *bytes, struct err *err)
{
    int64_t size = server_query_count(
        server, "size of the database",
        "SELECT pg_catalog.pg_database_size(pg_catalog.current_database())", NULL, err);
    *bytes = size < 0 ? 0 : (uint64_t)size;
    return size < 0 ? -1 : 0;
}

int server_user_tables(struct server *server, bool (*ignored)(const char *schema),
                       uint64_t *count, struct err *err)
{
    /* Anything that holds rows of a user: also views that keep them, and foreign tables,
     * whose definition a restore would meet. */
    static const char sql[] =
        "SELECT n.nspname, pg_catalog.count(*) FROM pg_catalog.pg_class c "
        "JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace "
        "WHERE c.relkind IN ('r', 'p', 'f', 'm') AND n.nspname !~ '^pg_' "
        "AND n.nspname <> 'information_schema' "
        "AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d "
        "WHERE d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.objid = c.oid "
        "AND d.deptype = 'e') GROUP BY 1";
    *count = 0;
    PGresult *result = server_query(server, "user tables", sql, NULL, err);
    for (int i = 0; result != NULL && i < PQntuples(result); i++)
        if (ignored == NULL || !ignored(PQgetvalue(result, i, 0)))
            *count += strtoull(PQgetvalue(result, i, 1), NULL, 10);
    PQclear(result);
    return result == NULL ? -1 : 0;
}

int server_extensions(struct server *server, struct strlist *extensions, struct err *err)
{
    /* plpgsql is in every database. */
    PGresult *result = server_query(server, "extensions",
                                    "SELECT extname || ' ' || extversion FROM "
                                    "pg_catalog.pg_extension WHERE extname <> 'plpgsql' "
                                    "ORDER BY extname",
                                    NULL, err);
    for (int i = 0; result != NULL && i < PQntuples(result); i++)
        strlist_add(extensions, PQgetvalue(result, i, 0));
    PQclear(result);
    return result == NULL ? -1 : 0;
}

int server_database_exists(struct server *server, const char *name, bool *exists,
                           struct err *err)
{
    int64_t count = server_query_count(
        server, "databases",
        "SELECT pg_catalog.count(*) FROM pg_catalog.pg_database WHERE datname = $1", name,
        err);
    *exists = count > 0;
    return count < 0 ? -1 : 0;
}
