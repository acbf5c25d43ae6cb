#include "config/option.h"
#include "base/memory.h"
#include "config/section.h"
#include "config/settings.h"
#include "tests/support/run_suite.h"

#include <check.h>
#include <math.h>

static const struct {
    enum option_scope scope;
    const char *key, *text;
    const char *error; /* NULL: accepted */
} values[] = {
    {OPTION_POLICY, "keep_last", "3", NULL},
    {OPTION_POLICY, "keep_last", "0", NULL},
    {OPTION_POLICY, "keep_last", "-1",
     "L must be a whole number from 0 to 1000000, not \"-1\""},
    {OPTION_POLICY, "keep_last", "3x",
     "L must be a whole number from 0 to 1000000, not \"3x\""},
    {OPTION_POLICY, "keep_last", "", "L must be a whole number from 0 to 1000000"},
    {OPTION_POLICY, "keep_last", "99999999999999999999",
     "L must be a whole number from 0 to 1000000, not \"99999999999999999999\""},
    {OPTION_POLICY, "keep_days", "0",
     "L must be a whole number from 1 to 365000, not \"0\""},
    {OPTION_POLICY, "min_keep", "0",
     "L must be a whole number from 1 to 1000000, not \"0\""},
    {OPTION_POLICY, "keep_within", "1y6mo2w3d4h", NULL},
    {OPTION_POLICY, "keep_within", "90",
     "L must be a duration as 12h, 30d, 8w, 6mo or 1y6mo, not \"90\""},
    {OPTION_POLICY, "keep_within", "-2d",
     "L must be a duration as 12h, 30d, 8w, 6mo or 1y6mo, not \"-2d\""},
    {OPTION_POLICY, "timezone", "Europe/Berlin", NULL},
    {OPTION_POLICY, "timezone", "UTC", NULL},
    {OPTION_POLICY, "timezone", "Europe/Atlantis",
     "L must be a time zone as Europe/Berlin or UTC, not \"Europe/Atlantis\""},
    {OPTION_POLICY, "timezone", "../../etc/passwd",
     "L must be a time zone as Europe/Berlin or UTC, not \"../../etc/passwd\""},
    {OPTION_POLICY, "timezone", "/etc/localtime",
     "L must be a time zone as Europe/Berlin or UTC, not \"/etc/localtime\""},
    {OPTION_POLICY, "max_total_size", "500GiB", NULL},
    {OPTION_POLICY, "max_total_size", "much",
     "L must be a size as 512MiB or 20GiB, not \"much\""},
    {OPTION_TOP, "part_budget", "1MiB",
     "L must be a size as 512MiB or 20GiB from 16MiB to 64GiB, not \"1MiB\""},
    {OPTION_TOP, "catalog", "catalog.db",
     "L must be a path that begins with /, not \"catalog.db\""},
    {OPTION_TOP, "log_level", "wraning",
     "L must be error, warning, info or debug, not \"wraning\"\nhint: did you mean "
     "\"warning\"?"},
    {OPTION_SOURCE, "conninfo", "host=h dbname=d", NULL},
    {OPTION_SOURCE, "conninfo", "postgresql://u@h/d", NULL},
    {OPTION_SOURCE, "conninfo", "shop", NULL},
    {OPTION_SOURCE, "lock_wait_timeout", "1mo",
     "L must be a duration as 90s, 15min, 12h or 30d, at most 7d, not \"1mo\""},
    {OPTION_SOURCE, "password_env", "SHOP_PASSWORD", NULL},
    {OPTION_SOURCE, "password_env", "9X",
     "L must be the name of an environment variable, not \"9X\""},
    {OPTION_STORE, "bucket", "acme-pg.x_1", NULL},
    {OPTION_STORE, "bucket", "a/b",
     "L must be the name of a bucket: letters, digits, ., - and _, not \"a/b\""},
    {OPTION_STORE, "bucket", "..",
     "L must be the name of a bucket: letters, digits, ., - and _, not \"..\""},
    {OPTION_STORE, "prefix", "", NULL},
    {OPTION_STORE, "prefix", "prod/a.b/..c/", NULL},
    {OPTION_STORE, "prefix", "/prod",
     "L must be names joined by /, without one at the beginning, . or .., not \"/prod\""},
    {OPTION_STORE, "prefix", "a/../b",
     "L must be names joined by /, without one at the beginning, . or .., not \"a/../b\""},
    {OPTION_STORE, "prefix", "a//b",
     "L must be names joined by /, without one at the beginning, . or .., not \"a//b\""},
    {OPTION_STORE, "secret_key", "", "L must be a text on one line, not empty"},
    {OPTION_STORE, "secret_key", "two\nlines", "L must be a text on one line, not empty"},
    {OPTION_STORE, "legal_hold", "maybe", "L must be true or false, not \"maybe\""},
    {OPTION_STORE, "retry_time", "0s",
     "L must be a duration as 90s, 15min, 12h or 30d from 1s to 7d, not \"0s\""},
    {OPTION_JOB, "type", "fulll",
     "L must be full, schema or data, not \"fulll\"\nhint: did you mean \"full\"?"},
    {OPTION_JOB, "anomaly_shrink", "12.5", NULL},
    {OPTION_JOB, "anomaly_shrink", "0x10",
     "L must be a number from 1 to 100, not \"0x10\""},
    {OPTION_JOB, "anomaly_shrink", "nan", "L must be a number from 1 to 100, not \"nan\""},
    {OPTION_JOB, "anomaly_shrink", "101", "L must be a number from 1 to 100, not \"101\""},
    {OPTION_JOB, "compress", "zstd:19", NULL},
    {OPTION_JOB, "source", "a b",
     "L must be a name of letters, digits, - and _, not \"a b\""},
    {OPTION_JOB, "tags", "team=shop", NULL},
    {OPTION_JOB, "tags", "empty=", NULL},
    {OPTION_JOB, "tags", "team",
     "L must be KEY=VALUE, with a KEY of letters, digits, ., - and _, not \"team\""},
    {OPTION_JOB, "tags", "=x",
     "L must be KEY=VALUE, with a KEY of letters, digits, ., - and _, not \"=x\""},
    {OPTION_JOB, "store_retention", "nas=local_short", NULL},
    {OPTION_JOB, "store_retention", "nas=a b", "L must be NAME = NAME, not \"nas=a b\""},
};

START_TEST(a_value_fits_its_type_or_says_why_not)
{
    struct err err = {0};
    const struct option *option = option_find(values[_i].scope, values[_i].key);
    ck_assert_ptr_nonnull(option);
    int result = option_check(option, "L", values[_i].text, &err);
    if (!values[_i].error) {
        ck_assert_msg(result == 0, "%s", err.text);
        return;
    }
    ck_assert_int_eq(result, -1);
    ck_assert_int_eq(err.kind, ERR_USAGE);
    ck_assert_str_eq(err.text, values[_i].error);
}
END_TEST

START_TEST(an_error_never_shows_a_secret)
{
    static const struct {
        enum option_scope scope;
        const char *key, *text;
    } secrets[] = {
        {OPTION_STORE, "secret_key", "hunter2\n"},
        {OPTION_SOURCE, "password", "hunter2\x01"},
        {OPTION_SOURCE, "conninfo", "host=h password=hunter2 dbname"},
        {OPTION_SOURCE, "conninfo", "host=h password='hunter2"},
        {OPTION_SOURCE, "conninfo", "postgresql://u:hunter2@[h/d"},
        {OPTION_SOURCE, "conninfo", "host=h pass word=my hunter2"},
        {OPTION_STORE, "proxy", "http://u:hunter2@proxy\x01"},
    };
    struct err err = {0};
    const struct option *option = option_find(secrets[_i].scope, secrets[_i].key);
    ck_assert_int_eq(option_check(option, "L", secrets[_i].text, &err), -1);
    ck_assert_msg(!strstr(err.text, "hunter2"), "%s", err.text);
}
END_TEST

START_TEST(every_row_is_sound)
{
    struct err err = {0};
    const struct option *option = &option_table[_i];
    ck_assert_ptr_nonnull(option->help);
    ck_assert(!text_ends_with(option->help, "."));
    ck_assert(option->key || option->argument);
    ck_assert((option->scope == OPTION_ARGUMENT) == (option->key == NULL));
    ck_assert((option->argument == NULL) == (option->commands == NULL));
    ck_assert((option->words != NULL) ==
              (option->type == OPTION_WORD || option->type == OPTION_CHOICE));
    if (option->initial)
        ck_assert_msg(option_check(option, "L", option->initial, &err) == 0, "%s",
                      err.text);
    if (option->key && !option_is_list(option) && option->type != OPTION_CHOICE)
        ck_assert_msg(option_check(option, "L", option->example, &err) == 0, "%s",
                      err.text);
    /* Found again by its own key, so no two rows of a scope share one. */
    if (option->key)
        ck_assert_ptr_eq(option_find(option->scope, option->key), option);
    ck_assert_ptr_nonnull(option_value_name(option));
}
END_TEST

START_TEST(no_command_has_an_option_twice)
{
    static const char *const commands[] = {
        "backup",  "list",   "show",   "restore", "fetch",    "cat",    "diff",
        "verify",  "prune",  "pin",    "unpin",   "accept",   "delete", "copy",
        "catalog", "sweep",  "doctor", "status",  "jobs",     "run",    "enable",
        "disable", "cancel", "serve",  "metrics", "password", "config", "help"};
    for (size_t i = 0; i < option_table_count; i++) {
        const struct option *option = &option_table[i];
        for (size_t c = 0; c < sizeof(commands) / sizeof(commands[0]); c++) {
            if (option_for_command(option, commands[c]))
                ck_assert_ptr_eq(option_find_argument(commands[c], option->argument),
                                 option);
        }
    }
}
END_TEST

START_TEST(what_is_printed_reads_back_the_same)
{
    static const struct {
        const char *key, *text, *printed;
    } rows[] = {
        {"bucket", "b", "b"},          {"prefix", "p/q", "p/q/"},
        {"type", "s3", "s3"},          {"legal_hold", "true", "true"},
        {"max_parts", "17", "17"},     {"limit_rate", "2MiB", "2097152"},
        {"retry_time", "2h", "7200s"}, {"prefix", "", ""},
    };
    struct store_settings store = {0};
    struct err err = {0};
    struct text text;
    const struct option *option = option_find(OPTION_STORE, rows[_i].key);
    text_init(&text, 100);
    ck_assert_int_eq(option_assign(option, &store, rows[_i].text, &err), 0);
    (void)option_print(option, &store, &text);
    ck_assert_str_eq(text.data, rows[_i].printed);
    ck_assert_int_eq(option_assign(option, &store, text.data, &err), 0);
    text_release(&text);
    section_release(OPTION_STORE, &store);
}
END_TEST

START_TEST(each_type_reaches_its_field)
{
    struct job_settings job = {0};
    struct err err = {0};
    static const char *const pairs[][2] = {
        {"compress", "zstd:3"},
        {"anomaly_shrink", "12.5"},
        {"prune_after_backup", "true"},
        {"tags", "a=1"},
        {"tags", "b=2"},
        {"tags", "a=3"},
        {"stores", "x"},
        {"stores", "y"},
        {"store_retention", "x=short"},
        {"parallel", "4"},
    };
    for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++)
        ck_assert_int_eq(
            option_assign(option_find(OPTION_JOB, pairs[i][0]), &job, pairs[i][1], &err),
            0);
    ck_assert_int_eq(job.codec.kind, CODEC_ZSTD);
    ck_assert_int_eq(job.codec.level, 3);
    ck_assert(fabs(job.anomaly_shrink - 12.5) < 1e-9);
    ck_assert(job.prune_after_backup);
    ck_assert_uint_eq(job.tags.count, 2);
    ck_assert_str_eq(job.tags.items[0], "a=3");
    ck_assert_uint_eq(job.stores.count, 2);
    ck_assert_str_eq(job.store_retention_stores.items[0], "x");
    ck_assert_str_eq(job.store_retention_policies.items[0], "short");
    ck_assert_int_eq(job.parallel, 4);
    section_release(OPTION_JOB, &job);
}
END_TEST

START_TEST(a_policy_keeps_its_texts)
{
    struct policy_settings policy = {0};
    struct err err = {0};
    ck_assert_int_eq(
        option_assign(option_find(OPTION_POLICY, "keep_within"), &policy, "1y6mo", &err),
        0);
    ck_assert_int_eq(
        option_assign(option_find(OPTION_POLICY, "keep_last"), &policy, "-1", &err), -1);
    ck_assert_uint_eq(policy.keys.count, 1);
    ck_assert_str_eq(policy.keys.items[0], "keep_within");
    ck_assert_str_eq(policy.values.items[0], "1y6mo");
    section_release(OPTION_POLICY, &policy);
}
END_TEST

START_TEST(every_retention_key_of_the_contract_exists)
{
    static const char *const keys[] = {"keep_last",
                                       "keep_hourly",
                                       "keep_daily",
                                       "keep_weekly",
                                       "keep_monthly",
                                       "keep_yearly",
                                       "keep_within",
                                       "keep_within_hourly",
                                       "keep_within_daily",
                                       "keep_within_weekly",
                                       "keep_within_monthly",
                                       "keep_within_yearly",
                                       "keep_days",
                                       "keep_oldest",
                                       "max_total_size",
                                       "min_keep",
                                       "timezone",
                                       "future_tolerance",
                                       "failed_keep",
                                       "damaged_keep",
                                       "delete_grace",
                                       "guard_percent",
                                       "guard_min_count"};
    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
        ck_assert_msg(option_find(OPTION_POLICY, keys[i]) != NULL, "%s", keys[i]);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("option");
    TCase *tcase = tcase_create("option");
    tcase_add_loop_test(tcase, a_value_fits_its_type_or_says_why_not, 0,
                        (int)(sizeof(values) / sizeof(values[0])));
    tcase_add_loop_test(tcase, an_error_never_shows_a_secret, 0, 7);
    tcase_add_loop_test(tcase, every_row_is_sound, 0, (int)option_table_count);
    tcase_add_test(tcase, no_command_has_an_option_twice);
    tcase_add_loop_test(tcase, what_is_printed_reads_back_the_same, 0, 8);
    tcase_add_test(tcase, each_type_reaches_its_field);
    tcase_add_test(tcase, a_policy_keeps_its_texts);
    tcase_add_test(tcase, every_retention_key_of_the_contract_exists);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
