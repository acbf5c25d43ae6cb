/*
 * outbox - messages that wait to be sent, in the file, so that they survive whoever made them.
 *
 *     catalog_outbox_add -> catalog_outbox_claim -> send -> catalog_outbox_settle, by whoever comes
 *
 *     waiting    the oldest of its notifier is tried when next_try has come; those behind it wait,
 *                so that a notifier hears in order
 *     sent       it was taken
 *     given up   nobody took it in time
 *
 * A claim names its process: while that lives nobody else sends. When it died in the middle the
 * message is sent again: its document has an id, by which a reader knows it. Rows that are over are
 * kept for OUTBOX_KEEP_S.
 */
#ifndef PGKEEP_CATALOG_DB_OUTBOX_H
#define PGKEEP_CATALOG_DB_OUTBOX_H

#include "base/text.h"
#include "catalog/db/catalog.h"

#define OUTBOX_KEEP_S (INT64_C(30) * 86400)
/* A claim of a process elsewhere, of which nothing can be known, counts for so long. */
#define OUTBOX_CLAIM_S 300

struct catalog_message {
    int64_t id;
    char *notifier, *job, *event;
    char *document; /* JSON, without secrets */
    char *state;    /* read: a word above */
    int64_t created, next_try, attempts;
    char *owner; /* read */
    int64_t claimed;
    int64_t ended; /* 0: waiting */
    char *error;   /* of the last try; NULL: none */
};
void catalog_message_release(struct catalog_message *message);

/* notifier, job, event, document and created are written; it may be sent at once. */
int catalog_outbox_add(struct catalog *catalog, const struct catalog_message *message,
                       struct err *err) MUST_USE;
enum outbox_claim {
    OUTBOX_NONE,   /* nothing waits, or its time has not come */
    OUTBOX_BUSY,   /* somebody else is at it */
    OUTBOX_CLAIMED /* it is ours */
};
/* The oldest that waits of this notifier becomes ours to send, when its time has come (early: also
 * before) and nobody is at it. Release *out of a claimed one. */
struct outbox_wish {
    const char *notifier;
    int64_t now;
    bool early;
};
int catalog_outbox_claim(struct catalog *catalog, const struct outbox_wish *wish,
                         struct catalog_message *out, enum outbox_claim *claim,
                         struct err *err) MUST_USE;

enum outbox_end { OUTBOX_SENT, OUTBOX_AGAIN, OUTBOX_GIVEN_UP };
/* What became of a try of the claimed message, counted for its notifier. OUTBOX_AGAIN: next_try says
 * when; `error` of the message says why. ended is set by it. */
int catalog_outbox_settle(struct catalog *catalog, const struct catalog_message *message,
                          enum outbox_end end, int64_t now, struct err *err) MUST_USE;

/* When the next message may be sent, of the oldest of each notifier; INT64_MAX: nothing waits. */
int catalog_outbox_next(struct catalog *catalog, int64_t *next, struct err *err) MUST_USE;
/* Adds the names of notifiers for which something waits. */
int catalog_outbox_names(struct catalog *catalog, struct strlist *names,
                         struct err *err) MUST_USE;

/* How it went, of each notifier that was ever tried or has something waiting. */
struct catalog_notifier {
    char *name;
    int64_t sent, failures, given_up; /* tries that failed; messages */
    int64_t last_sent, last_failed;   /* 0: never */
    char *last_error;
    int64_t waiting, oldest; /* messages; when the oldest of them was made, 0: none */
};
struct catalog_notifiers {
    struct catalog_notifier *items;
    size_t count, capacity;
};
void catalog_notifiers_release(struct catalog_notifiers *notifiers);
int catalog_notifiers_list(struct catalog *catalog, struct catalog_notifiers *out,
                           struct err *err) MUST_USE;

#endif
