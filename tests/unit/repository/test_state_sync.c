/* What one machine decides about a backup goes into the stores, and from there to the
 * others; the later decision wins, and nothing is forgotten on the way. */
#include "repository/state_sync.h"

#include "base/log.h"
#include "base/memory.h"
#include "catalog/artifact_list.h"
#include "catalog/verifications.h"
#include "repository/keys.h"
#include "repository/repository.h"
#include "tests/support/depot.h"
#include "tests/support/memory_store.h"
#include "tests/support/run_suite.h"

#include <check.h>

#define OK(call) ck_assert_msg((call) == 0, "%s", ours.err.text)
#define NAS (ours.stores[DEPOT_NAS])

static struct depot ours, theirs;
static struct repository *repository, *their_repository; /* the nas, as each sees it */

static void setup(void)
{
    struct depot_spec spec = {0};
    depot_begin(&ours, &spec);
    depot_join(&theirs, &ours, &spec);
    depot_backups(&ours, 1, 1);
    depot_backups(&theirs, 1, 1);
    repository = depot_open(&ours, DEPOT_NAS);
    their_repository = depot_open(&theirs, DEPOT_NAS);
    ck_assert(repository != NULL && their_repository != NULL);
}

static void teardown(void)
{
    repository_close(repository);
    repository_close(their_repository);
    depot_end(&theirs);
    depot_end(&ours);
}

static bool push(void)
{
    bool written = false;
    OK(state_sync_push(ours.catalog, repository, depot_id(1), &written, &ours.err));
    return written;
}

static void pull(void)
{
    ck_assert_msg(
        state_sync_pull(theirs.catalog, their_repository, depot_id(1), &theirs.err) == 0,
        "%s", theirs.err.text);
}

static struct catalog_artifact load(struct depot *machine)
{
    struct catalog_artifact artifact;
    ck_assert_int_eq(catalog_artifact_load(machine->catalog, depot_id(1),
                                           CATALOG_WITH_COPIES, &artifact, &machine->err),
                     0);
    return artifact;
}

static void check(struct depot *machine, enum catalog_level level,
                  enum catalog_result result, int64_t time)
{
    char message[] = "SHA-256 differs";
    struct catalog_verification verification = {
        .copy = depot_copy(machine, 1, DEPOT_NAS),
        .time = time,
        .level = level,
        .result = result,
        .message = result == CATALOG_GOOD ? NULL : message};
    ck_assert_int_eq(
        catalog_verification_add(machine->catalog, &verification, &machine->err), 0);
}

/* Their rows are older than the file. */
static void age_theirs(void)
{
    catalogs_sql(&theirs.catalogs,
                 "UPDATE artifacts SET updated = 1; UPDATE copies SET updated = 1");
}

START_TEST(everything_that_is_decided_arrives)
{
    OK(catalog_artifact_pin(ours.catalog, depot_id(1), ours.now + 99, "audit", &ours.err));
    OK(catalog_artifact_set_quarantined(ours.catalog, depot_id(1), true, &ours.err));
    check(&ours, CATALOG_FULL, CATALOG_GOOD, ours.now - 50);
    OK(catalog_artifact_set_suspect(ours.catalog, depot_id(1), true, &ours.err));
    OK(catalog_copy_set_first_marked(ours.catalog, depot_copy(&ours, 1, DEPOT_NAS),
                                     ours.now - 9, &ours.err));
    ck_assert(push());
    age_theirs();
    pull();
    struct catalog_artifact artifact = load(&theirs);
    ck_assert(artifact.pinned && artifact.suspect && artifact.quarantined);
    ck_assert_int_eq(artifact.pin_until, ours.now + 99);
    ck_assert_str_eq(artifact.pin_reason, "audit");
    for (size_t i = 0; i < artifact.copy_count; i++) {
        bool nas = artifact.copies[i].store_id == theirs.ids[DEPOT_NAS];
        ck_assert_int_eq(artifact.copies[i].proven, nas ? ours.now - 50 : 0);
        ck_assert_int_eq(artifact.copies[i].first_marked, nas ? ours.now - 9 : 0);
    }
    catalog_artifact_release(&artifact);
}
END_TEST

START_TEST(what_is_there_already_is_not_written_again)
{
    ck_assert(push());
    unsigned puts = memory_store_steps(NAS, MEMORY_PUT);
    ck_assert(!push());
    ck_assert_uint_eq(memory_store_steps(NAS, MEMORY_PUT), puts);
}
END_TEST

START_TEST(the_later_decision_wins)
{
    OK(catalog_artifact_pin(ours.catalog, depot_id(1), 0, "ours", &ours.err));
    ck_assert(push());
    pull();
    ck_assert_int_eq(catalog_artifact_unpin(theirs.catalog, depot_id(1), &theirs.err), 0);
    pull(); /* the older word of the store does not pin it again */
    struct catalog_artifact artifact = load(&theirs);
    ck_assert(!artifact.pinned);
    catalog_artifact_release(&artifact);
    ck_assert(state_sync_try_push(theirs.catalog, their_repository, depot_id(1)));
    OK(state_sync_pull(ours.catalog, repository, depot_id(1), &ours.err));
    artifact = load(&ours);
    ck_assert(!artifact.pinned);
    catalog_artifact_release(&artifact);
}
END_TEST

START_TEST(a_push_takes_in_what_another_machine_wrote)
{
    ck_assert_int_eq(
        catalog_artifact_pin(theirs.catalog, depot_id(1), 0, "theirs", &theirs.err), 0);
    ck_assert(state_sync_try_push(theirs.catalog, their_repository, depot_id(1)));
    check(&ours, CATALOG_FULL, CATALOG_GOOD, ours.now);
    ck_assert(push());
    struct catalog_artifact artifact = load(&ours);
    ck_assert(artifact.pinned);
    catalog_artifact_release(&artifact);
    pull();
    artifact = load(&theirs);
    ck_assert(artifact.pinned);
    ck_assert_int_eq(artifact.copies[0].proven, ours.now);
    catalog_artifact_release(&artifact);
}
END_TEST

/* Their clock is an hour ahead, so that their word in the store looks later than ours. */
START_TEST(what_is_decided_here_wins_over_a_machine_whose_clock_is_ahead)
{
    for (int known = 0; known < 2; known++) {
        struct catalog_artifact artifact;
        catalogs_sqlf(&theirs.catalogs, "UPDATE artifacts SET suspect = 1, updated = %lld",
                      (long long)ours.now + 3600 * (known + 1));
        ck_assert(state_sync_try_push(theirs.catalog, their_repository, depot_id(1)));
        /* Whether we thought the same already or hear of it only now. */
        catalogs_sqlf(&ours.catalogs, "UPDATE artifacts SET suspect = %d, updated = 1",
                      known);
        OK(state_sync_pull(ours.catalog, repository, depot_id(1), &ours.err));
        OK(catalog_artifact_accept(ours.catalog, depot_id(1), "tables moved", &ours.err));
        ck_assert(push());
        ck_assert(!push());
        artifact = load(&ours);
        ck_assert(!artifact.suspect && artifact.accepted > 0);
        catalog_artifact_release(&artifact);
        pull();
        artifact = load(&theirs);
        ck_assert(!artifact.suspect && artifact.accepted > 0);
        ck_assert_str_eq(artifact.accept_reason, "tables moved");
        catalog_artifact_release(&artifact);
    }
}
END_TEST

/* The pin's own time is of today; that of the marks stays where it was. */
START_TEST(a_pin_makes_no_mark_look_older)
{
    catalogs_sqlf(&ours.catalogs, "UPDATE artifacts SET suspect = 1, updated = %lld",
                  (long long)ours.now + 3600);
    ck_assert(push());
    OK(catalog_artifact_accept(ours.catalog, depot_id(1), NULL, &ours.err));
    OK(catalog_artifact_pin(ours.catalog, depot_id(1), 0, NULL, &ours.err));
    ck_assert(push());
    struct catalog_artifact artifact = load(&ours);
    ck_assert(!artifact.suspect && artifact.pinned);
    catalog_artifact_release(&artifact);
}
END_TEST

/* What was found here counts: their check looked at it before. */
START_TEST(an_older_good_check_does_not_heal_a_copy_that_was_found_broken)
{
    check(&ours, CATALOG_FULL, CATALOG_GOOD, ours.now - 100);
    ck_assert(push());
    check(&theirs, CATALOG_FULL, CATALOG_FOUND_DAMAGED, theirs.now);
    pull();
    char *known = depot_known(&theirs, DEPOT_NAS);
    ck_assert_str_eq(known, "1:damaged");
    free(known);
    /* And the store is told of it. */
    ck_assert(state_sync_try_push(theirs.catalog, their_repository, depot_id(1)));
    char *key = depot_key(&ours, 1, "state");
    const struct text *text = memory_store_bytes(NAS, key);
    ck_assert_ptr_nonnull(strstr(text->data, "SHA-256 differs"));
    free(key);
}
END_TEST

START_TEST(one_that_has_no_copy_there_is_not_told)
{
    struct depot_backup elsewhere = {.stores = DEPOT_AT(DEPOT_OFFSITE)};
    bool written = true;
    depot_backup(&ours, 2, &elsewhere);
    OK(catalog_artifact_pin(ours.catalog, depot_id(2), 0, NULL, &ours.err));
    OK(state_sync_push(ours.catalog, repository, depot_id(2), &written, &ours.err));
    ck_assert(!written);
    char *lies = depot_lies(&ours, DEPOT_NAS);
    ck_assert_str_eq(lies, "1");
    free(lies);
}
END_TEST

START_TEST(one_that_nobody_knows_is_an_error)
{
    bool written = true;
    ck_assert_int_eq(
        state_sync_push(ours.catalog, repository, depot_id(9), &written, &ours.err), -1);
    ck_assert_int_eq(ours.err.kind, ERR_NOT_FOUND);
    OK(state_sync_pull(ours.catalog, repository, depot_id(9), &ours.err)); /* no file */
}
END_TEST

START_TEST(a_store_that_fails_is_told_and_the_catalog_stays)
{
    memory_store_fail(NAS, MEMORY_PUT, 1, "state/", ERR_TRANSIENT, false);
    ck_assert(!state_sync_try_push(ours.catalog, repository, depot_id(1)));
    memory_store_heal(NAS);
    memory_store_fail(NAS, MEMORY_GET, 1, "state/", ERR_TRANSIENT, false);
    ck_assert(!state_sync_try_push(ours.catalog, repository, depot_id(1)));
    ck_assert_int_eq(state_sync_pull(ours.catalog, repository, depot_id(1), &ours.err), -1);
    ck_assert_int_eq(ours.err.kind, ERR_TRANSIENT);
    memory_store_heal(NAS);
    ck_assert(push());
}
END_TEST

/* The answer to the write was lost: the next one finds that it is there. */
START_TEST(a_lost_answer_is_made_up_for)
{
    memory_store_fail(NAS, MEMORY_PUT, 1, "state/", ERR_TRANSIENT, true);
    ck_assert(!state_sync_try_push(ours.catalog, repository, depot_id(1)));
    memory_store_heal(NAS);
    ck_assert(!push());
}
END_TEST

int main(void)
{
    log_setup(LOG_LEVEL_ERROR, LOG_FORMAT_TEXT);
    Suite *suite = suite_create("state_sync");
    TCase *tests = tcase_create("state_sync");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_set_timeout(tests, 30);
    tcase_add_test(tests, everything_that_is_decided_arrives);
    tcase_add_test(tests, what_is_there_already_is_not_written_again);
    tcase_add_test(tests, the_later_decision_wins);
    tcase_add_test(tests, a_push_takes_in_what_another_machine_wrote);
    tcase_add_test(tests, what_is_decided_here_wins_over_a_machine_whose_clock_is_ahead);
    tcase_add_test(tests, a_pin_makes_no_mark_look_older);
    tcase_add_test(tests, an_older_good_check_does_not_heal_a_copy_that_was_found_broken);
    tcase_add_test(tests, one_that_has_no_copy_there_is_not_told);
    tcase_add_test(tests, one_that_nobody_knows_is_an_error);
    tcase_add_test(tests, a_store_that_fails_is_told_and_the_catalog_stays);
    tcase_add_test(tests, a_lost_answer_is_made_up_for);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
