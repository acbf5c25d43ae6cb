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

#endif
