/*
 * Pins and checks carry their own times of change. The marks of a file share one,
 * `changed`; the catalog knows when the row of the artifact (suspect, quarantined) and that
 * of the copy (first marked) last changed, and in doubt the catalog is right: it read the
 * file before it decided.
 */
#include "repository/state_sync.h"

#include "repository/keys.h"
#include "base/log.h"
#include "base/memory.h"
#include "catalog/artifact_list.h"

/* The rows of one artifact and its copy in one store. */
struct rows {
    struct catalog_artifact artifact;
    struct catalog_copy *copy; /* of the artifact; NULL: none lies there */
};

/* With its copies: what a check found is of the copy in this one store. */
static int load_rows(struct catalog *catalog, int64_t store_id, const char *id,
                     struct rows *rows, struct err *err)
{
    /* None: it was never whole there, and there is nothing to say of it. */
    rows->copy = NULL;
    rows->artifact = (struct catalog_artifact){0};
    if (catalog_artifact_load(catalog, id, CATALOG_WITH_COPIES, &rows->artifact, err) < 0)
        return -1;
    for (size_t i = 0; i < rows->artifact.copy_count; i++) {
        struct catalog_copy *copy = &rows->artifact.copies[i];
        /* A broken copy counts: that it is broken is worth knowing, and its pin is the
         * artifact's. */
        bool was_whole = copy->state == CATALOG_COPY_COMPLETE ||
                         copy->state == CATALOG_COPY_MISSING ||
                         copy->state == CATALOG_COPY_DAMAGED;
        if (copy->store_id == store_id && was_whole)
            rows->copy = copy;
    }
    return 0;
}

/* ---- from the store into the catalog ---- */

/* What was taken over from a file. */
struct taken {
    bool pin, checks, marks;
    /* The file is later than the row: the row has to be as late, also where nothing in it is
     * another. Else what is decided here next would look older than the file. */
    bool later_artifact, later_copy;
};

/* In the caller's transaction, or each by itself: none of these depends on another. */
static int write_rows(struct catalog *catalog, const struct rows *rows,
                      const struct taken *taken, int64_t changed, struct err *err)
{
    const struct catalog_artifact *artifact = &rows->artifact;
    /* Each by its own statement: the catalog knows when which of them changed. */
    if (taken->pin && catalog_artifact_merge_pin(catalog, artifact, NULL, err) < 0)
        return -1;
    if ((taken->checks || taken->later_copy) &&
        catalog_copy_merge_checks(catalog, rows->copy, changed, err) < 0)
        return -1;
    if ((taken->marks || taken->later_artifact) &&
        catalog_artifact_merge_marks(catalog, artifact, changed, err) < 0)
        return -1;
    return 0;
}

/* What the file knows better than the rows, group by group; what was taken is told, so that
 * only that is written. */
static struct taken take_over(struct rows *rows, const struct state_file *state)
{
    struct catalog_artifact *artifact = &rows->artifact;
    struct catalog_copy *copy = rows->copy;
    struct state_file ours;
    struct taken taken = {0};
    /* Pins and checks by their own times; our marks win here whatever their time (INT64_MAX)
     * and are compared below. */
    state_file_from(artifact, copy, INT64_MAX, &ours);
    (void)state_file_merge(&ours, state);
    /* The marks against the row that each of them lies in. */
    taken.later_artifact = state->changed > artifact->updated;
    taken.later_copy = state->changed > copy->updated;
    if (taken.later_artifact) {
        ours.suspect = state->suspect;
        ours.quarantined = state->quarantined;
    }
    if (taken.later_copy)
        ours.first_marked = state->first_marked;
    /* What is another now has to be written. */
    taken.pin = ours.pin_changed != artifact->pin_changed;
    taken.checks = ours.verified != copy->verified || ours.proven != copy->proven ||
                   ours.first_marked != copy->first_marked;
    taken.marks = ours.suspect != artifact->suspect ||
                  ours.quarantined != artifact->quarantined ||
                  ours.accepted != artifact->accepted;
    state_file_to(&ours, artifact, copy);
    state_file_release(&ours);
    return taken;
}

/* Nothing is read from a store here: the file was, with many others (metadata.h). */
int state_sync_apply(struct catalog *catalog, int64_t store_id,
                     const struct state_file *state, bool *changed, struct err *err)
{
    struct rows rows;
    int result = load_rows(catalog, store_id, state->id, &rows, err);
    if (changed)
        *changed = false;
    if (result == 0 && rows.copy) {
        struct taken taken = take_over(&rows, state);
        /* Of one that was found broken here, what was found counts. */
        bool complete = rows.copy->state == CATALOG_COPY_COMPLETE;
        taken.checks = taken.checks && complete;
        taken.later_copy = taken.later_copy && complete;
        if (changed)
            *changed = taken.pin || taken.checks || taken.marks;
        result = write_rows(catalog, &rows, &taken, state->changed, err);
    }
    catalog_artifact_release(&rows.artifact);
    return result;
}

/* What lies in the store. */
struct present {
    struct text text;   /* "" without a file */
    int64_t when;       /* of the marks in it; 0: none that can be read */
    struct err damaged; /* why one that is there cannot be read; else of no kind */
};

/* Reads the file and takes over what it says and the catalog does not know yet. */
static int read_file(struct catalog *catalog, struct repository *repository, const char *id,
                     struct present *present, struct err *err)
{
    struct state_file state;
    bool absent = false;
    *present = (struct present){0};
    text_init(&present->text, STATE_FILE_CEILING);
    char *key = keys_state(id);
    int result = store_get(repository->store, key, &present->text, &absent, err);
    if (result < 0 && err->kind == ERR_CORRUPT) {
        /* Too large, or cut: it is damaged, and the store itself is well. */
        present->damaged = *err;
        err_clear(err);
        result = 0;
    } else if (result == 0 && !absent) {
        const struct text *text = &present->text;
        if (state_file_parse(text->data, text->length, id, &state, &present->damaged) < 0) {
            err_context(&present->damaged, "store \"%s\": %s", repository->name, key);
        } else {
            /* In one transaction: pin, checks and marks of one file belong together. */
            result = catalog_begin(catalog, err);
            if (result == 0) {
                result = state_sync_apply(catalog, repository->id, &state, NULL, err);
                if (result == 0)
                    result = catalog_commit(catalog, err);
                else
                    catalog_rollback(catalog);
            }
            present->when = state.changed;
            state_file_release(&state);
        }
    }
    free(key);
    return result;
}

/* Before a decision, so that what another machine decided is known, and older than ours. */
int state_sync_pull(struct catalog *catalog, struct repository *repository, const char *id,
                    struct err *err)
{
    struct present present;
    int result = read_file(catalog, repository, id, &present, err);
    text_release(&present.text);
    if (result < 0 || present.damaged.kind == ERR_NONE)
        return result;
    *err = present.damaged;
    return err_hint(
        err, "`pgkeep pin %s` writes it anew, and `pgkeep unpin` then ends that", id);
}

/* ---- from the catalog into the store ---- */

static int put(struct repository *repository, const struct rows *rows,
               const struct present *present, bool *written, struct err *err)
{
    struct state_file state;
    int64_t updated = rows->artifact.updated > rows->copy->updated ? rows->artifact.updated
                                                                   : rows->copy->updated;
    int result = 0;
    /* Never older than what it replaces: another machine would take it for the past. */
    if (updated < present->when)
        updated = present->when;
    state_file_from(&rows->artifact, rows->copy, updated, &state);
    char *key = keys_state(rows->artifact.id);
    char *text = state_file_text(&state);
    /* Most of the time it says so already, and a PUT costs money. */
    *written = strcmp(text, present->text.data) != 0;
    if (*written)
        result = store_put(repository->store, key, text, strlen(text), err);
    free(text);
    free(key);
    state_file_release(&state);
    return result;
}

/* Reads first, writes only what is another: a store's versions would pile up else. */
int state_sync_push(struct catalog *catalog, struct repository *repository, const char *id,
                    bool *written, struct err *err)
{
    struct rows rows;
    struct present present;
    *written = false;
    int result = read_file(catalog, repository, id, &present, err);
    if (present.damaged.kind != ERR_NONE)
        log_warning("%s: it is not looked at", present.damaged.text);
    if (result == 0) {
        result = load_rows(catalog, repository->id, id, &rows, err);
        /* What is there may hold a pin: only who pinned or unpinned it may write over it. */
        bool may = present.damaged.kind == ERR_NONE || rows.artifact.pin_changed != 0;
        if (result == 0 && rows.copy && may)
            result = put(repository, &rows, &present, written, err);
        catalog_artifact_release(&rows.artifact);
    }
    text_release(&present.text);
    return result;
}

/* The catalog has it: `catalog sync` makes up for a store that could not be told. */
bool state_sync_try_push(struct catalog *catalog, struct repository *repository,
                         const char *id)
{
    struct err err = {0};
    bool written = false;
    if (state_sync_push(catalog, repository, id, &written, &err) == 0)
        return true;
    log_warning("what is known of %s could not be written into the store: %s", id,
                err.text);
    return false;
}
