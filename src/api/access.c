/*
 * A cookie is looked for among all sessions, whatever the first that fits: how long it takes says
 * nothing. Failed log-ins are counted in one window for each address and one for all, so that many
 * addresses guess no faster than a few.
 */
#define _GNU_SOURCE /* crypt_rn, crypt_gensalt_rn */
#include "api/access.h"

#include "base/digest.h"
#include "base/memory.h"
#include "base/text.h"

#include <crypt.h>
#include <openssl/crypto.h>
#include <openssl/rand.h>
#include <pthread.h>

enum { ADDRESSES = 64 };

/* Failed log-ins since `begun`. */
struct guesses {
    char address[64];
    int64_t begun;
    int count;
};

struct slot {
    struct access_session session;
    int64_t used; /* 0: free */
};

struct access {
    pthread_mutex_t lock; /* guards all of it */
    struct slot slots[ACCESS_SESSIONS];
    struct guesses by_address[ADDRESSES], all;
};

struct access *access_new(void)
{
    struct access *access = memory_zalloc(sizeof *access);
    pthread_mutex_init(&access->lock, NULL);
    return access;
}

void access_free(struct access *access)
{
    if (access == NULL)
        return;
    pthread_mutex_destroy(&access->lock);
    memory_wipe(access, sizeof *access);
    free(access);
}

/* ---- the password ---- */

char *access_hash(const char *password, struct err *err)
{
    size_t length = strlen(password);
    char salt[CRYPT_GENSALT_OUTPUT_SIZE];
    struct crypt_data *data = memory_zalloc(sizeof *data);
    char *hash = NULL;
    if (length < ACCESS_PASSWORD_LEAST || length > ACCESS_PASSWORD_MOST) {
        err_set(err, ERR_USAGE, "a password has %d to %d characters", ACCESS_PASSWORD_LEAST,
                ACCESS_PASSWORD_MOST);
        goto cleanup;
    }
    /* The salt from the system, the cost as the library has it. */
    const char *made = crypt_gensalt_rn("$y$", 0, NULL, 0, salt, sizeof salt) == NULL
                           ? NULL
                           : crypt_rn(password, salt, data, (int)sizeof *data);
    if (made == NULL)
        err_errno(err, ERR_SYSTEM, "cannot hash the password");
    else
        hash = memory_strdup(made);
cleanup:
    memory_wipe(data, sizeof *data);
    free(data);
    return hash;
}

bool access_matches(const char *password, const char *hash)
{
    struct crypt_data *data = memory_zalloc(sizeof *data);
    bool fits = false;
    if (hash != NULL && strlen(password) <= ACCESS_PASSWORD_MOST) {
        const char *made = crypt_rn(password, hash, data, (int)sizeof *data);
        fits = made != NULL && strlen(made) == strlen(hash) &&
               CRYPTO_memcmp(made, hash, strlen(hash)) == 0;
    }
    memory_wipe(data, sizeof *data);
    free(data);
    return fits;
}

/* ---- guesses ---- */

static int64_t wait_of(const struct guesses *guesses, int most, int64_t now)
{
    /* A clock that went back starts a new window. */
    bool over = now < guesses->begun || now - guesses->begun >= ACCESS_WINDOW_S;
    return over || guesses->count < most ? 0 : guesses->begun + ACCESS_WINDOW_S - now;
}

static void count(struct guesses *guesses, int64_t now)
{
    if (now < guesses->begun || now - guesses->begun >= ACCESS_WINDOW_S) {
        guesses->begun = now;
        guesses->count = 0;
    }
    guesses->count++;
}

/* That of the address, or the oldest. */
static struct guesses *guesses_of(struct access *access, const char *address)
{
    struct guesses *oldest = &access->by_address[0];
    for (size_t i = 0; i < ADDRESSES; i++) {
        struct guesses *guesses = &access->by_address[i];
        if (strcmp(guesses->address, address) == 0)
            return guesses;
        if (guesses->begun < oldest->begun)
            oldest = guesses;
    }
    *oldest = (struct guesses){0};
    (void)snprintf(oldest->address, sizeof oldest->address, "%s", address);
    return oldest;
}

int64_t access_wait_s(struct access *access, const char *address, int64_t now)
{
    pthread_mutex_lock(&access->lock);
    int64_t own = wait_of(guesses_of(access, address), ACCESS_TRIES, now);
    int64_t all = wait_of(&access->all, ACCESS_TRIES_ALL, now);
    pthread_mutex_unlock(&access->lock);
    return own > all ? own : all;
}

void access_failed(struct access *access, const char *address, int64_t now)
{
    pthread_mutex_lock(&access->lock);
    count(guesses_of(access, address), now);
    count(&access->all, now);
    pthread_mutex_unlock(&access->lock);
}

/* ---- sessions ---- */

static int fill_random(char out[ACCESS_TOKEN_SIZE], struct err *err)
{
    unsigned char bytes[ACCESS_TOKEN_SIZE / 2];
    if (RAND_bytes(bytes, (int)sizeof bytes) != 1)
        return err_set(err, ERR_SYSTEM, "no random numbers");
    digest_hex(bytes, sizeof bytes, out);
    memory_wipe(bytes, sizeof bytes);
    return 0;
}

int access_log_in(struct access *access, int64_t now, struct access_session *out,
                  struct err *err)
{
    if (fill_random(out->cookie, err) < 0 || fill_random(out->csrf, err) < 0)
        return -1;
    pthread_mutex_lock(&access->lock);
    struct slot *oldest = &access->slots[0];
    for (size_t i = 1; i < ACCESS_SESSIONS; i++) {
        if (access->slots[i].used < oldest->used)
            oldest = &access->slots[i];
    }
    *oldest = (struct slot){.session = *out, .used = now};
    pthread_mutex_unlock(&access->lock);
    return 0;
}

/* Under the lock; NULL: none. */
static struct slot *slot_of(struct access *access, const char *cookie)
{
    struct slot *found = NULL;
    if (cookie == NULL || strlen(cookie) != ACCESS_TOKEN_SIZE - 1)
        return NULL;
    for (size_t i = 0; i < ACCESS_SESSIONS; i++) {
        struct slot *slot = &access->slots[i];
        if (CRYPTO_memcmp(slot->session.cookie, cookie, ACCESS_TOKEN_SIZE) == 0 &&
            slot->used != 0)
            found = slot;
    }
    return found;
}

bool access_find(struct access *access, const char *cookie, int64_t now,
                 struct access_session *out)
{
    pthread_mutex_lock(&access->lock);
    struct slot *slot = slot_of(access, cookie);
    bool valid = slot != NULL && now - slot->used < ACCESS_IDLE_S;
    if (valid) {
        slot->used = now;
        *out = slot->session;
    }
    pthread_mutex_unlock(&access->lock);
    return valid;
}

void access_log_out(struct access *access, const char *cookie)
{
    pthread_mutex_lock(&access->lock);
    struct slot *slot = slot_of(access, cookie);
    if (slot != NULL)
        memory_wipe(slot, sizeof *slot);
    pthread_mutex_unlock(&access->lock);
}

bool access_is_csrf(const struct access_session *session, const char *given)
{
    return given != NULL && strlen(given) == ACCESS_TOKEN_SIZE - 1 &&
           CRYPTO_memcmp(session->csrf, given, ACCESS_TOKEN_SIZE) == 0;
}
