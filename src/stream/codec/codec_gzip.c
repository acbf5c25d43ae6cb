/*
 * Two libraries: ISA-L is several times faster at the low levels and in decoding, libdeflate
 * compresses better at the high ones. Both write plain gzip members, which any gunzip reads.
 */
#include "stream/codec/codec_ops.h"

#include "base/memory.h"

#include <isa-l.h>
#include <libdeflate.h>

/* Levels 1-3 are ISA-L's of the same number: 530, 510 and 310 MB/s on one core. Its level 0 is no
 * faster on PostgreSQL's text and a third larger. */
enum { ISAL_LEVELS = 3, LEVELS = 12 };

static const uint32_t isal_buffer[ISAL_LEVELS + 1] = {
    [1] = ISAL_DEF_LVL1_DEFAULT,
    [2] = ISAL_DEF_LVL2_DEFAULT,
    [3] = ISAL_DEF_LVL3_DEFAULT,
};

/* Those of libdeflate that are worth a number: its 9 and 12 take a quarter and a half more time than
 * the ones before them for 0.01 % less, its 3 is no better than 2 and 4 (tests/bench/README.md). */
static const int deflate_level[LEVELS + 1] = {
    [4] = 1, [5] = 2, [6] = 4, [7] = 5, [8] = 6, [9] = 7, [10] = 8, [11] = 10, [12] = 11,
};

struct gzip_encoder {
    int level;
    struct isal_zstream isal; /* levels 1-3 */
    unsigned char *isal_buffer;
    struct libdeflate_compressor *deflate; /* levels 4-12 */
};

static size_t gzip_bound(size_t raw)
{
    /* Stored blocks cost 5 bytes each (RFC 1951, 3.2.4), and libdeflate's are the smaller ones;
     * ISA-L wants room for a block header besides. */
    return libdeflate_gzip_compress_bound(NULL, raw) + 1024;
}

static uint64_t gzip_memory(int level)
{
    if (level <= ISAL_LEVELS)
        return sizeof(struct gzip_encoder) + isal_buffer[level];
    /* What libdeflate 1.14 asks malloc for: 0.2, 0.7 and, from its level 10 on, 9.0 MB. */
    return sizeof(struct gzip_encoder) + (deflate_level[level] < 10 ? 700000 : 9100000);
}

static void gzip_encoder_free(void *state)
{
    struct gzip_encoder *encoder = state;
    libdeflate_free_compressor(encoder->deflate); /* NULL-safe */
    free(encoder->isal_buffer);
    free(encoder);
}

static void *gzip_encoder_new(int level, struct err *err)
{
    struct gzip_encoder *encoder = memory_zalloc(sizeof *encoder);
    encoder->level = level;
    /* Each library has what it needs, and nothing of the other. */
    if (level <= ISAL_LEVELS)
        encoder->isal_buffer = memory_alloc(isal_buffer[level]);
    else
        encoder->deflate = libdeflate_alloc_compressor(deflate_level[level]);
    if (level > ISAL_LEVELS && encoder->deflate == NULL) {
        err_set(err, ERR_SYSTEM, "no memory for gzip level %d", level);
        gzip_encoder_free(encoder);
        return NULL;
    }
    return encoder;
}

static int isal_chunk(struct gzip_encoder *encoder, struct codec_io *io, struct err *err)
{
    struct isal_zstream *z = &encoder->isal;
    if (io->in_size > UINT32_MAX || io->out_size > UINT32_MAX)
        return err_set(err, ERR_SYSTEM, "gzip: a chunk is larger than 4 GiB");
    /* Stateless: one call, one member, all of the input at hand. */
    isal_deflate_stateless_init(z);
    z->level = (uint32_t)encoder->level;
    z->level_buf = encoder->isal_buffer;
    z->level_buf_size = isal_buffer[encoder->level];
    z->gzip_flag = IGZIP_GZIP;
    z->end_of_stream = 1;
    z->flush = NO_FLUSH;
    /* ISA-L reads through a pointer that is not const. */
    memcpy(&z->next_in, &io->in, sizeof io->in);
    z->avail_in = (uint32_t)io->in_size;
    z->next_out = io->out;
    z->avail_out = (uint32_t)io->out_size;
    int status = isal_deflate_stateless(z);
    if (status != COMP_OK || z->avail_in > 0)
        return err_set(err, ERR_SYSTEM, "gzip level %d: ISA-L error %d", encoder->level,
                       status);
    io->out_size = z->avail_out;
    return 0;
}

static int gzip_encode(void *state, struct codec_io *io, struct err *err)
{
    struct gzip_encoder *encoder = state;
    if (encoder->level <= ISAL_LEVELS)
        return isal_chunk(encoder, io, err);
    /* One call, one member; 0 is "no room", the only way in which it fails. */
    size_t size = libdeflate_gzip_compress(encoder->deflate, io->in, io->in_size, io->out,
                                           io->out_size);
    if (size == 0)
        return err_set(err, ERR_SYSTEM, "gzip level %d: no room for a chunk of %zu bytes",
                       encoder->level, io->in_size);
    io->out_size -= size;
    return 0;
}

/* ISA-L's inflate, for members of whatever program: 1.1 to 1.5 GB/s on one core against 1.0 to 1.2 of
 * libdeflate and 0.5 of zlib. */
struct gzip_decoder {
    struct inflate_state isal;
    bool in_member;
};

static void *gzip_decoder_new(struct err *err)
{
    (void)err;
    return memory_zalloc(sizeof(struct gzip_decoder));
}

/* ISA-L has numbers only. */
static const char *isal_reason(int status)
{
    switch (status) {
    case ISAL_INVALID_WRAPPER:
        return "not gzip data";
    case ISAL_UNSUPPORTED_METHOD:
        return "unknown compression method";
    case ISAL_INCORRECT_CHECKSUM:
        return "checksum mismatch";
    default:
        return "damaged";
    }
}

static int gzip_decode(void *state, struct codec_io *io, bool *at_end, struct err *err)
{
    struct gzip_decoder *decoder = state;
    struct inflate_state *z = &decoder->isal;
    uint32_t room;
    /* With no input left ISA-L may still hold output that found no room. */
    do {
        /* Between members: another one begins only when there is something of it. */
        if (!decoder->in_member) {
            if (io->in_size == 0)
                return 0;
            isal_inflate_init(z);
            z->crc_flag = ISAL_GZIP;
            decoder->in_member = true;
            *at_end = false;
        }
        /* Its counts have 32 bits, ours not: what is beyond comes in the next round. */
        uint32_t size = (uint32_t)(io->in_size < UINT32_MAX ? io->in_size : UINT32_MAX);
        room = (uint32_t)(io->out_size < UINT32_MAX ? io->out_size : UINT32_MAX);
        memcpy(&z->next_in, &io->in, sizeof io->in);
        z->avail_in = size;
        z->next_out = io->out;
        z->avail_out = room;
        int status = isal_inflate(z);
        codec_io_move(io, size - z->avail_in, room - z->avail_out);
        /* Its negative answers are damage; a dictionary is none that gzip has. */
        if (status < 0)
            return err_set(err, ERR_CORRUPT, "gzip: %s", isal_reason(status));
        if (status == ISAL_NEED_DICT)
            return err_set(err, ERR_CORRUPT, "gzip: not gzip data");
        /* The checksum behind the member has been compared by then. */
        if (z->block_state == ISAL_BLOCK_FINISH) {
            decoder->in_member = false;
            *at_end = true;
        }
    } while (io->in_size > 0 && io->out_size > 0);
    return 0;
}

const struct codec_ops codec_gzip_ops = {
    .name = "gzip",
    .suffix = ".gz",
    .content_type = "application/gzip",
    .min_level = 1,
    .max_level = LEVELS,
    .default_level = 1,
    .bound = gzip_bound,
    .memory = gzip_memory,
    .encoder_new = gzip_encoder_new,
    .encode = gzip_encode,
    .encoder_free = gzip_encoder_free,
    .decoder_new = gzip_decoder_new,
    .decode = gzip_decode,
    .decoder_free = free,
};
