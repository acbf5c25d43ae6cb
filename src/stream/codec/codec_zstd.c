/*
 * One frame per chunk, with its checksum. The context is kept from chunk to chunk: setting
 * one up costs more than a small chunk.
 */
#include "stream/codec/codec_ops.h"

#include <zstd.h>

static size_t zstd_bound(size_t raw)
{
    return ZSTD_compressBound(raw);
}

/* MiB of one context for a chunk of 4 MiB, by level: ZSTD_sizeof_CCtx of zstd 1.5.4,
 * rounded up. Its own estimate is not in the stable interface. */
static const unsigned char context_mib[] = {1,  1,  1,  2,  3,  4,  4,  7,  7,  13,
                                            25, 25, 49, 33, 49, 65, 33, 49, 50, 50};

/* Told to the user before a backup begins; a little too much is no harm. */
static uint64_t zstd_memory(int level)
{
    return (uint64_t)context_mib[level] << 20;
}

static void *zstd_encoder_new(int level, struct err *err)
{
    ZSTD_CCtx *context = ZSTD_createCCtx();
    if (context == NULL) {
        err_set(err, ERR_SYSTEM, "no memory for zstd level %d", level);
        return NULL;
    }
    ZSTD_CCtx_setParameter(context, ZSTD_c_compressionLevel, level);
    /* Off by default, and without it a flipped bit may pass. */
    ZSTD_CCtx_setParameter(context, ZSTD_c_checksumFlag, 1);
    return context;
}

/* One whole frame, with the sizes known in advance. */
static int zstd_encode(void *state, struct codec_io *io, struct err *err)
{
    size_t status = ZSTD_compress2(state, io->out, io->out_size, io->in, io->in_size);
    if (ZSTD_isError(status))
        return err_set(err, ERR_SYSTEM, "zstd: %s", ZSTD_getErrorName(status));
    io->out_size -= status;
    return 0;
}

static void zstd_encoder_free(void *state)
{
    ZSTD_freeCCtx(state);
}

static void *zstd_decoder_new(struct err *err)
{
    ZSTD_DCtx *context = ZSTD_createDCtx();
    if (context == NULL)
        err_set(err, ERR_SYSTEM, "no memory for zstd");
    return context;
}

static int zstd_decode(void *state, struct codec_io *io, bool *at_end, struct err *err)
{
    ZSTD_inBuffer in = {io->in, io->in_size, 0};
    ZSTD_outBuffer out = {io->out, io->out_size, 0};
    size_t status = 0;
    /* Between frames a call without input would begin nothing but would say "not at the
     * end". */
    while ((in.pos < in.size || !*at_end) && out.pos < out.size) {
        size_t in_before = in.pos, out_before = out.pos;
        status = ZSTD_decompressStream(state, &out, &in);
        if (ZSTD_isError(status))
            return err_set(err, ERR_CORRUPT, "zstd: %s", ZSTD_getErrorName(status));
        /* 0: a frame is whole and all of it was given out. */
        *at_end = status == 0;
        /* Neither taken nor given: it waits for input that is not there. */
        if (in.pos == in_before && out.pos == out_before)
            break;
    }
    codec_io_move(io, in.pos, out.pos);
    return 0;
}

static void zstd_decoder_free(void *state)
{
    ZSTD_freeDCtx(state);
}

const struct codec_ops codec_zstd_ops = {
    .name = "zstd",
    .suffix = ".zst",
    .content_type = "application/zstd",
    .min_level = 1,
    .max_level = 19,
    .default_level = 1,
    .bound = zstd_bound,
    .memory = zstd_memory,
    .encoder_new = zstd_encoder_new,
    .encode = zstd_encode,
    .encoder_free = zstd_encoder_free,
    .decoder_new = zstd_decoder_new,
    .decode = zstd_decode,
    .decoder_free = zstd_decoder_free,
};
