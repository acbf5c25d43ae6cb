/*
 * Every row of the table in copy_artifact.h: what there may be of an artifact in the target,
 * and what becomes of it. What stores do in the middle is test_copy_artifact_steps.c.
 */
#include "backup/copy_artifact.h"

#include "base/memory.h"
#include "tests/support/run_suite.h"
#include "tests/support/world.h"

/* A folder and a bucket, each in its turn. */
static const char *const targets[] = {"third", "offsite"};
enum { TARGETS = sizeof targets / sizeof *targets };

static struct world world;
static const char *id; /* a backup in nas alone */
static bool spoilt;    /* something was done behind everybody's back */

static void setup(void)
{
    static const struct world_spec spec = {.job = "stores = [ \"nas\" ];"};
    world_begin(&world, &spec);
    world_programs("pg_dump", "rows=60"); /* four parts */
    id = world_take(&world);
    spoilt = false;
}

static void teardown(void)
{
    world_end(&world);
}

static void copied(const char *from, const char *to, enum copy_artifact_outcome outcome)
{
    ck_assert_msg(world_copy(&world, id, from, to) == 0, "%s", world.err.text);
    ck_assert_str_eq(copy_artifact_outcome_name(world.copied.outcome),
                     copy_artifact_outcome_name(outcome));
    world_assert_state(&world, id, to, CATALOG_COPY_COMPLETE);
    world_assert_settled(&world);
}

static void refused(const char *from, const char *to, enum err_kind kind, const char *text)
{
    ck_assert_int_eq(world_copy(&world, id, from, to), -1);
    ck_assert_msg(strstr(world.err.text, text) != NULL, "%s", world.err.text);
    ck_assert_str_eq(err_kind_name(world.err.kind), err_kind_name(kind));
    if (!spoilt)
        world_assert_honest(&world);
}

static void spoil(const char *store, enum keys_kind kind)
{
    spoilt = true;
    memory_store_spoil(world_store(&world, store), world_key(&world, id, kind), 500);
}

static void drop(const char *store, enum keys_kind kind)
{
    spoilt = true;
    memory_store_drop(world_store(&world, store), world_key(&world, id, kind));
}

static void found(const char *store, enum catalog_copy_state state)
{
    ck_assert_msg(world_verify(&world, id, store, CATALOG_FULL) == 0, "%s", world.err.text);
    ck_assert_str_eq(catalog_copy_state_name(world_state(&world, id, store)),
                     catalog_copy_state_name(state));
}

/* The bytes of the one are those of the other. */
static void assert_same(const char *store, enum keys_kind kind)
{
    const char *key = world_key(&world, id, kind);
    const struct text *one = memory_store_bytes(world_store(&world, "nas"), key);
    const struct text *two = memory_store_bytes(world_store(&world, store), key);
    ck_assert_uint_eq(one->length, two->length);
    ck_assert_mem_eq(one->data, two->data, one->length);
}

static void sql_of_copy(const char *store, const char *set)
{
    char *sql = memory_format("UPDATE copies SET %s WHERE store = (SELECT id FROM stores"
                              " WHERE name = '%s')",
                              set, store);
    world_sql(&world, sql);
    free(sql);
}

/* ---- none ---- */

START_TEST(a_copy_is_the_same_bytes_under_the_same_keys)
{
    copied("nas", targets[_i], COPY_ARTIFACT_COPIED);
    assert_same(targets[_i], KEYS_KIND_DATA);
    assert_same(targets[_i], KEYS_KIND_INDEX);
    assert_same(targets[_i], KEYS_KIND_MANIFEST);
    ck_assert_uint_eq(world.copied.bytes, world_load(&world, id)->stored_bytes);
    ck_assert_uint_eq(world.copied.resumed, 0);
    found(targets[_i], CATALOG_COPY_COMPLETE);
}
END_TEST

START_TEST(a_copy_that_only_the_store_knows_is_not_written_over)
{
    static const enum keys_kind kinds[] = {KEYS_KIND_DATA, KEYS_KIND_INDEX,
                                           KEYS_KIND_MANIFEST};
    copied("nas", targets[_i], COPY_ARTIFACT_COPIED);
    world_sql(&world, "DELETE FROM copies WHERE store <> (SELECT id FROM stores"
                      " WHERE name = 'nas')");
    spoil(targets[_i], KEYS_KIND_DATA);
    ck_assert_int_eq(world_copy(&world, id, "nas", targets[_i]), -1);
    ck_assert_int_eq(world.err.kind, ERR_UNSAFE);
    ck_assert_ptr_nonnull(strstr(world.err.text, "that this catalog does not know"));
    ck_assert_ptr_nonnull(strstr(world.err.text, "hint: pgkeep catalog sync"));
    for (size_t i = 0; i < 3; i++)
        ck_assert(world_has(&world, id, targets[_i], kinds[i]));
}
END_TEST

/* ---- complete ---- */

START_TEST(a_complete_copy_stays_as_it_is)
{
    copied("nas", targets[_i], COPY_ARTIFACT_COPIED);
    unsigned parts = memory_store_steps(world_store(&world, targets[_i]), MEMORY_PART);
    copied("nas", targets[_i], COPY_ARTIFACT_PRESENT);
    ck_assert_uint_eq(memory_store_steps(world_store(&world, targets[_i]), MEMORY_PART),
                      parts);
}
END_TEST

/* ---- missing, damaged ---- */

static const struct {
    enum keys_kind kind;
    bool dropped; /* else spoilt */
    enum catalog_copy_state state;
} breaks[] = {
    {KEYS_KIND_DATA, false, CATALOG_COPY_DAMAGED},
    {KEYS_KIND_DATA, true, CATALOG_COPY_MISSING},
    {KEYS_KIND_INDEX, true, CATALOG_COPY_MISSING},
    {KEYS_KIND_MANIFEST, true, CATALOG_COPY_MISSING},
    {KEYS_KIND_MANIFEST, false, CATALOG_COPY_DAMAGED},
};
enum { BREAKS = sizeof breaks / sizeof *breaks };

static void break_copy(const char *store, int which)
{
    copied("nas", store, COPY_ARTIFACT_COPIED);
    if (breaks[which].dropped)
        drop(store, breaks[which].kind);
    else
        spoil(store, breaks[which].kind);
    found(store, breaks[which].state);
}

START_TEST(a_broken_copy_is_healed)
{
    const char *to = targets[_i % TARGETS];
    break_copy(to, _i / TARGETS);
    copied("nas", to, COPY_ARTIFACT_HEALED);
    assert_same(to, KEYS_KIND_DATA);
    assert_same(to, KEYS_KIND_INDEX);
    assert_same(to, KEYS_KIND_MANIFEST);
    found(to, CATALOG_COPY_COMPLETE);
}
END_TEST

START_TEST(a_copy_that_is_damaged_is_replaced_only_after_the_source_was_read_to_its_end)
{
    const char *to = targets[_i % TARGETS];
    struct store *target = world_store(&world, to);
    break_copy(to, _i / TARGETS);
    size_t count = memory_store_count(target);
    unsigned removed = memory_store_steps(target, MEMORY_REMOVE);
    unsigned begun = memory_store_steps(target, MEMORY_BEGIN);
    spoil("nas", KEYS_KIND_DATA);
    refused("nas", to, ERR_CORRUPT, "SHA-256");
    ck_assert_ptr_nonnull(strstr(world.err.text, "hint: `pgkeep verify"));
    ck_assert_int_eq(world_state(&world, id, to), breaks[_i / TARGETS].state);
    ck_assert_uint_eq(memory_store_count(target), count);
    ck_assert_uint_eq(memory_store_steps(target, MEMORY_REMOVE), removed);
    ck_assert_uint_eq(memory_store_steps(target, MEMORY_BEGIN), begun);
}
END_TEST

START_TEST(a_source_that_stops_in_its_middle_costs_the_broken_copy_nothing)
{
    struct store *source = world_store(&world, "nas");
    break_copy("third", 0);
    for (unsigned n = 1; n < 3; n++) {
        memory_store_fail(source, MEMORY_READ, n, "", ERR_TRANSIENT, false);
        refused("nas", "third", ERR_TRANSIENT, "told to fail");
        memory_store_heal(source);
        world_assert_state(&world, id, "third", CATALOG_COPY_DAMAGED);
        ck_assert(world_has(&world, id, "third", KEYS_KIND_MANIFEST));
    }
    copied("nas", "third", COPY_ARTIFACT_HEALED);
}
END_TEST

START_TEST(what_cannot_be_removed_is_not_replaced)
{
    break_copy("third", 0);
    memory_store_refuse(world_store(&world, "third"), "manifests/", STORE_LOCKED, 0);
    refused("nas", "third", ERR_STORE, "cannot be replaced");
    world_assert_state(&world, id, "third", CATALOG_COPY_DAMAGED);
    memory_store_heal(world_store(&world, "third"));
    copied("nas", "third", COPY_ARTIFACT_HEALED);
}
END_TEST

/* ---- deleted ---- */

static void delete_copy(const char *store)
{
    copied("nas", store, COPY_ARTIFACT_COPIED);
    drop(store, KEYS_KIND_MANIFEST);
    drop(store, KEYS_KIND_INDEX);
    drop(store, KEYS_KIND_DATA);
    drop(store, KEYS_KIND_STATE);
    sql_of_copy(store, "state = 'deleted', deleted = 1, gone = 15");
}

START_TEST(a_deleted_copy_is_brought_back)
{
    delete_copy(targets[_i]);
    copied("nas", targets[_i], COPY_ARTIFACT_COPIED);
    assert_same(targets[_i], KEYS_KIND_DATA);
}
END_TEST

START_TEST(what_another_machine_put_in_the_place_of_a_deleted_copy_goes_only_for_a_good_one)
{
    copied("nas", targets[_i], COPY_ARTIFACT_COPIED);
    sql_of_copy(targets[_i], "state = 'deleted', deleted = 1, gone = 15");
    spoil("nas", KEYS_KIND_DATA);
    ck_assert_int_eq(world_copy(&world, id, "nas", targets[_i]), -1);
    ck_assert_int_eq(world.err.kind, ERR_CORRUPT);
    ck_assert(world_has(&world, id, targets[_i], KEYS_KIND_MANIFEST));
    ck_assert(world_has(&world, id, targets[_i], KEYS_KIND_DATA));
    world_assert_state(&world, id, "nas", CATALOG_COPY_DAMAGED); /* it is remembered */
    spoil("nas", KEYS_KIND_DATA);                                /* as it was */
    sql_of_copy("nas", "state = 'complete'");
    copied("nas", targets[_i], COPY_ARTIFACT_COPIED);
}
END_TEST

/* ---- failed ---- */

START_TEST(a_failed_copy_of_which_nothing_is_left_begins_anew)
{
    memory_store_fail(world_store(&world, targets[_i]), MEMORY_PART, 2, "", ERR_DENIED,
                      false);
    refused("nas", targets[_i], ERR_DENIED, "told to fail");
    world_assert_state(&world, id, targets[_i], CATALOG_COPY_FAILED);
    world_assert_settled(&world);
    memory_store_heal(world_store(&world, targets[_i]));
    copied("nas", targets[_i], COPY_ARTIFACT_COPIED);
}
END_TEST

/* Removing it was refused as well. */
static void leave_remains(const char *store, enum memory_step step, const char *match,
                          bool did)
{
    memory_store_fail(world_store(&world, store), step, 1, match, ERR_DENIED, did);
    memory_store_fail(world_store(&world, store), MEMORY_REMOVE, 1, "", ERR_DENIED, false);
    memory_store_fail(world_store(&world, store), MEMORY_DISCARD, 1, "", ERR_DENIED, false);
    refused("nas", store, ERR_DENIED, "told to fail");
    const struct catalog_copy *copy = world_copy_row(&world, id, store);
    ck_assert_int_eq(copy->state, CATALOG_COPY_FAILED);
    ck_assert(copy->begun);
    memory_store_heal(world_store(&world, store));
}

START_TEST(what_is_left_of_a_failed_copy_is_cleared_first)
{
    leave_remains(targets[_i], MEMORY_PART, "", true);
    ck_assert_uint_eq(memory_store_open_uploads(world_store(&world, targets[_i])), 1);
    copied("nas", targets[_i], COPY_ARTIFACT_COPIED);
}
END_TEST

START_TEST(objects_that_are_left_of_a_failed_copy_are_cleared_first)
{
    leave_remains(targets[_i], MEMORY_PUT, ".index", true);
    ck_assert(world_has(&world, id, targets[_i], KEYS_KIND_DATA));
    copied("nas", targets[_i], COPY_ARTIFACT_COPIED);
}
END_TEST

START_TEST(a_failed_copy_that_turns_out_whole_only_has_to_be_told)
{
    leave_remains(targets[_i], MEMORY_PUT, "manifests/", true);
    ck_assert(world_has(&world, id, targets[_i], KEYS_KIND_MANIFEST));
    copied("nas", targets[_i], COPY_ARTIFACT_PRESENT);
}
END_TEST

START_TEST(a_manifest_without_its_data_is_not_taken_for_a_copy)
{
    leave_remains(targets[_i], MEMORY_PUT, "manifests/", true);
    drop(targets[_i], KEYS_KIND_DATA);
    copied("nas", targets[_i], COPY_ARTIFACT_COPIED);
}
END_TEST

/* ---- uploading ---- */

static const char *killed_to;
static int copy_to(struct world *of)
{
    return world_copy(of, id, "nas", killed_to);
}

/* A copy whose process is killed at its n-th step of that kind in the target. */
static void kill_at(const char *to, enum memory_step step, unsigned n, bool did)
{
    struct store *target = world_store(&world, to);
    killed_to = to;
    memory_store_kill(target, step, n, did);
    ck_assert(world_killed(&world, copy_to, NULL));
    memory_store_heal(target);
    world_assert_honest(&world);
    world_assert_state(&world, id, to, CATALOG_COPY_UPLOADING);
}

START_TEST(an_interrupted_copy_is_resumed_where_it_was)
{
    const char *to = targets[_i];
    kill_at(to, MEMORY_PART, 3, false);
    unsigned before = memory_store_steps(world_store(&world, to), MEMORY_PART);
    copied("nas", to, COPY_ARTIFACT_RESUMED);
    ck_assert_uint_eq(world.copied.resumed, 2000);
    /* The first two are not sent again. */
    ck_assert_uint_eq(memory_store_steps(world_store(&world, to), MEMORY_PART) - before,
                      (world.copied.bytes + 999) / 1000 - 2);
    assert_same(to, KEYS_KIND_DATA);
    found(to, CATALOG_COPY_COMPLETE);
}
END_TEST

START_TEST(a_copy_killed_before_its_data_was_visible_goes_on_without_sending_again)
{
    kill_at(targets[_i], MEMORY_FINISH, 1, false);
    copied("nas", targets[_i], COPY_ARTIFACT_RESUMED);
    ck_assert_uint_eq(world.copied.resumed, world.copied.bytes);
    assert_same(targets[_i], KEYS_KIND_DATA);
}
END_TEST

START_TEST(what_lay_there_of_an_interrupted_copy_is_held_against_the_source)
{
    kill_at(targets[_i], MEMORY_PART, 3, false);
    memory_store_spoil_uploads(world_store(&world, targets[_i]), 700);
    refused("nas", targets[_i], ERR_CORRUPT,
            "the 2000 bytes that an earlier try had left are not those of the backup");
    world_assert_state(&world, id, targets[_i], CATALOG_COPY_FAILED);
    world_assert_settled(&world);
    ck_assert(!world_has(&world, id, targets[_i], KEYS_KIND_DATA));
    copied("nas", targets[_i], COPY_ARTIFACT_COPIED);
}
END_TEST

START_TEST(an_upload_that_is_gone_is_begun_anew)
{
    struct store *target = world_store(&world, targets[_i]);
    struct store_pending pending;
    kill_at(targets[_i], MEMORY_PART, 3, false);
    ck_assert(memory_store_upload(target, 0, &pending));
    ck_assert_int_eq(store_abort_pending(target, pending.key, pending.handle, &world.err),
                     0);
    copied("nas", targets[_i], COPY_ARTIFACT_COPIED);
    ck_assert_uint_eq(world.copied.resumed, 0);
}
END_TEST

START_TEST(a_longer_upload_than_the_artifact_is_not_continued)
{
    kill_at(targets[_i], MEMORY_FINISH, 1, false);
    struct catalog_copy copy = *world_copy_row(&world, id, targets[_i]);
    char *key = memory_strdup(copy.key);
    struct store_upload_spec spec = {.key = key, .id = id};
    struct store_resumed at;
    unsigned char data[100] = {0};
    struct part part = {.data = data, .size = sizeof data, .last = true};
    struct store_upload *upload = store_upload_resume(world_store(&world, targets[_i]),
                                                      &spec, copy.upload, &at, &world.err);
    part.offset = at.offset;
    part.number = at.next_number;
    ck_assert_int_eq(store_upload_part(upload, &part, &world.err), 0);
    memory_store_fail(world_store(&world, targets[_i]), MEMORY_DISCARD, 1, "", ERR_STORE,
                      false);
    store_upload_free(upload);
    memory_store_heal(world_store(&world, targets[_i]));
    copied("nas", targets[_i], COPY_ARTIFACT_COPIED);
    free(key);
}
END_TEST

START_TEST(an_upload_whose_handle_was_never_noted_is_aborted)
{
    /* A bucket's is there before its handle can be told. */
    kill_at("offsite", MEMORY_BEGIN, 1, true);
    ck_assert_uint_eq(memory_store_open_uploads(world_store(&world, "offsite")), 1);
    ck_assert_ptr_null(world_copy_row(&world, id, "offsite")->upload);
    copied("nas", "offsite", COPY_ARTIFACT_COPIED);
}
END_TEST

START_TEST(a_copy_killed_after_its_manifest_is_there)
{
    killed_to = targets[_i];
    struct store *target = world_store(&world, killed_to);
    /* PUTs in the target: page and mark of a new store, index, manifest. */
    memory_store_kill(target, MEMORY_PUT, 4, true);
    ck_assert(world_killed(&world, copy_to, NULL));
    memory_store_heal(target);
    ck_assert(world_has(&world, id, killed_to, KEYS_KIND_MANIFEST));
    copied("nas", killed_to, COPY_ARTIFACT_PRESENT);
}
END_TEST

START_TEST(a_copy_whose_process_lives_or_may_is_left_to_it)
{
    leave_remains(targets[_i], MEMORY_PART, "", true);
    int64_t row = world_copy_row(&world, id, targets[_i])->id;
    ck_assert_int_eq(catalog_copy_reopen(world.catalog, row, &world.err), 0);
    refused("nas", targets[_i], ERR_BUSY,
            "is being copied there already (its process: alive)");
    world_owners_are_elsewhere(&world);
    refused("nas", targets[_i], ERR_BUSY, "(its process: unknown)");
    ck_assert_uint_eq(memory_store_open_uploads(world_store(&world, targets[_i])), 1);
    world_owners_died(&world);
    ck_assert_int_eq(world_copy(&world, id, "nas", targets[_i]), 0);
    world_assert_settled(&world);
}
END_TEST

/* ---- being deleted ---- */

static const char *const leaving[] = {"deleting", "locked", "blocked"};

START_TEST(a_copy_that_is_being_deleted_is_not_interfered_with)
{
    char *set =
        memory_format("state = '%s', marked = 1, delete_reason = 'old'", leaving[_i]);
    copied("nas", "third", COPY_ARTIFACT_COPIED);
    sql_of_copy("third", set);
    refused("nas", "third", ERR_UNSAFE, "it is being deleted");
    ck_assert_ptr_nonnull(strstr(world.err.text, leaving[_i]));
    free(set);
}
END_TEST

/* ---- what cannot be copied ---- */

START_TEST(only_a_complete_backup_can_be_copied)
{
    world_programs("pg_dump", "exit=1");
    ck_assert_int_eq(world_backup(&world, "nightly"), 0);
    id = world_id(&world);
    refused("nas", "third", ERR_USAGE, "is failed: only a complete one can be copied");
    ck_assert_int_eq(world_state(&world, id, "third"), CATALOG_COPY_STATES);
}
END_TEST

START_TEST(a_store_is_no_target_for_itself)
{
    refused("nas", "nas", ERR_USAGE, "are the same store");
}
END_TEST

START_TEST(a_broken_copy_is_no_source)
{
    copied("nas", "third", COPY_ARTIFACT_COPIED);
    drop("nas", KEYS_KIND_INDEX);
    found("nas", CATALOG_COPY_MISSING);
    refused("nas", "offsite", ERR_NOT_FOUND, "is missing: it is no source");
    copied("third", "nas", COPY_ARTIFACT_HEALED);
    copied("nas", "offsite", COPY_ARTIFACT_COPIED);
}
END_TEST

START_TEST(a_store_without_the_backup_is_no_source)
{
    copied("nas", "third", COPY_ARTIFACT_COPIED);
    refused("offsite", "third", ERR_NOT_FOUND, "no good copy in store \"offsite\"");
}
END_TEST

static const struct {
    enum keys_kind kind;
    bool dropped;
    enum err_kind error;
    const char *says;
} sources[] = {
    {KEYS_KIND_MANIFEST, true, ERR_NOT_FOUND, "the manifest is missing"},
    {KEYS_KIND_INDEX, true, ERR_NOT_FOUND, "the chunk index is missing"},
    {KEYS_KIND_DATA, true, ERR_NOT_FOUND, ""},
    {KEYS_KIND_DATA, false, ERR_CORRUPT, "SHA-256"},
};

START_TEST(a_source_that_is_not_whole_leaves_nothing_in_the_target)
{
    if (sources[_i].dropped)
        drop("nas", sources[_i].kind);
    else
        spoil("nas", sources[_i].kind);
    ck_assert_int_eq(world_copy(&world, id, "nas", "third"), -1);
    ck_assert_msg(strstr(world.err.text, sources[_i].says) != NULL, "%s", world.err.text);
    ck_assert_str_eq(err_kind_name(world.err.kind), err_kind_name(sources[_i].error));
    for (int kind = KEYS_KIND_DATA; kind <= KEYS_KIND_MANIFEST; kind++)
        ck_assert(!world_has(&world, id, "third", (enum keys_kind)kind));
    ck_assert_uint_eq(memory_store_open_uploads(world_store(&world, "third")), 0);
}
END_TEST

START_TEST(a_spoilt_index_is_not_copied)
{
    memory_store_spoil(world_store(&world, "nas"), world_key(&world, id, KEYS_KIND_INDEX),
                       20);
    refused("nas", "third", ERR_CORRUPT, "the chunk index is not what was stored");
}
END_TEST

START_TEST(a_manifest_of_other_bytes_than_the_catalog_knows_is_not_copied)
{
    world_sql(&world, "UPDATE artifacts SET stored_bytes = stored_bytes + 1");
    ck_assert_int_eq(world_copy(&world, id, "nas", "third"), -1);
    ck_assert_int_eq(world.err.kind, ERR_CORRUPT);
    ck_assert_ptr_nonnull(strstr(world.err.text, "another hash or size than the catalog"));
}
END_TEST

START_TEST(copies_under_different_keys_are_not_mixed)
{
    delete_copy("third");
    sql_of_copy("third", "key = key || 'x'");
    ck_assert_int_eq(world_copy(&world, id, "nas", "third"), -1);
    ck_assert_int_eq(world.err.kind, ERR_CORRUPT);
    ck_assert_ptr_nonnull(strstr(world.err.text, "different keys"));
}
END_TEST

START_TEST(a_compression_that_nobody_knows_is_not_copied)
{
    world_sql(&world, "UPDATE artifacts SET compression = 'lzma'");
    ck_assert_int_eq(world_copy(&world, id, "nas", "third"), -1);
    ck_assert_int_eq(world.err.kind, ERR_CORRUPT);
    ck_assert_ptr_nonnull(strstr(world.err.text, "lzma"));
}
END_TEST

static Suite *suite(void)
{
    Suite *suite = suite_create("copy_artifact");
    TCase *tcase = tcase_create("copy_artifact");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_loop_test(tcase, a_copy_is_the_same_bytes_under_the_same_keys, 0, TARGETS);
    tcase_add_loop_test(tcase, a_copy_that_only_the_store_knows_is_not_written_over, 0,
                        TARGETS);
    tcase_add_loop_test(tcase, a_complete_copy_stays_as_it_is, 0, TARGETS);
    tcase_add_loop_test(tcase, a_broken_copy_is_healed, 0, BREAKS * TARGETS);
    tcase_add_loop_test(
        tcase, a_copy_that_is_damaged_is_replaced_only_after_the_source_was_read_to_its_end,
        0, BREAKS * TARGETS);
    tcase_add_test(tcase, a_source_that_stops_in_its_middle_costs_the_broken_copy_nothing);
    tcase_add_test(tcase, what_cannot_be_removed_is_not_replaced);
    tcase_add_loop_test(tcase, a_deleted_copy_is_brought_back, 0, TARGETS);
    tcase_add_loop_test(
        tcase,
        what_another_machine_put_in_the_place_of_a_deleted_copy_goes_only_for_a_good_one, 0,
        TARGETS);
    tcase_add_loop_test(tcase, a_failed_copy_of_which_nothing_is_left_begins_anew, 0,
                        TARGETS);
    tcase_add_loop_test(tcase, what_is_left_of_a_failed_copy_is_cleared_first, 0, TARGETS);
    tcase_add_loop_test(tcase, objects_that_are_left_of_a_failed_copy_are_cleared_first, 0,
                        TARGETS);
    tcase_add_loop_test(tcase, a_failed_copy_that_turns_out_whole_only_has_to_be_told, 0,
                        TARGETS);
    tcase_add_loop_test(tcase, a_manifest_without_its_data_is_not_taken_for_a_copy, 0,
                        TARGETS);
    tcase_add_loop_test(tcase, an_interrupted_copy_is_resumed_where_it_was, 0, TARGETS);
    tcase_add_loop_test(
        tcase, a_copy_killed_before_its_data_was_visible_goes_on_without_sending_again, 0,
        TARGETS);
    tcase_add_loop_test(tcase,
                        what_lay_there_of_an_interrupted_copy_is_held_against_the_source, 0,
                        TARGETS);
    tcase_add_loop_test(tcase, an_upload_that_is_gone_is_begun_anew, 0, TARGETS);
    tcase_add_loop_test(tcase, a_longer_upload_than_the_artifact_is_not_continued, 0,
                        TARGETS);
    tcase_add_test(tcase, an_upload_whose_handle_was_never_noted_is_aborted);
    tcase_add_loop_test(tcase, a_copy_killed_after_its_manifest_is_there, 0, TARGETS);
    tcase_add_loop_test(tcase, a_copy_whose_process_lives_or_may_is_left_to_it, 0, TARGETS);
    tcase_add_loop_test(tcase, a_copy_that_is_being_deleted_is_not_interfered_with, 0,
                        sizeof leaving / sizeof *leaving);
    tcase_add_test(tcase, only_a_complete_backup_can_be_copied);
    tcase_add_test(tcase, a_store_is_no_target_for_itself);
    tcase_add_test(tcase, a_broken_copy_is_no_source);
    tcase_add_test(tcase, a_store_without_the_backup_is_no_source);
    tcase_add_loop_test(tcase, a_source_that_is_not_whole_leaves_nothing_in_the_target, 0,
                        sizeof sources / sizeof *sources);
    tcase_add_test(tcase, a_spoilt_index_is_not_copied);
    tcase_add_test(tcase, a_manifest_of_other_bytes_than_the_catalog_knows_is_not_copied);
    tcase_add_test(tcase, copies_under_different_keys_are_not_mixed);
    tcase_add_test(tcase, a_compression_that_nobody_knows_is_not_copied);
    suite_add_tcase(suite, tcase);
    return suite;
}

int main(void)
{
    return run_suite(suite());
}
