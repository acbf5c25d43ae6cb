/*
 * Tables are taken one by one, the largest first, by whoever is free.
 */
#include "drill/against.h"

#include "base/memory.h"
#include "base/thread.h"

#include <pthread.h>
#include <unistd.h>

enum { MOST_WORKERS = 16 };

/* What both sides say of one table. */
struct pair {
    bool there, done;
    uint64_t rows[2];
    char *hashes[2];
};

struct work {
    const struct against_spec *spec;
    const struct inspect_tables *tables; /* of the restored database */
    struct pair *pairs;
    pthread_mutex_t lock;
    /* Under the lock. */
    size_t next;
    struct err err; /* the first one; nobody takes another table then */
};

/* SIZE_MAX: none is left, or somebody failed. */
static size_t take(struct work *work)
{
    pthread_mutex_lock(&work->lock);
    bool more = work->next < work->tables->count && work->err.kind == ERR_NONE;
    size_t at = more ? work->next++ : SIZE_MAX;
    pthread_mutex_unlock(&work->lock);
    return at;
}

static void fail(struct work *work, const struct err *err)
{
    pthread_mutex_lock(&work->lock);
    if (work->err.kind == ERR_NONE)
        work->err = *err;
    pthread_mutex_unlock(&work->lock);
}

/* A table that is not there has no name on that side, which is asked of its catalog. */
static int compare_one(struct server *sides[2], const struct inspect_table *table,
                       struct pair *pair, struct err *err)
{
    pair->there = true;
    for (int side = 0; side < 2; side++) {
        struct err why = {0};
        if (inspect_rows(sides[side], table, &pair->rows[side], &pair->hashes[side],
                         &why) == 0)
            continue;
        /* What the restored database has it must give; the live one may lack it. */
        bool known = true;
        if (side == 1 && why.kind == ERR_DATABASE &&
            inspect_has(sides[side], table, &known, err) == 0 && !known) {
            pair->there = false;
            continue;
        }
        *err = why;
        return -1;
    }
    pair->done = true;
    return 0;
}

/* One thread: a session on either side. */
static void *compare(void *context)
{
    struct work *work = context;
    const struct against_spec *spec = work->spec;
    struct server *sides[2] = {NULL, NULL};
    const char *const conninfos[2] = {spec->restored, spec->live};
    struct err err = {0};
    int result = 0;
    for (int side = 0; side < 2 && result == 0; side++) {
        sides[side] = server_connect(conninfos[side], NULL, spec->cancel, &err);
        result =
            sides[side] == NULL ? -1 : inspect_begin(sides[side], spec->encoding, &err);
    }
    for (size_t at; result == 0 && (at = take(work)) != SIZE_MAX;) {
        const struct inspect_table *table = &work->tables->items[at];
        /* Which partition holds a row may differ (hashes of enums do between servers): the whole
         * is compared. */
        if (!table->partition && !table->extension)
            result = compare_one(sides, table, &work->pairs[at], &err);
    }
    if (result < 0)
        fail(work, &err);
    server_free(sides[0]);
    server_free(sides[1]);
    return NULL;
}

static void tell(const struct inspect_table *table, const struct pair *pair,
                 struct comparison *out, struct text *tables)
{
    if (!pair->done)
        return;
    char *name = sql_name_text(table->schema, table->name);
    size_t before = out->differences;
    out->tables++;
    out->rows += pair->rows[0];
    if (!pair->there)
        comparison_add(out, "table %s is only in the backup", name);
    else if (pair->rows[0] != pair->rows[1])
        comparison_add(out, "table %s: %llu rows restored, %llu live", name,
                       (unsigned long long)pair->rows[0],
                       (unsigned long long)pair->rows[1]);
    else if (strcmp(pair->hashes[0], pair->hashes[1]) != 0)
        comparison_add(out, "table %s: %llu rows on both sides, with other contents", name,
                       (unsigned long long)pair->rows[0]);
    if (out->differences > before) {
        text_add_printable(tables, name, strlen(name));
        text_add_char(tables, '\n');
    }
    free(name);
}

/* Of the live database the tables that the backup does not have. */
static int tell_new(const struct against_spec *spec, const struct inspect_tables *restored,
                    struct comparison *out, struct text *tables, struct err *err)
{
    struct inspect_tables live = {0};
    struct sql_map map = {0};
    struct server *server = server_connect(spec->live, NULL, spec->cancel, err);
    int result = server == NULL ? -1 : inspect_begin(server, spec->encoding, err);
    if (result == 0)
        result = inspect_tables(server, &live, err);
    for (size_t i = 0; i < restored->count; i++)
        (void)sql_map_add(&map, restored->items[i].schema, restored->items[i].name, i);
    for (size_t i = 0; result == 0 && i < live.count; i++) {
        const struct inspect_table *table = &live.items[i];
        if (table->extension || table->partition ||
            sql_map_find(&map, table->schema, table->name) != NULL)
            continue;
        char *name = sql_name_text(table->schema, table->name);
        comparison_add(out, "table %s is only in the live database", name);
        text_add_printable(tables, name, strlen(name));
        text_add_char(tables, '\n');
        free(name);
    }
    sql_map_release(&map);
    inspect_tables_release(&live);
    server_free(server);
    return result;
}

static unsigned workers_of(const struct against_spec *spec)
{
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    if (spec->workers > 0)
        return spec->workers > MOST_WORKERS ? MOST_WORKERS : spec->workers;
    return cores > 4 ? 4 : cores < 1 ? 1 : (unsigned)cores;
}

int against_run(const struct against_spec *spec, struct comparison *out,
                struct text *tables, struct err *err)
{
    struct inspect_tables restored = {0};
    pthread_t threads[MOST_WORKERS];
    unsigned started = 0, workers = workers_of(spec);
    struct server *server = server_connect(spec->restored, NULL, spec->cancel, err);
    int result = server == NULL ? -1 : inspect_begin(server, spec->encoding, err);
    if (result == 0)
        result = inspect_tables(server, &restored, err);
    server_free(server);
    struct work work = {.spec = spec,
                        .tables = &restored,
                        .pairs = memory_array(restored.count + 1, sizeof *work.pairs),
                        .lock = PTHREAD_MUTEX_INITIALIZER};

    /* As many as can be started; one is enough. */
    struct err none = {0};
    while (result == 0 && started < workers &&
           thread_start(&threads[started], compare, &work, &none) == 0)
        started++;
    if (result == 0 && started == 0) {
        *err = none;
        result = -1;
    }
    for (unsigned i = 0; i < started; i++)
        (void)pthread_join(threads[i], NULL);
    if (result == 0 && work.err.kind != ERR_NONE) {
        *err = work.err;
        result = -1;
    }
    /* In the order of the list, whoever was first. */
    for (size_t i = 0; result == 0 && i < restored.count; i++)
        tell(&restored.items[i], &work.pairs[i], out, tables);
    if (result == 0)
        result = tell_new(spec, &restored, out, tables, err);
    for (size_t i = 0; i < restored.count; i++) {
        free(work.pairs[i].hashes[0]);
        free(work.pairs[i].hashes[1]);
    }
    free(work.pairs);
    inspect_tables_release(&restored);
    return result;
}
