/*
 * borrow - a store that this machine knows nothing of, read as it is: `restore --store URL` on a
 * machine without catalog and configuration.
 *
 *     borrow_begin -> session_begin (SESSION_CREATE, with borrow->settings) -> borrow_read
 *     -> the operation -> session_end -> borrow_end
 *
 * The store's manifests make a catalog that lasts as long as the command, in a private folder
 * below $TMPDIR: everything above works with it as with any other. The store learns nothing of
 * us, so a prune of its owner is not kept from removing what is being read.
 */
#ifndef PGKEEP_REPAIR_BORROW_H
#define PGKEEP_REPAIR_BORROW_H

#include "session/session.h"

struct borrow {
    struct settings settings; /* the caller's, but for the path of the catalog */
    char *folder;
};

/* Is `text` the URL of a store that the catalog does not know, or is there no catalog? A catalog
 * that cannot be read is no reason not to restore: true as well. */
bool borrow_is_needed(const struct settings *settings, const char *text);
/* `settings` must outlive it. */
int borrow_begin(struct borrow *borrow, const struct settings *settings,
                 struct err *err) MUST_USE;
/* Reads all manifests of this store into the session's catalog. */
int borrow_read(struct session *session, const char *url, struct err *err) MUST_USE;
void borrow_end(struct borrow *borrow); /* NULL-safe in its parts */

#endif
