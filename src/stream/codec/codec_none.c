/*
 * For what does not compress, or is compressed by the store. A stream does not even encode
 * with it (chunks have no second buffer then); these functions are for whoever asks for an
 * encoder all the same.
 */
#include "stream/codec/codec_ops.h"

/* The stored bytes are the raw ones; there is no state, but NULL would mean a failure. */
static char nothing;

static size_t none_bound(size_t raw)
{
    return raw;
}

static uint64_t none_memory(int level)
{
    (void)level;
    return 0;
}

static void *none_encoder_new(int level, struct err *err)
{
    (void)level;
    (void)err;
    return &nothing;
}

static void none_free(void *state)
{
    (void)state;
}

static void *none_decoder_new(struct err *err)
{
    (void)err;
    return &nothing;
}

static void copy(struct codec_io *io, size_t size)
{
    memcpy(io->out, io->in, size);
    codec_io_move(io, size, size);
}

static int none_encode(void *state, struct codec_io *io, struct err *err)
{
    (void)state;
    /* All of it or nothing, as the others. */
    if (io->out_size < io->in_size)
        return err_set(err, ERR_SYSTEM, "no room for a chunk of %zu bytes", io->in_size);
    copy(io, io->in_size);
    return 0;
}

/* Any number of bytes is whole, so this codec cannot tell a cut: sizes and hashes must. */
static int none_decode(void *state, struct codec_io *io, bool *at_end, struct err *err)
{
    (void)state;
    (void)err;
    copy(io, io->in_size < io->out_size ? io->in_size : io->out_size);
    *at_end = true;
    return 0;
}

const struct codec_ops codec_none_ops = {
    .name = "none",
    .suffix = "",
    .content_type = "application/octet-stream",
    .bound = none_bound,
    .memory = none_memory,
    .encoder_new = none_encoder_new,
    .encode = none_encode,
    .encoder_free = none_free,
    .decoder_new = none_decoder_new,
    .decode = none_decode,
    .decoder_free = none_free,
};
