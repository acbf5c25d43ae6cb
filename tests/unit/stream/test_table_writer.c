/*
 * Rows from further sources beside a dump's text: whole COPY statements, in their place,
 * whatever the size of a row; and the two rules of feed.h.
 */
#include "stream/table_writer.h"

#include "base/memory.h"
#include "base/thread.h"
#include "stream/index.h"
#include "stream/stream.h"
#include "tests/support/run_suite.h"

#include <check.h>
#include <unistd.h>

static struct text out;
static struct err err;

static int collect(void *context, const void *data, size_t size, struct err *unused)
{
    (void)context;
    (void)unused;
    text_add_bytes(&out, data, size);
    return 0;
}

/* What a source of a test does. */
struct work {
    const char *target;
    unsigned count;
    size_t size; /* of a row, with its newline */
    int fails;   /* after its rows */
};

static int write_rows(void *context, struct table_writer *writer, int wake_fd,
                      struct err *why)
{
    const struct work *rows = context;
    char *row = memory_alloc(rows->size);
    (void)wake_fd;
    memset(row, 'x', rows->size);
    row[rows->size - 1] = '\n';
    int result = table_writer_begin(writer, rows->target, why);
    for (unsigned i = 0; result == 0 && i < rows->count; i++)
        result = table_writer_row(writer, row, rows->size) ? 0 : 1;
    free(row);
    if (result != 0)
        return result;
    if (!table_writer_end(writer))
        return 1;
    ck_assert_uint_eq(writer->rows, rows->count);
    return rows->fails ? err_set(why, ERR_DATABASE, "a lost worker") : 0;
}

/* A dump of this text with these sources; the caller frees it. */
static struct stream *run(const char *text, struct work *rows, unsigned count,
                          size_t chunk_size, int *result)
{
    struct stream_source sources[4];
    int fds[2];
    for (unsigned i = 0; i < count; i++)
        sources[i] = (struct stream_source){.run = write_rows, .context = &rows[i]};
    ck_assert_int_eq(pipe(fds), 0);
    ck_assert_int_eq(write(fds[1], text, strlen(text)), (int)strlen(text));
    close(fds[1]);
    struct stream_spec spec = {.fd = fds[0],
                               .codec = {CODEC_NONE, 0},
                               .threads = 2,
                               .chunk_size = chunk_size,
                               .sources = sources,
                               .source_count = count,
                               .sink = {.write = collect}};
    struct stream *stream = stream_new(&spec, &err);
    ck_assert_msg(stream != NULL, "%s", err.text);
    *result = stream_run(stream, &err);
    close(fds[0]);
    return stream;
}

static void setup(void)
{
    text_init(&out, 64 << 20);
    err_clear(&err);
}

static void teardown(void)
{
    text_release(&out);
}

#define END "--\n-- PostgreSQL database dump complete\n--\n\n"

static const char *const texts[] = {
    /* with data and what follows it */
    "CREATE TABLE a (x int);\nCREATE TABLE b (x int);\n\nCOPY public.b (x) FROM "
    "stdin;\n1\n\\.\n"
    "\n\nCREATE INDEX i ON a (x);\n" END,
    /* without data; without anything behind the definitions; with rights alone */
    "CREATE TABLE a (x int);\nCREATE INDEX i ON a (x);\n" END,
    "CREATE TABLE a (x int);\n" END,
    "CREATE TABLE a (x int);\nGRANT SELECT ON TABLE a TO PUBLIC;\n" END,
    /* a large object, whose transaction stays together */
    "CREATE TABLE a (x int);\nBEGIN;\nSELECT pg_catalog.lo_open('1', 131072);\nSELECT "
    "pg_catalog.lowrite(0, '\\x00');\nSELECT pg_catalog.lo_close(0);\nCOMMIT;\n"
    "CREATE INDEX i ON a (x);\n" END,
};

START_TEST(rows_of_sources_lie_between_definitions_and_what_follows_the_data)
{
    struct work rows[] = {
        {"a (x)", 1000, 9, 0}, {"c (\"y z\")", 300, 30, 0}, {"d (x)", 0, 5, 0}};
    int result = -1;
    struct stream *stream = run(texts[_i], rows, 3, 1000, &result);
    ck_assert_msg(result == 0, "%s", err.text);
    const struct stream_result *got = stream_result(stream);
    ck_assert(got->ended_well);
    ck_assert(got->raw_of_chunks);
    ck_assert_uint_eq(got->table_count, _i == 0 ? 4 : 3);

    /* Every statement is whole: where a COPY begins none is open. */
    const char *last = strstr(out.data, "CREATE TABLE a");
    unsigned found = 0, copied = 0;
    bool open = false, in_transaction = false;
    for (const char *line = out.data; *line != '\0'; line = strchr(line, '\n') + 1) {
        bool begins = strncmp(line, "COPY ", 5) == 0;
        ck_assert(!begins || (!open && !in_transaction));
        open = begins || (open && strncmp(line, "\\.\n", 3) != 0);
        copied += *line == 'x';
        in_transaction = strncmp(line, "BEGIN", 5) == 0 ||
                         (in_transaction && strncmp(line, "COMMIT", 6) != 0);
        if (strncmp(line, "COPY a ", 7) == 0 || strncmp(line, "COPY c ", 7) == 0) {
            ck_assert(line > last);
            found++;
        }
        if (strncmp(line, "CREATE INDEX", 12) == 0 || strncmp(line, "GRANT", 5) == 0 ||
            strncmp(line, "-- PostgreSQL database dump complete", 20) == 0)
            ck_assert_uint_eq(copied, 1300);
    }
    ck_assert_uint_gt(found, 18); /* chunks of 1000 bytes */
    ck_assert(!open);
    stream_free(stream);
}
END_TEST

START_TEST(a_row_larger_than_a_chunk_passes_in_pieces_that_nobody_parts)
{
    struct work rows[] = {
        {"a (x)", 7, 70000, 0}, {"c (x)", 7, 50000, 0}, {"d (x)", 900, 40, 0}};
    int result = -1;
    struct stream *stream = run(texts[0], rows, 3, 4096, &result);
    ck_assert_msg(result == 0, "%s", err.text);
    for (const char *line = out.data; *line != '\0'; line = strchr(line, '\n') + 1) {
        size_t size = strcspn(line, "\n") + 1;
        if (*line == 'x')
            ck_assert(size == 70000 || size == 50000 || size == 40);
    }
    /* Each chunk but a continued one is a whole statement by the index. */
    struct index_entry entry = {0};
    const struct text *index = &stream_result(stream)->index_gz;
    struct index_reader *reader = index_reader_new(index->data, index->length, &err);
    uint64_t total = 0;
    while (index_reader_next(reader, &entry, &err) == 1) {
        if (entry.table != NULL && strcmp(entry.table, "b") != 0 &&
            (entry.flags & CHUNK_CONTINUED) == 0)
            ck_assert_int_eq(strncmp(out.data + entry.raw.from, "\nCOPY ", 6), 0);
        if (entry.table != NULL)
            total += entry.rows;
        index_entry_release(&entry);
    }
    ck_assert_uint_eq(total, 915);
    index_reader_free(reader);
    stream_free(stream);
}
END_TEST

START_TEST(the_digest_of_the_raw_stream_is_that_of_the_digests_of_its_chunks)
{
    struct work rows[] = {{"a (x)", 5000, 9, 0}};
    int result = -1;
    struct stream *stream = run(texts[0], rows, 1, 1000, &result);
    ck_assert_int_eq(result, 0);
    const struct stream_result *got = stream_result(stream);
    struct index_reader *reader =
        index_reader_new(got->index_gz.data, got->index_gz.length, &err);
    struct index_entry entry = {0};
    struct digest all;
    unsigned char sum[SHA256_SIZE];
    digest_init(&all, DIGEST_SHA256);
    while (index_reader_next(reader, &entry, &err) == 1) {
        digest_add(&all, entry.sha256, SHA256_SIZE);
        index_entry_release(&entry);
    }
    digest_finish(&all, sum);
    ck_assert_mem_eq(sum, got->raw_sha256, SHA256_SIZE);
    index_reader_free(reader);
    stream_free(stream);
}
END_TEST

static const struct failing {
    const char *text;
    int fails;
    const char *says;
} failing[] = {
    {"CREATE TABLE a (x int);\n" END, 1, "a lost worker"},
    {"CREATE TABLE a (x int);\n", 0, "cut"},
    {"CREATE TABLE a (x int);\nCOPY a (x) FROM stdin;\n1\n\\.\n" END, 0,
     "that a worker copies"},
};

START_TEST(a_source_that_fails_and_a_text_that_is_cut_end_everybody)
{
    struct work rows[] = {{"a (x)", 100000, 100, failing[_i].fails},
                          {"c (x)", 100000, 100, 0}};
    int result = 0;
    struct stream *stream = run(failing[_i].text, rows, 2, 1000, &result);
    ck_assert_int_eq(result, -1);
    ck_assert_msg(strstr(err.text, failing[_i].says) != NULL, "%s", err.text);
    ck_assert(stream_is_cut(stream) == (_i == 1));
    stream_free(stream);
}
END_TEST

START_TEST(what_no_restore_would_read_as_a_table_is_not_written)
{
    struct work rows[] = {{"a b c", 1, 5, 0}};
    int result = 0;
    struct stream *stream = run(texts[0], rows, 1, 1000, &result);
    ck_assert_int_eq(result, -1);
    ck_assert_ptr_nonnull(strstr(err.text, "no COPY statement"));
    stream_free(stream);
}
END_TEST

static Suite *suite(void)
{
    Suite *suite = suite_create("table_writer");
    TCase *tcase = tcase_create("table_writer");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_loop_test(tcase,
                        rows_of_sources_lie_between_definitions_and_what_follows_the_data,
                        0, sizeof texts / sizeof *texts);
    tcase_add_test(tcase, a_row_larger_than_a_chunk_passes_in_pieces_that_nobody_parts);
    tcase_add_test(tcase,
                   the_digest_of_the_raw_stream_is_that_of_the_digests_of_its_chunks);
    tcase_add_loop_test(tcase, a_source_that_fails_and_a_text_that_is_cut_end_everybody, 0,
                        sizeof failing / sizeof *failing);
    tcase_add_test(tcase, what_no_restore_would_read_as_a_table_is_not_written);
    suite_add_tcase(suite, tcase);
    return suite;
}

int main(void)
{
    return run_suite(suite());
}
