#include "stream/feed.h"

#include "base/memory.h"
#include "base/thread.h"
#include "stream/assemble.h"
#include "tests/support/run_suite.h"

#include <check.h>

enum {
    SOURCES = 3,
    CODECS = 2,
    PER_SOURCE = 200,
    CHUNKS = 2 * SOURCES + CODECS,
    SIZE = 64
};

static struct chan idle, work;
static struct feed feed;
static struct chunk *chunks[CHUNKS];

static void begin(size_t encoded)
{
    struct err err = {0};
    chan_init(&idle, CHUNKS);
    chan_init(&work, CHUNKS);
    feed_init(&feed, &idle, &work, 0);
    for (size_t i = 0; i < CHUNKS; i++) {
        chunks[i] = chunk_new(SIZE, encoded, &err);
        ck_assert_ptr_nonnull(chunks[i]);
        ck_assert(chan_push(&idle, chunks[i]));
    }
}

static void end(void)
{
    for (size_t i = 0; i < CHUNKS; i++)
        chunk_free(chunks[i]);
    chan_release(&idle);
    chan_release(&work);
}

START_TEST(the_order_is_that_in_which_chunks_are_closed)
{
    begin(0);
    struct chunk *first = feed_open(&feed);
    struct chunk *second = feed_open(&feed);
    struct chunk *unused = feed_open(&feed);
    ck_assert(feed_close(&feed, second));
    ck_assert(feed_return(&feed, unused));
    ck_assert(feed_close(&feed, first));
    ck_assert_uint_eq(second->number, 0);
    ck_assert_uint_eq(first->number, 1);
    ck_assert_uint_eq(feed_chunks(&feed), 2);
    end();
}
END_TEST

START_TEST(a_stream_that_failed_gives_and_takes_no_chunk)
{
    begin(0);
    struct chunk *chunk = feed_open(&feed);
    chan_close(&idle);
    chan_close(&work);
    ck_assert(!feed_close(&feed, chunk));
    ck_assert(!feed_return(&feed, chunk));
    while ((chunk = feed_open(&feed)) != NULL)
        ck_assert_uint_eq(chunk->raw_size, 0); /* what was idle is handed out yet */
    end();
}
END_TEST

/* ---- several sources ---- */

static void *source(void *argument)
{
    const unsigned *id = argument;
    for (unsigned i = 0; i < PER_SOURCE; i++) {
        char line[SIZE];
        struct chunk *chunk = feed_open(&feed);
        ck_assert_ptr_nonnull(chunk);
        snprintf(line, sizeof line, "source %u chunk %03u\n", *id, i);
        chunk_append(chunk, line, strlen(line));
        ck_assert(feed_close(&feed, chunk));
    }
    return NULL;
}

/* Encodes by writing a dash in front. */
static void *codec(void *argument)
{
    struct assemble *assemble = argument;
    struct chunk *chunk;
    while ((chunk = chan_pop(&work)) != NULL) {
        digest_sha256(chunk->raw, chunk->raw_size, chunk->raw_sha256);
        if (chunk->encoded != NULL) {
            chunk->encoded[0] = '-';
            memcpy(chunk->encoded + 1, chunk->raw, chunk->raw_size);
            chunk->encoded_size = chunk->raw_size + 1;
        }
        assemble_put(assemble, chunk);
    }
    return NULL;
}

static int collect(void *context, const void *data, size_t size, struct err *err)
{
    (void)err;
    text_add_bytes(context, data, size);
    return 0;
}

static void *close_work(void *argument)
{
    pthread_t *threads = argument;
    for (size_t i = 0; i < SOURCES; i++)
        pthread_join(threads[i], NULL);
    chan_close(&work);
    return NULL;
}

START_TEST(hashes_and_index_follow_the_order_of_the_chunks_whoever_fed_them)
{
    struct err err = {0};
    struct text stored, raw, index_gz;
    struct assemble assemble;
    struct stream_result sums = {0};
    pthread_t sources[SOURCES], codecs[CODECS], closer;
    unsigned ids[SOURCES] = {0, 1, 2}, next[SOURCES] = {0};
    bool encoded = _i == 1;
    begin(encoded ? SIZE + 1 : 0);
    text_init(&stored, 1 << 20);
    text_init(&raw, 1 << 20);
    struct index_writer *index = index_writer_new("plain", "none", &err);
    assemble_init(&assemble, CHUNKS, &idle, index);
    assemble.sink = (struct stream_sink){.write = collect, .context = &stored};
    assemble_expect(&assemble, SOURCES * PER_SOURCE);
    for (size_t i = 0; i < CODECS; i++)
        ck_assert_int_eq(thread_start(&codecs[i], codec, &assemble, &err), 0);
    for (size_t i = 0; i < SOURCES; i++)
        ck_assert_int_eq(thread_start(&sources[i], source, &ids[i], &err), 0);
    ck_assert_int_eq(thread_start(&closer, close_work, sources, &err), 0);
    ck_assert_int_eq(assemble_run(&assemble, &err), 0);
    pthread_join(closer, NULL);
    for (size_t i = 0; i < CODECS; i++)
        pthread_join(codecs[i], NULL);
    assemble_sums(&assemble, &sums);

    /* The lines of each source are whole and in its own order. */
    ck_assert_uint_eq(feed_chunks(&feed), SOURCES * PER_SOURCE);
    for (char *line = stored.data; *line != '\0'; line = strchr(line, '\n') + 1) {
        unsigned id = SOURCES, number = 0;
        ck_assert_int_eq(sscanf(line,
                                encoded ? "-source %u chunk %u" : "source %u chunk %u", &id,
                                &number),
                         2);
        ck_assert_uint_lt(id, SOURCES);
        ck_assert_uint_eq(number, next[id]++);
        text_add_bytes(&raw, line + encoded,
                       (size_t)(strchr(line, '\n') + 1 - line) - encoded);
    }
    unsigned char sum[SHA256_SIZE];
    digest_sha256(stored.data, stored.length, sum);
    ck_assert_mem_eq(sums.stored_sha256, sum, sizeof sum);
    digest_sha256(raw.data, raw.length, sum);
    ck_assert_mem_eq(sums.raw_sha256, sum, sizeof sum);
    ck_assert_uint_eq(sums.raw_bytes, raw.length);
    ck_assert_uint_eq(sums.stored_bytes, stored.length);

    /* The index says of each chunk where its bytes are. */
    ck_assert_int_eq(index_writer_finish(index, NULL, &index_gz, &err), 0);
    struct index_reader *reader = index_reader_new(index_gz.data, index_gz.length, &err);
    struct index_entry entry;
    unsigned entries = 0;
    while (index_reader_next(reader, &entry, &err) == 1) {
        digest_sha256(raw.data + entry.raw.from, entry.raw.to - entry.raw.from, sum);
        ck_assert_mem_eq(entry.sha256, sum, sizeof sum);
        index_entry_release(&entry);
        entries++;
    }
    ck_assert_int_eq(err.kind, ERR_NONE);
    ck_assert_uint_eq(entries, SOURCES * PER_SOURCE);
    index_reader_free(reader);
    index_writer_free(index);
    assemble_release(&assemble);
    text_release(&index_gz);
    text_release(&stored);
    text_release(&raw);
    end();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("feed");
    TCase *tcase = tcase_create("feed");
    tcase_add_test(tcase, the_order_is_that_in_which_chunks_are_closed);
    tcase_add_test(tcase, a_stream_that_failed_gives_and_takes_no_chunk);
    tcase_add_loop_test(
        tcase, hashes_and_index_follow_the_order_of_the_chunks_whoever_fed_them, 0, 2);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
