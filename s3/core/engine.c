/*
 * The life of a request, on one thread: next_task picks what may start, attempt_ended
 * classifies what came, and each task is then finished or queued again. Nothing in here
 * waits; what would have to (credentials) is done by a thread of its own that wakes the
 * engine.
 *
 * The lock is held only to look at the list of tasks and at what other threads set. A
 * request that is running belongs to the engine alone, so its attempt is worked on without
 * it.
 */
#include "s3/core/engine.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "s3/core/answer.h"
#include "s3/http/xml.h"

enum {
    NOTHING_DUE_MS = 60000,
    SKEW_SECONDS = 300,
    TROUBLE_MS = 5000,   /* without a success: worth a line in the log */
    FLOWING = 1 << 20,   /* bytes of an attempt whose time is not held against it ... */
    FLOWING_TRIES = 10,  /* ... this often: a full disk cuts every body at the same place */
    CLEANING_MS = 60000, /* a request of clean-up */
    HURRY_MS = 3000,     /* all of them together, from a signal on */
};

/* ---- the end of a request ---- */

/* With the lock held; wakes whoever waits for it, or for its group to be empty. */
static void unlink_task(struct s3_engine *engine, struct s3_task *task)
{
    struct s3_task **place = &engine->tasks;
    while (*place != task)
        place = &(*place)->next;
    *place = task->next;
    pthread_cond_broadcast(&engine->changed);
}

/* The waiter, or on_done, may free the request: it is not touched afterwards. */
static void finish(struct s3_task *task, const struct err *err)
{
    struct s3_engine *engine = task->client->engine;
    struct s3_request *request = task->request;
    s3_attempt_release(task);
    task->state = S3_DONE;
    /* Somebody waits: the task is his, with what came of it. */
    if (request->on_done == NULL) {
        pthread_mutex_lock(&engine->lock);
        unlink_task(engine, task);
        task->err = *err;
        task->done = true;
        pthread_mutex_unlock(&engine->lock);
        return;
    }
    /* It stays in the list until on_done has returned: s3_requests_cancel waits for that. */
    request->task = NULL;
    request->on_done(request->context, request, err);
    pthread_mutex_lock(&engine->lock);
    unlink_task(engine, task);
    pthread_mutex_unlock(&engine->lock);
    s3_task_free(task);
}

/* The noun of its errors: "part 7", or PUT "p/data/x". */
static void describe(const struct s3_client *client, const struct s3_request *request,
                     struct text *out)
{
    if (request->name[0] != '\0') {
        text_add(out, request->name);
        return;
    }
    /* The whole key: whoever looks for it at the service does not know our prefix. */
    bool of_key = request->key != NULL;
    char *name = of_key ? s3_client_full_key(client, request->key)
                        : memory_strdup(client->engine->bucket);
    text_addf(out, "%s %s", request->method, of_key ? "\"" : "bucket ");
    text_add_printable(out, name, strlen(name));
    if (of_key)
        text_add_char(out, '"');
    free(name);
}

/* One sentence of all that is known: what, which answer, how many tries. */
static void explain(const struct s3_client *client, const struct s3_request *request,
                    const struct s3_verdict *verdict, const char *message, struct err *err)
{
    const struct s3_answer *answer = &request->answer;
    struct text what;
    text_init(&what, 200);
    describe(client, request, &what);
    struct s3_failure failure = {.what = what.data,
                                 .transport = message,
                                 .status = answer->status,
                                 .code = answer->code,
                                 .message = answer->message,
                                 .request_id = answer->request_id,
                                 .tries = answer->tries,
                                 .elapsed_ms = answer->elapsed_ms};
    s3_error_set(err, verdict, &failure);
    text_release(&what);
    if (strstr(answer->message, "Content-MD5") != NULL && !digest_available(DIGEST_MD5))
        err_hint(err,
                 "OpenSSL refuses MD5 on this machine (FIPS), and the service wants it");
    /* Of the bucket, "not found" means that nothing can be done here. */
    if (request->key == NULL && err->kind == ERR_NOT_FOUND)
        err->kind = ERR_STORE;
}

int s3_request_fail(const struct s3_client *client, const struct s3_request *request,
                    struct err *err)
{
    struct s3_verdict verdict =
        s3_error_of_answer(request->answer.status, request->answer.code);
    explain(client, request, &verdict, NULL, err);
    return -1;
}

/* A failure of our own (memory, a ceiling) has its words already and lacks the noun only. */
static void fail(struct s3_task *task, const struct s3_verdict *verdict,
                 const char *message)
{
    struct err err = task->local_err;
    if (err.kind == ERR_NONE) {
        explain(task->client, task->request, verdict, message, &err);
    } else {
        struct text what;
        text_init(&what, 200);
        describe(task->client, task->request, &what);
        err_context(&err, "%s", what.data);
        text_release(&what);
    }
    finish(task, &err);
}

/* ---- after an attempt ---- */

/* From the Date of every answer: whoever deletes by age must know how far the clocks are apart. */
static void note_clock(struct s3_engine *engine, int64_t date)
{
    pthread_mutex_lock(&engine->lock);
    engine->clock_offset = date - clock_now();
    engine->clock_known = true;
    int64_t drift = engine->clock_offset - engine->clock_applied;
    /* Small differences are the age of the answer; they do no harm to a signature. */
    if (drift > SKEW_SECONDS || drift < -SKEW_SECONDS)
        engine->clock_applied = engine->clock_offset;
    pthread_mutex_unlock(&engine->lock);
}

/* A service behind a name of the user's own says what it is. Of its row only what all releases
 * have in common is taken: for checksums and conditions an old one would refuse uploads, or
 * overwrite, where a provider that was named is taken at its word. Limits of the configuration
 * stay. */
static void recognise(struct s3_engine *engine, const char *server)
{
    const struct s3_provider *row = s3_provider_by_server(server);
    if (row == NULL)
        return;
    engine->recognised = *row;
    engine->recognised.max_parts = engine->provider.max_parts;
    engine->recognised.list_version = engine->provider.list_version;
    engine->recognised.crc64 = false;
    engine->recognised.put_if_absent = engine->recognised.complete_if_absent = false;
    engine->recognised.mp_object_size = false;
    atomic_store(&engine->row, &engine->recognised);
    engine->guesses = false;
}

/* The window is the whole client's: what throttles one request throttles all. */
static void note_window(struct s3_task *task, bool throttled)
{
    struct s3_engine *engine = task->client->engine;
    int64_t now = s3_client_now(task->client);
    pthread_mutex_lock(&engine->lock);
    if (throttled)
        s3_window_throttled(&engine->window, task->attempt_ms, now);
    else
        s3_window_succeeded(&engine->window, now);
    pthread_mutex_unlock(&engine->lock);
}

/* In detail for whoever looks for trouble; for all others one line for an outage, however
 * many requests it holds up. */
static void log_retry(struct s3_task *task, const char *message, int64_t delay)
{
    struct s3_engine *engine = task->client->engine;
    const struct s3_answer *answer = &task->request->answer;
    int64_t now = s3_client_now(task->client);
    struct text what, why;
    text_init(&what, 200);
    text_init(&why, 200);
    describe(task->client, task->request, &what);
    if (answer->status != 0)
        text_addf(&why, "%d %s%s", answer->status, answer->code,
                  message != NULL ? " " : "");
    if (message != NULL)
        text_add_printable(&why, message, strlen(message));
    log_debug("%s: try %u: %s; again in %lld ms", what.data, answer->tries, why.data,
              (long long)delay);
    /* The wait ahead counts: one that is told to wait a minute is in trouble now. */
    if (engine->trouble_ms == 0)
        engine->trouble_ms = now;
    if (!engine->warned && now + delay - engine->trouble_ms >= TROUBLE_MS) {
        engine->warned = true;
        log_warning("%s: %s; trying on", what.data, why.data);
    }
    text_release(&what);
    text_release(&why);
}

/* ... and one for its end. */
static void note_success(struct s3_task *task)
{
    struct s3_engine *engine = task->client->engine;
    char duration[32];
    if (engine->warned)
        log_info("the service works again after %s",
                 text_duration(duration, s3_client_now(task->client) - engine->trouble_ms));
    engine->warned = false;
    engine->trouble_ms = 0;
}

/* Whoever pays for the line should know what is sent in vain. */
static void note_retransmitted(struct s3_task *task, bool arrived)
{
    struct s3_engine *engine = task->client->engine;
    struct s3_retransmitted *all = &engine->retransmitted;
    char lost[32], sent[32];
    if (!s3_retransmitted_count(all, task->exchange.sent, arrived,
                                engine->hooks.retransmitted_allowed))
        return;
    log_warning("%s of the %s sent so far were lost, and had to be sent again; is the line "
                "or the service in trouble?",
                text_size(lost, all->lost), text_size(sent, all->lost + all->arrived));
}

/* Queues the next try; false when there is to be none. */
static bool repeat(struct s3_task *task, enum s3_class class_, const char *message)
{
    struct s3_engine *engine = task->client->engine;
    struct s3_test_hooks *hooks = &engine->hooks;
    int64_t now = s3_client_now(task->client);
    int64_t delay = 0;
    /* Is there time for another, and would it go better? */
    task->retry.reached = engine->reached;
    task->retry.attempt_ms = task->attempt_ms;
    task->retry.after_ms = s3_answer_retry_after_ms(&task->request->answer);
    if (task->request->no_retry ||
        !s3_retry_next(&task->retry, class_, now, hooks->random(hooks->context), &delay) ||
        !s3_attempt_repair(task, class_))
        return false;
    log_retry(task, message, delay);
    /* In the order of submission again, when it is due. */
    s3_attempt_release(task);
    task->due_ms = now + hooks->delay(hooks->context, delay);
    task->state = S3_QUEUED;
    return true;
}

/* What an attempt of the request itself has brought: the answer, another try, or the end. */
static void classify(struct s3_task *task)
{
    struct s3_request *request = task->request;
    const struct s3_verdict *verdict = &task->verdict;
    struct err none = {0};
    bool good = s3_attempt_classify(task);
    note_retransmitted(task, good);
    if (good) {
        note_window(task, false);
        note_success(task);
        finish(task, &none);
        return;
    }
    if (verdict->class_ == S3_CLASS_THROTTLE)
        note_window(task, true);
    /* Kept for good: a later, clear answer may be the echo of this one. Reading changes nothing,
     * however often it is done. */
    if (verdict->uncertain && strcmp(request->method, "GET") != 0 &&
        strcmp(request->method, "HEAD") != 0)
        request->answer.uncertain = true;
    if (task->local_err.kind == ERR_NONE && repeat(task, verdict->class_, task->why))
        return;
    fail(task, verdict, task->why);
}

/* ---- the question for the region ---- */

/* GetBucketLocation; the names of the two oldest regions are not theirs. */
static void note_location(struct s3_task *task)
{
    struct s3_answer *answer = &task->request->answer;
    const struct text *body = &task->error_body;
    struct err ignored = {0};
    char *found = NULL;
    if (answer->bucket_region[0] != '\0' ||
        s3_xml_find(&(struct s3_xml){body->data, body->length, "LocationConstraint"}, "",
                    &found, &ignored) < 0)
        return;
    /* "EU" and nothing are what was there before regions had names (API_GetBucketLocation). */
    const char *region = found;
    if (strcmp(found, "EU") == 0)
        region = "eu-west-1";
    else if (*found == '\0' && strcmp(s3_client_provider(task->client)->name, "aws") == 0)
        region = "us-east-1";
    snprintf(answer->bucket_region, sizeof answer->bucket_region, "%s", region);
    free(found);
}

/* The question for the region has been answered, one way or another: back to the request. */
static void discovered(struct s3_task *task)
{
    struct s3_answer *answer = &task->request->answer;
    bool repaired = false;
    /* Asked again, as everything else. */
    bool answered =
        task->exchange.code == CURLE_OK && answer->status < 500 && answer->status != 429;
    if (!answered && repeat(task, S3_CLASS_TRANSIENT, task->exchange.message))
        return;

    task->discovering = false;
    if (answer->status >= 200 && answer->status < 300) {
        /* When all is well, the first request may try again, once. */
        note_location(task);
        (void)s3_attempt_repair(task, S3_CLASS_REDIRECT);
        repaired = true;
    } else {
        /* It also says what a HEAD cannot: why it was refused. */
        (void)s3_answer_error(answer, task->error_body.data, task->error_body.length);
        enum s3_class class_ = s3_error_of_answer(answer->status, answer->code).class_;
        if (class_ != S3_CLASS_CREDENTIALS && class_ != S3_CLASS_CLOCK)
            class_ = S3_CLASS_REDIRECT;
        repaired = s3_attempt_repair(task, class_);
    }
    /* Nothing new: the first refusal is what the user is told, not that of our question. */
    if (!repaired) {
        *answer = task->before;
        struct s3_verdict verdict = s3_error_of_answer(answer->status, answer->code);
        fail(task, &verdict, NULL);
        return;
    }
    s3_attempt_release(task);
    task->state = S3_QUEUED;
    task->due_ms = 0;
}

/* s3_exchange.on_end. */
static void attempt_ended(void *context, struct s3_exchange *exchange)
{
    struct s3_task *task = context;
    struct s3_engine *engine = task->client->engine;
    struct s3_answer *answer = &task->request->answer;
    int64_t now = s3_client_now(task->client);
    engine->running--;
    answer->elapsed_ms = now - task->first_ms;
    /* The budget is for a service that does not work; a slow line that moves a large part
     * is no reason to give up a dump when it breaks once. And a body that was under way
     * when an outage began has the whole budget for it. (curl does not tell what it sent
     * before it tried again by itself.) */
    uint64_t moved = exchange->sent + task->received;
    bool under_way = answer->tries == 1 && (moved > 0 || task->request->body_size > 0);
    if ((moved >= FLOWING || under_way) && task->flowed++ < FLOWING_TRIES)
        task->retry.started_ms += now - task->attempt_ms;
    task->fresh = false;

    /* What every answer tells of the service, good or bad. */
    if (answer->status != 0)
        engine->reached = true;
    if (text_starts_with(answer->encryption, "aws:kms"))
        atomic_store(&engine->kms_seen, true);
    if (answer->date != 0)
        note_clock(engine, answer->date);
    if (engine->guesses)
        recognise(engine, answer->server);

    if (task->discovering)
        discovered(task);
    else
        classify(task);
}

/* ---- a turn ---- */

/* QUEUED -> RUNNING. What goes wrong before a byte is sent ends here. */
static void start(struct s3_task *task)
{
    struct s3_engine *engine = task->client->engine;
    struct s3_request *request = task->request;
    struct err err = {0};
    task->attempt_ms = s3_client_now(task->client);
    /* The budget runs from the first attempt: waiting in the queue costs nothing. */
    if (task->retry.started_ms == 0) {
        task->first_ms = task->retry.started_ms = task->attempt_ms;
        task->retry.budget_ms = request->retry_time_ms > 0
                                    ? request->retry_time_ms
                                    : s3_client_retry_time(task->client);
        if (task->client->cleaning && task->retry.budget_ms > CLEANING_MS)
            task->retry.budget_ms = CLEANING_MS;
    }
    task->state = S3_RUNNING;
    /* The question for the region is no try of it. */
    if (!task->discovering)
        request->answer.tries++;
    if (s3_attempt_prepare(task, &err) < 0) {
        /* Credentials that cannot be had at the moment. */
        if (err.kind == ERR_TRANSIENT && repeat(task, S3_CLASS_TRANSIENT, err.text))
            return;
        finish(task, &err);
        return;
    }
    task->exchange.on_end = attempt_ended;
    engine->running++;
    s3_http_start(engine->http, &task->exchange);
}

/* Cancelled, or its group is. What is on its way may arrive all the same. */
static void give_up(struct s3_task *task)
{
    struct s3_engine *engine = task->client->engine;
    struct err err = {0};
    if (task->state == S3_RUNNING) {
        s3_http_cancel(engine->http, &task->exchange);
        engine->running--;
        task->request->answer.uncertain = true;
    }
    if (cancel_check(engine->cancel, &err) == 0)
        err_set(&err, ERR_CANCELLED, "given up");
    finish(task, &err);
}

/* Whoever asks STS or a metadata service waits for seconds, and parts under way would wait
 * with it: a thread of its own does, and wakes us. Where none can be started, the engine
 * has to ask by itself. */
static bool can_sign(struct s3_engine *engine)
{
    struct err ignored = {0};
    if (!engine->renews)
        engine->renews = s3_credentials_hold(engine->credentials, &ignored) == 0;
    return s3_credentials_ready(engine->credentials);
}

/* The first task with something to do, and what. */
static struct s3_task *next_task(struct s3_engine *engine, bool *ends)
{
    struct s3_task *task;
    pthread_mutex_lock(&engine->lock);
    int64_t now = engine->hooks.now(engine->hooks.context);
    bool cancelled = cancel_requested(engine->cancel);
    /* Whoever sent a signal waits for the end: clean-up has moments then, not minutes, and what
     * it cannot do is found by the sweep. A time limit hurries nobody. */
    if (engine->hurry_until_ms == 0 && cancel_requested(NULL))
        engine->hurry_until_ms = now + HURRY_MS;
    bool late = engine->hurry_until_ms != 0 && now >= engine->hurry_until_ms;
    for (task = engine->tasks; task != NULL; task = task->next) {
        *ends = task->given_up || (cancelled && (late || !task->client->cleaning));
        bool may_start = task->state == S3_QUEUED && task->due_ms <= now &&
                         engine->running < engine->window.limit;
        if (task->state != S3_DONE && (*ends || (may_start && can_sign(engine))))
            break;
    }
    pthread_mutex_unlock(&engine->lock);
    return task;
}

/* How long curl may wait for traffic before something has to be looked at. */
static int64_t time_to_next(struct s3_engine *engine)
{
    int64_t wait = NOTHING_DUE_MS;
    pthread_mutex_lock(&engine->lock);
    int64_t now = engine->hooks.now(engine->hooks.context);
    for (struct s3_task *task = engine->tasks; task != NULL; task = task->next) {
        if (task->state == S3_QUEUED && task->due_ms > now && task->due_ms - now < wait)
            wait = task->due_ms - now;
        /* What cleans up after a signal is ended by the clock alone. */
        if (engine->hurry_until_ms > now && engine->hurry_until_ms - now < wait)
            wait = engine->hurry_until_ms - now;
    }
    pthread_mutex_unlock(&engine->lock);
    return wait;
}

int64_t s3_engine_turn(void *context)
{
    struct s3_engine *engine = context;
    bool ends = false;
    /* Anew from the front each time: an end may submit, free or cancel others. */
    for (struct s3_task *task; (task = next_task(engine, &ends)) != NULL;) {
        if (ends)
            give_up(task);
        else
            start(task);
    }
    return time_to_next(engine);
}
