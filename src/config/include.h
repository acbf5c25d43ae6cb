/*
 * include - include_dir: a folder of small configuration files beside the main one, NAME.conf,
 * which hold sources, stores, policies, notifiers and jobs; and the one change that pgkeep itself makes
 * there.
 */
#ifndef PGKEEP_CONFIG_INCLUDE_H
#define PGKEEP_CONFIG_INCLUDE_H

#include "config/layer.h"

struct settings;
struct job_settings;

/* Reads DIR/<name>.conf in the order of their names into `out`; other files, and those that
 * begin with a dot, are not looked at. `dir` relative: beside config_file. ERR_CONFIG: no such
 * folder, a section that stands elsewhere already, a top-level key. */
int include_read(const char *config_file, const char *dir, struct layer *out,
                 struct err *err) MUST_USE;

/* A number that is another one when a file that the configuration was read from, or the list of
 * those files, has changed: by device, inode, size and times, without reading any. What is not
 * there counts as that. The folders to watch for changes are added to `folders` (may be NULL). */
uint64_t include_stamp(const struct settings *settings, struct strlist *folders);

/* Writes `enabled` of a job into the file of include_dir where the job stands, keeping all else
 * of it, by way of a second file and rename; *changed false: it said so already. ERR_CONFIG where
 * the job stands in a file that is not pgkeep's to write (editable, include_dir); the text says
 * which and what to write there. */
int include_set_enabled(const struct settings *settings, const struct job_settings *job,
                        bool enabled, bool *changed, struct err *err) MUST_USE;

#endif
