/*
 * Look-ups in the table, and the one way from a text to a value. The types themselves are
 * in value.c.
 */
#include "config/option.h"
#include "base/memory.h"
#include "config/redact.h"
#include "config/settings.h"
#include "config/value.h"
#include "postgres/conninfo.h"

enum { NAMES_MAX = 128 };

/* ---- looking rows up ---- */

static const struct {
    const char *group, *name;
} scope_names[OPTION_SCOPE_COUNT] = {
    [OPTION_TOP] = {"", ""},
    [OPTION_SOURCE] = {"sources", "source"},
    [OPTION_STORE] = {"stores", "store"},
    [OPTION_POLICY] = {"policies", "policy"},
    [OPTION_NOTIFIER] = {"notifiers", "notifier"},
    [OPTION_JOB] = {"jobs", "job"},
    [OPTION_ARGUMENT] = {"", ""},
};

/* "stores" in the file, "store" in a sentence. */
const char *option_scope_group(enum option_scope scope)
{
    return scope_names[scope].group;
}

const char *option_scope_name(enum option_scope scope)
{
    return scope_names[scope].name;
}

/* Linear, over some hundred rows and at start only. */
const struct option *option_find(enum option_scope scope, const char *key)
{
    for (size_t i = 0; i < option_table_count; i++) {
        const struct option *option = &option_table[i];
        if (option->scope == scope && option->key && strcmp(option->key, key) == 0)
            return option;
    }
    return NULL;
}

/* "*": before and behind every command. */
bool option_is_global(const struct option *option)
{
    return option->commands && strcmp(option->commands, "*") == 0;
}

/* "backup doctor": a list of words, so that "fetch" is not found in "prefetch". */
bool option_for_command(const struct option *option, const char *command)
{
    return option->commands && command && value_word(option->commands, ' ', command) >= 0;
}

/* Is this key one that such a store has? A row without `only` is every store's. */
bool option_is_for(const struct option *option, enum option_only store)
{
    return store == OPTION_ANY || option->only == OPTION_ANY || option->only == store;
}

/* To this command: its own options and the global ones. */
static bool visible(const struct option *option, const char *command)
{
    return option->argument &&
           (option_is_global(option) || option_for_command(option, command));
}

/* The same name may be a row for each of several commands: --store, --to. */
const struct option *option_find_argument(const char *command, const char *name)
{
    for (size_t i = 0; i < option_table_count; i++) {
        const struct option *option = &option_table[i];
        if (visible(option, command) && strcmp(option->argument, name) == 0)
            return option;
    }
    return NULL;
}

const struct option *option_find_letter(char letter)
{
    /* Few have one: -h, -q, -v, what everybody tries. */
    for (size_t i = 0; i < option_table_count; i++) {
        if (option_table[i].letter && option_table[i].letter == letter)
            return &option_table[i];
    }
    return NULL;
}

/* Only what may stand in this scope: a key of another one would be as wrong there. */
const char *option_nearest_key(enum option_scope scope, const char *word)
{
    const char *names[NAMES_MAX];
    size_t count = 0;
    for (size_t i = 0; i < option_table_count && count < NAMES_MAX; i++) {
        if (option_table[i].scope == scope && option_table[i].key)
            names[count++] = option_table[i].key;
    }
    return text_nearest(word, names, count);
}

/* Only what this command would take. */
const char *option_nearest_argument(const char *command, const char *word)
{
    const char *names[NAMES_MAX];
    size_t count = 0;
    for (size_t i = 0; i < option_table_count && count < NAMES_MAX; i++) {
        if (visible(&option_table[i], command))
            names[count++] = option_table[i].argument;
    }
    return text_nearest(word, names, count);
}

/* Needs no value behind it. */
bool option_is_flag(const struct option *option)
{
    return option->type == OPTION_BOOL;
}

/* Has items: in the file between brackets, on the command line each time that it is
 * given. */
bool option_is_list(const struct option *option)
{
    return option->type == OPTION_LIST || option->type == OPTION_TAGS ||
           option->type == OPTION_MAP;
}

/* By content for connection strings and URLs: most hold no password, and then they are
 * worth showing and may stand in a file that others read. */
bool option_is_secret(const struct option *option, const char *text)
{
    if (option->type == OPTION_CONNINFO)
        return conninfo_has_secret(text);
    /* An endpoint or a proxy: the part before its '@'. */
    if (option->type == OPTION_URL)
        return redact_url_has_password(text);
    return option->type == OPTION_SECRET;
}

const char *option_value_name(const struct option *option)
{
    /* "FILE" says more than "PATH"; of a choice the words themselves say most. */
    if (option->value)
        return option->value;
    const char *name = value_name(option->type);
    return name ? name : option->words;
}

/* ---- texts into values ---- */

/* A limit as the user would write it: in the largest unit that divides it. */
static void describe_limit(const struct option *option, int64_t value, struct text *out)
{
    static const struct {
        enum option_type type;
        int64_t factor;
        const char *unit;
    } units[] = {
        {OPTION_SIZE, INT64_C(1) << 30, "GiB"},
        {OPTION_SIZE, INT64_C(1) << 20, "MiB"},
        {OPTION_SPAN, 86400, "d"},
        {OPTION_SPAN, 3600, "h"},
        {OPTION_SPAN, 60, "min"},
        {OPTION_SPAN, 1, "s"},
    };
    /* From the largest down: 3600 s are 1h, 5400 s are 90min. */
    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
        if (units[i].type == option->type && value % units[i].factor == 0) {
            text_addf(out, "%lld%s", (long long)(value / units[i].factor), units[i].unit);
            return;
        }
    }
    text_addf(out, "%lld", (long long)value);
}

/* What would have been right, for the sentence "LABEL must be …". */
static void describe(const struct option *option, const struct strlist *words,
                     struct text *out)
{
    /* "full, schema or data" */
    for (size_t i = 0; i < words->count; i++) {
        bool last = i + 1 == words->count;
        text_addf(out, "%s%s", i == 0 ? "" : last ? " or " : ", ", words->items[i]);
    }
    if (words->count > 0)
        return;
    text_add(out, value_phrase(option->type));
    /* A span that may be zero needs no lower limit said. */
    if (option->max != 0 && option->min == 0 && option->type == OPTION_SPAN) {
        text_add(out, ", at most ");
        describe_limit(option, option->max, out);
    } else if (option->max != 0) {
        text_add(out, " from ");
        describe_limit(option, option->min, out);
        text_add(out, " to ");
        describe_limit(option, option->max, out);
    }
}

int option_check(const struct option *option, const char *label, const char *text,
                 struct err *err)
{
    struct err reason = {0};
    if (option->initial && *option->initial == '\0' && *text == '\0')
        return 0; /* empty is what it is by default */
    if (value_fits(option, text, &reason))
        return 0;

    /* A reader of its own (codec, connection string) knows best what is wrong. */
    if (reason.kind != ERR_NONE) {
        *err = reason;
        return err_context(err, "%s", label);
    }

    /* The wrong text is quoted, unless it may be a secret, in its place or in a wrong one;
     * then only the rule is told. */
    struct strlist words = {0};
    struct text what;
    /* "a|b|c" of the table, one by one. */
    for (const char *at = option->words; at && *at; at += strspn(at, "|")) {
        size_t size = strcspn(at, "|");
        strlist_addf(&words, "%.*s", (int)size, at);
        at += size;
    }
    text_init(&what, sizeof(err->text));
    describe(option, &words, &what);
    bool hide = *text == '\0' || option_is_secret(option, text) || conninfo_may_be(text);
    err_set(err, ERR_USAGE, "%s must be %s%s%.80s%s", label, what.data,
            hide ? "" : ", not \"", hide ? "" : text, hide ? "" : "\"");
    text_release(&what);

    /* A way on, where there is one: the right word, or what a shell would have done. */
    const char *nearest = text_nearest(text, (const char *const *)words.items, words.count);
    if (nearest)
        err_hint(err, "did you mean \"%s\"?", nearest);
    else if (option->type == OPTION_PATH && *text == '~')
        err_hint(err, OPTION_TILDE_HINT);
    strlist_release(&words);
    return -1;
}

/* Policies have no fields: retention/ parses their texts itself and is the one to know
 * what they mean. Here they are only held against type and range, so that the error has
 * a line. */
int option_assign(const struct option *option, void *target, const char *text,
                  struct err *err)
{
    char *label = memory_format("\"%s\"", option->key);
    int result = option_check(option, label, text, err);
    free(label);
    if (result < 0)
        return -1;
    /* The texts are kept as they are, in the order of the file. */
    if (option->scope == OPTION_POLICY) {
        struct policy_settings *policy = target;
        strlist_add(&policy->keys, option->key);
        strlist_add(&policy->values, text);
    } else {
        value_store(option, target, text);
    }
    return 0;
}

/* Policies have no field, and arguments no struct. */
bool option_print(const struct option *option, const void *target, struct text *out)
{
    /* False: there is nothing to show, which is another thing than an empty text. */
    size_t before = out->length;
    if (option->scope != OPTION_POLICY && option->scope != OPTION_ARGUMENT)
        value_print(option, target, out);
    return out->length > before;
}
