/*
 * Two moments. Before the dump: what the settings and the server say, which is all that a
 * failed backup will ever have. After it: what really came, from the stream alone.
 */
#include "backup/backup_facts.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "catalog/artifact_list.h"

#include <unistd.h>

/* Every pattern under the name of its key, or of its option where the command line gave it:
 * that tells a regular backup from one that somebody cut down by hand (catalog/db/pairs.h). */
static void add_filters(const struct backup_artifact *spec,
                        struct catalog_artifact *artifact)
{
    const struct dump_filters *filters = &spec->source->filters;
    const struct {
        const char *key;
        const struct strlist *patterns;
    } lists[] = {
        {"schemas", &filters->schemas},
        {"exclude_schemas", &filters->exclude_schemas},
        {"tables", &filters->tables},
        {"exclude_tables", &filters->exclude_tables},
        {"exclude_table_data", &filters->exclude_table_data},
    };
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
        const struct option *option = option_find(OPTION_SOURCE, lists[i].key);
        char *name = settings_is_argument(session_settings(spec->session), option,
                                          spec->source->name)
                         ? memory_format("--%s", option->argument)
                         : memory_strdup(lists[i].key);
        for (size_t j = 0; j < lists[i].patterns->count; j++)
            catalog_pairs_add(&artifact->filters, name, lists[i].patterns->items[j]);
        free(name);
    }
    /* By its name and not by its patterns: the platform changes, and the group is to stay one. */
    if (spec->source->profile == PROFILE_SUPABASE)
        catalog_pairs_add(&artifact->filters, "profile", "supabase");
}

/* What a project's backup holds and what it cannot hold, for who restores it: none of it shows in
 * the dump itself. */
static int add_contents(struct server *server, struct catalog_artifact *artifact,
                        struct err *err)
{
    struct strlist extensions = {0};
    if (server_extensions(server, &extensions, err) < 0)
        return -1;
    for (size_t i = 0; i < extensions.count; i++)
        catalog_pairs_add(&artifact->contents, "extension", extensions.items[i]);
    for (size_t i = 0; supabase_left_out[i] != NULL; i++)
        catalog_pairs_add(&artifact->contents, "left_out", supabase_left_out[i]);
    for (size_t i = 0; supabase_elsewhere[i] != NULL; i++)
        catalog_pairs_add(&artifact->contents, "elsewhere", supabase_elsewhere[i]);
    strlist_release(&extensions);
    return 0;
}

void backup_facts_describe(const struct backup_artifact *spec,
                           struct catalog_artifact *artifact)
{
    bool globals = spec->type == DUMP_GLOBALS;
    char host[256] = "";
    catalog_artifact_init(artifact);
    /* What it is called, and the group that retention counts it in. */
    ulid_new(artifact->id, clock_now_ms());
    memory_replace(&artifact->job,
                   session_settings(spec->session)->adhoc ? "" : spec->job->name);
    memory_replace(&artifact->source, spec->source->name);
    memory_replace(&artifact->database, spec->database);
    memory_replace(&artifact->type, dump_type_name(spec->type));
    /* pg_dumpall writes text only. */
    memory_replace(&artifact->format,
                   dump_format_name(globals ? DUMP_PLAIN : spec->job->format));
    memory_replace(&artifact->compression, codec_name(spec->job->codec.kind));
    artifact->level = codec_effective_level(spec->job->codec);
    artifact->tries = 1;
    artifact->started = artifact->time = clock_now();

    /* What people gave it, and what made it. */
    memory_replace(&artifact->name, spec->name);
    memory_replace(&artifact->description, spec->job->description);
    memory_replace(&artifact->pgkeep_version, PGKEEP_VERSION);
    memory_replace(&artifact->pg_dump_version, spec->programs->version);
    if (gethostname(host, sizeof host - 1) == 0)
        memory_replace(&artifact->hostname, host);
    /* The settings were checked: every tag has its `=`. */
    for (size_t i = 0; i < spec->job->tags.count; i++) {
        const char *tag = spec->job->tags.items[i], *equals = strchr(tag, '=');
        char *name = memory_strndup(tag, (size_t)(equals - tag));
        catalog_pairs_add(&artifact->tags, name, equals + 1);
        free(name);
    }
    if (!globals)
        add_filters(spec, artifact);
}

/* "localhost" and a socket are this machine's; elsewhere they would be another's. */
static bool is_local(const char *host)
{
    return *host == '\0' || *host == '/' || *host == '@' || strcmp(host, "::1") == 0 ||
           strcmp(host, "localhost") == 0 || text_starts_with(host, "127.");
}

static char *origin_of(const char *machine, const char *host, const char *port)
{
    if (!is_local(host))
        return memory_format("%s:%s", host, port);
    return memory_format("%s%s:%s", machine ? machine : "", *host == '/' ? host : "", port);
}

/* How large it will be: as the last good one of its kind, else as the database on disk. */
static int estimate(struct catalog *catalog, struct catalog_artifact *artifact,
                    uint64_t database_size, uint64_t *stored, struct err *err)
{
    struct catalog_filter filter = {.job = artifact->job,
                                    .source = artifact->source,
                                    .database = artifact->database,
                                    .type = artifact->type,
                                    .statuses = 1u << CATALOG_COMPLETE,
                                    .limit = 1};
    struct catalog_artifacts last = {0};
    int result = catalog_artifacts_list(catalog, &filter, 0, &last, err);
    artifact->progress.estimate = database_size;
    *stored = database_size;
    if (result == 0 && last.count > 0) {
        artifact->progress.estimate = last.items[0].raw_bytes;
        *stored = last.items[0].stored_bytes;
    }
    catalog_artifacts_release(&last);
    return result;
}

/* A dump of a part may need what is not in it: whoever restores it alone has to know. Of data
 * alone the definitions are elsewhere anyway. */
static int say_missing(const struct backup_artifact *spec, struct server *server,
                       struct err *err)
{
    enum { SHOWN = 6 };
    struct strlist missing = {0};
    int result =
        spec->type == DUMP_DATA
            ? 0
            : server_missing(server, settings_filters(spec->source), &missing, err);
    struct text names;
    text_init(&names, 1000);
    for (size_t i = 0; i < missing.count && i < SHOWN; i++)
        text_addf(&names, "%s%s", i > 0 ? ", " : "", missing.items[i]);
    if (result == 0 && missing.count > 0)
        log_warning("database \"%s\": what is dumped needs what the filters leave out, and "
                    "restores only where that is: %s%s",
                    spec->database, names.data, missing.count > SHOWN ? ", …" : "");
    text_release(&names);
    strlist_release(&missing);
    return result;
}

/* What the server says of this database, and whether a dump of it would be whole. */
int backup_facts_ask(const struct backup_artifact *spec, struct catalog_artifact *artifact,
                     struct server_properties *properties, uint64_t *stored,
                     struct err *err)
{
    bool globals = spec->type == DUMP_GLOBALS;
    uint64_t size = 0;
    struct server *server = server_connect(spec->conninfo, globals ? NULL : spec->database,
                                           session_cancel(spec->session), err);
    int result = -1;
    if (server == NULL)
        return -1;
    /* Whose data this is: two servers of one name must not prune each other's backups. */
    memory_replace(&artifact->server_version, server_version_text(server));
    free(artifact->origin);
    artifact->origin =
        origin_of(artifact->hostname, server_host(server), server_port(server));
    /* Asked of a whole database only; row security matters where rows are dumped. */
    bool rows = spec->type != DUMP_SCHEMA;
    if (!globals &&
        (server_preflight(server, settings_filters(spec->source), rows, err) < 0 ||
         say_missing(spec, server, err) < 0 || server_size(server, &size, err) < 0 ||
         server_properties(server, properties, err) < 0))
        goto cleanup;
    if (!globals && spec->source->profile == PROFILE_SUPABASE &&
        add_contents(server, artifact, err) < 0)
        goto cleanup;
    result = estimate(session_catalog(spec->session), artifact,
                      spec->type == DUMP_SCHEMA ? 0 : size, stored, err);
cleanup:
    server_free(server);
    return result;
}

void backup_facts_of_stream(struct catalog_artifact *artifact,
                            const struct stream_result *result, int64_t duration_ms)
{
    bool counted = strcmp(artifact->format, dump_format_name(DUMP_PLAIN)) == 0;
    char hex[SHA256_HEX];
    artifact->finished = clock_now();
    artifact->duration_ms = duration_ms;
    artifact->raw_bytes = result->raw_bytes;
    artifact->stored_bytes = result->stored_bytes;
    memory_replace(&artifact->sha256, digest_hex(result->stored_sha256, SHA256_SIZE, hex));
    memory_replace(&artifact->raw_sha256, digest_hex(result->raw_sha256, SHA256_SIZE, hex));
    memory_replace(&artifact->encoding, result->encoding);
    /* The text of a plain dump is read for its tables; a custom archive is not. */
    artifact->row_count = counted ? 0 : CATALOG_UNKNOWN_ROWS;
    for (size_t i = 0; i < result->table_count; i++) {
        const struct stream_table *table = &result->tables[i];
        catalog_artifact_add_table(artifact, table->schema, table->name,
                                   (int64_t)table->rows, table->raw_bytes);
        artifact->row_count += (int64_t)table->rows;
    }
    artifact->table_count = (int64_t)result->table_count;
}
