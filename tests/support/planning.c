#include "tests/support/planning.h"

#include "base/clock.h"
#include "base/memory.h"
#include "tests/support/utc.h"

static void check(int result, const struct err *err)
{
    if (result == 0)
        return;
    fprintf(stderr, "planning: %s\n", err->text);
    exit(1);
}

void planning_set_policy(struct planning *planning, const char *policy)
{
    struct err err = {0};
    retention_policy_release(&planning->policy);
    retention_policy_init(&planning->policy);
    while (*policy != '\0') {
        size_t key_length = strcspn(policy, "=");
        size_t length = strcspn(policy, " ");
        char *key = memory_strndup(policy, key_length);
        char *value = memory_strndup(policy + key_length + 1, length - key_length - 1);
        check(retention_policy_set(&planning->policy, key, value, &err), &err);
        free(key);
        free(value);
        policy += length + strspn(policy + length, " ");
    }
}

void planning_init(struct planning *planning, const char *policy, const char *now)
{
    memset(planning, 0, sizeof(*planning));
    retention_policy_init(&planning->policy);
    planning_set_policy(planning, policy);
    planning->now = utc(now);
}

void planning_release(struct planning *planning)
{
    retention_plan_free(planning->plan);
    strlist_release(&planning->ids);
    free(planning->artifacts);
    retention_policy_release(&planning->policy);
    memset(planning, 0, sizeof(*planning));
}

static struct retention_artifact *add(struct planning *planning, const char *id)
{
    strlist_add(&planning->ids, id);
    memory_grow(&planning->artifacts, &planning->capacity, planning->count + 1,
                sizeof(*planning->artifacts));
    struct retention_artifact *artifact = &planning->artifacts[planning->count++];
    memset(artifact, 0, sizeof(*artifact));
    artifact->id = planning->ids.items[planning->ids.count - 1];
    artifact->group = "g";
    artifact->seq = (int64_t)planning->count;
    artifact->size = 100;
    return artifact;
}

struct retention_artifact *planning_add(struct planning *planning, const char *id,
                                        const char *time)
{
    struct retention_artifact *artifact = add(planning, id);
    artifact->has_time = time != NULL;
    artifact->time = time == NULL ? 0 : utc(time);
    return artifact;
}

struct retention_artifact *planning_add_at(struct planning *planning, int64_t time)
{
    char id[PLANNING_ID_SIZE];
    snprintf(id, sizeof(id), "a%04zu", planning->count + 1);
    struct retention_artifact *artifact = add(planning, id);
    artifact->has_time = true;
    artifact->time = time;
    return artifact;
}

void planning_copy(struct planning *planning, const struct planning *from)
{
    memset(planning, 0, sizeof(*planning));
    planning->policy = from->policy;
    struct err err = {0};
    planning->policy.zone = zone_load(zone_name(from->policy.zone), &err);
    check(planning->policy.zone == NULL ? -1 : 0, &err);
    planning->now = from->now;
    for (size_t i = 0; i < from->count; i++) {
        struct retention_artifact *artifact = add(planning, from->artifacts[i].id);
        const char *id = artifact->id;
        *artifact = from->artifacts[i];
        artifact->id = id;
    }
}

void planning_remove(struct planning *planning, size_t index)
{
    planning->count--;
    memmove(&planning->artifacts[index], &planning->artifacts[index + 1],
            (planning->count - index) * sizeof(*planning->artifacts));
}

void planning_run(struct planning *planning)
{
    struct err err = {0};
    retention_plan_free(planning->plan);
    planning->plan = retention_plan_new(&planning->policy, planning->now,
                                        planning->artifacts, planning->count, &err);
    check(planning->plan == NULL ? -1 : 0, &err);
}

size_t planning_index(const struct planning *planning, const char *id)
{
    for (size_t i = 0; i < planning->count; i++) {
        if (strcmp(planning->artifacts[i].id, id) == 0)
            return i;
    }
    fprintf(stderr, "planning: no artifact %s\n", id);
    exit(1);
}

bool planning_keeps(const struct planning *planning, size_t index)
{
    return planning->plan->decisions[index].verdict == RETENTION_KEEP;
}

const char *planning_verdict(const struct planning *planning, const char *id)
{
    static const char *const words[] = {"keep", "remove", "ignore"};
    return words[planning->plan->decisions[planning_index(planning, id)].verdict];
}

char *planning_reasons(const struct planning *planning, const char *id)
{
    struct text text;
    text_init(&text, 4096);
    retention_explain_text(planning->plan, planning_index(planning, id), NULL, &text);
    char *reasons = text_take(&text);
    text_release(&text);
    return reasons;
}

char *planning_kept(const struct planning *planning)
{
    struct text text;
    text_init(&text, 1024 * 1024);
    for (size_t i = 0; i < planning->count; i++) {
        size_t index = retention_plan_index(planning->plan, i);
        if (!planning_keeps(planning, index))
            continue;
        text_add(&text, text.length == 0 ? "" : " ");
        text_add(&text, planning->artifacts[index].id);
    }
    char *kept = text_take(&text);
    text_release(&text);
    return kept;
}
