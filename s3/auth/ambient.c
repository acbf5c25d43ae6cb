/*
 * Values are looked up when they are asked for and never kept: the files belong to other
 * programs.
 */
#include "s3/auth/ambient.h"

#include "base/parse.h"
#include "base/text.h"
#include "s3/auth/profiles.h"

/* The first environment variable that says something. */
static const char *first_env(const char *const *names)
{
    for (; *names != NULL; names++) {
        const char *value = s3_profiles_env(*names);
        if (value != NULL)
            return value;
    }
    return NULL;
}

/* The environment, else the profile; heap or NULL. */
static int find_value(const char *profile, const char *const *names, const char *key,
                      char **value, struct err *err)
{
    const char *said = first_env(names);
    *value = memory_strdup(said);
    if (said != NULL)
        return 0;
    struct s3_profiles profiles;
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

static const char *profile_endpoint(const struct s3_profiles *profiles, const char *profile,
                                    const char *service)
{
    const char *services = s3_profiles_get(profiles, profile, "services");
    const char *url = NULL;
    if (services != NULL) {
        char *key = text_lower(memory_format("%s.endpoint_url", service));
        url = s3_profiles_service(profiles, services, key);
        free(key);
    }
    return url != NULL ? url : s3_profiles_get(profiles, profile, "endpoint_url");
}

int s3_ambient_endpoint(const char *profile, const char *service, char **url,
                        struct err *err)
{
    bool ignore;
    *url = NULL;
    if (find_flag(profile, "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS",
                  "ignore_configured_endpoint_urls", &ignore, err) < 0)
        return -1;
    if (ignore)
        return 0;
    char *variable = memory_format("AWS_ENDPOINT_URL_%s", service);
    const char *const names[] = {variable, "AWS_ENDPOINT_URL", NULL};
    *url = memory_strdup(first_env(names));
    free(variable);
    if (*url != NULL)
        return 0;
    struct s3_profiles profiles;
    if (s3_profiles_load(&profiles, err) < 0)
        return -1;
    *url = memory_strdup(
        profile_endpoint(&profiles, s3_profiles_name(profile, NULL), service));
    s3_profiles_release(&profiles);
    return 0;
}
