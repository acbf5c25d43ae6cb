/*
 * cancel - what may end a piece of work early, as a tree of nodes.
 *
 *     cancel_install (once, from main) -> cancel_new(parent) -> work that asks the node
 *     -> cancel_free
 *
 * A node is tripped by its owner, by its deadline, or together with its parent, and stays so.
 * The root is tripped by SIGINT, SIGTERM and SIGHUP, which one thread takes; one of them that was
 * ignored when the program began (nohup, a background job of a script) stays ignored. So a run
 * has a node of its own with a deadline below the root, and what ends the run ends all that it
 * started, and nothing else.
 *
 * After a signal the process has ended within 8 s, whatever a store or a server does: work stops
 * within a second, cleaning that waits for a service gives up after some more (HURRY_MS of
 * s3/core/engine.c), a child that heeds nothing is killed (process.h), and who still has not ended
 * after CANCEL_END_MS is stuck: the process ends where it is. A second signal ends it at once; one that
 * follows within 0.3 s is the same one, as timeout(1) sends it.
 * What was not cleaned is left to the next run or `sweep`.
 *
 * Wherever a `const struct cancel *` is asked for, NULL means the root. Any thread may call
 * anything; a node is freed after its children, when nobody asks it any more.
 */
#ifndef PGKEEP_BASE_CANCEL_H
#define PGKEEP_BASE_CANCEL_H

#include "base/err.h"

struct cancel;

enum { CANCEL_END_MS = 7000 };

/* Why it was tripped; the first reason stays. */
enum cancel_reason {
    CANCEL_NONE = 0,
    CANCEL_SIGINT,
    CANCEL_SIGTERM,
    CANCEL_SIGHUP,     /* a lost terminal: a wish to end like SIGTERM, told by its name */
    CANCEL_TIME_LIMIT, /* its deadline is over */
    CANCEL_ASKED       /* somebody asked for it */
};

/* Blocks the signals in all later threads, makes SIGPIPE and SIGXFSZ errors of the write that
 * would raise them, starts the thread that trips the root. Once, from main. */
int cancel_install(struct err *err) MUST_USE;
struct cancel *cancel_root(void);

/* A child of `parent` (NULL: the root). deadline_ms is a point of clock_monotonic_ms, 0: none of
 * its own; a parent's earlier one counts too. ERR_SYSTEM without a descriptor. */
struct cancel *cancel_new(struct cancel *parent, int64_t deadline_ms,
                          struct err *err) MUST_USE;
void cancel_free(struct cancel *cancel); /* NULL-safe; never the root */
/* Trips it and everything below it (NULL: the root). */
void cancel_trip(struct cancel *cancel, enum cancel_reason reason);

bool cancel_requested(const struct cancel *cancel);
/* CANCEL_NONE while it is not tripped. */
enum cancel_reason cancel_reason(const struct cancel *cancel);
/* 0, or -1 with ERR_CANCELLED: "interrupted by SIGTERM", "the time limit of 2 h is over",
 * "cancelled". */
int cancel_check(const struct cancel *cancel, struct err *err) MUST_USE;
/* A descriptor for poll(), never to be read: readable once it is tripped. -1 when the process
 * had none left for the root: then wait in short steps. */
int cancel_fd(const struct cancel *cancel);
/* Sleeps, waking early when it is tripped. True when the whole time passed. */
bool cancel_sleep_ms(const struct cancel *cancel, int64_t milliseconds);

#endif
