/* What is told, by tables of looks: each is what is wrong, when, and which events come of it. */
#include "notify/decide.h"

#include "base/memory.h"
#include "tests/support/run_suite.h"

#include <check.h>

enum { DAY_S = 86400 };

/* What was told, as the catalog would keep it. */
static struct catalog_notices told;

static void forget_all(void)
{
    for (size_t i = 0; i < told.count; i++) {
        free(told.items[i].job);
        free(told.items[i].what);
        free(told.items[i].subject);
    }
    free(told.items);
    told = (struct catalog_notices){0};
}

static bool is_same(const struct catalog_notice *a, const struct catalog_notice *b)
{
    return strcmp(a->job, b->job) == 0 && strcmp(a->what, b->what) == 0 &&
           strcmp(a->subject, b->subject) == 0;
}

static void drop(const struct catalog_notice *row)
{
    for (size_t i = 0; i < told.count; i++) {
        if (!is_same(&told.items[i], row))
            continue;
        free(told.items[i].job);
        free(told.items[i].what);
        free(told.items[i].subject);
        told.items[i] = told.items[--told.count];
        return;
    }
}

static void apply(const struct decision *decision)
{
    struct catalog_notices keep = {0};
    /* Copied first: they borrow from what is dropped. */
    for (size_t i = 0; i < decision->set_count; i++) {
        struct catalog_notice *row =
            memory_append(&keep.items, &keep.count, &keep.capacity, sizeof *row);
        *row = decision->set[i];
        row->job = memory_strdup(row->job);
        row->what = memory_strdup(row->what);
        row->subject = memory_strdup(row->subject);
    }
    for (size_t i = 0; i < decision->forget_count; i++) {
        struct catalog_notice row = decision->forget[i];
        drop(&row);
    }
    for (size_t i = 0; i < keep.count; i++) {
        drop(&keep.items[i]);
        struct catalog_notice *row =
            memory_append(&told.items, &told.count, &told.capacity, sizeof *row);
        *row = keep.items[i];
    }
    free(keep.items);
}

/* The events of a look, as words: "failure(a,b)" "failure!(a)" for a reminder "recovery[failure]". */
static char *look_at(const struct decide_now *is, int64_t now)
{
    struct decision decision;
    struct text out;
    text_init(&out, 1 << 12);
    decide(&told, is, now, &decision);
    for (size_t i = 0; i < decision.count; i++) {
        const struct decide_event *event = &decision.events[i];
        text_addf(&out, "%s%s%s", i > 0 ? " " : "", notifier_event_name(event->event),
                  event->reminder ? "!" : "");
        for (size_t j = 0; j < event->count; j++)
            text_addf(&out, "%s%s%s", j == 0 ? "(" : ",", event->items[j]->subject,
                      j + 1 == event->count ? ")" : "");
        for (unsigned j = 0; j < NOTIFIER_EVENTS; j++) {
            if ((event->ended & 1U << j) != 0)
                text_addf(&out, "[%s]", notifier_event_name((enum notifier_event)j));
        }
    }
    ck_assert_int_gt(decision.next, now);
    apply(&decision);
    decision_release(&decision);
    return text_finish(&out);
}

/* One look: letters are databases that fail, "-" none, "?" nobody can say. */
struct step {
    int64_t time;
    const char *failing;
    int64_t run;
    bool good;
    const char *expected;
};

static void walk(const struct step *steps, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct decide_item items[8];
        char names[8][2];
        size_t n = 0;
        for (const char *at = steps[i].failing; *at != '\0' && n < 8; at++) {
            if (*at == '-' || *at == '?')
                continue;
            names[n][0] = *at;
            names[n][1] = '\0';
            items[n] = (struct decide_item){.what = NOTIFIER_FAILURE, .subject = names[n]};
            n++;
        }
        const struct decide_now is = {
            .job = "nightly",
            .items = items,
            .count = n,
            .unknown = strchr(steps[i].failing, '?') != NULL ? 1U << NOTIFIER_FAILURE : 0,
            .run = steps[i].run,
            .run_good = steps[i].good,
            .remind_s = DAY_S};
        char *events = look_at(&is, 1000000 + steps[i].time);
        ck_assert_msg(strcmp(events, steps[i].expected) == 0, "step %zu: \"%s\"", i,
                      events);
        free(events);
    }
    forget_all();
}
#define WALK(steps) walk(steps, sizeof steps / sizeof *steps)

START_TEST(a_failure_is_told_once_and_its_end_once)
{
    static const struct step steps[] = {
        {0, "-", 1, true, ""}, /* the first look tells of no run */
        {10, "a", 2, false, "failure(a)"},
        {20, "a", 2, false, ""},
        {30, "a", 3, false, ""},
        {40, "?", 0, false, ""}, /* a run is under way */
        {50, "-", 4, true, "recovery[failure] success"},
        {60, "-", 4, true, ""},
        {70, "-", 5, true, "success"},
        {80, "a", 6, false, "failure(a)"},
    };
    WALK(steps);
}
END_TEST

START_TEST(what_is_new_is_told_and_the_end_when_all_is_over)
{
    static const struct step steps[] = {
        {0, "ab", 1, false, "failure(a,b)"},
        {10, "abc", 2, false, "failure(c)"},
        {20, "c", 3, false, ""},
        {30, "ac", 4, false, "failure(a)"},
        {40, "-", 5, true, "recovery[failure] success"},
    };
    WALK(steps);
}
END_TEST

START_TEST(what_stays_wrong_is_told_again_after_remind)
{
    static const struct step steps[] = {
        {0, "ab", 1, false, "failure(a,b)"},
        {DAY_S - 1, "ab", 2, false, ""},
        {DAY_S, "ab", 3, false, "failure!(a,b)"},
        {DAY_S + 1, "ab", 3, false, ""},
        {2 * DAY_S, "ab", 4, false, "failure!(a,b)"},
        /* a clock that went back neither tells nor is silent for ever */
        {-DAY_S, "ab", 5, false, ""},
        {0, "ab", 6, false, "failure!(a,b)"},
    };
    WALK(steps);
}
END_TEST

START_TEST(what_never_had_a_backup_is_stale_after_max_age)
{
    static const struct {
        int64_t time;
        bool lacks;
        const char *expected;
    } steps[] = {{0, true, ""},
                 {3600, true, ""},
                 {3601, true, "stale(shop)"},
                 {7200, true, ""},
                 {7300, false, "recovery[stale]"},
                 {7400, true, ""}}; /* watched anew */
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        const struct decide_item item = {
            .what = NOTIFIER_STALE, .subject = "shop", .unless_watched_s = 3600};
        const struct decide_now is = {
            .job = "nightly", .items = &item, .count = steps[i].lacks, .run = 1};
        char *events = look_at(&is, 1000000 + steps[i].time);
        ck_assert_msg(strcmp(events, steps[i].expected) == 0, "step %zu: \"%s\"", i,
                      events);
        free(events);
    }
    forget_all();
}
END_TEST

START_TEST(a_database_that_is_gone_is_told_once_and_never_again)
{
    const struct decide_item item = {.what = NOTIFIER_GONE, .subject = "old"};
    static const struct {
        int64_t time;
        size_t count;
        const char *expected;
    } steps[] = {{0, 1, "gone(old)"}, {10, 1, ""}, {3 * DAY_S, 1, ""}, {4 * DAY_S, 0, ""}};
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        const struct decide_now is = {
            .job = "nightly", .items = &item, .count = steps[i].count, .remind_s = DAY_S};
        char *events = look_at(&is, 1000000 + steps[i].time);
        ck_assert_msg(strcmp(events, steps[i].expected) == 0, "step %zu: \"%s\"", i,
                      events);
        free(events);
    }
    forget_all();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("decide");
    TCase *tcase = tcase_create("decide");
    tcase_add_test(tcase, a_failure_is_told_once_and_its_end_once);
    tcase_add_test(tcase, what_is_new_is_told_and_the_end_when_all_is_over);
    tcase_add_test(tcase, what_stays_wrong_is_told_again_after_remind);
    tcase_add_test(tcase, what_never_had_a_backup_is_stale_after_max_age);
    tcase_add_test(tcase, a_database_that_is_gone_is_told_once_and_never_again);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
