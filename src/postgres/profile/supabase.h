/*
 * supabase - what is known of Supabase projects, as data: their addresses, what of a project is the
 * platform's, and what no dump of the database can hold.
 *
 * A project is a PostgreSQL database in which schemas, roles and extensions of the platform stand
 * beside the user's. What of them belongs into a backup, and what a project that is restored into
 * has already, stands in the tables of supabase.c (after the lists of Supabase's own command line
 * tool; when the platform changes, those tables change). Pure: nothing is connected to. Any thread.
 */
#ifndef PGKEEP_POSTGRES_PROFILE_SUPABASE_H
#define PGKEEP_POSTGRES_PROFILE_SUPABASE_H

#include "base/text.h"

/* `profile` of a source; auto: by the host. */
enum source_profile { PROFILE_AUTO, PROFILE_NONE, PROFILE_SUPABASE };

enum supabase_address {
    SUPABASE_NOT,    /* another host */
    SUPABASE_DIRECT, /* db.<ref>.supabase.co:5432, the server itself; IPv6 unless paid for */
    SUPABASE_SESSION,    /* the pooler, a session of the server for each client */
    SUPABASE_TRANSACTION /* port 6543: can neither be dumped through nor restored */
};
enum supabase_address supabase_address(const char *host, const char *port);
/* For people: "the server itself", "the pooler in session mode" … */
const char *supabase_address_name(enum supabase_address address);
/* The project's reference (20 letters) in "db.<ref>.supabase.co"; NULL: none. Not terminated. */
const char *supabase_reference(const char *host);

/* Is a source of this profile at this host (may be NULL) treated as a project? */
bool supabase_is_meant(enum source_profile profile, const char *host);

/* Patterns of pg_dump, NULL at the end: schemas that are not dumped, and tables of which only the
 * definition is. */
extern const char *const supabase_schemas_not_dumped[];
extern const char *const supabase_tables_without_rows[];

/* ---- what is the platform's, for a restore into a project ---- */

/* A schema whose tables, functions and rights every project has already. */
bool supabase_owns_schema(const char *schema);
/* A schema that a restore brings only when it is asked for by name: the history of migrations. */
bool supabase_keeps_back(const char *schema);
/* A role that every project has, or that its platform makes. */
bool supabase_owns_role(const char *role);
/* An extension that cannot be made anywhere but by the platform. */
bool supabase_owns_extension(const char *extension);
/* A publication that the platform makes. */
bool supabase_owns_publication(const char *publication);

/* Sentences, NULL at the end: what was not dumped of the database, and what is not in it at all. */
extern const char *const supabase_left_out[];
extern const char *const supabase_elsewhere[];

#endif
