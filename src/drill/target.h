/*
 * target - where a drill restores into, and that nothing of it stays: a database of its own on a
 * server that was named, or a throw-away cluster (postgres/scratch/cluster.h).
 *
 *     target_open -> target_conninfo ... -> target_close          target_sweep, after a crash
 *
 * The catalog knows of it before it is made and until it is gone (catalog/db/scratches.h). A database
 * has a random name and our comment, and is dropped only while no other comment is on it. One thread.
 */
#ifndef PGKEEP_DRILL_TARGET_H
#define PGKEEP_DRILL_TARGET_H

#include "drill/names.h"
#include "postgres/server.h"
#include "session/session.h"

struct target_spec {
    struct session *session;
    const char *artifact; /* its id, for the comment */
    const char *to;       /* conninfo of a server; NULL: a cluster */
    int version;          /* server_version_num that it must have at least */
    uint64_t bytes;       /* of the dump, for the room it needs */
    uint64_t memory;      /* of a cluster */
    const struct names *names;
    const struct server_properties *properties; /* of the source */
};
struct target;

/* An empty database, with encoding, locale and settings of the source. In a cluster the roles and
 * tablespaces are there, too. ERR_DATABASE, also for want of room. What was begun is gone. */
struct target *target_open(const struct target_spec *spec, struct err *err) MUST_USE;
const char *target_conninfo(const struct target *target); /* of that database; a secret */
const char *target_database(const struct target *target);
bool target_is_cluster(const struct target *target);
int target_version(const struct target *target); /* of the server */
/* NULL-safe. What cannot be removed is a warning, and left to `sweep`. */
void target_close(struct target *target);

struct target_counts {
    size_t removed, left, failed;
};
/* What processes left that are gone. `left`: whose process may live. */
int target_sweep(struct session *session, struct target_counts *counts,
                 struct err *err) MUST_USE;

#endif
