/*
 * The service goes away in the middle of an upload and comes back; keys end in the middle
 * of one. Time is simulated: a wait takes none, but is counted.
 */
#include "tests/support/aws_world.h"
#include "tests/support/s3_rig.h"
#include "tests/support/run_suite.h"

#include "base/clock.h"
#include "base/memory.h"

#include <check.h>

enum { PART = 64 << 10, SMALL = 4321, PARTS = 12, MINUTE = 60 * 1000 };
#define KEY "data/shop/dump.sql.gz"
#define SIZE ((uint64_t)(PARTS - 1) * PART + SMALL)

/* ---- outage ---- */

/* Its clock is moved by the waits of the client alone; the service is back at `back_ms`. */
struct simulation {
    struct fake_s3 *fake;
    atomic_llong now_ms;
    atomic_llong back_ms; /* 0: it is not away */
};

static int64_t simulated_now(void *context)
{
    struct simulation *simulation = context;

    return atomic_load(&simulation->now_ms);
}

/* The longest of every draw: what is survived so is survived by shorter waits as well. */
static uint64_t longest(void *unused)
{
    (void)unused;
    return UINT64_MAX;
}

static int64_t simulated_wait(void *context, int64_t delay_ms)
{
    struct simulation *simulation = context;
    struct err err = {0};
    long long now = atomic_fetch_add(&simulation->now_ms, delay_ms) + delay_ms;
    long long back = atomic_load(&simulation->back_ms);

    if (back != 0 && now >= back && atomic_exchange(&simulation->back_ms, 0) != 0 &&
        fake_s3_up(simulation->fake, &err) < 0)
        abort();
    return delay_ms;
}

static void default_budget(struct s3_config *config)
{
    config->retry_time_ms = 0;
}

/* Parts are on their way for 50 s when the service goes away, for `minutes`. What the
 * upload says in the end. */
static int upload_with_outage(struct simulation *simulation, int minutes)
{
    struct s3_test_hooks seam = {.random = longest,
                                 .delay = simulated_wait,
                                 .now = simulated_now,
                                 .context = simulation};
    struct fake_fault hold = {.op = "UploadPart", .times = 4, .action = FAKE_HOLD};

    s3_rig_start(NULL, default_budget);
    *simulation = (struct simulation){.fake = rig.fake};
    atomic_init(&simulation->now_ms, 1000);
    atomic_init(&simulation->back_ms, 0);
    s3_client_set_test_hooks(rig.client, &seam);
    fake_s3_fault(rig.fake, &hold);
    struct s3_upload *upload = s3_rig_begin(KEY);
    ck_assert_int_eq(s3_rig_give(upload, 1, 4, PART, PART), 0);
    ck_assert(fake_s3_wait_held(rig.fake, 4, 10000));
    atomic_fetch_add(&simulation->now_ms, 50000);
    atomic_store(&simulation->back_ms,
                 atomic_load(&simulation->now_ms) + (long long)minutes * MINUTE);
    fake_s3_down(rig.fake);
    fake_s3_release(rig.fake);
    int result = s3_rig_give(upload, 5, PARTS, PART, SMALL);
    if (result == 0)
        result = s3_upload_finish(upload, NULL, &rig.err);
    s3_upload_free(upload);
    return result;
}

START_TEST(half_an_hour_without_the_service_is_survived)
{
    struct simulation simulation;

    ck_assert_msg(upload_with_outage(&simulation, 30) == 0, "%s", rig.err.text);
    ck_assert_int_ge(atomic_load(&simulation.now_ms), 30 * MINUTE);
    ck_assert(s3_rig_object_is(KEY, SIZE));
    ck_assert_uint_eq(fake_s3_upload_count(rig.fake), 0);
    s3_rig_assert_manners();
    s3_rig_stop();
}
END_TEST

START_TEST(what_is_away_for_longer_ends_the_upload)
{
    struct simulation simulation;

    ck_assert_int_eq(upload_with_outage(&simulation, 120), -1);
    ck_assert_int_eq(rig.err.kind, ERR_TRANSIENT);
    ck_assert_uint_eq(fake_s3_object_count(rig.fake), 0);
    s3_rig_stop();
}
END_TEST

/* ---- keys that end ---- */

/* A credential endpoint whose keys live 60 seconds. Time is scaled down: the service lets
 * the newest ones expire after so many parts. */
struct keys {
    struct fake_s3 *fake;
    atomic_int issued;
};

static void accept_until(struct keys *keys, int number, int64_t expires_ms)
{
    char key[16];
    char token[16];

    snprintf(key, sizeof key, "K%d", number);
    snprintf(token, sizeof token, "T%d", number);
    fake_s3_add_credentials(keys->fake, key, "S", token, expires_ms);
}

static char *issue(void *context, const struct fake_http_request *request)
{
    struct keys *keys = context;
    int number = atomic_fetch_add(&keys->issued, 1) + 1;
    char when[32];

    (void)request;
    accept_until(keys, number, 0);
    return memory_format(
        "{\"AccessKeyId\":\"K%d\",\"SecretAccessKey\":\"S\",\"Token\":\"T%d\","
        "\"Expiration\":\"%s\"}",
        number, number, clock_rfc3339(when, clock_now() + 60));
}

static void from_the_endpoint(struct s3_config *config)
{
    config->access_key = config->secret_key = NULL;
}

START_TEST(an_upload_outlives_many_keys)
{
    enum { ROUNDS = 8 };
    struct keys keys = {0};
    const struct fake_http_row rows[] = {
        {.status = 200, .make_body = issue, .context = &keys}};
    struct fake_http *http = aws_world_serve(rows, sizeof rows / sizeof *rows);

    aws_world_env_url("AWS_CONTAINER_CREDENTIALS_FULL_URI", http, "/");
    s3_rig_start(NULL, from_the_endpoint);
    keys.fake = rig.fake;
    struct s3_upload *upload = s3_rig_begin(KEY);
    for (unsigned round = 0; round < ROUNDS; round++) {
        /* One of them is under way, signed with keys that end. */
        fake_s3_fault(rig.fake,
                      &(struct fake_fault){.op = "UploadPart", .action = FAKE_HOLD});
        ck_assert_int_eq(s3_rig_give(upload, round * 4 + 1, round * 4 + 4, PART, PART), 0);
        ck_assert(fake_s3_wait_held(rig.fake, 1, 10000));
        accept_until(&keys, atomic_load(&keys.issued), clock_now_ms() - 1);
        fake_s3_release(rig.fake);
        ck_assert_msg(s3_upload_wait(upload, &rig.err) == 0, "%s", rig.err.text);
    }
    ck_assert_msg(s3_upload_finish(upload, NULL, &rig.err) == 0, "%s", rig.err.text);
    s3_upload_free(upload);
    ck_assert(s3_rig_object_is(KEY, (uint64_t)ROUNDS * 4 * PART));
    /* Keys that end while nothing else is to be sent are never noticed. */
    ck_assert_int_ge(atomic_load(&keys.issued), ROUNDS / 2);
    ck_assert_int_eq(fake_http_count(http), (unsigned)atomic_load(&keys.issued));
    s3_rig_assert_manners();
    s3_rig_stop();
    fake_http_free(http);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("s3_outage");
    TCase *outage = tcase_create("outage");
    TCase *keys = tcase_create("keys");

    tcase_set_timeout(outage, 60);
    tcase_add_test(outage, half_an_hour_without_the_service_is_survived);
    tcase_add_test(outage, what_is_away_for_longer_ends_the_upload);
    suite_add_tcase(suite, outage);
    tcase_add_checked_fixture(keys, aws_world_set_up, aws_world_tear_down);
    tcase_add_test(keys, an_upload_outlives_many_keys);
    suite_add_tcase(suite, keys);
    return run_suite(suite);
}
