#include "s3/auth/sign.h"

#include "base/clock.h"
#include "s3/auth/keys.h"
#include "s3/http/uri.h"
#include "tests/support/sigv4_vectors.h"
#include "tests/support/run_suite.h"

#include <check.h>

#define EMPTY_HASH "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
#define SECRET "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"

START_TEST(every_vector_of_others_is_met)
{
    unsigned cases = 0;
    unsigned failed = 0;
    char *folder = sigv4_vectors_folder();
    if (folder == NULL || !sigv4_vectors_run(folder, &cases, &failed)) {
        printf("skipped: sigv4 vectors: no folder %s (PGKEEP_SIGV4_VECTORS names one)\n",
               folder == NULL ? "../shared/sigv4" : folder);
    } else {
        printf("sigv4 vectors: %u cases, %u failed\n", cases, failed);
        ck_assert_msg(cases > 0, "%s holds no case", folder);
    }
    fflush(stdout);
    free(folder);
    ck_assert_uint_eq(failed, 0);
}
END_TEST

static struct s3_credentials credentials_of(const char *token)
{
    struct s3_credentials credentials = {.access_key = memory_strdup("AKIDEXAMPLE")};
    secret_set(&credentials.secret_key, SECRET);
    secret_set(&credentials.session_token, token);
    return credentials;
}

static void release(struct s3_credentials *credentials)
{
    free(credentials->access_key);
    secret_release(&credentials->secret_key);
    secret_release(&credentials->session_token);
}

static struct s3_sign_request request_of(const char *path, const char *query)
{
    return (struct s3_sign_request){.method = "GET",
                                    .host = "s3.example.com",
                                    .path = path,
                                    .query = query,
                                    .payload = EMPTY_HASH,
                                    .region = "us-east-1",
                                    .service = "s3",
                                    .time = 1440938160}; /* 2015-08-30T12:36:00Z */
}

/* The n-th line (from 1) of a text; heap. */
static char *line_of(const char *text, unsigned number)
{
    while (--number > 0)
        text = strchr(text, '\n') + 1;
    return memory_strndup(text, strcspn(text, "\n"));
}

static void sign(struct s3_sign_request *request, const char *token,
                 struct s3_sign_trace *trace, struct strlist *lines)
{
    struct s3_credentials credentials = credentials_of(token);
    request->credentials = &credentials;
    request->trace = trace;
    struct s3_signer *signer = s3_signer_new();
    struct err err = {0};
    ck_assert_msg(s3_sign(signer, request, lines, &err) == 0, "%s", err.text);
    s3_signer_free(signer);
    release(&credentials);
}

/* S3's rules: path as on the wire, never normalised, encoded once; query sorted by its
 * encoded form. */
static const struct {
    const char *path;
    const char *query;
    const char *canonical_path;
    const char *canonical_query;
} paths[] = {
    {"/", NULL, "/", ""},
    {"/bucket/key", "", "/bucket/key", ""},
    {"/storage/v1/s3/bucket/key", NULL, "/storage/v1/s3/bucket/key", ""},
    {"/bucket//key", NULL, "/bucket//key", ""},
    {"//", NULL, "//", ""},
    {"/bucket/key//", NULL, "/bucket/key//", ""},
    {"/bucket/./a/../b", NULL, "/bucket/./a/../b", ""},
    {"/bucket/..", NULL, "/bucket/..", ""},
    {"/bucket/a%20b", NULL, "/bucket/a%20b", ""},
    {"/bucket/a b", NULL, "/bucket/a%20b", ""},
    {"/bucket/a+b", NULL, "/bucket/a%2Bb", ""},
    {"/bucket/a%2Bb", NULL, "/bucket/a%2Bb", ""},
    {"/bucket/a%2fb", NULL, "/bucket/a%2Fb", ""},
    {"/bucket/%7Euser", NULL, "/bucket/~user", ""},
    {"/bucket/100%25", NULL, "/bucket/100%25", ""},
    {"/bucket/%2525", NULL, "/bucket/%2525", ""},
    {"/bucket/-._~AZaz09", NULL, "/bucket/-._~AZaz09", ""},
    {"/b/!\"#$&'()*,:;<=>@[\\]^`{|}", NULL,
     "/b/%21%22%23%24%26%27%28%29%2A%2C%3A%3B%3C%3D%3E%40%5B%5C%5D%5E%60%7B%7C%7D", ""},
    {"/bucket/gr\xC3\xBC\xC3\x9F", NULL, "/bucket/gr%C3%BC%C3%9F", ""},
    {"/bucket/%e1%88%b4", NULL, "/bucket/%E1%88%B4", ""},
    {"/bucket/\xF0\x9F\x90\x98", NULL, "/bucket/%F0%9F%90%98", ""},
    {"/bucket", "uploads", "/bucket", "uploads="},
    {"/bucket", "uploads=", "/bucket", "uploads="},
    {"/bucket", "b=2&a=1", "/bucket", "a=1&b=2"},
    {"/bucket", "a=2&a=1&a", "/bucket", "a=&a=1&a=2"},
    {"/bucket", "prefix=a/b", "/bucket", "prefix=a%2Fb"},
    {"/bucket", "prefix=a%2Fb", "/bucket", "prefix=a%2Fb"},
    {"/bucket", "prefix=a+b", "/bucket", "prefix=a%2Bb"},
    {"/bucket", "prefix=a b", "/bucket", "prefix=a%20b"},
    {"/bucket", "x=1=2", "/bucket", "x=1%3D2"},
    {"/bucket", "A=1&a=2&B=3", "/bucket", "A=1&B=3&a=2"},
    {"/bucket", "a-b=1&a=2", "/bucket", "a=2&a-b=1"},
    {"/bucket", "%C3%A4=1&z=2", "/bucket", "%C3%A4=1&z=2"},
    {"/bucket", "&&a=1&", "/bucket", "a=1"},
    {"/bucket", "=v", "/bucket", "=v"},
    {"/bucket", "list-type=2&continuation-token=1ue/+==&max-keys=1000", "/bucket",
     "continuation-token=1ue%2F%2B%3D%3D&list-type=2&max-keys=1000"},
};

START_TEST(s3_paths_and_queries_are_signed_in_wire_form)
{
    struct s3_sign_trace trace;
    struct strlist lines = {0};
    struct s3_sign_request request = request_of(paths[_i].path, paths[_i].query);
    s3_sign_trace_init(&trace);
    sign(&request, NULL, &trace, &lines);
    char *path = line_of(trace.canonical_request.data, 2);
    char *query = line_of(trace.canonical_request.data, 3);
    ck_assert_str_eq(path, paths[_i].canonical_path);
    ck_assert_str_eq(query, paths[_i].canonical_query);
    free(path);
    free(query);
    strlist_wipe(&lines);
    s3_sign_trace_release(&trace);
}
END_TEST

/* The whole way from an endpoint and a raw key to what is signed. */
static const struct {
    const char *endpoint;
    enum s3_style style;
    const char *bucket;
    const char *key;
    const char *canonical_path;
    const char *host;
} addresses[] = {
    {"https://s3.eu-west-1.amazonaws.com", S3_STYLE_AUTO, "acme", "a b", "/a%20b",
     "acme.s3.eu-west-1.amazonaws.com"},
    {"https://s3.eu-west-1.amazonaws.com", S3_STYLE_AUTO, "acme.pg", "k", "/acme.pg/k",
     "s3.eu-west-1.amazonaws.com"},
    {"https://s3.eu-west-1.amazonaws.com:443", S3_STYLE_PATH, "acme", NULL, "/acme",
     "s3.eu-west-1.amazonaws.com"},
    {"http://127.0.0.1:9000", S3_STYLE_AUTO, "b", "..//%2F", "/b/..//%252F",
     "127.0.0.1:9000"},
    {"http://[::1]:9000", S3_STYLE_AUTO, "b", "k", "/b/k", "[::1]:9000"},
    {"http://[::1]:80/", S3_STYLE_AUTO, "b", "k", "/b/k", "[::1]"},
    {"https://x.storage.supabase.co/storage/v1/s3", S3_STYLE_AUTO, "b", "k?",
     "/storage/v1/s3/b/k%3F", "x.storage.supabase.co"},
    {"https://S3.Example.COM:8443", S3_STYLE_VIRTUAL, "b", "k", "/k",
     "b.s3.example.com:8443"},
};

START_TEST(an_address_is_signed_as_it_is_sent)
{
    struct s3_endpoint endpoint;
    struct s3_uri uri;
    struct err err = {0};
    bool virtual_host;
    ck_assert_int_eq(s3_endpoint_parse(addresses[_i].endpoint, &endpoint, &err), 0);
    ck_assert_int_eq(s3_style_resolve(&endpoint, addresses[_i].style, addresses[_i].bucket,
                                      &virtual_host, &err),
                     0);
    s3_uri_init(&uri, &endpoint, virtual_host, addresses[_i].bucket, addresses[_i].key);
    struct s3_sign_request request = request_of(uri.path, NULL);
    request.host = uri.host;
    struct s3_sign_trace trace;
    struct strlist lines = {0};
    s3_sign_trace_init(&trace);
    sign(&request, NULL, &trace, &lines);
    char *path = line_of(trace.canonical_request.data, 2);
    char *host = line_of(trace.canonical_request.data, 4);
    ck_assert_str_eq(path, addresses[_i].canonical_path);
    ck_assert_str_eq(path, uri.path);
    ck_assert(text_starts_with(host, "host:"));
    ck_assert_str_eq(host + 5, addresses[_i].host);
    free(path);
    free(host);
    strlist_wipe(&lines);
    s3_sign_trace_release(&trace);
    s3_uri_release(&uri);
    s3_endpoint_release(&endpoint);
}
END_TEST

START_TEST(headers_are_lowered_trimmed_folded_joined_and_sorted)
{
    const struct s3_header headers[] = {
        {"X-Amz-Meta-Z", "  a   b\t c  "},
        {"Range", "bytes=0-9"},
        {"x-amz-meta-a", "one\r\n  two\n\tthree"},
        {"User-Agent", "pgkeep"},
        {"X-AMZ-META-Z", "last"},
        {"Expect", "100-continue"},
        {"Accept-Encoding", "gzip"},
        {"Proxy-Authorization", "Basic x"},
        {"Host", "other.example.com"},
        {"X-Amz-Date", "19700101T000000Z"},
        {"Content-MD5", ""},
        {"If-None-Match", "*"},
    };
    struct s3_sign_request request = request_of("/b", NULL);
    request.headers = headers;
    request.header_count = sizeof headers / sizeof *headers;
    struct s3_sign_trace trace;
    struct strlist lines = {0};
    s3_sign_trace_init(&trace);
    sign(&request, "token", &trace, &lines);
    ck_assert_str_eq(trace.canonical_request.data,
                     "GET\n/b\n\n"
                     "content-md5:\n"
                     "host:s3.example.com\n"
                     "if-none-match:*\n"
                     "range:bytes=0-9\n"
                     "x-amz-content-sha256:" EMPTY_HASH "\n"
                     "x-amz-date:20150830T123600Z\n"
                     "x-amz-meta-a:one two three\n"
                     "x-amz-meta-z:a b c,last\n"
                     "x-amz-security-token:token\n"
                     "\n"
                     "content-md5;host;if-none-match;range;x-amz-content-sha256;x-amz-date;"
                     "x-amz-meta-a;x-amz-meta-z;x-amz-security-token\n" EMPTY_HASH);
    ck_assert_uint_eq(lines.count, 5);
    ck_assert_str_eq(lines.items[0], "Host: s3.example.com");
    ck_assert_str_eq(lines.items[1], "X-Amz-Date: 20150830T123600Z");
    ck_assert_str_eq(lines.items[2], "X-Amz-Content-Sha256: " EMPTY_HASH);
    ck_assert_str_eq(lines.items[3], "X-Amz-Security-Token: token");
    ck_assert(text_starts_with(
        lines.items[4],
        "Authorization: AWS4-HMAC-SHA256 "
        "Credential=AKIDEXAMPLE/20150830/us-east-1/s3/aws4_request, SignedHeaders="));
    strlist_wipe(&lines);
    s3_sign_trace_release(&trace);
}
END_TEST

/* What would let a caller's data become another header or another request. */
static const struct {
    const char *method, *host, *path, *query, *name, *value, *error;
} refused[] = {
    {"GET", "h", "no-slash", NULL, "a", "b",
     "cannot sign: the path does not begin with '/'"},
    {"GET", "h", "", NULL, "a", "b", "cannot sign: no path"},
    {"GET\r", "h", "/", NULL, "a", "b",
     "cannot sign: method holds a control character or space"},
    {"GET", "h\nX: y", "/", NULL, "a", "b",
     "cannot sign: host holds a control character or space"},
    {"GET", "h", "/\r\nX: y", NULL, "a", "b",
     "cannot sign: path holds a control character"},
    {"GET", "h", "/", "a=\n", "a", "b", "cannot sign: query holds a control character"},
    {"GET", "h", "/", NULL, "a b", "c", "cannot sign: bad name of a header"},
    {"GET", "h", "/", NULL, "", "c", "cannot sign: bad name of a header"},
    {"GET", "h", "/", NULL, "a", "b\r\nX: y",
     "cannot sign: header a holds a control character"},
    {"GET", "h", "/", NULL, "a", "b\n", "cannot sign: header a holds a control character"},
    {"GET", "h", "/", NULL, "a", "b\r", "cannot sign: header a holds a control character"},
    {"GET", "h", "/", NULL, "a", "b\x01",
     "cannot sign: header a holds a control character"},
};

START_TEST(what_would_break_a_request_is_refused)
{
    struct s3_header header = {refused[_i].name, refused[_i].value};
    struct s3_sign_request request = request_of(refused[_i].path, refused[_i].query);
    request.method = refused[_i].method;
    request.host = refused[_i].host;
    request.headers = &header;
    request.header_count = 1;
    struct s3_credentials credentials = credentials_of(NULL);
    request.credentials = &credentials;
    struct s3_signer *signer = s3_signer_new();
    struct strlist lines = {0};
    struct err err = {0};
    ck_assert_int_eq(s3_sign(signer, &request, &lines, &err), -1);
    ck_assert_int_eq(err.kind, ERR_USAGE);
    ck_assert_str_eq(err.text, refused[_i].error);
    ck_assert_uint_eq(lines.count, 0);
    s3_signer_free(signer);
    release(&credentials);
}
END_TEST

START_TEST(credentials_with_line_breaks_are_refused_and_not_shown)
{
    struct s3_credentials credentials = credentials_of("tok\r\nX-Evil: 1");
    struct s3_sign_request request = request_of("/", NULL);
    request.credentials = &credentials;
    struct s3_signer *signer = s3_signer_new();
    struct strlist lines = {0};
    struct err err = {0};
    ck_assert_int_eq(s3_sign(signer, &request, &lines, &err), -1);
    ck_assert_str_eq(err.text,
                     "cannot sign: session token holds a control character or space");
    secret_set(&credentials.session_token, NULL);
    secret_set(&credentials.secret_key, "hunter\n2");
    ck_assert_int_eq(s3_sign(signer, &request, &lines, &err), -1);
    ck_assert_str_eq(err.text, "cannot sign: secret key holds a control character");
    s3_signer_free(signer);
    release(&credentials);
}
END_TEST

START_TEST(the_kept_key_follows_day_region_service_and_secret)
{
    struct s3_sign_request request = request_of("/", NULL);
    struct s3_credentials credentials = credentials_of(NULL);
    request.credentials = &credentials;
    struct s3_signer *kept = s3_signer_new();
    struct s3_sign_trace a, b;
    struct strlist lines = {0};
    struct err err = {0};
    s3_sign_trace_init(&a);
    s3_sign_trace_init(&b);
    for (int step = 0; step < 6; step++) {
        request.time += step == 1 ? 86400 : step == 5 ? -86400 : 0;
        request.region = step >= 2 ? "eu-west-1" : "us-east-1";
        request.service = step >= 3 ? "sts" : "s3";
        secret_set(&credentials.secret_key, step >= 4 ? "other" : SECRET);
        struct s3_signer *fresh = s3_signer_new();
        request.trace = &a;
        ck_assert_int_eq(s3_sign(kept, &request, &lines, &err), 0);
        request.trace = &b;
        ck_assert_int_eq(s3_sign(fresh, &request, &lines, &err), 0);
        ck_assert_str_eq(a.signature, b.signature);
        s3_signer_free(fresh);
    }
    strlist_wipe(&lines);
    s3_sign_trace_release(&a);
    s3_sign_trace_release(&b);
    s3_signer_free(kept);
    release(&credentials);
}
END_TEST

START_TEST(a_presigned_query_ends_with_the_signature)
{
    struct s3_credentials credentials = credentials_of("to/ken");
    struct s3_sign_request request =
        request_of("/b/k", "response-content-type=application/gzip");
    request.credentials = &credentials;
    request.payload = S3_UNSIGNED_PAYLOAD;
    struct s3_signer *signer = s3_signer_new();
    struct s3_sign_trace trace;
    struct text query;
    struct err err = {0};
    text_init(&query, 4096);
    s3_sign_trace_init(&trace);
    request.trace = &trace;
    ck_assert_int_eq(s3_sign_query(signer, &request, 3600, &query, &err), 0);
    const char *start =
        "response-content-type=application%2Fgzip&X-Amz-Algorithm=AWS4-HMAC-SHA256"
        "&X-Amz-Credential=AKIDEXAMPLE%2F20150830%2Fus-east-1%2Fs3%2Faws4_request"
        "&X-Amz-Date=20150830T123600Z&X-Amz-Expires=3600&X-Amz-Security-Token=to%2Fken"
        "&X-Amz-SignedHeaders=host&X-Amz-Signature=";
    ck_assert(text_starts_with(query.data, start));
    ck_assert_str_eq(query.data + strlen(start), trace.signature);
    text_release(&query);
    s3_sign_trace_release(&trace);
    s3_signer_free(signer);
    release(&credentials);
}
END_TEST

START_TEST(a_presigned_url_lives_one_second_to_seven_days)
{
    static const struct {
        int64_t seconds;
        int result;
    } lives[] = {{0, -1}, {-1, -1}, {1, 0}, {604800, 0}, {604801, -1}};
    struct s3_credentials credentials = credentials_of(NULL);
    struct s3_sign_request request = request_of("/b/k", NULL);
    request.credentials = &credentials;
    struct s3_signer *signer = s3_signer_new();
    for (size_t i = 0; i < sizeof lives / sizeof *lives; i++) {
        struct text query;
        struct err err = {0};
        text_init(&query, 4096);
        ck_assert_int_eq(s3_sign_query(signer, &request, lives[i].seconds, &query, &err),
                         lives[i].result);
        ck_assert_int_eq(err.kind, lives[i].result == 0 ? ERR_NONE : ERR_USAGE);
        text_release(&query);
    }
    s3_signer_free(signer);
    release(&credentials);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("sign");
    TCase *tcase = tcase_create("sign");
    tcase_add_test(tcase, every_vector_of_others_is_met);
    tcase_add_loop_test(tcase, s3_paths_and_queries_are_signed_in_wire_form, 0,
                        (int)(sizeof paths / sizeof *paths));
    tcase_add_loop_test(tcase, an_address_is_signed_as_it_is_sent, 0,
                        (int)(sizeof addresses / sizeof *addresses));
    tcase_add_test(tcase, headers_are_lowered_trimmed_folded_joined_and_sorted);
    tcase_add_loop_test(tcase, what_would_break_a_request_is_refused, 0,
                        (int)(sizeof refused / sizeof *refused));
    tcase_add_test(tcase, credentials_with_line_breaks_are_refused_and_not_shown);
    tcase_add_test(tcase, the_kept_key_follows_day_region_service_and_secret);
    tcase_add_test(tcase, a_presigned_query_ends_with_the_signature);
    tcase_add_test(tcase, a_presigned_url_lives_one_second_to_seven_days);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
