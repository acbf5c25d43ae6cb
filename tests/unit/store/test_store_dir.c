#define _GNU_SOURCE /* syscall */
#include "store/store.h"

#include "base/file.h"
#include "base/memory.h"
#include "tests/support/run_suite.h"
#include "tests/support/scratch.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define ID "01KC1E5T00ABCDEFGHJKMNPQRS"
#define FOLDER "data/shop/shop/2026/"
#define KEY FOLDER "shop-full-20261121T020000Z-" ID ".sql.gz"
#define TEMP FOLDER "." ID ".part"

enum { PART = 1000 };

/* What fsync of a folder answers, instead of libc's; of files it is the real one. */
static int folder_errno;

int fsync(int fd)
{
    struct stat status;
    if (folder_errno == 0 || fstat(fd, &status) < 0 || !S_ISDIR(status.st_mode))
        return (int)syscall(SYS_fsync, fd);
    errno = folder_errno;
    return -1;
}

static char base[SCRATCH_SIZE];
static char *root;
static struct store *store;
static struct part_pool *pool;
static struct err err;

static void setup(void)
{
    scratch_folder(base);
    root = memory_format("%s/store", base);
    ck_assert_int_eq(mkdir(root, 0700), 0);
    store = store_open_dir("nas", root, &err);
    ck_assert_ptr_nonnull(store);
    pool = part_pool_new(4, PART, NULL, &err);
    ck_assert_ptr_nonnull(pool);
}

static void teardown(void)
{
    store_close(store);
    part_pool_free(pool);
    scratch_remove(base);
    free(root);
}

#define OK(call) ck_assert_msg((call) == 0, "%s", err.text)
#define FAILS(call, wanted)                                                                \
    do {                                                                                   \
        ck_assert_int_eq((call), -1);                                                      \
        ck_assert_msg(err.kind == (wanted), "%d: %s", (int)err.kind, err.text);            \
        ck_assert_msg(text_starts_with(err.text, "store \"nas\": "), "%s", err.text);      \
    } while (0)

static void put(const char *key, const char *text)
{
    OK(store_put_new(store, key, text, strlen(text), &err));
}

static bool exists(const char *key)
{
    char *path = file_join(root, key);
    struct stat status;
    bool there = lstat(path, &status) == 0;
    free(path);
    return there;
}

static unsigned mode_of(const char *key)
{
    char *path = file_join(root, key);
    struct stat status;
    ck_assert_int_eq(lstat(path, &status), 0);
    free(path);
    return (unsigned)status.st_mode & 07777U;
}

static void expect(const char *key, const char *wanted)
{
    struct text text;
    bool absent = true;
    text_init(&text, 1 << 20);
    OK(store_get(store, key, &text, &absent, &err));
    ck_assert(!absent);
    ck_assert_str_eq(text.data, wanted);
    text_release(&text);
}

static int add_key(void *context, const struct store_object *object, struct err *problem)
{
    (void)problem;
    strlist_addf(context, "%s=%llu", object->key, (unsigned long long)object->size);
    return 0;
}

static size_t count_objects(const char *prefix)
{
    struct strlist keys = {0};
    OK(store_list(store, prefix, add_key, &keys, &err));
    size_t count = keys.count;
    strlist_release(&keys);
    return count;
}

static int add_pending(void *context, const struct store_pending *pending,
                       struct err *problem)
{
    (void)problem;
    ck_assert_int_gt(pending->initiated, 0);
    strlist_add(context, pending->handle);
    return 0;
}

static size_t count_pending(const char *prefix)
{
    struct strlist handles = {0};
    OK(store_list_pending(store, prefix, add_pending, &handles, &err));
    size_t count = handles.count;
    strlist_release(&handles);
    return count;
}

static int keep_handle(void *context, const char *handle, struct err *problem)
{
    (void)problem;
    snprintf(context, 256, "%s", handle);
    return 0;
}

static int stop_listing(void *context, const struct store_object *object,
                        struct err *problem)
{
    (void)context;
    (void)object;
    return err_set(problem, ERR_SYSTEM, "enough");
}

static int refuse_handle(void *context, const char *handle, struct err *problem)
{
    (void)context;
    (void)handle;
    return err_set(problem, ERR_SYSTEM, "the catalog cannot be written");
}

static struct store_upload *begin(void)
{
    struct store_upload_spec spec = {
        .key = KEY, .content_type = "application/gzip", .id = ID};
    struct store_upload *upload = store_upload_begin(store, &spec, &err);
    ck_assert_msg(upload != NULL, "%s", err.text);
    return upload;
}

/* Part `number` of the text: whole parts of the letter 'a' + number - 1. */
static int give(struct store_upload *upload, unsigned number)
{
    struct part *part = part_pool_get(pool, &err);
    ck_assert_ptr_nonnull(part);
    memset(part->data, 'a' + (int)number - 1, PART);
    part->size = PART;
    part->number = number;
    part->offset = (number - 1) * PART;
    int result = store_upload_part(upload, part, &err);
    part_release(part);
    return result;
}

START_TEST(what_was_put_comes_back_private_to_the_user)
{
    umask(0);
    put("manifests/" ID ".json", "{}");
    expect("manifests/" ID ".json", "{}");
    ck_assert_uint_eq(mode_of("manifests"), 0700);
    ck_assert_uint_eq(mode_of("manifests/" ID ".json"), 0600);
    ck_assert_uint_eq(count_pending(""), 0);
}
END_TEST

START_TEST(an_existing_key_is_overwritten_only_when_asked)
{
    put("state/a", "one");
    FAILS(store_put_new(store, "state/a", "two", 3, &err), ERR_STORE);
    expect("state/a", "one");
    OK(store_put(store, "state/a", "two", 3, &err));
    expect("state/a", "two");
    ck_assert_uint_eq(count_pending(""), 0);
}
END_TEST

START_TEST(absent_is_an_answer_but_a_missing_root_is_an_error)
{
    struct text text;
    struct store_object object;
    struct store_removed removed;
    char uuid[37];
    bool absent = false;
    text_init(&text, 100);
    OK(store_get(store, "state/a", &text, &absent, &err));
    ck_assert(absent);
    OK(store_stat(store, "state/a/b/c", &object, &absent, &err));
    ck_assert(absent);
    ck_assert_int_eq(rmdir(root), 0);
    FAILS(store_get(store, "state/a", &text, &absent, &err), ERR_STORE);
    FAILS(store_stat(store, "state/a", &object, &absent, &err), ERR_STORE);
    FAILS(store_list(store, "", add_key, NULL, &err), ERR_STORE);
    FAILS(store_identify(store, uuid, &absent, &err), ERR_STORE);
    FAILS(store_remove(store, "state/a", &removed, &err), ERR_STORE);
    ck_assert_int_eq(removed.result, STORE_REFUSED);
    ck_assert_ptr_nonnull(strstr(err.text, "is the disk mounted?"));
    ck_assert(!file_exists(root));
    text_release(&text);
}
END_TEST

START_TEST(an_upload_is_invisible_until_it_is_finished_and_then_whole)
{
    char handle[256] = "";
    struct store_upload_spec spec = {
        .key = KEY, .id = ID, .on_pending = keep_handle, .context = handle};
    struct store_object object;
    struct store_upload *upload = store_upload_begin(store, &spec, &err);
    ck_assert_ptr_nonnull(upload);
    ck_assert_str_eq(handle, TEMP);
    for (unsigned number = 1; number <= 20; number++)
        OK(give(upload, number));
    OK(store_upload_wait(upload, &err));
    ck_assert_uint_eq(count_objects(""), 0);
    ck_assert_uint_eq(count_pending("data/"), 1);
    ck_assert_uint_eq(mode_of(TEMP), 0600);
    OK(store_upload_finish(upload, &object, &err));
    ck_assert_str_eq(object.key, KEY);
    ck_assert_uint_eq(object.size, 20 * PART);
    store_object_release(&object);
    store_upload_free(upload);
    ck_assert_uint_eq(count_objects("data/"), 1);
    ck_assert_uint_eq(count_pending(""), 0);
    ck_assert_uint_eq(mode_of("data"), 0700);
}
END_TEST

START_TEST(an_empty_upload_is_an_empty_object)
{
    struct store_upload *upload = begin();
    struct store_object object;
    OK(store_upload_finish(upload, &object, &err));
    ck_assert_uint_eq(object.size, 0);
    store_object_release(&object);
    store_upload_free(upload);
}
END_TEST

START_TEST(an_unfinished_upload_leaves_nothing_not_even_folders)
{
    struct store_upload *upload = begin();
    OK(give(upload, 1));
    store_upload_free(upload);
    ck_assert(!exists("data"));
    ck_assert(file_exists(root));
}
END_TEST

START_TEST(an_upload_whose_handle_cannot_be_kept_does_not_begin)
{
    struct store_upload_spec spec = {.key = KEY, .id = ID, .on_pending = refuse_handle};
    ck_assert_ptr_null(store_upload_begin(store, &spec, &err));
    ck_assert_int_eq(err.kind, ERR_SYSTEM);
    ck_assert(!exists("data"));
}
END_TEST

START_TEST(an_upload_never_replaces_an_object)
{
    put(KEY, "old");
    struct store_upload *upload = begin();
    OK(give(upload, 1));
    FAILS(store_upload_finish(upload, NULL, &err), ERR_STORE);
    store_upload_free(upload);
    expect(KEY, "old");
    ck_assert_uint_eq(count_pending(""), 0);
}
END_TEST

START_TEST(two_uploads_of_one_id_do_not_mix)
{
    struct store_upload_spec spec = {.key = KEY, .id = ID};
    struct store_upload *upload = begin();
    ck_assert_ptr_null(store_upload_begin(store, &spec, &err));
    ck_assert_int_eq(err.kind, ERR_STORE);
    ck_assert(exists(TEMP));
    store_upload_free(upload);
}
END_TEST

START_TEST(a_part_that_does_not_follow_is_refused)
{
    struct store_upload *upload = begin();
    OK(give(upload, 1));
    FAILS(give(upload, 3), ERR_STORE);
    store_upload_free(upload);
}
END_TEST

START_TEST(a_failed_write_is_told_with_a_hint_and_lets_go_of_all_buffers)
{
    struct rlimit limit = {.rlim_cur = 5 * PART / 2, .rlim_max = RLIM_INFINITY};
    struct store_upload *upload = begin();
    signal(SIGXFSZ, SIG_IGN);
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
    /* More than the pool has: it would block for ever if a failed upload kept its buffers. */
    for (unsigned number = 1; number <= 10; number++) {
        if (give(upload, number) < 0)
            break;
    }
    FAILS(store_upload_wait(upload, &err), ERR_STORE);
    ck_assert_ptr_nonnull(strstr(err.text, "\nhint: "));
    FAILS(give(upload, 11), ERR_STORE);
    FAILS(store_upload_finish(upload, NULL, &err), ERR_STORE);
    store_upload_free(upload);
    char big[5 * PART] = "";
    FAILS(store_put_new(store, "state/a", big, sizeof big, &err), ERR_STORE);
    ck_assert_uint_eq(count_objects(""), 0);
    ck_assert_uint_eq(count_pending(""), 0);
}
END_TEST

/* What a process leaves that dies while it uploads two parts. */
static void die_uploading(void)
{
    pid_t pid = fork();
    ck_assert_int_ge(pid, 0);
    if (pid == 0) {
        struct store_upload *upload = begin();
        if (give(upload, 1) < 0 || give(upload, 2) < 0 ||
            store_upload_wait(upload, &err) < 0)
            _exit(1);
        _exit(0);
    }
    int status = 1;
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert_int_eq(status, 0);
}

START_TEST(an_upload_goes_on_where_a_dead_process_stopped)
{
    struct store_upload_spec spec = {.key = KEY, .id = ID};
    struct store_resumed at;
    char byte = 0;
    die_uploading();
    ck_assert_uint_eq(count_pending(""), 1);
    struct store_upload *upload = store_upload_resume(store, &spec, TEMP, &at, &err);
    ck_assert_msg(upload != NULL, "%s", err.text);
    ck_assert_uint_eq(at.offset, 2 * PART);
    OK(give(upload, 3));
    OK(store_upload_finish(upload, NULL, &err));
    store_upload_free(upload);
    struct store_download *download =
        store_download_begin(store, KEY, 2 * PART - 1, 2, &err);
    ck_assert_uint_eq(store_download_size(download), 3 * PART);
    ck_assert_int_eq(store_download_read(download, &byte, 1, &err), 1);
    ck_assert_int_eq(byte, 'b');
    ck_assert_int_eq(store_download_read(download, &byte, 1, &err), 1);
    ck_assert_int_eq(byte, 'c');
    ck_assert_int_eq(store_download_read(download, &byte, 1, &err), 0);
    store_download_free(download);
}
END_TEST

START_TEST(no_upload_resumes_from_a_handle_that_is_not_its_own)
{
    static const char *const handles[] = {TEMP, "data/." ID ".part", KEY, "",
                                          "/etc/passwd"};
    struct store_upload_spec spec = {.key = KEY, .id = ID};
    struct store_resumed at;
    put("data/x", "not ours");
    for (size_t i = 0; i < sizeof handles / sizeof *handles; i++) {
        ck_assert_ptr_null(store_upload_resume(store, &spec, handles[i], &at, &err));
        ck_assert_int_eq(err.kind, ERR_NOT_FOUND);
    }
}
END_TEST

START_TEST(what_a_dead_process_left_is_listed_and_undone)
{
    die_uploading();
    put("data/shop/x", "stays");
    OK(store_abort_pending(store, TEMP, TEMP, &err));
    OK(store_abort_pending(store, TEMP, TEMP, &err));
    ck_assert_uint_eq(count_pending(""), 0);
    ck_assert(!exists("data/shop/shop"));
    FAILS(store_abort_pending(store, "data/shop/x", "data/shop/x", &err), ERR_STORE);
    FAILS(store_abort_pending(store, TEMP, "../x", &err), ERR_STORE);
    expect("data/shop/x", "stays");
}
END_TEST

START_TEST(keys_cannot_leave_the_folder)
{
    static const char *const keys[] = {"",       "/",    "/etc/x", "..",   "../x",
                                       "a/../x", "a/..", "a/./b",  "a//b", "a/",
                                       ".",      "a\n",  "a\x7f",  "./a",  "\x1b"};
    struct store_removed removed;
    struct store_upload_spec spec = {.id = ID};
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        FAILS(store_put(store, keys[i], "", 0, &err), ERR_STORE);
        FAILS(store_remove(store, keys[i], &removed, &err), ERR_STORE);
        spec.key = keys[i];
        ck_assert_ptr_null(store_upload_begin(store, &spec, &err));
        ck_assert_ptr_null(store_download_begin(store, keys[i], 0, 0, &err));
    }
    char *too_long = memory_format("%0256d", 0);
    FAILS(store_put(store, too_long, "", 0, &err), ERR_STORE);
    OK(store_put(store, too_long + 1, "", 0, &err));
    free(too_long);
}
END_TEST

START_TEST(no_symbolic_link_below_the_root_is_followed)
{
    char *outside = memory_format("%s/outside", base);
    char *link = memory_format("%s/data", root);
    char *leaf = memory_format("%s/leaf", root);
    char *victim = memory_format("%s/victim", outside);
    struct store_upload_spec spec = {.key = KEY, .id = ID};
    struct store_removed removed;
    struct text text;
    bool absent = false;
    text_init(&text, 100);
    ck_assert_int_eq(mkdir(outside, 0700), 0);
    scratch_write(victim, "v", 1);
    ck_assert_int_eq(symlink(outside, link), 0);
    ck_assert_int_eq(symlink(victim, leaf), 0);
    FAILS(store_put(store, "data/x", "", 0, &err), ERR_STORE);
    ck_assert_ptr_null(store_upload_begin(store, &spec, &err));
    FAILS(store_remove(store, "data/victim", &removed, &err), ERR_STORE);
    FAILS(store_get(store, "leaf", &text, &absent, &err), ERR_STORE);
    ck_assert_uint_eq(count_objects(""), 0);
    OK(store_put(store, "leaf", "new", 3, &err)); /* replaces the link itself */
    expect("leaf", "new");
    OK(file_read(victim, &text, NULL, &err));
    ck_assert_str_eq(text.data, "v");
    text_release(&text);
    free(outside);
    free(link);
    free(leaf);
    free(victim);
}
END_TEST

START_TEST(a_root_that_is_a_link_is_the_users_affair)
{
    char *link = memory_format("%s/link", base);
    ck_assert_int_eq(symlink(root, link), 0);
    struct store *other = store_open_dir("nas", link, &err);
    OK(store_check(other, false, 5000, &err));
    OK(store_put_new(other, "a", "1", 1, &err));
    expect("a", "1");
    store_close(other);
    free(link);
}
END_TEST

START_TEST(a_listing_gives_what_lies_under_the_prefix_and_nothing_beside_it)
{
    static const struct {
        const char *prefix;
        size_t count;
    } rows[] = {{"", 5},       {"p/", 2}, {"p2/", 1},     {"p/a", 1}, {"p", 0},
                {"p/sub/", 1}, {"q/", 0}, {"p/sub/b", 1}, {"p/a/", 0}};
    put("p/a", "1");
    put("p/sub/b", "22");
    put("p2/c", "3");
    put("pgkeep-store.json", "{}");
    put("lost+founder", "4");
    char *foreign = memory_format("%s/lost+found", root);
    ck_assert_int_eq(mkdir(foreign, 0), 0);
    free(foreign);
    struct store_upload *upload = begin();
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        ck_assert_msg(count_objects(rows[i].prefix) == rows[i].count, "%s: %zu",
                      rows[i].prefix, count_objects(rows[i].prefix));
    store_upload_free(upload);
}
END_TEST

START_TEST(a_listing_that_is_stopped_says_so)
{
    put("a", "1");
    FAILS(store_list(store, "", stop_listing, NULL, &err), ERR_SYSTEM);
}
END_TEST

START_TEST(removing_takes_empty_folders_along_but_never_the_root)
{
    struct store_removed removed;
    put(KEY, "1");
    put("data/other/x", "2");
    OK(store_remove(store, KEY, &removed, &err));
    ck_assert_int_eq(removed.result, STORE_GONE);
    ck_assert(!exists("data/shop"));
    ck_assert(exists("data/other/x"));
    OK(store_remove(store, KEY, &removed, &err));
    ck_assert_int_eq(removed.result, STORE_GONE);
    OK(store_remove(store, "data/other/x", &removed, &err));
    ck_assert(!exists("data"));
    ck_assert(file_exists(root));
}
END_TEST

START_TEST(removing_leaves_the_folder_of_an_upload_alone)
{
    struct store_removed removed;
    put(FOLDER "old", "1");
    struct store_upload *upload = begin();
    OK(store_remove(store, FOLDER "old", &removed, &err));
    OK(give(upload, 1));
    OK(store_upload_finish(upload, NULL, &err));
    store_upload_free(upload);
    ck_assert_uint_eq(count_objects("data/"), 1);
}
END_TEST

START_TEST(a_folder_under_a_key_is_refused_and_stays)
{
    struct store_removed removed;
    put("a/b", "1");
    OK(store_remove(store, "a", &removed, &err));
    ck_assert_int_eq(removed.result, STORE_REFUSED);
    ck_assert_str_ne(removed.reason, "");
    expect("a/b", "1");
}
END_TEST

static void *put_and_remove(void *argument)
{
    struct err problem = {0};
    struct store_removed removed;
    char *key = memory_format("x/y/z/%s", (const char *)argument);
    for (unsigned i = 0; i < 100; i++) {
        if (store_put_new(store, key, "1", 1, &problem) < 0 ||
            store_remove(store, key, &removed, &problem) < 0 ||
            removed.result != STORE_GONE)
            break;
    }
    free(key);
    return problem.kind == ERR_NONE ? NULL : memory_strdup(problem.text);
}

START_TEST(folders_made_and_removed_at_the_same_time_fail_nobody)
{
    static const char *const names[] = {"a", "b", "c", "d"};
    pthread_t threads[4];
    for (size_t i = 0; i < 4; i++)
        ck_assert_int_eq(
            pthread_create(&threads[i], NULL, put_and_remove, (void *)(uintptr_t)names[i]),
            0);
    for (size_t i = 0; i < 4; i++) {
        void *problem = NULL;
        pthread_join(threads[i], &problem);
        ck_assert_msg(problem == NULL, "%s", (const char *)problem);
    }
    ck_assert(!exists("x"));
}
END_TEST

START_TEST(a_mark_is_written_once_and_identifies_the_store)
{
    char first[37] = "";
    char second[37] = "01234567-89ab-4cde-8f01-23456789abcd";
    char found[37];
    bool absent = false;
    OK(store_identify(store, found, &absent, &err));
    ck_assert(absent);
    OK(store_mark(store, first, &err));
    ck_assert_uint_eq(strlen(first), 36);
    OK(store_identify(store, found, &absent, &err));
    ck_assert(!absent);
    ck_assert_str_eq(found, first);
    OK(store_mark(store, second, &err));
    ck_assert_str_eq(second, first);
}
END_TEST

START_TEST(a_mark_that_cannot_be_read_is_no_mark_and_stays)
{
    static const char *const marks[] = {
        "",
        "{}",
        "[]",
        "{\"pgkeep_store\":2,\"uuid\":\"01234567-89ab-4cde-8f01-23456789abcd\"}",
        "{\"pgkeep_store\":1,\"uuid\":\"01234567-89AB-4cde-8f01-23456789abcd\"}",
        "{\"pgkeep_store\":1,\"uuid\":\"0123\"}",
        "{\"pgkeep_store\":1,\"uuid\":null}",
    };
    char uuid[37] = "";
    bool absent = false;
    for (size_t i = 0; i < sizeof marks / sizeof *marks; i++) {
        OK(store_put(store, "pgkeep-store.json", marks[i], strlen(marks[i]), &err));
        FAILS(store_identify(store, uuid, &absent, &err), ERR_CORRUPT);
        FAILS(store_mark(store, uuid, &err), ERR_CORRUPT);
        expect("pgkeep-store.json", marks[i]);
    }
    const char *newer = "{\"pgkeep_store\":1,\"uuid\":\"01234567-89ab-4cde-8f01-"
                        "23456789abcd\",\"region\":\"x\"}";
    OK(store_put(store, "pgkeep-store.json", newer, strlen(newer), &err));
    OK(store_identify(store, uuid, &absent, &err));
    ck_assert_str_eq(uuid, "01234567-89ab-4cde-8f01-23456789abcd");
}
END_TEST

START_TEST(the_check_makes_the_folder_only_when_asked)
{
    char *path = memory_format("%s/a/b", base);
    char *file = memory_format("%s/file", base);
    struct store *fresh = store_open_dir("nas", path, &err);
    OK(store_check(store, false, 5000, &err));
    FAILS(store_check(fresh, false, 5000, &err), ERR_STORE);
    ck_assert(!file_exists(path));
    OK(store_check(fresh, true, 5000, &err));
    ck_assert(file_exists(path));
    store_close(fresh);
    scratch_write(file, "", 0);
    fresh = store_open_dir("nas", file, &err);
    FAILS(store_check(fresh, true, 5000, &err), ERR_STORE);
    store_close(fresh);
    free(path);
    free(file);
}
END_TEST

START_TEST(a_range_outside_of_the_object_is_an_error)
{
    char buffer[10];
    put("a", "0123456789");
    ck_assert_ptr_null(store_download_begin(store, "a", 11, 0, &err));
    ck_assert_int_eq(err.kind, ERR_CORRUPT);
    ck_assert_ptr_null(store_download_begin(store, "a", 5, 6, &err));
    ck_assert_int_eq(err.kind, ERR_CORRUPT);
    ck_assert_ptr_null(store_download_begin(store, "b", 0, 0, &err));
    ck_assert_int_eq(err.kind, ERR_NOT_FOUND);
    struct store_download *download = store_download_begin(store, "a", 7, 0, &err);
    ck_assert_int_eq(store_download_read(download, buffer, sizeof buffer, &err), 3);
    ck_assert_int_eq(memcmp(buffer, "789", 3), 0);
    ck_assert_int_eq(store_download_read(download, buffer, sizeof buffer, &err), 0);
    store_download_free(download);
}
END_TEST

START_TEST(an_object_that_shrinks_while_it_is_read_is_an_error)
{
    char byte;
    char *path = file_join(root, "a");
    put("a", "0123456789");
    struct store_download *download = store_download_begin(store, "a", 0, 0, &err);
    ck_assert_int_eq(store_download_read(download, &byte, 1, &err), 1);
    ck_assert_int_eq(truncate(path, 1), 0);
    FAILS((int)store_download_read(download, &byte, 1, &err), ERR_CORRUPT);
    store_download_free(download);
    free(path);
}
END_TEST

START_TEST(a_folder_has_neither_urls_nor_rules_nor_a_clock)
{
    int64_t expires;
    bool known = true;
    struct store_part_rules rules = store_part_rules(store);
    ck_assert_ptr_null(store_presign(store, "a", 60, &expires, &err));
    ck_assert_int_eq(err.kind, ERR_USAGE);
    ck_assert_uint_eq(rules.max_parts, 0);
    ck_assert_uint_eq(rules.max_size, 0);
    (void)store_clock_offset(store, &known);
    ck_assert(!known);
    ck_assert_ptr_null(store_s3_client(store));
    ck_assert_str_eq(store_type_name(store), "dir");
}
END_TEST

/* Network and FUSE file systems say one of these; what they keep is as safe as it gets there. */
START_TEST(a_file_system_that_cannot_sync_a_folder_is_good_enough)
{
    static const int answers[] = {EINVAL, ENOTSUP, ENOSYS};
    for (size_t i = 0; i < sizeof answers / sizeof *answers; i++) {
        struct store_removed removed;
        folder_errno = answers[i];
        OK(store_put_new(store, KEY, "x", 1, &err));
        OK(store_remove(store, KEY, &removed, &err));
        ck_assert_int_eq(removed.result, STORE_GONE);
    }
    folder_errno = EIO;
    FAILS(store_put_new(store, KEY, "x", 1, &err), ERR_STORE);
    folder_errno = 0;
    ck_assert(!file_exists(root) || count_pending("") == 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("store_dir");
    TCase *tcase = tcase_create("store_dir");

    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, what_was_put_comes_back_private_to_the_user);
    tcase_add_test(tcase, an_existing_key_is_overwritten_only_when_asked);
    tcase_add_test(tcase, absent_is_an_answer_but_a_missing_root_is_an_error);
    tcase_add_test(tcase, an_upload_is_invisible_until_it_is_finished_and_then_whole);
    tcase_add_test(tcase, an_empty_upload_is_an_empty_object);
    tcase_add_test(tcase, an_unfinished_upload_leaves_nothing_not_even_folders);
    tcase_add_test(tcase, an_upload_whose_handle_cannot_be_kept_does_not_begin);
    tcase_add_test(tcase, an_upload_never_replaces_an_object);
    tcase_add_test(tcase, two_uploads_of_one_id_do_not_mix);
    tcase_add_test(tcase, a_part_that_does_not_follow_is_refused);
    tcase_add_test(tcase, a_failed_write_is_told_with_a_hint_and_lets_go_of_all_buffers);
    tcase_add_test(tcase, an_upload_goes_on_where_a_dead_process_stopped);
    tcase_add_test(tcase, no_upload_resumes_from_a_handle_that_is_not_its_own);
    tcase_add_test(tcase, a_file_system_that_cannot_sync_a_folder_is_good_enough);
    tcase_add_test(tcase, what_a_dead_process_left_is_listed_and_undone);
    tcase_add_test(tcase, keys_cannot_leave_the_folder);
    tcase_add_test(tcase, no_symbolic_link_below_the_root_is_followed);
    tcase_add_test(tcase, a_root_that_is_a_link_is_the_users_affair);
    tcase_add_test(tcase, a_listing_gives_what_lies_under_the_prefix_and_nothing_beside_it);
    tcase_add_test(tcase, a_listing_that_is_stopped_says_so);
    tcase_add_test(tcase, removing_takes_empty_folders_along_but_never_the_root);
    tcase_add_test(tcase, removing_leaves_the_folder_of_an_upload_alone);
    tcase_add_test(tcase, a_folder_under_a_key_is_refused_and_stays);
    tcase_add_test(tcase, folders_made_and_removed_at_the_same_time_fail_nobody);
    tcase_add_test(tcase, a_mark_is_written_once_and_identifies_the_store);
    tcase_add_test(tcase, a_mark_that_cannot_be_read_is_no_mark_and_stays);
    tcase_add_test(tcase, the_check_makes_the_folder_only_when_asked);
    tcase_add_test(tcase, a_range_outside_of_the_object_is_an_error);
    tcase_add_test(tcase, an_object_that_shrinks_while_it_is_read_is_an_error);
    tcase_add_test(tcase, a_folder_has_neither_urls_nor_rules_nor_a_clock);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
