/* One way to read it, so that `status` and the metrics cannot come to tell of different things. */
#include "report/health_input.h"

int health_input_load(struct health_input *input, struct catalog *catalog, struct err *err)
{
    static const struct catalog_filter everything = {0};
    static const struct catalog_run_filter backups = {.kind = "backup",
                                                      .last_of_jobs = true};
    *input = (struct health_input){0};
    if (catalog == NULL)
        return 0;
    /* What is good, what runs and what is broken are found in one list. */
    if (catalog_artifacts_list(catalog, &everything, CATALOG_WITH_COPIES, &input->artifacts,
                               err) < 0 ||
        catalog_runs_list(catalog, &backups, &input->runs, err) < 0)
        return -1;
    return catalog_run_databases_last(catalog, &input->run_databases, err);
}

void health_input_release(struct health_input *input)
{
    catalog_artifacts_release(&input->artifacts);
    catalog_runs_release(&input->runs);
    catalog_run_databases_release(&input->run_databases);
}
