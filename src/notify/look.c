/* From facts over a decision to rows: this file is only the order of these steps. */
#include "notify/look.h"

#include "base/clock.h"
#include "base/json.h"
#include "base/memory.h"
#include "catalog/db/outbox.h"
#include "notify/document.h"
#include "notify/facts.h"

#define BIT(event) (1U << (event))

bool look_is_wanted(const struct settings *settings)
{
    for (size_t i = 0; i < settings->job_count; i++) {
        if (settings->jobs[i].notify.count > 0)
            return true;
    }
    return false;
}

/* ---- who wants it ---- */

/* Of a recovery: only what it was told before. A recovery is a success, so nobody hears both. */
static bool wants(const struct notifier_settings *notifier, const struct decision *decision,
                  const struct decide_event *event)
{
    if (event->event == NOTIFIER_SUCCESS && notifier_wants(notifier, NOTIFIER_RECOVERY)) {
        for (size_t i = 0; i < decision->count; i++) {
            if (decision->events[i].event == NOTIFIER_RECOVERY &&
                wants(notifier, decision, &decision->events[i]))
                return false;
        }
    }
    bool heard = event->event != NOTIFIER_RECOVERY;
    for (unsigned i = 0; !heard && i < NOTIFIER_EVENTS; i++)
        heard = (event->ended & BIT(i)) != 0 &&
                notifier_wants(notifier, (enum notifier_event)i);
    return heard && notifier_wants(notifier, event->event);
}

static int queue(struct catalog *catalog, const char *notifier, const char *job,
                 const json_t *document, struct err *err)
{
    /* Borrowed for the call: a row of the catalog owns its texts elsewhere. */
    char *text = json_text(document, false);
    struct catalog_message message = {
        .notifier = memory_strdup(notifier),
        .job = memory_strdup(job),
        .event = memory_strdup(json_string_value(json_object_get(document, "event"))),
        .document = text,
        .created = clock_now()};
    int result = catalog_outbox_add(catalog, &message, err);
    catalog_message_release(&message);
    return result;
}

/* To each of the job's notifiers that wants it, each with an id of its own. */
static int tell(const struct settings *settings, struct catalog *catalog,
                const struct decision *decision, const struct document_spec *spec,
                size_t *queued, struct err *err)
{
    const struct job_settings *job = settings_job(settings, spec->job);
    for (size_t i = 0; i < job->notify.count; i++) {
        const struct notifier_settings *notifier =
            settings_notifier(settings, job->notify.items[i]);
        if (notifier == NULL || !wants(notifier, decision, spec->event))
            continue;
        json_t *document = document_new(spec);
        int result = queue(catalog, notifier->name, job->name, document, err);
        json_decref(document);
        if (result < 0)
            return -1;
        (*queued)++;
    }
    return 0;
}

/* ---- one job ---- */

/* Of a run that failed, what it said at last. */
static int load_log(struct catalog *catalog, const struct catalog_run *run,
                    struct catalog_runs *out, struct err *err)
{
    const struct catalog_run_filter filter = {
        .id = run->id, .states = CATALOG_RUN_ANY, .with_log = true};
    return catalog_runs_list(catalog, &filter, out, err);
}

static int write(const struct settings *settings, struct catalog *catalog,
                 const struct facts_job *facts, const struct decision *decision,
                 int64_t now, struct look *out, struct err *err)
{
    struct catalog_runs with_log = {0};
    int result = 0;
    for (size_t i = 0; result == 0 && i < decision->count; i++) {
        const struct decide_event *event = &decision->events[i];
        bool of_run = event->event == NOTIFIER_FAILURE ||
                      event->event == NOTIFIER_SUCCESS || event->event == NOTIFIER_RECOVERY;
        struct document_spec spec = {.event = event,
                                     .job = facts->now.job,
                                     .run = of_run ? facts->run : NULL,
                                     .now = now};
        if (spec.run != NULL && with_log.count == 0)
            result = load_log(catalog, spec.run, &with_log, err);
        if (spec.run != NULL && with_log.count > 0)
            spec.log = with_log.items[0].log;
        if (result == 0)
            result = tell(settings, catalog, decision, &spec, &out->queued, err);
    }
    for (size_t i = 0; result == 0 && i < decision->forget_count; i++)
        result = catalog_notice_forget(catalog, &decision->forget[i], err);
    for (size_t i = 0; result == 0 && i < decision->set_count; i++)
        result = catalog_notice_set(catalog, &decision->set[i], err);
    catalog_runs_release(&with_log);
    return result;
}

static int look_at_job(const struct settings *settings, struct catalog *catalog,
                       const struct facts *facts, const struct catalog_notices *told,
                       const struct job_settings *job, int64_t now, struct look *out,
                       struct err *err)
{
    struct facts_job now_is;
    struct decision decision;
    facts_of_job(facts, settings, job, now, &now_is);
    decide(told, &now_is.now, now, &decision);
    int result = write(settings, catalog, &now_is, &decision, now, out, err);
    if (now_is.next < out->next)
        out->next = now_is.next;
    if (decision.next < out->next)
        out->next = decision.next;
    decision_release(&decision);
    facts_job_release(&now_is);
    return result;
}

/* Of a job that tells nobody any more nothing is remembered: told again, it begins anew. */
static int forget_others(const struct settings *settings, struct catalog *catalog,
                         const struct catalog_notices *told, struct err *err)
{
    for (size_t i = 0; i < told->count; i++) {
        const struct job_settings *job = settings_job(settings, told->items[i].job);
        if ((job == NULL || job->notify.count == 0) &&
            catalog_notice_forget(catalog, &told->items[i], err) < 0)
            return -1;
    }
    return 0;
}

int look_at_jobs(const struct settings *settings, struct catalog *catalog, int64_t now,
                 struct look *out, struct err *err)
{
    struct facts facts = {0};
    struct catalog_notices told = {0};
    *out = (struct look){.next = INT64_MAX};
    if (!look_is_wanted(settings))
        return 0;
    if (catalog_begin(catalog, err) < 0)
        return -1;
    int result = catalog_notices_list(catalog, &told, err);
    if (result == 0)
        result = facts_load(&facts, catalog, err);
    for (size_t i = 0; result == 0 && i < settings->job_count; i++) {
        if (settings->jobs[i].notify.count > 0)
            result = look_at_job(settings, catalog, &facts, &told, &settings->jobs[i], now,
                                 out, err);
    }
    if (result == 0)
        result = forget_others(settings, catalog, &told, err);
    facts_release(&facts);
    catalog_notices_release(&told);
    /* What was told and what waits to be sent belong together. */
    if (result == 0)
        return catalog_commit(catalog, err);
    catalog_rollback(catalog);
    return -1;
}

int look_at_start(const struct settings *settings, struct catalog *catalog, const char *job,
                  int64_t run, size_t *queued, struct err *err)
{
    const struct job_settings *of = settings_job(settings, job);
    const struct decide_event event = {.event = NOTIFIER_START, .since = clock_now()};
    const struct catalog_run begun = {.id = run, .started = event.since, .exit_status = -1};
    const struct document_spec spec = {
        .event = &event, .job = job, .run = &begun, .now = event.since};
    const struct decision nothing_else = {0};
    *queued = 0;
    return of == NULL ? 0 : tell(settings, catalog, &nothing_else, &spec, queued, err);
}
