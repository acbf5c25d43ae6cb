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

/* Waits for more output; false when time is up or somebody wants to stop. */
static bool wait_readable(int fd, int64_t deadline, const atomic_bool *stop)
{
    for (;;) {
        struct pollfd poller = {.fd = fd, .events = POLLIN};
        int ready = poll(&poller, 1, STEP_MS);
        if (ready > 0)
            return true;
        if ((ready < 0 && errno != EINTR) || clock_monotonic_ms() >= deadline ||
            (stop != NULL && atomic_load(stop)))
            return false;
    }
}

static int read_answer(struct process *process, const struct s3_source_env *env,
                       struct text *out, struct err *err)
{
    int64_t deadline = clock_monotonic_ms() + TIMEOUT_MS;
    char buffer[4096];
    ssize_t got;
    do {
        if (!wait_readable(process_stdout(process), deadline, env->stop))
            return err_set(err, ERR_TRANSIENT, "credential_process gave no answer in %d s",
                           TIMEOUT_MS / 1000);
        got = read(process_stdout(process), buffer, sizeof buffer);
        if (got > 0)
            text_add_bytes(out, buffer, (size_t)got);
    } while (got > 0 || (got < 0 && errno == EINTR));
    memory_wipe(buffer, sizeof buffer);
    if (got < 0)
        return err_errno(err, ERR_SYSTEM, "credential_process");
    if (out->overflowed)
        return err_set(err, ERR_CONFIG, "credential_process says too much");
    return 0;
}

static int run(struct strlist *words, const struct s3_source_env *env, struct text *out,
               struct err *err)
{
    const struct process_spec spec = {.argv = (const char *const *)strlist_argv(words),
                                      .pipe_stdout = true,
                                      .cancel = env->cancel};
    struct process *process = process_start(&spec, err);
    int result = -1;
    if (process == NULL) {
        err->kind = ERR_CONFIG;
    } else if (read_answer(process, env, out, err) == 0) {
        result = process_finish(process, err);
        if (result < 0)
            err->kind = ERR_DENIED;
    }
    process_free(process);
    return result;
}

/* {"Version": 1, ...}; token and expiration may be absent. */
static int parse(const struct text *answer, struct s3_credentials *out, struct err *err)
{
    if (s3_source_parse(answer->data, answer->length, "SessionToken", ERR_CONFIG, out,
                        err) < 0)
        return err_context(err, "credential_process");
    if (s3_source_version_is_1(answer->data, answer->length))
        return 0;
    s3_credentials_release(out);
    return err_set(err, ERR_CONFIG, "credential_process: its answer is not of version 1");
}

static int fetch(void *state, const struct s3_source_env *env, struct s3_credentials *out,
                 struct err *err)
{
    struct strlist words = {0};
    struct text answer;
    text_init(&answer, ANSWER_CEILING);
    int result = split(state, &words, err);
    if (result == 0)
        result = run(&words, env, &answer, err);
    if (result == 0)
        result = parse(&answer, out, err);
    memory_wipe(answer.data, answer.capacity);
    text_release(&answer);
    strlist_release(&words);
    return result;
}

static const struct s3_source_ops process_ops = {fetch, free, false};

void s3_source_process(const char *command, struct s3_source *out)
{
    *out = (struct s3_source){.ops = &process_ops, .state = memory_strdup(command)};
}
