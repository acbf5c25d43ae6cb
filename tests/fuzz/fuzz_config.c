/* A configuration file of any bytes: read and checked, or refused with a line; never a
 * crash, and every refusal is an ERR_CONFIG with a text. What loads prints and can be built
 * into structs. */
#include "base/memory.h"
#include "config/config_file.h"
#include "config/section.h"
#include "config/settings_check.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
const char *__lsan_default_suppressions(void);

/* libconfig 1.5 itself loses a string when the syntax is wrong inside one. */
const char *__lsan_default_suppressions(void)
{
    return "leak:libconfig";
}

static void display_all(const struct layer *layer)
{
    for (size_t i = 0; i < layer->count; i++) {
        struct text text;
        text_init(&text, 1 << 20);
        layer_display(&layer->values[i], &text);
        text_release(&text);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = memory_strndup((const char *)data, size);
    struct layer layer;
    struct err err = {0};
    layer_init(&layer);
    if (config_file_parse("f", text, 0600, &layer, &err) == 0) {
        display_all(&layer);
        if (settings_check_all(&layer, &err) < 0)
            assert(err.kind == ERR_CONFIG && *err.text);
    } else {
        assert(err.kind == ERR_CONFIG && text_starts_with(err.text, "f:"));
    }
    layer_release(&layer);
    free(text);
    return 0;
}
