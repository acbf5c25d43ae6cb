/*
 * The messages are the server's own, whoever carried the statement out: psql, pg_restore or a
 * session of ours.
 */
#include "backup/restore_hint.h"

#include "base/memory.h"
#include "catalog/artifact_list.h"

enum { NAME_SIZE = 160 };

/* What stands between `before` and `after`: the name in a message of the server. */
static bool find_between(const char *text, const char *before, const char *after,
                         char out[NAME_SIZE])
{
    const char *from = strstr(text, before);
    const char *to = from != NULL ? strstr(from + strlen(before), after) : NULL;
    if (to == NULL)
        return false;
    from += strlen(before);
    snprintf(out, NAME_SIZE, "%.*s", (int)(to - from), from);
    return true;
}

/* The role comes with the globals: those of the same source that were taken nearest in time. */
static char *role_hint(const struct restore_spec *spec, const char *role)
{
    const struct catalog_artifact *artifact = spec->from.artifact;
    const struct catalog_filter filter = {
        .source = artifact->source, .type = "globals", .statuses = 1u << CATALOG_COMPLETE};
    struct catalog_artifacts found = {0};
    struct err ignored = {0};
    const struct catalog_artifact *nearest = NULL;
    (void)!catalog_artifacts_list(session_catalog(spec->from.session), &filter, 0, &found,
                                  &ignored);
    for (size_t i = 0; i < found.count; i++)
        if (nearest == NULL || llabs(found.items[i].time - artifact->time) <
                                   llabs(nearest->time - artifact->time))
            nearest = &found.items[i];
    char *hint =
        nearest != NULL
            ? memory_format(
                  "roles come with the globals: `pgkeep restore %s --to CONNINFO`; "
                  "or leave them out by --no-owner --no-privileges",
                  nearest->id)
            : memory_format(
                  "make it by CREATE ROLE \"%s\", or leave roles out by --no-owner "
                  "--no-privileges",
                  role);
    catalog_artifacts_release(&found);
    return hint;
}

/* A name with its schema is really missing; a bare one was found by a search_path at the source,
 * which a dump sets to nothing. */
static char *missing_hint(const struct restore_spec *spec, const char *kind,
                          const char *name)
{
    bool part = (spec->tables != NULL && spec->tables->count > 0) ||
                (spec->schemas != NULL && spec->schemas->count > 0);
    size_t size = strcspn(name, "("); /* without its arguments */
    if (memchr(name, '.', size) == NULL && spec->search_path == NULL)
        return memory_format(
            "%s %.*s is used without its schema, and a dump is restored with "
            "an empty search_path: name its schema by --search-path",
            kind, (int)size, name);
    if (part)
        return memory_format("what was chosen needs it: choose it too, or restore into a "
                             "database that has it");
    return NULL;
}

void restore_hint(const struct restore_spec *spec, struct err *err)
{
    static const struct {
        const char *kind, *before, *after;
    } missing[] = {
        {"function", "function ", " does not exist"},
        {"operator", "operator does not exist: ", ""},
        {"type", "type \"", "\" does not exist"},
        {"relation", "relation \"", "\" does not exist"},
    };
    char name[NAME_SIZE];
    char *hint = NULL;
    if (err->kind != ERR_DATABASE)
        return;
    if (find_between(err->text, "role \"", "\" does not exist", name))
        hint = role_hint(spec, name);
    for (size_t i = 0; hint == NULL && i < sizeof missing / sizeof *missing; i++)
        if (find_between(err->text, missing[i].before, missing[i].after, name))
            hint = missing_hint(spec, missing[i].kind, name);
    if (hint == NULL)
        return;
    /* Instead of what a table of messages says. */
    char *old = strstr(err->text, "\nhint: ");
    if (old != NULL)
        *old = '\0';
    err_hint(err, "%s", hint);
    free(hint);
}

int restore_hint_left(const struct restore_left *left, struct err *err)
{
    if (left->globals)
        return err_context(err, "roles and tablespaces may be incomplete now");
    const char *state = "may be incomplete now";
    if (left->resumable)
        state = "is incomplete now (the same command with --resume goes on)";
    else if (left->made)
        state = "was created and is incomplete (drop it before trying again)";
    return err_context(err, "database \"%s\" %s", left->database, state);
}
