/*
 * metrics_input - reads what metrics are made of: for the command and for HTTP.
 */
#ifndef PGKEEP_REPORT_METRICS_INPUT_H
#define PGKEEP_REPORT_METRICS_INPUT_H

#include "base/text.h"
#include "catalog/db/catalog.h"
#include "config/settings.h"

/* Adds the metrics of this moment to `out`. catalog NULL: there is none yet. One thread. */
int metrics_collect(const struct settings *settings, struct catalog *catalog,
                    struct text *out, struct err *err) MUST_USE;

#endif
