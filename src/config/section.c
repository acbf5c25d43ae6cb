#include "config/section.h"
#include "config/settings.h"
#include "config/value.h"

void section_defaults(struct layer *layer, enum option_scope scope, const char *section,
                      enum option_only only)
{
    for (size_t i = 0; i < option_table_count; i++) {
        const struct option *option = &option_table[i];
        bool fits =
            only == OPTION_ANY || option->only == OPTION_ANY || option->only == only;
        if (option->scope == scope && option->initial && fits &&
            !layer_find(layer, option, section))
            layer_set(layer, option, section, option->initial, "default");
    }
}

int section_blame(const char *origin, struct err *err)
{
    err->kind = text_starts_with(origin, "--") ? ERR_USAGE : ERR_CONFIG;
    return err_context(err, "%s", origin);
}

/* Top-level values have no section; a section's name is only unique within its scope. */
static bool belongs(const struct layer_value *value, enum option_scope scope,
                    const char *section)
{
    if (value->option->scope != scope || !value->section != !section)
        return false;
    return !section || strcmp(value->section, section) == 0;
}

int section_assign(const struct layer *layer, enum option_scope scope, const char *section,
                   void *target, struct err *err)
{
    for (size_t i = 0; i < layer->count; i++) {
        const struct layer_value *value = &layer->values[i];
        if (!belongs(value, scope, section))
            continue;
        for (size_t j = 0; j < value->items.count; j++) {
            if (option_assign(value->option, target, value->items.items[j], err) < 0)
                return section_blame(value->origin, err);
        }
    }
    return 0;
}

/* Its rows have no fields, so the table cannot free them. */
static void release_policy(struct policy_settings *policy)
{
    strlist_release(&policy->keys);
    strlist_release(&policy->values);
    policy->keys = policy->values = (struct strlist){0};
}

void section_release(enum option_scope scope, void *target)
{
    if (scope == OPTION_POLICY) {
        release_policy(target);
        return;
    }
    for (size_t i = 0; i < option_table_count; i++) {
        const struct option *option = &option_table[i];
        if (option->scope == scope && value_types[option->type].release)
            value_types[option->type].release(option, target);
    }
}
