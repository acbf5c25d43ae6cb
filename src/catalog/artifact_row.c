/*
 * One line per column says which of the three statements write it: a fact that is written
 * when the row is made cannot be changed by the end of the backup, and the other way round.
 * What no statement writes here (phase, progress_*) is written by catalog_artifact_progress
 * alone.
 */
#include "catalog/artifact_row.h"

#include "base/memory.h"
#include "catalog/artifact_list.h"
#include "catalog/db/states.h"

#define INSERT ARTIFACT_ROW_INSERT
#define FINISH ARTIFACT_ROW_FINISH
#define IMPORT ARTIFACT_ROW_IMPORT

/* Which statements write a column. */
#define NEW (INSERT | IMPORT)           /* decided before the dump */
#define BOTH (INSERT | FINISH | IMPORT) /* what may be known better at the end */
#define END (FINISH | IMPORT)           /* known only when it is over */
#define AT(field) offsetof(struct catalog_artifact, field)

static const struct record_column columns[] = {
    /* what it is */
    {"id", RECORD_CHARS, NEW, AT(id), ULID_SIZE, NULL},
    {"seq", RECORD_INT, NEW, AT(seq), 0, NULL},
    {"job", RECORD_FILLED, NEW, AT(job), 0, NULL},
    {"source", RECORD_FILLED, NEW, AT(source), 0, NULL},
    {"origin", RECORD_FILLED, NEW, AT(origin), 0, NULL},
    {"database", RECORD_FILLED, NEW, AT(database), 0, NULL},
    {"type", RECORD_FILLED, NEW, AT(type), 0, NULL},
    {"format", RECORD_FILLED, NEW, AT(format), 0, NULL},
    {"compression", RECORD_FILLED, NEW, AT(compression), 0, NULL},
    {"level", RECORD_INT, NEW, AT(level), 0, NULL},
    /* how far it came, and when */
    {"status", RECORD_WORD, NEW | FINISH, AT(status), CATALOG_STATUSES, states_statuses},
    {"time", RECORD_INT, BOTH, AT(time), 0, NULL},
    {"started", RECORD_INT, NEW, AT(started), 0, NULL},
    {"finished", RECORD_INT, END, AT(finished), 0, NULL},
    {"created", RECORD_INT, NEW, AT(created), 0, NULL},
    {"updated", RECORD_INT, BOTH, AT(updated), 0, NULL},
    {"duration_ms", RECORD_INT, END, AT(duration_ms), 0, NULL},
    /* what came of the dump */
    {"raw_bytes", RECORD_SIZE, END, AT(raw_bytes), 0, NULL},
    {"stored_bytes", RECORD_SIZE, END, AT(stored_bytes), 0, NULL},
    {"sha256", RECORD_TEXT, END, AT(sha256), 0, NULL},
    {"raw_sha256", RECORD_TEXT, END, AT(raw_sha256), 0, NULL},
    {"encoding", RECORD_TEXT, END, AT(encoding), 0, NULL},
    /* what people call it */
    {"name", RECORD_TEXT, NEW, AT(name), 0, NULL},
    {"description", RECORD_TEXT, NEW, AT(description), 0, NULL},
    /* why it failed; with what it was made */
    {"error_code", RECORD_TEXT, END, AT(error_code), 0, NULL},
    {"error_message", RECORD_TEXT, END, AT(error_message), 0, NULL},
    {"tries", RECORD_INT, BOTH, AT(tries), 0, NULL},
    {"server_version", RECORD_TEXT, BOTH, AT(server_version), 0, NULL},
    {"pg_dump_version", RECORD_TEXT, BOTH, AT(pg_dump_version), 0, NULL},
    {"pgkeep_version", RECORD_TEXT, BOTH, AT(pgkeep_version), 0, NULL},
    {"hostname", RECORD_TEXT, BOTH, AT(hostname), 0, NULL},
    /* how far a running one is */
    {"phase", RECORD_TEXT, 0, AT(progress.phase), 0, NULL},
    {"progress_raw", RECORD_SIZE, 0, AT(progress.raw_bytes), 0, NULL},
    {"progress_stored", RECORD_SIZE, 0, AT(progress.stored_bytes), 0, NULL},
    {"progress_estimate", RECORD_SIZE, INSERT, AT(progress.estimate), 0, NULL},
    {"progress_updated", RECORD_INT, 0, AT(progress.updated), 0, NULL},
    /* what people and the anomaly gate decided */
    {"pinned", RECORD_BOOL, NEW, AT(pinned), 0, NULL},
    {"pin_until", RECORD_INT, NEW, AT(pin_until), 0, NULL},
    {"pin_reason", RECORD_TEXT, NEW, AT(pin_reason), 0, NULL},
    {"pin_changed", RECORD_INT, NEW, AT(pin_changed), 0, NULL},
    {"suspect", RECORD_BOOL, NEW, AT(suspect), 0, NULL},
    {"quarantined", RECORD_BOOL, NEW, AT(quarantined), 0, NULL},
    /* whose it is while it runs; sums of its tables; its group */
    {"owner", RECORD_TEXT, INSERT, AT(owner), 0, NULL},
    {"table_count", RECORD_INT, END, AT(table_count), 0, NULL},
    {"row_count", RECORD_INT, END, AT(row_count), 0, NULL},
    {"accepted", RECORD_INT, NEW, AT(accepted), 0, NULL},
    {"accept_reason", RECORD_TEXT, NEW, AT(accept_reason), 0, NULL},
    {"filters_hash", RECORD_CHARS, NEW, AT(filters_hash), CATALOG_FILTERS_HASH_SIZE, NULL},
};
const struct record artifact_row = {columns, sizeof columns / sizeof *columns};

int artifact_row_status(struct catalog *catalog, const char *id,
                        enum catalog_status *status, struct err *err)
{
    struct sql sql;
    char name[32] = "";
    *status = CATALOG_STATUSES; /* which is no word of the column: no row */
    sql_prepare(&sql, catalog, "SELECT status FROM artifacts WHERE id = ?", err);
    sql_bind_text(&sql, id);
    if (sql_row(&sql))
        sql_chars(&sql, name, sizeof name);
    if (sql_end(&sql) < 0)
        return -1;
    if (catalog_status_from_name(name, status))
        return 0;
    return err_set(err, ERR_NOT_FOUND, "the catalog knows no artifact %s", id);
}

/* A change found no row: which status it has now is the message. */
int artifact_row_refuse(struct catalog *catalog, const char *id, const char *what,
                        struct err *err)
{
    enum catalog_status status = CATALOG_STATUSES;
    if (artifact_row_status(catalog, id, &status, err) < 0)
        return -1;
    return err_set(err, ERR_UNSAFE, "artifact %s is %s: %s", id,
                   catalog_status_name(status), what);
}

int artifact_row_change(struct sql *sql, const char *id, const char *what)
{
    int64_t changed = 0;
    /* Kept: the statement has ended when it is asked why nothing was changed. */
    struct catalog *catalog = sql->catalog;
    struct err *err = sql->err;
    if (sql_run(sql, &changed) < 0)
        return -1;
    return changed > 0 ? 0 : artifact_row_refuse(catalog, id, what, err);
}

/* ---- the struct ---- */

/* What is never NULL when read is not NULL when made either: no caller checks for both. */
void catalog_artifact_init(struct catalog_artifact *artifact)
{
    *artifact = (struct catalog_artifact){0};
    artifact->job = memory_strdup("");
    artifact->source = memory_strdup("");
    artifact->origin = memory_strdup("");
    artifact->database = memory_strdup("");
    artifact->type = memory_strdup("");
    artifact->format = memory_strdup("");
    artifact->compression = memory_strdup("");
}

void catalog_artifact_release(struct catalog_artifact *artifact)
{
    /* The columns by their table; what hangs on them, by hand. */
    record_release(&artifact_row, artifact);
    catalog_pairs_release(&artifact->tags);
    catalog_pairs_release(&artifact->filters);
    catalog_pairs_release(&artifact->contents);
    for (size_t i = 0; i < artifact->tables_count; i++) {
        free(artifact->tables[i].schema);
        free(artifact->tables[i].name);
    }
    free(artifact->tables);
    for (size_t i = 0; i < artifact->copy_count; i++)
        catalog_copy_release(&artifact->copies[i]);
    free(artifact->copies);
    *artifact = (struct catalog_artifact){0};
}

void catalog_artifact_add_table(struct catalog_artifact *artifact, const char *schema,
                                const char *name, int64_t rows, uint64_t raw_bytes)
{
    memory_grow(&artifact->tables, &artifact->tables_capacity, artifact->tables_count + 1,
                sizeof *artifact->tables);
    artifact->tables[artifact->tables_count++] =
        (struct catalog_table){.schema = memory_strdup(schema),
                               .name = memory_strdup(name),
                               .rows = rows,
                               .raw_bytes = raw_bytes};
}

/* ---- what hangs on a row ---- */

static int add_in_order(struct catalog *catalog, int64_t number, const char *statement,
                        const struct catalog_pairs *pairs, struct err *err)
{
    for (size_t i = 0; i < pairs->count; i++) {
        struct sql sql;
        sql_prepare(&sql, catalog, statement, err);
        sql_bind(&sql, "%jd %jd %s %s", number, (int64_t)i, pairs->items[i].name,
                 pairs->items[i].value);
        if (sql_run(&sql, NULL) < 0)
            return -1;
    }
    return 0;
}

int artifact_row_add_tags(struct catalog *catalog, int64_t number,
                          const struct catalog_artifact *artifact, struct err *err)
{
    struct sql sql;
    /* A tag has one value: the same name twice is refused by the table. */
    for (size_t i = 0; i < artifact->tags.count; i++) {
        const struct catalog_pair *tag = &artifact->tags.items[i];
        sql_prepare(&sql, catalog,
                    "INSERT INTO tags (artifact, name, value) VALUES (?, ?, ?)", err);
        sql_bind(&sql, "%jd %s %s", number, tag->name, tag->value);
        if (sql_run(&sql, NULL) < 0)
            return err_context(err, "tag \"%s\"", tag->name);
    }

    /* A filter may have many patterns; they keep the order they were given in. */
    if (add_in_order(
            catalog, number,
            "INSERT INTO filters (artifact, position, name, value) VALUES (?, ?, ?, ?)",
            &artifact->filters, err) < 0)
        return -1;
    return add_in_order(
        catalog, number,
        "INSERT INTO contents (artifact, position, name, value) VALUES (?, ?, ?, ?)",
        &artifact->contents, err);
}

/* In the order of the dump, which `show` keeps. By its id, since who ends a backup knows
 * no more. */
int artifact_row_add_tables(struct catalog *catalog,
                            const struct catalog_artifact *artifact, struct err *err)
{
    for (size_t i = 0; i < artifact->tables_count; i++) {
        const struct catalog_table *table = &artifact->tables[i];
        struct sql sql;
        sql_prepare(&sql, catalog,
                    "INSERT INTO tables (artifact, position, schema, name, rows, raw_bytes)"
                    " VALUES ((SELECT number FROM artifacts WHERE id = ?), ?, ?, ?, ?, ?)",
                    err);
        sql_bind(&sql, "%s %jd %s %s %jd %ju", artifact->id, (int64_t)i, table->schema,
                 table->name, table->rows, table->raw_bytes);
        if (sql_run(&sql, NULL) < 0)
            return -1;
    }
    return 0;
}

int artifact_row_load_children(struct catalog *catalog, int64_t number, unsigned with,
                               struct catalog_artifact *artifact, struct err *err)
{
    /* Few, and wanted by nearly everybody. */
    if (pairs_load(catalog, "SELECT name, value FROM tags WHERE artifact = ? ORDER BY name",
                   number, &artifact->tags, err) < 0 ||
        pairs_load(catalog,
                   "SELECT name, value FROM filters WHERE artifact = ? ORDER BY position",
                   number, &artifact->filters, err) < 0 ||
        pairs_load(catalog,
                   "SELECT name, value FROM contents WHERE artifact = ? ORDER BY position",
                   number, &artifact->contents, err) < 0)
        return -1;

    /* Maybe thousands: only for who asks. */
    if ((with & CATALOG_WITH_TABLES) != 0) {
        struct sql sql;
        sql_prepare(&sql, catalog,
                    "SELECT schema, name, rows, raw_bytes FROM tables WHERE artifact = ?"
                    " ORDER BY position",
                    err);
        sql_bind_int(&sql, number);
        while (sql_row(&sql)) {
            /* In the order of the columns: each call reads the next one. */
            char *schema = sql_text(&sql);
            char *name = sql_text(&sql);
            int64_t rows = sql_int(&sql);
            catalog_artifact_add_table(artifact, schema, name, rows,
                                       (uint64_t)sql_int(&sql));
            free(schema);
            free(name);
        }
        if (sql_end(&sql) < 0)
            return -1;
    }
    if ((with & CATALOG_WITH_COPIES) != 0) {
        struct catalog_copies copies = {0};
        /* Also after an error: what was read is released with the artifact. */
        int result = catalog_copies_of(catalog, artifact->id, &copies, err);
        artifact->copies = copies.items;
        artifact->copy_count = copies.count;
        return result;
    }
    return 0;
}

void artifact_row_count_tables(struct catalog_artifact *artifact)
{
    /* No list: the counts may have been given by themselves. */
    if (artifact->tables_count == 0)
        return;
    /* Sums of the list, so that lists of artifacts need not read it. */
    artifact->table_count = (int64_t)artifact->tables_count;
    artifact->row_count = 0;
    for (size_t i = 0; i < artifact->tables_count; i++) {
        /* One table that was not counted makes the sum unknown, not smaller. */
        if (artifact->tables[i].rows == CATALOG_UNKNOWN_ROWS) {
            artifact->row_count = CATALOG_UNKNOWN_ROWS;
            return;
        }
        artifact->row_count += artifact->tables[i].rows;
    }
}
