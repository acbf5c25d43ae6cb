#include "repository/state_file.h"

#include "base/memory.h"
#include "tests/support/run_suite.h"

#include <check.h>

#define ID "01KC1E5T00ABCDEFGHJKMNPQRS"
#define OTHER "01KC1E5T00ABCDEFGHJKMNPQRT"

static struct err err;

static void parse(const char *text, struct state_file *out)
{
    ck_assert_msg(state_file_parse(text, strlen(text), ID, out, &err) == 0, "%s", err.text);
}

static void fill(struct state_file *state)
{
    state_file_init(state, ID);
    state->changed = 1795226400;
    state->pinned = true;
    state->pin_until = 1795226500;
    state->pin_reason = memory_strdup("audit \xff");
    state->pin_changed = 1795226300;
    state->verified = 1795226200;
    state->verified_level = CATALOG_QUICK;
    state->verified_error = memory_strdup("bytes 0-3 differ");
    state->proven = 1795226100;
    state->proven_level = CATALOG_DRILL;
    state->suspect = true;
    state->quarantined = true;
    state->first_marked = 1795226000;
    state->accepted = 1795226050;
    state->accept_reason = memory_strdup("tables moved");
}

START_TEST(what_was_written_comes_back)
{
    struct state_file state, back;
    fill(&state);
    char *text = state_file_text(&state);
    parse(text, &back);
    ck_assert(back.pinned && back.suspect && back.quarantined);
    ck_assert_str_eq(back.pin_reason, "audit \xff");
    ck_assert_int_eq(back.accepted, 1795226050);
    ck_assert_str_eq(back.accept_reason, "tables moved");
    ck_assert_int_eq(back.proven_level, CATALOG_DRILL);
    char *again = state_file_text(&back);
    ck_assert_str_eq(again, text);
    state_file_release(&state);
    state_file_release(&back);
    free(text);
    free(again);
}
END_TEST

START_TEST(rows_of_the_catalog_go_through_it_unchanged)
{
    struct state_file state, back;
    struct catalog_artifact artifact;
    struct catalog_copy copy = {0};
    fill(&state);
    catalog_artifact_init(&artifact);
    memcpy(artifact.id, ID, sizeof ID);
    state_file_to(&state, &artifact, &copy);
    state_file_from(&artifact, &copy, state.changed, &back);
    char *text = state_file_text(&state), *again = state_file_text(&back);
    ck_assert_str_eq(again, text);
    free(text);
    free(again);
    state_file_release(&state);
    state_file_release(&back);
    catalog_artifact_release(&artifact);
    catalog_copy_release(&copy);
}
END_TEST

START_TEST(a_pin_is_respected_whatever_a_newer_version_adds)
{
    struct state_file state;
    parse("{\"pgkeep_state\":1,\"id\":\"" ID "\",\"changed\":\"2026-11-21T00:00:00Z\","
          "\"colour\":\"red\",\"pin\":{\"pinned\":true,\"until\":null,\"reason\":null,"
          "\"changed\":\"2026-11-21T00:00:00Z\",\"by\":\"eve\"}}",
          &state);
    ck_assert(state.pinned);
    ck_assert_int_eq(state.pin_until, 0);
    ck_assert_int_eq(state.verified, 0);
    state_file_release(&state);
}
END_TEST

START_TEST(what_is_known_is_read_strictly)
{
    static const char *const members[] = {
        "\"id\":\"" OTHER "\",\"changed\":\"2026-11-21T00:00:00Z\"",
        "\"id\":\"" ID "\"",
        "\"changed\":\"2026-11-21T00:00:00Z\"",
        "\"id\":\"" ID "\",\"changed\":\"2026-11-21T00:00:00Z\",\"suspect\":1",
        "\"id\":\"" ID "\",\"changed\":\"2026-11-21T00:00:00Z\",\"pin\":{}",
        "\"id\":\"" ID "\",\"changed\":\"2026-11-21T00:00:00Z\",\"pin\":{\"pinned\":true}",
        "\"id\":\"" ID "\",\"changed\":\"2026-11-21T00:00:00Z\",\"pin\":[]",
        "\"id\":\"" ID
        "\",\"changed\":\"2026-11-21T00:00:00Z\",\"verified\":{\"level\":\"x\"}",
        "\"id\":\"" ID "\",\"changed\":\"2026-11-21T00:00:00Z\",\"accepted\":{}",
    };
    struct state_file state;
    for (size_t i = 0; i < sizeof members / sizeof *members; i++) {
        char *text = memory_format("{\"pgkeep_state\":1,%s}", members[i]);
        ck_assert_msg(state_file_parse(text, strlen(text), ID, &state, &err) == -1, "%s",
                      text);
        ck_assert_int_eq(err.kind, ERR_CORRUPT);
        free(text);
    }
    ck_assert_int_eq(state_file_parse("{\"pgkeep_state\":2}", 18, ID, &state, &err), -1);
}
END_TEST

START_TEST(the_later_pin_wins_and_on_a_tie_the_one_that_keeps_more)
{
    static const struct {
        int64_t changed, until; /* of the other */
        bool pinned;
        bool wins; /* over: pinned until 100, changed at 10 */
    } rows[] = {
        {11, 0, false, true},   {9, 0, true, false},   {10, 0, false, false},
        {10, 0, true, true},    {10, 200, true, true}, {10, 50, true, false},
        {10, 100, true, false}, {11, 50, true, true},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct state_file ours, theirs;
        state_file_init(&ours, ID);
        state_file_init(&theirs, ID);
        ours.pinned = true;
        ours.pin_until = 100;
        ours.pin_changed = 10;
        theirs.pinned = rows[i].pinned;
        theirs.pin_until = rows[i].until;
        theirs.pin_changed = rows[i].changed;
        theirs.pin_reason = memory_strdup("theirs");
        ck_assert_msg(state_file_merge(&ours, &theirs) == rows[i].wins, "row %zu", i);
        ck_assert_int_eq(ours.pin_reason != NULL, rows[i].wins);
        ck_assert(!state_file_merge(&ours, &theirs));
        state_file_release(&ours);
        state_file_release(&theirs);
    }
}
END_TEST

START_TEST(the_later_check_wins_and_a_good_one_keeps_an_older_proof)
{
    struct state_file ours, theirs;
    state_file_init(&ours, ID);
    state_file_init(&theirs, ID);
    ours.verified = ours.proven = 10;
    ours.verified_level = ours.proven_level = CATALOG_DRILL;
    theirs.verified = 20;
    theirs.verified_level = CATALOG_QUICK;
    ck_assert(state_file_merge(&ours, &theirs));
    ck_assert_int_eq(ours.verified, 20);
    ck_assert_int_eq(ours.proven, 10);
    ck_assert_int_eq(ours.proven_level, CATALOG_DRILL);
    theirs.verified = 30;
    theirs.verified_error = memory_strdup("gone");
    ck_assert(state_file_merge(&ours, &theirs));
    ck_assert_str_eq(ours.verified_error, "gone");
    ck_assert_int_eq(ours.proven, 0);
    ck_assert(!state_file_merge(&theirs, &ours));
    state_file_release(&ours);
    state_file_release(&theirs);
}
END_TEST

START_TEST(marks_are_those_of_the_later_file_and_on_a_tie_stay)
{
    struct state_file ours, theirs;
    state_file_init(&ours, ID);
    state_file_init(&theirs, ID);
    ours.changed = theirs.changed = 10;
    ours.suspect = true;
    theirs.quarantined = true;
    theirs.first_marked = 7;
    ck_assert(state_file_merge(&ours, &theirs));
    ck_assert(ours.suspect && ours.quarantined);
    ck_assert_int_eq(ours.first_marked, 7);
    theirs.changed = 9;
    theirs.first_marked = 8;
    ck_assert(!state_file_merge(&ours, &theirs));
    theirs.changed = 11;
    theirs.first_marked = 0;
    theirs.quarantined = false;
    ck_assert(state_file_merge(&ours, &theirs));
    ck_assert(!ours.suspect && !ours.quarantined && ours.first_marked == 0);
}
END_TEST

START_TEST(the_last_acceptance_counts_whatever_the_marks_say)
{
    struct state_file ours, theirs;
    state_file_init(&ours, ID);
    state_file_init(&theirs, ID);
    ours.changed = 20;
    theirs.changed = 10;
    theirs.accepted = 5;
    theirs.accept_reason = memory_strdup("theirs");
    ck_assert(state_file_merge(&ours, &theirs));
    ck_assert_int_eq(ours.accepted, 5);
    ck_assert_str_eq(ours.accept_reason, "theirs");
    ck_assert(!state_file_merge(&ours, &theirs));
    theirs.accepted = 4;
    ck_assert(!state_file_merge(&ours, &theirs));
    state_file_release(&ours);
    state_file_release(&theirs);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("state_file");
    TCase *tcase = tcase_create("state_file");

    tcase_add_test(tcase, what_was_written_comes_back);
    tcase_add_test(tcase, rows_of_the_catalog_go_through_it_unchanged);
    tcase_add_test(tcase, a_pin_is_respected_whatever_a_newer_version_adds);
    tcase_add_test(tcase, what_is_known_is_read_strictly);
    tcase_add_test(tcase, the_later_pin_wins_and_on_a_tie_the_one_that_keeps_more);
    tcase_add_test(tcase, the_later_check_wins_and_a_good_one_keeps_an_older_proof);
    tcase_add_test(tcase, marks_are_those_of_the_later_file_and_on_a_tie_stay);
    tcase_add_test(tcase, the_last_acceptance_counts_whatever_the_marks_say);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
