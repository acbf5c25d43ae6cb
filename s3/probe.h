/*
 * probe - what a service really does, held against its row of the provider table.
 *
 *     s3_probe_run -> read findings -> s3_probe_release
 *
 * Only keys below a random folder of the client, "pgkeep-probe-<ULID>/", are ever written or
 * removed. What is refused on purpose (a wrong MD5, a wrong SHA-256, a wrong checksum, a
 * part number at the limit) is tried on uploads that are aborted, so that nothing of it can
 * become an object. Everything is removed at the end, also after a failure and although the
 * process is cancelled, with all versions and open uploads.
 *
 * In a bucket whose default retention would keep the scratch objects none is made: what can
 * be told from uploads alone is told, the rest is S3_PROBE_SKIPPED and says why. Locks and
 * legal holds of our own configuration are tried on an upload that is aborted, never on an
 * object.
 *
 * Requests are built as those of uploads are, so what is tried is what a backup does. About 25
 * of them and 11 MiB (two parts of the least size and a bit). One thread.
 * Sources: S3.md sections 1.5 to 1.8, MINIO.md, SERVERS.md.
 */
#ifndef PGKEEP_S3_PROBE_H
#define PGKEEP_S3_PROBE_H

#include "s3/s3.h"

enum s3_probe_verdict {
    S3_PROBE_OK,
    S3_PROBE_WARNING, /* backups work; something is weaker than assumed */
    S3_PROBE_FAILED,  /* backups into this store, or removing them, would fail */
    S3_PROBE_SKIPPED
};

struct s3_finding {
    const char *name;  /* stable: "uneven-parts" */
    const char *title; /* for people: "parts of different sizes" */
    enum s3_probe_verdict verdict;
    enum err_kind kind; /* of what failed; else ERR_NONE */
    char expected[96];  /* by the provider row; "" when it says nothing */
    char found[320];
    char advice[240]; /* what to do, or to set in the configuration; "": nothing */
};

enum { S3_PROBE_FINDINGS = 32 };

struct s3_probe {
    struct s3_finding findings[S3_PROBE_FINDINGS]; /* in the order of asking */
    size_t count;
    char *prefix; /* the scratch folder, with the client's prefix; heap */
};

struct s3_probe_spec {
    size_t part_size; /* bytes of the smallest part to try; 0: the row's least */
    /* no new question after that; 0: 2 min. Cleaning up has 60 s more per request */
    int64_t timeout_ms;
};

/* Asks all of it, each question for 15 s at most. What fails is a finding; -1 only when
 * cancelled (ERR_CANCELLED), or there is no memory: findings so far stay. Release it in any
 * case. */
int s3_probe_run(struct s3_client *client, const struct s3_probe_spec *spec,
                 struct s3_probe *out, struct err *err) MUST_USE;
void s3_probe_release(struct s3_probe *probe);

#endif
