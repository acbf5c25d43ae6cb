/*
 * Rows and pages are built from the same struct that artifact_json.c prints; what is not known
 * is left out here, as people read a missing line as "nothing to say".
 *
 * A row of `list` says what it is, where it lies, and what somebody should know of it; the page
 * of `show` all that is known, from what it is to how it was checked. Nothing is judged here:
 * what is suspect, left or broken was found below.
 */
#include "cmd/artifact_text.h"

#include "cmd/cmd.h"
#include "cmd/output.h"
#include "report/artifact_json.h"
#include "report/artifact_name.h"
#include "report/name_text.h"

enum {
    REMARKS_MAX = 1 << 16,
    REASON_WIDTH = 100 /* bytes of an error in a row of `list`; `show` has all of it */
};

#define FOREVER "for ever"

/* Both NULL and "" are nothing to say. */
static bool filled(const char *text)
{
    return text && *text;
}

void artifact_text_add_part(struct text *out, const char *part)
{
    if (out->length > 0)
        text_add(out, "; ");
    text_add(out, part);
}

/* ---- list ---- */

/* The first line only, without the hint. The store's name in front goes: it stands in a
 * column of its own. Of a long one the middle goes, at characters: it begins with what was
 * tried and ends with why it failed. */
void artifact_text_add_reason(struct text *out, const char *reason, size_t width)
{
    const char *name = text_starts_with(reason, "store \"") ? strstr(reason, "\": ") : NULL;
    if (name)
        reason = name + strlen("\": ");
    size_t size = strcspn(reason, "\n");
    if (size <= width) {
        text_add_bytes(out, reason, size);
        return;
    }
    /* Bytes 10xxxxxx are inside of a character. */
    size_t head = width / 2, tail = size - (width - head);
    while (head > 0 && ((unsigned char)reason[head] & 0xC0) == 0x80)
        head--;
    while (tail < size && ((unsigned char)reason[tail] & 0xC0) == 0x80)
        tail++;
    text_add_bytes(out, reason, head);
    text_add(out, "...");
    text_add_bytes(out, reason + tail, size - tail);
}

/* Deleted copies only matter where nothing else is left. */
static bool is_shown(const struct catalog_artifact *artifact,
                     const struct catalog_copy *copy)
{
    return copy->state != CATALOG_COPY_DELETED || artifact->status == CATALOG_DELETED;
}

/* A good copy needs no more than the name of its store. One whose store left the configuration
 * is still there, but no job and no prune of a store's own policy will see to it. */
static void add_copies(struct text *out, const struct catalog_artifact *artifact,
                       const struct artifact_view *view)
{
    for (size_t i = 0; i < artifact->copy_count; i++) {
        const struct catalog_copy *copy = &artifact->copies[i];
        if (!is_shown(artifact, copy))
            continue;
        /* The store's name alone is the best that can be said of it. */
        text_addf(out, "%s%s", out->length > 0 ? ", " : "", copy->store);
        if (copy->state != CATALOG_COPY_COMPLETE)
            text_addf(out, " %s", catalog_copy_state_name(copy->state));
        if (artifact_name_store_left(view->settings, copy->store))
            text_add(out, " (not configured)");
    }
}

/* What keeps it or makes it doubtful, then what it is called. The words of a pin are those of
 * prune's plan. */
static void add_marks(struct text *out, const struct catalog_artifact *artifact,
                      const struct artifact_view *view)
{
    char time[32];
    if (catalog_artifact_is_pinned(artifact, view->now)) {
        /* First: it is what somebody decided. */
        artifact_text_add_part(out, "pinned");
        if (filled(artifact->pin_reason))
            text_addf(out, " \"%s\"", artifact->pin_reason);
        if (artifact->pin_until)
            text_addf(out, " until %s", output_time(time, artifact->pin_until));
    }
    if (artifact->suspect)
        artifact_text_add_part(out, "suspect");
    if (artifact->quarantined)
        artifact_text_add_part(out, "quarantined");
    if (artifact->status == CATALOG_RUNNING && artifact->owner_state == OWNER_DEAD)
        artifact_text_add_part(out, "its process is gone");
    /* Last, in quotes: it is the user's own word. */
    if (filled(artifact->name)) {
        artifact_text_add_part(out, "\"");
        text_addf(out, "%s\"", artifact->name);
    }
}

/* A store's own trouble is told only where the artifact's error does not tell it already. */
static void add_troubles(struct text *out, const struct catalog_artifact *artifact)
{
    if (artifact->error_message) {
        artifact_text_add_part(out, "");
        artifact_text_add_reason(out, artifact->error_message, REASON_WIDTH);
    }
    for (size_t i = 0; i < artifact->copy_count; i++) {
        const struct catalog_copy *copy = &artifact->copies[i];
        /* What a check found is newer than why an upload once failed. */
        const char *trouble = copy->verified_error ? copy->verified_error : copy->error;
        if (!trouble || !is_shown(artifact, copy) ||
            (artifact->error_message && strcmp(trouble, artifact->error_message) == 0))
            continue;
        artifact_text_add_part(out, copy->store);
        text_add(out, ": ");
        artifact_text_add_reason(out, trouble, REASON_WIDTH);
    }
}

/* In the order of `columns` below. */
static void add_row(struct output_table *table, struct catalog *catalog,
                    const struct catalog_artifact *artifact,
                    const struct artifact_view *view)
{
    char time[32], size[64], id[ULID_SIZE];
    struct text text;
    bool running = artifact->status == CATALOG_RUNNING;
    /* Of a running one what its process last said; 0: nothing is stored yet. */
    uint64_t bytes = running ? artifact->progress.stored_bytes : artifact->stored_bytes;
    text_init(&text, REMARKS_MAX);
    output_table_cell(table, cmd_short_id(catalog, artifact->id, id));
    output_table_cell(table, output_time(time, artifact->time));
    output_table_cell(table, filled(artifact->job) ? artifact->job : NULL);
    output_table_cell(table, artifact_name_database(artifact));
    output_table_cellf(table, "%s%s", artifact->type,
                       artifact->filters.count > 0 ? " (filtered)" : "");
    output_table_cell(table, bytes > 0 ? output_size(size, bytes, false) : NULL);
    output_table_cell(table, catalog_status_name(artifact->status));
    add_copies(&text, artifact, view);
    output_table_cell(table, text.length > 0 ? text.data : NULL);
    text_clear(&text);
    add_marks(&text, artifact, view);
    add_troubles(&text, artifact);
    /* The last column: no dash for nothing to say. */
    output_table_cell(table, text.length > 0 ? text.data : "");
    text_release(&text);
}

/* Newest first, as the catalog gives them. */
void artifact_text_list(struct catalog *catalog, const struct catalog_artifacts *artifacts,
                        const struct artifact_view *view)
{
    static const struct output_column columns[] = {
        {"ID", OUTPUT_LEFT},       {"TIME", OUTPUT_LEFT},   {"JOB", OUTPUT_LEFT},
        {"DATABASE", OUTPUT_LEFT}, {"TYPE", OUTPUT_LEFT},   {"SIZE", OUTPUT_RIGHT},
        {"STATUS", OUTPUT_LEFT},   {"COPIES", OUTPUT_LEFT}, {"REMARKS", OUTPUT_LEFT}};
    /* What most rows have alike goes first; from when, of what, where and what is wrong stays. */
    static const struct output_fit fit[] = {
        [1] = {.least = 16}, [2] = {.spare = 2}, [4] = {.spare = 4},
        [5] = {.spare = 3},  [6] = {.spare = 1}, [8] = {0}};
    struct output_table table;
    output_table_init(&table, columns, sizeof(columns) / sizeof(columns[0]));
    table.fit = fit;
    for (size_t i = 0; i < artifacts->count; i++)
        add_row(&table, catalog, &artifacts->items[i], view);
    output_table_print(&table);
    output_table_release(&table);
}

/* ---- the page ---- */

/* Of what an artifact holds and lacks (catalog/artifacts.h). */
static const char *content_label(const char *kind)
{
    if (strcmp(kind, "left_out") == 0)
        return "left out";
    return strcmp(kind, "elsewhere") == 0 ? "not in it" : kind;
}

/* Fields that have nothing to say are left out, where a table would have a dash. */
static void field_time(const char *label, int64_t seconds)
{
    char time[32];
    if (seconds != 0)
        output_field(label, output_time(time, seconds));
}

/* Exact, to be compared with what lies in a store. */
static void field_size(const char *label, uint64_t bytes)
{
    char size[64];
    if (bytes > 0)
        output_field(label, output_size(size, bytes, true));
}

/* What it is a backup of, and what people said of it. */
static void print_what(const struct catalog_artifact *artifact)
{
    /* Whole here: it is copied from this page. */
    output_field("id", artifact->id);
    output_field("status", catalog_status_name(artifact->status));
    output_field("job", artifact->job);
    output_field("source", artifact->source);
    output_field("database", artifact_name_database(artifact));
    output_fieldf("type", "%s, %s format", artifact->type, artifact->format);
    /* As it is written in the configuration: gzip:6. */
    if (artifact->level > 0)
        output_fieldf("compression", "%s:%lld", artifact->compression,
                      (long long)artifact->level);
    else
        output_field("compression", artifact->compression);
    output_field("name", artifact->name);
    output_field("description", artifact->description);
    for (size_t i = 0; i < artifact->tags.count; i++)
        output_fieldf("tag", "%s=%s", artifact->tags.items[i].name,
                      artifact->tags.items[i].value);
    for (size_t i = 0; i < artifact->filters.count; i++)
        output_fieldf("filter", "%s %s", artifact->filters.items[i].name,
                      artifact->filters.items[i].value);
    /* What a restore of it will lack, before somebody relies on it. */
    for (size_t i = 0; i < artifact->contents.count; i++)
        output_field(content_label(artifact->contents.items[i].name),
                     artifact->contents.items[i].value);
}

/* What came of it: times, sizes, hashes, and what it was made with. */
static void print_result(const struct catalog_artifact *artifact)
{
    char duration[32];
    field_time("time", artifact->time);
    field_time("started", artifact->started);
    field_time("finished", artifact->finished);
    if (artifact->finished)
        output_field("duration", text_duration(duration, artifact->duration_ms));
    /* Worth a line only when the first one did not do. */
    if (artifact->tries > 1)
        output_fieldf("tries", "%lld", (long long)artifact->tries);
    field_size("raw size", artifact->raw_bytes);
    field_size("stored size", artifact->stored_bytes);
    if (artifact->raw_bytes > 0 && artifact->stored_bytes > 0)
        output_fieldf("ratio", "%.1f : 1",
                      (double)artifact->raw_bytes / (double)artifact->stored_bytes);
    output_field("sha256", artifact->sha256);
    output_field("raw sha256", artifact->raw_sha256);
    output_field("server", artifact->server_version);
    output_field("pg_dump", artifact->pg_dump_version);
    output_field("pgkeep", artifact->pgkeep_version);
    output_field("host", artifact->hostname);
}

/* Of one that runs, as its process last wrote it into the catalog. */
static void print_progress(const struct catalog_artifact *artifact)
{
    const struct catalog_progress *progress = &artifact->progress;
    char raw[32], stored[32], time[32];
    /* What it means, and what is to be done about it. */
    static const char *const owners[] = {
        [OWNER_DEAD] = "its process is gone; the next backup or `pgkeep sweep` clears it",
        [OWNER_ALIVE] = "its process is alive",
        [OWNER_UNKNOWN] = "taken by another machine or container",
    };
    if (artifact->status != CATALOG_RUNNING)
        return;
    output_fieldf("progress", "%s: %s raw, %s stored",
                  filled(progress->phase) ? progress->phase : "started",
                  text_size(raw, progress->raw_bytes),
                  text_size(stored, progress->stored_bytes));
    if (progress->estimate > 0)
        output_fieldf("estimate", "%s raw", text_size(raw, progress->estimate));
    if (progress->updated)
        output_fieldf("as of", "%s", output_time(time, progress->updated));
    output_field("owner", owners[artifact->owner_state]);
}

/* What keeps it, or makes it doubtful, and what to do about it. */
static void print_marks(const struct catalog_artifact *artifact,
                        const struct artifact_view *view)
{
    char time[32];
    if (catalog_artifact_is_pinned(artifact, view->now)) {
        const char *until =
            artifact->pin_until ? output_time(time, artifact->pin_until) : NULL;
        output_fieldf("pinned", "%s%s", until ? "until " : "", until ? until : FOREVER);
        output_field("pin reason", artifact->pin_reason);
    }
    if (artifact->suspect)
        output_field("suspect", "much smaller than usual: nothing of its group is pruned "
                                "until `pgkeep accept`, or a normal one follows");
    if (artifact->accepted > 0) {
        output_field("accepted", output_time(time, artifact->accepted));
        output_field("accept reason", artifact->accept_reason);
    }
    if (strcmp(artifact->type, "data") == 0)
        output_field("needs",
                     "its tables in the target: restore with --into-nonempty, and "
                     "--disable-triggers lest triggers and foreign keys act on the rows");
    if (artifact->quarantined)
        output_field("quarantined", "its time was in the future or unknown: no rule of "
                                    "retention counts it until `unpin`");
    if (artifact->error_message)
        output_fieldf("error", "%s: %s", artifact->error_code ? artifact->error_code : "-",
                      artifact->error_message);
}

/* When it was last found good; and the last check, where that is another one. */
static void print_check(const struct catalog_copy *copy)
{
    char time[32];
    if (copy->proven)
        output_fieldf("  verified", "%s (%s)", output_time(time, copy->proven),
                      catalog_level_name(copy->proven_level));
    if (copy->verified && copy->verified != copy->proven)
        output_fieldf("  last check", "%s (%s): %s", output_time(time, copy->verified),
                      catalog_level_name(copy->verified_level),
                      copy->verified_error ? copy->verified_error : "good");
}

/* Deleted: when. To go: why, and what it waits for. */
static void print_removal(const struct catalog_copy *copy)
{
    char time[32];
    field_time("  deleted", copy->deleted);
    if (copy->state == CATALOG_COPY_DELETED || !copy->marked)
        return;
    field_time("  to go since", copy->marked);
    output_field("  because", copy->delete_reason);
    if (copy->state == CATALOG_COPY_LOCKED)
        output_field("  locked until", copy->locked_until
                                           ? output_time(time, copy->locked_until)
                                           : "a legal hold is lifted");
    /* Only in vain ones: the first try needs no figure. */
    if (copy->attempts > 0)
        output_fieldf("  tries", "%lld", (long long)copy->attempts);
    field_time("  next try", copy->next_try);
}

/* A paragraph for each copy. */
static void print_copy(const struct catalog_copy *copy, const struct artifact_view *view)
{
    bool left = artifact_name_store_left(view->settings, copy->store);
    output_text("\n");
    output_fieldf("copy in", "%s%s", copy->store,
                  left ? " (no longer in the configuration)" : "");
    output_field("  state", catalog_copy_state_name(copy->state));
    /* Relative to the store: with it the copy can be fetched without pgkeep. */
    output_field("  key", copy->key);
    output_field("  index", copy->index_key);
    field_size("  size", copy->bytes);
    output_field("  version", copy->version);
    if (copy->state == CATALOG_COPY_UPLOADING)
        output_fieldf("  upload", "%s, its process: %s",
                      copy->upload  ? copy->upload
                      : copy->begun ? "begun"
                                    : "not begun",
                      owner_state_name(copy->owner_state));
    print_check(copy);
    output_field("  error", copy->error);
    print_removal(copy);
}

/* Only of plain dumps; a custom archive is not read for its tables. */
static void print_tables(const struct catalog_artifact *artifact)
{
    static const struct output_column columns[] = {
        {"TABLE", OUTPUT_LEFT}, {"ROWS", OUTPUT_RIGHT}, {"RAW SIZE", OUTPUT_RIGHT}};
    struct output_table table;
    if (artifact->tables_count == 0)
        return;
    output_table_init(&table, columns, sizeof(columns) / sizeof(columns[0]));
    for (size_t i = 0; i < artifact->tables_count; i++) {
        const struct catalog_table *one = &artifact->tables[i];
        char size[64];
        /* A table whose rows were not counted has no size either. */
        bool counted = one->rows != CATALOG_UNKNOWN_ROWS;
        char *schema = name_text(one->schema, artifact->encoding);
        char *name = name_text(one->name, artifact->encoding);
        output_table_cellf(&table, "%s%s%s", schema, *schema ? "." : "", name);
        free(schema);
        free(name);
        if (counted)
            output_table_cellf(&table, "%lld", (long long)one->rows);
        else
            output_table_cell(&table, NULL);
        output_table_cell(&table,
                          counted ? output_size(size, one->raw_bytes, false) : NULL);
    }
    output_text("\n");
    output_table_print(&table);
    output_table_release(&table);
}

/* Of the newest drill, where several things differed: the table above has only the first. */
static void print_differences(const struct catalog_verifications *verifications)
{
    struct strlist differences = {0};
    for (size_t i = 0; i < verifications->count; i++) {
        if (verifications->items[i].level != CATALOG_DRILL)
            continue;
        artifact_drill_differences(&verifications->items[i], &differences);
        break;
    }
    for (size_t i = 0; differences.count > 1 && i < differences.count; i++)
        output_linef("  %s", differences.items[i]);
    strlist_release(&differences);
}

/* Every check of every copy: a copy that was broken once is worth a second look. */
static void print_verifications(const struct catalog_verifications *verifications)
{
    static const struct output_column columns[] = {{"VERIFIED", OUTPUT_LEFT},
                                                   {"STORE", OUTPUT_LEFT},
                                                   {"LEVEL", OUTPUT_LEFT},
                                                   {"TOOK", OUTPUT_RIGHT},
                                                   {"RESULT", OUTPUT_LEFT}};
    struct output_table table;
    if (verifications->count == 0)
        return;
    output_table_init(&table, columns, sizeof(columns) / sizeof(columns[0]));
    for (size_t i = 0; i < verifications->count; i++) {
        const struct catalog_verification *one = &verifications->items[i];
        char time[32], took[32];
        output_table_cell(&table, output_time(time, one->time));
        output_table_cell(&table, one->store);
        output_table_cell(&table, catalog_level_name(one->level));
        /* A full check takes as long as a restore: good to know before one is needed. */
        output_table_cell(&table, text_duration(took, one->duration_ms));
        /* What a good drill compared; of a bad one what differs matters more. */
        char *drill = artifact_drill_text(one);
        const char *more = one->message != NULL ? one->message : drill;
        output_table_cellf(&table, "%s%s%s", catalog_result_name(one->result),
                           more != NULL ? ": " : "", more != NULL ? more : "");
        free(drill);
    }
    output_text("\n");
    output_table_print(&table);
    output_table_release(&table);
    print_differences(verifications);
}

/* What it is, what became of it, where it lies, what is in it, how it was checked. */
void artifact_text_page(const struct catalog_artifact *artifact,
                        const struct catalog_verifications *verifications,
                        const struct artifact_view *view)
{
    /* From what it is to what became of it; long lists last. */
    print_what(artifact);
    print_result(artifact);
    print_progress(artifact);
    print_marks(artifact, view);
    for (size_t i = 0; i < artifact->copy_count; i++)
        print_copy(&artifact->copies[i], view);
    print_tables(artifact);
    print_verifications(verifications);
}
