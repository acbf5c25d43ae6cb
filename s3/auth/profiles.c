#define _GNU_SOURCE /* getpwuid_r with the other headers of glibc */
/*
 * The files are read anew whenever somebody asks: they belong to other programs, and a
 * renewal hours later must see what the user changed. Lines may hold keys, so each copy is
 * wiped, and an error says where something is wrong, never what stands there.
 */
#include "s3/auth/profiles.h"

#include "base/file.h"
#include "base/text.h"

#include <pwd.h>
#include <unistd.h>

#define FILE_CEILING ((size_t)1 << 20)
#define SPACE " \t\r"

struct s3_profiles_entry {
    char *name; /* of the profile, or of the services section */
    bool is_services;
    bool from_credentials_file;
    char *key; /* lower case; NULL: only says that the section is there */
    struct secret value;
};

struct parser {
    struct s3_profiles *profiles;
    const char *path;
    bool is_credentials_file;
    unsigned line;
    bool in_section;
    char *name; /* of the section; NULL for one that is not ours */
    bool is_services;
    char *parent; /* key of the last line that was not indented */
    bool nested;  /* its value was empty: a block may follow */
};

/* ---- parsing ---- */

/* In the order of the files: the last of one name is found first. */
static struct s3_profiles_entry *add_entry(struct parser *parser, const char *key)
{
    struct s3_profiles *profiles = parser->profiles;
    struct s3_profiles_entry *entry = memory_append(&profiles->entries, &profiles->count,
                                                    &profiles->capacity, sizeof *entry);
    *entry =
        (struct s3_profiles_entry){.name = memory_strdup(parser->name),
                                   .is_services = parser->is_services,
                                   .from_credentials_file = parser->is_credentials_file,
                                   .key = memory_strdup(key)};
    return entry;
}

void s3_profiles_release(struct s3_profiles *profiles)
{
    for (size_t i = 0; i < profiles->count; i++) {
        free(profiles->entries[i].name);
        free(profiles->entries[i].key);
        secret_release(&profiles->entries[i].value);
    }
    free(profiles->entries);
    *profiles = (struct s3_profiles){0};
}

/* Which file and line: the text itself may be a key. */
static int bad_line(const struct parser *parser, const char *why, struct err *err)
{
    return err_set(err, ERR_CONFIG, "%s: line %u: %s", parser->path, parser->line, why);
}

/* In place; the carriage return of a Windows line goes, too. */
static char *trim(char *text)
{
    text += strspn(text, SPACE);
    size_t length = strlen(text);
    while (length > 0 && strchr(SPACE, text[length - 1]) != NULL)
        length--;
    text[length] = '\0';
    return text;
}

/* "[...]"; what stands behind the bracket is a comment. */
static int parse_section(struct parser *parser, char *line, struct err *err)
{
    char *end = strrchr(line, ']');
    if (end == NULL)
        return bad_line(parser, "a section without ']'", err);
    *end = '\0';
    char *name = trim(line + 1);

    /* [NAME] in the file of credentials; [default], [profile NAME] and [services NAME] in the
     * other, whose sso-sessions and plugins are not ours. */
    parser->is_services = false;
    if (!parser->is_credentials_file && strcmp(name, "default") != 0) {
        size_t word = strcspn(name, SPACE);
        bool profile = word == 7 && memcmp(name, "profile", 7) == 0;
        parser->is_services = word == 8 && memcmp(name, "services", 8) == 0;
        bool ours = (profile || parser->is_services) && name[word] != '\0';
        name = ours ? trim(name + word) : NULL;
    }
    /* [profile "my own"] */
    size_t length = name == NULL ? 0 : strlen(name);
    if (length >= 2 && (*name == '"' || *name == '\'') && name[length - 1] == *name) {
        name[length - 1] = '\0';
        name++;
    }
    /* The section is there even if nothing stands in it: a profile may be named. */
    parser->in_section = true;
    memory_replace(&parser->name, name);
    memory_replace(&parser->parent, NULL);
    parser->nested = false;
    if (name != NULL)
        add_entry(parser, NULL);
    return 0;
}

/* "key = value", which may open a nested block, or a line of such a block. */
static int parse_setting(struct parser *parser, char *line, bool indented, struct err *err)
{
    if (indented && parser->parent == NULL)
        return bad_line(parser, "an indented line without a key above it", err);
    /* More of the value above: none of ours has more than one line. */
    if (indented && !parser->nested)
        return 0;
    /* The first '=': keys have none, values may (base64 ends with them). */
    char *equals = strchr(line, '=');
    if (equals == NULL)
        return bad_line(parser, "no '='", err);
    if (!parser->in_section)
        return bad_line(parser, "a key before the first section", err);
    *equals = '\0';
    char *key = text_lower(trim(line));
    char *value = equals + 1;

    /* A comment ends the value, but not that of credential_process: a '#' means something
     * in a command. */
    bool is_command = !indented && strcmp(key, "credential_process") == 0;
    for (char *p = value; !is_command && *p != '\0'; p++) {
        if ((*p == '#' || *p == ';') && p > value && strchr(SPACE, p[-1]) != NULL) {
            *p = '\0';
            break;
        }
    }
    value = trim(value);

    /* "s3 =" and below it "endpoint_url = ..." are s3.endpoint_url. */
    char *full = indented ? memory_format("%s.%s", parser->parent, key) : NULL;
    if (parser->name != NULL)
        secret_set(&add_entry(parser, indented ? full : key)->value, value);
    free(full);
    /* What a block below it would belong to. */
    if (!indented) {
        memory_replace(&parser->parent, key);
        parser->nested = *value == '\0';
    }
    return 0;
}

/* Line by line; the first that is wrong ends it: a file is not used by half. */
int s3_profiles_add(struct s3_profiles *profiles, const char *path, const char *text,
                    bool is_credentials_file, struct err *err)
{
    struct parser parser = {
        .profiles = profiles, .path = path, .is_credentials_file = is_credentials_file};
    int result = 0;
    /* Editors of Windows put a byte order mark in front. */
    if (text_starts_with(text, "\xEF\xBB\xBF"))
        text += 3;
    while (*text != '\0' && result == 0) {
        size_t length = strcspn(text, "\n");
        char *line = memory_strndup(text, length);
        bool indented = *line == ' ' || *line == '\t';
        char *content = trim(line);
        parser.line++;
        if (*content == '[')
            result = parse_section(&parser, content, err);
        else if (*content != '\0' && *content != '#' && *content != ';')
            result = parse_setting(&parser, content, indented, err);
        /* It may have been a key's. */
        memory_wipe(line, length);
        free(line);
        text += length + (text[length] == '\n' ? 1 : 0);
    }
    free(parser.name);
    free(parser.parent);
    return result;
}

/* ---- files ---- */

const char *s3_profiles_env(const char *name)
{
    const char *value = getenv(name);
    return value == NULL || *value == '\0' ? NULL : value;
}

/* "~/x" below the home folder. Heap, or NULL when there is no home. */
static char *in_home(const char *path)
{
    const char *home = s3_profiles_env("HOME");
    struct passwd entry;
    struct passwd *found = NULL;
    char buffer[4096];
    if (!text_starts_with(path, "~/"))
        return memory_strdup(path);
    /* Without HOME (a service of systemd) the user database knows it. */
    if (home == NULL && getpwuid_r(getuid(), &entry, buffer, sizeof buffer, &found) == 0 &&
        found != NULL)
        home = found->pw_dir;
    return home == NULL ? NULL : file_join(home, path + 2);
}

/* One of the two; absent is empty. */
static int load_file(struct s3_profiles *profiles, bool is_credentials, struct err *err)
{
    const char *said =
        s3_profiles_env(is_credentials ? "AWS_SHARED_CREDENTIALS_FILE" : "AWS_CONFIG_FILE");
    const char *usual = is_credentials ? "~/.aws/credentials" : "~/.aws/config";
    char *path = in_home(said != NULL ? said : usual);
    int result = 0;
    /* A home that is closed to us (ProtectHome of systemd) has no files for us. */
    if (path != NULL && (said != NULL || access(path, F_OK) == 0)) {
        struct text text;
        text_init(&text, FILE_CEILING);
        result = file_read(path, &text, &(bool){false}, err);
        if (result < 0)
            err->kind = ERR_CONFIG;
        else
            result = s3_profiles_add(profiles, path, text.data, is_credentials, err);
        text_wipe(&text);
    }
    free(path);
    return result;
}

int s3_profiles_load(struct s3_profiles *profiles, struct err *err)
{
    *profiles = (struct s3_profiles){0};
    /* Both, as a profile may stand in either: its keys in one, its role in the other. */
    if (load_file(profiles, false, err) == 0 && load_file(profiles, true, err) == 0)
        return 0;
    s3_profiles_release(profiles);
    return -1;
}

/* ---- questions ---- */

/* The last one said counts; an empty one is as if not said. */
static const char *find(const struct s3_profiles *profiles, bool is_services,
                        const char *name, const char *key, bool from_credentials_file)
{
    for (size_t i = profiles->count; i-- > 0;) {
        const struct s3_profiles_entry *entry = &profiles->entries[i];
        if (entry->from_credentials_file == from_credentials_file &&
            entry->is_services == is_services && strcmp(entry->name, name) == 0 &&
            entry->key != NULL && strcmp(entry->key, key) == 0)
            return *entry->value.text == '\0' ? NULL : entry->value.text;
    }
    return NULL;
}

/* Also one that holds nothing: it was written down, so it is meant. */
bool s3_profiles_has(const struct s3_profiles *profiles, const char *profile)
{
    for (size_t i = 0; i < profiles->count; i++)
        if (!profiles->entries[i].is_services &&
            strcmp(profiles->entries[i].name, profile) == 0)
            return true;
    return false;
}

const char *s3_profiles_get(const struct s3_profiles *profiles, const char *profile,
                            const char *key)
{
    const char *value = find(profiles, false, profile, key, true);
    return value != NULL ? value : find(profiles, false, profile, key, false);
}

const char *s3_profiles_service(const struct s3_profiles *profiles, const char *services,
                                const char *key)
{
    return find(profiles, true, services, key, false);
}

struct s3_profile_keys s3_profiles_keys(const struct s3_profiles *profiles,
                                        const char *profile)
{
    /* The file of credentials, if the key stands there; then all of it comes from there. */
    bool file = find(profiles, false, profile, "aws_access_key_id", true) != NULL;
    struct s3_profile_keys keys = {
        .access_key = find(profiles, false, profile, "aws_access_key_id", file),
        .secret_key = find(profiles, false, profile, "aws_secret_access_key", file),
        .session_token = find(profiles, false, profile, "aws_session_token", file)};
    if (keys.session_token == NULL) /* its name in old files */
        keys.session_token = find(profiles, false, profile, "aws_security_token", file);
    return keys;
}

/* The configuration's, the environment's, "default": the first that says something. */
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
