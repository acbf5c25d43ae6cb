/*
 * http - HTTP/1.1 exchanges over one curl_multi, driven by one thread. Knows nothing of S3.
 *
 *     s3_http_new    starts the thread, which calls on_turn again and again
 *     on_turn        calls s3_http_start for any number of exchanges (on that thread only)
 *     on_end         ends each exchange, on that thread
 *     s3_http_wake   from any thread: on_turn is called at once
 *     s3_http_free   ends the thread; what still runs ends with CURLE_ABORTED_BY_CALLBACK
 *
 * No redirects, no path changes, no proxies for loopback hosts, TLS always verified.
 * Connections are kept and used again until they were idle for too long.
 */
#ifndef PGKEEP_S3_HTTP_HTTP_H
#define PGKEEP_S3_HTTP_HTTP_H

#include "base/cancel.h"
#include "base/text.h"

#include <curl/curl.h>

struct s3_http;

struct s3_http_config {   /* strings are copied */
    const char *ca_file;  /* NULL: the system's */
    const char *proxy;    /* NULL: the environment's */
    bool no_proxy;        /* loopback: whatever the environment says */
    unsigned connections; /* kept at most */
    unsigned idle_seconds;
    uint64_t limit_rate;         /* bytes/s of all bodies sent; 0: none */
    const struct cancel *cancel; /* wakes the thread when it is tripped; NULL: the root */
    /* Returns after how many ms it wants to be called again at the latest. */
    int64_t (*on_turn)(void *context);
    void *context;
};

/* One exchange: everything is borrowed until on_end, in which it may be used again. */
struct s3_exchange {
    const char *method;
    const char *url;
    const struct strlist *headers; /* "Name: value"; Host among them */
    const void *body;              /* of PUT and POST; Content-Length is sent also when 0 */
    size_t body_size;
    bool fresh;     /* on a new connection */
    bool no_expect; /* the body goes out unasked, however large */
    int64_t connect_timeout_ms;
    int64_t timeout_ms;    /* of the whole exchange; 0: none */
    int64_t stall_seconds; /* slower than least_speed for so long ends it */
    int64_t least_speed;   /* bytes/s; 1 where a rate limit holds */
    /* The head of the answer is whole (not one of 1xx): curl_easy_nextheader(easy, CURLH_HEADER,
     * -1, ...) reads it. Called again when curl itself asks again, after a 417. False ends the
     * exchange (CURLE_WRITE_ERROR). */
    bool (*on_head)(void *context, int status, CURL *easy);
    bool (*on_body)(void *context, const void *data, size_t size);
    void (*on_end)(void *context, struct s3_exchange *exchange);
    void *context;

    CURLcode code;                 /* how it ended */
    int status;                    /* of the last head that came; 0: none */
    uint64_t sent;                 /* bytes of the body */
    char message[CURL_ERROR_SIZE]; /* curl's, when code is not CURLE_OK */

    /* private to http.c */
    CURL *easy;
    struct curl_slist *lines;
    size_t at; /* of the body */
    bool paused;
    struct s3_http *http;
    struct s3_exchange *next;
};

struct s3_http *s3_http_new(const struct s3_http_config *config, struct err *err) MUST_USE;
void s3_http_free(struct s3_http *http); /* NULL-safe */
void s3_http_wake(struct s3_http *http);
/* A failure to begin is reported by on_end, too: before this returns. */
void s3_http_start(struct s3_http *http, struct s3_exchange *exchange);
/* Ends a running exchange without on_end. On the engine's thread, not inside its callbacks. */
void s3_http_cancel(struct s3_http *http, struct s3_exchange *exchange);

/* Seconds UTC of an HTTP date (RFC 9110, 5.6.7, of which only the fixed form is sent today);
 * -1 when it is none. */
int64_t s3_http_date(const char *text);

#endif
