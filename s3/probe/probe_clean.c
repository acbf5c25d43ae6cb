/*
 * Cleaning up trusts no memory of what was written: what lies below the scratch folder is
 * listed and removed, until a listing is empty. Only where it may not be listed the known
 * keys are tried.
 */
#include "s3/probe/probe_work.h"

#include "base/clock.h"
#include "base/memory.h"

enum {
    ROUNDS = 3, /* a listing may lag behind */
    AGAIN_MS = 300
};

/* What a listing shows below the scratch folder: keys, and the id of a version or an upload
 * ("": none) beside each. */
struct found {
    const char *folder;
    struct strlist keys, ids;
};

/* The one place that says what may be removed. */
static void add_scratch(struct found *found, const char *key, const char *id)
{
    if (!text_starts_with(key, found->folder) || key[strlen(found->folder)] == '\0')
        return;
    strlist_add(&found->keys, key);
    strlist_add(&found->ids, id != NULL ? id : "");
}

/* s3_each. */
static int add_object(void *context, const struct s3_object *object, struct err *err)
{
    (void)err;
    add_scratch(context, object->key, object->version_id);
    return 0;
}

/* s3_each_unfinished. */
static int add_upload(void *context, const struct s3_unfinished *upload, struct err *err)
{
    (void)err;
    add_scratch(context, upload->key, upload->upload_id);
    return 0;
}

/* Between rounds, too: each lists anew. */
static void release(struct found *found)
{
    strlist_release(&found->keys);
    strlist_release(&found->ids);
}

/* ---- uploads ---- */

/* Before the objects: an upload that is still open could become one. */
static int abort_uploads(struct s3_probing *probing, struct s3_client *client,
                         struct err *err)
{
    static const char *const names[] = {"", "aborted/upload", "aborted/checksum",
                                        "object/parts.gz"};
    struct found found = {.folder = probing->folder};
    int result = 0;
    /* Those that we know of: they may be hidden from listings. */
    for (size_t i = 0; i < probing->begun_count; i++) {
        struct s3_probe_begun *begun = &probing->begun[i];
        if (result == 0 && !begun->ended)
            result = s3_abort_upload(client, begun->key, begun->id, err);
        free(begun->key);
        free(begun->id);
    }
    probing->begun_count = 0;

    /* The answer that told an id may have been lost. By prefix, and key by key for services
     * that list no other way. */
    for (size_t i = 0; result == 0 && i < sizeof names / sizeof names[0]; i++) {
        char *key = s3_probe_key(probing, names[i]);
        result = s3_list_uploads(client, key, add_upload, &found, err);
        free(key);
    }
    for (size_t i = 0; result == 0 && i < found.keys.count; i++)
        result = s3_abort_upload(client, found.keys.items[i], found.ids.items[i], err);
    release(&found);
    return result;
}

/* ---- objects ---- */

/* What is still there after a removal that was answered. */
struct rest {
    size_t left, locked, refused;
    int64_t locked_until;
    char reason[sizeof((struct s3_delete *)NULL)->reason];
};

/* A refusal is counted and told; only trouble with the bucket itself ends the clean-up. */
static int remove_one(struct s3_client *client, const char *key, const char *version,
                      struct rest *rest, struct err *err)
{
    struct s3_delete deletion = {.key = key,
                                 .version_id = *version != '\0' ? version : NULL};
    if (s3_delete(client, &deletion, err) < 0)
        return -1;
    if (deletion.result == S3_REMOVED)
        return 0;
    /* The latest date of all is when the rest can be removed. */
    rest->locked += deletion.result == S3_LOCKED;
    rest->refused += deletion.result == S3_REFUSED;
    if (deletion.locked_until > rest->locked_until)
        rest->locked_until = deletion.locked_until;
    snprintf(rest->reason, sizeof rest->reason, "%s", deletion.reason);
    return 0;
}

/* Lists and removes until nothing is listed, or what is left is refused. */
static int remove_objects(struct s3_probing *probing, struct s3_client *client,
                          struct rest *rest, struct err *err)
{
    for (int round = 0;; round++) {
        struct found found = {.folder = probing->folder};
        /* Where there are versions a plain delete only hides. */
        int result = probing->versioned
                         ? s3_list_versions(client, found.folder, add_object, &found, err)
                         : s3_list(client, found.folder, add_object, &found, err);
        /* The last round only looks: what is listed then is left. */
        *rest = (struct rest){.left = found.keys.count};
        for (size_t i = 0; result == 0 && round < ROUNDS && i < found.keys.count; i++)
            result = remove_one(client, found.keys.items[i], found.ids.items[i], rest, err);
        release(&found);
        if (result < 0 || rest->left == 0 || round == ROUNDS || rest->locked > 0 ||
            rest->refused > 0)
            return result;
        /* Most listings are right at once; those that lag get a moment. */
        if (round > 0)
            (void)cancel_sleep_ms(s3_client_cancel(client), AGAIN_MS);
    }
}

/* Without a listing: the keys that we know of. */
static void remove_known(struct s3_probing *probing, struct s3_client *client)
{
    static const char *const names[] = {"object/a%20b+c.gz", "object/parts.gz"};
    /* Of the latest version: without a listing no other is known. */
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        char *key = s3_probe_key(probing, names[i]);
        struct s3_delete deletion = {.key = key};
        struct err ignored = {0}; /* the listing's failure is reported */
        (void)!s3_delete(client, &deletion, &ignored);
        free(key);
    }
}

/* That deleting works is a finding like any other, and retention depends on it. The worst first:
 * rights can be given, locks run out, and a listing that lags mends itself. */
static void report_rest(struct s3_probing *probing, const struct rest *rest)
{
    char until[32];
    struct s3_finding *finding;
    if (rest->refused > 0) {
        finding = s3_probe_add(probing, S3_PROBE_DELETE, S3_PROBE_FAILED,
                               "%zu of %zu objects may not be removed (%s)", rest->refused,
                               rest->left, rest->reason);
        finding->kind = ERR_DENIED;
        s3_probe_advise(finding, "allow s3:DeleteObject%s; left: %s",
                        probing->versioned ? " and s3:DeleteObjectVersion" : "",
                        probing->out->prefix);
    } else if (rest->locked > 0) {
        finding =
            s3_probe_add(probing, S3_PROBE_DELETE, S3_PROBE_WARNING,
                         "%zu objects are locked until %s", rest->locked,
                         rest->locked_until > 0 ? clock_rfc3339(until, rest->locked_until)
                                                : "somebody takes the hold away");
        s3_probe_advise(finding, "delete what is left then: %s", probing->out->prefix);
    } else if (rest->left > 0) {
        finding = s3_probe_add(probing, S3_PROBE_DELETE, S3_PROBE_FAILED,
                               "accepted, and %zu objects are still listed", rest->left);
        s3_probe_advise(finding, "look at what is left: %s", probing->out->prefix);
    } else if (probing->objects) {
        s3_probe_add(probing, S3_PROBE_DELETE, S3_PROBE_OK, "nothing is left%s",
                     probing->versioned ? ", no version either" : "");
    }
}

/* A clean-up that failed: where to look for what is left. */
static void report_failure(struct s3_probing *probing, enum s3_probe_what what,
                           const struct err *err)
{
    struct s3_finding *finding = s3_probe_fail(probing, what, err);
    /* An advice of the error itself is better, unless it only speaks of rights in general. */
    if (finding->advice[0] == '\0' || finding->kind == ERR_DENIED)
        s3_probe_advise(finding, "allow s3:ListBucket%s; look at what is left: %s",
                        probing->versioned ? "Versions" : "", probing->out->prefix);
}

void s3_probe_clean(struct s3_probing *probing)
{
    const struct s3_call call = {.cleaning = true};
    struct s3_client *client = s3_client_with(probing->client, &call);
    struct err err = {0};
    struct rest rest = {0};
    /* However late it is: this has its own time, and goes on despite a cancel. */
    probing->late = false;
    /* That open uploads may not be listed was found before. */
    if (abort_uploads(probing, client, &err) < 0 && err.kind != ERR_DENIED)
        report_failure(probing, S3_PROBE_ABORT, &err);
    err_clear(&err);
    /* What cannot be listed is removed by name, as far as names are known. */
    if (remove_objects(probing, client, &rest, &err) == 0) {
        report_rest(probing, &rest);
    } else {
        remove_known(probing, client);
        report_failure(probing, S3_PROBE_DELETE, &err);
    }
    s3_client_free(client);
}
