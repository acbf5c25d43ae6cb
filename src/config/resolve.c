#include "config/resolve.h"
#include "base/file.h"

enum { SECRET_MAX = 65536 };

/* An empty variable is as wrong as a missing one: an empty password never is what is meant. */
static int from_env(const struct resolve_secret *secret, struct err *err)
{
    const char *value = getenv(secret->env);
    if (value && *value) {
        secret_set(secret->secret, value);
        return 0;
    }
    return err_set(err, ERR_CONFIG, "environment variable %s (%s_env) is %s", secret->env,
                   secret->key, value ? "empty" : "not set");
}

/* The first line without its end: editors and `echo` add a newline, which is no part of a
 * password. The mode is not looked at: secrets that a container mounts are often readable
 * by all in it. */
static int from_file(const struct resolve_secret *secret, struct err *err)
{
    struct text text;
    int result = -1;
    text_init(&text, SECRET_MAX);
    if (file_read(secret->file, &text, NULL, err) < 0 ||
        text_check(&text, secret->file, err) < 0) {
        err->kind = ERR_CONFIG;
        err_context(err, "%s_file", secret->key);
        goto cleanup;
    }
    text.data[strcspn(text.data, "\r\n")] = '\0';
    if (*text.data == '\0') {
        err_set(err, ERR_CONFIG, "%s_file: the first line of %s is empty", secret->key,
                secret->file);
        goto cleanup;
    }
    secret_set(secret->secret, text.data);
    result = 0;
cleanup:
    memory_wipe(text.data, text.length);
    text_release(&text);
    return result;
}

int resolve_secret(const struct resolve_secret *secret, struct err *err)
{
    if (secret->secret->text)
        return 0;
    if (secret->env)
        return from_env(secret, err);
    return secret->file ? from_file(secret, err) : 0;
}
