/* A handle for each message: they are minutes apart. curl's own error texts name hosts and no
 * paths, but are held against the address all the same before anybody reads them. */
#include "notify/send.h"

#include "base/memory.h"

#include <curl/curl.h>

enum { CONNECT_MS = 8000, ANSWER_MAX = 2048, ANSWER_SHOWN = 160 };

/* One exchange. */
struct exchange {
    const struct send_spec *spec;
    CURL *easy;
    CURLcode code; /* the first option that was refused */
    struct curl_slist *lines, *recipients;
    char *url;
    size_t at;          /* of the body of a mail that was read */
    struct text answer; /* the begin of it */
    char message[CURL_ERROR_SIZE];
};

static size_t on_answer(char *data, size_t size, size_t count, void *context)
{
    struct exchange *x = context;
    /* What is beyond the ceiling is dropped, and nobody misses it. */
    text_add_bytes(&x->answer, data, size * count);
    return size * count;
}

static size_t on_read(char *out, size_t size, size_t count, void *context)
{
    struct exchange *x = context;
    const struct text *body = &x->spec->payload->body;
    size_t left = body->length - x->at, room = size * count;
    size_t take = left < room ? left : room;
    memcpy(out, body->data + x->at, take);
    x->at += take;
    return take;
}

static int on_progress(void *context, curl_off_t a, curl_off_t b, curl_off_t c,
                       curl_off_t d)
{
    const struct exchange *x = context;
    (void)a, (void)b, (void)c, (void)d;
    return cancel_requested(x->spec->cancel) ? 1 : 0;
}

#define SET(x, option, value)                                                              \
    do {                                                                                   \
        if ((x)->code == CURLE_OK)                                                         \
            (x)->code = curl_easy_setopt((x)->easy, option, value);                        \
    } while (0)

static void set_common(struct exchange *x, const char *protocols)
{
    const struct notifier_settings *notifier = x->spec->notifier;
    SET(x, CURLOPT_URL, x->url);
    SET(x, CURLOPT_PROTOCOLS_STR, protocols);
    SET(x, CURLOPT_NOSIGNAL, 1L);
    SET(x, CURLOPT_TIMEOUT_MS, (long)x->spec->timeout_ms);
    SET(x, CURLOPT_CONNECTTIMEOUT_MS,
        (long)(x->spec->timeout_ms < CONNECT_MS ? x->spec->timeout_ms : CONNECT_MS));
    SET(x, CURLOPT_FOLLOWLOCATION, 0L);
    SET(x, CURLOPT_SSL_VERIFYPEER, 1L);
    SET(x, CURLOPT_SSL_VERIFYHOST, 2L);
    if (notifier->ca_file != NULL)
        SET(x, CURLOPT_CAINFO, notifier->ca_file);
    if (resolve_is_loopback(x->url))
        SET(x, CURLOPT_NOPROXY, "*");
    SET(x, CURLOPT_ERRORBUFFER, x->message);
    SET(x, CURLOPT_WRITEFUNCTION, on_answer);
    SET(x, CURLOPT_WRITEDATA, x);
    SET(x, CURLOPT_NOPROGRESS, 0L);
    SET(x, CURLOPT_XFERINFOFUNCTION, on_progress);
    SET(x, CURLOPT_XFERINFODATA, x);
}

static void set_http(struct exchange *x)
{
    const struct payload *payload = x->spec->payload;
    for (size_t i = 0; i < payload->headers.count; i++)
        x->lines = curl_slist_append(x->lines, payload->headers.items[i]);
    /* Short as it is, nobody has to be asked whether it may come. */
    x->lines = curl_slist_append(x->lines, "Expect:");
    SET(x, CURLOPT_USERAGENT, "pgkeep/" PGKEEP_VERSION);
    SET(x, CURLOPT_HTTPHEADER, x->lines);
    SET(x, CURLOPT_POSTFIELDSIZE, (long)payload->body.length);
    SET(x, CURLOPT_POSTFIELDS, payload->body.data);
}

static void set_smtp(struct exchange *x)
{
    const struct notifier_settings *notifier = x->spec->notifier;
    bool needs_tls = notifier->starttls == STARTTLS_ALWAYS ||
                     (notifier->starttls == STARTTLS_AUTO && !resolve_is_loopback(x->url));
    for (size_t i = 0; i < notifier->to.count; i++)
        x->recipients = curl_slist_append(x->recipients, notifier->to.items[i]);
    /* ALL: no word of the mail, and no password, before TLS. */
    SET(x, CURLOPT_USE_SSL, needs_tls ? (long)CURLUSESSL_ALL : (long)CURLUSESSL_NONE);
    SET(x, CURLOPT_MAIL_FROM, notifier->from);
    SET(x, CURLOPT_MAIL_RCPT, x->recipients);
    if (notifier->user != NULL) {
        SET(x, CURLOPT_USERNAME, notifier->user);
        SET(x, CURLOPT_PASSWORD, x->spec->secrets->secret.text);
    }
    SET(x, CURLOPT_UPLOAD, 1L);
    SET(x, CURLOPT_READFUNCTION, on_read);
    SET(x, CURLOPT_READDATA, x);
    SET(x, CURLOPT_INFILESIZE, (long)x->spec->payload->body.length);
}

/* Behind its path, in front of a query. */
static char *join(const char *url, const char *path)
{
    size_t length = strcspn(url, "?#");
    size_t end = length;
    while (*path != '\0' && end > 0 && url[end - 1] == '/')
        end--;
    return memory_format("%.*s%s%s", (int)end, url, path, url + length);
}

/* Does a text give away what only we and the service know? */
static bool is_telling(const struct exchange *x, const char *text)
{
    const char *secret = x->spec->secrets->secret.text;
    const char *url = x->spec->secrets->url.text;
    const char *host = url != NULL ? strstr(url, "://") : NULL;
    const char *path = host != NULL ? strchr(host + 3, '/') : NULL;
    if (secret != NULL && strstr(text, secret) != NULL)
        return true;
    if (path == NULL)
        return false;
    /* Any longer part of the path: a token is one. */
    for (const char *at = path; *at != '\0';) {
        size_t length = strcspn(at, "/?&=#");
        char *part = memory_strndup(at, length);
        bool found = length >= 6 && strstr(text, part) != NULL;
        free(part);
        if (found)
            return true;
        at += length + (at[length] != '\0');
    }
    return false;
}

/* 4xx about the message itself; what is about rights, addresses and rates may be mended by
 * somebody, or by time. */
static bool is_refusal(long status)
{
    return status == 400 || status == 413 || status == 415 || status == 422;
}

/* What came of it. */
static int judge(struct exchange *x, CURLcode code, struct send_answer *answer,
                 struct err *err)
{
    bool mail = x->spec->notifier->type == NOTIFIER_EMAIL;
    curl_off_t wait = 0;
    (void)curl_easy_getinfo(x->easy, CURLINFO_RESPONSE_CODE, &answer->status);
    if (code == CURLE_OK && (mail || (answer->status >= 200 && answer->status < 300)))
        return 0;
    if (cancel_requested(x->spec->cancel))
        return cancel_check(x->spec->cancel, err);
    if (code != CURLE_OK) {
        const char *why = *x->message != '\0' && !is_telling(x, x->message)
                              ? x->message
                              : curl_easy_strerror(code);
        /* 5yz of a mail server to the mail itself: RFC 5321, 4.2.1. */
        answer->refused = mail && answer->status == 554;
        return err_set(err, ERR_TRANSIENT, "%s", why);
    }
    (void)curl_easy_getinfo(x->easy, CURLINFO_RETRY_AFTER, &wait);
    answer->retry_after = (int64_t)wait;
    answer->refused = is_refusal(answer->status);
    /* A service says in a word what it does not like. */
    struct text shown;
    text_init(&shown, ANSWER_SHOWN);
    size_t length = strcspn(x->answer.data, "\r\n");
    if (!is_telling(x, x->answer.data))
        text_add_printable(&shown, x->answer.data, length < 120 ? length : 120);
    err_set(err, ERR_TRANSIENT, "it answered %ld%s%s", answer->status,
            shown.length > 0 ? ": " : "", shown.data);
    text_release(&shown);
    return -1;
}

int send_message(const struct send_spec *spec, struct send_answer *answer, struct err *err)
{
    bool mail = spec->notifier->type == NOTIFIER_EMAIL;
    const char *address = mail ? spec->notifier->server : spec->secrets->url.text;
    struct exchange x = {.spec = spec, .easy = curl_easy_init()};
    int result;
    *answer = (struct send_answer){0};
    if (x.easy == NULL)
        return err_set(err, ERR_SYSTEM, "libcurl has no memory");
    x.url = join(address, spec->payload->path);
    text_init(&x.answer, ANSWER_MAX);
    set_common(&x, mail ? "smtp,smtps" : "http,https");
    if (mail)
        set_smtp(&x);
    else
        set_http(&x);
    if (x.code != CURLE_OK)
        result = err_set(err, ERR_CONFIG, "libcurl refuses an option: %s",
                         curl_easy_strerror(x.code));
    else
        result = judge(&x, curl_easy_perform(x.easy), answer, err);
    curl_easy_cleanup(x.easy);
    for (struct curl_slist *line = x.lines; line != NULL; line = line->next)
        memory_wipe(line->data, strlen(line->data)); /* a token may be among them */
    curl_slist_free_all(x.lines);
    curl_slist_free_all(x.recipients);
    memory_wipe(x.url, strlen(x.url));
    free(x.url);
    text_wipe(&x.answer);
    return result;
}
