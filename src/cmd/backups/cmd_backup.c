/*
 * Jobs one after the other. An id goes to stdout when its backup is complete, one a line, and
 * everything else to stderr: `id=$(pgkeep backup nightly)` has to work.
 */
#include "prune/prune.h"
#include "backup/backup.h"
#include "cmd/backups/backup_hooks.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "catalog/artifact_list.h"
#include "report/artifact_json.h"
#include "cmd/artifact_text.h"
#include "cmd/cmd.h"
#include "cmd/output.h"
#include "cmd/progress.h"
#include "notify/tell.h"
#include "report/artifact_name.h"

/* The line under way. */
struct backing {
    const struct cmd_context *ctx;
    struct progress *progress;
    json_t *list;            /* with --json; else NULL */
    struct session *session; /* of the job under way */
    struct backup_hooks hooks;
    struct backup_tally tally;
    struct err err; /* the first trouble of telling results */
};

/* ---- what is reported ---- */

/* What came of it, in one line of the log. */
static void report_done(const struct catalog_artifact *artifact)
{
    char raw[32], stored[32], time[32];
    /* One that failed is named as well: the backup is complete all the same. */
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
static int print_result(struct backing *b, const struct backup_result *result,
                        struct err *err)
{
    /* As the catalog has it, not as the operation does: what is printed is what can be
     * found again. */
    const struct artifact_view view = {clock_now(), b->ctx->settings};
    struct catalog_artifact artifact = {0};
    int loaded = catalog_artifact_load(session_catalog(b->session), result->id,
                                       CATALOG_WITH_COPIES, &artifact, err);
    if (loaded == 0)
        backup_hooks_add(&b->hooks, &artifact);
    if (loaded == 0 && b->list)
        (void)json_array_append_new(b->list, artifact_json(&artifact, &view));
    else if (loaded == 0 && result->outcome != BACKUP_FAILED)
        output_linef("%s", artifact.id);
    if (loaded == 0 && result->outcome != BACKUP_FAILED)
        report_done(&artifact);
    catalog_artifact_release(&artifact);
    return loaded;
}

/* As soon as it is known: the next database may take hours. */
static void on_done(void *context, const struct backup_result *result)
{
    struct backing *b = context;
    struct err why = {0};
    /* An interrupted one is told once, by what ends the command. */
    if (result->outcome == BACKUP_FAILED && result->err.kind != ERR_CANCELLED) {
        struct err failure = result->err;
        err_context(&failure, "backup of \"%s\"",
                    *result->database ? result->database : "globals");
        log_err(&failure);
    }
    if (*result->id && print_result(b, result, &why) < 0 && b->err.kind == ERR_NONE)
        b->err = why;
}

/* ---- retention ---- */

/* The whole list is in the plan; the log gets the first and where the rest is. */
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
static void prune_after(struct backing *b, const char *job)
{
    struct err why = {0};
    struct session_spec run = prune_session(job, true);
    struct session *session = cmd_begin(b->ctx, &run, &why);
    /* A run of its own with its own record and lock: it is over before the next job begins */
    struct prune *prune = NULL;
    enum outcome outcome = OUTCOME_FAILED;
    if (session != NULL) {
        struct prune_spec spec = {
            .session = session, .job = job, .yes = true, .now = clock_now()};
        prune = prune_new(&spec, &why);
    }
    if (prune == NULL || prune_run(prune, &why) < 0) {
        log_warning("pruning after the backup: %s", why.text);
    } else {
        warn_of_refusal(prune);
        outcome = prune_outcome(prune, &why);
    }
    prune_free(prune);
    if (session != NULL)
        backup_hooks_pruned(&b->hooks, session_end(session, outcome, &why), &why);
}

/* ---- the line ---- */

/* One run. *status: as it is recorded. */
static int run_job(struct backing *b, const char *name, int *status, struct err *err)
{
    const struct job_settings *job = settings_require_job(b->ctx->settings, name, err);
    struct observer observer = progress_observer(b->progress);
    struct tell tell;
    tell_init(&tell, b->ctx->settings, &observer);
    struct session_spec base = {.settings = b->ctx->settings, .observer = &tell.observer};
    struct backup_spec spec = {.job = name,
                               .name = config_args_text(b->ctx->args, "name"),
                               .run = config_args_number(b->ctx->args, "run", 0),
                               .done = on_done,
                               .context = b};
    struct backup_results results = {0};
    struct backup_tally tally = {0};
    struct err why = {0};
    if (job == NULL)
        return -1;
    b->session = backup_begin(&spec, &base, err);
    if (b->session == NULL) {
        backup_tally_add(&b->tally, job, &results, err);
        return -1;
    }
    backup_hooks_init(&b->hooks, b->ctx->settings, job);
    b->hooks.run = session_run_id(b->session);
    int done = backup_hooks_before(&b->hooks, session_cancel(b->session), err);
    /* Each database reports itself through on_done while this runs. */
    if (done == 0)
        done = backup_job(b->session, &spec, &results, err);
    backup_tally_add(&tally, job, &results, done < 0 ? err : NULL);
    backup_tally_add(&b->tally, job, &results, done < 0 ? err : NULL);
    /* Of this job alone: each has a record of its own, the line has one exit status. */
    *status = session_end(b->session, backup_outcome(&tally, &why), &why);
    backup_hooks_after(&b->hooks, *status, &why);
    /* Nothing new, nothing to prune: the rules count from the newest good one. */
    bool any_good = false;
    for (size_t i = 0; i < results.count; i++)
        any_good |= results.items[i].outcome != BACKUP_FAILED;
    if (done == 0 && job->prune_after_backup && any_good)
        prune_after(b, name);
    tell_finish(&tell, spec.run != 0);
    backup_hooks_release(&b->hooks);
    backup_results_release(&results);
    return done;
}

/* A job that cannot even begin does not keep the others from running. */
static int run_jobs(struct backing *b, struct err *err)
{
    const struct strlist *names = &b->ctx->args->positional;
    int status = -1;
    /* One job: its own status and error are the command's. */
    if (b->ctx->settings->adhoc || names->count == 1) {
        const char *name = b->ctx->settings->adhoc ? SETTINGS_ADHOC : names->items[0];
        (void)run_job(b, name, &status, err);
        return status;
    }
    for (size_t i = 0; i < names->count; i++) {
        status = -1; /* that of the job before is not this one's */
        if (run_job(b, names->items[i], &status, err) == 0)
            continue;
        /* Whoever interrupts means the whole line. */
        if (err->kind == ERR_CANCELLED)
            return status;
        log_err(err);
        err_clear(err);
    }
    struct err why = {0};
    enum outcome outcome = backup_outcome(&b->tally, &why);
    return exit_status_of(outcome, why.kind, NULL);
}

/* All of them before the first is run: a slip of the pen is told at once. */
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

/* The list of --json is printed also after a failure: what was made before it is worth
 * knowing. */
static int run(struct cmd_context *ctx, struct err *err)
{
    struct backing b = {.ctx = ctx};
    int status = -1;
    if (check_names(ctx, err) < 0)
        return -1;
    b.list = ctx->settings->json ? json_array() : NULL;
    b.progress = progress_new(progress_style(ctx->settings), NULL, err);
    if (b.progress)
        status = run_jobs(&b, err);
    progress_free(b.progress);
    if (b.list)
        output_json_list("artifacts", b.list,
                         b.err.kind != ERR_NONE || err->kind != ERR_NONE);
    /* A result that could not be told is a failure, but no cause of another one. */
    if (b.err.kind == ERR_NONE || err->kind != ERR_NONE)
        return status;
    *err = b.err;
    return -1;
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
