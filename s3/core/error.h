/*
 * error - what a failed attempt means: whether to repeat it and how, and what to tell the
 * user.
 *
 * The classes are those of S3.md 2.1. Constant tables; any thread.
 */
#ifndef PGKEEP_S3_CORE_ERROR_H
#define PGKEEP_S3_CORE_ERROR_H

#include "base/err.h"

enum s3_class {
    S3_CLASS_TRANSIENT, /* back off, repeat */
    S3_CLASS_NAME,      /* the host's name was not found: few times, unless it was before */
    S3_CLASS_THROTTLE,  /* back off for longer, halve what is in flight */
    S3_CLASS_CLOCK,     /* sign with the server's time */
    S3_CLASS_CREDENTIALS, /* fetch new credentials */
    S3_CLASS_DAMAGED,     /* the body did not arrive as sent, in either direction */
    S3_CLASS_REDIRECT,    /* another region or host */
    S3_CLASS_FEATURE,     /* without the headers that not everybody knows */
    S3_CLASS_PERMANENT,   /* stop and explain */
    S3_CLASS_COUNT
};

struct s3_verdict {
    enum s3_class class_;
    enum err_kind kind; /* when it is final */
    bool uncertain;     /* the service may have done it all the same */
    const char *hint;   /* NULL: none */
};

/* Of a CURLcode other than CURLE_OK. */
struct s3_verdict s3_error_of_curl(int curl_code);
/* Of an HTTP status other than 2xx with S3's <Code> ("": none); or of an <Error> in a 200. */
struct s3_verdict s3_error_of_answer(int status, const char *code);

/* One sentence. `what` is the noun ("part 7", "PUT \"a/b\""), transport the words of curl
 * when there was no answer (status 0). Control characters are escaped. Returns -1. */
struct s3_failure {
    const char *what;
    const char *transport;
    int status;
    const char *code, *message, *request_id;
    unsigned tries;
    int64_t elapsed_ms;
};
int s3_error_set(struct err *err, const struct s3_verdict *verdict,
                 const struct s3_failure *failure);

#endif
