/*
 * state_file - state/ID.json in a store: what was decided or found out about an artifact
 * after its manifest was written. Rewritten whole; so that another machine and a rebuilt
 * catalog respect it.
 *
 *   {"pgkeep_state":1,"id":"…","changed":TIME,
 *    "pin":{"pinned":true,"until":TIME or null,"reason":"…","changed":TIME},
 *    "verified":{"time":TIME,"level":"full","error":null,"proven":TIME,"proven_level":"full"},
 *    "suspect":false,"quarantined":false,"first_marked":TIME or null,
 *    "accepted":{"time":TIME,"reason":"…"}}
 *
 * Verification and first_marked are those of the copy in this store. What is known is read
 * strictly; keys that a later version adds are passed over - respecting a pin must not
 * depend on the rest - and are lost when this version writes the file again. A missing
 * group is as if nothing had happened.
 */
#ifndef PGKEEP_REPOSITORY_STATE_FILE_H
#define PGKEEP_REPOSITORY_STATE_FILE_H

#include "catalog/artifacts.h"

enum { STATE_FILE_VERSION = 1, STATE_FILE_CEILING = 1 << 20 };

/* Times are seconds UTC, 0: none. Strings are heap and its own, NULL: none. */
struct state_file {
    char id[ULID_SIZE];
    int64_t changed; /* when suspect, quarantined or first_marked were last decided */

    bool pinned;
    int64_t pin_until; /* 0: for ever */
    char *pin_reason;
    int64_t pin_changed; /* last pinned or unpinned; 0: never */

    int64_t verified;
    enum catalog_level verified_level;
    char *verified_error; /* NULL: it was good */
    int64_t proven;
    enum catalog_level proven_level;

    bool suspect, quarantined;
    int64_t first_marked;
    int64_t accepted; /* when somebody said that it is as it should be; 0: never */
    char *accept_reason;
};
void state_file_init(struct state_file *state, const char *id);
void state_file_release(struct state_file *state);

/* Of a catalog's rows, and into rows that are to be imported. copy may be NULL. `changed`
 * of the new file is `now`. From: *out is uninitialised. To: replaces what the rows say. */
void state_file_from(const struct catalog_artifact *artifact,
                     const struct catalog_copy *copy, int64_t now, struct state_file *out);
void state_file_to(const struct state_file *state, struct catalog_artifact *artifact,
                   struct catalog_copy *copy);

char *state_file_text(const struct state_file *state) MUST_USE; /* heap */
/* ERR_CORRUPT, also when it is of another id (NULL: any). Release *out after 0. */
int state_file_parse(const void *data, size_t size, const char *id, struct state_file *out,
                     struct err *err) MUST_USE;

/* The later change wins, group by group: the pin by pin_changed (on a tie what keeps more),
 * the verification by its time (a good one keeps an older proof), an acceptance by its time, the
 * rest by `changed` (on a tie a mark stays). True when `into` is another now. */
bool state_file_merge(struct state_file *into, const struct state_file *from);

#endif
