#include "tests/support/s3_suite.h"

#include "base/clock.h"
#include "base/memory.h"

/* ---- versions ---- */

struct version {
    char *id;
    bool is_delete_marker, is_latest;
};
struct versions {
    struct version items[16];
    size_t count;
};

static int keep_version(void *context, const struct s3_object *object, struct err *err)
{
    struct versions *versions = context;

    if (versions->count == sizeof versions->items / sizeof versions->items[0])
        return err_set(err, ERR_SYSTEM, "more versions than were made");
    versions->items[versions->count++] =
        (struct version){.id = memory_strdup(object->version_id),
                         .is_delete_marker = object->is_delete_marker,
                         .is_latest = object->is_latest};
    return 0;
}

static void versions_release(struct versions *versions)
{
    for (size_t i = 0; i < versions->count; i++)
        free(versions->items[i].id);
    versions->count = 0;
}

/* Adds "2 versions, 1 marker" of exactly the key. */
static bool list_versions(struct s3_suite *suite, struct s3_client *client, const char *key,
                          struct versions *versions, struct text *answer)
{
    struct err err = {0};
    size_t markers = 0;
    int result = s3_list_key_versions(client, key, keep_version, versions, &err);

    if (!s3_suite_result(suite, result, "", &err, answer))
        return false;
    for (size_t i = 0; i < versions->count; i++)
        markers += versions->items[i].is_delete_marker;
    text_addf(answer, "%zu versions, %zu markers", versions->count - markers, markers);
    return true;
}

static void remove_all(struct s3_suite *suite, struct s3_client *client, const char *key,
                       const struct versions *versions, struct text *answer)
{
    for (size_t i = 0; i < versions->count; i++) {
        struct text word;
        text_init(&word, 1000);
        s3_suite_delete(suite, client, key, versions->items[i].id, &word);
        if (strcmp(word.data, "removed") != 0)
            text_addf(answer, ", %s", word.data);
        text_release(&word);
    }
}

void s3_claim_versioning_known(struct s3_suite *suite, struct text *answer)
{
    static const char *const words[] = {[S3_VERSIONING_OFF] = "off",
                                        [S3_VERSIONING_ON] = "on",
                                        [S3_VERSIONING_SUSPENDED] = "suspended"};
    const char *const buckets[] = {suite->plain, suite->versioned, suite->locked};

    for (size_t i = 0; i < 3; i++) {
        struct s3_client *client = s3_suite_connect(suite, buckets[i], answer);
        enum s3_versioning versioning = S3_VERSIONING_OFF;
        struct err err = {0};
        if (i > 0)
            text_add(answer, " ");
        int result = client != NULL ? s3_bucket_versioning(client, &versioning, &err) : -1;
        if (client != NULL)
            s3_suite_result(suite, result, words[versioning], &err, answer);
        s3_client_free(client);
    }
}

/* "v" and "v2" begin alike: one listing of exact keys must not give the other. */
void s3_claim_versions(struct s3_suite *suite, struct text *answer)
{
    struct s3_client *client = s3_suite_connect(suite, suite->versioned, answer);
    struct versions versions = {0};

    if (client == NULL)
        return;
    if (s3_suite_put(suite, client, "v", "one", answer) &&
        s3_suite_put(suite, client, "v", "two", answer) &&
        s3_suite_put(suite, client, "v2", "other", answer)) {
        if (list_versions(suite, client, "v", &versions, answer))
            remove_all(suite, client, "v", &versions, answer);
        versions_release(&versions);
        text_add(answer, ", then ");
        list_versions(suite, client, "v", &versions, answer);
        versions_release(&versions);
    }
    s3_client_free(client);
}

void s3_claim_delete_marker(struct s3_suite *suite, struct text *answer)
{
    struct s3_client *client = s3_suite_connect(suite, suite->versioned, answer);
    struct versions versions = {0};
    struct s3_object object;
    struct err err = {0};
    bool absent = false;

    if (client == NULL)
        return;
    if (s3_suite_put(suite, client, "marked", "one", answer)) {
        s3_suite_delete(suite, client, "marked", NULL, answer);
        if (s3_suite_result(suite, s3_head(client, "marked", &object, &absent, &err), ", ",
                            &err, answer))
            text_add(answer, absent ? "absent, " : "there, ");
        if (!absent && err.kind == ERR_NONE)
            s3_object_release(&object);
        if (list_versions(suite, client, "marked", &versions, answer))
            remove_all(suite, client, "marked", &versions, answer);
        versions_release(&versions);
        text_add(answer, ", then ");
        list_versions(suite, client, "marked", &versions, answer);
        versions_release(&versions);
    }
    s3_client_free(client);
}

/* ---- locks ---- */

enum { LOCK_SECONDS = 3600 };

struct lock {
    const char *mode; /* NULL: none */
    bool hold;
};

static struct s3_client *locking_client(struct s3_suite *suite, const char *bucket,
                                        const struct lock *lock, struct text *answer)
{
    struct s3_config config = s3_suite_config(suite, bucket);
    struct err err = {0};

    config.object_lock_mode = lock->mode;
    config.object_lock_seconds = lock->mode != NULL ? LOCK_SECONDS : 0;
    config.legal_hold = lock->hold;
    struct s3_client *client = s3_client_new(&config, &err);
    if (client == NULL)
        s3_suite_failed(suite, &err, answer);
    return client;
}

static const char *until_word(int64_t until)
{
    int64_t left = until - clock_now();

    if (until == 0)
        return "no date";
    return left > LOCK_SECONDS - 300 && left <= LOCK_SECONDS + 5 ? "right date"
                                                                 : "wrong date";
}

/* The latest version, heap; NULL: the answer says why. */
static char *head_version(struct s3_suite *suite, struct s3_client *client, const char *key,
                          struct text *answer)
{
    struct s3_object object = {0};
    struct err err = {0};
    bool absent = false;

    if (!s3_suite_result(suite, s3_head(client, key, &object, &absent, &err), "", &err,
                         answer) ||
        absent) {
        text_add(answer, absent ? "absent" : "");
        return NULL;
    }
    text_addf(answer, "head %s%s", until_word(object.retain_until),
              object.legal_hold ? ", hold" : "");
    char *id = memory_strdup(object.version_id);
    s3_object_release(&object);
    return id;
}

static void delete_locked(struct s3_suite *suite, struct s3_client *client, const char *key,
                          struct text *answer)
{
    char *id = head_version(suite, client, key, answer);
    struct s3_delete deletion = {.key = key, .version_id = id};
    struct err err = {0};

    if (id == NULL)
        return;
    if (s3_suite_result(suite, s3_delete(client, &deletion, &err), "; delete ", &err,
                        answer)) {
        text_add(answer, deletion.result == S3_LOCKED    ? "locked"
                         : deletion.result == S3_REFUSED ? "refused"
                                                         : "removed");
        text_addf(answer, ", %s", until_word(deletion.locked_until));
        snprintf(suite->note, sizeof suite->note, "%s", deletion.reason);
    }
    free(id);
}

static void lock_and_delete(struct s3_suite *suite, const char *key,
                            const struct lock *lock, struct text *answer)
{
    struct s3_client *client = locking_client(suite, suite->locked, lock, answer);

    if (client != NULL && s3_suite_put(suite, client, key, "locked", answer))
        delete_locked(suite, client, key, answer);
    s3_client_free(client);
}

void s3_claim_governance(struct s3_suite *suite, struct text *answer)
{
    lock_and_delete(suite, "lock/governance", &(struct lock){.mode = "GOVERNANCE"}, answer);
}

void s3_claim_compliance(struct s3_suite *suite, struct text *answer)
{
    lock_and_delete(suite, "lock/compliance", &(struct lock){.mode = "COMPLIANCE"}, answer);
}

void s3_claim_legal_hold(struct s3_suite *suite, struct text *answer)
{
    lock_and_delete(suite, "lock/hold", &(struct lock){.hold = true}, answer);
}

void s3_claim_locked_upload(struct s3_suite *suite, struct text *answer)
{
    struct lock lock = {.mode = "GOVERNANCE"};
    struct s3_client *client = locking_client(suite, suite->locked, &lock, answer);
    struct s3_object object = {0};
    struct err err = {0};

    if (client == NULL)
        return;
    struct s3_upload *upload = s3_suite_begin(client, "lock/upload", &err);
    int result = upload != NULL ? s3_suite_give(upload, 1, 2, 1000, &err) : -1;
    if (result == 0)
        result = s3_upload_finish(upload, &object, &err);
    s3_upload_free(upload);
    if (s3_suite_result(suite, result, "", &err, answer)) {
        s3_object_release(&object);
        delete_locked(suite, client, "lock/upload", answer);
    }
    s3_client_free(client);
}

void s3_claim_lock_plain_bucket(struct s3_suite *suite, struct text *answer)
{
    struct lock lock = {.mode = "GOVERNANCE"};
    struct s3_client *client = locking_client(suite, suite->plain, &lock, answer);

    if (client != NULL && s3_suite_put(suite, client, "lock/plain", "x", answer))
        text_add(answer, "written");
    s3_client_free(client);
}

static const char *removal_word(const struct s3_delete *deletion)
{
    return deletion->result == S3_REMOVED                                ? "removed"
           : deletion->result == S3_LOCKED && deletion->locked_until > 0 ? "locked until"
           : deletion->result == S3_LOCKED                               ? "locked"
                                                                         : "refused";
}

/* A free one, a locked one, one that never was. */
void s3_claim_each_removal(struct s3_suite *suite, struct text *answer)
{
    struct lock lock = {.mode = "GOVERNANCE"};
    struct s3_client *plain = s3_suite_connect(suite, suite->locked, answer);
    struct s3_client *client = locking_client(suite, suite->locked, &lock, answer);
    struct text ignored;
    struct err err = {0};

    text_init(&ignored, 1000);
    if (plain != NULL && client != NULL &&
        s3_suite_put(suite, plain, "batch/free", "x", answer) &&
        s3_suite_put(suite, client, "batch/locked", "x", answer)) {
        char *free_id = head_version(suite, client, "batch/free", &ignored);
        char *locked_id = head_version(suite, client, "batch/locked", &ignored);
        struct s3_delete deletions[] = {{.key = "batch/free", .version_id = free_id},
                                        {.key = "batch/locked", .version_id = locked_id},
                                        {.key = "batch/never"}};
        int result = 0;
        for (size_t i = 0; result == 0 && i < 3; i++)
            result = s3_delete(client, &deletions[i], &err);
        if (s3_suite_result(suite, result, "", &err, answer))
            text_addf(answer, "%s, %s, %s", removal_word(&deletions[0]),
                      removal_word(&deletions[1]), removal_word(&deletions[2]));
        snprintf(suite->note, sizeof suite->note, "%s; %s", ignored.data,
                 deletions[1].reason);
        free(free_id);
        free(locked_id);
    }
    text_release(&ignored);
    s3_client_free(client);
    s3_client_free(plain);
}

/* ---- what the service answers ---- */

static void raw_delete(struct s3_suite *suite, const char *key, const struct lock *lock,
                       struct text *answer)
{
    struct s3_client *client = locking_client(suite, suite->locked, lock, answer);
    struct text ignored;
    char *id = NULL;

    text_init(&ignored, 1000);
    if (client != NULL && s3_suite_put(suite, client, key, "x", answer))
        id = head_version(suite, client, key, &ignored);
    if (id != NULL) {
        char *query = memory_format("versionId=%s", id);
        struct s3_raw raw = {
            .method = "DELETE", .bucket = suite->locked, .key = key, .query = query};
        s3_suite_ask(suite, &raw, answer);
        raw.query = NULL;
        text_add(answer, "; without version ");
        s3_suite_ask(suite, &raw, answer);
        free(query);
    }
    free(id);
    text_release(&ignored);
    s3_client_free(client);
}

void s3_answer_delete_locked(struct s3_suite *suite, struct text *answer)
{
    raw_delete(suite, "raw/locked", &(struct lock){.mode = "COMPLIANCE"}, answer);
}

void s3_answer_delete_held(struct s3_suite *suite, struct text *answer)
{
    raw_delete(suite, "raw/held", &(struct lock){.hold = true}, answer);
}
