#include "tests/support/planning.h"

#include "base/clock.h"
#include "base/memory.h"

#define NAME_SIZE 32

static struct tm local_fields(int64_t time)
{
    time_t clock = (time_t)time;
    struct tm fields;
    if (localtime_r(&clock, &fields) == NULL)
        abort();
    return fields;
}

static int64_t fields_seconds(const struct tm *f)
{
    return clock_from_civil((int64_t)f->tm_year + 1900, f->tm_mon + 1, f->tm_mday,
                            f->tm_hour * 3600 + f->tm_min * 60 + f->tm_sec);
}

/* A period as a text that sorts as periods do. */
static void period_name(int rule, int64_t time, char name[NAME_SIZE])
{
    struct tm fields = local_fields(time);
    size_t length = 1;
    if (rule == RETENTION_HOURLY) /* the UTC second at which the local hour began */
        snprintf(name, NAME_SIZE, "%020lld",
                 (long long)(time - fields.tm_min * 60 - fields.tm_sec));
    else if (rule == RETENTION_DAILY)
        length = strftime(name, NAME_SIZE, "%Y-%m-%d", &fields);
    else if (rule == RETENTION_WEEKLY)
        length = strftime(name, NAME_SIZE, "%G-W%V", &fields);
    else if (rule == RETENTION_MONTHLY)
        length = strftime(name, NAME_SIZE, "%Y-%m", &fields);
    else
        length = strftime(name, NAME_SIZE, "%Y", &fields);
    if (length == 0)
        abort();
}

/* Every instant at which clocks show this local time, by trying all offsets in minutes. */
static size_t instants(int64_t local, int64_t found[2])
{
    size_t count = 0;
    for (int64_t minutes = -15 * 60; minutes <= 15 * 60 && count < 2; minutes++) {
        int64_t time = local + minutes * 60;
        struct tm fields = local_fields(time);
        if (fields_seconds(&fields) == local)
            found[count++] = time;
    }
    return count;
}

static int64_t minus_months(int64_t anchor, int32_t months)
{
    struct tm fields = local_fields(anchor);
    int64_t own[2], found[2];
    bool is_second = instants(fields_seconds(&fields), own) == 2 && anchor == own[1];
    for (int32_t i = 0; i < months; i++) {
        fields.tm_year -= fields.tm_mon == 0 ? 1 : 0;
        fields.tm_mon = fields.tm_mon == 0 ? 11 : fields.tm_mon - 1;
    }
    static const int lengths[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    int year = fields.tm_year + 1900;
    bool is_leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    int length = lengths[fields.tm_mon] + (is_leap && fields.tm_mon == 1 ? 1 : 0);
    fields.tm_mday = fields.tm_mday > length ? length : fields.tm_mday;
    int64_t local = fields_seconds(&fields);
    size_t count = instants(local, found);
    if (count > 0)
        return found[count == 2 && is_second ? 1 : 0];
    int64_t time = local - 16 * 3600; /* a gap: walk up to it */
    for (;;) {
        fields = local_fields(time + 60);
        if (fields_seconds(&fields) > local)
            break;
        time += 60;
    }
    fields = local_fields(time);
    return local - (fields_seconds(&fields) - time);
}

static bool is_newer(const struct retention_artifact *a, const struct retention_artifact *b)
{
    if (a->time != b->time)
        return a->time > b->time;
    return a->seq != b->seq ? a->seq > b->seq : strcmp(a->id, b->id) > 0;
}

/* One group: its eligible artifacts, newest first, and what has been said about them. */
struct naive {
    const struct planning *planning;
    const char *group;
    const struct retention_artifact *eligible[64];
    size_t count;
    bool keep[64], is_protected[64];
};

static bool is_aside(const struct planning *planning, const struct retention_artifact *a)
{
    return (a->flags & RETENTION_QUARANTINED) != 0 || !a->has_time ||
           a->time > planning->now + planning->policy.future_tolerance.seconds;
}

static void collect(struct naive *naive)
{
    const struct planning *planning = naive->planning;
    for (size_t i = 0; i < planning->count; i++) {
        const struct retention_artifact *a = &planning->artifacts[i];
        if (strcmp(a->group, naive->group) != 0 || a->state != RETENTION_COMPLETE ||
            is_aside(planning, a))
            continue;
        size_t at = naive->count++;
        for (; at > 0 && is_newer(a, naive->eligible[at - 1]); at--)
            naive->eligible[at] = naive->eligible[at - 1];
        naive->eligible[at] = a;
    }
}

/* The newest of each period, at most `slots` of them, not older than the cut-off. Returns
 * the slots that stay free. */
static int64_t keep_periods(struct naive *naive, int rule, int64_t slots, int64_t cutoff)
{
    char last[NAME_SIZE] = "~", name[NAME_SIZE];
    for (size_t i = 0; i < naive->count && slots > 0; i++) {
        if (naive->eligible[i]->time < cutoff)
            break;
        if (rule != RETENTION_LAST) {
            period_name(rule, naive->eligible[i]->time, name);
            if (strcmp(name, last) >= 0)
                continue;
            memcpy(last, name, sizeof(last));
        }
        naive->keep[i] = true;
        slots--;
    }
    return slots;
}

static void keep_by_rules(struct naive *naive)
{
    const struct retention_policy *policy = &naive->planning->policy;
    bool is_on = policy->keep_days > 0, is_free = false;
    int64_t anchor = naive->eligible[0]->time;
    for (int rule = 0; rule < RETENTION_RULES; rule++) {
        if (policy->keep[rule] > 0) {
            is_on = true;
            is_free =
                keep_periods(naive, rule, policy->keep[rule], INT64_MIN) > 0 || is_free;
        }
        if (policy->has_within[rule]) {
            is_on = true;
            int64_t cutoff = minus_months(anchor, policy->within[rule].months) -
                             policy->within[rule].seconds;
            keep_periods(naive, rule, INT64_MAX, cutoff);
        }
    }
    if (policy->keep_days > 0)
        keep_periods(naive, RETENTION_LAST, INT64_MAX, anchor - policy->keep_days * 86400);
    for (size_t i = 0; i < naive->count && !is_on; i++)
        naive->keep[i] = true;
    if (policy->keep_oldest && is_free)
        naive->keep[naive->count - 1] = true;
}

static void protect(struct naive *naive)
{
    size_t newest = 0, verified = naive->count;
    for (size_t i = 0; i < naive->count; i++) {
        const struct retention_artifact *a = naive->eligible[i];
        if (a->seq > naive->eligible[newest]->seq)
            newest = i;
        if ((a->flags & RETENTION_VERIFIED) != 0 && verified == naive->count)
            verified = i;
        bool is_waited_for = a->pending != NULL && a->pending[0] != NULL;
        if ((int64_t)i < naive->planning->policy.min_keep || is_waited_for ||
            (a->flags & (RETENTION_PINNED | RETENTION_LEASED)) != 0)
            naive->is_protected[i] = true;
    }
    naive->is_protected[newest] = true;
    if (verified < naive->count)
        naive->is_protected[verified] = true;
    for (size_t i = 0; i < naive->count; i++)
        naive->keep[i] = naive->keep[i] || naive->is_protected[i];
}

static void keep_to_size(struct naive *naive)
{
    const struct planning *planning = naive->planning;
    uint64_t total = 0;
    for (size_t i = 0; i < planning->count; i++) {
        const struct retention_artifact *a = &planning->artifacts[i];
        if (strcmp(a->group, naive->group) == 0 && a->state == RETENTION_COMPLETE &&
            is_aside(planning, a))
            total += a->size;
    }
    for (size_t i = 0; i < naive->count; i++)
        total += naive->keep[i] ? naive->eligible[i]->size : 0;
    for (size_t i = naive->count; i-- > 0 && total > planning->policy.max_total_size;) {
        if (!naive->keep[i] || naive->is_protected[i])
            continue;
        naive->keep[i] = false;
        total -= naive->eligible[i]->size;
    }
}

static void naive_group(const struct planning *planning, const char *group,
                        uint8_t *verdicts)
{
    struct naive naive = {.planning = planning, .group = group};
    collect(&naive);
    if (naive.count == 0)
        return;
    keep_by_rules(&naive);
    protect(&naive);
    if (planning->policy.max_total_size > 0)
        keep_to_size(&naive);
    for (size_t i = 0; i < naive.count; i++)
        verdicts[naive.eligible[i] - planning->artifacts] =
            naive.keep[i] ? RETENTION_KEEP : RETENTION_PRUNE;
}

void planning_naive(const struct planning *planning, uint8_t *verdicts)
{
    setenv("TZ", zone_name(planning->policy.zone), 1);
    tzset();
    for (size_t i = 0; i < planning->count; i++) {
        const struct retention_artifact *a = &planning->artifacts[i];
        verdicts[i] = a->state == RETENTION_COMPLETE ? RETENTION_KEEP : RETENTION_IGNORE;
    }
    for (size_t i = 0; i < planning->count; i++) {
        bool is_first = true;
        for (size_t j = 0; j < i && is_first; j++)
            is_first =
                strcmp(planning->artifacts[i].group, planning->artifacts[j].group) != 0;
        if (is_first)
            naive_group(planning, planning->artifacts[i].group, verdicts);
    }
}
