/*
 * First what was asked for, then what that cannot do without, then statement by statement what
 * hangs on something that is not there. Only names decide; they are all qualified (statement.h).
 */
#include "backup/restore/selection.h"

#include "backup/restore/name_pattern.h"
#include "base/memory.h"

struct work {
    const struct outline *outline;
    const struct selection_spec *spec;
    struct selection *out;
    bool *objects;          /* of outline->objects: does it come along? */
    struct sql_map schemas; /* that were chosen by --schema, or hold what comes along */
    struct sql_map dropped; /* (table, name) of triggers, indexes ... that are left out */
};

static bool is_given(const struct strlist *list)
{
    return list != NULL && list->count > 0;
}

/* Only new databases are empty: what they have is `public`. */
static bool is_present(const struct selection_spec *spec, const char *schema,
                       const char *name)
{
    if (spec->present == NULL)
        return *name == '\0' && strcmp(schema, "public") == 0;
    return sql_map_find(spec->present, schema, name) != NULL;
}

/* ---- patterns ---- */

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

static int choose_schemas(struct work *work, const char *text, struct err *err)
{
    const struct outline *outline = work->outline;
    struct name_pattern pattern;
    size_t found = 0;
    if (name_pattern_compile(&pattern, text, err) < 0)
        return -1;
    /* A schema is there when it is made, or when anything lies in it (public). */
    for (size_t i = 0; i < outline->count; i++) {
        const struct statement *statement = &outline->items[i];
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

static int choose_tables(struct work *work, const char *text, bool in_schemas,
                         struct err *err)
{
    const struct outline *outline = work->outline;
    struct name_pattern pattern;
    size_t found = 0;
    if (name_pattern_compile(&pattern, text, err) < 0)
        return -1;
    for (size_t i = 0; i < outline->relation_count; i++) {
        const struct sql_name *name = &outline->relations[i].name;
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
static int choose(struct work *work, struct err *err)
{
    const struct selection_spec *spec = work->spec;
    const struct outline *outline = work->outline;
    bool *chosen = work->out->relations;
    bool by_table = is_given(spec->tables), by_schema = is_given(spec->schemas);
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
            bool comes = (relation->parent != OUTLINE_NONE && chosen[relation->parent]) ||
                         (relation->owner != OUTLINE_NONE && chosen[relation->owner]);
            grew = grew || (comes && !chosen[i]);
            chosen[i] = chosen[i] || comes;
        }
    }
    return 0;
}

/* ---- what it needs ---- */

static void add_label(struct strlist *list, const char *type, const struct sql_name *name)
{
    struct text label, out;
    text_init(&label, 1024);
    text_init(&out, 4096);
    text_addf(&label, "%s ", type);
    sql_name_add(&label, name->schema, name->name);
    text_add_printable(&out, label.data, label.length);
    strlist_add(list, out.data);
    text_release(&out);
    text_release(&label);
}

/* Is the statement what a table cannot be made without? */
static bool is_core(const struct work *work, const struct statement *statement)
{
    if (statement->action != STATEMENT_CREATE && statement->action != STATEMENT_ALTER &&
        statement->action != STATEMENT_DEFAULT)
        return false;
    if (statement->subject == STATEMENT_OF_OBJECT) {
        size_t object = outline_object(work->outline, &statement->of);
        return object != OUTLINE_NONE && work->objects[object];
    }
    size_t relation = outline_relation_of(work->outline, statement);
    /* A view that needs what is not there is left out instead. */
    return relation != OUTLINE_NONE && work->out->relations[relation] &&
           strstr(work->outline->relations[relation].type, "view") == NULL;
}

/* Types, functions and sequences that a table's own statements name come along, and what those
 * name in turn. True when there was one. */
static bool bring_needed(struct work *work, const struct statement *statement)
{
    bool grew = false;
    for (size_t i = 0; i < statement->ref_count; i++) {
        const struct sql_name *ref = &statement->refs[i];
        size_t object = outline_object(work->outline, ref);
        size_t relation = outline_relation(work->outline, ref);
        if (is_present(work->spec, ref->schema, ref->name))
            continue;
        if (object != OUTLINE_NONE && !work->objects[object]) {
            work->objects[object] = grew = true;
            add_label(&work->out->brought, work->outline->objects[object].type, ref);
        } else if (relation != OUTLINE_NONE && !work->out->relations[relation] &&
                   strcmp(work->outline->relations[relation].type, "sequence") == 0) {
            work->out->relations[relation] = grew = true;
            add_label(&work->out->brought, "sequence", ref);
        }
    }
    return grew;
}

/* ---- what hangs on something that is not there ---- */

/* The first thing of the dump that a statement names and that will not be there; NULL: none. */
static const struct sql_name *find_missing(const struct work *work,
                                           const struct statement *statement)
{
    for (size_t i = 0; i < statement->ref_count; i++) {
        const struct sql_name *ref = &statement->refs[i];
        size_t object = outline_object(work->outline, ref);
        size_t relation = outline_relation(work->outline, ref);
        bool ours = object != OUTLINE_NONE || relation != OUTLINE_NONE;
        bool comes = (object != OUTLINE_NONE && work->objects[object]) ||
                     (relation != OUTLINE_NONE && work->out->relations[relation]);
        if (ours && !comes && !is_present(work->spec, ref->schema, ref->name))
            return ref;
    }
    return NULL;
}

static void leave_out(struct work *work, const struct statement *statement,
                      const struct sql_name *missing)
{
    struct text line, out;
    char *label = statement_label(statement);
    text_init(&line, 2048);
    text_init(&out, 8192);
    sql_name_add(&line, missing->schema, missing->name);
    text_addf(&out, "%s needs ", label);
    text_add_printable(&out, line.data, line.length);
    strlist_add(&work->out->left_out, out.data);
    /* Comments on it and switches of it have nothing to hold on to. */
    if (statement->object.name != NULL && statement->of.name != NULL) {
        char *table = sql_name_text(statement->of.schema, statement->of.name);
        (void)sql_map_add(&work->dropped, table, statement->object.name, 0);
        free(table);
    }
    text_release(&out);
    text_release(&line);
    free(label);
}

/* Views, functions of a schema: the whole thing stays behind, and so what stands on it. True
 * when one was dropped, which may take the next one along. */
static bool drop_incomplete(struct work *work)
{
    const struct outline *outline = work->outline;
    bool dropped = false;
    for (size_t i = 0; i < outline->count; i++) {
        const struct statement *statement = &outline->items[i];
        if (statement->action != STATEMENT_CREATE)
            continue;
        bool *comes = NULL;
        size_t object = outline_object(outline, &statement->of);
        size_t relation = outline_relation(outline, &statement->of);
        if (statement->subject == STATEMENT_OF_OBJECT && object != OUTLINE_NONE)
            comes = &work->objects[object];
        else if (statement->subject == STATEMENT_OF_RELATION && relation != OUTLINE_NONE &&
                 strstr(statement->type, "view") != NULL)
            comes = &work->out->relations[relation];
        const struct sql_name *missing =
            comes != NULL && *comes ? find_missing(work, statement) : NULL;
        if (missing == NULL)
            continue;
        leave_out(work, statement, missing);
        *comes = false;
        dropped = true;
    }
    return dropped;
}

/* Does it hang on something that comes, though it does not come itself? Worth a line. */
static void name_dependent(struct work *work, const struct statement *statement)
{
    bool whole = statement->action == STATEMENT_CREATE &&
                 (statement->subject == STATEMENT_OF_OBJECT ||
                  strstr(statement->type, "view") != NULL);
    for (size_t i = 0;
         (whole || statement->action == STATEMENT_OTHER) && i < statement->ref_count; i++) {
        size_t relation = outline_relation(work->outline, &statement->refs[i]);
        if (relation == OUTLINE_NONE || !work->out->relations[relation])
            continue;
        char *label = statement_label(statement);
        strlist_addf(&work->out->left_out, "%s was not chosen", label);
        free(label);
        return;
    }
}

/* ---- statement by statement ---- */

/* Was the trigger, index or constraint it speaks of left out? */
static bool is_of_dropped(const struct work *work, const struct statement *statement)
{
    if (statement->object.name == NULL || statement->of.name == NULL)
        return false;
    char *table = sql_name_text(statement->of.schema, statement->of.name);
    bool dropped = sql_map_find(&work->dropped, table, statement->object.name) != NULL;
    free(table);
    return dropped;
}

static bool takes_relation(struct work *work, const struct statement *statement)
{
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
    bool satellite =
        statement->action == STATEMENT_ADD || statement->action == STATEMENT_FOREIGN_KEY ||
        statement->action == STATEMENT_ATTACH || statement->action == STATEMENT_OWNED_BY;
    if (satellite)
        missing = find_missing(work, statement);
    if (missing != NULL)
        leave_out(work, statement, missing);
    return missing == NULL;
}

/* A schema comes with what lies in it, where it is not there yet. */
static bool takes_schema(const struct work *work, const struct statement *statement)
{
    const char *schema = statement->object.name;
    if (sql_map_find(&work->schemas, schema, "") == NULL)
        return false;
    if (strcmp(statement->type, "default privileges") == 0)
        return is_given(work->spec->schemas);
    return !is_present(work->spec, schema, "");
}

static bool takes(struct work *work, const struct statement *statement)
{
    const struct selection_spec *spec = work->spec;
    if (statement->action == STATEMENT_STATE)
        return true;
    if ((spec->no_owner && statement->action == STATEMENT_OWNER) ||
        (spec->no_privileges && statement->action == STATEMENT_PRIVILEGES) ||
        (spec->section != NULL &&
         strcmp(section_name(statement->section), spec->section) != 0))
        return false;
    if (!work->out->partial)
        return true;
    switch (statement->subject) {
    case STATEMENT_OF_RELATION:
    case STATEMENT_OF_INDEX:
        return takes_relation(work, statement);
    case STATEMENT_OF_SCHEMA:
        return takes_schema(work, statement);
    case STATEMENT_OF_OBJECT: {
        size_t object = outline_object(work->outline, &statement->of);
        if (object != OUTLINE_NONE && work->objects[object])
            return true;
        name_dependent(work, statement);
        return false;
    }
    case STATEMENT_OF_DATABASE:
        name_dependent(work, statement);
        return false;
    }
    return false;
}

/* Schemas of all that comes; those without a CREATE in the dump (public) are made by us. */
static void find_schemas(struct work *work)
{
    const struct outline *outline = work->outline;
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
            !is_present(work->spec, name->schema, "") &&
            sql_map_find(&made, name->schema, "") == NULL)
            strlist_add(&work->out->schemas, name->schema);
    }
    sql_map_release(&made);
}

/* A table that cannot be made without another one (its parent) was asked for by name: said now
 * and not by the server, in the middle. */
static int find_incomplete_table(const struct work *work, struct err *err)
{
    bool makes =
        work->spec->section == NULL || strcmp(work->spec->section, "pre-data") == 0;
    for (size_t i = 0; makes && i < work->outline->count; i++) {
        const struct statement *statement = &work->outline->items[i];
        const struct sql_name *missing = statement->action == STATEMENT_CREATE &&
                                                 strcmp(statement->type, "table") == 0 &&
                                                 is_core(work, statement)
                                             ? find_missing(work, statement)
                                             : NULL;
        if (missing == NULL)
            continue;
        char *label = statement_label(statement);
        char *name = sql_name_text(missing->schema, missing->name);
        err_set(err, ERR_NOT_FOUND,
                "%s needs %s, which neither was chosen nor is in the target", label, name);
        err_hint(err, "choose it, too: --table '%s'", name);
        free(name);
        free(label);
        return -1;
    }
    return 0;
}

static int select_part(struct work *work, struct err *err)
{
    const struct outline *outline = work->outline;
    struct selection *out = work->out;
    /* What it needs, and what that needs: until nothing new comes. */
    for (bool grew = true; grew;) {
        grew = false;
        for (size_t i = 0; i < outline->count; i++)
            if (is_core(work, &outline->items[i]) && bring_needed(work, &outline->items[i]))
                grew = true;
    }
    if (find_incomplete_table(work, err) < 0)
        return -1;
    while (drop_incomplete(work))
        continue;
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
    out->rows = memory_array(outline->rows_count + 1, sizeof *out->rows);
    out->relations = memory_array(outline->relation_count + 1, sizeof *out->relations);
    struct work work = {.outline = outline, .spec = spec, .out = out};
    work.objects = memory_array(outline->object_count + 1, sizeof *work.objects);
    int result = choose(&work, err);
    if (result == 0 && out->partial)
        result = select_part(&work, err);
    if (!out->partial)
        memset(out->relations, true, outline->relation_count * sizeof *out->relations);
    for (size_t i = 0; result == 0 && i < outline->count; i++)
        out->statements[i] = takes(&work, &outline->items[i]);
    bool data = spec->section == NULL || strcmp(spec->section, "data") == 0;
    for (size_t i = 0; result == 0 && i < outline->rows_count; i++)
        out->rows[i] = data && out->relations[outline->rows[i].relation];
    sql_map_release(&work.schemas);
    sql_map_release(&work.dropped);
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
    if (spec->section != NULL &&
        strcmp(section_name(statement->section), spec->section) != 0)
        return false;
    if (!selection->partial)
        return true;
    size_t of = outline_relation_of(outline, statement);
    return of != OUTLINE_NONE && selection->relations[of];
}

void selection_release(struct selection *selection)
{
    free(selection->statements);
    free(selection->rows);
    free(selection->relations);
    strlist_release(&selection->left_out);
    strlist_release(&selection->brought);
    strlist_release(&selection->schemas);
    *selection = (struct selection){0};
}
