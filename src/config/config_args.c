/*
 * Words are taken one by one: an option with its value, the command, an argument. The
 * command decides which options there are, so options before it can only be global ones.
 */
#include "config/config_args.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/parse.h"
#include "postgres/conninfo.h"

#include <assert.h>

/* The words still to be read, and what stands where. */
struct cursor {
    int argc;
    char *const *argv;
    int next;
};

/* Behind every error that has no better hint: where the right form stands. */
static void hint_help(const struct config_args *args, struct err *err)
{
    if (args->command)
        err_hint(err, "see `pgkeep help %s`", args->command);
    else
        err_hint(err, "see `pgkeep help`");
}

/* What other tools call it, in the order of commands; a letter's distance would lead "check" to
 * "help". What stands for several is explained. */
static const struct other_word {
    const char *words;          /* between blanks */
    const char *command, *hint; /* hint NULL: did you mean the command? */
} other_words[] = {
    {" create dump save take run snapshot archive ", "backup", NULL},
    {" ls snapshots info history archives ", "list", NULL},
    {" inspect describe details ", "show", NULL},
    {" load import recover ", "restore", NULL},
    {" download get export extract ", "fetch", NULL},
    {" validate ", "verify", NULL},
    {" forget expire retention rotate purge ", "prune", NULL},
    {" keep lock protect ", "pin", NULL},
    {" unlock unprotect ", "unpin", NULL},
    {" rm remove del drop ", "delete", NULL},
    {" cp replicate mirror ", "copy", NULL},
    {" sync rebuild reindex index ", "catalog",
     "`pgkeep catalog sync` merges what other machines "
     "wrote, `pgkeep catalog rebuild` makes a lost catalog anew"},
    {" init setup start stanza-create ", "backup",
     "nothing has to be made: the first backup makes catalog and store; `pgkeep config "
     "--example` "
     "prints a configuration, `pgkeep doctor` looks whether all is well"},
    {" check test ping ", "doctor",
     "`pgkeep doctor` looks at everything that must work, `pgkeep verify` at backups, "
     "`pgkeep "
     "config` at the configuration, `pgkeep catalog check` at the catalog"},
    {" clean cleanup gc repair ", "prune",
     "`pgkeep prune` removes what has expired, `pgkeep sweep` what a crash left"},
    {" compact vacuum ", "prune",
     "there is nothing to compact: `pgkeep prune` applies retention"},
    {" break-lock release-lock ", "sweep",
     "a lock ends with its process, there is nothing to break; `pgkeep sweep` finishes or "
     "undoes what a crash left"},
    {" stats stat size du df usage ", "status",
     "`pgkeep status` and `pgkeep list` show ages and sizes"},
    {" stop kill abort ", "cancel", NULL},
    {" daemon scheduler cron ", "serve",
     "`pgkeep serve` runs jobs when they are due, `pgkeep run --due` does one round for "
     "cron"},
    {" version ", "help", "`pgkeep --version` prints it"},
};

int config_args_unknown_command(const char *word, const char *const *commands, size_t count,
                                struct err *err)
{
    err_set(err, ERR_USAGE, "unknown command \"%.80s\"", word);
    char *between = memory_format(" %s ", word);
    for (size_t i = 0; i < sizeof other_words / sizeof *other_words; i++) {
        const struct other_word *other = &other_words[i];
        if (strchr(word, ' ') != NULL || strstr(other->words, between) == NULL)
            continue;
        free(between);
        return other->hint != NULL ? err_hint(err, "%s", other->hint)
                                   : err_hint(err, "did you mean \"%s\"?", other->command);
    }
    free(between);
    const char *nearest = text_nearest(word, commands, count);
    if (nearest)
        return err_hint(err, "did you mean \"%s\"?", nearest);
    return err_hint(err, "`pgkeep help` lists the commands");
}

/* The first word that is no option. Every later error can name the command in its hint. */
static int read_command(struct config_args *args, const struct config_args_line *line,
                        const char *word, struct err *err)
{
    /* Kept by itself: the words of the line are the caller's. */
    for (size_t i = 0; i < line->command_count; i++) {
        if (strcmp(line->commands[i], word) == 0) {
            args->command = memory_strdup(word);
            return 0;
        }
    }
    return config_args_unknown_command(word, line->commands, line->command_count, err);
}

/* Errors quote the word that they are about; not one that may hold a password. */
static int misplaced_conninfo(struct err *err)
{
    return err_set(err, ERR_USAGE,
                   "an argument that may hold a password is in a wrong place: a connection "
                   "string is given by --source or --to");
}

/* Options that other tools have, or other commands of ours: what to write instead. */
static const struct {
    const char *command, *option, *hint;
} other_options[] = {
    {"backup", "job", "jobs are arguments: pgkeep backup JOB"},
    {"backup", "output", "--store says where to: --store dir:/FOLDER"},
    {"backup", "database",
     "--source 'host=... dbname=NAME' names it, or `databases` of the source"},
    {"prune", "dry-run", "without --yes prune only shows the plan"},
    {"delete", "dry-run", "without --yes nothing is deleted"},
    {"restore", "clean",
     "nothing is ever dropped: restore into a new database with --create"},
    {"restore", "output", "`pgkeep fetch` brings a backup into a file"},
    {"fetch", "to", "--output FILE says where to"},
    {"run", "job", "jobs are arguments: pgkeep run JOB"},
    {"list", "before", "--until TIME: taken before that time"},
    {"list", "after", "--since TIME: taken at or after that time"},
    {"backup", "dbname", "--source 'host=... dbname=NAME' names it"},
    {"restore", "dbname", "--to 'host=... dbname=NAME' names the target"},
    {"restore", "target", "--to 'host=... dbname=NAME' names the target"},
    {"restore", "job", "latest:JOB is the newest backup of a job"},
    {"restore", "latest", "latest is an argument: pgkeep restore latest:JOB --to ..."},
    {"restore", "jobs", "--parallel N is the number of connections"},
    {"backup", "jobs", "--parallel N is the number of connections"},
    {"backup", "repo", "a place for backups is a store: --store URL"},
    {"backup", "stanza", "what is backed up, and where to, is a job: pgkeep backup JOB"},
    {"backup", "host", "a server stands in --source 'host=... port=... user=...'"},
    {"restore", "host", "a server stands in --to 'host=... port=... user=...'"},
};

/* A typo is answered with the nearest option of this command. In front of the command the
 * likelier mistake is the place. */
static int unknown_option(const struct config_args *args, const char *name, struct err *err)
{
    const char *nearest = option_nearest_argument(args->command, name);
    /* "--postgresql://u:secret@h": what was meant as a value is not repeated. */
    if (conninfo_may_be(name))
        return misplaced_conninfo(err);
    if (args->command)
        err_set(err, ERR_USAGE, "unknown option \"--%.80s\" of %s", name, args->command);
    else
        err_set(err, ERR_USAGE, "unknown global option \"--%.80s\"", name);
    for (size_t i = 0; i < sizeof other_options / sizeof *other_options; i++) {
        if (text_equal(args->command, other_options[i].command) &&
            strcmp(name, other_options[i].option) == 0)
            return err_hint(err, "%s", other_options[i].hint);
    }
    if (nearest)
        return err_hint(err, "did you mean \"--%s\"?", nearest);
    /* No near name: perhaps it is a right one in the wrong place. */
    for (size_t i = 0; i < option_table_count && !args->command; i++) {
        const char *argument = option_table[i].argument;
        if (argument && strcmp(argument, name) == 0)
            return err_hint(err, "options of a command stand behind it");
    }
    hint_help(args, err);
    return -1;
}

/* Values are checked where they are read, so that the error names the option as it was
 * typed; the origin is the same label, for `pgkeep config`. */
static int put(struct config_args *args, const struct option *option, const char *value,
               struct err *err)
{
    char *label = memory_format("--%s", option->argument);
    /* Relative to where its user stands, as with any other program; a file and a
     * variable are read from anywhere, and there only whole paths are taken. */
    bool relative = option->type == OPTION_PATH && *value != '\0' && !strchr("/~", *value);
    char *path = relative ? file_absolute(value, err) : NULL;
    int result = relative && !path ? -1 : 0;
    if (path)
        value = path;
    if (result == 0)
        result = option_check(option, label, value, err);
    /* A list grows with each time that it is given; of all else the last time counts. */
    if (result == 0 && (option_is_list(option) || option->flags & OPTION_REPEATS))
        layer_append(&args->layer, option, NULL, value, label);
    else if (result == 0)
        layer_set(&args->layer, option, NULL, value, label);
    free(path);
    free(label);
    return result;
}

/* --name=value, --name value, or --name alone for a flag. `word` is behind the dashes. */
static int parse_long(struct config_args *args, const char *word, struct cursor *cursor,
                      struct err *err)
{
    size_t length = strcspn(word, "=");
    const char *value = word[length] == '=' ? word + length + 1 : NULL;
    char *name = memory_strndup(word, length);
    const struct option *option = option_find_argument(args->command, name);
    if (!option)
        unknown_option(args, name, err);
    free(name);
    if (!option)
        return -1;
    /* A flag never takes the next word: "--json false" would be a flag and an argument. */
    if (!value && option_is_flag(option))
        value = "true";

    /* The next word, whatever it begins with, unless it is an option of this command:
     * "--store --type full" has lost a value, "--description --dashes--" has not. */
    if (!value && cursor->next < cursor->argc) {
        const char *next = cursor->argv[cursor->next];
        bool known = false;
        if (text_starts_with(next, "--")) {
            char *other = memory_strndup(next + 2, strcspn(next + 2, "="));
            known = option_find_argument(args->command, other) != NULL;
            free(other);
        }
        if (!known) {
            value = next;
            cursor->next++;
        }
    }
    if (value)
        return put(args, option, value, err);
    err_set(err, ERR_USAGE, "--%s needs a value: %s", option->argument,
            option_value_name(option));
    hint_help(args, err);
    return -1;
}

/* -qv is -q -v; every letter is a flag. */
static int parse_letters(struct config_args *args, const char *letters, struct err *err)
{
    for (; *letters; letters++) {
        /* Only global flags have letters, so the command need not be known yet. */
        const struct option *option = option_find_letter(*letters);
        if (!option) {
            err_set(err, ERR_USAGE, "unknown option \"-%c\"", *letters);
            hint_help(args, err);
            return -1;
        }
        if (put(args, option, "true", err) < 0)
            return -1;
    }
    return 0;
}

/* After everything was read, because options may stand in any order. */
static int check_required(const struct config_args *args, struct err *err)
{
    for (size_t i = 0; i < option_table_count; i++) {
        const struct option *option = &option_table[i];
        if (option->scope != OPTION_ARGUMENT || (option->flags & OPTION_REQUIRED) == 0 ||
            !option_for_command(option, args->command) ||
            layer_find(&args->layer, option, NULL))
            continue;
        err_set(err, ERR_USAGE, "%s needs --%s %s", args->command, option->argument,
                option_value_name(option));
        hint_help(args, err);
        return -1;
    }
    return 0;
}

/* One pass from left to right; what is missing is known only at its end. */
int config_args_parse(struct config_args *args, const struct config_args_line *line,
                      struct err *err)
{
    struct cursor cursor = {line->argc, line->argv, 1};
    bool ended = false;
    int result = 0;
    /* From here on it can be released, whatever the words are. */
    *args = (struct config_args){0};
    layer_init(&args->layer);
    while (result == 0 && cursor.next < cursor.argc) {
        /* Behind "--" all words are arguments, as everywhere. */
        const char *word = cursor.argv[cursor.next++];
        if (!ended && strcmp(word, "--") == 0)
            ended = true;
        else if (!ended && text_starts_with(word, "--"))
            result = parse_long(args, word + 2, &cursor, err);
        else if (!ended && word[0] == '-' && word[1]) /* "-" alone is stdout */
            result = parse_letters(args, word + 1, err);
        else if (conninfo_may_be(word))
            result = misplaced_conninfo(err);
        else if (!args->command)
            result = read_command(args, line, word, err);
        else
            strlist_add(&args->positional, word);
    }
    /* Who asks for help need not know yet what the command requires. */
    if (result < 0 || config_args_flag(args, "help") || config_args_flag(args, "version"))
        return result;
    return check_required(args, err);
}

void config_args_release(struct config_args *args)
{
    /* Also of a line that could not be read to its end, and twice. */
    free(args->command);
    args->command = NULL;
    strlist_release(&args->positional);
    layer_release(&args->layer);
}

/* The kernel shows the bytes of argv themselves, so they are overwritten in place and keep
 * their length. */
void config_args_hide(const struct config_args *args, int argc, char **argv)
{
    for (size_t i = 0; i < args->layer.count; i++) {
        const struct layer_value *value = &args->layer.values[i];
        for (size_t j = 0; j < value->items.count; j++) {
            const char *item = value->items.items[j];
            /* Only what is one: `ps` should still show which backup this is. */
            for (int k = 1; k < argc && option_is_secret(value->option, item); k++) {
                /* Also inside of "--source=…". */
                char *at = strstr(argv[k], item);
                if (at)
                    memset(at, 'x', strlen(item));
            }
        }
    }
}

/* An option that the command does not have would silently read as "not given". */
static const struct layer_value *find(const struct config_args *args, const char *name)
{
    const struct option *option = option_find_argument(args->command, name);
    assert(option);
    return layer_find(&args->layer, option, NULL);
}

bool config_args_has(const struct config_args *args, const char *name)
{
    return find(args, name) != NULL;
}

/* --json=false counts as not given. */
bool config_args_flag(const struct config_args *args, const char *name)
{
    const char *text = config_args_text(args, name);
    struct err err = {0};
    bool value = false;
    return text && parse_bool(text, &value, &err) == 0 && value;
}

const char *config_args_text(const struct config_args *args, const char *name)
{
    const struct layer_value *value = find(args, name);
    /* Given twice, the last time counts, as in every other program. */
    return value ? value->items.items[value->items.count - 1] : NULL;
}

/* An empty list, not NULL: callers only walk it. */
const struct strlist *config_args_list(const struct config_args *args, const char *name)
{
    static const struct strlist empty = {0};
    const struct layer_value *value = find(args, name);
    return value ? &value->items : &empty;
}

int64_t config_args_number(const struct config_args *args, const char *name, int64_t absent)
{
    const struct layer_value *value = find(args, name);
    struct err err = {0};
    int64_t number = absent;
    if (!value)
        return absent;
    const char *text = value->items.items[value->items.count - 1];
    int result = -1;
    /* It was checked when it was read: this cannot fail. Only now, since "36h" is
     * counted from the moment in which it is used. */
    if (value->option->type == OPTION_INT)
        result = parse_int(text, INT64_MIN, INT64_MAX, &number, &err);
    else if (value->option->type == OPTION_SPAN)
        result = parse_seconds(text, &number, &err);
    else if (value->option->type == OPTION_TIME)
        result =
            clock_read(text, value->option->flags & OPTION_AHEAD ? CLOCK_AHEAD : CLOCK_AGO,
                       clock_now(), &number, &err);
    assert(result == 0);
    (void)result;
    return number;
}
