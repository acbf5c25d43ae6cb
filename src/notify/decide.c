/*
 * Kind by kind, each by the table of the header. A row says when its thing was told last; the rows
 * that change are handed back, and written by the caller together with the messages.
 */
#include "notify/decide.h"

#include "base/memory.h"

/* What becomes of a kind: is it told again, is its end told? A database that is gone stays gone, and
 * whoever drops its last backup knows. */
static const struct kind {
    enum notifier_event what;
    bool reminds, recovers;
} kinds[] = {
    {NOTIFIER_FAILURE, true, true}, {NOTIFIER_STALE, true, true},
    {NOTIFIER_SUSPECT, true, true}, {NOTIFIER_GUARD, true, true},
    {NOTIFIER_DRILL, true, true},   {NOTIFIER_GONE, false, false},
};

/* One decision under way. */
struct deciding {
    const struct catalog_notices *told;
    const struct decide_now *is;
    int64_t now;
    struct decision *out;
};

static const struct catalog_notice *told_of(const struct deciding *d, const char *what,
                                            const char *subject)
{
    for (size_t i = 0; i < d->told->count; i++) {
        const struct catalog_notice *row = &d->told->items[i];
        if (strcmp(row->job, d->is->job) == 0 && strcmp(row->what, what) == 0 &&
            strcmp(row->subject, subject) == 0)
            return row;
    }
    return NULL;
}

static void look_again_at(struct deciding *d, int64_t time)
{
    if (time < d->out->next)
        d->out->next = time;
}

/* The row's texts are the item's or the job's: borrowed, never freed by the decision. */
static void keep(struct deciding *d, const char *what, const char *subject,
                 struct catalog_notice times)
{
    struct decision *out = d->out;
    struct catalog_notice *row =
        memory_append(&out->set, &out->set_count, &out->set_capacity, sizeof *row);
    union {
        const char *from;
        char *to;
    } job = {d->is->job}, kind = {what}, about = {subject};
    *row = times;
    row->job = job.to;
    row->what = kind.to;
    row->subject = about.to;
}

static void forget(struct deciding *d, const struct catalog_notice *row)
{
    struct decision *out = d->out;
    struct catalog_notice *gone = memory_append(&out->forget, &out->forget_count,
                                                &out->forget_capacity, sizeof *gone);
    *gone = *row;
}

static struct decide_event *add_event(struct deciding *d, enum notifier_event what)
{
    struct decision *out = d->out;
    struct decide_event *event =
        memory_append(&out->events, &out->count, &out->capacity, sizeof *event);
    event->event = what;
    return event;
}

static void add_item(struct decide_event *event, const struct decide_item *item,
                     int64_t since)
{
    const struct decide_item **last =
        memory_append(&event->items, &event->count, &event->capacity, sizeof *last);
    *last = item;
    if (event->since == 0 || since < event->since)
        event->since = since;
}

/* ---- what has no good backup yet ---- */

/* Is it wrong now? One that is only watched so far says when it will be. */
static bool counts(struct deciding *d, const struct decide_item *item)
{
    if (item->unless_watched_s == 0)
        return true;
    const struct catalog_notice *watched = told_of(d, DECIDE_WATCH, item->subject);
    /* Never from the future: a clock that was ahead delays by max_age at most. */
    int64_t since = watched != NULL && watched->since <= d->now ? watched->since : d->now;
    if (watched == NULL || watched->since != since)
        keep(d, DECIDE_WATCH, item->subject, (struct catalog_notice){.since = since});
    if (d->now - since > item->unless_watched_s)
        return true;
    look_again_at(d, since + item->unless_watched_s + 1);
    return false;
}

/* Whose good backup has come is watched no more. */
static void stop_watching(struct deciding *d)
{
    for (size_t i = 0; i < d->told->count; i++) {
        const struct catalog_notice *row = &d->told->items[i];
        bool watched = false;
        if (strcmp(row->job, d->is->job) != 0 || strcmp(row->what, DECIDE_WATCH) != 0)
            continue;
        for (size_t j = 0; j < d->is->count && !watched; j++)
            watched = d->is->items[j].unless_watched_s != 0 &&
                      strcmp(d->is->items[j].subject, row->subject) == 0;
        if (!watched)
            forget(d, row);
    }
}

/* ---- one kind ---- */

/* What is wrong, new or worth a reminder: *any when anything of the kind is there. The two may not
 * be mixed: what is new is told by itself. */
static void tell_items(struct deciding *d, const struct kind *kind, bool *any)
{
    const char *what = notifier_event_name(kind->what);
    struct decide_event fresh = {.event = kind->what};
    struct decide_event again = {.event = kind->what, .reminder = true};
    bool due = false;
    for (size_t i = 0; i < d->is->count; i++) {
        const struct decide_item *item = &d->is->items[i];
        if (item->what != kind->what || !counts(d, item))
            continue;
        const struct catalog_notice *row = told_of(d, what, item->subject);
        *any = true;
        if (row == NULL) {
            int64_t since = item->since != 0 ? item->since : d->now;
            keep(d, what, item->subject,
                 (struct catalog_notice){.since = since, .told = d->now});
            add_item(&fresh, item, since);
            continue;
        }
        /* Told in the future: the clock was wrong then. */
        int64_t told = row->told <= d->now ? row->told : d->now;
        bool again_now = d->is->remind_s > 0 && d->now - told >= d->is->remind_s;
        due = due || again_now;
        if (told != row->told)
            keep(d, what, item->subject,
                 (struct catalog_notice){.since = row->since, .told = told});
        if (d->is->remind_s > 0 && kind->reminds)
            look_again_at(d, (again_now ? d->now : told) + d->is->remind_s);
        add_item(&again, item, row->since);
    }
    if (fresh.count > 0 && d->is->remind_s > 0 && kind->reminds)
        look_again_at(d, d->now + d->is->remind_s);
    if (fresh.count > 0)
        *add_event(d, kind->what) = fresh;
    /* One reminder for all of the kind; the next is due at one time, too. */
    due = due && kind->reminds && fresh.count == 0;
    for (size_t i = 0; due && i < again.count; i++)
        keep(d, what, again.items[i]->subject,
             (struct catalog_notice){.since =
                                         told_of(d, what, again.items[i]->subject)->since,
                                     .told = d->now});
    if (due)
        *add_event(d, kind->what) = again;
    else
        free(again.items);
}

/* What was told and is not wrong any more. `any` of its kind is wrong still: no word of it. */
static void end_items(struct deciding *d, const struct kind *kind, bool any,
                      struct decide_event *recovery)
{
    const char *what = notifier_event_name(kind->what);
    bool others_stay = d->is->others_stay && kind->what == NOTIFIER_FAILURE;
    for (size_t i = 0; i < d->told->count; i++) {
        const struct catalog_notice *row = &d->told->items[i];
        bool still = false;
        if (strcmp(row->job, d->is->job) != 0 || strcmp(row->what, what) != 0)
            continue;
        for (size_t j = 0; j < d->is->count && !still; j++)
            still = d->is->items[j].what == kind->what &&
                    strcmp(d->is->items[j].subject, row->subject) == 0;
        if (still || others_stay)
            continue;
        forget(d, row);
        if (any || !kind->recovers)
            continue;
        recovery->ended |= 1U << kind->what;
        if (recovery->since == 0 || row->since < recovery->since)
            recovery->since = row->since;
    }
}

/* ---- runs ---- */

/* The first look at a job tells of no run: it was over before anybody asked to be told. */
static void tell_run(struct deciding *d)
{
    const struct catalog_notice *row = told_of(d, DECIDE_RUN, "");
    if (row != NULL && (d->is->run == 0 || d->is->run <= row->mark))
        return;
    keep(d, DECIDE_RUN, "", (struct catalog_notice){.told = d->now, .mark = d->is->run});
    if (row != NULL && d->is->run_good)
        add_event(d, NOTIFIER_SUCCESS)->since = d->now;
}

void decide(const struct catalog_notices *told, const struct decide_now *now_is,
            int64_t now, struct decision *out)
{
    struct deciding d = {told, now_is, now, out};
    struct decide_event recovery = {.event = NOTIFIER_RECOVERY};
    *out = (struct decision){.next = INT64_MAX};
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        bool any = false;
        if ((now_is->unknown & 1U << kinds[i].what) != 0)
            continue;
        tell_items(&d, &kinds[i], &any);
        end_items(&d, &kinds[i], any, &recovery);
    }
    /* A sick job that is well again hears of it once, whatever was wrong with it. */
    if (recovery.ended != 0)
        *add_event(&d, NOTIFIER_RECOVERY) = recovery;
    if ((now_is->unknown & 1U << NOTIFIER_STALE) == 0)
        stop_watching(&d);
    tell_run(&d);
}

void decision_release(struct decision *decision)
{
    for (size_t i = 0; i < decision->count; i++)
        free(decision->events[i].items);
    free(decision->events);
    free(decision->set);
    free(decision->forget);
    *decision = (struct decision){0};
}
