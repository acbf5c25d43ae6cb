#include "base/digest.h"
#include "tests/support/run_suite.h"

#include <check.h>

START_TEST(the_check_value_of_the_specification)
{
    ck_assert_uint_eq(digest_crc64nvme(0, "123456789", 9), 0xae8b14860a799888U);
    ck_assert_uint_eq(digest_crc64nvme(0, "", 0), 0);
}
END_TEST

START_TEST(pieces_combine_to_the_whole)
{
    unsigned char data[5000];
    uint64_t seed = 1;
    for (size_t i = 0; i < sizeof data; i++) {
        seed = seed * 6364136223846793005U + 1442695040888963407U;
        data[i] = (unsigned char)(seed >> 56);
    }
    uint64_t whole = digest_crc64nvme(0, data, sizeof data);
    for (size_t cut = 0; cut <= sizeof data; cut += 1 + cut / 7) {
        uint64_t first = digest_crc64nvme(0, data, cut);
        uint64_t second = digest_crc64nvme(0, data + cut, sizeof data - cut);
        ck_assert_uint_eq(digest_crc64nvme_combine(first, second, sizeof data - cut),
                          whole);
        ck_assert_uint_eq(digest_crc64nvme(first, data + cut, sizeof data - cut), whole);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("crc64");
    TCase *tcase = tcase_create("crc64");

    tcase_add_test(tcase, the_check_value_of_the_specification);
    tcase_add_test(tcase, pieces_combine_to_the_whole);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
