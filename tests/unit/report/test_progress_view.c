#include "report/progress_view.h"
#include "base/json.h"
#include "tests/support/run_suite.h"

#include <check.h>

#define MB UINT64_C(1000000)

static struct progress_view view_of(uint64_t estimate)
{
    struct progress_view view = {.what = "backup",
                                 .name = "shop",
                                 .id = "01JD7XK2M4",
                                 .estimate = estimate,
                                 .started_ms = 5000};
    progress_view_init(&view);
    return view;
}

static void sample(struct progress_view *view, int64_t at_ms, uint64_t raw, uint64_t stored)
{
    progress_view_sample(view, (struct progress_sample){at_ms, raw, stored});
}

static void assert_text(const struct progress_view *view, const char *wanted)
{
    struct text text;
    text_init(&text, 1024);
    progress_view_text(view, &text);
    ck_assert_str_eq(text.data, wanted);
    text_release(&text);
}

START_TEST(a_line_says_phase_share_rate_end_and_sizes)
{
    struct progress_view view = view_of(1000 * MB);
    view.phase = "dump";
    sample(&view, 7000, 100 * MB, 30 * MB);
    assert_text(&view, "backup of shop: dump  10 %  47.7 MiB/s  ETA 18s  raw 95.4 MiB  "
                       "stored 28.6 MiB");
}
END_TEST

START_TEST(when_all_bytes_are_through_no_share_is_claimed)
{
    struct progress_view view = view_of(1000 * MB);
    view.phase = "finish"; /* the estimate was too high */
    sample(&view, 7000, 730 * MB, 30 * MB);
    assert_text(&view, "backup of shop: finish  raw 696.2 MiB  stored 28.6 MiB");
}
END_TEST

START_TEST(nothing_is_claimed_that_is_not_known)
{
    struct progress_view view = view_of(0);
    assert_text(&view, "backup of shop: started  raw 0 B  stored 0 B");
    sample(&view, 7000, 100 * MB, 0); /* no estimate: neither share nor end */
    assert_text(&view, "backup of shop: started  47.7 MiB/s  raw 95.4 MiB  stored 0 B");
    view.estimate = 50 * MB; /* and with one that was too low */
    ck_assert(progress_view_percent(&view) < 0);
    ck_assert_int_eq(progress_view_eta_ms(&view), -1);
}
END_TEST

START_TEST(the_rate_is_that_of_the_last_seconds)
{
    struct progress_view view = view_of(10000 * MB);
    for (int i = 1; i <= 100; i++) /* fast for 50 s, then slow */
        sample(&view, 5000 + i * 500, (uint64_t)i * 100 * MB, 0);
    ck_assert_uint_eq(progress_view_rate(&view), 200 * MB);
    for (int i = 1; i <= 16; i++)
        sample(&view, 55000 + i * 500, 10000 * MB + (uint64_t)i * MB, 0);
    ck_assert_uint_eq(progress_view_rate(&view), 2 * MB);
}
END_TEST

START_TEST(frequent_samples_do_not_shorten_the_window)
{
    struct progress_view view = view_of(0);
    for (int i = 1; i <= 4000; i++) /* one each millisecond */
        sample(&view, 5000 + i, (uint64_t)i * 1000, 0);
    ck_assert_uint_eq(view.now.raw_bytes, 4000 * 1000);
    ck_assert_uint_eq(progress_view_rate(&view), MB);
}
END_TEST

START_TEST(a_stalled_stream_has_neither_rate_nor_end)
{
    struct progress_view view = view_of(100 * MB);
    for (int i = 0; i < 40; i++)
        sample(&view, 6000 + i * 500, 10 * MB, 0);
    ck_assert_uint_eq(progress_view_rate(&view), 0);
    ck_assert_int_eq(progress_view_eta_ms(&view), -1);
}
END_TEST

START_TEST(a_long_name_is_cut_between_characters)
{
    struct progress_view view = view_of(0);
    view.name = "123456789012345678901234567890123456789\xc3\xa9 and so on";
    assert_text(&view, "backup of 123456789012345678901234567890123456789...: started  "
                       "raw 0 B  stored 0 B");
}
END_TEST

static void assert_json(const struct progress_view *view, bool done, const char *wanted)
{
    json_t *json = progress_view_json(view, done);
    char *text = json_text(json, false);
    ck_assert_str_eq(text, wanted);
    free(text);
    json_decref(json);
}

START_TEST(json_has_every_key_always)
{
    struct progress_view view = view_of(1000 * MB);
    assert_json(
        &view, false,
        "{\"progress\":{\"what\":\"backup\",\"name\":\"shop\",\"id\":\"01JD7XK2M4\","
        "\"phase\":null,\"raw_bytes\":0,\"stored_bytes\":0,\"bytes_per_second\":null,"
        "\"estimate_bytes\":1000000000,\"percent\":0,\"eta_seconds\":null,"
        "\"elapsed_seconds\":0,\"done\":false}}");
    view.phase = "finish";
    view.id = NULL;
    view.name = "\xff";
    sample(&view, 7000, 500 * MB, 30 * MB);
    assert_json(
        &view, true,
        "{\"progress\":{\"what\":\"backup\",\"name\":{\"hex\":\"ff\"},\"id\":null,"
        "\"phase\":\"finish\",\"raw_bytes\":500000000,\"stored_bytes\":30000000,"
        "\"bytes_per_second\":250000000,\"estimate_bytes\":1000000000,\"percent\":50,"
        "\"eta_seconds\":2,\"elapsed_seconds\":2,\"done\":true}}");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("progress_view");
    TCase *tcase = tcase_create("progress_view");
    tcase_add_test(tcase, a_line_says_phase_share_rate_end_and_sizes);
    tcase_add_test(tcase, when_all_bytes_are_through_no_share_is_claimed);
    tcase_add_test(tcase, nothing_is_claimed_that_is_not_known);
    tcase_add_test(tcase, the_rate_is_that_of_the_last_seconds);
    tcase_add_test(tcase, frequent_samples_do_not_shorten_the_window);
    tcase_add_test(tcase, a_stalled_stream_has_neither_rate_nor_end);
    tcase_add_test(tcase, a_long_name_is_cut_between_characters);
    tcase_add_test(tcase, json_has_every_key_always);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
