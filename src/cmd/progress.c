/*
 * Drawing is a thread of its own so that the threads which move data never wait for a
 * terminal. It reads atomic counters and takes no lock of theirs.
 */
#include "cmd/progress.h"

#include "base/clock.h"
#include "base/json.h"
#include "base/memory.h"
#include "report/artifact_name.h"
#include "base/thread.h"
#include "report/progress_view.h"

#include <pthread.h>

enum { LINE_MAX_BYTES = 1024 };

/* How often each form is drawn; a log that is read later wants few lines. */
static const int64_t intervals_ms[] = {
    [PROGRESS_NONE] = 0,
    [PROGRESS_LIVE] = 500,
    [PROGRESS_LOG] = 30000,
    [PROGRESS_JSON] = 1000,
};

/* One database at a time; texts are copied, as the artifact is released before the last
 * line. */
struct progress {
    enum progress_style style;
    struct progress_hooks hooks;
    pthread_t thread;
    pthread_cond_t changed;
    pthread_mutex_t lock; /* guards all that follows */
    bool stop;
    bool redraw;               /* a new phase */
    const struct meter *meter; /* NULL: nothing is shown */
    char *what, *name, *id, *phase;
    char *kind; /* of the run that is watched */
    struct progress_view view;
    int64_t next_ms;
};

/* What somebody asked for, else what stderr is. */
enum progress_style progress_style(const struct settings *settings)
{
    /* Asked for by name first; `auto` looks where stderr goes. */
    if (settings->progress == PROGRESS_CHOICE_NONE)
        return PROGRESS_NONE;
    if (settings->progress == PROGRESS_CHOICE_JSON)
        return PROGRESS_JSON;
    return log_is_terminal() && settings->log_format == LOG_FORMAT_TEXT ? PROGRESS_LIVE
                                                                        : PROGRESS_LOG;
}

/* The real ones of the hooks that tests replace. */
static int64_t real_now_ms(void *context)
{
    (void)context;
    return clock_monotonic_ms();
}

/* All of it through log.h: it knows how to keep a live line and log lines apart. */
static void real_draw(void *context, enum progress_style style, const char *line)
{
    (void)context;
    if (style == PROGRESS_LIVE)
        log_live(line);
    else if (style == PROGRESS_LOG)
        log_info("%s", line);
    else if (style == PROGRESS_JSON)
        log_raw(line);
}

/* ---- with the lock held ---- */

/* Counters of the moving threads, each read by itself: a line may be a block apart. */
static void sample(struct progress *progress)
{
    const struct meter *meter = progress->meter;
    struct progress_sample now = {
        .at_ms = progress->hooks.now_ms(progress->hooks.context),
        .raw_bytes = atomic_load_explicit(&meter->raw_bytes, memory_order_relaxed),
        .stored_bytes = atomic_load_explicit(&meter->stored_bytes, memory_order_relaxed),
    };
    progress->view.phase = progress->phase;
    progress_view_sample(&progress->view, now);
}

/* Formatted here, written by the hook: a test sees the very line. */
static void draw(struct progress *progress, bool done)
{
    /* Drawn with the lock held: the name must not go away under the pen. */
    struct text line;
    text_init(&line, LINE_MAX_BYTES);
    if (progress->style == PROGRESS_JSON) {
        json_t *object = progress_view_json(&progress->view, done);
        char *json = json_text(object, false);
        progress->hooks.draw(progress->hooks.context, progress->style, json);
        free(json);
        json_decref(object);
    } else {
        progress_view_text(&progress->view, &line);
        progress->hooks.draw(progress->hooks.context, progress->style, line.data);
    }
    text_release(&line);
}

/* Log lines keep their distance whatever the phase; a live line shows it at once. */
static void step(struct progress *progress)
{
    int64_t now = progress->hooks.now_ms(progress->hooks.context);
    bool due = now >= progress->next_ms;
    bool redraw = progress->redraw && progress->style == PROGRESS_LIVE;
    progress->redraw = false;
    if (!due && !redraw) {
        /* Samples are taken more often than lines are drawn, for a rate that is of now. */
        int64_t left = progress->next_ms - now;
        if (left > PROGRESS_SAMPLE_MS)
            left = PROGRESS_SAMPLE_MS;
        (void)thread_cond_wait_until(&progress->changed, &progress->lock,
                                     clock_monotonic_ms() + left);
        if (progress->meter && !progress->stop)
            sample(progress);
        return;
    }
    if (due)
        progress->next_ms = now + progress->hooks.interval_ms;
    sample(progress);
    draw(progress, false);
}

/* The thread: sleeps without a meter, else a step at a time. */
static void *run(void *argument)
{
    struct progress *progress = argument;
    (void)pthread_mutex_lock(&progress->lock);
    while (!progress->stop) {
        if (progress->meter)
            step(progress);
        else
            (void)pthread_cond_wait(&progress->changed, &progress->lock);
    }
    (void)pthread_mutex_unlock(&progress->lock);
    return NULL;
}

/* ---- the calls ---- */

/* What a test does not replace is the real one. */
static void fill_hooks(struct progress *progress, const struct progress_hooks *hooks)
{
    if (hooks)
        progress->hooks = *hooks;
    if (!progress->hooks.now_ms)
        progress->hooks.now_ms = real_now_ms;
    if (!progress->hooks.draw)
        progress->hooks.draw = real_draw;
    if (progress->hooks.interval_ms == 0)
        progress->hooks.interval_ms = intervals_ms[progress->style];
}

/* With style none there is no thread, and every call returns at once. */
struct progress *progress_new(enum progress_style style, const struct progress_hooks *hooks,
                              struct err *err)
{
    struct progress *progress = memory_zalloc(sizeof(*progress));
    progress->style = style;
    fill_hooks(progress, hooks);
    if (style == PROGRESS_NONE)
        return progress;
    pthread_mutex_init(&progress->lock, NULL);
    thread_cond_init(&progress->changed);
    /* The one thing that can fail; without a thread a run goes on as well without its line */
    if (thread_start(&progress->thread, run, progress, err) == 0)
        return progress;
    err_context(err, "showing progress");
    pthread_cond_destroy(&progress->changed);
    pthread_mutex_destroy(&progress->lock);
    free(progress);
    return NULL;
}

/* From the thread that works; the other one only reads the meter. */
void progress_begin(struct progress *progress, const char *what, const char *name,
                    const char *id, const struct meter *meter)
{
    if (!progress || progress->style == PROGRESS_NONE)
        return;
    progress_finish(progress);
    (void)pthread_mutex_lock(&progress->lock);
    progress->what = memory_strdup(what);
    progress->name = memory_strdup(name);
    progress->id = memory_strdup(id);
    progress->view = (struct progress_view){.what = progress->what,
                                            .name = progress->name,
                                            .id = progress->id,
                                            .estimate = meter->estimate};
    progress->view.started_ms = progress->hooks.now_ms(progress->hooks.context);
    progress_view_init(&progress->view);
    progress->meter = meter;
    /* A log line at the very beginning would say nothing; the others show life at once. */
    progress->next_ms = progress->view.started_ms +
                        (progress->style == PROGRESS_LOG ? progress->hooks.interval_ms : 0);
    (void)pthread_cond_signal(&progress->changed);
    (void)pthread_mutex_unlock(&progress->lock);
}

/* A word of ours: it may come many times a second, and is drawn once. */
void progress_phase(struct progress *progress, const char *phase)
{
    if (!progress || progress->style == PROGRESS_NONE)
        return;
    (void)pthread_mutex_lock(&progress->lock);
    memory_replace(&progress->phase, phase);
    progress->redraw = true;
    (void)pthread_cond_signal(&progress->changed);
    (void)pthread_mutex_unlock(&progress->lock);
}

/* Waits for no drawing: the lock is what keeps the thread from the meter. */
void progress_finish(struct progress *progress)
{
    if (!progress || progress->style == PROGRESS_NONE)
        return;
    (void)pthread_mutex_lock(&progress->lock);
    if (progress->meter) {
        if (progress->style == PROGRESS_JSON) {
            sample(progress);
            draw(progress, true);
        } else if (progress->style == PROGRESS_LIVE)
            progress->hooks.draw(progress->hooks.context, progress->style, NULL);
        progress->meter = NULL;
    }
    /* Together, so that no line is ever made of two databases. */
    free(progress->what);
    free(progress->name);
    free(progress->id);
    free(progress->phase);
    progress->what = progress->name = progress->id = progress->phase = NULL;
    progress->view.phase = NULL;
    (void)pthread_mutex_unlock(&progress->lock);
}

/* ---- of a session ---- */

/* Of a session's calls those that have something to show; the rest is NULL there. */
static void on_begin(void *context, const char *kind, const char *job, int64_t run)
{
    struct progress *progress = context;
    (void)job, (void)run;
    memory_replace(&progress->kind, kind);
}

/* A run may have many artifacts, one after the other: each has a line of its own. */
static void on_artifact(void *context, const struct catalog_artifact *artifact,
                        const struct meter *meter)
{
    struct progress *progress = context;
    progress_begin(progress, progress->kind, artifact_name_database(artifact), artifact->id,
                   meter);
}

/* A word of the operation's; drawn when it is due. */
static void on_phase(void *context, const char *phase)
{
    progress_phase(context, phase);
}

/* The line goes before the result is printed. */
static void on_artifact_end(void *context)
{
    progress_finish(context);
}

/* A session knows what it does; the words of a line are made from that. */
struct observer progress_observer(struct progress *progress)
{
    return (struct observer){.begin = on_begin,
                             .artifact = on_artifact,
                             .phase = on_phase,
                             .artifact_end = on_artifact_end,
                             .context = progress};
}

/* Finishes what is shown, so that no line stays on the terminal. */
void progress_free(struct progress *progress)
{
    if (!progress)
        return;
    if (progress->style != PROGRESS_NONE) {
        progress_finish(progress);
        (void)pthread_mutex_lock(&progress->lock);
        /* Woken and waited for: what it draws on is freed next. */
        progress->stop = true;
        (void)pthread_cond_signal(&progress->changed);
        (void)pthread_mutex_unlock(&progress->lock);
        (void)pthread_join(progress->thread, NULL);
        (void)pthread_cond_destroy(&progress->changed);
        (void)pthread_mutex_destroy(&progress->lock);
    }
    free(progress->kind);
    free(progress);
}
