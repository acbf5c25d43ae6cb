/*
 * catalog_rig - what each test of the catalog stands on: a catalog of its own, an error, and a
 * store, fresh for every test.
 *
 *     tcase_add_checked_fixture(tcase, catalog_rig_begin, catalog_rig_end);
 */
#ifndef PGKEEP_TESTS_CATALOG_RIG_H
#define PGKEEP_TESTS_CATALOG_RIG_H

#include "catalog/artifacts.h"
#include "tests/support/catalogs.h"

#include <check.h>

struct catalog_rig {
    struct catalogs files;
    struct catalog *catalog; /* of `files` */
    struct err err;          /* of the last call that failed */
    int64_t store;           /* "nas"; catalog_rig_begin_empty: 0 */
};
extern struct catalog_rig here;

/* A call that must succeed. */
#define OK(call) ck_assert_msg((call) == 0, "%s", here.err.text)

void catalog_rig_begin(void);
void catalog_rig_begin_empty(void); /* without a store */
void catalog_rig_end(void);

/* Rows as they are now; the caller releases them. */
struct catalog_copy catalog_rig_copy(int64_t id);
struct catalog_artifact
catalog_rig_artifact(unsigned n); /* catalogs_id(n), with all there is */
enum catalog_copy_state catalog_rig_copy_state(int64_t id);
enum catalog_status catalog_rig_status(unsigned n);
/* Of all copies, artifacts and leases. */
void catalog_rig_set_owner(const char *owner);
int64_t catalog_rig_number(const char *sql);

#endif
