/* The stores of a job, looked at again between two databases. */
#include "repository/repository.h"

#include "base/memory.h"
#include "tests/support/memory_store.h"
#include "tests/support/run_suite.h"

#include <check.h>

enum { STORES = 3 };
static const char *const names[STORES] = {"nas", "offsite", "third"};
static struct repository_list list;
static struct err err;

static void setup(void)
{
    list = (struct repository_list){0};
    err_clear(&err);
    for (size_t i = 0; i < STORES; i++) {
        struct repository *repository = memory_zalloc(sizeof *repository);
        repository->name = memory_strdup(names[i]);
        repository->store = memory_store_new(names[i], NULL);
        repository->id = (int64_t)i + 1;
        memory_grow(&list.items, &list.capacity, list.count + 1, sizeof *list.items);
        list.items[list.count++] = repository;
    }
}

static void teardown(void)
{
    repository_list_release(&list);
}

static void break_store(size_t i, enum err_kind kind)
{
    memory_store_fail(list.items[i]->store, MEMORY_CHECK, 1, "", kind, false);
}

START_TEST(stores_that_answer_stay)
{
    ck_assert_int_eq(repository_list_recheck(&list, &err), 0);
    ck_assert_uint_eq(list.count, STORES);
    ck_assert_uint_eq(list.failure_count, 0);
}
END_TEST

START_TEST(one_that_went_away_is_a_failure_from_then_on)
{
    break_store((size_t)_i, ERR_TRANSIENT);
    ck_assert_int_eq(repository_list_recheck(&list, &err), 0);
    ck_assert_uint_eq(list.count, STORES - 1);
    ck_assert_uint_eq(list.failure_count, 1);
    ck_assert_str_eq(list.failures[0].name, names[_i]);
    ck_assert_int_eq(list.failures[0].err.kind, ERR_TRANSIENT);
    ck_assert_ptr_null(repository_list_find(&list, _i + 1));
    ck_assert_int_eq(err.kind, ERR_NONE);
}
END_TEST

START_TEST(a_cancel_is_no_fault_of_a_store)
{
    break_store(0, ERR_TRANSIENT);
    break_store(1, ERR_CANCELLED);
    ck_assert_int_eq(repository_list_recheck(&list, &err), -1);
    ck_assert_int_eq(err.kind, ERR_CANCELLED);
    ck_assert_uint_eq(list.count, 2);
    ck_assert_uint_eq(list.failure_count, 1);
}
END_TEST

static Suite *suite(void)
{
    Suite *suite = suite_create("repository");
    TCase *tcase = tcase_create("repository");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, stores_that_answer_stay);
    tcase_add_loop_test(tcase, one_that_went_away_is_a_failure_from_then_on, 0, STORES);
    tcase_add_test(tcase, a_cancel_is_no_fault_of_a_store);
    suite_add_tcase(suite, tcase);
    return suite;
}

int main(void)
{
    return run_suite(suite());
}
