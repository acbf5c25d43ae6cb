/*
 * names - what a dump's text takes for granted: roles, tablespaces and schemas that it names and
 * does not make. A cluster that was made a moment ago has none of them. Pure.
 */
#ifndef PGKEEP_DRILL_NAMES_H
#define PGKEEP_DRILL_NAMES_H

#include "backup/restore/outline.h"

struct names {
    struct strlist roles; /* without those that every server has: postgres, pg_… */
    struct strlist tablespaces;
    struct strlist schemas; /* something is made in them, and no statement makes them */
};
/* Each once, in the dump's encoding. */
void names_collect(const struct outline *outline, struct names *names);
void names_add_role(struct names *names, const char *role);
void names_release(struct names *names);

#endif
