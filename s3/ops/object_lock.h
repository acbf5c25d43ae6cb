/*
 * object_lock - an object that was written with a lock is looked at, and locked once more when it
 * is not. Any thread.
 */
#ifndef PGKEEP_S3_OPS_OBJECT_LOCK_H
#define PGKEEP_S3_OPS_OBJECT_LOCK_H

#include "s3/core/client.h"

/* `object` is what HEAD showed of a new object. Where it lacks the retention or the legal
 * hold that the client writes objects with, they are set on that version
 * (PutObjectRetention, PutObjectLegalHold): Ceph 16 takes the headers of
 * CreateMultipartUpload and forgets them. A HEAD may also be silent because the keys may
 * not read locks (Amazon, API_HeadObject: s3:GetObjectRetention); setting the same again
 * does no harm. -1: the object is there, but nothing protects it. */
int s3_object_lock_ensure(struct s3_client *client, const struct s3_object *object,
                          struct err *err) MUST_USE;

#endif
