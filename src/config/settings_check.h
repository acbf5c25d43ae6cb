/*
 * settings_check - values against each other: what a section must and must not have, and
 * whether the names that a job uses exist. Works on the merged layer, because there every
 * value knows its origin. Errors begin with it: ERR_USAGE for "--option", else ERR_CONFIG.
 */
#ifndef PGKEEP_CONFIG_SETTINGS_CHECK_H
#define PGKEEP_CONFIG_SETTINGS_CHECK_H

#include "config/layer.h"

int settings_check_store(const struct layer *layer, const char *name,
                         struct err *err) MUST_USE;
/* All of them. */
int settings_check_all(const struct layer *layer, struct err *err) MUST_USE;

#endif
