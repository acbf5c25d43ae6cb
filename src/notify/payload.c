/* What differs between services stands in rows and small functions; what is told stands in the
 * document. Limits are those that the services document. */
#include "notify/payload.h"

#include "base/clock.h"
#include "base/digest.h"
#include "base/json.h"
#include "base/memory.h"
#include "notify/mail.h"

enum {
    BODY_MAX = 128 << 10,
    DISCORD_MAX = 1900,     /* of 2000 characters */
    NTFY_MAX = 4000,        /* of 4096 bytes */
    HEALTHCHECKS_MAX = 9000 /* of 10 kB that are kept */
};

/* One message on its way into a payload. */
struct rendering {
    const struct notifier_settings *notifier;
    const char *secret;
    const json_t *document;
    enum notifier_event event;
    const char *title, *text;
    struct payload *out;
};

static const char *string_of(const struct rendering *r, const char *key)
{
    const char *text = json_string_value(json_object_get(r->document, key));
    return text != NULL ? text : "";
}

/* At most so many bytes, whole characters of UTF-8. */
static void add_cut(struct text *out, const char *text, size_t most)
{
    size_t length = strlen(text);
    if (length > most) {
        for (length = most; length > 0 && ((unsigned char)text[length] & 0xc0U) == 0x80U;)
            length--;
    }
    text_add_bytes(out, text, length);
    if (text[length] != '\0')
        text_add(out, "\n...");
}

static void add_json(struct payload *out, json_t *value)
{
    char *text = json_text(value, false);
    text_add(&out->body, text);
    strlist_add(&out->headers, "Content-Type: application/json");
    free(text);
    json_decref(value);
}

/* ---- one function per type ---- */

static void render_webhook(struct rendering *r)
{
    unsigned char mac[SHA256_SIZE];
    char hex[SHA256_HEX];
    json_t *copy = json_deep_copy(r->document);
    json_set(copy, "notifier", json_string(r->notifier->name));
    add_json(r->out, copy);
    strlist_addf(&r->out->headers, "X-Pgkeep-Event: %s", notifier_event_name(r->event));
    strlist_addf(&r->out->headers, "X-Pgkeep-Delivery: %s", string_of(r, "id"));
    if (r->secret == NULL)
        return;
    /* Over the bytes that go out, so that a reader need not know how to write JSON as we do. */
    digest_hmac_sha256(r->secret, strlen(r->secret), r->out->body.data, r->out->body.length,
                       mac);
    strlist_addf(&r->out->headers, "X-Pgkeep-Signature: sha256=%s",
                 digest_hex(mac, sizeof mac, hex));
}

/* In plain text these three are the only ones with a meaning: <!channel>, &amp;. */
static void render_slack(struct rendering *r)
{
    struct text plain, escaped;
    text_init(&plain, BODY_MAX / 8);
    text_init(&escaped, BODY_MAX);
    text_addf(&plain, "%s\n", r->title);
    add_cut(&plain, r->text, BODY_MAX / 16);
    for (const char *at = plain.data; *at != '\0'; at++) {
        if (*at == '&')
            text_add(&escaped, "&amp;");
        else if (*at == '<')
            text_add(&escaped, "&lt;");
        else if (*at == '>')
            text_add(&escaped, "&gt;");
        else
            text_add_char(&escaped, *at);
    }
    add_json(r->out, json_pack("{s:s, s:b, s:b}", "text", escaped.data, "mrkdwn", 0,
                               "unfurl_links", 0));
    text_release(&plain);
    text_release(&escaped);
}

/* Nobody is pinged by the name of a table, and a name with stars in it stays one. */
static void render_discord(struct rendering *r)
{
    struct text plain, escaped, cut;
    text_init(&plain, BODY_MAX / 8);
    text_init(&escaped, BODY_MAX);
    text_init(&cut, BODY_MAX);
    text_addf(&plain, "%s\n%s", r->title, r->text);
    for (const char *at = plain.data; *at != '\0'; at++) {
        if (strchr("\\*_~`|<>[]()#@-", *at) != NULL)
            text_add_char(&escaped, '\\');
        text_add_char(&escaped, *at);
    }
    add_cut(&cut, escaped.data, DISCORD_MAX);
    add_json(r->out, json_pack("{s:s, s:{s:[]}}", "content", cut.data, "allowed_mentions",
                               "parse"));
    text_release(&plain);
    text_release(&escaped);
    text_release(&cut);
}

/* Is it something that somebody has to see to? */
static bool is_trouble(enum notifier_event event)
{
    return event != NOTIFIER_RECOVERY && event != NOTIFIER_SUCCESS &&
           event != NOTIFIER_START && event != NOTIFIER_TEST;
}

static void render_ntfy(struct rendering *r)
{
    bool trouble = is_trouble(r->event);
    strlist_addf(&r->out->headers, "Title: %s", r->title);
    strlist_addf(&r->out->headers, "Priority: %s",
                 trouble                      ? "high"
                 : r->event == NOTIFIER_START ? "low"
                                              : "default");
    strlist_addf(&r->out->headers, "Tags: %s,%s", trouble ? "warning" : "white_check_mark",
                 notifier_event_name(r->event));
    strlist_add(&r->out->headers, "Content-Type: text/plain; charset=utf-8");
    if (r->secret != NULL)
        strlist_addf(&r->out->headers, "Authorization: Bearer %s", r->secret);
    /* An empty one would be shown as "triggered". */
    add_cut(&r->out->body, *r->text != '\0' ? r->text : r->title, NTFY_MAX);
}

/* What keeps the check as it is goes to its log. */
static const char *healthchecks_path(const struct rendering *r)
{
    bool of_runs = false;
    size_t i;
    json_t *word;
    json_array_foreach(json_object_get(r->document, "ended"), i, word)
    {
        const char *ended = json_string_value(word);
        of_runs = of_runs || text_equal(ended, "failure") || text_equal(ended, "stale");
    }
    if (r->event == NOTIFIER_START)
        return "/start";
    if (r->event == NOTIFIER_FAILURE || r->event == NOTIFIER_STALE)
        return "/fail";
    if (r->event == NOTIFIER_SUCCESS || (r->event == NOTIFIER_RECOVERY && of_runs))
        return "";
    return "/log";
}

static void render_healthchecks(struct rendering *r)
{
    r->out->path = healthchecks_path(r);
    strlist_add(&r->out->headers, "Content-Type: text/plain; charset=utf-8");
    struct text plain;
    text_init(&plain, BODY_MAX);
    text_addf(&plain, "%s\n%s%s", r->title, r->text, string_of(r, "log"));
    add_cut(&r->out->body, plain.data, HEALTHCHECKS_MAX);
    text_release(&plain);
}

static void render_email(struct rendering *r)
{
    struct text plain;
    int64_t time = 0;
    struct err ignored = {0};
    if (clock_parse(string_of(r, "time"), &time, &ignored) < 0)
        time = 0;
    text_init(&plain, BODY_MAX);
    text_addf(&plain, "%s\n\n%s", r->title, r->text);
    if (*string_of(r, "log") != '\0')
        text_addf(&plain, "\nThe last that the run said:\n\n%s", string_of(r, "log"));
    const struct mail mail = {.from = r->notifier->from,
                              .to = &r->notifier->to,
                              .subject = r->title,
                              .id = string_of(r, "id"),
                              .host = string_of(r, "host"),
                              .time = time,
                              .text = plain.data};
    mail_add(&r->out->body, &mail);
    text_release(&plain);
}

/* In the order of the enum. */
static void (*const renderers[NOTIFIER_TYPES])(struct rendering *r) = {
    [NOTIFIER_WEBHOOK] = render_webhook,           [NOTIFIER_SLACK] = render_slack,
    [NOTIFIER_DISCORD] = render_discord,           [NOTIFIER_NTFY] = render_ntfy,
    [NOTIFIER_HEALTHCHECKS] = render_healthchecks, [NOTIFIER_EMAIL] = render_email,
};

/* The words of an event of the table, or of a test, which `on` does not know. */
static int read_event(const char *word, enum notifier_event *out, struct err *err)
{
    if (notifier_event_from_name(word, out))
        return 0;
    *out = NOTIFIER_TEST;
    if (strcmp(word, notifier_event_name(NOTIFIER_TEST)) == 0)
        return 0;
    return err_set(err, ERR_CORRUPT, "a message of an unknown event");
}

int payload_init(struct payload *payload, const struct notifier_settings *notifier,
                 const char *secret, const json_t *document, struct err *err)
{
    struct rendering r = {
        .notifier = notifier, .secret = secret, .document = document, .out = payload};
    *payload = (struct payload){.path = ""};
    text_init(&payload->body, BODY_MAX);
    r.title = string_of(&r, "title");
    r.text = string_of(&r, "text");
    if (read_event(string_of(&r, "event"), &r.event, err) < 0)
        return -1;
    /* They become headers: of a document that somebody wrote by hand nothing may break out. */
    if (text_has_control(r.title) || text_has_control(string_of(&r, "id")) ||
        text_has_control(string_of(&r, "host")) ||
        (secret != NULL && text_has_control(secret)))
        return err_set(err, ERR_CORRUPT, "a message with control characters in its head");
    renderers[notifier->type](&r);
    if (payload->body.overflowed)
        return err_set(err, ERR_CORRUPT, "a message that is too long");
    return 0;
}

void payload_release(struct payload *payload)
{
    strlist_wipe(&payload->headers);
    text_wipe(&payload->body);
}
