/*
 * What pg_dump without --create leaves out of its text, read so that a restore with
 * --create can make it again.
 */
#include "base/memory.h"
#include "postgres/server.h"
#include "postgres/server_query.h"

/* The columns for locale providers came with 15 and were renamed in 17. */
static const struct locale_row {
    int from_version;
    const char *columns;
} locale_rows[] = {
    {170000, "d.datlocprovider, d.datlocale, d.daticurules"},
    {160000, "d.datlocprovider, d.daticulocale, d.daticurules"},
    {150000, "d.datlocprovider, d.daticulocale, NULL::pg_catalog.text"},
    {0, "'c'::pg_catalog.\"char\", NULL::pg_catalog.text, NULL::pg_catalog.text"},
};

/* What one row of pg_database says. */
static int read_database(struct server *server, struct server_properties *out,
                         struct err *err)
{
    struct text sql;
    const struct locale_row *locale = locale_rows;
    while (server_version(server) < locale->from_version)
        locale++;
    text_init(&sql, 4096);
    text_addf(
        &sql,
        "SELECT pg_catalog.pg_encoding_to_char(d.encoding), d.datcollate, d.datctype, %s, "
        "pg_catalog.pg_get_userbyid(d.datdba), "
        "pg_catalog.shobj_description(d.oid, 'pg_database'), "
        "d.datistemplate, d.datallowconn, d.datconnlimit FROM pg_catalog.pg_database d "
        "WHERE d.datname = pg_catalog.current_database()",
        locale->columns);
    PGresult *row = server_query(server, "properties of the database", sql.data, NULL, err);
    text_release(&sql);
    if (row == NULL)
        return -1;
    /* We are connected to it, but its name is another by now, or none. */
    if (PQntuples(row) != 1) {
        PQclear(row);
        return err_set(err, ERR_DATABASE, "the database has been renamed or dropped");
    }
    out->encoding = server_take_value(row, 0, 0);
    out->collate = server_take_value(row, 0, 1);
    out->ctype = server_take_value(row, 0, 2);
    const char *provider = PQgetvalue(row, 0, 3); /* one letter */
    out->locale_provider = memory_strdup(*provider == 'i'   ? "icu"
                                         : *provider == 'b' ? "builtin"
                                                            : "libc");
    out->icu_locale = server_take_value(row, 0, 4);
    out->icu_rules = server_take_value(row, 0, 5);
    out->owner = server_take_value(row, 0, 6);
    out->comment = server_take_value(row, 0, 7);
    out->is_template = *PQgetvalue(row, 0, 8) == 't';
    out->allow_connections = *PQgetvalue(row, 0, 9) == 't';
    out->connection_limit = (int)strtol(PQgetvalue(row, 0, 10), NULL, 10);
    PQclear(row);
    return 0;
}

/* One column of as many rows as there are. */
static int read_list(struct server *server, const char *sql, struct strlist *out,
                     struct err *err)
{
    PGresult *rows = server_query(server, "properties of the database", sql, NULL, err);
    if (rows == NULL)
        return -1;
    for (int i = 0; i < PQntuples(rows); i++)
        strlist_add(out, PQgetvalue(rows, i, 0));
    PQclear(rows);
    return 0;
}

int server_properties(struct server *server, struct server_properties *out, struct err *err)
{
    /* In the order in which they were set, the database's own first: "name=value" and
     * "ROLE TAB name=value". A value that holds a tab itself is told from a role by the tab in
     * front of it. */
    static const char settings[] =
        "SELECT CASE WHEN r.rolname IS NULL AND "
        "pg_catalog.strpos(v.setting, E'\\t') = 0 THEN v.setting "
        "ELSE pg_catalog.concat(r.rolname, E'\\t', v.setting) END "
        "FROM pg_catalog.pg_db_role_setting s "
        "JOIN pg_catalog.pg_database d ON d.oid = s.setdatabase "
        "LEFT JOIN pg_catalog.pg_roles r ON r.oid = s.setrole "
        "CROSS JOIN LATERAL pg_catalog.unnest(s.setconfig) WITH "
        "ORDINALITY v(setting, place) "
        "WHERE d.datname = pg_catalog.current_database() "
        "ORDER BY r.rolname NULLS FIRST, v.place";
    /* NULL (only the defaults) gives no row, an empty list neither: both are restored
     * alike. */
    static const char acl[] =
        "SELECT v.item::pg_catalog.text FROM pg_catalog.pg_database d "
        "CROSS JOIN LATERAL pg_catalog.unnest(d.datacl) WITH ORDINALITY v(item, place) "
        "WHERE d.datname = pg_catalog.current_database() ORDER BY v.place";
    *out = (struct server_properties){0};
    if (read_database(server, out, err) == 0 &&
        read_list(server, settings, &out->settings, err) == 0 &&
        read_list(server, acl, &out->acl, err) == 0)
        return 0;
    server_properties_release(out);
    return -1;
}

void server_properties_release(struct server_properties *properties)
{
    free(properties->encoding);
    free(properties->collate);
    free(properties->ctype);
    free(properties->locale_provider);
    free(properties->icu_locale);
    free(properties->icu_rules);
    free(properties->owner);
    free(properties->comment);
    strlist_release(&properties->settings);
    strlist_release(&properties->acl);
    *properties = (struct server_properties){0};
}
