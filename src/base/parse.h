/*
 * parse - numbers, sizes, durations and booleans from text: the whole text or an error, no locale,
 * no overflow. Errors are ERR_USAGE and say what is wrong with which text; callers add the noun.
 */
#ifndef PGKEEP_BASE_PARSE_H
#define PGKEEP_BASE_PARSE_H

#include "base/err.h"

/* A calendar part (clamped to the month's end) and an exact part. */
struct duration {
    int32_t months; /* years count as 12 */
    int64_t seconds;
};

int parse_int(const char *text, int64_t min, int64_t max, int64_t *out,
              struct err *err) MUST_USE;
/* Digits with an optional KiB MiB GiB TiB (1024), KB MB GB TB (1000) or B; "1.5GiB" is
 * refused. */
int parse_size(const char *text, uint64_t *out, struct err *err) MUST_USE;
/* true/yes/on/1, false/no/off/0 */
int parse_bool(const char *text, bool *out, struct err *err) MUST_USE;
/* [Ny][Nmo][Nw][Nd][Nh], each once, in this order, at least one; with `small` also [Nmin][Ns]. */
int parse_duration(const char *text, bool small, struct duration *out,
                   struct err *err) MUST_USE;
/* The same where only an exact length makes sense: y and mo are refused. Seconds, >= 0. */
int parse_seconds(const char *text, int64_t *out, struct err *err) MUST_USE;

#endif
