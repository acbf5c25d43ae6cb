/*
 * health_input - what health.h judges by, read from the catalog in one go.
 *
 *     health_input_load -> health_init with its lists, read -> health_release
 *     -> health_input_release
 */
#ifndef PGKEEP_REPORT_HEALTH_INPUT_H
#define PGKEEP_REPORT_HEALTH_INPUT_H

#include "report/health.h"

struct health_input {
    struct catalog_artifacts artifacts; /* all but the deleted, with copies */
    struct catalog_runs runs;           /* of `backup`, the last of each job */
    struct catalog_run_databases run_databases;
};

/* catalog NULL: there is none yet, and all is empty. Release it in any case. */
int health_input_load(struct health_input *input, struct catalog *catalog,
                      struct err *err) MUST_USE;
void health_input_release(struct health_input *input); /* zeroed, loaded or half loaded */

#endif
