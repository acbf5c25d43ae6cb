/*
 * status_follow - `status --follow`: what is under way, second by second, from the catalog, where
 * another process writes its progress; until nothing is under way any more.
 */
#ifndef PGKEEP_CMD_UPKEEP_STATUS_FOLLOW_H
#define PGKEEP_CMD_UPKEEP_STATUS_FOLLOW_H

#include "cmd/cmd.h"

/* job NULL: of all. A line on stdout for each backup that got on; with json one object
 * {id,job,database,phase,raw_bytes,stored_bytes,estimate_bytes} a line. ERR_CANCELLED when it is
 * interrupted. */
int status_follow(struct session *session, const char *job, bool json,
                  struct err *err) MUST_USE;

#endif
