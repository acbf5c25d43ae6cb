#include "postgres/programs.h"

#include "base/file.h"
#include "base/memory.h"
#include "tests/support/run_suite.h"
#include "tests/support/scratch.h"

#include <check.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[SCRATCH_SIZE];

/* A folder of programs of which pg_dump knows its version only. */
static void make_programs(const char *below, const char *version)
{
    static const char *const names[] = {"pg_dump", "pg_dumpall", "pg_restore", "psql"};
    struct err err = {0};
    char *place = file_join(folder, below);
    char *script = memory_format("#!/bin/sh\necho 'pg_dump (PostgreSQL) %s'\n", version);
    ck_assert_int_eq(file_make_folders(place, &err), 0);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char *path = file_join(place, names[i]);
        scratch_write(path, script, strlen(script));
        ck_assert_int_eq(chmod(path, 0700), 0);
        free(path);
    }
    free(script);
    free(place);
}

static void remove_programs(void)
{
    scratch_remove(folder);
}

static void make_all(void)
{
    scratch_folder(folder);
    make_programs("many/14/bin", "14.19");
    make_programs("many/16/bin", "16.10 (Debian 16.10-1.pgdg120+1)");
    make_programs("many/17/bin", "17.6");
    make_programs("many/18beta/bin", "18beta3");
    make_programs("one", "15.18 (Debian 15.18-0+deb12u1)");
    make_programs("old", "9.6.24");
    make_programs("odd", "of no version");
    make_programs("system/15/bin", "15.20");
    make_programs("system/16/bin", "16.9");
    make_programs("path", "15.19");
    setenv("PATH", "/nonexistent", 1); /* whatever this machine has */
}

/* With nothing but bin_dir, or with PATH (NULL: without) and packages too. */
static int find(const char *bin_dir, const char *path, int server,
                struct programs *programs, struct err *err)
{
    char *place = bin_dir == NULL ? NULL : file_join(folder, bin_dir);
    char *packages = file_join(folder, path == NULL ? "nothing" : "system");
    char *search = path == NULL ? NULL : file_join(folder, path);
    struct programs_places places = {place, packages};
    setenv("PATH", search == NULL ? "/nonexistent" : search, 1);
    int result = programs_find_in(&places, server, programs, err);
    free(search);
    free(packages);
    free(place);
    return result;
}

static const struct {
    const char *bin_dir;
    int server;
    const char *version; /* NULL: none */
    const char *says;
} rows[] = {
    {"many", 140019, "14.19", NULL},
    {"many", 150000, "16.10", NULL},
    {"many", 160010, "16.10", NULL},
    {"many", 170099, "17.6", NULL},
    {"many", 90624, "14.19", NULL},
    {"many", 0, "17.6", NULL},
    {"many", 180000, NULL,
     "pg_dump 17.6 is too old for a server of version 18 (looked in FOLDER)\n"
     "hint: install the package postgresql-client-18, or set pg_bin_dir"},
    {"one", 150018, "15.18", NULL},
    {"one", 0, "15.18", NULL},
    {"one", 170000, NULL, "pg_dump 15.18 is too old for a server of version 17"},
    {"old", 90600, "9.6.24", NULL},
    {"old", 100000, NULL, "postgresql-client-10"},
    {"odd", 150000, NULL, "no pg_dump for a server of version 15"},
    {"absent", 150000, NULL, "no pg_dump for a server of version 15"},
    {"absent", 0, NULL, "no pg_dump (looked in "},
};

START_TEST(the_smallest_major_that_is_not_older_than_the_server_is_chosen)
{
    struct err err = {0};
    struct programs programs;
    char *bin_dir = file_join(folder, rows[_i].bin_dir);
    int result = find(rows[_i].bin_dir, NULL, rows[_i].server, &programs, &err);
    if (rows[_i].version != NULL) {
        ck_assert_msg(result == 0, "%s", err.text);
        ck_assert_str_eq(programs.version, rows[_i].version);
        ck_assert(text_starts_with(programs.pg_restore, bin_dir));
        ck_assert_int_eq(access(programs.pg_dumpall, X_OK), 0);
        ck_assert_int_eq(access(programs.psql, X_OK), 0);
    } else {
        char *says = memory_strdup(rows[_i].says);
        char *place = strstr(says, "FOLDER");
        if (place != NULL) {
            char *whole = memory_format("%.*s%s%s", (int)(place - says), says, bin_dir,
                                        place + strlen("FOLDER"));
            free(says);
            says = whole;
        }
        ck_assert_int_eq(result, -1);
        ck_assert_int_eq(err.kind, ERR_DATABASE);
        ck_assert_msg(strstr(err.text, says) != NULL, "%s", err.text);
        ck_assert_ptr_nonnull(strstr(err.text, "\nhint: install"));
        ck_assert_ptr_null(programs.pg_dump);
        free(says);
    }
    programs_release(&programs);
    free(bin_dir);
}
END_TEST

START_TEST(path_goes_before_the_systems_folder_and_bin_dir_before_path)
{
    struct err err = {0};
    struct programs programs;
    /* Of equal versions: the first place. */
    make_programs("system/15/bin", "15.18");
    make_programs("path", "15.18");
    ck_assert_msg(find(NULL, "path", 150018, &programs, &err) == 0, "%s", err.text);
    ck_assert_ptr_nonnull(strstr(programs.pg_dump, "/path/"));
    programs_release(&programs);
    ck_assert_int_eq(find("one", "path", 150018, &programs, &err), 0);
    ck_assert_ptr_nonnull(strstr(programs.pg_dump, "/one/"));
    programs_release(&programs);
    ck_assert_int_eq(find("many", NULL, 140000, &programs, &err), 0);
    ck_assert_str_eq(programs.version, "14.19");
    programs_release(&programs);
    /* Whatever version: the first place that has any. */
    ck_assert_int_eq(find("many", "path", 0, &programs, &err), 0);
    ck_assert_str_eq(programs.version, "17.6");
    programs_release(&programs);
    ck_assert_int_eq(find(NULL, "path", 0, &programs, &err), 0);
    ck_assert_ptr_nonnull(strstr(programs.pg_dump, "/path/"));
    programs_release(&programs);
}
END_TEST

/* Note 29 of the contract. */
static const struct {
    const char *bin_dir, *path;
    int server;
    const char *version;
    const char *warning; /* NULL: none */
} choices[] = {
    {"many", "path", 150020, "15.20", NULL}, /* the server's major, in the last place */
    {NULL, "path", 150018, "15.20", NULL},   /* its newest minor */
    {"one", "path", 150018, "15.20", NULL},
    {"many", "path", 140019, "14.19", NULL},
    {"many", "path", 160000, "16.10", NULL},
    {NULL, "path", 160010, "16.9",
     "pg_dump 16.9 is older than the server, which is 16.10: bring the package "
     "postgresql-client-16 up to date"},
    {NULL, "path", 150021, "15.20", "older than the server, which is 15.21"},
    {NULL, "path", 140001, "15.20",
     "pg_dump 15.20 is newer than the server: what it writes does not restore into a "
     "server "
     "of version 14 (install the package postgresql-client-14)"},
    {"many", NULL, 150001, "16.10", "does not restore into a server of version 15"},
    {"many", NULL, 90624, "14.19", "does not restore into a server of version 9"},
    {"old", NULL, 90624, "9.6.24", NULL},
    {"many", NULL, 0, "17.6", NULL},
};

START_TEST(the_servers_own_major_is_taken_wherever_it_lies_and_else_it_is_said)
{
    struct err err = {0};
    struct programs programs;
    ck_assert_msg(find(choices[_i].bin_dir, choices[_i].path, choices[_i].server, &programs,
                       &err) == 0,
                  "%s", err.text);
    ck_assert_str_eq(programs.version, choices[_i].version);
    if (choices[_i].warning == NULL)
        ck_assert_msg(programs.warning == NULL, "%s", programs.warning);
    else
        ck_assert_msg(strstr(programs.warning, choices[_i].warning) != NULL, "%s",
                      programs.warning);
    programs_release(&programs);
}
END_TEST

START_TEST(a_bin_dir_that_is_of_no_use_is_an_error_whatever_else_there_is)
{
    static const char *const useless[] = {"old", "odd", "absent"};
    for (size_t i = 0; i < sizeof useless / sizeof *useless; i++) {
        struct err err = {0};
        struct programs programs;
        ck_assert_int_eq(find(useless[i], "path", 150018, &programs, &err), -1);
        ck_assert_msg(strstr(err.text, "PATH") == NULL, "%s", err.text);
        ck_assert_ptr_nonnull(strstr(err.text, "postgresql-client-15"));
    }
}
END_TEST

START_TEST(one_that_cannot_be_run_is_told_with_its_reason)
{
    struct err err = {0};
    struct programs programs;
    static const char script[] =
        "#!/bin/sh\necho 'libpq.so.5: cannot open' >&2; exit 127\n";
    char *pg_dump = memory_format("%s/one/pg_dump", folder);
    scratch_write(pg_dump, script, sizeof script - 1);
    ck_assert_int_eq(find("one", NULL, 150000, &programs, &err), -1);
    ck_assert_int_eq(err.kind, ERR_DATABASE);
    ck_assert_ptr_nonnull(strstr(err.text, "no pg_dump for a server of version 15"));
    ck_assert_ptr_nonnull(strstr(err.text, "libpq.so.5: cannot open"));
    free(pg_dump);
}
END_TEST

START_TEST(too_few_descriptors_are_no_missing_package)
{
    struct err err = {0};
    struct programs programs;
    struct rlimit before, few = {0};
    ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &before), 0);
    few.rlim_max = before.rlim_max;
    few.rlim_cur = 3;
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &few), 0);
    int result = find("one", NULL, 150000, &programs, &err);
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &before), 0);
    ck_assert_int_eq(result, -1);
    ck_assert_msg(strstr(err.text, "hint: raise") != NULL, "%s", err.text);
    ck_assert_ptr_null(strstr(err.text, "install"));
}
END_TEST

START_TEST(a_package_without_one_of_its_programs_is_an_error_that_names_it)
{
    struct err err = {0};
    struct programs programs;
    char *bin_dir = file_join(folder, "one");
    char *psql = file_join(bin_dir, "psql");
    ck_assert_int_eq(chmod(psql, 0600), 0);
    bool is_root = access(psql, X_OK) == 0;
    ck_assert(!is_root);
    ck_assert_int_eq(find("one", NULL, 150000, &programs, &err), -1);
    ck_assert_ptr_nonnull(strstr(err.text, psql));
    ck_assert_ptr_null(programs.pg_dump);
    ck_assert_int_eq(chmod(psql, 0700), 0);
    free(psql);
    free(bin_dir);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("programs");
    TCase *tcase = tcase_create("programs");
    tcase_add_checked_fixture(tcase, make_all, remove_programs);
    tcase_add_loop_test(tcase,
                        the_smallest_major_that_is_not_older_than_the_server_is_chosen, 0,
                        sizeof rows / sizeof *rows);
    tcase_add_test(tcase, path_goes_before_the_systems_folder_and_bin_dir_before_path);
    tcase_add_loop_test(tcase,
                        the_servers_own_major_is_taken_wherever_it_lies_and_else_it_is_said,
                        0, sizeof choices / sizeof *choices);
    tcase_add_test(tcase, a_bin_dir_that_is_of_no_use_is_an_error_whatever_else_there_is);
    tcase_add_test(tcase, one_that_cannot_be_run_is_told_with_its_reason);
    tcase_add_test(tcase, too_few_descriptors_are_no_missing_package);
    tcase_add_test(tcase, a_package_without_one_of_its_programs_is_an_error_that_names_it);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
