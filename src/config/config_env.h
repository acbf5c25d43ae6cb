/*
 * config_env - PGKEEP_<KEY> variables of top-level keys into a layer. Other PGKEEP_ names
 * that look like a misspelled key are warned about once; the rest are left alone, as
 * scripts have their own.
 */
#ifndef PGKEEP_CONFIG_CONFIG_ENV_H
#define PGKEEP_CONFIG_CONFIG_ENV_H

#include "config/layer.h"

/* ERR_CONFIG with the variable's name. An empty variable counts as not set. */
int config_env_read(struct layer *out, struct err *err) MUST_USE;

#endif
