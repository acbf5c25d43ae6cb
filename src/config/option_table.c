/*
 * option_table - the rows; option.h says what the columns mean.
 *
 * A new option is a row here and a field of its struct; file, environment, command line,
 * help, example and `pgkeep config` follow. Rows stand in the order in which the example and
 * `config` show them: first what one needs first. A default stands here only when it is a
 * constant. Limits are there to catch a slip of the keyboard, not to forbid anything: a limit
 * of 0 is none.
 */
#include "config/option.h"
#include "config/settings.h"

enum { COUNT_MAX = 1000000 };
#define MIB (INT64_C(1) << 20)
#define DAY INT64_C(86400)

/* Where a row's value lies in the struct of its scope. */
#define IN_TOP(field) offsetof(struct settings, field)
#define IN_SOURCE(field) offsetof(struct source_settings, field)
#define IN_STORE(field) offsetof(struct store_settings, field)
#define IN_JOB(field) offsetof(struct job_settings, field)

const struct option option_table[] = {
    /* ---- top level: the machine's, and how much is said ---- */
    {OPTION_TOP, OPTION_PATH, "catalog", NULL, IN_TOP(catalog), .argument = "catalog",
     .commands = "*", .value = "FILE",
     .help = "the SQLite index of all backups (default: /var/lib/pgkeep/catalog.db for "
             "root, $XDG_STATE_HOME/pgkeep/catalog.db for others)",
     .example = "/var/lib/pgkeep/catalog.db"},
    /* The machine's and no source's (CONTRACT-NOTES 14). */
    {OPTION_TOP, OPTION_PATH, "pg_bin_dir", NULL, IN_TOP(pg_bin_dir),
     .help = "folder of pg_dump, pg_restore and psql, looked into before PATH and "
             "/usr/lib/postgresql/*/bin; the server's own major goes before any newer one",
     .example = "/usr/lib/postgresql/17/bin"},
    {OPTION_TOP, OPTION_SIZE, "part_budget", "96MiB", IN_TOP(part_budget), .min = 16 * MIB,
     .max = 65536 * MIB, .help = "memory for parts on their way to the stores",
     .example = "256MiB"},
    /* The words of these three are in the order of their enums. */
    {OPTION_TOP, OPTION_CHOICE, "log_level", "info", IN_TOP(log_level),
     .words = "error|warning|info|debug", .help = "what goes to stderr",
     .example = "warning"},
    {OPTION_TOP, OPTION_CHOICE, "log_format", "text", IN_TOP(log_format),
     .words = "text|json|journal", .argument = "log-format", .commands = "*",
     .help = "form of log lines", .example = "journal"},
    {OPTION_TOP, OPTION_CHOICE, "progress", "auto", IN_TOP(progress),
     .words = "auto|json|none", .argument = "progress", .commands = "*",
     .help = "auto: a live line on a terminal, otherwise a log line every 30 s; json: one "
             "object per second on stderr",
     .example = "none"},

    {OPTION_TOP, OPTION_TEXT, "include_dir", NULL, offsetof(struct settings, include_dir),
     .help = "folder of more files, NAME.conf, that hold sources, stores, policies, "
             "notifiers and jobs; relative to this file",
     .example = "conf.d"},
    {OPTION_TOP, OPTION_BOOL, "editable", "false", offsetof(struct settings, editable),
     .help = "pgkeep may write the files of include_dir (enable, disable)",
     .example = "true"},
    {OPTION_TOP, OPTION_INT, "max_concurrent", "2",
     offsetof(struct settings, max_concurrent), .min = 1, .max = 64,
     .help = "most jobs that `serve` and `run --due` let run at once", .example = "4"},
    {OPTION_TOP, OPTION_SPAN, "stop_grace", "1min", offsetof(struct settings, stop_grace_s),
     .max = DAY,
     .help = "how long `serve` lets runs go on after SIGTERM before it cancels them",
     .example = "10min"},
    {OPTION_TOP, OPTION_LIST, "listen", NULL, offsetof(struct settings, listen),
     .help = "where `serve` answers HTTP: loopback addresses and unix sockets (default: "
             "nowhere)",
     .example = "127.0.0.1:8432|unix:/run/pgkeep/http.sock"},

    /* ---- sources: what libpq and pg_dump are told ----
     * Nothing here has a second way to say the same, so that what libpq knows (PG*, service
     * files, ~/.pgpass) stays libpq's. Filters are pg_dump's own patterns, passed on. */
    {OPTION_SOURCE, OPTION_CONNINFO, "conninfo", NULL, IN_SOURCE(conninfo),
     .flags = OPTION_REQUIRED | OPTION_SHOWN,
     .help = "libpq connection string or URI; what it lacks comes from PG* variables, "
             "service files and ~/.pgpass",
     .example = "host=db.internal dbname=shop user=backup"},
    {OPTION_SOURCE, OPTION_SECRET, "password", NULL, IN_SOURCE(password),
     .help = "password of the role; better kept in ~/.pgpass or a password_file",
     .example = "change-me"},
    {OPTION_SOURCE, OPTION_PATH, "password_file", NULL, IN_SOURCE(password_file),
     .help = "file whose first line is the password",
     .example = "/etc/pgkeep/shop.password"},
    {OPTION_SOURCE, OPTION_VARIABLE, "password_env", NULL, IN_SOURCE(password_env),
     .help = "environment variable that holds the password", .example = "SHOP_PASSWORD"},
    /* What is named must be there; what only a pattern brings in may be left out (27). */
    {OPTION_SOURCE, OPTION_LIST, "databases", NULL, IN_SOURCE(databases),
     .help = "databases to back up, each its own artifact; * and ? match (default: the one "
             "of conninfo)",
     .example = "*"},
    {OPTION_SOURCE, OPTION_LIST, "exclude_databases", NULL, IN_SOURCE(exclude_databases),
     .help = "databases to leave out", .example = "test*|scratch"},
    /* They belong to no database, so they are an artifact of their own (24). */
    {OPTION_SOURCE, OPTION_BOOL, "globals", "false", IN_SOURCE(globals),
     .help = "also back up roles and tablespaces (pg_dumpall --globals-only)",
     .example = "true"},
    {OPTION_SOURCE, OPTION_BOOL, "no_role_passwords", "false", IN_SOURCE(no_role_passwords),
     .argument = "no-role-passwords", .commands = "backup",
     .help =
         "leave the passwords of roles out of globals, for servers that do not show them",
     .example = "true"},
    {OPTION_SOURCE, OPTION_LIST, "schemas", NULL, IN_SOURCE(filters.schemas),
     .argument = "schema", .commands = "backup", .value = "PATTERN",
     .help = "only these schemas (pg_dump's patterns)", .example = "public|sales"},
    {OPTION_SOURCE, OPTION_LIST, "exclude_schemas", NULL,
     IN_SOURCE(filters.exclude_schemas), .argument = "exclude-schema", .commands = "backup",
     .value = "PATTERN", .help = "all schemas but these", .example = "audit"},
    {OPTION_SOURCE, OPTION_LIST, "tables", NULL, IN_SOURCE(filters.tables),
     .argument = "table", .commands = "backup", .value = "PATTERN",
     .help = "only these tables (pg_dump's patterns)", .example = "public.orders*"},
    {OPTION_SOURCE, OPTION_LIST, "exclude_tables", NULL, IN_SOURCE(filters.exclude_tables),
     .argument = "exclude-table", .commands = "backup", .value = "PATTERN",
     .help = "all tables but these", .example = "public.cache_*"},
    {OPTION_SOURCE, OPTION_LIST, "exclude_table_data", NULL,
     IN_SOURCE(filters.exclude_table_data), .argument = "exclude-table-data",
     .commands = "backup", .value = "PATTERN",
     .help = "of these tables only the definition, no rows", .example = "public.sessions"},
    /* In the order of enum source_profile. */
    {OPTION_SOURCE, OPTION_CHOICE, "profile", "auto", IN_SOURCE(profile),
     .words = "auto|none|supabase", .argument = "profile", .commands = "backup doctor",
     .help =
         "what kind of database it is: of a Supabase project the platform's own schemas "
         "are left out and its roles come along (auto: by the host)",
     .example = "supabase"},
    {OPTION_SOURCE, OPTION_NAME, "encoding", NULL, IN_SOURCE(encoding),
     .argument = "encoding", .commands = "backup",
     .help = "character encoding of the dump (default: pg_dump's choice)",
     .example = "UTF8"},
    /* pg_dump waits for its table locks before it has dumped anything: without an end, a
     * forgotten transaction would hold a backup for the whole night. */
    {OPTION_SOURCE, OPTION_SPAN, "lock_wait_timeout", "60s", IN_SOURCE(lock_wait_timeout_s),
     .max = 7 * DAY, .help = "give up when a table stays locked this long (0s: wait)",
     .example = "5min"},
    /* Off by default: a dump that waits for a lock or a sort of the server is silent, too. */
    {OPTION_SOURCE, OPTION_SPAN, "stall_timeout", "0s", IN_SOURCE(stall_timeout_s),
     .max = 7 * DAY, .help = "give up when the dump produces nothing this long (0s: never)",
     .example = "1h"},

    /* ---- stores: also the keys of a store URL's query ----
     * A secret is a plain key, or named by *_env or *_file; settings_check.c says which
     * combinations make sense, and a URL may only name it. */
    /* Which of the keys below a store may have hangs on this one (option_only). */
    {OPTION_STORE, OPTION_CHOICE, "type", NULL, IN_STORE(type), .words = "dir|s3",
     .flags = OPTION_REQUIRED | OPTION_SHOWN, .help = "what kind of place it is"},
    {OPTION_STORE, OPTION_PATH, "path", NULL, IN_STORE(path), .only = OPTION_ONLY_DIR,
     .flags = OPTION_REQUIRED | OPTION_SHOWN, .help = "the folder",
     .example = "/srv/backups"},
    {OPTION_STORE, OPTION_BUCKET, "bucket", NULL, IN_STORE(bucket), .only = OPTION_ONLY_S3,
     .flags = OPTION_REQUIRED | OPTION_SHOWN, .help = "name of the bucket",
     .example = "acme-pg"},
    /* "" is all of the bucket; a slash at its end is added where it lacks. */
    {OPTION_STORE, OPTION_PREFIX, "prefix", "", IN_STORE(prefix), .only = OPTION_ONLY_S3,
     .flags = OPTION_SHOWN, .help = "everything goes below this", .example = "prod/"},
    {OPTION_STORE, OPTION_URL, "endpoint", NULL, IN_STORE(endpoint), .only = OPTION_ONLY_S3,
     .flags = OPTION_SHOWN,
     .help = "http(s)://host[:port][/base] (default: AWS_ENDPOINT_URL_S3, else AWS)",
     .example = "https://s3.eu-central-1.amazonaws.com"},
    {OPTION_STORE, OPTION_TEXT, "region", NULL, IN_STORE(region), .only = OPTION_ONLY_S3,
     .flags = OPTION_SHOWN, .help = "region (default: the AWS chain's, else us-east-1)",
     .example = "eu-central-1"},
    {OPTION_STORE, OPTION_CHOICE, "style", "auto", IN_STORE(style),
     .words = "auto|path|virtual", .only = OPTION_ONLY_S3,
     .help = "bucket in the path or in the host name", .example = "path"},
    /* What many other tools call it; settings join it with "style". */
    {OPTION_STORE, OPTION_BOOL, "path_style", "false", IN_STORE(path_style),
     .only = OPTION_ONLY_S3, .help = "true is short for style = \"path\"",
     .example = "true"},
    {OPTION_STORE, OPTION_TEXT, "provider", NULL, IN_STORE(provider),
     .only = OPTION_ONLY_S3,
     .help = "which service's rules to follow (default: by endpoint, else by its answers)",
     .example = "minio"},
    {OPTION_STORE, OPTION_BOOL, "allow_insecure", "false", IN_STORE(allow_insecure),
     .only = OPTION_ONLY_S3, .help = "allow plain http to another machine",
     .example = "true"},
    {OPTION_STORE, OPTION_PATH, "ca_file", NULL, IN_STORE(ca_file), .only = OPTION_ONLY_S3,
     .help = "PEM certificates to trust instead of the system's",
     .example = "/etc/pgkeep/ca.pem"},
    {OPTION_STORE, OPTION_URL, "proxy", NULL, IN_STORE(proxy), .only = OPTION_ONLY_S3,
     .help = "HTTP proxy (default: the environment's)",
     .example = "http://proxy.internal:3128"},
    {OPTION_STORE, OPTION_TEXT, "profile", NULL, IN_STORE(profile), .only = OPTION_ONLY_S3,
     .help = "profile of ~/.aws/credentials and config", .example = "backup"},
    /* Not given at all, these are found as the AWS tools find them. */
    {OPTION_STORE, OPTION_SECRET, "access_key", NULL, IN_STORE(access_key),
     .only = OPTION_ONLY_S3,
     .help =
         "access key id (default: the AWS chain: AWS_* variables, profile, instance role)",
     .example = "AKIAEXAMPLE"},
    {OPTION_STORE, OPTION_VARIABLE, "access_key_env", NULL, IN_STORE(access_key_env),
     .only = OPTION_ONLY_S3, .help = "environment variable that holds the access key id",
     .example = "MINIO_KEY"},
    {OPTION_STORE, OPTION_PATH, "access_key_file", NULL, IN_STORE(access_key_file),
     .only = OPTION_ONLY_S3, .help = "file whose first line is the access key id",
     .example = "/etc/pgkeep/minio.key"},
    {OPTION_STORE, OPTION_SECRET, "secret_key", NULL, IN_STORE(secret_key),
     .only = OPTION_ONLY_S3, .help = "secret access key", .example = "change-me"},
    {OPTION_STORE, OPTION_VARIABLE, "secret_key_env", NULL, IN_STORE(secret_key_env),
     .only = OPTION_ONLY_S3,
     .help = "environment variable that holds the secret access key",
     .example = "MINIO_SECRET"},
    {OPTION_STORE, OPTION_PATH, "secret_key_file", NULL, IN_STORE(secret_key_file),
     .only = OPTION_ONLY_S3, .help = "file whose first line is the secret access key",
     .example = "/etc/pgkeep/minio.secret"},
    {OPTION_STORE, OPTION_SECRET, "session_token", NULL, IN_STORE(session_token),
     .only = OPTION_ONLY_S3, .help = "session token of temporary credentials",
     .example = "change-me"},
    {OPTION_STORE, OPTION_VARIABLE, "session_token_env", NULL, IN_STORE(session_token_env),
     .only = OPTION_ONLY_S3, .help = "environment variable that holds the session token",
     .example = "MINIO_TOKEN"},
    {OPTION_STORE, OPTION_PATH, "session_token_file", NULL, IN_STORE(session_token_file),
     .only = OPTION_ONLY_S3, .help = "file whose first line is the session token",
     .example = "/etc/pgkeep/minio.token"},
    {OPTION_STORE, OPTION_WORD, "payload_signing", "auto", IN_STORE(payload_signing),
     .words = "auto|always|never", .only = OPTION_ONLY_S3,
     .help = "sign the SHA-256 of bodies; auto: over plain http", .example = "always"},
    {OPTION_STORE, OPTION_TEXT, "storage_class", NULL, IN_STORE(storage_class),
     .only = OPTION_ONLY_S3, .help = "storage class of the data objects",
     .example = "STANDARD_IA"},
    /* Words of the S3 API, sent as they are. */
    {OPTION_STORE, OPTION_WORD, "sse", NULL, IN_STORE(sse),
     .words = "AES256|aws:kms|aws:kms:dsse", .only = OPTION_ONLY_S3,
     .help = "encryption by the service", .example = "AES256"},
    {OPTION_STORE, OPTION_TEXT, "sse_kms_key", NULL, IN_STORE(sse_kms_key),
     .only = OPTION_ONLY_S3, .help = "key id for sse = \"aws:kms\"",
     .example = "alias/backup"},
    {OPTION_STORE, OPTION_PATH, "sse_c_key_file", NULL, IN_STORE(sse_c_key_file),
     .only = OPTION_ONLY_S3, .help = "file with 32 bytes (or their base64) for SSE-C",
     .example = "/etc/pgkeep/sse-c.key"},
    {OPTION_STORE, OPTION_TEXT, "tagging", NULL, IN_STORE(tagging), .only = OPTION_ONLY_S3,
     .help = "object tags, URL-encoded", .example = "team=db&kind=backup"},
    {OPTION_STORE, OPTION_WORD, "object_lock_mode", NULL, IN_STORE(object_lock_mode),
     .words = "GOVERNANCE|COMPLIANCE", .only = OPTION_ONLY_S3,
     .help = "object lock of new objects; needs object_lock", .example = "GOVERNANCE"},
    /* Together with a mode only; 100 years are what S3 takes at most. */
    {OPTION_STORE, OPTION_SPAN, "object_lock", "0d", IN_STORE(object_lock_s),
     .max = 36500 * DAY, .only = OPTION_ONLY_S3,
     .help = "how long new objects are locked; needs object_lock_mode", .example = "30d"},
    {OPTION_STORE, OPTION_BOOL, "legal_hold", "false", IN_STORE(legal_hold),
     .only = OPTION_ONLY_S3, .help = "put new objects under legal hold", .example = "true"},
    /* For services that are not what they seem to be: what the provider's row knows is
     * right for the known ones. */
    {OPTION_STORE, OPTION_INT, "list_version", "0", IN_STORE(list_version), .max = 2,
     .only = OPTION_ONLY_S3, .help = "listing 1 or 2 (0: the provider's)", .example = "1"},
    {OPTION_STORE, OPTION_INT, "max_parts", "0", IN_STORE(max_parts), .max = 10000,
     .only = OPTION_ONLY_S3, .help = "most parts of one upload (0: the provider's)",
     .example = "1000"},
    {OPTION_STORE, OPTION_INT, "max_connections", "0", IN_STORE(max_connections),
     .max = 128, .only = OPTION_ONLY_S3, .help = "most connections at once (0: 16)",
     .example = "4"},
    /* Long enough for a service that restarts, short enough that the night is not lost. */
    {OPTION_STORE, OPTION_SPAN, "retry_time", "30min", IN_STORE(retry_time_s), .min = 1,
     .max = 7 * DAY, .only = OPTION_ONLY_S3,
     .help = "how long a failing request is repeated before the store is given up",
     .example = "2h"},
    {OPTION_STORE, OPTION_SPAN, "connect_timeout", "10s", IN_STORE(connect_timeout_s),
     .min = 1, .max = 3600, .only = OPTION_ONLY_S3, .help = "longest wait for a connection",
     .example = "30s"},
    /* Per store, whatever the number of its uploads. */
    {OPTION_STORE, OPTION_SIZE, "limit_rate", "0", IN_STORE(limit_rate),
     .argument = "limit-rate", .commands = "backup", .value = "BYTES",
     .only = OPTION_ONLY_S3,
     .help = "most bytes per second of all uploads to a bucket (0: no limit)",
     .example = "20MiB"},

    /* ---- policies: kept as texts, see retention/ ---- */
    {OPTION_POLICY, OPTION_INT, "keep_last", NULL, .max = COUNT_MAX, .flags = OPTION_SHOWN,
     .help = "keep the newest N", .example = "3"},
    {OPTION_POLICY, OPTION_INT, "keep_hourly", NULL, .max = COUNT_MAX,
     .help = "keep the newest of each of the newest N hours that have one",
     .example = "24"},
    {OPTION_POLICY, OPTION_INT, "keep_daily", NULL, .max = COUNT_MAX, .flags = OPTION_SHOWN,
     .help = "the same for days", .example = "7"},
    {OPTION_POLICY, OPTION_INT, "keep_weekly", NULL, .max = COUNT_MAX,
     .flags = OPTION_SHOWN, .help = "the same for ISO weeks", .example = "4"},
    {OPTION_POLICY, OPTION_INT, "keep_monthly", NULL, .max = COUNT_MAX,
     .flags = OPTION_SHOWN, .help = "the same for months", .example = "12"},
    {OPTION_POLICY, OPTION_INT, "keep_yearly", NULL, .max = COUNT_MAX,
     .help = "the same for years", .example = "5"},
    {OPTION_POLICY, OPTION_PERIOD, "keep_within", NULL,
     .help = "keep everything this much older than the newest, or less", .example = "2w"},
    {OPTION_POLICY, OPTION_PERIOD, "keep_within_hourly", NULL,
     .help = "keep the newest of each hour inside this time", .example = "2d"},
    {OPTION_POLICY, OPTION_PERIOD, "keep_within_daily", NULL, .help = "the same for days",
     .example = "1mo"},
    {OPTION_POLICY, OPTION_PERIOD, "keep_within_weekly", NULL, .help = "the same for weeks",
     .example = "6mo"},
    {OPTION_POLICY, OPTION_PERIOD, "keep_within_monthly", NULL,
     .help = "the same for months", .example = "2y"},
    {OPTION_POLICY, OPTION_PERIOD, "keep_within_yearly", NULL, .help = "the same for years",
     .example = "10y"},
    {OPTION_POLICY, OPTION_INT, "keep_days", NULL, .min = 1, .max = 365000,
     .help = "keep everything of the last N days before the newest", .example = "30"},
    {OPTION_POLICY, OPTION_BOOL, "keep_oldest", "false",
     .help = "also keep the oldest one while a count above has free slots",
     .example = "true"},
    /* The last word of all rules, and only about what they would keep. */
    {OPTION_POLICY, OPTION_SIZE, "max_total_size", NULL,
     .help = "then remove the oldest until all fit; never the protected ones",
     .example = "500GiB"},
    /* Never below one: a policy that leaves nothing is no policy (RETENTION, guards). */
    {OPTION_POLICY, OPTION_INT, "min_keep", "1", .min = 1, .max = COUNT_MAX,
     .help = "the newest N restorable ones always stay", .example = "2"},
    /* UTC, so that two machines with different clocks agree on what a day is. */
    {OPTION_POLICY, OPTION_ZONE, "timezone", "UTC", .flags = OPTION_SHOWN,
     .help = "zone in which days, weeks, months and years begin",
     .example = "Europe/Berlin"},
    /* Clocks differ by minutes; by more one of them is wrong (RETENTION 4, G5). */
    {OPTION_POLICY, OPTION_PERIOD, "future_tolerance", "15min",
     .help = "a backup dated further ahead of the clock is set aside", .example = "1h"},
    {OPTION_POLICY, OPTION_PERIOD, "failed_keep", "7d",
     .help = "how long failed runs stay listed", .example = "14d"},
    {OPTION_POLICY, OPTION_PERIOD, "damaged_keep", "30d",
     .help = "how long damaged copies stay when a newer verified one exists",
     .example = "60d"},
    /* Time to notice a wrong policy before it has its way (G6). */
    {OPTION_POLICY, OPTION_PERIOD, "delete_grace", "0d",
     .help = "how long a backup must stay unwanted before it is removed", .example = "1d"},
    /* The two belong together: a small group may lose more than its half. */
    {OPTION_POLICY, OPTION_INT, "guard_percent", "50", .max = 100,
     .help = "refuse to remove more than this share of a group in one run",
     .example = "30"},
    {OPTION_POLICY, OPTION_INT, "guard_min_count", "3", .max = COUNT_MAX,
     .help = "but this many may always go", .example = "1"},

    /* ---- jobs: a source, its stores, and what a backup of them is like ---- */
    {OPTION_JOB, OPTION_NAME, "source", NULL, IN_JOB(source),
     .flags = OPTION_REQUIRED | OPTION_SHOWN,
     .help = "what to back up: a name of `sources`", .example = "shop"},
    {OPTION_JOB, OPTION_LIST, "stores", NULL, IN_JOB(stores),
     .flags = OPTION_REQUIRED | OPTION_SHOWN,
     .help = "where to: names of `stores`, all fed by one dump", .example = "nas|offsite"},
    /* In the order of enum dump_type; globals are a type of their own, not to be chosen. */
    {OPTION_JOB, OPTION_CHOICE, "type", "full", IN_JOB(type), .words = "full|schema|data",
     .argument = "type", .commands = "backup", .help = "what the dump holds",
     .example = "schema"},
    {OPTION_JOB, OPTION_CHOICE, "format", "plain", IN_JOB(format), .words = "plain|custom",
     .argument = "format", .commands = "backup",
     .help = "plain SQL or pg_dump's custom format", .example = "custom"},
    /* The fastest: on SQL text the levels above cost much more time than they save room. */
    {OPTION_JOB, OPTION_CODEC, "compress", "gzip:1", IN_JOB(codec), .argument = "compress",
     .commands = "backup", .help = "gzip[:1-12], zstd[:1-19], bzip2[:1-9] or none",
     .example = "zstd:3"},
    {OPTION_JOB, OPTION_COUNT, "parallel", "auto", IN_JOB(parallel), .max = 64,
     .argument = "parallel", .commands = "backup",
     .help = "connections that copy tables (auto: by their size; 0: only pg_dump)",
     .example = "4"},
    {OPTION_JOB, OPTION_INT, "threads", "0", IN_JOB(threads), .max = 64,
     .argument = "threads", .commands = "backup",
     .help = "threads that compress (0: one per core, at most 4)", .example = "4"},
    {OPTION_JOB, OPTION_INT, "dump_retries", "1", IN_JOB(dump_retries), .max = 10,
     .argument = "dump-retries", .commands = "backup",
     .help = "more tries of a dump that the changes of another session made fail",
     .example = "2"},
    /* One of two stores being away must not cost the night's backup. */
    {OPTION_JOB, OPTION_INT, "min_copies", "1", IN_JOB(min_copies), .min = 1, .max = 64,
     .argument = "min-copies", .commands = "backup",
     .help = "with fewer good copies the backup has failed", .example = "2"},
    {OPTION_JOB, OPTION_NAME, "retention", NULL, IN_JOB(retention), .flags = OPTION_SHOWN,
     .help = "name of a policy (default: the one named \"default\", else keep everything)",
     .example = "standard"},
    /* The only row with two fields: names of stores, and the policies beside them. */
    {OPTION_JOB, OPTION_MAP, "store_retention", NULL, IN_JOB(store_retention_stores),
     .offset_values = IN_JOB(store_retention_policies),
     .help = "another policy for some of the stores: STORE = POLICY",
     .example = "nas=local_short"},
    {OPTION_JOB, OPTION_BOOL, "prune_after_backup", "false", IN_JOB(prune_after_backup),
     .help = "apply retention after each good backup", .example = "true"},
    /* A good database seldom loses its half from one night to the next. */
    {OPTION_JOB, OPTION_PERCENT, "anomaly_shrink", "50", IN_JOB(anomaly_shrink), .min = 1,
     .max = 100, .help = "a backup smaller than usual by this share is suspect",
     .example = "30"},
    {OPTION_JOB, OPTION_CHOICE, "anomaly", "warn", IN_JOB(anomaly), .words = "warn|fail",
     .help = "what a suspect backup does to the exit status", .example = "fail"},
    {OPTION_JOB, OPTION_TEXT, "description", NULL, IN_JOB(description),
     .argument = "description", .commands = "backup", .value = "TEXT",
     .help = "kept with every artifact", .example = "nightly dump of the shop"},
    /* The one list to which the command line adds instead of replacing it (layer.c). */
    {OPTION_JOB, OPTION_TAGS, "tags", NULL, IN_JOB(tags), .argument = "tag",
     .commands = "backup", .value = "KEY=VALUE",
     .help = "kept with every artifact; those of --tag are added",
     .example = "team=shop|env=prod"},
#include "config/option_schedule.inc"

#include "config/option_notify.inc"

#include "config/option_arguments.inc"
};
const size_t option_table_count = sizeof(option_table) / sizeof(option_table[0]);
