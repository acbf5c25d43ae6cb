#include "tests/support/catalogs.h"

#include <sqlite3.h>
#include <stdarg.h>

#include "base/memory.h"
#include "base/owner.h"
#include "catalog/artifacts.h"
#include "catalog/copies.h"
#include "catalog/stores.h"

static void must(int result, const struct err *err)
{
    if (result == 0)
        return;
    fprintf(stderr, "catalogs: %s\n", err->text);
    abort();
}

void catalogs_begin(struct catalogs *catalogs)
{
    struct err err = {0};
    scratch_folder(catalogs->folder);
    snprintf(catalogs->path, sizeof catalogs->path, "%s/catalog.db", catalogs->folder);
    catalogs->catalog = catalog_open(catalogs->path, CATALOG_CREATE, &err);
    must(catalogs->catalog == NULL ? -1 : 0, &err);
}

void catalogs_end(struct catalogs *catalogs)
{
    catalog_close(catalogs->catalog);
    catalogs->catalog = NULL;
    scratch_remove(catalogs->folder);
}

struct catalog *catalogs_open(const struct catalogs *catalogs)
{
    struct err err = {0};
    struct catalog *catalog = catalog_open(catalogs->path, CATALOG_WRITE, &err);
    must(catalog == NULL ? -1 : 0, &err);
    return catalog;
}

int64_t catalogs_store(struct catalog *catalog, const char *name)
{
    struct err err = {0};
    struct catalog_store store = {0};
    store.name = memory_strdup(name);
    store.type = memory_strdup("dir");
    store.url = memory_format("dir:/srv/%s", name);
    must(catalog_store_declare(catalog, &store, &err), &err);
    int64_t id = store.id;
    catalog_store_release(&store);
    return id;
}

const char *catalogs_id(unsigned n)
{
    static char ids[8][ULID_SIZE];
    static unsigned next;
    char *id = ids[next++ % 8];
    snprintf(id, ULID_SIZE, "01JCATA0G00000000%09u", n % 1000000000);
    return id;
}

static void set(char **field, const char *value)
{
    free(*field);
    *field = memory_strdup(value);
}

void catalogs_fill(struct catalog_artifact *artifact, unsigned n, int64_t time)
{
    catalog_artifact_init(artifact);
    snprintf(artifact->id, sizeof artifact->id, "%s", catalogs_id(n));
    set(&artifact->job, "nightly");
    set(&artifact->source, "shop-source");
    set(&artifact->database, "shop");
    set(&artifact->type, "full");
    set(&artifact->format, "plain");
    set(&artifact->compression, "gzip");
    artifact->time = artifact->started = time;
}

void catalogs_artifact(struct catalog *catalog, unsigned n, int64_t time)
{
    struct err err = {0};
    struct catalog_artifact artifact;
    catalogs_fill(&artifact, n, time);
    must(catalog_artifact_insert(catalog, &artifact, &err), &err);
    catalog_artifact_release(&artifact);
}

int64_t catalogs_copy(struct catalog *catalog, unsigned n, int64_t store)
{
    struct err err = {0};
    struct catalog_copy copy = {.store_id = store};
    snprintf(copy.artifact, sizeof copy.artifact, "%s", catalogs_id(n));
    copy.key = memory_format("data/shop/%u.sql.gz", n);
    copy.index_key = memory_format("data/shop/%u.index.gz", n);
    must(catalog_copy_insert(catalog, &copy, &err), &err);
    int64_t id = copy.id;
    catalog_copy_release(&copy);
    return id;
}

int64_t catalogs_complete(struct catalog *catalog, unsigned n, int64_t store, int64_t time)
{
    struct err err = {0};
    struct catalog_artifact artifact;
    catalogs_fill(&artifact, n, time);
    must(catalog_begin(catalog, &err), &err);
    must(catalog_artifact_insert(catalog, &artifact, &err), &err);
    int64_t id = catalogs_copy(catalog, n, store);
    struct catalog_copy copy = {.id = id, .bytes = 100};
    must(catalog_copy_complete(catalog, &copy, &err), &err);
    artifact.status = CATALOG_COMPLETE;
    must(catalog_artifact_finish(catalog, &artifact, &err), &err);
    must(catalog_commit(catalog, &err), &err);
    catalog_artifact_release(&artifact);
    return id;
}

static sqlite3 *connect_to(const struct catalogs *catalogs)
{
    sqlite3 *db = NULL;
    if (sqlite3_open(catalogs->path, &db) != SQLITE_OK) {
        fprintf(stderr, "catalogs: cannot open %s\n", catalogs->path);
        abort();
    }
    sqlite3_busy_timeout(db, 5000);
    sqlite3_db_config(db, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, (int *)NULL);
    return db;
}

void catalogs_sql(const struct catalogs *catalogs, const char *sql)
{
    sqlite3 *db = connect_to(catalogs);
    if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK) {
        fprintf(stderr, "catalogs: %s: %s\n", sql, sqlite3_errmsg(db));
        abort();
    }
    sqlite3_close(db);
}

void catalogs_sqlf(const struct catalogs *catalogs, const char *format, ...)
{
    char sql[4000];
    va_list list;
    va_start(list, format);
    int size = vsnprintf(sql, sizeof sql, format, list);
    va_end(list);
    must(size < (int)sizeof sql ? 0 : -1, &(struct err){.text = "too long a statement"});
    catalogs_sql(catalogs, sql);
}

int64_t catalogs_number(const struct catalogs *catalogs, const char *sql)
{
    sqlite3 *db = connect_to(catalogs);
    sqlite3_stmt *statement = NULL;
    int64_t number = -1;
    if (sqlite3_prepare_v2(db, sql, -1, &statement, NULL) != SQLITE_OK) {
        fprintf(stderr, "catalogs: %s: %s\n", sql, sqlite3_errmsg(db));
        abort();
    }
    if (sqlite3_step(statement) == SQLITE_ROW)
        number = sqlite3_column_int64(statement, 0);
    sqlite3_finalize(statement);
    sqlite3_close(db);
    return number;
}

static const char *changed_owner(char out[OWNER_SIZE], bool dead)
{
    struct err err = {0};
    struct owner owner;
    must(owner_self(&owner, &err), &err);
    if (dead)
        owner.start++;
    else
        owner.pid_namespace++;
    return owner_text(out, &owner);
}

const char *catalogs_dead_owner(void)
{
    static char text[OWNER_SIZE];
    return changed_owner(text, true);
}

const char *catalogs_unknown_owner(void)
{
    static char text[OWNER_SIZE];
    return changed_owner(text, false);
}
