/*
 * profiles - AWS's two files: ~/.aws/config and ~/.aws/credentials, or where
 * AWS_CONFIG_FILE and AWS_SHARED_CREDENTIALS_FILE point ("~/" is the home folder).
 *
 * Sections are [default], [profile NAME] and [services NAME] in the first, [NAME] in the
 * second, whose keys win. Keys are in any case; an indented block below an empty key is
 * nested ("s3 =" and "endpoint_url = ..." give "s3.endpoint_url"). "#" and ";" begin a
 * comment at the start of a line, or behind white space - except in credential_process,
 * whose value is a command. A file that is absent is empty. Errors are ERR_CONFIG with file
 * and line and never hold a value. One owner, no locking.
 */
#ifndef PGKEEP_S3_AUTH_PROFILES_H
#define PGKEEP_S3_AUTH_PROFILES_H

#include "base/err.h"
#include "base/memory.h"

struct s3_profiles {
    struct s3_profiles_entry *entries;
    size_t count;
    size_t capacity;
};

int s3_profiles_load(struct s3_profiles *profiles, struct err *err) MUST_USE;
/* Adds the text of one file; `path` is for errors. For s3_profiles_load and tests. */
int s3_profiles_add(struct s3_profiles *profiles, const char *path, const char *text,
                    bool is_credentials_file, struct err *err) MUST_USE;
void s3_profiles_release(struct s3_profiles *profiles); /* wipes; twice is fine */

bool s3_profiles_has(const struct s3_profiles *profiles, const char *profile);
/* Borrowed; NULL when the profile or key is not there, or empty. */
const char *s3_profiles_get(const struct s3_profiles *profiles, const char *profile,
                            const char *key);
/* The same from [services NAME]. */
const char *s3_profiles_service(const struct s3_profiles *profiles, const char *services,
                                const char *key);

/* The static keys of a profile, all from one file: of two files only one is asked, so that
 * a key never meets another one's token. Borrowed, NULL when not there. */
struct s3_profile_keys {
    const char *access_key;
    const char *secret_key;
    const char *session_token;
};
struct s3_profile_keys s3_profiles_keys(const struct s3_profiles *profiles,
                                        const char *profile);

/* `profile`, or AWS_PROFILE, AWS_DEFAULT_PROFILE, "default". *named (may be NULL): it was
 * said somewhere. Borrowed. */
const char *s3_profiles_name(const char *profile, bool *named);
/* Environment variable, NULL when it is not set or empty. */
const char *s3_profiles_env(const char *name);

#endif
