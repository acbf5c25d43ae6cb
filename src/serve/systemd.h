/*
 * systemd - telling the service manager how it is (sd_notify(3), by its protocol: one datagram of
 * "KEY=VALUE" lines to the socket that $NOTIFY_SOCKET names). Without one nothing is done.
 */
#ifndef PGKEEP_SERVE_SYSTEMD_H
#define PGKEEP_SERVE_SYSTEMD_H

#include "base/err.h"

/* "READY=1", "STOPPING=1", "STATUS=…"; best effort: a manager that is gone is no reason to end. */
void systemd_notify(const char *format, ...) PRINTF(1, 2);
/* How often a sign of life is due: half of $WATCHDOG_USEC, in milliseconds; 0: nobody waits for
 * one. */
int64_t systemd_watchdog_ms(void);

#endif
