/*
 * First what was asked for, then what that cannot do without, then statement by statement what
 * hangs on something that is not there. Only names decide; they are all qualified (statement.h).
 */
#include "backup/restore/selection.h"

#include "backup/restore/name_pattern.h"
#include "backup/restore/selection_work.h"
#include "base/memory.h"

bool selection_is_given(const struct strlist *list)
{
    return list != NULL && list->count > 0;
}

/* The pattern may be a misspelt name. */
static int nothing_fits(const struct outline *outline, bool tables, const char *pattern,
                        struct err *err)
{
    char *near = outline_nearest(outline, tables, pattern);
    err_set(err, ERR_NOT_FOUND, "no %s of the backup fits \"%s\"",
            tables ? "table" : "schema", pattern);
    if (near != NULL)
        err_hint(err, "the nearest name is %s; --list shows all", near);
    else
        err_hint(err, "patterns are pg_dump's: lower case unless in double quotes, "
                      "schema.table; --list shows what there is");
    free(near);
    return -1;
}

static int choose_schemas(struct selection_work *work, const char *text, struct err *err)
{
    const struct outline *outline = work->outline;
    struct name_pattern pattern;
    /* Counted here, not by what is chosen in the end: two patterns may fit the same. */
    size_t found = 0;
    if (name_pattern_compile(&pattern, text, err) < 0)
        return -1;
    /* A schema is there when it is made, or when anything lies in it (public). */
    for (size_t i = 0; i < outline->count; i++) {
        const struct statement *statement = &outline->items[i];
        /* Its own CREATE, or the schema of whatever belongs to one. */
        bool made = statement->subject == STATEMENT_OF_SCHEMA &&
                    statement->action == STATEMENT_CREATE;
        struct sql_name name = {
            .schema = NULL, .name = made ? statement->object.name : statement->of.schema};
        if (name.name == NULL || *name.name == '\0' ||
            !name_pattern_fits_schema(&pattern, name.name))
            continue;
        found++;
        (void)sql_map_add(&work->schemas, name.name, "", 0);
    }
    /* Rows alone (type data): no statement names their schema. */
    for (size_t i = 0; i < outline->rows_count; i++) {
        const char *schema = outline->rows[i].name.schema;
        if (name_pattern_fits_schema(&pattern, schema)) {
            found++;
            (void)sql_map_add(&work->schemas, schema, "", 0);
        }
    }
    name_pattern_release(&pattern);
    return found > 0 ? 0 : nothing_fits(outline, false, text, err);
}

static int choose_tables(struct selection_work *work, const char *text, bool in_schemas,
                         struct err *err)
{
    const struct outline *outline = work->outline;
    struct name_pattern pattern;
    size_t found = 0;
    if (name_pattern_compile(&pattern, text, err) < 0)
        return -1;
    for (size_t i = 0; i < outline->relation_count; i++) {
        const struct sql_name *name = &outline->relations[i].name;
        /* Both options together mean both conditions. */
        if (!name_pattern_fits(&pattern, name) ||
            (in_schemas && sql_map_find(&work->schemas, name->schema, "") == NULL))
            continue;
        found++;
        work->out->relations[i] = true;
    }
    name_pattern_release(&pattern);
    return found > 0 ? 0 : nothing_fits(outline, true, text, err);
}

/* What the patterns say, and what is part of it: partitions, owned sequences. */
static int choose(struct selection_work *work, struct err *err)
{
    const struct selection_spec *spec = work->spec;
    const struct outline *outline = work->outline;
    /* Schemas first: tables may be looked for in them alone. */
    bool *chosen = work->out->relations;
    bool by_table = selection_is_given(spec->tables),
         by_schema = selection_is_given(spec->schemas);
    work->out->partial = by_table || by_schema;
    for (size_t i = 0; by_schema && i < spec->schemas->count; i++)
        if (choose_schemas(work, spec->schemas->items[i], err) < 0)
            return -1;
    for (size_t i = 0; by_table && i < spec->tables->count; i++)
        if (choose_tables(work, spec->tables->items[i], by_schema, err) < 0)
            return -1;
    for (size_t i = 0; by_schema && !by_table && i < outline->relation_count; i++)
        chosen[i] =
            sql_map_find(&work->schemas, outline->relations[i].name.schema, "") != NULL;
    for (size_t i = 0; by_schema && !by_table && i < outline->object_count; i++)
        work->objects[i] =
            sql_map_find(&work->schemas, outline->objects[i].name.schema, "") != NULL;

    /* Partitions may have partitions, and theirs sequences. */
    for (bool grew = true; grew && work->out->partial;) {
        grew = false;
        for (size_t i = 0; i < outline->relation_count; i++) {
            const struct outline_relation *relation = &outline->relations[i];
            /* A partition is part of its table, an owned sequence of its column. */
            bool comes = (relation->parent != OUTLINE_NONE && chosen[relation->parent]) ||
                         (relation->owner != OUTLINE_NONE && chosen[relation->owner]);
            grew = grew || (comes && !chosen[i]);
            chosen[i] = chosen[i] || comes;
        }
    }
    return 0;
}

/* ---- what stays behind ---- */

/* Does it hang on something that comes, though it does not come itself? Worth a line. */
static void name_dependent(struct selection_work *work, const struct statement *statement)
{
    /* Views and functions are whole things; of others only what is not understood at
     * all. */
    bool whole = statement->action == STATEMENT_CREATE &&
                 (statement->subject == STATEMENT_OF_OBJECT ||
                  strstr(statement->type, "view") != NULL);
    for (size_t i = 0;
         (whole || statement->action == STATEMENT_OTHER) && i < statement->ref_count; i++) {
        size_t relation = outline_relation(work->outline, &statement->refs[i]);
        if (relation == OUTLINE_NONE || !work->out->relations[relation])
            continue;
        /* Of what was chosen and lacks something, that was the reason. */
        char *label = statement_label(statement);
        if (sql_map_add(&work->told, "", label, 0))
            strlist_addf(&work->out->left_out, "%s was not chosen", label);
        free(label);
        return;
    }
}

/* ---- statement by statement ---- */

static bool is_dropped_index(const struct selection_work *work, const struct sql_name *name)
{
    return name->name != NULL &&
           sql_map_find(&work->dropped_indexes, name->schema, name->name) != NULL;
}

/* Was the trigger, index or constraint it speaks of left out? */
static bool is_of_dropped(const struct selection_work *work,
                          const struct statement *statement)
{
    /* Comments on an index, its settings, its place below another one. */
    if (statement->subject == STATEMENT_OF_INDEX)
        return is_dropped_index(work, &statement->of) ||
               is_dropped_index(work, &statement->other);
    if (statement->object.name == NULL || statement->of.name == NULL)
        return false;
    /* The same key as selection_leave_out makes. */
    char *table = sql_name_text(statement->of.schema, statement->of.name);
    bool dropped = sql_map_find(&work->dropped, table, statement->object.name) != NULL;
    free(table);
    return dropped;
}

static bool takes_relation(struct selection_work *work, const struct statement *statement)
{
    /* Whose it is decides first. */
    size_t of = outline_relation_of(work->outline, statement);
    const struct sql_name *missing = NULL;
    bool index = statement->subject == STATEMENT_OF_INDEX;
    if (of == OUTLINE_NONE || !work->out->relations[of]) {
        name_dependent(work, statement);
        return false;
    }
    if (is_of_dropped(work, statement))
        return false;
    /* An index of a partition hangs on one of its parent's: that is no relation of ours. */
    if (index && statement->action == STATEMENT_ATTACH) {
        size_t *parent = sql_map_find(&work->outline->index_map, statement->other.schema,
                                      statement->other.name);
        return parent != NULL && work->out->relations[*parent];
    }
    /* What the table can do without: it is asked whether it would find what it names. */
    bool satellite =
        statement->action == STATEMENT_ADD || statement->action == STATEMENT_FOREIGN_KEY ||
        statement->action == STATEMENT_ATTACH || statement->action == STATEMENT_OWNED_BY;
    if (satellite)
        missing = selection_missing(work, statement);
    if (missing != NULL)
        selection_leave_out(work, statement, missing);
    return missing == NULL;
}

/* A schema comes with what lies in it, where it is not there yet. */
static bool takes_schema(const struct selection_work *work,
                         const struct statement *statement)
{
    const char *schema = statement->object.name;
    if (sql_map_find(&work->schemas, schema, "") == NULL)
        return false;
    if (strcmp(statement->type, "default privileges") == 0)
        return selection_is_given(work->spec->schemas);
    return !selection_has_present(work->spec, schema, "");
}

/* A partition that comes without its parent, which the target has. ATTACH makes the indexes and
 * keys of the parent that the partition lacks: then those of the dump would find their names taken.
 * Behind them it makes none. */
static bool is_late(const struct selection_work *work, const struct statement *statement)
{
    if (!work->out->partial || statement->action != STATEMENT_ATTACH ||
        statement->subject != STATEMENT_OF_RELATION)
        return false;
    size_t parent = outline_relation(work->outline, &statement->other);
    return parent == OUTLINE_NONE || !work->out->relations[parent];
}

static bool takes(struct selection_work *work, const struct statement *statement)
{
    const struct selection_spec *spec = work->spec;
    enum section section =
        is_late(work, statement) ? SECTION_POST_DATA : statement->section;
    /* Settings hold for all that follows, whichever part that is. */
    if (statement->action == STATEMENT_STATE)
        return true;
    /* Left out because somebody wanted it so: nothing to say about it. */
    if ((spec->no_owner && statement->action == STATEMENT_OWNER) ||
        (spec->no_privileges && statement->action == STATEMENT_PRIVILEGES) ||
        !selection_has_section(spec, section))
        return false;
    if (!work->out->partial)
        return true;
    switch (statement->subject) {
    /* A table, and whatever belongs to it, its indexes among it. */
    case STATEMENT_OF_RELATION:
    case STATEMENT_OF_INDEX:
        return takes_relation(work, statement);
    case STATEMENT_OF_SCHEMA:
        return takes_schema(work, statement);
    /* Types and functions: by their name, with their comments and rights. */
    case STATEMENT_OF_OBJECT: {
        size_t object = outline_object(work->outline, &statement->of);
        if (object != OUTLINE_NONE && work->objects[object])
            return true;
        name_dependent(work, statement);
        return false;
    }
    /* Extensions, publications, large objects: of no table. */
    case STATEMENT_OF_DATABASE:
        if (strcmp(statement->type, "extension") == 0 &&
            sql_map_find(&work->extensions, "", statement->object.name) != NULL)
            return true;
        name_dependent(work, statement);
        return false;
    }
    return false;
}

/* Schemas of all that comes; those without a CREATE in the dump (public) are made by us. */
static void find_schemas(struct selection_work *work)
{
    const struct outline *outline = work->outline;
    /* Those with a CREATE in the dump come by that statement. */
    struct sql_map made = {0};
    for (size_t i = 0; i < outline->count; i++)
        if (outline->items[i].subject == STATEMENT_OF_SCHEMA &&
            outline->items[i].action == STATEMENT_CREATE)
            (void)sql_map_add(&made, outline->items[i].object.name, "", 0);
    for (size_t i = 0; i < outline->relation_count; i++)
        if (work->out->relations[i])
            (void)sql_map_add(&work->schemas, outline->relations[i].name.schema, "", 0);
    for (size_t i = 0; i < outline->object_count; i++)
        if (work->objects[i])
            (void)sql_map_add(&work->schemas, outline->objects[i].name.schema, "", 0);
    for (size_t i = 0; i < work->schemas.capacity; i++) {
        const struct sql_name *name = &work->schemas.rows[i].name;
        if (name->name != NULL && *name->schema != '\0' &&
            !selection_has_present(work->spec, name->schema, "") &&
            sql_map_find(&made, name->schema, "") == NULL)
            strlist_add(&work->out->schemas, name->schema);
    }
    sql_map_release(&made);
}

static int select_part(struct selection_work *work, struct err *err)
{
    const struct outline *outline = work->outline;
    struct selection *out = work->out;
    if (selection_complete(work, err) < 0)
        return -1;
    /* Everything that was asked for may have stayed behind: then nothing is done. */
    bool any = false;
    for (size_t i = 0; i < outline->relation_count; i++)
        any = any || out->relations[i];
    for (size_t i = 0; i < outline->object_count; i++)
        any = any || work->objects[i];
    if (!any && out->left_out.count > 0)
        return err_set(err, ERR_NOT_FOUND, "nothing is left of what was chosen: %s",
                       out->left_out.items[0]);
    find_schemas(work);
    return 0;
}

int selection_make(const struct outline *outline, const struct selection_spec *spec,
                   struct selection *out, struct err *err)
{
    *out = (struct selection){0};
    out->statements = memory_array(outline->count + 1, sizeof *out->statements);
    out->late = memory_array(outline->count + 1, sizeof *out->late);
    out->rows = memory_array(outline->rows_count + 1, sizeof *out->rows);
    out->relations = memory_array(outline->relation_count + 1, sizeof *out->relations);
    /* Only while it is made; what stays is in *out. */
    struct selection_work work = {.outline = outline, .spec = spec, .out = out};
    work.objects = memory_array(outline->object_count + 1, sizeof *work.objects);
    int result = choose(&work, err);
    if (result == 0 && out->partial)
        result = select_part(&work, err);
    if (!out->partial)
        /* Without patterns everything comes, also what nobody understood. */
        memset(out->relations, true, outline->relation_count * sizeof *out->relations);
    for (size_t i = 0; result == 0 && i < outline->count; i++) {
        bool taken = takes(&work, &outline->items[i]);
        out->late[i] = taken && is_late(&work, &outline->items[i]);
        out->statements[i] = taken && !out->late[i];
    }
    /* Rows are data and nothing else. */
    bool data = selection_has_section(spec, SECTION_DATA);
    for (size_t i = 0; result == 0 && i < outline->rows_count; i++)
        out->rows[i] = data && out->relations[outline->rows[i].relation];
    sql_map_release(&work.schemas);
    sql_map_release(&work.extensions);
    sql_map_release(&work.dropped);
    sql_map_release(&work.dropped_indexes);
    sql_map_release(&work.told);
    free(work.objects);
    if (result < 0)
        selection_release(out);
    return result;
}

bool selection_takes(const struct selection *selection, const struct outline *outline,
                     const struct selection_spec *spec, const struct statement *statement)
{
    if (statement->action == STATEMENT_STATE)
        return true;
    if (!selection_has_section(spec, statement->section))
        return false;
    if (!selection->partial)
        return true;
    /* Rows, values of sequences and refreshes go with their relation. */
    size_t of = outline_relation_of(outline, statement);
    return of != OUTLINE_NONE && selection->relations[of];
}

void selection_release(struct selection *selection)
{
    free(selection->statements);
    free(selection->late);
    free(selection->rows);
    free(selection->relations);
    strlist_release(&selection->left_out);
    strlist_release(&selection->brought);
    strlist_release(&selection->schemas);
    *selection = (struct selection){0};
}
