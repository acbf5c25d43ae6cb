/*
 * A child is waited for by a thread that sleeps in the kernel, so that the loop of serve has one
 * descriptor to wait on for all of them and no signal to catch.
 *
 * What a run came to stands in its row, which the child itself writes. The exit status of the
 * process matters only where the row is still open: it was killed, or could not write it.
 */
#define _GNU_SOURCE /* eventfd */
#include "serve/children.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/process.h"
#include "base/thread.h"
#include "report/jobs.h"
#include "session/settle.h"

#include <errno.h>
#include <stdatomic.h>
#include <sys/eventfd.h>
#include <unistd.h>

struct child {
    struct child *next;
    int64_t run;
    char *job;
    pthread_t thread;
    struct process *process;
    int fd;           /* told when it has ended */
    atomic_bool over; /* then `end` is read */
    struct err end;
};

struct children {
    struct child *first;
    int fd;
    bool results;
    char *program; /* by its path, so that an update of it counts for the next run */
};

struct children *children_new(bool results, struct err *err)
{
    struct children *children = memory_zalloc(sizeof *children);
    children->results = results;
    children->program = file_own_program(err);
    children->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (children->program != NULL && children->fd >= 0)
        return children;
    if (children->fd < 0)
        err_errno(err, ERR_SYSTEM, "cannot prepare for child processes");
    free(children->program);
    file_close(&children->fd);
    free(children);
    return NULL;
}

int children_fd(const struct children *children)
{
    return children->fd;
}

static void *wait_for(void *argument)
{
    struct child *child = argument;
    uint64_t one = 1;
    int failed = process_finish(child->process, &child->end);
    (void)failed; /* its row says how it ended; `end` is for one that could not write it */
    atomic_store(&child->over, true);
    ssize_t ignored = write(child->fd, &one, sizeof one);
    (void)ignored;
    return NULL;
}

static void free_child(struct child *child)
{
    process_free(child->process);
    free(child->job);
    free(child);
}

/* Its lines are complete and in our format: they are passed on as they are. */
static void pass_line(void *context, const char *line)
{
    (void)context;
    log_raw(line);
}

/* By the kind of the run. */
static void add_command(struct strlist *words, const struct settings *settings,
                        const struct catalog_run *run)
{
    const struct job_settings *job = settings_job(settings, run->job);
    if (strcmp(run->kind, jobs_kind_name(JOBS_BACKUP)) == 0) {
        strlist_add(words, "backup");
        strlist_add(words, run->job);
        return;
    }
    strlist_add(words, "verify");
    strlist_addf(words, "--job=%s", run->job);
    if (strcmp(run->kind, jobs_kind_name(JOBS_DRILL)) == 0) {
        strlist_add(words, "--level=drill");
        return;
    }
    strlist_add(words, "--longest-unverified");
    if (job != NULL && job->verify_level == VERIFY_LEVEL_QUICK)
        strlist_add(words, "--level=quick");
}

static int start(struct children *children, const struct settings *settings,
                 const struct catalog_run *run, struct err *err)
{
    struct strlist words = {0};
    /* The same command that anybody could type, with the settings that we were given. */
    strlist_add(&words, children->program);
    add_command(&words, settings, run);
    strlist_addf(&words, "--run=%lld", (long long)run->id);
    strlist_addf(&words, "--catalog=%s", settings->catalog);
    strlist_addf(&words, "--log-format=%s", log_format_name(settings->log_format));
    if (settings->config_file != NULL)
        strlist_addf(&words, "--config=%s", settings->config_file);
    /* A live line is one process's; by lines they come every 30 s. */
    if (settings->quiet)
        strlist_add(&words, "--quiet");
    struct process_spec spec = {.argv = (const char *const *)strlist_argv(&words),
                                .stdout_fd = children->results ? STDOUT_FILENO : 0,
                                .on_stderr = pass_line,
                                .survives = true};
    /* The thread is the last that may fail: without one the process is ended again. */
    struct child *child = memory_zalloc(sizeof *child);
    child->run = run->id;
    child->job = memory_strdup(run->job);
    child->fd = children->fd;
    child->process = process_start(&spec, err);
    strlist_release(&words);
    if (child->process != NULL && thread_start(&child->thread, wait_for, child, err) == 0) {
        child->next = children->first;
        children->first = child;
        return 0;
    }
    free_child(child);
    return -1;
}

/* ---- which ---- */

static bool has_child(const struct children *children, int64_t run)
{
    for (const struct child *child = children->first; child != NULL; child = child->next) {
        if (child->run == run)
            return true;
    }
    return false;
}

static bool is_mine(const struct children_wish *wish, int64_t run)
{
    for (size_t i = 0; i < wish->mine_count; i++) {
        if (wish->mine[i] == run)
            return true;
    }
    return false;
}

/* `self`: our owner, as text. */
static bool is_wanted(const struct children_wish *wish, const struct catalog_run *run,
                      const char *self)
{
    /* What we asked for in an earlier look is ours, too; an API begins nothing itself. */
    if (text_equal(run->owner, self))
        return wish->orphans || is_mine(wish, run->id);
    if (wish->orphans && run->cause == CATALOG_RUN_BY_API)
        return true;
    /* While whoever asked for it lives, it is that one's, which may wait for room for hours. */
    if (run->owner_state == OWNER_ALIVE)
        return false;
    /* Of one elsewhere nothing tells but time; who asked in the future is not there, either. */
    int64_t age = clock_now() - run->requested;
    return is_mine(wish, run->id) ||
           (wish->orphans &&
            (run->owner_state == OWNER_DEAD || age > CHILDREN_ORPHAN_S || age < 0));
}

/* Is another run of the job under way, whoever's? */
static bool is_busy(const struct children *children, const struct catalog_runs *open,
                    const struct catalog_run *run)
{
    for (const struct child *child = children->first; child != NULL; child = child->next) {
        if (strcmp(child->job, run->job) == 0)
            return true;
    }
    enum jobs_kind kind;
    for (size_t i = 0; i < open->count; i++) {
        const struct catalog_run *other = &open->items[i];
        if (jobs_kind_find(other->kind, &kind) && other->state == CATALOG_RUN_RUNNING &&
            text_equal(other->job, run->job) && other->owner_state != OWNER_DEAD)
            return true;
    }
    return false;
}

/* Runs under way of this catalog, and children of ours whose row does not say so yet. */
static size_t count_running(const struct children *children,
                            const struct catalog_runs *open)
{
    size_t count = 0;
    for (const struct child *child = children->first; child != NULL; child = child->next)
        count++;
    enum jobs_kind kind;
    for (size_t i = 0; i < open->count; i++) {
        const struct catalog_run *run = &open->items[i];
        if (jobs_kind_find(run->kind, &kind) && run->state == CATALOG_RUN_RUNNING &&
            run->cause != CATALOG_RUN_BY_CLI && run->owner_state != OWNER_DEAD &&
            !has_child(children, run->id))
            count++;
    }
    return count;
}

int children_launch(struct children *children, const struct settings *settings,
                    struct catalog *catalog, struct children_wish *wish, struct err *err)
{
    const struct catalog_run_filter filter = {.states =
                                                  CATALOG_RUN_BIT(CATALOG_RUN_PENDING) |
                                                  CATALOG_RUN_BIT(CATALOG_RUN_RUNNING)};
    struct catalog_runs open = {0};
    struct owner owner;
    char self[OWNER_SIZE];
    if (owner_self(&owner, err) < 0)
        return -1;
    owner_text(self, &owner);
    int result = catalog_runs_list(catalog, &filter, &open, err);
    wish->waiting = wish->taken = wish->foreign = 0;
    /* The oldest first: it is the last of the list. */
    for (size_t i = open.count; result == 0 && i-- > 0;) {
        const struct catalog_run *run = &open.items[i];
        /* What is no schedule's is begun by whoever asked for it. */
        enum jobs_kind kind;
        if (has_child(children, run->id) || !jobs_kind_find(run->kind, &kind))
            continue;
        /* Somebody else's, who is at it or may come to it yet. */
        bool configured = run->job != NULL && settings_job(settings, run->job) != NULL;
        if (run->state != CATALOG_RUN_PENDING || !is_wanted(wish, run, self)) {
            wish->taken += is_mine(wish, run->id);
            wish->foreign += configured;
            continue;
        }
        /* It was asked for under another configuration. */
        if (!configured) {
            result = catalog_run_settle(catalog, run->id, 3,
                                        "the job is not configured any more", err);
            continue;
        }
        /* What somebody at a terminal asks for does not wait: its own lock says who is at it. */
        if (run->cause != CATALOG_RUN_BY_CLI &&
            (is_busy(children, &open, run) ||
             count_running(children, &open) >= (size_t)settings->max_concurrent)) {
            wish->waiting++;
            continue;
        }
        /* Of two that find the same orphan, one is its owner from here on. */
        bool taken = true;
        if (!text_equal(run->owner, self))
            result = catalog_run_take(catalog, run, &taken, err);
        if (result < 0 || !taken)
            continue;
        /* One that cannot be started does not keep the others from it. */
        struct err why = {0};
        if (start(children, settings, run, &why) < 0) {
            log_err(&why);
            result = catalog_run_settle(catalog, run->id, 1, why.text, err);
        }
    }
    catalog_runs_release(&open);
    return result;
}

/* ---- their end ---- */

/* A child that was killed, or never came so far as to begin its run, left the row open. One that
 * another process has begun is that one's: ours came too late and said so. */
static int finish(const struct child *child, struct catalog *catalog, struct err *err)
{
    struct catalog_runs runs = {0};
    int status = process_status(child->process);
    int result = catalog_run_load(catalog, child->run, &runs, err);
    const struct catalog_run *run = result == 0 && runs.count > 0 ? &runs.items[0] : NULL;
    /* Ours is dead by now; who lives, or is elsewhere, is another. */
    if (run != NULL && run->ended == 0 &&
        (run->state == CATALOG_RUN_PENDING || run->owner_state == OWNER_DEAD))
        result = catalog_run_settle_seen(
            catalog, run, status == 0 ? 1 : status,
            child->end.kind != ERR_NONE ? child->end.text : "it ended without a word", err);
    catalog_runs_release(&runs);
    return result;
}

int children_reap(struct children *children, struct catalog *catalog, size_t *count,
                  struct err *err)
{
    /* Emptied first: who ends from here on makes it readable again. */
    uint64_t ignored = 0;
    ssize_t size = read(children->fd, &ignored, sizeof ignored);
    (void)size;
    int result = 0;
    *count = 0;
    for (struct child **link = &children->first; *link != NULL;) {
        struct child *child = *link;
        /* After the first that cannot be written all are kept for the next time: each might wait
         * as long for the catalog, and the count has to be right. */
        if (result == 0 && atomic_load(&child->over))
            result = finish(child, catalog, err);
        if (result < 0 || !atomic_load(&child->over)) {
            ++*count;
            link = &child->next;
            continue;
        }
        *link = child->next;
        pthread_join(child->thread, NULL);
        free_child(child);
    }
    return result;
}

void children_cancel(struct children *children, struct catalog *catalog, bool by_signal)
{
    for (const struct child *child = children->first; child != NULL; child = child->next) {
        struct err err = {0};
        enum catalog_run_state state = CATALOG_RUN_PENDING;
        struct catalog_runs runs = {0};
        if (catalog_run_cancel(catalog, child->run, &state, &err) < 0 ||
            (by_signal && catalog_run_load(catalog, child->run, &runs, &err) < 0))
            log_err(&err);
        /* By its row and not by our own pid of it: the row says whose run it is. */
        if (runs.count > 0 && runs.items[0].state == CATALOG_RUN_RUNNING)
            (void)settle_signal(&runs.items[0]);
        catalog_runs_release(&runs);
    }
}

void children_free(struct children *children)
{
    if (children == NULL)
        return;
    /* Waits for each: a thread that outlived this would write into what is freed. */
    while (children->first != NULL) {
        struct child *child = children->first;
        children->first = child->next;
        pthread_join(child->thread, NULL);
        free_child(child);
    }
    file_close(&children->fd);
    free(children->program);
    free(children);
}
