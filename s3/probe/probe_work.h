/*
 * probe_work - what the files of probe.h share; private to them.
 *
 *     probe_finding.c  a finding against the row; which row fits
 *     probe_ask.c      one question
 *     probe_upload.c   uploads that are aborted
 *     probe_object.c   objects, and uploads that become one
 *     probe_clean.c    removing all of it
 *     probe.c          the order of asking, the data, the end
 */
#ifndef PGKEEP_S3_PROBE_PROBE_WORK_H
#define PGKEEP_S3_PROBE_PROBE_WORK_H

#include "s3/core/client.h"
#include "s3/ops/multipart.h"
#include "s3/probe.h"

/* What a row relies on and a service has or lacks. */
enum s3_probe_trait {
    S3_TRAIT_PUT_IF_ABSENT,
    S3_TRAIT_COMPLETE_IF_ABSENT,
    S3_TRAIT_CHECKSUMS,
    S3_TRAIT_UNEVEN_PARTS,
    S3_TRAIT_UPLOADS_BY_PREFIX,
    S3_TRAIT_ETAG_IS_MD5,
    S3_TRAITS
};
enum s3_probe_known { S3_UNKNOWN, S3_HAS, S3_LACKS };

/* An upload that was begun. */
struct s3_probe_begun {
    char *key, *id;
    bool ended; /* completed or aborted */
};
enum { S3_PROBE_UPLOADS_MAX = 8 };

struct s3_probing {
    struct s3_client *client; /* a handle of its own: 15 s for each question */
    const struct s3_provider *row;
    struct s3_probe *out;
    const char *folder;  /* for scratch, relative; ends in '/' */
    int64_t until_ms;    /* monotonic */
    unsigned char *data; /* part_size + S3_PROBE_MORE bytes */
    size_t part_size;
    bool versioned; /* now or once */
    bool late;      /* nothing more is asked */
    bool objects;   /* one may have been written */
    bool wrote;     /* something may lie below the scratch folder */
    enum s3_probe_known traits[S3_TRAITS];
    struct s3_probe_begun begun[S3_PROBE_UPLOADS_MAX];
    size_t begun_count;
};

/* The second part is larger by this: the sizes of a growing schedule. */
enum { S3_PROBE_MORE = 64 << 10, S3_PROBE_SMALL = 1000 };

/* ---- probe_finding.c ---- */

enum s3_probe_what {
    S3_PROBE_BUCKET,
    S3_PROBE_CLOCK,
    S3_PROBE_VERSIONING,
    S3_PROBE_LOCK,
    S3_PROBE_CREATE,
    S3_PROBE_MD5,
    S3_PROBE_SHA256,
    S3_PROBE_LAST_PART,
    S3_PROBE_UPLOADS,
    S3_PROBE_ABORT,
    S3_PROBE_CHECKSUM,
    S3_PROBE_PUT,
    S3_PROBE_ETAG,
    S3_PROBE_GET,
    S3_PROBE_LIST,
    S3_PROBE_CONDITION,
    S3_PROBE_MULTIPART,
    S3_PROBE_UNEVEN,
    S3_PROBE_RANGE,
    S3_PROBE_COMPLETE_CONDITION,
    S3_PROBE_DELETE,
    S3_PROBE_PROVIDER,
    S3_PROBE_WHATS
};

/* A new finding; found as printf. Fill in expected and advice of what comes back. */
struct s3_finding *s3_probe_add(struct s3_probing *probing, enum s3_probe_what what,
                                enum s3_probe_verdict verdict, const char *format, ...)
    PRINTF(4, 5);
/* S3_PROBE_FAILED with the text, kind and hint of err; S3_PROBE_SKIPPED when it is too late. */
struct s3_finding *s3_probe_fail(struct s3_probing *probing, enum s3_probe_what what,
                                 const struct err *err);
/* That when there is an error, else S3_PROBE_OK with what was found. */
struct s3_finding *s3_probe_conclude(struct s3_probing *probing, enum s3_probe_what what,
                                     const struct err *err, const char *good);
void s3_probe_advise(struct s3_finding *finding, const char *format, ...) PRINTF(2, 3);
void s3_probe_expect(struct s3_finding *finding, const char *format, ...) PRINTF(2, 3);
/* Behind what does not matter because the row does not rely on it. */
extern const char s3_probe_unused[];
/* Does the row rely on it here? */
bool s3_probe_uses(const struct s3_probing *probing, enum s3_probe_trait trait);
/* The last finding: the row, whether it fits, and which one would. */
void s3_probe_report_row(struct s3_probing *probing);

/* ---- probe_ask.c ---- */

enum { S3_PROBE_REQUEST_MS = 15000 }; /* how long one question may be repeated */

/* Runs a request to which a refusal is an answer, too: 0 with answer.status when the
 * service has spoken, -1 when it did not, or time is up. `wrong`: it is sent damaged on
 * purpose and must not be repaired. */
int s3_probe_ask(struct s3_probing *probing, struct s3_request *request, bool wrong,
                 struct err *err) MUST_USE;
/* The same where a refusal is a failure. */
int s3_probe_demand(struct s3_probing *probing, struct s3_request *request,
                    struct err *err) MUST_USE;
bool s3_probe_is_success(const struct s3_request *request);
/* A key of the scratch folder, heap. */
char *s3_probe_key(const struct s3_probing *probing, const char *name) MUST_USE;

/* ---- the others ---- */

/* Each -1 only when the process was cancelled. */
int s3_probe_uploads(struct s3_probing *probing, struct err *err) MUST_USE;
int s3_probe_objects(struct s3_probing *probing, struct err *err) MUST_USE;
/* Goes on despite a cancel. Adds S3_PROBE_DELETE. */
void s3_probe_clean(struct s3_probing *probing);

/* CreateMultipartUpload. What comes back is among probing->begun; set `ended` when it is.
 * NULL: it was refused, or there was no answer. */
struct s3_probe_create {
    const char *key;
    /* with class, tags and locks of the configuration, or with its encryption alone */
    bool as_configured;
    bool checksum; /* of CRC-64/NVME */
};
struct s3_probe_begun *s3_probe_create(struct s3_probing *probing,
                                       const struct s3_probe_create *create,
                                       struct err *err) MUST_USE;
/* UploadPart; the request's answer stays for the caller, who releases it. */
struct s3_probe_part {
    const char *key, *id;
    unsigned number;
    size_t size;
    bool wrong_md5, wrong_sha256, wrong_crc;
};
int s3_probe_part(struct s3_probing *probing, const struct s3_probe_part *part,
                  struct s3_request *request, struct err *err) MUST_USE;

#endif
