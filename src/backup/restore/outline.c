/*
 * Statements name what they belong to in several ways: a table directly, an index by its own
 * name, a sequence by the table that owns it. All of that is known only when the last statement
 * was read, so it is resolved then.
 */
#include "backup/restore/outline.h"

#include "base/memory.h"

void outline_add(struct outline *outline, struct statement *statement)
{
    struct statement *added = memory_append(&outline->items, &outline->count,
                                            &outline->capacity, sizeof *outline->items);
    *added = *statement;
    /* Moved: the caller has nothing to release any more. */
    *statement = (struct statement){0};
}

struct outline_rows *outline_add_rows(struct outline *outline, const char *schema,
                                      const char *name)
{
    struct outline_rows *rows =
        memory_append(&outline->rows, &outline->rows_count, &outline->rows_capacity,
                      sizeof *outline->rows);
    /* Rows stand between statements: how many are in front says where. */
    rows->relation = OUTLINE_NONE;
    rows->behind = outline->count;
    sql_name_set(&rows->name, schema, name);
    return rows;
}

/* Made at its first mention; the CREATE, wherever it stands, says what it is. */
static size_t add_relation(struct outline *outline, const struct sql_name *name,
                           const char *type, bool created)
{
    /* Several statements may tell of it before its CREATE, a setval or a COPY for one. */
    size_t at = outline_relation(outline, name);
    if (at == OUTLINE_NONE) {
        /* Values are places in the list, which moves when it grows: pointers would not
         * last. */
        at = outline->relation_count;
        struct outline_relation *added =
            memory_append(&outline->relations, &outline->relation_count,
                          &outline->relation_capacity, sizeof *outline->relations);
        *added = (struct outline_relation){
            .name = *name, .type = type, .parent = OUTLINE_NONE, .owner = OUTLINE_NONE};
        (void)sql_map_add(&outline->relation_map, name->schema, name->name, at);
    }
    if (created) {
        /* A view that is made twice (a stand-in first) keeps its first kind. */
        if (!outline->relations[at].created)
            outline->relations[at].type = type;
        outline->relations[at].created = true;
    }
    return at;
}

static void add_object(struct outline *outline, const struct statement *statement)
{
    const struct sql_name *name = &statement->of;
    /* Overloaded functions share a name: whoever needs one gets all of them. */
    if (outline_object(outline, name) != OUTLINE_NONE)
        return;
    (void)sql_map_add(&outline->object_map, name->schema, name->name,
                      outline->object_count);
    struct outline_object *added =
        memory_append(&outline->objects, &outline->object_count, &outline->object_capacity,
                      sizeof *outline->objects);
    *added = (struct outline_object){.name = *name, .type = statement->type};
}

/* What the dump makes. */
static void find_made(struct outline *outline, const struct statement *statement)
{
    const struct sql_name *of = &statement->of;
    /* What belongs to the whole database has no name that others could mean. */
    if (of->name == NULL)
        return;
    if (statement->subject == STATEMENT_OF_OBJECT && statement->action == STATEMENT_CREATE)
        add_object(outline, statement);
    else if (statement->subject == STATEMENT_OF_RELATION &&
             statement->action == STATEMENT_CREATE)
        (void)add_relation(outline, of, statement->type, true);
    else if (statement->action == STATEMENT_SEQUENCE_SET)
        (void)add_relation(outline, of, "sequence", false);
    else if (statement->action == STATEMENT_ROWS || statement->action == STATEMENT_COPY)
        (void)add_relation(outline, of, "table", false);
    /* An identity's sequence is made by the statement that makes the identity. */
    if (statement->action == STATEMENT_DEFAULT && statement->other.name != NULL)
        (void)add_relation(outline, &statement->other, "sequence", true);
}

/* How it hangs together: partitions, owned sequences, indexes. */
static void find_ties(struct outline *outline, const struct statement *statement)
{
    const struct sql_name *other = &statement->other;
    size_t of = outline_relation(outline, &statement->of);
    if (statement->subject != STATEMENT_OF_RELATION || of == OUTLINE_NONE)
        return;
    /* What is not in this dump (it was filtered) is nobody's parent or owner. */
    size_t to = other->name != NULL ? outline_relation(outline, other) : OUTLINE_NONE;
    /* Three statements tie two relations: the partition to its parent, the sequence to
     * the table that owns it, the identity to its sequence. */
    if (statement->action == STATEMENT_ATTACH)
        outline->relations[of].parent = to;
    if (statement->action == STATEMENT_OWNED_BY)
        outline->relations[of].owner = to;
    if (statement->action == STATEMENT_DEFAULT && to != OUTLINE_NONE)
        outline->relations[to].owner = of;
    /* What is left has an index behind it, or is one; triggers in this map do no harm. */
    if (statement->action != STATEMENT_ADD && statement->action != STATEMENT_FOREIGN_KEY)
        return;
    /* Indexes lie in the schema of their table; extended statistics wherever they like. */
    if (other->name != NULL && statement->action == STATEMENT_ADD)
        (void)sql_map_add(&outline->index_map, other->schema, other->name, of);
    else if (statement->object.name != NULL)
        (void)sql_map_add(&outline->index_map, statement->of.schema, statement->object.name,
                          of);
}

void outline_resolve(struct outline *outline)
{
    /* Three rounds: things, the tables that only rows tell of, and the ties between
     * them. */
    for (size_t i = 0; i < outline->count; i++)
        find_made(outline, &outline->items[i]);
    for (size_t i = 0; i < outline->rows_count; i++)
        outline->rows[i].relation =
            add_relation(outline, &outline->rows[i].name, "table", false);
    for (size_t i = 0; i < outline->count; i++)
        find_ties(outline, &outline->items[i]);
}

size_t outline_relation(const struct outline *outline, const struct sql_name *name)
{
    size_t *at = name->name != NULL
                     ? sql_map_find(&outline->relation_map, name->schema, name->name)
                     : NULL;
    return at != NULL ? *at : OUTLINE_NONE;
}

size_t outline_object(const struct outline *outline, const struct sql_name *name)
{
    size_t *at = name->name != NULL
                     ? sql_map_find(&outline->object_map, name->schema, name->name)
                     : NULL;
    return at != NULL ? *at : OUTLINE_NONE;
}

size_t outline_relation_of(const struct outline *outline, const struct statement *statement)
{
    if (statement->subject == STATEMENT_OF_RELATION)
        return outline_relation(outline, &statement->of);
    /* By the index's name, which is unique in its schema. */
    if (statement->subject != STATEMENT_OF_INDEX || statement->of.name == NULL)
        return OUTLINE_NONE;
    size_t *at =
        sql_map_find(&outline->index_map, statement->of.schema, statement->of.name);
    return at != NULL ? *at : OUTLINE_NONE;
}

char *outline_encoding(const struct outline *outline)
{
    static const char begin[] = "SET client_encoding = '";
    for (size_t i = 0; i < outline->count; i++) {
        const char *text = outline->items[i].text;
        /* Among the first statements, or nowhere. */
        if (outline->items[i].action != STATEMENT_STATE)
            return NULL;
        if (text_starts_with(text, begin))
            return memory_strndup(text + sizeof begin - 1,
                                  strcspn(text + sizeof begin - 1, "'"));
    }
    return NULL;
}

char *outline_nearest(const struct outline *outline, bool tables, const char *text)
{
    /* As the text is written: with a schema only when it has one itself. */
    struct strlist names = {0};
    for (size_t i = 0; i < outline->relation_count; i++) {
        const struct sql_name *name = &outline->relations[i].name;
        if (tables && strchr(text, '.') != NULL) {
            char *whole = sql_name_text(name->schema, name->name);
            strlist_add(&names, whole);
            free(whole);
        } else {
            strlist_add(&names, tables ? name->name : name->schema);
        }
    }
    char *near = memory_strdup(
        text_nearest(text, (const char *const *)strlist_argv(&names), names.count));
    strlist_release(&names);
    return near;
}

void outline_release(struct outline *outline)
{
    for (size_t i = 0; i < outline->count; i++)
        statement_release(&outline->items[i]);
    for (size_t i = 0; i < outline->rows_count; i++)
        sql_name_release(&outline->rows[i].name);
    free(outline->items);
    free(outline->rows);
    free(outline->relations);
    free(outline->objects);
    sql_map_release(&outline->relation_map);
    sql_map_release(&outline->object_map);
    sql_map_release(&outline->index_map);
    *outline = (struct outline){0};
}
