#include "tests/support/depot.h"

#include "base/clock.h"
#include "base/digest.h"
#include "base/memory.h"
#include "catalog/artifacts.h"
#include "catalog/copies.h"
#include "catalog/stores.h"
#include "repository/keys.h"
#include "repository/manifest.h"

#include <check.h>

static const char *const names[DEPOT_PLACES] = {"nas", "offsite"};
enum { NUMBERS = 60 }; /* the highest that is looked for */

#define OK(call) ck_assert_msg((call) == 0, "%s", depot->err.text)

/* ---- a machine ---- */

static char *config_text(const struct depot *depot, const struct depot_spec *spec)
{
    return memory_format(
        "catalog = \"%s\";\n"
        "sources: { shop: { conninfo = \"dbname=shop\"; }; };\n"
        "stores: { nas: { type = \"dir\"; path = \"%s/nas\"; };\n"
        "          offsite: { type = \"dir\"; path = \"%s/offsite\"; }; };\n"
        "policies: { one: { %s }; %s };\n"
        "jobs: { nightly: { source = \"shop\"; stores = [ \"nas\", \"offsite\" ];\n"
        "                   retention = \"one\"; %s }; };\n",
        depot->catalogs.path, depot->place, depot->place, spec->policy ? spec->policy : "",
        spec->policies ? spec->policies : "", spec->job ? spec->job : "");
}

static void load_settings(struct depot *depot, const struct depot_spec *spec)
{
    char path[SCRATCH_SIZE], program[] = "pgkeep", command[] = "list";
    static const char *const commands[] = {"list"};
    char *text = config_text(depot, spec);
    scratch_file(path, text);
    char *option = memory_format("--config=%s", path);
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

void depot_begin(struct depot *depot, const struct depot_spec *spec)
{
    *depot = (struct depot){.now = clock_now()};
    scratch_folder(depot->place);
    for (enum depot_place place = 0; place < DEPOT_PLACES; place++) {
        char *path = memory_format("%s/%s", depot->place, names[place]);
        depot->stores[place] = store_open_dir(names[place], path, &depot->err);
        ck_assert_ptr_nonnull(depot->stores[place]);
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

void depot_end(struct depot *depot)
{
    settings_release(&depot->settings);
    catalogs_end(&depot->catalogs);
    if (depot->joined)
        return;
    for (enum depot_place place = 0; place < DEPOT_PLACES; place++)
        store_close(depot->stores[place]);
    scratch_remove(depot->place);
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
    memory_replace(&artifact->type, "full");
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
    OK(store_put(store, key, text, strlen(text), true, &depot->err));
}

static void put_objects(struct depot *depot, struct store *store,
                        const struct catalog_artifact *artifact)
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
    put(depot, store, facts.key, data);
    put(depot, store, facts.index_key, index);
    char *manifest = manifest_text(artifact, &facts), *key = keys_manifest(artifact->id);
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
        put_objects(depot, depot->stores[place], &artifact);
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

static unsigned number_of(const char *id)
{
    return 1000 - (unsigned)strtoul(id + 10, NULL, 10);
}

enum { MANIFEST = 1, DATA = 2, INDEX = 4, STATE = 8 };

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
    if (part != 0 && number_of(id) < NUMBERS)
        found[number_of(id)] |= part;
    return 0;
}

static char *joined(struct strlist *list)
{
    struct text text;
    text_init(&text, 1 << 16);
    for (size_t i = 0; i < list->count; i++)
        text_addf(&text, "%s%s", i > 0 ? " " : "", list->items[i]);
    strlist_release(list);
    return text_take(&text);
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
    ck_assert_msg(catalog_copies_list(depot->catalog, &filter, &copies, &err) == 0, "%s",
                  err.text);
    /* By id: the oldest first. */
    for (size_t i = copies.count; i-- > 0;) {
        const struct catalog_copy *copy = &copies.items[i];
        strlist_addf(&list, "%u%s%s", number_of(copy->artifact),
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

int64_t depot_copy(struct depot *depot, unsigned n, enum depot_place place)
{
    struct catalog_copy copy = {0};
    bool absent = true;
    OK(catalog_copy_find(depot->catalog, depot_id(n), depot->ids[place], &copy, &absent,
                         &depot->err));
    ck_assert_msg(!absent, "no copy of %u in %s", n, names[place]);
    int64_t id = copy.id;
    catalog_copy_release(&copy);
    return id;
}
