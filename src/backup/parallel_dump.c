/*
 * Who takes which task is decided by one counter: tasks are many, and the largest come first, so
 * that all end at about the same time.
 */
#include "backup/parallel_dump.h"

#include "base/file.h"
#include "base/log.h"
#include "base/memory.h"
#include "config/option.h"

#include <stdatomic.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum { WORKERS_MAX = 4 };
/* Below this a second connection is not worth its start. */
#define BYTES_FOR_AUTO (UINT64_C(64) << 20)

struct worker {
    struct parallel_dump *parallel;
    struct copy_session *session; /* of the leader only from the start */
};

struct parallel_dump {
    struct copy_session_spec session;
    struct copy_plan plan;
    struct strlist patterns;
    struct worker *workers; /* the first is the leader */
    struct stream_source *sources;
    unsigned count;
    int done_fd; /* readable when all but the leader have ended */
    atomic_size_t next_task;
    atomic_uint others;  /* that have not ended */
    atomic_bool refused; /* a connection, which is said once */
};

/* ---- on the stream's threads ---- */

static const struct copy_task *take_task(struct parallel_dump *parallel)
{
    size_t next = atomic_fetch_add(&parallel->next_task, 1);
    return next < parallel->plan.task_count ? &parallel->plan.tasks[next] : NULL;
}

static int copy_tasks(struct worker *worker, struct table_writer *writer, int wake_fd,
                      struct err *err)
{
    const struct copy_task *task;
    while ((task = take_task(worker->parallel)) != NULL) {
        int state = copy_session_copy(worker->session, task, writer, wake_fd, err);
        if (state != 0)
            return state;
    }
    return 0;
}

/* While others still copy, somebody must notice that their snapshot's holder is gone. */
static int run_leader(void *context, struct table_writer *writer, int wake_fd,
                      struct err *err)
{
    struct worker *worker = context;
    int state = copy_tasks(worker, writer, wake_fd, err);
    if (state == 0)
        state =
            copy_session_watch(worker->session, worker->parallel->done_fd, wake_fd, err);
    return state;
}

static int connect_worker(struct worker *worker, struct err *err)
{
    struct parallel_dump *parallel = worker->parallel;
    const char *snapshot = copy_session_snapshot(parallel->workers[0].session);
    worker->session = copy_session_join(&parallel->session, snapshot, err);
    if (worker->session != NULL)
        return 1;
    /* No free connection: it costs speed, not the backup. All else would hit the others, too. */
    if (err->kind != ERR_AGAIN)
        return -1;
    if (!atomic_exchange(&parallel->refused, true))
        log_warning("%s: going on with fewer connections", err->text);
    err_clear(err);
    return 0;
}

static int run_worker(void *context, struct table_writer *writer, int wake_fd,
                      struct err *err)
{
    struct worker *worker = context;
    struct parallel_dump *parallel = worker->parallel;
    uint64_t one = 1;
    int state = 0;
    /* pg_dump first: should there be no connection left for both, it is its. */
    if (!table_writer_await(writer))
        return 1;
    if (atomic_load(&parallel->next_task) < parallel->plan.task_count) {
        int connected = connect_worker(worker, err);
        if (connected < 0)
            return -1;
        if (connected > 0)
            state = copy_tasks(worker, writer, wake_fd, err);
        /* Ended here and not with the others: it is a connection that the server can use. */
        if (connected > 0 && state == 0)
            state = copy_session_end(worker->session, err);
        if (state == 0) {
            copy_session_free(worker->session);
            worker->session = NULL;
        }
    }
    if (state == 0 && atomic_fetch_sub(&parallel->others, 1) == 1 &&
        write(parallel->done_fd, &one, sizeof one) < 0)
        return err_errno(err, ERR_SYSTEM, "eventfd");
    return state;
}

/* ---- setting up ---- */

/* How many connections; 0: pg_dump alone. */
static unsigned choose_count(const struct parallel_spec *spec, const struct copy_plan *plan,
                             bool pooled)
{
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    if (plan->table_count == 0)
        return 0;
    if (spec->connections != OPTION_AUTO)
        return (unsigned)spec->connections;
    if (pooled || cores < 2 || plan->bytes < BYTES_FOR_AUTO)
        return 0;
    return cores < WORKERS_MAX ? (unsigned)cores : WORKERS_MAX;
}

/* Said, and forgotten. */
static void go_alone(const struct parallel_spec *spec, struct err *err)
{
    log_info("%s: pg_dump copies all tables alone: %s", spec->session.database, err->text);
    err_clear(err);
}

static int set_up(struct parallel_dump *parallel, const struct parallel_spec *spec,
                  struct err *err)
{
    struct copy_plan *plan = &parallel->plan;
    struct copy_session *leader;
    int led = copy_session_open(&spec->session, &leader, err);
    parallel->workers = memory_array(1, sizeof *parallel->workers);
    parallel->workers[0] = (struct worker){.parallel = parallel, .session = leader};
    /* What this server does not take costs speed, not the backup. */
    if (led > 0)
        go_alone(spec, err);
    if (led != 0)
        return led < 0 ? -1 : 0;
    if (copy_plan_ask(copy_session_server(leader), spec->filters, plan, err) < 0)
        return -1;
    unsigned count =
        choose_count(spec, plan, server_is_pooled(copy_session_server(leader)));
    if (count == 0)
        return 0;
    copy_plan_cut(plan, count);
    if (count > plan->task_count)
        count = (unsigned)plan->task_count;
    int shared = copy_session_share(leader, spec->filters, plan, err);
    if (shared > 0)
        go_alone(spec, err);
    if (shared != 0)
        return -(shared < 0);

    /* All that the threads read: nothing of it changes from here on. */
    for (size_t i = 0; i < plan->table_count; i++)
        strlist_add(&parallel->patterns, plan->tables[i].pattern);
    parallel->session.encoding = copy_session_encoding(leader);
    free(parallel->workers);
    parallel->workers = memory_array(count, sizeof *parallel->workers);
    parallel->sources = memory_array(count, sizeof *parallel->sources);
    parallel->count = count;
    for (unsigned i = 0; i < count; i++) {
        parallel->workers[i].parallel = parallel;
        parallel->sources[i] = (struct stream_source){
            .run = i == 0 ? run_leader : run_worker, .context = &parallel->workers[i]};
    }
    parallel->workers[0].session = leader;
    atomic_init(&parallel->others, count - 1);
    parallel->done_fd = eventfd(count == 1, EFD_CLOEXEC | EFD_NONBLOCK);
    return parallel->done_fd >= 0 ? 0 : err_errno(err, ERR_SYSTEM, "eventfd");
}

int parallel_dump_begin(const struct parallel_spec *spec, struct parallel_dump **out,
                        struct err *err)
{
    *out = NULL;
    if (spec->connections == 0)
        return 0;
    struct parallel_dump *parallel = memory_zalloc(sizeof *parallel);
    parallel->session = spec->session;
    parallel->done_fd = -1;
    atomic_init(&parallel->next_task, 0);
    int result = set_up(parallel, spec, err);
    if (result == 0 && parallel->count > 0) {
        char size[32];
        size_t tables = parallel->plan.table_count, pieces = parallel->plan.task_count;
        log_info("%s: large tables: %zu (%s), copied by %u %s, in %zu %s",
                 spec->session.database, tables, text_size(size, parallel->plan.bytes),
                 parallel->count, parallel->count == 1 ? "connection" : "connections",
                 pieces, pieces == 1 ? "piece" : "pieces");
        *out = parallel;
        return 0;
    }
    parallel_dump_free(parallel);
    return result;
}

const char *parallel_dump_snapshot(const struct parallel_dump *parallel)
{
    return copy_session_snapshot(parallel->workers[0].session);
}

const char *parallel_dump_encoding(const struct parallel_dump *parallel)
{
    return parallel->session.encoding;
}

const struct strlist *parallel_dump_patterns(const struct parallel_dump *parallel)
{
    return &parallel->patterns;
}

const struct stream_source *parallel_dump_sources(const struct parallel_dump *parallel,
                                                  unsigned *count)
{
    *count = parallel->count;
    return parallel->sources;
}

/* ---- ends ---- */

int parallel_dump_finish(struct parallel_dump *parallel, struct err *err)
{
    if (copy_session_end(parallel->workers[0].session, err) == 0)
        return 0;
    return err_context(err, "the session that held the snapshot");
}

void parallel_dump_free(struct parallel_dump *parallel)
{
    if (parallel == NULL)
        return;
    for (unsigned i = 0; parallel->workers != NULL && (i == 0 || i < parallel->count); i++)
        copy_session_free(parallel->workers[i].session);
    free(parallel->workers);
    free(parallel->sources);
    strlist_release(&parallel->patterns);
    copy_plan_release(&parallel->plan);
    file_close(&parallel->done_fd);
    free(parallel);
}
