#include "cli.h"
#include "session/exit_status.h"
#include "base/cancel.h"
#include "base/json.h"
#include "base/log.h"
#include "base/memory.h"
#include "cmd/cmd.h"
#include "cmd/output.h"
#include "s3/s3.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#define HINT "\nhint: "

/* In the order of `pgkeep help`. */
static const struct command *const commands[] = {
    &cmd_backup, &cmd_list,    &cmd_show,     &cmd_restore, &cmd_fetch,  &cmd_cat,
    &cmd_diff,   &cmd_verify,  &cmd_prune,    &cmd_pin,     &cmd_unpin,  &cmd_accept,
    &cmd_delete, &cmd_copy,    &cmd_catalog,  &cmd_sweep,   &cmd_doctor, &cmd_status,
    &cmd_jobs,   &cmd_run,     &cmd_enable,   &cmd_disable, &cmd_cancel, &cmd_serve,
    &cmd_notify, &cmd_metrics, &cmd_password, &cmd_config,  &cmd_help,
};
enum { COMMAND_COUNT = sizeof(commands) / sizeof(commands[0]) };

/* Everything we create is private; a closed 0, 1 or 2 would become some file of ours and
 * get its messages. */
static int prepare_process(struct err *err)
{
    int fd;
    (void)umask(077);
    do {
        fd = open("/dev/null", O_RDWR);
        if (fd < 0)
            return err_errno(err, ERR_SYSTEM, "/dev/null");
    } while (fd <= STDERR_FILENO);
    (void)close(fd);
    return 0;
}

/* Before the settings, and before an error of the line itself, which ends the reading of it: what
 * is said comes in the form that was asked for, wherever on the line or in the environment. */
static enum log_format log_format_asked(int argc, char **argv)
{
    static const char option[] = "--log-format";
    const char *given = getenv("PGKEEP_LOG_FORMAT");
    for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++) {
        if (strcmp(argv[i], option) == 0 && i + 1 < argc)
            given = argv[i + 1];
        else if (strncmp(argv[i], "--log-format=", sizeof(option)) == 0)
            given = argv[i] + sizeof(option);
    }
    for (unsigned i = 0; given && i < LOG_FORMATS; i++) {
        if (strcmp(log_format_name((enum log_format)i), given) == 0)
            return (enum log_format)i;
    }
    return LOG_FORMAT_TEXT;
}

static const struct command *find_command(const char *name)
{
    for (size_t i = 0; i < COMMAND_COUNT; i++) {
        if (strcmp(commands[i]->name, name) == 0)
            return commands[i];
    }
    return NULL;
}

static int parse(struct config_args *args, int argc, char **argv, struct err *err)
{
    const char *names[COMMAND_COUNT];
    for (size_t i = 0; i < COMMAND_COUNT; i++)
        names[i] = commands[i]->name;
    struct config_args_line line = {argc, argv, names, COMMAND_COUNT};
    return config_args_parse(args, &line, err);
}

/* `pgkeep --help`, `pgkeep COMMAND --help`. */
static void turn_into_help(struct config_args *args)
{
    strlist_release(&args->positional);
    args->positional = (struct strlist){0};
    if (args->command)
        strlist_add(&args->positional, args->command);
    memory_replace(&args->command, "help");
}

static void print_version(const struct config_args *args)
{
    if (config_args_flag(args, "json"))
        output_json(json_pack("{s:s}", "version", PGKEEP_VERSION));
    else
        output_linef("pgkeep %s", PGKEEP_VERSION);
}

/* Every command says how many arguments it takes, so none needs to count. */
static int check_count(const struct cmd_context *ctx, struct err *err)
{
    const struct command *command = ctx->command;
    size_t count = ctx->args->positional.count;
    const char *job = count > 0 ? ctx->args->positional.items[0] : NULL;
    /* The job of a backup is an argument, so it is tried everywhere. */
    if (job != NULL && command->max_args == 0 &&
        option_find_argument(command->name, "job") != NULL) {
        err_set(err, ERR_USAGE, "unexpected argument \"%.80s\"", job);
        return err_hint(err, "the job is named by an option: pgkeep %s --job %.80s",
                        command->name, job);
    }
    if (count > command->max_args)
        return cmd_usage(ctx, err, "unexpected argument \"%.80s\": usage: pgkeep %s %s",
                         ctx->args->positional.items[command->max_args], command->name,
                         command->usage);
    if (count < command->min_args)
        return cmd_usage(ctx, err, "an argument is missing: usage: pgkeep %s %s",
                         command->name, command->usage);
    return 0;
}

/* Signals are caught only from here on: help and config have nothing to clean up. */
static int run_with_settings(struct cmd_context *ctx, struct err *err)
{
    struct settings settings;
    int status = -1;
    ctx->settings = &settings;
    if (settings_load(&settings, ctx->args, err) < 0)
        goto cleanup;
    log_setup(settings.log_level, settings.log_format);
    if (!(ctx->command->flags & CMD_OWN_SIGNALS) && cancel_install(err) < 0)
        goto cleanup;
    bool stores = !(ctx->command->flags & CMD_NO_STORES);
    if (stores && s3_global_init(err) < 0)
        goto cleanup;
    status = ctx->command->run(ctx, err);
    if (stores)
        s3_global_release();
cleanup:
    settings_release(&settings);
    ctx->settings = NULL;
    return status;
}

/* An exit status, or -1 with err. */
static int dispatch(const struct config_args *args, struct err *err)
{
    struct cmd_context ctx = {
        .args = args, .commands = commands, .command_count = COMMAND_COUNT};
    if (!args->command) {
        err_set(err, ERR_USAGE,
                "no command given: usage: pgkeep COMMAND [options] [arguments]");
        return err_hint(err, "`pgkeep help` lists the commands");
    }
    ctx.command = find_command(args->command);
    if (check_count(&ctx, err) < 0)
        return -1;
    if (ctx.command->flags & CMD_NO_SETTINGS)
        return ctx.command->run(&ctx, err);
    return run_with_settings(&ctx, err);
}

static int run(struct config_args *args, int argc, char **argv, struct err *err)
{
    log_setup(LOG_LEVEL_INFO, log_format_asked(argc, argv));
    if (parse(args, argc, argv, err) < 0)
        return -1;
    config_args_hide(args, argc, argv);
    if (config_args_flag(args, "help"))
        turn_into_help(args);
    if (config_args_flag(args, "version") && !config_args_flag(args, "help")) {
        print_version(args);
        return 0;
    }
    return dispatch(args, err);
}

/* Also of a line that could not be read to its end, whose --json may stand behind the error. */
static bool asks_for_json(const struct config_args *args, int argc, char **argv)
{
    bool asked = config_args_flag(args, "json");
    for (int i = 1; !asked && i < argc; i++)
        asked = strcmp(argv[i], "--json") == 0;
    return asked;
}

/* {"error": …}, for whoever reads stdout as JSON. */
static json_t *error_document(const struct err *err, int status)
{
    const char *hint = strstr(err->text, HINT);
    size_t length = hint ? (size_t)(hint - err->text) : strlen(err->text);
    char *message = memory_strndup(err->text, length);
    json_t *document =
        json_pack("{s:{s:s, s:o, s:o, s:i}}", "error", "kind", err_kind_name(err->kind),
                  "message", json_bytes(message), "hint",
                  json_bytes(hint ? hint + strlen(HINT) : NULL), "exit_status", status);
    free(message);
    return document;
}

/* The only place that prints the error that ends a command. */
int cli_run(int argc, char **argv)
{
    struct config_args args = {0};
    struct err err = {0};
    int status = prepare_process(&err);
    if (status == 0)
        status = run(&args, argc, argv, &err);
    if (err.kind != ERR_NONE) {
        (void)fflush(stdout); /* in order when both end in one file; output_finish looks */
        log_err(&err);
    }
    if (status < 0) /* before any session */
        status = exit_status_of(OUTCOME_FAILED, err.kind, NULL);
    /* One document, or none where stdout is the backup itself: what failed in part has told it
     * in its own. */
    if (err.kind != ERR_NONE && !output_is_taken() && asks_for_json(&args, argc, argv))
        output_json(error_document(&err, status));
    err_clear(&err);
    if (output_finish(&err) < 0) {
        log_err(&err);
        status = status == 0 ? exit_status_of(OUTCOME_FAILED, err.kind, NULL) : status;
    }
    config_args_release(&args);
    return status;
}
