/* Which store a name leads to, and that nobody gets one that is not surely the one the
 * catalog means. */
#include "base/log.h"
#include "base/memory.h"
#include "repository/adopt.h"
#include "repository/keys.h"
#include "repository/repository.h"
#include "tests/support/depot.h"
#include "tests/support/memory_store.h"
#include "tests/support/run_suite.h"
#include "tests/support/store_seam.h"

#include <check.h>

#define OK(call) ck_assert_msg((call) == 0, "%s", depot.err.text)
#define NAS (depot.stores[DEPOT_NAS])
#define OTHER "11111111-2222-4333-8444-555555555555"

static struct depot depot;

static void setup(void)
{
    struct depot_spec spec = {0};
    depot_begin(&depot, &spec);
}

static void teardown(void)
{
    depot_end(&depot);
}

static struct repository *opened(const char *name, bool may_mark)
{
    err_clear(&depot.err);
    struct repository_spec spec = {.settings = &depot.settings,
                                   .catalog = depot.catalog,
                                   .name = name,
                                   .may_mark = may_mark};
    return repository_open(&spec, &depot.err);
}

static void refused(const char *name, bool may_mark, enum err_kind kind, const char *says)
{
    ck_assert_ptr_null(opened(name, may_mark));
    ck_assert_msg(depot.err.kind == kind && strstr(depot.err.text, says) != NULL, "%s: %s",
                  err_kind_name(depot.err.kind), depot.err.text);
}

/* As if nobody had ever used it. */
static void never_used(enum depot_place place)
{
    catalogs_sqlf(&depot.catalogs, "DELETE FROM stores WHERE name = '%s'",
                  depot_place_name(place));
    free(depot_unmark(&depot, place));
}

/* ---- who it is ---- */

START_TEST(a_store_with_its_mark_is_opened)
{
    struct repository *repository = opened("nas", false);
    ck_assert_msg(repository != NULL, "%s", depot.err.text);
    ck_assert_int_eq(repository->id, depot.ids[DEPOT_NAS]);
    ck_assert_str_eq(repository->name, "nas");
    char *uuid = depot_unmark(&depot, DEPOT_NAS);
    ck_assert_str_eq(repository->uuid, uuid);
    free(uuid);
    repository_close(repository);
}
END_TEST

START_TEST(one_whose_mark_is_gone_is_not_touched_whatever_the_caller_may)
{
    free(depot_unmark(&depot, DEPOT_NAS));
    refused("nas", _i != 0, ERR_UNSAFE, "its mark pgkeep-store.json is missing");
    ck_assert_ptr_nonnull(strstr(depot.err.text, "pgkeep doctor --adopt nas"));
    ck_assert_uint_eq(memory_store_count(NAS), 0);
}
END_TEST

START_TEST(one_with_another_mark_is_not_touched)
{
    depot_mark(&depot, DEPOT_NAS, OTHER);
    refused("nas", _i != 0, ERR_UNSAFE, "another store than expected");
    ck_assert_uint_eq(memory_store_count(NAS), 1);
}
END_TEST

START_TEST(a_damaged_mark_is_no_mark_at_all)
{
    OK(store_put(NAS, KEYS_MARK, "{\"pgkeep_store\":1,\"uuid\":\"x\"}", 29, &depot.err));
    refused("nas", true, ERR_CORRUPT, "uuid");
}
END_TEST

START_TEST(a_new_store_is_marked_only_by_who_may)
{
    never_used(DEPOT_NAS);
    refused("nas", false, ERR_NOT_FOUND, "holds no backups of pgkeep");
    ck_assert_uint_eq(memory_store_count(NAS), 0);
    struct repository *repository = opened("nas", true);
    ck_assert_msg(repository != NULL, "%s", depot.err.text);
    ck_assert(memory_store_has(NAS, KEYS_MARK));
    ck_assert(memory_store_has(NAS, KEYS_RECOVERY));
    ck_assert_uint_eq(strlen(repository->uuid), 36);
    repository_close(repository);
    repository = opened("nas", false);
    ck_assert_ptr_nonnull(repository);
    repository_close(repository);
}
END_TEST

/* A store that has a mark has the page as well. */
START_TEST(the_mark_is_written_last)
{
    never_used(DEPOT_NAS);
    memory_store_fail(NAS, MEMORY_PUT, 1, KEYS_RECOVERY, ERR_TRANSIENT, false);
    refused("nas", true, ERR_TRANSIENT, "nas");
    ck_assert(!memory_store_has(NAS, KEYS_MARK));
    memory_store_heal(NAS);
    memory_store_fail(NAS, MEMORY_PUT, 1, KEYS_MARK, ERR_TRANSIENT, false);
    refused("nas", true, ERR_TRANSIENT, "nas");
    ck_assert(memory_store_has(NAS, KEYS_RECOVERY));
    memory_store_heal(NAS);
    /* An answer that is lost: the mark that is there is the store's. */
    memory_store_fail(NAS, MEMORY_PUT, 1, KEYS_MARK, ERR_TRANSIENT, true);
    struct repository *repository = opened("nas", true);
    ck_assert_msg(repository != NULL, "%s", depot.err.text);
    repository_close(repository);
}
END_TEST

START_TEST(what_another_machine_marked_is_taken_as_it_is)
{
    char sql[] = "DELETE FROM stores WHERE name = 'nas'";
    catalogs_sql(&depot.catalogs, sql);
    size_t before = memory_store_count(NAS);
    struct repository *repository = opened("nas", false);
    ck_assert_msg(repository != NULL, "%s", depot.err.text);
    ck_assert_uint_eq(memory_store_count(NAS), before);
    repository_close(repository);
}
END_TEST

START_TEST(a_store_that_does_not_answer_is_told_by_its_name)
{
    memory_store_fail(NAS, MEMORY_CHECK, 1, "", ERR_TRANSIENT, false);
    refused("nas", false, ERR_TRANSIENT, "store \"nas\"");
    memory_store_heal(NAS);
    memory_store_fail(NAS, MEMORY_GET, 1, KEYS_MARK, ERR_DENIED, false);
    refused("nas", false, ERR_DENIED, "store \"nas\"");
}
END_TEST

/* ---- names ---- */

START_TEST(names_lead_where_they_led_before)
{
    struct strlist list = {0};
    char *url = memory_format("dir:%s/third", depot.place);
    char *path = memory_format("%s/third", depot.place);
    (void)store_seam_place(path, NULL);

    /* Of a URL the catalog keeps a row, and a name. */
    char *name = repository_name(&depot.settings, depot.catalog, url, &depot.err);
    ck_assert_str_eq(name, url);
    struct repository *third = opened(name, true);
    ck_assert_msg(third != NULL, "%s", depot.err.text);
    int64_t id = third->id;
    repository_close(third);
    third = opened(url, false);
    ck_assert_int_eq(third->id, id);
    repository_close(third);
    free(name);

    /* The configuration's come first, then ad-hoc ones that were used. */
    OK(repository_names(&depot.settings, depot.catalog, NULL, &list, &depot.err));
    ck_assert_uint_eq(list.count, 3);
    ck_assert_str_eq(list.items[0], "nas");
    ck_assert_str_eq(list.items[1], "offsite");
    ck_assert_str_eq(list.items[2], url);
    strlist_release(&list);

    list = (struct strlist){0};
    OK(repository_names(&depot.settings, depot.catalog, "offsite", &list, &depot.err));
    ck_assert_uint_eq(list.count, 1);
    ck_assert_str_eq(list.items[0], "offsite");
    strlist_release(&list);
    free(url);
    free(path);
}
END_TEST

static const struct {
    const char *text;
    enum err_kind kind;
    const char *says;
} wrong[] = {
    {"nsa", ERR_CONFIG, "did you mean \"nas\"?"},
    {"dir:", ERR_USAGE, "dir:/FOLDER"},
    {"s3://bucket?colour=red", ERR_USAGE, "colour"},
    {"s3://", ERR_USAGE, "\"bucket\""},
};

START_TEST(a_name_that_nobody_knows_is_an_error)
{
    struct strlist list = {0};
    char *name =
        repository_name(&depot.settings, depot.catalog, wrong[_i].text, &depot.err);
    ck_assert_ptr_null(name);
    ck_assert_msg(depot.err.kind == wrong[_i].kind &&
                      strstr(depot.err.text, wrong[_i].says) != NULL,
                  "%s: %s", err_kind_name(depot.err.kind), depot.err.text);
    ck_assert_int_eq(
        repository_names(&depot.settings, depot.catalog, wrong[_i].text, &list, &depot.err),
        -1);
    ck_assert_uint_eq(list.count, 0);
}
END_TEST

START_TEST(an_ad_hoc_store_that_was_never_reached_is_none)
{
    struct strlist list = {0};
    char *name =
        repository_name(&depot.settings, depot.catalog, "dir:/srv/new", &depot.err);
    ck_assert_str_eq(name, "dir:/srv/new");
    OK(repository_names(&depot.settings, depot.catalog, NULL, &list, &depot.err));
    ck_assert_uint_eq(list.count, 2);
    strlist_release(&list);
    free(name);
}
END_TEST

START_TEST(without_any_store_there_is_nothing_to_do)
{
    struct settings none = {0};
    struct strlist list = {0};
    ck_assert_int_eq(repository_names(&none, depot.catalog, NULL, &list, &depot.err), -1);
    ck_assert_int_eq(depot.err.kind, ERR_CONFIG);
    ck_assert_ptr_nonnull(strstr(depot.err.text, "--store NAME-OR-URL"));
}
END_TEST

/* The configuration forgot it; the catalog has its URL. */
START_TEST(a_store_that_is_in_no_configuration_any_more_is_still_found)
{
    struct settings none = {0};
    struct repository_spec spec = {
        .settings = &none, .catalog = depot.catalog, .name = "nas"};
    struct repository *repository = repository_open(&spec, &depot.err);
    ck_assert_msg(repository != NULL, "%s", depot.err.text);
    ck_assert_int_eq(repository->id, depot.ids[DEPOT_NAS]);
    repository_close(repository);
    spec.name = "third";
    ck_assert_ptr_null(repository_open(&spec, &depot.err));
    ck_assert_int_eq(depot.err.kind, ERR_CONFIG);
}
END_TEST

/* ---- who is missed ---- */

static const struct {
    const char *state;
    bool begun, missed;
} unfinished[] = {
    {"complete", true, false}, {"failed", false, false}, {"failed", true, true},
    {"uploading", true, true}, {"deleting", true, true}, {"locked", true, true},
    {"blocked", true, true},
};

START_TEST(an_ad_hoc_store_is_missed_while_something_is_unfinished_there)
{
    bool missed = false;
    int64_t id = catalogs_store(depot.catalog, "dir:/old");
    (void)catalogs_complete(depot.catalog, 1, id, depot.now);
    catalogs_sqlf(&depot.catalogs, "UPDATE copies SET state = '%s', begun = %d",
                  unfinished[_i].state, unfinished[_i].begun);
    OK(repository_is_required(&depot.settings, depot.catalog, "dir:/old", &missed,
                              &depot.err));
    ck_assert_int_eq(missed, unfinished[_i].missed);
    OK(repository_is_required(&depot.settings, depot.catalog, "nas", &missed, &depot.err));
    ck_assert(missed);
}
END_TEST

/* ---- adopt ---- */

static int adopt(const char *mark, enum adopt_state *state)
{
    struct adopt found;
    err_clear(&depot.err);
    int result = adopt_look(&depot.settings, depot.catalog, "nas", &found, &depot.err);
    if (result == 0)
        *state = found.state;
    if (result == 0)
        result = adopt_store(&found, depot.catalog, mark, &depot.err);
    adopt_release(&found);
    return result;
}

START_TEST(looking_shows_what_is_expected_and_writes_nothing)
{
    struct adopt found;
    depot_backups(&depot, 1, 3);
    free(depot_unmark(&depot, DEPOT_NAS));
    size_t before = memory_store_count(NAS);
    OK(adopt_look(&depot.settings, depot.catalog, "nas", &found, &depot.err));
    ck_assert_int_eq(found.state, ADOPT_UNMARKED);
    ck_assert_uint_eq(found.copies, 3);
    ck_assert_uint_eq(found.bytes, 3 * DEPOT_BYTES);
    ck_assert_str_eq(found.newest, depot_id(1));
    ck_assert_int_eq(found.newest_time, depot.now - DEPOT_DAY);
    adopt_release(&found);
    ck_assert_uint_eq(memory_store_count(NAS), before);
}
END_TEST

START_TEST(an_emptied_store_gets_a_new_mark_and_is_trusted_again)
{
    enum adopt_state state = ADOPT_SAME;
    free(depot_unmark(&depot, DEPOT_NAS));
    ck_assert_ptr_null(opened("nas", false));
    OK(adopt(NULL, &state));
    ck_assert_int_eq(state, ADOPT_UNMARKED);
    struct repository *repository = opened("nas", false);
    ck_assert_msg(repository != NULL, "%s", depot.err.text);
    repository_close(repository);
    OK(adopt(NULL, &state));
    ck_assert_int_eq(state, ADOPT_SAME);
}
END_TEST

START_TEST(another_mark_is_taken_only_when_it_is_named)
{
    enum adopt_state state = ADOPT_SAME;
    depot_mark(&depot, DEPOT_NAS, OTHER);
    ck_assert_int_eq(adopt(NULL, &state), -1);
    ck_assert_int_eq(depot.err.kind, ERR_UNSAFE);
    ck_assert_int_eq(state, ADOPT_OTHER);
    ck_assert_int_eq(adopt("22222222-2222-4333-8444-555555555555", &state), -1);
    ck_assert_ptr_null(opened("nas", false));
    OK(adopt(OTHER, &state));
    struct repository *repository = opened("nas", false);
    ck_assert_str_eq(repository->uuid, OTHER);
    repository_close(repository);
}
END_TEST

/* Ended between the two writes: the next try asks for the mark by name. */
START_TEST(a_mark_that_was_written_and_not_noted_is_asked_for)
{
    enum adopt_state state = ADOPT_SAME;
    struct adopt found;
    free(depot_unmark(&depot, DEPOT_NAS));
    OK(adopt_look(&depot.settings, depot.catalog, "nas", &found, &depot.err));
    OK(repository_mark(found.store, found.from, found.found, &depot.err));
    ck_assert_int_eq(adopt(NULL, &state), -1);
    ck_assert_int_eq(state, ADOPT_OTHER);
    ck_assert_int_eq(depot.err.kind, ERR_UNSAFE);
    OK(adopt(found.found, &state));
    adopt_release(&found);
}
END_TEST

int main(void)
{
    log_setup(LOG_LEVEL_ERROR, LOG_FORMAT_TEXT);
    Suite *suite = suite_create("repository_open");
    TCase *tests = tcase_create("open");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_set_timeout(tests, 30);
    tcase_add_test(tests, a_store_with_its_mark_is_opened);
    tcase_add_loop_test(
        tests, one_whose_mark_is_gone_is_not_touched_whatever_the_caller_may, 0, 2);
    tcase_add_loop_test(tests, one_with_another_mark_is_not_touched, 0, 2);
    tcase_add_test(tests, a_damaged_mark_is_no_mark_at_all);
    tcase_add_test(tests, a_new_store_is_marked_only_by_who_may);
    tcase_add_test(tests, the_mark_is_written_last);
    tcase_add_test(tests, what_another_machine_marked_is_taken_as_it_is);
    tcase_add_test(tests, a_store_that_does_not_answer_is_told_by_its_name);
    tcase_add_test(tests, names_lead_where_they_led_before);
    tcase_add_loop_test(tests, a_name_that_nobody_knows_is_an_error, 0,
                        (int)(sizeof wrong / sizeof *wrong));
    tcase_add_test(tests, an_ad_hoc_store_that_was_never_reached_is_none);
    tcase_add_test(tests, without_any_store_there_is_nothing_to_do);
    tcase_add_test(tests, a_store_that_is_in_no_configuration_any_more_is_still_found);
    tcase_add_loop_test(tests,
                        an_ad_hoc_store_is_missed_while_something_is_unfinished_there, 0,
                        (int)(sizeof unfinished / sizeof *unfinished));
    tcase_add_test(tests, looking_shows_what_is_expected_and_writes_nothing);
    tcase_add_test(tests, an_emptied_store_gets_a_new_mark_and_is_trusted_again);
    tcase_add_test(tests, another_mark_is_taken_only_when_it_is_named);
    tcase_add_test(tests, a_mark_that_was_written_and_not_noted_is_asked_for);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
