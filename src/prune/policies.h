/*
 * policies - which retention policy applies where: that of the job for this store, else
 * that of the job, else the one named "default", else none, which keeps everything. A
 * policy applies as a whole; two are never merged (RETENTION section 2).
 *
 *     policies_new -> policies_for … -> policies_free
 *
 * A job that is not in the configuration (any more), and what was taken ad hoc, have the
 * policy "default". One thread.
 */
#ifndef PGKEEP_PRUNE_POLICIES_H
#define PGKEEP_PRUNE_POLICIES_H

#include "config/settings.h"
#include "retention/policy.h"

#define POLICIES_DEFAULT "default"
#define POLICIES_NONE "none"

struct policies;

struct policy {
    const char *name;                  /* "none" where nothing applies */
    struct retention_policy retention; /* const */
};

/* The settings are borrowed. */
struct policies *policies_new(const struct settings *settings) MUST_USE;
void policies_free(struct policies *policies); /* NULL-safe */

/* job "": ad hoc. Equal policies are the same pointer, which lives as long as `policies`.
 * ERR_CONFIG when its keys do not fit (zone unknown on this machine …). */
const struct policy *policies_for(struct policies *policies, const char *job,
                                  const char *store, struct err *err) MUST_USE;

#endif
