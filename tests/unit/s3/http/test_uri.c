#include "s3/http/uri.h"

#include "base/memory.h"
#include "tests/support/run_suite.h"

#include <check.h>

static const struct {
    const char *text;
    bool tls, ipv6;
    const char *host;
    unsigned port;
    const char *base_path;
} good[] = {
    {"https://s3.example.com", true, false, "s3.example.com", 443, ""},
    {"https://s3.example.com/", true, false, "s3.example.com", 443, ""},
    {"HTTPS://S3.Example.COM.", true, false, "s3.example.com", 443, ""},
    {"http://s3.example.com", false, false, "s3.example.com", 80, ""},
    {"https://s3.example.com:8443", true, false, "s3.example.com", 8443, ""},
    {"https://s3.example.com:80", true, false, "s3.example.com", 80, ""},
    {"http://s3.example.com", false, false, "s3.example.com", 80, ""},
    {"http://s3.example.com:9000/base/", false, false, "s3.example.com", 9000, "/base"},
    {"http://localhost:9000", false, false, "localhost", 9000, ""},
    {"http://minio.localhost", false, false, "minio.localhost", 80, ""},
    {"http://127.0.0.1:9000", false, false, "127.0.0.1", 9000, ""},
    {"http://[::1]", false, true, "::1", 80, ""},
    {"http://[::1]:9000", false, true, "::1", 9000, ""},
    {"https://[2001:DB8:0:0:0:0:0:1]/x", true, true, "2001:db8::1", 443, "/x"},
    {"https://x.storage.supabase.co/storage/v1/s3", true, false, "x.storage.supabase.co",
     443, "/storage/v1/s3"},
    {"https://h/a%7eb/%c3%a4//", true, false, "h", 443, "/a~b/%C3%A4"},
    {"https://h/\xC3\xA4+b", true, false, "h", 443, "/%C3%A4%2Bb"},
    {"https://my_minio:9000", true, false, "my_minio", 9000, ""},
};

START_TEST(an_endpoint_is_read)
{
    struct s3_endpoint endpoint;
    struct err err = {0};
    ck_assert_msg(s3_endpoint_parse(good[_i].text, &endpoint, &err) == 0, "%s", err.text);
    ck_assert_int_eq(endpoint.tls, good[_i].tls);
    ck_assert_int_eq(endpoint.ipv6, good[_i].ipv6);
    ck_assert_str_eq(endpoint.host, good[_i].host);
    ck_assert_uint_eq(endpoint.port, good[_i].port);
    ck_assert_str_eq(endpoint.base_path, good[_i].base_path);
    s3_endpoint_release(&endpoint);
}
END_TEST

static const char *const bad[] = {
    "",
    "https://",
    "https:///base",
    "https:/h",
    "https://h%41",
    "https://h%2Fx",
    "https://h\\x",
    "ftp://h",
    "s3://bucket",
    "https://user@h",
    "https://user:hunter2@h",
    "https://h?hunter2",
    "https://h/#hunter2",
    "https://h/a b",
    "https://h\n",
    "https://h:",
    "https://h:0",
    "https://h:65536",
    "https://h:999999999999",
    "https://h:+80",
    "https://h:80x",
    "https://::1",
    "https://[::1",
    "https://[::1]9000",
    "https://[fe80::1%25eth0]",
    "https://[hunter2]",
    "https://a..b",
    "https://-a",
    "https://a-",
    "https://.",
    "https://h\xC3\xA4st",
    "https://h*",
    "https://aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.b",
};

START_TEST(a_malformed_endpoint_is_refused_and_not_shown)
{
    struct s3_endpoint endpoint;
    struct err err = {0};
    ck_assert_int_eq(s3_endpoint_parse(bad[_i], &endpoint, &err), -1);
    ck_assert_int_eq(err.kind, ERR_CONFIG);
    ck_assert(text_starts_with(err.text, "endpoint: "));
    ck_assert_ptr_null(strstr(err.text, "hunter2"));
}
END_TEST

static const char *const bare[] = {"minio.local:9000", "s3.example.com/base", "[::1]:9000",
                                   "127.0.0.1"};

START_TEST(an_endpoint_without_a_scheme_is_shown_with_one)
{
    struct s3_endpoint endpoint;
    struct err err = {0};
    char *right = memory_format("\"https://%s\", or \"http://%s\"", bare[_i], bare[_i]);
    ck_assert_int_eq(s3_endpoint_parse(bare[_i], &endpoint, &err), -1);
    ck_assert_int_eq(err.kind, ERR_CONFIG);
    ck_assert(
        text_starts_with(err.text, "endpoint: it must begin with https:// or http://"));
    ck_assert_ptr_nonnull(strstr(err.text, right));
    free(right);
    /* What is not surely a host is not shown: a password may stand in it. */
    err_clear(&err);
    ck_assert_int_eq(s3_endpoint_parse("u:hunter2@minio:9000", &endpoint, &err), -1);
    ck_assert_ptr_null(strstr(err.text, "hunter2"));
}
END_TEST

static const struct {
    const char *region;
    bool fips, dualstack;
    const char *host; /* NULL: refused */
} amazon[] = {
    {"eu-west-1", false, false, "s3.eu-west-1.amazonaws.com"},
    {"us-east-1", true, false, "s3-fips.us-east-1.amazonaws.com"},
    {"us-east-1", false, true, "s3.dualstack.us-east-1.amazonaws.com"},
    {"us-gov-west-1", true, true, "s3-fips.dualstack.us-gov-west-1.amazonaws.com"},
    {"cn-north-1", false, false, "s3.cn-north-1.amazonaws.com.cn"},
    {"", false, false, NULL},
    {"EU", false, false, NULL},
    {"evil.example.com/", false, false, NULL},
    {"a.b", false, false, NULL},
    {"-", false, false, NULL},
};

START_TEST(amazon_has_an_endpoint_for_each_region)
{
    struct s3_endpoint endpoint;
    struct err err = {0};
    int result = s3_endpoint_aws(amazon[_i].region, amazon[_i].fips, amazon[_i].dualstack,
                                 &endpoint, &err);
    ck_assert_int_eq(result, amazon[_i].host == NULL ? -1 : 0);
    if (result < 0) {
        ck_assert_int_eq(err.kind, ERR_CONFIG);
        return;
    }
    ck_assert_str_eq(endpoint.host, amazon[_i].host);
    ck_assert(endpoint.tls && endpoint.port == 443);
    ck_assert(s3_endpoint_is_aws(&endpoint));
    char *region = s3_endpoint_region(&endpoint);
    ck_assert_str_eq(region, amazon[_i].region);
    free(region);
    s3_endpoint_release(&endpoint);
}
END_TEST

static const struct {
    const char *host;
    const char *region; /* NULL: none */
    const char *moved;  /* to ap-southeast-2; NULL: stays */
} regions[] = {
    {"s3.amazonaws.com", NULL, "s3.ap-southeast-2.amazonaws.com"},
    {"s3.eu-west-1.amazonaws.com", "eu-west-1", "s3.ap-southeast-2.amazonaws.com"},
    {"s3-eu-west-1.amazonaws.com", "eu-west-1", "s3.ap-southeast-2.amazonaws.com"},
    {"s3-fips.us-gov-east-1.amazonaws.com", "us-gov-east-1",
     "s3-fips.ap-southeast-2.amazonaws.com"},
    {"s3-fips.dualstack.us-east-1.amazonaws.com", "us-east-1",
     "s3-fips.dualstack.ap-southeast-2.amazonaws.com"},
    {"s3.cn-north-1.amazonaws.com.cn", "cn-north-1", "s3.ap-southeast-2.amazonaws.com"},
    {"s3-accelerate.amazonaws.com", NULL, NULL},
    {"s3-external-1.amazonaws.com", NULL, "s3.ap-southeast-2.amazonaws.com"},
    {"bucket.vpce-1a2b-3c.s3.eu-west-1.vpce.amazonaws.com", "eu-west-1", NULL},
    {"s3.example.com", NULL, NULL},
    {"s3.eu-west-1.example.com", NULL, NULL},
    {"s3.eu-west-1.amazonaws.com.evil.com", NULL, NULL},
};

START_TEST(the_region_of_an_amazon_host_is_found_and_changed)
{
    struct s3_endpoint endpoint;
    struct err err = {0};
    char *url = memory_format("https://%s", regions[_i].host);
    ck_assert_int_eq(s3_endpoint_parse(url, &endpoint, &err), 0);
    free(url);
    char *region = s3_endpoint_region(&endpoint);
    ck_assert_pstr_eq(region, regions[_i].region);
    free(region);
    ck_assert(!s3_endpoint_set_region(&endpoint, "evil.com/"));
    ck_assert_str_eq(endpoint.host, regions[_i].host);
    ck_assert_int_eq(s3_endpoint_set_region(&endpoint, "ap-southeast-2"),
                     regions[_i].moved != NULL);
    ck_assert_str_eq(endpoint.host,
                     regions[_i].moved != NULL ? regions[_i].moved : regions[_i].host);
    s3_endpoint_release(&endpoint);
}
END_TEST

static const struct {
    const char *endpoint;
    bool loopback;
} loopback[] = {
    {"http://localhost", true},       {"http://a.localhost", true},
    {"http://127.0.0.1", true},       {"http://127.9.8.7:1", true},
    {"http://[::1]", true},           {"http://[0:0:0:0:0:0:0:1]", true},
    {"http://0177.1", true},          {"http://0x0a.1", false},
    {"http://localhost.evil", false}, {"http://127.evil.com", false},
    {"http://notlocalhost", false},   {"http://10.0.0.1", false},
    {"http://[::2]", false},          {"http://[::ffff:10.0.0.1]", false},
};

START_TEST(plain_http_is_for_loopback_or_by_permission)
{
    struct s3_endpoint endpoint;
    struct err err = {0};
    ck_assert_int_eq(s3_endpoint_parse(loopback[_i].endpoint, &endpoint, &err), 0);
    ck_assert_int_eq(s3_endpoint_is_loopback(&endpoint), loopback[_i].loopback);
    ck_assert_int_eq(s3_endpoint_check_secure(&endpoint, true, &err), 0);
    ck_assert_int_eq(s3_endpoint_check_secure(&endpoint, false, &err),
                     loopback[_i].loopback ? 0 : -1);
    ck_assert_int_eq(err.kind, loopback[_i].loopback ? ERR_NONE : ERR_CONFIG);
    endpoint.tls = true;
    ck_assert_int_eq(s3_endpoint_check_secure(&endpoint, false, &err), 0);
    s3_endpoint_release(&endpoint);
}
END_TEST

static const struct {
    const char *endpoint, *host;
    bool follow;
} follows[] = {
    {"https://s3.example.com", "s3.example.com", true},
    {"https://s3.example.com", "S3.Example.com:443", true},
    {"https://s3.example.com", "bucket.s3.example.com", true},
    {"https://s3.example.com", "evils3.example.com", false},
    {"https://s3.example.com", "example.com", false},
    {"https://s3.example.com", "s3.example.com.evil.com", false},
    {"https://s3.example.com", "evil.com@s3.example.com", false},
    {"https://s3.example.com", "evil.com/.s3.example.com", false},
    {"https://s3.example.com", "s3.example.com/x", false},
    {"https://s3.example.com", "s3.example.com?x", false},
    {"https://s3.example.com", "bucket.s3.eu-west-1.amazonaws.com", false},
    {"https://s3.amazonaws.com", "bucket.s3.eu-west-1.amazonaws.com", true},
    {"https://s3.amazonaws.com", "amazonaws.com.evil.com", false},
    {"https://s3.amazonaws.com", "evilamazonaws.com", false},
    {"https://s3.eu-west-1.amazonaws.com", "s3.example.com", false},
    {"http://127.0.0.1:9000", "127.0.0.1:9000", true},
    {"http://127.0.0.1:9000", "1.127.0.0.1", false},
    {"http://[::1]:9000", "[0:0::1]:9000", true},
    {"http://[::1]:9000", "[::2]:9000", false},
    {"https://s3.example.com", "", false},
};

START_TEST(a_redirect_leads_no_further_than_the_endpoint)
{
    struct s3_endpoint endpoint;
    struct err err = {0};
    ck_assert_int_eq(s3_endpoint_parse(follows[_i].endpoint, &endpoint, &err), 0);
    ck_assert_int_eq(s3_endpoint_may_follow(&endpoint, follows[_i].host),
                     follows[_i].follow);
    s3_endpoint_release(&endpoint);
}
END_TEST

static const struct {
    const char *endpoint;
    enum s3_style style;
    const char *bucket, *key;
    const char *url; /* NULL: the style is refused */
    const char *host;
} uris[] = {
    {"https://s3.eu-west-1.amazonaws.com", S3_STYLE_AUTO, "acme", "a/b",
     "https://acme.s3.eu-west-1.amazonaws.com/a/b", "acme.s3.eu-west-1.amazonaws.com"},
    {"https://s3.eu-west-1.amazonaws.com", S3_STYLE_AUTO, "acme", NULL,
     "https://acme.s3.eu-west-1.amazonaws.com/", "acme.s3.eu-west-1.amazonaws.com"},
    {"https://s3.eu-west-1.amazonaws.com", S3_STYLE_AUTO, "acme.pg", "k",
     "https://s3.eu-west-1.amazonaws.com/acme.pg/k", "s3.eu-west-1.amazonaws.com"},
    {"https://s3.eu-west-1.amazonaws.com", S3_STYLE_AUTO, "Acme_PG", "k",
     "https://s3.eu-west-1.amazonaws.com/Acme_PG/k", "s3.eu-west-1.amazonaws.com"},
    {"https://s3.eu-west-1.amazonaws.com", S3_STYLE_PATH, "acme", "k",
     "https://s3.eu-west-1.amazonaws.com/acme/k", "s3.eu-west-1.amazonaws.com"},
    {"https://s3.eu-west-1.amazonaws.com", S3_STYLE_VIRTUAL, "acme.pg", "k", NULL, NULL},
    {"http://s3.localhost:1", S3_STYLE_VIRTUAL, "acme.pg", "k",
     "http://acme.pg.s3.localhost:1/k", "acme.pg.s3.localhost:1"},
    {"http://s3.localhost:1", S3_STYLE_VIRTUAL, "acme_pg", "k", NULL, NULL},
    {"http://127.0.0.1:9000", S3_STYLE_VIRTUAL, "acme", "k", NULL, NULL},
    {"http://[::1]:9000", S3_STYLE_VIRTUAL, "acme", "k", NULL, NULL},
    {"http://[::1]:9000", S3_STYLE_AUTO, "acme", "k", "http://[::1]:9000/acme/k",
     "[::1]:9000"},
    {"http://127.0.0.1:9000", S3_STYLE_AUTO, "acme", NULL, "http://127.0.0.1:9000/acme",
     "127.0.0.1:9000"},
    {"http://127.0.0.1:9000", S3_STYLE_AUTO, "b", "", "http://127.0.0.1:9000/b/",
     "127.0.0.1:9000"},
    {"https://h/storage/v1/s3", S3_STYLE_AUTO, "b", "/./../x//",
     "https://h/storage/v1/s3/b//./../x//", "h"},
    {"https://h/base", S3_STYLE_VIRTUAL, "b", "k", "https://b.h/base/k", "b.h"},
    {"https://h", S3_STYLE_PATH, "b", "a b+c%2F?&#\xC3\xA4~",
     "https://h/b/a%20b%2Bc%252F%3F%26%23%C3%A4~", "h"},
};

START_TEST(an_address_has_the_style_asked_for)
{
    struct s3_endpoint endpoint;
    struct s3_uri uri;
    struct err err = {0};
    bool virtual_host;
    ck_assert_int_eq(s3_endpoint_parse(uris[_i].endpoint, &endpoint, &err), 0);
    int result =
        s3_style_resolve(&endpoint, uris[_i].style, uris[_i].bucket, &virtual_host, &err);
    ck_assert_int_eq(result, uris[_i].url == NULL ? -1 : 0);
    if (result == 0) {
        s3_uri_init(&uri, &endpoint, virtual_host, uris[_i].bucket, uris[_i].key);
        char *url = s3_uri_text(&uri, "");
        ck_assert_str_eq(url, uris[_i].url);
        ck_assert_str_eq(uri.host, uris[_i].host);
        free(url);
        s3_uri_release(&uri);
    } else {
        ck_assert_int_eq(err.kind, ERR_CONFIG);
        ck_assert_ptr_nonnull(strstr(err.text, "\nhint: set style = \"path\""));
    }
    s3_endpoint_release(&endpoint);
}
END_TEST

START_TEST(without_bucket_it_is_the_service)
{
    struct s3_endpoint endpoint;
    struct s3_uri uri;
    struct err err = {0};
    ck_assert_int_eq(s3_endpoint_parse("https://h:8443/base", &endpoint, &err), 0);
    s3_uri_init(&uri, &endpoint, true, NULL, NULL);
    char *url = s3_uri_text(&uri, "list-type=2");
    ck_assert_str_eq(url, "https://h:8443/base?list-type=2");
    ck_assert_str_eq(uri.host, "h:8443");
    free(url);
    s3_uri_release(&uri);
    s3_endpoint_release(&endpoint);
}
END_TEST

static const struct {
    const char *text, *out;
} queries[] = {
    {"", ""},
    {"a", "a="},
    {"a=", "a="},
    {"b=1&a=2&a=1", "a=1&a=2&b=1"},
    {"a=b=c", "a=b%3Dc"},
    {"a=%20+", "a=%20%2B"},
    {"a=%", "a=%25"},
    {"a=%zz%4", "a=%25zz%254"},
    {"a=%00b", "a=%00b"},
    {"%61=%62", "a=b"},
    {"a=%C3%a4", "a=%C3%A4"},
    {"&a&&b&", "a=&b="},
    {"=", "="},
};

START_TEST(a_query_is_encoded_and_sorted)
{
    struct s3_query query = {0};
    struct text out;
    text_init(&out, 1 << 16);
    s3_query_add_text(&query, queries[_i].text);
    s3_query_text(&query, &out);
    ck_assert_str_eq(out.data, queries[_i].out);
    s3_query_release(&query);
    text_release(&out);
}
END_TEST

START_TEST(pairs_are_raw_bytes)
{
    struct s3_query query = {0};
    struct text out;
    text_init(&out, 1 << 16);
    s3_query_add(&query, "uploads", NULL);
    s3_query_add(&query, "prefix", "a%2F&=+ /\xC3\xA4");
    s3_query_addf(&query, "max-keys", "%d", 1000);
    s3_query_text(&query, &out);
    ck_assert_str_eq(out.data, "max-keys=1000&prefix=a%252F%26%3D%2B%20%2F%C3%A4&uploads=");
    s3_query_release(&query);
    text_release(&out);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("uri");
    TCase *tcase = tcase_create("uri");
    tcase_add_loop_test(tcase, an_endpoint_is_read, 0, (int)(sizeof good / sizeof *good));
    tcase_add_loop_test(tcase, a_malformed_endpoint_is_refused_and_not_shown, 0,
                        (int)(sizeof bad / sizeof *bad));
    tcase_add_loop_test(tcase, an_endpoint_without_a_scheme_is_shown_with_one, 0,
                        (int)(sizeof bare / sizeof *bare));
    tcase_add_loop_test(tcase, amazon_has_an_endpoint_for_each_region, 0,
                        (int)(sizeof amazon / sizeof *amazon));
    tcase_add_loop_test(tcase, the_region_of_an_amazon_host_is_found_and_changed, 0,
                        (int)(sizeof regions / sizeof *regions));
    tcase_add_loop_test(tcase, plain_http_is_for_loopback_or_by_permission, 0,
                        (int)(sizeof loopback / sizeof *loopback));
    tcase_add_loop_test(tcase, a_redirect_leads_no_further_than_the_endpoint, 0,
                        (int)(sizeof follows / sizeof *follows));
    tcase_add_loop_test(tcase, an_address_has_the_style_asked_for, 0,
                        (int)(sizeof uris / sizeof *uris));
    tcase_add_test(tcase, without_bucket_it_is_the_service);
    tcase_add_loop_test(tcase, a_query_is_encoded_and_sorted, 0,
                        (int)(sizeof queries / sizeof *queries));
    tcase_add_test(tcase, pairs_are_raw_bytes);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
