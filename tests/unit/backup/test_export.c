/* An artifact into a file, which is there whole or not at all, or to a descriptor. */
#include "backup/export.h"

#include "base/file.h"
#include "base/memory.h"
#include "tests/support/run_suite.h"
#include "tests/support/world.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

static struct world world;
static const char *id; /* in nas and offsite, as gzip */
static const char *out;
static struct text text, raw;

static void setup(void)
{
    static const struct world_spec spec = {.job = "compress = \"gzip:1\";"};
    struct copy_reader_spec any = {0};
    world_begin(&world, &spec);
    world_programs("pg_dump", "rows=300");
    id = world_take(&world);
    ck_assert_int_eq(mkdir(world_path(&world, "@/out"), 0700), 0);
    out = world_path(&world, "@/out/dump.sql");
    text_init(&text, 1 << 20);
    text_init(&raw, 1 << 20);
    ck_assert_int_eq(
        world_read(&world, world_open(&world, id, &any), COPY_READER_DECODED, &raw), 0);
}

static void teardown(void)
{
    text_release(&text);
    text_release(&raw);
    world_end(&world);
}

static const struct text *content(const char *path)
{
    struct err err = {0};
    text_clear(&text);
    text_add(&text, "");
    ck_assert_msg(file_read(path, &text, NULL, &err) == 0, "%s", err.text);
    return &text;
}

/* In the folder of the output. */
static size_t count_files(void)
{
    DIR *folder = opendir(world_path(&world, "@/out"));
    size_t count = 0;
    for (const struct dirent *entry; (entry = readdir(folder)) != NULL;)
        count += entry->d_name[0] != '.';
    closedir(folder);
    return count;
}

static void write_file(const char *path, const char *words)
{
    FILE *file = fopen(path, "w");
    ck_assert_ptr_nonnull(file);
    fputs(words, file);
    fclose(file);
}

static void exported(const struct world_export *spec)
{
    ck_assert_msg(world_export(&world, id, spec) == 0, "%s", world.err.text);
    ck_assert_int_eq(world_number(&world, "SELECT count(*) FROM leases"), 0);
}

static void refused(const struct world_export *spec, enum err_kind kind, const char *says)
{
    ck_assert_int_eq(world_export(&world, id, spec), -1);
    ck_assert_msg(strstr(world.err.text, says) != NULL, "%s", world.err.text);
    ck_assert_str_eq(err_kind_name(world.err.kind), err_kind_name(kind));
    ck_assert_int_eq(world_number(&world, "SELECT count(*) FROM leases"), 0);
}

START_TEST(a_file_is_what_pg_dump_wrote_and_private)
{
    const struct world_export spec = {.output = out, .form = COPY_READER_DECODED};
    struct stat info;
    exported(&spec);
    ck_assert_str_eq(world.store, "nas");
    ck_assert_uint_eq(content(out)->length, raw.length);
    ck_assert_mem_eq(text.data, raw.data, raw.length);
    ck_assert_int_eq(stat(out, &info), 0);
    ck_assert_uint_eq(info.st_mode & 0777, 0600);
    ck_assert_uint_eq(count_files(), 1);
}
END_TEST

START_TEST(or_what_lies_in_the_store_of_that_name)
{
    const struct world_export spec = {.output = out, .store = "offsite"};
    exported(&spec);
    ck_assert_str_eq(world.store, "offsite");
    size_t size = content(out)->length;
    const struct text *data = memory_store_bytes(world_store(&world, "offsite"),
                                                 world_key(&world, id, KEYS_KIND_DATA));
    ck_assert_uint_eq(size, data->length);
    ck_assert_mem_eq(text.data, data->data, size);
}
END_TEST

START_TEST(a_file_that_is_there_is_replaced_only_by_force)
{
    struct world_export spec = {.output = out, .form = COPY_READER_DECODED};
    unsigned reads = memory_store_steps(world_store(&world, "nas"), MEMORY_DOWNLOAD);
    write_file(out, "mine");
    refused(&spec, ERR_USAGE, "exists already");
    ck_assert_ptr_nonnull(strstr(world.err.text, "hint: --force replaces it"));
    ck_assert_str_eq(content(out)->data, "mine");
    /* Said before hours of download, not after them. */
    ck_assert_uint_eq(memory_store_steps(world_store(&world, "nas"), MEMORY_DOWNLOAD),
                      reads);
    spec.force = true;
    exported(&spec);
    ck_assert_uint_eq(content(out)->length, raw.length);
    ck_assert_uint_eq(count_files(), 1);
}
END_TEST

START_TEST(what_turns_out_wrong_leaves_no_file_and_an_old_one_as_it_was)
{
    const struct world_export spec = {
        .output = out, .form = COPY_READER_DECODED, .force = true, .store = "nas"};
    memory_store_spoil(world_store(&world, "nas"), world_key(&world, id, KEYS_KIND_DATA),
                       300);
    refused(&spec, ERR_CORRUPT, "");
    ck_assert_uint_eq(count_files(), 0);
    write_file(out, "mine");
    refused(&spec, ERR_CORRUPT, "");
    ck_assert_str_eq(content(out)->data, "mine");
    ck_assert_uint_eq(count_files(), 1);
}
END_TEST

static void somebody_writes(void *path)
{
    write_file(path, "theirs");
}

START_TEST(a_file_that_appeared_meanwhile_is_not_written_over)
{
    struct world_export spec = {.output = out};
    char *path = memory_strdup(out);
    memory_store_before(world_store(&world, "nas"), MEMORY_READ, 1, somebody_writes, path);
    refused(&spec, ERR_USAGE, "exists already");
    ck_assert_str_eq(content(out)->data, "theirs");
    ck_assert_uint_eq(count_files(), 1);
    spec.force = true;
    memory_store_before(world_store(&world, "nas"), MEMORY_READ, 1, somebody_writes, path);
    exported(&spec);
    ck_assert_uint_ne(content(out)->length, strlen("theirs"));
    free(path);
}
END_TEST

START_TEST(a_link_to_nowhere_is_not_followed)
{
    const struct world_export spec = {.output = out};
    const char *aim = world_path(&world, "@/out/aim");
    struct stat info;
    ck_assert_int_eq(symlink(aim, out), 0);
    exported(&spec);
    ck_assert_int_eq(lstat(out, &info), 0);
    ck_assert(S_ISREG(info.st_mode));
    ck_assert(!file_exists(aim));
}
END_TEST

START_TEST(a_folder_is_no_file)
{
    const struct world_export spec = {.output = world_path(&world, "@/out")};
    refused(&spec, ERR_USAGE, "is a folder");
}
END_TEST

START_TEST(a_folder_that_is_not_there_is_an_error_of_the_system)
{
    const struct world_export spec = {.output = world_path(&world, "@/nowhere/dump.sql")};
    refused(&spec, ERR_SYSTEM, "No such file or directory");
}
END_TEST

START_TEST(a_device_is_written_to_as_it_is)
{
    const struct world_export null = {.output = "/dev/null", .form = COPY_READER_DECODED};
    const struct world_export full = {.output = "/dev/full", .form = COPY_READER_DECODED};
    exported(&null);
    refused(&full, ERR_SYSTEM, "No space left on device");
}
END_TEST

START_TEST(a_descriptor_gets_the_bytes)
{
    const char *path = world_path(&world, "@/pipe");
    struct world_export spec = {.form = COPY_READER_DECODED,
                                .fd = open(path, O_CREAT | O_RDWR | O_CLOEXEC, 0600)};
    exported(&spec);
    ck_assert_uint_eq(content(path)->length, raw.length);
    memory_store_drop(world_store(&world, "nas"), world_key(&world, id, KEYS_KIND_DATA));
    spec.store = "nas";
    refused(&spec, ERR_NOT_FOUND, "");
    close(spec.fd);
    refused(&spec, ERR_NOT_FOUND, "");
    spec.store = NULL;
    spec.fd = open("/dev/full", O_WRONLY | O_CLOEXEC);
    spec.store = "offsite";
    refused(&spec, ERR_SYSTEM, "writing the output: No space left on device");
    close(spec.fd);
}
END_TEST

START_TEST(a_backup_whose_copies_are_all_missing_is_damage)
{
    const struct world_export spec = {.output = out};
    world_sql(&world, "UPDATE copies SET state = 'missing'");
    refused(&spec, ERR_CORRUPT, "no good copy");
    ck_assert_uint_eq(count_files(), 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("export");
    TCase *tcase = tcase_create("export");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, a_file_is_what_pg_dump_wrote_and_private);
    tcase_add_test(tcase, or_what_lies_in_the_store_of_that_name);
    tcase_add_test(tcase, a_file_that_is_there_is_replaced_only_by_force);
    tcase_add_test(tcase, what_turns_out_wrong_leaves_no_file_and_an_old_one_as_it_was);
    tcase_add_test(tcase, a_file_that_appeared_meanwhile_is_not_written_over);
    tcase_add_test(tcase, a_link_to_nowhere_is_not_followed);
    tcase_add_test(tcase, a_folder_is_no_file);
    tcase_add_test(tcase, a_folder_that_is_not_there_is_an_error_of_the_system);
    tcase_add_test(tcase, a_device_is_written_to_as_it_is);
    tcase_add_test(tcase, a_descriptor_gets_the_bytes);
    tcase_add_test(tcase, a_backup_whose_copies_are_all_missing_is_damage);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
