/* Stored bytes of any kind, for each codec: behind the begin of a real member, and as a real member
 * with one byte changed and its end cut. Decoded as a stream and as a chunk of the index: ERR_CORRUPT,
 * or what the SHA-256 says; never more than there is room for, however much would come out. */
#include "base/memory.h"
#include "stream/decode.h"

#include <assert.h>

enum { ROOM = 4096, MOST = 4 << 20 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct {
    enum codec_kind kind;
    const char *begin; /* of a member */
    size_t size;
} formats[] = {
    {CODEC_GZIP, "\x1f\x8b\x08\0\0\0\0\0\0\x03", 10},
    {CODEC_ZSTD, "\x28\xb5\x2f\xfd", 4},
    {CODEC_BZIP2, "BZh1\x31\x41\x59\x26\x53\x59", 10},
};
enum { FORMATS = sizeof formats / sizeof *formats };

struct stored {
    enum codec_kind kind;
    unsigned char *bytes;
    size_t size;
    struct decode_chunk chunk;
    bool given;
};

/* A bomb is left when it has given so much; the room itself is the only bound that is needed. */
static void decode_stream(const struct stored *stored)
{
    struct err err = {0};
    struct decoder *decoder = decoder_new(stored->kind, &err);
    unsigned char *room = memory_alloc(ROOM);
    struct codec_io io = {.in = stored->bytes, .in_size = stored->size};
    for (size_t came = 0; came < MOST; came += ROOM - io.out_size) {
        size_t before = io.in_size;
        io.out = room;
        io.out_size = ROOM;
        if (decoder_step(decoder, &io, &err) < 0) {
            assert(err.kind == ERR_CORRUPT && *err.text != '\0');
            break;
        }
        assert(io.in_size <= before && io.out_size <= ROOM);
        if (io.in_size == before && io.out_size == ROOM)
            break;
    }
    decoder_free(decoder);
    free(room);
}

static int next(void *context, struct decode_chunk *chunk, struct err *err)
{
    struct stored *stored = context;
    (void)err;
    *chunk = stored->chunk;
    int more = !stored->given;
    stored->given = true;
    return more;
}

static int fill(void *context, const struct decode_chunk *chunk, unsigned char *bytes,
                struct err *err)
{
    const struct stored *stored = context;
    (void)err;
    memcpy(bytes, stored->bytes, chunk->stored_size);
    return 0;
}

static int take(void *context, const struct decode_chunk *chunk, const unsigned char *raw,
                struct err *err)
{
    unsigned char sum[SHA256_SIZE];
    (void)context, (void)err;
    digest_sha256(raw, chunk->raw_size, sum);
    assert(memcmp(sum, chunk->sha256, SHA256_SIZE) == 0);
    return 0;
}

static void decode_both(struct stored *stored, const uint8_t *raw, size_t raw_size)
{
    struct err err = {0};
    struct decode_spec spec = {
        .codec = stored->kind, .context = stored, .next = next, .fill = fill, .take = take};
    decode_stream(stored);
    stored->given = false;
    stored->chunk = (struct decode_chunk){
        .number = 1, .raw_size = raw_size, .stored_size = stored->size};
    digest_sha256(raw, raw_size, stored->chunk.sha256);
    int result = decode_run(&spec, &err);
    assert(result == 0 || (err.kind == ERR_CORRUPT && *err.text != '\0'));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    for (size_t i = 0; i < FORMATS; i++) {
        struct err err = {0};
        struct codec_choice choice = {formats[i].kind, 1};
        struct encoder *encoder = encoder_new(choice, size, &err);
        size_t bound = codec_bound(choice, size) + formats[i].size;
        struct stored stored = {.kind = formats[i].kind, .bytes = memory_alloc(bound)};
        /* The bytes themselves behind a right begin. */
        stored.size = formats[i].size + size;
        memcpy(stored.bytes, formats[i].begin, formats[i].size);
        memcpy(stored.bytes + formats[i].size, data, size);
        decode_both(&stored, data, size);
        /* A member of them, which their first bytes say how to damage. */
        struct codec_io io = {data, size, stored.bytes, bound};
        int result = encoder_chunk(encoder, &io, &err);
        assert(result == 0);
        stored.size = bound - io.out_size;
        if (size >= 4)
            stored.bytes[(data[0] * 256U + data[1]) % stored.size] ^= data[2];
        if (size >= 4 && data[3] % 4 == 0)
            stored.size -= data[3] % stored.size;
        decode_both(&stored, data, size);
        encoder_free(encoder);
        free(stored.bytes);
    }
    return 0;
}
