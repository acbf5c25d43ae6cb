/*
 * The options are kept as a hash: patterns may be in any encoding, and only their being the same is
 * asked. The choice is a text of digits, one for each statement and each table's rows.
 */
#include "backup/restore/resume.h"

#include "base/digest.h"
#include "base/log.h"
#include "base/memory.h"

#define OPTIONS_MAX ((size_t)16 << 20)
#define CHOICE_MAX ((size_t)1 << 30)

static void add_list(struct text *out, const char *name, const struct strlist *list)
{
    for (size_t i = 0; list != NULL && i < list->count; i++)
        text_addf(out, "%s=%s\n", name, list->items[i]);
}

/* What must be the same for both to be one restore. */
static char *hash_options(const struct resume_spec *spec)
{
    const struct selection_spec *chosen = spec->chosen;
    unsigned char hash[SHA256_SIZE];
    char hex[2 * SHA256_SIZE + 1];
    struct text text;
    text_init(&text, OPTIONS_MAX);
    /* In the order that was given: the same command again is what is asked for. */
    add_list(&text, "table", chosen->tables);
    add_list(&text, "schema", chosen->schemas);
    text_addf(&text, "section=%s\nsearch_path=%s\n",
              chosen->section != NULL ? chosen->section : "",
              spec->search_path != NULL ? spec->search_path : "");
    text_addf(&text, "%d%d%d%d\n", chosen->no_owner, chosen->no_privileges,
              spec->disable_triggers, spec->create);
    /* It says whether triggers fire; without it the text is as it was. */
    if (spec->project)
        text_add(&text, "project\n");
    /* How many connections is not among them: fewer may be free now. */
    digest_sha256(text.data, text.length, hash);
    text_release(&text);
    return memory_strdup(digest_hex(hash, sizeof hash, hex));
}

static char *write_choice(const struct script *script)
{
    const struct selection *selection = &script->selection;
    struct text text;
    text_init(&text, CHOICE_MAX);
    text_add(&text, "");
    /* 2: it comes behind all others. */
    for (size_t i = 0; i < script->outline.count; i++)
        text_add_char(&text, selection->late[i]         ? '2'
                             : selection->statements[i] ? '1'
                                                        : '0');
    for (size_t i = 0; i < script->outline.rows_count; i++)
        text_add_char(&text, selection->rows[i] ? '1' : '0');
    return text_finish(&text);
}

static int read_choice(struct script *script, const char *choice, struct err *err)
{
    struct selection *selection = &script->selection;
    size_t statements = script->outline.count;
    if (strlen(choice) != statements + script->outline.rows_count)
        return err_set(
            err, ERR_USAGE,
            "the restore was begun by another version of pgkeep, which takes the "
            "backup apart in another way");
    /* What was found a moment ago, of a target that has half of it by now, is forgotten. */
    for (size_t i = 0; i < statements; i++) {
        selection->statements[i] = choice[i] == '1';
        selection->late[i] = choice[i] == '2';
    }
    for (size_t i = 0; i < script->outline.rows_count; i++)
        selection->rows[i] = choice[statements + i] == '1';
    return 0;
}

/* An earlier one, with the same options; else nothing is touched. */
static int go_on(const struct resume_spec *spec, struct ledger *ledger, const char *options,
                 struct script *script, struct err *err)
{
    if (strcmp(ledger_options(ledger), options) != 0) {
        err_set(err, ERR_USAGE, "the restore was begun with other options");
        return err_hint(err, "--resume takes the options of the first one: patterns, "
                             "sections, owners, --profile, --create");
    }
    /* The same artifact and options: now its choice takes the place of ours. */
    if (read_choice(script, ledger_choice(ledger), err) < 0)
        return -1;
    log_info("%s: going on behind %llu steps that are done", spec->target.id,
             (unsigned long long)ledger_count(ledger));
    return 0;
}

/* Nothing was begun: then there must be nothing to be in the way. */
static int check_empty(const struct resume_spec *spec, struct ledger *ledger,
                       struct err *err)
{
    uint64_t tables = 0;
    if (ledger_user_tables(ledger, &tables, err) < 0)
        return -1;
    if (tables == 0 || spec->into_nonempty)
        return 0;
    err_set(
        err, ERR_DATABASE,
        "there is nothing to go on with: the database has %llu tables, and no unfinished "
        "restore of %s by several connections",
        (unsigned long long)tables, spec->target.id);
    return err_hint(err, "begin anew in an empty database");
}

int resume_begin(const struct resume_spec *spec, struct script *script, struct ledger **out,
                 struct err *err)
{
    size_t counts[LEDGER_KINDS];
    bool found = false;
    int result = 0;
    counts[LEDGER_STATEMENT] = counts[LEDGER_HALF] = script->outline.count;
    (void)chunk_reader_chunks(script->chunks, &counts[LEDGER_ROWS]);
    char *options = hash_options(spec);
    /* From here on nobody else restores this artifact into this database. */
    *out = ledger_open(&spec->target, err);
    if (*out == NULL)
        result = -1;
    if (result == 0 && spec->again)
        result = ledger_find(*out, counts, &found, err);
    if (result == 0 && found) {
        result = go_on(spec, *out, options, script, err);
    } else if (result == 0) {
        /* It failed before anything was told of, or there never was one. */
        if (spec->again)
            result = check_empty(spec, *out, err);
        char *choice = write_choice(script);
        if (result == 0)
            result = ledger_begin(*out, options, choice, err);
        free(choice);
    }
    free(options);
    if (result == 0)
        return 0;
    ledger_free(*out);
    *out = NULL;
    /* A role that may fill tables but make none restores rows all the same. */
    if (spec->again || err->kind != ERR_DATABASE)
        return -1;
    log_info("a failure of this restore could not be made up for by --resume: %s",
             err->text);
    err_clear(err);
    return 0;
}

void resume_end(struct ledger *ledger, const char *database)
{
    struct err err = {0};
    if (ledger != NULL && ledger_end(ledger, &err) < 0)
        log_warning(
            "database \"%s\": all is restored, but the schema that kept track of it "
            "could not be removed: %s",
            database, err.text);
}
