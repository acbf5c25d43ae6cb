/*
 * Which artifact `latest` is, and when it is none: two jobs of one server, another server with a
 * database of the same name, and ad-hoc backups of two servers.
 */
#include "catalog/artifact_find.h"

#include "base/memory.h"
#include "catalog/artifacts.h"
#include "tests/support/catalog_rig.h"
#include "tests/support/run_suite.h"

/* Number n was taken at 1000 * n. */
static const struct taken {
    const char *job, *source, *origin, *database, *type, *filter; /* filter NULL: none */
} backups[] = {
    {"nightly", "shop", "db1:5432", "shop", "full", NULL},       /* 1 */
    {"nightly", "shop", "db1:5432", "crm", "full", NULL},        /* 2 */
    {"nightly", "shop", "db1:5432", "shop", "full", NULL},       /* 3 */
    {"hourly", "shop", "db1:5432", "shop", "full", NULL},        /* 4 */
    {"nightly", "shop", "db1:5432", "", "globals", NULL},        /* 5 */
    {"nightly", "shop", "db1:5432", "shop", "schema", NULL},     /* 6 */
    {"nightly", "shop", "db1:5432", "shop", "full", "--table"},  /* 7 */
    {"", "adhoc", "db8:5432", "shop", "full", NULL},             /* 8 */
    {"", "adhoc", "db9:5432", "shop", "full", NULL},             /* 9 */
    {"weekly", "other", "db2:5432", "a/b", "full", NULL},        /* 10 */
    {"moved", "old-name", "db3:5432", "wiki", "full", NULL},     /* 11 */
    {"moved", "new-name", "db4:5432", "wiki", "full", "tables"}, /* 12 */
    {"", "adhoc", "db1:5432", "crm", "full", NULL},              /* 13 */
};
enum { BACKUPS = sizeof backups / sizeof *backups };

static void fill(void)
{
    for (unsigned n = 1; n <= BACKUPS; n++) {
        const struct taken *taken = &backups[n - 1];
        struct catalog_artifact artifact;
        bool existed = false;
        catalogs_fill(&artifact, n, (int64_t)n * 1000);
        memory_replace(&artifact.job, taken->job);
        memory_replace(&artifact.source, taken->source);
        memory_replace(&artifact.origin, taken->origin);
        memory_replace(&artifact.database, taken->database);
        memory_replace(&artifact.type, taken->type);
        if (taken->filter != NULL)
            catalog_pairs_add(&artifact.filters, taken->filter, "x");
        OK(catalog_artifact_import(here.catalog, &artifact, &existed, &here.err));
        catalog_artifact_release(&artifact);
    }
}

static const struct {
    struct catalog_choice choice;
    unsigned number; /* 0: refused */
    enum err_kind kind;
    const char *said; /* part of the error */
} rows[] = {
    /* what is only one database */
    {{.text = "latest:nightly/shop"}, 3, ERR_NONE, NULL},
    {{.text = "latest:nightly/crm"}, 2, ERR_NONE, NULL},
    /* also ad hoc: it is the same server */
    {{.text = "latest:/crm"}, 13, ERR_NONE, NULL},
    {{.text = "latest", .database = "crm"}, 13, ERR_NONE, NULL},
    {{.text = "latest:adhoc/crm"}, 13, ERR_NONE, NULL},
    {{.text = "latest:hourly"}, 4, ERR_NONE, NULL},
    {{.text = "latest:nightly", .database = "shop"}, 3, ERR_NONE, NULL},
    {{.text = "latest:weekly/a/b"}, 10, ERR_NONE, NULL},
    {{.text = "latest:/a/b"}, 10, ERR_NONE, NULL},
    /* a job keeps its database when its source gets another name; what the configuration leaves
     * out makes no other backup */
    {{.text = "latest:moved"}, 12, ERR_NONE, NULL},
    /* narrowed */
    {{.text = "latest:nightly", .type = "schema"}, 6, ERR_NONE, NULL},
    {{.text = "latest", .type = "globals"}, 5, ERR_NONE, NULL},
    {{.text = "latest:nightly/shop", .before = 3000}, 1, ERR_NONE, NULL},
    {{.text = "latest:nightly/shop", .before = 3001}, 3, ERR_NONE, NULL},
    {{.text = "latest", .before = 1001}, 1, ERR_NONE, NULL},
    /* more than one: nothing is guessed, and the choices can be typed */
    {{.text = "latest"}, 0, ERR_USAGE, "could be 7 databases: adhoc/crm"},
    {{.text = "latest"}, 0, ERR_USAGE, " and 2 more"},
    {{.text = "latest:nightly"},
     0,
     ERR_USAGE,
     "could be 2 databases: nightly/shop 01JCATA0G0"},
    {{.text = "latest:nightly"}, 0, ERR_USAGE, "1970-01-01 00:50:00+00"},
    {{.text = "latest:nightly"}, 0, ERR_USAGE, "hint: say latest:JOB/DATABASE"},
    {{.text = "latest:/shop"}, 0, ERR_USAGE, "could be 3 databases: adhoc/shop"},
    {{.text = "latest:adhoc"}, 0, ERR_USAGE, "could be 3 databases: adhoc/crm"},
    /* none */
    {{.text = "latest:none"}, 0, ERR_NOT_FOUND, "no complete artifact of job \"none\""},
    {{.text = "latest:nightly/none"}, 0, ERR_NOT_FOUND, "of database \"none\""},
    {{.text = "latest", .before = 1000}, 0, ERR_NOT_FOUND, "from before 1970-01-01"},
    {{.text = "latest", .store = "nowhere"}, 0, ERR_NOT_FOUND, "in store \"nowhere\""},
    {{.text = "latest:hourly", .type = "data"}, 0, ERR_NOT_FOUND, "of type data"},
    /* slips of the pen */
    {{.text = "nightly"}, 0, ERR_NOT_FOUND, "hint: its newest backup is latest:nightly"},
    {{.text = "crm"}, 0, ERR_NOT_FOUND, "hint: its newest backup is latest:/crm"},
    {{.text = "01ZZ"}, 0, ERR_NOT_FOUND, "hint: `pgkeep list` shows the ids"},
    {{.text = "latest:"}, 0, ERR_USAGE, "names neither a job nor a database"},
    {{.text = "latest:nightly/"}, 0, ERR_USAGE, "names neither a job nor a database"},
    {{.text = "latest:/"}, 0, ERR_USAGE, "names neither a job nor a database"},
    {{.text = "latest:/shop", .database = "crm"}, 0, ERR_USAGE, "two databases"},
};

START_TEST(latest_is_one_database_or_an_error_that_lists_them)
{
    char id[ULID_SIZE] = "";
    fill();
    setenv("TZ", "UTC", 1);
    int result = catalog_artifact_find(here.catalog, &rows[_i].choice, id, &here.err);
    ck_assert_msg(here.err.kind == rows[_i].kind, "%s", here.err.text);
    ck_assert_int_eq(result, rows[_i].number > 0 ? 0 : -1);
    if (result == 0)
        ck_assert_str_eq(id, catalogs_id(rows[_i].number));
    else
        ck_assert_msg(strstr(here.err.text, rows[_i].said) != NULL, "%s", here.err.text);
}
END_TEST

/* What else is said with an id must be so: a slip in either would hit the wrong database. */
START_TEST(an_id_that_is_not_what_else_is_said_is_refused)
{
    static const struct catalog_choice wrong[] = {
        {.database = "crm"}, {.type = "schema"}, {.before = 3000}};
    char id[ULID_SIZE];
    fill();
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct catalog_choice choice = wrong[i];
        choice.text = catalogs_id(3);
        ck_assert_int_eq(catalog_artifact_find(here.catalog, &choice, id, &here.err), -1);
        ck_assert_int_eq(here.err.kind, ERR_USAGE);
        err_clear(&here.err);
    }
    struct catalog_choice right = {
        .text = catalogs_id(3), .database = "shop", .type = "full", .before = 3001};
    OK(catalog_artifact_find(here.catalog, &right, id, &here.err));
}
END_TEST

START_TEST(in_a_store_it_is_the_latest_that_has_a_copy_there)
{
    char id[ULID_SIZE];
    struct catalog_choice choice = {.text = "latest:nightly/shop", .store = "nas"};
    fill();
    int64_t copy = catalogs_copy(here.catalog, 1, here.store);
    (void)copy;
    catalogs_sql(&here.files, "UPDATE stores SET name = 'nas'");
    /* One that is being uploaded is none yet. */
    ck_assert_int_eq(catalog_artifact_find(here.catalog, &choice, id, &here.err), -1);
    err_clear(&here.err);
    catalogs_sql(&here.files, "UPDATE copies SET state = 'complete'");
    OK(catalog_artifact_find(here.catalog, &choice, id, &here.err));
    ck_assert_str_eq(id, catalogs_id(1));
}
END_TEST

START_TEST(one_whose_time_cannot_be_right_is_the_latest_only_when_it_is_alone)
{
    char id[ULID_SIZE];
    const struct catalog_choice choice = {.text = "latest:nightly/shop"};
    fill();
    catalogs_sql(&here.files, "UPDATE artifacts SET quarantined = 1 WHERE time = 3000");
    OK(catalog_artifact_find(here.catalog, &choice, id, &here.err));
    ck_assert_str_eq(id, catalogs_id(1));
    catalogs_sql(&here.files, "UPDATE artifacts SET quarantined = 1");
    OK(catalog_artifact_find(here.catalog, &choice, id, &here.err));
    ck_assert_str_eq(id, catalogs_id(3));
}
END_TEST

int main(void)
{
    TCase *tcase = tcase_create("find");
    tcase_add_checked_fixture(tcase, catalog_rig_begin, catalog_rig_end);
    tcase_add_loop_test(tcase, latest_is_one_database_or_an_error_that_lists_them, 0,
                        sizeof rows / sizeof *rows);
    tcase_add_test(tcase, an_id_that_is_not_what_else_is_said_is_refused);
    tcase_add_test(tcase, in_a_store_it_is_the_latest_that_has_a_copy_there);
    tcase_add_test(tcase,
                   one_whose_time_cannot_be_right_is_the_latest_only_when_it_is_alone);
    Suite *suite = suite_create("artifact_find");
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
