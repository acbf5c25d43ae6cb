/*
 * One question to the catalogs. What is in doubt stays out: a table that is not taken costs a
 * little speed, one that is taken wrongly costs the backup.
 */
#include "postgres/copy/copy_plan.h"

#include "base/memory.h"
#include "base/parse.h"
#include "postgres/server_pattern.h"
#include "postgres/server_query.h"

enum { SQL_MAX = 1024 * 1024, TABLES_MAX = 500, TASKS_EACH = 8 };
#define MIB (UINT64_C(1) << 20)
/* Below it a table costs pg_dump about as much as the question that leaves it out. */
#define TABLE_MIN (2 * MIB)
#define TASK_MIN (8 * MIB)
#define TASK_MAX (64 * MIB)

/* Names are quoted by the server, in the encoding of this session; a pattern of pg_dump is
 * literal within double quotes (POSTGRES.md 15). */
static const char columns[] =
    "SELECT c.oid, pg_catalog.format('%I.%I', n.nspname, c.relname), "
    "(SELECT pg_catalog.string_agg(pg_catalog.quote_ident(a.attname), ', ' "
    "ORDER BY a.attnum) FROM pg_catalog.pg_attribute a WHERE a.attrelid = c.oid "
    "AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''), "
    "'\"' || pg_catalog.replace(n.nspname, '\"', '\"\"') || '\".\"' || "
    "pg_catalog.replace(c.relname, '\"', '\"\"') || '\"', "
    "pg_catalog.pg_relation_size(c.oid), pg_catalog.pg_table_size(c.oid), "
    "pg_catalog.current_setting('block_size') ";

/* What is left of the dumped ones. A temporary table of another session is in none of the
 * schemas that are dumped; an unlogged one cannot be read on a standby. */
static const char usual[] =
    "AND c.relkind = 'r' AND c.relpersistence = 'p' "
    "AND c.relam = (SELECT m.oid FROM pg_catalog.pg_am m WHERE m.amname = 'heap') "
    "AND NOT pg_catalog.row_security_active(c.oid) "
    "AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d WHERE d.deptype = 'e' "
    "AND d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.objid = c.oid) "
    "AND EXISTS (SELECT FROM pg_catalog.pg_attribute a WHERE a.attrelid = c.oid "
    "AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = '') "
    /* The operator class of a type that is no type of its own (any enum, any array, any
     * record): its hashes depend on numbers that differ between clusters (POSTGRES.md 14). */
    "AND NOT EXISTS (SELECT FROM pg_catalog.pg_partition_ancestors(c.oid) r "
    "JOIN pg_catalog.pg_partitioned_table p ON p.partrelid = r.relid, "
    "pg_catalog.unnest(p.partclass) k JOIN pg_catalog.pg_opclass o ON o.oid = k "
    "JOIN pg_catalog.pg_type t ON t.oid = o.opcintype "
    "WHERE p.partstrat = 'h' AND t.typtype = 'p') ";

static int take_number(const PGresult *rows, int row, int column, uint64_t *out,
                       struct err *err)
{
    int64_t number = 0;
    /* NULL: a table that was dropped in this moment. */
    if (!PQgetisnull(rows, row, column) &&
        parse_int(PQgetvalue(rows, row, column), 0, INT64_MAX, &number, err) < 0)
        return err_set(err, ERR_DATABASE, "sizes of tables: unexpected answer");
    *out = (uint64_t)number;
    return 0;
}

int copy_plan_ask(struct server *server, const struct dump_filters *filters,
                  struct copy_plan *plan, struct err *err)
{
    struct text sql;
    PGresult *rows = NULL;
    *plan = (struct copy_plan){.has_ranges = server_version(server) >= 140000};
    /* pg_dump's own choice first, with the rows that its filters leave out; of these what is
     * usual and large. */
    text_init(&sql, SQL_MAX);
    text_addf(&sql, "%s" SERVER_DUMPED "%s", columns, usual);
    server_pattern_add_filters(server, &sql, filters, true);
    text_addf(&sql,
              "AND pg_catalog.pg_table_size(c.oid) >= %llu "
              "ORDER BY 6 DESC, c.oid LIMIT %d",
              (unsigned long long)TABLE_MIN, TABLES_MAX);
    int result = text_check(&sql, "the query for the filters", err);
    if (result == 0)
        rows = server_query(server, "large tables", sql.data, NULL, err);
    /* Nothing to take is an empty plan, and the dump is pg_dump's alone. */
    if (rows == NULL)
        result = -1;
    int count = PQntuples(rows);
    plan->tables = memory_array((size_t)count + 1, sizeof *plan->tables);
    for (int i = 0; i < count && result == 0; i++) {
        /* Counted before it is filled: whatever fails, the plan can be released. */
        struct copy_table *table = &plan->tables[plan->table_count++];
        table->oid = server_take_value(rows, i, 0);
        table->name = server_take_value(rows, i, 1);
        table->columns = server_take_value(rows, i, 2);
        table->pattern = server_take_value(rows, i, 3);
        if (take_number(rows, i, 4, &table->heap_bytes, err) < 0 ||
            take_number(rows, i, 5, &table->bytes, err) < 0 ||
            take_number(rows, i, 6, &plan->block_size, err) < 0)
            result = -1;
        plan->bytes += table->bytes;
    }
    PQclear(rows);
    text_release(&sql);
    return result;
}

static int compare_tasks(const void *left, const void *right)
{
    const struct copy_task *a = left, *b = right;
    if (a->bytes != b->bytes)
        return a->bytes < b->bytes ? 1 : -1;
    /* Of one table in the order of its rows, for whoever reads the dump. */
    if (a->table != b->table)
        return a->table < b->table ? -1 : 1;
    return a->from < b->from ? -1 : a->from > b->from;
}

void copy_plan_cut(struct copy_plan *plan, unsigned workers)
{
    size_t capacity = 0;
    uint64_t size = plan->bytes / (workers * TASKS_EACH);
    /* Small enough that all end at about the same time, large enough that their start is
     * nothing. */
    size = size < TASK_MIN ? TASK_MIN : size > TASK_MAX ? TASK_MAX : size;
    for (size_t i = 0; i < plan->table_count; i++) {
        const struct copy_table *table = &plan->tables[i];
        /* The weight says into how many pieces, the blocks where they are cut: there are never
         * more pieces than blocks. */
        uint64_t blocks = table->heap_bytes / plan->block_size;
        uint64_t parts = (table->bytes + size - 1) / size;
        if (parts > blocks)
            parts = blocks;
        if (parts < 1 || !plan->has_ranges)
            parts = 1;
        memory_grow(&plan->tasks, &capacity, plan->task_count + parts, sizeof *plan->tasks);
        /* Without a gap, and the last one without an end: rows of this snapshot may lie behind
         * the size that was asked for (POSTGRES.md 12). */
        for (uint64_t part = 0; part < parts; part++)
            plan->tasks[plan->task_count++] = (struct copy_task){
                .table = table,
                .whole = parts == 1,
                .from = blocks * part / parts,
                .to = part + 1 < parts ? blocks * (part + 1) / parts : COPY_PLAN_OPEN,
                .bytes = table->bytes / parts,
            };
    }
    if (plan->task_count > 1)
        qsort(plan->tasks, plan->task_count, sizeof *plan->tasks, compare_tasks);
}

void copy_plan_release(struct copy_plan *plan)
{
    for (size_t i = 0; i < plan->table_count; i++) {
        struct copy_table *table = &plan->tables[i];
        free(table->oid);
        free(table->name);
        free(table->columns);
        free(table->pattern);
    }
    free(plan->tables);
    free(plan->tasks);
    *plan = (struct copy_plan){0};
}
