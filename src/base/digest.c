/*
 * OpenSSL behind four functions. A failure of it in the middle of a hash cannot be told to
 * anybody who could go on: a backup with a wrong hash is worse than none, so the process
 * ends.
 */
#include "base/digest.h"

#include "base/text.h"

#include <assert.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

static const EVP_MD *algorithm(enum digest_kind kind)
{
    return kind == DIGEST_MD5 ? EVP_md5() : EVP_sha256();
}

bool digest_available(enum digest_kind kind)
{
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    bool available =
        context != NULL && EVP_DigestInit_ex(context, algorithm(kind), NULL) == 1;
    EVP_MD_CTX_free(context);
    return available;
}

/* OpenSSL fails here for want of memory or for a caller's mistake, never because of data. */
static void must(int result)
{
    if (result != 1) {
        fputs("pgkeep: the crypto library failed\n", stderr);
        abort();
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

void digest_hmac_sha256(const void *key, size_t key_size, const void *data, size_t size,
                        unsigned char out[SHA256_SIZE])
{
    assert(key_size <= INT32_MAX);
    must(HMAC(EVP_sha256(), key, (int)key_size, data, size, out, NULL) != NULL);
}

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

char *digest_base64(const void *data, size_t size, char *out)
{
    static const char letters[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const unsigned char *bytes = data;
    char *p = out;
    for (size_t i = 0; i < size; i += 3) {
        size_t left = size - i;
        uint32_t group = (uint32_t)bytes[i] << 16;
        group |= left > 1 ? (uint32_t)bytes[i + 1] << 8 : 0;
        group |= left > 2 ? bytes[i + 2] : 0;
        *p++ = letters[group >> 18];
        *p++ = letters[group >> 12 & 63];
        *p++ = left > 1 ? letters[group >> 6 & 63] : '=';
        *p++ = left > 2 ? letters[group & 63] : '=';
    }
    *p = '\0';
    return out;
}
