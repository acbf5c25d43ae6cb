/*
 * manifests URL COUNT - puts COUNT manifests of backups that never were into a store that
 * has its mark already, for tests of how fast a catalog takes them in. Prints nothing.
 */
#include "repository/repository.h"
#include "repository/keys.h"
#include "base/memory.h"
#include "base/parse.h"
#include "s3/s3.h"
#include "tests/support/manifests.h"

#include <pthread.h>
#include <stdatomic.h>

enum { THREADS = 16 };

static struct store *store;
static int64_t count;
static atomic_int_fast64_t next;
static atomic_bool failed;

static void *work(void *context)
{
    (void)context;
    for (int64_t n = atomic_fetch_add(&next, 1); n < count && !atomic_load(&failed);
         n = atomic_fetch_add(&next, 1)) {
        struct err err = {0};
        char id[ULID_SIZE];
        manifests_id((unsigned)n, id);
        char *key = keys_manifest(id);
        char *text = manifests_text((unsigned)n, 'a');
        if (store_put(store, key, text, strlen(text), &err) < 0) {
            fprintf(stderr, "manifests: %s\n", err.text);
            atomic_store(&failed, true);
        }
        free(text);
        free(key);
    }
    return NULL;
}

static int run(const char *url, struct err *err)
{
    pthread_t threads[THREADS];
    struct store_settings settings = {0};
    int result = store_settings_from_url(url, &settings, err);
    if (result == 0)
        store = repository_store(&settings, NULL, err);
    for (int i = 0; store && i < THREADS; i++) {
        if (pthread_create(&threads[i], NULL, work, NULL) != 0)
            abort();
    }
    for (int i = 0; store && i < THREADS; i++)
        (void)pthread_join(threads[i], NULL);
    bool good = store != NULL && !atomic_load(&failed);
    store_close(store);
    store_settings_release(&settings);
    return good ? 0 : -1;
}

int main(int argc, char **argv)
{
    struct err err = {0};
    if (argc != 3 || parse_int(argv[2], 1, 1000000, &count, &err) < 0) {
        fprintf(stderr, "usage: manifests URL COUNT\n");
        return 2;
    }
    int result = s3_global_init(&err);
    if (result == 0)
        result = run(argv[1], &err);
    if (result < 0 && err.kind != ERR_NONE)
        fprintf(stderr, "manifests: %s\n", err.text);
    s3_global_release();
    return result < 0;
}
