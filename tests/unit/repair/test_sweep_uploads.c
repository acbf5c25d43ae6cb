/* Which uploads and temp files of a bucket are swept: those under keys of ours that nobody
 * owns, however the service lists them. */
#include "repair/sweep_steps.h"

#include "repository/keys.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "s3/s3.h"
#include "tests/support/catalogs.h"
#include "tests/support/fake_s3.h"
#include "tests/support/run_suite.h"

#include <check.h>

#define OK(call) ck_assert_msg((call) == 0, "%s", err.text)

enum { OLD = 8 * 86400, YOUNG = 3600 };

static struct catalogs catalogs;
static struct fake_s3 *fake;
static struct repository repository;
static struct settings sweep_settings;
static struct sweep_spec spec;
static struct sweep_report report;
static struct sweep sweep;
static struct err err;

static void start(bool exact_key)
{
    struct fake_s3_settings settings = fake_s3_defaults();
    struct s3_config config;
    settings.uploads_by_exact_key = exact_key;
    fake = fake_s3_new(&settings, &err);
    ck_assert_ptr_nonnull(fake);
    s3_config_init(&config);
    config.endpoint = fake_s3_endpoint(fake);
    config.bucket = settings.bucket;
    config.prefix = "p";
    config.access_key = settings.access_key;
    config.secret_key = settings.secret_key;
    repository = (struct repository){.name = memory_strdup("ceph"),
                                     .store = store_open_s3("ceph", &config, &err)};
    ck_assert_ptr_nonnull(repository.store);
}

static void setup(void)
{
    err_clear(&err);
    start(false);
    catalogs_begin(&catalogs);
    repository.id = catalogs_store(catalogs.catalog, "ceph");
    sweep_settings = (struct settings){.catalog = catalogs.path};
    struct session_spec run = {
        .settings = &sweep_settings, .kind = "sweep", .catalog = SESSION_WRITE};
    spec = (struct sweep_spec){.session = session_begin(&run, &err), .now = clock_now()};
    ck_assert_ptr_nonnull(spec.session);
    report = (struct sweep_report){0};
    sweep = (struct sweep){
        .spec = &spec, .repository = &repository, .report = &report, .store_now = spec.now};
}

static void teardown(void)
{
    (void)session_end(spec.session, OUTCOME_DONE, NULL);
    store_close(repository.store);
    free(repository.name);
    fake_s3_free(fake);
    catalogs_end(&catalogs);
}

/* The key of the n-th artifact, as backups make it. Heap. */
static char *key_of(unsigned n, const char *prefix)
{
    struct keys_artifact artifact = {.source = "shop",
                                     .database = "shop",
                                     .type = "full",
                                     .format = "plain",
                                     .compression = "gzip",
                                     .id = catalogs_id(n),
                                     .started = spec.now};
    char *key = keys_data(&artifact);
    char *full = memory_format("%s%s", prefix, key);
    free(key);
    return full;
}

enum row { NONE, COMPLETE, UPLOADING };

static void add_row(unsigned n, enum row row)
{
    if (row == NONE)
        return;
    int64_t id;
    if (row == COMPLETE) {
        id = catalogs_complete(catalogs.catalog, n, repository.id, spec.now);
    } else {
        catalogs_artifact(catalogs.catalog, n, spec.now);
        id = catalogs_copy(catalogs.catalog, n, repository.id); /* ours, so alive */
    }
    char *key = key_of(n, "");
    catalogs_sqlf(&catalogs, "UPDATE copies SET key = '%s' WHERE id = %lld", key,
                  (long long)id);
    free(key);
}

static const struct {
    const char *claim;
    enum row row;
    const char *prefix; /* NULL: the key is none of ours */
    int age_s;
    unsigned left;
    size_t open, foreign;
} cases[] = {
    {"ours, of a copy that nobody uploads", COMPLETE, "p/", YOUNG, 0, 0, 0},
    {"ours, of a live process", UPLOADING, "p/", YOUNG, 1, 1, 0},
    {"ours, of a live process, however old", UPLOADING, "p/", OLD, 1, 1, 0},
    {"like ours, unknown here, young", NONE, "p/", YOUNG, 1, 1, 1},
    {"like ours, unknown here, old", NONE, "p/", OLD, 0, 0, 0},
    {"another prefix that begins like ours", NONE, "p2/", OLD, 1, 0, 0},
    {"no prefix", NONE, "", OLD, 1, 0, 0},
    {"another's key", NONE, NULL, OLD, 1, 1, 0},
};

START_TEST(only_what_nobody_owns_is_aborted)
{
    size_t open = 0;
    add_row(1, cases[_i].row);
    char *key = cases[_i].prefix ? key_of(1, cases[_i].prefix)
                                 : memory_strdup("p/data/somebody/elses.sql.gz");
    ck_assert_ptr_nonnull(fake_s3_add_upload(fake, key, cases[_i].age_s));
    OK(sweep_uploads(&sweep, &open, &err));
    ck_assert_msg(fake_s3_upload_count(fake) == cases[_i].left, "%s", cases[_i].claim);
    ck_assert_msg(open == cases[_i].open, "%s", cases[_i].claim);
    ck_assert_msg(report.left_uploads == cases[_i].foreign, "%s", cases[_i].claim);
    free(key);
}
END_TEST

/* MinIO. */
START_TEST(a_service_that_lists_by_exact_key_is_asked_for_each_key)
{
    size_t open = 0;
    store_close(repository.store);
    free(repository.name);
    fake_s3_free(fake);
    start(true);
    repository.id = catalogs_store(catalogs.catalog, "ceph");
    for (unsigned n = 1; n <= 2; n++) {
        add_row(n, n == 1 ? COMPLETE : UPLOADING);
        char *key = key_of(n, "p/");
        ck_assert_ptr_nonnull(fake_s3_add_upload(fake, key, YOUNG));
        free(key);
    }
    OK(sweep_uploads(&sweep, &open, &err));
    ck_assert_uint_eq(report.aborted, 1);
    ck_assert_uint_eq(open, 1);
    ck_assert_uint_eq(fake_s3_upload_count(fake), 1);
}
END_TEST

START_TEST(a_listing_that_fails_aborts_nothing)
{
    size_t open = 0;
    add_row(1, COMPLETE);
    char *key = key_of(1, "p/");
    ck_assert_ptr_nonnull(fake_s3_add_upload(fake, key, OLD));
    struct fake_fault fault = {.op = "ListMultipartUploads",
                               .nth = 1,
                               .action = FAKE_STATUS,
                               .status = 404,
                               .code = "NoSuchBucket"};
    (void)fake_s3_fault(fake, &fault);
    ck_assert_int_eq(sweep_uploads(&sweep, &open, &err), -1);
    ck_assert_uint_eq(fake_s3_upload_count(fake), 1);
    free(key);
}
END_TEST

int main(void)
{
    struct err err_ = {0};
    log_setup(LOG_LEVEL_ERROR, LOG_FORMAT_TEXT);
    if (s3_global_init(&err_) < 0)
        return 1;
    Suite *suite = suite_create("sweep_uploads");
    TCase *tcase = tcase_create("sweep_uploads");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_loop_test(tcase, only_what_nobody_owns_is_aborted, 0,
                        (int)(sizeof cases / sizeof cases[0]));
    tcase_add_test(tcase, a_service_that_lists_by_exact_key_is_asked_for_each_key);
    tcase_add_test(tcase, a_listing_that_fails_aborts_nothing);
    suite_add_tcase(suite, tcase);
    int status = run_suite(suite);
    s3_global_release();
    return status;
}
