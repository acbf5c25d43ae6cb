/*
 * codec - one row per compression: gzip (ISA-L for levels 1-3, zlib for 4-9), zstd, bzip2,
 * none.
 *
 * Encoding makes each chunk an independently decodable member / frame / stream; their
 * concatenation is one valid file for gzip, zstd and bzip2. Decoding is streaming and takes
 * concatenations.
 */
#ifndef PGKEEP_STREAM_CODEC_H
#define PGKEEP_STREAM_CODEC_H

#include "base/err.h"

enum codec_kind { CODEC_GZIP, CODEC_ZSTD, CODEC_BZIP2, CODEC_NONE, CODEC_COUNT };

struct codec_choice {
    enum codec_kind kind;
    int level; /* 0: the codec's default (gzip 1, zstd 1, bzip2 9) */
};

const char *codec_name(enum codec_kind kind);   /* "gzip" */
const char *codec_suffix(enum codec_kind kind); /* ".gz", "" for none */
const char *codec_content_type(
    enum codec_kind kind); /* "application/gzip" … "application/octet-stream" */
int codec_effective_level(struct codec_choice choice);
/* "gzip", "gzip:6", "zstd:1-19", "bzip2:1-9", "none". ERR_USAGE with the nearest name. */
int codec_parse(const char *text, struct codec_choice *out, struct err *err) MUST_USE;
bool codec_from_name(const char *name, enum codec_kind *out);

/* Output bytes that a chunk of max_raw bytes can need at most. */
size_t codec_bound(struct codec_choice choice, size_t max_raw);

/* Encoder state of one thread; reused chunk after chunk. */
struct encoder;
struct encoder *encoder_new(struct codec_choice choice, size_t max_raw,
                            struct err *err) MUST_USE;
size_t
encoder_bound(const struct encoder *encoder); /* output bytes that max_raw can need */
uint64_t encoder_memory(struct codec_choice choice,
                        size_t max_raw); /* bytes, for the announcement */
int encoder_chunk(struct encoder *encoder, const void *raw, size_t raw_size, void *out,
                  size_t *out_size, struct err *err) MUST_USE;
void encoder_free(struct encoder *encoder);

struct decoder;
struct decoder *decoder_new(enum codec_kind kind, struct err *err) MUST_USE;
/* Consumes from *in (advances pointer and size), writes at most *out_size bytes, sets it to
 * what was written. Call again while input is left or the output came back full.
 * ERR_CORRUPT on damage. */
int decoder_step(struct decoder *decoder, const unsigned char **in, size_t *in_size,
                 void *out, size_t *out_size, struct err *err) MUST_USE;
bool decoder_at_end(
    const struct decoder *decoder); /* between members: a good place for the input to end */
void decoder_free(struct decoder *decoder);

#endif
