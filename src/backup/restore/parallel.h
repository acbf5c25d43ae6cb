/*
 * parallel - a plain script carried out by several sessions at once.
 *
 * What is in front of the rows comes in order, by one session. Then rows, indexes and keys as
 * task_plan.h says, by all of them; then the rest in order. The first failure cancels the others,
 * on the server, too. A session that cannot be had (no free connection) costs speed only.
 */
#ifndef PGKEEP_BACKUP_RESTORE_PARALLEL_H
#define PGKEEP_BACKUP_RESTORE_PARALLEL_H

#include "backup/restore/carry.h"

/* The calling thread's session is among them; one alone goes the same way, so that a restore may
 * go on with fewer sessions than it began with. */
int parallel_carry(const struct carry_spec *spec, unsigned sessions,
                   struct err *err) MUST_USE;
/* How many sessions pay off for so many raw bytes on this machine: one for what is small, else
 * two to four. */
unsigned parallel_pays(uint64_t raw_bytes);
/* Does it pay, and can it be done? Rows by INSERT and triggers switched in the dump's own text
 * are left to one session. */
bool parallel_fits(const struct script *script);

#endif
