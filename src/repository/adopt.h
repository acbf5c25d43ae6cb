/*
 * adopt - a store that was emptied or replaced on purpose gets the catalog's trust again.
 *
 *     adopt_look -> adopt_check -> show what it says -> adopt_store -> adopt_release
 *
 * A store whose mark is missing, or another's, is not touched by anything (RETENTION
 * section 4, G8). Only a person can know that this is right: an empty mount point looks the
 * same as a new disk. So what the catalog expects there is shown first, and a store that
 * holds the mark of another pgkeep store is taken only when that mark is named.
 */
#ifndef PGKEEP_REPOSITORY_ADOPT_H
#define PGKEEP_REPOSITORY_ADOPT_H

#include "repository/repository.h"
#include "base/ulid.h"

enum adopt_state {
    ADOPT_SAME,     /* its mark is the expected one: nothing to do */
    ADOPT_UNMARKED, /* no mark: it gets a new one */
    ADOPT_OTHER     /* another mark: the catalog takes it, the store keeps it */
};

struct adopt {
    struct store *store;
    const struct store_settings *from; /* of the settings, or `owned` */
    struct store_settings owned;
    int64_t id;        /* of the catalog's row */
    char *url;         /* of the row, without secrets */
    char expected[37]; /* "": the catalog never saw a mark there */
    char found[37];    /* "" */
    enum adopt_state state;
    /* What the catalog expects there: complete copies. */
    size_t copies;
    uint64_t bytes;
    char newest[ULID_SIZE]; /* artifact; "" */
    int64_t newest_time;
};

/* Nothing is changed. ERR_NOT_FOUND when the catalog does not know the store; the store's
 * own errors. Release it in any case. */
int adopt_look(const struct settings *settings, struct catalog *catalog, const char *name,
               struct adopt *out, struct err *err) MUST_USE;
/* mark: the other mark that is accepted, or NULL. Writes a new mark (and RECOVERY.md) where
 * there is none, and puts the store's into the catalog; adopt->found is that mark then.
 * ERR_UNSAFE for another mark than `mark`, and for one that belongs to another store of the
 * catalog. */
int adopt_check(const struct adopt *adopt, struct catalog *catalog, const char *mark,
                struct err *err) MUST_USE; /* the same refusals; nothing is written */
int adopt_store(struct adopt *adopt, struct catalog *catalog, const char *mark,
                struct err *err) MUST_USE;
void adopt_release(struct adopt *adopt);

#endif
