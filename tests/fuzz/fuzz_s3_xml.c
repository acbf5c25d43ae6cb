/* An answer of any bytes from a service: heads, errors, documents. Never a crash, never a
 * walk that succeeds on something else than one whole document with the root asked for. */
#include "base/memory.h"
#include "s3/core/answer.h"
#include "s3/http/xml.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int each(void *context, const char *path, const char *text, struct err *err)
{
    size_t *depth = context;

    (void)err;
    assert(strlen(path) <= 1024 && strlen(text) <= 64 << 10);
    (*depth)++;
    return 0;
}

static void walk(const char *data, size_t size, const char *root)
{
    struct err err = {0};
    size_t elements = 0;
    char found[128];

    if (s3_xml_walk(&(struct s3_xml){data, size, root}, each, &elements, &err) != 0) {
        assert(err.kind == ERR_TRANSIENT && *err.text != '\0');
        return;
    }
    assert(elements > 0);
    assert(s3_xml_root(data, size, found, sizeof found) && strcmp(found, root) == 0);
}

static void read_head(const char *data, size_t size)
{
    struct s3_answer answer = {0};

    /* As curl takes a head apart: a header a line, at the first colon. */
    for (const char *line = data; line < data + size;) {
        size_t length = strcspn(line, "\n");
        char *name = memory_strndup(line, length);
        char *colon = strchr(name, ':');
        if (colon != NULL) {
            *colon = '\0';
            s3_answer_header(&answer, name, colon + 1 + strspn(colon + 1, " \t"));
        }
        free(name);
        line += length + 1;
    }
    (void)s3_answer_retry_after_ms(&answer);
    assert(!answer.has_range || answer.range_last < answer.range_total);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = memory_strndup((const char *)data, size);
    size_t length = strlen(text);
    struct s3_answer answer = {0};

    read_head(text, length);
    if (s3_answer_error(&answer, text, length))
        assert(strlen(answer.code) < sizeof answer.code);
    walk(text, length, "Error");
    walk(text, length, "ListBucketResult");
    free(text);
    return 0;
}
