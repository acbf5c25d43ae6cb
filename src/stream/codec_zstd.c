#include "stream/codec_ops.h"

#include "base/memory.h"

#include <zstd.h>

static size_t zstd_bound(size_t raw)
{
    return ZSTD_compressBound(raw);
}

/* Window and tables of the level, from zstd's own rows: a window no larger than a chunk,
 * hash and chain tables of 4 bytes an entry, block buffers. Measured, rounded up. */
static uint64_t zstd_memory(int level, size_t max_raw)
{
    static const uint64_t megabytes[] = {0, 1, 2, 3, 6, 6, 8, 9, 9, 12};
    uint64_t tables = level < 10 ? megabytes[level] : 48;

    (void)max_raw;
    return (tables + 1) << 20;
}

static void *zstd_encoder_new(int level, size_t max_raw, struct err *err)
{
    ZSTD_CCtx *context = ZSTD_createCCtx();

    (void)max_raw;
    if (context == NULL) {
        err_set(err, ERR_SYSTEM, "no memory for zstd level %d", level);
        return NULL;
    }
    ZSTD_CCtx_setParameter(context, ZSTD_c_compressionLevel, level);
    ZSTD_CCtx_setParameter(context, ZSTD_c_checksumFlag, 1);
    return context;
}

static int zstd_encode(void *state, const void *raw, size_t raw_size, void *out,
                       size_t *out_size, struct err *err)
{
    size_t status = ZSTD_compress2(state, out, *out_size, raw, raw_size);

    if (ZSTD_isError(status))
        return err_set(err, ERR_SYSTEM, "zstd: %s", ZSTD_getErrorName(status));
    *out_size = status;
    return 0;
}

static void zstd_encoder_free(void *state)
{
    ZSTD_freeCCtx(state);
}

struct zstd_decoder {
    ZSTD_DCtx *context;
};

static void *zstd_decoder_new(struct err *err)
{
    struct zstd_decoder *decoder = memory_zalloc(sizeof *decoder);

    decoder->context = ZSTD_createDCtx();
    if (decoder->context == NULL) {
        err_set(err, ERR_SYSTEM, "no memory for zstd");
        free(decoder);
        return NULL;
    }
    return decoder;
}

static int zstd_decode(void *state, struct codec_io *io, bool *at_end, struct err *err)
{
    struct zstd_decoder *decoder = state;
    ZSTD_inBuffer in = {io->in, io->in_size, 0};
    ZSTD_outBuffer out = {io->out, io->out_size, 0};
    size_t status = 0;

    /* Between frames a call without input would begin nothing but would say "not at the
     * end". */
    while ((in.pos < in.size || !*at_end) && out.pos < out.size) {
        size_t in_before = in.pos, out_before = out.pos;
        status = ZSTD_decompressStream(decoder->context, &out, &in);
        if (ZSTD_isError(status))
            return err_set(err, ERR_CORRUPT, "zstd: %s", ZSTD_getErrorName(status));
        *at_end = status == 0;
        if (in.pos == in_before && out.pos == out_before)
            break;
    }
    io->in += in.pos;
    io->in_size -= in.pos;
    io->out += out.pos;
    io->out_size -= out.pos;
    return 0;
}

static void zstd_decoder_free(void *state)
{
    struct zstd_decoder *decoder = state;

    ZSTD_freeDCtx(decoder->context);
    free(decoder);
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
