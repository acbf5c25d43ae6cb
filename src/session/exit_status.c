#include "session/exit_status.h"

/* No kind of error: the run came to its end, and this is what it found. */
enum { PARTIAL = 8, TOO_OLD = 10 };

/* PRODUCT section 2. What somebody has to mend differently has a number of its own; what
 * a store did or would not do is one. */
static const int of_kind[] = {
    [ERR_NONE] = 0,     [ERR_USAGE] = 2,       [ERR_CONFIG] = 3,    [ERR_SYSTEM] = 1,
    [ERR_DATABASE] = 4, [ERR_AGAIN] = 4,       [ERR_TRANSIENT] = 5, [ERR_DENIED] = 5,
    [ERR_STORE] = 5,    [ERR_NOT_FOUND] = 1,   [ERR_CORRUPT] = 6,   [ERR_UNSAFE] = 9,
    [ERR_BUSY] = 7,     [ERR_CANCELLED] = 130,
};

/* 128 + signal, as a shell says it. A time limit is a failure of the run: nobody
 * interrupted it. Who asks for the end from elsewhere asks for what SIGTERM does. */
static const int of_reason[] = {
    [CANCEL_NONE] = 130,   [CANCEL_SIGINT] = 130,   [CANCEL_SIGTERM] = 143,
    [CANCEL_SIGHUP] = 143, [CANCEL_TIME_LIMIT] = 1, [CANCEL_ASKED] = 143,
};

int exit_status_of(enum outcome outcome, enum err_kind kind, const struct cancel *cancel)
{
    switch (outcome) {
    case OUTCOME_DONE:
        return 0;
    case OUTCOME_PARTIAL:
        return PARTIAL;
    case OUTCOME_TOO_OLD:
        return TOO_OLD;
    case OUTCOME_FAILED:
        break;
    }
    /* Only a cancel knows who asked for the end: the error says no more than that
     * somebody did. */
    return kind == ERR_CANCELLED ? of_reason[cancel_reason(cancel)] : of_kind[kind];
}
