/*
 * redact - passwords inside connection strings and URLs: are there any, and the text
 * without them. Connection strings are read by libpq itself, so both forms (key=value and
 * postgresql://) work as they do there. Any thread.
 */
#ifndef PGKEEP_CONFIG_REDACT_H
#define PGKEEP_CONFIG_REDACT_H

#include "base/err.h"
#include "base/text.h"

/* 0 when libpq can read it: key=value words, a postgresql:// URI, or a bare database name.
 * ERR_USAGE; the text never holds any part of a string that seems to have a password in it. */
int redact_conninfo_check(const char *conninfo, struct err *err) MUST_USE;
/* True for password= and sslpassword=, and (to be safe) for what cannot be read. */
bool redact_conninfo_has_password(const char *conninfo);
/* The string with every password as ***; what cannot be read becomes "(hidden)". */
void redact_conninfo(const char *conninfo, struct text *out);

/* True when the part before the host holds a '@'. */
bool redact_url_has_password(const char *url);
void redact_url(const char *url, struct text *out);

#endif
