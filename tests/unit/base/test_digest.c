#include "base/digest.h"
#include "tests/support/run_suite.h"

#include <check.h>

/* ---- hashes: the examples of their standards ---- */

static const struct {
    enum digest_kind kind;
    size_t size;
    const char *text, *hex;
} hashes[] = {
    {DIGEST_SHA256, SHA256_SIZE, "",
     "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
    {DIGEST_SHA256, SHA256_SIZE, "abc",
     "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
    {DIGEST_MD5, MD5_SIZE, "", "d41d8cd98f00b204e9800998ecf8427e"},
    {DIGEST_MD5, MD5_SIZE, "message digest", "f96b697d7cb7938d525a2f31aaf161d0"},
};

START_TEST(a_hash_does_not_depend_on_the_pieces)
{
    const char *text = hashes[_i].text;
    size_t size = strlen(text);
    for (size_t cut = 0; cut <= size; cut++) {
        struct digest digest;
        unsigned char sum[SHA256_SIZE];
        char hex[SHA256_HEX];
        digest_init(&digest, hashes[_i].kind);
        digest_add(&digest, text, cut);
        digest_add(&digest, text + cut, size - cut);
        digest_finish(&digest, sum);
        ck_assert_str_eq(digest_hex(sum, hashes[_i].size, hex), hashes[_i].hex);
    }
}
END_TEST

START_TEST(one_call_hashes_the_same)
{
    unsigned char sum[SHA256_SIZE];
    char hex[SHA256_HEX];
    digest_sha256("abc", 3, sum);
    ck_assert_str_eq(digest_hex(sum, SHA256_SIZE, hex), hashes[1].hex);
    digest_md5("message digest", 14, sum);
    ck_assert_str_eq(digest_hex(sum, MD5_SIZE, hex), hashes[3].hex);
    /* RFC 4231, test case 2 */
    digest_hmac_sha256("Jefe", 4, "what do ya want for nothing?", 28, sum);
    ck_assert_str_eq(digest_hex(sum, SHA256_SIZE, hex),
                     "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
}
END_TEST

START_TEST(an_abandoned_hash_may_be_released_twice)
{
    struct digest digest;
    ck_assert(digest_available(DIGEST_SHA256));
    digest_init(&digest, DIGEST_SHA256);
    digest_release(&digest);
    digest_release(&digest);
}
END_TEST

/* ---- hex ---- */

START_TEST(hex_comes_back_and_nothing_else_is_hex)
{
    unsigned char bytes[3];
    ck_assert_int_eq(digest_from_hex("00aBfF", bytes, 3), 0);
    ck_assert_mem_eq(bytes, "\x00\xAB\xFF", 3);
    ck_assert_int_lt(digest_from_hex("00abf", bytes, 3), 0);
    ck_assert_int_lt(digest_from_hex("00abff0", bytes, 3), 0);
    ck_assert_int_lt(digest_from_hex("00abfg", bytes, 3), 0);
}
END_TEST

/* ---- base64: RFC 4648, section 10 ---- */

static const struct {
    const char *bytes, *text;
} base64s[] = {
    {"", ""},
    {"f", "Zg=="},
    {"fo", "Zm8="},
    {"foo", "Zm9v"},
    {"foob", "Zm9vYg=="},
    {"fooba", "Zm9vYmE="},
    {"foobar", "Zm9vYmFy"},
    {"\xFB\xFF", "+/8="},
};

START_TEST(base64_comes_back)
{
    size_t size = strlen(base64s[_i].bytes);
    char text[16];
    unsigned char bytes[8] = "#######";
    ck_assert_str_eq(digest_base64(base64s[_i].bytes, size, text), base64s[_i].text);
    ck_assert_int_eq(digest_from_base64(text, bytes, size), 0);
    ck_assert_mem_eq(bytes, base64s[_i].bytes, size);
    ck_assert_int_eq(bytes[size], '#'); /* not one byte too many */
}
END_TEST

static const char *const not_two_bytes[] = {
    "",     "Zm8",  "Zm8==", " Zm8=",    "Zm8=\n", "Z=8=",
    "Zm==", "Zm9v", "Zm-=",  "Zm8=Zm8=", "====",
};

START_TEST(what_is_not_exactly_the_base64_of_that_size_is_refused)
{
    unsigned char bytes[2] = "#";
    ck_assert_int_lt(digest_from_base64(not_two_bytes[_i], bytes, 2), 0);
    ck_assert_mem_eq(bytes, "#", 2);
}
END_TEST

#define COUNT(array) ((int)(sizeof(array) / sizeof *(array)))

/* Bit by bit, as the definition says. */
static uint64_t slow_crc(uint64_t crc, const unsigned char *data, size_t size)
{
    crc = ~crc;
    for (; size > 0; size--) {
        crc ^= *data++;
        for (int bit = 0; bit < 8; bit++)
            crc = (crc >> 1) ^ ((crc & 1) != 0 ? 0x9A6C9329AC4BC9B5U : 0);
    }
    return ~crc;
}

START_TEST(the_fast_crc64_is_the_slow_one_for_every_length_and_start)
{
    unsigned char data[600];
    uint64_t start = 0;
    for (size_t i = 0; i < sizeof data; i++)
        data[i] = (unsigned char)((i * 2654435761U) >> 13);
    for (size_t size = 0; size < sizeof data - 3; size++) {
        const unsigned char *from = data + size % 3;
        ck_assert_uint_eq(digest_crc64nvme(start, from, size), slow_crc(start, from, size));
        start = start * 6364136223846793005U + 1;
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("digest");
    TCase *tcase = tcase_create("digest");
    tcase_add_loop_test(tcase, a_hash_does_not_depend_on_the_pieces, 0, COUNT(hashes));
    tcase_add_test(tcase, the_fast_crc64_is_the_slow_one_for_every_length_and_start);
    tcase_add_test(tcase, one_call_hashes_the_same);
    tcase_add_test(tcase, an_abandoned_hash_may_be_released_twice);
    tcase_add_test(tcase, hex_comes_back_and_nothing_else_is_hex);
    tcase_add_loop_test(tcase, base64_comes_back, 0, COUNT(base64s));
    tcase_add_loop_test(tcase, what_is_not_exactly_the_base64_of_that_size_is_refused, 0,
                        COUNT(not_two_bytes));
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
