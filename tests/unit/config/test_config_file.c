#include "config/config_file.h"
#include "base/memory.h"
#include "tests/support/run_suite.h"
#include "tests/support/scratch.h"

#include <check.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

/* Goal of the table: what is wrong is said in one sentence with file, line and a way on. */
static const struct {
    const char *claim, *text;
    unsigned mode;
    const char *error;
} bad[] = {
    {"unknown key at the top", "catalog = \"/c\";\ncatalg = \"/d\";\n", 0600,
     "f:2: unknown key \"catalg\"\nhint: did you mean \"catalog\"?"},
    {"unknown group", "souces: {};\n", 0600,
     "f:1: unknown key \"souces\"\nhint: did you mean \"sources\"?"},
    {"unknown key far from all", "\n\nzzzzzzzzzz = 1;\n", 0600,
     "f:3: unknown key \"zzzzzzzzzz\"\nhint: `pgkeep config --example` shows all keys"},
    {"unknown key in a store", "stores: {\n off: {\n  bukket = \"x\";\n };\n};\n", 0600,
     "f:3: unknown key \"bukket\" in store \"off\"\nhint: did you mean \"bucket\"?"},
    {"retention key with a dash", "policies: { p: { keep-daily = 7; }; };", 0600,
     "f:1: unknown key \"keep-daily\" in policy \"p\"\nhint: did you mean \"keep_daily\"?"},
    {"duplicate key", "catalog = \"/a\";\ncatalog = \"/b\";\n", 0600,
     "f:2: duplicate setting name"},
    {"duplicate section", "stores: {\n a: {};\n a: {};\n};\n", 0600,
     "f:3: duplicate setting name"},
    {"duplicate key in a section",
     "policies: { p: {\n keep_last = 1;\n keep_last = 2; }; };\n", 0600,
     "f:3: duplicate setting name"},
    {"number for text", "catalog = 7;", 0600,
     "f:1: \"catalog\" must be a text in double quotes, not a whole number"},
    {"text for number", "policies: { p: { keep_daily = \"7\"; }; };", 0600,
     "f:1: \"keep_daily\" of policy \"p\" must be a whole number, not a text"},
    {"float for number", "policies: { p: { keep_daily = 7.5; }; };", 0600,
     "f:1: \"keep_daily\" of policy \"p\" must be a whole number, not a number"},
    {"text for bool", "sources: { s: { globals = \"yes\"; }; };", 0600,
     "f:1: \"globals\" of source \"s\" must be true or false, not a text"},
    {"number for duration", "sources: { s: { lock_wait_timeout = 60; }; };", 0600,
     "f:1: \"lock_wait_timeout\" of source \"s\" must be a duration in double quotes, as "
     "\"12h\" or \"30d\", not a whole number"},
    {"text for list", "jobs: { j: { stores = \"nas\"; }; };", 0600,
     "f:1: \"stores\" of job \"j\" must be a list of texts, as [ \"a\", \"b\" ], not a "
     "text"},
    {"numbers in a list", "jobs: { j: { stores = [ 1, 2 ]; }; };", 0600,
     "f:1: \"stores\" of job \"j\" must be a list of texts, as [ \"a\", \"b\" ], not a "
     "whole "
     "number"},
    {"list for group", "jobs: { j: { store_retention = [ \"a\" ]; }; };", 0600,
     "f:1: \"store_retention\" of job \"j\" must be a group of names, as { nas = "
     "\"short\"; }, "
     "not a list"},
    {"value for group of groups", "stores = \"nas\";", 0600,
     "f:1: \"stores\" must be a group of named groups, not a text"},
    {"value for section", "stores: { nas = \"dir:/x\"; };", 0600,
     "f:1: store \"nas\" must be a group { … }, not a text"},
    {"negative", "policies: { p: { keep_last = -1; }; };", 0600,
     "f:1: \"keep_last\" of policy \"p\" must be a whole number from 0 to 1000000, not "
     "\"-1\""},
    {"out of range", "\npart_budget = \"1MiB\";", 0600,
     "f:2: \"part_budget\" must be a size as 512MiB or 20GiB from 16MiB to 64GiB, not "
     "\"1MiB\""},
    {"wrong word", "jobs: { j: { type = \"ful\"; }; };", 0600,
     "f:1: \"type\" of job \"j\" must be full, schema or data, not \"ful\"\nhint: did you "
     "mean "
     "\"full\"?"},
    {"name with a star", "stores: { n*s: {}; };", 0600,
     "f:1: the name of a store must be a name of letters, digits, - and _, not \"n*s\""},
    {"reserved source", "sources: { adhoc: {}; };", 0600,
     "f:1: the name \"adhoc\" is kept for backups without a source"},
    {"reserved job", "jobs: { adhoc: {}; };", 0600,
     "f:1: the name \"adhoc\" is kept for backups without a job"},
    {"syntax", "catalog = \"/c\"\nstores {", 0600, "f:2: syntax error"},
    {"unterminated text", "catalog = \"/c", 0600, "f:1: syntax error"},
    {"include", "\n@include \"/etc/passwd\"\n", 0600,
     "f:2: @include is not supported\nhint: keep secrets apart with password_file, "
     "secret_key_file or *_env"},
    {"include of a folder", "@include \"/\"\n", 0600,
     "f:1: @include is not supported\nhint: keep secrets apart with password_file, "
     "secret_key_file or *_env"},
    {"include that climbs", "@include \"../../etc/passwd\"\n", 0600,
     "f:1: @include is not supported\nhint: keep secrets apart with password_file, "
     "secret_key_file or *_env"},
    {"password others can read", "sources: { s: {\n password = \"hunter2\"; }; };", 0644,
     "f:2: \"password\" of source \"s\" holds a secret, but every user can read this file "
     "(mode 0644)\nhint: chmod o-rwx f"},
    {"secret key others can read", "stores: { s: { secret_key = \"hunter2\"; }; };", 0604,
     "f:1: \"secret_key\" of store \"s\" holds a secret, but every user can read this file "
     "(mode 0604)\nhint: chmod o-rwx f"},
    {"password in a conninfo others can read",
     "sources: { s: { conninfo = \"host=h password=hunter2\"; }; };", 0644,
     "f:1: \"conninfo\" of source \"s\" holds a secret, but every user can read this file "
     "(mode "
     "0644)\nhint: chmod o-rwx f"},
    {"password in a URI others can read",
     "sources: { s: { conninfo = \"postgresql://u:hunter2@h/d\"; }; };", 0644,
     "f:1: \"conninfo\" of source \"s\" holds a secret, but every user can read this file "
     "(mode "
     "0644)\nhint: chmod o-rwx f"},
    {"password in the query of a URI others can read",
     "sources: { s: { conninfo = \"postgresql://u@h/d?password=hunter2\"; }; };", 0644,
     "f:1: \"conninfo\" of source \"s\" holds a secret, but every user can read this file "
     "(mode "
     "0644)\nhint: chmod o-rwx f"},
    {"password of a proxy others can read",
     "stores: { s: { proxy = \"http://u:hunter2@p:1\"; }; };", 0644,
     "f:1: \"proxy\" of store \"s\" holds a secret, but every user can read this file "
     "(mode "
     "0644)\nhint: chmod o-rwx f"},
};

START_TEST(a_bad_file_is_explained_with_line_and_hint)
{
    struct layer layer;
    struct err err = {0};
    layer_init(&layer);
    ck_assert_msg(config_file_parse("f", bad[_i].text, bad[_i].mode, &layer, &err) == -1,
                  "%s", bad[_i].claim);
    ck_assert_int_eq(err.kind, ERR_CONFIG);
    ck_assert_msg(strcmp(err.text, bad[_i].error) == 0, "%s: %s", bad[_i].claim, err.text);
    ck_assert_ptr_null(strstr(err.text, "hunter2"));
    layer_release(&layer);
}
END_TEST

START_TEST(others_may_read_a_file_without_secrets)
{
    static const char *const texts[] = {
        "sources: { s: { conninfo = \"host=h user=u\"; password_file = \"/x\"; }; };",
        "sources: { s: { conninfo = \"postgresql://u@h/d\"; password_env = \"X\"; }; };",
        "stores: { s: { secret_key_env = \"X\"; proxy = \"http://p:1\"; }; };",
    };
    struct layer layer;
    struct err err = {0};
    layer_init(&layer);
    ck_assert_msg(config_file_parse("f", texts[_i], 0644, &layer, &err) == 0, "%s",
                  err.text);
    layer_release(&layer);
}
END_TEST

START_TEST(the_group_may_read_secrets)
{
    struct layer layer;
    struct err err = {0};
    layer_init(&layer);
    ck_assert_int_eq(config_file_parse("f", "sources: { s: { password = \"x\"; }; };", 0640,
                                       &layer, &err),
                     0);
    layer_release(&layer);
}
END_TEST

static const char *item(const struct layer *layer, enum option_scope scope,
                        const char *section, const char *key, size_t i)
{
    const struct layer_value *value = layer_find(layer, option_find(scope, key), section);
    ck_assert_msg(value && i < value->items.count, "%s", key);
    return value->items.items[i];
}

START_TEST(every_kind_of_value_arrives_with_its_line)
{
    static const char text[] =
        "catalog = \"/c\"; part_budget = 268435456L;\n"
        "sources: { s: { conninfo = \"shop\"; globals = true;\n"
        "  databases = ( \"a\", \"b\" ); schemas = []; }; };\n"
        "jobs: { j: { anomaly_shrink = 12.5; parallel = 4;\n"
        "  store_retention: { nas = \"short\"; off = \"long\"; }; }; };\n";
    struct layer layer;
    struct err err = {0};
    layer_init(&layer);
    ck_assert_msg(config_file_parse("f", text, 0600, &layer, &err) == 0, "%s", err.text);
    ck_assert_str_eq(item(&layer, OPTION_TOP, NULL, "catalog", 0), "/c");
    ck_assert_str_eq(item(&layer, OPTION_TOP, NULL, "part_budget", 0), "268435456");
    ck_assert_str_eq(item(&layer, OPTION_SOURCE, "s", "globals", 0), "true");
    ck_assert_str_eq(item(&layer, OPTION_SOURCE, "s", "databases", 1), "b");
    ck_assert_str_eq(item(&layer, OPTION_JOB, "j", "anomaly_shrink", 0), "12.5");
    ck_assert_str_eq(item(&layer, OPTION_JOB, "j", "parallel", 0), "4");
    ck_assert_str_eq(item(&layer, OPTION_JOB, "j", "store_retention", 1), "off=long");
    const struct layer_value *empty =
        layer_find(&layer, option_find(OPTION_SOURCE, "schemas"), "s");
    ck_assert_uint_eq(empty->items.count, 0);
    ck_assert_str_eq(empty->origin, "f:3");
    ck_assert_ptr_nonnull(layer_find_section(&layer, OPTION_JOB, "j"));
    layer_release(&layer);
}
END_TEST

/* Nobody sees it in an editor. */
START_TEST(a_byte_order_mark_in_front_is_no_part_of_the_file)
{
    struct layer layer;
    struct err err = {0};
    layer_init(&layer);
    ck_assert_msg(config_file_parse("f",
                                    "\xEF\xBB\xBF"
                                    "catalog = \"/c\";",
                                    0600, &layer, &err) == 0,
                  "%s", err.text);
    ck_assert_str_eq(item(&layer, OPTION_TOP, NULL, "catalog", 0), "/c");
    layer_release(&layer);
}
END_TEST

START_TEST(an_unreadable_file_is_a_config_error)
{
    struct layer layer;
    struct err err = {0};
    char path[SCRATCH_SIZE], folder[SCRATCH_SIZE];
    scratch_folder(folder);
    scratch_file(path, "");
    layer_init(&layer);
    ck_assert_int_eq(config_file_read("/nonexistent/pgkeep.conf", &layer, &err), -1);
    ck_assert_int_eq(err.kind, ERR_CONFIG);
    ck_assert_ptr_nonnull(strstr(err.text, "/nonexistent/pgkeep.conf"));
    ck_assert_int_eq(config_file_read(folder, &layer, &err), -1);
    ck_assert_int_eq(err.kind, ERR_CONFIG);
    int fd = open(path, O_WRONLY);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(write(fd, "catalog\0= 1;", 12), 12);
    ck_assert_int_eq(config_file_read(path, &layer, &err), -1);
    ck_assert_ptr_nonnull(strstr(err.text, "NUL"));
    close(fd);
    layer_release(&layer);
}
END_TEST

START_TEST(the_place_of_the_file_follows_the_order)
{
    char folder[SCRATCH_SIZE];
    scratch_folder(folder);
    ck_assert_int_eq(setenv("PGKEEP_CONFIG", "/e", 1), 0);
    char *path = config_file_locate("/g");
    ck_assert_str_eq(path, "/g");
    free(path);
    path = config_file_locate(NULL);
    ck_assert_str_eq(path, "/e");
    free(path);
    ck_assert_int_eq(unsetenv("PGKEEP_CONFIG"), 0);
    ck_assert_int_eq(setenv("XDG_CONFIG_HOME", folder, 1), 0);
    path = config_file_locate(NULL);
    ck_assert(path == NULL || strcmp(path, PGKEEP_SYSCONFDIR "/pgkeep/pgkeep.conf") == 0);
    free(path);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("config_file");
    TCase *tcase = tcase_create("config_file");
    tcase_add_loop_test(tcase, a_bad_file_is_explained_with_line_and_hint, 0,
                        (int)(sizeof(bad) / sizeof(bad[0])));
    tcase_add_loop_test(tcase, others_may_read_a_file_without_secrets, 0, 3);
    tcase_add_test(tcase, the_group_may_read_secrets);
    tcase_add_test(tcase, every_kind_of_value_arrives_with_its_line);
    tcase_add_test(tcase, an_unreadable_file_is_a_config_error);
    tcase_add_test(tcase, a_byte_order_mark_in_front_is_no_part_of_the_file);
    tcase_add_test(tcase, the_place_of_the_file_follows_the_order);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
