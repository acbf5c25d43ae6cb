/*
 * Files that people keep under version control are not to be turned inside out: the one word that
 * is changed is changed in place, and what comes out is read once more before it counts.
 */
#include "config/include.h"

#include "base/file.h"
#include "base/memory.h"
#include "config/config_file.h"
#include "config/settings.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FILE_MAX = 1 << 20 };

/* Its path, heap. */
static char *include_folder(const char *config_file, const char *dir)
{
    /* Beside the configuration, so that both can be moved together. */
    if (*dir == '/' || config_file == NULL)
        return memory_strdup(dir);
    char *folder = file_folder(config_file);
    char *path = file_join(folder, dir);
    free(folder);
    return path;
}

static int list_files(const char *folder, struct strlist *names, struct err *err)
{
    DIR *dir = opendir(folder);
    /* A folder that was named and is not there is a slip: jobs would silently not exist. */
    if (dir == NULL)
        return err_errno(err, ERR_CONFIG, "include_dir: %s", folder);
    /* No files of editors (.x.conf.swp), no backups of packages (x.conf.dpkg-old). */
    for (struct dirent *entry = readdir(dir); entry != NULL; entry = readdir(dir)) {
        if (entry->d_name[0] != '.' && text_ends_with(entry->d_name, ".conf"))
            strlist_add(names, entry->d_name);
    }
    closedir(dir);
    /* By name: the order of a folder is the file system's and another on each machine. */
    strlist_sort(names);
    return 0;
}

/* One file into a layer of its own first, so that what stands twice is found. */
static int read_one(const char *path, struct layer *out, struct err *err)
{
    /* The layer of one file knows only its own lines, so origins are right by themselves. */
    struct layer one;
    layer_init(&one);
    int result = config_file_read(path, &one, err);
    for (size_t i = 0; result == 0 && i < one.section_count; i++) {
        const struct layer_section *section = &one.sections[i];
        const struct layer_section *other =
            layer_find_section(out, section->scope, section->name);
        if (other != NULL)
            result = err_set(err, ERR_CONFIG, "%s: %s \"%s\" stands already at %s",
                             section->origin, option_scope_name(section->scope),
                             section->name, other->origin);
    }
    /* Which of two files would count for the whole machine is nothing to guess. */
    for (size_t i = 0; result == 0 && i < one.count; i++) {
        if (one.values[i].option->scope == OPTION_TOP)
            result = err_set(err, ERR_CONFIG,
                             "%s: \"%s\" belongs into the main file; here stand sources, "
                             "stores, policies, notifiers and jobs",
                             one.values[i].origin, one.values[i].option->key);
    }
    if (result == 0)
        layer_merge(out, &one);
    layer_release(&one);
    return result;
}

int include_read(const char *config_file, const char *dir, struct layer *out,
                 struct err *err)
{
    char *folder = include_folder(config_file, dir);
    struct strlist names = {0};
    int result = list_files(folder, &names, err);
    for (size_t i = 0; result == 0 && i < names.count; i++) {
        char *path = file_join(folder, names.items[i]);
        result = read_one(path, out, err);
        free(path);
    }
    strlist_release(&names);
    free(folder);
    return result;
}

/* ---- has anything changed? ---- */

/* FNV-1a, of what stat tells. */
static void stamp_file(uint64_t *hash, const char *path)
{
    struct stat status;
    int64_t facts[7] = {0};
    /* Through links, since Kubernetes changes what a link leads to. */
    if (stat(path, &status) == 0) {
        const int64_t there[] = {1,
                                 (int64_t)status.st_dev,
                                 (int64_t)status.st_ino,
                                 (int64_t)status.st_size,
                                 (int64_t)status.st_mtim.tv_sec,
                                 (int64_t)status.st_mtim.tv_nsec,
                                 (int64_t)status.st_mode};
        memcpy(facts, there, sizeof facts);
    }
    const unsigned char *bytes = (const unsigned char *)facts;
    for (size_t i = 0; i < sizeof facts; i++)
        *hash = (*hash ^ bytes[i]) * UINT64_C(0x100000001b3);
    for (const char *at = path; *at != '\0'; at++)
        *hash = (*hash ^ (unsigned char)*at) * UINT64_C(0x100000001b3);
}

uint64_t include_stamp(const struct settings *settings, struct strlist *folders)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    struct err ignored = {0};
    if (settings->config_file == NULL)
        return hash;
    stamp_file(&hash, settings->config_file);
    char *folder = file_folder(settings->config_file);
    if (folders != NULL)
        strlist_add(folders, folder);
    free(folder);
    if (settings->include_dir == NULL)
        return hash;
    /* Each by its name and in their order: one that came or went is a change as well. */
    folder = include_folder(settings->config_file, settings->include_dir);
    struct strlist names = {0};
    if (list_files(folder, &names, &ignored) == 0) {
        for (size_t i = 0; i < names.count; i++) {
            char *path = file_join(folder, names.items[i]);
            stamp_file(&hash, path);
            free(path);
        }
    }
    if (folders != NULL)
        strlist_add(folders, folder);
    strlist_release(&names);
    free(folder);
    return hash;
}

/* ---- enabled ---- */

/* "FILE:LINE" of a value of a job, or of the job itself (key NULL). */
static const char *origin_of(const struct settings *settings, const char *job,
                             const char *key)
{
    const struct option *option = option_find(OPTION_JOB, key);
    for (size_t i = 0; i < settings->value_count; i++) {
        const struct settings_value *value = &settings->values[i];
        if (value->option == option && text_equal(value->section, job))
            return value->origin;
    }
    return "";
}

/* The begin of the n-th line, from 1 on; NULL: there is none. */
static char *line_of(char *text, long number)
{
    for (; number > 1 && text != NULL; number--) {
        text = strchr(text, '\n');
        text = text != NULL ? text + 1 : NULL;
    }
    return text;
}

/* The place behind the '{' that opens the job's group: the first behind its name, on the
 * line where libconfig says that the group stands, or on one of those above it. */
static char *opening_of(char *text, long line, const char *job)
{
    size_t length = strlen(job);
    /* From there upwards: the nearest one above is the group's own. */
    for (; line > 0; line--) {
        for (char *at = line_of(text, line); at != NULL && *at != '\0' && *at != '\n';
             at++) {
            if (strncmp(at, job, length) != 0)
                continue;
            char *brace = at + length + strspn(at + length, " \t\r\n:=");
            if (*brace == '{')
                return brace + 1;
        }
    }
    return NULL;
}

/* What is to be said of a job, and where it is said now. */
struct edit {
    const char *job;
    bool enabled;
    long job_line; /* of some key of it */
    long key_line; /* of "enabled"; 0: nobody has said it */
};

/* The same text with the one word changed, or put in; false: the place was not found. */
static bool change(char *text, const struct edit *edit, struct text *out)
{
    const char *word = edit->enabled ? "true" : "false";
    if (edit->key_line > 0) {
        /* libconfig told the line; the word stands behind the name, whatever else is in it. */
        char *at = line_of(text, edit->key_line);
        char *key = at != NULL ? strstr(at, "enabled") : NULL;
        if (key == NULL)
            return false;
        char *value = key + strlen("enabled");
        value += strspn(value, " \t\r\n:=");
        text_add_bytes(out, text, (size_t)(value - text));
        text_add(out, word);
        text_add(out,
                 value +
                     strspn(value, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"));
        return true;
    }
    /* Nobody has: in front of all else that the group says. */
    char *place = opening_of(text, edit->job_line, edit->job);
    if (place == NULL)
        return false;
    text_add_bytes(out, text, (size_t)(place - text));
    text_addf(out, " enabled = %s;", word);
    text_add(out, place);
    return true;
}

/* In the place of the old one, with its rights; never half. */
static int replace_file(const char *path, const struct text *text, struct err *err)
{
    struct stat status;
    if (stat(path, &status) < 0)
        return err_errno(err, ERR_CONFIG, "cannot read %s", path);
    const struct file_content content = {text->data, text->length, status.st_mode & 07777U,
                                         true};
    if (file_replace(path, &content, err) == 0)
        return 0;
    err->kind = ERR_CONFIG;
    return -1;
}

/* Reads, changes, reads what came out as if it were the file, and only then writes. */
static int edit_file(const char *path, const struct edit *edit, struct err *err)
{
    struct text before, after;
    struct layer check;
    /* They may hold passwords of other jobs: wiped, whatever happens. */
    text_init(&before, FILE_MAX);
    text_init(&after, FILE_MAX);
    layer_init(&check);
    /* The file as it is now, not as it was when the settings were read. */
    int result = file_read(path, &before, NULL, err);
    if (result == 0 && !change(before.data, edit, &after))
        result = err_set(err, ERR_CONFIG, "%s: cannot find where job \"%s\" begins", path,
                         edit->job);
    if (result == 0)
        result = config_file_parse(path, after.data, 0600, &check, err);
    const struct layer_value *value =
        result == 0 ? layer_find(&check, option_find(OPTION_JOB, "enabled"), edit->job)
                    : NULL;
    if (result == 0 &&
        (value == NULL || value->items.count != 1 ||
         strcmp(value->items.items[0], edit->enabled ? "true" : "false") != 0))
        result = err_set(err, ERR_CONFIG, "%s: cannot find \"enabled\" of job \"%s\"", path,
                         edit->job);
    if (result == 0)
        result = replace_file(path, &after, err);
    layer_release(&check);
    /* A source with a password may stand in it, too. */
    memory_wipe(before.data, before.length);
    memory_wipe(after.data, after.length);
    text_release(&before);
    text_release(&after);
    return result;
}

int include_set_enabled(const struct settings *settings, const struct job_settings *job,
                        bool enabled, bool *changed, struct err *err)
{
    /* As it is wanted already: the file is not even touched. */
    *changed = job->enabled != enabled;
    if (!*changed)
        return 0;

    /* A job has a source, so there is a line of it; "enabled" has one unless it is a
     * default. */
    const char *source = origin_of(settings, job->name, "source");
    const char *key = origin_of(settings, job->name, "enabled");
    /* FILE:LINE; whatever else it were, is a place that is not written. */
    const char *colon = strrchr(source, ':');
    char *path = memory_strndup(source, colon != NULL ? (size_t)(colon - source) : 0);
    char *folder = settings->include_dir != NULL
                       ? include_folder(settings->config_file, settings->include_dir)
                       : NULL;
    char *home = file_folder(path);
    int result;
    if (colon == NULL || folder == NULL || strcmp(home, folder) != 0 ||
        !settings->editable) {
        result =
            err_set(err, ERR_CONFIG, "job \"%s\" stands in %s, which pgkeep does not write",
                    job->name, path);
        err_hint(err,
                 "write `enabled = %s;` there, or keep the job in a file of include_dir "
                 "and set editable = true",
                 enabled ? "true" : "false");
    } else {
        const char *key_colon = strrchr(key, ':');
        struct edit edit = {.job = job->name,
                            .enabled = enabled,
                            .job_line = strtol(colon + 1, NULL, 10),
                            .key_line =
                                key_colon != NULL ? strtol(key_colon + 1, NULL, 10) : 0};
        result = edit_file(path, &edit, err);
    }
    free(home);
    free(folder);
    free(path);
    return result;
}
