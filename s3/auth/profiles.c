#define _GNU_SOURCE /* getpwuid_r with the other headers of glibc */
#include "s3/auth/profiles.h"

#include "base/file.h"
#include "base/text.h"

#include <pwd.h>
#include <unistd.h>

#define FILE_CEILING ((size_t)1 << 20)
#define SPACE " \t\r"

struct s3_profiles_entry {
    char *section; /* "profile x", "services x" */
    char *key;     /* lower case; NULL: only says that the section is there */
    struct secret value;
    bool from_credentials_file;
};

struct parser {
    struct s3_profiles *profiles;
    const char *path;
    bool is_credentials_file;
    unsigned line;
    char *section; /* NULL before the first one, "" for one that is not ours */
    char *parent;  /* key of the last line that was not indented */
    bool nested;   /* its value was empty: a block may follow */
};

/* ---- entries ---- */

static struct s3_profiles_entry *find(const struct s3_profiles *profiles,
                                      const char *section, const char *key,
                                      bool from_credentials_file)
{
    for (size_t i = profiles->count; i-- > 0;) {
        struct s3_profiles_entry *entry = &profiles->entries[i];
        if (entry->from_credentials_file == from_credentials_file && entry->key != NULL &&
            strcmp(entry->section, section) == 0 && strcmp(entry->key, key) == 0)
            return entry;
    }
    return NULL;
}

static struct s3_profiles_entry *add_entry(struct parser *parser, const char *key)
{
    struct s3_profiles *profiles = parser->profiles;
    memory_grow(&profiles->entries, &profiles->capacity, profiles->count + 1,
                sizeof *profiles->entries);
    struct s3_profiles_entry *entry = &profiles->entries[profiles->count++];
    *entry =
        (struct s3_profiles_entry){.section = memory_strdup(parser->section),
                                   .key = memory_strdup(key),
                                   .from_credentials_file = parser->is_credentials_file};
    return entry;
}

void s3_profiles_release(struct s3_profiles *profiles)
{
    for (size_t i = 0; i < profiles->count; i++) {
        free(profiles->entries[i].section);
        free(profiles->entries[i].key);
        secret_release(&profiles->entries[i].value);
    }
    free(profiles->entries);
    *profiles = (struct s3_profiles){0};
}

/* ---- parsing ---- */

static int bad_line(const struct parser *parser, const char *why, struct err *err)
{
    return err_set(err, ERR_CONFIG, "%s: line %u: %s", parser->path, parser->line, why);
}

static char *trim(char *text)
{
    text += strspn(text, SPACE);
    size_t length = strlen(text);
    while (length > 0 && strchr(SPACE, text[length - 1]) != NULL)
        length--;
    text[length] = '\0';
    return text;
}

static void cut_comment(char *text)
{
    for (char *p = text; *p != '\0'; p++) {
        if ((*p == '#' || *p == ';') && p > text && strchr(SPACE, p[-1]) != NULL) {
            *p = '\0';
            return;
        }
    }
}

/* Quotes around a name ([profile "my own"]) are taken off. */
static char *unquote(char *name)
{
    size_t length = strlen(name);
    if (length >= 2 && (*name == '"' || *name == '\'') && name[length - 1] == *name) {
        name[length - 1] = '\0';
        return name + 1;
    }
    return name;
}

static char *section_name(const struct parser *parser, char *name)
{
    size_t word = strcspn(name, SPACE);
    if (parser->is_credentials_file)
        return memory_format("profile %s", unquote(name));
    if (strcmp(name, "default") == 0)
        return memory_strdup("profile default");
    bool ours = (word == 7 && memcmp(name, "profile", 7) == 0) ||
                (word == 8 && memcmp(name, "services", 8) == 0);
    if (!ours || name[word] == '\0')
        return memory_strdup(""); /* sso-session, plugins: not ours */
    char *rest = unquote(trim(name + word));
    return memory_format("%.*s %s", (int)word, name, rest);
}

static int parse_section(struct parser *parser, char *line, struct err *err)
{
    char *end = strrchr(line, ']');
    if (end == NULL)
        return bad_line(parser, "a section without ']'", err);
    *end = '\0';
    free(parser->section);
    free(parser->parent);
    parser->parent = NULL;
    parser->nested = false;
    parser->section = section_name(parser, trim(line + 1));
    if (*parser->section != '\0')
        add_entry(parser, NULL);
    return 0;
}

/* An indented line: part of a nested block, or more of the value above. */
static int parse_indented(struct parser *parser, char *line, struct err *err)
{
    char *equals = strchr(line, '=');
    if (parser->parent == NULL)
        return bad_line(parser, "an indented line without a key above it", err);
    if (!parser->nested)
        return 0; /* no value of ours has more than one line */
    if (equals == NULL)
        return bad_line(parser, "no '='", err);
    *equals = '\0';
    char *value = equals + 1;
    cut_comment(value);
    char *key = memory_format("%s.%s", parser->parent, text_lower(trim(line)));
    if (*parser->section != '\0')
        secret_set(&add_entry(parser, key)->value, trim(value));
    free(key);
    return 0;
}

static int parse_key(struct parser *parser, char *line, struct err *err)
{
    char *equals = strchr(line, '=');
    if (equals == NULL)
        return bad_line(parser, "no '='", err);
    if (parser->section == NULL)
        return bad_line(parser, "a key before the first section", err);
    *equals = '\0';
    char *key = text_lower(trim(line));
    char *value = equals + 1;
    if (strcmp(key, "credential_process") != 0)
        cut_comment(value);
    value = trim(value);
    memory_replace(&parser->parent, key);
    parser->nested = *value == '\0';
    if (*parser->section != '\0')
        secret_set(&add_entry(parser, key)->value, value);
    return 0;
}

static int parse_line(struct parser *parser, char *line, struct err *err)
{
    bool indented = *line == ' ' || *line == '\t';
    char *content = trim(line);
    if (*content == '\0' || *content == '#' || *content == ';')
        return 0;
    if (indented && *content != '[')
        return parse_indented(parser, content, err);
    return *content == '[' ? parse_section(parser, content, err)
                           : parse_key(parser, content, err);
}

int s3_profiles_add(struct s3_profiles *profiles, const char *path, const char *text,
                    bool is_credentials_file, struct err *err)
{
    struct parser parser = {
        .profiles = profiles, .path = path, .is_credentials_file = is_credentials_file};
    int result = 0;
    if (text_starts_with(text, "\xEF\xBB\xBF"))
        text += 3;
    while (*text != '\0' && result == 0) {
        size_t length = strcspn(text, "\n");
        char *line = memory_strndup(text, length);
        parser.line++;
        result = parse_line(&parser, line, err);
        memory_wipe(line, length);
        free(line);
        text += length + (text[length] == '\n' ? 1 : 0);
    }
    free(parser.section);
    free(parser.parent);
    return result;
}

/* ---- files ---- */

const char *s3_profiles_env(const char *name)
{
    const char *value = getenv(name);
    return value == NULL || *value == '\0' ? NULL : value;
}

/* Without HOME (a service of systemd) the user database knows it. Heap, or NULL. */
static char *home_folder(void)
{
    const char *home = s3_profiles_env("HOME");
    if (home != NULL)
        return memory_strdup(home);
    struct passwd entry;
    struct passwd *found = NULL;
    char buffer[4096];
    if (getpwuid_r(getuid(), &entry, buffer, sizeof buffer, &found) != 0 || found == NULL)
        return NULL;
    return memory_strdup(found->pw_dir);
}

/* *said: the environment names it. Heap, or NULL. */
static char *file_path(const char *variable, const char *fallback, bool *said)
{
    const char *path = s3_profiles_env(variable);
    *said = path != NULL;
    if (path == NULL)
        path = fallback;
    if (!text_starts_with(path, "~/"))
        return memory_strdup(path);
    char *home = home_folder();
    char *joined = home == NULL ? NULL : file_join(home, path + 2);
    free(home);
    return joined;
}

static int read_file(struct s3_profiles *profiles, const char *path, bool is_credentials,
                     struct err *err)
{
    struct text text;
    text_init(&text, FILE_CEILING);
    int result = file_read(path, &text, &(bool){false}, err);
    if (result < 0)
        err->kind = ERR_CONFIG;
    else
        result = s3_profiles_add(profiles, path, text.data, is_credentials, err);
    memory_wipe(text.data, text.capacity);
    text_release(&text);
    return result;
}

static int load_file(struct s3_profiles *profiles, bool is_credentials, struct err *err)
{
    bool said;
    char *path = is_credentials
                     ? file_path("AWS_SHARED_CREDENTIALS_FILE", "~/.aws/credentials", &said)
                     : file_path("AWS_CONFIG_FILE", "~/.aws/config", &said);
    int result = 0;
    /* A home that is closed to us (ProtectHome of systemd) has no files for us. */
    if (path != NULL && (said || access(path, F_OK) == 0))
        result = read_file(profiles, path, is_credentials, err);
    free(path);
    return result;
}

int s3_profiles_load(struct s3_profiles *profiles, struct err *err)
{
    *profiles = (struct s3_profiles){0};
    int result = load_file(profiles, false, err);
    if (result == 0)
        result = load_file(profiles, true, err);
    if (result < 0)
        s3_profiles_release(profiles);
    return result;
}

/* ---- questions ---- */

static const char *get(const struct s3_profiles *profiles, const char *kind,
                       const char *name, const char *key, bool from_credentials_file)
{
    char *section = memory_format("%s %s", kind, name);
    struct s3_profiles_entry *entry = find(profiles, section, key, from_credentials_file);
    free(section);
    return entry == NULL || *entry->value.text == '\0' ? NULL : entry->value.text;
}

bool s3_profiles_has(const struct s3_profiles *profiles, const char *profile)
{
    char *section = memory_format("profile %s", profile);
    bool has = false;
    for (size_t i = 0; i < profiles->count && !has; i++)
        has = strcmp(profiles->entries[i].section, section) == 0;
    free(section);
    return has;
}

const char *s3_profiles_get(const struct s3_profiles *profiles, const char *profile,
                            const char *key)
{
    const char *value = get(profiles, "profile", profile, key, true);
    return value != NULL ? value : get(profiles, "profile", profile, key, false);
}

const char *s3_profiles_service(const struct s3_profiles *profiles, const char *services,
                                const char *key)
{
    return get(profiles, "services", services, key, false);
}

struct s3_profile_keys s3_profiles_keys(const struct s3_profiles *profiles,
                                        const char *profile)
{
    bool file = get(profiles, "profile", profile, "aws_access_key_id", true) != NULL;
    struct s3_profile_keys keys = {
        .access_key = get(profiles, "profile", profile, "aws_access_key_id", file),
        .secret_key = get(profiles, "profile", profile, "aws_secret_access_key", file),
        .session_token = get(profiles, "profile", profile, "aws_session_token", file)};
    if (keys.session_token == NULL) /* its name in old files */
        keys.session_token = get(profiles, "profile", profile, "aws_security_token", file);
    return keys;
}

const char *s3_profiles_name(const char *profile, bool *named)
{
    const char *name = profile;
    if (name == NULL || *name == '\0')
        name = s3_profiles_env("AWS_PROFILE");
    if (name == NULL)
        name = s3_profiles_env("AWS_DEFAULT_PROFILE");
    if (named != NULL)
        *named = name != NULL;
    return name != NULL ? name : "default";
}
