/*
 * build/tests/schedule - schedule/ as a filter: a line "ZONE COUNT AFTER FIELDS…" on stdin becomes
 * the next COUNT times after AFTER (seconds since 1970), a line of numbers.
 */
#include "base/memory.h"
#include "schedule/schedule.h"

#include <inttypes.h>
#include <stdio.h>

int main(void)
{
    char line[1024], zone[64];
    int count = 0, fields = 0;
    int64_t time = 0;
    while (fgets(line, sizeof line, stdin) != NULL) {
        line[strcspn(line, "\n")] = '\0';
        if (sscanf(line, "%63s %d %" SCNd64 " %n", zone, &count, &time, &fields) != 3)
            return 2;
        struct err err = {0};
        struct schedule_spec spec = {.cron = line + fields, .timezone = zone};
        struct schedule *schedule = schedule_new(&spec, &err);
        if (schedule == NULL)
            printf("%s", err.text);
        for (int i = 0; schedule != NULL && i < count; i++) {
            time = schedule_next(schedule, time);
            printf("%s%" PRId64, i > 0 ? " " : "", time);
        }
        printf("\n");
        schedule_free(schedule);
    }
    return 0;
}
