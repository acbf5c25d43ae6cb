/* Commands that ask and change what is known: their exit status, what people read, and the
 * keys that programs rely on. */
#include "base/memory.h"
#include "catalog/artifact_list.h"
#include "catalog/db/facts.h"
#include "catalog/verifications.h"
#include "repository/keys.h"
#include "session/lock.h"
#include "tests/support/cli_rig.h"
#include "tests/support/memory_store.h"
#include "tests/support/run_suite.h"

#include <check.h>

#define OK(call) ck_assert_msg((call) == 0, "%s", depot.err.text)

static struct depot depot;
static struct cli_said said;

static void begin(const char *policy)
{
    struct depot_spec spec = {.policy = policy};
    depot_begin(&depot, &spec);
    depot_backups(&depot, 1, 4);
}

static void setup(void)
{
    begin("keep_last = 2; guard_percent = 100;");
}

static void teardown(void)
{
    cli_said_release(&said);
    depot_end(&depot);
}

/* Runs it, with $N for the id of backup N. */
static void run(const char *line)
{
    struct text text;
    text_init(&text, 4000);
    for (; *line != '\0'; line++) {
        if (*line == '$')
            text_add(&text, depot_id((unsigned)(*++line - '0')));
        else
            text_add_char(&text, *line);
    }
    cli_said_release(&said);
    said = cli_rig_run(&depot, text.data);
    text_release(&text);
}

static void expect(int status, const char *out, const char *err)
{
    ck_assert_msg(said.status == status && strstr(said.out, out) != NULL &&
                      strstr(said.err, err) != NULL,
                  "exit status %d\nstdout: %s\nstderr: %s", said.status, said.out,
                  said.err);
}

/* The document has this at that path; "*" is anything that is there. */
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

/* ---- list, show ---- */

START_TEST(list_shows_the_newest_first)
{
    run("list");
    expect(0, "ID ", "");
    const char *first = strstr(said.out, "nightly"), *second = NULL;
    ck_assert_ptr_nonnull(first);
    second = strstr(first + 1, "nightly");
    ck_assert_ptr_nonnull(second);
    ck_assert_ptr_nonnull(strstr(said.out, "nas, offsite"));
    run("list --json");
    expect(0, "", "");
    has("artifacts", "4");
    has("artifacts.0.id", depot_id(1));
    has("artifacts.3.id", depot_id(4));
    has_all(
        "artifacts.0.",
        "id seq job source database type format compression level status time started "
        "finished raw_bytes stored_bytes sha256 raw_sha256 name description tags pinned "
        "suspect error copies");
    has_all("artifacts.0.copies.1.", "store state key bytes verified error");
    has("artifacts.0.copies.0.store", "nas");
    has("artifacts.0.copies.0.state", "complete");
}
END_TEST

static const struct {
    const char *line, *count, *says;
} filters[] = {
    {"list --limit 3", "3", "1 more: --offset 3"},
    {"list --limit 3 --offset 3", "1", ""},
    {"list --limit 3 --offset 9", "0", "none on this page: 4 match in all"},
    {"list --status failed", "0", "none of the 4 artifacts in "},
    {"list --status complete", "4", ""},
    {"list --job nightly", "4", ""},
    {"list --store offsite", "4", ""},
    {"list --since 2001-01-01", "4", ""},
    {"list --until 2001-01-01", "0", "none of the 4 artifacts in "},
    {"list --tag a=b", "0", "none of the 4 artifacts in "},
};

START_TEST(filters_choose_rows_and_say_what_they_left_out)
{
    char line[200];
    run(filters[_i].line);
    expect(0, filters[_i].says, "");
    snprintf(line, sizeof line, "%s --json", filters[_i].line);
    run(line);
    has("artifacts", filters[_i].count);
}
END_TEST

static const struct {
    const char *line;
    int status;
    const char *says;
} unknown[] = {
    {"list --job nigthly", 3, "did you mean \"nightly\"?"},
    {"list --store nsa", 3, "did you mean \"nas\"?"},
    {"status --job nigthly", 3, "did you mean \"nightly\"?"},
    {"verify --job nigthly", 3, "did you mean \"nightly\"?"},
    {"verify --all --store nsa", 3, "did you mean \"nas\"?"},
    {"prune --job nigthly", 3, "did you mean \"nightly\"?"},
    {"prune --store nsa", 3, "did you mean \"nas\"?"},
    {"sweep --store nsa", 3, "did you mean \"nas\"?"},
    {"catalog sync --store nsa", 3, "did you mean \"nas\"?"},
    {"catalog check --store nsa", 3, "did you mean \"nas\"?"},
    {"catalog rebuild --store nsa", 3, "did you mean \"nas\"?"},
    {"doctor --adopt nsa", 3, "did you mean \"nas\"?"},
    {"backup nigthly", 3, "did you mean \"nightly\"?"},
    {"copy $1 --from nas --to nsa", 3, "did you mean \"nas\"?"},
    {"delete $1 --store nsa", 3, "did you mean \"nas\"?"},
    {"show 01ZZZZZZZZ", 1, "01ZZZZZZZZ"},
    {"pin 01ZZZZZZZZ", 1, "01ZZZZZZZZ"},
    {"delete 01ZZZZZZZZ", 1, "01ZZZZZZZZ"},
    {"fetch 01ZZZZZZZZ --output -", 1, "01ZZZZZZZZ"},
    {"verify 01ZZZZZZZZ", 1, "01ZZZZZZZZ"},
    {"restore 01ZZZZZZZZ --to dbname=x", 1, "01ZZZZZZZZ"},
    {"show 01JDEP", 2, "is the beginning of several ids"},
};

START_TEST(a_name_that_nobody_knows_is_no_empty_answer)
{
    run(unknown[_i].line);
    expect(unknown[_i].status, "", unknown[_i].says);
    ck_assert_str_eq(said.out, "");
}
END_TEST

START_TEST(show_tells_all_of_one)
{
    run("show $2");
    expect(0, "", "");
    static const char *const lines[] = {"nightly", "shop", "sha256",
                                        "orders",  "nas",  "offsite"};
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++)
        ck_assert_msg(strstr(said.out, lines[i]) != NULL, "%s", lines[i]);
    run("show latest --json");
    has("id", depot_id(1));
    has_all("", "created updated duration_ms tries hostname quarantined accepted versions "
                "filters pin "
                "progress table_count row_count tables verifications");
    has("tables.0.name", "orders");
    has("tables.0.rows", "12");
    has("progress", "null");
    has_all("copies.0.", "index_key verified_level checked created completed first_marked "
                         "uploading deletion");
    run("show latest:nightly --json");
    has("id", depot_id(1));
}
END_TEST

START_TEST(what_was_checked_marked_and_pinned_is_shown)
{
    char message[] = "SHA-256 differs";
    struct catalog_verification bad = {.copy = depot_copy(&depot, 2, DEPOT_NAS),
                                       .time = depot.now,
                                       .level = CATALOG_FULL,
                                       .result = CATALOG_FOUND_DAMAGED,
                                       .message = message};
    OK(catalog_verification_add(depot.catalog, &bad, &depot.err));
    OK(catalog_artifact_set_suspect(depot.catalog, depot_id(2), true, &depot.err));
    OK(catalog_artifact_set_quarantined(depot.catalog, depot_id(2), true, &depot.err));
    run("show $2");
    expect(0, "SHA-256 differs", "");
    expect(0, "damaged", "");
    run("list");
    expect(0, "suspect; quarantined", "");
    expect(0, "nas damaged", "");
    run("show $2 --json");
    has("verifications.0.result", "damaged");
    has("suspect", "true");
    run("status");
    expect(0, "damaged", "");
    expect(0, "suspect", "");
    run("status --json");
    has("problems.0.what", "*");
}
END_TEST

START_TEST(what_runs_now_is_shown)
{
    struct depot_crash alive = {.owner = "", .upload = true};
    struct catalog_progress progress = {
        .phase = (char[]){"dump"}, .raw_bytes = 1 << 20, .estimate = 4 << 20};
    depot_crash(&depot, 0, &alive);
    ck_assert(catalog_artifact_progress(depot.catalog, depot_id(0), &progress));
    run("status");
    expect(0, "RUNNING", "");
    expect(0, "dump", "");
    run("status --json");
    has("running.0.id", depot_id(0));
    has("running.0.phase", "dump");
    has("running.0.owner", "alive");
    run("list");
    expect(0, "running", "");
    run("show $0");
    expect(0, "dump", "");
}
END_TEST

START_TEST(what_is_followed_is_chosen_by_the_names_of_status)
{
    /* Whose process is gone is said once and not waited for. */
    struct depot_crash dead = {.owner = NULL, .upload = true};
    depot_crash(&depot, 0, &dead);
    run("--json status --follow --job nightly");
    expect(0, depot_id(0), "");
    catalogs_sqlf(&depot.catalogs, "UPDATE artifacts SET job = '' WHERE id = '%s'",
                  depot_id(0));
    run("--json status --follow --job adhoc");
    expect(0, depot_id(0), "");
    run("--json status --follow --job nightly");
    ck_assert_int_eq(said.status, 0);
    ck_assert_str_eq(said.out, "");
}
END_TEST

/* ---- status ---- */

START_TEST(status_says_how_old_the_last_good_one_is)
{
    run("status");
    expect(0, "JOB ", "");
    expect(0, "nightly", "");
    run("status --json");
    has_all("", "time max_age_seconds too_old running jobs problems");
    has("jobs.0.job", "nightly");
    has("jobs.0.too_old", "false");
    has("jobs.0.databases.0.id", depot_id(1));
    run("status --max-age 2d");
    expect(0, "nightly", "");
    ck_assert_str_eq(said.err, "");
    run("status --max-age 23h");
    expect(10, "too old", "the last good backup of \"shop\" is");
    run("-q status --max-age 23h --job nightly");
    expect(10, "", " old, more than 23h00m");
    ck_assert_str_eq(said.out, "");
}
END_TEST

START_TEST(a_job_without_a_good_backup_is_too_old_whatever_the_limit)
{
    depot_end(&depot);
    struct depot_spec spec = {0};
    depot_begin(&depot, &spec);
    run("status");
    expect(0, "never ran", "");
    run("status --max-age 9999d");
    expect(10, "too old; never ran", "job \"nightly\" has no good backup");
    catalogs_artifact(depot.catalog, 1, depot.now);
    catalogs_sql(&depot.catalogs, "UPDATE artifacts SET status = 'failed', error_code = "
                                  "'database', error_message = 'no server'");
    run("status");
    expect(0, "the last one: failed: no server", "");
    run("status --max-age 9999d");
    expect(10, "too old", "job \"nightly\" has no good backup");
    run("list");
    expect(0, "no server", "");
    run("show latest");
    expect(1, "", "");
}
END_TEST

START_TEST(a_clock_that_is_behind_is_asked_for_where_all_are_from_the_future)
{
    depot_end(&depot);
    struct depot_spec spec = {0};
    depot_begin(&depot, &spec);
    catalogs_artifact(depot.catalog, 1, depot.now);
    catalogs_sql(&depot.catalogs,
                 "UPDATE artifacts SET status = 'complete', type = 'full', "
                 "time = time + 864000");
    run("status --max-age 9999d");
    expect(10, "from the future",
           "no good backup: the newest one is from the future: is the clock");
}
END_TEST

START_TEST(a_newer_one_that_did_not_turn_out_well_is_told)
{
    OK(catalog_artifact_set_suspect(depot.catalog, depot_id(1), true, &depot.err));
    run("status");
    expect(0, "the last one: suspect", "");
    OK(catalog_artifact_set_suspect(depot.catalog, depot_id(1), false, &depot.err));
    OK(catalog_artifact_set_quarantined(depot.catalog, depot_id(1), true, &depot.err));
    run("status");
    expect(0, "the last one: quarantined", "");
    /* A clock that was ahead, or a store that lost it: each has another remedy. */
    OK(catalog_artifact_set_quarantined(depot.catalog, depot_id(1), false, &depot.err));
    catalogs_sqlf(&depot.catalogs, "UPDATE artifacts SET time = %lld WHERE id = '%s'",
                  (long long)depot.now + 7200, depot_id(1));
    run("status");
    expect(0, "the last one: from the future", "");
    catalogs_sqlf(
        &depot.catalogs,
        "UPDATE artifacts SET time = %lld WHERE id = '%s';"
        "UPDATE copies SET state = 'missing', verified_error = 'gone' WHERE id IN "
        "(%lld, %lld)",
        (long long)depot.now - 5, depot_id(1), (long long)depot_copy(&depot, 1, DEPOT_NAS),
        (long long)depot_copy(&depot, 1, DEPOT_OFFSITE));
    run("status --json");
    has("jobs.0.databases.0.last_doubt", "without a good copy");
    run("status");
    expect(0, "the last one: without a good copy", "");
}
END_TEST

START_TEST(a_store_that_left_the_configuration_is_marked_wherever_copies_are_told)
{
    char *text = NULL, *at = NULL;
    size_t size = 0;
    FILE *file = fopen(depot.config, "r");
    ck_assert_ptr_nonnull(file);
    ck_assert_int_gt(getdelim(&text, &size, '\0', file), 0);
    fclose(file);
    /* Under another name; the job goes on with the other store. */
    at = strstr(text, "offsite: {");
    ck_assert_ptr_nonnull(at);
    memcpy(at, "another", 7);
    at = strstr(text, ", \"offsite\"");
    ck_assert_ptr_nonnull(at);
    memset(at, ' ', strlen(", \"offsite\""));
    scratch_file(depot.config, text);
    free(text);
    run("list");
    expect(0, "nas, offsite (not configured)", "");
    run("list --json");
    has("artifacts.0.copies.0.store_left", "false");
    has("artifacts.0.copies.1.store_left", "true");
    run("show $1");
    expect(0, "offsite (no longer in the configuration)", "");
    run("show $1 --json");
    has("copies.1.store_left", "true");
    run("status");
    expect(
        0,
        "store \"offsite\" is not in the configuration any more: 4 good copies are still",
        "");
    run("status --json");
    has("stores_left.0.store", "offsite");
    has("stores_left.0.copies", "4");
}
END_TEST

START_TEST(an_ad_hoc_backup_has_no_job_in_any_form)
{
    struct depot_backup ad_hoc = {.job = "", .database = "stock"};
    depot_backup(&depot, 8, &ad_hoc);
    run("list");
    expect(0, "-        stock", "");
    ck_assert_ptr_null(strstr(said.out, "adhoc"));
    run("list --json");
    has("artifacts.4.job", "null");
    run("status");
    ck_assert_ptr_null(strstr(said.out, "adhoc"));
    run("status --json");
    has("jobs.1.job", "null");
}
END_TEST

START_TEST(jobs_that_stand_in_no_configuration_are_marked_so)
{
    struct depot_backup weekly = {.job = "weekly", .database = "stock"},
                        ad_hoc = {.job = "", .database = ""};
    depot_backup(&depot, 7, &weekly);
    depot_backup(&depot, 8, &ad_hoc);
    run("status");
    expect(0, "policy none: kept for ever; the job left the configuration", "");
    expect(0, "(globals)", "");
    run("list");
    expect(0, "job weekly: policy none: kept for ever; the job left", "");
    run("prune");
    expect(0, "job weekly: policy none: kept for ever; the job left", "");
    run("status --json");
    has("jobs.1.left", "policy none: kept for ever; the job left the configuration");
    run("status --job weekly --max-age 1d");
    expect(10, "stock", "job \"weekly\": the last good backup of \"stock\" is");
}
END_TEST

START_TEST(status_names_what_somebody_should_look_at)
{
    struct depot_crash dead = {.data = true};
    depot_crash(&depot, 5, &dead);
    catalogs_sqlf(
        &depot.catalogs,
        "UPDATE copies SET state = 'locked', delete_reason = 'x', locked_until = "
        "1999999999, marked = 5 WHERE id = %lld;"
        "UPDATE copies SET state = 'blocked', delete_reason = 'x', error = 'denied', "
        "marked = 5 WHERE id = %lld;"
        "UPDATE copies SET state = 'missing', verified_error = 'gone' WHERE id = %lld",
        (long long)depot_copy(&depot, 3, DEPOT_NAS),
        (long long)depot_copy(&depot, 4, DEPOT_NAS),
        (long long)depot_copy(&depot, 2, DEPOT_NAS));
    run("status");
    expect(0, "LOOK AT", "");
    expect(0, "object lock until 2033-05-18", "");
    expect(0, "the store refuses to delete it", "");
    expect(0, "`pgkeep copy` brings it back", "");
    expect(0, "its process is gone: `pgkeep sweep`", "");
    run("list");
    expect(0, "nas locked", "");
    run("show $3 --json");
    has("copies.0.deletion.locked_until", "2033-05-18T03:33:19Z");
    run("show $3");
    expect(0, "locked", "");
    run("show $5");
    expect(0, "running", "");
}
END_TEST

/* ---- pin, unpin, delete ---- */

START_TEST(a_pin_is_set_shown_and_ended)
{
    run("pin $2 --reason audit");
    expect(0, "is pinned for ever: audit", "");
    run("list");
    expect(0, "pinned \"audit\"", "");
    run("list --json");
    has("artifacts.1.pin.reason", "audit");
    run("show $2");
    expect(0, "audit", "");
    run("pin $2 --until 2033-05-18 --json");
    has_all("", "id pinned until reason changed stores_untold");
    has("until", "2033-05-18T00:00:00Z");
    has("stores_untold", "0");
    run("delete $2 --yes");
    expect(9, "", "is pinned");
    run("unpin $2");
    expect(0, "is not pinned", "");
    run("unpin $2 --json");
    has("pinned", "false");
    depot_unmount(&depot, DEPOT_NAS);
    run("pin $2");
    expect(8, "is pinned for ever", "store \"nas\" was not told");
    depot_mount(&depot, DEPOT_NAS);
}
END_TEST

START_TEST(what_made_a_backup_suspect_is_accepted_by_a_person_only)
{
    run("accept $2");
    expect(2, "", "is not suspect");
    catalogs_sqlf(&depot.catalogs, "UPDATE artifacts SET suspect = 1 WHERE id = '%s'",
                  depot_id(2));
    run("verify $2");
    run("list");
    expect(0, "suspect", "");
    run("accept $2 --reason archived");
    expect(0, "is not suspect any more: archived", "");
    run("list");
    ck_assert_ptr_null(strstr(said.out, "suspect"));
    run("accept $2 --json");
    expect(2, "", "is not suspect");
    /* Whoever comes later can read why. */
    run("show $2");
    expect(0, "accept reason", "");
    expect(0, "archived", "");
    run("show $2 --json");
    has("accepted.reason", "archived");
    run("show $1 --json");
    has("accepted", "null");
}
END_TEST

START_TEST(delete_shows_and_with_yes_does)
{
    run("delete $3");
    expect(0, "would be deleted", "");
    expect(0, "nothing is deleted without --yes", "");
    run("delete $3 --json");
    has("dry_run", "true");
    has("copies.0.result", "null");
    depot_assert(&depot, DEPOT_NAS, "1 2 3 4");
    run("delete $3 --store nas --yes");
    expect(0, "store nas", "");
    depot_assert(&depot, DEPOT_NAS, "1 2 4");
    depot_assert(&depot, DEPOT_OFFSITE, "1 2 3 4");
    /* By its URL it is the same store. */
    char *line = memory_format("delete $4 --store dir:%s/offsite --yes", depot.place);
    run(line);
    free(line);
    expect(0, "store offsite", "");
    depot_assert(&depot, DEPOT_OFFSITE, "1 2 3");
    run("delete $3 --yes --json");
    has("copies.0.store", "offsite");
    has("copies.0.result", "deleted");
    has_all("copies.0.", "store key bytes result error");
    run("delete $3 --yes");
    expect(1, "", "is deleted already");
    run("list --status deleted --json");
    has("artifacts", "1");
    run("show $3");
    expect(0, "deleted", "");
}
END_TEST

START_TEST(a_deletion_that_a_store_does_not_let_happen_is_partial)
{
    memory_store_refuse(depot.stores[DEPOT_NAS], "manifests/", STORE_REFUSED, 0);
    run("delete $3 --yes");
    expect(8, "blocked: no", "");
    memory_store_heal(depot.stores[DEPOT_NAS]);
    depot_unmount(&depot, DEPOT_OFFSITE);
    run("delete $4 --yes --json");
    ck_assert_int_eq(said.status, 8);
    has("copies.1.result", "later");
    depot_mount(&depot, DEPOT_OFFSITE);
    run("delete $1 --yes");
    run("delete $2 --yes");
    expect(9, "", "is the last good backup of nightly/shop/full");
}
END_TEST

/* A job that was given up: what goes is shown with its hash, and goes with it alone. */
START_TEST(the_last_good_one_is_deleted_with_the_hash_that_its_refusal_gives)
{
    const struct depot_backup weekly = {.job = "weekly", .database = "stock"};
    char line[200];
    depot_backup(&depot, 7, &weekly);
    run("delete $7");
    expect(9, "(database \"stock\")  store nas  100 B  would be deleted",
           "--force-unsafe=");
    run("delete $7 --json");
    expect(9, "", "");
    has("last_good", "true");
    has("dry_run", "true");
    has_all("", "refused plan_hash copies");
    snprintf(line, sizeof line, "delete $7 --yes --force-unsafe=%s",
             cli_said_at(&said, "plan_hash"));
    run("delete $7 --yes --force-unsafe=0123456789abcdef");
    expect(9, "", "is not what that hash was given for");
    run(line);
    expect(0, "deleted", "");
    depot_assert(&depot, DEPOT_NAS, "1 2 3 4");
}
END_TEST

/* ---- prune, sweep ---- */

START_TEST(prune_shows_its_plan_and_with_yes_does_it)
{
    run("prune");
    expect(0, "group nightly/shop/full  store nas", "");
    expect(0, "PRUNE", "");
    expect(0, "KEEP", "");
    expect(0, "plan ", "");
    depot_assert(&depot, DEPOT_NAS, "1 2 3 4");
    run("prune --json");
    has_all("", "plan_hash dry_run groups copies skipped refused");
    has("dry_run", "true");
    has("groups", "2");
    has_all("groups.0.", "group store policy rules anchor complete keep prune held bytes "
                         "over_cap guards");
    has("copies", "8");
    has_all("copies.0.", "id group store time bytes verdict reasons result error");
    /* To the letter, in its order. */
    static const char *const keys[] = {
        "{\n  \"plan_hash\": ",
        "\"dry_run\": true",
        "\"group\": \"nightly/shop/full\"",
        "\"store\": \"nas\"",
        "\"policy\": \"one\"",
        "\"rules\": \"last=2 min_keep=1 guard_percent=100 UTC\"",
        "\"anchor\": \"",
        "\"complete\": 4",
        "\"keep\": 2",
        "\"prune\": 2",
        "\"held\": 0",
        "\"bytes\": 200",
        "\"over_cap\": false",
        "\"guards\": []",
        "\"copies\": [",
        "\"verdict\": \"keep\"",
        "\"last 1/2\"",
        "\"result\": null",
        "\"error\": null",
        "\"skipped\": [],\n  \"refused\": null\n}\n"};
    const char *at = said.out;
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        const char *found = strstr(at, keys[i]);
        ck_assert_msg(found != NULL, "%s is missing in\n%s", keys[i], at);
        at = found + strlen(keys[i]);
    }
    run("prune --yes");
    expect(0, "deleted 4 copies", "");
    depot_assert(&depot, DEPOT_NAS, "1 2");
    depot_assert(&depot, DEPOT_OFFSITE, "1 2");
    run("prune --yes --explain");
    expect(0, "KEEP", "");
    run("prune --yes --json");
    has("dry_run", "false");
    has("copies", "4");
}
END_TEST

START_TEST(a_refused_plan_prints_the_line_that_forces_it)
{
    char line[200];
    depot_end(&depot);
    begin("keep_last = 1; guard_percent = 10; guard_min_count = 1;");
    run("prune");
    expect(9, "G3", "if this is what you want: pgkeep --config ");
    expect(9, "REFUSED group nightly/shop/full store nas: too many at once (G3): 3 of 4",
           "too many at once (G3): 3 of 4");
    const char *force = strstr(said.err, "--force-unsafe=");
    ck_assert_ptr_nonnull(force);
    snprintf(line, sizeof line, "prune %.31s", force);
    run("prune --yes");
    expect(9, "", "--force-unsafe=");
    depot_assert(&depot, DEPOT_NAS, "1 2 3 4");
    run("prune --json");
    ck_assert_int_eq(said.status, 9);
    has("refused", "*");
    has("groups.0.guards", "1");
    run("prune --yes --force-unsafe=0123456789abcdef");
    expect(9, "", "the plan is not the one of that hash");
    run(line);
    strncat(line, " --yes", sizeof line - strlen(line) - 1);
    run(line);
    expect(0, "deleted 6 copies", "");
    depot_assert(&depot, DEPOT_NAS, "1");
}
END_TEST

START_TEST(a_clock_that_went_back_is_told_and_forced_like_any_other_guard)
{
    char line[200];
    OK(catalog_time_seen(depot.catalog, depot.now + 7200, &depot.err));
    run("prune");
    expect(9, "guards G4", "--force-unsafe=");
    run("prune --yes");
    expect(9, "", "");
    depot_assert(&depot, DEPOT_NAS, "1 2 3 4");
    snprintf(line, sizeof line, "prune --yes %.31s", strstr(said.err, "--force-unsafe="));
    run(line);
    expect(0, "deleted 4 copies", "");
}
END_TEST

START_TEST(a_suspect_newest_one_is_named_with_the_command_that_clears_it)
{
    char said_so[200];
    OK(catalog_artifact_set_suspect(depot.catalog, depot_id(1), true, &depot.err));
    snprintf(said_so, sizeof said_so,
             "a doubtful newest backup (G11): %s is suspect; nothing goes before "
             "`pgkeep accept %s`",
             depot_id(1), depot_id(1));
    run("prune --yes");
    expect(9, "", said_so);
    expect(9, "", "if this is what you want: pgkeep --config ");
    run("accept $1");
    run("prune --yes");
    expect(0, "deleted 4 copies", "");
}
END_TEST

START_TEST(a_group_that_is_all_from_the_future_says_so)
{
    catalogs_sqlf(&depot.catalogs, "UPDATE artifacts SET time = time + 40000000");
    run("prune");
    expect(0, "no anchor: all are from the future, or of no known time", "");
    expect(0, ", in the future", "");
    catalogs_sqlf(&depot.catalogs,
                  "UPDATE artifacts SET time = time - 40000000;"
                  "UPDATE copies SET state = 'missing', verified_error = 'gone'");
    run("prune");
    expect(0, "no anchor: no good copy", "");
}
END_TEST

START_TEST(help_of_prune_lists_the_guards)
{
    char guard[24];
    run("help prune");
    for (int i = 1; i <= 11; i++) {
        snprintf(guard, sizeof guard, "\n  G%d ", i);
        expect(0, guard, "");
    }
}
END_TEST

START_TEST(a_policy_that_does_nothing_is_a_warning)
{
    run("prune");
    ck_assert_ptr_null(strstr(said.err, "no rule is on"));
    depot_end(&depot);
    begin("min_keep = 2;");
    run("prune");
    expect(0, "", "no rule is on in policy \"one\": everything is kept");
}
END_TEST

START_TEST(what_prune_could_not_do_is_told)
{
    memory_store_fail(depot.stores[DEPOT_NAS], MEMORY_REMOVE, 1, "", ERR_TRANSIENT, false);
    run("prune --yes");
    expect(8, "later", "is not deleted from store \"nas\" yet");
    memory_store_heal(depot.stores[DEPOT_NAS]);
    depot_unmount(&depot, DEPOT_OFFSITE);
    run("prune --json");
    ck_assert_int_eq(said.status, 8);
    has("skipped.0.store", "offsite");
    run("prune --store offsite --yes");
    expect(5, "", "skipped: ");
    depot_mount(&depot, DEPOT_OFFSITE);
}
END_TEST

START_TEST(sweep_says_what_it_found)
{
    struct depot_crash dead = {.data = true, .upload = true};
    run("sweep");
    expect(0, "nothing to sweep", "");
    depot_crash(&depot, 5, &dead);
    run("sweep");
    expect(0, "half uploads undone: 2", "");
    expect(0, "backups ended whose process is gone: 1", "");
    run("sweep --orphans --json");
    has_all("", "completed cleaned left ended deleted locked blocked later aborted foreign "
                "orphans young_orphans unknown failed orphan_bytes skipped");
    depot_unmount(&depot, DEPOT_NAS);
    run("sweep");
    expect(8, "skipped store nas", "skipped: ");
    run("sweep --json");
    has("skipped.0.store", "nas");
    run("sweep --store nas");
    expect(5, "skipped store nas", "");
    depot_unmount(&depot, DEPOT_OFFSITE);
    run("sweep");
    expect(5, "", "");
    depot_mount(&depot, DEPOT_NAS);
    depot_mount(&depot, DEPOT_OFFSITE);
}
END_TEST

static const char *const removals[] = {"prune --yes", "delete $4 --yes", "sweep",
                                       "catalog rebuild"};

START_TEST(only_one_removal_at_a_time)
{
    struct lock_spec spec = {
        .catalog = depot.catalogs.path, .kind = LOCK_REMOVAL, .command = "something else"};
    struct lock *lock = lock_take(&spec, &depot.err);
    ck_assert_ptr_nonnull(lock);
    run(removals[_i]);
    expect(7, "", "held by `pgkeep something else`");
    lock_release(lock);
    run(removals[_i]);
    expect(0, "", "");
}
END_TEST

/* ---- catalog ---- */

START_TEST(sync_takes_in_what_others_wrote)
{
    struct depot_backup theirs = {.unknown = true};
    depot_backup(&depot, 5, &theirs);
    run("catalog sync");
    expect(0, "store \"nas\": 5 manifests; new here: 1 backup, 1 copy", "");
    depot_assert(&depot, DEPOT_OFFSITE, "1 2 3 4 5");
    run("catalog sync --json");
    has("stores", "2");
    has_all("stores.0.", "store manifests artifacts copies decisions missing healed told "
                         "damaged empty_listing error");
    depot_unmount(&depot, DEPOT_NAS);
    run("catalog sync");
    expect(8, "store \"offsite\"", "nas");
    run("catalog sync --json");
    has_all("stores.0.error.", "code message");
    run("catalog sync --store nas");
    ck_assert_int_ne(said.status, 0);
    ck_assert_int_ne(said.status, 8);
    depot_mount(&depot, DEPOT_NAS);
}
END_TEST

START_TEST(check_tells_what_does_not_fit)
{
    run("catalog check");
    expect(0, "", "");
    char *key = depot_key(&depot, 2, "data");
    memory_store_drop(depot.stores[DEPOT_NAS], key);
    run("catalog check");
    expect(6, "no_data", "");
    expect(6, key, "");
    run("catalog check --json --store nas");
    ck_assert_int_eq(said.status, 6);
    has_all("stores.0.", "store copies objects others uploading findings error");
    has("stores.0.findings.0.kind", "no_data");
    has_all("stores.0.findings.0.", "kind id key expected_bytes found_bytes time note");
    has("stores.0.findings.0.time", "null"); /* of what is not there */
    struct depot_backup theirs = {.stores = DEPOT_AT(DEPOT_NAS), .unknown = true};
    struct depot_crash alive = {.owner = "", .upload = true};
    depot_backup(&depot, 5, &theirs);
    depot_crash(&depot, 6, &alive);
    run("catalog check --json --store nas");
    has("stores.0.uploading", "1");
    has("stores.0.findings.0.kind", "unknown");
    ck_assert_str_ne(cli_said_at(&said, "stores.0.findings.0.time"), "null");
    free(key);
}
END_TEST

START_TEST(rebuild_makes_it_anew_and_keeps_the_old_one)
{
    run("catalog rebuild");
    expect(0, "4 backups", "");
    expect(0, "the old one is kept as ", "");
    depot_assert(&depot, DEPOT_NAS, "1 2 3 4");
    OK(catalog_remove_file(depot.catalogs.path, &depot.err));
    run("catalog rebuild --json");
    has_all("", "catalog artifacts damaged stores");
    has("kept", "null");
    has_all("stores.0.", "store artifacts copies damaged");
    char *key = depot_key(&depot, 2, "manifest");
    memory_store_cut(depot.stores[DEPOT_NAS], key, 9);
    OK(catalog_remove_file(depot.catalogs.path, &depot.err));
    run("catalog rebuild");
    expect(8, "1 damaged file", "passed over");
    free(key);
}
END_TEST

/* ---- config, doctor ---- */

START_TEST(config_says_where_each_value_comes_from)
{
    run("config");
    expect(0, "configuration file: ", "");
    expect(0, "policies.one.keep_last", "");
    run("config --json --verbose");
    has("config_file", depot.config);
    has_all("settings.0.", "group name key value origin");
    ck_assert_ptr_nonnull(strstr(said.out, "--verbose"));
}
END_TEST

START_TEST(adopt_gives_an_emptied_store_its_mark_again)
{
    run("doctor --adopt nas");
    expect(0, "it holds its own mark: nothing to do", "");
    free(depot_unmark(&depot, DEPOT_NAS));
    run("prune --store nas");
    expect(5, "", "its mark pgkeep-store.json is missing");
    run("doctor --adopt nas");
    expect(0, "the catalog expects 4 backups in it", "");
    expect(0, "it would get a new mark; nothing is changed without --yes", "");
    run("doctor --adopt nas --json");
    has("dry_run", "true");
    has("mark", "null");
    run("prune --store nas");
    expect(5, "", "its mark pgkeep-store.json is missing");
    run("doctor --adopt nas --yes");
    expect(0, "adopted: its mark is ", "");
    run("prune --store nas");
    expect(0, "", "");
    depot_mark(&depot, DEPOT_NAS, "11111111-2222-4333-8444-555555555555");
    run("doctor --adopt nas");
    expect(9, "", "--mark 11111111-2222-4333-8444-555555555555 --yes");
    run("doctor --adopt nas --mark 11111111-2222-4333-8444-555555555555 --yes --json");
    ck_assert_int_eq(said.status, 0);
    has("dry_run", "false");
    has("mark", "11111111-2222-4333-8444-555555555555");
    has_all("", "store url expected found mark copies bytes newest newest_time");
    run("doctor --adopt nas --store dir:/x");
    expect(2, "", "--adopt takes the name of a store");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("commands");
    TCase *tests = tcase_create("commands");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, list_shows_the_newest_first);
    tcase_add_loop_test(tests, filters_choose_rows_and_say_what_they_left_out, 0,
                        (int)(sizeof filters / sizeof *filters));
    tcase_add_loop_test(tests, a_name_that_nobody_knows_is_no_empty_answer, 0,
                        (int)(sizeof unknown / sizeof *unknown));
    tcase_add_test(tests, show_tells_all_of_one);
    tcase_add_test(tests, what_was_checked_marked_and_pinned_is_shown);
    tcase_add_test(tests, what_runs_now_is_shown);
    tcase_add_test(tests, what_is_followed_is_chosen_by_the_names_of_status);
    tcase_add_test(tests, status_says_how_old_the_last_good_one_is);
    tcase_add_test(tests, a_job_without_a_good_backup_is_too_old_whatever_the_limit);
    tcase_add_test(tests,
                   a_clock_that_is_behind_is_asked_for_where_all_are_from_the_future);
    tcase_add_test(tests, a_newer_one_that_did_not_turn_out_well_is_told);
    tcase_add_test(tests,
                   a_store_that_left_the_configuration_is_marked_wherever_copies_are_told);
    tcase_add_test(tests, an_ad_hoc_backup_has_no_job_in_any_form);
    tcase_add_test(tests, jobs_that_stand_in_no_configuration_are_marked_so);
    tcase_add_test(tests,
                   the_last_good_one_is_deleted_with_the_hash_that_its_refusal_gives);
    tcase_add_test(tests, status_names_what_somebody_should_look_at);
    tcase_add_test(tests, a_pin_is_set_shown_and_ended);
    tcase_add_test(tests, what_made_a_backup_suspect_is_accepted_by_a_person_only);
    tcase_add_test(tests, delete_shows_and_with_yes_does);
    tcase_add_test(tests, a_deletion_that_a_store_does_not_let_happen_is_partial);
    tcase_add_test(tests, prune_shows_its_plan_and_with_yes_does_it);
    tcase_add_test(tests, a_refused_plan_prints_the_line_that_forces_it);
    tcase_add_test(tests, a_clock_that_went_back_is_told_and_forced_like_any_other_guard);
    tcase_add_test(tests, a_suspect_newest_one_is_named_with_the_command_that_clears_it);
    tcase_add_test(tests, a_group_that_is_all_from_the_future_says_so);
    tcase_add_test(tests, help_of_prune_lists_the_guards);
    tcase_add_test(tests, a_policy_that_does_nothing_is_a_warning);
    tcase_add_test(tests, what_prune_could_not_do_is_told);
    tcase_add_test(tests, sweep_says_what_it_found);
    tcase_add_loop_test(tests, only_one_removal_at_a_time, 0,
                        (int)(sizeof removals / sizeof *removals));
    tcase_add_test(tests, sync_takes_in_what_others_wrote);
    tcase_add_test(tests, check_tells_what_does_not_fit);
    tcase_add_test(tests, rebuild_makes_it_anew_and_keeps_the_old_one);
    tcase_add_test(tests, config_says_where_each_value_comes_from);
    tcase_add_test(tests, adopt_gives_an_emptied_store_its_mark_again);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
