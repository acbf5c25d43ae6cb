/*
 * settle - runs whose process is gone get the end that nobody wrote, and a run that is under way the
 * signal to end.
 *
 * Any process may do either: what is true of a run stands in its row, and of two that settle it one
 * finds it open.
 */
#ifndef PGKEEP_SESSION_SETTLE_H
#define PGKEEP_SESSION_SETTLE_H

#include "catalog/runs.h"
#include "config/settings.h"

/* Runs that are under way by their rows, and whose process is surely gone: failed, or cancelled
 * where that was asked for. Of another machine or container only the lock of the job can tell. */
int settle_runs(const struct settings *settings, struct catalog *catalog,
                struct err *err) MUST_USE;

/* SIGTERM to the process of a run, if it is surely the one that has it (boot, start time).
 * False: it is not ours to signal, or gone. */
bool settle_signal(const struct catalog_run *run);

#endif
