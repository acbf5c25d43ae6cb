/*
 * rebuild - the catalog anew from the manifests and state files of the stores.
 *
 * It is made in a file of its own beside the catalog and takes its place only when every
 * store was read to its end; the old one is kept as CATALOG.before-TIME. What the new one
 * then knows is what lies in the stores: artifacts with their own id, seq and times, pins,
 * marks and checks, so that it lists, restores, verifies and prunes as the old one did.
 * A pin that a store was not told of goes there first. What else only the old one knew -
 * failed runs, history, deletions under way, what is damaged - is in the kept file.
 *
 * Damaged manifests are warnings and passed over. A store that does not answer, a listing
 * that breaks off, a store that is another than the old catalog knew: no new catalog.
 */
#ifndef PGKEEP_REPAIR_REBUILD_H
#define PGKEEP_REPAIR_REBUILD_H

#include "repair/sync.h"

struct rebuild_store {
    char *name;
    struct sync_result result;
};
struct rebuild_result {
    struct rebuild_store *stores;
    size_t count, capacity;
    size_t unused; /* stores without a mark: nothing of pgkeep's is in there */
    size_t artifacts, damaged;
    char *kept; /* the old catalog; NULL: there was none */
};
void rebuild_result_release(struct rebuild_result *result);

/* only: one store (name or URL) instead of all that the configuration and the old catalog
 * name. The session is one of rebuild_session. ERR_BUSY while anything is
 * running, being read or uploaded; ERR_UNSAFE when nothing at all is found though the old
 * catalog knows backups. Release *result also after an error. */
int rebuild_run(struct session *session, const char *only, struct rebuild_result *result,
                struct err *err) MUST_USE;
/* The run: it holds the locks of all jobs and of removals. The new catalog has its record. */
struct session_spec rebuild_session(void);
enum outcome rebuild_outcome(const struct rebuild_result *result);

#endif
