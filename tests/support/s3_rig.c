#include "tests/support/s3_rig.h"

#include "s3/client.h"

#include <check.h>

enum { BUFFERS = 4, BUFFER_SIZE = 256 << 10 };

static int64_t short_delay(void *context, int64_t delay_ms)
{
    (void)context;
    return delay_ms > 1 ? 1 : delay_ms;
}

void s3_rig_start(struct s3_rig *rig, const struct fake_s3_settings *settings,
                  void (*change)(struct s3_config *config))
{
    static const struct s3_seam seam = {.delay = short_delay};
    struct fake_s3_settings defaults = fake_s3_defaults();
    struct s3_config config;

    *rig = (struct s3_rig){0};
    if (settings == NULL)
        settings = &defaults;
    ck_assert_msg(s3_global_init(&rig->err) == 0, "%s", rig->err.text);
    rig->fake = fake_s3_new(settings, &rig->err);
    ck_assert_msg(rig->fake != NULL, "%s", rig->err.text);
    s3_config_init(&config);
    config.endpoint = fake_s3_endpoint(rig->fake);
    config.bucket = settings->bucket;
    config.access_key = settings->access_key;
    config.secret_key = settings->secret_key;
    config.session_token = settings->session_token;
    config.retry_time_ms = 20000;
    if (change != NULL)
        change(&config);
    rig->client = s3_client_new(&config, &rig->err);
    ck_assert_msg(rig->client != NULL, "%s", rig->err.text);
    s3_client_set_seam(rig->client, &seam);
    rig->pool = part_pool_new(BUFFERS, BUFFER_SIZE, &rig->err);
    ck_assert(rig->pool != NULL);
}

void s3_rig_stop(struct s3_rig *rig)
{
    s3_client_free(rig->client);
    fake_s3_free(rig->fake);
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
