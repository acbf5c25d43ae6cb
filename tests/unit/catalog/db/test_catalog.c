#include "catalog/db/catalog.h"

#include "base/cancel.h"
#include "base/file.h"
#include "base/memory.h"
#include "catalog/artifact_list.h"
#include "catalog/db/facts.h"
#include "catalog/db/sql.h"
#include "tests/support/catalogs.h"
#include "tests/support/run_suite.h"
#include "tests/support/scratch.h"

#include <check.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static struct catalogs c;
static struct err err;

static void setup(void)
{
    catalogs_begin(&c);
    err = (struct err){0};
}

static void teardown(void)
{
    catalogs_end(&c);
}

static void set_fact(const char *key, const char *value)
{
    ck_assert_int_eq(catalog_setting_set(c.catalog, key, value, &err), 0);
}

static bool has_fact(const char *key)
{
    char *value = NULL;
    ck_assert_int_eq(catalog_setting_get(c.catalog, key, &value, &err), 0);
    bool found = value != NULL;
    free(value);
    return found;
}

/* ---- files ---- */

START_TEST(a_new_catalog_is_private_and_sound)
{
    struct stat status;
    static const char *const suffixes[] = {"", "-wal", "-shm"};
    for (size_t i = 0; i < 3; i++) {
        char *path = memory_format("%s%s", c.path, suffixes[i]);
        ck_assert_int_eq(stat(path, &status), 0);
        ck_assert_int_eq(status.st_mode & 0777, 0600);
        free(path);
    }
    ck_assert_int_eq(catalog_check(c.catalog, &err), 0);
    ck_assert_str_eq(catalog_path(c.catalog), c.path);
    ck_assert_int_eq(catalogs_number(&c, "PRAGMA application_id"), 0x70676b70);
    ck_assert_int_eq(catalogs_number(&c, "PRAGMA user_version"), 2);
    ck_assert_int_eq(catalogs_number(&c, "SELECT count(*) FROM pragma_journal_mode"
                                         " WHERE journal_mode = 'wal'"),
                     1);
    ck_assert_int_eq(catalogs_number(&c, "SELECT count(*) FROM pragma_table_list WHERE"
                                         " schema = 'main' AND type = 'table' AND NOT"
                                         " strict AND name NOT LIKE 'sqlite_%'"),
                     0);
}
END_TEST

START_TEST(folders_are_made_and_private)
{
    struct stat status;
    char *folder = file_join(c.folder, "a");
    char *path = memory_format("%s/b/catalog.db", folder);
    char *inner = file_folder(path);
    ck_assert_ptr_null(catalog_open(path, CATALOG_WRITE, &err));
    ck_assert_int_eq(err.kind, ERR_NOT_FOUND);
    ck_assert(!file_exists(folder));
    struct catalog *catalog = catalog_open(path, CATALOG_CREATE, &err);
    ck_assert_ptr_nonnull(catalog);
    ck_assert_int_eq(stat(folder, &status), 0);
    ck_assert_int_eq(status.st_mode & 0777, 0700);
    catalog_close(catalog);
    ck_assert_int_eq(unlink(path), 0);
    ck_assert_int_eq(rmdir(inner), 0);
    ck_assert_int_eq(rmdir(folder), 0);
    free(inner);
    free(path);
    free(folder);
}
END_TEST

START_TEST(what_is_absent_is_only_made_when_asked_for)
{
    static const enum catalog_mode modes[] = {CATALOG_READ, CATALOG_WRITE};
    char *path = file_join(c.folder, "none.db");
    for (size_t i = 0; i < 2; i++) {
        ck_assert_ptr_null(catalog_open(path, modes[i], &err));
        ck_assert_int_eq(err.kind, ERR_NOT_FOUND);
        ck_assert(!file_exists(path));
    }
    free(path);
    ck_assert_ptr_null(catalog_open(c.folder, CATALOG_CREATE, &err));
    ck_assert_int_eq(err.kind, ERR_SYSTEM);
}
END_TEST

START_TEST(an_empty_file_becomes_a_catalog_in_every_mode)
{
    static const enum catalog_mode modes[] = {CATALOG_READ, CATALOG_WRITE, CATALOG_CREATE};
    char *path = file_join(c.folder, "empty.db");
    for (size_t i = 0; i < 3; i++) {
        scratch_write(path, "", 0);
        struct catalog *catalog = catalog_open(path, modes[i], &err);
        ck_assert_ptr_nonnull(catalog);
        ck_assert_int_eq(catalog_check(catalog, &err), 0);
        catalog_close(catalog);
        ck_assert_int_eq(unlink(path), 0);
    }
    free(path);
}
END_TEST

/* Opens the file, which must be refused with this kind and left byte for byte. */
static void refuse(const char *path, enum err_kind kind, const char *words)
{
    struct text before;
    struct text after;
    text_init(&before, 1 << 24);
    text_init(&after, 1 << 24);
    for (int mode = CATALOG_READ; mode <= CATALOG_CREATE; mode++) {
        ck_assert_int_eq(file_read(path, &before, NULL, &err), 0);
        ck_assert_ptr_null(catalog_open(path, (enum catalog_mode)mode, &err));
        ck_assert_int_eq(err.kind, kind);
        ck_assert_msg(strstr(err.text, words) != NULL, "%s", err.text);
        ck_assert_int_eq(file_read(path, &after, NULL, &err), 0);
        ck_assert_uint_eq(before.length, after.length);
        ck_assert_mem_eq(before.data, after.data, before.length);
        text_clear(&before);
        text_clear(&after);
    }
    text_release(&before);
    text_release(&after);
}

START_TEST(a_newer_catalog_is_refused_and_left_as_it_is)
{
    catalog_close(c.catalog);
    c.catalog = NULL;
    catalogs_sql(&c, "PRAGMA user_version = 3");
    refuse(c.path, ERR_SYSTEM, "newer pgkeep");
}
END_TEST

/* Version 1 knew the filters of a backup and no fingerprint of them. */
static void load_version_1(void)
{
    struct text sql;
    catalog_close(c.catalog);
    c.catalog = NULL;
    ck_assert_int_eq(catalog_remove_file(c.path, &err), 0);
    text_init(&sql, 1 << 20);
    ck_assert_int_eq(file_read("tests/support/catalog_v1.sql", &sql, NULL, &err), 0);
    catalogs_sql(&c, sql.data);
    text_release(&sql);
    ck_assert_int_eq(catalogs_number(&c, "PRAGMA user_version"), 1);
}

START_TEST(an_older_catalog_is_brought_up_to_date_in_every_mode)
{
    static const enum catalog_mode modes[] = {CATALOG_READ, CATALOG_WRITE, CATALOG_CREATE};
    for (size_t i = 0; i < 3; i++) {
        struct catalog_artifacts list = {0};
        const struct catalog_filter all = {0};
        load_version_1();
        struct catalog *catalog = catalog_open(c.path, modes[i], &err);
        ck_assert_msg(catalog != NULL, "%s", err.text);
        ck_assert_int_eq(catalog_check(catalog, &err), 0);
        ck_assert_int_eq(catalogs_number(&c, "PRAGMA user_version"), 2);
        ck_assert_int_eq(
            catalog_artifacts_list(catalog, &all, CATALOG_WITH_COPIES, &list, &err), 0);
        ck_assert_uint_eq(list.count, 4);
        ck_assert_uint_eq(list.items[3].copy_count, 2);
        ck_assert_str_eq(list.items[3].tags.items[0].value, "prod");
        catalog_artifacts_release(&list);
        catalog_close(catalog);
    }
}
END_TEST

START_TEST(backups_of_an_older_catalog_have_the_filters_of_their_manifest)
{
    struct catalog_artifacts list = {0};
    const struct catalog_filter all = {0};
    load_version_1();
    c.catalog = catalogs_open(&c);
    ck_assert_int_eq(catalog_artifacts_list(c.catalog, &all, 0, &list, &err), 0);
    ck_assert_uint_eq(list.count, 4);
    const char *hashes[4];
    for (size_t i = 0; i < 4; i++) {
        char hash[CATALOG_FILTERS_HASH_SIZE];
        hashes[i] = list.items[i].filters_hash;
        ck_assert_str_eq(catalog_filters_hash(&list.items[i].filters, hash), hashes[i]);
    }
    /* Newest first: two with the same filters in another order, one of a table, all. */
    ck_assert_str_eq(hashes[0], hashes[1]);
    ck_assert_str_ne(hashes[1], hashes[2]);
    ck_assert_int_eq((int)strlen(hashes[2]), 8);
    ck_assert_str_eq(hashes[3], "");
    catalog_artifacts_release(&list);
}
END_TEST

START_TEST(the_file_of_another_program_is_refused_and_left_as_it_is)
{
    static const char *const files[] = {
        "CREATE TABLE theirs (a)", "PRAGMA application_id = 77", "PRAGMA user_version = 1",
        "PRAGMA user_version = -1; PRAGMA application_id = 1885825904"};
    for (size_t i = 0; i < 4; i++) {
        struct catalogs other = c;
        snprintf(other.path, sizeof other.path, "%s/other%zu.db", c.folder, i);
        catalogs_sql(&other, files[i]);
        refuse(other.path, ERR_SYSTEM, "another program");
    }
}
END_TEST

START_TEST(what_is_no_sqlite_file_is_refused_with_a_way_out)
{
    char *path = file_join(c.folder, "text.db");
    char text[5000];
    memset(text, 'x', sizeof text);
    scratch_write(path, text, sizeof text);
    refuse(path, ERR_CORRUPT, "catalog rebuild");
    free(path);
}
END_TEST

START_TEST(damage_is_found_and_the_way_out_is_named)
{
    for (unsigned i = 0; i < 300; i++)
        catalogs_artifact(c.catalog, i, 1000 + i);
    catalog_close(c.catalog);
    struct stat status;
    char garbage[4096];
    memset(garbage, 0xA5, sizeof garbage);
    ck_assert_int_eq(stat(c.path, &status), 0);
    ck_assert_int_ge(status.st_size, 60 * 4096);
    int fd = open(c.path, O_WRONLY | O_CLOEXEC);
    for (off_t page = 45; page < 60; page++)
        ck_assert_int_eq(pwrite(fd, garbage, sizeof garbage, page * 4096), 4096);
    close(fd);
    c.catalog = catalogs_open(&c);
    ck_assert_int_eq(catalog_check(c.catalog, &err), -1);
    ck_assert_int_eq(err.kind, ERR_CORRUPT);
    ck_assert_ptr_nonnull(strstr(err.text, "hint: "));
    ck_assert_ptr_nonnull(strstr(err.text, "catalog rebuild"));
    const struct catalog_filter all = {0};
    struct catalog_artifacts list = {0};
    ck_assert_int_eq(catalog_artifacts_list(c.catalog, &all, 3, &list, &err), -1);
    ck_assert_int_eq(err.kind, ERR_CORRUPT);
    catalog_artifacts_release(&list);
}
END_TEST

START_TEST(a_row_without_its_parent_is_damage)
{
    catalogs_sql(&c, "INSERT INTO tags VALUES (99, 'a', 'b')");
    ck_assert_int_eq(catalog_check(c.catalog, &err), -1);
    ck_assert_int_eq(err.kind, ERR_CORRUPT);
    ck_assert_ptr_nonnull(strstr(err.text, "tags"));
}
END_TEST

START_TEST(reading_mode_reads_and_cannot_write)
{
    struct catalog_artifact artifact;
    catalogs_artifact(c.catalog, 1, 1000);
    struct catalog *reader = catalog_open(c.path, CATALOG_READ, &err);
    ck_assert_ptr_nonnull(reader);
    ck_assert_int_eq(catalog_artifact_load(reader, catalogs_id(1), 3, &artifact, &err), 0);
    catalog_artifact_release(&artifact);
    ck_assert_int_eq(catalog_setting_set(reader, "a", "b", &err), -1);
    ck_assert_int_eq(err.kind, ERR_SYSTEM);
    ck_assert_int_eq(catalog_begin(reader, &err), -1);
    ck_assert_int_eq(catalog_check(reader, &err), 0);
    catalog_close(reader);
}
END_TEST

static void *create(void *path)
{
    struct err why = {0};
    struct catalog *catalog = catalog_open(path, CATALOG_CREATE, &why);
    if (catalog == NULL)
        fprintf(stderr, "%s\n", why.text);
    return catalog;
}

START_TEST(several_threads_may_make_it_at_once)
{
    char *path = file_join(c.folder, "race.db");
    for (int round = 0; round < 10; round++) {
        pthread_t threads[4];
        for (size_t i = 0; i < 4; i++)
            pthread_create(&threads[i], NULL, create, path);
        for (size_t i = 0; i < 4; i++) {
            void *catalog = NULL;
            pthread_join(threads[i], &catalog);
            ck_assert_ptr_nonnull(catalog);
            catalog_close(catalog);
        }
        ck_assert_int_eq(unlink(path), 0);
    }
    free(path);
}
END_TEST

START_TEST(several_processes_may_make_it_at_once)
{
    char *path = file_join(c.folder, "race.db");
    for (int round = 0; round < 10; round++) {
        pid_t pids[4];
        for (size_t i = 0; i < 4; i++) {
            pids[i] = fork();
            ck_assert_int_ge(pids[i], 0);
            if (pids[i] > 0)
                continue;
            struct catalog *catalog = create(path);
            bool sound = catalog != NULL && catalog_check(catalog, &err) == 0;
            catalog_close(catalog);
            _exit(sound ? 0 : 1);
        }
        for (size_t i = 0; i < 4; i++) {
            int status = -1;
            ck_assert_int_eq(waitpid(pids[i], &status, 0), pids[i]);
            ck_assert_int_eq(status, 0);
        }
        ck_assert_int_eq(unlink(path), 0);
    }
    free(path);
}
END_TEST

/* ---- statuses ---- */

START_TEST(the_file_refuses_what_the_table_of_statuses_forbids)
{
    catalogs_artifact(c.catalog, 1, 1000);
    for (unsigned from = 0; from < CATALOG_STATUSES; from++)
        for (unsigned to = 0; to < CATALOG_STATUSES; to++) {
            char sql[100];
            snprintf(sql, sizeof sql, "UPDATE artifacts SET status = '%s'",
                     catalog_status_name((enum catalog_status)from));
            catalogs_sql(&c, sql);
            snprintf(sql, sizeof sql, "UPDATE artifacts SET status = '%s'",
                     catalog_status_name((enum catalog_status)to));
            bool allowed = catalog_status_move_allowed((enum catalog_status)from,
                                                       (enum catalog_status)to);
            ck_assert(from != to || !allowed);
            err = (struct err){0};
            ck_assert_int_eq(sql_exec(c.catalog, sql, &err),
                             from == to || allowed ? 0 : -1);
            ck_assert_int_eq(err.kind, from == to || allowed ? ERR_NONE : ERR_UNSAFE);
        }
}
END_TEST

START_TEST(status_names_are_one_to_one)
{
    enum catalog_status status = CATALOG_STATUSES;
    for (unsigned i = 0; i < CATALOG_STATUSES; i++) {
        ck_assert(
            catalog_status_from_name(catalog_status_name((enum catalog_status)i), &status));
        ck_assert_int_eq(status, (int)i);
    }
    ck_assert(!catalog_status_from_name("Complete", &status));
}
END_TEST

/* ---- transactions ---- */

START_TEST(several_calls_are_one_change)
{
    struct catalog *other = catalogs_open(&c);
    char *value = NULL;
    ck_assert_int_eq(catalog_begin(c.catalog, &err), 0);
    set_fact("a", "1");
    set_fact("b", "2");
    ck_assert_int_eq(catalog_setting_get(other, "a", &value, &err), 0);
    ck_assert_ptr_null(value);
    ck_assert_int_eq(catalog_commit(c.catalog, &err), 0);
    ck_assert_int_eq(catalog_setting_get(other, "a", &value, &err), 0);
    ck_assert_str_eq(value, "1");
    free(value);
    catalog_close(other);
}
END_TEST

START_TEST(a_failed_call_inside_undoes_itself_alone)
{
    struct catalog_artifact bad;
    catalogs_fill(&bad, 1, 1000);
    catalog_pairs_add(&bad.tags, "a", "1");
    catalog_pairs_add(&bad.tags, "a", "2");
    ck_assert_int_eq(catalog_begin(c.catalog, &err), 0);
    set_fact("a", "1");
    ck_assert_int_eq(catalog_artifact_insert(c.catalog, &bad, &err), -1);
    set_fact("b", "1");
    ck_assert_int_eq(catalog_commit(c.catalog, &err), 0);
    ck_assert(has_fact("a") && has_fact("b"));
    ck_assert_int_eq(catalogs_number(&c, "SELECT count(*) FROM artifacts"), 0);
    catalog_artifact_release(&bad);
}
END_TEST

START_TEST(a_rollback_leaves_nothing)
{
    ck_assert_int_eq(catalog_begin(c.catalog, &err), 0);
    set_fact("a", "1");
    catalog_rollback(c.catalog);
    catalog_rollback(c.catalog);
    ck_assert(!has_fact("a"));
    ck_assert_int_eq(catalog_begin(c.catalog, &err), 0);
    set_fact("a", "1");
    catalog_close(c.catalog);
    c.catalog = catalogs_open(&c);
    ck_assert(!has_fact("a"));
    catalog_close(NULL);
}
END_TEST

START_TEST(a_full_disk_ends_in_an_error_and_not_in_half_a_change)
{
    char pragma[64];
    int64_t pages = 0;
    int result = 0;
    set_fact("kept", "1");
    ck_assert_int_eq(sql_number(c.catalog, "PRAGMA page_count", &pages, &err), 0);
    snprintf(pragma, sizeof pragma, "PRAGMA max_page_count = %d", (int)pages + 3);
    ck_assert_int_eq(sql_exec(c.catalog, pragma, &err), 0);
    ck_assert_int_eq(catalog_begin(c.catalog, &err), 0);
    char *big = memory_zalloc(100001);
    memset(big, 'x', 100000);
    set_fact("first", "1");
    result = catalog_setting_set(c.catalog, "big", big, &err);
    ck_assert_int_eq(result, -1);
    ck_assert_int_eq(err.kind, ERR_SYSTEM);
    ck_assert_ptr_nonnull(strstr(err.text, "hint: "));
    catalog_rollback(c.catalog);
    ck_assert(has_fact("kept"));
    ck_assert(!has_fact("first"));
    ck_assert_int_eq(catalog_check(c.catalog, &err), 0);
    free(big);
}
END_TEST

START_TEST(what_follows_a_lost_transaction_is_not_written_by_itself)
{
    ck_assert_int_eq(catalog_begin(c.catalog, &err), 0);
    set_fact("a", "1");
    ck_assert_int_eq(sqlite3_exec(c.catalog->db, "ROLLBACK", NULL, NULL, NULL), SQLITE_OK);
    ck_assert_int_eq(catalog_setting_set(c.catalog, "b", "1", &err), -1);
    ck_assert_int_eq(err.kind, ERR_SYSTEM);
    ck_assert_int_eq(catalog_commit(c.catalog, &err), -1);
    ck_assert(!has_fact("a") && !has_fact("b"));
    set_fact("c", "1");
    ck_assert(has_fact("c"));
}
END_TEST

/* ---- locks ---- */

static void *write_late(void *catalog)
{
    struct err ignored = {0};
    return catalog_setting_set(catalog, "late", "1", &ignored) == 0 ? catalog : NULL;
}

START_TEST(who_finds_it_locked_waits)
{
    pthread_t thread;
    void *written = NULL;
    struct catalog *other = catalogs_open(&c);
    ck_assert_int_eq(catalog_begin(c.catalog, &err), 0);
    pthread_create(&thread, NULL, write_late, other);
    for (int i = 0; i < 200; i++)
        set_fact("a", "1");
    ck_assert_int_eq(catalog_commit(c.catalog, &err), 0);
    pthread_join(thread, &written);
    ck_assert_ptr_nonnull(written);
    ck_assert(has_fact("late"));
    catalog_close(other);
}
END_TEST

START_TEST(who_may_not_wait_is_told_that_it_is_busy)
{
    struct catalog *other = catalogs_open(&c);
    ck_assert_int_eq(catalog_begin(c.catalog, &err), 0);
    other->impatient = true;
    ck_assert_int_eq(catalog_setting_set(other, "a", "1", &err), -1);
    ck_assert_int_eq(err.kind, ERR_BUSY);
    catalog_close(other);
}
END_TEST

START_TEST(waiting_ends_when_cancelled)
{
    struct catalog *other = catalogs_open(&c);
    ck_assert_int_eq(catalog_begin(c.catalog, &err), 0);
    cancel_trip(NULL, CANCEL_SIGTERM);
    ck_assert_int_eq(catalog_setting_set(other, "a", "1", &err), -1);
    ck_assert_int_eq(err.kind, ERR_CANCELLED);
    ck_assert_int_eq(catalog_commit(c.catalog, &err), 0);
    /* What is not locked can still be written: a cancelled backup says so. */
    ck_assert_int_eq(catalog_setting_set(other, "a", "1", &err), 0);
    catalog_close(other);
}
END_TEST

static void add_files(TCase *tcase)
{
    tcase_add_test(tcase, a_new_catalog_is_private_and_sound);
    tcase_add_test(tcase, folders_are_made_and_private);
    tcase_add_test(tcase, what_is_absent_is_only_made_when_asked_for);
    tcase_add_test(tcase, an_empty_file_becomes_a_catalog_in_every_mode);
    tcase_add_test(tcase, a_newer_catalog_is_refused_and_left_as_it_is);
    tcase_add_test(tcase, an_older_catalog_is_brought_up_to_date_in_every_mode);
    tcase_add_test(tcase, backups_of_an_older_catalog_have_the_filters_of_their_manifest);
    tcase_add_test(tcase, the_file_of_another_program_is_refused_and_left_as_it_is);
    tcase_add_test(tcase, what_is_no_sqlite_file_is_refused_with_a_way_out);
    tcase_add_test(tcase, damage_is_found_and_the_way_out_is_named);
    tcase_add_test(tcase, a_row_without_its_parent_is_damage);
    tcase_add_test(tcase, reading_mode_reads_and_cannot_write);
    tcase_add_test(tcase, several_threads_may_make_it_at_once);
    tcase_add_test(tcase, several_processes_may_make_it_at_once);
}

int main(void)
{
    Suite *suite = suite_create("catalog");
    TCase *tcase = tcase_create("catalog");
    tcase_add_checked_fixture(tcase, setup, teardown);
    add_files(tcase);
    tcase_add_test(tcase, the_file_refuses_what_the_table_of_statuses_forbids);
    tcase_add_test(tcase, status_names_are_one_to_one);
    tcase_add_test(tcase, several_calls_are_one_change);
    tcase_add_test(tcase, a_failed_call_inside_undoes_itself_alone);
    tcase_add_test(tcase, a_rollback_leaves_nothing);
    tcase_add_test(tcase, a_full_disk_ends_in_an_error_and_not_in_half_a_change);
    tcase_add_test(tcase, what_follows_a_lost_transaction_is_not_written_by_itself);
    tcase_add_test(tcase, who_finds_it_locked_waits);
    tcase_add_test(tcase, who_may_not_wait_is_told_that_it_is_busy);
    tcase_add_test(tcase, waiting_ends_when_cancelled);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
