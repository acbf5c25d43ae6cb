/*
 * setup - what every exchange of ours asks of libcurl, whoever drives it. Private to http.c
 * and fetch.c.
 *
 *     struct s3_setup setup = {.easy = curl_easy_init()};
 *     s3_setup_common, then what is one's own by s3_setup_long, ...
 *     setup.code: CURLE_OK, or why the first option was refused
 *     s3_setup_free_lines, when the exchange has ended
 */
#ifndef PGKEEP_S3_HTTP_SETUP_H
#define PGKEEP_S3_HTTP_SETUP_H

#include "base/text.h"

#include <curl/curl.h>

struct s3_setup {
    CURL *easy;
    CURLcode code;
    struct curl_slist *lines; /* the headers; libcurl reads them until the end */
};

struct s3_setup_common { /* borrowed for the call */
    const char *method;
    const char *url;
    const struct strlist *headers; /* "Name: value"; NULL: none */
    const char *ca_file;           /* NULL: the system's */
    const char *proxy;             /* NULL: the environment's */
    bool no_proxy;                 /* not the environment's either */
    int64_t connect_timeout_ms;
    int64_t timeout_ms; /* 0: none */
};

/* HTTP/1.1, TLS verified, no redirects, the path as it is. */
void s3_setup_common(struct s3_setup *setup, const struct s3_setup_common *common);
/* One more header; "Name:" keeps libcurl from sending its own. */
void s3_setup_line(struct s3_setup *setup, const char *line);
void s3_setup_long(struct s3_setup *setup, CURLoption option, long value);
/* NULL leaves the option as it is. */
void s3_setup_text(struct s3_setup *setup, CURLoption option, const char *value);
void s3_setup_pointer(struct s3_setup *setup, CURLoption option, void *value);
/* A callback, of the type that the option wants. */
typedef void (*s3_setup_any)(void);
void s3_setup_function(struct s3_setup *setup, CURLoption option, s3_setup_any function);
/* Wipes them: they hold the signature, and may hold a session token or a key. */
void s3_setup_free_lines(struct curl_slist *lines);

#endif
