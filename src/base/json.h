/*
 * json - strict reading and lossless writing on top of jansson.
 *
 * Reading: json_reader walks one object; every key must be asked for or it is an error at the end,
 * so that a manifest of another version cannot be misread. Writing: PostgreSQL names may be no
 * UTF-8; such a name becomes {"hex": "<bytes>"} and reads back as the same bytes.
 */
#ifndef PGKEEP_BASE_JSON_H
#define PGKEEP_BASE_JSON_H

#include "base/err.h"
#include "base/text.h"

#include <jansson.h>

/* Parses one document: no duplicate keys, depth and size bounded by jansson. ERR_CORRUPT. */
json_t *json_parse(const char *data, size_t size, struct err *err) MUST_USE;
/* Compact or indented by 2, keys in insertion order; heap. */
char *json_text(const json_t *value, bool indent) MUST_USE;

/* Takes the value. A key that is there gets another value and keeps its place. */
void json_set(json_t *object, const char *key, json_t *value);
/* The text of an error (err.h) in two: what happened, and the hint behind it or null. NULL: null. */
json_t *json_sentence(const char *text) MUST_USE;
json_t *json_hint(const char *text) MUST_USE;
/* A string, or {"hex": ...} when the bytes are no UTF-8; json null for NULL. New reference. */
json_t *json_bytes(const char *string) MUST_USE;
/* An array of them. New reference. */
json_t *json_strings(const struct strlist *list) MUST_USE;
/* A time (seconds UTC) as RFC 3339, or null when 0. New reference. */
json_t *json_time(int64_t seconds) MUST_USE;

struct json_reader {
    const json_t *object;
    struct strlist seen;
    const char *what; /* for errors: "manifest" */
    struct err *err;
    bool failed; /* sticky: later calls do nothing */
};
/* what and err must outlive the reader. Not an object: failed. */
void json_reader_init(struct json_reader *reader, const json_t *object, const char *what,
                      struct err *err);
/* Required unless `optional`; strings are heap copies the caller frees (NULL when absent or
 * null). */
char *json_read_string(struct json_reader *reader, const char *key, bool optional) MUST_USE;
char *json_read_bytes(struct json_reader *reader, const char *key, bool optional) MUST_USE;
/* Adds each string of an array to `out`; each may be {"hex": ...}. */
void json_read_list(struct json_reader *reader, const char *key, bool optional,
                    struct strlist *out);
int64_t json_read_int(struct json_reader *reader, const char *key, int64_t min, int64_t max,
                      bool optional);
bool json_read_bool(struct json_reader *reader, const char *key, bool optional);
int64_t json_read_time(struct json_reader *reader, const char *key, bool optional);
const json_t *json_read_array(struct json_reader *reader, const char *key, bool optional);
const json_t *json_read_object(struct json_reader *reader, const char *key, bool optional);
/* What a caller finds wrong with a value by itself: 'WHAT: "KEY" PROBLEM', unless it failed
 * before. */
void json_reader_fail(struct json_reader *reader, const char *key, const char *problem);
/* Fails on keys that were not asked for unless `lenient`. Releases. 0 or -1 (ERR_CORRUPT). */
int json_reader_finish(struct json_reader *reader, bool lenient) MUST_USE;

#endif
