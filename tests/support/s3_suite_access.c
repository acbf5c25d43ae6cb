#include "tests/support/s3_suite.h"

#include "base/clock.h"
#include "base/memory.h"
#include "s3/http/uri.h"

#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

/* ---- our client with what it was given wrong ---- */

/* "written", or the kind of the error. */
static void put_with(struct s3_suite *suite, const struct s3_config *config,
                     struct text *answer)
{
    struct s3_put put = {.key = "access", .data = "x", .size = 1};
    struct err err = {0};
    struct s3_client *client = s3_client_new(config, &err);
    int result = client != NULL ? s3_put(client, &put, &err) : -1;

    s3_suite_result(suite, result, "written", &err, answer);
    s3_client_free(client);
}

void s3_claim_wrong_secret(struct s3_suite *suite, struct text *answer)
{
    struct s3_config config = s3_suite_config(suite, suite->plain);

    config.secret_key = "not-the-secret-key";
    put_with(suite, &config, answer);
}

void s3_claim_wrong_key(struct s3_suite *suite, struct text *answer)
{
    struct s3_config config = s3_suite_config(suite, suite->plain);

    config.access_key = "nobody";
    put_with(suite, &config, answer);
}

void s3_claim_region(struct s3_suite *suite, struct text *answer)
{
    struct s3_config config = s3_suite_config(suite, suite->plain);

    config.region = "ap-wrong-7";
    put_with(suite, &config, answer);
}

/* The script sets the clock of this process off. */
void s3_claim_clock(struct s3_suite *suite, struct text *answer)
{
    struct s3_config config = s3_suite_config(suite, suite->plain);
    struct s3_put put = {.key = "clock", .data = "x", .size = 1};
    struct err err = {0};
    struct s3_client *client = s3_client_new(&config, &err);
    bool known = false;
    int result = client != NULL ? s3_put(client, &put, &err) : -1;

    if (s3_suite_result(suite, result, "written", &err, answer)) {
        int64_t offset = s3_client_clock_offset(client, &known);
        text_addf(answer, ", %lld minutes off",
                  (long long)(offset + (offset < 0 ? -30 : 30)) / 60);
    }
    s3_client_free(client);
}

/* The script names a CA that did not sign the service's certificate. */
void s3_claim_foreign_ca(struct s3_suite *suite, struct text *answer)
{
    struct s3_config config = s3_suite_config(suite, suite->plain);

    config.ca_file = getenv("S3_FOREIGN_CA");
    put_with(suite, &config, answer);
    if (strstr(suite->note, "certificate") != NULL)
        text_add(answer, ", names the certificate");
}

/* ---- what the service answers ---- */

static struct s3_raw put_request(struct s3_suite *suite, const char *key)
{
    return (struct s3_raw){
        .method = "PUT", .bucket = suite->plain, .key = key, .body = "hello", .size = 5};
}

void s3_answer_wrong_secret(struct s3_suite *suite, struct text *answer)
{
    struct s3_raw raw = put_request(suite, "answer");

    raw.secret_key = "not-the-secret-key";
    s3_suite_ask(suite, &raw, answer);
}

void s3_answer_wrong_key(struct s3_suite *suite, struct text *answer)
{
    struct s3_raw raw = put_request(suite, "answer");

    raw.access_key = "nobody";
    s3_suite_ask(suite, &raw, answer);
}

void s3_answer_clock(struct s3_suite *suite, struct text *answer)
{
    struct s3_raw raw = put_request(suite, "answer");

    raw.clock_offset_s = -600;
    s3_suite_ask(suite, &raw, answer);
    raw.clock_offset_s = -1200;
    text_add(answer, ", ");
    s3_suite_ask(suite, &raw, answer);
    raw.clock_offset_s = 1200;
    text_add(answer, ", ");
    s3_suite_ask(suite, &raw, answer);
}

void s3_answer_region(struct s3_suite *suite, struct text *answer)
{
    struct s3_raw raw = put_request(suite, "answer");
    struct s3_raw_reply reply;

    raw.region = "ap-wrong-7";
    s3_raw_ask(&suite->service, &raw, &reply);
    s3_raw_words(&reply, answer);
    char *element = s3_raw_element(&reply, "Region");
    char *header = s3_raw_header(&reply, "x-amz-bucket-region");
    text_addf(answer, "%s%s", element != NULL ? ", in the body" : "",
              header != NULL ? ", in a header" : "");
    free(element);
    free(header);
    s3_raw_release(&reply);
}

/* A refusal must leave nothing: asks for the key after it. */
static void put_refused(struct s3_suite *suite, const struct s3_raw *raw,
                        struct text *answer)
{
    struct s3_raw get = {.method = "GET", .bucket = raw->bucket, .key = raw->key};
    struct s3_raw_reply reply;

    s3_suite_ask(suite, raw, answer);
    s3_raw_ask(&suite->service, &get, &reply);
    if (reply.status == 200)
        text_add(answer, ", stored");
    s3_raw_release(&reply);
}

void s3_answer_hash(struct s3_suite *suite, struct text *answer)
{
    struct s3_raw raw = put_request(suite, "wrong-hash");

    raw.payload = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    put_refused(suite, &raw, answer);
}

static void put_with_header(struct s3_suite *suite, const char *key, const char *header,
                            struct text *answer)
{
    struct s3_raw raw = put_request(suite, key);

    raw.headers[0] = header;
    put_refused(suite, &raw, answer);
}

void s3_answer_md5(struct s3_suite *suite, struct text *answer)
{
    put_with_header(suite, "wrong-md5", "content-md5: 1B2M2Y8AsgTpgAmY7PhCfg==", answer);
}

void s3_answer_crc64(struct s3_suite *suite, struct text *answer)
{
    put_with_header(suite, "wrong-crc64", "x-amz-checksum-crc64nvme: AAAAAAAAAAA=", answer);
}

void s3_answer_sha256(struct s3_suite *suite, struct text *answer)
{
    put_with_header(
        suite, "wrong-sha256",
        "x-amz-checksum-sha256: 47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=", answer);
}

static void put_twice(struct s3_suite *suite, const char *bucket, struct text *answer)
{
    struct s3_raw raw = put_request(suite, "answer-once");

    raw.bucket = bucket;
    raw.headers[0] = "if-none-match: *";
    s3_suite_ask(suite, &raw, answer);
    text_add(answer, ", ");
    s3_suite_ask(suite, &raw, answer);
}

void s3_answer_if_none_match(struct s3_suite *suite, struct text *answer)
{
    put_twice(suite, suite->plain, answer);
}

void s3_answer_if_none_match_versioned(struct s3_suite *suite, struct text *answer)
{
    put_twice(suite, suite->versioned, answer);
}

/* ---- keys ---- */

static void put_key(struct s3_suite *suite, const char *key, struct text *answer)
{
    struct s3_raw raw = put_request(suite, key);

    s3_suite_ask(suite, &raw, answer);
}

void s3_answer_key_double_slash(struct s3_suite *suite, struct text *answer)
{
    put_key(suite, "twice//slashed", answer);
}

void s3_answer_key_dots(struct s3_suite *suite, struct text *answer)
{
    put_key(suite, "dots/../up", answer);
}

void s3_answer_key_below_object(struct s3_suite *suite, struct text *answer)
{
    put_key(suite, "below/object", answer);
    text_add(answer, ", ");
    put_key(suite, "below", answer);
}

/* A key of `size` bytes in segments of at most `segment`. */
static void put_long_key(struct s3_suite *suite, size_t size, size_t segment,
                         struct text *answer)
{
    char *key = memory_zalloc(size + 1);

    for (size_t i = 0; i < size; i++)
        key[i] = i % (segment + 1) == segment ? '/' : 'k';
    put_key(suite, key, answer);
    free(key);
}

void s3_answer_key_long_segment(struct s3_suite *suite, struct text *answer)
{
    put_long_key(suite, 255, 255, answer);
    text_add(answer, ", ");
    put_long_key(suite, 256, 256, answer);
}

void s3_answer_key_longest(struct s3_suite *suite, struct text *answer)
{
    put_long_key(suite, 1024, 200, answer);
}

void s3_answer_key_too_long(struct s3_suite *suite, struct text *answer)
{
    put_long_key(suite, 1025, 200, answer);
}

/* ---- a service that is told to serve two requests at a time ---- */

enum { HELD = 12 };

/* A PUT whose head is sent and whose body never comes: it holds one place. -1 without. */
static int hold_one(struct s3_suite *suite, const struct s3_endpoint *endpoint)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)endpoint->port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct s3_raw raw = {
        .method = "PUT", .bucket = suite->plain, .key = "held", .body = "hello", .size = 5};
    char *head = s3_raw_head(&suite->service, &raw);
    size_t size = strlen(head);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd >= 0 && (connect(fd, (struct sockaddr *)&address, sizeof address) < 0 ||
                    send(fd, head, size, MSG_NOSIGNAL) != (ssize_t)size)) {
        close(fd);
        fd = -1;
    }
    free(head);
    return fd;
}

/* Waits until the service says that so many places are left; the question takes none of
 * them. */
static bool await_places(struct s3_suite *suite, const char *wanted, int64_t patience_ms)
{
    struct s3_raw raw = {.method = "HEAD", .bucket = suite->plain};
    int64_t end = clock_monotonic_ms() + patience_ms;
    bool is_so = false;

    while (!is_so && clock_monotonic_ms() < end) {
        struct s3_raw_reply reply;
        s3_raw_ask(&suite->service, &raw, &reply);
        char *places = s3_raw_header(&reply, "x-ratelimit-remaining");
        is_so = places != NULL && strcmp(places, wanted) == 0;
        free(places);
        s3_raw_release(&reply);
    }
    return is_so;
}

/* Returns when the service is full. Our own questions take a place for a moment, so that a
 * holder may be the one who is refused: then another one comes. */
static void hold(struct s3_suite *suite, int fds[HELD])
{
    struct s3_endpoint endpoint;
    struct err err = {0};

    for (size_t i = 0; i < HELD; i++)
        fds[i] = -1;
    if (s3_endpoint_parse(suite->service.endpoint, &endpoint, &err) < 0)
        return;
    bool full = false;
    for (size_t i = 0; i < HELD && !full; i++) {
        fds[i] = hold_one(suite, &endpoint);
        full = i > 0 && await_places(suite, "0", 300);
    }
    s3_endpoint_release(&endpoint);
}

/* Waits, too: places that are still taken would make the next holders the refused ones. */
static void let_go(struct s3_suite *suite, int fds[HELD])
{
    for (size_t i = 0; i < HELD; i++)
        if (fds[i] >= 0)
            close(fds[i]);
    (void)await_places(suite, "2", 10000);
}

void s3_claim_busy_answer(struct s3_suite *suite, struct text *answer)
{
    struct s3_raw raw = {.method = "GET", .bucket = suite->plain, .query = "list-type=2"};
    struct s3_raw_reply reply;
    int fds[HELD];

    hold(suite, fds);
    s3_raw_ask(&suite->service, &raw, &reply);
    s3_raw_words(&reply, answer);
    char *after = s3_raw_header(&reply, "retry-after");
    text_addf(answer, ", Retry-After %s", after != NULL ? after : "missing");
    free(after);
    s3_raw_release(&reply);
    let_go(suite, fds);
}

/* Its budget is shorter than what the service asks for: it says so, and does not insist. */
void s3_claim_busy_client(struct s3_suite *suite, struct text *answer)
{
    struct s3_config config = s3_suite_config(suite, suite->plain);
    int fds[HELD];

    config.retry_time_ms = 3000;
    hold(suite, fds);
    put_with(suite, &config, answer);
    let_go(suite, fds);
    if (strstr(suite->note, "429 TooManyRequests") != NULL)
        text_add(answer, ", says 429");
    text_add(answer, ", then ");
    put_with(suite, &config, answer);
}
