#include "tests/support/s3_suite.h"

#include "base/digest.h"
#include "base/memory.h"
#include "base/process.h"

enum { LAST = 70001 };
#define TWO_PARTS ((uint64_t)2 * S3_SUITE_PART)

/* ---- our client ---- */

void s3_claim_three_parts(struct s3_suite *suite, struct text *answer)
{
    struct err err = {0};
    struct s3_object object = {0};
    struct s3_upload *upload = s3_suite_begin(suite->client, "upload/three", &err);
    int result = upload != NULL ? s3_suite_give(upload, 1, 3, LAST, &err) : -1;

    if (result == 0)
        result = s3_upload_finish(upload, &object, &err);
    if (s3_suite_result(suite, result, "", &err, answer)) {
        const char *dash = object.etag != NULL ? strchr(object.etag, '-') : NULL;
        text_addf(answer, "%llu bytes, ETag %s, ", (unsigned long long)object.size,
                  dash != NULL ? "-3" : "other");
        s3_suite_compare(suite, "upload/three", TWO_PARTS + LAST, answer);
        s3_object_release(&object);
    }
    s3_upload_free(upload);
}

static int keep_id(void *context, const struct s3_unfinished *pending, struct err *err)
{
    char **id = context;

    (void)err;
    memory_replace(id, pending->upload_id);
    return 0;
}

/* The one open upload of exactly this key, heap; NULL when there is none. */
static char *open_upload(struct s3_suite *suite, const char *key, struct err *err)
{
    char *id = NULL;

    if (s3_list_uploads(suite->client, key, keep_id, &id, err) < 0)
        memory_replace(&id, NULL);
    return id;
}

static bool killed_upload(struct s3_suite *suite, const char *key, struct text *answer)
{
    static const char *const names[S3_SUITE_SERVICES] = {"rgw", "minio", "versitygw",
                                                         "swift"};
    const char *argv[] = {suite->self, names[suite->which], "--die", suite->plain, key,
                          NULL};
    struct process_spec spec = {.argv = argv};
    struct err err = {0};
    struct process *child = process_start(&spec, &err);

    int result = child != NULL ? process_finish(child, &err) : 0;
    bool killed = result < 0 && process_status(child) == 128 + 9;
    if (!killed)
        text_addf(answer, "child: %s", err.text);
    process_free(child);
    return killed;
}

static int resume(struct s3_suite *suite, const char *key, const char *id,
                  struct text *answer, struct err *err)
{
    struct s3_upload_spec spec = {.key = key,
                                  .content_type = "application/gzip",
                                  .token = "0123456789abcdef0123456789abcdef"};
    struct s3_parts parts;
    struct s3_object object;

    if (s3_list_parts(suite->client, key, id, &parts, err) < 0)
        return -1;
    text_addf(answer, "%zu parts kept, ", parts.count);
    struct s3_upload *upload = s3_upload_resume(suite->client, &spec, id, &parts, err);
    free(parts.items);
    int result = upload != NULL
                     ? s3_suite_give(upload, (unsigned)parts.count + 1, 3, LAST, err)
                     : -1;
    if (result == 0)
        result = s3_upload_finish(upload, &object, err);
    if (result == 0)
        s3_object_release(&object);
    s3_upload_free(upload);
    return result;
}

void s3_claim_resume(struct s3_suite *suite, struct text *answer)
{
    const char *key = "upload/killed";
    struct err err = {0};

    if (!killed_upload(suite, key, answer))
        return;
    char *id = open_upload(suite, key, &err);
    if (id == NULL)
        text_addf(answer, "no upload is left: %s", err.text);
    else if (s3_suite_result(suite, resume(suite, key, id, answer, &err), "resumed, ", &err,
                             answer))
        s3_suite_compare(suite, key, TWO_PARTS + LAST, answer);
    free(id);
}

/* An upload of one part that is left open; its id, heap. */
static char *leave_open(struct s3_suite *suite, const char *key, struct text *answer)
{
    struct s3_raw raw = {
        .method = "POST", .bucket = suite->plain, .key = key, .query = "uploads="};
    struct s3_raw_reply reply;

    s3_raw_ask(&suite->service, &raw, &reply);
    char *id = s3_raw_element(&reply, "UploadId");
    if (id == NULL)
        s3_raw_words(&reply, answer);
    s3_raw_release(&reply);
    return id;
}

void s3_claim_abort_twice(struct s3_suite *suite, struct text *answer)
{
    char *id = leave_open(suite, "upload/aborted", answer);
    struct s3_parts parts = {0};
    struct err err = {0};

    for (int i = 0; id != NULL && i < 2; i++)
        s3_suite_result(suite, s3_abort_upload(suite->client, "upload/aborted", id, &err),
                        "done, ", &err, answer);
    if (id != NULL &&
        s3_suite_result(suite,
                        s3_list_parts(suite->client, "upload/aborted", id, &parts, &err),
                        "", &err, answer))
        text_add(answer, parts.absent ? "absent" : "still there");
    free(parts.items);
    free(id);
}

static int keep_spec_id(void *context, const char *upload_id, struct err *err)
{
    (void)err;
    memory_replace(context, upload_id);
    return 0;
}

/* Somebody else's sweep takes the upload away while it runs. */
void s3_claim_aborted_meanwhile(struct s3_suite *suite, struct text *answer)
{
    char *id = NULL;
    struct s3_upload_spec spec = {.key = "upload/swept",
                                  .token = "0123456789abcdef0123456789abcdef",
                                  .on_upload_id = keep_spec_id,
                                  .context = &id};
    struct err err = {0};
    struct s3_object object;
    struct s3_upload *upload = s3_upload_begin(suite->client, &spec, &err);
    int result = upload != NULL ? s3_suite_give(upload, 1, 2, 0, &err) : -1;

    if (result == 0)
        result = s3_abort_upload(suite->client, spec.key, id, &err);
    if (result == 0)
        result = s3_suite_give(upload, 3, 3, LAST, &err);
    if (result == 0)
        result = s3_upload_finish(upload, &object, &err);
    if (s3_suite_result(suite, result, "finished", &err, answer))
        s3_object_release(&object);
    s3_upload_free(upload);
    struct s3_raw head = {.method = "HEAD", .bucket = suite->plain, .key = spec.key};
    text_add(answer, ", object ");
    s3_suite_ask(suite, &head, answer);
    free(id);
}

void s3_claim_discard(struct s3_suite *suite, struct text *answer)
{
    struct err err = {0};
    struct s3_upload *upload = s3_suite_begin(suite->client, "upload/discarded", &err);
    int result = upload != NULL ? s3_suite_give(upload, 1, 2, 0, &err) : -1;

    if (s3_suite_result(suite, result, "", &err, answer))
        text_add(answer, s3_upload_discard(upload) ? "clean, " : "unclear, ");
    else
        s3_upload_free(upload);
    char *id = open_upload(suite, "upload/discarded", &err);
    text_add(answer, id == NULL && err.kind == ERR_NONE ? "nothing left" : "left open");
    free(id);
}

struct count {
    const char *key;
    size_t count;
};

static int count_key(void *context, const struct s3_unfinished *pending, struct err *err)
{
    struct count *count = context;

    (void)err;
    if (strcmp(pending->key, count->key) == 0)
        count->count++;
    return 0;
}

static void count_uploads(struct s3_suite *suite, const char *prefix, struct text *answer)
{
    struct count count = {.key = "open/d/one"};
    struct err err = {0};
    char *id = leave_open(suite, count.key, answer);

    if (id != NULL &&
        s3_suite_result(suite,
                        s3_list_uploads(suite->client, prefix, count_key, &count, &err), "",
                        &err, answer))
        text_addf(answer, "%zu", count.count);
    if (id != NULL && s3_abort_upload(suite->client, count.key, id, &err) < 0)
        text_addf(answer, ", %s", err.text);
    free(id);
}

void s3_claim_uploads_exact(struct s3_suite *suite, struct text *answer)
{
    count_uploads(suite, "open/d/one", answer);
}

void s3_claim_uploads_prefix(struct s3_suite *suite, struct text *answer)
{
    count_uploads(suite, "open/", answer);
}

/* ---- what the service answers ---- */

/* An upload by hand: its parts are texts. */
struct by_hand {
    struct s3_suite *suite;
    const char *key;
    char *id;
};

static bool by_hand_begin(struct by_hand *hand, struct s3_suite *suite, const char *key,
                          struct text *answer)
{
    *hand =
        (struct by_hand){.suite = suite, .key = key, .id = leave_open(suite, key, answer)};
    return hand->id != NULL;
}

static struct s3_raw by_hand_request(struct by_hand *hand, const char *method, char **query)
{
    *query = memory_format("uploadId=%s", hand->id);
    return (struct s3_raw){
        .method = method, .bucket = hand->suite->plain, .key = hand->key, .query = *query};
}

static void by_hand_abort(struct by_hand *hand, struct text *answer)
{
    char *query;
    struct s3_raw raw = by_hand_request(hand, "DELETE", &query);

    s3_suite_ask(hand->suite, &raw, answer);
    free(query);
}

/* Over; what an open one left is of no interest. */
static void by_hand_end(struct by_hand *hand)
{
    struct text ignored;

    text_init(&ignored, 1000);
    by_hand_abort(hand, &ignored);
    text_release(&ignored);
    free(hand->id);
}

static void by_hand_part(struct by_hand *hand, unsigned number, const char *payload,
                         struct text *answer)
{
    char *query = memory_format("partNumber=%u&uploadId=%s", number, hand->id);
    struct s3_raw raw = {.method = "PUT",
                         .bucket = hand->suite->plain,
                         .key = hand->key,
                         .query = query,
                         .body = "hello",
                         .size = 5,
                         .payload = payload};

    s3_suite_ask(hand->suite, &raw, answer);
    free(query);
}

#define MD5_OF_HELLO "5d41402abc4b2a76b9719d911017c592"
#define MD5_OF_OTHER "795f3202b17cb6bc3d4b771d8c6c9eaf"

static void add_part(struct text *xml, unsigned number, const char *etag)
{
    text_addf(xml, "<Part><PartNumber>%u</PartNumber><ETag>&quot;%s&quot;</ETag></Part>",
              number, etag);
}

/* With these parts, up to a number of 0; all of the text "hello". */
static void by_hand_complete(struct by_hand *hand, const unsigned *numbers,
                             const char *etag, const char *header, struct text *answer)
{
    char *query;
    struct s3_raw raw = by_hand_request(hand, "POST", &query);
    struct text xml;

    text_init(&xml, 4000);
    text_add(&xml, "<CompleteMultipartUpload "
                   "xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">");
    for (; *numbers != 0; numbers++)
        add_part(&xml, *numbers, etag);
    text_add(&xml, "</CompleteMultipartUpload>");
    raw.body = xml.data;
    raw.size = xml.length;
    raw.headers[0] = header;
    s3_suite_ask(hand->suite, &raw, answer);
    text_release(&xml);
    free(query);
}

static const unsigned one[] = {1, 0}, none[] = {0};

void s3_answer_second_complete(struct s3_suite *suite, struct text *answer)
{
    struct by_hand hand;

    if (!by_hand_begin(&hand, suite, "hand/second", answer))
        return;
    by_hand_part(&hand, 1, NULL, answer);
    for (int i = 0; i < 2; i++) {
        text_add(answer, ", ");
        by_hand_complete(&hand, one, MD5_OF_HELLO, NULL, answer);
    }
    by_hand_end(&hand);
}

void s3_answer_abort_twice(struct s3_suite *suite, struct text *answer)
{
    struct by_hand hand;

    if (!by_hand_begin(&hand, suite, "hand/aborted", answer))
        return;
    by_hand_abort(&hand, answer);
    text_add(answer, ", ");
    by_hand_abort(&hand, answer);
    by_hand_end(&hand);
}

void s3_answer_part_after_abort(struct s3_suite *suite, struct text *answer)
{
    struct by_hand hand;

    if (!by_hand_begin(&hand, suite, "hand/late", answer))
        return;
    by_hand_abort(&hand, answer);
    text_add(answer, ", ");
    by_hand_part(&hand, 1, NULL, answer);
    by_hand_end(&hand);
}

void s3_answer_complete_if_none_match(struct s3_suite *suite, struct text *answer)
{
    struct by_hand hand;
    struct s3_raw put = {.method = "PUT",
                         .bucket = suite->plain,
                         .key = "hand/exists",
                         .body = "old",
                         .size = 3};

    s3_suite_ask(suite, &put, answer);
    if (!by_hand_begin(&hand, suite, put.key, answer))
        return;
    text_add(answer, ", ");
    by_hand_part(&hand, 1, NULL, answer);
    text_add(answer, ", ");
    by_hand_complete(&hand, one, MD5_OF_HELLO, "if-none-match: *", answer);
    by_hand_end(&hand);
}

void s3_answer_part_numbers(struct s3_suite *suite, struct text *answer)
{
    struct by_hand hand;

    if (!by_hand_begin(&hand, suite, "hand/numbers", answer))
        return;
    by_hand_part(&hand, 0, NULL, answer);
    text_add(answer, ", ");
    by_hand_part(&hand, 10000, NULL, answer);
    text_add(answer, ", ");
    by_hand_part(&hand, 10001, NULL, answer);
    by_hand_end(&hand);
}

/* Two small parts, completed with these numbers. */
static void complete_two(struct s3_suite *suite, const char *key, const unsigned *numbers,
                         const char *etag, struct text *answer)
{
    struct by_hand hand;
    struct text ignored;

    if (!by_hand_begin(&hand, suite, key, answer))
        return;
    text_init(&ignored, 1000);
    by_hand_part(&hand, 1, NULL, &ignored);
    by_hand_part(&hand, 2, NULL, &ignored);
    text_release(&ignored);
    by_hand_complete(&hand, numbers, etag, NULL, answer);
    by_hand_end(&hand);
}

void s3_answer_complete_order(struct s3_suite *suite, struct text *answer)
{
    static const unsigned numbers[] = {2, 1, 0};

    complete_two(suite, "hand/order", numbers, MD5_OF_HELLO, answer);
}

void s3_answer_complete_small(struct s3_suite *suite, struct text *answer)
{
    static const unsigned numbers[] = {1, 2, 0};

    complete_two(suite, "hand/small", numbers, MD5_OF_HELLO, answer);
}

void s3_answer_complete_etag(struct s3_suite *suite, struct text *answer)
{
    complete_two(suite, "hand/etag", one, MD5_OF_OTHER, answer);
}

void s3_answer_complete_nothing(struct s3_suite *suite, struct text *answer)
{
    complete_two(suite, "hand/nothing", none, MD5_OF_HELLO, answer);
}

void s3_answer_part_hash(struct s3_suite *suite, struct text *answer)
{
    struct by_hand hand;

    if (!by_hand_begin(&hand, suite, "hand/hash", answer))
        return;
    by_hand_part(&hand, 1,
                 "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
                 answer);
    by_hand_end(&hand);
}
