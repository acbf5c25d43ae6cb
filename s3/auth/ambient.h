/*
 * ambient - what AWS's environment variables and profile files say besides credentials, so
 * that a host set up for the aws command needs no second configuration.
 *
 * Strings are heap, NULL when nothing is said. profile NULL: AWS_PROFILE,
 * AWS_DEFAULT_PROFILE, "default". Files that are absent say nothing; one that cannot be
 * read or parsed is ERR_CONFIG.
 */
#ifndef PGKEEP_S3_AUTH_AMBIENT_H
#define PGKEEP_S3_AUTH_AMBIENT_H

#include "base/err.h"

/* AWS_REGION, AWS_DEFAULT_REGION, the profile's region. The instance metadata's is not
 * asked for: elsewhere that would cost a second, and a redirect corrects the guess. */
int s3_ambient_region(const char *profile, char **region, struct err *err) MUST_USE;
/* service "S3" or "STS": AWS_ENDPOINT_URL_<SERVICE>, AWS_ENDPOINT_URL, then the profile's
 * services section and endpoint_url; nothing with AWS_IGNORE_CONFIGURED_ENDPOINT_URLS=true. */
int s3_ambient_endpoint(const char *profile, const char *service, char **url,
                        struct err *err) MUST_USE;
/* AWS_CA_BUNDLE, the profile's ca_bundle. */
int s3_ambient_ca_file(const char *profile, char **path, struct err *err) MUST_USE;
/* AWS_USE_FIPS_ENDPOINT, AWS_USE_DUALSTACK_ENDPOINT, the profile's use_..._endpoint. */
int s3_ambient_flags(const char *profile, bool *fips, bool *dualstack,
                     struct err *err) MUST_USE;

#endif
