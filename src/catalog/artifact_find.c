/* From what a user wrote to an id, and from an id to what a user may write. */
#include "catalog/artifact_list.h"

#include <ctype.h>

#include "base/memory.h"
#include "catalog/db/sql.h"

#define SHORTEST 10 /* of a short id */
#define SHOWN 5     /* matches in an error */

/* What `latest` means (PRODUCT section 2): the newest complete one of type full that no filter
 * of a command line cut down; of a job where it is not NULL. */
#define REGULAR                                                                            \
    "SELECT id FROM artifacts a WHERE status = 'complete' AND type = 'full'"               \
    " AND NOT EXISTS (SELECT 1 FROM filters WHERE artifact = a.number"                     \
    " AND name GLOB '--*')"
#define NEWEST " ORDER BY time DESC, seq DESC, id DESC LIMIT 1"
static int find_latest(struct catalog *catalog, const char *job, char id[ULID_SIZE],
                       struct err *err)
{
    struct sql sql;
    sql_prepare(&sql, catalog, job == NULL ? REGULAR NEWEST : REGULAR " AND job = ?" NEWEST,
                err);
    if (job != NULL)
        sql_bind_text(&sql, job);
    bool found = sql_row(&sql);
    if (found)
        sql_chars(&sql, id, ULID_SIZE);

    /* An empty catalog and a misspelt job need different words. */
    if (sql_end(&sql) < 0)
        return -1;
    if (found)
        return 0;
    return job == NULL ? err_set(err, ERR_NOT_FOUND, "there is no complete artifact yet")
                       : err_set(err, ERR_NOT_FOUND,
                                 "there is no complete artifact of job \"%s\"", job);
}

/* Ids that begin with `prefix`, at most SHOWN + 1. As a stretch of the index, which a LIKE
 * would not use. */
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
    sql_bind_text(&sql, prefix);
    sql_bind_text(&sql, end);
    sql_bind_int(&sql, SHOWN + 1);
    while (sql_row(&sql)) {
        char id[ULID_SIZE];
        sql_chars(&sql, id, sizeof id);
        strlist_add(out, id);
    }
    return sql_end(&sql);
}

/* The hint names both ways: most who mistype an id wanted the latest one. */
static int refuse_unknown(const char *text, struct err *err)
{
    err_set(err, ERR_NOT_FOUND, "the catalog knows no artifact \"%s\"", text);
    return err_hint(err, "`pgkeep list` shows the ids; or say latest or latest:JOB");
}

int catalog_artifact_find(struct catalog *catalog, const char *text, char id[ULID_SIZE],
                          struct err *err)
{
    char prefix[ULID_SIZE] = "";
    struct strlist matches = {0};
    if (strcmp(text, "latest") == 0)
        return find_latest(catalog, NULL, id, err);
    if (text_starts_with(text, "latest:"))
        return find_latest(catalog, text + strlen("latest:"), id, err);

    /* Ids are upper case; what cannot begin one is not looked for. */
    size_t length = strlen(text);
    if (length == 0 || length > ULID_LENGTH)
        return refuse_unknown(text, err);
    for (size_t i = 0; i < length; i++) {
        if (!isalnum((unsigned char)text[i]))
            return refuse_unknown(text, err);
        prefix[i] = (char)toupper((unsigned char)text[i]);
    }

    /* Deleted ones answer only where no other does: nobody means a tombstone. */
    int result = match(catalog, prefix, false, &matches, err);
    if (result == 0 && matches.count == 0)
        result = match(catalog, prefix, true, &matches, err);
    if (result == 0 && matches.count == 1)
        snprintf(id, ULID_SIZE, "%s", matches.items[0]);
    else if (result == 0 && matches.count == 0)
        result = refuse_unknown(text, err);
    else if (result == 0) {
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
