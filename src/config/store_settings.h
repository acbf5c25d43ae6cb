/*
 * store_settings - a store as a URL. The public half is in settings.h; this is for
 * settings.c and adhoc.c.
 */
#ifndef PGKEEP_CONFIG_STORE_SETTINGS_H
#define PGKEEP_CONFIG_STORE_SETTINGS_H

#include "config/layer.h"
#include "config/settings.h"

/* Reads the URL into a section of the layer named like the URL without its query
 * (normalised); *name is that name, heap. Keys and values are checked one by one, not yet
 * against each other. ERR_USAGE. */
int store_settings_read(const char *url, const char *origin, struct layer *out, char **name,
                        struct err *err) MUST_USE;
/* After section_assign: path_style = true becomes style = "path". */
void store_settings_join_styles(struct store_settings *store);

#endif
