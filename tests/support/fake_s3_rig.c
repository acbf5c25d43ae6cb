#include "tests/support/fake_s3_rig.h"

#include "tests/support/run_suite.h"

struct fake_s3 *fake;
struct fake_s3_settings settings;

static void start(void)
{
    struct err err;

    fake = fake_s3_new(&settings, &err);
    ck_assert_ptr_nonnull(fake);
}

void fake_s3_rig_set_up(void)
{
    settings = fake_s3_defaults();
    start();
}

void fake_s3_rig_stop(void)
{
    fake_s3_free(fake);
    fake = NULL;
}

void fake_s3_rig_restart(void)
{
    fake_s3_rig_stop();
    start();
}

struct ask fake_s3_rig_put(void)
{
    return (struct ask){
        .method = "PUT", .path = K, .body = WHOLE, .size = sizeof WHOLE - 1};
}

int fake_s3_rig_run(Suite *suite, TCase *tcase)
{
    curl_global_init(CURL_GLOBAL_ALL);
    tcase_add_checked_fixture(tcase, fake_s3_rig_set_up, fake_s3_rig_stop);
    tcase_set_timeout(tcase, 60);
    suite_add_tcase(suite, tcase);
    int status = run_suite(suite);
    curl_global_cleanup();
    return status;
}
