#include "tests/support/planning.h"
#include "tests/support/utc.h"

#include "base/clock.h"
#include "base/memory.h"

#define DAY 86400
#define ARTIFACTS_MAX 40

static void add_counts(struct dice *random, struct text *text)
{
    static const char *const names[] = {"last",   "hourly",  "daily",
                                        "weekly", "monthly", "yearly"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (dice_chance(random, 25))
            text_addf(text, " keep_%s=%u", names[i],
                      (unsigned)dice_below(random, i == 5 ? 3 : 9));
    }
}

static void add_durations(struct dice *random, bool has_calendar, struct text *text)
{
    static const char *const names[] = {"",        "_hourly",  "_daily",
                                        "_weekly", "_monthly", "_yearly"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (!dice_chance(random, 8) || (!has_calendar && i >= 4))
            continue;
        text_addf(text, " keep_within%s=", names[i]);
        if (has_calendar && dice_chance(random, 50))
            text_addf(text, "%umo", (unsigned)dice_below(random, 15));
        text_addf(text, "%uh", (unsigned)dice_below(random, 2000));
    }
    if (dice_chance(random, 5))
        text_addf(text, " keep_days=%u", 1 + (unsigned)dice_below(random, 60));
}

void planning_random_policy(struct planning *planning, struct dice *random,
                            unsigned options)
{
    static const char *const zones[] = {"UTC",
                                        "Europe/Berlin",
                                        "America/St_Johns",
                                        "Pacific/Apia",
                                        "Asia/Kathmandu",
                                        "America/Sao_Paulo",
                                        "Australia/Lord_Howe"};
    struct text text;
    text_init(&text, 4096);
    size_t zone = dice_below(random, sizeof(zones) / sizeof(zones[0]));
    text_addf(&text, "timezone=%s", zones[(options & PLANNING_UTC) != 0 ? 0 : zone]);
    add_counts(random, &text);
    add_durations(random, (options & PLANNING_NO_CALENDAR) == 0, &text);
    if (dice_chance(random, 20))
        text_add(&text, " keep_oldest=true");
    if (dice_chance(random, 30))
        text_addf(&text, " min_keep=%u", 1 + (unsigned)dice_below(random, 4));
    if ((options & PLANNING_NO_CAP) == 0 && dice_chance(random, 25))
        text_addf(&text, " max_total_size=%u", 1 + (unsigned)dice_below(random, 3000));
    if (dice_chance(random, 20))
        text_add(&text, " future_tolerance=36h");
    if ((options & PLANNING_RULE_ON) != 0)
        text_addf(&text, " keep_daily=%u", 1 + (unsigned)dice_below(random, 8));
    if ((options & PLANNING_NO_CALENDAR) != 0)
        text_add(&text, " keep_monthly=0 keep_yearly=0");
    planning_set_policy(planning, text.data);
    text_release(&text);
    /* Around changes of the clock in the zones above. */
    static const char *const nows[] = {"2006-11-02T12:00:00Z", "2026-10-28T03:00:00Z",
                                       "2012-01-10T00:00:00Z", "2026-03-30T05:30:00Z",
                                       "2018-02-20T03:00:00Z", "2024-04-08T00:00:00Z"};
    planning->now = utc(nows[dice_below(random, sizeof(nows) / sizeof(nows[0]))]);
}

static void add_flags(struct retention_artifact *artifact, struct dice *random)
{
    static const char *const pending[] = {"offsite", NULL};
    static const enum retention_flag flags[] = {RETENTION_PINNED, RETENTION_LEASED,
                                                RETENTION_SUSPECT, RETENTION_QUARANTINED};
    if (dice_chance(random, 30))
        artifact->flags |= RETENTION_VERIFIED;
    for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
        if (dice_chance(random, 4))
            artifact->flags |= (unsigned)flags[i];
    }
    if (dice_chance(random, 4))
        artifact->pending = pending;
    if (dice_chance(random, 15))
        artifact->state = (enum retention_state)(1 + dice_below(random, 4));
    if (dice_chance(random, 3))
        artifact->has_time = false;
}

void planning_random_artifacts(struct planning *planning, struct dice *random,
                               unsigned options)
{
    static const char *const groups[] = {"nightly/shop/full", "nightly/shop/schema", "x"};
    static const int64_t steps[] = {600, 1800, 3600, 6 * 3600, DAY, 20 * DAY};
    bool is_good = (options & PLANNING_ONLY_GOOD) != 0;
    size_t count = dice_below(random, ARTIFACTS_MAX);
    int64_t step = steps[dice_below(random, sizeof(steps) / sizeof(steps[0]))];
    int64_t time = planning->now + (is_good ? 0 : (int64_t)dice_below(random, 3) * step);
    for (size_t i = 0; i < count; i++) {
        struct retention_artifact *artifact = planning_add_at(planning, time);
        if (dice_chance(random, 80)) /* else a tie */
            time -= step / 4 + (int64_t)dice_below(random, (uint64_t)(2 * step));
        artifact->seq =
            dice_chance(random, 80) ? 1000 - (int64_t)i : (int64_t)dice_below(random, 1000);
        artifact->size = dice_below(random, 200);
        if ((options & PLANNING_ONE_GROUP) == 0)
            artifact->group = groups[dice_below(random, 6) % 3 * (count % 2)];
        if (!is_good)
            add_flags(artifact, random);
    }
    for (size_t i = planning->count; i-- > 1;) { /* any order */
        size_t other = dice_below(random, i + 1);
        struct retention_artifact swap = planning->artifacts[i];
        planning->artifacts[i] = planning->artifacts[other];
        planning->artifacts[other] = swap;
    }
}
