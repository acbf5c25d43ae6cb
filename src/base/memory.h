/*
 * memory - small allocations that cannot fail, and strings of secrets that are wiped.
 *
 * The memory_ functions end the process with one line on stderr and exit status 1 when memory is
 * out: the commit protocol survives that, as it survives kill -9. Buffers of a megabyte and more
 * are allocated with memory_try and their failure is an ordinary error.
 */
#ifndef PGKEEP_BASE_MEMORY_H
#define PGKEEP_BASE_MEMORY_H

#include "base/err.h"

#include <stdarg.h>

void *memory_alloc(size_t size) MUST_USE;               /* not zeroed */
void *memory_zalloc(size_t size) MUST_USE;              /* zeroed */
void *memory_array(size_t count, size_t size) MUST_USE; /* zeroed, overflow checked */
/* Grows *items (of `size` bytes each) so that at least `needed` fit; capacity doubles. */
void memory_grow(void *items_pointer, size_t *capacity, size_t needed, size_t size);
/* One more item at the end of such an array, zeroed, until the next one is added. */
void *memory_append(void *items_pointer, size_t *count, size_t *capacity, size_t size);
char *memory_strdup(const char *text) MUST_USE; /* NULL gives NULL */
char *memory_strndup(const char *text, size_t length) MUST_USE;
/* Frees *field and puts a copy of text there, or NULL. */
void memory_replace(char **field, const char *text);
/* The same with a heap string that is *field's from now on. */
void memory_take(char **field, char *text);
char *memory_format(const char *format, ...) PRINTF(1, 2) MUST_USE;
char *memory_vformat(const char *format, va_list arguments) PRINTF(1, 0) MUST_USE;

/* Page-aligned, not zeroed, free() it. NULL and ERR_SYSTEM when there is no memory. */
void *memory_try(size_t size, struct err *err) MUST_USE;

/* Overwrites in a way the compiler keeps. */
void memory_wipe(void *data, size_t size);

/* A secret: never formatted, wiped on release. text is NULL when there is none. */
struct secret {
    char *text;
};
void secret_set(struct secret *secret, const char *text); /* copies; NULL empties it */
void secret_release(struct secret *secret);               /* wipes; may be called twice */

#endif
