/*
 * The expressions are made for the server; the C library's extended ones mean the same for all
 * that pg_dump's documentation shows. Names are compared byte by byte.
 */
#include "backup/restore/name_pattern.h"

#include "postgres/server_pattern.h"

#include <stdlib.h>

static int compile(const char *expression, regex_t *out, const char *pattern,
                   struct err *err)
{
    if (regcomp(out, expression, REG_EXTENDED | REG_NOSUB) == 0)
        return 0;
    return err_set(err, ERR_USAGE, "\"%s\" is no pattern", pattern);
}

int name_pattern_compile(struct name_pattern *out, const char *text, struct err *err)
{
    struct server_pattern parsed;
    /* The same reading of a pattern as for the checks before a dump. */
    server_pattern_parse(text, &parsed);
    out->any_schema = parsed.schema == NULL;
    int result = compile(parsed.name, &out->name, text, err);
    /* The schema is a pattern of its own. */
    if (result == 0 && !out->any_schema &&
        compile(parsed.schema, &out->schema, text, err) < 0) {
        regfree(&out->name);
        result = -1;
    }
    server_pattern_release(&parsed);
    return result;
}

void name_pattern_release(struct name_pattern *pattern)
{
    regfree(&pattern->name);
    if (!pattern->any_schema)
        regfree(&pattern->schema);
}

bool name_pattern_fits(const struct name_pattern *pattern, const struct sql_name *name)
{
    return regexec(&pattern->name, name->name, 0, NULL, 0) == 0 &&
           (pattern->any_schema ||
            regexec(&pattern->schema, name->schema, 0, NULL, 0) == 0);
}

bool name_pattern_fits_schema(const struct name_pattern *pattern, const char *schema)
{
    return regexec(&pattern->name, schema, 0, NULL, 0) == 0;
}
