/*
 * Documents of what was done, from the results that the operations hand back. json_pack takes
 * over what "o" is given and gives NULL only when memory is out; json_text then ends the process.
 */
#include "report/run_json.h"

#include "report/artifact_json.h"

#include "base/json.h"

/* Both stores by the names that the catalog has for them, also where URLs were given. */
json_t *run_json_copied(const struct catalog_artifact *artifact,
                        const struct copy_artifact_spec *spec,
                        const struct copy_artifact_result *result)
{
    return json_pack(
        "{s:s, s:o, s:o, s:o, s:s, s:I, s:I}", "id", spec->id, "database",
        json_bytes(artifact->database), "from", json_bytes(spec->from), "to",
        json_bytes(spec->to), "outcome", copy_artifact_outcome_name(result->outcome),
        "bytes", (json_int_t)result->bytes, "resumed_bytes", (json_int_t)result->resumed);
}

/* The target's database: that of the source stands in the artifact. */
json_t *run_json_restored(const struct catalog_artifact *artifact,
                          const struct restore_done *done, int64_t duration_ms)
{
    /* The target's name, which need not be that of the database that was backed up. */
    return json_pack(
        "{s:s, s:o, s:o, s:s, s:o, s:I, s:o, s:o}", "id", artifact->id, "source_database",
        json_bytes(artifact->database), "database", json_bytes(done->database), "store",
        done->store, "raw_bytes",
        done->counted ? json_integer((json_int_t)done->raw_bytes) : json_null(),
        "duration_ms", (json_int_t)duration_ms, "left_out", json_strings(&done->left_out),
        "brought", json_strings(&done->brought));
}

/* What would come, what comes along, and what does not: in that order. */
json_t *run_json_listing(const struct catalog_artifact *artifact,
                         const struct listing *listing)
{
    json_t *items = json_array();
    for (size_t i = 0; i < listing->count; i++) {
        const struct listing_item *item = &listing->items[i];
        json_t *rows = item->counted ? json_integer((json_int_t)item->rows) : json_null();
        json_t *bytes =
            item->counted ? json_integer((json_int_t)item->raw_bytes) : json_null();
        json_array_append_new(items, json_pack("{s:s, s:s, s:o, s:o, s:o, s:o, s:o}",
                                               "section", item->section, "type", item->type,
                                               "schema", json_bytes(item->schema), "name",
                                               json_bytes(item->name), "object",
                                               json_bytes(item->object), "rows", rows,
                                               "raw_bytes", bytes));
    }
    return json_pack("{s:s, s:o, s:o, s:o, s:o}", "id", artifact->id, "database",
                     json_bytes(artifact->database), "items", items, "left_out",
                     json_strings(&listing->left_out), "brought",
                     json_strings(&listing->brought));
}

/* Where it is now, and in which form. */
json_t *run_json_fetched(const struct export_spec *spec, const char *store)
{
    const struct catalog_artifact *artifact = spec->from.artifact;
    /* The hash of what pg_dump wrote is known only where it was one stream. */
    bool stored = spec->form == COPY_READER_STORED;
    return json_pack("{s:s, s:o, s:o, s:o, s:s, s:I, s:s?}", "id", artifact->id, "database",
                     json_bytes(artifact->database), "store", json_bytes(store), "output",
                     json_bytes(spec->output), "form", stored ? "stored" : "decoded",
                     "bytes",
                     (json_int_t)(stored ? artifact->stored_bytes : artifact->raw_bytes),
                     "sha256", stored ? artifact->sha256 : artifact->raw_sha256);
}

/* Whoever has the URL has the backup until then; it is told in no log. */
json_t *run_json_presigned(const struct catalog_artifact *artifact, const char *url,
                           int64_t expires)
{
    return json_pack("{s:s, s:o, s:s, s:o}", "id", artifact->id, "database",
                     json_bytes(artifact->database), "url", url, "expires",
                     json_time(expires));
}

/* One copy; a run has one of these for each, in the order in which they were checked. */
json_t *run_json_verified(const struct catalog_artifact *artifact,
                          const struct catalog_copy *copy,
                          const struct catalog_verification *verification)
{
    json_t *object =
        json_pack("{s:s, s:o, s:s, s:s, s:s, s:I, s:I, s:s?}", "id", artifact->id,
                  "database", json_bytes(artifact->database), "store", copy->store, "level",
                  catalog_level_name(verification->level), "result",
                  catalog_result_name(verification->result), "duration_ms",
                  (json_int_t)verification->duration_ms, "bytes",
                  (json_int_t)verification->bytes, "message", verification->message);
    if (verification->level == CATALOG_DRILL)
        json_set(object, "drill", artifact_json_drill(verification));
    return object;
}

/* As it is after the command, whichever of the two it was. */
json_t *run_json_pinned(const struct catalog_artifact *artifact, size_t untold)
{
    return json_pack("{s:s, s:o, s:b, s:o, s:o, s:o, s:I}", "id", artifact->id, "database",
                     json_bytes(artifact->database), "pinned", artifact->pinned ? 1 : 0,
                     "until", json_time(artifact->pin_until), "reason",
                     json_bytes(artifact->pin_reason), "changed",
                     json_time(artifact->pin_changed), "stores_untold", (json_int_t)untold);
}

/* stores_untold: `catalog sync` makes up for those. */
json_t *run_json_accepted(const struct catalog_artifact *artifact, size_t untold)
{
    return json_pack("{s:s, s:o, s:b, s:o, s:o, s:I}", "id", artifact->id, "database",
                     json_bytes(artifact->database), "suspect", artifact->suspect ? 1 : 0,
                     "accepted", json_time(artifact->accepted), "reason",
                     json_bytes(artifact->accept_reason), "stores_untold",
                     (json_int_t)untold);
}

/* ---- delete ---- */

/* One answer for text and JSON: they cannot say different things of a copy. */
bool run_deletion_of(const struct delete_outcome *outcome, size_t index,
                     struct run_deletion *out)
{
    const struct catalog_copy *copy = &outcome->artifact.copies[index];
    bool goes = false;
    for (size_t i = 0; !goes && i < outcome->count; i++)
        goes = outcome->copies[i] == copy->id;
    /* No result: there was nothing to remove in a store that answered, or the store did not
     * answer and the next prune or sweep sees to it. */
    *out = (struct run_deletion){
        .copy = copy,
        .result =
            repository_list_find(&outcome->stores, copy->store_id) ? "deleted" : "later"};
    for (size_t i = 0; goes && i < outcome->removed.count; i++) {
        const struct remove_result *result = &outcome->removed.items[i];
        if (result->copy != copy->id)
            continue;
        out->result = remove_outcome_name(result->outcome);
        out->reason = *result->reason ? result->reason : NULL;
    }
    return goes;
}

/* The hash is what --force-unsafe asks for. */
json_t *run_json_deleted(const struct delete_outcome *outcome, bool dry_run,
                         const struct err *refused)
{
    json_t *copies = json_array();
    for (size_t i = 0; i < outcome->artifact.copy_count; i++) {
        struct run_deletion one;
        /* Copies that stay are not told: `show` has them. */
        if (run_deletion_of(outcome, i, &one))
            (void)json_array_append_new(
                copies,
                json_pack("{s:o, s:o, s:I, s:o, s:o}", "store", json_bytes(one.copy->store),
                          "key", json_bytes(one.copy->key), "bytes",
                          (json_int_t)one.copy->bytes, "result",
                          dry_run ? json_null() : json_string(one.result), "error",
                          json_bytes(one.reason)));
    }
    return json_pack("{s:s, s:o, s:s, s:b, s:b, s:o, s:o, s:o}", "id", outcome->artifact.id,
                     "database", json_bytes(outcome->artifact.database), "plan_hash",
                     outcome->hash, "dry_run", (int)dry_run, "last_good",
                     (int)outcome->last_good, "refused",
                     json_sentence(refused ? refused->text : NULL), "hint",
                     json_hint(refused ? refused->text : NULL), "copies", copies);
}
