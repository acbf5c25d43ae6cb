/*
 * Written line by line while the dump runs, and read line by line, because the index of a
 * large dump is large itself. The reader believes nothing: a restore takes ranges of the
 * stored object by it, and a wrong one would be rows of another table.
 */
#include "stream/index.h"

#include "base/json.h"
#include "base/memory.h"
#include "stream/codec/codec.h"

/* 64 bytes of hash do not compress: a terabyte of dump makes about 15 MiB of index. */
enum { INDEX_CEILING = 256 << 20, LINE_CEILING = 16 << 20, BUFFER = 64 * 1024 };
enum { VERSION = 1 };

static const struct {
    enum chunk_flag flag;
    const char *name;
} flag_names[] = {
    {CHUNK_CONTINUED, "continued"},
    {CHUNK_STATE, "state"},
    {CHUNK_RESTRICT, "restrict"},
};
enum { FLAGS = sizeof flag_names / sizeof *flag_names };

/* Lines are gathered and written as one gzip member after the other, always of this level: the
 * index does not depend on the codec that was chosen for the data. */
enum { MEMBER = 256 * 1024 };
static const struct codec_choice index_codec = {CODEC_GZIP, 7};

struct index_writer {
    struct encoder *encoder;
    struct text lines; /* not encoded yet */
    unsigned char *room;
    struct text out;
    uint64_t chunks, raw_bytes, stored_bytes;
};

/* ---- writing ---- */

/* A member for each MEMBER bytes of what was gathered, the last of which may be short. */
static int encode_lines(struct index_writer *writer, struct err *err)
{
    size_t room = codec_bound(index_codec, MEMBER);
    for (size_t at = 0; at < writer->lines.length;) {
        size_t left = writer->lines.length - at;
        struct codec_io io = {(const unsigned char *)writer->lines.data + at,
                              left < MEMBER ? left : MEMBER, writer->room, room};
        at += io.in_size;
        if (encoder_chunk(writer->encoder, &io, err) < 0)
            return err_context(err, "writing the chunk index");
        text_add_bytes(&writer->out, writer->room, room - io.out_size);
    }
    text_clear(&writer->lines);
    return text_check(&writer->out, "the chunk index", err);
}

/* Takes the reference. */
static int write_line(struct index_writer *writer, json_t *line, struct err *err)
{
    /* On one line, so that a reader needs no more of it in memory than that. */
    char *text = json_text(line, false);
    text_add(&writer->lines, text);
    text_add_char(&writer->lines, '\n');
    free(text);
    json_decref(line);
    if (text_check(&writer->lines, "a line of the chunk index", err) < 0)
        return -1;
    return writer->lines.length < MEMBER ? 0 : encode_lines(writer, err);
}

struct index_writer *index_writer_new(const char *format, const char *codec,
                                      struct err *err)
{
    struct index_writer *writer = memory_zalloc(sizeof *writer);
    text_init(&writer->out, INDEX_CEILING);
    text_init(&writer->lines, LINE_CEILING + MEMBER);
    writer->room = memory_alloc(codec_bound(index_codec, MEMBER));
    writer->encoder = encoder_new(index_codec, MEMBER, err);
    if (writer->encoder == NULL) {
        index_writer_free(writer);
        return NULL;
    }
    /* At once: an index that was cut anywhere can be told from what is none. */
    json_t *line = json_object();
    json_object_set_new(line, "pgkeep_index", json_integer(VERSION));
    json_object_set_new(line, "format", json_string(format));
    json_object_set_new(line, "codec", json_string(codec));
    if (write_line(writer, line, err) < 0) {
        index_writer_free(writer);
        return NULL;
    }
    return writer;
}

/* jansson counts with a sign; nobody has an object of 2^63 bytes. */
static json_t *range(uint64_t from, uint64_t to)
{
    json_t *array = json_array();
    json_array_append_new(array, json_integer((json_int_t)from));
    json_array_append_new(array, json_integer((json_int_t)to));
    return array;
}

int index_writer_add(struct index_writer *writer, const struct chunk *chunk,
                     uint64_t stored_size, struct err *err)
{
    const struct dump_table *table = chunk->table;
    json_t *line = json_object();
    char hex[SHA256_HEX];
    uint64_t raw_end = writer->raw_bytes + chunk->raw_size;
    uint64_t stored_end = writer->stored_bytes + stored_size;
    if (chunk->section != SECTION_NONE)
        json_object_set_new(line, "section", json_string(section_name(chunk->section)));
    /* Whose rows: the names once in each line, so that a line can be used by itself. */
    if (table != NULL) {
        json_object_set_new(line, "schema", json_bytes(table->schema));
        json_object_set_new(line, "table", json_bytes(table->name));
        if (table->columns.count > 0) {
            json_t *columns = json_array();
            for (size_t i = 0; i < table->columns.count; i++)
                json_array_append_new(columns, json_bytes(table->columns.items[i]));
            json_object_set_new(line, "columns", columns);
        }
        json_object_set_new(line, "rows", json_integer((json_int_t)chunk->rows));
        json_object_set_new(line, "data", range(chunk->data_from, chunk->data_to));
    }
    /* Where: the chunk begins where the last one ended, in both counts. */
    json_object_set_new(line, "raw", range(writer->raw_bytes, raw_end));
    json_object_set_new(line, "stored", range(writer->stored_bytes, stored_end));
    /* What a restore of a part of the dump must know about it. */
    for (size_t i = 0; i < FLAGS; i++) {
        if ((chunk->flags & flag_names[i].flag) != 0)
            json_object_set_new(line, flag_names[i].name, json_true());
    }
    json_object_set_new(line, "sha256",
                        json_string(digest_hex(chunk->raw_sha256, SHA256_SIZE, hex)));
    writer->chunks++;
    writer->raw_bytes = raw_end;
    writer->stored_bytes = stored_end;
    return write_line(writer, line, err);
}

int index_writer_finish(struct index_writer *writer, const char *encoding, struct text *out,
                        struct err *err)
{
    /* The sums are the reader's to compare: whatever lines are missing, they do not fit. */
    json_t *line = json_object();
    json_object_set_new(line, "chunks", json_integer((json_int_t)writer->chunks));
    json_object_set_new(line, "raw_bytes", json_integer((json_int_t)writer->raw_bytes));
    json_object_set_new(line, "stored_bytes",
                        json_integer((json_int_t)writer->stored_bytes));
    json_object_set_new(line, "encoding",
                        encoding != NULL ? json_bytes(encoding) : json_null());
    if (write_line(writer, line, err) < 0 || encode_lines(writer, err) < 0)
        return -1;
    /* The text moves; what stays behind can be freed as ever. */
    *out = writer->out;
    text_init(&writer->out, INDEX_CEILING);
    return 0;
}

void index_writer_free(struct index_writer *writer)
{
    if (writer == NULL)
        return;
    encoder_free(writer->encoder);
    free(writer->room);
    text_release(&writer->lines);
    text_release(&writer->out);
    free(writer);
}

/* ---- reading ---- */

struct index_reader {
    struct decoder *decoder;
    struct codec_io io;
    unsigned char buffer[BUFFER];
    size_t from, to; /* what of buffer is still to be read */
    struct text line;
    uint64_t chunks, raw_bytes, stored_bytes;
};

/* The decoder may hold output back when there is no input left, so the end is only there
 * when it has nothing to give either. Fills the buffer: 1, or 0 at the end of the index, or
 * -1. */
static int refill(struct index_reader *reader, struct err *err)
{
    bool ended = false;
    reader->from = reader->to = 0;
    while (reader->to == 0 && !ended) {
        ended = reader->io.in_size == 0;
        reader->io.out = reader->buffer;
        reader->io.out_size = sizeof reader->buffer;
        if (decoder_step(reader->decoder, &reader->io, err) < 0)
            return err_context(err, "chunk index");
        reader->to = sizeof reader->buffer - reader->io.out_size;
    }
    return reader->to > 0 ? 1 : 0;
}

/* The next line without its newline: 1, 0 at the end, -1. */
static int next_line(struct index_reader *reader, struct err *err)
{
    /* A line may come in several buffers; of one without end only the ceiling is kept. */
    text_clear(&reader->line);
    for (;;) {
        if (reader->from == reader->to) {
            int more = refill(reader, err);
            if (more <= 0)
                return more;
        }
        const unsigned char *start = reader->buffer + reader->from;
        size_t size = reader->to - reader->from;
        const unsigned char *newline = memchr(start, '\n', size);
        if (newline != NULL)
            size = (size_t)(newline - start);
        text_add_bytes(&reader->line, start, size);
        reader->from += size + (newline != NULL);
        if (newline != NULL)
            break;
    }
    /* Nobody has columns for 16 MiB: it is damaged, or made to fill our memory. */
    if (reader->line.overflowed)
        return err_set(err, ERR_CORRUPT, "chunk index: a line is too long");
    return 1;
}

/* The next line as an object: NULL on an error and at the end, which is one. */
static json_t *next_object(struct index_reader *reader, struct err *err)
{
    int more = next_line(reader, err);
    if (more == 0)
        err_set(err, ERR_CORRUPT, "chunk index: it is cut");
    if (more <= 0)
        return NULL;
    json_t *object = json_parse(reader->line.data, reader->line.length, err);
    if (object == NULL)
        err_context(err, "chunk index");
    return object;
}

/* A later version may mean other things by the same words, so it is not read at all. */
static int read_first(struct index_reader *reader, struct err *err)
{
    struct json_reader json;
    json_t *object = next_object(reader, err);
    if (object == NULL)
        return -1;
    json_reader_init(&json, object, "chunk index", err);
    (void)json_read_int(&json, "pgkeep_index", VERSION, VERSION, false);
    /* For people and other programs: whoever reads with us has the manifest, too. */
    free(json_read_string(&json, "format", false));
    free(json_read_string(&json, "codec", false));
    int result = json_reader_finish(&json, false);
    json_decref(object);
    return result;
}

struct index_reader *index_reader_new(const void *data, size_t size, struct err *err)
{
    /* The compressed bytes are borrowed and decoded as lines are asked for. */
    struct index_reader *reader = memory_zalloc(sizeof *reader);
    text_init(&reader->line, LINE_CEILING);
    reader->io.in = data;
    reader->io.in_size = size;
    reader->decoder = decoder_new(CODEC_GZIP, err);
    if (reader->decoder == NULL || read_first(reader, err) < 0) {
        index_reader_free(reader);
        return NULL;
    }
    return reader;
}

/* As json_reader's own, for what it does not know to check. */
static void fail(struct json_reader *json, const char *key)
{
    if (!json->failed)
        err_set(json->err, ERR_CORRUPT, "chunk index: \"%s\" is not what it should be",
                key);
    json->failed = true;
}

static void read_range(struct json_reader *json, const char *key, bool optional,
                       struct index_range *out)
{
    const json_t *array = json_read_array(json, key, optional);
    if (array == NULL)
        return;
    /* [from, to): equal ones are an empty range, which a chunk without rows has. */
    const json_t *from = json_array_get(array, 0);
    const json_t *to = json_array_get(array, 1);
    if (json_array_size(array) != 2 || !json_is_integer(from) || !json_is_integer(to) ||
        json_integer_value(from) < 0 || json_integer_value(to) < json_integer_value(from)) {
        fail(json, key);
        return;
    }
    out->from = (uint64_t)json_integer_value(from);
    out->to = (uint64_t)json_integer_value(to);
}

static int read_entry(const json_t *object, struct index_entry *entry, struct err *err)
{
    struct json_reader json;
    /* Only what is of table data has names, rows and their place; the rest of it is
     * absent. */
    json_reader_init(&json, object, "chunk index", err);
    char *section = json_read_string(&json, "section", true);
    if (section != NULL && !section_from_name(section, &entry->section))
        fail(&json, "section");
    free(section);
    entry->schema = json_read_bytes(&json, "schema", true);
    entry->table = json_read_bytes(&json, "table", true);
    json_read_list(&json, "columns", true, &entry->columns);
    entry->rows = (uint64_t)json_read_int(&json, "rows", 0, INT64_MAX, true);
    read_range(&json, "data", true, &entry->data);
    read_range(&json, "raw", false, &entry->raw);
    read_range(&json, "stored", false, &entry->stored);
    for (size_t i = 0; i < FLAGS; i++) {
        if (json_read_bool(&json, flag_names[i].name, true))
            entry->flags |= flag_names[i].flag;
    }
    char *hex = json_read_string(&json, "sha256", false);
    if (hex != NULL && digest_from_hex(hex, entry->sha256, SHA256_SIZE) < 0)
        fail(&json, "sha256");
    free(hex);
    /* What is right by itself, but not together. */
    if ((entry->table == NULL) != (entry->schema == NULL))
        fail(&json, "schema");
    if (entry->data.to > entry->raw.to - entry->raw.from)
        fail(&json, "data");
    return json_reader_finish(&json, false);
}

/* It must be the last in every sense, and fit what came before it. */
static int read_last(struct index_reader *reader, const json_t *object, struct err *err)
{
    struct json_reader json;
    json_reader_init(&json, object, "chunk index", err);
    int64_t chunks = json_read_int(&json, "chunks", 0, INT64_MAX, false);
    int64_t raw = json_read_int(&json, "raw_bytes", 0, INT64_MAX, false);
    int64_t stored = json_read_int(&json, "stored_bytes", 0, INT64_MAX, false);
    free(json_read_bytes(&json, "encoding", true));
    if (json_reader_finish(&json, false) < 0)
        return -1;
    /* A line that is missing, or one too many, shows in all three. */
    if ((uint64_t)chunks != reader->chunks || (uint64_t)raw != reader->raw_bytes ||
        (uint64_t)stored != reader->stored_bytes)
        return err_set(err, ERR_CORRUPT,
                       "chunk index: its last line does not fit the others");
    /* The gzip member has to end here too: its checksum covers every line. */
    int more = next_line(reader, err);
    if (more > 0 || (more == 0 && reader->line.length > 0))
        return err_set(err, ERR_CORRUPT, "chunk index: something follows its last line");
    if (more == 0 && !decoder_at_end(reader->decoder))
        return err_set(err, ERR_CORRUPT, "chunk index: it is cut");
    return more;
}

int index_reader_next(struct index_reader *reader, struct index_entry *entry,
                      struct err *err)
{
    /* Only the last line has a sum: it says itself which it is. */
    json_t *object = next_object(reader, err);
    int result = -1;
    *entry = (struct index_entry){0};
    if (object == NULL)
        return -1;
    if (json_object_get(object, "chunks") != NULL) {
        result = read_last(reader, object, err);
    } else if (read_entry(object, entry, err) == 0) {
        /* Chunks follow each other without gaps, in both counts. */
        if (entry->raw.from != reader->raw_bytes ||
            entry->stored.from != reader->stored_bytes) {
            err_set(err, ERR_CORRUPT,
                    "chunk index: chunk %llu does not follow the one before",
                    (unsigned long long)reader->chunks);
        } else {
            reader->chunks++;
            reader->raw_bytes = entry->raw.to;
            reader->stored_bytes = entry->stored.to;
            result = 1;
        }
    }
    /* Nothing to release for who got no entry. */
    json_decref(object);
    if (result != 1)
        index_entry_release(entry);
    return result;
}

void index_entry_release(struct index_entry *entry)
{
    free(entry->schema);
    free(entry->table);
    strlist_release(&entry->columns);
    *entry = (struct index_entry){0};
}

void index_reader_free(struct index_reader *reader)
{
    if (reader == NULL)
        return;
    decoder_free(reader->decoder);
    text_release(&reader->line);
    free(reader);
}
