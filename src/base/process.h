/*
 * process - child processes: no shell, no descriptor leaks, always reaped, gone when we are gone.
 *
 *     process_start -> read process_stdout / write process_stdin -> process_finish
 *     process_free at any time: SIGTERM, SIGKILL after 2.5 s, reap; a no-op on what has finished.
 *
 * The child gets a session of its own, so that signals of a terminal reach us alone, and
 * PR_SET_PDEATHSIG(SIGTERM). That signal follows the *thread* that started it:
 * start children from a thread that outlives them. stdin is /dev/null unless asked for. stderr is
 * read by a thread of its own, line by line (cut at 4 KiB), and handed to on_stderr; the last
 * lines are kept for the error of process_finish. The environment is ours with changes; argv
 * never holds secrets.
 */
#ifndef PGKEEP_BASE_PROCESS_H
#define PGKEEP_BASE_PROCESS_H

#include "base/cancel.h"
#include "base/text.h"

#include <sys/types.h>

struct process;

struct process_user {
    uid_t uid;
    gid_t gid;
};

struct process_spec {
    const char *const *argv; /* NULL-terminated; argv[0] is a path or found on PATH */
    const char *const *env; /* NULL-terminated or NULL: "NAME=value" sets, "NAME" removes */
    bool pipe_stdin;
    bool pipe_stdout; /* else stdout goes to /dev/null */
    int stdout_fd;    /* when > 0: stdout goes there instead; stays the caller's */
    int stdin_fd;     /* when > 0: stdin comes from there; stays the caller's */
    /* may be NULL; called on another thread */
    void (*on_stderr)(void *context, const char *line);
    void *context;
    const struct cancel *cancel; /* ends the waits for it; NULL: the root */
    /* Ended by SIGINT, again and again for those 5 s, instead of one SIGTERM: psql cancels what
     * runs on the server only then, and not while it is between two statements. */
    bool interrupt;
    bool merge_output; /* stdout goes where stderr goes */
    /* What it is asked to end by, also when we die; 0: SIGTERM. */
    int end_signal;
    /* Root only: whom it runs as, in the folder `/` and without further groups; NULL: us. */
    const struct process_user *user;
    bool survives; /* it goes on when we die or are cancelled, unlike all others */
};

struct process *process_start(const struct process_spec *spec, struct err *err) MUST_USE;
int process_stdin(const struct process *process); /* fd, -1 when closed or not asked for */
/* fd of a pipe, enlarged to 1 MiB where allowed; -1 when closed or not asked for. */
int process_stdout(const struct process *process);
void process_close_stdin(struct process *process);
/* Has it ended by now? Does not wait; process_finish tells how. */
bool process_ended(struct process *process);
pid_t process_pid(const struct process *process);
/* Waits for the end. 0 when it exited with 0; otherwise -1, ERR_SYSTEM and one sentence that names
 * the program, "exit status N" or "signal N (NAME)", and its last stderr line. */
int process_finish(struct process *process, struct err *err) MUST_USE;
/* Exit status after process_finish: 0-255, or 128 + signal; -1 before. */
int process_status(const struct process *process);
/* The last lines of stderr (at most 4), joined by "; "; after process_finish. */
const char *process_last_words(const struct process *process);
void process_free(struct process *process); /* NULL-safe; ends and reaps it */

/* Runs to the end with stdout read into `out` (may be NULL; over its ceiling is an error). */
int process_run(const struct process_spec *spec, struct text *out,
                struct err *err) MUST_USE;

#endif
