#include "base/chan.h"
#include "tests/support/run_suite.h"

#include <check.h>
#include <stdatomic.h>

START_TEST(items_come_out_in_the_order_they_went_in)
{
    struct chan chan;
    int items[5];
    chan_init(&chan, 3);
    for (int round = 0; round < 4; round++) { /* the ring wraps */
        for (int i = 0; i < 3; i++)
            ck_assert(chan_push(&chan, &items[i]));
        for (int i = 0; i < 3; i++)
            ck_assert_ptr_eq(chan_pop(&chan), &items[i]);
        ck_assert(chan_push(&chan, &items[4]));
        ck_assert_ptr_eq(chan_pop(&chan), &items[4]);
    }
    chan_release(&chan);
}
END_TEST

START_TEST(a_closed_queue_hands_out_what_is_left_then_null)
{
    struct chan chan;
    int item;
    chan_init(&chan, 2);
    ck_assert(chan_push(&chan, &item));
    chan_close(&chan);
    chan_close(&chan);
    ck_assert(!chan_push(&chan, &item));
    ck_assert_ptr_eq(chan_pop(&chan), &item);
    ck_assert_ptr_null(chan_pop(&chan));
    ck_assert_ptr_null(chan_pop(&chan));
    chan_release(&chan);
}
END_TEST

static void *pop_one(void *argument)
{
    return chan_pop(argument);
}

START_TEST(a_waiting_pop_gets_what_is_pushed_and_wakes_when_closed)
{
    struct chan chan;
    pthread_t thread;
    void *got;
    int item;
    chan_init(&chan, 1);
    pthread_create(&thread, NULL, pop_one, &chan);
    ck_assert(chan_push(&chan, &item));
    pthread_join(thread, &got);
    ck_assert_ptr_eq(got, &item);
    pthread_create(&thread, NULL, pop_one, &chan);
    chan_close(&chan);
    pthread_join(thread, &got);
    ck_assert_ptr_null(got);
    chan_release(&chan);
}
END_TEST

enum { PRODUCERS = 3, CONSUMERS = 3, EACH = 2000 };

struct load {
    struct chan chan;
    unsigned char numbers[PRODUCERS * EACH];
    atomic_int next_producer;
    atomic_int popped;
};

static void *produce(void *argument)
{
    struct load *load = argument;
    int first = atomic_fetch_add(&load->next_producer, 1) * EACH;
    for (int i = 0; i < EACH; i++) {
        if (!chan_push(&load->chan, &load->numbers[first + i]))
            return load;
    }
    return NULL;
}

static void *consume(void *argument)
{
    struct load *load = argument;
    unsigned char *item;
    while ((item = chan_pop(&load->chan)) != NULL) {
        ++*item;
        if (atomic_fetch_add(&load->popped, 1) + 1 == PRODUCERS * EACH)
            chan_close(&load->chan);
    }
    return NULL;
}

START_TEST(every_item_is_taken_once_by_many_threads_through_a_small_queue)
{
    static struct load load;
    pthread_t producers[PRODUCERS], consumers[CONSUMERS];
    void *refused;
    chan_init(&load.chan, 2);
    for (int i = 0; i < CONSUMERS; i++)
        pthread_create(&consumers[i], NULL, consume, &load);
    for (int i = 0; i < PRODUCERS; i++)
        pthread_create(&producers[i], NULL, produce, &load);
    for (int i = 0; i < PRODUCERS; i++) {
        pthread_join(producers[i], &refused);
        ck_assert_ptr_null(refused);
    }
    for (int i = 0; i < CONSUMERS; i++)
        pthread_join(consumers[i], NULL);
    for (int i = 0; i < PRODUCERS * EACH; i++)
        ck_assert_uint_eq(load.numbers[i], 1);
    chan_release(&load.chan);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("chan");
    TCase *tcase = tcase_create("chan");

    tcase_add_test(tcase, items_come_out_in_the_order_they_went_in);
    tcase_add_test(tcase, a_closed_queue_hands_out_what_is_left_then_null);
    tcase_add_test(tcase, a_waiting_pop_gets_what_is_pushed_and_wakes_when_closed);
    tcase_add_test(tcase, every_item_is_taken_once_by_many_threads_through_a_small_queue);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
