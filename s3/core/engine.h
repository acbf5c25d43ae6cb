/*
 * engine - what a client and its requests under way are. Private to core/ (and to
 * ops/object_lock.c, which writes the lock that objects are made with).
 *
 *     state.c           what changes while requests run, and who may ask for it
 *     request.c         the caller's side of a request
 *     attempt_repair.c  what is changed before the next attempt
 *     attempt_answer.c  what came back, and what it means
 *     attempt.c         one attempt: address, headers, signature, limits
 *     engine.c          which task runs when, and what its end means
 *     object_headers.c  what objects are written with
 *     client.c          a client from its configuration
 *
 * A task's states, all moves made by the engine's thread but the first:
 *
 *     (submit) -> QUEUED -> RUNNING -> (final) DONE
 *                   ^          |
 *                   |          +-> WAITING until due_ms, then as QUEUED
 *                   +-- (region found) <- DISCOVERING: a GET asks for it
 *
 * QUEUED and WAITING tasks start in the order of submission while fewer than window.limit
 * run. In enum s3_state WAITING is a QUEUED task whose due_ms is still to come, DISCOVERING
 * a RUNNING one with `discovering` set.
 */
#ifndef PGKEEP_S3_CORE_ENGINE_H
#define PGKEEP_S3_CORE_ENGINE_H

#include "s3/core/client.h"
#include "s3/core/retry.h"
#include "s3/http/http.h"

#include <pthread.h>
#include <stdatomic.h>

enum s3_state { S3_QUEUED, S3_RUNNING, S3_DONE };

enum { S3_RETRY_TIME_MS = 30 * 60 * 1000 }; /* unless the configuration says otherwise */

/* What all handles of a client share. */
struct s3_engine {
    /* Constant after s3_client_new. */
    char *bucket;
    char *prefix; /* "" or "p/" */
    bool virtual_host, tls, signs_payload;
    struct s3_provider provider;   /* by name or endpoint; `row` is the one to ask */
    struct strlist object_headers; /* "Name: value" of what creates objects */
    struct strlist key_headers;    /* SSE-C; wiped */
    char *lock_mode;
    int64_t lock_seconds;
    bool legal_hold;
    bool etag_is_md5;
    atomic_bool kms_seen;  /* an answer said that its object is under KMS */
    atomic_bool wants_md5; /* a body without one was refused for that */
    int64_t connect_timeout_ms;
    const struct cancel *cancel; /* NULL: the root */
    struct s3_credentials_source *credentials;
    struct s3_signer *signer;
    struct s3_http *http;

    /* The provider's row, which an answer may make a better one (once): `provider`, then
     * `recognised`. Any thread. */
    const struct s3_provider *_Atomic row;
    struct s3_provider recognised;

    pthread_mutex_t lock;
    pthread_cond_t changed; /* a task is done, or has left the list */
    /* Guarded by lock: */
    struct s3_test_hooks hooks; /* set before the first request, constant from then on */
    struct s3_endpoint endpoint;
    char *region;
    struct s3_task *tasks; /* in the order of submission, until they are done */
    int64_t clock_offset;  /* last seen: server minus ours, s */
    bool clock_known;
    int64_t clock_applied; /* what we sign with */
    struct s3_window window;

    /* The engine's thread alone: */
    unsigned running;
    bool guesses; /* nothing but its answers can tell which service it is */
    bool renews;  /* a thread renews the credentials, from the first request on */
    unsigned region_version; /* how often the region was corrected */
    bool reached;            /* the service has answered */
    int64_t trouble_ms;      /* since when nothing succeeds; 0: all is well */
    bool warned;
    int64_t hurry_until_ms; /* after a signal: the end of all clean-up; 0: there was none */
    struct s3_retransmitted retransmitted;
    bool no_etags;  /* the last body was answered without one */
    bool no_expect; /* somebody on the way answered 417 */
    bool
        no_extensions; /* the service answered 501 to optional headers: none are sent now */
};

/* A handle: whose requests these are, and how they are carried out. */
struct s3_client {
    struct s3_engine *engine;
    bool owns_engine;           /* made by s3_client_new, not by s3_client_with */
    bool cleaning;              /* requests go on despite a cancel */
    atomic_llong retry_time_ms; /* of the requests that follow */
};

struct s3_task {
    struct s3_client *client; /* the handle, which outlives its requests */
    struct s3_request *request;
    char payload[SHA256_HEX]; /* hex SHA-256 of the body, or UNSIGNED-PAYLOAD */
    /* Guarded by the engine's lock: */
    struct s3_task *next;
    const void *group;
    bool given_up; /* s3_requests_cancel */
    bool done;     /* for s3_request_wait, with err */
    struct err err;

    /* The engine's thread alone: */
    enum s3_state state;
    int64_t due_ms;               /* QUEUED: not before */
    int64_t first_ms, attempt_ms; /* beginning of the first and of the last attempt */
    unsigned flowed;
    struct s3_retry retry;
    struct s3_exchange exchange;
    struct s3_credentials signed_with;
    struct strlist lines; /* of the attempt; wiped */
    char *url;
    bool fresh;       /* the next attempt on a new connection */
    bool discovering; /* the running attempt asks for the region */
    bool discovered;
    unsigned region_version; /* of the engine, when the attempt was signed */
    struct s3_answer before; /* the one that made us ask */
    bool redirected;         /* to `redirect`, whose base path is the whole path */
    struct s3_endpoint redirect;
    struct text error_body;
    size_t out_start;  /* length of request->out before */
    uint64_t received; /* bytes of a range so far */
    char range_etag[256];
    bool head_complete;        /* the blank line behind a head that is not 1xx came */
    bool written_damaged;      /* carried out, but with another body than ours */
    const char *refused;       /* why our own callbacks ended the attempt */
    struct s3_verdict verdict; /* of an attempt that was no answer */
    const char *why;      /* in words, where the service's say too little; NULL: none */
    char message[200];    /* room for them */
    struct err local_err; /* a failure of ours: final */
};

/* One turn of the engine: s3_http_config.on_turn. */
int64_t s3_engine_turn(void *engine);
/* Sets up the exchange of an attempt: address, headers, signature. s3_attempt_release may
 * be called at any time, twice, and after a failure. */
int s3_attempt_prepare(struct s3_task *task, struct err *err) MUST_USE;
void s3_attempt_release(struct s3_task *task);
/* s3_exchange.on_head and on_body of a task. */
bool s3_attempt_head(void *task, int status, CURL *easy);
bool s3_attempt_body(void *task, const void *data, size_t size);
/* Is what the attempt has brought the answer? If not, task->verdict and `why` say what it means. */
bool s3_attempt_classify(struct s3_task *task);
/* Headers that are a belt to braces: conditions and checksums. */
bool s3_attempt_has_optional_headers(const struct s3_request *request);
void s3_attempt_drop_optional_headers(struct s3_request *request);
/* Repairs what the class asks for before the next attempt; false: cannot be repaired. */
bool s3_attempt_repair(struct s3_task *task, enum s3_class class_);

/* What objects are written with, from the configuration. (object_headers.c) */
int s3_engine_set_object_headers(struct s3_engine *engine, const struct s3_config *config,
                                 struct err *err) MUST_USE;
void s3_task_free(struct s3_task *task);

#endif
