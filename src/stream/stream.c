/*
 * Four kinds of threads around two queues: the reader and a thread for each further source fill,
 * codec threads encode, the caller's thread writes. A failure of any of them closes both queues,
 * stops feed and assembler and wakes who waits for input, so that each leaves by its usual way;
 * stream_run joins them all before it returns.
 */
#include "stream/stream.h"

#include "base/file.h"
#include "base/memory.h"
#include "base/thread.h"
#include "stream/assemble.h"
#include "base/chan.h"
#include "stream/chunk.h"
#include "stream/feed.h"
#include "stream/index.h"
#include "stream/reader.h"
#include "stream/table_writer.h"

#include <sys/eventfd.h>
#include <unistd.h>

enum {
    DEFAULT_CHUNK = 4 << 20,
    MIN_CHUNK = 64,
    MAX_CHUNK = 1 << 30,
    MAX_THREADS = 64,
    /* One being filled, one being written; the others are with the codec threads. */
    SPARE_CHUNKS = 2
};

struct stream {
    struct stream_spec spec;
    struct chunk **chunks; /* all of them, wherever they are */
    size_t chunk_count;
    struct chan idle, work;
    struct feed feed;
    struct encoder **encoders; /* one per codec thread */
    struct index_writer *index;
    struct assemble assemble;
    struct reader reader;
    struct row_thread *rows; /* one per source */
    int wake_fd;
    struct stream_result result;
    atomic_bool failed;
    pthread_mutex_t lock;
    struct err first; /* guarded by lock: the cause, once failed is set */
};

struct worker {
    struct stream *stream;
    struct encoder *encoder;
    pthread_t thread;
};

/* A further source of rows. */
struct row_thread {
    struct stream *stream;
    const struct stream_source *source;
    struct table_writer writer;
    pthread_t thread;
};

/* With the defaults filled in. */
static struct stream_spec resolved(const struct stream_spec *spec)
{
    struct stream_spec out = *spec;
    if (out.chunk_size == 0)
        out.chunk_size = DEFAULT_CHUNK;
    return out;
}

/* Of each chunk's second buffer. */
static size_t encoded_capacity(const struct stream_spec *spec)
{
    /* Without compression the raw bytes are stored: no second buffer, no copy. */
    return spec->codec.kind == CODEC_NONE ? 0 : codec_bound(spec->codec, spec->chunk_size);
}

/* What stream_new allocates, told before it does. */
uint64_t stream_memory(const struct stream_spec *spec)
{
    struct stream_spec s = resolved(spec);
    uint64_t chunk = s.chunk_size + encoded_capacity(&s) + sizeof(struct chunk);
    return (s.threads + s.source_count + SPARE_CHUNKS) * chunk +
           s.threads * encoder_memory(s.codec) + READER_BUFFER + sizeof(struct stream);
}

/* All buffers and states, before anything runs: a machine without the memory says so at
 * once, not in the middle of a dump. */
static int open_stream(struct stream *stream, struct err *err)
{
    const struct stream_spec *spec = &stream->spec;
    size_t count = spec->threads + spec->source_count + SPARE_CHUNKS;
    /* Each queue can hold every chunk, so that a push never waits. */
    chan_init(&stream->idle, count);
    chan_init(&stream->work, count);
    stream->chunks = memory_array(count, sizeof(struct chunk *));
    while (stream->chunk_count < count) {
        struct chunk *chunk = chunk_new(spec->chunk_size, encoded_capacity(spec), err);
        if (chunk == NULL)
            return -1;
        stream->chunks[stream->chunk_count++] = chunk;
        if (!chan_push(&stream->idle, chunk))
            return -1;
    }

    /* An encoder for each codec thread: they keep state from chunk to chunk. */
    stream->encoders = memory_array(spec->threads, sizeof(struct encoder *));
    for (unsigned i = 0; i < spec->threads; i++) {
        stream->encoders[i] = encoder_new(spec->codec, spec->chunk_size, err);
        if (stream->encoders[i] == NULL)
            return -1;
    }

    /* The two ends: what writes in order, what reads. */
    stream->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (stream->wake_fd < 0)
        return err_errno(err, ERR_SYSTEM, "eventfd");
    stream->index = index_writer_new(spec->format == STREAM_PLAIN ? "plain" : "custom",
                                     codec_name(spec->codec.kind), err);
    if (stream->index == NULL)
        return -1;
    assemble_init(&stream->assemble, count, &stream->idle, stream->index);
    stream->assemble.sink = spec->sink;
    stream->assemble.meter = spec->meter;
    stream->assemble.cancel = spec->cancel;
    stream->assemble.of_chunks = spec->source_count > 0;
    feed_init(&stream->feed, &stream->idle, &stream->work, spec->source_count);
    stream->rows = memory_array(spec->source_count + 1, sizeof *stream->rows);
    for (unsigned i = 0; i < spec->source_count; i++) {
        stream->rows[i] =
            (struct row_thread){.stream = stream, .source = &spec->sources[i]};
        table_writer_init(&stream->rows[i].writer, &stream->feed, spec->meter);
    }
    return reader_init(&stream->reader, spec, &stream->feed, stream->wake_fd, err);
}

struct stream *stream_new(const struct stream_spec *spec, struct err *err)
{
    struct stream_spec s = resolved(spec);
    if (s.threads < 1 || s.threads > MAX_THREADS) {
        err_set(err, ERR_USAGE, "%u threads: 1 to %d are possible", s.threads, MAX_THREADS);
        return NULL;
    }
    if (s.chunk_size < MIN_CHUNK || s.chunk_size > MAX_CHUNK) {
        err_set(err, ERR_USAGE, "chunks of %zu bytes: %d to %d are possible", s.chunk_size,
                MIN_CHUNK, MAX_CHUNK);
        return NULL;
    }
    /* Whatever fails from here on: free undoes as much as there is. */
    struct stream *stream = memory_zalloc(sizeof *stream);
    stream->spec = s;
    stream->wake_fd = -1;
    atomic_init(&stream->failed, false);
    pthread_mutex_init(&stream->lock, NULL);
    if (open_stream(stream, err) < 0) {
        stream_free(stream);
        return NULL;
    }
    return stream;
}

/* Keeps the first error and makes every thread leave. */
static void fail(struct stream *stream, const struct err *err)
{
    uint64_t one = 1;
    /* What fails later is mostly a consequence: the first error is the one to tell. */
    pthread_mutex_lock(&stream->lock);
    if (!atomic_load(&stream->failed)) {
        stream->first = *err;
        atomic_store(&stream->failed, true);
    }
    pthread_mutex_unlock(&stream->lock);
    /* Each thread waits in one of these four places. */
    chan_close(&stream->idle);
    chan_close(&stream->work);
    feed_stop(&stream->feed);
    assemble_stop(&stream->assemble);
    /* It can only fail when it is readable already. */
    if (write(stream->wake_fd, &one, sizeof one) < 0)
        return;
}

/* Takes whatever chunk is next: order is the assembler's, so no thread waits for
 * another. */
static void *codec_thread(void *argument)
{
    struct worker *worker = argument;
    struct stream *stream = worker->stream;
    struct chunk *chunk;
    struct err err = {0};
    while ((chunk = chan_pop(&stream->work)) != NULL) {
        /* A closed queue still hands out what it holds; nobody waits for that any more. */
        if (atomic_load(&stream->failed))
            continue;
        /* For the index: a restore checks each chunk that it takes. */
        digest_sha256(chunk->raw, chunk->raw_size, chunk->raw_sha256);
        /* None: the raw bytes are what is stored. */
        struct codec_io io = {chunk->raw, chunk->raw_size, chunk->encoded,
                              chunk->encoded_capacity};
        if (chunk->encoded != NULL && encoder_chunk(worker->encoder, &io, &err) < 0) {
            fail(stream, &err);
            continue;
        }
        chunk->encoded_size = chunk->encoded_capacity - io.out_size;
        assemble_put(&stream->assemble, chunk);
    }
    return NULL;
}

/* However it ends, nobody fills chunks any more: the codec threads leave when they have
 * emptied the queue. */
static void *reader_thread(void *argument)
{
    struct stream *stream = argument;
    struct err err = {0};
    int result = reader_run(&stream->reader, &err);
    /* 1 means that another thread has failed and has the error. */
    if (result < 0)
        fail(stream, &err);
    else if (result == 0)
        assemble_expect(&stream->assemble, feed_chunks(&stream->feed));
    chan_close(&stream->work);
    return NULL;
}

/* The reader waits for all of them before it goes on to the post-data, so the codec threads'
 * queue is closed by it alone. */
static void *row_thread(void *argument)
{
    struct row_thread *rows = argument;
    struct stream *stream = rows->stream;
    struct err err = {0};
    int result =
        rows->source->run(rows->source->context, &rows->writer, stream->wake_fd, &err);
    if (result < 0)
        fail(stream, &err);
    else if (result == 0)
        feed_end_rows(&stream->feed);
    return NULL;
}

static int start(struct stream *stream, void *(*routine)(void *), void *argument,
                 pthread_t *thread)
{
    struct err err = {0};
    if (thread_start(thread, routine, argument, &err) == 0)
        return 0;
    fail(stream, &err);
    return -1;
}

/* Those of the text and those of the further sources must not meet: what is in both would be
 * restored twice. Ranges of one table are merged, whoever copied them. */
static int gather_tables(struct stream *stream, struct err *err)
{
    struct tables *all = &stream->reader.tables;
    struct tables rows;
    tables_init(&rows);
    for (unsigned i = 0; i < stream->spec.source_count; i++)
        tables_move(&rows, &stream->rows[i].writer.tables);
    tables_merge(&rows);
    tables_merge(all);
    size_t apart = all->count + rows.count;
    tables_move(all, &rows);
    tables_merge(all);
    if (all->count == apart)
        return 0;
    return err_set(err, ERR_SYSTEM,
                   "the dump's text holds rows of a table that a worker copies");
}

/* What is known only now that all threads are gone: nothing of it is read earlier. */
static int finish(struct stream *stream, struct err *err)
{
    struct stream_result *result = &stream->result;
    struct reader *reader = &stream->reader;
    /* An archive has one too, but nobody here reads it. */
    const char *encoding = reader->scan.encoding;
    if (index_writer_finish(stream->index, *encoding != '\0' ? encoding : NULL,
                            &result->index_gz, err) < 0)
        return -1;
    result->encoding = *encoding != '\0' ? memory_strdup(encoding) : NULL;
    result->chunks = feed_chunks(&stream->feed);
    assemble_sums(&stream->assemble, result);
    if (gather_tables(stream, err) < 0)
        return -1;
    /* Borrowed from the reader, which lives as long as the stream. */
    result->tables = reader->tables.items;
    result->table_count = reader->tables.count;
    result->ended_well = reader_ended_well(reader);
    return 0;
}

int stream_run(struct stream *stream, struct err *err)
{
    unsigned threads = stream->spec.threads;
    struct worker *workers = memory_array(threads, sizeof *workers);
    pthread_t reading;
    unsigned running = 0;
    /* From here on every way out joins what was started: no thread outlives the call. */
    for (; running < threads; running++) {
        struct worker *worker = &workers[running];
        *worker = (struct worker){.stream = stream, .encoder = stream->encoders[running]};
        if (start(stream, codec_thread, worker, &worker->thread) < 0)
            break;
    }
    unsigned sources = 0;
    while (running == threads && sources < stream->spec.source_count &&
           start(stream, row_thread, &stream->rows[sources],
                 &stream->rows[sources].thread) == 0)
        sources++;
    bool reads = running == threads && sources == stream->spec.source_count &&
                 start(stream, reader_thread, stream, &reading) == 0;
    /* The sink runs here, on the caller's own thread. */
    if (reads && assemble_run(&stream->assemble, err) < 0)
        fail(stream, err);
    if (reads)
        pthread_join(reading, NULL);
    for (unsigned i = 0; i < sources; i++)
        pthread_join(stream->rows[i].thread, NULL);
    for (unsigned i = 0; i < running; i++)
        pthread_join(workers[i].thread, NULL);
    free(workers);
    /* All threads are gone: the lock is not needed any more. */
    if (atomic_load(&stream->failed)) {
        *err = stream->first;
        return -1;
    }
    return finish(stream, err);
}

bool stream_is_cut(const struct stream *stream)
{
    return stream->reader.is_cut;
}

const struct stream_result *stream_result(const struct stream *stream)
{
    return &stream->result;
}

void stream_free(struct stream *stream)
{
    if (stream == NULL)
        return;
    /* Wherever a chunk was when it ended: they are all in this list. */
    for (size_t i = 0; i < stream->chunk_count; i++)
        chunk_free(stream->chunks[i]);
    free(stream->chunks);
    for (unsigned i = 0; stream->encoders != NULL && i < stream->spec.threads; i++)
        encoder_free(stream->encoders[i]);
    free(stream->encoders);
    for (unsigned i = 0; stream->rows != NULL && i < stream->spec.source_count; i++)
        table_writer_release(&stream->rows[i].writer);
    free(stream->rows);
    feed_release(&stream->feed);
    reader_release(&stream->reader);
    assemble_release(&stream->assemble);
    index_writer_free(stream->index);
    chan_release(&stream->idle);
    chan_release(&stream->work);
    file_close(&stream->wake_fd);
    text_release(&stream->result.index_gz);
    free(stream->result.encoding);
    pthread_mutex_destroy(&stream->lock);
    free(stream);
}
