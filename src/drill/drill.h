/*
 * drill - one backup is proven: it is restored, by the code of `restore`, into a place of its own
 * (target.h), and what came is held against what the backup says it holds (comparison.h).
 *
 *     manifest and sizes -> target -> restore -> rows, things, sequences -> drill_checks
 *     -> drill_command -> (a live database) -> the target is removed -> record
 *
 * Bytes that are wrong, or a difference, are `damaged`; bytes that are gone are `missing`. A restore
 * that the server refuses decides nothing, because the reason may be the server: an extension that is
 * not installed there must not condemn a backup. It is an error all the same, of the kind database.
 *
 * One thread, the one that lives longest (base/process.h).
 */
#ifndef PGKEEP_DRILL_DRILL_H
#define PGKEEP_DRILL_DRILL_H

#include "catalog/verifications.h"
#include "drill/comparison.h"
#include "session/session.h"

struct drill_spec {
    struct session *session;
    const struct catalog_artifact *artifact; /* complete, with copies and tables */
    const char *store;                       /* NULL: any that has a good copy */
    const char *to;      /* conninfo of a server; NULL: that of the job, else a cluster */
    const char *against; /* conninfo of a live database; NULL: none */
};

/* What came of it; release it. */
struct drill_result {
    const struct catalog_copy *copy; /* which was read; of the artifact; NULL: none */
    struct catalog_verification verification; /* as it was recorded */
    struct comparison comparison;             /* with itself */
    struct comparison against;                /* with the live database */
    struct text against_tables;               /* names, one a line */
};

/* 0: recorded, as verify.h has it: GOOD, DAMAGED, MISSING, or UNDECIDED with the reason in why. -1:
 * what ends all. Of a kind that cannot be drilled (globals, data alone): ERR_USAGE. */
int drill_run(const struct drill_spec *spec, struct drill_result *out, struct err *why,
              struct err *err) MUST_USE;
void drill_result_release(struct drill_result *result);
/* Would the next drill fare no better? A server's error is that of one backup here. */
bool drill_ends_all(enum err_kind kind);
/* Can there be a drill of it at all? */
bool drill_is_possible(const struct catalog_artifact *artifact);

#endif
