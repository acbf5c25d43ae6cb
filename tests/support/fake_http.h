/*
 * fake_http - a scripted HTTP/1.1 endpoint on loopback for tests: STS, IMDS, container
 * credentials.
 *
 *     fake_http_new -> point the client at fake_http_url -> fake_http_count, fake_http_request
 *     -> fake_http_free, which ends every connection and joins every thread
 *
 * One thread per connection, keep-alive, Expect: 100-continue. The first row that matches
 * decides; no row: 404. Every function may be called from any thread; a program that
 * asserts (Check) does so on its own thread only.
 */
#ifndef PGKEEP_TESTS_FAKE_HTTP_H
#define PGKEEP_TESTS_FAKE_HTTP_H

#include "base/err.h"

struct fake_http;

/* What came in. Strings belong to the struct (or, in a callback, to the server). */
struct fake_http_request {
    char *method;
    char *target;  /* as sent: path and query */
    char *headers; /* raw lines, each ended by \r\n */
    char *body;    /* NUL-terminated for convenience */
    size_t body_size;
    int64_t time_ms; /* monotonic, when the head had come */
};

struct fake_http_row {
    const char *method;   /* NULL: any */
    const char *path;     /* the path must be exactly this; NULL: any */
    const char *contains; /* target or body must contain this; NULL: whatever */
    /* "Name: value" that must be there, name in any case; NULL: whatever */
    const char *header;
    /* used from the n-th time on that this row matches (from 1; 0: 1) ... */
    unsigned first;
    unsigned times; /* ... and this often (0: always); after that later rows are tried */
    int status;     /* 0: hang up without an answer */
    const char *answer_headers; /* "Name: value\r\n..." or NULL */
    const char *body;           /* NULL: empty */
    /* If set, gives the body instead (heap, the server frees it): for times that move. */
    char *(*make_body)(void *context, const struct fake_http_request *request);
    void *context;
};

/* Copies the rows but not what they point to, which must outlive the server. */
struct fake_http *fake_http_new(const struct fake_http_row *rows, size_t count,
                                struct err *err) MUST_USE;
const char *fake_http_url(const struct fake_http *http); /* "http://127.0.0.1:PORT" */
int fake_http_port(const struct fake_http *http);
unsigned fake_http_count(struct fake_http *http); /* requests so far */
/* Copy of the n-th request (from 1); false when there was none. Release it. */
bool fake_http_request(struct fake_http *http, unsigned number,
                       struct fake_http_request *out);
void fake_http_request_release(struct fake_http_request *request);
/* Value of a header, heap; NULL when it was not sent. */
char *fake_http_header(const struct fake_http_request *request, const char *name) MUST_USE;
void fake_http_free(struct fake_http *http); /* NULL-safe */

#endif
