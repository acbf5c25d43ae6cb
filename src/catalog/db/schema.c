/*
 * The schema as statements, one list per version. A released list never changes: files made
 * by it are out there. The file's application_id keeps us from writing into another
 * program's database.
 */
#include "catalog/db/schema.h"

#include "catalog/db/pairs.h"
#include "catalog/db/states.h"

/*
 * Version 1. Children name artifacts by `number`, which is shorter than the id. Booleans
 * are 0 or 1, times seconds UTC with 0 for none, sizes bytes. Texts hold bytes as they
 * came. Ids of rows that are named from outside of their transaction are never used again
 * (AUTOINCREMENT).
 */
static const char *const version_1[] = {
    /* small facts (facts.h), so that a new one needs no new version */
    "CREATE TABLE settings ("
    " key TEXT PRIMARY KEY NOT NULL, value TEXT NOT NULL) STRICT, WITHOUT ROWID;\n",

    /* a store is its mark; name and URL lead to it */
    "CREATE TABLE stores ("
    " id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL UNIQUE,"
    " uuid TEXT UNIQUE," /* NULL: its mark was never seen */
    " type TEXT NOT NULL, url TEXT NOT NULL, adhoc INTEGER NOT NULL,"
    " created INTEGER NOT NULL, seen INTEGER NOT NULL) STRICT;\n",

    /* one execution of a command; ended 0: running, or killed */
    "CREATE TABLE runs ("
    " id INTEGER PRIMARY KEY AUTOINCREMENT, kind TEXT NOT NULL, job TEXT,"
    " started INTEGER NOT NULL, ended INTEGER NOT NULL, owner TEXT NOT NULL,"
    " exit_status INTEGER NOT NULL, message TEXT) STRICT;\n",

    /* one backup of one database, in whatever stores */
    "CREATE TABLE artifacts ("
    " number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE CHECK (length(id) = 26),"
    " seq INTEGER NOT NULL, job TEXT NOT NULL, source TEXT NOT NULL,"
    " origin TEXT NOT NULL DEFAULT '',"
    " database TEXT NOT NULL, type TEXT NOT NULL, format TEXT NOT NULL,"
    " compression TEXT NOT NULL, level INTEGER NOT NULL,"
    " status TEXT NOT NULL CHECK (status IN"
    " ('running', 'complete', 'failed', 'cancelled', 'deleted')),"
    " time INTEGER NOT NULL, started INTEGER NOT NULL, finished INTEGER NOT NULL DEFAULT 0,"
    " created INTEGER NOT NULL, updated INTEGER NOT NULL,"
    " duration_ms INTEGER NOT NULL DEFAULT 0, raw_bytes INTEGER NOT NULL DEFAULT 0,"
    " stored_bytes INTEGER NOT NULL DEFAULT 0, sha256 TEXT, raw_sha256 TEXT,"
    " name TEXT, description TEXT, error_code TEXT, error_message TEXT,"
    " tries INTEGER NOT NULL DEFAULT 0, server_version TEXT, pg_dump_version TEXT,"
    " pgkeep_version TEXT, hostname TEXT,"
    " phase TEXT, progress_raw INTEGER NOT NULL DEFAULT 0,"
    " progress_stored INTEGER NOT NULL DEFAULT 0,"
    " progress_estimate INTEGER NOT NULL DEFAULT 0,"
    " progress_updated INTEGER NOT NULL DEFAULT 0,"
    " pinned INTEGER NOT NULL DEFAULT 0, pin_until INTEGER NOT NULL DEFAULT 0,"
    " pin_reason TEXT, pin_changed INTEGER NOT NULL DEFAULT 0,"
    " suspect INTEGER NOT NULL DEFAULT 0, quarantined INTEGER NOT NULL DEFAULT 0,"
    " owner TEXT, table_count INTEGER NOT NULL DEFAULT 0,"
    " row_count INTEGER NOT NULL DEFAULT 0) STRICT;\n",
    /* lists; lists of a job; what is normal for a group; all that needs a look (few) */
    "CREATE INDEX artifacts_by_time ON artifacts (time, seq, id);\n"
    "CREATE INDEX artifacts_by_job ON artifacts (job, time, seq, id);\n"
    "CREATE INDEX artifacts_by_group ON artifacts (database, job, type, seq);\n"
    "CREATE INDEX artifacts_unusual ON artifacts (status) WHERE status <> 'complete';\n"

    "CREATE TABLE tags ("
    " artifact INTEGER NOT NULL REFERENCES artifacts ON DELETE RESTRICT,"
    " name TEXT NOT NULL, value TEXT NOT NULL,"
    " PRIMARY KEY (artifact, name)) STRICT, WITHOUT ROWID;\n",
    /* what the dump was narrowed by, in the order it was given */
    "CREATE TABLE filters ("
    " artifact INTEGER NOT NULL REFERENCES artifacts ON DELETE RESTRICT,"
    " position INTEGER NOT NULL, name TEXT NOT NULL, value TEXT NOT NULL,"
    " PRIMARY KEY (artifact, position)) STRICT, WITHOUT ROWID;\n",
    /* counted in the stream of the dump */
    "CREATE TABLE tables ("
    " artifact INTEGER NOT NULL REFERENCES artifacts ON DELETE RESTRICT,"
    " position INTEGER NOT NULL, schema TEXT NOT NULL, name TEXT NOT NULL,"
    " rows INTEGER NOT NULL, raw_bytes INTEGER NOT NULL," /* rows -1: not counted */
    " PRIMARY KEY (artifact, position)) STRICT, WITHOUT ROWID;\n",

    /* an artifact in one store: what lies there, what was found out about it, and how far
     * its removal is; all state of a deletion is here (RETENTION section 5) */
    "CREATE TABLE copies ("
    " id INTEGER PRIMARY KEY AUTOINCREMENT,"
    " artifact INTEGER NOT NULL REFERENCES artifacts ON DELETE RESTRICT,"
    " store INTEGER NOT NULL REFERENCES stores ON DELETE RESTRICT,"
    " key TEXT NOT NULL, index_key TEXT,"
    " state TEXT NOT NULL CHECK (state IN ('uploading', 'complete', 'failed', 'missing',"
    " 'damaged', 'deleting', 'locked', 'blocked', 'deleted')),"
    " bytes INTEGER NOT NULL DEFAULT 0, begun INTEGER NOT NULL DEFAULT 0, upload TEXT,"
    " owner TEXT, etag TEXT, version TEXT,"
    " created INTEGER NOT NULL, updated INTEGER NOT NULL,"
    " completed INTEGER NOT NULL DEFAULT 0, error TEXT,"
    " verified INTEGER NOT NULL DEFAULT 0, verified_level INTEGER NOT NULL DEFAULT 0,"
    " verified_error TEXT, proven INTEGER NOT NULL DEFAULT 0,"
    " proven_level INTEGER NOT NULL DEFAULT 0,"
    " damage_level INTEGER NOT NULL DEFAULT 0," /* the level that found it damaged */
    " first_marked INTEGER NOT NULL DEFAULT 0,"
    " delete_run INTEGER REFERENCES runs ON DELETE RESTRICT, delete_reason TEXT,"
    " marked INTEGER NOT NULL DEFAULT 0, attempts INTEGER NOT NULL DEFAULT 0,"
    " next_try INTEGER NOT NULL DEFAULT 0, locked_until INTEGER NOT NULL DEFAULT 0,"
    " gone INTEGER NOT NULL DEFAULT 0, deleted INTEGER NOT NULL DEFAULT 0,"
    " UNIQUE (artifact, store)) STRICT;\n",
    /* the last two are small: nearly all copies are complete, and tombstones go */
    "CREATE INDEX copies_by_key ON copies (store, key);\n"
    "CREATE INDEX copies_by_index_key ON copies (store, index_key)"
    " WHERE index_key IS NOT NULL;\n"
    "CREATE INDEX copies_by_run ON copies (delete_run) WHERE delete_run IS NOT NULL;\n"
    "CREATE INDEX copies_unfinished ON copies (state) WHERE state <> 'complete'"
    " AND state <> 'deleted';\n"
    "CREATE INDEX copies_deleted ON copies (deleted) WHERE state = 'deleted';\n"

    /* "is being read"; in force while its owner lives */
    "CREATE TABLE leases ("
    " id INTEGER PRIMARY KEY AUTOINCREMENT,"
    " copy INTEGER NOT NULL REFERENCES copies ON DELETE RESTRICT,"
    " purpose TEXT NOT NULL, owner TEXT NOT NULL, taken INTEGER NOT NULL,"
    " refreshed INTEGER NOT NULL) STRICT;\n",
    "CREATE INDEX leases_by_copy ON leases (copy);\n"

    /* the history of checks; what they come to stands in the copy */
    "CREATE TABLE verifications ("
    " id INTEGER PRIMARY KEY AUTOINCREMENT,"
    " copy INTEGER NOT NULL REFERENCES copies ON DELETE RESTRICT,"
    " run INTEGER REFERENCES runs ON DELETE RESTRICT, time INTEGER NOT NULL,"
    " level INTEGER NOT NULL, result TEXT NOT NULL CHECK (result IN"
    " ('good', 'missing', 'damaged', 'undecided')), message TEXT,"
    " duration_ms INTEGER NOT NULL, bytes INTEGER NOT NULL) STRICT;\n",
    "CREATE INDEX verifications_by_copy ON verifications (copy, time);\n"
    "CREATE INDEX verifications_by_run ON verifications (run) WHERE run IS NOT NULL;\n",
    NULL};

/* Version 2. Filters are part of a group (RETENTION section 3): their fingerprint stands
 * in the row, NULL for none. And what somebody said about a suspect one (section 6):
 * when, 0 for nothing, and why. */
static const char *const version_2[] = {
    "ALTER TABLE artifacts ADD COLUMN filters_hash TEXT;\n"
    "ALTER TABLE artifacts ADD COLUMN accepted INTEGER NOT NULL DEFAULT 0;\n"
    "ALTER TABLE artifacts ADD COLUMN accept_reason TEXT;\n",
    /* A process of version 1 that has the file open goes on writing: it would leave a
     * filtered backup in the group of the full ones, where it could take the place of
     * one. It fails. */
    "CREATE TRIGGER filters_have_hash AFTER INSERT ON filters"
    " WHEN (SELECT filters_hash FROM artifacts WHERE number = NEW.artifact) IS NULL"
    " BEGIN SELECT RAISE(ABORT, 'filters without their fingerprint: this pgkeep is older"
    " than the catalog'); END;\n",
    NULL};

/* Version 3. What each run should have dumped, and what became of it (run_databases.h). */
static const char *const version_3[] = {
    "CREATE TABLE run_databases ("
    " run INTEGER NOT NULL REFERENCES runs ON DELETE CASCADE, database TEXT NOT NULL,"
    " type TEXT NOT NULL, partial INTEGER NOT NULL, outcome TEXT NOT NULL CHECK (outcome IN"
    " ('expected', 'dumped', 'missed', 'gone')), message TEXT,"
    " PRIMARY KEY (run, database, type)) STRICT, WITHOUT ROWID;\n",
    NULL};

/* Version 4. Runs are asked for before they begin, by whom and for which time; somebody
 * else may ask for their end; what they said at last is kept. And up to when the times
 * of a job's schedule are dealt with (schedule/due.h). */
static const char *const version_4[] = {
    "ALTER TABLE runs ADD COLUMN state TEXT NOT NULL DEFAULT 'running' CHECK (state IN"
    " ('pending', 'running', 'complete', 'failed', 'cancelled'));\n"
    "ALTER TABLE runs ADD COLUMN cause TEXT NOT NULL DEFAULT 'cli' CHECK (cause IN"
    " ('cli', 'schedule', 'retry', 'api'));\n"
    "ALTER TABLE runs ADD COLUMN requested INTEGER NOT NULL DEFAULT 0;\n"
    "ALTER TABLE runs ADD COLUMN due INTEGER NOT NULL DEFAULT 0;\n"
    "ALTER TABLE runs ADD COLUMN retry INTEGER NOT NULL DEFAULT 0;\n"
    "ALTER TABLE runs ADD COLUMN cancel INTEGER NOT NULL DEFAULT 0;\n" /* when; 0: not asked */
    "ALTER TABLE runs ADD COLUMN log TEXT;\n"
    /* What was written before is of the command line; its end says how it went. */
    "UPDATE runs SET requested = started, state = CASE WHEN ended = 0 THEN 'running'"
    " WHEN exit_status = 0 THEN 'complete' WHEN exit_status IN (130, 143) THEN 'cancelled'"
    " ELSE 'failed' END;\n"
    "CREATE INDEX runs_by_job ON runs (job, id);\n"
    "CREATE INDEX runs_open ON runs (state) WHERE state IN ('pending', 'running');\n",
    "CREATE TABLE schedules ("
    " job TEXT PRIMARY KEY NOT NULL, rule TEXT NOT NULL, handled INTEGER NOT NULL)"
    " STRICT, WITHOUT ROWID;\n",
    NULL};

/* Version 5. A process of version 3 that had the file open when it was brought up ends its run
 * without a state: such a row would be taken for a run under way for ever. */
#define STATE_OF_END                                                                       \
    " state = CASE WHEN exit_status = 0 THEN 'complete'"                                   \
    " WHEN exit_status IN (130, 143) THEN 'cancelled' ELSE 'failed' END"
static const char *const version_5[] = {
    "UPDATE runs SET" STATE_OF_END " WHERE ended > 0 AND state IN ('pending', 'running');\n"
    "CREATE TRIGGER runs_end_with_state AFTER UPDATE OF ended ON runs"
    " WHEN NEW.ended > 0 AND NEW.state IN ('pending', 'running')"
    " BEGIN UPDATE runs SET" STATE_OF_END " WHERE id = NEW.id; END;\n",
    NULL};

/* Version 6. In what its tables' names are written, for whoever reads them (report/name_text.h);
 * not known of what was there before. */
static const char *const version_6[] = {"ALTER TABLE artifacts ADD COLUMN encoding TEXT;\n",
                                        NULL};

/* Version 7. What a backup holds and what it cannot hold, where its dump does not show it. */
static const char *const version_7[] = {
    "CREATE TABLE contents ("
    " artifact INTEGER NOT NULL REFERENCES artifacts ON DELETE RESTRICT,"
    " position INTEGER NOT NULL, name TEXT NOT NULL, value TEXT NOT NULL,"
    " PRIMARY KEY (artifact, position)) STRICT, WITHOUT ROWID;\n",
    NULL};

/* Version 8. What a drill compared, as a document (verifications.h), and what it made elsewhere and
 * must not be left behind (db/scratches.h). */
static const char *const version_8[] = {
    "ALTER TABLE verifications ADD COLUMN report TEXT;\n"
    "CREATE TABLE scratches ("
    " id INTEGER PRIMARY KEY AUTOINCREMENT, kind TEXT NOT NULL CHECK (kind IN"
    " ('cluster', 'database')), place TEXT NOT NULL, name TEXT NOT NULL, owner TEXT NOT "
    "NULL,"
    " created INTEGER NOT NULL) STRICT;\n",
    NULL};

/* Version 9. What only grows: of things that leave no row, or whose rows are purged (totals.h). */
static const char *const version_9[] = {
    "CREATE TABLE totals ("
    " name TEXT NOT NULL, job TEXT NOT NULL, label TEXT NOT NULL, value INTEGER NOT NULL,"
    " PRIMARY KEY (name, job, label)) STRICT, WITHOUT ROWID;\n",
    NULL};

/* Version 10. What was told last of each job (notices.h), what waits to be told (outbox.h), and how
 * that went, since rows that were sent do not stay. */
static const char *const version_10[] = {
    "CREATE TABLE notices ("
    " job TEXT NOT NULL, what TEXT NOT NULL, subject TEXT NOT NULL, since INTEGER NOT NULL,"
    " told INTEGER NOT NULL, mark INTEGER NOT NULL, PRIMARY KEY (job, what, subject))"
    " STRICT, WITHOUT ROWID;\n",
    "CREATE TABLE outbox ("
    " id INTEGER PRIMARY KEY AUTOINCREMENT, notifier TEXT NOT NULL, job TEXT NOT NULL,"
    " event TEXT NOT NULL, document TEXT NOT NULL, state TEXT NOT NULL CHECK (state IN"
    " ('waiting', 'sent', 'given up')), created INTEGER NOT NULL,"
    " next_try INTEGER NOT NULL, attempts INTEGER NOT NULL, owner TEXT,"
    " claimed INTEGER NOT NULL, ended INTEGER NOT NULL, error TEXT) STRICT;\n"
    "CREATE INDEX outbox_waiting ON outbox (notifier, id) WHERE state = 'waiting';\n",
    "CREATE TABLE notifiers ("
    " name TEXT PRIMARY KEY NOT NULL, sent INTEGER NOT NULL, failures INTEGER NOT NULL,"
    " given_up INTEGER NOT NULL, last_sent INTEGER NOT NULL, last_failed INTEGER NOT NULL,"
    " last_error TEXT) STRICT, WITHOUT ROWID;\n",
    NULL};

/* Of the rows that were there before, from the filters that their manifest named. */
static int fill_version_2(struct catalog *catalog, struct err *err)
{
    struct sql artifacts;
    int result = 0;
    sql_prepare(&artifacts, catalog, "SELECT DISTINCT artifact FROM filters", err);
    while (result == 0 && sql_row(&artifacts)) {
        struct catalog_pairs filters = {0};
        struct sql sql;
        char hash[CATALOG_FILTERS_HASH_SIZE];
        int64_t number = sql_int(&artifacts);
        result = pairs_load(catalog, "SELECT name, value FROM filters WHERE artifact = ?",
                            number, &filters, err);
        catalog_filters_hash(&filters, hash);
        catalog_pairs_release(&filters);
        if (result < 0)
            break;
        sql_prepare(&sql, catalog, "UPDATE artifacts SET filters_hash = ? WHERE number = ?",
                    err);
        sql_bind(&sql, "%s %jd", hash, number);
        result = sql_run(&sql, NULL);
    }
    return sql_end(&artifacts) < 0 ? -1 : result;
}

/* One step up each. `triggers`: the moves of states.h changed, or are made for the first
 * time. */
static const struct migration {
    const char *const *sql; /* NULL at the end */
    bool triggers;
    /* what SQL alone cannot do; may be NULL */
    int (*fill)(struct catalog *catalog, struct err *err);
} migrations[] = {
    {version_1, true, NULL},   {version_2, false, fill_version_2}, {version_3, false, NULL},
    {version_4, false, NULL},  {version_5, false, NULL},           {version_6, false, NULL},
    {version_7, false, NULL},  {version_8, false, NULL},           {version_9, false, NULL},
    {version_10, false, NULL},
};

/* The version this program writes. */
static int64_t schema_version(void)
{
    return (int64_t)(sizeof migrations / sizeof *migrations);
}

/* The version of the file, 0 for an empty one; refuses what must not be touched. */
static int read_version(struct catalog *catalog, int64_t *version, struct err *err)
{
    int64_t application = 0;
    int64_t objects = 0;
    if (sql_number(catalog, "PRAGMA application_id", &application, err) < 0 ||
        sql_number(catalog, "PRAGMA user_version", version, err) < 0 ||
        sql_number(catalog, "SELECT count(*) FROM sqlite_schema", &objects, err) < 0)
        return -1;

    /* A database with neither our mark nor a table in it may be made ours. */
    bool empty = application == 0 && *version == 0 && objects == 0;
    if (!empty && (application != SCHEMA_APPLICATION_ID || *version < 1))
        return err_set(err, ERR_SYSTEM,
                       "%s is no catalog of pgkeep but a file of another program",
                       catalog->path);
    if (*version <= schema_version())
        return 0;
    err_set(err, ERR_SYSTEM,
            "catalog %s is of a newer pgkeep: its schema is version %lld, this program "
            "knows %lld",
            catalog->path, (long long)*version, (long long)schema_version());
    return err_hint(err, "install the newer pgkeep here too");
}

/* Asked before anything is written, so that a file of another program stays as it is. */
int schema_check(struct catalog *catalog, bool *current, struct err *err)
{
    int64_t version = 0;
    /* In one snapshot: another process may be making the tables at this moment. */
    if (sql_begin_reading(catalog, err) < 0)
        return -1;
    int result = sql_finish_reading(catalog, read_version(catalog, &version, err), err);
    *current = version == schema_version();
    return result;
}

int schema_migrate(struct catalog *catalog, struct err *err)
{
    int64_t version = 0;
    if (sql_begin(catalog, err) < 0)
        return -1;
    /* Read again with the lock held: another process may have been faster. */
    int result = read_version(catalog, &version, err);
    if (result < 0 || version == schema_version())
        return sql_finish(catalog, result, err);

    /* Step by step, since what fills a new column reads the tables of its own version. */
    for (size_t i = (size_t)version;
         result == 0 && i < sizeof migrations / sizeof *migrations; i++) {
        const struct migration *step = &migrations[i];
        struct text sql;
        text_init(&sql, 1 << 20);
        for (const char *const *p = step->sql; *p != NULL; p++)
            text_add(&sql, *p);
        if (step->triggers) {
            text_add(&sql, "DROP TRIGGER IF EXISTS artifact_moves;\n"
                           "DROP TRIGGER IF EXISTS copy_moves;\n");
            states_add_triggers(&sql);
        }
        text_addf(&sql, "PRAGMA application_id = %d;\nPRAGMA user_version = %zu;\n",
                  SCHEMA_APPLICATION_ID, i + 1);
        result = text_check(&sql, "the schema", err);
        if (result == 0)
            result = sql_exec(catalog, sql.data, err);
        if (result == 0 && step->fill != NULL)
            result = step->fill(catalog, err);
        text_release(&sql);
    }
    return sql_finish(catalog, result, err);
}
