/*
 * Members of the stored object can be decoded each by itself, and the index says where they
 * begin: a run of chunks is one ranged request, cut where the index says and decoded by as many
 * threads as the sink wants. After a failure reading goes on with the chunk that was not whole, from another copy.
 */
#include "copy/chunk_reader.h"

#include "base/log.h"
#include "base/memory.h"
#include "copy/copy_index.h"
#include "copy/copy_reader_work.h"

#include <assert.h>
#include <pthread.h>

/* The index in memory, as a table of places: some 100 bytes for each chunk of 4 MiB. */
struct chunk_reader {
    struct copy_reader *from;
    enum codec_kind codec;
    struct chunk_place *places;
    size_t count, capacity;
    pthread_mutex_t lock; /* guards `from`: which copy is read, its lease, the catalog */
};

/* ---- the index ---- */

/* The table of the chunk before, where it is the same: names are kept once. */
static const struct dump_table *table_of(const struct chunk_reader *reader,
                                         struct index_entry *entry)
{
    /* Definitions, or an archive. */
    if (entry->table == NULL)
        return NULL;
    const struct dump_table *last =
        reader->count > 0 ? reader->places[reader->count - 1].table : NULL;
    if (last != NULL && strcmp(last->schema, entry->schema) == 0 &&
        strcmp(last->name, entry->table) == 0 &&
        entry->columns.count == last->columns.count) {
        bool same = true;
        for (size_t i = 0; same && i < last->columns.count; i++)
            same = strcmp(last->columns.items[i], entry->columns.items[i]) == 0;
        if (same)
            return last;
    }
    return dump_table_new(entry->schema, entry->table, &entry->columns);
}

/* To its end: it may be cut. Its raw bytes must be those of the artifact. */
static int parse_index(struct chunk_reader *reader, const struct text *index,
                       uint64_t raw_bytes, struct err *err)
{
    struct index_entry entry = {0};
    struct index_reader *lines = index_reader_new(index->data, index->length, err);
    int got = lines ? 1 : -1;
    while (got == 1 && (got = index_reader_next(lines, &entry, err)) == 1) {
        if (copy_index_check_chunk(&entry, err) < 0)
            got = -1;
        struct chunk_place place = {.section = entry.section,
                                    .table = table_of(reader, &entry),
                                    .rows = entry.rows,
                                    .raw = entry.raw,
                                    .stored = entry.stored,
                                    .data = entry.data,
                                    .flags = entry.flags};
        memcpy(place.sha256, entry.sha256, SHA256_SIZE);
        struct chunk_place *added = memory_append(
            &reader->places, &reader->count, &reader->capacity, sizeof *reader->places);
        *added = place;
        index_entry_release(&entry);
    }
    index_reader_free(lines);
    uint64_t end = reader->count > 0 ? reader->places[reader->count - 1].raw.to : 0;
    if (got == 0 && end != raw_bytes)
        return err_set(err, ERR_CORRUPT, "the chunk index is that of %llu bytes, not %llu",
                       (unsigned long long)end, (unsigned long long)raw_bytes);
    return got;
}

/* Tables are shared by neighbours only, so each is released where it ends. */
static void forget_places(struct chunk_reader *reader)
{
    const struct dump_table *last = NULL;
    for (size_t i = 0; i < reader->count; i++) {
        struct dump_table *table = NULL;
        /* The only owner frees what is const to everybody else. */
        memcpy(&table, &reader->places[i].table, sizeof table);
        if (table != last)
            dump_table_release(table);
        last = table;
    }
    free(reader->places);
    reader->places = NULL;
    reader->count = reader->capacity = 0;
}

/* Of the copy that is read now, made sure of by its manifest. */
static int read_index(struct chunk_reader *reader, const struct catalog_artifact *artifact,
                      struct err *err)
{
    struct text index;
    /* Needed only until it is parsed: what is kept is a third of it. */
    text_init(&index, COPY_INDEX_MAX);
    int result = copy_index_read(copy_reader_repository(reader->from),
                                 copy_reader_copy(reader->from), &index, err);
    if (result == 0)
        result = parse_index(reader, &index, artifact->raw_bytes, err);
    text_release(&index);
    if (result < 0)
        forget_places(reader);
    return result;
}

struct chunk_reader *chunk_reader_open(struct copy_reader *from, struct err *err)
{
    const struct catalog_artifact *artifact = copy_reader_artifact(from);
    struct chunk_reader *reader = memory_zalloc(sizeof *reader);
    reader->from = from;
    /* Several threads may run chunks of one reader; which copy is read is decided for all
     * of them. */
    pthread_mutex_init(&reader->lock, NULL);
    int result = 0;
    if (!codec_from_name(artifact->compression, &reader->codec))
        result =
            err_set(err, ERR_CORRUPT, "unknown compression \"%s\"", artifact->compression);
    while (result == 0 && (result = read_index(reader, artifact, err)) < 0)
        if (copy_reader_fail_over(from, COPY_READER_INDEX, err) < 0)
            break;
        else
            result = 0;
    if (result == 0 && reader->count > 0)
        return reader;
    if (result == 0)
        err_set(err, ERR_CORRUPT, "the chunk index of %s is empty", artifact->id);
    /* The search may have ended at a copy that lacks more; it can be read as a whole. */
    struct err ignored = {0};
    if (!err_is_fatal(err->kind) && copy_reader_choose_again(from, &ignored) < 0)
        log_debug("%s", ignored.text);
    chunk_reader_close(reader);
    return NULL;
}

const struct chunk_place *chunk_reader_chunks(const struct chunk_reader *reader,
                                              size_t *count)
{
    *count = reader->count;
    return reader->places;
}

uint64_t chunk_reader_memory(const struct chunk_reader *reader, unsigned threads)
{
    return decode_memory(reader->codec, threads);
}

void chunk_reader_close(struct chunk_reader *reader)
{
    if (reader == NULL)
        return;
    forget_places(reader);
    pthread_mutex_destroy(&reader->lock);
    free(reader);
}

/* ---- chunks ---- */

/* What is asked for, and how far it has come. */
struct run {
    struct chunk_reader *reader;
    struct chunk_sink sink;
    struct meter *meter;
    size_t at, end;   /* chunk that the sink gets next, and where to stop */
    size_t read;      /* chunk whose bytes are asked for next */
    bool sink_failed; /* the error is not the store's */
    struct store_download *download;
};

static int next_place(void *context, struct decode_chunk *chunk, struct err *err)
{
    struct run *run = context;
    (void)err;
    if (run->read == run->end)
        return 0;
    const struct chunk_place *place = &run->reader->places[run->read++];
    chunk->number = run->read;
    chunk->raw_size = (size_t)(place->raw.to - place->raw.from);
    chunk->stored_size = (size_t)(place->stored.to - place->stored.from);
    memcpy(chunk->sha256, place->sha256, SHA256_SIZE);
    return 1;
}

static int read_stored(void *context, const struct decode_chunk *chunk,
                       unsigned char *stored, struct err *err)
{
    const struct run *run = context;
    if (copy_index_fill(run->download, chunk, stored, err) < 0)
        return -1;
    if (run->meter != NULL)
        atomic_fetch_add(&run->meter->stored_bytes, chunk->stored_size);
    return 0;
}

/* The chunk is whole and right. */
static int take_raw(void *context, const struct decode_chunk *chunk,
                    const unsigned char *raw, struct err *err)
{
    struct run *run = context;
    const struct chunk_place *place = &run->reader->places[run->at];
    /* The index was read by who checks that (index.h); sinks rely on it. */
    assert(place->data.from <= place->data.to && place->data.to <= chunk->raw_size);
    /* Counted when it is right, so that a chunk read twice counts once. */
    if (run->meter != NULL)
        atomic_fetch_add(&run->meter->raw_bytes, chunk->raw_size);
    run->sink_failed =
        run->sink.chunk(run->sink.context, run->at, raw, chunk->raw_size, err) != 0;
    if (run->sink_failed)
        return -1;
    /* From here on a failure of the copy does not ask for this chunk again. */
    run->at++;
    return 0;
}

/* One ranged request from the chunk that is lacking to the last one. */
static int download(struct run *run, struct repository *repository, const char *key,
                    struct err *err)
{
    const struct chunk_place *places = run->reader->places;
    const struct decode_spec spec = {.codec = run->reader->codec,
                                     .threads = run->sink.threads,
                                     .context = run,
                                     .next = next_place,
                                     .fill = read_stored,
                                     .take = take_raw};
    /* Chunks of a run lie behind each other, so one range has them all. */
    uint64_t from = places[run->at].stored.from, to = places[run->end - 1].stored.to;
    run->read = run->at;
    /* A range of nothing would be the whole rest; raw bytes without stored ones are found out. */
    run->download = to > from
                        ? store_download_begin(repository->store, key, from, to - from, err)
                        : NULL;
    int result = to > from && run->download == NULL ? -1 : decode_run(&spec, err);
    store_download_free(run->download);
    return result;
}

int chunk_reader_run(struct chunk_reader *reader, size_t first, size_t count,
                     struct chunk_sink sink, struct meter *meter, struct err *err)
{
    struct run run = {
        .reader = reader, .sink = sink, .meter = meter, .at = first, .end = first + count};
    int result = count > 0 ? -1 : 0;
    while (run.at < run.end) {
        /* Which copy is read now; another thread may change that at any time. */
        pthread_mutex_lock(&reader->lock);
        struct repository *repository = copy_reader_repository(reader->from);
        const struct catalog_copy *copy = copy_reader_copy(reader->from);
        copy_reader_refresh(reader->from);
        pthread_mutex_unlock(&reader->lock);
        result = download(&run, repository, copy->key, err);
        /* Another copy would not help who cannot take it. */
        if (result == 0 || run.sink_failed)
            break;
        /* Another thread may have gone over to another copy already: then that one first. */
        pthread_mutex_lock(&reader->lock);
        bool moved = copy_reader_copy(reader->from) != copy;
        if (moved)
            err_clear(err);
        bool on = moved || copy_reader_fail_over(reader->from, run.at + 1, err) == 0;
        pthread_mutex_unlock(&reader->lock);
        if (!on)
            break;
    }
    return result;
}
