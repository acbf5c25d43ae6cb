/*
 * Strings are copied in and freed with the list: nobody has to know where one came from.
 */
#include "base/text.h"

#include "base/memory.h"

#include <stdarg.h>

static void append(struct strlist *list, char *owned)
{
    memory_grow(&list->items, &list->capacity, list->count + 1, sizeof *list->items);
    list->items[list->count++] = owned;
}

void strlist_add(struct strlist *list, const char *string)
{
    append(list, memory_strdup(string));
}

void strlist_addf(struct strlist *list, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    size_t size = length < 0 ? 1 : (size_t)length + 1;
    char *string = memory_zalloc(size);
    va_start(arguments, format);
    vsnprintf(string, size, format, arguments);
    va_end(arguments);
    append(list, string);
}

bool strlist_has(const struct strlist *list, const char *string)
{
    for (size_t i = 0; i < list->count; i++)
        if (strcmp(list->items[i], string) == 0)
            return true;
    return false;
}

void strlist_release(struct strlist *list)
{
    for (size_t i = 0; i < list->count; i++)
        free(list->items[i]);
    free(list->items);
    *list = (struct strlist){0};
}

char **strlist_argv(struct strlist *list)
{
    memory_grow(&list->items, &list->capacity, list->count + 1, sizeof *list->items);
    list->items[list->count] = NULL;
    return list->items;
}
