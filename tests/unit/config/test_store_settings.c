#include "config/settings.h"
#include "config/resolve.h"
#include "tests/support/run_suite.h"

#include <check.h>
#include <unistd.h>

static const struct {
    const char *url;
    const char *error;
} bad[] = {
    {"/srv/backups", "store URL: it must begin with s3:// or dir:\nhint: as "
                     "s3://BUCKET/PREFIX?endpoint=URL&region=NAME or dir:/FOLDER"},
    {"dir:",
     "store URL: no folder\nhint: as s3://BUCKET/PREFIX?endpoint=URL&region=NAME or "
     "dir:/FOLDER"},
    {"dir:~/backups",
     "store URL: \"dir:~/backups\" begins with ~\nhint: a shell would have "
     "expanded it; write the full path"},
    {"s3://",
     "store URL: \"bucket\" must be the name of a bucket: letters, digits, ., - and _"},
    {"s3:///prefix",
     "store URL: \"bucket\" must be the name of a bucket: letters, digits, ., - and _"},
    {"s3://b/a/../c", "store URL: \"prefix\" must be names joined by /, without one at the "
                      "beginning, . or .., not \"a/../c\""},
    {"s3://b/a%2F..%2Fc",
     "store URL: \"prefix\" must be names joined by /, without one at the "
     "beginning, . or .., not \"a/../c\""},
    {"s3://b//c", "store URL: \"prefix\" must be names joined by /, without one at the "
                  "beginning, . or .., not \"/c\""},
    {"s3://b?regin=x", "store URL: unknown key \"regin\"\nhint: did you mean \"region\"?"},
    {"s3://b?region", "store URL: a key without a value behind the '?'\nhint: as "
                      "s3://BUCKET/PREFIX?endpoint=URL&region=NAME or dir:/FOLDER"},
    {"s3://b?region=%4", "store URL: bad %XX\nhint: as "
                         "s3://BUCKET/PREFIX?endpoint=URL&region=NAME or dir:/FOLDER"},
    {"s3://b?region=%00", "store URL: bad %XX\nhint: as "
                          "s3://BUCKET/PREFIX?endpoint=URL&region=NAME or dir:/FOLDER"},
    {"s3://b?region=a&region=b", "store URL: \"region\" is there already"},
    {"s3://b?bucket=c", "store URL: \"bucket\" is there already"},
    {"s3://b?secret_key=hunter2",
     "store URL: \"secret_key\" may not stand there: every user can see it\nhint: use "
     "secret_key_env or secret_key_file, the AWS_* variables or a profile"},
    {"s3://b?path=/x",
     "store URL: store \"s3://b\": \"path\" is not a key of a store of type \"s3\""},
    {"s3://b?access_key_env=A",
     "store URL: store \"s3://b\": an access key needs a secret key, and the other way"},
    {"s3://b?object_lock=30d",
     "store URL: store \"s3://b\": \"object_lock\" needs \"object_lock_mode\""},
    {"s3://b?endpoint=http://u:hunter2@h",
     "store URL: store \"s3://b\": no user name or password in an endpoint"},
    {"s3://b?endpoint=minio.local:9000",
     "store URL: store \"s3://b\": the endpoint must begin with https:// or http://\nhint: "
     "write \"https://minio.local:9000\", or \"http://minio.local:9000\" where it has no "
     "TLS"},
    {"s3://b?path_style=true&style=virtual",
     "store URL: store \"s3://b\": style is \"virtual\" at the same time"},
};

START_TEST(a_malformed_url_is_a_usage_error)
{
    struct store_settings store;
    struct err err = {0};
    ck_assert_int_eq(store_settings_from_url(bad[_i].url, &store, &err), -1);
    ck_assert_int_eq(err.kind, ERR_USAGE);
    ck_assert_str_eq(err.text, bad[_i].error);
    ck_assert_ptr_null(strstr(err.text, "hunter2"));
}
END_TEST

static const struct {
    const char *url, *name, *again;
} good[] = {
    {"dir:/srv/backups", "dir:/srv/backups", "dir:/srv/backups"},
    {"dir:///srv/backups/", "dir:/srv/backups", "dir:/srv/backups"},
    {"dir:/", "dir:/", "dir:/"},
    {"dir:/a b%20?c", "dir:/a b%20?c", "dir:/a b%20?c"},
    {"s3://acme-pg", "s3://acme-pg", "s3://acme-pg"},
    {"s3://acme-pg/", "s3://acme-pg", "s3://acme-pg"},
    {"s3://b/prod/", "s3://b/prod", "s3://b/prod"},
    {"s3://b/a%20b/c", "s3://b/a%20b/c", "s3://b/a%20b/c"},
    {"s3://b/p?endpoint=http://127.0.0.1:9000&region=us-east-1&path_style=true", "s3://b/p",
     "s3://b/p?endpoint=http%3A//127.0.0.1%3A9000&region=us-east-1&style=path"},
    {"s3://b?access_key_env=A&secret_key_env=B&retry_time=1h&legal_hold=true", "s3://b",
     "s3://b?access_key_env=A&secret_key_env=B&legal_hold=true&retry_time=3600s"},
    {"s3://b?retry_time=1800s&style=auto&max_parts=0", "s3://b", "s3://b"},
    {"s3://b?proxy=http://u:hunter2@p:1", "s3://b", "s3://b"},
};

START_TEST(a_url_is_read_and_written_again_without_secrets)
{
    struct store_settings store;
    struct err err = {0};
    ck_assert_msg(store_settings_from_url(good[_i].url, &store, &err) == 0, "%s", err.text);
    ck_assert_str_eq(store.name, good[_i].name);
    char *url = store_settings_url(&store);
    ck_assert_str_eq(url, good[_i].again);
    store_settings_release(&store);
    /* And once more: the written form is a fixed point. */
    ck_assert_msg(store_settings_from_url(url, &store, &err) == 0, "%s", err.text);
    char *again = store_settings_url(&store);
    ck_assert_str_eq(again, url);
    store_settings_release(&store);
    free(url);
    free(again);
}
END_TEST

START_TEST(a_url_fills_the_defaults)
{
    struct store_settings store;
    struct err err = {0};
    ck_assert_int_eq(store_settings_from_url("s3://b/p?path_style=true", &store, &err), 0);
    ck_assert_int_eq(store.type, STORE_S3);
    ck_assert_str_eq(store.bucket, "b");
    ck_assert_str_eq(store.prefix, "p/");
    ck_assert_int_eq(store.style, STORE_STYLE_PATH);
    ck_assert_int_eq(store.retry_time_s, 1800);
    ck_assert_int_eq(store.connect_timeout_s, 10);
    ck_assert_ptr_null(store.endpoint);
    store_settings_release(&store);
}
END_TEST

START_TEST(a_relative_folder_is_made_absolute)
{
    struct store_settings store;
    struct err err = {0};
    char here[4096];
    ck_assert_ptr_nonnull(getcwd(here, sizeof(here)));
    ck_assert_int_eq(store_settings_from_url("dir:backups", &store, &err), 0);
    ck_assert(text_starts_with(store.path, here));
    ck_assert(text_ends_with(store.path, "/backups"));
    store_settings_release(&store);
}
END_TEST

START_TEST(secrets_of_a_url_come_from_where_it_says)
{
    struct store_settings store;
    struct store_secrets secrets;
    struct err err = {0};
    ck_assert_int_eq(setenv("PGKEEP_TEST_A", "key", 1), 0);
    ck_assert_int_eq(unsetenv("PGKEEP_TEST_B"), 0);
    ck_assert_int_eq(store_settings_from_url("s3://b?access_key_env=PGKEEP_TEST_A&"
                                             "secret_key_env=PGKEEP_TEST_B",
                                             &store, &err),
                     0);
    ck_assert_int_eq(resolve_store(&store, &secrets, &err), -1);
    ck_assert_int_eq(err.kind, ERR_CONFIG);
    ck_assert_str_eq(err.text, "store \"s3://b\": environment variable PGKEEP_TEST_B "
                               "(secret_key_env) is not set");
    ck_assert_int_eq(setenv("PGKEEP_TEST_B", "hunter2", 1), 0);
    ck_assert_int_eq(resolve_store(&store, &secrets, &err), 0);
    ck_assert_str_eq(secrets.access_key.text, "key");
    ck_assert_str_eq(secrets.secret_key.text, "hunter2");
    ck_assert_ptr_null(secrets.session_token.text);
    resolve_store_release(&secrets);
    char *url = store_settings_url(&store);
    ck_assert_ptr_null(strstr(url, "hunter2"));
    free(url);
    store_settings_release(&store);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("store_settings");
    TCase *tcase = tcase_create("store_settings");
    tcase_add_loop_test(tcase, a_malformed_url_is_a_usage_error, 0,
                        (int)(sizeof(bad) / sizeof(bad[0])));
    tcase_add_loop_test(tcase, a_url_is_read_and_written_again_without_secrets, 0,
                        (int)(sizeof(good) / sizeof(good[0])));
    tcase_add_test(tcase, a_url_fills_the_defaults);
    tcase_add_test(tcase, a_relative_folder_is_made_absolute);
    tcase_add_test(tcase, secrets_of_a_url_come_from_where_it_says);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
