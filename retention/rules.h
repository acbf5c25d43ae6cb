/*
 * rules - step 2 of the plan: the rules of a policy over the eligible copies of one group.
 * Private to retention/.
 */
#ifndef PGKEEP_RETENTION_RULES_H
#define PGKEEP_RETENTION_RULES_H

#include "retention/plan.h"

/* Complete, and not set aside by step 1. */
static inline bool retention_is_eligible(const struct retention_plan *plan, size_t index)
{
    return plan->artifacts[index].state == RETENTION_COMPLETE &&
           (plan->decisions[index].reasons & RETENTION_QUARANTINE) == 0;
}

/* Adds to the decisions of the group's eligible copies every rule that keeps them, the slot
 * that they take of it, and who won a period that they lost. The group has an anchor. */
void retention_rules_apply(struct retention_plan *plan,
                           const struct retention_group *group);

#endif
