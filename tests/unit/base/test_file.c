#include "base/file.h"
#include "base/memory.h"
#include "tests/support/run_suite.h"
#include "tests/support/scratch.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[SCRATCH_SIZE];
static struct err err;
static struct text out;

static void begin(void)
{
    scratch_folder(folder);
    text_init(&out, 100000);
}

static void end(void)
{
    text_release(&out);
}

static char *in_folder(const char *name)
{
    static char path[SCRATCH_SIZE + 32];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

/* ---- reading ---- */

START_TEST(a_file_is_read_whole_and_not_beyond_the_ceiling)
{
    char *path = in_folder("data");
    char bytes[70000]; /* more than one read */
    memset(bytes, 'x', sizeof bytes);
    scratch_write(path, bytes, sizeof bytes);
    ck_assert_int_eq(file_read(path, &out, NULL, &err), 0);
    ck_assert_uint_eq(out.length, sizeof bytes);
    struct text small;
    text_init(&small, 10);
    ck_assert_int_lt(file_read(path, &small, NULL, &err), 0);
    ck_assert_ptr_nonnull(strstr(err.text, "is larger than 10 bytes"));
    text_release(&small);
}
END_TEST

START_TEST(a_file_without_a_size_is_read_to_its_end)
{
    ck_assert_int_eq(file_read("/proc/self/stat", &out, NULL, &err), 0);
    ck_assert_uint_gt(out.length, 10);
}
END_TEST

START_TEST(absent_is_an_answer_where_it_is_asked_for)
{
    bool absent = false;
    ck_assert_int_eq(file_read(in_folder("none"), &out, &absent, &err), 0);
    ck_assert(absent);
    ck_assert_int_lt(file_read(in_folder("none"), &out, NULL, &err), 0);
    ck_assert_int_eq(err.kind, ERR_NOT_FOUND);
    scratch_write(in_folder("there"), "", 0);
    ck_assert_int_eq(file_read(in_folder("there"), &out, &absent, &err), 0);
    ck_assert(!absent);
}
END_TEST

START_TEST(what_cannot_be_read_is_told_with_its_path)
{
    ck_assert_int_lt(file_read(folder, &out, NULL, &err), 0);
    ck_assert_int_eq(err.kind, ERR_SYSTEM);
    ck_assert_ptr_nonnull(strstr(err.text, folder));
    scratch_write(in_folder("file"), "", 0);
    ck_assert_int_lt(file_read(in_folder("file/below"), &out, NULL, &err), 0);
    ck_assert_ptr_nonnull(strstr(err.text, "cannot open"));
}
END_TEST

/* ---- folders ---- */

START_TEST(folders_are_made_down_to_the_last_and_are_private)
{
    struct stat status;
    ck_assert_int_eq(file_make_folders(in_folder("a//b/c"), &err), 0);
    ck_assert_int_eq(stat(in_folder("a/b/c"), &status), 0);
    ck_assert_uint_eq(status.st_mode & 0777, 0700);
    ck_assert_int_eq(file_make_folders(in_folder("a/b/c"), &err), 0);
    ck_assert_int_eq(file_make_folders_of(in_folder("d/e"), &err), 0);
    ck_assert(file_exists(in_folder("d")));
    ck_assert(!file_exists(in_folder("d/e")));
}
END_TEST

START_TEST(a_file_in_the_way_is_no_folder)
{
    scratch_write(in_folder("file"), "", 0);
    ck_assert_int_lt(file_make_folders(in_folder("file"), &err), 0);
    ck_assert_ptr_nonnull(strstr(err.text, "Not a directory"));
    ck_assert_int_lt(file_make_folders(in_folder("file/x"), &err), 0);
}
END_TEST

START_TEST(the_folder_of_a_name_is_brought_to_disk)
{
    scratch_write(in_folder("file"), "", 0);
    ck_assert_int_eq(file_sync_folder_of(in_folder("file"), &err), 0);
    ck_assert_int_lt(file_sync_folder_of(in_folder("none/file"), &err), 0);
    ck_assert_ptr_nonnull(strstr(err.text, "cannot open folder"));
}
END_TEST

/* ---- paths ---- */

static const struct {
    const char *path, *folder;
} folders[] = {{"/a/b", "/a"}, {"/a", "/"}, {"a", "."}, {"a/b/", "a/b"}, {"", "."}};

START_TEST(a_file_is_replaced_whole_or_stays)
{
    struct stat status;
    const struct file_content first = {"one", 3, 0644, true},
                              second = {"second", 6, 0600, false};
    ck_assert_int_eq(file_replace(in_folder("replaced"), &first, &err), 0);
    ck_assert_int_eq(file_replace(in_folder("replaced"), &second, &err), 0);
    ck_assert_int_eq(file_read(in_folder("replaced"), &out, NULL, &err), 0);
    ck_assert_str_eq(out.data, "second");
    ck_assert_int_eq(stat(in_folder("replaced"), &status), 0);
    ck_assert_int_eq((int)(status.st_mode & 0777), 0600);
    /* A folder in the way is not replaced, and nothing is left beside it. */
    ck_assert_int_eq(mkdir(in_folder("way"), 0700), 0);
    ck_assert_int_eq(file_replace(in_folder("way"), &first, &err), -1);
    ck_assert_int_eq(err.kind, ERR_SYSTEM);
    char temp[32];
    snprintf(temp, sizeof temp, "way.%lld", (long long)getpid());
    ck_assert(!file_exists(in_folder(temp)));
    /* Nor is there anything in a folder that is none. */
    ck_assert_int_eq(file_replace(in_folder("replaced/x"), &first, &err), -1);
}
END_TEST

START_TEST(our_own_program_is_found_by_its_path)
{
    char *program = file_own_program(&err);
    ck_assert_ptr_nonnull(program);
    ck_assert(text_ends_with(program, "/test_file"));
    free(program);
}
END_TEST

START_TEST(every_path_has_a_folder)
{
    char *got = file_folder(folders[_i].path);
    ck_assert_str_eq(got, folders[_i].folder);
    free(got);
}
END_TEST

static const struct {
    const char *folder, *name, *path;
} joins[] = {{"/a", "b", "/a/b"}, {"/a/", "b", "/a/b"}, {"", "b", "b"}, {"/", "b", "/b"}};

START_TEST(a_joined_path_has_one_slash)
{
    char *path = file_join(joins[_i].folder, joins[_i].name);
    ck_assert_str_eq(path, joins[_i].path);
    free(path);
}
END_TEST

/* ---- descriptors ---- */

START_TEST(a_pipe_is_read_until_it_ends_or_is_enough)
{
    int ends[2];
    char bytes[8] = "";
    ck_assert_int_eq(pipe(ends), 0);
    ck_assert_int_eq(file_write_all(ends[1], "abcdef", 6), 0);
    ck_assert_int_eq(file_read_all(ends[0], bytes, 4), 4);
    ck_assert_mem_eq(bytes, "abcd", 4);
    file_close(&ends[1]);
    ck_assert_int_eq(ends[1], -1);
    ck_assert_int_eq(file_read_all(ends[0], bytes, 8), 2);
    file_close(&ends[0]);
    ck_assert_int_eq(file_read_all(-1, bytes, 8), -1);
    ck_assert_int_eq(file_write_all(-1, bytes, 8), -1);
    /* A way out of a failure closes what it has, and still tells the failure. */
    errno = EPIPE;
    file_close(&ends[0]);
    ck_assert_int_eq(errno, EPIPE);
}
END_TEST

START_TEST(programs_are_found_as_a_shell_finds_them)
{
    const char *path = in_folder("tool");
    scratch_write(path, "#!/bin/sh\n", 10);
    ck_assert_int_eq(chmod(path, 0700), 0);
    ck_assert_int_eq(chdir(folder), 0);
    char *paths = memory_format("/nowhere:%s", folder);
    setenv("PATH", paths, 1);
    char *found = file_find_program("tool");
    ck_assert_str_eq(found, path);
    free(found);
    setenv("PATH", "/nowhere:", 1); /* the last one is empty, and no folder follows it */
    ck_assert_ptr_null(file_find_program("tool"));
    setenv("PATH", ":/nowhere", 1); /* an empty one is the working folder */
    found = file_find_program("tool");
    ck_assert_str_eq(found, "./tool");
    free(found);
    found = file_find_program("./tool");
    ck_assert_str_eq(found, "./tool");
    free(found);
    ck_assert_ptr_null(file_find_program("./none"));
    unsetenv("PATH");
    ck_assert_ptr_null(file_find_program("tool"));
    free(paths);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("file");
    TCase *tcase = tcase_create("file");
    tcase_add_checked_fixture(tcase, begin, end);
    tcase_add_test(tcase, a_file_is_read_whole_and_not_beyond_the_ceiling);
    tcase_add_test(tcase, a_file_without_a_size_is_read_to_its_end);
    tcase_add_test(tcase, absent_is_an_answer_where_it_is_asked_for);
    tcase_add_test(tcase, what_cannot_be_read_is_told_with_its_path);
    tcase_add_test(tcase, folders_are_made_down_to_the_last_and_are_private);
    tcase_add_test(tcase, a_file_in_the_way_is_no_folder);
    tcase_add_test(tcase, the_folder_of_a_name_is_brought_to_disk);
    tcase_add_test(tcase, a_file_is_replaced_whole_or_stays);
    tcase_add_test(tcase, our_own_program_is_found_by_its_path);
    tcase_add_loop_test(tcase, every_path_has_a_folder, 0,
                        (int)(sizeof folders / sizeof *folders));
    tcase_add_loop_test(tcase, a_joined_path_has_one_slash, 0,
                        (int)(sizeof joins / sizeof *joins));
    tcase_add_test(tcase, a_pipe_is_read_until_it_ends_or_is_enough);
    tcase_add_test(tcase, programs_are_found_as_a_shell_finds_them);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
