/*
 * keys - one set of keys, as a source gives it and the signer uses it. Each copy is wiped by
 * its owner.
 */
#ifndef PGKEEP_S3_AUTH_KEYS_H
#define PGKEEP_S3_AUTH_KEYS_H

#include "base/memory.h"

struct s3_credentials {
    char *access_key;
    struct secret secret_key;
    struct secret session_token; /* text NULL: none */
    int64_t expires;             /* seconds UTC; 0: never */
};
void s3_credentials_release(struct s3_credentials *credentials); /* wipes; twice is fine */
void s3_credentials_copy(const struct s3_credentials *from, struct s3_credentials *out);

#endif
