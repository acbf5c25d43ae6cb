/*
 * cli_rig - whole command lines in a child of the test: what they print and how they end.
 * They see the depot's configuration, its stores in memory, and servers of fake_libpq.h.
 */
#ifndef PGKEEP_TESTS_CLI_RIG_H
#define PGKEEP_TESTS_CLI_RIG_H

#include "tests/support/depot.h"

#include <jansson.h>

struct cli_said {
    int status;
    char *out, *err;
    json_t *json; /* `out` as a document; NULL: it is none */
};
/* The words of `line` are parted by blanks, and none has one in it. depot NULL: without a
 * configuration. The depot's catalog is opened anew afterwards. */
struct cli_said cli_rig_run(struct depot *depot, const char *line);
/* The same with words that may hold anything, NULL behind the last. */
struct cli_said cli_rig_run_words(struct depot *depot, const char *const *words);
void cli_said_release(struct cli_said *said);

/* A number, text or boolean at a path of keys and indexes, "artifacts.0.id", as text; "null"
 * for null, "-" where there is nothing. Static, four in turn. */
const char *cli_said_at(const struct cli_said *said, const char *path);

#endif
