#include "s3/auth/ambient.h"

#include "base/file.h"
#include "base/memory.h"
#include "s3/auth/profiles.h"
#include "tests/support/run_suite.h"
#include "tests/support/scratch.h"

#include <check.h>

static char folder[SCRATCH_SIZE];

static void set_up(void)
{
    static const char *const names[] = {"AWS_REGION",
                                        "AWS_DEFAULT_REGION",
                                        "AWS_PROFILE",
                                        "AWS_DEFAULT_PROFILE",
                                        "AWS_CA_BUNDLE",
                                        "AWS_ENDPOINT_URL",
                                        "AWS_ENDPOINT_URL_S3",
                                        "AWS_ENDPOINT_URL_STS",
                                        "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS",
                                        "AWS_USE_FIPS_ENDPOINT",
                                        "AWS_USE_DUALSTACK_ENDPOINT",
                                        "AWS_CONFIG_FILE",
                                        "AWS_SHARED_CREDENTIALS_FILE"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        unsetenv(names[i]);
    scratch_folder(folder);
    setenv("HOME", folder, 1);
}

static char *path_of(const char *name)
{
    return file_join(folder, name);
}

static void tear_down(void)
{
    scratch_remove(folder);
}

static void write_file(const char *name, const char *text)
{
    struct err err = {0};
    char *path = path_of(name);
    ck_assert_int_eq(file_make_folders_of(path, &err), 0);
    scratch_write(path, text, strlen(text));
    free(path);
}

#define CONFIG                                                                             \
    "# comment\n"                                                                          \
    "[default]\n"                                                                          \
    "region = eu-west-1   # home\n"                                                        \
    "ca_bundle=/etc/ca.pem\n"                                                              \
    "[profile other]\r\n"                                                                  \
    "REGION=ap-southeast-2\r\n"                                                            \
    "services = local\n"                                                                   \
    "endpoint_url = https://all.example.com\n"                                             \
    "use_fips_endpoint = true\n"                                                           \
    "s3 =\n"                                                                               \
    "    addressing_style = path\n"                                                        \
    "output = json\n"                                                                      \
    "[services local]\n"                                                                   \
    "s3 = \n"                                                                              \
    "  endpoint_url = http://localhost:9000\n"                                             \
    "[profile \"with space\"]\n"                                                           \
    "region = sa-east-1\n"                                                                 \
    "[sso-session mine]\n"                                                                 \
    "sso_region = us-east-1\n"

static const struct {
    const char *env; /* "NAME=value" or NULL */
    const char *profile;
    const char *region;
} regions[] = {
    {NULL, NULL, "eu-west-1"},
    {NULL, "default", "eu-west-1"},
    {NULL, "other", "ap-southeast-2"},
    {NULL, "with space", "sa-east-1"},
    {NULL, "nobody", NULL},
    {NULL, "mine", NULL},
    {"AWS_PROFILE=other", NULL, "ap-southeast-2"},
    {"AWS_DEFAULT_PROFILE=other", NULL, "ap-southeast-2"},
    {"AWS_PROFILE=other", "default", "eu-west-1"},
    {"AWS_REGION=us-west-2", "other", "us-west-2"},
    {"AWS_DEFAULT_REGION=us-west-2", "other", "us-west-2"},
    {"AWS_REGION=", "other", "ap-southeast-2"},
};

static void set_env(const char *pair)
{
    if (pair == NULL)
        return;
    size_t length = strcspn(pair, "=");
    char *name = memory_strndup(pair, length);
    ck_assert_int_eq(setenv(name, pair + length + 1, 1), 0);
    free(name);
}

START_TEST(the_region_is_the_environments_or_the_profiles)
{
    struct err err = {0};
    char *region;
    write_file(".aws/config", CONFIG);
    set_env(regions[_i].env);
    ck_assert_msg(s3_ambient_region(regions[_i].profile, &region, &err) == 0, "%s",
                  err.text);
    ck_assert_pstr_eq(region, regions[_i].region);
    free(region);
}
END_TEST

static const struct {
    const char *env;
    const char *profile, *service;
    const char *url;
} endpoints[] = {
    {NULL, NULL, "S3", NULL},
    {NULL, "other", "S3", "http://localhost:9000"},
    {NULL, "other", "STS", "https://all.example.com"},
    {"AWS_ENDPOINT_URL=https://env.example.com", "other", "S3", "https://env.example.com"},
    {"AWS_ENDPOINT_URL_S3=https://s3.example.com", "other", "S3", "https://s3.example.com"},
    {"AWS_ENDPOINT_URL_S3=https://s3.example.com", "other", "STS",
     "https://all.example.com"},
    {"AWS_IGNORE_CONFIGURED_ENDPOINT_URLS=true", "other", "S3", NULL},
};

START_TEST(the_endpoint_of_a_service_is_the_nearest_one)
{
    struct err err = {0};
    char *url;
    write_file(".aws/config", CONFIG);
    set_env(endpoints[_i].env);
    ck_assert_msg(
        s3_ambient_endpoint(endpoints[_i].profile, endpoints[_i].service, &url, &err) == 0,
        "%s", err.text);
    ck_assert_pstr_eq(url, endpoints[_i].url);
    free(url);
}
END_TEST

START_TEST(ca_file_and_flags_are_found)
{
    struct err err = {0};
    char *path;
    bool fips, dualstack;
    write_file(".aws/config", CONFIG);
    ck_assert_int_eq(s3_ambient_ca_file(NULL, &path, &err), 0);
    ck_assert_str_eq(path, "/etc/ca.pem");
    free(path);
    set_env("AWS_CA_BUNDLE=/x.pem");
    ck_assert_int_eq(s3_ambient_ca_file(NULL, &path, &err), 0);
    ck_assert_str_eq(path, "/x.pem");
    free(path);
    ck_assert_int_eq(s3_ambient_flags(NULL, &fips, &dualstack, &err), 0);
    ck_assert(!fips && !dualstack);
    ck_assert_int_eq(s3_ambient_flags("other", &fips, &dualstack, &err), 0);
    ck_assert(fips && !dualstack);
    set_env("AWS_USE_FIPS_ENDPOINT=false");
    set_env("AWS_USE_DUALSTACK_ENDPOINT=true");
    ck_assert_int_eq(s3_ambient_flags("other", &fips, &dualstack, &err), 0);
    ck_assert(!fips && dualstack);
    set_env("AWS_USE_DUALSTACK_ENDPOINT=perhaps");
    ck_assert_int_eq(s3_ambient_flags("other", &fips, &dualstack, &err), -1);
    ck_assert_int_eq(err.kind, ERR_CONFIG);
    ck_assert(text_starts_with(err.text, "AWS_USE_DUALSTACK_ENDPOINT: "));
}
END_TEST

START_TEST(absent_files_say_nothing)
{
    struct err err = {0};
    char *region;
    ck_assert_int_eq(s3_ambient_region(NULL, &region, &err), 0);
    ck_assert_ptr_null(region);
}
END_TEST

START_TEST(files_are_where_the_environment_says)
{
    struct err err = {0};
    char *region;
    write_file(".aws/credentials", "[default]\nregion = one\n");
    set_env("AWS_SHARED_CREDENTIALS_FILE=~/.aws/nothing");
    set_env("AWS_CONFIG_FILE=~/.aws/credentials");
    ck_assert_int_eq(s3_ambient_region(NULL, &region, &err), 0);
    ck_assert_str_eq(region, "one");
    free(region);
}
END_TEST

START_TEST(a_file_that_cannot_be_read_is_a_config_error)
{
    struct err err = {0};
    char *region;
    write_file(".aws/config", CONFIG);
    set_env("AWS_CONFIG_FILE=~/.aws");
    ck_assert_int_eq(s3_ambient_region(NULL, &region, &err), -1);
    ck_assert_int_eq(err.kind, ERR_CONFIG);
}
END_TEST

static const struct {
    const char *text, *error;
} broken[] = {
    {"hunter2\n", "f: line 1: no '='"},
    {"a = hunter2\n", "f: line 1: a key before the first section"},
    {"\n[default\nx = y\n", "f: line 2: a section without ']'"},
    {"[default]\nhunter2\n", "f: line 2: no '='"},
    {"[default]\n  hunter2\n", "f: line 2: an indented line without a key above it"},
    {"[default]\ns3 =\n  hunter2\n", "f: line 3: no '='"},
};

START_TEST(a_broken_file_is_named_with_its_line_and_never_quoted)
{
    struct s3_profiles profiles = {0};
    struct err err = {0};
    ck_assert_int_eq(s3_profiles_add(&profiles, "f", broken[_i].text, false, &err), -1);
    ck_assert_int_eq(err.kind, ERR_CONFIG);
    ck_assert_str_eq(err.text, broken[_i].error);
    s3_profiles_release(&profiles);
}
END_TEST

START_TEST(keys_of_one_file_never_meet_a_token_of_the_other)
{
    struct s3_profiles profiles = {0};
    struct err err = {0};
    ck_assert_int_eq(s3_profiles_add(&profiles, "config",
                                     "[profile a]\naws_access_key_id=C1\n"
                                     "aws_secret_access_key=C2\naws_session_token=C3\n"
                                     "[profile b]\naws_access_key_id=D1\n"
                                     "aws_secret_access_key=D2\naws_security_token=D3\n",
                                     false, &err),
                     0);
    ck_assert_int_eq(s3_profiles_add(&profiles, "credentials",
                                     "[a]\naws_access_key_id=S1\n"
                                     "aws_secret_access_key = S2==  \n[profile b]\nx=y\n",
                                     true, &err),
                     0);
    struct s3_profile_keys a = s3_profiles_keys(&profiles, "a");
    ck_assert_str_eq(a.access_key, "S1");
    ck_assert_str_eq(a.secret_key, "S2==");
    ck_assert_ptr_null(a.session_token);
    struct s3_profile_keys b = s3_profiles_keys(&profiles, "b");
    ck_assert_str_eq(b.access_key, "D1");
    ck_assert_str_eq(b.session_token, "D3");
    ck_assert(s3_profiles_has(&profiles, "b"));
    ck_assert(!s3_profiles_has(&profiles, "c"));
    s3_profiles_release(&profiles);
}
END_TEST

START_TEST(a_command_keeps_its_hash_signs_and_a_later_key_wins)
{
    struct s3_profiles profiles = {0};
    struct err err = {0};
    ck_assert_int_eq(s3_profiles_add(&profiles, "config",
                                     "\xEF\xBB\xBF[default]\nregion=a\n"
                                     "credential_process = get ; it # now\n"
                                     "  continued = ignored\nregion=b;c\n",
                                     false, &err),
                     0);
    ck_assert_str_eq(s3_profiles_get(&profiles, "default", "credential_process"),
                     "get ; it # now");
    ck_assert_str_eq(s3_profiles_get(&profiles, "default", "region"), "b;c");
    ck_assert_ptr_null(s3_profiles_get(&profiles, "default", "continued"));
    s3_profiles_release(&profiles);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("ambient");
    TCase *tcase = tcase_create("ambient");
    tcase_add_checked_fixture(tcase, set_up, tear_down);
    tcase_add_loop_test(tcase, the_region_is_the_environments_or_the_profiles, 0,
                        (int)(sizeof regions / sizeof *regions));
    tcase_add_loop_test(tcase, the_endpoint_of_a_service_is_the_nearest_one, 0,
                        (int)(sizeof endpoints / sizeof *endpoints));
    tcase_add_test(tcase, ca_file_and_flags_are_found);
    tcase_add_test(tcase, absent_files_say_nothing);
    tcase_add_test(tcase, files_are_where_the_environment_says);
    tcase_add_test(tcase, a_file_that_cannot_be_read_is_a_config_error);
    tcase_add_loop_test(tcase, a_broken_file_is_named_with_its_line_and_never_quoted, 0,
                        (int)(sizeof broken / sizeof *broken));
    tcase_add_test(tcase, keys_of_one_file_never_meet_a_token_of_the_other);
    tcase_add_test(tcase, a_command_keeps_its_hash_signs_and_a_later_key_wins);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
