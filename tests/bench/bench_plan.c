/* How long a plan takes: build/tests/bench_plan [COUNT...], by default 100,000 and
 * 1,000,000 artifacts, in the order of time and shuffled, in one group and in a thousand.
 * Best of three. */
#include "base/clock.h"
#include "base/memory.h"
#include "tests/support/planning.h"

#define GROUPS_MAX 1000
#define ID_SIZE 27

struct input {
    struct retention_artifact *artifacts;
    char (*ids)[ID_SIZE];
    char (*groups)[32];
    size_t count;
};

static void make(struct input *input, size_t count, size_t groups, bool is_shuffled)
{
    struct dice random = {count};
    input->count = count;
    input->artifacts = memory_array(count, sizeof(*input->artifacts));
    input->ids = memory_array(count, sizeof(*input->ids));
    input->groups = memory_array(groups, sizeof(*input->groups));
    for (size_t g = 0; g < groups; g++)
        snprintf(input->groups[g], sizeof(*input->groups), "job%04zu/shop/full", g);
    for (size_t i = 0; i < count; i++) {
        snprintf(input->ids[i], ID_SIZE, "01JC%022zu", i);
        struct retention_artifact *artifact = &input->artifacts[i];
        artifact->id = input->ids[i];
        artifact->group = input->groups[i * groups / count];
        artifact->seq = (int64_t)i;
        artifact->time = 1763690400 - (int64_t)(count - i) * 600;
        artifact->has_time = true;
        artifact->size = 1000 + dice_below(&random, 1000);
        artifact->flags = dice_chance(&random, 5) ? RETENTION_VERIFIED : 0;
    }
    for (size_t i = count; is_shuffled && i-- > 1;) {
        size_t other = dice_below(&random, i + 1);
        struct retention_artifact swap = input->artifacts[i];
        input->artifacts[i] = input->artifacts[other];
        input->artifacts[other] = swap;
    }
}

static void release(struct input *input)
{
    free(input->artifacts);
    free(input->ids);
    free(input->groups);
}

static void measure(const struct input *input, const char *policy, const char *what)
{
    struct planning planning;
    planning_init(&planning, policy, "2026-11-21T02:00:00Z");
    int64_t best_plan = INT64_MAX, best_hash = INT64_MAX;
    size_t kept = 0;
    for (int round = 0; round < 3; round++) {
        struct err err = {0};
        int64_t begin = clock_monotonic_ms();
        struct retention_plan *plan = retention_plan_new(
            &planning.policy, planning.now, input->artifacts, input->count, &err);
        int64_t planned = clock_monotonic_ms();
        if (plan == NULL)
            abort();
        char hex[RETENTION_HASH_SIZE];
        struct retention_hash hash;
        retention_hash_init(&hash);
        retention_hash_add(&hash, "7d444840-9dc0-11d1-b245-5ffdce74fad2", plan);
        retention_hash_finish(&hash, hex);
        int64_t hashed = clock_monotonic_ms();
        best_plan = planned - begin < best_plan ? planned - begin : best_plan;
        best_hash = hashed - planned < best_hash ? hashed - planned : best_hash;
        kept = 0;
        for (size_t i = 0; i < plan->group_count; i++)
            kept += plan->groups[i].kept;
        retention_plan_free(plan);
    }
    printf("%10zu  %-28s %8lld ms %8lld ms %10zu\n", input->count, what,
           (long long)best_plan, (long long)best_hash, kept);
    planning_release(&planning);
}

int main(int argc, char **argv)
{
    static const char *const usual[] = {"100000", "1000000"};
    static const char policy[] = "keep_last=3 keep_hourly=24 keep_daily=7 keep_weekly=4 "
                                 "keep_monthly=12 keep_yearly=10 keep_within_daily=1y6mo "
                                 "keep_days=30 keep_oldest=true max_total_size=1TiB "
                                 "timezone=Europe/Berlin";
    printf("%10s  %-28s %11s %11s %10s\n", "artifacts", "order", "plan", "hash", "kept");
    size_t count = argc > 1 ? (size_t)argc - 1 : sizeof(usual) / sizeof(usual[0]);
    for (size_t i = 0; i < count; i++) {
        size_t artifacts = strtoul(argc > 1 ? argv[i + 1] : usual[i], NULL, 10);
        for (int kind = 0; kind < 4; kind++) {
            static const char *const names[] = {"by time, one group", "shuffled, one group",
                                                "by time, 1,000 groups",
                                                "shuffled, 1,000 groups"};
            struct input input;
            make(&input, artifacts, kind < 2 ? 1 : GROUPS_MAX, kind % 2 == 1);
            measure(&input, policy, names[kind]);
            release(&input);
        }
    }
    return 0;
}
