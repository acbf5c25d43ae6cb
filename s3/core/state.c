/*
 * What a client knows beside its configuration and what changes while requests run: time,
 * region, budget. The engine's thread and callers ask at once, so all of it is under the
 * client's lock; what is constant after s3_client_new is read without.
 */
#include "s3/core/client.h"

#include "base/clock.h"
#include "base/memory.h"
#include "s3/core/engine.h"

/* ---- chance and time */

/* The engine's thread turns, and asks, before a test has set its seam. */
int64_t s3_client_now(struct s3_client *client)
{
    pthread_mutex_lock(&client->lock);
    struct s3_seam seam = client->seam;
    pthread_mutex_unlock(&client->lock);
    return seam.now(seam.context);
}

void s3_client_set_seam(struct s3_client *client, const struct s3_seam *seam)
{
    pthread_mutex_lock(&client->lock);
    if (seam->random != NULL)
        client->seam.random = seam->random;
    if (seam->delay != NULL)
        client->seam.delay = seam->delay;
    if (seam->waste_allowed != 0)
        client->seam.waste_allowed = seam->waste_allowed;
    if (seam->now != NULL)
        client->seam.now = seam->now;
    client->seam.context = seam->context;
    pthread_mutex_unlock(&client->lock);
}

/* ---- what others ask */

void s3_client_set_retry_time(struct s3_client *client, int64_t retry_time_ms)
{
    pthread_mutex_lock(&client->lock);
    client->retry_time_ms = retry_time_ms > 0 ? retry_time_ms : S3_RETRY_TIME_MS;
    pthread_mutex_unlock(&client->lock);
}

int64_t s3_client_retry_time(struct s3_client *client)
{
    pthread_mutex_lock(&client->lock);
    int64_t retry_time_ms = client->retry_time_ms;
    pthread_mutex_unlock(&client->lock);
    return retry_time_ms;
}

void s3_client_set_cleaning(struct s3_client *client, bool cleaning)
{
    atomic_store(&client->cleaning, cleaning);
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

char *s3_client_full_key(const struct s3_client *client, const char *key)
{
    return memory_format("%s%s", client->prefix, key);
}

const char *s3_client_relative_key(const struct s3_client *client, const char *full)
{
    size_t length = strlen(client->prefix);
    bool below = strncmp(full, client->prefix, length) == 0 && full[length] != '\0';
    return below ? full + length : NULL;
}

void s3_client_address(struct s3_client *client, const char *key, struct s3_uri *uri,
                       char **region)
{
    char *full = key != NULL ? s3_client_full_key(client, key) : NULL;

    pthread_mutex_lock(&client->lock);
    s3_uri_init(uri, &client->endpoint, client->virtual_host, client->bucket, full);
    *region = memory_strdup(client->region);
    pthread_mutex_unlock(&client->lock);
    free(full);
}

const char *s3_client_provider(const struct s3_client *client)
{
    return client->row.name;
}

const char *s3_client_prefix(const struct s3_client *client)
{
    return client->prefix;
}

unsigned s3_client_upload_hours(const struct s3_client *client)
{
    return client->row.upload_hours;
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

const struct cancel *s3_client_cancel(const struct s3_client *client)
{
    return client->cancel;
}
