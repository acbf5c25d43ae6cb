/*
 * One life of a backup - put, upload, list, read, link, delete - against every dialect of
 * S3 that fake_s3 speaks: no client code may depend on what only some services do.
 */
#include "tests/support/s3_rig.h"
#include "tests/support/run_suite.h"
#include "tests/support/scratch.h"

#include "base/clock.h"
#include "base/memory.h"

#include <check.h>
#include <curl/curl.h>

enum { PART = 30000, SMALL = 321, PARTS = 7 };
#define SIZE ((PARTS - 1) * PART + SMALL)

struct dialect {
    const char *name;
    struct fake_s3_settings server;
    struct s3_config client; /* what is set replaces the default */
};

static const struct dialect dialects[] = {
    {.name = "Amazon S3",
     .server = {.versioning = true, .object_lock = true},
     .client = {.provider = "aws"}},
    {.name = "Amazon S3, bucket under KMS",
     .server = {.etags_are_not_md5 = true, .versioning = true},
     .client = {.provider = "aws", .sse = "aws:kms"}},
    {.name = "a bucket under KMS that nobody told us about",
     .server = {.etags_are_not_md5 = true},
     .client = {.provider = "other"}},
    {.name = "Amazon S3, locked copies",
     .server = {.versioning = true, .object_lock = true},
     .client = {.provider = "aws",
                .object_lock_mode = "GOVERNANCE",
                .object_lock_seconds = 3600,
                .legal_hold = true,
                .storage_class = "STANDARD_IA",
                .tagging = "a=b&c=d"}},
    {.name = "MinIO",
     .server = {.any_region = true,
                .uploads_by_exact_key = true,
                .abort_twice_is_204 = true,
                .lock_is_400 = true,
                .versioning = true},
     .client = {.provider = "minio"}},
    {.name = "Ceph",
     .server = {.any_region = true,
                .complete_twice_is_200 = true,
                .complete_without_etag = true},
     .client = {.provider = "ceph", .list_version = 1}},
    {.name = "R2",
     .server = {.region = "auto", .equal_parts = true},
     .client = {.provider = "r2"}},
    {.name = "B2",
     .server = {.if_none_match = FAKE_IF_NONE_MATCH_501,
                .refuse_checksums = true,
                .versioning = true},
     .client = {.provider = "b2"}},
    {.name = "Google",
     .server = {.any_region = true, .refuse_checksums = true, .no_batch_delete = true},
     .client = {.provider = "gcs"}},
    {.name = "Supabase",
     .server = {.base_path = "/storage/v1/s3",
                .if_none_match = FAKE_IF_NONE_MATCH_IGNORED,
                .ignore_content_md5 = true,
                .ignore_sha256 = true},
     .client = {.provider = "supabase"}},
    {.name = "no ListObjectsV2",
     .server = {.no_list_v2 = true},
     .client = {.list_version = 1}},
    {.name = "another region", .server = {.region = "eu-test-1"}},
    {.name = "a session token", .server = {.session_token = "token/+="}},
    {.name = "signed bodies only",
     .server = {.refuse_unsigned_payload = true},
     .client = {.payload_signing = "always"}},
    {.name = "unsigned bodies",
     .server = {.page_size = 2},
     .client = {.payload_signing = "never"}},
    {.name = "a clock an hour off", .server = {.clock_offset_s = 3600}},
    {.name = "a connection for each request", .server = {.close_each = true}},
    {.name = "one connection", .client = {.max_connections = 1}},
    {.name = "pages of one entry", .server = {.page_size = 1}},
    {.name = "every fifth request fails", .server = {.failure_percent = 20}},
    {.name = "every second request fails",
     .server = {.failure_percent = 50, .failure_seed = 5, .page_size = 3}},
};

/* The server's settings of a row over the defaults. */
static struct fake_s3_settings settings_of(const struct dialect *dialect)
{
    struct fake_s3_settings defaults = fake_s3_defaults();
    struct fake_s3_settings settings = dialect->server;

    settings.bucket = defaults.bucket;
    settings.access_key = defaults.access_key;
    settings.secret_key = defaults.secret_key;
    settings.max_parts = defaults.max_parts;
    if (settings.region == NULL)
        settings.region = defaults.region;
    if (settings.base_path == NULL)
        settings.base_path = defaults.base_path;
    if (settings.page_size == 0)
        settings.page_size = defaults.page_size;
    return settings;
}

static const struct dialect *dialect; /* of the running test */

static void set_client(struct s3_config *config)
{
    struct s3_config client = dialect->client;

    client.endpoint = config->endpoint;
    client.bucket = config->bucket;
    client.access_key = config->access_key;
    client.secret_key = config->secret_key;
    client.session_token = dialect->server.session_token;
    client.retry_time_ms = config->retry_time_ms;
    *config = client;
}

static void good(int result)
{
    ck_assert_msg(result == 0, "%s: %s", dialect->name, rig.err.text);
}

static void upload(const char *key, unsigned parts)
{
    struct s3_upload *upload = s3_rig_begin(key);
    struct s3_object object = {0};

    good(s3_rig_give(upload, 1, parts, PART, SMALL));
    good(s3_upload_finish(upload, &object, &rig.err));
    ck_assert_uint_eq(object.size, (uint64_t)(parts - 1) * PART + SMALL);
    s3_object_release(&object);
    s3_upload_free(upload);
    ck_assert(s3_rig_object_is(key, (uint64_t)(parts - 1) * PART + SMALL));
}

static void read_back(const char *key)
{
    struct s3_download_spec spec = {.key = key, .range_size = 7000};
    struct s3_download *download = s3_download_begin(rig.client, &spec, &rig.err);
    unsigned char data[5000];
    uint64_t at = 0;
    ssize_t got;

    ck_assert_msg(download != NULL, "%s: %s", dialect->name, rig.err.text);
    while ((got = s3_download_read(download, data, sizeof data, &rig.err)) > 0) {
        ck_assert(s3_rig_matches(data, at, (size_t)got));
        at += (uint64_t)got;
    }
    ck_assert_msg(got == 0, "%s: %s", dialect->name, rig.err.text);
    ck_assert_uint_eq(at, SIZE);
    s3_download_free(download);
}

static void small_file(const char *key)
{
    struct s3_put put = {.key = key, .data = "{\"a\":1}", .size = 7, .if_absent = true};
    struct s3_object object;
    struct text out;
    bool absent, existed;

    put.existed = &existed;
    good(s3_put(rig.client, &put, &rig.err));
    ck_assert(!existed);
    text_init(&out, 100);
    good(s3_get(rig.client, key, &out, &absent, &rig.err));
    ck_assert(!absent);
    ck_assert_str_eq(out.data, "{\"a\":1}");
    text_clear(&out);
    good(s3_get(rig.client, "p/none", &out, &absent, &rig.err));
    ck_assert(absent);
    text_release(&out);
    good(s3_head(rig.client, key, &object, &absent, &rig.err));
    ck_assert(!absent && object.size == 7);
    s3_object_release(&object);
}

static int count_object(void *context, const struct s3_object *object, struct err *err)
{
    (void)err;
    *(unsigned *)context += !object->is_delete_marker;
    return 0;
}

static void count_listed(unsigned wanted)
{
    unsigned seen = 0;

    good(s3_list(rig.client, "p/", count_object, &seen, &rig.err));
    ck_assert_uint_eq(seen, wanted);
}

static size_t drop(char *data, size_t size, size_t count, void *context)
{
    (void)data;
    *(uint64_t *)context += size * count;
    return size * count;
}

/* A browser has nothing but the link. */
static void open_link(const char *key)
{
    int64_t expires;
    uint64_t size = 0;
    long status = 0;
    char *url = s3_presign(rig.client, key, 60, &expires, &rig.err);
    CURL *curl = curl_easy_init();

    ck_assert_msg(url != NULL, "%s: %s", dialect->name, rig.err.text);
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_PATH_AS_IS, 1L);
    curl_easy_setopt(curl, CURLOPT_PROXY, "");
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, drop);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, &size);
    for (int i = 0; i < 50 && status != 200; i++) {
        size = 0;
        curl_easy_perform(curl);
        curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
        /* Only failures by chance are worth another try. */
        if (dialect->server.failure_percent == 0)
            break;
    }
    ck_assert_msg(status == 200, "%s: %ld", dialect->name, status);
    ck_assert_uint_eq(size, SIZE);
    curl_easy_cleanup(curl);
    free(url);
}

struct victims {
    struct strlist keys, versions; /* side by side; version "": none */
};

static int add_victim(void *context, const struct s3_object *object, struct err *err)
{
    struct victims *victims = context;

    (void)err;
    strlist_add(&victims->keys, object->key);
    strlist_add(&victims->versions, object->version_id != NULL ? object->version_id : "");
    return 0;
}

/* Every version of all that is there. Locked ones say so and stay. */
static void delete_all(enum s3_removal wanted)
{
    struct victims victims = {0};

    if (dialect->server.versioning)
        good(s3_list_versions(rig.client, "p/", add_victim, &victims, &rig.err));
    else
        good(s3_list(rig.client, "p/", add_victim, &victims, &rig.err));
    for (size_t i = 0; i < victims.keys.count; i++) {
        const char *version = victims.versions.items[i];
        struct s3_delete item = {.key = victims.keys.items[i],
                                 .version_id = *version != '\0' ? version : NULL};
        good(s3_delete(rig.client, &item, &rig.err));
        ck_assert_msg(item.result == wanted, "%s: %s: %d", dialect->name, item.key,
                      (int)item.result);
    }
    strlist_release(&victims.keys);
    strlist_release(&victims.versions);
}

static int see_pending(void *context, const struct s3_unfinished *pending, struct err *err)
{
    (void)err;
    if (strcmp(pending->key, "p/given up") == 0)
        ++*(unsigned *)context;
    return 0;
}

static void give_up(void)
{
    struct s3_upload *upload = s3_rig_begin("p/given up");
    unsigned seen = 0;

    good(s3_rig_give(upload, 1, 3, PART, PART));
    good(s3_upload_wait(upload, &rig.err));
    good(s3_list_uploads(rig.client, "p/given up", see_pending, &seen, &rig.err));
    ck_assert_uint_eq(seen, 1);
    s3_upload_free(upload);
    seen = 0;
    good(s3_list_uploads(rig.client, "p/given up", see_pending, &seen, &rig.err));
    ck_assert_uint_eq(seen, 0);
}

static void expect_manners(void)
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

START_TEST(a_backup_lives_and_dies_in_every_dialect)
{
    dialect = &dialects[_i];
    struct fake_s3_settings settings = settings_of(dialect);
    bool locked = dialect->client.object_lock_mode != NULL;

    s3_rig_start(&settings, set_client);
    good(s3_bucket_check(rig.client, &rig.err));
    small_file("p/mark <&> \xC3\xA4+%.json");
    upload("p/a b/dump.sql.gz", PARTS);
    upload("p/one", 1);
    give_up();
    count_listed(3);
    read_back("p/a b/dump.sql.gz");
    open_link("p/a b/dump.sql.gz");
    delete_all(locked ? S3_LOCKED : S3_REMOVED);
    count_listed(locked ? 3 : 0);
    ck_assert_uint_eq(fake_s3_version_count(rig.fake, NULL), locked ? 3 : 0);
    expect_manners();
    s3_rig_stop();
}
END_TEST

/* ---- SSE-C ---- */

static char key_file[SCRATCH_SIZE];

static void set_own_key(struct s3_config *config)
{
    config->sse_c_key_file = key_file;
}

START_TEST(a_key_of_our_own_goes_with_every_request_that_needs_it)
{
    static const struct dialect own = {.name = "SSE-C"};
    struct fake_object object;

    scratch_file(key_file, "0123456789abcdef0123456789abcdef");
    dialect = &own;
    s3_rig_start(NULL, set_own_key);
    small_file("p/mark");
    upload("p/dump", PARTS);
    read_back("p/dump");
    ck_assert(fake_s3_object(rig.fake, "p/dump", &object));
    ck_assert_ptr_nonnull(strstr(object.meta, "customer-key-md5: "));
    ck_assert_ptr_null(strstr(object.meta, "customer-key: "));
    fake_object_release(&object);
    delete_all(S3_REMOVED);
    s3_rig_stop();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("s3_dialects");
    TCase *tcase = tcase_create("dialects");

    tcase_set_timeout(tcase, 60);
    tcase_add_loop_test(tcase, a_backup_lives_and_dies_in_every_dialect, 0,
                        (int)(sizeof dialects / sizeof *dialects));
    tcase_add_test(tcase, a_key_of_our_own_goes_with_every_request_that_needs_it);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
