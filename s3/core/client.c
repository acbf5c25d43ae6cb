/*
 * A client from its configuration. The order in set_address matters: the endpoint says
 * which provider it is, the provider's row may name a region, and only Amazon's endpoint is
 * made from the region. credentials come late, as they need region and endpoint to know
 * their STS; the engine's thread is last and starts at once.
 */
#include "s3/core/client.h"

#include "base/clock.h"
#include "base/memory.h"
#include "base/ulid.h"
#include "s3/auth/ambient.h"
#include "s3/core/engine.h"

enum {
    CONNECTIONS = 16,
    MAX_CONNECTIONS = 256,
    CONNECT_TIMEOUT_MS = 10000,
    WASTE_ALLOWED = 1 << 30,
};

void s3_config_init(struct s3_config *config)
{
    *config = (struct s3_config){0};
}

/* ---- chance and time */

static uint64_t random_bits(void *unused)
{
    uint64_t bits = 0;

    (void)unused;
    ulid_random((unsigned char *)&bits, sizeof bits);
    return bits;
}

static int64_t same_delay(void *unused, int64_t delay_ms)
{
    (void)unused;
    return delay_ms;
}

static int64_t monotonic(void *unused)
{
    (void)unused;
    return clock_monotonic_ms();
}

/* ---- where to: endpoint, region, provider, style */

/* The endpoint's text: configured, AWS_ENDPOINT_URL_S3 and its like; NULL: Amazon's. */
static int find_endpoint(const struct s3_config *config, char **text, struct err *err)
{
    *text = memory_strdup(config->endpoint);
    if (*text != NULL)
        return 0;
    return s3_ambient_endpoint(config->profile, "S3", text, err);
}

static int find_region(struct s3_client *client, const struct s3_config *config,
                       struct err *err)
{
    client->region = memory_strdup(config->region);
    if (client->region == NULL && client->endpoint.host != NULL)
        client->region = s3_endpoint_region(&client->endpoint);
    if (client->region == NULL &&
        s3_ambient_region(config->profile, &client->region, err) < 0)
        return -1;
    if (client->region == NULL)
        client->region = memory_strdup(client->row.region);
    if (client->region == NULL)
        client->region = memory_strdup("us-east-1");
    if (s3_region_is_valid(client->region))
        return 0;
    return err_set(err, ERR_CONFIG, "\"%s\" is no region", client->region);
}

static int find_provider(struct s3_client *client, const struct s3_config *config,
                         struct err *err)
{
    const struct s3_provider *row;

    if (config->provider != NULL)
        row = s3_provider_find(config->provider, err);
    else
        row = client->endpoint.host != NULL ? s3_provider_of(&client->endpoint)
                                            : s3_provider_find("aws", err);
    if (row == NULL)
        return -1;
    client->row = *row;
    if (config->max_parts != 0)
        client->row.max_parts = config->max_parts;
    if (config->list_version != 0)
        client->row.list_version = config->list_version;
    return 0;
}

static int set_aws_endpoint(struct s3_client *client, const struct s3_config *config,
                            struct err *err)
{
    bool fips = false, dualstack = false;

    if (s3_ambient_flags(config->profile, &fips, &dualstack, err) < 0)
        return -1;
    return s3_endpoint_aws(client->region, fips, dualstack, &client->endpoint, err);
}

static int set_address(struct s3_client *client, const struct s3_config *config,
                       struct err *err)
{
    char *text = NULL;
    enum s3_style style = config->style;

    if (find_endpoint(config, &text, err) < 0)
        return -1;
    int result = text == NULL ? 0 : s3_endpoint_parse(text, &client->endpoint, err);
    free(text);
    if (result < 0 || find_provider(client, config, err) < 0 ||
        find_region(client, config, err) < 0)
        return -1;
    if (client->endpoint.host == NULL && set_aws_endpoint(client, config, err) < 0)
        return -1;
    client->tls = client->endpoint.tls;
    if (style == S3_STYLE_AUTO)
        style = client->row.style;
    if (s3_endpoint_check_secure(&client->endpoint, config->allow_insecure, err) < 0)
        return -1;
    return s3_style_resolve(&client->endpoint, style, client->bucket, &client->virtual_host,
                            err);
}

/* S3.md 1.2: a body is left unsigned only over TLS and with a Content-MD5. */
static int set_signing(struct s3_client *client, const char *signing, struct err *err)
{
    if (signing == NULL || strcmp(signing, "auto") == 0)
        client->signs_payload = !client->tls;
    else if (strcmp(signing, "always") == 0)
        client->signs_payload = true;
    else if (strcmp(signing, "never") != 0)
        return err_set(err, ERR_CONFIG,
                       "payload signing is auto, always or never, not \"%s\"", signing);
    return 0;
}

/* ---- life */

/* There are keys now, or a reason why not: what waits for them can start. */
static void keys_changed(void *context)
{
    struct s3_client *client = context;
    s3_http_wake(client->http);
}

static int open_credentials(struct s3_client *client, const struct s3_config *config,
                            const char *ca_file, struct err *err)
{
    /* Regions of other services ("auto", "garage") are none of STS. */
    const char *region = s3_endpoint_is_aws(&client->endpoint) ? client->region : NULL;
    struct s3_credentials_config credentials = {.access_key = config->access_key,
                                                .secret_key = config->secret_key,
                                                .session_token = config->session_token,
                                                .profile = config->profile,
                                                .region = region,
                                                .ca_file = ca_file,
                                                .proxy = config->proxy,
                                                .elsewhere = region == NULL,
                                                .cancel = config->cancel,
                                                .on_change = keys_changed,
                                                .change_context = client};

    client->credentials = s3_credentials_source_new(&credentials, err);
    client->signer = s3_signer_new();
    return client->credentials != NULL ? 0 : -1;
}

/* Under the lock: the engine's first turn looks at the client before this has returned. */
static int open_http(struct s3_client *client, const struct s3_config *config,
                     const char *ca_file, struct err *err)
{
    unsigned connections =
        config->max_connections > 0 ? config->max_connections : CONNECTIONS;

    if (connections > MAX_CONNECTIONS)
        return err_set(err, ERR_CONFIG, "%u connections: at most %d", connections,
                       MAX_CONNECTIONS);
    struct s3_http_config http = {.ca_file = ca_file,
                                  .proxy = config->proxy,
                                  .no_proxy = s3_endpoint_is_loopback(&client->endpoint),
                                  .connections = connections,
                                  .idle_seconds = client->row.idle_seconds,
                                  .limit_rate = config->limit_rate,
                                  .cancel = config->cancel,
                                  .on_turn = s3_engine_turn,
                                  .context = client};
    s3_window_init(&client->window, connections);
    pthread_mutex_lock(&client->lock);
    client->http = s3_http_new(&http, err);
    pthread_mutex_unlock(&client->lock);
    return client->http != NULL ? 0 : -1;
}

/* "p/q/" of "p/q", "/p/q/" ...; "" of "", "/" and NULL. */
static char *clean_prefix(const char *prefix)
{
    if (prefix == NULL)
        return memory_strdup("");
    prefix += strspn(prefix, "/");
    size_t length = strlen(prefix);
    while (length > 0 && prefix[length - 1] == '/')
        length--;
    return memory_format("%.*s%s", (int)length, prefix, length > 0 ? "/" : "");
}

static int open_client(struct s3_client *client, const struct s3_config *config,
                       struct err *err)
{
    char *ca_file = memory_strdup(config->ca_file);
    int result = -1;

    if (client->bucket == NULL || *client->bucket == '\0')
        err_set(err, ERR_CONFIG, "a bucket is missing");
    else if (ca_file != NULL || s3_ambient_ca_file(config->profile, &ca_file, err) == 0)
        result = set_address(client, config, err);
    if (result == 0)
        result = s3_client_set_objects(client, config, err);
    if (result == 0)
        result = set_signing(client, config->payload_signing, err);
    if (result == 0)
        result = open_credentials(client, config, ca_file, err);
    if (result == 0)
        result = open_http(client, config, ca_file, err);
    free(ca_file);
    return result;
}

struct s3_client *s3_client_new(const struct s3_config *config, struct err *err)
{
    struct s3_client *client = memory_zalloc(sizeof *client);

    pthread_mutex_init(&client->lock, NULL);
    pthread_cond_init(&client->changed, NULL);
    client->bucket = memory_strdup(config->bucket);
    client->cancel = config->cancel;
    client->prefix = clean_prefix(config->prefix);
    client->seam =
        (struct s3_seam){random_bits, same_delay, monotonic, WASTE_ALLOWED, NULL};
    client->retry_time_ms =
        config->retry_time_ms > 0 ? config->retry_time_ms : S3_RETRY_TIME_MS;
    client->connect_timeout_ms =
        config->connect_timeout_ms > 0 ? config->connect_timeout_ms : CONNECT_TIMEOUT_MS;
    if (open_client(client, config, err) == 0)
        return client;
    s3_client_free(client);
    return NULL;
}

void s3_client_free(struct s3_client *client)
{
    if (client == NULL)
        return;
    /* The thread that renews calls keys_changed, so it ends before what that wakes does. */
    if (client->renews)
        s3_credentials_unhold(client->credentials);
    s3_http_free(client->http);
    s3_credentials_source_free(client->credentials);
    s3_signer_free(client->signer);
    s3_endpoint_release(&client->endpoint);
    strlist_release(&client->object_headers);
    strlist_wipe(&client->key_headers);
    free(client->lock_mode);
    free(client->region);
    free(client->prefix);
    free(client->bucket);
    pthread_cond_destroy(&client->changed);
    pthread_mutex_destroy(&client->lock);
    free(client);
}
