/*
 * A child is a promise in both directions: nothing of ours leaks into it (descriptors, signal
 * masks, secrets in argv), and it never outlives us unreaped. Between fork and exec only
 * async-signal-safe calls are made, because other threads may have held a lock of the C
 * library at the moment of the fork; so all that the child needs is made before.
 */
#define _GNU_SOURCE /* pipe2, F_SETPIPE_SZ, close_range, pidfd_open, sigabbrev_np */

#include "base/process.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/thread.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define PIPE_SIZE (1 << 20)
#define LINE_SIZE 4096
#define LAST_WORDS 4
#define GRACE_MS 2500    /* between SIGTERM and SIGKILL; part of CANCEL_END_MS */
#define INTERRUPT_MS 250 /* between one SIGINT and the next */
#define REST_MS 10       /* between looks at what the child leaves behind */

struct process {
    char *name;
    pid_t pid;
    int pidfd; /* -1 where the kernel has none: then the end is polled for */
    int stdin_fd;
    int stdout_fd;
    int status; /* -1 until reaped */
    int raw_status;
    struct listener {
        pthread_t thread;
        bool running;
        int fd;
        int stop[2]; /* closing [1] tells the thread that the child is gone */
        void (*on_line)(void *context, const char *line);
        void *context;
        char line[LINE_SIZE + 1];
        size_t length;
        struct strlist last; /* oldest first; read only after the thread was joined */
    } listener;
    char *last_words;
    bool interrupt, survives; /* as in the spec */
    int end_signal;
    const struct cancel *cancel;
};

/* Everything the child needs between fork and exec, where nothing may be allocated. */
struct launch {
    char *path;
    const char *const *argv;
    struct strlist env;
    char **envp;
    int fds[3];    /* pipe ends that become 0, 1, 2; -1: what the caller gave */
    int given[3];  /* > 0: the caller's own descriptor, which stays open; else /dev/null */
    int report[2]; /* the errno of a failed exec; closed by a good one */
    int null_fd;
    pid_t parent;
    bool survives, merge_output;
    int end_signal;
    const struct process_user *user;
};

/* ---- in the child ---- */

static void fail_child(const struct launch *launch)
{
    int reason = errno;
    ssize_t ignored = write(launch->report[1], &reason, sizeof reason);
    (void)ignored;
    _exit(127);
}

/* Somebody else from here on: no group of ours stays, and no folder that he may not enter. The system
 * calls themselves, because the C library's would ask threads that are not there in a child. */
static void become(const struct process_user *user)
{
    if (syscall(SYS_setgroups, 0, NULL) < 0 ||
        syscall(SYS_setresgid, user->gid, user->gid, user->gid) < 0 ||
        syscall(SYS_setresuid, user->uid, user->uid, user->uid) < 0 || chdir("/") < 0)
        _exit(126);
}

/* Only async-signal-safe calls from here to execve. */
static void run_child(const struct launch *launch)
{
    struct sigaction normal = {.sa_handler = SIG_DFL};
    sigset_t none;
    assert(launch->path != NULL);
    /* First, because the next line does not survive it (prctl(2)). */
    if (launch->user != NULL)
        become(launch->user);
    /* Should we die, it gets the signal that ends it, too. We may have died before prctl: then
     * that signal never comes. */
    if (!launch->survives && prctl(PR_SET_PDEATHSIG, launch->end_signal) < 0)
        fail_child(launch);
    if (!launch->survives && getppid() != launch->parent)
        _exit(127);
    /* A session of its own: what the terminal sends to all in front of it (^C, a lost line) comes
     * to us, who ended it ourselves or were told to ignore it; and it cannot stop to ask the
     * terminal for a password. */
    if (setsid() < 0)
        fail_child(launch);
    for (int target = 0; target < 3; target++) {
        int source = launch->fds[target];
        if (source < 0)
            source = launch->given[target] > 0 ? launch->given[target] : launch->null_fd;
        if (dup2(source, target) < 0)
            fail_child(launch);
    }
    if (launch->merge_output && dup2(2, 1) < 0)
        fail_child(launch);
    /* Libraries of ours may hold descriptors without O_CLOEXEC. */
    close_range(3, UINT_MAX, CLOSE_RANGE_CLOEXEC);
    /* We ignore these two and block the signals of cancel; a program expects neither. */
    sigaction(SIGPIPE, &normal, NULL);
    sigaction(SIGXFSZ, &normal, NULL);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    execve(launch->path, (char *const *)(uintptr_t)launch->argv, launch->envp);
    fail_child(launch);
}

/* ---- its stderr ---- */

/* A line is complete: to the caller, and among the last ones. */
static void emit_line(struct listener *listener)
{
    listener->line[listener->length] = '\0';
    if (listener->length > 0 && listener->line[listener->length - 1] == '\r')
        listener->line[--listener->length] = '\0';
    if (listener->length == 0)
        return;
    if (listener->on_line != NULL)
        listener->on_line(listener->context, listener->line);
    /* A few are enough to tell why it ended; a child may say much before that. */
    struct strlist *last = &listener->last;
    if (last->count == LAST_WORDS) {
        free(last->items[0]);
        memmove(last->items, last->items + 1, --last->count * sizeof *last->items);
    }
    strlist_add(last, listener->line);
    listener->length = 0;
}

/* Ends at end of file, or when the child is gone and nothing is left to read: a grandchild
 * that keeps stderr open must not hold us. */
static void *listen_to_stderr(void *argument)
{
    struct listener *listener = argument;
    struct pollfd fds[2] = {{.fd = listener->fd, .events = POLLIN},
                            {.fd = listener->stop[0], .events = POLLIN}};
    char buffer[LINE_SIZE];
    for (;;) {
        if (poll(fds, 2, -1) < 0)
            continue;
        if (fds[0].revents == 0)
            break;
        ssize_t received = read(listener->fd, buffer, sizeof buffer);
        if (received < 0 && errno == EINTR)
            continue;
        if (received <= 0)
            break;
        /* A NUL would end the line for everybody who prints it; what is too long is cut. */
        for (ssize_t i = 0; i < received; i++) {
            if (buffer[i] == '\n')
                emit_line(listener);
            else if (listener->length < LINE_SIZE)
                listener->line[listener->length++] = buffer[i] == '\0' ? '?' : buffer[i];
        }
    }
    emit_line(listener);
    return NULL;
}

static void join_listener(struct process *process)
{
    struct listener *listener = &process->listener;
    file_close(&listener->stop[1]);
    if (listener->running)
        pthread_join(listener->thread, NULL);
    listener->running = false;
    file_close(&listener->stop[0]);
    file_close(&listener->fd);
}

/* ---- waiting for it ---- */

/* WNOHANG always: how long to wait is await_end's to decide. Above 128 the status is told as
 * shells do. */
static bool reap(struct process *process)
{
    if (waitpid(process->pid, &process->raw_status, WNOHANG) != process->pid)
        return false;
    int raw = process->raw_status;
    process->status = WIFEXITED(raw) ? WEXITSTATUS(raw) : 128 + WTERMSIG(raw);
    return true;
}

/* Waits for the end of the child at most until `deadline` (monotonic ms; < 0: no limit),
 * and only as long as nobody cancels when `heed_cancel`. True when it has been reaped. */
static bool await_end(struct process *process, int64_t deadline, bool heed_cancel)
{
    struct pollfd fds[2] = {
        {.fd = process->pidfd, .events = POLLIN},
        {.fd = heed_cancel ? cancel_fd(process->cancel) : -1, .events = POLLIN}};
    /* With a descriptor the poll ends with the child; the second is for a lost wake-up. */
    int64_t step = process->pidfd >= 0 ? 1000 : 20;
    while (!reap(process)) {
        int64_t left = deadline < 0 ? step : deadline - clock_monotonic_ms();
        if (left <= 0 || (heed_cancel && cancel_requested(process->cancel)))
            return false;
        poll(fds, 2, (int)(left < step ? left : step));
    }
    return true;
}

/* ---- start ---- */

/* The same descriptor, but not 0, 1 or 2, which the child's own will be: dup2 onto itself would
 * leave it to be closed by exec, and dup2 of another onto it would lose it. */
static int above_standard(int fd)
{
    if (fd < 0 || fd > 2)
        return fd;
    int above = fcntl(fd, F_DUPFD_CLOEXEC, 3);
    file_close(&fd);
    return above;
}

/* O_CLOEXEC from the first moment: another thread may fork at any time. What came of it when it
 * fails is closed with the rest of the launch. */
static int make_pipe(int *reader, int *writer)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) < 0)
        return -1;
    *reader = above_standard(ends[0]);
    *writer = above_standard(ends[1]);
    return *reader < 0 || *writer < 0 ? -1 : 0;
}

/* True when one of the changes names the variable of this NAME=value. */
static bool is_changed(const char *variable, const char *const *changes)
{
    size_t length = strcspn(variable, "=");
    for (; changes != NULL && *changes != NULL; changes++)
        if (strcspn(*changes, "=") == length && strncmp(*changes, variable, length) == 0)
            return true;
    return false;
}

/* Everything that may fail or allocate, before the fork. */
static int prepare(struct process *process, const struct process_spec *spec,
                   struct launch *launch, struct err *err)
{
    launch->path = file_find_program(spec->argv[0]);
    if (launch->path == NULL)
        return err_set(err, ERR_SYSTEM, "%s: no such program", spec->argv[0]);
    /* Asked here: in the child getppid would name whoever has adopted it by then. */
    launch->argv = spec->argv;
    launch->parent = getpid();
    launch->survives = spec->survives;
    launch->merge_output = spec->merge_output;
    launch->end_signal = process->end_signal;
    launch->user = spec->user;
    launch->given[0] = spec->stdin_fd;
    launch->given[1] = spec->stdout_fd;
    /* The environment: ours without what changes, then the changes that set something. */
    for (char **variable = environ; *variable != NULL; variable++)
        if (!is_changed(*variable, spec->env))
            strlist_add(&launch->env, *variable);
    for (const char *const *change = spec->env; change != NULL && *change != NULL; change++)
        if (strchr(*change, '=') != NULL)
            strlist_add(&launch->env, *change);
    launch->envp = strlist_argv(&launch->env);

    /* Its ends of the pipes; what it has no pipe for comes from or goes to /dev/null. */
    launch->null_fd = above_standard(open("/dev/null", O_RDWR | O_CLOEXEC));
    if (launch->null_fd < 0)
        return err_errno(err, ERR_SYSTEM, "cannot open /dev/null");
    struct listener *listener = &process->listener;
    bool good = make_pipe(&launch->report[0], &launch->report[1]) == 0 &&
                make_pipe(&listener->stop[0], &listener->stop[1]) == 0 &&
                make_pipe(&listener->fd, &launch->fds[2]) == 0;
    if (good && spec->pipe_stdin)
        good = make_pipe(&launch->fds[0], &process->stdin_fd) == 0;
    if (good && spec->pipe_stdout)
        good = make_pipe(&process->stdout_fd, &launch->fds[1]) == 0;
    if (!good)
        return err_errno(err, ERR_SYSTEM, "cannot make a pipe");
    /* Best effort: /proc/sys/fs/pipe-max-size or the user's quota may forbid it. */
    if (spec->pipe_stdout)
        (void)fcntl(process->stdout_fd, F_SETPIPE_SZ, PIPE_SIZE);
    if (spec->pipe_stdin)
        (void)fcntl(process->stdin_fd, F_SETPIPE_SZ, PIPE_SIZE);
    return 0;
}

/* Forks, and waits until the child has become the program or has said why not. */
static int launch_child(struct process *process, struct launch *launch, struct err *err)
{
    int reason = 0;
    process->pid = fork();
    if (process->pid < 0)
        return err_errno(err, ERR_SYSTEM, "cannot start a process");
    if (process->pid == 0)
        run_child(launch);
    process->pidfd = pidfd_open(process->pid, 0);
    /* The child's ends are closed here, else we would never see the end of file. A good exec
     * closes the last writer of the report: nothing comes. */
    for (int i = 0; i < 3; i++)
        file_close(&launch->fds[i]);
    file_close(&launch->report[1]);
    if (file_read_all(launch->report[0], &reason, sizeof reason) != (ssize_t)sizeof reason)
        return 0;
    /* It ends by itself. A signal would find it with our handlers, not with its own. */
    (void)await_end(process, -1, false);
    errno = reason;
    return err_errno(err, ERR_SYSTEM, "cannot run %s", process->name);
}

struct process *process_start(const struct process_spec *spec, struct err *err)
{
    struct launch launch = {.fds = {-1, -1, -1}, .report = {-1, -1}, .null_fd = -1};
    struct process *process = memory_zalloc(sizeof *process);
    const char *slash = strrchr(spec->argv[0], '/');
    process->name = memory_strdup(slash == NULL ? spec->argv[0] : slash + 1);
    process->cancel = spec->cancel;
    process->interrupt = spec->interrupt;
    process->survives = spec->survives;
    process->end_signal = spec->end_signal > 0 ? spec->end_signal : SIGTERM;
    process->pidfd = process->stdin_fd = process->stdout_fd = process->status = -1;
    process->listener.fd = process->listener.stop[0] = process->listener.stop[1] = -1;
    process->listener.on_line = spec->on_stderr;
    process->listener.context = spec->context;
    int result = prepare(process, spec, &launch, err);
    if (result == 0)
        result = launch_child(process, &launch, err);
    if (result == 0)
        result = thread_start(&process->listener.thread, listen_to_stderr,
                              &process->listener, err);
    process->listener.running = result == 0;

    /* What only the start needed, on every way out. What the process has by now goes with it. */
    for (int i = 0; i < 3; i++)
        file_close(&launch.fds[i]);
    file_close(&launch.report[0]);
    file_close(&launch.report[1]);
    file_close(&launch.null_fd);
    strlist_release(&launch.env);
    free(launch.path);
    if (result < 0) {
        process_free(process);
        return NULL;
    }
    return process;
}

int process_stdin(const struct process *process)
{
    return process->stdin_fd;
}

int process_stdout(const struct process *process)
{
    return process->stdout_fd;
}

void process_close_stdin(struct process *process)
{
    file_close(&process->stdin_fd);
}

int process_status(const struct process *process)
{
    return process->status;
}

bool process_ended(struct process *process)
{
    return process->status >= 0 || reap(process);
}

pid_t process_pid(const struct process *process)
{
    return process->pid;
}

const char *process_last_words(const struct process *process)
{
    return process->last_words == NULL ? "" : process->last_words;
}

/* Asks first: pg_dump and psql then cancel their query on the server. All of its session are
 * asked, because a wrapper script in pg_bin_dir has the program as a child. */
static void end_child(struct process *process)
{
    int64_t until = clock_monotonic_ms() + GRACE_MS;
    bool ended = false;
    do {
        kill(-process->pid, process->interrupt ? SIGINT : process->end_signal);
        int64_t next = process->interrupt ? clock_monotonic_ms() + INTERRUPT_MS : until;
        ended = await_end(process, next, false);
    } while (!ended && clock_monotonic_ms() < until);
    /* A script ends at once where what it started is still cancelling its query: the rest of its
     * session has the same time. While one of them is there the system gives their number to
     * nobody else. */
    while (ended && kill(-process->pid, 0) == 0 && clock_monotonic_ms() < until)
        poll(NULL, 0, REST_MS);
    if (!ended || kill(-process->pid, 0) == 0)
        kill(-process->pid, SIGKILL);
    if (!ended)
        await_end(process, -1, false);
}

static int describe_end(const struct process *process, struct err *err)
{
    /* Programs say in their last line why they end; the lines before it were passed on. */
    const struct strlist *lines = &process->listener.last;
    const char *last = lines->count > 0 ? lines->items[lines->count - 1] : "";
    const char *colon = *last != '\0' ? ": " : "";
    if (WIFEXITED(process->raw_status))
        return err_set(err, ERR_SYSTEM, "%s ended with exit status %d%s%s", process->name,
                       process->status, colon, last);
    int number = WTERMSIG(process->raw_status);
    const char *name = sigabbrev_np(number);
    return err_set(err, ERR_SYSTEM, "%s was ended by signal %d (%s)%s%s", process->name,
                   number, name == NULL ? "?" : name, colon, last);
}

int process_finish(struct process *process, struct err *err)
{
    bool cancelled = false;
    /* One that outlives us is not ended by what ends us, either: it is asked in its own way. */
    if (process->status < 0 && !await_end(process, -1, !process->survives)) {
        cancelled = true;
        end_child(process);
    }
    /* The thread may still be reading what the child wrote last: only then are the words
     * complete. */
    join_listener(process);
    struct text words;
    text_init(&words, (size_t)LAST_WORDS * (LINE_SIZE + 2));
    for (size_t i = 0; i < process->listener.last.count; i++)
        text_addf(&words, "%s%s", i > 0 ? "; " : "", process->listener.last.items[i]);
    memory_take(&process->last_words, text_finish(&words));
    /* A child that we ended ourselves did not fail. */
    if (cancelled)
        return cancel_check(process->cancel, err);
    return process->status == 0 ? 0 : describe_end(process, err);
}

void process_free(struct process *process)
{
    if (process == NULL)
        return;
    file_close(&process->stdin_fd);
    file_close(&process->stdout_fd);
    if (process->pid > 0 && process->status < 0)
        end_child(process);
    join_listener(process);
    file_close(&process->pidfd);
    strlist_release(&process->listener.last);
    free(process->last_words);
    free(process->name);
    free(process);
}

/* ---- run to the end ---- */

/* Waits with poll, so that a cancel is seen while the child is silent. */
static int read_output(struct process *process, struct text *out, struct err *err)
{
    char buffer[16384];
    struct pollfd fds[2] = {{.fd = process->stdout_fd, .events = POLLIN},
                            {.fd = cancel_fd(process->cancel), .events = POLLIN}};
    for (;;) {
        if (cancel_check(process->cancel, err) < 0)
            return -1;
        if (poll(fds, 2, 1000) <= 0 || fds[0].revents == 0)
            continue;
        ssize_t received = read(process->stdout_fd, buffer, sizeof buffer);
        if (received == 0)
            return 0;
        if (received < 0 && errno != EINTR)
            return err_errno(err, ERR_SYSTEM, "cannot read from %s", process->name);
        if (received > 0)
            text_add_bytes(out, buffer, (size_t)received);
        /* Not read on: the child would go on for as long as we listen. */
        if (text_check(out, "what the program printed", err) < 0)
            return err_context(err, "%s", process->name);
    }
}

int process_run(const struct process_spec *spec, struct text *out, struct err *err)
{
    struct process_spec piped = *spec;
    piped.pipe_stdout = out != NULL;
    struct process *process = process_start(&piped, err);
    if (process == NULL)
        return -1;
    int result = out == NULL ? 0 : read_output(process, out, err);
    if (result == 0)
        result = process_finish(process, err);
    process_free(process);
    return result;
}
