/*
 * A profile of AWS's files says how to get keys: they stand there, a command gives them, or
 * a role does that another source is the base of - often another profile, and so on.
 */
#include "s3/auth/source.h"

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

/* The static keys of a profile; out->ops NULL when it has none. */
static int from_keys(const struct walk *walk, const char *profile, struct s3_source *out,
                     struct err *err)
{
    struct s3_profile_keys keys = s3_profiles_keys(walk->profiles, profile);
    /* Half a pair is a mistake, and the next source would hide it. */
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

/* What signs the request for a role: another profile, or a place named by credential_source. */
static int find_base(struct walk *walk, const char *profile, struct s3_source *out,
                     struct err *err)
{
    static const struct {
        const char *name;
        s3_source_find find;
    } places[] = {{"Environment", s3_source_find_environment},
                  {"Ec2InstanceMetadata", s3_source_find_imds},
                  {"EcsContainer", s3_source_find_container}};
    /* Exactly one of the two, as AWS demands: which would win differs between its tools. */
    const char *source = s3_profiles_get(walk->profiles, profile, "source_profile");
    const char *named = s3_profiles_get(walk->profiles, profile, "credential_source");
    if ((source == NULL) == (named == NULL))
        return err_set(err, ERR_CONFIG,
                       "role_arn needs either source_profile or credential_source");
    if (source != NULL) {
        /* A profile may name itself as source: then its own keys are meant. */
        int result = strcmp(profile, source) == 0 ? from_keys(walk, source, out, err)
                                                  : from_profile(walk, source, out, err);
        if (result == 0 && out->ops == NULL)
            return err_set(err, ERR_CONFIG, "profile \"%s\" has no credentials", source);
        return result;
    }
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        if (strcmp(places[i].name, named) != 0)
            continue;
        if (places[i].find(walk->config, out, err) < 0)
            return -1;
        if (out->ops == NULL)
            return err_set(err, ERR_CONFIG, "credential_source %s has no credentials",
                           named);
        return 0;
    }
    return err_set(err, ERR_CONFIG,
                   "credential_source must be Environment, Ec2InstanceMetadata or "
                   "EcsContainer");
}

/* One profile further; the names are borrowed from the files. */
static int enter(struct walk *walk, const char *profile, struct err *err)
{
    /* What a person has to take part in, and what needs a login first. */
    static const char *const unsupported[] = {"mfa_serial", "sso_session", "sso_start_url",
                                              "login_session"};
    if (!s3_profiles_has(walk->profiles, profile))
        return err_set(err, ERR_CONFIG, "there is no profile \"%s\"", profile);
    if (text_is_any(profile, walk->visited, walk->depth))
        return err_set(err, ERR_CONFIG, "profile \"%s\" is its own source_profile",
                       profile);
    if (walk->depth == DEPTH_MAX)
        return err_set(err, ERR_CONFIG, "more than %d profiles on top of each other",
                       DEPTH_MAX);
    /* Also one that turns out to be unsupported: the error names it. */
    walk->visited[walk->depth++] = profile;
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

/* out->ops NULL: the profile says nothing about credentials. */
static int from_profile(struct walk *walk, const char *profile, struct s3_source *out,
                        struct err *err)
{
    const struct s3_profiles *profiles = walk->profiles;
    *out = (struct s3_source){0};
    if (enter(walk, profile, err) < 0)
        return -1;

    /* A role goes before keys: they may be its base. */
    const char *arn = s3_profiles_get(profiles, profile, "role_arn");
    if (arn == NULL) {
        if (from_keys(walk, profile, out, err) < 0)
            return -1;
        const char *command = s3_profiles_get(profiles, profile, "credential_process");
        if (out->ops == NULL && command != NULL)
            s3_source_process(command, out);
        return 0;
    }
    /* With a token of its own it needs no base to sign the request. */
    const char *token_file = s3_profiles_get(profiles, profile, "web_identity_token_file");
    struct s3_source base = {0};
    if (token_file == NULL && find_base(walk, profile, &base, err) < 0)
        return err_context(err, "profile \"%s\"", profile);
    struct s3_source_role role = {
        .arn = memory_strdup(arn),
        .session_name =
            memory_strdup(s3_profiles_get(profiles, profile, "role_session_name")),
        .external_id = memory_strdup(s3_profiles_get(profiles, profile, "external_id")),
        .duration_seconds =
            memory_strdup(s3_profiles_get(profiles, profile, "duration_seconds")),
        .token_file = memory_strdup(token_file),
        .profile = memory_strdup(profile),
        .base = base};
    s3_source_role(&role, out);
    return 0;
}

/* The files are needed while the source is made and not afterwards: it keeps copies. */
int s3_source_find_profile(const struct s3_credentials_config *config,
                           struct s3_source *out, struct err *err)
{
    bool named;
    const char *profile = s3_profiles_name(config->profile, &named);
    struct s3_profiles profiles;
    *out = (struct s3_source){0};
    if (s3_profiles_load(&profiles, err) < 0)
        return -1;
    /* "default" need not be there; a profile that was named must. */
    struct walk walk = {.profiles = &profiles, .config = config};
    int result = 0;
    if (named || s3_profiles_has(&profiles, profile))
        result = from_profile(&walk, profile, out, err);
    if (out->ops != NULL)
        out->origin = memory_format("profile \"%s\"", profile);
    s3_profiles_release(&profiles);
    return result;
}
