#include "postgres/dump.h"

#include "base/cancel.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/process.h"
#include "postgres/psql_sink.h"
#include "tests/support/run_suite.h"
#include "tests/support/scratch.h"

#include <check.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#define FAKES "tests/support/fake_pg_dump"

static char log_path[SCRATCH_SIZE];

static struct dump *start(const char *fake, const struct dump_spec *given, struct err *err)
{
    struct dump_spec spec = given != NULL ? *given : (struct dump_spec){0};
    setenv("FAKE_PG", fake, 1);
    if (spec.conninfo == NULL)
        spec.conninfo = "host=db.internal dbname=shop user=u password=hunter2";
    if (spec.program == NULL)
        spec.program = FAKES "/pg_dump";
    return dump_start(&spec, err);
}

static size_t drain(int fd)
{
    char buffer[4096];
    size_t total = 0;
    for (;;) {
        ssize_t got = read(fd, buffer, sizeof buffer);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return total;
        total += (size_t)got;
    }
}

static const struct {
    const char *fake;
    const char *says; /* NULL: it ends well */
    const char *hint;
} ends[] = {
    {"exit=0", NULL, NULL},
    {"say=pg_dump:+warning:+something+odd exit=0", NULL, NULL},
    {"say=pg_dump:+error:+that+decides+nothing exit=0", NULL, NULL},
    {"cut=10 exit=0", NULL, NULL}, /* for the scanner to see */
    {"exit=1", "pg_dump ended with exit status 1", NULL},
    {"bytes=100 exit=3", "pg_dump ended with exit status 3", NULL},
    {"bytes=0 exit=1", "pg_dump ended with exit status 1", NULL},
    {"bytes=100 signal=KILL", "pg_dump was ended by signal 9", NULL},
    {"signal=SEGV", "pg_dump was ended by signal 11", NULL},
    {"say=pg_dump:+warning:+first say=pg_dump:+error:+no+matching+tables+were+found "
     "say=pg_dump:+hint:+last exit=1",
     "pg_dump ended with exit status 1: error: no matching tables were found", "pg_dump's"},
    {"say=pg_dump:+error:+Dumping+the+contents+of+table+\"t\"+failed:+PQgetCopyData()+"
     "failed. "
     "say=pg_dump:+detail:+Error+message+from+server:+FATAL:+terminating+connection+due+to+"
     "administrator+command exit=1",
     "failed: FATAL: terminating connection due to administrator command",
     "pg_terminate_backend"},
    {"say=pg_dump:+error:+ERROR:+canceling+statement+due+to+conflict+with+recovery exit=1",
     "conflict with recovery", "hot_standby_feedback"},
    {"say=pg_dump:+error:+could+not+write:+No+space+left+on+device exit=1", "No space",
     "disk is full"},
    {"say=pg_dump:+error:+aborting+because+of+server+version+mismatch exit=1",
     "version mismatch", "install its package"},
    {"say=pg_dump:+error:+query+failed:+ERROR:+canceling+statement+due+to+statement+"
     "timeout "
     "say=pg_dump:+detail:+Query+was:+LOCK+TABLE+public.t exit=1",
     "statement timeout", "pg_locks"},
    {"say=something+unknown exit=1", "exit status 1: something unknown", NULL},
};

START_TEST(the_exit_status_alone_decides_how_a_dump_ended)
{
    struct err err = {0};
    struct dump *dump = start(ends[_i].fake, NULL, &err);
    ck_assert_msg(dump != NULL, "%s", err.text);
    drain(dump_fd(dump));
    int result = dump_finish(dump, &err);
    if (ends[_i].says == NULL) {
        ck_assert_msg(result == 0, "%s", err.text);
    } else {
        ck_assert_int_eq(result, -1);
        ck_assert_int_eq(err.kind, ERR_DATABASE);
        ck_assert_msg(strstr(err.text, ends[_i].says) != NULL, "%s", err.text);
        if (ends[_i].hint != NULL) {
            const char *hint = strstr(err.text, "\nhint: ");
            ck_assert_msg(hint != NULL && strstr(hint, ends[_i].hint) != NULL, "%s",
                          err.text);
        }
    }
    dump_free(dump);
}
END_TEST

START_TEST(the_bytes_of_a_dump_arrive_whole)
{
    struct err err = {0};
    struct dump *dump = start("bytes=3000000 rows=100000 exit=1", NULL, &err);
    ck_assert_uint_eq(drain(dump_fd(dump)), 3000000);
    ck_assert_int_eq(dump_finish(dump, &err), -1);
    dump_free(dump);
}
END_TEST

START_TEST(freeing_a_dump_that_hangs_ends_it)
{
    struct err err = {0};
    char byte;
    struct dump *dump = start("hang", NULL, &err);
    ck_assert_int_eq(read(dump_fd(dump), &byte, 1), 1);
    int64_t before = clock_monotonic_ms();
    dump_free(dump);
    ck_assert_int_lt(clock_monotonic_ms() - before, 3000);
}
END_TEST

START_TEST(a_cancel_ends_a_dump_that_hangs)
{
    struct err err = {0};
    char byte;
    ck_assert_int_eq(cancel_install(&err), 0);
    struct dump *dump = start("hang", NULL, &err);
    ck_assert_int_eq(read(dump_fd(dump), &byte, 1), 1);
    cancel_trip(NULL, CANCEL_SIGTERM);
    ck_assert_int_eq(dump_finish(dump, &err), -1);
    ck_assert_int_eq(err.kind, ERR_CANCELLED);
    dump_free(dump);
}
END_TEST

/* What the fake has noted: its name, arguments and PG* variables, a line each. */
static void read_log(struct text *out)
{
    struct err err = {0};
    text_init(out, 100000);
    ck_assert_int_eq(file_read(log_path, out, NULL, &err), 0);
}

static void finish_and_log(struct dump *dump, struct text *out)
{
    struct err err = {0};
    drain(dump_fd(dump));
    ck_assert_msg(dump_finish(dump, &err) == 0, "%s", err.text);
    dump_free(dump);
    read_log(out);
}

static void set_log(void)
{
    scratch_file(log_path, "");
    setenv("FAKE_PG_LOG", log_path, 1);
}

START_TEST(the_password_is_in_the_environment_and_not_among_the_arguments)
{
    struct err err = {0};
    struct text noted;
    set_log();
    setenv("PGPASSWORD", "of-another-server", 1);
    setenv("PGOPTIONS", "-c statement_timeout=1", 1);
    setenv("PGCLIENTENCODING", "LATIN1", 1);
    setenv("PGDATABASE", "wrong", 1);
    setenv("PGHOSTADDR", "10.9.8.7", 1);
    finish_and_log(start("exit=0", NULL, &err), &noted);
    const char *first = strstr(noted.data, "hunter2");
    ck_assert_ptr_nonnull(first);
    ck_assert(text_starts_with(first - strlen("PGPASSWORD="), "PGPASSWORD="));
    ck_assert_ptr_null(strstr(first + 1, "hunter2"));
    static const char *const gone[] = {"of-another-server", "PGOPTIONS", "PGCLIENTENCODING",
                                       "PGDATABASE", "PGHOSTADDR"};
    for (size_t i = 0; i < sizeof gone / sizeof *gone; i++)
        ck_assert_msg(strstr(noted.data, gone[i]) == NULL, "%s", noted.data);
    text_release(&noted);
}
END_TEST

START_TEST(filters_type_and_format_are_pg_dumps_own_options)
{
    struct err err = {0};
    struct text noted;
    struct dump_filters filters = {0};
    set_log();
    strlist_add(&filters.schemas, "app*");
    strlist_add(&filters.exclude_schemas, "\"No\"");
    strlist_add(&filters.tables, "a b; $(c)");
    strlist_add(&filters.exclude_tables, "--help");
    strlist_add(&filters.exclude_table_data, "*.log");
    struct dump_spec spec = {.format = DUMP_CUSTOM,
                             .type = DUMP_DATA,
                             .filters = &filters,
                             .database = "../it's \"x\"",
                             .lock_wait_timeout_ms = 60000};
    finish_and_log(start("exit=0", &spec, &err), &noted);
    static const char *const wanted[] = {
        "\n--format=custom\n--compress=0\n--data-only\n",
        "\n--schema=app*\n--exclude-schema=\"No\"\n--table=a b; "
        "$(c)\n--exclude-table=--help\n"
        "--exclude-table-data=*.log\n",
        "\n--no-password\n--lock-wait-timeout=60000\n",
        "dbname='../it\\'s \"x\"'",
    };
    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++)
        ck_assert_msg(strstr(noted.data, wanted[i]) != NULL, "%s", noted.data);
    strlist_release(&filters.schemas);
    strlist_release(&filters.exclude_schemas);
    strlist_release(&filters.tables);
    strlist_release(&filters.exclude_tables);
    strlist_release(&filters.exclude_table_data);
    text_release(&noted);
}
END_TEST

START_TEST(globals_come_from_pg_dumpall_through_the_named_database)
{
    struct err err = {0};
    struct text noted;
    set_log();
    struct dump_spec spec = {.type = DUMP_GLOBALS, .program = FAKES "/pg_dumpall"};
    finish_and_log(start("exit=0", &spec, &err), &noted);
    ck_assert(text_starts_with(noted.data, "pg_dumpall\n"));
    ck_assert_ptr_nonnull(strstr(noted.data, "\n--globals-only\n--database=shop\n"));
    ck_assert_ptr_null(strstr(noted.data, "--format"));
    text_release(&noted);
}
END_TEST

START_TEST(a_program_that_is_not_there_is_a_database_error)
{
    struct err err = {0};
    struct dump_spec spec = {.program = "/nonexistent/pg_dump"};
    ck_assert_ptr_null(start("", &spec, &err));
    ck_assert_int_eq(err.kind, ERR_DATABASE);
    ck_assert_ptr_nonnull(strstr(err.text, "/nonexistent/pg_dump"));
}
END_TEST

START_TEST(formats_and_types_have_names_both_ways)
{
    enum dump_format format;
    enum dump_type type;
    for (int i = DUMP_PLAIN; i <= DUMP_CUSTOM; i++) {
        ck_assert(dump_format_from_name(dump_format_name((enum dump_format)i), &format));
        ck_assert_int_eq(format, i);
    }
    for (int i = DUMP_FULL; i <= DUMP_GLOBALS; i++) {
        ck_assert(dump_type_from_name(dump_type_name((enum dump_type)i), &type));
        ck_assert_int_eq(type, i);
    }
    ck_assert(!dump_format_from_name("directory", &format));
    ck_assert(!dump_type_from_name("", &type));
}
END_TEST

/* Sinks: `size` bytes into psql, pg_restore or the check of an archive. */
static const struct {
    const char *fake;
    size_t size;
    const char *says; /* NULL: it ends well */
} sinks[] = {
    {"exit=0", 0, NULL},
    {"exit=0", 3000000, NULL},
    {"exit=1", 3000000, "ended with exit status 1"},
    {"bytes=1000 exit=3 say=psql:<stdin>:7:+ERROR:+relation+\"t\"+already+exists "
     "say=psql:<stdin>:8:+ERROR:+second",
     3000000,
     "ended with exit status 3: <stdin>:7: ERROR: relation \"t\" already exists\nhint"},
    {"bytes=1000 exit=0", 3000000, "ended before it had read all"},
    {"bytes=1000 signal=KILL", 3000000, "was ended by signal 9"},
};

static int feed_restore(enum dump_format format, size_t size, struct err *err)
{
    struct programs programs = {.psql = (char[]){FAKES "/psql"},
                                .pg_restore = (char[]){FAKES "/pg_restore"}};
    struct psql_sink_spec spec = {
        .conninfo = "host=h dbname=d", .format = format, .programs = &programs};
    static const char block[10000];
    struct psql_sink *restore = psql_sink_start(&spec, err);
    int result = restore == NULL ? -1 : 0;
    for (size_t sent = 0; sent < size && result == 0; sent += sizeof block)
        result = psql_sink_write(restore, block, sizeof block, err);
    if (result == 0)
        result = psql_sink_finish(restore, err);
    psql_sink_free(restore);
    return result;
}

static int feed_check(size_t size, struct err *err)
{
    static const char block[10000];
    struct dump_check *check = dump_check_start(FAKES "/pg_restore", err);
    int result = check == NULL ? -1 : 0;
    for (size_t sent = 0; sent < size && result == 0; sent += sizeof block)
        result = dump_check_write(check, block, sizeof block, err);
    if (result == 0)
        result = dump_check_finish(check, err);
    dump_check_free(check);
    return result;
}

START_TEST(a_restore_is_done_only_when_the_program_has_read_all_and_says_so)
{
    ck_assert(signal(SIGPIPE, SIG_IGN) != SIG_ERR);
    setenv("FAKE_PG", sinks[_i].fake, 1);
    for (int way = 0; way < 3; way++) {
        struct err err = {0};
        int result = way == 2 ? feed_check(sinks[_i].size, &err)
                              : feed_restore(way == 0 ? DUMP_PLAIN : DUMP_CUSTOM,
                                             sinks[_i].size, &err);
        if (sinks[_i].says == NULL) {
            ck_assert_msg(result == 0, "%s", err.text);
            continue;
        }
        ck_assert_int_eq(result, -1);
        ck_assert_int_eq(err.kind, way == 2 ? ERR_CORRUPT : ERR_DATABASE);
        if (way == 0) /* the text of the row is psql's */
            ck_assert_msg(strstr(err.text, sinks[_i].says) != NULL, "%s", err.text);
    }
}
END_TEST

START_TEST(a_restore_tells_pg_restore_what_is_wanted)
{
    struct err err = {0};
    struct text noted;
    struct programs programs = {.pg_restore = (char[]){FAKES "/pg_restore"}};
    set_log();
    setenv("FAKE_PG", "exit=0", 1);
    struct psql_sink_spec spec = {.conninfo = "host=h dbname=d password=hunter2",
                                  .database = "other",
                                  .format = DUMP_CUSTOM,
                                  .no_owner = true,
                                  .no_privileges = true,
                                  .programs = &programs};
    struct psql_sink *restore = psql_sink_start(&spec, &err);
    ck_assert_int_eq(psql_sink_finish(restore, &err), 0);
    psql_sink_free(restore);
    read_log(&noted);
    ck_assert_ptr_nonnull(strstr(noted.data, "\n--no-owner\n--no-privileges\n"));
    ck_assert_ptr_nonnull(
        strstr(noted.data, "\n--exit-on-error\n--no-password\n--dbname="));
    ck_assert_ptr_nonnull(strstr(noted.data, "dbname='other'"));
    ck_assert_ptr_nonnull(strstr(noted.data, "\nPGPASSWORD=hunter2\n"));
    text_release(&noted);
}
END_TEST

START_TEST(a_cancel_ends_a_restore_that_takes_no_bytes)
{
    struct err err = {0};
    ck_assert_int_eq(cancel_install(&err), 0);
    setenv("FAKE_PG", "bytes=10 hang", 1);
    cancel_trip(NULL, CANCEL_SIGTERM);
    ck_assert_int_eq(feed_restore(DUMP_PLAIN, 10000000, &err), -1);
    ck_assert_int_eq(err.kind, ERR_CANCELLED);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("dump");
    TCase *tcase = tcase_create("dump");
    log_setup(LOG_LEVEL_ERROR, LOG_FORMAT_TEXT);
    tcase_add_loop_test(tcase, the_exit_status_alone_decides_how_a_dump_ended, 0,
                        sizeof ends / sizeof *ends);
    tcase_add_test(tcase, the_bytes_of_a_dump_arrive_whole);
    tcase_add_test(tcase, freeing_a_dump_that_hangs_ends_it);
    tcase_add_test(tcase, a_cancel_ends_a_dump_that_hangs);
    tcase_add_test(tcase, the_password_is_in_the_environment_and_not_among_the_arguments);
    tcase_add_test(tcase, filters_type_and_format_are_pg_dumps_own_options);
    tcase_add_test(tcase, globals_come_from_pg_dumpall_through_the_named_database);
    tcase_add_test(tcase, a_program_that_is_not_there_is_a_database_error);
    tcase_add_test(tcase, formats_and_types_have_names_both_ways);
    tcase_add_loop_test(tcase,
                        a_restore_is_done_only_when_the_program_has_read_all_and_says_so, 0,
                        sizeof sinks / sizeof *sinks);
    tcase_add_test(tcase, a_restore_tells_pg_restore_what_is_wanted);
    tcase_add_test(tcase, a_cancel_ends_a_restore_that_takes_no_bytes);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
