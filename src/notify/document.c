/* One row per event: how it reads, and which command a tired person types next. */
#define _DEFAULT_SOURCE /* gethostname with any standard */
#include "notify/document.h"

#include "base/clock.h"
#include "base/json.h"
#include "base/ulid.h"

#include <unistd.h>

enum { TEXT_MAX = 16384, TITLE_MAX = 300 };

/* "%s": the job, whose name is ASCII (option.h). */
static const struct wording {
    const char *title, *reminder;
    const char *hint; /* followed by the job; NULL: none */
} wordings[NOTIFIER_EVENTS] = {
    [NOTIFIER_FAILURE] = {"backup of job \"%s\" failed", "backup of job \"%s\" still fails",
                          "pgkeep status --job"},
    [NOTIFIER_RECOVERY] = {"job \"%s\" is well again", NULL, NULL},
    [NOTIFIER_SUCCESS] = {"backup of job \"%s\" is done", NULL, NULL},
    [NOTIFIER_START] = {"backup of job \"%s\" begins", NULL, NULL},
    [NOTIFIER_STALE] = {"no fresh backup of job \"%s\"",
                        "still no fresh backup of job \"%s\"", "pgkeep status --job"},
    [NOTIFIER_SUSPECT] =
        {"suspect backup of job \"%s\"", "suspect backup of job \"%s\" waits for somebody",
         "`pgkeep accept ID` when it is as it should be; pgkeep list --job"},
    [NOTIFIER_GUARD] = {"retention refuses to delete for job \"%s\"",
                        "retention still refuses to delete for job \"%s\"",
                        "pgkeep prune --explain --job"},
    [NOTIFIER_GONE] = {"a database of job \"%s\" is gone from its server", NULL,
                       "pgkeep status --job"},
    [NOTIFIER_DRILL] =
        {"a backup of job \"%s\" is damaged", "a backup of job \"%s\" is still damaged",
         "`pgkeep copy ID --from STORE --to STORE` heals it; pgkeep status --job"},
    [NOTIFIER_TEST] = {"test of notifier \"%s\"", NULL, NULL},
};

/* Names of hosts are ASCII, but nothing makes them so. */
static void read_host(char host[256])
{
    memset(host, 0, 256);
    if (gethostname(host, 255) < 0)
        host[0] = '\0';
    for (char *at = host; *at != '\0'; at++) {
        if (*at < 0x21 || *at > 0x7e)
            *at = '?';
    }
}

static const char *title_of(const struct document_spec *spec, const char *host,
                            struct text *out)
{
    const struct wording *wording = &wordings[spec->event->event];
    const char *format = spec->event->reminder && wording->reminder != NULL
                             ? wording->reminder
                             : wording->title;
    const char *name = spec->job != NULL ? spec->job : spec->notifier;
    const char *place = strstr(format, "%s");
    /* Put together by hand: a format that is no constant is nothing for printf. */
    text_add_bytes(out, format, (size_t)(place - format));
    text_add(out, name);
    text_add(out, place + 2);
    text_addf(out, " (%s)", host);
    return out->data;
}

/* "shop: cannot connect (since 2026-11-30 03:00:00+01)" */
static void add_line(struct text *out, const struct decide_item *item, int64_t since)
{
    char time[32];
    const char *message = item->message != NULL ? item->message : "";
    text_add_printable(out, item->subject, strlen(item->subject));
    if (*item->subject != '\0' && *message != '\0')
        text_add(out, ": ");
    /* A hint stands on a line of its own. */
    for (const char *line = message; *line != '\0';) {
        size_t length = strcspn(line, "\n");
        text_add_printable(out, line, length);
        line += length;
        if (*line == '\n') {
            text_add_char(out, '\n');
            line++;
        }
    }
    if (since != 0)
        text_addf(out, " (since %s)", clock_local(time, since));
    text_add_char(out, '\n');
}

static void add_text(const struct document_spec *spec, struct text *out)
{
    const struct decide_event *event = spec->event;
    const struct wording *wording = &wordings[event->event];
    char time[32];
    size_t shown = event->count < DOCUMENT_ITEMS_MAX ? event->count : DOCUMENT_ITEMS_MAX;
    for (size_t i = 0; i < shown; i++)
        add_line(out, event->items[i], event->items[i]->since);
    if (shown < event->count)
        text_addf(out, "and %zu more\n", event->count - shown);
    if (event->event == NOTIFIER_RECOVERY) {
        text_add(out, "over:");
        for (unsigned i = 0; i < NOTIFIER_EVENTS; i++) {
            if ((event->ended & 1U << i) != 0)
                text_addf(out, " %s", notifier_event_name((enum notifier_event)i));
        }
        text_addf(out, ", since %s\n", clock_local(time, event->since));
    }
    if (event->event == NOTIFIER_TEST)
        text_add(out, "If you can read this, it works.\n");
    if (wording->hint != NULL)
        text_addf(out, "%s %s\n", wording->hint, spec->job);
}

static json_t *items_json(const struct decide_event *event)
{
    json_t *list = json_array();
    for (size_t i = 0; i < event->count && i < DOCUMENT_ITEMS_MAX; i++) {
        const struct decide_item *item = event->items[i];
        (void)json_array_append_new(
            list, json_pack("{s:s, s:o, s:o, s:o}", "what", notifier_event_name(item->what),
                            "subject", json_bytes(item->subject), "message",
                            json_bytes(item->message), "since", json_time(item->since)));
    }
    return list;
}

static json_t *ended_json(unsigned ended)
{
    json_t *list = json_array();
    for (unsigned i = 0; i < NOTIFIER_EVENTS; i++) {
        if ((ended & 1U << i) != 0)
            (void)json_array_append_new(
                list, json_string(notifier_event_name((enum notifier_event)i)));
    }
    return list;
}

static json_t *run_json(const struct catalog_run *run)
{
    if (run == NULL)
        return json_null();
    json_t *status =
        run->ended != 0 ? json_integer((json_int_t)run->exit_status) : json_null();
    return json_pack("{s:I, s:o, s:o, s:o}", "id", (json_int_t)run->id, "exit_status",
                     status, "started", json_time(run->started), "ended",
                     json_time(run->ended));
}

/* The end of it, from the begin of a line on, as text. */
static json_t *log_json(const char *log)
{
    struct text out;
    if (log == NULL || *log == '\0')
        return json_null();
    size_t length = strlen(log);
    const char *from = length > DOCUMENT_LOG_MAX ? log + length - DOCUMENT_LOG_MAX : log;
    const char *line = from != log ? strchr(from, '\n') : NULL;
    from = line != NULL && line[1] != '\0' ? line + 1 : from;
    text_init(&out, (size_t)DOCUMENT_LOG_MAX * 4);
    for (; *from != '\0'; from += *from == '\n') {
        size_t size = strcspn(from, "\n");
        text_add_printable(&out, from, size);
        text_add_char(&out, '\n');
        from += size;
    }
    json_t *json = json_string(out.data);
    text_release(&out);
    return json;
}

json_t *document_new(const struct document_spec *spec)
{
    const struct decide_event *event = spec->event;
    char id[ULID_SIZE], host[256];
    struct text title, text;
    ulid_new(id, clock_now_ms());
    read_host(host);
    text_init(&title, TITLE_MAX);
    text_init(&text, TEXT_MAX);
    (void)title_of(spec, host, &title);
    add_text(spec, &text);
    json_t *document = json_pack(
        "{s:s, s:s, s:b, s:o, s:s, s:o, s:o, s:s, s:o, s:o, s:o, s:o, s:o, s:s}", "id", id,
        "event", notifier_event_name(event->event), "reminder", (int)event->reminder, "job",
        json_bytes(spec->job), "host", host, "time", json_time(spec->now), "since",
        json_time(event->since), "title", title.data, "text", json_bytes(text.data),
        "items", items_json(event), "ended", ended_json(event->ended), "run",
        run_json(spec->run), "log", log_json(spec->log), "version", PGKEEP_VERSION);
    text_release(&title);
    text_release(&text);
    return document;
}

json_t *document_of(enum notifier_event event, const char *job,
                    const struct catalog_run *run, int64_t now)
{
    const struct decide_event alone = {.event = event, .since = now};
    const struct document_spec spec = {.event = &alone, .job = job, .run = run, .now = now};
    return document_new(&spec);
}
