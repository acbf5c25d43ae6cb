#include "s3/auth/credentials.h"

#include "base/cancel.h"
#include "base/clock.h"
#include "tests/support/aws_world.h"
#include "tests/support/run_suite.h"

#include <check.h>
#include <pthread.h>

/* ---- the chain ---- */

enum {
    CONFIG = 1,
    ENVIRONMENT = 2,
    PROFILE = 4,
    WEB = 8,
    CONTAINER = 16,
    IMDS = 32,
    NAMED = 64,      /* the config names the profile */
    ENV_NAMED = 128, /* AWS_PROFILE does */
    EMPTY_PROFILE = 256
};

static const struct {
    int there;
    const char *origin; /* NULL: none */
} orders[] = {
    {CONFIG | ENVIRONMENT | PROFILE | WEB | CONTAINER | IMDS, "configuration"},
    {ENVIRONMENT | PROFILE | WEB | CONTAINER | IMDS, "environment"},
    {PROFILE | WEB | CONTAINER | IMDS, "profile \"default\""},
    {WEB | CONTAINER | IMDS, "web identity"},
    {CONTAINER | IMDS, "container endpoint"},
    {IMDS, "instance metadata"},
    {0, NULL},
    {ENVIRONMENT | PROFILE | NAMED, "profile \"other\""},
    {CONFIG | ENVIRONMENT | PROFILE | NAMED, "configuration"},
    {ENVIRONMENT | PROFILE | ENV_NAMED, "environment"},
    {PROFILE | ENV_NAMED, "profile \"other\""},
    {EMPTY_PROFILE | CONTAINER, "container endpoint"},
    {EMPTY_PROFILE | NAMED | ENVIRONMENT | IMDS, "instance metadata"},
};

static void set_all(int there)
{
    if (there & ENVIRONMENT) {
        setenv("AWS_ACCESS_KEY_ID", "env", 1);
        setenv("AWS_SECRET_ACCESS_KEY", "env", 1);
    }
    if (there & PROFILE)
        aws_world_file(".aws/config",
                       "[default]\naws_access_key_id=d\naws_secret_access_key=d\n"
                       "[profile other]\ncredential_process = true\n");
    if (there & EMPTY_PROFILE)
        aws_world_file(".aws/config", "[default]\nregion=x\n[profile other]\nregion=x\n");
    if (there & ENV_NAMED)
        setenv("AWS_PROFILE", "other", 1);
    if (there & WEB) {
        setenv("AWS_ROLE_ARN", "arn", 1);
        setenv("AWS_WEB_IDENTITY_TOKEN_FILE", "/nothing", 1);
    }
    if (there & CONTAINER)
        setenv("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "/x", 1);
    if (there & IMDS)
        unsetenv("AWS_EC2_METADATA_DISABLED");
}

START_TEST(the_first_that_is_set_up_wins)
{
    int there = orders[_i].there;
    struct err err = {0};
    set_all(there);
    const struct s3_credentials_config config = {
        .access_key = there & CONFIG ? "a" : NULL,
        .secret_key = there & CONFIG ? "b" : NULL,
        .profile = there & NAMED ? "other" : NULL,
    };
    struct s3_credentials_source *source = s3_credentials_source_new(&config, &err);
    if (orders[_i].origin == NULL) {
        ck_assert_ptr_null(source);
        ck_assert_int_eq(err.kind, ERR_DENIED);
        return;
    }
    ck_assert_msg(source != NULL, "%s", err.text);
    ck_assert_str_eq(s3_credentials_origin(source), orders[_i].origin);
    s3_credentials_source_free(source);
}
END_TEST

/* One variable, one profile file, what it leads to. */
static const struct {
    const char *env[2]; /* "NAME=value" */
    const char *config;
    const char *profile;
    const char *error;
} broken[] = {
    {{"AWS_ACCESS_KEY_ID=a"},
     NULL,
     NULL,
     "credentials: AWS_ACCESS_KEY_ID is set, but AWS_SECRET_ACCESS_KEY is not"},
    {{"AWS_SECRET_ACCESS_KEY=hunter2"},
     NULL,
     NULL,
     "credentials: AWS_SECRET_ACCESS_KEY is set, but AWS_ACCESS_KEY_ID is not"},
    {{"AWS_WEB_IDENTITY_TOKEN_FILE=/x"},
     NULL,
     NULL,
     "credentials: AWS_WEB_IDENTITY_TOKEN_FILE is set, but AWS_ROLE_ARN is not"},
    {{"AWS_PROFILE=nobody"}, NULL, NULL, "credentials: there is no profile \"nobody\""},
    {{0}, NULL, "nobody", "credentials: there is no profile \"nobody\""},
    {{0},
     "[profile a]\naws_access_key_id = k\n",
     "a",
     "credentials: profile \"a\": aws_access_key_id without aws_secret_access_key"},
    {{0},
     "[profile a]\nrole_arn = r\n",
     "a",
     "credentials: profile \"a\": role_arn needs either source_profile or "
     "credential_source"},
    {{0},
     "[profile a]\nrole_arn = r\nsource_profile=b\n",
     "a",
     "credentials: profile \"a\": there is no profile \"b\""},
    {{0},
     "[profile a]\nrole_arn = r\nsource_profile=b\n[profile b]\nregion=x\n",
     "a",
     "credentials: profile \"a\": profile \"b\" has no credentials"},
    {{0},
     "[profile a]\nrole_arn=r\nsource_profile=b\n[profile b]\nrole_arn=r\n"
     "source_profile=a\n",
     "a",
     "credentials: profile \"a\": profile \"b\": profile \"a\" is its own source_profile"},
    {{0},
     "[profile a]\nrole_arn=r\ncredential_source=Moon\n",
     "a",
     "credentials: profile \"a\": credential_source must be Environment, "
     "Ec2InstanceMetadata or EcsContainer"},
    {{0},
     "[profile a]\nrole_arn=r\ncredential_source=Environment\n",
     "a",
     "credentials: profile \"a\": credential_source Environment has no credentials"},
    {{0},
     "[profile a]\nsso_session = s\n",
     "a",
     "credentials: profile \"a\": sso_session is not supported\nhint: use "
     "credential_process, for one with \"aws configure export-credentials\""},
    {{"AWS_CONTAINER_CREDENTIALS_RELATIVE_URI=@evil.com/"},
     NULL,
     NULL,
     "credentials: AWS_CONTAINER_CREDENTIALS_RELATIVE_URI must begin with '/'"},
};

START_TEST(a_source_that_is_half_set_up_is_an_error)
{
    struct err err = {0};
    for (size_t i = 0; i < 2; i++)
        aws_world_env(broken[_i].env[i]);
    if (broken[_i].config != NULL)
        aws_world_file(".aws/config", broken[_i].config);
    const struct s3_credentials_config config = {.profile = broken[_i].profile};
    ck_assert_ptr_null(s3_credentials_source_new(&config, &err));
    ck_assert_str_eq(err.text, broken[_i].error);
    ck_assert_int_eq(err.kind, ERR_CONFIG);
}
END_TEST

/* ---- keys that are just there ---- */

START_TEST(keys_of_the_environment_are_used_as_they_are)
{
    setenv("AWS_ACCESS_KEY_ID", "AKID", 1);
    setenv("AWS_SECRET_ACCESS_KEY", "se/cret", 1);
    setenv("AWS_SESSION_TOKEN", "tok", 1);
    struct s3_credentials_source *source = aws_world_source(NULL);
    aws_world_expect(source, "AKID/se/cret/tok");
    s3_credentials_source_free(source);
    /* Its old name. */
    unsetenv("AWS_SESSION_TOKEN");
    setenv("AWS_SECURITY_TOKEN", "old", 1);
    source = aws_world_source(NULL);
    aws_world_expect(source, "AKID/se/cret/old");
    s3_credentials_source_free(source);
}
END_TEST

START_TEST(keys_with_a_line_break_are_refused)
{
    setenv("AWS_ACCESS_KEY_ID", "AKID", 1);
    setenv("AWS_SECRET_ACCESS_KEY", "hunter2", 1);
    setenv("AWS_SESSION_TOKEN", "tok\r\nX-Evil: 1", 1);
    struct s3_credentials_source *source = aws_world_source(NULL);
    aws_world_expect_error(
        source, ERR_DENIED,
        "credentials (environment): the session token holds a space or control "
        "character");
    s3_credentials_source_free(source);
}
END_TEST

START_TEST(an_expiration_of_the_environment_is_believed)
{
    setenv("AWS_ACCESS_KEY_ID", "AKID", 1);
    setenv("AWS_SECRET_ACCESS_KEY", "s", 1);
    setenv("AWS_CREDENTIAL_EXPIRATION", "2027-01-15T08:01:00Z", 1); /* in 60 seconds */
    struct s3_credentials_source *source = aws_world_source(NULL);
    aws_world_expect(source, "AKID/s/");
    aws_world_advance(59);
    aws_world_expect(source, "AKID/s/");
    aws_world_advance(1);
    aws_world_expect_error(
        source, ERR_DENIED,
        "credentials (environment): they expired at 2027-01-15T08:01:00Z and "
        "cannot be renewed");
    s3_credentials_source_free(source);
}
END_TEST

/* ---- renewal ---- */

static struct fake_http *minute_tokens(void)
{
    const struct fake_http_row rows[] = {
        {.status = 200, .make_body = aws_world_json, .context = &aws_world_minute}};
    struct fake_http *http = aws_world_serve(rows, sizeof rows / sizeof *rows);
    aws_world_env_url("AWS_CONTAINER_CREDENTIALS_FULL_URI", http, "/");
    return http;
}

START_TEST(tokens_of_a_minute_are_renewed_in_the_background)
{
    struct fake_http *http = minute_tokens();
    struct s3_credentials_source *source = aws_world_source(NULL);
    struct err err = {0};
    ck_assert_int_eq(s3_credentials_hold(source, &err), 0);
    ck_assert_int_eq(s3_credentials_hold(source, &err), 0);
    aws_world_wait(http, 1);
    aws_world_expect(source, "K0/S/T");
    for (int round = 1; round <= 5; round++) {
        char *old = aws_world_get(source);
        aws_world_advance(44);
        aws_world_expect(source, old);
        ck_assert_uint_eq(fake_http_count(http), (unsigned)round);
        aws_world_advance(2); /* a quarter of its life is left: time to renew */
        /* Wakes the thread, which has not seen the clock jump; the old ones still do. */
        free(aws_world_get(source));
        aws_world_wait(http, (unsigned)round + 1);
        char *want = memory_format("K%d/S/T", 46 * round);
        int64_t end = clock_monotonic_ms() + AWS_WORLD_WAIT_MS;
        char *got = aws_world_get(source);
        while (strcmp(got, want) != 0 && clock_monotonic_ms() < end) {
            cancel_sleep_ms(NULL, 1);
            free(got);
            got = aws_world_get(source);
        }
        ck_assert_str_eq(got, want);
        free(got);
        free(want);
        free(old);
    }
    s3_credentials_unhold(source);
    s3_credentials_unhold(source);
    ck_assert_uint_eq(fake_http_count(http), 6);
    s3_credentials_source_free(source);
    fake_http_free(http);
}
END_TEST

START_TEST(without_a_hold_get_renews_near_the_end)
{
    struct fake_http *http = minute_tokens();
    struct s3_credentials_source *source = aws_world_source(NULL);
    aws_world_expect(source, "K0/S/T");
    aws_world_advance(54);
    aws_world_expect(source, "K0/S/T");
    ck_assert_uint_eq(fake_http_count(http), 1);
    aws_world_advance(1);
    aws_world_expect(source, "K55/S/T");
    ck_assert_uint_eq(fake_http_count(http), 2);
    s3_credentials_source_free(source);
    fake_http_free(http);
}
END_TEST

START_TEST(a_renewal_that_fails_early_is_only_a_warning)
{
    const struct fake_http_row rows[] = {
        {.times = 1,
         .status = 200,
         .make_body = aws_world_json,
         .context = &aws_world_minute},
        {.first = 1, .times = 3, .status = 403},
        {.status = 200, .make_body = aws_world_json, .context = &aws_world_minute}};
    struct fake_http *http = aws_world_serve(rows, sizeof rows / sizeof *rows);
    aws_world_env_url("AWS_CONTAINER_CREDENTIALS_FULL_URI", http, "/");
    struct s3_credentials_source *source = aws_world_source(NULL);
    aws_world_expect(source, "K0/S/T");
    aws_world_advance(55);
    aws_world_expect(source, "K0/S/T"); /* fails, warns */
    ck_assert_uint_eq(fake_http_count(http), 2);
    aws_world_expect(source, "K0/S/T"); /* not at once again */
    ck_assert_uint_eq(fake_http_count(http), 2);
    aws_world_advance(1);
    aws_world_expect(source, "K0/S/T");
    ck_assert_uint_eq(fake_http_count(http), 3);
    aws_world_advance(4); /* now they are gone */
    aws_world_expect_error(source, ERR_DENIED,
                           "credentials (container endpoint): the endpoint answered 403");
    aws_world_expect(source, "K60/S/T"); /* without credentials every get asks */
    s3_credentials_source_free(source);
    fake_http_free(http);
}
END_TEST

START_TEST(what_the_service_refused_is_fetched_anew_once)
{
    struct fake_http *http = minute_tokens();
    struct s3_credentials_source *source = aws_world_source(NULL);
    struct s3_credentials first;
    struct err err = {0};
    ck_assert_int_eq(s3_credentials_get(source, &first, &err), 0);
    aws_world_advance(10);
    s3_credentials_invalidate(source, &first);
    s3_credentials_invalidate(source, &first);
    aws_world_expect(source, "K10/S/T");
    s3_credentials_invalidate(source, &first); /* late: these are gone already */
    aws_world_expect(source, "K10/S/T");
    ck_assert_uint_eq(fake_http_count(http), 2);
    s3_credentials_release(&first);
    s3_credentials_release(&first);
    s3_credentials_source_free(source);
    fake_http_free(http);
}
END_TEST

START_TEST(nothing_newer_is_not_asked_for_in_a_loop)
{
    const struct fake_http_row rows[] = {
        {.status = 200,
         .body = "{\"AccessKeyId\":\"a\",\"SecretAccessKey\":\"b\","
                 "\"Expiration\":\"2027-01-15T08:01:00Z\"}"}}; /* in 60 seconds */
    struct fake_http *http = aws_world_serve(rows, sizeof rows / sizeof *rows);
    aws_world_env_url("AWS_CONTAINER_CREDENTIALS_FULL_URI", http, "/");
    struct s3_credentials_source *source = aws_world_source(NULL);
    aws_world_expect(source, "a/b/");
    aws_world_advance(56);
    for (int i = 0; i < 10; i++)
        aws_world_expect(source, "a/b/");
    ck_assert_uint_eq(fake_http_count(http), 2);
    aws_world_advance(4);
    aws_world_expect_error(
        source, ERR_TRANSIENT,
        "credentials (container endpoint): they had expired at "
        "2027-01-15T08:01:00Z already when they came\nhint: is the clock of this "
        "host right?");
    s3_credentials_source_free(source);
    fake_http_free(http);
}
END_TEST

START_TEST(while_a_thread_renews_a_failure_is_told_until_the_next_try)
{
    static const char failure[] =
        "credentials (container endpoint): the endpoint answered 403";
    const struct fake_http_row rows[] = {
        {.times = 1, .status = 403},
        {.status = 200, .make_body = aws_world_json, .context = &aws_world_minute}};
    struct fake_http *http = aws_world_serve(rows, sizeof rows / sizeof *rows);
    aws_world_env_url("AWS_CONTAINER_CREDENTIALS_FULL_URI", http, "/");
    struct s3_credentials_source *source = aws_world_source(NULL);
    struct err err = {0};
    ck_assert(s3_credentials_ready(source)); /* get will ask by itself */
    ck_assert_int_eq(s3_credentials_hold(source, &err), 0);
    for (int i = 0; i < 10; i++)
        aws_world_expect_error(source, ERR_DENIED, failure);
    ck_assert(s3_credentials_ready(source)); /* with the reason */
    ck_assert_uint_eq(fake_http_count(http), 1);
    aws_world_advance(1);
    aws_world_expect(source, "K1/S/T");
    ck_assert(s3_credentials_ready(source));
    ck_assert_uint_eq(fake_http_count(http), 2);
    s3_credentials_unhold(source);
    s3_credentials_source_free(source);
    fake_http_free(http);
}
END_TEST

START_TEST(a_hold_ends_while_its_endpoint_is_silent)
{
    const struct fake_http_row rows[] = {{.status = 500}};
    struct fake_http *http = aws_world_serve(rows, sizeof rows / sizeof *rows);
    aws_world_env_url("AWS_CONTAINER_CREDENTIALS_FULL_URI", http, "/");
    struct s3_credentials_source *source = aws_world_source(NULL);
    struct err err = {0};
    ck_assert_int_eq(s3_credentials_hold(source, &err), 0);
    aws_world_wait(http, 1);
    s3_credentials_unhold(source);
    ck_assert_uint_lt(fake_http_count(http), 4);
    s3_credentials_source_free(source);
    fake_http_free(http);
}
END_TEST

static void *get_often(void *context)
{
    for (int i = 0; i < 50; i++) {
        struct s3_credentials got;
        struct err err = {0};
        if (s3_credentials_get(context, &got, &err) < 0)
            return context;
        if (i % 10 == 9)
            s3_credentials_invalidate(context, &got);
        s3_credentials_release(&got);
    }
    return NULL;
}

START_TEST(threads_share_one_source)
{
    struct fake_http *http = minute_tokens();
    struct s3_credentials_source *source = aws_world_source(NULL);
    struct err err = {0};
    pthread_t threads[8];
    ck_assert_int_eq(s3_credentials_hold(source, &err), 0);
    for (size_t i = 0; i < sizeof threads / sizeof *threads; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, get_often, source), 0);
    for (size_t i = 0; i < sizeof threads / sizeof *threads; i++) {
        void *failed;
        ck_assert_int_eq(pthread_join(threads[i], &failed), 0);
        ck_assert_ptr_null(failed);
    }
    s3_credentials_unhold(source);
    /* The first fetch serves them all; after that, at most one for each refusal. */
    ck_assert_uint_le(fake_http_count(http), 1 + 8 * 5);
    s3_credentials_source_free(source);
    fake_http_free(http);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("credentials");
    TCase *tcase = tcase_create("credentials");
    tcase_add_checked_fixture(tcase, aws_world_set_up, aws_world_tear_down);
    tcase_add_loop_test(tcase, the_first_that_is_set_up_wins, 0,
                        (int)(sizeof orders / sizeof *orders));
    tcase_add_loop_test(tcase, a_source_that_is_half_set_up_is_an_error, 0,
                        (int)(sizeof broken / sizeof *broken));
    tcase_add_test(tcase, keys_of_the_environment_are_used_as_they_are);
    tcase_add_test(tcase, keys_with_a_line_break_are_refused);
    tcase_add_test(tcase, an_expiration_of_the_environment_is_believed);
    tcase_add_test(tcase, tokens_of_a_minute_are_renewed_in_the_background);
    tcase_add_test(tcase, without_a_hold_get_renews_near_the_end);
    tcase_add_test(tcase, a_renewal_that_fails_early_is_only_a_warning);
    tcase_add_test(tcase, what_the_service_refused_is_fetched_anew_once);
    tcase_add_test(tcase, nothing_newer_is_not_asked_for_in_a_loop);
    tcase_add_test(tcase, while_a_thread_renews_a_failure_is_told_until_the_next_try);
    tcase_add_test(tcase, a_hold_ends_while_its_endpoint_is_silent);
    tcase_add_test(tcase, threads_share_one_source);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
