/*
 * fetch - one small HTTP exchange, blocking: STS, metadata and container endpoints. Object
 * requests go through the client's engine instead.
 *
 * Bounded in time and size, HTTP/1.1, no redirects, TLS verified. Loopback hosts and
 * `direct` requests bypass every proxy. Any thread. Errors are ERR_TRANSIENT and hold
 * neither URL, headers nor bodies.
 */
#ifndef PGKEEP_S3_HTTP_FETCH_H
#define PGKEEP_S3_HTTP_FETCH_H

#include "base/cancel.h"
#include "base/text.h"

#include <stdatomic.h>

/* Everything is borrowed for the call. */
struct s3_fetch {
    const char *method;
    const char *url;
    const struct strlist *headers; /* "Name: value" lines; NULL: none */
    const char *body;              /* of POST and PUT; NULL: empty */
    const char *ca_file;           /* NULL: the system's */
    const char *proxy;             /* NULL: the environment's */
    bool direct;                   /* never by a proxy */
    int64_t timeout_ms;            /* of one try */
    unsigned tries; /* 0: 1. Again after no answer, 429 and 5xx; not when cancelled */
    /* May be NULL: is this answer, too, worth another try? */
    bool (*again)(int status, const char *body);
    int64_t pause_ms;            /* between tries */
    const atomic_bool *stop;     /* set by another thread: gives up at once; may be NULL */
    const struct cancel *cancel; /* ends the tries; NULL: the root */
};

struct s3_fetched {
    int status;
    struct text body; /* at most 256 KiB */
};

/* Whether asking later may help: ERR_TRANSIENT for 429 and 5xx, else ERR_DENIED. */
enum err_kind s3_fetched_kind(const struct s3_fetched *fetched);

/* 0 for any status; release the answer then. */
int s3_fetch(const struct s3_fetch *fetch, struct s3_fetched *fetched,
             struct err *err) MUST_USE;
void s3_fetched_release(struct s3_fetched *fetched); /* wipes */

#endif
