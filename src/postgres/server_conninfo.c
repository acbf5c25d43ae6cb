/*
 * libpq reads connection strings here, not we: its rules for quotes, escapes, URIs and
 * service files are long, and a password that a second reader misses would be shown.
 */
#include "postgres/server.h"

#include "base/memory.h"

#include <libpq-fe.h>
#include <strings.h>

enum { CONNINFO_MAX = 64 * 1024, WORDS_MAX = 2 * CONNINFO_MAX };

static bool is_uri(const char *conninfo)
{
    return text_starts_with(conninfo, "postgresql://") ||
           text_starts_with(conninfo, "postgres://");
}

/* libpq's own rule: without '=' and not a URI it is the name of a database. */
static bool is_database_name(const char *conninfo)
{
    return !is_uri(conninfo) && strchr(conninfo, '=') == NULL;
}

/* libpq marks what must be hidden with "*"; scram keys carry no such mark. */
static bool is_secret(const PQconninfoOption *option)
{
    return option->dispchar[0] == '*' || strncmp(option->keyword, "scram_", 6) == 0;
}

static void release_options(PQconninfoOption *options)
{
    for (PQconninfoOption *option = options; option != NULL && option->keyword != NULL;
         option++)
        if (option->val != NULL && is_secret(option))
            memory_wipe(option->val, strlen(option->val));
    PQconninfoFree(options);
}

/* libpq's messages quote the word that it could not read, which may be the tail of a
 * password with a space in it. So they are passed on only where no password can be near. */
static bool may_hold_password(const char *conninfo)
{
    for (const char *at = conninfo; *at != '\0'; at++)
        if (strncasecmp(at, "passw", 5) == 0)
            return true;
    return is_uri(conninfo) && strchr(conninfo, '@') != NULL;
}

static void add_word(struct text *out, const char *keyword, const char *value)
{
    text_addf(out, "%s%s='", out->length > 0 ? " " : "", keyword);
    for (const char *at = value; *at != '\0'; at++) {
        if (*at == '\'' || *at == '\\')
            text_add_char(out, '\\');
        text_add_char(out, *at);
    }
    text_add_char(out, '\'');
}

static PQconninfoOption *parse_options(const char *conninfo, struct err *err)
{
    char *message = NULL;
    struct text words;
    text_init(&words, CONNINFO_MAX);
    if (is_database_name(conninfo) && *conninfo != '\0')
        add_word(&words, "dbname", conninfo);
    else
        text_add(&words, conninfo);
    PQconninfoOption *options = NULL;
    if (!words.overflowed)
        options = PQconninfoParse(words.data, &message);
    if (options == NULL && (message == NULL || may_hold_password(conninfo)))
        err_set(err, ERR_USAGE, "libpq cannot read this connection string");
    else if (options == NULL)
        err_set(err, ERR_USAGE, "connection string: %s", message);
    if (options == NULL)
        err_hint(err, "as \"host=db.internal dbname=shop user=backup\" or "
                      "\"postgresql://backup@db.internal/shop\"");
    PQfreemem(message);
    memory_wipe(words.data, words.length);
    text_release(&words);
    return options;
}

static PQconninfoOption *find_option(PQconninfoOption *options, const char *keyword)
{
    for (; options->keyword != NULL; options++)
        if (strcmp(options->keyword, keyword) == 0)
            return options;
    return NULL;
}

static const char *option_value(PQconninfoOption *options, const char *keyword)
{
    const PQconninfoOption *option = find_option(options, keyword);
    return option == NULL ? NULL : option->val;
}

static bool has_secret(const PQconninfoOption *options)
{
    for (; options->keyword != NULL; options++)
        if (options->val != NULL && is_secret(options))
            return true;
    return false;
}

static void add_words(struct text *out, const PQconninfoOption *options,
                      const char *database)
{
    for (; options->keyword != NULL; options++)
        if (options->val != NULL && !is_secret(options) &&
            (database == NULL || strcmp(options->keyword, "dbname") != 0))
            add_word(out, options->keyword, options->val);
    if (database != NULL)
        add_word(out, "dbname", database);
}

char *server_conninfo_public(const char *conninfo, struct err *err)
{
    struct text words;
    PQconninfoOption *options = parse_options(conninfo, err);
    if (options == NULL)
        return NULL;
    text_init(&words, WORDS_MAX);
    if (has_secret(options))
        add_words(&words, options, NULL);
    else
        text_add(&words, conninfo);
    release_options(options);
    char *result = text_take(&words);
    text_release(&words);
    return result;
}

char *server_conninfo_with_password(const char *conninfo, const char *password,
                                    struct err *err)
{
    struct text words;
    PQconninfoOption *options = password ? parse_options(conninfo, err) : NULL;
    if (password == NULL)
        return memory_strdup(conninfo);
    if (options == NULL)
        return NULL;
    text_init(&words, 2 * CONNINFO_MAX);
    for (const PQconninfoOption *option = options; option->keyword != NULL; option++)
        if (option->val != NULL && strcmp(option->keyword, "password") != 0)
            add_word(&words, option->keyword, option->val);
    add_word(&words, "password", password);
    release_options(options);
    char *result = text_take(&words);
    text_release(&words);
    return result;
}

bool server_conninfo_has_password(const char *conninfo)
{
    struct err ignored = {0};
    PQconninfoOption *options = parse_options(conninfo, &ignored);
    bool found = options == NULL || has_secret(options);
    release_options(options);
    return found;
}

/* What a missing dbname becomes depends on service files, PGDATABASE, the user and the
 * operating system's user. libpq itself says so when it is made to connect to nowhere. */
static char *resolve_database(const struct text *words, struct err *err)
{
    char *nowhere =
        memory_format("%s host='/nonexistent' hostaddr='' port='1'", words->data);
    PGconn *conn = PQconnectStart(nowhere);
    const char *name = conn == NULL ? NULL : PQdb(conn);
    char *result = name == NULL || *name == '\0' ? NULL : memory_strdup(name);
    if (result == NULL)
        err_set(err, ERR_USAGE, "connection string names no database: %s",
                conn == NULL ? "no memory" : PQerrorMessage(conn));
    PQfinish(conn);
    free(nowhere);
    return result;
}

char *server_conninfo_database(const char *conninfo, struct err *err)
{
    struct text words;
    PQconninfoOption *options = parse_options(conninfo, err);
    if (options == NULL)
        return NULL;
    text_init(&words, WORDS_MAX);
    add_words(&words, options, NULL);
    char *result = resolve_database(&words, err);
    text_release(&words);
    release_options(options);
    return result;
}

bool server_conninfo_names_database(const char *conninfo)
{
    struct err ignored = {0};
    PQconninfoOption *options = parse_options(conninfo, &ignored);
    bool named = options != NULL && (option_value(options, "dbname") != NULL ||
                                     option_value(options, "service") != NULL);
    release_options(options);
    return named || getenv("PGDATABASE") != NULL || getenv("PGSERVICE") != NULL;
}

/* What a conninfo gets when it does not say otherwise. A value of "" keeps the variable of
 * the environment and the service file from counting. */
static const struct default_row {
    const char *keyword;
    const char *value;
    const char *unless; /* environment variable that goes before */
} defaults[] = {
    {"application_name", "pgkeep", NULL}, {"connect_timeout", "15", "PGCONNECT_TIMEOUT"},
    {"keepalives_idle", "30", NULL},      {"keepalives_interval", "10", NULL},
    {"keepalives_count", "6", NULL},      {"options", "", NULL},
    {"client_encoding", "", NULL},
};

static void add_defaults(struct text *out, PQconninfoOption *options)
{
    for (size_t i = 0; i < sizeof defaults / sizeof *defaults; i++)
        if (option_value(options, defaults[i].keyword) == NULL &&
            (defaults[i].unless == NULL || getenv(defaults[i].unless) == NULL))
            add_word(out, defaults[i].keyword, defaults[i].value);
    /* host and hostaddr name one place: PGHOSTADDR must not lead elsewhere than host. */
    bool host = option_value(options, "host") != NULL;
    bool address = option_value(options, "hostaddr") != NULL;
    if (host != address)
        add_word(out, host ? "hostaddr" : "host", "");
}

/* Variables that change what a dump or a restore writes, or how its messages read. */
static const char *const removed[] = {
    "PGOPTIONS", "PGCLIENTENCODING", "PGDATESTYLE", "PGTZ",     "PGGEQO",
    "PG_COLOR",  "PG_COLORS",        "PGAPPNAME",   "LANGUAGE", NULL};

static void add_env(struct strlist *env, PQconninfoOption *options)
{
    for (size_t i = 0; removed[i] != NULL; i++)
        strlist_add(env, removed[i]);
    strlist_add(env, "LC_ALL=C"); /* known causes are found in English */
    for (const PQconninfoOption *option = options; option->keyword != NULL; option++)
        if (option->val != NULL && option->envvar != NULL &&
            strcmp(option->keyword, "password") != 0 && !strlist_has(env, option->envvar))
            strlist_add(env, option->envvar);
    if (option_value(options, "host") != NULL && option_value(options, "hostaddr") == NULL)
        strlist_add(env, "PGHOSTADDR");
    const char *password = option_value(options, "password");
    if (password != NULL)
        strlist_addf(env, "PGPASSWORD=%s", password);
}

/* Secrets other than the password have no variable in libpq, and argv is no place. */
static int check_secrets(const PQconninfoOption *options, struct err *err)
{
    for (; options->keyword != NULL; options++) {
        if (options->val == NULL || !is_secret(options) ||
            strcmp(options->keyword, "password") == 0)
            continue;
        err_set(err, ERR_USAGE,
                "%s in a connection string cannot be given to pg_dump safely",
                options->keyword);
        return err_hint(err, "put it in a service file (~/.pg_service.conf)");
    }
    return 0;
}

int server_child(const char *conninfo, const char *database, struct server_child *out,
                 struct err *err)
{
    struct text words;
    *out = (struct server_child){0};
    PQconninfoOption *options = parse_options(conninfo, err);
    if (options == NULL)
        return -1;
    if (check_secrets(options, err) < 0) {
        release_options(options);
        return -1;
    }
    text_init(&words, WORDS_MAX);
    add_words(&words, options, database);
    char *resolved = NULL;
    if (database == NULL && option_value(options, "dbname") == NULL) {
        resolved = resolve_database(&words, err);
        if (resolved != NULL)
            add_word(&words, "dbname", resolved);
    }
    bool known = database != NULL || resolved != NULL || option_value(options, "dbname");
    free(resolved);
    add_defaults(&words, options);
    int result = known ? text_check(&words, "the connection string", err) : -1;
    if (result == 0) {
        out->argument = text_take(&words);
        add_env(&out->env, options);
    }
    text_release(&words);
    release_options(options);
    return result;
}

void server_child_release(struct server_child *child)
{
    for (size_t i = 0; i < child->env.count; i++)
        memory_wipe(child->env.items[i], strlen(child->env.items[i]));
    strlist_release(&child->env);
    free(child->argument);
    *child = (struct server_child){0};
}
