/*
 * cluster - a PostgreSQL server of our own that lives as long as it is needed: made by initdb in a
 * private folder, reached by a unix socket in that folder alone, and removed with it.
 *
 *     cluster_folder -> cluster_start -> cluster_conninfo ... -> cluster_stop -> cluster_remove
 *
 * PostgreSQL refuses to run as root: then it runs as `postgres`, or `nobody` where there is none, and
 * the folder is that user's. Nobody else may enter it, so the socket needs no password. What it
 * writes need not survive anything: nothing is synced, and it is ended at once (SIGQUIT), also when
 * we die (base/process.h). One thread, which outlives it.
 */
#ifndef PGKEEP_POSTGRES_SCRATCH_CLUSTER_H
#define PGKEEP_POSTGRES_SCRATCH_CLUSTER_H

#include "base/cancel.h"
#include "base/text.h"

struct cluster_spec {
    const char *bin_dir; /* programs_find_server */
    const char *folder;  /* cluster_folder; must not exist */
    uint64_t memory;     /* bytes that it and its sessions may use, more or less */
    unsigned sessions;   /* at once */
    const struct cancel *cancel;
};
struct cluster;

/* A path that nobody has yet, below $TMPDIR or /var/tmp; heap. ERR_SYSTEM: too long for a
 * socket. */
char *cluster_folder(struct err *err) MUST_USE;
/* Does this path look like one of ours? Nothing else is ever removed. */
bool cluster_is_folder(const char *folder);
/* Made and ready for connections. ERR_DATABASE, ERR_SYSTEM; the folder may be there then. */
struct cluster *cluster_start(const struct cluster_spec *spec, struct err *err) MUST_USE;
/* How its superuser, `postgres`, connects to this database; heap. */
char *cluster_conninfo(const struct cluster *cluster, const char *database) MUST_USE;
/* A folder in it that its user owns, for a tablespace; heap. */
char *cluster_add_folder(const struct cluster *cluster, const char *name,
                         struct err *err) MUST_USE;
void cluster_stop(struct cluster *cluster); /* NULL-safe */
/* Whatever still works in the folder is ended, then it is removed; one that is not there is success.
 * Also of a process that was killed. */
int cluster_remove(const char *folder, struct err *err) MUST_USE;

#endif
