#include "tests/support/fake_s3_internal.h"

#include "base/clock.h"
#include "base/thread.h"

/* ---- the script ---- */

unsigned fake_s3_fault(struct fake_s3 *fake, const struct fake_fault *fault)
{
    pthread_mutex_lock(&fake->lock);
    memory_grow(&fake->scripts, &fake->script_capacity, fake->script_count + 1,
                sizeof *fake->scripts);
    unsigned id = (unsigned)fake->script_count + 1;
    fake->scripts[fake->script_count++] = (struct fake_script){.fault = *fault, .id = id};
    pthread_mutex_unlock(&fake->lock);
    return id;
}

unsigned fake_s3_fired(struct fake_s3 *fake, unsigned fault_id)
{
    pthread_mutex_lock(&fake->lock);
    unsigned fired = fault_id > 0 && fault_id <= fake->script_count
                         ? fake->scripts[fault_id - 1].fired
                         : 0;
    pthread_mutex_unlock(&fake->lock);
    return fired;
}

void fake_s3_clear_faults(struct fake_s3 *fake)
{
    pthread_mutex_lock(&fake->lock);
    for (size_t i = 0; i < fake->script_count; i++)
        fake->scripts[i].cleared = true;
    pthread_mutex_unlock(&fake->lock);
}

static bool same_or_any(const char *wanted, const char *is)
{
    return wanted == NULL || (is != NULL && strcmp(wanted, is) == 0);
}

static bool matches(const struct fake_fault *fault, const struct fake_call *call)
{
    return same_or_any(fault->op, call->op->name) &&
           same_or_any(fault->method, call->method) && same_or_any(fault->key, call->key) &&
           (fault->part == 0 || fault->part == call->part) &&
           (fault->request == 0 || fault->request == call->number);
}

static bool is_due(const struct fake_script *script)
{
    unsigned nth = script->fault.nth > 0 ? script->fault.nth : 1;
    unsigned times = script->fault.times > 0 ? script->fault.times : 1;

    return script->matches >= nth &&
           (times == FAKE_ALWAYS || script->matches - nth < times);
}

/* splitmix64 */
static uint64_t draw(uint64_t seed, uint64_t number)
{
    uint64_t z = seed + number * 0x9E3779B97F4A7C15U;

    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9U;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBU;
    return z ^ (z >> 31);
}

static void fail_by_chance(struct fake_call *call)
{
    static const struct fake_fault kinds[] = {
        {.action = FAKE_STATUS, .status = 500, .code = "InternalError"},
        {.action = FAKE_STATUS, .status = 503, .code = "SlowDown"},
        {.action = FAKE_RESET}};
    uint64_t drawn = draw(call->settings.failure_seed, call->number);

    if (drawn % 100 >= call->settings.failure_percent)
        return;
    call->faulted = true;
    call->fault = kinds[(drawn >> 32) % (sizeof kinds / sizeof *kinds)];
    call->fault.bytes = (drawn >> 40) % (call->content_length + 1);
}

void fake_faults_match(struct fake_call *call)
{
    struct fake_s3 *fake = call->fake;
    struct fake_script *chosen = NULL;

    for (size_t i = 0; i < fake->script_count; i++) {
        struct fake_script *script = &fake->scripts[i];
        if (script->cleared || !matches(&script->fault, call))
            continue;
        script->matches++;
        if (is_due(script))
            chosen = script;
    }
    if (chosen == NULL) {
        fail_by_chance(call);
        return;
    }
    chosen->fired++;
    call->faulted = true;
    call->fault = chosen->fault;
}

/* ---- before the body ---- */

static void instead_status(struct fake_call *call);

static bool early_status(struct fake_call *call)
{
    instead_status(call);
    call->close = true;
    fake_records_answering(call);
    (void)fake_wire_answer(call);
    fake_wire_close(call->link, false);
    return true;
}

static bool early_cut(struct fake_call *call)
{
    call->status = 0;
    (void)fake_wire_body(call, call->fault.bytes);
    fake_records_answering(call);
    fake_wire_close(call->link, call->fault.action == FAKE_RESET);
    return true;
}

/* ---- instead of doing it ---- */

/* The region as an element for <Error>, and from now on the bucket's. */
static void move_region(struct fake_call *call, char element[96])
{
    const char *region = call->fault.region != NULL ? call->fault.region : "eu-test-1";

    pthread_mutex_lock(&call->fake->lock);
    free(call->fake->redirected);
    call->fake->redirected = memory_strdup(region);
    pthread_mutex_unlock(&call->fake->lock);
    snprintf(element, 96, "<Region>%s</Region>", region);
}

static void instead_status(struct fake_call *call)
{
    const char *code = call->fault.code != NULL ? call->fault.code : "InternalError";

    fake_refuse(call, call->fault.status > 0 ? call->fault.status : 500, code,
                "Fault of the script.");
    if (*code == '\0')
        text_clear(&call->body_text);
}

static void error_in_200(struct fake_call *call)
{
    const char *code = call->fault.code != NULL ? call->fault.code : "InternalError";

    text_clear(&call->head);
    fake_refuse(call, 200, code, "Fault of the script.");
    struct text spaced;
    text_init(&spaced, FAKE_XML_MAX);
    text_add(&spaced, "  \n \n");
    text_add_bytes(&spaced, call->body_text.data, call->body_text.length);
    text_release(&call->body_text);
    call->body_text = spaced;
}

static void instead_empty(struct fake_call *call)
{
    call->status = 200;
    text_clear(&call->head);
    text_clear(&call->body_text);
}

static void instead_skewed(struct fake_call *call)
{
    fake_refuse(
        call, 403, "RequestTimeTooSkewed",
        "The difference between the request time and the current time is too large.");
    call->date_offset_s = call->fault.seconds - call->settings.clock_offset_s;
}

static void instead_expired(struct fake_call *call)
{
    fake_refuse(call, 400, "ExpiredToken", "The provided token has expired.");
}

static void instead_redirect(struct fake_call *call)
{
    char element[96];

    move_region(call, element);
    fake_refuse_with(call, 301, "PermanentRedirect",
                     "The bucket must be addressed using another endpoint.", element);
    text_addf(&call->head, "x-amz-bucket-region: %s\r\n",
              call->fault.region != NULL ? call->fault.region : "eu-test-1");
}

static void instead_wrong_region(struct fake_call *call)
{
    char element[96];

    move_region(call, element);
    fake_refuse_with(call, 400, "AuthorizationHeaderMalformed",
                     "The authorization header is malformed; the region is wrong.",
                     element);
}

/* ---- after it was done ---- */

static void after_lose(struct fake_call *call)
{
    call->limit = 0;
}

static void after_cut(struct fake_call *call)
{
    call->limit = call->fault.bytes;
    call->limit_is_body = call->fault.action == FAKE_CUT_BODY;
}

static const struct {
    bool (*early)(struct fake_call *call);
    void (*instead)(struct fake_call *call);
    void (*after)(struct fake_call *call);
} actions[] = {
    [FAKE_STATUS] = {.instead = instead_status},
    [FAKE_STATUS_EARLY] = {.early = early_status},
    [FAKE_DELAY] = {0},
    [FAKE_HOLD] = {0},
    [FAKE_CUT_REQUEST] = {.early = early_cut},
    [FAKE_RESET] = {.early = early_cut},
    [FAKE_LOSE_ANSWER] = {.after = after_lose},
    [FAKE_CUT_ANSWER] = {.after = after_cut},
    [FAKE_ERROR_IN_200] = {.instead = error_in_200},
    [FAKE_ERROR_AFTER_200] = {.after = error_in_200},
    [FAKE_EMPTY_200] = {.instead = instead_empty},
    [FAKE_CUT_BODY] = {.after = after_cut},
    [FAKE_SKEWED] = {.instead = instead_skewed},
    [FAKE_EXPIRED_TOKEN] = {.instead = instead_expired},
    [FAKE_REDIRECT] = {.instead = instead_redirect},
    [FAKE_WRONG_REGION] = {.instead = instead_wrong_region},
};

static bool has_row(const struct fake_call *call)
{
    return call->faulted && (size_t)call->fault.action < sizeof actions / sizeof *actions;
}

/* Head lines of the script itself, whatever the action. */
static void add_headers(struct fake_call *call)
{
    if (call->faulted && call->fault.headers != NULL)
        text_add(&call->head, call->fault.headers);
}

bool fake_faults_before_body(struct fake_call *call)
{
    if (!has_row(call) || actions[call->fault.action].early == NULL)
        return false;
    add_headers(call);
    return actions[call->fault.action].early(call);
}

void fake_faults_instead(struct fake_call *call)
{
    if (!has_row(call) || actions[call->fault.action].instead == NULL)
        return;
    actions[call->fault.action].instead(call);
    add_headers(call);
}

void fake_faults_after(struct fake_call *call)
{
    if (!has_row(call) || actions[call->fault.action].instead != NULL)
        return;
    if (actions[call->fault.action].after != NULL)
        actions[call->fault.action].after(call);
    add_headers(call);
}

/* ---- waiting ---- */

static bool wait_released(struct fake_call *call)
{
    struct fake_s3 *fake = call->fake;

    pthread_mutex_lock(&fake->lock);
    unsigned releases = fake->releases;

    fake->held++;
    pthread_cond_broadcast(&fake->changed);
    while (fake->releases == releases && !call->link->cut)
        pthread_cond_wait(&fake->changed, &fake->lock);
    fake->held--;
    bool open = !call->link->cut;
    pthread_mutex_unlock(&fake->lock);
    return open;
}

static bool wait_delay(struct fake_call *call)
{
    int64_t end = clock_monotonic_ms() + call->fault.delay_ms;
    bool in_time = true;

    pthread_mutex_lock(&call->fake->lock);
    while (in_time && !call->link->cut)
        in_time = thread_cond_wait_until(&call->fake->changed, &call->fake->lock, end);
    bool open = !call->link->cut;
    pthread_mutex_unlock(&call->fake->lock);
    return open;
}

bool fake_faults_wait(struct fake_call *call)
{
    if (fake_faulted(call, FAKE_HOLD))
        return wait_released(call);
    if (fake_faulted(call, FAKE_DELAY))
        return wait_delay(call);
    return true;
}

bool fake_s3_wait_held(struct fake_s3 *fake, unsigned count, int timeout_ms)
{
    int64_t end = clock_monotonic_ms() + timeout_ms;
    bool in_time = true;

    pthread_mutex_lock(&fake->lock);
    while (fake->held < count && in_time)
        in_time = thread_cond_wait_until(&fake->changed, &fake->lock, end);
    bool held = fake->held >= count;
    pthread_mutex_unlock(&fake->lock);
    return held;
}

void fake_s3_release(struct fake_s3 *fake)
{
    pthread_mutex_lock(&fake->lock);
    fake->releases++;
    pthread_cond_broadcast(&fake->changed);
    pthread_mutex_unlock(&fake->lock);
}
