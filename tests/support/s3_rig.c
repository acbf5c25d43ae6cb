#include "tests/support/s3_rig.h"

#include "base/memory.h"

#include <check.h>

enum { BUFFERS = 4, BUFFER_SIZE = 256 << 10 };

struct s3_rig rig;
static const char *rig_provider; /* of s3_rig_restart_as */

void s3_rig_start(const struct fake_s3_settings *settings,
                  void (*change)(struct s3_config *config))
{
    struct s3_config config = s3_pair_config();

    err_clear(&rig.err);
    ck_assert_msg(s3_global_init(&rig.err) == 0, "%s", rig.err.text);
    if (change != NULL)
        change(&config);
    s3_pair_init(&rig.pair, settings, &config);
    rig.fake = rig.pair.fake;
    rig.client = rig.pair.client;
    rig.pool = part_pool_new(BUFFERS, BUFFER_SIZE, NULL, &rig.err);
    ck_assert(rig.pool != NULL);
}

void s3_rig_stop(void)
{
    s3_pair_release(&rig.pair);
    part_pool_free(rig.pool);
    s3_global_release();
}

void s3_rig_set_up(void)
{
    s3_rig_start(NULL, NULL);
}

void s3_rig_restart(const struct fake_s3_settings *settings,
                    void (*change)(struct s3_config *config))
{
    s3_rig_stop();
    s3_rig_start(settings, change);
}

static void set_provider(struct s3_config *config)
{
    config->provider = rig_provider;
}

void s3_rig_restart_as(const char *provider, const struct fake_s3_settings *settings)
{
    rig_provider = provider;
    s3_rig_restart(settings, set_provider);
}

unsigned s3_rig_fault(struct fake_fault fault)
{
    return fake_s3_fault(rig.fake, &fault);
}

unsigned s3_rig_count(const char *op)
{
    return fake_s3_count(rig.fake, op);
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

struct s3_upload *s3_rig_begin(const char *key)
{
    struct s3_upload_spec spec = {.key = key,
                                  .content_type = "application/gzip",
                                  .token = "0123456789abcdef0123456789abcdef"};
    struct s3_upload *upload = s3_upload_begin(rig.client, &spec, &rig.err);
    ck_assert_msg(upload != NULL, "%s", rig.err.text);
    return upload;
}

int s3_rig_give(struct s3_upload *upload, unsigned from, unsigned to, size_t part_size,
                size_t last_size)
{
    int result = 0;

    for (unsigned number = from; result == 0 && number <= to; number++) {
        struct part *part = part_pool_get(rig.pool, &rig.err);
        ck_assert_msg(part != NULL, "%s", rig.err.text);
        part->number = number;
        part->offset = (uint64_t)(number - 1) * part_size;
        part->last = number == to && last_size != part_size;
        part->size = number == to ? last_size : part_size;
        ck_assert_uint_le(part->size, part->capacity);
        s3_rig_fill(part->data, part->offset, part->size);
        result = s3_upload_part(upload, part, &rig.err);
        part_release(part);
    }
    return result;
}

bool s3_rig_object_is(const char *key, uint64_t size)
{
    struct fake_object object;

    if (!fake_s3_object(rig.fake, key, &object))
        return false;
    bool same = object.size == size && s3_rig_matches(object.data, 0, (size_t)size);
    fake_object_release(&object);
    return same;
}

void s3_rig_add_object(const char *key, size_t size)
{
    unsigned char *data = memory_alloc(size + 1);

    s3_rig_fill(data, 0, size);
    fake_s3_add_object(rig.fake, key, data, size);
    free(data);
}

uint64_t s3_rig_size(unsigned parts)
{
    return (uint64_t)(parts - 1) * S3_RIG_PART + S3_RIG_LAST;
}

int s3_rig_upload(unsigned parts)
{
    struct s3_upload *upload = s3_rig_begin(S3_RIG_KEY);
    int result = s3_rig_give(upload, 1, parts, S3_RIG_PART, S3_RIG_LAST);

    if (result == 0)
        result = s3_upload_finish(upload, NULL, &rig.err);
    s3_upload_free(upload);
    return result;
}

void s3_rig_assert_uploaded(unsigned parts)
{
    ck_assert_msg(s3_rig_upload(parts) == 0, "%s", rig.err.text);
    ck_assert(s3_rig_object_is(S3_RIG_KEY, s3_rig_size(parts)));
    ck_assert_uint_eq(fake_s3_upload_count(rig.fake), 0);
}

void s3_rig_assert_refused(unsigned parts, enum err_kind kind)
{
    ck_assert_int_eq(s3_rig_upload(parts), -1);
    ck_assert_msg(rig.err.kind == kind, "%s: %s", err_kind_name(rig.err.kind),
                  rig.err.text);
    ck_assert_uint_eq(fake_s3_upload_count(rig.fake), 0);
    ck_assert(!s3_rig_object_is(S3_RIG_KEY, s3_rig_size(parts)));
}

void s3_rig_assert_nothing(void)
{
    ck_assert_uint_eq(fake_s3_object_count(rig.fake), 0);
    ck_assert_uint_eq(fake_s3_upload_count(rig.fake), 0);
}

void s3_rig_assert_manners(void)
{
    struct fake_s3_stats stats = fake_s3_stats(rig.fake);

    ck_assert_uint_eq(stats.bad_signatures, 0);
    ck_assert_uint_eq(stats.same_part_in_flight, 0);
    ck_assert_uint_eq(stats.endings_in_flight, 0);
    ck_assert_uint_eq(stats.completes_after_abort, 0);
    ck_assert_uint_eq(stats.aborts_after_complete, 0);
    ck_assert_uint_eq(stats.aws_chunked, 0);
    ck_assert_uint_eq(stats.chunked, 0);
}
