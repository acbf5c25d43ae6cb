/*
 * exit_status - the one place that turns what became of a run into the exit status of PRODUCT
 * section 2. The process's, the one in `runs` and those of JSON and notifications are the same
 * number because they are all asked for here (CONTRACT-NOTES 36).
 */
#ifndef PGKEEP_SESSION_EXIT_STATUS_H
#define PGKEEP_SESSION_EXIT_STATUS_H

#include "base/cancel.h"

enum outcome {
    OUTCOME_DONE,
    OUTCOME_PARTIAL, /* some stores or databases failed, what was promised is good */
    OUTCOME_TOO_OLD, /* `status`: a last good backup is older than it may be */
    OUTCOME_FAILED   /* as the kind of the error says */
};

/* kind: of the first failure, for OUTCOME_FAILED. cancel: the node of the run (NULL: the root),
 * which knows what ended it. */
int exit_status_of(enum outcome outcome, enum err_kind kind, const struct cancel *cancel);

#endif
