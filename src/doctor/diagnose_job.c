/*
 * A job that keeps everything for ever is no failure, but the day its disk is full is one:
 * so it is a warning.
 */
#include "doctor/diagnose_work.h"

#include "base/file.h"
#include "prune/policies.h"

enum { TEXT_MAX = 512 };

/* "none" and a policy without a rule come to the same, and are told apart: the one was meant. */
static void report_policy(struct diagnose *d, const struct policy *policy,
                          const char *where)
{
    static const char advice[] = "set retention to a policy that keeps some, and let the "
                                 "others go";
    struct text text;
    text_init(&text, TEXT_MAX);
    retention_policy_text(&policy->retention, &text);
    if (strcmp(policy->name, "none") == 0)
        diagnose_report(d, DIAGNOSE_RETENTION, DIAGNOSE_WARNING, advice,
                        "no policy%s: everything is kept for ever", where);
    else if (!retention_policy_is_on(&policy->retention))
        diagnose_report(d, DIAGNOSE_RETENTION, DIAGNOSE_WARNING, advice,
                        "policy \"%s\"%s has no rule that keeps: everything is kept",
                        policy->name, where);
    else
        diagnose_report(d, DIAGNOSE_RETENTION, DIAGNOSE_OK, NULL, "policy \"%s\"%s: %s",
                        policy->name, where, text.data);
    text_release(&text);
}

/* A `before` that cannot be run fails every backup; the others would be missed on the one day that
 * somebody waits for their word. */
static void report_hooks(struct diagnose *d, const struct job_settings *job)
{
    const struct {
        const char *key;
        const struct strlist *words;
    } hooks[] = {{"before", &job->before},
                 {"after_success", &job->after_success},
                 {"after_failure", &job->after_failure},
                 {"after_prune", &job->after_prune}};
    size_t found = 0;
    for (size_t i = 0; i < sizeof hooks / sizeof *hooks; i++) {
        if (hooks[i].words->count == 0)
            continue;
        const char *program = hooks[i].words->items[0];
        char *path = file_find_program(program);
        found += path != NULL;
        if (path == NULL) {
            struct err err = {0};
            err_set(&err, ERR_CONFIG, "%s: %s cannot be run", hooks[i].key, program);
            err_hint(&err, "is it there, executable for this user, and named by its path?");
            diagnose_fail(d, DIAGNOSE_HOOKS, &err);
        }
        free(path);
    }
    if (found > 0)
        diagnose_report(d, DIAGNOSE_HOOKS, DIAGNOSE_OK, NULL, "%zu can be run", found);
}

/* What prune would go by, before it does; and whether its programs are there. */
void diagnose_job(struct diagnose *d, const struct job_settings *job)
{
    /* By the very function that prune asks, so that what is told here is what will happen */
    struct policies *policies = policies_new(d->spec->settings);
    const struct policy *first = NULL;
    for (size_t i = 0; i < job->stores.count; i++) {
        struct err err = {0};
        char where[TEXT_MAX] = "";
        const struct policy *policy =
            policies_for(policies, job->name, job->stores.items[i], &err);
        /* What is wrong with one name is wrong in the configuration: once is enough. */
        if (policy == NULL) {
            diagnose_fail(d, DIAGNOSE_RETENTION, &err);
            break;
        }
        /* Most jobs have one policy for all stores; it is told once. */
        if (policy == first)
            continue;
        if (first != NULL || job->store_retention_stores.count > 0)
            snprintf(where, sizeof where, " (store \"%s\")", job->stores.items[i]);
        report_policy(d, policy, where);
        first = first == NULL ? policy : first;
    }
    policies_free(policies);
    report_hooks(d, job);
}
