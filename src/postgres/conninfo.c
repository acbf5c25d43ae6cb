/*
 * libpq reads connection strings here, not we: its rules for quotes, escapes, URIs and
 * service files are long, and a password that a second reader misses would be shown. What
 * is ours is to notice that a string was meant for another reader: libpq takes every text
 * without '=' for the name of a database, sends it to the server and prints it.
 */
#include "postgres/conninfo.h"

#include "base/memory.h"
#include "postgres/profile/supabase.h"

#include <ctype.h>
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

static const char *find_ignoring_case(const char *text, const char *word)
{
    size_t length = strlen(word);
    for (; *text != '\0'; text++)
        if (strncasecmp(text, word, length) == 0)
            return text;
    return NULL;
}

/* "password:", "Pwd=", "passwd =": the words of YAML, ADO and JDBC. */
static bool names_password(const char *text)
{
    static const char *const words[] = {"password", "passwd", "pwd"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        const char *at = text;
        /* Each time that it occurs: a name may hold the word, too. */
        while ((at = find_ignoring_case(at, words[i])) != NULL) {
            at += strlen(words[i]);
            size_t gap = strspn(at, " \"'");
            if (at[gap] == '=' || at[gap] == ':')
                return true;
        }
    }
    return false;
}

/* Nothing that libpq gets as a name looks like this, but SQLAlchemy's and JDBC's URLs do,
 * and a URL that lost its scheme. */
static bool looks_like_url(const char *text)
{
    const char *colon = strchr(text, ':');
    return colon != NULL && (strstr(text, "://") != NULL || strchr(colon, '@') != NULL);
}

/* Narrower than looks_like_url: a URL without an '@' holds nothing to hide, and "s3://…" is
 * in its place elsewhere. */
bool conninfo_may_be(const char *text)
{
    const char *colon = strchr(text, ':');
    return (colon != NULL && strchr(colon, '@') != NULL) || names_password(text);
}

/* What is wrong with the text itself; NULL: nothing that can be seen. Never quotes it. */
static const char *find_mistake(const char *conninfo)
{
    if (!is_uri(conninfo)) {
        /* What stands before the first '=' would be a keyword, which libpq quotes. */
        size_t length = strcspn(conninfo, "=");
        char *head = memory_strndup(conninfo, length);
        bool url = looks_like_url(head);
        bool hidden = conninfo[length] == '\0' && names_password(head);
        memory_wipe(head, length);
        free(head);
        if (url && strstr(conninfo, "://") != NULL)
            return "a URL begins with postgresql:// or postgres://, with nothing before it";
        if (url || hidden)
            return "it seems to hold a password, but is neither a postgresql:// URL nor "
                   "key=value words";
        return NULL;
    }
    /* libpq ends user:password at the first '@', unless a '/' comes before it. */
    const char *host = strstr(conninfo, "://") + 3;
    size_t userinfo = strcspn(host, "@/");
    if (host[userinfo] == '@')
        host += userinfo + 1;
    size_t address = strcspn(host, "?");
    if (memchr(host, '@', address) != NULL)
        return "in a URL, @ and / of a user's name or password are written %40 and %2F";
    char last = conninfo[strlen(conninfo) - 1];
    if (isspace((unsigned char)last) || last == '"' || last == '\'')
        return "a blank or a quote behind the URL would be part of it";
    return NULL;
}

/* The same for what libpq has read: these values are looked up, sent and shown. What the
 * string leaves out comes from the environment. (A role may have any name.) */
static const char *find_wrong_value(const PQconninfoOption *options)
{
    static const char *const shown[] = {"dbname", "host", "hostaddr",
                                        "port",   "user", "service"};
    for (; options->keyword != NULL; options++) {
        bool from_env = options->val == NULL && options->envvar != NULL;
        const char *value = from_env ? getenv(options->envvar) : options->val;
        for (size_t i = 0; value != NULL && i < sizeof shown / sizeof *shown; i++)
            if (strcmp(options->keyword, shown[i]) == 0 &&
                (conninfo_may_be(value) ||
                 (strcmp(shown[i], "user") != 0 && strstr(value, "://") != NULL)))
                return from_env ? options->envvar : shown[i];
    }
    return NULL;
}

/* libpq marks what must be hidden with "*"; scram keys carry no such mark. */
static bool is_secret(const PQconninfoOption *option)
{
    return option->dispchar[0] == '*' || strncmp(option->keyword, "scram_", 6) == 0;
}

/* PQconninfoFree frees without wiping. */
static void release_options(PQconninfoOption *options)
{
    for (PQconninfoOption *option = options; option != NULL && option->keyword != NULL;
         option++)
        if (option->val != NULL && is_secret(option))
            memory_wipe(option->val, strlen(option->val));
    PQconninfoFree(options);
}

/* libpq's quoting: in quotes where `always` or something in the value asks for them. */
static void add_word(struct text *out, const char *keyword, const char *value, bool always)
{
    bool quote = always || *value == '\0' || strpbrk(value, " '\\\t\n\r\v\f") != NULL;
    text_addf(out, "%s%s=%s", out->length > 0 ? " " : "", keyword, quote ? "'" : "");
    for (const char *at = value; *at != '\0'; at++) {
        if (*at == '\'' || *at == '\\')
            text_add_char(out, '\\');
        text_add_char(out, *at);
    }
    if (quote)
        text_add_char(out, '\'');
}

/* The only door to libpq's reader; NULL and ERR_USAGE. */
static PQconninfoOption *parse_options(const char *conninfo, struct err *err)
{
    PQconninfoOption *options = NULL;
    char *message = NULL;
    const char *mistake = find_mistake(conninfo);
    if (mistake != NULL) {
        err_set(err, ERR_USAGE, "connection string: %s", mistake);
        goto refused;
    }

    /* PQconninfoParse knows the first two forms only. */
    struct text words;
    text_init(&words, CONNINFO_MAX);
    if (is_database_name(conninfo) && *conninfo != '\0')
        add_word(&words, "dbname", conninfo, true);
    else
        text_add(&words, conninfo);
    if (!words.overflowed)
        options = PQconninfoParse(words.data, &message);
    memory_wipe(words.data, words.length);
    text_release(&words);

    if (options == NULL) {
        /* libpq's messages quote the word that it could not read, which may be the tail of
         * a password with a blank in it. They are passed on only where none can be near. */
        bool near = strchr(conninfo, '@') != NULL ||
                    find_ignoring_case(conninfo, "passw") != NULL ||
                    find_ignoring_case(conninfo, "pwd") != NULL;
        if (message == NULL || near)
            err_set(err, ERR_USAGE, "libpq cannot read this connection string");
        else
            err_set(err, ERR_USAGE, "%.*s", (int)strcspn(message, "\n"), message);
        goto refused;
    }
    const char *wrong = find_wrong_value(options);
    if (wrong == NULL)
        return options;
    err_set(err, ERR_USAGE,
            "connection string: what would be the %s is a URL or holds a password", wrong);
refused:
    err_hint(err, "as \"host=db.internal dbname=shop user=backup\" or "
                  "\"postgresql://backup@db.internal/shop\"");
    PQfreemem(message);
    release_options(options);
    return NULL;
}

/* NULL: not said by the conninfo; what the environment says is not looked at. */
static const char *option_value(const PQconninfoOption *options, const char *keyword)
{
    for (; options->keyword != NULL; options++)
        if (strcmp(options->keyword, keyword) == 0)
            return options->val;
    return NULL;
}

static bool has_secret(const PQconninfoOption *options)
{
    for (; options->keyword != NULL; options++)
        if (options->val != NULL && is_secret(options))
            return true;
    return false;
}

/* An empty one would mean whatever the environment says: nobody writes that on purpose. */
int conninfo_check(const char *conninfo, struct err *err)
{
    if (*conninfo == '\0')
        return err_set(err, ERR_USAGE, "empty connection string");
    PQconninfoOption *options = parse_options(conninfo, err);
    release_options(options);
    return options == NULL ? -1 : 0;
}

bool conninfo_has_secret(const char *conninfo)
{
    struct err ignored = {0};
    PQconninfoOption *options = parse_options(conninfo, &ignored);
    bool found = options == NULL || has_secret(options);
    release_options(options);
    return found;
}

/* All that is no secret, with `database` (may be NULL) instead of its own. */
static void add_words(struct text *out, const PQconninfoOption *options,
                      const char *database)
{
    for (; options->keyword != NULL; options++)
        if (options->val != NULL && !is_secret(options) &&
            (database == NULL || strcmp(options->keyword, "dbname") != 0))
            add_word(out, options->keyword, options->val, true);
    if (database != NULL)
        add_word(out, "dbname", database, true);
}

/* Rebuilt from the words that libpq found: cutting a password out of the text itself would
 * have to know where it ends. */
void conninfo_redact(const char *conninfo, struct text *out)
{
    struct err ignored = {0};
    PQconninfoOption *options = parse_options(conninfo, &ignored);
    if (options == NULL) {
        text_add(out, *conninfo == '\0' ? "" : "(hidden)");
    } else if (!has_secret(options)) {
        text_add(out, conninfo);
    } else {
        struct text words;
        text_init(&words, out->ceiling);
        for (const PQconninfoOption *option = options; option->keyword != NULL; option++)
            if (option->val != NULL)
                add_word(&words, option->keyword, is_secret(option) ? "***" : option->val,
                         false);
        text_add(out, words.data);
        text_release(&words);
    }
    release_options(options);
}

/* Without a secret the words stay as the user wrote them: that is what he recognises. */
char *conninfo_public(const char *conninfo, struct err *err)
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

/* All its words, secrets too, with this one in the place of its own. */
static char *with_word(const char *conninfo, const char *keyword, const char *value,
                       struct err *err)
{
    struct text words;
    PQconninfoOption *options = parse_options(conninfo, err);
    if (options == NULL)
        return NULL;
    text_init(&words, WORDS_MAX);
    for (const PQconninfoOption *option = options; option->keyword != NULL; option++)
        if (option->val != NULL && strcmp(option->keyword, keyword) != 0)
            add_word(&words, option->keyword, option->val, true);
    add_word(&words, keyword, value, true);
    release_options(options);
    char *result = text_take(&words);
    text_release(&words);
    return result;
}

/* The last password of a conninfo counts, but two of them in it would be one too many. */
char *conninfo_with_password(const char *conninfo, const char *password, struct err *err)
{
    return password == NULL ? memory_strdup(conninfo)
                            : with_word(conninfo, "password", password, err);
}

char *conninfo_with_database(const char *conninfo, const char *database, struct err *err)
{
    return with_word(conninfo, "dbname", database, err);
}

/* What a missing dbname becomes depends on service files, PGDATABASE, the user and the
 * operating system's user. libpq itself says so when it is made to connect to nowhere. */
static char *resolve_database(const struct text *words, struct err *err)
{
    char *nowhere =
        memory_format("%s host='/nonexistent' hostaddr='' port='1'", words->data);
    PGconn *conn = PQconnectStart(nowhere);
    free(nowhere);
    const char *name = conn == NULL ? "" : PQdb(conn);
    const char *user = conn == NULL ? NULL : PQuser(conn);
    char *result = NULL;
    /* A service file may hold the wrong kind of string, too. */
    if (name != NULL && conninfo_may_be(name))
        err_set(err, ERR_USAGE,
                "connection string: the service's dbname is a URL or holds a password");
    else if (user != NULL && conninfo_may_be(user))
        err_set(err, ERR_USAGE,
                "connection string: the service's user is a URL or holds a password");
    else if (name != NULL && *name != '\0')
        result = memory_strdup(name);
    else
        err_set(err, ERR_USAGE, "connection string names no database: %s",
                conn == NULL ? "no memory" : PQerrorMessage(conn));
    PQfinish(conn);
    return result;
}

/* Asked without its own secrets: nothing is connected to. */
char *conninfo_database(const char *conninfo, struct err *err)
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

/* A word of it, or with `from_env` else what libpq's variable for it says; NULL: neither. */
static char *word_of(const char *conninfo, const char *keyword, bool from_env)
{
    struct err ignored = {0};
    const char *said = NULL;
    PQconninfoOption *options = parse_options(conninfo, &ignored);
    for (const PQconninfoOption *option = options;
         option != NULL && option->keyword != NULL; option++) {
        if (strcmp(option->keyword, keyword) != 0 || is_secret(option))
            continue;
        said = option->val;
        if (said == NULL && from_env && option->envvar != NULL)
            said = getenv(option->envvar);
    }
    char *word = said != NULL && *said != '\0' ? memory_strdup(said) : NULL;
    release_options(options);
    return word;
}

char *conninfo_value(const char *conninfo, const char *keyword)
{
    return word_of(conninfo, keyword, true);
}

/* Neither the environment nor a service counts: nobody typed those for this command. */
char *conninfo_own_database(const char *conninfo)
{
    return word_of(conninfo, "dbname", false);
}

/* For a restore, where the user's own name as a database is more likely an omission. */
bool conninfo_names_database(const char *conninfo)
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

/* After the words of the conninfo, which libpq would let a later word override. */
static void add_defaults(struct text *out, const PQconninfoOption *options)
{
    for (size_t i = 0; i < sizeof defaults / sizeof *defaults; i++)
        if (option_value(options, defaults[i].keyword) == NULL &&
            (defaults[i].unless == NULL || getenv(defaults[i].unless) == NULL))
            add_word(out, defaults[i].keyword, defaults[i].value, true);
    /* Over the open internet, with passwords in every dump of a user table: verified unless the
     * user says otherwise. Its own authority signs, so `sslrootcert` must name it (hint.c). */
    const char *host_word = option_value(options, "host");
    if (supabase_address(host_word != NULL ? host_word : getenv("PGHOST"), NULL) !=
            SUPABASE_NOT &&
        option_value(options, "sslmode") == NULL && getenv("PGSSLMODE") == NULL)
        add_word(out, "sslmode", "verify-full", true);
    /* host and hostaddr name one place: PGHOSTADDR must not lead elsewhere than host. */
    bool host = option_value(options, "host") != NULL;
    bool address = option_value(options, "hostaddr") != NULL;
    if (host != address)
        add_word(out, host ? "hostaddr" : "host", "", true);
}

/* Variables that change what a dump or a restore writes, or how its messages read. */
static const char *const removed[] = {
    "PGOPTIONS", "PGCLIENTENCODING", "PGDATESTYLE", "PGTZ",     "PGGEQO",
    "PG_COLOR",  "PG_COLORS",        "PGAPPNAME",   "LANGUAGE", NULL};

/* What the argument says, the environment must not say otherwise; the password only
 * there. */
static void add_env(struct strlist *env, const PQconninfoOption *options)
{
    /* A name without "=" is removed from the child's environment. */
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

int conninfo_child(const char *conninfo, const char *database, struct conninfo_child *out,
                   struct err *err)
{
    struct text words;
    int result = -1;
    *out = (struct conninfo_child){0};
    PQconninfoOption *options = parse_options(conninfo, err);
    if (options == NULL)
        return -1;
    text_init(&words, WORDS_MAX);

    /* Secrets other than the password have no variable in libpq, and argv is no place. */
    for (const PQconninfoOption *option = options; option->keyword != NULL; option++) {
        if (option->val == NULL || !is_secret(option) ||
            strcmp(option->keyword, "password") == 0)
            continue;
        err_set(err, ERR_USAGE,
                "%s in a connection string cannot be given to pg_dump safely",
                option->keyword);
        err_hint(err, "put it in a service file (~/.pg_service.conf)");
        goto cleanup;
    }

    /* The database is always said, so that no variable of the child's can say another. */
    add_words(&words, options, database);
    const char *own = option_value(options, "dbname");
    if (database != NULL || own != NULL) {
        out->database = memory_strdup(database != NULL ? database : own);
    } else {
        out->database = resolve_database(&words, err);
        if (out->database == NULL)
            goto cleanup;
        add_word(&words, "dbname", out->database, true);
    }
    add_defaults(&words, options);
    if (text_check(&words, "the connection string", err) < 0)
        goto cleanup;
    out->argument = text_take(&words);
    add_env(&out->env, options);
    result = 0;
cleanup:
    if (result < 0)
        conninfo_child_release(out);
    text_release(&words);
    release_options(options);
    return result;
}

void conninfo_child_release(struct conninfo_child *child)
{
    for (size_t i = 0; i < child->env.count; i++)
        memory_wipe(child->env.items[i], strlen(child->env.items[i]));
    strlist_release(&child->env);
    free(child->argument);
    free(child->database);
    *child = (struct conninfo_child){0};
}
