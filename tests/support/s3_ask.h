/*
 * s3_ask - S3 requests by hand: plain libcurl and a signer of its own.
 *
 * For tests of fake_s3, so that neither our client nor the fake's verifier vouches for
 * itself. Everything is asserted with Check: call it from the test's own thread, or from
 * others only where no assertion can fail.
 */
#ifndef PGKEEP_TESTS_S3_ASK_H
#define PGKEEP_TESTS_S3_ASK_H

#include "tests/support/fake_s3.h"

#include <curl/curl.h>

#define ASK_MAX_HEADERS 6

/* A request; what is NULL or 0 has the usual value. */
struct ask {
    const char *method;
    const char *path;                     /* behind the endpoint: "/bucket/key", encoded */
    const char *query;                    /* canonical already: sorted, encoded, "name=" */
    const char *headers[ASK_MAX_HEADERS]; /* "name: value", signed, lower-case names */
    const void *body;
    size_t size; /* of the body; body NULL: so many zero bytes */
    const char *access_key;
    const char *secret_key;
    const char *region;
    const char *unsigned_header; /* sent but not signed */
    const char *host;            /* without port */
    int64_t time_offset_s;
    bool is_hashed; /* real SHA-256 instead of UNSIGNED-PAYLOAD */
    bool wrong_hash;
    bool expects;  /* Expect: 100-continue */
    int expect_ms; /* patience for it; 0: 5000 */
    bool chunked;  /* Transfer-Encoding: chunked */
    CURL *curl;    /* a handle to reuse; NULL: a new one */
};

struct reply {
    CURLcode code;
    int status;
    char *headers; /* of all answers, 100 Continue too */
    char *body;    /* NUL-terminated */
    size_t size;   /* of the body */
    double seconds;
};

struct reply ask(struct fake_s3 *fake, const struct ask *ask);
void reply_release(struct reply *reply);
/* GET of a presigned URL, good for `seconds` from now + offset on. */
struct reply ask_presigned(struct fake_s3 *fake, const char *path, int seconds,
                           int64_t offset_s, const char *secret_key);
/* Value of a header of the reply, heap; NULL when there is none. */
char *reply_header(const struct reply *reply, const char *name) MUST_USE;
/* Text between <name> and </name>, heap; NULL when it is not there. */
char *reply_element(const struct reply *reply, const char *name) MUST_USE;

/* Asks; asserts this status and, if given, this text in the body. */
void ask_expect(struct fake_s3 *fake, const struct ask *ask, int status, const char *text);
void ask_put(struct fake_s3 *fake, const char *path, const char *body);
/* GET whose body must hold all of these words. */
void ask_get(struct fake_s3 *fake, const char *path, const char *query, int status,
             const char *word);
/* The upload id, heap. */
char *ask_create(struct fake_s3 *fake, const char *path) MUST_USE;
int ask_part(struct fake_s3 *fake, const char *path, const char *id, unsigned number,
             const char *body);
/* Completes with parts 1, 2, ... that have these bodies; the list ends with NULL. */
struct reply ask_complete(struct fake_s3 *fake, const char *path, const char *id,
                          const char *const *bodies, const char *header);
int ask_abort(struct fake_s3 *fake, const char *path, const char *id);
/* The latest version of key holds exactly this text. */
void ask_expect_object(struct fake_s3 *fake, const char *key, const char *data);

#endif
