/* A dump's text of any bytes: the same statements however it comes, and whatever is chosen from them
 * nothing is read beyond its end. */
#include "backup/restore/selection.h"
#include "backup/restore/splitter.h"
#include "base/memory.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct taken {
    struct outline outline;
    struct text all; /* texts of statements, and rows */
};

static int take(void *context, struct statement *statement, struct err *err)
{
    struct taken *taken = context;
    (void)err;
    char *label = statement_label(statement);
    assert(statement->text[statement->size] == '\0' || strlen(label) < 4096);
    free(label);
    text_add_bytes(&taken->all, statement->text, statement->size);
    text_add_char(&taken->all, '\n');
    outline_add(&taken->outline, statement);
    return 0;
}

static int take_rows(void *context, const void *data, size_t size, struct err *err)
{
    struct taken *taken = context;
    (void)err;
    text_add_bytes(&taken->all, data, size);
    return 0;
}

/* In pieces of `step` bytes. */
static int split(const uint8_t *data, size_t size, size_t step, struct taken *taken)
{
    struct splitter_sink sink = {.statement = take, .rows = take_rows, .context = taken};
    struct splitter *splitter = splitter_new(&sink);
    struct err err = {0};
    int result = 0;
    text_init(&taken->all, SIZE_MAX / 2);
    for (size_t at = 0; at < size && result == 0; at += step) {
        /* A copy of its own size, so that reading beyond it is seen. */
        size_t piece = size - at < step ? size - at : step;
        uint8_t *copy = memory_alloc(piece);
        memcpy(copy, data + at, piece);
        result = splitter_push(splitter, copy, piece, &err);
        free(copy);
    }
    if (result == 0)
        result = splitter_finish(splitter, &err);
    assert(result == 0 || err.kind == ERR_CORRUPT);
    splitter_free(splitter);
    return result;
}

static void forget(struct taken *taken)
{
    outline_release(&taken->outline);
    text_release(&taken->all);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static char any[] = "*.*";
    static char *patterns[] = {any};
    const struct strlist list = {patterns, 1, 1};
    struct taken whole = {0}, pieces = {0};
    struct selection selection;
    struct err err = {0};
    struct selection_spec spec = {.tables = &list};
    int result = split(data, size, size + 1, &whole);
    int again = split(data, size, 3, &pieces);
    assert(result == again);
    assert(whole.all.length == pieces.all.length);
    assert(memcmp(whole.all.data, pieces.all.data, whole.all.length) == 0);
    outline_resolve(&whole.outline);
    if (selection_make(&whole.outline, &spec, &selection, &err) == 0)
        selection_release(&selection);
    forget(&whole);
    forget(&pieces);
    return 0;
}
