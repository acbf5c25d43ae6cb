/*
 * document - what is told, as the JSON document that waits in the outbox, that a webhook gets as it is,
 * and that all other kinds are made from (payload.h). Keys are a contract:
 *
 *     {id,event,reminder,job,host,time,since,title,text,
 *      items[{what,subject,message,since}],ended[],run{id,exit_status,started,ended}|null,log,version}
 *
 * id is a ULID: who hears it twice hears the same. `title` is ASCII on one line; `text` is UTF-8 on
 * several, in which control characters and what is no UTF-8 stand as \xHH. `ended` are the kinds that a
 * recovery is about. `log` is the end of what the run said, or null. Never a secret.
 */
#ifndef PGKEEP_NOTIFY_DOCUMENT_H
#define PGKEEP_NOTIFY_DOCUMENT_H

#include "catalog/runs.h"
#include "notify/decide.h"

#include <jansson.h>

#define DOCUMENT_ITEMS_MAX 20 /* more are counted */
#define DOCUMENT_LOG_MAX 4096 /* bytes of the end of a log */

struct document_spec {
    const struct decide_event *event;
    const char *job;               /* NULL: of a test */
    const char *notifier;          /* of a test: its name; else NULL */
    const struct catalog_run *run; /* NULL: none */
    const char *log;               /* NULL: none */
    int64_t now;
};
/* A new reference. */
json_t *document_new(const struct document_spec *spec) MUST_USE;
/* The same of an event that has no items. */
json_t *document_of(enum notifier_event event, const char *job,
                    const struct catalog_run *run, int64_t now) MUST_USE;

#endif
