/*
 * resolve - the secret that *_env or *_file names, only when it is needed: `list` must not
 * fail because a variable of some store is not set.
 */
#ifndef PGKEEP_CONFIG_RESOLVE_H
#define PGKEEP_CONFIG_RESOLVE_H

#include "base/err.h"
#include "base/memory.h"

/* The three ways to give a secret; env and file may be NULL. Keys are for messages. */
struct resolve_secret {
    struct secret *secret;
    const char *env, *file;
    const char *key; /* "secret_key": the others are secret_key_env and secret_key_file */
};

/* Fills *secret unless it is there. ERR_CONFIG names the variable or file and what is wrong
 * with it (not set, empty, unreadable, larger than 64 KiB). Of a file the first line
 * counts. */
int resolve_secret(const struct resolve_secret *secret, struct err *err) MUST_USE;

#endif
