/*
 * Every key is always there (null, [] or {}), because a script that finds none cannot tell
 * "not known" from "renamed".
 */
#include "report/artifact_json.h"

#include "base/json.h"
#include "base/memory.h"
#include "report/artifact_name.h"

/* NULL becomes null; bytes that are no UTF-8 become {"hex"}, so that no name is lost. */
static void set_text(json_t *object, const char *key, const char *text)
{
    json_set(object, key, json_bytes(text));
}

/* "" is how the catalog writes "none". */
static void set_filled(json_t *object, const char *key, const char *text)
{
    set_text(object, key, text && *text ? text : NULL);
}

/* Where 0 is a figure, and null would be wrong. */
static void set_int(json_t *object, const char *key, int64_t number)
{
    json_set(object, key, json_integer(number));
}

/* 0 may be a size or "not yet": the caller knows which. */
static void set_bytes(json_t *object, const char *key, uint64_t bytes, bool known)
{
    json_set(object, key, known ? json_integer((json_int_t)bytes) : json_null());
}

/* 0 is null: nothing of ours happened in 1970. */
static void set_time(json_t *object, const char *key, int64_t seconds)
{
    json_set(object, key, json_time(seconds));
}

/* Negative: CATALOG_UNKNOWN_ROWS, of archives that are not read for their rows. */
static void set_rows(json_t *object, const char *key, int64_t rows)
{
    json_set(object, key, rows < 0 ? json_null() : json_integer(rows));
}

/* No check yet has no level; "none" would read as one. */
static const char *level_or_null(enum catalog_level level)
{
    return level == CATALOG_LEVEL_NONE ? NULL : catalog_level_name(level);
}

/* ---- copies ---- */

/* What `list` tells of a copy; key and error are there to be searched for. */
static json_t *copy_json(const struct catalog_copy *copy, const struct artifact_view *view)
{
    json_t *object = json_object();
    set_text(object, "store", copy->store);
    set_text(object, "state", catalog_copy_state_name(copy->state));
    set_text(object, "key", copy->key);
    set_bytes(object, "bytes", copy->bytes, copy->bytes > 0);
    set_time(object, "verified", copy->proven);
    /* What the last verification found is newer than why an upload once failed. */
    set_text(object, "error", copy->verified_error ? copy->verified_error : copy->error);
    json_set(object, "store_left",
             json_boolean(artifact_name_store_left(view->settings, copy->store)));
    return object;
}

/* All of it, for `show`. */
static json_t *copy_detail_json(const struct catalog_copy *copy,
                                const struct artifact_view *view)
{
    json_t *object = copy_json(copy, view), *uploading = json_null(),
           *deletion = json_null();
    set_text(object, "index_key", copy->index_key);
    /* `verified` is when it was last found good, `checked` when it was last looked at. */
    set_text(object, "verified_level", level_or_null(copy->proven_level));
    set_time(object, "checked", copy->verified);
    set_text(object, "checked_level", level_or_null(copy->verified_level));
    set_text(object, "version", copy->version);
    set_text(object, "etag", copy->etag);
    set_time(object, "created", copy->created);
    set_time(object, "completed", copy->completed);
    set_time(object, "first_marked", copy->first_marked);
    if (copy->state == CATALOG_COPY_UPLOADING) {
        uploading = json_object();
        set_text(uploading, "owner", owner_state_name(copy->owner_state));
        set_text(uploading, "handle", copy->upload);
    }
    json_set(object, "uploading", uploading);
    /* Also of one that is gone: why it went is asked afterwards. */
    if (copy->marked || copy->deleted) {
        deletion = json_object();
        set_text(deletion, "reason", copy->delete_reason);
        set_time(deletion, "since", copy->marked);
        set_int(deletion, "attempts", copy->attempts);
        set_time(deletion, "next_try", copy->next_try);
        set_time(deletion, "locked_until", copy->locked_until);
        set_time(deletion, "deleted", copy->deleted);
    }
    json_set(object, "deletion", deletion);
    return object;
}

/* null when nothing is pinned; a pin whose date has passed still tells what it was. */
static json_t *pin_json(const struct catalog_artifact *artifact)
{
    json_t *object;
    if (!artifact->pinned)
        return json_null();
    object = json_object();
    set_time(object, "until", artifact->pin_until);
    set_filled(object, "reason", artifact->pin_reason);
    set_time(object, "changed", artifact->pin_changed);
    return object;
}

/* What `list` tells of an artifact, and `show` begins with. */
static json_t *
base_json(const struct catalog_artifact *artifact, const struct artifact_view *view,
          json_t *(*copy)(const struct catalog_copy *, const struct artifact_view *))
{
    /* The order of the keys is part of what people see in `list --json`, and stays. */
    json_t *object = json_object(), *tags = json_object(), *copies = json_array();
    json_t *error = json_null();
    /* What it is a backup of. */
    set_text(object, "id", artifact->id);
    set_int(object, "seq", artifact->seq);
    set_filled(object, "job", artifact->job);
    set_text(object, "source", artifact->source);
    set_text(object, "database", artifact->database);
    set_text(object, "type", artifact->type);
    set_text(object, "format", artifact->format);
    set_text(object, "compression", artifact->compression);
    set_int(object, "level", artifact->level);
    /* What came of it; sizes of 0 are those of a backup that has none yet. */
    set_text(object, "status", catalog_status_name(artifact->status));
    set_time(object, "time", artifact->time);
    set_time(object, "started", artifact->started);
    set_time(object, "finished", artifact->finished);
    set_bytes(object, "raw_bytes", artifact->raw_bytes, artifact->raw_bytes > 0);
    set_bytes(object, "stored_bytes", artifact->stored_bytes, artifact->stored_bytes > 0);
    set_filled(object, "sha256", artifact->sha256);
    set_filled(object, "raw_sha256", artifact->raw_sha256);
    /* What people said of it. */
    set_filled(object, "name", artifact->name);
    set_filled(object, "description", artifact->description);
    for (size_t i = 0; i < artifact->tags.count; i++)
        set_text(tags, artifact->tags.items[i].name, artifact->tags.items[i].value);
    json_set(object, "tags", tags);
    json_set(object, "pinned",
             json_boolean(catalog_artifact_is_pinned(artifact, view->now)));
    json_set(object, "suspect", json_boolean(artifact->suspect));
    if (artifact->error_code || artifact->error_message) {
        error = json_object();
        set_text(error, "code", artifact->error_code);
        set_text(error, "message", artifact->error_message);
    }
    json_set(object, "error", error);
    /* In the order of the catalog, by store: two calls can be compared. */
    for (size_t i = 0; i < artifact->copy_count; i++)
        (void)json_array_append_new(copies, copy(&artifact->copies[i], view));
    json_set(object, "copies", copies);
    json_set(object, "filtered", json_boolean(artifact->filters.count > 0));
    json_set(object, "pin", pin_json(artifact));
    return object;
}

/* What `list` has for each row, and `backup` prints when it is done. */
json_t *artifact_json(const struct catalog_artifact *artifact,
                      const struct artifact_view *view)
{
    return base_json(artifact, view, copy_json);
}

/* In the order of the list, which the caller chose. */
json_t *artifact_json_list(const struct catalog_artifacts *artifacts,
                           const struct artifact_view *view)
{
    json_t *list = json_array();
    for (size_t i = 0; i < artifacts->count; i++)
        (void)json_array_append_new(list, artifact_json(&artifacts->items[i], view));
    /* An object, not a bare list: what is to be said of the whole can be added later. */
    return json_pack("{s:o}", "artifacts", list);
}

/* ---- detail ---- */

/* Names and values as they were given: filters of an option or of a key of the configuration. */
static json_t *pairs_json(const struct catalog_pairs *pairs, const char *name,
                          const char *value)
{
    json_t *list = json_array();
    for (size_t i = 0; i < pairs->count; i++) {
        json_t *object = json_object();
        set_text(object, name, pairs->items[i].name);
        set_text(object, value, pairs->items[i].value);
        (void)json_array_append_new(list, object);
    }
    return list;
}

/* Of a running one; figures that another process wrote into the catalog. */
static json_t *progress_json(const struct catalog_artifact *artifact)
{
    /* null of one that does not run: old figures would read as present ones. */
    const struct catalog_progress *progress = &artifact->progress;
    json_t *object;
    if (artifact->status != CATALOG_RUNNING)
        return json_null();
    object = json_object();
    set_filled(object, "phase", progress->phase);
    set_bytes(object, "raw_bytes", progress->raw_bytes, true);
    set_bytes(object, "stored_bytes", progress->stored_bytes, true);
    set_bytes(object, "estimate_bytes", progress->estimate, progress->estimate > 0);
    set_time(object, "updated", progress->updated);
    set_text(object, "owner", owner_state_name(artifact->owner_state));
    return object;
}

/* Of the whole dump: what a restore of a part may choose from. */
static json_t *tables_json(const struct catalog_artifact *artifact)
{
    json_t *list = json_array();
    for (size_t i = 0; i < artifact->tables_count; i++) {
        const struct catalog_table *table = &artifact->tables[i];
        json_t *object = json_object();
        set_text(object, "schema", table->schema);
        set_text(object, "name", table->name);
        /* A table whose rows were not counted has no size either. */
        set_rows(object, "rows", table->rows);
        set_bytes(object, "raw_bytes", table->raw_bytes,
                  table->rows != CATALOG_UNKNOWN_ROWS);
        (void)json_array_append_new(list, object);
    }
    return list;
}

/* The document that the catalog keeps (drill/drill.c). */
json_t *artifact_json_drill(const struct catalog_verification *verification)
{
    struct err ignored = {0};
    json_t *report =
        verification->report != NULL
            ? json_parse(verification->report, strlen(verification->report), &ignored)
            : NULL;
    return report != NULL ? report : json_null();
}

void artifact_drill_differences(const struct catalog_verification *verification,
                                struct strlist *out)
{
    json_t *report = artifact_json_drill(verification);
    const json_t *first = json_object_get(report, "first");
    for (size_t i = 0; i < json_array_size(first); i++) {
        const char *text = json_string_value(json_array_get(first, i));
        if (text != NULL)
            strlist_add(out, text);
    }
    json_decref(report);
}

char *artifact_drill_text(const struct catalog_verification *verification)
{
    json_t *report = artifact_json_drill(verification);
    long long tables = json_integer_value(json_object_get(report, "tables"));
    long long rows = json_integer_value(json_object_get(report, "rows"));
    long long sequences = json_integer_value(json_object_get(report, "sequences"));
    long long checks = json_integer_value(json_object_get(report, "checks"));
    char *text =
        json_is_object(report)
            ? memory_format("%lld tables with %lld rows, %lld sequences, %lld checks",
                            tables, rows, sequences, checks)
            : NULL;
    json_decref(report);
    return text;
}

/* The history, of every copy. */
static json_t *verifications_json(const struct catalog_verifications *verifications)
{
    json_t *list = json_array();
    for (size_t i = 0; i < verifications->count; i++) {
        /* Good and bad alike: what was found before it was mended is history, too. */
        const struct catalog_verification *one = &verifications->items[i];
        json_t *object = json_object();
        set_time(object, "time", one->time);
        set_text(object, "store", one->store);
        set_text(object, "level", catalog_level_name(one->level));
        set_text(object, "result", catalog_result_name(one->result));
        set_text(object, "message", one->message);
        set_int(object, "duration_ms", one->duration_ms);
        set_bytes(object, "bytes", one->bytes, true);
        if (one->level == CATALOG_DRILL)
            json_set(object, "drill", artifact_json_drill(one));
        (void)json_array_append_new(list, object);
    }
    return list;
}

/* Begins with the very keys of the short form, so that a script may take either. */
json_t *artifact_json_detail(const struct catalog_artifact *artifact,
                             const struct catalog_verifications *verifications,
                             const struct artifact_view *view)
{
    json_t *object = base_json(artifact, view, copy_detail_json), *versions = json_object();
    /* When the row was made here; on another machine it is that of the sync. */
    set_time(object, "created", artifact->created);
    set_time(object, "updated", artifact->updated);
    /* A backup under way has lasted no definite time yet. */
    json_set(object, "duration_ms",
             artifact->finished ? json_integer(artifact->duration_ms) : json_null());
    set_int(object, "tries", artifact->tries);
    set_filled(object, "hostname", artifact->hostname);
    json_set(object, "quarantined", json_boolean(artifact->quarantined));
    /* Why it is no longer suspect, for whoever wonders later. */
    json_t *accepted = json_null();
    if (artifact->accepted > 0) {
        accepted = json_object();
        set_time(accepted, "time", artifact->accepted);
        set_filled(accepted, "reason", artifact->accept_reason);
    }
    json_set(object, "accepted", accepted);
    /* What has to be at hand to restore it. */
    set_filled(versions, "server", artifact->server_version);
    set_filled(versions, "pg_dump", artifact->pg_dump_version);
    set_filled(versions, "pgkeep", artifact->pgkeep_version);
    json_set(object, "versions", versions);
    json_set(object, "filters", pairs_json(&artifact->filters, "option", "pattern"));
    json_set(object, "contents", pairs_json(&artifact->contents, "kind", "text"));
    json_set(object, "progress", progress_json(artifact));
    set_int(object, "table_count", artifact->table_count);
    set_rows(object, "row_count", artifact->row_count);
    /* Last, as they are the longest: who reads on a terminal sees the rest first. */
    json_set(object, "tables", tables_json(artifact));
    json_set(object, "verifications", verifications_json(verifications));
    return object;
}
