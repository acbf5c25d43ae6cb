/* Line by line; a role may be called anything, so its name is stepped over first. */
#include "backup/restore/role_filter.h"

#include "backup/restore/sql_name.h"
#include "postgres/profile/supabase.h"

enum { LINE_MAX_BYTES = 1 << 20 };

/* Behind a quoted word that begins here; a quote in it is doubled. */
static const char *skip_quoted(const char *at, char quote)
{
    for (at++; *at != '\0'; at++) {
        if (*at != quote)
            continue;
        if (at[1] != quote)
            return at + 1;
        at++;
    }
    return at;
}

/* Where the clause begins, with the blank in front of it, and where it ends; NULL: there is none. */
static const char *find_password(const char *line, const char **end)
{
    static const char clause[] = " PASSWORD '";
    for (const char *at = line; *at != '\0';) {
        if (strncmp(at, clause, strlen(clause)) == 0) {
            *end = skip_quoted(at + strlen(clause) - 1, '\'');
            return at;
        }
        if (*at == '"' || *at == '\'')
            at = skip_quoted(at, *at);
        else
            at++;
    }
    return NULL;
}

/* ---- for a project ---- */

/* Takes each of these words out of what stands behind `at`. */
static void cut_words(char *at, const char *const *words)
{
    for (; *words != NULL; words++) {
        size_t length = strlen(*words);
        char *found = strstr(at, *words);
        if (found != NULL && strchr(" ;\n", found[length]) != NULL)
            memmove(found, found + length, strlen(found + length) + 1);
    }
}

/* The role that a line makes, changes or gives to others; *behind: where the line goes on. Heap;
 * NULL: it speaks of no role. */
static char *role_of(const char *line, const char **behind)
{
    struct sql_cursor cursor;
    sql_cursor_init(&cursor, line, strlen(line));
    bool grant = sql_keyword(&cursor, "GRANT");
    bool known = grant || sql_keyword(&cursor, "CREATE") || sql_keyword(&cursor, "ALTER") ||
                 (sql_keyword(&cursor, "COMMENT") && sql_keyword(&cursor, "ON"));
    if (!known || (!grant && !sql_keyword(&cursor, "ROLE")))
        return NULL;
    char *role = sql_identifier(&cursor);
    *behind = cursor.at;
    /* A right on a tablespace is no membership. */
    if (grant && role != NULL && !sql_keyword(&cursor, "TO")) {
        free(role);
        return NULL;
    }
    return role;
}

/* False: the line is not for a project. What only a superuser may say is cut out of it, even
 * where it says no. */
static bool fit_project(char *line)
{
    static const char *const superuser[] = {" NOSUPERUSER", " NOREPLICATION",
                                            " NOBYPASSRLS", NULL};
    struct sql_cursor cursor;
    const char *behind = NULL;
    char *role = role_of(line, &behind);
    if (role == NULL) {
        /* Comments, settings of the session, and tablespaces, which a project has not. */
        sql_cursor_init(&cursor, line, strlen(line));
        return !sql_keyword(&cursor, "CREATE") && !sql_keyword(&cursor, "ALTER") &&
               !sql_keyword(&cursor, "GRANT") && !sql_keyword(&cursor, "REVOKE") &&
               !sql_keyword(&cursor, "COMMENT");
    }
    bool fits = !supabase_owns_role(role);
    char *rest = line + (behind - line);
    cut_words(rest, superuser);
    /* Who gave it there is not here. */
    char *granted = text_starts_with(line, "GRANT ") ? strstr(rest, " GRANTED BY ") : NULL;
    if (granted != NULL)
        memcpy(granted, ";\n", 3);
    free(role);
    return fits;
}

static int pass_line(struct role_filter *filter, struct err *err)
{
    if (filter->project && !fit_project(filter->line.data)) {
        text_clear(&filter->line);
        return 0;
    }
    filter->line.length = strlen(filter->line.data);
    const char *line = filter->line.data;
    const char *end = NULL;
    bool role =
        text_starts_with(line, "ALTER ROLE ") || text_starts_with(line, "CREATE ROLE ");
    const char *password = role ? find_password(line, &end) : NULL;
    int result;
    if (password == NULL) {
        result = stream_sink_write(&filter->to, line, filter->line.length, err);
    } else {
        result = stream_sink_write(&filter->to, line, (size_t)(password - line), err);
        if (result == 0)
            result = stream_sink_write(&filter->to, end, strlen(end), err);
    }
    text_clear(&filter->line);
    return result;
}

static int take(void *context, const void *data, size_t size, struct err *err)
{
    struct role_filter *filter = context;
    const char *bytes = data;
    while (size > 0) {
        const char *newline = memchr(bytes, '\n', size);
        size_t length = newline != NULL ? (size_t)(newline - bytes) + 1 : size;
        text_add_bytes(&filter->line, bytes, length);
        if (text_check(&filter->line, "a line of the globals", err) < 0)
            return -1;
        if (newline != NULL && pass_line(filter, err) < 0)
            return -1;
        bytes += length;
        size -= length;
    }
    return 0;
}

struct stream_sink role_filter_begin(struct role_filter *filter, struct stream_sink to,
                                     bool project)
{
    filter->to = to;
    filter->project = project;
    text_init(&filter->line, LINE_MAX_BYTES);
    return (struct stream_sink){.write = take, .context = filter};
}

int role_filter_finish(struct role_filter *filter, int result, struct err *err)
{
    if (result == 0 && filter->line.length > 0)
        result = pass_line(filter, err);
    text_wipe(&filter->line); /* password hashes */
    return result;
}
