/* A run, from its lock to its record; each store is opened once, and what is wrong with one
 * of several is decided here alone. */
#include "session/session.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "catalog/runs.h"
#include "session/lock.h"
#include "tests/support/depot_session.h"
#include "tests/support/memory_store.h"
#include "tests/support/run_suite.h"
#include "tests/support/store_seam.h"

#include <check.h>
#include <pthread.h>

#define OK(call) ck_assert_msg((call) == 0, "%s", depot.err.text)
#define NAS (depot.stores[DEPOT_NAS])

static struct depot depot;
static struct session *session;

static void setup(void)
{
    struct depot_spec spec = {0};
    depot_begin(&depot, &spec);
}

static void end_if_open(void)
{
    if (session != NULL)
        (void)session_end(session, OUTCOME_DONE, NULL);
    session = NULL;
}

static void teardown(void)
{
    end_if_open();
    depot_end(&depot);
}

static void begin_spec(const struct session_spec *spec)
{
    session = depot_session(&depot, spec);
    ck_assert_msg(session != NULL, "%s", depot.err.text);
}

static void begin(void)
{
    struct session_spec spec = {.kind = "test", .catalog = SESSION_WRITE};
    begin_spec(&spec);
}

static int end(enum outcome outcome, const struct err *why)
{
    int status = session_end(session, outcome, why);
    session = NULL;
    return status;
}

/* ---- lock and catalog ---- */

START_TEST(a_second_run_is_told_who_holds_the_lock)
{
    struct session_spec spec = {.kind = "backup",
                                .job = "nightly",
                                .catalog = SESSION_WRITE,
                                .lock = SESSION_LOCK_JOB,
                                .command = "backup nightly",
                                .recorded = true};
    begin_spec(&spec);
    ck_assert_ptr_null(depot_session(&depot, &spec));
    ck_assert_int_eq(depot.err.kind, ERR_BUSY);
    ck_assert_ptr_nonnull(strstr(depot.err.text, "`pgkeep backup nightly`"));
    /* Who found the lock held did not run. */
    ck_assert_int_eq(catalogs_number(&depot.catalogs, "SELECT count(*) FROM runs"), 1);
    end_if_open();
    begin_spec(&spec);
}
END_TEST

START_TEST(a_removal_waits_for_no_backup_and_a_rebuild_for_both)
{
    struct session_spec backup = {.kind = "backup",
                                  .job = "nightly",
                                  .catalog = SESSION_WRITE,
                                  .lock = SESSION_LOCK_JOB};
    struct session_spec prune = {
        .kind = "prune", .catalog = SESSION_WRITE, .lock = SESSION_LOCK_REMOVAL};
    struct session_spec rebuild = {.kind = "catalog rebuild", .lock = SESSION_LOCK_ALL};
    begin_spec(&backup);
    struct session *second = depot_session(&depot, &prune);
    ck_assert_msg(second != NULL, "%s", depot.err.text);
    (void)session_end(second, OUTCOME_DONE, NULL);
    ck_assert_ptr_null(depot_session(&depot, &rebuild));
    ck_assert_int_eq(depot.err.kind, ERR_BUSY);
    end_if_open();
    begin_spec(&rebuild);
    ck_assert_ptr_null(depot_session(&depot, &prune));
    ck_assert_ptr_null(depot_session(&depot, &backup));
}
END_TEST

START_TEST(without_a_catalog_it_says_what_to_do_or_goes_on_without)
{
    struct settings none = {.catalog = memory_format("%s/none/catalog.db", depot.place)};
    struct session_spec spec = {.settings = &none, .kind = "show", .catalog = SESSION_READ};
    struct err err = {0};
    ck_assert_ptr_null(session_begin(&spec, &err));
    ck_assert_int_eq(err.kind, ERR_NOT_FOUND);
    ck_assert_ptr_nonnull(strstr(err.text, "there is no catalog at"));
    ck_assert_ptr_nonnull(strstr(err.text, "`pgkeep catalog rebuild`"));
    spec.catalog = SESSION_READ_IF_ANY;
    err_clear(&err);
    session = session_begin(&spec, &err);
    ck_assert_msg(session != NULL, "%s", err.text);
    ck_assert_ptr_null(session_catalog(session));
    end_if_open();
    free(none.catalog);
}
END_TEST

/* ---- the record ---- */

static const struct {
    enum outcome outcome;
    enum err_kind kind;
    int status;
} ways_out[] = {
    {OUTCOME_DONE, ERR_NONE, 0},         {OUTCOME_PARTIAL, ERR_NONE, 8},
    {OUTCOME_PARTIAL, ERR_TRANSIENT, 8}, {OUTCOME_TOO_OLD, ERR_NONE, 10},
    {OUTCOME_FAILED, ERR_DATABASE, 4},   {OUTCOME_FAILED, ERR_STORE, 5},
    {OUTCOME_FAILED, ERR_CORRUPT, 6},    {OUTCOME_FAILED, ERR_UNSAFE, 9},
};
enum { WAYS_OUT = sizeof ways_out / sizeof *ways_out };

START_TEST(the_exit_status_is_the_recorded_one)
{
    struct session_spec spec = {
        .kind = "test", .job = "nightly", .catalog = SESSION_WRITE, .recorded = true};
    struct err why = {.kind = ways_out[_i].kind, .text = "because"};
    struct catalog_runs runs = {0};
    begin_spec(&spec);
    ck_assert_int_ne(session_run_id(session), 0);
    session_set_summary(session, "did much");
    ck_assert_int_eq(end(ways_out[_i].outcome, &why), ways_out[_i].status);
    const struct catalog_run_filter all = {0};
    OK(catalog_runs_list(depot.catalog, &all, &runs, &depot.err));
    ck_assert_uint_eq(runs.count, 1);
    ck_assert_str_eq(runs.items[0].kind, "test");
    ck_assert_str_eq(runs.items[0].job, "nightly");
    ck_assert_int_eq(runs.items[0].exit_status, ways_out[_i].status);
    ck_assert_int_ne(runs.items[0].ended, 0);
    ck_assert_str_eq(runs.items[0].message,
                     ways_out[_i].kind == ERR_NONE ? "did much" : "because");
    catalog_runs_release(&runs);
}
END_TEST

START_TEST(a_run_that_was_asked_for_is_the_one_that_is_recorded)
{
    char kind[] = "test", job[] = "nightly";
    struct catalog_run wish = {.kind = kind, .job = job, .cause = CATALOG_RUN_BY_SCHEDULE};
    struct session_spec spec = {
        .kind = "test", .job = "nightly", .catalog = SESSION_WRITE, .recorded = true};
    OK(catalog_run_request(depot.catalog, &wish, &spec.run, &depot.err));
    begin_spec(&spec);
    ck_assert_int_eq(session_run_id(session), spec.run);
    log_error("something is odd");
    ck_assert_int_eq(end(OUTCOME_DONE, NULL), 0);
    struct catalog_runs runs = {0};
    const struct catalog_run_filter all = {.with_log = true};
    OK(catalog_runs_list(depot.catalog, &all, &runs, &depot.err));
    ck_assert_uint_eq(runs.count, 1);
    ck_assert_int_eq(runs.items[0].state, CATALOG_RUN_COMPLETE);
    ck_assert_ptr_nonnull(strstr(runs.items[0].log, " error: something is odd\n"));
    catalog_runs_release(&runs);
}
END_TEST

START_TEST(who_asks_for_its_end_from_elsewhere_is_heard_within_a_second)
{
    struct session_spec spec = {
        .kind = "test", .job = "nightly", .catalog = SESSION_WRITE, .recorded = true};
    enum catalog_run_state state = CATALOG_RUN_PENDING;
    struct err err = {0};
    begin_spec(&spec);
    int64_t begun = clock_monotonic_ms();
    OK(catalog_run_cancel(depot.catalog, session_run_id(session), &state, &depot.err));
    (void)cancel_sleep_ms(session_cancel(session), 60000);
    ck_assert_int_lt(clock_monotonic_ms() - begun, 1000);
    ck_assert_int_eq(cancel_check(session_cancel(session), &err), -1);
    ck_assert_int_eq(cancel_check(NULL, &depot.err), 0);
    ck_assert_int_eq(end(OUTCOME_FAILED, &err), 143);
    ck_assert_int_eq(catalogs_number(&depot.catalogs,
                                     "SELECT count(*) FROM runs WHERE state = 'cancelled'"),
                     1);
}
END_TEST

START_TEST(what_keeps_no_record_leaves_none)
{
    begin();
    ck_assert_int_eq(session_run_id(session), 0);
    ck_assert_int_eq(end(OUTCOME_DONE, NULL), 0);
    ck_assert_int_eq(catalogs_number(&depot.catalogs, "SELECT count(*) FROM runs"), 0);
}
END_TEST

/* ---- cancel ---- */

START_TEST(a_time_limit_ends_the_run_and_its_stores_and_nothing_else)
{
    struct session_spec spec = {
        .kind = "test", .catalog = SESSION_WRITE, .recorded = true, .time_limit_ms = 1};
    struct err err = {0};
    begin_spec(&spec);
    (void)cancel_sleep_ms(session_cancel(session), 60000);
    ck_assert_int_eq(cancel_check(session_cancel(session), &err), -1);
    ck_assert_ptr_nonnull(strstr(err.text, "the time limit of"));
    ck_assert_int_eq(cancel_check(NULL, &depot.err), 0);
    /* Nobody interrupted it: it failed. */
    ck_assert_int_eq(end(OUTCOME_FAILED, &err), 1);
    ck_assert_int_eq(catalogs_number(&depot.catalogs, "SELECT exit_status FROM runs"), 1);
}
END_TEST

START_TEST(a_cancel_of_its_parent_ends_it)
{
    struct err err = {0};
    struct cancel *parent = cancel_new(NULL, 0, &err);
    struct session_spec spec = {.kind = "test", .catalog = SESSION_WRITE, .cancel = parent};
    begin_spec(&spec);
    cancel_trip(parent, CANCEL_ASKED);
    ck_assert_int_eq(cancel_check(session_cancel(session), &err), -1);
    ck_assert_int_eq(end(OUTCOME_FAILED, &err), 143);
    cancel_free(parent);
}
END_TEST

/* ---- each store once ---- */

static unsigned nas_opened(void)
{
    char *path = memory_format("%s/nas", depot.place);
    unsigned count = store_seam_opened(path);
    free(path);
    return count;
}

static struct repository *open_store(const char *name)
{
    err_clear(&depot.err);
    return session_repository(session, name, false, &depot.err);
}

START_TEST(a_store_is_opened_once_however_often_it_is_asked_for)
{
    begin();
    unsigned before = nas_opened();
    struct repository *first = open_store("nas");
    ck_assert_msg(first != NULL, "%s", depot.err.text);
    for (int i = 0; i < 10; i++)
        ck_assert_ptr_eq(open_store("nas"), first);
    ck_assert_uint_eq(nas_opened(), before + 1);
}
END_TEST

enum { THREADS = 8 };

static void *open_both(void *answers)
{
    struct repository **out = answers;
    struct err err = {0};
    for (int i = 0; i < 20; i++) {
        out[0] = session_repository(session, "nas", false, &err);
        out[1] = session_repository(session, "offsite", false, &err);
    }
    return NULL;
}

START_TEST(threads_share_what_one_of_them_opened)
{
    pthread_t threads[THREADS];
    struct repository *answers[THREADS][2] = {{0}};
    begin();
    unsigned before = nas_opened();
    for (size_t i = 0; i < THREADS; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, open_both, answers[i]), 0);
    for (size_t i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    for (size_t i = 0; i < THREADS; i++) {
        ck_assert_ptr_nonnull(answers[i][0]);
        ck_assert_ptr_eq(answers[i][0], open_store("nas"));
        ck_assert_ptr_eq(answers[i][1], open_store("offsite"));
    }
    ck_assert_uint_eq(nas_opened(), before + 1);
}
END_TEST

START_TEST(a_store_that_is_away_is_not_asked_again_with_each_copy)
{
    begin();
    memory_store_stumble(NAS, MEMORY_CHECK, 1, "", ERR_TRANSIENT, false);
    ck_assert_ptr_null(open_store("nas"));
    char *said = memory_strdup(depot.err.text);
    ck_assert_ptr_null(open_store("nas"));
    ck_assert_int_eq(depot.err.kind, ERR_TRANSIENT);
    ck_assert_str_eq(depot.err.text, said);
    free(said);
    /* Another run asks again. */
    end_if_open();
    begin();
    ck_assert_ptr_nonnull(open_store("nas"));
}
END_TEST

START_TEST(who_may_make_a_store_asks_one_again_that_was_none)
{
    begin();
    catalogs_sqlf(&depot.catalogs, "DELETE FROM stores WHERE name = 'nas'");
    free(depot_unmark(&depot, DEPOT_NAS));
    ck_assert_ptr_null(open_store("nas"));
    ck_assert_int_eq(depot.err.kind, ERR_NOT_FOUND);
    err_clear(&depot.err);
    ck_assert_ptr_nonnull(session_repository(session, "nas", true, &depot.err));
}
END_TEST

/* ---- skip or fail ---- */

/* As the table of session.h says it. */
static const struct {
    enum err_kind kind;
    bool ends;
} failures[] = {
    {ERR_TRANSIENT, false}, {ERR_DENIED, false}, {ERR_STORE, false},
    {ERR_UNSAFE, false},    {ERR_CONFIG, false}, {ERR_CORRUPT, false},
    {ERR_NOT_FOUND, false}, {ERR_USAGE, false},  {ERR_CANCELLED, true},
    {ERR_SYSTEM, true},     {ERR_BUSY, true},    {ERR_DATABASE, true},
};
enum { FAILURES = sizeof failures / sizeof *failures };

static int open_list(struct repository_list *list)
{
    struct strlist names = {0};
    *list = (struct repository_list){0};
    err_clear(&depot.err);
    strlist_add(&names, "nas");
    strlist_add(&names, "offsite");
    int result = session_repositories(session, &names, false, list, &depot.err);
    strlist_release(&names);
    return result;
}

START_TEST(of_several_stores_one_that_fails_is_skipped_or_ends_the_run)
{
    struct repository_list list;
    begin();
    memory_store_fail(NAS, MEMORY_CHECK, 1, "", failures[_i].kind, false);
    ck_assert_int_eq(open_list(&list), failures[_i].ends ? -1 : 0);
    ck_assert_int_eq(depot.err.kind, failures[_i].ends ? failures[_i].kind : ERR_NONE);
    if (!failures[_i].ends) {
        ck_assert_uint_eq(list.count, 1);
        ck_assert_str_eq(list.items[0]->name, "offsite");
        ck_assert_uint_eq(list.failure_count, 1);
        ck_assert_str_eq(list.failures[0].name, "nas");
        ck_assert_uint_eq(repository_list_required_failures(&list), 1);
        ck_assert_ptr_null(repository_list_find(&list, depot.ids[DEPOT_NAS]));
        ck_assert_ptr_nonnull(repository_list_find(&list, depot.ids[DEPOT_OFFSITE]));
    }
    ck_assert_uint_eq(list.failure_count, failures[_i].ends ? 0 : 1);
    if (list.failure_count == 1)
        ck_assert_int_eq(list.failures[0].err.kind, failures[_i].kind);
    repository_list_release(&list);
}
END_TEST

START_TEST(what_ends_the_run_opens_no_further_store)
{
    struct repository_list list;
    begin();
    memory_store_fail(NAS, MEMORY_CHECK, 1, "", ERR_CANCELLED, false);
    ck_assert_int_eq(open_list(&list), -1);
    ck_assert_uint_eq(list.count, 0);
    repository_list_release(&list);
}
END_TEST

/* A copy of a copy is no second copy. */
START_TEST(two_names_of_one_place_are_refused)
{
    struct repository_list list;
    char *uuid = depot_unmark(&depot, DEPOT_NAS);
    depot_mark(&depot, DEPOT_NAS, uuid);
    catalogs_sqlf(&depot.catalogs, "DELETE FROM stores WHERE name = 'offsite'");
    free(depot_unmark(&depot, DEPOT_OFFSITE));
    depot_mark(&depot, DEPOT_OFFSITE, uuid);
    begin();
    ck_assert_int_eq(open_list(&list), -1);
    ck_assert_int_eq(depot.err.kind, ERR_CONFIG);
    ck_assert_ptr_nonnull(
        strstr(depot.err.text, "stores \"nas\" and \"offsite\" are one and the same"));
    repository_list_release(&list);
    free(uuid);
    /* The catalog goes on calling it by the first name. */
    ck_assert_int_eq(
        catalogs_number(&depot.catalogs, "SELECT count(*) FROM stores WHERE name = 'nas'"),
        1);
}
END_TEST

START_TEST(a_name_that_leads_to_another_store_by_now_is_skipped)
{
    struct repository_list list = {0};
    begin();
    struct session_store store = {.name = "nas", .id = depot.ids[DEPOT_OFFSITE]};
    OK(session_add_repository(session, &store, &list, &depot.err));
    ck_assert_uint_eq(list.count, 0);
    ck_assert_uint_eq(list.failure_count, 1);
    ck_assert_int_eq(list.failures[0].err.kind, ERR_UNSAFE);
    repository_list_release(&list);
}
END_TEST

START_TEST(an_ad_hoc_store_of_long_ago_is_excused_unless_it_was_named)
{
    struct repository_list list = {0};
    struct session_store store = {.name = "dir:/nowhere/pgkeep-test", .named = _i == 1};
    begin();
    (void)catalogs_store(depot.catalog, store.name);
    OK(session_add_repository(session, &store, &list, &depot.err));
    ck_assert_uint_eq(list.failure_count, 1);
    ck_assert_int_eq(list.failures[0].excused, _i == 0);
    repository_list_release(&list);
}
END_TEST

/* ---- looked at again ---- */

START_TEST(stores_that_answer_stay)
{
    struct repository_list list;
    begin();
    OK(open_list(&list));
    OK(session_recheck(session, &list, &depot.err));
    ck_assert_uint_eq(list.count, 2);
    ck_assert_uint_eq(list.failure_count, 0);
    repository_list_release(&list);
}
END_TEST

START_TEST(one_that_went_away_is_a_failure_from_then_on)
{
    struct repository_list list;
    const char *name = depot_place_name((enum depot_place)_i);
    begin();
    OK(open_list(&list));
    memory_store_fail(depot.stores[_i], MEMORY_CHECK, 1, "", ERR_TRANSIENT, false);
    OK(session_recheck(session, &list, &depot.err));
    ck_assert_uint_eq(list.count, 1);
    ck_assert_uint_eq(list.failure_count, 1);
    ck_assert_str_eq(list.failures[0].name, name);
    ck_assert_ptr_null(repository_list_find(&list, depot.ids[_i]));
    ck_assert_int_eq(depot.err.kind, ERR_NONE);
    ck_assert_ptr_null(open_store(name));
    ck_assert_int_eq(depot.err.kind, ERR_TRANSIENT);
    repository_list_release(&list);
}
END_TEST

START_TEST(a_cancel_is_no_fault_of_a_store)
{
    struct repository_list list;
    begin();
    OK(open_list(&list));
    memory_store_fail(depot.stores[DEPOT_OFFSITE], MEMORY_CHECK, 1, "", ERR_CANCELLED,
                      false);
    ck_assert_int_eq(session_recheck(session, &list, &depot.err), -1);
    ck_assert_int_eq(depot.err.kind, ERR_CANCELLED);
    ck_assert_uint_eq(list.count, 2);
    ck_assert_uint_eq(list.failure_count, 0);
    repository_list_release(&list);
}
END_TEST

/* ---- names ---- */

START_TEST(a_slip_of_the_pen_does_not_read_as_no_backups)
{
    begin();
    OK(session_require_job(session, NULL, &depot.err));
    OK(session_require_job(session, "nightly", &depot.err));
    ck_assert_int_eq(session_require_job(session, "nigthly", &depot.err), -1);
    ck_assert_int_eq(depot.err.kind, ERR_CONFIG);
    ck_assert_ptr_nonnull(strstr(depot.err.text, "nightly"));
    err_clear(&depot.err);
    OK(session_require_store(session, NULL, &depot.err));
    OK(session_require_store(session, "nas", &depot.err));
    ck_assert_int_eq(session_require_store(session, "nsa", &depot.err), -1);
    ck_assert_int_eq(depot.err.kind, ERR_CONFIG);
}
END_TEST

/* ---- the observer ---- */

static char heard[200];

static void hear(const char *what, const char *name)
{
    size_t length = strlen(heard);
    snprintf(heard + length, sizeof heard - length, "%s %.60s;", what, name);
}

static void on_begin(void *context, const char *kind, const char *job, int64_t run)
{
    (void)context, (void)job;
    hear(run != 0 ? "begin" : "begin without a run", kind);
}

static void on_skipped(void *context, const char *store, const struct err *why)
{
    (void)context;
    hear("skipped", store);
    hear("as", err_kind_name(why->kind));
}

static void on_end(void *context, int exit_status, const struct err *why)
{
    char status[16];
    (void)context;
    snprintf(status, sizeof status, "%d", exit_status);
    hear("end", status);
    hear("because", why != NULL ? why->text : "all is well");
}

START_TEST(an_observer_hears_of_begin_skipped_stores_and_end)
{
    struct observer observer = {.begin = on_begin, .skipped = on_skipped, .end = on_end};
    struct session_spec spec = {.kind = "backup",
                                .catalog = SESSION_WRITE,
                                .recorded = true,
                                .observer = &observer};
    struct repository_list list;
    heard[0] = '\0';
    begin_spec(&spec);
    memory_store_fail(NAS, MEMORY_CHECK, 1, "", ERR_TRANSIENT, false);
    OK(open_list(&list));
    repository_list_release(&list);
    ck_assert_int_eq(end(OUTCOME_PARTIAL, NULL), 8);
    ck_assert_str_eq(heard, "begin backup;skipped nas;as transient;end 8;"
                            "because all is well;");
}
END_TEST

static void note_end(void *context, int exit_status, const struct err *why)
{
    (void)exit_status, (void)why;
    hear("end for", context);
}

/* One of them wants to know nothing of it. */
START_TEST(several_observers_are_told_in_their_order)
{
    char a[] = "the progress", b[] = "the mail";
    struct observer last = {.end = note_end, .context = b};
    struct observer silent = {.next = &last};
    struct observer first = {
        .begin = on_begin, .end = note_end, .context = a, .next = &silent};
    struct session_spec spec = {
        .kind = "backup", .catalog = SESSION_WRITE, .observer = &first};
    heard[0] = '\0';
    begin_spec(&spec);
    ck_assert_ptr_eq(session_observer(session), &first);
    ck_assert_int_eq(end(OUTCOME_DONE, NULL), 0);
    ck_assert_str_eq(heard,
                     "begin without a run backup;end for the progress;end for the mail;");
}
END_TEST

int main(void)
{
    log_setup(LOG_LEVEL_ERROR, LOG_FORMAT_TEXT);
    Suite *suite = suite_create("session");
    TCase *tcase = tcase_create("session");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, a_second_run_is_told_who_holds_the_lock);
    tcase_add_test(tcase, a_removal_waits_for_no_backup_and_a_rebuild_for_both);
    tcase_add_test(tcase, without_a_catalog_it_says_what_to_do_or_goes_on_without);
    tcase_add_loop_test(tcase, the_exit_status_is_the_recorded_one, 0, WAYS_OUT);
    tcase_add_test(tcase, a_run_that_was_asked_for_is_the_one_that_is_recorded);
    tcase_add_test(tcase, who_asks_for_its_end_from_elsewhere_is_heard_within_a_second);
    tcase_add_test(tcase, what_keeps_no_record_leaves_none);
    tcase_add_test(tcase, a_time_limit_ends_the_run_and_its_stores_and_nothing_else);
    tcase_add_test(tcase, a_cancel_of_its_parent_ends_it);
    tcase_add_test(tcase, a_store_is_opened_once_however_often_it_is_asked_for);
    tcase_add_test(tcase, threads_share_what_one_of_them_opened);
    tcase_add_test(tcase, a_store_that_is_away_is_not_asked_again_with_each_copy);
    tcase_add_test(tcase, who_may_make_a_store_asks_one_again_that_was_none);
    tcase_add_loop_test(tcase, of_several_stores_one_that_fails_is_skipped_or_ends_the_run,
                        0, FAILURES);
    tcase_add_test(tcase, what_ends_the_run_opens_no_further_store);
    tcase_add_test(tcase, two_names_of_one_place_are_refused);
    tcase_add_test(tcase, a_name_that_leads_to_another_store_by_now_is_skipped);
    tcase_add_loop_test(tcase, an_ad_hoc_store_of_long_ago_is_excused_unless_it_was_named,
                        0, 2);
    tcase_add_test(tcase, stores_that_answer_stay);
    tcase_add_loop_test(tcase, one_that_went_away_is_a_failure_from_then_on, 0,
                        DEPOT_PLACES);
    tcase_add_test(tcase, a_cancel_is_no_fault_of_a_store);
    tcase_add_test(tcase, a_slip_of_the_pen_does_not_read_as_no_backups);
    tcase_add_test(tcase, an_observer_hears_of_begin_skipped_stores_and_end);
    tcase_add_test(tcase, several_observers_are_told_in_their_order);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
