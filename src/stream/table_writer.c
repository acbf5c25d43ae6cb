/*
 * A chunk is kept open until the next row does not fit any more, and always has room for the
 * line that ends its statement. So the bytes of a row are copied once, and where chunks are cut
 * depends on the rows alone.
 */
#include "stream/table_writer.h"

#include "base/memory.h"

static const char end_mark[] = "\\.\n";
enum { END_SIZE = sizeof end_mark - 1, HEAD_CEILING = 16 << 20 };

void table_writer_init(struct table_writer *writer, struct feed *feed, struct meter *meter)
{
    *writer = (struct table_writer){.feed = feed, .meter = meter};
    text_init(&writer->head, HEAD_CEILING);
    tables_init(&writer->tables);
}

bool table_writer_await(struct table_writer *writer)
{
    return feed_await_begin(writer->feed);
}

int table_writer_begin(struct table_writer *writer, const char *target, struct err *err)
{
    static const char verb[] = "\nCOPY";
    text_clear(&writer->head);
    text_addf(&writer->head, "%s %s FROM stdin;\n", verb, target);
    /* By the parser that a restore uses: what it would not read is not written. */
    if (text_check(&writer->head, "a COPY statement", err) < 0)
        return -1;
    writer->table = dump_table_parse(writer->head.data + sizeof verb - 1,
                                     writer->head.length - sizeof verb + 1);
    if (writer->table == NULL)
        return err_set(err, ERR_SYSTEM, "no COPY statement can be written for %s", target);
    tables_begin(&writer->tables, writer->table->schema, writer->table->name);
    writer->rows = 0;
    return 0;
}

/* Hands the chunk over; goes_on: what it ends with is not complete. */
static bool close_chunk(struct table_writer *writer, bool goes_on)
{
    struct chunk *chunk = writer->chunk;
    writer->chunk = NULL;
    chunk->goes_on = goes_on;
    chunk->section = SECTION_DATA;
    tables_add(&writer->tables, chunk->rows, chunk->data_to - chunk->data_from);
    if (writer->meter != NULL) {
        atomic_fetch_add(&writer->meter->raw_bytes, chunk->raw_size);
        atomic_fetch_add(&writer->meter->rows, chunk->rows);
    }
    return feed_close(writer->feed, chunk);
}

static bool open_chunk(struct table_writer *writer)
{
    writer->chunk = feed_open(writer->feed);
    if (writer->chunk == NULL)
        return false;
    writer->chunk->source = writer;
    writer->chunk->table = dump_table_ref(writer->table);
    return true;
}

/* What may be larger than a chunk, in pieces. Room for the end of the statement stays. */
static bool put(struct table_writer *writer, const char *data, size_t size, bool is_row)
{
    while (size > 0) {
        struct chunk *chunk = writer->chunk;
        size_t room = chunk->raw_capacity - chunk->raw_size - END_SIZE;
        size_t part = size < room ? size : room;
        chunk_append(chunk, data, part);
        if (!is_row)
            chunk->data_from = chunk->raw_size;
        chunk->data_to = chunk->raw_size;
        data += part;
        size -= part;
        if (size == 0)
            break;
        if (!close_chunk(writer, true) || !open_chunk(writer))
            return false;
        writer->chunk->flags |= CHUNK_CONTINUED;
    }
    return true;
}

/* Ends the statement and with it the chunk. */
static bool end_statement(struct table_writer *writer)
{
    chunk_append(writer->chunk, end_mark, END_SIZE);
    return close_chunk(writer, false);
}

bool table_writer_row(struct table_writer *writer, const char *row, size_t size)
{
    struct chunk *chunk = writer->chunk;
    if (chunk != NULL && chunk->raw_capacity - chunk->raw_size < size + END_SIZE) {
        if (!end_statement(writer))
            return false;
        chunk = NULL;
    }
    if (chunk == NULL &&
        !(open_chunk(writer) && put(writer, writer->head.data, writer->head.length, false)))
        return false;
    bool in_pieces =
        writer->chunk->raw_capacity - writer->chunk->raw_size < size + END_SIZE;
    if (!put(writer, row, size, true))
        return false;
    writer->chunk->rows++;
    writer->rows++;
    /* Everybody waits while a row passes in pieces: its statement ends with it. */
    return !in_pieces || end_statement(writer);
}

bool table_writer_end(struct table_writer *writer)
{
    bool going = writer->chunk == NULL || end_statement(writer);
    dump_table_release(writer->table);
    writer->table = NULL;
    return going;
}

/* A chunk that is still open belongs to the stream, which frees all of them. */
void table_writer_release(struct table_writer *writer)
{
    if (writer->feed == NULL)
        return;
    dump_table_release(writer->table);
    tables_release(&writer->tables);
    text_release(&writer->head);
    writer->feed = NULL;
}
