#include "s3/auth/source.h"

#include "base/text.h"
#include "s3/auth/profiles.h"

#define DEPTH_MAX 8 /* of roles on top of roles */

/* A walk from profile to source_profile. */
struct walk {
    const struct s3_profiles *profiles;
    const struct s3_credentials_config *config;
    const char *visited[DEPTH_MAX];
    size_t depth;
};

static int from_profile(struct walk *walk, const char *profile, struct s3_source *out,
                        struct err *err);

/* What a person has to take part in, and what needs a login first. */
static const char *const unsupported[] = {"mfa_serial", "sso_session", "sso_start_url",
                                          "login_session"};

static int refuse_unsupported(const struct walk *walk, const char *profile, struct err *err)
{
    for (size_t i = 0; i < sizeof unsupported / sizeof *unsupported; i++) {
        if (s3_profiles_get(walk->profiles, profile, unsupported[i]) == NULL)
            continue;
        err_set(err, ERR_CONFIG, "profile \"%s\": %s is not supported", profile,
                unsupported[i]);
        return err_hint(err, "use credential_process, for one with \"aws configure "
                             "export-credentials\"");
    }
    return 0;
}

static const struct {
    const char *name;
    s3_source_find find;
} credential_sources[] = {{"Environment", s3_source_find_environment},
                          {"Ec2InstanceMetadata", s3_source_find_imds},
                          {"EcsContainer", s3_source_find_container}};

static int from_named_source(const struct walk *walk, const char *name,
                             struct s3_source *out, struct err *err)
{
    for (size_t i = 0; i < sizeof credential_sources / sizeof *credential_sources; i++) {
        if (strcmp(credential_sources[i].name, name) != 0)
            continue;
        if (credential_sources[i].find(walk->config, out, err) < 0)
            return -1;
        if (out->ops == NULL)
            return err_set(err, ERR_CONFIG, "credential_source %s has no credentials",
                           name);
        return 0;
    }
    return err_set(err, ERR_CONFIG,
                   "credential_source must be Environment, Ec2InstanceMetadata or "
                   "EcsContainer");
}

/* The static keys of a profile; out->ops NULL when it has none. */
static int from_keys(const struct walk *walk, const char *profile, struct s3_source *out,
                     struct err *err)
{
    struct s3_profile_keys keys = s3_profiles_keys(walk->profiles, profile);
    if (keys.access_key == NULL && keys.secret_key == NULL)
        return 0;
    if (keys.access_key == NULL || keys.secret_key == NULL)
        return err_set(
            err, ERR_CONFIG, "profile \"%s\": %s without %s", profile,
            keys.access_key != NULL ? "aws_access_key_id" : "aws_secret_access_key",
            keys.access_key != NULL ? "aws_secret_access_key" : "aws_access_key_id");
    s3_source_static(keys.access_key, keys.secret_key, keys.session_token, 0, out);
    return 0;
}

/* A profile may name itself as source: then its own keys are meant. */
static int from_source_profile(struct walk *walk, const char *profile, const char *source,
                               struct s3_source *out, struct err *err)
{
    int result = strcmp(profile, source) == 0 ? from_keys(walk, source, out, err)
                                              : from_profile(walk, source, out, err);
    if (result == 0 && out->ops == NULL)
        return err_set(err, ERR_CONFIG, "profile \"%s\" has no credentials", source);
    return result;
}

static int find_base(struct walk *walk, const char *profile, struct s3_source *out,
                     struct err *err)
{
    const char *source = s3_profiles_get(walk->profiles, profile, "source_profile");
    const char *named = s3_profiles_get(walk->profiles, profile, "credential_source");
    if ((source == NULL) == (named == NULL))
        return err_set(err, ERR_CONFIG,
                       "role_arn needs either source_profile or credential_source");
    return source != NULL ? from_source_profile(walk, profile, source, out, err)
                          : from_named_source(walk, named, out, err);
}

static int from_role(struct walk *walk, const char *profile, const char *arn,
                     struct s3_source *out, struct err *err)
{
    const struct s3_profiles *profiles = walk->profiles;
    struct s3_source_role role = {
        .arn = arn,
        .session_name = s3_profiles_get(profiles, profile, "role_session_name"),
        .external_id = s3_profiles_get(profiles, profile, "external_id"),
        .duration_seconds = s3_profiles_get(profiles, profile, "duration_seconds"),
        .token_file = s3_profiles_get(profiles, profile, "web_identity_token_file"),
        .profile = profile};
    if (role.token_file == NULL && find_base(walk, profile, &role.base, err) < 0)
        return err_context(err, "profile \"%s\"", profile);
    s3_source_role(&role, out);
    return 0;
}

static int enter(struct walk *walk, const char *profile, struct err *err)
{
    if (!s3_profiles_has(walk->profiles, profile))
        return err_set(err, ERR_CONFIG, "there is no profile \"%s\"", profile);
    for (size_t i = 0; i < walk->depth; i++)
        if (strcmp(walk->visited[i], profile) == 0)
            return err_set(err, ERR_CONFIG, "profile \"%s\" is its own source_profile",
                           profile);
    if (walk->depth == DEPTH_MAX)
        return err_set(err, ERR_CONFIG, "more than %d profiles on top of each other",
                       DEPTH_MAX);
    walk->visited[walk->depth++] = profile;
    return refuse_unsupported(walk, profile, err);
}

/* out->ops NULL: the profile says nothing about credentials. */
static int from_profile(struct walk *walk, const char *profile, struct s3_source *out,
                        struct err *err)
{
    *out = (struct s3_source){0};
    if (enter(walk, profile, err) < 0)
        return -1;
    const char *arn = s3_profiles_get(walk->profiles, profile, "role_arn");
    if (arn != NULL)
        return from_role(walk, profile, arn, out, err);
    if (from_keys(walk, profile, out, err) < 0)
        return -1;
    const char *command = s3_profiles_get(walk->profiles, profile, "credential_process");
    if (out->ops == NULL && command != NULL)
        s3_source_process(command, out);
    return 0;
}

int s3_source_find_profile(const struct s3_credentials_config *config,
                           struct s3_source *out, struct err *err)
{
    bool named;
    const char *profile = s3_profiles_name(config->profile, &named);
    struct s3_profiles profiles;
    *out = (struct s3_source){0};
    if (s3_profiles_load(&profiles, err) < 0)
        return -1;
    struct walk walk = {.profiles = &profiles, .config = config};
    int result = 0;
    if (named || s3_profiles_has(&profiles, profile))
        result = from_profile(&walk, profile, out, err);
    if (out->ops != NULL)
        out->origin = memory_format("profile \"%s\"", profile);
    s3_profiles_release(&profiles);
    return result;
}
