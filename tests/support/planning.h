/*
 * planning - short ways to say a case for the retention planner, and a random one.
 *
 *     planning_init -> planning_add ... -> planning_run -> planning_verdict, planning_reasons
 *     (add and run again as often as wanted) -> planning_release
 *
 * Everything that is wrong with a case itself ends the test program with a line that says
 * so.
 */
#ifndef PGKEEP_TESTS_PLANNING_H
#define PGKEEP_TESTS_PLANNING_H

#include "retention/explain.h"
#include "retention/guard.h"
#include "retention/plan.h"
#include "tests/support/dice.h"

#define PLANNING_ID_SIZE 16

struct planning {
    struct retention_policy policy;
    struct retention_artifact *artifacts;
    size_t count, capacity;
    struct strlist ids; /* of all that were ever added: the artifacts borrow them */
    int64_t now;
    struct retention_plan *plan; /* of the last run, or NULL */
};

/* policy: "keep_last=3 timezone=Europe/Berlin"; now: RFC 3339. */
void planning_init(struct planning *planning, const char *policy, const char *now);
void planning_release(struct planning *planning);
/* Another policy for the same artifacts. */
void planning_set_policy(struct planning *planning, const char *policy);
/* A complete copy of 100 bytes in group "g" with the next seq; time NULL: unknown. The
 * pointer is good until the next add. */
struct retention_artifact *planning_add(struct planning *planning, const char *id,
                                        const char *time);
/* The same with an id of its own and a time in seconds. */
struct retention_artifact *planning_add_at(struct planning *planning, int64_t time);
/* A copy of all artifacts of another one, with its policy and now. */
void planning_copy(struct planning *planning, const struct planning *from);
void planning_remove(struct planning *planning, size_t index);
void planning_run(struct planning *planning);

size_t planning_index(const struct planning *planning, const char *id);
/* "keep", "remove" or "ignore". */
const char *planning_verdict(const struct planning *planning, const char *id);
/* The reasons joined by "; "; heap. */
char *planning_reasons(const struct planning *planning, const char *id);
/* The ids that stay, in order of the plan, joined by spaces; heap. */
char *planning_kept(const struct planning *planning);
bool planning_keeps(const struct planning *planning, size_t index);

/* What a random case may hold. */
enum planning_option {
    PLANNING_ONLY_GOOD = 1, /* all complete, no flags, none from the future */
    PLANNING_NO_CAP = 2,    /* no max_total_size */
    PLANNING_UTC = 4,
    PLANNING_RULE_ON = 8,      /* at least one rule that chooses */
    PLANNING_NO_CALENDAR = 16, /* no months or years */
    PLANNING_ONE_GROUP = 32
};
/* Fills an initialised but empty planning with a policy and up to 40 artifacts. */
void planning_random_policy(struct planning *planning, struct dice *random,
                            unsigned options);
void planning_random_artifacts(struct planning *planning, struct dice *random,
                               unsigned options);

/* The verdict of each artifact by the words of the contract alone, quadratic and with the C
 * library's time zones: a second opinion that shares no code with retention/. Writes
 * enum retention_verdict, one per artifact. UTC or the zone of the policy. */
void planning_naive(const struct planning *planning, uint8_t *verdicts);

#endif
