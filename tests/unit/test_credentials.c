#include "s3/credentials.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/text.h"
#include "s3/imds.h"
#include "tests/support/fake_http.h"

#include <check.h>
#include <stdatomic.h>
#include <unistd.h>

#define ROWS(table) (sizeof(table) / sizeof((table)[0]))
#define WAIT_MS 5000

extern char **environ;

static char folder[64];
static atomic_llong clock_at;

/* ---- the world around ---- */

static void forget_environment(void)
{
    struct strlist names = {0};
    for (char **entry = environ; *entry != NULL; entry++) {
        char *name = memory_strndup(*entry, strcspn(*entry, "="));
        if (text_starts_with(name, "AWS_") || text_ends_with(name, "_proxy") ||
            text_ends_with(name, "_PROXY"))
            strlist_add(&names, name);
        free(name);
    }
    for (size_t i = 0; i < names.count; i++)
        unsetenv(names.items[i]);
    strlist_release(&names);
}

static void set_up(void)
{
    forget_environment();
    snprintf(folder, sizeof folder, "/tmp/pgkeep-credentials.XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
    setenv("HOME", folder, 1);
    setenv("AWS_EC2_METADATA_DISABLED", "true", 1);
    /* Whatever goes by a proxy fails: nothing listens there. */
    setenv("http_proxy", "http://127.0.0.1:1", 1);
    setenv("all_proxy", "http://127.0.0.1:1", 1);
    atomic_store(&clock_at, 1800000000);
}

static void tear_down(void)
{
    static const char *const names[] = {".aws/config", ".aws", "token", "script"};
    for (size_t i = 0; i < ROWS(names); i++) {
        char *path = file_join(folder, names[i]);
        if (unlink(path) < 0)
            rmdir(path);
        free(path);
    }
    rmdir(folder);
}

static int64_t test_now(void *context)
{
    (void)context;
    return atomic_load(&clock_at);
}

static void write_file(const char *name, const char *text)
{
    struct err err = {0};
    char *path = file_join(folder, name);
    ck_assert_int_eq(file_make_folders_of(path, &err), 0);
    ck_assert_msg(file_write(path, text, strlen(text), &err) == 0, "%s", err.text);
    free(path);
}

static void set_path(const char *variable, const char *name)
{
    char *path = file_join(folder, name);
    setenv(variable, path, 1);
    free(path);
}

static void set_url(const char *variable, const struct fake_http *http, const char *path)
{
    char *url = memory_format("%s%s", fake_http_url(http), path);
    setenv(variable, url, 1);
    free(url);
}

static struct fake_http *serve(const struct fake_http_row *rows, size_t count)
{
    struct err err = {0};
    struct fake_http *http = fake_http_new(rows, count, &err);
    ck_assert_msg(http != NULL, "%s", err.text);
    return http;
}

static struct s3_credentials_source *open_source(const char *profile)
{
    const struct s3_credentials_config config = {.profile = profile, .now = test_now};
    struct err err = {0};
    struct s3_credentials_source *source = s3_credentials_source_new(&config, &err);
    ck_assert_msg(source != NULL, "%s", err.text);
    return source;
}

/* The keys of one get as "access/secret/token"; heap. Ends the test when it fails. */
static char *get_all(struct s3_credentials_source *source)
{
    struct s3_credentials got;
    struct err err = {0};
    ck_assert_msg(s3_credentials_get(source, &got, &err) == 0, "%s", err.text);
    char *all = memory_format("%s/%s/%s", got.access_key, got.secret_key.text,
                              got.session_token.text == NULL ? "" : got.session_token.text);
    s3_credentials_release(&got);
    return all;
}

static void expect(struct s3_credentials_source *source, const char *want)
{
    char *got = get_all(source);
    ck_assert_str_eq(got, want);
    free(got);
}

static void expect_error(struct s3_credentials_source *source, enum err_kind kind,
                         const char *want)
{
    struct s3_credentials got;
    struct err err = {0};
    ck_assert_int_eq(s3_credentials_get(source, &got, &err), -1);
    ck_assert_str_eq(err.text, want);
    ck_assert_int_eq(err.kind, kind);
}

static void wait_for_requests(struct fake_http *http, unsigned count)
{
    int64_t end = clock_monotonic_ms() + WAIT_MS;
    while (fake_http_count(http) < count && clock_monotonic_ms() < end)
        clock_sleep_ms(1);
    ck_assert_uint_eq(fake_http_count(http), count);
}

/* ---- answers ---- */

static char *json_answer(void *context, const struct fake_http_request *request)
{
    (void)request;
    char when[32];
    int64_t life = *(const int64_t *)context;
    int64_t now = atomic_load(&clock_at);
    return memory_format("{\"Code\":\"Success\",\"AccessKeyId\":\"K%lld\","
                         "\"SecretAccessKey\":\"S\",\"Token\":\"T\",\"Expiration\":\"%s\"}",
                         (long long)(now % 100000), clock_rfc3339(when, now + life));
}

static char *sts_answer(void *context, const struct fake_http_request *request)
{
    char when[32];
    int64_t now = atomic_load(&clock_at);
    const char *action = strstr(request->body, "WithWebIdentity") != NULL
                             ? "AssumeRoleWithWebIdentity"
                             : "AssumeRole";
    return memory_format(
        "<?xml version=\"1.0\"?>\n<%sResponse xmlns=\"https://sts.amazonaws.com/doc/"
        "2011-06-15/\"><%sResult><AssumedRoleUser><Arn>arn:x</Arn></AssumedRoleUser>"
        "<Credentials><AccessKeyId>K%lld</AccessKeyId><SecretAccessKey>S/+"
        "</SecretAccessKey><SessionToken>T==</SessionToken><Expiration>%s</Expiration>"
        "</Credentials></%sResult></%sResponse>",
        action, action, (long long)(now % 100000),
        clock_rfc3339(when, now + *(const int64_t *)context), action, action);
}

static int64_t minute = 60;
static int64_t hour = 3600;

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
        write_file(".aws/config",
                   "[default]\naws_access_key_id=d\naws_secret_access_key=d\n"
                   "[profile other]\ncredential_process = true\n");
    if (there & EMPTY_PROFILE)
        write_file(".aws/config", "[default]\nregion=x\n[profile other]\nregion=x\n");
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

static void set_env(const char *pair)
{
    if (pair == NULL)
        return;
    char *name = memory_strndup(pair, strcspn(pair, "="));
    ck_assert_int_eq(setenv(name, pair + strlen(name) + 1, 1), 0);
    free(name);
}

START_TEST(a_source_that_is_half_set_up_is_an_error)
{
    struct err err = {0};
    for (size_t i = 0; i < 2; i++)
        set_env(broken[_i].env[i]);
    if (broken[_i].config != NULL)
        write_file(".aws/config", broken[_i].config);
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
    struct s3_credentials_source *source = open_source(NULL);
    expect(source, "AKID/se/cret/tok");
    s3_credentials_source_free(source);
}
END_TEST

START_TEST(keys_with_a_line_break_are_refused)
{
    setenv("AWS_ACCESS_KEY_ID", "AKID", 1);
    setenv("AWS_SECRET_ACCESS_KEY", "hunter2", 1);
    setenv("AWS_SESSION_TOKEN", "tok\r\nX-Evil: 1", 1);
    struct s3_credentials_source *source = open_source(NULL);
    expect_error(source, ERR_DENIED,
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
    struct s3_credentials_source *source = open_source(NULL);
    expect(source, "AKID/s/");
    atomic_fetch_add(&clock_at, 59);
    expect(source, "AKID/s/");
    atomic_fetch_add(&clock_at, 1);
    expect_error(source, ERR_DENIED,
                 "credentials (environment): they expired at 2027-01-15T08:01:00Z and "
                 "cannot be renewed");
    s3_credentials_source_free(source);
}
END_TEST

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
     "credential_process: the answer is no JSON object"},
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
    write_file(".aws/config", config);
    free(config);
    struct s3_credentials_source *source = open_source("p");
    struct s3_credentials got;
    struct err err = {0};
    if (processes[_i].keys != NULL) {
        expect(source, processes[_i].keys);
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

/* ---- STS ---- */

START_TEST(a_web_identity_is_exchanged_and_its_file_read_every_time)
{
    const struct fake_http_row rows[] = {{.method = "POST",
                                          .path = "/",
                                          .status = 200,
                                          .make_body = sts_answer,
                                          .context = &minute}};
    struct fake_http *http = serve(rows, ROWS(rows));
    struct fake_http_request request;
    set_url("AWS_ENDPOINT_URL_STS", http, "");
    set_path("AWS_WEB_IDENTITY_TOKEN_FILE", "token");
    setenv("AWS_ROLE_ARN", "arn:aws:iam::1:role/r", 1);
    setenv("AWS_ROLE_SESSION_NAME", "me", 1);
    write_file("token", "jwt.one\n");
    struct s3_credentials_source *source = open_source(NULL);
    expect(source, "K0/S/+/T==");
    expect(source, "K0/S/+/T==");
    write_file("token", "jwt.two");
    atomic_fetch_add(&clock_at, 60);
    expect(source, "K60/S/+/T==");
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
    const struct fake_http_row rows[] = {
        {.method = "POST", .status = 200, .make_body = sts_answer, .context = &hour}};
    struct fake_http *http = serve(rows, ROWS(rows));
    struct fake_http_request request;
    set_url("AWS_ENDPOINT_URL_STS", http, "");
    for (size_t i = 0; i < 2; i++)
        set_env(roles[_i].env[i]);
    write_file(".aws/config", roles[_i].config);
    struct s3_credentials_source *source = open_source("r");
    expect(source, "K0/S/+/T==");
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
    struct fake_http *http = serve(rows, ROWS(rows));
    set_url("AWS_ENDPOINT_URL_STS", http, "");
    set_path("AWS_WEB_IDENTITY_TOKEN_FILE", "token");
    setenv("AWS_ROLE_ARN", "arn", 1);
    write_file("token", "hunter2");
    struct s3_credentials_source *source = open_source(NULL);
    char *want = memory_format("credentials (web identity): %s", refusals[_i].error);
    expect_error(source, refusals[_i].kind, want);
    ck_assert_uint_eq(fake_http_count(http), refusals[_i].requests);
    free(want);
    s3_credentials_source_free(source);
    fake_http_free(http);
}
END_TEST

START_TEST(sts_is_not_asked_over_plain_http)
{
    setenv("AWS_ENDPOINT_URL_STS", "http://sts.example.com", 1);
    set_path("AWS_WEB_IDENTITY_TOKEN_FILE", "token");
    setenv("AWS_ROLE_ARN", "arn", 1);
    write_file("token", "hunter2");
    struct s3_credentials_source *source = open_source(NULL);
    struct s3_credentials got;
    struct err err = {0};
    ck_assert_int_eq(s3_credentials_get(source, &got, &err), -1);
    ck_assert_int_eq(err.kind, ERR_CONFIG);
    ck_assert(text_starts_with(err.text, "credentials (web identity): STS: endpoint "
                                         "\"http://sts.example.com\" is not encrypted"));
    s3_credentials_source_free(source);
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
                                          .make_body = json_answer,
                                          .context = &hour}};
    struct fake_http *http = serve(rows, ROWS(rows));
    set_url("AWS_CONTAINER_CREDENTIALS_FULL_URI", http, "/get?id=1");
    setenv("AWS_CONTAINER_AUTHORIZATION_TOKEN", "Bearer hunter2", 1);
    set_path("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", "token");
    write_file("token", "Bearer other\n");
    struct s3_credentials_source *source = open_source(NULL);
    expect_error(source, ERR_DENIED,
                 "credentials (container endpoint): the endpoint answered 404");
    write_file("token", "Bearer one\n");
    expect(source, "K0/S/T");
    write_file("token", "Bearer hunter2\r\nX-Evil: 1");
    atomic_fetch_add(&clock_at, 3600);
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
        {.status = 200, .make_body = json_answer, .context = &hour}};
    struct fake_http *http = serve(rows, ROWS(rows));
    set_url("AWS_CONTAINER_CREDENTIALS_FULL_URI", http, "/");
    struct s3_credentials_source *source = open_source(NULL);
    expect(source, "K0/S/T");
    ck_assert_uint_eq(fake_http_count(http), 3);
    s3_credentials_source_free(source);
    fake_http_free(http);
}
END_TEST

/* ---- instance metadata ---- */

#define ROLE_PATH "/latest/meta-data/iam/security-credentials/"

static void use_imds(const struct fake_http *http)
{
    unsetenv("AWS_EC2_METADATA_DISABLED");
    set_url("AWS_EC2_METADATA_SERVICE_ENDPOINT", http, "/");
}

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
         .make_body = json_answer,
         .context = &hour},
        {.path = "/latest/meta-data/placement/region", .status = 200, .body = "eu-west-1"}};
    struct fake_http *http = serve(rows, ROWS(rows));
    use_imds(http);
    struct s3_credentials_source *source = open_source(NULL);
    expect(source, "K0/S/T");
    ck_assert_uint_eq(fake_http_count(http), 5); /* token, 401, token, role, keys */
    char *region = s3_imds_region();
    ck_assert_str_eq(region, "eu-west-1");
    free(region);
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
     "the answer is no JSON object"},
    {200, "r", 200, "{\"Code\":\"Success\",\"SecretAccessKey\":\"hunter2\"}", ERR_TRANSIENT,
     "the answer is not whole: the access key is missing"},
    {200, "r", 200,
     "{\"AccessKeyId\":\"a\",\"SecretAccessKey\":\"hunter2\",\"Expiration\":\"soon\"}",
     ERR_TRANSIENT, "the answer's Expiration is no time"},
};

START_TEST(a_useless_answer_of_instance_metadata_is_told_without_secrets)
{
    const struct fake_http_row rows[] = {
        {.method = "PUT", .status = 200, .body = "tok"},
        {.path = ROLE_PATH, .status = metadata[_i].role_status, .body = metadata[_i].role},
        {.status = metadata[_i].status, .body = metadata[_i].body}};
    struct fake_http *http = serve(rows, ROWS(rows));
    use_imds(http);
    struct s3_credentials_source *source = open_source(NULL);
    char *want = memory_format("credentials (instance metadata): %s", metadata[_i].error);
    expect_error(source, metadata[_i].kind, want);
    free(want);
    s3_credentials_source_free(source);
    fake_http_free(http);
}
END_TEST

START_TEST(without_instance_metadata_there_are_no_credentials)
{
    unsetenv("AWS_EC2_METADATA_DISABLED");
    setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", "http://127.0.0.1:1", 1);
    struct s3_credentials_source *source = open_source(NULL);
    struct s3_credentials got;
    struct err err = {0};
    ck_assert_int_eq(s3_credentials_get(source, &got, &err), -1);
    ck_assert_int_eq(err.kind, ERR_DENIED);
    ck_assert_ptr_nonnull(strstr(err.text, "\nhint: no keys in configuration"));
    ck_assert_ptr_null(s3_imds_region());
    s3_credentials_source_free(source);
}
END_TEST

START_TEST(expired_keys_of_an_outage_are_used_on)
{
    int64_t gone = -100;
    const struct fake_http_row rows[] = {
        {.method = "PUT", .status = 200, .body = "tok"},
        {.path = ROLE_PATH, .status = 200, .body = "r"},
        {.status = 200, .make_body = json_answer, .context = &gone}};
    struct fake_http *http = serve(rows, ROWS(rows));
    use_imds(http);
    struct s3_credentials_source *source = open_source(NULL);
    expect(source, "K0/S/T");
    s3_credentials_source_free(source);
    fake_http_free(http);
}
END_TEST

/* ---- renewal ---- */

static struct fake_http *minute_tokens(void)
{
    const struct fake_http_row rows[] = {
        {.status = 200, .make_body = json_answer, .context = &minute}};
    struct fake_http *http = serve(rows, ROWS(rows));
    set_url("AWS_CONTAINER_CREDENTIALS_FULL_URI", http, "/");
    return http;
}

START_TEST(tokens_of_a_minute_are_renewed_in_the_background)
{
    struct fake_http *http = minute_tokens();
    struct s3_credentials_source *source = open_source(NULL);
    struct err err = {0};
    ck_assert_int_eq(s3_credentials_hold(source, &err), 0);
    ck_assert_int_eq(s3_credentials_hold(source, &err), 0);
    wait_for_requests(http, 1);
    expect(source, "K0/S/T");
    for (int round = 1; round <= 5; round++) {
        char *old = get_all(source);
        atomic_fetch_add(&clock_at, 44);
        expect(source, old);
        ck_assert_uint_eq(fake_http_count(http), (unsigned)round);
        atomic_fetch_add(&clock_at, 2); /* a quarter of its life is left: time to renew */
        /* Wakes the thread, which has not seen the clock jump; the old ones still do. */
        free(get_all(source));
        wait_for_requests(http, (unsigned)round + 1);
        char *want = memory_format("K%d/S/T", 46 * round);
        int64_t end = clock_monotonic_ms() + WAIT_MS;
        char *got = get_all(source);
        while (strcmp(got, want) != 0 && clock_monotonic_ms() < end) {
            clock_sleep_ms(1);
            free(got);
            got = get_all(source);
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
    struct s3_credentials_source *source = open_source(NULL);
    expect(source, "K0/S/T");
    atomic_fetch_add(&clock_at, 54);
    expect(source, "K0/S/T");
    ck_assert_uint_eq(fake_http_count(http), 1);
    atomic_fetch_add(&clock_at, 1);
    expect(source, "K55/S/T");
    ck_assert_uint_eq(fake_http_count(http), 2);
    s3_credentials_source_free(source);
    fake_http_free(http);
}
END_TEST

START_TEST(a_renewal_that_fails_early_is_only_a_warning)
{
    const struct fake_http_row rows[] = {
        {.times = 1, .status = 200, .make_body = json_answer, .context = &minute},
        {.first = 1, .times = 3, .status = 403},
        {.status = 200, .make_body = json_answer, .context = &minute}};
    struct fake_http *http = serve(rows, ROWS(rows));
    set_url("AWS_CONTAINER_CREDENTIALS_FULL_URI", http, "/");
    struct s3_credentials_source *source = open_source(NULL);
    expect(source, "K0/S/T");
    atomic_fetch_add(&clock_at, 55);
    expect(source, "K0/S/T"); /* fails, warns */
    ck_assert_uint_eq(fake_http_count(http), 2);
    expect(source, "K0/S/T"); /* not at once again */
    ck_assert_uint_eq(fake_http_count(http), 2);
    atomic_fetch_add(&clock_at, 1);
    expect(source, "K0/S/T");
    ck_assert_uint_eq(fake_http_count(http), 3);
    atomic_fetch_add(&clock_at, 4); /* now they are gone */
    expect_error(source, ERR_DENIED,
                 "credentials (container endpoint): the endpoint answered 403");
    expect(source, "K60/S/T"); /* without credentials every get asks */
    s3_credentials_source_free(source);
    fake_http_free(http);
}
END_TEST

START_TEST(what_the_service_refused_is_fetched_anew_once)
{
    struct fake_http *http = minute_tokens();
    struct s3_credentials_source *source = open_source(NULL);
    struct s3_credentials first;
    struct err err = {0};
    ck_assert_int_eq(s3_credentials_get(source, &first, &err), 0);
    atomic_fetch_add(&clock_at, 10);
    s3_credentials_invalidate(source, &first);
    s3_credentials_invalidate(source, &first);
    expect(source, "K10/S/T");
    s3_credentials_invalidate(source, &first); /* late: these are gone already */
    expect(source, "K10/S/T");
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
    struct fake_http *http = serve(rows, ROWS(rows));
    set_url("AWS_CONTAINER_CREDENTIALS_FULL_URI", http, "/");
    struct s3_credentials_source *source = open_source(NULL);
    expect(source, "a/b/");
    atomic_fetch_add(&clock_at, 56);
    for (int i = 0; i < 10; i++)
        expect(source, "a/b/");
    ck_assert_uint_eq(fake_http_count(http), 2);
    atomic_fetch_add(&clock_at, 4);
    expect_error(source, ERR_TRANSIENT,
                 "credentials (container endpoint): they had expired at "
                 "2027-01-15T08:01:00Z already when they came\nhint: is the clock of this "
                 "host right?");
    s3_credentials_source_free(source);
    fake_http_free(http);
}
END_TEST

START_TEST(a_hold_ends_while_its_endpoint_is_silent)
{
    const struct fake_http_row rows[] = {{.status = 500}};
    struct fake_http *http = serve(rows, ROWS(rows));
    set_url("AWS_CONTAINER_CREDENTIALS_FULL_URI", http, "/");
    struct s3_credentials_source *source = open_source(NULL);
    struct err err = {0};
    ck_assert_int_eq(s3_credentials_hold(source, &err), 0);
    wait_for_requests(http, 1);
    s3_credentials_unhold(source);
    ck_assert_uint_lt(fake_http_count(http), 4);
    s3_credentials_source_free(source);
    fake_http_free(http);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("credentials");
    TCase *tcase = tcase_create("credentials");
    tcase_add_checked_fixture(tcase, set_up, tear_down);
    tcase_add_loop_test(tcase, the_first_that_is_set_up_wins, 0, (int)ROWS(orders));
    tcase_add_loop_test(tcase, a_source_that_is_half_set_up_is_an_error, 0,
                        (int)ROWS(broken));
    tcase_add_test(tcase, keys_of_the_environment_are_used_as_they_are);
    tcase_add_test(tcase, keys_with_a_line_break_are_refused);
    tcase_add_test(tcase, an_expiration_of_the_environment_is_believed);
    tcase_add_loop_test(tcase, a_credential_process_is_asked, 0, (int)ROWS(processes));
    tcase_add_test(tcase, a_web_identity_is_exchanged_and_its_file_read_every_time);
    tcase_add_loop_test(tcase, a_role_is_assumed_with_the_keys_of_its_source, 0,
                        (int)ROWS(roles));
    tcase_add_loop_test(tcase, a_refusal_of_sts_is_told_without_secrets, 0,
                        (int)ROWS(refusals));
    tcase_add_test(tcase, sts_is_not_asked_over_plain_http);
    tcase_add_loop_test(tcase, a_container_endpoint_is_here_or_encrypted, 0,
                        (int)ROWS(container_urls));
    tcase_add_test(tcase, a_container_endpoint_gets_its_token_and_no_proxy);
    tcase_add_test(tcase, a_failing_container_endpoint_is_asked_again);
    tcase_add_test(tcase, instance_metadata_wants_a_token_first);
    tcase_add_loop_test(tcase,
                        a_useless_answer_of_instance_metadata_is_told_without_secrets, 0,
                        (int)ROWS(metadata));
    tcase_add_test(tcase, without_instance_metadata_there_are_no_credentials);
    tcase_add_test(tcase, expired_keys_of_an_outage_are_used_on);
    tcase_add_test(tcase, tokens_of_a_minute_are_renewed_in_the_background);
    tcase_add_test(tcase, without_a_hold_get_renews_near_the_end);
    tcase_add_test(tcase, a_renewal_that_fails_early_is_only_a_warning);
    tcase_add_test(tcase, what_the_service_refused_is_fetched_anew_once);
    tcase_add_test(tcase, nothing_newer_is_not_asked_for_in_a_loop);
    tcase_add_test(tcase, a_hold_ends_while_its_endpoint_is_silent);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
