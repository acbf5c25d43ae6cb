#include "config/include.h"

#include "base/file.h"
#include "base/memory.h"
#include "config/settings.h"
#include "tests/support/run_suite.h"
#include "tests/support/scratch.h"

#include <check.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[SCRATCH_SIZE];
static struct settings settings;
static struct err err;

static void put(const char *name, const char *text)
{
    char *path = file_join(folder, name);
    struct err trouble = {0};
    ck_assert_int_eq(file_make_folders_of(path, &trouble), 0);
    int fd = open(path, O_CREAT | O_TRUNC | O_WRONLY, 0640);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(file_write_all(fd, text, strlen(text)), 0);
    (void)close(fd);
    free(path);
}

static const char *content(const char *name)
{
    static char text[4096];
    char *path = file_join(folder, name);
    int fd = open(path, O_RDONLY);
    ck_assert_int_ge(fd, 0);
    ssize_t size = file_read_all(fd, text, sizeof text - 1);
    ck_assert_int_ge(size, 0);
    text[size] = '\0';
    (void)close(fd);
    free(path);
    return text;
}

static int load(void)
{
    static const char *const commands[] = {"config"};
    char *file = memory_format("--config=%s/main.conf", folder);
    char name[] = "pgkeep", command[] = "config";
    char *argv[] = {name, file, command, NULL};
    struct config_args args;
    struct config_args_line line = {3, argv, commands, 1};
    settings_release(&settings);
    err_clear(&err);
    ck_assert_int_eq(config_args_parse(&args, &line, &err), 0);
    int result = settings_load(&settings, &args, &err);
    config_args_release(&args);
    free(file);
    return result;
}

#define MAIN                                                                               \
    "catalog = \"/nowhere/c.db\";\n"                                                       \
    "include_dir = \"conf.d\";\n"                                                          \
    "editable = true;\n"                                                                   \
    "sources: { shop: { conninfo = \"dbname=shop\"; }; };\n"                               \
    "stores: { nas: { type = \"dir\"; path = \"/srv/b\"; }; };\n"                          \
    "jobs: { fixed: { source = \"shop\"; stores = [ \"nas\" ]; }; };\n"
#define JOB(name, more)                                                                    \
    "# of " name "\njobs:\n{\n  " name ":\n  { # here\n    source = \"shop\"; " more       \
    "\n    stores = [ \"nas\" ]; # there\n  };\n};\n"

static void set_up(void)
{
    scratch_folder(folder);
    put("main.conf", MAIN);
    put("conf.d/a.conf", JOB("one", "schedule = \"@daily\";"));
    put("conf.d/b.conf", JOB("two", "enabled = false;"));
    put("conf.d/.hidden.conf", "nonsense");
    put("conf.d/other.txt", "nonsense");
}

static void tear_down(void)
{
    settings_release(&settings);
    scratch_remove(folder);
}

START_TEST(files_of_the_folder_are_read_in_order_and_others_are_not)
{
    ck_assert_msg(load() == 0, "%s", err.text);
    ck_assert_uint_eq(settings.job_count, 3);
    ck_assert_str_eq(settings.jobs[0].name, "fixed");
    ck_assert_str_eq(settings.jobs[1].name, "one");
    ck_assert_str_eq(settings.jobs[1].schedule, "@daily");
    ck_assert(settings.jobs[1].enabled && !settings.jobs[2].enabled);
}
END_TEST

START_TEST(a_job_that_stands_twice_is_an_error_that_names_both_places)
{
    put("conf.d/c.conf", JOB("one", ""));
    ck_assert_int_eq(load(), -1);
    ck_assert_int_eq(err.kind, ERR_CONFIG);
    ck_assert_ptr_nonnull(strstr(err.text, "c.conf:"));
    ck_assert_ptr_nonnull(strstr(err.text, "a.conf:"));
}
END_TEST

START_TEST(a_top_level_key_belongs_into_the_main_file)
{
    put("conf.d/c.conf", "catalog = \"/nowhere/x\";\n");
    ck_assert_int_eq(load(), -1);
    ck_assert_ptr_nonnull(
        strstr(err.text, "c.conf:1: \"catalog\" belongs into the main file"));
}
END_TEST

START_TEST(a_folder_that_is_not_there_is_an_error)
{
    put("main.conf", "include_dir = \"nowhere\";\n");
    ck_assert_int_eq(load(), -1);
    ck_assert_int_eq(err.kind, ERR_CONFIG);
}
END_TEST

START_TEST(a_job_is_switched_and_nothing_else_of_its_file_changes)
{
    bool changed = false;
    ck_assert_int_eq(load(), 0);
    ck_assert_msg(include_set_enabled(&settings, settings_job(&settings, "one"), false,
                                      &changed, &err) == 0,
                  "%s", err.text);
    ck_assert(changed);
    ck_assert_str_eq(
        content("conf.d/a.conf"),
        "# of one\njobs:\n{\n  one:\n  { enabled = false; # here\n    source = "
        "\"shop\"; schedule = \"@daily\";\n    stores = [ \"nas\" ]; # there\n  "
        "};\n};\n");
    ck_assert_int_eq(load(), 0);
    ck_assert(!settings.jobs[1].enabled);
    /* There and back. */
    ck_assert_int_eq(include_set_enabled(&settings, settings_job(&settings, "one"), true,
                                         &changed, &err),
                     0);
    ck_assert_ptr_nonnull(strstr(content("conf.d/a.conf"), "{ enabled = true; # here"));
    ck_assert_int_eq(include_set_enabled(&settings, settings_job(&settings, "two"), true,
                                         &changed, &err),
                     0);
    ck_assert_str_eq(content("conf.d/b.conf"), JOB("two", "enabled = true;"));
    ck_assert_int_eq(load(), 0);
    ck_assert_int_eq(include_set_enabled(&settings, settings_job(&settings, "two"), true,
                                         &changed, &err),
                     0);
    ck_assert(!changed);
}
END_TEST

START_TEST(a_job_that_stands_elsewhere_is_left_to_its_owner)
{
    bool changed = false;
    ck_assert_int_eq(load(), 0);
    ck_assert_int_eq(include_set_enabled(&settings, settings_job(&settings, "fixed"), false,
                                         &changed, &err),
                     -1);
    ck_assert_int_eq(err.kind, ERR_CONFIG);
    ck_assert_ptr_nonnull(strstr(err.text, "main.conf"));
    ck_assert_ptr_nonnull(strstr(err.text, "enabled = false"));
    /* In the folder, too, unless it is allowed. */
    settings.editable = false;
    err_clear(&err);
    ck_assert_int_eq(include_set_enabled(&settings, settings_job(&settings, "one"), false,
                                         &changed, &err),
                     -1);
    ck_assert_ptr_nonnull(strstr(err.text, "a.conf"));
}
END_TEST

static const struct {
    const char *keys, *says;
} wrong[] = {
    {"schedule = \"61 * * * *\";", "minute: 61 is not in 0-59"},
    {"schedule = \"* * *\";", "only 3 of the five fields"},
    {"schedule = \"@daily\"; every = \"1h\";", "exclude each other"},
    {"every = \"0s\";", "every"},
    {"every = \"soon\";", "duration"},
    {"timezone = \"Mars/Olympus\";", "time zone"},
    {"catch_up = \"always\";", "once"},
    {"retries = -1;", "retries"},
    {"jitter = \"2d\";", "jitter"},
    {"scedule = \"@daily\";", "did you mean \"schedule\""},
};

START_TEST(what_cannot_be_a_schedule_is_refused_with_its_line)
{
    char *text = memory_format(
        "jobs: { x: { source = \"shop\"; stores = [ \"nas\" ];\n%s }; };", wrong[_i].keys);
    put("conf.d/x.conf", text);
    free(text);
    ck_assert_int_eq(load(), -1);
    ck_assert_int_eq(err.kind, ERR_CONFIG);
    ck_assert_msg(strstr(err.text, wrong[_i].says) != NULL, "%s", err.text);
    ck_assert_msg(strstr(err.text, "x.conf:2") != NULL, "%s", err.text);
}
END_TEST

START_TEST(a_stamp_changes_with_each_file_and_with_nothing_else)
{
    char file[SCRATCH_SIZE + 16], dir[] = "conf.d";
    (void)snprintf(file, sizeof file, "%s/main.conf", folder);
    const struct settings read = {.config_file = file, .include_dir = dir};
    struct strlist folders = {0};
    put("main.conf", "a = 1;");
    put("conf.d/a.conf", "jobs: {};");
    uint64_t first = include_stamp(&read, &folders);
    ck_assert_uint_eq(folders.count, 2);
    ck_assert_str_eq(folders.items[0], folder);
    /* What is no file of the configuration. */
    put("conf.d/.a.conf.swp", "x");
    put("catalog.db", "x");
    ck_assert(include_stamp(&read, NULL) == first);
    put("conf.d/b.conf", "jobs: {};");
    uint64_t second = include_stamp(&read, NULL);
    ck_assert(second != first);
    put("conf.d/a.conf", "jobs: { };");
    ck_assert(include_stamp(&read, NULL) != second);
    second = include_stamp(&read, NULL);
    put("main.conf", "a = 12;");
    ck_assert(include_stamp(&read, NULL) != second);
    strlist_release(&folders);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("include");
    TCase *tcase = tcase_create("include");
    tcase_add_checked_fixture(tcase, set_up, tear_down);
    tcase_add_test(tcase, files_of_the_folder_are_read_in_order_and_others_are_not);
    tcase_add_test(tcase, a_job_that_stands_twice_is_an_error_that_names_both_places);
    tcase_add_test(tcase, a_top_level_key_belongs_into_the_main_file);
    tcase_add_test(tcase, a_folder_that_is_not_there_is_an_error);
    tcase_add_test(tcase, a_job_is_switched_and_nothing_else_of_its_file_changes);
    tcase_add_test(tcase, a_stamp_changes_with_each_file_and_with_nothing_else);
    tcase_add_test(tcase, a_job_that_stands_elsewhere_is_left_to_its_owner);
    tcase_add_loop_test(tcase, what_cannot_be_a_schedule_is_refused_with_its_line, 0,
                        (int)(sizeof wrong / sizeof *wrong));
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
