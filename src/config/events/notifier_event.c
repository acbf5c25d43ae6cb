/* One table: the configuration, messages and the catalog know the same words. */
#include "config/events/notifier_event.h"

static const char *const event_names[NOTIFIER_EVENTS] = {
    [NOTIFIER_FAILURE] = "failure", [NOTIFIER_RECOVERY] = "recovery",
    [NOTIFIER_SUCCESS] = "success", [NOTIFIER_START] = "start",
    [NOTIFIER_STALE] = "stale",     [NOTIFIER_SUSPECT] = "suspect",
    [NOTIFIER_GUARD] = "guard",     [NOTIFIER_GONE] = "gone",
    [NOTIFIER_DRILL] = "drill",     [NOTIFIER_TEST] = "test",
};

const char *notifier_event_name(enum notifier_event event)
{
    return event_names[event];
}

bool notifier_event_from_name(const char *name, enum notifier_event *out)
{
    for (unsigned i = 0; i < NOTIFIER_TEST; i++) {
        if (strcmp(name, event_names[i]) == 0) {
            *out = (enum notifier_event)i;
            return true;
        }
    }
    return false;
}

const char *notifier_event_nearest(const char *word)
{
    return text_nearest(word, event_names, NOTIFIER_TEST);
}
