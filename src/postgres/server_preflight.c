/*
 * What pg_dump would trip over an hour later: rows that row-level security hides, and
 * tables, sequences and large objects that the role may not read.
 */
#include "base/memory.h"
#include "postgres/dump.h"
#include "postgres/server.h"
#include "postgres/server_pattern.h"
#include "postgres/server_query.h"

enum { SQL_MAX = 1024 * 1024, NAMES_SHOWN = 3 };

/* Quoted where they must be, so that a filter can be written from them. */
static const char select_names[] =
    "SELECT pg_catalog.format('%I.%I', n.nspname, c.relname) ";

/* For the role that asks: off for owners and BYPASSRLS, on where a policy would filter. */
static const char hidden_rows[] =
    "AND c.relkind = 'r' AND pg_catalog.row_security_active(c.oid) ";

/* A partitioned table holds nothing, but pg_dump locks it: that takes SELECT, too. */
static const char unreadable[] =
    "AND c.relkind IN ('r', 'p') AND NOT (pg_catalog.has_table_privilege(c.oid, 'SELECT') "
    "AND pg_catalog.has_schema_privilege(n.oid, 'USAGE')) ";

/* That of an identity column goes with its table: it counts only where the table may be
 * read. */
static const char unreadable_sequences[] =
    "AND c.relkind = 'S' AND NOT (pg_catalog.has_sequence_privilege(c.oid, 'SELECT') "
    "AND pg_catalog.has_schema_privilege(n.oid, 'USAGE')) "
    "AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d WHERE d.deptype = 'i' "
    "AND d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.objid = c.oid "
    "AND NOT pg_catalog.has_table_privilege(d.refobjid, 'SELECT')) ";

/* has_largeobject_privilege came with 18; before, the list is read by hand. */
static const char large_objects[] =
    "SELECT pg_catalog.count(*) FROM pg_catalog.pg_largeobject_metadata m "
    "WHERE pg_catalog.current_setting('lo_compat_privileges') = 'off' "
    "AND NOT pg_catalog.pg_has_role(m.lomowner, 'USAGE') AND NOT EXISTS ("
    "SELECT FROM pg_catalog.aclexplode(m.lomacl) a WHERE a.privilege_type = 'SELECT' "
    "AND (a.grantee = 0 OR pg_catalog.pg_has_role(a.grantee, 'USAGE')))";

static const char large_objects_18[] =
    "SELECT pg_catalog.count(*) FROM pg_catalog.pg_largeobject_metadata m "
    "WHERE NOT pg_catalog.has_largeobject_privilege(m.oid, 'SELECT')";

/* One kind of trouble: how to ask for it, and what to say about it. */
struct finding {
    const char *condition;
    bool of_data;
    const char *what;   /* after `role "x" ` and before the number of relations */
    const char *remedy; /* before the role's name */
    const char *otherwise;
};

/* The first few by name: a full list would be longer than an error can be. */
static int report(struct server *server, const struct finding *finding,
                  const PGresult *rows, struct err *err)
{
    int count = PQntuples(rows);
    struct text names;
    text_init(&names, 300);
    for (int i = 0; i < count && i < NAMES_SHOWN; i++)
        text_addf(&names, "%s%s", i > 0 ? ", " : "", PQgetvalue(rows, i, 0));
    if (count > NAMES_SHOWN)
        text_add(&names, ", …");
    err_set(err, ERR_DATABASE, "database \"%s\": role \"%s\" %s %d: %s",
            server_database(server), server_user(server), finding->what, count, names.data);
    text_release(&names);
    return err_hint(err, "%s \"%s\"%s", finding->remedy, server_user(server),
                    finding->otherwise);
}

/* Ask for all relations with this trouble that the filters leave in; one is enough. */
static int look_for(struct server *server, const struct finding *finding,
                    const struct dump_filters *filters, struct err *err)
{
    struct text sql;
    PGresult *rows = NULL;
    text_init(&sql, SQL_MAX);
    text_addf(&sql, "%s" SERVER_DUMPED "%s", select_names, finding->condition);
    server_pattern_add_filters(server, &sql, filters, finding->of_data);
    text_add(&sql, "ORDER BY n.nspname, c.relname");
    int result = text_check(&sql, "the query for the filters", err);
    if (result == 0)
        rows = server_query(server, "checking the privileges", sql.data, NULL, err);
    if (rows == NULL)
        result = -1;
    else if (PQntuples(rows) > 0)
        result = report(server, finding, rows, err);
    PQclear(rows);
    text_release(&sql);
    return result;
}

/* pg_dump leaves large objects out when schemas or tables are chosen. */
static int check_large_objects(struct server *server, const struct dump_filters *filters,
                               struct err *err)
{
    const char *sql = server_version(server) < 180000 ? large_objects : large_objects_18;
    if (filters != NULL && filters->schemas.count + filters->tables.count > 0)
        return 0;
    int64_t count = server_query_count(server, "checking the privileges", sql, NULL, err);
    if (count <= 0)
        return (int)count;
    err_set(err, ERR_DATABASE,
            "database \"%s\": role \"%s\" may not read %lld large objects",
            server_database(server), server_user(server), (long long)count);
    return err_hint(err, "dump as their owner or as a superuser, or choose schemas");
}

int server_preflight(struct server *server, const struct dump_filters *filters,
                     bool with_data, struct err *err)
{
    /* What to grant is the shortest that this server knows. */
    bool has_read_all = server_version(server) >= 140000;
    const char *grant = has_read_all ? "GRANT pg_read_all_data TO"
                                     : "GRANT SELECT on them and USAGE on their schemas TO";
    const struct finding findings[] = {
        {unreadable, false, "may not read all tables; not", grant, ", or exclude them"},
        {unreadable_sequences, true, "may not read all sequences; not", grant,
         ", or exclude them"},
        {hidden_rows, true, "would not see every row, because of row-level security, of",
         "ALTER ROLE", " BYPASSRLS, or exclude the tables"},
    };
    /* In this order: what cannot be read at all is worse than rows that would be
     * missing. */
    for (size_t i = 0; i < sizeof findings / sizeof *findings; i++)
        if ((with_data || !findings[i].of_data) &&
            look_for(server, &findings[i], filters, err) < 0)
            return -1;
    return with_data ? check_large_objects(server, filters, err) : 0;
}

/* ---- what a part of a database needs ---- */

/* What belongs to the chosen relations: themselves, and what hangs on them. */
static const char belongings[] =
    "belongs AS ("
    "SELECT 'pg_catalog.pg_class'::pg_catalog.regclass AS classid, oid AS objid FROM "
    "chosen "
    "UNION ALL SELECT 'pg_catalog.pg_class'::pg_catalog.regclass, i.indexrelid "
    "FROM pg_catalog.pg_index i JOIN chosen ON chosen.oid = i.indrelid "
    "UNION ALL SELECT 'pg_catalog.pg_attrdef'::pg_catalog.regclass, a.oid "
    "FROM pg_catalog.pg_attrdef a JOIN chosen ON chosen.oid = a.adrelid "
    "UNION ALL SELECT 'pg_catalog.pg_constraint'::pg_catalog.regclass, k.oid "
    "FROM pg_catalog.pg_constraint k JOIN chosen ON chosen.oid = k.conrelid "
    "UNION ALL SELECT 'pg_catalog.pg_trigger'::pg_catalog.regclass, t.oid "
    "FROM pg_catalog.pg_trigger t JOIN chosen ON chosen.oid = t.tgrelid "
    "UNION ALL SELECT 'pg_catalog.pg_policy'::pg_catalog.regclass, p.oid "
    "FROM pg_catalog.pg_policy p JOIN chosen ON chosen.oid = p.polrelid "
    "UNION ALL SELECT 'pg_catalog.pg_rewrite'::pg_catalog.regclass, r.oid "
    "FROM pg_catalog.pg_rewrite r JOIN chosen ON chosen.oid = r.ev_class), "
    /* 16384: FirstNormalObjectId; below it is what every database has. */
    "needed AS (SELECT DISTINCT d.refclassid, d.refobjid FROM pg_catalog.pg_depend d "
    "JOIN belongs USING (classid, objid) WHERE d.deptype = 'n' AND d.refobjid >= 16384) ";

/* By the kind of what is needed: its schema, when it has one. The row type of a chosen table is
 * the table's. */
static const char outside[] =
    "SELECT pg_catalog.pg_describe_object(refclassid, refobjid, 0) FROM needed "
    "LEFT JOIN pg_catalog.pg_class c ON c.oid = refobjid AND refclassid = "
    "'pg_catalog.pg_class'::pg_catalog.regclass "
    "LEFT JOIN pg_catalog.pg_type t ON t.oid = refobjid AND refclassid = "
    "'pg_catalog.pg_type'::pg_catalog.regclass "
    "LEFT JOIN pg_catalog.pg_proc p ON p.oid = refobjid AND refclassid = "
    "'pg_catalog.pg_proc'::pg_catalog.regclass "
    "WHERE coalesce(c.relnamespace, t.typnamespace, p.pronamespace) IS NOT NULL "
    "AND coalesce(c.relkind NOT IN ('i', 'I'), true) "
    "AND coalesce(c.oid, t.typrelid, 0) NOT IN (SELECT oid FROM chosen) ";

int server_missing(struct server *server, const struct dump_filters *filters,
                   struct strlist *missing, struct err *err)
{
    struct text sql;
    PGresult *rows = NULL;
    if (filters == NULL || filters->schemas.count + filters->exclude_schemas.count +
                                   filters->tables.count + filters->exclude_tables.count ==
                               0)
        return 0;
    text_init(&sql, SQL_MAX);
    text_add(&sql, "WITH chosen AS (SELECT c.oid " SERVER_DUMPED);
    server_pattern_add_filters(server, &sql, filters, false);
    text_addf(&sql, "), %s%s", belongings, outside);
    /* pg_dump --table dumps tables and nothing else; otherwise what the schemas hold. */
    if (filters->tables.count == 0) {
        struct dump_filters schemas = {.schemas = filters->schemas,
                                       .exclude_schemas = filters->exclude_schemas};
        text_add(&sql, "AND (c.relkind IN ('r', 'p', 'v', 'm', 'f') OR "
                       "coalesce(c.relnamespace, t.typnamespace, p.pronamespace) NOT IN ("
                       "SELECT n.oid FROM pg_catalog.pg_namespace n WHERE true ");
        server_pattern_add_filters(server, &sql, &schemas, false);
        text_add(&sql, ")) ");
    }
    text_add(&sql, "ORDER BY 1 LIMIT 100");
    int result = text_check(&sql, "the query for the filters", err);
    if (result == 0)
        rows = server_query(server, "what the filters leave out", sql.data, NULL, err);
    for (int i = 0; i < PQntuples(rows); i++)
        strlist_add(missing, PQgetvalue(rows, i, 0));
    result = rows == NULL ? -1 : 0;
    PQclear(rows);
    text_release(&sql);
    return result;
}
