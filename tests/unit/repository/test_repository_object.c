/* The four things that most operations do with the objects of an artifact. */
#include "repository/repository_object.h"

#include "base/log.h"
#include "base/memory.h"
#include "repository/keys.h"
#include "tests/support/manifests.h"
#include "tests/support/memory_store.h"
#include "tests/support/run_suite.h"

#include <check.h>

static struct store *store;
static struct part_pool *pool;
static char id[ULID_SIZE];
static char *manifest_key, *data_key;
static struct err err;

#define OK(call) ck_assert_msg((call) == 0, "%s", err.text)

static void put(const char *key, const char *text)
{
    OK(store_put(store, key, text, strlen(text), &err));
}

static void setup(void)
{
    err_clear(&err);
    store = memory_store_new("nas", NULL);
    pool = part_pool_new(4, 1000, NULL, &err);
    manifests_id(1, id);
    manifest_key = keys_manifest(id);
    data_key = manifests_data_key(1);
}

static void teardown(void)
{
    part_pool_free(pool);
    store_close(store);
    free(manifest_key);
    free(data_key);
}

/* ---- the manifest ---- */

START_TEST(a_manifest_is_given_as_it_lies_there_and_as_it_is_read)
{
    struct repository_manifest found;
    char *text = manifests_text(1, 'a');
    put(manifest_key, text);
    OK(repository_require_manifest(store, id, &found, &err));
    ck_assert(!found.absent);
    ck_assert_str_eq(found.text.data, text);
    ck_assert_str_eq(found.manifest.artifact.id, id);
    ck_assert_str_eq(found.manifest.facts.key, data_key);
    repository_manifest_release(&found);
    free(text);
}
END_TEST

START_TEST(none_is_an_answer_or_an_error_as_the_caller_wants)
{
    struct repository_manifest found;
    OK(repository_read_manifest(store, id, &found, &err));
    ck_assert(found.absent);
    repository_manifest_release(&found);
    ck_assert_int_eq(repository_require_manifest(store, id, &found, &err), -1);
    ck_assert_int_eq(err.kind, ERR_NOT_FOUND);
    ck_assert_ptr_nonnull(strstr(err.text, manifest_key));
    repository_manifest_release(&found);
}
END_TEST

static const char *const damaged[] = {"{", "", "not a manifest", "{\"version\": 1}"};

START_TEST(a_damaged_one_names_its_key)
{
    struct repository_manifest found;
    put(manifest_key, damaged[_i]);
    ck_assert_int_eq(repository_read_manifest(store, id, &found, &err), -1);
    ck_assert_int_eq(err.kind, ERR_CORRUPT);
    ck_assert_ptr_nonnull(strstr(err.text, manifest_key));
    repository_manifest_release(&found);
}
END_TEST

START_TEST(one_of_another_artifact_is_damaged)
{
    struct repository_manifest found;
    char *text = manifests_text(2, 'a');
    put(manifest_key, text);
    ck_assert_int_eq(repository_read_manifest(store, id, &found, &err), -1);
    ck_assert_int_eq(err.kind, ERR_CORRUPT);
    repository_manifest_release(&found);
    free(text);
}
END_TEST

START_TEST(a_store_that_does_not_answer_says_nothing_of_the_manifest)
{
    struct repository_manifest found;
    bool exists = true;
    memory_store_fail(store, MEMORY_GET, 1, "", ERR_TRANSIENT, false);
    ck_assert_int_eq(repository_read_manifest(store, id, &found, &err), -1);
    ck_assert_int_eq(err.kind, ERR_TRANSIENT);
    repository_manifest_release(&found);
    memory_store_fail(store, MEMORY_STAT, 1, "", ERR_TRANSIENT, false);
    ck_assert_int_eq(repository_manifest_exists(store, id, &exists, &err), -1);
    ck_assert(!exists);
}
END_TEST

/* ---- an object ---- */

START_TEST(an_object_is_there_with_its_size_or_not)
{
    bool exists = true;
    uint64_t size = 9;
    OK(repository_object_exists(store, data_key, &exists, &size, &err));
    ck_assert(!exists);
    ck_assert_uint_eq(size, 0);
    put(data_key, "12345");
    OK(repository_object_exists(store, data_key, &exists, &size, &err));
    ck_assert(exists);
    ck_assert_uint_eq(size, 5);
    OK(repository_manifest_exists(store, id, &exists, &err));
    ck_assert(!exists);
    put(manifest_key, "{}");
    OK(repository_manifest_exists(store, id, &exists, &err));
    ck_assert(exists);
}
END_TEST

START_TEST(what_is_removed_is_gone_and_what_was_not_there_too)
{
    put(data_key, "12345");
    OK(repository_remove_object(store, data_key, &err));
    ck_assert(!memory_store_has(store, data_key));
    OK(repository_remove_object(store, data_key, &err));
    OK(repository_remove_object(store, NULL, &err));
}
END_TEST

static const enum store_removal kept[] = {STORE_LOCKED, STORE_REFUSED};

START_TEST(what_a_store_keeps_is_an_error_with_its_words)
{
    put(data_key, "12345");
    memory_store_refuse(store, "data/", kept[_i], 0);
    ck_assert_int_eq(repository_remove_object(store, data_key, &err), -1);
    ck_assert_int_eq(err.kind, ERR_STORE);
    ck_assert_ptr_nonnull(strstr(err.text, data_key));
    ck_assert(memory_store_has(store, data_key));
}
END_TEST

/* ---- unfinished uploads ---- */

static char *handle;

static int note_handle(void *context, const char *text, struct err *error)
{
    (void)context, (void)error;
    free(handle);
    handle = memory_strdup(text);
    return 0;
}

static struct store_upload *begin(const char *key, const char *artifact)
{
    struct store_upload_spec spec = {.key = key, .id = artifact, .on_pending = note_handle};
    struct store_upload *upload = store_upload_begin(store, &spec, &err);
    ck_assert_ptr_nonnull(upload);
    for (unsigned n = 1; n <= 2; n++) {
        struct part *part = part_pool_get(pool, &err);
        memset(part->data, 'x', 1000);
        part->size = 1000;
        part->number = n;
        part->offset = (n - 1) * 1000;
        OK(store_upload_part(upload, part, &err));
        part_release(part);
    }
    OK(store_upload_wait(upload, &err));
    return upload;
}

static const char *const types[] = {"dir", "s3"};

START_TEST(all_uploads_of_the_artifact_are_aborted_and_nobody_elses)
{
    char other_id[ULID_SIZE];
    char *other_key = manifests_data_key(2);
    manifests_id(2, other_id);
    memory_store_set_type(store, types[_i]);
    struct store_upload *mine = begin(data_key, id);
    struct store_upload *other = begin(other_key, other_id);
    ck_assert_uint_eq(memory_store_open_uploads(store), 2);
    OK(repository_abort_unfinished(store, id, data_key, NULL, &err));
    ck_assert_uint_eq(memory_store_open_uploads(store), 1);
    store_upload_free(mine);
    store_upload_free(other);
    free(other_key);
    free(handle);
}
END_TEST

START_TEST(the_one_that_is_to_be_continued_stays)
{
    memory_store_set_type(store, types[_i]);
    struct store_upload *lost = begin(data_key, id);
    struct store_upload *known = begin(data_key, id);
    ck_assert_uint_eq(memory_store_open_uploads(store), 2);
    OK(repository_abort_unfinished(store, id, data_key, handle, &err));
    ck_assert_uint_eq(memory_store_open_uploads(store), 1);
    store_upload_free(lost);
    store_upload_free(known);
    free(handle);
}
END_TEST

int main(void)
{
    log_setup(LOG_LEVEL_ERROR, LOG_FORMAT_TEXT);
    Suite *suite = suite_create("repository_object");
    TCase *tcase = tcase_create("repository_object");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, a_manifest_is_given_as_it_lies_there_and_as_it_is_read);
    tcase_add_test(tcase, none_is_an_answer_or_an_error_as_the_caller_wants);
    tcase_add_loop_test(tcase, a_damaged_one_names_its_key, 0,
                        sizeof damaged / sizeof *damaged);
    tcase_add_test(tcase, one_of_another_artifact_is_damaged);
    tcase_add_test(tcase, a_store_that_does_not_answer_says_nothing_of_the_manifest);
    tcase_add_test(tcase, an_object_is_there_with_its_size_or_not);
    tcase_add_test(tcase, what_is_removed_is_gone_and_what_was_not_there_too);
    tcase_add_loop_test(tcase, what_a_store_keeps_is_an_error_with_its_words, 0, 2);
    tcase_add_loop_test(tcase, all_uploads_of_the_artifact_are_aborted_and_nobody_elses, 0,
                        2);
    tcase_add_loop_test(tcase, the_one_that_is_to_be_continued_stays, 0, 2);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
