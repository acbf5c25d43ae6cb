#include "catalog/artifact_list.h"

#include "base/clock.h"
#include "base/memory.h"
#include "catalog/artifact_find.h"
#include "catalog/leases.h"
#include "catalog/plan_rows.h"
#include "tests/support/catalog_rig.h"
#include "tests/support/run_suite.h"

/* A complete one under any id. */
static void add(const char *id, const char *job, int64_t time)
{
    struct catalog_artifact artifact;
    bool existed = false;
    catalogs_fill(&artifact, 0, time);
    snprintf(artifact.id, sizeof artifact.id, "%s", id);
    free(artifact.job);
    artifact.job = memory_strdup(job);
    OK(catalog_artifact_import(here.catalog, &artifact, &existed, &here.err));
    catalog_artifact_release(&artifact);
}

static void add_with_filter(const char *id, const char *option, int64_t time)
{
    struct catalog_artifact artifact;
    bool existed = false;
    catalogs_fill(&artifact, 0, time);
    snprintf(artifact.id, sizeof artifact.id, "%s", id);
    catalog_pairs_add(&artifact.filters, option, "big");
    OK(catalog_artifact_import(here.catalog, &artifact, &existed, &here.err));
    catalog_artifact_release(&artifact);
}

static void set_status(const char *id, const char *status)
{
    char sql[200];
    snprintf(sql, sizeof sql, "UPDATE artifacts SET status = '%s' WHERE id = '%s'", status,
             id);
    catalogs_sql(&here.files, sql);
}

#define A "01JAAAAAAAAAAAAAAAAAAAAAA1"
#define B "01JAAAAAAAAAAAAAAAAAAAAAA2"
#define C "01JAAAAAAAAAAAZZZZZZZZZZZZ"
#define D "01JBBBBBBBBBBBBBBBBBBBBBBB"

static int find(const char *text, char id[ULID_SIZE])
{
    struct catalog_choice choice = {.text = text};
    return catalog_artifact_find(here.catalog, &choice, id, &here.err);
}

/* ---- ids ---- */

static const struct find_row {
    const char *text, *id; /* id NULL: an error of this kind */
    enum err_kind kind;
} finds[] = {
    {A, A, ERR_NONE},
    {"01jaaaaaaaaaaaaaaaaaaaaaa1", A, ERR_NONE},
    {"01JAAAAAAAAAAAZ", C, ERR_NONE},
    {"01jb", D, ERR_NONE}, /* D is deleted, and nobody else begins so */
    {D, D, ERR_NONE},
    {"01JA", NULL, ERR_USAGE},
    {"0", NULL, ERR_USAGE},
    {"01K", NULL, ERR_NOT_FOUND},
    {"", NULL, ERR_NOT_FOUND},
    {"01J%", NULL, ERR_NOT_FOUND},
    {"01JAAAAAAAAAAAAAAAAAAAAAA12", NULL, ERR_NOT_FOUND},
    {"latest", B, ERR_NONE}, /* two jobs of one source and database */
    {"latest:nightly", C, ERR_NONE},
    {"latest:weekly", B, ERR_NONE},
    {"latest:none", NULL, ERR_NOT_FOUND},
    {"latest:", NULL, ERR_USAGE},
    {"LATEST", NULL, ERR_NOT_FOUND},
};

START_TEST(ids_are_found_by_what_users_write)
{
    char id[ULID_SIZE] = "";
    add(A, "nightly", 100);
    add(B, "weekly", 300);
    add(C, "nightly", 200);
    add(D, "nightly", 400);
    set_status(D, "deleted");
    int result = find(finds[_i].text, id);
    ck_assert_int_eq(here.err.kind, finds[_i].kind);
    ck_assert_int_eq(result, finds[_i].id == NULL ? -1 : 0);
    if (finds[_i].id != NULL)
        ck_assert_str_eq(id, finds[_i].id);
    if (here.err.kind == ERR_USAGE) {
        ck_assert(finds[_i].text[0] == 'l' || strstr(here.err.text, A) != NULL);
        ck_assert(finds[_i].text[0] == 'l' || strstr(here.err.text, C) != NULL);
    }
}
END_TEST

START_TEST(a_living_one_goes_before_a_deleted_one)
{
    char id[ULID_SIZE];
    add(A, "nightly", 100);
    add(B, "nightly", 100);
    ck_assert_int_eq(find("01JAA", id), -1);
    set_status(B, "deleted");
    OK(find("01JAA", id));
    ck_assert_str_eq(id, A);
}
END_TEST

START_TEST(there_is_no_latest_before_the_first)
{
    char id[ULID_SIZE];
    catalogs_artifact(here.catalog, 1, 1000);
    ck_assert_int_eq(find("latest", id), -1);
    ck_assert_int_eq(here.err.kind, ERR_NOT_FOUND);
}
END_TEST

START_TEST(equal_times_are_decided_by_the_sequence)
{
    char id[ULID_SIZE];
    add(B, "nightly", 100);
    add(A, "nightly", 100);
    catalogs_sql(&here.files, "UPDATE artifacts SET seq = 9 WHERE id = '" A "'");
    OK(find("latest", id));
    ck_assert_str_eq(id, A);
    catalogs_sql(&here.files, "UPDATE artifacts SET seq = 0");
    OK(find("latest", id));
    ck_assert_str_eq(id, B);
}
END_TEST

/* `backup j --table big` and `backup j --type schema` are nobody's last backup. */
START_TEST(latest_is_the_newest_that_is_whole)
{
    char id[ULID_SIZE];
    add(A, "nightly", 100);
    add_with_filter(B, "--table", 200);
    OK(find("latest", id));
    ck_assert_str_eq(id, A);
    OK(find("latest:nightly", id));
    ck_assert_str_eq(id, A);
    catalogs_sql(&here.files, "UPDATE artifacts SET type = 'schema' WHERE id = '" A "'");
    ck_assert_int_eq(find("latest", id), -1);
    ck_assert_int_eq(here.err.kind, ERR_NOT_FOUND);
    /* What the configuration leaves out is left out of every backup of the job. */
    add_with_filter(C, "exclude_table_data", 50);
    OK(find("latest", id));
    ck_assert_str_eq(id, C);
}
END_TEST

START_TEST(a_short_id_is_unique_and_at_least_ten_long)
{
    static const struct row {
        const char *id, *text;
    } rows[] = {{A, A}, {B, B}, {C, "01JAAAAAAAAAAAZ"}, {D, "01JBBBBBBB"}};
    char text[ULID_SIZE];
    add(A, "nightly", 100);
    OK(catalog_artifact_short(here.catalog, A, text, &here.err));
    ck_assert_str_eq(text, "01JAAAAAAA");
    add(B, "nightly", 100);
    add(C, "nightly", 100);
    add(D, "nightly", 100);
    for (size_t i = 0; i < 4; i++) {
        char id[ULID_SIZE];
        OK(catalog_artifact_short(here.catalog, rows[i].id, text, &here.err));
        ck_assert_str_eq(text, rows[i].text);
        OK(find(text, id));
        ck_assert_str_eq(id, rows[i].id);
    }
}
END_TEST

/* ---- lists ---- */

static struct catalog_pair env_prod[] = {{(char[]){"env"}, (char[]){"prod"}},
                                         {(char[]){"team"}, (char[]){"a"}}};

static const struct list_row {
    struct catalog_filter filter;
    const char *numbers; /* of the artifacts, in order */
    int64_t count;       /* without limit and offset */
} lists[] = {
    {{0}, "4321", 4},
    {{.job = "nightly"}, "321", 3},
    {{.source = "shop-source"}, "4321", 4},
    {{.source = "x"}, "", 0},
    {{.database = "crm"}, "2", 1},
    {{.type = "schema"}, "3", 1},
    {{.store = "nas"}, "21", 2},
    {{.store = "usb"}, "", 0},
    {{.statuses = 1u << CATALOG_DELETED}, "5", 1},
    {{.statuses = 1u << CATALOG_FAILED}, "4", 1},
    {{.statuses = 1u << CATALOG_RUNNING}, "", 0},
    {{.statuses = 1u << CATALOG_FAILED | 1u << CATALOG_COMPLETE}, "4321", 4},
    {{.since = 1002}, "432", 3},
    {{.until = 1002}, "1", 1},
    {{.since = 1002, .until = 1004}, "32", 2},
    {{.tags = env_prod, .tag_count = 1}, "21", 2},
    {{.tags = env_prod, .tag_count = 2}, "1", 1},
    {{.limit = 2}, "43", 4},
    {{.limit = 2, .offset = 1}, "32", 4},
    {{.offset = 3}, "1", 4},
    {{.job = "nightly", .database = "shop", .type = "full", .since = 1, .limit = 1},
     "1",
     1},
};

START_TEST(lists_are_filtered_and_newest_first)
{
    struct catalog_artifacts list = {0};
    char numbers[10] = "";
    int64_t count = 0;
    for (unsigned i = 1; i <= 5; i++)
        catalogs_complete(here.catalog, i, here.store, 1000 + i);
    catalogs_sql(&here.files,
                 "UPDATE artifacts SET database = 'crm' WHERE number = 2;"
                 "UPDATE artifacts SET type = 'schema' WHERE number = 3;"
                 "UPDATE artifacts SET job = 'weekly', status = 'failed'"
                 " WHERE number = 4;"
                 "UPDATE artifacts SET status = 'deleted' WHERE number = 5;"
                 "UPDATE copies SET state = 'deleted' WHERE artifact > 2;"
                 "INSERT INTO tags VALUES (1, 'env', 'prod'), (1, 'team', 'a'),"
                 " (2, 'env', 'prod'), (3, 'env', 'test')");
    OK(catalog_artifacts_list(here.catalog, &lists[_i].filter, 0, &list, &here.err));
    for (size_t i = 0; i < list.count; i++)
        numbers[i] = list.items[i].id[ULID_LENGTH - 1];
    ck_assert_str_eq(numbers, lists[_i].numbers);
    OK(catalog_artifacts_count(here.catalog, &lists[_i].filter, &count, &here.err));
    ck_assert_int_eq(count, lists[_i].count);
    catalog_artifacts_release(&list);
}
END_TEST

START_TEST(a_list_loads_what_it_is_asked_for)
{
    struct catalog_artifacts list = {0};
    const struct catalog_filter all = {0};
    catalogs_complete(here.catalog, 1, here.store, 1000);
    catalogs_sql(&here.files, "INSERT INTO tags VALUES (1, 'env', 'prod');"
                              "INSERT INTO tables VALUES (1, 0, 'public', 't', 5, 50)");
    OK(catalog_artifacts_list(here.catalog, &all, 0, &list, &here.err));
    ck_assert_uint_eq(list.items[0].tags.count, 1);
    ck_assert_uint_eq(list.items[0].tables_count, 0);
    ck_assert_uint_eq(list.items[0].copy_count, 0);
    catalog_artifacts_release(&list);
    OK(catalog_artifacts_list(here.catalog, &all, CATALOG_WITH_COPIES | CATALOG_WITH_TABLES,
                              &list, &here.err));
    ck_assert_uint_eq(list.items[0].tables_count, 1);
    ck_assert_uint_eq(list.items[0].copy_count, 1);
    ck_assert_str_eq(list.items[0].copies[0].store, "nas");
    catalog_artifacts_release(&list);
}
END_TEST

START_TEST(the_running_come_with_their_copies)
{
    struct catalog_artifacts list = {0};
    catalogs_artifact(here.catalog, 1, 1000);
    catalogs_copy(here.catalog, 1, here.store);
    catalogs_complete(here.catalog, 2, here.store, 1000);
    OK(catalog_artifacts_running(here.catalog, &list, &here.err));
    ck_assert_uint_eq(list.count, 1);
    ck_assert_uint_eq(list.items[0].copy_count, 1);
    ck_assert_int_eq(list.items[0].owner_state, OWNER_ALIVE);
    catalog_artifacts_release(&list);
}
END_TEST

START_TEST(what_is_not_there_is_an_error_and_can_be_released)
{
    struct catalog_artifact artifact;
    ck_assert_int_eq(catalog_artifact_load(here.catalog, A, 3, &artifact, &here.err), -1);
    ck_assert_int_eq(here.err.kind, ERR_NOT_FOUND);
    catalog_artifact_release(&artifact);
}
END_TEST

START_TEST(a_damaged_word_is_an_error_and_no_guess)
{
    struct catalog_artifacts list = {0};
    const struct catalog_filter all = {0};
    add(A, "nightly", 1);
    catalogs_sql(&here.files, "PRAGMA ignore_check_constraints = ON;"
                              "UPDATE artifacts SET status = 'kaput'");
    ck_assert_int_eq(catalog_artifacts_list(here.catalog, &all, 0, &list, &here.err), -1);
    ck_assert_int_eq(here.err.kind, ERR_CORRUPT);
    catalog_artifacts_release(&list);
}
END_TEST

/* ---- the planner's rows ---- */

static void plan(int64_t store_id, const char *job, int64_t now,
                 struct catalog_plan_rows *out)
{
    const struct catalog_plan_scope scope = {store_id, job, now};
    OK(catalog_plan_rows(here.catalog, &scope, out, &here.err));
}

START_TEST(plan_rows_hold_what_the_planner_decides_by)
{
    struct catalog_plan_rows rows;
    int64_t id = catalogs_complete(here.catalog, 1, here.store, 1000);
    OK(catalog_artifact_pin(here.catalog, catalogs_id(1), 77, "audit", &here.err));
    OK(catalog_artifact_set_suspect(here.catalog, catalogs_id(1), true, &here.err));
    OK(catalog_copy_set_first_marked(here.catalog, id, 55, &here.err));
    catalogs_sql(&here.files, "UPDATE copies SET proven = 9");
    struct catalog_lease lease = {
        .copy = id, .purpose = "being restored", .unbroken = true};
    OK(catalog_lease_take(here.catalog, &lease, &here.err));
    plan(0, NULL, clock_now(), &rows);
    ck_assert_uint_eq(rows.count, 1);
    const struct catalog_plan_row *row = &rows.items[0];
    ck_assert_str_eq(row->artifact, catalogs_id(1));
    ck_assert_int_eq(row->copy, id);
    ck_assert_int_eq(row->store_id, here.store);
    ck_assert_str_eq(row->group, "nightly/shop/full");
    ck_assert_str_eq(row->job, "nightly");
    ck_assert_str_eq(row->source, "shop-source");
    ck_assert_int_eq(row->time, 1000);
    ck_assert_uint_eq(row->bytes, 100);
    ck_assert_int_eq(row->status, CATALOG_COMPLETE);
    ck_assert_int_eq(row->state, CATALOG_COPY_COMPLETE);
    ck_assert(row->proven && row->pinned && row->suspect && !row->quarantined);
    ck_assert_int_eq(row->pin_until, 77);
    ck_assert_str_eq(row->pin_reason, "audit");
    ck_assert_int_eq(row->first_marked, 55);
    ck_assert_str_eq(row->lease, "being restored");
    catalog_plan_rows_release(&rows);
}
END_TEST

/* A partial dump never takes the place of a full one. */
START_TEST(filters_make_another_group)
{
    struct catalog_plan_rows rows;
    add(A, "nightly", 100);
    add_with_filter(B, "--table", 200);
    add_with_filter(C, "tables", 300);
    catalogs_sql(&here.files,
                 "INSERT INTO copies (artifact, store, key, state, created, updated)"
                 " SELECT number, 1, id, 'complete', 0, 0 FROM artifacts");
    plan(0, NULL, 1, &rows);
    ck_assert_uint_eq(rows.count, 3);
    ck_assert_str_eq(rows.items[0].group, "nightly/shop/full");
    ck_assert_str_eq(rows.items[1].group, "nightly/shop/full (filtered: 40e254c7)");
    ck_assert_str_eq(rows.items[2].group, rows.items[1].group);
    catalog_plan_rows_release(&rows);
}
END_TEST

START_TEST(plan_rows_come_by_group_and_store_newest_first)
{
    static const char *const expected[] = {"5/1", "3/1", "2/1", "1/1", "1/2", "4/1"};
    struct catalog_plan_rows rows;
    int64_t other = catalogs_store(here.catalog, "other");
    for (unsigned i = 1; i <= 5; i++)
        catalogs_complete(here.catalog, i, here.store, i == 3 ? 1002 : 1000 + i);
    catalogs_copy(here.catalog, 1, other);
    catalogs_sql(&here.files, "UPDATE artifacts SET job = 'weekly' WHERE number = 4;"
                              "UPDATE artifacts SET job = 'a' WHERE number = 5");
    plan(0, NULL, 1, &rows);
    ck_assert_uint_eq(rows.count, 6);
    for (size_t i = 0; i < 6; i++) {
        char text[16];
        snprintf(text, sizeof text, "%c/%d", rows.items[i].artifact[ULID_LENGTH - 1],
                 (int)rows.items[i].store_id);
        ck_assert_str_eq(text, expected[i]);
    }
    catalog_plan_rows_release(&rows);
    plan(other, NULL, 1, &rows);
    ck_assert_uint_eq(rows.count, 1);
    catalog_plan_rows_release(&rows);
    plan(0, "weekly", 1, &rows);
    ck_assert_uint_eq(rows.count, 1);
    catalog_plan_rows_release(&rows);
    catalogs_sql(&here.files, "UPDATE copies SET state = 'deleted'");
    plan(0, NULL, 1, &rows);
    ck_assert_uint_eq(rows.count, 0);
    catalog_plan_rows_release(&rows);
}
END_TEST

/* ---- many ---- */

static void report(const char *what, int64_t since)
{
    printf("%s: %lld ms\n", what, (long long)(clock_monotonic_ms() - since));
}

/* n artifacts with a copy, two tables and a tag each, in one transaction. */
static void import_many(unsigned first, unsigned count)
{
    static const char *const jobs[] = {"nightly", "hourly", "weekly"};
    OK(catalog_begin(here.catalog, &here.err));
    for (unsigned i = first; i < first + count; i++) {
        struct catalog_artifact a;
        bool existed = true;
        catalogs_fill(&a, i, 1600000000 + (int64_t)i * 600);
        free(a.job);
        a.job = memory_strdup(jobs[i % 3]);
        a.seq = i;
        catalog_pairs_add(&a.tags, "env", "prod");
        catalog_artifact_add_table(&a, "public", "orders", i, 1000);
        catalog_artifact_add_table(&a, "public", "items", i, 1000);
        struct catalog_copy copy = {.store_id = here.store, .bytes = 1000};
        snprintf(copy.artifact, sizeof copy.artifact, "%s", a.id);
        copy.key = memory_format("data/shop/%u.sql.gz", i);
        copy.index_key = memory_format("data/shop/%u.index.gz", i);
        OK(catalog_artifact_import(here.catalog, &a, &existed, &here.err));
        ck_assert(!existed);
        OK(catalog_copy_import(here.catalog, &copy, &existed, &here.err));
        catalog_copy_release(&copy);
        catalog_artifact_release(&a);
    }
    OK(catalog_commit(here.catalog, &here.err));
}

/* The rest by SQL alone, so that the test is not about building it. */
static void copy_many(unsigned count)
{
    char sql[2000];
    snprintf(sql, sizeof sql,
             "INSERT INTO artifacts (id, seq, job, source, database, type, format,"
             " compression, level, status, time, started, created, updated)"
             " WITH RECURSIVE n(i) AS (SELECT 2001 UNION ALL SELECT i + 1 FROM n"
             " WHERE i < %u) SELECT printf('01JCATA0G00000000%%09d', i), i,"
             " iif(i %% 3 = 0, 'nightly', iif(i %% 3 = 1, 'hourly', 'weekly')), 's',"
             " 'shop', 'full', 'plain', 'gzip', 1, 'complete', 1600000000 + i * 600, 0, 0,"
             " 0 FROM n;"
             "INSERT INTO copies (artifact, store, key, index_key, state, created, updated)"
             " SELECT number, 1, 'data/shop/' || number || '.sql.gz',"
             " 'data/shop/' || number || '.index.gz', 'complete', 0, 0 FROM artifacts"
             " WHERE seq > 2000",
             count);
    catalogs_sql(&here.files, sql);
}

START_TEST(a_catalog_of_100000_is_quick)
{
    const struct catalog_filter all = {.limit = 0};
    const struct catalog_filter page = {.job = "nightly", .limit = 50, .offset = 1000};
    struct catalog_artifacts list = {0};
    struct catalog_plan_rows rows;
    struct catalog_copy copy;
    char id[ULID_SIZE];
    int64_t t = clock_monotonic_ms();
    import_many(1, 2000);
    report("import of 2,000 manifests", t);
    copy_many(100000);
    t = clock_monotonic_ms();
    plan(0, NULL, 1, &rows);
    report("plan rows of 100,000", t);
    ck_assert_uint_eq(rows.count, 100000);
    catalog_plan_rows_release(&rows);
    t = clock_monotonic_ms();
    OK(catalog_artifacts_list(here.catalog, &all, CATALOG_WITH_COPIES, &list, &here.err));
    report("list of 100,000 with copies", t);
    ck_assert_uint_eq(list.count, 100000);
    catalog_artifacts_release(&list);
    t = clock_monotonic_ms();
    OK(catalog_artifacts_list(here.catalog, &page, CATALOG_WITH_COPIES, &list, &here.err));
    report("one page of a job", t);
    ck_assert_uint_eq(list.count, 50);
    catalog_artifacts_release(&list);
    t = clock_monotonic_ms();
    OK(find("latest:weekly", id));
    report("latest", t);
    t = clock_monotonic_ms();
    for (unsigned i = 0; i < 1000; i++) {
        OK(catalog_copy_find(here.catalog, catalogs_id(1500), here.store, &copy,
                             &here.err));
        ck_assert_int_ne(copy.id, 0);
        catalog_copy_release(&copy);
    }
    report("1,000 times a copy", t);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("artifact_list");
    TCase *tcase = tcase_create("artifact_list");
    tcase_add_checked_fixture(tcase, catalog_rig_begin, catalog_rig_end);
    tcase_add_loop_test(tcase, ids_are_found_by_what_users_write, 0,
                        sizeof finds / sizeof *finds);
    tcase_add_test(tcase, a_living_one_goes_before_a_deleted_one);
    tcase_add_test(tcase, there_is_no_latest_before_the_first);
    tcase_add_test(tcase, equal_times_are_decided_by_the_sequence);
    tcase_add_test(tcase, latest_is_the_newest_that_is_whole);
    tcase_add_test(tcase, a_short_id_is_unique_and_at_least_ten_long);
    tcase_add_loop_test(tcase, lists_are_filtered_and_newest_first, 0,
                        sizeof lists / sizeof *lists);
    tcase_add_test(tcase, a_list_loads_what_it_is_asked_for);
    tcase_add_test(tcase, the_running_come_with_their_copies);
    tcase_add_test(tcase, what_is_not_there_is_an_error_and_can_be_released);
    tcase_add_test(tcase, a_damaged_word_is_an_error_and_no_guess);
    tcase_add_test(tcase, plan_rows_hold_what_the_planner_decides_by);
    tcase_add_test(tcase, filters_make_another_group);
    tcase_add_test(tcase, plan_rows_come_by_group_and_store_newest_first);
    suite_add_tcase(suite, tcase);
    TCase *many = tcase_create("many");
    tcase_add_checked_fixture(many, catalog_rig_begin, catalog_rig_end);
    tcase_set_timeout(many, 120);
    tcase_add_test(many, a_catalog_of_100000_is_quick);
    suite_add_tcase(suite, many);
    return run_suite(suite);
}
