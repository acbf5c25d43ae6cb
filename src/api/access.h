/*
 * access - who may ask: one password, sessions of a cookie, a limit on guesses.
 *
 *     access_new -> access_log_in, access_find from any thread -> access_free
 *
 * The catalog keeps the password's yescrypt hash (ACCESS_PASSWORD of catalog/db/facts.h); sessions live in
 * memory and end with the process. All comparisons of secrets take the same time whatever they find.
 */
#ifndef PGKEEP_API_ACCESS_H
#define PGKEEP_API_ACCESS_H

#include "base/err.h"

#define ACCESS_PASSWORD "api.password"
enum {
    ACCESS_TOKEN_SIZE = 65,     /* 32 random bytes as hex, with the NUL */
    ACCESS_SESSIONS = 64,       /* the one that was idle for longest makes room */
    ACCESS_IDLE_S = 12 * 3600,  /* a session that nobody uses ends */
    ACCESS_TRIES = 5,           /* failed log-ins of one address … */
    ACCESS_TRIES_ALL = 30,      /* … and of all together … */
    ACCESS_WINDOW_S = 60,       /* … in this time */
    ACCESS_PASSWORD_LEAST = 10, /* characters of a new password */
    ACCESS_PASSWORD_MOST = 256
};

/* What a browser holds: the cookie, and the word that its writes repeat in a header. */
struct access_session {
    char cookie[ACCESS_TOKEN_SIZE], csrf[ACCESS_TOKEN_SIZE];
};

struct access;

struct access *access_new(void) MUST_USE;
void access_free(struct access *access); /* NULL-safe */

/* The hash of a new password; heap. ERR_USAGE: too short or too long. */
char *access_hash(const char *password, struct err *err) MUST_USE;
/* Whether `password` is that of the hash. NULL hash: never. */
bool access_matches(const char *password, const char *hash);

/* Seconds until this address may try again; 0: now. */
int64_t access_wait_s(struct access *access, const char *address, int64_t now);
/* A log-in that failed counts. */
void access_failed(struct access *access, const char *address, int64_t now);
/* A new session. -1: no random numbers. */
int access_log_in(struct access *access, int64_t now, struct access_session *out,
                  struct err *err) MUST_USE;
/* The session of this cookie, used now; false: none. */
bool access_find(struct access *access, const char *cookie, int64_t now,
                 struct access_session *out);
void access_log_out(struct access *access, const char *cookie);
/* Is `given` the session's CSRF word? NULL: no. */
bool access_is_csrf(const struct access_session *session, const char *given);

#endif
