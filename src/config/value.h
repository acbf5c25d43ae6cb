/*
 * value - the types of option.h, one row each: what a text must look like, how it is stored
 * in a struct of settings.h and printed again. Only option.c, section.c and
 * store_settings.c use it; any thread.
 */
#ifndef PGKEEP_CONFIG_VALUE_H
#define PGKEEP_CONFIG_VALUE_H

#include "config/option.h"

struct value_type {
    const char *phrase; /* what it must be, for errors; words and range are added */
    const char *name;   /* help's word for it; NULL: the words */
    /* Is it one? Fills err (ERR_USAGE) only when it knows more than the phrase. */
    bool (*fits)(const struct option *option, const char *text, struct err *err);
    /* The text fits; target is the whole struct. */
    void (*store)(const struct option *option, void *target, const char *text);
    /* Frees what `store` left there; NULL: nothing to free. */
    void (*release)(const struct option *option, void *target);
    /* What `store` would read; NULL for lists and secrets. */
    void (*print)(const struct option *option, const void *target, struct text *out);
};

extern const struct value_type value_types[OPTION_TYPE_COUNT];

/* The place of `word` in words joined by `separator`, or -1. */
int value_word(const char *words, char separator, const char *word);

#endif
