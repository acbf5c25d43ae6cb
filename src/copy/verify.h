/*
 * verify - is a copy still what was stored?
 *
 *     quick  manifest there and the same, data and index there and of the right size
 *     full   all of that, and every byte downloaded, hashed and decoded to its end
 *
 * The result goes into the catalog (state of the copy, history) and into the state file
 * beside the manifest. A store that does not answer decides nothing.
 */
#ifndef PGKEEP_COPY_VERIFY_H
#define PGKEEP_COPY_VERIFY_H

#include "copy/copy_reader.h"
#include "catalog/verifications.h"

struct verify_spec {
    struct session *session;
    const struct catalog_artifact *artifact; /* complete, with its copies */
    const struct catalog_copy *copy;         /* complete, missing or damaged */
    enum catalog_level level;                /* CATALOG_QUICK or CATALOG_FULL */
};

/* 0: *out says how it is, recorded already (GOOD, MISSING, DAMAGED, or UNDECIDED with the
 * reason in why). -1: it could not be recorded, or was cancelled. Release *out. */
int verify_copy(const struct verify_spec *spec, struct catalog_verification *out,
                struct err *why, struct err *err) MUST_USE;
/* What `quick` looks at, of a copy that is open; nothing is recorded. ERR_NOT_FOUND, ERR_CORRUPT,
 * and what a store answers. */
int verify_look(struct store *store, const struct verify_spec *spec,
                struct err *err) MUST_USE;
/* What is not there, or other than it was, is so only in the store that it should be: of another one
 * (unmounted, its mark gone) *why becomes that, and says nothing of the copy. */
void verify_doubt(struct copy_reader *reader, struct err *why);
/* Writes down what was found about a copy; one that was removed meanwhile is undecided then, with
 * `why`. Adds it to the state file, too, unless it is undecided or reader is NULL. */
int verify_record(const struct verify_spec *spec, struct copy_reader *reader,
                  struct catalog_verification *found, struct err *why,
                  struct err *err) MUST_USE;
void verify_release(struct catalog_verification *verification);

#endif
