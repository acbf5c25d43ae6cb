/*
 * A command of the user's that prints keys: the way to whatever AWS's own tools can log in
 * to. It is no shell's business, and it may hang.
 */
#include "s3/auth/source.h"

#include "base/clock.h"
#include "base/process.h"

#include <errno.h>
#include <poll.h>
#include <unistd.h>

#define ANSWER_CEILING ((size_t)64 << 10)
#define TIMEOUT_MS 60000
#define STEP_MS 200 /* how late a stop is seen */

/* Takes one word off the command, as a shell would without its expansions: quotes and
 * backslashes. NULL at the end; *broken: a quote that is never closed. Heap. */
static char *next_word(const char **command, bool *broken)
{
    const char *p = *command + strspn(*command, " \t");
    if (*p == '\0')
        return NULL;
    char *word = memory_alloc(strlen(p) + 1);
    size_t length = 0;
    char quote = '\0';
    for (; *p != '\0' && (quote != '\0' || strchr(" \t", *p) == NULL); p++) {
        if (quote == '\0' && (*p == '\'' || *p == '"')) {
            quote = *p;
        } else if (*p == quote) {
            quote = '\0';
        } else {
            /* Between single quotes a backslash is a backslash. */
            if (*p == '\\' && quote != '\'' && p[1] != '\0')
                p++;
            word[length++] = *p;
        }
    }
    word[length] = '\0';
    *broken = quote != '\0';
    *command = p;
    return word;
}

/* There is no shell: what is no word is no metacharacter either. */
static int split(const char *command, struct strlist *words, struct err *err)
{
    bool broken = false;
    char *word;
    while ((word = next_word(&command, &broken)) != NULL) {
        strlist_add(words, word);
        free(word);
        if (broken)
            return err_set(err, ERR_CONFIG, "credential_process: a quote is not closed");
    }
    if (words->count == 0)
        return err_set(err, ERR_CONFIG, "credential_process: no command");
    return 0;
}

/* What it printed until it closed its output; then it has to end well. */
static int run(struct strlist *words, const struct s3_source_env *env, struct text *out,
               struct err *err)
{
    const struct process_spec spec = {.argv = (const char *const *)strlist_argv(words),
                                      .pipe_stdout = true,
                                      .cancel = env->cancel};
    int64_t deadline = clock_monotonic_ms() + TIMEOUT_MS;
    struct process *process = process_start(&spec, err);
    char buffer[4096];
    int result = 0;
    /* Not found, not executable: the profile is wrong. */
    if (process == NULL) {
        err->kind = ERR_CONFIG;
        return -1;
    }
    /* In short steps, as a stop has nothing that would wake the poll. */
    for (bool open = true; open && result == 0 && !out->overflowed;) {
        struct pollfd poller = {.fd = process_stdout(process), .events = POLLIN};
        int ready = poll(&poller, 1, STEP_MS);
        ssize_t received = ready > 0 ? read(poller.fd, buffer, sizeof buffer) : -1;
        if (received > 0)
            text_add_bytes(out, buffer, (size_t)received);
        else if (received == 0)
            open = false;
        else if (ready != 0 && errno != EINTR)
            result = err_errno(err, ERR_SYSTEM, "credential_process");
        else if (clock_monotonic_ms() >= deadline ||
                 (env->stop != NULL && atomic_load(env->stop)))
            result =
                err_set(err, ERR_TRANSIENT, "credential_process gave no answer in %d s",
                        TIMEOUT_MS / 1000);
    }
    memory_wipe(buffer, sizeof buffer);
    /* It would block on its full pipe, and is ended with the process. */
    if (result == 0 && out->overflowed)
        result = err_set(err, ERR_CONFIG, "credential_process says too much");
    /* Keys printed by a command that then fails are not taken. */
    if (result == 0 && process_finish(process, err) < 0) {
        err->kind = ERR_DENIED;
        result = -1;
    }
    process_free(process);
    return result;
}

/* What it prints holds keys: wiped wherever it was read to. */
static int fetch(void *state, const struct s3_source_env *env, struct s3_credentials *out,
                 struct err *err)
{
    struct strlist words = {0};
    struct text answer;
    text_init(&answer, ANSWER_CEILING);
    int result = split(state, &words, err);
    if (result == 0)
        result = run(&words, env, &answer, err);
    if (result == 0 && s3_source_parse(&answer, S3_SOURCE_COMMAND, out, err) < 0)
        result = err_context(err, "credential_process");
    text_wipe(&answer);
    strlist_release(&words);
    return result;
}

/* Its command may log in anew each time; whatever it prints is taken as it is. */
static const struct s3_source_ops process_ops = {fetch, free, false};

/* Split when it is run: a mistake in it is an error of the profile, not of the start. */
void s3_source_process(const char *command, struct s3_source *out)
{
    *out = (struct s3_source){.ops = &process_ops, .state = memory_strdup(command)};
}
