/* From what a user wrote to an id, and from an id to what a user may write. */
#include "catalog/artifact_find.h"

#include <ctype.h>

#include "base/clock.h"
#include "base/memory.h"
#include "catalog/db/sql.h"

#define SHORTEST 10 /* of a short id */
#define SHOWN 5     /* matches in an error */
#define JOB_MAX 255

/* ---- short ids ---- */

/* How many characters an id has in common with its neighbour of this question. The ids that
 * share most with one are its neighbours in the order of the alphabet. */
static int common(struct catalog *catalog, const char *question, const char *id,
                  size_t *longest, struct err *err)
{
    struct sql sql;
    char other[ULID_SIZE] = "";
    size_t length = 0;
    sql_prepare(&sql, catalog, question, err);
    sql_bind_text(&sql, id);
    if (sql_row(&sql))
        sql_chars(&sql, other, sizeof other);
    /* No neighbour, at either end of the alphabet: nothing in common. */
    while (id[length] != '\0' && id[length] == other[length])
        length++;
    if (length > *longest)
        *longest = length;
    return sql_end(&sql);
}

int catalog_artifact_short(struct catalog *catalog, const char *id, char out[ULID_SIZE],
                           struct err *err)
{
    size_t longest = 0;
    /* The one before and the one behind; all others share less. */
    if (common(catalog, "SELECT max(id) FROM artifacts WHERE id < ?", id, &longest, err) <
            0 ||
        common(catalog, "SELECT min(id) FROM artifacts WHERE id > ?", id, &longest, err) <
            0)
        return -1;
    /* One more than is common tells them apart; at least as long as people have learned to
     * expect (CONTRACT-NOTES 6). */
    size_t length = longest + 1 < SHORTEST ? SHORTEST : longest + 1;
    snprintf(out, ULID_SIZE, "%.*s", (int)length, id);
    return 0;
}

/* ---- latest ---- */

/* One database that `latest` could mean: its newest artifact. */
struct latest {
    char id[ULID_SIZE];
    char *job, *database;
    char *source, *origin; /* what tells databases of one name apart; source "": ad hoc */
    int64_t time;
};
struct latests {
    struct latest *items;
    size_t count, capacity;
};

static void release_latest(struct latest *latest)
{
    free(latest->job);
    free(latest->database);
    free(latest->source);
    free(latest->origin);
}

static void release_latests(struct latests *latests)
{
    for (size_t i = 0; i < latests->count; i++)
        release_latest(&latests->items[i]);
    free(latests->items);
    *latests = (struct latests){0};
}

/* "latest", "latest:JOB/DATABASE": what is behind the colon, "" where it is not said. A job
 * has no '/' in its name, a database may. */
struct wanted {
    char job[JOB_MAX + 1];
    const char *database; /* NULL: any */
};

static int read_wanted(const struct catalog_choice *choice, struct wanted *wanted,
                       struct err *err)
{
    /* What is said twice, behind the colon and as an option, must be the same. */
    const char *text = choice->text + strlen("latest");
    *wanted = (struct wanted){.database = choice->database};
    if (*text == '\0')
        return 0;
    text++;
    /* latest:JOB, latest:JOB/DATABASE, latest:/DATABASE: at the first slash. */
    size_t length = strcspn(text, "/");
    const char *database = text[length] == '/' ? text + length + 1 : NULL;
    if (length > JOB_MAX || (length == 0 && database == NULL) ||
        (database != NULL && *database == '\0')) {
        err_set(err, ERR_USAGE, "\"%s\" names neither a job nor a database", choice->text);
        return err_hint(err, "latest:JOB, latest:JOB/DATABASE or latest:/DATABASE");
    }
    memcpy(wanted->job, text, length);
    if (database == NULL)
        return 0;
    if (wanted->database != NULL && strcmp(wanted->database, database) != 0)
        return err_set(err, ERR_USAGE, "\"%s\" and --database %s are two databases",
                       choice->text, wanted->database);
    wanted->database = database;
    return 0;
}

/* Two databases of one name are one when a job was named (its source may have got
 * another name, or moved to another server), when they are of one source, or on one
 * server. */
static bool is_same(const struct latest *a, const struct latest *b, const char *job)
{
    if (strcmp(a->database, b->database) != 0)
        return false;
    /* Ad hoc backups have no source of a name: only the server tells them apart. */
    bool sources = a->source[0] != '\0' && b->source[0] != '\0';
    return (sources && (job[0] != '\0' || strcmp(a->source, b->source) == 0)) ||
           (a->origin[0] != '\0' && strcmp(a->origin, b->origin) == 0);
}

/* The newest artifact of each database that fits. ?1 type, ?2 job or "", ?3 database, ?4
 * before, ?5 store. */
static int read_latests(struct catalog *catalog, const struct catalog_choice *choice,
                        const struct wanted *wanted, struct latests *out, struct err *err)
{
    struct sql sql;
    sql_prepare(
        &sql, catalog,
        "SELECT id, iif(job = '', source, job), database, iif(job = '', '', source), "
        "origin,"
        " time"
        " FROM artifacts a WHERE status = 'complete' AND type = ?1"
        " AND (?2 = '' OR iif(job = '', source, job) = ?2)"
        " AND (?3 IS NULL OR database = ?3) AND (?4 = 0 OR time < ?4)"
        " AND (?5 IS NULL OR EXISTS (SELECT 1 FROM copies c JOIN stores s ON s.id = c.store"
        " WHERE c.artifact = a.number AND s.name = ?5"
        " AND c.state IN ('complete', 'missing', 'damaged')))"
        " AND NOT EXISTS (SELECT 1 FROM filters WHERE artifact = a.number"
        " AND name GLOB '--*')"
        " ORDER BY quarantined, time DESC, seq DESC, id DESC",
        err);
    sql_bind(&sql, "%s %s %s %jd %s", choice->type != NULL ? choice->type : "full",
             wanted->job, wanted->database, choice->before, choice->store);
    while (sql_row(&sql)) {
        struct latest one = {0};
        bool known = false;
        /* In the order of the columns. */
        sql_chars(&sql, one.id, sizeof one.id);
        one.job = sql_text(&sql);
        one.database = sql_text(&sql);
        one.source = sql_text(&sql);
        one.origin = sql_text(&sql);
        one.time = sql_int(&sql);
        /* They come newest first: of a database that was seen this is an older one. */
        for (size_t i = 0; i < out->count && !known; i++)
            known = is_same(&out->items[i], &one, wanted->job);
        if (known) {
            release_latest(&one);
            continue;
        }
        memory_grow(&out->items, &out->capacity, out->count + 1, sizeof *out->items);
        out->items[out->count++] = one;
    }
    return sql_end(&sql);
}

/* An empty catalog, a misspelt job and too narrow a choice need different words. */
static int none_fits(const struct catalog_choice *choice, const struct wanted *wanted,
                     struct err *err)
{
    /* All that was said stands in the sentence: what is too narrow shows there. */
    struct text text;
    char time[32];
    text_init(&text, 400);
    if (choice->type != NULL)
        text_addf(&text, " of type %s", choice->type);
    if (wanted->job[0] != '\0')
        text_addf(&text, " of job \"%s\"", wanted->job);
    if (wanted->database != NULL)
        text_addf(&text, " of database \"%s\"", wanted->database);
    if (choice->store != NULL)
        text_addf(&text, " in store \"%s\"", choice->store);
    if (choice->before != 0)
        text_addf(&text, " from before %s", clock_local(time, choice->before));
    err_set(err, ERR_NOT_FOUND, "there is no complete artifact%s",
            text.length > 0 ? text.data : " yet");
    text_release(&text);
    return err_hint(err, "latest is of type full and without filters of a command line; "
                         "`pgkeep list` shows what there is");
}

/* Every choice as it can be typed, with its id for those that only an id tells apart. */
static int several_fit(struct catalog *catalog, const struct catalog_choice *choice,
                       const struct latests *latests, struct err *err)
{
    struct text text;
    int result = 0;
    /* In the order of the newest, and no more than can be read at a glance. */
    text_init(&text, 400);
    for (size_t i = 0; result == 0 && i < latests->count && i < SHOWN; i++) {
        const struct latest *one = &latests->items[i];
        char time[32], id[ULID_SIZE];
        result = catalog_artifact_short(catalog, one->id, id, err);
        text_addf(&text, "%s%s/%s %s (%s)", i > 0 ? ", " : "", one->job, one->database, id,
                  clock_local(time, one->time));
    }
    if (latests->count > SHOWN)
        text_addf(&text, " and %zu more", latests->count - SHOWN);
    if (result == 0) {
        err_set(err, ERR_USAGE, "\"%s\" could be %zu databases: %s", choice->text,
                latests->count, text.data);
        result = err_hint(
            err, "say latest:JOB/DATABASE, latest:/DATABASE, --database NAME or an id");
    }
    text_release(&text);
    return result;
}

static int find_latest(struct catalog *catalog, const struct catalog_choice *choice,
                       char id[ULID_SIZE], struct err *err)
{
    struct wanted wanted;
    struct latests latests = {0};
    /* One is the answer, or the first for who does not mind the database. Of several none is guessed: it would be the wrong database,
     * restored with exit 0 (PRODUCT section 2). */
    if (read_wanted(choice, &wanted, err) < 0)
        return -1;
    int result = read_latests(catalog, choice, &wanted, &latests, err);
    if (result == 0 && latests.count == 0)
        result = none_fits(choice, &wanted, err);
    else if (result == 0 && latests.count > 1 && !choice->any_database)
        result = several_fit(catalog, choice, &latests, err);
    else if (result == 0)
        snprintf(id, ULID_SIZE, "%s", latests.items[0].id);
    release_latests(&latests);
    return result;
}

/* ---- ids ---- */

/* Ids that begin with `prefix`, at most SHOWN + 1. As a stretch of the index, which a
 * LIKE would not use; the + keeps SQLite from that of the unusual ones, which serves the
 * tombstones alone. */
static int match(struct catalog *catalog, const char *prefix, bool deleted,
                 struct strlist *out, struct err *err)
{
    char end[ULID_SIZE + 1]; /* '~' is behind every character of an id */
    struct sql sql;
    snprintf(end, sizeof end, "%s~", prefix);
    sql_prepare(&sql, catalog,
                deleted ? "SELECT id FROM artifacts WHERE id >= ? AND id < ?"
                          " AND status = 'deleted' ORDER BY id LIMIT ?"
                        : "SELECT id FROM artifacts WHERE id >= ? AND id < ?"
                          " AND +status <> 'deleted' ORDER BY id LIMIT ?",
                err);
    sql_bind(&sql, "%s %s %d", prefix, end, SHOWN + 1);
    return sql_texts(&sql, out);
}

/* Who types the name of a job or a database wanted its newest; most others the newest of
 * all. */
static int refuse_unknown(struct catalog *catalog, const char *text, struct err *err)
{
    static const struct {
        const char *question, *slash;
    } names[] = {{"SELECT 1 FROM artifacts WHERE job = ? LIMIT 1", ""},
                 {"SELECT 1 FROM artifacts WHERE database = ? LIMIT 1", "/"}};
    /* A job before a database of the same name: it is what people name first. */
    for (size_t i = 0; i < 2 && *text != '\0'; i++) {
        struct sql sql;
        sql_prepare(&sql, catalog, names[i].question, err);
        sql_bind_text(&sql, text);
        bool is_one = sql_row(&sql);
        if (sql_end(&sql) < 0)
            return -1;
        if (!is_one)
            continue;
        err_set(err, ERR_NOT_FOUND, "the catalog knows no artifact \"%s\"", text);
        return err_hint(err, "its newest backup is latest:%s%s", names[i].slash, text);
    }
    err_set(err, ERR_NOT_FOUND, "the catalog knows no artifact \"%s\"", text);
    return err_hint(err, "`pgkeep list` shows the ids; or say latest or latest:JOB");
}

/* Who says more than an id must be right about it. */
static int check_fits(struct catalog *catalog, const struct catalog_choice *choice,
                      const char *id, struct err *err)
{
    struct sql sql;
    /* An option that contradicts the id is a slip: which of the two was meant nobody can
     * know. */
    sql_prepare(&sql, catalog, "SELECT database, type, time FROM artifacts WHERE id = ?",
                err);
    sql_bind_text(&sql, id);
    if (!sql_row(&sql))
        return sql_end(&sql);
    char *database = sql_text(&sql);
    char *type = sql_text(&sql);
    int64_t time = sql_int(&sql);
    /* The first contradiction is said; the others may only follow from it. */
    char shown[32];
    int result = sql_end(&sql);
    if (result == 0 && choice->database != NULL && strcmp(choice->database, database) != 0)
        result = err_set(err, ERR_USAGE, "%s is of database \"%s\", not of \"%s\"", id,
                         database, choice->database);
    else if (result == 0 && choice->type != NULL && strcmp(choice->type, type) != 0)
        result =
            err_set(err, ERR_USAGE, "%s is of type %s, not %s", id, type, choice->type);
    else if (result == 0 && choice->before != 0 && time >= choice->before)
        result = err_set(err, ERR_USAGE, "%s was taken at %s, not before --before", id,
                         clock_local(shown, time));
    free(database);
    free(type);
    return result;
}

static int find_by_id(struct catalog *catalog, const char *text, char id[ULID_SIZE],
                      struct err *err)
{
    char prefix[ULID_SIZE] = "";
    struct strlist matches = {0};
    /* Ids are upper case; what cannot begin one is not looked for. */
    size_t length = strlen(text);
    if (length == 0 || length > ULID_LENGTH)
        return refuse_unknown(catalog, text, err);
    for (size_t i = 0; i < length; i++) {
        if (!isalnum((unsigned char)text[i]))
            return refuse_unknown(catalog, text, err);
        prefix[i] = (char)toupper((unsigned char)text[i]);
    }

    /* Deleted ones answer only where no other does: nobody means a tombstone. */
    int result = match(catalog, prefix, false, &matches, err);
    if (result == 0 && matches.count == 0)
        result = match(catalog, prefix, true, &matches, err);
    if (result == 0 && matches.count == 1)
        snprintf(id, ULID_SIZE, "%s", matches.items[0]);
    else if (result == 0 && matches.count == 0)
        result = refuse_unknown(catalog, text, err);
    else if (result == 0) {
        /* A few of them, so that it can be typed longer without another command. */
        struct text list;
        text_init(&list, 400);
        for (size_t i = 0; i < matches.count && i < SHOWN; i++)
            text_addf(&list, "%s%s", i > 0 ? ", " : "", matches.items[i]);
        if (matches.count > SHOWN)
            text_add(&list, " and more");
        result = err_set(err, ERR_USAGE, "\"%s\" is the beginning of several ids: %s", text,
                         list.data);
        text_release(&list);
    }
    strlist_release(&matches);
    return result;
}

int catalog_artifact_find(struct catalog *catalog, const struct catalog_choice *choice,
                          char id[ULID_SIZE], struct err *err)
{
    /* No prefix of an id begins so: L is not in its alphabet. */
    if (strcmp(choice->text, "latest") == 0 || text_starts_with(choice->text, "latest:"))
        return find_latest(catalog, choice, id, err);
    if (find_by_id(catalog, choice->text, id, err) < 0)
        return -1;
    return check_fits(catalog, choice, id, err);
}
