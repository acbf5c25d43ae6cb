/*
 * resume - a restore that is told of in its target (postgres/restore/ledger.h), so that it can go
 * on after a failure: begun, or found and gone on with.
 *
 * What was chosen is kept there as it was at first: the target has more by now, and what it has
 * decides what comes along.
 */
#ifndef PGKEEP_BACKUP_RESTORE_RESUME_H
#define PGKEEP_BACKUP_RESTORE_RESUME_H

#include "backup/restore/script.h"
#include "postgres/restore/ledger.h"

struct resume_spec {
    struct ledger_spec target;
    const struct selection_spec *chosen;
    const char *search_path;
    bool disable_triggers;
    bool project; /* the target is a Supabase project */
    bool create;  /* the database is made by this restore */
    bool into_nonempty;
    bool again; /* it goes on */
};

/* The script with its selection, which an earlier one's takes the place of. *out NULL with 0: the
 * target takes nothing of ours (no right to make a schema), the restore cannot go on after a
 * failure; never with `again`. ERR_DATABASE: nothing to go on with; ERR_USAGE: it was begun with
 * other options; ERR_BUSY. */
int resume_begin(const struct resume_spec *spec, struct script *script, struct ledger **out,
                 struct err *err) MUST_USE;
/* All is there: what was kept goes. If it cannot, that is a warning: the restore is none the worse.
 * NULL-safe. */
void resume_end(struct ledger *ledger, const char *database);

#endif
