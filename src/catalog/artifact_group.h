/*
 * artifact_group - which artifacts are each other's history: what retention plans together,
 * what counts for a floor, what is normal (RETENTION section 3).
 */
#ifndef PGKEEP_CATALOG_ARTIFACT_GROUP_H
#define PGKEEP_CATALOG_ARTIFACT_GROUP_H

#include "catalog/artifacts.h"

/* "JOB/DATABASE/TYPE", and for a dump with filters "JOB/DATABASE/TYPE (filtered: 1a2b3c4d)":
 * what retention plans together. Where there is no job its place has "SOURCE@ORIGIN":
 * databases of one name on two servers are not each other's history. Heap. */
char *catalog_artifact_group(const struct catalog_artifact *artifact) MUST_USE;

/* Was it made with filters that only a command line asked for (pairs.h)? Such a one is
 * nobody's regular backup: status and `latest` look past it (CONTRACT-NOTES 28). */
bool catalog_artifact_is_partial(const struct catalog_artifact *artifact);

/* A group by its parts, and up to where in its history. */
struct catalog_group {
    const char *job, *source, *database, *type;
    const char *origin;       /* it and source count only where job is "" */
    const char *filters_hash; /* "" or NULL: none */
    int64_t before_seq;       /* 0: all of it */
};
struct catalog_normal {
    size_t count; /* how many there were; 0: the next three are 0 */
    uint64_t raw_bytes;
    /* CATALOG_UNKNOWN_ROWS when none was counted: a custom archive tells neither */
    int64_t table_count, row_count;
    int64_t most_tables; /* that any of the group ever held, suspect and deleted ones too */
};
/* What is normal for a group (RETENTION section 6): medians of its last `limit` complete ones
 * before `before_seq` that are not suspect themselves - else a broken source would soon be
 * normal. One that was accepted is where normal begins anew. */
int catalog_artifact_normal(struct catalog *catalog, const struct catalog_group *group,
                            size_t limit, struct catalog_normal *out,
                            struct err *err) MUST_USE;

#endif
