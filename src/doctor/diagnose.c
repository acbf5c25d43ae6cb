/*
 * Every check reports and goes on. What a later check needs of an earlier one (the catalog,
 * the programs of a server) may be missing; it then says so or is left out, and is not
 * guessed.
 */
#include "doctor/diagnose.h"

#include "doctor/diagnose_work.h"
#include "base/cancel.h"

/* The heading under which the findings that follow stand. */
static void begin(struct diagnose *d, const char *group, const char *name)
{
    d->group = group;
    d->name = name;
}

/* Sections have plain names; what the command line gave is named by its URL. */
static bool is_wanted(const struct diagnose *d, const char *name)
{
    bool adhoc = strchr(name, ':') != NULL || strcmp(name, SETTINGS_ADHOC) == 0;
    return d->spec->adhoc == adhoc;
}

static void check_settings(struct diagnose *d)
{
    const struct settings *settings = d->spec->settings;
    /* Counted, so that a file that was read instead of another shows at once. */
    const char *file = settings->config_file;
    if (d->spec->adhoc) /* the command line is the configuration */
        return;
    begin(d, "configuration", NULL);
    if (settings->source_count + settings->store_count + settings->job_count > 0) {
        char sources[64], stores[64], policies[64], jobs[64];
        diagnose_report(d, DIAGNOSE_FILE, DIAGNOSE_OK, NULL, "%s: %s, %s, %s, %s",
                        file ? file : "no file",
                        text_count(sources, settings->source_count, "source", "sources"),
                        text_count(stores, settings->store_count, "store", "stores"),
                        text_count(policies, settings->policy_count, "policy", "policies"),
                        text_count(jobs, settings->job_count, "job", "jobs"));
        return;
    }
    /* A file that names nothing backs nothing up: that is a failure, not an empty success. */
    struct err err = {0};
    err_set(&err, ERR_CONFIG, file ? "%s names no source, store or job" : "there is none",
            file ? file : "");
    err_hint(&err, "`pgkeep config --example` prints one; or look at --source CONNINFO "
                   "and --store URL");
    diagnose_fail(d, DIAGNOSE_FILE, &err);
}

int diagnose_run(const struct diagnose_spec *spec, struct diagnose_result *out,
                 struct err *err)
{
    const struct settings *settings = spec->settings;
    struct diagnose d = {.spec = spec, .result = out};
    *out = (struct diagnose_result){0};

    /* The catalog comes before all that looks something up in it. */
    check_settings(&d);
    begin(&d, "catalog", NULL);
    diagnose_catalog(&d);
    int result = cancel_check(spec->cancel, err);

    /* Servers and stores may take their time to fail: after each a cancel is asked for. */
    for (size_t i = 0; result == 0 && i < settings->source_count; i++) {
        if (!is_wanted(&d, settings->sources[i].name))
            continue;
        begin(&d, "source", settings->sources[i].name);
        diagnose_source(&d, settings->sources[i].name);
        result = cancel_check(spec->cancel, err);
    }
    for (size_t i = 0; result == 0 && i < settings->store_count; i++) {
        if (!is_wanted(&d, settings->stores[i].name))
            continue;
        begin(&d, "store", settings->stores[i].name);
        diagnose_store(&d, settings->stores[i].name);
        result = cancel_check(spec->cancel, err);
    }

    /* A store of the command line belongs to no job. */
    for (size_t i = 0; result == 0 && !spec->adhoc && i < settings->job_count; i++) {
        if (!is_wanted(&d, settings->jobs[i].name))
            continue;
        begin(&d, "job", settings->jobs[i].name);
        diagnose_job(&d, &settings->jobs[i]);
    }
    catalog_close(d.catalog);
    return result;
}
