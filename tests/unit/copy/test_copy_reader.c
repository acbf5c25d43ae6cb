/* Which copy is read, under what lease, and that no byte of it is believed unchecked. */
#include "copy/copy_reader.h"

#include "base/memory.h"
#include "stream/index.h"
#include "tests/support/run_suite.h"
#include "tests/support/store_seam.h"
#include "tests/support/world.h"

#define LEASES "SELECT count(*) FROM leases"

static struct world world;
static const char *id; /* in nas and offsite */
static struct text got, whole;
static const struct copy_reader_spec any = {0};

static void begin(const char *job)
{
    struct world_spec spec = {.job = job};
    world_begin(&world, &spec);
    world_programs("pg_dump", "rows=300");
    id = world_take(&world);
    text_init(&got, 1 << 20);
    text_init(&whole, 1 << 20);
    text_add(&whole, "");
    const struct text *data = memory_store_bytes(world_store(&world, "nas"),
                                                 world_key(&world, id, KEYS_KIND_DATA));
    text_add_bytes(&whole, data->data, data->length);
}

static void setup(void)
{
    begin(NULL);
}

static void teardown(void)
{
    text_release(&got);
    text_release(&whole);
    world_end(&world);
}

static struct store *nas(void)
{
    return world_store(&world, "nas");
}

static void assert_error(enum err_kind kind, const char *text)
{
    ck_assert_msg(strstr(world.err.text, text) != NULL, "%s", world.err.text);
    ck_assert_str_eq(err_kind_name(world.err.kind), err_kind_name(kind));
}

static struct copy_reader *opened(const struct copy_reader_spec *spec, const char *store)
{
    struct copy_reader *reader = world_open(&world, id, spec);
    ck_assert_msg(reader != NULL, "%s", world.err.text);
    ck_assert_str_eq(copy_reader_copy(reader)->store, store);
    return reader;
}

static void assert_opens(const struct copy_reader_spec *spec, const char *store)
{
    copy_reader_close(opened(spec, store));
    ck_assert_int_eq(world_number(&world, LEASES), 0);
}

static void assert_refused(const struct copy_reader_spec *spec, enum err_kind kind,
                           const char *text)
{
    ck_assert_ptr_null(world_open(&world, id, spec));
    assert_error(kind, text);
    ck_assert_int_eq(world_number(&world, LEASES), 0);
}

static void read_all(enum copy_reader_form form)
{
    text_clear(&got);
    ck_assert_msg(world_read(&world, world_open(&world, id, &any), form, &got) == 0, "%s",
                  world.err.text);
}

static void assert_corrupt(enum copy_reader_form form, const char *text)
{
    const struct copy_reader_spec from = {.store = "nas"};
    text_clear(&got);
    ck_assert_int_eq(world_read(&world, world_open(&world, id, &from), form, &got), -1);
    assert_error(ERR_CORRUPT, text);
    ck_assert_int_eq(world_number(&world, LEASES), 0);
}

static void set_state(const char *store, const char *state)
{
    char *sql = memory_format("UPDATE copies SET state = '%s' WHERE store = (SELECT id FROM"
                              " stores WHERE name = '%s')",
                              state, store);
    world_sql(&world, sql);
    free(sql);
}

/* ---- which ---- */

START_TEST(folders_come_before_buckets)
{
    assert_opens(&any, "nas");
    set_state("nas", "damaged");
    assert_opens(&any, "offsite");
}
END_TEST

START_TEST(who_wants_a_url_is_given_a_bucket)
{
    const struct copy_reader_spec url = {.for_url = true};
    assert_opens(&url, "offsite");
    set_state("offsite", "missing");
    assert_refused(&url, ERR_NOT_FOUND, "no good copy in any bucket, and a folder has no");
}
END_TEST

START_TEST(a_store_that_is_named_is_the_one)
{
    const struct copy_reader_spec named = {.store = "offsite"};
    const struct copy_reader_spec other = {.store = "third"};
    assert_opens(&named, "offsite");
    assert_refused(&other, ERR_NOT_FOUND, "has no good copy in store \"third\"");
    ck_assert_ptr_nonnull(strstr(world.err.text, "hint: `pgkeep show"));
}
END_TEST

static const char *const broken[] = {"missing", "damaged"};

START_TEST(a_broken_copy_is_read_only_by_who_names_its_store_or_verifies)
{
    const struct copy_reader_spec named = {.store = "nas"}, check = {.broken_too = true};
    set_state("nas", broken[_i]);
    set_state("offsite", broken[_i]);
    assert_refused(&any, ERR_CORRUPT, "has no good copy in any store");
    assert_opens(&named, "nas");
    assert_opens(&check, "nas");
}
END_TEST

static const char *const not_there[] = {"uploading", "failed",  "deleting",
                                        "locked",    "blocked", "deleted"};

START_TEST(what_is_not_there_whole_is_read_by_nobody)
{
    const struct copy_reader_spec check = {.store = "nas", .broken_too = true};
    set_state("nas", not_there[_i]);
    assert_refused(&check, ERR_NOT_FOUND, "no good copy in store \"nas\"");
    assert_opens(&any, "offsite");
}
END_TEST

START_TEST(a_backup_that_failed_has_nothing_to_read)
{
    world_programs("pg_dump", "exit=1");
    ck_assert_int_eq(world_backup(&world, "nightly"), 0);
    id = world_id(&world);
    assert_refused(&any, ERR_NOT_FOUND, "is failed: there is nothing to read");
}
END_TEST

START_TEST(a_store_that_does_not_answer_is_passed_over_while_there_is_another)
{
    memory_store_fail(nas(), MEMORY_CHECK, 1, "", ERR_TRANSIENT, false);
    assert_opens(&any, "offsite");
    store_seam_refuse("offsite", ERR_CONFIG, "no secret key");
    assert_refused(&any, ERR_CONFIG, "no secret key");
    memory_store_heal(nas());
    assert_opens(&any, "nas");
}
END_TEST

START_TEST(a_cancel_is_no_reason_to_try_the_next_store)
{
    memory_store_fail(nas(), MEMORY_CHECK, 1, "", ERR_CANCELLED, false);
    assert_refused(&any, ERR_CANCELLED, "told to fail");
    ck_assert_uint_eq(store_seam_opened("offsite"), 1); /* by the backup */
}
END_TEST

/* A prune of another process was faster than the list of copies that we have. */
START_TEST(a_copy_that_is_marked_for_deletion_meanwhile_is_passed_over)
{
    world_sql(&world, "CREATE TRIGGER other BEFORE UPDATE ON stores"
                      " WHEN NEW.name = 'nas' BEGIN"
                      " UPDATE copies SET state = 'deleting' WHERE store = NEW.id; END");
    struct copy_reader *reader = opened(&any, "offsite");
    ck_assert_int_eq(world_number(&world, LEASES), 1);
    copy_reader_close(reader);
    ck_assert_int_eq(world_state(&world, id, "nas"), CATALOG_COPY_DELETING);
}
END_TEST

START_TEST(a_copy_is_leased_as_long_as_it_is_open)
{
    struct copy_reader *reader = opened(&any, "nas");
    ck_assert_int_eq(world_number(&world, LEASES " WHERE purpose = 'being tested'"), 1);
    ck_assert_str_eq(copy_reader_repository(reader)->name, "nas");
    copy_reader_close(reader);
    ck_assert_int_eq(world_number(&world, LEASES), 0);
}
END_TEST

/* ---- as it lies there ---- */

START_TEST(stored_bytes_come_as_they_are)
{
    read_all(COPY_READER_STORED);
    ck_assert_uint_eq(got.length, whole.length);
    ck_assert_mem_eq(got.data, whole.data, whole.length);
}
END_TEST

START_TEST(one_bit_that_is_wrong_is_found_wherever_it_is)
{
    const char *key = world_key(&world, id, KEYS_KIND_DATA);
    for (uint64_t at = 0; at < whole.length; at += 997) {
        memory_store_spoil(nas(), key, at);
        assert_corrupt(COPY_READER_STORED, "SHA-256 of the stored bytes");
        assert_corrupt(COPY_READER_DECODED, "");
        memory_store_spoil(nas(), key, at); /* as it was */
    }
    read_all(COPY_READER_STORED);
}
END_TEST

START_TEST(an_object_of_another_size_is_not_even_read)
{
    memory_store_cut(nas(), world_key(&world, id, KEYS_KIND_DATA), whole.length - 1);
    assert_corrupt(COPY_READER_STORED, "were stored");
    assert_corrupt(COPY_READER_DECODED, "were stored");
    ck_assert_uint_eq(got.length, 0);
    ck_assert_uint_eq(memory_store_steps(nas(), MEMORY_READ), 0);
}
END_TEST

START_TEST(data_that_is_gone_is_not_found)
{
    const struct copy_reader_spec from = {.store = "nas"};
    memory_store_drop(nas(), world_key(&world, id, KEYS_KIND_DATA));
    ck_assert_int_eq(
        world_read(&world, world_open(&world, id, &from), COPY_READER_STORED, &got), -1);
    ck_assert_int_eq(world.err.kind, ERR_NOT_FOUND);
}
END_TEST

START_TEST(as_long_as_nothing_was_handed_on_another_copy_takes_its_place)
{
    memory_store_drop(nas(), world_key(&world, id, KEYS_KIND_DATA));
    memory_store_drop(nas(), world_key(&world, id, KEYS_KIND_INDEX));
    read_all(COPY_READER_STORED);
    ck_assert_int_eq(memcmp(got.data, whole.data, whole.length), 0);
    set_state("nas", "complete");
    read_all(COPY_READER_DECODED);
    ck_assert_uint_eq(got.length, whole.length);
    /* Without any index, too: there the whole is checked at the end. */
    set_state("nas", "complete");
    memory_store_drop(world_store(&world, "offsite"),
                      world_key(&world, id, KEYS_KIND_INDEX));
    read_all(COPY_READER_DECODED);
    ck_assert_uint_eq(got.length, whole.length);
}
END_TEST

/* Whole, of so many bytes as the artifact has, and of another backup: believed, it would condemn
 * the data of every copy. */
START_TEST(an_index_that_is_not_the_manifests_condemns_no_data)
{
    const char *index = world_key(&world, id, KEYS_KIND_INDEX);
    char *first = memory_strdup(index);
    world_programs("pg_dump", "rows=300 version=15.98");
    const char *second = world_key(&world, world_take(&world), KEYS_KIND_INDEX);
    static const char *const stores[] = {"nas", "offsite"};
    for (size_t i = 0; i < 2; i++) {
        struct store *store = world_store(&world, stores[i]);
        const struct text *other = memory_store_bytes(store, second);
        struct text bytes;
        text_init(&bytes, 1 << 20);
        text_add_bytes(&bytes, other->data, other->length);
        ck_assert_int_eq(store_put(store, first, bytes.data, bytes.length, &world.err), 0);
        text_release(&bytes);
    }
    read_all(COPY_READER_DECODED);
    ck_assert_uint_eq(got.length, whole.length);
    ck_assert_int_eq(memcmp(got.data, whole.data, whole.length), 0);
    ck_assert_int_eq(
        world_number(&world, "SELECT count(*) FROM copies WHERE state <> 'complete'"), 0);
    free(first);
}
END_TEST

static const enum copy_reader_form forms[] = {COPY_READER_STORED, COPY_READER_DECODED};

START_TEST(a_download_that_breaks_off_is_told_with_its_own_error)
{
    memory_store_fail(nas(), MEMORY_READ, 2, "", ERR_TRANSIENT, false);
    /* By the index, the chunk that is lacking comes from the other store. */
    if (forms[_i] == COPY_READER_DECODED) {
        read_all(COPY_READER_DECODED);
        ck_assert_mem_eq(got.data, whole.data, whole.length);
        memory_store_fail(world_store(&world, "offsite"), MEMORY_READ, 2, "", ERR_TRANSIENT,
                          false);
    }
    ck_assert_int_eq(world_read(&world, world_open(&world, id, &any), forms[_i], &got), -1);
    assert_error(ERR_TRANSIENT, _i == 0 ? "store \"nas\": told to fail" : "told to fail");
    ck_assert_int_eq(world_number(&world, LEASES), 0);
}
END_TEST

static int full(void *context, const void *data, size_t size, struct err *err)
{
    (void)context, (void)data, (void)size;
    return err_set(err, ERR_SYSTEM, "the disk is full");
}

START_TEST(the_sinks_error_ends_it)
{
    struct stream_sink sink = {.write = full};
    struct copy_reader *reader = opened(&any, "nas");
    ck_assert_int_eq(copy_reader_run(reader, forms[_i], sink, NULL, &world.err), -1);
    assert_error(ERR_SYSTEM, "the disk is full");
    copy_reader_close(reader);
}
END_TEST

static int count_bytes(void *context, const void *data, size_t size, struct err *err)
{
    (void)data, (void)err;
    *(size_t *)context += size;
    return 0;
}

START_TEST(a_meter_counts_what_was_read)
{
    struct meter meter;
    size_t bytes = 0;
    struct stream_sink sink = {.write = count_bytes, .context = &bytes};
    struct copy_reader *reader = opened(&any, "nas");
    meter_init(&meter, 0);
    ck_assert_int_eq(copy_reader_run(reader, forms[_i], sink, &meter, &world.err), 0);
    ck_assert_uint_eq(bytes, whole.length); /* not compressed */
    ck_assert_uint_eq(atomic_load(&meter.stored_bytes), whole.length);
    ck_assert_uint_eq(atomic_load(&meter.raw_bytes),
                      forms[_i] == COPY_READER_DECODED ? whole.length : 0);
    copy_reader_close(reader);
}
END_TEST

/* ---- decoded ---- */

static const char *const codecs[] = {"gzip:1", "zstd:1", "bzip2:1"};

START_TEST(damage_in_compressed_bytes_never_passes)
{
    char *job = memory_format("compress = \"%s\";", codecs[_i]);
    struct text raw;
    text_init(&raw, 1 << 20);
    text_add_bytes(&raw, whole.data, whole.length);
    teardown();
    begin(job);
    read_all(COPY_READER_DECODED);
    ck_assert_uint_eq(got.length, raw.length);
    ck_assert_mem_eq(got.data, raw.data, raw.length);
    const char *key = world_key(&world, id, KEYS_KIND_DATA);
    for (uint64_t at = 0; at < whole.length; at += 31) {
        memory_store_spoil(nas(), key, at);
        assert_corrupt(COPY_READER_DECODED, "");
        /* What went before it was checked chunk by chunk; nothing of its own is in there. */
        ck_assert_uint_le(got.length, raw.length);
        ck_assert(got.length == 0 || memcmp(got.data, raw.data, got.length) == 0);
        memory_store_spoil(nas(), key, at);
    }
    text_release(&raw);
    free(job);
}
END_TEST

START_TEST(without_a_usable_index_the_whole_is_still_checked)
{
    const char *index = world_key(&world, id, KEYS_KIND_INDEX);
    if (_i == 0)
        memory_store_drop(nas(), index);
    else if (_i == 1)
        memory_store_cut(nas(), index, 30);
    else
        memory_store_spoil(nas(), index, 25);
    read_all(COPY_READER_DECODED);
    ck_assert_uint_eq(got.length, whole.length);
    memory_store_spoil(nas(), world_key(&world, id, KEYS_KIND_DATA), 5000);
    assert_corrupt(COPY_READER_DECODED, "SHA-256");
}
END_TEST

/* Where the chunks of the stored object begin. */
static size_t chunk_begins(uint64_t *at, size_t max)
{
    struct err err = {0};
    struct index_entry entry = {0};
    const struct text *bytes =
        memory_store_bytes(nas(), world_key(&world, id, KEYS_KIND_INDEX));
    struct index_reader *lines = index_reader_new(bytes->data, bytes->length, &err);
    size_t count = 0;
    while (count < max && index_reader_next(lines, &entry, &err) == 1) {
        at[count++] = entry.stored.from;
        index_entry_release(&entry);
    }
    index_reader_free(lines);
    return count;
}

START_TEST(copies_that_lack_different_chunks_are_whole_together)
{
    uint64_t at[8];
    const char *key = world_key(&world, id, KEYS_KIND_DATA);
    size_t count = chunk_begins(at, 8);
    ck_assert_uint_ge(count, 3);
    for (size_t i = 0; i < count; i++)
        memory_store_spoil(i % 2 == 0 ? nas() : world_store(&world, "offsite"), key, at[i]);
    read_all(COPY_READER_DECODED);
    ck_assert_uint_eq(got.length, whole.length);
    ck_assert_mem_eq(got.data, whole.data, whole.length);
    ck_assert_int_eq(
        world_number(&world, "SELECT count(*) FROM copies WHERE state = 'damaged'"), 2);
    /* One chunk that none of them has ends it. */
    set_state("nas", "complete");
    set_state("offsite", "complete");
    memory_store_spoil(nas(), key, at[1]);
    text_clear(&got);
    ck_assert_int_eq(
        world_read(&world, world_open(&world, id, &any), COPY_READER_DECODED, &got), -1);
    assert_error(ERR_CORRUPT, "chunk 2");
    ck_assert_uint_eq(got.length, at[1]); /* stored as it is */
}
END_TEST

START_TEST(without_an_index_the_sum_of_all_decoded_bytes_must_be_right)
{
    memory_store_drop(nas(), world_key(&world, id, KEYS_KIND_INDEX));
    world_sql(&world, "UPDATE artifacts SET raw_sha256 = NULL");
    assert_corrupt(COPY_READER_DECODED, "SHA-256 of the decoded bytes");
}
END_TEST

START_TEST(an_index_of_other_bytes_is_not_used)
{
    char *first = memory_strdup(world_key(&world, id, KEYS_KIND_INDEX));
    world_programs("pg_dump", "rows=30");
    const char *second = world_key(&world, world_take(&world), KEYS_KIND_INDEX);
    const struct text *other = memory_store_bytes(nas(), second);
    char *bytes = memory_strndup("", 0);
    size_t size = other->length;
    free(bytes);
    bytes = memory_alloc(size);
    memcpy(bytes, other->data, size);
    ck_assert_int_eq(store_put(nas(), first, bytes, size, &world.err), 0);
    read_all(COPY_READER_DECODED);
    ck_assert_uint_eq(got.length, whole.length);
    free(bytes);
    free(first);
}
END_TEST

START_TEST(an_index_that_cannot_be_asked_for_comes_from_the_other_store)
{
    memory_store_fail(nas(), MEMORY_GET, 1, ".index", ERR_DENIED, false);
    read_all(COPY_READER_DECODED);
    ck_assert_uint_eq(got.length, whole.length);
    ck_assert_int_eq(
        world_number(&world, "SELECT count(*) FROM copies WHERE state = 'complete'"), 2);
}
END_TEST

START_TEST(a_codec_that_nobody_knows_is_an_error)
{
    world_sql(&world, "UPDATE artifacts SET compression = 'lzma'");
    assert_corrupt(COPY_READER_DECODED, "unknown compression \"lzma\"");
    read_all(COPY_READER_STORED);
}
END_TEST

static const struct {
    const char *set, *says;
} facts[] = {
    {"sha256 = replace(sha256, substr(sha256, 1, 1), 'x')", "SHA-256 of the stored bytes"},
    {"raw_bytes = raw_bytes + 1", "bytes came out"},
};

START_TEST(bytes_that_are_not_those_of_the_catalog_are_refused)
{
    char *sql = memory_format("UPDATE artifacts SET %s", facts[_i].set);
    world_sql(&world, sql);
    assert_corrupt(COPY_READER_DECODED, facts[_i].says);
    free(sql);
}
END_TEST

static Suite *suite(void)
{
    Suite *suite = suite_create("copy_reader");
    TCase *tcase = tcase_create("copy_reader");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, folders_come_before_buckets);
    tcase_add_test(tcase, who_wants_a_url_is_given_a_bucket);
    tcase_add_test(tcase, a_store_that_is_named_is_the_one);
    tcase_add_loop_test(
        tcase, a_broken_copy_is_read_only_by_who_names_its_store_or_verifies, 0, 2);
    tcase_add_loop_test(tcase, what_is_not_there_whole_is_read_by_nobody, 0,
                        sizeof not_there / sizeof *not_there);
    tcase_add_test(tcase, a_backup_that_failed_has_nothing_to_read);
    tcase_add_test(tcase,
                   a_store_that_does_not_answer_is_passed_over_while_there_is_another);
    tcase_add_test(tcase, a_cancel_is_no_reason_to_try_the_next_store);
    tcase_add_test(tcase, a_copy_that_is_marked_for_deletion_meanwhile_is_passed_over);
    tcase_add_test(tcase, a_copy_is_leased_as_long_as_it_is_open);
    tcase_add_test(tcase, stored_bytes_come_as_they_are);
    tcase_add_test(tcase, one_bit_that_is_wrong_is_found_wherever_it_is);
    tcase_add_test(tcase, an_object_of_another_size_is_not_even_read);
    tcase_add_test(tcase, data_that_is_gone_is_not_found);
    tcase_add_test(tcase, as_long_as_nothing_was_handed_on_another_copy_takes_its_place);
    tcase_add_test(tcase, an_index_that_is_not_the_manifests_condemns_no_data);
    tcase_add_loop_test(tcase, a_download_that_breaks_off_is_told_with_its_own_error, 0, 2);
    tcase_add_loop_test(tcase, the_sinks_error_ends_it, 0, 2);
    tcase_add_loop_test(tcase, a_meter_counts_what_was_read, 0, 2);
    tcase_add_loop_test(tcase, damage_in_compressed_bytes_never_passes, 0,
                        sizeof codecs / sizeof *codecs);
    tcase_add_loop_test(tcase, without_a_usable_index_the_whole_is_still_checked, 0, 3);
    tcase_add_test(tcase, copies_that_lack_different_chunks_are_whole_together);
    tcase_add_test(tcase, without_an_index_the_sum_of_all_decoded_bytes_must_be_right);
    tcase_add_test(tcase, an_index_of_other_bytes_is_not_used);
    tcase_add_test(tcase, an_index_that_cannot_be_asked_for_comes_from_the_other_store);
    tcase_add_test(tcase, a_codec_that_nobody_knows_is_an_error);
    tcase_add_loop_test(tcase, bytes_that_are_not_those_of_the_catalog_are_refused, 0,
                        sizeof facts / sizeof *facts);
    suite_add_tcase(suite, tcase);
    return suite;
}

int main(void)
{
    return run_suite(suite());
}
