/*
 * Secrets are fetched when they are needed and not when the configuration is loaded: `list` must
 * not fail because a variable of some store is not set in this shell.
 */
#include "config/resolve.h"
#include "base/file.h"

#include <arpa/inet.h>
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

/* The host of "scheme://[user@]host[:port]/…" into out; false when there is none, or it is too long. */
static bool host_of(const char *url, char *out, size_t size)
{
    const char *begin = strstr(url, "://");
    if (begin == NULL)
        return false;
    begin += 3;
    size_t length = strcspn(begin, "/?#");
    /* Who reads the last '@' as the end of a name cannot be led elsewhere by an earlier one. */
    for (size_t i = length; i-- > 0;) {
        if (begin[i] == '@') {
            begin += i + 1;
            length -= i + 1;
            break;
        }
    }
    size_t host = *begin == '[' ? strcspn(begin, "]") + 1 : strcspn(begin, ":/?#");
    if (host > length || host == 0 || host >= size)
        return false;
    memcpy(out, begin, host);
    out[host] = '\0';
    text_lower(out);
    return true;
}

bool resolve_is_loopback(const char *url)
{
    char host[256];
    unsigned char ignored[4];
    if (!host_of(url, host, sizeof host))
        return false;
    /* "127.evil.example" is a name like any other. */
    return strcmp(host, "localhost") == 0 || text_ends_with(host, ".localhost") ||
           strcmp(host, "[::1]") == 0 ||
           (text_starts_with(host, "127.") && inet_pton(AF_INET, host, ignored) == 1);
}

/* The text of an address is never told: whoever knows it may write there. */
static int check_address(const struct notifier_settings *notifier, const char *url,
                         struct err *err)
{
    char host[256];
    bool plain = text_starts_with(url, "http://");
    if (!plain && !text_starts_with(url, "https://"))
        return err_set(err, ERR_CONFIG, "its address does not begin with https://");
    if (text_has_control(url) || strpbrk(url, " \"<>\\") != NULL ||
        !host_of(url, host, sizeof host))
        return err_set(err, ERR_CONFIG, "its address is not a URL");
    if (!plain || notifier->allow_insecure || resolve_is_loopback(url))
        return 0;
    err_set(err, ERR_CONFIG, "plain http to %s", host);
    return err_hint(err, "use https, or set allow_insecure = true");
}

/* STARTTLS is left out on loopback alone, unless somebody wants it so. */
static int check_server(const struct notifier_settings *notifier, struct err *err)
{
    const char *server = notifier->server;
    bool tls = text_starts_with(server, "smtps://") || notifier->starttls != STARTTLS_NEVER;
    char host[256];
    if (!host_of(server, host, sizeof host))
        return err_set(err, ERR_CONFIG, "\"server\" names no host");
    if (tls || notifier->allow_insecure || resolve_is_loopback(server))
        return 0;
    err_set(err, ERR_CONFIG, "a mail server without TLS beyond loopback");
    return err_hint(err, "leave starttls = \"never\" out, or set allow_insecure = true");
}

int resolve_notifier(const struct notifier_settings *notifier, struct notifier_secrets *out,
                     struct err *err)
{
    static const struct secret none = {0};
    const struct resolve_secret url = {&out->url, &none, notifier->url_env,
                                       notifier->url_file, "url"};
    const struct resolve_secret secret = {&out->secret, &none, notifier->secret_env,
                                          notifier->secret_file, "secret"};
    *out = (struct notifier_secrets){0};
    int result = read_secret(&url, err);
    if (result == 0)
        result = read_secret(&secret, err);
    if (result == 0)
        result =
            notifier->type == NOTIFIER_EMAIL
                ? check_server(notifier, err)
                : check_address(notifier, out->url.text != NULL ? out->url.text : "", err);
    if (result == 0)
        return 0;
    resolve_notifier_release(out);
    return err_context(err, "notifier \"%s\"", notifier->name);
}

void resolve_notifier_release(struct notifier_secrets *secrets)
{
    secret_release(&secrets->url);
    secret_release(&secrets->secret);
}
