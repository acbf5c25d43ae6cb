/*
 * Three steps: gather (each place into a layer, the later laid over the earlier), check
 * (values against each other, while they still know their origin), build (plain structs).
 * After that nothing of the layers is left but the list of values for `pgkeep config`.
 */
#include "config/settings.h"
#include "base/file.h"
#include "config/adhoc.h"
#include "config/config_env.h"
#include "config/config_file.h"
#include "config/include.h"
#include "config/section.h"
#include "config/settings_check.h"
#include "config/source_settings.h"
#include "config/store_settings.h"
#include "postgres/conninfo.h"

#include <unistd.h>

enum { DISPLAY_MAX = 16384 };

/* ---- layers ---- */

/* --quiet and its like are short for top-level keys. */
static int read_short_forms(const struct config_args *args, struct layer *out,
                            struct err *err)
{
    static const struct {
        const char *flag, *key, *text;
    } forms[] = {
        {"quiet", "log_level", "warning"},
        {"quiet", "progress", "none"},
        {"verbose", "log_level", "debug"},
        {"no-progress", "progress", "none"},
    };
    /* Which of them came last is no answer that a user would expect. */
    if (config_args_flag(args, "quiet") && config_args_flag(args, "verbose"))
        return err_set(err, ERR_USAGE, "--quiet and --verbose exclude each other");
    for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
        /* As if the key itself had been given, but with the name that the user knows. */
        if (!config_args_flag(args, forms[i].flag))
            continue;
        char *origin = memory_format("--%s", forms[i].flag);
        layer_set(out, option_find(OPTION_TOP, forms[i].key), NULL, forms[i].text, origin);
        free(origin);
    }
    return 0;
}

/* --compress and its like: into every section of their scope that is meant. */
static void spread_arguments(const struct config_args *args, const struct layer *sections,
                             struct layer *out)
{
    /* Values of a scope without sections (OPTION_ARGUMENT) are for the commands
     * themselves. */
    for (size_t i = 0; i < args->layer.count; i++) {
        const struct layer_value *value = &args->layer.values[i];
        enum option_scope scope = value->option->scope;
        /* Of the machine and no section's. */
        if (scope == OPTION_TOP)
            layer_set(out, value->option, NULL, value->items.items[0], value->origin);
        for (size_t s = 0; s < sections->section_count; s++) {
            const struct layer_section *section = &sections->sections[s];
            if (section->scope != scope)
                continue;
            /* Of the jobs only those that this run is about, named behind the command or
             * ad hoc; another job need not fit the options. */
            if (scope == OPTION_JOB && strcmp(section->name, SETTINGS_ADHOC) != 0 &&
                !strlist_has(&args->positional, section->name))
                continue;
            /* --limit-rate is for S3 stores; a directory beside them is no reason to refuse
             * it. */
            if (scope == OPTION_STORE &&
                !option_is_for(value->option, section_store_kind(sections, section->name)))
                continue;
            for (size_t j = 0; j < value->items.count; j++)
                layer_append(out, value->option, section->name, value->items.items[j],
                             value->origin);
        }
    }
}

/* Last, so that a default never hides that nobody said anything: the checks ask for what
 * was given. */
static void add_defaults(struct layer *merged)
{
    /* Who runs it and where is no constant, so the table cannot hold this one. */
    char *catalog = settings_default_catalog();
    const struct option *option = option_find(OPTION_TOP, "catalog");
    if (!layer_find(merged, option, NULL))
        layer_set(merged, option, NULL, catalog, "default");
    free(catalog);
    section_defaults(merged, OPTION_TOP, NULL, OPTION_ANY);
    /* By the type of each store as it is now, whoever said it. */
    for (size_t i = 0; i < merged->section_count; i++) {
        const struct layer_section *section = &merged->sections[i];
        enum option_only only = section->scope == OPTION_STORE
                                    ? section_store_kind(merged, section->name)
                                    : OPTION_ANY;
        if (section->scope != OPTION_POLICY) /* what is absent there is off */
            section_defaults(merged, section->scope, section->name, only);
    }
}

/* Each place into `merged`, the later over the earlier; then every value against each. */
static int gather(struct settings *settings, const struct config_args *args,
                  struct layer *merged, struct err *err)
{
    struct layer upper;
    int result = -1;
    layer_init(&upper);

    /* The environment first of all: it may name the folder of more files. */
    if (config_env_read(&upper, err) < 0)
        goto cleanup;
    /* The files; ad-hoc sections count as the main file's. */
    settings->config_file = config_file_locate(config_args_text(args, "config"));
    if (settings->config_file && config_file_read(settings->config_file, merged, err) < 0)
        goto cleanup;
    const struct option *include_dir = option_find(OPTION_TOP, "include_dir");
    const struct layer_value *more = layer_find(&upper, include_dir, NULL);
    if (more == NULL)
        more = layer_find(merged, include_dir, NULL);
    if (more != NULL &&
        include_read(settings->config_file, more->items.items[0], merged, err) < 0)
        goto cleanup;
    settings->adhoc = adhoc_is_asked(args);
    if (settings->adhoc &&
        (adhoc_check(args, err) < 0 || adhoc_read(args, merged, err) < 0))
        goto cleanup;

    /* Over the environment the arguments, which know by now which sections there are. */
    spread_arguments(args, merged, &upper);
    if (read_short_forms(args, &upper, err) < 0)
        goto cleanup;
    layer_merge(merged, &upper);

    add_defaults(merged);
    result = settings_check_all(merged, err);
cleanup:
    layer_release(&upper);
    return result;
}

/* ---- structs ---- */

/* The array of a kind of section. The name is the first field of every element. */
struct array {
    void *items;
    size_t count, size;
};

_Static_assert(offsetof(struct source_settings, name) == 0, "name first");
_Static_assert(offsetof(struct store_settings, name) == 0, "name first");
_Static_assert(offsetof(struct policy_settings, name) == 0, "name first");
_Static_assert(offsetof(struct notifier_settings, name) == 0, "name first");
_Static_assert(offsetof(struct job_settings, name) == 0, "name first");

/* The kinds of sections differ only in their structs; this keeps the loops below one
 * each. */
static struct array array_of(const struct settings *settings, enum option_scope scope)
{
    switch (scope) {
    case OPTION_SOURCE:
        return (struct array){settings->sources, settings->source_count,
                              sizeof(*settings->sources)};
    case OPTION_STORE:
        return (struct array){settings->stores, settings->store_count,
                              sizeof(*settings->stores)};
    case OPTION_POLICY:
        return (struct array){settings->policies, settings->policy_count,
                              sizeof(*settings->policies)};
    case OPTION_NOTIFIER:
        return (struct array){settings->notifiers, settings->notifier_count,
                              sizeof(*settings->notifiers)};
    case OPTION_JOB:
        return (struct array){settings->jobs, settings->job_count, sizeof(*settings->jobs)};
    case OPTION_TOP:
    case OPTION_ARGUMENT:
    case OPTION_SCOPE_COUNT:
        break;
    }
    return (struct array){0};
}

/* By its size alone; what lies there is one of these structs. */
static void *item_of(const struct array *array, size_t i)
{
    return (char *)array->items + i * array->size;
}

static const char *name_of(const struct array *array, size_t i)
{
    char *const *name = item_of(array, i);
    return *name;
}

/* Sections without a value count too: a policy that keeps everything is written so. */
static size_t count_sections(const struct layer *merged, enum option_scope scope)
{
    size_t count = 0;
    for (size_t i = 0; i < merged->section_count; i++)
        count += merged->sections[i].scope == scope;
    return count;
}

/* The sections of one kind, in the order of the file. */
static int fill_sections(struct settings *settings, const struct layer *merged,
                         enum option_scope scope, struct err *err)
{
    struct array array = array_of(settings, scope);
    size_t next = 0;
    /* The array was made for just as many. */
    for (size_t i = 0; i < merged->section_count; i++) {
        const struct layer_section *section = &merged->sections[i];
        if (section->scope != scope)
            continue;
        void *item = item_of(&array, next++);
        char **name = item;
        /* Valid from here on, whatever fails below: release walks the whole array. */
        *name = memory_strdup(section->name);
        if (section_assign(merged, scope, section->name, item, err) < 0)
            return -1;
        if (scope == OPTION_STORE)
            store_settings_join_styles(item);
    }
    return 0;
}

/* What `pgkeep config` shows of one section: in the order of the table, not of the
 * layers. */
static void add_values(struct settings *settings, const struct layer *merged,
                       enum option_scope scope, const char *section)
{
    for (size_t i = 0; i < option_table_count; i++) {
        const struct layer_value *value = layer_find(merged, &option_table[i], section);
        if (!value || option_table[i].scope != scope)
            continue;
        /* Without secrets from here on: these texts go to terminals and into JSON. */
        struct text text;
        text_init(&text, DISPLAY_MAX);
        layer_display(value, &text);
        settings->values[settings->value_count++] = (struct settings_value){
            .option = value->option,
            .section = memory_strdup(value->section),
            .text = text_take(&text),
            .origin = memory_strdup(value->origin),
        };
        text_release(&text);
    }
}

static int build(struct settings *settings, const struct layer *merged, struct err *err)
{
    /* Once and exactly: pointers into the arrays stay valid for as long as the settings
     * live. */
    settings->source_count = count_sections(merged, OPTION_SOURCE);
    settings->store_count = count_sections(merged, OPTION_STORE);
    settings->policy_count = count_sections(merged, OPTION_POLICY);
    settings->notifier_count = count_sections(merged, OPTION_NOTIFIER);
    settings->job_count = count_sections(merged, OPTION_JOB);
    settings->sources = memory_array(settings->source_count, sizeof(*settings->sources));
    settings->stores = memory_array(settings->store_count, sizeof(*settings->stores));
    settings->policies = memory_array(settings->policy_count, sizeof(*settings->policies));
    settings->notifiers =
        memory_array(settings->notifier_count, sizeof(*settings->notifiers));
    settings->jobs = memory_array(settings->job_count, sizeof(*settings->jobs));

    if (section_assign(merged, OPTION_TOP, NULL, settings, err) < 0)
        return -1;
    for (int scope = OPTION_SOURCE; scope <= OPTION_JOB; scope++) {
        if (fill_sections(settings, merged, (enum option_scope)scope, err) < 0)
            return -1;
    }

    /* The same again as texts with their origins. */
    settings->values = memory_array(merged->count, sizeof(*settings->values));
    add_values(settings, merged, OPTION_TOP, NULL);
    for (int scope = OPTION_SOURCE; scope <= OPTION_JOB; scope++) {
        struct array array = array_of(settings, (enum option_scope)scope);
        for (size_t i = 0; i < array.count; i++)
            add_values(settings, merged, (enum option_scope)scope, name_of(&array, i));
    }
    return 0;
}

/* Gather, check, build; of the layers nothing is left but the list of values. */
int settings_load(struct settings *settings, const struct config_args *args,
                  struct err *err)
{
    struct layer merged;
    *settings = (struct settings){0};
    layer_init(&merged);
    int result = gather(settings, args, &merged, err);
    if (result == 0)
        result = build(settings, &merged, err);
    if (result == 0)
        for (size_t i = 0; i < settings->source_count; i++)
            source_settings_apply_profile(&settings->sources[i]);
    layer_release(&merged); /* with every secret that was in it */
    /* Known even after an error, for whoever has to report it. */
    settings->json = config_args_flag(args, "json");
    settings->quiet = config_args_flag(args, "quiet");
    return result;
}

/* Also of half-built ones: arrays that were not made yet are NULL with a count of 0. */
void settings_release(struct settings *settings)
{
    if (!settings)
        return;
    for (size_t i = 0; i < settings->source_count; i++)
        source_settings_release_profile(&settings->sources[i]);
    for (int scope = OPTION_SOURCE; scope <= OPTION_JOB; scope++) {
        struct array array = array_of(settings, (enum option_scope)scope);
        for (size_t i = 0; i < array.count; i++) {
            char **name = item_of(&array, i);
            /* The name is no row of the table. */
            section_release((enum option_scope)scope, item_of(&array, i));
            free(*name);
        }
        free(array.items);
    }
    section_release(OPTION_TOP, settings);
    for (size_t i = 0; i < settings->value_count; i++) {
        free(settings->values[i].section);
        free(settings->values[i].text);
        free(settings->values[i].origin);
    }
    free(settings->values);
    free(settings->config_file);
    *settings = (struct settings){0};
}

/* root's catalog is the machine's; anybody else has one of their own. Relative paths in XDG
 * variables are invalid by its specification. */
char *settings_default_catalog(void)
{
    const char *state = getenv("XDG_STATE_HOME");
    const char *home = getenv("HOME");
    /* By the rights and not by HOME: sudo may keep the one and change the other. */
    if (geteuid() == 0)
        return memory_strdup("/var/lib/pgkeep/catalog.db");
    if (state && *state == '/')
        return file_join(state, "pgkeep/catalog.db");
    return file_join(home && *home == '/' ? home : "/", ".local/state/pgkeep/catalog.db");
}

/* ---- looking up ---- */

/* Linear: a handful of sections, and order is the file's. */
static void *find(const struct settings *settings, enum option_scope scope,
                  const char *name)
{
    struct array array = array_of(settings, scope);
    for (size_t i = 0; i < array.count; i++) {
        if (strcmp(name_of(&array, i), name) == 0)
            return item_of(&array, i);
    }
    return NULL;
}

/* ERR_CONFIG, not ERR_NOT_FOUND: an unknown job is a mistake in the configuration or its
 * use (exit 3). */
static void *require(const struct settings *settings, enum option_scope scope,
                     const char *name, struct err *err)
{
    /* Most names are right: nothing is made for an error before there is one. */
    const char *kind = option_scope_name(scope);
    void *found = find(settings, scope, name);
    if (found)
        return found;
    if (conninfo_may_be(name)) { /* in the wrong place: its password would be quoted */
        err_set(err, ERR_CONFIG, "a connection string is not the name of a %s", kind);
        return NULL;
    }
    if (settings->config_file)
        err_set(err, ERR_CONFIG, "no %s \"%.80s\" in %s", kind, name,
                settings->config_file);
    else
        err_set(err, ERR_CONFIG, "no %s \"%.80s\": there is no configuration file", kind,
                name);

    /* The nearest name, else all of them: with a handful of jobs that is the quickest
     * help. */
    struct array array = array_of(settings, scope);
    struct strlist names = {0};
    struct text all;
    text_init(&all, sizeof(err->text) / 2);
    for (size_t i = 0; i < array.count; i++) {
        strlist_add(&names, name_of(&array, i));
        text_addf(&all, "%s%s", i > 0 ? ", " : "", name_of(&array, i));
    }
    const char *nearest = text_nearest(name, (const char *const *)names.items, names.count);
    if (nearest)
        err_hint(err, "did you mean \"%s\"?", nearest);
    else if (names.count > 0)
        err_hint(err, "known %s: %s", option_scope_group(scope), all.data);
    else if (!settings->config_file)
        err_hint(err, "pgkeep config --example > %s/pgkeep/pgkeep.conf", PGKEEP_SYSCONFDIR);
    text_release(&all);
    strlist_release(&names);
    return NULL;
}

const struct source_settings *settings_source(const struct settings *settings,
                                              const char *name)
{
    return find(settings, OPTION_SOURCE, name);
}

const struct store_settings *settings_store(const struct settings *settings,
                                            const char *name)
{
    return find(settings, OPTION_STORE, name);
}

const struct policy_settings *settings_policy(const struct settings *settings,
                                              const char *name)
{
    return find(settings, OPTION_POLICY, name);
}

const struct notifier_settings *settings_notifier(const struct settings *settings,
                                                  const char *name)
{
    return find(settings, OPTION_NOTIFIER, name);
}

const struct job_settings *settings_job(const struct settings *settings, const char *name)
{
    return find(settings, OPTION_JOB, name);
}

const struct source_settings *settings_require_source(const struct settings *settings,
                                                      const char *name, struct err *err)
{
    return require(settings, OPTION_SOURCE, name, err);
}

const struct store_settings *settings_require_store(const struct settings *settings,
                                                    const char *name, struct err *err)
{
    return require(settings, OPTION_STORE, name, err);
}

const struct notifier_settings *settings_require_notifier(const struct settings *settings,
                                                          const char *name, struct err *err)
{
    return require(settings, OPTION_NOTIFIER, name, err);
}

const struct job_settings *settings_require_job(const struct settings *settings,
                                                const char *name, struct err *err)
{
    return require(settings, OPTION_JOB, name, err);
}

/* Did this run's user ask for it? What the file says is how the job always is. */
bool settings_is_argument(const struct settings *settings, const struct option *option,
                          const char *section)
{
    for (size_t i = 0; i < settings->value_count; i++) {
        const struct settings_value *value = &settings->values[i];
        if (value->option == option && text_equal(value->section, section))
            return text_starts_with(value->origin, "--");
    }
    return false;
}
