#include "cmd/progress.h"
#include "tests/support/run_suite.h"

#include <check.h>
#include <pthread.h>

/* A clock that the test moves, and a sink that wakes the test for each line. */
struct stage {
    pthread_mutex_t lock; /* guards all below */
    pthread_cond_t drawn;
    int64_t now_ms;
    size_t lines, cleared;
    enum progress_style style;
    char last[1024];
};

static int64_t stage_now(void *context)
{
    struct stage *stage = context;
    (void)pthread_mutex_lock(&stage->lock);
    int64_t now = stage->now_ms;
    (void)pthread_mutex_unlock(&stage->lock);
    return now;
}

static void stage_draw(void *context, enum progress_style style, const char *line)
{
    struct stage *stage = context;
    (void)pthread_mutex_lock(&stage->lock);
    stage->style = style;
    if (line) {
        stage->lines++;
        (void)snprintf(stage->last, sizeof(stage->last), "%s", line);
    } else
        stage->cleared++;
    (void)pthread_cond_signal(&stage->drawn);
    (void)pthread_mutex_unlock(&stage->lock);
}

static void stage_init(struct stage *stage)
{
    *stage = (struct stage){.now_ms = 1000};
    ck_assert_int_eq(pthread_mutex_init(&stage->lock, NULL), 0);
    ck_assert_int_eq(pthread_cond_init(&stage->drawn, NULL), 0);
}

static void stage_release(struct stage *stage)
{
    (void)pthread_cond_destroy(&stage->drawn);
    (void)pthread_mutex_destroy(&stage->lock);
}

static void stage_set(struct stage *stage, int64_t now_ms)
{
    (void)pthread_mutex_lock(&stage->lock);
    stage->now_ms = now_ms;
    (void)pthread_mutex_unlock(&stage->lock);
}

/* Until that many lines were drawn; the test's own time limit ends a wait in vain. */
static void stage_wait(struct stage *stage, size_t lines)
{
    (void)pthread_mutex_lock(&stage->lock);
    while (stage->lines < lines)
        (void)pthread_cond_wait(&stage->drawn, &stage->lock);
    (void)pthread_mutex_unlock(&stage->lock);
}

static struct progress *started(struct stage *stage, enum progress_style style)
{
    struct err err = {0};
    struct progress_hooks hooks = {stage_now, stage_draw, stage, 0};
    stage_init(stage);
    struct progress *progress = progress_new(style, &hooks, &err);
    ck_assert_msg(progress != NULL, "%s", err.text);
    return progress;
}

START_TEST(a_live_line_comes_at_once_and_goes_at_the_end)
{
    struct stage stage;
    struct meter meter;
    struct progress *progress = started(&stage, PROGRESS_LIVE);
    meter_init(&meter, 0);
    progress_begin(progress, "backup", "shop", NULL, &meter);
    stage_wait(&stage, 1);
    ck_assert_str_eq(stage.last, "backup of shop: started  raw 0 B  stored 0 B");
    progress_finish(progress);
    ck_assert_uint_eq(stage.cleared, 1);
    size_t lines = stage.lines;
    progress_free(progress);
    ck_assert_uint_eq(stage.lines, lines);
    ck_assert_uint_eq(stage.cleared, 1);
    stage_release(&stage);
}
END_TEST

START_TEST(a_new_phase_is_drawn_before_its_time_where_lines_are_live)
{
    struct stage stage;
    struct meter meter;
    struct progress *progress = started(&stage, PROGRESS_LIVE);
    meter_init(&meter, 0);
    progress_begin(progress, "restore", "shop", NULL, &meter);
    stage_wait(&stage, 1); /* the clock stands still from here on */
    progress_phase(progress, "load");
    stage_wait(&stage, 2);
    ck_assert_str_eq(stage.last, "restore of shop: load  raw 0 B  stored 0 B");
    progress_free(progress);
    ck_assert_uint_eq(stage.cleared, 1);
    stage_release(&stage);
}
END_TEST

START_TEST(the_meter_is_read_each_time)
{
    struct stage stage;
    struct meter meter;
    struct progress *progress = started(&stage, PROGRESS_JSON);
    meter_init(&meter, 4096);
    progress_begin(progress, "backup", "shop", "01JD", &meter);
    stage_wait(&stage, 1);
    atomic_store(&meter.raw_bytes, 2048);
    atomic_store(&meter.stored_bytes, 512);
    stage_set(&stage, 2000); /* the thread looks by itself within half a second */
    stage_wait(&stage, 2);
    ck_assert_ptr_nonnull(strstr(stage.last, "\"raw_bytes\":2048,\"stored_bytes\":512"));
    ck_assert_ptr_nonnull(strstr(stage.last, "\"percent\":50"));
    ck_assert_ptr_nonnull(strstr(stage.last, "\"done\":false"));
    progress_finish(progress);
    ck_assert_uint_eq(stage.lines, 3);
    ck_assert_ptr_nonnull(strstr(stage.last, "\"done\":true"));
    ck_assert_uint_eq(stage.cleared, 0);
    progress_free(progress);
    stage_release(&stage);
}
END_TEST

START_TEST(a_log_says_nothing_about_what_is_short)
{
    struct stage stage;
    struct meter meter;
    struct progress *progress = started(&stage, PROGRESS_LOG);
    meter_init(&meter, 0);
    for (int i = 0; i < 3; i++) {
        progress_begin(progress, "verify", "shop", NULL, &meter);
        progress_phase(progress, "read");
        progress_finish(progress);
    }
    progress_begin(progress, "backup", "blog", NULL, &meter);
    stage_set(&stage, 31000);
    stage_wait(&stage, 1);
    ck_assert_str_eq(stage.last, "backup of blog: started  raw 0 B  stored 0 B");
    ck_assert_int_eq(stage.style, PROGRESS_LOG);
    progress_free(progress);
    ck_assert_uint_eq(stage.lines, 1);
    stage_release(&stage);
}
END_TEST

START_TEST(without_progress_every_call_is_harmless)
{
    struct stage stage;
    struct meter meter;
    struct progress *none = started(&stage, PROGRESS_NONE);
    struct progress *const both[] = {none, NULL};
    meter_init(&meter, 0);
    for (size_t i = 0; i < 2; i++) {
        progress_begin(both[i], "backup", "shop", NULL, &meter);
        progress_phase(both[i], "dump");
        progress_finish(both[i]);
        progress_free(both[i]);
    }
    ck_assert_uint_eq(stage.lines + stage.cleared, 0);
    stage_release(&stage);
}
END_TEST

START_TEST(the_style_follows_the_settings)
{
    static const struct {
        enum progress_choice progress;
        enum log_format format;
        enum progress_style style;
    } rows[] = {
        {PROGRESS_CHOICE_NONE, LOG_FORMAT_TEXT, PROGRESS_NONE},
        {PROGRESS_CHOICE_JSON, LOG_FORMAT_TEXT, PROGRESS_JSON},
        {PROGRESS_CHOICE_JSON, LOG_FORMAT_JOURNAL, PROGRESS_JSON},
        {PROGRESS_CHOICE_AUTO, LOG_FORMAT_JSON, PROGRESS_LOG}, /* also on a terminal */
        {PROGRESS_CHOICE_AUTO, LOG_FORMAT_JOURNAL, PROGRESS_LOG},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct settings settings = {.progress = rows[i].progress,
                                    .log_format = rows[i].format};
        ck_assert_int_eq(progress_style(&settings), rows[i].style);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("progress");
    TCase *tcase = tcase_create("progress");
    tcase_add_test(tcase, a_live_line_comes_at_once_and_goes_at_the_end);
    tcase_add_test(tcase, a_new_phase_is_drawn_before_its_time_where_lines_are_live);
    tcase_add_test(tcase, the_meter_is_read_each_time);
    tcase_add_test(tcase, a_log_says_nothing_about_what_is_short);
    tcase_add_test(tcase, without_progress_every_call_is_harmless);
    tcase_add_test(tcase, the_style_follows_the_settings);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
