/*
 * settings - the effective configuration as plain structs: built once, then const.
 *
 *     settings_load -> settings_require_* -> resolve_* (resolve.h) for the secrets of what is
 *     used -> settings_release
 *
 * default < file < environment (PGKEEP_<KEY>, top-level keys only) < command line; every
 * value knows its origin. The rows of option_table.c say which keys exist; nothing else
 * does. Options of the command line that stand for keys of sources, stores and jobs
 * (--compress, --table ...) are already in every source, store and job. Secrets are struct
 * secret and never printed. Threads: const once loaded, then any.
 */
#ifndef PGKEEP_CONFIG_SETTINGS_H
#define PGKEEP_CONFIG_SETTINGS_H

#include "base/err.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/parse.h"
#include "base/text.h"
#include "config/config_args.h"
#include "postgres/dump.h"
#include "postgres/profile/supabase.h"
#include "stream/codec/codec.h"

struct source_settings {
    char *name; /* "adhoc" for --source */
    struct secret conninfo;
    /* given as it is; the two below are read by resolve_source; empty: libpq's own places */
    struct secret password;
    char *password_file, *password_env;
    struct strlist databases; /* empty: the conninfo's; "*": all */
    struct strlist exclude_databases;
    bool globals;
    struct dump_filters filters;
    enum source_profile profile; /* once loaded never PROFILE_AUTO */
    struct dump_filters
        dumped; /* PROFILE_SUPABASE: the filters, and what is the platform's */
    bool no_role_passwords;
    char *encoding;              /* client_encoding of the dump; NULL: pg_dump's choice */
    int64_t lock_wait_timeout_s; /* 60 */
    int64_t stall_timeout_s;     /* 0: never */
};

enum store_type { STORE_DIR, STORE_S3 };
enum store_style { STORE_STYLE_AUTO, STORE_STYLE_PATH, STORE_STYLE_VIRTUAL };

struct store_settings {
    char *name; /* ad hoc: the URL without its query */
    enum store_type type;
    char *path;            /* dir: absolute */
    char *bucket, *prefix; /* s3; prefix "" or ending in '/' */
    char *endpoint, *region, *provider, *profile, *ca_file, *proxy;
    enum store_style style; /* bucket in the path or in the host name */
    bool path_style;        /* the older way to say style = "path"; already in `style` */
    bool allow_insecure;
    /* given as they are; *_env and *_file are read by resolve_store */
    struct secret access_key, secret_key, session_token;
    char *access_key_env, *secret_key_env, *session_token_env;
    char *access_key_file, *secret_key_file, *session_token_file;
    char *payload_signing, *storage_class, *sse, *sse_kms_key, *sse_c_key_file, *tagging;
    char *object_lock_mode;
    int64_t object_lock_s;
    bool legal_hold;
    int64_t list_version, max_parts, max_connections;
    int64_t retry_time_s;      /* 1800 */
    int64_t connect_timeout_s; /* 10 */
    uint64_t limit_rate;       /* bytes/s; 0 none */
};

/* Policies are checked and kept as key/value texts; retention/policy.h parses them. */
struct policy_settings {
    char *name;
    struct strlist keys, values; /* same count */
};

/* In the order of notify/kind.h. */
enum notifier_type {
    NOTIFIER_WEBHOOK,
    NOTIFIER_SLACK,
    NOTIFIER_DISCORD,
    NOTIFIER_NTFY,
    NOTIFIER_HEALTHCHECKS,
    NOTIFIER_EMAIL,
    NOTIFIER_TYPES
};

enum starttls { STARTTLS_AUTO, STARTTLS_ALWAYS, STARTTLS_NEVER };

struct notifier_settings {
    char *name;
    enum notifier_type type;
    char *url_file, *url_env;       /* all but email: one of them */
    char *secret_file, *secret_env; /* key of a signature, token, password; or neither */
    char *server;                   /* email: smtp://HOST[:PORT] or smtps://… */
    char *from, *user;
    struct strlist to;
    enum starttls starttls;
    char *ca_file;
    bool allow_insecure;
    struct strlist on; /* events; empty: those of its type */
};

/* What a suspect backup does to the exit status. */
enum anomaly_action { ANOMALY_WARN, ANOMALY_FAIL };

/* What becomes of times at which nobody was there (schedule/due.h). */
enum catch_up { CATCH_UP_ONCE, CATCH_UP_SKIP };

/* How closely `verify_every` looks. */
enum verify_level { VERIFY_LEVEL_QUICK, VERIFY_LEVEL_FULL };

struct job_settings {
    char *name;
    char *source;          /* name of a source */
    struct strlist stores; /* names */
    enum dump_type type;
    enum dump_format format;
    struct codec_choice codec;
    int64_t parallel;     /* connections that copy tables; 0: pg_dump alone; OPTION_AUTO */
    int64_t threads;      /* codec threads; 0: cores, at most 4 */
    int64_t dump_retries; /* of a dump that another session made fail */
    int64_t min_copies;   /* 1 */
    char *retention;      /* name of a policy; NULL: "default" if there is one */
    struct strlist store_retention_stores, store_retention_policies; /* same count */
    bool prune_after_backup;
    double anomaly_shrink; /* percent, 50 */
    enum anomaly_action anomaly;
    char *description;
    struct strlist tags; /* KEY=VALUE */
    char *schedule;      /* NULL: none */
    int64_t every_s;     /* 0: none; never both */
    char *timezone;      /* of the schedule */
    bool enabled;
    int64_t jitter_s;
    enum catch_up catch_up;
    int64_t timeout_s;                                                /* 0: none */
    struct strlist before, after_success, after_failure, after_prune; /* argument lists */
    int64_t hook_timeout_s;
    int64_t retries, retry_delay_s;        /* of a scheduled run that failed */
    int64_t verify_every_s, drill_every_s; /* 0: never by itself */
    enum verify_level verify_level;
    struct secret drill_to;       /* conninfo of a server; empty: a throw-away cluster */
    struct strlist drill_checks;  /* SQL that must be true */
    struct strlist drill_command; /* argument list */
    uint64_t drill_memory;        /* bytes; 1 GiB */
    struct strlist notify;        /* names of notifiers */
    int64_t max_age_s;            /* older good backups are stale; 0: never */
    int64_t remind_s;             /* what is still wrong is told again; 0: never */
};

/* One effective value as a reader may see it (secrets hidden), for `config`. */
struct settings_value {
    const struct option *option;
    char *section; /* NULL: top level */
    char *text;
    char *origin; /* "default" "FILE:LINE" "PGKEEP_KEY" "--option" */
};

enum progress_choice { PROGRESS_CHOICE_AUTO, PROGRESS_CHOICE_JSON, PROGRESS_CHOICE_NONE };

struct settings {
    char *catalog;        /* path */
    char *pg_bin_dir;     /* NULL: search */
    uint64_t part_budget; /* bytes of part buffers; 96 MiB */
    char *include_dir;    /* as written; NULL: none */
    bool editable;        /* its files may be written by us */
    int64_t max_concurrent, stop_grace_s;
    struct strlist listen; /* where `serve` answers HTTP; empty: nowhere */
    enum log_level log_level;
    enum log_format log_format;
    bool json, quiet;
    enum progress_choice progress;
    char *config_file; /* the one read, NULL: none */
    struct source_settings *sources;
    size_t source_count;
    struct store_settings *stores;
    size_t store_count;
    struct policy_settings *policies;
    size_t policy_count;
    struct notifier_settings *notifiers;
    size_t notifier_count;
    struct job_settings *jobs;
    size_t job_count;
    bool adhoc; /* `backup --source … --store …`: source and job "adhoc", its stores */
    struct settings_value *values;
    size_t value_count; /* top, sources, stores, policies, notifiers, jobs */
};

#define SETTINGS_ADHOC "adhoc" /* reserved as a name of sources and jobs */

/* Reads file, environment and arguments, checks everything and each against each (a job's
 * source, stores, policies and notifiers exist, min_copies can be met, keys fit the store's type).
 * ERR_CONFIG with FILE:LINE, or ERR_USAGE for arguments. No secret is fetched from files or
 * variables yet. Release it after an error too. */
int settings_load(struct settings *settings, const struct config_args *args,
                  struct err *err) MUST_USE;
void settings_release(struct settings *settings); /* wipes secrets; NULL-safe */
/* Default catalog: /var/lib/pgkeep/catalog.db for root, else
 * $XDG_STATE_HOME/pgkeep/catalog.db (~/.local/state). Heap. */
char *settings_default_catalog(void) MUST_USE;

/* Did the command line give this value of a section? */
bool settings_is_argument(const struct settings *settings, const struct option *option,
                          const char *section);
/* The section of that name, or ERR_CONFIG `no job "nigthly" in FILE` with the nearest or
 * all known names as a hint. */
const struct source_settings *settings_require_source(const struct settings *settings,
                                                      const char *name,
                                                      struct err *err) MUST_USE;
const struct store_settings *settings_require_store(const struct settings *settings,
                                                    const char *name,
                                                    struct err *err) MUST_USE;
const struct notifier_settings *settings_require_notifier(const struct settings *settings,
                                                          const char *name,
                                                          struct err *err) MUST_USE;
const struct job_settings *settings_require_job(const struct settings *settings,
                                                const char *name, struct err *err) MUST_USE;

/* What a dump of it is narrowed by. */
const struct dump_filters *settings_filters(const struct source_settings *source);

/* NULL when there is none of that name. */
const struct source_settings *settings_source(const struct settings *settings,
                                              const char *name);
const struct store_settings *settings_store(const struct settings *settings,
                                            const char *name);
const struct policy_settings *settings_policy(const struct settings *settings,
                                              const char *name);
const struct notifier_settings *settings_notifier(const struct settings *settings,
                                                  const char *name);
const struct job_settings *settings_job(const struct settings *settings, const char *name);
/* s3://bucket/prefix?endpoint=…&region=…&path_style=true or dir:/path; query keys are the
 * store keys of the option table. ERR_USAGE when malformed. Release with
 * store_settings_release. */
int store_settings_from_url(const char *url, struct store_settings *out,
                            struct err *err) MUST_USE;
/* The URL again, without secrets: what the catalog keeps. Heap. */
char *store_settings_url(const struct store_settings *store) MUST_USE;
void store_settings_release(struct store_settings *store);

#endif
