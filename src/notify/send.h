/*
 * send - one message to one service, blocking: HTTP POST, or SMTP, by libcurl. Bounded in time, TLS
 * verified, no redirects, loopback by no proxy. Any thread; libcurl is set up before threads
 * (s3_global_init). Errors hold neither the address (but its host), nor a secret.
 */
#ifndef PGKEEP_NOTIFY_SEND_H
#define PGKEEP_NOTIFY_SEND_H

#include "base/cancel.h"
#include "config/resolve.h"
#include "notify/payload.h"

struct send_spec {
    const struct notifier_settings *notifier;
    const struct notifier_secrets *secrets;
    const struct payload *payload;
    int64_t timeout_ms;          /* of all of it */
    const struct cancel *cancel; /* NULL: the root */
};
struct send_answer {
    long status;         /* of HTTP or SMTP; 0: none came */
    int64_t retry_after; /* seconds that the service asks for; 0: it does not */
    bool refused;        /* this very message will never be taken: another try is useless */
};
/* 0: taken. -1: ERR_TRANSIENT, or ERR_CONFIG for what libcurl makes nothing of, with one sentence. */
int send_message(const struct send_spec *spec, struct send_answer *answer,
                 struct err *err) MUST_USE;

#endif
