#include "report/health.h"
#include "report/health_json.h"
#include "base/json.h"
#include "tests/support/run_suite.h"

#include <check.h>

#define HOUR INT64_C(3600)
#define NOW INT64_C(1795230000)
#define ROWS 8

/* An artifact in few words; copies has one letter per copy: c complete, f failed, m
 * missing, d damaged, D deleting, l locked, b blocked, x deleted, u uploading. Behind them,
 * of the whole: S suspect, Q quarantined, T made with --table, E with exclude_tables of the
 * configuration, Y of type schema, G globals. */
struct row {
    const char *job, *database;
    enum catalog_status status;
    int64_t hours_ago;
    const char *copies;
};

static enum catalog_copy_state state_of(char letter)
{
    switch (letter) {
    case 'f':
        return CATALOG_COPY_FAILED;
    case 'm':
        return CATALOG_COPY_MISSING;
    case 'd':
        return CATALOG_COPY_DAMAGED;
    case 'D':
        return CATALOG_COPY_DELETING;
    case 'l':
        return CATALOG_COPY_LOCKED;
    case 'b':
        return CATALOG_COPY_BLOCKED;
    case 'x':
        return CATALOG_COPY_DELETED;
    case 'u':
        return CATALOG_COPY_UPLOADING;
    default:
        return CATALOG_COPY_COMPLETE;
    }
}

/* All of it on the stack or the heap of the test; freed by stage_release. */
struct stage {
    struct catalog_artifact items[ROWS];
    struct catalog_artifacts artifacts;
    struct job_settings jobs[2];
    struct settings settings;
    struct health health;
};

static void fill_copies(struct catalog_artifact *artifact, const char *states)
{
    artifact->copy_count = strcspn(states, "SQTEYG");
    artifact->copies = memory_array(artifact->copy_count + 1, sizeof(*artifact->copies));
    for (size_t i = 0; i < artifact->copy_count; i++) {
        artifact->copies[i].store = memory_format("s%zu", i + 1);
        artifact->copies[i].state = state_of(states[i]);
    }
}

static void fill(struct catalog_artifact *artifact, const struct row *row, size_t number)
{
    *artifact = (struct catalog_artifact){
        .job = memory_strdup(row->job),
        .source = memory_strdup("src"),
        .database = memory_strdup(row->database),
        .type = memory_strdup(strchr(row->copies, 'Y')   ? "schema"
                              : strchr(row->copies, 'G') ? "globals"
                                                         : "full"),
        .status = row->status,
        .time = NOW - row->hours_ago * HOUR,
        .suspect = strchr(row->copies, 'S') != NULL,
        .quarantined = strchr(row->copies, 'Q') != NULL,
        .owner_state = OWNER_DEAD,
    };
    (void)snprintf(artifact->id, sizeof(artifact->id), "A%zu", number);
    if (strchr(row->copies, 'T'))
        catalog_pairs_add(&artifact->filters, "--table", "big");
    if (strchr(row->copies, 'E'))
        catalog_pairs_add(&artifact->filters, "exclude_tables", "log");
    catalog_filters_hash(&artifact->filters, artifact->filters_hash);
    fill_copies(artifact, row->copies);
}

/* Rows newest first, up to the one without a job; jobs: names by blank, at most two. */
static void stage_init(struct stage *stage, const struct row *rows, const char *jobs,
                       const struct health_spec *spec)
{
    struct health_spec filled = *spec;
    *stage = (struct stage){.artifacts.items = stage->items};
    for (size_t i = 0; rows[i].job; i++)
        fill(&stage->items[stage->artifacts.count++], &rows[i], i + 1);
    while (*jobs) {
        size_t size = strcspn(jobs, " ");
        stage->jobs[stage->settings.job_count++].name = memory_strndup(jobs, size);
        jobs += size + (jobs[size] == ' ');
    }
    stage->settings.jobs = stage->jobs;
    filled.settings = &stage->settings;
    filled.now = NOW;
    health_init(&stage->health, &stage->artifacts, &filled);
}

static void stage_release(struct stage *stage)
{
    for (size_t i = 0; i < stage->artifacts.count; i++) {
        struct catalog_artifact *artifact = &stage->items[i];
        for (size_t j = 0; j < artifact->copy_count; j++)
            free(artifact->copies[j].store);
        free(artifact->copies);
        free(artifact->job);
        free(artifact->source);
        free(artifact->database);
        free(artifact->type);
        catalog_pairs_release(&artifact->filters);
    }
    for (size_t i = 0; i < stage->settings.job_count; i++)
        free(stage->jobs[i].name);
    health_release(&stage->health);
}

/* Is it too old at --max-age 26h, with these jobs configured? */
static const struct age_case {
    const char *claim, *jobs;
    struct row rows[ROWS];
    const char *job; /* --job */
    bool too_old;
} age_cases[] = {
    {"last night's is good enough",
     "n",
     {{"n", "shop", CATALOG_COMPLETE, 3, "c"}},
     NULL,
     false},
    {"one of last week is not",
     "n",
     {{"n", "shop", CATALOG_COMPLETE, 170, "c"}},
     NULL,
     true},
    {"at the limit it is not too old",
     "n",
     {{"n", "shop", CATALOG_COMPLETE, 26, "c"}},
     NULL,
     false},
    {"a job that never ran is too old",
     "n w",
     {{"n", "shop", CATALOG_COMPLETE, 3, "c"}},
     NULL,
     true},
    {"nothing at all is too old", "", {{.job = NULL}}, NULL, true},
    {"failed ones do not count",
     "n",
     {{"n", "shop", CATALOG_FAILED, 2, "f"}, {"n", "shop", CATALOG_COMPLETE, 30, "c"}},
     NULL,
     true},
    {"a failed one after a good one of today is no alarm",
     "n",
     {{"n", "shop", CATALOG_FAILED, 2, "f"}, {"n", "shop", CATALOG_COMPLETE, 20, "c"}},
     NULL,
     false},
    {"a complete one whose copies are gone does not count",
     "n",
     {{"n", "shop", CATALOG_COMPLETE, 2, "md"}, {"n", "shop", CATALOG_COMPLETE, 30, "c"}},
     NULL,
     true},
    {"one good copy is enough",
     "n",
     {{"n", "shop", CATALOG_COMPLETE, 2, "fc"}},
     NULL,
     false},
    {"a suspect one does not count",
     "n",
     {{"n", "shop", CATALOG_COMPLETE, 2, "cS"}, {"n", "shop", CATALOG_COMPLETE, 30, "c"}},
     NULL,
     true},
    {"one from the future does not count",
     "n",
     {{"n", "shop", CATALOG_COMPLETE, -9000, "c"},
      {"n", "shop", CATALOG_COMPLETE, 30, "c"}},
     NULL,
     true},
    {"nor a quarantined one", "n", {{"n", "shop", CATALOG_COMPLETE, 1, "cQ"}}, NULL, true},
    {"a running one is no backup yet",
     "n",
     {{"n", "shop", CATALOG_RUNNING, 1, "u"}},
     NULL,
     true},
    {"one database that fails does not hide behind another",
     "n",
     {{"n", "shop", CATALOG_COMPLETE, 2, "c"},
      {"n", "blog", CATALOG_FAILED, 2, "f"},
      {"n", "blog", CATALOG_COMPLETE, 50, "c"}},
     NULL,
     true},
    {"nor one that never succeeded",
     "n",
     {{"n", "shop", CATALOG_COMPLETE, 2, "c"}, {"n", "blog", CATALOG_FAILED, 2, "f"}},
     NULL,
     true},
    {"a database that was dropped does not ring for ever",
     "n",
     {{"n", "shop", CATALOG_COMPLETE, 2, "c"}, {"n", "blog", CATALOG_COMPLETE, 500, "c"}},
     NULL,
     false},
    {"one that the command line cut down does not count",
     "n",
     {{"n", "shop", CATALOG_COMPLETE, 2, "cT"}, {"n", "shop", CATALOG_COMPLETE, 30, "c"}},
     NULL,
     true},
    {"nor does it ring when it is old",
     "n",
     {{"n", "shop", CATALOG_COMPLETE, 2, "c"}, {"n", "shop", CATALOG_COMPLETE, 500, "cT"}},
     NULL,
     false},
    {"filters of the configuration are the job's own, also after a change",
     "n",
     {{"n", "shop", CATALOG_COMPLETE, 2, "cE"}, {"n", "shop", CATALOG_COMPLETE, 300, "c"}},
     NULL,
     false},
    {"a schema without its rows does not count",
     "n",
     {{"n", "shop", CATALOG_COMPLETE, 2, "cY"}, {"n", "shop", CATALOG_COMPLETE, 30, "c"}},
     NULL,
     true},
    {"nor do the globals of the server",
     "n",
     {{"n", "", CATALOG_COMPLETE, 2, "cG"}, {"n", "shop", CATALOG_COMPLETE, 30, "c"}},
     NULL,
     true},
    {"a job that is no longer configured does not ring",
     "n",
     {{"n", "shop", CATALOG_COMPLETE, 2, "c"}, {"old", "blog", CATALOG_COMPLETE, 500, "c"}},
     NULL,
     false},
    {"unless it is asked for",
     "n",
     {{"n", "shop", CATALOG_COMPLETE, 2, "c"}, {"old", "blog", CATALOG_COMPLETE, 500, "c"}},
     "old",
     true},
    {"another job does not help",
     "n w",
     {{"n", "shop", CATALOG_COMPLETE, 2, "c"}, {"w", "blog", CATALOG_COMPLETE, 200, "c"}},
     NULL,
     true},
    {"and does not harm",
     "n w",
     {{"n", "shop", CATALOG_COMPLETE, 2, "c"}, {"w", "blog", CATALOG_COMPLETE, 200, "c"}},
     "n",
     false},
    {"without configuration ad-hoc backups are watched",
     "",
     {{"adhoc", "shop", CATALOG_COMPLETE, 200, "c"}},
     NULL,
     true},
    {"and are good when they are new",
     "",
     {{"", "shop", CATALOG_COMPLETE, 2, "c"}},
     NULL,
     false},
};

START_TEST(too_old_is_what_has_no_recent_good_backup)
{
    const struct age_case *one = &age_cases[_i];
    struct stage stage;
    struct health_spec spec = {.job = one->job, .max_age_s = 26 * HOUR};
    stage_init(&stage, one->rows, one->jobs, &spec);
    ck_assert_msg(stage.health.too_old == one->too_old, "%s", one->claim);
    stage_release(&stage);
    spec.max_age_s = HEALTH_NO_LIMIT;
    stage_init(&stage, one->rows, one->jobs, &spec);
    ck_assert_msg(!stage.health.too_old, "without a limit: %s", one->claim);
    stage_release(&stage);
}
END_TEST

START_TEST(a_database_that_is_named_is_expected_and_one_found_by_a_pattern_is_not)
{
    static const struct {
        const char *database;
        bool globals, too_old;
    } cases[] = {
        {"shop", false, false}, {"*", false, false},  {"blog", false, true},
        {"old", false, true},   {"o*", false, false}, {"shop", true, true},
    };
    static const struct row rows[] = {{"n", "shop", CATALOG_COMPLETE, 2, "c"},
                                      {"n", "old", CATALOG_COMPLETE, 500, "c"},
                                      {.job = NULL}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct stage stage;
        struct source_settings source = {.name = memory_strdup("src"),
                                         .globals = cases[i].globals};
        struct health_spec spec = {.max_age_s = 26 * HOUR};
        strlist_add(&source.databases, cases[i].database);
        stage_init(&stage, rows, "n", &spec);
        stage.jobs[0].source = source.name;
        stage.jobs[0].type = DUMP_FULL;
        stage.settings.sources = &source;
        stage.settings.source_count = 1;
        health_release(&stage.health);
        spec.settings = &stage.settings;
        spec.now = NOW;
        health_init(&stage.health, &stage.artifacts, &spec);
        ck_assert_msg(stage.health.too_old == cases[i].too_old, "%s", cases[i].database);
        stage_release(&stage);
        strlist_release(&source.databases);
        free(source.name);
    }
}
END_TEST

/* What the last run of job n, which ended an hour ago, should have dumped. */
static const struct run_case {
    const char *claim;
    struct row rows[4];
    struct run_row {
        char database[8], type[8];
        enum catalog_run_outcome outcome;
    } run[3];
    bool too_old;
} run_cases[] = {
    {"each database has a good one",
     {{"n", "shop", CATALOG_COMPLETE, 2, "c"}, {"n", "crm", CATALOG_COMPLETE, 2, "c"}},
     {{"shop", "full", CATALOG_RUN_DUMPED}, {"crm", "full", CATALOG_RUN_DUMPED}},
     false},
    {"one that never had a backup is missed",
     {{"n", "shop", CATALOG_COMPLETE, 2, "c"}},
     {{"shop", "full", CATALOG_RUN_DUMPED}, {"crm", "full", CATALOG_RUN_MISSED}},
     true},
    {"nor was it its turn",
     {{"n", "shop", CATALOG_COMPLETE, 2, "c"}},
     {{"shop", "full", CATALOG_RUN_DUMPED}, {"crm", "full", CATALOG_RUN_EXPECTED}},
     true},
    {"one whose turn never came, since the run was killed, is missed however young its "
     "last",
     {{"n", "shop", CATALOG_COMPLETE, 2, "c"}, {"n", "crm", CATALOG_COMPLETE, 3, "c"}},
     {{"shop", "full", CATALOG_RUN_DUMPED}, {"crm", "full", CATALOG_RUN_EXPECTED}},
     true},
    {"unless the run was killed between its dump and the note of it",
     {{"n", "shop", CATALOG_COMPLETE, 2, "c"}, {"n", "crm", CATALOG_COMPLETE, 2, "c"}},
     {{"shop", "full", CATALOG_RUN_DUMPED}, {"crm", "full", CATALOG_RUN_EXPECTED}},
     false},
    {"a run that failed for one cannot be green for it, how young the one before may be",
     {{"n", "shop", CATALOG_COMPLETE, 2, "c"}, {"n", "crm", CATALOG_COMPLETE, 3, "c"}},
     {{"shop", "full", CATALOG_RUN_DUMPED}, {"crm", "full", CATALOG_RUN_MISSED}},
     true},
    {"until a later one made up for it",
     {{"n", "crm", CATALOG_COMPLETE, 0, "c"}, {"n", "shop", CATALOG_COMPLETE, 2, "c"}},
     {{"shop", "full", CATALOG_RUN_DUMPED}, {"crm", "full", CATALOG_RUN_MISSED}},
     false},
    {"one that the server has no more does not ring",
     {{"n", "shop", CATALOG_COMPLETE, 2, "c"}, {"n", "crm", CATALOG_COMPLETE, 99, "c"}},
     {{"shop", "full", CATALOG_RUN_DUMPED}, {"crm", "full", CATALOG_RUN_GONE}},
     false},
    {"nor one that is left out by now, although its last backup had failed",
     {{"n", "shop", CATALOG_COMPLETE, 2, "c"},
      {"n", "crm", CATALOG_FAILED, 50, "f"},
      {"n", "crm", CATALOG_COMPLETE, 99, "c"}},
     {{"shop", "full", CATALOG_RUN_DUMPED}},
     false},
    {"one that was dumped long ago is too old",
     {{"n", "shop", CATALOG_COMPLETE, 99, "c"}},
     {{"shop", "full", CATALOG_RUN_DUMPED}},
     true},
    {"a run of schemas is none of the job's own",
     {{"n", "shop", CATALOG_COMPLETE, 2, "cY"}, {"n", "shop", CATALOG_COMPLETE, 99, "c"}},
     {{"shop", "schema", CATALOG_RUN_DUMPED}},
     true},
    {"globals that were missed ring",
     {{"n", "shop", CATALOG_COMPLETE, 2, "c"}},
     {{"shop", "full", CATALOG_RUN_DUMPED}, {"", "globals", CATALOG_RUN_MISSED}},
     true},
};

START_TEST(every_database_that_the_last_run_should_have_dumped_is_watched)
{
    const struct run_case *one = &run_cases[_i];
    struct catalog_run_database items[3] = {0};
    struct catalog_run_databases databases = {.items = items};
    struct run_row rows[3];
    char job[] = "n";
    memcpy(rows, one->run, sizeof rows);
    for (size_t i = 0; i < 3 && rows[i].type[0] != '\0'; i++)
        items[databases.count++] =
            (struct catalog_run_database){.job = job,
                                          .started = NOW - 2 * HOUR,
                                          .ended = NOW - HOUR,
                                          .database = rows[i].database,
                                          .type = rows[i].type,
                                          .outcome = rows[i].outcome};
    struct stage stage;
    struct health_spec spec = {.max_age_s = 26 * HOUR};
    stage_init(&stage, one->rows, "n", &spec);
    health_release(&stage.health);
    for (size_t i = 0; i < stage.artifacts.count; i++)
        stage.items[i].started = stage.items[i].time;
    stage.jobs[0].type = DUMP_FULL;
    spec.settings = &stage.settings;
    spec.now = NOW;
    spec.run_databases = &databases;
    health_init(&stage.health, &stage.artifacts, &spec);
    ck_assert_msg(stage.health.too_old == one->too_old, "%s", one->claim);
    /* Whatever is missed has its reason. */
    for (size_t i = 0; i < stage.health.jobs[0].group_count; i++) {
        const struct health_group *group = &stage.health.jobs[0].groups[i];
        if (group->missed && group->missed->outcome == CATALOG_RUN_EXPECTED)
            ck_assert_str_eq(health_missed_why(group), "the run ended before it");
    }
    stage_release(&stage);
}
END_TEST

START_TEST(last_good_and_last_tried_are_per_database)
{
    static const struct row rows[] = {{"n", "shop", CATALOG_FAILED, 2, "f"},
                                      {"n", "blog", CATALOG_COMPLETE, 3, "c"},
                                      {"n", "shop", CATALOG_COMPLETE, 26, "c"},
                                      {"n", "shop", CATALOG_COMPLETE, 50, "c"},
                                      {0}};
    struct stage stage;
    struct health_spec spec = {.max_age_s = HEALTH_NO_LIMIT};
    stage_init(&stage, rows, "n", &spec);
    ck_assert_uint_eq(stage.health.job_count, 1);
    const struct health_job *job = &stage.health.jobs[0];
    ck_assert_uint_eq(job->group_count, 2);
    ck_assert_ptr_eq(job->good, &stage.items[1]);
    ck_assert_ptr_eq(job->groups[0].good, &stage.items[2]);
    ck_assert_ptr_eq(job->groups[0].tried, &stage.items[0]);
    ck_assert_ptr_eq(job->groups[1].good, &stage.items[1]);
    ck_assert_int_eq(health_age(&stage.health, job->good), 3 * HOUR);
    stage_release(&stage);
}
END_TEST

START_TEST(what_needs_eyes_is_listed_newest_first)
{
    static const struct row rows[] = {
        {"n", "shop", CATALOG_RUNNING, 1, "uu"},
        {"n", "shop", CATALOG_COMPLETE, 2, "cfS"},
        {"n", "shop", CATALOG_COMPLETE, 3, "cf"},
        {"n", "shop", CATALOG_COMPLETE, 4, "cf"}, /* its failed copy is history */
        {"n", "shop", CATALOG_COMPLETE, 5, "md"},
        {"n", "shop", CATALOG_COMPLETE, 6, "lbcxQ"},
        {"n", "shop", CATALOG_COMPLETE, 7, "cu"},
        {0}};
    static const struct {
        enum health_what what;
        const char *id, *store;
    } wanted[] = {
        {HEALTH_ABANDONED, "A1", NULL}, {HEALTH_SUSPECT, "A2", NULL},
        {HEALTH_FAILED, "A3", "s2"},    {HEALTH_MISSING, "A5", "s1"},
        {HEALTH_DAMAGED, "A5", "s2"},   {HEALTH_QUARANTINED, "A6", NULL},
        {HEALTH_LOCKED, "A6", "s1"},    {HEALTH_BLOCKED, "A6", "s2"},
        {HEALTH_ABANDONED, "A7", "s2"},
    };
    struct stage stage;
    struct health_spec spec = {.max_age_s = HEALTH_NO_LIMIT};
    stage_init(&stage, rows, "n", &spec);
    ck_assert_uint_eq(stage.health.running_count, 1);
    ck_assert_uint_eq(stage.health.problem_count, sizeof(wanted) / sizeof(wanted[0]));
    for (size_t i = 0; i < stage.health.problem_count; i++) {
        const struct health_problem *problem = &stage.health.problems[i];
        ck_assert_str_eq(health_what_name(problem->what), health_what_name(wanted[i].what));
        ck_assert_str_eq(problem->artifact->id, wanted[i].id);
        ck_assert_pstr_eq(problem->copy ? problem->copy->store : NULL, wanted[i].store);
    }
    stage_release(&stage);
}
END_TEST

START_TEST(a_deletion_is_stuck_after_a_vain_try_or_an_hour)
{
    static const struct {
        int64_t attempts, marked;
        size_t problems;
    } cases[] = {{0, NOW - 60, 0}, {1, NOW - 60, 1}, {0, NOW - 2 * HOUR, 1}};
    static const struct row rows[] = {{"n", "shop", CATALOG_COMPLETE, 2, "D"}, {0}};
    struct health_spec spec = {.max_age_s = HEALTH_NO_LIMIT};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct stage stage;
        stage_init(&stage, rows, "", &spec);
        stage.items[0].copies[0].attempts = cases[i].attempts;
        stage.items[0].copies[0].marked = cases[i].marked;
        health_release(&stage.health);
        spec.settings = &stage.settings;
        spec.now = NOW;
        health_init(&stage.health, &stage.artifacts, &spec);
        ck_assert_uint_eq(stage.health.problem_count, cases[i].problems);
        if (cases[i].problems == 1)
            ck_assert_int_eq(stage.health.problems[0].since, cases[i].marked);
        stage_release(&stage);
    }
}
END_TEST

START_TEST(json_holds_jobs_that_never_ran_and_names_of_any_bytes)
{
    static const struct row rows[] = {{"n", "\xff", CATALOG_COMPLETE, 2, "c"}, {0}};
    struct stage stage;
    struct health_spec spec = {.max_age_s = 26 * HOUR};
    stage_init(&stage, rows, "n w", &spec);
    json_t *json = health_json(&stage.health);
    char *text = json_text(json, false);
    ck_assert_str_eq(
        text,
        "{\"time\":\"2026-11-21T03:00:00Z\",\"max_age_seconds\":93600,\"too_old\":true,"
        "\"running\":[],\"jobs\":[{\"job\":\"n\",\"configured\":true,\"too_old\":false,"
        "\"last_good\":\"2026-11-21T01:00:00Z\",\"age_seconds\":7200,\"failed_run\":null,"
        "\"databases\":[{"
        "\"database\":{\"hex\":\"ff\"},\"type\":\"full\",\"id\":\"A1\",\"last_good\":"
        "\"2026-11-21T01:00:00Z\",\"age_seconds\":7200,\"stored_bytes\":null,\"last_"
        "tried\":"
        "\"2026-11-21T01:00:00Z\",\"last_status\":\"complete\",\"last_error\":null,"
        "\"too_old\":false,\"filtered\":false,\"last_doubt\":null,\"expected\":false,"
        "\"gone\":false,\"missed\":null}],\"left\":null},{\"job\":\"w\","
        "\"configured\":true,\"too_"
        "old\":true,"
        "\"last_good\":null,\"age_seconds\":null,\"failed_run\":null,\"databases\":[],"
        "\"left\":null}],"
        "\"problems\":[],\"stores_left\":[]}");
    free(text);
    json_decref(json);
    stage_release(&stage);
}
END_TEST

START_TEST(a_run_that_failed_before_its_first_artifact_is_told)
{
    static const struct row rows[] = {{"n", "shop", CATALOG_COMPLETE, 3, "c"}, {0}};
    char kind[] = "backup", name[] = "n", owner[] = "the process of the run";
    struct catalog_run items[] = {
        {.kind = kind,
         .job = name,
         .owner = owner,
         .started = NOW - HOUR,
         .exit_status = 4},
        {.kind = kind, .job = name, .started = NOW - 2 * HOUR, .exit_status = 0}};
    struct catalog_runs runs = {.items = items, .count = 2};
    static const struct claim {
        const char *text;
        int exit_status;
        int64_t artifact_started;
        bool told;
    } claims[] = {
        {"the newest run failed", 4, NOW - 3 * HOUR, true},
        {"with an artifact, that one tells", 4, NOW - HOUR, false},
        {"that of a run just before is no artifact of this one", 4, NOW - HOUR, true},
        {"an older failure is over", 0, NOW - 3 * HOUR, false},
        {"one under way has not failed", -1, NOW - 3 * HOUR, false}};
    struct health_spec spec = {.max_age_s = HEALTH_NO_LIMIT};
    for (size_t i = 0; i < sizeof(claims) / sizeof(claims[0]); i++) {
        struct stage stage;
        stage_init(&stage, rows, "n", &spec);
        health_release(&stage.health);
        stage.items[0].started = claims[i].artifact_started;
        stage.items[0].owner = memory_strdup(i == 2 ? "another process" : owner);
        items[0].exit_status = claims[i].exit_status;
        spec.settings = &stage.settings;
        spec.now = NOW;
        spec.runs = &runs;
        health_init(&stage.health, &stage.artifacts, &spec);
        ck_assert_msg((stage.health.jobs[0].failed_run == &items[0]) == claims[i].told,
                      "%s", claims[i].text);
        spec.runs = NULL;
        free(stage.items[0].owner);
        stage_release(&stage);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("health");
    TCase *tcase = tcase_create("health");
    tcase_add_test(tcase, a_run_that_failed_before_its_first_artifact_is_told);
    tcase_add_loop_test(tcase, too_old_is_what_has_no_recent_good_backup, 0,
                        (int)(sizeof(age_cases) / sizeof(age_cases[0])));
    tcase_add_test(tcase,
                   a_database_that_is_named_is_expected_and_one_found_by_a_pattern_is_not);
    tcase_add_loop_test(tcase,
                        every_database_that_the_last_run_should_have_dumped_is_watched, 0,
                        sizeof run_cases / sizeof *run_cases);
    tcase_add_test(tcase, last_good_and_last_tried_are_per_database);
    tcase_add_test(tcase, what_needs_eyes_is_listed_newest_first);
    tcase_add_test(tcase, a_deletion_is_stuck_after_a_vain_try_or_an_hour);
    tcase_add_test(tcase, json_holds_jobs_that_never_ran_and_names_of_any_bytes);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
