/* CRC-64/NVME of digest.h: eight tables, so that eight bytes cost eight look-ups and no
 * shifts. */
#include "base/digest.h"

#include <pthread.h>

#define REFLECTED 0x9A6C9329AC4BC9B5U
#define SLICES 8

static struct {
    pthread_once_t once;
    uint64_t table[SLICES][256];
} crc = {.once = PTHREAD_ONCE_INIT};

static void fill_tables(void)
{
    for (unsigned byte = 0; byte < 256; byte++) {
        uint64_t value = byte;
        for (int bit = 0; bit < 8; bit++)
            value = (value >> 1) ^ ((value & 1) != 0 ? REFLECTED : 0);
        crc.table[0][byte] = value;
    }
    for (unsigned slice = 1; slice < SLICES; slice++)
        for (unsigned byte = 0; byte < 256; byte++) {
            uint64_t before = crc.table[slice - 1][byte];
            crc.table[slice][byte] = (before >> 8) ^ crc.table[0][before & 255];
        }
}

static uint64_t load_little_endian(const unsigned char *p)
{
    uint64_t value = 0;
    for (unsigned i = 0; i < 8; i++)
        value |= (uint64_t)p[i] << (8 * i);
    return value;
}

static uint64_t eight_bytes(uint64_t mixed)
{
    uint64_t value = 0;
    for (unsigned i = 0; i < SLICES; i++)
        value ^= crc.table[SLICES - 1 - i][mixed >> (8 * i) & 255];
    return value;
}

uint64_t digest_crc64nvme(uint64_t start, const void *data, size_t size)
{
    const unsigned char *p = data;
    uint64_t value = ~start;
    pthread_once(&crc.once, fill_tables);
    for (; size >= 8; size -= 8, p += 8)
        value = eight_bytes(value ^ load_little_endian(p));
    for (; size > 0; size--, p++)
        value = (value >> 8) ^ crc.table[0][(value ^ *p) & 255];
    return ~value;
}

/* Polynomials modulo the CRC's own, reflected: the top bit is x^0. */
#define X_TO_THE_0 ((uint64_t)1 << 63)
#define X_TO_THE_8 ((uint64_t)1 << 55)

static uint64_t multiply(uint64_t a, uint64_t b)
{
    uint64_t product = 0;
    for (uint64_t bit = X_TO_THE_0; bit != 0; bit >>= 1) {
        if ((a & bit) != 0)
            product ^= b;
        b = (b >> 1) ^ ((b & 1) != 0 ? REFLECTED : 0);
    }
    return product;
}

/* A CRC is a remainder: bytes that follow multiply it by x^8 each, and the inversions at
 * both ends cancel out. */
uint64_t digest_crc64nvme_combine(uint64_t first, uint64_t second, uint64_t second_size)
{
    uint64_t shift = X_TO_THE_0;
    uint64_t square = X_TO_THE_8;
    for (; second_size > 0; second_size >>= 1) {
        if ((second_size & 1) != 0)
            shift = multiply(shift, square);
        square = multiply(square, square);
    }
    return multiply(shift, first) ^ second;
}
