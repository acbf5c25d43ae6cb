/* What happened to users of other tools, as far as a plan can prevent it. The names end
 * with the project and the number of the issue. */
#include "tests/support/planning.h"
#include "tests/support/run_suite.h"
#include "tests/support/utc.h"

#include "base/memory.h"

#include <check.h>

static struct planning p;

static void begin(const char *policy)
{
    planning_init(&p, policy, "2026-11-21T12:00:00Z");
}

static void expect_kept(const char *ids)
{
    planning_run(&p);
    char *kept = planning_kept(&p);
    ck_assert_str_eq(kept, ids);
    free(kept);
}

/* The last good one is `days` old; every night since then failed. */
static void add_failing_nights(int days)
{
    planning_add_at(&p, p.now - days * 86400);
    planning_add_at(&p, p.now - (days + 1) * 86400)->seq = 0;
    for (int night = days - 1; night >= 0; night--)
        planning_add_at(&p, p.now - night * 86400)->state = RETENTION_FAILED;
}

START_TEST(age_policy_with_failing_backups_keeps_the_last_good_one_pgbackweb_121)
{
    static const char *const policies[] = {"keep_days=1", "keep_within=1d",
                                           "keep_within=1h", "keep_within_daily=1d",
                                           "keep_within=0h"};
    for (size_t i = 0; i < sizeof(policies) / sizeof(policies[0]); i++) {
        begin(policies[i]);
        add_failing_nights(400);
        planning_run(&p);
        ck_assert_str_eq(planning_verdict(&p, "a0001"), "keep");
        planning_release(&p);
    }
}
END_TEST

START_TEST(months_of_failures_age_nothing_out_docker_volume_backup_631)
{
    begin("keep_days=7");
    for (int day = 0; day < 7; day++)
        planning_add_at(&p, p.now - day * 86400)->seq = 100 - day;
    planning_run(&p);
    ck_assert_uint_eq(p.plan->groups[0].pruned, 0);
    p.now += (int64_t)180 * 86400;
    planning_run(&p);
    ck_assert_uint_eq(p.plan->groups[0].pruned, 0);
    planning_release(&p);
}
END_TEST

START_TEST(keep_within_a_day_leaves_the_last_one_borg_1_2_4)
{
    begin("keep_within=1d");
    planning_add(&p, "only", "2024-01-01");
    expect_kept("only");
    planning_release(&p);
}
END_TEST

START_TEST(failed_backups_take_no_slots_borg_997)
{
    begin("keep_last=3 keep_daily=3");
    add_failing_nights(10);
    planning_add_at(&p, p.now - 12 * 86400)->seq = 0;
    planning_run(&p);
    char *kept = planning_kept(&p);
    ck_assert_str_eq(kept, "a0001 a0002 a0013");
    free(kept);
    planning_release(&p);
}
END_TEST

START_TEST(a_partial_one_does_not_replace_a_good_one_xen_orchestra_2524)
{
    begin("keep_last=1");
    planning_add(&p, "good", "2026-11-20");
    planning_add(&p, "cut", "2026-11-21")->state = RETENTION_DAMAGED;
    planning_add(&p, "gone", "2026-11-21")->state = RETENTION_MISSING;
    planning_add(&p, "half", "2026-11-21")->state = RETENTION_RUNNING;
    expect_kept("good");
    planning_release(&p);
}
END_TEST

START_TEST(failed_ones_are_not_counted_as_good_by_the_floor_portabase_332)
{
    begin("keep_last=1 min_keep=2");
    planning_add(&p, "g1", "2026-11-10");
    planning_add(&p, "g2", "2026-11-11");
    planning_add(&p, "f1", "2026-11-12")->state = RETENTION_FAILED;
    planning_add(&p, "f2", "2026-11-13")->state = RETENTION_FAILED;
    expect_kept("g2 g1");
    planning_release(&p);
}
END_TEST

START_TEST(zero_never_means_delete_everything_home_assistant_138702)
{
    for (size_t i = 0; i < retention_policy_key_count; i++) {
        const struct retention_key *key = &retention_policy_keys[i];
        struct err err = {0};
        begin("");
        for (int day = 0; day < 5; day++)
            planning_add_at(&p, p.now - day * 86400)->seq = 100 - day;
        const char *zero = key->kind == RETENTION_KIND_DURATION ? "0h" : "0";
        if (retention_policy_set(&p.policy, key->name, zero, &err) == 0) {
            planning_run(&p);
            /* A duration of nothing is a rule: what is as new as the newest. */
            size_t kept = retention_policy_is_on(&p.policy) ? 1 : 5;
            ck_assert_msg(p.plan->groups[0].kept == kept, "%s", key->name);
        }
        planning_release(&p);
    }
}
END_TEST

START_TEST(a_negative_number_is_an_error_restic_2565)
{
    for (size_t i = 0; i < retention_policy_key_count; i++) {
        static const char *const values[] = {"-1", "-7d", "-1GiB", "-"};
        for (size_t v = 0; v < sizeof(values) / sizeof(values[0]); v++) {
            struct err err = {0};
            begin("");
            ck_assert_msg(retention_policy_set(&p.policy, retention_policy_keys[i].name,
                                               values[v], &err) == -1,
                          "%s=%s", retention_policy_keys[i].name, values[v]);
            planning_release(&p);
        }
    }
}
END_TEST

START_TEST(an_empty_policy_keeps_everything_restic_pr_4764)
{
    begin("keep_last=0 keep_hourly=0 keep_daily=0 keep_weekly=0 keep_monthly=0 "
          "keep_yearly=0");
    for (int day = 0; day < 50; day++)
        planning_add_at(&p, p.now - day * 86400)->seq = 100 - day;
    planning_run(&p);
    ck_assert_uint_eq(p.plan->groups[0].kept, 50);
    ck_assert(!p.plan->is_on);
    planning_release(&p);
}
END_TEST

START_TEST(a_backup_from_the_future_pushes_nothing_out_restic_21956)
{
    begin("keep_last=1");
    planning_add(&p, "real", "2026-11-21");
    planning_add(&p, "y2099", "2099-01-01")->flags = RETENTION_VERIFIED;
    expect_kept("y2099 real");
    /* Nor when its time has come. */
    p.artifacts[1].flags |= RETENTION_QUARANTINED;
    p.now = utc("2100-01-01");
    expect_kept("y2099 real");
    planning_release(&p);
}
END_TEST

START_TEST(a_backup_from_the_future_is_no_anchor_restic_pr_3416)
{
    begin("keep_within=30d keep_within_daily=1y");
    planning_add(&p, "a", "2026-11-20");
    planning_add(&p, "b", "2026-11-01");
    planning_add(&p, "y2099", "2099-01-01");
    expect_kept("y2099 a b");
    planning_release(&p);
}
END_TEST

START_TEST(one_missing_copy_does_not_stop_the_rest_pgbackweb_50)
{
    begin("keep_last=1");
    planning_add(&p, "new", "2026-11-20")->seq = 9;
    planning_add(&p, "lost", "2026-11-10")->state = RETENTION_MISSING;
    planning_add(&p, "held", "2026-11-09")->state = RETENTION_LOCKED;
    planning_add(&p, "old", "2026-11-08");
    expect_kept("new");
    ck_assert_str_eq(planning_verdict(&p, "old"), "remove");
    planning_release(&p);
}
END_TEST

START_TEST(what_is_being_restored_stays_barman_200)
{
    begin("keep_last=1 max_total_size=1");
    planning_add(&p, "new", "2026-11-20")->seq = 9;
    planning_add(&p, "restored", "2026-11-10")->flags = RETENTION_LEASED;
    expect_kept("new restored");
    planning_release(&p);
}
END_TEST

START_TEST(what_another_machine_writes_stays_pgbackrest_2622)
{
    static const char *const waiting[] = {"offsite", NULL};
    begin("keep_last=1");
    planning_add(&p, "new", "2026-11-20")->seq = 9;
    planning_add(&p, "writing", "2026-11-10")->state = RETENTION_RUNNING;
    planning_add(&p, "copied", "2026-11-09")->pending = waiting;
    expect_kept("new copied");
    ck_assert_str_eq(planning_verdict(&p, "writing"), "ignore");
    planning_release(&p);
}
END_TEST

START_TEST(a_locked_one_is_not_forgotten_velero_8691)
{
    begin("keep_last=1");
    planning_add(&p, "new", "2026-11-20");
    planning_add(&p, "locked", "2026-11-10")->state = RETENTION_LOCKED;
    p.artifacts[1].locked_until = utc("2026-12-24");
    planning_run(&p);
    char *reasons = planning_reasons(&p, "locked");
    ck_assert_str_eq(reasons, "object lock until 2026-12-24");
    ck_assert_str_eq(retention_explain_verdict(p.plan, 1), "LOCKED");
    free(reasons);
    planning_release(&p);
}
END_TEST

START_TEST(an_empty_listing_is_no_verdict_rsnapshot_351)
{
    struct err err = {0};
    ck_assert_int_eq(retention_guard_listing(true, 0, 24, &err), -1);
    ck_assert_int_eq(err.kind, ERR_UNSAFE);
}
END_TEST

START_TEST(job_app_leaves_app_staging_alone_docker_postgres_backup_local)
{
    static const char *const groups[] = {"app/app/full", "app-staging/app/full",
                                         "app/app-staging/full", "app/app/schema"};
    begin("keep_last=1");
    for (size_t g = 0; g < sizeof(groups) / sizeof(groups[0]); g++) {
        for (int day = 1; day <= 3; day++) {
            struct retention_artifact *artifact = planning_add_at(&p, p.now - day * 86400);
            artifact->group = groups[g];
            artifact->seq = 100 - day;
        }
    }
    planning_run(&p);
    ck_assert_uint_eq(p.plan->group_count, 4);
    for (size_t g = 0; g < p.plan->group_count; g++)
        ck_assert_uint_eq(p.plan->groups[g].kept, 1);
    planning_release(&p);
}
END_TEST

START_TEST(a_run_of_tiny_dumps_holds_the_group_dbackup_154)
{
    begin("keep_last=2");
    for (int day = 0; day < 3; day++) {
        struct retention_artifact *tiny = planning_add_at(&p, p.now - day * 86400);
        tiny->seq = 100 - day;
        tiny->flags = RETENTION_SUSPECT;
    }
    planning_run(&p);
    ck_assert_uint_eq(retention_guard_group(p.plan, &p.plan->groups[0]),
                      RETENTION_GUARD_SUSPECT);
    planning_release(&p);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        age_policy_with_failing_backups_keeps_the_last_good_one_pgbackweb_121,
        months_of_failures_age_nothing_out_docker_volume_backup_631,
        keep_within_a_day_leaves_the_last_one_borg_1_2_4,
        failed_backups_take_no_slots_borg_997,
        a_partial_one_does_not_replace_a_good_one_xen_orchestra_2524,
        failed_ones_are_not_counted_as_good_by_the_floor_portabase_332,
        zero_never_means_delete_everything_home_assistant_138702,
        a_negative_number_is_an_error_restic_2565,
        an_empty_policy_keeps_everything_restic_pr_4764,
        a_backup_from_the_future_pushes_nothing_out_restic_21956,
        a_backup_from_the_future_is_no_anchor_restic_pr_3416,
        one_missing_copy_does_not_stop_the_rest_pgbackweb_50,
        what_is_being_restored_stays_barman_200,
        what_another_machine_writes_stays_pgbackrest_2622,
        a_locked_one_is_not_forgotten_velero_8691,
        an_empty_listing_is_no_verdict_rsnapshot_351,
        job_app_leaves_app_staging_alone_docker_postgres_backup_local,
        a_run_of_tiny_dumps_holds_the_group_dbackup_154,
    };
    Suite *suite = suite_create("plan_disasters");
    TCase *tcase = tcase_create("plan_disasters");
    for (size_t i = 0; i < sizeof(tests) / sizeof(tests[0]); i++)
        tcase_add_test(tcase, tests[i]);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
