/*
 * multipart - the three requests of a multipart upload as they go out. What is done with their
 * answers is upload.c's affair, or a probe's.
 */
#ifndef PGKEEP_S3_OPS_MULTIPART_H
#define PGKEEP_S3_OPS_MULTIPART_H

#include "s3/core/client.h"

#define S3_MULTIPART_CREATED "InitiateMultipartUploadResult"
#define S3_MULTIPART_COMPLETED "CompleteMultipartUploadResult"

enum { S3_TOKEN_SIZE = 33 }; /* 128 bits in hex, and the NUL */

/* Random: what an object is known by, when an answer was lost. */
void s3_multipart_token(char token[S3_TOKEN_SIZE]);

/* CreateMultipartUpload; the caller adds the headers of the object. crc64: parts will carry
 * one. The document goes to `out`, which the caller has initialised. */
void s3_multipart_create(struct s3_request *request, const char *key, bool crc64,
                         struct text *out);
/* The id in that document, heap. ERR_STORE when there is none. */
int s3_multipart_id(const struct text *document, char **upload_id,
                    struct err *err) MUST_USE;
/* UploadPart; the caller gives the body. */
struct s3_multipart_part {
    const char *key, *upload_id;
    unsigned number;
};
void s3_multipart_part(const struct s3_client *client, const struct s3_multipart_part *part,
                       struct s3_request *request);
/* CompleteMultipartUpload with this list of parts (s3_ledger_body), which the caller keeps. */
void s3_multipart_complete(struct s3_request *request, const char *key,
                           const char *upload_id, const struct text *list,
                           struct text *out);

#endif
