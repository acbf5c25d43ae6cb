/* The option table and retention/ know the same keys and agree on what they take: what the
 * configuration lets through, the planner must understand. */
#include "base/memory.h"
#include "config/option.h"
#include "retention/policy.h"
#include "tests/support/run_suite.h"

#include <check.h>

START_TEST(both_know_the_same_keys)
{
    size_t count = 0;
    for (size_t i = 0; i < option_table_count; i++) {
        if (option_table[i].scope != OPTION_POLICY)
            continue;
        count++;
        ck_assert_msg(retention_policy_key(option_table[i].key) != NULL, "%s",
                      option_table[i].key);
    }
    ck_assert_uint_eq(count, retention_policy_key_count);
}
END_TEST

static bool retention_takes(const char *key, const char *value)
{
    struct retention_policy policy;
    struct err err = {0};
    retention_policy_init(&policy);
    int result = retention_policy_set(&policy, key, value, &err);
    retention_policy_release(&policy);
    return result == 0;
}

/* Values that are right or wrong for some key or other; each is tried on every key. */
START_TEST(what_the_configuration_takes_the_planner_takes)
{
    static const char *const values[] = {"0",
                                         "1",
                                         "7",
                                         "100",
                                         "-1",
                                         "+1",
                                         " 1",
                                         "1 ",
                                         "7x",
                                         "",
                                         "1000000",
                                         "3.5",
                                         "0x10",
                                         "true",
                                         "false",
                                         "maybe",
                                         "12h",
                                         "30d",
                                         "8w",
                                         "6mo",
                                         "1y6mo",
                                         "1y6mo2w3d4h",
                                         "90s",
                                         "15min",
                                         "1h30min",
                                         "6mo1y",
                                         "1d1d",
                                         "3m",
                                         "-2d",
                                         "0h",
                                         "500GiB",
                                         "1TiB",
                                         "500",
                                         "1.5GiB",
                                         "UTC",
                                         "Europe/Berlin",
                                         "Europe/Atlantis",
                                         "../UTC",
                                         "99999999999999999999"};
    struct err err = {0};
    const struct option *option = &option_table[_i];
    if (option->scope != OPTION_POLICY)
        return;
    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
        if (option_check(option, "L", values[i], &err) == 0)
            ck_assert_msg(retention_takes(option->key, values[i]), "%s = %s", option->key,
                          values[i]);
        else
            ck_assert_msg(!retention_takes(option->key, values[i]) || option->max != 0,
                          "%s = %s", option->key, values[i]);
    }
    ck_assert(retention_takes(option->key, option->example));
    ck_assert(!option->initial || retention_takes(option->key, option->initial));
}
END_TEST

/* A default in the help that is not the planner's own would be a lie. */
START_TEST(the_defaults_of_the_table_are_the_planners)
{
    struct retention_policy fresh, set;
    struct err err = {0};
    struct text a, b;
    retention_policy_init(&fresh);
    retention_policy_init(&set);
    for (size_t i = 0; i < option_table_count; i++) {
        const struct option *option = &option_table[i];
        if (option->scope == OPTION_POLICY && option->initial)
            ck_assert_int_eq(retention_policy_set(&set, option->key, option->initial, &err),
                             0);
    }
    text_init(&a, 1000);
    text_init(&b, 1000);
    retention_policy_text(&fresh, &a);
    retention_policy_text(&set, &b);
    ck_assert_str_eq(a.data, b.data);
    text_release(&a);
    text_release(&b);
    retention_policy_release(&fresh);
    retention_policy_release(&set);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("policy_keys");
    TCase *tcase = tcase_create("policy_keys");
    tcase_add_test(tcase, both_know_the_same_keys);
    tcase_add_loop_test(tcase, what_the_configuration_takes_the_planner_takes, 0,
                        (int)option_table_count);
    tcase_add_test(tcase, the_defaults_of_the_table_are_the_planners);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
