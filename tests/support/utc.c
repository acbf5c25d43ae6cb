#include "tests/support/utc.h"

#include "base/clock.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int64_t utc(const char *text)
{
    struct err err = {0};
    char whole[64];
    int64_t time = 0;
    /* A minute gets its seconds, a date its midnight. */
    const char *rest = strchr(text, 'T') ? "" : strchr(text, ' ') ? ":00Z" : "T00:00:00Z";
    snprintf(whole, sizeof whole, "%s%s", text, rest);
    if (strchr(text, ' ') != NULL)
        *strchr(whole, ' ') = 'T';
    if (clock_parse(whole, &time, &err) < 0) {
        fprintf(stderr, "test: %s\n", err.text);
        exit(1);
    }
    return time;
}
