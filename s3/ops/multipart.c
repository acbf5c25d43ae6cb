/* How the requests of an upload look like. (S3.md 1.7) */
#include "s3/ops/multipart.h"

#include "base/ulid.h"
#include "s3/http/xml.h"

/* 128 bits: two uploads of one key never share one. */
void s3_multipart_token(char token[S3_TOKEN_SIZE])
{
    unsigned char bits[(S3_TOKEN_SIZE - 1) / 2];
    ulid_random(bits, sizeof bits);
    digest_hex(bits, sizeof bits, token);
}

void s3_multipart_create(struct s3_request *request, const char *key, bool crc64,
                         struct text *out)
{
    s3_request_init(request, "POST", key);
    s3_request_name(request, "beginning the upload");
    s3_query_add(&request->query, "uploads", NULL);
    /* Only what an upload was begun with may its parts carry. Of the whole object, because
     * that is what a checksum of the stream can be held against. */
    if (crc64) {
        s3_request_header(request, "x-amz-checksum-algorithm", "CRC64NVME");
        s3_request_header(request, "x-amz-checksum-type", "FULL_OBJECT");
    }
    request->root = S3_MULTIPART_CREATED;
    request->out = out;
}

int s3_multipart_id(const struct text *document, char **upload_id, struct err *err)
{
    if (s3_xml_find(
            &(struct s3_xml){document->data, document->length, S3_MULTIPART_CREATED},
            "UploadId", upload_id, err) < 0)
        return -1;
    /* Without it the parts have no place, and nobody could abort it. */
    if (*upload_id != NULL && **upload_id != '\0')
        return 0;
    free(*upload_id);
    *upload_id = NULL;
    return err_set(err, ERR_STORE, "beginning the upload: the answer has no upload id");
}

void s3_multipart_part(const struct s3_client *client, const struct s3_multipart_part *part,
                       struct s3_request *request)
{
    s3_request_init(request, "PUT", part->key);
    s3_request_name(request, "part %u", part->number);
    s3_query_addf(&request->query, "partNumber", "%u", part->number);
    s3_query_add(&request->query, "uploadId", part->upload_id);
    /* A key of our own is sent with every part: the service keeps none. */
    s3_client_add_key_headers(client, request);
}

void s3_multipart_complete(struct s3_request *request, const char *key,
                           const char *upload_id, const struct text *list, struct text *out)
{
    s3_request_init(request, "POST", key);
    s3_request_name(request, "completing the upload");
    s3_query_add(&request->query, "uploadId", upload_id);
    s3_request_header(request, "Content-Type", "application/xml");
    request->body = list->data;
    request->body_size = list->length;
    request->root = S3_MULTIPART_COMPLETED;
    request->out = out;
    /* Some put gigabytes together before they answer. */
    request->long_running = true;
}
