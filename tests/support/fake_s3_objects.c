#include "tests/support/fake_s3_internal.h"

#include "base/clock.h"
#include "base/parse.h"

#include <ctype.h>
#include <strings.h>

/* ---- headers that live with an object ---- */

static const char *const stored_names[] = {
    "x-amz-meta-",
    "x-amz-storage-class",
    "x-amz-tagging",
    "x-amz-checksum-",
    "x-amz-server-side-encryption",
    "cache-control",
    "content-disposition",
    "content-encoding",
    "content-language",
    "expires",
};

/* The key itself is not stored, and what is sent for a listing is no header of the object. */
static bool is_stored(const char *line)
{
    if (strncasecmp(line, "x-amz-server-side-encryption-customer-key:", 42) == 0 ||
        strncasecmp(line, "x-amz-checksum-mode:", 20) == 0)
        return false;
    for (size_t i = 0; i < sizeof stored_names / sizeof *stored_names; i++)
        if (strncasecmp(line, stored_names[i], strlen(stored_names[i])) == 0)
            return true;
    return false;
}

char *fake_stored_headers(struct fake_call *call)
{
    struct text out;

    text_init(&out, FAKE_BUFFER_SIZE);
    for (const char *line = call->headers; *line != '\0';) {
        const char *end = strstr(line, "\r\n") + 2;
        size_t name = strcspn(line, ":");
        if (is_stored(line)) {
            for (size_t i = 0; i < name; i++)
                text_add_char(&out, (char)tolower((unsigned char)line[i]));
            const char *value = line + name + 1 + strspn(line + name + 1, " ");
            text_add(&out, ": ");
            text_add_bytes(&out, value, (size_t)(end - value));
        }
        line = end;
    }
    char *lines = text_take(&out);
    text_release(&out);
    return lines;
}

/* What of it comes back with GET and HEAD: tags never, checksums when they are asked for. */
static void answer_stored(struct fake_call *call, const char *meta)
{
    bool checksums = fake_header(call, "x-amz-checksum-mode") != NULL;

    for (const char *line = meta; *line != '\0';) {
        const char *end = strstr(line, "\r\n") + 2;
        bool wanted = !text_starts_with(line, "x-amz-tagging:") &&
                      (checksums || !text_starts_with(line, "x-amz-checksum-"));
        if (wanted)
            text_add_bytes(&call->head, line, (size_t)(end - line));
        line = end;
    }
}

int fake_check_customer_key(struct fake_call *call, const char *stored)
{
    static const char name[] = "x-amz-server-side-encryption-customer-key-md5";
    char *wanted = fake_header_of(stored, name);
    const char *sent = fake_header(call, name);
    bool same = wanted == NULL || (sent != NULL && strcmp(wanted, sent) == 0);

    free(wanted);
    if (!same)
        fake_refuse(call, 400, "InvalidRequest",
                    "The object was stored using a form of Server Side Encryption. The "
                    "correct parameters must be provided to retrieve the object.");
    return same ? 0 : -1;
}

int fake_check_absent(struct fake_call *call)
{
    const char *condition = fake_header(call, "If-None-Match");
    const struct fake_version *version =
        fake_version_latest(fake_entry_find(call->bucket, call->key));

    if (condition == NULL || call->settings.if_none_match == FAKE_IF_NONE_MATCH_IGNORED)
        return 0;
    if (call->settings.if_none_match == FAKE_IF_NONE_MATCH_501) {
        fake_refuse(call, 501, "NotImplemented",
                    "A header you provided implies functionality that is not implemented.");
        return -1;
    }
    if (version == NULL || version->is_delete_marker || strcmp(condition, "*") != 0)
        return 0;
    fake_refuse(call, 412, "PreconditionFailed",
                "At least one of the pre-conditions you specified did not hold");
    return -1;
}

char *fake_make_etag(const struct fake_call *call, const unsigned char md5[MD5_SIZE])
{
    unsigned char other[SHA256_SIZE];
    char hex[2 * MD5_SIZE + 1];

    digest_sha256(md5, MD5_SIZE, other);
    digest_hex(call->settings.etags_are_not_md5 ? other : md5, MD5_SIZE, hex);
    return memory_format("\"%s\"", hex);
}

/* ---- PUT ---- */

static void flip(struct fake_call *call, unsigned char *data, uint64_t size)
{
    if (fake_faulted(call, FAKE_FLIP_BODY) && data != NULL && size > 0)
        data[size / 2] ^= 1;
}

static void answer_version(struct fake_call *call, const char *id)
{
    if (call->settings.versioning)
        text_addf(&call->head, "x-amz-version-id: %s\r\n", id);
}

void fake_put_object(struct fake_call *call)
{
    struct fake_lock lock;
    const char *type = fake_header(call, "Content-Type");

    if (call->settings.max_object_size > 0 &&
        call->body_size > call->settings.max_object_size) {
        fake_refuse(call, 400, "EntityTooLarge",
                    "Your proposed upload exceeds the maximum allowed size");
        return;
    }
    if (fake_check_absent(call) < 0 || fake_lock_headers(call, &lock) < 0)
        return;
    struct fake_version *version = memory_zalloc(sizeof *version);
    version->data = call->body;
    call->body = NULL;
    version->size = call->body_size;
    version->etag = fake_make_etag(call, call->md5);
    version->content_type = memory_strdup(type != NULL ? type : "binary/octet-stream");
    version->meta = fake_stored_headers(call);
    version->lock = lock;
    flip(call, version->data, version->size);
    fake_version_put(call->fake, call->bucket, call->key, version);
    fake_answer_etag(call, version->etag);
    answer_version(call, version->id);
}

/* ---- GET and HEAD ---- */

struct fake_version *fake_named_version(struct fake_call *call)
{
    const char *id = fake_param(call, "versionId");
    const struct fake_entry *entry = fake_entry_find(call->bucket, call->key);
    struct fake_version *version =
        id != NULL ? fake_version_find(entry, id) : fake_version_latest(entry);

    if (version != NULL && !version->is_delete_marker)
        return version;
    if (version != NULL) {
        text_add(&call->head, "x-amz-delete-marker: true\r\n");
        answer_version(call, version->id);
    }
    if (version != NULL && id != NULL)
        fake_refuse(call, 405, "MethodNotAllowed",
                    "The specified method is not allowed against this resource.");
    else if (id != NULL)
        fake_refuse(call, 404, "NoSuchVersion", "The specified version does not exist.");
    else
        fake_refuse(call, 404, "NoSuchKey", "The specified key does not exist.");
    return NULL;
}

struct range {
    uint64_t first;
    uint64_t size;
    bool asked;
};

/* "a-b", "a-", "-n" of a length; -1: not satisfiable. What is no single range is ignored. */
static int read_range(const char *header, uint64_t length, struct range *range)
{
    char *end;

    *range = (struct range){0, length, false};
    if (header == NULL || !text_starts_with(header, "bytes=") ||
        strchr(header, ',') != NULL)
        return 0;
    const char *from = header + strlen("bytes=");
    uint64_t first = strtoull(from[0] == '-' ? from + 1 : from, &end, 10);
    uint64_t last = length - 1;
    if (from[0] == '-') {
        last = length - 1;
        bool none = first == 0;
        first = first < length ? length - first : 0;
        if (none)
            return -1;
    } else if (*end == '-' && end[1] != '\0') {
        last = strtoull(end + 1, NULL, 10);
    }
    if (first >= length || last < first)
        return -1;
    if (last >= length)
        last = length - 1;
    *range = (struct range){first, last - first + 1, true};
    return 0;
}

static int check_conditions(struct fake_call *call, const struct fake_version *version)
{
    const char *match = fake_header(call, "If-Match");
    const char *none_match = fake_header(call, "If-None-Match");

    if (match != NULL && strcmp(match, version->etag) != 0 && strcmp(match, "*") != 0) {
        fake_refuse(call, 412, "PreconditionFailed",
                    "At least one of the pre-conditions you specified did not hold");
        return -1;
    }
    if (none_match != NULL && strcmp(none_match, version->etag) == 0) {
        call->status = 304;
        return -1;
    }
    return fake_check_customer_key(call, version->meta);
}

static void answer_date(struct fake_call *call, int64_t seconds)
{
    time_t time = (time_t)seconds;
    struct tm tm;
    char date[64];

    gmtime_r(&time, &tm);
    strftime(date, sizeof date, "%a, %d %b %Y %H:%M:%S GMT", &tm);
    text_addf(&call->head, "Last-Modified: %s\r\n", date);
}

static void answer_lock(struct fake_call *call, const struct fake_lock *lock)
{
    char until[32];

    if (lock->mode[0] != '\0')
        text_addf(
            &call->head,
            "x-amz-object-lock-mode: %s\r\nx-amz-object-lock-retain-until-date: %s\r\n",
            lock->mode, clock_rfc3339(until, lock->until));
    if (lock->legal_hold)
        text_add(&call->head, "x-amz-object-lock-legal-hold: ON\r\n");
}

static void answer_properties(struct fake_call *call, const struct fake_version *version)
{
    const char *type = fake_param(call, "response-content-type");
    const char *disposition = fake_param(call, "response-content-disposition");

    fake_answer_etag(call, version->etag);
    answer_date(call, version->modified);
    text_addf(&call->head, "Content-Type: %s\r\nAccept-Ranges: bytes\r\n",
              type != NULL ? type : version->content_type);
    if (disposition != NULL)
        text_addf(&call->head, "Content-Disposition: %s\r\n", disposition);
    answer_stored(call, version->meta);
    answer_lock(call, &version->lock);
    answer_version(call, version->id);
}

/* The faults that make a range something else than what was asked for. */
static void bend_range(const struct fake_call *call, struct range *range, uint64_t length)
{
    uint64_t bytes = call->fault.bytes;

    if (fake_faulted(call, FAKE_WHOLE_200))
        *range = (struct range){0, length, false};
    if (!range->asked)
        return;
    if (fake_faulted(call, FAKE_SHORT_206))
        range->size -= bytes < range->size ? bytes : range->size;
    if (fake_faulted(call, FAKE_WRONG_RANGE) && bytes < range->size) {
        range->first += bytes;
        range->size -= bytes;
    }
}

static void answer_data(struct fake_call *call, const struct fake_version *version,
                        const struct range *range)
{
    call->has_data = true;
    call->data_size = range->size;
    if (version->data != NULL && strcmp(call->method, "HEAD") != 0) {
        call->data = memory_alloc((size_t)range->size + 1);
        memcpy(call->data, version->data + range->first, (size_t)range->size);
        flip(call, call->data, range->size);
    } else if (fake_faulted(call, FAKE_FLIP_BODY)) {
        call->flips = true;
        call->flip_at = range->size / 2;
    }
}

/* Both: the wire leaves out the body of HEAD. */
void fake_get_object(struct fake_call *call)
{
    const struct fake_version *version = fake_named_version(call);
    struct range range;

    if (version == NULL || check_conditions(call, version) < 0)
        return;
    if (read_range(fake_header(call, "Range"), version->size, &range) < 0) {
        text_addf(&call->head, "Content-Range: bytes */%llu\r\n",
                  (unsigned long long)version->size);
        fake_refuse(call, 416, "InvalidRange", "The requested range is not satisfiable");
        return;
    }
    bend_range(call, &range, version->size);
    answer_properties(call, version);
    if (range.asked)
        text_addf(&call->head, "Content-Range: bytes %llu-%llu/%llu\r\n",
                  (unsigned long long)range.first,
                  (unsigned long long)(range.first + range.size - (range.size > 0)),
                  (unsigned long long)version->size);
    call->status = range.asked ? 206 : 200;
    answer_data(call, version, &range);
}

/* ---- DELETE ---- */

struct removal {
    const char *key;
    const char *version_id; /* NULL: the latest */
    int status;             /* 204, or the refusal's */
    const char *code;
    const char *new_marker; /* id of the marker that was made; NULL: none */
    bool removed_marker;
};

static bool may_bypass(struct fake_call *call, const struct fake_lock *lock)
{
    const char *bypass = fake_header(call, "x-amz-bypass-governance-retention");

    return !lock->legal_hold && strcmp(lock->mode, "GOVERNANCE") == 0 && bypass != NULL &&
           strcasecmp(bypass, "true") == 0;
}

static void add_marker(struct fake_call *call, struct removal *removal)
{
    struct fake_version *marker = memory_zalloc(sizeof *marker);

    marker->is_delete_marker = true;
    marker->etag = memory_strdup("");
    marker->content_type = memory_strdup("");
    marker->meta = memory_strdup("");
    fake_version_put(call->fake, call->bucket, removal->key, marker);
    removal->new_marker = marker->id;
}

static void delete_one(struct fake_call *call, struct removal *removal)
{
    const char *id = removal->version_id;

    removal->status = 204;
    if (id == NULL && call->settings.versioning) {
        add_marker(call, removal);
        return;
    }
    if (id == NULL)
        id = "null";
    const struct fake_version *version =
        fake_version_find(fake_entry_find(call->bucket, removal->key), id);
    if (version == NULL)
        return;
    if (fake_lock_is_closed(&version->lock, fake_now(call)) &&
        !may_bypass(call, &version->lock)) {
        fake_locked_answer(call, &removal->status, &removal->code);
        return;
    }
    removal->removed_marker = version->is_delete_marker;
    fake_version_remove(call->bucket, removal->key, id);
}

void fake_delete_object(struct fake_call *call)
{
    struct removal removal = {.key = call->key,
                              .version_id = fake_param(call, "versionId")};

    delete_one(call, &removal);
    if (removal.status != 204) {
        fake_refuse(call, removal.status, removal.code,
                    "Object is WORM protected and cannot be overwritten");
        return;
    }
    call->status = 204;
    if (removal.new_marker != NULL || removal.removed_marker)
        text_add(&call->head, "x-amz-delete-marker: true\r\n");
    if (removal.new_marker != NULL)
        answer_version(call, removal.new_marker);
    else if (removal.version_id != NULL)
        answer_version(call, removal.version_id);
}

static void add_element(struct text *out, const char *name, const char *value)
{
    if (value == NULL)
        return;
    text_addf(out, "<%s>", name);
    fake_xml_escape(out, value);
    text_addf(out, "</%s>", name);
}

static void answer_removal(struct fake_call *call, const struct removal *removal,
                           bool quiet)
{
    struct text *out = &call->body_text;
    bool refused = removal->status != 204;

    if (quiet && !refused)
        return;
    text_add(out, refused ? "<Error>" : "<Deleted>");
    add_element(out, "Key", removal->key);
    add_element(out, "VersionId", removal->version_id);
    if (removal->new_marker != NULL || removal->removed_marker)
        text_add(out, "<DeleteMarker>true</DeleteMarker>");
    add_element(out, "DeleteMarkerVersionId", removal->new_marker);
    if (refused) {
        add_element(out, "Code", removal->code);
        add_element(out, "Message",
                    "Access Denied because object protected by object lock.");
    }
    text_add(out, refused ? "</Error>" : "</Deleted>");
}

static unsigned delete_listed(struct fake_call *call, bool quiet)
{
    const char *at = (const char *)call->body;
    unsigned count = 0;

    for (char *object; (object = fake_xml_next(&at, "Object")) != NULL; count++) {
        char *key = fake_xml_text(object, "Key");
        char *id = fake_xml_text(object, "VersionId");
        struct removal removal = {.key = key, .version_id = id};
        if (key != NULL) {
            delete_one(call, &removal);
            answer_removal(call, &removal, quiet);
        }
        free(object);
        free(key);
        free(id);
    }
    return count;
}

void fake_delete_objects(struct fake_call *call)
{
    char *quiet = fake_xml_text((const char *)call->body, "Quiet");
    bool is_quiet = quiet != NULL && strcmp(quiet, "true") == 0;

    free(quiet);
    if (call->settings.no_batch_delete) {
        fake_refuse(call, 501, "NotImplemented", "DeleteObjects is not implemented.");
        return;
    }
    if (fake_header(call, "Content-MD5") == NULL) {
        fake_refuse(call, 400, "InvalidRequest",
                    "Missing required header for this request: Content-MD5");
        return;
    }
    text_add(&call->head, "Content-Type: application/xml\r\n");
    text_add(&call->body_text, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<DeleteResult "
                               "xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">");
    unsigned count = delete_listed(call, is_quiet);
    text_add(&call->body_text, "</DeleteResult>");
    if (count == 0 || count > 1000)
        fake_refuse(call, 400, "MalformedXML", "The XML you provided was not well-formed.");
}
