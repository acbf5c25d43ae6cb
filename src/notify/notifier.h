/* notifier - what a notifier is called and what it wants to hear. Pure; any thread. */
#ifndef PGKEEP_NOTIFY_NOTIFIER_H
#define PGKEEP_NOTIFY_NOTIFIER_H

#include "config/events/notifier_event.h"
#include "config/settings.h"

const char *notifier_type_name(enum notifier_type type); /* "webhook" … */
/* By `on`, or by what its type wants where that is empty. A test always. */
bool notifier_wants(const struct notifier_settings *notifier, enum notifier_event event);

#endif
