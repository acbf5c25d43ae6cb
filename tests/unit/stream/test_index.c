#include "stream/index.h"

#include "base/memory.h"
#include "stream/codec/codec.h"
#include "tests/support/run_suite.h"

#include <check.h>

/* Three chunks: text, a table with odd names, a piece of a row of it. */
static struct dump_table *odd_table(void)
{
    struct strlist columns = {0};
    strlist_add(&columns, "a\"b");
    strlist_add(&columns, "\xff\xfe");
    return dump_table_new("public", "t\n\xe9;", &columns);
}

static void write_three(struct text *out)
{
    struct err err = {0};
    struct index_writer *writer = index_writer_new("plain", "gzip", &err);
    struct dump_table *table = odd_table();
    struct chunk chunks[] = {
        {.raw_size = 100,
         .section = SECTION_PRE_DATA,
         .flags = CHUNK_STATE | CHUNK_RESTRICT},
        {.raw_size = 50,
         .section = SECTION_DATA,
         .table = table,
         .rows = 7,
         .data_from = 20,
         .data_to = 50,
         .raw_sha256 = {1, 2, 255}},
        {.raw_size = 30,
         .section = SECTION_DATA,
         .table = table,
         .data_to = 27,
         .flags = CHUNK_CONTINUED},
    };
    ck_assert_ptr_nonnull(writer);
    for (size_t i = 0; i < 3; i++)
        ck_assert_int_eq(index_writer_add(writer, &chunks[i], 10 + i, &err), 0);
    ck_assert_int_eq(index_writer_finish(writer, "EUC_JP", out, &err), 0);
    index_writer_free(writer);
    dump_table_release(table);
}

START_TEST(an_index_is_lines_of_json_with_a_head_and_a_sum)
{
    struct err err = {0};
    struct text gz;
    char lines[4096];
    write_three(&gz);
    struct decoder *decoder = decoder_new(CODEC_GZIP, &err);
    struct codec_io io = {(const unsigned char *)gz.data, gz.length, (unsigned char *)lines,
                          sizeof lines - 1};
    ck_assert_int_eq(decoder_step(decoder, &io, &err), 0);
    ck_assert(decoder_at_end(decoder));
    *io.out = '\0';
    ck_assert(text_starts_with(
        lines, "{\"pgkeep_index\":1,\"format\":\"plain\",\"codec\":\"gzip\"}\n"
               "{\"section\":\"pre-data\",\"raw\":[0,100],\"stored\":[0,10],"
               "\"state\":true,\"restrict\":true,\"sha256\":\"0000"));
    ck_assert_ptr_nonnull(strstr(
        lines,
        "{\"section\":\"data\",\"schema\":\"public\",\"table\":{\"hex\":\"740ae93b\"},"
        "\"columns\":[\"a\\\"b\",{\"hex\":\"fffe\"}],\"rows\":7,\"data\":[20,50],"
        "\"raw\":[100,150],\"stored\":[10,21],\"sha256\":\"0102ff00"));
    ck_assert(text_ends_with(lines, "{\"chunks\":3,\"raw_bytes\":180,\"stored_bytes\":33,"
                                    "\"encoding\":\"EUC_JP\"}\n"));
    decoder_free(decoder);
    text_release(&gz);
}
END_TEST

START_TEST(what_was_written_is_read_back_without_loss)
{
    struct err err = {0};
    struct text gz;
    struct index_entry entry;
    write_three(&gz);
    struct index_reader *reader = index_reader_new(gz.data, gz.length, &err);
    ck_assert_msg(reader != NULL, "%s", err.text);

    ck_assert_int_eq(index_reader_next(reader, &entry, &err), 1);
    ck_assert_uint_eq(entry.section, SECTION_PRE_DATA);
    ck_assert_ptr_null(entry.table);
    ck_assert_uint_eq(entry.flags, CHUNK_STATE | CHUNK_RESTRICT);
    ck_assert_uint_eq(entry.raw.to, 100);
    index_entry_release(&entry);

    ck_assert_int_eq(index_reader_next(reader, &entry, &err), 1);
    ck_assert_str_eq(entry.schema, "public");
    ck_assert_str_eq(entry.table, "t\n\xe9;");
    ck_assert_uint_eq(entry.columns.count, 2);
    ck_assert_str_eq(entry.columns.items[0], "a\"b");
    ck_assert_str_eq(entry.columns.items[1], "\xff\xfe");
    ck_assert_uint_eq(entry.rows, 7);
    ck_assert(entry.data.from == 20 && entry.data.to == 50);
    ck_assert(entry.raw.from == 100 && entry.raw.to == 150);
    ck_assert(entry.stored.from == 10 && entry.stored.to == 21);
    ck_assert(entry.sha256[0] == 1 && entry.sha256[1] == 2 && entry.sha256[2] == 255);
    index_entry_release(&entry);

    ck_assert_int_eq(index_reader_next(reader, &entry, &err), 1);
    ck_assert_uint_eq(entry.flags, CHUNK_CONTINUED);
    index_entry_release(&entry);
    ck_assert_int_eq(index_reader_next(reader, &entry, &err), 0);
    index_reader_free(reader);
    text_release(&gz);
}
END_TEST

/* Reads to the end: 0, or -1 with the error's kind in err. */
static int read_all(const void *data, size_t size, struct err *err)
{
    struct index_reader *reader = index_reader_new(data, size, err);
    struct index_entry entry;
    int more = reader != NULL ? 1 : -1;
    while (more == 1) {
        more = index_reader_next(reader, &entry, err);
        if (more == 1)
            index_entry_release(&entry);
    }
    index_reader_free(reader);
    return more;
}

START_TEST(an_index_cut_at_any_byte_is_corrupt)
{
    struct text gz;
    write_three(&gz);
    for (size_t size = 0; size < gz.length; size++) {
        struct err err = {0};
        ck_assert_int_eq(read_all(gz.data, size, &err), -1);
        ck_assert_int_eq(err.kind, ERR_CORRUPT);
    }
    text_release(&gz);
}
END_TEST

static void gzip(const char *lines, struct text *out)
{
    struct err err = {0};
    struct codec_choice choice = {CODEC_GZIP, 1};
    struct encoder *encoder = encoder_new(choice, strlen(lines), &err);
    size_t size = codec_bound(choice, strlen(lines));
    unsigned char *buffer = memory_alloc(size);
    struct codec_io io = {(const unsigned char *)lines, strlen(lines), buffer, size};
    ck_assert_int_eq(encoder_chunk(encoder, &io, &err), 0);
    text_init(out, 1 << 20);
    text_add_bytes(out, buffer, size - io.out_size);
    free(buffer);
    encoder_free(encoder);
}

#define FIRST "{\"pgkeep_index\":1,\"format\":\"plain\",\"codec\":\"gzip\"}\n"
#define HASH                                                                               \
    "\"sha256\":\"0000000000000000000000000000000000000000000000000000000000000000\""
#define CHUNK "{\"section\":\"data\",\"raw\":[0,5],\"stored\":[0,9]," HASH "}\n"
#define LAST "{\"chunks\":1,\"raw_bytes\":5,\"stored_bytes\":9,\"encoding\":null}\n"

static const struct {
    const char *lines, *says; /* NULL: it is right */
} cases[] = {
    {FIRST CHUNK LAST, NULL},
    {"", "cut"},
    {FIRST, "cut"},
    {FIRST CHUNK, "cut"},
    {FIRST CHUNK LAST "x", "follows"},
    {FIRST CHUNK LAST "\n", "follows"},
    {FIRST CHUNK LAST LAST, "follows"},
    {FIRST CHUNK "{\"chunks\":2,\"raw_bytes\":5,\"stored_bytes\":9,\"encoding\":null}\n",
     "fit"},
    {FIRST CHUNK "{\"chunks\":1,\"raw_bytes\":6,\"stored_bytes\":9,\"encoding\":null}\n",
     "fit"},
    {FIRST CHUNK "{\"chunks\":1,\"raw_bytes\":5,\"stored_bytes\":8,\"encoding\":null}\n",
     "fit"},
    {FIRST CHUNK CHUNK LAST, "follow"},
    {CHUNK LAST, "pgkeep_index"},
    {"{\"pgkeep_index\":2,\"format\":\"plain\",\"codec\":\"gzip\"}\n" CHUNK LAST,
     "pgkeep_index"},
    {FIRST "{\"section\":\"dat\",\"raw\":[0,5],\"stored\":[0,9]," HASH "}\n" LAST,
     "section"},
    {FIRST "{\"raw\":[5,0],\"stored\":[0,9]," HASH "}\n" LAST, "raw"},
    {FIRST "{\"raw\":[0],\"stored\":[0,9]," HASH "}\n" LAST, "raw"},
    {FIRST "{\"raw\":[0,5],\"stored\":[0,\"9\"]," HASH "}\n" LAST, "stored"},
    {FIRST "{\"raw\":[-1,5],\"stored\":[0,9]," HASH "}\n" LAST, "raw"},
    {FIRST "{\"raw\":[0,5],\"stored\":[0,9],\"data\":[0,6]," HASH "}\n" LAST, "data"},
    {FIRST "{\"raw\":[0,5],\"stored\":[0,9],\"sha256\":\"00\"}\n" LAST, "sha256"},
    {FIRST "{\"raw\":[0,5],\"stored\":[0,9]}\n" LAST, "sha256"},
    {FIRST "{\"table\":\"t\",\"raw\":[0,5],\"stored\":[0,9]," HASH "}\n" LAST, "schema"},
    {FIRST "{\"new\":1,\"raw\":[0,5],\"stored\":[0,9]," HASH "}\n" LAST, "new"},
    {FIRST "{\"columns\":[1],\"raw\":[0,5],\"stored\":[0,9]," HASH "}\n" LAST, "column"},
    {FIRST "[1]\n" LAST, "index"},
    {FIRST "x\n" LAST, "index"},
};

START_TEST(only_a_whole_and_consistent_index_is_read)
{
    struct text gz;
    struct err err = {0};
    gzip(cases[_i].lines, &gz);
    int result = read_all(gz.data, gz.length, &err);
    if (cases[_i].says == NULL) {
        ck_assert_msg(result == 0, "%s", err.text);
    } else {
        ck_assert_int_eq(result, -1);
        ck_assert_int_eq(err.kind, ERR_CORRUPT);
        ck_assert_msg(strstr(err.text, cases[_i].says) != NULL, "\"%s\" lacks \"%s\"",
                      err.text, cases[_i].says);
    }
    text_release(&gz);
}
END_TEST

START_TEST(an_index_larger_than_the_buffers_is_read)
{
    enum { CHUNKS = 3000 };
    struct err err = {0};
    struct text gz;
    struct dump_table *table = odd_table();
    struct index_writer *writer = index_writer_new("plain", "none", &err);

    for (uint64_t i = 0; i < CHUNKS; i++) {
        struct chunk chunk = {.raw_size = 9,
                              .table = table,
                              .section = SECTION_DATA,
                              .data_to = 9,
                              .rows = i};
        digest_sha256(&i, sizeof i, chunk.raw_sha256);
        ck_assert_int_eq(index_writer_add(writer, &chunk, 4, &err), 0);
    }
    ck_assert_int_eq(index_writer_finish(writer, NULL, &gz, &err), 0);
    ck_assert_uint_gt(gz.length, 65536);
    ck_assert_int_eq(read_all(gz.data, gz.length, &err), 0);
    /* It has several members by now: what ends with one of them is cut all the same, and
     * what goes on behind the last line is damage. */
    size_t members = 0;
    for (size_t at = 1; at + 3 < gz.length; at++) {
        if (memcmp(gz.data + at, "\x1f\x8b\x08", 3) != 0)
            continue;
        members++;
        ck_assert_int_eq(read_all(gz.data, at, &err), -1);
        ck_assert_int_eq(err.kind, ERR_CORRUPT);
    }
    ck_assert_uint_ge(members, 1);
    char *twice = memory_alloc(2 * gz.length);
    memcpy(twice, gz.data, gz.length);
    memcpy(twice + gz.length, gz.data, gz.length);
    ck_assert_int_eq(read_all(twice, 2 * gz.length, &err), -1);
    ck_assert_int_eq(err.kind, ERR_CORRUPT);
    free(twice);
    index_writer_free(writer);
    dump_table_release(table);
    text_release(&gz);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("index");
    TCase *tcase = tcase_create("index");

    tcase_add_test(tcase, an_index_is_lines_of_json_with_a_head_and_a_sum);
    tcase_add_test(tcase, what_was_written_is_read_back_without_loss);
    tcase_add_test(tcase, an_index_cut_at_any_byte_is_corrupt);
    tcase_add_loop_test(tcase, only_a_whole_and_consistent_index_is_read, 0,
                        (int)(sizeof cases / sizeof *cases));
    tcase_add_test(tcase, an_index_larger_than_the_buffers_is_read);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
