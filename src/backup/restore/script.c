/*
 * pg_restore is fed through one pipe and read through another, by two threads: it may write much
 * before it reads on, and the other way round.
 */
#include "backup/restore/script.h"

#include "base/memory.h"
#include "base/thread.h"
#include "postgres/child.h"

#include <errno.h>
#include <poll.h>
#include <unistd.h>

enum { PIECE = 256 * 1024 };

static int add_statement(void *context, struct statement *statement, struct err *err)
{
    (void)err;
    /* The rows that follow it are known from the index, or found again when they are poured. */
    if (statement->action == STATEMENT_COPY)
        statement_release(statement);
    else
        outline_add(context, statement);
    return 0;
}

/* ---- plain ---- */

struct reading {
    struct splitter *splitter;
    const struct chunk_place *places;
};

static int split_chunk(void *context, size_t number, const unsigned char *data, size_t size,
                       struct err *err)
{
    struct reading *reading = context;
    /* A statement may go through several chunks; where it began its section was told. */
    if (!(reading->places[number].flags & CHUNK_CONTINUED))
        splitter_section(reading->splitter, reading->places[number].section);
    return splitter_push(reading->splitter, data, size, err);
}

/* Chunks of one table that follow each other. */
static size_t add_rows(struct outline *outline, const struct chunk_place *places,
                       size_t first, size_t count)
{
    /* A table is named once in the index, so that chunks of one have one pointer. */
    const struct dump_table *table = places[first].table;
    struct outline_rows *rows = outline_add_rows(outline, table->schema, table->name);
    rows->first_chunk = first;
    size_t at = first;
    for (; at < count && places[at].table == table; at++) {
        rows->rows += places[at].rows;
        rows->raw_bytes += places[at].raw.to - places[at].raw.from;
    }
    rows->chunks = at - first;
    return at;
}

int script_read(struct script *script, struct copy_reader *reader, struct err *err)
{
    size_t count;
    /* All chunks are known now, and none is read yet. */
    script->chunks = chunk_reader_open(reader, err);
    if (script->chunks == NULL)
        return -1;
    const struct chunk_place *places = chunk_reader_chunks(script->chunks, &count);
    struct splitter_sink sink = {.statement = add_statement, .context = &script->outline};
    struct reading reading = {.splitter = splitter_new(&sink), .places = places};
    struct chunk_sink each = {.chunk = split_chunk, .context = &reading};
    int result = 0;
    for (size_t at = 0; at < count && result == 0;) {
        /* Rows stay where they are; only their place is noted. */
        if (places[at].table != NULL) {
            at = add_rows(&script->outline, places, at, count);
            continue;
        }
        /* What lies between two tables is one run, and one request. */
        size_t end = at;
        while (end < count && places[end].table == NULL)
            end++;
        result = chunk_reader_run(script->chunks, at, end - at, each, NULL, err);
        at = end;
    }
    /* In the middle of a statement it cannot end: the index covers the whole dump. */
    if (result == 0)
        result = splitter_finish(reading.splitter, err);
    splitter_free(reading.splitter);
    outline_resolve(&script->outline);
    return result;
}

/* ---- custom ---- */

struct pouring {
    struct splitter *splitter;
    struct child *child;
    struct cancel *cancel; /* of the child: tripped when nobody wants more */
    bool satisfied;        /* pg_restore had all it wanted before the end */
    int result;            /* of the thread, with its error */
    struct err err;
};

/* The thread that reads what pg_restore writes. */
static void *read_text(void *context)
{
    struct pouring *pouring = context;
    char *buffer = memory_alloc(PIECE);
    struct pollfd fds[2] = {{.fd = child_fd(pouring->child), .events = POLLIN},
                            {.fd = cancel_fd(pouring->cancel), .events = POLLIN}};
    ssize_t got = 1;
    /* Polled, because a cancel must be seen while pg_restore is silent. */
    while (got > 0 && pouring->result == 0) {
        if (cancel_check(pouring->cancel, &pouring->err) < 0) {
            pouring->result = -1;
        } else if (poll(fds, 2, 1000) > 0 && fds[0].revents != 0) {
            got = read(fds[0].fd, buffer, PIECE);
            if (got > 0)
                pouring->result =
                    splitter_push(pouring->splitter, buffer, (size_t)got, &pouring->err);
            else if (got < 0 && errno == EINTR)
                got = 1;
        }
    }
    /* The thread that feeds pg_restore must not wait for somebody who reads no more. */
    if (pouring->result < 0)
        cancel_trip(pouring->cancel, CANCEL_ASKED);
    free(buffer);
    return NULL;
}

static int feed(void *context, const void *data, size_t size, struct err *err)
{
    struct pouring *pouring = context;
    if (pouring->satisfied || child_write(pouring->child, data, size, err) == 0)
        return 0;
    /* It ended well before it had all: the text is whole, the rest is rows nobody asked for. */
    pouring->satisfied = child_status(pouring->child) == 0;
    if (pouring->satisfied)
        err_clear(err);
    return -1;
}

static struct child *start(const struct script *script, bool schema_only,
                           const struct cancel *cancel, struct err *err)
{
    /* From stdin to stdout: neither the archive nor its text ever lies on a disk. */
    struct strlist argv = {0};
    strlist_add(&argv, script->pg_restore);
    strlist_add(&argv, "--file=-");
    if (schema_only)
        strlist_add(&argv, "--schema-only");
    struct child_spec spec = {.argv = &argv,
                              .database = script->from->artifact->database,
                              .writes = true,
                              .reads = true,
                              .kind = ERR_CORRUPT,
                              .cancel = cancel};
    struct child *child = child_start(&spec, err);
    strlist_release(&argv);
    return child;
}

int script_pour_archive(const struct script *script, struct splitter *splitter,
                        bool schema_only, struct meter *meter, struct err *err)
{
    struct pouring pouring = {.splitter = splitter};
    struct stream_sink sink = {.write = feed, .context = &pouring};
    /* Opened anew each time: a reader that ended early is not to be used again. */
    struct copy_reader *reader = copy_reader_open(script->from, err);
    pthread_t thread;
    int result = -1;
    if (reader != NULL)
        pouring.cancel = cancel_new(session_cancel(script->from->session), 0, err);
    if (pouring.cancel != NULL)
        /* Started by this thread, which outlives it (base/process.h). */
        pouring.child = start(script, schema_only, pouring.cancel, err);
    if (pouring.child != NULL && thread_start(&thread, read_text, &pouring, err) == 0) {
        result = copy_reader_run(reader, COPY_READER_DECODED, sink, meter, err);
        /* Its exit status was 0: that was asked when it took no more. */
        if (pouring.satisfied)
            result = 0;
        if (result == 0 && !pouring.satisfied)
            result = child_finish(pouring.child, err);
        if (result < 0)
            cancel_trip(pouring.cancel, CANCEL_ASKED);
        /* Only then all of the text went through the splitter. */
        (void)pthread_join(thread, NULL);
        /* What the text made fail is the cause; that we stopped for it follows from it. */
        if (pouring.result < 0 && pouring.err.kind != ERR_CANCELLED) {
            *err = pouring.err;
            result = -1;
        }
        if (result == 0)
            result = splitter_finish(splitter, err);
    }
    child_free(pouring.child);
    cancel_free(pouring.cancel);
    copy_reader_close(reader);
    return result;
}

int script_read_archive(struct script *script, const struct copy_reader_spec *from,
                        const char *pg_restore, struct err *err)
{
    struct splitter_sink sink = {.statement = add_statement, .context = &script->outline};
    /* Definitions alone: pg_restore needs the archive's head only and ends there. */
    struct splitter *splitter = splitter_new(&sink);
    script->from = from;
    script->pg_restore = pg_restore;
    int result = script_pour_archive(script, splitter, true, NULL, err);
    splitter_free(splitter);
    outline_resolve(&script->outline);
    return result;
}

uint64_t script_chosen_bytes(const struct script *script)
{
    uint64_t bytes = 0;
    for (size_t i = 0; i < script->outline.rows_count; i++)
        if (script->selection.rows[i])
            bytes += script->outline.rows[i].raw_bytes;
    return bytes;
}

void script_release(struct script *script)
{
    chunk_reader_close(script->chunks);
    selection_release(&script->selection);
    outline_release(&script->outline);
    *script = (struct script){0};
}
