#include "tests/support/fake_s3_internal.h"

#include "base/clock.h"

#include <strings.h>

#define XML "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
#define NAMESPACE " xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\""

void fake_locked_answer(struct fake_call *call, int *status, const char **code)
{
    *status = call->settings.lock_is_400 ? 400 : 403;
    *code = call->settings.lock_is_400 ? "InvalidRequest" : "AccessDenied";
}

static bool is_mode(const char *mode)
{
    return strcmp(mode, "GOVERNANCE") == 0 || strcmp(mode, "COMPLIANCE") == 0;
}

/* Mode and date together, both good. */
static int read_retention(struct fake_call *call, const char *mode, const char *until,
                          struct fake_lock *lock)
{
    struct err err;

    if (mode == NULL && until == NULL)
        return 0;
    if (mode == NULL || until == NULL || !is_mode(mode) ||
        clock_parse(until, &lock->until, &err) < 0 || lock->until <= fake_now(call)) {
        fake_refuse(call, 400, "InvalidArgument",
                    "Mode and a retain-until date in the future must be given.");
        return -1;
    }
    snprintf(lock->mode, sizeof lock->mode, "%s", mode);
    return 0;
}

int fake_lock_headers(struct fake_call *call, struct fake_lock *lock)
{
    const char *mode = fake_header(call, "x-amz-object-lock-mode");
    const char *until = fake_header(call, "x-amz-object-lock-retain-until-date");
    const char *hold = fake_header(call, "x-amz-object-lock-legal-hold");

    *lock = (struct fake_lock){0};
    if (call->settings.default_lock_days > 0) {
        snprintf(lock->mode, sizeof lock->mode, "GOVERNANCE");
        lock->until = fake_now(call) + (int64_t)call->settings.default_lock_days * 86400;
    }
    if (mode == NULL && until == NULL && hold == NULL)
        return 0;
    if (!call->settings.object_lock || !call->settings.versioning) {
        fake_refuse(call, 400, "InvalidRequest",
                    "Bucket is missing Object Lock Configuration");
        return -1;
    }
    if (strcmp(call->method, "PUT") == 0 && fake_header(call, "Content-MD5") == NULL &&
        fake_header(call, "x-amz-checksum-sha256") == NULL &&
        fake_header(call, "x-amz-checksum-crc64nvme") == NULL) {
        fake_refuse(call, 400, "InvalidRequest",
                    "Content-MD5 OR x-amz-checksum- HTTP header is required for Put Object "
                    "requests with Object Lock parameters");
        return -1;
    }
    lock->legal_hold = hold != NULL && strcmp(hold, "ON") == 0;
    return read_retention(call, mode, until, lock);
}

static bool has_locks(struct fake_call *call)
{
    if (call->settings.object_lock)
        return true;
    fake_refuse(call, 400, "InvalidRequest", "Bucket is missing Object Lock Configuration");
    return false;
}

void fake_get_lock_configuration(struct fake_call *call)
{
    if (!call->settings.object_lock) {
        fake_refuse(call, 404, "ObjectLockConfigurationNotFoundError",
                    "Object Lock configuration does not exist for this bucket");
        return;
    }
    text_add(&call->head, "Content-Type: application/xml\r\n");
    text_add(&call->body_text, XML "<ObjectLockConfiguration" NAMESPACE
                                   "><ObjectLockEnabled>Enabled</ObjectLockEnabled>");
    if (call->settings.default_lock_days > 0)
        text_addf(&call->body_text,
                  "<Rule><DefaultRetention><Mode>GOVERNANCE</Mode><Days>%u</Days>"
                  "</DefaultRetention></Rule>",
                  call->settings.default_lock_days);
    text_add(&call->body_text, "</ObjectLockConfiguration>");
}

void fake_get_retention(struct fake_call *call)
{
    const struct fake_version *version = has_locks(call) ? fake_named_version(call) : NULL;
    char until[32];

    if (version == NULL)
        return;
    if (version->lock.mode[0] == '\0') {
        fake_refuse(call, 404, "NoSuchObjectLockConfiguration",
                    "The specified object does not have a ObjectLock configuration");
        return;
    }
    text_add(&call->head, "Content-Type: application/xml\r\n");
    text_addf(&call->body_text,
              XML "<Retention" NAMESPACE
                  "><Mode>%s</Mode><RetainUntilDate>%s</RetainUntilDate></Retention>",
              version->lock.mode, clock_rfc3339(until, version->lock.until));
}

/* COMPLIANCE is never weakened; GOVERNANCE only with the bypass header. */
static bool may_change(struct fake_call *call, const struct fake_lock *old,
                       const struct fake_lock *new)
{
    const char *bypass = fake_header(call, "x-amz-bypass-governance-retention");
    bool weaker = new->until < old->until || (strcmp(old->mode, "COMPLIANCE") == 0 &&
                                              strcmp(new->mode, "COMPLIANCE") != 0);

    if (old->mode[0] == '\0' || old->until <= fake_now(call) || !weaker)
        return true;
    return strcmp(old->mode, "GOVERNANCE") == 0 && bypass != NULL &&
           strcasecmp(bypass, "true") == 0;
}

void fake_put_retention(struct fake_call *call)
{
    struct fake_version *version = has_locks(call) ? fake_named_version(call) : NULL;
    struct fake_lock lock = {0};

    if (version == NULL)
        return;
    char *mode = fake_xml_text((const char *)call->body, "Mode");
    char *until = fake_xml_text((const char *)call->body, "RetainUntilDate");
    if (mode == NULL || until == NULL) {
        fake_refuse(call, 400, "MalformedXML", "The XML you provided was not well-formed.");
    } else if (read_retention(call, mode, until, &lock) == 0) {
        lock.legal_hold = version->lock.legal_hold;
        if (may_change(call, &version->lock, &lock))
            version->lock = lock;
        else
            fake_refuse(call, 403, "AccessDenied",
                        "Access Denied because object protected by object lock.");
    }
    free(mode);
    free(until);
}

void fake_get_legal_hold(struct fake_call *call)
{
    const struct fake_version *version = has_locks(call) ? fake_named_version(call) : NULL;

    if (version == NULL)
        return;
    text_add(&call->head, "Content-Type: application/xml\r\n");
    text_addf(&call->body_text,
              XML "<LegalHold" NAMESPACE "><Status>%s</Status></LegalHold>",
              version->lock.legal_hold ? "ON" : "OFF");
}

void fake_put_legal_hold(struct fake_call *call)
{
    struct fake_version *version = has_locks(call) ? fake_named_version(call) : NULL;

    if (version == NULL)
        return;
    char *status = fake_xml_text((const char *)call->body, "Status");
    if (status != NULL && (strcmp(status, "ON") == 0 || strcmp(status, "OFF") == 0))
        version->lock.legal_hold = strcmp(status, "ON") == 0;
    else
        fake_refuse(call, 400, "MalformedXML", "The XML you provided was not well-formed.");
    free(status);
}
