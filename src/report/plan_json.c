/*
 * One object per group and store, one per copy in the order of the plan. Words of reasons come
 * from retention/explain.h and results from prune.h, as for people: so the two forms cannot come
 * to differ.
 */
#include "report/plan_json.h"

#include "base/json.h"
#include "report/upkeep_json.h"

/* Reasons quote what users wrote; a text is long, not endless. */
enum { TEXT_CEILING = 1 << 16 };

/* All stores as one; a guard that refuses anywhere is named. */
struct retention_summary plan_summary(const struct prune *prune)
{
    struct retention_summary summary = {0};
    for (size_t i = 0; i < prune->part_count; i++) {
        const struct prune_part *part = &prune->parts[i];
        retention_summary_add(&summary, part->plan);
        /* What was forced stands in `guards` no more, so it refuses nothing. */
        for (size_t j = 0; j < part->plan->group_count; j++)
            summary.guards |= part->guards[j];
    }
    /* That of the whole plan: our clock, or what nothing overrides. */
    summary.guards |= prune->refused_by;
    return summary;
}

/* One bit each, "G3" for programs. */
static json_t *guards_json(unsigned guards)
{
    json_t *list = json_array();
    for (unsigned guard = 1; guard <= guards; guard <<= 1) {
        if ((guards & guard) != 0)
            (void)json_array_append_new(
                list, json_string(retention_guard_name((enum retention_guard)guard)));
    }
    return list;
}

/* A group in one store, under the policy that holds there. */
static json_t *group_json(const struct prune_part *part, size_t index)
{
    const struct retention_group *group = &part->plan->groups[index];
    struct text rules;
    json_t *object = json_object();
    text_init(&rules, TEXT_CEILING);
    retention_policy_text(&part->policy->retention, &rules);
    json_set(object, "group", json_bytes(group->name));
    json_set(object, "store", json_bytes(part->repository->name));
    json_set(object, "policy", json_string(part->policy->name));
    json_set(object, "rules", json_string(rules.data));
    /* Ages are counted from here, not from the clock (RETENTION 3, step 2). */
    json_set(object, "anchor", json_time(group->has_anchor ? group->anchor : 0));
    json_set(object, "complete", json_integer((json_int_t)group->complete));
    json_set(object, "keep", json_integer((json_int_t)group->kept));
    /* The planner counts the held among the pruned; here each copy is counted once. */
    json_set(object, "prune", json_integer((json_int_t)(group->pruned - group->held)));
    json_set(object, "held", json_integer((json_int_t)group->held));
    json_set(object, "bytes", json_integer((json_int_t)group->pruned_bytes));
    json_set(object, "over_cap", json_boolean(group->over_cap));
    json_set(object, "guards", guards_json(part->guards[index]));
    text_release(&rules);
    return object;
}

/* Lower case, as all words of JSON; text has them in capitals (retention/explain.h). */
static const char *verdict_word(const struct retention_decision *decision)
{
    switch ((enum retention_verdict)decision->verdict) {
    case RETENTION_KEEP:
        return "keep";
    case RETENTION_PRUNE: /* delete_grace holds it for now (G6) */
        return decision->is_held ? "held" : "prune";
    case RETENTION_IGNORE:
        break;
    }
    return "ignore";
}

/* A copy in one store; the same artifact has one of these in each. */
static json_t *copy_json(const struct prune *prune, const struct prune_part *part,
                         size_t index)
{
    const struct catalog_plan_row *row = part->rows[index];
    const struct remove_result *result = prune_result_of(prune, row->copy);
    json_t *object = json_object();
    struct strlist reasons = {0};
    json_set(object, "id", json_string(row->artifact));
    json_set(object, "group", json_bytes(row->group));
    json_set(object, "store", json_bytes(part->repository->name));
    json_set(object, "time", json_time(row->time));
    json_set(object, "bytes", json_integer((json_int_t)row->bytes));
    json_set(object, "verdict", json_string(verdict_word(&part->plan->decisions[index])));
    /* Ids in reasons are whole here: a program cannot look a short one up. */
    retention_explain_list(part->plan, index, NULL, &reasons);
    json_set(object, "reasons", json_strings(&reasons));
    strlist_release(&reasons);
    /* What the store said when it was to go; null where it was not asked. */
    json_set(object, "result",
             result ? json_string(remove_outcome_name(result->outcome)) : json_null());
    json_set(object, "error",
             result && result->reason[0] ? json_bytes(result->reason) : json_null());
    return object;
}

/* The whole plan also where it is refused: one has to see what one is asked to force. */
json_t *plan_json(const struct prune *prune, bool dry_run)
{
    /* The hash stands first: it is what --force-unsafe asks for. */
    json_t *document = json_object(), *groups = json_array(), *copies = json_array();
    struct text refused;
    text_init(&refused, TEXT_CEILING);
    bool is_refused = prune_is_refused(prune, &refused);
    for (size_t i = 0; i < prune->part_count; i++) {
        const struct prune_part *part = &prune->parts[i];
        for (size_t j = 0; j < part->plan->group_count; j++)
            (void)json_array_append_new(groups, group_json(part, j));
        for (size_t j = 0; j < part->count; j++)
            (void)json_array_append_new(
                copies, copy_json(prune, part, retention_plan_index(part->plan, j)));
    }
    json_set(document, "plan_hash", json_string(prune->hash));
    json_set(document, "dry_run", json_boolean(dry_run));
    json_set(document, "groups", groups);
    json_set(document, "copies", copies);
    /* Nothing is said of what lies in these: it is neither kept nor removed by this plan. */
    json_set(document, "skipped", upkeep_json_skipped(&prune->stores));
    json_set(document, "refused", is_refused ? json_bytes(refused.data) : json_null());
    text_release(&refused);
    return document;
}
