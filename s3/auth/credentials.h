/*
 * credentials - where the keys come from, and their renewal while an upload runs for hours.
 *
 *     s3_credentials_source_new (asks nobody yet)
 *     s3_credentials_get before every signature -> s3_credentials_release
 *     s3_credentials_hold ... s3_credentials_unhold around a long transfer
 *     s3_credentials_invalidate when the service says ExpiredToken, then get again
 *     s3_credentials_source_free
 *
 * The first of these that is set up wins, and stays (the order of botocore and aws-c-auth):
 *     1 the config's keys
 *     2 AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN
 *     3 the profile: role_arn, keys, credential_process
 *     4 AWS_ROLE_ARN with AWS_WEB_IDENTITY_TOKEN_FILE
 *     5 the container endpoint (ECS, EKS Pod Identity)
 *     6 instance metadata (IMDSv2)
 * A profile named by the config skips 2. A source that is set up but fails is an error,
 * never skipped. 6 is nobody's choice: where nobody answers there (or somebody else does)
 * that is remembered for a minute, whatever the number of sources, and the error says
 * that there are no keys; where they were looked for is said once.
 *
 * Renewal: with `life` from receipt to expiry, from min(15 min, life/4) before the end by
 * the background thread of a hold (old credentials stay in use, a failure is a warning).
 * Without a hold, from min(5 min, life/12) before the end by s3_credentials_get itself,
 * which then blocks. While the old ones still live its failure is a warning too. Tries that
 * fail, or that bring nothing newer, are spaced out (1 s, doubled up to 60 s).
 *
 * Any thread may call anything but _free. Errors hold no secret: ERR_CONFIG (profile,
 * files), ERR_DENIED (no credentials anywhere, role refused), ERR_TRANSIENT (an endpoint
 * that gave no usable answer). The kinds of sources stand behind source.h.
 */
#ifndef PGKEEP_S3_AUTH_CREDENTIALS_H
#define PGKEEP_S3_AUTH_CREDENTIALS_H

#include "base/cancel.h"
#include "s3/auth/keys.h"

/* Strings are borrowed for the call of _new; NULL or 0 means the default. */
struct s3_credentials_config {
    const char *access_key; /* explicit; then secret_key must be there too */
    const char *secret_key;
    const char *session_token;
    const char *profile; /* NULL: AWS_PROFILE, AWS_DEFAULT_PROFILE, "default" */
    const char *region;  /* for STS; NULL: s3_ambient_region, "us-east-1" */
    const char *ca_file; /* for STS over TLS; NULL: AWS_CA_BUNDLE, the system's */
    /* for STS; NULL: the environment's. Never used for metadata, containers, loopback */
    const char *proxy;
    /* ca_file and proxy lead to a service that is not Amazon's: they are not used for
     * Amazon's STS */
    bool elsewhere;
    const struct cancel *cancel;   /* ends what asks for keys; NULL: the root */
    int64_t (*now)(void *context); /* seconds UTC; NULL: clock_now. For tests */
    void *now_context;
    /* NULL, or told of every fetch that ended with credentials or left none: by the thread
     * that fetched, with a lock held, so it calls nothing of here. */
    void (*on_change)(void *context);
    void *change_context;
};

struct s3_credentials_source;

/* Finds out which source applies (reads environment and files, asks no service). The
 * environment is read here and in later renewals; do not change it meanwhile. */
struct s3_credentials_source *
s3_credentials_source_new(const struct s3_credentials_config *config,
                          struct err *err) MUST_USE;
/* NULL-safe; no holds may be left */
void s3_credentials_source_free(struct s3_credentials_source *source);

/* A copy of what is current, fetched or renewed first where needed (which blocks, some
 * seconds per try). */
int s3_credentials_get(struct s3_credentials_source *source, struct s3_credentials *out,
                       struct err *err) MUST_USE;
/* For a thread that must not wait: whether get would answer at once. While it is held, a
 * false comes before an on_change; without a hold it is always true, and get may block. */
bool s3_credentials_ready(struct s3_credentials_source *source);
/* The service refused `failed` as expired: the next get fetches anew, unless that has
 * happened already. */
void s3_credentials_invalidate(struct s3_credentials_source *source,
                               const struct s3_credentials *failed);
/* From the first hold to the last unhold a thread renews ahead of time. hold starts it at
 * once; it costs nothing for credentials that never expire. */
int s3_credentials_hold(struct s3_credentials_source *source, struct err *err) MUST_USE;
void s3_credentials_unhold(struct s3_credentials_source *source);
/* "configuration", "environment", "profile \"x\"", "instance metadata", ...: for doctor and
 * errors. */
const char *s3_credentials_origin(const struct s3_credentials_source *source);

#endif
