/*
 * nearby - where else in a bucket or folder repositories lie: for who forgot the prefix.
 */
#ifndef PGKEEP_REPOSITORY_NEARBY_H
#define PGKEEP_REPOSITORY_NEARBY_H

#include "config/settings.h"
#include "store/store.h"

/* Looks through the whole bucket, or below the folder (`whole`: the store without its prefix), of
 * a store that holds no repository, and hangs a hint with the URLs of those that were found behind *err, which says so. Nothing is
 * added when there are none, when it cannot be listed, or when the first NEARBY_OBJECTS objects
 * show none: a bucket may hold millions of others. */
#define NEARBY_OBJECTS 20000
void nearby_hint(struct store *whole, const struct store_settings *from, struct err *err);

#endif
