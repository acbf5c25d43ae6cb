/*
 * Jobs one after the other. An id goes to stdout when its backup is complete, one a line, and
 * everything else to stderr: `id=$(pgkeep backup nightly)` has to work.
 */
#include "prune/prune.h"
#include "session/exit_status.h"
#include "backup/backup.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "catalog/artifact_list.h"
#include "report/artifact_json.h"
#include "cmd/artifact_text.h"
#include "cmd/catalog_for.h"
#include "cmd/cmd.h"
#include "cmd/output.h"
#include "cmd/progress.h"
#include "report/artifact_name.h"

/* What all jobs of the line came to. */
struct tally {
    size_t good, partial, failed;
    enum err_kind first; /* of what failed first */
    bool suspect;        /* one is, and its job says anomaly = "fail" */
};

/* The line under way. */
struct backing {
    struct cmd_context *ctx;
    struct catalog *catalog;
    struct progress *progress;
    json_t *list; /* with --json; else NULL */
    struct tally tally;
    const struct job_settings *job; /* of backup_job under way */
    struct err err;                 /* the first trouble of telling results */
};

static void on_begin(void *context, const struct catalog_artifact *artifact,
                     const struct meter *meter)
{
    const struct backing *b = context;
    progress_begin(b->progress, "backup", artifact_name_database(artifact), artifact->id,
                   meter);
}

static void on_phase(void *context, const char *phase)
{
    const struct backing *b = context;
    progress_phase(b->progress, phase);
}

static void on_end(void *context)
{
    const struct backing *b = context;
    progress_finish(b->progress);
}

/* ---- what is said ---- */

static void say_done(const struct catalog_artifact *artifact)
{
    char raw[32], stored[32], time[32];
    struct text stores;
    text_init(&stores, 4096);
    for (size_t i = 0; i < artifact->copy_count; i++) {
        const struct catalog_copy *copy = &artifact->copies[i];
        text_addf(&stores, "%s%s%s", i > 0 ? ", " : "", copy->store,
                  copy->state == CATALOG_COPY_COMPLETE ? "" : " (failed)");
    }
    log_info("backup of %s: %s complete: %s, stored as %s in %s: %s",
             artifact_name_database(artifact), artifact->id,
             text_size(raw, artifact->raw_bytes), text_size(stored, artifact->stored_bytes),
             text_duration(time, artifact->duration_ms), stores.data);
    text_release(&stores);
}

/* The id on stdout is the result: it is printed for what can be restored, and only that. */
static int print_result(struct catalog *catalog, const struct backup_result *result,
                        json_t *list, struct err *err)
{
    struct catalog_artifact artifact = {0};
    int loaded =
        catalog_artifact_load(catalog, result->id, CATALOG_WITH_COPIES, &artifact, err);
    if (loaded == 0 && list)
        (void)json_array_append_new(list, artifact_json(&artifact, clock_now()));
    else if (loaded == 0 && result->outcome != BACKUP_FAILED)
        output_linef("%s", artifact.id);
    if (loaded == 0 && result->outcome != BACKUP_FAILED)
        say_done(&artifact);
    catalog_artifact_release(&artifact);
    return loaded;
}

static void count(struct tally *tally, const struct backup_result *result)
{
    tally->good += result->outcome == BACKUP_GOOD;
    tally->partial += result->outcome == BACKUP_PARTIAL;
    tally->failed += result->outcome == BACKUP_FAILED;
    if (result->outcome == BACKUP_FAILED && tally->first == ERR_NONE)
        tally->first = result->err.kind;
}

/* As soon as it is known: the next database may take hours. */
static void on_done(void *context, const struct backup_result *result)
{
    struct backing *b = context;
    struct err why = {0};
    count(&b->tally, result);
    b->tally.suspect |= result->suspect && b->job->anomaly == ANOMALY_FAIL;
    if (result->outcome == BACKUP_FAILED && result->err.kind != ERR_CANCELLED) {
        struct err told = result->err;
        err_context(&told, "backup of \"%s\"",
                    *result->database ? result->database : "globals");
        log_err(&told);
    }
    if (*result->id && print_result(b->catalog, result, b->list, &why) < 0 &&
        b->err.kind == ERR_NONE)
        b->err = why;
}

/* ---- retention ---- */

static bool any_good(const struct backup_results *results)
{
    for (size_t i = 0; i < results->count; i++) {
        if (results->items[i].outcome != BACKUP_FAILED)
            return true;
    }
    return false;
}

static void warn_of_refusal(const struct prune *prune)
{
    struct text why;
    text_init(&why, 1 << 16);
    if (prune_is_refused(prune, &why))
        log_warning("nothing was pruned where a guard refuses it: %.*s (see `pgkeep prune "
                    "--job %s`)",
                    (int)strcspn(why.data, "\n"), why.data, prune->spec.job);
    text_release(&why);
}

/* The backup is what was asked for: whatever goes wrong here is a warning, and so is a
 * guard that refuses. */
static void prune_after(const struct backing *b, const char *job)
{
    struct err why = {0};
    struct prune_spec spec = {.settings = b->ctx->settings,
                              .catalog = b->catalog,
                              .job = job,
                              .yes = true,
                              .now = clock_now()};
    struct prune *prune = prune_new(&spec, &why);
    if (prune == NULL || prune_run(prune, &why) < 0)
        log_warning("pruning after the backup: %s", why.text);
    else
        warn_of_refusal(prune);
    prune_free(prune);
}

/* ---- the line ---- */

/* A job that cannot even begin does not keep the others from running. */
static int run_job(struct backing *b, const char *name, struct err *err)
{
    struct cmd_context *ctx = b->ctx;
    struct backup_spec spec = {.settings = ctx->settings,
                               .catalog = b->catalog,
                               .job = name,
                               .name = config_args_text(ctx->args, "name"),
                               .observer = {.begin = on_begin,
                                            .phase = on_phase,
                                            .end = on_end,
                                            .done = on_done,
                                            .context = b}};
    struct backup_results results = {0};
    struct err why = {0};
    const struct job_settings *job = settings_require_job(ctx->settings, name, err);
    if (job == NULL)
        return -1;
    b->job = job;
    int taken = backup_job(&spec, &results, &why);
    int result = b->err.kind == ERR_NONE ? 0 : -1;
    if (result < 0)
        *err = b->err;
    if (result == 0 && taken == 0 && job->prune_after_backup && any_good(&results))
        prune_after(b, name);
    backup_results_release(&results);
    if (result < 0 || taken == 0)
        return result;
    if (why.kind == ERR_CANCELLED || (ctx->args->positional.count <= 1)) {
        *err = why;
        return -1;
    }
    log_err(&why);
    b->tally.failed++;
    if (b->tally.first == ERR_NONE)
        b->tally.first = why.kind;
    return 0;
}

static int run_jobs(struct backing *b, struct err *err)
{
    const struct strlist *names = &b->ctx->args->positional;
    if (b->ctx->settings->adhoc)
        return run_job(b, SETTINGS_ADHOC, err);
    for (size_t i = 0; i < names->count; i++) {
        if (run_job(b, names->items[i], err) < 0)
            return -1;
    }
    return 0;
}

static int exit_status(const struct tally *tally)
{
    if (tally->failed > 0 && tally->good + tally->partial == 0)
        return exit_status_of(OUTCOME_FAILED, tally->first, NULL);
    if (tally->failed > 0 || tally->partial > 0)
        return CMD_PARTIAL;
    return tally->suspect ? exit_status_of(OUTCOME_FAILED, ERR_CORRUPT, NULL) : CMD_DONE;
}

/* All names are checked before the first dump starts: a typo in the second should not show
 * after hours. */
static int check_names(struct cmd_context *ctx, struct err *err)
{
    const struct strlist *names = &ctx->args->positional;
    if (!ctx->settings->adhoc && names->count == 0) {
        cmd_usage(ctx, err, "which job? name one, or give --source and --store");
        return -1;
    }
    for (size_t i = 0; i < names->count; i++) {
        if (settings_require_job(ctx->settings, names->items[i], err) == NULL)
            return -1;
    }
    return 0;
}

static int run(struct cmd_context *ctx, struct err *err)
{
    struct backing b = {.ctx = ctx};
    int result = -1;
    if (check_names(ctx, err) < 0)
        return -1;
    b.list = ctx->settings->json ? json_array() : NULL;
    b.catalog = catalog_for_creating(ctx->settings, err);
    if (b.catalog)
        b.progress = progress_new(progress_style(ctx->settings), NULL, err);
    if (b.progress)
        result = run_jobs(&b, err);
    progress_free(b.progress);
    catalog_close(b.catalog);
    if (b.list)
        output_json(json_pack("{s:o}", "artifacts", b.list));
    return result < 0 ? -1 : exit_status(&b.tally);
}

const struct command cmd_backup = {
    .name = "backup",
    .usage = "[options] JOB... | --source CONNINFO --store URL [--store URL...]",
    .summary = "take backups now",
    .about =
        "One dump feeds all stores of a job at the same time. Prints the id of each\n"
        "artifact that can be restored. Nothing becomes visible in a store before\n"
        "pg_dump has ended well.\n"
        "\n"
        "Exit status 8: some stores or databases failed, the others are good; 4: the\n"
        "dump failed, nothing is left of it; 5: too few stores (min_copies); 7: the job\n"
        "is running already.\n"
        "\n"
        "  pgkeep backup nightly\n"
        "  pgkeep backup --source \"host=db dbname=shop\" --store dir:/srv/backups\n"
        "  pgkeep backup --source service=shop --store "
        "'s3://acme-pg/prod?region=eu-central-1'\n",
    .max_args = SIZE_MAX,
    .run = run,
};
