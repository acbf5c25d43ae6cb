/* Every command explains itself, and what cannot be meant is a usage error: status 2, one
 * sentence on stderr, nothing on stdout, nothing done. */
#include "tests/support/cli_rig.h"
#include "tests/support/run_suite.h"

#include <check.h>

static const char *const commands[] = {
    "backup", "list",    "show",     "restore", "fetch",  "cat",     "diff",    "verify",
    "prune",  "pin",     "unpin",    "accept",  "delete", "copy",    "catalog", "sweep",
    "doctor", "status",  "jobs",     "run",     "enable", "disable", "cancel",  "serve",
    "notify", "metrics", "password", "config",  "help"};
enum { COMMANDS = sizeof commands / sizeof *commands };

static struct cli_said said;

static void run(const char *line)
{
    said = cli_rig_run(NULL, line);
}

static void release(void)
{
    cli_said_release(&said);
}

START_TEST(every_command_explains_itself)
{
    char line[100], title[100];
    struct cli_said other;
    snprintf(line, sizeof line, "help %s", commands[_i]);
    snprintf(title, sizeof title, "pgkeep %s - ", commands[_i]);
    run(line);
    ck_assert_int_eq(said.status, 0);
    ck_assert_str_eq(said.err, "");
    ck_assert_msg(strncmp(said.out, title, strlen(title)) == 0, "%s", said.out);
    snprintf(title, sizeof title, "\nusage: pgkeep %s", commands[_i]);
    ck_assert_msg(strstr(said.out, title) != NULL, "%s", said.out);
    /* In no line is more than a terminal shows. */
    for (const char *at = said.out; *at != '\0'; at += strcspn(at, "\n") + 1)
        ck_assert_msg(strcspn(at, "\n") <= 100, "%.120s", at);
    snprintf(line, sizeof line, "%s --help", commands[_i]);
    other = cli_rig_run(NULL, line);
    ck_assert_str_eq(other.out, said.out);
    cli_said_release(&other);
}
END_TEST

START_TEST(every_command_is_data_for_programs_too)
{
    char line[100];
    snprintf(line, sizeof line, "help %s --json", commands[_i]);
    run(line);
    ck_assert_int_eq(said.status, 0);
    ck_assert_str_eq(cli_said_at(&said, "commands"), "1");
    ck_assert_str_eq(cli_said_at(&said, "commands.0.name"), commands[_i]);
    ck_assert_str_ne(cli_said_at(&said, "commands.0.summary"), "-");
    ck_assert_str_ne(cli_said_at(&said, "commands.0.usage"), "-");
    ck_assert_str_ne(cli_said_at(&said, "commands.0.options"), "-");
}
END_TEST

START_TEST(the_overview_names_every_command_and_exit_status)
{
    run("help");
    ck_assert_int_eq(said.status, 0);
    for (size_t i = 0; i < COMMANDS; i++) {
        char row[32];
        snprintf(row, sizeof row, "\n  %-10s ", commands[i]);
        ck_assert_msg(strstr(said.out, row) != NULL, "%s", commands[i]);
    }
    ck_assert_ptr_nonnull(strstr(said.out, "exit status:"));
    release();
    run("--help");
    ck_assert_ptr_nonnull(strstr(said.out, "usage: pgkeep"));
    release();
    run("help --json");
    ck_assert_uint_eq(json_array_size(json_object_get(said.json, "commands")), COMMANDS);
}
END_TEST

START_TEST(the_version_is_one_line_or_one_document)
{
    run("--version");
    ck_assert_int_eq(said.status, 0);
    ck_assert_str_eq(said.out, "pgkeep " PGKEEP_VERSION "\n");
    release();
    run("--version --json");
    ck_assert_str_eq(cli_said_at(&said, "version"), PGKEEP_VERSION);
}
END_TEST

START_TEST(the_example_is_a_configuration_that_loads)
{
    char path[SCRATCH_SIZE], line[SCRATCH_SIZE + 50];
    run("config --example");
    ck_assert_int_eq(said.status, 0);
    scratch_file(path, said.out);
    release();
    snprintf(line, sizeof line, "config --json --config=%s", path);
    run(line);
    ck_assert_msg(said.status == 0, "%s", said.err);
    ck_assert_str_eq(cli_said_at(&said, "config_file"), path);
}
END_TEST

static const struct {
    const char *line, *says;
} usage[] = {
    {"", "no command given"},
    {"backpu", "did you mean \"backup\"?"},
    {"nonsense", "`pgkeep help` lists the commands"},
    {"help nonsense", "unknown command \"nonsense\""},
    {"help pru", "did you mean"},
    {"help list show", "unexpected argument \"show\""},
    {"list extra", "the job is named by an option: pgkeep list --job extra"},
    {"list --colour", "--colour"},
    {"list --limit", "--limit"},
    {"list --limit many", "--limit"},
    {"list --status odd", "--status"},
    {"list --since yesterday", "--since"},
    {"list --tag nothing", "--tag"},
    {"list --json=maybe", "--json"},
    {"list --yes", "--yes"},
    {"show", "an argument is missing: usage: pgkeep show"},
    {"show a b", "unexpected argument \"b\""},
    {"restore x", "restore needs --to CONNINFO"},
    {"restore --to dbname=x", "which backup?"},
    {"fetch", "an argument is missing"},
    {"cat x", "cat needs --table PATTERN"},
    {"diff x", "an argument is missing: usage: pgkeep diff ID ID"},
    {"delete", "an argument is missing"},
    {"pin", "an argument is missing"},
    {"unpin", "an argument is missing"},
    {"accept", "an argument is missing"},
    {"copy", "copy needs --from STORE"},
    {"copy latest --from a", "copy needs --to"},
    {"catalog", "an argument is missing: usage: pgkeep catalog rebuild|sync|check"},
    {"catalog burn", "no such thing to do with a catalog: \"burn\""},
    {"sweep all", "unexpected argument \"all\""},
    {"status now", "unexpected argument \"now\""},
    {"status --max-age soon", "--max-age"},
    {"verify", "what? give ids, or --all, or --job NAME"},
    {"verify --all --job j", "what? give ids, or --all, or --job NAME"},
    {"verify latest --all", "what? give ids, or --all, or --job NAME"},
    {"verify latest --to dbname=x", "--to, --against and --budget go with --level drill"},
    {"verify --all --level drill latest", "give ids, or --all, or --job NAME"},
    {"verify --level drill --against dbname=x", "--against goes with one backup"},
    {"verify --all --level deep", "--level"},
    {"doctor --mark x", "--mark and --yes go with --adopt"},
    {"backup", "which job? name one, or give --source and --store"},
    {"backup --source dbname=x", "--source and --store are needed together"},
    {"prune --force-unsafe", "--force-unsafe"},
};

START_TEST(what_cannot_be_meant_is_a_usage_error)
{
    run(usage[_i].line);
    ck_assert_msg(said.status == 2, "\"%s\": %d: %s", usage[_i].line, said.status,
                  said.err);
    ck_assert_str_eq(said.out, "");
    ck_assert_msg(strncmp(said.err, "pgkeep: ", 8) == 0 &&
                      strstr(said.err, usage[_i].says) != NULL,
                  "\"%s\": %s", usage[_i].line, said.err);
}
END_TEST

START_TEST(an_error_comes_in_the_form_that_was_asked_for)
{
    json_error_t ignored;
    run("--log-format json list --colour");
    ck_assert_int_eq(said.status, 2);
    json_t *line = json_loads(said.err, JSON_DISABLE_EOF_CHECK, &ignored);
    ck_assert_msg(line != NULL, "%s", said.err);
    ck_assert_str_eq(json_string_value(json_object_get(line, "level")), "error");
    ck_assert_str_eq(json_string_value(json_object_get(line, "kind")), "usage");
    json_decref(line);
    release();
    run("--log-format journal list --colour");
    ck_assert_msg(strncmp(said.err, "<3>", 3) == 0, "%s", said.err);
}
END_TEST

static const struct {
    const char *text, *says;
} broken[] = {
    {"jobs: { j: { source = \"nobody\"; stores = [ \"nas\" ]; }; };", "nobody"},
    {"catalog = 7;", "catalog"},
    {"nonsense = true;", "nonsense"},
    {"stores: {", ""},
};

START_TEST(a_configuration_that_is_wrong_is_told_with_its_place)
{
    char path[SCRATCH_SIZE], line[SCRATCH_SIZE + 50];
    scratch_file(path, broken[_i].text);
    snprintf(line, sizeof line, "list --config=%s", path);
    run(line);
    ck_assert_msg(said.status == 3, "%d: %s", said.status, said.err);
    ck_assert_str_eq(said.out, "");
    ck_assert_msg(strstr(said.err, path) && strstr(said.err, broken[_i].says), "%s",
                  said.err);
    release();
    /* The example comes all the same. */
    snprintf(line, sizeof line, "config --example --config=%s", path);
    run(line);
    ck_assert_int_eq(said.status, 0);
}
END_TEST

START_TEST(without_a_catalog_there_is_nothing_yet)
{
    static const struct {
        const char *line;
        int status;
        const char *out, *err;
    } rows[] = {
        {"list", 0, "no backups yet in ", ""},
        {"status", 0, "no backups yet in ", ""},
        {"status --max-age 1d", 10, "no backups yet in ", "there is no backup in "},
        {"-q status --max-age 1d", 10, "", "there is no backup in "},
        {"list --json", 0, "\"artifacts\": []", ""},
        {"show latest", 1, "", "pgkeep: "},
        {"verify --all", 1, "", "pgkeep: "},
        {"prune", 1, "", "pgkeep: "},
        {"sweep", 1, "", "pgkeep: "},
    };
    char folder[SCRATCH_SIZE], line[SCRATCH_SIZE + 100];
    scratch_folder(folder);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        snprintf(line, sizeof line, "%s --catalog=%s/none.db", rows[i].line, folder);
        run(line);
        ck_assert_msg(said.status == rows[i].status && strstr(said.out, rows[i].out) &&
                          strstr(said.err, rows[i].err),
                      "%s: %d\n%s%s", rows[i].line, said.status, said.out, said.err);
        release();
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("cli");
    TCase *tests = tcase_create("cli");
    tcase_add_checked_fixture(tests, NULL, release);
    tcase_set_timeout(tests, 30);
    tcase_add_loop_test(tests, every_command_explains_itself, 0, COMMANDS);
    tcase_add_loop_test(tests, every_command_is_data_for_programs_too, 0, COMMANDS);
    tcase_add_test(tests, the_overview_names_every_command_and_exit_status);
    tcase_add_test(tests, the_version_is_one_line_or_one_document);
    tcase_add_test(tests, the_example_is_a_configuration_that_loads);
    tcase_add_loop_test(tests, what_cannot_be_meant_is_a_usage_error, 0,
                        (int)(sizeof usage / sizeof *usage));
    tcase_add_test(tests, an_error_comes_in_the_form_that_was_asked_for);
    tcase_add_loop_test(tests, a_configuration_that_is_wrong_is_told_with_its_place, 0,
                        (int)(sizeof broken / sizeof *broken));
    tcase_add_test(tests, without_a_catalog_there_is_nothing_yet);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
