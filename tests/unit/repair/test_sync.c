/* What other machines wrote into a shared store, taken in by sync: a folder is the store,
 * two catalogs are the machines. */
#include "repair/sync.h"

#include "repository/keys.h"
#include "repository/state_sync.h"
#include "base/memory.h"
#include "catalog/artifact_list.h"
#include "catalog/deletions.h"
#include "tests/support/catalogs.h"
#include "tests/support/manifests.h"
#include "tests/support/run_suite.h"
#include "tests/support/scratch.h"

#include <check.h>
#include <stdio.h>

enum { MACHINES = 2 };

static struct catalogs machines[MACHINES];
static struct settings settings[MACHINES];
static struct session *sessions[MACHINES];
static struct repository accesses[MACHINES];
static char folder[SCRATCH_SIZE];
static struct store *store;
static struct sync_result result;
static struct err err;

#define OK(call) ck_assert_msg((call) == 0, "%s", err.text)
#define CATALOG(i) (machines[i].catalog)

static void setup(void)
{
    static char name[] = "nas";
    scratch_folder(folder);
    store = store_open_dir(name, folder, &err);
    ck_assert_ptr_nonnull(store);
    for (size_t i = 0; i < MACHINES; i++) {
        catalogs_begin(&machines[i]);
        settings[i] = (struct settings){.catalog = machines[i].path};
        struct session_spec spec = {
            .settings = &settings[i], .kind = "catalog sync", .catalog = SESSION_WRITE};
        sessions[i] = session_begin(&spec, &err);
        ck_assert_ptr_nonnull(sessions[i]);
        accesses[i] = (struct repository){.name = name,
                                          .store = store,
                                          .id = catalogs_store(CATALOG(i), name),
                                          .uuid = "11111111-2222-3333-4444-555555555555"};
    }
}

static void teardown(void)
{
    store_close(store);
    for (size_t i = 0; i < MACHINES; i++) {
        (void)session_end(sessions[i], OUTCOME_DONE, NULL);
        catalogs_end(&machines[i]);
    }
    scratch_remove(folder);
}

static void put_text(const char *key, const char *text)
{
    OK(store_put(store, key, text, strlen(text), &err));
}

static void put_manifest(unsigned n, char hash_of)
{
    char id[ULID_SIZE];
    manifests_id(n, id);
    char *key = keys_manifest(id);
    char *text = manifests_text(n, hash_of);
    put_text(key, text);
    free(text);
    free(key);
}

static void drop_manifest(unsigned n)
{
    struct store_removed removed;
    char id[ULID_SIZE];
    manifests_id(n, id);
    char *key = keys_manifest(id);
    OK(store_remove(store, key, &removed, &err));
    free(key);
}

static void sync_machine(size_t i)
{
    OK(sync_store(sessions[i], &accesses[i], &result, &err));
}

static struct catalog_artifact load(size_t i, unsigned n)
{
    struct catalog_artifact artifact;
    char id[ULID_SIZE];
    manifests_id(n, id);
    OK(catalog_artifact_load(CATALOG(i), id, CATALOG_WITH_COPIES, &artifact, &err));
    return artifact;
}

static void state_is(size_t i, unsigned n, enum catalog_copy_state wanted)
{
    struct catalog_artifact artifact = load(i, n);
    ck_assert_uint_eq(artifact.copy_count, 1);
    ck_assert_str_eq(catalog_copy_state_name(artifact.copies[0].state),
                     catalog_copy_state_name(wanted));
    catalog_artifact_release(&artifact);
}

START_TEST(what_another_machine_wrote_comes_in_once)
{
    for (unsigned n = 0; n < 300; n++) /* more than a batch */
        put_manifest(n, 'a');
    sync_machine(0);
    ck_assert_uint_eq(result.manifests, 300);
    ck_assert_uint_eq(result.artifacts, 300);
    ck_assert_uint_eq(result.copies, 300);
    ck_assert_int_eq(result.newest, MANIFESTS_FIRST_TIME + 3600 * 299);
    struct catalog_artifact artifact = load(0, 299);
    ck_assert_int_eq(artifact.seq, 399);
    ck_assert_int_eq(artifact.status, CATALOG_COMPLETE);
    ck_assert_uint_eq(artifact.copies[0].bytes, MANIFESTS_BYTES);
    catalog_artifact_release(&artifact);
    put_manifest(300, 'a');
    sync_machine(0);
    ck_assert_uint_eq(result.artifacts, 1);
    sync_machine(0);
    ck_assert_uint_eq(result.artifacts + result.copies + result.missing, 0);
}
END_TEST

START_TEST(what_another_machine_removed_is_missing_and_not_deleted)
{
    put_manifest(1, 'a');
    put_manifest(2, 'a');
    sync_machine(0);
    drop_manifest(1);
    sync_machine(0);
    ck_assert_uint_eq(result.missing, 1);
    state_is(0, 1, CATALOG_COPY_MISSING);
    state_is(0, 2, CATALOG_COPY_COMPLETE);
}
END_TEST

START_TEST(an_empty_listing_concludes_nothing)
{
    put_manifest(1, 'a');
    sync_machine(0);
    drop_manifest(1);
    sync_machine(0);
    ck_assert(result.empty);
    ck_assert_uint_eq(result.missing, 0);
    state_is(0, 1, CATALOG_COPY_COMPLETE);
}
END_TEST

START_TEST(a_copy_that_was_deleted_here_does_not_come_back)
{
    bool last = false;
    put_manifest(1, 'a');
    put_manifest(2, 'a');
    sync_machine(0);
    struct catalog_artifact artifact = load(0, 1);
    struct catalog_deletion deletion = {.copy = artifact.copies[0].id,
                                        .reason = "no rule keeps it",
                                        .expected = CATALOG_COPY_COMPLETE};
    struct catalog_marking marking = {.items = &deletion, .count = 1, .now = 1};
    OK(catalog_deletions_mark(CATALOG(0), &marking, &err));
    sync_machine(0); /* the manifest is there still */
    state_is(0, 1, CATALOG_COPY_DELETING);
    OK(catalog_deletion_done(CATALOG(0), deletion.copy, &last, &err));
    sync_machine(0);
    ck_assert_uint_eq(result.artifacts + result.copies + result.healed, 0);
    state_is(0, 1, CATALOG_COPY_DELETED);
    catalog_artifact_release(&artifact);
}
END_TEST

START_TEST(a_damaged_manifest_is_passed_over)
{
    put_manifest(1, 'a');
    put_manifest(3, 'a');
    put_text("manifests/01HF7YAT000000000000000002.json", "{\"pgkeep_manifest\":1}");
    put_text("manifests/README", "not ours");
    sync_machine(0);
    ck_assert_uint_eq(result.artifacts, 2);
    ck_assert_uint_eq(result.damaged, 1);
}
END_TEST

START_TEST(a_damaged_state_file_does_not_keep_its_backup_out)
{
    put_manifest(1, 'a');
    put_text("state/01HF7YAT000000000000000001.json", "{");
    sync_machine(0);
    ck_assert_uint_eq(result.artifacts, 1);
    ck_assert_uint_eq(result.damaged, 1);
}
END_TEST

START_TEST(a_huge_state_file_is_passed_over)
{
    char *huge = memory_alloc(STATE_FILE_CEILING + 2);
    memset(huge, ' ', STATE_FILE_CEILING + 1);
    huge[STATE_FILE_CEILING + 1] = '\0';
    put_manifest(1, 'a');
    put_manifest(2, 'a');
    put_text("state/01HF7YAT000000000000000001.json", huge);
    sync_machine(0);
    ck_assert_uint_eq(result.artifacts, 2);
    ck_assert_uint_eq(result.damaged, 1);
    free(huge);
}
END_TEST

START_TEST(a_manifest_with_another_hash_than_the_catalog_is_passed_over)
{
    struct repository other = accesses[0];
    static char name[] = "other";
    put_manifest(1, 'a');
    sync_machine(0);
    put_manifest(1, 'b');
    other.name = name;
    other.id = catalogs_store(CATALOG(0), name);
    OK(sync_store(sessions[0], &other, &result, &err));
    ck_assert_uint_eq(result.copies, 0);
    ck_assert_uint_eq(result.damaged, 1);
    state_is(0, 1, CATALOG_COPY_COMPLETE); /* the one copy, in the first store */
}
END_TEST

/* recover_copy would remove the manifest of a failed backup; sync removes nothing. */
START_TEST(a_backup_that_failed_here_keeps_its_manifest_and_stays_failed)
{
    put_manifest(1, 'a');
    put_manifest(2, 'a');
    sync_machine(0);
    catalogs_sql(&machines[0],
                 "UPDATE artifacts SET status = 'failed' WHERE id LIKE '%1';"
                 "UPDATE copies SET state = 'failed', begun = 1 WHERE artifact ="
                 " (SELECT number FROM artifacts WHERE id LIKE '%1')");
    sync_machine(0);
    ck_assert_uint_eq(result.manifests, 2);
    ck_assert_uint_eq(result.healed, 0);
    state_is(0, 1, CATALOG_COPY_FAILED);
    sync_machine(1);
    ck_assert_uint_eq(result.artifacts, 2);
}
END_TEST

static void put_data(unsigned n)
{
    char bytes[MANIFESTS_BYTES + 1];
    char *key = manifests_data_key(n);
    memset(bytes, 'x', sizeof bytes - 1);
    bytes[sizeof bytes - 1] = '\0';
    put_text(key, bytes);
    free(key);
}

static void fail_copy_of_one(void)
{
    catalogs_sql(&machines[0], "UPDATE copies SET state = 'failed', begun = 1 WHERE"
                               " artifact = (SELECT number FROM artifacts WHERE id LIKE "
                               "'%1')");
}

START_TEST(a_failed_copy_without_its_data_keeps_its_manifest)
{
    put_manifest(1, 'a');
    put_manifest(2, 'a');
    sync_machine(0);
    fail_copy_of_one();
    sync_machine(0);
    ck_assert_uint_eq(result.healed, 0);
    ck_assert_uint_eq(result.manifests, 2);
    sync_machine(0);
    ck_assert_uint_eq(result.manifests, 2);
    state_is(0, 1, CATALOG_COPY_FAILED);
}
END_TEST

START_TEST(a_damaged_manifest_of_a_failed_copy_is_passed_over)
{
    put_manifest(1, 'a');
    put_manifest(2, 'a');
    put_data(1);
    sync_machine(0);
    fail_copy_of_one();
    put_text("manifests/01HF7YAT000000000000000001.json", "{\"pgkeep_manifest\":1}");
    sync_machine(0);
    ck_assert_uint_eq(result.healed, 0);
    ck_assert_uint_eq(result.damaged, 1);
    state_is(0, 1, CATALOG_COPY_FAILED);
}
END_TEST

START_TEST(an_upload_under_way_is_left_alone)
{
    put_manifest(1, 'a');
    sync_machine(0);
    catalogs_sql(&machines[0], "UPDATE copies SET state = 'uploading', begun = 1");
    sync_machine(0);
    state_is(0, 1, CATALOG_COPY_UPLOADING);
}
END_TEST

/* ---- decisions ---- */

static const char *id_of_one(void)
{
    static char id[ULID_SIZE];
    manifests_id(1, id);
    return id;
}

START_TEST(a_pin_goes_to_the_other_machine_and_its_end_comes_back)
{
    put_manifest(1, 'a');
    sync_machine(0);
    sync_machine(1);
    OK(catalog_artifact_pin(CATALOG(0), id_of_one(), 0, "by one", &err));
    ck_assert(state_sync_try_push(CATALOG(0), &accesses[0], id_of_one()));
    sync_machine(1);
    ck_assert_uint_eq(result.states, 1);
    struct catalog_artifact artifact = load(1, 1);
    ck_assert(artifact.pinned);
    ck_assert_str_eq(artifact.pin_reason, "by one");
    catalog_artifact_release(&artifact);
    OK(catalog_artifact_unpin(CATALOG(1), id_of_one(), &err));
    ck_assert(state_sync_try_push(CATALOG(1), &accesses[1], id_of_one()));
    sync_machine(0);
    artifact = load(0, 1);
    ck_assert(!artifact.pinned);
    catalog_artifact_release(&artifact);
}
END_TEST

START_TEST(a_pin_that_could_not_be_told_is_told_by_the_next_sync)
{
    put_manifest(1, 'a');
    sync_machine(0);
    OK(catalog_artifact_pin(CATALOG(0), id_of_one(), 0, NULL, &err));
    sync_machine(0);
    ck_assert_uint_eq(result.told, 1);
    sync_machine(0);
    ck_assert_uint_eq(result.told, 0);
    sync_machine(1);
    struct catalog_artifact artifact = load(1, 1);
    ck_assert(artifact.pinned);
    catalog_artifact_release(&artifact);
}
END_TEST

START_TEST(a_mark_that_is_cleared_stays_cleared)
{
    put_manifest(1, 'a');
    sync_machine(0);
    struct catalog_artifact artifact = load(0, 1);
    OK(catalog_copy_set_first_marked(CATALOG(0), artifact.copies[0].id, 1800000000, &err));
    OK(catalog_artifact_set_suspect(CATALOG(0), id_of_one(), true, &err));
    ck_assert(state_sync_try_push(CATALOG(0), &accesses[0], id_of_one()));
    sync_machine(1);
    OK(catalog_copy_set_first_marked(CATALOG(0), artifact.copies[0].id, 0, &err));
    OK(catalog_artifact_set_suspect(CATALOG(0), id_of_one(), false, &err));
    ck_assert(state_sync_try_push(CATALOG(0), &accesses[0], id_of_one()));
    catalog_artifact_release(&artifact);
    artifact = load(0, 1);
    ck_assert(!artifact.suspect);
    ck_assert_int_eq(artifact.copies[0].first_marked, 0);
    catalog_artifact_release(&artifact);
    artifact = load(1, 1);
    ck_assert(artifact.suspect); /* what it knew at its last sync */
    ck_assert_int_eq(artifact.copies[0].first_marked, 1800000000);
    catalog_artifact_release(&artifact);
}
END_TEST

/* What one machine knows of marks is no reason to forget those of another. */
START_TEST(a_pin_keeps_the_marks_of_another_machine)
{
    put_manifest(1, 'a');
    sync_machine(0);
    sync_machine(1);
    catalogs_sql(&machines[1],
                 "UPDATE artifacts SET updated = 1; UPDATE copies SET updated = 1");
    OK(catalog_artifact_set_quarantined(CATALOG(0), id_of_one(), true, &err));
    ck_assert(state_sync_try_push(CATALOG(0), &accesses[0], id_of_one()));
    OK(state_sync_pull(CATALOG(1), &accesses[1], id_of_one(), &err));
    OK(catalog_artifact_pin(CATALOG(1), id_of_one(), 0, NULL, &err));
    ck_assert(state_sync_try_push(CATALOG(1), &accesses[1], id_of_one()));
    sync_machine(0);
    struct catalog_artifact artifact = load(0, 1);
    ck_assert(artifact.quarantined && artifact.pinned);
    catalog_artifact_release(&artifact);
}
END_TEST

START_TEST(a_pin_made_while_the_copy_was_broken_here_comes_with_it)
{
    put_manifest(1, 'a');
    put_data(1);
    sync_machine(0);
    sync_machine(1);
    fail_copy_of_one();
    OK(catalog_artifact_pin(CATALOG(1), id_of_one(), 0, "by two", &err));
    ck_assert(state_sync_try_push(CATALOG(1), &accesses[1], id_of_one()));
    sync_machine(0);
    ck_assert_uint_eq(result.healed, 1);
    struct catalog_artifact artifact = load(0, 1);
    ck_assert(artifact.pinned);
    catalog_artifact_release(&artifact);
}
END_TEST

/* It may hold a pin of another machine. */
START_TEST(only_a_pin_is_written_over_a_damaged_state_file)
{
    static const char key[] = "state/01HF7YAT000000000000000001.json";
    struct err why = {0};
    put_manifest(1, 'a');
    sync_machine(0);
    put_text(key, "{");
    ck_assert(state_sync_try_push(CATALOG(0), &accesses[0], id_of_one()));
    ck_assert_int_eq(state_sync_pull(CATALOG(0), &accesses[0], id_of_one(), &why), -1);
    ck_assert_int_eq(why.kind, ERR_CORRUPT);
    OK(catalog_artifact_pin(CATALOG(0), id_of_one(), 0, NULL, &err));
    ck_assert(state_sync_try_push(CATALOG(0), &accesses[0], id_of_one()));
    OK(state_sync_pull(CATALOG(0), &accesses[0], id_of_one(), &err));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("sync");
    TCase *tests = tcase_create("sync");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_set_timeout(tests, 30);
    tcase_add_test(tests, what_another_machine_wrote_comes_in_once);
    tcase_add_test(tests, what_another_machine_removed_is_missing_and_not_deleted);
    tcase_add_test(tests, an_empty_listing_concludes_nothing);
    tcase_add_test(tests, a_copy_that_was_deleted_here_does_not_come_back);
    tcase_add_test(tests, a_damaged_manifest_is_passed_over);
    tcase_add_test(tests, a_damaged_state_file_does_not_keep_its_backup_out);
    tcase_add_test(tests, a_huge_state_file_is_passed_over);
    tcase_add_test(tests, a_manifest_with_another_hash_than_the_catalog_is_passed_over);
    tcase_add_test(tests, a_backup_that_failed_here_keeps_its_manifest_and_stays_failed);
    tcase_add_test(tests, a_failed_copy_without_its_data_keeps_its_manifest);
    tcase_add_test(tests, a_damaged_manifest_of_a_failed_copy_is_passed_over);
    tcase_add_test(tests, an_upload_under_way_is_left_alone);
    tcase_add_test(tests, a_pin_made_while_the_copy_was_broken_here_comes_with_it);
    tcase_add_test(tests, a_pin_goes_to_the_other_machine_and_its_end_comes_back);
    tcase_add_test(tests, a_pin_that_could_not_be_told_is_told_by_the_next_sync);
    tcase_add_test(tests, only_a_pin_is_written_over_a_damaged_state_file);
    tcase_add_test(tests, a_mark_that_is_cleared_stays_cleared);
    tcase_add_test(tests, a_pin_keeps_the_marks_of_another_machine);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
