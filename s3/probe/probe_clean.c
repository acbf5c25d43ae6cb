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

struct found {
    const char *prefix;
    struct strlist keys, versions; /* side by side; version "": none */
};

/* The one place that says what may be removed. */
static bool is_scratch(const char *prefix, const char *key)
{
    return text_starts_with(key, prefix) && key[strlen(prefix)] != '\0';
}

static int collect(void *context, const struct s3_object *object, struct err *err)
{
    struct found *found = context;

    (void)err;
    if (!is_scratch(found->prefix, object->key))
        return 0;
    strlist_add(&found->keys, object->key);
    strlist_add(&found->versions, object->version_id != NULL ? object->version_id : "");
    return 0;
}

static int list(struct s3_probing *probing, struct found *found, struct err *err)
{
    const char *prefix = probing->folder;

    found->prefix = prefix;
    if (probing->versioned)
        return s3_list_versions(probing->client, prefix, false, collect, found, err);
    return s3_list(probing->client, prefix, collect, found, err);
}

/* ---- uploads */

struct open_uploads {
    const char *prefix;
    struct s3_pending *items;
    size_t count, capacity;
};

static int collect_upload(void *context, const struct s3_pending *pending, struct err *err)
{
    struct open_uploads *open = context;

    (void)err;
    if (!is_scratch(open->prefix, pending->key))
        return 0;
    memory_grow(&open->items, &open->capacity, open->count + 1, sizeof *open->items);
    open->items[open->count++] = (struct s3_pending){
        .key = memory_strdup(pending->key), .upload_id = memory_strdup(pending->upload_id)};
    return 0;
}

/* Those that we know of: they may be hidden from listings. */
static int abort_begun(struct s3_probing *probing, struct err *err)
{
    int result = 0;

    for (size_t i = 0; i < probing->begun_count; i++) {
        struct s3_probe_begun *begun = &probing->begun[i];
        if (result == 0 && !begun->ended)
            result = s3_abort_upload(probing->client, begun->key, begun->id, err);
        free(begun->key);
        free(begun->id);
    }
    probing->begun_count = 0;
    return result;
}

/* By prefix, and key by key for services that list no other way: the answer that told an
 * id may have been lost. */
static int abort_uploads(struct s3_probing *probing, struct err *err)
{
    static const char *const names[] = {"", "aborted/upload", "aborted/checksum",
                                        "object/parts.gz"};
    struct open_uploads open = {.prefix = probing->folder};
    int result = 0;

    for (size_t i = 0; result == 0 && i < sizeof names / sizeof names[0]; i++) {
        char *key = s3_probe_key(probing, names[i]);
        result = s3_list_uploads(probing->client, key, collect_upload, &open, err);
        free(key);
    }
    for (size_t i = 0; i < open.count; i++) {
        if (result == 0)
            result = s3_abort_upload(probing->client, open.items[i].key,
                                     open.items[i].upload_id, err);
        free(open.items[i].key);
        free(open.items[i].upload_id);
    }
    free(open.items);
    return result;
}

/* ---- objects */

/* What is still there after a removal that was answered. */
struct rest {
    size_t locked, refused;
    int64_t locked_until;
    char reason[sizeof((struct s3_delete *)NULL)->reason];
};

static void add_result(struct rest *rest, const struct s3_delete *delete_)
{
    if (delete_->result == S3_REMOVED)
        return;
    rest->locked += delete_->result == S3_LOCKED;
    rest->refused += delete_->result == S3_REFUSED;
    if (delete_->locked_until > rest->locked_until)
        rest->locked_until = delete_->locked_until;
    snprintf(rest->reason, sizeof rest->reason, "%s", delete_->reason);
}

/* Lists and removes until nothing is listed, or what is left is refused. */
static int remove_objects(struct s3_probing *probing, struct rest *rest, size_t *left,
                          struct err *err)
{
    for (int round = 0;; round++) {
        struct found found = {0};
        *rest = (struct rest){0};
        int result = list(probing, &found, err);
        *left = found.keys.count;
        for (size_t i = 0; result == 0 && round < ROUNDS && i < *left; i++) {
            const char *version = found.versions.items[i];
            struct s3_delete deletion = {.key = found.keys.items[i],
                                         .version_id = *version != '\0' ? version : NULL};
            result = s3_delete(probing->client, &deletion, err);
            if (result == 0)
                add_result(rest, &deletion);
        }
        strlist_release(&found.keys);
        strlist_release(&found.versions);
        if (result < 0 || *left == 0 || round == ROUNDS || rest->locked > 0 ||
            rest->refused > 0)
            return result;
        if (round > 0)
            (void)cancel_sleep_ms(s3_client_cancel(probing->client), AGAIN_MS);
    }
}

/* Without a listing: the keys that we know of. */
static void remove_known(struct s3_probing *probing)
{
    static const char *const names[] = {"object/a%20b+c.gz", "object/parts.gz"};

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        char *key = s3_probe_key(probing, names[i]);
        struct s3_delete delete_ = {.key = key};
        struct err ignored = {0}; /* the listing's failure is told */
        if (s3_delete(probing->client, &delete_, &ignored) < 0)
            err_clear(&ignored);
        free(key);
    }
}

static void tell_rest(struct s3_probing *probing, const struct rest *rest, size_t left)
{
    char until[32];
    struct s3_finding *finding;

    if (rest->refused > 0) {
        finding = s3_probe_add(probing, S3_PROBE_DELETE, S3_PROBE_FAILED,
                               "%zu of %zu objects may not be removed (%s)", rest->refused,
                               left, rest->reason);
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
    } else if (left > 0) {
        finding = s3_probe_add(probing, S3_PROBE_DELETE, S3_PROBE_FAILED,
                               "accepted, and %zu objects are still listed", left);
        s3_probe_advise(finding, "look at what is left: %s", probing->out->prefix);
    } else if (probing->objects) {
        s3_probe_add(probing, S3_PROBE_DELETE, S3_PROBE_OK, "nothing is left%s",
                     probing->versioned ? ", no version either" : "");
    }
}

static void advise_left(struct s3_probing *probing)
{
    struct s3_finding *finding = &probing->out->findings[probing->out->count - 1];

    if (finding->advice[0] == '\0' || finding->kind == ERR_DENIED)
        s3_probe_advise(finding, "allow s3:ListBucket%s; look at what is left: %s",
                        probing->versioned ? "Versions" : "", probing->out->prefix);
}

void s3_probe_clean(struct s3_probing *probing)
{
    struct err err = {0};
    struct rest rest = {0};
    size_t left = 0;

    probing->late = false;
    s3_client_set_cleaning(probing->client, true);
    int aborted = abort_begun(probing, &err);
    if (aborted == 0)
        aborted = abort_uploads(probing, &err);
    /* That open uploads may not be listed was found before. */
    if (aborted < 0 && err.kind == ERR_DENIED) {
        err_clear(&err);
        aborted = 0;
    }
    if (aborted < 0) {
        (void)s3_probe_fail(probing, S3_PROBE_ABORT, &err);
        advise_left(probing);
        err_clear(&err);
    }
    if (remove_objects(probing, &rest, &left, &err) == 0) {
        tell_rest(probing, &rest, left);
    } else {
        remove_known(probing);
        (void)s3_probe_fail(probing, S3_PROBE_DELETE, &err);
        advise_left(probing);
    }
    s3_client_set_cleaning(probing->client, false);
}
