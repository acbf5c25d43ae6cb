/* What store.h promises, held against every kind of store, and what buckets alone can do
 * wrong. */
#include "store/store.h"

#include "base/clock.h"
#include "base/memory.h"
#include "s3/core/client.h"
#include "tests/support/fake_s3.h"
#include "tests/support/run_suite.h"
#include "tests/support/scratch.h"

#include <check.h>
#include <sys/wait.h>
#include <unistd.h>

#define ID "01KC1E5T00ABCDEFGHJKMNPQRS"
#define KEY "data/shop/shop/2026/shop-full-20261121T020000Z-" ID ".sql.gz"

enum { PART = 5000 };

enum kind { DIR_STORE, BUCKET, PREFIX, VERSIONED, KINDS };
static const char *const prefixes[] = {
    [DIR_STORE] = "", [BUCKET] = "", [PREFIX] = "/prod/db/", [VERSIONED] = "p"};
static const char *const full_prefixes[] = {
    [DIR_STORE] = "", [BUCKET] = "", [PREFIX] = "prod/db/", [VERSIONED] = "p/"};

/* Some tests fork beside the service's threads; the child makes threads of its own. */
const char *__tsan_default_options(void);
const char *__tsan_default_options(void)
{
    return "die_after_fork=0";
}

static enum kind kind;
static char base[SCRATCH_SIZE];
static struct fake_s3 *fake;
static struct store *store;
static struct part_pool *pool;
static struct err err;

#define OK(call) ck_assert_msg((call) == 0, "%s", err.text)

static int64_t short_delay(void *context, int64_t delay_ms)
{
    (void)context;
    return delay_ms > 1 ? 1 : delay_ms;
}

static struct store *open_bucket(const char *prefix)
{
    static const struct s3_test_hooks seam = {.delay = short_delay};
    struct fake_s3_settings defaults = fake_s3_defaults();
    struct s3_config config;
    s3_config_init(&config);
    config.endpoint = fake_s3_endpoint(fake);
    config.bucket = defaults.bucket;
    config.access_key = defaults.access_key;
    config.secret_key = defaults.secret_key;
    config.retry_time_ms = 20000;
    config.prefix = prefix;
    struct store *opened = store_open_s3("nas", &config, &err);
    ck_assert_msg(opened != NULL, "%s", err.text);
    s3_client_set_test_hooks(store_s3_client(opened), &seam);
    return opened;
}

static struct store *open_store(void)
{
    if (kind != DIR_STORE)
        return open_bucket(prefixes[kind]);
    struct store *opened = store_open_dir("nas", base, &err);
    ck_assert_ptr_nonnull(opened);
    return opened;
}

static void start(enum kind wanted)
{
    struct fake_s3_settings settings = fake_s3_defaults();
    kind = wanted;
    settings.versioning = kind == VERSIONED;
    settings.object_lock = kind == VERSIONED;
    OK(s3_global_init(&err));
    scratch_folder(base);
    if (kind != DIR_STORE) {
        fake = fake_s3_new(&settings, &err);
        ck_assert_msg(fake != NULL, "%s", err.text);
    }
    store = open_store();
    pool = part_pool_new(4, PART, NULL, &err);
    ck_assert_ptr_nonnull(pool);
}

static void stop(void)
{
    store_close(store);
    part_pool_free(pool);
    fake_s3_free(fake);
    s3_global_release();
    scratch_remove(base);
}

static void fails(int result, enum err_kind wanted)
{
    ck_assert_int_eq(result, -1);
    ck_assert_msg(err.kind == wanted, "%d: %s", (int)err.kind, err.text);
    ck_assert_msg(text_starts_with(err.text, "store \"nas\": "), "%s", err.text);
}

static int put(const char *key, const char *text, bool overwrite)
{
    return (overwrite ? store_put : store_put_new)(store, key, text, strlen(text), &err);
}

static void expect(const char *key, const char *wanted)
{
    struct text text;
    bool absent = true;
    text_init(&text, 1 << 20);
    OK(store_get(store, key, &text, &absent, &err));
    ck_assert_int_eq(absent, wanted == NULL);
    if (wanted != NULL)
        ck_assert_str_eq(text.data, wanted);
    text_release(&text);
}

static int add_key(void *context, const struct store_object *object, struct err *problem)
{
    (void)problem;
    ck_assert_int_gt(object->modified, 0);
    text_addf(context, "%s=%llu ", object->key, (unsigned long long)object->size);
    return 0;
}

/* The listing as one text; a directory has its own order, so one object at a time. */
static void listing_is(const char *prefix, const char *wanted)
{
    struct text text;
    text_init(&text, 10000);
    text_add(&text, "");
    OK(store_list(store, prefix, add_key, &text, &err));
    ck_assert_str_eq(text.data, wanted);
    text_release(&text);
}

struct pending {
    unsigned count;
    char key[300], handle[300];
};

static int note_pending(void *context, const struct store_pending *pending,
                        struct err *problem)
{
    struct pending *out = context;
    (void)problem;
    out->count++;
    snprintf(out->key, sizeof out->key, "%s", pending->key);
    snprintf(out->handle, sizeof out->handle, "%s", pending->handle);
    return 0;
}

static struct pending list_pending(void)
{
    struct pending pending = {0};
    OK(store_list_pending(store, "data/", note_pending, &pending, &err));
    return pending;
}

/* Parts of one letter each: "aaa…", "bbb…". */
static void give(struct store_upload *upload, unsigned number, bool last)
{
    struct part *part = part_pool_get(pool, &err);
    ck_assert_ptr_nonnull(part);
    memset(part->data, 'a' + (int)number - 1, PART);
    part->size = PART;
    part->number = number;
    part->offset = (number - 1) * PART;
    part->last = last;
    OK(store_upload_part(upload, part, &err));
    part_release(part);
}

static struct store_upload *begin(struct store *where)
{
    struct store_upload_spec spec = {
        .key = KEY, .content_type = "application/gzip", .id = ID};
    struct store_upload *upload = store_upload_begin(where, &spec, &err);
    ck_assert_msg(upload != NULL, "%s", err.text);
    return upload;
}

static void upload_is_there(unsigned parts)
{
    static char buffer[PART * 8];
    struct store_download *download = store_download_begin(store, KEY, 0, 0, &err);
    ck_assert_msg(download != NULL, "%s", err.text);
    ck_assert_uint_eq(store_download_size(download), parts * PART);
    size_t size = 0;
    for (ssize_t got = 1; got > 0; size += (size_t)got) {
        got = store_download_read(download, buffer + size, sizeof buffer - size, &err);
        ck_assert_msg(got >= 0, "%s", err.text);
    }
    store_download_free(download);
    ck_assert_uint_eq(size, parts * PART);
    for (size_t i = 0; i < size; i++)
        ck_assert_int_eq(buffer[i], 'a' + (int)(i / PART));
}

START_TEST(small_objects_are_kept_as_they_are)
{
    struct store_object object;
    bool absent = false;
    start((enum kind)_i);
    expect("manifests/a.json", NULL);
    OK(store_stat(store, "manifests/a.json", &object, &absent, &err));
    ck_assert(absent);
    OK(put("manifests/a.json", "{}", false));
    expect("manifests/a.json", "{}");
    OK(store_stat(store, "manifests/a.json", &object, &absent, &err));
    ck_assert(!absent);
    ck_assert_str_eq(object.key, "manifests/a.json");
    ck_assert_uint_eq(object.size, 2);
    store_object_release(&object);
    OK(put("manifests/a.json", "[]", true));
    expect("manifests/a.json", "[]");
    OK(put("empty", "", false));
    expect("empty", "");
    stop();
}
END_TEST

START_TEST(what_is_there_is_overwritten_only_when_asked)
{
    start((enum kind)_i);
    OK(put("manifests/a.json", "one", false));
    fails(put("manifests/a.json", "two", false), ERR_STORE);
    expect("manifests/a.json", "one");
    stop();
}
END_TEST

START_TEST(a_listing_knows_prefixes_and_relative_keys)
{
    start((enum kind)_i);
    OK(put("p/a", "1", false));
    OK(put("p2/b", "22", false));
    OK(put("p/a.json", "333", false));
    listing_is("p2/", "p2/b=2 ");
    listing_is("p/a", "p/a=1 ");
    listing_is("p", "");
    listing_is("nothing/", "");
    stop();
}
END_TEST

START_TEST(an_upload_becomes_visible_whole_and_at_once)
{
    struct store_object object;
    start((enum kind)_i);
    struct store_upload *upload = begin(store);
    for (unsigned number = 1; number <= 6; number++)
        give(upload, number, number == 6);
    OK(store_upload_wait(upload, &err));
    listing_is("data/", "");
    OK(store_upload_finish(upload, &object, &err));
    ck_assert_str_eq(object.key, KEY);
    ck_assert_uint_eq(object.size, 6 * PART);
    store_object_release(&object);
    store_upload_free(upload);
    ck_assert_uint_eq(list_pending().count, 0);
    upload_is_there(6);
    stop();
}
END_TEST

START_TEST(an_upload_of_one_part_is_an_upload_as_well)
{
    start((enum kind)_i);
    struct store_upload *upload = begin(store);
    give(upload, 1, true);
    OK(store_upload_finish(upload, NULL, &err));
    store_upload_free(upload);
    upload_is_there(1);
    stop();
}
END_TEST

START_TEST(an_upload_that_is_let_go_leaves_nothing)
{
    start((enum kind)_i);
    struct store_upload *upload = begin(store);
    give(upload, 1, false);
    give(upload, 2, false);
    store_upload_free(upload);
    ck_assert_uint_eq(list_pending().count, 0);
    listing_is("", "");
    stop();
}
END_TEST

/* A child of a process with threads may allocate with glibc, which is made for that. With the
 * allocator of the sanitizers it hung now and then, and the fake services are threads. */
static bool may_fork(void)
{
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    return kind == DIR_STORE;
#else
    return true;
#endif
}

/* A process with a store of its own that uploads two parts and is gone. */
static void die_uploading(void)
{
    int status = 1;
    pid_t pid = fork();
    ck_assert_int_ge(pid, 0);
    if (pid == 0) {
        struct store_upload *upload = begin(open_store());
        give(upload, 1, false);
        give(upload, 2, false);
        _exit(store_upload_wait(upload, &err) == 0 ? 0 : 1);
    }
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert_int_eq(status, 0);
}

START_TEST(what_a_dead_process_left_is_found_and_continued)
{
    struct store_upload_spec spec = {.key = KEY, .id = ID};
    struct store_resumed at;
    start((enum kind)_i);
    if (!may_fork()) {
        stop();
        return;
    }
    die_uploading();
    struct pending pending = list_pending();
    ck_assert_uint_eq(pending.count, 1);
    listing_is("", "");
    struct store_upload *upload =
        store_upload_resume(store, &spec, pending.handle, &at, &err);
    ck_assert_msg(upload != NULL, "%s", err.text);
    ck_assert_uint_eq(at.offset, 2 * PART);
    ck_assert_uint_eq(at.next_number, kind == DIR_STORE ? 1 : 3);
    give(upload, 3, true);
    OK(store_upload_finish(upload, NULL, &err));
    store_upload_free(upload);
    upload_is_there(3);
    stop();
}
END_TEST

START_TEST(what_a_dead_process_left_is_found_and_undone)
{
    struct store_upload_spec spec = {.key = KEY, .id = ID};
    struct store_resumed at;
    start((enum kind)_i);
    if (!may_fork()) {
        stop();
        return;
    }
    die_uploading();
    struct pending pending = list_pending();
    OK(store_abort_pending(store, pending.key, pending.handle, &err));
    OK(store_abort_pending(store, pending.key, pending.handle, &err));
    ck_assert_uint_eq(list_pending().count, 0);
    ck_assert_ptr_null(store_upload_resume(store, &spec, pending.handle, &at, &err));
    fails(-1, ERR_NOT_FOUND);
    stop();
}
END_TEST

START_TEST(removing_leaves_no_version_and_no_neighbour)
{
    struct store_removed removed;
    start((enum kind)_i);
    OK(put("state/a", "1", false));
    OK(put("state/a", "2", true));
    OK(put("state/ab", "3", false));
    OK(store_remove(store, "state/a", &removed, &err));
    ck_assert_int_eq(removed.result, STORE_GONE);
    OK(store_remove(store, "state/a", &removed, &err));
    ck_assert_int_eq(removed.result, STORE_GONE);
    listing_is("", "state/ab=1 ");
    if (kind != DIR_STORE)
        ck_assert_uint_eq(fake_s3_version_count(fake, NULL), 1);
    stop();
}
END_TEST

START_TEST(a_mark_identifies_each_kind_of_store)
{
    char uuid[37] = "", again[37] = "", found[37];
    bool absent = false;
    start((enum kind)_i);
    OK(store_check(store, true, 5000, &err));
    OK(store_identify(store, found, &absent, &err));
    ck_assert(absent);
    OK(store_mark(store, uuid, &err));
    OK(store_mark(store, again, &err));
    ck_assert_str_eq(again, uuid);
    OK(store_identify(store, found, &absent, &err));
    ck_assert(!absent);
    ck_assert_str_eq(found, uuid);
    stop();
}
END_TEST

START_TEST(an_absent_object_cannot_be_downloaded)
{
    start((enum kind)_i);
    struct store_download *download = store_download_begin(store, KEY, 0, 0, &err);
    ck_assert_ptr_null(download);
    fails(-1, ERR_NOT_FOUND);
    stop();
}
END_TEST

/* ---- buckets ---- */

START_TEST(two_prefixes_of_one_bucket_are_two_stores)
{
    struct store_removed removed;
    start(VERSIONED);
    struct store *other = open_bucket("p2");
    OK(put("state/a", "p", false));
    OK(store_put_new(other, "state/a", "p2", 2, &err));
    fake_s3_add_object(fake, "p", "x", 1);
    fake_s3_add_object(fake, "px/state/a", "x", 1);
    listing_is("", "state/a=1 ");
    OK(store_remove(store, "state/a", &removed, &err));
    ck_assert_uint_eq(fake_s3_object_count(fake), 3);
    store_close(other);
    stop();
}
END_TEST

START_TEST(keys_lie_below_the_prefix)
{
    struct fake_object object;
    start((enum kind)_i);
    OK(put("manifests/a.json", "{}", false));
    char *full = memory_format("%smanifests/a.json", full_prefixes[kind]);
    ck_assert(fake_s3_object(fake, full, &object));
    ck_assert_str_eq(object.content_type, "application/json");
    fake_object_release(&object);
    free(full);
    stop();
}
END_TEST

START_TEST(a_put_whose_answer_was_lost_is_no_conflict_with_itself)
{
    start(BUCKET);
    fake_s3_fault(fake,
                  &(struct fake_fault){.op = "PutObject", .action = FAKE_LOSE_ANSWER});
    OK(put("manifests/a.json", "{}", false));
    ck_assert_uint_ge(fake_s3_count(fake, "PutObject"), 2);
    fails(put("manifests/a.json", "{ }", false), ERR_STORE);
    expect("manifests/a.json", "{}");
    stop();
}
END_TEST

START_TEST(versioning_is_asked_once)
{
    struct store_removed removed;
    start(VERSIONED);
    for (unsigned i = 0; i < 3; i++) {
        OK(put("state/a", "1", false));
        OK(store_remove(store, "state/a", &removed, &err));
    }
    ck_assert_uint_eq(fake_s3_count(fake, "GetBucketVersioning"), 1);
    stop();
}
END_TEST

START_TEST(who_may_not_ask_for_versioning_looks_for_versions)
{
    struct store_removed removed;
    start(VERSIONED);
    fake_s3_fault(fake, &(struct fake_fault){.op = "GetBucketVersioning",
                                             .action = FAKE_STATUS,
                                             .status = 403,
                                             .code = "AccessDenied",
                                             .times = FAKE_ALWAYS});
    OK(put("state/a", "1", false));
    OK(store_remove(store, "state/a", &removed, &err));
    ck_assert_uint_eq(fake_s3_version_count(fake, NULL), 0);
    OK(put("state/a", "1", false));
    fake_s3_fault(fake, &(struct fake_fault){.op = "ListObjectVersions",
                                             .action = FAKE_STATUS,
                                             .status = 403,
                                             .code = "AccessDenied",
                                             .times = FAKE_ALWAYS});
    fails(store_remove(store, "state/a", &removed, &err), ERR_DENIED);
    ck_assert_int_eq(removed.result, STORE_REFUSED);
    ck_assert_ptr_nonnull(strstr(err.text, "s3:ListBucketVersions"));
    expect("state/a", "1");
    stop();
}
END_TEST

START_TEST(a_locked_object_is_locked_until_its_date_and_a_hold_outlasts_it)
{
    struct store_removed removed;
    int64_t until = clock_now() + 86400;
    start(VERSIONED);
    OK(put("state/a", "1", false));
    fake_s3_lock_object(fake, "p/state/a", "COMPLIANCE", until);
    OK(store_remove(store, "state/a", &removed, &err));
    ck_assert_int_eq(removed.result, STORE_LOCKED);
    ck_assert_int_eq(removed.locked_until, until);
    expect("state/a", "1");
    OK(put("state/a", "2", true));
    fake_s3_lock_object(fake, "p/state/a", NULL, 0);
    OK(store_remove(store, "state/a", &removed, &err));
    ck_assert_int_eq(removed.result, STORE_LOCKED);
    ck_assert_int_eq(removed.locked_until, 0);
    ck_assert_uint_eq(fake_s3_version_count(fake, NULL), 2);
    stop();
}
END_TEST

START_TEST(a_bucket_that_is_gone_is_no_removal)
{
    struct store_removed removed;
    start(BUCKET);
    OK(put("state/a", "1", false));
    fake_s3_fault(fake, &(struct fake_fault){.op = "DeleteObject",
                                             .action = FAKE_STATUS,
                                             .status = 404,
                                             .code = "NoSuchBucket",
                                             .times = FAKE_ALWAYS});
    fails(store_remove(store, "state/a", &removed, &err), ERR_STORE);
    ck_assert_int_eq(removed.result, STORE_REFUSED);
    stop();
}
END_TEST

START_TEST(a_listing_that_is_cut_is_an_error)
{
    struct text text;
    start(BUCKET);
    OK(put("a", "1", false));
    fake_s3_fault(fake, &(struct fake_fault){.op = "ListObjectsV2",
                                             .action = FAKE_NO_MORE_TOKEN,
                                             .times = FAKE_ALWAYS});
    text_init(&text, 1000);
    ck_assert_int_eq(store_list(store, "", add_key, &text, &err), -1);
    text_release(&text);
    stop();
}
END_TEST

START_TEST(the_check_is_bounded_and_leaves_the_budget_as_it_was)
{
    start(BUCKET);
    fake_s3_down(fake);
    int64_t before = clock_monotonic_ms();
    fails(store_check(store, true, 300, &err), ERR_TRANSIENT);
    ck_assert_int_lt(clock_monotonic_ms() - before, 3000);
    OK(fake_s3_up(fake, &err));
    fake_s3_fault(fake, &(struct fake_fault){.op = "PutObject", .times = 5});
    OK(store_check(store, true, 5000, &err));
    OK(put("a", "1", false));
    stop();
}
END_TEST

/* What a backup of one small database asks of a bucket that it has used before. */
START_TEST(a_small_backup_is_few_requests)
{
    static const struct {
        const char *provider;
        unsigned requests;
    } rows[] = {{"aws", 4}, {"minio", 4}, {"ceph", 6}, {"other", 6}};
    struct fake_s3_settings defaults = fake_s3_defaults();
    struct s3_config config;
    char uuid[37] = "", found[37];
    bool absent = true;
    start(BUCKET);
    OK(store_mark(store, uuid, &err));
    s3_config_init(&config);
    config.endpoint = fake_s3_endpoint(fake);
    config.bucket = defaults.bucket;
    config.access_key = defaults.access_key;
    config.secret_key = defaults.secret_key;
    config.style = S3_STYLE_PATH;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        config.provider = rows[i].provider;
        struct store *opened = store_open_s3("nas", &config, &err);
        ck_assert_ptr_nonnull(opened);
        unsigned before = fake_s3_count(fake, NULL);
        OK(store_check(opened, false, 5000, &err));
        OK(store_identify(opened, found, &absent, &err));
        ck_assert(!absent);
        ck_assert_str_eq(found, uuid);
        struct store_upload *upload = begin(opened);
        give(upload, 1, true);
        OK(store_upload_finish(upload, NULL, &err));
        store_upload_free(upload);
        char *index = memory_format("index-%zu.gz", i);
        char *manifest = memory_format("manifest-%zu.json", i);
        OK(store_put_new(opened, index, "index", 5, &err));
        OK(store_put_new(opened, manifest, "{}", 2, &err));
        ck_assert_msg(fake_s3_count(fake, NULL) - before == rows[i].requests, "%s: %u",
                      rows[i].provider, fake_s3_count(fake, NULL) - before);
        free(index);
        free(manifest);
        store_close(opened);
    }
    stop();
}
END_TEST

/* What is asked while the dump goes on need not be asked when it has ended. */
START_TEST(a_look_ahead_spares_the_one_before_the_write)
{
    start(BUCKET);
    OK(put("taken", "1", false));
    store_look_ahead(store, "free", 5000);
    store_look_ahead(store, "taken", 5000);
    unsigned before = fake_s3_count(fake, NULL);
    OK(put("free", "2", false));
    ck_assert_uint_eq(fake_s3_count(fake, NULL) - before, 1);
    fails(put("taken", "2", false), ERR_STORE);
    /* Nor is a service that does not answer any hindrance. */
    fake_s3_fault(fake,
                  &(struct fake_fault){.op = "HeadObject", .status = 500, .times = 1});
    store_look_ahead(store, "other", 1);
    fake_s3_clear_faults(fake);
    OK(put("other", "2", false));
    stop();
}
END_TEST

/* One check serves one look at the mark, and no later one. */
START_TEST(a_mark_that_changed_after_the_check_is_seen)
{
    char uuid[37] = "", found[37];
    bool absent = false;
    start(BUCKET);
    OK(store_check(store, false, 5000, &err));
    OK(store_identify(store, found, &absent, &err));
    ck_assert(absent);
    OK(store_mark(store, uuid, &err));
    OK(store_identify(store, found, &absent, &err));
    ck_assert(!absent);
    ck_assert_str_eq(found, uuid);
    stop();
}
END_TEST

START_TEST(a_prefix_that_leaves_the_bucket_is_refused)
{
    static const char *const bad[] = {"..", "a/../b", "a//b", "./a", "a\nb"};
    struct s3_config config;
    s3_config_init(&config);
    config.bucket = "bucket";
    config.access_key = "key"; /* the prefix is at fault, not the machine's keys */
    config.secret_key = "secret";
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        config.prefix = bad[i];
        ck_assert_ptr_null(store_open_s3("nas", &config, &err));
        fails(-1, ERR_STORE);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("store");
    TCase *tcase = tcase_create("store");

    tcase_add_loop_test(tcase, small_objects_are_kept_as_they_are, 0, KINDS);
    tcase_add_loop_test(tcase, what_is_there_is_overwritten_only_when_asked, 0, KINDS);
    tcase_add_loop_test(tcase, a_listing_knows_prefixes_and_relative_keys, 0, KINDS);
    tcase_add_loop_test(tcase, an_upload_becomes_visible_whole_and_at_once, 0, KINDS);
    tcase_add_loop_test(tcase, an_upload_of_one_part_is_an_upload_as_well, 0, KINDS);
    tcase_add_loop_test(tcase, an_upload_that_is_let_go_leaves_nothing, 0, KINDS);
    tcase_add_loop_test(tcase, what_a_dead_process_left_is_found_and_continued, 0, KINDS);
    tcase_add_loop_test(tcase, what_a_dead_process_left_is_found_and_undone, 0, KINDS);
    tcase_add_loop_test(tcase, removing_leaves_no_version_and_no_neighbour, 0, KINDS);
    tcase_add_loop_test(tcase, a_mark_identifies_each_kind_of_store, 0, KINDS);
    tcase_add_loop_test(tcase, an_absent_object_cannot_be_downloaded, 0, KINDS);
    tcase_add_loop_test(tcase, keys_lie_below_the_prefix, BUCKET, KINDS);
    tcase_add_test(tcase, two_prefixes_of_one_bucket_are_two_stores);
    tcase_add_test(tcase, a_put_whose_answer_was_lost_is_no_conflict_with_itself);
    tcase_add_test(tcase, versioning_is_asked_once);
    tcase_add_test(tcase, who_may_not_ask_for_versioning_looks_for_versions);
    tcase_add_test(tcase, a_locked_object_is_locked_until_its_date_and_a_hold_outlasts_it);
    tcase_add_test(tcase, a_bucket_that_is_gone_is_no_removal);
    tcase_add_test(tcase, a_listing_that_is_cut_is_an_error);
    tcase_add_test(tcase, the_check_is_bounded_and_leaves_the_budget_as_it_was);
    tcase_add_test(tcase, a_small_backup_is_few_requests);
    tcase_add_test(tcase, a_look_ahead_spares_the_one_before_the_write);
    tcase_add_test(tcase, a_mark_that_changed_after_the_check_is_seen);
    tcase_add_test(tcase, a_prefix_that_leaves_the_bucket_is_refused);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
