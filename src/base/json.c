/*
 * jansson's own failures are want of memory only; must() ends the process, as memory_alloc
 * does.
 *
 * A document is read by asking for each of its keys. The first problem is kept and the rest
 * of the questions are answered with nothing, so that a caller asks for all it needs without
 * a check in between and looks once, at the end.
 */
#include "base/json.h"

#include "base/clock.h"
#include "base/digest.h"
#include "base/memory.h"

/* Two values for one key is how two programs come to read two different things in one file. */
json_t *json_parse(const char *data, size_t size, struct err *err)
{
    json_error_t problem;
    json_t *value = json_loadb(data, size, JSON_REJECT_DUPLICATES, &problem);
    if (value == NULL)
        err_set(err, ERR_CORRUPT, "not valid JSON: line %d: %s", problem.line,
                problem.text);
    return value;
}

/* As memory.c does it. */
static void *must(void *memory)
{
    if (memory == NULL) {
        fputs("pgkeep: out of memory\n", stderr);
        exit(1);
    }
    return memory;
}

/* Keys stay in the order in which they were set: what is written twice is the same bytes. */
char *json_text(const json_t *value, bool indent)
{
    return must(
        json_dumps(value, JSON_ENCODE_ANY | (indent ? JSON_INDENT(2) : JSON_COMPACT)));
}

void json_set(json_t *object, const char *key, json_t *value)
{
    (void)must(json_object_set_new(object, key, value) == 0 ? object : NULL);
}

json_t *json_bytes(const char *string)
{
    if (string == NULL)
        return json_null();
    /* PostgreSQL lets a name be of any bytes (SQL_ASCII); JSON must be UTF-8, and what is
     * written must come back as the same bytes. */
    size_t length = strlen(string);
    if (text_is_utf8(string, length))
        return must(json_stringn_nocheck(string, length));
    char *hex = memory_alloc(2 * length + 1);
    json_t *object = must(json_pack("{s:s}", "hex", digest_hex(string, length, hex)));
    free(hex);
    return object;
}

json_t *json_sentence(const char *text)
{
    const char *hint = text != NULL ? strstr(text, ERR_HINT_MARK) : NULL;
    if (hint == NULL)
        return json_bytes(text);
    char *sentence = memory_format("%.*s", (int)(hint - text), text);
    json_t *string = json_bytes(sentence);
    free(sentence);
    return string;
}

json_t *json_hint(const char *text)
{
    const char *hint = text != NULL ? strstr(text, ERR_HINT_MARK) : NULL;
    return json_bytes(hint != NULL ? hint + sizeof ERR_HINT_MARK - 1 : NULL);
}

json_t *json_strings(const struct strlist *list)
{
    json_t *array = must(json_array());
    for (size_t i = 0; i < list->count; i++)
        (void)must(json_array_append_new(array, json_bytes(list->items[i])) == 0 ? array
                                                                                 : NULL);
    return array;
}

/* 0 is "never" or "not known" everywhere here, and null in a document. */
json_t *json_time(int64_t seconds)
{
    char text[32];
    return seconds == 0 ? json_null() : must(json_string(clock_rfc3339(text, seconds)));
}

/* ---- reading ---- */

/* The first problem is the cause; what follows from it is not told. */
void json_reader_fail(struct json_reader *reader, const char *key, const char *problem)
{
    if (!reader->failed)
        err_set(reader->err, ERR_CORRUPT, "%s: \"%s\" %s", reader->what, key, problem);
    reader->failed = true;
}

void json_reader_init(struct json_reader *reader, const json_t *object, const char *what,
                      struct err *err)
{
    *reader = (struct json_reader){.object = object, .what = what, .err = err};
    if (!json_is_object(object)) {
        err_set(err, ERR_CORRUPT, "%s is not a JSON object", what);
        reader->failed = true;
    }
}

/* The value of a key, or NULL when absent, null (both only where optional) or after a
 * failure. */
static const json_t *find(struct json_reader *reader, const char *key, bool optional)
{
    if (reader->failed)
        return NULL;
    /* Also when it is absent: what was asked for is known, whatever the document says. */
    strlist_add(&reader->seen, key);
    const json_t *value = json_object_get(reader->object, key);
    if (value != NULL && !json_is_null(value))
        return value;
    if (!optional)
        json_reader_fail(reader, key, "is missing");
    return NULL;
}

/* The same of one type. A null where one is allowed is absent: writers differ in that, and it
 * never means anything else. */
static const json_t *find_typed(struct json_reader *reader, const char *key, bool optional,
                                json_type type, const char *problem)
{
    const json_t *value = find(reader, key, optional);
    if (value == NULL || json_typeof(value) == type)
        return value;
    json_reader_fail(reader, key, problem);
    return NULL;
}

char *json_read_string(struct json_reader *reader, const char *key, bool optional)
{
    return memory_strdup(json_string_value(
        find_typed(reader, key, optional, JSON_STRING, "is not a string")));
}

/* A string, or the bytes of {"hex": "..."}, heap; NULL when it is anything else or holds a NUL,
 * which no name can. */
static char *bytes_of(const json_t *value)
{
    if (json_is_string(value))
        return memory_strdup(json_string_value(value));
    /* Of an object nothing but this one key: another would be lost. */
    const char *hex = json_string_value(json_object_get(value, "hex"));
    if (hex == NULL || json_object_size(value) != 1 || strlen(hex) % 2 != 0)
        return NULL;
    size_t length = strlen(hex) / 2;
    char *bytes = memory_zalloc(length + 1);
    if (digest_from_hex(hex, (unsigned char *)bytes, length) < 0 ||
        strlen(bytes) != length) {
        free(bytes);
        return NULL;
    }
    return bytes;
}

char *json_read_bytes(struct json_reader *reader, const char *key, bool optional)
{
    const json_t *value = find(reader, key, optional);
    if (value == NULL)
        return NULL;
    char *bytes = bytes_of(value);
    if (bytes == NULL)
        json_reader_fail(reader, key, "is neither a string nor {\"hex\": ...}");
    return bytes;
}

/* Of names, so each may be bytes; the first that is neither ends it. */
void json_read_list(struct json_reader *reader, const char *key, bool optional,
                    struct strlist *out)
{
    const json_t *array = json_read_array(reader, key, optional);
    for (size_t i = 0; i < json_array_size(array) && !reader->failed; i++) {
        char *bytes = bytes_of(json_array_get(array, i));
        if (bytes == NULL)
            json_reader_fail(reader, key,
                             "holds what is neither a string nor {\"hex\": ...}");
        else
            strlist_add(out, bytes);
        free(bytes);
    }
}

int64_t json_read_int(struct json_reader *reader, const char *key, int64_t min, int64_t max,
                      bool optional)
{
    /* 1.0 is not a whole number to jansson, and none that we have written. */
    const json_t *value =
        find_typed(reader, key, optional, JSON_INTEGER, "is not a whole number");
    if (value == NULL)
        return 0;
    /* jansson has refused what does not fit in 64 bits. */
    int64_t number = json_integer_value(value);
    if (number < min || number > max) {
        json_reader_fail(reader, key, "is out of range");
        return 0;
    }
    return number;
}

bool json_read_bool(struct json_reader *reader, const char *key, bool optional)
{
    const json_t *value = find(reader, key, optional);
    if (value != NULL && !json_is_boolean(value))
        json_reader_fail(reader, key, "is neither true nor false");
    return value != NULL && json_is_true(value);
}

int64_t json_read_time(struct json_reader *reader, const char *key, bool optional)
{
    const json_t *value = find(reader, key, optional);
    int64_t seconds = 0;
    struct err reason = {0};
    if (value == NULL)
        return 0;
    /* What clock_parse would tell hints at a command line; here a file is broken. */
    if (!json_is_string(value) ||
        clock_parse(json_string_value(value), &seconds, &reason) < 0) {
        json_reader_fail(reader, key, "is not a time");
        return 0;
    }
    return seconds;
}

const json_t *json_read_array(struct json_reader *reader, const char *key, bool optional)
{
    return find_typed(reader, key, optional, JSON_ARRAY, "is not an array");
}

const json_t *json_read_object(struct json_reader *reader, const char *key, bool optional)
{
    return find_typed(reader, key, optional, JSON_OBJECT, "is not an object");
}

/* Unknown keys are refused unless the document may be of a newer version: half understood it
 * could mean the opposite. */
int json_reader_finish(struct json_reader *reader, bool lenient)
{
    if (!lenient && !reader->failed) {
        /* jansson's iterators take a pointer that is not const, though they change nothing: a
         * shallow copy is the way around it. */
        json_t *object = json_copy((json_t *)(uintptr_t)reader->object);
        void *at = json_object_iter(object);
        for (; at != NULL; at = json_object_iter_next(object, at))
            if (!strlist_has(&reader->seen, json_object_iter_key(at)))
                json_reader_fail(reader, json_object_iter_key(at),
                                 "is unknown to this version");
        json_decref(object);
    }
    strlist_release(&reader->seen);
    return reader->failed ? -1 : 0;
}
