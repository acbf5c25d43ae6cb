/* As runs of serve are: the program itself by its path, waited for by a thread that sleeps in the
 * kernel (serve/children.c). */
#define _GNU_SOURCE /* eventfd */
#include "notify/errand.h"

#include "base/cancel.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/process.h"
#include "base/thread.h"
#include "catalog/db/outbox.h"

#include <poll.h>
#include <stdatomic.h>
#include <sys/eventfd.h>
#include <unistd.h>

struct errand {
    pthread_t thread;
    struct process *process;
    int fd;
    atomic_bool over;
    atomic_int owners; /* the thread, and whoever started it: the last one frees it */
};

/* Its lines are complete and in our format: they are passed on as they are. */
static void pass_line(void *context, const char *line)
{
    (void)context;
    log_raw(line);
}

static void release(struct errand *errand)
{
    process_free(errand->process);
    file_close(&errand->fd);
    free(errand);
}

static void let_go(struct errand *errand)
{
    if (atomic_fetch_sub(&errand->owners, 1) == 1)
        release(errand);
}

static void *wait_for(void *argument)
{
    struct errand *errand = argument;
    uint64_t one = 1;
    struct err err = {0};
    /* What it met it has said, and written into the outbox. */
    int failed = process_finish(errand->process, &err);
    (void)failed;
    atomic_store(&errand->over, true);
    ssize_t ignored = write(errand->fd, &one, sizeof one);
    (void)ignored;
    let_go(errand);
    return NULL;
}

static struct process *start(const struct settings *settings, int64_t limit_s,
                             struct err *err)
{
    struct strlist words = {0};
    char *program = file_own_program(err);
    if (program == NULL)
        return NULL;
    strlist_add(&words, program);
    strlist_add(&words, "notify");
    strlist_addf(&words, "--deliver=%llds", (long long)limit_s);
    strlist_addf(&words, "--catalog=%s", settings->catalog);
    strlist_addf(&words, "--log-format=%s", log_format_name(settings->log_format));
    strlist_add(&words, "--quiet");
    if (settings->config_file != NULL)
        strlist_addf(&words, "--config=%s", settings->config_file);
    const struct process_spec spec = {.argv = (const char *const *)strlist_argv(&words),
                                      .on_stderr = pass_line,
                                      .survives = true};
    struct process *process = process_start(&spec, err);
    strlist_release(&words);
    free(program);
    return process;
}

struct errand *errand_start(const struct settings *settings, int64_t limit_s,
                            struct err *err)
{
    struct errand *errand = memory_zalloc(sizeof *errand);
    atomic_init(&errand->owners, 2);
    errand->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (errand->fd < 0)
        err_errno(err, ERR_SYSTEM, "cannot make a descriptor");
    else
        errand->process = start(settings, limit_s, err);
    if (errand->process != NULL &&
        thread_start(&errand->thread, wait_for, errand, err) == 0) {
        pthread_detach(errand->thread);
        return errand;
    }
    release(errand);
    return NULL;
}

int errand_fd(const struct errand *errand)
{
    return errand->fd;
}

bool errand_is_over(const struct errand *errand)
{
    return atomic_load(&errand->over);
}

void errand_leave(struct errand *errand)
{
    if (errand != NULL)
        let_go(errand);
}

void errand_finish(struct errand *errand)
{
    if (errand == NULL)
        return;
    struct pollfd fds[2] = {{.fd = errand->fd, .events = POLLIN},
                            {.fd = cancel_fd(NULL), .events = POLLIN}};
    /* Its limit bounds it. */
    while (!errand_is_over(errand) && !cancel_requested(NULL))
        poll(fds, 2, 1000);
    let_go(errand);
}

int errand_is_due(struct catalog *catalog, int64_t now, bool *due, struct err *err)
{
    int64_t next;
    if (catalog_outbox_next(catalog, &next, err) < 0)
        return -1;
    *due = next <= now;
    return 0;
}

void errand_run(const struct settings *settings)
{
    struct err err = {0};
    bool due = false;
    if (settings->notifier_count == 0 || cancel_requested(NULL))
        return;
    /* Nothing is started for nothing. */
    struct catalog *catalog = catalog_open(settings->catalog, CATALOG_READ, &err);
    if (catalog != NULL && errand_is_due(catalog, clock_now(), &due, &err) == 0 && due) {
        errand_finish(errand_start(settings, ERRAND_SHORT_S, &err));
    }
    catalog_close(catalog);
    if (err.kind != ERR_NONE)
        log_warning("messages wait: %s", err.text);
}
