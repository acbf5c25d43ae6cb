/* A manifest or a state file of any bytes: refused as ERR_CORRUPT (ERR_DENIED:
 * of a later version), or read; and what was
 * read is written and read again as the same text. Keys of a manifest that was read are
 * always its own. */
#include "repository/keys.h"
#include "repository/manifest.h"
#include "repository/state_file.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void try_manifest(const uint8_t *data, size_t size)
{
    struct manifest manifest, again;
    struct err err = {0};
    char id[ULID_SIZE];
    if (manifest_parse(data, size, NULL, &manifest, &err) < 0) {
        assert(err.kind == ERR_CORRUPT || err.kind == ERR_DENIED);
        assert(*err.text != '\0');
        return;
    }
    assert(keys_parse(manifest.facts.key, id) == KEYS_KIND_DATA);
    assert(strcmp(id, manifest.artifact.id) == 0);
    char *text = manifest_text(&manifest.artifact, &manifest.facts);
    int result = manifest_parse(text, strlen(text), manifest.artifact.id, &again, &err);
    assert(result == 0);
    char *same = manifest_text(&again.artifact, &again.facts);
    assert(strcmp(text, same) == 0);
    manifest_release(&manifest);
    manifest_release(&again);
    free(text);
    free(same);
}

static void try_state(const uint8_t *data, size_t size)
{
    struct state_file state, again;
    struct err err = {0};
    if (state_file_parse(data, size, NULL, &state, &err) < 0) {
        assert(err.kind == ERR_CORRUPT && *err.text != '\0');
        return;
    }
    char *text = state_file_text(&state);
    int result = state_file_parse(text, strlen(text), state.id, &again, &err);
    assert(result == 0);
    assert(!state_file_merge(&state, &again));
    state_file_release(&state);
    state_file_release(&again);
    free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    try_manifest(data, size);
    try_state(data, size);
    return 0;
}
