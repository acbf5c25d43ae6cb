/*
 * digest - SHA-256, MD5, HMAC-SHA-256 (OpenSSL), CRC-64/NVME, hex and base64.
 *
 * One struct digest per thread. MD5 may be missing (FIPS): digest_available says so.
 */
#ifndef PGKEEP_BASE_DIGEST_H
#define PGKEEP_BASE_DIGEST_H

#include "base/err.h"

#define SHA256_SIZE 32
#define SHA256_HEX 65 /* with the NUL */
#define MD5_SIZE 16

enum digest_kind { DIGEST_SHA256, DIGEST_MD5 };

struct digest {
    void *state;
};

bool digest_available(enum digest_kind kind);
void digest_init(struct digest *digest, enum digest_kind kind); /* must be available */
void digest_add(struct digest *digest, const void *data, size_t size);
/* Writes 32 or 16 bytes and releases. */
void digest_finish(struct digest *digest, unsigned char *out);
void digest_release(struct digest *digest); /* abandon; NULL-safe after finish */

void digest_sha256(const void *data, size_t size, unsigned char out[SHA256_SIZE]);
void digest_md5(const void *data, size_t size, unsigned char out[MD5_SIZE]);

/* The digests of one piece of memory that are known. */
enum { DIGESTS_SHA256 = 1, DIGESTS_MD5 = 2, DIGESTS_CRC64NVME = 4 };
struct digests {
    unsigned known; /* DIGESTS_... */
    unsigned char sha256[SHA256_SIZE], md5[MD5_SIZE];
    uint64_t crc64nvme;
};
/* Computes what is wanted and not known yet; MD5 only where it is available. */
void digests_add(struct digests *digests, unsigned wanted, const void *data, size_t size);

void digest_hmac_sha256(const void *key, size_t key_size, const void *data, size_t size,
                        unsigned char out[SHA256_SIZE]);
/* Lower-case hex and NUL: out holds 2 * size + 1. Returns out. */
char *digest_hex(const void *data, size_t size, char *out);
/* -1 when it is not exactly 2 * size hex digits. */
int digest_from_hex(const char *hex, unsigned char *out, size_t size) MUST_USE;
/* With padding and NUL: out holds 4 * ((size + 2) / 3) + 1. Returns out. */
char *digest_base64(const void *data, size_t size, char *out);
/* -1 when it is not the base64 of exactly size bytes, padded and with nothing around it. */
int digest_from_base64(const char *text, unsigned char *out, size_t size) MUST_USE;
/* Polynomial 0x9A6C9329AC4BC9B5 reflected, init and xorout all ones; start with crc 0.
 * check("123456789") = ae8b14860a799888. */
uint64_t digest_crc64nvme(uint64_t crc, const void *data, size_t size);
/* The CRC of two pieces in a row from the CRC of each. */
uint64_t digest_crc64nvme_combine(uint64_t first, uint64_t second, uint64_t second_size);

#endif
