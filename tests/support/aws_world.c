#include "tests/support/aws_world.h"

#include "base/cancel.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/text.h"
#include "tests/support/scratch.h"

#include <check.h>
#include <stdatomic.h>
#include <unistd.h>

extern char **environ;

static char folder[SCRATCH_SIZE];
static atomic_llong clock_at;

int64_t aws_world_minute = 60;
int64_t aws_world_hour = 3600;

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

void aws_world_set_up(void)
{
    forget_environment();
    scratch_folder(folder);
    setenv("HOME", folder, 1);
    setenv("AWS_EC2_METADATA_DISABLED", "true", 1);
    /* Whatever goes by a proxy fails: nothing listens there. */
    setenv("http_proxy", "http://127.0.0.1:1", 1);
    setenv("all_proxy", "http://127.0.0.1:1", 1);
    atomic_store(&clock_at, AWS_WORLD_START);
}

void aws_world_tear_down(void)
{
    scratch_remove(folder);
}

static int64_t test_now(void *context)
{
    (void)context;
    return atomic_load(&clock_at);
}

void aws_world_file(const char *name, const char *text)
{
    struct err err = {0};
    char *path = file_join(folder, name);
    ck_assert_int_eq(file_make_folders_of(path, &err), 0);
    scratch_write(path, text, strlen(text));
    free(path);
}

void aws_world_env_path(const char *variable, const char *name)
{
    char *path = file_join(folder, name);
    setenv(variable, path, 1);
    free(path);
}

void aws_world_env_url(const char *variable, const struct fake_http *http, const char *path)
{
    char *url = memory_format("%s%s", fake_http_url(http), path);
    setenv(variable, url, 1);
    free(url);
}

struct fake_http *aws_world_serve(const struct fake_http_row *rows, size_t count)
{
    struct err err = {0};
    struct fake_http *http = fake_http_new(rows, count, &err);
    ck_assert_msg(http != NULL, "%s", err.text);
    return http;
}

struct s3_credentials_source *aws_world_source(const char *profile)
{
    const struct s3_credentials_config config = {.profile = profile, .now = test_now};
    struct err err = {0};
    struct s3_credentials_source *source = s3_credentials_source_new(&config, &err);
    ck_assert_msg(source != NULL, "%s", err.text);
    return source;
}

/* The keys of one get as "access/secret/token"; heap. Ends the test when it fails. */
char *aws_world_get(struct s3_credentials_source *source)
{
    struct s3_credentials got;
    struct err err = {0};
    ck_assert_msg(s3_credentials_get(source, &got, &err) == 0, "%s", err.text);
    char *all = memory_format("%s/%s/%s", got.access_key, got.secret_key.text,
                              got.session_token.text == NULL ? "" : got.session_token.text);
    s3_credentials_release(&got);
    return all;
}

void aws_world_expect(struct s3_credentials_source *source, const char *want)
{
    char *got = aws_world_get(source);
    ck_assert_str_eq(got, want);
    free(got);
}

void aws_world_expect_error(struct s3_credentials_source *source, enum err_kind kind,
                            const char *want)
{
    struct s3_credentials got;
    struct err err = {0};
    ck_assert_int_eq(s3_credentials_get(source, &got, &err), -1);
    ck_assert_str_eq(err.text, want);
    ck_assert_int_eq(err.kind, kind);
}

void aws_world_wait(struct fake_http *http, unsigned count)
{
    int64_t end = clock_monotonic_ms() + AWS_WORLD_WAIT_MS;
    while (fake_http_count(http) < count && clock_monotonic_ms() < end)
        cancel_sleep_ms(NULL, 1);
    ck_assert_uint_eq(fake_http_count(http), count);
}

/* ---- answers ---- */

char *aws_world_json(void *context, const struct fake_http_request *request)
{
    (void)request;
    char when[32];
    int64_t life = *(const int64_t *)context;
    int64_t now = atomic_load(&clock_at);
    return memory_format("{\"Code\":\"Success\",\"AccessKeyId\":\"K%lld\","
                         "\"SecretAccessKey\":\"S\",\"Token\":\"T\",\"Expiration\":\"%s\"}",
                         (long long)(now % 100000), clock_rfc3339(when, now + life));
}

char *aws_world_sts(void *context, const struct fake_http_request *request)
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

void aws_world_env(const char *pair)
{
    if (pair == NULL)
        return;
    char *name = memory_strndup(pair, strcspn(pair, "="));
    ck_assert_int_eq(setenv(name, pair + strlen(name) + 1, 1), 0);
    free(name);
}

void aws_world_advance(int64_t seconds)
{
    atomic_fetch_add(&clock_at, seconds);
}
