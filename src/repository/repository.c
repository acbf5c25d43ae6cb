/*
 * The check of identity (G8) is here and nowhere else: whoever wants to touch a store gets
 * it through repository_open. Order matters in open_it: the row is declared first, because what
 * the catalog expects decides whether a missing folder or a missing mark is "new" or
 * "gone".
 */
#include "repository/repository.h"

#include "config/resolve.h"
#include "repository/keys.h"
#include "repository/nearby.h"
#include "repository/readme_page.h"
#include "base/clock.h"
#include "base/memory.h"
#include "s3/s3.h"

/* libconfig, environment and URL end up in one struct; s3/ has a struct of its own, because
 * it knows nothing of config/. */
static struct s3_config s3_config_of(const struct store_settings *from,
                                     const struct store_secrets *secrets)
{
    struct s3_config to;
    s3_config_init(&to);
    /* Borrowed, all of it: the client copies what it keeps. */
    to.endpoint = from->endpoint;
    to.region = from->region;
    to.bucket = from->bucket;
    to.prefix = from->prefix;
    to.style = from->style == STORE_STYLE_PATH      ? S3_STYLE_PATH
               : from->style == STORE_STYLE_VIRTUAL ? S3_STYLE_VIRTUAL
                                                    : S3_STYLE_AUTO;
    to.allow_insecure = from->allow_insecure;
    to.ca_file = from->ca_file;
    to.proxy = from->proxy;
    to.access_key = secrets->access_key.text;
    to.secret_key = secrets->secret_key.text;
    to.session_token = secrets->session_token.text;
    to.profile = from->profile;
    to.provider = from->provider;
    to.payload_signing = from->payload_signing;
    to.storage_class = from->storage_class;
    to.sse = from->sse;
    to.sse_kms_key = from->sse_kms_key;
    to.sse_c_key_file = from->sse_c_key_file;
    to.object_lock_mode = from->object_lock_mode;
    to.object_lock_seconds = from->object_lock_s;
    to.legal_hold = from->legal_hold;
    to.tagging = from->tagging;
    to.list_version = (int)from->list_version;
    to.max_parts = (unsigned)from->max_parts;
    to.max_connections = (unsigned)from->max_connections;
    to.retry_time_ms = from->retry_time_s * 1000;
    to.connect_timeout_ms = from->connect_timeout_s * 1000;
    to.limit_rate = from->limit_rate;
    return to;
}

/* The one place where a kind of store is chosen. */
struct store *repository_store(const struct store_settings *settings,
                               const struct cancel *cancel, struct err *err)
{
    /* Passwords and keys are fetched at the last moment, and only for a store that has any. */
    struct store_secrets secrets;
    if (settings->type == STORE_DIR)
        return store_open_dir(settings->name, settings->path, err);
    if (resolve_store(settings, &secrets, err) < 0)
        return NULL;
    struct s3_config config = s3_config_of(settings, &secrets);
    config.cancel = cancel;
    struct store *store = store_open_s3(settings->name, &config, err);
    resolve_store_release(&secrets); /* the client has copies */
    return store;
}

/* Where a name leads: the configuration, else the row that an earlier command left. */
const struct store_settings *repository_settings(const struct settings *settings,
                                                 struct catalog *catalog, const char *name,
                                                 struct store_settings *owned,
                                                 struct err *err)
{
    struct catalog_store row = {0};
    bool absent = true;
    const struct store_settings *found = settings_store(settings, name);
    /* The configuration is right about a store that it names, whatever the row says. */
    if (found != NULL)
        return found;
    if (catalog_store_find(catalog, name, &row, &absent, err) < 0)
        return NULL;
    if (absent)
        return settings_require_store(settings, name, err);
    /* The row of an ad-hoc store has its URL; it goes on under the name of the row. */
    if (store_settings_from_url(row.url, owned, err) == 0) {
        memory_replace(&owned->name, name);
        found = owned;
    }
    catalog_store_release(&row);
    return found;
}

/* Mark and page together make a folder or a bucket a store; they are written once, at its
 * first use. */
int repository_mark(struct store *store, const struct store_settings *from, char uuid[37],
                    struct err *err)
{
    struct readme_page_place place = {.folder = from->type == STORE_DIR ? from->path : NULL,
                                      .bucket = from->bucket,
                                      .prefix = from->prefix,
                                      .endpoint = from->endpoint,
                                      .region = from->region};
    /* The mark is last: a store that has one has the page as well. */
    char *page = readme_page_text(&place);
    int result = store_put(store, KEYS_RECOVERY, page, strlen(page), err);
    free(page);
    return result == 0 ? store_mark(store, uuid, err) : -1;
}

/* Who it is: the mark against the catalog. from NULL: nothing may be written. */
static int identify(struct repository *repository, struct catalog *catalog,
                    struct catalog_store *row, const struct store_settings *from,
                    struct err *err)
{
    bool absent = false;
    /* The catalog has seen its mark: from then on it must be there. */
    bool known = *row->uuid != '\0';
    if (store_identify(repository->store, repository->uuid, &absent, err) < 0)
        return -1;
    /* An unmounted disk, a wrong bucket, a swapped path: nothing of it may be believed. */
    if (absent && known) {
        err_set(
            err, ERR_UNSAFE,
            "store \"%s\": its mark pgkeep-store.json is missing, though the catalog knows "
            "this store",
            repository->name);
        return err_hint(err,
                        "is the disk mounted, is it the right bucket? If it was emptied on "
                        "purpose: pgkeep doctor --adopt %s",
                        repository->name);
    }
    if (absent && from == NULL)
        return err_set(err, ERR_NOT_FOUND,
                       "store \"%s\" holds no backups of pgkeep (no pgkeep-store.json)",
                       repository->name);
    /* New to everybody: from now on it is a store. */
    if (absent && repository_mark(repository->store, from, repository->uuid, err) < 0)
        return -1;
    /* The catalog compares: a mark that is another's is refused there, in one transaction. */
    snprintf(row->uuid, sizeof row->uuid, "%s", repository->uuid);
    return catalog_store_identify(catalog, row, clock_now(), err);
}

/* A wrong prefix is looked past: the others of the same bucket are what is meant. */
static void look_nearby(const struct store_settings *from, const struct cancel *cancel,
                        struct err *err)
{
    static char nothing[] = "";
    struct err ignored = {0};
    struct store_settings settings = *from;
    settings.prefix = nothing;
    struct store *whole = repository_store(&settings, cancel, &ignored);
    if (whole == NULL)
        return;
    store_set_retry_time(whole, REPOSITORY_TIMEOUT_MS);
    nearby_hint(whole, from, err);
    store_close(whole);
}

/* In this order nothing is believed before it was asked, and nothing is made where
 * something should be. */
static int open_it(struct repository *repository, const struct repository_spec *spec,
                   const struct store_settings *from, struct err *err)
{
    struct catalog_store row = {0};
    /* The handle alone: nothing is asked on a network before the row is declared. */
    repository->store = repository_store(from, spec->cancel, err);
    if (repository->store == NULL)
        return -1;
    repository->retry_time_ms = from->type == STORE_S3 ? from->retry_time_s * 1000 : 0;

    /* The row first: what the catalog expects there decides what an absence means. */
    row.name = memory_strdup(repository->name);
    row.type = memory_strdup(store_type_name(repository->store));
    row.url = store_settings_url(from);
    /* Names of the configuration cannot hold a colon, URLs always do. */
    row.adhoc = strchr(repository->name, ':') != NULL;
    int result = catalog_store_declare(spec->catalog, &row, err);

    /* A folder of a store that is known must be there: if not, its disk is not mounted. */
    bool create = spec->may_mark && *row.uuid == '\0';
    store_set_retry_time(repository->store, REPOSITORY_TIMEOUT_MS);
    if (result == 0)
        result = store_check(repository->store, create, REPOSITORY_TIMEOUT_MS, err);
    if (result == 0)
        result =
            identify(repository, spec->catalog, &row, spec->may_mark ? from : NULL, err);
    /* Nobody knows it and nothing lies there: perhaps a prefix was forgotten. */
    if (result < 0 && err->kind == ERR_NOT_FOUND && !spec->may_mark) {
        look_nearby(from, spec->cancel, err);
        err_hint(err, "the first backup into it makes it a store");
    }
    repository->id = row.id;
    catalog_store_release(&row);
    return result;
}

/* All or nothing: a store that is not surely the one it should be is not handed out. */
struct repository *repository_open(const struct repository_spec *spec, struct err *err)
{
    struct store_settings owned = {0};
    const struct store_settings *from =
        repository_settings(spec->settings, spec->catalog, spec->name, &owned, err);
    struct repository *repository = NULL;
    if (from != NULL) {
        repository = memory_zalloc(sizeof *repository);
        repository->name = memory_strdup(spec->name);
        repository->cancel = spec->cancel;
        repository->checked_ms = clock_monotonic_ms();
        if (open_it(repository, spec, from, err) < 0) {
            repository_close(repository);
            repository = NULL;
        }
    }
    store_settings_release(&owned);
    return repository;
}

/* Cheap (one small object), and asked wherever "not there" would be believed. */
int repository_check_identity(struct repository *repository, struct err *err)
{
    char uuid[37];
    bool absent = false;
    if (store_identify(repository->store, uuid, &absent, err) < 0)
        return -1;
    /* No hint: what it was in this very run, it is not any more. */
    if (absent || strcmp(uuid, repository->uuid) != 0)
        return err_set(
            err, ERR_STORE,
            "store \"%s\" is not the one it was: its mark is missing or another's",
            repository->name);
    repository->checked_ms = clock_monotonic_ms();
    return 0;
}

void repository_be_patient(struct repository *repository)
{
    store_set_retry_time(repository->store, repository->retry_time_ms);
}

void repository_close(struct repository *repository)
{
    if (repository == NULL)
        return;
    store_close(repository->store);
    free(repository->name);
    free(repository);
}

void repository_list_add(struct repository_list *list, struct repository *repository)
{
    memory_grow(&list->items, &list->capacity, list->count + 1, sizeof *list->items);
    list->items[list->count++] = repository;
}

void repository_list_add_failure(struct repository_list *list, const char *name,
                                 const struct err *why, bool excused)
{
    memory_grow(&list->failures, &list->failure_capacity, list->failure_count + 1,
                sizeof *list->failures);
    list->failures[list->failure_count++] = (struct repository_failure){
        .name = memory_strdup(name), .err = *why, .excused = excused};
}

void repository_list_release(struct repository_list *list)
{
    for (size_t i = 0; i < list->failure_count; i++)
        free(list->failures[i].name);
    free(list->items);
    free(list->failures);
    *list = (struct repository_list){0};
}

struct repository *repository_list_find(const struct repository_list *list,
                                        int64_t store_id)
{
    for (size_t i = 0; i < list->count; i++) {
        if (list->items[i]->id == store_id)
            return list->items[i];
    }
    return NULL;
}

size_t repository_list_required_failures(const struct repository_list *list)
{
    /* Those that count for the exit status; the others are only told. */
    size_t count = 0;
    for (size_t i = 0; i < list->failure_count; i++)
        count += !list->failures[i].excused;
    return count;
}
