/*
 * The way back: what is stored is decoded, and both sides are hashed on the way, so that
 * whoever asked for bytes also knows whether they are those of the backup.
 */
#include "stream/stream.h"

#include "base/memory.h"

enum { OUT_SIZE = 256 * 1024 };

struct unstream {
    struct decoder *decoder;
    struct stream_sink sink;
    unsigned char *out;
    struct digest raw, stored;
    uint64_t raw_bytes, stored_bytes;
    unsigned char raw_sha256[SHA256_SIZE], stored_sha256[SHA256_SIZE];
};

int stream_sink_write(const struct stream_sink *sink, const void *data, size_t size,
                      struct err *err)
{
    /* No sink: who only verifies wants the hashes and nothing else. */
    return sink->write == NULL ? 0 : sink->write(sink->context, data, size, err);
}

struct unstream *unstream_new(enum codec_kind codec, struct stream_sink sink,
                              struct err *err)
{
    struct unstream *unstream = memory_zalloc(sizeof *unstream);
    unstream->sink = sink;
    /* Small enough for the cache: decoded, hashed and written while it is there. */
    unstream->out = memory_alloc(OUT_SIZE);
    digest_init(&unstream->raw, DIGEST_SHA256);
    digest_init(&unstream->stored, DIGEST_SHA256);
    unstream->decoder = decoder_new(codec, err);
    if (unstream->decoder == NULL) {
        unstream_free(unstream);
        return NULL;
    }
    return unstream;
}

int unstream_push(struct unstream *unstream, const void *data, size_t size, struct err *err)
{
    struct codec_io io = {.in = data, .in_size = size};
    size_t decoded = OUT_SIZE;
    if (size == 0)
        return 0;
    /* What comes in is hashed before it is trusted to a decoder. */
    digest_add(&unstream->stored, data, size);
    unstream->stored_bytes += size;
    /* Output that fills the buffer may not be all there is. */
    while (io.in_size > 0 || decoded == OUT_SIZE) {
        size_t before = io.in_size;
        io.out = unstream->out;
        io.out_size = OUT_SIZE;
        if (decoder_step(unstream->decoder, &io, err) < 0)
            return -1;
        decoded = OUT_SIZE - io.out_size;
        /* A decoder that neither takes nor gives would loop for ever. */
        if (decoded == 0 && io.in_size == before && before > 0)
            return err_set(err, ERR_CORRUPT, "the stored data cannot be decoded further");
        /* Input was taken and gives nothing yet: a header, or half of a block. */
        if (decoded == 0)
            continue;
        digest_add(&unstream->raw, unstream->out, decoded);
        unstream->raw_bytes += decoded;
        if (stream_sink_write(&unstream->sink, unstream->out, decoded, err) != 0)
            return -1;
    }
    return 0;
}

/* The end of the input is known here only: a decoder in the middle of a member has been
 * cut. */
int unstream_finish(struct unstream *unstream, struct err *err)
{
    if (!decoder_at_end(unstream->decoder))
        return err_set(err, ERR_CORRUPT, "the stored data is cut: it ends after %llu bytes",
                       (unsigned long long)unstream->stored_bytes);
    digest_finish(&unstream->raw, unstream->raw_sha256);
    digest_finish(&unstream->stored, unstream->stored_sha256);
    return 0;
}

void unstream_sums(const struct unstream *unstream, uint64_t *raw_bytes,
                   unsigned char raw_sha256[SHA256_SIZE], uint64_t *stored_bytes,
                   unsigned char stored_sha256[SHA256_SIZE])
{
    *raw_bytes = unstream->raw_bytes;
    *stored_bytes = unstream->stored_bytes;
    memcpy(raw_sha256, unstream->raw_sha256, SHA256_SIZE);
    memcpy(stored_sha256, unstream->stored_sha256, SHA256_SIZE);
}

void unstream_free(struct unstream *unstream)
{
    if (unstream == NULL)
        return;
    decoder_free(unstream->decoder);
    digest_release(&unstream->raw);
    digest_release(&unstream->stored);
    free(unstream->out);
    free(unstream);
}
