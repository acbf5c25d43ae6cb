/*
 * How findings get out: each is counted, and handed to whoever asked for them at once, so
 * that a check that hangs is seen by what came before it.
 */
#include "doctor/diagnose_work.h"

#include "base/text.h"

#include <stdarg.h>

enum { FOUND_MAX = 1024 };

static const char hint_mark[] = "\nhint: "; /* as err_hint adds it */

/* The names are stable: scripts look for them in the JSON. */
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
    [DIAGNOSE_KNOWN] = {"known", "its backups"},
    [DIAGNOSE_WRITE] = {"write", "writing, reading, removing"},
    [DIAGNOSE_UPLOADS] = {"uploads", "open uploads"},
    [DIAGNOSE_RETENTION] = {"retention", "retention"},
    [DIAGNOSE_HOOKS] = {"hooks", "hooks"},
};

const char *diagnose_verdict_name(enum diagnose_verdict verdict)
{
    static const char *const names[] = {"ok", "warning", "failed", "skipped"};
    return names[verdict];
}

/* Every finding passes here, so that counts and exit status cannot miss one. */
void diagnose_emit(struct diagnose *d, struct diagnose_finding *finding)
{
    /* Under the heading that stands now. */
    finding->group = d->group;
    finding->name = d->name;
    /* "" is nothing as well. */
    if (finding->expected != NULL && *finding->expected == '\0')
        finding->expected = NULL;
    if (finding->advice != NULL && *finding->advice == '\0')
        finding->advice = NULL;
    d->result->counts[finding->verdict]++;
    /* The first failure decides the exit status. */
    if (finding->verdict == DIAGNOSE_FAILED && d->result->first == ERR_NONE)
        d->result->first = finding->kind;
    d->spec->report(d->spec->context, finding);
}

void diagnose_report(struct diagnose *d, enum diagnose_what what,
                     enum diagnose_verdict verdict, const char *advice, const char *format,
                     ...)
{
    /* Cut, not refused: a finding that is too long still says most. */
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
    diagnose_emit(d, &finding);
}

void diagnose_fail(struct diagnose *d, enum diagnose_what what, const struct err *err)
{
    char text[sizeof err->text], subject[512];
    /* A copy: the text is taken apart below, and the error is the caller's. */
    snprintf(text, sizeof text, "%s", err->text);

    /* The hint of an error is the advice of a finding. */
    char *hint = strstr(text, hint_mark);
    if (hint != NULL)
        *hint = '\0';

    /* What the heading says already is not repeated: store "nas": ... */
    const char *found = text;
    snprintf(subject, sizeof subject, "%s \"%s\": ", d->group, d->name ? d->name : "");
    if (d->name != NULL && text_starts_with(found, subject))
        found += strlen(subject);

    struct diagnose_finding finding = {.check = texts[what].check,
                                       .title = texts[what].title,
                                       .verdict = DIAGNOSE_FAILED,
                                       .kind = err->kind,
                                       .found = found,
                                       .advice = hint ? hint + strlen(hint_mark) : NULL};
    diagnose_emit(d, &finding);
}
