/* Copies are cheap and may be wiped by their owners; a pointer into shared keys could not. */
#include "s3/auth/keys.h"

void s3_credentials_release(struct s3_credentials *credentials)
{
    free(credentials->access_key);
    secret_release(&credentials->secret_key);
    secret_release(&credentials->session_token);
    *credentials = (struct s3_credentials){0};
}

void s3_credentials_copy(const struct s3_credentials *from, struct s3_credentials *out)
{
    *out = (struct s3_credentials){.access_key = memory_strdup(from->access_key),
                                   .expires = from->expires};
    secret_set(&out->secret_key, from->secret_key.text);
    secret_set(&out->session_token, from->session_token.text);
}
