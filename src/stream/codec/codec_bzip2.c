/*
 * For those whose other tools want it: it compresses like the high levels of the others and
 * is the slowest by far, above all on the way back.
 */
#include "stream/codec/codec_ops.h"

#include "base/memory.h"

#include <bzlib.h>

/* bzlib allocates for each stream anew; there is nothing to keep but the level. */
struct bzip2_encoder {
    int level;
};

static size_t bzip2_bound(size_t raw)
{
    /* "1% larger than the uncompressed data, plus six hundred extra bytes" (bzip2
     * manual, 3.5.1). */
    return raw + raw / 100 + 600;
}

static uint64_t bzip2_memory(int level)
{
    return 400000 + 8 * (uint64_t)level * 100000; /* bzip2 manual, 2.4 */
}

static void *bzip2_encoder_new(int level, struct err *err)
{
    /* The level is that of the blocks, in 100,000 bytes. */
    struct bzip2_encoder *encoder = memory_zalloc(sizeof *encoder);
    (void)err;
    encoder->level = level;
    return encoder;
}

static int bzip2_encode(void *state, struct codec_io *io, struct err *err)
{
    const struct bzip2_encoder *encoder = state;
    char *source;
    unsigned size = (unsigned)io->out_size;
    if (io->in_size > UINT32_MAX || io->out_size > UINT32_MAX)
        return err_set(err, ERR_SYSTEM, "bzip2: a chunk is larger than 4 GiB");
    /* bzlib reads through a pointer that is not const. */
    memcpy(&source, &io->in, sizeof io->in);
    int status = BZ2_bzBuffToBuffCompress((char *)io->out, &size, source,
                                          (unsigned)io->in_size, encoder->level, 0, 0);
    if (status != BZ_OK)
        return err_set(err, ERR_SYSTEM, "bzip2 level %d: error %d", encoder->level, status);
    io->out_size -= size;
    return 0;
}

struct bzip2_decoder {
    bz_stream bz;
    bool in_stream;
};

static void *bzip2_decoder_new(struct err *err)
{
    (void)err;
    return memory_zalloc(sizeof(struct bzip2_decoder));
}

static int bzip2_decode(void *state, struct codec_io *io, bool *at_end, struct err *err)
{
    struct bzip2_decoder *decoder = state;
    bz_stream *bz = &decoder->bz;
    /* Once more without input: decoded bytes may still wait for room. */
    do {
        /* Between streams: another one begins only when there is something of it. */
        if (!decoder->in_stream) {
            if (io->in_size == 0)
                return 0;
            *bz = (bz_stream){0};
            if (BZ2_bzDecompressInit(bz, 0, 0) != BZ_OK)
                return err_set(err, ERR_SYSTEM, "no memory for bzip2");
            decoder->in_stream = true;
            *at_end = false;
        }
        /* Its counts have 32 bits, ours not: what is beyond comes in the next round. */
        unsigned size = (unsigned)(io->in_size < UINT32_MAX ? io->in_size : UINT32_MAX);
        unsigned room = (unsigned)(io->out_size < UINT32_MAX ? io->out_size : UINT32_MAX);
        memcpy(&bz->next_in, &io->in, sizeof io->in);
        bz->avail_in = size;
        bz->next_out = (char *)io->out;
        bz->avail_out = room;
        int status = BZ2_bzDecompress(bz);
        codec_io_move(io, size - bz->avail_in, room - bz->avail_out);
        /* The checksum of the stream was compared when its end is told. */
        if (status == BZ_STREAM_END) {
            BZ2_bzDecompressEnd(bz);
            decoder->in_stream = false;
            *at_end = true;
        } else if (status == BZ_MEM_ERROR) {
            return err_set(err, ERR_SYSTEM, "no memory for bzip2");
        } else if (status != BZ_OK) {
            return err_set(err, ERR_CORRUPT, "bzip2: %s",
                           status == BZ_DATA_ERROR_MAGIC ? "not bzip2 data" : "damaged");
        }
    } while (io->in_size > 0 && io->out_size > 0);
    return 0;
}

static void bzip2_decoder_free(void *state)
{
    struct bzip2_decoder *decoder = state;
    /* Given up in the middle: what bzlib has allocated for this stream. */
    if (decoder->in_stream)
        BZ2_bzDecompressEnd(&decoder->bz);
    free(decoder);
}

const struct codec_ops codec_bzip2_ops = {
    .name = "bzip2",
    .suffix = ".bz2",
    .content_type = "application/x-bzip2",
    .min_level = 1,
    .max_level = 9,
    .default_level = 9,
    .bound = bzip2_bound,
    .memory = bzip2_memory,
    .encoder_new = bzip2_encoder_new,
    .encode = bzip2_encode,
    .encoder_free = free,
    .decoder_new = bzip2_decoder_new,
    .decode = bzip2_decode,
    .decoder_free = bzip2_decoder_free,
};
