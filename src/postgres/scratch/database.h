/*
 * database - what a drill makes on a server, and how its database goes again.
 */
#ifndef PGKEEP_POSTGRES_SCRATCH_DATABASE_H
#define PGKEEP_POSTGRES_SCRATCH_DATABASE_H

#include "postgres/server.h"

#define SCRATCH_PREFIX "pgkeep_drill_"     /* of every name */
#define SCRATCH_COMMENT "pgkeep drill of " /* how every comment begins */

/* What is there already, or cannot be made, is told as a warning. */
void database_add_role(struct server *server, const char *name);
void database_add_tablespace(struct server *server, const char *name, const char *folder);
void database_add_schema(struct server *server, const char *name); /* in this database */
/* One that has another comment, or whose name is none of ours, stays: ERR_DATABASE. Without any
 * comment (we died before it was set) the name is enough: it is random. That it is not there is
 * success. Sessions in it are ended; subscriptions in it, which were never connected, go first.
 * conninfo: how one connects to this server. */
int database_drop(struct server *server, const char *conninfo, const char *name,
                  struct err *err) MUST_USE;

#endif
