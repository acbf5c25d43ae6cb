/*
 * zone_rule - the rule at the end of a TZif file (POSIX.1-2008 8.3, RFC 8536 3.3.1), which says
 * when summer time begins and ends in all years to come. Private to this folder.
 */
#ifndef PGKEEP_BASE_ZONE_ZONE_RULE_H
#define PGKEEP_BASE_ZONE_ZONE_RULE_H

#include "base/zone/zone.h"

/* The day and local time of a yearly change (POSIX: Jn, n, Mm.w.d and /time). */
struct zone_change {
    enum { CHANGE_JULIAN, CHANGE_DAY, CHANGE_WEEKDAY } kind;
    int month, week, day; /* only `day` but for CHANGE_WEEKDAY */
    int32_t seconds; /* after midnight; may be negative or over a day (RFC 8536 3.3.1) */
};

struct zone_rule {
    bool exists;                   /* false: the last transition holds for ever */
    bool has_summer;               /* false: `standard` always */
    int32_t standard, summer;      /* seconds east */
    struct zone_change begin, end; /* of summer time; in standard and in summer time */
};

/* "CET-1CEST,M3.5.0,M10.5.0/3"; "" is no rule. Returns false when it is malformed. */
bool zone_rule_parse(const char *text, struct zone_rule *rule);
/* The stretch around `time` by the rule alone, which must exist. */
struct zone_span zone_rule_span(const struct zone_rule *rule, int64_t time);

#endif
