/*
 * payload - a document (document.h) in the words of a service: one row per type of notifier. Pure.
 *
 *     webhook       the document itself, signed: X-Pgkeep-Signature: sha256=HEX of HMAC-SHA256 over the
 *                   body with the notifier's secret
 *     slack         {"text"}, as plain text: & < > stand for themselves, so that no name calls anybody
 *     discord       {"content"} of at most 2000 characters, without mentions, markdown as it is written
 *     ntfy          the text; title, priority and tags in headers
 *     healthchecks  the text and the end of the log to URL, URL/start, URL/fail or URL/log
 *     email         a whole message of RFC 5322, quoted-printable
 *
 * Names of databases may hold anything: each is told so that it cannot be more than a name there.
 */
#ifndef PGKEEP_NOTIFY_PAYLOAD_H
#define PGKEEP_NOTIFY_PAYLOAD_H

#include "notify/notifier.h"

#include <jansson.h>

struct payload {
    const char *path;       /* behind the path of the URL; "": nothing */
    struct strlist headers; /* "Name: value"; may hold a secret */
    struct text body;
};

/* secret: of the notifier, NULL: none. ERR_CORRUPT for a document that is none. Release it in any
 * case. */
int payload_init(struct payload *payload, const struct notifier_settings *notifier,
                 const char *secret, const json_t *document, struct err *err) MUST_USE;
void payload_release(struct payload *payload); /* wipes */

#endif
