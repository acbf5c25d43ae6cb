/*
 * The last source of the chain, asked where nothing else is set up: most machines are no
 * EC2 instances, and the question has to fail within a second or two.
 */
#include "s3/auth/source.h"

#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "base/parse.h"
#include "s3/http/fetch.h"
#include "s3/auth/profiles.h"
#include "s3/http/uri.h"

#include <strings.h>

/* Version 2 only: a token first, so that a forged request through a careless web server
 * gets nothing. The variables are those of the aws command. */
#define ROLES "/latest/meta-data/iam/security-credentials/"
#define TOKEN_HEADER "x-aws-ec2-metadata-token"
#define PAUSE_MS 100
#define OUTAGE_SECONDS 600

/* One conversation. */
struct talk {
    char *endpoint;
    int64_t timeout_ms;
    unsigned tries;
    const atomic_bool *stop;
    const struct cancel *cancel;
    struct strlist headers; /* the session token's */
};

struct imds {
    bool answered; /* once: from then on its silence is trouble, not absence */
};

static bool is_on(void)
{
    const char *disabled = s3_profiles_env("AWS_EC2_METADATA_DISABLED");
    return disabled == NULL || strcasecmp(disabled, "true") != 0;
}

/* ---- settings ---- */

static int number(const char *variable, int64_t fallback, int64_t max, int64_t *out,
                  struct err *err)
{
    const char *text = s3_profiles_env(variable);
    *out = fallback;
    if (text == NULL || parse_int(text, 1, max, out, err) == 0)
        return 0;
    err->kind = ERR_CONFIG;
    return err_context(err, "%s", variable);
}

static int find_endpoint(char **endpoint, struct err *err)
{
    const char *said = s3_profiles_env("AWS_EC2_METADATA_SERVICE_ENDPOINT");
    const char *mode = s3_profiles_env("AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE");
    struct s3_endpoint parsed;
    if (said == NULL)
        said = mode != NULL && strcasecmp(mode, "ipv6") == 0 ? "http://[fd00:ec2::254]"
                                                             : "http://169.254.169.254";
    if (strstr(said, "://") == NULL || s3_endpoint_parse(said, &parsed, err) < 0)
        return err_set(err, ERR_CONFIG, "AWS_EC2_METADATA_SERVICE_ENDPOINT is no http URL");
    s3_endpoint_release(&parsed);
    size_t length = strlen(said);
    while (length > 0 && said[length - 1] == '/')
        length--;
    *endpoint = memory_strndup(said, length);
    return 0;
}

static void talk_release(struct talk *talk)
{
    free(talk->endpoint);
    for (size_t i = 0; i < talk->headers.count; i++)
        memory_wipe(talk->headers.items[i], strlen(talk->headers.items[i]));
    strlist_release(&talk->headers);
}

static int talk_init(struct talk *talk, const struct s3_source_env *env, struct err *err)
{
    int64_t seconds, tries;
    *talk = (struct talk){.stop = env->stop, .cancel = env->cancel};
    if (number("AWS_METADATA_SERVICE_TIMEOUT", 1, 60, &seconds, err) < 0 ||
        number("AWS_METADATA_SERVICE_NUM_ATTEMPTS", 1, 20, &tries, err) < 0 ||
        find_endpoint(&talk->endpoint, err) < 0)
        return -1;
    talk->timeout_ms = seconds * 1000;
    talk->tries = (unsigned)tries;
    return 0;
}

/* ---- requests ---- */

static int ask(const struct talk *talk, const char *method, const char *path,
               const struct strlist *headers, struct s3_fetched *answer, struct err *err)
{
    char *url = memory_format("%s%s", talk->endpoint, path);
    const struct s3_fetch fetch = {.method = method,
                                   .url = url,
                                   .headers = headers,
                                   .direct = true,
                                   .timeout_ms = talk->timeout_ms,
                                   .tries = talk->tries,
                                   .pause_ms = PAUSE_MS,
                                   .stop = talk->stop,
                                   .cancel = talk->cancel};
    int result = s3_fetch(&fetch, answer, err);
    free(url);
    return result;
}

static int bad_status(int status, const char *what, struct err *err)
{
    bool later = status == 429 || status >= 500;
    return err_set(err, later ? ERR_TRANSIENT : ERR_DENIED, "%s: it answered %d", what,
                   status);
}

static bool is_word(const char *text)
{
    for (const char *p = text; *p != '\0'; p++)
        if ((unsigned char)*p <= 0x20 || *p == 0x7F)
            return false;
    return *text != '\0';
}

/* A token for the requests that follow. */
static int get_token(struct talk *talk, struct err *err)
{
    struct strlist life = {0};
    struct s3_fetched answer;
    strlist_add(&life, "x-aws-ec2-metadata-token-ttl-seconds: 21600");
    int result = ask(talk, "PUT", "/latest/api/token", &life, &answer, err);
    strlist_release(&life);
    if (result < 0)
        return -1;
    for (size_t i = 0; i < talk->headers.count; i++)
        memory_wipe(talk->headers.items[i], strlen(talk->headers.items[i]));
    strlist_release(&talk->headers);
    if (answer.status != 200)
        result = bad_status(answer.status, "token", err);
    else if (!is_word(answer.body.data))
        result = err_set(err, ERR_TRANSIENT, "token: it gave none");
    else
        strlist_addf(&talk->headers, TOKEN_HEADER ": %s", answer.body.data);
    s3_fetched_release(&answer);
    return result;
}

/* The body at `path`; a token that is refused is replaced once. */
static int get(struct talk *talk, const char *path, const char *what,
               struct s3_fetched *answer, struct err *err)
{
    if (talk->headers.count == 0 && get_token(talk, err) < 0)
        return -1;
    if (ask(talk, "GET", path, &talk->headers, answer, err) < 0)
        return -1;
    if (answer->status == 401) {
        s3_fetched_release(answer);
        if (get_token(talk, err) < 0 ||
            ask(talk, "GET", path, &talk->headers, answer, err) < 0)
            return -1;
    }
    if (answer->status == 200)
        return 0;
    bad_status(answer->status, what, err);
    s3_fetched_release(answer);
    return -1;
}

/* ---- credentials ---- */

/* The first line names the role; encoded for the URL. Heap. */
static int get_role(struct talk *talk, char **role, struct err *err)
{
    struct s3_fetched answer;
    if (get(talk, ROLES, "role", &answer, err) < 0) {
        if (err->kind == ERR_DENIED)
            err_hint(err, "attach a role to the instance");
        return -1;
    }
    answer.body.data[strcspn(answer.body.data, "\r\n")] = '\0';
    struct text encoded;
    text_init(&encoded, 4096);
    text_add_percent(&encoded, answer.body.data, strlen(answer.body.data), false);
    s3_fetched_release(&answer);
    *role = text_take(&encoded);
    text_release(&encoded);
    if (**role != '\0')
        return 0;
    free(*role);
    err_set(err, ERR_DENIED, "the instance has no role");
    return -1;
}

static int check_code(const struct s3_fetched *answer, struct err *err)
{
    struct err unsaid = {0};
    json_t *object = json_parse(answer->body.data, answer->body.length, &unsaid);
    const char *code = json_string_value(json_object_get(object, "Code"));
    int result = 0;
    if (code != NULL && strcmp(code, "Success") != 0)
        result = err_set(err, ERR_DENIED, "it answered with the code %.64s", code);
    json_decref(object);
    return result;
}

/* In an outage the service goes on with old credentials, and the services take them: AWS
 * calls it static stability. */
static void extend(struct s3_credentials *credentials, int64_t now)
{
    if (credentials->expires == 0 || credentials->expires > now)
        return;
    log_warning("instance metadata gave credentials that have expired; they are used on, "
                "and asked for again in %d minutes",
                OUTAGE_SECONDS / 60);
    credentials->expires = now + OUTAGE_SECONDS;
}

static int get_credentials(struct talk *talk, int64_t now, struct s3_credentials *out,
                           struct err *err)
{
    char *role;
    struct s3_fetched answer;
    if (get_role(talk, &role, err) < 0)
        return -1;
    char *path = memory_format(ROLES "%s", role);
    int result = get(talk, path, "credentials", &answer, err);
    free(path);
    free(role);
    if (result < 0)
        return -1;
    result = check_code(&answer, err);
    if (result == 0)
        result = s3_source_parse(answer.body.data, answer.body.length, "Token",
                                 ERR_TRANSIENT, out, err);
    s3_fetched_release(&answer);
    if (result == 0)
        extend(out, now);
    return result;
}

static int fetch(void *state, const struct s3_source_env *env, struct s3_credentials *out,
                 struct err *err)
{
    struct imds *imds = state;
    struct talk talk;
    int result = talk_init(&talk, env, err);
    if (result == 0) {
        result = get_token(&talk, err);
        /* The last of the chain: without an answer this is no instance at all. */
        if (result < 0 && err->kind == ERR_TRANSIENT && !imds->answered) {
            err->kind = ERR_DENIED;
            err_hint(err, "no keys in configuration, environment or profile either; set "
                          "access_key_env and secret_key_env, AWS_ACCESS_KEY_ID and "
                          "AWS_SECRET_ACCESS_KEY, or a profile");
        }
    }
    if (result == 0) {
        imds->answered = true;
        result = get_credentials(&talk, env->now, out, err);
    }
    talk_release(&talk);
    return result;
}

static const struct s3_source_ops imds_ops = {fetch, free, false};

int s3_source_find_imds(const struct s3_credentials_config *config, struct s3_source *out,
                        struct err *err)
{
    (void)config, (void)err;
    *out = (struct s3_source){0};
    if (is_on())
        *out = (struct s3_source){.ops = &imds_ops,
                                  .state = memory_zalloc(sizeof(struct imds)),
                                  .origin = memory_strdup("instance metadata")};
    return 0;
}
