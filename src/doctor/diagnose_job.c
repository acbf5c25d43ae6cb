/*
 * A job that keeps everything for ever is no failure, but the day its disk is full is one:
 * so it is a warning.
 */
#include "doctor/diagnose_work.h"

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

/* What prune would go by, before it does. */
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
}
