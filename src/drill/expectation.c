/*
 * What pg_dump makes by one statement each is counted by statements. The words are those of
 * statement.c's table.
 */
#include "drill/expectation.h"

#include "base/memory.h"
#include "base/parse.h"
#include "postgres/dump.h"

/* Which statements make which kind of thing. */
static const struct made {
    enum inspect_kind kind;
    enum statement_action action;
    const char *type;
} made[] = {
    {INSPECT_INDEXES, STATEMENT_ADD, "index"},
    {INSPECT_CONSTRAINTS, STATEMENT_ADD, "constraint"},
    {INSPECT_FOREIGN_KEYS, STATEMENT_FOREIGN_KEY, "foreign key"},
    {INSPECT_FUNCTIONS, STATEMENT_CREATE, "function"},
    {INSPECT_FUNCTIONS, STATEMENT_CREATE, "procedure"},
    {INSPECT_FUNCTIONS, STATEMENT_CREATE, "aggregate"},
    {INSPECT_TRIGGERS, STATEMENT_ADD, "trigger"},
    {INSPECT_POLICIES, STATEMENT_ADD, "policy"},
    {INSPECT_LARGE_OBJECTS, STATEMENT_CREATE, "large object"},
};
/* A view may be made twice, so relations are counted by name. */
static const struct relation_kind {
    enum inspect_kind kind;
    const char *type;
} relations[] = {
    {INSPECT_TABLES, "table"},
    {INSPECT_FOREIGN_TABLES, "foreign table"},
    {INSPECT_VIEWS, "view"},
    {INSPECT_MATERIALIZED_VIEWS, "materialized view"},
};

static void count_statement(const struct statement *statement,
                            int64_t counts[INSPECT_KINDS])
{
    for (size_t i = 0; i < sizeof made / sizeof *made; i++)
        if (statement->action == made[i].action &&
            strcmp(statement->type, made[i].type) == 0)
            counts[made[i].kind]++;
}

/* SELECT pg_catalog.setval('public.s', 5, true); */
static void add_sequence(struct expectation *out, const struct statement *statement)
{
    struct sql_cursor cursor;
    struct sql_token token;
    int64_t value = 0;
    struct err ignored = {0};
    sql_cursor_init(&cursor, statement->text, statement->size);
    do
        token = sql_next(&cursor);
    while (token.kind != SQL_STRING && token.kind != SQL_END);
    if (token.kind == SQL_END || statement->of.name == NULL || !sql_mark(&cursor, ','))
        return;
    /* The sign is a mark of its own; a number is a word. */
    const char *sign = sql_mark(&cursor, '-') ? "-" : "";
    char *digits = sql_identifier(&cursor);
    char *number = memory_format("%s%s", sign, digits != NULL ? digits : "");
    bool read = parse_int(number, INT64_MIN, INT64_MAX, &value, &ignored) == 0 &&
                sql_mark(&cursor, ',');
    free(number);
    free(digits);
    if (!read)
        return;
    struct inspect_sequence *one =
        memory_append(&out->sequences.items, &out->sequences.count,
                      &out->sequences.capacity, sizeof *one);
    *one = (struct inspect_sequence){.schema = memory_strdup(statement->of.schema),
                                     .name = memory_strdup(statement->of.name),
                                     .value = value,
                                     .called = sql_keyword(&cursor, "true")};
}

static void add_tables(struct expectation *out, const struct catalog_artifact *artifact)
{
    out->tables = memory_array(artifact->tables_count + 1, sizeof *out->tables);
    /* An archive's rows are not counted; without definitions alone there are none. */
    out->rows_told = strcmp(artifact->format, dump_format_name(DUMP_PLAIN)) == 0 ||
                     strcmp(artifact->type, dump_type_name(DUMP_SCHEMA)) == 0;
    for (size_t i = 0; i < artifact->tables_count; i++) {
        const struct catalog_table *table = &artifact->tables[i];
        bool known = table->rows != CATALOG_UNKNOWN_ROWS;
        out->rows_told = out->rows_told && known;
        out->tables[i] = (struct comparison_table){
            table->schema, table->name, known ? table->rows : COMPARISON_UNKNOWN, false};
    }
}

void expectation_make(const struct catalog_artifact *artifact,
                      const struct outline *outline, bool complete, struct expectation *out)
{
    *out = (struct expectation){0};
    add_tables(out, artifact);
    out->side.tables = out->tables;
    out->side.table_count = artifact->tables_count;
    if (outline == NULL) {
        for (size_t i = 0; i < INSPECT_KINDS; i++)
            out->side.counts[i] = COMPARISON_UNKNOWN;
        return;
    }
    for (size_t i = 0; i < outline->count; i++) {
        count_statement(&outline->items[i], out->side.counts);
        if (outline->items[i].action == STATEMENT_SEQUENCE_SET)
            add_sequence(out, &outline->items[i]);
    }
    for (size_t i = 0; i < outline->relation_count; i++)
        for (size_t j = 0; j < sizeof relations / sizeof *relations; j++)
            if (outline->relations[i].created &&
                strcmp(outline->relations[i].type, relations[j].type) == 0)
                out->side.counts[relations[j].kind]++;
    /* pg_restore takes them for data, which was left out. */
    if (!complete)
        out->side.counts[INSPECT_LARGE_OBJECTS] = COMPARISON_UNKNOWN;
    out->side.sequences = out->sequences.items;
    out->side.sequence_count = out->sequences.count;
}

void expectation_compare_catalog(const struct catalog_artifact *manifest,
                                 const struct catalog_artifact *catalog,
                                 struct comparison *out)
{
    struct sql_map map = {0};
    for (size_t i = 0; i < catalog->tables_count; i++)
        (void)sql_map_add(&map, catalog->tables[i].schema, catalog->tables[i].name, i);
    for (size_t i = 0; i < manifest->tables_count; i++) {
        const struct catalog_table *table = &manifest->tables[i];
        const size_t *at = sql_map_find(&map, table->schema, table->name);
        if (at != NULL && catalog->tables[*at].rows == table->rows)
            continue;
        char *name = sql_name_text(table->schema, table->name);
        comparison_add(out, "the manifest's table %s is not that of the catalog", name);
        free(name);
    }
    if (manifest->tables_count < catalog->tables_count)
        comparison_add(out, "the manifest has %zu tables, the catalog %zu",
                       manifest->tables_count, catalog->tables_count);
    sql_map_release(&map);
}

void expectation_release(struct expectation *expectation)
{
    free(expectation->tables);
    inspect_sequences_release(&expectation->sequences);
    *expectation = (struct expectation){0};
}
