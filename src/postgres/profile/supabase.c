/*
 * The lists follow what Supabase's own tool leaves out of its dump of rows: what is in neither its
 * dump of definitions nor in that of rows is not dumped here either. Of schemas of which it dumps
 * rows alone (auth, storage ...) definitions are dumped, too: so the backup also restores into a
 * plain PostgreSQL, where they are missing; a restore into a project leaves them to the project.
 */
#include "postgres/profile/supabase.h"

#include <ctype.h>
#include <fnmatch.h>

enum { REFERENCE = 20 };

/* ---- not dumped ---- */

/* Content of the platform's services, which each project makes by itself. */
const char *const supabase_schemas_not_dumped[] = {"_analytics",
                                                   "_realtime",
                                                   "_supavisor",
                                                   "etl",
                                                   "graphql",
                                                   "graphql_public",
                                                   "pgbouncer",
                                                   "pgsodium",
                                                   "pgsodium_masks",
                                                   "pgtle",
                                                   "realtime",
                                                   "repack",
                                                   "tiger",
                                                   "tiger_data",
                                                   "timescaledb_*",
                                                   "_timescaledb_*",
                                                   "topology",
                                                   "vault",
                                                   NULL};

/* Which migrations of its own the platform has made of these schemas, and what only it may write:
 * rows of another project would be a lie. */
const char *const supabase_tables_without_rows[] = {
    "auth.schema_migrations",  "storage.migrations",     "supabase_functions.migrations",
    "storage.buckets_vectors", "storage.vector_indexes", NULL};

/* In brackets where a sentence goes on: one without its comma would be part of the next. */
const char *const supabase_left_out[] = {
    ("schemas of the platform: _analytics, _realtime, _supavisor, etl, graphql, "
     "graphql_public, pgbouncer, pgsodium, pgsodium_masks, pgtle, realtime, repack, tiger, "
     "tiger_data, timescaledb, topology, vault"),
    ("rows of auth.schema_migrations, storage.migrations, supabase_functions.migrations, "
     "storage.buckets_vectors, storage.vector_indexes"),
    NULL};

const char *const supabase_elsewhere[] = {
    ("files of storage: only their rows in storage.objects are here; copy the buckets by "
     "the project's S3 endpoint"),
    "secrets of the vault, and the root key that reads them",
    "passwords of roles: set them again after a restore",
    "settings of the project outside of its database (auth providers, functions, domains)",
    NULL};

/* ---- there already ---- */

/* Beside those that are not dumped. */
static const char *const schemas_of_platform[] = {
    "auth", "storage", "supabase_functions", "extensions", "cron", "dbdev",
    "net",  "pgmq",    "graphql*",           NULL};

static const char *const schemas_kept_back[] = {"supabase_migrations", NULL};

static const char *const roles_of_platform[] = {"anon",
                                                "authenticated",
                                                "authenticator",
                                                "cli_login_*",
                                                "dashboard_user",
                                                "pgbouncer",
                                                "postgres",
                                                "service_role",
                                                "supabase_*",
                                                "pgsodium_keyholder",
                                                "pgsodium_keyiduser",
                                                "pgsodium_keymaker",
                                                "pgtle_admin",
                                                NULL};

static const char *const extensions_of_platform[] = {
    "pg_graphql", "pg_net",         "pgsodium", "supabase_vault",
    "pg_tle",     "supabase-dbdev", "wrappers", NULL};

static const char *const publications_of_platform[] = {"supabase_realtime*", NULL};

static bool is_in(const char *const *list, const char *name)
{
    while (*list != NULL && fnmatch(*list, name, 0) != 0)
        list++;
    return *list != NULL;
}

bool supabase_owns_schema(const char *schema)
{
    return is_in(schemas_of_platform, schema) || is_in(supabase_schemas_not_dumped, schema);
}

bool supabase_keeps_back(const char *schema)
{
    return is_in(schemas_kept_back, schema);
}

bool supabase_owns_role(const char *role)
{
    return is_in(roles_of_platform, role);
}

bool supabase_owns_extension(const char *extension)
{
    return is_in(extensions_of_platform, extension);
}

bool supabase_owns_publication(const char *publication)
{
    return is_in(publications_of_platform, publication);
}

/* ---- addresses ---- */

const char *supabase_reference(const char *host)
{
    if (host == NULL || !text_starts_with(host, "db."))
        return NULL;
    const char *reference = host + 3;
    for (size_t i = 0; i < REFERENCE; i++)
        if (!islower((unsigned char)reference[i]))
            return NULL;
    return strcmp(reference + REFERENCE, ".supabase.co") == 0 ||
                   strcmp(reference + REFERENCE, ".supabase.red") == 0
               ? reference
               : NULL;
}

enum supabase_address supabase_address(const char *host, const char *port)
{
    /* Whose name ends so is the platform's: nobody else gets one there. */
    if (host == NULL ||
        !(text_ends_with(host, ".supabase.com") || text_ends_with(host, ".supabase.co") ||
          text_ends_with(host, ".supabase.red")))
        return SUPABASE_NOT;
    if (port != NULL && strcmp(port, "6543") == 0)
        return SUPABASE_TRANSACTION;
    return supabase_reference(host) != NULL ? SUPABASE_DIRECT : SUPABASE_SESSION;
}

const char *supabase_address_name(enum supabase_address address)
{
    static const char *const names[] = {
        [SUPABASE_NOT] = "no address of Supabase",
        [SUPABASE_DIRECT] =
            "the server itself (IPv6, unless the project has the IPv4 add-on)",
        [SUPABASE_SESSION] = "the pooler in session mode",
        [SUPABASE_TRANSACTION] = "the pooler in transaction mode",
    };
    return names[address];
}

bool supabase_is_meant(enum source_profile profile, const char *host)
{
    if (profile != PROFILE_AUTO)
        return profile == PROFILE_SUPABASE;
    return supabase_address(host, NULL) != SUPABASE_NOT;
}
