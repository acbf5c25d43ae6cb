#include "catalog/artifacts.h"

#include "base/memory.h"
#include "catalog/artifact_group.h"
#include "catalog/artifact_list.h"
#include "tests/support/catalog_rig.h"
#include "tests/support/run_suite.h"

static int finish(unsigned n, enum catalog_status status)
{
    struct catalog_artifact artifact;
    catalogs_fill(&artifact, n, 1000);
    artifact.status = status;
    int result = catalog_artifact_finish(here.catalog, &artifact, &here.err);
    catalog_artifact_release(&artifact);
    return result;
}

/* Names as databases may have them: quotes, newline, no UTF-8. */
static const char *const odd = "a'b\"c;--\n\xFF\xFE\x01 \xC3\xA4";

START_TEST(everything_comes_back_as_it_went_in)
{
    struct catalog_artifact a;
    catalogs_fill(&a, 1, 1700000000);
    free(a.database);
    a.database = memory_strdup(odd);
    a.name = memory_strdup("before the move");
    a.level = 6;
    a.progress.estimate = 5000;
    catalog_pairs_add(&a.tags, "env", "prod");
    catalog_pairs_add(&a.tags, odd, odd);
    catalog_pairs_add(&a.filters, "exclude_table", "public.b*");
    catalog_pairs_add(&a.filters, "exclude_table", "public.a*");
    OK(catalog_artifact_insert(here.catalog, &a, &here.err));
    ck_assert_int_eq(a.seq, 1);
    a.time = 1700000005;
    a.tries = 2;
    a.server_version = memory_strdup("15.4");
    a.hostname = memory_strdup("db1");
    a.status = CATALOG_COMPLETE;
    a.finished = 1700000100;
    a.duration_ms = 95123;
    a.raw_bytes = UINT64_C(1) << 40;
    a.stored_bytes = 77;
    a.sha256 = memory_strdup("aa");
    a.raw_sha256 = memory_strdup("bb");
    catalog_artifact_add_table(&a, odd, "t1", 10, 1000);
    catalog_artifact_add_table(&a, "public", "t2", 20, 2000);
    OK(catalog_artifact_finish(here.catalog, &a, &here.err));

    struct catalog_artifact b = catalog_rig_artifact(1);
    ck_assert_str_eq(b.database, odd);
    ck_assert_str_eq(b.job, "nightly");
    ck_assert_str_eq(b.compression, "gzip");
    ck_assert_str_eq(b.name, "before the move");
    ck_assert_ptr_null(b.description);
    ck_assert_int_eq(b.level, 6);
    ck_assert_int_eq(b.time, 1700000005);
    ck_assert_int_eq(b.started, 1700000000);
    ck_assert_int_eq(b.finished, 1700000100);
    ck_assert_int_eq(b.duration_ms, 95123);
    ck_assert_uint_eq(b.raw_bytes, UINT64_C(1) << 40);
    ck_assert_uint_eq(b.stored_bytes, 77);
    ck_assert_str_eq(b.raw_sha256, "bb");
    ck_assert_str_eq(b.server_version, "15.4");
    ck_assert_str_eq(b.hostname, "db1");
    ck_assert_uint_eq(b.progress.estimate, 5000);
    ck_assert_uint_eq(b.tags.count, 2);
    ck_assert_str_eq(b.tags.items[0].value, odd);
    ck_assert_str_eq(b.filters.items[0].value, "public.b*");
    ck_assert_uint_eq(b.tables_count, 2);
    ck_assert_str_eq(b.tables[0].schema, odd);
    ck_assert_int_eq(b.tables[1].rows, 20);
    ck_assert_int_eq(b.table_count, 2);
    ck_assert_int_eq(b.row_count, 30);
    ck_assert_int_eq(b.owner_state, OWNER_DEAD);
    catalog_artifact_release(&a);
    catalog_artifact_release(&b);
}
END_TEST

START_TEST(a_tag_stands_once)
{
    struct catalog_artifact a;
    catalogs_fill(&a, 1, 1000);
    catalog_pairs_add(&a.tags, "env", "prod");
    catalog_pairs_add(&a.tags, "env", "test");
    ck_assert_int_eq(catalog_artifact_insert(here.catalog, &a, &here.err), -1);
    ck_assert_int_eq(catalog_rig_number("SELECT count(*) FROM artifacts"), 0);
    catalog_artifact_release(&a);
}
END_TEST

START_TEST(an_id_stands_once)
{
    struct catalog_artifact a;
    catalogs_artifact(here.catalog, 1, 1000);
    catalogs_fill(&a, 1, 1000);
    ck_assert_int_eq(catalog_artifact_insert(here.catalog, &a, &here.err), -1);
    ck_assert_int_eq(here.err.kind, ERR_UNSAFE);
    catalog_artifact_release(&a);
}
END_TEST

START_TEST(one_table_that_was_not_counted_makes_the_sum_unknown)
{
    struct catalog_artifact a;
    catalogs_fill(&a, 1, 1000);
    OK(catalog_artifact_insert(here.catalog, &a, &here.err));
    catalog_artifact_add_table(&a, "public", "a", 10, 0);
    catalog_artifact_add_table(&a, "public", "b", CATALOG_UNKNOWN_ROWS, 0);
    a.status = CATALOG_COMPLETE;
    OK(catalog_artifact_finish(here.catalog, &a, &here.err));
    catalog_artifact_release(&a);
    a = catalog_rig_artifact(1);
    ck_assert_int_eq(a.table_count, 2);
    ck_assert_int_eq(a.row_count, CATALOG_UNKNOWN_ROWS);
    catalog_artifact_release(&a);
}
END_TEST

/* Every status an artifact can end in, and what may come next. */
START_TEST(it_ends_once)
{
    static const enum catalog_status ends[] = {CATALOG_COMPLETE, CATALOG_FAILED,
                                               CATALOG_CANCELLED};
    for (unsigned i = 0; i < 3; i++) {
        catalogs_artifact(here.catalog, i, 1000);
        ck_assert_int_eq(finish(i, ends[i]), 0);
        ck_assert_int_eq(catalog_rig_status(i), ends[i]);
        for (unsigned j = 0; j < 3; j++) {
            ck_assert_int_eq(finish(i, ends[j]), -1);
            ck_assert_int_eq(here.err.kind, ERR_UNSAFE);
        }
    }
    ck_assert_int_eq(finish(77, CATALOG_FAILED), -1);
    ck_assert_int_eq(here.err.kind, ERR_NOT_FOUND);
}
END_TEST

START_TEST(a_failed_finish_leaves_no_tables_behind)
{
    struct catalog_artifact a;
    catalogs_artifact(here.catalog, 1, 1000);
    ck_assert_int_eq(finish(1, CATALOG_FAILED), 0);
    catalogs_fill(&a, 1, 1000);
    catalog_artifact_add_table(&a, "public", "a", 10, 0);
    a.status = CATALOG_COMPLETE;
    ck_assert_int_eq(catalog_artifact_finish(here.catalog, &a, &here.err), -1);
    ck_assert_int_eq(catalog_rig_number("SELECT count(*) FROM tables"), 0);
    catalog_artifact_release(&a);
}
END_TEST

START_TEST(only_one_whose_owner_is_gone_can_be_abandoned)
{
    static const struct row {
        const char *owner;
        bool vouched;
        int result;
    } rows[] = {{"self", false, -1}, {"self", true, -1},     {"dead", false, 0},
                {"dead", true, 0},   {"unknown", false, -1}, {"unknown", true, 0}};
    for (unsigned i = 0; i < sizeof rows / sizeof *rows; i++) {
        char sql[600];
        catalogs_artifact(here.catalog, i, 1000);
        const char *owner = strcmp(rows[i].owner, "dead") == 0 ? catalogs_dead_owner()
                                                               : catalogs_unknown_owner();
        snprintf(sql, sizeof sql, "UPDATE artifacts SET owner = '%s' WHERE id = '%s'",
                 owner, catalogs_id(i));
        if (strcmp(rows[i].owner, "self") != 0)
            catalogs_sql(&here.files, sql);
        ck_assert_int_eq(catalog_artifact_abandon(here.catalog, catalogs_id(i),
                                                  rows[i].vouched, "its process has ended",
                                                  &here.err),
                         rows[i].result);
        ck_assert_int_eq(catalog_rig_status(i),
                         rows[i].result == 0 ? CATALOG_FAILED : CATALOG_RUNNING);
        if (rows[i].result < 0)
            ck_assert_int_eq(here.err.kind, ERR_UNSAFE);
    }
    ck_assert_int_eq(
        catalog_artifact_abandon(here.catalog, catalogs_id(2), true, "x", &here.err), -1);
    ck_assert_int_eq(here.err.kind, ERR_UNSAFE);
    struct catalog_artifact a = catalog_rig_artifact(2);
    ck_assert_str_eq(a.error_message, "its process has ended");
    ck_assert_str_eq(a.error_code, "system");
    ck_assert_int_ge(a.finished, a.started);
    catalog_artifact_release(&a);
}
END_TEST

START_TEST(a_running_one_says_whether_its_owner_lives)
{
    char sql[600];
    catalogs_artifact(here.catalog, 1, 1000);
    struct catalog_artifact a = catalog_rig_artifact(1);
    ck_assert_int_eq(a.owner_state, OWNER_ALIVE);
    catalog_artifact_release(&a);
    snprintf(sql, sizeof sql, "UPDATE artifacts SET owner = '%s'", catalogs_dead_owner());
    catalogs_sql(&here.files, sql);
    a = catalog_rig_artifact(1);
    ck_assert_int_eq(a.owner_state, OWNER_DEAD);
    catalog_artifact_release(&a);
}
END_TEST

START_TEST(forgotten_is_only_what_failed_and_has_no_copies)
{
    int64_t store = catalogs_store(here.catalog, "nas");
    catalogs_artifact(here.catalog, 1, 1000);
    catalogs_artifact(here.catalog, 2, 1000);
    catalogs_artifact(here.catalog, 3, 1000);
    int64_t copy = catalogs_copy(here.catalog, 3, store);
    ck_assert_int_eq(catalog_artifact_forget(here.catalog, catalogs_id(1), &here.err), -1);
    ck_assert_int_eq(here.err.kind, ERR_UNSAFE);
    ck_assert_int_eq(finish(1, CATALOG_COMPLETE), 0);
    ck_assert_int_eq(catalog_artifact_forget(here.catalog, catalogs_id(1), &here.err), -1);
    ck_assert_int_eq(finish(2, CATALOG_CANCELLED), 0);
    OK(catalog_artifact_forget(here.catalog, catalogs_id(2), &here.err));
    ck_assert_int_eq(catalog_rig_status(2), CATALOG_DELETED);
    OK(catalog_copy_fail(here.catalog, copy, "no", true, &here.err));
    ck_assert_int_eq(finish(3, CATALOG_FAILED), 0);
    ck_assert_int_eq(catalog_artifact_forget(here.catalog, catalogs_id(3), &here.err), -1);
    ck_assert_int_eq(here.err.kind, ERR_UNSAFE);
    ck_assert_int_eq(catalog_artifact_forget(here.catalog, catalogs_id(4), &here.err), -1);
    ck_assert_int_eq(here.err.kind, ERR_NOT_FOUND);
}
END_TEST

START_TEST(progress_is_written_once_a_second_and_at_each_phase)
{
    char phase[] = "dump";
    char next_phase[] = "finish";
    struct catalog_progress progress = {.phase = phase, .raw_bytes = 5, .stored_bytes = 2};
    catalogs_artifact(here.catalog, 1, 1000);
    ck_assert(catalog_artifact_progress(here.catalog, catalogs_id(1), &progress));
    int written = 0;
    for (int i = 0; i < 20; i++)
        written +=
            catalog_artifact_progress(here.catalog, catalogs_id(1), &progress) ? 1 : 0;
    ck_assert_int_le(written, 1); /* a second may have passed */
    progress.phase = next_phase;
    ck_assert(catalog_artifact_progress(here.catalog, catalogs_id(1), &progress));
    struct catalog_artifact a = catalog_rig_artifact(1);
    ck_assert_str_eq(a.progress.phase, "finish");
    ck_assert_uint_eq(a.progress.raw_bytes, 5);
    catalog_artifact_release(&a);
    ck_assert_int_eq(finish(1, CATALOG_COMPLETE), 0);
    progress.phase = phase;
    ck_assert(!catalog_artifact_progress(here.catalog, catalogs_id(1), &progress));
}
END_TEST

START_TEST(progress_never_waits)
{
    char phase[] = "dump";
    struct catalog_progress progress = {.phase = phase};
    struct catalog *other = catalogs_open(&here.files);
    catalogs_artifact(here.catalog, 1, 1000);
    OK(catalog_begin(other, &here.err));
    ck_assert(!catalog_artifact_progress(here.catalog, catalogs_id(1), &progress));
    catalog_rollback(other);
    ck_assert(catalog_artifact_progress(here.catalog, catalogs_id(1), &progress));
    OK(catalog_begin(here.catalog, &here.err));
    progress.phase = NULL;
    ck_assert(!catalog_artifact_progress(here.catalog, catalogs_id(1), &progress));
    OK(catalog_commit(here.catalog, &here.err));
    catalog_close(other);
}
END_TEST

static int import(unsigned n, int64_t seq, bool *existed)
{
    struct catalog_artifact a;
    catalogs_fill(&a, n, 5000);
    a.seq = seq;
    a.finished = 5001;
    a.suspect = true;
    a.pinned = true;
    a.pin_changed = 4000;
    catalog_pairs_add(&a.tags, "env", "prod");
    catalog_artifact_add_table(&a, "public", "t", 4, 40);
    int result = catalog_artifact_import(here.catalog, &a, existed, &here.err);
    catalog_artifact_release(&a);
    return result;
}

START_TEST(an_import_keeps_what_is_there_and_raises_the_sequence)
{
    bool existed = true;
    ck_assert_int_eq(import(1, 41, &existed), 0);
    ck_assert(!existed);
    ck_assert_int_eq(import(1, 43, &existed), 0);
    ck_assert(existed);
    struct catalog_artifact a = catalog_rig_artifact(1);
    ck_assert_int_eq(a.seq, 41);
    ck_assert_int_eq(a.status, CATALOG_COMPLETE);
    ck_assert(a.suspect && a.pinned);
    ck_assert_uint_eq(a.tags.count, 1);
    ck_assert_int_eq(a.row_count, 4);
    catalog_artifact_release(&a);
    catalogs_artifact(here.catalog, 2, 1000);
    a = catalog_rig_artifact(2);
    ck_assert_int_gt(a.seq, 41);
    catalog_artifact_release(&a);
    ck_assert_int_eq(import(3, 10, &existed), 0);
    ck_assert(!existed);
}
END_TEST

START_TEST(a_sequence_is_not_given_twice_even_when_its_row_is_gone)
{
    catalogs_artifact(here.catalog, 1, 1000);
    catalogs_sql(&here.files, "DELETE FROM artifacts");
    catalogs_artifact(here.catalog, 2, 1000);
    struct catalog_artifact a = catalog_rig_artifact(2);
    ck_assert_int_eq(a.seq, 2);
    catalog_artifact_release(&a);
}
END_TEST

START_TEST(what_is_accepted_is_suspect_no_more_and_says_why)
{
    catalogs_artifact(here.catalog, 1, 1000);
    ck_assert_int_eq(finish(1, CATALOG_COMPLETE), 0);
    ck_assert_int_eq(catalog_artifact_accept(here.catalog, catalogs_id(1), "x", &here.err),
                     -1);
    ck_assert_int_eq(here.err.kind, ERR_USAGE);
    OK(catalog_artifact_set_suspect(here.catalog, catalogs_id(1), true, &here.err));
    OK(catalog_artifact_accept(here.catalog, catalogs_id(1), "tables moved", &here.err));
    struct catalog_artifact a = catalog_rig_artifact(1);
    ck_assert(!a.suspect);
    ck_assert_int_ge(a.accepted, a.created);
    ck_assert_str_eq(a.accept_reason, "tables moved");
    catalog_artifact_release(&a);
    ck_assert_int_eq(catalog_artifact_accept(here.catalog, catalogs_id(9), "x", &here.err),
                     -1);
    ck_assert_int_eq(here.err.kind, ERR_NOT_FOUND);
}
END_TEST

START_TEST(a_pin_holds_until_its_time_and_clears_no_doubt)
{
    catalogs_artifact(here.catalog, 1, 1000);
    ck_assert_int_eq(catalog_artifact_pin(here.catalog, catalogs_id(1), 0, NULL, &here.err),
                     -1);
    ck_assert_int_eq(here.err.kind, ERR_USAGE);
    ck_assert_int_eq(finish(1, CATALOG_COMPLETE), 0);
    OK(catalog_artifact_set_suspect(here.catalog, catalogs_id(1), true, &here.err));
    OK(catalog_artifact_pin(here.catalog, catalogs_id(1), 9000, "audit", &here.err));
    struct catalog_artifact a = catalog_rig_artifact(1);
    ck_assert(a.suspect);
    ck_assert_str_eq(a.pin_reason, "audit");
    ck_assert(catalog_artifact_is_pinned(&a, 8999));
    ck_assert(!catalog_artifact_is_pinned(&a, 9000));
    int64_t changed = a.pin_changed;
    catalog_artifact_release(&a);
    OK(catalog_artifact_unpin(here.catalog, catalogs_id(1), &here.err));
    a = catalog_rig_artifact(1);
    ck_assert(!catalog_artifact_is_pinned(&a, 0));
    ck_assert_ptr_null(a.pin_reason);
    ck_assert_int_gt(a.pin_changed, changed);
    catalog_artifact_release(&a);
    ck_assert_int_eq(catalog_artifact_pin(here.catalog, catalogs_id(9), 0, NULL, &here.err),
                     -1);
    ck_assert_int_eq(here.err.kind, ERR_NOT_FOUND);
    OK(catalog_artifact_set_quarantined(here.catalog, catalogs_id(1), true, &here.err));
    OK(catalog_artifact_unpin(here.catalog, catalogs_id(1), &here.err));
    ck_assert_int_eq(catalog_rig_number("SELECT sum(quarantined) FROM artifacts"), 0);
    ck_assert_int_eq(catalog_artifact_unpin(here.catalog, catalogs_id(9), &here.err), -1);
    ck_assert_int_eq(here.err.kind, ERR_NOT_FOUND);
}
END_TEST

START_TEST(of_two_pins_the_later_wins)
{
    bool changed = true;
    bool existed = false;
    ck_assert_int_eq(import(1, 1, &existed), 0); /* pinned at 4000 */
    struct catalog_artifact from = {.pinned = false, .pin_changed = 4000};
    snprintf(from.id, sizeof from.id, "%s", catalogs_id(1));
    OK(catalog_artifact_merge_pin(here.catalog, &from, &changed, &here.err));
    ck_assert(!changed);
    from.pin_changed = 4001;
    OK(catalog_artifact_merge_pin(here.catalog, &from, &changed, &here.err));
    ck_assert(changed);
    struct catalog_artifact a = catalog_rig_artifact(1);
    ck_assert(!a.pinned);
    ck_assert_int_eq(a.pin_changed, 4001);
    catalog_artifact_release(&a);
    OK(catalog_artifact_merge_pin(here.catalog, &from, NULL, &here.err));
}
END_TEST

START_TEST(marks_are_set_and_cleared)
{
    catalogs_artifact(here.catalog, 1, 1000);
    OK(catalog_artifact_set_quarantined(here.catalog, catalogs_id(1), true, &here.err));
    struct catalog_artifact a = catalog_rig_artifact(1);
    ck_assert(a.quarantined && !a.suspect);
    catalog_artifact_release(&a);
    ck_assert_int_eq(
        catalog_artifact_set_quarantined(here.catalog, catalogs_id(8), true, &here.err),
        -1);
    ck_assert_int_eq(here.err.kind, ERR_NOT_FOUND);
}
END_TEST

START_TEST(groups_do_not_mix)
{
    static const struct row {
        const char *job, *source, *origin, *database, *type, *group;
    } rows[] = {
        {"nightly", "s", "db:5432", "shop", "full", "nightly/shop/full"},
        {"", "adhoc", "", "shop", "full", "adhoc/shop/full"},
        {"", "adhoc", "db:5432", "shop", "full", "adhoc@db:5432/shop/full"},
        {"", "adhoc", "m/run:1", "shop", "full", "adhoc@m%2Frun:1/shop/full"},
        {"a/b", "s", "", "c", "full", "a%2Fb/c/full"},
        {"a", "s", "", "b/c", "full", "a/b/c/full"},
        {"a", "s", "", "", "globals", "a/globals"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct catalog_artifact a;
        catalog_artifact_init(&a);
        free(a.job);
        free(a.source);
        free(a.origin);
        free(a.database);
        free(a.type);
        a.job = memory_strdup(rows[i].job);
        a.source = memory_strdup(rows[i].source);
        a.origin = memory_strdup(rows[i].origin);
        a.database = memory_strdup(rows[i].database);
        a.type = memory_strdup(rows[i].type);
        char *group = catalog_artifact_group(&a);
        ck_assert_str_eq(group, rows[i].group);
        free(group);
        catalog_artifact_release(&a);
    }
}
END_TEST

/* A complete one of these figures. */
static void take(unsigned n, uint64_t bytes, int64_t tables, int64_t rows, bool suspect)
{
    struct catalog_artifact a;
    catalogs_fill(&a, n, 1000 + n);
    OK(catalog_artifact_insert(here.catalog, &a, &here.err));
    a.status = CATALOG_COMPLETE;
    a.raw_bytes = bytes;
    a.table_count = tables;
    a.row_count = rows;
    OK(catalog_artifact_finish(here.catalog, &a, &here.err));
    if (suspect)
        OK(catalog_artifact_set_suspect(here.catalog, a.id, true, &here.err));
    catalog_artifact_release(&a);
}

START_TEST(normal_is_the_median_of_the_last_good_ones)
{
    struct catalog_group group = {.job = "nightly", .database = "shop", .type = "full"};
    const struct catalog_group other = {
        .job = "nightly", .database = "shop", .type = "schema"};
    struct catalog_normal normal;
    OK(catalog_artifact_normal(here.catalog, &group, 7, &normal, &here.err));
    ck_assert_uint_eq(normal.count, 0);
    take(1, 1000000, 90, 9000, false); /* too old for a limit of 3 */
    take(2, 100, 10, 1000, false);
    take(3, 300, 12, CATALOG_UNKNOWN_ROWS, false);
    take(4, 1, 0, 0, true);
    take(5, 200, 11, 2000, false);
    catalogs_artifact(here.catalog, 6, 2000);
    OK(catalog_artifact_normal(here.catalog, &group, 3, &normal, &here.err));
    ck_assert_uint_eq(normal.count, 3);
    ck_assert_uint_eq(normal.raw_bytes, 200);
    ck_assert_int_eq(normal.table_count, 11);
    ck_assert_int_eq(normal.row_count, 1500);
    group.before_seq = 3;
    OK(catalog_artifact_normal(here.catalog, &group, 7, &normal, &here.err));
    ck_assert_uint_eq(normal.count, 2);
    ck_assert_uint_eq(normal.raw_bytes, 500050);
    OK(catalog_artifact_normal(here.catalog, &other, 7, &normal, &here.err));
    ck_assert_uint_eq(normal.count, 0);
}
END_TEST

START_TEST(what_is_normal_for_all_is_not_for_a_part)
{
    struct catalog_group group = {.job = "nightly", .database = "shop", .type = "full"};
    struct catalog_normal normal;
    struct catalog_artifact a;
    bool existed = false;
    take(1, 1000, 10, 100, false);
    catalogs_fill(&a, 2, 1000);
    a.seq = 2;
    a.raw_bytes = 7;
    catalog_pairs_add(&a.filters, "tables", "big");
    OK(catalog_artifact_import(here.catalog, &a, &existed, &here.err));
    OK(catalog_artifact_normal(here.catalog, &group, 7, &normal, &here.err));
    ck_assert_uint_eq(normal.count, 1);
    ck_assert_uint_eq(normal.raw_bytes, 1000);
    group.filters_hash = a.filters_hash;
    OK(catalog_artifact_normal(here.catalog, &group, 7, &normal, &here.err));
    ck_assert_uint_eq(normal.count, 1);
    ck_assert_uint_eq(normal.raw_bytes, 7);
    catalog_artifact_release(&a);
}
END_TEST

START_TEST(without_a_job_the_source_and_its_server_make_the_group)
{
    struct catalog_normal normal;
    catalogs_artifact(here.catalog, 1, 1000);
    ck_assert_int_eq(finish(1, CATALOG_COMPLETE), 0);
    catalogs_sql(&here.files, "UPDATE artifacts SET job = ''");
    const struct catalog_group same = {.job = "",
                                       .source = "shop-source",
                                       .database = "shop",
                                       .type = "full",
                                       .origin = ""};
    struct catalog_group elsewhere = same;
    struct catalog_group other = same;
    elsewhere.origin = "db2:5432";
    other.source = "another";
    OK(catalog_artifact_normal(here.catalog, &same, 7, &normal, &here.err));
    ck_assert_uint_eq(normal.count, 1);
    ck_assert_int_eq(normal.row_count, 0);
    OK(catalog_artifact_normal(here.catalog, &other, 7, &normal, &here.err));
    ck_assert_uint_eq(normal.count, 0);
    OK(catalog_artifact_normal(here.catalog, &elsewhere, 7, &normal, &here.err));
    ck_assert_uint_eq(normal.count, 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("artifacts");
    TCase *tcase = tcase_create("artifacts");
    tcase_add_checked_fixture(tcase, catalog_rig_begin_empty, catalog_rig_end);
    tcase_add_test(tcase, everything_comes_back_as_it_went_in);
    tcase_add_test(tcase, a_tag_stands_once);
    tcase_add_test(tcase, an_id_stands_once);
    tcase_add_test(tcase, one_table_that_was_not_counted_makes_the_sum_unknown);
    tcase_add_test(tcase, it_ends_once);
    tcase_add_test(tcase, a_failed_finish_leaves_no_tables_behind);
    tcase_add_test(tcase, only_one_whose_owner_is_gone_can_be_abandoned);
    tcase_add_test(tcase, a_running_one_says_whether_its_owner_lives);
    tcase_add_test(tcase, forgotten_is_only_what_failed_and_has_no_copies);
    tcase_add_test(tcase, progress_is_written_once_a_second_and_at_each_phase);
    tcase_add_test(tcase, progress_never_waits);
    tcase_add_test(tcase, an_import_keeps_what_is_there_and_raises_the_sequence);
    tcase_add_test(tcase, a_sequence_is_not_given_twice_even_when_its_row_is_gone);
    tcase_add_test(tcase, what_is_accepted_is_suspect_no_more_and_says_why);
    tcase_add_test(tcase, a_pin_holds_until_its_time_and_clears_no_doubt);
    tcase_add_test(tcase, of_two_pins_the_later_wins);
    tcase_add_test(tcase, marks_are_set_and_cleared);
    tcase_add_test(tcase, groups_do_not_mix);
    tcase_add_test(tcase, normal_is_the_median_of_the_last_good_ones);
    tcase_add_test(tcase, what_is_normal_for_all_is_not_for_a_part);
    tcase_add_test(tcase, without_a_job_the_source_and_its_server_make_the_group);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
