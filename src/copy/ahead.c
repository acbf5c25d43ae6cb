/* Without a thread there is no look ahead, and whoever writes the key looks then. */
#include "copy/ahead.h"

#include "base/memory.h"
#include "base/thread.h"

/* A store that does not answer by then is no faster asked at the end. */
enum { AHEAD_MS = 5000 };

enum { KEYS = 2 };

/* One question, on its thread. */
struct look {
    struct store *store;
    const char *key;
    pthread_t thread;
};

struct ahead {
    char *keys[KEYS];
    struct look *looks;
    size_t count;
};

static void *look(void *context)
{
    const struct look *one = context;
    store_look_ahead(one->store, one->key, AHEAD_MS);
    return NULL;
}

struct ahead *ahead_start(struct fanout *fanout, const char *index_key,
                          const char *manifest_key)
{
    struct ahead *ahead = memory_zalloc(sizeof *ahead);
    ahead->keys[0] = memory_strdup(index_key);
    ahead->keys[1] = memory_strdup(manifest_key);
    ahead->looks = memory_array(fanout_count(fanout) * KEYS, sizeof *ahead->looks);
    for (size_t i = 0; i < fanout_count(fanout) * KEYS; i++) {
        const struct fanout_target *target = fanout_target(fanout, i / KEYS);
        struct look *one = &ahead->looks[ahead->count];
        struct err ignored = {0};
        /* A folder answers at once whenever it is asked. */
        if (target->upload == NULL || !store_is_remote(target->store))
            continue;
        *one = (struct look){.store = target->store, .key = ahead->keys[i % KEYS]};
        if (thread_start(&one->thread, look, one, &ignored) == 0)
            ahead->count++;
    }
    return ahead;
}

void ahead_finish(struct ahead *ahead)
{
    if (ahead == NULL)
        return;
    for (size_t i = 0; i < ahead->count; i++)
        pthread_join(ahead->looks[i].thread, NULL);
    for (size_t i = 0; i < KEYS; i++)
        free(ahead->keys[i]);
    free(ahead->looks);
    free(ahead);
}
