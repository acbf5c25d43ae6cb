/*
 * Backups whose stores fail, or whose process is killed, at every one of their steps: the
 * n-th fails, for n = 1, 2, 3 … until a backup gets through without it. Every try begins in a
 * new world, so the first steps are those of a store that nobody ever used.
 */
#include "backup/backup.h"

#include "base/memory.h"
#include "catalog/artifact_find.h"
#include "catalog/artifact_list.h"
#include "tests/support/run_suite.h"
#include "tests/support/world.h"

enum { STEPS_MAX = 100 };

static const char *const names[] = {"nas", "offsite"};
static struct world world;

/* Which store fails, and whether the step had its effect all the same. */
static const struct way {
    int store;
    bool did;
} ways[] = {{0, false}, {0, true}, {1, false}, {1, true}};
enum { WAYS = sizeof ways / sizeof *ways };

static void begin(const char *job)
{
    struct world_spec spec = {.job = job};
    world_begin(&world, &spec);
    world_programs("pg_dump", "rows=60"); /* three parts */
}

static struct store *store_of(const struct way *way)
{
    return world_store(&world, names[way->store]);
}

/* What came of the one backup of this world; it was tried. */
static const struct backup_result *result(void)
{
    ck_assert_uint_eq(world.backups.count, 1);
    return &world.backups.items[0];
}

/* As the next backup of the job begins, without one: what was left is seen to. */
static void recover(void)
{
    world_owners_died(&world);
    world_recover_job(&world, "nightly");
}

static bool is_complete(const char *id, const char *store)
{
    return world_state(&world, id, store) == CATALOG_COPY_COMPLETE;
}

START_TEST(a_store_that_dies_at_its_nth_step_leaves_the_others_whole)
{
    const struct way *way = &ways[_i];
    const char *other = names[1 - way->store];
    for (unsigned n = 1, through = 0; through == 0; n++) {
        ck_assert_uint_lt(n, STEPS_MAX);
        begin(NULL);
        memory_store_fail(store_of(way), MEMORY_ANY, n, "", ERR_TRANSIENT, way->did);
        ck_assert_msg(world_backup(&world, "nightly") == 0, "%u: %s", n, world.err.text);
        through = !memory_store_failed(store_of(way));
        ck_assert_int_ne(result()->outcome, BACKUP_FAILED);
        ck_assert(is_complete(result()->id, other));
        ck_assert_int_eq(is_complete(result()->id, names[way->store]),
                         result()->outcome == BACKUP_GOOD);
        ck_assert(!through || result()->outcome == BACKUP_GOOD);
        world_assert_honest(&world);
        memory_store_heal(store_of(way));
        recover();
        world_assert_settled(&world);
        world_end(&world);
    }
}
END_TEST

START_TEST(a_store_that_stumbles_once_holds_the_whole_or_nothing)
{
    const struct way *way = &ways[_i];
    for (unsigned n = 1, through = 0; through == 0; n++) {
        ck_assert_uint_lt(n, STEPS_MAX);
        begin(NULL);
        memory_store_stumble(store_of(way), MEMORY_ANY, n, "", ERR_TRANSIENT, way->did);
        ck_assert_msg(world_backup(&world, "nightly") == 0, "%u: %s", n, world.err.text);
        through = !memory_store_failed(store_of(way));
        ck_assert_int_ne(result()->outcome, BACKUP_FAILED);
        ck_assert_int_eq(is_complete(result()->id, names[way->store]),
                         result()->outcome == BACKUP_GOOD);
        /* It was well again when the rest was undone: nothing is left to recover. */
        world_assert_settled(&world);
        world_end(&world);
    }
}
END_TEST

START_TEST(with_fewer_than_min_copies_nothing_is_complete_anywhere)
{
    const struct way *way = &ways[_i];
    for (unsigned n = 1, through = 0; through == 0; n++) {
        ck_assert_uint_lt(n, STEPS_MAX);
        begin("min_copies = 2;");
        memory_store_fail(store_of(way), MEMORY_ANY, n, "", ERR_TRANSIENT, way->did);
        int done = world_backup(&world, "nightly");
        through = !memory_store_failed(store_of(way));
        const char *id = world_id(&world);
        bool failed = done < 0 || result()->outcome == BACKUP_FAILED;
        if (failed) {
            const struct err *why = done < 0 ? &world.err : &result()->err;
            ck_assert_str_eq(err_kind_name(why->kind), "transient");
            ck_assert(*id == '\0' || world_status(&world, id) == CATALOG_FAILED);
        }
        for (size_t i = 0; failed && *id != '\0' && i < 2; i++)
            ck_assert(!world_has(&world, id, names[i], KEYS_KIND_MANIFEST));
        ck_assert(!through || result()->outcome == BACKUP_GOOD);
        world_assert_honest(&world);
        memory_store_heal(store_of(way));
        recover();
        world_assert_settled(&world);
        world_end(&world);
    }
}
END_TEST

/* All that goes before the manifest. */
static const struct {
    enum memory_step step;
    const char *match;
} before_manifest[] = {
    {MEMORY_BEGIN, ""},  {MEMORY_PART, ""},      {MEMORY_WAIT, ""},
    {MEMORY_FINISH, ""}, {MEMORY_PUT, ".index"},
};

START_TEST(a_manifest_is_written_only_when_min_copies_hold_the_data)
{
    for (int which = 0; which < 2; which++) {
        begin("min_copies = 2;");
        struct store *bad = world_store(&world, names[which]);
        struct store *good = world_store(&world, names[1 - which]);
        memory_store_fail(bad, before_manifest[_i].step, 1, before_manifest[_i].match,
                          ERR_DENIED, false);
        memory_store_fail(good, MEMORY_PUT, 1, "manifests/", ERR_STORE, true);
        ck_assert_int_eq(world_backup(&world, "nightly"), 0);
        ck_assert(memory_store_failed(bad));
        ck_assert(!memory_store_failed(good)); /* it was never even tried */
        ck_assert_int_eq(result()->outcome, BACKUP_FAILED);
        ck_assert_int_eq(result()->err.kind, ERR_DENIED);
        world_assert_settled(&world);
        world_end(&world);
    }
}
END_TEST

START_TEST(an_interrupted_backup_leaves_nothing_but_what_is_complete)
{
    const struct way *way = &ways[_i];
    for (unsigned n = 1, through = 0; through == 0; n++) {
        ck_assert_uint_lt(n, STEPS_MAX);
        begin(NULL);
        memory_store_fail(store_of(way), MEMORY_ANY, n, "", ERR_CANCELLED, way->did);
        int done = world_backup(&world, "nightly");
        through = !memory_store_failed(store_of(way));
        if (done < 0)
            ck_assert_int_eq(world.err.kind, ERR_CANCELLED);
        ck_assert(!through || result()->outcome == BACKUP_GOOD);
        world_assert_settled(&world);
        world_end(&world);
    }
}
END_TEST

static int backup_nightly(struct world *of)
{
    return world_backup(of, "nightly");
}

/* Killed, it leaves rows and remains that the next backup of the job finds and sees to. */
START_TEST(a_backup_killed_at_its_nth_step_is_completed_or_cleaned_by_the_next)
{
    const struct way *way = &ways[_i];
    for (unsigned n = 1, killed = 1; killed != 0; n++) {
        ck_assert_uint_lt(n, STEPS_MAX);
        begin(NULL);
        memory_store_kill(store_of(way), MEMORY_ANY, n, way->did);
        killed = world_killed(&world, backup_nightly, NULL);
        world_assert_honest(&world);
        memory_store_heal(store_of(way));
        if (n % 2 == 0)
            (void)world_take(&world);
        else
            world_recover_job(&world, "nightly");
        world_assert_settled(&world);
        world_end(&world);
    }
}
END_TEST

START_TEST(a_manifest_that_was_written_before_the_kill_is_a_backup)
{
    char id[ULID_SIZE];
    int done = 0;
    begin(NULL);
    (void)world_take(&world); /* steps of a store that is known */
    unsigned before = memory_store_steps(world_store(&world, "nas"), MEMORY_PUT);
    (void)world_take(&world);
    unsigned steps = memory_store_steps(world_store(&world, "nas"), MEMORY_PUT) - before;
    /* The last that a backup writes into a store is its manifest. */
    memory_store_kill(world_store(&world, "nas"), MEMORY_PUT, steps, true);
    ck_assert(world_killed(&world, backup_nightly, &done));
    memory_store_heal(world_store(&world, "nas"));
    ck_assert_int_eq(
        world_number(&world, "SELECT count(*) FROM artifacts WHERE status = 'running'"), 1);
    world_recover_job(&world, "nightly");
    world_assert_settled(&world);
    ck_assert_int_eq(
        world_number(&world, "SELECT count(*) FROM artifacts WHERE status = 'complete'"),
        3);
    const struct catalog_choice latest = {.text = "latest"};
    ck_assert_int_eq(catalog_artifact_find(world.catalog, &latest, id, &world.err), 0);
    world_assert_state(&world, id, "nas", CATALOG_COPY_COMPLETE);
    world_assert_state(&world, id, "offsite", CATALOG_COPY_FAILED);
    world_end(&world);
}
END_TEST

/* ---- stores that are away from the start ---- */

START_TEST(a_store_that_is_away_has_a_failed_copy_of_a_partial_backup)
{
    begin(NULL);
    (void)world_take(&world);
    memory_store_fail(world_store(&world, "offsite"), MEMORY_CHECK, 1, "", ERR_TRANSIENT,
                      false);
    ck_assert_int_eq(world_backup(&world, "nightly"), 0);
    ck_assert_int_eq(result()->outcome, BACKUP_PARTIAL);
    ck_assert_int_eq(result()->err.kind, ERR_TRANSIENT);
    const struct catalog_copy *copy = world_copy_row(&world, world_id(&world), "offsite");
    ck_assert_int_eq(copy->state, CATALOG_COPY_FAILED);
    ck_assert_ptr_nonnull(strstr(copy->error, "told to fail"));
    world_assert_settled(&world);
    world_end(&world);
}
END_TEST

START_TEST(fewer_stores_than_min_copies_end_the_run_before_the_dump)
{
    begin("min_copies = 2;");
    memory_store_fail(world_store(&world, "offsite"), MEMORY_CHECK, 1, "", ERR_DENIED,
                      false);
    ck_assert_int_eq(world_backup(&world, "nightly"), -1);
    ck_assert_int_eq(world.err.kind, ERR_DENIED);
    ck_assert_ptr_nonnull(strstr(world.err.text, "1 of 2 stores answer, min_copies is 2"));
    memory_store_fail(world_store(&world, "nas"), MEMORY_CHECK, 1, "", ERR_TRANSIENT,
                      false);
    ck_assert_int_eq(world_backup(&world, "nightly"), -1);
    ck_assert_int_eq(world.err.kind, ERR_TRANSIENT);
    ck_assert_int_eq(world_number(&world, "SELECT count(*) FROM artifacts"), 0);
    ck_assert_int_eq(world_number(&world, "SELECT min(exit_status) FROM runs"), 5);
    world_end(&world);
}
END_TEST

START_TEST(a_store_without_its_mark_is_not_written_to)
{
    begin(NULL);
    (void)world_take(&world);
    size_t count = memory_store_count(world_store(&world, "nas"));
    memory_store_drop(world_store(&world, "nas"), KEYS_MARK);
    ck_assert_int_eq(world_backup(&world, "nightly"), 0);
    ck_assert_int_eq(result()->outcome, BACKUP_PARTIAL);
    ck_assert_int_eq(result()->err.kind, ERR_UNSAFE);
    ck_assert_uint_eq(memory_store_count(world_store(&world, "nas")), count - 1);
    world_end(&world);
}
END_TEST

/* ---- the catalog ---- */

/* Nothing can be written any more; or only that it is complete. */
static const char *const refusals[] = {"", " WHEN NEW.status = 'complete'"};

START_TEST(a_backup_that_its_stores_hold_is_not_called_failed_by_a_full_catalog)
{
    char *sql = memory_format("CREATE TRIGGER full BEFORE UPDATE OF status ON artifacts%s"
                              " BEGIN SELECT RAISE(ABORT, 'disk full'); END",
                              refusals[_i]);
    begin(NULL);
    (void)world_take(&world);
    world_sql(&world, sql);
    ck_assert_int_eq(world_backup(&world, "nightly"), 0);
    world_sql(&world, "DROP TRIGGER full");
    free(sql);
    const char *id = world_id(&world);
    ck_assert_ptr_nonnull(strstr(result()->err.text, "complete in its stores"));
    ck_assert_int_eq(world_status(&world, id), CATALOG_RUNNING);
    ck_assert(world_has(&world, id, "nas", KEYS_KIND_MANIFEST));
    recover();
    ck_assert_int_eq(world_status(&world, id), CATALOG_COMPLETE);
    world_assert_state(&world, id, "nas", CATALOG_COPY_COMPLETE);
    world_assert_state(&world, id, "offsite", CATALOG_COPY_COMPLETE);
    world_assert_settled(&world);
    world_end(&world);
}
END_TEST

static const char *const tables[] = {"artifacts", "copies"};

START_TEST(no_byte_goes_out_before_its_row_is_written)
{
    char *sql = memory_format("CREATE TRIGGER full BEFORE INSERT ON %s"
                              " BEGIN SELECT RAISE(ABORT, 'disk full'); END",
                              tables[_i]);
    begin(NULL);
    world_sql(&world, sql);
    ck_assert_int_eq(world_backup(&world, "nightly"), 0);
    ck_assert_int_eq(result()->outcome, BACKUP_FAILED);
    ck_assert_uint_eq(memory_store_steps(world_store(&world, "nas"), MEMORY_BEGIN), 0);
    ck_assert_int_eq(world_number(&world, "SELECT count(*) FROM artifacts"), 0);
    world_assert_settled(&world);
    world_end(&world);
    free(sql);
}
END_TEST

static Suite *suite(void)
{
    Suite *suite = suite_create("backup_stores");
    TCase *tcase = tcase_create("every_step");
    tcase_set_timeout(tcase, 120); /* some hundred backups, on a machine that may be busy */
    tcase_add_loop_test(tcase, a_store_that_dies_at_its_nth_step_leaves_the_others_whole, 0,
                        WAYS);
    tcase_add_loop_test(tcase, a_store_that_stumbles_once_holds_the_whole_or_nothing, 0,
                        WAYS);
    tcase_add_loop_test(tcase, with_fewer_than_min_copies_nothing_is_complete_anywhere, 0,
                        WAYS);
    tcase_add_loop_test(tcase, an_interrupted_backup_leaves_nothing_but_what_is_complete, 0,
                        WAYS);
    tcase_add_loop_test(tcase,
                        a_backup_killed_at_its_nth_step_is_completed_or_cleaned_by_the_next,
                        0, WAYS);
    suite_add_tcase(suite, tcase);
    tcase = tcase_create("one_step");
    tcase_add_loop_test(tcase, a_manifest_is_written_only_when_min_copies_hold_the_data, 0,
                        sizeof before_manifest / sizeof *before_manifest);
    tcase_add_test(tcase, a_manifest_that_was_written_before_the_kill_is_a_backup);
    tcase_add_test(tcase, a_store_that_is_away_has_a_failed_copy_of_a_partial_backup);
    tcase_add_test(tcase, fewer_stores_than_min_copies_end_the_run_before_the_dump);
    tcase_add_test(tcase, a_store_without_its_mark_is_not_written_to);
    tcase_add_loop_test(
        tcase, a_backup_that_its_stores_hold_is_not_called_failed_by_a_full_catalog, 0,
        sizeof refusals / sizeof *refusals);
    tcase_add_loop_test(tcase, no_byte_goes_out_before_its_row_is_written, 0,
                        sizeof tables / sizeof *tables);
    suite_add_tcase(suite, tcase);
    return suite;
}

int main(void)
{
    return run_suite(suite());
}
