#include "s3/ops/ledger.h"

#include "base/digest.h"
#include "tests/support/run_suite.h"

#include <check.h>

static struct s3_ledger ledger;
static struct err err;

static void set_up(void)
{
    ledger = (struct s3_ledger){0};
    err_clear(&err);
}

static void tear_down(void)
{
    s3_ledger_release(&ledger);
}

static void give(unsigned number, uint64_t offset, uint64_t size)
{
    ck_assert_int_eq(s3_ledger_give(&ledger, number, offset, size, &err), 0);
}

START_TEST(parts_are_taken_in_order_only)
{
    static const struct {
        unsigned number;
        uint64_t offset, size;
    } wrong[] = {{1, 5, 5}, {3, 5, 5}, {2, 4, 5}, {2, 6, 5}, {2, 5, 0}, {0, 5, 5}};

    give(1, 0, 5);
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        ck_assert_int_eq(
            s3_ledger_give(&ledger, wrong[i].number, wrong[i].offset, wrong[i].size, &err),
            -1);
        ck_assert_int_eq(err.kind, ERR_SYSTEM);
    }
    give(2, 5, 7);
    ck_assert_uint_eq(ledger.count, 2);
    ck_assert_uint_eq(ledger.given, 12);
}
END_TEST

/* MD5 of 16 bytes 00 and of 16 bytes 11, one after the other, by another program. */
START_TEST(an_etag_of_just_these_parts_is_known)
{
    static const struct {
        const char *etag;
        bool theirs;
    } etags[] = {{"\"ff2469b76227cbc8114b653551a163de-2\"", true},
                 {"ff2469b76227cbc8114b653551a163de-2", true},
                 {"\"ff2469b76227cbc8114b653551a163de-3\"", false},
                 {"\"ff2469b76227cbc8114b653551a163de\"", false},
                 {"", false}};
    give(1, 0, 5);
    give(2, 5, 6);
    s3_ledger_done(&ledger, 1, "\"00000000000000000000000000000000\"", NULL);
    s3_ledger_done(&ledger, 2, "11111111111111111111111111111111", NULL);
    for (size_t i = 0; i < sizeof etags / sizeof *etags; i++)
        ck_assert(s3_ledger_has_etag(&ledger, etags[i].etag) == etags[i].theirs);
    /* An ETag that is no MD5 proves nothing. */
    give(3, 11, 6);
    s3_ledger_done(&ledger, 3, "\"abc-1\"", NULL);
    ck_assert(!s3_ledger_has_etag(&ledger, "ff2469b76227cbc8114b653551a163de-3"));
}
END_TEST

START_TEST(books_close_only_when_every_part_is_there)
{
    ck_assert_int_eq(s3_ledger_check(&ledger, &err), -1);
    give(1, 0, 5);
    give(2, 5, 6);
    give(3, 11, 7);
    s3_ledger_done(&ledger, 3, "\"c\"", NULL);
    s3_ledger_done(&ledger, 1, "\"a\"", NULL);
    ck_assert_int_eq(s3_ledger_check(&ledger, &err), -1);
    ck_assert_int_eq(err.kind, ERR_CORRUPT);
    ck_assert_str_eq(err.text, "part 2 of 3 is not on the service");
    s3_ledger_done(&ledger, 2, "\"b\"", NULL);
    ck_assert_int_eq(s3_ledger_check(&ledger, &err), 0);
    ck_assert_uint_eq(ledger.sent, 18);
}
END_TEST

START_TEST(a_part_without_etag_is_not_there)
{
    give(1, 0, 5);
    s3_ledger_done(&ledger, 1, "", NULL);
    ck_assert_int_eq(s3_ledger_check(&ledger, &err), -1);
}
END_TEST

START_TEST(the_body_lists_parts_ascending_and_escapes_etags)
{
    struct text body;
    const uint64_t crc = 0xae8b14860a799888U;

    text_init(&body, 4096);
    give(1, 0, 5);
    give(2, 5, 6);
    s3_ledger_done(&ledger, 2, "\"b&<\"", &crc);
    s3_ledger_done(&ledger, 1, "\"a\"", NULL);
    ck_assert_int_eq(s3_ledger_body(&ledger, &body, &err), 0);
    ck_assert_str_eq(
        body.data,
        "<CompleteMultipartUpload xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">"
        "<Part><PartNumber>1</PartNumber><ETag>&quot;a&quot;</ETag></Part>"
        "<Part><PartNumber>2</PartNumber><ETag>&quot;b&amp;&lt;&quot;</ETag>"
        "<ChecksumCRC64NVME>rosUhgp5mIg=</ChecksumCRC64NVME></Part>"
        "</CompleteMultipartUpload>");
    text_release(&body);
}
END_TEST

START_TEST(crc_of_the_whole_comes_from_the_parts)
{
    const uint64_t first = digest_crc64nvme(0, "12345", 5);
    const uint64_t second = digest_crc64nvme(0, "6789", 4);
    uint64_t whole = 0;

    ck_assert(!s3_ledger_crc64nvme(&ledger, &whole));
    give(1, 0, 5);
    give(2, 5, 4);
    s3_ledger_done(&ledger, 2, "\"b\"", &second);
    ck_assert(!s3_ledger_crc64nvme(&ledger, &whole));
    s3_ledger_done(&ledger, 1, "\"a\"", &first);
    ck_assert(s3_ledger_crc64nvme(&ledger, &whole));
    ck_assert_uint_eq(whole, 0xae8b14860a799888U);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("ledger");
    TCase *tcase = tcase_create("ledger");

    tcase_add_checked_fixture(tcase, set_up, tear_down);
    tcase_add_test(tcase, parts_are_taken_in_order_only);
    tcase_add_test(tcase, an_etag_of_just_these_parts_is_known);
    tcase_add_test(tcase, books_close_only_when_every_part_is_there);
    tcase_add_test(tcase, a_part_without_etag_is_not_there);
    tcase_add_test(tcase, the_body_lists_parts_ascending_and_escapes_etags);
    tcase_add_test(tcase, crc_of_the_whole_comes_from_the_parts);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
