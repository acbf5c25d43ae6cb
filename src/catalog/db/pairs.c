/*
 * The fingerprint is made from a canonical spelling, because the same filter has two names:
 * `tables = [ "big" ]` in a file is `--table big` on a command line, and both make the same
 * dump.
 */
#include "catalog/db/pairs.h"

#include "base/digest.h"
#include "base/memory.h"
#include "base/text.h"
#include "catalog/db/sql.h"

void catalog_pairs_add(struct catalog_pairs *pairs, const char *name, const char *value)
{
    memory_grow(&pairs->items, &pairs->capacity, pairs->count + 1, sizeof *pairs->items);
    pairs->items[pairs->count++] =
        (struct catalog_pair){.name = memory_strdup(name), .value = memory_strdup(value)};
}

void catalog_pairs_release(struct catalog_pairs *pairs)
{
    for (size_t i = 0; i < pairs->count; i++) {
        free(pairs->items[i].name);
        free(pairs->items[i].value);
    }
    free(pairs->items);
    *pairs = (struct catalog_pairs){0};
}

int pairs_load(struct catalog *catalog, const char *question, int64_t number,
               struct catalog_pairs *pairs, struct err *err)
{
    struct sql sql;
    sql_prepare(&sql, catalog, question, err);
    sql_bind_int(&sql, number);
    while (sql_row(&sql)) {
        char *name = sql_text(&sql);
        char *value = sql_text(&sql);
        catalog_pairs_add(pairs, name, value);
        free(name);
        free(value);
    }
    return sql_end(&sql);
}

/* "--exclude-table" and "exclude_tables" are "exclude_table". Heap. */
static char *option_of(const char *name)
{
    char *option = memory_strdup(text_starts_with(name, "--") ? name + 2 : name);
    size_t length = strlen(option);
    for (char *p = option; *p != '\0'; p++)
        if (*p == '-')
            *p = '_';
    /* The plural is that of a list in the file. */
    if (length > 0 && option[length - 1] == 's')
        option[length - 1] = '\0';
    return option;
}

const char *catalog_filters_hash(const struct catalog_pairs *filters,
                                 char out[CATALOG_FILTERS_HASH_SIZE])
{
    struct strlist lines = {0};
    struct digest digest;
    unsigned char whole[SHA256_SIZE];
    out[0] = '\0';
    /* No filters, no fingerprint: the group of the full ones. */
    if (filters->count == 0)
        return out;
    for (size_t i = 0; i < filters->count; i++) {
        char *option = option_of(filters->items[i].name);
        strlist_addf(&lines, "%s=%s", option, filters->items[i].value);
        free(option);
    }
    strlist_sort(&lines);

    /* Each once, and with its NUL: a pattern may hold anything else. */
    digest_init(&digest, DIGEST_SHA256);
    for (size_t i = 0; i < lines.count; i++)
        if (i == 0 || strcmp(lines.items[i - 1], lines.items[i]) != 0)
            digest_add(&digest, lines.items[i], strlen(lines.items[i]) + 1);
    /* 32 bits are enough to tell the few filters of one database apart, and short in a
     * list. */
    digest_finish(&digest, whole);
    strlist_release(&lines);
    return digest_hex(whole, (CATALOG_FILTERS_HASH_SIZE - 1) / 2, out);
}
