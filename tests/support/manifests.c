#include "tests/support/manifests.h"

#include "repository/keys.h"
#include "repository/manifest.h"
#include "base/digest.h"
#include "base/memory.h"

enum { TABLES = 20 };

void manifests_id(unsigned n, char id[ULID_SIZE])
{
    snprintf(id, ULID_SIZE, "01HF7YAT00%016u", n % 100000000);
}

static void fill(struct catalog_artifact *artifact, unsigned n, char hash_of)
{
    char sum[SHA256_HEX] = "";
    memset(sum, hash_of, sizeof sum - 1);
    catalog_artifact_init(artifact);
    manifests_id(n, artifact->id);
    artifact->seq = 100 + n;
    memory_replace(&artifact->job, "generated");
    memory_replace(&artifact->source, "shop");
    memory_replace(&artifact->database, "shop");
    memory_replace(&artifact->type, "full");
    memory_replace(&artifact->format, "plain");
    memory_replace(&artifact->compression, "gzip");
    artifact->level = 1;
    artifact->status = CATALOG_COMPLETE;
    artifact->time = artifact->started = artifact->finished =
        MANIFESTS_FIRST_TIME + INT64_C(3600) * n;
    artifact->tries = 1;
    artifact->raw_bytes = 10 * MANIFESTS_BYTES;
    artifact->stored_bytes = MANIFESTS_BYTES;
    memory_replace(&artifact->sha256, sum);
    memory_replace(&artifact->raw_sha256, sum);
    for (int i = 0; i < TABLES; i++) {
        char table[32];
        snprintf(table, sizeof table, "table_%d", i);
        catalog_artifact_add_table(artifact, "public", table, i, 10);
    }
    artifact->table_count = TABLES;
    artifact->row_count = TABLES * (TABLES - 1) / 2;
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

char *manifests_text(unsigned n, char hash_of)
{
    struct manifest_facts facts;
    struct catalog_artifact artifact;
    fill(&artifact, n, hash_of);
    manifest_facts_init(&facts);
    struct keys_artifact names = names_of(&artifact);
    facts.key = keys_data(&names);
    facts.index_key = keys_index(&names);
    facts.index_bytes = 10;
    facts.index_sha256 = memory_strdup(artifact.sha256);
    facts.chunks = 1;
    manifest_facts_add_part(&facts, artifact.stored_bytes);
    char *text = manifest_text(&artifact, &facts);
    manifest_facts_release(&facts);
    catalog_artifact_release(&artifact);
    return text;
}

char *manifests_data_key(unsigned n)
{
    struct catalog_artifact artifact;
    fill(&artifact, n, 'a');
    struct keys_artifact names = names_of(&artifact);
    char *key = keys_data(&names);
    catalog_artifact_release(&artifact);
    return key;
}
