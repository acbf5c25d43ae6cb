#include "tests/support/s3_suite.h"

#include "base/memory.h"
#include "tests/support/s3_rig.h"

#include <pthread.h>
#include <stdatomic.h>

/* ---- keys ---- */

static int count_each(void *context, const struct s3_object *object, struct err *err)
{
    size_t *count = context;

    (void)object;
    (void)err;
    (*count)++;
    return 0;
}

struct sought {
    const char *key;
    bool found;
};

static int seek_each(void *context, const struct s3_object *object, struct err *err)
{
    struct sought *sought = context;

    (void)err;
    if (strcmp(object->key, sought->key) == 0)
        sought->found = true;
    return 0;
}

static bool comes_back(struct s3_client *client, const char *key, const char *data,
                       struct err *err)
{
    struct text out;
    bool absent = true;

    text_init(&out, 1000);
    bool same = s3_get(client, key, &out, &absent, err) == 0 && !absent &&
                strcmp(out.data, data) == 0;
    text_release(&out);
    return same;
}

static bool has_size(struct s3_client *client, const char *key, uint64_t size,
                     struct err *err)
{
    struct s3_object object;
    bool absent = true;

    if (s3_head(client, key, &object, &absent, err) < 0 || absent)
        return false;
    bool same = object.size == size;
    s3_object_release(&object);
    return same;
}

static bool is_gone(struct s3_client *client, const char *key, struct err *err)
{
    struct s3_object object;
    bool absent = false;

    if (s3_head(client, key, &object, &absent, err) < 0)
        return false;
    if (!absent)
        s3_object_release(&object);
    return absent;
}

/* The first step of a key's life that fails, or NULL. */
static const char *live(struct s3_client *client, const char *key, struct err *err)
{
    struct s3_put put = {.key = key, .data = key, .size = strlen(key)};
    struct s3_delete deletion = {.key = key};
    struct sought sought = {.key = key};

    if (s3_put(client, &put, err) < 0)
        return "put";
    if (!comes_back(client, key, key, err))
        return "get";
    if (!has_size(client, key, strlen(key), err))
        return "head";
    if (s3_list(client, "odd/", seek_each, &sought, err) < 0 || !sought.found)
        return "list";
    if (s3_delete(client, &deletion, err) < 0 || deletion.result != S3_REMOVED)
        return "delete";
    return is_gone(client, key, err) ? NULL : "delete: still there";
}

void s3_claim_odd_keys(struct s3_suite *suite, struct text *answer)
{
    static const char *const keys[] = {"odd/plain-name_1.sql.gz",
                                       "odd/with space/and  two",
                                       "odd/a+b",
                                       "odd/a%2Fb%",
                                       "odd/quote'\"`",
                                       "odd/amp&<tag>]]>",
                                       "odd/\xc3\xa4\xe6\x97\xa5\xf0\x9f\x90\x98",
                                       "odd/star*(1)!$",
                                       "odd/a~b",
                                       "odd/semi;at@eq=,:",
                                       "odd/..hidden/.x",
                                       "odd/question?hash#",
                                       "odd/{brace}|^[1]",
                                       "odd/&amp;%20"};

    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        struct err err = {0};
        const char *failed = live(suite->client, keys[i], &err);
        if (failed == NULL)
            continue;
        text_addf(answer, "%s%s of %s", answer->length > 0 ? ", " : "", failed, keys[i]);
        snprintf(suite->note, sizeof suite->note, "%s", err.text);
    }
    if (answer->length == 0)
        text_add(answer, "all come back");
}

void s3_claim_control_key(struct s3_suite *suite, struct text *answer)
{
    struct err err = {0};
    const char *failed = live(suite->client, "odd/bell\x07", &err);

    text_addf(answer, "%s", failed == NULL ? "comes back" : failed);
    snprintf(suite->note, sizeof suite->note, "%s", err.text);
}

/* ---- small things ---- */

void s3_claim_put_get(struct s3_suite *suite, struct text *answer)
{
    struct err err = {0};

    if (s3_suite_put(suite, suite->client, "small/hello", "hello", answer))
        s3_suite_result(suite,
                        comes_back(suite->client, "small/hello", "hello", &err) ? 0 : -1,
                        "same", &err, answer);
}

void s3_claim_empty_object(struct s3_suite *suite, struct text *answer)
{
    struct err err = {0};

    if (!s3_suite_put(suite, suite->client, "small/empty", "", answer))
        return;
    bool same = comes_back(suite->client, "small/empty", "", &err) &&
                has_size(suite->client, "small/empty", 0, &err);
    s3_suite_result(suite, same ? 0 : -1, "empty", &err, answer);
}

void s3_claim_absent(struct s3_suite *suite, struct text *answer)
{
    struct err err = {0};
    struct text out;
    bool absent = false;
    size_t count = 0;

    text_init(&out, 1000);
    if (s3_suite_result(suite, s3_get(suite->client, "no/such", &out, &absent, &err),
                        "get ", &err, answer))
        text_add(answer, absent ? "absent" : "something");
    text_add(answer, is_gone(suite->client, "no/such", &err) ? ", head absent" : ", head?");
    if (s3_suite_result(suite, s3_list(suite->client, "no/such", count_each, &count, &err),
                        ", ", &err, answer))
        text_addf(answer, "list %zu, ", count);
    s3_suite_delete(suite, suite->client, "no/such", NULL, answer);
    text_release(&out);
}

void s3_claim_no_bucket(struct s3_suite *suite, struct text *answer)
{
    struct s3_client *client = s3_suite_connect(suite, "no-such-bucket-here", answer);
    struct s3_delete deletion = {.key = "a"};
    struct s3_object object = {0};
    bool absent = false;
    size_t count = 0;
    struct err err = {0};

    if (client == NULL)
        return;
    s3_suite_result(suite, s3_bucket_check(client, &err), "there", &err, answer);
    text_add(answer, ", head ");
    s3_suite_result(suite, s3_head(client, "a", &object, &absent, &err), "absent", &err,
                    answer);
    text_add(answer, ", list ");
    s3_suite_result(suite, s3_list(client, "", count_each, &count, &err), "empty", &err,
                    answer);
    text_add(answer, ", delete ");
    s3_suite_result(suite, s3_delete(client, &deletion, &err), "removed", &err, answer);
    s3_client_free(client);
}

void s3_claim_put_if_absent(struct s3_suite *suite, struct text *answer)
{
    bool existed = true;
    struct s3_put put = {
        .key = "once", .data = "first", .size = 5, .if_absent = true, .existed = &existed};
    struct err err = {0};

    if (s3_suite_result(suite, s3_put(suite->client, &put, &err), "", &err, answer))
        text_add(answer, existed ? "existed" : "written");
    put.data = "other";
    if (s3_suite_result(suite, s3_put(suite->client, &put, &err), ", ", &err, answer))
        text_add(answer, existed ? "existed" : "written");
    text_add(answer,
             comes_back(suite->client, "once", "first", &err) ? ", kept" : ", lost");
}

void s3_claim_put_if_absent_versioned(struct s3_suite *suite, struct text *answer)
{
    struct s3_client *plain = suite->client;

    suite->client = s3_suite_connect(suite, suite->versioned, answer);
    if (suite->client != NULL)
        s3_claim_put_if_absent(suite, answer);
    s3_client_free(suite->client);
    suite->client = plain;
}

/* ---- more than a page ---- */

enum { MANY = 1005, WRITERS = 12 };

struct writers {
    struct s3_client *client;
    atomic_uint next;
    atomic_bool failed;
};

static void *write_many(void *context)
{
    struct writers *writers = context;
    unsigned number;

    while ((number = atomic_fetch_add(&writers->next, 1)) < MANY) {
        char key[32];
        struct err err = {0};
        snprintf(key, sizeof key, "many/%04u", number);
        struct s3_put put = {.key = key, .data = key, .size = 4};
        if (s3_put(writers->client, &put, &err) < 0)
            atomic_store(&writers->failed, true);
    }
    return NULL;
}

static bool fill_many(struct s3_client *client)
{
    struct writers writers = {.client = client};
    pthread_t threads[WRITERS];
    size_t started = 0;

    while (started < WRITERS &&
           pthread_create(&threads[started], NULL, write_many, &writers) == 0)
        started++;
    for (size_t i = 0; i < started; i++)
        pthread_join(threads[i], NULL);
    return started > 0 && !atomic_load(&writers.failed);
}

struct ordered {
    unsigned next;
    bool wrong;
};

static int order_each(void *context, const struct s3_object *object, struct err *err)
{
    struct ordered *ordered = context;
    char key[32];

    (void)err;
    snprintf(key, sizeof key, "many/%04u", ordered->next++);
    if (strcmp(object->key, key) != 0)
        ordered->wrong = true;
    return 0;
}

void s3_claim_pages(struct s3_suite *suite, struct text *answer)
{
    struct ordered ordered = {0};
    struct err err = {0};

    if (!fill_many(suite->client)) {
        text_add(answer, "not written");
        return;
    }
    if (s3_suite_result(suite, s3_list(suite->client, "many/", order_each, &ordered, &err),
                        "", &err, answer))
        text_addf(answer, "%u%s", ordered.next, ordered.wrong ? " out of order" : "");
}

/* Those of the claim before, and two that never were. */
void s3_claim_remove_many(struct s3_suite *suite, struct text *answer)
{
    size_t removed = 0, left = 0;
    struct err err = {0};
    int result = 0;

    for (size_t i = 0; result == 0 && i < MANY + 2; i++) {
        char key[32];
        snprintf(key, sizeof key, "many/%04zu", i);
        struct s3_delete deletion = {.key = key, .result = S3_REFUSED};
        result = s3_delete(suite->client, &deletion, &err);
        removed += result == 0 && deletion.result == S3_REMOVED;
    }
    if (s3_suite_result(suite, result, "", &err, answer) &&
        s3_suite_result(suite, s3_list(suite->client, "many/", count_each, &left, &err), "",
                        &err, answer))
        text_addf(answer, "%zu removed, %zu left", removed, left);
}

/* ---- downloads ---- */

enum { RANGED = 3 << 20 };

static bool put_stream(struct s3_suite *suite, const char *key, size_t size, uint64_t from,
                       struct text *answer)
{
    unsigned char *data = memory_alloc(size);
    struct s3_put put = {.key = key, .data = data, .size = size};
    struct err err = {0};

    s3_rig_fill(data, from, size);
    int result = s3_put(suite->client, &put, &err);
    if (result < 0)
        s3_suite_failed(suite, &err, answer);
    free(data);
    return result == 0;
}

static bool range_is_right(struct s3_client *client, uint64_t offset, uint64_t length,
                           struct err *err)
{
    struct s3_download_spec spec = {.key = "ranged",
                                    .offset = offset,
                                    .length = length,
                                    .parallel = 3,
                                    .range_size = 300000};
    struct s3_download *download = s3_download_begin(client, &spec, err);
    unsigned char *buffer = memory_alloc(RANGED);
    uint64_t at = offset;
    bool same = true;
    ssize_t n = -1;

    while (download != NULL && same &&
           (n = s3_download_read(download, buffer, 100003, err)) > 0) {
        same = s3_rig_matches(buffer, at, (size_t)n);
        at += (uint64_t)n;
    }
    s3_download_free(download);
    free(buffer);
    return n == 0 && same && at == (length > 0 ? offset + length : RANGED);
}

void s3_claim_ranges(struct s3_suite *suite, struct text *answer)
{
    static const struct {
        uint64_t offset, length;
    } ranges[] = {{0, 0},          {0, 1},           {1, 299999},
                  {299999, 2},     {12345, 0},       {RANGED - 1, 1},
                  {RANGED - 1, 0}, {300000, 600000}, {1, RANGED - 1}};
    struct err err = {0};

    if (!put_stream(suite, "ranged", RANGED, 0, answer))
        return;
    for (size_t i = 0; i < sizeof ranges / sizeof ranges[0]; i++) {
        if (range_is_right(suite->client, ranges[i].offset, ranges[i].length, &err))
            continue;
        text_addf(answer, "wrong at %llu+%llu ", (unsigned long long)ranges[i].offset,
                  (unsigned long long)ranges[i].length);
        snprintf(suite->note, sizeof suite->note, "%s", err.text);
    }
    if (answer->length == 0)
        text_add(answer, "exact");
}

void s3_claim_changed(struct s3_suite *suite, struct text *answer)
{
    struct s3_download_spec spec = {.key = "changed", .parallel = 1, .range_size = 200000};
    unsigned char *buffer = memory_alloc(100000);
    struct err err = {0};
    ssize_t n = -1;

    if (put_stream(suite, "changed", RANGED, 0, answer)) {
        struct s3_download *download = s3_download_begin(suite->client, &spec, &err);
        if (download != NULL)
            n = s3_download_read(download, buffer, 1000, &err);
        bool changed = n > 0 && put_stream(suite, "changed", RANGED, 7, answer);
        while (changed && (n = s3_download_read(download, buffer, 100000, &err)) > 0)
            ;
        s3_suite_result(suite, n < 0 ? -1 : 0, "read to the end", &err, answer);
        s3_download_free(download);
    }
    free(buffer);
}

void s3_claim_presign(struct s3_suite *suite, struct text *answer)
{
    struct err err = {0};
    struct s3_raw_reply reply;
    int64_t expires;

    if (!s3_suite_put(suite, suite->client, "link to/\xc3\xa4+b", "linked", answer))
        return;
    char *url = s3_presign(suite->client, "link to/\xc3\xa4+b", 600, &expires, &err);
    if (url == NULL) {
        s3_suite_failed(suite, &err, answer);
        return;
    }
    s3_raw_get(&suite->service, url, &reply);
    text_addf(answer, "%d %s", reply.status,
              reply.status == 200 ? reply.body.data : reply.code);
    s3_raw_release(&reply);
    char *last = url + strlen(url) - 1;
    *last = *last == '0' ? '1' : '0';
    s3_raw_get(&suite->service, url, &reply);
    text_add(answer, ", forged ");
    s3_raw_words(&reply, answer);
    s3_raw_release(&reply);
    free(url);
}
