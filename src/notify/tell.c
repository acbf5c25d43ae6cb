/* A connection of its own for each look: the run's belongs to the run, whatever it is doing with it. */
#include "notify/tell.h"

#include "base/cancel.h"
#include "base/clock.h"
#include "base/log.h"
#include "notify/look.h"

/* What goes wrong here never was what the command is about. */
static void warn(const struct err *err)
{
    if (err->kind != ERR_NONE)
        log_warning("notifiers: %s", err->text);
}

static struct catalog *open_catalog(const struct tell *tell, struct err *err)
{
    return look_is_wanted(tell->settings)
               ? catalog_open(tell->settings->catalog, CATALOG_WRITE, err)
               : NULL;
}

/* Once before the run, so that what the runs before it left is known; then its begin, for those who
 * want to hear of it at once. */
static void on_begin(void *context, const char *kind, const char *job, int64_t run)
{
    struct tell *tell = context;
    struct err err = {0};
    struct look look;
    size_t queued = 0;
    (void)kind;
    struct catalog *catalog = job != NULL ? open_catalog(tell, &err) : NULL;
    if (catalog != NULL &&
        look_at_jobs(tell->settings, catalog, clock_now(), &look, &err) == 0 &&
        look_at_start(tell->settings, catalog, job, run, &queued, &err) == 0 && queued > 0)
        tell->errand = errand_start(tell->settings, ERRAND_SHORT_S, &err);
    catalog_close(catalog);
    warn(&err);
}

/* Under the lock of the run, its record written. */
static void on_end(void *context, int exit_status, const struct err *why)
{
    struct tell *tell = context;
    struct err err = {0};
    struct look look;
    (void)exit_status;
    (void)why;
    struct catalog *catalog = open_catalog(tell, &err);
    if (catalog != NULL &&
        look_at_jobs(tell->settings, catalog, clock_now(), &look, &err) < 0 &&
        err.kind == ERR_NONE)
        log_debug("notifiers were not looked at");
    catalog_close(catalog);
    warn(&err);
}

void tell_init(struct tell *tell, const struct settings *settings,
               const struct observer *next)
{
    *tell = (struct tell){.settings = settings};
    tell->observer =
        (struct observer){.begin = on_begin, .end = on_end, .context = tell, .next = next};
}

void tell_finish(struct tell *tell, bool waited_for)
{
    if (!look_is_wanted(tell->settings))
        return;
    if (!waited_for) {
        errand_finish(tell->errand);
        tell->errand = NULL;
        tell_now(tell->settings);
        return;
    }
    /* What the run's prune came to, then away with it: nobody waits. */
    struct err err = {0};
    struct look look;
    bool due = false;
    errand_leave(tell->errand);
    tell->errand = NULL;
    struct catalog *catalog = open_catalog(tell, &err);
    if (catalog != NULL &&
        look_at_jobs(tell->settings, catalog, clock_now(), &look, &err) == 0 &&
        errand_is_due(catalog, clock_now(), &due, &err) == 0 && due)
        errand_leave(errand_start(tell->settings, ERRAND_LONG_S, &err));
    catalog_close(catalog);
    warn(&err);
}

void tell_now(const struct settings *settings)
{
    const struct tell tell = {.settings = settings};
    struct err err = {0};
    struct look look;
    if (!look_is_wanted(settings) || cancel_requested(NULL))
        return;
    struct catalog *catalog = open_catalog(&tell, &err);
    int looked =
        catalog != NULL ? look_at_jobs(settings, catalog, clock_now(), &look, &err) : -1;
    catalog_close(catalog);
    warn(&err);
    if (looked == 0)
        errand_run(settings);
}
