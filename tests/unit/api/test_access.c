#include "api/access.h"

#include "tests/support/run_suite.h"

static struct err err;

START_TEST(a_password_fits_its_own_hash_alone)
{
    char *hash = access_hash("correct horse battery", &err);
    ck_assert_ptr_nonnull(hash);
    ck_assert(strncmp(hash, "$y$", 3) == 0);
    ck_assert(access_matches("correct horse battery", hash));
    ck_assert(!access_matches("correct horse batterx", hash));
    ck_assert(!access_matches("", hash));
    ck_assert(!access_matches("correct horse battery", NULL));
    free(hash);
}
END_TEST

START_TEST(a_short_password_is_refused)
{
    ck_assert_ptr_null(access_hash("ninechars", &err));
    ck_assert_int_eq(err.kind, ERR_USAGE);
}
END_TEST

START_TEST(a_cookie_is_good_until_it_is_idle_or_logged_out)
{
    struct access *access = access_new();
    struct access_session one, other, found;
    ck_assert_int_eq(access_log_in(access, 1000, &one, &err), 0);
    ck_assert_int_eq(access_log_in(access, 1000, &other, &err), 0);
    ck_assert_str_ne(one.cookie, other.cookie);
    ck_assert(access_find(access, one.cookie, 1001, &found));
    ck_assert_str_eq(found.csrf, one.csrf);
    ck_assert(access_is_csrf(&found, one.csrf));
    ck_assert(!access_is_csrf(&found, other.csrf));
    ck_assert(!access_is_csrf(&found, NULL));
    ck_assert(!access_is_csrf(&found, ""));
    access_log_out(access, one.cookie);
    ck_assert(!access_find(access, one.cookie, 1002, &found));
    ck_assert(!access_find(access, other.cookie, 1000 + ACCESS_IDLE_S, &found));
    ck_assert(!access_find(access, NULL, 1002, &found));
    ck_assert(!access_find(access, "", 1002, &found));
    access_free(access);
}
END_TEST

/* The free slots hold zeros; a cookie cannot. */
START_TEST(a_free_slot_is_nobodys_session)
{
    struct access *access = access_new();
    struct access_session found;
    char zeros[ACCESS_TOKEN_SIZE];
    memset(zeros, '0', sizeof zeros);
    zeros[ACCESS_TOKEN_SIZE - 1] = '\0';
    ck_assert(!access_find(access, zeros, 1, &found));
    access_free(access);
}
END_TEST

START_TEST(guesses_of_one_address_wait_and_those_of_all_too)
{
    struct access *access = access_new();
    for (int i = 0; i < ACCESS_TRIES; i++) {
        ck_assert_int_eq(access_wait_s(access, "::1", 1000), 0);
        access_failed(access, "::1", 1000);
    }
    ck_assert_int_eq(access_wait_s(access, "::1", 1010), ACCESS_WINDOW_S - 10);
    ck_assert_int_eq(access_wait_s(access, "127.0.0.1", 1010), 0);
    ck_assert_int_eq(access_wait_s(access, "::1", 1000 + ACCESS_WINDOW_S), 0);
    for (int i = 0; i < ACCESS_TRIES_ALL; i++) {
        char address[32];
        (void)snprintf(address, sizeof address, "10.0.0.%u", (unsigned)i & 255U);
        access_failed(access, address, 1010);
    }
    ck_assert_int_gt(access_wait_s(access, "10.1.1.1", 1011), 0);
    access_free(access);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("access");
    TCase *tcase = tcase_create("access");
    tcase_add_test(tcase, a_password_fits_its_own_hash_alone);
    tcase_add_test(tcase, a_short_password_is_refused);
    tcase_add_test(tcase, a_cookie_is_good_until_it_is_idle_or_logged_out);
    tcase_add_test(tcase, a_free_slot_is_nobodys_session);
    tcase_add_test(tcase, guesses_of_one_address_wait_and_those_of_all_too);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
