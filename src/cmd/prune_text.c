/*
 * One plan, two forms. Both ask explain.h for the words and prune.h for the results, so
 * that text and JSON cannot come to differ.
 */
#include "cmd/prune_text.h"

#include "base/json.h"
#include "cmd/output.h"
#include "retention/explain.h"

/* Reasons quote what users wrote; a line is long, not endless. */
enum { LINE_CEILING = 1 << 16 };

static void add_short(void *context, const char *id, struct text *out)
{
    char short_id[ULID_SIZE];
    struct err ignored = {0};
    bool known = catalog_artifact_short(context, id, short_id, &ignored) == 0;
    text_add(out, known ? short_id : id);
}

static bool is_shown(const struct prune_part *part, size_t index, bool all)
{
    const char *verdict = retention_explain_verdict(part->plan, index);
    return all || (strcmp(verdict, "KEEP") != 0 && strcmp(verdict, "IGNORE") != 0);
}

/* A header alone would say nothing. */
static bool has_lines(const struct prune_part *part, const struct retention_group *group,
                      bool all)
{
    bool any = group->over_cap;
    for (size_t i = group->first; i < group->first + group->count; i++)
        any |= is_shown(part, retention_plan_index(part->plan, i), all);
    return any;
}

static void print_rows(const struct prune *prune, const struct prune_part *part,
                       const struct retention_group *group, bool all)
{
    struct retention_style style = {add_short, prune->catalog};
    struct text line;
    text_init(&line, LINE_CEILING);
    for (size_t i = group->first; i < group->first + group->count; i++) {
        size_t index = retention_plan_index(part->plan, i);
        if (!is_shown(part, index, all))
            continue;
        text_clear(&line);
        retention_explain_row(part->plan, index, &style, &line);
        output_text(line.data);
    }
    text_release(&line);
}

static void print_part(const struct prune *prune, const struct prune_part *part, bool all)
{
    struct text line;
    text_init(&line, LINE_CEILING);
    for (size_t i = 0; i < part->plan->group_count; i++) {
        const struct retention_group *group = &part->plan->groups[i];
        if (!has_lines(part, group, all))
            continue;
        text_clear(&line);
        retention_explain_header(part->plan, group, part->repository->name,
                                 part->policy->name, &line);
        output_text(line.data);
        print_rows(prune, part, group, all);
        if (group->over_cap)
            output_text(
                "        max_total_size cannot be reached: the rest is protected\n");
        output_text("\n");
    }
    text_release(&line);
}

static void print_skipped(const struct prune *prune)
{
    for (size_t i = 0; i < prune->stores.failure_count; i++) {
        const struct repository_failure *failure = &prune->stores.failures[i];
        output_linef("SKIPPED store %s: %.*s", failure->name,
                     (int)strcspn(failure->err.text, "\n"), failure->err.text);
    }
}

static void print_summary(const struct prune *prune)
{
    struct retention_summary summary = {0};
    struct text line;
    text_init(&line, LINE_CEILING);
    /* All stores as one; a guard that refuses anywhere is named. */
    for (size_t i = 0; i < prune->part_count; i++) {
        const struct prune_part *part = &prune->parts[i];
        retention_summary_add(&summary, part->plan);
        for (size_t j = 0; j < part->plan->group_count; j++)
            summary.guards |= part->guards[j];
    }
    summary.guards |= prune->refused_by;
    retention_explain_summary(&summary, prune->hash, &line);
    output_text(line.data);
    /* Not of the plan: copies that failed or broke long ago go by another rule. */
    size_t due = prune_due_count(prune);
    char count[64];
    if (due > 0)
        output_linef("clears away %s", text_count(count, due, "failed or damaged copy",
                                                  "failed or damaged copies"));
    text_release(&line);
}

static void print_refused(const struct prune *prune)
{
    struct text lines;
    text_init(&lines, LINE_CEILING);
    (void)prune_is_refused(prune, &lines);
    for (const char *line = lines.data; *line != '\0';) {
        size_t length = strcspn(line, "\n");
        output_linef("REFUSED %.*s", (int)length, line);
        line += length + (line[length] == '\n');
    }
    text_release(&lines);
}

void prune_text_print(const struct prune *prune, bool all)
{
    for (size_t i = 0; i < prune->part_count; i++)
        print_part(prune, &prune->parts[i], all);
    print_skipped(prune);
    print_refused(prune);
    print_summary(prune);
}

/* ---- JSON ---- */

static void set(json_t *object, const char *key, json_t *value)
{
    (void)json_object_set_new(object, key, value);
}

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

static json_t *group_json(const struct prune_part *part, size_t index)
{
    const struct retention_group *group = &part->plan->groups[index];
    struct text rules;
    json_t *object = json_object();
    text_init(&rules, LINE_CEILING);
    retention_policy_text(&part->policy->retention, &rules);
    set(object, "group", json_bytes(group->name));
    set(object, "store", json_bytes(part->repository->name));
    set(object, "policy", json_string(part->policy->name));
    set(object, "rules", json_string(rules.data));
    set(object, "anchor", json_time(group->has_anchor ? group->anchor : 0));
    set(object, "complete", json_integer((json_int_t)group->complete));
    set(object, "keep", json_integer((json_int_t)group->kept));
    set(object, "prune", json_integer((json_int_t)(group->pruned - group->held)));
    set(object, "held", json_integer((json_int_t)group->held));
    set(object, "bytes", json_integer((json_int_t)group->pruned_bytes));
    set(object, "over_cap", json_boolean(group->over_cap));
    set(object, "guards", guards_json(part->guards[index]));
    text_release(&rules);
    return object;
}

static json_t *reasons_json(const struct prune_part *part, size_t index)
{
    struct strlist reasons = {0};
    json_t *list = json_array();
    retention_explain_list(part->plan, index, NULL, &reasons);
    for (size_t i = 0; i < reasons.count; i++)
        (void)json_array_append_new(list, json_bytes(reasons.items[i]));
    strlist_release(&reasons);
    return list;
}

static const char *verdict_word(const struct retention_decision *decision)
{
    switch ((enum retention_verdict)decision->verdict) {
    case RETENTION_KEEP:
        return "keep";
    case RETENTION_PRUNE:
        return decision->is_held ? "held" : "prune";
    case RETENTION_IGNORE:
        break;
    }
    return "ignore";
}

static json_t *copy_json(const struct prune *prune, const struct prune_part *part,
                         size_t index)
{
    const struct catalog_plan_row *row = part->rows[index];
    const struct remove_result *result = prune_result_of(prune, row->copy);
    json_t *object = json_object();
    set(object, "id", json_string(row->artifact));
    set(object, "group", json_bytes(row->group));
    set(object, "store", json_bytes(part->repository->name));
    set(object, "time", json_time(row->time));
    set(object, "bytes", json_integer((json_int_t)row->bytes));
    set(object, "verdict", json_string(verdict_word(&part->plan->decisions[index])));
    set(object, "reasons", reasons_json(part, index));
    set(object, "result",
        result ? json_string(remove_outcome_name(result->outcome)) : json_null());
    set(object, "error",
        result && result->reason[0] ? json_bytes(result->reason) : json_null());
    return object;
}

static json_t *skipped_json(const struct prune *prune)
{
    json_t *list = json_array();
    for (size_t i = 0; i < prune->stores.failure_count; i++) {
        json_t *object = json_object();
        set(object, "store", json_bytes(prune->stores.failures[i].name));
        set(object, "error", json_bytes(prune->stores.failures[i].err.text));
        (void)json_array_append_new(list, object);
    }
    return list;
}

json_t *prune_json(const struct prune *prune, bool dry_run)
{
    json_t *document = json_object(), *groups = json_array(), *copies = json_array();
    struct text refused;
    text_init(&refused, LINE_CEILING);
    bool is_refused = prune_is_refused(prune, &refused);
    for (size_t i = 0; i < prune->part_count; i++) {
        const struct prune_part *part = &prune->parts[i];
        for (size_t j = 0; j < part->plan->group_count; j++)
            (void)json_array_append_new(groups, group_json(part, j));
        for (size_t j = 0; j < part->count; j++)
            (void)json_array_append_new(
                copies, copy_json(prune, part, retention_plan_index(part->plan, j)));
    }
    set(document, "plan_hash", json_string(prune->hash));
    set(document, "dry_run", json_boolean(dry_run));
    set(document, "groups", groups);
    set(document, "copies", copies);
    set(document, "skipped", skipped_json(prune));
    set(document, "refused", is_refused ? json_bytes(refused.data) : json_null());
    text_release(&refused);
    return document;
}
