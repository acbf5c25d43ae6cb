/*
 * adhoc - a source and stores from the command line instead of the configuration:
 * `backup --source CONNINFO --store URL…`, `doctor --source … --store …`.
 */
#ifndef PGKEEP_CONFIG_ADHOC_H
#define PGKEEP_CONFIG_ADHOC_H

#include "config/config_args.h"

/* Is this such a line? Only for commands that have --source: elsewhere --store is a name. */
bool adhoc_is_asked(const struct config_args *args);
/* What goes together and what does not; ERR_USAGE. */
int adhoc_check(const struct config_args *args, struct err *err) MUST_USE;
/* A section per URL, named like it without its query; source "adhoc"; with both also a job
 * "adhoc". ERR_USAGE. */
int adhoc_read(const struct config_args *args, struct layer *out, struct err *err) MUST_USE;

#endif
