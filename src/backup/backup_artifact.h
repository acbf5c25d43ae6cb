/*
 * backup_artifact - one backup of one database: dump, stream, commit, in the order that keeps
 * it honest. backup.c calls it for each database of a job.
 */
#ifndef PGKEEP_BACKUP_BACKUP_ARTIFACT_H
#define PGKEEP_BACKUP_BACKUP_ARTIFACT_H

#include "repository/repository.h"
#include "backup/backup.h"
#include "postgres/dump.h"
#include "postgres/programs.h"

/* All borrowed. */
struct backup_artifact {
    struct session *session;
    const char *name; /* of the artifact; NULL: none */
    const struct job_settings *job;
    const struct source_settings *source;
    const char *conninfo; /* of the source, with its password */
    const char *database; /* "" with DUMP_GLOBALS */
    enum dump_type type;
    const struct programs *programs;
    const struct repository_list *stores; /* opened, and those that could not be */
    uint64_t *announced; /* bytes of buffers that the run has been told of; not NULL */
};

/* 0: outcome in *result (GOOD, PARTIAL or FAILED with result->err). -1: ERR_CANCELLED,
 * after everything was undone; result is filled in all the same. */
int backup_artifact(const struct backup_artifact *spec, struct backup_result *result,
                    struct err *err) MUST_USE;

#endif
