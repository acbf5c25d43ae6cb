/*
 * source_settings - what follows from the profile of a source (postgres/profile/supabase.h). For
 * settings.c; whoever dumps asks settings_filters.
 */
#ifndef PGKEEP_CONFIG_SOURCE_SETTINGS_H
#define PGKEEP_CONFIG_SOURCE_SETTINGS_H

#include "config/settings.h"

/* Decides what `auto` is, and sets what a project means: its roles, without passwords, and filters. */
void source_settings_apply_profile(struct source_settings *source);
/* Frees what was set beside the rows of the table. */
void source_settings_release_profile(struct source_settings *source);

#endif
