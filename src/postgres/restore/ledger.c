/*
 * Names of ours hold the artifact's id, so that the half restored database, backed up and restored
 * in turn, does not meet them. Nothing is in them but lower-case letters, digits and "_": they
 * need no quotes.
 */
#include "postgres/restore/ledger.h"

#include "base/clock.h"
#include "base/digest.h"
#include "base/log.h"
#include "base/memory.h"
#include "postgres/server_query.h"

#include <ctype.h>

enum {
    WAIT_MS = 60000, /* for sessions of an earlier restore to end */
    POLL_MS = 200,
    LEADER = 1, /* second key of the advisory locks */
    SESSION = 2,
    SCHEMA_SIZE = 64
};

/* By number; what lies behind the end is not done. */
struct done {
    bool *items;
    size_t count;
};

struct ledger {
    struct server *server;
    char schema[SCHEMA_SIZE];
    int32_t key; /* first key of the advisory locks */
    char *options, *choice;
    struct done done[LEDGER_KINDS];
    uint64_t steps;
};

static int execute(struct ledger *ledger, const char *sql, struct err *err)
{
    return server_execute(ledger->server, "what is done of the restore", sql, err);
}

/* ---- alone? ---- */

/* Who else holds one of our locks, as a list of process ids; NULL: nobody. */
static int others(struct ledger *ledger, char **pids, struct err *err)
{
    char sql[512];
    (void)snprintf(sql, sizeof sql,
                   "SELECT pg_catalog.string_agg(DISTINCT pid::pg_catalog.text, ', ') "
                   "FROM pg_catalog.pg_locks WHERE locktype = 'advisory' AND granted "
                   "AND database = (SELECT oid FROM pg_catalog.pg_database "
                   "WHERE datname = pg_catalog.current_database()) AND objsubid = 2 "
                   "AND classid = %d AND pid <> pg_catalog.pg_backend_pid()",
                   ledger->key);
    PGresult *rows =
        server_query(ledger->server, "sessions of the restore", sql, NULL, err);
    if (rows == NULL)
        return -1;
    *pids = server_take_value(rows, 0, 0);
    PQclear(rows);
    return 0;
}

/* A session that was lost goes on with its statement until that ends; an index may take long. */
static int wait_alone(struct ledger *ledger, const struct cancel *cancel, struct err *err)
{
    int64_t until = clock_monotonic_ms() + WAIT_MS;
    char sql[128];
    bool told = false;
    (void)snprintf(sql, sizeof sql,
                   "SELECT pg_catalog.pg_try_advisory_lock(%d, %d)::pg_catalog.int4",
                   ledger->key, LEADER);
    /* Once it is ours only those are left whom nobody leads any more. */
    for (int64_t mine = 0;;) {
        char *pids = NULL;
        /* First of all that nobody else begins meanwhile. */
        if (mine == 0)
            mine = server_query_count(ledger->server, "a lock", sql, NULL, err);
        if (mine < 0 || others(ledger, &pids, err) < 0)
            return -1;
        if (mine == 1 && pids == NULL)
            return 0;
        if (clock_monotonic_ms() > until) {
            err_set(err, ERR_BUSY,
                    "another restore of it into this database is under way (process%s %s)",
                    pids != NULL && strchr(pids, ',') ? "es" : "",
                    pids != NULL ? pids : "unknown");
            err_hint(err, "wait for it; sessions whose client is gone end with their "
                          "statement, or by SELECT pg_terminate_backend(...)");
            free(pids);
            return -1;
        }
        if (!told)
            log_info("waiting for sessions of an earlier restore to end: %s",
                     pids != NULL ? pids : "?");
        told = true;
        free(pids);
        if (!cancel_sleep_ms(cancel, POLL_MS) && cancel_check(cancel, err) < 0)
            return -1;
    }
}

/* Event triggers of the database are not to see what is ours, and the session waits for hours. Who
 * may not say so has no such triggers, or old ones that do not mind; old servers lack the last. */
static void keep_quiet(struct ledger *ledger)
{
    static const char *const settings[] = {"SET session_replication_role = replica",
                                           "SET event_triggers = off",
                                           "SET idle_session_timeout = 0"};
    for (size_t i = 0; i < sizeof settings / sizeof *settings; i++) {
        struct err ignored = {0};
        if (execute(ledger, settings[i], &ignored) < 0)
            log_debug("%s", ignored.text);
    }
}

struct ledger *ledger_open(const struct ledger_spec *spec, struct err *err)
{
    struct ledger *ledger = memory_zalloc(sizeof *ledger);
    unsigned char hash[SHA256_SIZE];
    uint32_t key;
    (void)snprintf(ledger->schema, sizeof ledger->schema, "pgkeep_restore_%s", spec->id);
    for (char *at = ledger->schema; *at != '\0'; at++)
        *at = (char)tolower((unsigned char)*at);
    /* Positive, so that it reads the same as the oid that pg_locks shows. */
    digest_sha256(spec->id, strlen(spec->id), hash);
    memcpy(&key, hash, sizeof key);
    ledger->key = (int32_t)(key & 0x7fffffff);
    ledger->server = server_connect(spec->conninfo, NULL, spec->cancel, err);
    if (ledger->server != NULL && wait_alone(ledger, spec->cancel, err) == 0) {
        keep_quiet(ledger);
        return ledger;
    }
    ledger_free(ledger);
    return NULL;
}

/* ---- what was done ---- */

static int read_begun(struct ledger *ledger, struct err *err)
{
    char *sql = memory_format("SELECT options, choice FROM %s.begun", ledger->schema);
    PGresult *rows =
        server_query(ledger->server, "what is done of the restore", sql, NULL, err);
    free(sql);
    if (rows == NULL)
        return -1;
    /* One row, written with the schema. */
    if (PQntuples(rows) == 1) {
        ledger->options = server_take_value(rows, 0, 0);
        ledger->choice = server_take_value(rows, 0, 1);
    }
    PQclear(rows);
    return ledger->options != NULL && ledger->choice != NULL
               ? 0
               : err_set(err, ERR_CORRUPT, "%s.begun is not what pgkeep wrote",
                         ledger->schema);
}

/* One row of `done`; false: no such step. */
static bool take_step(struct ledger *ledger, const char *kind, const char *first,
                      const char *count)
{
    unsigned long which = strtoul(kind, NULL, 10);
    uint64_t from = strtoull(first, NULL, 10), many = strtoull(count, NULL, 10);
    if (which >= LEDGER_KINDS || from > ledger->done[which].count ||
        many > ledger->done[which].count - from)
        return false;
    /* A piece of rows is several numbers at once. */
    memset(ledger->done[which].items + from, true, many * sizeof(bool));
    ledger->steps++;
    return true;
}

int ledger_find(struct ledger *ledger, const size_t counts[LEDGER_KINDS], bool *found,
                struct err *err)
{
    int64_t schemas = server_query_count(
        ledger->server, "what is done of the restore",
        "SELECT pg_catalog.count(*) FROM pg_catalog.pg_namespace WHERE nspname = $1",
        ledger->schema, err);
    *found = schemas > 0;
    if (schemas <= 0)
        return schemas < 0 ? -1 : 0;
    if (read_begun(ledger, err) < 0)
        return -1;
    /* As large as this restore has steps: what is told beyond is another's. */
    for (int kind = 0; kind < LEDGER_KINDS; kind++) {
        ledger->done[kind].items = memory_array(counts[kind] + 1, sizeof(bool));
        ledger->done[kind].count = counts[kind];
    }
    char *sql = memory_format("SELECT kind, first, count FROM %s.done", ledger->schema);
    PGresult *rows =
        server_query(ledger->server, "what is done of the restore", sql, NULL, err);
    free(sql);
    if (rows == NULL)
        return -1;
    bool good = true;
    for (int i = 0; i < PQntuples(rows) && good; i++)
        good = take_step(ledger, PQgetvalue(rows, i, 0), PQgetvalue(rows, i, 1),
                         PQgetvalue(rows, i, 2));
    PQclear(rows);
    /* Another version of pgkeep may see other statements in the same text. */
    return good ? 0
                : err_set(err, ERR_CORRUPT,
                          "%s.done tells of steps that this restore does not have",
                          ledger->schema);
}

const char *ledger_options(const struct ledger *ledger)
{
    return ledger->options;
}

const char *ledger_choice(const struct ledger *ledger)
{
    return ledger->choice;
}

/* ---- a new one ---- */

/* Removes it; it is ours by its name. */
static int drop(struct ledger *ledger, struct err *err)
{
    char *sql = memory_format("DROP SCHEMA IF EXISTS %s CASCADE", ledger->schema);
    int result = execute(ledger, sql, err);
    free(sql);
    return result;
}

int ledger_begin(struct ledger *ledger, const char *options, const char *choice,
                 struct err *err)
{
    const char *schema = ledger->schema;
    /* One transaction: it is there with what it needs, or not at all. Both texts are letters and
     * digits of ours. */
    char *sql = memory_format(
        "DO $pgkeep$ BEGIN "
        "CREATE SCHEMA %s; "
        "CREATE TABLE %s.begun (options pg_catalog.text, choice pg_catalog.text); "
        "CREATE TABLE %s.done (kind pg_catalog.int2, first pg_catalog.int8, "
        "count pg_catalog.int8); "
        "INSERT INTO %s.begun VALUES ('%s', '%s'); END $pgkeep$",
        schema, schema, schema, schema, options, choice);
    int result = drop(ledger, err);
    if (result == 0)
        result = execute(ledger, sql, err);
    free(sql);
    return result;
}

int ledger_user_tables(struct ledger *ledger, uint64_t *count, struct err *err)
{
    return server_user_tables(ledger->server, NULL, count, err);
}

/* ---- steps ---- */

bool ledger_has(const struct ledger *ledger, enum ledger_kind kind, size_t number)
{
    return ledger != NULL && number < ledger->done[kind].count &&
           ledger->done[kind].items[number];
}

uint64_t ledger_count(const struct ledger *ledger)
{
    return ledger->steps;
}

void ledger_add(const struct ledger *ledger, struct text *sql, enum ledger_kind kind,
                size_t number, size_t count)
{
    if (ledger != NULL)
        text_addf(sql, "INSERT INTO %s.done VALUES (%d, %zu, %zu); ", ledger->schema,
                  (int)kind, number, count);
}

int ledger_join(const struct ledger *ledger, struct loader *loader, struct err *err)
{
    char sql[128];
    if (ledger == NULL)
        return 0;
    /* Held until the session ends, however it ends. */
    (void)snprintf(sql, sizeof sql, "SELECT pg_catalog.pg_advisory_lock_shared(%d, %d)",
                   ledger->key, SESSION);
    return loader_statement(loader, sql, err);
}

int ledger_end(struct ledger *ledger, struct err *err)
{
    /* What the database was set to meanwhile (read only, maybe) is for later sessions. */
    return drop(ledger, err);
}

void ledger_free(struct ledger *ledger)
{
    if (ledger == NULL)
        return;
    for (int kind = 0; kind < LEDGER_KINDS; kind++)
        free(ledger->done[kind].items);
    free(ledger->options);
    free(ledger->choice);
    server_free(ledger->server);
    free(ledger);
}
