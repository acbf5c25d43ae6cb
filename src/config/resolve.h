/*
 * resolve - the secrets that *_env and *_file name, read only when they are needed: `list` must
 * not fail because a variable of some store is not set.
 *
 * The settings stay as they are; what is read belongs to the caller, who wipes it with the
 * release. ERR_CONFIG names the source or store, the variable or file, and what is wrong with it
 * (not set, empty, unreadable, larger than 64 KiB). Of a file the first line counts. Any thread.
 */
#ifndef PGKEEP_CONFIG_RESOLVE_H
#define PGKEEP_CONFIG_RESOLVE_H

#include "config/settings.h"

struct store_secrets {
    struct secret access_key, secret_key, session_token; /* text NULL: none */
};

/* The keys of a bucket; of a folder none. */
int resolve_store(const struct store_settings *store, struct store_secrets *out,
                  struct err *err) MUST_USE;
void resolve_store_release(struct store_secrets *secrets); /* wipes; twice is fine */
/* The password of a source; secret_release it. Text NULL: libpq's own places. */
int resolve_source(const struct source_settings *source, struct secret *password,
                   struct err *err) MUST_USE;

struct notifier_secrets {
    struct secret url;    /* text NULL: of an email */
    struct secret secret; /* text NULL: none */
};

/* Address and secret of a notifier; the address is held against what it may be: http(s), and plain
 * http, or a mail server without TLS, only to loopback unless allow_insecure. */
int resolve_notifier(const struct notifier_settings *notifier, struct notifier_secrets *out,
                     struct err *err) MUST_USE;
void resolve_notifier_release(struct notifier_secrets *secrets); /* wipes; twice is fine */
/* Does such an address lead to this machine? By its name alone: localhost, 127.0.0.0/8, ::1. */
bool resolve_is_loopback(const char *url);

#endif
