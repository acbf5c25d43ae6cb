/*
 * progress - shows how a backup, restore, fetch or verification gets on: a live line on a
 * terminal, otherwise a log line every 30 s, or one JSON object per second on stderr.
 *
 *     progress_new -> per database: progress_begin -> progress_phase … -> progress_finish
 *     -> progress_free
 *
 * A thread of its own reads the meter and draws; between two lines it sleeps on a condition
 * variable, and with style none it does not exist. One database at a time. The calls may
 * come from any one thread at a time. All of them take NULL and do nothing.
 */
#ifndef PGKEEP_CMD_PROGRESS_H
#define PGKEEP_CMD_PROGRESS_H

#include "config/settings.h"
#include "session/observer.h"

enum progress_style {
    PROGRESS_NONE,
    PROGRESS_LIVE, /* one line, redrawn twice a second, gone at the end */
    PROGRESS_LOG,  /* a log line every 30 s */
    PROGRESS_JSON  /* an object per second, and one with done = true at the end */
};

/* What --progress, --quiet and --log-format ask for here: auto is LIVE when stderr is a
 * terminal and the log is text, else LOG. */
enum progress_style progress_style(const struct settings *settings);

/* Time and output, to be replaced by tests. NULL members: the real ones. */
struct progress_hooks {
    int64_t (*now_ms)(void *context); /* monotonic */
    /* `line` NULL: the live line goes away. Called on the thread of the progress, and by
     * progress_finish. */
    void (*draw)(void *context, enum progress_style style, const char *line);
    void *context;
    int64_t interval_ms; /* 0: as the style says */
};

struct progress;

/* hooks may be NULL. NULL with ERR_SYSTEM when no thread can be had. */
struct progress *progress_new(enum progress_style style, const struct progress_hooks *hooks,
                              struct err *err) MUST_USE;
void progress_free(struct progress *progress); /* finishes what is shown */

/* what: "backup"; name: the database; id: of the artifact, may be NULL. Texts are copied;
 * the meter, on which meter_init was called, is borrowed until progress_finish. */
void progress_begin(struct progress *progress, const char *what, const char *name,
                    const char *id, const struct meter *meter);
/* A word for what is being done now: "dump". Copied; drawn at once where lines are live. */
void progress_phase(struct progress *progress, const char *phase);
/* For a session: what it does is shown, under the kind of its run. */
struct observer progress_observer(struct progress *progress);
/* The live line is gone and the meter is not looked at any more when it returns. Without a
 * begin: nothing. */
void progress_finish(struct progress *progress);

#endif
