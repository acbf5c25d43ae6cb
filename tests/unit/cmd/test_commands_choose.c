/*
 * Which backup a command is about: every command that works on one asks the same way, nothing is
 * guessed, and what is done says of which database it was. And errors as documents.
 */
#include "tests/support/cli_rig.h"
#include "tests/support/memory_store.h"
#include "tests/support/run_suite.h"

#include <check.h>

static struct depot depot;
static struct cli_said said;

/* Backup 1 is the newest: globals; then crm, shop, shop. */
static void setup(void)
{
    const struct depot_spec spec = {.policy = "keep_last = 2;"};
    const struct depot_backup globals = {.database = ""}, crm = {.database = "crm"};
    depot_begin(&depot, &spec);
    depot_backup(&depot, 1, &globals);
    depot_backup(&depot, 2, &crm);
    depot_backups(&depot, 3, 4);
}

static void teardown(void)
{
    cli_said_release(&said);
    depot_end(&depot);
}

static void run(const char *line)
{
    cli_said_release(&said);
    said = cli_rig_run(&depot, line);
}

static void expect(int status, const char *out, const char *err)
{
    ck_assert_msg(said.status == status && strstr(said.out, out) != NULL &&
                      strstr(said.err, err) != NULL,
                  "exit status %d\nstdout: %s\nstderr: %s", said.status, said.out,
                  said.err);
}

/* What stands before the word and behind it. */
static const struct {
    const char *before, *behind;
} about_one[] = {
    {"show", ""},
    {"restore", "--to dbname=target"},
    {"fetch", "--output /nonexistent/file"},
    {"verify", ""},
    {"pin", ""},
    {"unpin", ""},
    {"accept", ""},
    {"copy", "--from nas --to offsite"},
    {"delete", "--yes"},
};
enum { ABOUT_ONE = sizeof about_one / sizeof *about_one };

START_TEST(no_command_guesses_which_database_is_meant)
{
    char line[200];
    for (size_t i = 0; i < 2; i++) {
        snprintf(line, sizeof line, "%s %s %s", about_one[_i].before,
                 i == 0 ? "latest" : "latest:nightly", about_one[_i].behind);
        run(line);
        expect(2, "", "could be 2 databases: nightly/crm ");
        expect(2, "", ", nightly/shop ");
    }
    depot_assert(&depot, DEPOT_NAS, "1 2 3 4");
}
END_TEST

START_TEST(what_is_said_beside_an_id_must_be_so)
{
    char line[200];
    snprintf(line, sizeof line, "%s %s --database crm %s", about_one[_i].before,
             depot_id(3), about_one[_i].behind);
    run(line);
    expect(2, "", "is of database \"shop\", not of \"crm\"");
    depot_assert(&depot, DEPOT_NAS, "1 2 3 4");
}
END_TEST

static const struct {
    const char *words;
    unsigned number;
} chosen[] = {
    {"latest:nightly/shop", 3},          {"latest:/crm", 2},
    {"latest --database shop", 3},       {"latest:nightly --database=crm", 2},
    {"latest --type globals", 1},        {"latest:/shop --before 84h", 4},
    {"latest:/shop --store offsite", 3},
};

START_TEST(what_is_narrowed_to_one_database_is_its_newest)
{
    char line[200];
    snprintf(line, sizeof line, "show %s --json", chosen[_i].words);
    run(line);
    ck_assert_str_eq(cli_said_at(&said, "id"), depot_id(chosen[_i].number));
}
END_TEST

START_TEST(messages_say_of_which_database_it_was)
{
    run("pin latest:/shop");
    expect(0, "(database \"shop\") is pinned", "");
    run("unpin latest:/shop --json");
    ck_assert_str_eq(cli_said_at(&said, "database"), "shop");
    run("delete latest:/shop");
    expect(0, "(database \"shop\")  store nas", "");
    run("pin latest --type=globals");
    expect(0, "(globals) is pinned", "");
}
END_TEST

/* Also when it could not be done. */
START_TEST(errors_say_of_which_database_it_is)
{
    char said_of[100];
    run("pin latest:/shop");
    run("delete latest:/shop --yes");
    snprintf(said_of, sizeof said_of, "pgkeep: %s (database \"shop\") is pinned",
             depot_id(3));
    expect(9, "", said_of);
    run("accept latest:/crm");
    snprintf(said_of, sizeof said_of, "pgkeep: %s (database \"crm\"): ", depot_id(2));
    expect(2, "", said_of);
    run("fetch latest:/crm --output /nonexistent/file");
    ck_assert_ptr_nonnull(strstr(said.err, said_of));
}
END_TEST

START_TEST(delete_latest_takes_no_globals)
{
    run("delete latest --yes");
    expect(2, "", "");
    depot_assert(&depot, DEPOT_NAS, "1 2 3 4");
    run("delete latest:/shop --yes");
    expect(0, "", "");
    depot_assert(&depot, DEPOT_NAS, "1 2 4");
}
END_TEST

START_TEST(list_is_narrowed_by_database_and_type)
{
    run("list --database shop --json");
    ck_assert_str_eq(cli_said_at(&said, "artifacts"), "2");
    run("list --type globals --json");
    ck_assert_str_eq(cli_said_at(&said, "artifacts"), "1");
}
END_TEST

/* ---- on a machine that knows nothing ---- */

/* Without a configuration, and with a catalog that is not there. */
static void run_elsewhere(const char *format_line)
{
    char line[2 * SCRATCH_SIZE + 200], home[SCRATCH_SIZE];
    scratch_folder(home);
    snprintf(line, sizeof line, "%s --store dir:%s/nas --catalog %s/none.db", format_line,
             depot.place, home);
    cli_said_release(&said);
    depot_close(&depot);
    said = cli_rig_run(NULL, line);
    depot_reopen(&depot);
}

START_TEST(a_url_needs_neither_a_catalog_nor_a_configuration)
{
    run_elsewhere("verify latest:/crm --level quick --json");
    expect(0, "", "4 backups, read without a catalog");
    ck_assert_str_eq(cli_said_at(&said, "verifications.0.id"), depot_id(2));
    run_elsewhere("verify latest");
    expect(2, "", "could be 2 databases");
    run_elsewhere("verify 01ZZ");
    expect(1, "", "knows no artifact \"01ZZ\"");
}
END_TEST

/* ---- errors as documents ---- */

static const struct {
    const char *line;
    const char *kind, *message, *hint; /* parts; hint "null": none */
    int status;
} failures[] = {
    {"show 01ZZ --json", "not-found", "the catalog knows no artifact \"01ZZ\"",
     "`pgkeep list` shows the ids", 1},
    {"show latest --json", "usage", "could be 2 databases", "latest:JOB/DATABASE", 2},
    {"list --json --colour", "usage", "unknown option \"--colour\"", "", 2},
    {"list --colour --json", "usage", "unknown option \"--colour\"", "", 2},
    {"--json backup nowhere", "config", "nowhere", "", 3},
};

START_TEST(a_failure_is_a_document_too_and_still_said_on_stderr)
{
    char status[10];
    run(failures[_i].line);
    expect(failures[_i].status, "\"error\"", failures[_i].message);
    ck_assert_msg(said.json != NULL, "%s", said.out);
    ck_assert_str_eq(cli_said_at(&said, "error.kind"), failures[_i].kind);
    ck_assert(strstr(cli_said_at(&said, "error.message"), failures[_i].message) != NULL);
    ck_assert(strstr(cli_said_at(&said, "error.hint"), failures[_i].hint) != NULL);
    snprintf(status, sizeof status, "%d", failures[_i].status);
    ck_assert_str_eq(cli_said_at(&said, "error.exit_status"), status);
}
END_TEST

START_TEST(without_json_a_failure_prints_nothing_on_stdout)
{
    run("show 01ZZ");
    ck_assert_str_eq(said.out, "");
}
END_TEST

START_TEST(fetch_into_a_file_prints_a_document)
{
    char folder[SCRATCH_SIZE], line[SCRATCH_SIZE + 100];
    scratch_folder(folder);
    snprintf(line, sizeof line, "fetch latest:/shop --output %s/f --json", folder);
    run(line);
    ck_assert_msg(said.json != NULL, "%s%s", said.out, said.err);
    if (said.status == 0) {
        ck_assert_str_eq(cli_said_at(&said, "database"), "shop");
        ck_assert_str_eq(cli_said_at(&said, "form"), "stored");
        ck_assert_str_eq(cli_said_at(&said, "bytes"), "100");
    }
    /* Behind the bytes of a backup no document may stand. */
    run("fetch 01ZZ --output - --json");
    ck_assert_ptr_nonnull(said.json);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("choose");
    TCase *tests = tcase_create("choose");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_set_timeout(tests, 30);
    tcase_add_loop_test(tests, no_command_guesses_which_database_is_meant, 0, ABOUT_ONE);
    tcase_add_loop_test(tests, what_is_said_beside_an_id_must_be_so, 0, ABOUT_ONE);
    tcase_add_loop_test(tests, what_is_narrowed_to_one_database_is_its_newest, 0,
                        sizeof chosen / sizeof *chosen);
    tcase_add_test(tests, messages_say_of_which_database_it_was);
    tcase_add_test(tests, errors_say_of_which_database_it_is);
    tcase_add_test(tests, delete_latest_takes_no_globals);
    tcase_add_test(tests, list_is_narrowed_by_database_and_type);
    tcase_add_test(tests, a_url_needs_neither_a_catalog_nor_a_configuration);
    tcase_add_loop_test(tests, a_failure_is_a_document_too_and_still_said_on_stderr, 0,
                        sizeof failures / sizeof *failures);
    tcase_add_test(tests, without_json_a_failure_prints_nothing_on_stdout);
    tcase_add_test(tests, fetch_into_a_file_prints_a_document);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
