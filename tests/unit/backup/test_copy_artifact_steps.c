/*
 * Copies whose source or target fails, or whose process is killed, at every one of their
 * steps: the n-th fails, for n = 1, 2, 3 … until a copy gets through without it. Whatever
 * happened, the catalog says what lies there, and the next `copy` brings it to its end.
 */
#include "backup/copy_artifact.h"

#include "base/memory.h"
#include "catalog/stores.h"
#include "tests/support/run_suite.h"
#include "tests/support/world.h"

enum { STEPS_MAX = 200 };

/* What there is in the target before. */
enum before { NOTHING, DAMAGED, INTERRUPTED, REMAINS };
static const struct way {
    enum before before;
    const char *to;
    bool at_source; /* it fails, not the target */
    bool did;
} ways[] = {
    {NOTHING, "third", false, false},     {NOTHING, "offsite", false, false},
    {NOTHING, "third", false, true},      {NOTHING, "offsite", false, true},
    {NOTHING, "third", true, false},      {DAMAGED, "third", false, false},
    {DAMAGED, "offsite", false, true},    {DAMAGED, "third", true, false},
    {INTERRUPTED, "third", false, false}, {INTERRUPTED, "offsite", false, true},
    {INTERRUPTED, "third", true, false},  {REMAINS, "third", false, false},
    {REMAINS, "offsite", false, true},
};
enum { WAYS = sizeof ways / sizeof *ways };

static struct world world;
static const char *id; /* a backup in nas alone */
static const struct way *way;

static void setup(void)
{
    static const struct world_spec spec = {.job = "stores = [ \"nas\" ];"};
    world_begin(&world, &spec);
    world_programs("pg_dump", "rows=60"); /* four parts */
    id = world_take(&world);
}

static void teardown(void)
{
    world_end(&world);
}

static int copy_it(struct world *of)
{
    return world_copy(of, id, "nas", way->to);
}

static struct store *target(void)
{
    return world_store(&world, way->to);
}

static struct store *failing(void)
{
    return world_store(&world, way->at_source ? "nas" : way->to);
}

/* The target as it was before the first copy. */
static void forget_target(void)
{
    for (const char *key; (key = memory_store_key(target(), 0)) != NULL;)
        memory_store_drop(target(), key);
    ck_assert_uint_eq(memory_store_open_uploads(target()), 0);
    world_sql(
        &world,
        "DELETE FROM verifications; DELETE FROM leases;"
        "DELETE FROM copies WHERE store <> (SELECT id FROM stores WHERE name = 'nas');"
        "DELETE FROM stores WHERE name <> 'nas'");
}

static void kill_it(enum memory_step step, unsigned n)
{
    memory_store_kill(target(), step, n, false);
    ck_assert(world_killed(&world, copy_it, NULL));
    memory_store_heal(target());
}

static void prepare(void)
{
    forget_target();
    switch (way->before) {
    case NOTHING:
        return;
    case DAMAGED:
        ck_assert_msg(copy_it(&world) == 0, "%s", world.err.text);
        memory_store_spoil(target(), world_key(&world, id, KEYS_KIND_DATA), 1);
        ck_assert_int_eq(world_verify(&world, id, way->to, CATALOG_FULL), 0);
        ck_assert_int_eq(world_state(&world, id, way->to), CATALOG_COPY_DAMAGED);
        return;
    case INTERRUPTED:
        kill_it(MEMORY_PART, 3);
        return;
    case REMAINS:
        memory_store_fail(target(), MEMORY_PUT, 3, "", ERR_DENIED, false);
        memory_store_fail(target(), MEMORY_REMOVE, 1, "", ERR_DENIED, false);
        ck_assert_int_eq(copy_it(&world), -1);
        memory_store_heal(target());
        ck_assert(world_has(&world, id, way->to, KEYS_KIND_DATA));
        ck_assert_int_eq(world_state(&world, id, way->to), CATALOG_COPY_FAILED);
        return;
    }
}

/* Whatever was before: the next one brings it to its end. */
static void finish(void)
{
    ck_assert_msg(copy_it(&world) == 0, "%s", world.err.text);
    world_assert_state(&world, id, way->to, CATALOG_COPY_COMPLETE);
    world_assert_settled(&world);
}

/* The n-th step fails, all of them until a copy gets through; after each `check`. */
static void each_step(enum err_kind kind, bool once, void (*check)(int result))
{
    for (unsigned n = 1, through = 0; through == 0; n++) {
        ck_assert_uint_lt(n, STEPS_MAX);
        prepare();
        if (once)
            memory_store_stumble(failing(), MEMORY_ANY, n, "", kind, way->did);
        else
            memory_store_fail(failing(), MEMORY_ANY, n, "", kind, way->did);
        int result = copy_it(&world);
        through = !memory_store_failed(failing());
        ck_assert_msg(!through || result == 0, "%s", world.err.text);
        ck_assert_msg(result == 0 || world.err.kind == kind, "%u: %s", n, world.err.text);
        /* A failure that came too late to matter, as that of a state file, is none. */
        ck_assert_int_eq(result == 0,
                         world_state(&world, id, way->to) == CATALOG_COPY_COMPLETE);
        check(result);
        memory_store_heal(failing());
        finish();
    }
}

static void check_honest(int result)
{
    (void)result;
    /* The damaged one that is still there is what a manifest must not name. */
    if (way->before != DAMAGED || world_state(&world, id, way->to) != CATALOG_COPY_DAMAGED)
        world_assert_honest(&world);
}

/* In bounded time, though cancelled, it undid what it began; only data that became visible
 * without an answer waits for a recovery. */
static void check_undone(int result)
{
    enum catalog_copy_state state = world_state(&world, id, way->to);
    if (result == 0 || state == CATALOG_COPY_FAILED) {
        bool left = state == CATALOG_COPY_FAILED && way->before != REMAINS &&
                    world_copy_row(&world, id, way->to)->begun;
        ck_assert(!left || way->did);
        ck_assert_int_eq(left, left && world_has(&world, id, way->to, KEYS_KIND_DATA));
        check_honest(result);
        return;
    }
    /* Or it had not begun: all is as it was. */
    switch (way->before) {
    case NOTHING:
        ck_assert_int_eq(state, CATALOG_COPY_STATES);
        break;
    case DAMAGED:
        ck_assert_int_eq(state, CATALOG_COPY_DAMAGED);
        break;
    case INTERRUPTED:
        ck_assert_int_eq(state, CATALOG_COPY_UPLOADING);
        ck_assert_uint_eq(memory_store_open_uploads(target()), 1);
        break;
    case REMAINS:
        ck_abort_msg("it was failed");
    }
}

START_TEST(a_store_that_dies_at_its_nth_step_leaves_what_the_next_copy_brings_to_its_end)
{
    way = &ways[_i];
    each_step(ERR_TRANSIENT, false, check_honest);
}
END_TEST

START_TEST(a_store_that_stumbles_once_leaves_the_whole_or_nothing)
{
    way = &ways[_i];
    if (way->did) /* an answer that was lost; the rest is in the test before */
        each_step(ERR_DENIED, true, check_honest);
}
END_TEST

START_TEST(an_interrupted_copy_undoes_what_it_began)
{
    way = &ways[_i];
    each_step(ERR_CANCELLED, false, check_undone);
}
END_TEST

/* As a sweep does it: by what lies there. */
static void sweep(void)
{
    struct recover_counts counts;
    bool whole = world_has(&world, id, way->to, KEYS_KIND_MANIFEST);
    if (world_state(&world, id, way->to) != CATALOG_COPY_UPLOADING)
        return; /* killed before it had a row, or broken as it was before */
    ck_assert_msg(world_recover_store(&world, way->to, true, &counts) == 0, "%s",
                  world.err.text);
    ck_assert_uint_eq(counts.completed, whole);
    ck_assert_uint_eq(counts.cleaned, !whole);
    world_assert_state(&world, id, way->to,
                       whole ? CATALOG_COPY_COMPLETE : CATALOG_COPY_FAILED);
    world_assert_settled(&world);
}

START_TEST(a_copy_killed_at_its_nth_step_is_brought_to_its_end_by_the_next_or_a_sweep)
{
    way = &ways[_i];
    for (unsigned n = 1, killed = 1; killed != 0; n++) {
        ck_assert_uint_lt(n, STEPS_MAX);
        prepare();
        memory_store_kill(failing(), MEMORY_ANY, n, way->did);
        killed = world_killed(&world, copy_it, NULL);
        memory_store_heal(failing());
        check_honest(-1);
        if (n % 2 == (unsigned)_i % 2) /* else the next copy finds it */
            sweep();
        finish();
    }
}
END_TEST

/* A catalog that cannot say `complete` at the end: the copy is not there, and says so. */
START_TEST(a_copy_that_the_catalog_cannot_record_is_undone)
{
    way = &ways[_i];
    world_sql(&world, "CREATE TRIGGER full BEFORE UPDATE OF state ON copies"
                      " WHEN NEW.state = 'complete'"
                      " BEGIN SELECT RAISE(ABORT, 'disk full'); END");
    ck_assert_int_eq(copy_it(&world), -1);
    world_sql(&world, "DROP TRIGGER full");
    ck_assert_ptr_nonnull(strstr(world.err.text, "disk full"));
    world_assert_state(&world, id, way->to, CATALOG_COPY_FAILED);
    world_assert_settled(&world);
    ck_assert(!world_has(&world, id, way->to, KEYS_KIND_MANIFEST));
    finish();
}
END_TEST

static Suite *suite(void)
{
    Suite *suite = suite_create("copy_artifact_steps");
    TCase *tcase = tcase_create("copy_artifact_steps");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_set_timeout(tcase,
                      120); /* some dozens of copies, on a machine that may be busy */
    tcase_add_loop_test(
        tcase,
        a_store_that_dies_at_its_nth_step_leaves_what_the_next_copy_brings_to_its_end, 0,
        WAYS);
    tcase_add_loop_test(tcase, a_store_that_stumbles_once_leaves_the_whole_or_nothing, 0,
                        WAYS);
    tcase_add_loop_test(tcase, an_interrupted_copy_undoes_what_it_began, 0, WAYS);
    tcase_add_loop_test(
        tcase, a_copy_killed_at_its_nth_step_is_brought_to_its_end_by_the_next_or_a_sweep,
        0, WAYS);
    tcase_add_loop_test(tcase, a_copy_that_the_catalog_cannot_record_is_undone, 0, 2);
    suite_add_tcase(suite, tcase);
    return suite;
}

int main(void)
{
    return run_suite(suite());
}
