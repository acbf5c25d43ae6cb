/*
 * option - the one table of everything a user can set, and the one way a text becomes a
 * value.
 *
 * A row of option_table[] (option_table.c) describes a key of the configuration file, its
 * environment variable, its command-line option, its type, range, default, help and
 * example. Files, environment and arguments only collect texts (layer.h); option_check says
 * whether a text is a value of the row's type, option_assign stores it. Help, `config
 * --example`, `config` and the tests read the same rows. Rows are const: any thread.
 */
#ifndef PGKEEP_CONFIG_OPTION_H
#define PGKEEP_CONFIG_OPTION_H

#include "base/err.h"
#include "base/text.h"

enum option_scope {
    OPTION_TOP,      /* top-level key; also PGKEEP_<KEY> in the environment */
    OPTION_SOURCE,   /* key of a group in `sources` */
    OPTION_STORE,    /* key of a group in `stores`, and of the query of a store's URL */
    OPTION_POLICY,   /* key of a group in `policies` */
    OPTION_NOTIFIER, /* key of a group in `notifiers` */
    OPTION_JOB,      /* key of a group in `jobs` */
    OPTION_ARGUMENT, /* command line only */
    OPTION_SCOPE_COUNT
};

/* What a text must look like, and (in brackets) the field option_assign writes. */
enum option_type {
    OPTION_TEXT,      /* UTF-8 without control characters (char *) */
    OPTION_NAME,      /* of a section: letters, digits, '-' and '_' (char *) */
    OPTION_VARIABLE,  /* name of an environment variable (char *) */
    OPTION_BUCKET,    /* letters, digits, '.', '-', '_' (char *) */
    OPTION_PREFIX,    /* segments joined by '/'; stored as "" or ending in '/' (char *) */
    OPTION_PATH,      /* absolute path (char *) */
    OPTION_URL,       /* may hold user:password@, which is never shown (char *) */
    OPTION_WORD,      /* one of `words` (char *) */
    OPTION_CHOICE,    /* one of `words`, kept as its index (an enum) */
    OPTION_BOOL,      /* (bool) */
    OPTION_INT,       /* min..max (int64_t) */
    OPTION_COUNT,     /* min..max, or "auto": OPTION_AUTO (int64_t) */
    OPTION_PERCENT,   /* min..max, decimals allowed (double) */
    OPTION_SIZE,      /* bytes, or KiB MiB GiB TiB KB MB GB TB (uint64_t) */
    OPTION_SPAN,      /* exact duration, w d h min s (int64_t seconds) */
    OPTION_PERIOD,    /* duration that may hold y and mo (char *, as written) */
    OPTION_TIME,      /* as clock_read takes it (char *, as written) */
    OPTION_SCHEDULE,  /* a line of crontab, schedule/cron.h (char *) */
    OPTION_ZONE,      /* IANA time zone that exists on this machine (char *) */
    OPTION_CODEC,     /* compression (struct codec_choice) */
    OPTION_CONNINFO,  /* libpq connection string or URI (struct secret) */
    OPTION_SECRET,    /* never shown (struct secret) */
    OPTION_STORE_URL, /* s3://... or dir:...; arguments only */
    OPTION_LIST,      /* several texts (struct strlist) */
    OPTION_TAGS,      /* KEY=VALUE texts; one per KEY (struct strlist) */
    OPTION_MAP,       /* NAME=NAME texts; a group in the file (two struct strlist) */
    OPTION_TYPE_COUNT
};

enum { OPTION_AUTO = -1 };

enum option_flag {
    OPTION_REQUIRED = 1, /* a section of this scope, or the command, must have it */
    OPTION_SHOWN = 2,    /* stands uncommented in the example file */
    OPTION_REPEATS = 4,  /* an argument that may be given several times, as lists may */
    OPTION_AHEAD = 8     /* OPTION_TIME: a bare span is from now on, not ago */
};

/* Which stores a store key is for. */
enum option_only { OPTION_ANY, OPTION_ONLY_DIR, OPTION_ONLY_S3 };

struct option {
    enum option_scope scope;
    enum option_type type;
    const char *key;      /* in the file; NULL: OPTION_ARGUMENT */
    const char *initial;  /* default; NULL: none, or decided in settings_load */
    size_t offset;        /* of the field in its struct of settings.h */
    size_t offset_values; /* OPTION_MAP: of the list of values */
    int64_t min;          /* INT, PERCENT, SIZE (bytes), SPAN (seconds) */
    int64_t max;          /* 0: no limit */
    const char *words;    /* WORD, CHOICE: "a|b|c" */
    unsigned flags;       /* enum option_flag */
    enum option_only only;
    const char *argument; /* long option without dashes; NULL: none */
    char letter;          /* short option; 0: none */
    const char *commands; /* who takes it: "backup doctor"; "*": global */
    const char *value;    /* help's word for the value; NULL: by type */
    const char *help;     /* a phrase without full stop */
    const char *example;  /* for the example file; list items joined by '|' */
};

extern const struct option option_table[];
extern const size_t option_table_count;

/* The row of a key in a file (any scope but OPTION_ARGUMENT), or NULL. */
const struct option *option_find(enum option_scope scope, const char *key);
/* The row of a long option for a command (NULL: global ones only), or NULL. */
const struct option *option_find_argument(const char *command, const char *name);
const struct option *option_find_letter(char letter);
bool option_is_global(const struct option *option);
/* Takes it, globals aside. */
bool option_for_command(const struct option *option, const char *command);
/* May such a store have it? OPTION_ANY: of whatever type. */
bool option_is_for(const struct option *option, enum option_only store);
/* The nearest known key or long option, or NULL. */
const char *option_nearest_key(enum option_scope scope, const char *word);
const char *option_nearest_argument(const char *command, const char *word);

bool option_is_flag(const struct option *option); /* takes no value: OPTION_BOOL */
bool option_is_list(const struct option *option); /* OPTION_LIST, _TAGS, _MAP */
/* Holds what only some may see: OPTION_SECRET, or a password inside this text. */
bool option_is_secret(const struct option *option, const char *text);
/* The group of a file, "sources" …, and one of it, "source" …; "" outside groups. */
const char *option_scope_group(enum option_scope scope);
const char *option_scope_name(enum option_scope scope);
/* Help's word for a value: "N", "DURATION", "plain|custom". */
const char *option_value_name(const struct option *option);

/* For a path that begins with '~'. */
#define OPTION_TILDE_HINT "a shell would have expanded it; write the full path"
/* Is `text` a value (of a list: an item)? 0, or -1 with ERR_USAGE: one sentence that begins
 * with `label` ("\"keep_last\"", "--limit") and never holds a secret. Callers add where it
 * stands. */
int option_check(const struct option *option, const char *label, const char *text,
                 struct err *err) MUST_USE;
/* Checks, then writes into the struct of the row's scope: `target` points at a settings,
 * source_settings, store_settings, policy_settings, notifier_settings or job_settings. Lists grow by one item
 * (a tag replaces one with the same KEY), other values replace. Not for OPTION_ARGUMENT. */
int option_assign(const struct option *option, void *target, const char *text,
                  struct err *err) MUST_USE;
/* The field as text again: exactly what option_assign would read. Secrets are left out.
 * Returns false (nothing added) for empty texts, lists and secrets. */
bool option_print(const struct option *option, const void *target, struct text *out);

#endif
