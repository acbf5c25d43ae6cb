#include "tests/support/s3_pair.h"

#include <check.h>

static uint64_t no_chance(void *unused)
{
    (void)unused;
    return 0;
}

static int64_t no_wait(void *context, int64_t delay_ms)
{
    struct s3_pair *pair = context;

    atomic_fetch_add(&pair->waits, 1);
    if (delay_ms > atomic_load(&pair->longest_ms))
        atomic_store(&pair->longest_ms, delay_ms);
    return 0;
}

struct fake_s3_settings s3_pair_service(void)
{
    return fake_s3_defaults();
}

struct s3_config s3_pair_config(void)
{
    struct s3_config config;

    s3_config_init(&config);
    config.bucket = "bucket";
    config.region = "us-east-1";
    config.access_key = "AKIDEXAMPLE";
    config.secret_key = "secretexample";
    config.retry_time_ms = 20000;
    config.connect_timeout_ms = 2000;
    return config;
}

void s3_pair_init(struct s3_pair *pair, const struct fake_s3_settings *service,
                  const struct s3_config *config)
{
    struct fake_s3_settings default_service = s3_pair_service();
    struct s3_config settled = config != NULL ? *config : s3_pair_config();
    struct s3_test_hooks hooks = {.random = no_chance, .delay = no_wait, .context = pair};
    struct err err = {0};

    atomic_init(&pair->waits, 0);
    atomic_init(&pair->longest_ms, 0);
    pair->fake = fake_s3_new(service != NULL ? service : &default_service, &err);
    ck_assert_msg(pair->fake != NULL, "%s", err.text);
    settled.endpoint = fake_s3_endpoint(pair->fake);
    pair->client = s3_client_new(&settled, &err);
    ck_assert_msg(pair->client != NULL, "%s", err.text);
    s3_client_set_test_hooks(pair->client, &hooks);
}

void s3_pair_release(struct s3_pair *pair)
{
    s3_client_free(pair->client);
    fake_s3_free(pair->fake);
}

void s3_pair_fault(struct s3_pair *pair, const char *op, enum fake_action action)
{
    fake_s3_fault(pair->fake, &(struct fake_fault){.op = op, .action = action});
}

int s3_pair_get(struct s3_pair *pair, struct err *err)
{
    struct text out;
    bool absent;

    text_init(&out, 1 << 20);
    int result = s3_get(pair->client, "a", &out, &absent, err);
    text_release(&out);
    return result;
}
