/* A handful of rows: they are read all at once, and the caller looks through them. */
#include "catalog/db/notices.h"

#include "base/memory.h"
#include "catalog/db/record.h"

#define AT(field) offsetof(struct catalog_notice, field)
enum { WRITE = 1 };

static const struct record_column columns[] = {
    {"job", RECORD_TEXT, WRITE, AT(job), 0, NULL},
    {"what", RECORD_TEXT, WRITE, AT(what), 0, NULL},
    {"subject", RECORD_TEXT, WRITE, AT(subject), 0, NULL},
    {"since", RECORD_INT, WRITE, AT(since), 0, NULL},
    {"told", RECORD_INT, WRITE, AT(told), 0, NULL},
    {"mark", RECORD_INT, WRITE, AT(mark), 0, NULL},
};
static const struct record record = {columns, sizeof columns / sizeof *columns};

void catalog_notices_release(struct catalog_notices *notices)
{
    for (size_t i = 0; i < notices->count; i++)
        record_release(&record, &notices->items[i]);
    free(notices->items);
    *notices = (struct catalog_notices){0};
}

int catalog_notices_list(struct catalog *catalog, struct catalog_notices *out,
                         struct err *err)
{
    struct sql sql;
    /* In the order of the columns above. */
    sql_prepare(&sql, catalog,
                "SELECT job, what, subject, since, told, mark FROM notices"
                " ORDER BY job, what, subject",
                err);
    while (sql_row(&sql)) {
        struct catalog_notice *notice =
            memory_append(&out->items, &out->count, &out->capacity, sizeof *notice);
        record_read(&sql, &record, notice);
    }
    return sql_end(&sql);
}

int catalog_notice_set(struct catalog *catalog, const struct catalog_notice *notice,
                       struct err *err)
{
    struct sql sql;
    sql_begin_change(&sql, catalog,
                     "INSERT INTO notices (job, what, subject, since, told, mark)"
                     " VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (job, what, subject)"
                     " DO UPDATE SET since = excluded.since, told = excluded.told,"
                     " mark = excluded.mark",
                     err);
    record_bind(&sql, &record, WRITE, notice);
    return sql_end_change(&sql, sql_run(&sql, NULL));
}

int catalog_notice_forget(struct catalog *catalog, const struct catalog_notice *notice,
                          struct err *err)
{
    struct sql sql;
    sql_begin_change(&sql, catalog,
                     "DELETE FROM notices WHERE job = ? AND what = ? AND subject = ?", err);
    sql_bind(&sql, "%s %s %s", notice->job, notice->what, notice->subject);
    return sql_end_change(&sql, sql_run(&sql, NULL));
}
