/*
 * manifests URL COUNT - puts COUNT manifests of backups that never were into a store that
 * has its mark already, for tests of how fast a catalog takes them in. Prints nothing.
 */
#include "backup/access.h"
#include "backup/keys.h"
#include "backup/manifest.h"
#include "base/digest.h"
#include "base/memory.h"
#include "base/parse.h"

#include <pthread.h>
#include <stdatomic.h>

enum { THREADS = 16, TABLES = 20, FIRST_TIME = 1700000000 };

static struct store *store;
static int64_t count;
static atomic_int_fast64_t next;
static atomic_bool failed;

static void id_of(int64_t n, char id[ULID_SIZE])
{
    snprintf(id, ULID_SIZE, "01HF7YAT00%016u", (unsigned)(n % 100000000));
}

static char *document(int64_t n)
{
    struct manifest_facts facts;
    struct catalog_artifact artifact;
    char sum[SHA256_HEX];
    manifest_facts_init(&facts);
    catalog_artifact_init(&artifact);
    id_of(n, artifact.id);
    memset(sum, 'a', sizeof sum - 1);
    sum[sizeof sum - 1] = '\0';
    artifact.seq = 100 + n;
    memory_replace(&artifact.job, "generated");
    memory_replace(&artifact.source, "shop");
    memory_replace(&artifact.database, "shop");
    memory_replace(&artifact.type, "full");
    memory_replace(&artifact.format, "plain");
    memory_replace(&artifact.compression, "gzip");
    artifact.level = 1;
    artifact.status = CATALOG_COMPLETE;
    artifact.time = artifact.started = artifact.finished = FIRST_TIME + 3600 * n;
    artifact.tries = 1;
    artifact.raw_bytes = 1000;
    artifact.stored_bytes = 100;
    artifact.sha256 = memory_strdup(sum);
    artifact.raw_sha256 = memory_strdup(sum);
    for (int i = 0; i < TABLES; i++) {
        char table[32];
        snprintf(table, sizeof table, "table_%d", i);
        catalog_artifact_add_table(&artifact, "public", table, i, 10);
    }
    artifact.table_count = TABLES;
    artifact.row_count = TABLES * (TABLES - 1) / 2;
    struct keys_artifact names = {.source = artifact.source,
                                  .database = artifact.database,
                                  .type = artifact.type,
                                  .format = artifact.format,
                                  .compression = artifact.compression,
                                  .id = artifact.id,
                                  .started = artifact.started};
    facts.key = keys_data(&names);
    facts.index_key = keys_index(&names);
    facts.index_bytes = 10;
    facts.index_sha256 = memory_strdup(sum);
    facts.chunks = 1;
    manifest_facts_add_part(&facts, artifact.stored_bytes);
    char *text = manifest_text(&artifact, &facts);
    manifest_facts_release(&facts);
    catalog_artifact_release(&artifact);
    return text;
}

static void *work(void *context)
{
    (void)context;
    for (int64_t n = atomic_fetch_add(&next, 1); n < count && !atomic_load(&failed);
         n = atomic_fetch_add(&next, 1)) {
        struct err err = {0};
        char id[ULID_SIZE];
        id_of(n, id);
        char *key = keys_manifest(id);
        char *text = document(n);
        if (store_put(store, key, text, strlen(text), true, &err) < 0) {
            fprintf(stderr, "manifests: %s\n", err.text);
            atomic_store(&failed, true);
        }
        free(text);
        free(key);
    }
    return NULL;
}

static int run(const char *url, struct err *err)
{
    pthread_t threads[THREADS];
    struct store_settings settings = {0};
    int result = store_settings_from_url(url, &settings, err);
    if (result == 0)
        result = store_settings_resolve(&settings, err);
    if (result == 0)
        store = access_store(&settings, err);
    for (int i = 0; store && i < THREADS; i++) {
        if (pthread_create(&threads[i], NULL, work, NULL) != 0)
            abort();
    }
    for (int i = 0; store && i < THREADS; i++)
        (void)pthread_join(threads[i], NULL);
    bool good = store != NULL && !atomic_load(&failed);
    store_close(store);
    store_settings_release(&settings);
    return good ? 0 : -1;
}

int main(int argc, char **argv)
{
    struct err err = {0};
    if (argc != 3 || parse_int(argv[2], 1, 1000000, &count, &err) < 0) {
        fprintf(stderr, "usage: manifests URL COUNT\n");
        return 2;
    }
    int result = s3_global_init(&err);
    if (result == 0)
        result = run(argv[1], &err);
    if (result < 0 && err.kind != ERR_NONE)
        fprintf(stderr, "manifests: %s\n", err.text);
    s3_global_release();
    return result < 0;
}
