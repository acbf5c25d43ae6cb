/*
 * sigv4_case - one folder of test vectors as a request that can be signed. Private to
 * sigv4_vectors.c.
 *
 *     sigv4_case_open -> sigv4_case_request -> sign -> sigv4_case_release
 */
#ifndef PGKEEP_TESTS_SIGV4_CASE_H
#define PGKEEP_TESTS_SIGV4_CASE_H

#include "s3/auth/keys.h"
#include "s3/auth/sign.h"

#include <jansson.h>

#define SIGV4_CASE_HEADERS 64
#define SIGV4_CASE_CEILING ((size_t)1 << 20)

struct sigv4_case {
    const char *folder;
    json_t *context;
    char *source; /* the request's text; the strings below lie in it */
    char *method;
    char *path;
    char *query;
    char *host;
    char *body;
    char *payload_given; /* x-amz-content-sha256 of the request, or NULL */
    struct s3_header headers[SIGV4_CASE_HEADERS];
    size_t header_count;
    char *wire_path;  /* heap, or NULL: as in the request */
    char *wire_query; /* heap, or NULL: as in the request */
    struct s3_credentials credentials;
    bool is_s3;
    bool failed;
};

/* False: context.json or the request cannot be understood; release it all the same. */
bool sigv4_case_open(struct sigv4_case *one, const char *folder, const char *context);
void sigv4_case_release(struct sigv4_case *one);
/* `hex` (SHA256_HEX bytes) holds what the request points to. False: no time. */
bool sigv4_case_request(const struct sigv4_case *one, bool presign, char *hex,
                        struct s3_sign_request *out);
/* A file of the folder without carriage returns and line ends behind it, heap; NULL when it
 * is not there. */
char *sigv4_case_file(const char *folder, const char *name) MUST_USE;

#endif
