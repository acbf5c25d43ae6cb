/*
 * project - a restore into a Supabase project (`restore --profile supabase`): what its platform
 * has made there already is left alone.
 *
 *     selection_make -> project_narrow -> carry_out
 *
 * Left out of the selection are the definitions of the platform's schemas (their rows come), its
 * extensions, publications and event triggers, owners and default privileges of its roles, and the
 * history of migrations unless a pattern chose it. What users hang on tables of the platform comes:
 * policies, and triggers whose function is their own. Which names are the platform's stands in
 * postgres/profile/supabase.c. Pure; nothing is asked of a server.
 */
#ifndef PGKEEP_BACKUP_RESTORE_PROJECT_H
#define PGKEEP_BACKUP_RESTORE_PROJECT_H

#include "backup/restore/selection.h"

/* Adds to selection->left_out one line for each schema and kind of thing. */
void project_narrow(const struct outline *outline, struct selection *selection);

#endif
