/*
 * imds - the instance metadata service of EC2, version 2 only (a token first). Never by a
 * proxy. AWS_EC2_METADATA_DISABLED=true turns it off;
 * AWS_EC2_METADATA_SERVICE_ENDPOINT[_MODE], AWS_METADATA_SERVICE_TIMEOUT (seconds, 1) and
 * AWS_METADATA_SERVICE_NUM_ATTEMPTS (1) as the aws command reads them. Any thread.
 */
#ifndef PGKEEP_S3_IMDS_H
#define PGKEEP_S3_IMDS_H

#include "base/err.h"

bool s3_imds_is_on(void);
/* The region this instance is in, heap; NULL when off or when nothing answers (which takes
 * a second): then this is no instance. */
char *s3_imds_region(void) MUST_USE;

#endif
