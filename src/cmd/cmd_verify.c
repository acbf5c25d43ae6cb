/*
 * `verify`: which copies, one call of verify.h each, and a table. One copy that is broken
 * or away does not end the run; the worst of all decides the exit status.
 */
#include "copy/verify.h"
#include "session/exit_status.h"
#include "base/cancel.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "base/memory.h"
#include "catalog/artifact_list.h"
#include "catalog/runs.h"
#include "cmd/artifact_text.h"
#include "cmd/catalog_for.h"
#include "cmd/cmd.h"
#include "cmd/known.h"
#include "cmd/output.h"
#include "cmd/progress.h"
#include "report/artifact_name.h"

struct verifying {
    struct cmd_context *ctx;
    struct catalog *catalog;
    struct progress *progress;
    enum catalog_level level;
    int64_t run;
    json_t *list; /* with --json */
    struct output_table table;
    size_t checked, good, undecided;
};

static const struct output_column columns[] = {
    {"ID", OUTPUT_LEFT},     {"DATABASE", OUTPUT_LEFT}, {"STORE", OUTPUT_LEFT},
    {"RESULT", OUTPUT_LEFT}, {"TIME", OUTPUT_RIGHT},    {"", OUTPUT_LEFT}};

static void tell(struct verifying *v, const struct catalog_artifact *artifact,
                 const struct catalog_copy *copy,
                 const struct catalog_verification *verification)
{
    char time[32];
    const char *result = catalog_result_name(verification->result);
    if (v->list) {
        (void)json_array_append_new(
            v->list,
            json_pack("{s:s, s:o, s:s, s:s, s:s, s:I, s:I, s:s?}", "id", artifact->id,
                      "database", json_bytes(artifact->database), "store", copy->store,
                      "level", catalog_level_name(verification->level), "result", result,
                      "duration_ms", (json_int_t)verification->duration_ms, "bytes",
                      (json_int_t)verification->bytes, "message", verification->message));
        return;
    }
    output_table_cell(&v->table, artifact->id);
    output_table_cell(&v->table, artifact_name_database(artifact));
    output_table_cell(&v->table, copy->store);
    output_table_cell(&v->table, result);
    output_table_cell(&v->table, text_duration(time, verification->duration_ms));
    output_table_cell(&v->table, verification->message ? verification->message : "");
}

static int check_copy(struct verifying *v, const struct catalog_artifact *artifact,
                      const struct catalog_copy *copy, struct err *err)
{
    struct meter meter;
    struct err why = {0};
    struct catalog_verification verification;
    struct verify_spec spec = {.settings = v->ctx->settings,
                               .catalog = v->catalog,
                               .artifact = artifact,
                               .copy = copy,
                               .level = v->level,
                               .run = v->run,
                               .meter = &meter};
    meter_init(&meter, artifact->raw_bytes);
    progress_begin(v->progress, "verify", artifact_name_database(artifact), artifact->id,
                   &meter);
    progress_phase(v->progress, copy->store);
    int result = verify_copy(&spec, &verification, &why, err);
    progress_finish(v->progress);
    if (result == 0) {
        tell(v, artifact, copy, &verification);
        v->checked++;
        v->good += verification.result == CATALOG_GOOD;
        v->undecided += verification.result == CATALOG_UNDECIDED;
    }
    verify_release(&verification);
    return result;
}

static bool is_checkable(const struct verifying *v, const struct catalog_copy *copy)
{
    const char *store = config_args_text(v->ctx->args, "store");
    bool state = copy->state == CATALOG_COPY_COMPLETE ||
                 copy->state == CATALOG_COPY_MISSING || copy->state == CATALOG_COPY_DAMAGED;
    return state && (store == NULL || strcmp(store, copy->store) == 0);
}

static int check_artifact(struct verifying *v, const struct catalog_artifact *artifact,
                          struct err *err)
{
    for (size_t i = 0; i < artifact->copy_count; i++) {
        if (is_checkable(v, &artifact->copies[i]) &&
            check_copy(v, artifact, &artifact->copies[i], err) < 0)
            return -1;
    }
    return 0;
}

/* ---- which ones ---- */

/* A typo must not read as "all of it is good". */
static int check_named(struct verifying *v, struct err *err)
{
    const struct strlist *names = &v->ctx->args->positional;
    int result = 0;
    for (size_t i = 0; result == 0 && i < names->count; i++) {
        char id[ULID_SIZE];
        struct catalog_artifact artifact = {0};
        size_t before = v->checked;
        result = catalog_artifact_find(v->catalog, names->items[i], id, err);
        if (result == 0)
            result =
                catalog_artifact_load(v->catalog, id, CATALOG_WITH_COPIES, &artifact, err);
        if (result == 0)
            result = check_artifact(v, &artifact, err);
        if (result == 0 && v->checked == before)
            result = err_set(err, ERR_NOT_FOUND, "%s (%s) has no copy to verify%s", id,
                             catalog_status_name(artifact.status),
                             config_args_has(v->ctx->args, "store") ? " there" : "");
        catalog_artifact_release(&artifact);
    }
    return result;
}

static int check_filtered(struct verifying *v, struct err *err)
{
    struct catalog_artifacts artifacts = {0};
    struct catalog_filter filter = {.job = config_args_text(v->ctx->args, "job"),
                                    .store = config_args_text(v->ctx->args, "store"),
                                    .statuses = 1u << CATALOG_COMPLETE};
    int result =
        catalog_artifacts_list(v->catalog, &filter, CATALOG_WITH_COPIES, &artifacts, err);
    if (result == 0)
        result = known_job(v->ctx->settings, v->catalog, filter.job, err);
    for (size_t i = 0; result == 0 && i < artifacts.count; i++)
        result = check_artifact(v, &artifacts.items[i], err);
    catalog_artifacts_release(&artifacts);
    if (result == 0 && v->checked == 0)
        log_info("there is nothing to verify");
    return result;
}

static int check_choice(struct cmd_context *ctx, enum catalog_level *level, struct err *err)
{
    const struct config_args *args = ctx->args;
    const char *word = config_args_text(args, "level");
    bool named = args->positional.count > 0;
    bool all = config_args_flag(args, "all");
    bool job = config_args_has(args, "job");
    *level = word && strcmp(word, "quick") == 0 ? CATALOG_QUICK : CATALOG_FULL;
    if ((word && strcmp(word, "drill") == 0) || config_args_has(args, "to"))
        return err_set(err, ERR_USAGE,
                       "--level drill: drills are not part of this version");
    if (named + all + job == 1)
        return 0;
    return cmd_usage(ctx, err, "what? give ids, or --all, or --job NAME");
}

static int exit_status(const struct verifying *v)
{
    /* Broken weighs more than unknown: 6 says that something must be done, 5 that one can
     * ask again. */
    size_t bad = v->checked - v->good - v->undecided;
    if (bad > 0)
        return exit_status_of(OUTCOME_FAILED, ERR_CORRUPT, NULL);
    return v->undecided > 0 ? exit_status_of(OUTCOME_FAILED, ERR_TRANSIENT, NULL)
                            : CMD_DONE;
}

static void print(struct verifying *v)
{
    if (v->list)
        output_json(json_pack("{s:o}", "verifications", v->list));
    else
        output_table_print(&v->table);
    output_table_release(&v->table);
}

static int run_with(struct verifying *v, struct err *err)
{
    struct err trouble = {0};
    if (known_store(v->ctx->settings, v->catalog, config_args_text(v->ctx->args, "store"),
                    err) < 0 ||
        catalog_run_begin(v->catalog, "verify", NULL, &v->run, err) < 0) {
        output_table_release(&v->table);
        json_decref(v->list);
        return -1;
    }
    int result =
        v->ctx->args->positional.count > 0 ? check_named(v, err) : check_filtered(v, err);
    int status =
        result < 0 ? exit_status_of(OUTCOME_FAILED, err->kind, NULL) : exit_status(v);
    if (catalog_run_end(v->catalog, v->run, status, result < 0 ? err->text : NULL,
                        &trouble) < 0)
        log_warning("%s", trouble.text);
    print(v);
    return result < 0 ? -1 : status;
}

static int run(struct cmd_context *ctx, struct err *err)
{
    struct verifying v = {.ctx = ctx};
    int result = -1;
    if (check_choice(ctx, &v.level, err) < 0)
        return -1;
    v.catalog = catalog_for_using(ctx->settings, CATALOG_WRITE, err);
    if (v.catalog)
        v.progress = progress_new(progress_style(ctx->settings), NULL, err);
    if (v.progress) {
        output_table_init(&v.table, columns, sizeof columns / sizeof columns[0]);
        v.list = ctx->settings->json ? json_array() : NULL;
        result = run_with(&v, err);
    }
    progress_free(v.progress);
    catalog_close(v.catalog);
    return result;
}

const struct command cmd_verify = {
    .name = "verify",
    .usage = "ID... | --all | --job NAME [--level quick|full] [--store NAME]",
    .summary = "prove that backups are still what was stored",
    .about =
        "quick: the manifest is there and the same, data and index have the right size.\n"
        "full (default): all of it is downloaded, hashed and decoded to its end. What is\n"
        "found is remembered: a broken copy is no longer read from, and never counts as\n"
        "a good one for retention.\n"
        "\n"
        "Exit status 6: a copy is missing or damaged; 5: a store did not answer.\n"
        "\n"
        "  pgkeep verify latest:nightly\n"
        "  pgkeep verify --all --level quick\n",
    .max_args = SIZE_MAX,
    .run = run,
};
