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

static void release_value(struct layer_value *value)
{
    wipe_items(&value->items);
    free(value->section);
    free(value->origin);
}

void layer_release(struct layer *layer)
{
    for (size_t i = 0; i < layer->count; i++)
        release_value(&layer->values[i]);
    for (size_t i = 0; i < layer->section_count; i++) {
        free(layer->sections[i].name);
        free(layer->sections[i].origin);
    }
    free(layer->values);
    free(layer->sections);
    layer_init(layer);
}

static struct layer_value *find(const struct layer *layer, const struct option *option,
                                const char *section)
{
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

static void set_origin(struct layer_value *value, const char *origin)
{
    char *copy = memory_strdup(origin);
    free(value->origin);
    value->origin = copy;
}

/* The value that is there, with its items, or a new one without. */
static struct layer_value *obtain(struct layer *layer, const struct option *option,
                                  const char *section)
{
    struct layer_value *value = find(layer, option, section);
    if (value)
        return value;
    memory_grow(&layer->values, &layer->capacity, layer->count + 1, sizeof(*layer->values));
    value = &layer->values[layer->count++];
    *value = (struct layer_value){.option = option, .section = memory_strdup(section)};
    return value;
}

struct layer_value *layer_put(struct layer *layer, const struct option *option,
                              const char *section, const char *origin)
{
    struct layer_value *value = obtain(layer, option, section);
    wipe_items(&value->items);
    value->items = (struct strlist){0};
    set_origin(value, origin);
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

void layer_append(struct layer *layer, const struct option *option, const char *section,
                  const char *text, const char *origin)
{
    struct layer_value *value = obtain(layer, option, section);
    layer_add_item(value, text);
    set_origin(value, origin);
}

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

void layer_add_section(struct layer *layer, enum option_scope scope, const char *name,
                       const char *origin)
{
    if (layer_find_section(layer, scope, name))
        return;
    memory_grow(&layer->sections, &layer->section_capacity, layer->section_count + 1,
                sizeof(*layer->sections));
    layer->sections[layer->section_count++] = (struct layer_section){
        .scope = scope,
        .name = memory_strdup(name),
        .origin = memory_strdup(origin),
    };
}

/* Lists are replaced as a whole, as everything is: `--table x` means x, not x and what the
 * file says. Tags are labels, and one more does not take the others away. */
static void merge_value(struct layer *lower, const struct layer_value *upper)
{
    const struct layer_value *there = find(lower, upper->option, upper->section);
    bool adds = upper->option->type == OPTION_TAGS && there;
    char *origin = adds ? memory_format("%s, %s", there->origin, upper->origin)
                        : memory_strdup(upper->origin);
    struct layer_value *value = obtain(lower, upper->option, upper->section);
    if (!adds) {
        wipe_items(&value->items);
        value->items = (struct strlist){0};
    }
    for (size_t i = 0; i < upper->items.count; i++)
        layer_add_item(value, upper->items.items[i]);
    set_origin(value, origin);
    free(origin);
}

void layer_merge(struct layer *lower, const struct layer *upper)
{
    for (size_t i = 0; i < upper->section_count; i++) {
        const struct layer_section *section = &upper->sections[i];
        layer_add_section(lower, section->scope, section->name, section->origin);
    }
    for (size_t i = 0; i < upper->count; i++)
        merge_value(lower, &upper->values[i]);
}

/* The only place where values turn into something to read; nothing else prints them. */
static void display_item(const struct option *option, const char *item, struct text *out)
{
    if (option->type == OPTION_CONNINFO)
        conninfo_redact(item, out);
    else if (option->type == OPTION_URL || option->type == OPTION_STORE_URL)
        redact_url(item, out);
    else if (option_is_secret(option, item))
        text_add(out, "(hidden)");
    else
        text_add(out, item);
}

void layer_display(const struct layer_value *value, struct text *out)
{
    for (size_t i = 0; i < value->items.count; i++) {
        if (i > 0)
            text_add(out, ", ");
        display_item(value->option, value->items.items[i], out);
    }
}
