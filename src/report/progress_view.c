/*
 * A rate over a window of samples, not since the beginning: what is asked is how fast it goes
 * now. The ring holds PROGRESS_WINDOW of them.
 */
#include "report/progress_view.h"

#include "base/json.h"

enum {
    NAME_WIDTH = 40,     /* bytes of a name in a line; a long one must not push all out */
    MIN_WINDOW_MS = 1000 /* a rate over less says nothing */
};

#define ETA_MAX_MS (INT64_C(100) * 86400 * 1000) /* beyond that it stands still */

/* The first sample is the start: a rate needs two. */
void progress_view_init(struct progress_view *view)
{
    /* A view may be used again, for the next database of the same run. */
    view->phase = NULL;
    view->now = (struct progress_sample){.at_ms = view->started_ms};
    view->ring[0] = view->now;
    view->count = 1;
    view->next = 1 % PROGRESS_WINDOW;
}

/* Samples that come faster than PROGRESS_SAMPLE_MS update the numbers but not the window. */
void progress_view_sample(struct progress_view *view, struct progress_sample sample)
{
    /* Against the last one in the ring, not against the last one that came. */
    size_t last = (view->next + PROGRESS_WINDOW - 1) % PROGRESS_WINDOW;
    view->now = sample;
    if (sample.at_ms - view->ring[last].at_ms < PROGRESS_SAMPLE_MS)
        return;
    view->ring[view->next] = sample;
    view->next = (view->next + 1) % PROGRESS_WINDOW;
    if (view->count < PROGRESS_WINDOW)
        view->count++;
}

/* Bytes a second over the window: between its oldest sample and now. */
uint64_t progress_view_rate(const struct progress_view *view)
{
    /* The oldest: the first until the ring is full, then the one that is overwritten next. */
    const struct progress_sample *from =
        &view->ring[view->count < PROGRESS_WINDOW ? 0 : view->next];
    /* Bytes that go down are those of a second try: no rate can be told from them. */
    int64_t passed = view->now.at_ms - from->at_ms;
    if (passed < MIN_WINDOW_MS || view->now.raw_bytes < from->raw_bytes)
        return 0;
    return (uint64_t)((double)(view->now.raw_bytes - from->raw_bytes) * 1000.0 /
                      (double)passed);
}

/* Of raw bytes: what will be stored nobody knows before its end. */
double progress_view_percent_of(uint64_t raw_bytes, uint64_t estimate)
{
    /* An estimate that was passed is worth nothing: better no share than 103 %. */
    if (estimate == 0 || raw_bytes > estimate)
        return -1;
    return 100.0 * (double)raw_bytes / (double)estimate;
}

double progress_view_percent(const struct progress_view *view)
{
    return progress_view_percent_of(view->now.raw_bytes, view->estimate);
}

/* By the rate of the last seconds, not of the whole: a server that slows down shows. */
int64_t progress_view_eta_ms(const struct progress_view *view)
{
    uint64_t rate = progress_view_rate(view);
    if (rate == 0 || progress_view_percent(view) < 0)
        return -1;
    /* In double: a terabyte times 1000 is no number for 64 bits of bytes a second. */
    double left = (double)(view->estimate - view->now.raw_bytes) * 1000.0 / (double)rate;
    return left > ETA_MAX_MS ? -1 : (int64_t)left;
}

/* Cut at a character. */
static void add_name(struct text *out, const char *name)
{
    /* A name of PostgreSQL has up to 63 bytes, and a line 80 columns. */
    size_t size = strlen(name);
    if (size > NAME_WIDTH) {
        for (size = NAME_WIDTH; size > 0 && ((unsigned char)name[size] & 0xC0) == 0x80;)
            size--;
        text_add_bytes(out, name, size);
        text_add(out, "...");
        return;
    }
    text_add(out, name);
}

/* The line for people and for the log. */
void progress_view_text(const struct progress_view *view, struct text *out)
{
    char buffer[32];
    double percent = progress_view_percent(view);
    uint64_t rate = progress_view_rate(view);
    int64_t eta = progress_view_eta_ms(view);
    /* No more bytes come: a share or a rate of them says nothing. */
    if (view->phase != NULL && strcmp(view->phase, "finish") == 0) {
        percent = -1;
        rate = 0;
        eta = -1;
    }
    text_addf(out, "%s of ", view->what);
    add_name(out, view->name);
    text_addf(out, ": %s", view->phase ? view->phase : "started");
    if (percent >= 0)
        text_addf(out, "  %d %%", (int)percent);
    if (rate > 0)
        text_addf(out, "  %s/s", text_size(buffer, rate));
    if (eta >= 0)
        text_addf(out, "  ETA %s", text_duration(buffer, eta));
    text_addf(out, "  raw %s", text_size(buffer, view->now.raw_bytes));
    text_addf(out, "  stored %s", text_size(buffer, view->now.stored_bytes));
}

/* null is "nobody knows"; 0 would be a figure. */
static json_t *number_or_null(bool known, int64_t number)
{
    return known ? json_integer(number) : json_null();
}

/* The same for programs: a line of JSON, every key always there. */
json_t *progress_view_json(const struct progress_view *view, bool done)
{
    double percent = progress_view_percent(view);
    uint64_t rate = progress_view_rate(view);
    int64_t eta = progress_view_eta_ms(view);
    json_t *numbers = json_pack(
        "{s:o, s:o, s:o, s:o, s:I, s:I, s:o, s:o, s:o, s:o, s:I, s:b}", "what",
        json_bytes(view->what), "name", json_bytes(view->name), "id", json_bytes(view->id),
        "phase", json_bytes(view->phase), "raw_bytes", (json_int_t)view->now.raw_bytes,
        "stored_bytes", (json_int_t)view->now.stored_bytes, "bytes_per_second",
        number_or_null(rate > 0, (int64_t)rate), "estimate_bytes",
        number_or_null(view->estimate > 0, (int64_t)view->estimate), "percent",
        number_or_null(percent >= 0, (int64_t)percent), "eta_seconds",
        number_or_null(eta >= 0, eta / 1000), "elapsed_seconds",
        (json_int_t)((view->now.at_ms - view->started_ms) / 1000), "done", (int)done);
    return json_pack("{s:o}", "progress", numbers);
}
