/* Decided once, so that whoever asks later need not know where it was said. */
#include "config/source_settings.h"

#include "base/memory.h"
#include "postgres/conninfo.h"

static void add_all(struct strlist *out, const struct strlist *own, const char *const *more)
{
    for (size_t i = 0; i < own->count; i++)
        strlist_add(out, own->items[i]);
    for (; more != NULL && *more != NULL; more++)
        strlist_add(out, *more);
}

/* The user's own, and what of a project is the platform's. */
static void narrow_to_project(struct source_settings *source)
{
    const struct dump_filters *own = &source->filters;
    struct dump_filters *out = &source->dumped;
    add_all(&out->schemas, &own->schemas, NULL);
    add_all(&out->exclude_schemas, &own->exclude_schemas, supabase_schemas_not_dumped);
    add_all(&out->tables, &own->tables, NULL);
    add_all(&out->exclude_tables, &own->exclude_tables, NULL);
    add_all(&out->exclude_table_data, &own->exclude_table_data,
            supabase_tables_without_rows);
}

void source_settings_release_profile(struct source_settings *source)
{
    struct dump_filters *filters = &source->dumped;
    strlist_release(&filters->schemas);
    strlist_release(&filters->exclude_schemas);
    strlist_release(&filters->tables);
    strlist_release(&filters->exclude_tables);
    strlist_release(&filters->exclude_table_data);
}

/* A project has its roles beside the database, and shows nobody their passwords. */
void source_settings_apply_profile(struct source_settings *source)
{
    char *host = conninfo_value(source->conninfo.text, "host");
    bool project = supabase_is_meant(source->profile, host);
    source->profile = project ? PROFILE_SUPABASE : PROFILE_NONE;
    if (project) {
        source->globals = true;
        source->no_role_passwords = true;
        narrow_to_project(source);
    }
    free(host);
}

const struct dump_filters *settings_filters(const struct source_settings *source)
{
    return source->profile == PROFILE_SUPABASE ? &source->dumped : &source->filters;
}
