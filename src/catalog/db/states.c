/*
 * One table of moves for each machine, used three times: by C for the question whether a
 * move is allowed, for the lists of states in statements, and as a trigger in the file,
 * where it also holds against other versions of pgkeep and against sqlite3 by hand.
 */
#include "catalog/db/states.h"

#define TO(state) (1u << (state))

const char *const states_statuses[CATALOG_STATUSES] = {
    [CATALOG_RUNNING] = "running", [CATALOG_COMPLETE] = "complete",
    [CATALOG_FAILED] = "failed",   [CATALOG_CANCELLED] = "cancelled",
    [CATALOG_DELETED] = "deleted",
};

const char *const states_copies[CATALOG_COPY_STATES] = {
    [CATALOG_COPY_UPLOADING] = "uploading", [CATALOG_COPY_COMPLETE] = "complete",
    [CATALOG_COPY_FAILED] = "failed",       [CATALOG_COPY_MISSING] = "missing",
    [CATALOG_COPY_DAMAGED] = "damaged",     [CATALOG_COPY_DELETING] = "deleting",
    [CATALOG_COPY_LOCKED] = "locked",       [CATALOG_COPY_BLOCKED] = "blocked",
    [CATALOG_COPY_DELETED] = "deleted",
};

/* ---- the moves: the tables of catalog.h, which say what each means in a store ---- */

static const unsigned status_moves[CATALOG_STATUSES] = {
    [CATALOG_RUNNING] = TO(CATALOG_COMPLETE) | TO(CATALOG_FAILED) | TO(CATALOG_CANCELLED),
    [CATALOG_COMPLETE] = TO(CATALOG_DELETED),
    [CATALOG_FAILED] = TO(CATALOG_DELETED),
    [CATALOG_CANCELLED] = TO(CATALOG_DELETED),
    [CATALOG_DELETED] = TO(CATALOG_COMPLETE),
};

static const unsigned copy_moves[CATALOG_COPY_STATES] = {
    [CATALOG_COPY_UPLOADING] =
        TO(CATALOG_COPY_COMPLETE) | TO(CATALOG_COPY_FAILED) | TO(CATALOG_COPY_DELETING),
    [CATALOG_COPY_COMPLETE] =
        TO(CATALOG_COPY_DELETING) | TO(CATALOG_COPY_MISSING) | TO(CATALOG_COPY_DAMAGED),
    [CATALOG_COPY_MISSING] = TO(CATALOG_COPY_COMPLETE) | TO(CATALOG_COPY_DAMAGED) |
                             TO(CATALOG_COPY_UPLOADING) | TO(CATALOG_COPY_DELETING),
    [CATALOG_COPY_DAMAGED] = TO(CATALOG_COPY_COMPLETE) | TO(CATALOG_COPY_MISSING) |
                             TO(CATALOG_COPY_UPLOADING) | TO(CATALOG_COPY_DELETING),
    [CATALOG_COPY_FAILED] =
        TO(CATALOG_COPY_UPLOADING) | TO(CATALOG_COPY_DELETING) | TO(CATALOG_COPY_DELETED),
    [CATALOG_COPY_DELETING] =
        TO(CATALOG_COPY_DELETED) | TO(CATALOG_COPY_LOCKED) | TO(CATALOG_COPY_BLOCKED),
    [CATALOG_COPY_LOCKED] = TO(CATALOG_COPY_DELETING),
    [CATALOG_COPY_BLOCKED] = TO(CATALOG_COPY_DELETING),
    [CATALOG_COPY_DELETED] = TO(CATALOG_COPY_UPLOADING),
};

/* ---- words ---- */

const char *catalog_status_name(enum catalog_status status)
{
    return states_statuses[status];
}

bool catalog_status_from_name(const char *name, enum catalog_status *out)
{
    /* Also of what a user typed (--status): no word is no status. */
    for (unsigned i = 0; i < CATALOG_STATUSES; i++) {
        if (strcmp(states_statuses[i], name) != 0)
            continue;
        *out = (enum catalog_status)i;
        return true;
    }
    return false;
}

const char *catalog_copy_state_name(enum catalog_copy_state state)
{
    return states_copies[state];
}

bool catalog_status_move_allowed(enum catalog_status from, enum catalog_status to)
{
    return (status_moves[from] & TO(to)) != 0;
}

/* ---- for statements and triggers ---- */

/* Those whose bits are set, quoted, between commas. */
static void add_words(struct text *sql, const char *const *words, unsigned count,
                      unsigned bits)
{
    const char *comma = "";
    for (unsigned i = 0; i < count; i++) {
        if ((bits & TO(i)) == 0)
            continue;
        text_addf(sql, "%s'%s'", comma, words[i]);
        comma = ", ";
    }
}

void states_add_copies(struct text *sql, unsigned states)
{
    add_words(sql, states_copies, CATALOG_COPY_STATES, states);
}

void states_add_statuses(struct text *sql, unsigned statuses)
{
    add_words(sql, states_statuses, CATALOG_STATUSES, statuses);
}

/* A trigger lets a row stay in its state and make the moves of the table; all else it
 * aborts, whoever tries: "… WHEN NEW.state <> OLD.state AND NOT ((OLD.state =
 * 'uploading' AND NEW.state IN ('complete', …)) OR …)". */
void states_add_triggers(struct text *sql)
{
    /* BEFORE, so that nothing of the row is changed when it aborts. */
    static const struct machine {
        const char *trigger, *table, *column, *message;
        const char *const *words;
        const unsigned *moves;
        unsigned count;
    } machines[] = {
        {"artifact_moves", "artifacts", "status", "an artifact may not make this move",
         states_statuses, status_moves, CATALOG_STATUSES},
        {"copy_moves", "copies", "state", "a copy may not make this move", states_copies,
         copy_moves, CATALOG_COPY_STATES},
    };
    for (size_t i = 0; i < sizeof machines / sizeof *machines; i++) {
        const struct machine *m = &machines[i];
        text_addf(sql,
                  "CREATE TRIGGER %s BEFORE UPDATE OF %s ON %s WHEN NEW.%s <> OLD.%s"
                  " AND NOT (",
                  m->trigger, m->column, m->table, m->column, m->column);
        /* Each state has at least one way on, so that no list is empty. */
        for (unsigned from = 0; from < m->count; from++) {
            text_addf(sql, "%s(OLD.%s = '%s' AND NEW.%s IN (", from > 0 ? " OR " : "",
                      m->column, m->words[from], m->column);
            add_words(sql, m->words, m->count, m->moves[from]);
            text_add(sql, "))");
        }
        text_addf(sql, ") BEGIN SELECT RAISE(ABORT, '%s'); END;\n", m->message);
    }
}
