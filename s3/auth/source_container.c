/*
 * The answer is a set of keys, so where the request goes matters more than that it works:
 * the checks of the address come before anything is sent.
 */
#include "s3/auth/source.h"

#include "base/text.h"
#include "s3/http/fetch.h"
#include "s3/auth/profiles.h"
#include "s3/http/uri.h"

#define ECS_HOST "169.254.170.2"
#define TIMEOUT_MS 2000
#define TRIES 3
#define PAUSE_MS 200

static const char *const plain_hosts[] = {ECS_HOST, "169.254.170.23", "fd00:ec2::23"};

/* Plain http goes to this machine and to the agents' fixed addresses only: the answer holds
 * keys, the request perhaps a token. */
static bool is_allowed(const struct s3_endpoint *endpoint)
{
    if (endpoint->tls || s3_endpoint_is_loopback(endpoint))
        return true;
    for (size_t i = 0; i < sizeof plain_hosts / sizeof *plain_hosts; i++)
        if (strcmp(endpoint->host, plain_hosts[i]) == 0)
            return true;
    return false;
}

static int check_url(const char *url, struct err *err)
{
    struct s3_endpoint endpoint;
    struct err unsaid = {0};
    char *base = memory_strndup(url, strcspn(url, "?"));
    bool clean = url[strspn(url, "!\"#$%&'()*+,-./0123456789:;<=>?@"
                                 "ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\]^_`"
                                 "abcdefghijklmnopqrstuvwxyz{|}~")] == '\0';
    bool whole = clean && strstr(base, "://") != NULL &&
                 s3_endpoint_parse(base, &endpoint, &unsaid) == 0;
    free(base);
    if (!whole)
        return err_set(err, ERR_CONFIG,
                       "AWS_CONTAINER_CREDENTIALS_FULL_URI is no http URL");
    bool allowed = is_allowed(&endpoint);
    s3_endpoint_release(&endpoint);
    if (!allowed)
        return err_set(err, ERR_CONFIG,
                       "AWS_CONTAINER_CREDENTIALS_FULL_URI must be https, or lead to this "
                       "machine or the container agent's address");
    return 0;
}

/* NULL: not set up. A '/' in front keeps the path from becoming part of the host. */
static int find_url(char **url, struct err *err)
{
    const char *relative = s3_profiles_env("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI");
    const char *full = s3_profiles_env("AWS_CONTAINER_CREDENTIALS_FULL_URI");
    *url = NULL;
    if (relative == NULL && full == NULL)
        return 0;
    if (relative != NULL && *relative != '/')
        return err_set(err, ERR_CONFIG,
                       "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI must begin with '/'");
    *url = relative != NULL ? memory_format("http://" ECS_HOST "%s", relative)
                            : memory_strdup(full);
    if (check_url(*url, err) == 0)
        return 0;
    memory_replace(url, NULL);
    return -1;
}

static bool has_control(const char *text)
{
    for (; *text != '\0'; text++)
        if ((unsigned char)*text < 0x20 || *text == 0x7F)
            return true;
    return false;
}

/* The token's file is read anew for every request: the agent changes it. */
static int add_authorization(struct strlist *headers, struct err *err)
{
    const char *file = s3_profiles_env("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE");
    const char *text = s3_profiles_env("AWS_CONTAINER_AUTHORIZATION_TOKEN");
    struct secret token = {0};
    if (file != NULL) {
        if (s3_source_read_token(file, &token, err) < 0)
            return -1;
    } else if (text != NULL) {
        if (has_control(text))
            return err_set(err, ERR_CONFIG,
                           "AWS_CONTAINER_AUTHORIZATION_TOKEN holds a control character");
        secret_set(&token, text);
    }
    if (token.text != NULL)
        strlist_addf(headers, "Authorization: %s", token.text);
    secret_release(&token);
    return 0;
}

static void release_headers(struct strlist *headers)
{
    for (size_t i = 0; i < headers->count; i++)
        memory_wipe(headers->items[i], strlen(headers->items[i]));
    strlist_release(headers);
}

static int take_answer(const struct s3_fetched *answer, struct s3_credentials *out,
                       struct err *err)
{
    if (answer->status == 200)
        return s3_source_parse(answer->body.data, answer->body.length, "Token",
                               ERR_TRANSIENT, out, err);
    bool later = answer->status == 429 || answer->status >= 500;
    return err_set(err, later ? ERR_TRANSIENT : ERR_DENIED, "the endpoint answered %d",
                   answer->status);
}

static int fetch(void *state, const struct s3_source_env *env, struct s3_credentials *out,
                 struct err *err)
{
    struct strlist headers = {0};
    struct s3_fetched answer;
    const struct s3_fetch request = {.method = "GET",
                                     .url = state,
                                     .headers = &headers,
                                     .ca_file = env->ca_file,
                                     .direct = true,
                                     .timeout_ms = TIMEOUT_MS,
                                     .tries = TRIES,
                                     .pause_ms = PAUSE_MS,
                                     .stop = env->stop,
                                     .cancel = env->cancel};
    strlist_add(&headers, "Accept: application/json");
    int result = add_authorization(&headers, err);
    if (result == 0)
        result = s3_fetch(&request, &answer, err);
    if (result == 0) {
        result = take_answer(&answer, out, err);
        s3_fetched_release(&answer);
    }
    release_headers(&headers);
    return result;
}

static const struct s3_source_ops container_ops = {fetch, free, false};

int s3_source_find_container(const struct s3_credentials_config *config,
                             struct s3_source *out, struct err *err)
{
    (void)config;
    char *url;
    *out = (struct s3_source){0};
    if (find_url(&url, err) < 0)
        return -1;
    if (url != NULL)
        *out = (struct s3_source){.ops = &container_ops,
                                  .state = url,
                                  .origin = memory_strdup("container endpoint")};
    return 0;
}
