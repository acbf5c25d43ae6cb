#include "backup/note.h"

#include "backup/keys.h"
#include "backup/state_file.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "catalog/artifact_list.h"

/* What another machine wrote there since stays, where it is later than ours. */
static int merge_present(struct store *store, const char *key, const char *id,
                         struct state_file *state, struct err *err)
{
    struct text text;
    struct state_file present;
    struct err why = {0};
    bool absent = false;
    text_init(&text, STATE_FILE_CEILING);
    int result = store_get(store, key, &text, &absent, err);
    if (result == 0 && !absent) {
        if (state_file_parse(text.data, text.length, id, &present, &why) == 0) {
            (void)state_file_merge(state, &present);
            state_file_release(&present);
        } else {
            log_warning("%s: %s: it is written anew", key, why.text);
        }
    }
    text_release(&text);
    return result;
}

static int put_state(struct access *access, const struct catalog_artifact *artifact,
                     const struct catalog_copy *copy, struct err *err)
{
    struct state_file state;
    char *key = keys_state(artifact->id);
    state_file_from(artifact, copy, clock_now(), &state);
    int result = merge_present(access->store, key, artifact->id, &state, err);
    if (result == 0) {
        char *text = state_file_text(&state);
        result = store_put(access->store, key, text, strlen(text), true, err);
        free(text);
    }
    state_file_release(&state);
    free(key);
    return result;
}

static int write_note(struct catalog *catalog, struct access *access, const char *id,
                      struct err *err)
{
    struct catalog_artifact artifact;
    catalog_artifact_init(&artifact);
    int result = catalog_artifact_load(catalog, id, CATALOG_WITH_COPIES, &artifact, err);
    for (size_t i = 0; result == 0 && i < artifact.copy_count; i++) {
        const struct catalog_copy *copy = &artifact.copies[i];
        if (copy->store_id == access->id && copy->state == CATALOG_COPY_COMPLETE)
            result = put_state(access, &artifact, copy, err);
    }
    catalog_artifact_release(&artifact);
    return result;
}

void note_write(struct catalog *catalog, struct access *access, const char *id)
{
    struct err err = {0};
    if (write_note(catalog, access, id, &err) < 0)
        log_warning("what is known of %s could not be noted in the store: %s", id,
                    err.text);
}

static int write_in_store(struct settings *settings, struct catalog *catalog,
                          const char *name, const char *id, struct err *err)
{
    struct access *access = access_open(settings, catalog, name, false, err);
    if (access == NULL)
        return -1;
    int result = write_note(catalog, access, id, err);
    access_close(access);
    return result;
}

int note_write_all(struct settings *settings, struct catalog *catalog, const char *id,
                   size_t *failed, struct err *err)
{
    struct catalog_artifact artifact;
    catalog_artifact_init(&artifact);
    *failed = 0;
    int result = catalog_artifact_load(catalog, id, CATALOG_WITH_COPIES, &artifact, err);
    for (size_t i = 0; result == 0 && i < artifact.copy_count; i++) {
        const struct catalog_copy *copy = &artifact.copies[i];
        struct err why = {0};
        if (copy->state != CATALOG_COPY_COMPLETE ||
            write_in_store(settings, catalog, copy->store, id, &why) == 0)
            continue;
        if (why.kind == ERR_CANCELLED) {
            *err = why;
            result = -1;
        }
        log_warning("store \"%s\" was not told: %s", copy->store, why.text);
        ++*failed;
    }
    catalog_artifact_release(&artifact);
    return result;
}

/* ---- the other way ---- */

static int merge_pin(struct catalog *catalog, const char *id, const struct text *text,
                     struct err *err)
{
    struct state_file state;
    struct catalog_artifact row;
    if (state_file_parse(text->data, text->length, id, &state, err) < 0)
        return -1;
    catalog_artifact_init(&row);
    memcpy(row.id, id, ULID_SIZE);
    state_file_to(&state, &row, NULL);
    int result = catalog_artifact_merge_pin(catalog, &row, NULL, err);
    catalog_artifact_release(&row);
    state_file_release(&state);
    return result;
}

int note_merge_pin(struct catalog *catalog, struct access *access, const char *id,
                   struct err *err)
{
    struct text text;
    bool absent = false;
    char *key = keys_state(id);
    text_init(&text, STATE_FILE_CEILING);
    int result = store_get(access->store, key, &text, &absent, err);
    if (result == 0 && !absent)
        result = merge_pin(catalog, id, &text, err);
    text_release(&text);
    free(key);
    return result;
}
