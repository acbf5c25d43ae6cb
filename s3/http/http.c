/*
 * A thin layer over curl_multi. Its one thread calls on_turn, lets curl work and hands out
 * what ended; nobody else touches curl, so there is no lock. Waiting ends with traffic,
 * s3_http_wake, a cancel, or when on_turn wanted to be called again.
 */
#include "s3/http/http.h"

#include "base/cancel.h"
#include "base/clock.h"
#include "base/memory.h"
#include "base/thread.h"
#include "s3/http/setup.h"

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

/* The blank line ends a head; the lines before it are in curl's keeping already. That of a 1xx
 * is not the answer's, and curl keeps its lines apart. */
static size_t head_came(char *data, size_t one, size_t size, void *context)
{
    struct s3_exchange *exchange = context;
    long status = 0;
    (void)one;
    bool blank = size > 0 && (data[0] == '\r' || data[0] == '\n');
    if (blank)
        (void)curl_easy_getinfo(exchange->easy, CURLINFO_RESPONSE_CODE, &status);
    if (status < 200)
        return size;
    return exchange->on_head(exchange->context, (int)status, exchange->easy) ? size : 0;
}

/* The layer above says no to a byte too many, or to what is not the range it asked for. */
static size_t body_came(char *data, size_t one, size_t size, void *context)
{
    struct s3_exchange *exchange = context;
    (void)one;
    return exchange->on_body(exchange->context, data, size) ? size : 0;
}

/* The next piece of the body; curl asks for it when the connection takes more. */
static size_t send_body(char *out, size_t one, size_t count, void *context)
{
    struct s3_exchange *exchange = context;
    struct s3_http *http = exchange->http;
    size_t size = one * count;
    size_t left = exchange->body_size - exchange->at;
    if (size > left)
        size = left;
    /* All exchanges draw from the same tokens; without any, refill() lets us go on. */
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

/* A body of ours goes out by send_body: it may pause for a rate, and begin again. */
static void set_body(struct s3_setup *setup, struct s3_exchange *exchange)
{
    /* With its size, so that curl sends a Content-Length, also 0, and no chunks: services
     * refuse those. */
    s3_setup_long(setup, CURLOPT_UPLOAD, 1);
    if (setup->code == CURLE_OK)
        setup->code = curl_easy_setopt(setup->easy, CURLOPT_INFILESIZE_LARGE,
                                       (curl_off_t)exchange->body_size);
    if (exchange->body_size > BIG)
        s3_setup_long(setup, CURLOPT_UPLOAD_BUFFERSIZE, SEND_BUFFER);
    s3_setup_long(setup, CURLOPT_EXPECT_100_TIMEOUT_MS, EXPECT_TIMEOUT_MS);
    s3_setup_pointer(setup, CURLOPT_READDATA, exchange);
    s3_setup_pointer(setup, CURLOPT_SEEKDATA, exchange);
    s3_setup_function(setup, CURLOPT_READFUNCTION, (s3_setup_any)send_body);
    s3_setup_function(setup, CURLOPT_SEEKFUNCTION, (s3_setup_any)seek_body);
}

/* Everything curl has to know; each option is set for each exchange, as handles are not used
 * again (connections are). */
static void set_exchange(struct s3_setup *setup, struct s3_exchange *exchange)
{
    const struct s3_http *http = exchange->http;
    const struct s3_setup_common common = {.method = exchange->method,
                                           .url = exchange->url,
                                           .headers = exchange->headers,
                                           .ca_file = http->ca_file,
                                           .proxy = http->proxy,
                                           .no_proxy = http->config.no_proxy,
                                           .connect_timeout_ms =
                                               exchange->connect_timeout_ms,
                                           .timeout_ms = exchange->timeout_ms};
    s3_setup_common(setup, &common);
    /* curl would ask before every PUT: worth it only where much would be sent in vain. */
    if (exchange->body_size <= BIG || exchange->no_expect)
        s3_setup_line(setup, "Expect:");

    /* The connection, which other exchanges use again. Firewalls forget one that is silent, as
     * while a service thinks about a Complete. */
    s3_setup_long(setup, CURLOPT_TCP_KEEPALIVE, 1);
    s3_setup_long(setup, CURLOPT_TCP_KEEPIDLE, 30);
    s3_setup_long(setup, CURLOPT_TCP_KEEPINTVL, 15);
    s3_setup_long(setup, CURLOPT_MAXAGE_CONN, (long)http->config.idle_seconds);
    s3_setup_long(setup, CURLOPT_FRESH_CONNECT, exchange->fresh ? 1 : 0);
    /* A service has many addresses, and they change: the load is spread, a dead one is left. */
    s3_setup_long(setup, CURLOPT_DNS_CACHE_TIMEOUT, 60);
    s3_setup_long(setup, CURLOPT_DNS_SHUFFLE_ADDRESSES, 1);
    /* What stands still is given up; with a rate limit slow is what was asked for. */
    s3_setup_long(setup, CURLOPT_LOW_SPEED_LIMIT,
                  http->config.limit_rate > 0 ? 1 : (long)exchange->least_speed);
    s3_setup_long(setup, CURLOPT_LOW_SPEED_TIME, (long)exchange->stall_seconds);

    if (strcmp(exchange->method, "PUT") == 0 || strcmp(exchange->method, "POST") == 0)
        set_body(setup, exchange);

    /* The answer; that of a proxy to CONNECT is not one. */
    s3_setup_long(setup, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1);
    s3_setup_long(setup, CURLOPT_BUFFERSIZE, RECEIVE_BUFFER);
    s3_setup_pointer(setup, CURLOPT_HEADERDATA, exchange);
    s3_setup_pointer(setup, CURLOPT_WRITEDATA, exchange);
    s3_setup_pointer(setup, CURLOPT_PRIVATE, exchange);
    s3_setup_pointer(setup, CURLOPT_ERRORBUFFER, exchange->message);
    s3_setup_function(setup, CURLOPT_HEADERFUNCTION, (s3_setup_any)head_came);
    s3_setup_function(setup, CURLOPT_WRITEFUNCTION, (s3_setup_any)body_came);
}

/* Its connection goes back to the pool, if the exchange came to its end; curl closes that of one
 * in the middle. */
void s3_http_cancel(struct s3_http *http, struct s3_exchange *exchange)
{
    /* One that failed to begin may not be in the list. */
    struct s3_exchange **place = &http->running;
    while (*place != NULL && *place != exchange)
        place = &(*place)->next;
    if (*place != NULL)
        *place = exchange->next;
    if (exchange->easy != NULL) {
        curl_multi_remove_handle(http->multi, exchange->easy);
        curl_easy_cleanup(exchange->easy);
        exchange->easy = NULL;
    }
    /* Last: curl reads the headers from here until its handle is gone. */
    s3_setup_free_lines(exchange->lines);
    exchange->lines = NULL;
}

/* The one way out of every exchange but a cancelled one. on_end may begin the next with the same
 * struct, so nothing touches it behind that. */
static void end(struct s3_http *http, struct s3_exchange *exchange, CURLcode code)
{
    long status = 0;
    curl_off_t sent = 0;
    /* Read before the handle goes. How much of the body went out tells whether the service
     * can have read all of it. */
    exchange->code = code;
    if (exchange->easy != NULL) {
        (void)curl_easy_getinfo(exchange->easy, CURLINFO_RESPONSE_CODE, &status);
        (void)curl_easy_getinfo(exchange->easy, CURLINFO_SIZE_UPLOAD_T, &sent);
    }
    exchange->status = (int)status;
    exchange->sent = (uint64_t)sent;
    /* curl's own words where it has some, as they name host and reason. */
    if (code != CURLE_OK && exchange->message[0] == '\0')
        snprintf(exchange->message, sizeof exchange->message, "%s",
                 curl_easy_strerror(code));
    s3_http_cancel(http, exchange);
    exchange->on_end(exchange->context, exchange);
}

void s3_http_start(struct s3_http *http, struct s3_exchange *exchange)
{
    struct s3_setup setup = {.easy = curl_easy_init()};
    /* Nothing of the last attempt with the same struct. */
    exchange->http = http;
    exchange->easy = setup.easy;
    exchange->lines = NULL;
    exchange->at = 0;
    exchange->paused = false;
    exchange->message[0] = '\0';
    /* Among the running ones from here on, so that even a failure ends in one way. */
    exchange->next = http->running;
    http->running = exchange;
    if (setup.easy == NULL) {
        end(http, exchange, CURLE_OUT_OF_MEMORY);
        return;
    }
    /* curl begins with it in the next turn of the thread, not here. */
    set_exchange(&setup, exchange);
    exchange->lines = setup.lines;
    if (setup.code == CURLE_OK &&
        curl_multi_add_handle(http->multi, exchange->easy) != CURLM_OK)
        setup.code = CURLE_FAILED_INIT;
    if (setup.code != CURLE_OK)
        end(http, exchange, setup.code);
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
    /* Each goes on while there are tokens; curl asks for more of its body at once. */
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

/* The engine's thread. */
static void *run(void *argument)
{
    struct s3_http *http = argument;
    const struct cancel *cancel = http->config.cancel;
    while (!atomic_load(&http->stop)) {
        int running = 0, left = 0;
        bool ended = false;

        /* The engine starts what is due, and says when it wants to be called again. */
        int64_t wait_ms = http->config.on_turn(http->config.context);
        int64_t paused_ms = refill(http);
        if (paused_ms >= 0 && paused_ms < wait_ms)
            wait_ms = paused_ms;
        (void)curl_multi_perform(http->multi, &running);

        /* on_end may start the next one at once, which is another handle. */
        for (CURLMsg *done; (done = curl_multi_info_read(http->multi, &left)) != NULL;) {
            struct s3_exchange *exchange = NULL;
            CURLcode code = done->data.result;
            if (done->msg != CURLMSG_DONE)
                continue;
            (void)curl_easy_getinfo(done->easy_handle, CURLINFO_PRIVATE, (void *)&exchange);
            end(http, exchange, code);
            ended = true;
        }

        /* Until there is something to do. Where something ended, there is: its place is
         * free. Once cancelled the descriptor stays readable: then only a signal (the root) is
         * news, and after that nothing. */
        const struct cancel *awaited = cancel_requested(cancel) ? NULL : cancel;
        struct curl_waitfd tripped = {.fd = cancel_fd(awaited), .events = CURL_WAIT_POLLIN};
        bool watch = tripped.fd >= 0 && !cancel_requested(awaited);
        int64_t most_ms = tripped.fd >= 0 ? 60000 : LOOK_MS;
        if (wait_ms > most_ms)
            wait_ms = most_ms;
        if (!ended && wait_ms > 0)
            (void)curl_multi_poll(http->multi, watch ? &tripped : NULL, watch ? 1 : 0,
                                  (int)wait_ms, NULL);
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
    /* Several requests never share a connection at a time: HTTP/1.1, no pipelining. */
    http->config = *config;
    http->ca_file = memory_strdup(config->ca_file);
    http->proxy = memory_strdup(config->proxy);
    http->filled_ms = clock_monotonic_ms();
    atomic_init(&http->stop, false);
    /* The pool of connections is the multi's; more than may run at once are not kept. */
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

/* Also before the thread polls: then the poll returns at once. */
void s3_http_wake(struct s3_http *http)
{
    (void)curl_multi_wakeup(http->multi);
}

void s3_http_free(struct s3_http *http)
{
    if (http == NULL)
        return;
    /* The thread ends what runs, then curl's pool can go. */
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

int64_t s3_http_date(const char *text)
{
    /* curl_getdate takes much else: relative days, other zones, years of two digits. */
    if (strnlen(text, 30) != 29 || text[3] != ',' || strcmp(text + 25, " GMT") != 0)
        return -1;
    return (int64_t)curl_getdate(text, NULL);
}
