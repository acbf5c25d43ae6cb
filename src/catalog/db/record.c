/*
 * One table of columns makes the statements and moves the values, so that a new column is one
 * line. memcpy between a field and a variable of its type, because a field is found by an offset
 * and C allows no other way to read it as what it is.
 */
#include "catalog/db/record.h"

#include "base/memory.h"

/* As a question reads them: all of them, in the order of the table. */
void record_add_columns(struct text *text, const struct record *record, const char *prefix)
{
    for (size_t i = 0; i < record->count; i++)
        text_addf(text, "%s%s%s", i > 0 ? ", " : "", prefix, record->columns[i].name);
}

/* One item per column that `write` writes: its name or nothing, then `behind`. */
static void add_each(struct text *text, const struct record *record, unsigned write,
                     bool with_name, const char *behind)
{
    const char *comma = "";
    /* In the order of the table, also where record_bind binds: the two cannot differ. */
    for (size_t i = 0; i < record->count; i++) {
        if ((record->columns[i].writes & write) == 0)
            continue;
        text_addf(text, "%s%s%s", comma, with_name ? record->columns[i].name : "", behind);
        comma = ", ";
    }
}

/* The question marks stand in the order in which record_bind binds. */
void record_add_insert(struct text *text, const struct record *record, unsigned write,
                       const char *table)
{
    text_addf(text, "INSERT INTO %s (", table);
    add_each(text, record, write, true, "");
    text_add(text, ") VALUES (");
    add_each(text, record, write, false, "?");
    text_add(text, ")");
}

/* For UPDATE … SET; the WHERE and what it binds come behind. */
void record_add_assignments(struct text *text, const struct record *record, unsigned write)
{
    add_each(text, record, write, true, " = ?");
}

/* The next parameter, by the kind of the column. */
static void bind_one(struct sql *sql, const struct record_column *column, const char *field)
{
    int64_t number = 0;
    uint64_t size = 0;
    unsigned word = 0;
    char *text = NULL;
    switch (column->kind) {
    case RECORD_INT:
        memcpy(&number, field, sizeof number);
        sql_bind_int(sql, number);
        break;
    case RECORD_SIZE:
        memcpy(&size, field, sizeof size);
        sql_bind_size(sql, size);
        break;
    case RECORD_BOOL:
        sql_bind_int(sql, *(const bool *)field ? 1 : 0);
        break;
    case RECORD_ENUM:
        memcpy(&word, field, sizeof word);
        sql_bind_int(sql, word);
        break;
    case RECORD_WORD:
        /* Words and not numbers, so that the file can be read without this program and the
         * CHECKs and triggers of the schema can be, too. */
        memcpy(&word, field, sizeof word);
        sql_bind_text(sql, word < column->size ? column->words[word] : NULL);
        break;
    case RECORD_TEXT:
    case RECORD_FILLED:
        /* Not copied: it has to live until the statement has run. */
        memcpy(&text, field, sizeof text);
        sql_bind_text(sql, text == NULL && column->kind == RECORD_FILLED ? "" : text);
        break;
    case RECORD_CHARS:
        /* NULL where there is none: a UNIQUE column takes many of them. */
        sql_bind_text(sql, *field == '\0' ? NULL : field);
        break;
    }
}

/* Those of one statement, in the order in which the three functions above named them. */
void record_bind(struct sql *sql, const struct record *record, unsigned write,
                 const void *from)
{
    for (size_t i = 0; i < record->count; i++)
        if ((record->columns[i].writes & write) != 0)
            bind_one(sql, &record->columns[i],
                     (const char *)from + record->columns[i].offset);
}

/* A word becomes the number of its place; in C it is an enum. */
static void read_word(struct sql *sql, const struct record_column *column, char *field)
{
    char name[32]; /* longer than any word of the schema */
    unsigned word = 0;
    sql_chars(sql, name, sizeof name);
    while (word < column->size && strcmp(column->words[word], name) != 0)
        word++;
    if (word < column->size) {
        memcpy(field, &word, sizeof word);
        return;
    }

    /* A CHECK of the schema lets no other word in: the file is damaged or made by hand. */
    if (!sql->failed)
        err_set(sql->err, ERR_CORRUPT, "catalog %s: \"%s\" is not a %s", sql->catalog->path,
                name, column->name);
    sql->failed = true;
}

/* The next column, by its kind. Texts become the caller's. */
static void read_one(struct sql *sql, const struct record_column *column, char *field)
{
    int64_t number = 0;
    unsigned word = 0;
    char *text = NULL;
    switch (column->kind) {
    case RECORD_INT:
    case RECORD_SIZE: /* as many bits, and never above 2^63 - 1: sql_bind_size */
        number = sql_int(sql);
        memcpy(field, &number, sizeof number);
        break;
    case RECORD_BOOL:
        *(bool *)field = sql_int(sql) != 0;
        break;
    case RECORD_ENUM:
        word = (unsigned)sql_int(sql);
        memcpy(field, &word, sizeof word);
        break;
    case RECORD_WORD:
        read_word(sql, column, field);
        break;
    case RECORD_TEXT:
    case RECORD_FILLED:
        text = sql_text(sql);
        memcpy(field, &text, sizeof text);
        break;
    case RECORD_CHARS:
        sql_chars(sql, field, column->size);
        break;
    }
}

/* The struct is zeroed by the caller: what no column fills stays so. */
void record_read(struct sql *sql, const struct record *record, void *out)
{
    for (size_t i = 0; i < record->count; i++)
        read_one(sql, &record->columns[i], (char *)out + record->columns[i].offset);
}

void record_release(const struct record *record, void *of)
{
    for (size_t i = 0; i < record->count; i++) {
        enum record_kind kind = record->columns[i].kind;
        char *text = NULL;
        /* All else lies in the struct itself. */
        if (kind != RECORD_TEXT && kind != RECORD_FILLED)
            continue;
        char *field = (char *)of + record->columns[i].offset;
        memcpy(&text, field, sizeof text);
        free(text);
        /* So that a struct can be released twice, or filled again. */
        text = NULL;
        memcpy(field, &text, sizeof text);
    }
}
