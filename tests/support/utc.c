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
    /* A date gets its midnight, a minute its seconds, each its zone. */
    const char *rest = strchr(text, 'T') != NULL   ? ""
                       : strchr(text, ' ') == NULL ? "T00:00:00Z"
                       : strlen(text) < 17         ? ":00Z"
                                                   : "Z";
    snprintf(whole, sizeof whole, "%s%s", text, rest);
    if (strchr(text, ' ') != NULL)
        *strchr(whole, ' ') = 'T';
    if (clock_parse(whole, &time, &err) < 0) {
        fprintf(stderr, "test: %s\n", err.text);
        exit(1);
    }
    return time;
}
