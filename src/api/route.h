/*
 * route - the table of what can be asked, and the one way through it: access, session, answer.
 *
 *     GET  session            who is logged in        POST, DELETE   log in, log out
 *     GET  artifacts[/ID]     list, one               GET  status jobs runs[/N] metrics events
 *     GET  sources stores policies                    secrets hidden
 *     POST jobs/NAME/run|enable|disable, artifacts/ID/cancel, runs/N/cancel
 *                                                     with the session's X-CSRF-Token
 *
 * All but the log-in want a session, all that write also its CSRF word. Documents are those of
 * report/, as --json prints them; failures are problem documents (RFC 9457) with the error's kind.
 */
#ifndef PGKEEP_API_ROUTE_H
#define PGKEEP_API_ROUTE_H

#include "api/request.h"

enum route_needs {
    ROUTE_OPEN = 1,   /* nobody need be logged in */
    ROUTE_WRITES = 2, /* the catalog is opened for writing */
};

struct route {
    const char *method, *pattern; /* "artifacts/<id>": a segment of its own for each <> */
    unsigned needs;
    const char *summary;
    int (*answer)(struct request *request, struct err *err);
};
extern const struct route route_table[];
extern const size_t route_count;

/* Fits the path the pattern? What stands for * is put into `segments` (heap, to be freed). */
bool route_fits(const char *pattern, const char *path, char *segments[REQUEST_SEGMENTS]);
/* Fills status and document or text. */
void route_answer(struct request *request);
/* The status of an error. */
unsigned route_status(enum err_kind kind);

#endif
