/* The words of each service; names from databases are never more than names there. */
#include "notify/payload.h"

#include "base/json.h"
#include "base/memory.h"
#include "notify/courier.h"
#include "notify/document.h"
#include "tests/support/run_suite.h"

#include <check.h>

#define HOSTILE "<!channel> @everyone *x* `y`\n.\r\nBcc: a@b\xff"

static struct err err;

static json_t *document(enum notifier_event what)
{
    static const struct decide_item item = {
        .what = NOTIFIER_FAILURE, .subject = HOSTILE, .message = "no route to host"};
    const struct decide_item *items[] = {&item};
    const struct decide_event event = {
        .event = what,
        .items = items,
        .count = 1,
        .since = 1764500000,
        .ended = what == NOTIFIER_RECOVERY ? 1u << NOTIFIER_FAILURE : 0};
    const struct document_spec spec = {
        .event = &event, .job = "nightly", .now = 1764500000};
    return document_new(&spec);
}

static struct payload made(enum notifier_type type, const char *secret,
                           enum notifier_event what)
{
    static char name[] = "ops", from[] = "pgkeep@example.test", to[] = "ops@example.test";
    static char *list[] = {to};
    struct notifier_settings notifier = {
        .name = name, .type = type, .from = from, .to = {list, 1, 1}};
    struct payload payload;
    json_t *json = document(what);
    ck_assert_int_eq(payload_init(&payload, &notifier, secret, json, &err), 0);
    json_decref(json);
    return payload;
}

START_TEST(every_kind_makes_something_of_every_event)
{
    for (unsigned event = 0; event < NOTIFIER_EVENTS; event++) {
        struct payload payload =
            made((enum notifier_type)_i, "secret", (enum notifier_event)event);
        ck_assert_uint_gt(payload.body.length, 0);
        ck_assert(text_is_utf8(payload.body.data, payload.body.length));
        for (size_t i = 0; i < payload.headers.count; i++)
            ck_assert(!text_has_control(payload.headers.items[i]));
        payload_release(&payload);
    }
}
END_TEST

static const struct {
    enum notifier_type type;
    const char *never; /* stands in the body of no message */
} escapes[] = {
    {NOTIFIER_SLACK, "<!channel>"},
    {NOTIFIER_EMAIL, "\r\nBcc:"},
    {NOTIFIER_EMAIL, "\r\n.\r\n"},
    {NOTIFIER_DISCORD, "\"parse\": [\"everyone\"]"},
};

START_TEST(a_hostile_name_stays_a_name)
{
    struct payload payload = made(escapes[_i].type, NULL, NOTIFIER_FAILURE);
    ck_assert_ptr_null(strstr(payload.body.data, escapes[_i].never));
    payload_release(&payload);
}
END_TEST

START_TEST(a_webhook_is_signed_only_with_a_secret)
{
    struct payload with = made(NOTIFIER_WEBHOOK, "key", NOTIFIER_FAILURE);
    struct payload without = made(NOTIFIER_WEBHOOK, NULL, NOTIFIER_FAILURE);
    bool found = false, other = false;
    for (size_t i = 0; i < with.headers.count; i++)
        found |= text_starts_with(with.headers.items[i], "X-Pgkeep-Signature: sha256=");
    for (size_t i = 0; i < without.headers.count; i++)
        other |= text_starts_with(without.headers.items[i], "X-Pgkeep-Signature");
    ck_assert(found && !other);
    payload_release(&with);
    payload_release(&without);
}
END_TEST

static const struct {
    enum notifier_event event;
    const char *path;
} paths[] = {
    {NOTIFIER_START, "/start"},  {NOTIFIER_SUCCESS, ""},    {NOTIFIER_RECOVERY, ""},
    {NOTIFIER_FAILURE, "/fail"}, {NOTIFIER_STALE, "/fail"},
};

START_TEST(healthchecks_hears_begin_and_end_by_the_path)
{
    struct payload payload = made(NOTIFIER_HEALTHCHECKS, NULL, paths[_i].event);
    ck_assert_str_eq(payload.path, paths[_i].path);
    payload_release(&payload);
}
END_TEST

static const struct {
    int64_t tries, retry_after, wait;
} waits[] = {
    {1, 0, 10}, {2, 0, 20}, {3, 0, 40},      {10, 0, 3600},          {100, 0, 3600},
    {1, 1, 1},  {4, 1, 80}, {1, 7200, 7200}, {1, 1000000, 6 * 3600},
};

START_TEST(tries_are_further_and_further_apart_or_as_the_service_asks)
{
    ck_assert_int_eq(courier_next_try(waits[_i].tries, waits[_i].retry_after, 1000),
                     1000 + waits[_i].wait);
}
END_TEST

START_TEST(a_message_is_given_up_after_a_day_and_a_begin_sooner)
{
    ck_assert(!courier_gives_up("failure", 0, COURIER_GIVE_UP_S - 1));
    ck_assert(courier_gives_up("failure", 0, COURIER_GIVE_UP_S));
    ck_assert(courier_gives_up("start", 0, COURIER_START_S));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("payload");
    TCase *tcase = tcase_create("payload");
    tcase_add_loop_test(tcase, every_kind_makes_something_of_every_event, 0,
                        NOTIFIER_TYPES);
    tcase_add_loop_test(tcase, a_hostile_name_stays_a_name, 0,
                        sizeof escapes / sizeof *escapes);
    tcase_add_test(tcase, a_webhook_is_signed_only_with_a_secret);
    tcase_add_loop_test(tcase, healthchecks_hears_begin_and_end_by_the_path, 0,
                        sizeof paths / sizeof *paths);
    tcase_add_loop_test(tcase, tries_are_further_and_further_apart_or_as_the_service_asks,
                        0, sizeof waits / sizeof *waits);
    tcase_add_test(tcase, a_message_is_given_up_after_a_day_and_a_begin_sooner);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
