/*
 * depot_session - a run in a depot: what every operation of depot_prune and depot_repair is
 * given.
 */
#ifndef PGKEEP_TESTS_DEPOT_SESSION_H
#define PGKEEP_TESTS_DEPOT_SESSION_H

#include "session/session.h"
#include "tests/support/depot.h"

/* With the settings of the depot; NULL with depot->err. End it with session_end. */
struct session *depot_session(struct depot *depot, const struct session_spec *spec);

#endif
