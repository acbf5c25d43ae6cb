/* A row per type: its word, and what it is told where `on` is empty. */
#include "notify/notifier.h"

#define BIT(event) (1U << (event))
#define TROUBLE                                                                            \
    (BIT(NOTIFIER_FAILURE) | BIT(NOTIFIER_RECOVERY) | BIT(NOTIFIER_STALE) |                \
     BIT(NOTIFIER_SUSPECT) | BIT(NOTIFIER_GUARD) | BIT(NOTIFIER_GONE) |                    \
     BIT(NOTIFIER_DRILL))

/* A service that waits for signs of life wants those; a person only what is wrong. */
static const struct {
    const char *name;
    unsigned wants;
} types[NOTIFIER_TYPES] = {
    [NOTIFIER_WEBHOOK] = {"webhook", TROUBLE},
    [NOTIFIER_SLACK] = {"slack", TROUBLE},
    [NOTIFIER_DISCORD] = {"discord", TROUBLE},
    [NOTIFIER_NTFY] = {"ntfy", TROUBLE},
    [NOTIFIER_HEALTHCHECKS] = {"healthchecks",
                               BIT(NOTIFIER_FAILURE) | BIT(NOTIFIER_RECOVERY) |
                                   BIT(NOTIFIER_SUCCESS) | BIT(NOTIFIER_START) |
                                   BIT(NOTIFIER_STALE)},
    [NOTIFIER_EMAIL] = {"email", TROUBLE},
};

const char *notifier_type_name(enum notifier_type type)
{
    return types[type].name;
}

bool notifier_wants(const struct notifier_settings *notifier, enum notifier_event event)
{
    if (event == NOTIFIER_TEST)
        return true;
    /* Words that somebody wrote go by themselves: nothing is added to them. */
    if (notifier->on.count > 0)
        return strlist_has(&notifier->on, notifier_event_name(event));
    return (types[notifier->type].wants & BIT(event)) != 0;
}
