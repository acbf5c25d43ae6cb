#define _XOPEN_SOURCE 700 /* realpath */
#include "tests/support/depot.h"

#include "base/clock.h"
#include "base/digest.h"
#include "base/memory.h"
#include "catalog/artifacts.h"
#include "catalog/copies.h"
#include "catalog/stores.h"
#include "repository/keys.h"
#include "repository/manifest.h"
#include "repository/repository.h"
#include "repository/state_sync.h"
#include "tests/support/store_seam.h"

#include <check.h>
#include <sys/wait.h>
#include <unistd.h>

static const char *const names[DEPOT_PLACES] = {"nas", "offsite"};
enum { NUMBERS = 60 }; /* the highest that is looked for */

#define OK(call) ck_assert_msg((call) == 0, "%s", depot->err.text)

/* ---- a machine ---- */

static char *config_text(const struct depot *depot, const struct depot_spec *spec)
{
    /* Also where there is no PostgreSQL. */
    char *programs = realpath("tests/support/fake_pg_dump", NULL);
    ck_assert_ptr_nonnull(programs);
    char *text = memory_format(
        "catalog = \"%s\";\n"
        "pg_bin_dir = \"%s\";\n"
        "sources: { shop: { conninfo = \"dbname=shop\"; }; };\n"
        "stores: { nas: { type = \"dir\"; path = \"%s/nas\"; };\n"
        "          offsite: { type = \"dir\"; path = \"%s/offsite\"; }; };\n"
        "policies: { one: { %s }; %s };\n"
        "jobs: { nightly: { source = \"shop\"; stores = [ \"nas\", \"offsite\" ];\n"
        "                   retention = \"one\"; %s }; };\n",
        depot->catalogs.path, programs, depot->place, depot->place,
        spec->policy ? spec->policy : "", spec->policies ? spec->policies : "",
        spec->job ? spec->job : "");
    free(programs);
    return text;
}

static void load_settings(struct depot *depot, const struct depot_spec *spec)
{
    char program[] = "pgkeep", command[] = "list";
    static const char *const commands[] = {"list"};
    char *text = config_text(depot, spec);
    scratch_file(depot->config, text);
    char *option = memory_format("--config=%s", depot->config);
    char *argv[] = {program, option, command};
    struct config_args args;
    struct config_args_line line = {3, argv, commands, 1};
    OK(config_args_parse(&args, &line, &depot->err));
    OK(settings_load(&depot->settings, &args, &depot->err));
    config_args_release(&args);
    free(option);
    free(text);
}

/* As a first backup would: a mark, and a row with it. */
static void know_store(struct depot *depot, enum depot_place place)
{
    struct catalog_store row = {.name = memory_strdup(names[place]),
                                .type = memory_strdup("dir"),
                                .url =
                                    memory_format("dir:%s/%s", depot->place, names[place])};
    char uuid[37] = "";
    OK(store_check(depot->stores[place], true, 1000, &depot->err));
    OK(store_mark(depot->stores[place], uuid, &depot->err));
    OK(catalog_store_declare(depot->catalog, &row, &depot->err));
    snprintf(row.uuid, sizeof row.uuid, "%s", uuid);
    OK(catalog_store_identify(depot->catalog, &row, depot->now, &depot->err));
    depot->ids[place] = row.id;
    catalog_store_release(&row);
}

static void begin(struct depot *depot, const struct depot_spec *spec)
{
    catalogs_begin(&depot->catalogs);
    depot->catalog = depot->catalogs.catalog;
    load_settings(depot, spec);
    for (enum depot_place place = 0; place < DEPOT_PLACES; place++)
        know_store(depot, place);
}

static char *path_of(const struct depot *depot, enum depot_place place)
{
    return memory_format("%s/%s", depot->place, names[place]);
}

void depot_begin(struct depot *depot, const struct depot_spec *spec)
{
    *depot = (struct depot){.now = clock_now()};
    scratch_folder(depot->place);
    for (enum depot_place place = 0; place < DEPOT_PLACES; place++) {
        char *path = path_of(depot, place);
        depot->stores[place] = store_seam_place(path, NULL);
        free(path);
    }
    begin(depot, spec);
}

void depot_join(struct depot *depot, const struct depot *other,
                const struct depot_spec *spec)
{
    *depot = (struct depot){.now = other->now, .joined = true};
    memcpy(depot->place, other->place, sizeof depot->place);
    memcpy(depot->stores, other->stores, sizeof depot->stores);
    begin(depot, spec);
}

struct repository *depot_open(struct depot *depot, enum depot_place place)
{
    struct repository_spec spec = {.settings = &depot->settings,
                                   .catalog = depot->catalog,
                                   .name = depot_place_name(place)};
    err_clear(&depot->err);
    return repository_open(&spec, &depot->err);
}

void depot_end(struct depot *depot)
{
    settings_release(&depot->settings);
    catalogs_end(&depot->catalogs);
    if (depot->joined)
        return;
    store_seam_end();
    scratch_remove(depot->place);
}

const char *depot_place_name(enum depot_place place)
{
    return names[place];
}

void depot_close(struct depot *depot)
{
    catalog_close(depot->catalog);
    depot->catalog = depot->catalogs.catalog = NULL;
}

void depot_reopen(struct depot *depot)
{
    depot_close(depot);
    depot->catalog = depot->catalogs.catalog = catalogs_open(&depot->catalogs);
    for (enum depot_place place = 0; place < DEPOT_PLACES; place++) {
        struct catalog_store row = {0};
        bool absent = true;
        OK(catalog_store_find(depot->catalog, names[place], &row, &absent, &depot->err));
        depot->ids[place] = absent ? 0 : row.id;
        catalog_store_release(&row);
    }
}

void depot_unmount(struct depot *depot, enum depot_place place)
{
    char *path = path_of(depot, place);
    char *text = memory_format("store \"%s\": %s does not exist", names[place], path);
    store_seam_refuse(path, ERR_STORE, text);
    free(text);
    free(path);
}

void depot_mount(struct depot *depot, enum depot_place place)
{
    char *path = path_of(depot, place);
    store_seam_refuse(path, ERR_NONE, "");
    free(path);
}

char *depot_unmark(struct depot *depot, enum depot_place place)
{
    char uuid[37] = "";
    bool absent = true;
    OK(store_identify(depot->stores[place], uuid, &absent, &depot->err));
    ck_assert(!absent);
    memory_store_drop(depot->stores[place], KEYS_MARK);
    return memory_strdup(uuid);
}

void depot_mark(struct depot *depot, enum depot_place place, const char *uuid)
{
    char mark[37];
    snprintf(mark, sizeof mark, "%s", uuid);
    memory_store_drop(depot->stores[place], KEYS_MARK);
    OK(store_mark(depot->stores[place], mark, &depot->err));
}

bool depot_killed(struct depot *depot, enum depot_place place, unsigned n, bool did,
                  void (*run)(void))
{
    int status = 0;
    depot_close(depot); /* SQLite does not survive a fork */
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) {
        depot_reopen(depot);
        memory_store_kill(depot->stores[place], MEMORY_ANY, n, did);
        run();
        _exit(0);
    }
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    memory_store_heal(depot->stores[place]);
    depot_reopen(depot);
    ck_assert(WIFSIGNALED(status) || WEXITSTATUS(status) == 0);
    return WIFSIGNALED(status);
}

/* ---- backups ---- */

const char *depot_id(unsigned n)
{
    static char ids[8][ULID_SIZE];
    static unsigned next;
    char *id = ids[next++ % 8];
    /* Younger ones sort behind older ones, as ids do. */
    snprintf(id, ULID_SIZE, "01JDEP0T00%016u", 1000 - n);
    return id;
}

static void fill(const struct depot *depot, unsigned n, const struct depot_backup *backup,
                 struct catalog_artifact *artifact)
{
    char sum[SHA256_HEX] = "";
    memset(sum, 'a' + (int)(n % 6), sizeof sum - 1);
    catalog_artifact_init(artifact);
    snprintf(artifact->id, sizeof artifact->id, "%s", depot_id(n));
    artifact->seq = 1000 - (int64_t)n;
    memory_replace(&artifact->job, backup->job ? backup->job : "nightly");
    memory_replace(&artifact->source, "shop");
    memory_replace(&artifact->database, backup->database ? backup->database : "shop");
    memory_replace(&artifact->type, *artifact->database ? "full" : "globals");
    memory_replace(&artifact->format, "plain");
    memory_replace(&artifact->compression, "gzip");
    artifact->level = 6;
    artifact->status = CATALOG_COMPLETE;
    artifact->time = backup->time ? backup->time : depot->now - (int64_t)n * DEPOT_DAY;
    artifact->started = artifact->time;
    artifact->finished = artifact->time + 60;
    artifact->duration_ms = 60000;
    artifact->tries = 1;
    artifact->stored_bytes = backup->bytes ? backup->bytes : DEPOT_BYTES;
    artifact->raw_bytes = 10 * artifact->stored_bytes;
    memory_replace(&artifact->sha256, sum);
    memory_replace(&artifact->raw_sha256, sum);
    if (backup->table)
        catalog_pairs_add(&artifact->filters, "--table", backup->table);
    catalog_artifact_add_table(artifact, "public", "orders", 12, 900);
    artifact->table_count = 1;
    artifact->row_count = 12;
}

static struct keys_artifact names_of(const struct catalog_artifact *artifact)
{
    return (struct keys_artifact){.source = artifact->source,
                                  .database = artifact->database,
                                  .type = artifact->type,
                                  .format = artifact->format,
                                  .compression = artifact->compression,
                                  .id = artifact->id,
                                  .started = artifact->started};
}

static void put(struct depot *depot, struct store *store, const char *key, const char *text)
{
    OK(store_put(store, key, text, strlen(text), &depot->err));
}

enum { MANIFEST = 1, DATA = 2, INDEX = 4, STATE = 8 };

static void put_objects(struct depot *depot, struct store *store,
                        const struct catalog_artifact *artifact, unsigned parts)
{
    char data[DEPOT_BYTES + 1] = "", index[] = "an index";
    struct manifest_facts facts;
    struct keys_artifact of = names_of(artifact);
    memset(data, 'x', DEPOT_BYTES);
    manifest_facts_init(&facts);
    facts.key = keys_data(&of);
    facts.index_key = keys_index(&of);
    facts.index_bytes = strlen(index);
    facts.index_sha256 = memory_strdup(artifact->sha256);
    facts.chunks = 1;
    manifest_facts_add_part(&facts, artifact->stored_bytes);
    if ((parts & DATA) != 0)
        put(depot, store, facts.key, data);
    if ((parts & INDEX) != 0)
        put(depot, store, facts.index_key, index);
    char *manifest = manifest_text(artifact, &facts), *key = keys_manifest(artifact->id);
    if ((parts & MANIFEST) != 0)
        put(depot, store, key, manifest);
    free(key);
    free(manifest);
    manifest_facts_release(&facts);
}

static void add_copy(struct depot *depot, const struct catalog_artifact *artifact,
                     int64_t store)
{
    struct keys_artifact of = names_of(artifact);
    struct catalog_copy copy = {.store_id = store,
                                .key = keys_data(&of),
                                .index_key = keys_index(&of),
                                .bytes = artifact->stored_bytes,
                                .completed = artifact->finished};
    bool existed = false;
    memcpy(copy.artifact, artifact->id, ULID_SIZE);
    OK(catalog_copy_import(depot->catalog, &copy, &existed, &depot->err));
    ck_assert(!existed);
    catalog_copy_release(&copy);
}

void depot_backup(struct depot *depot, unsigned n, const struct depot_backup *backup)
{
    static const struct depot_backup plain = {0};
    const struct depot_backup *of = backup ? backup : &plain;
    unsigned stores = of->stores ? of->stores : DEPOT_BOTH;
    struct catalog_artifact artifact;
    bool existed = false;
    fill(depot, n, of, &artifact);
    if (!of->unknown)
        OK(catalog_artifact_import(depot->catalog, &artifact, &existed, &depot->err));
    for (enum depot_place place = 0; place < DEPOT_PLACES; place++) {
        if ((stores & DEPOT_AT(place)) == 0)
            continue;
        put_objects(depot, depot->stores[place], &artifact, MANIFEST | DATA | INDEX);
        if (!of->unknown)
            add_copy(depot, &artifact, depot->ids[place]);
    }
    catalog_artifact_release(&artifact);
}

void depot_backups(struct depot *depot, unsigned first, unsigned last)
{
    for (unsigned n = first; n <= last; n++)
        depot_backup(depot, n, NULL);
}

void depot_tell(struct depot *depot, unsigned n)
{
    for (enum depot_place place = 0; place < DEPOT_PLACES; place++) {
        struct repository *repository = depot_open(depot, place);
        bool written = false;
        ck_assert_msg(repository != NULL, "%s", depot->err.text);
        OK(state_sync_push(depot->catalog, repository, depot_id(n), &written, &depot->err));
        repository_close(repository);
    }
}

/* By a process that ends in the middle of it. */
static void open_upload(struct depot *depot, struct store *store, const char *key,
                        const char *id)
{
    struct store_upload_spec spec = {.key = key, .id = id};
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0)
        _exit(store_upload_begin(store, &spec, &depot->err) != NULL ? 0 : 1);
    int status = 1;
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert_int_eq(status, 0);
}

static void crash_copy(struct depot *depot, const struct catalog_artifact *artifact,
                       enum depot_place place, const struct depot_crash *crash)
{
    struct store *store = depot->stores[place];
    struct keys_artifact of = names_of(artifact);
    struct catalog_copy copy = {
        .store_id = depot->ids[place], .key = keys_data(&of), .index_key = keys_index(&of)};
    memcpy(copy.artifact, artifact->id, ULID_SIZE);
    OK(catalog_copy_insert(depot->catalog, &copy, &depot->err));
    OK(catalog_copy_begun(depot->catalog, copy.id, NULL, &depot->err));
    if (crash->upload)
        open_upload(depot, store, copy.key, artifact->id);
    put_objects(depot, store, artifact,
                (crash->data ? DATA : 0u) | (crash->index ? INDEX : 0u) |
                    (crash->manifest ? MANIFEST : 0u));
    catalog_copy_release(&copy);
}

void depot_crash(struct depot *depot, unsigned n, const struct depot_crash *crash)
{
    static const struct depot_backup plain = {0};
    const char *owner = crash->owner ? crash->owner : catalogs_dead_owner();
    struct catalog_artifact artifact;
    fill(depot, n, &plain, &artifact);
    OK(catalog_artifact_insert(depot->catalog, &artifact, &depot->err));
    for (enum depot_place place = 0; place < DEPOT_PLACES; place++) {
        if (crash->stores == 0 || (crash->stores & DEPOT_AT(place)) != 0)
            crash_copy(depot, &artifact, place, crash);
    }
    if (*owner != '\0')
        catalogs_sqlf(
            &depot->catalogs,
            "UPDATE artifacts SET owner = '%s' WHERE id = '%s';"
            "UPDATE copies SET owner = '%s' WHERE artifact = (SELECT number FROM artifacts "
            "WHERE id = '%s')",
            owner, artifact.id, owner, artifact.id);
    catalog_artifact_release(&artifact);
}

char *depot_key(const struct depot *depot, unsigned n, const char *what)
{
    static const struct depot_backup plain = {0};
    struct catalog_artifact artifact;
    fill(depot, n, &plain, &artifact);
    struct keys_artifact of = names_of(&artifact);
    char *key = strcmp(what, "manifest") == 0 ? keys_manifest(artifact.id)
                : strcmp(what, "state") == 0  ? keys_state(artifact.id)
                : strcmp(what, "index") == 0  ? keys_index(&of)
                                              : keys_data(&of);
    catalog_artifact_release(&artifact);
    return key;
}

/* ---- what is there ---- */

unsigned depot_number(const char *id)
{
    return 1000 - (unsigned)strtoul(id + 10, NULL, 10);
}

static int see(void *context, const struct store_object *object, struct err *err)
{
    unsigned *found = context;
    char id[ULID_SIZE];
    enum keys_kind kind = keys_parse(object->key, id);
    unsigned part = kind == KEYS_KIND_MANIFEST ? MANIFEST
                    : kind == KEYS_KIND_DATA   ? DATA
                    : kind == KEYS_KIND_INDEX  ? INDEX
                    : kind == KEYS_KIND_STATE  ? STATE
                                               : 0u;
    (void)err;
    if (part != 0 && depot_number(id) < NUMBERS)
        found[depot_number(id)] |= part;
    return 0;
}

static char *joined(struct strlist *list)
{
    struct text text;
    text_init(&text, 1 << 16);
    for (size_t i = 0; i < list->count; i++)
        text_addf(&text, "%s%s", i > 0 ? " " : "", list->items[i]);
    strlist_release(list);
    return text.data; /* the caller's now */
}

char *depot_lies(const struct depot *depot, enum depot_place place)
{
    static const char *const parts[] = {"manifest", "data", "index", "state"};
    unsigned found[NUMBERS] = {0};
    struct strlist list = {0};
    struct err err = {0};
    ck_assert_msg(store_list(depot->stores[place], "", see, found, &err) == 0, "%s",
                  err.text);
    for (unsigned n = 0; n < NUMBERS; n++) {
        struct text text;
        if (found[n] == 0)
            continue;
        text_init(&text, 1000);
        text_addf(&text, "%u", n);
        if ((found[n] | STATE) != (MANIFEST | DATA | INDEX | STATE)) {
            for (unsigned i = 0, some = 0; i < 4; i++) {
                if ((found[n] & 1u << i) != 0)
                    text_addf(&text, "%s%s", some++ > 0 ? "," : "(", parts[i]);
            }
            text_add(&text, ")");
        }
        strlist_add(&list, text.data);
        text_release(&text);
    }
    return joined(&list);
}

char *depot_known(struct depot *depot, enum depot_place place)
{
    struct catalog_copies copies = {0};
    struct strlist list = {0};
    struct catalog_copy_filter filter = {.store_id = depot->ids[place]};
    struct err err = {0};
    if (depot->ids[place] == 0)
        return memory_strdup("");
    ck_assert_msg(catalog_copies_list(depot->catalog, &filter, &copies, &err) == 0, "%s",
                  err.text);
    /* By id: the oldest first. */
    for (size_t i = copies.count; i-- > 0;) {
        const struct catalog_copy *copy = &copies.items[i];
        strlist_addf(&list, "%u%s%s", depot_number(copy->artifact),
                     copy->state == CATALOG_COPY_COMPLETE ? "" : ":",
                     copy->state == CATALOG_COPY_COMPLETE
                         ? ""
                         : catalog_copy_state_name(copy->state));
    }
    catalog_copies_release(&copies);
    return joined(&list);
}

void depot_assert(struct depot *depot, enum depot_place place, const char *numbers)
{
    char *lies = depot_lies(depot, place), *known = depot_known(depot, place);
    ck_assert_msg(strcmp(lies, numbers) == 0, "in store \"%s\" lies %s and not %s",
                  names[place], lies, numbers);
    ck_assert_msg(strcmp(known, numbers) == 0, "of store \"%s\" is known %s and not %s",
                  names[place], known, numbers);
    free(lies);
    free(known);
}

void depot_assert_settled(struct depot *depot, enum depot_place place)
{
    char *known = depot_known(depot, place);
    depot_assert(depot, place, known);
    free(known);
}

int64_t depot_copy(struct depot *depot, unsigned n, enum depot_place place)
{
    struct catalog_copy copy = {0};
    OK(catalog_copy_find(depot->catalog, depot_id(n), depot->ids[place], &copy,
                         &depot->err));
    ck_assert_msg(copy.id != 0, "no copy of %u in %s", n, names[place]);
    int64_t id = copy.id;
    catalog_copy_release(&copy);
    return id;
}
