/*
 * What a sweep makes of the uploads that it finds in a store: of backups and copies whose
 * process is gone, or may be, or lives. (Before a backup of a job: test_recover_job.c.)
 */
#include "copy/recover.h"

#include "base/memory.h"
#include "tests/support/run_suite.h"
#include "tests/support/world.h"

enum { OPENING = 2 }; /* steps before it: is it there, and who is it? */

static struct world world;
static struct recover_counts counts;

static void setup(void)
{
    static const struct world_spec spec = {.job = "stores = [ \"nas\" ];"};
    world_begin(&world, &spec);
    world_programs("pg_dump", "rows=60");
}

static void teardown(void)
{
    world_end(&world);
}

static int back_up(struct world *of)
{
    return world_backup(of, "nightly");
}

static const char *source; /* of copy_it */
static int copy_it(struct world *of)
{
    return world_copy(of, source, "nas", "third");
}

/* The id of a backup whose process was killed at that step in nas. */
static const char *killed_backup(enum memory_step step, unsigned n, bool did)
{
    struct store *nas = world_store(&world, "nas");
    struct store_pending pending;
    char id[ULID_SIZE] = "";
    memory_store_kill(nas, step, n, did);
    ck_assert(world_killed(&world, back_up, NULL));
    memory_store_heal(nas);
    if (memory_store_upload(nas, 0, &pending))
        (void)keys_parse(pending.key, id);
    strlist_add(&world.kept, id);
    return world.kept.items[world.kept.count - 1];
}

/* The id of a backup of which a copy into third was killed. */
static const char *killed_copy(void)
{
    source = world_take(&world);
    memory_store_kill(world_store(&world, "third"), MEMORY_PART, 2, false);
    ck_assert(world_killed(&world, copy_it, NULL));
    memory_store_heal(world_store(&world, "third"));
    return source;
}

static void recover(const char *store, bool thorough)
{
    ck_assert_msg(world_recover_store(&world, store, thorough, &counts) == 0, "%s",
                  world.err.text);
}

static void assert_counts(size_t completed, size_t cleaned, size_t left, size_t failed)
{
    ck_assert_uint_eq(counts.completed, completed);
    ck_assert_uint_eq(counts.cleaned, cleaned);
    ck_assert_uint_eq(counts.left, left);
    ck_assert_uint_eq(counts.failed, failed);
}

/* ---- whose process is gone ---- */

START_TEST(a_backup_whose_process_is_gone_is_cleaned)
{
    size_t artifacts = 0;
    const char *id = killed_backup(MEMORY_PART, 2, false);
    recover("nas", false);
    assert_counts(0, 1, 0, 0);
    world_assert_state(&world, id, "nas", CATALOG_COPY_FAILED);
    ck_assert_uint_eq(memory_store_open_uploads(world_store(&world, "nas")), 0);
    ck_assert_int_eq(recover_artifacts(world.catalog, NULL, false, &artifacts, &world.err),
                     0);
    ck_assert_uint_eq(artifacts, 1);
    ck_assert_int_eq(world_status(&world, id), CATALOG_FAILED);
    world_assert_settled(&world);
    recover("nas", false);
    assert_counts(0, 0, 0, 0);
}
END_TEST

START_TEST(one_that_had_written_its_manifest_is_completed)
{
    /* Page, mark, index, manifest. */
    (void)killed_backup(MEMORY_PUT, 4, true);
    recover("nas", false);
    assert_counts(1, 0, 0, 0);
    world_assert_settled(&world);
    ck_assert_int_eq(
        world_number(&world, "SELECT count(*) FROM artifacts WHERE status = 'complete'"),
        1);
}
END_TEST

START_TEST(an_artifact_with_a_copy_to_look_after_is_not_given_up)
{
    size_t artifacts = 1;
    const char *id = killed_backup(MEMORY_PART, 2, false);
    ck_assert_int_eq(recover_artifacts(world.catalog, NULL, false, &artifacts, &world.err),
                     0);
    ck_assert_uint_eq(artifacts, 0);
    ck_assert_int_eq(world_status(&world, id), CATALOG_RUNNING);
    recover("nas", false);
    ck_assert_int_eq(
        recover_artifacts(world.catalog, "other", false, &artifacts, &world.err), 0);
    ck_assert_uint_eq(artifacts, 0);
}
END_TEST

/* ---- whose process may live ---- */

START_TEST(of_another_machine_only_the_free_lock_of_its_job_tells)
{
    const char *id = killed_backup(MEMORY_PART, 2, false);
    world_owners_are_elsewhere(&world);
    recover("nas", false);
    assert_counts(0, 0, 1, 0);
    struct lock *lock = world_lock(&world, "nightly");
    recover("nas", true);
    assert_counts(0, 0, 1, 0);
    world_assert_state(&world, id, "nas", CATALOG_COPY_UPLOADING);
    ck_assert_uint_eq(memory_store_open_uploads(world_store(&world, "nas")), 1);
    lock_release(lock);
    recover("nas", true);
    assert_counts(0, 1, 0, 0);
    world_assert_state(&world, id, "nas", CATALOG_COPY_FAILED);
}
END_TEST

START_TEST(what_has_no_job_has_no_lock_that_could_tell)
{
    (void)killed_backup(MEMORY_PART, 2, false);
    world_owners_are_elsewhere(&world);
    world_sql(&world, "UPDATE artifacts SET job = ''");
    recover("nas", true);
    assert_counts(0, 0, 1, 0);
}
END_TEST

START_TEST(a_live_one_is_not_even_looked_at)
{
    const char *id = killed_copy();
    struct catalog_copy copy = *world_copy_row(&world, id, "third");
    ck_assert_int_eq(catalog_copy_reopen(world.catalog, copy.id, &world.err), 0);
    recover("third", true);
    assert_counts(0, 0, 0, 0);
    ck_assert_uint_eq(memory_store_open_uploads(world_store(&world, "third")), 1);
}
END_TEST

/* ---- copies ---- */

START_TEST(an_interrupted_copy_is_left_to_be_resumed_unless_one_is_thorough)
{
    const char *id = killed_copy();
    recover("third", false);
    assert_counts(0, 0, 1, 0);
    world_assert_state(&world, id, "third", CATALOG_COPY_UPLOADING);
    recover("third", true);
    assert_counts(0, 1, 0, 0);
    world_assert_state(&world, id, "third", CATALOG_COPY_FAILED);
    ck_assert_int_eq(world_status(&world, id), CATALOG_COMPLETE);
    world_assert_settled(&world);
}
END_TEST

/* ---- stores that do not go along ---- */

START_TEST(a_store_that_fails_at_any_step_keeps_its_remains_for_the_next_time)
{
    for (unsigned n = 1, through = 0; through == 0; n++) {
        ck_assert_uint_lt(n, 30);
        struct store *nas = world_store(&world, "nas");
        const char *id = killed_backup(MEMORY_FINISH, 1, false);
        memory_store_fail(nas, MEMORY_ANY, OPENING + n, "", ERR_TRANSIENT, false);
        if (world_recover_store(&world, "nas", false, &counts) < 0)
            ck_abort_msg("%s", world.err.text);
        through = !memory_store_failed(nas);
        memory_store_heal(nas);
        ck_assert_uint_eq(counts.failed, !through);
        ck_assert_uint_eq(counts.cleaned, through);
        world_assert_honest(&world);
        recover("nas", false);
        world_assert_state(&world, id, "nas", CATALOG_COPY_FAILED);
        ck_assert_uint_eq(memory_store_open_uploads(nas), 0);
    }
}
END_TEST

START_TEST(what_fails_with_one_does_not_keep_the_others_from_being_seen_to)
{
    struct store *nas = world_store(&world, "nas");
    const char *one = killed_backup(MEMORY_PART, 2, false);
    memory_store_kill(nas, MEMORY_PART, 2, false);
    ck_assert(world_killed(&world, back_up, NULL));
    memory_store_heal(nas);
    ck_assert_uint_eq(memory_store_open_uploads(nas), 1); /* the second saw to the first */
    world_sql(&world, "UPDATE copies SET state = 'failed', begun = 1");
    memory_store_fail(nas, MEMORY_REMOVE, 1, one, ERR_DENIED, false);
    recover("nas", false);
    assert_counts(0, 1, 0, 1);
    memory_store_heal(nas);
    recover("nas", false);
    assert_counts(0, 1, 0, 0);
}
END_TEST

START_TEST(a_cancel_ends_it)
{
    (void)killed_backup(MEMORY_PART, 2, false);
    memory_store_fail(world_store(&world, "nas"), MEMORY_ABORT, 1, "", ERR_CANCELLED,
                      false);
    ck_assert_int_eq(world_recover_store(&world, "nas", true, &counts), -1);
    ck_assert_int_eq(world.err.kind, ERR_CANCELLED);
    ck_assert_uint_eq(counts.failed, 1);
}
END_TEST

/* ---- what somebody else does meanwhile ---- */

static void taken_up(void *context)
{
    (void)context;
    world_sql(&world, "UPDATE copies SET state = 'complete'");
}

START_TEST(one_that_is_taken_up_meanwhile_keeps_what_is_not_removed_yet)
{
    struct store *nas = world_store(&world, "nas");
    /* Its data and index are there, its manifest is not: page, mark, index, manifest. */
    memory_store_kill(nas, MEMORY_PUT, 4, false);
    ck_assert(world_killed(&world, back_up, NULL));
    memory_store_heal(nas);
    size_t count = memory_store_count(nas);
    memory_store_before(nas, MEMORY_REMOVE, 1, taken_up, NULL);
    recover("nas", true);
    assert_counts(0, 0, 0, 1);
    ck_assert_uint_eq(memory_store_count(nas), count);
}
END_TEST

START_TEST(an_upload_of_another_artifact_beside_it_is_not_ours)
{
    struct store *nas = world_store(&world, "nas");
    const char *mine = killed_backup(MEMORY_PART, 2, false);
    struct store_pending pending;
    ck_assert(memory_store_upload(nas, 0, &pending));
    const char *folder_end = strrchr(pending.key, '/');
    char *key =
        memory_format("%.*s/theirs.sql", (int)(folder_end - pending.key), pending.key);
    struct store_upload_spec spec = {.key = key, .id = "01KC1E5T00ABCDEFGHJKMNPQRS"};
    struct store_upload *theirs = store_upload_begin(nas, &spec, &world.err);
    ck_assert_ptr_nonnull(theirs);
    recover("nas", false);
    world_assert_state(&world, mine, "nas", CATALOG_COPY_FAILED);
    ck_assert_uint_eq(memory_store_open_uploads(nas), 1);
    store_upload_free(theirs);
    free(key);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("recover_store");
    TCase *tcase = tcase_create("recover_store");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, a_backup_whose_process_is_gone_is_cleaned);
    tcase_add_test(tcase, one_that_had_written_its_manifest_is_completed);
    tcase_add_test(tcase, an_artifact_with_a_copy_to_look_after_is_not_given_up);
    tcase_add_test(tcase, of_another_machine_only_the_free_lock_of_its_job_tells);
    tcase_add_test(tcase, what_has_no_job_has_no_lock_that_could_tell);
    tcase_add_test(tcase, a_live_one_is_not_even_looked_at);
    tcase_add_test(tcase, an_interrupted_copy_is_left_to_be_resumed_unless_one_is_thorough);
    tcase_add_test(tcase,
                   a_store_that_fails_at_any_step_keeps_its_remains_for_the_next_time);
    tcase_add_test(tcase, what_fails_with_one_does_not_keep_the_others_from_being_seen_to);
    tcase_add_test(tcase, a_cancel_ends_it);
    tcase_add_test(tcase, one_that_is_taken_up_meanwhile_keeps_what_is_not_removed_yet);
    tcase_add_test(tcase, an_upload_of_another_artifact_beside_it_is_not_ours);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
