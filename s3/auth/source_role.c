/*
 * A role of STS, asked for with keys of another source (AssumeRole) or with a token in a
 * file (AssumeRoleWithWebIdentity). A token or a signature travels to STS and keys come
 * back, so the way there is checked first, and nothing that STS says is shown when it could
 * repeat a secret of ours.
 */
#include "s3/auth/source.h"

#include "base/clock.h"
#include "base/digest.h"
#include "s3/auth/ambient.h"
#include "s3/auth/profiles.h"
#include "s3/auth/sign.h"
#include "s3/http/uri.h"
#include "s3/http/xml.h"

#define STS_VERSION "2011-06-15"
#define STS_TIMEOUT_MS 10000
#define STS_TRIES 3
#define STS_PAUSE_MS 200
#define FORM_CEILING ((size_t)256 << 10)

/* One call of STS. */
struct call {
    struct s3_source_role *role;
    const struct s3_source_env *env;
    const char *action;
    char *region;
    char *ca_file;
    const char *proxy;
    struct s3_endpoint endpoint;
    struct s3_uri uri;
    struct secret token; /* of the web identity */
    struct s3_credentials base;
    struct text form;
    struct strlist headers;
};

/* ---- where ---- */

/* Amazon's own STS of the region. */
static int amazon_url(const struct call *call, char **url, struct err *err)
{
    /* Hosts with both protocols have domains of their own (AWS General Reference,
     * "Dual-stack endpoints"). */
    static const char *const domains[2][2] = {{"amazonaws.com", "amazonaws.com.cn"},
                                              {"api.aws", "api.amazonwebservices.com.cn"}};
    bool fips, dualstack;
    if (s3_ambient_flags(call->role->profile, &fips, &dualstack, err) < 0)
        return -1;
    /* In us-gov the usual host is the FIPS one already. */
    bool other = fips && (dualstack || !text_starts_with(call->region, "us-gov-"));
    bool china = text_starts_with(call->region, "cn-");
    *url = memory_format("https://sts%s.%s.%s", other ? "-fips" : "", call->region,
                         domains[dualstack][china]);
    return 0;
}

/* Region, address, and the way there. */
static int find_sts(struct call *call, struct err *err)
{
    const char *profile = call->role->profile;
    char *url = NULL;
    /* The store's region, else that of the machine. */
    call->region = memory_strdup(call->env->region);
    if (call->region == NULL && s3_ambient_region(profile, &call->region, err) < 0)
        return -1;
    if (call->region == NULL)
        call->region = memory_strdup("us-east-1");
    if (!s3_region_is_valid(call->region))
        return err_set(err, ERR_CONFIG, "\"%.80s\" is not a region", call->region);

    /* A service of one's own, or Amazon's. */
    if (s3_ambient_endpoint(profile, "STS", &url, err) < 0)
        return -1;
    bool amazon = url == NULL;
    if (amazon && amazon_url(call, &url, err) < 0)
        return -1;
    /* Plain http is for loopback alone. */
    int result = s3_endpoint_parse(url, &call->endpoint, err);
    if (result == 0)
        result = s3_endpoint_check_secure(&call->endpoint, false, err);
    free(url);
    if (result < 0)
        return err_context(err, "STS");
    s3_uri_init(&call->uri, &call->endpoint, false, NULL, NULL);

    /* The authority and the proxy of a service in one's own network are no way to Amazon. */
    if (!amazon || !call->env->elsewhere) {
        call->proxy = call->env->proxy;
        call->ca_file = memory_strdup(call->env->ca_file);
    }
    return call->ca_file != NULL ? 0 : s3_ambient_ca_file(profile, &call->ca_file, err);
}

/* ---- what ---- */

/* The parameters of the action, as the body of a POST: a token is too long for a URL, and would
 * stand in logs there. */
static void add_form(struct call *call)
{
    const struct s3_source_role *role = call->role;
    struct s3_query form = {0};
    /* A form is encoded like a query. The name of the session is what CloudTrail shows. */
    s3_query_add(&form, "Action", call->action);
    s3_query_add(&form, "Version", STS_VERSION);
    s3_query_add(&form, "RoleArn", role->arn);
    if (role->session_name != NULL)
        s3_query_add(&form, "RoleSessionName", role->session_name);
    else
        s3_query_addf(&form, "RoleSessionName", "pgkeep-%lld", (long long)call->env->now);
    if (role->external_id != NULL)
        s3_query_add(&form, "ExternalId", role->external_id);
    if (role->duration_seconds != NULL)
        s3_query_add(&form, "DurationSeconds", role->duration_seconds);
    if (call->token.text != NULL)
        s3_query_add(&form, "WebIdentityToken", call->token.text);
    s3_query_text(&form, &call->form);
    s3_query_release(&form);
}

/* With the keys of the base source. The web identity's request is not signed: its token is the
 * proof. */
static int add_signature(struct call *call, struct err *err)
{
    const struct s3_header type = {"Content-Type", "application/x-www-form-urlencoded"};
    unsigned char hash[SHA256_SIZE];
    char hex[SHA256_HEX];
    /* STS is not S3: the rules of all other services (`generic`). */
    digest_sha256(call->form.data, call->form.length, hash);
    const struct s3_sign_request request = {.credentials = &call->base,
                                            .method = "POST",
                                            .host = call->uri.host,
                                            .path = call->uri.path,
                                            .headers = &type,
                                            .header_count = 1,
                                            .payload = digest_hex(hash, sizeof hash, hex),
                                            .region = call->region,
                                            .service = "sts",
                                            .time = call->env->now,
                                            .generic = true};
    struct s3_signer *signer = s3_signer_new();
    int result = s3_sign(signer, &request, &call->headers, err);
    s3_signer_free(signer);
    return result;
}

/* STS could not reach the identity provider, or has not seen the token yet: ask again. */
static bool is_passing(int status, const char *body)
{
    return status == 400 && (strstr(body, "IDPCommunicationError") != NULL ||
                             strstr(body, "InvalidIdentityToken") != NULL);
}

/* Everything up to the answer. */
static int ask(struct call *call, struct s3_fetched *answer, struct err *err)
{
    struct s3_source_role *role = call->role;
    bool signs = role->base.ops != NULL;
    call->action = signs ? "AssumeRole" : "AssumeRoleWithWebIdentity";
    if (find_sts(call, err) < 0)
        return -1;
    /* The keys of the base may be a role's themselves, and so on. */
    if (signs ? s3_source_fetch(&role->base, call->env, &call->base, err) < 0
              : s3_source_read_token(role->token_file, &call->token, err) < 0)
        return -1;
    add_form(call);
    if (text_check(&call->form, "web identity token", err) < 0)
        return -1;
    strlist_add(&call->headers, "Content-Type: application/x-www-form-urlencoded");
    if (signs && add_signature(call, err) < 0)
        return -1;

    /* Longer than for metadata: STS may have to ask an identity provider. */
    char *url = s3_uri_text(&call->uri, NULL);
    const struct s3_fetch fetch = {.method = "POST",
                                   .url = url,
                                   .headers = &call->headers,
                                   .body = call->form.data,
                                   .ca_file = call->ca_file,
                                   .proxy = call->proxy,
                                   .timeout_ms = STS_TIMEOUT_MS,
                                   .tries = STS_TRIES,
                                   .again = is_passing,
                                   .pause_ms = STS_PAUSE_MS,
                                   .stop = call->env->stop,
                                   .cancel = call->env->cancel};
    int result = s3_fetch(&fetch, answer, err);
    free(url);
    return result < 0 ? err_context(err, "STS \"%s\"", call->uri.host) : 0;
}

/* ---- the answer ---- */

/* <...Response><...Result><Credentials>, one element after the other. */
static int read_part(void *context, const char *path, const char *text, struct err *err)
{
    struct s3_credentials *out = context;
    const char *part = strrchr(path, '/');
    if (part == NULL || strstr(path, "Result/Credentials/") == NULL)
        return 0;
    if (strcmp(part, "/AccessKeyId") == 0)
        memory_replace(&out->access_key, text);
    else if (strcmp(part, "/SecretAccessKey") == 0)
        secret_set(&out->secret_key, text);
    else if (strcmp(part, "/SessionToken") == 0)
        secret_set(&out->session_token, text);
    else if (strcmp(part, "/Expiration") == 0)
        return clock_parse(text, &out->expires, err);
    return 0;
}

/* Anything that the service took from our request may come back in its words. */
static bool holds_secret(const struct call *call, const char *text)
{
    const char *const secrets[] = {call->token.text, call->base.secret_key.text,
                                   call->base.session_token.text};
    for (size_t i = 0; i < sizeof secrets / sizeof *secrets; i++)
        if (secrets[i] != NULL && strstr(text, secrets[i]) != NULL)
            return true;
    return false;
}

/* Keys, or why there are none. */
static int read_answer(const struct call *call, const struct s3_fetched *answer,
                       struct s3_credentials *out, struct err *err)
{
    const struct text *body = &answer->body;
    struct err unsaid = {0};
    /* Roles always expire: a document without an end is no answer. */
    if (answer->status == 200) {
        char root[64];
        snprintf(root, sizeof root, "%sResponse", call->action);
        if (s3_xml_walk(&(struct s3_xml){body->data, body->length, root}, read_part, out,
                        &unsaid) == 0 &&
            s3_source_check(out, &unsaid) == 0 && out->expires != 0)
            return 0;
        return err_set(err, ERR_TRANSIENT, "STS: the answer to %s is not whole",
                       call->action);
    }
    err_set(err, s3_fetched_kind(answer), "STS answered %s with %d", call->action,
            answer->status);
    /* Its own words, where it has some and they may be shown. */
    char *code = NULL, *message = NULL;
    const struct s3_xml refusal = {body->data, body->length, "ErrorResponse"};
    if (s3_xml_find(&refusal, "Error/Code", &code, &unsaid) == 0 &&
        s3_xml_find(&refusal, "Error/Message", &message, &unsaid) == 0 && code != NULL &&
        message != NULL && !holds_secret(call, code) && !holds_secret(call, message))
        err_set(err, err->kind, "STS answered %s with %d %.64s: %.200s", call->action,
                answer->status, code, message);
    free(code);
    free(message);
    return -1;
}

/* ---- the source ---- */

/* One call, from its address to its answer; where it fails half-way the rest is still empty. */
static int fetch(void *state, const struct s3_source_env *env, struct s3_credentials *out,
                 struct err *err)
{
    struct call call = {.role = state, .env = env};
    struct s3_fetched answer = {0};
    /* All that held a secret is wiped, whatever came of it. */
    text_init(&call.form, FORM_CEILING);
    int result = ask(&call, &answer, err);
    if (result == 0)
        result = read_answer(&call, &answer, out, err);
    s3_fetched_release(&answer);
    s3_endpoint_release(&call.endpoint);
    s3_uri_release(&call.uri);
    secret_release(&call.token);
    s3_credentials_release(&call.base);
    strlist_wipe(&call.headers);
    text_wipe(&call.form);
    free(call.region);
    free(call.ca_file);
    return result;
}

static void release(void *state)
{
    struct s3_source_role *role = state;
    if (role == NULL)
        return;
    free(role->arn);
    free(role->session_name);
    free(role->external_id);
    free(role->duration_seconds);
    free(role->token_file);
    free(role->profile);
    s3_source_release(&role->base);
    free(role);
}

/* Renewable as long as its base or its token is. */
static const struct s3_source_ops role_ops = {fetch, release, false};

/* Moved as a whole: strings and base have one owner at any time. */
void s3_source_role(struct s3_source_role *from, struct s3_source *out)
{
    struct s3_source_role *role = memory_alloc(sizeof *role);
    *role = *from;
    *from = (struct s3_source_role){0};
    *out = (struct s3_source){.ops = &role_ops, .state = role};
}

/* What a pod of EKS finds in its environment (IAM roles for service accounts). */
int s3_source_find_web_identity(const struct s3_credentials_config *config,
                                struct s3_source *out, struct err *err)
{
    const char *arn = s3_profiles_env("AWS_ROLE_ARN");
    const char *token_file = s3_profiles_env("AWS_WEB_IDENTITY_TOKEN_FILE");
    *out = (struct s3_source){0};
    if (token_file == NULL)
        return 0;
    if (arn == NULL)
        return err_set(err, ERR_CONFIG,
                       "AWS_WEB_IDENTITY_TOKEN_FILE is set, but AWS_ROLE_ARN is not");
    struct s3_source_role role = {
        .arn = memory_strdup(arn),
        .session_name = memory_strdup(s3_profiles_env("AWS_ROLE_SESSION_NAME")),
        .token_file = memory_strdup(token_file),
        .profile = memory_strdup(config->profile)};
    s3_source_role(&role, out);
    out->origin = memory_strdup("web identity");
    return 0;
}
