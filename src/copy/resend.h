/*
 * resend - the bytes of a whole object, read from its beginning, into an upload that may
 * hold some of them already.
 *
 *     resend_init -> resend_write … -> resend_end -> store_upload_finish -> resend_check
 *     -> resend_release
 *
 * What is there already is not sent again, only hashed, so that it can be held against what
 * the target really has: nobody checked those bytes. One thread.
 */
#ifndef PGKEEP_COPY_RESEND_H
#define PGKEEP_COPY_RESEND_H

#include "base/digest.h"
#include "store/store.h"

enum { RESEND_PARTS_MIN = 2, RESEND_PARTS_MAX = 16 };

struct resend_spec {
    struct store *store;
    struct store_upload *upload;
    uint64_t size;               /* of the whole object */
    uint64_t skip;               /* bytes that are there already */
    unsigned number;             /* of the first part to be sent */
    uint64_t budget;             /* bytes of part buffers */
    const struct cancel *cancel; /* ends the waits for a buffer; NULL: the root */
};

struct resend {
    struct store_upload *upload; /* borrowed */
    struct store_part_rules rules;
    uint64_t size;   /* of the whole object */
    uint64_t skip;   /* bytes that are there already */
    uint64_t seen;   /* bytes written to us */
    unsigned number; /* of the next part */
    uint64_t budget; /* bytes of part buffers */
    size_t part_size;
    struct part_pool *pool;
    struct part *part; /* being filled; NULL: none */
    struct digest skipped;
    unsigned char skipped_sum[SHA256_SIZE]; /* after resend_end */
};

int resend_init(struct resend *resend, const struct resend_spec *spec,
                struct err *err) MUST_USE;
/* A stream_sink's write; context is a struct resend. */
int resend_write(void *context, const void *data, size_t size, struct err *err) MUST_USE;
/* After the last byte: the last part goes out, and every part is stored. */
int resend_end(struct resend *resend, struct err *err) MUST_USE;
/* After the upload was finished as this key: what was skipped is read back and must be the
 * bytes of the source. ERR_CORRUPT. */
int resend_check(const struct resend *resend, struct store *store, const char *key,
                 struct err *err) MUST_USE;
/* Only after the upload was finished or freed: parts may still be on their way. */
void resend_release(struct resend *resend);

#endif
