/*
 * catalog_for - how a command opens the catalog of the settings, by what it wants to do.
 * catalog_close what comes back.
 */
#ifndef PGKEEP_CMD_CATALOG_FOR_H
#define PGKEEP_CMD_CATALOG_FOR_H

#include "catalog/db/catalog.h"
#include "config/settings.h"

/* `list`, `status`: no catalog yet is a normal answer, *absent with NULL. */
struct catalog *catalog_for_reading(const struct settings *settings, bool *absent,
                                    struct err *err) MUST_USE;
/* Commands that are given an id, or that change what is there: without a catalog
 * ERR_NOT_FOUND, with the path and the ways on as a hint. */
struct catalog *catalog_for_using(const struct settings *settings, enum catalog_mode mode,
                                  struct err *err) MUST_USE;
/* `backup`, `catalog rebuild`: it is made when absent. */
struct catalog *catalog_for_creating(const struct settings *settings,
                                     struct err *err) MUST_USE;

#endif
