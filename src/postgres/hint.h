/*
 * hint - what to do about well-known messages of PostgreSQL, of its programs and of
 * poolers.
 *
 * One table, searched by parts of the message. The messages are English: children run with
 * LC_ALL=C, and a server that speaks another language only loses its hint.
 */
#ifndef PGKEEP_POSTGRES_HINT_H
#define PGKEEP_POSTGRES_HINT_H

#include "base/err.h"

/* Adds what to do as a hint (err_hint); nothing when the message is not known. */
void hint_add(struct err *err, const char *message);
/* What somebody else did at that moment is the reason (a change of definitions, the last free
 * connection): the same may go well when it is tried again (ERR_AGAIN). */
bool hint_is_passing(const char *message);

#endif
