#include "repository/readme_page.h"

#include "base/process.h"
#include "base/text.h"
#include "tests/support/run_suite.h"

#include <check.h>

static struct err err;

static void contains(const char *text, const char *wanted)
{
    ck_assert_msg(strstr(text, wanted) != NULL, "%s is not in:\n%s", wanted, text);
}

START_TEST(a_folder_is_recovered_with_the_commands_for_files)
{
    struct readme_page_place place = {.folder = "/srv/backups"};
    char *text = readme_page_text(&place);
    contains(text, "STORE='/srv/backups'\n");
    contains(text, "| gunzip   | psql -X -v ON_ERROR_STOP=1 -d \"$NEWDB\"   # .sql.gz");
    contains(text, "| pg_restore --exit-on-error -d \"$NEWDB\"   # .dump.zst");
    contains(text, "zcat '/srv/backups'/data/");
    contains(text, "createdb --template=template0");
    contains(text, "sha256sum");
    ck_assert_ptr_null(strstr(text, "aws"));
    free(text);
}
END_TEST

/* Pasted one after the other, the blocks must not put the chosen backup into postgres. */
START_TEST(roles_come_from_a_backup_of_their_own)
{
    struct readme_page_place place = {.folder = "/srv/backups"};
    char *text = readme_page_text(&place);
    const char *line = strstr(text, "| gunzip | psql -X -d postgres");
    ck_assert_ptr_nonnull(line);
    contains(text, "get \"$(jq -r .key globals.json)\" | gunzip | psql -X -d postgres");
    ck_assert_ptr_null(strstr(text, "get \"$KEY\" | gunzip | psql -X -d postgres"));
    free(text);
}
END_TEST

START_TEST(a_bucket_is_recovered_with_the_commands_for_its_endpoint)
{
    struct readme_page_place place = {.bucket = "pg",
                                      .prefix = "prod",
                                      .endpoint = "http://127.0.0.1:9000",
                                      .region = "eu"};
    char *text = readme_page_text(&place);
    contains(text, "STORE='s3://pg/prod/'\n");
    contains(text, "aws --endpoint-url 'http://127.0.0.1:9000' --region 'eu' s3 \"$@\"");
    contains(text, "s3 cp 's3://pg/prod/data/");
    free(text);
    place = (struct readme_page_place){.bucket = "pg", .prefix = "p/"};
    text = readme_page_text(&place);
    contains(text, "STORE='s3://pg/p/'\n");
    contains(text, "s3() { aws s3 \"$@\"; }");
    ck_assert_ptr_null(strstr(text, "endpoint"));
    free(text);
    place = (struct readme_page_place){.bucket = "pg"};
    text = readme_page_text(&place);
    contains(text, "STORE='s3://pg/'\n");
    free(text);
}
END_TEST

/* The line of the text that begins so, run by a shell, prints what? */
START_TEST(a_place_with_quotes_is_one_word_of_the_shell)
{
    struct readme_page_place place = {.bucket = "b", .prefix = "it's $(touch x) `y`\""};
    struct text out;
    char *text = readme_page_text(&place);
    char *line = strstr(text, "STORE=");
    ck_assert_ptr_nonnull(line);
    line[strcspn(line, "\n")] = '\0';
    struct text script;
    text_init(&script, 10000);
    text_init(&out, 10000);
    text_addf(&script, "%s; printf %%s \"$STORE\"", line);
    const char *const argv[] = {"bash", "-c", script.data, NULL};
    struct process_spec spec = {.argv = argv};
    ck_assert_msg(process_run(&spec, &out, &err) == 0, "%s", err.text);
    ck_assert_str_eq(out.data, "s3://b/it's $(touch x) `y`\"/");
    text_release(&script);
    text_release(&out);
    free(text);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("recovery");
    TCase *tcase = tcase_create("recovery");

    tcase_add_test(tcase, a_folder_is_recovered_with_the_commands_for_files);
    tcase_add_test(tcase, roles_come_from_a_backup_of_their_own);
    tcase_add_test(tcase, a_bucket_is_recovered_with_the_commands_for_its_endpoint);
    tcase_add_test(tcase, a_place_with_quotes_is_one_word_of_the_shell);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
