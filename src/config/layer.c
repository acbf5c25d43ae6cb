/*
 * A layer is a plain list and every look-up walks it: a configuration has some hundred
 * values, and order is worth more than speed here.
 */
#include "config/layer.h"
#include "base/memory.h"
#include "config/redact.h"
#include "postgres/conninfo.h"

void layer_init(struct layer *layer)
{
    *layer = (struct layer){0};
}

/* Any text may be a secret, or a conninfo with one inside. */
static void wipe_items(struct strlist *items)
{
    for (size_t i = 0; i < items->count; i++)
        memory_wipe(items->items[i], strlen(items->items[i]));
    strlist_release(items);
}

/* Wiped before freed: the heap would keep passwords for whoever reads a core dump. */
void layer_release(struct layer *layer)
{
    for (size_t i = 0; i < layer->count; i++) {
        wipe_items(&layer->values[i].items);
        free(layer->values[i].section);
        free(layer->values[i].origin);
    }
    for (size_t i = 0; i < layer->section_count; i++) {
        free(layer->sections[i].name);
        free(layer->sections[i].origin);
    }
    free(layer->values);
    free(layer->sections);
    layer_init(layer);
}

/* Options are rows of one table, so the pointer is the identity. */
static struct layer_value *find(const struct layer *layer, const struct option *option,
                                const char *section)
{
    /* Backwards or forwards is the same: there is one value for each key of each
     * section. */
    for (size_t i = 0; i < layer->count; i++) {
        struct layer_value *value = &layer->values[i];
        if (value->option == option && text_equal(value->section, section))
            return value;
    }
    return NULL;
}

const struct layer_value *layer_find(const struct layer *layer, const struct option *option,
                                     const char *section)
{
    return find(layer, option, section);
}

/* The value that is there, with its items, or a new one without. */
static struct layer_value *obtain(struct layer *layer, const struct option *option,
                                  const char *section)
{
    struct layer_value *value = find(layer, option, section);
    if (value)
        return value;
    /* Moves the values: pointers that were given out before end here. */
    value = memory_append(&layer->values, &layer->count, &layer->capacity, sizeof(*value));
    value->option = option;
    value->section = memory_strdup(section);
    return value;
}

struct layer_value *layer_put(struct layer *layer, const struct option *option,
                              const char *section, const char *origin)
{
    struct layer_value *value = obtain(layer, option, section);
    /* Whatever was there before does not count any more, and may have been a secret. */
    wipe_items(&value->items);
    memory_replace(&value->origin, origin);
    return value;
}

void layer_add_item(struct layer_value *value, const char *text)
{
    strlist_add(&value->items, text);
}

void layer_set(struct layer *layer, const struct option *option, const char *section,
               const char *text, const char *origin)
{
    layer_add_item(layer_put(layer, option, section, origin), text);
}

/* The origin is that of the last item: an option that was given twice has one anyway. */
void layer_append(struct layer *layer, const struct option *option, const char *section,
                  const char *text, const char *origin)
{
    struct layer_value *value = obtain(layer, option, section);
    layer_add_item(value, text);
    memory_replace(&value->origin, origin);
}

/* A job and a source may have the same name. */
const struct layer_section *layer_find_section(const struct layer *layer,
                                               enum option_scope scope, const char *name)
{
    for (size_t i = 0; i < layer->section_count; i++) {
        const struct layer_section *section = &layer->sections[i];
        if (section->scope == scope && strcmp(section->name, name) == 0)
            return section;
    }
    return NULL;
}

/* Who names it first is its origin: the file, before anything that adds to it. */
void layer_add_section(struct layer *layer, enum option_scope scope, const char *name,
                       const char *origin)
{
    if (layer_find_section(layer, scope, name))
        return;
    struct layer_section *section =
        memory_append(&layer->sections, &layer->section_count, &layer->section_capacity,
                      sizeof(*section));
    section->scope = scope;
    section->name = memory_strdup(name);
    section->origin = memory_strdup(origin);
}

/* The upper one is the user's later word; sections it names that are new are new. */
void layer_merge(struct layer *lower, const struct layer *upper)
{
    /* A section that both have keeps the place and the origin of the lower one. */
    for (size_t i = 0; i < upper->section_count; i++) {
        const struct layer_section *section = &upper->sections[i];
        layer_add_section(lower, section->scope, section->name, section->origin);
    }
    for (size_t i = 0; i < upper->count; i++) {
        const struct layer_value *from = &upper->values[i];
        struct layer_value *value = obtain(lower, from->option, from->section);
        /* Lists are replaced as a whole, as everything is: `--table x` means x, not x and
         * what the file says. Tags are labels, and one more does not take the others away:
         * they come from both places. */
        if (from->option->type == OPTION_TAGS && value->origin) {
            memory_take(&value->origin,
                        memory_format("%s, %s", value->origin, from->origin));
        } else {
            wipe_items(&value->items);
            memory_replace(&value->origin, from->origin);
        }
        for (size_t j = 0; j < from->items.count; j++)
            layer_add_item(value, from->items.items[j]);
    }
}

/* The only place where values turn into something to read; nothing else prints them. */
void layer_display(const struct layer_value *value, struct text *out)
{
    enum option_type type = value->option->type;
    for (size_t i = 0; i < value->items.count; i++) {
        const char *item = value->items.items[i];
        text_add(out, i > 0 ? ", " : ""); /* as it is read, not as the file writes it */
        /* Of a connection string or a URL a reader needs the rest. */
        if (type == OPTION_CONNINFO)
            conninfo_redact(item, out);
        else if (type == OPTION_URL || type == OPTION_STORE_URL)
            redact_url(item, out);
        else
            text_add(out, option_is_secret(value->option, item) ? "(hidden)" : item);
    }
}
