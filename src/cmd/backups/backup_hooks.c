/* The facts twice: as variables for a line of shell, as JSON for whoever wants all of it. */
#include "cmd/backups/backup_hooks.h"

#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "report/artifact_json.h"
#include "session/hook.h"

/* The list of artifacts grows while the run goes on; each hook gets it as it is then. */
void backup_hooks_init(struct backup_hooks *hooks, const struct settings *settings,
                       const struct job_settings *job)
{
    *hooks =
        (struct backup_hooks){.settings = settings, .job = job, .artifacts = json_array()};
}

void backup_hooks_release(struct backup_hooks *hooks)
{
    json_decref(hooks->artifacts);
    *hooks = (struct backup_hooks){0};
}

/* As `backup --json` tells it, so that a hook needs no command of ours to know. */
void backup_hooks_add(struct backup_hooks *hooks, const struct catalog_artifact *artifact)
{
    const struct artifact_view view = {clock_now(), hooks->settings};
    (void)json_array_append_new(hooks->artifacts, artifact_json(artifact, &view));
}

/* The ids, parted by blanks. */
static void add_ids(const struct backup_hooks *hooks, struct text *out)
{
    size_t i;
    json_t *artifact;
    json_array_foreach(hooks->artifacts, i, artifact)
    {
        const char *id = json_string_value(json_object_get(artifact, "id"));
        text_addf(out, "%s%s", i > 0 ? " " : "", id != NULL ? id : "");
    }
}

/* exit_status -1: there is none yet. */
static int run(struct backup_hooks *hooks, const char *name,
               const struct strlist *arguments, int exit_status, const struct err *why,
               struct cancel *cancel, struct err *err)
{
    struct strlist facts = {0};
    struct text ids;
    /* An error that was cleared is none. */
    const char *error = why != NULL && why->kind != ERR_NONE ? why->text : "";
    if (arguments->count == 0)
        return 0;
    text_init(&ids, 1 << 16);
    /* As variables: for a line of shell. What there is nothing to say of is not set. */
    add_ids(hooks, &ids);
    strlist_addf(&facts, "PGKEEP_HOOK=%s", name);
    strlist_addf(&facts, "PGKEEP_JOB=%s", hooks->job->name);
    strlist_addf(&facts, "PGKEEP_RUN=%lld", (long long)hooks->run);
    strlist_addf(&facts, "PGKEEP_ARTIFACTS=%s", ids.data);
    if (exit_status >= 0)
        strlist_addf(&facts, "PGKEEP_EXIT_STATUS=%d", exit_status);
    if (*error != '\0')
        strlist_addf(&facts, "PGKEEP_ERROR=%s", error);
    /* As JSON: the same, and each artifact as `backup --json` tells it. */
    json_t *document =
        json_pack("{s:s, s:o, s:I, s:o, s:o, s:o, s:O}", "hook", name, "job",
                  json_bytes(hooks->job->name), "run", (json_int_t)hooks->run,
                  "exit_status", exit_status >= 0 ? json_integer(exit_status) : json_null(),
                  "error", json_sentence(*error != '\0' ? error : NULL), "hint",
                  json_hint(*error != '\0' ? error : NULL), "artifacts", hooks->artifacts);
    char *text = json_text(document, false);
    const struct hook_spec spec = {.name = name,
                                   .arguments = arguments,
                                   .facts = &facts,
                                   .document = text,
                                   .timeout_s = hooks->job->hook_timeout_s,
                                   .settings = hooks->settings,
                                   .cancel = cancel};
    int result = hook_run(&spec, err);
    free(text);
    json_decref(document);
    text_release(&ids);
    strlist_release(&facts);
    return result;
}

/* A failing one stops the run before anything was done: it may be what mounts the disk. */
int backup_hooks_before(struct backup_hooks *hooks, struct cancel *cancel, struct err *err)
{
    return run(hooks, "before", &hooks->job->before, -1, NULL, cancel, err);
}

/* The backup is what it is: a hook that fails changes nothing of it. */
static void warn(int result, const struct err *err)
{
    if (result < 0)
        log_warning("%s", err->text);
}

/* One of two, by how the run ended. */
void backup_hooks_after(struct backup_hooks *hooks, int exit_status, const struct err *why)
{
    struct err err = {0};
    /* Whoever cancelled knows; and after a signal there are seconds left, not minutes. */
    if (why != NULL && why->kind == ERR_CANCELLED)
        return;
    if (exit_status == 0)
        warn(run(hooks, "after_success", &hooks->job->after_success, 0, why, NULL, &err),
             &err);
    else
        warn(run(hooks, "after_failure", &hooks->job->after_failure, exit_status, why, NULL,
                 &err),
             &err);
}

/* By its own exit status: 9 when a guard refused. */
void backup_hooks_pruned(struct backup_hooks *hooks, int exit_status, const struct err *why)
{
    struct err err = {0};
    warn(run(hooks, "after_prune", &hooks->job->after_prune, exit_status, why, NULL, &err),
         &err);
}
