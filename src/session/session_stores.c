/*
 * Each store is opened once. A handle stays open until the end, also of a store that was lost
 * on the way: another thread may be in a call of it.
 *
 * The lock is held while a store is being opened, at most for the few time-outs of
 * repository_open: two threads that want the same store must not both open it.
 */
#include "session/session_parts.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "catalog/artifact_list.h"
#include "catalog/db/totals.h"

/* So long it is taken for granted that an open store is still the one it was. */
enum { FRESH_MS = 5000 };

void session_stores_init(struct session *session)
{
    session->thread = pthread_self();
    pthread_mutex_init(&session->lock, NULL);
}

void session_stores_release(struct session *session)
{
    /* Handles before the catalog that some of them were opened with. */
    for (size_t i = 0; i < session->entry_count; i++) {
        repository_close(session->entries[i].repository);
        free(session->entries[i].name);
    }
    free(session->entries);
    catalog_close(session->others_catalog);
    pthread_mutex_destroy(&session->lock);
}

void session_stores_count(struct session *session)
{
    char *job = memory_strdup(session->spec.job != NULL ? session->spec.job : "");
    bool writes =
        session->spec.catalog == SESSION_WRITE || session->spec.catalog == SESSION_CREATE;
    for (size_t i = 0; writes && i < session->entry_count; i++) {
        struct session_entry *entry = &session->entries[i];
        if (entry->repository == NULL)
            continue;
        struct store_traffic traffic = store_traffic(entry->repository->store);
        char uploaded[] = TOTALS_UPLOADED, repeated[] = TOTALS_REPEATED;
        const struct catalog_total totals[] = {
            {uploaded, job, entry->repository->name, (int64_t)traffic.uploaded},
            {repeated, job, entry->repository->name, (int64_t)traffic.repeated}};
        /* A figure that is lost is no reason to fail, nor to wait for the catalog twice. */
        struct err ignored = {0};
        if (catalog_total_add(session->catalog, &totals[0], &ignored) < 0 ||
            catalog_total_add(session->catalog, &totals[1], &ignored) < 0) {
            log_debug("bytes that were sent are not counted: %s", ignored.text);
            break;
        }
    }
    free(job);
}

/* ---- one store ---- */

static struct session_entry *entry_of(struct session *session, const char *name)
{
    for (size_t i = 0; i < session->entry_count; i++) {
        if (strcmp(session->entries[i].name, name) == 0)
            return &session->entries[i];
    }
    /* A first time, also of one that will fail: that is remembered as well. */
    struct session_entry *entry = memory_append(&session->entries, &session->entry_count,
                                                &session->entry_capacity, sizeof *entry);
    entry->name = memory_strdup(name);
    return entry;
}

/* A connection of SQLite serves one thread. Under the lock. */
static struct catalog *catalog_of_thread(struct session *session, struct err *err)
{
    if (pthread_equal(pthread_self(), session->thread))
        return session->catalog;
    if (session->others_catalog == NULL) {
        session->others_catalog =
            catalog_open(session->spec.settings->catalog, CATALOG_WRITE, err);
        if (session->others_catalog != NULL)
            catalog_set_cancel(session->others_catalog, session->cancel);
    }
    return session->others_catalog;
}

static int open_entry(struct session *session, struct session_entry *entry, bool may_mark,
                      struct err *err)
{
    int result = -1;
    /* One that was lost is still open: it only has to answer again. */
    if (entry->repository != NULL) {
        store_set_retry_time(entry->repository->store, REPOSITORY_TIMEOUT_MS);
        result = store_check(entry->repository->store, false, REPOSITORY_TIMEOUT_MS, err);
        if (result == 0)
            result = repository_check_identity(entry->repository, err);
    } else {
        /* Fifteen seconds at most for each of its questions; the operation lets it be
         * patient. */
        struct repository_spec spec = {.settings = session->spec.settings,
                                       .catalog = catalog_of_thread(session, err),
                                       .name = entry->name,
                                       .may_mark = may_mark,
                                       .cancel = session->cancel};
        if (spec.catalog != NULL)
            entry->repository = repository_open(&spec, err);
        result = entry->repository != NULL ? 0 : -1;
    }
    /* What came of it is the answer for all who ask within the next minute. */
    entry->may_mark = may_mark;
    entry->lost = result < 0;
    entry->failed_ms = clock_monotonic_ms();
    if (result < 0)
        entry->err = *err;
    else
        err_clear(&entry->err);
    return result;
}

/* Who asks for many copies in a store that is away is not to wait for it with each of them.
 * But one that could not be told as new must be asked again by whoever may make it one. */
static bool is_still_away(const struct session_entry *entry, bool may_mark)
{
    return entry->err.kind != ERR_NONE && !err_is_fatal(entry->err.kind) &&
           (entry->may_mark || !may_mark) &&
           clock_monotonic_ms() - entry->failed_ms < SESSION_AWAY_MS;
}

struct repository *session_repository(struct session *session, const char *name,
                                      bool may_mark, struct err *err)
{
    struct repository *repository = NULL;
    /* Held until it is open: a second thread that wants the same one waits for this
     * answer. */
    pthread_mutex_lock(&session->lock);
    struct session_entry *entry = entry_of(session, name);
    if (entry->repository != NULL && !entry->lost)
        repository = entry->repository;
    else if (is_still_away(entry, may_mark))
        *err = entry->err;
    else if (open_entry(session, entry, may_mark, err) == 0)
        repository = entry->repository;
    pthread_mutex_unlock(&session->lock);
    return repository;
}

static void set_lost(struct session *session, const struct repository *repository,
                     const struct err *why)
{
    pthread_mutex_lock(&session->lock);
    struct session_entry *entry = entry_of(session, repository->name);
    /* Not closed: another thread may be in a call of it, and it may be back in a minute. */
    entry->lost = true;
    entry->err = *why;
    entry->failed_ms = clock_monotonic_ms();
    pthread_mutex_unlock(&session->lock);
}

int session_check_again(struct session *session, struct repository *repository,
                        struct err *err)
{
    struct store *store = repository->store;
    if (clock_monotonic_ms() - repository->checked_ms < FRESH_MS)
        return 0;
    /* A store that went away costs each of many copies this long, and not its
     * retry_time. */
    store_set_retry_time(store, REPOSITORY_TIMEOUT_MS);
    if (store_check(store, false, REPOSITORY_TIMEOUT_MS, err) == 0 &&
        repository_check_identity(repository, err) == 0)
        return 0;
    /* Fatal is of this machine or somebody's wish, and says nothing about the store. */
    if (!err_is_fatal(err->kind))
        set_lost(session, repository, err);
    return -1;
}

/* ---- one of several ---- */

int session_skip(struct session *session, const struct session_store *store,
                 const struct err *why, struct repository_list *list, struct err *err)
{
    bool missed = true;
    /* No other store would fare better: this machine, the catalog, or somebody's wish. */
    if (err_is_fatal(why->kind)) {
        *err = *why;
        return -1;
    }
    /* Named by somebody: missed in any case. Else only who has a job or copies there
     * misses it. */
    if (!store->named && repository_is_required(session->spec.settings, session->catalog,
                                                store->name, &missed, err) < 0)
        return -1;
    if (list != NULL)
        repository_list_add_failure(list, store->name, why, !missed);
    /* Of a lone store the failure will be what ends the run, and is said then. */
    if (!store->alone)
        log_warning("skipped: %s", why->text);
    observer_skipped(session->spec.observer, store->name, why);
    return 0;
}

int session_add_repository(struct session *session, const struct session_store *store,
                           struct repository_list *list, struct err *err)
{
    struct err why = {0};
    struct repository *repository =
        session_repository(session, store->name, store->may_mark, &why);
    /* The name of the configuration leads elsewhere by now; its rows are not about what
     * lies there. */
    if (repository != NULL && store->id != 0 && repository->id != store->id) {
        err_set(&why, ERR_UNSAFE, "store \"%s\" is another one by now", store->name);
        repository = NULL;
    }
    if (repository == NULL)
        return session_skip(session, store, &why, list, err);
    repository_list_add(list, repository);
    return 0;
}

/* Two names of one place would be one copy that counts as two. The catalog calls a store by
 * the name it was last opened by; that of the first is given back. */
static int refuse_twice(struct session *session, const struct repository *first,
                        const struct repository *second, struct err *err)
{
    struct err ignored = {0};
    struct repository_spec again = {.settings = session->spec.settings,
                                    .catalog = session->catalog,
                                    .name = first->name,
                                    .cancel = session->cancel};
    repository_close(repository_open(&again, &ignored));
    return err_set(err, ERR_CONFIG,
                   "stores \"%s\" and \"%s\" are one and the same (mark %s): a backup "
                   "needs two places to have two copies",
                   first->name, second->name, second->uuid);
}

int session_repositories(struct session *session, const struct strlist *names,
                         bool may_mark, struct repository_list *list, struct err *err)
{
    for (size_t i = 0; i < names->count; i++) {
        struct session_store store = {.name = names->items[i],
                                      .may_mark = may_mark,
                                      .named = true,
                                      .alone = names->count == 1};
        size_t before = list->count;
        /* Named: a job that has it counts on it. */
        if (session_add_repository(session, &store, list, err) < 0)
            return -1;
        if (list->count == before)
            continue;
        /* By identity and not by name: paths and URLs have many spellings. */
        const struct repository *added = list->items[before];
        const struct repository *same = repository_list_find(list, added->id);
        if (same != added)
            return refuse_twice(session, same, added, err);
    }
    return 0;
}

int session_recheck(struct session *session, struct repository_list *list, struct err *err)
{
    /* The list is closed up as it is walked: those that stay move to the front. */
    size_t left = 0;
    int result = 0;
    for (size_t i = 0; i < list->count; i++) {
        struct repository *repository = list->items[i];
        struct session_store store = {.name = repository->name, .named = true};
        struct err why = {0};
        store_set_retry_time(repository->store, REPOSITORY_TIMEOUT_MS);
        /* After what ends the run nobody is asked any more; all that is left stays. */
        if (result < 0 ||
            store_check(repository->store, false, REPOSITORY_TIMEOUT_MS, &why) == 0) {
            list->items[left++] = repository;
        } else if (session_skip(session, &store, &why, list, err) < 0) {
            list->items[left++] = repository;
            result = -1;
        } else {
            set_lost(session, repository, &why);
        }
    }
    list->count = left;
    return result;
}

/* ---- names that somebody typed ---- */

int session_require_job(struct session *session, const char *name, struct err *err)
{
    struct catalog_filter filter = {.job = name, .statuses = (1u << CATALOG_STATUSES) - 1};
    int64_t count = 0;
    if (name == NULL || settings_job(session->spec.settings, name) != NULL)
        return 0;
    /* Of any status: also one whose backups are all deleted was a job. */
    if (catalog_artifacts_count(session->catalog, &filter, &count, err) < 0)
        return -1;
    return count > 0 || settings_require_job(session->spec.settings, name, err) ? 0 : -1;
}

int session_require_store(struct session *session, const char *name, struct err *err)
{
    struct catalog_store row = {0};
    bool absent = false;
    /* Most names are of the configuration: the catalog need not be asked. */
    if (name == NULL || settings_store(session->spec.settings, name) != NULL)
        return 0;
    if (catalog_store_find(session->catalog, name, &row, &absent, err) < 0)
        return -1;
    catalog_store_release(&row);
    return !absent || settings_require_store(session->spec.settings, name, err) ? 0 : -1;
}
