/*
 * progress_view - the numbers of one running backup, restore, fetch or verification, and
 * how they read: one line of text or one JSON object. No clock, no output, no threads:
 * progress.h has those.
 *
 *     progress_view_init -> (progress_view_sample -> progress_view_text | _json)…
 */
#ifndef PGKEEP_REPORT_PROGRESS_VIEW_H
#define PGKEEP_REPORT_PROGRESS_VIEW_H

#include "base/text.h"

#include <jansson.h>

#define PROGRESS_WINDOW 16     /* samples that a rate is taken over */
#define PROGRESS_SAMPLE_MS 500 /* two samples are at least this far apart: 8 s of rate */

struct progress_sample {
    int64_t at_ms; /* monotonic */
    uint64_t raw_bytes, stored_bytes;
};

struct progress_view {
    const char *what;  /* "backup" "restore" "fetch" "verify"; borrowed */
    const char *name;  /* the database, as a user knows it; borrowed */
    const char *id;    /* of the artifact; NULL while there is none; borrowed */
    const char *phase; /* "dump" …; NULL: none yet; borrowed, may change between calls */
    uint64_t estimate; /* raw bytes expected; 0: unknown */
    int64_t started_ms;
    struct progress_sample now;
    struct progress_sample ring[PROGRESS_WINDOW]; /* oldest at ring[next] once full */
    size_t count, next;
};

/* `view` has what, name, id, estimate and started_ms; the rest is emptied. */
void progress_view_init(struct progress_view *view);
void progress_view_sample(struct progress_view *view, struct progress_sample sample);

/* Raw bytes per second over the window; 0 while there is too little to say. */
uint64_t progress_view_rate(const struct progress_view *view);
/* Raw bytes of the estimate in percent, or -1: no estimate, or it was too low (then nobody
 * knows). */
double progress_view_percent_of(uint64_t raw_bytes, uint64_t estimate);
double progress_view_percent(const struct progress_view *view);
/* Milliseconds to the estimated end at the present rate; -1: unknown. */
int64_t progress_view_eta_ms(const struct progress_view *view);

/* "backup of shop: dump  41 %  85.3 MiB/s  ETA 2m10s  raw 1.2 GiB  stored 300.0 MiB": what
 * matters most first, because a narrow terminal cuts the end off. Adds to out. */
void progress_view_text(const struct progress_view *view, struct text *out);
/*     progress{what,name,id,phase,raw_bytes,stored_bytes,bytes_per_second,estimate_bytes,
 *     percent,eta_seconds,elapsed_seconds,done}
 *
 * One object in an object, so that these lines can be told from log lines of
 * --log-format json. null: unknown. done: this one is the last of it. New reference. */
json_t *progress_view_json(const struct progress_view *view, bool done) MUST_USE;

#endif
