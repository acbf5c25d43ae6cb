/*
 * Rules between values. Each error begins with where the value came from, so the user need
 * not search; a rule about something that is missing points at the section.
 */
#include "config/settings_check.h"
#include "base/memory.h"
#include "base/parse.h"
#include "config/events/notifier_event.h"
#include "config/section.h"
#include "postgres/conninfo.h"

#include <stdarg.h>

enum { NAMES_MAX = 256 };

/* One section under check. */
struct subject {
    const struct layer *layer;
    enum option_scope scope;
    const char *name;
    struct err *err;
};

/* NULL: nobody said anything, or an empty list, which says nothing either. */
static const struct layer_value *value_of(const struct subject *subject, const char *key)
{
    const struct option *option = option_find(subject->scope, key);
    const struct layer_value *value = layer_find(subject->layer, option, subject->name);
    return value && value->items.count > 0 ? value : NULL;
}

/* By the user: defaults are there always and break no rule. */
static bool given(const struct subject *subject, const char *key)
{
    const struct layer_value *value = value_of(subject, key);
    return value && strcmp(value->origin, "default") != 0;
}

/* Of single values. */
static bool equals(const struct subject *subject, const char *key, const char *text)
{
    const struct layer_value *value = value_of(subject, key);
    return value && strcmp(value->items.items[0], text) == 0;
}

/* "ORIGIN: store "x": SENTENCE"; the origin is that of the key, else that of the
 * section. */
PRINTF(3, 4)
static int refuse(const struct subject *subject, const char *key, const char *format, ...)
{
    char sentence[400];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(sentence, sizeof(sentence), format, arguments);
    va_end(arguments);
    /* Whose fault is it? The key's, if it is there; else that of the section that lacks
     * it. */
    const struct option *option = key ? option_find(subject->scope, key) : NULL;
    const struct layer_value *value =
        option ? layer_find(subject->layer, option, subject->name) : NULL;
    const struct layer_section *section =
        layer_find_section(subject->layer, subject->scope, subject->name);
    const char *origin = value ? value->origin : section->origin;
    err_set(subject->err, ERR_CONFIG, "%s \"%s\": %s", option_scope_name(subject->scope),
            subject->name, sentence);
    return section_blame(origin, subject->err);
}

/* What a section cannot do without, for the type of store that it is. */
static int check_required(const struct subject *subject)
{
    /* What a bucket needs a folder does not even have. */
    enum option_only kind = subject->scope == OPTION_STORE
                                ? section_store_kind(subject->layer, subject->name)
                                : OPTION_ANY;
    for (size_t i = 0; i < option_table_count; i++) {
        const struct option *option = &option_table[i];
        if (option->scope != subject->scope || !(option->flags & OPTION_REQUIRED) ||
            !option_is_for(option, kind) || value_of(subject, option->key))
            continue;
        return refuse(subject, option->key, "\"%s\" is missing", option->key);
    }
    return 0;
}

/* Keys that exclude each other (or, `together`, need each other). */
struct rule {
    const char *a, *b;
    bool together;
};

/* "a" without "b", or both at once: the first rule that is broken is said. */
static int check_rules(const struct subject *subject, const struct rule *rules,
                       size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const struct rule *rule = &rules[i];
        /* A default is nobody's wish, so it contradicts nothing. */
        bool a = given(subject, rule->a), b = given(subject, rule->b);
        if (rule->together ? !a || b : !a || !b)
            continue;
        return refuse(subject, rule->a,
                      rule->together ? "\"%s\" needs \"%s\""
                                     : "\"%s\" and \"%s\" exclude each other",
                      rule->a, rule->b);
    }
    return 0;
}

/* How the password is given, and of which databases. */
static int check_source(const struct layer *layer, const char *name, struct err *err)
{
    static const struct rule rules[] = {
        {"password", "password_file", false},
        {"password", "password_env", false},
        {"password_file", "password_env", false},
        {"exclude_databases", "databases", true},
    };
    struct subject subject = {layer, OPTION_SOURCE, name, err};
    if (check_required(&subject) < 0)
        return -1;
    /* Each is connected to as a name, and is shown as one. */
    const struct layer_value *databases = value_of(&subject, "databases");
    for (size_t i = 0; databases && i < databases->items.count; i++) {
        if (conninfo_may_be(databases->items.items[i]))
            return refuse(&subject, "databases",
                          "\"databases\" holds names, not connection strings");
    }
    return check_rules(&subject, rules, sizeof(rules) / sizeof(rules[0]));
}

/* A key with _env and _file: how many of the three are given? */
static int count_ways(const struct subject *subject, const char *key)
{
    static const char *const suffixes[] = {"", "_env", "_file"};
    int ways = 0;
    for (size_t i = 0; i < sizeof(suffixes) / sizeof(suffixes[0]); i++) {
        char *full = memory_format("%s%s", key, suffixes[i]);
        ways += given(subject, full);
        free(full);
    }
    return ways;
}

/* Half a pair of keys would fall back to the AWS chain and write with somebody else's
 * rights. */
static int check_keys(const struct subject *subject)
{
    static const char *const keys[] = {"access_key", "secret_key", "session_token"};
    int ways[3];
    for (size_t i = 0; i < 3; i++) {
        /* Two ways to one secret: which of them counts would be a guess. */
        ways[i] = count_ways(subject, keys[i]);
        if (ways[i] > 1)
            return refuse(subject, NULL, "only one of %s, %s_env and %s_file", keys[i],
                          keys[i], keys[i]);
    }
    /* Where each is from does not matter, only that both are there. */
    if (ways[0] != ways[1])
        return refuse(subject, NULL, "an access key needs a secret key, and the other way");
    if (ways[2] > ways[0])
        return refuse(subject, NULL, "a session token needs an access key");
    return 0;
}

/* A key of the other type would be ignored for ever, unnoticed. */
static int check_foreign_keys(const struct subject *subject)
{
    enum option_only kind = section_store_kind(subject->layer, subject->name);
    for (size_t i = 0; i < option_table_count; i++) {
        const struct option *option = &option_table[i];
        if (option->scope != OPTION_STORE || option_is_for(option, kind) ||
            !given(subject, option->key))
            continue;
        return refuse(subject, option->key, "\"%s\" is not a key of a store of type \"%s\"",
                      option->key, kind == OPTION_ONLY_DIR ? "dir" : "s3");
    }
    return 0;
}

/* Also for a store that is only a URL (store_settings.c). */
int settings_check_store(const struct layer *layer, const char *name, struct err *err)
{
    static const struct rule rules[] = {
        {"object_lock_mode", "object_lock", true},
        {"object_lock", "object_lock_mode", true},
        {"sse_kms_key", "sse", true},
        {"sse", "sse_c_key_file", false},
    };
    struct subject subject = {layer, OPTION_STORE, name, err};
    /* What is missing before what is too much, and both before what does not fit
     * together. */
    if (check_required(&subject) < 0 || check_foreign_keys(&subject) < 0 ||
        check_rules(&subject, rules, sizeof(rules) / sizeof(rules[0])) < 0 ||
        check_keys(&subject) < 0)
        return -1;
    /* They would stand in every log line and in the catalog. */
    const struct layer_value *endpoint = value_of(&subject, "endpoint");
    if (endpoint && option_is_secret(endpoint->option, endpoint->items.items[0]))
        return refuse(&subject, "endpoint", "no user name or password in an endpoint");
    /* Here the place is known; s3 would only say it when the store is opened. */
    const char *url = endpoint ? endpoint->items.items[0] : "";
    if (endpoint && !strstr(url, "://")) {
        (void)refuse(&subject, "endpoint",
                     "the endpoint must begin with https:// or http://");
        return err_hint(err, "write \"https://%s\", or \"http://%s\" where it has no TLS",
                        url, url);
    }
    /* Two words for one thing may agree, not contradict. */
    if (equals(&subject, "path_style", "true") && equals(&subject, "style", "virtual"))
        return refuse(&subject, "path_style", "style is \"virtual\" at the same time");
    return 0;
}

/* Does a section of that name exist? Else an error with the nearest. */
static int check_name(const struct subject *subject, const char *key, const char *name,
                      enum option_scope scope)
{
    if (layer_find_section(subject->layer, scope, name))
        return 0;
    /* The nearest of those that do exist. */
    const char *names[NAMES_MAX];
    size_t count = 0;
    for (size_t i = 0; i < subject->layer->section_count && count < NAMES_MAX; i++) {
        if (subject->layer->sections[i].scope == scope)
            names[count++] = subject->layer->sections[i].name;
    }
    refuse(subject, key, "there is no %s \"%s\"", option_scope_name(scope), name);
    /* Most wrong names are slips of the pen, and the right one stands in the same file. */
    const char *nearest = text_nearest(name, names, count);
    if (nearest)
        err_hint(subject->err, "did you mean \"%s\"?", nearest);
    return -1;
}

/* min_copies beyond the number of stores is a backup that can only fail; better said before
 * the first night. */
static int check_stores(const struct subject *subject)
{
    const struct layer_value *stores = value_of(subject, "stores");
    int64_t min_copies = 0;
    for (size_t i = 0; i < stores->items.count; i++) {
        const char *name = stores->items.items[i];
        if (check_name(subject, "stores", name, OPTION_STORE) < 0)
            return -1;
        /* One dump would be written twice to the same keys. */
        for (size_t j = 0; j < i; j++) {
            if (strcmp(stores->items.items[j], name) == 0)
                return refuse(subject, "stores", "the same store twice");
        }
    }
    const struct layer_value *copies = value_of(subject, "min_copies");
    if (copies &&
        parse_int(copies->items.items[0], 0, INT64_MAX, &min_copies, subject->err) < 0)
        return -1;
    /* Each store can hold one copy, so that more can never be had. */
    if ((uint64_t)min_copies > stores->items.count)
        return refuse(subject, "min_copies",
                      "\"min_copies\" is more than there are stores");
    return 0;
}

/* A policy for a store that the job does not use would never apply, and look as if it
 * did. */
static int check_store_retention(const struct subject *subject)
{
    const struct layer_value *map = value_of(subject, "store_retention");
    const struct layer_value *stores = value_of(subject, "stores");
    for (size_t i = 0; map && i < map->items.count; i++) {
        /* Checked when it was read: there is one. */
        const char *equals_sign = strchr(map->items.items[i], '=');
        char *store = memory_strndup(map->items.items[i],
                                     (size_t)(equals_sign - map->items.items[i]));
        int result = 0;
        /* The policy has to exist, but the store has to be one of this very job. */
        if (!strlist_has(&stores->items, store))
            result = refuse(subject, "store_retention",
                            "\"store_retention\" names \"%s\", which is none of its stores",
                            store);
        free(store);
        if (result < 0 ||
            check_name(subject, "store_retention", equals_sign + 1, OPTION_POLICY) < 0)
            return -1;
    }
    return 0;
}

/* Which keys a type of notifier has, beside those that all have. Only an address or a server leads
 * anywhere; what a type does not know would be ignored for ever, unnoticed. */
static int check_notifier_keys(const struct subject *subject, bool email)
{
    static const char *const mail[] = {"server", "from", "to", "user", "starttls"};
    static const char *const http[] = {"url_file", "url_env"};
    const char *const *foreign = email ? http : mail;
    size_t count = email ? sizeof http / sizeof *http : sizeof mail / sizeof *mail;
    for (size_t i = 0; i < count; i++) {
        if (given(subject, foreign[i]))
            return refuse(subject, foreign[i], "\"%s\" is %s", foreign[i],
                          email ? "no key of type \"email\""
                                : "a key of type \"email\" alone");
    }
    /* What it cannot do without. */
    for (size_t i = 0; email && i < 3; i++) {
        if (!given(subject, mail[i]))
            return refuse(subject, NULL, "\"%s\" is missing", mail[i]);
    }
    if (!email && given(subject, "url_file") == given(subject, "url_env"))
        return refuse(subject, NULL, "its address is given by one of url_file and url_env");
    if (given(subject, "secret_file") && given(subject, "secret_env"))
        return refuse(subject, "secret_file", "only one of secret_file and secret_env");
    bool secret = given(subject, "secret_file") || given(subject, "secret_env");
    bool takes_secret =
        email || equals(subject, "type", "webhook") || equals(subject, "type", "ntfy");
    if (secret && !takes_secret)
        return refuse(subject, NULL, "such a notifier knows no secret beside its address");
    if (email && secret != given(subject, "user"))
        return refuse(subject, NULL,
                      "logging in needs \"user\", and a secret_file or secret_env");
    return 0;
}

/* Where it leads is checked when it is used: an address stands in a file. */
static int check_notifier(const struct layer *layer, const char *name, struct err *err)
{
    struct subject subject = {layer, OPTION_NOTIFIER, name, err};
    if (check_required(&subject) < 0 ||
        check_notifier_keys(&subject, equals(&subject, "type", "email")) < 0)
        return -1;
    /* A user name in it would stand in errors. */
    const struct layer_value *server = value_of(&subject, "server");
    if (server != NULL && option_is_secret(server->option, server->items.items[0]))
        return refuse(&subject, "server", "no user name or password in a server");
    if (server != NULL && !text_starts_with(server->items.items[0], "smtp://") &&
        !text_starts_with(server->items.items[0], "smtps://"))
        return refuse(&subject, "server", "it must begin with smtp:// or smtps://");
    /* They become words of a mail's head. */
    static const char *const addresses[] = {"from", "to"};
    for (size_t i = 0; i < 2; i++) {
        const struct layer_value *value = value_of(&subject, addresses[i]);
        for (size_t j = 0; value != NULL && j < value->items.count; j++) {
            if (*value->items.items[j] == '\0' || text_has_control(value->items.items[j]) ||
                strpbrk(value->items.items[j], " <>,;:\"\\") != NULL)
                return refuse(&subject, addresses[i], "\"%s\" wants a bare address",
                              addresses[i]);
        }
    }
    const struct layer_value *on = value_of(&subject, "on");
    for (size_t i = 0; on != NULL && i < on->items.count; i++) {
        enum notifier_event event;
        const char *word = on->items.items[i];
        if (notifier_event_from_name(word, &event))
            continue;
        (void)refuse(&subject, "on", "\"%.40s\" is no event", word);
        const char *nearest = notifier_event_nearest(word);
        return nearest != NULL ? err_hint(err, "did you mean \"%s\"?", nearest) : -1;
    }
    return 0;
}

/* A job is where the sections meet: whatever it names must be there. */
static int check_job(const struct layer *layer, const char *name, struct err *err)
{
    struct subject subject = {layer, OPTION_JOB, name, err};
    if (check_required(&subject) < 0)
        return -1;
    /* Names that lead nowhere, before anything relies on them. */
    const struct layer_value *source = value_of(&subject, "source");
    if (check_name(&subject, "source", source->items.items[0], OPTION_SOURCE) < 0 ||
        check_stores(&subject) < 0)
        return -1;
    /* Two answers to when it runs. */
    static const struct rule rules[] = {{"schedule", "every", false}};
    if (check_rules(&subject, rules, 1) < 0)
        return -1;
    const struct layer_value *notify = value_of(&subject, "notify");
    for (size_t i = 0; notify != NULL && i < notify->items.count; i++) {
        if (check_name(&subject, "notify", notify->items.items[i], OPTION_NOTIFIER) < 0)
            return -1;
    }
    /* Without one the policy "default" is meant, if there is such. */
    const struct layer_value *policy = value_of(&subject, "retention");
    if (policy &&
        check_name(&subject, "retention", policy->items.items[0], OPTION_POLICY) < 0)
        return -1;
    return check_store_retention(&subject);
}

/* In the order of the file. Policies have nothing that one key says about another. */
int settings_check_all(const struct layer *layer, struct err *err)
{
    static int (*const checks[OPTION_SCOPE_COUNT])(const struct layer *, const char *,
                                                   struct err *) = {
        [OPTION_SOURCE] = check_source,
        [OPTION_STORE] = settings_check_store,
        [OPTION_NOTIFIER] = check_notifier,
        [OPTION_JOB] = check_job,
    };
    /* The first mistake ends it: those that follow may only come from it. */
    for (size_t i = 0; i < layer->section_count; i++) {
        const struct layer_section *section = &layer->sections[i];
        if (checks[section->scope] && checks[section->scope](layer, section->name, err) < 0)
            return -1;
    }
    return 0;
}
