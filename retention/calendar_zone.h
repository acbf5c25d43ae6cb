/*
 * calendar_zone - what a time zone is made of, private to the calendar: the transitions of
 * a TZif file and the POSIX rule that continues them.
 *
 * calendar_zone.c reads and parses the file, calendar_rule.c parses and applies the rule.
 */
#ifndef PGKEEP_RETENTION_CALENDAR_ZONE_H
#define PGKEEP_RETENTION_CALENDAR_ZONE_H

#include "retention/calendar.h"

/* The day and local time of a yearly change (POSIX: Jn, n, Mm.w.d and /time). */
struct retention_change {
    enum { CHANGE_JULIAN, CHANGE_DAY, CHANGE_WEEKDAY } kind;
    int month, week, day; /* only `day` but for CHANGE_WEEKDAY */
    int32_t seconds; /* after midnight; may be negative or over a day (RFC 8536 3.3.1) */
};

struct retention_zone_rule {
    bool exists;                        /* false: the last transition holds for ever */
    bool has_summer;                    /* false: `standard` always */
    int32_t standard, summer;           /* seconds east */
    struct retention_change begin, end; /* of summer time; in standard and in summer time */
};

struct retention_zone {
    char *name;
    int32_t first; /* offset before times[0] */
    size_t count;
    int64_t *times;                  /* ascending */
    int32_t *offsets;                /* from times[i] on */
    struct retention_zone_rule rule; /* from times[count - 1] on */
};

/* A zone from the bytes of a TZif file; ERR_CORRUPT when they are none. */
struct retention_zone *retention_zone_parse(const char *name, const void *data, size_t size,
                                            struct err *err) MUST_USE;

/* The stretch around `time`, by the file or, behind its last transition, by the rule. */
struct retention_span retention_zone_span(const struct retention_zone *zone, int64_t time);

/* "CET-1CEST,M3.5.0,M10.5.0/3"; "" is no rule. Returns false when it is malformed. */
bool retention_rule_parse(const char *text, struct retention_zone_rule *rule);
/* The stretch around `time` by the rule alone, which must exist. */
struct retention_span retention_rule_span(const struct retention_zone_rule *rule,
                                          int64_t time);

#endif
