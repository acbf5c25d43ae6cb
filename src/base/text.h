/*
 * text - a growing, always NUL-terminated string with a ceiling, and lists of strings.
 *
 * Adding never fails at once: what goes beyond the ceiling is dropped and remembered, and
 * text_check says so at the end. One owner, no locking.
 */
#ifndef PGKEEP_BASE_TEXT_H
#define PGKEEP_BASE_TEXT_H

#include "base/err.h"

struct text {
    char *data; /* NUL-terminated; "" when empty */
    size_t length;
    size_t capacity;
    size_t ceiling; /* bytes without the NUL */
    bool overflowed;
};

void text_init(struct text *text, size_t ceiling);
void text_release(struct text *text); /* frees; usable again only after text_init */
void text_wipe(struct text *text);    /* the same of what may hold a secret */
void text_clear(struct text *text);   /* empties, keeps memory */
void text_add(struct text *text, const char *string);
void text_add_bytes(struct text *text, const void *data, size_t size);
void text_add_char(struct text *text, char c);
void text_addf(struct text *text, const char *format, ...) PRINTF(2, 3);
/* Hands the string over; the text is empty again. */
char *text_take(struct text *text) MUST_USE;
/* The same at the end of what was built: nothing is left to be released. */
char *text_finish(struct text *text) MUST_USE;
/* 0, or -1 and ERR_SYSTEM "WHAT is larger than N bytes". */
int text_check(const struct text *text, const char *what, struct err *err) MUST_USE;

/* For terminals and logs: control characters and invalid UTF-8 become \xHH. */
void text_add_printable(struct text *text, const char *data, size_t size);
/* RFC 3986 unreserved characters stay, all else becomes %XX (upper case); '/' stays if
 * keep_slash. */
void text_add_percent(struct text *text, const char *data, size_t size, bool keep_slash);
/* The other way round: a '%' that begins no %XX stays. False when that happened or %00 came. */
bool text_add_decoded(struct text *text, const char *data, size_t size);
/* The byte of the %XX that data begins with, or -1. */
int text_percent_byte(const char *data, size_t size);
int text_hex_digit(char c); /* 0-15, or -1 */
void text_add_hex(struct text *text, const void *data, size_t size);
/* 'string', whatever is in it, as one word of a shell. */
void text_add_quoted(struct text *text, const char *string);
/* ASCII letters in lower case, whatever the locale; all other bytes stay. In place; returns string. */
char *text_lower(char *string);
char text_lower_char(char c);
bool text_is_utf8(const char *data, size_t size);
bool text_has_control(const char *string); /* a byte below 0x20, or 0x7F */
/* The same bytes; NULL equals NULL alone. */
bool text_equal(const char *a, const char *b);
/* Is it one of these words? */
bool text_is_any(const char *string, const char *const *words, size_t count);
bool text_starts_with(const char *string, const char *prefix);
bool text_ends_with(const char *string, const char *suffix);
/* "1.2 GiB"; writes at most 32 bytes. Returns out. */
const char *text_size(char out[32], uint64_t bytes);
/* "3h12m", "41s", "0.4s"; writes at most 32 bytes. Returns out. */
const char *text_duration(char out[32], int64_t milliseconds);
/* "1 copy", "2 copies"; writes at most 64 bytes. Returns out. */
const char *text_count(char out[64], size_t count, const char *one, const char *many);
/* The name nearest to `word` (edit distance <= 3 and less than its length), or NULL. */
const char *text_nearest(const char *word, const char *const *names, size_t count);

struct strlist {
    char **items;
    size_t count;
    size_t capacity;
};
void strlist_add(struct strlist *list, const char *string); /* copies */
void strlist_addf(struct strlist *list, const char *format, ...) PRINTF(2, 3);
bool strlist_has(const struct strlist *list, const char *string);
/* By their bytes, whatever the locale. */
void strlist_sort(struct strlist *list);
void strlist_release(struct strlist *list);
void strlist_wipe(struct strlist *list); /* the same for secrets */
/* items with a NULL behind the last one, for argv; valid until the next add. */
char **strlist_argv(struct strlist *list);

#endif
