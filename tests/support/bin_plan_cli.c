/*
 * plan_cli - the planner of `prune` as a filter, so that any other program can be held
 * against it. One JSON object per line in (policy, now, artifacts of one store), one per
 * line out, in order. What cannot be read as a case answers {"error": "one sentence"} and
 * decides nothing.
 */
#include "base/clock.h"
#include "base/json.h"
#include "base/memory.h"
#include "retention/explain.h"
#include "retention/guard.h"
#include "retention/plan.h"

#define TEXT_MAX (64 * 1024)

struct plan_case {
    struct retention_policy policy;
    int64_t now;
    struct retention_artifact *artifacts;
    size_t count;
};

static int wrong_type(const char *key, const char *wanted, struct err *err)
{
    return err_set(err, ERR_CONFIG, "%s: %s is expected", key, wanted);
}

/* The text of a policy value as a configuration file would hold it; false: wrong type. */
static bool value_text(enum retention_kind kind, const json_t *value, struct text *out)
{
    switch (kind) {
    case RETENTION_KIND_COUNT:
    case RETENTION_KIND_SIZE:
        text_addf(out, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
        return json_is_integer(value);
    case RETENTION_KIND_DURATION:
    case RETENTION_KIND_ZONE:
        text_add(out, json_is_string(value) ? json_string_value(value) : "");
        return json_is_string(value);
    case RETENTION_KIND_FLAG:
        text_add(out, json_is_true(value) ? "true" : "false");
        return json_is_boolean(value);
    }
    return false;
}

static const char *kind_phrase(enum retention_kind kind)
{
    static const char *const phrases[] = {
        [RETENTION_KIND_COUNT] = "a whole number",
        [RETENTION_KIND_DURATION] = "a duration",
        [RETENTION_KIND_FLAG] = "true or false",
        [RETENTION_KIND_SIZE] = "a number of bytes",
        [RETENTION_KIND_ZONE] = "a time zone",
    };
    return phrases[kind];
}

/* Durations in configuration files know minutes and seconds too; those of the filter do
 * not. */
static int check_duration(const char *key, const char *text, struct err *err)
{
    struct duration ignored;
    if (parse_duration(text, false, &ignored, err) < 0) {
        err->kind = ERR_CONFIG;
        return err_context(err, "%s", key);
    }
    return 0;
}

static int read_policy_key(struct retention_policy *policy, const char *key,
                           const json_t *value, struct err *err)
{
    const struct retention_key *row = retention_policy_key(key);
    if (row == NULL)
        return err_set(err, ERR_CONFIG, "unknown policy key \"%s\"", key);
    struct text text;
    text_init(&text, TEXT_MAX);
    int result = 0;
    if (!value_text(row->kind, value, &text))
        result = wrong_type(key, kind_phrase(row->kind), err);
    else if (row->kind == RETENTION_KIND_DURATION)
        result = check_duration(key, text.data, err);
    if (result == 0)
        result = retention_policy_set(policy, key, text.data, err);
    text_release(&text);
    return result;
}

static int read_policy(struct retention_policy *policy, json_t *object, struct err *err)
{
    if (!json_is_object(object))
        return wrong_type("policy", "an object", err);
    const char *key;
    json_t *value;
    json_object_foreach(object, key, value)
    {
        if (read_policy_key(policy, key, value, err) < 0)
            return -1;
    }
    /* A case does not say when a plan first wanted something gone. */
    policy->delete_grace.months = 0;
    policy->delete_grace.seconds = 0;
    return 0;
}

static int read_text(const json_t *value, void *field, struct err *err)
{
    if (!json_is_string(value))
        return wrong_type("value", "a text", err);
    *(const char **)field = json_string_value(value);
    return 0;
}

static int read_int(const json_t *value, void *field, struct err *err)
{
    if (!json_is_integer(value))
        return wrong_type("value", "a whole number", err);
    *(int64_t *)field = json_integer_value(value);
    return 0;
}

static int read_size(const json_t *value, void *field, struct err *err)
{
    if (!json_is_integer(value) || json_integer_value(value) < 0)
        return wrong_type("value", "a number of bytes", err);
    *(uint64_t *)field = (uint64_t)json_integer_value(value);
    return 0;
}

static int read_state(const json_t *value, void *field, struct err *err)
{
    const char *name = json_is_string(value) ? json_string_value(value) : "";
    for (int state = RETENTION_COMPLETE; state <= RETENTION_MISSING; state++) {
        if (strcmp(retention_state_name((enum retention_state)state), name) == 0) {
            *(enum retention_state *)field = (enum retention_state)state;
            return 0;
        }
    }
    return wrong_type("value", "complete, running, failed, damaged or missing", err);
}

/* The names stay the JSON's; the list is the case's. */
static int read_pending(const json_t *value, void *field, struct err *err)
{
    if (!json_is_array(value))
        return wrong_type("value", "a list of stores", err);
    size_t count = json_array_size(value);
    const char **names = memory_array(count + 1, sizeof(*names));
    *(const char *const **)field = names;
    for (size_t i = 0; i < count; i++) {
        if (read_text(json_array_get(value, i), &names[i], err) < 0)
            return -1;
    }
    return 0;
}

static const struct field {
    const char *key;
    int (*read)(const json_t *value, void *field, struct err *err);
    size_t offset;
    bool is_required;
} fields[] = {
    {"id", read_text, offsetof(struct retention_artifact, id), true},
    {"group", read_text, offsetof(struct retention_artifact, group), true},
    {"state", read_state, offsetof(struct retention_artifact, state), true},
    {"seq", read_int, offsetof(struct retention_artifact, seq), false},
    {"size", read_size, offsetof(struct retention_artifact, size), false},
    {"pending", read_pending, offsetof(struct retention_artifact, pending), false},
};

static const struct {
    const char *key;
    enum retention_flag flag;
} flags[] = {
    {"verified", RETENTION_VERIFIED},       {"pinned", RETENTION_PINNED},
    {"leased", RETENTION_LEASED},           {"suspect", RETENTION_SUSPECT},
    {"quarantined", RETENTION_QUARANTINED},
};

static int read_time(struct retention_artifact *artifact, const json_t *value,
                     struct err *err)
{
    if (json_is_null(value))
        return 0;
    if (!json_is_string(value))
        return wrong_type("time", "a time or null", err);
    artifact->has_time = true;
    return clock_parse(json_string_value(value), &artifact->time, err);
}

static int read_member(struct retention_artifact *artifact, const char *key,
                       const json_t *value, struct err *err)
{
    if (strcmp(key, "time") == 0)
        return read_time(artifact, value, err);
    for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
        if (strcmp(key, fields[i].key) == 0) {
            int result = fields[i].read(value, (char *)artifact + fields[i].offset, err);
            return result < 0 ? err_context(err, "%s", key) : 0;
        }
    }
    for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
        if (strcmp(key, flags[i].key) != 0)
            continue;
        if (!json_is_boolean(value))
            return wrong_type(key, "true or false", err);
        artifact->flags |= json_is_true(value) ? (unsigned)flags[i].flag : 0;
        return 0;
    }
    return err_set(err, ERR_CONFIG, "unknown key \"%s\"", key);
}

static int read_artifact(struct retention_artifact *artifact, json_t *object,
                         struct err *err)
{
    if (!json_is_object(object))
        return wrong_type("artifact", "an object", err);
    const char *key;
    json_t *value;
    json_object_foreach(object, key, value)
    {
        if (read_member(artifact, key, value, err) < 0)
            return -1;
    }
    for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
        if (fields[i].is_required && json_object_get(object, fields[i].key) == NULL)
            return err_set(err, ERR_CONFIG, "\"%s\" is missing", fields[i].key);
    }
    return 0;
}

static int compare_ids(const void *left, const void *right)
{
    return strcmp(*(const char *const *)left, *(const char *const *)right);
}

/* An answer could not say which of two it means. */
static int check_ids(const struct plan_case *plan_case, struct err *err)
{
    const char **ids = memory_array(plan_case->count, sizeof(*ids));
    for (size_t i = 0; i < plan_case->count; i++)
        ids[i] = plan_case->artifacts[i].id;
    qsort(ids, plan_case->count, sizeof(*ids), compare_ids);
    int result = 0;
    for (size_t i = 1; i < plan_case->count && result == 0; i++) {
        if (strcmp(ids[i - 1], ids[i]) == 0)
            result = err_set(err, ERR_CONFIG, "id \"%s\" stands there twice", ids[i]);
    }
    free(ids);
    return result;
}

static int read_artifacts(struct plan_case *plan_case, json_t *list, struct err *err)
{
    if (!json_is_array(list))
        return wrong_type("artifacts", "a list", err);
    plan_case->count = json_array_size(list);
    plan_case->artifacts = memory_array(plan_case->count, sizeof(*plan_case->artifacts));
    for (size_t i = 0; i < plan_case->count; i++) {
        if (read_artifact(&plan_case->artifacts[i], json_array_get(list, i), err) < 0)
            return err_context(err, "artifact %zu", i + 1);
    }
    return check_ids(plan_case, err);
}

static int read_case(struct plan_case *plan_case, json_t *root, struct err *err)
{
    static const char *const keys[] = {"policy", "now", "artifacts"};
    if (!json_is_object(root))
        return wrong_type("case", "an object", err);
    size_t known = 0;
    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        if (json_object_get(root, keys[i]) == NULL)
            return err_set(err, ERR_CONFIG, "\"%s\" is missing", keys[i]);
        known++;
    }
    if (json_object_size(root) != known)
        return err_set(err, ERR_CONFIG, "a case is only policy, now and artifacts");
    json_t *now = json_object_get(root, "now");
    if (!json_is_string(now))
        return wrong_type("now", "a time", err);
    if (clock_parse(json_string_value(now), &plan_case->now, err) < 0)
        return err_context(err, "now");
    if (read_policy(&plan_case->policy, json_object_get(root, "policy"), err) < 0)
        return -1;
    return read_artifacts(plan_case, json_object_get(root, "artifacts"), err);
}

static void release_case(struct plan_case *plan_case)
{
    for (size_t i = 0; plan_case->artifacts != NULL && i < plan_case->count; i++)
        free((void *)(uintptr_t)plan_case->artifacts[i].pending);
    free(plan_case->artifacts);
    retention_policy_release(&plan_case->policy);
}

static json_t *decision_json(const struct retention_plan *plan, size_t index)
{
    struct strlist texts = {0};
    retention_explain_list(plan, index, NULL, &texts);
    json_t *reasons = json_array();
    for (size_t i = 0; i < texts.count; i++)
        json_array_append_new(reasons, json_bytes(texts.items[i]));
    strlist_release(&texts);
    return json_pack("{s:s, s:o}", "id", plan->artifacts[index].id, "reasons", reasons);
}

static json_t *refused_json(const struct retention_plan *plan)
{
    static const enum retention_guard guards[] = {RETENTION_GUARD_MANY,
                                                  RETENTION_GUARD_SUSPECT};
    json_t *refused = json_object();
    for (size_t i = 0; i < plan->group_count; i++) {
        unsigned refusing = retention_guard_group(plan, &plan->groups[i]);
        if (refusing == 0)
            continue;
        json_t *names = json_array();
        for (size_t g = 0; g < sizeof(guards) / sizeof(guards[0]); g++) {
            if ((refusing & guards[g]) != 0)
                json_array_append_new(names, json_string(retention_guard_name(guards[g])));
        }
        json_object_set_new(refused, plan->groups[i].name, names);
    }
    return refused;
}

static json_t *plan_json(const struct retention_plan *plan)
{
    json_t *lists[] = {json_array(), json_array(), json_array()};
    for (size_t i = 0; i < plan->count; i++) {
        size_t index = retention_plan_index(plan, i);
        json_array_append_new(lists[plan->decisions[index].verdict],
                              decision_json(plan, index));
    }
    return json_pack("{s:o, s:o, s:o, s:o, s:n}", "keep", lists[RETENTION_KEEP], "remove",
                     lists[RETENTION_PRUNE], "ignore", lists[RETENTION_IGNORE], "refused",
                     refused_json(plan), "error");
}

/* The sentence only, without the hint on its second line. */
static json_t *error_json(const struct err *err)
{
    struct text text;
    text_init(&text, 4 * sizeof(err->text));
    text_add_printable(&text, err->text, strcspn(err->text, "\n"));
    json_t *object = json_pack("{s:o}", "error", json_bytes(text.data));
    text_release(&text);
    return object;
}

static json_t *answer(const char *line, size_t length)
{
    struct err err = {0};
    json_t *root = json_parse(line, length, &err);
    if (root == NULL)
        return error_json(&err);
    struct plan_case plan_case = {.now = 0};
    retention_policy_init(&plan_case.policy);
    struct retention_plan *plan = NULL;
    if (read_case(&plan_case, root, &err) == 0)
        plan = retention_plan_new(&plan_case.policy, plan_case.now, plan_case.artifacts,
                                  plan_case.count, &err);
    json_t *result = plan == NULL ? error_json(&err) : plan_json(plan);
    retention_plan_free(plan);
    release_case(&plan_case);
    json_decref(root);
    return result;
}

int main(void)
{
    char *line = NULL;
    size_t capacity = 0;
    ssize_t length = 0;
    while ((length = getline(&line, &capacity, stdin)) > 0) {
        if (line[length - 1] == '\n')
            length--;
        json_t *result = answer(line, (size_t)length);
        char *text = json_text(result, false);
        json_decref(result);
        bool is_written = puts(text) >= 0 && fflush(stdout) == 0;
        free(text);
        if (!is_written) {
            free(line);
            return 1;
        }
    }
    free(line);
    return ferror(stdin) ? 1 : 0;
}
