/*
 * libpq reads connection strings here, not we: its rules for quotes, escapes, URIs and
 * their queries are long, and a password that a second reader misses would be shown.
 */
#include "config/redact.h"
#include "base/memory.h"

#include <libpq-fe.h>
#include <strings.h>

static bool is_uri(const char *conninfo)
{
    return text_starts_with(conninfo, "postgresql://") ||
           text_starts_with(conninfo, "postgres://");
}

/* libpq's own rule: without '=' and not a URI it is the name of a database. */
static bool is_database_name(const char *conninfo)
{
    return !is_uri(conninfo) && !strchr(conninfo, '=');
}

static bool is_password(const PQconninfoOption *option)
{
    return strcmp(option->keyword, "password") == 0 ||
           strcmp(option->keyword, "sslpassword") == 0;
}

/* libpq's messages quote the word that it could not read, which may be the tail of a
 * password with a space in it. So they are passed on only where no password can be near. */
static bool mentions_password(const char *conninfo)
{
    for (const char *at = conninfo; *at; at++) {
        if (strncasecmp(at, "passw", 5) == 0)
            return true;
    }
    return is_uri(conninfo) && strchr(conninfo, '@');
}

int redact_conninfo_check(const char *conninfo, struct err *err)
{
    char *message = NULL;
    if (*conninfo == '\0')
        return err_set(err, ERR_USAGE, "empty connection string");
    if (is_database_name(conninfo))
        return 0;
    PQconninfoOption *options = PQconninfoParse(conninfo, &message);
    if (options) {
        PQconninfoFree(options);
        return 0;
    }
    if (mentions_password(conninfo) || !message)
        err_set(err, ERR_USAGE, "libpq cannot read this connection string");
    else
        err_set(err, ERR_USAGE, "%.*s", (int)strcspn(message, "\n"), message);
    err_hint(err, "as \"host=db.internal dbname=shop user=backup\" or "
                  "\"postgresql://backup@db.internal/shop\"");
    PQfreemem(message);
    return -1;
}

bool redact_conninfo_has_password(const char *conninfo)
{
    if (is_database_name(conninfo))
        return false;
    PQconninfoOption *options = PQconninfoParse(conninfo, NULL);
    if (!options)
        return true;
    bool found = false;
    for (PQconninfoOption *option = options; option->keyword; option++) {
        if (option->val) {
            found = found || is_password(option);
            memory_wipe(option->val, is_password(option) ? strlen(option->val) : 0);
        }
    }
    PQconninfoFree(options);
    return found;
}

/* libpq's quoting: backslash before quotes and backslashes, quotes around blanks. */
static void add_word(const char *keyword, const char *value, struct text *out)
{
    if (out->length > 0)
        text_add_char(out, ' ');
    text_addf(out, "%s=", keyword);
    bool quote = *value == '\0' || strpbrk(value, " '\\\t\n\r\v\f") != NULL;
    if (quote)
        text_add_char(out, '\'');
    for (const char *at = value; *at; at++) {
        if (*at == '\'' || *at == '\\')
            text_add_char(out, '\\');
        text_add_char(out, *at);
    }
    if (quote)
        text_add_char(out, '\'');
}

/* Rebuilt from the parsed words: cutting a password out of the text itself would have to
 * know where it ends. */
void redact_conninfo(const char *conninfo, struct text *out)
{
    if (!redact_conninfo_has_password(conninfo)) {
        text_add(out, conninfo);
        return;
    }
    PQconninfoOption *options = PQconninfoParse(conninfo, NULL);
    if (!options) {
        text_add(out, "(hidden)");
        return;
    }
    struct text words;
    text_init(&words, out->ceiling);
    for (PQconninfoOption *option = options; option->keyword; option++) {
        if (option->val)
            add_word(option->keyword, is_password(option) ? "***" : option->val, &words);
    }
    text_add(out, words.data);
    text_release(&words);
    PQconninfoFree(options);
}

/* The '@' that ends user:password in the authority, or NULL. */
static const char *find_userinfo_end(const char *url, const char **start)
{
    const char *scheme = strstr(url, "://");
    const char *authority = scheme ? scheme + 3 : url;
    const char *end = authority + strcspn(authority, "/?#");
    *start = authority;
    for (const char *at = end; at > authority; at--) {
        if (at[-1] == '@')
            return at - 1;
    }
    return NULL;
}

bool redact_url_has_password(const char *url)
{
    const char *start;
    return find_userinfo_end(url, &start) != NULL;
}

void redact_url(const char *url, struct text *out)
{
    const char *start;
    const char *at = find_userinfo_end(url, &start);
    if (!at) {
        text_add(out, url);
        return;
    }
    text_add_bytes(out, url, (size_t)(start - url));
    text_add(out, "***");
    text_add(out, at);
}
