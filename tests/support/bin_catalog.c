/*
 * catalog - fills a catalog, for tests of what reads it:
 *
 *     catalog FILE <JSON-LINES
 *
 * One artifact a line, made by the calls that pgkeep itself makes, in order:
 *
 *     {"id": …, "job": …, "source": …, "database": …, "type": …, "format": …,
 *      "status": "running|complete|failed|cancelled", "time": RFC 3339 or "hours_ago": N,
 *      "raw_bytes": …, "stored_bytes": …, "name": …, "description": …, "tags": {…},
 *      "filters": {…}, "suspect": …, "quarantined": …, "pin": REASON,
 *      "error": {"code": …, "message": …}, "phase": …, "estimate": …,
 *      "tables": [{"schema": …, "name": …, "rows": …, "raw_bytes": …}],
 *      "copies": [{"store": …, "state": …, "error": …, "until": RFC 3339}]}
 *
 * Only id, source, database and copies are required. The owner of what is running is this
 * program, which has ended when pgkeep looks.
 */
#include "catalog/artifact_list.h"
#include "catalog/deletions.h"
#include "catalog/stores.h"
#include "catalog/verifications.h"

#include "base/clock.h"
#include "base/json.h"
#include "base/memory.h"

enum { LINE_MAX_BYTES = 1 << 20, COPIES = 8 };

static const char a_hash[] =
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

static const char *string_of(const json_t *object, const char *key, const char *absent)
{
    const char *value = json_string_value(json_object_get(object, key));
    return value ? value : absent;
}

static int64_t number_of(const json_t *object, const char *key)
{
    return json_integer_value(json_object_get(object, key));
}

static void replace(char **text, const char *by)
{
    free(*text);
    *text = memory_strdup(by);
}

static int time_of(const json_t *object, int64_t *time, struct err *err)
{
    const char *text = string_of(object, "time", NULL);
    *time = clock_now() - number_of(object, "hours_ago") * 3600;
    return text ? clock_parse(text, time, err) : 0;
}

static void read_pairs(const json_t *line, const char *key, struct catalog_pairs *pairs)
{
    json_t *object = json_object_get(line, key);
    const char *name;
    json_t *value;
    json_object_foreach(object, name, value)
    {
        catalog_pairs_add(pairs, name, json_string_value(value));
    }
}

static void read_tables(const json_t *line, struct catalog_artifact *artifact)
{
    const json_t *list = json_object_get(line, "tables");
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *table = json_array_get(list, i);
        catalog_artifact_add_table(artifact, string_of(table, "schema", ""),
                                   string_of(table, "name", ""), number_of(table, "rows"),
                                   (uint64_t)number_of(table, "raw_bytes"));
    }
}

static int read_artifact(const json_t *line, struct catalog_artifact *artifact,
                         struct err *err)
{
    (void)snprintf(artifact->id, sizeof(artifact->id), "%s", string_of(line, "id", ""));
    replace(&artifact->job, string_of(line, "job", ""));
    replace(&artifact->source, string_of(line, "source", ""));
    replace(&artifact->database, string_of(line, "database", ""));
    replace(&artifact->type, string_of(line, "type", "full"));
    replace(&artifact->format, string_of(line, "format", "plain"));
    replace(&artifact->compression, "gzip");
    artifact->level = 1;
    if (time_of(line, &artifact->time, err) < 0)
        return -1;
    artifact->started = artifact->time - 1;
    artifact->raw_bytes = (uint64_t)number_of(line, "raw_bytes");
    artifact->stored_bytes = (uint64_t)number_of(line, "stored_bytes");
    replace(&artifact->name, string_of(line, "name", NULL));
    replace(&artifact->description, string_of(line, "description", NULL));
    artifact->suspect = json_is_true(json_object_get(line, "suspect"));
    artifact->quarantined = json_is_true(json_object_get(line, "quarantined"));
    artifact->tries = 1;
    replace(&artifact->server_version, "15.8");
    replace(&artifact->pg_dump_version, "15.8");
    replace(&artifact->pgkeep_version, "0.1.0");
    replace(&artifact->hostname, "db1");
    artifact->progress.estimate = (uint64_t)number_of(line, "estimate");
    read_pairs(line, "tags", &artifact->tags);
    read_pairs(line, "filters", &artifact->filters);
    read_tables(line, artifact);
    return 0;
}

/* How an artifact looks at its end. */
static void finish(const json_t *line, struct catalog_artifact *artifact,
                   enum catalog_status status)
{
    const json_t *error = json_object_get(line, "error");
    artifact->status = status;
    artifact->finished = artifact->time + 40;
    artifact->duration_ms = 41000;
    if (status == CATALOG_COMPLETE) {
        replace(&artifact->sha256, a_hash);
        replace(&artifact->raw_sha256, a_hash);
    }
    replace(&artifact->error_code, string_of(error, "code", NULL));
    replace(&artifact->error_message, string_of(error, "message", NULL));
}

static int store_id(struct catalog *catalog, const char *name, int64_t *id, struct err *err)
{
    struct catalog_store store = {.name = memory_strdup(name),
                                  .type = memory_strdup("dir"),
                                  .url = memory_format("dir:/srv/%s", name)};
    int result = catalog_store_declare(catalog, &store, err);
    *id = store.id;
    catalog_store_release(&store);
    return result;
}

static void fill_copy(const struct catalog_artifact *artifact, int64_t store,
                      struct catalog_copy *copy)
{
    *copy = (struct catalog_copy){.store_id = store, .bytes = artifact->stored_bytes};
    (void)snprintf(copy->artifact, sizeof(copy->artifact), "%s", artifact->id);
    copy->key = memory_format("data/%s/%s.sql.gz", artifact->source, artifact->id);
    copy->index_key = memory_format("data/%s/%s.index.gz", artifact->source, artifact->id);
    copy->completed = artifact->finished;
}

/* ---- states of copies, from complete on ---- */

static int mark(struct catalog *catalog, int64_t copy, struct err *err)
{
    struct catalog_deletion deletion = {
        .copy = copy, .reason = "no rule keeps it", .expected = CATALOG_COPY_COMPLETE};
    struct catalog_marking marking = {.items = &deletion, .count = 1, .now = clock_now()};
    if (catalog_deletions_mark(catalog, &marking, err) < 0)
        return -1;
    if (deletion.result != CATALOG_MARKED)
        return err_set(err, ERR_UNSAFE, "not marked: %s",
                       catalog_skip_name(deletion.result));
    return 0;
}

static int verify(struct catalog *catalog, int64_t copy, enum catalog_result result,
                  const char *message, struct err *err)
{
    struct catalog_verification one = {.copy = copy,
                                       .time = clock_now() - 7200,
                                       .level = CATALOG_FULL,
                                       .result = result,
                                       .message = memory_strdup(message),
                                       .duration_ms = 1500,
                                       .bytes = 1000};
    int added = catalog_verification_add(catalog, &one, err);
    free(one.message);
    return added;
}

static int remove_copy(struct catalog *catalog, int64_t copy, const char *state,
                       const json_t *wish, struct err *err)
{
    struct catalog_delay delay = {.state = CATALOG_COPY_DELETING,
                                  .error = string_of(wish, "error", "try later"),
                                  .next_try = clock_now() + 60};
    if (mark(catalog, copy, err) < 0)
        return -1;
    if (strcmp(state, "deleted") == 0)
        return catalog_deletion_done(catalog, copy, NULL, err);
    if (strcmp(state, "blocked") == 0)
        delay.state = CATALOG_COPY_BLOCKED;
    if (strcmp(state, "locked") == 0) {
        delay.state = CATALOG_COPY_LOCKED;
        if (json_object_get(wish, "until") &&
            clock_parse(string_of(wish, "until", ""), &delay.locked_until, err) < 0)
            return -1;
        delay.next_try = delay.locked_until;
    }
    return catalog_deletion_delay(catalog, copy, &delay, err);
}

static int move(struct catalog *catalog, int64_t copy, const json_t *wish, struct err *err)
{
    const char *state = string_of(wish, "state", "complete");
    const char *error = string_of(wish, "error", NULL);
    if (strcmp(state, "complete") == 0 || strcmp(state, "failed") == 0 ||
        strcmp(state, "uploading") == 0)
        return 0;
    if (strcmp(state, "verified") == 0)
        return verify(catalog, copy, CATALOG_GOOD, NULL, err);
    if (strcmp(state, "missing") == 0)
        return verify(catalog, copy, CATALOG_FOUND_MISSING, error, err);
    if (strcmp(state, "damaged") == 0)
        return verify(catalog, copy, CATALOG_FOUND_DAMAGED, error, err);
    return remove_copy(catalog, copy, state, wish, err);
}

/* ---- artifacts ---- */

/* A copy as a backup makes it: uploading, then failed or complete, or left as it is. */
static int take_copy(struct catalog *catalog, const struct catalog_artifact *artifact,
                     const json_t *wish, int64_t *id, struct err *err)
{
    const char *state = string_of(wish, "state", "complete");
    int64_t store = 0;
    struct catalog_copy copy;
    if (store_id(catalog, string_of(wish, "store", "nas"), &store, err) < 0)
        return -1;
    fill_copy(artifact, store, &copy);
    int result = catalog_copy_insert(catalog, &copy, err);
    if (result == 0 && strcmp(state, "failed") == 0)
        result = catalog_copy_fail(catalog, copy.id, string_of(wish, "error", "failed"),
                                   true, err);
    else if (result == 0 && strcmp(state, "uploading") != 0) {
        result = catalog_copy_begun(catalog, copy.id, NULL, err);
        if (result == 0)
            result = catalog_copy_complete(catalog, &copy, err);
    }
    *id = copy.id;
    catalog_copy_release(&copy);
    return result;
}

static int run_progress(struct catalog *catalog, const json_t *line,
                        const struct catalog_artifact *artifact)
{
    char *phase = memory_strdup(string_of(line, "phase", "dump"));
    struct catalog_progress progress = {phase, artifact->raw_bytes, artifact->stored_bytes,
                                        artifact->progress.estimate, 0};
    bool written = catalog_artifact_progress(catalog, artifact->id, &progress);
    free(phase);
    return written ? 0 : -1;
}

/* Marks and pins come last, as in life. */
static int decorate(struct catalog *catalog, const json_t *line,
                    const struct catalog_artifact *artifact, struct err *err)
{
    const char *pin = string_of(line, "pin", NULL);
    if (pin && catalog_artifact_pin(catalog, artifact->id, 0, pin, err) < 0)
        return -1;
    if (artifact->suspect &&
        catalog_artifact_set_suspect(catalog, artifact->id, true, err) < 0)
        return -1;
    if (artifact->quarantined &&
        catalog_artifact_set_quarantined(catalog, artifact->id, true, err) < 0)
        return -1;
    return 0;
}

static int take(struct catalog *catalog, const json_t *line, struct err *err)
{
    enum catalog_status status;
    struct catalog_artifact artifact;
    int64_t ids[COPIES] = {0};
    const json_t *copies = json_object_get(line, "copies");
    catalog_artifact_init(&artifact);
    int result = -1;
    if (!catalog_status_from_name(string_of(line, "status", "complete"), &status)) {
        err_set(err, ERR_USAGE, "unknown status");
        goto cleanup;
    }
    if (read_artifact(line, &artifact, err) < 0 ||
        catalog_artifact_insert(catalog, &artifact, err) < 0)
        goto cleanup;
    if (status == CATALOG_RUNNING && run_progress(catalog, line, &artifact) < 0) {
        err_set(err, ERR_SYSTEM, "no progress written");
        goto cleanup;
    }
    for (size_t i = 0; i < json_array_size(copies) && i < COPIES; i++) {
        if (take_copy(catalog, &artifact, json_array_get(copies, i), &ids[i], err) < 0)
            goto cleanup;
    }
    finish(line, &artifact, status);
    if (status != CATALOG_RUNNING && catalog_artifact_finish(catalog, &artifact, err) < 0)
        goto cleanup;
    for (size_t i = 0; i < json_array_size(copies) && i < COPIES; i++) {
        if (move(catalog, ids[i], json_array_get(copies, i), err) < 0)
            goto cleanup;
    }
    result = decorate(catalog, line, &artifact, err);
cleanup:
    catalog_artifact_release(&artifact);
    return result;
}

static int take_all(struct catalog *catalog, struct err *err)
{
    char *text = memory_alloc(LINE_MAX_BYTES);
    int result = 0;
    while (result == 0 && fgets(text, LINE_MAX_BYTES, stdin)) {
        json_t *line = json_parse(text, strlen(text), err);
        result = line ? take(catalog, line, err) : -1;
        if (result < 0)
            err_context(err, "%.60s", text);
        json_decref(line);
    }
    free(text);
    return result;
}

int main(int argc, char **argv)
{
    struct err err = {0};
    if (argc != 2) {
        (void)fprintf(stderr, "usage: catalog FILE <JSON-LINES\n");
        return 2;
    }
    struct catalog *catalog = catalog_open(argv[1], CATALOG_CREATE, &err);
    if (!catalog || take_all(catalog, &err) < 0) {
        (void)fprintf(stderr, "catalog: %s\n", err.text);
        catalog_close(catalog);
        return 1;
    }
    catalog_close(catalog);
    return 0;
}
