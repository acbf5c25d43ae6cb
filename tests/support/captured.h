/*
 * captured - what is written to stderr meanwhile, as a text. One at a time.
 */
#ifndef PGKEEP_TESTS_CAPTURED_H
#define PGKEEP_TESTS_CAPTURED_H

#include "base/text.h"

void captured_begin(void);
/* stderr is itself again; `out` is initialised here, the caller releases it. */
void captured_end(struct text *out);

#endif
