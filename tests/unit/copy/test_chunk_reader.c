/* Single chunks by ranged reads: only the wanted bytes, every one checked, from whichever copy has them. */
#include "copy/chunk_reader.h"

#include "base/memory.h"
#include "tests/support/run_suite.h"
#include "tests/support/store_seam.h"
#include "tests/support/world.h"

static struct world world;
static const char *id; /* in nas and offsite */
static struct text got;
static struct meter meter;
static const struct copy_reader_spec any = {0};

static void setup(void)
{
    struct world_spec spec = {0};
    world_begin(&world, &spec);
    world_programs("pg_dump", "rows=300");
    id = world_take(&world);
    text_init(&got, 1 << 20);
    meter_init(&meter, 0);
}

static void teardown(void)
{
    text_release(&got);
    world_end(&world);
}

static int keep(void *context, size_t number, const unsigned char *data, size_t size,
                struct err *err)
{
    (void)context;
    (void)number;
    (void)err;
    text_add_bytes(&got, data, size);
    return 0;
}

/* All chunks of tables, or all that are of none; how many there were. */
static int read_chunks(bool of_tables, size_t *count)
{
    struct copy_reader *copy = world_open(&world, id, &any);
    ck_assert_msg(copy != NULL, "%s", world.err.text);
    struct chunk_reader *reader = chunk_reader_open(copy, &world.err);
    struct chunk_sink sink = {.chunk = keep};
    size_t all = 0;
    int result = reader != NULL ? 0 : -1;
    const struct chunk_place *places =
        reader != NULL ? chunk_reader_chunks(reader, &all) : NULL;
    *count = 0;
    text_clear(&got);
    for (size_t i = 0; i < all && result == 0; i++) {
        if ((places[i].table != NULL) != of_tables)
            continue;
        result = chunk_reader_run(reader, i, 1, sink, &meter, &world.err);
        ++*count;
    }
    chunk_reader_close(reader);
    copy_reader_close(copy);
    ck_assert_int_eq(world_number(&world, "SELECT count(*) FROM leases"), 0);
    return result;
}

START_TEST(only_the_wanted_bytes_are_read)
{
    size_t count;
    ck_assert_int_eq(read_chunks(true, &count), 0);
    ck_assert_uint_ge(count, 1);
    ck_assert_ptr_nonnull(strstr(got.data, "COPY "));
    ck_assert_ptr_null(strstr(got.data, "dump complete"));
    ck_assert_uint_eq(atomic_load(&meter.raw_bytes), got.length);
    size_t whole = memory_store_bytes(world_store(&world, "nas"),
                                      world_key(&world, id, KEYS_KIND_DATA))
                       ->length;
    ck_assert_uint_lt(atomic_load(&meter.stored_bytes), whole);
}
END_TEST

START_TEST(both_halves_are_the_whole)
{
    size_t count;
    ck_assert_int_eq(read_chunks(true, &count), 0);
    size_t rows = got.length;
    ck_assert_int_eq(read_chunks(false, &count), 0);
    ck_assert_ptr_nonnull(strstr(got.data, "dump complete"));
    ck_assert_uint_eq(rows + got.length,
                      (size_t)world_number(&world, "SELECT max(raw_bytes) FROM artifacts"));
}
END_TEST

START_TEST(a_damaged_chunk_comes_from_another_copy_and_is_remembered)
{
    size_t count;
    const char *key = world_key(&world, id, KEYS_KIND_DATA);
    const struct text *data = memory_store_bytes(world_store(&world, "nas"), key);
    memory_store_spoil(world_store(&world, "nas"), key, data->length / 2);
    ck_assert_int_eq(read_chunks(true, &count), 0);
    world_assert_state(&world, id, "nas", CATALOG_COPY_DAMAGED);
    world_assert_state(&world, id, "offsite", CATALOG_COPY_COMPLETE);
    memory_store_spoil(world_store(&world, "offsite"), key, data->length / 2);
    ck_assert_int_eq(read_chunks(true, &count), -1);
    ck_assert_int_eq(world.err.kind, ERR_CORRUPT);
}
END_TEST

START_TEST(nothing_is_asked_for_behind_the_last_chunk)
{
    size_t count;
    ck_assert_int_eq(read_chunks(false, &count), 0);
    ck_assert_ptr_nonnull(strstr(got.data, "dump complete"));
    ck_assert_uint_eq(memory_store_steps(world_store(&world, "nas"), MEMORY_READ), count);
}
END_TEST

START_TEST(an_index_that_is_not_the_manifests_is_not_believed)
{
    size_t count;
    const char *key = world_key(&world, id, KEYS_KIND_INDEX);
    memory_store_spoil(world_store(&world, "nas"), key, 30);
    ck_assert_int_eq(read_chunks(true, &count), 0);
    memory_store_drop(world_store(&world, "offsite"), key);
    ck_assert_int_eq(read_chunks(true, &count), -1);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("chunk_reader");
    TCase *tcase = tcase_create("chunk_reader");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, only_the_wanted_bytes_are_read);
    tcase_add_test(tcase, both_halves_are_the_whole);
    tcase_add_test(tcase, a_damaged_chunk_comes_from_another_copy_and_is_remembered);
    tcase_add_test(tcase, nothing_is_asked_for_behind_the_last_chunk);
    tcase_add_test(tcase, an_index_that_is_not_the_manifests_is_not_believed);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
