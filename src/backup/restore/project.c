/*
 * Each statement is asked whose it is, by names alone. What is left out is told as sums: a line for
 * each of a thousand definitions of schema auth would hide the few that matter.
 */
#include "backup/restore/project.h"

#include "base/memory.h"
#include "postgres/profile/supabase.h"

/* What the platform has, by kind, with the sentence that tells how many were left out. */
enum kept {
    COMES,
    DEFINITION, /* counted by schema */
    OWNER,
    DEFAULTS,
    EXTENSION,
    EVENT_TRIGGER,
    PUBLICATION,
    HISTORY,
    KINDS
};
static const char *const sentences[KINDS] = {
    [OWNER] = "owners that are roles of the platform (who restores owns these)",
    [DEFAULTS] = "default privileges of roles of the platform",
    [EXTENSION] = "extensions of the platform, and comments on any",
    [EVENT_TRIGGER] = "event triggers of the platform",
    [PUBLICATION] = "publications of the platform",
    [HISTORY] = "the history of migrations (--schema supabase_migrations brings it)",
};

struct narrowing {
    const struct outline *outline;
    struct selection *out;
    size_t counts[KINDS];
    struct sql_map schemas; /* definitions left out of each */
    struct sql_map
        event_triggers; /* that were left out: what else is said of them goes, too */
};

/* The schema a statement speaks of; NULL: of none. */
static const char *schema_of(const struct statement *statement)
{
    switch (statement->subject) {
    case STATEMENT_OF_SCHEMA:
        return statement->object.name;
    case STATEMENT_OF_RELATION:
    case STATEMENT_OF_INDEX:
    case STATEMENT_OF_OBJECT:
        return statement->of.schema;
    case STATEMENT_OF_DATABASE:
        break;
    }
    return NULL;
}

/* The name behind these words ("OWNER TO", "FOR ROLE"), heap; NULL: they are not there. */
static char *name_behind(const struct statement *statement, const char *first,
                         const char *second)
{
    struct sql_cursor cursor;
    sql_cursor_init(&cursor, statement->text, statement->size);
    while (sql_peek(&cursor).kind != SQL_END) {
        if (!sql_keyword(&cursor, first))
            (void)sql_next(&cursor);
        else if (sql_keyword(&cursor, second))
            return sql_identifier(&cursor);
    }
    return NULL;
}

static bool is_of_platform_role(const struct statement *statement, const char *first,
                                const char *second)
{
    char *role = name_behind(statement, first, second);
    bool platform = role != NULL && supabase_owns_role(role);
    free(role);
    return platform;
}

/* Does it name anything of the platform's schemas, or nothing but such? */
static bool names_platform(const struct statement *statement, bool alone)
{
    bool any = false, all = true;
    for (size_t i = 0; i < statement->ref_count; i++) {
        bool platform = supabase_owns_schema(statement->refs[i].schema);
        any = any || platform;
        all = all && platform;
    }
    return alone ? all : any;
}

/* In a schema that the project has: rows and values come, and what users add to its tables. */
static enum kept in_platform_schema(const struct statement *statement)
{
    enum statement_action action = statement->action;
    if (action == STATEMENT_COPY || action == STATEMENT_ROWS ||
        action == STATEMENT_SEQUENCE_SET || action == STATEMENT_TRIGGERS ||
        action == STATEMENT_STATE)
        return COMES;
    if (action != STATEMENT_ADD)
        return DEFINITION;
    /* A trigger on auth.users that fills public.profiles is in half of all projects. */
    if (strcmp(statement->type, "policy") == 0)
        return COMES;
    return strcmp(statement->type, "trigger") == 0 && !names_platform(statement, true)
               ? COMES
               : DEFINITION;
}

/* Things of the database as a whole, by the first words of their statements. */
static enum kept of_database(struct narrowing *n, const struct statement *statement)
{
    const char *name = statement->object.name;
    if (text_starts_with(statement->text, "COMMENT ON EXTENSION"))
        return EXTENSION; /* its owner is the platform's role, whoever made it */
    if (name == NULL)
        return COMES;
    if (strcmp(statement->type, "extension") == 0)
        return supabase_owns_extension(name) ? EXTENSION : COMES;

    /* What its role owns cannot be changed by another; but tables of users may join it. */
    bool adds = statement->action == STATEMENT_ALTER && !names_platform(statement, false);
    if (text_starts_with(statement->text, "CREATE PUBLICATION") ||
        text_starts_with(statement->text, "ALTER PUBLICATION"))
        return supabase_owns_publication(name) && !adds ? PUBLICATION : COMES;

    /* Its function tells whose it is; what changes it comes later in the dump. */
    if (strcmp(statement->type, "event trigger") == 0 &&
        statement->action == STATEMENT_CREATE && names_platform(statement, false))
        (void)sql_map_add(&n->event_triggers, "", name, 0);
    bool event = text_starts_with(statement->text, "CREATE EVENT TRIGGER") ||
                 text_starts_with(statement->text, "ALTER EVENT TRIGGER");
    return event && sql_map_find(&n->event_triggers, "", name) != NULL ? EVENT_TRIGGER
                                                                       : COMES;
}

static enum kept whose(struct narrowing *n, const struct statement *statement)
{
    const char *schema = schema_of(statement);
    if (schema != NULL && supabase_keeps_back(schema))
        return n->out->partial ? COMES : HISTORY;
    if (schema != NULL && supabase_owns_schema(schema))
        return in_platform_schema(statement);
    if (strcmp(statement->type, "default privileges") == 0)
        return is_of_platform_role(statement, "FOR", "ROLE") ? DEFAULTS : COMES;
    if (statement->subject == STATEMENT_OF_DATABASE) {
        enum kept kept = of_database(n, statement);
        if (kept != COMES)
            return kept;
    }
    if (statement->action == STATEMENT_OWNER)
        return is_of_platform_role(statement, "OWNER", "TO") ? OWNER : COMES;
    return COMES;
}

/* Definitions by their schema, all else as one number. */
static void count(struct narrowing *n, enum kept kept, const struct statement *statement)
{
    n->counts[kept]++;
    if (kept != DEFINITION)
        return;
    const char *schema = schema_of(statement);
    size_t *before = sql_map_find(&n->schemas, schema, "");
    if (before != NULL)
        (*before)++;
    else
        (void)sql_map_add(&n->schemas, schema, "", 1);
}

static void tell(struct narrowing *n)
{
    struct strlist *out = &n->out->left_out;
    struct strlist schemas = {0};
    for (size_t i = 0; i < n->schemas.capacity; i++) {
        const struct sql_map_row *row = &n->schemas.rows[i];
        if (row->name.name != NULL)
            strlist_addf(&schemas, "%zu definitions of schema %s, which the project has",
                         row->value, row->name.schema);
    }
    /* The map has an order of its own, which would be another one on the next day. */
    strlist_sort(&schemas);
    for (size_t i = 0; i < schemas.count; i++)
        strlist_add(out, schemas.items[i]);
    strlist_release(&schemas);
    for (int kind = OWNER; kind < KINDS; kind++) {
        if (n->counts[kind] == 0)
            continue;
        strlist_addf(out, "%s: %zu statements", sentences[kind], n->counts[kind]);
    }
}

void project_narrow(const struct outline *outline, struct selection *selection)
{
    struct narrowing n = {.outline = outline, .out = selection};
    for (size_t i = 0; i < outline->count; i++) {
        enum kept kept = selection->statements[i] ? whose(&n, &outline->items[i]) : COMES;
        if (kept == COMES)
            continue;
        selection->statements[i] = false;
        count(&n, kept, &outline->items[i]);
    }
    /* Rows are no statements. */
    for (size_t i = 0; i < outline->rows_count && !selection->partial; i++)
        if (supabase_keeps_back(outline->rows[i].name.schema))
            selection->rows[i] = false;
    tell(&n);
    sql_map_release(&n.schemas);
    sql_map_release(&n.event_triggers);
}
