/*
 * repository - the stores of a job or of an artifact: opened, reachable, and surely the ones
 * the catalog means.
 *
 *     repository_open -> repository_be_patient -> store_... -> repository_close
 *
 * Every store holds a mark with a UUID (RETENTION section 4, G8). A store whose mark is
 * missing or another's is not touched: an unmounted disk, a wrong bucket, a swapped path
 * would read as "everything is gone". Only a store that neither the catalog knows nor a
 * mark names gets one, and only when the caller may write.
 *
 * A run opens its stores through session.h, once each. An open one may be used by several
 * threads (store.h); repository_be_patient before they begin.
 */
#ifndef PGKEEP_REPOSITORY_REPOSITORY_H
#define PGKEEP_REPOSITORY_REPOSITORY_H

#include "catalog/stores.h"
#include "config/settings.h"
#include "store/store.h"

/* How long a store may take to answer before it counts as away (CONTRACT-NOTES 7). */
#define REPOSITORY_TIMEOUT_MS 15000

struct repository {
    char *name;
    struct store *store;
    int64_t id;    /* of catalog/stores.h */
    char uuid[37]; /* of its mark */
    int64_t retry_time_ms;
    _Atomic int64_t
        checked_ms; /* monotonic: when it last was surely the one it should be */
    const struct cancel *cancel; /* what ends its requests; NULL: the root */
};

struct repository_spec {
    const struct settings *settings;
    struct catalog *catalog;
    const char *name;
    bool may_mark;               /* a store without a mark gets one, a folder is made */
    const struct cancel *cancel; /* outlives the repository; NULL: the root */
};

/* The store of this name: of the configuration, else of the catalog (ad-hoc stores are kept
 * there with their URL), then of another name of the same identity. Checks that it answers
 * within REPOSITORY_TIMEOUT_MS and who it is. NULL: ERR_CONFIG for an unknown name, the
 * store's own errors, ERR_UNSAFE for a store that is not the expected one; each names the
 * store. */
struct repository *repository_open(const struct repository_spec *spec,
                                   struct err *err) MUST_USE;
/* Is it still the one it was? A folder goes by its path in each call, and an unmounted disk would
 * say of everything that it is not there: asked before anything is taken for gone. ERR_STORE when
 * its mark is missing or another's; the store's own errors. */
int repository_check_identity(struct repository *repository, struct err *err) MUST_USE;
/* From now on requests may take as long as the configuration says (retry_time), not 15 s.
 */
void repository_be_patient(struct repository *repository);
void repository_close(struct repository *repository); /* NULL-safe */

/* What the settings or, for an ad-hoc store of an earlier run, the catalog says of it.
 * `owned` (zeroed) receives what the caller must release. NULL: ERR_CONFIG for an unknown
 * name, or what is wrong with its secrets. */
const struct store_settings *repository_settings(const struct settings *settings,
                                                 struct catalog *catalog, const char *name,
                                                 struct store_settings *owned,
                                                 struct err *err) MUST_USE;
/* A store's mark (store_mark), and a page for whoever finds it without pgkeep. */
int repository_mark(struct store *store, const struct store_settings *from, char uuid[37],
                    struct err *err) MUST_USE;
/* The handle alone: nothing is asked on the network and nothing is written anywhere. For
 * doctor and for what the catalog does not know. Name and type are those of the settings.
 */
struct store *repository_store(const struct store_settings *settings,
                               const struct cancel *cancel, struct err *err) MUST_USE;

/* What stands behind --store, --from and --to: a name of the configuration or of the
 * catalog, or the URL of a store, which the catalog then gets a row for. Heap: the name for
 * repository_open. ERR_CONFIG, ERR_USAGE. */
char *repository_name(const struct settings *settings, struct catalog *catalog,
                      const char *text, struct err *err) MUST_USE;
/* s3://… or dir:…: names of the configuration hold no colon, so nothing can be both. */
bool repository_is_url(const char *text);
/* The catalog's name of the store behind a URL; without a query the name says enough, with one the
 * whole of it must be the same. Heap; NULL: `text` is no URL, or the catalog knows no such store
 * that ever had a mark. */
char *repository_known_url(struct catalog *catalog, const char *text) MUST_USE;
/* Adds the names of all stores: those of the configuration, then the ad-hoc ones that the
 * catalog has seen. only: repository_name of that one alone; NULL: all. ERR_CONFIG when there
 * is none. */
int repository_names(const struct settings *settings, struct catalog *catalog,
                     const char *only, struct strlist *names, struct err *err) MUST_USE;

/* Does it matter that this store does not answer? It does when the configuration names it,
 * and where something is unfinished: an upload, remains of one, a deletion. An ad-hoc store
 * of long ago that is gone is no reason for every later run to fail. */
int repository_is_required(const struct settings *settings, struct catalog *catalog,
                           const char *name, bool *missed, struct err *err) MUST_USE;

/* Several of them, borrowed from who opened them (session.h), and those that could not be
 * opened. */
struct repository_failure {
    char *name;
    struct err err;
    bool excused; /* nobody misses it: see repository_is_required */
};
struct repository_list {
    struct repository **items;
    size_t count, capacity;
    struct repository_failure *failures;
    size_t failure_count, failure_capacity;
};
void repository_list_add(struct repository_list *list, struct repository *repository);
void repository_list_add_failure(struct repository_list *list, const char *name,
                                 const struct err *why, bool excused);
void repository_list_release(struct repository_list *list); /* closes nothing */
/* How many failures are not excused. */
size_t repository_list_required_failures(const struct repository_list *list);
/* The one with this catalog id, or NULL. */
struct repository *repository_list_find(const struct repository_list *list,
                                        int64_t store_id);

#endif
