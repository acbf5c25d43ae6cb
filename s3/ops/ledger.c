/*
 * Numbers, offsets and sizes are kept apart from the upload's own counters on purpose: the
 * books are the second opinion, asked before Complete, and would be worth nothing if they
 * were filled from what they are held against.
 */
#include "s3/ops/ledger.h"

#include "base/digest.h"
#include "base/memory.h"
#include "s3/core/request.h"
#include "s3/http/xml.h"

#include <assert.h>

void s3_ledger_release(struct s3_ledger *ledger)
{
    for (unsigned i = 0; i < ledger->count; i++)
        free(ledger->entries[i].etag);
    free(ledger->entries);
    *ledger = (struct s3_ledger){0};
}

/* A gap or an overlap is a mistake of ours, and the last moment to notice it. */
int s3_ledger_give(struct s3_ledger *ledger, unsigned number, uint64_t offset,
                   uint64_t size, struct err *err)
{
    if (number != ledger->count + 1 || offset != ledger->given)
        return err_set(err, ERR_SYSTEM,
                       "part %u at byte %llu was given where part %u at byte %llu follows",
                       number, (unsigned long long)offset, ledger->count + 1,
                       (unsigned long long)ledger->given);
    /* An empty stream is one empty part; later an empty one could only be a lost one. */
    if (size == 0 && number != 1)
        return err_set(err, ERR_SYSTEM, "part %u is empty", number);
    memory_grow(&ledger->entries, &ledger->capacity, (size_t)ledger->count + 1,
                sizeof *ledger->entries);
    ledger->entries[ledger->count++] = (struct s3_ledger_entry){.size = size};
    ledger->given += size;
    return 0;
}

void s3_ledger_done(struct s3_ledger *ledger, unsigned number, const char *etag,
                    const uint64_t *crc64nvme)
{
    assert(number >= 1 && number <= ledger->count);
    struct s3_ledger_entry *entry = &ledger->entries[number - 1];
    /* A part that is done twice was sent twice: then two bodies had one number. */
    assert(entry->etag == NULL);
    entry->etag = memory_strdup(etag);
    entry->has_crc = crc64nvme != NULL;
    entry->crc64nvme = crc64nvme != NULL ? *crc64nvme : 0;
    ledger->sent += entry->size;
}

/* Three sums of the same bytes, counted at three moments: given, sent, in parts. */
int s3_ledger_check(const struct s3_ledger *ledger, struct err *err)
{
    uint64_t bytes = 0;
    if (ledger->count == 0)
        return err_set(err, ERR_CORRUPT, "there is no part to complete");
    for (unsigned i = 0; i < ledger->count; i++) {
        const struct s3_ledger_entry *entry = &ledger->entries[i];
        if (entry->etag == NULL || *entry->etag == '\0')
            return err_set(err, ERR_CORRUPT, "part %u of %u is not on the service", i + 1,
                           ledger->count);
        bytes += entry->size;
    }
    if (bytes != ledger->given || bytes != ledger->sent)
        return err_set(err, ERR_CORRUPT,
                       "%llu bytes were given, %llu sent, %llu are in parts",
                       (unsigned long long)ledger->given, (unsigned long long)ledger->sent,
                       (unsigned long long)bytes);
    return 0;
}

bool s3_ledger_crc64nvme(const struct s3_ledger *ledger, uint64_t *out)
{
    uint64_t crc = 0;
    for (unsigned i = 0; i < ledger->count; i++) {
        const struct s3_ledger_entry *entry = &ledger->entries[i];
        if (!entry->has_crc)
            return false;
        /* CRC-64 is linear: the whole object's follows from its parts', however they were
         * cut. */
        crc = digest_crc64nvme_combine(crc, entry->crc64nvme, entry->size);
    }
    *out = crc;
    return ledger->count > 0;
}

/* Between the quotes, if there are any. */
static void unquote(const char **text, size_t *length)
{
    *length = strlen(*text);
    if (*length >= 2 && **text == '"' && (*text)[*length - 1] == '"') {
        (*text)++;
        *length -= 2;
    }
}

bool s3_ledger_has_etag(const struct s3_ledger *ledger, const char *etag)
{
    unsigned char sum[MD5_SIZE];
    char hex[2 * MD5_SIZE + 1], expected[2 * MD5_SIZE + 16];
    struct digest digest;
    size_t length;
    bool known = digest_available(DIGEST_MD5);
    if (!known)
        return false;
    /* The MD5s themselves, not their digits. */
    digest_init(&digest, DIGEST_MD5);
    for (unsigned i = 0; known && i < ledger->count; i++) {
        const char *part = ledger->entries[i].etag;
        unquote(&part, &length);
        known = length == 2 * MD5_SIZE;
        if (known) {
            memcpy(hex, part, length);
            hex[length] = '\0';
            known = digest_from_hex(hex, sum, sizeof sum) == 0;
        }
        if (known)
            digest_add(&digest, sum, sizeof sum);
    }
    digest_finish(&digest, sum);
    snprintf(expected, sizeof expected, "%s-%u", digest_hex(sum, sizeof sum, hex),
             ledger->count);
    unquote(&etag, &length);
    return known && ledger->count > 0 && length == strlen(expected) &&
           memcmp(etag, expected, length) == 0;
}

/* With its checksum where the upload has them: versitygw wants it in the list, too (MINIO.md). */
static int add_part(struct text *out, const struct s3_ledger_entry *entry, unsigned number,
                    struct err *err)
{
    char crc[S3_CRC64_BASE64];
    text_addf(out, "<Part><PartNumber>%u</PartNumber><ETag>", number);
    if (!s3_xml_add(out, entry->etag))
        return err_set(err, ERR_STORE, "part %u: the ETag is not text", number);
    text_add(out, "</ETag>");
    if (entry->has_crc)
        text_addf(out, "<ChecksumCRC64NVME>%s</ChecksumCRC64NVME>",
                  s3_crc64_base64(entry->crc64nvme, crc));
    text_add(out, "</Part>");
    return 0;
}

int s3_ledger_body(const struct s3_ledger *ledger, struct text *out, struct err *err)
{
    text_add(out, "<CompleteMultipartUpload "
                  "xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">");
    for (unsigned i = 0; i < ledger->count; i++)
        if (add_part(out, &ledger->entries[i], i + 1, err) < 0)
            return -1;
    text_add(out, "</CompleteMultipartUpload>");
    return text_check(out, "the list of parts", err);
}
