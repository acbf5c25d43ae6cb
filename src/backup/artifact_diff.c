/*
 * Two scripts side by side. Tables are known by their names, definitions by the words that a
 * reader knows them by; what has the same words is one thing, and its statements are compared as
 * one text, in the order of the dump.
 */
#include "backup/artifact_diff.h"

#include "backup/restore/script.h"
#include "base/log.h"
#include "base/memory.h"
#include "postgres/programs.h"

#include <assert.h>

enum { MAJOR = 10000, BEFORE = 0, NOW = 1 };
#define TEXT_MAX ((size_t)1 << 30) /* of one thing: a view, at most */

/* One of the two artifacts. */
struct side {
    const struct catalog_artifact *artifact;
    struct copy_reader *reader;
    struct programs programs;
    struct script script;
    bool has_script;
    struct sql_map tables; /* of the artifact, by name */
};

const char *artifact_change_name(enum artifact_change change)
{
    static const char *const names[] = {"came", "went", "grew", "shrank", "changed"};
    return names[change];
}

static bool is_of_type(const struct side *side, enum dump_type type)
{
    return strcmp(side->artifact->type, dump_type_name(type)) == 0;
}

/* Those of an archive are counted nowhere. */
static bool has_rows(const struct side *side)
{
    return !is_of_type(side, DUMP_SCHEMA) &&
           strcmp(side->artifact->format, dump_format_name(DUMP_PLAIN)) == 0;
}

/* ---- reading ---- */

/* The text around the rows. An archive's is written by pg_restore, from its head alone. */
static int read_side(struct side *side, struct copy_reader_spec *from, struct err *err)
{
    from->purpose = "being compared";
    side->reader = copy_reader_open(from, err);
    if (side->reader == NULL)
        return -1;
    if (strcmp(side->artifact->format, dump_format_name(DUMP_PLAIN)) == 0) {
        side->has_script = script_read(&side->script, side->reader, err) == 0;
        return side->has_script ? 0 : -1;
    }
    /* At least as new as the pg_dump that wrote it. */
    const char *version = side->artifact->pg_dump_version;
    int wrote = version != NULL ? (int)strtol(version, NULL, 10) * MAJOR : 0;
    if (programs_find(session_settings(from->session)->pg_bin_dir, wrote, &side->programs,
                      err) < 0) {
        log_warning("definitions are not compared: %s", err->text);
        err_clear(err);
        return 0;
    }
    side->has_script =
        script_read_archive(&side->script, from, side->programs.pg_restore, err) == 0;
    return side->has_script ? 0 : -1;
}

static void side_begin(struct side *side, const struct catalog_artifact *artifact)
{
    *side = (struct side){.artifact = artifact};
    /* There may be a hundred thousand: found by name, not by going through the list. */
    for (size_t i = 0; i < artifact->tables_count; i++)
        (void)sql_map_add(&side->tables, artifact->tables[i].schema,
                          artifact->tables[i].name, i);
}

static void side_end(struct side *side)
{
    script_release(&side->script);
    copy_reader_close(side->reader);
    programs_release(&side->programs);
    sql_map_release(&side->tables);
}

/* ---- rows ---- */

static const struct catalog_table *find_table(const struct side *side, const char *schema,
                                              const char *name)
{
    size_t *at = sql_map_find(&side->tables, schema, name);
    return at != NULL ? &side->artifact->tables[*at] : NULL;
}

/* An empty table may be in no list of rows; its CREATE says that it is there. */
static bool is_there(const struct side *side, const char *schema, const char *name)
{
    size_t *at = side->has_script
                     ? sql_map_find(&side->script.outline.relation_map, schema, name)
                     : NULL;
    return at != NULL && side->script.outline.relations[*at].created;
}

/* The rows of this table are chunks from *first on; their number. */
static size_t find_chunks(const struct side *side, const char *schema, const char *name,
                          const struct chunk_place **first)
{
    const struct outline *outline = &side->script.outline;
    size_t all, found = 0;
    if (!side->has_script || side->script.chunks == NULL)
        return 0;
    const struct chunk_place *places = chunk_reader_chunks(side->script.chunks, &all);
    for (size_t i = 0; i < outline->rows_count; i++) {
        const struct outline_rows *rows = &outline->rows[i];
        if (strcmp(rows->name.schema, schema) != 0 || strcmp(rows->name.name, name) != 0)
            continue;
        /* In several places: then nothing can be said of them. */
        if (found > 0)
            return 0;
        *first = &places[rows->first_chunk];
        found = rows->chunks;
    }
    return found;
}

/* As many rows and bytes, in chunks of the same sizes, but not the same ones. Chunks that are cut
 * at other places say nothing. */
static bool is_rewritten(const struct side sides[2], const char *schema, const char *name)
{
    const struct chunk_place *before = NULL, *now = NULL;
    size_t count = find_chunks(&sides[BEFORE], schema, name, &before);
    bool same = true;
    if (count == 0 || count != find_chunks(&sides[NOW], schema, name, &now))
        return false;
    for (size_t i = 0; i < count; i++) {
        if (before[i].raw.to - before[i].raw.from != now[i].raw.to - now[i].raw.from)
            return false;
        same = same && memcmp(before[i].sha256, now[i].sha256, SHA256_SIZE) == 0;
    }
    return !same;
}

static void compare_table(struct artifact_diff *diff, const struct side sides[2],
                          const char *schema, const char *name)
{
    struct artifact_diff_table table = {0};
    bool there[2];
    for (int i = 0; i < 2; i++) {
        const struct catalog_table *found = find_table(&sides[i], schema, name);
        there[i] = found != NULL || is_there(&sides[i], schema, name);
        /* Not in the list is nothing to count, be it there or not. */
        table.rows[i] = found != NULL ? found->rows : 0;
        table.raw_bytes[i] = found != NULL ? found->raw_bytes : 0;
    }
    /* Rows first: bytes also grow by longer values. */
    bool counted = table.rows[BEFORE] >= 0 && table.rows[NOW] >= 0;
    int64_t by = counted ? table.rows[NOW] - table.rows[BEFORE] : 0;
    if (by == 0 && table.raw_bytes[NOW] != table.raw_bytes[BEFORE])
        by = table.raw_bytes[NOW] > table.raw_bytes[BEFORE] ? 1 : -1;
    if (there[BEFORE] != there[NOW])
        table.change = there[NOW] ? ARTIFACT_CAME : ARTIFACT_WENT;
    else if (by != 0)
        table.change = by > 0 ? ARTIFACT_GREW : ARTIFACT_SHRANK;
    else if (is_rewritten(sides, schema, name))
        table.change = ARTIFACT_CHANGED;
    else
        return;
    /* It differs: from here on it is the list's. */
    table.schema = memory_strdup(schema);
    table.name = memory_strdup(name);
    struct artifact_diff_table *added = memory_append(
        &diff->tables, &diff->table_count, &diff->table_capacity, sizeof *diff->tables);
    *added = table;
}

static int by_name(const void *a, const void *b)
{
    const struct artifact_diff_table *left = a, *right = b;
    int order = strcmp(left->schema, right->schema);
    return order != 0 ? order : strcmp(left->name, right->name);
}

/* Every table that has rows in either, or is made by either, once. */
static void compare_rows(struct artifact_diff *diff, const struct side sides[2])
{
    struct sql_map seen = {0};
    /* The lists of rows first, then what only a CREATE tells of: an empty table. */
    for (int s = 0; s < 2; s++) {
        const struct catalog_artifact *artifact = sides[s].artifact;
        for (size_t i = 0; i < artifact->tables_count; i++) {
            const struct catalog_table *table = &artifact->tables[i];
            if (sql_map_add(&seen, table->schema, table->name, 0))
                compare_table(diff, sides, table->schema, table->name);
        }
        const struct outline *outline = &sides[s].script.outline;
        for (size_t i = 0; i < outline->relation_count; i++) {
            const struct outline_relation *relation = &outline->relations[i];
            if (relation->created && strcmp(relation->type, "table") == 0 &&
                sql_map_add(&seen, relation->name.schema, relation->name.name, 0))
                compare_table(diff, sides, relation->name.schema, relation->name.name);
        }
    }
    sql_map_release(&seen);
    /* Two dumps need not have the same order. */
    if (diff->table_count > 1)
        qsort(diff->tables, diff->table_count, sizeof *diff->tables, by_name);
}

/* ---- definitions ---- */

struct thing {
    char *label;
    const struct statement *first;
    struct text text; /* of all its statements */
};

struct things {
    struct thing *items;
    size_t count, capacity;
    struct sql_map by_label;
};

static bool is_definition(const struct statement *statement)
{
    switch (statement->action) {
    case STATEMENT_STATE:
    case STATEMENT_REFRESH:
    case STATEMENT_SEQUENCE_SET:
    case STATEMENT_ROWS:
    case STATEMENT_COPY:
    case STATEMENT_TRIGGERS:
        return false;
    case STATEMENT_OTHER:
    case STATEMENT_CREATE:
    case STATEMENT_ALTER:
    case STATEMENT_ADD:
    case STATEMENT_FOREIGN_KEY:
    case STATEMENT_ATTACH:
    case STATEMENT_OWNED_BY:
    case STATEMENT_DEFAULT:
    case STATEMENT_COMMENT:
    case STATEMENT_OWNER:
    case STATEMENT_PRIVILEGES:
        return true;
    }
    return true;
}

static void collect(struct things *things, const struct outline *outline)
{
    for (size_t i = 0; i < outline->count; i++) {
        const struct statement *statement = &outline->items[i];
        /* Large objects are data, though they are made among the definitions. */
        if (!is_definition(statement) || strcmp(statement->type, "large object") == 0)
            continue;
        /* The first of a thing opens it, later ones (a default for each column) add to it. */
        char *label = statement_label(statement);
        const size_t *at = sql_map_find(&things->by_label, "", label);
        struct text *text;
        if (at == NULL) {
            (void)sql_map_add(&things->by_label, "", label, things->count);
            struct thing *added = memory_append(&things->items, &things->count,
                                                &things->capacity, sizeof *things->items);
            *added = (struct thing){.label = label, .first = statement};
            text = &added->text;
            text_init(text, TEXT_MAX);
        } else {
            assert(things->items != NULL);
            text = &things->items[*at].text;
            free(label);
        }
        if (text->length > 0)
            text_add_char(text, '\n');
        text_add_bytes(text, statement->text, statement->size);
    }
}

static void release_things(struct things *things)
{
    for (size_t i = 0; i < things->count; i++) {
        free(things->items[i].label);
        text_release(&things->items[i].text);
    }
    free(things->items);
    sql_map_release(&things->by_label);
}

static void add_definition(struct artifact_diff *diff, const struct thing *before,
                           const struct thing *now)
{
    const struct thing *one = now != NULL ? now : before;
    /* Whatever is made has an owner: only another one is worth a line. */
    if (one->first->action == STATEMENT_OWNER && (before == NULL || now == NULL))
        return;
    enum artifact_change change = before == NULL ? ARTIFACT_CAME
                                  : now == NULL  ? ARTIFACT_WENT
                                                 : ARTIFACT_CHANGED;
    struct artifact_diff_definition *added =
        memory_append(&diff->definitions, &diff->definition_count,
                      &diff->definition_capacity, sizeof *diff->definitions);
    *added = (struct artifact_diff_definition){
        .label = memory_strdup(one->label),
        .change = change,
        .section = section_name(one->first->section),
        .type = one->first->type,
        .text = {memory_strdup(before != NULL ? before->text.data : ""),
                 memory_strdup(now != NULL ? now->text.data : "")}};
}

static void compare_definitions(struct artifact_diff *diff, const struct side sides[2])
{
    struct things things[2] = {0};
    /* Both are in memory anyway: a dump without its rows is small. */
    for (int i = 0; i < 2; i++)
        collect(&things[i], &sides[i].script.outline);
    /* What is there now, in its order; then what is there no more. */
    for (size_t i = 0; i < things[NOW].count; i++) {
        const struct thing *now = &things[NOW].items[i];
        size_t *at = sql_map_find(&things[BEFORE].by_label, "", now->label);
        const struct thing *old = at != NULL ? &things[BEFORE].items[*at] : NULL;
        if (old == NULL || strcmp(old->text.data, now->text.data) != 0)
            add_definition(diff, old, now);
    }
    const struct thing *before = things[BEFORE].items;
    for (size_t i = 0; before != NULL && i < things[BEFORE].count; i++)
        if (sql_map_find(&things[NOW].by_label, "", before[i].label) == NULL)
            add_definition(diff, &before[i], NULL);
    for (int i = 0; i < 2; i++)
        release_things(&things[i]);
}

/* ---- both ---- */

int artifact_diff_run(const struct artifact_diff_spec *spec, struct artifact_diff *out,
                      struct err *err)
{
    struct copy_reader_spec from[2] = {spec->before, spec->now};
    struct side sides[2];
    int result = 0;
    *out = (struct artifact_diff){0};
    /* What does not fit is refused before a store is asked. */
    for (int i = 0; i < 2; i++)
        side_begin(&sides[i], from[i].artifact);
    if (is_of_type(&sides[BEFORE], DUMP_GLOBALS) || is_of_type(&sides[NOW], DUMP_GLOBALS))
        result = err_set(err, ERR_USAGE,
                         "globals hold no tables: diff compares backups of databases");
    for (int i = 0; i < 2 && result == 0; i++)
        result = read_side(&sides[i], &from[i], err);
    if (result == 0) {
        /* A part that one of the two does not hold would look as if all of it had gone. */
        out->rows_compared = has_rows(&sides[BEFORE]) && has_rows(&sides[NOW]);
        out->definitions_compared = sides[BEFORE].has_script && sides[NOW].has_script &&
                                    !is_of_type(&sides[BEFORE], DUMP_DATA) &&
                                    !is_of_type(&sides[NOW], DUMP_DATA);
        if (out->rows_compared)
            compare_rows(out, sides);
        if (out->definitions_compared)
            compare_definitions(out, sides);
    }
    for (int i = 0; i < 2; i++)
        side_end(&sides[i]);
    return result;
}

void artifact_diff_release(struct artifact_diff *diff)
{
    for (size_t i = 0; i < diff->table_count; i++) {
        free(diff->tables[i].schema);
        free(diff->tables[i].name);
    }
    for (size_t i = 0; i < diff->definition_count; i++) {
        free(diff->definitions[i].label);
        for (int k = 0; k < 2; k++)
            free(diff->definitions[i].text[k]);
    }
    free(diff->tables);
    free(diff->definitions);
    *diff = (struct artifact_diff){0};
}
