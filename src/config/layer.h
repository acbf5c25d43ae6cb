/*
 * layer - what one place (file, environment, command line, defaults) says, as texts with
 * origins.
 *
 *     layer_init -> layer_put, layer_section ... -> layer_merge into another
 *     -> layer_release (wipes)
 *
 * Values keep the order in which they were first put. One owner, no locking.
 */
#ifndef PGKEEP_CONFIG_LAYER_H
#define PGKEEP_CONFIG_LAYER_H

#include "config/option.h"

struct layer_value {
    const struct option *option;
    /* name of the source, store, …; NULL: top level, arguments, every section */
    char *section;
    struct strlist items; /* one for a plain value; none for an empty list */
    /* "/etc/pgkeep/pgkeep.conf:12", "PGKEEP_CATALOG", "--catalog", "default" */
    char *origin;
};

/* A source, store, policy or job that exists, even without a value. */
struct layer_section {
    enum option_scope scope;
    char *name;
    char *origin;
};

struct layer {
    struct layer_value *values;
    size_t count, capacity;
    struct layer_section *sections;
    size_t section_count, section_capacity;
};

void layer_init(struct layer *layer);
void layer_release(struct layer *layer); /* wipes every text, as some are secrets */

/* The value of this option and section, made empty (whatever it held). Valid until the next
 * call that adds a value. */
struct layer_value *layer_put(struct layer *layer, const struct option *option,
                              const char *section, const char *origin);
/* One more item; the value must be layer_put's. */
void layer_add_item(struct layer_value *value, const char *text);
/* layer_put and one item: replaces. */
void layer_set(struct layer *layer, const struct option *option, const char *section,
               const char *text, const char *origin);
/* One more item, keeping those that are there. */
void layer_append(struct layer *layer, const struct option *option, const char *section,
                  const char *text, const char *origin);
/* Adds a section unless it is there. */
void layer_add_section(struct layer *layer, enum option_scope scope, const char *name,
                       const char *origin);

/* NULL when there is none. */
const struct layer_value *layer_find(const struct layer *layer, const struct option *option,
                                     const char *section);
const struct layer_section *layer_find_section(const struct layer *layer,
                                               enum option_scope scope, const char *name);

/* Lays `upper` over `lower`: its values win, and its tags are added, one per key. */
void layer_merge(struct layer *lower, const struct layer *upper);

/* The value for a reader: items joined by ", ", secrets as "(hidden)", passwords in
 * connection strings and URLs as "***". */
void layer_display(const struct layer_value *value, struct text *out);

#endif
