/*
 * ledger - the books of one multipart upload: what was given, what the service has.
 *
 *     s3_ledger_give for every part, in order -> s3_ledger_done when the service has it
 *     s3_ledger_check, then s3_ledger_body for CompleteMultipartUpload
 *
 * A service drops parts that are not listed without a word, so nothing is completed before
 * the books close: every part given is there, numbers run from 1 without a gap, the bytes
 * add up. No locking.
 */
#ifndef PGKEEP_S3_OPS_LEDGER_H
#define PGKEEP_S3_OPS_LEDGER_H

#include "base/err.h"
#include "base/text.h"

struct s3_ledger_entry {
    uint64_t size;
    char *etag; /* verbatim, with quotes; NULL: the service has not said that it is there */
    bool has_crc;
    uint64_t crc64nvme;
};

struct s3_ledger {                   /* zeroed it is empty */
    struct s3_ledger_entry *entries; /* entry n - 1 is part n */
    size_t capacity;
    unsigned count;
    uint64_t given; /* bytes */
    uint64_t sent;  /* bytes that the service has */
};

void s3_ledger_release(struct s3_ledger *ledger);
/* ERR_SYSTEM when the part is not the next one. */
int s3_ledger_give(struct s3_ledger *ledger, unsigned number, uint64_t offset,
                   uint64_t size, struct err *err) MUST_USE;
/* The service has it. A part is done once (asserted). crc64nvme NULL: not known. */
void s3_ledger_done(struct s3_ledger *ledger, unsigned number, const char *etag,
                    const uint64_t *crc64nvme);
/* 0, or -1 and ERR_CORRUPT when the books do not close. */
int s3_ledger_check(const struct s3_ledger *ledger, struct err *err) MUST_USE;
/* CRC of the whole object; false when that of a part is not known. */
bool s3_ledger_crc64nvme(const struct s3_ledger *ledger, uint64_t *out);
/* Is this the ETag of an object made of just these parts? AWS, Ceph, MinIO and versitygw give it
 * the MD5 of the parts' MD5s, in hex, and "-" and their number; what was made otherwise is not
 * "no", only not known (false). Quotes do not count. */
bool s3_ledger_has_etag(const struct s3_ledger *ledger, const char *etag);
/* Adds the body of CompleteMultipartUpload; ERR_STORE for an ETag that cannot stand in XML. */
int s3_ledger_body(const struct s3_ledger *ledger, struct text *out,
                   struct err *err) MUST_USE;

#endif
