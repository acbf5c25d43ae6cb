/*
 * An upload may run longer than its keys live, so a thread renews them while it is held
 * (once for all of the client's requests), and whoever asks for keys gets a copy that cannot
 * change under a signature. One chain decides once where they come from: a source that was
 * found stays, also when it fails, because the next one would be somebody else's keys.
 */
#include "s3/auth/credentials.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"
#include "base/thread.h"
#include "s3/auth/profiles.h"
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
    bool last_resort;        /* nobody set it up: the end of the chain */
    char *profile;
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

/* The order of botocore and aws-c-auth. One that is set up is never passed over for the next. */
static const struct {
    s3_source_find find;
    bool anonymous;   /* passed over when the config names a profile */
    bool last_resort; /* tried because nothing is set up */
} chain[] = {
    {s3_source_find_config, false, false},    {s3_source_find_environment, true, false},
    {s3_source_find_profile, false, false},   {s3_source_find_web_identity, false, false},
    {s3_source_find_container, false, false}, {s3_source_find_imds, false, true},
};

/* The one sentence for a machine without keys; where they were looked for is said once in
 * the life of a process, however many stores it opens. */
static int no_keys(const char *profile, const char *metadata, struct err *err)
{
    static atomic_flag said = ATOMIC_FLAG_INIT;
    bool named = profile != NULL && *profile != '\0';
    err_set(err, ERR_DENIED, "no keys for S3 at hand, and instance metadata %s", metadata);
    if (atomic_flag_test_and_set(&said))
        return -1;
    return err_hint(err,
                    "looked at access_key_env and secret_key_env of the store, %sprofile "
                    "\"%.40s\" of the aws command, AWS_WEB_IDENTITY_TOKEN_FILE and "
                    "AWS_CONTAINER_CREDENTIALS_*_URI; set one of them",
                    named ? "" : "AWS_ACCESS_KEY_ID, ", s3_profiles_name(profile, NULL));
}

/* What tests replace. */
static int64_t system_now(void *context)
{
    (void)context;
    return clock_now();
}

struct s3_credentials_source *
s3_credentials_source_new(const struct s3_credentials_config *config, struct err *err)
{
    bool named = config->profile != NULL && *config->profile != '\0';
    struct s3_source found = {0};
    size_t row = 0;
    /* The first that is set up. A finder that fails ends the search: its source is set up, and
     * does not work. */
    for (; row < sizeof chain / sizeof *chain; row++) {
        if (named && chain[row].anonymous)
            continue;
        if (chain[row].find(config, &found, err) < 0) {
            err_context(err, "credentials");
            return NULL;
        }
        if (found.ops != NULL)
            break;
    }
    /* Nothing at all, and the last resort was forbidden (AWS_EC2_METADATA_DISABLED). */
    if (found.ops == NULL) {
        (void)no_keys(config->profile, "is turned off", err);
        return NULL;
    }
    /* Copies: the configuration is borrowed, and the next fetch may come in hours. */
    struct s3_credentials_source *source = memory_zalloc(sizeof *source);
    source->source = found;
    source->last_resort = chain[row].last_resort;
    source->profile = memory_strdup(config->profile);
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
    /* Fetched when somebody asks: a command that needs no store asks nobody. */
    atomic_init(&source->stop, false);
    thread_cond_init(&source->changed);
    pthread_mutex_init(&source->lock, NULL);
    pthread_mutex_init(&source->hold_lock, NULL);
    return source;
}

/* With the last client that uses it; nobody asks any more. */
void s3_credentials_source_free(struct s3_credentials_source *source)
{
    if (source == NULL)
        return;
    /* No hold is left, so no thread either. */
    s3_source_release(&source->source);
    s3_credentials_release(&source->current);
    pthread_cond_destroy(&source->changed);
    pthread_mutex_destroy(&source->lock);
    pthread_mutex_destroy(&source->hold_lock);
    free(source->profile);
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

static int64_t smaller(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* May be signed with: there, not refused, not over. Under the lock, as all that follow. */
static bool is_alive(const struct s3_credentials_source *source, int64_t now)
{
    const struct s3_credentials *current = &source->current;
    return current->access_key != NULL && !source->refused &&
           (current->expires == 0 || now < current->expires);
}

/* Time to ask for newer ones, so many seconds before the end. What never expires never is. */
static bool is_due(const struct s3_credentials_source *source, int64_t now, int64_t before)
{
    int64_t expires = source->current.expires;
    return expires != 0 && now >= expires - before && now >= source->next_try;
}

/* While a thread renews: with keys, or with the reason why there are none. */
static bool is_settled(const struct s3_credentials_source *source, int64_t now)
{
    return is_alive(source, now) || (source->failed && now < source->next_try);
}

/* A source that fails, or has nothing newer, is not asked in a loop. */
static void space_out(struct s3_credentials_source *source, int64_t now)
{
    source->next_try = now + source->pause;
    source->pause = smaller(2 * source->pause, PAUSE_MAX_SECONDS);
}

/* Takes over what was fetched. How early the next ones are asked for depends on how long
 * these live: a quarter of a short life, fifteen minutes of a long one. */
static void accept(struct s3_credentials_source *source,
                   const struct s3_credentials *fetched, int64_t now)
{
    bool newer = fetched->expires != source->current.expires;
    int64_t life = fetched->expires - now;
    s3_credentials_release(&source->current);
    source->current = *fetched;
    source->refused = source->failed = false;
    /* Some services hand out the same keys until shortly before their end. */
    if (!newer) {
        space_out(source, now);
        return;
    }
    source->early = smaller(EARLY_SECONDS, life / 4);
    source->late = smaller(LATE_SECONDS, life / 12);
    source->next_try = 0;
    source->pause = 1;
}

/* Asks the source. 0 also when that failed, but the old ones are still good: then it is a
 * warning. */
static int renew(struct s3_credentials_source *source, const atomic_bool *stop,
                 struct err *err)
{
    struct s3_credentials fetched;
    struct err failure = {0};
    struct s3_source_env env = source->env;
    char when[32];
    /* Without the lock, as it may take seconds. Nobody else begins meanwhile. */
    source->fetching = true;
    pthread_mutex_unlock(&source->lock);
    env.now = now_of(source);
    env.stop = stop;
    int result = s3_source_fetch(&source->source, &env, &fetched, &failure);
    int64_t now = now_of(source);
    /* Signed with them every request would be refused, and they be asked for again and again. */
    if (result == 0 && fetched.expires != 0 && fetched.expires <= now) {
        err_set(&failure, ERR_TRANSIENT, "they had expired at %s already when they came",
                clock_rfc3339(when, fetched.expires));
        result = err_hint(&failure, "is the clock of this host right?");
    }
    pthread_mutex_lock(&source->lock);
    source->fetching = false;
    pthread_cond_broadcast(&source->changed);

    /* Whoever waits is told, with the lock still held: nothing changes in between. */
    if (result == 0) {
        accept(source, &fetched, now);
        if (source->on_change != NULL)
            source->on_change(source->change_context);
        return 0;
    }
    s3_credentials_release(&fetched);
    /* Given up by us, not failed. */
    if (stop != NULL && atomic_load(stop))
        return 0;

    /* While the old ones live nobody has to know; it is absorbed here, so it is logged. */
    space_out(source, now);
    if (is_alive(source, now)) {
        log_warning(
            "credentials (%s) could not be renewed, the old ones are good until %s: %.*s",
            source->source.origin, clock_rfc3339(when, source->current.expires),
            (int)strcspn(failure.text, "\n"), failure.text);
        return 0;
    }
    /* The end of the chain was nobody's choice: its silence means that there are no keys. */
    if (failure.kind == ERR_NOT_FOUND && source->last_resort) {
        char *metadata = memory_format("has none either (%s)", failure.text);
        (void)no_keys(source->profile, metadata, &failure);
        free(metadata);
    } else {
        if (failure.kind == ERR_NOT_FOUND)
            failure.kind = ERR_DENIED;
        err_context(&failure, "credentials (%s)", source->source.origin);
    }
    /* Kept for all who wait for the thread, and told by each of their requests. */
    source->failed = true;
    source->failure = failure;
    *err = failure;
    if (source->on_change != NULL)
        source->on_change(source->change_context);
    return -1;
}

/* For the engine, whose one thread must not wait: the thread that renews is woken instead. */
bool s3_credentials_ready(struct s3_credentials_source *source)
{
    pthread_mutex_lock(&source->lock);
    bool ready = !source->held || is_settled(source, now_of(source));
    if (!ready)
        pthread_cond_broadcast(&source->changed);
    pthread_mutex_unlock(&source->lock);
    return ready;
}

int s3_credentials_get(struct s3_credentials_source *source, struct s3_credentials *out,
                       struct err *err)
{
    bool done = false;
    int result = 0;
    pthread_mutex_lock(&source->lock);
    /* Round after round until there are keys, or a reason why not: each wait may have changed
     * everything. */
    while (result == 0 && !done) {
        int64_t now = now_of(source);
        bool alive = is_alive(source, now);
        if (source->held && is_settled(source, now)) {
            /* The thread has done what it can for now: keys, or why there are none. */
            done = true;
            if (!alive) {
                *err = source->failure;
                result = -1;
                /* Said again it is said without its hint. */
                source->failure.text[strcspn(source->failure.text, "\n")] = '\0';
            }
        } else if (source->held) {
            /* The thread may be waiting for a later time: keys are wanted now. */
            pthread_cond_broadcast(&source->changed);
            pthread_cond_wait(&source->changed, &source->lock);
        } else if (alive && (source->fetching || !is_due(source, now, source->late))) {
            /* Good for now; without a thread they are renewed late, so that few have to wait. */
            done = true;
        } else if (source->fetching) {
            /* Another one asks already; its answer is ours, too. */
            pthread_cond_wait(&source->changed, &source->lock);
        } else {
            /* Nobody else does it: here, on the caller's time. */
            result = renew(source, NULL, err);
        }
    }
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
    /* Several requests come back with the same refusal; newer keys are not meant by it. */
    if (text_equal(source->current.access_key, failed->access_key) &&
        text_equal(source->current.session_token.text, failed->session_token.text))
        source->refused = true;
    pthread_cond_broadcast(&source->changed);
    pthread_mutex_unlock(&source->lock);
}

/* ---- renewal in the background ---- */

/* The thread of a hold. It holds the lock but while it fetches or waits, so what it decides
 * by does not change under it. */
static void *renewal(void *context)
{
    struct s3_credentials_source *source = context;
    pthread_mutex_lock(&source->lock);
    while (!atomic_load(&source->stop)) {
        int64_t now = now_of(source);
        bool alive = is_alive(source, now);
        bool due = alive ? is_due(source, now, source->early)
                         : !source->failed || now >= source->next_try;
        if (!source->fetching && due) {
            /* Whoever asks for keys is told why there are none. */
            struct err untold = {0};
            (void)renew(source, &source->stop, &untold);
            continue;
        }
        /* Until something changes, the time comes, or a tick: the wall clock may jump. */
        int64_t expires = source->current.expires;
        int64_t at = alive && expires != 0 ? expires - source->early : INT64_MAX;
        if (!alive || at < source->next_try)
            at = source->next_try;
        int64_t seconds = at > now ? smaller(TICK_SECONDS, at - now) : TICK_SECONDS;
        thread_cond_wait_until(&source->changed, &source->lock,
                               clock_monotonic_ms() + 1000 * seconds);
    }
    pthread_mutex_unlock(&source->lock);
    return NULL;
}

/* From here on nobody but the thread fetches, or everybody again. Who waits looks anew. */
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
    /* The first one starts the thread; what never changes needs none. */
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
    /* The last one ends the thread, and whoever asks fetches by himself again. A fetch that is on
     * its way sees the flag and gives up, so this does not block long. */
    if (--source->holds == 0 && source->running) {
        atomic_store(&source->stop, true);
        set_held(source, false);
        pthread_join(source->thread, NULL);
        source->running = false;
    }
    pthread_mutex_unlock(&source->hold_lock);
}
