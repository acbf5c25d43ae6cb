#include "report/artifact_json.h"
#include "base/json.h"
#include "base/memory.h"
#include "config/settings.h"
#include "tests/support/run_suite.h"

#include <check.h>

#define NOW INT64_C(1795230000)

static const struct artifact_view view = {.now = NOW};

static char *words(const char *text)
{
    return memory_strdup(text);
}

static void replace(char **text, const char *by)
{
    free(*text);
    *text = words(by);
}

/* A complete one in two stores; released by catalog_artifact_release. */
static void fill(struct catalog_artifact *artifact)
{
    catalog_artifact_init(artifact);
    (void)snprintf(artifact->id, sizeof(artifact->id), "01JD7XK2M40000000000000001");
    artifact->seq = 7;
    replace(&artifact->job, "nightly");
    replace(&artifact->source, "shop");
    replace(&artifact->database, "shop");
    replace(&artifact->type, "full");
    replace(&artifact->format, "plain");
    replace(&artifact->compression, "gzip");
    artifact->level = 1;
    artifact->status = CATALOG_COMPLETE;
    artifact->time = NOW - 60;
    artifact->started = NOW - 61;
    artifact->finished = NOW - 20;
    artifact->duration_ms = 41000;
    artifact->raw_bytes = 5000;
    artifact->stored_bytes = 1000;
    artifact->sha256 = words("aa");
    artifact->raw_sha256 = words("bb");
    catalog_pairs_add(&artifact->tags, "env", "prod");
    artifact->copy_count = 2;
    artifact->copies = memory_array(2, sizeof(*artifact->copies));
    artifact->copies[0] = (struct catalog_copy){.store = words("nas"),
                                                .state = CATALOG_COPY_COMPLETE,
                                                .key = words("data/a.sql.gz"),
                                                .bytes = 1000,
                                                .verified = NOW - 10,
                                                .verified_level = CATALOG_QUICK,
                                                .proven = NOW - 15,
                                                .proven_level = CATALOG_FULL};
    artifact->copies[1] = (struct catalog_copy){.store = words("offsite"),
                                                .state = CATALOG_COPY_FAILED,
                                                .key = words("data/a.sql.gz"),
                                                .error = words("503 SlowDown")};
}

static void assert_text(json_t *json, const char *wanted)
{
    char *text = json_text(json, false);
    ck_assert_str_eq(text, wanted);
    free(text);
    json_decref(json);
}

START_TEST(an_artifact_has_exactly_the_keys_of_the_contract)
{
    struct catalog_artifact artifact;
    fill(&artifact);
    assert_text(
        artifact_json(&artifact, &view),
        "{\"id\":\"01JD7XK2M40000000000000001\",\"seq\":7,\"job\":\"nightly\","
        "\"source\":\"shop\",\"database\":\"shop\",\"type\":\"full\",\"format\":\"plain\","
        "\"compression\":\"gzip\",\"level\":1,\"status\":\"complete\","
        "\"time\":\"2026-11-21T02:59:00Z\",\"started\":\"2026-11-21T02:58:59Z\","
        "\"finished\":\"2026-11-21T02:59:40Z\",\"raw_bytes\":5000,\"stored_bytes\":1000,"
        "\"sha256\":\"aa\",\"raw_sha256\":\"bb\",\"name\":null,\"description\":null,"
        "\"tags\":{\"env\":\"prod\"},\"pinned\":false,\"suspect\":false,\"error\":null,"
        "\"copies\":[{\"store\":\"nas\",\"state\":\"complete\",\"key\":\"data/a.sql.gz\","
        "\"bytes\":1000,\"verified\":\"2026-11-21T02:59:45Z\",\"error\":null,"
        "\"store_left\":false},{\"store\":\"offsite\",\"state\":\"failed\",\"key\":\"data/"
        "a.sql.gz\","
        "\"bytes\":null,\"verified\":null,\"error\":\"503 "
        "SlowDown\",\"store_left\":false}],"
        "\"filtered\":false,\"pin\":null}");
    catalog_artifact_release(&artifact);
}
END_TEST

START_TEST(a_store_that_left_the_configuration_is_marked)
{
    static char name[] = "offsite", url[] = "dir:/mnt/usb";
    struct store_settings store = {.name = name};
    struct settings settings = {.stores = &store, .store_count = 1};
    struct settings none = {0};
    const struct artifact_view configured = {NOW, &settings}, nothing = {NOW, &none};
    struct catalog_artifact artifact;
    fill(&artifact);
    json_t *json = artifact_json(&artifact, &configured);
    const json_t *copies = json_object_get(json, "copies");
    ck_assert(json_is_true(json_object_get(json_array_get(copies, 0), "store_left")));
    ck_assert(json_is_false(json_object_get(json_array_get(copies, 1), "store_left")));
    json_decref(json);
    /* Nor one of a command line, nor where no configuration names any. */
    replace(&artifact.copies[0].store, url);
    json = artifact_json(&artifact, &configured);
    copies = json_object_get(json, "copies");
    ck_assert(json_is_false(json_object_get(json_array_get(copies, 0), "store_left")));
    json_decref(json);
    json = artifact_json(&artifact, &nothing);
    copies = json_object_get(json, "copies");
    ck_assert(json_is_false(json_object_get(json_array_get(copies, 1), "store_left")));
    json_decref(json);
    catalog_artifact_release(&artifact);
}
END_TEST

START_TEST(the_reason_of_a_pin_is_told)
{
    struct catalog_artifact artifact;
    fill(&artifact);
    artifact.pinned = true;
    artifact.pin_reason = words("before migration");
    json_t *json = artifact_json(&artifact, &view);
    ck_assert_str_eq(
        json_string_value(json_object_get(json_object_get(json, "pin"), "reason")),
        "before migration");
    json_decref(json);
    catalog_artifact_release(&artifact);
}
END_TEST

START_TEST(keys_stay_when_nothing_is_known)
{
    struct catalog_artifact artifact;
    catalog_artifact_init(&artifact);
    assert_text(artifact_json(&artifact, &view),
                "{\"id\":\"\",\"seq\":0,\"job\":null,\"source\":\"\",\"database\":\"\","
                "\"type\":\"\","
                "\"format\":\"\",\"compression\":\"\",\"level\":0,\"status\":\"running\","
                "\"time\":null,\"started\":null,\"finished\":null,\"raw_bytes\":null,"
                "\"stored_bytes\":null,\"sha256\":null,\"raw_sha256\":null,\"name\":null,"
                "\"description\":null,\"tags\":{},\"pinned\":false,\"suspect\":false,"
                "\"error\":null,\"copies\":[],\"filtered\":false,\"pin\":null}");
    catalog_artifact_release(&artifact);
}
END_TEST

START_TEST(a_quick_look_does_not_verify_and_a_found_fault_is_told)
{
    struct catalog_artifact artifact;
    fill(&artifact);
    struct catalog_copy *copy = &artifact.copies[0];
    copy->proven = 0;
    copy->state = CATALOG_COPY_DAMAGED;
    copy->verified_error = words("SHA-256 differs");
    copy->error = words("older trouble");
    json_t *json = artifact_json(&artifact, &view);
    const json_t *first = json_array_get(json_object_get(json, "copies"), 0);
    ck_assert(json_is_null(json_object_get(first, "verified")));
    ck_assert_str_eq(json_string_value(json_object_get(first, "error")), "SHA-256 differs");
    json_decref(json);
    catalog_artifact_release(&artifact);
}
END_TEST

START_TEST(a_pin_that_has_ended_is_none)
{
    static const struct {
        int64_t until;
        bool pinned;
    } rows[] = {{0, true}, {NOW + 1, true}, {NOW, false}};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct catalog_artifact artifact;
        fill(&artifact);
        artifact.pinned = true;
        artifact.pin_until = rows[i].until;
        json_t *json = artifact_json(&artifact, &view);
        ck_assert(json_is_true(json_object_get(json, "pinned")) == rows[i].pinned);
        json_decref(json);
        catalog_artifact_release(&artifact);
    }
}
END_TEST

START_TEST(a_name_of_any_bytes_survives)
{
    struct catalog_artifact artifact;
    fill(&artifact);
    replace(&artifact.database, "caf\xe9");
    json_t *json = artifact_json(&artifact, &view);
    const json_t *hex = json_object_get(json_object_get(json, "database"), "hex");
    ck_assert_str_eq(json_string_value(hex), "636166e9");
    json_decref(json);
    catalog_artifact_release(&artifact);
}
END_TEST

/* The detail begins with the very same keys. */
static json_t *rest_of(const struct catalog_artifact *artifact,
                       const struct catalog_verifications *verifications)
{
    json_t *base = artifact_json(artifact, &view);
    json_t *detail = artifact_json_detail(artifact, verifications, &view);
    const char *key;
    json_t *value;
    json_object_foreach(base, key, value)
    {
        ck_assert_msg(json_object_get(detail, key) != NULL, "%s", key);
        if (strcmp(key, "copies") != 0)
            ck_assert_msg(json_equal(value, json_object_get(detail, key)), "%s", key);
        (void)json_object_del(detail, key);
    }
    json_decref(base);
    return detail;
}

START_TEST(show_adds_what_else_is_known)
{
    struct catalog_artifact artifact;
    struct catalog_verification one = {.store = words("nas"),
                                       .time = NOW - 15,
                                       .level = CATALOG_FULL,
                                       .result = CATALOG_GOOD,
                                       .duration_ms = 1500,
                                       .bytes = 1000};
    struct catalog_verifications verifications = {&one, 1, 1};
    fill(&artifact);
    artifact.tries = 1;
    artifact.server_version = words("15.8");
    artifact.pinned = true;
    artifact.pin_reason = words("before migration");
    artifact.table_count = 2;
    artifact.row_count = CATALOG_UNKNOWN_ROWS;
    catalog_pairs_add(&artifact.filters, "exclude_tables", "log.*");
    catalog_pairs_add(&artifact.contents, "extension", "pgcrypto 1.3");
    catalog_artifact_add_table(&artifact, "public", "items", 10, 300);
    catalog_artifact_add_table(&artifact, "public", "big", CATALOG_UNKNOWN_ROWS, 0);
    assert_text(
        rest_of(&artifact, &verifications),
        "{\"created\":null,\"updated\":null,\"duration_ms\":41000,\"tries\":1,"
        "\"hostname\":null,\"quarantined\":false,\"accepted\":null,\"versions\":{"
        "\"server\":\"15.8\","
        "\"pg_dump\":null,\"pgkeep\":null},\"filters\":[{\"option\":\"exclude_tables\","
        "\"pattern\":\"log.*\"}],\"contents\":[{\"kind\":\"extension\",\"text\":"
        "\"pgcrypto 1.3\"}],\"progress\":null,\"table_count\":2,\"row_count\":null,"
        "\"tables\":[{\"schema\":\"public\",\"name\":\"items\",\"rows\":10,"
        "\"raw_bytes\":300},{\"schema\":\"public\",\"name\":\"big\",\"rows\":null,"
        "\"raw_bytes\":null}],\"verifications\":[{\"time\":\"2026-11-21T02:59:45Z\","
        "\"store\":\"nas\",\"level\":\"full\",\"result\":\"good\",\"message\":null,"
        "\"duration_ms\":1500,\"bytes\":1000}]}");
    free(one.store);
    catalog_artifact_release(&artifact);
}
END_TEST

START_TEST(show_tells_how_far_a_running_one_is_and_what_goes_on_with_copies)
{
    static const struct catalog_verifications none = {0};
    struct catalog_artifact artifact;
    fill(&artifact);
    artifact.status = CATALOG_RUNNING;
    artifact.finished = 0;
    artifact.owner_state = OWNER_ALIVE;
    artifact.progress = (struct catalog_progress){words("dump"), 100, 20, 400, NOW - 1};
    artifact.copies[0].state = CATALOG_COPY_UPLOADING;
    artifact.copies[0].owner_state = OWNER_ALIVE;
    artifact.copies[0].upload = words("2~xyz");
    artifact.copies[1].state = CATALOG_COPY_LOCKED;
    artifact.copies[1].marked = NOW - 100;
    artifact.copies[1].attempts = 2;
    artifact.copies[1].locked_until = NOW + 60;
    artifact.copies[1].delete_reason = words("no rule keeps it");
    json_t *json = artifact_json_detail(&artifact, &none, &view);
    ck_assert(json_is_null(json_object_get(json, "duration_ms")));
    assert_text(json_incref(json_object_get(json, "progress")),
                "{\"phase\":\"dump\",\"raw_bytes\":100,\"stored_bytes\":20,"
                "\"estimate_bytes\":400,\"updated\":\"2026-11-21T02:59:59Z\","
                "\"owner\":\"alive\"}");
    const json_t *copies = json_object_get(json, "copies");
    assert_text(json_incref(json_object_get(json_array_get(copies, 0), "uploading")),
                "{\"owner\":\"alive\",\"handle\":\"2~xyz\"}");
    assert_text(
        json_incref(json_object_get(json_array_get(copies, 1), "deletion")),
        "{\"reason\":\"no rule keeps it\",\"since\":\"2026-11-21T02:58:20Z\","
        "\"attempts\":2,\"next_try\":null,\"locked_until\":\"2026-11-21T03:01:00Z\","
        "\"deleted\":null}");
    json_decref(json);
    catalog_artifact_release(&artifact);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("artifact_json");
    TCase *tcase = tcase_create("artifact_json");
    tcase_add_test(tcase, an_artifact_has_exactly_the_keys_of_the_contract);
    tcase_add_test(tcase, a_store_that_left_the_configuration_is_marked);
    tcase_add_test(tcase, the_reason_of_a_pin_is_told);
    tcase_add_test(tcase, keys_stay_when_nothing_is_known);
    tcase_add_test(tcase, a_quick_look_does_not_verify_and_a_found_fault_is_told);
    tcase_add_test(tcase, a_pin_that_has_ended_is_none);
    tcase_add_test(tcase, a_name_of_any_bytes_survives);
    tcase_add_test(tcase, show_adds_what_else_is_known);
    tcase_add_test(tcase, show_tells_how_far_a_running_one_is_and_what_goes_on_with_copies);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
