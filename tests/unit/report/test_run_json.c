/* Documents of runs, to the letter: scripts and an API read them. */
#include "report/run_json.h"
#include "report/upkeep_json.h"
#include "base/json.h"
#include "base/memory.h"
#include "tests/support/run_suite.h"

#include <check.h>

static char nas[] = "nas", key[] = "data/a.sql.gz", words[] = "before migration";
static char database[] = "sh\"op", database_found[] = "shop";

/* Takes the document. */
static void assert_document(json_t *document, const char *wanted)
{
    char *text = json_text(document, false);
    ck_assert_str_eq(text, wanted);
    free(text);
    json_decref(document);
}

START_TEST(what_was_done_with_one_artifact_is_a_document)
{
    struct catalog_artifact artifact = {.id = "01JD7XK2M40000000000000001",
                                        .database = database_found,
                                        .raw_bytes = 5000,
                                        .pinned = true,
                                        .pin_reason = words,
                                        .pin_changed = 86400,
                                        .accepted = 60};
    struct catalog_copy copy = {.store = nas};
    struct copy_artifact_spec spec = {.id = artifact.id, .from = "nas", .to = "offsite"};
    struct copy_artifact_result copied = {COPY_ARTIFACT_RESUMED, 100, 40};
    struct restore_done done = {
        .database = database, .store = nas, .counted = true, .raw_bytes = 12};
    struct restore_done uncounted = {.database = database, .store = nas};
    struct catalog_verification found = {.level = CATALOG_FULL,
                                         .result = CATALOG_FOUND_DAMAGED,
                                         .message = words,
                                         .duration_ms = 7,
                                         .bytes = 100};
    assert_document(run_json_copied(&artifact, &spec, &copied),
                    "{\"id\":\"01JD7XK2M40000000000000001\",\"database\":\"shop\","
                    "\"from\":\"nas\",\"to\":"
                    "\"offsite\",\"outcome\":\"resumed\",\"bytes\":100,"
                    "\"resumed_bytes\":40}");
    assert_document(run_json_restored(&artifact, &done, 41),
                    "{\"id\":\"01JD7XK2M40000000000000001\",\"source_database\":"
                    "\"shop\",\"database\":\"sh\\\"op\","
                    "\"store\":\"nas\",\"raw_bytes\":12,\"duration_ms\":41,\"left_out\":["
                    "],\"brought\":[]}");
    assert_document(run_json_restored(&artifact, &uncounted, 41),
                    "{\"id\":\"01JD7XK2M40000000000000001\",\"source_database\":"
                    "\"shop\",\"database\":\"sh\\\"op\","
                    "\"store\":\"nas\",\"raw_bytes\":null,\"duration_ms\":41,"
                    "\"left_out\":[],\"brought\":[]}");
    assert_document(run_json_verified(&artifact, &copy, &found),
                    "{\"id\":\"01JD7XK2M40000000000000001\",\"database\":\"shop\","
                    "\"store\":\"nas\",\"level\":\"full\",\"result\":\"damaged\","
                    "\"duration_ms\":7,\"bytes\":100,\"message\":\"before migration\"}");
    assert_document(run_json_pinned(&artifact, 1),
                    "{\"id\":\"01JD7XK2M40000000000000001\",\"database\":\"shop\","
                    "\"pinned\":true,\"until\":null,"
                    "\"reason\":\"before migration\",\"changed\":\"1970-01-02T00:00:00Z\","
                    "\"stores_untold\":1}");
    assert_document(run_json_accepted(&artifact, 0),
                    "{\"id\":\"01JD7XK2M40000000000000001\",\"database\":\"shop\","
                    "\"suspect\":false,"
                    "\"accepted\":\"1970-01-01T00:01:00Z\",\"reason\":null,"
                    "\"stores_untold\":0}");
}
END_TEST

START_TEST(what_was_fetched_and_where_it_lies_is_a_document)
{
    struct catalog_artifact artifact = {.id = "01JD7XK2M40000000000000001",
                                        .database = database_found,
                                        .raw_bytes = 5000,
                                        .stored_bytes = 900,
                                        .sha256 = words};
    struct export_spec spec = {
        .from = {.artifact = &artifact}, .form = COPY_READER_STORED, .output = "f"};
    assert_document(run_json_fetched(&spec, "nas"),
                    "{\"id\":\"01JD7XK2M40000000000000001\",\"database\":\"shop\","
                    "\"store\":\"nas\",\"output\":\"f\",\"form\":\"stored\","
                    "\"bytes\":900,\"sha256\":\"before migration\"}");
    /* Of a parallel dump nobody knows the hash of the text. */
    spec.form = COPY_READER_DECODED;
    assert_document(run_json_fetched(&spec, "nas"),
                    "{\"id\":\"01JD7XK2M40000000000000001\",\"database\":\"shop\","
                    "\"store\":\"nas\",\"output\":\"f\",\"form\":\"decoded\","
                    "\"bytes\":5000,\"sha256\":null}");
    assert_document(run_json_presigned(&artifact, "http://x/y", 60),
                    "{\"id\":\"01JD7XK2M40000000000000001\",\"database\":\"shop\","
                    "\"url\":\"http://x/y\",\"expires\":\"1970-01-01T00:01:00Z\"}");
}
END_TEST

/* Of three copies one is gone, one stays, and the store of the third did not answer. */
START_TEST(a_deletion_tells_each_copy_that_goes)
{
    struct catalog_copy copies[] = {
        {.id = 1, .store_id = 7, .store = nas, .key = key, .bytes = 9},
        {.id = 2, .store_id = 7, .store = nas, .key = key},
        {.id = 3, .store_id = 8, .store = nas, .key = key}};
    struct repository repository = {.id = 7};
    struct repository *answered[] = {&repository};
    struct remove_result removed = {.copy = 1, .outcome = REMOVE_BLOCKED, .reason = "no"};
    int64_t going[] = {1, 3};
    struct delete_outcome outcome = {.artifact = {.id = "01JD7XK2M40000000000000001",
                                                  .database = database_found,
                                                  .copies = copies,
                                                  .copy_count = 3},
                                     .hash = "0123456789abcdef",
                                     .stores = {.items = answered, .count = 1},
                                     .copies = going,
                                     .count = 2,
                                     .removed = {&removed, 1, 1}};
    assert_document(run_json_deleted(&outcome, false, NULL),
                    "{\"id\":\"01JD7XK2M40000000000000001\",\"database\":\"shop\","
                    "\"plan_hash\":\"0123456789abcdef\",\"dry_run\":false,\"last_good\":"
                    "false,\"refused\":null,\"hint\":null,\"copies\":["
                    "{\"store\":\"nas\",\"key\":\"data/a.sql.gz\",\"bytes\":9,"
                    "\"result\":\"blocked\",\"error\":\"no\"},"
                    "{\"store\":\"nas\",\"key\":\"data/a.sql.gz\",\"bytes\":0,"
                    "\"result\":\"later\",\"error\":null}]}");
    outcome.count = 1;
    outcome.removed.count = 0;
    assert_document(run_json_deleted(&outcome, true, NULL),
                    "{\"id\":\"01JD7XK2M40000000000000001\",\"database\":\"shop\","
                    "\"plan_hash\":\"0123456789abcdef\",\"dry_run\":true,\"last_good\":"
                    "false,\"refused\":null,\"hint\":null,\"copies\":["
                    "{\"store\":\"nas\",\"key\":\"data/a.sql.gz\",\"bytes\":9,"
                    "\"result\":null,\"error\":null}]}");
}
END_TEST

START_TEST(a_sweep_tells_every_figure_and_what_was_not_reached)
{
    struct remove_result removed[] = {{.outcome = REMOVE_GONE}, {.outcome = REMOVE_LATER}};
    struct repository_failure away = {.name = nas, .err = {ERR_TRANSIENT, "no answer"}};
    struct sweep_report report = {.stores = {.failures = &away, .failure_count = 1},
                                  .recovered = {.cleaned = 2, .failed = 1},
                                  .removed = {removed, 2, 2},
                                  .orphan_bytes = 12,
                                  .failed = 1};
    assert_document(
        upkeep_json_swept(&report),
        "{\"completed\":0,\"cleaned\":2,\"left\":0,\"ended\":0,\"deleted\":1,\"locked\":0,"
        "\"blocked\":0,\"later\":1,\"aborted\":0,\"foreign\":0,\"orphans\":0,"
        "\"young_orphans\":0,\"unknown\":0,\"drills\":0,\"failed\":2,\"orphan_bytes\":12,"
        "\"skipped\":[{\"store\":\"nas\",\"error\":\"no answer\"}]}");
}
END_TEST

START_TEST(what_was_compared_and_found_is_a_document)
{
    struct check_finding finding = {.kind = CHECK_WRONG_SIZE,
                                    .id = "01JD7XK2M40000000000000001",
                                    .key = key,
                                    .expected = 2,
                                    .found = 0,
                                    .note = words};
    struct check_result checked = {.items = &finding, .count = 1, .copies = 3};
    struct err why = {ERR_TRANSIENT, "no answer"};
    struct diagnose_finding said = {.group = "store",
                                    .check = "mark",
                                    .title = "its mark",
                                    .verdict = DIAGNOSE_FAILED,
                                    .kind = ERR_UNSAFE,
                                    .found = "another"};
    struct diagnose_result result = {.counts = {1, 2, 3, 4}};
    assert_document(
        upkeep_json_checked("nas", &checked),
        "{\"store\":\"nas\",\"copies\":3,\"objects\":0,\"others\":0,\"uploading\":0,"
        "\"findings\":[{\"kind\":\"wrong_size\",\"id\":\"01JD7XK2M40000000000000001\","
        "\"key\":\"data/a.sql.gz\",\"expected_bytes\":2,\"found_bytes\":0,\"time\":null,"
        "\"note\":\"before migration\"}],\"error\":null}");
    assert_document(upkeep_json_missed("nas", &why),
                    "{\"store\":\"nas\",\"error\":{\"code\":\"transient\",\"message\":"
                    "\"no answer\"}}");
    json_t *checks = json_array();
    (void)json_array_append_new(checks, upkeep_json_finding(&said));
    assert_document(
        upkeep_json_diagnosed(checks, &result),
        "{\"checks\":[{\"group\":\"store\",\"name\":null,\"check\":\"mark\",\"title\":"
        "\"its mark\",\"verdict\":\"failed\",\"kind\":\"unsafe\",\"expected\":null,"
        "\"found\":\"another\",\"advice\":null}],\"ok\":1,\"warnings\":2,\"failed\":3,"
        "\"skipped\":4}");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("run_json");
    TCase *tests = tcase_create("documents");
    tcase_add_test(tests, what_was_done_with_one_artifact_is_a_document);
    tcase_add_test(tests, what_was_fetched_and_where_it_lies_is_a_document);
    tcase_add_test(tests, a_deletion_tells_each_copy_that_goes);
    tcase_add_test(tests, a_sweep_tells_every_figure_and_what_was_not_reached);
    tcase_add_test(tests, what_was_compared_and_found_is_a_document);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
