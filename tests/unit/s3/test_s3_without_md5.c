/* A host whose OpenSSL has no MD5, as in FIPS mode. The service runs in a process of its
 * own, because it has MD5. */
#include "base/digest.h"
#include "base/memory.h"
#include "tests/support/s3_rig.h"
#include "tests/support/run_suite.h"

#include <check.h>
#include <openssl/core_dispatch.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/provider.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PART = S3_RIG_PART, ROWS = 200 };

/* ---- OpenSSL without MD5: all of the default provider, under a property, but that one */

static OSSL_PROVIDER *whole, *strict;
static OSSL_ALGORITHM kept[ROWS];

static const OSSL_ALGORITHM *query(void *context, int operation, int *no_cache)
{
    const OSSL_ALGORITHM *all = OSSL_PROVIDER_query_operation(whole, operation, no_cache);
    size_t count = 0;

    (void)context;
    *no_cache = 1;
    for (; all != NULL && all->algorithm_names != NULL && count < ROWS - 1; all++) {
        kept[count] = *all;
        kept[count].property_definition = "fips=yes";
        if (strncmp(all->algorithm_names, "MD5:", 4) != 0)
            count++;
    }
    kept[count] = (OSSL_ALGORITHM){0};
    return kept;
}

static int strict_init(const OSSL_CORE_HANDLE *handle, const OSSL_DISPATCH *in,
                       const OSSL_DISPATCH **out, void **context)
{
    static const OSSL_DISPATCH table[] = {
        {OSSL_FUNC_PROVIDER_QUERY_OPERATION, (void (*)(void))query}, {0, NULL}};

    (void)handle;
    (void)in;
    *out = table;
    *context = OSSL_PROVIDER_get0_provider_ctx(whole);
    return 1;
}

static void forbid_md5(void)
{
    whole = OSSL_PROVIDER_load(NULL, "default");
    ck_assert_ptr_nonnull(whole);
    ck_assert_int_eq(OSSL_PROVIDER_add_builtin(NULL, "strict", strict_init), 1);
    strict = OSSL_PROVIDER_load(NULL, "strict");
    ck_assert_ptr_nonnull(strict);
    ck_assert_int_eq(EVP_set_default_properties(NULL, "fips=yes"), 1);
    ck_assert(!digest_available(DIGEST_MD5));
    ck_assert(digest_available(DIGEST_SHA256));
}

/* ---- the service */

static pid_t service;
static char endpoint[256];

static void serve(int ready)
{
    struct fake_s3_settings settings = fake_s3_defaults();
    struct err err = {0};
    struct fake_s3 *fake = fake_s3_new(&settings, &err);

    if (fake == NULL)
        _exit(1);
    const char *url = fake_s3_endpoint(fake);
    (void)!write(ready, url, strlen(url));
    close(ready);
    for (;;)
        pause();
}

static void start(void)
{
    int ends[2];

    ck_assert_int_eq(pipe(ends), 0);
    service = fork();
    ck_assert_int_ge(service, 0);
    if (service == 0) {
        close(ends[0]);
        serve(ends[1]);
    }
    close(ends[1]);
    ssize_t size = read(ends[0], endpoint, sizeof endpoint - 1);
    close(ends[0]);
    ck_assert_int_gt(size, 0);
    endpoint[size] = '\0';
    forbid_md5();
}

static void stop(void)
{
    kill(service, SIGKILL);
    waitpid(service, NULL, 0);
    OSSL_PROVIDER_unload(strict);
    OSSL_PROVIDER_unload(whole);
}

/* ---- */

static const char *const providers[] = {"aws", "minio", "ceph"};

static struct s3_client *connect_as(const char *provider)
{
    struct s3_config config = s3_pair_config();
    struct err err = {0};

    config.endpoint = endpoint;
    config.provider = provider;
    struct s3_client *client = s3_client_new(&config, &err);
    ck_assert_msg(client != NULL, "%s", err.text);
    return client;
}

static void upload_three_parts(struct s3_client *client)
{
    struct s3_upload_spec spec = {.key = "big",
                                  .token = "0123456789abcdef0123456789abcdef"};
    struct part_pool *pool;
    struct err err = {0};

    pool = part_pool_new(4, PART, NULL, &err);
    ck_assert_msg(pool != NULL, "%s", err.text);
    struct s3_upload *upload = s3_upload_begin(client, &spec, &err);
    for (unsigned n = 1; n <= 3; n++) {
        struct part *part = part_pool_get(pool, &err);
        ck_assert_ptr_nonnull(part);
        part->number = n;
        part->offset = (uint64_t)(n - 1) * PART;
        part->size = PART;
        part->last = n == 3;
        s3_rig_fill(part->data, part->offset, PART);
        ck_assert_msg(s3_upload_part(upload, part, &err) == 0, "%s", err.text);
        part_release(part);
    }
    ck_assert_msg(s3_upload_finish(upload, NULL, &err) == 0, "%s", err.text);
    s3_upload_free(upload);
    part_pool_free(pool);
}

START_TEST(objects_are_written_read_and_deleted_without_md5)
{
    struct s3_client *client = connect_as(providers[_i]);
    struct s3_put put = {.key = "small", .data = "data", .size = 4};
    struct s3_delete gone[] = {{.key = "small"}, {.key = "big"}};
    struct text back;
    struct err err = {0};
    bool absent;

    ck_assert_msg(s3_put(client, &put, &err) == 0, "%s", err.text);
    upload_three_parts(client);
    text_init(&back, 4 * PART);
    ck_assert_msg(s3_get(client, "big", &back, &absent, &err) == 0, "%s", err.text);
    ck_assert_uint_eq(back.length, 3 * PART);
    ck_assert(s3_rig_matches((unsigned char *)back.data, 0, back.length));
    text_release(&back);
    for (size_t i = 0; i < 2; i++) {
        ck_assert_msg(s3_delete(client, &gone[i], &err) == 0, "%s", err.text);
        ck_assert_int_eq(gone[i].result, S3_REMOVED);
    }
    s3_client_free(client);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("s3_without_md5");
    TCase *tcase = tcase_create("s3_without_md5");

    tcase_add_checked_fixture(tcase, start, stop);
    tcase_add_loop_test(tcase, objects_are_written_read_and_deleted_without_md5, 0,
                        (int)(sizeof providers / sizeof providers[0]));
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
