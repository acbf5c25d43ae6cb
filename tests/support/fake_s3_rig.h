/*
 * fake_s3_rig - the service under test and the settings it was made with, for fake_s3's own
 * tests. One at a time: Check gives each test a process of its own.
 */
#ifndef PGKEEP_TESTS_FAKE_S3_RIG_H
#define PGKEEP_TESTS_FAKE_S3_RIG_H

#include "tests/support/s3_ask.h"

#include <check.h>

#define K "/bucket/k"
#define WHOLE "0123456789"

extern struct fake_s3 *fake;
extern struct fake_s3_settings settings;

/* The fixture: the defaults. */
void fake_s3_rig_set_up(void);
void fake_s3_rig_stop(void);
/* With `settings` as they are now; all that was stored is gone. */
void fake_s3_rig_restart(void);
/* PUT of WHOLE at K. */
struct ask fake_s3_rig_put(void);
/* Runs the suite's one case, with this fixture. A main's exit status. */
int fake_s3_rig_run(Suite *suite, TCase *tcase);

#endif
