/*
 * The table of keys (RETENTION section 2) decides everything: what a key takes, its least
 * value, where it goes. A key that is absent and a count of 0 are both "off", and a policy
 * with nothing on keeps everything: a forgotten line must never read as "delete" (section 1,
 * no. 3).
 */
#include "retention/policy.h"

#include "base/memory.h"

/* What follows a key's name in its row: kind, least value, place, switch. */
#define PLAIN(kind, least, member)                                                         \
    kind, least, offsetof(struct retention_policy, member), RETENTION_NO_SWITCH
#define COUNT(member) PLAIN(RETENTION_KIND_COUNT, 0, member)
#define SPAN(member) PLAIN(RETENTION_KIND_DURATION, 0, member)
#define WITHIN(rule)                                                                       \
    RETENTION_KIND_DURATION, 0, offsetof(struct retention_policy, within[rule]),           \
        offsetof(struct retention_policy, has_within[rule])

/* The order is that of retention_policy_text. The rows of a rule stand in the order of enum
 * retention_rule, because explain and the plan name rules by it. */
const struct retention_key retention_policy_keys[] = {
    {"keep_last", COUNT(keep[RETENTION_LAST])},
    {"keep_hourly", COUNT(keep[RETENTION_HOURLY])},
    {"keep_daily", COUNT(keep[RETENTION_DAILY])},
    {"keep_weekly", COUNT(keep[RETENTION_WEEKLY])},
    {"keep_monthly", COUNT(keep[RETENTION_MONTHLY])},
    {"keep_yearly", COUNT(keep[RETENTION_YEARLY])},
    {"keep_within", WITHIN(RETENTION_LAST)},
    {"keep_within_hourly", WITHIN(RETENTION_HOURLY)},
    {"keep_within_daily", WITHIN(RETENTION_DAILY)},
    {"keep_within_weekly", WITHIN(RETENTION_WEEKLY)},
    {"keep_within_monthly", WITHIN(RETENTION_MONTHLY)},
    {"keep_within_yearly", WITHIN(RETENTION_YEARLY)},
    /* 0 days or a floor of 0 could only be meant as "delete everything". */
    {"keep_days", PLAIN(RETENTION_KIND_COUNT, 1, keep_days)},
    {"keep_oldest", PLAIN(RETENTION_KIND_FLAG, 0, keep_oldest)},
    {"max_total_size", PLAIN(RETENTION_KIND_SIZE, 0, max_total_size)},
    {"min_keep", PLAIN(RETENTION_KIND_COUNT, 1, min_keep)},
    {"future_tolerance", SPAN(future_tolerance)},
    {"failed_keep", SPAN(failed_keep)},
    {"damaged_keep", SPAN(damaged_keep)},
    {"delete_grace", SPAN(delete_grace)},
    {"guard_percent", COUNT(guard_percent)},
    {"guard_min_count", COUNT(guard_min_count)},
    {"timezone", PLAIN(RETENTION_KIND_ZONE, 0, zone)},
};
const size_t retention_policy_key_count =
    sizeof(retention_policy_keys) / sizeof(retention_policy_keys[0]);

/* Asked when a configuration is read: a table of two dozen needs no index. */
const struct retention_key *retention_policy_key(const char *name)
{
    for (size_t i = 0; i < retention_policy_key_count; i++) {
        if (strcmp(retention_policy_keys[i].name, name) == 0)
            return &retention_policy_keys[i];
    }
    return NULL;
}

/* Section 2, column "default"; all else is off, which is 0. */
static void set_defaults(struct retention_policy *policy)
{
    memset(policy, 0, sizeof(*policy));
    policy->min_keep = 1;
    policy->future_tolerance.seconds = 15 * 60;
    policy->failed_keep.seconds = 7 * 86400;
    policy->damaged_keep.seconds = 30 * 86400;
    policy->guard_percent = 50;
    policy->guard_min_count = 3;
}

void retention_policy_init(struct retention_policy *policy)
{
    set_defaults(policy);
    struct err err = {0};
    policy->zone = zone_load("UTC", &err); /* needs no file */
}

void retention_policy_release(struct retention_policy *policy)
{
    zone_free(policy->zone);
    policy->zone = NULL;
}

/* The old one stays when there is none of this name: the policy can still be released. */
static int set_zone(struct zone **zone, const char *value, struct err *err)
{
    struct zone *loaded = zone_load(value, err);
    if (loaded == NULL)
        return -1;
    zone_free(*zone);
    *zone = loaded;
    return 0;
}

/* parse.h refuses negative numbers, unknown units and rests: each would be a way to say
 * "delete everything" by accident. */
static int set_field(const struct retention_key *key, void *field, const char *value,
                     struct err *err)
{
    switch (key->kind) {
    case RETENTION_KIND_COUNT:
        return parse_int(value, key->min, INT64_MAX, field, err);
    case RETENTION_KIND_DURATION:
        return parse_duration(value, true, field, err);
    case RETENTION_KIND_FLAG:
        return parse_bool(value, field, err);
    case RETENTION_KIND_SIZE:
        return parse_size(value, field, err);
    case RETENTION_KIND_ZONE:
        return set_zone(field, value, err);
    }
    return err_set(err, ERR_CONFIG, "unknown kind of key");
}

int retention_policy_set(struct retention_policy *policy, const char *key,
                         const char *value, struct err *err)
{
    const struct retention_key *row = retention_policy_key(key);
    /* A misspelt key is never ignored: it would be a rule that is missing. */
    if (row == NULL) {
        const char *names[sizeof(retention_policy_keys) / sizeof(retention_policy_keys[0])];
        for (size_t i = 0; i < retention_policy_key_count; i++)
            names[i] = retention_policy_keys[i].name;
        err_set(err, ERR_CONFIG, "unknown policy key \"%s\"", key);
        const char *nearest = text_nearest(key, names, retention_policy_key_count);
        return nearest == NULL ? -1 : err_hint(err, "did you mean \"%s\"?", nearest);
    }

    /* Whatever is wrong with it, it stands in the configuration. */
    if (set_field(row, (char *)policy + row->offset, value, err) < 0) {
        err->kind = ERR_CONFIG;
        return err_context(err, "%s", key);
    }
    /* Of durations 0 is a value ("what is as new as the newest"): a switch says that it is
     * set. */
    if (row->switch_offset != RETENTION_NO_SWITCH)
        *(bool *)((char *)policy + row->switch_offset) = true;
    return 0;
}

/* Section 9: "a policy is on when any of keep_last … keep_yearly > 0, keep_within,
 * keep_within_*, keep_days is set". */
bool retention_policy_is_on(const struct retention_policy *policy)
{
    for (int rule = 0; rule < RETENTION_RULES; rule++) {
        if (policy->keep[rule] > 0 || policy->has_within[rule])
            return true;
    }
    return policy->keep_days > 0;
}

/* The part that is whole units; the rest comes back. */
static int64_t add_units(int64_t amount, int64_t unit, const char *name, struct text *out)
{
    if (amount >= unit)
        text_addf(out, "%lld%s", (long long)(amount / unit), name);
    return amount % unit;
}

void retention_duration_text(struct duration duration, struct text *out)
{
    static const struct {
        int64_t seconds;
        const char *name;
    } units[] = {{7 * 86400, "w"}, {86400, "d"}, {3600, "h"}, {60, "min"}, {1, "s"}};
    if (duration.months == 0 && duration.seconds == 0)
        text_add(out, "0h");
    /* Months and seconds do not convert into each other: a month has no fixed length. */
    add_units(add_units(duration.months, 12, "y", out), 1, "mo", out);
    int64_t rest = duration.seconds;
    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++)
        rest = add_units(rest, units[i].seconds, units[i].name, out);
}

/* Exact, so that the text names the very policy. */
static void add_size(uint64_t bytes, struct text *out)
{
    static const char *const units[] = {"", "KiB", "MiB", "GiB", "TiB"};
    size_t unit = 0;
    while (unit + 1 < sizeof(units) / sizeof(units[0]) && bytes > 0 && bytes % 1024 == 0) {
        bytes /= 1024;
        unit++;
    }
    text_addf(out, "%llu%s", (unsigned long long)bytes, units[unit]);
}

/* The way retention_policy_set takes it. */
static void add_value(const struct retention_key *key, const void *field, struct text *out)
{
    if (key->kind == RETENTION_KIND_COUNT)
        text_addf(out, "%lld", (long long)*(const int64_t *)field);
    else if (key->kind == RETENTION_KIND_DURATION)
        retention_duration_text(*(const struct duration *)field, out);
    else if (key->kind == RETENTION_KIND_SIZE)
        add_size(*(const uint64_t *)field, out);
    else
        text_add(out, *(const bool *)field ? "true" : "false");
}

/* A zone is not compared: it is always shown, at the end. */
static bool is_default(const struct retention_key *key, const void *field,
                       const void *initial)
{
    switch (key->kind) {
    case RETENTION_KIND_COUNT:
        return *(const int64_t *)field == *(const int64_t *)initial;
    case RETENTION_KIND_SIZE:
        return *(const uint64_t *)field == *(const uint64_t *)initial;
    case RETENTION_KIND_FLAG:
        return *(const bool *)field == *(const bool *)initial;
    case RETENTION_KIND_DURATION: {
        const struct duration *one = field, *other = initial;
        return one->months == other->months && one->seconds == other->seconds;
    }
    case RETENTION_KIND_ZONE:
        break;
    }
    return false;
}

void retention_policy_text(const struct retention_policy *policy, struct text *out)
{
    struct retention_policy initial;
    set_defaults(&initial);
    for (size_t i = 0; i < retention_policy_key_count; i++) {
        const struct retention_key *key = &retention_policy_keys[i];
        const char *field = (const char *)policy + key->offset;
        /* What is on, and what differs from the default. min_keep is the floor under all of
         * it and always shown. */
        bool is_shown = !is_default(key, field, (const char *)&initial + key->offset);
        if (key->switch_offset != RETENTION_NO_SWITCH)
            is_shown = *(const bool *)((const char *)policy + key->switch_offset);
        if (key->offset == offsetof(struct retention_policy, min_keep))
            is_shown = true;
        if (key->kind == RETENTION_KIND_ZONE || !is_shown)
            continue;
        text_add(out, key->name + (text_starts_with(key->name, "keep_") ? 5 : 0));
        text_add_char(out, '=');
        add_value(key, field, out);
        text_add_char(out, ' ');
    }
    text_add(out, zone_name(policy->zone));
}
