#include "doctor/diagnose.h"

#include "repository/adopt.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/memory.h"
#include "catalog/copies.h"
#include "catalog/db/facts.h"
#include "s3/s3.h"
#include "tests/support/catalogs.h"
#include "tests/support/fake_s3.h"
#include "tests/support/run_suite.h"
#include "tests/support/scratch.h"

#include <check.h>
#include <sys/stat.h>
#include <unistd.h>

#define UUID_A "aaaaaaaa-0000-4000-8000-000000000000"
#define UUID_B "bbbbbbbb-0000-4000-8000-000000000000"

/* A configuration with a folder and a bucket, and what was told. */
struct told {
    char *name, *check, *found, *advice;
    enum diagnose_verdict verdict;
    enum err_kind kind;
};

static struct catalogs c;
static struct settings settings;
static struct told told[100];
static size_t told_count;
static struct diagnose_result result;
static struct err err;
static char *folder;

static void hear(void *unused, const struct diagnose_finding *finding)
{
    (void)unused;
    ck_assert_uint_lt(told_count, sizeof told / sizeof told[0]);
    told[told_count++] = (struct told){.name = memory_strdup(finding->name),
                                       .check = memory_strdup(finding->check),
                                       .found = memory_strdup(finding->found),
                                       .advice = memory_strdup(finding->advice),
                                       .verdict = finding->verdict,
                                       .kind = finding->kind};
}

static void forget(void)
{
    for (size_t i = 0; i < told_count; i++) {
        free(told[i].name);
        free(told[i].check);
        free(told[i].found);
        free(told[i].advice);
    }
    told_count = 0;
}

static void look(void)
{
    struct diagnose_spec spec = {.settings = &settings, .report = hear};
    forget();
    ck_assert_int_eq(diagnose_run(&spec, &result, &err), 0);
}

static const struct told *find(const char *check)
{
    for (size_t i = 0; i < told_count; i++)
        if (strcmp(told[i].check, check) == 0)
            return &told[i];
    ck_abort_msg("nothing was told of %s", check);
    return NULL;
}

static void assert_told(const char *check, enum diagnose_verdict verdict, const char *word)
{
    const struct told *one = find(check);
    ck_assert_msg(one->verdict == verdict, "%s: %s: %s", check,
                  diagnose_verdict_name(one->verdict), one->found);
    ck_assert_msg(strstr(one->found, word) != NULL, "%s: %s", check, one->found);
}

static void setup(void)
{
    static struct store_settings stores[1];
    static struct job_settings jobs[1];
    catalogs_begin(&c);
    err = (struct err){0};
    folder = memory_format("%s/nas", c.folder);
    ck_assert_int_eq(mkdir(folder, 0700), 0);
    settings = (struct settings){.catalog = c.path};
    stores[0] = (struct store_settings){
        .name = memory_strdup("nas"), .type = STORE_DIR, .path = memory_strdup(folder)};
    jobs[0] = (struct job_settings){.name = memory_strdup("nightly"),
                                    .source = memory_strdup("shop"),
                                    .type = DUMP_FULL};
    strlist_add(&jobs[0].stores, "nas");
    settings.stores = stores;
    settings.store_count = 1;
    settings.jobs = jobs;
    settings.job_count = 1;
}

static void teardown(void)
{
    forget();
    store_settings_release(&settings.stores[0]);
    free(settings.jobs[0].name);
    free(settings.jobs[0].source);
    strlist_release(&settings.jobs[0].stores);
    free(folder);
    catalogs_end(&c);
}

static void write_mark(const char *uuid)
{
    char *path = file_join(folder, "pgkeep-store.json");
    char *mark = memory_format("{\"pgkeep_store\":1,\"uuid\":\"%s\"}", uuid);
    scratch_write(path, mark, strlen(mark));
    free(mark);
    free(path);
}

/* A row of the store, with this mark. */
static int64_t expect_mark(const char *uuid)
{
    int64_t id = catalogs_store(c.catalog, "nas");
    ck_assert_int_eq(catalog_store_adopt(c.catalog, id, uuid, &err), 0);
    return id;
}

/* ---- a folder ---- */

START_TEST(a_folder_is_written_to_and_left_as_it_was)
{
    look();
    assert_told("reached", DIAGNOSE_OK, folder);
    assert_told("mark", DIAGNOSE_OK, "none yet");
    assert_told("write", DIAGNOSE_OK, "came and went");
    ck_assert_int_eq(rmdir(folder), 0); /* it is empty */
    ck_assert_int_eq(result.first, ERR_NONE);
    ck_assert_int_eq(catalogs_number(&c, "SELECT count(*) FROM stores"), 0);
}
END_TEST

START_TEST(a_folder_that_is_gone_is_a_disk_that_is_not_mounted)
{
    ck_assert_int_eq(rmdir(folder), 0);
    look();
    assert_told("reached", DIAGNOSE_WARNING, "does not exist yet");
    expect_mark(UUID_A);
    look();
    assert_told("reached", DIAGNOSE_FAILED, "though the catalog knows");
    ck_assert_int_eq(result.first, ERR_UNSAFE);
    ck_assert(!file_exists(folder));
}
END_TEST

START_TEST(marks_are_held_against_the_catalog)
{
    write_mark(UUID_A);
    look();
    assert_told("mark", DIAGNOSE_OK, "has not used yet");
    int64_t other = catalogs_store(c.catalog, "old");
    ck_assert_int_eq(catalog_store_adopt(c.catalog, other, UUID_A, &err), 0);
    look();
    assert_told("mark", DIAGNOSE_OK, "knows it as \"old\"");
    expect_mark(UUID_B);
    look();
    assert_told("mark", DIAGNOSE_FAILED, "another store than expected");
    write_mark(UUID_B);
    look();
    assert_told("mark", DIAGNOSE_OK, "as expected");
}
END_TEST

START_TEST(room_is_held_against_what_the_last_backups_took)
{
    int64_t id = expect_mark(UUID_A);
    write_mark(UUID_A);
    catalogs_complete(c.catalog, 1, id, clock_now() - 100);
    look();
    assert_told("free-space", DIAGNOSE_OK, "");
    catalogs_sql(&c, "UPDATE artifacts SET stored_bytes = 1152921504606846976");
    look();
    const struct told *last = NULL;
    for (size_t i = 0; i < told_count; i++)
        if (strcmp(told[i].check, "free-space") == 0)
            last = &told[i];
    ck_assert_int_eq(last->verdict, DIAGNOSE_WARNING);
    ck_assert_ptr_nonnull(strstr(last->found, "took 1.0 EiB"));
}
END_TEST

/* ---- catalog ---- */

START_TEST(a_clock_that_went_back_is_not_safe)
{
    ck_assert_int_eq(catalog_time_seen(c.catalog, clock_now() + 7200, &err), 0);
    look();
    assert_told("clock", DIAGNOSE_FAILED, "");
    ck_assert_int_eq(result.first, ERR_UNSAFE);
}
END_TEST

START_TEST(without_a_catalog_the_stores_are_looked_at_all_the_same)
{
    char *none = file_join(c.folder, "sub/none.db");
    settings.catalog = none;
    look();
    assert_told("catalog", DIAGNOSE_OK, "none yet");
    assert_told("write", DIAGNOSE_OK, "");
    ck_assert(!file_exists(none));
    free(none);

    char *broken = file_join(c.folder, "broken.db");
    scratch_write(broken, "no catalog", 10);
    settings.catalog = broken;
    look();
    assert_told("catalog", DIAGNOSE_FAILED, "");
    assert_told("write", DIAGNOSE_OK, "");
    free(broken);
}
END_TEST

START_TEST(a_job_without_a_policy_is_a_warning)
{
    static struct policy_settings policies[1];
    look();
    assert_told("retention", DIAGNOSE_WARNING, "no policy");
    policies[0] = (struct policy_settings){.name = memory_strdup("default")};
    strlist_add(&policies[0].keys, "min_keep");
    strlist_add(&policies[0].values, "2");
    settings.policies = policies;
    settings.policy_count = 1;
    look();
    assert_told("retention", DIAGNOSE_WARNING, "no rule that keeps");
    strlist_add(&policies[0].keys, "keep_daily");
    strlist_add(&policies[0].values, "7");
    look();
    assert_told("retention", DIAGNOSE_OK, "daily=7");
    free(policies[0].name);
    strlist_release(&policies[0].keys);
    strlist_release(&policies[0].values);
}
END_TEST

/* ---- uploads that the service will sweep ---- */

static struct fake_s3 *start_bucket(const char *provider)
{
    struct fake_s3_settings service = fake_s3_defaults();
    struct fake_s3 *fake = fake_s3_new(&service, &err);
    ck_assert_ptr_nonnull(fake);
    store_settings_release(&settings.stores[0]);
    char *url = memory_format("s3://bucket/p?endpoint=%s&region=us-east-1&provider=%s",
                              fake_s3_endpoint(fake), provider);
    settings.stores[0] = (struct store_settings){0};
    ck_assert_int_eq(store_settings_from_url(url, &settings.stores[0], &err), 0);
    memory_replace(&settings.stores[0].name, "nas");
    secret_set(&settings.stores[0].access_key, "AKIDEXAMPLE");
    secret_set(&settings.stores[0].secret_key, "secretexample");
    free(url);
    return fake;
}

static void age_copy(int64_t id, int hours)
{
    catalogs_sqlf(&c, "UPDATE copies SET created = %lld WHERE id = %lld",
                  (long long)(clock_now() - (int64_t)hours * 3600), (long long)id);
}

START_TEST(an_upload_that_the_service_will_soon_drop_is_named)
{
    static const struct {
        const char *provider;
        int hours;
        enum diagnose_verdict verdict;
    } rows[] = {
        {"minio", 19, DIAGNOSE_OK},
        {"minio", 21, DIAGNOSE_WARNING},
        {"ceph", 1000, DIAGNOSE_OK},
        {"r2", 150, DIAGNOSE_WARNING},
    };
    int64_t store = catalogs_store(c.catalog, "nas");
    catalogs_artifact(c.catalog, 1, clock_now());
    int64_t copy = catalogs_copy(c.catalog, 1, store);
    ck_assert_int_eq(catalog_copy_begun(c.catalog, copy, "an-upload", &err), 0);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct fake_s3 *fake = start_bucket(rows[i].provider);
        age_copy(copy, rows[i].hours);
        look();
        assert_told("uploads", rows[i].verdict, "");
        ck_assert_uint_eq(fake_s3_object_count(fake), 0);
        fake_s3_free(fake);
    }
}
END_TEST

START_TEST(an_upload_of_a_run_that_is_gone_is_named)
{
    int64_t store = catalogs_store(c.catalog, "nas");
    catalogs_artifact(c.catalog, 1, clock_now());
    int64_t copy = catalogs_copy(c.catalog, 1, store);
    ck_assert_int_eq(catalog_copy_begun(c.catalog, copy, "an-upload", &err), 0);
    catalogs_sqlf(&c, "UPDATE copies SET owner = '%s'", catalogs_dead_owner());
    struct fake_s3 *fake = start_bucket("ceph");
    look();
    assert_told("uploads", DIAGNOSE_WARNING, "of a run that is gone");
    fake_s3_free(fake);
}
END_TEST

START_TEST(a_bucket_is_probed_below_its_prefix)
{
    struct fake_s3 *fake = start_bucket("aws");
    look();
    assert_told("provider", DIAGNOSE_OK, "fits");
    assert_told("content-md5", DIAGNOSE_OK, "refused");
    for (unsigned i = 1; i <= fake_s3_count(fake, NULL); i++) {
        struct fake_request request;
        ck_assert(fake_s3_request(fake, NULL, i, &request));
        bool writes = strcmp(request.method, "GET") != 0 && request.key != NULL;
        ck_assert(!writes || strncmp(request.key, "p/pgkeep-probe-", 15) == 0 ||
                  strcmp(request.method, "HEAD") == 0);
        fake_request_release(&request);
    }
    ck_assert_uint_eq(fake_s3_object_count(fake), 0);
    fake_s3_free(fake);
}
END_TEST

/* ---- adopt ---- */

static int adopt(const char *mark)
{
    struct adopt found;
    err_clear(&err);
    int done = adopt_look(&settings, c.catalog, "nas", &found, &err);
    if (done == 0)
        done = adopt_store(&found, c.catalog, mark, &err);
    adopt_release(&found);
    return done;
}

static char *expected_mark(void)
{
    static char uuid[37];
    struct catalog_store row = {0};
    bool absent = true;
    ck_assert_int_eq(catalog_store_find(c.catalog, "nas", &row, &absent, &err), 0);
    memcpy(uuid, row.uuid, sizeof uuid);
    catalog_store_release(&row);
    return uuid;
}

START_TEST(an_emptied_store_gets_a_new_mark)
{
    int64_t id = expect_mark(UUID_A);
    catalogs_complete(c.catalog, 1, id, 1000);
    catalogs_complete(c.catalog, 2, id, 2000);
    struct adopt found;
    ck_assert_int_eq(adopt_look(&settings, c.catalog, "nas", &found, &err), 0);
    ck_assert_int_eq(found.state, ADOPT_UNMARKED);
    ck_assert_uint_eq(found.copies, 2);
    ck_assert_str_eq(found.newest, catalogs_id(2));
    ck_assert_str_eq(found.expected, UUID_A);
    adopt_release(&found);
    ck_assert_int_eq(rmdir(folder), 0); /* looking writes nothing */
    ck_assert_int_eq(mkdir(folder, 0700), 0);

    ck_assert_int_eq(adopt(NULL), 0);
    ck_assert_str_ne(expected_mark(), UUID_A);
    look();
    assert_told("mark", DIAGNOSE_OK, "as expected");
    ck_assert_int_eq(adopt(NULL), 0); /* nothing to do */
}
END_TEST

START_TEST(another_stores_mark_is_taken_only_by_name)
{
    expect_mark(UUID_A);
    write_mark(UUID_B);
    ck_assert_int_eq(adopt(NULL), -1);
    ck_assert_int_eq(err.kind, ERR_UNSAFE);
    ck_assert_ptr_nonnull(strstr(err.text, "--mark " UUID_B));
    ck_assert_int_eq(adopt(UUID_A), -1);
    ck_assert_int_eq(err.kind, ERR_UNSAFE);
    ck_assert_str_eq(expected_mark(), UUID_A);
    ck_assert_int_eq(adopt(UUID_B), 0);
    ck_assert_str_eq(expected_mark(), UUID_B);
}
END_TEST

START_TEST(one_place_is_never_two_stores)
{
    expect_mark(UUID_A);
    int64_t other = catalogs_store(c.catalog, "old");
    ck_assert_int_eq(catalog_store_adopt(c.catalog, other, UUID_B, &err), 0);
    write_mark(UUID_B);
    ck_assert_int_eq(adopt(UUID_B), -1);
    ck_assert_int_eq(err.kind, ERR_UNSAFE);
    ck_assert_str_eq(expected_mark(), UUID_A);
}
END_TEST

START_TEST(what_the_catalog_does_not_know_is_not_adopted)
{
    ck_assert_int_eq(adopt(NULL), -1);
    ck_assert_int_eq(err.kind, ERR_NOT_FOUND);
    ck_assert_int_eq(rmdir(folder), 0);
    expect_mark(UUID_A);
    ck_assert_int_eq(adopt(NULL), -1); /* a folder that is not there is not made */
    ck_assert(!file_exists(folder));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("diagnose");
    TCase *tests = tcase_create("diagnose");
    if (s3_global_init(&err) < 0)
        return 1;
    tcase_set_timeout(tests, 30);
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, a_folder_is_written_to_and_left_as_it_was);
    tcase_add_test(tests, a_folder_that_is_gone_is_a_disk_that_is_not_mounted);
    tcase_add_test(tests, marks_are_held_against_the_catalog);
    tcase_add_test(tests, room_is_held_against_what_the_last_backups_took);
    tcase_add_test(tests, a_clock_that_went_back_is_not_safe);
    tcase_add_test(tests, without_a_catalog_the_stores_are_looked_at_all_the_same);
    tcase_add_test(tests, a_job_without_a_policy_is_a_warning);
    tcase_add_test(tests, an_upload_that_the_service_will_soon_drop_is_named);
    tcase_add_test(tests, an_upload_of_a_run_that_is_gone_is_named);
    tcase_add_test(tests, a_bucket_is_probed_below_its_prefix);
    tcase_add_test(tests, an_emptied_store_gets_a_new_mark);
    tcase_add_test(tests, another_stores_mark_is_taken_only_by_name);
    tcase_add_test(tests, one_place_is_never_two_stores);
    tcase_add_test(tests, what_the_catalog_does_not_know_is_not_adopted);
    suite_add_tcase(suite, tests);
    int status = run_suite(suite);
    s3_global_release();
    return status;
}
