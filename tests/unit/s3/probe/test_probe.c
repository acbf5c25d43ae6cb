#include "s3/probe.h"

#include "base/cancel.h"
#include "base/memory.h"
#include "tests/support/s3_pair.h"
#include "tests/support/run_suite.h"

#include <check.h>
#include <pthread.h>
#include <signal.h>

enum { PART = 20000 };

static struct s3_pair pair;
static struct s3_probe probe;
static struct err err;

static int run_probe(void)
{
    struct s3_probe_spec spec = {.part_size = PART};
    return s3_probe_run(pair.client, &spec, &probe, &err);
}

static void start(const struct fake_s3_settings *service, const char *provider)
{
    struct s3_config config = s3_pair_config();
    config.provider = provider;
    config.prefix = "prod/";
    err_clear(&err);
    s3_pair_init(&pair, service, &config);
}

static void stop(void)
{
    s3_probe_release(&probe);
    s3_pair_release(&pair);
}

static const struct s3_finding *find(const char *name)
{
    for (size_t i = 0; i < probe.count; i++)
        if (strcmp(probe.findings[i].name, name) == 0)
            return &probe.findings[i];
    return NULL;
}

static const char *word_of(enum s3_probe_verdict verdict)
{
    static const char *const words[] = {"ok", "warning", "failed", "skipped"};
    return words[verdict];
}

static void assert_verdict(const char *what, const char *name, const char *verdict)
{
    const struct s3_finding *finding = find(name);
    ck_assert_msg(finding != NULL, "%s: no finding %s", what, name);
    ck_assert_msg(strcmp(word_of(finding->verdict), verdict) == 0, "%s: %s is %s: %s", what,
                  name, word_of(finding->verdict), finding->found);
}

static void assert_nothing_left(const char *what)
{
    ck_assert_msg(fake_s3_version_count(pair.fake, NULL) == 0, "%s: %u versions are left",
                  what, fake_s3_version_count(pair.fake, NULL));
    ck_assert_msg(fake_s3_upload_count(pair.fake) == 0, "%s: an upload is left", what);
}

/* ---- what is found */

struct row {
    const char *what;
    const char *provider;
    struct fake_s3_settings service;
    const char *not_ok; /* "name=verdict name=verdict": all others are ok */
    const char *advice; /* a word of the provider finding's; NULL: none */
};

static const struct row rows[] = {
    {"Amazon S3", "aws", {.versioning = true, .object_lock = true}, "", NULL},
    {"an unknown one that can all", "other", {.region = "us-east-1"}, "", NULL},
    {"MinIO",
     "minio",
     {.uploads_by_exact_key = true, .abort_twice_is_204 = true, .versioning = true},
     "",
     NULL},
    {"MinIO, not said",
     "other",
     {.uploads_by_exact_key = true},
     "list-uploads=warning provider=warning",
     "\"minio\""},
    {"R2", "r2", {.equal_parts = true}, "uneven-parts=skipped", NULL},
    {"R2, not said",
     "aws",
     {.equal_parts = true},
     "uneven-parts=failed provider=warning",
     "\"r2\""},
    {"B2",
     "b2",
     {.if_none_match = FAKE_IF_NONE_MATCH_501, .refuse_checksums = true},
     "",
     NULL},
    {"B2, taken for Amazon",
     "aws",
     {.if_none_match = FAKE_IF_NONE_MATCH_501, .refuse_checksums = true},
     "checksum=failed if-none-match=warning complete-if-none-match=failed "
     "provider=warning",
     "\"other\""},
    {"Supabase",
     "supabase",
     {.if_none_match = FAKE_IF_NONE_MATCH_IGNORED,
      .ignore_content_md5 = true,
      .ignore_sha256 = true,
      .no_batch_delete = true},
     "content-md5=warning payload-sha256=warning",
     NULL},
    {"Ceph, taken for MinIO",
     "minio",
     {.if_none_match = FAKE_IF_NONE_MATCH_IGNORED, .ignore_checksums = true},
     "checksum=warning if-none-match=warning complete-if-none-match=warning "
     "provider=warning",
     "\"other\""},
    {"Ceph, versions",
     "ceph",
     {.if_none_match = FAKE_IF_NONE_MATCH_IGNORED,
      .ignore_checksums = true,
      .versioning = true},
     "",
     NULL},
    {"few parts", "other", {.max_parts = 1000}, "max-parts=failed", NULL},
    {"KMS, not said", "other", {.etags_are_not_md5 = true}, "", NULL},
    {"larger parts only",
     "other",
     {.min_part_size = PART + 1},
     "uneven-parts=failed multipart=failed provider=warning",
     NULL},
    {"a clock that is off", "other", {.clock_offset_s = 400}, "clock=failed", NULL},
    {"no list v2", "supabase", {.no_list_v2 = true}, "list=failed delete=failed", NULL},
};

static bool expects(const char *list, const char *name, const char *verdict)
{
    char *entry = memory_format("%s=%s", name, verdict);
    const char *at = strstr(list, entry);
    bool found = false;
    for (; at != NULL && !found; at = strstr(at + 1, entry))
        found = (at == list || at[-1] == ' ') &&
                (at[strlen(entry)] == ' ' || at[strlen(entry)] == '\0');
    free(entry);
    return found;
}

static unsigned count_expected(const char *list)
{
    unsigned count = 0;
    for (const char *p = strchr(list, '='); p != NULL; p = strchr(p + 1, '='))
        count++;
    return count;
}

static struct fake_s3_settings service_of(const struct row *row)
{
    struct fake_s3_settings base = fake_s3_defaults();
    struct fake_s3_settings out = row->service;
    out.bucket = base.bucket;
    out.region = base.region;
    out.access_key = base.access_key;
    out.secret_key = base.secret_key;
    out.base_path = base.base_path;
    out.page_size = base.page_size;
    if (out.max_parts == 0)
        out.max_parts = base.max_parts;
    return out;
}

START_TEST(each_service_is_told_from_its_row)
{
    const struct row *row = &rows[_i];
    struct fake_s3_settings service = service_of(row);
    unsigned not_ok = 0;

    start(&service, row->provider);
    ck_assert_msg(run_probe() == 0, "%s: %s", row->what, err.text);
    for (size_t i = 0; i < probe.count; i++) {
        const struct s3_finding *finding = &probe.findings[i];
        const char *verdict = word_of(finding->verdict);
        bool ok = finding->verdict == S3_PROBE_OK;
        not_ok += !ok;
        ck_assert_msg(ok || expects(row->not_ok, finding->name, verdict),
                      "%s: %s is %s: %s", row->what, finding->name, verdict,
                      finding->found);
        ck_assert_msg(finding->verdict != S3_PROBE_FAILED || finding->kind != ERR_NONE,
                      "%s: %s has no kind", row->what, finding->name);
    }
    ck_assert_msg(not_ok == count_expected(row->not_ok), "%s: %u are not ok, wanted %s",
                  row->what, not_ok, row->not_ok);
    if (row->advice != NULL)
        ck_assert_msg(strstr(find("provider")->advice, row->advice) != NULL, "%s: %s",
                      row->what, find("provider")->advice);
    if (strstr(row->not_ok, "delete=") == NULL)
        assert_nothing_left(row->what);
    stop();
}
END_TEST

/* Behind a name of its own, with all that a MinIO does differently; one of before 2025 knows no
 * CRC-64. */
START_TEST(a_minio_is_recognised_by_its_answers_and_nothing_is_asked_of_it_that_is_new)
{
    struct fake_s3_settings service = s3_pair_service();
    bool old = _i == 1;
    service.server = "MinIO";
    service.uploads_by_exact_key = service.abort_twice_is_204 = service.lock_is_400 = true;
    service.refuse_checksums = old;
    start(&service, NULL);
    ck_assert_msg(run_probe() == 0, "%s", err.text);
    for (size_t i = 0; i < probe.count; i++)
        ck_assert_msg(probe.findings[i].verdict == S3_PROBE_OK, "%s: %s",
                      probe.findings[i].name, probe.findings[i].found);
    ck_assert_str_eq(find("provider")->found, "minio (MinIO) fits");
    ck_assert_int_eq(strstr(find("provider")->advice, "provider = \"minio\"") != NULL,
                     !old);
    assert_nothing_left("minio");
    ck_assert_uint_eq(s3_client_upload_hours(pair.client), 24);
    stop();

    /* Whoever names a provider, means it. */
    service.refuse_checksums = false;
    start(&service, "other");
    ck_assert_msg(run_probe() == 0, "%s", err.text);
    ck_assert_ptr_nonnull(strstr(find("provider")->found, "other"));
    stop();
}
END_TEST

START_TEST(what_is_found_is_said_in_words)
{
    static const struct {
        const char *name, *expected, *found;
    } words[] = {
        {"content-md5", "refused", "refused (400 BadDigest)"},
        {"payload-sha256", "refused", "refused (400 XAmzContentSHA256Mismatch)"},
        {"if-none-match", "honoured", "honoured (412)"},
        {"complete-if-none-match", "honoured", "honoured (412)"},
        {"checksum", "refused", "refused (400 BadDigest)"},
        {"max-parts", "up to 10000 parts", "10000 is accepted"},
        {"list-uploads", "by prefix", "by prefix"},
        {"bucket", "", "yes, keys from: configuration"},
        {"provider", "aws", "aws (Amazon S3) fits"},
        {"etag", "MD5s", "are MD5s"},
        {"lock", "", "off"},
    };
    start(NULL, "aws");
    ck_assert_int_eq(run_probe(), 0);
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        const struct s3_finding *finding = find(words[i].name);
        ck_assert_ptr_nonnull(finding);
        ck_assert_str_eq(finding->expected, words[i].expected);
        ck_assert_str_eq(finding->found, words[i].found);
    }
    stop();
}
END_TEST

/* ---- what is never touched, and what is left */

static void put(const char *key)
{
    fake_s3_add_object(pair.fake, key, "x", 1);
}

START_TEST(only_the_scratch_folder_is_touched)
{
    struct fake_s3_settings service = fake_s3_defaults();
    service.versioning = true;
    start(&service, "aws");
    put("prod/data/a");
    put("prod/pgkeep-probe-");
    put("pgkeep-probe-x/a");
    (void)fake_s3_add_upload(pair.fake, "prod/data/open", 100000);
    ck_assert_int_eq(run_probe(), 0);
    ck_assert(strncmp(probe.prefix, "prod/pgkeep-probe-", 18) == 0);
    ck_assert_uint_eq(fake_s3_version_count(pair.fake, NULL), 3);
    ck_assert_uint_eq(fake_s3_upload_count(pair.fake), 1);
    for (unsigned i = 1; i <= fake_s3_count(pair.fake, NULL); i++) {
        struct fake_request request;
        ck_assert(fake_s3_request(pair.fake, NULL, i, &request));
        if (request.key != NULL)
            ck_assert_msg(strncmp(request.key, probe.prefix, strlen(probe.prefix)) == 0,
                          "%s %s", request.op, request.key);
        fake_request_release(&request);
    }
    stop();
}
END_TEST

START_TEST(where_objects_are_locked_by_default_none_is_written)
{
    struct fake_s3_settings service = fake_s3_defaults();
    service.versioning = service.object_lock = true;
    service.default_lock_days = 30;
    start(&service, "aws");
    ck_assert_int_eq(run_probe(), 0);
    ck_assert_uint_eq(fake_s3_count(pair.fake, "PutObject"), 0);
    ck_assert_uint_eq(fake_s3_count(pair.fake, "CompleteMultipartUpload"), 0);
    ck_assert_ptr_nonnull(strstr(find("lock")->found, "GOVERNANCE for 30 days"));
    assert_verdict("locked", "put", "skipped");
    assert_verdict("locked", "content-md5", "ok");
    assert_nothing_left("locked");
    stop();
}
END_TEST

START_TEST(locks_of_our_own_are_tried_on_no_object)
{
    struct fake_s3_settings service = fake_s3_defaults();
    struct s3_config config = s3_pair_config();
    service.versioning = service.object_lock = true;
    config.provider = "aws";
    config.object_lock_mode = "COMPLIANCE";
    config.object_lock_seconds = 3600;
    config.legal_hold = true;
    s3_pair_init(&pair, &service, &config);
    ck_assert_int_eq(run_probe(), 0);
    assert_verdict("own lock", "upload", "ok");
    assert_verdict("own lock", "delete", "ok");
    assert_nothing_left("own lock");
    stop();

    service.object_lock = false; /* a bucket without lock refuses these headers */
    s3_pair_init(&pair, &service, &config);
    ck_assert_int_eq(run_probe(), 0);
    assert_verdict("no lock", "upload", "failed");
    assert_nothing_left("no lock");
    stop();
}
END_TEST

/* A lock that could not be asked for shows when the scratch objects are to go. */
START_TEST(what_cannot_be_removed_is_named)
{
    struct fake_s3_settings service = fake_s3_defaults();
    service.versioning = service.object_lock = true;
    service.default_lock_days = 2;
    start(&service, "aws");
    fake_s3_fault(pair.fake, &(struct fake_fault){.op = "GetObjectLockConfiguration",
                                                  .action = FAKE_STATUS,
                                                  .status = 403,
                                                  .code = "AccessDenied",
                                                  .times = FAKE_ALWAYS});
    ck_assert_int_eq(run_probe(), 0);
    assert_verdict("hidden lock", "lock", "warning");
    assert_verdict("hidden lock", "delete", "warning");
    ck_assert_ptr_nonnull(strstr(find("delete")->found, "locked until 20"));
    ck_assert_ptr_nonnull(strstr(find("delete")->advice, probe.prefix));
    stop();
}
END_TEST

struct trouble {
    const char *op;
    enum fake_action action;
    int status;
    const char *code;
    const char *name, *verdict; /* what it shows as */
    enum err_kind kind;
};
static const struct trouble troubles[] = {
    {"HeadBucket", FAKE_STATUS, 404, "", "bucket", "ok", ERR_NONE},
    {"PutObject", FAKE_STATUS, 403, "AccessDenied", "put", "failed", ERR_DENIED},
    {"CreateMultipartUpload", FAKE_STATUS, 403, "AccessDenied", "upload", "failed",
     ERR_DENIED},
    {"GetObject", FAKE_FLIP_BODY, 0, NULL, "get", "failed", ERR_CORRUPT},
    {"GetObject", FAKE_STATUS, 403, "AccessDenied", "get", "failed", ERR_DENIED},
    {"CompleteMultipartUpload", FAKE_STATUS, 400, "InvalidPart", "multipart", "failed",
     ERR_STORE},
    {"ListMultipartUploads", FAKE_STATUS, 403, "AccessDenied", "list-uploads", "warning",
     ERR_NONE},
    {"GetBucketVersioning", FAKE_STATUS, 403, "AccessDenied", "versioning", "warning",
     ERR_NONE},
    {"PutObject", FAKE_WRONG_ETAG, 0, NULL, "etag", "failed", ERR_STORE},
    {"UploadPart", FAKE_RESET, 0, NULL, "multipart", "ok", ERR_NONE},
};

/* Once or always, nothing is left: only what may not be deleted stays. */
START_TEST(trouble_is_a_finding_and_nothing_is_left)
{
    const struct trouble *trouble = &troubles[_i];
    struct fake_fault fault = {.op = trouble->op,
                               .action = trouble->action,
                               .status = trouble->status,
                               .code = trouble->code,
                               .times = trouble->action == FAKE_RESET ? 1 : FAKE_ALWAYS};
    start(NULL, "aws");
    fake_s3_fault(pair.fake, &fault);
    ck_assert_msg(run_probe() == 0, "%s", err.text);
    assert_verdict(trouble->op, trouble->name, trouble->verdict);
    ck_assert_int_eq(find(trouble->name)->kind, trouble->kind);
    assert_nothing_left(trouble->op);
    stop();
}
END_TEST

/* Lost answers hide ids of uploads and make objects that nobody confirmed. A 403 for a
 * deletion is another matter: then it stays, and is named. */
struct every {
    const char *what;
    enum fake_action action;
    int status;
};
static const struct every everies[] = {
    {"lost answer", FAKE_LOSE_ANSWER, 0},
    {"reset", FAKE_RESET, 0},
    {"503", FAKE_STATUS, 503},
    {"403", FAKE_STATUS, 403},
};

static bool is_deletion_refused(unsigned n, int status)
{
    struct fake_request request;
    ck_assert(fake_s3_request(pair.fake, NULL, n, &request));
    bool deletion = strncmp(request.op, "Delete", 6) == 0 ||
                    strcmp(request.op, "AbortMultipartUpload") == 0;
    fake_request_release(&request);
    return deletion && status == 403;
}

START_TEST(whichever_request_fails_nothing_is_left)
{
    const struct every *every = &everies[_i];
    unsigned fired = 1;
    for (unsigned n = 1; fired > 0; n++) {
        char what[80];
        struct fake_fault fault = {.request = n,
                                   .action = every->action,
                                   .status = every->status,
                                   .code = every->status == 403 ? "AccessDenied" : NULL};
        ck_assert_uint_lt(n, 200);
        snprintf(what, sizeof what, "%s of request %u", every->what, n);
        start(NULL, "aws");
        unsigned id = fake_s3_fault(pair.fake, &fault);
        ck_assert_msg(run_probe() == 0, "%s: %s", what, err.text);
        fired = fake_s3_fired(pair.fake, id);
        if (fired == 0 || !is_deletion_refused(n, every->status))
            assert_nothing_left(what);
        stop();
    }
}
END_TEST

START_TEST(rights_to_delete_that_are_missing_are_named)
{
    start(NULL, "aws");
    fake_s3_fault(pair.fake, &(struct fake_fault){.op = "DeleteObject",
                                                  .action = FAKE_STATUS,
                                                  .status = 403,
                                                  .code = "AccessDenied",
                                                  .times = FAKE_ALWAYS});
    ck_assert_int_eq(run_probe(), 0);
    assert_verdict("no delete", "delete", "failed");
    ck_assert_int_eq(find("delete")->kind, ERR_DENIED);
    ck_assert_ptr_nonnull(strstr(find("delete")->advice, "s3:DeleteObject"));
    stop();
}
END_TEST

START_TEST(a_bucket_that_does_not_answer_ends_it)
{
    struct s3_config config = s3_pair_config();
    config.secret_key = "wrong";
    s3_pair_init(&pair, NULL, &config);
    ck_assert_int_eq(run_probe(), 0);
    ck_assert_uint_eq(probe.count, 1);
    assert_verdict("wrong secret", "bucket", "failed");
    ck_assert_int_eq(probe.findings[0].kind, ERR_DENIED);
    ck_assert_str_eq(probe.findings[0].advice, "check the secret key");
    stop();
}
END_TEST

static void *cancel_when_held(void *fake)
{
    ck_assert(fake_s3_wait_held(fake, 1, 10000));
    cancel_trip(NULL, CANCEL_SIGTERM);
    fake_s3_release(fake);
    return NULL;
}

START_TEST(interrupted_it_cleans_up_all_the_same)
{
    pthread_t thread;
    start(NULL, "aws");
    fake_s3_fault(pair.fake, &(struct fake_fault){.op = "CompleteMultipartUpload",
                                                  .action = FAKE_HOLD});
    ck_assert_int_eq(pthread_create(&thread, NULL, cancel_when_held, pair.fake), 0);
    ck_assert_int_eq(run_probe(), -1);
    ck_assert_int_eq(err.kind, ERR_CANCELLED);
    (void)pthread_join(thread, NULL);
    assert_nothing_left("interrupted");
    stop();
}
END_TEST

START_TEST(time_is_bounded)
{
    struct s3_probe_spec spec = {.part_size = PART, .timeout_ms = 1};
    start(NULL, "aws");
    fake_s3_fault(pair.fake, &(struct fake_fault){
                                 .op = "HeadBucket", .action = FAKE_DELAY, .delay_ms = 20});
    ck_assert_int_eq(s3_probe_run(pair.client, &spec, &probe, &err), 0);
    assert_verdict("late", "upload", "skipped");
    ck_assert_int_eq(find("upload")->kind, ERR_NONE);
    assert_nothing_left("late");
    stop();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("probe");
    TCase *found = tcase_create("found");
    TCase *left = tcase_create("left");
    tcase_set_timeout(found, 30);
    tcase_set_timeout(left, 30);
    tcase_add_loop_test(found, each_service_is_told_from_its_row, 0,
                        sizeof rows / sizeof rows[0]);
    tcase_add_loop_test(
        found, a_minio_is_recognised_by_its_answers_and_nothing_is_asked_of_it_that_is_new,
        0, 2);
    tcase_add_test(found, what_is_found_is_said_in_words);
    suite_add_tcase(suite, found);
    tcase_add_test(left, only_the_scratch_folder_is_touched);
    tcase_add_test(left, where_objects_are_locked_by_default_none_is_written);
    tcase_add_test(left, locks_of_our_own_are_tried_on_no_object);
    tcase_add_test(left, what_cannot_be_removed_is_named);
    tcase_add_loop_test(left, trouble_is_a_finding_and_nothing_is_left, 0,
                        sizeof troubles / sizeof troubles[0]);
    tcase_add_loop_test(left, whichever_request_fails_nothing_is_left, 0,
                        sizeof everies / sizeof everies[0]);
    tcase_add_test(left, rights_to_delete_that_are_missing_are_named);
    tcase_add_test(left, a_bucket_that_does_not_answer_ends_it);
    tcase_add_test(left, interrupted_it_cleans_up_all_the_same);
    tcase_add_test(left, time_is_bounded);
    suite_add_tcase(suite, left);
    return run_suite(suite);
}
