/*
 * A client from its configuration. The order in set_address matters: the endpoint says
 * which provider it is, the provider's row may name a region, and only Amazon's endpoint is
 * made from the region. Credentials come late, as they need region and endpoint to know
 * their STS; the engine's thread is last and starts at once.
 */
#include "s3/core/client.h"

#include "base/clock.h"
#include "base/memory.h"
#include "base/ulid.h"
#include "s3/auth/ambient.h"
#include "s3/core/engine.h"

enum {
    CONNECTIONS = 16, /* as many parts are in flight at most by default */
    MAX_CONNECTIONS = 256,
    CONNECT_TIMEOUT_MS = 10000,
    RETRANSMITTED_ALLOWED = 1 << 30, /* bytes lost before anybody hears of it */
};

void s3_config_init(struct s3_config *config)
{
    *config = (struct s3_config){0};
}

/* ---- chance and time, unless a test replaces them ---- */

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

/* ---- where to: endpoint, region, provider, style ---- */

/* The configured region, the one in Amazon's host name, the environment's, the provider's. */
static int find_region(struct s3_engine *engine, const struct s3_config *config,
                       struct err *err)
{
    engine->region = memory_strdup(config->region);
    if (engine->region == NULL && engine->endpoint.host != NULL)
        engine->region = s3_endpoint_region(&engine->endpoint);
    if (engine->region == NULL &&
        s3_ambient_region(config->profile, &engine->region, err) < 0)
        return -1;
    if (engine->region == NULL)
        engine->region = memory_strdup(engine->provider.region);
    /* What most services sign with; where it is wrong, the first answer corrects it. */
    if (engine->region == NULL)
        engine->region = memory_strdup("us-east-1");
    if (s3_region_is_valid(engine->region))
        return 0;
    return err_set(err, ERR_CONFIG, "\"%s\" is not a region", engine->region);
}

/* The row that is named or that the endpoint tells, with what the configuration overrides. */
static int find_provider(struct s3_engine *engine, const struct s3_config *config,
                         struct err *err)
{
    const struct s3_provider *row;
    if (config->provider != NULL)
        row = s3_provider_find(config->provider, err);
    else if (engine->endpoint.host != NULL)
        row = s3_provider_of(&engine->endpoint);
    else
        row = s3_provider_find("aws", err);
    if (row == NULL)
        return -1;
    /* A copy, as the configuration may know better. */
    engine->provider = *row;
    atomic_init(&engine->row, &engine->provider);
    atomic_init(&engine->wants_md5, false);
    engine->guesses = config->provider == NULL && strcmp(row->name, "other") == 0;
    if (config->max_parts != 0)
        engine->provider.max_parts = config->max_parts;
    if (config->list_version != 0)
        engine->provider.list_version = config->list_version;
    return 0;
}

/* Endpoint, provider, region, and back to the endpoint: the order at the top of this file. */
static int set_address(struct s3_engine *engine, const struct s3_config *config,
                       struct err *err)
{
    bool fips = false, dualstack = false;
    char *text = memory_strdup(config->endpoint);
    /* The endpoint: configured, or AWS_ENDPOINT_URL_S3 and its like. */
    if (text == NULL && s3_ambient_endpoint(config->profile, "S3", &text, err) < 0)
        return -1;
    int result = text == NULL ? 0 : s3_endpoint_parse(text, &engine->endpoint, err);
    free(text);
    if (result < 0 || find_provider(engine, config, err) < 0 ||
        find_region(engine, config, err) < 0)
        return -1;

    /* None: Amazon's of the region. */
    if (engine->endpoint.host == NULL &&
        (s3_ambient_flags(config->profile, &fips, &dualstack, err) < 0 ||
         s3_endpoint_aws(engine->region, fips, dualstack, &engine->endpoint, err) < 0))
        return -1;

    /* Before any key is looked for: over plain http none would be sent. */
    engine->tls = engine->endpoint.tls;
    if (s3_endpoint_check_secure(&engine->endpoint, config->allow_insecure, err) < 0)
        return -1;
    return s3_style_resolve(&engine->endpoint, config->style, engine->bucket,
                            &engine->virtual_host, err);
}

/* S3.md 1.2: a body is left unsigned only over TLS and with a Content-MD5. */
static int set_signing(struct s3_engine *engine, const char *signing, struct err *err)
{
    if (signing == NULL || strcmp(signing, "auto") == 0)
        engine->signs_payload = !engine->tls;
    else if (strcmp(signing, "always") == 0)
        engine->signs_payload = true;
    else if (strcmp(signing, "never") != 0)
        return err_set(err, ERR_CONFIG,
                       "payload signing is auto, always or never, not \"%s\"", signing);
    return 0;
}

/* "p/q/" of "p/q", "/p/q/" ...; "" of "", "/" and NULL. */
static char *clean_prefix(const char *prefix)
{
    if (prefix == NULL)
        return memory_strdup("");
    /* A key that began with a slash would be another key, and `p` must not match `p2/`. */
    prefix += strspn(prefix, "/");
    size_t length = strlen(prefix);
    while (length > 0 && prefix[length - 1] == '/')
        length--;
    return memory_format("%.*s%s", (int)length, prefix, length > 0 ? "/" : "");
}

/* ---- life ---- */

/* There are keys now, or a reason why not: what waits for them can start. */
static void keys_changed(void *context)
{
    struct s3_engine *engine = context;
    s3_http_wake(engine->http);
}

static int open_credentials(struct s3_engine *engine, const struct s3_config *config,
                            const char *ca_file, struct err *err)
{
    /* Regions of other services ("auto", "garage") are none of STS. */
    const char *region = s3_endpoint_is_aws(&engine->endpoint) ? engine->region : NULL;
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
                                                .change_context = engine};
    engine->credentials = s3_credentials_source_new(&credentials, err);
    engine->signer = s3_signer_new();
    return engine->credentials != NULL ? 0 : -1;
}

/* The window is wide open at first; memory and throttling narrow what is in flight. */
static int open_http(struct s3_engine *engine, const struct s3_config *config,
                     const char *ca_file, struct err *err)
{
    unsigned connections =
        config->max_connections > 0 ? config->max_connections : CONNECTIONS;
    if (connections > MAX_CONNECTIONS)
        return err_set(err, ERR_CONFIG, "%u connections: at most %d", connections,
                       MAX_CONNECTIONS);
    struct s3_http_config http = {.ca_file = ca_file,
                                  .proxy = config->proxy,
                                  .no_proxy = s3_endpoint_is_loopback(&engine->endpoint),
                                  .connections = connections,
                                  .idle_seconds = engine->provider.idle_seconds,
                                  .limit_rate = config->limit_rate,
                                  .cancel = config->cancel,
                                  .on_turn = s3_engine_turn,
                                  .context = engine};
    s3_window_init(&engine->window, connections);
    /* Under the lock: the first turn looks at the engine before this has returned. */
    pthread_mutex_lock(&engine->lock);
    engine->http = s3_http_new(&http, err);
    pthread_mutex_unlock(&engine->lock);
    return engine->http != NULL ? 0 : -1;
}

/* Also one that was opened by half: what was not made is NULL. */
static void free_engine(struct s3_engine *engine)
{
    /* The thread that renews calls keys_changed, so it ends before what that wakes does. */
    if (engine->renews)
        s3_credentials_unhold(engine->credentials);
    s3_http_free(engine->http);
    s3_credentials_source_free(engine->credentials);
    s3_signer_free(engine->signer);
    s3_endpoint_release(&engine->endpoint);
    strlist_release(&engine->object_headers);
    strlist_wipe(&engine->key_headers);
    free(engine->lock_mode);
    free(engine->region);
    free(engine->prefix);
    free(engine->bucket);
    pthread_cond_destroy(&engine->changed);
    pthread_mutex_destroy(&engine->lock);
    free(engine);
}

/* Nothing is sent yet: what can be wrong with a configuration alone is found here. */
static struct s3_engine *open_engine(const struct s3_config *config, struct err *err)
{
    struct s3_engine *engine = memory_zalloc(sizeof *engine);
    char *ca_file = memory_strdup(config->ca_file);
    int result = -1;
    pthread_mutex_init(&engine->lock, NULL);
    pthread_cond_init(&engine->changed, NULL);
    engine->bucket = memory_strdup(config->bucket);
    engine->prefix = clean_prefix(config->prefix);
    engine->cancel = config->cancel;
    /* Real chance, waits and time; a test puts others there before the first request. */
    engine->hooks = (struct s3_test_hooks){random_bits, same_delay, monotonic,
                                           RETRANSMITTED_ALLOWED, NULL};
    engine->connect_timeout_ms =
        config->connect_timeout_ms > 0 ? config->connect_timeout_ms : CONNECT_TIMEOUT_MS;

    /* What it is to be, then what it needs for it, the thread last. */
    if (engine->bucket == NULL || *engine->bucket == '\0')
        err_set(err, ERR_CONFIG, "a bucket is missing");
    else if (ca_file != NULL || s3_ambient_ca_file(config->profile, &ca_file, err) == 0)
        result = set_address(engine, config, err);
    if (result == 0)
        result = s3_engine_set_object_headers(engine, config, err);
    if (result == 0)
        result = set_signing(engine, config->payload_signing, err);
    if (result == 0)
        result = open_credentials(engine, config, ca_file, err);
    if (result == 0)
        result = open_http(engine, config, ca_file, err);
    free(ca_file);
    if (result == 0)
        return engine;
    free_engine(engine);
    return NULL;
}

struct s3_client *s3_client_new(const struct s3_config *config, struct err *err)
{
    struct s3_engine *engine = open_engine(config, err);
    if (engine == NULL)
        return NULL;
    struct s3_client *client = memory_zalloc(sizeof *client);
    client->engine = engine;
    client->owns_engine = true;
    s3_client_set_retry_time(client, config->retry_time_ms);
    return client;
}

void s3_client_free(struct s3_client *client)
{
    if (client == NULL)
        return;
    /* The handles made of it are gone by now: they borrow the engine. */
    if (client->owns_engine)
        free_engine(client->engine);
    free(client);
}
