#include "tests/support/fake_s3_internal.h"

#include "base/parse.h"

#include <ctype.h>
#include <strings.h>

static const char *skip_spaces(const char *at, const char *end)
{
    while (at < end && (*at == ' ' || *at == '\t'))
        at++;
    return at;
}

char *fake_header_of(const char *headers, const char *name)
{
    size_t length = strlen(name);
    struct text value;
    bool found = false;

    text_init(&value, FAKE_BUFFER_SIZE);
    for (const char *line = headers; *line != '\0';) {
        const char *end = strstr(line, "\r\n");
        if (end == NULL)
            break;
        if (strncasecmp(line, name, length) == 0 && line[length] == ':') {
            const char *from = skip_spaces(line + length + 1, end);
            const char *to = end;
            while (to > from && (to[-1] == ' ' || to[-1] == '\t'))
                to--;
            text_add(&value, found ? "," : "");
            text_add_bytes(&value, from, (size_t)(to - from));
            found = true;
        }
        line = end + 2;
    }
    char *out = found ? text_take(&value) : NULL;
    text_release(&value);
    return out;
}

const char *fake_header(struct fake_call *call, const char *name)
{
    char *value = fake_header_of(call->headers, name);

    if (value == NULL)
        return NULL;
    strlist_add(&call->values, value);
    free(value);
    return call->values.items[call->values.count - 1];
}

const char *fake_param(const struct fake_call *call, const char *name)
{
    for (size_t i = 0; i < call->param_count; i++)
        if (strcmp(call->params[i].name, name) == 0)
            return call->params[i].value;
    return NULL;
}

unsigned fake_param_number(const struct fake_call *call, const char *name,
                           unsigned otherwise, unsigned most)
{
    const char *value = fake_param(call, name);
    int64_t number;
    struct err err;

    if (value == NULL || parse_int(value, 0, UINT32_MAX, &number, &err) < 0)
        return otherwise;
    return number > most ? most : (unsigned)number;
}

static int hex_value(char c)
{
    static const char digits[] = "0123456789abcdef";
    const char *at = c == '\0' ? NULL : strchr(digits, tolower((unsigned char)c));

    return at == NULL ? -1 : (int)(at - digits);
}

char *fake_decode(const char *text, size_t length, bool plus_is_space)
{
    char *out = memory_alloc(length + 1);
    size_t at = 0;

    for (size_t i = 0; i < length; i++) {
        int high = text[i] == '%' && i + 2 < length ? hex_value(text[i + 1]) : -1;
        int low = high >= 0 ? hex_value(text[i + 2]) : -1;
        if (low >= 0) {
            out[at++] = (char)(high * 16 + low);
            i += 2;
        } else {
            out[at++] = text[i] == '+' && plus_is_space ? ' ' : text[i];
        }
    }
    out[at] = '\0';
    return out;
}

static void add_param(struct fake_call *call, const char *from, size_t length)
{
    const char *equals = memchr(from, '=', length);
    size_t name = equals != NULL ? (size_t)(equals - from) : length;

    memory_grow(&call->params, &call->param_capacity, call->param_count + 1,
                sizeof *call->params);
    struct fake_pair *pair = &call->params[call->param_count++];
    pair->name = fake_decode(from, name, true);
    pair->value = equals != NULL ? fake_decode(equals + 1, length - name - 1, true)
                                 : memory_strdup("");
}

void fake_split_target(struct fake_call *call)
{
    size_t path = strcspn(call->target, "?");

    call->path = memory_strndup(call->target, path);
    call->query = memory_strdup(call->target[path] == '?' ? call->target + path + 1 : "");
    for (const char *at = call->query; *at != '\0';) {
        size_t length = strcspn(at, "&");
        if (length > 0)
            add_param(call, at, length);
        at += length;
        at += *at == '&';
    }
}

/* ---- XML: enough for the bodies a client sends ---- */

char *fake_xml_next(const char **at, const char *name)
{
    size_t length = strlen(name);
    char *end_tag = memory_format("</%s>", name);
    char *out = NULL;

    for (const char *tag = strchr(*at, '<'); tag != NULL; tag = strchr(tag + 1, '<')) {
        if (strncmp(tag + 1, name, length) != 0 ||
            strchr("> \t\r\n", tag[1 + length]) == NULL)
            continue;
        const char *from = strchr(tag, '>');
        const char *to = from != NULL ? strstr(from, end_tag) : NULL;
        if (to != NULL) {
            out = memory_strndup(from + 1, (size_t)(to - from - 1));
            *at = to + strlen(end_tag);
        }
        break;
    }
    free(end_tag);
    return out;
}

static const struct {
    const char *name;
    char character;
} entities[] = {
    {"&amp;", '&'}, {"&lt;", '<'}, {"&gt;", '>'}, {"&quot;", '"'}, {"&apos;", '\''}};

/* Length of the entity at `at`, its character in *out; 0: none. Characters below 128. */
static size_t entity(const char *at, char *out)
{
    for (size_t i = 0; i < sizeof entities / sizeof *entities; i++) {
        if (!text_starts_with(at, entities[i].name))
            continue;
        *out = entities[i].character;
        return strlen(entities[i].name);
    }
    if (at[1] != '#')
        return 0;
    bool hex = at[2] == 'x';
    char *end;
    unsigned long code = strtoul(at + (hex ? 3 : 2), &end, hex ? 16 : 10);
    *out = (char)code;
    return *end == ';' && code > 0 && code < 128 ? (size_t)(end - at) + 1 : 0;
}

static void unescape(char *text)
{
    char *out = text;

    for (const char *at = text; *at != '\0';) {
        char character = *at;
        size_t length = *at == '&' ? entity(at, &character) : 1;
        *out++ = length == 0 ? *at : character;
        at += length == 0 ? 1 : length;
    }
    *out = '\0';
}

char *fake_xml_text(const char *xml, const char *name)
{
    char *out = fake_xml_next(&xml, name);

    if (out != NULL)
        unescape(out);
    return out;
}

void fake_xml_escape(struct text *out, const char *text)
{
    for (; *text != '\0'; text++) {
        size_t i = 0;
        while (i < sizeof entities / sizeof *entities && entities[i].character != *text)
            i++;
        if (i < sizeof entities / sizeof *entities)
            text_add(out, entities[i].name);
        else if ((unsigned char)*text < 0x20)
            text_addf(out, "&#x%X;", (unsigned)*text);
        else
            text_add_char(out, *text);
    }
}
