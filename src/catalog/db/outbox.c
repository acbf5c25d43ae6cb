/*
 * Each move is one short transaction: a sender reads its message, lets go of the file while it talks
 * to a service that may take its time, and writes down what came of it.
 */
#include "catalog/db/outbox.h"

#include "base/memory.h"
#include "catalog/db/record.h"

#define AT(field) offsetof(struct catalog_message, field)
enum { WRITE = 1 };

static const struct record_column columns[] = {
    {"id", RECORD_INT, 0, AT(id), 0, NULL},
    {"notifier", RECORD_TEXT, WRITE, AT(notifier), 0, NULL},
    {"job", RECORD_TEXT, WRITE, AT(job), 0, NULL},
    {"event", RECORD_TEXT, WRITE, AT(event), 0, NULL},
    {"document", RECORD_TEXT, WRITE, AT(document), 0, NULL},
    {"state", RECORD_TEXT, 0, AT(state), 0, NULL},
    {"created", RECORD_INT, WRITE, AT(created), 0, NULL},
    {"next_try", RECORD_INT, 0, AT(next_try), 0, NULL},
    {"attempts", RECORD_INT, 0, AT(attempts), 0, NULL},
    {"owner", RECORD_TEXT, 0, AT(owner), 0, NULL},
    {"claimed", RECORD_INT, 0, AT(claimed), 0, NULL},
    {"ended", RECORD_INT, 0, AT(ended), 0, NULL},
    {"error", RECORD_TEXT, 0, AT(error), 0, NULL},
};
static const struct record record = {columns, sizeof columns / sizeof *columns};

/* Of the table and of what waits, in the order of the statement below. */
#define OF(field) offsetof(struct catalog_notifier, field)
static const struct record_column notifier_columns[] = {
    {"name", RECORD_TEXT, 0, OF(name), 0, NULL},
    {"sent", RECORD_INT, 0, OF(sent), 0, NULL},
    {"failures", RECORD_INT, 0, OF(failures), 0, NULL},
    {"given_up", RECORD_INT, 0, OF(given_up), 0, NULL},
    {"last_sent", RECORD_INT, 0, OF(last_sent), 0, NULL},
    {"last_failed", RECORD_INT, 0, OF(last_failed), 0, NULL},
    {"last_error", RECORD_TEXT, 0, OF(last_error), 0, NULL},
    {"waiting", RECORD_INT, 0, OF(waiting), 0, NULL},
    {"oldest", RECORD_INT, 0, OF(oldest), 0, NULL},
};
static const struct record notifier_record = {
    notifier_columns, sizeof notifier_columns / sizeof *notifier_columns};

void catalog_message_release(struct catalog_message *message)
{
    record_release(&record, message);
    *message = (struct catalog_message){0};
}

void catalog_notifiers_release(struct catalog_notifiers *notifiers)
{
    for (size_t i = 0; i < notifiers->count; i++)
        record_release(&notifier_record, &notifiers->items[i]);
    free(notifiers->items);
    *notifiers = (struct catalog_notifiers){0};
}

/* ---- in ---- */

int catalog_outbox_add(struct catalog *catalog, const struct catalog_message *message,
                       struct err *err)
{
    struct sql sql;
    if (sql_begin(catalog, err) < 0)
        return -1;
    /* Whoever adds clears away, so that nobody has to be asked to. */
    sql_prepare(&sql, catalog, "DELETE FROM outbox WHERE state <> 'waiting' AND ended < ?",
                err);
    sql_bind_int(&sql, message->created - OUTBOX_KEEP_S);
    int result = sql_run(&sql, NULL);
    if (result < 0)
        return sql_finish(catalog, result, err);
    /* In the order of the columns that are written. */
    sql_prepare(&sql, catalog,
                "INSERT INTO outbox (notifier, job, event, document, created, state,"
                " next_try, attempts, claimed, ended) VALUES (?, ?, ?, ?, ?, 'waiting', 0,"
                " 0, 0, 0)",
                err);
    record_bind(&sql, &record, WRITE, message);
    return sql_finish(catalog, sql_run(&sql, NULL), err);
}

/* ---- out ---- */

/* Is somebody else at it? Of one elsewhere only time tells; a clock that went back is no reason to
 * wait for ever. */
static bool is_claimed(const struct catalog_message *message, int64_t now)
{
    if (message->owner == NULL)
        return false;
    enum owner_state state = owner_text_state(message->owner);
    int64_t age = now - message->claimed;
    return state == OWNER_ALIVE ||
           (state == OWNER_UNKNOWN && age >= 0 && age < OUTBOX_CLAIM_S);
}

/* The oldest alone: what is behind it has to wait for it. */
static int read_oldest(struct catalog *catalog, const char *notifier,
                       struct catalog_message *out, struct err *err)
{
    struct sql sql;
    struct text question;
    text_init(&question, 1 << 12);
    text_add(&question, "SELECT ");
    record_add_columns(&question, &record, "");
    text_add(&question, " FROM outbox WHERE state = 'waiting' AND notifier = ?"
                        " ORDER BY id LIMIT 1");
    sql_prepare(&sql, catalog, question.data, err);
    sql_bind_text(&sql, notifier);
    if (sql_row(&sql))
        record_read(&sql, &record, out);
    text_release(&question);
    return sql_end(&sql);
}

int catalog_outbox_claim(struct catalog *catalog, const struct outbox_wish *wish,
                         struct catalog_message *out, enum outbox_claim *claim,
                         struct err *err)
{
    struct sql sql;
    char owner[OWNER_SIZE];
    *out = (struct catalog_message){0};
    *claim = OUTBOX_NONE;
    if (sql_begin_owned(catalog, owner, err) < 0)
        return -1;
    int result = read_oldest(catalog, wish->notifier, out, err);
    bool due = result == 0 && out->id != 0 && (wish->early || out->next_try <= wish->now);
    if (due)
        *claim = is_claimed(out, wish->now) ? OUTBOX_BUSY : OUTBOX_CLAIMED;
    if (*claim == OUTBOX_CLAIMED) {
        sql_prepare(&sql, catalog, "UPDATE outbox SET owner = ?, claimed = ? WHERE id = ?",
                    err);
        sql_bind(&sql, "%s %jd %jd", owner, wish->now, out->id);
        result = sql_run(&sql, NULL);
    }
    result = sql_finish(catalog, result, err);
    if (result < 0 || *claim != OUTBOX_CLAIMED)
        catalog_message_release(out);
    return result;
}

int catalog_outbox_settle(struct catalog *catalog, const struct catalog_message *message,
                          enum outbox_end end, int64_t now, struct err *err)
{
    static const char *const words[] = {
        [OUTBOX_SENT] = "sent", [OUTBOX_AGAIN] = "waiting", [OUTBOX_GIVEN_UP] = "given up"};
    struct sql sql;
    bool sent = end == OUTBOX_SENT;
    if (sql_begin(catalog, err) < 0)
        return -1;
    /* The message, free again. */
    sql_prepare(&sql, catalog,
                "UPDATE outbox SET state = ?1, attempts = attempts + 1, next_try = ?2,"
                " owner = NULL, claimed = 0, ended = iif(?1 = 'waiting', 0, ?3), error = ?4"
                " WHERE id = ?5 AND state = 'waiting'",
                err);
    sql_bind(&sql, "%s %jd %jd %s %jd", words[end], message->next_try, now,
             sent ? NULL : message->error, message->id);
    int result = sql_run(&sql, NULL);
    if (result < 0)
        return sql_finish(catalog, result, err);
    /* The counts only grow, as a metric has to. */
    sql_prepare(&sql, catalog,
                "INSERT INTO notifiers (name, sent, failures, given_up, last_sent,"
                " last_failed, last_error) VALUES (?1, ?2, NOT ?2, ?3, iif(?2, ?4, 0),"
                " iif(?2, 0, ?4), ?5) ON CONFLICT (name) DO UPDATE SET sent = sent + ?2,"
                " failures = failures + NOT ?2, given_up = given_up + ?3,"
                " last_sent = iif(?2, ?4, last_sent),"
                " last_failed = iif(?2, last_failed, ?4),"
                " last_error = iif(?2, last_error, ?5)",
                err);
    sql_bind(&sql, "%s %d %d %jd %s", message->notifier, sent, end == OUTBOX_GIVEN_UP, now,
             message->error);
    return sql_finish(catalog, sql_run(&sql, NULL), err);
}

/* ---- lists ---- */

int catalog_outbox_next(struct catalog *catalog, int64_t *next, struct err *err)
{
    struct sql sql;
    *next = INT64_MAX;
    sql_prepare(&sql, catalog,
                "SELECT next_try FROM outbox WHERE id IN (SELECT min(id) FROM outbox"
                " WHERE state = 'waiting' GROUP BY notifier) ORDER BY next_try LIMIT 1",
                err);
    if (sql_row(&sql))
        *next = sql_int(&sql);
    return sql_end(&sql);
}

int catalog_outbox_names(struct catalog *catalog, struct strlist *names, struct err *err)
{
    struct sql sql;
    sql_prepare(&sql, catalog,
                "SELECT DISTINCT notifier FROM outbox WHERE state = 'waiting' ORDER BY 1",
                err);
    return sql_texts(&sql, names);
}

int catalog_notifiers_list(struct catalog *catalog, struct catalog_notifiers *out,
                           struct err *err)
{
    struct sql sql;
    /* Also one whose first message has not been tried yet. */
    sql_prepare(&sql, catalog,
                "WITH box AS (SELECT notifier AS name, count(*) AS waiting,"
                " min(created) AS oldest FROM outbox WHERE state = 'waiting'"
                " GROUP BY notifier),"
                " names AS (SELECT name FROM notifiers UNION SELECT name FROM box)"
                " SELECT names.name, coalesce(sent, 0), coalesce(failures, 0),"
                " coalesce(given_up, 0), coalesce(last_sent, 0), coalesce(last_failed, 0),"
                " last_error, coalesce(waiting, 0), coalesce(oldest, 0) FROM names"
                " LEFT JOIN notifiers ON notifiers.name = names.name"
                " LEFT JOIN box ON box.name = names.name ORDER BY names.name",
                err);
    while (sql_row(&sql)) {
        struct catalog_notifier *notifier =
            memory_append(&out->items, &out->count, &out->capacity, sizeof *notifier);
        record_read(&sql, &notifier_record, notifier);
    }
    return sql_end(&sql);
}
