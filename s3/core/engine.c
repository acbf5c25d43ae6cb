/*
 * The life of a request, on one thread: next_task picks what may start, attempt_ended
 * judges what came, and each task is then finished or queued again. Nothing in here waits;
 * what would have to (credentials) is done by a thread of its own that wakes the engine.
 *
 * The lock is held only to look at the list of tasks and at what other threads set. A
 * request that is running belongs to the engine alone, so its attempt is worked on without
 * it.
 */
#include "s3/core/engine.h"

#include "base/cancel.h"
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
};

/* ---- the list of tasks */

static void unlink_task(struct s3_client *client, struct s3_task *task)
{
    struct s3_task **place = &client->tasks;

    pthread_mutex_lock(&client->lock);
    while (*place != task)
        place = &(*place)->next;
    *place = task->next;
    pthread_cond_broadcast(&client->changed);
    pthread_mutex_unlock(&client->lock);
}

/* ---- the end of a request */

/* The waiter, or on_done, may free the request: it is not touched afterwards. */
static void finish(struct s3_task *task, const struct err *err)
{
    struct s3_client *client = task->client;
    struct s3_request *request = task->request;

    s3_attempt_release(task);
    task->state = S3_DONE;
    if (request->on_done != NULL) {
        request->task = NULL;
        request->on_done(request->context, request, err);
        unlink_task(client, task);
        s3_task_free(task);
        return;
    }
    unlink_task(client, task);
    pthread_mutex_lock(&client->lock);
    task->err = *err;
    task->done = true;
    pthread_cond_broadcast(&client->changed);
    pthread_mutex_unlock(&client->lock);
}

static void describe(const struct s3_client *client, const struct s3_request *request,
                     struct text *out)
{
    if (request->what != NULL) {
        text_add(out, request->what);
        return;
    }
    /* The whole key: whoever looks for it at the service does not know our prefix. */
    bool of_key = request->key != NULL;
    char *name =
        of_key ? s3_client_full_key(client, request->key) : memory_strdup(client->bucket);
    text_addf(out, "%s %s", request->method, of_key ? "\"" : "bucket ");
    text_add_printable(out, name, strlen(name));
    if (of_key)
        text_add_char(out, '"');
    free(name);
}

struct failure {
    const struct s3_client *client;
    const struct s3_request *request;
    const struct s3_verdict *verdict;
    const char *words; /* of curl, or ours; may be NULL */
    const struct err *own;
};

static void explain(const struct failure *failure, struct err *err)
{
    const struct s3_answer *answer = &failure->request->answer;
    struct text what;

    text_init(&what, 200);
    describe(failure->client, failure->request, &what);
    if (failure->own != NULL && failure->own->kind != ERR_NONE) {
        *err = *failure->own;
        err_context(err, "%s", what.data);
    } else {
        struct s3_failure told = {.what = what.data,
                                  .transport = failure->words,
                                  .status = answer->status,
                                  .code = answer->code,
                                  .message = answer->message,
                                  .request_id = answer->request_id,
                                  .tries = answer->tries,
                                  .elapsed_ms = answer->elapsed_ms};
        s3_error_set(err, failure->verdict, &told);
        if (strstr(answer->message, "Content-MD5") != NULL && !digest_available(DIGEST_MD5))
            err_hint(err, "OpenSSL refuses MD5 on this machine (FIPS), and the service "
                          "wants it");
        /* Of the bucket, "not found" means that nothing can be done here. */
        if (failure->request->key == NULL && err->kind == ERR_NOT_FOUND)
            err->kind = ERR_STORE;
    }
    text_release(&what);
}

int s3_request_fail(const struct s3_client *client, const struct s3_request *request,
                    struct err *err)
{
    struct s3_verdict verdict =
        s3_error_of_answer(request->answer.status, request->answer.code);
    struct failure failure = {client, request, &verdict, NULL, NULL};

    explain(&failure, err);
    return -1;
}

static void fail(struct s3_task *task, const struct s3_verdict *verdict, const char *words)
{
    struct failure failure = {task->client, task->request, verdict, words, &task->own};
    struct err err = {0};

    explain(&failure, &err);
    finish(task, &err);
}

/* ---- after an attempt */

static void note_clock(struct s3_client *client, int64_t date)
{
    pthread_mutex_lock(&client->lock);
    client->clock_offset = date - clock_now();
    client->clock_known = true;
    int64_t drift = client->clock_offset - client->clock_applied;
    /* Small differences are the age of the answer; they do no harm to a signature. */
    if (drift > SKEW_SECONDS || drift < -SKEW_SECONDS)
        client->clock_applied = client->clock_offset;
    pthread_mutex_unlock(&client->lock);
}

static void note_window(struct s3_task *task, bool throttled)
{
    struct s3_client *client = task->client;
    int64_t now = s3_client_now(task->client);

    pthread_mutex_lock(&client->lock);
    if (throttled)
        s3_window_throttled(&client->window, task->attempt_ms, now);
    else
        s3_window_succeeded(&client->window, now);
    pthread_mutex_unlock(&client->lock);
}

/* One line for an outage, however many requests it holds up, and one for its end. */
static void note_trouble(struct s3_client *client, const char *what, const char *words,
                         int64_t delay)
{
    int64_t now = s3_client_now(client);

    if (client->trouble_ms == 0)
        client->trouble_ms = now;
    if (client->warned || now + delay - client->trouble_ms < TROUBLE_MS)
        return;
    client->warned = true;
    log_warning("%s: %s; trying on", what, words);
}

static void note_success(struct s3_client *client)
{
    char duration[32];

    if (client->warned)
        log_info("the service works again after %s",
                 text_duration(duration, s3_client_now(client) - client->trouble_ms));
    client->warned = false;
    client->trouble_ms = 0;
}

static void log_retry(struct s3_task *task, const char *words, int64_t delay)
{
    const struct s3_answer *answer = &task->request->answer;
    struct text what, why;

    text_init(&what, 200);
    text_init(&why, 200);
    describe(task->client, task->request, &what);
    if (answer->status != 0)
        text_addf(&why, "%d %s%s", answer->status, answer->code, words != NULL ? " " : "");
    if (words != NULL)
        text_add_printable(&why, words, strlen(words));
    log_debug("%s: try %u: %s; again in %lld ms", what.data, answer->tries, why.data,
              (long long)delay);
    note_trouble(task->client, what.data, why.data, delay);
    text_release(&what);
    text_release(&why);
}

/* Queues the next try; false when there is to be none. */
static bool repeat(struct s3_task *task, enum s3_class class_, const char *words)
{
    struct s3_client *client = task->client;
    struct s3_seam *seam = &client->seam;
    int64_t now = s3_client_now(task->client);
    int64_t after = s3_answer_retry_after_ms(&task->request->answer);
    int64_t delay = 0;

    task->retry.reached = client->reached;
    task->retry.attempt_ms = task->attempt_ms;
    if (task->request->once ||
        !s3_retry_next(&task->retry, class_, now, after, seam->random(seam->context),
                       &delay) ||
        !s3_attempt_repair(task, class_))
        return false;
    log_retry(task, words, delay);
    s3_attempt_release(task);
    task->due_ms = now + seam->delay(seam->context, delay);
    task->state = S3_QUEUED;
    return true;
}

static void note_waste(struct s3_task *task, bool arrived)
{
    struct s3_client *client = task->client;
    char lost[32], all[32];

    if (!s3_waste_count(&client->waste, task->exchange.sent, arrived,
                        client->seam.waste_allowed))
        return;
    log_warning(
        "%s of the %s sent so far were lost, and had to be sent again; is the line or "
        "the service in trouble?",
        text_size(lost, client->waste.lost),
        text_size(all, client->waste.lost + client->waste.arrived));
}

static void judge(struct s3_task *task)
{
    struct s3_request *request = task->request;
    struct s3_verdict verdict = {.class_ = S3_CLASS_PERMANENT};
    const char *words = NULL;
    struct err none = {0};

    bool good = s3_attempt_judge(task, &verdict, &words);
    note_waste(task, good);
    if (good) {
        note_window(task, false);
        note_success(task->client);
        finish(task, &none);
        return;
    }
    if (verdict.class_ == S3_CLASS_THROTTLE)
        note_window(task, true);
    if (verdict.uncertain && strcmp(request->method, "GET") != 0 &&
        strcmp(request->method, "HEAD") != 0)
        request->answer.uncertain = true;
    if (task->own.kind == ERR_NONE && repeat(task, verdict.class_, words))
        return;
    fail(task, &verdict, words);
}

/* GetBucketLocation; the names of the two oldest regions are not theirs. */
static void note_location(struct s3_task *task)
{
    struct s3_answer *answer = &task->request->answer;
    const struct text *body = &task->error_body;
    struct err ignored = {0};
    char *found = NULL;

    if (answer->bucket_region[0] != '\0' ||
        s3_xml_find(body->data, body->length, "LocationConstraint", "", &found, &ignored) <
            0)
        return;
    const char *region = found;
    if (strcmp(found, "EU") == 0)
        region = "eu-west-1";
    else if (*found == '\0' && strcmp(task->client->row.name, "aws") == 0)
        region = "us-east-1";
    snprintf(answer->bucket_region, sizeof answer->bucket_region, "%s", region);
    free(found);
}

/* The question for the region was answered. It also says what a HEAD cannot: why it was
 * refused. When all is well, the first one may try again, once. */
static bool discover(struct s3_task *task)
{
    struct s3_answer *answer = &task->request->answer;
    struct s3_verdict verdict;

    if (answer->status >= 200 && answer->status < 300) {
        note_location(task);
        (void)s3_attempt_repair(task, S3_CLASS_REDIRECT);
        return true;
    }
    (void)s3_answer_error(answer, task->error_body.data, task->error_body.length);
    verdict = s3_error_of_answer(answer->status, answer->code);
    if (verdict.class_ == S3_CLASS_CREDENTIALS || verdict.class_ == S3_CLASS_CLOCK)
        return s3_attempt_repair(task, verdict.class_);
    return s3_attempt_repair(task, S3_CLASS_REDIRECT);
}

static void discovered(struct s3_task *task)
{
    struct s3_answer *answer = &task->request->answer;
    bool answered =
        task->exchange.code == CURLE_OK && answer->status < 500 && answer->status != 429;

    /* Asked again, as everything else. */
    if (!answered && repeat(task, S3_CLASS_TRANSIENT, task->exchange.message))
        return;
    task->discovering = false;
    if (!discover(task)) {
        *answer = task->before;
        struct s3_verdict verdict = s3_error_of_answer(answer->status, answer->code);
        fail(task, &verdict, NULL);
        return;
    }
    s3_attempt_release(task);
    task->state = S3_QUEUED;
    task->due_ms = 0;
}

static void attempt_ended(void *context, struct s3_exchange *exchange)
{
    struct s3_task *task = context;
    struct s3_answer *answer = &task->request->answer;

    task->client->running--;
    int64_t now = s3_client_now(task->client);
    answer->elapsed_ms = now - task->first_ms;
    /* The budget is for a service that does not work; a slow line that moves a large part
     * is no reason to give up a dump when it breaks once. And a body that was under way
     * when an outage began has the whole budget for it. (curl does not tell what it sent
     * before it tried again by itself.) */
    uint64_t moved = exchange->sent + task->got;
    bool under_way = answer->tries == 1 && (moved > 0 || task->request->body_size > 0);
    if ((moved >= FLOWING || under_way) && task->flowed++ < FLOWING_TRIES)
        task->retry.started_ms += now - task->attempt_ms;
    task->fresh = false;
    if (answer->status != 0)
        task->client->reached = true;
    if (text_starts_with(answer->encryption, "aws:kms"))
        atomic_store(&task->client->kms_seen, true);
    if (answer->date != 0)
        note_clock(task->client, answer->date);
    if (task->discovering)
        discovered(task);
    else
        judge(task);
}

/* ---- a turn */

static void start_clock(struct s3_task *task)
{
    struct s3_client *client = task->client;

    if (task->retry.started_ms != 0)
        return;
    task->first_ms = task->retry.started_ms = s3_client_now(task->client);
    pthread_mutex_lock(&client->lock);
    task->retry.budget_ms = task->request->retry_time_ms > 0 ? task->request->retry_time_ms
                                                             : client->retry_time_ms;
    pthread_mutex_unlock(&client->lock);
    if (atomic_load(&client->cleaning) && task->retry.budget_ms > CLEANING_MS)
        task->retry.budget_ms = CLEANING_MS;
}

static void start(struct s3_task *task)
{
    struct err err = {0};

    start_clock(task);
    task->state = S3_RUNNING;
    task->attempt_ms = s3_client_now(task->client);
    if (!task->discovering)
        task->request->answer.tries++;
    if (s3_attempt_prepare(task, &err) < 0) {
        /* Credentials that cannot be had at the moment. */
        if (err.kind == ERR_TRANSIENT && repeat(task, S3_CLASS_TRANSIENT, err.text))
            return;
        finish(task, &err);
        return;
    }
    task->exchange.on_end = attempt_ended;
    task->client->running++;
    s3_http_start(task->client->http, &task->exchange);
}

static void give_up(struct s3_task *task)
{
    struct err err = {0};

    if (task->state == S3_RUNNING) {
        s3_http_cancel(task->client->http, &task->exchange);
        task->client->running--;
        task->request->answer.uncertain = true;
    }
    if (cancel_check(task->client->cancel, &err) == 0)
        err_set(&err, ERR_CANCELLED, "given up");
    finish(task, &err);
}

static bool must_end(const struct s3_task *task)
{
    bool goes_on = task->request->despite_cancel || atomic_load(&task->client->cleaning);

    return task->given_up || (cancel_requested(task->client->cancel) && !goes_on);
}

static bool may_start(const struct s3_task *task, int64_t now)
{
    return task->state == S3_QUEUED && task->due_ms <= now &&
           task->client->running < task->client->window.limit;
}

/* Whoever asks STS or a metadata service waits for seconds, and parts under way would wait
 * with it: a thread of its own does, and wakes us. Where none can be started, the engine
 * has to ask by itself. */
static bool can_sign(struct s3_client *client)
{
    struct err ignored = {0};

    if (!client->renews)
        client->renews = s3_credentials_hold(client->credentials, &ignored) == 0;
    return s3_credentials_ready(client->credentials);
}

/* The first task with something to do, and what. */
static struct s3_task *next_task(struct s3_client *client, bool *ends)
{
    int64_t now = s3_client_now(client);
    struct s3_task *task;

    pthread_mutex_lock(&client->lock);
    for (task = client->tasks; task != NULL; task = task->next) {
        *ends = must_end(task);
        if (*ends || (may_start(task, now) && can_sign(client)))
            break;
    }
    pthread_mutex_unlock(&client->lock);
    return task;
}

static int64_t time_to_next(struct s3_client *client)
{
    int64_t now = s3_client_now(client);
    int64_t wait = NOTHING_DUE_MS;

    pthread_mutex_lock(&client->lock);
    for (struct s3_task *task = client->tasks; task != NULL; task = task->next)
        if (task->state == S3_QUEUED && task->due_ms > now && task->due_ms - now < wait)
            wait = task->due_ms - now;
    pthread_mutex_unlock(&client->lock);
    return wait;
}

int64_t s3_engine_turn(void *context)
{
    struct s3_client *client = context;
    bool ends = false;

    for (struct s3_task *task; (task = next_task(client, &ends)) != NULL;) {
        if (ends)
            give_up(task);
        else
            start(task);
    }
    return time_to_next(client);
}
