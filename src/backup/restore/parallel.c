/*
 * A crew of sessions with one plan and one lock. The lock is held only while a task is chosen or
 * reported; statements and rows go without it. Nobody decides what a failure means but `fail`:
 * it keeps the first error and trips the node that all sessions wait on, so that each ends its
 * statement on the server, closes its session and is joined before the error is told.
 */
#include "backup/restore/parallel.h"

#include "backup/restore/task_plan.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/thread.h"

#include <unistd.h>

/* Raw bytes of one COPY: large enough that its begin and end do not count, small enough that the
 * last ones end together. */
#define PIECE_SIZE ((uint64_t)16 << 20)
/* Below it one session of psql is as fast. */
#define PARALLEL_FROM ((uint64_t)32 << 20)

struct crew {
    const struct carry_spec *spec;
    struct task_plan *plan;
    struct cancel *cancel; /* of all sessions: tripped by the first failure */
    pthread_mutex_t lock;  /* guards all below, and the plan */
    pthread_cond_t changed;
    bool failed;
    struct err err; /* the first one */
};

struct worker {
    struct crew *crew;
    struct loader *loader;
    size_t setting; /* statement that is in force */
    pthread_t thread;
};

unsigned parallel_pays(uint64_t raw_bytes)
{
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    unsigned most = cores > 4 ? 4 : cores < 2 ? 2 : (unsigned)cores;
    return raw_bytes < PARALLEL_FROM ? 1 : most;
}

/* ---- one session ---- */

/* What the dump sets at its head, for every session. */
static int set_up(struct worker *worker, struct err *err)
{
    const struct carry_spec *spec = worker->crew->spec;
    const struct outline *outline = &spec->script->outline;
    /* Encoding, string syntax, time-outs: what stands in front of the first real
     * statement. */
    for (size_t i = 0; i < outline->count; i++) {
        if (outline->items[i].action != STATEMENT_STATE)
            return 0;
        if (carry_statement(spec, worker->loader, &outline->items[i], err) < 0)
            return -1;
    }
    return 0;
}

static int carry_task(struct worker *worker, const struct task *task, struct err *err)
{
    const struct carry_spec *spec = worker->crew->spec;
    const struct outline *outline = &spec->script->outline;
    /* Rows have no statement in the outline. */
    if (task->statement == NULL)
        return carry_rows(spec, worker->loader, task->first, task->chunks, err);
    /* In which tablespace indexes are made is a setting. */
    if (task->setting != TASK_NONE && task->setting != worker->setting) {
        if (carry_statement(spec, worker->loader, &outline->items[task->setting], err) < 0)
            return -1;
        worker->setting = task->setting;
    }
    if (task->sql == NULL)
        return carry_statement(spec, worker->loader, task->statement, err);
    struct carry_text text = {task->statement, task->sql,
                              task->half ? LEDGER_HALF : LEDGER_STATEMENT};
    return carry_text(spec, worker->loader, &text, err);
}

static void fail(struct crew *crew, const struct err *err)
{
    /* Later ones follow from it, most of them being cancelled. */
    if (!crew->failed)
        crew->err = *err;
    crew->failed = true;
    /* Ends waits here and statements on the server. */
    cancel_trip(crew->cancel, CANCEL_ASKED);
    pthread_cond_broadcast(&crew->changed);
}

/* Task after task, until there is none or somebody failed. */
static void work(struct worker *worker)
{
    struct crew *crew = worker->crew;
    struct err err = {0};
    pthread_mutex_lock(&crew->lock);
    while (!crew->failed && !task_plan_finished(crew->plan)) {
        const struct task *task = task_plan_next(crew->plan);
        /* Nothing may begin yet: somebody else's task must be done first. */
        if (task == NULL) {
            pthread_cond_wait(&crew->changed, &crew->lock);
            continue;
        }
        pthread_mutex_unlock(&crew->lock);
        /* Without the lock: this is what takes the time. */
        int result = carry_task(worker, task, &err);
        pthread_mutex_lock(&crew->lock);
        if (result < 0)
            fail(crew, &err);
        else
            task_plan_done(crew->plan, task);
        pthread_cond_broadcast(&crew->changed);
    }
    pthread_mutex_unlock(&crew->lock);
}

static void *run_worker(void *context)
{
    struct worker *worker = context;
    struct crew *crew = worker->crew;
    struct err err = {0};
    worker->loader = loader_open(&crew->spec->target, &err);
    if (worker->loader != NULL &&
        ledger_join(crew->spec->ledger, worker->loader, &err) == 0 &&
        set_up(worker, &err) == 0) {
        work(worker);
    } else if (err.kind != ERR_CANCELLED) {
        /* The others do its work. */
        log_warning("one connection less: %s", err.text);
    }
    /* On this thread: a cancel waits for the server, and all sessions wait beside each
     * other. */
    loader_free(worker->loader);
    worker->loader = NULL;
    return NULL;
}

/* ---- all of them ---- */

/* What comes behind the tasks expects the tablespace that the dump had set in front of them; the
 * first session has that of its last task. */
static int set_back(struct worker *worker, struct err *err)
{
    const struct carry_spec *spec = worker->crew->spec;
    const struct outline *outline = &spec->script->outline;
    const struct statement *last = NULL;
    if (worker->setting == TASK_NONE)
        return 0;
    /* Those of post-data come by themselves, in the order of the dump. */
    for (size_t i = 0; i < outline->count; i++)
        if (outline->items[i].section != SECTION_POST_DATA &&
            task_sets_tablespace(&outline->items[i]))
            last = &outline->items[i];
    worker->setting = TASK_NONE;
    return last != NULL ? carry_statement(spec, worker->loader, last, err)
                        : loader_statement(worker->loader, "RESET default_tablespace", err);
}

/* Statements of a range in the order of the dump, but for those that are tasks. */
static int carry_range(const struct carry_spec *spec, const struct task_plan *plan,
                       struct loader *loader, const bool sections[SECTION_COUNT],
                       struct err *err)
{
    const struct script *script = spec->script;
    struct carry_batch batch = {.spec = spec, .loader = loader};
    for (size_t i = 0; i < script->outline.count; i++) {
        const struct statement *statement = &script->outline.items[i];
        /* In one pass over all: sections do not overlap, and settings stand among them. */
        if (!script->selection.statements[i] || !sections[statement->section] ||
            task_plan_has(plan, i) || ledger_has(spec->ledger, LEDGER_STATEMENT, i))
            continue;
        if (carry_batch_add(&batch, statement, err) < 0)
            return -1;
    }
    return carry_batch_end(&batch, err);
}

/* Rows, indexes and keys: by threads of their own, and by this one, which first sees to what else
 * belongs to the data (sequences, large objects). */
static int carry_tasks(struct crew *crew, struct worker *workers, unsigned sessions,
                       struct err *err)
{
    static const bool data[SECTION_COUNT] = {[SECTION_DATA] = true};
    struct err own = {0};
    /* The first worker is this thread, whose session has done the definitions. */
    unsigned started = 1;
    for (; started < sessions; started++) {
        workers[started].crew = crew;
        workers[started].setting = TASK_NONE;
        if (thread_start(&workers[started].thread, run_worker, &workers[started], &own) <
            0) {
            log_warning("one connection less: %s", own.text);
            break;
        }
    }
    if (carry_range(crew->spec, crew->plan, workers[0].loader, data, &own) < 0) {
        pthread_mutex_lock(&crew->lock);
        fail(crew, &own);
        pthread_mutex_unlock(&crew->lock);
    } else {
        /* Then it takes tasks as the others do. */
        work(&workers[0]);
    }
    /* Each ends by itself: all tasks are done, or one failed. */
    for (unsigned i = 1; i < started; i++)
        (void)pthread_join(workers[i].thread, NULL);
    if (!crew->failed)
        return 0;
    *err = crew->err;
    return -1;
}

int parallel_carry(const struct carry_spec *given, unsigned sessions, struct err *err)
{
    static const bool before[SECTION_COUNT] = {[SECTION_PRE_DATA] = true};
    static const bool behind[SECTION_COUNT] = {[SECTION_POST_DATA] = true};
    struct carry_spec spec = *given;
    struct crew crew = {.spec = &spec};
    struct worker *workers = memory_array(sessions, sizeof *workers);
    char memory[32];
    int result = -1;
    pthread_mutex_init(&crew.lock, NULL);
    thread_cond_init(&crew.changed);
    crew.plan = task_plan_new(spec.script, spec.ledger, PIECE_SIZE);
    log_info("memory for buffers: %s at most, for %u sessions that decode",
             text_size(memory,
                       sessions * chunk_reader_memory(spec.script->chunks, spec.threads)),
             sessions);
    /* Below the run's own, so that a signal reaches all and a failure only these. */
    crew.cancel = cancel_new(spec.parent, 0, err);
    spec.target.cancel = crew.cancel;
    workers[0] = (struct worker){.crew = &crew, .setting = TASK_NONE};
    if (crew.cancel != NULL)
        workers[0].loader = loader_open(&spec.target, err);
    /* Definitions, then rows with indexes and keys, then the rest: the order of the dump
     * in large. */
    if (workers[0].loader != NULL &&
        ledger_join(spec.ledger, workers[0].loader, err) == 0 &&
        carry_schemas(&spec, workers[0].loader, err) == 0 &&
        carry_range(&spec, crew.plan, workers[0].loader, before, err) == 0 &&
        carry_tasks(&crew, workers, sessions, err) == 0 &&
        set_back(&workers[0], err) == 0 &&
        carry_range(&spec, crew.plan, workers[0].loader, behind, err) == 0 &&
        carry_late(&spec, workers[0].loader, err) == 0)
        result = loader_flush(workers[0].loader, err);
    loader_free(workers[0].loader);
    cancel_free(crew.cancel);
    task_plan_free(crew.plan);
    pthread_cond_destroy(&crew.changed);
    pthread_mutex_destroy(&crew.lock);
    free(workers);
    return result;
}

bool parallel_fits(const struct script *script)
{
    /* An archive comes as one stream. */
    if (script->chunks == NULL)
        return false;
    for (size_t i = 0; i < script->outline.count; i++)
        if (script->outline.items[i].action == STATEMENT_ROWS ||
            script->outline.items[i].action == STATEMENT_TRIGGERS)
            return false;
    return true;
}
