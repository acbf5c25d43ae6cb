/*
 * Ids sort by the time they were made, also those of one millisecond of one process: listings
 * and the catalog rely on that for "the newest".
 */
#include "base/ulid.h"

#include <errno.h>
#include <pthread.h>
#include <sys/random.h>

#define RANDOM_BYTES 10

static const char alphabet[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/* The last id that was made; lock guards both fields. */
static struct {
    pthread_mutex_t lock;
    int64_t time_ms;
    unsigned char random[RANDOM_BYTES];
} last = {.lock = PTHREAD_MUTEX_INITIALIZER, .time_ms = -1};

/* From the kernel alone: ids, tokens and marks must not meet those of another machine. */
void ulid_random(unsigned char *out, size_t size)
{
    while (size > 0) {
        ssize_t got = getrandom(out, size, 0);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0) {
            fputs("pgkeep: the kernel gives no random bytes\n", stderr);
            abort();
        }
        out += got;
        size -= (size_t)got;
    }
}

void ulid_new(char out[ULID_SIZE], int64_t now_ms)
{
    unsigned char random[RANDOM_BYTES];
    if (now_ms < 0)
        now_ms = 0;
    /* Ids of the same millisecond count up from the first, so that they ascend. The first has
     * its top bit clear: room to count. */
    pthread_mutex_lock(&last.lock);
    if (now_ms != last.time_ms) {
        last.time_ms = now_ms;
        ulid_random(last.random, RANDOM_BYTES);
        last.random[0] &= 0x7F;
    } else {
        /* One more, with carry; should all 79 bits ever be used up, the next millisecond. */
        size_t i = RANDOM_BYTES;
        while (i > 0 && ++last.random[i - 1] == 0)
            i--;
        if (i == 0)
            last.time_ms++;
    }
    int64_t time_ms = last.time_ms;
    memcpy(random, last.random, RANDOM_BYTES);
    pthread_mutex_unlock(&last.lock);

    /* 48 bits of time are ten digits of five bits, the first of them of three. */
    for (size_t i = 0; i < 10; i++)
        out[i] = alphabet[(uint64_t)time_ms >> (45 - 5 * i) & 31];
    /* 80 bits of chance are sixteen digits: two groups of five bytes, eight digits each. */
    for (size_t group = 0; group < 2; group++) {
        const unsigned char *p = random + 5 * group;
        uint64_t bits = 0;
        for (size_t i = 0; i < 5; i++)
            bits = bits << 8 | p[i];
        for (size_t i = 0; i < 8; i++)
            out[10 + 8 * group + i] = alphabet[bits >> (35 - 5 * i) & 31];
    }
    out[ULID_LENGTH] = '\0';
}

/* The first digit has three bits only: 8 and above would be a time beyond the 48 bits. */
bool ulid_is_valid(const char *text)
{
    if (strnlen(text, ULID_LENGTH + 1) != ULID_LENGTH || text[0] > '7')
        return false;
    for (size_t i = 0; i < ULID_LENGTH; i++)
        if (strchr(alphabet, text[i]) == NULL)
            return false;
    return true;
}
