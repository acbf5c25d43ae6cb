#include "tests/support/s3_rig.h"
#include "tests/support/run_suite.h"
#include "tests/support/scratch.h"

#include "base/clock.h"
#include "base/memory.h"

#include <check.h>
#include <curl/curl.h>

#define KEY "data/sh\xc3\xb6p/dump 1+2.sql.gz"
enum { SIZE = 3000 };

static void start(void)
{
    s3_rig_set_up();
    s3_rig_add_object(KEY, SIZE);
}

static size_t append(char *data, size_t one, size_t size, void *context)
{
    (void)one;
    text_add_bytes(context, data, size);
    return size;
}

/* GET by somebody who has nothing but the link. */
static long get(const char *url, struct text *out)
{
    CURL *curl = curl_easy_init();
    long status = 0;

    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_NOPROXY, "*");
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, append);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, out);
    ck_assert_int_eq(curl_easy_perform(curl), CURLE_OK);
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
    curl_easy_cleanup(curl);
    return status;
}

START_TEST(a_link_needs_no_keys)
{
    struct text got;
    int64_t expires = 0, now = clock_now();
    char *url = s3_presign(rig.client, KEY, 3600, &expires, &rig.err);

    ck_assert_msg(url != NULL, "%s", rig.err.text);
    ck_assert(expires >= now + 3600 && expires <= now + 3630);
    text_init(&got, SIZE + 1);
    ck_assert_int_eq(get(url, &got), 200);
    ck_assert_uint_eq(got.length, SIZE);
    ck_assert(s3_rig_matches((unsigned char *)got.data, 0, SIZE));
    text_release(&got);
    ck_assert_ptr_null(strstr(url, "secretexample"));
    free(url);
}
END_TEST

START_TEST(a_link_is_good_for_its_key_only)
{
    struct text got;
    int64_t expires;
    char *url = s3_presign(rig.client, "other", 3600, &expires, &rig.err);
    char *forged = memory_strdup(url);

    s3_rig_add_object("othex", SIZE);
    strstr(forged, "other")[4] = 'x';
    text_init(&got, 1 << 20);
    ck_assert_int_eq(get(forged, &got), 403);
    text_release(&got);
    free(forged);
    free(url);
}
END_TEST

START_TEST(lives_that_no_service_takes_are_refused)
{
    static const int64_t seconds[] = {0, -1, 604801};
    int64_t expires;

    for (size_t i = 0; i < sizeof seconds / sizeof *seconds; i++) {
        ck_assert_ptr_null(s3_presign(rig.client, KEY, seconds[i], &expires, &rig.err));
        ck_assert_int_eq(rig.err.kind, ERR_USAGE);
    }
}
END_TEST

static void keys_of_the_environment(struct s3_config *config)
{
    config->access_key = NULL;
    config->secret_key = NULL;
}

static char own_key[SCRATCH_SIZE];

static void with_a_key_of_our_own(struct s3_config *config)
{
    config->sse_c_key_file = own_key;
}

/* Whoever had the link could not read anything. */
START_TEST(a_link_to_what_needs_a_key_is_refused)
{
    int64_t expires;

    scratch_file(own_key, "01234567890123456789012345678901");
    s3_rig_restart(NULL, with_a_key_of_our_own);
    ck_assert_ptr_null(s3_presign(rig.client, KEY, 60, &expires, &rig.err));
    ck_assert_int_eq(rig.err.kind, ERR_CONFIG);
}
END_TEST

START_TEST(a_link_says_when_its_credentials_die)
{
    char text[32];
    int64_t expires = 0, end = clock_now() + 1800;

    ck_assert_int_eq(setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE", 1), 0);
    ck_assert_int_eq(setenv("AWS_SECRET_ACCESS_KEY", "secretexample", 1), 0);
    ck_assert_int_eq(setenv("AWS_SESSION_TOKEN", "token", 1), 0);
    ck_assert_int_eq(setenv("AWS_CREDENTIAL_EXPIRATION", clock_rfc3339(text, end), 1), 0);
    s3_rig_restart(NULL, keys_of_the_environment);
    char *url = s3_presign(rig.client, KEY, 604800, &expires, &rig.err);
    ck_assert_msg(url != NULL, "%s", rig.err.text);
    ck_assert_int_eq(expires, end);
    ck_assert_ptr_nonnull(strstr(url, "X-Amz-Security-Token=token"));
    free(url);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("presign");
    TCase *tcase = tcase_create("presign");

    tcase_add_checked_fixture(tcase, start, s3_rig_stop);
    tcase_add_test(tcase, a_link_needs_no_keys);
    tcase_add_test(tcase, a_link_is_good_for_its_key_only);
    tcase_add_test(tcase, lives_that_no_service_takes_are_refused);
    tcase_add_test(tcase, a_link_to_what_needs_a_key_is_refused);
    tcase_add_test(tcase, a_link_says_when_its_credentials_die);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
