/*
 * Documents of upkeep, from the results that the operations hand back. json_pack takes over what
 * "o" is given and gives NULL only when memory is out; json_text then ends the process.
 */
#include "report/upkeep_json.h"

#include "base/json.h"

json_t *upkeep_json_skipped(const struct repository_list *stores)
{
    json_t *skipped = json_array();
    for (size_t i = 0; i < stores->failure_count; i++) {
        const struct repository_failure *failure = &stores->failures[i];
        (void)json_array_append_new(skipped, json_pack("{s:o, s:o}", "store",
                                                       json_bytes(failure->name), "error",
                                                       json_bytes(failure->err.text)));
    }
    return skipped;
}

/* ---- sweep ---- */

/* One table for both forms of output, so that a figure cannot be in one and not in the
 * other. */
void upkeep_sweep_figures(const struct sweep_report *report,
                          struct upkeep_figure out[UPKEEP_SWEEP_FIGURES])
{
    /* By what the store said; each is a figure of its own. */
    size_t removed[REMOVE_LATER + 1] = {0};
    for (size_t i = 0; i < report->removed.count; i++)
        removed[report->removed.items[i].outcome]++;
    const struct upkeep_figure rows[UPKEEP_SWEEP_FIGURES] = {
        {"completed", "backups turned out complete", report->recovered.completed},
        {"cleaned", "half uploads undone", report->recovered.cleaned},
        {"left", "uploads whose process may still live", report->recovered.left},
        {"ended", "backups ended whose process is gone", report->ended},
        {"deleted", "deletions finished", removed[REMOVE_GONE]},
        {"locked", "deletions wait for an object lock", removed[REMOVE_LOCKED]},
        {"blocked", "deletions refused by a store", removed[REMOVE_BLOCKED]},
        {"later", "deletions tried again later", removed[REMOVE_LATER]},
        {"aborted", "uploads aborted that nobody owned", report->aborted},
        {"foreign", "uploads left that are not of this catalog", report->left_uploads},
        {"orphans", "orphans removed", report->orphans},
        {"young_orphans", "orphans younger than 7 days", report->young_orphans},
        {"unknown", "backups that only the store knows (`pgkeep catalog sync`)",
         report->unknown},
        {"drills", "databases and clusters of drills removed", report->drills.removed},
        {"failed", "things that could not be done",
         report->failed + report->recovered.failed + report->drills.failed},
    };
    memcpy(out, rows, sizeof rows);
}

/* Every figure, also 0: a monitor needs no special case. */
json_t *upkeep_json_swept(const struct sweep_report *report)
{
    struct upkeep_figure figures[UPKEEP_SWEEP_FIGURES];
    json_t *document = json_object();
    upkeep_sweep_figures(report, figures);
    for (size_t i = 0; i < UPKEEP_SWEEP_FIGURES; i++)
        json_set(document, figures[i].key, json_integer((json_int_t)figures[i].count));
    json_set(document, "orphan_bytes", json_integer((json_int_t)report->orphan_bytes));
    /* Nothing is known of what lies in these. */
    json_set(document, "skipped", upkeep_json_skipped(&report->stores));
    return document;
}

/* ---- catalog ---- */

/* The sums are of the new catalog, the figures of each store of what it had to give. */
json_t *upkeep_json_rebuilt(const struct rebuild_result *result, const char *catalog)
{
    json_t *stores = json_array();
    for (size_t i = 0; i < result->count; i++) {
        const struct rebuild_store *store = &result->stores[i];
        /* artifacts: those that no store before it had. */
        (void)json_array_append_new(
            stores, json_pack("{s:o, s:I, s:I, s:I}", "store", json_bytes(store->name),
                              "artifacts", (json_int_t)store->result.artifacts, "copies",
                              (json_int_t)store->result.copies, "damaged",
                              (json_int_t)store->result.damaged));
    }
    return json_pack("{s:s, s:o, s:I, s:I, s:o}", "catalog", catalog, "kept",
                     json_bytes(result->kept), "artifacts", (json_int_t)result->artifacts,
                     "damaged", (json_int_t)result->damaged, "stores", stores);
}

/* Everything counts something that is another now, but for `manifests`, which is what was
 * looked at. */
json_t *upkeep_json_synced(const char *store, const struct sync_result *result)
{
    return json_pack(
        "{s:o, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:b, s:n}", "store",
        json_bytes(store), "manifests", (json_int_t)result->manifests, "artifacts",
        (json_int_t)result->artifacts, "copies", (json_int_t)result->copies, "decisions",
        (json_int_t)result->states, "missing", (json_int_t)result->missing, "healed",
        (json_int_t)result->healed, "told", (json_int_t)result->told, "damaged",
        (json_int_t)result->damaged, "empty_listing", result->empty ? 1 : 0, "error");
}

/* id null of an upload that nobody can name. */
static json_t *check_finding_json(const struct check_finding *finding)
{
    /* What was expected is known of a size only; what was found, of every object that is
     * there. */
    bool sized = finding->kind == CHECK_WRONG_SIZE;
    bool found = sized || finding->found > 0;
    return json_pack(
        "{s:s, s:s?, s:o, s:o, s:o, s:o, s:o}", "kind", check_kind_name(finding->kind),
        "id", *finding->id ? finding->id : NULL, "key", json_bytes(finding->key),
        "expected_bytes", sized ? json_integer((json_int_t)finding->expected) : json_null(),
        "found_bytes", found ? json_integer((json_int_t)finding->found) : json_null(),
        "time", json_time(finding->time), "note", json_bytes(finding->note));
}

/* Counts of what was compared beside what was found: none of 0 is no good news. */
json_t *upkeep_json_checked(const char *store, const struct check_result *result)
{
    json_t *findings = json_array();
    for (size_t i = 0; i < result->count; i++)
        (void)json_array_append_new(findings, check_finding_json(&result->items[i]));
    return json_pack("{s:o, s:I, s:I, s:I, s:I, s:o, s:n}", "store", json_bytes(store),
                     "copies", (json_int_t)result->copies, "objects",
                     (json_int_t)result->objects, "others", (json_int_t)result->others,
                     "uploading", (json_int_t)result->uploading, "findings", findings,
                     "error");
}

/* In place of its figures: a store that could not be read is in the list, too. */
json_t *upkeep_json_missed(const char *store, const struct err *why)
{
    return json_pack("{s:o, s:{s:s, s:o}}", "store", json_bytes(store), "error", "code",
                     err_kind_name(why->kind), "message", json_bytes(why->text));
}

/* ---- doctor ---- */

/* Stable names (`check`) for programs; `title` and `found` are for people and may change. */
json_t *upkeep_json_finding(const struct diagnose_finding *finding)
{
    bool failed = finding->verdict == DIAGNOSE_FAILED;
    return json_pack("{s:s, s:o, s:s, s:s, s:s, s:s?, s:o, s:o, s:s?}", "group",
                     finding->group, "name", json_bytes(finding->name), "check",
                     finding->check, "title", finding->title, "verdict",
                     diagnose_verdict_name(finding->verdict), "kind",
                     failed ? err_kind_name(finding->kind) : NULL, "expected",
                     json_bytes(finding->expected), "found", json_bytes(finding->found),
                     "advice", finding->advice);
}

/* The sums behind the checks, so that a script need not count. */
json_t *upkeep_json_diagnosed(json_t *checks, const struct diagnose_result *result)
{
    const size_t *counts = result->counts;
    return json_pack("{s:o, s:I, s:I, s:I, s:I}", "checks", checks, "ok",
                     (json_int_t)counts[DIAGNOSE_OK], "warnings",
                     (json_int_t)counts[DIAGNOSE_WARNING], "failed",
                     (json_int_t)counts[DIAGNOSE_FAILED], "skipped",
                     (json_int_t)counts[DIAGNOSE_SKIPPED]);
}

/* Both marks: the one that was found and the one that holds from now on. */
json_t *upkeep_json_adopted(const struct adopt *adopt, const char *name, const char *before,
                            bool dry_run)
{
    const char *expected = adopt->expected[0] != '\0' ? adopt->expected : NULL;
    const char *mark = adopt->found[0] != '\0' ? adopt->found : NULL;
    const char *newest = adopt->newest[0] != '\0' ? adopt->newest : NULL;
    return json_pack("{s:s, s:s, s:s?, s:s?, s:s?, s:I, s:I, s:s?, s:o, s:b}", "store",
                     name, "url", adopt->url, "expected", expected, "found",
                     before[0] != '\0' ? before : NULL, "mark", mark, "copies",
                     (json_int_t)adopt->copies, "bytes", (json_int_t)adopt->bytes, "newest",
                     newest, "newest_time", json_time(adopt->newest_time), "dry_run",
                     (int)dry_run);
}
