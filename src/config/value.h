/*
 * value - the types of option.h: what a text must look like, and how it is stored in a struct
 * of settings.h, printed again and freed. For the other files of config/; any thread.
 */
#ifndef PGKEEP_CONFIG_VALUE_H
#define PGKEEP_CONFIG_VALUE_H

#include "config/option.h"

/* What a text of the type must be, for errors; words and range are added by the caller. */
const char *value_phrase(enum option_type type);
/* Help's word for it; NULL: the words. */
const char *value_name(enum option_type type);
/* Fills err (ERR_USAGE) only when it knows more than the phrase. */
bool value_fits(const struct option *option, const char *text, struct err *err);

/* Into the row's field of *target; the text fits. */
void value_store(const struct option *option, void *target, const char *text);
/* What value_store would read again; nothing for empty texts, lists and secrets. */
void value_print(const struct option *option, const void *target, struct text *out);
/* Frees what value_store left there. */
void value_release(const struct option *option, void *target);

/* The place of `word` in words joined by `separator`, or -1. */
int value_word(const char *words, char separator, const char *word);

#endif
