#include "catalog/deletions.h"

#include "base/clock.h"
#include "base/memory.h"
#include "catalog/artifact_list.h"
#include "catalog/leases.h"
#include "catalog/runs.h"
#include "tests/support/catalog_rig.h"
#include "tests/support/run_suite.h"

#include <sqlite3.h>

static enum catalog_skip mark(int64_t id, enum catalog_copy_state expected, bool vouched)
{
    struct catalog_deletion item = {
        .copy = id, .reason = "no rule keeps it", .expected = expected, .vouched = vouched};
    struct catalog_marking marking = {.items = &item, .count = 1, .now = 5000};
    OK(catalog_deletions_mark(here.catalog, &marking, &here.err));
    return item.result;
}

static void delay(int64_t id, enum catalog_copy_state state, const char *error,
                  int64_t next_try)
{
    const struct catalog_delay delay = {
        .state = state, .error = error, .next_try = next_try};
    OK(catalog_deletion_delay(here.catalog, id, &delay, &here.err));
}

static bool is(int64_t id, enum catalog_copy_state state)
{
    struct catalog_copy copy = catalog_rig_copy(id);
    bool same = copy.state == state;
    catalog_copy_release(&copy);
    return same;
}

START_TEST(a_mark_says_why_and_by_which_run)
{
    int64_t run = 0;
    int64_t id = catalogs_complete(here.catalog, 1, here.store, 1000);
    OK(catalog_run_begin(here.catalog, "prune", "nightly", &run, &here.err));
    struct catalog_deletion item = {
        .copy = id, .reason = "no rule keeps it", .expected = CATALOG_COPY_COMPLETE};
    struct catalog_marking marking = {.items = &item, .count = 1, .run = run, .now = 5000};
    OK(catalog_deletions_mark(here.catalog, &marking, &here.err));
    ck_assert_int_eq(item.result, CATALOG_MARKED);
    struct catalog_copy copy = catalog_rig_copy(id);
    ck_assert_int_eq(copy.state, CATALOG_COPY_DELETING);
    ck_assert_int_eq(copy.delete_run, run);
    ck_assert_str_eq(copy.delete_reason, "no rule keeps it");
    ck_assert_int_eq(copy.marked, 5000);
    catalog_copy_release(&copy);
}
END_TEST

/* Listed as complete, it could not be restored. */
START_TEST(copies_that_failed_do_not_outlive_the_last_good_one)
{
    static const struct row {
        const char *other; /* the copy in the other store */
        const char *status;
    } rows[] = {
        {"state = 'failed', begun = 0", "deleted"},
        {"state = 'failed', begun = 1", "complete"}, /* its remains are to be removed */
        {"state = 'missing'", "complete"},
        {"state = 'complete'", "complete"},
    };
    int64_t offsite = catalogs_store(here.catalog, "offsite");
    for (unsigned i = 0; i < sizeof rows / sizeof *rows; i++) {
        char sql[200];
        int64_t id = catalogs_complete(here.catalog, i, here.store, 1000);
        int64_t other = catalogs_copy(here.catalog, i, offsite);
        snprintf(sql, sizeof sql, "UPDATE copies SET %s WHERE id = %lld", rows[i].other,
                 (long long)other);
        catalogs_sql(&here.files, sql);
        ck_assert_int_eq(mark(id, CATALOG_COPY_COMPLETE, false), CATALOG_MARKED);
        OK(catalog_deletion_done(here.catalog, id, NULL, &here.err));
        snprintf(sql, sizeof sql, "SELECT status = '%s' FROM artifacts WHERE id = '%s'",
                 rows[i].status, catalogs_id(i));
        ck_assert_int_eq(catalog_rig_number(sql), 1);
        if (i != 1)
            continue;
        OK(catalog_copy_fail(here.catalog, other, "undone", true, &here.err));
        snprintf(sql, sizeof sql,
                 "SELECT status = 'deleted' FROM artifacts WHERE id = '%s'",
                 catalogs_id(i));
        ck_assert_int_eq(catalog_rig_number(sql), 1);
    }
}
END_TEST

START_TEST(those_that_never_go_are_tried_last)
{
    struct catalog_copies due = {0};
    int64_t ids[3];
    for (unsigned i = 0; i < 3; i++) {
        ids[i] = catalogs_complete(here.catalog, i, here.store, 1000);
        ck_assert_int_eq(mark(ids[i], CATALOG_COPY_COMPLETE, false), CATALOG_MARKED);
    }
    for (unsigned i = 0; i < 2; i++)
        delay(ids[i], CATALOG_COPY_DELETING, "no", 0);
    OK(catalog_deletions_due(here.catalog, here.store, 5000, &due, &here.err));
    ck_assert_uint_eq(due.count, 3);
    ck_assert_int_eq(due.items[0].id, ids[2]);
    ck_assert_int_eq(due.items[1].id, ids[0]);
    catalog_copies_release(&due);
}
END_TEST

START_TEST(what_changed_since_the_plan_is_skipped)
{
    int64_t id = catalogs_complete(here.catalog, 1, here.store, 1000);
    ck_assert_int_eq(mark(id, CATALOG_COPY_DAMAGED, false), CATALOG_SKIP_STATE);
    ck_assert_int_eq(mark(4711, CATALOG_COPY_COMPLETE, false), CATALOG_SKIP_STATE);
    ck_assert_int_eq(mark(id, CATALOG_COPY_COMPLETE, false), CATALOG_MARKED);
    ck_assert_int_eq(mark(id, CATALOG_COPY_COMPLETE, false), CATALOG_SKIP_STATE);
    ck_assert_int_eq(mark(id, CATALOG_COPY_DELETING, false), CATALOG_SKIP_STATE);
}
END_TEST

START_TEST(a_pin_holds_complete_copies_until_its_end)
{
    int64_t id = catalogs_complete(here.catalog, 1, here.store, 1000);
    OK(catalog_artifact_pin(here.catalog, catalogs_id(1), 5001, NULL, &here.err));
    ck_assert_int_eq(mark(id, CATALOG_COPY_COMPLETE, false), CATALOG_SKIP_PINNED);
    ck_assert(is(id, CATALOG_COPY_COMPLETE));
    catalogs_sql(&here.files, "UPDATE copies SET state = 'damaged'");
    ck_assert_int_eq(mark(id, CATALOG_COPY_DAMAGED, false), CATALOG_MARKED);
    catalogs_sql(&here.files, "UPDATE copies SET state = 'complete'");
    OK(catalog_artifact_pin(here.catalog, catalogs_id(1), 5000, NULL, &here.err));
    ck_assert_int_eq(mark(id, CATALOG_COPY_COMPLETE, false), CATALOG_MARKED);
}
END_TEST

START_TEST(a_lease_holds_a_copy)
{
    int64_t id = catalogs_complete(here.catalog, 1, here.store, 1000);
    struct catalog_lease lease = {.copy = id, .purpose = "being verified"};
    OK(catalog_lease_take(here.catalog, &lease, &here.err));
    ck_assert_int_eq(mark(id, CATALOG_COPY_COMPLETE, false), CATALOG_SKIP_LEASED);
    OK(catalog_lease_end(here.catalog, lease.id, &here.err));
    ck_assert_int_eq(mark(id, CATALOG_COPY_COMPLETE, false), CATALOG_MARKED);
}
END_TEST

START_TEST(an_upload_is_taken_only_from_the_dead)
{
    static const struct row {
        const char *owner;
        bool vouched;
        enum catalog_skip result;
    } rows[] = {
        {"self", false, CATALOG_SKIP_OWNED},    {"self", true, CATALOG_SKIP_OWNED},
        {"unknown", false, CATALOG_SKIP_OWNED}, {"unknown", true, CATALOG_MARKED},
        {"dead", false, CATALOG_MARKED},
    };
    for (unsigned i = 0; i < sizeof rows / sizeof *rows; i++) {
        char sql[100];
        catalogs_artifact(here.catalog, i, 1000);
        int64_t id = catalogs_copy(here.catalog, i, here.store);
        if (strcmp(rows[i].owner, "dead") == 0)
            catalog_rig_set_owner(catalogs_dead_owner());
        else if (strcmp(rows[i].owner, "unknown") == 0)
            catalog_rig_set_owner(catalogs_unknown_owner());
        ck_assert_int_eq(mark(id, CATALOG_COPY_UPLOADING, rows[i].vouched),
                         CATALOG_SKIP_STATE); /* its artifact runs */
        snprintf(sql, sizeof sql, "UPDATE artifacts SET status = 'failed'");
        catalogs_sql(&here.files, sql);
        ck_assert_int_eq(mark(id, CATALOG_COPY_UPLOADING, rows[i].vouched), rows[i].result);
    }
}
END_TEST

START_TEST(what_never_began_is_forgotten_at_once)
{
    struct catalog_artifact artifact;
    catalogs_artifact(here.catalog, 1, 1000);
    int64_t id = catalogs_copy(here.catalog, 1, here.store);
    OK(catalog_copy_fail(here.catalog, id, "403", true, &here.err));
    catalogs_sql(&here.files, "UPDATE artifacts SET status = 'failed'");
    ck_assert_int_eq(mark(id, CATALOG_COPY_FAILED, false), CATALOG_FORGOTTEN);
    ck_assert(is(id, CATALOG_COPY_DELETED));
    OK(catalog_artifact_load(here.catalog, catalogs_id(1), 0, &artifact, &here.err));
    ck_assert_int_eq(artifact.status, CATALOG_DELETED);
    catalog_artifact_release(&artifact);
}
END_TEST

/* Refuses when fewer complete copies would be left than *context. */
static int keep_at_least(void *context, struct catalog *catalog, struct err *why)
{
    const size_t *floor = context;
    struct catalog_copies left = {0};
    struct catalog_copy_filter filter = {.states = 1u << CATALOG_COPY_COMPLETE};
    if (catalog_copies_list(catalog, &filter, &left, why) < 0)
        return -1;
    size_t count = left.count;
    catalog_copies_release(&left);
    return count >= *floor ? 0 : err_set(why, ERR_UNSAFE, "%zu would be left", count);
}

START_TEST(a_check_inside_sees_what_would_be_left_and_can_undo_it)
{
    struct catalog_deletion items[2];
    size_t floor = 1;
    for (unsigned i = 0; i < 2; i++)
        items[i] = (struct catalog_deletion){
            .copy = catalogs_complete(here.catalog, i, here.store, 1000 + i),
            .reason = "x",
            .expected = CATALOG_COPY_COMPLETE};
    struct catalog_marking marking = {
        .items = items, .count = 2, .now = 1, .check = keep_at_least, .context = &floor};
    ck_assert_int_eq(catalog_deletions_mark(here.catalog, &marking, &here.err), -1);
    ck_assert_int_eq(here.err.kind, ERR_UNSAFE);
    ck_assert_str_eq(here.err.text, "0 would be left");
    ck_assert(is(items[0].copy, CATALOG_COPY_COMPLETE));
    ck_assert(is(items[1].copy, CATALOG_COPY_COMPLETE));
    marking.count = 1;
    OK(catalog_deletions_mark(here.catalog, &marking, &here.err));
    ck_assert(is(items[0].copy, CATALOG_COPY_DELETING));
}
END_TEST

START_TEST(removal_is_written_down_step_by_step_and_steps_repeat)
{
    int64_t other = catalogs_store(here.catalog, "other");
    int64_t first = catalogs_complete(here.catalog, 1, here.store, 1000);
    struct catalog_copy end = {.id = catalogs_copy(here.catalog, 1, other)};
    bool last = true;
    OK(catalog_copy_complete(here.catalog, &end, &here.err));
    ck_assert_int_eq(mark(first, CATALOG_COPY_COMPLETE, false), CATALOG_MARKED);
    OK(catalog_deletion_gone(here.catalog, first, CATALOG_GONE_MANIFEST, &here.err));
    OK(catalog_deletion_gone(here.catalog, first, CATALOG_GONE_DATA, &here.err));
    OK(catalog_deletion_gone(here.catalog, first, CATALOG_GONE_DATA, &here.err));
    struct catalog_copy copy = catalog_rig_copy(first);
    ck_assert_uint_eq(copy.gone, CATALOG_GONE_MANIFEST | CATALOG_GONE_DATA);
    catalog_copy_release(&copy);
    OK(catalog_deletion_done(here.catalog, first, &last, &here.err));
    ck_assert(!last);
    ck_assert_int_eq(mark(end.id, CATALOG_COPY_COMPLETE, false), CATALOG_MARKED);
    OK(catalog_deletion_done(here.catalog, end.id, &last, &here.err));
    ck_assert(last);
    /* Both are counted for ever, each at its store. */
    ck_assert_int_eq(catalog_rig_number("SELECT count(*) FROM totals WHERE job = 'nightly'"
                                        " AND name = 'deleted_copies' AND value = 1"),
                     2);
    ck_assert_int_eq(
        catalog_rig_number("SELECT coalesce(sum(value), 0) FROM totals WHERE name ="
                           " 'deleted_bytes'"),
        catalog_rig_number("SELECT sum(bytes) FROM copies WHERE state = 'deleted'"));
    ck_assert_int_eq(catalog_deletion_done(here.catalog, end.id, NULL, &here.err), -1);
    ck_assert_int_eq(here.err.kind, ERR_UNSAFE);
}
END_TEST

static size_t due_at(int64_t now)
{
    struct catalog_copies due = {0};
    OK(catalog_deletions_due(here.catalog, 0, now, &due, &here.err));
    size_t count = due.count;
    catalog_copies_release(&due);
    OK(catalog_deletions_due(here.catalog, here.store + 1, now, &due, &here.err));
    ck_assert_uint_eq(due.count, 0);
    catalog_copies_release(&due);
    return count;
}

START_TEST(a_store_that_refuses_is_tried_again_when_it_is_due)
{
    int64_t id = catalogs_complete(here.catalog, 1, here.store, 1000);
    ck_assert_int_eq(mark(id, CATALOG_COPY_COMPLETE, false), CATALOG_MARKED);
    ck_assert_uint_eq(due_at(0), 1);
    delay(id, CATALOG_COPY_DELETING, "503", 100);
    ck_assert_uint_eq(due_at(99), 0);
    ck_assert_uint_eq(due_at(100), 1);
    const struct catalog_delay locked = {CATALOG_COPY_LOCKED, "locked", 900, 200};
    OK(catalog_deletion_delay(here.catalog, id, &locked, &here.err));
    ck_assert_uint_eq(due_at(199), 0);
    ck_assert_uint_eq(due_at(200), 1);
    struct catalog_copy copy = catalog_rig_copy(id);
    ck_assert_int_eq(copy.locked_until, 900);
    ck_assert_int_eq(copy.attempts, 2);
    ck_assert_str_eq(copy.error, "locked");
    catalog_copy_release(&copy);
    OK(catalog_deletion_resume(here.catalog, id, &here.err));
    delay(id, CATALOG_COPY_BLOCKED, "403", 300);
    ck_assert_uint_eq(due_at(300), 1);
    OK(catalog_deletion_resume(here.catalog, id, &here.err));
    OK(catalog_deletion_done(here.catalog, id, NULL, &here.err));
    ck_assert_uint_eq(due_at(INT64_MAX), 0);
}
END_TEST

START_TEST(tombstones_go_when_they_are_old_enough)
{
    size_t count = 9;
    struct catalog_artifact artifact;
    int64_t id = catalogs_complete(here.catalog, 1, here.store, 1000);
    catalogs_complete(here.catalog, 2, here.store, 1000);
    catalogs_sql(&here.files,
                 "INSERT INTO tags VALUES (1, 'a', 'b');"
                 "INSERT INTO filters VALUES (1, 0, 'a', 'b');"
                 "INSERT INTO tables VALUES (1, 0, 'a', 'b', 1, 1);"
                 "INSERT INTO verifications (copy, time, level, result, duration_ms,"
                 " bytes) VALUES (1, 1, 1, 'good', 0, 0)");
    ck_assert_int_eq(mark(id, CATALOG_COPY_COMPLETE, false), CATALOG_MARKED);
    OK(catalog_deletion_done(here.catalog, id, NULL, &here.err));
    OK(catalog_tombstones_purge(here.catalog, clock_now() - 10, &count, &here.err));
    ck_assert_uint_eq(count, 0);
    OK(catalog_artifact_load(here.catalog, catalogs_id(1), 0, &artifact, &here.err));
    catalog_artifact_release(&artifact);
    OK(catalog_tombstones_purge(here.catalog, clock_now() + 10, &count, &here.err));
    ck_assert_uint_eq(count, 1);
    ck_assert_int_eq(
        catalog_artifact_load(here.catalog, catalogs_id(1), 0, &artifact, &here.err), -1);
    ck_assert_int_eq(here.err.kind, ERR_NOT_FOUND);
    catalog_artifact_release(&artifact);
    ck_assert_int_eq(catalog_rig_number("SELECT count(*) FROM artifacts"), 1);
    OK(catalog_check(here.catalog, &here.err));
    OK(catalog_tombstones_purge(here.catalog, 0, NULL, &here.err));
}
END_TEST

START_TEST(a_store_with_copies_cannot_be_dropped_from_under_them)
{
    sqlite3 *db = NULL;
    catalogs_complete(here.catalog, 1, here.store, 1000);
    ck_assert_int_eq(sqlite3_open(here.files.path, &db), SQLITE_OK);
    ck_assert_int_eq(sqlite3_exec(db, "PRAGMA foreign_keys = ON", NULL, NULL, NULL),
                     SQLITE_OK);
    ck_assert_int_ne(sqlite3_exec(db, "DELETE FROM stores", NULL, NULL, NULL), SQLITE_OK);
    ck_assert_int_ne(sqlite3_exec(db, "DELETE FROM artifacts", NULL, NULL, NULL),
                     SQLITE_OK);
    sqlite3_close(db);
}
END_TEST

START_TEST(results_have_names)
{
    static const char *const names[] = {"marked", "its state changed", "pinned",
                                        "in use", "being uploaded",    "nothing to remove"};
    for (unsigned i = 0; i < 6; i++)
        ck_assert_str_eq(catalog_skip_name((enum catalog_skip)i), names[i]);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("deletions");
    TCase *tcase = tcase_create("deletions");
    tcase_add_checked_fixture(tcase, catalog_rig_begin, catalog_rig_end);
    tcase_add_test(tcase, a_mark_says_why_and_by_which_run);
    tcase_add_test(tcase, copies_that_failed_do_not_outlive_the_last_good_one);
    tcase_add_test(tcase, those_that_never_go_are_tried_last);
    tcase_add_test(tcase, what_changed_since_the_plan_is_skipped);
    tcase_add_test(tcase, a_pin_holds_complete_copies_until_its_end);
    tcase_add_test(tcase, a_lease_holds_a_copy);
    tcase_add_test(tcase, an_upload_is_taken_only_from_the_dead);
    tcase_add_test(tcase, what_never_began_is_forgotten_at_once);
    tcase_add_test(tcase, a_check_inside_sees_what_would_be_left_and_can_undo_it);
    tcase_add_test(tcase, removal_is_written_down_step_by_step_and_steps_repeat);
    tcase_add_test(tcase, a_store_that_refuses_is_tried_again_when_it_is_due);
    tcase_add_test(tcase, tombstones_go_when_they_are_old_enough);
    tcase_add_test(tcase, a_store_with_copies_cannot_be_dropped_from_under_them);
    tcase_add_test(tcase, results_have_names);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
