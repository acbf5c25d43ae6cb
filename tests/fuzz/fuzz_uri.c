/* Any bytes as endpoint, bucket and key, path, and query. What is accepted is a fixed
 * point: written and read again it is the same, and its signature can be made. */
#include "base/memory.h"
#include "s3/auth/keys.h"
#include "s3/auth/sign.h"
#include "s3/http/uri.h"

#include <assert.h>

#define CEILING ((size_t)1 << 22)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void signs(const char *host, const char *path, const char *query)
{
    struct s3_credentials credentials = {.access_key = memory_strdup("A")};
    secret_set(&credentials.secret_key, "S");
    struct s3_sign_request request = {.credentials = &credentials,
                                      .method = "GET",
                                      .host = host,
                                      .path = path,
                                      .query = query,
                                      .payload = S3_UNSIGNED_PAYLOAD,
                                      .region = "us-east-1",
                                      .service = "s3"};
    struct s3_signer *signer = s3_signer_new();
    struct err err = {0};
    for (int generic = 0; generic <= 1; generic++) {
        struct strlist lines = {0};
        request.generic = generic == 1;
        assert(s3_sign(signer, &request, &lines, &err) == 0);
        strlist_wipe(&lines);
    }
    s3_signer_free(signer);
    s3_credentials_release(&credentials);
}

/* The wire form of an address reads as the endpoint it came from. */
static void address(const struct s3_endpoint *endpoint, const char *text)
{
    struct s3_uri uri;
    struct s3_endpoint again;
    struct err err = {0};
    bool virtual_host;
    if (s3_style_resolve(endpoint, S3_STYLE_VIRTUAL, text, &virtual_host, &err) < 0)
        assert(err.kind == ERR_CONFIG);
    s3_uri_init(&uri, endpoint, false, text, text);
    assert(s3_endpoint_parse(uri.origin, &again, &err) == 0);
    assert(strcmp(again.host, endpoint->host) == 0 && again.port == endpoint->port &&
           again.tls == endpoint->tls && again.ipv6 == endpoint->ipv6);
    assert(uri.path[0] == '/' && strcspn(uri.path, " ?#\r\n") == strlen(uri.path));
    assert(s3_endpoint_may_follow(endpoint, uri.host));
    signs(uri.host, uri.path, NULL);
    s3_endpoint_release(&again);
    s3_uri_release(&uri);
}

static void endpoint(const char *text)
{
    struct s3_endpoint endpoint;
    struct err err = {0};
    if (s3_endpoint_parse(text, &endpoint, &err) < 0) {
        assert(err.kind == ERR_CONFIG && text_starts_with(err.text, "endpoint: "));
        return;
    }
    assert(endpoint.port >= 1 && endpoint.port <= 65535 && *endpoint.host != '\0');
    assert(*endpoint.base_path == '\0' || *endpoint.base_path == '/');
    char *region = s3_endpoint_region(&endpoint);
    assert(region == NULL || s3_region_is_valid(region));
    free(region);
    address(&endpoint, text);
    if (s3_endpoint_set_region(&endpoint, "eu-west-1"))
        assert(s3_endpoint_is_aws(&endpoint));
    s3_endpoint_release(&endpoint);
}

static char *encoded_path(const char *path)
{
    struct text out;
    text_init(&out, CEILING);
    s3_uri_encode_path(path, &out);
    char *taken = text_take(&out);
    text_release(&out);
    return taken;
}

static void path(const char *text)
{
    char *once = encoded_path(text);
    char *twice = encoded_path(once);
    assert(strcmp(once, twice) == 0);
    char *whole = memory_format("/%s", once);
    signs("h", whole, NULL);
    free(whole);
    free(once);
    free(twice);
}

static char *encoded_query(const char *text)
{
    struct s3_query query = {0};
    struct text out;
    text_init(&out, CEILING);
    s3_query_add_text(&query, text);
    s3_query_text(&query, &out);
    s3_query_release(&query);
    char *taken = text_take(&out);
    text_release(&out);
    return taken;
}

static void query(const char *text)
{
    char *once = encoded_query(text);
    char *twice = encoded_query(once);
    assert(strcmp(once, twice) == 0);
    signs("h", "/", once);
    free(once);
    free(twice);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct text decoded;
    text_init(&decoded, CEILING);
    bool clean = text_add_decoded(&decoded, (const char *)data, size);
    assert(decoded.length <= size);
    (void)clean;
    text_release(&decoded);
    char *text = memory_strndup((const char *)data, size);
    endpoint(text);
    path(text);
    query(text);
    free(text);
    return 0;
}
