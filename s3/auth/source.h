/*
 * source - one place that credentials come from, and what the kinds of places share.
 * Private to credentials.c and the files of the kinds.
 *
 * A finder decides, without asking any service, whether its kind is set up: 0 with
 * source->ops NULL when it is not. A source that is set up and cannot work is an error.
 * fetch asks for new credentials and blocks, some seconds per try; it is called by one
 * thread at a time. Errors hold no secret and do not name the source: the caller adds that.
 */
#ifndef PGKEEP_S3_AUTH_SOURCE_H
#define PGKEEP_S3_AUTH_SOURCE_H

#include "base/text.h"
#include "s3/auth/credentials.h"
#include "s3/http/fetch.h"

/* What a fetch may use. */
struct s3_source_env {
    const char *region;  /* for STS; NULL: s3_ambient_region, "us-east-1" */
    const char *ca_file; /* NULL: s3_ambient_ca_file, the system's */
    const char *proxy;
    bool elsewhere;              /* these two are not for Amazon's STS */
    int64_t now;                 /* seconds UTC */
    const atomic_bool *stop;     /* gives up when set; may be NULL */
    const struct cancel *cancel; /* the same; NULL: the root */
};

struct s3_source {
    const struct s3_source_ops *ops; /* NULL: not set up */
    void *state;
    char *origin; /* "environment" */
};

struct s3_source_ops {
    /* ERR_NOT_FOUND: what was asked is not there at all (instance metadata elsewhere than on
     * an instance). */
    int (*fetch)(void *state, const struct s3_source_env *env, struct s3_credentials *out,
                 struct err *err);
    void (*free)(void *state); /* NULL-safe */
    bool fixed;                /* what it gives never changes: nothing to renew */
};

void s3_source_release(struct s3_source *source); /* twice is fine */
int s3_source_fetch(struct s3_source *source, const struct s3_source_env *env,
                    struct s3_credentials *out, struct err *err) MUST_USE;

/* The kinds, in the order of the chain. */
typedef int (*s3_source_find)(const struct s3_credentials_config *config,
                              struct s3_source *out, struct err *err);
int s3_source_find_config(const struct s3_credentials_config *config, struct s3_source *out,
                          struct err *err) MUST_USE;
int s3_source_find_environment(const struct s3_credentials_config *config,
                               struct s3_source *out, struct err *err) MUST_USE;
int s3_source_find_profile(const struct s3_credentials_config *config,
                           struct s3_source *out, struct err *err) MUST_USE;
int s3_source_find_web_identity(const struct s3_credentials_config *config,
                                struct s3_source *out, struct err *err) MUST_USE;
int s3_source_find_container(const struct s3_credentials_config *config,
                             struct s3_source *out, struct err *err) MUST_USE;
int s3_source_find_imds(const struct s3_credentials_config *config, struct s3_source *out,
                        struct err *err) MUST_USE;

/* Fixed credentials, and those of a command ("credential_process"). */
void s3_source_static(const char *access_key, const char *secret_key,
                      const char *session_token, int64_t expires, struct s3_source *out);
void s3_source_process(const char *command, struct s3_source *out);

/* A role of STS. Strings are heap, NULL where not said. `base` signs the request; without one
 * (ops NULL) it is AssumeRoleWithWebIdentity. */
struct s3_source_role {
    char *arn;
    char *session_name;
    char *external_id;
    char *duration_seconds;
    char *token_file; /* read for every request */
    char *profile;    /* for region and endpoint of STS */
    struct s3_source base;
};
/* Takes all of it over. */
void s3_source_role(struct s3_source_role *role, struct s3_source *out);

/* 0, or -1 and ERR_DENIED when a part is missing or holds a space or control character,
 * which would break into the request. */
int s3_source_check(const struct s3_credentials *credentials, struct err *err) MUST_USE;

/* Who answers with {"AccessKeyId", "SecretAccessKey", "Expiration"?, ...}. */
enum s3_source_speaker {
    S3_SOURCE_ENDPOINT, /* "Token"?; a "Code" other than Success is a refusal */
    S3_SOURCE_COMMAND   /* "Version": 1, "SessionToken"? */
};
/* Reads and checks that document. One that is none is ERR_TRANSIENT from an endpoint and
 * ERR_CONFIG from a command, without a piece of it. */
int s3_source_parse(const struct text *json, enum s3_source_speaker speaker,
                    struct s3_credentials *out, struct err *err) MUST_USE;
/* Reads a small file with a token and takes the white space behind it off. ERR_CONFIG. */
int s3_source_read_token(const char *path, struct secret *out, struct err *err) MUST_USE;

#endif
