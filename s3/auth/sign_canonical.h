/*
 * sign_canonical - the parts of a request in the form in which they are signed, and the
 * check that they can be. Private to sign.c; the rules are in sign.h.
 *
 *     s3_canonical_check -> s3_canonical_init -> s3_canonical_names, _headers, _path
 *     s3_canonical_release
 */
#ifndef PGKEEP_S3_AUTH_SIGN_CANONICAL_H
#define PGKEEP_S3_AUTH_SIGN_CANONICAL_H

#include "s3/auth/sign.h"

/* One header: name in lower case, value trimmed and on one line. */
struct s3_canonical_line {
    char *name;
    char *value;
    size_t order; /* of appearance: values of one name keep it */
};

struct s3_canonical {
    struct s3_canonical_line *lines; /* sorted by name */
    size_t count;
    size_t capacity;
};

/* ERR_USAGE for what would break the request, or become part of another header. */
int s3_canonical_check(const struct s3_sign_request *request, struct err *err) MUST_USE;
/* Collects the headers that are signed. `date` is NULL for a presigned query, whose
 * parameters say what the signer's own headers would. */
void s3_canonical_init(struct s3_canonical *canonical,
                       const struct s3_sign_request *request, const char *date);
void s3_canonical_release(struct s3_canonical *canonical); /* wipes */
/* "host;x-amz-date" */
void s3_canonical_names(const struct s3_canonical *canonical, struct text *out);
/* "host:...\nx-amz-date:...\n" */
void s3_canonical_headers(const struct s3_canonical *canonical, struct text *out);
void s3_canonical_path(const struct s3_sign_request *request, struct text *out);
/* Is x-amz-content-sha256 sent? */
bool s3_canonical_sends_payload(const struct s3_sign_request *request);

#endif
