/*
 * pin - what a person decides about an artifact: it is protected from every deletion until a
 * time or for good, or that ends; or what made it suspect is as it should be. In the catalog and
 * in every store that holds a copy, so that other machines respect it.
 *
 * Reads the stores first (state_sync.h): a pin of another machine that is not known here yet is
 * older than this decision. A store that does not answer keeps nobody from pinning; it is
 * told by the next `catalog sync`.
 */
#ifndef PGKEEP_PRUNE_PIN_H
#define PGKEEP_PRUNE_PIN_H

#include "session/session.h"

struct pin_spec {
    struct session *session;
    const char *id;     /* full */
    bool accept;        /* clears `suspect` instead of pinning (RETENTION 6) */
    bool pinned;        /* false: unpin */
    int64_t until;      /* seconds UTC; 0: for ever */
    const char *reason; /* NULL: none */
};

/* 0: the catalog says so; *untold counts the stores (with a complete copy) that could not
 * be told, each with a warning. ERR_USAGE when the artifact is not complete, and when one that
 * is to be accepted is not suspect. */
int pin_run(const struct pin_spec *spec, size_t *untold, struct err *err) MUST_USE;

#endif
