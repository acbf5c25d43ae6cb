/*
 * codec_ops - what a codec has to offer; each codec_<name>.c fills one row, codec.c picks.
 *
 * States are opaque here. A decoder takes any concatenation of members / frames / streams;
 * what follows one of them must begin another.
 */
#ifndef PGKEEP_STREAM_CODEC_CODEC_OPS_H
#define PGKEEP_STREAM_CODEC_CODEC_OPS_H

#include "stream/codec/codec.h"

struct codec_ops {
    const char *name, *suffix, *content_type;
    int min_level, max_level, default_level; /* all 0: no levels */
    /* Output bytes that `raw` bytes can need at most. */
    size_t (*bound)(size_t raw);
    uint64_t (*memory)(int level); /* of one encoder */

    void *(*encoder_new)(int level, struct err *err);
    /* All of in becomes one member; no room for it is an error. */
    int (*encode)(void *state, struct codec_io *io, struct err *err);
    void (*encoder_free)(void *state);

    void *(*decoder_new)(struct err *err);
    /* Until input or room is used up. at_end: between members, at least one was whole. */
    int (*decode)(void *state, struct codec_io *io, bool *at_end, struct err *err);
    void (*decoder_free)(void *state);
};

/* So many bytes of the input were taken, so many of the room were filled. */
static inline void codec_io_move(struct codec_io *io, size_t taken, size_t filled)
{
    io->in += taken;
    io->in_size -= taken;
    io->out += filled;
    io->out_size -= filled;
}

extern const struct codec_ops codec_gzip_ops, codec_zstd_ops, codec_bzip2_ops,
    codec_none_ops;

#endif
