/*
 * ahead - what the end of a backup would have to ask of its stores, asked while the dump goes on.
 *
 *     ahead_start, once the uploads have begun -> ahead_finish before the keys are written
 *
 * A thread for each question; nothing fails here, see store_look_ahead. Both of the caller's thread.
 */
#ifndef PGKEEP_COPY_AHEAD_H
#define PGKEEP_COPY_AHEAD_H

#include "copy/fanout.h"

struct ahead;

/* Two keys, which are copied, of every bucket that is still in. Stores outlive it. */
struct ahead *ahead_start(struct fanout *fanout, const char *index_key,
                          const char *manifest_key) MUST_USE;
/* Waits for the answers, seconds at most, and frees it. NULL-safe. */
void ahead_finish(struct ahead *ahead);

#endif
