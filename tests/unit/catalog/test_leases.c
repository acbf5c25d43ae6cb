#include "catalog/leases.h"

#include "base/clock.h"
#include "catalog/copies.h"
#include "catalog/deletions.h"
#include "tests/support/catalog_rig.h"
#include "tests/support/run_suite.h"

#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

static int64_t copy_id;

static void setup(void)
{
    catalog_rig_begin();
    copy_id = catalogs_complete(here.catalog, 1, here.store, 1000);
}

/* Is one in force at that time? Owner: whose lease it is. */
static bool in_force(int64_t now)
{
    char *purpose = NULL;
    OK(catalog_lease_of(here.catalog, copy_id, now, &purpose, &here.err));
    bool found = purpose != NULL;
    if (found)
        ck_assert_str_eq(purpose, "being restored");
    free(purpose);
    return found;
}

static struct catalog_lease restoring(void)
{
    return (struct catalog_lease){
        .copy = copy_id, .purpose = "being restored", .unbroken = true};
}

static int64_t take(void)
{
    struct catalog_lease lease = restoring();
    OK(catalog_lease_take(here.catalog, &lease, &here.err));
    return lease.id;
}

START_TEST(a_lease_holds_while_its_owner_lives)
{
    int64_t now = clock_now();
    ck_assert(!in_force(now));
    int64_t lease = take();
    ck_assert(in_force(now));
    ck_assert(in_force(now + 100 * CATALOG_LEASE_VOID_S));
    catalog_rig_set_owner(catalogs_dead_owner());
    ck_assert(!in_force(now));
    catalog_rig_set_owner(catalogs_unknown_owner());
    ck_assert(in_force(now + CATALOG_LEASE_VOID_S - 60));
    ck_assert(!in_force(now + CATALOG_LEASE_VOID_S + 60));
    ck_assert(in_force(now - 1000000)); /* a clock set back ends nothing */
    OK(catalog_lease_refresh(here.catalog, lease, &here.err));
    OK(catalog_lease_end(here.catalog, lease, &here.err));
    OK(catalog_lease_end(here.catalog, lease, &here.err));
    ck_assert(!in_force(now));
    ck_assert_int_eq(catalog_lease_refresh(here.catalog, lease, &here.err), -1);
    ck_assert_int_eq(here.err.kind, ERR_NOT_FOUND);
}
END_TEST

START_TEST(one_of_two_that_ends_leaves_the_other)
{
    int64_t first = take();
    int64_t second = take();
    ck_assert_int_ne(first, second);
    OK(catalog_lease_end(here.catalog, first, &here.err));
    ck_assert(in_force(clock_now()));
    OK(catalog_lease_end(here.catalog, second, &here.err));
    ck_assert(!in_force(clock_now()));
}
END_TEST

START_TEST(a_lease_needs_a_copy_that_can_be_read)
{
    static const char states[] = "UCFMAELBD";
    for (unsigned state = 0; state < CATALOG_COPY_STATES; state++) {
        char sql[100];
        snprintf(sql, sizeof sql, "UPDATE copies SET state = '%s'",
                 catalog_copy_state_name((enum catalog_copy_state)state));
        catalogs_sql(&here.files, sql);
        for (int unbroken = 0; unbroken < 2; unbroken++) {
            bool allowed = strchr(unbroken ? "C" : "CMA", states[state]) != NULL;
            here.err = (struct err){0};
            struct catalog_lease lease = {
                .copy = copy_id, .purpose = "being copied", .unbroken = unbroken == 1};
            ck_assert_int_eq(catalog_lease_take(here.catalog, &lease, &here.err),
                             allowed ? 0 : -1);
            ck_assert_int_eq(here.err.kind, allowed ? ERR_NONE : ERR_UNSAFE);
        }
    }
    struct catalog_lease lease = {.copy = 4711, .purpose = "x", .unbroken = true};
    ck_assert_int_eq(catalog_lease_take(here.catalog, &lease, &here.err), -1);
    ck_assert_int_eq(here.err.kind, ERR_NOT_FOUND);
}
END_TEST

START_TEST(void_leases_are_removed_and_their_ids_not_used_again)
{
    int64_t lease = take();
    OK(catalog_leases_purge(here.catalog, clock_now(), &here.err));
    ck_assert_int_eq(catalog_rig_number("SELECT count(*) FROM leases"), 1);
    catalog_rig_set_owner(catalogs_dead_owner());
    OK(catalog_leases_purge(here.catalog, clock_now(), &here.err));
    ck_assert_int_eq(catalog_rig_number("SELECT count(*) FROM leases"), 0);
    ck_assert_int_gt(take(), lease);
    ck_assert_int_eq(catalog_lease_refresh(here.catalog, lease, &here.err), -1);
}
END_TEST

/* A process that leases the copy, then begins a change it never commits. */
static pid_t start_reader(void)
{
    int fds[2];
    char byte = 0;
    ck_assert_int_eq(pipe(fds), 0);
    pid_t pid = fork();
    ck_assert_int_ge(pid, 0);
    if (pid == 0) {
        struct err ignored = {0};
        struct catalog_lease lease = restoring();
        struct catalog *catalog = catalogs_open(&here.files);
        if (catalog_lease_take(catalog, &lease, &ignored) < 0 ||
            catalog_begin(catalog, &ignored) < 0 ||
            catalog_copy_set_first_marked(catalog, copy_id, 77, &ignored) < 0 ||
            write(fds[1], "x", 1) != 1)
            _exit(1);
        for (;;)
            pause();
    }
    ck_assert_int_eq(read(fds[0], &byte, 1), 1);
    close(fds[0]);
    close(fds[1]);
    return pid;
}

START_TEST(a_killed_restore_holds_nothing_up)
{
    struct catalog_deletion item = {
        .copy = copy_id, .reason = "x", .expected = CATALOG_COPY_COMPLETE};
    struct catalog_marking marking = {.items = &item, .count = 1, .now = clock_now()};
    pid_t pid = start_reader();
    ck_assert(in_force(clock_now()));
    kill(pid, SIGKILL);
    ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
    ck_assert(!in_force(clock_now()));
    ck_assert_int_eq(catalog_rig_number("SELECT first_marked FROM copies"), 0);
    OK(catalog_deletions_mark(here.catalog, &marking, &here.err));
    ck_assert_int_eq(item.result, CATALOG_MARKED);
    OK(catalog_check(here.catalog, &here.err));
}
END_TEST

/* ---- a lease and a mark at the same time, from two handles ---- */

struct racer {
    struct catalog *catalog;
    pthread_barrier_t *barrier;
    bool won;
};

static void *lease_it(void *argument)
{
    struct racer *racer = argument;
    struct err ignored = {0};
    struct catalog_lease lease = restoring();
    pthread_barrier_wait(racer->barrier);
    racer->won = catalog_lease_take(racer->catalog, &lease, &ignored) == 0;
    return NULL;
}

static void *mark_it(void *argument)
{
    struct racer *racer = argument;
    struct err ignored = {0};
    struct catalog_deletion item = {
        .copy = copy_id, .reason = "x", .expected = CATALOG_COPY_COMPLETE};
    struct catalog_marking marking = {.items = &item, .count = 1, .now = clock_now()};
    pthread_barrier_wait(racer->barrier);
    racer->won = catalog_deletions_mark(racer->catalog, &marking, &ignored) == 0 &&
                 item.result == CATALOG_MARKED;
    return NULL;
}

static unsigned race(void *(*first)(void *), void *(*second)(void *))
{
    pthread_barrier_t barrier;
    pthread_t threads[2];
    struct racer racers[2] = {{here.catalog, &barrier, false},
                              {catalogs_open(&here.files), &barrier, false}};
    pthread_barrier_init(&barrier, NULL, 2);
    pthread_create(&threads[0], NULL, first, &racers[0]);
    pthread_create(&threads[1], NULL, second, &racers[1]);
    pthread_join(threads[0], NULL);
    pthread_join(threads[1], NULL);
    pthread_barrier_destroy(&barrier);
    catalog_close(racers[1].catalog);
    return (racers[0].won ? 1u : 0u) + (racers[1].won ? 1u : 0u);
}

START_TEST(of_a_lease_and_a_mark_exactly_one_wins)
{
    for (unsigned i = 0; i < 50; i++) {
        catalogs_sql(&here.files,
                     "DELETE FROM leases; UPDATE copies SET state = 'complete'");
        ck_assert_uint_eq(race(lease_it, mark_it), 1);
        ck_assert_int_eq(catalog_rig_number("SELECT (SELECT count(*) FROM leases) +"
                                            " (SELECT state = 'deleting' FROM copies)"),
                         1);
    }
}
END_TEST

START_TEST(of_two_marks_exactly_one_wins)
{
    for (unsigned i = 0; i < 50; i++) {
        catalogs_sql(&here.files, "UPDATE copies SET state = 'complete'");
        ck_assert_uint_eq(race(mark_it, mark_it), 1);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("leases");
    TCase *tcase = tcase_create("leases");
    tcase_add_checked_fixture(tcase, setup, catalog_rig_end);
    tcase_add_test(tcase, a_lease_holds_while_its_owner_lives);
    tcase_add_test(tcase, one_of_two_that_ends_leaves_the_other);
    tcase_add_test(tcase, a_lease_needs_a_copy_that_can_be_read);
    tcase_add_test(tcase, void_leases_are_removed_and_their_ids_not_used_again);
    tcase_add_test(tcase, a_killed_restore_holds_nothing_up);
    tcase_add_test(tcase, of_a_lease_and_a_mark_exactly_one_wins);
    tcase_add_test(tcase, of_two_marks_exactly_one_wins);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
