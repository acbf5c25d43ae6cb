/*
 * bench_stream - MB/s of each stage of the stream, on one thread unless it says otherwise.
 *
 *     bench_stream [DUMP]      a plain dump; without one, COPY text is made up
 */
#include "stream/stream.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/memory.h"
#include "stream/scan/scan.h"

#include <pthread.h>
#include <unistd.h>

enum { PIECE = 256 * 1024, CHUNK = 4 << 20, MADE_UP = 192 << 20, SLOW = 24 << 20 };

static double megabytes_per_second(size_t size, int64_t since_ms)
{
    int64_t spent = clock_monotonic_ms() - since_ms;
    return (double)size / 1e3 / (double)(spent > 0 ? spent : 1);
}

static void make_up(struct text *dump)
{
    uint32_t seed = 1;
    text_add(dump, "SET client_encoding = 'UTF8';\n\nCOPY public.orders (id, customer, "
                   "placed, status, "
                   "total, token, note) FROM stdin;\n");
    for (unsigned i = 0; dump->length < MADE_UP; i++) {
        static const char *const status[] = {"new", "paid", "shipped", "returned"};
        seed = seed * 1664525 + 1013904223;
        text_addf(dump,
                  "%u\t%u\t2026-%02u-%02u "
                  "%02u:%02u:%02u.%06u+00\t%s\t%u.%02u\t%08x%08x\tOrder number %u, "
                  "please ring twice\n",
                  i, seed % 1000000, 1 + seed % 12, 1 + (seed >> 4) % 28, (seed >> 8) % 24,
                  (seed >> 12) % 60, (seed >> 16) % 60, seed % 1000000,
                  status[(seed >> 20) % 4], (seed >> 6) % 1000, (seed >> 9) % 100, seed,
                  seed * 2654435761U, i);
    }
    text_add(dump, "\\.\n\n--\n-- PostgreSQL database dump complete\n--\n\n");
}

static void bench_scan(const struct text *dump)
{
    struct scan scan;
    struct err err = {0};
    uint64_t rows = 0;
    int64_t start = clock_monotonic_ms();
    scan_init(&scan);
    for (size_t at = 0; at < dump->length;) {
        size_t end = at + PIECE < dump->length ? at + PIECE : dump->length;
        while (at < end) {
            struct scan_span span;
            if (scan_step(&scan, (const unsigned char *)dump->data + at, end - at, &span,
                          &err) < 0)
                break;
            at += span.size;
            rows += span.rows;
        }
    }
    printf("%-12s %8.0f MB/s  %llu rows, ended %s\n", "scan",
           megabytes_per_second(dump->length, start), (unsigned long long)rows,
           scan_ended_well(&scan) ? "well" : "badly");
    scan_release(&scan);
}

static void bench_sha(const struct text *dump)
{
    unsigned char sum[SHA256_SIZE];
    int64_t start = clock_monotonic_ms();
    digest_sha256(dump->data, dump->length, sum);
    printf("%-12s %8.0f MB/s\n", "SHA-256", megabytes_per_second(dump->length, start));
}

static size_t encode_all(struct codec_choice choice, const struct text *dump, size_t size,
                         struct text *out, double *speed)
{
    struct err err = {0};
    struct encoder *encoder = encoder_new(choice, CHUNK, &err);
    size_t bound = codec_bound(choice, CHUNK);
    unsigned char *room = memory_alloc(bound);
    int64_t start = clock_monotonic_ms();
    int64_t copied = 0;
    for (size_t at = 0; at < size; at += CHUNK) {
        struct codec_io io = {(const unsigned char *)dump->data + at,
                              size - at < CHUNK ? size - at : CHUNK, room, bound};
        if (encoder_chunk(encoder, &io, &err) < 0)
            break;
        int64_t before = clock_monotonic_ms();
        text_add_bytes(out, room, bound - io.out_size);
        copied += clock_monotonic_ms() - before;
    }
    *speed = megabytes_per_second(size, start + copied);
    encoder_free(encoder);
    free(room);
    return out->length;
}

static int ignore(void *context, const void *data, size_t size, struct err *err)
{
    (void)context;
    (void)data;
    (void)size;
    (void)err;
    return 0;
}

static double decode_all(enum codec_kind kind, const struct text *stored, size_t size)
{
    struct err err = {0};
    struct decoder *decoder = decoder_new(kind, &err);
    unsigned char *room = memory_alloc(PIECE);
    struct codec_io io = {.in = (const unsigned char *)stored->data,
                          .in_size = stored->length};
    int64_t start = clock_monotonic_ms();
    while (io.in_size > 0 || io.out_size == 0) {
        io.out = room;
        io.out_size = PIECE;
        if (decoder_step(decoder, &io, &err) < 0)
            break;
    }
    free(room);
    decoder_free(decoder);
    return megabytes_per_second(size, start);
}

static void bench_codecs(const struct text *dump)
{
    static const struct codec_choice choices[] = {
        {CODEC_GZIP, 1},  {CODEC_GZIP, 2}, {CODEC_GZIP, 3},  {CODEC_GZIP, 4},
        {CODEC_GZIP, 6},  {CODEC_GZIP, 9}, {CODEC_GZIP, 12}, {CODEC_ZSTD, 1},
        {CODEC_ZSTD, 3},  {CODEC_ZSTD, 9}, {CODEC_ZSTD, 19}, {CODEC_BZIP2, 1},
        {CODEC_BZIP2, 9},
    };
    printf("\n%-12s %13s %8s %14s\n", "codec", "encode", "ratio", "decode");
    for (size_t i = 0; i < sizeof choices / sizeof *choices; i++) {
        struct text out;
        double speed;
        bool slow = choices[i].kind == CODEC_BZIP2 || choices[i].level > 4;
        size_t size = slow && dump->length > SLOW ? SLOW : dump->length;
        text_init(&out, (size_t)1 << 32);
        size_t stored = encode_all(choices[i], dump, size, &out, &speed);
        char name[32];
        snprintf(name, sizeof name, "%s:%d", codec_name(choices[i].kind), choices[i].level);
        printf("%-12s %8.0f MB/s %8.2f %9.0f MB/s\n", name, speed,
               (double)size / (double)stored, decode_all(choices[i].kind, &out, size));
        text_release(&out);
    }
}

struct source {
    const struct text *dump;
    int fd;
};

static void *feed(void *argument)
{
    const struct source *source = argument;
    if (file_write_all(source->fd, source->dump->data, source->dump->length) < 0)
        perror("pipe");
    close(source->fd);
    return NULL;
}

static void bench_stream(const struct text *dump, struct codec_choice codec,
                         unsigned threads)
{
    struct err err = {0};
    int fds[2];
    pthread_t thread;
    if (pipe(fds) < 0)
        return;
    struct source source = {dump, fds[1]};
    struct stream_spec spec = {
        .fd = fds[0], .codec = codec, .threads = threads, .sink = {ignore, NULL}};
    struct stream *stream = stream_new(&spec, &err);
    pthread_create(&thread, NULL, feed, &source);
    int64_t start = clock_monotonic_ms();
    int result = stream != NULL ? stream_run(stream, &err) : -1;
    double speed = megabytes_per_second(dump->length, start);
    close(fds[0]);
    pthread_join(thread, NULL);
    if (result == 0)
        printf("%-8s %u thread%s %8.0f MB/s  memory %4.0f MiB  index %zu bytes\n",
               codec_name(codec.kind), threads, threads > 1 ? "s" : " ", speed,
               (double)stream_memory(&spec) / (1 << 20),
               stream_result(stream)->index_gz.length);
    else
        printf("%s\n", err.text);
    stream_free(stream);
}

int main(int argc, char **argv)
{
    static const struct codec_choice whole[] = {
        {CODEC_NONE, 0}, {CODEC_GZIP, 0}, {CODEC_ZSTD, 0}};
    struct text dump;
    struct err err = {0};
    text_init(&dump, (size_t)1 << 34);
    if (argc > 1 && file_read(argv[1], &dump, NULL, &err) < 0) {
        fprintf(stderr, "bench_stream: %s\n", err.text);
        return 1;
    }
    if (argc < 2)
        make_up(&dump);
    printf("%.0f MB of %s\n\n", (double)dump.length / 1e6,
           argc > 1 ? "a dump" : "made-up COPY text");
    bench_scan(&dump);
    bench_sha(&dump);
    bench_codecs(&dump);
    printf("\nwhole stream, from a pipe (threads are codec threads)\n");
    for (size_t i = 0; i < sizeof whole / sizeof *whole; i++) {
        for (unsigned threads = 1; threads <= 4; threads *= 2)
            bench_stream(&dump, whole[i], threads);
    }
    text_release(&dump);
    return 0;
}
