/*
 * config_example - conf/pgkeep.conf.example and `pgkeep config --example`, from the table.
 */
#ifndef PGKEEP_CMD_UPKEEP_CONFIG_EXAMPLE_H
#define PGKEEP_CMD_UPKEEP_CONFIG_EXAMPLE_H

#include "base/text.h"

/* A commented file that loads as it is: what must be given stands there, the rest as
 * comments with an example value and the default. */
void config_example_print(struct text *out);

#endif
