/* The one password of the API; only its hash is kept, in the catalog. */
#include "api/access.h"

#include "base/log.h"
#include "base/memory.h"
#include "base/text.h"
#include "catalog/db/facts.h"
#include "cmd/cmd.h"
#include "cmd/output.h"

#include <termios.h>
#include <unistd.h>

/* One line of stdin, from a terminal without showing it. -1: there is none. */
static int read_line(const char *prompt, char out[ACCESS_PASSWORD_MOST + 2],
                     struct err *err)
{
    struct termios before, hidden;
    bool terminal = isatty(STDIN_FILENO) && tcgetattr(STDIN_FILENO, &before) == 0;
    if (terminal) {
        hidden = before;
        hidden.c_lflag &= ~(tcflag_t)ECHO;
        fputs(prompt, stderr);
        (void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &hidden);
    }
    bool read = fgets(out, ACCESS_PASSWORD_MOST + 2, stdin) != NULL;
    if (terminal) {
        (void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &before);
        fputc('\n', stderr);
    }
    if (!read)
        return err_set(err, ERR_USAGE, "no password came on stdin");
    out[strcspn(out, "\n")] = '\0';
    return 0;
}

static int run(struct cmd_context *ctx, struct err *err)
{
    const struct session_spec spec = {.kind = "password", .catalog = SESSION_CREATE};
    char first[ACCESS_PASSWORD_MOST + 2] = "", second[ACCESS_PASSWORD_MOST + 2] = "";
    char *hash = NULL;
    struct session *session = cmd_begin(ctx, &spec, err);
    if (session == NULL)
        return -1;
    /* Twice where nobody sees what is typed. */
    int result = read_line("new password: ", first, err);
    if (result == 0 && isatty(STDIN_FILENO)) {
        result = read_line("once more: ", second, err);
        if (result == 0 && strcmp(first, second) != 0)
            result = err_set(err, ERR_USAGE, "these are two different passwords");
    }
    if (result == 0 && (hash = access_hash(first, err)) == NULL)
        result = -1;
    if (result == 0)
        result = catalog_setting_set(session_catalog(session), ACCESS_PASSWORD, hash, err);
    if (result == 0 && ctx->settings->json)
        output_json(json_pack("{s:b}", "set", 1));
    else if (result == 0)
        log_info("the password is set; who is logged in stays so until serve starts anew");
    memory_wipe(first, sizeof first);
    memory_wipe(second, sizeof second);
    free(hash);
    return cmd_end(session, result, err);
}

const struct command cmd_password = {
    .name = "password",
    .usage = "",
    .summary = "set the password of the API and the dashboard",
    .about =
        "Read from the terminal, twice and unseen, or one line of stdin: 10 to 256\n"
        "characters. The catalog keeps its yescrypt hash alone. Who is logged in stays\n"
        "so until `pgkeep serve` is started anew.\n"
        "\n"
        "  pgkeep password\n"
        "  pgkeep password </run/secrets/pgkeep-password\n",
    .flags = CMD_NO_STORES,
    .run = run,
};
