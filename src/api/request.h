/*
 * request - one question and its answer, without a socket: what a route reads and fills.
 */
#ifndef PGKEEP_API_REQUEST_H
#define PGKEEP_API_REQUEST_H

#include "api/access.h"
#include "base/text.h"
#include "config/settings.h"
#include "session/session.h"

#include <jansson.h>

enum { REQUEST_SEGMENTS = 4, REQUEST_BODY_MOST = 64 << 10 };

struct request {
    const char *method, *path; /* the path behind /api/v1/, decoded */
    const char *address;       /* of the client, for log-ins and the log */
    const char *cookie, *csrf; /* NULL: none came */
    const char *last_event;    /* Last-Event-ID; NULL */
    const json_t *body;        /* an object; NULL: none */
    /* A parameter of the query, decoded; NULL: absent. */
    const char *(*parameter)(void *where, const char *name);
    void *where;
    char *segments[REQUEST_SEGMENTS]; /* what stands for * in the route */

    struct access *access;
    struct access_session who; /* in routes that want somebody */
    struct session *session;   /* with a catalog, NULL in routes without */
    const struct settings *settings;
    int64_t now;

    /* the answer */
    unsigned status;
    json_t *document;     /* or: */
    struct text text;     /* its bytes */
    const char *type;     /* of text */
    char set_cookie[256]; /* "": none */
    int64_t retry_after;  /* 0: none */
    bool wake;            /* serve has something to look at */
};

/* A number of the query from min to max. -1: ERR_USAGE. */
int request_number(const struct request *request, const char *name, int64_t fallback,
                   int64_t most, int64_t *out, struct err *err) MUST_USE;
/* Like parameter, but an empty one is absent. */
const char *request_text(const struct request *request, const char *name);
/* What the answer and the segments hold; not what was borrowed. */
void request_release(struct request *request);

#endif
