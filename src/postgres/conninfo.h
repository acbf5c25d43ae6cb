/*
 * conninfo - connection strings as texts, without a connection: libpq's key=value words, a
 * postgresql:// URI, or just the name of a database.
 *
 * libpq reads them, not we. A string that it would read otherwise than it was meant, with a
 * password in what it takes for a name (`postgresql+psycopg2://u:pw@h/db`, a URL in quotes,
 * `u:pw@h/db`, an '@' or '/' in a URL's password that is not percent-encoded), is refused.
 * No error quotes a string that may hold a password. ERR_USAGE; any thread.
 */
#ifndef PGKEEP_POSTGRES_CONNINFO_H
#define PGKEEP_POSTGRES_CONNINFO_H

#include "base/err.h"
#include "base/text.h"

/* 0 when it is one. The empty string is not, though libpq would take it. */
int conninfo_check(const char *conninfo, struct err *err) MUST_USE;
/* True for password=, sslpassword= and the like, and (to be safe) for what is refused. */
bool conninfo_has_secret(const char *conninfo);
/* Would a password show if this text, given in a wrong place, were quoted? By its looks: a
 * URL with an '@', `…:…@`, `password=`. */
bool conninfo_may_be(const char *text);

/* With every secret as ***; what is refused becomes "(hidden)". */
void conninfo_redact(const char *conninfo, struct text *out);
/* Without any secret: for catalog, manifest and logs. As it was when it holds none. Heap;
 * NULL when refused. */
char *conninfo_public(const char *conninfo, struct err *err) MUST_USE;
/* With this password instead of its own; password NULL: a copy. Heap, a secret: memory_wipe
 * it. NULL when refused. */
char *conninfo_with_password(const char *conninfo, const char *password,
                             struct err *err) MUST_USE;

/* Leading to this database instead of its own, whatever characters it holds. Heap, with its
 * secrets: memory_wipe it. NULL when refused. */
char *conninfo_with_database(const char *conninfo, const char *database,
                             struct err *err) MUST_USE;

/* What it says for a keyword that is no secret ("host"), else what libpq's variable for it says;
 * heap. NULL: neither does, or it is refused. */
char *conninfo_value(const char *conninfo, const char *keyword) MUST_USE;
/* Its dbname, else that of its service, PGDATABASE, else the user; heap. */
char *conninfo_database(const char *conninfo, struct err *err) MUST_USE;
/* The dbname that stands in it, heap; NULL: none does, or it is refused. */
char *conninfo_own_database(const char *conninfo) MUST_USE;
/* Whether anything but the user's name says it: dbname, a service, PGDATABASE, PGSERVICE. */
bool conninfo_names_database(const char *conninfo);

/* For connections and for children: conninfo without password in `argument` (heap, for
 * --dbname=), PGPASSWORD=… etc. in env ("NAME=value" and "NAME" to remove, among them
 * PGOPTIONS, PGCLIENTENCODING and the PG* that conninfo beats). `database` (may be NULL)
 * overrides its dbname, whatever characters it holds. The env strings are secrets. */
struct conninfo_child {
    char *argument;
    struct strlist env;
    char *database; /* where it leads to */
};
int conninfo_child(const char *conninfo, const char *database, struct conninfo_child *out,
                   struct err *err) MUST_USE;
void conninfo_child_release(struct conninfo_child *child); /* wipes */

#endif
