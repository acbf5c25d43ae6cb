/*
 * artifact_text - artifacts for people: the rows of `list`, the page of `show`. All text is
 * escaped by output.h. One thread.
 */
#ifndef PGKEEP_CMD_ARTIFACT_TEXT_H
#define PGKEEP_CMD_ARTIFACT_TEXT_H

#include "report/artifact_json.h"

/* A table with one row each: short id, time, job, database, type, stored size, status,
 * copies ("nas, offsite failed": a store's name alone is a good copy), and remarks: pins,
 * marks, the artifact's name, and what went wrong. Loaded with copies. */
void artifact_text_list(struct catalog *catalog, const struct catalog_artifacts *artifacts,
                        const struct artifact_view *view);

/* The page: fields, then a block per copy, tables with their rows, the history of
 * verifications. Loaded with copies and tables. */
void artifact_text_page(const struct catalog_artifact *artifact,
                        const struct catalog_verifications *verifications,
                        const struct artifact_view *view);

/* One more part of what may hold several: with a "; " in front where it is not the first. */
void artifact_text_add_part(struct text *out, const char *part);

/* Why it failed, in short, for a row: the first line without the hint and without the
 * store's name; of more than 'width' bytes the middle is left out. */
void artifact_text_add_reason(struct text *out, const char *reason, size_t width);

#endif
