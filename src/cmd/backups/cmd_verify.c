/*
 * `verify`: one call of verify_all.h, and a table of what it found.
 *
 * A copy that is broken is a result, not an error: the others are checked all the same, and the
 * exit status is made at the end (6 weighs more than 5, since damage asks for more than another
 * try).
 */
#include "backup/verify_all.h"
#include "base/log.h"
#include "base/memory.h"
#include "cmd/backups/drill_command.h"
#include "cmd/cmd.h"
#include "cmd/output.h"
#include "report/artifact_name.h"
#include "report/run_json.h"
#include "notify/tell.h"

/* What was found so far: a list or a table, never both. */
struct verifying {
    json_t *list; /* with --json */
    struct output_table table;
};

static const struct output_column columns[] = {
    {"ID", OUTPUT_LEFT},     {"DATABASE", OUTPUT_LEFT}, {"STORE", OUTPUT_LEFT},
    {"RESULT", OUTPUT_LEFT}, {"TIME", OUTPUT_RIGHT},    {"", OUTPUT_LEFT}};

/* Called after each copy: `verify --all` may take a day. */
static void report(void *context, const struct catalog_artifact *artifact,
                   const struct catalog_copy *copy,
                   const struct catalog_verification *verification)
{
    struct verifying *v = context;
    char time[32];
    /* JSON is collected: one document, at the end. */
    if (v->list) {
        (void)json_array_append_new(v->list,
                                    run_json_verified(artifact, copy, verification));
        return;
    }
    /* Whole ids: a broken one is copied from here into `copy` or `delete`. */
    output_table_cell(&v->table, artifact->id);
    output_table_cell(&v->table, artifact_name_database(artifact));
    output_table_cell(&v->table, copy->store);
    output_table_cell(&v->table, catalog_result_name(verification->result));
    output_table_cell(&v->table, text_duration(time, verification->duration_ms));
    output_table_cell(&v->table, verification->message ? verification->message : "");
}

/* Recorded: what was found stands in the history with the run that found it. */
static int work(struct cmd_context *ctx, struct session *session, struct err *err)
{
    const char *level = config_args_text(ctx->args, "level");
    struct verifying v = {.list = ctx->settings->json ? json_array() : NULL};
    struct verify_all_result sum = {0};
    struct err why = {0};
    struct verify_all_spec spec = {
        .session = session,
        .names = &ctx->args->positional,
        .job = config_args_text(ctx->args, "job"),
        .level = level && strcmp(level, "quick") == 0 ? CATALOG_QUICK : CATALOG_FULL,
        .longest = config_args_flag(ctx->args, "longest-unverified"),
        .checked = report,
        .context = &v};
    output_table_init(&v.table, columns, sizeof columns / sizeof columns[0]);
    char *store = NULL;
    int result = cmd_narrow(ctx, session, &spec.among, &store, err);
    if (result == 0)
        result = verify_all(&spec, &sum, err);
    if (result == 0 && sum.checked == 0)
        log_info("there is nothing to verify");
    /* What was found before something ended the run is worth knowing, too. */
    if (v.list)
        output_json_list("verifications", v.list, result < 0);
    else
        output_table_print(&v.table);
    output_table_release(&v.table);
    free(store);
    return result < 0 ? cmd_end(session, result, err)
                      : session_end(session, verify_all_outcome(&sum, &why), &why);
}

/* What to check must be said: all of it may take a day. */
static int run(struct cmd_context *ctx, struct err *err)
{
    const struct config_args *args = ctx->args;
    const struct verify_all_spec wish = {.job = config_args_text(args, "job"),
                                         .longest =
                                             config_args_flag(args, "longest-unverified"),
                                         .run = config_args_number(args, "run", 0)};
    const struct session_spec spec = verify_all_session(&wish);
    if (drill_command_is_meant(ctx))
        return drill_command(ctx, err);
    if (config_args_has(args, "to") || config_args_has(args, "against") ||
        config_args_has(args, "budget"))
        return cmd_usage(ctx, err, "--to, --against and --budget go with --level drill");
    /* One of the three ways to choose, so that nobody takes a part for all of it. */
    if ((args->positional.count > 0) + config_args_flag(args, "all") +
            config_args_has(args, "job") !=
        1)
        return cmd_usage(ctx, err, "what? give ids, or --all, or --job NAME");
    /* It is the turn of one backup of a job, in whatever stores. */
    static const char *const others[] = {"store", "database", "type", "before"};
    bool narrowed = wish.job == NULL;
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        narrowed = narrowed || config_args_has(args, others[i]);
    if (wish.longest && narrowed)
        return cmd_usage(ctx, err, "--longest-unverified goes with --job NAME alone");
    if (wish.run != 0 && !wish.longest)
        return cmd_usage(ctx, err, "--run goes with --longest-unverified");
    int status = cmd_run_shown(ctx, &spec, work, err);
    tell_now(ctx->settings); /* of what is damaged, or whole again */
    return status;
}

const struct command cmd_verify = {
    .name = "verify",
    .usage = "ID... | --all | --job NAME [--level quick|full|drill] [--store NAME]",
    .summary = "prove that backups are still what was stored",
    .about =
        "quick: the manifest is there and the same, data and index have the right size.\n"
        "full (default): all of it is downloaded, hashed and decoded to its end. What is\n"
        "found is remembered: a broken copy is no longer read from, and never counts as\n"
        "a good one for retention.\n"
        "drill: it is restored into a throw-away cluster (or, with --to, into a database "
        "of\n"
        "its own on that server), and what came is compared with what the backup says it\n"
        "holds: rows of every table, tables, indexes, constraints, functions, values of\n"
        "sequences, large objects; then the job's drill_checks and drill_command. "
        "Whatever\n"
        "was made for it is removed. Without ids, the newest backup of every job and\n"
        "database (or of --job); --all: all of them, the longest undrilled first, none\n"
        "begun after --budget. --against compares every row with a live database, too.\n"
        "A restore that the server refuses decides nothing about the backup (exit 4): an\n"
        "extension may be missing there.\n"
        "\n"
        "--longest-unverified: of --job, only the one whose turn it is. The job's key\n"
        "`verify_every` has `serve` and `run --due` do that by themselves.\n"
        "\n"
        "Exit status 6: a copy is missing or damaged; 5: a store did not answer.\n"
        "\n"
        "  pgkeep verify latest:nightly\n"
        "  pgkeep verify --all --level quick\n"
        "  pgkeep verify --level drill --job nightly\n"
        "  pgkeep verify latest --level drill --to host=db3 --against host=db1\n",
    .max_args = SIZE_MAX,
    .run = run,
};
