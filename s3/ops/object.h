/*
 * object - pieces of object.c that other files of s3/ use.
 */
#ifndef PGKEEP_S3_OPS_OBJECT_H
#define PGKEEP_S3_OPS_OBJECT_H

#include "s3/core/client.h"

/* What a HEAD or GET said, as an object (heap strings; s3_object_release). */
void s3_object_from_answer(struct s3_object *out, const char *key,
                           const struct s3_answer *answer);
struct s3_version {
    const char *key, *version_id; /* NULL: the latest */
};
/* HEAD of one version. A 404 counts as absent only when the bucket
 * itself answers: HEAD has no <Code> that would tell a missing key from a missing bucket. */
int s3_head_version(struct s3_client *client, const struct s3_version *which,
                    struct s3_object *out, bool *absent, struct err *err) MUST_USE;
/* The same of an object that was just written: some services show one a moment late, so it is
 * looked for a few times. Where the bucket does not answer to these keys, absent is absent. */
int s3_head_written(struct s3_client *client, const struct s3_version *which,
                    struct s3_object *out, bool *absent, struct err *err) MUST_USE;
/* Does a 404 of a request with an <Error> say that key, version or upload is not there? */
bool s3_is_absent(const struct s3_answer *answer);

#endif
