/*
 * The table of codecs and the little that all of them share. A chunk is one whole member,
 * so an encoder needs no state between chunks and each thread can have its own.
 */
#include "stream/codec/codec.h"

#include "base/memory.h"
#include "base/parse.h"
#include "base/text.h"
#include "stream/codec/codec_ops.h"

/* A new codec is a row here and a file beside this one. */
static const struct codec_ops *const codecs[CODEC_COUNT] = {
    [CODEC_GZIP] = &codec_gzip_ops,
    [CODEC_ZSTD] = &codec_zstd_ops,
    [CODEC_BZIP2] = &codec_bzip2_ops,
    [CODEC_NONE] = &codec_none_ops,
};

const char *codec_name(enum codec_kind kind)
{
    return codecs[kind]->name;
}

const char *codec_suffix(enum codec_kind kind)
{
    return codecs[kind]->suffix;
}

const char *codec_content_type(enum codec_kind kind)
{
    return codecs[kind]->content_type;
}

/* 0 is "nobody said": levels begin at 1. */
int codec_effective_level(struct codec_choice choice)
{
    return choice.level != 0 ? choice.level : codecs[choice.kind]->default_level;
}

/* Also of what a manifest says, so it must not guess. */
bool codec_from_name(const char *name, enum codec_kind *out)
{
    for (unsigned i = 0; i < CODEC_COUNT; i++) {
        if (strcmp(name, codecs[i]->name) == 0) {
            *out = (enum codec_kind)i;
            return true;
        }
    }
    return false;
}

int codec_parse(const char *text, struct codec_choice *out, struct err *err)
{
    /* NAME or NAME:LEVEL. */
    size_t length = strcspn(text, ":");
    char *name = memory_strndup(text, length);
    const char *level = text[length] == ':' ? text + length + 1 : NULL;
    int result = 0;
    *out = (struct codec_choice){0};
    if (!codec_from_name(name, &out->kind)) {
        const char *names[CODEC_COUNT];
        for (unsigned i = 0; i < CODEC_COUNT; i++)
            names[i] = codecs[i]->name;
        const char *nearest = text_nearest(name, names, CODEC_COUNT);
        result =
            err_set(err, ERR_USAGE,
                    "\"%s\" is not a compression: it is gzip, zstd, bzip2 or none", name);
        if (nearest != NULL)
            err_hint(err, "did you mean %s?", nearest);
    } else if (level != NULL) {
        const struct codec_ops *ops = codecs[out->kind];
        int64_t number = 0;
        /* Its own range in its own words, whatever the parser of numbers would say. */
        if (ops->max_level == 0)
            result = err_set(err, ERR_USAGE, "compression %s has no levels", name);
        else if (parse_int(level, ops->min_level, ops->max_level, &number, err) < 0)
            result = err_set(err, ERR_USAGE, "\"%s\": the level of %s is %d to %d", text,
                             name, ops->min_level, ops->max_level);
        out->level = (int)number;
    }
    free(name);
    return result;
}

/* ---- encoding ---- */

struct encoder {
    const struct codec_ops *ops;
    void *state;
    size_t max_raw;
};

struct encoder *encoder_new(struct codec_choice choice, size_t max_raw, struct err *err)
{
    struct encoder *encoder = memory_zalloc(sizeof *encoder);
    encoder->ops = codecs[choice.kind];
    encoder->max_raw = max_raw;
    encoder->state = encoder->ops->encoder_new(codec_effective_level(choice), err);
    if (encoder->state == NULL) {
        free(encoder);
        return NULL;
    }
    return encoder;
}

size_t codec_bound(struct codec_choice choice, size_t max_raw)
{
    return codecs[choice.kind]->bound(max_raw);
}

uint64_t encoder_memory(struct codec_choice choice)
{
    return codecs[choice.kind]->memory(codec_effective_level(choice));
}

int encoder_chunk(struct encoder *encoder, struct codec_io *io, struct err *err)
{
    /* The room that was announced (codec_bound) is for chunks up to max_raw only. */
    if (io->in_size > encoder->max_raw)
        return err_set(err, ERR_SYSTEM, "a chunk of %zu bytes is too large to encode",
                       io->in_size);
    return encoder->ops->encode(encoder->state, io, err);
}

void encoder_free(struct encoder *encoder)
{
    if (encoder == NULL)
        return;
    encoder->ops->encoder_free(encoder->state);
    free(encoder);
}

/* ---- decoding ---- */

struct decoder {
    const struct codec_ops *ops;
    void *state;
    bool at_end;
};

struct decoder *decoder_new(enum codec_kind kind, struct err *err)
{
    struct decoder *decoder = memory_zalloc(sizeof *decoder);
    decoder->ops = codecs[kind];
    decoder->state = decoder->ops->decoder_new(err);
    /* No bytes are a whole file only where there is no format. */
    decoder->at_end = kind == CODEC_NONE;
    if (decoder->state == NULL) {
        free(decoder);
        return NULL;
    }
    return decoder;
}

int decoder_step(struct decoder *decoder, struct codec_io *io, struct err *err)
{
    return decoder->ops->decode(decoder->state, io, &decoder->at_end, err);
}

bool decoder_at_end(const struct decoder *decoder)
{
    return decoder->at_end;
}

void decoder_free(struct decoder *decoder)
{
    if (decoder == NULL)
        return;
    decoder->ops->decoder_free(decoder->state);
    free(decoder);
}
