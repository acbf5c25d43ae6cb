/*
 * Every check tells and goes on. What a later check needs of an earlier one (the catalog,
 * the programs of a server) may be missing; it then says so or is left out, and is not
 * guessed.
 */
#include "doctor/diagnose.h"

#include "doctor/diagnose_work.h"
#include "base/cancel.h"
#include "base/text.h"

#include <stdarg.h>

enum { FOUND_MAX = 1024 };

static const char hint_mark[] = "\nhint: ";

static const struct {
    const char *check, *title;
} texts[DIAGNOSE_WHATS] = {
    [DIAGNOSE_FILE] = {"file", "configuration"},
    [DIAGNOSE_CATALOG] = {"catalog", "the file"},
    [DIAGNOSE_INTEGRITY] = {"integrity", "integrity"},
    [DIAGNOSE_SPACE] = {"free-space", "free space"},
    [DIAGNOSE_CLOCK] = {"clock", "this machine's clock"},
    [DIAGNOSE_SETTINGS] = {"settings", "settings"},
    [DIAGNOSE_SERVER] = {"server", "server"},
    [DIAGNOSE_PROGRAMS] = {"programs", "pg_dump, pg_dumpall, pg_restore, psql"},
    [DIAGNOSE_DATABASES] = {"databases", "databases"},
    [DIAGNOSE_RIGHTS] = {"rights", "rights to dump"},
    [DIAGNOSE_GLOBALS] = {"globals", "roles and tablespaces"},
    [DIAGNOSE_REACHED] = {"reached", "reached"},
    [DIAGNOSE_MARK] = {"mark", "its mark"},
    [DIAGNOSE_WRITE] = {"write", "writing, reading, removing"},
    [DIAGNOSE_UPLOADS] = {"uploads", "open uploads"},
    [DIAGNOSE_RETENTION] = {"retention", "retention"},
};

const char *diagnose_verdict_name(enum diagnose_verdict verdict)
{
    static const char *const names[] = {"ok", "warning", "failed", "skipped"};
    return names[verdict];
}

/* What the heading says already. */
static const char *without_subject(const struct diagnose *d, const char *found)
{
    char subject[512];
    if (d->name == NULL)
        return found;
    snprintf(subject, sizeof subject, "%s \"%s\": ", d->group, d->name);
    return text_starts_with(found, subject) ? found + strlen(subject) : found;
}

/* ---- telling ---- */

static const char *text_or_null(const char *text)
{
    return text != NULL && *text != '\0' ? text : NULL;
}

void diagnose_tell(struct diagnose *d, struct diagnose_finding *finding)
{
    finding->group = d->group;
    finding->name = d->name;
    finding->expected = text_or_null(finding->expected);
    finding->advice = text_or_null(finding->advice);
    d->result->counts[finding->verdict]++;
    /* The first failure decides the exit status. */
    if (finding->verdict == DIAGNOSE_FAILED && d->result->first == ERR_NONE)
        d->result->first = finding->kind;
    d->spec->tell(d->spec->context, finding);
}

void diagnose_say(struct diagnose *d, enum diagnose_what what,
                  enum diagnose_verdict verdict, const char *advice, const char *format,
                  ...)
{
    char found[FOUND_MAX];
    va_list list;
    va_start(list, format);
    (void)vsnprintf(found, sizeof found, format, list);
    va_end(list);
    struct diagnose_finding finding = {.check = texts[what].check,
                                       .title = texts[what].title,
                                       .verdict = verdict,
                                       .kind = verdict == DIAGNOSE_FAILED ? ERR_SYSTEM
                                                                          : ERR_NONE,
                                       .found = found,
                                       .advice = advice};
    diagnose_tell(d, &finding);
}

void diagnose_say_err(struct diagnose *d, enum diagnose_what what,
                      enum diagnose_verdict verdict, const struct err *err)
{
    char found[sizeof err->text];
    snprintf(found, sizeof found, "%s", err->text);
    char *hint = strstr(found, hint_mark);
    if (hint != NULL)
        *hint = '\0';
    struct diagnose_finding finding = {.check = texts[what].check,
                                       .title = texts[what].title,
                                       .verdict = verdict,
                                       .found = without_subject(d, found)};
    if (verdict == DIAGNOSE_FAILED)
        finding.kind = err->kind;
    if (hint != NULL)
        finding.advice = hint + strlen(hint_mark);
    diagnose_tell(d, &finding);
}

void diagnose_fail(struct diagnose *d, enum diagnose_what what, const struct err *err)
{
    diagnose_say_err(d, what, DIAGNOSE_FAILED, err);
}

/* ---- the order ---- */

static void begin(struct diagnose *d, const char *group, const char *name)
{
    d->group = group;
    d->name = name;
}

/* Sections have plain names; what the command line gave is named by its URL. */
static bool is_wanted(const struct diagnose *d, const char *name)
{
    bool adhoc = strchr(name, ':') != NULL || strcmp(name, SETTINGS_ADHOC) == 0;
    return d->spec->adhoc == adhoc;
}

static void look_at_settings(struct diagnose *d)
{
    const struct settings *settings = d->spec->settings;
    const char *file = settings->config_file;
    if (d->spec->adhoc)
        return;
    begin(d, "configuration", NULL);
    if (settings->source_count + settings->store_count + settings->job_count > 0) {
        char sources[64], stores[64], policies[64], jobs[64];
        diagnose_say(d, DIAGNOSE_FILE, DIAGNOSE_OK, NULL, "%s: %s, %s, %s, %s",
                     file ? file : "no file",
                     text_count(sources, settings->source_count, "source", "sources"),
                     text_count(stores, settings->store_count, "store", "stores"),
                     text_count(policies, settings->policy_count, "policy", "policies"),
                     text_count(jobs, settings->job_count, "job", "jobs"));
        return;
    }
    struct err err = {0};
    err_set(&err, ERR_CONFIG, file ? "%s names no source, store or job" : "there is none",
            file ? file : "");
    err_hint(&err, "`pgkeep config --example` prints one; or look at --source CONNINFO "
                   "and --store URL");
    diagnose_fail(d, DIAGNOSE_FILE, &err);
}

static int look_at_sources(struct diagnose *d, struct err *err)
{
    const struct settings *settings = d->spec->settings;
    for (size_t i = 0; i < settings->source_count; i++) {
        const char *name = settings->sources[i].name;
        if (!is_wanted(d, name))
            continue;
        begin(d, "source", name);
        diagnose_source(d, name);
        if (cancel_check(d->spec->cancel, err) < 0)
            return -1;
    }
    return 0;
}

static int look_at_stores(struct diagnose *d, struct err *err)
{
    const struct settings *settings = d->spec->settings;
    for (size_t i = 0; i < settings->store_count; i++) {
        const char *name = settings->stores[i].name;
        if (!is_wanted(d, name))
            continue;
        begin(d, "store", name);
        diagnose_store(d, name);
        if (cancel_check(d->spec->cancel, err) < 0)
            return -1;
    }
    return 0;
}

static void look_at_jobs(struct diagnose *d)
{
    const struct settings *settings = d->spec->settings;
    for (size_t i = 0; i < settings->job_count && !d->spec->adhoc; i++) {
        if (!is_wanted(d, settings->jobs[i].name))
            continue;
        begin(d, "job", settings->jobs[i].name);
        diagnose_job(d, &settings->jobs[i]);
    }
}

int diagnose_run(const struct diagnose_spec *spec, struct diagnose_result *out,
                 struct err *err)
{
    struct diagnose d = {.spec = spec, .result = out};
    *out = (struct diagnose_result){0};
    look_at_settings(&d);
    begin(&d, "catalog", NULL);
    diagnose_catalog(&d);
    int result = cancel_check(d.spec->cancel, err);
    if (result == 0)
        result = look_at_sources(&d, err);
    if (result == 0)
        result = look_at_stores(&d, err);
    if (result == 0)
        look_at_jobs(&d);
    catalog_close(d.catalog);
    return result;
}
