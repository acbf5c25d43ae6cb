#include "tests/support/s3_rig.h"

#include "base/memory.h"

#include <check.h>

enum { BUFFERS = 4, BUFFER_SIZE = 256 << 10 };

void s3_rig_start(struct s3_rig *rig, const struct fake_s3_settings *settings,
                  void (*change)(struct s3_config *config))
{
    struct s3_config config = s3_pair_config();

    err_clear(&rig->err);
    ck_assert_msg(s3_global_init(&rig->err) == 0, "%s", rig->err.text);
    if (change != NULL)
        change(&config);
    s3_pair_init(&rig->pair, settings, &config);
    rig->fake = rig->pair.fake;
    rig->client = rig->pair.client;
    rig->pool = part_pool_new(BUFFERS, BUFFER_SIZE, &rig->err);
    ck_assert(rig->pool != NULL);
}

void s3_rig_stop(struct s3_rig *rig)
{
    s3_pair_release(&rig->pair);
    part_pool_free(rig->pool);
    s3_global_release();
}

/* Not periodic in any size of a part. */
unsigned char s3_rig_byte(uint64_t at)
{
    return (unsigned char)((at * 2654435761U) >> 13 ^ at);
}

void s3_rig_fill(unsigned char *out, uint64_t offset, size_t size)
{
    for (size_t i = 0; i < size; i++)
        out[i] = s3_rig_byte(offset + i);
}

bool s3_rig_matches(const unsigned char *data, uint64_t offset, size_t size)
{
    for (size_t i = 0; i < size; i++)
        if (data[i] != s3_rig_byte(offset + i))
            return false;
    return true;
}

struct s3_upload *s3_rig_begin(struct s3_rig *rig, const char *key)
{
    struct s3_upload_spec spec = {.key = key,
                                  .content_type = "application/gzip",
                                  .token = "0123456789abcdef0123456789abcdef"};
    struct s3_upload *upload = s3_upload_begin(rig->client, &spec, &rig->err);
    ck_assert_msg(upload != NULL, "%s", rig->err.text);
    return upload;
}

int s3_rig_give(struct s3_rig *rig, struct s3_upload *upload, unsigned from, unsigned to,
                size_t part_size, size_t last_size)
{
    int result = 0;

    for (unsigned number = from; result == 0 && number <= to; number++) {
        struct part *part = part_pool_get(rig->pool, &rig->err);
        ck_assert_msg(part != NULL, "%s", rig->err.text);
        part->number = number;
        part->offset = (uint64_t)(number - 1) * part_size;
        part->last = number == to && last_size != part_size;
        part->size = number == to ? last_size : part_size;
        ck_assert_uint_le(part->size, part->capacity);
        s3_rig_fill(part->data, part->offset, part->size);
        result = s3_upload_part(upload, part, &rig->err);
        part_release(part);
    }
    return result;
}

bool s3_rig_object_is(struct s3_rig *rig, const char *key, uint64_t size)
{
    struct fake_object object;

    if (!fake_s3_object(rig->fake, key, &object))
        return false;
    bool same = object.size == size && s3_rig_matches(object.data, 0, (size_t)size);
    fake_object_release(&object);
    return same;
}

void s3_rig_add_object(struct s3_rig *rig, const char *key, size_t size)
{
    unsigned char *data = memory_alloc(size + 1);

    s3_rig_fill(data, 0, size);
    fake_s3_add_object(rig->fake, key, data, size);
    free(data);
}
