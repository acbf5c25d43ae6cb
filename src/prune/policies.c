#include "prune/policies.h"

#include "base/memory.h"

/* Pointers are handed out, so each policy is an allocation of its own. */
struct policies {
    const struct settings *settings;
    struct policy **items;
    size_t count, capacity;
};

/* Empty: a policy that is never asked for is never read, and cannot be wrong. */
struct policies *policies_new(const struct settings *settings)
{
    struct policies *policies = memory_zalloc(sizeof *policies);
    policies->settings = settings;
    return policies;
}

static void free_policy(struct policy *policy)
{
    retention_policy_release(&policy->retention);
    free(policy);
}

void policies_free(struct policies *policies)
{
    if (policies == NULL)
        return;
    for (size_t i = 0; i < policies->count; i++)
        free_policy(policies->items[i]);
    free(policies->items);
    free(policies);
}

/* Borrowed from the settings. A store's own policy beats that of the job as a whole (RETENTION
 * 2). A job that the configuration does not know any more stays under some rule, too. */
static const char *choose(const struct settings *settings, const char *job_name,
                          const char *store)
{
    const struct job_settings *job =
        *job_name != '\0' ? settings_job(settings, job_name) : NULL;
    const char *name = job ? job->retention : NULL;
    for (size_t i = 0; job && i < job->store_retention_stores.count; i++) {
        if (strcmp(job->store_retention_stores.items[i], store) == 0)
            name = job->store_retention_policies.items[i];
    }
    if (name == NULL && settings_policy(settings, POLICIES_DEFAULT))
        name = POLICIES_DEFAULT;
    return name ? name : POLICIES_NONE;
}

/* The configuration was checked when it was read; what can still be wrong is this machine's
 * zone database. */
static int fill(struct retention_policy *policy, const struct policy_settings *from,
                struct err *err)
{
    for (size_t i = 0; i < from->keys.count; i++) {
        if (retention_policy_set(policy, from->keys.items[i], from->values.items[i], err) <
            0)
            return err_context(err, "policy \"%s\"", from->name);
    }
    return 0;
}

static struct policy *make(const struct settings *settings, const char *name,
                           struct err *err)
{
    const struct policy_settings *from = settings_policy(settings, name);
    struct policy *policy = memory_zalloc(sizeof *policy);
    policy->name = name;
    retention_policy_init(&policy->retention);
    if (from == NULL || fill(&policy->retention, from, err) == 0)
        return policy;
    free_policy(policy);
    return NULL;
}

const struct policy *policies_for(struct policies *policies, const char *job,
                                  const char *store, struct err *err)
{
    const char *name = choose(policies->settings, job, store);
    for (size_t i = 0; i < policies->count; i++) {
        if (strcmp(policies->items[i]->name, name) == 0)
            return policies->items[i];
    }
    struct policy *policy = make(policies->settings, name, err);
    if (policy == NULL)
        return NULL;
    memory_grow(&policies->items, &policies->capacity, policies->count + 1,
                sizeof *policies->items);
    policies->items[policies->count++] = policy;
    return policy;
}
