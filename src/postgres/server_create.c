/*
 * From template0 always: template1 may hold tables of its own, which would be restored
 * over, and only template0 takes another encoding and locale.
 */
#include "base/log.h"
#include "base/memory.h"
#include "postgres/server.h"
#include "postgres/server_query.h"

enum { SQL_MAX = 256 * 1024 };

/* A name that cannot be quoted has overflowed the text: such a statement is never sent. */
static int run(struct server *server, struct text *sql, const char *what, struct err *err)
{
    if (text_check(sql, what, err) < 0)
        return -1;
    return server_execute(server, what, sql->data, err);
}

/* Absent ones are the server's defaults. */
static void add_option(struct server *server, struct text *sql, const char *keyword,
                       const char *value)
{
    if (value == NULL)
        return;
    text_addf(sql, " %s ", keyword);
    server_add_literal(server, sql, value);
}

/* LOCALE_PROVIDER exists from 15 on, the builtin one from 17. */
static void add_locale(struct server *server, struct text *sql,
                       const struct server_properties *from)
{
    add_option(server, sql, "LC_COLLATE", from->collate);
    add_option(server, sql, "LC_CTYPE", from->ctype);
    const char *provider = from->locale_provider;
    if (provider == NULL || server_version(server) < 150000) {
        if (provider != NULL && strcmp(provider, "libc") != 0)
            log_warning(
                "the server has no locale provider \"%s\": the new database sorts by "
                "the operating system's \"%s\"",
                provider, from->collate == NULL ? "C" : from->collate);
        return;
    }
    add_option(server, sql, "LOCALE_PROVIDER", provider);
    if (strcmp(provider, "icu") == 0) {
        add_option(server, sql, "ICU_LOCALE", from->icu_locale);
        if (server_version(server) >= 160000)
            add_option(server, sql, "ICU_RULES", from->icu_rules);
        else if (from->icu_rules != NULL)
            log_warning("the server knows no ICU rules: the new database sorts without "
                        "those of its source");
    } else if (strcmp(provider, "builtin") == 0) {
        add_option(server, sql, "BUILTIN_LOCALE", from->icu_locale);
    }
}

static int add_owner(struct server *server, struct text *sql, const char *name,
                     const char *owner, struct err *err)
{
    if (owner == NULL)
        return 0;
    int64_t found = server_query_count(
        server, "roles",
        "SELECT pg_catalog.count(*) FROM pg_catalog.pg_roles WHERE rolname = $1", owner,
        err);
    if (found < 0)
        return -1;
    /* Roles come with the globals, which nobody need have restored before. */
    if (found == 0) {
        log_warning(
            "database \"%s\": its owner \"%s\" is no role of this server; it belongs "
            "to \"%s\" now",
            name, owner, server_user(server));
        return 0;
    }
    text_add(sql, " OWNER ");
    server_add_name(server, sql, owner);
    return 0;
}

/* Of a database that is there by now: no reason to call it a failure. */
static void set_comment(struct server *server, const char *name, const char *comment)
{
    struct err trouble = {0};
    struct text sql;
    text_init(&sql, SQL_MAX);
    text_add(&sql, "COMMENT ON DATABASE ");
    server_add_name(server, &sql, name);
    text_add(&sql, " IS ");
    server_add_literal(server, &sql, comment);
    if (run(server, &sql, "comment of the database", &trouble) < 0)
        log_warning("database \"%s\": %s", name, trouble.text);
    text_release(&sql);
}

int server_create_database(struct server *server, const char *name,
                           const struct server_properties *properties, struct err *err)
{
    struct text sql;
    int result = 0;
    text_init(&sql, SQL_MAX);
    text_add(&sql, "CREATE DATABASE ");
    server_add_name(server, &sql, name);
    /* What is in template1 would be there twice, and its encoding could not be changed. */
    text_add(&sql, " TEMPLATE template0");
    if (properties != NULL) {
        add_option(server, &sql, "ENCODING", properties->encoding);
        add_locale(server, &sql, properties);
        result = add_owner(server, &sql, name, properties->owner, err);
    }
    if (result == 0)
        result = run(server, &sql, "creating the database", err);
    text_release(&sql);
    /* It cannot be part of CREATE DATABASE. */
    if (result == 0 && properties != NULL && properties->comment != NULL)
        set_comment(server, name, properties->comment);
    return result < 0 ? err_context(err, "database \"%s\"", name) : 0;
}
