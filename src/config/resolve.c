#include "config/resolve.h"
#include "base/file.h"

enum { SECRET_MAX = 65536 };

int resolve_secret(const struct resolve_secret *secret, struct err *err)
{
    struct text text;
    int result = -1;
    if (secret->secret->text) /* given in plain, or fetched before */
        return 0;

    /* An empty variable is as wrong as a missing one: an empty password never is what is
     * meant. */
    if (secret->env) {
        const char *value = getenv(secret->env);
        if (!value || *value == '\0')
            return err_set(err, ERR_CONFIG, "environment variable %s (%s_env) is %s",
                           secret->env, secret->key, value ? "empty" : "not set");
        secret_set(secret->secret, value);
        return 0;
    }
    if (!secret->file)
        return 0;

    /* The mode is not looked at: secrets that a container mounts are often readable by all
     * in it. */
    text_init(&text, SECRET_MAX);
    if (file_read(secret->file, &text, NULL, err) < 0 ||
        text_check(&text, secret->file, err) < 0) {
        err->kind = ERR_CONFIG;
        err_context(err, "%s_file", secret->key);
        goto cleanup;
    }
    /* The first line without its end: editors and `echo` add a newline, which is no part of
     * a password. */
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
