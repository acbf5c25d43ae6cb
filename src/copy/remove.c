/*
 * Every step may be the last one of this process, so each object that is gone is written
 * down before the next is touched, and asking again for what is gone is success.
 */
#include "copy/remove.h"

#include "repository/keys.h"
#include "base/cancel.h"
#include "base/log.h"
#include "base/memory.h"
#include "catalog/deletions.h"
#include "catalog/leases.h"

enum {
    FAILURES_MAX = 3,    /* in a row: the store is away */
    RETRY_FIRST_S = 60,  /* doubled with each attempt … */
    RETRY_DOUBLINGS = 6, /* … up to an hour */
    RETRY_REFUSED_S = 86400
};

/* Words of JSON and text alike; a contract with scripts. */
const char *remove_outcome_name(enum remove_outcome outcome)
{
    static const char *const names[] = {[REMOVE_GONE] = "deleted",
                                        [REMOVE_LOCKED] = "locked",
                                        [REMOVE_BLOCKED] = "blocked",
                                        [REMOVE_LATER] = "later"};
    return names[outcome];
}

void remove_results_release(struct remove_results *results)
{
    free(results->items);
    *results = (struct remove_results){0};
}

/* One copy on its way out. */
struct removal {
    const struct remove_spec *spec;
    const struct catalog_copy *copy;
    struct remove_result *result;
};

/* ---- what the store says ---- */

/* The store's own words: who reads them has to do something about it there. */
static void note(struct remove_result *result, enum remove_outcome outcome,
                 const char *reason)
{
    result->outcome = outcome;
    snprintf(result->reason, sizeof result->reason, "%s", reason);
}

/* Of several refusals the one that lasts longest: one that nobody explains has no end, then
 * a legal hold, then the latest date. */
static void take_answer(struct remove_result *result, const struct store_removed *removed)
{
    /* 0 is a legal hold, which has no end, so it is no small date. */
    bool first = result->outcome != REMOVE_LOCKED;
    if (removed->result == STORE_REFUSED)
        note(result, REMOVE_BLOCKED, removed->reason);
    if (removed->result != STORE_LOCKED || result->outcome == REMOVE_BLOCKED)
        return;
    int64_t until = removed->locked_until;
    if (first || until == 0 || (result->locked_until != 0 && until > result->locked_until))
        result->locked_until = until;
    note(result, REMOVE_LOCKED, removed->reason);
}

/* One object. What is gone is written down before the next one is touched. */
static int remove_object(struct removal *removal, enum catalog_gone what, const char *key,
                         struct err *err)
{
    struct store_removed removed = {0};
    /* An earlier run got so far: not asked again, as a listing of versions costs requests */
    if ((removal->copy->gone & what) != 0 || key == NULL)
        return 0;
    if (store_remove(removal->spec->repository->store, key, &removed, err) < 0)
        return -1;
    /* A refusal is an answer: the other objects of this copy are still tried. */
    take_answer(removal->result, &removed);
    if (removed.result != STORE_GONE)
        return 0;
    return catalog_deletion_gone(removal->spec->catalog, removal->copy->id, what, err);
}

static int remove_rest(struct removal *removal, struct err *err)
{
    const struct catalog_copy *copy = removal->copy;
    char *state = keys_state(copy->artifact);
    int result = 0;
    /* Parts that were sent cost money until they are aborted. */
    if (copy->upload != NULL)
        result = store_abort_pending(removal->spec->repository->store, copy->key,
                                     copy->upload, err);
    if (result == 0)
        result = remove_object(removal, CATALOG_GONE_INDEX, copy->index_key, err);
    if (result == 0)
        result = remove_object(removal, CATALOG_GONE_DATA, copy->key, err);
    /* The state file last: as long as anything is kept, its pins and marks are worth
     * knowing. */
    if (result == 0 && removal->result->outcome == REMOVE_GONE)
        result = remove_object(removal, CATALOG_GONE_STATE, state, err);
    free(state);
    return result;
}

static int remove_objects(struct removal *removal, struct err *err)
{
    char *manifest = keys_manifest(removal->copy->artifact);
    /* Asked for each copy anew: "not there" of an unmounted disk would make it deleted. */
    int result = repository_check_identity(removal->spec->repository, err);
    removal->result->outcome = REMOVE_GONE;
    if (result == 0)
        result = remove_object(removal, CATALOG_GONE_MANIFEST, manifest, err);
    free(manifest);
    /* A manifest that stays names data that must stay. */
    if (result < 0 || removal->result->outcome != REMOVE_GONE)
        return result;
    return remove_rest(removal, err);
}

/* ---- what becomes of the copy ---- */

static int64_t next_try(const struct catalog_copy *copy, int64_t now)
{
    /* A minute, two, four … an hour: a store that is away is not asked by every cron run */
    int64_t doublings = copy->attempts < RETRY_DOUBLINGS ? copy->attempts : RETRY_DOUBLINGS;
    return now + ((int64_t)RETRY_FIRST_S << doublings);
}

static int settle(struct removal *removal, struct err *err)
{
    int64_t now = removal->spec->now;
    struct catalog *catalog = removal->spec->catalog;
    const struct remove_result *result = removal->result;
    int64_t id = removal->copy->id;
    /* Refused, and nobody says until when: once a day is often enough to hope. */
    struct catalog_delay delay = {.error = result->reason,
                                  .next_try = now + RETRY_REFUSED_S};
    switch (result->outcome) {
    case REMOVE_GONE:
        return catalog_deletion_done(catalog, id, NULL, err);
    /* Asked again on the day that the lock ends, not before. */
    case REMOVE_LOCKED:
        delay.state = CATALOG_COPY_LOCKED;
        delay.locked_until = result->locked_until;
        if (result->locked_until > now)
            delay.next_try = result->locked_until;
        break;
    case REMOVE_BLOCKED:
        delay.state = CATALOG_COPY_BLOCKED;
        break;
    case REMOVE_LATER:
        delay.state = CATALOG_COPY_DELETING;
        delay.next_try = next_try(removal->copy, now);
        break;
    }
    return catalog_deletion_delay(catalog, id, &delay, err);
}

/* No lease can begin once it is deleting; should one be in force all the same, its reader
 * comes first. */
static int check_lease(struct removal *removal, bool *leased, struct err *err)
{
    char *purpose = NULL;
    /* By the catalog, at the last moment before the first object goes. */
    int result = catalog_lease_of(removal->spec->catalog, removal->copy->id,
                                  removal->spec->now, &purpose, err);
    *leased = purpose != NULL;
    if (purpose != NULL)
        note(removal->result, REMOVE_LATER, purpose);
    free(purpose);
    return result;
}

int remove_copy(const struct remove_spec *spec, int64_t id, struct remove_result *result,
                struct err *err)
{
    struct catalog_copy copy = {0};
    struct removal removal = {spec, &copy, result};
    struct err why = {0};
    bool leased = false;
    *result = (struct remove_result){.copy = id};
    /* Between two copies, never within one: each ends in a state that a row can tell. */
    if (cancel_check(spec->repository->cancel, err) < 0 ||
        catalog_copy_load(spec->catalog, id, &copy, err) < 0)
        return -1;
    memcpy(result->artifact, copy.artifact, sizeof result->artifact);
    result->bytes = copy.bytes;

    /* A locked or blocked one is deleting again while it is tried. */
    int done = catalog_deletion_resume(spec->catalog, id, err);
    if (done == 0)
        done = check_lease(&removal, &leased, err);
    if (done == 0 && !leased && remove_objects(&removal, &why) < 0) {
        /* The store's word is a result; the catalog or a cancel ends it, and the row stays as it
         * is, for the next run. */
        if (err_is_of_store(why.kind)) {
            note(result, REMOVE_LATER, why.text);
        } else {
            *err = why;
            done = -1;
        }
    }
    if (done == 0)
        done = settle(&removal, err);
    catalog_copy_release(&copy);
    return done;
}

/* ---- all of a store ---- */

/* Refusals are warnings, since somebody has to look; what goes as planned is not. */
static void tell(const struct repository *repository, const struct remove_result *result)
{
    if (result->outcome == REMOVE_BLOCKED)
        log_warning("store \"%s\" refuses to delete %s: %s", repository->name,
                    result->artifact, result->reason);
    else if (result->outcome == REMOVE_LATER)
        log_warning("%s is not deleted from store \"%s\" yet: %s", result->artifact,
                    repository->name, result->reason);
    else
        log_info("store \"%s\": %s %s", repository->name, result->artifact,
                 result->outcome == REMOVE_GONE ? "deleted" : "is under an object lock");
}

/* Those whose time has come; locks and refusals have a day of their own. */
static int find_due(const struct remove_spec *spec, bool all, struct catalog_copies *out,
                    struct err *err)
{
    struct catalog_copies rest = {0};
    struct catalog_copy_filter filter = {.store_id = spec->repository->id,
                                         .states = 1u << CATALOG_COPY_DELETING};
    int result =
        catalog_deletions_due(spec->catalog, spec->repository->id, spec->now, out, err);
    if (result < 0 || !all)
        return result;
    /* And those that only wait for their next try: who asks for all does not want to wait. */
    result = catalog_copies_list(spec->catalog, &filter, &rest, err);
    for (size_t i = 0; i < rest.count; i++) {
        if (rest.items[i].next_try <= spec->now) { /* is due, so it is in the list */
            catalog_copy_release(&rest.items[i]);
            continue;
        }
        memory_grow(&out->items, &out->capacity, out->count + 1, sizeof *out->items);
        out->items[out->count++] = rest.items[i];
    }
    free(rest.items);
    return result;
}

int remove_due(const struct remove_spec *spec, bool all, struct remove_results *results,
               struct err *err)
{
    struct catalog_copies due = {0};
    size_t failures = 0;
    int result = find_due(spec, all, &due, err);
    for (size_t i = 0; result == 0 && i < due.count && failures < FAILURES_MAX; i++) {
        struct remove_result one;
        result = remove_copy(spec, due.items[i].id, &one, err);
        if (result < 0)
            break;
        tell(spec->repository, &one);
        memory_grow(&results->items, &results->capacity, results->count + 1,
                    sizeof *results->items);
        results->items[results->count++] = one;
        /* Three in a row: it is the store, not the copies, and a thousand of them would
         * wait for it. */
        failures = one.outcome == REMOVE_LATER ? failures + 1 : 0;
    }
    catalog_copies_release(&due);
    return result;
}
