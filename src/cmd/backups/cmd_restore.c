/*
 * `restore`: the command line becomes a struct restore_spec. What of it a backup allows is
 * checked in restore.c, so that the command and later callers refuse the same things.
 */
#include "backup/restore.h"
#include "base/clock.h"
#include "base/memory.h"
#include "cmd/backups/restore_all_command.h"
#include "cmd/cmd.h"
#include "cmd/output.h"
#include "report/artifact_name.h"
#include "report/run_json.h"

/* The target's database, the store that was read and the time of the backup: all may be others than
 * was thought. How much was brought is known only of the whole. */
static void report_done(const struct cmd_context *ctx,
                        const struct catalog_artifact *artifact,
                        const struct restore_done *done, int64_t milliseconds)
{
    char time[32], size[32], of[32];
    bool part = config_args_has(ctx->args, "table") ||
                config_args_has(ctx->args, "schema") ||
                config_args_has(ctx->args, "section");
    if (ctx->settings->json) {
        output_json(run_json_restored(artifact, done, milliseconds));
        return;
    }
    char *name = artifact_name_of(artifact);
    output_linef("%s restored into database \"%s\" from store \"%s\", as of %s: %s%s%s",
                 name, done->database, done->store, output_time(of, artifact->time),
                 done->counted ? text_size(size, done->raw_bytes) : "",
                 done->counted ? (part ? " of rows in " : " in ") : "",
                 text_duration(time, milliseconds));
    free(name);
}

/* A name from a dump must not drive the terminal. */
static void add_printable_name(struct text *line, const char *name)
{
    if (name != NULL)
        text_add_printable(line, name, strlen(name));
}

/* One line of the list: where, what, whose. */
static void list_item(const struct listing_item *item)
{
    char size[32];
    struct text line;
    text_init(&line, 4096);
    text_addf(&line, "%-9s  %s ", item->section, item->type);
    add_printable_name(&line, item->object);
    if (item->object != NULL && item->name != NULL)
        text_add(&line, " of ");
    if (item->schema != NULL && *item->schema != '\0') {
        add_printable_name(&line, item->schema);
        text_add_char(&line, '.');
    }
    add_printable_name(&line, item->name);
    if (item->counted)
        text_addf(&line, ": %llu, %s", (unsigned long long)item->rows,
                  text_size(size, item->raw_bytes));
    output_linef("%s", line.data);
    text_release(&line);
}

/* --list: what a restore with these options would bring, and what not. */
static int list(struct cmd_context *ctx, const struct restore_spec *spec, struct err *err)
{
    /* Nothing of the target is asked for: a list needs no server. */
    struct listing listing;
    if (restore_list(spec, &listing, err) < 0)
        return -1;
    if (ctx->settings->json) {
        output_json(run_json_listing(spec->from.artifact, &listing));
    } else {
        for (size_t i = 0; i < listing.count; i++)
            list_item(&listing.items[i]);
        /* What was not asked for and is needed, then what hangs on something that does not
         * come. */
        for (size_t i = 0; i < listing.brought.count; i++)
            output_linef("comes along: %s", listing.brought.items[i]);
        for (size_t i = 0; i < listing.left_out.count; i++)
            output_linef("left out: %s", listing.left_out.items[i]);
    }
    listing_release(&listing);
    return 0;
}

/* The command line as a struct; how long it took is the person's time, so measured here. */
static int work(struct cmd_context *ctx, struct session *session, struct err *err)
{
    int64_t start = clock_monotonic_ms();
    struct catalog_artifact artifact;
    struct restore_done done = {0};
    struct restore_spec spec = {
        .from = {.session = session, .artifact = &artifact},
        .conninfo = config_args_text(ctx->args, "to"),
        .create = config_args_flag(ctx->args, "create"),
        .into_nonempty = config_args_flag(ctx->args, "into-nonempty"),
        .tables = config_args_list(ctx->args, "table"),
        .schemas = config_args_list(ctx->args, "schema"),
        .section = config_args_text(ctx->args, "section"),
        .no_owner = config_args_flag(ctx->args, "no-owner"),
        .no_privileges = config_args_flag(ctx->args, "no-privileges"),
        .no_role_passwords = config_args_flag(ctx->args, "no-role-passwords"),
        .project = config_args_text(ctx->args, "profile") != NULL,
        .disable_triggers = config_args_flag(ctx->args, "disable-triggers"),
        .search_path = config_args_text(ctx->args, "search-path"),
        .parallel = (unsigned)config_args_number(ctx->args, "parallel", 0),
        .resume = config_args_flag(ctx->args, "resume")};
    /* The same options as a restore's, so that what is listed is what would come. */
    bool listed = config_args_flag(ctx->args, "list");
    char *store = NULL;
    int result = cmd_load_artifact(ctx, session, CATALOG_WITH_COPIES, &artifact, err);
    if (result == 0)
        result = cmd_store_name(ctx, session, &store, err);
    spec.from.store = store;
    if (result == 0 && listed)
        result = list(ctx, &spec, err);
    else if (result == 0)
        result = restore_run(&spec, &done, err);
    if (result == 0 && !listed)
        report_done(ctx, &artifact, &done, clock_monotonic_ms() - start);
    restore_done_release(&done);
    if (result < 0)
        cmd_name_artifact(&artifact, err);
    catalog_artifact_release(&artifact);
    free(store);
    return cmd_end(session, result, err);
}

/* What is lacking of the command line is told before anything is opened. */
static int run(struct cmd_context *ctx, struct err *err)
{
    const struct session_spec spec = {.kind = "restore", .catalog = SESSION_WRITE};
    if (config_args_text(ctx->args, "to") == NULL && !config_args_flag(ctx->args, "list")) {
        err_set(err, ERR_USAGE, "restore needs --to CONNINFO");
        return err_hint(err, "as --to 'host=db2 dbname=shop_restored'; --list needs none");
    }
    if (config_args_has(ctx->args, "run"))
        return restore_all_command_check(ctx, err) < 0
                   ? -1
                   : cmd_run_shown(ctx, &spec, restore_all_command, err);
    if (ctx->args->positional.count == 0)
        return cmd_usage(ctx, err, "which backup? an id or latest, or --run RUN");
    return cmd_run_shown(ctx, &spec, work, err);
}

const struct command cmd_restore = {
    .name = "restore",
    .usage = "ID --to CONNINFO [--create] | ID --list | --run RUN --to SERVER [options]",
    .summary = "bring a backup back into a database, all of it or a part",
    .about =
        "Each chunk is checked before the server sees it. The target must be empty of\n"
        "tables; with --create it must not exist and is made like the source, with its\n"
        "settings. Nothing is ever dropped. A restore that fails leaves the target as\n"
        "far as it got, and says so; the same command with --resume goes on from there\n"
        "when it went by several connections. --table and --schema take pg_dump's "
        "patterns: *\n"
        "and ?, schema.table, lower case unless in double quotes; a bare name is looked\n"
        "for in every schema, and both together choose the tables that fit both. A\n"
        "table comes with its rows, indexes, constraints, triggers, policies, rights,\n"
        "comments, partitions, the sequences it owns, and the types, functions and\n"
        "extensions without which it cannot be made. What hangs on something that does\n"
        "not come is left out and named: foreign keys to other tables, views, triggers\n"
        "whose function is not there. Only the wanted tables are read.\n"
        "\n"
        "With a URL as --store neither a catalog nor a configuration is needed.\n"
        "\n"
        "A backup of type globals holds the roles and tablespaces of a server, of no\n"
        "database: restored into any database of a server, it makes the roles that are\n"
        "not there; --no-role-passwords makes them without passwords, where a managed\n"
        "server allows nothing else. --run brings all of one run to a server, roles\n"
        "first, then each database under its own name; what is there already must be\n"
        "empty. What could not be brought back is said, and the exit status is 8.\n"
        "\n"
        "--profile supabase restores into a Supabase project: schemas, extensions and\n"
        "rights that its platform has made stay as they are, their rows come.\n"
        "\n"
        "  pgkeep restore latest:nightly --to \"host=db dbname=shop_copy\" --create\n"
        "  pgkeep restore 01JD7XK2M4 --to dbname=scratch --table 'sales.ord*'\n"
        "  pgkeep restore 01JD7XK2M4 --list --schema sales\n"
        "  pgkeep restore --run latest:nightly --to 'host=new user=postgres'\n",
    .max_args = 1,
    .run = run,
};
