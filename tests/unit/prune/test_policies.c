#include "prune/policies.h"
#include "tests/support/run_suite.h"

#include "base/memory.h"
#include "tests/support/scratch.h"

#include <check.h>

#define TEXT                                                                               \
    "sources: { shop: { conninfo = \"dbname=shop\"; }; };\n"                               \
    "stores: { nas: { type = \"dir\"; path = \"/srv/nas\"; };"                             \
    "          offsite: { type = \"dir\"; path = \"/srv/offsite\"; }; };\n"                \
    "policies: { standard: { keep_last = 3; timezone = \"Europe/Berlin\"; };"              \
    "            short: { keep_days = 2; }; %s };\n"                                       \
    "jobs: { nightly: { source = \"shop\"; stores = [ \"nas\", \"offsite\" ];"             \
    "                   retention = \"standard\"; store_retention: { nas = \"short\"; }; " \
    "};"                                                                                   \
    "        weekly: { source = \"shop\"; stores = [ \"nas\" ]; }; };\n"

static struct settings settings;

static void load(bool with_default)
{
    char path[SCRATCH_SIZE];
    char program[] = "pgkeep", command[] = "list";
    char *argv[] = {program, NULL, command, NULL};
    static const char *const commands[] = {"list"};
    struct config_args args;
    struct err err = {0};
    char *text = memory_format(TEXT, with_default ? "default: { keep_last = 9; };" : "");
    scratch_file(path, text);
    free(text);
    argv[1] = memory_format("--config=%s", path);
    struct config_args_line line = {3, argv, commands, 1};
    ck_assert_int_eq(config_args_parse(&args, &line, &err), 0);
    ck_assert_msg(settings_load(&settings, &args, &err) == 0, "%s", err.text);
    config_args_release(&args);
    free(argv[1]);
}

static const struct {
    const char *job, *store, *expected, *without_default;
} rows[] = {
    {"nightly", "nas", "short", "short"},           /* job and store */
    {"nightly", "offsite", "standard", "standard"}, /* job */
    {"weekly", "nas", "default", "none"},
    {"gone", "nas", "default", "none"}, /* no such job any more */
    {"", "nas", "default", "none"},     /* ad hoc */
};

START_TEST(the_nearest_policy_applies)
{
    struct err err = {0};
    for (int with = 0; with < 2; with++) {
        load(with != 0);
        struct policies *policies = policies_new(&settings);
        const struct policy *found =
            policies_for(policies, rows[_i].job, rows[_i].store, &err);
        ck_assert_ptr_nonnull(found);
        ck_assert_str_eq(found->name, with ? rows[_i].expected : rows[_i].without_default);
        ck_assert_int_eq(retention_policy_is_on(&found->retention),
                         strcmp(found->name, "none") != 0);
        policies_free(policies);
        settings_release(&settings);
    }
}
END_TEST

START_TEST(equal_policies_are_one_and_stay_where_they_are)
{
    struct err err = {0};
    load(true);
    struct policies *policies = policies_new(&settings);
    const struct policy *first = policies_for(policies, "weekly", "nas", &err);
    const struct policy *standard = policies_for(policies, "nightly", "offsite", &err);
    ck_assert_ptr_nonnull(policies_for(policies, "nightly", "nas", &err));
    ck_assert_ptr_ne(first, standard);
    ck_assert_ptr_eq(policies_for(policies, "gone", "offsite", &err), first);
    ck_assert_int_eq(standard->retention.keep[RETENTION_LAST], 3);
    ck_assert_int_eq(first->retention.keep[RETENTION_LAST], 9);
    policies_free(policies);
    settings_release(&settings);
}
END_TEST

/* What the configuration cannot know: the zones of this machine. */
START_TEST(a_policy_that_does_not_fit_is_an_error_that_names_it)
{
    struct err err = {0};
    load(true);
    struct policy_settings *standard = &settings.policies[0];
    for (size_t i = 0; i < settings.policy_count; i++)
        if (strcmp(settings.policies[i].name, "standard") == 0)
            standard = &settings.policies[i];
    memory_replace(&standard->values.items[0], "-1");
    struct policies *policies = policies_new(&settings);
    ck_assert_ptr_null(policies_for(policies, "nightly", "offsite", &err));
    ck_assert_int_eq(err.kind, ERR_CONFIG);
    ck_assert_ptr_nonnull(strstr(err.text, "policy \"standard\""));
    policies_free(policies);
    settings_release(&settings);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("policies");
    TCase *tcase = tcase_create("policies");
    tcase_add_loop_test(tcase, the_nearest_policy_applies, 0,
                        (int)(sizeof rows / sizeof rows[0]));
    tcase_add_test(tcase, equal_policies_are_one_and_stay_where_they_are);
    tcase_add_test(tcase, a_policy_that_does_not_fit_is_an_error_that_names_it);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
