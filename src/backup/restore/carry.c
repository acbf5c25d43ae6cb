#define _GNU_SOURCE /* memrchr */
/*
 * One session that goes through a script from its begin to its end. Statements are sent as they
 * stand in the dump. Rows of a plain backup are sent by COPY statements of our own, piece by
 * piece, so that the same functions serve one session and many; those of an archive come in the
 * stream, behind the COPY that pg_restore wrote.
 */
#include "backup/restore/carry.h"

#include "base/log.h"
#include "base/memory.h"

/* Of a COPY: at most 1,600 columns of 63 bytes, each byte doubled in quotes. */
enum {
    SQL_MAX = 4 << 20,
    BATCH_BYTES = 256 * 1024 /* of small statements in one query */
};

#define PIECE_SIZE ((uint64_t)64 << 20) /* raw bytes of one COPY */

/* ---- one statement ---- */

/* The dump empties search_path, and bodies of functions with bare names find nothing then. */
static int set_search_path(const struct carry_spec *spec, struct loader *loader,
                           struct err *err)
{
    /* The user's text as SQL takes it: "a, b", with quotes where names need them. */
    char *sql = memory_format("SET search_path = %s", spec->search_path);
    int result = loader_statement(loader, sql, err);
    free(sql);
    return result < 0 ? err_context(err, "--search-path") : 0;
}

/* Which statement it was, for the reader; a cancel is nobody's fault. */
static int about_statement(const struct statement *statement, struct err *err)
{
    if (err->kind != ERR_CANCELLED) {
        char *label = statement_label(statement);
        err_context(err, "%s", label);
        free(label);
    }
    return -1;
}

int carry_text(const struct carry_spec *spec, struct loader *loader,
               const struct carry_text *text, struct err *err)
{
    const struct statement *statement = text->statement;
    int result;
    /* Settings are none: a session that goes on needs them again. */
    if (spec->ledger == NULL || statement->action == STATEMENT_STATE) {
        result = loader_statement(loader, text->sql, err);
    } else {
        struct text sql;
        text_init(&sql, SQL_MAX + statement->size);
        ledger_add(spec->ledger, &sql, text->kind,
                   (size_t)(statement - spec->script->outline.items), 1);
        text_add(&sql, text->sql);
        result = loader_statement(loader, sql.data, err);
        text_release(&sql);
    }
    return result == 0 ? 0 : about_statement(statement, err);
}

int carry_statement(const struct carry_spec *spec, struct loader *loader,
                    const struct statement *statement, struct err *err)
{
    /* The one setting of a dump that may be another. */
    if (statement->action == STATEMENT_STATE && spec->search_path != NULL &&
        strstr(statement->text, "'search_path'") != NULL)
        return set_search_path(spec, loader, err);
    struct carry_text text = {statement, statement->text, LEDGER_STATEMENT};
    return carry_text(spec, loader, &text, err);
}

/* ---- many statements ---- */

/* Nothing that takes time, ends the transaction, or may want one of its own. */
static bool goes_along(const struct statement *statement)
{
    switch (statement->action) {
    case STATEMENT_OWNED_BY:
    case STATEMENT_DEFAULT:
    case STATEMENT_COMMENT:
    case STATEMENT_OWNER:
    case STATEMENT_PRIVILEGES:
    case STATEMENT_SEQUENCE_SET:
        return true;
    case STATEMENT_ALTER:
        return statement->subject != STATEMENT_OF_DATABASE;
    case STATEMENT_CREATE:
    case STATEMENT_ATTACH:
        /* Tables are empty then. Extensions run scripts, and what else is of the whole database
         * (subscriptions) may be particular. */
        return statement->section == SECTION_PRE_DATA &&
               statement->subject != STATEMENT_OF_DATABASE;
    case STATEMENT_ADD:
        return strcmp(statement->type, "index") != 0 &&
               strcmp(statement->type, "constraint") != 0;
    case STATEMENT_OTHER:
    case STATEMENT_STATE:
    case STATEMENT_FOREIGN_KEY:
    case STATEMENT_REFRESH:
    case STATEMENT_ROWS:
    case STATEMENT_COPY:
    case STATEMENT_TRIGGERS:
        return false;
    }
    return false;
}

int carry_batch_end(struct carry_batch *batch, struct err *err)
{
    const struct statement *first = batch->spec->script->outline.items;
    size_t marks = 0, done = 0;
    struct text sql;
    if (batch->count == 0)
        return 0;
    text_init(&sql, SQL_MAX + batch->bytes);
    /* What it tells the ledger stands in front: a mark for each run of numbers. */
    for (size_t i = 0, run = 1; batch->spec->ledger != NULL && i < batch->count; i += run) {
        for (run = 1;
             i + run < batch->count && batch->items[i + run] == batch->items[i] + run;)
            run++;
        ledger_add(batch->spec->ledger, &sql, LEDGER_STATEMENT,
                   (size_t)(batch->items[i] - first), run);
        marks++;
    }
    for (size_t i = 0; i < batch->count; i++) {
        text_add_bytes(&sql, batch->items[i]->text, batch->items[i]->size);
        text_add_char(&sql, '\n');
    }
    int result = loader_statements(batch->loader, sql.data, &done, err);
    text_release(&sql);
    /* The first that did not go well; a lost connection may have been any. */
    if (result < 0 && done >= marks && done - marks < batch->count)
        (void)about_statement(batch->items[done - marks], err);
    batch->count = batch->bytes = 0;
    return result;
}

int carry_batch_add(struct carry_batch *batch, const struct statement *statement,
                    struct err *err)
{
    bool along = goes_along(statement) && statement->size < BATCH_BYTES;
    if ((!along || batch->count == CARRY_BATCH || batch->bytes >= BATCH_BYTES) &&
        carry_batch_end(batch, err) < 0)
        return -1;
    if (!along)
        return carry_statement(batch->spec, batch->loader, statement, err);
    batch->items[batch->count++] = statement;
    batch->bytes += statement->size + 1;
    return 0;
}

/* A trigger or a rule may swallow rows; then the table is not what was backed up. */
static int check_rows(uint64_t sent, uint64_t taken, struct err *err)
{
    if (taken == sent)
        return 0;
    return err_set(err, ERR_DATABASE, "%llu rows were sent, the server took %llu",
                   (unsigned long long)sent, (unsigned long long)taken);
}

/* ---- rows by the index ---- */

struct copying {
    const struct chunk_place *places;
    struct loader *loader;
};

static int put_chunk(void *context, size_t number, const unsigned char *data, size_t size,
                     struct err *err)
{
    const struct copying *copying = context;
    const struct index_range *rows = &copying->places[number].data;
    (void)size;
    return loader_copy_put(copying->loader, data + rows->from,
                           (size_t)(rows->to - rows->from), err);
}

/* As the dump has it: the name and its columns, or none. */
static void add_copy(struct text *sql, const struct dump_table *table)
{
    /* Made anew and not taken from the dump: a piece may begin in the middle of a table. */
    text_add(sql, "COPY ");
    sql_name_add(sql, table->schema, table->name);
    for (size_t i = 0; i < table->columns.count; i++) {
        text_add(sql, i == 0 ? " (" : ", ");
        sql_name_add(sql, NULL, table->columns.items[i]);
    }
    text_add(sql, table->columns.count > 0 ? ") FROM stdin" : " FROM stdin");
}

int carry_rows(const struct carry_spec *spec, struct loader *loader, size_t first,
               size_t count, struct err *err)
{
    size_t all;
    const struct chunk_place *places = chunk_reader_chunks(spec->script->chunks, &all);
    struct copying copying = {.places = places, .loader = loader};
    struct chunk_sink sink = {
        .chunk = put_chunk, .context = &copying, .threads = spec->threads};
    const struct dump_table *table = places[first].table;
    uint64_t wanted = 0, got = 0;
    struct text sql;
    text_init(&sql, SQL_MAX);
    /* With a ledger the piece is committed when it was counted: its mark must not outlast rows that
     * something swallowed, or a restore that goes on would pass them over. */
    if (spec->ledger != NULL)
        text_add(&sql, "BEGIN; ");
    ledger_add(spec->ledger, &sql, LEDGER_ROWS, first, count);
    add_copy(&sql, table);
    /* What the dump's own stream was found to hold when it was taken. */
    for (size_t i = first; i < first + count; i++)
        wanted += places[i].rows;
    /* Begin, rows as they come out of the store, end: one transaction of the server. */
    int result = loader_copy_begin(loader, sql.data, err);
    if (result == 0)
        result =
            chunk_reader_run(spec->script->chunks, first, count, sink, spec->meter, err);
    if (result == 0)
        result = loader_copy_end(loader, &got, err);
    if (result == 0)
        result = check_rows(wanted, got, err);
    /* After a failure the session is ended, and with it the transaction. */
    if (result == 0 && spec->ledger != NULL)
        result = loader_statement(loader, "COMMIT", err);
    if (result == 0 && spec->meter != NULL)
        atomic_fetch_add(&spec->meter->rows, got);
    if (result < 0 && err->kind != ERR_CANCELLED) {
        char *name = sql_name_text(table->schema, table->name);
        err_context(err, "rows of %s, chunks %zu to %zu", name, first + 1, first + count);
        free(name);
    }
    text_release(&sql);
    return result;
}

size_t carry_piece(const struct script *script, size_t first, size_t count, uint64_t size)
{
    size_t all, taken = 0;
    const struct chunk_place *places = chunk_reader_chunks(script->chunks, &all);
    /* At least one chunk, whatever its size. */
    uint64_t bytes = 0;
    /* A row may go through several chunks: those stay together. */
    while (taken < count &&
           (bytes < size || (places[first + taken].flags & CHUNK_CONTINUED) != 0)) {
        bytes += places[first + taken].raw.to - places[first + taken].raw.from;
        taken++;
    }
    return taken;
}

static int carry_table(const struct carry_spec *spec, struct loader *loader,
                       const struct outline_rows *rows, struct err *err)
{
    /* Piece by piece: an error shows after 64 MiB at the latest, not at the end of the
     * table. */
    for (size_t done = 0; done < rows->chunks;) {
        size_t first = rows->first_chunk + done;
        size_t piece = carry_piece(spec->script, first, rows->chunks - done, PIECE_SIZE);
        if (carry_rows(spec, loader, first, piece, err) < 0)
            return -1;
        done += piece;
    }
    return 0;
}

/* ---- rows of an archive ---- */

struct pouring {
    const struct carry_spec *spec;
    struct loader *loader;
    size_t next; /* statement of the outline that comes next */
    struct sql_name table;
    bool copies;    /* a COPY is open, and its rows are wanted */
    char *copy;     /* its statement */
    uint64_t sent;  /* bytes since it began */
    uint64_t taken; /* rows of this table that earlier COPYs of it brought */
};

/* The text once more, now with rows: statements of the outline come in its order, what lies
 * between them belongs to the data. */
static int pour_statement(void *context, struct statement *statement, struct err *err)
{
    struct pouring *pouring = context;
    const struct script *script = pouring->spec->script;
    const struct outline *outline = &script->outline;
    bool taken;
    int result = 0;
    if (pouring->next < outline->count &&
        strcmp(outline->items[pouring->next].text, statement->text) == 0)
        /* Decided before anything was touched. */
        taken = script->selection.statements[pouring->next++];
    else
        taken =
            selection_takes(&script->selection, outline, pouring->spec->chosen, statement);
    /* Rows follow a COPY in any case; the flag says whether they go on. */
    pouring->copies = taken && statement->action == STATEMENT_COPY;
    if (pouring->copies) {
        sql_name_set(&pouring->table, statement->of.schema, statement->of.name);
        memory_replace(&pouring->copy, statement->text);
        pouring->sent = pouring->taken = 0;
        result = loader_copy_begin(pouring->loader, statement->text, err);
    } else if (taken && statement->action != STATEMENT_COPY) {
        result = carry_statement(pouring->spec, pouring->loader, statement, err);
    }
    statement_release(statement);
    return result;
}

/* Whose rows it was; a cancel is nobody's fault. */
static int about_rows(const struct pouring *pouring, struct err *err)
{
    if (err->kind != ERR_CANCELLED) {
        char *name = sql_name_text(pouring->table.schema, pouring->table.name);
        err_context(err, "rows of %s", name);
        free(name);
    }
    return -1;
}

static int pour_rows(void *context, const void *data, size_t size, struct err *err)
{
    struct pouring *pouring = context;
    if (!pouring->copies)
        return 0;
    /* The server tells what it does not like of a row only when the COPY ends: so it ends, and
     * begins anew, where a row does. A newline is never part of one (COPY writes it as \n). */
    pouring->sent += size;
    const char *newline = pouring->sent < PIECE_SIZE ? NULL : memrchr(data, '\n', size);
    size_t first = newline != NULL ? (size_t)(newline - (const char *)data) + 1 : size;
    if (loader_copy_put(pouring->loader, data, first, err) < 0)
        return -1;
    if (newline == NULL)
        return 0;
    uint64_t got = 0;
    if (loader_copy_end(pouring->loader, &got, err) < 0)
        return about_rows(pouring, err);
    pouring->taken += got;
    pouring->sent = size - first;
    if (loader_copy_begin(pouring->loader, pouring->copy, err) < 0)
        return about_rows(pouring, err);
    return first < size ? loader_copy_put(pouring->loader, newline + 1, size - first, err)
                        : 0;
}

static int pour_end(void *context, uint64_t rows, struct err *err)
{
    struct pouring *pouring = context;
    uint64_t got = 0;
    /* Those of a table that does not come were read past. */
    if (!pouring->copies)
        return 0;
    pouring->copies = false;
    int result = loader_copy_end(pouring->loader, &got, err);
    if (result == 0)
        result = check_rows(rows, pouring->taken + got, err);
    return result == 0 ? 0 : about_rows(pouring, err);
}

static int carry_archive(const struct carry_spec *spec, struct loader *loader,
                         struct err *err)
{
    struct pouring pouring = {.spec = spec, .loader = loader};
    struct splitter_sink sink = {.statement = pour_statement,
                                 .rows = pour_rows,
                                 .rows_end = pour_end,
                                 .context = &pouring};
    /* Its sink works on the thread that reads, the only user of the loader meanwhile. */
    struct splitter *splitter = splitter_new(&sink);
    int result = script_pour_archive(spec->script, splitter, false, spec->meter, err);
    if (result == 0 && pouring.next < spec->script->outline.count)
        result = err_set(err, ERR_SYSTEM,
                         "pg_restore wrote the archive's text in two different ways");
    splitter_free(splitter);
    sql_name_release(&pouring.table);
    free(pouring.copy);
    return result;
}

/* ---- all of it ---- */

/* Statements and rows in the order of the dump. */
static int carry_plain(const struct carry_spec *spec, struct loader *loader,
                       struct err *err)
{
    const struct script *script = spec->script;
    const struct outline *outline = &script->outline;
    /* Statements and tables are two lists; `behind` says how they fit together. */
    size_t rows = 0;
    for (size_t i = 0; i <= outline->count; i++) {
        for (; rows < outline->rows_count && outline->rows[rows].behind == i; rows++)
            if (script->selection.rows[rows] &&
                carry_table(spec, loader, &outline->rows[rows], err) < 0)
                return -1;
        if (i < outline->count && script->selection.statements[i] &&
            carry_statement(spec, loader, &outline->items[i], err) < 0)
            return -1;
    }
    return 0;
}

int carry_schemas(const struct carry_spec *spec, struct loader *loader, struct err *err)
{
    const struct strlist *schemas = &spec->script->selection.schemas;
    for (size_t i = 0; i < schemas->count; i++) {
        /* public was dropped in the target, or the target is of an odd template. */
        char *name = sql_name_text(NULL, schemas->items[i]);
        char *sql = memory_format("CREATE SCHEMA IF NOT EXISTS %s", name);
        /* Empty: owner and rights are those of whoever restores. */
        int result = loader_statement(loader, sql, err);
        free(sql);
        free(name);
        if (result < 0)
            return -1;
    }
    return 0;
}

int carry_late(const struct carry_spec *spec, struct loader *loader, struct err *err)
{
    const struct script *script = spec->script;
    /* In the order of the dump; an archive's text is long gone by, the outline has it. */
    for (size_t i = 0; i < script->outline.count; i++)
        if (script->selection.late[i] && !ledger_has(spec->ledger, LEDGER_STATEMENT, i) &&
            carry_statement(spec, loader, &script->outline.items[i], err) < 0)
            return -1;
    return 0;
}

int carry_out(const struct carry_spec *spec, struct err *err)
{
    char memory[32];
    struct loader *loader = loader_open(&spec->target, err);
    if (loader == NULL)
        return -1;
    if (spec->script->chunks != NULL)
        log_info(
            "memory for buffers: %s at most, for %u threads that decode",
            text_size(memory, chunk_reader_memory(spec->script->chunks, spec->threads)),
            spec->threads);
    int result = carry_schemas(spec, loader, err);
    if (result == 0)
        result = spec->script->chunks != NULL ? carry_plain(spec, loader, err)
                                              : carry_archive(spec, loader, err);
    if (result == 0)
        result = carry_late(spec, loader, err);
    if (result == 0 && spec->target.fast)
        result = loader_flush(loader, err);
    /* Cancels on the server what a failure left running. */
    loader_free(loader);
    return result;
}
