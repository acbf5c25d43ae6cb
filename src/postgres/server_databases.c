/*
 * Which databases of a server a configuration means. One that is named and cannot be dumped
 * is told to the caller with a reason, never passed over: it is what somebody believes to be
 * backed up. Of those that only a pattern brought in, the reason is for a line in the log.
 */
#include "postgres/server.h"

#include "base/memory.h"
#include "base/parse.h"
#include "postgres/server_query.h"

enum { INVALID = -2 }; /* datconnlimit of what DROP DATABASE has half removed */

/* '*' any run of characters, '?' any one byte; the name must fit from end to end. */
static bool fits(const char *name, const char *pattern)
{
    const char *star = NULL, *resume = NULL;
    while (*name != '\0') {
        if (*pattern == '*') {
            star = pattern++;
            resume = name;
        } else if (*pattern == '?' || *pattern == *name) {
            pattern++;
            name++;
        } else if (star != NULL) {
            /* The star takes one character more. */
            pattern = star + 1;
            name = ++resume;
        } else {
            return false;
        }
    }
    while (*pattern == '*')
        pattern++;
    return *pattern == '\0';
}

/* NULL or an empty list: none. */
static bool fits_one(const char *name, const struct strlist *patterns)
{
    for (size_t i = 0; patterns != NULL && i < patterns->count; i++)
        if (fits(name, patterns->items[i]))
            return true;
    return false;
}

/* The problem is the list's from here on. */
static void add(struct server_databases *out, const char *name, char *problem, bool named)
{
    memory_grow(&out->items, &out->capacity, out->count + 1, sizeof *out->items);
    out->items[out->count++] =
        (struct server_database){memory_strdup(name), problem, named};
}

/* Named, but the server has no such database: perhaps another was meant. */
static void add_missing(struct server_databases *out, const char *name,
                        const struct strlist *known)
{
    const char *nearest =
        text_nearest(name, (const char *const *)known->items, known->count);
    char *problem = nearest == NULL
                        ? memory_strdup("the server has no such database")
                        : memory_format("the server has no such database; did you mean "
                                        "\"%s\"?",
                                        nearest);
    add(out, name, problem, true);
}

int server_databases(struct server *server, const struct strlist *include,
                     const struct strlist *exclude, struct server_databases *out,
                     struct err *err)
{
    struct strlist known = {0};
    *out = (struct server_databases){0};
    PGresult *rows =
        server_query(server, "databases",
                     "SELECT datname, datallowconn, datconnlimit, "
                     "datistemplate FROM pg_catalog.pg_database ORDER BY datname",
                     NULL, err);
    if (rows == NULL)
        return -1;
    /* All of the server, so that what is named and not among them is known to be
     * missing. */
    for (int row = 0; row < PQntuples(rows); row++) {
        const char *name = PQgetvalue(rows, row, 0);
        bool closed = *PQgetvalue(rows, row, 1) != 't';
        bool invalid = strtol(PQgetvalue(rows, row, 2), NULL, 10) == INVALID;
        bool template = *PQgetvalue(rows, row, 3) == 't';
        bool named = include != NULL && strlist_has(include, name);
        bool all = include == NULL || include->count == 0;
        strlist_add(&known, name);
        if (!(all || fits_one(name, include)) || fits_one(name, exclude))
            continue;
        /* Templates are no data of anybody's, unless somebody says so. */
        if (template && !named)
            continue;
        const char *problem =
            invalid  ? "it is invalid: a DROP DATABASE was interrupted (drop it again)"
            : closed ? "it takes no connections (ALTER DATABASE … ALLOW_CONNECTIONS true)"
                     : NULL;
        add(out, name, memory_strdup(problem), named);
    }
    PQclear(rows);

    /* What is named and nowhere. A name with a wildcard in it is a pattern. */
    for (size_t i = 0; include != NULL && i < include->count; i++) {
        const char *name = include->items[i];
        if (strpbrk(name, "*?") == NULL && !strlist_has(&known, name) &&
            !fits_one(name, exclude))
            add_missing(out, name, &known);
    }
    strlist_release(&known);
    return 0;
}

void server_databases_release(struct server_databases *databases)
{
    for (size_t i = 0; i < databases->count; i++) {
        free(databases->items[i].name);
        free(databases->items[i].problem);
    }
    free(databases->items);
    *databases = (struct server_databases){0};
}
