/*
 * section - from a layer to one struct of settings.h: defaults, values, release. By the
 * table.
 *
 * `section` is the name of a source, store, policy or job; NULL for the top level. `target`
 * points at the struct of the scope, zeroed before section_assign.
 */
#ifndef PGKEEP_CONFIG_SECTION_H
#define PGKEEP_CONFIG_SECTION_H

#include "config/layer.h"

/* What type of store a section is, by its value of "type". */
enum option_only section_store_kind(const struct layer *layer, const char *section);
/* Puts the default of every row of the scope that has one and is not there yet. Rows for
 * another type of store than `only` are left out (OPTION_ANY: none is). Not for policies:
 * what is absent there is off. */
void section_defaults(struct layer *layer, enum option_scope scope, const char *section,
                      enum option_only only);
/* Writes every value into target; ERR_CONFIG or ERR_USAGE with the origin in front. */
int section_assign(const struct layer *layer, enum option_scope scope, const char *section,
                   void *target, struct err *err) MUST_USE;
/* Frees every field that a row describes. */
void section_release(enum option_scope scope, void *target);

/* Puts the origin in front and makes the kind ERR_USAGE for "--option", else ERR_CONFIG.
 * Returns -1. */
int section_blame(const char *origin, struct err *err);

#endif
