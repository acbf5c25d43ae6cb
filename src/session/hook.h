/*
 * hook - a program of the user's that is run around a run: an argument list, no shell.
 *
 * It gets our environment without the secrets that pgkeep knows the names of (PGPASSWORD, the AWS
 * keys, what `*_env` of the configuration names), the facts as PGKEEP_<NAME>, and a JSON document on
 * stdin. What it prints is logged by line with the hook's name. After its time it is ended with all
 * that it started: SIGTERM to its session, SIGKILL 5 s later.
 *
 * One thread, which outlives it (base/process.h).
 */
#ifndef PGKEEP_SESSION_HOOK_H
#define PGKEEP_SESSION_HOOK_H

#include "config/settings.h"

struct hook_spec {
    const char *name;                /* "before" "after_success" … */
    const struct strlist *arguments; /* empty: there is none, and all is well */
    const struct strlist *facts;     /* "PGKEEP_JOB=nightly" … */
    const char *document;            /* JSON */
    int64_t timeout_s;
    const struct settings *settings;
    struct cancel *cancel; /* ends it, too; NULL: the root */
};

/* 0: it ended with 0. ERR_SYSTEM with its name and how it ended; ERR_CANCELLED by `cancel` alone. */
int hook_run(const struct hook_spec *spec, struct err *err) MUST_USE;

#endif
