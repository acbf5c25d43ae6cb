/*
 * settings - the effective configuration as plain structs: built once, then const.
 *
 * default < file < environment (PGKEEP_<KEY>, top-level keys only) < command line; every value knows its origin.
 * The rows of option.h say which keys exist; nothing else does. Secrets are struct secret and never printed.
 */
#ifndef PGKEEP_CONFIG_SETTINGS_H
#define PGKEEP_CONFIG_SETTINGS_H

#include "base/err.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/parse.h"
#include "base/text.h"
#include "stream/codec.h"

struct source_settings {
    char *name;                     /* "adhoc" for --source */
    struct secret conninfo;
    struct secret password;         /* from password_file or password_env; empty: libpq's own places */
    struct strlist databases;       /* empty: the conninfo's; "*": all */
    struct strlist exclude_databases;
    bool globals;
    struct strlist schemas, exclude_schemas, tables, exclude_tables, exclude_table_data;
    int64_t lock_wait_timeout_s;    /* 60 */
    int64_t stall_timeout_s;        /* 0: never */
};

enum store_type { STORE_DIR, STORE_S3 };

struct store_settings {
    char *name;                     /* ad hoc: the URL without its query */
    enum store_type type;
    char *path;                     /* dir: absolute */
    char *bucket, *prefix;          /* s3; prefix "" or ending in '/' */
    char *endpoint, *region, *provider, *profile, *ca_file, *proxy;
    char *style;                    /* "auto" "path" "virtual"; path_style = true is "path" */
    bool allow_insecure;
    struct secret access_key, secret_key, session_token; /* from *_env, *_file or the file itself */
    char *payload_signing, *storage_class, *sse, *sse_kms_key, *sse_c_key_file, *tagging;
    char *object_lock_mode;
    int64_t object_lock_s;
    bool legal_hold;
    int64_t list_version, max_parts, max_connections;
    int64_t retry_time_s;           /* 1800 */
    int64_t connect_timeout_s;      /* 10 */
    uint64_t limit_rate;            /* bytes/s; 0 none */
};

/* Policies are checked and kept as key/value texts; retention/policy.h parses them. */
struct policy_settings {
    char *name;
    struct strlist keys, values;    /* same count */
};

struct job_settings {
    char *name;
    char *source;                   /* name of a source */
    struct strlist stores;          /* names */
    char *type, *format;            /* "full" "plain" */
    struct codec_choice codec;
    int64_t parallel;               /* codec threads; 0: cores, at most 4 */
    int64_t min_copies;             /* 1 */
    char *retention;                /* name of a policy; NULL: "default" if there is one */
    struct strlist store_retention_stores, store_retention_policies; /* same count */
    bool prune_after_backup;
    double anomaly_shrink;          /* percent, 50 */
    char *anomaly;                  /* "warn" "fail" */
    char *description;
    struct strlist tags;            /* KEY=VALUE */
};

struct settings {
    char *catalog;                  /* path */
    char *pg_bin_dir;               /* NULL: search */
    uint64_t part_budget;           /* bytes of part buffers; 128 MiB */
    enum log_level log_level;
    enum log_format log_format;
    bool json, quiet;
    char *progress;                 /* "auto" "json" "none" */
    char *config_file;              /* the one read, NULL: none */
    struct source_settings *sources; size_t source_count;
    struct store_settings *stores;   size_t store_count;
    struct policy_settings *policies; size_t policy_count;
    struct job_settings *jobs;       size_t job_count;
};

void settings_release(struct settings *settings); /* wipes secrets */
/* NULL when there is none of that name. */
const struct source_settings *settings_source(const struct settings *settings, const char *name);
const struct store_settings *settings_store(const struct settings *settings, const char *name);
const struct policy_settings *settings_policy(const struct settings *settings, const char *name);
const struct job_settings *settings_job(const struct settings *settings, const char *name);
/* s3://bucket/prefix?endpoint=…&region=…&path_style=true or dir:/path; query keys are the store keys of the option
 * table. ERR_USAGE when malformed. Release with store_settings_release. */
int store_settings_from_url(const char *url, struct store_settings *out, struct err *err) MUST_USE;
/* The URL again, without secrets: what the catalog keeps. Heap. */
char *store_settings_url(const struct store_settings *store) MUST_USE;
void store_settings_release(struct store_settings *store);

#endif
