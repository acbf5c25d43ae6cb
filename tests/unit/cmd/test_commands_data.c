/* Commands that move bytes: a backup through the fakes of pg_dump and its server, and what
 * can be done with it. */
#include "base/file.h"
#include "base/memory.h"
#include "tests/support/cli_rig.h"
#include "tests/support/fake_libpq.h"
#include "tests/support/memory_store.h"
#include "tests/support/run_suite.h"

#include <check.h>
#include <stdarg.h>

static struct depot depot;
static struct cli_said said;
static char id[ULID_SIZE], folder[SCRATCH_SIZE];

static void run(const char *line)
{
    cli_said_release(&said);
    said = cli_rig_run(&depot, line);
}

static void runf(const char *format, ...) PRINTF(1, 2);
static void runf(const char *format, ...)
{
    char line[1000];
    va_list list;
    va_start(list, format);
    vsnprintf(line, sizeof line, format, list);
    va_end(list);
    run(line);
}

static void expect(int status, const char *out, const char *err)
{
    ck_assert_msg(said.status == status && strstr(said.out, out) != NULL &&
                      strstr(said.err, err) != NULL,
                  "exit status %d\nstdout: %s\nstderr: %s", said.status, said.out,
                  said.err);
}

static void has(const char *path, const char *value)
{
    const char *found = cli_said_at(&said, path);
    bool good =
        strcmp(value, "*") == 0 ? strcmp(found, "-") != 0 : strcmp(found, value) == 0;
    ck_assert_msg(good, "%s is %s and not %s in\n%s", path, found, value, said.out);
}

static void has_all(const char *prefix, const char *keys)
{
    char path[200];
    while (*keys != '\0') {
        size_t size = strcspn(keys, " ");
        snprintf(path, sizeof path, "%s%.*s", prefix, (int)size, keys);
        has(path, "*");
        keys += size + (keys[size] == ' ');
    }
}

static void setup(void)
{
    struct depot_spec spec = {.policy = "keep_last = 2;"};
    depot_begin(&depot, &spec);
    scratch_folder(folder);
    setenv("FAKE_PG", "version=16.3 rows=1000", 1);
    fake_libpq_serve(160003, 1000000);
    run("backup nightly");
    ck_assert_msg(said.status == 0, "%s", said.err);
    ck_assert_uint_eq(strlen(said.out), ULID_LENGTH + 1);
    snprintf(id, sizeof id, "%.26s", said.out);
}

static void teardown(void)
{
    cli_said_release(&said);
    fake_libpq_reset();
    depot_end(&depot);
}

/* The key of what was stored; heap. */
static char *key_of(const char *what)
{
    runf("show %s --json", id);
    return memory_strdup(cli_said_at(&said, what));
}

/* ---- backup ---- */

START_TEST(a_backup_prints_its_id_and_nothing_else_on_stdout)
{
    run("backup nightly --json");
    expect(0, "", "complete");
    has("artifacts", "1");
    has("artifacts.0.status", "complete");
    has("artifacts.0.copies.0.state", "complete");
    has("artifacts.0.copies.1.state", "complete");
    run("list --json");
    has("artifacts", "2");
}
END_TEST

START_TEST(one_store_that_is_away_makes_it_partial)
{
    depot_unmount(&depot, DEPOT_OFFSITE);
    run("backup nightly");
    expect(8, "01", "offsite");
    depot_mount(&depot, DEPOT_OFFSITE);
    depot_unmount(&depot, DEPOT_NAS);
    depot_unmount(&depot, DEPOT_OFFSITE);
    run("backup nightly");
    ck_assert_int_eq(said.status, 5);
    ck_assert_str_eq(said.out, "");
    depot_mount(&depot, DEPOT_NAS);
    depot_mount(&depot, DEPOT_OFFSITE);
    run("status");
    expect(0, "failed", "");
}
END_TEST

START_TEST(a_dump_that_fails_is_no_backup)
{
    setenv("FAKE_PG", "version=16.3 bytes=100 say=pg_dump:+error:+no exit=1", 1);
    run("backup nightly");
    expect(4, "", "error: no");
    ck_assert_str_eq(said.out, "");
    run("backup nightly --json");
    ck_assert_int_eq(said.status, 4);
    has("artifacts.0.status", "failed");
    run("list");
    expect(0, "failed", "");
    run("list --status failed --json");
    has("artifacts.0.error.message", "*");
    run("status --json");
    has("jobs.0.databases.0.last_status", "failed");
}
END_TEST

START_TEST(a_server_that_is_away_is_told)
{
    fake_libpq_refuse(NULL, "could not connect to server");
    catalogs_sql(&depot.catalogs, "UPDATE artifacts SET started = started - 60");
    run("backup nightly");
    expect(4, "", "could not connect to server");
    run("status");
    expect(0, "the run of ", "");
    run("status --json");
    has("jobs.0.failed_run.exit_status", "4");
}
END_TEST

/* A catalog that was lost beside a running cron, or another machine that writes there. */
START_TEST(backups_that_this_catalog_does_not_know_are_told_until_a_sync_takes_them_in)
{
    const struct depot_backup theirs = {.stores = DEPOT_AT(DEPOT_NAS), .unknown = true};
    const char *told = "store \"nas\" holds 2 backups that this catalog does not know: "
                       "`pgkeep catalog sync`";
    depot_backup(&depot, 4, &theirs);
    depot_backup(&depot, 5, &theirs);
    run("list");
    ck_assert_ptr_null(strstr(said.err, "does not know"));
    /* The first backup of today has looked already; the next is of tomorrow. */
    run("backup nightly");
    ck_assert_ptr_null(strstr(said.err, "does not know"));
    catalogs_sql(&depot.catalogs,
                 "UPDATE settings SET value = '0 1' WHERE key GLOB 'unknown/*'");
    run("backup nightly");
    expect(0, "01", told);
    run("list");
    expect(0, "nightly", told);
    run("list --json");
    expect(0, "", told);
    ck_assert_ptr_nonnull(said.json);
    run("doctor");
    ck_assert_ptr_nonnull(strstr(said.out, "2 backups that the catalog does not know"));
    run("catalog sync");
    expect(0, "", "");
    run("list");
    expect(0, "nightly", "");
    ck_assert_ptr_null(strstr(said.err, "does not know"));
    run("backup nightly");
    ck_assert_ptr_null(strstr(said.err, "does not know"));
}
END_TEST

START_TEST(an_ad_hoc_backup_goes_where_it_is_told)
{
    runf("backup --source dbname=shop --store dir:%s/nas --tag why=test --name first",
         depot.place);
    expect(0, "01", "complete");
    run("list --tag why=test --json");
    has("artifacts", "1");
    has("artifacts.0.job", "null");
    has("artifacts.0.name", "first");
    has("artifacts.0.tags.why", "test");
    run("show latest:adhoc");
    expect(0, "why=test", "");
}
END_TEST

START_TEST(retention_after_a_backup_is_part_of_the_job)
{
    struct depot_spec spec = {.policy = "keep_last = 1;",
                              .job = "prune_after_backup = true;"};
    teardown();
    depot_begin(&depot, &spec);
    fake_libpq_serve(160003, 1000000);
    run("backup nightly");
    run("backup nightly");
    run("backup nightly");
    expect(0, "01", "");
    run("list --json");
    has("artifacts", "1");
}
END_TEST

/* ---- verify ---- */

START_TEST(verify_proves_each_copy)
{
    runf("verify %s", id);
    expect(0, "good", "");
    run("verify 01ZZZ --json"); /* nothing was verified: the error is the document */
    has("error.exit_status", "1");
    run("verify --all --json");
    has("verifications", "2");
    has_all("verifications.0.", "id database store level result duration_ms bytes message");
    has("verifications.0.level", "full");
    has("verifications.0.result", "good");
    run("verify --job nightly --level quick --store nas --json");
    has("verifications", "1");
    has("verifications.0.level", "quick");
    run("show latest --json");
    has("verifications", "5");
    has("copies.0.verified", "*");
}
END_TEST

START_TEST(verify_finds_what_is_broken_and_says_what_it_is)
{
    char *key = key_of("copies.0.key");
    memory_store_spoil(depot.stores[DEPOT_NAS], key, 1000);
    run("verify --all");
    expect(6, "damaged", "");
    expect(6, "good", "");
    free(key);
    key = key_of("copies.1.key");
    memory_store_drop(depot.stores[DEPOT_OFFSITE], key);
    run("verify --all --level quick --store offsite");
    expect(6, "missing", "");
    free(key);
    run("list");
    expect(0, "nas damaged, offsite missing", "");
    depot_unmount(&depot, DEPOT_NAS);
    run("verify --all --store nas");
    expect(5, "undecided", "");
    depot_mount(&depot, DEPOT_NAS);
}
END_TEST

START_TEST(nothing_to_verify_is_said)
{
    runf("delete %s --yes --store nas", id);
    runf("verify %s --store nas", id);
    expect(1, "", "has no copy to verify there");
    run("verify --all --store nas");
    expect(0, "", "there is nothing to verify");
}
END_TEST

/* ---- fetch ---- */

START_TEST(fetch_writes_what_was_stored_and_what_was_dumped)
{
    char path[SCRATCH_SIZE + 20];
    struct text stored;
    struct err err = {0};
    char *key = key_of("copies.0.key");
    snprintf(path, sizeof path, "%s/out", folder);
    runf("fetch %s --output %s", id, path);
    expect(0, "", "whole and right, from store \"nas\"");
    text_init(&stored, 1 << 20);
    ck_assert_int_eq(file_read(path, &stored, NULL, &err), 0);
    const struct text *there = memory_store_bytes(depot.stores[DEPOT_NAS], key);
    ck_assert_uint_eq(stored.length, there->length);
    ck_assert(memcmp(stored.data, there->data, stored.length) == 0);
    text_release(&stored);
    free(key);

    runf("fetch %s --output %s", id, path);
    ck_assert_int_ne(said.status, 0); /* it is there already */
    runf("fetch %s --output %s --force --store offsite", id, path);
    expect(0, "", "from store \"offsite\"");
    runf("fetch %s --decode --output -", id);
    expect(0, "COPY public.t (n, words) FROM stdin;", "");
    expect(0, "PostgreSQL database dump complete", "");
}
END_TEST

START_TEST(fetch_goes_to_the_other_store_and_never_hands_out_broken_bytes)
{
    char *key = key_of("copies.0.key");
    memory_store_spoil(depot.stores[DEPOT_NAS], key, 1000);
    runf("fetch %s --output - --store nas --decode", id);
    ck_assert_int_eq(said.status, 6);
    run("verify --all");
    runf("fetch %s --output - --decode", id);
    expect(0, "PostgreSQL database dump complete", "from store \"offsite\"");
    free(key);
}
END_TEST

START_TEST(fetch_wants_to_know_where_to)
{
    runf("fetch %s", id);
    expect(2, "", "where to? --output FILE, or - for stdout");
    runf("fetch %s --presign 1h --output x", id);
    expect(2, "", "--presign prints a URL");
    runf("fetch %s --presign 1h", id);
    ck_assert_int_ne(said.status, 0); /* a folder has none */
    ck_assert_str_eq(said.out, "");
}
END_TEST

/* ---- copy ---- */

START_TEST(copy_brings_it_where_it_is_missing)
{
    runf("copy %s --from nas --to offsite", id);
    expect(0, "has a good copy already", "");
    runf("delete %s --store offsite --yes", id);
    runf("copy %s --from nas --to offsite", id);
    expect(0, "copied", "");
    char *key = key_of("copies.1.key");
    memory_store_spoil(depot.stores[DEPOT_OFFSITE], key, 1000);
    run("verify --all");
    runf("copy %s --from nas --to offsite --json", id);
    ck_assert_int_eq(said.status, 0);
    has_all("", "id from to outcome bytes resumed_bytes");
    has("outcome", "healed");
    run("verify --all");
    expect(0, "good", "");
    runf("copy %s --from nas --to dir:%s/nas", id, depot.place);
    ck_assert_int_ne(said.status, 0);
    free(key);
}
END_TEST

START_TEST(a_source_that_is_not_what_was_stored_is_not_copied)
{
    char *key = key_of("copies.0.key");
    runf("delete %s --store offsite --yes", id);
    memory_store_spoil(depot.stores[DEPOT_NAS], key, 1000);
    runf("copy %s --from nas --to offsite", id);
    expect(6, "", "");
    char *lies = depot_lies(&depot, DEPOT_OFFSITE);
    ck_assert_str_eq(lies, "");
    free(lies);
    free(key);
}
END_TEST

/* ---- restore ---- */

START_TEST(restore_brings_it_into_a_database)
{
    runf("restore %s --to dbname=scratch", id);
    expect(0, "restored into database \"scratch\" from store \"nas\", as of ", "");
    runf("restore %s --to dbname=scratch --store offsite --json", id);
    has_all("", "id database store raw_bytes duration_ms");
    has("store", "offsite");
    runf("restore %s --to dbname=scratch --table nowhere", id);
    expect(1, "", "no table of the backup fits \"nowhere\"");
    runf("restore %s --list --json", id);
    has_all("", "id database items left_out brought");
    setenv("FAKE_PG", "version=16.3 bytes=100 say=psql:+error:+disk exit=3", 1);
    runf("restore %s --to dbname=scratch", id);
    expect(4, "", "disk");
}
END_TEST

START_TEST(a_whole_run_goes_into_no_database_that_is_named)
{
    run("restore --run latest:nightly --to dbname=scratch");
    expect(2, "", "under its own name, not into \"scratch\"");
    run("restore --run latest:nightly --to postgresql://db/scratch");
    expect(2, "", "under its own name, not into \"scratch\"");
    /* These two name the server. */
    run("restore --run latest:none --to dbname=postgres");
    expect(1, "", "\"none\"");
    run("restore --run latest:none --to dbname=template1");
    expect(1, "", "\"none\"");
}
END_TEST

/* ---- doctor ---- */

START_TEST(doctor_looks_at_everything)
{
    run("doctor");
    expect(0, "source \"shop\"", "");
    expect(0, "store \"nas\"", "");
    expect(0, "job \"nightly\"", "");
    expect(0, " failed, ", "");
    run("doctor --json");
    has_all("", "checks ok warnings failed skipped");
    has_all("checks.0.", "group name check title verdict kind expected found advice");
    has("failed", "0");
    fake_libpq_refuse(NULL, "could not connect to server");
    depot_unmount(&depot, DEPOT_NAS);
    run("-q doctor");
    expect(4, "failed   server: ", "");
    expect(4, "store \"nas\"", "");
    run("doctor --json");
    ck_assert_int_eq(said.status, 4);
    depot_mount(&depot, DEPOT_NAS);
    runf("doctor --store dir:%s/nas", depot.place);
    ck_assert_msg(strstr(said.out, "job \"nightly\"") == NULL, "%s", said.out);
}
END_TEST

START_TEST(progress_comes_as_json_lines_when_asked_for)
{
    runf("--progress json verify %s", id);
    expect(0, "good", "{\"progress\"");
    expect(0, "", "\"done\":true");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("commands_data");
    TCase *tests = tcase_create("data");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, a_backup_prints_its_id_and_nothing_else_on_stdout);
    tcase_add_test(tests, one_store_that_is_away_makes_it_partial);
    tcase_add_test(tests, a_dump_that_fails_is_no_backup);
    tcase_add_test(tests, a_server_that_is_away_is_told);
    tcase_add_test(
        tests, backups_that_this_catalog_does_not_know_are_told_until_a_sync_takes_them_in);
    tcase_add_test(tests, an_ad_hoc_backup_goes_where_it_is_told);
    tcase_add_test(tests, retention_after_a_backup_is_part_of_the_job);
    tcase_add_test(tests, verify_proves_each_copy);
    tcase_add_test(tests, verify_finds_what_is_broken_and_says_what_it_is);
    tcase_add_test(tests, nothing_to_verify_is_said);
    tcase_add_test(tests, fetch_writes_what_was_stored_and_what_was_dumped);
    tcase_add_test(tests, fetch_goes_to_the_other_store_and_never_hands_out_broken_bytes);
    tcase_add_test(tests, fetch_wants_to_know_where_to);
    tcase_add_test(tests, copy_brings_it_where_it_is_missing);
    tcase_add_test(tests, a_source_that_is_not_what_was_stored_is_not_copied);
    tcase_add_test(tests, restore_brings_it_into_a_database);
    tcase_add_test(tests, a_whole_run_goes_into_no_database_that_is_named);
    tcase_add_test(tests, doctor_looks_at_everything);
    tcase_add_test(tests, progress_comes_as_json_lines_when_asked_for);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
