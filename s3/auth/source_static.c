/*
 * Keys that are simply there: of the configuration or of the environment. Half a pair is an
 * error and not "not set up": the next source of the chain would be somebody else's keys.
 */
#include "s3/auth/source.h"

#include "base/clock.h"
#include "s3/auth/profiles.h"

/* The only thing that can change about them is that their time comes. */
static int fetch(void *state, const struct s3_source_env *env, struct s3_credentials *out,
                 struct err *err)
{
    const struct s3_credentials *kept = state;
    /* "aws configure export-credentials" exports the end of temporary ones, too. */
    if (kept->expires != 0 && kept->expires <= env->now) {
        char when[32];
        return err_set(err, ERR_DENIED, "they expired at %s and cannot be renewed",
                       clock_rfc3339(when, kept->expires));
    }
    s3_credentials_copy(kept, out);
    return 0;
}

static void release(void *state)
{
    if (state != NULL)
        s3_credentials_release(state);
    free(state);
}

static const struct s3_source_ops static_ops = {fetch, release, true};

void s3_source_static(const char *access_key, const char *secret_key,
                      const char *session_token, int64_t expires, struct s3_source *out)
{
    struct s3_credentials *kept = memory_zalloc(sizeof *kept);
    kept->access_key = memory_strdup(access_key);
    secret_set(&kept->secret_key, secret_key);
    secret_set(&kept->session_token, session_token);
    kept->expires = expires;
    *out = (struct s3_source){.ops = &static_ops, .state = kept};
}

/* An empty text in a configuration or variable is none. */
static const char *said(const char *text)
{
    return text == NULL || *text == '\0' ? NULL : text;
}

int s3_source_find_config(const struct s3_credentials_config *config, struct s3_source *out,
                          struct err *err)
{
    const char *access_key = said(config->access_key);
    const char *secret_key = said(config->secret_key);
    *out = (struct s3_source){0};
    if (access_key == NULL && secret_key == NULL)
        return 0;
    if (access_key == NULL || secret_key == NULL)
        return err_set(err, ERR_CONFIG,
                       "an access key needs a secret key, and the other way");
    s3_source_static(access_key, secret_key, said(config->session_token), 0, out);
    out->origin = memory_strdup("configuration");
    return 0;
}

/* Without a look at the clock: keys that are over are an error of the fetch, which says when. */
int s3_source_find_environment(const struct s3_credentials_config *config,
                               struct s3_source *out, struct err *err)
{
    (void)config;
    *out = (struct s3_source){0};
    const char *access_key = s3_profiles_env("AWS_ACCESS_KEY_ID");
    const char *secret_key = s3_profiles_env("AWS_SECRET_ACCESS_KEY");
    const char *token = s3_profiles_env("AWS_SESSION_TOKEN");
    const char *expiration = s3_profiles_env("AWS_CREDENTIAL_EXPIRATION");
    int64_t expires = 0;
    /* The older name of the same variable. */
    if (token == NULL)
        token = s3_profiles_env("AWS_SECURITY_TOKEN");
    if (access_key == NULL && secret_key == NULL)
        return 0;
    if (access_key == NULL || secret_key == NULL)
        return err_set(err, ERR_CONFIG, "%s is set, but %s is not",
                       access_key != NULL ? "AWS_ACCESS_KEY_ID" : "AWS_SECRET_ACCESS_KEY",
                       access_key != NULL ? "AWS_SECRET_ACCESS_KEY" : "AWS_ACCESS_KEY_ID");
    if (expiration != NULL && clock_parse(expiration, &expires, err) < 0) {
        err->kind = ERR_CONFIG;
        return err_context(err, "AWS_CREDENTIAL_EXPIRATION");
    }
    s3_source_static(access_key, secret_key, token, expires, out);
    out->origin = memory_strdup("environment");
    return 0;
}
