#include "stream/stream.h"

#include "base/cancel.h"
#include "base/memory.h"
#include "stream/index.h"
#include "tests/support/run_suite.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <unistd.h>

/* A source: a thread that writes text into a pipe in pieces. */
struct source {
    int fds[2];
    const char *data;
    size_t size;
    size_t piece;
    bool stays_open;
    pthread_t thread;
};

static void *write_source(void *argument)
{
    struct source *source = argument;
    size_t at = 0;
    while (at < source->size) {
        size_t size = source->size - at < source->piece ? source->size - at : source->piece;
        ssize_t written = write(source->fds[1], source->data + at, size);
        if (written < 0)
            break;
        at += (size_t)written;
    }
    if (!source->stays_open)
        close(source->fds[1]);
    return NULL;
}

static void source_start(struct source *source)
{
    signal(SIGPIPE, SIG_IGN);
    ck_assert_int_eq(pipe(source->fds), 0);
    pthread_create(&source->thread, NULL, write_source, source);
}

static void source_end(struct source *source)
{
    close(source->fds[0]);
    pthread_join(source->thread, NULL);
    if (source->stays_open)
        close(source->fds[1]);
}

static int collect(void *context, const void *data, size_t size, struct err *err)
{
    struct text *out = context;
    text_add_bytes(out, data, size);
    return text_check(out, "the stored data", err);
}

static const char closing[] = "--\n-- PostgreSQL database dump complete\n--\n\n";

/* A dump of `tables` tables; table n has n * rows rows. */
static void make_dump(struct text *dump, unsigned tables, unsigned rows)
{
    text_init(dump, 64 << 20);
    text_add(dump,
             "--\n-- PostgreSQL database dump\n--\n\nSET client_encoding = 'UTF8';\n\n");
    for (unsigned t = 0; t < tables; t++)
        text_addf(dump, "CREATE TABLE public.t%u (\n    a integer\n);\n\n\n", t);
    for (unsigned t = 0; t < tables; t++) {
        text_addf(dump, "--\n-- Data for Name: t%u; Type: TABLE DATA\n--\n\n", t);
        text_addf(dump, "COPY public.t%u (a, b) FROM stdin;\n", t);
        for (unsigned i = 0; i < t * rows; i++)
            text_addf(dump, "%u\tsome text; it's \\\\. here%u\n", i, i * 7919U % 1000);
        text_add(dump, "\\.\n\n\n");
    }
    text_add(dump, "SELECT pg_catalog.setval('s', 1, true);\n\n");
    for (unsigned t = 0; t < tables; t++)
        text_addf(dump, "CREATE INDEX i%u ON public.t%u USING btree (a);\n\n\n", t, t);
    text_add(dump, closing);
}

static struct stream *run_stream(const struct stream_spec *spec)
{
    struct err err = {0};
    struct stream *stream = stream_new(spec, &err);
    ck_assert_msg(stream != NULL, "%s", err.text);
    ck_assert_msg(stream_run(stream, &err) == 0, "%s", err.text);
    return stream;
}

static struct stream *stream_text(const struct text *dump, struct stream_spec *spec,
                                  size_t piece, struct text *stored)
{
    struct source source = {.data = dump->data, .size = dump->length, .piece = piece};
    text_init(stored, 128 << 20);
    source_start(&source);
    spec->fd = source.fds[0];
    spec->sink = (struct stream_sink){collect, stored};
    struct stream *stream = run_stream(spec);
    source_end(&source);
    return stream;
}

static void check_decodes(enum codec_kind kind, const struct text *stored,
                          const struct text *want, const struct stream_result *result)
{
    struct err err = {0};
    struct text raw;
    struct unstream *unstream;
    uint64_t raw_bytes, stored_bytes;
    unsigned char raw_sha256[SHA256_SIZE], stored_sha256[SHA256_SIZE], sum[SHA256_SIZE];
    text_init(&raw, 128 << 20);
    unstream = unstream_new(kind, (struct stream_sink){collect, &raw}, &err);
    for (size_t at = 0; at < stored->length; at += 10007) {
        size_t size = stored->length - at < 10007 ? stored->length - at : 10007;
        ck_assert_msg(unstream_push(unstream, stored->data + at, size, &err) == 0, "%s",
                      err.text);
    }
    ck_assert_msg(unstream_finish(unstream, &err) == 0, "%s", err.text);
    unstream_sums(unstream, &raw_bytes, raw_sha256, &stored_bytes, stored_sha256);
    unstream_free(unstream);
    ck_assert_uint_eq(raw.length, want->length);
    ck_assert(memcmp(raw.data, want->data, want->length) == 0);
    ck_assert(raw_bytes == result->raw_bytes && raw_bytes == want->length);
    ck_assert(stored_bytes == result->stored_bytes && stored_bytes == stored->length);
    digest_sha256(want->data, want->length, sum);
    ck_assert_mem_eq(raw_sha256, sum, SHA256_SIZE);
    ck_assert_mem_eq(result->raw_sha256, sum, SHA256_SIZE);
    digest_sha256(stored->data, stored->length, sum);
    ck_assert_mem_eq(stored_sha256, sum, SHA256_SIZE);
    ck_assert_mem_eq(result->stored_sha256, sum, SHA256_SIZE);
    text_release(&raw);
}

/* Every chunk by itself: decodes from its stored range to its raw range, hashes, begins and
 * ends at rows. Returns the rows of all. */
static uint64_t check_index(enum codec_kind kind, const struct text *dump,
                            const struct text *stored, const struct stream_result *result)
{
    struct err err = {0};
    struct index_entry entry;
    uint64_t rows = 0, chunks = 0;
    struct index_reader *reader =
        index_reader_new(result->index_gz.data, result->index_gz.length, &err);
    int more;
    ck_assert_msg(reader != NULL, "%s", err.text);
    while ((more = index_reader_next(reader, &entry, &err)) == 1) {
        struct text raw;
        unsigned char sum[SHA256_SIZE];
        size_t size = entry.raw.to - entry.raw.from;
        const char *want = dump->data + entry.raw.from;
        text_init(&raw, 64 << 20);
        struct unstream *unstream =
            unstream_new(kind, (struct stream_sink){collect, &raw}, &err);
        ck_assert_int_eq(unstream_push(unstream, stored->data + entry.stored.from,
                                       entry.stored.to - entry.stored.from, &err),
                         0);
        ck_assert_int_eq(unstream_finish(unstream, &err), 0);
        unstream_free(unstream);
        ck_assert_uint_eq(raw.length, size);
        ck_assert(memcmp(raw.data, want, size) == 0);
        digest_sha256(raw.data, raw.length, sum);
        ck_assert_mem_eq(sum, entry.sha256, SHA256_SIZE);
        if (entry.table != NULL && (entry.flags & CHUNK_CONTINUED) == 0) {
            ck_assert(entry.data.from == 0 || want[entry.data.from - 1] == '\n');
            ck_assert(entry.raw.from == 0 || want[-1] == '\n');
        }
        uint64_t lines = 0;
        for (uint64_t i = entry.data.from; i < entry.data.to; i++)
            lines += want[i] == '\n';
        ck_assert_uint_eq(lines, entry.rows);
        rows += entry.rows;
        chunks++;
        text_release(&raw);
        index_entry_release(&entry);
    }
    ck_assert_msg(more == 0, "%s", err.text);
    index_reader_free(reader);
    ck_assert_uint_eq(chunks, result->chunks);
    return rows;
}

static const struct {
    struct codec_choice codec;
    unsigned threads;
    size_t chunk_size, piece;
} ways[] = {
    {{CODEC_GZIP, 1}, 1, 4096, 1 << 20}, {{CODEC_GZIP, 1}, 8, 4096, 777},
    {{CODEC_GZIP, 1}, 2, 100, 65536},    {{CODEC_GZIP, 6}, 3, 20000, 4096},
    {{CODEC_ZSTD, 1}, 8, 1000, 4096},    {{CODEC_BZIP2, 1}, 4, 50000, 4096},
    {{CODEC_NONE, 0}, 4, 3000, 4096},    {{CODEC_NONE, 0}, 64, 64, 1 << 20},
    {{CODEC_GZIP, 1}, 2, 0, 1 << 20},
};

START_TEST(bytes_come_back_in_order_with_right_hashes_rows_and_ranges)
{
    struct text dump, stored;
    struct meter meter;
    struct stream_spec spec = {
        .codec = ways[_i].codec,
        .threads = ways[_i].threads,
        .chunk_size = ways[_i].chunk_size,
        .meter = &meter,
    };
    meter_init(&meter, 0);
    make_dump(&dump, 6, 300);
    struct stream *stream = stream_text(&dump, &spec, ways[_i].piece, &stored);
    const struct stream_result *result = stream_result(stream);
    ck_assert(result->ended_well);
    ck_assert_str_eq(result->encoding, "UTF8");
    check_decodes(spec.codec.kind, &stored, &dump, result);
    ck_assert_uint_eq(check_index(spec.codec.kind, &dump, &stored, result), 15 * 300);
    ck_assert_uint_eq(result->table_count, 6);
    for (size_t i = 0; i < 6; i++) {
        char name[32];
        snprintf(name, sizeof name, "t%zu", i);
        ck_assert_str_eq(result->tables[i].schema, "public");
        ck_assert_str_eq(result->tables[i].name, name);
        ck_assert_uint_eq(result->tables[i].rows, i * 300);
    }
    ck_assert_uint_eq(atomic_load(&meter.raw_bytes), dump.length);
    ck_assert_uint_eq(atomic_load(&meter.stored_bytes), stored.length);
    ck_assert_uint_eq(atomic_load(&meter.rows), 15 * 300);
    ck_assert_uint_eq(atomic_load(&meter.tables), 6);
    stream_free(stream);
    text_release(&dump);
    text_release(&stored);
}
END_TEST

/* By libdeflate: of ISA-L's levels one run in thirty on a busy machine takes another match of a short chunk, which
 * decodes to the same. */
START_TEST(how_the_source_writes_and_how_many_threads_there_are_changes_no_byte)
{
    struct text dump, first, other;
    struct stream_spec spec = {.codec = {CODEC_GZIP, 6}, .threads = 1, .chunk_size = 5000};
    make_dump(&dump, 4, 200);
    struct stream *one = stream_text(&dump, &spec, 1 << 20, &first);
    spec.threads = 5;
    struct stream *two = stream_text(&dump, &spec, 313, &other);
    ck_assert_uint_eq(first.length, other.length);
    ck_assert(memcmp(first.data, other.data, first.length) == 0);
    ck_assert_uint_eq(stream_result(one)->index_gz.length,
                      stream_result(two)->index_gz.length);
    ck_assert(memcmp(stream_result(one)->index_gz.data, stream_result(two)->index_gz.data,
                     stream_result(one)->index_gz.length) == 0);
    stream_free(one);
    stream_free(two);
    text_release(&dump);
    text_release(&first);
    text_release(&other);
}
END_TEST

/* Reads the index as one line per chunk: section, table, rows, flags. */
static void summarize(const struct stream_result *result, struct text *out)
{
    struct err err = {0};
    struct index_entry entry;
    struct index_reader *reader =
        index_reader_new(result->index_gz.data, result->index_gz.length, &err);
    while (index_reader_next(reader, &entry, &err) == 1) {
        text_addf(out, "%s %s %llu%s%s%s\n", section_name(entry.section),
                  entry.table != NULL ? entry.table : "-", (unsigned long long)entry.rows,
                  (entry.flags & CHUNK_CONTINUED) != 0 ? " continued" : "",
                  (entry.flags & CHUNK_STATE) != 0 ? " state" : "",
                  (entry.flags & CHUNK_RESTRICT) != 0 ? " restrict" : "");
        index_entry_release(&entry);
    }
    index_reader_free(reader);
}

static const struct {
    const char *dump, *want;
} shapes[] = {
    {"", "pre-data - 0\n"},
    {"SET a = 1;\nCREATE TABLE t ();\n", "pre-data - 0 state\n"},
    {"SET a = 1;\nCOPY t (a) FROM stdin;\n1\n2\n\\.\nCOPY u (a) FROM stdin;\n\\.\n"
     "SELECT pg_catalog.setval('s', 1);\nSET b = 2;\nCREATE INDEX i ON t (a);\n",
     "pre-data - 0 state\ndata t 2\ndata u 0\ndata - 0 state\npost-data - 0\n"},
    {"COPY t (a) FROM stdin;\n1\n\\.\n", "data t 1\n"},
    {"\\restrict a\nSELECT 1;\nCREATE INDEX i ON t (a);\n\\unrestrict a\n",
     "pre-data - 0 restrict\npost-data - 0 restrict\n"},
    {"SELECT 1;\nBEGIN;\nSELECT pg_catalog.lo_open('1', 1);\nCOMMIT;\nGRANT x TO y;\n",
     "pre-data - 0\ndata - 0\npost-data - 0\n"},
    /* chunks of 64 bytes: a long row and a long statement go in pieces */
    {"COPY t (a) FROM "
     "stdin;\n1\nxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
     "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
     "\n"
     "3\n\\.\nSELECT 1;\n",
     "data t 1\ndata t 0\ndata t 0 continued\ndata t 2 continued\npost-data - 0\n"},
    {"SELECT "
     "'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx';\n",
     "pre-data - 0\npre-data - 0 continued\n"},
};

START_TEST(chunks_are_cut_at_tables_sections_and_borders)
{
    struct text dump, stored, got;
    struct stream_spec spec = {.codec = {CODEC_NONE, 0}, .threads = 2, .chunk_size = 64};
    text_init(&dump, 1 << 20);
    text_init(&got, 1 << 20);
    text_add(&dump, shapes[_i].dump);
    struct stream *stream = stream_text(&dump, &spec, 7, &stored);
    summarize(stream_result(stream), &got);
    ck_assert_str_eq(got.data, shapes[_i].want);
    stream_free(stream);
    text_release(&dump);
    text_release(&stored);
    text_release(&got);
}
END_TEST

START_TEST(a_row_of_40_MiB_passes_in_pieces_through_buffers_of_1_MiB)
{
    enum { ROW = 40 << 20 };
    struct text dump, stored;
    struct stream_spec spec = {
        .codec = {CODEC_GZIP, 1}, .threads = 2, .chunk_size = 1 << 20};
    char *row = malloc(ROW);

    memset(row, 'x', ROW);
    text_init(&dump, 64 << 20);
    text_add(&dump, "COPY public.t (a) FROM stdin;\n1\n");
    text_add_bytes(&dump, row, ROW);
    text_add(&dump, "\n3\n\\.\n");
    text_add(&dump, closing);
    free(row);
    struct stream *stream = stream_text(&dump, &spec, 1 << 20, &stored);
    const struct stream_result *result = stream_result(stream);
    ck_assert(result->ended_well);
    ck_assert_uint_eq(result->tables[0].rows, 3);
    ck_assert_uint_eq(result->tables[0].raw_bytes, ROW + 1 + 4);
    ck_assert_uint_ge(result->chunks, 41);
    ck_assert_uint_eq(check_index(CODEC_GZIP, &dump, &stored, result), 3);
    stream_free(stream);
    text_release(&dump);
    text_release(&stored);
}
END_TEST

START_TEST(memory_is_known_before_the_start_and_bounded)
{
    struct stream_spec spec = {.codec = {CODEC_GZIP, 1}, .threads = 4};
    ck_assert_uint_le(stream_memory(&spec), 52 << 20);
    spec.codec.kind = CODEC_NONE;
    ck_assert_uint_le(stream_memory(&spec), 26 << 20);
}
END_TEST

START_TEST(an_opaque_archive_is_cut_by_size_and_known_by_its_magic)
{
    struct text dump, stored;
    struct stream_spec spec = {
        .codec = {CODEC_ZSTD, 1}, .threads = 2, .chunk_size = 64, .format = STREAM_CUSTOM};
    text_init(&dump, 1 << 20);
    text_add(&dump, "PGDMP");
    for (int i = 0; i < 1000; i++)
        text_addf(&dump, "COPY t FROM stdin;\n%d\n\\.\n'", i);
    struct stream *stream = stream_text(&dump, &spec, 3, &stored);
    const struct stream_result *result = stream_result(stream);
    ck_assert(result->ended_well);
    ck_assert_uint_eq(result->chunks, (dump.length + 63) / 64);
    ck_assert_uint_eq(result->table_count, 0);
    ck_assert_ptr_null(result->encoding);
    check_decodes(CODEC_ZSTD, &stored, &dump, result);
    (void)check_index(CODEC_ZSTD, &dump, &stored, result);
    stream_free(stream);
    text_release(&stored);
    dump.data[0] = 'X';
    stream = stream_text(&dump, &spec, 3, &stored);
    ck_assert(!stream_result(stream)->ended_well);
    stream_free(stream);
    text_release(&stored);
    text_release(&dump);
}
END_TEST

START_TEST(a_cut_dump_runs_through_but_has_not_ended_well)
{
    struct text dump, stored;
    struct stream_spec spec = {.codec = {CODEC_GZIP, 1}, .threads = 1};
    make_dump(&dump, 2, 10);
    dump.data[--dump.length] = '\0';
    struct stream *stream = stream_text(&dump, &spec, 1000, &stored);
    ck_assert(!stream_result(stream)->ended_well);
    stream_free(stream);
    text_release(&dump);
    text_release(&stored);
}
END_TEST

START_TEST(no_bytes_at_all_make_one_valid_member)
{
    struct text dump, stored;
    struct stream_spec spec = {.codec = {CODEC_GZIP, 1}, .threads = 3};
    text_init(&dump, 10);
    struct stream *stream = stream_text(&dump, &spec, 1, &stored);
    ck_assert(!stream_result(stream)->ended_well);
    check_decodes(CODEC_GZIP, &stored, &dump, stream_result(stream));
    stream_free(stream);
    text_release(&stored);
    text_release(&dump);
}
END_TEST

struct bad_sink {
    size_t room;
};

static int refuse(void *context, const void *data, size_t size, struct err *err)
{
    struct bad_sink *sink = context;
    (void)data;
    if (size > sink->room)
        return err_set(err, ERR_STORE, "disk full");
    sink->room -= size;
    return 0;
}

START_TEST(a_failing_sink_ends_the_stream_with_its_error)
{
    struct text dump;
    struct err err = {0};
    struct bad_sink sink = {.room = (size_t)_i * 3000};
    struct source source = {.piece = 65536};
    make_dump(&dump, 10, 300);
    source.data = dump.data;
    source.size = dump.length;
    source_start(&source);
    struct stream_spec spec = {.fd = source.fds[0],
                               .codec = {CODEC_GZIP, 1},
                               .threads = 3,
                               .chunk_size = 2000,
                               .sink = {refuse, &sink}};
    struct stream *stream = stream_new(&spec, &err);
    ck_assert_int_eq(stream_run(stream, &err), -1);
    ck_assert_int_eq(err.kind, ERR_STORE);
    ck_assert_str_eq(err.text, "disk full");
    stream_free(stream);
    source_end(&source);
    text_release(&dump);
}
END_TEST

START_TEST(a_read_error_is_no_end_of_file)
{
    struct err err = {0};
    struct text stored;
    int fd = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    struct stream_spec spec = {
        .fd = fd, .codec = {CODEC_GZIP, 1}, .threads = 2, .sink = {collect, &stored}};
    text_init(&stored, 1000);
    struct stream *stream = stream_new(&spec, &err);
    ck_assert_int_eq(stream_run(stream, &err), -1);
    ck_assert_int_eq(err.kind, ERR_SYSTEM);
    ck_assert_msg(strstr(err.text, "reading the dump") != NULL, "%s", err.text);
    stream_free(stream);
    close(fd);
    text_release(&stored);
}
END_TEST

START_TEST(a_silent_source_is_an_error_after_the_stall_timeout)
{
    struct err err = {0};
    struct text stored;
    struct source source = {
        .data = "SELECT 1;\n", .size = 10, .piece = 10, .stays_open = true};
    source_start(&source);
    struct stream_spec spec = {.fd = source.fds[0],
                               .codec = {CODEC_GZIP, 1},
                               .threads = 2,
                               .stall_timeout_ms = 30,
                               .sink = {collect, &stored}};
    text_init(&stored, 1000);
    struct stream *stream = stream_new(&spec, &err);
    ck_assert_int_eq(stream_run(stream, &err), -1);
    ck_assert_int_eq(err.kind, ERR_DATABASE);
    ck_assert_msg(strstr(err.text, "no byte") != NULL, "%s", err.text);
    stream_free(stream);
    source_end(&source);
    text_release(&stored);
}
END_TEST

START_TEST(text_that_cannot_be_followed_ends_the_stream)
{
    struct err err = {0};
    struct text stored;
    struct source source = {.data = "SET client_encoding = 'SJIS';\n",
                            .size = 30,
                            .piece = 30,
                            .stays_open = true};
    source_start(&source);
    struct stream_spec spec = {.fd = source.fds[0],
                               .codec = {CODEC_GZIP, 1},
                               .threads = 2,
                               .sink = {collect, &stored}};
    text_init(&stored, 1000);
    struct stream *stream = stream_new(&spec, &err);
    ck_assert_int_eq(stream_run(stream, &err), -1);
    ck_assert_int_eq(err.kind, ERR_DATABASE);
    stream_free(stream);
    source_end(&source);
    text_release(&stored);
}
END_TEST

START_TEST(impossible_orders_are_refused)
{
    struct err err = {0};
    struct stream_spec spec = {.codec = {CODEC_GZIP, 1}, .threads = 0};
    ck_assert_ptr_null(stream_new(&spec, &err));
    ck_assert_int_eq(err.kind, ERR_USAGE);
    spec.threads = 65;
    ck_assert_ptr_null(stream_new(&spec, &err));
    spec.threads = 1;
    spec.chunk_size = 63;
    ck_assert_ptr_null(stream_new(&spec, &err));
    spec.chunk_size = (size_t)2 << 30;
    ck_assert_ptr_null(stream_new(&spec, &err));
    stream_free(NULL);
    unstream_free(NULL);
}
END_TEST

START_TEST(a_cut_or_lengthened_object_is_corrupt)
{
    struct text dump, stored, raw;
    struct stream_spec spec = {.codec = {CODEC_GZIP, 1}, .threads = 1, .chunk_size = 3000};
    make_dump(&dump, 3, 100);
    struct stream *stream = stream_text(&dump, &spec, 1000, &stored);
    for (size_t cut = 1; cut < 40; cut++) {
        struct err err = {0};
        text_init(&raw, 1 << 20);
        struct unstream *unstream =
            unstream_new(CODEC_GZIP, (struct stream_sink){collect, &raw}, &err);
        ck_assert_int_eq(unstream_push(unstream, stored.data, stored.length - cut, &err),
                         0);
        ck_assert_int_eq(unstream_finish(unstream, &err), -1);
        ck_assert_int_eq(err.kind, ERR_CORRUPT);
        unstream_free(unstream);
        text_release(&raw);
    }
    struct err err = {0};
    text_init(&raw, 1 << 20);
    struct unstream *unstream =
        unstream_new(CODEC_GZIP, (struct stream_sink){collect, &raw}, &err);
    ck_assert_int_eq(unstream_push(unstream, stored.data, stored.length, &err), 0);
    ck_assert_int_eq(unstream_push(unstream, "tail of something", 17, &err), -1);
    ck_assert_int_eq(err.kind, ERR_CORRUPT);
    unstream_free(unstream);
    text_release(&raw);
    stream_free(stream);
    text_release(&dump);
    text_release(&stored);
}
END_TEST

static void *cancel_it(void *argument)
{
    (void)argument;
    cancel_trip(NULL, CANCEL_SIGTERM);
    return NULL;
}

/* Last of all: the flag cannot be taken back. */
START_TEST(cancelling_ends_a_stream_that_waits_for_its_source)
{
    struct err err = {0};
    struct text stored;
    pthread_t thread;
    struct source source = {
        .data = "SELECT 1;\n", .size = 10, .piece = 10, .stays_open = true};
    ck_assert_int_eq(cancel_install(&err), 0);
    source_start(&source);
    struct stream_spec spec = {.fd = source.fds[0],
                               .codec = {CODEC_GZIP, 1},
                               .threads = 2,
                               .sink = {collect, &stored}};
    text_init(&stored, 1000);
    struct stream *stream = stream_new(&spec, &err);
    pthread_create(&thread, NULL, cancel_it, NULL);
    ck_assert_int_eq(stream_run(stream, &err), -1);
    ck_assert_int_eq(err.kind, ERR_CANCELLED);
    pthread_join(thread, NULL);
    stream_free(stream);
    source_end(&source);
    text_release(&stored);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("stream");
    TCase *tcase = tcase_create("stream");

    tcase_set_timeout(tcase, 60);
    tcase_add_loop_test(tcase, bytes_come_back_in_order_with_right_hashes_rows_and_ranges,
                        0, (int)(sizeof ways / sizeof *ways));
    tcase_add_test(tcase,
                   how_the_source_writes_and_how_many_threads_there_are_changes_no_byte);
    tcase_add_loop_test(tcase, chunks_are_cut_at_tables_sections_and_borders, 0,
                        (int)(sizeof shapes / sizeof *shapes));
    tcase_add_test(tcase, a_row_of_40_MiB_passes_in_pieces_through_buffers_of_1_MiB);
    tcase_add_test(tcase, memory_is_known_before_the_start_and_bounded);
    tcase_add_test(tcase, an_opaque_archive_is_cut_by_size_and_known_by_its_magic);
    tcase_add_test(tcase, a_cut_dump_runs_through_but_has_not_ended_well);
    tcase_add_test(tcase, no_bytes_at_all_make_one_valid_member);
    tcase_add_loop_test(tcase, a_failing_sink_ends_the_stream_with_its_error, 0, 6);
    tcase_add_test(tcase, a_read_error_is_no_end_of_file);
    tcase_add_test(tcase, a_silent_source_is_an_error_after_the_stall_timeout);
    tcase_add_test(tcase, text_that_cannot_be_followed_ends_the_stream);
    tcase_add_test(tcase, impossible_orders_are_refused);
    tcase_add_test(tcase, a_cut_or_lengthened_object_is_corrupt);
    tcase_add_test(tcase, cancelling_ends_a_stream_that_waits_for_its_source);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
