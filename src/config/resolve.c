/*
 * Secrets are fetched when they are needed and not when the configuration is loaded: `list` must
 * not fail because a variable of some store is not set in this shell.
 */
#include "config/resolve.h"
#include "base/file.h"

#include <sys/stat.h>

enum { SECRET_MAX = 65536 };

/* The three ways to give a secret. Keys are for messages. */
struct resolve_secret {
    struct secret *secret;
    const struct secret *given;
    const char *env, *file; /* may be NULL */
    const char *key; /* "secret_key": the others are secret_key_env and secret_key_file */
};

static int read_secret(const struct resolve_secret *secret, struct err *err)
{
    struct text text;
    struct stat status;
    int result = -1;
    /* The configuration lets only one of the three be given (settings_check.c). */
    secret_set(secret->secret, secret->given->text);
    if (secret->given->text) /* in plain */
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

    /* As strict as with a secret in the configuration (CONTRACT-NOTES 19). A pipe or a
     * device has no readers but those that were given it. */
    if (stat(secret->file, &status) == 0 && S_ISREG(status.st_mode) &&
        (status.st_mode & S_IROTH) != 0) {
        err_set(err, ERR_CONFIG, "%s_file: every user can read %s (mode %04o)", secret->key,
                secret->file, (unsigned)status.st_mode & 07777U);
        return err_hint(err,
                        "chmod o-rwx %s; of a secret that a container mounts: mode 0440",
                        secret->file);
    }
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

int resolve_store(const struct store_settings *store, struct store_secrets *out,
                  struct err *err)
{
    const struct resolve_secret secrets[] = {
        {&out->access_key, &store->access_key, store->access_key_env,
         store->access_key_file, "access_key"},
        {&out->secret_key, &store->secret_key, store->secret_key_env,
         store->secret_key_file, "secret_key"},
        {&out->session_token, &store->session_token, store->session_token_env,
         store->session_token_file, "session_token"},
    };
    /* All or none: with half of them somebody else's rights would fill the gap. */
    *out = (struct store_secrets){0};
    for (size_t i = 0; i < sizeof(secrets) / sizeof(secrets[0]); i++) {
        if (read_secret(&secrets[i], err) == 0)
            continue;
        resolve_store_release(out);
        return err_context(err, "store \"%s\"", store->name);
    }
    return 0;
}

void resolve_store_release(struct store_secrets *secrets)
{
    secret_release(&secrets->access_key);
    secret_release(&secrets->secret_key);
    secret_release(&secrets->session_token);
}

int resolve_source(const struct source_settings *source, struct secret *password,
                   struct err *err)
{
    const struct resolve_secret secret = {password, &source->password, source->password_env,
                                          source->password_file, "password"};
    *password = (struct secret){0};
    return read_secret(&secret, err) == 0 ? 0
                                          : err_context(err, "source \"%s\"", source->name);
}
