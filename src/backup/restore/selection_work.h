/*
 * selection_work - a selection while it is made; private to selection.c and selection_needs.c.
 */
#ifndef PGKEEP_BACKUP_RESTORE_SELECTION_WORK_H
#define PGKEEP_BACKUP_RESTORE_SELECTION_WORK_H

#include "backup/restore/selection.h"

struct selection_work {
    const struct outline *outline;
    const struct selection_spec *spec;
    struct selection *out;
    bool *objects;             /* of outline->objects: does it come along? */
    struct sql_map schemas;    /* that were chosen by --schema, or hold what comes along */
    struct sql_map extensions; /* that come along: ("", name) */
    struct sql_map dropped; /* (table, name) of triggers, indexes ... that are left out */
    struct sql_map dropped_indexes; /* by their own (schema, name); statistics, too */
    struct sql_map told; /* ("", label) of whole things that were said to stay behind */
};

/* Is it in the target? A schema by its name and "". */
bool selection_has_present(const struct selection_spec *spec, const char *schema,
                           const char *name);
/* Types, functions and sequences that what was chosen needs come along; views and functions that
 * name what does not come stay behind. ERR_NOT_FOUND: a table that cannot be made alone. */
int selection_complete(struct selection_work *work, struct err *err) MUST_USE;
/* The first thing of the dump that a statement names and that will not be there; NULL: none. */
const struct sql_name *selection_missing(const struct selection_work *work,
                                         const struct statement *statement);
/* Puts it on the list of what is left out. */
void selection_leave_out(struct selection_work *work, const struct statement *statement,
                         const struct sql_name *missing);

#endif
