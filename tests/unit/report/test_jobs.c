#include "report/jobs.h"

#include "base/json.h"
#include "catalog/artifact_list.h"
#include "catalog/db/schedules.h"
#include "report/metrics.h"
#include "tests/support/catalogs.h"
#include "tests/support/run_suite.h"

#include <check.h>

static struct catalogs catalogs;
static struct settings settings;
static struct job_settings jobs[3];
static struct jobs loaded;
static struct err err;
static char nightly[] = "nightly", often[] = "oft\"en", hand[] = "hand",
            ten[] = "0 10 * * *", zone[] = "UTC";

#define DAY INT64_C(86400)
#define OK(call) ck_assert_msg((call) == 0, "%s", err.text)

static void set_up(void)
{
    catalogs_begin(&catalogs);
    jobs[0] = (struct job_settings){
        .name = nightly, .schedule = ten, .timezone = zone, .enabled = true};
    jobs[1] = (struct job_settings){
        .name = often, .every_s = 5400, .timezone = zone, .enabled = true};
    jobs[2] = (struct job_settings){.name = hand, .timezone = zone, .enabled = true};
    settings = (struct settings){.catalog = catalogs.path, .jobs = jobs, .job_count = 3};
    err_clear(&err);
}

static void tear_down(void)
{
    jobs_release(&loaded);
    catalogs_end(&catalogs);
}

static const struct jobs_row *row_of(size_t i, int64_t now)
{
    jobs_release(&loaded);
    OK(jobs_load(&loaded, &settings, catalogs.catalog, now, &err));
    OK(jobs_load_history(&loaded, catalogs.catalog, &err));
    return &loaded.items[i];
}

/* A run of a job that is over, of this state and cause. */
static void ran(const char *job, const char *state, const char *cause, int64_t began)
{
    catalogs_sqlf(
        &catalogs,
        "INSERT INTO runs (kind, job, state, cause, requested, started, ended, owner,"
        " exit_status) VALUES ('backup', '%s', '%s', '%s', %lld, %lld, %lld, '', %d)",
        job, state, cause, (long long)began, (long long)began, (long long)began + 60,
        strcmp(state, "complete") == 0 ? 0 : 4);
}

START_TEST(the_next_run_is_what_the_schedule_says)
{
    char text[64];
    ck_assert_int_eq(row_of(0, 100 * DAY)->next, 100 * DAY + 36000);
    ck_assert_str_eq(jobs_schedule(&loaded.items[0], text), "0 10 * * *");
    ck_assert_str_eq(jobs_schedule(&loaded.items[1], text), "every 1h30m");
    ck_assert_ptr_null(jobs_schedule(&loaded.items[2], text));
    ck_assert(loaded.items[2].next == SCHEDULE_NEVER);
    /* A span without a run is due now; after one, that much later. */
    ck_assert_int_eq(loaded.items[1].next, 100 * DAY);
    ran("oft\"en", "complete", "cli", 100 * DAY);
    ck_assert_int_eq(row_of(1, 100 * DAY + 60)->next, 100 * DAY + 5400);
}
END_TEST

START_TEST(a_time_that_nobody_served_is_in_the_past)
{
    OK(catalog_schedule_set(catalogs.catalog, "nightly", "0 10 * * *|0|UTC|0", 100 * DAY,
                            &err));
    ck_assert_int_eq(row_of(0, 101 * DAY)->next, 100 * DAY + 36000);
    jobs[0].enabled = false;
    ck_assert(row_of(0, 101 * DAY)->next == SCHEDULE_NEVER);
}
END_TEST

START_TEST(runs_are_counted_and_the_last_one_is_known)
{
    ran("nightly", "failed", "schedule", 99 * DAY);
    ran("nightly", "complete", "schedule", 100 * DAY);
    ran("nightly", "failed", "cli", 101 * DAY);
    const struct jobs_row *row = row_of(0, 102 * DAY);
    ck_assert_int_eq(row->counts.total, 3);
    ck_assert_int_eq(row->counts.complete, 1);
    ck_assert_int_eq(row->counts.failed, 2);
    ck_assert_int_eq(row->last->started, 101 * DAY);
    ck_assert(!row->busy);
    /* What somebody ran by hand is not tried again. */
    ck_assert(!jobs_due(row).failed);
    ran("nightly", "failed", "retry", 102 * DAY);
    ck_assert(jobs_due(row_of(0, 103 * DAY)).failed);
}
END_TEST

START_TEST(a_run_under_way_makes_a_job_busy_unless_its_process_is_dead)
{
    int64_t id = 0;
    OK(catalog_run_begin(catalogs.catalog, "backup", "nightly", &id, &err));
    ck_assert(row_of(0, 100 * DAY)->busy);
    catalogs_sqlf(&catalogs, "UPDATE runs SET owner = '%s'", catalogs_dead_owner());
    ck_assert(!row_of(0, 100 * DAY)->busy);
}
END_TEST

START_TEST(all_of_it_is_a_document)
{
    ran("nightly", "failed", "schedule", 100 * DAY);
    (void)row_of(0, 100 * DAY);
    json_t *document = jobs_json(&loaded);
    json_t *first = json_array_get(json_object_get(document, "jobs"), 0);
    char *text = json_text(first, false);
    ck_assert_str_eq(
        text,
        "{\"name\":\"nightly\",\"schedule\":\"0 10 * * *\",\"every\":null,"
        "\"timezone\":\"UTC\",\"enabled\":true,\"busy\":false,"
        "\"next_run\":\"1970-04-11T10:00:00Z\",\"last_run\":{\"id\":1,\"kind\":\"backup\","
        "\"job\":"
        "\"nightly\",\"state\":\"failed\",\"trigger\":\"schedule\",\"requested\":"
        "\"1970-04-11T00:00:00Z\",\"started\":\"1970-04-11T00:00:00Z\",\"ended\":"
        "\"1970-04-11T00:01:00Z\",\"exit_status\":4,\"message\":null,\"hint\":null},\"last_"
        "artifact\":null,\"runs\":{"
        "\"total\":1,\"successful\":0,\"failed\":1,\"cancelled\":0},\"verify\":null,"
        "\"drill\":null}");
    free(text);
    json_decref(document);
}
END_TEST

START_TEST(what_a_job_verifies_by_itself_has_a_row_behind_its_backups)
{
    char text[64];
    jobs[0].verify_every_s = 86400;
    const struct jobs_row *row = row_of(1, 100 * DAY);
    ck_assert_uint_eq(loaded.count, 4);
    ck_assert_int_eq(row->kind, JOBS_VERIFY);
    ck_assert_str_eq(jobs_schedule(row, text), "verify every 1d");
    /* Never before there is something to verify; then at once, unless a backup is under way. */
    ck_assert(row->idle && row->next == SCHEDULE_NEVER);
    catalogs_complete(catalogs.catalog, 1, catalogs_store(catalogs.catalog, "nas"),
                      100 * DAY);
    ck_assert_int_eq(row_of(1, 100 * DAY)->next, 100 * DAY);
    int64_t id = 0;
    OK(catalog_run_begin(catalogs.catalog, "backup", "nightly", &id, &err));
    ck_assert(row_of(1, 100 * DAY)->busy && loaded.items[0].busy);
    json_t *document = jobs_json(&loaded);
    json_t *list = json_object_get(document, "jobs");
    ck_assert_uint_eq(json_array_size(list), 3);
    json_t *verify = json_object_get(json_array_get(list, 0), "verify");
    ck_assert_int_eq(json_integer_value(json_object_get(verify, "every")), 86400);
    json_decref(document);
}
END_TEST

/* ---- metrics, which are made of it ---- */

START_TEST(metrics_have_their_labels_and_what_is_unknown_has_no_sample)
{
    struct catalog_artifacts artifacts = {0};
    const struct catalog_filter all = {0};
    struct catalog_totals totals = {0};
    struct catalog_drills drills = {0};
    struct health health;
    struct text text;
    catalogs_complete(catalogs.catalog, 1, catalogs_store(catalogs.catalog, "nas"),
                      100 * DAY);
    ran("nightly", "failed", "schedule", 100 * DAY);
    (void)row_of(0, 101 * DAY);
    OK(catalog_artifacts_list(catalogs.catalog, &all, CATALOG_WITH_COPIES, &artifacts,
                              &err));
    const struct health_spec spec = {
        .settings = &settings, .max_age_s = HEALTH_NO_LIMIT, .now = 101 * DAY};
    health_init(&health, &artifacts, &spec);
    OK(catalog_totals_list(catalogs.catalog, NULL, &totals, &err));
    OK(catalog_drills_last(catalogs.catalog, &drills, &err));
    const struct metrics_input input = {.health = &health,
                                        .jobs = &loaded,
                                        .artifacts = &artifacts,
                                        .totals = &totals,
                                        .drills = &drills,
                                        .settings = &settings};
    text_init(&text, 1 << 20);
    metrics_add(&input, &text);
    catalog_totals_release(&totals);
    catalog_drills_release(&drills);
    static const char *const lines[] = {
        "# TYPE pgkeep_backup_last_success_timestamp_seconds gauge\n",
        "pgkeep_backup_last_success_timestamp_seconds{job=\"nightly\",database=\"shop\","
        "type="
        "\"full\"} 8640000\n",
        "pgkeep_backup_last_success_age_seconds{job=\"nightly\",database=\"shop\",type="
        "\"full\"} "
        "86400\n",
        "pgkeep_copies{store=\"nas\",state=\"complete\"} 1\n",
        "pgkeep_copies{store=\"nas\",state=\"damaged\"} 0\n",
        "pgkeep_runs_total{job=\"nightly\",kind=\"backup\",state=\"failed\"} 1\n",
        "pgkeep_runs_total{job=\"oft\\\"en\",kind=\"backup\",state=\"failed\"} 0\n",
        "pgkeep_run_last_exit_status{job=\"nightly\",kind=\"backup\"} 4\n",
        "pgkeep_schedule_next_timestamp_seconds{job=\"nightly\",kind=\"backup\"} ",
        "pgkeep_problems{what=\"damaged\"} 0\n",
    };
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++)
        ck_assert_msg(strstr(text.data, lines[i]) != NULL, "%s is not in\n%s", lines[i],
                      text.data);
    ck_assert_ptr_null(strstr(text.data, "pgkeep_run_last_exit_status{job=\"hand\""));
    ck_assert_ptr_null(
        strstr(text.data, "pgkeep_schedule_next_timestamp_seconds{job=\"hand\""));
    ck_assert_ptr_null(strstr(text.data, "last_verified"));
    text_release(&text);
    health_release(&health);
    catalog_artifacts_release(&artifacts);
}
END_TEST

/* The metrics of these artifacts, with these databases in the last run; heap. */
static char *metrics_of(struct catalog_run_databases *databases)
{
    struct catalog_artifacts artifacts = {0};
    const struct catalog_filter all = {0};
    struct catalog_totals totals = {0};
    struct catalog_drills drills = {0};
    struct health health;
    struct text text;
    (void)row_of(0, 101 * DAY);
    OK(catalog_artifacts_list(catalogs.catalog, &all, CATALOG_WITH_COPIES, &artifacts,
                              &err));
    const struct health_spec spec = {.settings = &settings,
                                     .max_age_s = HEALTH_NO_LIMIT,
                                     .now = 101 * DAY,
                                     .run_databases = databases};
    health_init(&health, &artifacts, &spec);
    OK(catalog_totals_list(catalogs.catalog, NULL, &totals, &err));
    OK(catalog_drills_last(catalogs.catalog, &drills, &err));
    const struct metrics_input input = {.health = &health,
                                        .jobs = &loaded,
                                        .artifacts = &artifacts,
                                        .totals = &totals,
                                        .drills = &drills,
                                        .settings = &settings};
    text_init(&text, 1 << 20);
    metrics_add(&input, &text);
    catalog_totals_release(&totals);
    catalog_drills_release(&drills);
    health_release(&health);
    catalog_artifacts_release(&artifacts);
    return text_finish(&text);
}

START_TEST(metrics_tell_of_what_is_waited_for_and_of_nothing_else)
{
    char shop[] = "shop", crm[] = "crm", full[] = "full", odd[] = "caf\xe9";
    struct catalog_run_database items[] = {
        {.job = nightly, .database = shop, .type = full, .outcome = CATALOG_RUN_GONE},
        {.job = nightly, .database = crm, .type = full, .outcome = CATALOG_RUN_MISSED},
        {.job = nightly, .database = odd, .type = full, .outcome = CATALOG_RUN_MISSED}};
    struct catalog_run_databases databases = {.items = items, .count = 3};
    jobs[0].type = DUMP_FULL;
    catalogs_complete(catalogs.catalog, 1, catalogs_store(catalogs.catalog, "nas"),
                      100 * DAY);
    char *text = metrics_of(&databases);
    /* One without a good backup is a very long time ago; one that the server has no more is not
     * waited for. Its age nobody knows. */
    ck_assert_ptr_nonnull(strstr(text, "success_timestamp_seconds{job=\"nightly\","
                                       "database=\"crm\",type=\"full\"} 0\n"));
    ck_assert_ptr_null(strstr(text, "database=\"shop\""));
    ck_assert_ptr_null(strstr(text, "age_seconds{"));
    ck_assert_ptr_nonnull(strstr(text, "database=\"caf\\\\xE9\""));
    ck_assert(text_is_utf8(text, strlen(text)));
    free(text);
    /* A job that left the configuration. */
    catalogs_sql(&catalogs, "UPDATE artifacts SET job = 'former'");
    text = metrics_of(NULL);
    ck_assert_ptr_null(strstr(text, "former"));
    free(text);
}
END_TEST

START_TEST(metrics_of_a_job_that_never_knew_its_databases_ring_too)
{
    char source[] = "pg", info[] = "host=nowhere dbname=shop", all[] = "*";
    char *databases[] = {all};
    struct source_settings sources[] = {{.name = source, .conninfo = {info}}};
    settings.sources = sources;
    settings.source_count = 1;
    jobs[0].source = source;
    jobs[0].type = jobs[1].type = jobs[2].type = DUMP_FULL;
    char *text = metrics_of(NULL);
    ck_assert_ptr_nonnull(strstr(text, "success_timestamp_seconds{job=\"nightly\","
                                       "database=\"shop\",type=\"full\"} 0\n"));
    ck_assert_ptr_nonnull(strstr(text, "job=\"hand\",database=\"(unknown)\""));
    free(text);
    /* What a pattern finds only the server knows; globals have a name that people know. */
    sources[0].databases = (struct strlist){.items = databases, .count = 1};
    sources[0].globals = true;
    text = metrics_of(NULL);
    ck_assert_ptr_nonnull(strstr(text, "job=\"nightly\",database=\"(unknown)\""));
    ck_assert_ptr_nonnull(strstr(text, "database=\"(globals)\",type=\"globals\"} 0\n"));
    free(text);
}
END_TEST

START_TEST(metrics_count_what_only_grows_and_the_last_delay_and_drill)
{
    char name[] = TOTALS_REPEATED, label[] = "s3";
    const struct catalog_total total = {name, nightly, label, 77};
    OK(catalog_total_add(catalogs.catalog, &total, &err));
    OK(catalog_total_add(catalogs.catalog, &total, &err));
    catalogs_complete(catalogs.catalog, 1, catalogs_store(catalogs.catalog, "nas"),
                      100 * DAY);
    catalogs_sql(&catalogs, "INSERT INTO verifications (copy, time, level, result,"
                            " duration_ms, bytes) VALUES (1, 8640500, 3, 'good', 1, 1)");
    ran("nightly", "complete", "schedule", 100 * DAY);
    catalogs_sql(&catalogs, "UPDATE runs SET due = started - 42");
    jobs[0].type = DUMP_FULL;
    char *text = metrics_of(NULL);
    static const char *const lines[] = {
        "# TYPE pgkeep_repeated_bytes_total counter\n",
        "pgkeep_repeated_bytes_total{job=\"nightly\",store=\"s3\"} 154\n",
        "pgkeep_run_last_delay_seconds{job=\"nightly\",kind=\"backup\"} 42\n",
        "pgkeep_backup_last_drilled_timestamp_seconds{job=\"nightly\",database=\"shop\","
        "type=\"full\"} 8640500\n"};
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++)
        ck_assert_msg(strstr(text, lines[i]) != NULL, "%s is not in\n%s", lines[i], text);
    free(text);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("jobs");
    TCase *tcase = tcase_create("jobs");
    tcase_add_checked_fixture(tcase, set_up, tear_down);
    tcase_add_test(tcase, the_next_run_is_what_the_schedule_says);
    tcase_add_test(tcase, a_time_that_nobody_served_is_in_the_past);
    tcase_add_test(tcase, runs_are_counted_and_the_last_one_is_known);
    tcase_add_test(tcase, a_run_under_way_makes_a_job_busy_unless_its_process_is_dead);
    tcase_add_test(tcase, all_of_it_is_a_document);
    tcase_add_test(tcase, what_a_job_verifies_by_itself_has_a_row_behind_its_backups);
    tcase_add_test(tcase, metrics_have_their_labels_and_what_is_unknown_has_no_sample);
    tcase_add_test(tcase, metrics_tell_of_what_is_waited_for_and_of_nothing_else);
    tcase_add_test(tcase, metrics_of_a_job_that_never_knew_its_databases_ring_too);
    tcase_add_test(tcase, metrics_count_what_only_grows_and_the_last_delay_and_drill);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
