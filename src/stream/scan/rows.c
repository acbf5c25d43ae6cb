/* The rows of a COPY statement: where lines end, and the one line that ends them all. */
#define _GNU_SOURCE /* memrchr */
#include "stream/scan/rows.h"

/* Nearly all bytes of a backup pass through here, on the thread that also reads and hashes
 * them. So they are looked at 16 at a time: one comparison finds the newlines, two more
 * with the same bytes shifted by one and two find the end mark. Some 10 GB/s on one core;
 * the compiler makes SSE2 or NEON of it. */
enum { LANES = 16 };
typedef unsigned char bytes_vector __attribute__((vector_size(LANES)));
typedef uint64_t words_vector __attribute__((vector_size(LANES)));

/* Lanes of a counter hold 255 at most, so they are emptied after so many rounds. */
enum { ROUNDS = 255 };

/* memcpy, because the data is aligned to nothing; it becomes one instruction. */
static inline bytes_vector load(const unsigned char *data)
{
    bytes_vector vector;
    memcpy(&vector, data, sizeof vector);
    return vector;
}

static inline bool any(bytes_vector vector)
{
    words_vector words;
    memcpy(&words, &vector, sizeof words);
    return (words[0] | words[1]) != 0;
}

/* Adding up lanes is slow, so it is done once in 255 rounds. */
static uint64_t lane_sum(bytes_vector vector)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < LANES; i++)
        sum += vector[i];
    return sum;
}

/* Counts newlines up to the block that holds newline, backslash, dot: the only way a block
 * of data can end. Returns the bytes passed; needs two bytes behind each block. */
static size_t skip_blocks(const unsigned char *data, size_t size, uint64_t *count)
{
    size_t used = 0;
    bool found = false;
    while (!found && size - used >= LANES + 2) {
        /* As many rounds as a lane can count, and no branch in them but the way out. */
        bytes_vector counter = {0};
        size_t rounds = (size - used - 2) / LANES;
        if (rounds > ROUNDS)
            rounds = ROUNDS;
        for (size_t i = 0; i < rounds; i++) {
            const unsigned char *p = data + used;
            bytes_vector newline = (bytes_vector)(load(p) == '\n');
            bytes_vector end = newline & (bytes_vector)(load(p + 1) == '\\') &
                               (bytes_vector)(load(p + 2) == '.');
            if (any(end)) {
                found = true;
                break;
            }
            counter -= newline; /* a true lane is 255, which is -1 */
            used += LANES;
        }
        *count += lane_sum(counter);
    }
    return used;
}

/* `\.` and nothing else on its line; a backslash elsewhere escapes something in a value. */
static enum rows_state next_state(enum rows_state state, unsigned char c)
{
    if (c == '\n')
        return ROWS_LINE_START;
    if (state == ROWS_LINE_START && c == '\\')
        return ROWS_BACKSLASH;
    if (state == ROWS_BACKSLASH && c == '.')
        return ROWS_DOT;
    return ROWS_IN_LINE;
}

/* True when the last byte consumed ends the line `\.`. */
static bool step_bytes(struct rows *rows, const unsigned char *data, size_t size,
                       struct rows_span *span)
{
    while (span->size < size) {
        unsigned char c = data[span->size++];
        bool dot = rows->state == ROWS_DOT;
        rows->state = next_state(rows->state, c);
        if (c != '\n')
            continue;
        /* The line `\.` is no row. */
        if (dot)
            return true;
        span->count++;
    }
    return false;
}

void rows_init(struct rows *rows)
{
    rows->state = ROWS_LINE_START;
}

void rows_scan(struct rows *rows, const unsigned char *data, size_t size,
               struct rows_span *span)
{
    /* Blocks where nothing can end, single bytes where it may: in turns to the end. */
    *span = (struct rows_span){0};
    while (span->size < size && !span->ended) {
        /* A block must not begin with the end mark, which has no newline in front of it
         * there. */
        if (rows->state == ROWS_IN_LINE ||
            (rows->state == ROWS_LINE_START && data[span->size] != '\\')) {
            size_t skipped =
                skip_blocks(data + span->size, size - span->size, &span->count);
            span->size += skipped;
            if (skipped > 0)
                rows->state = data[span->size - 1] == '\n' ? ROWS_LINE_START : ROWS_IN_LINE;
        }
        /* By single bytes over the block in which the vectors stopped, or over the last
         * bytes. */
        size_t limit = size - span->size > LANES + 2 ? span->size + LANES + 2 : size;
        span->ended = step_bytes(rows, data, limit, span);
    }
    /* Where a chunk may be cut: behind the last newline, wherever that was. */
    if (span->ended) {
        span->border = span->size;
    } else if (span->count > 0) {
        const unsigned char *last = memrchr(data, '\n', span->size);
        span->border = (size_t)(last - data) + 1;
    }
}
