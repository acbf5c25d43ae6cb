/*
 * For a handful of requests in the life of a process, blocking and with a connection of its
 * own: a metadata service that hangs must not hold up the engine. curl's error buffer is
 * not used, as it may quote a URL that holds a token.
 */
#include "s3/http/fetch.h"

#include "base/cancel.h"
#include "base/clock.h"
#include "base/memory.h"
#include "s3/http/uri.h"

#include <curl/curl.h>

#define BODY_CEILING ((size_t)256 << 10)
#define STEP_MS 20 /* how late a stop is seen while we pause */

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

static int on_progress(void *context, curl_off_t a, curl_off_t b, curl_off_t c,
                       curl_off_t d)
{
    (void)a, (void)b, (void)c, (void)d;
    return is_stopped(context) ? 1 : 0;
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

static bool add_header(struct curl_slist **list, const char *line)
{
    struct curl_slist *longer = curl_slist_append(*list, line);
    if (longer != NULL)
        *list = longer;
    return longer != NULL;
}

/* The caller's lines, and away with those that curl would add by itself. */
static struct curl_slist *header_list(const struct s3_fetch *fetch)
{
    struct curl_slist *list = NULL;
    bool typed = false;
    bool complete = add_header(&list, "Expect:");
    for (size_t i = 0; fetch->headers != NULL && i < fetch->headers->count; i++) {
        complete = add_header(&list, fetch->headers->items[i]) && complete;
        typed = typed || text_starts_with(fetch->headers->items[i], "Content-Type:");
    }
    if (!typed)
        complete = add_header(&list, "Content-Type:") && complete;
    if (complete)
        return list;
    curl_slist_free_all(list);
    return NULL;
}

static bool set_target(CURL *easy, const struct s3_fetch *fetch)
{
    bool ok = curl_easy_setopt(easy, CURLOPT_URL, fetch->url) == CURLE_OK;
    ok = ok && curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, fetch->method) == CURLE_OK;
    if (strcmp(fetch->method, "GET") != 0) {
        const char *body = fetch->body == NULL ? "" : fetch->body;
        ok = ok && curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE,
                                    (curl_off_t)strlen(body)) == CURLE_OK;
        ok = ok && curl_easy_setopt(easy, CURLOPT_POSTFIELDS, body) == CURLE_OK;
    }
    if (fetch->ca_file != NULL)
        ok = ok && curl_easy_setopt(easy, CURLOPT_CAINFO, fetch->ca_file) == CURLE_OK;
    if (fetch->direct || is_loopback(fetch->url)) /* "" also hides the environment's */
        return ok && curl_easy_setopt(easy, CURLOPT_PROXY, "") == CURLE_OK;
    if (fetch->proxy != NULL)
        ok = ok && curl_easy_setopt(easy, CURLOPT_PROXY, fetch->proxy) == CURLE_OK;
    return ok;
}

static bool set_rules(CURL *easy, const struct s3_fetch *fetch)
{
    const struct {
        CURLoption option;
        long value;
    } numbers[] = {
        {CURLOPT_NOSIGNAL, 1},
        {CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1},
        {CURLOPT_FOLLOWLOCATION, 0},
        {CURLOPT_PATH_AS_IS, 1},
        {CURLOPT_NOPROGRESS, 0},
        {CURLOPT_TIMEOUT_MS, (long)fetch->timeout_ms},
        {CURLOPT_CONNECTTIMEOUT_MS, (long)fetch->timeout_ms},
    };
    bool ok = curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https") == CURLE_OK;
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        ok = ok && curl_easy_setopt(easy, numbers[i].option, numbers[i].value) == CURLE_OK;
    ok = ok && curl_easy_setopt(easy, CURLOPT_XFERINFOFUNCTION, on_progress) == CURLE_OK;
    return ok && curl_easy_setopt(easy, CURLOPT_XFERINFODATA, fetch) == CURLE_OK;
}

static int perform(CURL *easy, const struct s3_fetch *fetch, struct curl_slist *headers,
                   struct s3_fetched *answer, struct err *err)
{
    long status = 0;
    if (!set_target(easy, fetch) || !set_rules(easy, fetch) ||
        curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers) != CURLE_OK ||
        curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body) != CURLE_OK ||
        curl_easy_setopt(easy, CURLOPT_WRITEDATA, &answer->body) != CURLE_OK)
        return err_set(err, ERR_SYSTEM, "libcurl refuses an option");
    CURLcode code = curl_easy_perform(easy);
    if (code == CURLE_OK)
        code = curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
    if (answer->body.overflowed)
        return err_set(err, ERR_TRANSIENT, "the answer is larger than %zu bytes",
                       BODY_CEILING);
    if (code != CURLE_OK) /* not its error buffer: that may quote the URL */
        return err_set(err, ERR_TRANSIENT, "no answer: %s", curl_easy_strerror(code));
    answer->status = (int)status;
    return 0;
}

static int try_once(const struct s3_fetch *fetch, struct s3_fetched *answer,
                    struct err *err)
{
    CURL *easy = curl_easy_init();
    struct curl_slist *headers = header_list(fetch);
    int result = easy == NULL || headers == NULL
                     ? err_set(err, ERR_SYSTEM, "libcurl has no memory")
                     : perform(easy, fetch, headers, answer, err);
    curl_easy_cleanup(easy);
    for (struct curl_slist *line = headers; line != NULL; line = line->next)
        memory_wipe(line->data, strlen(line->data));
    curl_slist_free_all(headers);
    return result;
}

static bool is_worth_another(const struct s3_fetch *fetch, int result,
                             const struct s3_fetched *answer)
{
    int status = answer->status;
    bool again = result < 0 || status == 429 || status >= 500 ||
                 (fetch->again != NULL && fetch->again(status, answer->body.data));
    return again && !is_stopped(fetch) && !cancel_requested(fetch->cancel);
}

static void pause_between(const struct s3_fetch *fetch)
{
    int64_t end = clock_monotonic_ms() + fetch->pause_ms;
    while (clock_monotonic_ms() < end && !is_stopped(fetch) &&
           cancel_sleep_ms(fetch->cancel, STEP_MS))
        continue;
}

int s3_fetch(const struct s3_fetch *fetch, struct s3_fetched *answer, struct err *err)
{
    int result = -1;
    *answer = (struct s3_fetched){0};
    for (unsigned i = 0; i == 0 || i < fetch->tries; i++) {
        if (i > 0) {
            pause_between(fetch);
            s3_fetched_release(answer);
        }
        text_init(&answer->body, BODY_CEILING);
        err_clear(err);
        result = try_once(fetch, answer, err);
        if (!is_worth_another(fetch, result, answer))
            break;
    }
    if (result < 0)
        s3_fetched_release(answer);
    return result;
}

void s3_fetched_release(struct s3_fetched *answer)
{
    if (answer->body.data != NULL)
        memory_wipe(answer->body.data, answer->body.capacity);
    text_release(&answer->body);
    answer->status = 0;
}
