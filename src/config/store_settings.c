/*
 * A store's URL and its settings are the same thing twice: what is read from a URL goes
 * through the option table like a section of the file, and what is written is every key
 * that differs from its default. Secrets are neither read nor written: URLs stand in argv,
 * logs and the catalog.
 */
#include "config/store_settings.h"
#include "base/file.h"
#include "config/section.h"
#include "config/settings_check.h"
#include "config/value.h"

enum { URL_MAX = 8192 };

/* What is being read: values go into a section of `out`. */
struct reader {
    struct layer *out;
    const char *section;
    const char *origin;
};

/* ---- URL -> layer ---- */

static int malformed(struct err *err, const char *what)
{
    err_set(err, ERR_USAGE, "store URL: %s", what);
    return err_hint(err, "as s3://BUCKET/PREFIX?endpoint=URL&region=NAME or dir:/FOLDER");
}

/* Heap; NULL for a bad %XX or an encoded NUL. */
static char *decode(const char *text, size_t size)
{
    struct text out;
    text_init(&out, URL_MAX);
    /* A NUL would end the text for whoever reads it as one. */
    bool good = text_add_decoded(&out, text, size);
    char *result = good ? text_take(&out) : NULL;
    text_release(&out);
    return result;
}

/* As from the file: same check, same layer. */
static int put(const struct reader *reader, const char *key, const char *value,
               struct err *err)
{
    const struct option *option = option_find(OPTION_STORE, key);
    char *label = memory_format("store URL: \"%s\"", key);
    int result = option_check(option, label, value, err);
    if (result == 0)
        layer_set(reader->out, option, reader->section, value, reader->origin);
    free(label);
    return result;
}

/* One KEY=VALUE of the query, decoded. */
static int put_pair(const struct reader *reader, const char *key, const char *value,
                    struct err *err)
{
    const struct option *option = option_find(OPTION_STORE, key);
    if (!option) {
        const char *nearest = option_nearest_key(OPTION_STORE, key);
        err_set(err, ERR_USAGE, "store URL: unknown key \"%.60s\"", key);
        return nearest ? err_hint(err, "did you mean \"%s\"?", nearest) : -1;
    }
    if (option->type == OPTION_SECRET) {
        err_set(err, ERR_USAGE,
                "store URL: \"%s\" may not stand there: every user can see it", key);
        return err_hint(err, "use %s_env or %s_file, the AWS_* variables or a profile", key,
                        key);
    }
    /* Type, bucket and prefix are there from the URL itself. */
    if (layer_find(reader->out, option, reader->section))
        return err_set(err, ERR_USAGE, "store URL: \"%s\" is there already", key);
    return put(reader, key, value, err);
}

/* Empty parts (`?&a=b&`) are nobody's mistake. */
static int read_query(const struct reader *reader, const char *query, struct err *err)
{
    /* Pair by pair, decoded only after they were taken apart: %26 is no separator. */
    for (const char *at = query; *at;) {
        size_t size = strcspn(at, "&");
        const char *equals = memchr(at, '=', size);
        if (size > 0 && !equals)
            return malformed(err, "a key without a value behind the '?'");
        if (size > 0) {
            char *key = decode(at, (size_t)(equals - at));
            char *value = decode(equals + 1, size - (size_t)(equals - at) - 1);
            int result = key && value ? put_pair(reader, key, value, err)
                                      : malformed(err, "bad %XX");
            free(key);
            free(value);
            if (result < 0)
                return -1;
        }
        at += size + (at[size] == '&');
    }
    return 0;
}

/* s3://BUCKET[/PREFIX][?QUERY]; `rest` is behind the scheme. *name is set as soon as there
 * is one, for the caller to free after an error too. */
static int read_s3(const char *rest, struct reader *reader, char **name, struct err *err)
{
    /* Bucket and prefix, without slashes at the end. */
    size_t end = strcspn(rest, "?"), slash = strcspn(rest, "/?");
    const char *query = rest[end] == '?' ? rest + end + 1 : "";
    while (end > slash && rest[end - 1] == '/')
        end--;
    char *bucket = decode(rest, slash);
    char *prefix =
        end > slash ? decode(rest + slash + 1, end - slash - 1) : memory_strdup("");
    int result = -1;
    *name = NULL;
    if (!bucket || !prefix) {
        malformed(err, "bad %XX");
        goto cleanup;
    }

    /* The name is made anew from the parts, so that every way to write a URL gives the same
     * one. */
    struct text text;
    text_init(&text, URL_MAX);
    text_add(&text, "s3://");
    text_add_percent(&text, bucket, strlen(bucket), false);
    if (*prefix)
        text_add_char(&text, '/');
    text_add_percent(&text, prefix, strlen(prefix), true);
    reader->section = *name = text_finish(&text);

    /* The parts first, so that the query cannot give another bucket. */
    if (put(reader, "type", "s3", err) == 0 && put(reader, "bucket", bucket, err) == 0 &&
        put(reader, "prefix", prefix, err) == 0)
        result = read_query(reader, query, err);
cleanup:
    free(bucket);
    free(prefix);
    return result;
}

/* Raw, not percent-decoded: people write paths here, and a path may hold any of %, ? and &.
 * Relative to where we are, because the catalog keeps it for runs that start elsewhere. */
static int read_dir(const char *rest, struct reader *reader, char **name, struct err *err)
{
    if (*rest == '\0')
        return malformed(err, "no folder");
    /* A shell expands it only at the beginning of a word: here it would be a folder
     * called ~. */
    if (*rest == '~') {
        err_set(err, ERR_USAGE, "store URL: \"dir:%.80s\" begins with ~", rest);
        return err_hint(err, OPTION_TILDE_HINT);
    }
    /* dir:///srv is what people write who know file:// URLs. */
    while (rest[0] == '/' && rest[1] == '/')
        rest++;
    char *path = file_absolute(rest, err);
    if (!path)
        return -1;
    /* One folder, one name. */
    for (size_t length = strlen(path); length > 1 && path[length - 1] == '/';)
        path[--length] = '\0';
    reader->section = *name = memory_format("dir:%s", path);
    int result = put(reader, "type", "dir", err);
    if (result == 0)
        result = put(reader, "path", path, err);
    free(path);
    return result;
}

int store_settings_read(const char *url, const char *origin, struct layer *out, char **name,
                        struct err *err)
{
    struct reader reader = {out, NULL, origin};
    int result;
    *name = NULL;
    /* The two kinds differ from the first character on; everything behind is theirs. */
    if (text_starts_with(url, "s3://"))
        result = read_s3(url + strlen("s3://"), &reader, name, err);
    else if (text_starts_with(url, "dir:"))
        result = read_dir(url + strlen("dir:"), &reader, name, err);
    else
        result = malformed(err, "it must begin with s3:// or dir:");
    if (result == 0)
        layer_add_section(out, OPTION_STORE, *name, origin);
    return result;
}

/* Two keys for one thing: from here on only `style` counts. */
void store_settings_join_styles(struct store_settings *store)
{
    if (store->path_style)
        store->style = STORE_STYLE_PATH;
}

/* The same checks as for a section of the file; only the kind differs: a URL is a word of
 * the user. */
int store_settings_from_url(const char *url, struct store_settings *out, struct err *err)
{
    struct layer layer;
    int result = -1;
    *out = (struct store_settings){0};
    layer_init(&layer);
    if (store_settings_read(url, "store URL", &layer, &out->name, err) < 0)
        goto cleanup;
    bool dir = text_starts_with(out->name, "dir:");
    section_defaults(&layer, OPTION_STORE, out->name,
                     dir ? OPTION_ONLY_DIR : OPTION_ONLY_S3);
    /* The same checks as for a section of the file: a URL can say whatever a section
     * can. */
    if (settings_check_store(&layer, out->name, err) < 0 ||
        section_assign(&layer, OPTION_STORE, out->name, out, err) < 0)
        goto cleanup;
    store_settings_join_styles(out);
    result = 0;
cleanup:
    if (result < 0) {
        /* A URL is a word of the user, wherever the check was made. */
        err->kind = ERR_USAGE;
        store_settings_release(out);
    }
    layer_release(&layer);
    return result;
}

/* ---- struct -> URL ---- */

/* As stored: "30min" and "1800s" are the same default. */
static bool is_default(const struct option *option, const char *text)
{
    struct store_settings unset = {0};
    struct err err = {0};
    struct text initial;
    text_init(&initial, URL_MAX);
    if (option->initial && option_assign(option, &unset, option->initial, &err) == 0)
        (void)option_print(option, &unset, &initial);
    bool same = strcmp(text, initial.data) == 0;
    section_release(OPTION_STORE, &unset);
    text_release(&initial);
    return same;
}

static void add_query(const struct store_settings *store, struct text *url)
{
    /* type, path, bucket and prefix are the URL itself; path_style is in `style`
     * already. */
    static const char elsewhere[] = "type path bucket prefix path_style";
    struct text value;
    char separator = '?';
    text_init(&value, URL_MAX);
    for (size_t i = 0; i < option_table_count; i++) {
        const struct option *option = &option_table[i];
        text_clear(&value);
        if (option->scope != OPTION_STORE || value_word(elsewhere, ' ', option->key) >= 0 ||
            !option_print(option, store, &value) || is_default(option, value.data) ||
            option_is_secret(option, value.data))
            continue;
        text_addf(url, "%c%s=", separator, option->key);
        text_add_percent(url, value.data, value.length, true);
        separator = '&';
    }
    text_release(&value);
}

/* Reads back as the same settings, and writes again as the same text. */
char *store_settings_url(const struct store_settings *store)
{
    struct text url;
    text_init(&url, URL_MAX);
    /* A folder has nothing but its path: no key of a dir store changes what lies there. */
    if (store->type == STORE_DIR) {
        text_addf(&url, "dir:%s", store->path);
    } else {
        text_add(&url, "s3://");
        text_add_percent(&url, store->bucket, strlen(store->bucket), false);
        /* The prefix ends in a slash here, and not in a URL. */
        size_t length = strlen(store->prefix);
        if (length > 0) {
            text_add_char(&url, '/');
            text_add_percent(&url, store->prefix, length - 1, true);
        }
        add_query(store, &url);
    }
    return text_finish(&url);
}

/* The name is no row of the table. */
void store_settings_release(struct store_settings *store)
{
    section_release(OPTION_STORE, store);
    free(store->name);
    store->name = NULL;
}
