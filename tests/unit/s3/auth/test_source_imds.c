/* Instance metadata: the end of the chain, asked where nothing else is set up. */
#include "s3/auth/source.h"

#include "base/text.h"
#include "tests/support/aws_world.h"
#include "tests/support/run_suite.h"

#include <check.h>

#define ROLE_PATH "/latest/meta-data/iam/security-credentials/"

static void use_imds(const struct fake_http *http)
{
    unsetenv("AWS_EC2_METADATA_DISABLED");
    aws_world_env_url("AWS_EC2_METADATA_SERVICE_ENDPOINT", http, "/");
}

START_TEST(instance_metadata_is_asked_as_often_as_the_environment_says)
{
    const struct fake_http_row rows[] = {
        {.method = "PUT", .times = 2, .status = 500},
        {.method = "PUT", .status = 200, .body = "tok"},
        {.path = ROLE_PATH, .status = 200, .body = "role"},
        {.status = 200, .make_body = aws_world_json, .context = &aws_world_hour}};
    struct fake_http *http = aws_world_serve(rows, sizeof rows / sizeof *rows);
    use_imds(http);
    struct s3_credentials_source *source = aws_world_source(NULL);
    struct s3_credentials got;
    struct err err = {0};
    ck_assert_int_eq(s3_credentials_get(source, &got, &err), -1); /* once */
    setenv("AWS_METADATA_SERVICE_TIMEOUT", "never", 1);
    ck_assert_int_eq(s3_credentials_get(source, &got, &err), -1);
    ck_assert_int_eq(err.kind, ERR_CONFIG);
    setenv("AWS_METADATA_SERVICE_TIMEOUT", "2", 1);
    setenv("AWS_METADATA_SERVICE_NUM_ATTEMPTS", "2", 1);
    aws_world_expect(source, "K0/S/T");
    ck_assert_uint_eq(fake_http_count(http), 5); /* 500, 500, token, role, keys */
    s3_credentials_source_free(source);
    fake_http_free(http);
}
END_TEST

START_TEST(instance_metadata_wants_a_token_first)
{
    const struct fake_http_row rows[] = {
        {.method = "PUT",
         .path = "/latest/api/token",
         .header = "X-aws-ec2-metadata-token-ttl-seconds: 21600",
         .status = 200,
         .body = "tok"},
        {.path = ROLE_PATH, .times = 1, .status = 401},
        {.path = ROLE_PATH,
         .header = "X-aws-ec2-metadata-token: tok",
         .status = 200,
         .body = "my role\nother\n"},
        {.path = ROLE_PATH "my%20role",
         .header = "X-aws-ec2-metadata-token: tok",
         .status = 200,
         .make_body = aws_world_json,
         .context = &aws_world_hour}};
    struct fake_http *http = aws_world_serve(rows, sizeof rows / sizeof *rows);
    use_imds(http);
    struct s3_credentials_source *source = aws_world_source(NULL);
    aws_world_expect(source, "K0/S/T");
    ck_assert_uint_eq(fake_http_count(http), 5); /* token, 401, token, role, keys */
    s3_credentials_source_free(source);
    fake_http_free(http);
}
END_TEST

static const struct {
    int role_status;
    const char *role;
    int status;
    const char *body;
    enum err_kind kind;
    const char *error;
} metadata[] = {
    {404, "", 200, "", ERR_DENIED,
     "role: it answered 404\nhint: attach a role to the instance"},
    {200, "\n", 200, "", ERR_DENIED, "the instance has no role"},
    {200, "r", 503, "hunter2", ERR_TRANSIENT, "credentials: it answered 503"},
    {200, "r", 200, "{\"Code\":\"AssumeRoleUnauthorizedAccess\"}", ERR_DENIED,
     "it answered with the code AssumeRoleUnauthorizedAccess"},
    {200, "r", 200, "{\"Code\":\"Success\",\"SecretAccessKey\":\"hunter2\"", ERR_TRANSIENT,
     "the answer is not a JSON object"},
    {200, "r", 200, "{\"Code\":\"Success\",\"SecretAccessKey\":\"hunter2\"}", ERR_TRANSIENT,
     "the answer is not whole: the access key is missing"},
    {200, "r", 200,
     "{\"AccessKeyId\":\"a\",\"SecretAccessKey\":\"hunter2\",\"Expiration\":\"soon\"}",
     ERR_TRANSIENT, "the answer's Expiration is not a time"},
};

START_TEST(a_useless_answer_of_instance_metadata_is_told_without_secrets)
{
    const struct fake_http_row rows[] = {
        {.method = "PUT", .status = 200, .body = "tok"},
        {.path = ROLE_PATH, .status = metadata[_i].role_status, .body = metadata[_i].role},
        {.status = metadata[_i].status, .body = metadata[_i].body}};
    struct fake_http *http = aws_world_serve(rows, sizeof rows / sizeof *rows);
    use_imds(http);
    struct s3_credentials_source *source = aws_world_source(NULL);
    char *want = memory_format("credentials (instance metadata): %s", metadata[_i].error);
    aws_world_expect_error(source, metadata[_i].kind, want);
    free(want);
    s3_credentials_source_free(source);
    fake_http_free(http);
}
END_TEST

static const char looked_at[] =
    "\nhint: looked at access_key_env and secret_key_env of the store, AWS_ACCESS_KEY_ID, "
    "profile \"default\" of the aws command, AWS_WEB_IDENTITY_TOKEN_FILE and "
    "AWS_CONTAINER_CREDENTIALS_*_URI; set one of them";

/* Two clients of a process; what each of them says, at once and later. */
START_TEST(where_nothing_gives_keys_one_sentence_says_so_and_its_hint_comes_once)
{
    static const char sentence[] =
        "no keys for S3 at hand, and instance metadata has none either (no answer: "
        "Couldn't connect to server)";
    char *with_hint = memory_format("%s%s", sentence, looked_at);
    unsetenv("AWS_EC2_METADATA_DISABLED");
    setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", "http://127.0.0.1:1", 1);
    struct s3_credentials_source *source = aws_world_source(NULL);
    struct s3_credentials_source *other = aws_world_source(NULL);
    aws_world_expect_error(source, ERR_DENIED, with_hint);
    aws_world_expect_error(source, ERR_DENIED, sentence);
    aws_world_expect_error(other, ERR_DENIED, sentence);
    s3_credentials_source_free(other);
    s3_credentials_source_free(source);
    free(with_hint);
}
END_TEST

START_TEST(metadata_that_is_turned_off_is_said_so)
{
    const struct s3_credentials_config config = {0};
    struct err err = {0};
    ck_assert_ptr_null(s3_credentials_source_new(&config, &err));
    ck_assert_int_eq(err.kind, ERR_DENIED);
    ck_assert(text_starts_with(
        err.text, "no keys for S3 at hand, and instance metadata is turned off"));
    ck_assert(text_ends_with(err.text, looked_at));
}
END_TEST

/* Status of the one that sits at the address of instance metadata; 0: it hangs up. */
static const int strangers[] = {404, 403, 405, 0};

START_TEST(an_absent_instance_metadata_is_asked_once_in_a_minute)
{
    const struct fake_http_row rows[] = {{.status = strangers[_i]}};
    struct fake_http *http = aws_world_serve(rows, sizeof rows / sizeof *rows);
    use_imds(http);
    for (int client = 0; client < 3; client++) {
        struct s3_credentials_source *source = aws_world_source(NULL);
        struct s3_credentials got;
        struct err err = {0};
        ck_assert_int_eq(s3_credentials_hold(source, &err), 0);
        for (int i = 0; i < 12; i++) {
            err_clear(&err);
            ck_assert_int_eq(s3_credentials_get(source, &got, &err), -1);
            ck_assert_int_eq(err.kind, ERR_DENIED);
            ck_assert(text_starts_with(err.text, "no keys for S3 at hand, and "));
            aws_world_advance(1);
        }
        s3_credentials_unhold(source);
        s3_credentials_source_free(source);
    }
    ck_assert_uint_eq(fake_http_count(http), 1);
    fake_http_free(http);
}
END_TEST

START_TEST(instance_metadata_that_comes_up_late_is_found_a_minute_after_its_silence)
{
    const struct fake_http_row rows[] = {
        {.method = "PUT", .times = 1, .status = strangers[_i]},
        {.method = "PUT", .status = 200, .body = "tok"},
        {.path = ROLE_PATH, .status = 200, .body = "r"},
        {.status = 200, .make_body = aws_world_json, .context = &aws_world_hour}};
    struct fake_http *http = aws_world_serve(rows, sizeof rows / sizeof *rows);
    const char *const silence = "no keys for S3 at hand, and instance metadata has none";
    struct s3_credentials got;
    struct err err = {0};
    use_imds(http);
    struct s3_credentials_source *source = aws_world_source(NULL);
    ck_assert_int_eq(s3_credentials_get(source, &got, &err), -1);
    ck_assert(text_starts_with(err.text, silence));
    aws_world_advance(59);
    ck_assert_int_eq(s3_credentials_get(source, &got, &err), -1);
    ck_assert(text_starts_with(err.text, silence));
    ck_assert_uint_eq(fake_http_count(http), 1);
    aws_world_advance(1);
    aws_world_expect(source, "K60/S/T");
    s3_credentials_source_free(source);
    fake_http_free(http);
}
END_TEST

/* Each source that is set up, and what it leads to without a word to instance metadata. */
static const struct {
    const char *env[2];
    const char *config; /* of ~/.aws/config */
} set_up[] = {
    {{"AWS_ACCESS_KEY_ID=a", "AWS_SECRET_ACCESS_KEY=b"}, NULL},
    {{"AWS_ACCESS_KEY_ID=a"}, NULL}, /* by half */
    {{NULL}, "[default]\naws_access_key_id=a\naws_secret_access_key=b\n"},
    {{NULL}, "[default]\ncredential_process = false\n"},
    {{"AWS_PROFILE=nobody"}, NULL},
    {{"AWS_WEB_IDENTITY_TOKEN_FILE=/nothing", "AWS_ROLE_ARN=r"}, NULL},
    {{"AWS_CONTAINER_CREDENTIALS_FULL_URI=http://127.0.0.1:1/"}, NULL},
};

START_TEST(instance_metadata_is_not_asked_where_something_else_is_set_up)
{
    const struct fake_http_row rows[] = {{.status = 404}};
    struct fake_http *http = aws_world_serve(rows, sizeof rows / sizeof *rows);
    const struct s3_credentials_config config = {0};
    struct err err = {0};
    use_imds(http);
    for (size_t i = 0; i < 2; i++)
        aws_world_env(set_up[_i].env[i]);
    if (set_up[_i].config != NULL)
        aws_world_file(".aws/config", set_up[_i].config);
    struct s3_credentials_source *source = s3_credentials_source_new(&config, &err);
    if (source != NULL) {
        struct s3_credentials got;
        if (s3_credentials_get(source, &got, &err) == 0)
            s3_credentials_release(&got);
    }
    ck_assert_ptr_null(strstr(err.text, "instance metadata"));
    ck_assert_uint_eq(fake_http_count(http), 0);
    s3_credentials_source_free(source);
    fake_http_free(http);
}
END_TEST

START_TEST(a_metadata_service_in_trouble_is_asked_again)
{
    const struct fake_http_row rows[] = {
        {.method = "PUT", .times = 1, .status = 503},
        {.method = "PUT", .status = 200, .body = "tok"},
        {.path = ROLE_PATH, .status = 200, .body = "r"},
        {.status = 200, .make_body = aws_world_json, .context = &aws_world_hour}};
    struct fake_http *http = aws_world_serve(rows, sizeof rows / sizeof *rows);
    use_imds(http);
    struct s3_credentials_source *source = aws_world_source(NULL);
    aws_world_expect_error(source, ERR_DENIED,
                           "credentials (instance metadata): token: it answered 503");
    aws_world_expect(source, "K0/S/T");
    s3_credentials_source_free(source);
    fake_http_free(http);
}
END_TEST

START_TEST(expired_keys_of_an_outage_are_used_on)
{
    int64_t gone = -100;
    const struct fake_http_row rows[] = {
        {.method = "PUT", .status = 200, .body = "tok"},
        {.path = ROLE_PATH, .status = 200, .body = "r"},
        {.status = 200, .make_body = aws_world_json, .context = &gone}};
    struct fake_http *http = aws_world_serve(rows, sizeof rows / sizeof *rows);
    use_imds(http);
    struct s3_credentials_source *source = aws_world_source(NULL);
    aws_world_expect(source, "K0/S/T");
    s3_credentials_source_free(source);
    fake_http_free(http);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("source_imds");
    TCase *tcase = tcase_create("source_imds");
    tcase_add_checked_fixture(tcase, aws_world_set_up, aws_world_tear_down);
    tcase_add_test(tcase, instance_metadata_is_asked_as_often_as_the_environment_says);
    tcase_add_test(tcase, instance_metadata_wants_a_token_first);
    tcase_add_loop_test(tcase,
                        a_useless_answer_of_instance_metadata_is_told_without_secrets, 0,
                        (int)(sizeof metadata / sizeof *metadata));
    tcase_add_test(tcase,
                   where_nothing_gives_keys_one_sentence_says_so_and_its_hint_comes_once);
    tcase_add_test(tcase, metadata_that_is_turned_off_is_said_so);
    tcase_add_loop_test(tcase, an_absent_instance_metadata_is_asked_once_in_a_minute, 0,
                        (int)(sizeof strangers / sizeof *strangers));
    tcase_add_loop_test(
        tcase, instance_metadata_that_comes_up_late_is_found_a_minute_after_its_silence, 0,
        (int)(sizeof strangers / sizeof *strangers));
    tcase_add_loop_test(tcase,
                        instance_metadata_is_not_asked_where_something_else_is_set_up, 0,
                        (int)(sizeof set_up / sizeof *set_up));
    tcase_add_test(tcase, a_metadata_service_in_trouble_is_asked_again);
    tcase_add_test(tcase, expired_keys_of_an_outage_are_used_on);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
