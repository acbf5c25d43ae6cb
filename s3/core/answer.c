/*
 * What an answer says, into fixed fields. Headers come from a service that may be
 * anybody's: each is taken only when it is whole, fits and is of its kind; anything else is
 * as if not sent.
 */
#include "s3/core/answer.h"

#include "base/clock.h"
#include "base/memory.h"
#include "base/parse.h"
#include "s3/core/retry.h"
#include "s3/http/http.h"
#include "s3/http/xml.h"

#include <strings.h>

enum field_kind { FIELD_TEXT, FIELD_NUMBER, FIELD_HTTP_DATE, FIELD_DATE, FIELD_ON };

struct field {
    const char *name;
    enum field_kind kind;
    size_t offset;
    size_t size;
};

#define FIELD(name, kind, member)                                                          \
    {                                                                                      \
        name, kind, offsetof(struct s3_answer, member),                                    \
            sizeof(((struct s3_answer *)0)->member)                                        \
    }

/* What is read of a head. Names are compared in any case (RFC 9110, 5.1): proxies change it. */
static const struct field fields[] = {
    FIELD("date", FIELD_HTTP_DATE, date),
    FIELD("last-modified", FIELD_HTTP_DATE, modified),
    FIELD("content-length", FIELD_NUMBER, length),
    FIELD("server", FIELD_TEXT, server),
    FIELD("etag", FIELD_TEXT, etag),
    FIELD("location", FIELD_TEXT, location),
    FIELD("retry-after", FIELD_TEXT, retry_after),
    FIELD("x-amz-retry-after", FIELD_NUMBER, amz_retry_after),
    FIELD("x-amz-request-id", FIELD_TEXT, request_id),
    FIELD("x-amz-bucket-region", FIELD_TEXT, bucket_region),
    FIELD("x-amz-version-id", FIELD_TEXT, version_id),
    FIELD("x-amz-delete-marker", FIELD_ON, delete_marker),
    /* Ours: written with the object, it settles whose it is when an answer was lost. */
    FIELD("x-amz-meta-pgkeep-token", FIELD_TEXT, token),
    FIELD("x-amz-storage-class", FIELD_TEXT, storage_class),
    FIELD("x-amz-server-side-encryption", FIELD_TEXT, encryption),
    FIELD("x-amz-object-lock-retain-until-date", FIELD_DATE, retain_until),
    FIELD("x-amz-object-lock-legal-hold", FIELD_ON, legal_hold),
    FIELD("x-amz-checksum-crc64nvme", FIELD_TEXT, checksum_crc64nvme),
    FIELD("x-amz-checksum-type", FIELD_TEXT, checksum_type),
};

/* Digits only; false when it is no number that fits. */
static bool read_number(const char **text, uint64_t *out)
{
    const char *at = *text;
    *out = 0;
    for (; *at >= '0' && *at <= '9'; at++) {
        /* With room for any digit, so the last values before the limit are refused, too. */
        if (*out > (UINT64_MAX - 9) / 10)
            return false;
        *out = *out * 10 + (uint64_t)(*at - '0');
    }
    if (at == *text)
        return false;
    *text = at;
    return true;
}

/* A text that does not fit is none: a cut version id would name another version. */
static void set_text(char *out, size_t size, const char *value)
{
    size_t length = strlen(value);
    out[0] = '\0';
    if (length < size)
        memcpy(out, value, length + 1);
}

/* Each kind is copied as bytes, as the table knows members by their place alone. */
static void set_field(struct s3_answer *answer, const struct field *field,
                      const char *value)
{
    char *place = (char *)answer + field->offset;
    struct err ignored = {0};
    int64_t seconds = 0;
    uint64_t number = 0;
    switch (field->kind) {
    case FIELD_TEXT:
        set_text(place, field->size, value);
        return;
    case FIELD_NUMBER:
        if (!read_number(&value, &number) || *value != '\0')
            return;
        memcpy(place, &number, sizeof number);
        return;
    case FIELD_HTTP_DATE:
        seconds = s3_http_date(value);
        if (seconds >= 0)
            memcpy(place, &seconds, sizeof seconds);
        return;
    case FIELD_DATE:
        if (clock_parse(value, &seconds, &ignored) == 0)
            memcpy(place, &seconds, sizeof seconds);
        return;
    /* A delete marker is "true", a legal hold "ON". */
    case FIELD_ON: {
        bool on = strcasecmp(value, "true") == 0 || strcasecmp(value, "ON") == 0;
        memcpy(place, &on, sizeof on);
        return;
    }
    }
}

/* "bytes 0-99/1234"; the form for 416, with a star in front of the slash, says nothing that
 * is needed. */
static void set_range(struct s3_answer *answer, const char *value)
{
    uint64_t first = 0, last = 0, total = 0;
    answer->has_range = false;
    if (strncasecmp(value, "bytes ", 6) != 0)
        return;
    value += 6;
    if (!read_number(&value, &first) || *value++ != '-' || !read_number(&value, &last) ||
        *value++ != '/' || !read_number(&value, &total) || *value != '\0')
        return;
    /* Bytes beyond the object, or a range from behind to front: the header means nothing. */
    if (first > last || last >= total)
        return;
    answer->has_range = true;
    answer->range_first = first;
    answer->range_last = last;
    answer->range_total = total;
}

/* What belongs to the request and not to one answer stays. */
void s3_answer_clear(struct s3_answer *answer)
{
    struct s3_answer kept = {.uncertain = answer->uncertain,
                             .tries = answer->tries,
                             .elapsed_ms = answer->elapsed_ms};
    *answer = kept;
}

void s3_answer_header(struct s3_answer *answer, const char *name, const char *value)
{
    /* The one that is three numbers. */
    if (strcasecmp(name, "content-range") == 0)
        set_range(answer, value);
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++) {
        if (strcasecmp(fields[i].name, name) != 0)
            continue;
        set_field(answer, &fields[i], value);
        /* 0 is a length like any other, so that there was one is noted beside it. */
        if (fields[i].offset == offsetof(struct s3_answer, length))
            answer->has_length = true;
    }
}

void s3_answer_head(struct s3_answer *answer, int status, CURL *easy)
{
    s3_answer_clear(answer);
    answer->status = status;
    /* In the order in which they came: of one sent twice the last counts. */
    for (struct curl_header *header = NULL;
         (header = curl_easy_nextheader(easy, CURLH_HEADER, -1, header)) != NULL;)
        s3_answer_header(answer, header->name, header->value);
}

/* A code that is cut would be another code, a message that is cut still says something. What a
 * header said first stays. */
static int read_error(void *context, const char *path, const char *text, struct err *err)
{
    struct s3_answer *answer = context;
    (void)err;
    if (strcmp(path, "Code") == 0)
        set_text(answer->code, sizeof answer->code, text);
    else if (strcmp(path, "Message") == 0)
        snprintf(answer->message, sizeof answer->message, "%s", text);
    else if (strcmp(path, "RequestId") == 0 && answer->request_id[0] == '\0')
        set_text(answer->request_id, sizeof answer->request_id, text);
    else if (strcmp(path, "Region") == 0 && answer->bucket_region[0] == '\0')
        set_text(answer->bucket_region, sizeof answer->bucket_region, text);
    return 0;
}

bool s3_answer_error(struct s3_answer *answer, const char *data, size_t size)
{
    char root[16];
    struct err ignored = {0};
    if (!s3_xml_root(data, size, root, sizeof root) || strcmp(root, "Error") != 0)
        return false;
    /* What could be read of a document that was cut is better than nothing. */
    if (s3_xml_walk(&(struct s3_xml){data, size, "Error"}, read_error, answer, &ignored) !=
        0)
        return answer->code[0] != '\0';
    return true;
}

int64_t s3_answer_retry_after_ms(const struct s3_answer *answer)
{
    /* In milliseconds, and a day at most, as of the usual header. */
    if (answer->amz_retry_after > 0)
        return answer->amz_retry_after < 86400000 ? (int64_t)answer->amz_retry_after
                                                  : 86400000;
    return s3_retry_after_ms(answer->retry_after, answer->date);
}
