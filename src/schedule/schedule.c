/*
 * A cron line is searched on the local calendar, minute by matching minute, and each is turned
 * into an instant. Instants grow with local times - a gap maps to its end, a time that is shown
 * twice to its first instant - so the first one after `after` is the answer.
 */
#include "schedule/schedule.h"

#include "base/memory.h"
#include "base/zone/zone.h"
#include "schedule/cron.h"

struct schedule {
    struct cron cron;
    struct zone *zone; /* NULL: there is no cron line */
    int64_t every_s;   /* 0: a cron line, or nothing at all */
    int64_t delay_s;
};

/* FNV-1a over host, NUL and job, then stirred (its high bits alone are good): stable for ever,
 * since a job should not move when pgkeep is updated. */
static int64_t delay_of(const struct schedule_spec *spec)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    const char *const parts[] = {spec->host, spec->job};
    if (spec->jitter_s <= 0)
        return 0;
    for (size_t i = 0; i < 2; i++) {
        const unsigned char *at = (const unsigned char *)parts[i];
        do
            hash = (hash ^ *at) * UINT64_C(0x100000001b3);
        while (*at++ != '\0');
    }
    hash ^= hash >> 32;
    hash *= UINT64_C(0xd6e8feb86659fd93);
    hash ^= hash >> 32;
    return (int64_t)(hash % (uint64_t)spec->jitter_s);
}

struct schedule *schedule_new(const struct schedule_spec *spec, struct err *err)
{
    struct schedule *schedule = memory_zalloc(sizeof *schedule);
    schedule->every_s = spec->cron == NULL ? spec->every_s : 0;
    schedule->delay_s = delay_of(spec);
    if (spec->cron == NULL)
        return schedule;
    if (cron_parse(spec->cron, &schedule->cron, err) == 0)
        schedule->zone = zone_load(spec->timezone ? spec->timezone : "UTC", err);
    if (schedule->zone != NULL)
        return schedule;
    schedule_free(schedule);
    return NULL;
}

void schedule_free(struct schedule *schedule)
{
    if (schedule == NULL)
        return;
    zone_free(schedule->zone);
    free(schedule);
}

/* Without the delay. */
static int64_t next_of_cron(const struct schedule *schedule, int64_t after)
{
    /* From what clocks show now; what they showed before has been dealt with. */
    int64_t local = after + zone_span(schedule->zone, after).offset;
    for (;;) {
        local = cron_next(&schedule->cron, local);
        if (local == CRON_NEVER)
            return SCHEDULE_NEVER;
        struct zone_reading reading = zone_read_local(schedule->zone, local);
        int64_t time = reading.count == 0 ? reading.change : reading.first;
        if (time > after)
            return time;
        /* It was run in the first pass of an overlap, or at the end of a gap. */
        local += 60;
    }
}

int64_t schedule_next(const struct schedule *schedule, int64_t after)
{
    /* The delay is taken off before and put on behind: the line itself knows none. */
    if (schedule->zone != NULL) {
        int64_t next = next_of_cron(schedule, after - schedule->delay_s);
        return next == SCHEDULE_NEVER ? next : next + schedule->delay_s;
    }
    return schedule->every_s > 0 ? after + schedule->every_s : SCHEDULE_NEVER;
}

int64_t schedule_last(const struct schedule *schedule, int64_t after, int64_t now)
{
    if (schedule->every_s > 0)
        return after >= now ? after : now - (now - after) % schedule->every_s;
    /* By halves: of a time in between either the next one is still past, or all later ones are
     * ahead. So ten years of missed minutes cost forty steps. */
    if (schedule_next(schedule, after) > now)
        return after;
    int64_t low = after, high = now; /* next(low) <= now < next(high) */
    while (high - low > 1) {
        int64_t middle = low + (high - low) / 2;
        if (schedule_next(schedule, middle) <= now)
            low = middle;
        else
            high = middle;
    }
    return schedule_next(schedule, low);
}

bool schedule_is_span(const struct schedule *schedule)
{
    return schedule->every_s > 0;
}

int64_t schedule_every(const struct schedule *schedule)
{
    return schedule->every_s;
}

int64_t schedule_delay(const struct schedule *schedule)
{
    return schedule->delay_s;
}
