/* What a check finds, and what it must not conclude. */
#include "copy/verify.h"

#include "base/memory.h"
#include "tests/support/run_suite.h"
#include "tests/support/world.h"

#define CHECKS "SELECT count(*) FROM verifications"

static struct world world;
static const char *id; /* in nas and offsite */

static void setup(void)
{
    world_begin(&world, NULL);
    world_programs("pg_dump", "rows=100");
    id = world_take(&world);
}

static void teardown(void)
{
    world_end(&world);
}

static struct store *nas(void)
{
    return world_store(&world, "nas");
}

static void verify(enum catalog_level level, enum catalog_result wanted)
{
    ck_assert_msg(world_verify(&world, id, "nas", level) == 0, "%s", world.err.text);
    ck_assert_msg(world.checked.result == wanted, "%s, not %s: %s",
                  catalog_result_name(world.checked.result), catalog_result_name(wanted),
                  world.why.text);
    ck_assert_int_eq(world.checked.level, level);
    ck_assert((world.checked.message == NULL) == (wanted == CATALOG_GOOD));
    if (wanted != CATALOG_GOOD)
        ck_assert_str_eq(world.checked.message, world.why.text);
    ck_assert_int_eq(world_number(&world, "SELECT count(*) FROM leases"), 0);
}

static void assert_is(enum catalog_copy_state state)
{
    ck_assert_str_eq(catalog_copy_state_name(world_state(&world, id, "nas")),
                     catalog_copy_state_name(state));
}

/* ---- good ---- */

START_TEST(a_good_copy_is_good_on_either_level)
{
    verify(CATALOG_QUICK, CATALOG_GOOD);
    assert_is(CATALOG_COPY_COMPLETE);
    ck_assert_uint_eq(world.checked.bytes, 0);
    ck_assert_int_eq(world_copy_row(&world, id, "nas")->proven, 0);
    verify(CATALOG_FULL, CATALOG_GOOD);
    ck_assert_uint_eq(world.checked.bytes, world_load(&world, id)->stored_bytes);
    const struct catalog_copy *copy = world_copy_row(&world, id, "nas");
    ck_assert_int_ne(copy->proven, 0);
    ck_assert_int_eq(copy->proven_level, CATALOG_FULL);
    ck_assert_int_eq(world_number(&world, CHECKS), 2);
}
END_TEST

START_TEST(a_quick_check_downloads_no_data)
{
    unsigned before = memory_store_steps(nas(), MEMORY_DOWNLOAD);
    verify(CATALOG_QUICK, CATALOG_GOOD);
    ck_assert_uint_eq(memory_store_steps(nas(), MEMORY_DOWNLOAD), before);
}
END_TEST

START_TEST(what_was_found_is_noted_beside_the_copy)
{
    const char *key = world_key(&world, id, KEYS_KIND_STATE);
    verify(CATALOG_FULL, CATALOG_GOOD);
    const struct text *state = memory_store_bytes(nas(), key);
    ck_assert_ptr_nonnull(state);
    ck_assert_ptr_nonnull(strstr(state->data, "\"full\""));
    memory_store_drop(nas(), world_key(&world, id, KEYS_KIND_DATA));
    verify(CATALOG_QUICK, CATALOG_FOUND_MISSING);
    ck_assert_ptr_nonnull(strstr(memory_store_bytes(nas(), key)->data, "is missing"));
}
END_TEST

START_TEST(a_note_that_cannot_be_written_changes_nothing)
{
    memory_store_fail(nas(), MEMORY_PUT, 1, "", ERR_DENIED, false);
    verify(CATALOG_FULL, CATALOG_GOOD);
    ck_assert(!world_has(&world, id, "nas", KEYS_KIND_STATE));
    ck_assert_int_eq(world_number(&world, CHECKS), 1);
}
END_TEST

/* ---- broken ---- */

enum harm { DROP, CUT, SPOIL };
static const struct {
    enum keys_kind kind;
    enum harm harm;
    enum catalog_result quick, full;
    const char *says; /* of the full one */
} harms[] = {
    {KEYS_KIND_DATA, DROP, CATALOG_FOUND_MISSING, CATALOG_FOUND_MISSING,
     "the data is missing"},
    {KEYS_KIND_INDEX, DROP, CATALOG_FOUND_MISSING, CATALOG_FOUND_MISSING,
     "the chunk index is missing"},
    {KEYS_KIND_MANIFEST, DROP, CATALOG_FOUND_MISSING, CATALOG_FOUND_MISSING,
     "the manifest is missing"},
    {KEYS_KIND_DATA, CUT, CATALOG_FOUND_DAMAGED, CATALOG_FOUND_DAMAGED, "were stored"},
    {KEYS_KIND_MANIFEST, CUT, CATALOG_FOUND_DAMAGED, CATALOG_FOUND_DAMAGED, ""},
    /* What only reading it shows. */
    {KEYS_KIND_DATA, SPOIL, CATALOG_GOOD, CATALOG_FOUND_DAMAGED, "SHA-256"},
    {KEYS_KIND_INDEX, CUT, CATALOG_GOOD, CATALOG_FOUND_DAMAGED, "index"},
    {KEYS_KIND_INDEX, SPOIL, CATALOG_GOOD, CATALOG_FOUND_DAMAGED, "index"},
};

static void harm(enum keys_kind kind, enum harm how)
{
    const char *key = world_key(&world, id, kind);
    if (how == DROP)
        memory_store_drop(nas(), key);
    else if (how == CUT)
        memory_store_cut(nas(), key, 60);
    else
        memory_store_spoil(nas(), key, 30);
}

static enum catalog_copy_state state_after(enum catalog_result result)
{
    return result == CATALOG_FOUND_MISSING   ? CATALOG_COPY_MISSING
           : result == CATALOG_FOUND_DAMAGED ? CATALOG_COPY_DAMAGED
                                             : CATALOG_COPY_COMPLETE;
}

START_TEST(what_is_missing_or_damaged_is_found)
{
    harm(harms[_i].kind, harms[_i].harm);
    verify(CATALOG_QUICK, harms[_i].quick);
    assert_is(state_after(harms[_i].quick));
    verify(CATALOG_FULL, harms[_i].full);
    ck_assert_msg(strstr(world.why.text, harms[_i].says) != NULL, "%s", world.why.text);
    assert_is(state_after(harms[_i].full));
    ck_assert_int_eq(world_state(&world, id, "offsite"), CATALOG_COPY_COMPLETE);
}
END_TEST

START_TEST(a_copy_that_is_whole_again_is_complete_again)
{
    harm(KEYS_KIND_DATA, SPOIL);
    verify(CATALOG_FULL, CATALOG_FOUND_DAMAGED);
    harm(KEYS_KIND_DATA, SPOIL); /* as it was */
    verify(CATALOG_QUICK, CATALOG_GOOD);
    assert_is(CATALOG_COPY_DAMAGED); /* it did not look as closely */
    verify(CATALOG_FULL, CATALOG_GOOD);
    assert_is(CATALOG_COPY_COMPLETE);
}
END_TEST

static const char *const facts[] = {"sha256 = raw_sha256 || 'x'", "raw_sha256 = 'x'",
                                    "stored_bytes = 7"};

START_TEST(a_manifest_of_another_backup_is_damage)
{
    char *sql = memory_format("UPDATE artifacts SET %s", facts[_i]);
    world_sql(&world, sql);
    verify(CATALOG_QUICK, CATALOG_FOUND_DAMAGED);
    ck_assert_ptr_nonnull(strstr(world.why.text, "is not that of this backup"));
    free(sql);
}
END_TEST

START_TEST(a_manifest_under_the_name_of_another_is_damage)
{
    char *first = memory_strdup(world_key(&world, id, KEYS_KIND_MANIFEST));
    const char *second = world_key(&world, world_take(&world), KEYS_KIND_MANIFEST);
    const struct text *bytes = memory_store_bytes(nas(), second);
    char *other = memory_strdup(bytes->data);
    ck_assert_int_eq(store_put(nas(), first, other, strlen(other), &world.err), 0);
    verify(CATALOG_QUICK, CATALOG_FOUND_DAMAGED);
    free(other);
    free(first);
}
END_TEST

/* Chunks are right by the index; only this sum, which other programs compare, is not theirs. */
START_TEST(a_sum_of_the_whole_that_was_never_right_is_damage)
{
    const char *key = world_key(&world, id, KEYS_KIND_MANIFEST);
    char *manifest = memory_strdup(memory_store_bytes(nas(), key)->data);
    char *sum = strchr(strstr(manifest, "\"raw_sha256\":") + 13, '"') + 1;
    *sum = *sum == '0' ? '1' : '0';
    char *sql = memory_format("UPDATE artifacts SET raw_sha256 = '%.64s'", sum);
    ck_assert_int_eq(store_put(nas(), key, manifest, strlen(manifest), &world.err), 0);
    world_sql(&world, sql);
    verify(CATALOG_QUICK, CATALOG_GOOD);
    verify(CATALOG_FULL, CATALOG_FOUND_DAMAGED);
    ck_assert_ptr_nonnull(strstr(world.why.text, "SHA-256 of the decoded bytes"));
    free(sql);
    free(manifest);
}
END_TEST

/* ---- undecided ---- */

static const enum err_kind kinds[] = {ERR_TRANSIENT, ERR_DENIED, ERR_STORE};

/* A verdict that is wrong lets prune keep the wrong one. */
START_TEST(a_store_that_fails_at_any_step_decides_nothing)
{
    for (unsigned n = 1, through = 0; through == 0; n++) {
        ck_assert_uint_lt(n, 40);
        memory_store_fail(nas(), MEMORY_ANY, n, "", kinds[_i], false);
        ck_assert_int_eq(world_verify(&world, id, "nas", CATALOG_FULL), 0);
        through = !memory_store_failed(nas());
        memory_store_heal(nas());
        assert_is(CATALOG_COPY_COMPLETE);
        bool good = world.checked.result == CATALOG_GOOD;
        ck_assert(good || world.checked.result == CATALOG_UNDECIDED);
        ck_assert(good || world.why.kind == kinds[_i]);
        ck_assert(!through || good);
        ck_assert_int_eq(world_number(&world, CHECKS), n);
    }
}
END_TEST

START_TEST(a_broken_copy_in_a_store_that_is_away_stays_broken)
{
    harm(KEYS_KIND_DATA, SPOIL);
    verify(CATALOG_FULL, CATALOG_FOUND_DAMAGED);
    memory_store_fail(nas(), MEMORY_CHECK, 1, "", ERR_TRANSIENT, false);
    verify(CATALOG_FULL, CATALOG_UNDECIDED);
    assert_is(CATALOG_COPY_DAMAGED);
}
END_TEST

START_TEST(a_cancel_records_nothing)
{
    for (unsigned n = 1; n < 8; n++) {
        memory_store_fail(nas(), MEMORY_ANY, n, "", ERR_CANCELLED, false);
        ck_assert_int_eq(world_verify(&world, id, "nas", CATALOG_FULL), -1);
        ck_assert_int_eq(world.err.kind, ERR_CANCELLED);
        memory_store_heal(nas());
        ck_assert_int_eq(world_number(&world, CHECKS), 0);
        ck_assert_int_eq(world_number(&world, "SELECT count(*) FROM leases"), 0);
    }
}
END_TEST

START_TEST(one_that_is_removed_meanwhile_is_undecided)
{
    world_sql(&world, "CREATE TRIGGER other AFTER INSERT ON leases BEGIN"
                      " UPDATE copies SET state = 'deleting' WHERE id = NEW.copy; END");
    verify(CATALOG_QUICK, CATALOG_UNDECIDED);
    ck_assert_int_eq(world.why.kind, ERR_UNSAFE);
    ck_assert_int_eq(world_number(&world, CHECKS), 0);
}
END_TEST

START_TEST(a_catalog_that_cannot_be_written_is_an_error)
{
    world_sql(&world, "ALTER TABLE verifications RENAME TO elsewhere");
    ck_assert_int_eq(world_verify(&world, id, "nas", CATALOG_QUICK), -1);
    ck_assert_ptr_nonnull(strstr(world.err.text, "verifications"));
    assert_is(CATALOG_COPY_COMPLETE);
}
END_TEST

static Suite *suite(void)
{
    Suite *suite = suite_create("verify");
    TCase *tcase = tcase_create("verify");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, a_good_copy_is_good_on_either_level);
    tcase_add_test(tcase, a_quick_check_downloads_no_data);
    tcase_add_test(tcase, what_was_found_is_noted_beside_the_copy);
    tcase_add_test(tcase, a_note_that_cannot_be_written_changes_nothing);
    tcase_add_loop_test(tcase, what_is_missing_or_damaged_is_found, 0,
                        sizeof harms / sizeof *harms);
    tcase_add_test(tcase, a_copy_that_is_whole_again_is_complete_again);
    tcase_add_loop_test(tcase, a_manifest_of_another_backup_is_damage, 0,
                        sizeof facts / sizeof *facts);
    tcase_add_test(tcase, a_sum_of_the_whole_that_was_never_right_is_damage);
    tcase_add_test(tcase, a_manifest_under_the_name_of_another_is_damage);
    tcase_add_loop_test(tcase, a_store_that_fails_at_any_step_decides_nothing, 0,
                        sizeof kinds / sizeof *kinds);
    tcase_add_test(tcase, a_broken_copy_in_a_store_that_is_away_stays_broken);
    tcase_add_test(tcase, a_cancel_records_nothing);
    tcase_add_test(tcase, one_that_is_removed_meanwhile_is_undecided);
    tcase_add_test(tcase, a_catalog_that_cannot_be_written_is_an_error);
    suite_add_tcase(suite, tcase);
    return suite;
}

int main(void)
{
    return run_suite(suite());
}
