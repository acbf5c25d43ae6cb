/*
 * depot - machines, each with a catalog and a configuration of its own, that share stores
 * with backups nobody ever dumped: for tests of what prune, delete, pin, sweep, sync, check
 * and rebuild do to them.
 *
 *     depot_begin -> depot_backup … -> depot_prune.h, depot_repair.h -> depot_assert
 *     -> depot_end
 *     (depot_join: one more machine that uses the same stores)
 *
 * Backup n is of the job "nightly" and n days old when depot_begin was called, so number 1
 * is the newest. The operations of the product are called in the two files named above and
 * nowhere else: a test says what it wants done and what is left afterwards. Whatever fails
 * of the rig itself ends the test with a line that says why.
 */
#ifndef PGKEEP_TESTS_DEPOT_H
#define PGKEEP_TESTS_DEPOT_H

#include "repository/repository.h"
#include "base/ulid.h"
#include "catalog/db/catalog.h"
#include "config/settings.h"
#include "store/store.h"
#include "tests/support/catalogs.h"

enum depot_place { DEPOT_NAS, DEPOT_OFFSITE, DEPOT_PLACES };
#define DEPOT_AT(place) (1u << (place))
#define DEPOT_BOTH (DEPOT_AT(DEPOT_NAS) | DEPOT_AT(DEPOT_OFFSITE))

enum { DEPOT_BYTES = 100, DEPOT_DAY = 86400 }; /* of the data object of each backup */

struct depot {
    struct catalogs catalogs;
    struct catalog *catalog; /* of `catalogs` */
    struct settings settings;
    char config[SCRATCH_SIZE];          /* the file that `settings` come from */
    char place[SCRATCH_SIZE];           /* the folder of the stores */
    struct store *stores[DEPOT_PLACES]; /* memory_store.h: to look into, and to let fail */
    int64_t ids[DEPOT_PLACES];          /* in the catalog; 0: not known there yet */
    int64_t now;
    struct err err; /* of the last operation */
    bool joined;    /* the stores are another one's */
};

/* policy: keys of the job's policy; more: further keys of the job, and sections behind it,
 * or NULL. Both stores are marked and known. */
struct depot_spec {
    const char *policy;
    const char *job;      /* keys: "store_retention: { nas = \"two\"; };" */
    const char *policies; /* "two: { keep_last = 2; };" */
};
void depot_begin(struct depot *depot, const struct depot_spec *spec);
void depot_join(struct depot *depot, const struct depot *other,
                const struct depot_spec *spec);
void depot_end(struct depot *depot);
/* The catalog file may be another by now: opens it, and looks up the stores in it. */
void depot_close(struct depot *depot);
void depot_reopen(struct depot *depot);
const char *depot_place_name(enum depot_place place); /* "nas" "offsite" */
/* repository_close it; NULL with depot->err. */
struct repository *depot_open(struct depot *depot, enum depot_place place);
/* The place is a disk that is not mounted; it is again. */
void depot_unmount(struct depot *depot, enum depot_place place);
void depot_mount(struct depot *depot, enum depot_place place);
/* Its mark is gone, or another's; heap: the one it had. */
char *depot_unmark(struct depot *depot, enum depot_place place);
void depot_mark(struct depot *depot, enum depot_place place, const char *uuid);

/* Does `run` in a process that is killed at the n-th thing that it asks of this store, before
 * or after its effect. false: it came to its end. */
bool depot_killed(struct depot *depot, enum depot_place place, unsigned n, bool did,
                  void (*run)(void));

/* ---- what lies there ---- */

struct depot_backup {
    unsigned stores;      /* DEPOT_AT bits; 0: both */
    const char *job;      /* NULL: "nightly" */
    const char *database; /* NULL: "shop"; "": globals */
    const char *table;    /* dumped alone, as a command line said; NULL: all */
    int64_t time;         /* 0: n days ago */
    uint64_t bytes;       /* that the catalog and the manifest name; 0: DEPOT_BYTES */
    bool unknown;         /* it lies in the stores, and the catalog knows nothing */
};
/* Whole, and known as complete. */
void depot_backup(struct depot *depot, unsigned n, const struct depot_backup *backup);
/* Numbers `first` to `last`, in both stores. */
void depot_backups(struct depot *depot, unsigned first, unsigned last);
/* One that is being taken, or was when its process ended. */
struct depot_crash {
    unsigned stores;            /* 0: both */
    const char *owner;          /* NULL: a process that has ended; "": we */
    bool upload;                /* the upload is still open, else: */
    bool data, index, manifest; /* are there */
};
void depot_crash(struct depot *depot, unsigned n, const struct depot_crash *crash);
/* What the catalog knows of it goes into every store that it lies in. */
void depot_tell(struct depot *depot, unsigned n);
const char *depot_id(unsigned n); /* static, eight in turn */
unsigned depot_number(const char *id);
/* "manifest", "data", "index", "state" of backup n; heap. */
char *depot_key(const struct depot *depot, unsigned n, const char *what) MUST_USE;
int64_t depot_copy(struct depot *depot, unsigned n, enum depot_place place); /* its id */

/* Which backups lie in a store, as their numbers: "1 2 5"; of one that is not whole what is
 * there stands behind it: "3(data,state)". Heap. */
char *depot_lies(const struct depot *depot, enum depot_place place) MUST_USE;
/* Which copies the catalog knows there, those complete as their numbers, others with their
 * state: "1 2 4:deleting", the deleted left out. Heap. */
char *depot_known(struct depot *depot, enum depot_place place) MUST_USE;
/* Both: what is complete lies there whole, what is deleted not at all. */
void depot_assert(struct depot *depot, enum depot_place place, const char *numbers);
/* Both, whichever they are. */
void depot_assert_settled(struct depot *depot, enum depot_place place);

#endif
