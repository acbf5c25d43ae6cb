/* What earlier runs of a job left is undone, or turns out complete, before the next one
 * begins; and nothing that somebody may still be at. */
#include "copy/recover.h"

#include "base/log.h"
#include "base/memory.h"
#include "repository/keys.h"
#include "tests/support/depot_session.h"
#include "tests/support/memory_store.h"
#include "tests/support/run_suite.h"

#include <check.h>

#define OK(call) ck_assert_msg((call) == 0, "%s", depot.err.text)
#define NAS (depot.stores[DEPOT_NAS])

static struct depot depot;

static void setup(void)
{
    struct depot_spec spec = {0};
    depot_begin(&depot, &spec);
}

static void teardown(void)
{
    depot_end(&depot);
}

/* Before a backup of this job, with the stores that answer. */
static void recover(const char *job)
{
    struct session_spec spec = {.kind = "backup", .catalog = SESSION_WRITE};
    struct session *session = depot_session(&depot, &spec);
    struct repository_list list = {0};
    struct strlist names = {0};
    ck_assert_msg(session != NULL, "%s", depot.err.text);
    for (enum depot_place place = 0; place < DEPOT_PLACES; place++)
        strlist_add(&names, depot_place_name(place));
    OK(session_repositories(session, &names, false, &list, &depot.err));
    recover_job(depot.catalog, &list, job);
    repository_list_release(&list);
    strlist_release(&names);
    (void)session_end(session, OUTCOME_DONE, NULL);
}

static void lies(const char *wanted)
{
    char *found = depot_lies(&depot, DEPOT_NAS);
    ck_assert_msg(strcmp(found, wanted) == 0, "%s lies there, not %s", found, wanted);
    free(found);
}

static void known(const char *wanted)
{
    char *found = depot_known(&depot, DEPOT_NAS);
    ck_assert_msg(strcmp(found, wanted) == 0, "%s is known, not %s", found, wanted);
    free(found);
}

static int64_t count(const char *sql)
{
    return catalogs_number(&depot.catalogs, sql);
}

START_TEST(what_an_earlier_run_left_is_undone)
{
    struct depot_crash crash = {.upload = true, .index = true};
    depot_backups(&depot, 1, 2);
    depot_crash(&depot, 3, &crash);
    recover("nightly");
    lies("1 2");
    known("1 2 3:failed");
    ck_assert_uint_eq(memory_store_open_uploads(NAS), 0);
    ck_assert_int_eq(count("SELECT count(*) FROM artifacts WHERE status = 'failed' AND "
                           "error_message = 'its process ended before the backup was "
                           "done'"),
                     1);
}
END_TEST

START_TEST(a_whole_backup_turns_out_complete)
{
    struct depot_crash crash = {.data = true, .index = true, .manifest = true};
    depot_crash(&depot, 3, &crash);
    recover("nightly");
    depot_assert(&depot, DEPOT_NAS, "3");
    depot_assert(&depot, DEPOT_OFFSITE, "3");
    ck_assert_int_eq(count("SELECT count(*) FROM artifacts WHERE status = 'complete' AND "
                           "stored_bytes = 100 AND sha256 IS NOT NULL"),
                     1);
}
END_TEST

START_TEST(another_jobs_remains_are_not_ours)
{
    struct depot_crash crash = {.data = true};
    depot_crash(&depot, 3, &crash);
    recover("weekly");
    recover("");
    lies("3(data)");
    known("3:uploading");
    ck_assert_int_eq(count("SELECT count(*) FROM artifacts WHERE status = 'running'"), 1);
}
END_TEST

START_TEST(a_live_upload_is_left_alone)
{
    struct depot_crash crash = {.owner = "", .upload = true, .index = true};
    depot_crash(&depot, 3, &crash);
    recover("nightly");
    lies("3(index)");
    known("3:uploading");
    ck_assert_uint_eq(memory_store_open_uploads(NAS), 1);
}
END_TEST

/* Who holds the lock of the job vouches that its owner is gone. Nobody does for what was
 * taken ad hoc. */
START_TEST(of_an_owner_that_cannot_be_seen_the_lock_tells)
{
    struct depot_crash crash = {.owner = catalogs_unknown_owner(), .data = true};
    depot_crash(&depot, 3, &crash);
    catalogs_sqlf(&depot.catalogs, "UPDATE artifacts SET job = '%s'", "");
    recover("");
    lies("3(data)");
    catalogs_sqlf(&depot.catalogs, "UPDATE artifacts SET job = '%s'", "nightly");
    recover("nightly");
    lies("");
    known("3:failed");
}
END_TEST

START_TEST(an_interrupted_copy_of_a_complete_backup_is_left_to_be_resumed)
{
    struct depot_crash crash = {.stores = DEPOT_AT(DEPOT_NAS), .upload = true};
    depot_crash(&depot, 3, &crash);
    /* Another process than the one that took it. */
    catalogs_sqlf(&depot.catalogs, "UPDATE artifacts SET status = 'complete', owner = '%s'",
                  "1:2:3:4:host");
    recover("nightly");
    known("3:uploading");
    ck_assert_uint_eq(memory_store_open_uploads(NAS), 1);
}
END_TEST

/* They lie in one folder. */
START_TEST(only_its_own_upload_is_aborted)
{
    struct depot_crash dead = {.stores = DEPOT_AT(DEPOT_NAS), .upload = true},
                       alive = {.stores = DEPOT_AT(DEPOT_NAS), .owner = "", .upload = true};
    depot_crash(&depot, 3, &dead);
    depot_crash(&depot, 4, &alive);
    recover("nightly");
    known("3:failed 4:uploading");
    ck_assert_uint_eq(memory_store_open_uploads(NAS), 1);
}
END_TEST

/* Its copy in the other store is no obstacle, and its manifest may lie where nobody answers:
 * so it is no failure yet. */
START_TEST(a_store_that_does_not_answer_keeps_its_remains)
{
    struct depot_crash crash = {.data = true};
    depot_crash(&depot, 3, &crash);
    memory_store_fail(NAS, MEMORY_GET, 1, "manifests/", ERR_TRANSIENT, false);
    recover("nightly");
    lies("3(data)");
    known("3:uploading");
    ck_assert_int_eq(count("SELECT count(*) FROM artifacts WHERE status = 'running'"), 1);
    memory_store_heal(NAS);
    recover("nightly");
    lies("");
    ck_assert_int_eq(count("SELECT count(*) FROM artifacts WHERE status = 'failed'"), 1);
}
END_TEST

START_TEST(what_the_store_does_not_let_go_stays_known)
{
    struct depot_crash crash = {.data = true, .index = true};
    depot_crash(&depot, 3, &crash);
    memory_store_refuse(NAS, ".sql.gz", STORE_LOCKED, depot.now + DEPOT_DAY);
    recover("nightly");
    lies("3(data)");
    known("3:uploading");
    memory_store_heal(NAS);
    recover("nightly");
    lies("");
    known("3:failed");
}
END_TEST

START_TEST(a_damaged_manifest_decides_nothing)
{
    struct depot_crash crash = {.data = true, .index = true, .manifest = true};
    char *key = depot_key(&depot, 3, "manifest");
    depot_crash(&depot, 3, &crash);
    memory_store_cut(NAS, key, 10);
    recover("nightly");
    lies("3");
    known("3:uploading");
    free(key);
}
END_TEST

START_TEST(a_manifest_that_names_another_object_decides_nothing)
{
    struct depot_crash crash = {.data = true, .index = true, .manifest = true};
    depot_crash(&depot, 3, &crash);
    catalogs_sqlf(&depot.catalogs, "UPDATE copies SET key = '%s'", "data/another.sql.gz");
    recover("nightly");
    lies("3");
    known("3:uploading");
}
END_TEST

/* The other copies were cleaned first: it cannot become complete any more. */
START_TEST(the_manifest_of_a_failed_backup_goes_with_the_rest)
{
    struct depot_crash crash = {.data = true, .index = true, .manifest = true};
    depot_crash(&depot, 3, &crash);
    catalogs_sqlf(&depot.catalogs, "UPDATE artifacts SET status = '%s'", "failed");
    recover("nightly");
    lies("");
    known("3:failed");
}
END_TEST

START_TEST(data_of_another_size_is_not_what_the_manifest_names)
{
    struct depot_crash crash = {.data = true, .index = true, .manifest = true};
    char *key = depot_key(&depot, 3, "data");
    depot_crash(&depot, 3, &crash);
    memory_store_cut(NAS, key, 10);
    recover("nightly");
    lies("");
    known("3:failed");
    depot_assert(&depot, DEPOT_OFFSITE, "3");
    free(key);
}
END_TEST

START_TEST(remains_of_a_failed_copy_are_found_again)
{
    struct depot_crash crash = {.data = true, .upload = true};
    depot_crash(&depot, 3, &crash);
    catalogs_sqlf(&depot.catalogs,
                  "UPDATE copies SET state = 'failed', error = '%s', owner = NULL",
                  "the disk");
    recover("nightly");
    lies("");
    ck_assert_int_eq(count("SELECT count(*) FROM copies WHERE begun"), 0);
    ck_assert_int_eq(count("SELECT count(*) FROM copies WHERE error = 'the disk'"), 2);
}
END_TEST

START_TEST(an_artifact_without_a_copy_ends_with_its_process)
{
    size_t ended = 0;
    catalogs_artifact(depot.catalog, 1, depot.now);
    catalogs_artifact(depot.catalog, 2, depot.now);
    catalogs_sqlf(
        &depot.catalogs,
        "UPDATE artifacts SET owner = '%s' WHERE seq = (SELECT min(seq) FROM artifacts)",
        catalogs_dead_owner());
    OK(recover_artifacts(depot.catalog, "weekly", false, &ended, &depot.err));
    ck_assert_uint_eq(ended, 0);
    OK(recover_artifacts(depot.catalog, NULL, false, &ended, &depot.err));
    ck_assert_uint_eq(ended, 1);
    ck_assert_int_eq(count("SELECT count(*) FROM artifacts WHERE status = 'running'"), 1);
}
END_TEST

START_TEST(after_any_failure_the_next_run_finishes_it)
{
    for (unsigned n = 1;; n++) {
        struct depot_crash dead = {.upload = true, .index = true},
                           whole = {.data = true, .index = true, .manifest = true};
        depot_end(&depot);
        setup();
        depot_crash(&depot, 3, &dead);
        depot_crash(&depot, 4, &whole);
        /* The two steps that open the store come before. */
        memory_store_stumble(NAS, MEMORY_ANY, n + 2, "", ERR_TRANSIENT, _i != 0);
        recover("nightly");
        bool failed = memory_store_failed(NAS);
        memory_store_heal(NAS);
        recover("nightly");
        recover("nightly");
        lies("4");
        known("3:failed 4");
        ck_assert_uint_eq(memory_store_open_uploads(NAS), 0);
        ck_assert_int_eq(count("SELECT count(*) FROM copies WHERE begun AND state = "
                               "'failed'"),
                         0);
        if (!failed)
            break;
    }
}
END_TEST

int main(void)
{
    log_setup(LOG_LEVEL_ERROR, LOG_FORMAT_TEXT);
    Suite *suite = suite_create("recover_job");
    TCase *tests = tcase_create("recover_job");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_set_timeout(tests, 30);
    tcase_add_test(tests, what_an_earlier_run_left_is_undone);
    tcase_add_test(tests, a_whole_backup_turns_out_complete);
    tcase_add_test(tests, another_jobs_remains_are_not_ours);
    tcase_add_test(tests, a_live_upload_is_left_alone);
    tcase_add_test(tests, of_an_owner_that_cannot_be_seen_the_lock_tells);
    tcase_add_test(tests, an_interrupted_copy_of_a_complete_backup_is_left_to_be_resumed);
    tcase_add_test(tests, only_its_own_upload_is_aborted);
    tcase_add_test(tests, a_store_that_does_not_answer_keeps_its_remains);
    tcase_add_test(tests, what_the_store_does_not_let_go_stays_known);
    tcase_add_test(tests, a_damaged_manifest_decides_nothing);
    tcase_add_test(tests, a_manifest_that_names_another_object_decides_nothing);
    tcase_add_test(tests, the_manifest_of_a_failed_backup_goes_with_the_rest);
    tcase_add_test(tests, data_of_another_size_is_not_what_the_manifest_names);
    tcase_add_test(tests, remains_of_a_failed_copy_are_found_again);
    tcase_add_test(tests, an_artifact_without_a_copy_ends_with_its_process);
    tcase_add_loop_test(tests, after_any_failure_the_next_run_finishes_it, 0, 2);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
