#include "config/config_args.h"
#include "base/memory.h"
#include "tests/support/run_suite.h"

#include <check.h>
#include <unistd.h>

enum { WORDS_MAX = 12 };

static const char *const commands[] = {"backup", "list",  "restore",
                                       "fetch",  "prune", "copy"};

static int parse(struct config_args *args, const char *const *words, struct err *err)
{
    char *argv[WORDS_MAX + 2] = {NULL};
    int argc = 0;
    argv[argc++] = memory_strdup("pgkeep");
    for (; words[argc - 1]; argc++)
        argv[argc] = memory_strdup(words[argc - 1]);
    struct config_args_line line = {argc, argv, commands,
                                    sizeof(commands) / sizeof(commands[0])};
    int result = config_args_parse(args, &line, err);
    for (int i = 0; i < argc; i++)
        free(argv[i]);
    return result;
}

static const struct {
    const char *words[WORDS_MAX];
    const char *error;
} bad[] = {
    {{"bakup"}, "unknown command \"bakup\"\nhint: did you mean \"backup\"?"},
    {{"frobnicate"},
     "unknown command \"frobnicate\"\nhint: `pgkeep help` lists the commands"},
    {{"snapshots"}, "unknown command \"snapshots\"\nhint: did you mean \"list\"?"},
    {{"init"},
     "unknown command \"init\"\nhint: nothing has to be made: the first backup makes "
     "catalog and store; `pgkeep config --example` prints a configuration, `pgkeep doctor` "
     "looks whether all is well"},
    {{"check"},
     "unknown command \"check\"\nhint: `pgkeep doctor` looks at everything that must work, "
     "`pgkeep verify` at backups, `pgkeep config` at the configuration, `pgkeep catalog "
     "check` at the catalog"},
    {{"create dump"},
     "unknown command \"create dump\"\nhint: `pgkeep help` lists the commands"},
    {{"backup", "--job", "nightly"},
     "unknown option \"--job\" of backup\nhint: jobs are arguments: pgkeep backup JOB"},
    {{"prune", "--dry-run"},
     "unknown option \"--dry-run\" of prune\nhint: without --yes prune only shows the "
     "plan"},
    {{"backup", "--stor", "x"},
     "unknown option \"--stor\" of backup\nhint: did you mean \"--store\"?"},
    {{"list", "--zzzzzzzzz"},
     "unknown option \"--zzzzzzzzz\" of list\nhint: see `pgkeep help list`"},
    {{"prune", "--decode"},
     "unknown option \"--decode\" of prune\nhint: see `pgkeep help prune`"},
    {{"--decode", "fetch"},
     "unknown global option \"--decode\"\nhint: options of a command stand behind it"},
    {{"--jsn"}, "unknown global option \"--jsn\"\nhint: did you mean \"--json\"?"},
    {{"list", "-x"}, "unknown option \"-x\"\nhint: see `pgkeep help list`"},
    {{"list", "-qx"}, "unknown option \"-x\"\nhint: see `pgkeep help list`"},
    {{"list", "--limit"}, "--limit needs a value: N\nhint: see `pgkeep help list`"},
    {{"list", "--job", "--limit", "3"},
     "--job needs a value: NAME\nhint: see `pgkeep help list`"},
    {{"list", "--limit", "0"},
     "--limit must be a whole number from 1 to 1000000000, not \"0\""},
    {{"list", "--limit="}, "--limit must be a whole number from 1 to 1000000000"},
    {{"list", "--since", "yesterday"},
     "--since must be a time as 2026-11-21, \"2026-11-21 02:00\" or 36h, not "
     "\"yesterday\""},
    {{"list", "--json=perhaps"}, "--json must be true or false, not \"perhaps\""},
    {{"list", "--status", "completed"},
     "--status must be running, complete, failed, cancelled or deleted, not \"completed\"\n"
     "hint: did you mean \"complete\"?"},
    {{"backup", "--type=everything"},
     "--type must be full, schema or data, not \"everything\""},
    {{"backup", "--tag", "team"},
     "--tag must be KEY=VALUE, with a KEY of letters, digits, ., - and _, not \"team\""},
    {{"copy", "01J", "--from", "a"}, "copy needs --to STORE\nhint: see `pgkeep help copy`"},
    {{"--config"}, "--config needs a value: FILE\nhint: see `pgkeep help`"},
};

START_TEST(a_bad_command_line_is_explained)
{
    struct config_args args;
    struct err err = {0};
    ck_assert_int_eq(parse(&args, bad[_i].words, &err), -1);
    ck_assert_int_eq(err.kind, ERR_USAGE);
    ck_assert_str_eq(err.text, bad[_i].error);
    config_args_release(&args);
}
END_TEST

START_TEST(values_stand_behind_a_space_or_an_equals_sign)
{
    const char *const words[] = {"list",      "--limit", "3",  "--job=nightly",
                                 "--tag=a=b", "--tag",   "c=", NULL};
    struct config_args args;
    struct err err = {0};
    ck_assert_msg(parse(&args, words, &err) == 0, "%s", err.text);
    ck_assert_str_eq(args.command, "list");
    ck_assert_int_eq(config_args_number(&args, "limit", -1), 3);
    ck_assert_int_eq(config_args_number(&args, "offset", -1), -1);
    ck_assert_str_eq(config_args_text(&args, "job"), "nightly");
    ck_assert_ptr_null(config_args_text(&args, "since"));
    ck_assert_uint_eq(config_args_list(&args, "tag")->count, 2);
    ck_assert_str_eq(config_args_list(&args, "tag")->items[0], "a=b");
    ck_assert_uint_eq(args.positional.count, 0);
    config_args_release(&args);
}
END_TEST

START_TEST(global_options_stand_before_and_behind_the_command)
{
    const char *const words[] = {"--catalog", "/c",          "prune",      "--json",
                                 "-qv",       "--yes=false", "--config=x", NULL};
    struct config_args args;
    struct err err = {0};
    ck_assert_msg(parse(&args, words, &err) == 0, "%s", err.text);
    ck_assert_str_eq(config_args_text(&args, "catalog"), "/c");
    ck_assert_str_eq(config_args_text(&args, "config"), "x");
    ck_assert(config_args_flag(&args, "json"));
    ck_assert(config_args_flag(&args, "quiet"));
    ck_assert(config_args_flag(&args, "verbose"));
    ck_assert(config_args_has(&args, "yes"));
    ck_assert(!config_args_flag(&args, "yes"));
    config_args_release(&args);
}
END_TEST

START_TEST(two_dashes_end_the_options)
{
    const char *const words[] = {"fetch", "--output", "-", "--", "--weird", "-", NULL};
    struct config_args args;
    struct err err = {0};
    ck_assert_msg(parse(&args, words, &err) == 0, "%s", err.text);
    ck_assert_str_eq(config_args_text(&args, "output"), "-");
    ck_assert_uint_eq(args.positional.count, 2);
    ck_assert_str_eq(args.positional.items[0], "--weird");
    config_args_release(&args);
}
END_TEST

START_TEST(the_last_of_a_plain_option_wins)
{
    const char *const words[] = {"list", "--job", "a", "--job", "b", NULL};
    struct config_args args;
    struct err err = {0};
    ck_assert_int_eq(parse(&args, words, &err), 0);
    ck_assert_str_eq(config_args_text(&args, "job"), "b");
    ck_assert_uint_eq(config_args_list(&args, "job")->count, 1);
    config_args_release(&args);
}
END_TEST

/* It is remembered, and a later run may begin elsewhere. */
START_TEST(a_relative_catalog_is_that_of_the_current_folder)
{
    const char *const words[] = {"--catalog", "mine/c.db", "list", NULL};
    struct config_args args;
    struct err err = {0};
    char folder[4096];
    ck_assert_ptr_nonnull(getcwd(folder, sizeof folder));
    ck_assert_int_eq(parse(&args, words, &err), 0);
    char *wanted = memory_format("%s/mine/c.db", folder);
    ck_assert_str_eq(config_args_text(&args, "catalog"), wanted);
    free(wanted);
    config_args_release(&args);
}
END_TEST

START_TEST(one_name_means_what_the_command_says)
{
    const char *const backup[] = {"backup", "--store", "dir:/a", "--store", "dir:/b", NULL};
    const char *const fetch[] = {"fetch", "--store", "nas", "x", NULL};
    struct config_args args;
    struct err err = {0};
    ck_assert_int_eq(parse(&args, backup, &err), 0);
    ck_assert_uint_eq(config_args_list(&args, "store")->count, 2);
    config_args_release(&args);
    ck_assert_int_eq(parse(&args, fetch, &err), 0);
    ck_assert_str_eq(config_args_text(&args, "store"), "nas");
    config_args_release(&args);
}
END_TEST

START_TEST(help_needs_nothing_else)
{
    const char *const words[] = {"restore", "--help", NULL};
    struct config_args args;
    struct err err = {0};
    ck_assert_int_eq(parse(&args, words, &err), 0);
    ck_assert(config_args_flag(&args, "help"));
    config_args_release(&args);
}
END_TEST

START_TEST(numbers_are_numbers_seconds_and_times)
{
    const char *const words[] = {"list", "--since", "1970-01-02", NULL};
    const char *const presign[] = {"fetch", "x", "--presign=1h", NULL};
    struct config_args args;
    struct err err = {0};
    ck_assert_int_eq(parse(&args, words, &err), 0);
    ck_assert_int_eq(config_args_number(&args, "since", 0), 86400);
    config_args_release(&args);
    ck_assert_int_eq(parse(&args, presign, &err), 0);
    ck_assert_int_eq(config_args_number(&args, "presign", 0), 3600);
    config_args_release(&args);
}
END_TEST

START_TEST(a_password_is_wiped_from_argv_and_nothing_else)
{
    char words[][64] = {"pgkeep",
                        "backup",
                        "--source",
                        "host=h password=hunter2",
                        "--store",
                        "dir:/srv",
                        "--source=postgresql://u:hunter2@h/d"};
    enum { COUNT = sizeof(words) / sizeof(words[0]) };
    char *argv[COUNT + 1] = {NULL};
    struct config_args args;
    struct err err = {0};
    for (size_t i = 0; i < COUNT; i++)
        argv[i] = words[i];
    struct config_args_line line = {COUNT - 1, argv, commands, 2};
    ck_assert_int_eq(config_args_parse(&args, &line, &err), 0);
    config_args_hide(&args, COUNT - 1, argv);
    ck_assert_ptr_null(strstr(words[3], "hunter2"));
    ck_assert_str_eq(words[5], "dir:/srv");
    ck_assert_str_eq(config_args_text(&args, "source"), "host=h password=hunter2");
    config_args_release(&args);
    line.argc = COUNT;
    ck_assert_int_eq(config_args_parse(&args, &line, &err), 0);
    config_args_hide(&args, COUNT, argv);
    ck_assert_ptr_null(strstr(words[6], "hunter2"));
    ck_assert(text_starts_with(words[6], "--source=xxx"));
    config_args_release(&args);
}
END_TEST

START_TEST(no_words_are_no_command)
{
    const char *const words[] = {NULL};
    struct config_args args;
    struct err err = {0};
    ck_assert_int_eq(parse(&args, words, &err), 0);
    ck_assert_ptr_null(args.command);
    config_args_release(&args);
}
END_TEST

START_TEST(a_connection_string_in_a_wrong_place_is_never_quoted)
{
    static const char *const lines[][WORDS_MAX] = {
        {"postgresql://u:hunter2@h/d"},
        {"backup", "postgresql+psycopg2://u:hunter2@h/d"},
        {"backup", "--source:postgresql://u:hunter2@h/d"},
        {"backup", "--source", "postgresql+psycopg2://u:hunter2@h/d"},
        {"backup", "--source=u:hunter2@h/d", "--store", "dir:/x"},
        {"restore", "A", "--to", "POSTGRESQL://u:hunter2@h/d"},
        {"restore", "u:hunter2@h/d"},
        {"list", "--job", "postgresql://u:hunter2@h/d"},
        {"list", "--since", "u:hunter2@h"},
        {"list", "--status", "host=h password=hunter2"},
    };
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        struct config_args args;
        struct err err = {0};
        ck_assert_int_eq(parse(&args, lines[i], &err), -1);
        ck_assert_int_eq(err.kind, ERR_USAGE);
        ck_assert_msg(!strstr(err.text, "hunter2"), "%s", err.text);
        config_args_release(&args);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("config_args");
    TCase *tcase = tcase_create("config_args");
    tcase_add_loop_test(tcase, a_bad_command_line_is_explained, 0,
                        (int)(sizeof(bad) / sizeof(bad[0])));
    tcase_add_test(tcase, values_stand_behind_a_space_or_an_equals_sign);
    tcase_add_test(tcase, global_options_stand_before_and_behind_the_command);
    tcase_add_test(tcase, two_dashes_end_the_options);
    tcase_add_test(tcase, the_last_of_a_plain_option_wins);
    tcase_add_test(tcase, a_relative_catalog_is_that_of_the_current_folder);
    tcase_add_test(tcase, one_name_means_what_the_command_says);
    tcase_add_test(tcase, help_needs_nothing_else);
    tcase_add_test(tcase, numbers_are_numbers_seconds_and_times);
    tcase_add_test(tcase, a_password_is_wiped_from_argv_and_nothing_else);
    tcase_add_test(tcase, no_words_are_no_command);
    tcase_add_test(tcase, a_connection_string_in_a_wrong_place_is_never_quoted);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
