/*
 * _exit and not exit: handlers could ask for memory again. The commit protocol survives it, as
 * it survives kill -9.
 */
#include "base/memory.h"

#include <stdarg.h>
#include <unistd.h>

#define PAGE 4096

/* The one way out. Nothing that could allocate may be called here any more. */
static void *checked(void *memory)
{
    if (memory != NULL)
        return memory;
    static const char line[] = "pgkeep: out of memory\n";
    ssize_t ignored = write(STDERR_FILENO, line, sizeof line - 1);
    (void)ignored;
    _exit(1);
}

/* A byte at least: malloc(0) may give NULL, which is not want of memory. */
void *memory_alloc(size_t size)
{
    return checked(malloc(size > 0 ? size : 1));
}

void *memory_zalloc(size_t size)
{
    return checked(calloc(1, size > 0 ? size : 1));
}

/* calloc multiplies safely. */
void *memory_array(size_t count, size_t size)
{
    return checked(calloc(count > 0 ? count : 1, size > 0 ? size : 1));
}

void memory_grow(void *items_pointer, size_t *capacity, size_t needed, size_t size)
{
    if (needed <= *capacity)
        return;
    /* Doubled, so that n items cost n copies and not n squared; eight at first, as most lists are
     * short. */
    size_t wanted = *capacity > SIZE_MAX / 2 ? SIZE_MAX : *capacity * 2;
    if (wanted < 8)
        wanted = 8;
    if (wanted < needed)
        wanted = needed;
    /* The pointer is copied as bytes: a void ** would break the aliasing rules for T **. */
    void *items;
    memcpy(&items, items_pointer, sizeof items);
    items = checked(wanted > SIZE_MAX / size ? NULL : realloc(items, wanted * size));
    memcpy(items_pointer, &items, sizeof items);
    *capacity = wanted;
}

/* Zeroed, so that an item that is filled in by half has no pointers to anywhere. */
void *memory_append(void *items_pointer, size_t *count, size_t *capacity, size_t size)
{
    char *items;
    memory_grow(items_pointer, capacity, *count + 1, size);
    memcpy(&items, items_pointer, sizeof items);
    char *item = items + (*count)++ * size;
    memset(item, 0, size);
    return item;
}

char *memory_strdup(const char *text)
{
    return text == NULL ? NULL : memory_strndup(text, strlen(text));
}

void memory_replace(char **field, const char *text)
{
    /* Copied first: text may lie in what is freed. */
    memory_take(field, memory_strdup(text));
}

void memory_take(char **field, char *text)
{
    free(*field);
    *field = text;
}

/* Stops at a NUL, too: length is a limit, and the copy is a string. */
char *memory_strndup(const char *text, size_t length)
{
    length = strnlen(text, length);
    char *copy = memory_alloc(length + 1);
    memcpy(copy, text, length);
    copy[length] = '\0';
    return copy;
}

/* Formatted twice, first for the length. */
char *memory_vformat(const char *format, va_list arguments)
{
    va_list again;
    va_copy(again, arguments);
    int length = vsnprintf(NULL, 0, format, arguments);
    char *text = checked(length < 0 ? NULL : malloc((size_t)length + 1));
    vsnprintf(text, (size_t)length + 1, format, again);
    va_end(again);
    return text;
}

char *memory_format(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    char *text = memory_vformat(format, arguments);
    va_end(arguments);
    return text;
}

void *memory_try(size_t size, struct err *err)
{
    /* Aligned to pages: such buffers are read, hashed and sent in one piece. */
    void *memory = NULL;
    if (size == 0 || size > SIZE_MAX - PAGE || posix_memalign(&memory, PAGE, size) != 0) {
        err_set(err, ERR_SYSTEM, "not enough memory for a buffer of %zu bytes", size);
        return NULL;
    }
    return memory;
}

void memory_wipe(void *data, size_t size)
{
    if (size == 0)
        return;
    memset(data, 0, size);
    /* Without it the compiler may leave out a memset of what nobody reads any more. */
    __asm__ __volatile__("" : : "r"(data) : "memory");
}

void secret_set(struct secret *secret, const char *text)
{
    /* Copied first: text may be the secret's own. */
    char *copy = memory_strdup(text);
    secret_release(secret);
    secret->text = copy;
}

/* Wiped before it goes back: freed memory is given to others as it is. */
void secret_release(struct secret *secret)
{
    if (secret->text != NULL)
        memory_wipe(secret->text, strlen(secret->text));
    free(secret->text);
    secret->text = NULL;
}
