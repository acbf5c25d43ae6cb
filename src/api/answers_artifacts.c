/* Artifacts, what is known of all of them, and whether something changed. */
#include "api/answers.h"
#include "base/digest.h"
#include "base/json.h"
#include "base/memory.h"
#include "base/parse.h"
#include "catalog/artifact_find.h"
#include "report/artifact_json.h"
#include "report/health_input.h"
#include "report/health_json.h"
#include "report/metrics_input.h"

enum { PAGE = 50, PAGE_MOST = 1000, RECENT_RUNS = 20, RETRY_MS = 2000 };

/* A page, and how many there are: {artifacts[],total,limit,offset}. */
int answers_artifacts(struct request *request, struct err *err)
{
    struct catalog *catalog = session_catalog(request->session);
    const struct artifact_view view = {request->now, request->settings};
    struct catalog_artifacts artifacts = {0};
    struct catalog_filter filter = {.job = request_text(request, "job"),
                                    .source = request_text(request, "source"),
                                    .database = request_text(request, "database"),
                                    .type = request_text(request, "type"),
                                    .store = request_text(request, "store")};
    const char *word = request_text(request, "status");
    enum catalog_status status;
    int64_t total = 0;
    if (word != NULL && !catalog_status_from_name(word, &status))
        return err_set(err, ERR_USAGE, "status: \"%.80s\" is none", word);
    filter.statuses = word != NULL ? 1U << status : 0;
    int result = 0;
    if (request_number(request, "limit", PAGE, PAGE_MOST, &filter.limit, err) < 0 ||
        request_number(request, "offset", 0, INT32_MAX, &filter.offset, err) < 0 ||
        (catalog != NULL &&
         (catalog_artifacts_count(catalog, &filter, &total, err) < 0 ||
          /* limit=0 asks for the total alone. */
          (filter.limit > 0 && catalog_artifacts_list(catalog, &filter, CATALOG_WITH_COPIES,
                                                      &artifacts, err) < 0))))
        result = -1;
    if (result == 0) {
        request->document = artifact_json_list(&artifacts, &view);
        json_set(request->document, "total", json_integer(total));
        json_set(request->document, "limit", json_integer(filter.limit));
        json_set(request->document, "offset", json_integer(filter.offset));
    }
    catalog_artifacts_release(&artifacts);
    return result;
}

int answers_artifact(struct request *request, struct err *err)
{
    struct catalog *catalog = session_catalog(request->session);
    const struct catalog_choice choice = {.text = request->segments[0]};
    const struct artifact_view view = {request->now, request->settings};
    struct catalog_verifications verifications = {0};
    struct catalog_artifact artifact = {0};
    char id[ULID_SIZE];
    if (catalog == NULL)
        return err_set(err, ERR_NOT_FOUND, "there is no catalog yet");
    int result = catalog_artifact_find(catalog, &choice, id, err);
    if (result == 0)
        result = catalog_artifact_load(
            catalog, id, CATALOG_WITH_COPIES | CATALOG_WITH_TABLES, &artifact, err);
    if (result == 0)
        result = catalog_verifications_of(catalog, id, 0, &verifications, err);
    if (result == 0)
        request->document = artifact_json_detail(&artifact, &verifications, &view);
    catalog_verifications_release(&verifications);
    catalog_artifact_release(&artifact);
    return result;
}

int answers_status(struct request *request, struct err *err)
{
    struct health_input input = {0};
    int result = health_input_load(&input, session_catalog(request->session), err);
    if (result == 0) {
        struct health health;
        const struct health_spec spec = {.settings = request->settings,
                                         .max_age_s = HEALTH_NO_LIMIT,
                                         .now = request->now,
                                         .runs = &input.runs,
                                         .run_databases = &input.run_databases};
        health_init(&health, &input.artifacts, &spec);
        request->document = health_json(&health);
        health_release(&health);
    }
    health_input_release(&input);
    return result;
}

/* The text that `metrics` prints. */
int answers_metrics(struct request *request, struct err *err)
{
    request->type = "text/plain; version=0.0.4";
    return metrics_collect(request->settings, session_catalog(request->session),
                           &request->text, err);
}

/* A browser that asks again with the id of what it saw last gets an event when that has changed
 * since, and is told to come back: no connection is held, no thread waits for one. */
int answers_events(struct request *request, struct err *err)
{
    struct catalog *catalog = session_catalog(request->session);
    const struct catalog_run_filter recent = {.states = CATALOG_RUN_ANY,
                                              .limit = RECENT_RUNS};
    struct catalog_artifacts running = {0};
    struct catalog_runs runs = {0};
    struct text state;
    unsigned char sum[SHA256_SIZE];
    char id[SHA256_HEX];
    text_init(&state, 1 << 20);
    int result = 0;
    if (catalog != NULL && (catalog_runs_list(catalog, &recent, &runs, err) < 0 ||
                            catalog_artifacts_running(catalog, &running, err) < 0))
        result = -1;
    for (size_t i = 0; i < runs.count; i++)
        text_addf(&state, "%lld %d %lld\n", (long long)runs.items[i].id,
                  (int)runs.items[i].state, (long long)runs.items[i].ended);
    for (size_t i = 0; i < running.count; i++)
        text_addf(&state, "%s %llu\n", running.items[i].id,
                  (unsigned long long)running.items[i].progress.raw_bytes);
    digest_sha256(state.data, state.length, sum);
    digest_hex(sum, sizeof sum, id);
    request->type = "text/event-stream";
    text_addf(&request->text, "retry: %d\n", RETRY_MS);
    if (!text_equal(request->last_event, id))
        text_addf(&request->text, "id: %s\nevent: %s\ndata: {}\n", id,
                  running.count > 0 ? "progress" : "run");
    text_add_char(&request->text, '\n');
    text_release(&state);
    catalog_artifacts_release(&running);
    catalog_runs_release(&runs);
    return result;
}
