#define _GNU_SOURCE /* syscall */
#include "catalog/runs.h"
#include "catalog/db/catalog.h"

#include "base/cancel.h"
#include "base/file.h"
#include "base/memory.h"
#include "catalog/artifact_list.h"
#include "catalog/db/facts.h"
#include "catalog/db/sql.h"
#include "tests/support/catalog_rig.h"
#include "tests/support/run_suite.h"
#include "tests/support/scratch.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static void set_fact(const char *key, const char *value)
{
    OK(catalog_setting_set(here.catalog, key, value, &here.err));
}

static bool has_fact(const char *key)
{
    char *value = NULL;
    OK(catalog_setting_get(here.catalog, key, &value, &here.err));
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
        char *path = memory_format("%s%s", here.files.path, suffixes[i]);
        ck_assert_int_eq(stat(path, &status), 0);
        ck_assert_int_eq(status.st_mode & 0777, 0600);
        free(path);
    }
    OK(catalog_check(here.catalog, &here.err));
    ck_assert_str_eq(catalog_path(here.catalog), here.files.path);
    ck_assert_int_eq(catalog_rig_number("PRAGMA application_id"), 0x70676b70);
    ck_assert_int_eq(catalog_rig_number("PRAGMA user_version"), 10);
    ck_assert_int_eq(catalog_rig_number("SELECT count(*) FROM pragma_journal_mode"
                                        " WHERE journal_mode = 'wal'"),
                     1);
    ck_assert_int_eq(catalog_rig_number("SELECT count(*) FROM pragma_table_list WHERE"
                                        " schema = 'main' AND type = 'table' AND NOT"
                                        " strict AND name NOT LIKE 'sqlite_%'"),
                     0);
}
END_TEST

START_TEST(folders_are_made_and_private)
{
    struct stat status;
    char *folder = file_join(here.files.folder, "a");
    char *path = memory_format("%s/b/catalog.db", folder);
    char *inner = file_folder(path);
    ck_assert_ptr_null(catalog_open(path, CATALOG_WRITE, &here.err));
    ck_assert_int_eq(here.err.kind, ERR_NOT_FOUND);
    ck_assert(!file_exists(folder));
    struct catalog *catalog = catalog_open(path, CATALOG_CREATE, &here.err);
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
    char *path = file_join(here.files.folder, "none.db");
    for (size_t i = 0; i < 2; i++) {
        ck_assert_ptr_null(catalog_open(path, modes[i], &here.err));
        ck_assert_int_eq(here.err.kind, ERR_NOT_FOUND);
        ck_assert(!file_exists(path));
    }
    free(path);
    ck_assert_ptr_null(catalog_open(here.files.folder, CATALOG_CREATE, &here.err));
    ck_assert_int_eq(here.err.kind, ERR_SYSTEM);
}
END_TEST

START_TEST(an_empty_file_becomes_a_catalog_in_every_mode)
{
    static const enum catalog_mode modes[] = {CATALOG_READ, CATALOG_WRITE, CATALOG_CREATE};
    char *path = file_join(here.files.folder, "empty.db");
    for (size_t i = 0; i < 3; i++) {
        scratch_write(path, "", 0);
        struct catalog *catalog = catalog_open(path, modes[i], &here.err);
        ck_assert_ptr_nonnull(catalog);
        OK(catalog_check(catalog, &here.err));
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
        OK(file_read(path, &before, NULL, &here.err));
        ck_assert_ptr_null(catalog_open(path, (enum catalog_mode)mode, &here.err));
        ck_assert_int_eq(here.err.kind, kind);
        ck_assert_msg(strstr(here.err.text, words) != NULL, "%s", here.err.text);
        OK(file_read(path, &after, NULL, &here.err));
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
    catalog_close(here.catalog);
    here.catalog = NULL;
    catalogs_sql(&here.files, "PRAGMA user_version = 1000");
    refuse(here.files.path, ERR_SYSTEM, "newer pgkeep");
}
END_TEST

/* Version 1 knew the filters of a backup and no fingerprint of them. */
static void load_version_1(void)
{
    struct text sql;
    catalog_close(here.catalog);
    here.catalog = NULL;
    OK(catalog_remove_file(here.files.path, &here.err));
    text_init(&sql, 1 << 20);
    OK(file_read("tests/support/catalog_v1.sql", &sql, NULL, &here.err));
    catalogs_sql(&here.files, sql.data);
    text_release(&sql);
    ck_assert_int_eq(catalog_rig_number("PRAGMA user_version"), 1);
}

START_TEST(an_older_catalog_is_brought_up_to_date_in_every_mode)
{
    static const enum catalog_mode modes[] = {CATALOG_READ, CATALOG_WRITE, CATALOG_CREATE};
    for (size_t i = 0; i < 3; i++) {
        struct catalog_artifacts list = {0};
        const struct catalog_filter all = {0};
        load_version_1();
        struct catalog *catalog = catalog_open(here.files.path, modes[i], &here.err);
        ck_assert_msg(catalog != NULL, "%s", here.err.text);
        OK(catalog_check(catalog, &here.err));
        ck_assert_int_eq(catalog_rig_number("PRAGMA user_version"), 10);
        OK(catalog_artifacts_list(catalog, &all, CATALOG_WITH_COPIES, &list, &here.err));
        ck_assert_uint_eq(list.count, 4);
        ck_assert_uint_eq(list.items[3].copy_count, 2);
        ck_assert_str_eq(list.items[3].tags.items[0].value, "prod");
        catalog_artifacts_release(&list);
        catalog_close(catalog);
    }
}
END_TEST

START_TEST(runs_of_an_older_catalog_have_the_state_that_their_end_tells)
{
    struct catalog_runs runs = {0};
    const struct catalog_run_filter all = {.kind = "old"};
    static const enum catalog_run_state states[] = {
        CATALOG_RUN_CANCELLED, CATALOG_RUN_FAILED, CATALOG_RUN_COMPLETE,
        CATALOG_RUN_RUNNING};
    load_version_1();
    catalogs_sql(&here.files,
                 "INSERT INTO runs (kind, job, started, ended, owner, exit_status) VALUES"
                 " ('old', 'a', 10, 0, 'x', -1), ('old', 'a', 20, 21, 'x', 0),"
                 " ('old', 'a', 30, 31, 'x', 8), ('old', 'a', 40, 41, 'x', 143)");
    here.catalog = catalogs_open(&here.files);
    OK(catalog_runs_list(here.catalog, &all, &runs, &here.err));
    ck_assert_uint_eq(runs.count, 4);
    for (size_t i = 0; i < 4; i++) {
        ck_assert_int_eq(runs.items[i].state, states[i]);
        ck_assert_int_eq(runs.items[i].requested, runs.items[i].started);
        ck_assert_int_eq(runs.items[i].cause, CATALOG_RUN_BY_CLI);
    }
    catalog_runs_release(&runs);
}
END_TEST

START_TEST(backups_of_an_older_catalog_have_the_filters_of_their_manifest)
{
    struct catalog_artifacts list = {0};
    const struct catalog_filter all = {0};
    load_version_1();
    here.catalog = catalogs_open(&here.files);
    OK(catalog_artifacts_list(here.catalog, &all, 0, &list, &here.err));
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

/* It would stand in the group of the full backups, and could take the place of one. */
START_TEST(an_older_process_that_has_it_open_cannot_add_a_filtered_backup)
{
    static const char artifact[] =
        "INSERT INTO artifacts (id, seq, job, source, database, type, format, compression,"
        " level, status, time, started, created, updated) VALUES"
        " ('01JCATALOG0000000000000099', 99, 'n', 's', 'd', 'full', 'plain', 'gzip', 6,"
        " 'running', 1, 1, 1, 1)";
    sqlite3 *old = NULL;
    char *why = NULL;
    load_version_1();
    ck_assert_int_eq(sqlite3_open(here.files.path, &old), SQLITE_OK);
    ck_assert_int_eq(sqlite3_exec(old, "SELECT count(*) FROM filters", NULL, NULL, NULL),
                     SQLITE_OK);
    here.catalog = catalogs_open(&here.files);
    /* One without filters has no fingerprint, and is as good as before. */
    ck_assert_int_eq(sqlite3_exec(old, artifact, NULL, NULL, NULL), SQLITE_OK);
    ck_assert_int_eq(sqlite3_exec(old,
                                  "INSERT INTO filters SELECT number, 0, '--table', 'big'"
                                  " FROM artifacts WHERE seq = 99",
                                  NULL, NULL, &why),
                     SQLITE_CONSTRAINT);
    ck_assert_ptr_nonnull(strstr(why, "this pgkeep is older than the catalog"));
    sqlite3_free(why);
    ck_assert_int_eq(sqlite3_close(old), SQLITE_OK);
}
END_TEST

START_TEST(the_file_of_another_program_is_refused_and_left_as_it_is)
{
    static const char *const files[] = {
        "CREATE TABLE theirs (a)", "PRAGMA application_id = 77", "PRAGMA user_version = 1",
        "PRAGMA user_version = -1; PRAGMA application_id = 1885825904"};
    for (size_t i = 0; i < 4; i++) {
        struct catalogs other = here.files;
        snprintf(other.path, sizeof other.path, "%s/other%zu.db", here.files.folder, i);
        catalogs_sql(&other, files[i]);
        refuse(other.path, ERR_SYSTEM, "another program");
    }
}
END_TEST

START_TEST(what_is_no_sqlite_file_is_refused_with_a_way_out)
{
    char *path = file_join(here.files.folder, "text.db");
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
        catalogs_artifact(here.catalog, i, 1000 + i);
    catalog_close(here.catalog);
    struct stat status;
    char garbage[4096];
    memset(garbage, 0xA5, sizeof garbage);
    ck_assert_int_eq(stat(here.files.path, &status), 0);
    ck_assert_int_ge(status.st_size, 60 * 4096);
    int fd = open(here.files.path, O_WRONLY | O_CLOEXEC);
    for (off_t page = 45; page < 60; page++)
        ck_assert_int_eq(pwrite(fd, garbage, sizeof garbage, page * 4096), 4096);
    close(fd);
    here.catalog = catalogs_open(&here.files);
    ck_assert_int_eq(catalog_check(here.catalog, &here.err), -1);
    ck_assert_int_eq(here.err.kind, ERR_CORRUPT);
    ck_assert_ptr_nonnull(strstr(here.err.text, "hint: "));
    ck_assert_ptr_nonnull(strstr(here.err.text, "catalog rebuild"));
    const struct catalog_filter all = {0};
    struct catalog_artifacts list = {0};
    ck_assert_int_eq(catalog_artifacts_list(here.catalog, &all, 3, &list, &here.err), -1);
    ck_assert_int_eq(here.err.kind, ERR_CORRUPT);
    catalog_artifacts_release(&list);
}
END_TEST

START_TEST(a_row_without_its_parent_is_damage)
{
    catalogs_sql(&here.files, "INSERT INTO tags VALUES (99, 'a', 'b')");
    ck_assert_int_eq(catalog_check(here.catalog, &here.err), -1);
    ck_assert_int_eq(here.err.kind, ERR_CORRUPT);
    ck_assert_ptr_nonnull(strstr(here.err.text, "tags"));
}
END_TEST

START_TEST(reading_mode_reads_and_cannot_write)
{
    struct catalog_artifact artifact;
    catalogs_artifact(here.catalog, 1, 1000);
    struct catalog *reader = catalog_open(here.files.path, CATALOG_READ, &here.err);
    ck_assert_ptr_nonnull(reader);
    OK(catalog_artifact_load(reader, catalogs_id(1), 3, &artifact, &here.err));
    catalog_artifact_release(&artifact);
    ck_assert_int_eq(catalog_setting_set(reader, "a", "b", &here.err), -1);
    ck_assert_int_eq(here.err.kind, ERR_SYSTEM);
    ck_assert_int_eq(catalog_begin(reader, &here.err), -1);
    OK(catalog_check(reader, &here.err));
    catalog_close(reader);
}
END_TEST

/* ---- where nothing may be written ---- */

/* Asked with W_OK, the whole file system answers that it is mounted read-only. */
static bool medium_is_read_only;

int faccessat(int folder, const char *path, int mode, int flags)
{
    if (medium_is_read_only && (mode & W_OK) != 0) {
        errno = EROFS;
        return -1;
    }
    return (int)syscall(SYS_faccessat2, folder, path, mode, flags);
}

static bool beside(const char *suffix)
{
    char *path = memory_format("%s%s", here.files.path, suffix);
    bool there = file_exists(path);
    free(path);
    return there;
}

START_TEST(what_may_not_be_written_is_read_and_nothing_is_made_beside_it)
{
    struct catalog_artifact artifact;
    catalogs_artifact(here.catalog, 1, 1000);
    catalog_close(here.catalog);
    ck_assert(!beside("-wal") && !beside("-shm"));
    medium_is_read_only = true;
    here.catalog = catalog_open(here.files.path, CATALOG_READ, &here.err);
    ck_assert_msg(here.catalog != NULL, "%s", here.err.text);
    OK(catalog_artifact_load(here.catalog, catalogs_id(1), 3, &artifact, &here.err));
    catalog_artifact_release(&artifact);
    OK(catalog_check(here.catalog, &here.err));
    ck_assert(!beside("-wal") && !beside("-shm") && !beside("-journal"));
    ck_assert_int_eq(catalog_setting_set(here.catalog, "a", "b", &here.err), -1);
    medium_is_read_only = false;
}
END_TEST

/* Their newest rows stand in the log alone. */
START_TEST(what_others_have_open_is_read_with_its_log)
{
    struct catalog_artifact artifact;
    catalogs_artifact(here.catalog, 1, 1000);
    ck_assert(beside("-wal"));
    medium_is_read_only = true;
    struct catalog *reader = catalog_open(here.files.path, CATALOG_READ, &here.err);
    ck_assert_msg(reader != NULL, "%s", here.err.text);
    OK(catalog_artifact_load(reader, catalogs_id(1), 3, &artifact, &here.err));
    catalog_artifact_release(&artifact);
    catalog_close(reader);
    medium_is_read_only = false;
}
END_TEST

START_TEST(a_log_that_nobody_may_replay_is_refused_with_a_way_out)
{
    catalogs_artifact(here.catalog, 1, 1000);
    catalog_close(here.catalog);
    char *log = memory_format("%s-wal", here.files.path);
    scratch_write(log, "what a crash left", 17);
    medium_is_read_only = true;
    here.catalog = catalog_open(here.files.path, CATALOG_READ, &here.err);
    ck_assert_ptr_null(here.catalog);
    ck_assert_int_eq(here.err.kind, ERR_SYSTEM);
    ck_assert_ptr_nonnull(strstr(here.err.text, "was not closed properly"));
    ck_assert_ptr_nonnull(strstr(here.err.text, "--catalog"));
    medium_is_read_only = false;
    free(log);
}
END_TEST

START_TEST(who_would_write_is_told_at_once_that_nothing_may_be_written)
{
    for (int mode = CATALOG_WRITE; mode <= CATALOG_CREATE; mode++) {
        medium_is_read_only = true;
        ck_assert_ptr_null(
            catalog_open(here.files.path, (enum catalog_mode)mode, &here.err));
        medium_is_read_only = false;
        ck_assert_int_eq(here.err.kind, ERR_SYSTEM);
        ck_assert_ptr_nonnull(strstr(here.err.text, "may not be written"));
    }
}
END_TEST

START_TEST(an_older_schema_that_may_not_be_changed_is_said)
{
    load_version_1();
    medium_is_read_only = true;
    ck_assert_ptr_null(catalog_open(here.files.path, CATALOG_READ, &here.err));
    ck_assert_int_eq(here.err.kind, ERR_SYSTEM);
    ck_assert_ptr_nonnull(strstr(here.err.text, "of an older pgkeep"));
    medium_is_read_only = false;
    ck_assert_int_eq(catalog_rig_number("PRAGMA user_version"), 1);
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
    char *path = file_join(here.files.folder, "race.db");
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
    char *path = file_join(here.files.folder, "race.db");
    for (int round = 0; round < 10; round++) {
        pid_t pids[4];
        for (size_t i = 0; i < 4; i++) {
            pids[i] = fork();
            ck_assert_int_ge(pids[i], 0);
            if (pids[i] > 0)
                continue;
            struct catalog *catalog = create(path);
            bool sound = catalog != NULL && catalog_check(catalog, &here.err) == 0;
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
    catalogs_artifact(here.catalog, 1, 1000);
    for (unsigned from = 0; from < CATALOG_STATUSES; from++)
        for (unsigned to = 0; to < CATALOG_STATUSES; to++) {
            char sql[100];
            snprintf(sql, sizeof sql, "UPDATE artifacts SET status = '%s'",
                     catalog_status_name((enum catalog_status)from));
            catalogs_sql(&here.files, sql);
            snprintf(sql, sizeof sql, "UPDATE artifacts SET status = '%s'",
                     catalog_status_name((enum catalog_status)to));
            bool allowed = catalog_status_move_allowed((enum catalog_status)from,
                                                       (enum catalog_status)to);
            ck_assert(from != to || !allowed);
            here.err = (struct err){0};
            ck_assert_int_eq(sql_exec(here.catalog, sql, &here.err),
                             from == to || allowed ? 0 : -1);
            ck_assert_int_eq(here.err.kind, from == to || allowed ? ERR_NONE : ERR_UNSAFE);
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
    struct catalog *other = catalogs_open(&here.files);
    char *value = NULL;
    OK(catalog_begin(here.catalog, &here.err));
    set_fact("a", "1");
    set_fact("b", "2");
    OK(catalog_setting_get(other, "a", &value, &here.err));
    ck_assert_ptr_null(value);
    OK(catalog_commit(here.catalog, &here.err));
    OK(catalog_setting_get(other, "a", &value, &here.err));
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
    OK(catalog_begin(here.catalog, &here.err));
    set_fact("a", "1");
    ck_assert_int_eq(catalog_artifact_insert(here.catalog, &bad, &here.err), -1);
    set_fact("b", "1");
    OK(catalog_commit(here.catalog, &here.err));
    ck_assert(has_fact("a") && has_fact("b"));
    ck_assert_int_eq(catalog_rig_number("SELECT count(*) FROM artifacts"), 0);
    catalog_artifact_release(&bad);
}
END_TEST

START_TEST(a_rollback_leaves_nothing)
{
    OK(catalog_begin(here.catalog, &here.err));
    set_fact("a", "1");
    catalog_rollback(here.catalog);
    catalog_rollback(here.catalog);
    ck_assert(!has_fact("a"));
    OK(catalog_begin(here.catalog, &here.err));
    set_fact("a", "1");
    catalog_close(here.catalog);
    here.catalog = catalogs_open(&here.files);
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
    OK(sql_number(here.catalog, "PRAGMA page_count", &pages, &here.err));
    snprintf(pragma, sizeof pragma, "PRAGMA max_page_count = %d", (int)pages + 3);
    OK(sql_exec(here.catalog, pragma, &here.err));
    OK(catalog_begin(here.catalog, &here.err));
    char *big = memory_zalloc(100001);
    memset(big, 'x', 100000);
    set_fact("first", "1");
    result = catalog_setting_set(here.catalog, "big", big, &here.err);
    ck_assert_int_eq(result, -1);
    ck_assert_int_eq(here.err.kind, ERR_SYSTEM);
    ck_assert_ptr_nonnull(strstr(here.err.text, "hint: "));
    catalog_rollback(here.catalog);
    ck_assert(has_fact("kept"));
    ck_assert(!has_fact("first"));
    OK(catalog_check(here.catalog, &here.err));
    free(big);
}
END_TEST

START_TEST(what_follows_a_lost_transaction_is_not_written_by_itself)
{
    OK(catalog_begin(here.catalog, &here.err));
    set_fact("a", "1");
    ck_assert_int_eq(sqlite3_exec(here.catalog->db, "ROLLBACK", NULL, NULL, NULL),
                     SQLITE_OK);
    ck_assert_int_eq(catalog_setting_set(here.catalog, "b", "1", &here.err), -1);
    ck_assert_int_eq(here.err.kind, ERR_SYSTEM);
    ck_assert_int_eq(catalog_commit(here.catalog, &here.err), -1);
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
    struct catalog *other = catalogs_open(&here.files);
    OK(catalog_begin(here.catalog, &here.err));
    pthread_create(&thread, NULL, write_late, other);
    for (int i = 0; i < 200; i++)
        set_fact("a", "1");
    OK(catalog_commit(here.catalog, &here.err));
    pthread_join(thread, &written);
    ck_assert_ptr_nonnull(written);
    ck_assert(has_fact("late"));
    catalog_close(other);
}
END_TEST

START_TEST(who_may_not_wait_is_told_that_it_is_busy)
{
    struct catalog *other = catalogs_open(&here.files);
    OK(catalog_begin(here.catalog, &here.err));
    other->impatient = true;
    ck_assert_int_eq(catalog_setting_set(other, "a", "1", &here.err), -1);
    ck_assert_int_eq(here.err.kind, ERR_BUSY);
    catalog_close(other);
}
END_TEST

START_TEST(waiting_ends_when_cancelled)
{
    struct catalog *other = catalogs_open(&here.files);
    OK(catalog_begin(here.catalog, &here.err));
    cancel_trip(NULL, CANCEL_SIGTERM);
    ck_assert_int_eq(catalog_setting_set(other, "a", "1", &here.err), -1);
    ck_assert_int_eq(here.err.kind, ERR_CANCELLED);
    OK(catalog_commit(here.catalog, &here.err));
    /* What is not locked can still be written: a cancelled backup says so. */
    OK(catalog_setting_set(other, "a", "1", &here.err));
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
    tcase_add_test(tcase, runs_of_an_older_catalog_have_the_state_that_their_end_tells);
    tcase_add_test(tcase, backups_of_an_older_catalog_have_the_filters_of_their_manifest);
    tcase_add_test(tcase, an_older_process_that_has_it_open_cannot_add_a_filtered_backup);
    tcase_add_test(tcase, the_file_of_another_program_is_refused_and_left_as_it_is);
    tcase_add_test(tcase, what_is_no_sqlite_file_is_refused_with_a_way_out);
    tcase_add_test(tcase, damage_is_found_and_the_way_out_is_named);
    tcase_add_test(tcase, a_row_without_its_parent_is_damage);
    tcase_add_test(tcase, reading_mode_reads_and_cannot_write);
    tcase_add_test(tcase, what_may_not_be_written_is_read_and_nothing_is_made_beside_it);
    tcase_add_test(tcase, what_others_have_open_is_read_with_its_log);
    tcase_add_test(tcase, a_log_that_nobody_may_replay_is_refused_with_a_way_out);
    tcase_add_test(tcase, who_would_write_is_told_at_once_that_nothing_may_be_written);
    tcase_add_test(tcase, an_older_schema_that_may_not_be_changed_is_said);
    tcase_add_test(tcase, several_threads_may_make_it_at_once);
    tcase_add_test(tcase, several_processes_may_make_it_at_once);
}

int main(void)
{
    Suite *suite = suite_create("catalog");
    TCase *tcase = tcase_create("catalog");
    tcase_add_checked_fixture(tcase, catalog_rig_begin_empty, catalog_rig_end);
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
