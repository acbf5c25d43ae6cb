/*
 * A table of forms, each a short pattern of words; the first that fits decides, so special forms
 * stand before general ones. Words of a pattern:
 *
 *     WORD ?WORD   a keyword, one that may be there
 *     @ @c         the name of what the statement belongs to; @c: of a column, without it
 *     & &c         another name, into `other`
 *     +            as @, the name of an operator: its schema and its marks
 *     %            a bare name, into `object`
 *     *            any one name
 *     '@ '&        a string that holds such a name
 *     ...          anything up to the next word, at the same depth of brackets
 *     ( ) .        themselves
 */
#include "backup/restore/statement.h"

#include "base/memory.h"

enum { LABEL_MAX = 400, WORD_MAX = 32 };

#define DATABASE STATEMENT_OF_DATABASE
#define RELATION STATEMENT_OF_RELATION
#define INDEX STATEMENT_OF_INDEX
#define OBJECT STATEMENT_OF_OBJECT
#define SCHEMA STATEMENT_OF_SCHEMA

static const struct form {
    const char *pattern;
    enum statement_action action;
    enum statement_subject subject;
    const char *type;
} forms[] = {
    {"SET", STATEMENT_STATE, DATABASE, "setting"},
    {"RESET", STATEMENT_STATE, DATABASE, "setting"},
    {"SELECT pg_catalog . set_config", STATEMENT_STATE, DATABASE, "setting"},
    /* Rows and what belongs to them. */
    {"COPY @", STATEMENT_COPY, RELATION, "rows"},
    {"INSERT INTO @", STATEMENT_ROWS, RELATION, "rows"},
    {"SELECT pg_catalog . setval ( '@", STATEMENT_SEQUENCE_SET, RELATION, "sequence value"},
    {"ALTER TABLE ?ONLY @ DISABLE TRIGGER ALL", STATEMENT_TRIGGERS, RELATION, "triggers"},
    {"ALTER TABLE ?ONLY @ ENABLE TRIGGER ALL", STATEMENT_TRIGGERS, RELATION, "triggers"},
    {"SELECT pg_catalog . lo_open", STATEMENT_ALTER, DATABASE, "large object"},
    {"SELECT pg_catalog . lowrite", STATEMENT_ALTER, DATABASE, "large object"},
    {"SELECT pg_catalog . lo_close", STATEMENT_ALTER, DATABASE, "large object"},
    {"SELECT pg_catalog . lo_create", STATEMENT_CREATE, DATABASE, "large object"},
    {"SELECT pg_catalog . lo_unlink", STATEMENT_ALTER, DATABASE, "large object"},
    {"BEGIN", STATEMENT_ALTER, DATABASE, "transaction"},
    {"COMMIT", STATEMENT_ALTER, DATABASE, "transaction"},
    /* Relations. */
    {"CREATE ?UNLOGGED TABLE @", STATEMENT_CREATE, RELATION, "table"},
    {"CREATE FOREIGN TABLE @", STATEMENT_CREATE, RELATION, "foreign table"},
    {"CREATE ?OR ?REPLACE ?RECURSIVE VIEW @", STATEMENT_CREATE, RELATION, "view"},
    {"CREATE MATERIALIZED VIEW @", STATEMENT_CREATE, RELATION, "materialized view"},
    {"CREATE ?UNLOGGED SEQUENCE @", STATEMENT_CREATE, RELATION, "sequence"},
    {"REFRESH MATERIALIZED VIEW @", STATEMENT_REFRESH, RELATION,
     "materialized view's rows"},
    {"ALTER SEQUENCE @ OWNED BY &c", STATEMENT_OWNED_BY, RELATION, "owner of a sequence"},
    {"ALTER TABLE ?ONLY & ATTACH PARTITION @", STATEMENT_ATTACH, RELATION, "partition"},
    {"ALTER TABLE ?ONLY @ ADD CONSTRAINT % FOREIGN KEY ... REFERENCES &",
     STATEMENT_FOREIGN_KEY, RELATION, "foreign key"},
    {"ALTER TABLE ?ONLY @ ADD CONSTRAINT % CHECK", STATEMENT_ADD, RELATION,
     "check constraint"},
    {"ALTER TABLE ?ONLY @ ADD CONSTRAINT %", STATEMENT_ADD, RELATION, "constraint"},
    {"ALTER TABLE ?ONLY @ ALTER COLUMN * ADD GENERATED ?ALWAYS ?BY ?DEFAULT AS IDENTITY ( "
     "SEQUENCE NAME &",
     STATEMENT_DEFAULT, RELATION, "identity column"},
    {"ALTER FOREIGN TABLE ?ONLY @ ALTER COLUMN * SET DEFAULT", STATEMENT_DEFAULT, RELATION,
     "default value"},
    {"ALTER TABLE ?ONLY @ ALTER COLUMN * SET DEFAULT", STATEMENT_DEFAULT, RELATION,
     "default value"},
    {"ALTER TABLE ?ONLY @ OWNER TO", STATEMENT_OWNER, RELATION, "owner"},
    {"ALTER FOREIGN TABLE ?ONLY @ OWNER TO", STATEMENT_OWNER, RELATION, "owner"},
    {"ALTER SEQUENCE @ OWNER TO", STATEMENT_OWNER, RELATION, "owner"},
    {"ALTER VIEW @ OWNER TO", STATEMENT_OWNER, RELATION, "owner"},
    {"ALTER MATERIALIZED VIEW @ OWNER TO", STATEMENT_OWNER, RELATION, "owner"},
    {"ALTER TABLE ?ONLY @ ENABLE ROW LEVEL SECURITY", STATEMENT_ADD, RELATION,
     "row security"},
    {"ALTER TABLE ?ONLY @ CLUSTER ON %", STATEMENT_ALTER, RELATION, "clustering"},
    {"ALTER TABLE ?ONLY @ REPLICA IDENTITY USING INDEX %", STATEMENT_ALTER, RELATION,
     "replica identity"},
    {"ALTER TABLE ?ONLY @ DISABLE TRIGGER %", STATEMENT_ALTER, RELATION, "trigger"},
    {"ALTER TABLE ?ONLY @ ENABLE ?ALWAYS ?REPLICA TRIGGER %", STATEMENT_ALTER, RELATION,
     "trigger"},
    {"ALTER TABLE ?ONLY @ DISABLE RULE %", STATEMENT_ALTER, RELATION, "rule"},
    {"ALTER TABLE ?ONLY @ ENABLE ?ALWAYS ?REPLICA RULE %", STATEMENT_ALTER, RELATION,
     "rule"},
    {"ALTER TABLE ?ONLY @", STATEMENT_ALTER, RELATION, "table"},
    {"ALTER FOREIGN TABLE ?ONLY @", STATEMENT_ALTER, RELATION, "foreign table"},
    {"ALTER SEQUENCE @", STATEMENT_ALTER, RELATION, "sequence"},
    {"ALTER VIEW @", STATEMENT_ALTER, RELATION, "view"},
    {"ALTER MATERIALIZED VIEW @", STATEMENT_ALTER, RELATION, "materialized view"},
    /* What a table has beside its rows. */
    {"CREATE ?UNIQUE INDEX % ON ?ONLY @", STATEMENT_ADD, RELATION, "index"},
    {"CREATE ?CONSTRAINT TRIGGER % ... ON @", STATEMENT_ADD, RELATION, "trigger"},
    {"CREATE POLICY % ON @", STATEMENT_ADD, RELATION, "policy"},
    {"CREATE RULE % AS ON * TO @", STATEMENT_ADD, RELATION, "rule"},
    {"CREATE STATISTICS & ... FROM @", STATEMENT_ADD, RELATION, "statistics"},
    {"ALTER INDEX & ATTACH PARTITION @", STATEMENT_ATTACH, INDEX, "index of a partition"},
    {"ALTER INDEX @", STATEMENT_ALTER, INDEX, "index"},
    {"ALTER STATISTICS @ OWNER TO", STATEMENT_OWNER, INDEX, "owner"},
    {"ALTER STATISTICS @", STATEMENT_ALTER, INDEX, "statistics"},
    /* Schemas. */
    {"CREATE SCHEMA %", STATEMENT_CREATE, SCHEMA, "schema"},
    {"ALTER SCHEMA % OWNER TO", STATEMENT_OWNER, SCHEMA, "owner"},
    {"ALTER DEFAULT PRIVILEGES FOR ROLE * IN SCHEMA %", STATEMENT_PRIVILEGES, SCHEMA,
     "default privileges"},
    {"ALTER DEFAULT PRIVILEGES", STATEMENT_PRIVILEGES, DATABASE, "default privileges"},
    /* Rights, comments, labels: of whatever follows ON. */
    {"GRANT ... ON", STATEMENT_PRIVILEGES, DATABASE, "privileges"},
    {"REVOKE ... ON", STATEMENT_PRIVILEGES, DATABASE, "privileges"},
    {"COMMENT ON", STATEMENT_COMMENT, DATABASE, "comment"},
    {"SECURITY LABEL ... ON", STATEMENT_COMMENT, DATABASE, "security label"},
    /* Things of a schema. */
    {"CREATE ?OR ?REPLACE FUNCTION @", STATEMENT_CREATE, OBJECT, "function"},
    {"CREATE ?OR ?REPLACE PROCEDURE @", STATEMENT_CREATE, OBJECT, "procedure"},
    {"CREATE ?OR ?REPLACE AGGREGATE @", STATEMENT_CREATE, OBJECT, "aggregate"},
    {"CREATE TYPE @", STATEMENT_CREATE, OBJECT, "type"},
    {"CREATE DOMAIN @", STATEMENT_CREATE, OBJECT, "domain"},
    {"CREATE COLLATION @", STATEMENT_CREATE, OBJECT, "collation"},
    {"CREATE ?DEFAULT CONVERSION @", STATEMENT_CREATE, OBJECT, "conversion"},
    {"CREATE TEXT SEARCH CONFIGURATION @", STATEMENT_CREATE, OBJECT,
     "text search configuration"},
    {"CREATE TEXT SEARCH * @", STATEMENT_CREATE, OBJECT, "text search object"},
    {"CREATE OPERATOR CLASS @", STATEMENT_CREATE, OBJECT, "operator class"},
    {"CREATE OPERATOR FAMILY @", STATEMENT_CREATE, OBJECT, "operator family"},
    {"CREATE OPERATOR +", STATEMENT_CREATE, OBJECT, "operator"},
    {"ALTER FUNCTION @ ... OWNER TO", STATEMENT_OWNER, OBJECT, "owner"},
    {"ALTER PROCEDURE @ ... OWNER TO", STATEMENT_OWNER, OBJECT, "owner"},
    {"ALTER AGGREGATE @ ... OWNER TO", STATEMENT_OWNER, OBJECT, "owner"},
    {"ALTER TYPE @ OWNER TO", STATEMENT_OWNER, OBJECT, "owner"},
    {"ALTER DOMAIN @ OWNER TO", STATEMENT_OWNER, OBJECT, "owner"},
    {"ALTER COLLATION @ OWNER TO", STATEMENT_OWNER, OBJECT, "owner"},
    {"ALTER CONVERSION @ OWNER TO", STATEMENT_OWNER, OBJECT, "owner"},
    {"ALTER TEXT SEARCH * @ OWNER TO", STATEMENT_OWNER, OBJECT, "owner"},
    {"ALTER OPERATOR CLASS @ ... OWNER TO", STATEMENT_OWNER, OBJECT, "owner"},
    {"ALTER OPERATOR FAMILY @ ... OWNER TO", STATEMENT_OWNER, OBJECT, "owner"},
    {"ALTER OPERATOR + ... OWNER TO", STATEMENT_OWNER, OBJECT, "owner"},
    {"ALTER FUNCTION @", STATEMENT_ALTER, OBJECT, "function"},
    {"ALTER PROCEDURE @", STATEMENT_ALTER, OBJECT, "procedure"},
    {"ALTER TYPE @", STATEMENT_ALTER, OBJECT, "type"},
    {"ALTER DOMAIN @", STATEMENT_ALTER, OBJECT, "domain"},
    {"ALTER TEXT SEARCH CONFIGURATION @", STATEMENT_ALTER, OBJECT,
     "text search configuration"},
    {"ALTER OPERATOR FAMILY @", STATEMENT_ALTER, OBJECT, "operator family"},
    /* Things of the database. */
    {"CREATE EXTENSION ?IF ?NOT ?EXISTS % WITH SCHEMA &", STATEMENT_CREATE, DATABASE,
     "extension"},
    {"CREATE EXTENSION ?IF ?NOT ?EXISTS %", STATEMENT_CREATE, DATABASE, "extension"},
    {"CREATE ?OR ?REPLACE ?TRUSTED ?PROCEDURAL LANGUAGE %", STATEMENT_CREATE, DATABASE,
     "language"},
    {"CREATE CAST", STATEMENT_CREATE, DATABASE, "cast"},
    {"CREATE TRANSFORM", STATEMENT_CREATE, DATABASE, "transform"},
    {"CREATE ACCESS METHOD %", STATEMENT_CREATE, DATABASE, "access method"},
    {"CREATE FOREIGN DATA WRAPPER %", STATEMENT_CREATE, DATABASE, "foreign data wrapper"},
    {"CREATE SERVER %", STATEMENT_CREATE, DATABASE, "foreign server"},
    {"CREATE USER MAPPING", STATEMENT_CREATE, DATABASE, "user mapping"},
    {"CREATE EVENT TRIGGER %", STATEMENT_CREATE, DATABASE, "event trigger"},
    {"CREATE PUBLICATION %", STATEMENT_CREATE, DATABASE, "publication"},
    {"CREATE SUBSCRIPTION %", STATEMENT_CREATE, DATABASE, "subscription"},
    {"ALTER PUBLICATION % OWNER TO", STATEMENT_OWNER, DATABASE, "owner"},
    {"ALTER SUBSCRIPTION % OWNER TO", STATEMENT_OWNER, DATABASE, "owner"},
    {"ALTER EVENT TRIGGER % OWNER TO", STATEMENT_OWNER, DATABASE, "owner"},
    {"ALTER SERVER % OWNER TO", STATEMENT_OWNER, DATABASE, "owner"},
    {"ALTER FOREIGN DATA WRAPPER % OWNER TO", STATEMENT_OWNER, DATABASE, "owner"},
    {"ALTER LARGE OBJECT * OWNER TO", STATEMENT_OWNER, DATABASE, "owner"},
    {"ALTER ?PROCEDURAL LANGUAGE % OWNER TO", STATEMENT_OWNER, DATABASE, "owner"},
    {"ALTER PUBLICATION %", STATEMENT_ALTER, DATABASE, "publication"},
    {"ALTER SUBSCRIPTION %", STATEMENT_ALTER, DATABASE, "subscription"},
    {"ALTER EVENT TRIGGER %", STATEMENT_ALTER, DATABASE, "event trigger"},
    {"ALTER EXTENSION %", STATEMENT_ALTER, DATABASE, "extension"},
};

/* What stands behind ON of a right, a comment or a label. A REVOKE or GRANT names its kind
 * always; what no row fits is the database's. */
static const struct form targets[] = {
    {"TABLE @", STATEMENT_OTHER, RELATION, ""},
    {"VIEW @", STATEMENT_OTHER, RELATION, ""},
    {"MATERIALIZED VIEW @", STATEMENT_OTHER, RELATION, ""},
    {"FOREIGN TABLE @", STATEMENT_OTHER, RELATION, ""},
    {"SEQUENCE @", STATEMENT_OTHER, RELATION, ""},
    {"COLUMN @c", STATEMENT_OTHER, RELATION, ""},
    {"CONSTRAINT % ON DOMAIN @", STATEMENT_OTHER, OBJECT, ""},
    {"CONSTRAINT % ON @", STATEMENT_OTHER, RELATION, ""},
    {"TRIGGER % ON @", STATEMENT_OTHER, RELATION, ""},
    {"POLICY % ON @", STATEMENT_OTHER, RELATION, ""},
    {"RULE % ON @", STATEMENT_OTHER, RELATION, ""},
    {"INDEX @", STATEMENT_OTHER, INDEX, ""},
    {"STATISTICS @", STATEMENT_OTHER, INDEX, ""},
    {"SCHEMA %", STATEMENT_OTHER, SCHEMA, ""},
    {"FUNCTION @", STATEMENT_OTHER, OBJECT, ""},
    {"PROCEDURE @", STATEMENT_OTHER, OBJECT, ""},
    {"AGGREGATE @", STATEMENT_OTHER, OBJECT, ""},
    {"TYPE @", STATEMENT_OTHER, OBJECT, ""},
    {"DOMAIN @", STATEMENT_OTHER, OBJECT, ""},
    {"COLLATION @", STATEMENT_OTHER, OBJECT, ""},
    {"CONVERSION @", STATEMENT_OTHER, OBJECT, ""},
    {"TEXT SEARCH * @", STATEMENT_OTHER, OBJECT, ""},
    {"OPERATOR CLASS @", STATEMENT_OTHER, OBJECT, ""},
    {"OPERATOR FAMILY @", STATEMENT_OTHER, OBJECT, ""},
    {"OPERATOR +", STATEMENT_OTHER, OBJECT, ""},
};

/* ---- matching ---- */

/* A string whose text is a name, as setval's first argument. */
static bool read_string_name(struct sql_cursor *cursor, struct sql_name *out)
{
    /* setval('public.seq', …): the server wrote the name as it would in SQL. */
    struct sql_token token = sql_next(cursor);
    char *value = sql_string_value(&token);
    if (value == NULL)
        return false;
    struct sql_cursor inner;
    sql_cursor_init(&inner, value, strlen(value));
    bool found = sql_name_read(&inner, false, out);
    free(value);
    return found;
}

/* Tokens up to one that is `word`, which stays; brackets are passed over whole. */
static bool skip_to(struct sql_cursor *cursor, const char *word)
{
    /* Inside of brackets the word may be a column's. */
    unsigned depth = 0;
    for (;;) {
        struct sql_token token = sql_peek(cursor);
        if (token.kind == SQL_END)
            return false;
        if (depth == 0 && sql_token_is(&token, word))
            return true;
        if (token.kind == SQL_MARK && *token.at == '(')
            depth++;
        else if (token.kind == SQL_MARK && *token.at == ')' && depth > 0)
            depth--;
        (void)sql_next(cursor);
    }
}

/* The next word of a pattern, or false at its end. */
static bool next_word(const char **pattern, char word[WORD_MAX])
{
    /* Patterns are literals of the tables above: words never exceed the room. */
    size_t size = strcspn(*pattern, " ");
    if (size == 0)
        return false;
    snprintf(word, WORD_MAX, "%.*s", (int)size, *pattern);
    *pattern += size + ((*pattern)[size] == ' ');
    return true;
}

static void forget_names(struct statement *statement)
{
    sql_name_release(&statement->of);
    sql_name_release(&statement->object);
    sql_name_release(&statement->other);
}

static bool match_name(struct sql_cursor *cursor, const char *word,
                       struct statement *statement)
{
    /* `@` belongs to the statement, `&` is somebody else. */
    bool quoted = *word == '\'';
    word += quoted;
    struct sql_name *into = *word == '@' ? &statement->of : &statement->other;
    sql_name_release(into);
    return quoted ? read_string_name(cursor, into)
                  : sql_name_read(cursor, word[1] == 'c', into);
}

/* Whether what is at the cursor fits, and then the names of it. */
static bool match(struct sql_cursor *cursor, const char *pattern,
                  struct statement *statement)
{
    char word[WORD_MAX];
    while (next_word(&pattern, word)) {
        bool fits = true;
        /* The word behind the dots is what to stop at; it is matched with the next
         * round. */
        if (strcmp(word, "...") == 0) {
            const char *ahead = pattern;
            fits = next_word(&ahead, word) && skip_to(cursor, word);
        } else if (strchr("@&'", *word) != NULL) {
            fits = match_name(cursor, word, statement);
        } else if (*word == '+') {
            sql_name_release(&statement->of);
            fits = sql_operator_read(cursor, &statement->of);
        } else if (*word == '%' || *word == '*') {
            char *name = sql_identifier(cursor);
            fits = name != NULL;
            if (*word == '%' && fits)
                sql_name_set(&statement->object, "", name);
            free(name);
        } else if (strchr("(.)", *word) != NULL) {
            fits = sql_mark(cursor, *word);
        } else if (*word == '?') {
            (void)sql_keyword(cursor, word + 1);
        } else {
            fits = sql_keyword(cursor, word);
        }
        /* Names that were read up to here are no part of another form. */
        if (!fits) {
            forget_names(statement);
            return false;
        }
    }
    return true;
}

static void classify(struct statement *statement)
{
    struct sql_cursor begin, cursor;
    sql_cursor_init(&begin, statement->text, statement->size);
    /* The first form that fits decides; one that fits none stays STATEMENT_OTHER. */
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        const struct form *form = &forms[i];
        cursor = begin;
        if (!match(&cursor, form->pattern, statement))
            continue;
        statement->action = form->action;
        statement->subject = form->subject;
        statement->type = form->type;
        break;
    }
    /* What a right or a comment belongs to stands behind ON, in the same words for all
     * of them. */
    bool by_target = strcmp(statement->type, "privileges") == 0 ||
                     statement->action == STATEMENT_COMMENT;
    begin = cursor;
    for (size_t i = 0; by_target && i < sizeof targets / sizeof *targets; i++) {
        cursor = begin;
        if (!match(&cursor, targets[i].pattern, statement))
            continue;
        statement->subject = targets[i].subject;
        break;
    }
}

/* ---- what it names ---- */

static void add_ref(struct statement *statement, struct sql_name *name)
{
    /* Bare names are keywords, columns, aliases; the system's own are there always. */
    bool known = name->schema == NULL || *name->schema == '\0' ||
                 strcmp(name->schema, "pg_catalog") == 0 ||
                 strcmp(name->schema, "information_schema") == 0 ||
                 sql_name_equal(name, &statement->of);
    for (size_t i = 0; !known && i < statement->ref_count; i++)
        known = sql_name_equal(&statement->refs[i], name);
    if (known) {
        sql_name_release(name);
        return;
    }
    /* Some dozens at most, but for views of hundreds of columns; a list is enough. */
    struct sql_name *added =
        memory_append(&statement->refs, &statement->ref_count, &statement->ref_capacity,
                      sizeof *statement->refs);
    *added = *name;
}

/* Every `a.b`, and what a string followed by ::regclass holds. Rows and bodies are no SQL of
 * the statement itself. */
static void find_refs(struct statement *statement)
{
    struct sql_cursor cursor;
    sql_cursor_init(&cursor, statement->text, statement->size);
    struct sql_token token, before = {0};
    /* Values and texts hold anything; what a comment speaks of is in `of`. */
    if (statement->action == STATEMENT_ROWS || statement->action == STATEMENT_COPY ||
        statement->action == STATEMENT_COMMENT)
        return;
    while ((token = sql_peek(&cursor)).kind != SQL_END) {
        struct sql_name name = {0};
        if (token.kind == SQL_WORD || token.kind == SQL_QUOTED) {
            /* OPERATOR(public.===): what a check or an index of a user's operator names. */
            if (sql_operator_read(&cursor, &name) || sql_name_read(&cursor, false, &name))
                add_ref(statement, &name);
        } else {
            (void)sql_next(&cursor);
        }
        /* A string alone means nothing until a cast says that it is a name. */
        if (token.kind == SQL_STRING)
            before = token;
        else if (token.kind != SQL_MARK)
            if (sql_token_is(&token, "regclass") && before.kind == SQL_STRING) {
                /* nextval('public.seq'::regclass): a default hangs on its sequence. */
                struct sql_cursor string;
                sql_cursor_init(&string, before.at, before.size);
                if (read_string_name(&string, &name))
                    add_ref(statement, &name);
                before = (struct sql_token){0};
            }
    }
}

void statement_parse(struct statement *statement, char *text, size_t size)
{
    /* Its own from now on: labels and refs point nowhere else. */
    statement->text = text;
    statement->size = size;
    statement->type = "";
    classify(statement);
    find_refs(statement);
}

void statement_release(struct statement *statement)
{
    forget_names(statement);
    for (size_t i = 0; i < statement->ref_count; i++)
        sql_name_release(&statement->refs[i]);
    free(statement->refs);
    free(statement->text);
    *statement = (struct statement){0};
}

char *statement_label(const struct statement *statement)
{
    struct text label, out;
    text_init(&label, LABEL_MAX);
    text_init(&out, LABEL_MAX * 4);
    if (statement->action == STATEMENT_OTHER) {
        /* Its first line is what a reader knows it by. */
        /* Enough to find it in the dump. */
        size_t size = strcspn(statement->text, "\n");
        text_add_bytes(&label, statement->text, size < 60 ? size : 60);
    } else {
        /* "index orders_state of sales.orders", "table sales.orders": the thing, then
         * whose. */
        text_add(&label, statement->type);
        if (statement->object.name != NULL) {
            text_add_char(&label, ' ');
            sql_name_add(&label, NULL, statement->object.name);
        }
        if (statement->of.name != NULL) {
            text_add(&label,
                     statement->object.name != NULL || statement->action != STATEMENT_CREATE
                         ? " of "
                         : " ");
            sql_name_add(&label, statement->of.schema, statement->of.name);
        }
    }
    /* It goes to terminals and logs: names may hold anything. */
    text_add_printable(&out, label.data, label.length);
    text_release(&label);
    return text_finish(&out);
}
