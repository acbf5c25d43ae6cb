/*
 * schema - the tables of the catalog and how older files become new ones. For this folder
 * only; the page about it is README.md.
 */
#ifndef PGKEEP_CATALOG_DB_SCHEMA_H
#define PGKEEP_CATALOG_DB_SCHEMA_H

#include "catalog/db/sql.h"

#define SCHEMA_APPLICATION_ID 0x70676b70 /* "pgkp" */

/* ERR_SYSTEM when the file is another program's or of a newer pgkeep; *current: nothing is
 * to be done. Reads only. */
int schema_check(struct catalog *catalog, bool *current, struct err *err) MUST_USE;
/* Brings the file up to date, in one transaction. Somebody else may have been faster. */
int schema_migrate(struct catalog *catalog, struct err *err) MUST_USE;

#endif
