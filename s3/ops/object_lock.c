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
static int put_part(struct s3_client *client, const struct s3_object *object,
                    const char *what, const char *subresource, const char *document,
                    struct err *err)
{
    struct s3_request request;

    s3_request_init(&request, "PUT", object->key);
    s3_query_add(&request.query, subresource, NULL);
    if (object->version_id != NULL)
        s3_query_add(&request.query, "versionId", object->version_id);
    s3_request_header(&request, "Content-Type", "application/xml");
    request.what = what;
    request.body = document;
    request.body_size = strlen(document);
    int result = s3_request_run(client, &request, err);
    s3_request_release(&request);
    return result;
}

static int put_retention(struct s3_client *client, const struct s3_object *object,
                         struct err *err)
{
    char document[DOCUMENT_MAX], until[32];

    snprintf(document, sizeof document,
             "<Retention" NAMESPACE
             "><Mode>%s</Mode><RetainUntilDate>%s</RetainUntilDate></Retention>",
             client->lock_mode,
             clock_rfc3339(until, s3_client_time(client) + client->lock_seconds));
    return put_part(client, object, "locking the object", "retention", document, err);
}

static int put_legal_hold(struct s3_client *client, const struct s3_object *object,
                          struct err *err)
{
    return put_part(client, object, "putting a legal hold on the object", "legal-hold",
                    "<LegalHold" NAMESPACE "><Status>ON</Status></LegalHold>", err);
}

static bool wants_hold(const struct s3_client *client)
{
    return strlist_has(&client->object_headers, "x-amz-object-lock-legal-hold: ON");
}

int s3_object_lock_ensure(struct s3_client *client, const struct s3_object *object,
                          struct err *err)
{
    int result = 0;

    if (client->lock_mode != NULL && object->retain_until == 0)
        result = put_retention(client, object, err);
    if (result == 0 && wants_hold(client) && !object->legal_hold)
        result = put_legal_hold(client, object, err);
    if (result < 0)
        return err_context(err, "the object is there, but not locked");
    return 0;
}
