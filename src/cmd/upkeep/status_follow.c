/*
 * Backups write their progress at most once a second; so it is read as often. A backup that has not
 * got on says nothing: hours of the same line help nobody.
 */
#include "cmd/upkeep/status_follow.h"

#include "base/json.h"
#include "base/memory.h"
#include "catalog/artifact_list.h"
#include "cmd/output.h"
#include "report/artifact_name.h"
#include "report/progress_view.h"

#include <stdio.h>

enum { STEP_MS = 1000 };

/* What was said last of a backup. */
struct seen {
    char id[ULID_SIZE];
    uint64_t raw_bytes, stored_bytes;
    char *phase;
};
struct seen_list {
    struct seen *items;
    size_t count, capacity;
};

/* Is there anything new of it? Remembers what there is. */
static bool got_on(struct seen_list *list, const struct catalog_artifact *artifact)
{
    const struct catalog_progress *progress = &artifact->progress;
    struct seen *seen = NULL;
    for (size_t i = 0; i < list->count && seen == NULL; i++) {
        if (strcmp(list->items[i].id, artifact->id) == 0)
            seen = &list->items[i];
    }
    /* The first line comes at once, also of one that stands still. */
    bool is_new = seen == NULL;
    if (is_new) {
        seen = memory_append(&list->items, &list->count, &list->capacity, sizeof *seen);
        memcpy(seen->id, artifact->id, sizeof seen->id);
    }
    bool moved = is_new || seen->raw_bytes != progress->raw_bytes ||
                 seen->stored_bytes != progress->stored_bytes ||
                 !text_equal(seen->phase, progress->phase);
    seen->raw_bytes = progress->raw_bytes;
    seen->stored_bytes = progress->stored_bytes;
    memory_replace(&seen->phase, progress->phase);
    return moved;
}

static void print_json(const struct catalog_artifact *artifact)
{
    const struct catalog_progress *progress = &artifact->progress;
    /* The names of `status --json`, without what does not change from second to second. */
    json_t *line = json_pack(
        "{s:o, s:o, s:o, s:o, s:I, s:I, s:I}", "id", json_bytes(artifact->id), "job",
        json_bytes(artifact_name_job(artifact)), "database", json_bytes(artifact->database),
        "phase", json_bytes(progress->phase), "raw_bytes", (json_int_t)progress->raw_bytes,
        "stored_bytes", (json_int_t)progress->stored_bytes, "estimate_bytes",
        (json_int_t)progress->estimate);
    char *text = json_text(line, false);
    output_text(text);
    output_text("\n");
    free(text);
    json_decref(line);
}

static void print_text(const struct catalog_artifact *artifact)
{
    const struct catalog_progress *progress = &artifact->progress;
    char raw[32], stored[32], share[32] = "";
    double percent = progress_view_percent_of(progress->raw_bytes, progress->estimate);
    if (percent >= 0)
        (void)snprintf(share, sizeof share, ", %.0f %%", percent);
    output_linef("%.10s %s %s: %s, %s, stored %s%s", artifact->id,
                 artifact_name_job(artifact), artifact_name_database(artifact),
                 progress->phase != NULL && *progress->phase ? progress->phase : "begins",
                 text_size(raw, progress->raw_bytes),
                 text_size(stored, progress->stored_bytes), share);
}

int status_follow(struct session *session, const char *job, bool json, struct err *err)
{
    struct catalog *catalog = session_catalog(session);
    struct seen_list seen = {0};
    int result = 0;
    /* Once at least; new ones that begin meanwhile are followed, too. */
    for (size_t alive = 1; result == 0 && alive > 0;) {
        struct catalog_artifacts running = {0};
        result = catalog_artifacts_running(catalog, &running, err);
        alive = 0;
        for (size_t i = 0; i < running.count; i++) {
            const struct catalog_artifact *artifact = &running.items[i];
            if (job != NULL && strcmp(artifact_name_job(artifact), job) != 0)
                continue;
            /* One whose process is gone will not get on; `status` shows it among what needs eyes. */
            alive += artifact->owner_state != OWNER_DEAD;
            if (got_on(&seen, artifact))
                json ? print_json(artifact) : print_text(artifact);
        }
        catalog_artifacts_release(&running);
        /* Whoever reads a pipe wants each line when it is there. */
        (void)fflush(stdout);
        if (result == 0 && alive > 0 && !cancel_sleep_ms(session_cancel(session), STEP_MS))
            result = cancel_check(session_cancel(session), err);
    }
    for (size_t i = 0; i < seen.count; i++)
        free(seen.items[i].phase);
    free(seen.items);
    return result;
}
