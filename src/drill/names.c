/*
 * Roles stand behind few words, and what is taken for one without being one costs a role in a
 * cluster that is thrown away: better one too many.
 */
#include "drill/names.h"

#include "base/memory.h"

void names_add_role(struct names *names, const char *role)
{
    /* Those of the system, and words that stand in the place of a name. */
    static const char *const known[] = {"public",       "postgres",     "current_user",
                                        "session_user", "current_role", ""};
    if (role != NULL && !text_is_any(role, known, sizeof known / sizeof *known) &&
        !text_starts_with(role, "pg_") && !strlist_has(&names->roles, role))
        strlist_add(&names->roles, role);
}

/* `a, b, "c"`; the word GROUP may stand in front of each. */
static void read_roles(struct sql_cursor *cursor, struct names *names)
{
    do {
        (void)sql_keyword(cursor, "GROUP");
        struct sql_token token = sql_peek(cursor);
        char *role = sql_identifier(cursor);
        /* PUBLIC is a keyword unless it is quoted, and then no role can have the name. */
        if (role != NULL && token.kind == SQL_WORD)
            (void)text_lower(role);
        names_add_role(names, role);
        free(role);
    } while (sql_mark(cursor, ','));
}

/* Behind which words of which statements roles stand. */
static bool leads_to_role(const struct statement *statement, struct sql_cursor *cursor)
{
    switch ((int)statement->action) {
    case STATEMENT_OWNER:
        return sql_keyword(cursor, "OWNER") && sql_keyword(cursor, "TO");
    case STATEMENT_PRIVILEGES:
        return sql_keyword(cursor, "TO") || sql_keyword(cursor, "FROM") ||
               sql_keyword(cursor, "ROLE") || sql_keyword(cursor, "BY");
    case STATEMENT_CREATE:
        return sql_keyword(cursor, "AUTHORIZATION") ||
               (strcmp(statement->type, "user mapping") == 0 && sql_keyword(cursor, "FOR"));
    case STATEMENT_ADD:
        return strcmp(statement->type, "policy") == 0 && sql_keyword(cursor, "TO");
    case STATEMENT_OTHER:
        return sql_keyword(cursor, "OWNER") && sql_keyword(cursor, "TO");
    default:
        return false;
    }
}

static void collect_roles(const struct statement *statement, struct names *names)
{
    struct sql_cursor cursor;
    sql_cursor_init(&cursor, statement->text, statement->size);
    while (sql_peek(&cursor).kind != SQL_END) {
        if (leads_to_role(statement, &cursor))
            read_roles(&cursor, names);
        else
            (void)sql_next(&cursor);
    }
}

/* SET default_tablespace = 'fast'; ALTER INDEX … SET TABLESPACE fast. */
static void collect_tablespace(const struct statement *statement, struct names *names)
{
    struct sql_cursor cursor;
    char *name = NULL;
    sql_cursor_init(&cursor, statement->text, statement->size);
    while (name == NULL && sql_peek(&cursor).kind != SQL_END) {
        bool by_setting = sql_keyword(&cursor, "default_tablespace");
        if (by_setting && sql_mark(&cursor, '=')) {
            struct sql_token value = sql_next(&cursor);
            if (value.kind == SQL_STRING)
                name = sql_string_value(&value);
            /* A name that needs no quotes within its quotes has none: pg_dump writes '"x y"'. */
            if (name != NULL && *name == '"') {
                struct sql_cursor inner;
                char *quoted = name;
                sql_cursor_init(&inner, quoted, strlen(quoted));
                name = sql_identifier(&inner);
                free(quoted);
            }
        } else if (sql_keyword(&cursor, "TABLESPACE")) {
            name = sql_identifier(&cursor);
        } else {
            (void)sql_next(&cursor);
        }
    }
    if (name != NULL && *name != '\0' && !text_starts_with(name, "pg_") &&
        !strlist_has(&names->tablespaces, name))
        strlist_add(&names->tablespaces, name);
    free(name);
}

static bool makes_schema(const struct outline *outline, const char *schema)
{
    for (size_t i = 0; i < outline->count; i++) {
        const struct statement *one = &outline->items[i];
        if (one->action == STATEMENT_CREATE && one->subject == STATEMENT_OF_SCHEMA &&
            strcmp(one->object.name, schema) == 0)
            return true;
    }
    return false;
}

static void collect_schema(const struct outline *outline, const struct statement *statement,
                           struct names *names)
{
    const char *schema = statement->of.schema;
    if (statement->action != STATEMENT_CREATE || schema == NULL || *schema == '\0' ||
        strcmp(schema, "public") == 0 || strlist_has(&names->schemas, schema) ||
        makes_schema(outline, schema))
        return;
    strlist_add(&names->schemas, schema);
}

void names_collect(const struct outline *outline, struct names *names)
{
    for (size_t i = 0; i < outline->count; i++) {
        const struct statement *statement = &outline->items[i];
        collect_roles(statement, names);
        collect_schema(outline, statement, names);
        /* Words of a body are no settings: only these two kinds speak of tablespaces. */
        if (statement->action == STATEMENT_STATE ||
            (statement->action == STATEMENT_ALTER &&
             statement->subject != STATEMENT_OF_OBJECT))
            collect_tablespace(statement, names);
    }
}

void names_release(struct names *names)
{
    strlist_release(&names->roles);
    strlist_release(&names->tablespaces);
    strlist_release(&names->schemas);
}
