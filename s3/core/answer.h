/*
 * answer - reads the head and the <Error> of an answer into a struct s3_answer (request.h).
 */
#ifndef PGKEEP_S3_CORE_ANSWER_H
#define PGKEEP_S3_CORE_ANSWER_H

#include "s3/core/request.h"

#include <curl/curl.h>

/* Forgets what the last attempt brought; tries, elapsed_ms and uncertain stay. */
void s3_answer_clear(struct s3_answer *answer);
/* Begins anew with the head that curl has just read (s3_exchange.on_head). */
void s3_answer_head(struct s3_answer *answer, int status, CURL *easy);
/* One header of it. What is not of its kind is as if not sent. */
void s3_answer_header(struct s3_answer *answer, const char *name, const char *value);
/* Code, message, request id, region of an <Error> document; false when it is none. */
bool s3_answer_error(struct s3_answer *answer, const char *data, size_t size);
/* What the service asked for before the next try, in ms; 0: nothing. */
int64_t s3_answer_retry_after_ms(const struct s3_answer *answer);

#endif
