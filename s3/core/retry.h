/*
 * retry - when to try again, and how many requests may run at once. Pure arithmetic: the
 * caller gives time (monotonic ms) and chance.
 *
 * Full jitter: a wait is drawn evenly from 0 to min(cap, base * 2^n) (S3.md 2.2: base 200
 * ms, cap 20 s; throttled 1 s, 60 s). The unit of a limit is time, not a number: a dump
 * that took hours cannot be played again. Only what repeating seldom repairs is counted.
 */
#ifndef PGKEEP_S3_CORE_RETRY_H
#define PGKEEP_S3_CORE_RETRY_H

#include "s3/core/error.h"

enum { S3_RETRY_AFTER_CAP_MS = 120000 };

struct s3_retry {
    int64_t started_ms;
    int64_t budget_ms;
    int64_t attempt_ms; /* when the try that failed began */
    int64_t
        after_ms; /* what the service then asked for: the least wait, capped; 0: nothing */
    bool reached; /* the service has answered this client before */
    unsigned of_class[S3_CLASS_COUNT];
};

/* Longest wait before the next try after `failures` (from 1) of a class. */
int64_t s3_retry_ceiling_ms(enum s3_class class_, unsigned failures);
/* Counts the failure. False: give up. Else *delay_ms is the wait, never beyond the end of
 * the budget: a last try is begun there, however long the one before it hung. */
bool s3_retry_next(struct s3_retry *retry, enum s3_class class_, int64_t now_ms,
                   uint64_t random, int64_t *delay_ms);
/* Value of Retry-After (seconds, or an HTTP date after `date`) in ms; 0 when it is none. */
int64_t s3_retry_after_ms(const char *value, int64_t date);

/* What is sent in vain. It limits nothing, but whoever pays for the line should know. */
struct s3_retransmitted {
    _Atomic uint64_t arrived, lost; /* bytes of bodies; read by any thread */
    bool told;
};
/* An attempt has ended. True once: when more was lost than `allowed` and a quarter of what
 * arrived. */
bool s3_retransmitted_count(struct s3_retransmitted *count, uint64_t bytes, bool arrived,
                            uint64_t allowed);

/* Additive increase, multiplicative decrease. */
struct s3_window {
    unsigned limit; /* requests that may run now; >= 1 */
    unsigned max;
    int64_t clean_since_ms;
    int64_t halved_ms;
};
void s3_window_init(struct s3_window *window, unsigned max);
/* A request begun at started_ms was throttled. One burst halves once: what began before the
 * last halving does not count. */
void s3_window_throttled(struct s3_window *window, int64_t started_ms, int64_t now_ms);
/* A request succeeded: one more after each 30 s without throttling. */
void s3_window_succeeded(struct s3_window *window, int64_t now_ms);

#endif
