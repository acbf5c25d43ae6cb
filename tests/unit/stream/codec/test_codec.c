#include "stream/codec/codec.h"

#include "base/digest.h"
#include "base/file.h"
#include "base/process.h"
#include "base/text.h"
#include "tests/support/run_suite.h"
#include "tests/support/scratch.h"

#include <check.h>
#include <fcntl.h>
#include <unistd.h>

enum { RAW = 150000 };

enum content { COPY_TEXT, ZEROES, NOISE, CONTENTS };

static void fill(unsigned char *data, size_t size, enum content content)
{
    uint32_t seed = 7;
    memset(data, 0, size);
    for (size_t i = 0; i < size && content != ZEROES; i++) {
        seed = seed * 1664525 + 1013904223;
        if (content == NOISE)
            data[i] = (unsigned char)(seed >> 16);
        else
            data[i] = (unsigned char)("0123456789\tabc\n"[(seed >> 16) % 15]);
    }
}

static const struct codec_choice choices[] = {
    {CODEC_GZIP, 0},  {CODEC_GZIP, 1},  {CODEC_GZIP, 2},  {CODEC_GZIP, 3},
    {CODEC_GZIP, 4},  {CODEC_GZIP, 6},  {CODEC_GZIP, 9},  {CODEC_GZIP, 12},
    {CODEC_ZSTD, 0},  {CODEC_ZSTD, 1},  {CODEC_ZSTD, 3},  {CODEC_ZSTD, 12},
    {CODEC_ZSTD, 19}, {CODEC_BZIP2, 0}, {CODEC_BZIP2, 1}, {CODEC_BZIP2, 9},
    {CODEC_NONE, 0},
};
enum { CHOICES = sizeof choices / sizeof *choices };

/* Adds raw as one member to out. */
static void encode(struct encoder *encoder, const void *raw, size_t size, struct text *out)
{
    struct err err = {0};
    size_t room = size + size / 50 + 2048; /* of every codec */
    unsigned char *buffer = malloc(room);
    struct codec_io io = {raw, size, buffer, room};
    ck_assert_msg(encoder_chunk(encoder, &io, &err) == 0, "%s", err.text);
    text_add_bytes(out, buffer, room - io.out_size);
    free(buffer);
}

/* Decodes with input in pieces of `in` bytes and room for `out` bytes: 0, or the error's
 * kind. */
static enum err_kind decode(enum codec_kind kind, const struct text *stored, size_t in,
                            size_t out, struct text *raw)
{
    struct err err = {0};
    struct decoder *decoder = decoder_new(kind, &err);
    unsigned char *room = malloc(out);
    struct codec_io io = {.in = (const unsigned char *)stored->data};
    size_t left = stored->length;
    while (err.kind == ERR_NONE && left > 0) {
        io.in_size = left < in ? left : in;
        io.out_size = 0;
        left -= io.in_size;
        while (err.kind == ERR_NONE && (io.in_size > 0 || io.out_size == 0)) {
            io.out = room;
            io.out_size = out;
            if (decoder_step(decoder, &io, &err) == 0)
                text_add_bytes(raw, room, out - io.out_size);
        }
    }
    if (err.kind == ERR_NONE && !decoder_at_end(decoder))
        err.kind = ERR_CORRUPT;
    decoder_free(decoder);
    free(room);
    return err.kind;
}

static void check_decodes(enum codec_kind kind, const struct text *stored, size_t in,
                          size_t out, const struct text *want)
{
    struct text got;
    text_init(&got, 1 << 24);
    ck_assert_int_eq(decode(kind, stored, in, out, &got), ERR_NONE);
    ck_assert_uint_eq(got.length, want->length);
    ck_assert(memcmp(got.data, want->data, want->length) == 0);
    text_release(&got);
}

START_TEST(every_level_gives_back_what_went_in_chunk_after_chunk)
{
    struct codec_choice choice = choices[_i];
    struct err err = {0};
    struct encoder *encoder = encoder_new(choice, RAW, &err);
    unsigned char *data = malloc(RAW);
    struct text raw, stored;
    text_init(&raw, 1 << 24);
    text_init(&stored, 1 << 24);
    for (unsigned content = 0; content < CONTENTS; content++) {
        static const size_t sizes[] = {RAW, 0, 1, 70000};
        fill(data, RAW, (enum content)content);
        for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
            encode(encoder, data, sizes[i], &stored);
            text_add_bytes(&raw, data, sizes[i]);
        }
    }
    check_decodes(choice.kind, &stored, 1 << 20, 1 << 20, &raw);
    check_decodes(choice.kind, &stored, 1000, 333, &raw);
    check_decodes(choice.kind, &stored, 1, 65536, &raw);
    check_decodes(choice.kind, &stored, 1 << 20, 1, &raw);
    text_release(&raw);
    text_release(&stored);
    free(data);
    encoder_free(encoder);
}
END_TEST

START_TEST(a_chunk_encodes_to_the_same_bytes_every_time)
{
    struct err err = {0};
    struct encoder *first = encoder_new(choices[_i], RAW, &err);
    struct encoder *second = encoder_new(choices[_i], RAW, &err);
    unsigned char *data = malloc(RAW);
    struct text a, b, c;
    text_init(&a, 1 << 24);
    text_init(&b, 1 << 24);
    text_init(&c, 1 << 24);
    fill(data, RAW, COPY_TEXT);
    encode(first, data, RAW, &a);
    encode(first, data, RAW, &b);
    encode(second, data, RAW, &c);
    ck_assert_uint_eq(a.length, b.length);
    ck_assert_uint_eq(a.length, c.length);
    ck_assert(memcmp(a.data, b.data, a.length) == 0 &&
              memcmp(a.data, c.data, a.length) == 0);
    text_release(&a);
    text_release(&b);
    text_release(&c);
    free(data);
    encoder_free(first);
    encoder_free(second);
}
END_TEST

static const struct {
    struct codec_choice choice;
    const char *program;
} programs[] = {
    {{CODEC_GZIP, 1}, "gzip"},   {{CODEC_GZIP, 3}, "gzip"}, {{CODEC_GZIP, 9}, "gzip"},
    {{CODEC_GZIP, 12}, "gzip"},  {{CODEC_ZSTD, 1}, "zstd"}, {{CODEC_ZSTD, 19}, "zstd"},
    {{CODEC_BZIP2, 9}, "bzip2"},
};

START_TEST(the_standard_program_decodes_the_concatenation)
{
    struct err err = {0};
    struct encoder *encoder = encoder_new(programs[_i].choice, RAW, &err);
    unsigned char *data = malloc(RAW);
    struct text raw, stored, got;
    char path[SCRATCH_SIZE];
    char *program = file_find_program(programs[_i].program);
    text_init(&raw, 1 << 24);
    text_init(&stored, 1 << 24);
    text_init(&got, 1 << 24);
    fill(data, RAW, COPY_TEXT);
    encode(encoder, data, RAW, &stored);
    encode(encoder, data, 5, &stored);
    text_add_bytes(&raw, data, RAW);
    text_add_bytes(&raw, data, 5);
    if (program != NULL) {
        scratch_file(path, "");
        int fd = open(path, O_RDWR);
        ck_assert_int_ge(fd, 0);
        ck_assert_int_eq(file_write_all(fd, stored.data, stored.length), 0);
        lseek(fd, 0, SEEK_SET);
        const char *argv[] = {program, "-dc", NULL};
        struct process_spec spec = {.argv = argv, .pipe_stdout = true, .stdin_fd = fd};
        ck_assert_msg(process_run(&spec, &got, &err) == 0, "%s", err.text);
        close(fd);
        ck_assert_uint_eq(got.length, raw.length);
        ck_assert(memcmp(got.data, raw.data, raw.length) == 0);
    } else {
        printf("skipped: no %s here\n", programs[_i].program);
    }
    free(program);
    text_release(&raw);
    text_release(&stored);
    text_release(&got);
    free(data);
    encoder_free(encoder);
}
END_TEST

static const struct codec_choice damaged[] = {
    {CODEC_GZIP, 1}, {CODEC_GZIP, 6}, {CODEC_ZSTD, 1}, {CODEC_BZIP2, 9}};
enum { DAMAGED = sizeof damaged / sizeof *damaged };

/* Two small members, so that every byte can have its turn. */
static void two_members(struct codec_choice choice, struct text *stored, struct text *raw)
{
    struct err err = {0};
    struct encoder *encoder = encoder_new(choice, RAW, &err);
    unsigned char data[700];
    fill(data, sizeof data, COPY_TEXT);
    encode(encoder, data, sizeof data, stored);
    encode(encoder, data, 100, stored);
    text_add_bytes(raw, data, sizeof data);
    text_add_bytes(raw, data, 100);
    encoder_free(encoder);
}

/* Bytes of a gzip header that carry no data (RFC 1952): time, extra flags, system. zstd and
 * bzip2 have their own spare bits. Then the decoded bytes must be right all the same. */
START_TEST(a_flipped_bit_is_found_or_changes_nothing)
{
    struct text stored, raw, got;
    size_t unnoticed = 0;
    text_init(&stored, 1 << 20);
    text_init(&raw, 1 << 20);
    text_init(&got, 1 << 24);
    two_members(damaged[_i], &stored, &raw);
    for (size_t bit = 0; bit < stored.length * 8; bit++) {
        stored.data[bit / 8] ^= (char)(1 << bit % 8);
        text_clear(&got);
        enum err_kind kind = decode(damaged[_i].kind, &stored, 4096, 4096, &got);
        if (kind == ERR_NONE) {
            unnoticed++;
            ck_assert_msg(got.length == raw.length &&
                              memcmp(got.data, raw.data, raw.length) == 0,
                          "bit %zu of byte %zu was not noticed", bit % 8, bit / 8);
        } else {
            ck_assert_int_eq(kind, ERR_CORRUPT);
        }
        stored.data[bit / 8] ^= (char)(1 << bit % 8);
    }
    ck_assert_uint_le(unnoticed, 2 * 8 * 8);
    text_release(&stored);
    text_release(&raw);
    text_release(&got);
}
END_TEST

START_TEST(a_cut_at_any_byte_is_corrupt_except_between_members)
{
    struct text stored, raw, got, part;
    size_t whole = 0;
    text_init(&stored, 1 << 20);
    text_init(&raw, 1 << 20);
    text_init(&got, 1 << 20);
    text_init(&part, 1 << 20);
    two_members(damaged[_i], &stored, &raw);
    for (size_t size = 1; size < stored.length; size++) {
        text_clear(&got);
        text_clear(&part);
        text_add_bytes(&part, stored.data, size);
        enum err_kind kind = decode(damaged[_i].kind, &part, 100, 100, &got);
        ck_assert(kind == ERR_CORRUPT || kind == ERR_NONE);
        whole += kind == ERR_NONE;
        ck_assert(kind == ERR_CORRUPT || got.length == 700);
    }
    ck_assert_uint_eq(whole, 1);
    text_release(&stored);
    text_release(&raw);
    text_release(&got);
    text_release(&part);
}
END_TEST

START_TEST(what_follows_a_member_must_be_a_member)
{
    static const struct {
        const char *data;
        size_t size;
    } tails[] = {{"garbage garbage garbage", 23}, {"\n", 1}, {"\0\0\0\0\0\0\0\0\0\0", 10}};
    struct text stored, raw, got;

    for (size_t i = 0; i < sizeof tails / sizeof *tails; i++) {
        text_init(&stored, 1 << 20);
        text_init(&raw, 1 << 20);
        text_init(&got, 1 << 20);
        two_members(damaged[_i], &stored, &raw);
        text_add_bytes(&stored, tails[i].data, tails[i].size);
        ck_assert_int_eq(decode(damaged[_i].kind, &stored, 4096, 4096, &got), ERR_CORRUPT);
        text_release(&stored);
        text_release(&raw);
        text_release(&got);
    }
}
END_TEST

/* Dump-like text: numbers, times and words from a small stock. */
static void fill_rows(struct text *rows, size_t size)
{
    static const char *const words[] = {"order", "please ring", "paid", "\\N", "sent back"};
    uint32_t seed = 7;
    for (unsigned i = 0; rows->length < size; i++) {
        seed = seed * 1664525 + 1013904223;
        text_addf(rows, "%u\t2026-11-%02u %02u:%02u\t%s\t%u.%02u\t%s and %s\n", i,
                  1 + (seed >> 9) % 28, (seed >> 14) % 24, (seed >> 3) % 60,
                  words[(seed >> 20) % 5], seed % 9000, (seed >> 7) % 100,
                  words[(seed >> 12) % 5], words[(seed >> 17) % 5]);
    }
}

START_TEST(each_level_of_gzip_is_smaller_than_the_one_before)
{
    struct err err = {0};
    struct text rows;
    size_t before = SIZE_MAX;
    text_init(&rows, 1 << 22);
    fill_rows(&rows, 1 << 20);
    for (int level = 1; level <= 12; level++) {
        struct codec_choice choice = {CODEC_GZIP, level};
        struct encoder *encoder = encoder_new(choice, rows.length, &err);
        struct text stored;
        text_init(&stored, 1 << 22);
        encode(encoder, rows.data, rows.length, &stored);
        ck_assert_msg(stored.length < before, "level %d: %zu bytes, before %zu", level,
                      stored.length, before);
        before = stored.length;
        text_release(&stored);
        encoder_free(encoder);
    }
    text_release(&rows);
}
END_TEST

/* RFC 1952, 2.3: what other programs put in front of the data. */
START_TEST(members_with_names_comments_and_extra_fields_are_read)
{
    static const char head[] = "\x1f\x8b\x08\x1c\0\0\0\0\0\x03" /* EXTRA NAME COMMENT */
                               "\x04\0abcd"
                               "dump.sql\0"
                               "a comment\0";
    struct text stored, raw, other;
    text_init(&stored, 1 << 20);
    text_init(&raw, 1 << 20);
    text_init(&other, 1 << 20);
    two_members(damaged[0], &stored, &raw);
    /* The header of ours has 10 bytes: its data behind the other header. */
    text_add_bytes(&other, head, sizeof head - 1);
    text_add_bytes(&other, stored.data + 10, stored.length - 10);
    check_decodes(CODEC_GZIP, &other, 1 << 20, 1 << 20, &raw);
    check_decodes(CODEC_GZIP, &other, 1, 1, &raw);
    text_release(&stored);
    text_release(&raw);
    text_release(&other);
}
END_TEST

START_TEST(no_bytes_at_all_are_no_file_of_any_codec_but_none)
{
    struct err err = {0};
    for (unsigned kind = 0; kind < CODEC_COUNT; kind++) {
        struct decoder *decoder = decoder_new((enum codec_kind)kind, &err);
        ck_assert_int_eq(decoder_at_end(decoder), kind == CODEC_NONE);
        decoder_free(decoder);
    }
}
END_TEST

START_TEST(noise_fits_into_the_announced_bound)
{
    struct err err = {0};
    size_t size = 1 << 20;
    unsigned char *data = malloc(size);
    struct encoder *encoder = encoder_new(choices[_i], size, &err);
    size_t bound = codec_bound(choices[_i], size);
    unsigned char *out = malloc(bound);
    struct codec_io whole = {data, size, out, bound}, narrow = {data, 1000, out, 10};
    struct codec_io too_large = {data, size + 1, out, bound};
    fill(data, size, NOISE);
    ck_assert_uint_le(bound, size + size / 50);
    if (codec_effective_level(choices[_i]) < 10) /* the others are slow */
        ck_assert_msg(encoder_chunk(encoder, &whole, &err) == 0, "%s", err.text);
    ck_assert_int_lt(encoder_chunk(encoder, &narrow, &err), 0);
    ck_assert_int_lt(encoder_chunk(encoder, &too_large, &err), 0);
    encoder_free(encoder);
    free(out);
    free(data);
}
END_TEST

static const struct {
    const char *text;
    int kind, level; /* kind -1: an error */
    const char *says;
} texts[] = {
    {"gzip", CODEC_GZIP, 1, NULL},
    {"gzip:6", CODEC_GZIP, 6, NULL},
    {"gzip:12", CODEC_GZIP, 12, NULL},
    {"zstd", CODEC_ZSTD, 1, NULL},
    {"zstd:19", CODEC_ZSTD, 19, NULL},
    {"bzip2", CODEC_BZIP2, 9, NULL},
    {"bzip2:1", CODEC_BZIP2, 1, NULL},
    {"none", CODEC_NONE, 0, NULL},
    {"gzip:0", -1, 0, "1 to 12"},
    {"gzip:13", -1, 0, "1 to 12"},
    {"gzip:", -1, 0, "1 to 12"},
    {"gzip:6x", -1, 0, "1 to 12"},
    {"zstd:20", -1, 0, "1 to 19"},
    {"none:1", -1, 0, "no levels"},
    {"gzp", -1, 0, "did you mean gzip"},
    {"lz4", -1, 0, "gzip, zstd, bzip2 or none"},
    {"", -1, 0, "gzip, zstd, bzip2 or none"},
    {"GZIP", -1, 0, "gzip, zstd, bzip2 or none"},
};

START_TEST(compression_is_parsed_with_its_level_or_refused_with_a_reason)
{
    struct err err = {0};
    struct codec_choice choice;
    int result = codec_parse(texts[_i].text, &choice, &err);
    if (texts[_i].kind < 0) {
        ck_assert_int_lt(result, 0);
        ck_assert_int_eq(err.kind, ERR_USAGE);
        ck_assert_msg(strstr(err.text, texts[_i].says) != NULL, "%s", err.text);
        return;
    }
    ck_assert_int_eq(result, 0);
    ck_assert_int_eq(choice.kind, texts[_i].kind);
    ck_assert_int_eq(codec_effective_level(choice), texts[_i].level);
}
END_TEST

START_TEST(names_and_suffixes_are_those_of_the_stores)
{
    enum codec_kind kind;
    ck_assert_str_eq(codec_suffix(CODEC_GZIP), ".gz");
    ck_assert_str_eq(codec_suffix(CODEC_ZSTD), ".zst");
    ck_assert_str_eq(codec_suffix(CODEC_BZIP2), ".bz2");
    ck_assert_str_eq(codec_suffix(CODEC_NONE), "");
    ck_assert_str_eq(codec_content_type(CODEC_GZIP), "application/gzip");
    for (unsigned i = 0; i < CODEC_COUNT; i++) {
        ck_assert(codec_from_name(codec_name((enum codec_kind)i), &kind));
        ck_assert_uint_eq(kind, i);
    }
    ck_assert(!codec_from_name("xz", &kind));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("codec");
    TCase *tcase = tcase_create("codec");

    tcase_set_timeout(tcase, 60);
    tcase_add_loop_test(tcase, every_level_gives_back_what_went_in_chunk_after_chunk, 0,
                        CHOICES);
    tcase_add_loop_test(tcase, a_chunk_encodes_to_the_same_bytes_every_time, 0, CHOICES);
    tcase_add_loop_test(tcase, the_standard_program_decodes_the_concatenation, 0,
                        (int)(sizeof programs / sizeof *programs));
    tcase_add_loop_test(tcase, a_flipped_bit_is_found_or_changes_nothing, 0, DAMAGED);
    tcase_add_loop_test(tcase, a_cut_at_any_byte_is_corrupt_except_between_members, 0,
                        DAMAGED);
    tcase_add_loop_test(tcase, what_follows_a_member_must_be_a_member, 0, DAMAGED);
    tcase_add_test(tcase, each_level_of_gzip_is_smaller_than_the_one_before);
    tcase_add_test(tcase, members_with_names_comments_and_extra_fields_are_read);
    tcase_add_test(tcase, no_bytes_at_all_are_no_file_of_any_codec_but_none);
    tcase_add_loop_test(tcase, noise_fits_into_the_announced_bound, 0, CHOICES);
    tcase_add_loop_test(tcase,
                        compression_is_parsed_with_its_level_or_refused_with_a_reason, 0,
                        (int)(sizeof texts / sizeof *texts));
    tcase_add_test(tcase, names_and_suffixes_are_those_of_the_stores);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
