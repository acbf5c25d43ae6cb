/*
 * backup_hooks - the hooks of a job around its backup: what they are told, and when.
 *
 *     backup_hooks_init, `run` -> backup_hooks_before -> backup, backup_hooks_add for each artifact
 *     -> session_end -> backup_hooks_after -> (prune -> backup_hooks_pruned)
 *     -> backup_hooks_release
 */
#ifndef PGKEEP_CMD_BACKUPS_BACKUP_HOOKS_H
#define PGKEEP_CMD_BACKUPS_BACKUP_HOOKS_H

#include "catalog/artifacts.h"
#include "config/settings.h"

#include <jansson.h>

struct backup_hooks {
    const struct settings *settings;
    const struct job_settings *job;
    int64_t run;       /* the caller's to set; 0: of none */
    json_t *artifacts; /* of the job, so far */
};

void backup_hooks_init(struct backup_hooks *hooks, const struct settings *settings,
                       const struct job_settings *job);
void backup_hooks_release(struct backup_hooks *hooks);
void backup_hooks_add(struct backup_hooks *hooks, const struct catalog_artifact *artifact);

/* A failing one stops the run: its error. `cancel`: the run's. */
int backup_hooks_before(struct backup_hooks *hooks, struct cancel *cancel,
                        struct err *err) MUST_USE;
/* after_success or after_failure, by the exit status; of a run that was cancelled neither. What
 * goes wrong is a warning. */
void backup_hooks_after(struct backup_hooks *hooks, int exit_status, const struct err *why);
/* after_prune. */
void backup_hooks_pruned(struct backup_hooks *hooks, int exit_status,
                         const struct err *why);

#endif
