/*
 * Some services take the lock headers of CreateMultipartUpload and forget them. An object
 * that was to be locked and is not can be deleted by whoever stole the keys, which is what
 * the lock is for: so HEAD decides, not the answer to the upload.
 */
#include "s3/ops/object_lock.h"

#include "base/clock.h"
#include "s3/core/engine.h"

#define NAMESPACE " xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\""

enum { DOCUMENT_MAX = 400 };

/* PUT of one subresource of this version. */
struct subresource {
    const char *name, *document;
    const char *doing; /* for errors */
};
static int put_subresource(struct s3_client *client, const struct s3_object *object,
                           const struct subresource *part, struct err *err)
{
    struct s3_request request;
    s3_request_init(&request, "PUT", object->key);
    s3_request_name(&request, "%s", part->doing);
    s3_query_add(&request.query, part->name, NULL);
    if (object->version_id != NULL)
        s3_query_add(&request.query, "versionId", object->version_id);
    /* Its Content-MD5, which S3 demands here, comes with every body. */
    s3_request_header(&request, "Content-Type", "application/xml");
    request.body = part->document;
    request.body_size = strlen(part->document);
    int result = s3_request_run(client, &request, err);
    s3_request_release(&request);
    return result;
}

int s3_object_lock_ensure(struct s3_client *client, const struct s3_object *object,
                          struct err *err)
{
    const struct s3_engine *engine = client->engine;
    int result = 0;
    /* The retention: from now on, as the upload may have taken hours. */
    if (engine->lock_mode != NULL && object->retain_until == 0) {
        char document[DOCUMENT_MAX], until[32];
        snprintf(document, sizeof document,
                 "<Retention" NAMESPACE
                 "><Mode>%s</Mode><RetainUntilDate>%s</RetainUntilDate></Retention>",
                 engine->lock_mode,
                 clock_rfc3339(until, s3_client_time(client) + engine->lock_seconds));
        const struct subresource retention = {"retention", document, "locking the object"};
        result = put_subresource(client, object, &retention, err);
    }
    /* The hold, which has no end and so no date. */
    if (result == 0 && !object->legal_hold &&
        strlist_has(&engine->object_headers, "x-amz-object-lock-legal-hold: ON")) {
        static const struct subresource hold = {
            "legal-hold", "<LegalHold" NAMESPACE "><Status>ON</Status></LegalHold>",
            "putting a legal hold on the object"};
        result = put_subresource(client, object, &hold, err);
    }
    if (result < 0)
        return err_context(err, "the object is there, but not locked");
    return 0;
}
