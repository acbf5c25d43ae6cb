/* Links for those who have no keys. */
#include "s3/core/client.h"

char *s3_presign(struct s3_client *client, const char *key, int64_t seconds,
                 int64_t *expires, struct err *err)
{
    struct s3_credentials credentials;
    struct s3_uri uri;
    struct text query;
    char *region;
    char *url = NULL;
    /* Seven days are S3's own limit (API, "Authenticating Requests: Using Query Parameters"). */
    if (seconds < 1 || seconds > S3_PRESIGN_MAX_SECONDS) {
        err_set(err, ERR_USAGE, "a link lives for 1 second to 7 days, not for %lld seconds",
                (long long)seconds);
        return NULL;
    }
    if (s3_client_has_own_key(client)) {
        err_set(err, ERR_CONFIG,
                "a link cannot carry the key that the objects are "
                "encrypted with (sse_c_key_file)");
        return NULL;
    }
    /* The keys of this moment: it is not signed again. */
    if (s3_credentials_get(s3_client_credentials(client), &credentials, err) < 0)
        return NULL;

    /* A link signed with temporary credentials dies with them. */
    int64_t now = s3_client_time(client);
    *expires = now + seconds;
    if (credentials.expires != 0 && credentials.expires < *expires)
        *expires = credentials.expires;

    /* Nobody knows the body or the headers of whoever will use it: only Host is signed. */
    s3_client_address(client, key, &uri, &region);
    text_init(&query, 64 << 10);
    const struct s3_sign_request request = {.credentials = &credentials,
                                            .method = "GET",
                                            .host = uri.host,
                                            .path = uri.path,
                                            .payload = S3_UNSIGNED_PAYLOAD,
                                            .region = region,
                                            .service = "s3",
                                            .time = now};
    if (s3_sign_query(s3_client_signer(client), &request, seconds, &query, err) == 0 &&
        text_check(&query, "the signed query", err) == 0)
        url = s3_uri_text(&uri, query.data);
    /* It is as good as the keys for as long as it lives. */
    text_wipe(&query);
    s3_uri_release(&uri);
    free(region);
    s3_credentials_release(&credentials);
    return url;
}
