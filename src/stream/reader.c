/*
 * Chunks are cut at borders that the scan finds, never at what a read happened to bring: the
 * same dump makes the same chunks however slowly it came.
 *
 * A chunk is kept open until it is full. Then it is cut at the last border in it, and what
 * lies behind that border begins the next one. So a border costs nothing when it is found,
 * and chunks are as large as they may be.
 */
#define _GNU_SOURCE /* F_GETPIPE_SZ */
#include "stream/reader.h"

#include "base/cancel.h"
#include "base/clock.h"
#include "base/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

/* pg_dump writes 4 KiB at a time. Waking up for each costs more processor time than all
 * else here, so a large pipe is given a moment to fill; it holds what comes in that moment
 * many times over. */
enum { SMALL_READ = 64 * 1024, LARGE_PIPE = 512 * 1024, MOMENT_MS = 1 };

static const char archive_magic[READER_MAGIC_SIZE + 1] = "PGDMP";

enum outcome { GOING, WOKEN };

enum { END_MARK = 3 }; /* the line that ends the rows: backslash, dot, newline */

int reader_init(struct reader *reader, const struct stream_spec *spec, struct feed *feed,
                int wake_fd, struct err *err)
{
    *reader = (struct reader){
        .spec = spec,
        .feed = feed,
        .wake_fd = wake_fd,
        .section = spec->format == STREAM_PLAIN ? SECTION_PRE_DATA : SECTION_NONE,
    };
    scan_init(&reader->scan);
    tables_init(&reader->tables);
    /* What is no pipe answers -1: a file, or a socket. */
    reader->large_pipe = fcntl(spec->fd, F_GETPIPE_SZ) >= LARGE_PIPE;
    reader->buffer = memory_try(READER_BUFFER, err);
    return reader->buffer != NULL ? 0 : -1;
}

/* Waits for bytes. WOKEN: somebody else ended the stream. The time that back-pressure takes
 * is not in it: the clock starts when we are ready to read. */
static int wait_readable(const struct reader *reader, struct err *err)
{
    struct pollfd fds[] = {
        {.fd = reader->spec->fd, .events = POLLIN},
        {.fd = cancel_fd(reader->spec->cancel), .events = POLLIN},
        {.fd = reader->wake_fd, .events = POLLIN},
    };
    int64_t limit = reader->spec->stall_timeout_ms;
    int64_t start = clock_monotonic_ms();
    for (;;) {
        /* Counted from the begin, since poll may return early and without a reason. */
        int64_t left = limit > 0 ? limit - (clock_monotonic_ms() - start) : -1;
        if (limit > 0 && left <= 0) {
            char span[32];
            err_set(err, ERR_DATABASE, "the dump sent no byte for %s",
                    text_duration(span, limit));
            return err_hint(err, "look for a lock or a stalled connection on the server");
        }
        /* In one poll, so that neither a cancel nor a failed store waits for the source. */
        int ready = poll(fds, 3, left > INT32_MAX ? INT32_MAX : (int)left);
        if (ready < 0 && errno != EINTR)
            return err_errno(err, ERR_SYSTEM, "waiting for the dump");
        /* Who wants us to end comes before the bytes: there are nearly always some. */
        if (cancel_check(reader->spec->cancel, err) < 0)
            return -1;
        if (ready > 0 && fds[2].revents != 0)
            return WOKEN;
        if (ready > 0 && fds[0].revents != 0)
            return GOING;
    }
}

/* Ends the current chunk at its last border (see chunk_split) and begins the next. Does
 * nothing when the chunk begins at that border. goes_on: nobody's rows may come in between. */
static bool cut(struct reader *reader, bool goes_on)
{
    struct chunk *full = reader->chunk;
    /* Begun at the border and still growing: there is nothing to cut off. */
    if (full->border == 0 && full->raw_size < full->raw_capacity)
        return true;
    /* NULL: the queue was closed, because somebody else has failed. */
    struct chunk *next = feed_open(reader->feed);
    if (next == NULL)
        return false;
    chunk_split(full, next);
    /* Both halves belong to the table; its rows go on at the very begin of the next. */
    if (full->table != NULL) {
        next->table = dump_table_ref(full->table);
        next->data_to = next->raw_size;
    }
    /* The section that was when it was filled; the caller moves on afterwards. */
    reader->chunk = next;
    full->section = reader->section;
    full->goes_on = goes_on || (next->flags & CHUNK_CONTINUED) != 0;
    return feed_close(reader->feed, full);
}

/* What came before is closed: the rows of others may lie between pre-data and post-data
 * (feed.h, rule 2). */
static bool enter(struct reader *reader, enum section section)
{
    if (section != SECTION_PRE_DATA)
        feed_begin_rows(reader->feed);
    if (section == SECTION_POST_DATA && reader->section != section &&
        !feed_await_rows(reader->feed))
        return false;
    reader->section = section;
    return true;
}

/* The span ended with a COPY statement's line: that statement begins a chunk, so that the
 * chunks of a table are a whole statement. Its rows begin where the line ends. */
static bool on_table(struct reader *reader)
{
    if (!cut(reader, false) || !enter(reader, SECTION_DATA))
        return false;
    struct chunk *chunk = reader->chunk;
    /* Nothing of the rows is there yet: they begin and end here. */
    chunk->table = dump_table_ref(reader->scan.table);
    chunk->data_from = chunk->raw_size;
    chunk->data_to = chunk->raw_size;
    chunk->border = chunk->raw_size;
    tables_begin(&reader->tables, chunk->table->schema, chunk->table->name);
    if (reader->spec->meter != NULL)
        atomic_fetch_add(&reader->spec->meter->tables, 1);
    return true;
}

/* The line `\.` was the last of the span. What follows is no longer the table's: it begins
 * a chunk, so that the chunks of a table can be taken without anything else. */
static bool on_table_end(struct reader *reader)
{
    struct chunk *chunk = reader->chunk;
    chunk->data_to = chunk->raw_size - END_MARK;
    if (!cut(reader, false))
        return false;
    /* The new one inherited the table from the cut; it is nobody's. */
    dump_table_release(reader->chunk->table);
    reader->chunk->table = NULL;
    reader->chunk->data_to = 0;
    return true;
}

/* Through the scan, span by span. */
static int scan_bytes(struct reader *reader, const unsigned char *data, size_t size,
                      struct err *err)
{
    struct meter *meter = reader->spec->meter;
    while (size > 0) {
        /* Within a table's rows, and within the transaction of a large object, which ends
         * where the scan says that it does: both are known at the border. */
        if (reader->chunk->raw_size == reader->chunk->raw_capacity &&
            !cut(reader, reader->chunk->table != NULL || reader->scan.in_transaction))
            return WOKEN;
        /* Never more than fits: so the border that the scan reports last is the one to cut
         * at, and where chunks are cut depends on the dump alone, not on how it came in. */
        struct chunk *chunk = reader->chunk;
        size_t room = chunk->raw_capacity - chunk->raw_size;
        struct scan_span span;
        if (scan_step(&reader->scan, data, size < room ? size : room, &span, err) < 0)
            return -1;

        /* The span belongs to the chunk, whatever it ends with. */
        if (span.border > 0)
            chunk->border = chunk->raw_size + span.border;
        chunk_append(chunk, data, span.size);
        chunk->rows += span.rows;
        chunk->flags |= span.flags;
        if (chunk->table != NULL) {
            chunk->data_to = chunk->raw_size;
            size_t mark = span.event == SCAN_TABLE_END ? END_MARK : 0;
            tables_add(&reader->tables, span.rows, span.size - mark);
        }
        if (span.rows > 0 && meter != NULL)
            atomic_fetch_add(&meter->rows, span.rows);

        /* What it ends with may begin a chunk: a table, what follows one, a section. */
        bool open = true;
        if (span.event == SCAN_TABLE) {
            open = on_table(reader);
        } else if (span.event == SCAN_TABLE_END) {
            open = on_table_end(reader);
        } else if (span.event == SCAN_SECTION) {
            open = cut(reader, false) && enter(reader, reader->scan.section);
            reader->chunk->border = reader->chunk->raw_size;
        } else if (span.event == SCAN_CLOSING) {
            /* A dump without anything behind its definitions: other rows have their place
             * before its last comment. */
            if (reader->spec->source_count > 0 && reader->section == SECTION_PRE_DATA)
                open = cut(reader, false);
            if (open && reader->section != SECTION_POST_DATA) {
                feed_begin_rows(reader->feed);
                open = feed_await_rows(reader->feed);
            }
        }
        if (!open)
            return WOKEN;
        data += span.size;
        size -= span.size;
    }
    return GOING;
}

/* Custom format: cut by size alone. */
static int copy_bytes(struct reader *reader, const unsigned char *data, size_t size)
{
    /* An archive begins with its name; what does not is no archive, however it ended. */
    for (size_t i = 0; i < size && reader->magic_size < READER_MAGIC_SIZE; i++)
        reader->magic[reader->magic_size++] = (char)data[i];
    while (size > 0) {
        struct chunk *chunk = reader->chunk;
        size_t room = chunk->raw_capacity - chunk->raw_size;
        /* Nothing in it is known, so that any place is as good as a border. */
        if (room == 0) {
            chunk->border = chunk->raw_size;
            if (!cut(reader, false))
                return WOKEN;
            continue;
        }
        size_t part = size < room ? size : room;
        chunk_append(chunk, data, part);
        data += part;
        size -= part;
    }
    return GOING;
}

/* The last chunk, which is rarely full. */
static int end_input(struct reader *reader, struct err *err)
{
    struct chunk *last = reader->chunk;
    reader->chunk = NULL;
    /* Nobody would end the wait of the other sources, and nothing that they copy has a use. */
    if (reader->spec->source_count > 0 && !reader_ended_well(reader)) {
        reader->is_cut = true;
        return err_set(err, ERR_DATABASE, "the text of the dump is cut");
    }
    /* An empty chunk is made only of an empty dump: no member at all would be no gzip file. */
    if (last->raw_size == 0 && feed_chunks(reader->feed) > 0)
        return feed_return(reader->feed, last) ? 0 : WOKEN;
    last->section = reader->section;
    return feed_close(reader->feed, last) ? 0 : WOKEN;
}

int reader_run(struct reader *reader, struct err *err)
{
    const struct stream_spec *spec = reader->spec;
    reader->chunk = feed_open(reader->feed);
    if (reader->chunk == NULL)
        return WOKEN;
    /* Until the other end is closed. That says nothing about how it ended: ask the
     * source. */
    for (;;) {
        int state = wait_readable(reader, err);
        if (state != GOING)
            return state;
        ssize_t received = read(spec->fd, reader->buffer, READER_BUFFER);
        /* EAGAIN: the caller's descriptor may be a non-blocking one. */
        if (received < 0 && (errno == EINTR || errno == EAGAIN))
            continue;
        if (received < 0)
            return err_errno(err, ERR_SYSTEM, "reading the dump");
        if (received == 0)
            return end_input(reader, err);

        /* To whoever wants the raw bytes as they come, then into chunks. */
        size_t size = (size_t)received;
        if (spec->meter != NULL)
            atomic_fetch_add(&spec->meter->raw_bytes, size);
        if (stream_sink_write(&spec->raw, reader->buffer, size, err) != 0)
            return -1;
        if (spec->format == STREAM_CUSTOM)
            state = copy_bytes(reader, reader->buffer, size);
        else
            state = scan_bytes(reader, reader->buffer, size, err);
        if (state != GOING)
            return state;

        /* The moment for the pipe to fill, not longer than somebody wants us to end. */
        if (reader->large_pipe && size < SMALL_READ) {
            struct pollfd fds[] = {
                {.fd = cancel_fd(spec->cancel), .events = POLLIN},
                {.fd = reader->wake_fd, .events = POLLIN},
            };
            (void)poll(fds, 2, MOMENT_MS);
        }
    }
}

/* Of an archive only that it is one: whether it is whole is pg_restore's to say
 * (CONTRACT-NOTES 1). */
bool reader_ended_well(const struct reader *reader)
{
    if (reader->spec->format == STREAM_PLAIN)
        return scan_ended_well(&reader->scan);
    return reader->magic_size == READER_MAGIC_SIZE &&
           memcmp(reader->magic, archive_magic, READER_MAGIC_SIZE) == 0;
}

void reader_release(struct reader *reader)
{
    if (reader->spec == NULL)
        return;
    scan_release(&reader->scan);
    free(reader->buffer);
    tables_release(&reader->tables);
    reader->spec = NULL;
}
