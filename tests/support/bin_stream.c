/*
 * stream - the stream layer alone, for integration tests:
 *
 *     stream CODEC[:LEVEL] THREADS CHUNK_SIZE FOLDER <DUMP
 *
 * Writes FOLDER/data and FOLDER/index.gz; prints `ended well` or `ended badly`, hashes, and
 * a line `table ROWS HEX-OF-SCHEMA HEX-OF-NAME` for each table. CHUNK_SIZE 0: the default.
 */
#define _GNU_SOURCE /* F_SETPIPE_SZ */
#include "stream/stream.h"

#include "base/file.h"
#include "base/memory.h"
#include "base/parse.h"

#include <fcntl.h>
#include <unistd.h>

static int write_fd(void *context, const void *data, size_t size, struct err *err)
{
    const int *fd = context;
    if (file_write_all(*fd, data, size) < 0)
        return err_errno(err, ERR_SYSTEM, "write");
    return 0;
}

static int parse_spec(char **argv, struct stream_spec *spec, struct err *err)
{
    int64_t threads, chunk;
    if (codec_parse(argv[1], &spec->codec, err) < 0 ||
        parse_int(argv[2], 1, 64, &threads, err) < 0 ||
        parse_int(argv[3], 0, 1 << 30, &chunk, err) < 0)
        return -1;
    spec->threads = (unsigned)threads;
    spec->chunk_size = (size_t)chunk;
    return 0;
}

static void print_result(const struct stream_result *result)
{
    char hex[SHA256_HEX];
    struct text line;
    printf("ended %s\n", result->ended_well ? "well" : "badly");
    printf("raw %llu %s\n", (unsigned long long)result->raw_bytes,
           digest_hex(result->raw_sha256, SHA256_SIZE, hex));
    printf("stored %llu %s\n", (unsigned long long)result->stored_bytes,
           digest_hex(result->stored_sha256, SHA256_SIZE, hex));
    printf("chunks %llu\n", (unsigned long long)result->chunks);
    printf("encoding %s\n", result->encoding != NULL ? result->encoding : "-");
    for (size_t i = 0; i < result->table_count; i++) {
        const struct stream_table *table = &result->tables[i];
        text_init(&line, 4096);
        text_addf(&line, "table %llu ", (unsigned long long)table->rows);
        text_add_hex(&line, table->schema, strlen(table->schema));
        text_add_char(&line, ' ');
        text_add_hex(&line, table->name, strlen(table->name));
        puts(line.data);
        text_release(&line);
    }
}

static int run(struct stream_spec *spec, const char *folder, struct err *err)
{
    char *data = file_join(folder, "data");
    char *index = file_join(folder, "index.gz");
    int fd = open(data, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    struct stream *stream = NULL;
    int result = fd < 0 ? err_errno(err, ERR_SYSTEM, "%s", data) : 0;
    spec->sink = (struct stream_sink){write_fd, &fd};
    if (result == 0)
        stream = stream_new(spec, err);
    if (stream == NULL || stream_run(stream, err) < 0) {
        result = -1;
    } else {
        const struct stream_result *r = stream_result(stream);
        print_result(r);
        file_close(&fd);
        fd = open(index, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
        result = fd < 0 ? -1 : file_write_all(fd, r->index_gz.data, r->index_gz.length);
        if (result < 0)
            err_errno(err, ERR_SYSTEM, "%s", index);
    }
    stream_free(stream);
    file_close(&fd);
    free(data);
    free(index);
    return result;
}

int main(int argc, char **argv)
{
    struct err err = {0};
    struct stream_spec spec = {.fd = STDIN_FILENO};
    if (argc != 5) {
        fprintf(stderr, "usage: stream CODEC THREADS CHUNK_SIZE FOLDER <DUMP\n");
        return 2;
    }
    /* As process_start makes them; a file instead of a pipe has no such size. */
    (void)fcntl(STDIN_FILENO, F_SETPIPE_SZ, 1 << 20);
    if (parse_spec(argv, &spec, &err) < 0 || run(&spec, argv[4], &err) < 0) {
        fprintf(stderr, "stream: %s\n", err.text);
        return 1;
    }
    return 0;
}
