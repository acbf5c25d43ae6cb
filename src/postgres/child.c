/*
 * PostgreSQL's programs say what went wrong in lines on stderr and then in an exit status.
 * The status decides; of the lines the first error is kept for the sentence, and all go to
 * the log as they come.
 */
#include "postgres/child.h"

#include "base/log.h"
#include "base/memory.h"
#include "base/process.h"
#include "postgres/hint.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

enum { HINT_LINES = 4, HINT_BYTES = 16384 };

struct child {
    struct process *process;
    char *name; /* of the program */
    char *database;
    enum err_kind kind;
    const char *tolerated; /* of the spec: a literal */
    /* Written by process's thread for stderr, read after process_finish has joined it. */
    char *error;       /* the first line that is an error */
    char *detail;      /* what the server said, when the error line does not hold it */
    struct text words; /* the lines from there on, to find a hint by */
    int lines;
    const struct cancel *cancel;
};

/* "psql:<stdin>:20: ERROR:  42710: role \"app\" already exists", in whatever language: the SQLSTATE,
 * where they come; else NULL. */
static const char *sqlstate_of(const struct child *child, const char *line)
{
    static const char signs[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ";
    const char *code = child->tolerated == NULL ? NULL : strstr(line, ":  ");
    return code != NULL && strspn(code + 3, signs) == 5 && code[8] == ':' ? code + 3 : NULL;
}

static bool is_tolerated(const struct child *child, const char *line)
{
    const char *code = sqlstate_of(child, line);
    return code != NULL && strncmp(code, child->tolerated, 5) == 0;
}

/* Is this line what the failure is about? */
static bool counts_as_error(const struct child *child, const char *line)
{
    static const char *const marks[] = {
        "error: ", "ERROR: ", "FATAL: ", "PANIC: ", "fatal: "};
    /* Where there is one it decides. Classes 00 to 02: success, warnings, no data. */
    const char *code = sqlstate_of(child, line);
    if (code != NULL)
        return !(code[0] == '0' && code[1] <= '2') && !is_tolerated(child, line);
    for (size_t i = 0; i < sizeof marks / sizeof *marks; i++)
        if (strstr(line, marks[i]) != NULL)
            return true;
    return false;
}

/* A line of its stderr, on the thread that reads it. */
static void hear_line(void *context, const char *line)
{
    struct child *child = context;
    line += strspn(line, " \t");
    /* Where in the server's own source: comes with the SQLSTATEs. */
    if (child->tolerated != NULL && text_starts_with(line, "LOCATION: "))
        return;
    /* Of what is meant to be there already only who asks hears; and of our own signal, why we sent it
     * is told elsewhere. */
    if (strstr(line, ": terminated by user") != NULL || is_tolerated(child, line))
        log_debug("%s", line);
    else if (child->database != NULL)
        log_warning("database \"%s\": %s", child->database, line);

    /* The first error is the cause, the rest follows from it. Its line may only say that a
     * query failed; then the server's words come in a line of their own. */
    if (child->error == NULL && counts_as_error(child, line))
        child->error = memory_strdup(line);
    else if (child->error != NULL && child->detail == NULL &&
             strstr(line, "detail: Error message from server: ") != NULL)
        child->detail = memory_strdup(strstr(line, "server: ") + strlen("server: "));
    if (child->error != NULL && child->lines++ < HINT_LINES)
        text_addf(&child->words, "%s ", line);
}

struct child *child_start(const struct child_spec *spec, struct err *err)
{
    struct child *child = memory_zalloc(sizeof *child);
    struct strlist env = {0};
    const char *slash = strrchr(spec->argv->items[0], '/');
    child->name = memory_strdup(slash == NULL ? spec->argv->items[0] : slash + 1);
    child->database = memory_strdup(spec->database);
    child->kind = spec->kind;
    child->tolerated = spec->tolerated;
    child->cancel = spec->cancel;
    text_init(&child->words, HINT_BYTES);
    /* A list of our own: strlist_argv writes into it, and the caller's is const. */
    for (size_t i = 0; spec->env != NULL && i < spec->env->count; i++)
        strlist_add(&env, spec->env->items[i]);
    struct process_spec process = {
        .argv = (const char *const *)strlist_argv(spec->argv),
        .env = (const char *const *)strlist_argv(&env),
        .pipe_stdin = spec->reads,
        .pipe_stdout = spec->writes,
        .on_stderr = hear_line,
        .context = child,
        .cancel = spec->cancel,
        .interrupt = spec->interrupt,
    };
    child->process = process_start(&process, err);
    /* The password among them is needed no more. */
    for (size_t i = 0; i < env.count; i++)
        memory_wipe(env.items[i], strlen(env.items[i]));
    strlist_release(&env);
    /* Whatever kept it from starting: without it there is no dump. */
    if (child->process == NULL) {
        err->kind = ERR_DATABASE;
        child_free(child);
        return NULL;
    }
    /* So that a child that reads nothing cannot hold us when the user cancels. */
    if (spec->reads) {
        int fd = process_stdin(child->process);
        (void)fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
    }
    return child;
}

/* For a reader that waits on it together with others. */
int child_fd(const struct child *child)
{
    return process_stdout(child->process);
}

int child_status(const struct child *child)
{
    return process_status(child->process);
}

/* "pg_dump ended with exit status 1: ERROR…": how it ended, then its first error. */
static int describe(const struct child *child, struct err *err)
{
    int status = process_status(child->process);
    /* Without a line that looks like an error, the last one said most. Its own name in front
     * would be there twice. */
    const char *words =
        child->error != NULL ? child->error : process_last_words(child->process);
    if (text_starts_with(words, child->name) && words[strlen(child->name)] == ':')
        words += strlen(child->name) + 1;
    words += strspn(words, " ");
    const char *colon = *words != '\0' ? ": " : "";
    if (status > 128)
        err_set(err, child->kind, "%s was ended by signal %d%s%s", child->name,
                status - 128, colon, words);
    else if (status == 0) /* it went on after an error, as it was told to */
        err_set(err, child->kind, "not all of it could be carried out%s%s", colon, words);
    else
        err_set(err, child->kind, "%s ended with exit status %d%s%s", child->name, status,
                colon, words);

    /* The server's words behind those of the program; libpq ends with a full stop. */
    if (child->detail != NULL) {
        char head[sizeof err->text];
        memcpy(head, err->text, sizeof head);
        size_t length = strlen(head);
        if (head[length - 1] == '.')
            head[length - 1] = '\0';
        err_set(err, child->kind, "%s: %s", head, child->detail);
    }
    const char *said = child->error != NULL ? child->words.data : words;
    hint_add(err, said);
    if (err->kind == ERR_DATABASE && hint_is_passing(said))
        err->kind = ERR_AGAIN;
    return -1;
}

int child_finish(struct child *child, struct err *err)
{
    struct err local_err = {0};
    process_close_stdin(child->process); /* the end of what it reads */
    if (process_finish(child->process, &local_err) == 0)
        return child->tolerated && child->error ? describe(child, err) : 0;
    /* That we ended it ourselves explains its status, not the other way round. */
    if (local_err.kind != ERR_CANCELLED)
        return describe(child, err);
    *err = local_err;
    return -1;
}

int child_write(struct child *child, const void *data, size_t size, struct err *err)
{
    int fd = process_stdin(child->process);
    const char *at = data;
    while (size > 0) {
        ssize_t put = write(fd, at, size);
        if (put > 0) {
            at += put;
            size -= (size_t)put;
        } else if (put < 0 && errno == EAGAIN) {
            /* Until it reads on, or somebody cancels. */
            struct pollfd fds[2] = {{.fd = fd, .events = POLLOUT},
                                    {.fd = cancel_fd(child->cancel), .events = POLLIN}};
            if (cancel_check(child->cancel, err) < 0)
                return -1;
            if (poll(fds, 2, 1000) < 0 && errno != EINTR)
                return err_errno(err, ERR_SYSTEM, "poll");
        } else if (put < 0 && errno == EPIPE) {
            /* It reads no more: why, its end says. */
            if (child_finish(child, err) < 0)
                return -1;
            return err_set(err, child->kind, "%s ended before it had read all",
                           child->name);
        } else if (put < 0 && errno != EINTR) {
            return err_errno(err, ERR_SYSTEM, "cannot write to %s", child->name);
        }
    }
    return 0;
}

/* Ends one that still runs: process_free closes its pipes and signals it. */
void child_free(struct child *child)
{
    if (child == NULL)
        return;
    process_free(child->process);
    text_release(&child->words);
    free(child->error);
    free(child->detail);
    free(child->database);
    free(child->name);
    free(child);
}
