/* What metrics are made of, read from the catalog. */
#include "report/metrics_input.h"

#include "base/clock.h"
#include "report/health_input.h"
#include "report/metrics.h"

/* Everything is read before anything is told. */
int metrics_collect(const struct settings *settings, struct catalog *catalog,
                    struct text *out, struct err *err)
{
    /* Each is released whether it was filled or not. */
    struct health_input facts = {0};
    struct jobs jobs = {0};
    struct catalog_totals totals = {0};
    struct catalog_drills drills = {0};
    struct catalog_notifiers notifiers = {0};
    int64_t now = clock_now();
    int result = jobs_load(&jobs, settings, catalog, now, err);
    if (result == 0)
        result = jobs_load_history(&jobs, catalog, err);
    if (result == 0)
        result = health_input_load(&facts, catalog, err);
    if (result == 0 && catalog != NULL)
        result = catalog_totals_list(catalog, NULL, &totals, err);
    if (result == 0 && catalog != NULL)
        result = catalog_drills_last(catalog, &drills, err);
    if (result == 0 && catalog != NULL)
        result = catalog_notifiers_list(catalog, &notifiers, err);
    /* From here on no I/O: what is told is of one moment. */
    if (result == 0) {
        struct health health = {0};
        struct health_spec spec = {.settings = settings,
                                   .max_age_s = HEALTH_NO_LIMIT,
                                   .now = now,
                                   .runs = &facts.runs,
                                   .run_databases = &facts.run_databases};
        health_init(&health, &facts.artifacts, &spec);
        const struct metrics_input input = {.health = &health,
                                            .jobs = &jobs,
                                            .artifacts = &facts.artifacts,
                                            .totals = &totals,
                                            .drills = &drills,
                                            .notifiers = &notifiers,
                                            .settings = settings};
        metrics_add(&input, out);
        health_release(&health);
        result = text_check(out, "the metrics", err);
    }
    catalog_notifiers_release(&notifiers);
    catalog_drills_release(&drills);
    catalog_totals_release(&totals);
    jobs_release(&jobs);
    health_input_release(&facts);
    return result;
}
