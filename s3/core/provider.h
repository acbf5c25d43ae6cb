/*
 * provider - how S3-compatible services differ, one row per service. Sources: S3.md
 * sections 1.5, 1.8 and 4, MINIO.md, SERVERS.md; named in provider.c.
 *
 * An unknown service gets "other": what all of them can do. Constant tables; any thread.
 */
#ifndef PGKEEP_S3_CORE_PROVIDER_H
#define PGKEEP_S3_CORE_PROVIDER_H

#include "s3/s3.h"
#include "s3/http/uri.h"

struct s3_provider {
    const char *name;  /* "aws"; the value of s3_config.provider */
    const char *title; /* "Amazon S3" */
    const char *hosts; /* endpoint host endings, separated by blanks; "" : by name only */
    const char
        *server; /* first word of its answers' Server header; NULL: not known, or none */
    const char *region;          /* to sign with when none is set; NULL: "us-east-1" */
    uint64_t min_part, max_part; /* bytes; min not of the last */
    unsigned max_parts;
    uint64_t max_object; /* bytes */
    bool uniform_parts;  /* all but the last equal, checked at Complete */
    /* CRC-64/NVME is verified, of parts and of the whole object; false: refused, ignored or
     * unknown, so no x-amz-checksum-* is sent */
    bool crc64;
    bool put_if_absent;         /* If-None-Match: * on PutObject is honoured */
    bool complete_if_absent;    /* ... on CompleteMultipartUpload */
    bool conditions_plain_only; /* both are ignored in buckets with versions */
    bool object_lock;
    bool versions;
    bool tags;
    int list_version;
    bool mp_object_size; /* x-amz-mp-object-size is checked */
    /* of bodies, against the SHA-256 that is signed; false: not, or not known */
    bool checks_sha256;
    bool etag_is_md5;          /* of PutObject and UploadPart without SSE-C, KMS */
    bool uploads_by_exact_key; /* ListMultipartUploads knows no prefixes */
    /* after which an open upload is swept; 0: never or by rule only */
    unsigned upload_hours;
    unsigned idle_seconds; /* connections idle for longer are not used again */
};

/* The row named, or NULL and ERR_CONFIG with the nearest name. */
const struct s3_provider *s3_provider_find(const char *name, struct err *err) MUST_USE;
/* By endpoint; never NULL ("other"). */
const struct s3_provider *s3_provider_of(const struct s3_endpoint *endpoint);
/* By the Server header of an answer; NULL where it tells nothing. */
const struct s3_provider *s3_provider_by_server(const char *server);
/* Names of all rows, NULL-terminated, for help and completion. */
const char *const *s3_provider_names(void);

#endif
