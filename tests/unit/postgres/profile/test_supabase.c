/* Whose is what, by names alone. */
#include "postgres/profile/supabase.h"
#include "tests/support/run_suite.h"

#include <check.h>

static const struct {
    const char *host, *port;
    enum supabase_address address;
} addresses[] = {
    {"db.abcdefghijklmnopqrst.supabase.co", "5432", SUPABASE_DIRECT},
    {"db.abcdefghijklmnopqrst.supabase.red", NULL, SUPABASE_DIRECT},
    {"db.abcdefghijklmnopqrst.supabase.co", "6543", SUPABASE_TRANSACTION},
    {"aws-0-eu-central-1.pooler.supabase.com", "5432", SUPABASE_SESSION},
    {"aws-0-eu-central-1.pooler.supabase.com", NULL, SUPABASE_SESSION},
    {"aws-0-eu-central-1.pooler.supabase.com", "6543", SUPABASE_TRANSACTION},
    {"supabase.example.com", "6543", SUPABASE_NOT},
    {"pooler.supabase.com.example.org", "6543", SUPABASE_NOT},
    {"localhost", "6543", SUPABASE_NOT},
    {NULL, "6543", SUPABASE_NOT},
};

START_TEST(addresses_are_told_apart_by_name_and_port)
{
    ck_assert_int_eq(supabase_address(addresses[_i].host, addresses[_i].port),
                     addresses[_i].address);
}
END_TEST

START_TEST(a_profile_goes_before_the_host)
{
    const char *project = "db.abcdefghijklmnopqrst.supabase.co";
    ck_assert(supabase_is_meant(PROFILE_AUTO, project));
    ck_assert(!supabase_is_meant(PROFILE_NONE, project));
    ck_assert(supabase_is_meant(PROFILE_SUPABASE, "localhost"));
    ck_assert(!supabase_is_meant(PROFILE_AUTO, "localhost"));
    ck_assert(!supabase_is_meant(PROFILE_AUTO, NULL));
}
END_TEST

static const struct {
    bool (*asked)(const char *name);
    const char *name;
    bool platform;
} names[] = {
    {supabase_owns_schema, "auth", true},
    {supabase_owns_schema, "authors", false},
    {supabase_owns_schema, "graphql_public", true},
    {supabase_owns_schema, "timescaledb_internal", true},
    {supabase_owns_schema, "public", false},
    {supabase_owns_schema, "supabase_migrations", false},
    {supabase_keeps_back, "supabase_migrations", true},
    {supabase_owns_role, "supabase_auth_admin", true},
    {supabase_owns_role, "cli_login_postgres", true},
    {supabase_owns_role, "anonymous", false},
    {supabase_owns_role, "reporting", false},
    {supabase_owns_extension, "supabase_vault", true},
    {supabase_owns_extension, "pgcrypto", false},
    {supabase_owns_publication, "supabase_realtime_messages_publication", true},
    {supabase_owns_publication, "mine", false},
};

START_TEST(names_of_the_platform_are_known_whole)
{
    ck_assert_int_eq(names[_i].asked(names[_i].name), names[_i].platform);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("supabase");
    TCase *tcase = tcase_create("supabase");
    tcase_add_loop_test(tcase, addresses_are_told_apart_by_name_and_port, 0,
                        sizeof addresses / sizeof *addresses);
    tcase_add_test(tcase, a_profile_goes_before_the_host);
    tcase_add_loop_test(tcase, names_of_the_platform_are_known_whole, 0,
                        sizeof names / sizeof *names);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
