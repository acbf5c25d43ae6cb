#include "tests/support/fake_s3_internal.h"

#include "base/clock.h"
#include "base/parse.h"

#define XML "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
#define NAMESPACE " xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\""

/* A part as the Complete request names it. */
struct named_part {
    unsigned number;
    char *etag;
};

void fake_create_upload(struct fake_call *call)
{
    const char *type = fake_header(call, "Content-Type");
    struct fake_lock lock;

    if (fake_lock_headers(call, &lock) < 0)
        return;
    struct fake_upload *upload = fake_upload_new(call->fake, call->bucket, call->key);
    upload->content_type = memory_strdup(type != NULL ? type : "binary/octet-stream");
    upload->meta = fake_stored_headers(call);
    if (!call->settings.upload_locks_forgotten)
        upload->lock = lock;
    text_add(&call->head, "Content-Type: application/xml\r\n");
    text_addf(&call->body_text,
              XML "<InitiateMultipartUploadResult" NAMESPACE "><Bucket>%s</Bucket><Key>",
              call->bucket->name);
    fake_xml_escape(&call->body_text, call->key);
    text_addf(&call->body_text,
              "</Key><UploadId>%s</UploadId></InitiateMultipartUploadResult>", upload->id);
}

static struct fake_upload *named_upload(struct fake_call *call)
{
    struct fake_upload *upload =
        call->upload_id != NULL ? fake_upload_find(call->fake, call->upload_id) : NULL;

    return upload != NULL && upload->bucket == call->bucket &&
                   strcmp(upload->key, call->key) == 0
               ? upload
               : NULL;
}

static struct fake_upload *open_upload(struct fake_call *call)
{
    struct fake_upload *upload = named_upload(call);

    if (upload != NULL && upload->state == FAKE_UPLOAD_OPEN)
        return upload;
    fake_refuse(call, 404, "NoSuchUpload",
                "The specified upload does not exist. The upload ID may be invalid, or the "
                "upload may have been aborted or completed.");
    return NULL;
}

/* ---- parts ---- */

static int check_part(struct fake_call *call)
{
    if (call->part == 0 || call->part > call->settings.max_parts) {
        char message[96];
        snprintf(message, sizeof message,
                 "Part number must be an integer between 1 and %u, inclusive",
                 call->settings.max_parts);
        fake_refuse(call, 400, "InvalidArgument", message);
        return -1;
    }
    if (call->settings.max_part_size > 0 &&
        call->body_size > call->settings.max_part_size) {
        fake_refuse(call, 400, "EntityTooLarge",
                    "Your proposed upload exceeds the maximum allowed size");
        return -1;
    }
    return 0;
}

#define WRONG_CRC "AAAAAAAAAAA="

static void echo_checksums(struct fake_call *call)
{
    static const char *const names[] = {"x-amz-checksum-crc64nvme",
                                        "x-amz-checksum-sha256"};

    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const char *value = fake_header(call, names[i]);
        if (value != NULL && fake_faulted(call, FAKE_WRONG_CHECKSUM))
            value = WRONG_CRC;
        if (value != NULL)
            text_addf(&call->head, "%s: %s\r\n", names[i], value);
    }
}

void fake_upload_part(struct fake_call *call)
{
    struct fake_upload *upload = check_part(call) == 0 ? open_upload(call) : NULL;

    if (upload == NULL || fake_check_customer_key(call, upload->meta) < 0)
        return;
    struct fake_part part = {.number = call->part,
                             .data = call->body,
                             .size = call->body_size,
                             .etag = fake_make_etag(call, call->md5),
                             .modified = fake_now(call)};
    memcpy(part.md5, call->md5, sizeof part.md5);
    call->body = NULL;
    if (fake_faulted(call, FAKE_FLIP_BODY) && part.data != NULL && part.size > 0)
        part.data[part.size / 2] ^= 1;
    fake_answer_etag(call, fake_part_put(upload, &part)->etag);
    echo_checksums(call);
}

void fake_abort_upload(struct fake_call *call)
{
    struct fake_upload *upload = named_upload(call);
    bool open = upload != NULL && upload->state == FAKE_UPLOAD_OPEN;

    if (!open && !call->settings.abort_twice_is_204) {
        (void)open_upload(call);
        return;
    }
    if (open) {
        upload->state = FAKE_UPLOAD_ABORTED;
        fake_upload_drop_parts(upload);
    }
    call->status = 204;
}

/* ---- Complete ---- */

static void free_named(struct named_part *named, size_t count)
{
    for (size_t i = 0; i < count; i++)
        free(named[i].etag);
    free(named);
}

/* The parts of the body; false when it is no good XML. */
static bool read_named(struct fake_call *call, struct named_part **named, size_t *count)
{
    const char *at = strstr((const char *)call->body, "<CompleteMultipartUpload");
    size_t capacity = 0;
    bool good = at != NULL && strstr(at, "</CompleteMultipartUpload>") != NULL;

    *named = NULL;
    *count = 0;
    for (char *part; good && (part = fake_xml_next(&at, "Part")) != NULL; free(part)) {
        char *number = fake_xml_text(part, "PartNumber");
        int64_t value = 0;
        struct err err;
        memory_grow(named, &capacity, *count + 1, sizeof **named);
        struct named_part *next = &(*named)[(*count)++];
        *next = (struct named_part){.etag = fake_xml_text(part, "ETag")};
        good = number != NULL && next->etag != NULL &&
               parse_int(number, 0, UINT32_MAX, &value, &err) == 0;
        next->number = (unsigned)value;
        free(number);
    }
    return good && *count > 0;
}

/* Services take the ETag with and without its quotes. */
static bool same_etag(const char *a, const char *b)
{
    size_t a_size = strlen(a);
    size_t b_size = strlen(b);

    if (a_size >= 2 && a[0] == '"') {
        a++;
        a_size -= 2;
    }
    if (b_size >= 2 && b[0] == '"') {
        b++;
        b_size -= 2;
    }
    return a_size == b_size && strncmp(a, b, a_size) == 0;
}

static int invalid(struct fake_call *call, const char *code, const char *message)
{
    fake_refuse(call, 400, code, message);
    return -1;
}

static int check_named(struct fake_call *call, const struct fake_upload *upload,
                       const struct named_part *named, size_t count)
{
    uint64_t first = 0;

    for (size_t i = 0; i < count; i++) {
        const struct fake_part *part = fake_part_find(upload, named[i].number);
        bool last = i + 1 == count;
        if (i > 0 && named[i].number <= named[i - 1].number)
            return invalid(call, "InvalidPartOrder",
                           "The list of parts was not in ascending order.");
        if (part == NULL || !same_etag(part->etag, named[i].etag))
            return invalid(call, "InvalidPart",
                           "One or more of the specified parts could not be found.");
        if (!last && part->size < call->settings.min_part_size)
            return invalid(call, "EntityTooSmall",
                           "Your proposed upload is smaller than the minimum allowed size");
        if (i == 0)
            first = part->size;
        if (call->settings.equal_parts && (last ? part->size > first : part->size != first))
            return invalid(call, "InvalidPart",
                           "All non-trailing parts must have the same length.");
    }
    return 0;
}

static uint64_t sum_named(const struct fake_upload *upload, const struct named_part *named,
                          size_t count)
{
    uint64_t sum = 0;

    for (size_t i = 0; i < count; i++)
        sum += fake_part_find(upload, named[i].number)->size;
    return sum;
}

static int check_size(struct fake_call *call, uint64_t size)
{
    const char *claimed = fake_header(call, "x-amz-mp-object-size");
    int64_t number;
    struct err err;

    if (call->settings.max_object_size > 0 && size > call->settings.max_object_size)
        return invalid(call, "EntityTooLarge",
                       "Your proposed upload exceeds the maximum allowed size");
    if (claimed != NULL &&
        (parse_int(claimed, 0, INT64_MAX, &number, &err) < 0 || (uint64_t)number != size))
        return invalid(call, "InvalidRequest",
                       "The provided x-amz-mp-object-size does not match the parts.");
    return 0;
}

/* The object of the parts. */
static struct fake_version *assemble(struct fake_call *call,
                                     const struct fake_upload *upload,
                                     const struct named_part *named, size_t count,
                                     uint64_t size)
{
    struct fake_version *version = memory_zalloc(sizeof *version);
    unsigned char md5[MD5_SIZE];
    struct digest digest;
    uint64_t at = 0;

    version->size = size;
    version->data = call->settings.sparse ? NULL : memory_zalloc((size_t)size + 1);
    digest_init(&digest, DIGEST_MD5);
    for (size_t i = 0; i < count; i++) {
        const struct fake_part *part = fake_part_find(upload, named[i].number);
        digest_add(&digest, part->md5, MD5_SIZE);
        if (version->data != NULL && part->data != NULL)
            memcpy(version->data + at, part->data, (size_t)part->size);
        at += part->size;
    }
    digest_finish(&digest, md5);
    char *etag = fake_make_etag(call, md5);
    version->etag = memory_format("%.*s-%zu\"", (int)strlen(etag) - 1, etag, count);
    free(etag);
    version->content_type = memory_strdup(upload->content_type);
    version->meta = memory_strdup(upload->meta);
    version->lock = upload->lock;
    version->parts = (unsigned)count;
    return version;
}

static void answer_completed(struct fake_call *call, const struct fake_upload *upload,
                             bool with_etag)
{
    const char *etag = fake_etag(call, upload->final_etag);

    text_add(&call->head, "Content-Type: application/xml\r\n");
    if (call->settings.versioning)
        text_addf(&call->head, "x-amz-version-id: %s\r\n", upload->final_version);
    text_addf(&call->body_text,
              XML "<CompleteMultipartUploadResult" NAMESPACE
                  "><Location>%s</Location><Bucket>%s</Bucket><Key>",
              fake_s3_endpoint(call->fake), call->bucket->name);
    fake_xml_escape(&call->body_text, call->key);
    text_add(&call->body_text, "</Key>");
    if (with_etag && etag != NULL) {
        text_add(&call->body_text, "<ETag>");
        fake_xml_escape(&call->body_text, etag);
        text_add(&call->body_text, "</ETag>");
    }
    if (upload->final_crc[0] != '\0')
        text_addf(&call->body_text, "<ChecksumCRC64NVME>%s</ChecksumCRC64NVME>",
                  fake_faulted(call, FAKE_WRONG_CHECKSUM) ? WRONG_CRC : upload->final_crc);
    text_add(&call->body_text, "</CompleteMultipartUploadResult>");
}

/* The checksum of the whole is checked where it is sent, and told. */
static int check_crc(struct fake_call *call, struct fake_upload *upload,
                     const struct fake_version *version)
{
    const char *claimed = fake_header(call, "x-amz-checksum-crc64nvme");
    unsigned char bytes[8];

    if (claimed == NULL || version->data == NULL || call->settings.ignore_checksums)
        return 0;
    uint64_t crc = digest_crc64nvme(0, version->data, (size_t)version->size);
    for (int i = 0; i < 8; i++)
        bytes[i] = (unsigned char)(crc >> (56 - 8 * i));
    digest_base64(bytes, sizeof bytes, upload->final_crc);
    if (strcmp(claimed, upload->final_crc) == 0)
        return 0;
    return invalid(call, "BadDigest",
                   "The CRC64NVME you specified did not match the calculated checksum.");
}

static void complete(struct fake_call *call, struct fake_upload *upload,
                     const struct named_part *named, size_t count)
{
    if (check_named(call, upload, named, count) < 0)
        return;
    uint64_t size = sum_named(upload, named, count);
    if (check_size(call, size) < 0 || fake_check_absent(call) < 0)
        return;
    struct fake_version *version = assemble(call, upload, named, count, size);
    if (check_crc(call, upload, version) < 0) {
        fake_version_free(version);
        return;
    }
    fake_version_put(call->fake, call->bucket, call->key, version);
    upload->state = FAKE_UPLOAD_COMPLETED;
    upload->final_etag = memory_strdup(version->etag);
    upload->final_version = version->id;
    fake_upload_drop_parts(upload);
    answer_completed(call, upload, true);
}

void fake_complete_upload(struct fake_call *call)
{
    struct fake_upload *upload = named_upload(call);
    struct named_part *named;
    size_t count;

    if (upload != NULL && upload->state == FAKE_UPLOAD_COMPLETED &&
        call->settings.complete_twice_is_200) {
        answer_completed(call, upload, !call->settings.complete_without_etag);
        return;
    }
    upload = open_upload(call);
    if (upload == NULL)
        return;
    if (read_named(call, &named, &count))
        complete(call, upload, named, count);
    else
        fake_refuse(call, 400, "MalformedXML", "The XML you provided was not well-formed.");
    free_named(named, count);
}
