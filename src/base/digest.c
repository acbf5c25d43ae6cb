/*
 * OpenSSL behind four functions, and the one checksum of S3 that it does not have. A failure of
 * OpenSSL in the middle of a hash cannot be told to anybody who could go on: a backup with a wrong
 * hash is worse than none, so the process ends.
 */
#include "base/digest.h"

#include "base/memory.h"
#include "base/text.h"

#include <assert.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <pthread.h>
#include <unistd.h>
#ifdef __x86_64__
#include <immintrin.h>
#endif

/* No look-up by name: these two are what S3 and our own files are made of. */
static const EVP_MD *algorithm(enum digest_kind kind)
{
    return kind == DIGEST_MD5 ? EVP_md5() : EVP_sha256();
}

/* Asked by doing it: providers and FIPS modes decide only then. */
bool digest_available(enum digest_kind kind)
{
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    bool available =
        context != NULL && EVP_DigestInit_ex(context, algorithm(kind), NULL) == 1;
    EVP_MD_CTX_free(context);
    return available;
}

/* OpenSSL fails here for want of memory, never because of data: the process ends as it does where
 * any small allocation fails (memory.h). */
static void must(int result)
{
    if (result != 1) {
        fputs("pgkeep: out of memory: the crypto library has none\n", stderr);
        _exit(1);
    }
}

void digest_init(struct digest *digest, enum digest_kind kind)
{
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    must(context != NULL);
    must(EVP_DigestInit_ex(context, algorithm(kind), NULL));
    digest->state = context;
}

void digest_add(struct digest *digest, const void *data, size_t size)
{
    must(EVP_DigestUpdate(digest->state, data, size));
}

/* Once: what came after would not be in it. */
void digest_finish(struct digest *digest, unsigned char *out)
{
    must(EVP_DigestFinal_ex(digest->state, out, NULL));
    digest_release(digest);
}

void digest_release(struct digest *digest)
{
    EVP_MD_CTX_free(digest->state);
    digest->state = NULL;
}

void digest_sha256(const void *data, size_t size, unsigned char out[SHA256_SIZE])
{
    must(EVP_Digest(data, size, out, NULL, EVP_sha256(), NULL));
}

void digest_md5(const void *data, size_t size, unsigned char out[MD5_SIZE])
{
    must(EVP_Digest(data, size, out, NULL, EVP_md5(), NULL));
}

void digests_add(struct digests *digests, unsigned wanted, const void *data, size_t size)
{
    /* What is known already is not computed again: parts go to several stores. NULL is the address
     * of nothing, which OpenSSL need not take. */
    unsigned missing = wanted & ~digests->known;
    if (size == 0)
        data = "";
    /* Where FIPS forbids MD5 it stays unknown, and whoever wanted it does without. */
    if ((missing & DIGESTS_MD5) != 0 && !digest_available(DIGEST_MD5))
        missing &= ~(unsigned)DIGESTS_MD5;
    if ((missing & DIGESTS_SHA256) != 0)
        digest_sha256(data, size, digests->sha256);
    if ((missing & DIGESTS_MD5) != 0)
        digest_md5(data, size, digests->md5);
    if ((missing & DIGESTS_CRC64NVME) != 0)
        digests->crc64nvme = digest_crc64nvme(0, data, size);
    digests->known |= missing;
}

void digest_hmac_sha256(const void *key, size_t key_size, const void *data, size_t size,
                        unsigned char out[SHA256_SIZE])
{
    /* OpenSSL takes it as an int. */
    assert(key_size <= INT32_MAX);
    must(HMAC(EVP_sha256(), key, (int)key_size, data, size, out, NULL) != NULL);
}

/* ---- as text ---- */

/* Lower case, as SigV4, sha256sum and everything else here write it. */
char *digest_hex(const void *data, size_t size, char *out)
{
    static const char digits[] = "0123456789abcdef";
    const unsigned char *bytes = data;
    for (size_t i = 0; i < size; i++) {
        out[2 * i] = digits[bytes[i] >> 4];
        out[2 * i + 1] = digits[bytes[i] & 15];
    }
    out[2 * size] = '\0';
    return out;
}

/* Upper case is taken, too: people paste sums from anywhere. */
int digest_from_hex(const char *hex, unsigned char *out, size_t size)
{
    if (strlen(hex) != 2 * size)
        return -1;
    for (size_t i = 0; i < size; i++) {
        int high = text_hex_digit(hex[2 * i]);
        int low = text_hex_digit(hex[2 * i + 1]);
        if (high < 0 || low < 0)
            return -1;
        out[i] = (unsigned char)(high << 4 | low);
    }
    return 0;
}

/* EVP_EncodeBlock writes no line breaks; the buffers of the callers are small. */
char *digest_base64(const void *data, size_t size, char *out)
{
    assert(size <= INT32_MAX / 2);
    EVP_EncodeBlock((unsigned char *)out, data, (int)size);
    return out;
}

int digest_from_base64(const char *text, unsigned char *out, size_t size)
{
    static const char letters[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    size_t length = 4 * ((size + 2) / 3);
    size_t padding = (3 - size % 3) % 3;
    /* EVP_DecodeBlock would also take blanks around, and '=' for a letter. */
    size_t letter_count = strspn(text, letters);
    if (strlen(text) != length || letter_count != length - padding ||
        strspn(text + letter_count, "=") != padding)
        return -1;
    /* Group by group: it always writes three bytes, more than out may have room for. */
    for (size_t i = 0; i < size; i += 3, text += 4) {
        unsigned char group[3];
        must(EVP_DecodeBlock(group, (const unsigned char *)text, 4) == 3);
        memcpy(out + i, group, size - i < 3 ? size - i : 3);
        memory_wipe(group, sizeof group); /* may be of a key */
    }
    return 0;
}

/* ---- CRC-64/NVME ---- */

/* The polynomial AD93D23594C93659 with its bits in reverse (NVM Express NVM Command Set 1.0,
 * "64b CRC"), as bytes are taken lowest bit first. */
#define REFLECTED 0x9A6C9329AC4BC9B5U
#define SLICES 8

/* Polynomials modulo the CRC's own, reflected: the top bit is x^0. */
#define X_TO_THE_0 ((uint64_t)1 << 63)
#define X_TO_THE_1 ((uint64_t)1 << 62)

/* Blocks that are folded at once: so far apart that no product waits for the one before. */
enum { LANES = 4, LANE = 16 };

static struct {
    pthread_once_t once;
    uint64_t table[SLICES][256];
    bool multiplies; /* the processor does, without carry */
    uint64_t far[2]; /* what moves a block on by all lanes, its first half and its second */
    uint64_t near[2]; /* by one */
} crc = {.once = PTHREAD_ONCE_INIT};

/* As long multiplication: b times each x^k of a, b moved on by one x at a time. */
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

/* x^exponent, by repeated squaring. */
static uint64_t power(uint64_t exponent)
{
    uint64_t result = X_TO_THE_0;
    for (uint64_t square = X_TO_THE_1; exponent > 0; exponent >>= 1) {
        if ((exponent & 1) != 0)
            result = multiply(result, square);
        square = multiply(square, square);
    }
    return result;
}

/* table[0] is the usual one, a byte at a time. table[k] is what the same byte adds when k more
 * bytes have followed it, so that eight bytes cost eight look-ups and no shifts. */
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
    /* The product of two reflected halves comes out one x too high. The first half of a block
     * stands 64 bits further from its end. */
    for (unsigned half = 0; half < 2; half++) {
        crc.far[half] = power(8 * LANE * LANES + 64 * (1 - half) - 1);
        crc.near[half] = power(8 * LANE + 64 * (1 - half) - 1);
    }
#ifdef __x86_64__
    crc.multiplies = __builtin_cpu_supports("pclmul") != 0;
#endif
}

/* Without the inversions at both ends. */
static uint64_t by_table(uint64_t value, const unsigned char *p, size_t size)
{
    /* Eight bytes in a round, read as little endian whatever the machine is. */
    for (; size >= 8; size -= 8, p += 8) {
        uint64_t mixed = value;
        for (unsigned i = 0; i < SLICES; i++)
            mixed ^= (uint64_t)p[i] << (8 * i);
        value = 0;
        for (unsigned i = 0; i < SLICES; i++)
            value ^= crc.table[SLICES - 1 - i][mixed >> (8 * i) & 255];
    }
    /* The rest, a byte at a time. */
    for (; size > 0; size--, p++)
        value = (value >> 8) ^ crc.table[0][(value ^ *p) & 255];
    return value;
}

#ifdef __x86_64__
/* The block, moved on, and what stands there added. */
__attribute__((target("pclmul"))) static inline __m128i fold(__m128i block, __m128i by,
                                                             __m128i there)
{
    __m128i first = _mm_clmulepi64_si128(block, by, 0x00);
    __m128i second = _mm_clmulepi64_si128(block, by, 0x11);
    return _mm_xor_si128(_mm_xor_si128(first, second), there);
}

/* Folding (Gopal and others, "Fast CRC Computation for Generic Polynomials Using PCLMULQDQ",
 * Intel 2009): blocks are added up as polynomials, and only what is left is divided. Takes all
 * whole rounds of *size and moves *p behind them. */
__attribute__((target("pclmul"))) static uint64_t
by_multiplying(uint64_t value, const unsigned char **p, size_t *size)
{
    const __m128i far = _mm_set_epi64x((int64_t)crc.far[1], (int64_t)crc.far[0]);
    const __m128i near = _mm_set_epi64x((int64_t)crc.near[1], (int64_t)crc.near[0]);
    unsigned char left[LANE];
    __m128i lanes[LANES];
    for (unsigned i = 0; i < LANES; i++)
        lanes[i] = _mm_loadu_si128((const __m128i *)(const void *)(*p + LANE * i));
    /* What came before counts as if it stood in front of the first bytes. */
    lanes[0] = _mm_xor_si128(lanes[0], _mm_set_epi64x(0, (int64_t)value));
    for (;;) {
        *p += LANE * LANES;
        *size -= LANE * LANES;
        if (*size < LANE * LANES)
            break;
        for (unsigned i = 0; i < LANES; i++)
            lanes[i] =
                fold(lanes[i], far,
                     _mm_loadu_si128((const __m128i *)(const void *)(*p + LANE * i)));
    }
    for (unsigned i = 1; i < LANES; i++)
        lanes[i] = fold(lanes[i - 1], near, lanes[i]);
    _mm_storeu_si128((__m128i *)(void *)left, lanes[LANES - 1]);
    return by_table(0, left, sizeof left);
}
#else
static uint64_t by_multiplying(uint64_t value, const unsigned char **p, size_t *size)
{
    (void)p;
    (void)size;
    return value;
}
#endif

uint64_t digest_crc64nvme(uint64_t start, const void *data, size_t size)
{
    const unsigned char *p = data;
    uint64_t value = ~start;
    pthread_once(&crc.once, fill_tables);
    if (crc.multiplies && size >= LANE * LANES)
        value = by_multiplying(value, &p, &size);
    return ~by_table(value, p, size);
}

uint64_t digest_crc64nvme_combine(uint64_t first, uint64_t second, uint64_t second_size)
{
    /* A CRC is a remainder: each byte that follows multiplies it by x^8, and the inversions
     * at both ends cancel out. The power by repeated squaring. */
    uint64_t shift = X_TO_THE_0;
    uint64_t square = power(8);
    for (; second_size > 0; second_size >>= 1) {
        if ((second_size & 1) != 0)
            shift = multiply(shift, square);
        square = multiply(square, square);
    }
    return multiply(shift, first) ^ second;
}
