#include "s3/core/provider.h"
#include "tests/support/run_suite.h"

#include <check.h>

START_TEST(a_provider_is_known_by_its_endpoint)
{
    static const struct {
        const char *endpoint, *name;
    } rows[] = {
        {"https://s3.eu-central-1.amazonaws.com", "aws"},
        {"https://s3.cn-north-1.amazonaws.com.cn", "aws"},
        {"https://0123456789abcdef.r2.cloudflarestorage.com", "r2"},
        {"https://0123456789abcdef.eu.r2.cloudflarestorage.com", "r2"},
        {"https://s3.us-west-004.backblazeb2.com", "b2"},
        {"https://s3.eu-central-2.wasabisys.com", "wasabi"},
        {"https://storage.googleapis.com", "gcs"},
        {"https://abc.storage.supabase.co/storage/v1/s3", "supabase"},
        {"https://s3.fr-par.scw.cloud", "scaleway"},
        {"https://play.min.io", "minio"},
        {"https://s3.example.com", "other"},
        {"http://127.0.0.1:9000", "other"},
        {"https://notamazonaws.com", "other"},
        {"https://amazonaws.com.example.org", "other"},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct s3_endpoint endpoint;
        struct err err = {0};
        ck_assert_msg(s3_endpoint_parse(rows[i].endpoint, &endpoint, &err) == 0, "%s",
                      err.text);
        ck_assert_str_eq(s3_provider_of(&endpoint)->name, rows[i].name);
        s3_endpoint_release(&endpoint);
    }
}
END_TEST

START_TEST(a_service_is_known_by_its_server_header)
{
    static const struct {
        const char *server, *name; /* NULL: it tells nothing */
    } rows[] = {
        {"MinIO", "minio"},
        {"MinIO/RELEASE.2022-01-01T00-00-00Z", "minio"},
        {"VERSITYGW", "versitygw"},
        {"MinIOx", NULL},
        {"nginx", NULL},
        {"", NULL},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const struct s3_provider *row = s3_provider_by_server(rows[i].server);
        ck_assert_pstr_eq(row != NULL ? row->name : NULL, rows[i].name);
    }
}
END_TEST

START_TEST(every_name_has_its_row)
{
    for (const char *const *name = s3_provider_names(); *name != NULL; name++) {
        struct err err = {0};
        const struct s3_provider *row = s3_provider_find(*name, &err);
        ck_assert_msg(row != NULL, "%s", err.text);
        ck_assert_str_eq(row->name, *name);
    }
}
END_TEST

START_TEST(a_wrong_name_is_answered_with_the_nearest)
{
    struct err err = {0};
    ck_assert_ptr_null(s3_provider_find("minioo", &err));
    ck_assert_int_eq(err.kind, ERR_CONFIG);
    ck_assert_str_eq(err.text,
                     "unknown provider \"minioo\"\nhint: did you mean \"minio\"?");
}
END_TEST

START_TEST(every_row_is_complete_and_within_what_s3_knows)
{
    for (const char *const *name = s3_provider_names(); *name != NULL; name++) {
        struct err err = {0};
        const struct s3_provider *row = s3_provider_find(*name, &err);
        ck_assert_ptr_nonnull(row);
        ck_assert(row->title != NULL && row->hosts != NULL);
        ck_assert(row->min_part >= 5000000 && row->min_part <= 5 << 20);
        ck_assert(row->max_part > row->min_part && row->max_parts >= 1000);
        ck_assert(row->max_parts <= 10000);
        ck_assert(row->max_object / row->max_part <= row->max_parts);
        ck_assert(row->list_version == 1 || row->list_version == 2);
        ck_assert_uint_gt(row->idle_seconds, 0);
        ck_assert(row->region == NULL || s3_region_is_valid(row->region));
    }
}
END_TEST

START_TEST(nothing_is_sent_that_a_provider_is_known_to_refuse)
{
    static const char *const without_checksums[] = {"b2", "gcs", "supabase", "wasabi",
                                                    "ceph"};
    static const char *const without_conditions[] = {"b2", "gcs", "supabase", "other"};

    for (size_t i = 0; i < sizeof without_checksums / sizeof without_checksums[0]; i++) {
        struct err err = {0};
        const struct s3_provider *row = s3_provider_find(without_checksums[i], &err);
        ck_assert_int_eq(row->crc64, false);
    }
    for (size_t i = 0; i < sizeof without_conditions / sizeof without_conditions[0]; i++) {
        struct err err = {0};
        const struct s3_provider *row = s3_provider_find(without_conditions[i], &err);
        ck_assert(!row->put_if_absent && !row->complete_if_absent);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("provider");
    TCase *tests = tcase_create("provider");
    tcase_add_test(tests, a_provider_is_known_by_its_endpoint);
    tcase_add_test(tests, a_service_is_known_by_its_server_header);
    tcase_add_test(tests, every_name_has_its_row);
    tcase_add_test(tests, a_wrong_name_is_answered_with_the_nearest);
    tcase_add_test(tests, every_row_is_complete_and_within_what_s3_knows);
    tcase_add_test(tests, nothing_is_sent_that_a_provider_is_known_to_refuse);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
