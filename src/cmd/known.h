/*
 * known - is a name that somebody typed one that the configuration or the catalog has? A slip
 * of the pen should not read as "there are no backups".
 */
#ifndef PGKEEP_CMD_KNOWN_H
#define PGKEEP_CMD_KNOWN_H

#include "catalog/db/catalog.h"
#include "config/settings.h"

/* name NULL: 0. ERR_CONFIG with the nearest or all names of the configuration as a hint. */
int known_job(const struct settings *settings, struct catalog *catalog, const char *name,
              struct err *err) MUST_USE;
int known_store(const struct settings *settings, struct catalog *catalog, const char *name,
                struct err *err) MUST_USE;

#endif
