/* A chunk index of any bytes, as it is and as the lines inside of a gzip member: refused as
 * ERR_CORRUPT, or read with ranges that follow each other. */
#include "base/memory.h"
#include "stream/codec/codec.h"
#include "stream/index.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_index(const void *data, size_t size)
{
    struct err err = {0};
    struct index_entry entry;
    uint64_t raw = 0;
    int more = 1;
    struct index_reader *reader = index_reader_new(data, size, &err);
    assert(reader != NULL || err.kind == ERR_CORRUPT);
    while (reader != NULL && more == 1) {
        more = index_reader_next(reader, &entry, &err);
        assert(more >= 0 || (err.kind == ERR_CORRUPT && *err.text != '\0'));
        if (more != 1)
            break;
        assert(entry.raw.from == raw && entry.raw.to >= raw);
        assert(entry.data.to <= entry.raw.to - entry.raw.from);
        raw = entry.raw.to;
        index_entry_release(&entry);
    }
    index_reader_free(reader);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct err err = {0};
    struct codec_choice gzip = {.kind = CODEC_GZIP, .level = 1};
    struct encoder *encoder = encoder_new(gzip, size + 1, &err);
    size_t packed_size = codec_bound(gzip, size + 1);
    unsigned char *packed = memory_alloc(packed_size);
    read_index(data, size);
    struct codec_io io = {data, size, packed, packed_size};
    int result = encoder_chunk(encoder, &io, &err);
    assert(result == 0);
    read_index(packed, packed_size - io.out_size);
    encoder_free(encoder);
    free(packed);
    return 0;
}
