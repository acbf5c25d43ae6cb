/* From "every part is stored" to "complete", with stores that fail at each step, and what
 * recovery makes of what is left. */
#include "copy/commit.h"

#include "repository/manifest.h"
#include "copy/recover.h"
#include "base/memory.h"
#include "catalog/artifact_list.h"
#include "tests/support/catalogs.h"
#include "tests/support/memory_store.h"
#include "tests/support/run_suite.h"

#include <check.h>

enum { STORES = 2 };
#define DATA "data of a dump"
#define INDEX "index"
#define HASH "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

static struct catalogs catalogs;
static struct store *stores[STORES];
static const char *const names[STORES] = {"nas", "offsite"};
static struct catalog_artifact artifact;
static struct catalog_copy copies[STORES];
static struct manifest_facts facts;
static struct fanout *fanout;
static struct commit commit;
static struct text index_text;
static char *manifest, *manifest_key;
static struct err err;

static void put(char **member, const char *text)
{
    free(*member);
    *member = memory_strdup(text);
}

#define OK(call) ck_assert_msg((call) == 0, "%s", err.text)

static void add_store(size_t i)
{
    struct catalog_copy *copy = &copies[i];
    struct fanout_target target = {.name = names[i]};
    stores[i] = target.store = memory_store_new(names[i], NULL);
    memcpy(copy->artifact, artifact.id, ULID_SIZE);
    copy->store_id = catalogs_store(catalogs.catalog, names[i]);
    copy->key = memory_strdup(facts.key);
    copy->index_key = memory_strdup(facts.index_key);
    OK(catalog_copy_insert(catalogs.catalog, copy, &err));
    OK(catalog_copy_begun(catalogs.catalog, copy->id, NULL, &err));
    struct store_upload_spec spec = {.key = facts.key, .id = artifact.id};
    target.upload = store_upload_begin(target.store, &spec, &err);
    ck_assert_ptr_nonnull(target.upload);
    fanout_add(fanout, &target);
}

static void fill_facts(void)
{
    struct keys_artifact parts = {.source = artifact.source,
                                  .database = artifact.database,
                                  .type = artifact.type,
                                  .format = artifact.format,
                                  .compression = artifact.compression,
                                  .id = artifact.id,
                                  .started = artifact.started};
    manifest_facts_init(&facts);
    facts.key = keys_data(&parts);
    facts.index_key = keys_index(&parts);
    put(&facts.index_sha256, HASH);
    facts.index_bytes = strlen(INDEX);
}

static void setup(void)
{
    catalogs_begin(&catalogs);
    catalogs_fill(&artifact, 1, 1795226400);
    OK(catalog_artifact_insert(catalogs.catalog, &artifact, &err));
    fill_facts();
    fanout = fanout_new(0, 64 << 20, 1);
    for (size_t i = 0; i < STORES; i++)
        add_store(i);
    OK(fanout_start(fanout, NULL, &err));
    OK(fanout_write(fanout, DATA, strlen(DATA), &err));
    OK(fanout_end(fanout, &err));
    artifact.finished = artifact.started + 60;
    artifact.stored_bytes = strlen(DATA);
    put(&artifact.sha256, HASH);
    put(&artifact.raw_sha256, HASH);
    text_init(&index_text, 100);
    text_add(&index_text, INDEX);
    manifest_key = keys_manifest(artifact.id);
    manifest = manifest_text(&artifact, &facts);
    commit = (struct commit){.catalog = catalogs.catalog,
                             .artifact = &artifact,
                             .fanout = fanout,
                             .copies = copies,
                             .index = &index_text,
                             .manifest = manifest,
                             .manifest_key = manifest_key,
                             .min_copies = 1};
}

static void teardown(void)
{
    fanout_free(fanout);
    for (size_t i = 0; i < STORES; i++) {
        catalog_copy_release(&copies[i]);
        store_close(stores[i]);
    }
    text_release(&index_text);
    free(manifest);
    free(manifest_key);
    manifest_facts_release(&facts);
    catalog_artifact_release(&artifact);
    catalogs_end(&catalogs);
}

/* ---- what there is ---- */

static enum catalog_status status_now(void)
{
    struct catalog_artifact row;
    OK(catalog_artifact_load(catalogs.catalog, artifact.id, 0, &row, &err));
    enum catalog_status status = row.status;
    catalog_artifact_release(&row);
    return status;
}

static void load(size_t i, struct catalog_copy *out)
{
    OK(catalog_copy_load(catalogs.catalog, copies[i].id, out, &err));
}

static void assert_copy(size_t i, enum catalog_copy_state state, bool remains)
{
    struct catalog_copy row = {0};
    load(i, &row);
    ck_assert_str_eq(catalog_copy_state_name(row.state), catalog_copy_state_name(state));
    if (state == CATALOG_COPY_FAILED)
        ck_assert_int_eq(row.begun, remains);
    catalog_copy_release(&row);
}

/* Whenever there is a manifest, there is what it names. */
static void assert_honest(size_t i)
{
    if (!memory_store_has(stores[i], manifest_key))
        return;
    ck_assert(memory_store_has(stores[i], facts.key));
    ck_assert(memory_store_has(stores[i], facts.index_key));
}

static enum recover_result recover(size_t i)
{
    enum recover_result result = RECOVER_LEFT_ALONE;
    char name[16];
    struct repository repository = {
        .name = name, .store = stores[i], .id = copies[i].store_id};
    struct catalog_copy row = {0};
    snprintf(name, sizeof name, "%s", names[i]);
    load(i, &row);
    OK(recover_copy(&(struct recover_spec){catalogs.catalog, &repository, false}, &row,
                    &result, &err));
    catalog_copy_release(&row);
    return result;
}

/* As if our process had ended. */
static void die(void)
{
    char *sql = memory_format("UPDATE copies SET owner = '%s' WHERE owner IS NOT NULL;"
                              "UPDATE artifacts SET owner = '%s' WHERE owner IS NOT NULL",
                              catalogs_dead_owner(), catalogs_dead_owner());
    catalogs_sql(&catalogs, sql);
    free(sql);
}

/* ---- tests ---- */

START_TEST(data_index_and_manifest_in_every_store_make_it_complete)
{
    OK(commit_run(&commit, &err));
    ck_assert(commit.committed);
    ck_assert_int_eq(status_now(), CATALOG_COMPLETE);
    for (size_t i = 0; i < STORES; i++) {
        assert_copy(i, CATALOG_COPY_COMPLETE, false);
        ck_assert_uint_eq(memory_store_count(stores[i]), 3);
        const struct text *bytes = memory_store_bytes(stores[i], facts.key);
        ck_assert_uint_eq(bytes->length, strlen(DATA));
        ck_assert_int_eq(memcmp(bytes->data, DATA, bytes->length), 0);
    }
}
END_TEST

static const struct failing {
    enum memory_step step;
    const char *match;
    bool did; /* the answer was lost */
} failing[] = {
    {MEMORY_FINISH, "", false},        {MEMORY_FINISH, "", true},
    {MEMORY_PUT, ".index.gz", false},  {MEMORY_PUT, ".index.gz", true},
    {MEMORY_PUT, "manifests/", false}, {MEMORY_PUT, "manifests/", true},
};

START_TEST(a_store_that_fails_at_any_step_is_out_and_holds_nothing)
{
    const struct failing *at = &failing[_i];
    memory_store_fail(stores[0], at->step, 1, at->match, ERR_STORE, at->did);
    OK(commit_run(&commit, &err));
    ck_assert_int_eq(status_now(), CATALOG_COMPLETE);
    assert_copy(0, CATALOG_COPY_FAILED, false);
    assert_copy(1, CATALOG_COPY_COMPLETE, false);
    ck_assert_uint_eq(memory_store_count(stores[0]), 0);
    ck_assert_uint_eq(memory_store_open_uploads(stores[0]), 0);
}
END_TEST

START_TEST(fewer_than_min_copies_leave_nothing_anywhere)
{
    const struct failing *at = &failing[_i];
    commit.min_copies = 2;
    memory_store_fail(stores[1], at->step, 1, at->match, ERR_STORE, at->did);
    int result = commit_run(&commit, &err);
    if (strcmp(at->match, "manifests/") == 0) {
        ck_assert_int_eq(result, 0); /* from the first manifest on it is complete */
        return;
    }
    ck_assert_int_eq(result, -1);
    ck_assert_int_eq(err.kind, ERR_STORE);
    ck_assert(!commit.committed);
    for (size_t i = 0; i < STORES; i++) {
        assert_copy(i, CATALOG_COPY_FAILED, false);
        ck_assert_uint_eq(memory_store_count(stores[i]), 0);
        ck_assert_uint_eq(memory_store_open_uploads(stores[i]), 0);
    }
}
END_TEST

START_TEST(remains_that_cannot_be_removed_are_remembered)
{
    memory_store_fail(stores[0], MEMORY_PUT, 1, ".index.gz", ERR_STORE, true);
    memory_store_fail(stores[0], MEMORY_REMOVE, 1, "", ERR_DENIED, false);
    OK(commit_run(&commit, &err));
    assert_copy(0, CATALOG_COPY_FAILED, true);
    memory_store_heal(stores[0]);
    ck_assert_int_eq(recover(0), RECOVER_CLEANED);
    assert_copy(0, CATALOG_COPY_FAILED, false);
    ck_assert_uint_eq(memory_store_count(stores[0]), 0);
}
END_TEST

START_TEST(a_manifest_that_cannot_be_removed_keeps_what_it_names)
{
    memory_store_fail(stores[0], MEMORY_PUT, 1, "manifests/", ERR_TRANSIENT, true);
    memory_store_fail(stores[0], MEMORY_REMOVE, 1, "manifests/", ERR_TRANSIENT, false);
    OK(commit_run(&commit, &err));
    assert_copy(0, CATALOG_COPY_FAILED, true);
    ck_assert(memory_store_has(stores[0], manifest_key));
    assert_honest(0);
    memory_store_heal(stores[0]);
    ck_assert_int_eq(recover(0), RECOVER_COMPLETED);
    assert_copy(0, CATALOG_COPY_COMPLETE, false);
    assert_honest(0);
}
END_TEST

START_TEST(a_manifest_whose_data_is_gone_or_short_is_not_believed)
{
    memory_store_fail(stores[0], MEMORY_PUT, 1, "manifests/", ERR_TRANSIENT, true);
    memory_store_fail(stores[0], MEMORY_REMOVE, 1, "manifests/", ERR_TRANSIENT, false);
    OK(commit_run(&commit, &err));
    memory_store_heal(stores[0]);
    memory_store_drop(stores[0], facts.key);
    if (_i == 1)
        OK(store_put_new(stores[0], facts.key, "dat", 3, &err));
    ck_assert_int_eq(recover(0), RECOVER_CLEANED);
    assert_copy(0, CATALOG_COPY_FAILED, false);
    ck_assert_uint_eq(memory_store_count(stores[0]), 0);
}
END_TEST

START_TEST(a_catalog_that_cannot_be_written_undoes_nothing_and_recovery_completes_it)
{
    catalogs_sql(&catalogs, "CREATE TRIGGER full BEFORE UPDATE OF status ON artifacts"
                            " BEGIN SELECT RAISE(ABORT, 'disk full'); END");
    ck_assert_int_eq(commit_run(&commit, &err), -1);
    ck_assert(commit.committed);
    ck_assert_ptr_nonnull(strstr(err.text, "complete in its stores"));
    catalogs_sql(&catalogs, "DROP TRIGGER full");
    ck_assert_int_eq(status_now(), CATALOG_RUNNING);
    die();
    for (size_t i = 0; i < STORES; i++) {
        assert_copy(i, CATALOG_COPY_UPLOADING, false);
        ck_assert_uint_eq(memory_store_count(stores[i]), 3);
        ck_assert_int_eq(recover(i), RECOVER_COMPLETED);
        assert_copy(i, CATALOG_COPY_COMPLETE, false);
    }
    ck_assert_int_eq(status_now(), CATALOG_COMPLETE);
}
END_TEST

START_TEST(a_cancel_goes_before_what_failed_earlier)
{
    commit.min_copies = 2;
    memory_store_fail(stores[0], MEMORY_FINISH, 1, "", ERR_TRANSIENT, false);
    memory_store_fail(stores[1], MEMORY_FINISH, 1, "", ERR_CANCELLED, false);
    ck_assert_int_eq(commit_run(&commit, &err), -1);
    ck_assert_int_eq(err.kind, ERR_CANCELLED);
    for (size_t i = 0; i < STORES; i++)
        ck_assert_uint_eq(memory_store_count(stores[i]), 0);
}
END_TEST

static Suite *suite(void)
{
    Suite *suite = suite_create("commit");
    TCase *tcase = tcase_create("commit");
    int steps = sizeof failing / sizeof failing[0];
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, data_index_and_manifest_in_every_store_make_it_complete);
    tcase_add_loop_test(tcase, a_store_that_fails_at_any_step_is_out_and_holds_nothing, 0,
                        steps);
    tcase_add_loop_test(tcase, fewer_than_min_copies_leave_nothing_anywhere, 0, steps);
    tcase_add_test(tcase, remains_that_cannot_be_removed_are_remembered);
    tcase_add_test(tcase, a_manifest_that_cannot_be_removed_keeps_what_it_names);
    tcase_add_loop_test(tcase, a_manifest_whose_data_is_gone_or_short_is_not_believed, 0,
                        2);
    tcase_add_test(
        tcase, a_catalog_that_cannot_be_written_undoes_nothing_and_recovery_completes_it);
    tcase_add_test(tcase, a_cancel_goes_before_what_failed_earlier);
    suite_add_tcase(suite, tcase);
    return suite;
}

int main(void)
{
    return run_suite(suite());
}
