/*
 * Rows in COPY's text format are lines with tabs between the values; everything else that could
 * be a tab or a newline is escaped (PostgreSQL manual, COPY, "Text Format"). So a row is cut with
 * two memchr, and only what is printed is looked at byte by byte.
 */
#include "backup/table_rows.h"

#include "backup/restore/name_pattern.h"
#include "base/json.h"
#include "base/log.h"
#include "base/memory.h"
#include "copy/chunk_reader.h"
#include "stream/decode.h"

enum {
    RUN = 8,           /* chunks of one request */
    OUT_SIZE = 1 << 16 /* bytes printed at once */
};
#define ROW_MAX ((size_t)1 << 30)

struct printing {
    const struct table_rows_spec *spec;
    const struct dump_table *table; /* whose rows come; NULL: none that are wanted */
    size_t *places;                 /* of the wanted columns, in the table's */
    size_t count;                   /* of these; 0 with a table without columns */
    struct text row;                /* the piece of a row that came with the chunk before */
    struct text out;
    struct text value; /* one value, unescaped */
    uint64_t rows;
    bool full; /* the limit is reached */
};

static const struct {
    const char *name;
    enum table_rows_format format;
} formats[] = {
    {"copy", TABLE_ROWS_COPY}, {"csv", TABLE_ROWS_CSV}, {"json", TABLE_ROWS_JSON}};

bool table_rows_format_from_name(const char *name, enum table_rows_format *out)
{
    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++) {
        if (strcmp(formats[i].name, name) == 0) {
            *out = formats[i].format;
            return true;
        }
    }
    return false;
}

/* ---- columns ---- */

static int unknown_column(const struct dump_table *table, const char *name, struct err *err)
{
    const char *near =
        text_nearest(name, (const char *const *)table->columns.items, table->columns.count);
    err_set(err, ERR_USAGE, "table %s has no column \"%s\"", table->name, name);
    return near != NULL ? err_hint(err, "did you mean \"%s\"?", near) : -1;
}

/* "id,name": names as they are, without quotes; a name that holds a comma cannot be had so. */
static int choose_columns(struct printing *printing, struct err *err)
{
    /* The generated ones are not among them: a dump does not hold their values. */
    const struct strlist *columns = &printing->table->columns;
    const char *at = printing->spec->columns;
    free(printing->places);
    printing->places = memory_array(columns->count + 1, sizeof *printing->places);
    printing->count = 0;
    for (size_t i = 0; at == NULL && i < columns->count; i++)
        printing->places[printing->count++] = i;
    size_t capacity = columns->count + 1;
    while (at != NULL && *at != '\0') {
        size_t size = strcspn(at, ","), place = 0;
        char *name = memory_strndup(at, size);
        while (place < columns->count && strcmp(columns->items[place], name) != 0)
            place++;
        int result =
            place < columns->count ? 0 : unknown_column(printing->table, name, err);
        free(name);
        if (result < 0)
            return -1;
        memory_grow(&printing->places, &capacity, printing->count + 1,
                    sizeof *printing->places);
        printing->places[printing->count++] = place;
        at += size + (at[size] == ',');
    }
    return 0;
}

/* ---- values ---- */

/* One value without its escapes; false: NULL. */
static bool unescape(struct text *out, const char *data, size_t size)
{
    static const char letters[] = "bfnrtv", bytes[] = "\b\f\n\r\t\v";
    /* The letters that COPY escapes; whatever else follows a backslash is itself. */
    text_clear(out);
    if (size == 2 && memcmp(data, "\\N", 2) == 0)
        return false;
    for (size_t i = 0; i < size; i++) {
        const char *letter;
        if (data[i] != '\\' || i + 1 == size) {
            text_add_char(out, data[i]);
        } else {
            letter = memchr(letters, data[++i], sizeof letters - 1);
            text_add_char(out, letter != NULL ? bytes[letter - letters] : data[i]);
        }
    }
    return true;
}

static void add_csv(struct text *out, const char *value, size_t size)
{
    /* As the server does it: the empty text in quotes, so that it is not NULL. */
    bool quote = size == 0;
    for (size_t i = 0; !quote && i < size; i++)
        quote = strchr(",\"\r\n", value[i]) != NULL;
    if (!quote) {
        text_add_bytes(out, value, size);
        return;
    }
    text_add_char(out, '"');
    for (size_t i = 0; i < size; i++) {
        if (value[i] == '"')
            text_add_char(out, '"');
        text_add_char(out, value[i]);
    }
    text_add_char(out, '"');
}

/* One value of a row, as COPY wrote it. */
struct value {
    const char *data;
    size_t size;
};

static void add_json_row(struct printing *printing, const struct value *values)
{
    /* Texts, because their types are known to a server only; what is no UTF-8 is {"hex":
     * …}. */
    json_t *object = json_object();
    for (size_t i = 0; i < printing->count; i++) {
        const struct value *value = &values[printing->places[i]];
        json_t *json = unescape(&printing->value, value->data, value->size)
                           ? json_bytes(printing->value.data)
                           : json_null();
        json_object_set_new_nocheck(
            object, printing->table->columns.items[printing->places[i]], json);
    }
    char *line = json_text(object, false);
    json_decref(object);
    text_add(&printing->out, line);
    free(line);
}

static void add_row(struct printing *printing, const struct value *values)
{
    enum table_rows_format format = printing->spec->format;
    if (format == TABLE_ROWS_JSON) {
        add_json_row(printing, values);
    } else {
        for (size_t i = 0; i < printing->count; i++) {
            const struct value *value = &values[printing->places[i]];
            if (i > 0)
                text_add_char(&printing->out, format == TABLE_ROWS_CSV ? ',' : '\t');
            if (format == TABLE_ROWS_COPY)
                text_add_bytes(&printing->out, value->data, value->size);
            else if (unescape(&printing->value, value->data, value->size))
                add_csv(&printing->out, printing->value.data, printing->value.length);
        }
    }
    text_add_char(&printing->out, '\n');
}

static int flush(struct printing *printing, struct err *err)
{
    int result = stream_sink_write(&printing->spec->out, printing->out.data,
                                   printing->out.length, err);
    text_clear(&printing->out);
    return result;
}

/* One line without its newline. */
static int print_row(struct printing *printing, const char *line, size_t size,
                     struct err *err)
{
    size_t count = printing->table->columns.count, found = 0;
    struct value *values = memory_array(count + 1, sizeof *values);
    /* Every tab separates: those inside of values are escaped. */
    for (const char *at = line, *end = line + size; at != NULL && found < count; found++) {
        const char *tab = memchr(at, '\t', (size_t)(end - at));
        values[found] = (struct value){at, (size_t)((tab != NULL ? tab : end) - at)};
        at = tab != NULL ? tab + 1 : NULL;
    }
    int result = 0;
    if (found == count)
        add_row(printing, values);
    else
        result = err_set(err, ERR_CORRUPT, "a row of table %s has %zu values, not %zu",
                         printing->table->name, found, count);
    free(values);
    /* The limit counts what was printed. */
    printing->rows++;
    printing->full = printing->spec->limit > 0 && printing->rows == printing->spec->limit;
    if (result == 0 && printing->out.length >= OUT_SIZE)
        result = flush(printing, err);
    return result;
}

/* Rows as they come; the last line may go on in the next piece. */
static int take_rows(struct printing *printing, const char *data, size_t size,
                     struct err *err)
{
    while (size > 0 && !printing->full) {
        const char *newline = memchr(data, '\n', size);
        size_t length = newline != NULL ? (size_t)(newline - data) : size;
        int result = 0;
        /* The end of a piece, or what completes the row that began in the one before. */
        if (newline == NULL || printing->row.length > 0)
            text_add_bytes(&printing->row, data, length);
        if (newline != NULL) {
            bool kept = printing->row.length > 0;
            const char *line = kept ? printing->row.data : data;
            size_t whole = kept ? printing->row.length : length;
            if (whole != 2 || memcmp(line, "\\.", 2) != 0)
                result = print_row(printing, line, whole, err);
            text_clear(&printing->row);
            length++;
        }
        if (result < 0)
            return -1;
        data += length;
        size -= length;
    }
    return text_check(&printing->row, "a row", err);
}

/* Which columns, and the line of their names. */
static int begin_table(struct printing *printing, const struct dump_table *table,
                       struct err *err)
{
    /* A table may come in several COPY statements; the names are printed once. */
    bool first = printing->table == NULL;
    printing->table = table;
    if (choose_columns(printing, err) < 0)
        return -1;
    for (size_t i = 0;
         first && printing->spec->format == TABLE_ROWS_CSV && i < printing->count; i++) {
        const char *name = table->columns.items[printing->places[i]];
        if (i > 0)
            text_add_char(&printing->out, ',');
        add_csv(&printing->out, name, strlen(name));
    }
    if (first && printing->spec->format == TABLE_ROWS_CSV)
        text_add_char(&printing->out, '\n');
    return 0;
}

/* ---- which table ---- */

/* The one name among those of the list that fits. */
static int choose_table(const struct table_rows_spec *spec, const struct sql_map *tables,
                        struct sql_name *out, struct err *err)
{
    struct name_pattern pattern;
    /* One table, and no guess: a limit of ten rows would look right with either. */
    struct strlist fitting = {0}, all = {0};
    if (name_pattern_compile(&pattern, spec->table, err) < 0)
        return -1;
    for (size_t i = 0; i < tables->capacity; i++) {
        const struct sql_name *name = &tables->rows[i].name;
        if (name->name == NULL)
            continue;
        char *text = sql_name_text(name->schema, name->name);
        strlist_add(&all, strchr(spec->table, '.') != NULL ? text : name->name);
        if (name_pattern_fits(&pattern, name)) {
            strlist_add(&fitting, text);
            sql_name_set(out, name->schema, name->name);
        }
        free(text);
    }
    name_pattern_release(&pattern);
    int result = fitting.count == 1 ? 0 : -1;
    if (fitting.count == 0) {
        const char *near =
            text_nearest(spec->table, (const char *const *)strlist_argv(&all), all.count);
        err_set(err, ERR_NOT_FOUND, "no table of the backup that has rows fits \"%s\"",
                spec->table);
        if (near != NULL)
            err_hint(err, "did you mean %s?", near);
    } else if (fitting.count > 1) {
        err_set(err, ERR_USAGE, "\"%s\" fits %zu tables", spec->table, fitting.count);
        err_hint(err, "choose one: %s, %s%s", fitting.items[0], fitting.items[1],
                 fitting.count > 2 ? ", …" : "");
    }
    strlist_release(&fitting);
    strlist_release(&all);
    return result;
}

static bool is_it(const struct dump_table *table, const struct sql_name *wanted)
{
    return table != NULL && strcmp(table->schema, wanted->schema) == 0 &&
           strcmp(table->name, wanted->name) == 0;
}

/* ---- plain ---- */

struct plain {
    struct printing *printing;
    const struct chunk_place *places;
};

static int take_chunk(void *context, size_t number, const unsigned char *data, size_t size,
                      struct err *err)
{
    const struct plain *plain = context;
    const struct chunk_place *place = &plain->places[number];
    (void)size;
    return take_rows(plain->printing, (const char *)data + place->data.from,
                     (size_t)(place->data.to - place->data.from), err);
}

static int run_plain(struct printing *printing, struct copy_reader *copy, struct err *err)
{
    size_t count = 0;
    struct sql_map tables = {0};
    struct sql_name wanted = {0};
    struct chunk_reader *reader = chunk_reader_open(copy, err);
    if (reader == NULL)
        return -1;
    struct plain plain = {.printing = printing,
                          .places = chunk_reader_chunks(reader, &count)};
    struct chunk_sink sink = {
        .chunk = take_chunk, .context = &plain, .threads = decode_threads()};
    /* Tables without rows have no chunk and are none to choose from. */
    for (size_t i = 0; i < count; i++)
        if (plain.places[i].table != NULL)
            (void)sql_map_add(&tables, plain.places[i].table->schema,
                              plain.places[i].table->name, i);
    int result = choose_table(printing->spec, &tables, &wanted, err);
    /* As quiet as any filter, unless asked. */
    char memory[32];
    log_debug("memory for buffers: %s at most, for %u threads that decode",
              text_size(memory, chunk_reader_memory(reader, sink.threads)), sink.threads);
    for (size_t at = 0; at < count && result == 0 && !printing->full;) {
        const struct dump_table *table = plain.places[at].table;
        size_t end = at + 1;
        /* All that is not of this table is not even asked for. */
        if (!is_it(table, &wanted)) {
            at = end;
            continue;
        }
        /* With a limit chunk by chunk: most often the first one is enough. */
        while (end < count && plain.places[end].table == table &&
               end - at < (printing->spec->limit > 0 ? 1 : RUN))
            end++;
        if (printing->table != table)
            result = begin_table(printing, table, err);
        if (result == 0)
            result = chunk_reader_run(reader, at, end - at, sink, NULL, err);
        at = end;
    }
    if (result == 0)
        result = flush(printing, err);
    chunk_reader_close(reader);
    sql_map_release(&tables);
    sql_name_release(&wanted);
    return result;
}

int table_rows_run(const struct table_rows_spec *spec, uint64_t *count, struct err *err)
{
    struct copy_reader_spec from = spec->from;
    struct printing printing = {.spec = spec};
    *count = 0;
    if (strcmp(from.artifact->format, "plain") != 0) {
        err_set(err, ERR_USAGE, "rows can be shown of plain backups only, this one is %s",
                from.artifact->format);
        return err_hint(err, "restore --table brings the table into a database");
    }
    from.purpose = "being read";
    /* A row is at most 1 GiB in the server, too. */
    text_init(&printing.row, ROW_MAX);
    text_init(&printing.out, ROW_MAX);
    text_init(&printing.value, ROW_MAX);
    struct copy_reader *copy = copy_reader_open(&from, err);
    int result = copy != NULL ? run_plain(&printing, copy, err) : -1;
    copy_reader_close(copy);
    *count = printing.rows;
    free(printing.places);
    text_release(&printing.row);
    text_release(&printing.out);
    text_release(&printing.value);
    return result;
}
