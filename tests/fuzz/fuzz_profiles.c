/* A profile file of any bytes, as config and as credentials file: read, or refused with its
 * line. What was read can be asked for, and never holds a line end. */
#include "base/memory.h"
#include "base/text.h"
#include "s3/auth/profiles.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void ask(const struct s3_profiles *profiles, const char *profile)
{
    static const char *const keys[] = {"region", "role_arn", "credential_process",
                                       "s3.endpoint_url"};
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        const char *value = s3_profiles_get(profiles, profile, keys[i]);
        assert(value == NULL || (*value != '\0' && strchr(value, '\n') == NULL &&
                                 s3_profiles_has(profiles, profile)));
    }
    struct s3_profile_keys three = s3_profiles_keys(profiles, profile);
    assert(three.access_key == NULL || *three.access_key != '\0');
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = memory_strndup((const char *)data, size);
    struct s3_profiles profiles = {0};
    for (int is_credentials = 0; is_credentials <= 1; is_credentials++) {
        struct err err = {0};
        if (s3_profiles_add(&profiles, "f", text, is_credentials == 1, &err) < 0)
            assert(err.kind == ERR_CONFIG && text_starts_with(err.text, "f: line "));
    }
    ask(&profiles, "default");
    ask(&profiles, "p");
    s3_profiles_release(&profiles);
    free(text);
    return 0;
}
