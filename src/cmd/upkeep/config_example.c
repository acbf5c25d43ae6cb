/*
 * The example shows every key once. What a first configuration needs stands there ready to
 * be edited, all else as a comment, so that the file loads as it is and no default is
 * frozen into it.
 */
#include "cmd/upkeep/config_example.h"
#include "config/option.h"

enum { WIDTH = 90 };

/* One group of the example: a scope, the name it gets, and for stores which type. */
struct sample {
    enum option_scope scope;
    const char *name;
    enum option_only only;
};

/* Wrapped at words; each line gets its own "#". */
static void add_comment(struct text *out, const char *indent, const char *words)
{
    size_t used = WIDTH;
    for (const char *at = words; *at;) {
        size_t size = strcspn(at, " ");
        /* The first word always begins a line. */
        if (used + 1 + size > WIDTH) {
            text_addf(out, "%s%s#", used == WIDTH ? "" : "\n", indent);
            used = strlen(indent) + 1;
        }
        text_add_char(out, ' ');
        text_add_bytes(out, at, size);
        used += size + 1;
        at += size + (at[size] == ' ');
    }
    text_add_char(out, '\n');
}

static void add_quoted(struct text *out, const char *text, size_t size)
{
    text_add_char(out, '"');
    for (size_t i = 0; i < size; i++) {
        /* libconfig's escapes. */
        if (text[i] == '"' || text[i] == '\\')
            text_add_char(out, '\\');
        text_add_char(out, text[i]);
    }
    text_add_char(out, '"');
}

/* An example in the syntax of the file. */
static void add_value(struct text *out, const struct option *option, const char *text)
{
    size_t size = strcspn(text, "=");
    /* A map shows one pair as a group. */
    if (option->type == OPTION_MAP) {
        text_add(out, "{ ");
        text_add_bytes(out, text, size);
        text_add(out, " = ");
        add_quoted(out, text + size + 1, strlen(text + size + 1));
        text_add(out, "; }");
        return;
    }
    /* Numbers and truth values stand bare. */
    if (option->type == OPTION_BOOL || option->type == OPTION_INT ||
        option->type == OPTION_PERCENT ||
        (option->type == OPTION_COUNT && strcmp(text, "auto") != 0)) {
        text_add(out, text);
        return;
    }
    if (!option_is_list(option)) {
        add_quoted(out, text, strlen(text));
        return;
    }
    /* The items of a list are joined by |, as no example needs one itself. */
    text_add(out, "[ ");
    for (const char *at = text; *at;) {
        size = strcspn(at, "|");
        if (at != text)
            text_add(out, ", ");
        add_quoted(out, at, size);
        at += size + (at[size] == '|');
    }
    text_add(out, " ]");
}

/* The help as a comment, then the key with its example. */
static void add_option(struct text *out, const struct option *option,
                       const struct sample *sample, const char *indent)
{
    struct text help;
    /* HELP: a|b|c (default: x) */
    text_init(&help, 4096);
    text_add(&help, option->help);
    if (option->words)
        text_addf(&help, ": %s", option->words);
    if (option->initial && *option->initial)
        text_addf(&help, " (default: %s)", option->initial);
    add_comment(out, indent, help.data);
    text_release(&help);
    /* Only "type" has none of its own: each sample of a store shows its type. */
    const char *example = option->example;
    /* The two types of stores, each in its sample. */
    if (!example)
        example = sample->only == OPTION_ONLY_DIR ? "dir" : "s3";
    /* What a first configuration needs is not commented out. */
    text_addf(out, "%s%s%s = ", indent, option->flags & OPTION_SHOWN ? "" : "#",
              option->key);
    add_value(out, option, example);
    text_add(out, ";\n");
}

/* In the order of the table, which is the order in which a reader needs them. */
static void add_rows(struct text *out, const struct sample *sample, const char *indent)
{
    for (size_t i = 0; i < option_table_count; i++) {
        const struct option *option = &option_table[i];
        if (option->scope == sample->scope && option_is_for(option, sample->only))
            add_option(out, option, sample, indent);
    }
}

/* A group of the file: { NAME: { rows }; }. */
static void add_group(struct text *out, const char *comment, const struct sample *samples,
                      size_t count)
{
    /* With what it is for above it, as a reader comes from the top. */
    text_add_char(out, '\n');
    add_comment(out, "", comment);
    text_addf(out, "%s: {\n", option_scope_group(samples[0].scope));
    for (size_t i = 0; i < count; i++) {
        text_addf(out, "    %s: {\n", samples[i].name);
        add_rows(out, &samples[i], "        ");
        text_add(out, "    };\n");
    }
    text_add(out, "};\n");
}

void config_example_print(struct text *out)
{
    /* Stores of both types, because their keys differ; of all else one sample says
     * enough. */
    static const struct sample top = {OPTION_TOP, NULL, OPTION_ANY};
    static const struct sample sources[] = {{OPTION_SOURCE, "shop", OPTION_ANY}};
    static const struct sample stores[] = {{OPTION_STORE, "nas", OPTION_ONLY_DIR},
                                           {OPTION_STORE, "offsite", OPTION_ONLY_S3}};
    static const struct sample policies[] = {{OPTION_POLICY, "standard", OPTION_ANY}};
    static const struct sample notifiers[] = {{OPTION_NOTIFIER, "ops", OPTION_ANY}};
    static const struct sample jobs[] = {{OPTION_JOB, "nightly", OPTION_ANY}};
    text_add(
        out,
        "# pgkeep.conf - made by `pgkeep config --example`; check a changed file with "
        "`pgkeep config`.\n"
        "# Looked for in --config, $PGKEEP_CONFIG, "
        "$XDG_CONFIG_HOME/pgkeep/pgkeep.conf,\n"
        "# /etc/pgkeep/pgkeep.conf. A file that holds a secret must not be readable by "
        "others.\n"
        "# Top-level keys may also stand in the environment: catalog is "
        "PGKEEP_CATALOG.\n\n");
    add_rows(out, &top, "");
    add_group(out, "What to back up: a database, or all of a server.", sources,
              sizeof(sources) / sizeof(sources[0]));
    add_group(out, "Where backups are kept.", stores, sizeof(stores) / sizeof(stores[0]));
    add_group(out,
              "What is kept how long. Absent is off; a policy in which nothing is on keeps "
              "everything. `pgkeep prune` shows what would go and why.",
              policies, sizeof(policies) / sizeof(policies[0]));
    add_group(out,
              "Who is told when something changes, and how; `notify` of a job names them. "
              "`pgkeep notify NAME --test` tries one.",
              notifiers, sizeof(notifiers) / sizeof(notifiers[0]));
    add_group(out, "What `pgkeep backup NAME` does.", jobs, sizeof(jobs) / sizeof(jobs[0]));
}
