#include "s3/auth/credentials.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"
#include "base/thread.h"
#include "s3/auth/source.h"

#include <pthread.h>

#define EARLY_SECONDS 900 /* 15 minutes */
#define LATE_SECONDS 300
#define PAUSE_MAX_SECONDS 60
#define TICK_SECONDS 60 /* the thread looks at the clock at least this often */

/*
 * The credentials' life, seen from `now`:
 *
 *   none, refused       get fetches, and fails if that fails
 *   fresh               get copies
 *   from expires-early  get copies; the thread renews
 *   from expires-late   get renews, and copies the old ones if that fails
 *   from expires        as none
 *
 * While a thread renews, nobody else fetches: get waits for it only where there is nothing
 * to copy, and fails as the last fetch did until the next one is due.
 *
 * One fetch at a time: who finds one running waits, unless the old ones still do.
 */
struct s3_credentials_source {
    struct s3_source source; /* its fetch is called by the one that set `fetching` */
    struct s3_source_env env;
    char *region;
    char *ca_file;
    char *proxy;
    int64_t (*now)(void *context);
    void *now_context;
    void (*on_change)(void *context);
    void *change_context;

    pthread_mutex_t lock;
    pthread_cond_t changed; /* monotonic */
    /* guarded by lock */
    struct s3_credentials current; /* access_key NULL: none */
    bool refused;                  /* by the service, before they expired */
    bool failed;                   /* the last fetch, which left none: `failure` */
    struct err failure;
    bool held; /* a thread renews */
    bool fetching;
    int64_t early, late; /* seconds before the end */
    int64_t next_try;    /* not before, after a failure or when nothing newer came */
    int64_t pause;       /* seconds; doubles */

    pthread_mutex_t hold_lock; /* around all of hold and unhold */
    unsigned holds;            /* guarded by hold_lock */
    pthread_t thread;          /* guarded by hold_lock */
    bool running;              /* guarded by hold_lock */
    atomic_bool stop;          /* ends the thread and what it fetches */
};

/* ---- the chain ---- */

static const struct {
    s3_source_find find;
    bool anonymous; /* passed over when the config names a profile */
} chain[] = {
    {s3_source_find_config, false},    {s3_source_find_environment, true},
    {s3_source_find_profile, false},   {s3_source_find_web_identity, false},
    {s3_source_find_container, false}, {s3_source_find_imds, false},
};

static int find_source(const struct s3_credentials_config *config, struct s3_source *out,
                       struct err *err)
{
    bool named = config->profile != NULL && *config->profile != '\0';
    for (size_t i = 0; i < sizeof chain / sizeof *chain; i++) {
        if (named && chain[i].anonymous)
            continue;
        if (chain[i].find(config, out, err) < 0)
            return err_context(err, "credentials");
        if (out->ops != NULL)
            return 0;
    }
    err_set(err, ERR_DENIED,
            "credentials: there are none in configuration, environment or "
            "profile, and instance metadata is turned off");
    return err_hint(err, "set access_key_env and secret_key_env, AWS_ACCESS_KEY_ID and "
                         "AWS_SECRET_ACCESS_KEY, or a profile");
}

static int64_t system_now(void *context)
{
    (void)context;
    return clock_now();
}

struct s3_credentials_source *
s3_credentials_source_new(const struct s3_credentials_config *config, struct err *err)
{
    struct s3_source found;
    if (find_source(config, &found, err) < 0)
        return NULL;
    struct s3_credentials_source *source = memory_zalloc(sizeof *source);
    source->source = found;
    source->region = memory_strdup(config->region);
    source->ca_file = memory_strdup(config->ca_file);
    source->proxy = memory_strdup(config->proxy);
    source->env = (struct s3_source_env){.region = source->region,
                                         .ca_file = source->ca_file,
                                         .proxy = source->proxy,
                                         .elsewhere = config->elsewhere,
                                         .cancel = config->cancel};
    source->now = config->now != NULL ? config->now : system_now;
    source->now_context = config->now_context;
    source->on_change = config->on_change;
    source->change_context = config->change_context;
    source->pause = 1;
    atomic_init(&source->stop, false);
    thread_cond_init(&source->changed);
    pthread_mutex_init(&source->lock, NULL);
    pthread_mutex_init(&source->hold_lock, NULL);
    return source;
}

void s3_credentials_source_free(struct s3_credentials_source *source)
{
    if (source == NULL)
        return;
    s3_source_release(&source->source);
    s3_credentials_release(&source->current);
    pthread_cond_destroy(&source->changed);
    pthread_mutex_destroy(&source->lock);
    pthread_mutex_destroy(&source->hold_lock);
    free(source->region);
    free(source->ca_file);
    free(source->proxy);
    free(source);
}

const char *s3_credentials_origin(const struct s3_credentials_source *source)
{
    return source->source.origin;
}

/* ---- one life ---- */

static int64_t now_of(const struct s3_credentials_source *source)
{
    return source->now(source->now_context);
}

/* Under the lock, as all that follow. */
static bool is_alive(const struct s3_credentials_source *source, int64_t now)
{
    const struct s3_credentials *current = &source->current;
    return current->access_key != NULL && !source->refused &&
           (current->expires == 0 || now < current->expires);
}

static bool is_due(const struct s3_credentials_source *source, int64_t now, int64_t before)
{
    int64_t expires = source->current.expires;
    return expires != 0 && now >= expires - before && now >= source->next_try;
}

static void space_out(struct s3_credentials_source *source, int64_t now)
{
    source->next_try = now + source->pause;
    source->pause *= 2;
    if (source->pause > PAUSE_MAX_SECONDS)
        source->pause = PAUSE_MAX_SECONDS;
}

static int64_t smaller(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static void take(struct s3_credentials_source *source, struct s3_credentials *fetched,
                 int64_t now)
{
    bool newer = fetched->expires != source->current.expires;
    int64_t life = fetched->expires - now;
    s3_credentials_release(&source->current);
    source->current = *fetched;
    *fetched = (struct s3_credentials){0};
    source->refused = source->failed = false;
    if (!newer) {
        space_out(source, now);
        return;
    }
    source->early = smaller(EARLY_SECONDS, life / 4);
    source->late = smaller(LATE_SECONDS, life / 12);
    source->next_try = 0;
    source->pause = 1;
}

static void warn(struct s3_credentials_source *source, const struct err *err)
{
    char until[32];
    size_t first_line = strcspn(err->text, "\n");
    log_warning(
        "credentials (%s) could not be renewed, the old ones are good until %s: %.*s",
        source->source.origin, clock_rfc3339(until, source->current.expires),
        (int)first_line, err->text);
}

/* What is not accepted from a source, however well it answers. */
static int check_fetched(const struct s3_credentials *fetched, int64_t now, struct err *err)
{
    if (fetched->expires == 0 || fetched->expires > now)
        return 0;
    char when[32];
    err_set(err, ERR_TRANSIENT, "they had expired at %s already when they came",
            clock_rfc3339(when, fetched->expires));
    return err_hint(err, "is the clock of this host right?");
}

static void tell(const struct s3_credentials_source *source)
{
    if (source->on_change != NULL)
        source->on_change(source->change_context);
}

static int keep_failure(struct s3_credentials_source *source, struct err *failure,
                        struct err *err)
{
    err_context(failure, "credentials (%s)", source->source.origin);
    source->failed = true;
    source->failure = *failure;
    *err = *failure;
    tell(source);
    return -1;
}

/* Asks the source, without the lock meanwhile. 0 also when that failed, but the old ones
 * are still good: then it is a warning. */
static int renew(struct s3_credentials_source *source, const atomic_bool *stop,
                 struct err *err)
{
    struct s3_credentials fetched;
    struct err failure = {0};
    struct s3_source_env env = source->env;
    source->fetching = true;
    pthread_mutex_unlock(&source->lock);
    env.now = now_of(source);
    env.stop = stop;
    int result = s3_source_fetch(&source->source, &env, &fetched, &failure);
    int64_t now = now_of(source);
    if (result == 0)
        result = check_fetched(&fetched, now, &failure);
    pthread_mutex_lock(&source->lock);
    source->fetching = false;
    pthread_cond_broadcast(&source->changed);
    if (result == 0) {
        take(source, &fetched, now);
        tell(source);
        return 0;
    }
    s3_credentials_release(&fetched);
    if (stop != NULL && atomic_load(stop))
        return 0;
    space_out(source, now);
    if (is_alive(source, now)) {
        warn(source, &failure);
        return 0;
    }
    return keep_failure(source, &failure, err);
}

/* Under the lock of a held source: with keys, or with the reason why there are none. */
static bool is_settled(const struct s3_credentials_source *source, int64_t now)
{
    return is_alive(source, now) || (source->failed && now < source->next_try);
}

bool s3_credentials_ready(struct s3_credentials_source *source)
{
    pthread_mutex_lock(&source->lock);
    bool ready = !source->held || is_settled(source, now_of(source));
    if (!ready)
        pthread_cond_broadcast(&source->changed);
    pthread_mutex_unlock(&source->lock);
    return ready;
}

static int get_held(struct s3_credentials_source *source, struct err *err)
{
    while (source->held && !is_settled(source, now_of(source))) {
        pthread_cond_broadcast(&source->changed);
        pthread_cond_wait(&source->changed, &source->lock);
    }
    if (!source->held || is_alive(source, now_of(source)))
        return 0;
    *err = source->failure;
    return -1;
}

static int get_alone(struct s3_credentials_source *source, struct err *err)
{
    for (;;) {
        int64_t now = now_of(source);
        bool alive = is_alive(source, now);
        if (alive && (source->fetching || !is_due(source, now, source->late)))
            return 0;
        if (source->fetching)
            pthread_cond_wait(&source->changed, &source->lock);
        else if (renew(source, NULL, err) < 0)
            return -1;
    }
}

int s3_credentials_get(struct s3_credentials_source *source, struct s3_credentials *out,
                       struct err *err)
{
    pthread_mutex_lock(&source->lock);
    int result = get_held(source, err);
    if (result == 0 && !source->held)
        result = get_alone(source, err);
    if (result == 0) {
        s3_credentials_copy(&source->current, out);
        /* The clock may have jumped since the thread last looked. */
        if (is_due(source, now_of(source), source->early))
            pthread_cond_broadcast(&source->changed);
    }
    pthread_mutex_unlock(&source->lock);
    return result;
}

void s3_credentials_invalidate(struct s3_credentials_source *source,
                               const struct s3_credentials *failed)
{
    pthread_mutex_lock(&source->lock);
    if (text_equal(source->current.access_key, failed->access_key) &&
        text_equal(source->current.session_token.text, failed->session_token.text))
        source->refused = true;
    pthread_cond_broadcast(&source->changed);
    pthread_mutex_unlock(&source->lock);
}

/* ---- renewal in the background ---- */

/* Until something changes, the time comes, or a tick: the wall clock may jump. */
static void wait_for_change(struct s3_credentials_source *source, int64_t now)
{
    int64_t expires = source->current.expires;
    int64_t due = expires != 0 ? expires - source->early : INT64_MAX;
    if (!is_alive(source, now) || due < source->next_try)
        due = source->next_try;
    int64_t seconds = due > now ? smaller(TICK_SECONDS, due - now) : TICK_SECONDS;
    thread_cond_wait_until(&source->changed, &source->lock,
                           clock_monotonic_ms() + 1000 * seconds);
}

static void *renewal(void *context)
{
    struct s3_credentials_source *source = context;
    pthread_mutex_lock(&source->lock);
    while (!atomic_load(&source->stop)) {
        int64_t now = now_of(source);
        bool due = is_alive(source, now) ? is_due(source, now, source->early)
                                         : !source->failed || now >= source->next_try;
        struct err err = {0};
        if (source->fetching || !due)
            wait_for_change(source, now);
        else if (renew(source, &source->stop, &err) < 0)
            log_warning("%.*s", (int)strcspn(err.text, "\n"), err.text);
    }
    pthread_mutex_unlock(&source->lock);
    return NULL;
}

static void set_held(struct s3_credentials_source *source, bool held)
{
    pthread_mutex_lock(&source->lock);
    source->held = held;
    pthread_cond_broadcast(&source->changed);
    pthread_mutex_unlock(&source->lock);
}

int s3_credentials_hold(struct s3_credentials_source *source, struct err *err)
{
    int result = 0;
    pthread_mutex_lock(&source->hold_lock);
    if (source->holds == 0 && !source->source.ops->fixed) {
        atomic_store(&source->stop, false);
        result = thread_start(&source->thread, renewal, source, err);
        source->running = result == 0;
        set_held(source, source->running);
    }
    if (result == 0)
        source->holds++;
    pthread_mutex_unlock(&source->hold_lock);
    return result;
}

void s3_credentials_unhold(struct s3_credentials_source *source)
{
    pthread_mutex_lock(&source->hold_lock);
    if (--source->holds == 0 && source->running) {
        atomic_store(&source->stop, true);
        set_held(source, false);
        pthread_join(source->thread, NULL);
        source->running = false;
    }
    pthread_mutex_unlock(&source->hold_lock);
}
