/*
 * codec - one row per compression: gzip (ISA-L for levels 1-3, libdeflate for 4-12), zstd,
 * bzip2, none. The rows are in codec_*.c (see codec_ops.h); nobody else knows the libraries.
 *
 * Encoding makes each chunk an independently decodable member / frame / stream; their
 * concatenation is one valid file for gzip, zstd and bzip2 (RFC 1952 2.2, RFC 8878 3.1, the
 * bzip2 manual 2.3). Decoding is streaming and takes concatenations.
 *
 * An encoder or decoder belongs to one thread at a time.
 */
#ifndef PGKEEP_STREAM_CODEC_CODEC_H
#define PGKEEP_STREAM_CODEC_CODEC_H

#include "base/err.h"

enum codec_kind { CODEC_GZIP, CODEC_ZSTD, CODEC_BZIP2, CODEC_NONE, CODEC_COUNT };

struct codec_choice {
    enum codec_kind kind;
    int level; /* 0: the codec's default (gzip 1, zstd 1, bzip2 9) */
};

/* "gzip", ".gz" ("" for none), "application/gzip". */
const char *codec_name(enum codec_kind kind);
const char *codec_suffix(enum codec_kind kind);
const char *codec_content_type(enum codec_kind kind);
/* The level with the default filled in; 0 for a codec without levels. */
int codec_effective_level(struct codec_choice choice);

/* "gzip", "gzip:6" (1-12), "zstd:19" (1-19), "bzip2:1" (1-9), "none". ERR_USAGE, with the
 * nearest name as a hint. */
int codec_parse(const char *text, struct codec_choice *out, struct err *err) MUST_USE;
bool codec_from_name(const char *name, enum codec_kind *out);

/* Stored bytes that a chunk of max_raw bytes can need at most. */
size_t codec_bound(struct codec_choice choice, size_t max_raw);

/* Where a step reads and writes. Both sides move forward: what is left is left in the
 * sizes. */
struct codec_io {
    const unsigned char *in;
    size_t in_size;
    unsigned char *out;
    size_t out_size;
};

/* Reused chunk after chunk. The same chunk gives the same bytes on every thread. */
struct encoder;
struct encoder *encoder_new(struct codec_choice choice, size_t max_raw,
                            struct err *err) MUST_USE;
/* Bytes of one encoder's state, for the announcement of memory. */
uint64_t encoder_memory(struct codec_choice choice);
/* io->in is one whole chunk, also an empty one; io->out has room for it (codec_bound is
 * enough), of which io->out_size is left. */
int encoder_chunk(struct encoder *encoder, struct codec_io *io, struct err *err) MUST_USE;
void encoder_free(struct encoder *encoder); /* NULL-safe */

struct decoder;
struct decoder *decoder_new(enum codec_kind kind, struct err *err) MUST_USE;
/* Goes as far as input or room allow. Call again while input is left or no room was left.
 * ERR_CORRUPT on damage; checksums are those of the format, so "none" notices nothing. */
int decoder_step(struct decoder *decoder, struct codec_io *io, struct err *err) MUST_USE;
/* Between members, at least one was whole: a good place for the input to end. */
bool decoder_at_end(const struct decoder *decoder);
void decoder_free(struct decoder *decoder); /* NULL-safe */

#endif
