/*
 * cancel - the one cancel flag. One thread takes SIGINT, SIGTERM and SIGHUP; everybody else
 * polls the flag or the descriptor, which becomes readable and stays so. A second signal ends
 * the process at once.
 */
#ifndef PGKEEP_BASE_CANCEL_H
#define PGKEEP_BASE_CANCEL_H

#include "base/err.h"

/* Blocks the signals in all later threads, ignores SIGPIPE, starts the thread. Once, from main. */
int cancel_install(struct err *err) MUST_USE;
bool cancel_requested(void);
int cancel_fd(void);     /* for poll(); -1 before cancel_install */
int cancel_signal(void); /* SIGINT or SIGTERM; 0 when not cancelled */
/* As if the signal had come; for tests. */
void cancel_request(int signal_number);
/* 0, or -1 with ERR_CANCELLED "interrupted by SIGTERM" when the flag is set. */
int cancel_check(struct err *err) MUST_USE;

#endif
