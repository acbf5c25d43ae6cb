/* A thread per notifier: claim, send, write down, and so on while something is due. Each has its own
 * connection to the catalog; nothing else is shared but the counts. */
#include "notify/courier.h"

#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/thread.h"
#include "catalog/db/outbox.h"
#include "notify/send.h"

enum { BUSY_MS = 200, LEAST_MS = 500 };

/* One notifier's. */
struct carrier {
    const struct courier_spec *spec;
    const char *name;
    int64_t until_ms; /* monotonic */
    pthread_t thread;
    bool started;
    struct courier_result result;
    struct err err;
};

int64_t courier_next_try(int64_t tries, int64_t retry_after, int64_t now)
{
    int64_t wait = COURIER_FIRST_S;
    for (int64_t i = 1; i < tries && wait < COURIER_MOST_S; i++)
        wait *= 2;
    wait = wait < COURIER_MOST_S ? wait : COURIER_MOST_S;
    /* The first times it is as the service says, be it sooner; one that says so for ever is not
     * asked every second for a day. */
    if (retry_after > 0 && (tries <= 3 || retry_after > wait))
        wait = retry_after < 6 * COURIER_MOST_S ? retry_after : 6 * COURIER_MOST_S;
    return now + wait;
}

bool courier_gives_up(const char *event, int64_t created, int64_t now)
{
    int64_t limit = strcmp(event, notifier_event_name(NOTIFIER_START)) == 0
                        ? COURIER_START_S
                        : COURIER_GIVE_UP_S;
    return now - created >= limit;
}

/* One try. */
static int deliver(const struct carrier *carrier, const struct catalog_message *message,
                   struct send_answer *answer, struct err *err)
{
    const struct notifier_settings *notifier =
        settings_notifier(carrier->spec->settings, message->notifier);
    struct notifier_secrets secrets = {0};
    struct payload payload = {.path = ""};
    /* Taken out of the file since: it may come back. */
    if (notifier == NULL)
        return err_set(err, ERR_CONFIG, "it is not in the configuration any more");
    json_t *document = json_parse(message->document, strlen(message->document), err);
    int result = document == NULL ? -1 : resolve_notifier(notifier, &secrets, err);
    if (result == 0)
        result = payload_init(&payload, notifier, secrets.secret.text, document, err);
    if (result == 0) {
        /* To claim it may have taken all the time there was: 0 would be no limit at all. */
        int64_t left = carrier->until_ms - clock_monotonic_ms();
        left = left < LEAST_MS ? LEAST_MS : left;
        const struct send_spec send = {.notifier = notifier,
                                       .secrets = &secrets,
                                       .payload = &payload,
                                       .timeout_ms =
                                           left < COURIER_TRY_MS ? left : COURIER_TRY_MS,
                                       .cancel = carrier->spec->cancel};
        result = send_message(&send, answer, err);
    } else if (err->kind == ERR_CORRUPT) {
        answer->refused = true; /* it will not become better */
    }
    payload_release(&payload);
    resolve_notifier_release(&secrets);
    json_decref(document);
    return result;
}

/* What came of it is written down and, once it matters, said. */
static int settle(struct carrier *carrier, struct catalog *catalog,
                  struct catalog_message *message, const struct send_answer *answer,
                  const struct err *why, struct err *err)
{
    int64_t now = clock_now();
    enum outbox_end end = OUTBOX_SENT;
    if (why != NULL) {
        char time[32];
        bool over =
            answer->refused || courier_gives_up(message->event, message->created, now);
        end = over ? OUTBOX_GIVEN_UP : OUTBOX_AGAIN;
        message->next_try =
            courier_next_try(message->attempts + 1, answer->retry_after, now);
        memory_replace(&message->error, why->text);
        if (over)
            log_error(
                "notifier \"%s\": given up after %lld tries: %s of job \"%s\", made at "
                "%s: %s",
                message->notifier, (long long)message->attempts + 1, message->event,
                message->job, clock_local(time, message->created), why->text);
        else
            log_warning("notifier \"%s\": %s; tried again at %s", message->notifier,
                        why->text, clock_local(time, message->next_try));
    }
    carrier->result.sent += end == OUTBOX_SENT;
    carrier->result.failed += end != OUTBOX_SENT;
    carrier->result.given_up += end == OUTBOX_GIVEN_UP;
    return catalog_outbox_settle(catalog, message, end, now, err);
}

static int carry(struct carrier *carrier, struct catalog *catalog, struct err *err)
{
    const struct courier_spec *spec = carrier->spec;
    bool early = spec->early;
    /* A try that has no second left is none. */
    while (carrier->until_ms - clock_monotonic_ms() > LEAST_MS &&
           !cancel_requested(spec->cancel)) {
        struct catalog_message message;
        struct send_answer answer = {0};
        struct err why = {0};
        enum outbox_claim claim;
        const struct outbox_wish wish = {carrier->name, clock_now(), early};
        if (catalog_outbox_claim(catalog, &wish, &message, &claim, err) < 0)
            return -1;
        if (claim == OUTBOX_NONE)
            return 0;
        /* Whoever waits for us wants it sent, be it by another. */
        if (claim == OUTBOX_BUSY) {
            (void)cancel_sleep_ms(spec->cancel, BUSY_MS);
            continue;
        }
        bool taken = deliver(carrier, &message, &answer, &why) == 0;
        /* Early is once: what fails now waits for its time. */
        early = early && taken;
        int result = settle(carrier, catalog, &message, &answer, taken ? NULL : &why, err);
        catalog_message_release(&message);
        if (result < 0)
            return -1;
    }
    return 0;
}

static void *carry_all(void *argument)
{
    struct carrier *carrier = argument;
    struct catalog *catalog =
        catalog_open(carrier->spec->settings->catalog, CATALOG_WRITE, &carrier->err);
    if (catalog == NULL)
        return NULL;
    catalog_set_cancel(catalog, carrier->spec->cancel);
    if (carry(carrier, catalog, &carrier->err) < 0)
        err_context(&carrier->err, "notifier \"%s\"", carrier->name);
    catalog_close(catalog);
    return NULL;
}

int courier_run(const struct courier_spec *spec, struct courier_result *result,
                struct err *err)
{
    struct strlist names = {0};
    *result = (struct courier_result){0};
    struct catalog *catalog = catalog_open(spec->settings->catalog, CATALOG_WRITE, err);
    /* Before the threads, and open until they have ended (catalog.h). */
    if (catalog == NULL)
        return -1;
    int code = catalog_outbox_names(catalog, &names, err);
    struct carrier *carriers = memory_array(names.count, sizeof *carriers);
    for (size_t i = 0; code == 0 && i < names.count; i++) {
        carriers[i] = (struct carrier){.spec = spec,
                                       .name = names.items[i],
                                       .until_ms = clock_monotonic_ms() + spec->limit_ms};
        code = thread_start(&carriers[i].thread, carry_all, &carriers[i], err);
        carriers[i].started = code == 0;
    }
    for (size_t i = 0; i < names.count; i++) {
        if (!carriers[i].started)
            continue;
        pthread_join(carriers[i].thread, NULL);
        result->sent += carriers[i].result.sent;
        result->failed += carriers[i].result.failed;
        result->given_up += carriers[i].result.given_up;
        if (carriers[i].err.kind != ERR_NONE && code == 0) {
            *err = carriers[i].err;
            code = -1;
        }
    }
    free(carriers);
    strlist_release(&names);
    catalog_close(catalog);
    return code;
}
