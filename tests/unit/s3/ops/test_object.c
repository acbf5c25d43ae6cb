#include "s3/ops/object.h"

#include "base/file.h"
#include "base/memory.h"
#include "tests/support/s3_pair.h"
#include "tests/support/run_suite.h"
#include "tests/support/scratch.h"

#include <check.h>

static int put(struct s3_pair *pair, const char *key, const char *data, struct err *err)
{
    struct s3_put spec = {.key = key, .data = data, .size = strlen(data)};
    return s3_put(pair->client, &spec, err);
}

static char *header_of(struct s3_pair *pair, const char *op, unsigned nth, const char *name)
{
    struct fake_request request;

    ck_assert(fake_s3_request(pair->fake, op, nth, &request));
    char *value = fake_request_header(&request, name);
    fake_request_release(&request);
    return value;
}

START_TEST(what_is_put_comes_back)
{
    static const char *const keys[] = {"a", "dir/a b+c%20~\xc3\xbc&=?#;'()", "a//b/",
                                       "d/.e"};

    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        struct s3_pair pair;
        struct text out;
        struct err err = {0};
        bool absent = true;
        s3_pair_init(&pair, NULL, NULL);
        OK(put(&pair, keys[i], "hello", &err));
        text_init(&out, 100);
        OK(s3_get(pair.client, keys[i], &out, &absent, &err));
        ck_assert(!absent);
        ck_assert_str_eq(out.data, "hello");
        ck_assert_uint_eq(fake_s3_stats(pair.fake).bad_signatures, 0);
        text_release(&out);
        s3_pair_release(&pair);
    }
}
END_TEST

START_TEST(a_missing_key_is_absent_and_a_missing_bucket_an_error)
{
    struct s3_config config = s3_pair_config();
    struct s3_pair pair;
    struct s3_object object;
    struct text out;
    struct err err = {0};
    bool absent = false;

    text_init(&out, 100);
    s3_pair_init(&pair, NULL, NULL);
    OK(s3_get(pair.client, "none", &out, &absent, &err));
    ck_assert(absent);
    absent = false;
    OK(s3_head(pair.client, "none", &object, &absent, &err));
    ck_assert(absent);
    s3_pair_release(&pair);

    config.bucket = "other";
    s3_pair_init(&pair, NULL, &config);
    FAILS(s3_get(pair.client, "none", &out, &absent, &err), ERR_STORE);
    FAILS(s3_head(pair.client, "none", &object, &absent, &err), ERR_STORE);
    FAILS(put(&pair, "a", "x", &err), ERR_STORE);
    FAILS(s3_bucket_check(pair.client, &err), ERR_STORE);
    ck_assert_ptr_nonnull(strstr(err.text, "NoSuchBucket"));
    s3_pair_release(&pair);
    text_release(&out);
}
END_TEST

START_TEST(a_404_that_is_not_from_s3_is_no_absence)
{
    struct s3_pair pair;
    struct text out;
    struct err err = {0};
    bool absent = false;

    text_init(&out, 100);
    s3_pair_init(&pair, NULL, NULL);
    fake_s3_fault(pair.fake,
                  &(struct fake_fault){
                      .op = "GetObject", .action = FAKE_STATUS, .status = 404, .code = ""});
    FAILS(s3_get(pair.client, "a", &out, &absent, &err), ERR_STORE);
    ck_assert(!absent);
    s3_pair_release(&pair);
    text_release(&out);
}
END_TEST

START_TEST(every_put_carries_its_md5_and_over_plain_http_its_sha256)
{
    struct s3_pair pair;
    struct err err = {0};

    s3_pair_init(&pair, NULL, NULL);
    OK(put(&pair, "a", "hello", &err));
    OK(put(&pair, "b", "", &err));
    static const struct {
        unsigned nth;
        const char *name, *value;
    } rows[] = {
        {1, "Content-MD5", "XUFAKrxLKna5cZ2REBfFkg=="},
        {1, "x-amz-content-sha256",
         "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"},
        {1, "Content-Length", "5"},
        {1, "Transfer-Encoding", NULL},
        {1, "Expect", NULL},
        {2, "Content-MD5", "1B2M2Y8AsgTpgAmY7PhCfg=="},
        {2, "Content-Length", "0"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char *value = header_of(&pair, "PutObject", rows[i].nth, rows[i].name);
        ck_assert_pstr_eq(value, rows[i].value);
        free(value);
    }
    ck_assert_uint_eq(fake_s3_stats(pair.fake).chunked, 0);
    s3_pair_release(&pair);
}
END_TEST

START_TEST(the_payload_is_left_unsigned_only_when_that_was_asked_for)
{
    struct s3_config config = s3_pair_config();
    struct s3_pair pair;
    struct err err = {0};

    config.payload_signing = "never";
    s3_pair_init(&pair, NULL, &config);
    OK(put(&pair, "a", "hello", &err));
    char *value = header_of(&pair, "PutObject", 1, "x-amz-content-sha256");
    ck_assert_pstr_eq(value, "UNSIGNED-PAYLOAD");
    free(value);
    s3_pair_release(&pair);
}
END_TEST

START_TEST(a_body_above_a_mebibyte_waits_for_100_continue)
{
    size_t size = (2 << 20) + 7;
    char *data = memory_zalloc(size);
    struct s3_pair pair;
    struct err err = {0};

    s3_pair_init(&pair, NULL, NULL);
    OK(s3_put(pair.client, &(struct s3_put){.key = "a", .data = data, .size = size}, &err));
    char *value = header_of(&pair, "PutObject", 1, "Expect");
    ck_assert_pstr_eq(value, "100-continue");
    free(value);
    /* A refusal before the body is read in full, not taken for a broken connection. */
    fake_s3_fault(pair.fake, &(struct fake_fault){.op = "PutObject",
                                                  .action = FAKE_STATUS_EARLY,
                                                  .status = 403,
                                                  .code = "AccessDenied"});
    FAILS(
        s3_put(pair.client, &(struct s3_put){.key = "a", .data = data, .size = size}, &err),
        ERR_DENIED);
    s3_pair_release(&pair);
    free(data);
}
END_TEST

static const struct {
    enum fake_action action;
    int status;
    const char *code;
    uint64_t bytes;
} passing_faults[] = {
    {FAKE_STATUS, 500, "InternalError", 0},
    {FAKE_STATUS, 503, "SlowDown", 0},
    {FAKE_STATUS, 429, "TooManyRequests", 0},
    {FAKE_STATUS, 400, "RequestTimeout", 0},
    {FAKE_STATUS, 502, "", 0},
    {FAKE_STATUS_EARLY, 503, "ServiceUnavailable", 0},
    {FAKE_STATUS, 400, "BadDigest", 0},
    {FAKE_CUT_REQUEST, 0, NULL, 100},
    {FAKE_RESET, 0, NULL, 100},
    {FAKE_LOSE_ANSWER, 0, NULL, 0},
    {FAKE_CUT_ANSWER, 0, NULL, 20},
    {FAKE_WRONG_ETAG, 0, NULL, 0},
    {FAKE_NO_ETAG, 0, NULL, 0},
};

START_TEST(a_put_survives_what_passes)
{
    size_t size = 300000;
    char *data = memory_zalloc(size);
    struct s3_pair pair;
    struct fake_object object;
    struct err err = {0};

    memset(data, 'x', size);
    s3_pair_init(&pair, NULL, NULL);
    fake_s3_fault(pair.fake, &(struct fake_fault){.op = "PutObject",
                                                  .action = passing_faults[_i].action,
                                                  .status = passing_faults[_i].status,
                                                  .code = passing_faults[_i].code,
                                                  .bytes = passing_faults[_i].bytes});
    OK(s3_put(pair.client, &(struct s3_put){.key = "a", .data = data, .size = size}, &err));
    ck_assert(fake_s3_object(pair.fake, "a", &object));
    ck_assert_uint_eq(object.size, size);
    ck_assert_mem_eq(object.data, data, size);
    fake_object_release(&object);
    ck_assert_uint_eq(fake_s3_stats(pair.fake).bad_signatures, 0);
    s3_pair_release(&pair);
    free(data);
}
END_TEST

START_TEST(a_conditional_put_survives_what_passes_and_knows_its_own)
{
    struct s3_pair pair;
    struct err err = {0};
    bool existed = true;

    struct s3_config config = s3_pair_config();
    config.provider = "aws";
    config.style = S3_STYLE_PATH;
    s3_pair_init(&pair, NULL, &config);
    fake_s3_fault(pair.fake, &(struct fake_fault){.op = "PutObject",
                                                  .action = passing_faults[_i].action,
                                                  .status = passing_faults[_i].status,
                                                  .code = passing_faults[_i].code,
                                                  .bytes = passing_faults[_i].bytes});
    struct s3_put spec = {
        .key = "a", .data = "hello", .size = 5, .if_absent = true, .existed = &existed};
    OK(s3_put(pair.client, &spec, &err));
    ck_assert_msg(!existed, "taken for another's");
    char *value = header_of(&pair, "PutObject", 1, "If-None-Match");
    ck_assert_pstr_eq(value, "*");
    free(value);
    OK(s3_put(pair.client, &spec, &err));
    ck_assert(existed);
    s3_pair_release(&pair);
}
END_TEST

static struct s3_config as_aws(void)
{
    struct s3_config config = s3_pair_config();
    config.provider = "aws";
    config.style = S3_STYLE_PATH;
    return config;
}

/* Another writer of the key, or one of our own tries that is still being carried out. */
START_TEST(a_conflict_is_waited_for)
{
    struct s3_config config = as_aws();
    struct s3_pair pair;
    struct err err = {0};
    bool existed = true;
    struct s3_put spec = {
        .key = "a", .data = "hello", .size = 5, .if_absent = true, .existed = &existed};

    s3_pair_init(&pair, NULL, &config);
    fake_s3_fault(pair.fake, &(struct fake_fault){.op = "PutObject",
                                                  .action = FAKE_STATUS,
                                                  .status = 409,
                                                  .code = "ConditionalRequestConflict",
                                                  .times = 7});
    OK(s3_put(pair.client, &spec, &err));
    ck_assert(!existed);
    ck_assert_uint_eq(fake_s3_count(pair.fake, "PutObject"), 8);
    ck_assert_uint_eq(fake_s3_count(pair.fake, NULL), 8);
    ck_assert_uint_eq(atomic_load(&pair.waits), 7);
    s3_pair_release(&pair);
}
END_TEST

START_TEST(a_conflict_that_does_not_end_is_no_damage)
{
    static const char *const codes[] = {"ConditionalRequestConflict", "OperationAborted",
                                        "SomethingElse"};
    struct s3_config config = as_aws();

    config.retry_time_ms = 100;
    for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++) {
        struct s3_pair pair;
        struct err err = {0};
        struct s3_put spec = {.key = "a", .data = "hello", .size = 5, .if_absent = true};
        s3_pair_init(&pair, NULL, &config);
        fake_s3_fault(pair.fake, &(struct fake_fault){.op = "PutObject",
                                                      .action = FAKE_STATUS,
                                                      .status = 409,
                                                      .code = codes[i],
                                                      .times = FAKE_ALWAYS});
        FAILS(s3_put(pair.client, &spec, &err), ERR_TRANSIENT);
        ck_assert_msg(strstr(err.text, codes[i]) != NULL, "%s", err.text);
        s3_pair_release(&pair);
    }
}
END_TEST

START_TEST(a_conditional_put_is_one_request_where_conditions_are_honoured)
{
    static const struct {
        const char *provider;
        size_t size;
        unsigned requests;
    } rows[] = {{"aws", 5, 1}, {"minio", 5, 1}, {"other", 5, 2}, {"aws", 2 << 20, 2}};
    char *data = memory_zalloc(2 << 20);

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct s3_config config = s3_pair_config();
        struct s3_pair pair;
        struct err err = {0};
        config.provider = rows[i].provider;
        config.style = S3_STYLE_PATH;
        s3_pair_init(&pair, NULL, &config);
        struct s3_put spec = {
            .key = "a", .data = data, .size = rows[i].size, .if_absent = true};
        OK(s3_put(pair.client, &spec, &err));
        ck_assert_uint_eq(fake_s3_count(pair.fake, NULL), rows[i].requests);
        ck_assert_uint_eq(fake_s3_count(pair.fake, "HeadBucket"), 0);
        s3_pair_release(&pair);
    }
    free(data);
}
END_TEST

static const enum fake_if_none_match conditions[] = {
    FAKE_IF_NONE_MATCH_HONOURED, FAKE_IF_NONE_MATCH_501, FAKE_IF_NONE_MATCH_IGNORED};

START_TEST(what_exists_is_not_overwritten_whatever_the_service_makes_of_conditions)
{
    static const char *const providers[] = {"aws", "other"};

    for (size_t i = 0; i < 2; i++) {
        struct fake_s3_settings service = s3_pair_service();
        struct s3_config config = s3_pair_config();
        struct s3_pair pair;
        struct fake_object object;
        struct err err = {0};
        bool existed = false;
        /* A row that promises what the service ignores is for doctor to find. */
        if (i == 0 && conditions[_i] == FAKE_IF_NONE_MATCH_IGNORED)
            continue;
        service.if_none_match = conditions[_i];
        config.provider = providers[i];
        config.style = S3_STYLE_PATH;
        s3_pair_init(&pair, &service, &config);
        struct s3_put spec = {
            .key = "a", .data = "new", .size = 3, .if_absent = true, .existed = &existed};
        OK(s3_put(pair.client, &spec, &err));
        ck_assert(!existed);
        fake_s3_add_object(pair.fake, "a", "old", 3);
        OK(s3_put(pair.client, &spec, &err));
        ck_assert(existed);
        spec.existed = NULL;
        FAILS(s3_put(pair.client, &spec, &err), ERR_STORE);
        ck_assert(fake_s3_object(pair.fake, "a", &object));
        ck_assert_mem_eq(object.data, "old", 3);
        fake_object_release(&object);
        s3_pair_release(&pair);
    }
}
END_TEST

START_TEST(a_service_that_stores_something_else_is_found_out)
{
    struct s3_pair pair;
    struct err err = {0};

    s3_pair_init(&pair, NULL, NULL);
    fake_s3_fault(pair.fake, &(struct fake_fault){.op = "PutObject",
                                                  .action = FAKE_WRONG_ETAG,
                                                  .times = FAKE_ALWAYS});
    FAILS(put(&pair, "a", "hello", &err), ERR_CORRUPT);
    s3_pair_release(&pair);
}
END_TEST

START_TEST(a_damaged_download_is_found_out)
{
    struct s3_pair pair;
    struct text out;
    struct err err = {0};
    bool absent;

    text_init(&out, 100);
    s3_pair_init(&pair, NULL, NULL);
    OK(put(&pair, "a", "hello", &err));
    s3_pair_fault(&pair, "GetObject", FAKE_FLIP_BODY);
    FAILS(s3_get(pair.client, "a", &out, &absent, &err), ERR_CORRUPT);
    s3_pair_release(&pair);
    text_release(&out);
}
END_TEST

START_TEST(a_cut_download_is_begun_anew)
{
    static const enum fake_action actions[] = {FAKE_CUT_BODY, FAKE_CUT_ANSWER, FAKE_RESET,
                                               FAKE_LOSE_ANSWER};
    struct s3_pair pair;
    struct text out;
    struct err err = {0};
    bool absent;

    s3_pair_init(&pair, NULL, NULL);
    OK(put(&pair, "a", "hello, world", &err));
    for (size_t i = 0; i < sizeof actions / sizeof actions[0]; i++) {
        fake_s3_fault(pair.fake, &(struct fake_fault){
                                     .op = "GetObject", .action = actions[i], .bytes = 3});
        text_init(&out, 100);
        text_add(&out, "before:");
        OK(s3_get(pair.client, "a", &out, &absent, &err));
        ck_assert_str_eq(out.data, "before:hello, world");
        text_release(&out);
    }
    s3_pair_release(&pair);
}
END_TEST

START_TEST(an_object_above_the_callers_ceiling_is_an_error_at_once)
{
    struct s3_pair pair;
    struct text out;
    struct err err = {0};
    bool absent;

    text_init(&out, 11);
    s3_pair_init(&pair, NULL, NULL);
    OK(put(&pair, "a", "hello, world", &err));
    FAILS(s3_get(pair.client, "a", &out, &absent, &err), ERR_STORE);
    ck_assert_uint_eq(fake_s3_count(pair.fake, "GetObject"), 1);
    s3_pair_release(&pair);
    text_release(&out);
}
END_TEST

START_TEST(a_crc_of_the_whole_object_goes_both_ways_where_the_service_checks_it)
{
    static const struct {
        const char *provider, *crc;
    } rows[] = {{"minio", "M3eFcAZSQlc="}, {"ceph", NULL}, {"b2", NULL}, {"other", NULL}};

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct s3_config config = s3_pair_config();
        struct s3_pair pair;
        struct text out;
        struct err err = {0};
        bool absent;
        config.provider = rows[i].provider;
        s3_pair_init(&pair, NULL, &config);
        OK(put(&pair, "a", "hello", &err));
        char *value = header_of(&pair, "PutObject", 1, "x-amz-checksum-crc64nvme");
        ck_assert_pstr_eq(value, rows[i].crc);
        free(value);
        text_init(&out, 100);
        OK(s3_get(pair.client, "a", &out, &absent, &err));
        value = header_of(&pair, "GetObject", 1, "x-amz-checksum-mode");
        ck_assert_pstr_eq(value, rows[i].crc != NULL ? "ENABLED" : NULL);
        free(value);
        text_release(&out);
        s3_pair_release(&pair);
    }
}
END_TEST

START_TEST(a_key_that_may_only_write_can_put)
{
    struct fake_s3_settings service = s3_pair_service();

    for (int kms = 0; kms < 2; kms++) {
        struct s3_config config = s3_pair_config();
        struct s3_pair pair;
        struct err err = {0};
        bool existed = true;
        service.etags_are_not_md5 = kms == 1;
        config.sse = kms == 1 ? "aws:kms" : NULL;
        s3_pair_init(&pair, &service, &config);
        fake_s3_fault(pair.fake, &(struct fake_fault){.method = "HEAD",
                                                      .times = FAKE_ALWAYS,
                                                      .action = FAKE_STATUS,
                                                      .status = 403,
                                                      .code = ""});
        struct s3_put spec = {
            .key = "a", .data = "hello", .size = 5, .if_absent = true, .existed = &existed};
        OK(s3_put(pair.client, &spec, &err));
        ck_assert(!existed);
        s3_pair_release(&pair);
    }
}
END_TEST

START_TEST(an_endpoint_may_have_a_path)
{
    struct fake_s3_settings service = s3_pair_service();
    struct s3_pair pair;
    struct text out;
    struct err err = {0};
    bool absent;

    service.base_path = "/storage/v1/s3";
    s3_pair_init(&pair, &service, NULL);
    OK(put(&pair, "dir/a", "hello", &err));
    text_init(&out, 100);
    OK(s3_get(pair.client, "dir/a", &out, &absent, &err));
    ck_assert_str_eq(out.data, "hello");
    OK(s3_bucket_check(pair.client, &err));
    ck_assert_uint_eq(fake_s3_stats(pair.fake).bad_signatures, 0);
    text_release(&out);
    s3_pair_release(&pair);
}
END_TEST

START_TEST(kms_etags_are_not_compared)
{
    struct fake_s3_settings service = s3_pair_service();
    struct s3_config config = s3_pair_config();
    struct s3_pair pair;
    struct text out;
    struct err err = {0};
    bool absent;

    service.etags_are_not_md5 = true;
    config.sse = "aws:kms";
    config.sse_kms_key = "key-1";
    text_init(&out, 100);
    s3_pair_init(&pair, &service, &config);
    OK(put(&pair, "a", "hello", &err));
    OK(s3_get(pair.client, "a", &out, &absent, &err));
    ck_assert_str_eq(out.data, "hello");
    s3_pair_release(&pair);
    text_release(&out);
}
END_TEST

START_TEST(what_objects_are_to_be_is_said_when_they_are_written)
{
    struct s3_config config = s3_pair_config();
    struct fake_s3_settings service = s3_pair_service();
    struct s3_pair pair;
    struct err err = {0};

    service.versioning = service.object_lock = true;
    config.storage_class = "STANDARD_IA";
    config.sse = "AES256";
    config.tagging = "a=b&c=d%20e";
    config.object_lock_mode = "GOVERNANCE";
    config.object_lock_seconds = 3600;
    config.legal_hold = true;
    s3_pair_init(&pair, &service, &config);
    OK(put(&pair, "a", "hello", &err));
    static const struct {
        const char *name, *value;
    } rows[] = {
        {"x-amz-storage-class", "STANDARD_IA"}, {"x-amz-server-side-encryption", "AES256"},
        {"x-amz-tagging", "a=b&c=d%20e"},       {"x-amz-object-lock-mode", "GOVERNANCE"},
        {"x-amz-object-lock-legal-hold", "ON"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char *value = header_of(&pair, "PutObject", 1, rows[i].name);
        ck_assert_pstr_eq(value, rows[i].value);
        free(value);
    }
    struct s3_object object;
    bool absent;
    OK(s3_head(pair.client, "a", &object, &absent, &err));
    ck_assert(object.legal_hold);
    ck_assert_int_gt(object.retain_until, s3_client_time(pair.client) + 3500);
    s3_object_release(&object);
    s3_pair_release(&pair);
}
END_TEST

START_TEST(a_key_of_our_own_goes_with_every_request_for_the_object)
{
    static const char path[] = "build/tests/test_object.key";
    static const char key[] = "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=";
    static const char raw[] = "01234567890123456789012345678901";
    const char *const contents[] = {key, raw};

    for (size_t i = 0; i < 2; i++) {
        struct s3_config config = s3_pair_config();
        struct s3_pair pair;
        struct err err = {0};
        struct text out;
        bool absent;
        OK(file_make_folders_of(path, &err));
        scratch_write(path, contents[i], strlen(contents[i]));
        config.sse_c_key_file = path;
        s3_pair_init(&pair, NULL, &config);
        OK(put(&pair, "a", "hello", &err));
        text_init(&out, 100);
        OK(s3_get(pair.client, "a", &out, &absent, &err));
        text_release(&out);
        static const char *const ops[] = {"PutObject", "GetObject"};
        for (size_t n = 0; n < 2; n++) {
            char *value =
                header_of(&pair, ops[n], 1, "x-amz-server-side-encryption-customer-key");
            ck_assert_pstr_eq(value, key);
            free(value);
        }
        s3_pair_release(&pair);
        (void)remove(path);
    }
}
END_TEST

START_TEST(a_configuration_that_cannot_be_is_refused_before_anything_is_sent)
{
    struct s3_config rows[12];
    size_t count = sizeof rows / sizeof rows[0];

    for (size_t i = 0; i < count; i++) {
        rows[i] = s3_pair_config();
        rows[i].endpoint = "http://127.0.0.1:1";
    }
    rows[0].bucket = NULL;
    rows[1].endpoint = "http://s3.example.com";
    rows[2].provider = "nobody";
    rows[3].payload_signing = "sometimes";
    rows[4].sse = "ROT13";
    rows[5].sse_kms_key = "k";
    rows[6].object_lock_mode = "LOOSE";
    rows[7].object_lock_mode = "GOVERNANCE";
    rows[8].provider = "b2";
    rows[8].tagging = "a=b";
    rows[9].provider = "supabase";
    rows[9].legal_hold = true;
    rows[10].storage_class = "A\r\nX: y";
    rows[11].region = "eu west";
    for (size_t i = 0; i < count; i++) {
        struct err err = {0};
        ck_assert_msg(s3_client_new(&rows[i], &err) == NULL, "row %zu", i);
        ck_assert_msg(err.kind == ERR_CONFIG, "row %zu: %s", i, err.text);
    }
}
END_TEST

START_TEST(the_buckets_versioning_is_told)
{
    struct fake_s3_settings service = s3_pair_service();

    for (int on = 0; on < 2; on++) {
        struct s3_pair pair;
        struct err err = {0};
        enum s3_versioning versioning;
        service.versioning = on == 1;
        s3_pair_init(&pair, &service, NULL);
        OK(s3_bucket_versioning(pair.client, &versioning, &err));
        ck_assert_int_eq(versioning, on == 1 ? S3_VERSIONING_ON : S3_VERSIONING_OFF);
        OK(s3_bucket_check(pair.client, &err));
        s3_pair_release(&pair);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("object");
    TCase *tests = tcase_create("object");
    struct err err = {0};
    int faults = sizeof passing_faults / sizeof passing_faults[0];

    if (s3_global_init(&err) < 0)
        return 1;
    tcase_add_test(tests, what_is_put_comes_back);
    tcase_add_test(tests, a_missing_key_is_absent_and_a_missing_bucket_an_error);
    tcase_add_test(tests, a_404_that_is_not_from_s3_is_no_absence);
    tcase_add_test(tests, every_put_carries_its_md5_and_over_plain_http_its_sha256);
    tcase_add_test(tests, the_payload_is_left_unsigned_only_when_that_was_asked_for);
    tcase_add_test(tests, a_body_above_a_mebibyte_waits_for_100_continue);
    tcase_add_loop_test(tests, a_put_survives_what_passes, 0, faults);
    tcase_add_loop_test(tests, a_conditional_put_survives_what_passes_and_knows_its_own, 0,
                        faults);
    tcase_add_test(tests, a_conflict_is_waited_for);
    tcase_add_test(tests, a_conflict_that_does_not_end_is_no_damage);
    tcase_add_test(tests, a_conditional_put_is_one_request_where_conditions_are_honoured);
    tcase_add_loop_test(
        tests, what_exists_is_not_overwritten_whatever_the_service_makes_of_conditions, 0,
        3);
    tcase_add_test(tests, a_service_that_stores_something_else_is_found_out);
    tcase_add_test(tests, a_damaged_download_is_found_out);
    tcase_add_test(tests, a_cut_download_is_begun_anew);
    tcase_add_test(tests, an_object_above_the_callers_ceiling_is_an_error_at_once);
    tcase_add_test(tests,
                   a_crc_of_the_whole_object_goes_both_ways_where_the_service_checks_it);
    tcase_add_test(tests, a_key_that_may_only_write_can_put);
    tcase_add_test(tests, an_endpoint_may_have_a_path);
    tcase_add_test(tests, kms_etags_are_not_compared);
    tcase_add_test(tests, what_objects_are_to_be_is_said_when_they_are_written);
    tcase_add_test(tests, a_key_of_our_own_goes_with_every_request_for_the_object);
    tcase_add_test(tests,
                   a_configuration_that_cannot_be_is_refused_before_anything_is_sent);
    tcase_add_test(tests, the_buckets_versioning_is_told);
    suite_add_tcase(suite, tests);
    int status = run_suite(suite);
    s3_global_release();
    return status;
}
