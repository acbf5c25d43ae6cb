/*
 * What a chosen table cannot be made without comes along; what would not find the things it
 * names stays behind. Both are asked of names alone: the outline knows what the dump makes, the
 * map of the target what is there already, and what neither knows (an extension's type) is the
 * server's to judge.
 */
#include "backup/restore/selection_work.h"

#include "base/memory.h"

bool selection_has_section(const struct selection_spec *spec, enum section section)
{
    return spec->section == NULL || strcmp(section_name(section), spec->section) == 0;
}

/* Only new databases are empty: what they have is `public`. */
bool selection_has_present(const struct selection_spec *spec, const char *schema,
                           const char *name)
{
    if (spec->present == NULL)
        return *name == '\0' && strcmp(schema, "public") == 0;
    return sql_map_find(spec->present, schema, name) != NULL;
}

/* ---- what it needs ---- */

static void add_label(struct strlist *list, const char *type, const struct sql_name *name)
{
    /* First as it is, then fit for a terminal. */
    struct text label, out;
    text_init(&label, 1024);
    text_init(&out, 4096);
    /* As the reader knows it: "type public.mood". */
    text_addf(&label, "%s ", type);
    sql_name_add(&label, name->schema, name->name);
    text_add_printable(&out, label.data, label.length);
    strlist_add(list, out.data);
    text_release(&out);
    text_release(&label);
}

/* Is the statement what a table cannot be made without? */
static bool is_core(const struct selection_work *work, const struct statement *statement)
{
    if (statement->action != STATEMENT_CREATE && statement->action != STATEMENT_ALTER &&
        statement->action != STATEMENT_DEFAULT)
        return false;
    /* A type or function that comes has needs of its own. */
    if (statement->subject == STATEMENT_OF_OBJECT) {
        size_t object = outline_object(work->outline, &statement->of);
        return object != OUTLINE_NONE && work->objects[object];
    }
    /* Whatever makes or changes a table that comes, its defaults among it. */
    size_t relation = outline_relation_of(work->outline, statement);
    /* A view that needs what is not there is left out instead. */
    return relation != OUTLINE_NONE && work->out->relations[relation] &&
           strstr(work->outline->relations[relation].type, "view") == NULL;
}

/* Types, functions and sequences that a table's own statements name come along, and what those
 * name in turn. True when there was one. */
static bool bring_needed(struct selection_work *work, const struct statement *statement)
{
    bool grew = false;
    for (size_t i = 0; i < statement->ref_count; i++) {
        /* One name may be a relation and a type at once: tables are row types. */
        const struct sql_name *ref = &statement->refs[i];
        size_t object = outline_object(work->outline, ref);
        size_t relation = outline_relation(work->outline, ref);
        if (selection_has_present(work->spec, ref->schema, ref->name))
            continue;
        /* Each is told once, when it comes. */
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

/* What a dump does not make is an extension's: those of the schema where the name lies come along,
 * as nobody says which of them it is. Also for an index or a check, which could be left out: a
 * table is worth little without. */
static void bring_extensions(struct selection_work *work, const struct statement *statement)
{
    const struct outline *outline = work->outline;
    for (size_t i = 0; i < statement->ref_count; i++) {
        const struct sql_name *ref = &statement->refs[i];
        if (outline_object(outline, ref) != OUTLINE_NONE ||
            outline_relation(outline, ref) != OUTLINE_NONE ||
            selection_has_present(work->spec, ref->schema, ref->name))
            continue;
        for (size_t k = 0; k < outline->count; k++) {
            const struct statement *extension = &outline->items[k];
            if (strcmp(extension->type, "extension") != 0 ||
                !text_equal(extension->other.name, ref->schema) ||
                !sql_map_add(&work->extensions, "", extension->object.name, k))
                continue;
            (void)sql_map_add(&work->schemas, ref->schema, "", 0);
            add_label(&work->out->brought, "extension", &extension->object);
        }
    }
}

static bool is_of_chosen(const struct selection_work *work,
                         const struct statement *statement)
{
    size_t relation = outline_relation_of(work->outline, statement);
    return is_core(work, statement) ||
           (statement->action == STATEMENT_ADD && relation != OUTLINE_NONE &&
            work->out->relations[relation]);
}

/* ---- what hangs on something that is not there ---- */

/* The first thing of the dump that a statement names and that will not be there; NULL: none. */
const struct sql_name *selection_missing(const struct selection_work *work,
                                         const struct statement *statement)
{
    for (size_t i = 0; i < statement->ref_count; i++) {
        const struct sql_name *ref = &statement->refs[i];
        size_t object = outline_object(work->outline, ref);
        size_t relation = outline_relation(work->outline, ref);
        /* What the dump does not make is an extension's or the system's: the server will
         * know. */
        bool ours = object != OUTLINE_NONE || relation != OUTLINE_NONE;
        bool comes =
            (object != OUTLINE_NONE && work->objects != NULL && work->objects[object]) ||
            (relation != OUTLINE_NONE && work->out->relations[relation]);
        if (ours && !comes && !selection_has_present(work->spec, ref->schema, ref->name))
            return ref;
    }
    return NULL;
}

void selection_leave_out(struct selection_work *work, const struct statement *statement,
                         const struct sql_name *missing)
{
    struct text line, out;
    char *label = statement_label(statement);
    text_init(&line, 2048);
    text_init(&out, 8192);
    /* "trigger t of public.a needs public.f". */
    sql_name_add(&line, missing->schema, missing->name);
    text_addf(&out, "%s needs ", label);
    text_add_printable(&out, line.data, line.length);
    strlist_add(&work->out->left_out, out.data);
    /* One reason is enough, also where a stand-in and the view itself both ask. */
    (void)sql_map_add(&work->told, "", label, 0);
    /* Comments on it and switches of it have nothing to hold on to. */
    if (statement->object.name != NULL && statement->of.name != NULL) {
        char *table = sql_name_text(statement->of.schema, statement->of.name);
        (void)sql_map_add(&work->dropped, table, statement->object.name, 0);
        free(table);
    }
    /* Indexes and statistics are spoken of by their own names, too. Triggers and policies share
     * names with them: only what makes one counts. */
    const struct sql_name *other = &statement->other;
    if (strcmp(statement->type, "statistics") == 0 && other->name != NULL)
        (void)sql_map_add(&work->dropped_indexes, other->schema, other->name, 0);
    else if ((strcmp(statement->type, "index") == 0 ||
              strcmp(statement->type, "constraint") == 0) &&
             statement->object.name != NULL)
        (void)sql_map_add(&work->dropped_indexes, statement->of.schema,
                          statement->object.name, 0);
    text_release(&out);
    text_release(&line);
    free(label);
}

/* Views, functions of a schema: the whole thing stays behind, and so what stands on it. True
 * when one was dropped, which may take the next one along. */
static bool drop_incomplete(struct selection_work *work)
{
    const struct outline *outline = work->outline;
    bool dropped = false;
    for (size_t i = 0; i < outline->count; i++) {
        const struct statement *statement = &outline->items[i];
        /* The CREATE speaks for the whole thing; what belongs to it goes with it. */
        if (statement->action != STATEMENT_CREATE)
            continue;
        /* Objects and views; a table that lacks something was refused before. */
        bool *comes = NULL;
        size_t object = outline_object(outline, &statement->of);
        size_t relation = outline_relation(outline, &statement->of);
        if (statement->subject == STATEMENT_OF_OBJECT && object != OUTLINE_NONE)
            comes = &work->objects[object];
        else if (statement->subject == STATEMENT_OF_RELATION && relation != OUTLINE_NONE &&
                 strstr(statement->type, "view") != NULL)
            comes = &work->out->relations[relation];
        const struct sql_name *missing =
            comes != NULL && *comes ? selection_missing(work, statement) : NULL;
        if (missing == NULL)
            continue;
        selection_leave_out(work, statement, missing);
        *comes = false;
        dropped = true;
    }
    return dropped;
}

/* A table that cannot be made without another one (its parent) was asked for by name: said now
 * and not by the server, in the middle. */
static int find_incomplete_table(const struct selection_work *work, struct err *err)
{
    bool makes = selection_has_section(work->spec, SECTION_PRE_DATA);
    for (size_t i = 0; makes && i < work->outline->count; i++) {
        const struct statement *statement = &work->outline->items[i];
        const struct sql_name *missing = statement->action == STATEMENT_CREATE &&
                                                 strcmp(statement->type, "table") == 0 &&
                                                 is_core(work, statement)
                                             ? selection_missing(work, statement)
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

int selection_complete(struct selection_work *work, struct err *err)
{
    const struct outline *outline = work->outline;
    /* What it needs, and what that needs: until nothing new comes. */
    for (bool grew = true; grew;) {
        grew = false;
        for (size_t i = 0; i < outline->count; i++)
            if (is_core(work, &outline->items[i]) && bring_needed(work, &outline->items[i]))
                grew = true;
    }
    for (size_t i = 0; i < outline->count; i++)
        if (is_of_chosen(work, &outline->items[i]))
            bring_extensions(work, &outline->items[i]);
    if (find_incomplete_table(work, err) < 0)
        return -1;
    /* Views may stand on views: one that is dropped takes the next along. */
    while (drop_incomplete(work))
        continue;
    return 0;
}
