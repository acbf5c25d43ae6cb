/*
 * A store is who its mark says it is. Names and URLs only lead to it: they may change, be
 * given twice or be swapped, and every function here ends in the question which row has
 * this UUID.
 */
#include "catalog/stores.h"

#include "base/clock.h"
#include "base/memory.h"
#include "catalog/db/record.h"

/* The name is written apart from the rest, since it need not be the caller's
 * (choose_name). */
enum { NAME = 1, DECLARE = 2 };

static const struct record_column columns[] = {
    {"id", RECORD_INT, 0, offsetof(struct catalog_store, id), 0, NULL},
    {"name", RECORD_TEXT, NAME, offsetof(struct catalog_store, name), 0, NULL},
    {"uuid", RECORD_CHARS, DECLARE, offsetof(struct catalog_store, uuid),
     sizeof((struct catalog_store *)0)->uuid, NULL},
    {"type", RECORD_TEXT, DECLARE, offsetof(struct catalog_store, type), 0, NULL},
    {"url", RECORD_TEXT, DECLARE, offsetof(struct catalog_store, url), 0, NULL},
    {"adhoc", RECORD_BOOL, DECLARE, offsetof(struct catalog_store, adhoc), 0, NULL},
    {"created", RECORD_INT, DECLARE, offsetof(struct catalog_store, created), 0, NULL},
    {"seen", RECORD_INT, DECLARE, offsetof(struct catalog_store, seen), 0, NULL},
};
static const struct record record = {columns, sizeof columns / sizeof *columns};

/* In the order of the columns above. */
#define STORE_SELECT "SELECT id, name, uuid, type, url, adhoc, created, seen FROM stores "

void catalog_store_release(struct catalog_store *store)
{
    record_release(&record, store);
}

void catalog_stores_release(struct catalog_stores *stores)
{
    for (size_t i = 0; i < stores->count; i++)
        catalog_store_release(&stores->items[i]);
    free(stores->items);
    *stores = (struct catalog_stores){0};
}

/* ---- no secrets ---- */

/* "://user:password@" anywhere, so also in an endpoint inside of the query. */
static bool has_user_info(const char *url)
{
    for (const char *p = strstr(url, "://"); p != NULL; p = strstr(p, "://")) {
        p += 3;
        /* Up to where the host ends: a later '@' is part of a path or a value. */
        size_t length = strcspn(p, "/?#&");
        if (memchr(p, '@', length) != NULL)
            return true;
    }
    return false;
}

/* NAME=… in the query where NAME is that of a secret, but not the name of the variable or
 * the file it is in. */
static bool is_secret_name(const char *name, size_t length)
{
    static const char *const words[] = {"password", "secret", "token", "signature",
                                        "credential"};
    char lower[64];
    /* No option of ours is as long: rather refuse what cannot be looked at. */
    if (length >= sizeof lower)
        return true;
    /* In whatever case: the service that reads the query may not care either. */
    memcpy(lower, name, length);
    lower[length] = '\0';
    text_lower(lower);
    if (text_ends_with(lower, "_env") || text_ends_with(lower, "_file"))
        return false;
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strstr(lower, words[i]) != NULL)
            return true;
    return false;
}

/* The catalog is read by more people and programs than a configuration with secrets may
 * be. */
static int check_url(const struct catalog_store *store, struct err *err)
{
    struct text url; /* as it looks to those who decode it: %40 is '@' */
    text_init(&url, SIZE_MAX / 2);
    text_add_decoded(&url, store->url, strlen(store->url));
    bool secret = has_user_info(url.data);

    /* Parameters may stand in a query inside of the query (an endpoint), too. */
    for (const char *p = strchr(url.data, '?'); p != NULL && !secret;
         p = strpbrk(p, "&?")) {
        p++;
        size_t length = strcspn(p, "=&");
        secret = p[length] == '=' && is_secret_name(p, length);
    }
    text_release(&url);
    if (!secret)
        return 0;
    return err_set(err, ERR_USAGE,
                   "the URL of a store holds a password; the catalog keeps none");
}

/* ---- finding a row ---- */

/* The row of a question, whose id is 0 when it has none. */
static int read_store(struct sql *sql, struct catalog_store *out)
{
    *out = (struct catalog_store){0};
    if (sql_row(sql))
        record_read(sql, &record, out);
    return sql_end(sql);
}

/* One text decides, by a question that begins with STORE_SELECT. */
static int find_by(struct catalog *catalog, const char *question, const char *value,
                   struct catalog_store *out, struct err *err)
{
    struct sql sql;
    sql_prepare(&sql, catalog, question, err);
    sql_bind_text(&sql, value);
    return read_store(&sql, out);
}

#define BY_NAME STORE_SELECT "WHERE name = ?"
#define BY_UUID STORE_SELECT "WHERE uuid = ?"

/* The row a store on its way to be used belongs to. The name of an ad-hoc one is its URL
 * without the query, so that two services can have the same; only the whole URL tells. */
static int find_declared(struct catalog *catalog, const struct catalog_store *store,
                         struct catalog_store *out, struct err *err)
{
    if (!store->adhoc)
        return find_by(catalog, BY_NAME, store->name, out, err);
    return find_by(catalog, STORE_SELECT "WHERE adhoc = 1 AND url = ?", store->url, out,
                   err);
}

/* The name its row gets (heap): its own unless another row has that; then the whole URL,
 * with an empty query where it has none, since it would be the taken name again. */
static int choose_name(struct catalog *catalog, const struct catalog_store *store,
                       int64_t id, char **name, struct err *err)
{
    struct catalog_store other;
    if (find_by(catalog, BY_NAME, store->name, &other, err) < 0)
        return -1;
    bool taken = other.id != 0 && other.id != id;
    const char *query = strcmp(store->url, store->name) == 0 ? "?" : "";
    *name = taken && store->adhoc ? memory_format("%s%s", store->url, query)
                                  : memory_strdup(store->name);
    catalog_store_release(&other);
    return 0;
}

int catalog_store_find(struct catalog *catalog, const char *name, struct catalog_store *out,
                       bool *absent, struct err *err)
{
    /* Names come first: one that looks like a UUID is still a name. */
    int result = find_by(catalog, BY_NAME, name, out, err);
    if (result == 0 && out->id == 0)
        result = find_by(catalog, BY_UUID, name, out, err);
    *absent = out->id == 0;
    return result;
}

int catalog_store_load(struct catalog *catalog, int64_t id, struct catalog_store *out,
                       struct err *err)
{
    struct sql sql;
    sql_prepare(&sql, catalog, STORE_SELECT "WHERE id = ?", err);
    sql_bind_int(&sql, id);
    if (read_store(&sql, out) < 0)
        return -1;
    if (out->id != 0)
        return 0;
    return err_set(err, ERR_NOT_FOUND, "the catalog knows no store %lld", (long long)id);
}

int catalog_stores_list(struct catalog *catalog, struct catalog_stores *out,
                        struct err *err)
{
    struct sql sql;
    sql_prepare(&sql, catalog, STORE_SELECT "ORDER BY name", err);
    while (sql_row(&sql)) {
        struct catalog_store *store =
            memory_append(&out->items, &out->count, &out->capacity, sizeof *store);
        record_read(&sql, &record, store);
    }
    return sql_end(&sql);
}

/* ---- changing one ---- */

int catalog_stores_forget_unreached(struct catalog *catalog, int64_t *count,
                                    struct err *err)
{
    struct sql sql;
    /* A young one may be in use this moment: its mark is read after its row was made. */
    sql_prepare(&sql, catalog,
                "DELETE FROM stores WHERE adhoc = 1 AND uuid IS NULL AND created < ?"
                " AND NOT EXISTS (SELECT 1 FROM copies WHERE store = stores.id)",
                err);
    sql_bind_int(&sql, clock_now() - 24 * 3600);
    return sql_run(&sql, count);
}

/* A row of its own. Its mark is whatever the caller has seen: "" before it was read. */
static int insert(struct catalog *catalog, struct catalog_store *store, struct err *err)
{
    struct sql sql;
    struct text text;
    char *name = NULL;
    /* The name first, by hand: it is bound in front of the columns of DECLARE. */
    if (choose_name(catalog, store, 0, &name, err) < 0)
        return -1;
    store->created = clock_now();
    text_init(&text, 4096);
    record_add_insert(&text, &record, NAME | DECLARE, "stores");
    sql_prepare(&sql, catalog, text.data, err);
    sql_bind_text(&sql, name);
    record_bind(&sql, &record, DECLARE, store);
    int result = sql_run(&sql, NULL);
    store->id = sqlite3_last_insert_rowid(catalog->db);
    text_release(&text);
    free(name);
    return result;
}

/* What the configuration or the command line says of a store today: type, url, adhoc. Its
 * name and its mark are decided elsewhere. */
static int refresh(struct catalog *catalog, const struct catalog_store *store, int64_t id,
                   struct err *err)
{
    struct sql sql;
    sql_prepare(&sql, catalog,
                "UPDATE stores SET type = ?, url = ?, adhoc = ? WHERE id = ?", err);
    sql_bind(&sql, "%s %s %d %jd", store->type, store->url, store->adhoc, id);
    return sql_run(&sql, NULL);
}

int catalog_store_declare(struct catalog *catalog, struct catalog_store *store,
                          struct err *err)
{
    struct catalog_store known;
    /* In one transaction: two processes that use a new store make one row of it. */
    if (check_url(store, err) < 0 || sql_begin(catalog, err) < 0)
        return -1;
    int result = find_declared(catalog, store, &known, err);
    if (result == 0 && known.id == 0) {
        /* New, and its mark is yet to be read: whatever the caller had there is void. */
        store->uuid[0] = '\0';
        store->seen = 0;
        result = insert(catalog, store, err);
    } else if (result == 0) {
        result = refresh(catalog, store, known.id, err);
        store->id = known.id;
        memcpy(store->uuid, known.uuid, sizeof store->uuid);
        store->seen = known.seen;
        store->created = known.created;
    }
    catalog_store_release(&known);
    return sql_finish(catalog, result, err);
}

/* The row that was made for a name before it was known whose name it is. */
static int drop_declared(struct catalog *catalog, const struct catalog_store *declared,
                         struct err *err)
{
    struct sql sql;
    struct err reason = {0};
    /* The foreign key says whether copies hang on it. */
    sql_prepare(&sql, catalog, "DELETE FROM stores WHERE id = ?", &reason);
    sql_bind_int(&sql, declared->id);
    if (sql_run(&sql, NULL) == 0)
        return 0;
    /* Only a refused constraint means that there are copies; all else is what it is. */
    if (reason.kind != ERR_UNSAFE) {
        *err = reason;
        return -1;
    }
    return err_set(err, ERR_UNSAFE,
                   "store \"%s\" turns out to be one that is known by another name, but "
                   "the catalog has copies under both names",
                   declared->name);
}

/* The mark is known under another name, and `named` (absent: id 0) has none: both rows are
 * one store, which is the one with the mark. */
static int join(struct catalog *catalog, const struct catalog_store *store,
                const struct catalog_store *known, const struct catalog_store *named,
                struct err *err)
{
    struct sql sql;
    char *name = NULL;
    if (named->id != 0 && drop_declared(catalog, named, err) < 0)
        return -1;
    /* A name of the configuration is not replaced by a URL that somebody typed. */
    if (store->adhoc && !known->adhoc)
        return 0;

    if (choose_name(catalog, store, known->id, &name, err) < 0)
        return -1;
    sql_prepare(&sql, catalog, "UPDATE stores SET name = ? WHERE id = ?", err);
    sql_bind(&sql, "%s %jd", name, known->id);
    int result = sql_run(&sql, NULL);
    free(name);
    return result < 0 ? -1 : refresh(catalog, store, known->id, err);
}

/* `known` has the mark, `named` has the name; either may be absent (id 0), both may be the
 * same row. store->seen is the time of it. */
static int identify(struct catalog *catalog, struct catalog_store *store,
                    const struct catalog_store *known, const struct catalog_store *named,
                    struct err *err)
{
    struct sql sql;
    /* The name leads to another place than it did (RETENTION section 4, G8). */
    if (named->id != 0 && named->uuid[0] != '\0' && strcmp(named->uuid, store->uuid) != 0) {
        err_set(err, ERR_UNSAFE,
                "store \"%s\" is another store than expected: its mark is %s, not %s",
                store->name, store->uuid, named->uuid);
        return err_hint(err, "is the right disk mounted, the right bucket named? If it was "
                             "replaced on purpose: pgkeep doctor --adopt");
    }

    /* Neither: a store that nobody declared. Both, and not the same: two names of one. */
    if (known->id == 0 && named->id == 0)
        return insert(catalog, store, err);
    if (known->id != 0 && known->id != named->id &&
        join(catalog, store, known, named, err) < 0)
        return -1;

    /* The mark is seen from now on; the one with the name gets it where it had none. */
    const struct catalog_store *row = known->id != 0 ? known : named;
    store->id = row->id;
    store->created = row->created;
    sql_prepare(&sql, catalog, "UPDATE stores SET uuid = ?, seen = ? WHERE id = ?", err);
    sql_bind(&sql, "%s %jd %jd", store->uuid, store->seen, store->id);
    return sql_run(&sql, NULL);
}

int catalog_store_identify(struct catalog *catalog, struct catalog_store *store,
                           int64_t now, struct err *err)
{
    struct catalog_store known = {0};
    struct catalog_store named = {0};
    if (store->uuid[0] == '\0')
        return err_set(err, ERR_SYSTEM, "store \"%s\" has no mark", store->name);
    if (check_url(store, err) < 0 || sql_begin(catalog, err) < 0)
        return -1;
    store->seen = now;
    /* The row that has the mark, and the row that has the name: the same one, mostly. */
    int result = find_by(catalog, BY_UUID, store->uuid, &known, err);
    if (result == 0)
        result = find_declared(catalog, store, &named, err);
    if (result == 0)
        result = identify(catalog, store, &known, &named, err);
    result = sql_finish(catalog, result, err);
    catalog_store_release(&known);
    catalog_store_release(&named);
    return result;
}

int catalog_store_adopt(struct catalog *catalog, int64_t id, const char *uuid,
                        struct err *err)
{
    struct catalog_store known;
    struct sql sql;
    int64_t changed = 0;
    if (sql_begin(catalog, err) < 0)
        return -1;
    /* A mark is one store's (RETENTION section 4, G8): shared by two, deletions planned for
     * one would be carried out in the other. */
    int result = find_by(catalog, BY_UUID, uuid, &known, err);
    if (result == 0 && known.id != 0 && known.id != id)
        result = err_set(err, ERR_UNSAFE, "this mark is that of store \"%s\"", known.name);
    catalog_store_release(&known);
    if (result < 0)
        return sql_finish(catalog, result, err);

    /* Whatever it had before: the user has seen both (doctor --adopt). */
    sql_prepare(&sql, catalog, "UPDATE stores SET uuid = ? WHERE id = ?", err);
    sql_bind(&sql, "%s %jd", uuid, id);
    result = sql_run(&sql, &changed);
    if (result == 0 && changed == 0)
        result =
            err_set(err, ERR_NOT_FOUND, "the catalog knows no store %lld", (long long)id);
    return sql_finish(catalog, result, err);
}
