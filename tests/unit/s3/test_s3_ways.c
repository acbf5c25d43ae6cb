/* Ways to a service: proxies, TLS with an authority of one's own, and connections that are
 * kept. The hosts exist nowhere; a gate leads all of them to a fake_s3. */
#include "base/file.h"
#include "base/memory.h"
#include "tests/support/fake_gate.h"
#include "tests/support/s3_pair.h"
#include "tests/support/run_suite.h"
#include "tests/support/scratch.h"

#include <check.h>

#define HOST "store.test"

static struct s3_pair pair; /* its client goes straight to the service */
static char ca_path[SCRATCH_SIZE];

static const char *const variables[] = {"http_proxy", "https_proxy",   "HTTPS_PROXY",
                                        "all_proxy",  "ALL_PROXY",     "no_proxy",
                                        "NO_PROXY",   "AWS_CA_BUNDLE", "SSL_CERT_FILE"};

static void start(void)
{
    struct fake_s3_settings service = fake_s3_defaults();

    for (size_t i = 0; i < sizeof variables / sizeof variables[0]; i++)
        unsetenv(variables[i]);
    service.close_each = true; /* a plain proxy passes one request per connection */
    s3_pair_init(&pair, &service, NULL);
    scratch_file(ca_path, "");
}

static void stop(void)
{
    s3_pair_release(&pair);
}

static struct fake_gate *proxy_to(int port, const char *login)
{
    struct err err = {0};
    struct fake_gate *gate = fake_gate_proxy(port, login, &err);

    ck_assert_msg(gate != NULL, "%s", err.text);
    return gate;
}

static struct fake_gate *tls_to(int port)
{
    struct err err = {0};
    struct fake_gate *gate = fake_gate_tls(port, HOST, ca_path, &err);

    ck_assert_msg(gate != NULL, "%s", err.text);
    return gate;
}

/* One PUT by this way. */
static int put_by(const char *endpoint, const char *proxy, const char *ca_file,
                  struct err *err)
{
    struct s3_config config = s3_pair_config();
    struct s3_put put = {.key = "k", .data = "data", .size = 4};

    config.endpoint = endpoint;
    config.proxy = proxy;
    config.ca_file = ca_file;
    config.allow_insecure = true;
    config.retry_time_ms = 2000;
    struct s3_client *client = s3_client_new(&config, err);
    ck_assert_msg(client != NULL, "%s", err->text);
    int result = s3_put(client, &put, err);
    s3_client_free(client);
    return result;
}

static char *url_of(const char *scheme, const char *login, int port)
{
    return memory_format("%s://%s127.0.0.1:%d", scheme, login, port);
}

static char *sent(const char *name)
{
    struct fake_request request;

    ck_assert(fake_s3_request(pair.fake, "PutObject", 1, &request));
    char *value = fake_request_header(&request, name);
    fake_request_release(&request);
    return value;
}

static void assert_sent(const char *name, const char *want)
{
    char *value = sent(name);

    ck_assert_ptr_nonnull(value);
    ck_assert_str_eq(value, want);
    free(value);
}

static void assert_line(struct fake_gate *gate, const char *want)
{
    char *line = fake_gate_line(gate);

    ck_assert_str_eq(line, want);
    free(line);
}

/* ---- proxies */

/* The host is signed as it was asked for, and the proxy's login ends at the proxy. */
START_TEST(a_proxy_passes_on_what_was_signed_for_the_service)
{
    struct fake_gate *proxy = proxy_to(fake_s3_port(pair.fake), "dTpwYXNz"); /* u:pass */
    char *url = url_of("http", "u:pass@", fake_gate_port(proxy));
    struct err err = {0};

    if (_i == 1)
        setenv("http_proxy", url, 1);
    ck_assert_msg(put_by("http://" HOST ":8000", _i == 0 ? url : NULL, NULL, &err) == 0,
                  "%s", err.text);
    assert_line(proxy, "PUT http://" HOST ":8000/bucket/k HTTP/1.1");
    assert_sent("Host", HOST ":8000");
    ck_assert_ptr_null(sent("Proxy-Authorization"));
    ck_assert_uint_eq(fake_s3_stats(pair.fake).bad_signatures, 0);
    free(url);
    fake_gate_free(proxy);
}
END_TEST

START_TEST(a_proxy_that_wants_a_login_is_no_matter_of_trying_again)
{
    struct fake_gate *proxy = proxy_to(fake_s3_port(pair.fake), "dTpwYXNz");
    char *url = url_of("http", "u:wrong@", fake_gate_port(proxy));
    struct err err = {0};

    ck_assert_int_eq(put_by("http://" HOST, url, NULL, &err), -1);
    ck_assert_msg(err.kind == ERR_CONFIG, "%s", err.text);
    ck_assert_ptr_nonnull(strstr(err.text, "the proxy wants a login"));
    ck_assert_ptr_null(strstr(err.text, "wrong"));
    ck_assert_uint_eq(fake_gate_count(proxy), 1);
    free(url);
    fake_gate_free(proxy);
}
END_TEST

START_TEST(a_service_on_this_machine_is_never_reached_by_a_proxy)
{
    struct fake_gate *proxy = proxy_to(fake_s3_port(pair.fake), NULL);
    char *url = url_of("http", "", fake_gate_port(proxy));
    struct err err = {0};

    setenv("http_proxy", url, 1);
    ck_assert_msg(put_by(fake_s3_endpoint(pair.fake), _i == 0 ? url : NULL, NULL, &err) ==
                      0,
                  "%s", err.text);
    ck_assert_uint_eq(fake_gate_count(proxy), 0);
    free(url);
    fake_gate_free(proxy);
}
END_TEST

/* ---- TLS */

START_TEST(tls_goes_through_a_proxy_and_is_checked_against_ones_own_authority)
{
    struct fake_gate *tls = tls_to(fake_s3_port(pair.fake));
    struct fake_gate *proxy = proxy_to(fake_gate_port(tls), NULL);
    char *url = url_of("http", "", fake_gate_port(proxy));
    struct err err = {0};

    if (_i == 1)
        setenv("AWS_CA_BUNDLE", ca_path, 1);
    ck_assert_msg(put_by("https://" HOST, url, _i == 0 ? ca_path : NULL, &err) == 0, "%s",
                  err.text);
    assert_line(proxy, "CONNECT " HOST ":443 HTTP/1.1");
    assert_sent("Host", HOST);
    assert_sent("x-amz-content-sha256", "UNSIGNED-PAYLOAD");
    assert_sent("Accept-Encoding", "identity");
    ck_assert_uint_eq(fake_s3_stats(pair.fake).bad_signatures, 0);
    free(url);
    fake_gate_free(proxy);
    fake_gate_free(tls);
}
END_TEST

/* Nobody's word is taken for it, and no key is sent. */
START_TEST(a_certificate_that_is_not_vouched_for_ends_it_at_once)
{
    static const struct {
        const char *endpoint;
        bool authority;
    } cases[] = {{"https://" HOST, false}, {"https://other.test", true}};
    struct fake_gate *tls = tls_to(fake_s3_port(pair.fake));
    struct fake_gate *proxy = proxy_to(fake_gate_port(tls), NULL);
    char *url = url_of("http", "", fake_gate_port(proxy));
    struct err err = {0};

    ck_assert_int_eq(
        put_by(cases[_i].endpoint, url, cases[_i].authority ? ca_path : NULL, &err), -1);
    ck_assert_msg(err.kind == ERR_STORE, "%s", err.text);
    ck_assert_ptr_nonnull(strstr(err.text, "ca_file"));
    ck_assert_uint_eq(fake_gate_count(tls), 1);
    ck_assert_uint_eq(fake_s3_count(pair.fake, NULL), 0);
    free(url);
    fake_gate_free(proxy);
    fake_gate_free(tls);
}
END_TEST

/* ---- addresses */

START_TEST(a_service_may_have_an_ipv6_address)
{
    struct err err = {0};
    struct fake_gate *gate = fake_gate_ipv6(fake_s3_port(pair.fake), &err);

    if (gate == NULL) /* a host without IPv6 */
        return;
    char *url = memory_format("http://[::1]:%d", fake_gate_port(gate));
    char *host = memory_format("[::1]:%d", fake_gate_port(gate));
    setenv("http_proxy", "http://127.0.0.1:1", 1); /* not for loopback */
    ck_assert_msg(put_by(url, NULL, NULL, &err) == 0, "%s", err.text);
    assert_sent("Host", host);
    ck_assert_uint_eq(fake_s3_stats(pair.fake).bad_signatures, 0);
    free(url);
    free(host);
    fake_gate_free(gate);
}
END_TEST

/* ---- connections */

/* Some services and proxies do not know Expect. It is not sent to them again. */
START_TEST(a_417_costs_one_more_request_and_the_body_goes_out_whole)
{
    size_t size = (2 << 20) + 1;
    char *data = memory_alloc(size);
    struct fake_object object;
    struct s3_put put = {.key = "k", .data = data, .size = size};
    struct err err = {0};

    for (size_t i = 0; i < size; i++)
        data[i] = (char)(i * 31 >> 3);
    fake_s3_fault(pair.fake, &(struct fake_fault){.op = "PutObject",
                                                  .action = FAKE_STATUS_EARLY,
                                                  .status = 417,
                                                  .code = "ExpectationFailed"});
    ck_assert_msg(s3_put(pair.client, &put, &err) == 0, "%s", err.text);
    ck_assert_uint_eq(fake_s3_count(pair.fake, "PutObject"), 2);
    ck_assert(fake_s3_object(pair.fake, "k", &object));
    ck_assert(object.size == size && memcmp(object.data, data, size) == 0);
    fake_object_release(&object);
    put.key = "another";
    ck_assert_msg(s3_put(pair.client, &put, &err) == 0, "%s", err.text);
    for (unsigned n = 1; n <= 3; n++) {
        struct fake_request request;
        ck_assert(fake_s3_request(pair.fake, "PutObject", n, &request));
        char *expect = fake_request_header(&request, "Expect");
        ck_assert((expect != NULL) == (n == 1));
        free(expect);
        fake_request_release(&request);
    }
    free(data);
}
END_TEST

/* It waits a second for the 100, and sends then. */
START_TEST(a_service_that_never_says_100_gets_the_body_all_the_same)
{
    struct fake_s3_settings settings = fake_s3_defaults();
    size_t size = (1 << 20) + 1;
    char *data = memory_zalloc(size);
    struct s3_put put = {.key = "k", .data = data, .size = size};
    struct err err = {0};

    settings.no_100_continue = true;
    fake_s3_change(pair.fake, &settings);
    ck_assert_msg(s3_put(pair.client, &put, &err) == 0, "%s", err.text);
    ck_assert_uint_eq(fake_s3_count(pair.fake, "PutObject"), 1);
    free(data);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("s3_ways");
    TCase *tcase = tcase_create("s3_ways");

    tcase_add_checked_fixture(tcase, start, stop);
    tcase_add_loop_test(tcase, a_proxy_passes_on_what_was_signed_for_the_service, 0, 2);
    tcase_add_test(tcase, a_proxy_that_wants_a_login_is_no_matter_of_trying_again);
    tcase_add_loop_test(tcase, a_service_on_this_machine_is_never_reached_by_a_proxy, 0, 2);
    tcase_add_loop_test(
        tcase, tls_goes_through_a_proxy_and_is_checked_against_ones_own_authority, 0, 2);
    tcase_add_loop_test(tcase, a_certificate_that_is_not_vouched_for_ends_it_at_once, 0, 2);
    tcase_add_test(tcase, a_service_may_have_an_ipv6_address);
    tcase_add_test(tcase, a_417_costs_one_more_request_and_the_body_goes_out_whole);
    tcase_add_test(tcase, a_service_that_never_says_100_gets_the_body_all_the_same);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
