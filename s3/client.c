#include "s3/client.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/ulid.h"
#include "s3/ambient.h"
#include "s3/engine.h"

enum {
    CONNECTIONS = 16,
    MAX_CONNECTIONS = 256,
    RETRY_TIME_MS = 30 * 60 * 1000,
    CONNECT_TIMEOUT_MS = 10000,
    SSE_C_KEY = 32,
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

void s3_client_set_seam(struct s3_client *client, const struct s3_seam *seam)
{
    if (seam->random != NULL)
        client->seam.random = seam->random;
    if (seam->delay != NULL)
        client->seam.delay = seam->delay;
    client->seam.context = seam->context;
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

/* ---- what objects are written with */

static int refuse(const struct s3_client *client, const char *what, struct err *err)
{
    return err_set(err, ERR_CONFIG, "%s has no %s", client->row.title, what);
}

static bool is_line(const char *text)
{
    for (; *text != '\0'; text++)
        if ((unsigned char)*text < ' ' || (unsigned char)*text > '~')
            return false;
    return true;
}

static int add_object_header(struct s3_client *client, const char *name, const char *value,
                             struct err *err)
{
    if (value == NULL)
        return 0;
    if (!is_line(value) || *value == '\0')
        return err_set(err, ERR_CONFIG, "a value for %s cannot stand in a header", name);
    strlist_addf(&client->object_headers, "%s: %s", name, value);
    return 0;
}

static int set_encryption(struct s3_client *client, const struct s3_config *config,
                          struct err *err)
{
    static const char *const names[] = {"AES256", "aws:kms", "aws:kms:dsse"};
    bool known = config->sse == NULL;

    for (size_t i = 0; !known && i < sizeof names / sizeof names[0]; i++)
        known = strcmp(names[i], config->sse) == 0;
    if (!known)
        return err_set(err, ERR_CONFIG, "unknown encryption \"%s\"", config->sse);
    bool kms = config->sse != NULL && strcmp(config->sse, "AES256") != 0;
    if (config->sse_kms_key != NULL && !kms)
        return err_set(err, ERR_CONFIG, "a KMS key needs the encryption aws:kms");
    if (config->sse != NULL && config->sse_c_key_file != NULL)
        return err_set(
            err, ERR_CONFIG,
            "a key of your own and encryption by the service exclude each other");
    client->etag_is_md5 = client->row.etag_is_md5 && !kms && config->sse_c_key_file == NULL;
    if (add_object_header(client, "x-amz-server-side-encryption", config->sse, err) < 0)
        return -1;
    return add_object_header(client, "x-amz-server-side-encryption-aws-kms-key-id",
                             config->sse_kms_key, err);
}

/* 32 bytes, or their base64. */
static int parse_sse_c_key(const struct text *file, unsigned char key[SSE_C_KEY])
{
    static const char alphabet[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    size_t length = file->length;
    uint32_t bits = 0;
    size_t out = 0;

    if (length == SSE_C_KEY) {
        memcpy(key, file->data, SSE_C_KEY);
        return 0;
    }
    while (length > 0 && strchr("\r\n \t", file->data[length - 1]) != NULL)
        length--;
    if (length != 44 || file->data[43] != '=')
        return -1;
    for (size_t i = 0; i < 43; i++) {
        const char *place = strchr(alphabet, file->data[i]);
        if (place == NULL || file->data[i] == '\0')
            return -1;
        bits = bits << 6 | (uint32_t)(place - alphabet);
        if (i % 4 == 0)
            continue;
        key[out++] = (unsigned char)(bits >> (i % 4 == 1 ? 4 : i % 4 == 2 ? 2 : 0));
    }
    return 0;
}

static void add_sse_c_headers(struct s3_client *client, const unsigned char key[SSE_C_KEY])
{
    static const char prefix[] = "x-amz-server-side-encryption-customer";
    unsigned char md5[MD5_SIZE];
    char text[4 * ((SSE_C_KEY + 2) / 3) + 1];

    digest_md5(key, SSE_C_KEY, md5);
    strlist_addf(&client->key_headers, "%s-algorithm: AES256", prefix);
    strlist_addf(&client->key_headers, "%s-key: %s", prefix,
                 digest_base64(key, SSE_C_KEY, text));
    memory_wipe(text, sizeof text);
    strlist_addf(&client->key_headers, "%s-key-MD5: %s", prefix,
                 digest_base64(md5, MD5_SIZE, text));
}

static int set_own_key(struct s3_client *client, const char *path, struct err *err)
{
    struct text file;
    unsigned char key[SSE_C_KEY];

    if (path == NULL)
        return 0;
    if (!client->tls && !s3_endpoint_is_loopback(&client->endpoint))
        return err_set(err, ERR_CONFIG, "a key of your own is sent over https only");
    if (!digest_available(DIGEST_MD5))
        return err_set(err, ERR_CONFIG,
                       "a key of your own needs MD5, which OpenSSL refuses");
    text_init(&file, 4096);
    int result = file_read(path, &file, NULL, err);
    if (result == 0 && parse_sse_c_key(&file, key) < 0)
        result = err_set(err, ERR_CONFIG, "%s: neither 32 bytes nor the base64 of 32 bytes",
                         path);
    if (result == 0)
        add_sse_c_headers(client, key);
    memory_wipe(key, sizeof key);
    memory_wipe(file.data, file.length);
    text_release(&file);
    return result;
}

static int set_lock(struct s3_client *client, const struct s3_config *config,
                    struct err *err)
{
    const char *mode = config->object_lock_mode;

    if (mode == NULL && !config->legal_hold)
        return 0;
    /* Some services take the headers and protect nothing. */
    if (!client->row.object_lock)
        return refuse(client, "object lock", err);
    if (config->legal_hold &&
        add_object_header(client, "x-amz-object-lock-legal-hold", "ON", err) < 0)
        return -1;
    if (mode == NULL)
        return 0;
    if (strcmp(mode, "GOVERNANCE") != 0 && strcmp(mode, "COMPLIANCE") != 0)
        return err_set(err, ERR_CONFIG, "unknown lock mode \"%s\"", mode);
    if (config->object_lock_seconds <= 0)
        return err_set(err, ERR_CONFIG, "an object lock needs a time to last");
    client->lock_mode = memory_strdup(mode);
    client->lock_seconds = config->object_lock_seconds;
    return 0;
}

static int set_object_headers(struct s3_client *client, const struct s3_config *config,
                              struct err *err)
{
    if (config->tagging != NULL && !client->row.tags)
        return refuse(client, "tags", err);
    if (add_object_header(client, "x-amz-storage-class", config->storage_class, err) < 0 ||
        add_object_header(client, "x-amz-tagging", config->tagging, err) < 0)
        return -1;
    if (set_encryption(client, config, err) < 0 ||
        set_own_key(client, config->sse_c_key_file, err) < 0)
        return -1;
    return set_lock(client, config, err);
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

static int open_credentials(struct s3_client *client, const struct s3_config *config,
                            const char *ca_file, struct err *err)
{
    struct s3_credentials_config credentials = {.access_key = config->access_key,
                                                .secret_key = config->secret_key,
                                                .session_token = config->session_token,
                                                .profile = config->profile,
                                                .region = client->region,
                                                .ca_file = ca_file,
                                                .proxy = config->proxy};

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
                                  .on_turn = s3_engine_turn,
                                  .context = client};
    s3_window_init(&client->window, connections);
    pthread_mutex_lock(&client->lock);
    client->http = s3_http_new(&http, err);
    pthread_mutex_unlock(&client->lock);
    return client->http != NULL ? 0 : -1;
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
        result = set_object_headers(client, config, err);
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
    client->seam = (struct s3_seam){random_bits, same_delay, NULL};
    client->retry_time_ms =
        config->retry_time_ms > 0 ? config->retry_time_ms : RETRY_TIME_MS;
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
    s3_http_free(client->http);
    s3_credentials_source_free(client->credentials);
    s3_signer_free(client->signer);
    s3_endpoint_release(&client->endpoint);
    strlist_release(&client->object_headers);
    s3_sign_lines_release(&client->key_headers);
    free(client->lock_mode);
    free(client->region);
    free(client->bucket);
    pthread_cond_destroy(&client->changed);
    pthread_mutex_destroy(&client->lock);
    free(client);
}

/* ---- what others ask */

void s3_client_set_retry_time(struct s3_client *client, int64_t retry_time_ms)
{
    pthread_mutex_lock(&client->lock);
    client->retry_time_ms = retry_time_ms > 0 ? retry_time_ms : RETRY_TIME_MS;
    pthread_mutex_unlock(&client->lock);
}

int64_t s3_client_clock_offset(struct s3_client *client, bool *known)
{
    pthread_mutex_lock(&client->lock);
    int64_t offset = client->clock_offset;
    *known = client->clock_known;
    pthread_mutex_unlock(&client->lock);
    return offset;
}

int64_t s3_client_time(struct s3_client *client)
{
    pthread_mutex_lock(&client->lock);
    int64_t applied = client->clock_applied;
    pthread_mutex_unlock(&client->lock);
    return clock_now() + applied;
}

unsigned s3_client_window(struct s3_client *client)
{
    pthread_mutex_lock(&client->lock);
    unsigned limit = client->window.limit;
    pthread_mutex_unlock(&client->lock);
    return limit;
}

void s3_client_address(struct s3_client *client, const char *key, struct s3_uri *uri,
                       char **region)
{
    pthread_mutex_lock(&client->lock);
    s3_uri_init(uri, &client->endpoint, client->virtual_host, client->bucket, key);
    *region = memory_strdup(client->region);
    pthread_mutex_unlock(&client->lock);
}

const char *s3_client_provider(const struct s3_client *client)
{
    return client->row.name;
}

const struct s3_provider *s3_client_row(const struct s3_client *client)
{
    return &client->row;
}

struct s3_part_rules s3_client_part_rules(const struct s3_client *client)
{
    return (struct s3_part_rules){.min_size = client->row.min_part,
                                  .max_size = client->row.max_part,
                                  .max_parts = client->row.max_parts,
                                  .uniform = client->row.uniform_parts};
}

struct s3_credentials_source *s3_client_credentials(struct s3_client *client)
{
    return client->credentials;
}

struct s3_signer *s3_client_signer(struct s3_client *client)
{
    return client->signer;
}

int s3_client_hold(struct s3_client *client, struct err *err)
{
    return s3_credentials_hold(client->credentials, err);
}

void s3_client_unhold(struct s3_client *client)
{
    s3_credentials_unhold(client->credentials);
}

void s3_client_add_key_headers(const struct s3_client *client, struct s3_request *request)
{
    for (size_t i = 0; i < client->key_headers.count; i++)
        strlist_add(&request->headers, client->key_headers.items[i]);
}

void s3_client_add_object_headers(struct s3_client *client, struct s3_request *request)
{
    char until[32];

    for (size_t i = 0; i < client->object_headers.count; i++)
        strlist_add(&request->headers, client->object_headers.items[i]);
    s3_client_add_key_headers(client, request);
    if (client->lock_mode == NULL)
        return;
    s3_request_header(request, "x-amz-object-lock-mode", "%s", client->lock_mode);
    s3_request_header(request, "x-amz-object-lock-retain-until-date", "%s",
                      clock_rfc3339(until, s3_client_time(client) + client->lock_seconds));
}

bool s3_client_etag_is_md5(const struct s3_client *client)
{
    /* The bucket's own encryption may be KMS without our asking. */
    return client->etag_is_md5 && !atomic_load(&client->kms_seen);
}

bool s3_client_etag_differs(const struct s3_client *client, const char *etag,
                            const unsigned char md5[MD5_SIZE])
{
    unsigned char other[MD5_SIZE];
    char hex[2 * MD5_SIZE + 1];
    size_t quote = *etag == '"' ? 1 : 0;

    if (!s3_client_etag_is_md5(client) || strlen(etag) != 2 * MD5_SIZE + 2 * quote)
        return false;
    memcpy(hex, etag + quote, 2 * MD5_SIZE);
    hex[2 * MD5_SIZE] = '\0';
    return digest_from_hex(hex, other, MD5_SIZE) == 0 && memcmp(other, md5, MD5_SIZE) != 0;
}
