/*
 * anomaly - does a fresh backup look like the ones before it? (RETENTION section 6)
 *
 * A dump that suddenly is half as large, or empty, may be quite right - and may be the last
 * thing that is written before the good ones expire. It is kept and marked suspect; prune
 * then holds its group until a person accepts it, a drill proves it or a normal one follows.
 */
#ifndef PGKEEP_BACKUP_ANOMALY_H
#define PGKEEP_BACKUP_ANOMALY_H

#include "base/text.h"
#include "catalog/artifacts.h"

#define ANOMALY_LAST 7 /* complete ones whose medians are normal */

/* Compares raw bytes, tables and rows of `artifact` (with its tables, seq set) with the
 * medians of its group. shrink: percent that each may be smaller, 1-100. Adds one sentence
 * per finding, joined by "; ", to `why`; nothing: it looks normal. */
int anomaly_find(struct catalog *catalog, const struct catalog_artifact *artifact,
                 double shrink, struct text *why, struct err *err) MUST_USE;

#endif
