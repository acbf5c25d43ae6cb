/*
 * Why time and not a number of tries is the limit: a dump that took hours cannot be played
 * again, so an outage of minutes has to be survived however many tries fit into it. The few
 * classes with a number are those that waiting does not repair (a region, a clock, a
 * header).
 */
#include "s3/core/retry.h"

#include "base/parse.h"
#include "s3/http/http.h"

enum { WINDOW_GROWS_MS = 30000, NO_LIMIT = 0 };

struct class_row {
    int64_t base_ms, cap_ms;
    unsigned most; /* tries after the first that failed so; NO_LIMIT: only time counts */
};

/* Base and cap are S3.md 2.2's. What is repaired between two tries (clock, region, headers) need
 * not wait; what is absent from the table is never tried again. */
static const struct class_row class_rows[S3_CLASS_COUNT] = {
    [S3_CLASS_TRANSIENT] = {200, 20000, NO_LIMIT},
    [S3_CLASS_NAME] = {200, 20000, 3},
    [S3_CLASS_THROTTLE] = {1000, 60000, NO_LIMIT},
    [S3_CLASS_CLOCK] = {0, 0, 2},
    [S3_CLASS_CREDENTIALS] = {200, 2000, 2},
    [S3_CLASS_DAMAGED] = {200, 20000, 3},
    [S3_CLASS_REDIRECT] = {0, 0, 2},
    [S3_CLASS_FEATURE] = {0, 0, 1},
};

int64_t s3_retry_ceiling_ms(enum s3_class class_, unsigned failures)
{
    const struct class_row *row = &class_rows[class_];
    int64_t ceiling = row->base_ms;
    /* Step by step, so that no shift can overflow however often it failed. */
    for (unsigned i = 1; i < failures && ceiling < row->cap_ms; i++)
        ceiling *= 2;
    return ceiling < row->cap_ms ? ceiling : row->cap_ms;
}

static bool may_go_on(const struct s3_retry *retry, enum s3_class class_)
{
    unsigned most = class_rows[class_].most;
    /* By when the try began, not when it ended: one that hung for the rest of the budget is
     * followed by a last one. */
    if (class_ == S3_CLASS_PERMANENT ||
        retry->attempt_ms - retry->started_ms >= retry->budget_ms)
        return false;
    /* The name was right before: a resolver that is down is an outage like any other. */
    if (class_ == S3_CLASS_NAME && retry->reached)
        return true;
    return most == NO_LIMIT || retry->of_class[class_] <= most;
}

bool s3_retry_next(struct s3_retry *retry, enum s3_class class_, int64_t now_ms,
                   uint64_t random, int64_t *delay_ms)
{
    retry->of_class[class_]++;
    if (!may_go_on(retry, class_))
        return false;
    /* Full jitter: anything up to the ceiling, so that many clients spread out. */
    int64_t ceiling = s3_retry_ceiling_ms(class_, retry->of_class[class_]);
    int64_t delay = (int64_t)(random % (uint64_t)(ceiling + 1));
    int64_t least =
        retry->after_ms > S3_RETRY_AFTER_CAP_MS ? S3_RETRY_AFTER_CAP_MS : retry->after_ms;
    int64_t left = retry->started_ms + retry->budget_ms - now_ms;
    /* Behind what the service asked for comes the jitter, so that not all come back at
     * once. */
    if (least > 0)
        delay += least;
    if (left < 0)
        left = 0;
    *delay_ms = delay < left ? delay : left;
    return true;
}

int64_t s3_retry_after_ms(const char *value, int64_t date)
{
    struct err ignored = {0};
    int64_t seconds = 0;
    /* Seconds, a day at most; the other form is a date (RFC 9110, 10.2.3). */
    if (parse_int(value, 0, 86400, &seconds, &ignored) == 0)
        return seconds * 1000;
    /* Against the service's own clock: ours may be wrong. */
    seconds = s3_http_date(value);
    if (date == 0 || seconds <= date)
        return 0;
    return seconds - date > 86400 ? (int64_t)86400000 : (seconds - date) * 1000;
}

bool s3_retransmitted_count(struct s3_retransmitted *count, uint64_t bytes, bool arrived,
                            uint64_t allowed)
{
    *(arrived ? &count->arrived : &count->lost) += bytes;
    /* Some loss is every line's; said once, when it is a share that somebody pays for. */
    if (count->told || count->lost <= allowed + count->arrived / 4)
        return false;
    count->told = true;
    return true;
}

void s3_window_init(struct s3_window *window, unsigned max)
{
    *window = (struct s3_window){.limit = max, .max = max, .halved_ms = INT64_MIN};
}

void s3_window_throttled(struct s3_window *window, int64_t started_ms, int64_t now_ms)
{
    window->clean_since_ms = now_ms;
    /* It was on its way when the window was still wide, and says nothing new. */
    if (started_ms <= window->halved_ms)
        return;
    window->limit = window->limit > 1 ? window->limit / 2 : 1;
    window->halved_ms = now_ms;
}

void s3_window_succeeded(struct s3_window *window, int64_t now_ms)
{
    /* One more in half a minute: a service that throttles needs longer to recover than to fail. */
    if (window->limit >= window->max || now_ms - window->clean_since_ms < WINDOW_GROWS_MS)
        return;
    window->limit++;
    window->clean_since_ms = now_ms;
}
