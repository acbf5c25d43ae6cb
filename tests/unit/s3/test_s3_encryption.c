/* What objects are to be like is said where they are made and nowhere else; a key of our
 * own goes wherever the service has to read or write with it. Services refuse both too few
 * and too many of these headers (S3.md 1.7, 1.8). */
#include "base/memory.h"
#include "tests/support/s3_rig.h"
#include "tests/support/run_suite.h"
#include "tests/support/scratch.h"

#include <check.h>

enum { PART = S3_RIG_PART };

static char key_file[SCRATCH_SIZE];

static void own_key(struct s3_config *config)
{
    config->provider = "aws";
    config->sse_c_key_file = key_file;
}

static void own_key_without_checksums(struct s3_config *config)
{
    config->provider = "other";
    config->sse_c_key_file = key_file;
}

static void all_of_it(struct s3_config *config)
{
    config->provider = "aws";
    config->sse = "aws:kms";
    config->sse_kms_key = "key-1";
    config->storage_class = "STANDARD_IA";
    config->tagging = "a=b&c=d";
    config->object_lock_mode = "GOVERNANCE";
    config->object_lock_seconds = 3600;
    config->legal_hold = true;
}

/* Every kind of request about objects, once at least. */
static void do_everything(void)
{
    struct s3_put put = {.key = "small", .data = "data", .size = 4};
    struct s3_delete gone = {.key = "small"};
    struct s3_object object;
    struct text back;
    bool absent;

    ck_assert_msg(s3_put(rig.client, &put, &rig.err) == 0, "%s", rig.err.text);
    ck_assert_msg(s3_rig_upload(3) == 0, "%s", rig.err.text);
    text_init(&back, 100);
    ck_assert_msg(s3_get(rig.client, "small", &back, &absent, &rig.err) == 0, "%s",
                  rig.err.text);
    text_release(&back);
    ck_assert_msg(s3_head(rig.client, "small", &object, &absent, &rig.err) == 0, "%s",
                  rig.err.text);
    s3_object_release(&object);
    struct s3_upload *given_up = s3_rig_begin("given up");
    ck_assert_int_eq(s3_rig_give(given_up, 1, 2, PART, PART), 0);
    s3_upload_free(given_up);
    ck_assert_msg(s3_delete(rig.client, &gone, &rig.err) == 0, "%s", rig.err.text);
}

static bool is_sent(const char *op, const char *header)
{
    struct fake_request request;

    ck_assert_msg(fake_s3_request(rig.fake, op, 1, &request), "no %s", op);
    char *value = fake_request_header(&request, header);
    fake_request_release(&request);
    bool sent = value != NULL;
    free(value);
    return sent;
}

#define CREATING "PutObject CreateMultipartUpload "
#define SSE "x-amz-server-side-encryption"
#define LOCK "x-amz-object-lock-"

static const struct {
    void (*change)(struct s3_config *config);
    const char *header;
    const char *ops; /* that carry it */
} rows[] = {
    {own_key, SSE "-customer-key",
     CREATING "UploadPart CompleteMultipartUpload ListParts HeadObject GetObject "},
    {own_key, SSE "-customer-key-MD5",
     CREATING "UploadPart CompleteMultipartUpload ListParts HeadObject GetObject "},
    {own_key_without_checksums, SSE "-customer-algorithm",
     CREATING "UploadPart ListParts HeadObject GetObject "},
    {all_of_it, SSE, CREATING},
    {all_of_it, SSE "-aws-kms-key-id", CREATING},
    {all_of_it, "x-amz-storage-class", CREATING},
    {all_of_it, "x-amz-tagging", CREATING},
    {all_of_it, LOCK "mode", CREATING},
    {all_of_it, LOCK "retain-until-date", CREATING},
    {all_of_it, LOCK "legal-hold", CREATING},
};

START_TEST(each_header_goes_with_the_requests_that_need_it_and_no_other)
{
    static const char *const ops[] = {"PutObject",
                                      "CreateMultipartUpload",
                                      "UploadPart",
                                      "CompleteMultipartUpload",
                                      "ListParts",
                                      "HeadObject",
                                      "AbortMultipartUpload",
                                      "GetObject",
                                      "DeleteObject"};
    struct fake_s3_settings settings = fake_s3_defaults();

    scratch_file(key_file, "0123456789abcdef0123456789abcdef");
    settings.versioning = settings.object_lock = true;
    s3_rig_start(&settings, rows[_i].change);
    do_everything();
    for (size_t i = 0; i < sizeof ops / sizeof ops[0]; i++) {
        char *word = memory_format("%s ", ops[i]);
        bool wanted = strstr(rows[_i].ops, word) != NULL;
        ck_assert_msg(is_sent(ops[i], rows[_i].header) == wanted, "%s, %s", ops[i],
                      rows[_i].header);
        free(word);
    }
    s3_rig_stop();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("s3_encryption");
    TCase *tcase = tcase_create("s3_encryption");

    tcase_add_loop_test(tcase, each_header_goes_with_the_requests_that_need_it_and_no_other,
                        0, (int)(sizeof rows / sizeof rows[0]));
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
