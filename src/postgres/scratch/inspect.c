/*
 * One question for each kind. Members of extensions are left out by pg_depend, things on their tables
 * by the table.
 */
#include "postgres/scratch/inspect.h"

#include "base/memory.h"
#include "base/parse.h"
#include "postgres/server_query.h"

enum { SQL_MAX = 64 * 1024 };

/* Neither the system's nor a session's. */
#define OF_USERS "n.nspname <> 'information_schema' AND n.nspname !~ '^pg_'"
/* `e`: member of an extension. */
#define OWN(class, column)                                                                 \
    " AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d WHERE d.classid = "               \
    "'pg_catalog." class "'::pg_catalog.regclass AND d.objid = " column                    \
                         " AND d.deptype = 'e')"
#define COUNT_RELATIONS(kinds)                                                             \
    "SELECT pg_catalog.count(*) FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace "  \
    "n ON n.oid = c.relnamespace WHERE c.relkind IN (" kinds                               \
    ") AND " OF_USERS OWN("pg_class", "c.oid")
/* Of rows of a catalog that name their table. */
#define COUNT_ON_TABLES(catalog, table, condition)                                         \
    "SELECT pg_catalog.count(*) FROM pg_catalog." catalog " o JOIN pg_catalog.pg_class c " \
    "ON c.oid = o." table " JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace "     \
    "WHERE " condition OF_USERS OWN("pg_class", "c.oid")

static const struct kind {
    const char *name, *sql;
} kinds[INSPECT_KINDS] = {
    [INSPECT_TABLES] = {"tables", COUNT_RELATIONS("'r', 'p'")},
    [INSPECT_FOREIGN_TABLES] = {"foreign tables", COUNT_RELATIONS("'f'")},
    [INSPECT_VIEWS] = {"views", COUNT_RELATIONS("'v'")},
    [INSPECT_MATERIALIZED_VIEWS] = {"materialized views", COUNT_RELATIONS("'m'")},
    [INSPECT_INDEXES] = {"indexes",
                         COUNT_ON_TABLES(
                             "pg_index", "indrelid",
                             "NOT EXISTS (SELECT FROM pg_catalog.pg_constraint k WHERE "
                             "k.conindid = o.indexrelid AND k.contype IN ('p', 'u', 'x')) "
                             "AND c.relkind IN ('r', 'p', 'm') AND ")},
    [INSPECT_CONSTRAINTS] = {"constraints",
                             COUNT_ON_TABLES("pg_constraint", "conrelid",
                                             "o.contype IN ('p', 'u', 'x') AND ")},
    /* Partitions have theirs from the parent, which alone stands in a dump. */
    [INSPECT_FOREIGN_KEYS] = {"foreign keys",
                              COUNT_ON_TABLES(
                                  "pg_constraint", "conrelid",
                                  "o.contype = 'f' AND o.conparentid = 0 AND ")},
    [INSPECT_FUNCTIONS] = {"functions",
                           "SELECT pg_catalog.count(*) FROM pg_catalog.pg_proc p JOIN "
                           "pg_catalog.pg_namespace n ON n.oid = p.pronamespace "
                           "WHERE " OF_USERS OWN("pg_proc", "p.oid")
                           /* `i`: made along with a type: constructors of a range. */
                           " AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d WHERE "
                           "d.classid = 'pg_catalog.pg_proc'::pg_catalog.regclass AND "
                           "d.objid = p.oid AND d.deptype = 'i')"},
    [INSPECT_TRIGGERS] = {"triggers",
                          COUNT_ON_TABLES("pg_trigger", "tgrelid",
                                          "NOT o.tgisinternal AND o.tgparentid = 0 AND ")},
    [INSPECT_POLICIES] = {"policies", COUNT_ON_TABLES("pg_policy", "polrelid", "")},
    [INSPECT_LARGE_OBJECTS] = {"large objects", "SELECT pg_catalog.count(*) FROM "
                                                "pg_catalog.pg_largeobject_metadata"},
};

const char *inspect_kind_name(enum inspect_kind kind)
{
    return kinds[kind].name;
}

int inspect_begin(struct server *server, const char *encoding, struct err *err)
{
    /* Texts of rows are compared by their bytes. UTC has no clock changes. */
    static const char *const settings[] = {
        "SET timezone = 'UTC'",   "SET intervalstyle = postgres",
        "SET bytea_output = hex", "SET extra_float_digits = 3",
        "SET row_security = off", "SET lc_monetary = 'C'"};
    struct text sql;
    int result = 0;
    for (size_t i = 0; result == 0 && i < sizeof settings / sizeof *settings; i++)
        result = server_execute(server, "setting up the session", settings[i], err);
    if (result < 0 || encoding == NULL)
        return result;
    text_init(&sql, 4096);
    text_add(&sql, "SET client_encoding = ");
    server_add_literal(server, &sql, encoding);
    result = text_check(&sql, "the encoding", err);
    if (result == 0)
        result = server_execute(server, "setting the encoding", sql.data, err);
    text_release(&sql);
    return result;
}

int inspect_tables(struct server *server, struct inspect_tables *out, struct err *err)
{
    static const char sql[] =
        "SELECT n.nspname, c.relname, c.relkind = 'p', c.relispartition, EXISTS (SELECT "
        "FROM "
        "pg_catalog.pg_depend d WHERE d.classid = "
        "'pg_catalog.pg_class'::pg_catalog.regclass "
        "AND d.objid = c.oid AND d.deptype = 'e') FROM pg_catalog.pg_class c JOIN "
        "pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind IN ('r', 'p') "
        "AND " OF_USERS " ORDER BY pg_catalog.pg_relation_size(c.oid) DESC, 1, 2";
    PGresult *rows = server_query(server, "tables", sql, NULL, err);
    if (rows == NULL)
        return -1;
    for (int i = 0; i < PQntuples(rows); i++) {
        struct inspect_table *table =
            memory_append(&out->items, &out->count, &out->capacity, sizeof *table);
        *table = (struct inspect_table){.schema = memory_strdup(PQgetvalue(rows, i, 0)),
                                        .name = memory_strdup(PQgetvalue(rows, i, 1)),
                                        .root = *PQgetvalue(rows, i, 2) == 't',
                                        .partition = *PQgetvalue(rows, i, 3) == 't',
                                        .extension = *PQgetvalue(rows, i, 4) == 't'};
    }
    PQclear(rows);
    return 0;
}

void inspect_tables_release(struct inspect_tables *tables)
{
    for (size_t i = 0; i < tables->count; i++) {
        free(tables->items[i].schema);
        free(tables->items[i].name);
    }
    free(tables->items);
    *tables = (struct inspect_tables){0};
}

int inspect_rows(struct server *server, const struct inspect_table *table, uint64_t *rows,
                 char **hash, struct err *err)
{
    struct text sql;
    int64_t count = 0;
    text_init(&sql, SQL_MAX);
    text_add(&sql, "SELECT pg_catalog.count(*)");
    /* A sum does not depend on the order. Each row's text is hashed to 64 bits, the same on every
     * machine of the same byte order. */
    if (hash != NULL)
        text_add(
            &sql,
            ", coalesce(pg_catalog.sum(pg_catalog.hashtextextended("
            "ROW(t.*)::pg_catalog.text, 0)::pg_catalog.numeric)::pg_catalog.text, '')");
    text_add(&sql, table->root ? " FROM " : " FROM ONLY ");
    server_add_name(server, &sql, table->schema);
    text_add_char(&sql, '.');
    server_add_name(server, &sql, table->name);
    text_add(&sql, " t");
    int result = text_check(&sql, "the name of a table", err);
    PGresult *answer = NULL;
    if (result == 0)
        answer = server_query(server, table->name, sql.data, NULL, err);
    text_release(&sql);
    if (answer == NULL)
        return -1;
    result = PQntuples(answer) == 1
                 ? parse_int(PQgetvalue(answer, 0, 0), 0, INT64_MAX, &count, err)
                 : err_set(err, ERR_DATABASE, "%s: unexpected answer", table->name);
    *rows = (uint64_t)count;
    if (result == 0 && hash != NULL)
        *hash = memory_strdup(PQgetvalue(answer, 0, 1));
    PQclear(answer);
    return result;
}

int inspect_has(struct server *server, const struct inspect_table *table, bool *known,
                struct err *err)
{
    struct text name;
    text_init(&name, SQL_MAX);
    server_add_name(server, &name, table->schema);
    text_add_char(&name, '.');
    server_add_name(server, &name, table->name);
    int64_t found = -1;
    if (text_check(&name, "the name of a table", err) == 0)
        found =
            server_query_count(server, table->name,
                               "SELECT CASE WHEN pg_catalog.to_regclass($1) IS NULL THEN 0 "
                               "ELSE 1 END",
                               name.data, err);
    text_release(&name);
    *known = found > 0;
    return found < 0 ? -1 : 0;
}

int inspect_counts(struct server *server, int64_t counts[INSPECT_KINDS], struct err *err)
{
    for (size_t i = 0; i < INSPECT_KINDS; i++) {
        counts[i] = server_query_count(server, kinds[i].name, kinds[i].sql, NULL, err);
        if (counts[i] < 0)
            return -1;
    }
    return 0;
}

/* Where one stands is a row of the sequence itself. */
static int read_value(struct server *server, struct inspect_sequence *sequence,
                      struct err *err)
{
    struct text sql;
    text_init(&sql, SQL_MAX);
    text_add(&sql, "SELECT last_value, is_called FROM ");
    server_add_name(server, &sql, sequence->schema);
    text_add_char(&sql, '.');
    server_add_name(server, &sql, sequence->name);
    int result = text_check(&sql, "the name of a sequence", err);
    PGresult *answer =
        result == 0 ? server_query(server, sequence->name, sql.data, NULL, err) : NULL;
    text_release(&sql);
    if (answer == NULL)
        return -1;
    result = PQntuples(answer) == 1 ? parse_int(PQgetvalue(answer, 0, 0), INT64_MIN,
                                                INT64_MAX, &sequence->value, err)
                                    : err_set(err, ERR_DATABASE, "unexpected answer");
    sequence->called = result == 0 && *PQgetvalue(answer, 0, 1) == 't';
    PQclear(answer);
    return result;
}

int inspect_sequences(struct server *server, struct inspect_sequences *out, struct err *err)
{
    static const char sql[] = "SELECT n.nspname, c.relname FROM pg_catalog.pg_class c JOIN "
                              "pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE "
                              "c.relkind = 'S' AND " OF_USERS;
    PGresult *rows = server_query(server, "sequences", sql, NULL, err);
    int result = rows == NULL ? -1 : 0;
    for (int i = 0; result == 0 && i < PQntuples(rows); i++) {
        struct inspect_sequence *one =
            memory_append(&out->items, &out->count, &out->capacity, sizeof *one);
        one->schema = memory_strdup(PQgetvalue(rows, i, 0));
        one->name = memory_strdup(PQgetvalue(rows, i, 1));
        result = read_value(server, one, err);
    }
    PQclear(rows);
    return result;
}

void inspect_sequences_release(struct inspect_sequences *sequences)
{
    for (size_t i = 0; i < sequences->count; i++) {
        free(sequences->items[i].schema);
        free(sequences->items[i].name);
    }
    free(sequences->items);
    *sequences = (struct inspect_sequences){0};
}

int inspect_is_true(struct server *server, const char *sql, bool *truth, struct err *err)
{
    PGresult *answer = server_query(server, "drill_checks", sql, NULL, err);
    if (answer == NULL)
        return -1;
    *truth = PQresultStatus(answer) == PGRES_TUPLES_OK && PQntuples(answer) == 1 &&
             PQnfields(answer) > 0 && strcmp(PQgetvalue(answer, 0, 0), "t") == 0;
    PQclear(answer);
    return 0;
}
