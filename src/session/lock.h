/*
 * lock - who may run: one backup and one scheduled check per job; one prune, delete, sweep or rebuild per catalog; one
 * `serve` per catalog.
 *
 * Lock files lie beside the catalog, CATALOG.job-NAME.lock, CATALOG.check-NAME.lock, CATALOG.serve.lock and CATALOG.lock, and stay
 * there: removing them would let two processes lock two files of one name. flock(2) holds
 * it, so the kernel releases it when the process ends, however it ends; children do not
 * inherit it over exec. Inside stands who holds it, for the message of whoever comes
 * second.
 *
 * A catalog on NFS: Linux makes flock a lock of the server there, seen by all machines,
 * unless it is mounted with nolock or local_lock=flock; then each machine has its own and
 * only the catalog's own transactions keep two machines apart.
 */
#ifndef PGKEEP_SESSION_LOCK_H
#define PGKEEP_SESSION_LOCK_H

#include "base/err.h"

struct lock;

enum lock_kind {
    LOCK_JOB,    /* taking a backup of this job */
    LOCK_CHECK,  /* verifying a backup of this job by its schedule, or a drill */
    LOCK_SERVE,  /* running what is due */
    LOCK_REMOVAL /* prune, delete, sweep; a rebuild holds it and every LOCK_JOB */
};

struct lock_spec {
    const char *catalog; /* its path; the folder is made, the file need not be there */
    enum lock_kind kind;
    const char *
        name; /* LOCK_JOB, LOCK_CHECK: of the job, or what stands for it; else not looked at */
    const char *command; /* "backup nightly": shown to others */
};
/* Never waits. ERR_BUSY, with command, pid and begin of the holder in the text; ERR_SYSTEM. */
struct lock *lock_take(const struct lock_spec *spec, struct err *err) MUST_USE;
void lock_release(struct lock *lock); /* NULL-safe */

#endif
