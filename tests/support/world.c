#define _GNU_SOURCE /* realpath */
#include "tests/support/world.h"

#include "base/clock.h"
#include "base/digest.h"
#include "base/memory.h"
#include "catalog/artifact_list.h"
#include "catalog/leases.h"
#include "repository/manifest.h"
#include "tests/support/store_seam.h"

#include <check.h>
#include <signal.h>
#include <stdlib.h>

static const char *const stores[] = {"nas", "offsite", "third"};
enum { STORES = sizeof stores / sizeof *stores, PART = 1000, TEXT_MAX = 1 << 16 };

#define OK(call) ck_assert_msg((call) == 0, "%s", world->err.text)

/* ---- from the configuration to the catalog ---- */

static const char *or_nothing(const char *text)
{
    return text != NULL ? text : "";
}

/* "@/" becomes the folder of the test. */
static void add_placed(struct text *out, const char *text, const char *folder)
{
    for (; *text != '\0'; text++) {
        if (text[0] == '@' && text[1] == '/')
            text_add(out, folder);
        else
            text_add_char(out, *text);
    }
}

static void add_configuration(struct text *out, const struct world *world,
                              const struct world_spec *spec)
{
    char *programs = realpath("tests/support/fake_pg_dump", NULL);
    const char *job = or_nothing(spec->job);
    ck_assert_msg(programs != NULL, "tests/support/fake_pg_dump is not below here");
    text_addf(out, "catalog = \"%s\"; pg_bin_dir = \"%s\"; log_level = \"warning\";\n",
              world->catalogs.path, programs);
    add_placed(out, or_nothing(spec->top), world->catalogs.folder);
    text_add(out, "\nsources: { shop: { conninfo = \"host=db.internal dbname=shop "
                  "user=keeper password=hunter2\";\n");
    text_add(out, or_nothing(spec->source));
    text_add(out, "}; };\nstores: {\n"
                  "nas: { type = \"dir\"; path = \"/memory/nas\"; };\n"
                  "offsite: { type = \"s3\"; bucket = \"offsite\"; region = \"x\"; "
                  "access_key = \"k\"; secret_key = \"s\"; };\n"
                  "third: { type = \"dir\"; path = \"/memory/third\"; };\n");
    add_placed(out, or_nothing(spec->stores), world->catalogs.folder);
    text_add(out, "};\njobs: { nightly: { source = \"shop\"; ");
    if (strstr(job, "stores") == NULL)
        text_add(out, "stores = [ \"nas\", \"offsite\" ]; ");
    if (strstr(job, "compress") == NULL)
        text_add(out, "compress = \"none\"; ");
    text_addf(out, "%s };\n%s };\n", job, or_nothing(spec->jobs));
    free(programs);
}

static void load_settings(struct world *world, const char *path,
                          const struct world_spec *spec)
{
    static const char *const commands[] = {"backup"};
    struct config_args args;
    struct strlist words = {0};
    strlist_add(&words, "pgkeep");
    strlist_addf(&words, "--config=%s", path);
    strlist_add(&words, "backup");
    for (size_t i = 0; spec->words[i] != NULL; i++)
        strlist_add(&words, spec->words[i]);
    struct config_args_line line = {(int)words.count, strlist_argv(&words), commands, 1};
    OK(config_args_parse(&args, &line, &world->err));
    OK(settings_load(&world->settings, &args, &world->err));
    config_args_release(&args);
    strlist_release(&words);
}

/* What the user of this machine has set is not of this world. */
static void clear_environment(void)
{
    static const char *const names[] = {"PGKEEP_CATALOG", "PGHOST",  "PGPORT",
                                        "PGDATABASE",     "PGUSER",  "PGPASSWORD",
                                        "PGSERVICE",      "FAKE_PG", "PGOPTIONS"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        unsetenv(names[i]);
    world_programs("pg_dump", NULL);
    world_programs("pg_dumpall", NULL);
    world_programs("psql", NULL);
    world_programs("pg_restore", NULL);
}

void world_begin(struct world *world, const struct world_spec *spec)
{
    static const struct store_part_rules rules = {.min_size = PART, .max_size = PART};
    static const struct world_spec plain = {0};
    char path[SCRATCH_SIZE];
    struct text text;
    *world = (struct world){0};
    (void)signal(SIGPIPE, SIG_IGN); /* as main does */
    log_setup(LOG_LEVEL_WARNING, LOG_FORMAT_TEXT);
    clear_environment();
    catalogs_begin(&world->catalogs);
    world->catalog = world->catalogs.catalog;
    if (spec == NULL)
        spec = &plain;
    text_init(&text, TEXT_MAX);
    add_configuration(&text, world, spec);
    scratch_file(path, text.data);
    text_release(&text);
    load_settings(world, path, spec);
    (void)store_seam_place("/memory/nas", &rules);
    (void)store_seam_place("offsite", &rules);
    (void)store_seam_place("/memory/third", &rules);
    fake_libpq_serve(150000, 100000);
}

void world_end(struct world *world)
{
    free(world->checked.message);
    free(world->checked.store);
    backup_results_release(&world->backups);
    catalog_artifact_release(&world->artifact);
    free(world->store);
    free(world->database);
    strlist_release(&world->kept);
    strlist_release(&world->told);
    if (world->reading != NULL)
        (void)session_end(world->reading, OUTCOME_DONE, NULL);
    settings_release(&world->settings);
    catalogs_end(&world->catalogs);
    store_seam_end();
    fake_libpq_reset();
}

struct store *world_store(struct world *world, const char *name)
{
    char *path = memory_format("/memory/%s", name);
    struct store *store = store_seam_find(path);
    (void)world;
    if (store == NULL)
        store = store_seam_find(name);
    ck_assert_msg(store != NULL, "no store %s", name);
    free(path);
    return store;
}

static const char *keep(struct world *world, char *text)
{
    strlist_add(&world->kept, text);
    free(text);
    return world->kept.items[world->kept.count - 1];
}

const char *world_path(struct world *world, const char *path)
{
    struct text text;
    text_init(&text, TEXT_MAX);
    add_placed(&text, path, world->catalogs.folder);
    char *placed = text_take(&text);
    text_release(&text);
    return keep(world, placed);
}

void world_programs(const char *program, const char *words)
{
    char *name = memory_format("FAKE_PG%s%s", program ? "_" : "", or_nothing(program));
    if (words != NULL)
        setenv(name, words, 1);
    else
        unsetenv(name);
    free(name);
}

/* ---- rows and objects ---- */

struct catalog_artifact *world_load(struct world *world, const char *id)
{
    catalog_artifact_release(&world->artifact);
    OK(catalog_artifact_load(world->catalog, id, CATALOG_WITH_COPIES | CATALOG_WITH_TABLES,
                             &world->artifact, &world->err));
    return &world->artifact;
}

enum catalog_status world_status(struct world *world, const char *id)
{
    return world_load(world, id)->status;
}

const struct catalog_copy *world_copy_row(struct world *world, const char *id,
                                          const char *store)
{
    const struct catalog_artifact *artifact = world_load(world, id);
    for (size_t i = 0; i < artifact->copy_count; i++) {
        if (strcmp(artifact->copies[i].store, store) == 0)
            return &artifact->copies[i];
    }
    return NULL;
}

enum catalog_copy_state world_state(struct world *world, const char *id, const char *store)
{
    const struct catalog_copy *copy = world_copy_row(world, id, store);
    return copy != NULL ? copy->state : CATALOG_COPY_STATES;
}

static const char *state_name(enum catalog_copy_state state)
{
    return state == CATALOG_COPY_STATES ? "none" : catalog_copy_state_name(state);
}

const char *world_key(struct world *world, const char *id, enum keys_kind kind)
{
    if (kind == KEYS_KIND_MANIFEST)
        return keep(world, keys_manifest(id));
    if (kind == KEYS_KIND_STATE)
        return keep(world, keys_state(id));
    const struct catalog_artifact *artifact = world_load(world, id);
    struct keys_artifact names = {.source = artifact->source,
                                  .database = artifact->database,
                                  .type = artifact->type,
                                  .format = artifact->format,
                                  .compression = artifact->compression,
                                  .id = artifact->id,
                                  .started = artifact->started};
    return keep(world, kind == KEYS_KIND_INDEX ? keys_index(&names) : keys_data(&names));
}

bool world_has(struct world *world, const char *id, const char *store, enum keys_kind kind)
{
    return memory_store_has(world_store(world, store), world_key(world, id, kind));
}

/* Of data, index and manifest. */
static unsigned count_objects(struct world *world, const char *id, const char *store)
{
    return world_has(world, id, store, KEYS_KIND_DATA) +
           (unsigned)world_has(world, id, store, KEYS_KIND_INDEX) +
           world_has(world, id, store, KEYS_KIND_MANIFEST);
}

void world_assert_state(struct world *world, const char *id, const char *store,
                        enum catalog_copy_state wanted)
{
    ck_assert_str_eq(state_name(world_state(world, id, store)), state_name(wanted));
    unsigned objects = count_objects(world, id, store);
    if (wanted == CATALOG_COPY_COMPLETE)
        ck_assert_uint_eq(objects, 3);
    if (wanted == CATALOG_COPY_STATES || wanted == CATALOG_COPY_DELETED)
        ck_assert_uint_eq(objects, 0);
}

int64_t world_number(struct world *world, const char *sql)
{
    return catalogs_number(&world->catalogs, sql);
}

void world_sql(struct world *world, const char *sql)
{
    catalogs_sql(&world->catalogs, sql);
}

static void set_owners(struct world *world, const char *owner)
{
    char *sql = memory_format("UPDATE copies SET owner = '%s' WHERE owner IS NOT NULL;"
                              "UPDATE artifacts SET owner = '%s' WHERE owner IS NOT NULL;"
                              "UPDATE leases SET owner = '%s'",
                              owner, owner, owner);
    world_sql(world, sql);
    free(sql);
}

void world_owners_died(struct world *world)
{
    set_owners(world, catalogs_dead_owner());
}

void world_owners_are_elsewhere(struct world *world)
{
    set_owners(world, catalogs_unknown_owner());
}

/* ---- what is always so ---- */

/* What a manifest names is there, and it is what it says. */
static void check_manifest(struct world *world, const char *name, const char *key,
                           const char *id)
{
    struct manifest manifest;
    struct store *store = world_store(world, name);
    unsigned char sum[SHA256_SIZE];
    char hex[SHA256_HEX];
    const struct text *text = memory_store_bytes(store, key);
    OK(manifest_parse(text->data, text->length, id, &manifest, &world->err));
    const struct text *data = memory_store_bytes(store, manifest.facts.key);
    ck_assert_msg(data != NULL, "%s: a manifest, but no data: %s", name, id);
    digest_sha256(data->data, data->length, sum);
    ck_assert_msg(strcmp(digest_hex(sum, sizeof sum, hex), manifest.artifact.sha256) == 0,
                  "%s: a manifest of other data: %s", name, id);
    ck_assert_msg(manifest.facts.index_key == NULL ||
                      memory_store_has(store, manifest.facts.index_key),
                  "%s: a manifest, but no index: %s", name, id);
    manifest_release(&manifest);
}

/* Rows come before deeds. */
static void check_object(struct world *world, const char *name, const char *key)
{
    char id[ULID_SIZE];
    enum keys_kind kind = keys_parse(key, id);
    if (kind == KEYS_KIND_MARK || kind == KEYS_KIND_RECOVERY)
        return;
    const struct catalog_copy *copy = world_copy_row(world, id, name);
    ck_assert_msg(copy != NULL, "%s: nobody knows of %s", name, key);
    /* A state file is of the artifact more than of the copy: a later one finds it. */
    bool clean =
        copy->state == CATALOG_COPY_DELETED ||
        (copy->state == CATALOG_COPY_FAILED && !copy->begun && kind != KEYS_KIND_STATE);
    ck_assert_msg(!clean, "%s: the catalog says that nothing is left: %s", name, key);
    if (kind == KEYS_KIND_MANIFEST &&
        (copy->state == CATALOG_COPY_COMPLETE || copy->state == CATALOG_COPY_UPLOADING ||
         copy->state == CATALOG_COPY_FAILED))
        check_manifest(world, name, key, id);
}

static void check_upload(struct world *world, const char *name,
                         const struct store_pending *pending)
{
    char id[ULID_SIZE];
    if (keys_parse(pending->key, id) == KEYS_KIND_OTHER)
        ck_abort_msg("%s: an upload of %s", name, pending->key);
    if (*id == '\0') /* of the mark, the page */
        return;
    const struct catalog_copy *copy = world_copy_row(world, id, name);
    ck_assert_msg(copy != NULL && copy->begun && copy->state != CATALOG_COPY_COMPLETE,
                  "%s: nobody knows of the upload of %s", name, pending->key);
}

static void check_copy(struct world *world, const char *id,
                       const struct catalog_artifact *artifact,
                       const struct catalog_copy *copy)
{
    bool complete = copy->state == CATALOG_COPY_COMPLETE;
    ck_assert_msg(!complete || artifact->status == CATALOG_COMPLETE,
                  "a complete copy of %s, which is %s", id,
                  catalog_status_name(artifact->status));
    if (!complete)
        return;
    char *name = memory_strdup(copy->store);
    ck_assert_msg(count_objects(world, id, name) == 3,
                  "%s: a complete copy of %s lacks something", name, id);
    free(name);
}

static void check_artifact(struct world *world, const char *id)
{
    size_t complete = 0, count = world_load(world, id)->copy_count;
    enum catalog_status status = world->artifact.status;
    for (size_t i = 0; i < count; i++) {
        const struct catalog_artifact *artifact = world_load(world, id);
        complete += artifact->copies[i].state == CATALOG_COPY_COMPLETE;
        check_copy(world, id, artifact, &artifact->copies[i]);
    }
    for (size_t i = 0; i < STORES; i++)
        ck_assert_msg((status != CATALOG_FAILED && status != CATALOG_CANCELLED) ||
                          !world_has(world, id, stores[i], KEYS_KIND_MANIFEST),
                      "%s: a manifest of %s, which is %s", stores[i], id,
                      catalog_status_name(status));
}

/* Of all rows, oldest first; to be released. */
static struct strlist list_ids(struct world *world)
{
    struct catalog_artifacts all = {0};
    struct catalog_filter filter = {.statuses = (1u << CATALOG_STATUSES) - 1};
    struct strlist ids = {0};
    OK(catalog_artifacts_list(world->catalog, &filter, 0, &all, &world->err));
    for (size_t i = all.count; i-- > 0;)
        strlist_add(&ids, all.items[i].id);
    catalog_artifacts_release(&all);
    return ids;
}

void world_assert_honest(struct world *world)
{
    struct err found = world->err;
    err_clear(&world->err);
    for (size_t i = 0; i < STORES; i++) {
        struct store *store = world_store(world, stores[i]);
        struct store_pending pending;
        for (size_t at = 0; memory_store_key(store, at) != NULL; at++)
            check_object(world, stores[i], memory_store_key(store, at));
        for (size_t at = 0; memory_store_upload(store, at, &pending); at++)
            check_upload(world, stores[i], &pending);
    }
    struct strlist ids = list_ids(world);
    for (size_t i = 0; i < ids.count; i++)
        check_artifact(world, ids.items[i]);
    strlist_release(&ids);
    world->err = found;
}

void world_assert_settled(struct world *world)
{
    world_assert_honest(world);
    for (size_t i = 0; i < STORES; i++)
        ck_assert_msg(memory_store_open_uploads(world_store(world, stores[i])) == 0,
                      "%s: an upload is open", stores[i]);
    ck_assert_int_eq(
        world_number(world, "SELECT count(*) FROM artifacts WHERE status = 'running'"), 0);
    ck_assert_int_eq(world_number(world,
                                  "SELECT count(*) FROM copies WHERE state = 'uploading'"
                                  " OR (state = 'failed' AND begun)"),
                     0);
    /* A lease is in force while its owner lives. */
    OK(catalog_leases_purge(world->catalog, clock_now(), &world->err));
    ck_assert_int_eq(world_number(world, "SELECT count(*) FROM leases"), 0);
}
