/*
 * Values are looked up when they are asked for and never kept: the files belong to other
 * programs.
 */
#include "s3/auth/ambient.h"

#include "base/parse.h"
#include "base/text.h"
#include "s3/auth/profiles.h"

/* The first of these environment variables that says something, else the profile's key.
 * Heap or NULL. */
static int find_value(const char *profile, const char *const *names, const char *key,
                      char **value, struct err *err)
{
    struct s3_profiles profiles;
    /* The environment wins over the files, as in AWS's own tools. */
    *value = NULL;
    for (; *value == NULL && *names != NULL; names++)
        *value = memory_strdup(s3_profiles_env(*names));
    if (*value != NULL)
        return 0;
    if (s3_profiles_load(&profiles, err) < 0)
        return -1;
    *value =
        memory_strdup(s3_profiles_get(&profiles, s3_profiles_name(profile, NULL), key));
    s3_profiles_release(&profiles);
    return 0;
}

int s3_ambient_region(const char *profile, char **region, struct err *err)
{
    static const char *const names[] = {"AWS_REGION", "AWS_DEFAULT_REGION", NULL};
    return find_value(profile, names, "region", region, err);
}

int s3_ambient_ca_file(const char *profile, char **path, struct err *err)
{
    static const char *const names[] = {"AWS_CA_BUNDLE", NULL};
    return find_value(profile, names, "ca_bundle", path, err);
}

/* Absent is false. */
static int find_flag(const char *profile, const char *variable, const char *key, bool *flag,
                     struct err *err)
{
    const char *const names[] = {variable, NULL};
    char *value;
    *flag = false;
    if (find_value(profile, names, key, &value, err) < 0)
        return -1;
    int result = value == NULL ? 0 : parse_bool(value, flag, err);
    /* Neither true nor false: whoever meant FIPS must not get something else without a word. */
    if (result < 0) {
        err->kind = ERR_CONFIG;
        err_context(err, "%s", variable);
    }
    free(value);
    return result;
}

int s3_ambient_flags(const char *profile, bool *fips, bool *dualstack, struct err *err)
{
    if (find_flag(profile, "AWS_USE_FIPS_ENDPOINT", "use_fips_endpoint", fips, err) < 0)
        return -1;
    return find_flag(profile, "AWS_USE_DUALSTACK_ENDPOINT", "use_dualstack_endpoint",
                     dualstack, err);
}

int s3_ambient_endpoint(const char *profile, const char *service, char **url,
                        struct err *err)
{
    struct s3_profiles profiles;
    bool ignore;
    *url = NULL;
    if (find_flag(profile, "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS",
                  "ignore_configured_endpoint_urls", &ignore, err) < 0)
        return -1;
    /* A machine set up for another service, on which AWS is meant this time. */
    if (ignore)
        return 0;

    /* The environment: this service's own, else the one of all. */
    char *variable = memory_format("AWS_ENDPOINT_URL_%s", service);
    const char *said = s3_profiles_env(variable);
    free(variable);
    if (said == NULL)
        said = s3_profiles_env("AWS_ENDPOINT_URL");
    *url = memory_strdup(said);
    if (said != NULL)
        return 0;

    /* The profile: this service's block in the services section it names, else its own. */
    if (s3_profiles_load(&profiles, err) < 0)
        return -1;
    profile = s3_profiles_name(profile, NULL);
    const char *services = s3_profiles_get(&profiles, profile, "services");
    if (services != NULL) {
        char *key = text_lower(memory_format("%s.endpoint_url", service));
        said = s3_profiles_service(&profiles, services, key);
        free(key);
    }
    if (said == NULL)
        said = s3_profiles_get(&profiles, profile, "endpoint_url");
    *url = memory_strdup(said);
    s3_profiles_release(&profiles);
    return 0;
}
