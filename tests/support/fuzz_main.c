/*
 * fuzz_main - a driver for the harnesses of tests/fuzz, for builds without libFuzzer.
 *
 *     fuzz_NAME FILE-OR-FOLDER...      each file is given to the harness once
 *     FUZZ_SECONDS=10 fuzz_NAME ...    then mutations of them, seeded by FUZZ_SEED or the
 * clock (printed)
 *
 * A crash, a sanitizer report or an assert is the only way to fail.
 */
#include "base/clock.h"
#include "base/err.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/text.h"

#include <dirent.h>
#include <sys/stat.h>

enum { INPUT_MAX = 1 << 16, INPUTS_MAX = 4096, CHANGES_MAX = 8 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct inputs {
    struct text items[INPUTS_MAX];
    size_t count;
};

static uint64_t next_random(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

static int add_file(struct inputs *inputs, const char *path)
{
    struct err err = {0};
    if (inputs->count == INPUTS_MAX)
        return 0;
    struct text *text = &inputs->items[inputs->count];
    text_init(text, INPUT_MAX);
    if (file_read(path, text, NULL, &err) < 0) {
        (void)fprintf(stderr, "%s\n", err.text);
        text_release(text);
        return -1;
    }
    inputs->count++;
    return 0;
}

static int add_path(struct inputs *inputs, const char *path)
{
    struct stat status;
    if (stat(path, &status) == 0 && !S_ISDIR(status.st_mode))
        return add_file(inputs, path);
    DIR *folder = opendir(path);
    if (!folder) {
        perror(path);
        return -1;
    }
    int result = 0;
    for (struct dirent *entry; (entry = readdir(folder)) != NULL;) {
        if (entry->d_name[0] == '.')
            continue;
        char *full = file_join(path, entry->d_name);
        result = add_file(inputs, full) < 0 ? -1 : result;
        free(full);
    }
    (void)closedir(folder);
    return result;
}

/* A copy in a block of exactly its size, so that the sanitizer sees a read behind the end. */
static void give(const char *data, size_t size)
{
    uint8_t *copy = memory_alloc(size);
    memcpy(copy, data, size);
    (void)LLVMFuzzerTestOneInput(copy, size);
    free(copy);
}

/* Appends what fits; `data` may lie inside the buffer itself. */
static size_t append(char *buffer, size_t size, const char *data, size_t length)
{
    size_t room = INPUT_MAX - size;
    size_t count = length < room ? length : room;
    memmove(buffer + size, data, count);
    return size + count;
}

/* Some changes of one input, into a buffer of INPUT_MAX bytes; its new size. */
static size_t mutate(char *buffer, const struct inputs *inputs, uint64_t *state)
{
    const struct text *from = &inputs->items[next_random(state) % inputs->count];
    size_t size = append(buffer, 0, from->data, from->length);
    for (uint64_t n = 1 + next_random(state) % CHANGES_MAX; n > 0 && size > 0; n--) {
        size_t at = (size_t)(next_random(state) % size);
        const struct text *other = &inputs->items[next_random(state) % inputs->count];
        switch (next_random(state) % 5) {
        case 0: /* a bit */
            buffer[at] = (char)(buffer[at] ^ (1 << next_random(state) % 8));
            break;
        case 1: /* any byte */
            buffer[at] = (char)next_random(state);
            break;
        case 2: /* cut */
            size = at;
            break;
        case 3: /* doubled */
            size = append(buffer, size, buffer + at, size - at);
            break;
        default: /* the rest of another one */
            size = at;
            if (at < other->length)
                size = append(buffer, size, other->data + at, other->length - at);
            break;
        }
    }
    return size;
}

static void run_mutations(const struct inputs *inputs, int64_t seconds)
{
    const char *given = getenv("FUZZ_SEED");
    uint64_t seed = given ? strtoull(given, NULL, 10) : (uint64_t)clock_now_ms();
    uint64_t state = seed | 1;
    int64_t end = clock_monotonic_ms() + seconds * 1000;
    uint64_t runs = 0;
    char *buffer = memory_alloc(INPUT_MAX);
    (void)printf("seed %llu\n", (unsigned long long)seed);
    (void)fflush(stdout);
    for (; clock_monotonic_ms() < end; runs++) {
        size_t size = mutate(buffer, inputs, &state);
        give(buffer, size);
    }
    (void)printf("%llu mutations\n", (unsigned long long)runs);
    free(buffer);
}

int main(int argc, char **argv)
{
    struct inputs *inputs = memory_zalloc(sizeof(*inputs));
    const char *seconds = getenv("FUZZ_SECONDS");
    int result = 0;
    for (int i = 1; i < argc; i++)
        result = add_path(inputs, argv[i]) < 0 ? -1 : result;
    for (size_t i = 0; i < inputs->count; i++)
        give(inputs->items[i].data, inputs->items[i].length);
    (void)printf("%zu inputs\n", inputs->count);
    if (inputs->count == 0)
        result = -1;
    else if (seconds)
        run_mutations(inputs, strtoll(seconds, NULL, 10));
    for (size_t i = 0; i < inputs->count; i++)
        text_release(&inputs->items[i]);
    free(inputs);
    return result == 0 ? 0 : 1;
}
