/* What the routes ask of a question, whoever carried it here. */
#include "api/request.h"

#include "base/parse.h"

void request_release(struct request *request)
{
    for (size_t i = 0; i < REQUEST_SEGMENTS; i++)
        free(request->segments[i]);
    json_decref(request->document);
    text_release(&request->text);
}

const char *request_text(const struct request *request, const char *name)
{
    const char *value = request->parameter(request->where, name);
    return value != NULL && *value != '\0' ? value : NULL;
}

int request_number(const struct request *request, const char *name, int64_t fallback,
                   int64_t most, int64_t *out, struct err *err)
{
    const char *value = request_text(request, name);
    *out = fallback;
    if (value == NULL || parse_int(value, 0, most, out, err) == 0)
        return 0;
    err->kind = ERR_USAGE;
    return err_context(err, "%s", name);
}
