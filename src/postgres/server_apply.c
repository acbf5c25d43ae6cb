/*
 * Settings and rights of a restored database. One that cannot be applied (a role or an extension
 * is missing here) is no reason to restore nothing: a warning names it, and the others follow.
 *
 * Settings come before the content, which can depend on them (a time zone in a materialized
 * view); only those under which the content could not be written come behind it.
 */
#include "base/log.h"
#include "base/memory.h"
#include "postgres/server.h"
#include "postgres/server_query.h"

#include <ctype.h>

enum { SQL_MAX = 256 * 1024 };

/* 0 also when the statement failed but the connection lives: the others shall follow. A text
 * that overflowed (a name that cannot be quoted) is never sent. */
static int try_statement(struct server *server, const struct text *sql, const char *what,
                         struct err *err)
{
    struct err local_err = {0};
    if (text_check(sql, what, &local_err) == 0 &&
        server_execute(server, what, sql->data, &local_err) == 0)
        return 0;
    if (PQstatus(server->conn) == CONNECTION_OK) {
        log_warning("not applied: %s", local_err.text);
        return 0;
    }
    *err = local_err;
    return -1;
}

/* "name=value": what the server lets a setting be called, letters of any alphabet, too. */
static bool is_setting(const char *text)
{
    const char *at = text;
    while (*at != '\0' && (isalnum((unsigned char)*at) || strchr("_.$-", *at) != NULL ||
                           (*at & 0x80) != 0))
        at++;
    return at > text && *at == '=';
}

/* Of "ROLE\tname=value", where ROLE and value may hold tabs: behind the first tab that is
 * followed by a name and '='. Without any tab it is the database's own. */
static const char *find_setting(const char *entry)
{
    const char *tab = strchr(entry, '\t');
    if (tab == NULL)
        return is_setting(entry) ? entry : NULL;
    while (tab != NULL && !is_setting(tab + 1))
        tab = strchr(tab + 1, '\t');
    return tab != NULL ? tab + 1 : NULL;
}

/* Their values are lists of quoted identifiers; a list in one pair of quotes would be one
 * name (src/backend/utils/misc/guc: GUC_LIST_QUOTE). */
static bool is_quoted_list(const char *name)
{
    static const char *const names[] = {
        "local_preload_libraries",   "restrict_nonsystem_relation_kind", "search_path",
        "session_preload_libraries", "shared_preload_libraries",         "temp_tablespaces",
        "unix_socket_directories"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(name, names[i]) == 0)
            return true;
    return false;
}

/* The next element of `"$user", public`, without its quotes; moves *at behind it. */
static void take_element(const char **at, struct text *element)
{
    bool quoted = false;
    text_clear(element);
    while (**at == ' ' || **at == ',')
        (*at)++;
    for (; **at != '\0' && (quoted || **at != ','); (*at)++) {
        if (**at == '"' && quoted && (*at)[1] == '"')
            text_add_char(element, *(*at)++);
        else if (**at == '"')
            quoted = !quoted;
        else
            text_add_char(element, **at);
    }
}

/* Would it keep the restore itself from writing? `role` makes every session another's. */
static bool forbids_writing(const char *setting)
{
    static const char *const names[] = {"default_transaction_read_only=", "role="};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (text_starts_with(setting, names[i]))
            return true;
    return false;
}

/* Those that may come before the content, or those that must come behind it. */
static int apply_setting(struct server *server, const char *database, const char *entry,
                         bool late, struct err *err)
{
    const char *setting = find_setting(entry);
    if (setting == NULL && !late)
        log_warning("not applied: a setting that cannot be read");
    if (setting == NULL || forbids_writing(setting) != late)
        return 0;
    char *role = memory_strndup(entry, setting > entry ? (size_t)(setting - entry) - 1 : 0);
    char *name = memory_strndup(setting, strcspn(setting, "="));
    const char *value = setting + strlen(name) + 1;
    char *what =
        memory_format("setting %s%s%s", name, *role != '\0' ? " of role " : "", role);
    struct text sql;
    text_init(&sql, SQL_MAX);

    /* Whose it is: the database's, or that of one role in it. */
    text_add(&sql, *role != '\0' ? "ALTER ROLE " : "ALTER DATABASE ");
    if (*role != '\0') {
        server_add_name(server, &sql, role);
        text_add(&sql, " IN DATABASE ");
    }
    server_add_name(server, &sql, database);
    text_add(&sql, " SET ");

    /* In "my.setting" each part between dots is a name of its own. */
    for (const char *at = name; *at != '\0';) {
        size_t length = strcspn(at, ".");
        char *part = memory_strndup(at, length);
        server_add_name(server, &sql, part);
        free(part);
        at += length;
        if (*at == '.')
            text_add_char(&sql, *at++);
    }
    text_add(&sql, " TO ");

    /* A list is given again as a list of literals, an empty one as ''. */
    if (is_quoted_list(name)) {
        struct text element;
        text_init(&element, SQL_MAX);
        for (bool first = true; first || *value != '\0'; first = false) {
            take_element(&value, &element);
            text_add(&sql, first ? "" : ", ");
            server_add_literal(server, &sql, element.data);
        }
        text_release(&element);
    } else {
        server_add_literal(server, &sql, value);
    }
    int result = try_statement(server, &sql, what, err);
    text_release(&sql);
    free(what);
    free(name);
    free(role);
    return result;
}

/* An aclitem, "GRANTEE=letters/GRANTOR". "" as grantee is PUBLIC; a name of other than
 * letters, digits and _ stands in double quotes. */
static int apply_acl_item(struct server *server, const char *database, const char *item,
                          struct err *err)
{
    static const struct privilege {
        char letter;
        const char *name;
    } privileges[] = {{'C', "CREATE"}, {'T', "TEMPORARY"}, {'c', "CONNECT"}};
    struct text grantee, sql;
    int result = 0;
    text_init(&grantee, 4096);
    text_init(&sql, SQL_MAX);
    bool quoted = false;
    const char *at = item;
    for (; *at != '\0' && (quoted || *at != '='); at++) {
        if (*at == '"' && quoted && at[1] == '"')
            text_add_char(&grantee, *at++);
        else if (*at == '"')
            quoted = !quoted;
        else
            text_add_char(&grantee, *at);
    }

    /* One GRANT for each letter, because grant options differ from letter to letter. One
     * that we do not know belongs to no database. */
    for (at += *at == '='; result == 0 && *at != '\0' && *at != '/'; at++) {
        const char *privilege = NULL;
        for (size_t i = 0; i < sizeof privileges / sizeof *privileges; i++)
            if (privileges[i].letter == *at)
                privilege = privileges[i].name;
        if (privilege == NULL)
            continue;
        text_clear(&sql);
        text_addf(&sql, "GRANT %s ON DATABASE ", privilege);
        server_add_name(server, &sql, database);
        text_add(&sql, " TO ");
        if (grantee.length == 0)
            text_add(&sql, "PUBLIC");
        else
            server_add_name(server, &sql, grantee.data);
        if (at[1] == '*')
            text_add(&sql, " WITH GRANT OPTION");
        result = try_statement(server, &sql, sql.data, err);
    }
    text_release(&sql);
    text_release(&grantee);
    return result;
}

/* An acl replaces the default rights of PUBLIC; the owner keeps all of his. */
static int apply_acl(struct server *server, const char *database, const struct strlist *acl,
                     struct err *err)
{
    struct text sql;
    if (acl->count == 0)
        return 0;
    text_init(&sql, SQL_MAX);
    text_add(&sql, "REVOKE ALL ON DATABASE ");
    server_add_name(server, &sql, database);
    text_add(&sql, " FROM PUBLIC");
    int result = try_statement(server, &sql, "rights of the database", err);
    text_release(&sql);
    for (size_t i = 0; i < acl->count && result == 0; i++)
        result = apply_acl_item(server, database, acl->items[i], err);
    return result;
}

/* Nothing where all three are what a new database has anyway: to change them takes rights
 * that its owner need not have. */
static int apply_limits(struct server *server, const char *database,
                        const struct server_properties *properties, struct err *err)
{
    struct text sql;
    if (!properties->is_template && properties->allow_connections &&
        properties->connection_limit < 0)
        return 0;
    text_init(&sql, SQL_MAX);
    text_add(&sql, "ALTER DATABASE ");
    server_add_name(server, &sql, database);
    text_addf(&sql, " CONNECTION LIMIT %d IS_TEMPLATE %s ALLOW_CONNECTIONS %s",
              properties->connection_limit < 0 ? -1 : properties->connection_limit,
              properties->is_template ? "true" : "false",
              properties->allow_connections ? "true" : "false");
    int result = try_statement(server, &sql, "limits of the database", err);
    text_release(&sql);
    return result;
}

static int apply_settings(struct server *server, const char *database,
                          const struct strlist *settings, bool late, struct err *err)
{
    for (size_t i = 0; i < settings->count; i++)
        if (apply_setting(server, database, settings->items[i], late, err) < 0)
            return -1;
    return 0;
}

int server_apply_settings(struct server *server, const char *name,
                          const struct server_properties *properties, struct err *err)
{
    if (apply_settings(server, name, &properties->settings, false, err) == 0)
        return 0;
    return err_context(err, "database \"%s\"", name);
}

int server_apply_properties(struct server *server, const char *name,
                            const struct server_properties *properties, struct err *err)
{
    int result = apply_settings(server, name, &properties->settings, true, err);
    /* Limits last: they may shut everybody out, us too. */
    if (result == 0)
        result = apply_acl(server, name, &properties->acl, err);
    if (result == 0)
        result = apply_limits(server, name, properties, err);
    return result < 0 ? err_context(err, "database \"%s\"", name) : 0;
}
