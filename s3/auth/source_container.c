/*
 * The answer is a set of keys, so where the request goes matters more than that it works:
 * the checks of the address come before anything is sent.
 */
#include "s3/auth/source.h"

#include "s3/auth/profiles.h"
#include "s3/http/uri.h"

#define ECS_HOST "169.254.170.2"
#define TIMEOUT_MS 2000
#define TRIES 3
#define PAUSE_MS 200

/* Plain http goes to this machine and to the agents' fixed addresses only: the answer holds
 * keys, the request perhaps a token. */
static bool is_allowed(const struct s3_endpoint *endpoint)
{
    static const char *const plain_hosts[] = {ECS_HOST, "169.254.170.23", "fd00:ec2::23"};
    return endpoint->tls || s3_endpoint_is_loopback(endpoint) ||
           text_is_any(endpoint->host, plain_hosts,
                       sizeof plain_hosts / sizeof *plain_hosts);
}

/* FULL_URI is anybody's text. What may not stand in a URL could become a header of its own. */
static int check_url(const char *url, struct err *err)
{
    struct s3_endpoint endpoint;
    struct err unsaid = {0}; /* it speaks of endpoints */
    bool clean = !text_has_control(url) && strchr(url, ' ') == NULL;
    for (const char *p = url; *p != '\0'; p++)
        clean = clean && (unsigned char)*p < 0x80;
    char *base = memory_strndup(url, strcspn(url, "?"));
    bool whole = clean && strstr(base, "://") != NULL &&
                 s3_endpoint_parse(base, &endpoint, &unsaid) == 0;

    free(base);
    /* The variable is named, its value is not: a token may stand in its query. */
    if (!whole)
        return err_set(err, ERR_CONFIG,
                       "AWS_CONTAINER_CREDENTIALS_FULL_URI is not an http URL");
    bool allowed = is_allowed(&endpoint);
    s3_endpoint_release(&endpoint);
    if (!allowed)
        return err_set(err, ERR_CONFIG,
                       "AWS_CONTAINER_CREDENTIALS_FULL_URI must be https, or lead to this "
                       "machine or the container agent's address");
    return 0;
}

/* The token's file is read anew for every request: the agent changes it. */
static int add_authorization(struct strlist *headers, struct err *err)
{
    const char *file = s3_profiles_env("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE");
    const char *text = s3_profiles_env("AWS_CONTAINER_AUTHORIZATION_TOKEN");
    struct secret token = {0};
    /* The file goes first, as in AWS's own tools. */
    if (file != NULL) {
        if (s3_source_read_token(file, &token, err) < 0)
            return -1;
    } else if (text != NULL) {
        if (text_has_control(text))
            return err_set(err, ERR_CONFIG,
                           "AWS_CONTAINER_AUTHORIZATION_TOKEN holds a control character");
        secret_set(&token, text);
    }
    if (token.text != NULL)
        strlist_addf(headers, "Authorization: %s", token.text);
    secret_release(&token);
    return 0;
}

/* One GET, directly: a proxy would learn the keys. Anything but 200 is told by its status alone,
 * as the body may be anybody's page. */
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
    /* A token that cannot be read is an error before anything is sent. */
    strlist_add(&headers, "Accept: application/json");
    int result = add_authorization(&headers, err);
    if (result == 0)
        result = s3_fetch(&request, &answer, err);
    if (result == 0) {
        if (answer.status == 200)
            result = s3_source_parse(&answer.body, S3_SOURCE_ENDPOINT, out, err);
        else
            result = err_set(err, s3_fetched_kind(&answer), "the endpoint answered %d",
                             answer.status);
        s3_fetched_release(&answer);
    }
    strlist_wipe(&headers);
    return result;
}

/* The address is fixed when the source is made, the token is not. */
static const struct s3_source_ops container_ops = {fetch, free, false};

/* Set by ECS or EKS for the container; by hand hardly ever. */
int s3_source_find_container(const struct s3_credentials_config *config,
                             struct s3_source *out, struct err *err)
{
    const char *relative = s3_profiles_env("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI");
    const char *full = s3_profiles_env("AWS_CONTAINER_CREDENTIALS_FULL_URI");
    (void)config;
    *out = (struct s3_source){0};
    /* RELATIVE goes first, as in AWS's own tools. */
    if (relative == NULL && full == NULL)
        return 0;
    /* The '/' keeps the path from becoming part of the host. */
    if (relative != NULL && *relative != '/')
        return err_set(err, ERR_CONFIG,
                       "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI must begin with '/'");
    char *url = relative != NULL ? memory_format("http://" ECS_HOST "%s", relative)
                                 : memory_strdup(full);
    if (check_url(url, err) < 0) {
        free(url);
        return -1;
    }
    *out = (struct s3_source){
        .ops = &container_ops, .state = url, .origin = memory_strdup("container endpoint")};
    return 0;
}
