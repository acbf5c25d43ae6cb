/*
 * The last source of the chain, asked where nothing else is set up: most machines are no
 * EC2 instances, and the question has to fail within a second or two - once in a minute,
 * however many stores the process opens meanwhile.
 *
 * Version 2 only: a token first, so that a forged request through a careless web server
 * gets nothing. The variables are those of the aws command.
 */
#include "s3/auth/source.h"

#include "base/log.h"
#include "base/parse.h"
#include "s3/auth/profiles.h"
#include "s3/http/uri.h"

#include <pthread.h>
#include <strings.h>

#define ROLES "/latest/meta-data/iam/security-credentials/"
#define PAUSE_MS 100
#define OUTAGE_SECONDS 600
#define ABSENT_SECONDS 60 /* so long nobody is asked again; an interface may come up late */

/* One conversation. */
struct talk {
    char *endpoint;
    int64_t timeout_ms;
    unsigned tries;
    const struct s3_source_env *env;
    struct strlist headers; /* the session token's */
};

struct imds {
    bool answered; /* once: from then on its silence is trouble, not absence */
};

/* Where nobody was, nobody is asked again for a while. Locked for the whole of a first
 * conversation, so that two stores do not both wait for the same silence. */
static struct {
    pthread_mutex_t lock;
    char *endpoint; /* NULL: none was found absent */
    int64_t until;  /* seconds UTC */
    struct err why;
} absent = {.lock = PTHREAD_MUTEX_INITIALIZER};

/* ---- settings ---- */

/* 1 where the environment says nothing, for seconds and tries alike. */
static int read_number(const char *variable, int64_t max, int64_t *out, struct err *err)
{
    const char *text = s3_profiles_env(variable);
    *out = 1;
    if (text == NULL || parse_int(text, 1, max, out, err) == 0)
        return 0;
    err->kind = ERR_CONFIG;
    return err_context(err, "%s", variable);
}

/* The session token is a secret of six hours. */
static void talk_release(struct talk *talk)
{
    free(talk->endpoint);
    strlist_wipe(&talk->headers);
}

/* The environment is read for every conversation: tries and time-outs may be set meanwhile. */
static int talk_init(struct talk *talk, const struct s3_source_env *env, struct err *err)
{
    const char *said = s3_profiles_env("AWS_EC2_METADATA_SERVICE_ENDPOINT");
    const char *mode = s3_profiles_env("AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE");
    struct s3_endpoint parsed;
    int64_t seconds, tries;
    *talk = (struct talk){.env = env};
    if (read_number("AWS_METADATA_SERVICE_TIMEOUT", 60, &seconds, err) < 0 ||
        read_number("AWS_METADATA_SERVICE_NUM_ATTEMPTS", 20, &tries, err) < 0)
        return -1;
    talk->timeout_ms = seconds * 1000;
    talk->tries = (unsigned)tries;

    /* The addresses are fixed (EC2 User Guide, "Access instance metadata"). */
    if (said == NULL)
        said = mode != NULL && strcasecmp(mode, "ipv6") == 0 ? "http://[fd00:ec2::254]"
                                                             : "http://169.254.169.254";
    if (strstr(said, "://") == NULL || s3_endpoint_parse(said, &parsed, err) < 0)
        return err_set(err, ERR_CONFIG,
                       "AWS_EC2_METADATA_SERVICE_ENDPOINT is not an http URL");
    s3_endpoint_release(&parsed);
    /* Paths of ours begin with a slash. */
    size_t length = strlen(said);
    while (length > 0 && said[length - 1] == '/')
        length--;
    talk->endpoint = memory_strndup(said, length);
    return 0;
}

/* ---- requests ---- */

/* Directly: the address is of this machine alone, and no proxy's business. */
static int ask(const struct talk *talk, const char *method, const char *path,
               struct s3_fetched *answer, struct err *err)
{
    char *url = memory_format("%s%s", talk->endpoint, path);
    const struct s3_fetch fetch = {.method = method,
                                   .url = url,
                                   .headers = &talk->headers,
                                   .direct = true,
                                   .timeout_ms = talk->timeout_ms,
                                   .tries = talk->tries,
                                   .pause_ms = PAUSE_MS,
                                   .stop = talk->env->stop,
                                   .cancel = talk->env->cancel};
    /* The environment's tries and time-out: a short one where most machines are no instances. */
    int result = s3_fetch(&fetch, answer, err);
    free(url);
    return result;
}

/* A token for the requests that follow. *there: somebody answered, if only with trouble; a
 * refusal is the answer of something else at this address. */
static int get_token(struct talk *talk, bool *there, struct err *err)
{
    struct s3_fetched answer;
    /* Six hours, the most there is: one token serves all of a conversation. */
    strlist_wipe(&talk->headers);
    strlist_add(&talk->headers, "x-aws-ec2-metadata-token-ttl-seconds: 21600");
    int result = ask(talk, "PUT", "/latest/api/token", &answer, err);
    strlist_wipe(&talk->headers);
    *there = result == 0 && s3_fetched_kind(&answer) != ERR_DENIED;
    if (result < 0)
        return -1;
    const char *token = answer.body.data;
    if (answer.status != 200)
        result =
            err_set(err, s3_fetched_kind(&answer), "token: it answered %d", answer.status);
    else if (*token == '\0' || text_has_control(token) || strchr(token, ' ') != NULL)
        result = err_set(err, ERR_TRANSIENT, "token: it gave none");
    else
        strlist_addf(&talk->headers, "x-aws-ec2-metadata-token: %s", token);
    s3_fetched_release(&answer);
    return result;
}

/* The body at `path`; a token that is refused is replaced once. */
static int get(struct talk *talk, const char *path, const char *what,
               struct s3_fetched *answer, struct err *err)
{
    bool there;
    if (ask(talk, "GET", path, answer, err) < 0)
        return -1;
    /* An instance that was moved, or slept for more than six hours. */
    if (answer->status == 401) {
        s3_fetched_release(answer);
        if (get_token(talk, &there, err) < 0 || ask(talk, "GET", path, answer, err) < 0)
            return -1;
    }
    if (answer->status == 200)
        return 0;
    err_set(err, s3_fetched_kind(answer), "%s: it answered %d", what, answer->status);
    s3_fetched_release(answer);
    return -1;
}

/* With a token at hand: which role, and its keys. */
static int get_credentials(struct talk *talk, struct s3_credentials *out, struct err *err)
{
    struct s3_fetched answer;
    struct text path;
    /* The role's name, on the first line. */
    if (get(talk, ROLES, "role", &answer, err) < 0)
        return err->kind == ERR_DENIED ? err_hint(err, "attach a role to the instance")
                                       : -1;
    size_t length = strcspn(answer.body.data, "\r\n");
    text_init(&path, 4096);
    text_add(&path, ROLES);
    text_add_percent(&path, answer.body.data, length, false);
    s3_fetched_release(&answer);
    int result = 0;
    if (length == 0)
        result = err_set(err, ERR_DENIED, "the instance has no role");

    /* The keys themselves. */
    if (result == 0)
        result = get(talk, path.data, "credentials", &answer, err);
    text_release(&path);
    if (result < 0)
        return -1;
    result = s3_source_parse(&answer.body, S3_SOURCE_ENDPOINT, out, err);
    s3_fetched_release(&answer);

    /* In an outage the service goes on with old credentials, and the services take them: AWS
     * calls it static stability. */
    if (result == 0 && out->expires != 0 && out->expires <= talk->env->now) {
        log_warning(
            "instance metadata gave credentials that have expired; they are used on, "
            "and asked for again in %d minutes",
            OUTAGE_SECONDS / 60);
        out->expires = talk->env->now + OUTAGE_SECONDS;
    }
    return result;
}

/* The first conversation decides whether this is an instance at all; the lock is held until that
 * is known and no longer, so that clients of an instance do not wait for each other. */
static int fetch(void *state, const struct s3_source_env *env, struct s3_credentials *out,
                 struct err *err)
{
    struct imds *imds = state;
    struct talk talk;
    bool first = !imds->answered;
    bool there = true;
    if (talk_init(&talk, env, err) < 0)
        return -1;
    /* Is anybody there? That is asked once for all clients of the process, and kept for a
     * minute. */
    if (first)
        pthread_mutex_lock(&absent.lock);
    int result = 0;
    /* A clock that was set back does not keep it absent for longer. */
    bool silent = absent.until - ABSENT_SECONDS <= env->now && env->now < absent.until;
    if (first && silent && text_equal(absent.endpoint, talk.endpoint)) {
        *err = absent.why;
        result = -1;
    } else if (get_token(&talk, &there, err) < 0) {
        result = -1;
        /* Given up by us, or trouble: that says nothing about the next time. */
        bool given_up =
            (env->stop != NULL && atomic_load(env->stop)) || cancel_requested(env->cancel);
        if (first && !there && !given_up && err->kind != ERR_SYSTEM) {
            err->kind = ERR_NOT_FOUND;
            memory_replace(&absent.endpoint, talk.endpoint);
            absent.until = env->now + ABSENT_SECONDS;
            absent.why = *err;
        } else if (first && err->kind == ERR_TRANSIENT) {
            err->kind = ERR_DENIED;
        }
    }
    if (first)
        pthread_mutex_unlock(&absent.lock);

    /* From here on it is an instance, and what goes wrong is told as that. */
    if (result == 0) {
        imds->answered = true;
        result = get_credentials(&talk, out, err);
    }
    talk_release(&talk);
    return result;
}

/* Set up unless it was turned off: whether it is there shows when it is asked. */
static const struct s3_source_ops imds_ops = {fetch, free, false};

int s3_source_find_imds(const struct s3_credentials_config *config, struct s3_source *out,
                        struct err *err)
{
    const char *disabled = s3_profiles_env("AWS_EC2_METADATA_DISABLED");
    (void)config, (void)err;
    *out = (struct s3_source){0};
    if (disabled == NULL || strcasecmp(disabled, "true") != 0)
        *out = (struct s3_source){.ops = &imds_ops,
                                  .state = memory_zalloc(sizeof(struct imds)),
                                  .origin = memory_strdup("instance metadata")};
    return 0;
}
