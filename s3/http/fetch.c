/*
 * For a handful of requests in the life of a process, blocking and with a connection of its
 * own: a metadata service that hangs must not hold up the engine. curl's error buffer is
 * not used, as it may quote a URL that holds a token.
 */
#include "s3/http/fetch.h"

#include "base/clock.h"
#include "base/memory.h"
#include "s3/http/setup.h"
#include "s3/http/uri.h"

#define BODY_CEILING ((size_t)256 << 10)
#define STEP_MS 20 /* how late a stop is seen while we pause */

/* Nothing that belongs here is large: more ends the exchange. */
static size_t on_body(char *data, size_t size, size_t count, void *context)
{
    struct text *body = context;
    text_add_bytes(body, data, size * count);
    return body->overflowed ? 0 : size * count;
}

static bool is_stopped(const struct s3_fetch *fetch)
{
    return fetch->stop != NULL && atomic_load(fetch->stop);
}

/* One try under way. */
struct try_state {
    const struct s3_fetch *fetch;
    bool cancelled; /* before it began: then it is clean-up that needs keys, and goes on */
};

/* curl calls this at least once a second, also while nothing comes. */
static int on_progress(void *context, curl_off_t a, curl_off_t b, curl_off_t c,
                       curl_off_t d)
{
    const struct try_state *state = context;
    (void)a, (void)b, (void)c, (void)d;
    bool ends = is_stopped(state->fetch) ||
                (!state->cancelled && cancel_requested(state->fetch->cancel));
    return ends ? 1 : 0;
}

/* By name only, as everywhere: nothing is looked up before the proxy is decided. */
static bool is_loopback(const char *url)
{
    struct s3_endpoint endpoint;
    struct err ignored = {0};
    char *base = memory_strndup(url, strcspn(url, "?#"));
    bool loopback = false;
    if (s3_endpoint_parse(base, &endpoint, &ignored) == 0) {
        loopback = s3_endpoint_is_loopback(&endpoint);
        s3_endpoint_release(&endpoint);
    }
    free(base);
    return loopback;
}

/* A handle of its own for each try: nothing of the last one is left, its connection neither. */
static int try_once(const struct s3_fetch *fetch, struct s3_fetched *fetched,
                    struct err *err)
{
    struct s3_setup setup = {.easy = curl_easy_init()};
    struct try_state state = {fetch, cancel_requested(fetch->cancel)};
    const struct s3_setup_common common = {.method = fetch->method,
                                           .url = fetch->url,
                                           .headers = fetch->headers,
                                           .ca_file = fetch->ca_file,
                                           .proxy = fetch->proxy,
                                           .no_proxy =
                                               fetch->direct || is_loopback(fetch->url),
                                           .connect_timeout_ms = fetch->timeout_ms,
                                           .timeout_ms = fetch->timeout_ms};
    long status = 0;
    int result = 0;
    /* What all exchanges have in common, and a body from memory. */
    if (setup.easy == NULL)
        return err_set(err, ERR_SYSTEM, "libcurl has no memory");
    s3_setup_common(&setup, &common);
    if (strcmp(fetch->method, "GET") != 0) {
        const char *body = fetch->body == NULL ? "" : fetch->body;
        s3_setup_long(&setup, CURLOPT_POSTFIELDSIZE, (long)strlen(body));
        s3_setup_text(&setup, CURLOPT_POSTFIELDS, body);
        /* curl would call an empty body a form; of any other the caller says what it is. */
        if (fetch->body == NULL)
            s3_setup_line(&setup, "Content-Type:");
        /* Short as it is, nobody has to be asked whether it may come. */
        s3_setup_line(&setup, "Expect:");
    }
    /* Progress is what asks whether to go on; the answer goes into memory. */
    s3_setup_long(&setup, CURLOPT_NOPROGRESS, 0);
    s3_setup_function(&setup, CURLOPT_XFERINFOFUNCTION, (s3_setup_any)on_progress);
    s3_setup_pointer(&setup, CURLOPT_XFERINFODATA, &state);
    s3_setup_function(&setup, CURLOPT_WRITEFUNCTION, (s3_setup_any)on_body);
    s3_setup_pointer(&setup, CURLOPT_WRITEDATA, &fetched->body);

    /* The answer, or one sentence without the URL. */
    if (setup.code != CURLE_OK) {
        result = err_set(err, ERR_SYSTEM, "libcurl refuses an option");
    } else {
        CURLcode code = curl_easy_perform(setup.easy);
        (void)curl_easy_getinfo(setup.easy, CURLINFO_RESPONSE_CODE, &status);
        fetched->status = (int)status;
        if (fetched->body.overflowed)
            result = err_set(err, ERR_TRANSIENT, "the answer is larger than %zu bytes",
                             BODY_CEILING);
        else if (code != CURLE_OK)
            result = err_set(err, ERR_TRANSIENT, "no answer: %s", curl_easy_strerror(code));
    }
    curl_easy_cleanup(setup.easy);
    s3_setup_free_lines(setup.lines);
    return result;
}

enum err_kind s3_fetched_kind(const struct s3_fetched *fetched)
{
    bool passing = fetched->status == 429 || fetched->status >= 500;
    return passing ? ERR_TRANSIENT : ERR_DENIED;
}

/* The last try's answer or failure is the result. */
int s3_fetch(const struct s3_fetch *fetch, struct s3_fetched *fetched, struct err *err)
{
    int result = -1;
    bool again = true;
    *fetched = (struct s3_fetched){0};
    for (unsigned i = 0; again; i++) {
        text_init(&fetched->body, BODY_CEILING);
        err_clear(err);
        /* No answer, a busy service, or what the caller knows to pass. */
        result = try_once(fetch, fetched, err);
        again = result < 0 || s3_fetched_kind(fetched) == ERR_TRANSIENT ||
                (fetch->again != NULL && fetch->again(fetched->status, fetched->body.data));
        if (!again || i + 1 >= fetch->tries || is_stopped(fetch) ||
            cancel_requested(fetch->cancel))
            break;
        /* In steps: a stop has nothing that wakes us. */
        int64_t end = clock_monotonic_ms() + fetch->pause_ms;
        while (clock_monotonic_ms() < end && !is_stopped(fetch) &&
               cancel_sleep_ms(fetch->cancel, STEP_MS))
            continue;
        s3_fetched_release(fetched);
    }
    if (result < 0)
        s3_fetched_release(fetched);
    return result;
}

void s3_fetched_release(struct s3_fetched *fetched)
{
    text_wipe(&fetched->body);
    fetched->status = 0;
}
