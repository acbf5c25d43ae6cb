/*
 * The copy's state follows from the last check that says something about it. A quick check
 * that is content says nothing about bytes that a full one found wrong: damage_level
 * remembers how closely that one looked.
 */
#include "catalog/verifications.h"

#include "base/clock.h"
#include "base/memory.h"
#include "catalog/copy_row.h"

#define AT(field) offsetof(struct catalog_verification, field)

/* The words of the column `result`, which its CHECK knows. */
static const char *const results[] = {
    [CATALOG_GOOD] = "good",
    [CATALOG_FOUND_MISSING] = "missing",
    [CATALOG_FOUND_DAMAGED] = "damaged",
    [CATALOG_UNDECIDED] = "undecided",
};

/* Only read by this table. */
static const struct record_column columns[] = {
    {"v.id", RECORD_INT, 0, AT(id), 0, NULL},
    {"v.copy", RECORD_INT, 0, AT(copy), 0, NULL},
    {"s.name", RECORD_TEXT, 0, AT(store), 0, NULL},
    {"v.run", RECORD_INT, 0, AT(run), 0, NULL},
    {"v.time", RECORD_INT, 0, AT(time), 0, NULL},
    {"v.level", RECORD_ENUM, 0, AT(level), 0, NULL},
    {"v.result", RECORD_WORD, 0, AT(result), sizeof results / sizeof *results, results},
    {"v.message", RECORD_TEXT, 0, AT(message), 0, NULL},
    {"v.duration_ms", RECORD_INT, 0, AT(duration_ms), 0, NULL},
    {"v.bytes", RECORD_SIZE, 0, AT(bytes), 0, NULL},
    {"v.report", RECORD_TEXT, 0, AT(report), 0, NULL},
};
static const struct record record = {columns, sizeof columns / sizeof *columns};

const char *catalog_result_name(enum catalog_result result)
{
    return results[result];
}

void catalog_verifications_release(struct catalog_verifications *verifications)
{
    for (size_t i = 0; i < verifications->count; i++)
        record_release(&record, &verifications->items[i]);
    free(verifications->items);
    *verifications = (struct catalog_verifications){0};
}

/* What each result does to the copy. A check that looks less closely than the one that
 * found the damage says nothing about it: damage_level decides. ?1 time, ?2 level, ?3
 * message, ?4 now, ?5 copy. */
static const char *const effects[] = {
    /* missing, damaged -> complete */
    [CATALOG_GOOD] =
        "UPDATE copies SET state = 'complete', verified = ?1, verified_level = ?2,"
        " verified_error = ?3, proven = iif(?2 >= 2, ?1, proven),"
        " proven_level = iif(?2 >= 2, ?2, proven_level), damage_level = 0,"
        " updated = max(?4, updated)"
        " WHERE id = ?5 AND state IN ('complete', 'missing', 'damaged')"
        " AND damage_level <= ?2",
    /* complete, damaged -> missing */
    [CATALOG_FOUND_MISSING] =
        "UPDATE copies SET state = 'missing', verified = ?1, verified_level = ?2,"
        " verified_error = ?3, proven = 0, proven_level = 0, first_marked = 0,"
        " updated = max(?4, updated)"
        " WHERE id = ?5 AND state IN ('complete', 'missing', 'damaged')",
    /* complete, missing -> damaged; how closely that was looked at stays until new bytes */
    [CATALOG_FOUND_DAMAGED] =
        "UPDATE copies SET state = 'damaged', verified = ?1, verified_level = ?2,"
        " verified_error = ?3, proven = 0, proven_level = 0, first_marked = 0,"
        " damage_level = max(damage_level, ?2), updated = max(?4, updated)"
        " WHERE id = ?5 AND state IN ('complete', 'missing', 'damaged')",
};

int catalog_verification_add(struct catalog *catalog,
                             struct catalog_verification *verification, struct err *err)
{
    const struct catalog_verification *v = verification;
    struct sql sql;
    int64_t changed = 0;
    /* The check and what it means for the copy stand in the file together. */
    if (sql_begin(catalog, err) < 0)
        return -1;

    /* The history, of copies that are there to be checked. */
    sql_prepare(&sql, catalog,
                "INSERT INTO verifications (copy, run, time, level, result, message,"
                " duration_ms, bytes, report)"
                " SELECT id, nullif(?1, 0), ?2, ?3, ?4, ?5, ?6, ?7, ?8 FROM copies"
                " WHERE id = ?9 AND state IN ('complete', 'missing', 'damaged')",
                err);
    sql_bind(&sql, "%jd %jd %d %s %s %jd %ju %s %jd", v->run, v->time, v->level,
             results[v->result], v->message, v->duration_ms, v->bytes, v->report, v->copy);
    int result = copy_row_change(&sql, v->copy, "it cannot be verified any more");
    verification->id = sqlite3_last_insert_rowid(catalog->db);
    /* The store did not answer, or somebody ended it: nothing is known of the copy that
     * was not known before. */
    if (result < 0 || v->result == CATALOG_UNDECIDED)
        return sql_finish(catalog, result, err);

    /* The copy. What is broken says why, at least in a word. */
    const char *message = v->message != NULL ? v->message : results[v->result];
    sql_prepare(&sql, catalog, effects[v->result], err);
    sql_bind(&sql, "%jd %d %s %jd %jd", v->time, v->level,
             v->result == CATALOG_GOOD ? NULL : message, clock_now(), v->copy);
    result = sql_run(&sql, &changed);
    if (result < 0 || v->result != CATALOG_GOOD || v->level < CATALOG_DRILL || !v->sense ||
        changed == 0)
        return sql_finish(catalog, result, err);

    /* A drill has restored it and found what should be in it. Whatever asks for less proves
     * bytes, and a dump of a database that somebody emptied has good bytes (RETENTION
     * section 6). */
    sql_prepare(&sql, catalog,
                "UPDATE artifacts SET suspect = 0, updated = max(?, updated + 1)"
                " WHERE suspect = 1"
                " AND number = (SELECT artifact FROM copies WHERE id = ?)",
                err);
    sql_bind(&sql, "%jd %jd", clock_now(), v->copy);
    return sql_finish(catalog, sql_run(&sql, NULL), err);
}

/* Over all stores: the history of an artifact, not of one copy. */
int catalog_verifications_of(struct catalog *catalog, const char *artifact, int64_t limit,
                             struct catalog_verifications *out, struct err *err)
{
    struct sql sql;
    struct text text;
    text_init(&text, 4096);
    text_add(&text, "SELECT ");
    record_add_columns(&text, &record, "");
    text_add(&text, " FROM verifications v JOIN copies c ON c.id = v.copy"
                    " JOIN stores s ON s.id = c.store"
                    " WHERE c.artifact = (SELECT number FROM artifacts WHERE id = ?)"
                    " ORDER BY v.time DESC, v.id DESC LIMIT ?");
    sql_prepare(&sql, catalog, text.data, err);
    text_release(&text);
    sql_bind(&sql, "%s %jd", artifact, limit > 0 ? limit : -1);
    while (sql_row(&sql)) {
        struct catalog_verification *v =
            memory_append(&out->items, &out->count, &out->capacity, sizeof *v);
        record_read(&sql, &record, v);
    }
    return sql_end(&sql);
}

int catalog_verification_longest(struct catalog *catalog, const char *job,
                                 enum catalog_level level, char id[ULID_SIZE],
                                 struct err *err)
{
    struct sql sql;
    *id = '\0';
    /* A check that decided nothing counts as well: a store that is away must not keep its artifact
     * in front of all others. What the copy remembers counts beside the history, which a catalog
     * that was made from its stores lacks. */
    sql_prepare(&sql, catalog,
                "SELECT a.id FROM artifacts a JOIN copies c ON c.artifact = a.number"
                " WHERE a.job = ?1 AND a.status = 'complete'"
                " AND c.state IN ('complete', 'missing', 'damaged')"
                " GROUP BY a.number ORDER BY min(max(c.proven,"
                " CASE WHEN c.verified_level >= ?2 THEN c.verified ELSE 0 END,"
                " coalesce((SELECT max(v.time) FROM verifications v"
                " WHERE v.copy = c.id AND v.level >= ?2), 0), a.finished)),"
                " a.time, a.seq, a.id LIMIT 1",
                err);
    sql_bind(&sql, "%s %d", job, level);
    if (sql_row(&sql))
        sql_chars(&sql, id, ULID_SIZE);
    return sql_end(&sql);
}

int catalog_verification_drilled(struct catalog *catalog, const char *artifact,
                                 int64_t *time, struct err *err)
{
    struct sql sql;
    *time = 0;
    sql_prepare(&sql, catalog,
                "SELECT coalesce(max(v.time), 0) FROM verifications v"
                " JOIN copies c ON c.id = v.copy JOIN artifacts a ON a.number = c.artifact"
                " WHERE a.id = ? AND v.level = ?",
                err);
    sql_bind(&sql, "%s %d", artifact, CATALOG_DRILL);
    if (sql_row(&sql))
        *time = sql_int(&sql);
    return sql_end(&sql);
}

void catalog_drills_release(struct catalog_drills *drills)
{
    for (size_t i = 0; i < drills->count; i++) {
        free(drills->items[i].job);
        free(drills->items[i].database);
    }
    free(drills->items);
    *drills = (struct catalog_drills){0};
}

int catalog_drills_last(struct catalog *catalog, struct catalog_drills *out,
                        struct err *err)
{
    struct sql sql;
    /* From the history: what a copy remembers is its last proof, of whatever level. */
    sql_prepare(&sql, catalog,
                "SELECT a.job, a.database, max(v.time) FROM verifications v"
                " JOIN copies c ON c.id = v.copy JOIN artifacts a ON a.number = c.artifact"
                " WHERE v.level = ? AND v.result = 'good' GROUP BY a.job, a.database",
                err);
    sql_bind_int(&sql, CATALOG_DRILL);
    while (sql_row(&sql)) {
        struct catalog_drill *drill =
            memory_append(&out->items, &out->count, &out->capacity, sizeof *drill);
        drill->job = sql_text(&sql);
        drill->database = sql_text(&sql);
        drill->time = sql_int(&sql);
    }
    return sql_end(&sql);
}

int catalog_verifications_purge(struct catalog *catalog, int64_t before, struct err *err)
{
    struct sql sql;
    /* The newest of each copy stays, however old: it is what is known about it. */
    sql_begin_change(&sql, catalog,
                     "DELETE FROM verifications WHERE time < ? AND EXISTS (SELECT 1 FROM"
                     " verifications n WHERE n.copy = verifications.copy"
                     " AND (n.time, n.id) > (verifications.time, verifications.id))",
                     err);
    sql_bind_int(&sql, before);
    return sql_end_change(&sql, sql_run(&sql, NULL));
}
