/* What all sections have in common, be they of a file or of a store's URL. */
#include "config/section.h"
#include "config/settings.h"
#include "config/value.h"

/* A store without a type counts as S3: the check names the missing "type" itself. */
enum option_only section_store_kind(const struct layer *layer, const char *section)
{
    const struct layer_value *type =
        layer_find(layer, option_find(OPTION_STORE, "type"), section);
    bool dir = type && type->items.count > 0 && strcmp(type->items.items[0], "dir") == 0;
    return dir ? OPTION_ONLY_DIR : OPTION_ONLY_S3;
}

/* What nobody said. A key of another type of store gets no default: it would look as if it
 * counted. */
void section_defaults(struct layer *layer, enum option_scope scope, const char *section,
                      enum option_only only)
{
    for (size_t i = 0; i < option_table_count; i++) {
        const struct option *option = &option_table[i];
        if (option->scope == scope && option->initial && option_is_for(option, only) &&
            !layer_find(layer, option, section))
            layer_set(layer, option, section, option->initial, "default");
    }
}

/* Whoever wrote it can mend it: a word on the command line, or a line of a file. */
int section_blame(const char *origin, struct err *err)
{
    err->kind = text_starts_with(origin, "--") ? ERR_USAGE : ERR_CONFIG;
    return err_context(err, "%s", origin);
}

/* In the order of the layer, so that of two texts for one field the later one counts. */
int section_assign(const struct layer *layer, enum option_scope scope, const char *section,
                   void *target, struct err *err)
{
    for (size_t i = 0; i < layer->count; i++) {
        const struct layer_value *value = &layer->values[i];
        /* Top-level values have no section; a name is only unique within its scope. */
        if (value->option->scope != scope || !text_equal(value->section, section))
            continue;
        /* A list is its items one by one: the field grows. */
        for (size_t j = 0; j < value->items.count; j++) {
            if (option_assign(value->option, target, value->items.items[j], err) < 0)
                return section_blame(value->origin, err);
        }
    }
    return 0;
}

void section_release(enum option_scope scope, void *target)
{
    /* A policy's rows have no fields, so the table cannot free them. */
    if (scope == OPTION_POLICY) {
        struct policy_settings *policy = target;
        strlist_release(&policy->keys);
        strlist_release(&policy->values);
        return;
    }
    for (size_t i = 0; i < option_table_count; i++) {
        const struct option *option = &option_table[i];
        if (option->scope == scope)
            value_release(option, target);
    }
}
