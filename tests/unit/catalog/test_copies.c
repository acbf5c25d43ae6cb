#include "catalog/copies.h"

#include "base/memory.h"
#include "catalog/artifacts.h"
#include "catalog/deletions.h"
#include "catalog/verifications.h"
#include "tests/support/catalog_rig.h"
#include "tests/support/run_suite.h"

#include <sqlite3.h>

static void force(int64_t id, unsigned state)
{
    char sql[200];
    snprintf(sql, sizeof sql, "UPDATE copies SET state = '%s' WHERE id = %lld",
             catalog_copy_state_name((enum catalog_copy_state)state), (long long)id);
    catalogs_sql(&here.files, sql);
}

/* ---- every function against every state ---- */

static int do_begun(int64_t id)
{
    return catalog_copy_begun(here.catalog, id, "handle", &here.err);
}
static int do_complete(int64_t id)
{
    struct catalog_copy copy = {.id = id, .bytes = 7};
    return catalog_copy_complete(here.catalog, &copy, &here.err);
}
static int do_fail(int64_t id)
{
    return catalog_copy_fail(here.catalog, id, "no", false, &here.err);
}
static int do_reopen(int64_t id)
{
    catalog_rig_set_owner(catalogs_dead_owner());
    return catalog_copy_reopen(here.catalog, id, &here.err);
}
static int do_first_marked(int64_t id)
{
    return catalog_copy_set_first_marked(here.catalog, id, 5, &here.err);
}
static int do_mark(int64_t id)
{
    struct catalog_copy copy = catalog_rig_copy(id);
    struct catalog_deletion item = {.copy = id, .reason = "x", .expected = copy.state};
    struct catalog_marking marking = {.items = &item, .count = 1, .now = 100};
    catalog_copy_release(&copy);
    catalog_rig_set_owner(catalogs_dead_owner());
    ck_assert_msg(catalog_deletions_mark(here.catalog, &marking, &here.err) == 0, "%s",
                  here.err.text);
    here.err.kind = ERR_UNSAFE; /* a skip is no error */
    return item.result == CATALOG_MARKED ? 0 : -1;
}
static int do_gone(int64_t id)
{
    return catalog_deletion_gone(here.catalog, id, CATALOG_GONE_MANIFEST, &here.err);
}
static int do_done(int64_t id)
{
    return catalog_deletion_done(here.catalog, id, NULL, &here.err);
}
static int delay(int64_t id, enum catalog_copy_state state, int64_t locked_until)
{
    const struct catalog_delay delay = {
        .state = state, .error = "no", .locked_until = locked_until, .next_try = 50};
    return catalog_deletion_delay(here.catalog, id, &delay, &here.err);
}
static int do_retry(int64_t id)
{
    return delay(id, CATALOG_COPY_DELETING, 0);
}
static int do_locked(int64_t id)
{
    return delay(id, CATALOG_COPY_LOCKED, 90);
}
static int do_blocked(int64_t id)
{
    return delay(id, CATALOG_COPY_BLOCKED, 0);
}
static int do_resume(int64_t id)
{
    return catalog_deletion_resume(here.catalog, id, &here.err);
}
static int do_verify(int64_t id, enum catalog_result result)
{
    struct catalog_verification v = {
        .copy = id, .time = 9, .level = CATALOG_FULL, .result = result};
    return catalog_verification_add(here.catalog, &v, &here.err);
}
static int do_good(int64_t id)
{
    return do_verify(id, CATALOG_GOOD);
}
static int do_missing(int64_t id)
{
    return do_verify(id, CATALOG_FOUND_MISSING);
}
static int do_damaged(int64_t id)
{
    return do_verify(id, CATALOG_FOUND_DAMAGED);
}

/* Letters of the states it works from: Uploading Complete Failed Missing dAmaged dEleting
 * Locked Blocked deleteD; and the state it ends in (NULL: stays). */
static const char letters[] = "UCFMAELBD";
static const struct move {
    const char *name;
    int (*run)(int64_t id);
    const char *from;
    const char *to;
} moves[] = {
    {"begun", do_begun, "U", NULL},
    {"complete", do_complete, "UMA", "complete"},
    {"fail", do_fail, "UF", "failed"},
    {"reopen", do_reopen, "UFMAD", "uploading"},
    {"first_marked", do_first_marked, "C", NULL},
    {"mark", do_mark, "UCFMA", "deleting"},
    {"gone", do_gone, "E", NULL},
    {"done", do_done, "E", "deleted"},
    {"retry", do_retry, "E", "deleting"},
    {"locked", do_locked, "E", "locked"},
    {"blocked", do_blocked, "E", "blocked"},
    {"resume", do_resume, "ELB", "deleting"},
    {"good", do_good, "CMA", "complete"},
    {"missing", do_missing, "CMA", "missing"},
    {"damaged", do_damaged, "CMA", "damaged"},
};

START_TEST(each_function_works_from_its_states_only)
{
    const struct move *move = &moves[_i];
    for (unsigned state = 0; state < CATALOG_COPY_STATES; state++) {
        int64_t id = catalogs_complete(here.catalog, state, here.store, 1000);
        char sql[100];
        snprintf(sql, sizeof sql, "UPDATE copies SET begun = 1 WHERE id = %lld",
                 (long long)id);
        catalogs_sql(&here.files, sql);
        force(id, state);
        bool allowed = strchr(move->from, letters[state]) != NULL;
        here.err = (struct err){0};
        ck_assert_msg(move->run(id) == (allowed ? 0 : -1), "%s from %s: %s", move->name,
                      catalog_copy_state_name((enum catalog_copy_state)state),
                      here.err.text);
        enum catalog_copy_state after = catalog_rig_copy_state(id);
        if (!allowed) {
            ck_assert_int_eq(here.err.kind, ERR_UNSAFE);
            ck_assert_int_eq(after, (int)state);
        } else if (move->to != NULL) {
            ck_assert_str_eq(catalog_copy_state_name(after), move->to);
        }
    }
    here.err = (struct err){0};
    if (move->run == do_mark || move->run == do_reopen)
        return;
    ck_assert_int_eq(move->run(4711), -1);
    ck_assert_int_eq(here.err.kind, ERR_NOT_FOUND);
}
END_TEST

/* The trigger and the C tables say the same, for every pair. */
/* The table of catalog.h, once more and by hand: what the file allows is made from the one in
 * states.c. */
#define TO(state) (1u << CATALOG_COPY_##state)
static const unsigned copy_moves[CATALOG_COPY_STATES] = {
    [CATALOG_COPY_UPLOADING] = TO(COMPLETE) | TO(FAILED) | TO(DELETING),
    [CATALOG_COPY_COMPLETE] = TO(MISSING) | TO(DAMAGED) | TO(DELETING),
    [CATALOG_COPY_MISSING] = TO(COMPLETE) | TO(DAMAGED) | TO(UPLOADING) | TO(DELETING),
    [CATALOG_COPY_DAMAGED] = TO(COMPLETE) | TO(MISSING) | TO(UPLOADING) | TO(DELETING),
    [CATALOG_COPY_FAILED] = TO(UPLOADING) | TO(DELETING) | TO(DELETED),
    [CATALOG_COPY_DELETING] = TO(DELETED) | TO(LOCKED) | TO(BLOCKED),
    [CATALOG_COPY_LOCKED] = TO(DELETING),
    [CATALOG_COPY_BLOCKED] = TO(DELETING),
    [CATALOG_COPY_DELETED] = TO(UPLOADING),
};

START_TEST(the_file_refuses_what_the_tables_forbid)
{
    sqlite3 *db = NULL;
    int64_t id = catalogs_complete(here.catalog, 1, here.store, 1000);
    ck_assert_int_eq(sqlite3_open(here.files.path, &db), SQLITE_OK);
    for (unsigned from = 0; from < CATALOG_COPY_STATES; from++)
        for (unsigned to = 0; to < CATALOG_COPY_STATES; to++) {
            char sql[100];
            force(id, from);
            snprintf(sql, sizeof sql, "UPDATE copies SET state = '%s'",
                     catalog_copy_state_name((enum catalog_copy_state)to));
            bool allowed = from == to || (copy_moves[from] & 1u << to) != 0;
            ck_assert_int_eq(sqlite3_exec(db, sql, NULL, NULL, NULL) == SQLITE_OK, allowed);
        }
    ck_assert_int_ne(sqlite3_exec(db, "UPDATE copies SET state = 'gone'", NULL, NULL, NULL),
                     SQLITE_OK);
    sqlite3_close(db);
}
END_TEST

START_TEST(names_and_states_are_one_to_one)
{
    for (unsigned i = 0; i < CATALOG_COPY_STATES; i++)
        for (unsigned j = 0; j < CATALOG_COPY_STATES; j++)
            ck_assert_int_eq(strcmp(catalog_copy_state_name((enum catalog_copy_state)i),
                                    catalog_copy_state_name((enum catalog_copy_state)j)) ==
                                 0,
                             i == j);
    ck_assert_str_eq(catalog_copy_state_name(CATALOG_COPY_MISSING), "missing");
    ck_assert_str_eq(catalog_level_name(CATALOG_DRILL), "drill");
}
END_TEST

/* ---- an upload's life ---- */

START_TEST(an_upload_is_written_down_before_it_begins)
{
    catalogs_artifact(here.catalog, 1, 1000);
    int64_t id = catalogs_copy(here.catalog, 1, here.store);
    struct catalog_copy copy = catalog_rig_copy(id);
    ck_assert(!copy.begun);
    ck_assert_str_eq(copy.artifact, catalogs_id(1));
    ck_assert_str_eq(copy.store, "nas");
    ck_assert_str_eq(copy.key, "data/shop/1.sql.gz");
    ck_assert_int_eq(copy.owner_state, OWNER_ALIVE);
    catalog_copy_release(&copy);
    OK(catalog_copy_begun(here.catalog, id, "upload-id", &here.err));
    copy = catalog_rig_copy(id);
    ck_assert(copy.begun);
    ck_assert_str_eq(copy.upload, "upload-id");
    catalog_copy_release(&copy);
    struct catalog_copy end = {.id = id, .bytes = 12, .etag = NULL};
    OK(catalog_copy_complete(here.catalog, &end, &here.err));
    copy = catalog_rig_copy(id);
    ck_assert_ptr_null(copy.upload);
    ck_assert_ptr_null(copy.owner);
    ck_assert_uint_eq(copy.bytes, 12);
    ck_assert_int_gt(copy.completed, 0);
    ck_assert_int_eq(copy.owner_state, OWNER_DEAD);
    catalog_copy_release(&copy);
}
END_TEST

START_TEST(remains_are_remembered_unless_they_were_undone)
{
    catalogs_artifact(here.catalog, 1, 1000);
    int64_t other = catalogs_store(here.catalog, "other");
    int64_t dirty = catalogs_copy(here.catalog, 1, here.store);
    int64_t clean = catalogs_copy(here.catalog, 1, other);
    struct catalog_copies left = {0};
    OK(catalog_copy_begun(here.catalog, dirty, "a", &here.err));
    OK(catalog_copy_begun(here.catalog, clean, "b", &here.err));
    OK(catalog_copy_fail(here.catalog, dirty, "503", false, &here.err));
    OK(catalog_copy_fail(here.catalog, clean, "503", true, &here.err));
    OK(catalog_copies_abandoned(here.catalog, 0, &left, &here.err));
    ck_assert_uint_eq(left.count, 1);
    ck_assert_int_eq(left.items[0].id, dirty);
    ck_assert_str_eq(left.items[0].upload, "a");
    ck_assert_str_eq(left.items[0].error, "503");
    catalog_copies_release(&left);
    /* Once somebody has removed them, they are remains no more. */
    OK(catalog_copy_fail(here.catalog, dirty, "503", true, &here.err));
    OK(catalog_copies_abandoned(here.catalog, 0, &left, &here.err));
    ck_assert_uint_eq(left.count, 0);
    catalog_copies_release(&left);
}
END_TEST

START_TEST(an_upload_whose_owner_lives_is_nobody_elses)
{
    struct catalog_copies left = {0};
    catalogs_artifact(here.catalog, 1, 1000);
    int64_t id = catalogs_copy(here.catalog, 1, here.store);
    OK(catalog_copy_begun(here.catalog, id, "a", &here.err));
    OK(catalog_copies_abandoned(here.catalog, 0, &left, &here.err));
    ck_assert_uint_eq(left.count, 0);
    ck_assert_int_eq(catalog_copy_reopen(here.catalog, id, &here.err), -1);
    ck_assert_int_eq(here.err.kind, ERR_UNSAFE);
    catalog_rig_set_owner(catalogs_unknown_owner());
    OK(catalog_copies_abandoned(here.catalog, here.store, &left, &here.err));
    ck_assert_uint_eq(left.count, 1);
    ck_assert_int_eq(left.items[0].owner_state, OWNER_UNKNOWN);
    OK(catalog_copies_abandoned(here.catalog, here.store + 1, &left, &here.err));
    ck_assert_uint_eq(left.count, 1);
    ck_assert_int_eq(catalog_copy_reopen(here.catalog, id, &here.err), -1);
    catalog_rig_set_owner(catalogs_dead_owner());
    OK(catalog_copy_reopen(here.catalog, id, &here.err));
    catalog_copies_release(&left);
    struct catalog_copy copy = catalog_rig_copy(id);
    ck_assert_str_eq(copy.upload, "a"); /* to be resumed */
    ck_assert_int_eq(copy.owner_state, OWNER_ALIVE);
    catalog_copy_release(&copy);
}
END_TEST

START_TEST(what_comes_back_after_a_deletion_starts_from_nothing)
{
    int64_t other = catalogs_store(here.catalog, "other");
    int64_t id = catalogs_complete(here.catalog, 1, here.store, 1000);
    struct catalog_copy second = {.id = catalogs_copy(here.catalog, 1, other)};
    OK(catalog_copy_complete(here.catalog, &second, &here.err));
    struct catalog_deletion item = {
        .copy = id, .reason = "x", .expected = CATALOG_COPY_COMPLETE};
    struct catalog_marking marking = {.items = &item, .count = 1, .now = 100};
    OK(catalog_deletions_mark(here.catalog, &marking, &here.err));
    OK(catalog_deletion_gone(here.catalog, id, 15, &here.err));
    OK(catalog_deletion_done(here.catalog, id, NULL, &here.err));
    OK(catalog_copy_reopen(here.catalog, id, &here.err));
    struct catalog_copy copy = catalog_rig_copy(id);
    ck_assert_uint_eq(copy.gone, 0);
    ck_assert_int_eq(copy.marked, 0);
    ck_assert_int_eq(copy.deleted, 0);
    ck_assert_ptr_null(copy.delete_reason);
    ck_assert(!copy.begun);
    catalog_copy_release(&copy);
}
END_TEST

START_TEST(a_deleted_or_failed_artifact_gets_no_copies)
{
    static const char *const statuses[] = {"failed", "cancelled", "deleted"};
    int64_t id = catalogs_complete(here.catalog, 1, here.store, 1000);
    int64_t other = catalogs_store(here.catalog, "other");
    force(id, CATALOG_COPY_DELETED);
    for (size_t i = 0; i < 3; i++) {
        char sql[100];
        struct catalog_copy copy = {.store_id = other};
        snprintf(copy.artifact, sizeof copy.artifact, "%s", catalogs_id(1));
        copy.key = memory_strdup("k");
        snprintf(sql, sizeof sql, "UPDATE artifacts SET status = '%s'", statuses[i]);
        catalogs_sql(&here.files, sql);
        ck_assert_int_eq(catalog_copy_insert(here.catalog, &copy, &here.err), -1);
        ck_assert_int_eq(here.err.kind, ERR_UNSAFE);
        ck_assert_int_eq(catalog_copy_reopen(here.catalog, id, &here.err), -1);
        ck_assert_int_eq(here.err.kind, ERR_UNSAFE);
        snprintf(copy.artifact, sizeof copy.artifact, "%s", catalogs_id(2));
        ck_assert_int_eq(catalog_copy_insert(here.catalog, &copy, &here.err), -1);
        ck_assert_int_eq(here.err.kind, ERR_NOT_FOUND);
        catalog_copy_release(&copy);
    }
}
END_TEST

START_TEST(one_copy_per_store)
{
    struct catalog_copy copy = {.store_id = here.store};
    catalogs_artifact(here.catalog, 1, 1000);
    catalogs_copy(here.catalog, 1, here.store);
    snprintf(copy.artifact, sizeof copy.artifact, "%s", catalogs_id(1));
    copy.key = memory_strdup("k");
    ck_assert_int_eq(catalog_copy_insert(here.catalog, &copy, &here.err), -1);
    ck_assert_int_eq(here.err.kind, ERR_UNSAFE);
    copy.store_id = 99;
    ck_assert_int_eq(catalog_copy_insert(here.catalog, &copy, &here.err), -1);
    catalog_copy_release(&copy);
}
END_TEST

START_TEST(a_first_mark_stays_until_it_is_cleared)
{
    static const int64_t steps[][2] = {{50, 50}, {60, 50}, {0, 0}, {70, 70}};
    int64_t id = catalogs_complete(here.catalog, 1, here.store, 1000);
    for (size_t i = 0; i < 4; i++) {
        OK(catalog_copy_set_first_marked(here.catalog, id, steps[i][0], &here.err));
        struct catalog_copy copy = catalog_rig_copy(id);
        ck_assert_int_eq(copy.first_marked, steps[i][1]);
        catalog_copy_release(&copy);
    }
}
END_TEST

/* ---- reading ---- */

START_TEST(a_copy_is_found_in_its_store_only)
{
    struct catalog_copy copy;
    int64_t id = catalogs_complete(here.catalog, 1, here.store, 1000);
    OK(catalog_copy_find(here.catalog, catalogs_id(1), here.store, &copy, &here.err));
    ck_assert_int_eq(copy.id, id);
    catalog_copy_release(&copy);
    OK(catalog_copy_find(here.catalog, catalogs_id(1), here.store + 1, &copy, &here.err));
    ck_assert_int_eq(copy.id, 0);
    OK(catalog_copy_find(here.catalog, catalogs_id(2), here.store, &copy, &here.err));
    ck_assert_int_eq(copy.id, 0);
}
END_TEST

START_TEST(lists_take_what_the_filter_says)
{
    int64_t other = catalogs_store(here.catalog, "a-store");
    int64_t first = catalogs_complete(here.catalog, 1, here.store, 1000);
    catalogs_complete(here.catalog, 2, other, 1000);
    int64_t gone = catalogs_complete(here.catalog, 3, here.store, 1000);
    force(gone, CATALOG_COPY_DELETED);
    catalogs_sql(&here.files, "UPDATE artifacts SET job = 'weekly' WHERE number = 2");
    const struct row {
        struct catalog_copy_filter filter;
        size_t count;
    } rows[] = {
        {{0, NULL, 0}, 2},
        {{here.store, NULL, 0}, 1},
        {{0, "weekly", 0}, 1},
        {{here.store, "weekly", 0}, 0},
        {{0, NULL, 1u << CATALOG_COPY_DELETED}, 1},
        {{0, NULL, 1u << CATALOG_COPY_DELETED | 1u << CATALOG_COPY_COMPLETE}, 3},
        {{0, NULL, 1u << CATALOG_COPY_FAILED | 1u << CATALOG_COPY_MISSING}, 0},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct catalog_copies list = {0};
        OK(catalog_copies_list(here.catalog, &rows[i].filter, &list, &here.err));
        ck_assert_uint_eq(list.count, rows[i].count);
        catalog_copies_release(&list);
    }
    struct catalog_copies of = {0};
    struct catalog_copy second = {.id = catalogs_copy(here.catalog, 1, other)};
    OK(catalog_copies_of(here.catalog, catalogs_id(1), &of, &here.err));
    ck_assert_uint_eq(of.count, 2);
    ck_assert_int_eq(of.items[0].id, second.id); /* by name */
    ck_assert_int_eq(of.items[1].id, first);
    catalog_copies_release(&of);
}
END_TEST

/* ---- imports ---- */

static int import(unsigned n, int64_t id_of_store, struct catalog_copy *copy, bool *existed)
{
    *copy = (struct catalog_copy){.store_id = id_of_store, .bytes = 9, .proven = 8};
    snprintf(copy->artifact, sizeof copy->artifact, "%s", catalogs_id(n));
    copy->key = memory_strdup("k");
    copy->proven_level = CATALOG_FULL;
    return catalog_copy_import(here.catalog, copy, existed, &here.err);
}

START_TEST(an_import_keeps_what_is_there)
{
    struct catalog_copy copy;
    bool existed = true;
    int64_t other = catalogs_store(here.catalog, "other");
    int64_t id = catalogs_complete(here.catalog, 1, here.store, 1000);
    force(id, CATALOG_COPY_DELETING);
    ck_assert_int_eq(import(1, here.store, &copy, &existed), 0);
    ck_assert(existed);
    ck_assert_int_eq(copy.id, id);
    ck_assert_int_eq(copy.state, CATALOG_COPY_DELETING);
    catalog_copy_release(&copy);
    ck_assert_int_eq(catalog_rig_copy_state(id), CATALOG_COPY_DELETING);
    ck_assert_int_eq(import(1, other, &copy, &existed), 0);
    ck_assert(!existed);
    struct catalog_copy back = catalog_rig_copy(copy.id);
    ck_assert_int_eq(back.state, CATALOG_COPY_COMPLETE);
    ck_assert_int_eq(back.proven, 8);
    catalog_copy_release(&back);
    catalog_copy_release(&copy);
    ck_assert_int_eq(import(2, other, &copy, &existed), -1);
    ck_assert_int_eq(here.err.kind, ERR_NOT_FOUND);
    catalog_copy_release(&copy);
}
END_TEST

START_TEST(a_copy_found_elsewhere_brings_its_artifact_back)
{
    struct catalog_copy copy;
    bool existed = true;
    bool last = false;
    int64_t other = catalogs_store(here.catalog, "other");
    int64_t id = catalogs_complete(here.catalog, 1, here.store, 1000);
    force(id, CATALOG_COPY_DELETING);
    OK(catalog_deletion_done(here.catalog, id, &last, &here.err));
    ck_assert(last);
    ck_assert_int_eq(catalog_rig_number("SELECT status = 'deleted' FROM artifacts"), 1);
    ck_assert_int_eq(import(1, here.store, &copy, &existed), 0);
    ck_assert(existed);
    ck_assert_int_eq(copy.state, CATALOG_COPY_DELETED);
    catalog_copy_release(&copy);
    ck_assert_int_eq(catalog_rig_number("SELECT status = 'deleted' FROM artifacts"), 1);
    ck_assert_int_eq(import(1, other, &copy, &existed), 0);
    catalog_copy_release(&copy);
    ck_assert_int_eq(catalog_rig_number("SELECT status = 'complete' FROM artifacts"), 1);
}
END_TEST

START_TEST(new_bytes_void_what_checks_said_about_the_old)
{
    int64_t id = catalogs_complete(here.catalog, 1, here.store, 1000);
    ck_assert_int_eq(do_good(id), 0);
    ck_assert_int_eq(do_damaged(id), 0);
    OK(catalog_copy_reopen(here.catalog, id, &here.err));
    struct catalog_copy copy = catalog_rig_copy(id);
    ck_assert(copy.begun);
    catalog_copy_release(&copy);
    ck_assert_int_eq(do_complete(id), 0);
    copy = catalog_rig_copy(id);
    ck_assert_int_eq(copy.verified, 0);
    ck_assert_int_eq(copy.proven, 0);
    ck_assert_ptr_null(copy.verified_error);
    catalog_copy_release(&copy);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("copies");
    TCase *tcase = tcase_create("copies");
    tcase_add_checked_fixture(tcase, catalog_rig_begin, catalog_rig_end);
    tcase_add_loop_test(tcase, each_function_works_from_its_states_only, 0,
                        sizeof moves / sizeof *moves);
    tcase_add_test(tcase, the_file_refuses_what_the_tables_forbid);
    tcase_add_test(tcase, names_and_states_are_one_to_one);
    tcase_add_test(tcase, an_upload_is_written_down_before_it_begins);
    tcase_add_test(tcase, remains_are_remembered_unless_they_were_undone);
    tcase_add_test(tcase, an_upload_whose_owner_lives_is_nobody_elses);
    tcase_add_test(tcase, what_comes_back_after_a_deletion_starts_from_nothing);
    tcase_add_test(tcase, a_deleted_or_failed_artifact_gets_no_copies);
    tcase_add_test(tcase, one_copy_per_store);
    tcase_add_test(tcase, a_first_mark_stays_until_it_is_cleared);
    tcase_add_test(tcase, a_copy_is_found_in_its_store_only);
    tcase_add_test(tcase, lists_take_what_the_filter_says);
    tcase_add_test(tcase, an_import_keeps_what_is_there);
    tcase_add_test(tcase, a_copy_found_elsewhere_brings_its_artifact_back);
    tcase_add_test(tcase, new_bytes_void_what_checks_said_about_the_old);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
