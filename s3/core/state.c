/*
 * What a client knows beside its configuration and what changes while requests run: time,
 * region, budget. The engine's thread and callers ask at once, so all of it is under the
 * engine's lock; what is constant after s3_client_new is read without.
 */
#include "s3/core/engine.h"

#include "base/clock.h"
#include "base/memory.h"

/* ---- a handle ---- */

struct s3_client *s3_client_with(struct s3_client *client, const struct s3_call *call)
{
    struct s3_client *other = memory_zalloc(sizeof *other);
    /* A handle of a handle that cleans up does so, too. */
    other->engine = client->engine;
    other->cleaning = call->cleaning || client->cleaning;
    s3_client_set_retry_time(other, call->retry_time_ms > 0 ? call->retry_time_ms
                                                            : s3_client_retry_time(client));
    return other;
}

void s3_client_set_retry_time(struct s3_client *client, int64_t retry_time_ms)
{
    atomic_store(&client->retry_time_ms,
                 retry_time_ms > 0 ? retry_time_ms : S3_RETRY_TIME_MS);
}

int64_t s3_client_retry_time(const struct s3_client *client)
{
    return atomic_load(&client->retry_time_ms);
}

/* ---- time ---- */

int64_t s3_client_now(struct s3_client *client)
{
    struct s3_engine *engine = client->engine;
    /* The engine's thread turns, and asks, before a test has set its hooks. */
    pthread_mutex_lock(&engine->lock);
    struct s3_test_hooks hooks = engine->hooks;
    pthread_mutex_unlock(&engine->lock);
    return hooks.now(hooks.context);
}

int64_t s3_client_time(struct s3_client *client)
{
    struct s3_engine *engine = client->engine;
    pthread_mutex_lock(&engine->lock);
    int64_t applied = engine->clock_applied;
    pthread_mutex_unlock(&engine->lock);
    return clock_now() + applied;
}

/* The one last seen, also where it is too small to sign with. */
int64_t s3_client_clock_offset(struct s3_client *client, bool *known)
{
    struct s3_engine *engine = client->engine;
    pthread_mutex_lock(&engine->lock);
    int64_t offset = engine->clock_offset;
    *known = engine->clock_known;
    pthread_mutex_unlock(&engine->lock);
    return offset;
}

struct s3_sent s3_client_sent(const struct s3_client *client)
{
    const struct s3_retransmitted *all = &client->engine->retransmitted;
    return (struct s3_sent){.arrived = all->arrived, .lost = all->lost};
}

/* ---- keys and addresses ---- */

const char *s3_client_prefix(const struct s3_client *client)
{
    return client->engine->prefix;
}

char *s3_client_full_key(const struct s3_client *client, const char *key)
{
    return memory_format("%s%s", client->engine->prefix, key);
}

const char *s3_client_relative_key(const struct s3_client *client, const char *full)
{
    const char *prefix = client->engine->prefix;
    size_t length = strlen(prefix);
    bool below = strncmp(full, prefix, length) == 0 && full[length] != '\0';
    return below ? full + length : NULL;
}

void s3_client_address(struct s3_client *client, const char *key, struct s3_uri *uri,
                       char **region)
{
    struct s3_engine *engine = client->engine;
    char *full = key != NULL ? s3_client_full_key(client, key) : NULL;
    /* Both under one lock: a request signed for the old region and sent to the new one would
     * be refused. */
    pthread_mutex_lock(&engine->lock);
    s3_uri_init(uri, &engine->endpoint, engine->virtual_host, engine->bucket, full);
    *region = memory_strdup(engine->region);
    pthread_mutex_unlock(&engine->lock);
    free(full);
}

/* ---- ETags ---- */

bool s3_client_etag_is_md5(const struct s3_client *client)
{
    /* The bucket's own encryption may be KMS without our asking. */
    return client->engine->etag_is_md5 && !atomic_load(&client->engine->kms_seen);
}

bool s3_client_etag_differs(const struct s3_client *client, const char *etag,
                            const unsigned char md5[MD5_SIZE])
{
    enum { MD5_DIGITS = 2 * MD5_SIZE };
    unsigned char other[MD5_SIZE];
    char hex[MD5_DIGITS + 1];
    size_t quote = *etag == '"' ? 1 : 0;

    /* One of an upload in parts has a dash and a number behind its digits; others are no MD5s.
     * What cannot be compared does not differ. */
    if (!s3_client_etag_is_md5(client) || strlen(etag) != MD5_DIGITS + 2 * quote)
        return false;
    memcpy(hex, etag + quote, MD5_DIGITS);
    hex[MD5_DIGITS] = '\0';
    return digest_from_hex(hex, other, MD5_SIZE) == 0 && memcmp(other, md5, MD5_SIZE) != 0;
}

bool s3_client_locks(const struct s3_client *client)
{
    return client->engine->lock_mode != NULL || client->engine->legal_hold;
}

/* Over TLS a gateway may stand between, and the MD5 is what the ETag is compared with. */
bool s3_client_sha256_will_do(const struct s3_client *client)
{
    const struct s3_engine *engine = client->engine;
    return !engine->tls && !s3_client_locks(client) &&
           s3_client_provider(client)->checks_sha256 && !atomic_load(&engine->wants_md5);
}

/* ---- what is constant ---- */

const struct s3_provider *s3_client_provider(const struct s3_client *client)
{
    return atomic_load(&client->engine->row);
}

unsigned s3_client_upload_hours(const struct s3_client *client)
{
    return s3_client_provider(client)->upload_hours;
}

struct s3_part_rules s3_client_part_rules(const struct s3_client *client)
{
    const struct s3_provider *provider = s3_client_provider(client);
    return (struct s3_part_rules){.min_size = provider->min_part,
                                  .max_size = provider->max_part,
                                  .max_parts = provider->max_parts,
                                  .uniform = provider->uniform_parts};
}

struct s3_credentials_source *s3_client_credentials(struct s3_client *client)
{
    return client->engine->credentials;
}

struct s3_signer *s3_client_signer(struct s3_client *client)
{
    return client->engine->signer;
}

const struct cancel *s3_client_cancel(const struct s3_client *client)
{
    return client->engine->cancel;
}

/* ---- for tests ---- */

unsigned s3_client_window(struct s3_client *client)
{
    struct s3_engine *engine = client->engine;
    pthread_mutex_lock(&engine->lock);
    unsigned limit = engine->window.limit;
    pthread_mutex_unlock(&engine->lock);
    return limit;
}

void s3_client_set_test_hooks(struct s3_client *client, const struct s3_test_hooks *hooks)
{
    struct s3_engine *engine = client->engine;
    pthread_mutex_lock(&engine->lock);
    if (hooks->random != NULL)
        engine->hooks.random = hooks->random;
    if (hooks->delay != NULL)
        engine->hooks.delay = hooks->delay;
    if (hooks->now != NULL)
        engine->hooks.now = hooks->now;
    if (hooks->retransmitted_allowed != 0)
        engine->hooks.retransmitted_allowed = hooks->retransmitted_allowed;
    engine->hooks.context = hooks->context;
    pthread_mutex_unlock(&engine->lock);
}
