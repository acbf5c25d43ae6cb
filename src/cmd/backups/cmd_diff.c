/*
 * `diff`: what changed between two backups. It only tells; whether that is good or bad nobody here
 * knows, so the exit status is 0 either way.
 */
#include "backup/artifact_diff.h"
#include "base/memory.h"
#include "cmd/cmd.h"
#include "cmd/output.h"
#include "report/artifact_name.h"
#include "report/diff_json.h"

enum { CELL_MAX = 4096 };

/* "100 -> 120 (+20)"; of an unknown count "?". */
static void rows_cell(struct output_table *table, const struct artifact_diff_table *one)
{
    if (one->rows[0] < 0 || one->rows[1] < 0)
        output_table_cell(table, NULL);
    else
        output_table_cellf(table, "%lld -> %lld (%+lld)", (long long)one->rows[0],
                           (long long)one->rows[1],
                           (long long)(one->rows[1] - one->rows[0]));
}

static void table_row(struct output_table *table, const struct artifact_diff_table *one)
{
    char before[32], now[32];
    struct text name;
    text_init(&name, CELL_MAX);
    text_add(&name, "rows of ");
    if (*one->schema != '\0')
        text_addf(&name, "%s.", one->schema);
    text_add(&name, one->name);
    output_table_cell(table, artifact_change_name(one->change));
    rows_cell(table, one);
    output_table_cellf(table, "%s -> %s", text_size(before, one->raw_bytes[0]),
                       text_size(now, one->raw_bytes[1]));
    output_table_cell(table, name.data);
    text_release(&name);
}

static void show(struct session *session, const struct catalog_artifact sides[2],
                 const struct artifact_diff *diff)
{
    static const struct output_column columns[] = {{"CHANGE", OUTPUT_LEFT},
                                                   {"ROWS", OUTPUT_RIGHT},
                                                   {"SIZE", OUTPUT_RIGHT},
                                                   {"WHAT", OUTPUT_LEFT}};
    struct output_table table;
    output_table_init(&table, columns, sizeof columns / sizeof *columns);
    /* Which is older stands first, whatever the order of the arguments meant. */
    for (int i = 0; i < 2; i++) {
        char id[ULID_SIZE], time[32], size[32];
        output_linef("%s %s  %s  database \"%s\"  %s", i == 0 ? "before" : "now   ",
                     cmd_short_id(session_catalog(session), sides[i].id, id),
                     output_time(time, sides[i].time), sides[i].database,
                     text_size(size, sides[i].raw_bytes));
    }
    for (size_t i = 0; i < diff->table_count; i++)
        table_row(&table, &diff->tables[i]);
    for (size_t i = 0; i < diff->definition_count; i++) {
        const struct artifact_diff_definition *one = &diff->definitions[i];
        output_table_cell(&table, artifact_change_name(one->change));
        output_table_cell(&table, NULL);
        output_table_cell(&table, NULL);
        output_table_cell(&table, one->label);
    }
    output_table_print(&table);
    output_table_release(&table);
    if (diff->table_count + diff->definition_count == 0)
        output_linef("no difference is known: the same tables with as many rows%s",
                     diff->definitions_compared ? ", the same definitions" : "");
    /* Silence would read as "the same". */
    if (!diff->rows_compared)
        output_linef("rows were not compared: one of the two holds none, or is an archive, "
                     "whose rows are not counted");
    if (!diff->definitions_compared)
        output_linef("definitions were not compared: one of the two holds none");
}

static int work(struct cmd_context *ctx, struct session *session, struct err *err)
{
    struct catalog_artifact sides[2] = {0};
    struct artifact_diff diff = {0};
    char *store = NULL;
    int result = cmd_store_name(ctx, session, &store, err);
    for (size_t i = 0; i < 2 && result == 0; i++)
        result = cmd_load_argument(
            ctx, session, i, CATALOG_WITH_COPIES | CATALOG_WITH_TABLES, &sides[i], err);
    struct artifact_diff_spec spec = {
        .before = {.session = session, .artifact = &sides[0], .store = store},
        .now = {.session = session, .artifact = &sides[1], .store = store}};
    if (result == 0)
        result = artifact_diff_run(&spec, &diff, err);
    if (result == 0 && ctx->settings->json)
        output_json(diff_json(&sides[0], &sides[1], &diff));
    else if (result == 0)
        show(session, sides, &diff);
    artifact_diff_release(&diff);
    for (size_t i = 0; i < 2; i++)
        catalog_artifact_release(&sides[i]);
    free(store);
    return cmd_end(session, result, err);
}

/* For writing: leases keep a prune from both meanwhile. */
static int run(struct cmd_context *ctx, struct err *err)
{
    const struct session_spec spec = {.kind = "diff", .catalog = SESSION_WRITE};
    return cmd_run_shown(ctx, &spec, work, err);
}

const struct command cmd_diff = {
    .name = "diff",
    .usage = "ID ID [options]",
    .summary = "show what changed between two backups, without a database",
    .about =
        "The older one first. Tables that came, went, grew or shrank, by rows and bytes;\n"
        "definitions (tables, columns, indexes, functions, rights ...) that came, went\n"
        "or read otherwise: --json has both texts. No row is read. A table that changed\n"
        "has as many rows and bytes as before, but others. Another version of pg_dump may\n"
        "write the same definition in other words. The exit status is 0 either way.\n"
        "\n"
        "  pgkeep diff 01JD7XK2M4 latest:nightly/shop\n"
        "  pgkeep diff 01JD7XK2M4 01JD9ZR5TB --json | jq '.definitions[].name'\n",
    .min_args = 2,
    .max_args = 2,
    .run = run,
};
