/* Who is told, how that went, a message to try it, and the courier that serve and backups send. */
#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "catalog/db/outbox.h"
#include "cmd/cmd.h"
#include "cmd/output.h"
#include "notify/courier.h"
#include "notify/document.h"
#include "notify/look.h"
#include "notify/send.h"

#include <unistd.h>

enum { TEST_MS = 20000, SPARE_S = 5 };

/* ---- --test ---- */

/* Past the outbox: whoever tries it wants to see what the service says. */
static int test(struct cmd_context *ctx, const char *name, struct err *err)
{
    const struct notifier_settings *notifier =
        settings_require_notifier(ctx->settings, name, err);
    struct notifier_secrets secrets = {0};
    struct payload payload = {.path = ""};
    struct send_answer answer = {0};
    if (notifier == NULL || resolve_notifier(notifier, &secrets, err) < 0)
        return -1;
    const struct decide_event event = {.event = NOTIFIER_TEST};
    const struct document_spec spec = {
        .event = &event, .notifier = name, .now = clock_now()};
    json_t *document = document_new(&spec);
    int result = payload_init(&payload, notifier, secrets.secret.text, document, err);
    const struct send_spec send = {.notifier = notifier,
                                   .secrets = &secrets,
                                   .payload = &payload,
                                   .timeout_ms = TEST_MS};
    if (result == 0)
        result = send_message(&send, &answer, err);
    payload_release(&payload);
    resolve_notifier_release(&secrets);
    json_decref(document);
    if (result < 0)
        return err_context(err, "notifier \"%s\"", name);
    if (ctx->settings->json)
        output_json(json_pack("{s:s, s:s, s:I}", "notifier", name, "result", "sent",
                              "status", (json_int_t)answer.status));
    else
        output_linef("notifier \"%s\": the test was taken (%ld)", name, answer.status);
    return 0;
}

/* ---- --deliver, --retry ---- */

static int deliver(struct cmd_context *ctx, struct session *session, struct err *err)
{
    const char *text = config_args_text(ctx->args, "deliver");
    int64_t seconds = 60;
    struct courier_result result;
    if (text != NULL && parse_seconds(text, &seconds, err) < 0)
        return -1;
    /* Whatever hangs in whatever library: this process ends. */
    (void)alarm((unsigned)(seconds + SPARE_S + 30));
    const struct courier_spec spec = {.settings = ctx->settings,
                                      .limit_ms = seconds * 1000,
                                      .early = config_args_flag(ctx->args, "retry"),
                                      .cancel = session_cancel(session)};
    if (courier_run(&spec, &result, err) < 0)
        return -1;
    if (ctx->settings->json)
        output_json(json_pack("{s:I, s:I, s:I}", "sent", (json_int_t)result.sent, "failed",
                              (json_int_t)result.failed, "given_up",
                              (json_int_t)result.given_up));
    else if (text == NULL)
        output_linef("%zu sent, %zu not taken", result.sent, result.failed);
    return 0;
}

/* ---- the list ---- */

static const struct catalog_notifier *row_of(const struct catalog_notifiers *rows,
                                             const char *name)
{
    for (size_t i = 0; i < rows->count; i++) {
        if (strcmp(rows->items[i].name, name) == 0)
            return &rows->items[i];
    }
    return NULL;
}

/* Names of sections and types need no care; an error may hold anything a service said. */
static void print_line(const char *name, const char *type,
                       const struct catalog_notifier *row)
{
    static const struct catalog_notifier never = {0};
    char time[32];
    const struct catalog_notifier *is = row != NULL ? row : &never;
    output_linef("%s (%s): %lld sent, %lld waiting, %lld given up; last sent %s", name,
                 type, (long long)is->sent, (long long)is->waiting, (long long)is->given_up,
                 is->last_sent != 0 ? clock_local(time, is->last_sent) : "never");
    if (is->last_failed > is->last_sent && is->last_error != NULL) {
        struct text error;
        text_init(&error, 4096);
        text_add_printable(&error, is->last_error, strcspn(is->last_error, "\n"));
        output_linef("  not taken at %s: %s", clock_local(time, is->last_failed),
                     error.data);
        text_release(&error);
    }
}

static json_t *row_json(const char *name, const char *type,
                        const struct catalog_notifier *row)
{
    static const struct catalog_notifier never = {0};
    const struct catalog_notifier *is = row != NULL ? row : &never;
    return json_pack("{s:o, s:s?, s:I, s:I, s:I, s:I, s:o, s:o, s:o, s:o}", "name",
                     json_bytes(name), "type", type, "sent", (json_int_t)is->sent,
                     "waiting", (json_int_t)is->waiting, "failures",
                     (json_int_t)is->failures, "given_up", (json_int_t)is->given_up,
                     "oldest_waiting", json_time(is->oldest), "last_sent",
                     json_time(is->last_sent), "last_failed", json_time(is->last_failed),
                     "last_error", json_bytes(is->last_error));
}

static int list(struct cmd_context *ctx, struct catalog *catalog, struct err *err)
{
    struct catalog_notifiers rows = {0};
    const struct settings *settings = ctx->settings;
    json_t *array = settings->json ? json_array() : NULL;
    int result = catalog != NULL ? catalog_notifiers_list(catalog, &rows, err) : 0;
    for (size_t i = 0; result == 0 && i < settings->notifier_count; i++) {
        const struct notifier_settings *notifier = &settings->notifiers[i];
        const char *type = notifier_type_name(notifier->type);
        const struct catalog_notifier *row = row_of(&rows, notifier->name);
        if (array != NULL)
            (void)json_array_append_new(array, row_json(notifier->name, type, row));
        else
            print_line(notifier->name, type, row);
    }
    /* Of one that left the configuration, what it still waits for. */
    for (size_t i = 0; result == 0 && i < rows.count; i++) {
        if (settings_notifier(settings, rows.items[i].name) != NULL ||
            rows.items[i].waiting == 0)
            continue;
        if (array != NULL)
            (void)json_array_append_new(array,
                                        row_json(rows.items[i].name, NULL, &rows.items[i]));
        else
            print_line(rows.items[i].name, "not configured any more", &rows.items[i]);
    }
    if (result == 0 && array != NULL)
        output_json(json_pack("{s:O}", "notifiers", array));
    else if (result == 0 && settings->notifier_count == 0)
        log_info("no notifiers are configured");
    json_decref(array);
    catalog_notifiers_release(&rows);
    return result;
}

/* ---- the command ---- */

static int run(struct cmd_context *ctx, struct err *err)
{
    const struct strlist *names = &ctx->args->positional;
    bool tests = config_args_flag(ctx->args, "test");
    bool delivers = config_args_text(ctx->args, "deliver") != NULL ||
                    config_args_flag(ctx->args, "retry");
    if (tests != (names->count == 1) || (tests && delivers))
        return cmd_usage(ctx, err,
                         names->count == 1 ? "what about it? add --test to try it"
                                           : "which notifier? name the one to test");
    if (tests)
        return test(ctx, names->items[0], err);
    struct session_spec spec = {.kind = "notify",
                                .catalog = delivers ? SESSION_WRITE : SESSION_READ_IF_ANY};
    struct session *session = cmd_begin(ctx, &spec, err);
    if (session == NULL)
        return -1;
    int result =
        delivers ? deliver(ctx, session, err) : list(ctx, session_catalog(session), err);
    return cmd_end(session, result, err);
}

const struct command cmd_notify = {
    .name = "notify",
    .usage = "[NAME --test | --retry | --deliver SPAN]",
    .summary = "show who is told of changes, try one, send what waits",
    .about =
        "Without arguments: each notifier with what was sent, what waits and what was\n"
        "given up. --test sends a message to one, at once, and says what its service\n"
        "answers. --retry sends all that waits, also what was to be tried later: when the\n"
        "service is mended. --deliver sends what is due, for at most that long; `serve`,\n"
        "`run` and `backup` do that by themselves.\n"
        "\n"
        "What a service does not take is tried again for a day, then given up with an\n"
        "error in the log and in pgkeep_notifications_given_up_total.\n"
        "\n"
        "Exit status of --test 0: taken; 3: its configuration is wrong; 5: not taken.\n"
        "\n"
        "  pgkeep notify\n"
        "  pgkeep notify ops --test\n",
    .max_args = 1,
    .run = run,
};
