/* What comes into a Supabase project, and what is its platform's. */
#include "backup/restore/project.h"

#include "backup/restore/splitter.h"
#include "base/memory.h"
#include "tests/support/run_suite.h"

static struct outline outline;
static struct selection selection;
static struct err err;

/* Each line is one statement; the first letter says whether it comes. */
static const char *const lines[] = {
    "+ CREATE TABLE public.profiles (id uuid);",
    "+ ALTER TABLE public.profiles OWNER TO reporting;",
    "- ALTER TABLE public.profiles OWNER TO postgres;",
    "- ALTER TABLE public.profiles OWNER TO \"supabase_admin\";",
    "+ CREATE POLICY p ON public.profiles USING ((id = auth.uid()));",
    "+ GRANT SELECT ON TABLE public.profiles TO anon;",
    "+ CREATE SCHEMA sales;",
    /* schemas of the platform: rows and values, and what users hang on their tables */
    "- CREATE SCHEMA auth;",
    "- CREATE TABLE auth.users (id uuid);",
    "- ALTER TABLE ONLY auth.users ADD CONSTRAINT users_pkey PRIMARY KEY (id);",
    "- GRANT ALL ON TABLE auth.users TO dashboard_user;",
    "- CREATE INDEX i ON auth.users USING btree (id);",
    "- ALTER TABLE auth.users ENABLE ROW LEVEL SECURITY;",
    "+ SELECT pg_catalog.setval('auth.refresh_tokens_id_seq', 9, true);",
    "+ CREATE TRIGGER t AFTER INSERT ON auth.users FOR EACH ROW EXECUTE FUNCTION "
    "public.f();",
    "- CREATE TRIGGER t BEFORE UPDATE ON storage.objects FOR EACH ROW EXECUTE FUNCTION "
    "storage.touch();",
    "+ CREATE POLICY p ON storage.objects FOR SELECT TO anon USING (true);",
    "- CREATE SCHEMA extensions;",
    /* things of the database */
    "+ CREATE EXTENSION IF NOT EXISTS pgcrypto WITH SCHEMA extensions;",
    "- CREATE EXTENSION IF NOT EXISTS pg_graphql WITH SCHEMA graphql;",
    "- COMMENT ON EXTENSION pgcrypto IS 'x';",
    "- CREATE EVENT TRIGGER watch ON ddl_command_end EXECUTE FUNCTION extensions.watch();",
    "- ALTER EVENT TRIGGER watch OWNER TO supabase_admin;",
    "+ CREATE EVENT TRIGGER mine ON ddl_command_end EXECUTE FUNCTION public.mine();",
    "- CREATE PUBLICATION supabase_realtime WITH (publish = 'insert');",
    "- ALTER PUBLICATION supabase_realtime OWNER TO postgres;",
    "+ ALTER PUBLICATION supabase_realtime ADD TABLE ONLY public.profiles;",
    "- ALTER PUBLICATION supabase_realtime ADD TABLE ONLY realtime.messages;",
    "+ CREATE PUBLICATION mine FOR ALL TABLES;",
    "- ALTER DEFAULT PRIVILEGES FOR ROLE supabase_admin IN SCHEMA public GRANT ALL ON "
    "TABLES "
    "TO anon;",
    "+ ALTER DEFAULT PRIVILEGES FOR ROLE reporting IN SCHEMA public GRANT ALL ON TABLES TO "
    "anon;",
    /* only when it is asked for */
    "- CREATE SCHEMA supabase_migrations;",
    "- CREATE TABLE supabase_migrations.schema_migrations (version text);",
};
enum { LINES = sizeof lines / sizeof *lines };

static int keep(void *context, struct statement *statement, struct err *why)
{
    (void)why;
    outline_add(context, statement);
    return 0;
}

static void setup(void)
{
    struct splitter_sink sink = {.statement = keep, .context = &outline};
    struct splitter *splitter = splitter_new(&sink);
    for (size_t i = 0; i < LINES; i++) {
        ck_assert_int_eq(splitter_push(splitter, lines[i] + 2, strlen(lines[i] + 2), &err),
                         0);
        ck_assert_int_eq(splitter_push(splitter, "\n", 1, &err), 0);
    }
    ck_assert_int_eq(splitter_finish(splitter, &err), 0);
    splitter_free(splitter);
    outline_resolve(&outline);
    ck_assert_uint_eq(outline.count, LINES);
}

static void teardown(void)
{
    selection_release(&selection);
    outline_release(&outline);
}

START_TEST(what_the_project_has_is_left_alone_and_all_else_comes)
{
    const struct selection_spec all = {0};
    ck_assert_int_eq(selection_make(&outline, &all, &selection, &err), 0);
    project_narrow(&outline, &selection);
    for (size_t i = 0; i < LINES; i++)
        ck_assert_msg(selection.statements[i] == (lines[i][0] == '+'), "%s", lines[i]);
}
END_TEST

START_TEST(what_is_left_out_is_told_as_sums)
{
    const struct selection_spec all = {0};
    ck_assert_int_eq(selection_make(&outline, &all, &selection, &err), 0);
    project_narrow(&outline, &selection);
    ck_assert(strlist_has(&selection.left_out,
                          "6 definitions of schema auth, which the project has"));
    ck_assert(strlist_has(&selection.left_out,
                          "the history of migrations (--schema supabase_migrations brings "
                          "it): 2 statements"));
}
END_TEST

START_TEST(the_history_of_migrations_comes_when_it_is_asked_for)
{
    struct strlist schemas = {0};
    strlist_add(&schemas, "supabase_migrations");
    const struct selection_spec spec = {.schemas = &schemas};
    ck_assert_int_eq(selection_make(&outline, &spec, &selection, &err), 0);
    project_narrow(&outline, &selection);
    ck_assert(selection.statements[LINES - 1]);
    ck_assert(!selection.statements[0]);
    strlist_release(&schemas);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("project");
    TCase *tcase = tcase_create("project");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, what_the_project_has_is_left_alone_and_all_else_comes);
    tcase_add_test(tcase, what_is_left_out_is_told_as_sums);
    tcase_add_test(tcase, the_history_of_migrations_comes_when_it_is_asked_for);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
