/*
 * run_suite - what every unit test's main ends with.
 */
#ifndef PGKEEP_TESTS_RUN_SUITE_H
#define PGKEEP_TESTS_RUN_SUITE_H

#include <check.h>

/* Runs and frees it. The process's exit status: 0 when every test passed. CK_VERBOSITY and
 * the other variables of Check hold. */
int run_suite(Suite *suite);

#endif
