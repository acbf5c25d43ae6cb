/*
 * A thin layer over curl_multi. Its one thread calls on_turn, lets curl work and hands out
 * what ended; nobody else touches curl, so there is no lock. Waiting ends with traffic,
 * s3_http_wake, a cancel, or when on_turn wanted to be called again.
 *
 * curl's own conveniences are off where they would hide something from the layer above:
 * redirects (another host must be signed for), path changes (the path is signed), HTTP/2.
 */
#include "s3/http/http.h"

#include "base/cancel.h"
#include "base/clock.h"
#include "base/memory.h"
#include "base/thread.h"

#include <pthread.h>
#include <stdatomic.h>

enum {
    SEND_BUFFER = 512 << 10,    /* for bodies of more than BIG */
    RECEIVE_BUFFER = 256 << 10, /* libcurl takes up to 512 KiB */
    BIG = 1 << 20,
    EXPECT_TIMEOUT_MS = 1000, /* a service that never says 100 costs this much per body */
    RATE_STEP_MS = 50,
    LOOK_MS = 200, /* how often the cancel flag is looked at without cancel_install */
};

struct s3_http {
    struct s3_http_config config;
    char *ca_file, *proxy;
    CURLM *multi;
    pthread_t thread;
    bool started;
    atomic_bool stop;
    /* The engine's thread alone: */
    struct s3_exchange *running;
    int64_t tokens; /* bytes that may be sent now */
    int64_t filled_ms;
};

/* ---- callbacks of curl */

static size_t head_came(char *data, size_t one, size_t size, void *context)
{
    struct s3_exchange *exchange = context;

    (void)one;
    return exchange->on_header(exchange->context, data, size) ? size : 0;
}

static size_t body_came(char *data, size_t one, size_t size, void *context)
{
    struct s3_exchange *exchange = context;

    (void)one;
    return exchange->on_body(exchange->context, data, size) ? size : 0;
}

static size_t send_body(char *out, size_t one, size_t count, void *context)
{
    struct s3_exchange *exchange = context;
    struct s3_http *http = exchange->http;
    size_t size = one * count;
    size_t left = exchange->body_size - exchange->at;

    if (size > left)
        size = left;
    if (http->config.limit_rate > 0 && size > 0) {
        if (http->tokens <= 0) {
            exchange->paused = true;
            return CURL_READFUNC_PAUSE;
        }
        if (size > (uint64_t)http->tokens)
            size = (size_t)http->tokens;
        http->tokens -= (int64_t)size;
    }
    if (size > 0)
        memcpy(out, (const char *)exchange->body + exchange->at, size);
    exchange->at += size;
    return size;
}

/* curl begins a body again on its own when a kept connection turns out to be dead, and
 * after a 417 to Expect: 100-continue. */
static int seek_body(void *context, curl_off_t offset, int origin)
{
    struct s3_exchange *exchange = context;

    if (origin != SEEK_SET || offset < 0 || (uint64_t)offset > exchange->body_size)
        return CURL_SEEKFUNC_FAIL;
    exchange->at = (size_t)offset;
    return CURL_SEEKFUNC_OK;
}

/* ---- one exchange */

struct setup {
    CURL *easy;
    CURLcode code; /* the first that failed */
};

static void set_long(struct setup *setup, CURLoption option, long value)
{
    if (setup->code == CURLE_OK)
        setup->code = curl_easy_setopt(setup->easy, option, value);
}

static void set_text(struct setup *setup, CURLoption option, const char *value)
{
    if (setup->code == CURLE_OK && value != NULL)
        setup->code = curl_easy_setopt(setup->easy, option, value);
}

static void set_pointer(struct setup *setup, CURLoption option, void *value)
{
    if (setup->code == CURLE_OK)
        setup->code = curl_easy_setopt(setup->easy, option, value);
}

static void set_connection(struct setup *setup, const struct s3_exchange *exchange)
{
    const struct s3_http *http = exchange->http;

    /* Over TLS curl would choose HTTP/2: all parts on one TCP connection (S3.md 2.3). */
    set_long(setup, CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1);
    set_text(setup, CURLOPT_PROTOCOLS_STR, "http,https");
    set_long(setup, CURLOPT_FOLLOWLOCATION, 0);
    set_long(setup, CURLOPT_PATH_AS_IS, 1);
    set_long(setup, CURLOPT_NOSIGNAL, 1);
    set_long(setup, CURLOPT_TCP_KEEPALIVE, 1);
    set_long(setup, CURLOPT_TCP_KEEPIDLE, 30);
    set_long(setup, CURLOPT_TCP_KEEPINTVL, 15);
    set_long(setup, CURLOPT_MAXAGE_CONN, (long)http->config.idle_seconds);
    set_long(setup, CURLOPT_FRESH_CONNECT, exchange->fresh ? 1 : 0);
    set_long(setup, CURLOPT_DNS_CACHE_TIMEOUT, 60);
    set_long(setup, CURLOPT_DNS_SHUFFLE_ADDRESSES, 1);
    set_long(setup, CURLOPT_SSLVERSION, CURL_SSLVERSION_TLSv1_2);
    set_text(setup, CURLOPT_CAINFO, http->ca_file);
    if (http->config.no_proxy)
        /* An empty string turns proxies of the environment off as well; NULL would not. */
        set_text(setup, CURLOPT_PROXY, "");
    else
        set_text(setup, CURLOPT_PROXY, http->proxy);
    set_long(setup, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1);
    set_long(setup, CURLOPT_CONNECTTIMEOUT_MS, (long)exchange->connect_timeout_ms);
    set_long(setup, CURLOPT_TIMEOUT_MS, (long)exchange->timeout_ms);
    set_long(setup, CURLOPT_LOW_SPEED_LIMIT,
             http->config.limit_rate > 0 ? 1 : (long)exchange->least_speed);
    set_long(setup, CURLOPT_LOW_SPEED_TIME, (long)exchange->stall_seconds);
}

static void set_body(struct setup *setup, struct s3_exchange *exchange)
{
    if (setup->code == CURLE_OK)
        setup->code = curl_easy_setopt(setup->easy, CURLOPT_INFILESIZE_LARGE,
                                       (curl_off_t)exchange->body_size);
    set_long(setup, CURLOPT_UPLOAD, 1);
    if (exchange->body_size > BIG)
        set_long(setup, CURLOPT_UPLOAD_BUFFERSIZE, SEND_BUFFER);
    set_long(setup, CURLOPT_EXPECT_100_TIMEOUT_MS, EXPECT_TIMEOUT_MS);
    set_pointer(setup, CURLOPT_READDATA, exchange);
    set_pointer(setup, CURLOPT_SEEKDATA, exchange);
    if (setup->code == CURLE_OK)
        setup->code = curl_easy_setopt(setup->easy, CURLOPT_READFUNCTION, send_body);
    if (setup->code == CURLE_OK)
        setup->code = curl_easy_setopt(setup->easy, CURLOPT_SEEKFUNCTION, seek_body);
}

static void set_method(struct setup *setup, struct s3_exchange *exchange)
{
    bool sends =
        strcmp(exchange->method, "PUT") == 0 || strcmp(exchange->method, "POST") == 0;

    if (sends)
        set_body(setup, exchange);
    if (strcmp(exchange->method, "HEAD") == 0)
        set_long(setup, CURLOPT_NOBODY, 1);
    else
        set_text(setup, CURLOPT_CUSTOMREQUEST, exchange->method);
}

static void set_answer(struct setup *setup, struct s3_exchange *exchange)
{
    set_long(setup, CURLOPT_BUFFERSIZE, RECEIVE_BUFFER);
    set_pointer(setup, CURLOPT_HEADERDATA, exchange);
    set_pointer(setup, CURLOPT_WRITEDATA, exchange);
    set_pointer(setup, CURLOPT_PRIVATE, exchange);
    set_pointer(setup, CURLOPT_ERRORBUFFER, exchange->words);
    if (setup->code == CURLE_OK)
        setup->code = curl_easy_setopt(setup->easy, CURLOPT_HEADERFUNCTION, head_came);
    if (setup->code == CURLE_OK)
        setup->code = curl_easy_setopt(setup->easy, CURLOPT_WRITEFUNCTION, body_came);
}

static void add_line(struct setup *setup, struct s3_exchange *exchange, const char *line)
{
    struct curl_slist *more = curl_slist_append(exchange->lines, line);

    if (more == NULL)
        setup->code = CURLE_OUT_OF_MEMORY;
    else
        exchange->lines = more;
}

static void set_headers(struct setup *setup, struct s3_exchange *exchange)
{
    for (size_t i = 0; i < exchange->headers->count; i++)
        add_line(setup, exchange, exchange->headers->items[i]);
    /* curl would ask before every PUT: worth it only where much would be sent in vain. */
    if (exchange->body_size <= BIG || exchange->no_expect)
        add_line(setup, exchange, "Expect:");
    set_pointer(setup, CURLOPT_HTTPHEADER, exchange->lines);
}

/* They hold the signature and may hold a session token or a key. */
static void free_lines(struct curl_slist *lines)
{
    for (struct curl_slist *line = lines; line != NULL; line = line->next)
        memory_wipe(line->data, strlen(line->data));
    curl_slist_free_all(lines);
}

static void unlink_running(struct s3_http *http, struct s3_exchange *exchange)
{
    struct s3_exchange **place = &http->running;

    while (*place != NULL && *place != exchange)
        place = &(*place)->next;
    if (*place != NULL)
        *place = exchange->next;
}

static void close_exchange(struct s3_http *http, struct s3_exchange *exchange)
{
    unlink_running(http, exchange);
    if (exchange->easy != NULL) {
        curl_multi_remove_handle(http->multi, exchange->easy);
        curl_easy_cleanup(exchange->easy);
        exchange->easy = NULL;
    }
    free_lines(exchange->lines);
    exchange->lines = NULL;
}

static void end(struct s3_http *http, struct s3_exchange *exchange, CURLcode code)
{
    long status = 0;
    curl_off_t sent = 0;

    exchange->code = code;
    if (exchange->easy != NULL) {
        (void)curl_easy_getinfo(exchange->easy, CURLINFO_RESPONSE_CODE, &status);
        (void)curl_easy_getinfo(exchange->easy, CURLINFO_SIZE_UPLOAD_T, &sent);
    }
    exchange->status = (int)status;
    exchange->sent = (uint64_t)sent;
    if (code != CURLE_OK && exchange->words[0] == '\0')
        snprintf(exchange->words, sizeof exchange->words, "%s", curl_easy_strerror(code));
    close_exchange(http, exchange);
    exchange->on_end(exchange->context, exchange);
}

void s3_http_start(struct s3_http *http, struct s3_exchange *exchange)
{
    struct setup setup = {.easy = curl_easy_init(), .code = CURLE_OK};

    exchange->http = http;
    exchange->easy = setup.easy;
    exchange->lines = NULL;
    exchange->at = 0;
    exchange->paused = false;
    exchange->words[0] = '\0';
    exchange->next = http->running;
    http->running = exchange;
    if (setup.easy == NULL) {
        end(http, exchange, CURLE_OUT_OF_MEMORY);
        return;
    }
    set_text(&setup, CURLOPT_URL, exchange->url);
    set_connection(&setup, exchange);
    set_method(&setup, exchange);
    set_answer(&setup, exchange);
    set_headers(&setup, exchange);
    if (setup.code == CURLE_OK &&
        curl_multi_add_handle(http->multi, exchange->easy) != CURLM_OK)
        setup.code = CURLE_FAILED_INIT;
    if (setup.code != CURLE_OK)
        end(http, exchange, setup.code);
}

void s3_http_cancel(struct s3_http *http, struct s3_exchange *exchange)
{
    close_exchange(http, exchange);
}

/* ---- the thread */

/* A second's worth may gather: a thread that was held up that long does not lower the rate.
 * Returns after how many ms paused bodies can go on; -1: none. */
static int64_t refill(struct s3_http *http)
{
    int64_t now = clock_monotonic_ms();
    int64_t rate = (int64_t)http->config.limit_rate;
    int64_t most = rate > 4096 ? rate : 4096;
    bool waiting = false;

    if (rate == 0)
        return -1;
    if (now > http->filled_ms) {
        int64_t passed = now - http->filled_ms < 1000 ? now - http->filled_ms : 1000;
        int64_t fresh = rate * passed / 1000;
        /* Below a byte per turn the time is left to gather. */
        if (fresh > 0) {
            http->tokens = http->tokens + fresh < most ? http->tokens + fresh : most;
            http->filled_ms = now;
        }
    }
    for (struct s3_exchange *e = http->running; e != NULL; e = e->next) {
        if (!e->paused)
            continue;
        waiting = true;
        if (http->tokens <= 0)
            continue;
        e->paused = false;
        (void)curl_easy_pause(e->easy, CURLPAUSE_CONT);
    }
    return waiting ? RATE_STEP_MS : -1;
}

static bool collect(struct s3_http *http)
{
    int left = 0;
    bool any = false;

    for (CURLMsg *message; (message = curl_multi_info_read(http->multi, &left)) != NULL;) {
        struct s3_exchange *exchange = NULL;
        CURLcode code = message->data.result;
        if (message->msg != CURLMSG_DONE)
            continue;
        (void)curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (void *)&exchange);
        end(http, exchange, code);
        any = true;
    }
    return any;
}

static void wait_for_events(struct s3_http *http, int64_t wait_ms)
{
    struct curl_waitfd cancel = {.fd = cancel_fd(http->config.cancel),
                                 .events = CURL_WAIT_POLLIN};
    /* Once cancelled, the descriptor stays readable. */
    bool watch = cancel.fd >= 0 && !cancel_requested(http->config.cancel);
    int64_t most = cancel.fd >= 0 ? 60000 : LOOK_MS;

    if (wait_ms > most)
        wait_ms = most;
    if (wait_ms > 0)
        (void)curl_multi_poll(http->multi, watch ? &cancel : NULL, watch ? 1 : 0,
                              (int)wait_ms, NULL);
}

static void *run(void *argument)
{
    struct s3_http *http = argument;

    while (!atomic_load(&http->stop)) {
        int running = 0;
        int64_t wait = http->config.on_turn(http->config.context);
        int64_t paused = refill(http);
        if (paused >= 0 && paused < wait)
            wait = paused;
        (void)curl_multi_perform(http->multi, &running);
        if (!collect(http))
            wait_for_events(http, wait);
    }
    /* Every exchange ends with on_end, so that whoever waits for one does not wait for
     * ever. */
    while (http->running != NULL)
        end(http, http->running, CURLE_ABORTED_BY_CALLBACK);
    return NULL;
}

struct s3_http *s3_http_new(const struct s3_http_config *config, struct err *err)
{
    struct s3_http *http = memory_zalloc(sizeof *http);

    http->config = *config;
    http->ca_file = memory_strdup(config->ca_file);
    http->proxy = memory_strdup(config->proxy);
    http->filled_ms = clock_monotonic_ms();
    atomic_init(&http->stop, false);
    http->multi = curl_multi_init();
    if (http->multi == NULL ||
        curl_multi_setopt(http->multi, CURLMOPT_MAXCONNECTS, (long)config->connections) !=
            CURLM_OK ||
        curl_multi_setopt(http->multi, CURLMOPT_PIPELINING, CURLPIPE_NOTHING) != CURLM_OK) {
        err_set(err, ERR_SYSTEM, "libcurl cannot be set up");
    } else {
        http->started = thread_start(&http->thread, run, http, err) == 0;
    }
    if (http->started)
        return http;
    s3_http_free(http);
    return NULL;
}

void s3_http_wake(struct s3_http *http)
{
    (void)curl_multi_wakeup(http->multi);
}

void s3_http_free(struct s3_http *http)
{
    if (http == NULL)
        return;
    atomic_store(&http->stop, true);
    if (http->started) {
        s3_http_wake(http);
        pthread_join(http->thread, NULL);
    }
    (void)curl_multi_cleanup(http->multi);
    free(http->ca_file);
    free(http->proxy);
    free(http);
}
