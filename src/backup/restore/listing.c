/*
 * The same decisions as for a restore, printed instead of carried out: what is listed and what
 * would come cannot differ.
 */
#include "backup/restore/listing.h"

#include "base/memory.h"

static void add_item(struct listing *listing, const struct listing_item *item)
{
    struct listing_item *added = memory_append(&listing->items, &listing->count,
                                               &listing->capacity, sizeof *listing->items);
    *added = *item;
}

static void add_rows(struct listing *listing, const struct sql_name *table,
                     const struct outline_rows *rows)
{
    struct listing_item item = {.section = section_name(SECTION_DATA),
                                .type = "rows",
                                .schema = memory_strdup(table->schema),
                                .name = memory_strdup(table->name),
                                .counted = rows != NULL,
                                .rows = rows != NULL ? rows->rows : 0,
                                .raw_bytes = rows != NULL ? rows->raw_bytes : 0};
    add_item(listing, &item);
}

/* What is made, and rows; owners, rights and comments are part of what they speak of. */
static void add_statement(struct listing *listing, const struct statement *statement)
{
    /* One line for each thing, not for each statement. */
    bool told =
        statement->action == STATEMENT_CREATE || statement->action == STATEMENT_ADD ||
        statement->action == STATEMENT_FOREIGN_KEY ||
        statement->action == STATEMENT_SEQUENCE_SET ||
        statement->action == STATEMENT_REFRESH || statement->action == STATEMENT_OTHER;
    if (!told)
        return;
    struct listing_item item = {.section = section_name(statement->section),
                                .type = statement->type,
                                .schema = memory_strdup(statement->of.schema),
                                .name = memory_strdup(statement->of.name),
                                .object = memory_strdup(statement->object.name)};
    /* Known by its first words only. */
    if (statement->action == STATEMENT_OTHER) {
        item.type = "statement";
        item.object = statement_label(statement);
    }
    add_item(listing, &item);
}

void listing_fill(struct listing *listing, const struct script *script,
                  const struct selection_spec *chosen)
{
    const struct outline *outline = &script->outline;
    const struct selection *selection = &script->selection;
    /* In the order in which they would come. */
    size_t rows = 0;
    bool data = selection_has_section(chosen, SECTION_DATA);
    for (size_t i = 0; i <= outline->count; i++) {
        for (; rows < outline->rows_count && outline->rows[rows].behind == i; rows++)
            if (selection->rows[rows])
                add_rows(listing, &outline->rows[rows].name, &outline->rows[rows]);
        if (i < outline->count && selection->statements[i])
            add_statement(listing, &outline->items[i]);
    }
    /* An archive does not say how many they are. */
    for (size_t i = 0; script->chunks == NULL && data && i < outline->relation_count; i++)
        if (selection->relations[i] && strcmp(outline->relations[i].type, "table") == 0)
            add_rows(listing, &outline->relations[i].name, NULL);
}

void listing_release(struct listing *listing)
{
    for (size_t i = 0; i < listing->count; i++) {
        free(listing->items[i].schema);
        free(listing->items[i].name);
        free(listing->items[i].object);
    }
    free(listing->items);
    strlist_release(&listing->left_out);
    strlist_release(&listing->brought);
    *listing = (struct listing){0};
}
