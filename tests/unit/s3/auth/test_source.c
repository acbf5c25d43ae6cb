#include "s3/auth/source.h"

#include "base/clock.h"
#include "base/text.h"
#include "base/thread.h"
#include "tests/support/aws_world.h"
#include "tests/support/deaf_socket.h"
#include "tests/support/run_suite.h"

#include <check.h>
#include <unistd.h>

/* ---- credential_process ---- */

static const struct {
    const char *command;
    const char *keys;  /* or */
    const char *error; /* its beginning */
} processes[] = {
    {"printf '%s' '{\"Version\":1,\"AccessKeyId\":\"A\",\"SecretAccessKey\":\"B\"}'",
     "A/B/", NULL},
    {"printf %s {\\\"Version\\\":1,\\\"AccessKeyId\\\":\\\"A\\\","
     "\\\"SecretAccessKey\\\":\\\"B\\\",\\\"SessionToken\\\":\\\"C\\\"}",
     "A/B/C", NULL},
    {"printf '{\"Version\":2,\"AccessKeyId\":\"A\",\"SecretAccessKey\":\"hunter2\"}'", NULL,
     "credential_process: its answer is not of version 1"},
    {"printf '{\"Version\":1,\"AccessKeyId\":\"A\",\"SecretAccessKey\":\"hunter2'", NULL,
     "credential_process: the answer is not a JSON object"},
    {"printf '{\"Version\":1,\"SecretAccessKey\":\"hunter2\"}'", NULL,
     "credential_process: the answer is not whole: the access key is missing"},
    {"printf '{\"Version\":1,\"AccessKeyId\":\"A\",\"SecretAccessKey\":\"hunter2\\\\n\"}'",
     NULL,
     "credential_process: the answer is not whole: the secret key holds a space or control "
     "character"},
    {"sh -c 'echo hunter2; exit 3'", NULL, "sh ended with exit status 3"},
    {"/nothing/there", NULL, ""},
    {"echo 'open", NULL, "credential_process: a quote is not closed"},
};

START_TEST(a_credential_process_is_asked)
{
    char *config =
        memory_format("[profile p]\ncredential_process = %s\n", processes[_i].command);
    aws_world_file(".aws/config", config);
    free(config);
    struct s3_credentials_source *source = aws_world_source("p");
    struct s3_credentials got;
    struct err err = {0};
    if (processes[_i].keys != NULL) {
        aws_world_expect(source, processes[_i].keys);
    } else {
        ck_assert_int_eq(s3_credentials_get(source, &got, &err), -1);
        char *start = memory_format("credentials (profile \"p\"): %s", processes[_i].error);
        ck_assert_msg(text_starts_with(err.text, start), "%s", err.text);
        ck_assert_ptr_null(strstr(err.text, "hunter2"));
        free(start);
    }
    s3_credentials_source_free(source);
}
END_TEST

/* ---- an endpoint that is frozen ---- */

static void *trip_soon(void *unused)
{
    (void)cancel_sleep_ms(NULL, 200);
    cancel_trip(NULL, CANCEL_SIGTERM);
    return unused;
}

START_TEST(a_signal_ends_the_wait_for_keys)
{
    char url[DEAF_SOCKET_URL];
    struct s3_credentials got;
    struct err err = {0};
    pthread_t thread;
    int fd = deaf_socket(url);
    aws_world_file("token", "jwt");
    aws_world_env_path("AWS_WEB_IDENTITY_TOKEN_FILE", "token");
    aws_world_env("AWS_ROLE_ARN=arn:aws:iam::1:role/r");
    char *pair = memory_format("AWS_ENDPOINT_URL_STS=%s", url);
    aws_world_env(pair);
    free(pair);
    struct s3_credentials_source *source = aws_world_source(NULL);
    ck_assert_int_eq(thread_start(&thread, trip_soon, NULL, &err), 0);
    int64_t start = clock_monotonic_ms();
    ck_assert_int_eq(s3_credentials_get(source, &got, &err), -1);
    /* curl looks once a second; a try would have ten. */
    ck_assert_int_lt(clock_monotonic_ms() - start, 2000);
    pthread_join(thread, NULL);
    s3_credentials_source_free(source);
    close(fd);
}
END_TEST

/* ---- STS ---- */

START_TEST(a_web_identity_is_exchanged_and_its_file_read_every_time)
{
    const struct fake_http_row rows[] = {{.method = "POST",
                                          .path = "/",
                                          .status = 200,
                                          .make_body = aws_world_sts,
                                          .context = &aws_world_minute}};
    struct fake_http *http = aws_world_serve(rows, sizeof rows / sizeof *rows);
    struct fake_http_request request;
    aws_world_env_url("AWS_ENDPOINT_URL_STS", http, "");
    aws_world_env_path("AWS_WEB_IDENTITY_TOKEN_FILE", "token");
    setenv("AWS_ROLE_ARN", "arn:aws:iam::1:role/r", 1);
    setenv("AWS_ROLE_SESSION_NAME", "me", 1);
    aws_world_file("token", "jwt.one\n");
    struct s3_credentials_source *source = aws_world_source(NULL);
    aws_world_expect(source, "K0/S/+/T==");
    aws_world_expect(source, "K0/S/+/T==");
    aws_world_file("token", "jwt.two");
    aws_world_advance(60);
    aws_world_expect(source, "K60/S/+/T==");
    ck_assert_uint_eq(fake_http_count(http), 2);
    ck_assert(fake_http_request(http, 1, &request));
    ck_assert_str_eq(request.body, "Action=AssumeRoleWithWebIdentity&RoleArn=arn%3Aaws%3A"
                                   "iam%3A%3A1%3Arole%2Fr&RoleSessionName=me&Version=2011-"
                                   "06-15&WebIdentityToken=jwt.one");
    char *authorization = fake_http_header(&request, "Authorization");
    ck_assert_ptr_null(authorization);
    fake_http_request_release(&request);
    ck_assert(fake_http_request(http, 2, &request));
    ck_assert_ptr_nonnull(strstr(request.body, "WebIdentityToken=jwt.two"));
    fake_http_request_release(&request);
    s3_credentials_source_free(source);
    fake_http_free(http);
}
END_TEST

static const struct {
    const char *config;
    const char *env[2];
    const char *signer; /* access key that signs */
    const char *contains;
} roles[] = {
    {"[profile r]\nrole_arn = arn:r\nsource_profile = base\nexternal_id = x/1\n"
     "duration_seconds = 900\nregion = eu-west-1\n"
     "[profile base]\naws_access_key_id = BASE\naws_secret_access_key = b\n",
     {0},
     "BASE/20270115/eu-west-1/sts/aws4_request",
     "DurationSeconds=900&ExternalId=x%2F1&RoleArn=arn%3Ar&RoleSessionName=pgkeep-"},
    {"[profile r]\nrole_arn = arn:r\nsource_profile = r\nrole_session_name = n\n"
     "aws_access_key_id = SELF\naws_secret_access_key = b\n",
     {0},
     "SELF/20270115/us-east-1/sts/aws4_request",
     "RoleSessionName=n"},
    {"[profile r]\nrole_arn = arn:r\ncredential_source = Environment\n",
     {"AWS_ACCESS_KEY_ID=ENVKEY", "AWS_SECRET_ACCESS_KEY=s"},
     "ENVKEY/20270115/us-east-1/sts/aws4_request",
     "Action=AssumeRole&"},
};

START_TEST(a_role_is_assumed_with_the_keys_of_its_source)
{
    const struct fake_http_row rows[] = {{.method = "POST",
                                          .status = 200,
                                          .make_body = aws_world_sts,
                                          .context = &aws_world_hour}};
    struct fake_http *http = aws_world_serve(rows, sizeof rows / sizeof *rows);
    struct fake_http_request request;
    aws_world_env_url("AWS_ENDPOINT_URL_STS", http, "");
    for (size_t i = 0; i < 2; i++)
        aws_world_env(roles[_i].env[i]);
    aws_world_file(".aws/config", roles[_i].config);
    struct s3_credentials_source *source = aws_world_source("r");
    aws_world_expect(source, "K0/S/+/T==");
    ck_assert(fake_http_request(http, 1, &request));
    char *authorization = fake_http_header(&request, "Authorization");
    char *want = memory_format("AWS4-HMAC-SHA256 Credential=%s, SignedHeaders="
                               "content-type;host;x-amz-date, Signature=",
                               roles[_i].signer);
    ck_assert_msg(text_starts_with(authorization, want), "%s", authorization);
    ck_assert_msg(strstr(request.body, roles[_i].contains) != NULL, "%s", request.body);
    free(want);
    free(authorization);
    fake_http_request_release(&request);
    s3_credentials_source_free(source);
    fake_http_free(http);
}
END_TEST

#define STS_ERROR(code, message)                                                           \
    "<ErrorResponse><Error><Type>Sender</Type><Code>" code "</Code><Message>" message      \
    "</Message></Error></ErrorResponse>"

/* What STS answers when it gives nothing; `requests`: how often it is asked. */
static const struct {
    int status;
    const char *body;
    enum err_kind kind;
    const char *error;
    unsigned requests;
} refusals[] = {
    {403, STS_ERROR("AccessDenied", "not yours"), ERR_DENIED,
     "STS answered AssumeRoleWithWebIdentity with 403 AccessDenied: not yours", 1},
    {403, STS_ERROR("AccessDenied", "your token hunter2 is bad"), ERR_DENIED,
     "STS answered AssumeRoleWithWebIdentity with 403", 1},
    {400, STS_ERROR("InvalidIdentityToken", "no"), ERR_DENIED,
     "STS answered AssumeRoleWithWebIdentity with 400 InvalidIdentityToken: no", 3},
    {503, "hunter2", ERR_TRANSIENT, "STS answered AssumeRoleWithWebIdentity with 503", 3},
    {200, "<html>hunter2</html>", ERR_TRANSIENT,
     "STS: the answer to AssumeRoleWithWebIdentity is not whole", 1},
    {200,
     "<AssumeRoleWithWebIdentityResponse><AssumeRoleWithWebIdentityResult><Credentials>"
     "<AccessKeyId>K</AccessKeyId><SecretAccessKey>hunter2</SecretAccessKey>",
     ERR_TRANSIENT, "STS: the answer to AssumeRoleWithWebIdentity is not whole", 1},
};

START_TEST(a_refusal_of_sts_is_told_without_secrets)
{
    const struct fake_http_row rows[] = {
        {.status = refusals[_i].status, .body = refusals[_i].body}};
    struct fake_http *http = aws_world_serve(rows, sizeof rows / sizeof *rows);
    aws_world_env_url("AWS_ENDPOINT_URL_STS", http, "");
    aws_world_env_path("AWS_WEB_IDENTITY_TOKEN_FILE", "token");
    setenv("AWS_ROLE_ARN", "arn", 1);
    aws_world_file("token", "hunter2");
    struct s3_credentials_source *source = aws_world_source(NULL);
    char *want = memory_format("credentials (web identity): %s", refusals[_i].error);
    aws_world_expect_error(source, refusals[_i].kind, want);
    ck_assert_uint_eq(fake_http_count(http), refusals[_i].requests);
    free(want);
    s3_credentials_source_free(source);
    fake_http_free(http);
}
END_TEST

START_TEST(sts_is_not_asked_over_plain_http)
{
    setenv("AWS_ENDPOINT_URL_STS", "http://sts.example.com", 1);
    aws_world_env_path("AWS_WEB_IDENTITY_TOKEN_FILE", "token");
    setenv("AWS_ROLE_ARN", "arn", 1);
    aws_world_file("token", "hunter2");
    struct s3_credentials_source *source = aws_world_source(NULL);
    struct s3_credentials got;
    struct err err = {0};
    ck_assert_int_eq(s3_credentials_get(source, &got, &err), -1);
    ck_assert_int_eq(err.kind, ERR_CONFIG);
    ck_assert(text_starts_with(err.text, "credentials (web identity): STS: endpoint "
                                         "\"http://sts.example.com\" is not encrypted"));
    s3_credentials_source_free(source);
}
END_TEST

static const struct {
    const char *env, *region, *host;
} sts_hosts[] = {
    {NULL, "cn-north-1", "sts.cn-north-1.amazonaws.com.cn"},
    {"AWS_USE_FIPS_ENDPOINT=true", "us-west-2", "sts-fips.us-west-2.amazonaws.com"},
    {"AWS_USE_FIPS_ENDPOINT=true", "us-gov-west-1", "sts.us-gov-west-1.amazonaws.com"},
    {"AWS_USE_DUALSTACK_ENDPOINT=true", "eu-west-1", "sts.eu-west-1.api.aws"},
    {"AWS_USE_DUALSTACK_ENDPOINT=true", "cn-north-1",
     "sts.cn-north-1.api.amazonwebservices.com.cn"},
};

START_TEST(sts_is_reached_by_the_proxy_that_was_given)
{
    const struct fake_http_row rows[] = {{.method = "CONNECT", .status = 403}};
    struct fake_http *http = aws_world_serve(rows, sizeof rows / sizeof *rows);
    struct fake_http_request request;
    struct s3_credentials got;
    struct err err = {0};
    aws_world_env(sts_hosts[_i].env);
    aws_world_env("AWS_ROLE_ARN=arn");
    aws_world_env_path("AWS_WEB_IDENTITY_TOKEN_FILE", "token");
    aws_world_file("token", "hunter2");
    const struct s3_credentials_config config = {.region = sts_hosts[_i].region,
                                                 .proxy = fake_http_url(http)};
    struct s3_credentials_source *source = s3_credentials_source_new(&config, &err);
    ck_assert_ptr_nonnull(source);
    ck_assert_int_eq(s3_credentials_get(source, &got, &err), -1);
    ck_assert_int_eq(err.kind, ERR_TRANSIENT);
    ck_assert_ptr_nonnull(strstr(err.text, sts_hosts[_i].host));
    ck_assert(fake_http_request(http, 1, &request));
    ck_assert(text_starts_with(request.target, sts_hosts[_i].host));
    fake_http_request_release(&request);
    s3_credentials_source_free(source);
    fake_http_free(http);
}
END_TEST

/* The way to a service of one's own is none to Amazon, but one to a STS beside it. */
START_TEST(the_proxy_of_another_service_is_for_its_own_sts_only)
{
    const struct fake_http_row rows[] = {{.method = "CONNECT", .status = 403}};
    struct fake_http *own = aws_world_serve(rows, 1);
    struct fake_http *environment = aws_world_serve(rows, 1);
    struct s3_credentials got;
    struct err err = {0};
    aws_world_env("AWS_ROLE_ARN=arn");
    aws_world_env_path("AWS_WEB_IDENTITY_TOKEN_FILE", "token");
    aws_world_file("token", "hunter2");
    aws_world_env_url("https_proxy", environment, "");
    const struct s3_credentials_config config = {
        .region = "us-west-2", .proxy = fake_http_url(own), .elsewhere = true};
    for (unsigned i = 0; i < 2; i++) {
        if (i == 1)
            aws_world_env("AWS_ENDPOINT_URL_STS=https://sts.example.com");
        struct s3_credentials_source *source = s3_credentials_source_new(&config, &err);
        ck_assert_ptr_nonnull(source);
        ck_assert_int_eq(s3_credentials_get(source, &got, &err), -1);
        s3_credentials_source_free(source);
        ck_assert_uint_eq(fake_http_count(own) > 0, i == 1);
    }
    ck_assert_uint_eq(fake_http_count(environment), fake_http_count(own));
    fake_http_free(own);
    fake_http_free(environment);
}
END_TEST

/* ---- container ---- */

static const struct {
    const char *url;
    bool allowed;
} container_urls[] = {
    {"https://example.com/x", true},
    {"http://127.0.0.1:1/x?y=z", true},
    {"http://localhost/x", true},
    {"http://[::1]/x", true},
    {"http://169.254.170.2/x", true},
    {"http://169.254.170.23/x", true},
    {"http://[fd00:ec2::23]/x", true},
    {"http://169.254.170.3/x", false},
    {"http://example.com/x", false},
    {"http://169.254.170.2.example.com/x", false},
    {"http://169.254.170.2@example.com/x", false},
    {"http://[fd00:ec2::24]/x", false},
    {"ftp://localhost/x", false},
    {"localhost/x", false},
    {"http://localhost/x\r\nX-Evil: 1", false},
    {"", true},
};

START_TEST(a_container_endpoint_is_here_or_encrypted)
{
    const struct s3_credentials_config config = {0};
    struct err err = {0};
    setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", container_urls[_i].url, 1);
    struct s3_credentials_source *source = s3_credentials_source_new(&config, &err);
    bool said = *container_urls[_i].url != '\0';
    ck_assert_int_eq(source != NULL, said && container_urls[_i].allowed);
    if (source == NULL)
        ck_assert_int_eq(err.kind, said ? ERR_CONFIG : ERR_DENIED);
    s3_credentials_source_free(source);
}
END_TEST

START_TEST(a_container_endpoint_gets_its_token_and_no_proxy)
{
    const struct fake_http_row rows[] = {{.method = "GET",
                                          .path = "/get",
                                          .header = "Authorization: Bearer one",
                                          .status = 200,
                                          .make_body = aws_world_json,
                                          .context = &aws_world_hour}};
    struct fake_http *http = aws_world_serve(rows, sizeof rows / sizeof *rows);
    aws_world_env_url("AWS_CONTAINER_CREDENTIALS_FULL_URI", http, "/get?id=1");
    setenv("AWS_CONTAINER_AUTHORIZATION_TOKEN", "Bearer hunter2", 1);
    aws_world_env_path("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", "token");
    aws_world_file("token", "Bearer other\n");
    struct s3_credentials_source *source = aws_world_source(NULL);
    aws_world_expect_error(source, ERR_DENIED,
                           "credentials (container endpoint): the endpoint answered 404");
    aws_world_file("token", "Bearer one\n");
    aws_world_expect(source, "K0/S/T");
    aws_world_file("token", "Bearer hunter2\r\nX-Evil: 1");
    aws_world_advance(3600);
    struct s3_credentials got;
    struct err err = {0};
    ck_assert_int_eq(s3_credentials_get(source, &got, &err), -1);
    ck_assert_ptr_nonnull(strstr(err.text, "control character"));
    ck_assert_ptr_null(strstr(err.text, "hunter2"));
    ck_assert_uint_eq(fake_http_count(http), 2);
    s3_credentials_source_free(source);
    fake_http_free(http);
}
END_TEST

START_TEST(a_failing_container_endpoint_is_asked_again)
{
    const struct fake_http_row rows[] = {
        {.times = 1, .status = 500, .body = "hunter2"},
        {.times = 1, .status = 0},
        {.status = 200, .make_body = aws_world_json, .context = &aws_world_hour}};
    struct fake_http *http = aws_world_serve(rows, sizeof rows / sizeof *rows);
    aws_world_env_url("AWS_CONTAINER_CREDENTIALS_FULL_URI", http, "/");
    struct s3_credentials_source *source = aws_world_source(NULL);
    aws_world_expect(source, "K0/S/T");
    ck_assert_uint_eq(fake_http_count(http), 3);
    s3_credentials_source_free(source);
    fake_http_free(http);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("source");
    TCase *tcase = tcase_create("source");
    tcase_add_checked_fixture(tcase, aws_world_set_up, aws_world_tear_down);
    tcase_add_loop_test(tcase, a_credential_process_is_asked, 0,
                        (int)(sizeof processes / sizeof *processes));
    tcase_add_test(tcase, a_web_identity_is_exchanged_and_its_file_read_every_time);
    tcase_add_loop_test(tcase, a_role_is_assumed_with_the_keys_of_its_source, 0,
                        (int)(sizeof roles / sizeof *roles));
    tcase_add_loop_test(tcase, a_refusal_of_sts_is_told_without_secrets, 0,
                        (int)(sizeof refusals / sizeof *refusals));
    tcase_add_test(tcase, sts_is_not_asked_over_plain_http);
    tcase_add_loop_test(tcase, sts_is_reached_by_the_proxy_that_was_given, 0,
                        (int)(sizeof sts_hosts / sizeof *sts_hosts));
    tcase_add_loop_test(tcase, a_container_endpoint_is_here_or_encrypted, 0,
                        (int)(sizeof container_urls / sizeof *container_urls));
    tcase_add_test(tcase, the_proxy_of_another_service_is_for_its_own_sts_only);
    tcase_add_test(tcase, a_container_endpoint_gets_its_token_and_no_proxy);
    tcase_add_test(tcase, a_failing_container_endpoint_is_asked_again);
    tcase_add_test(tcase, a_signal_ends_the_wait_for_keys);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
