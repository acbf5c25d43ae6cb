/*
 * redact - user and password inside the URLs of endpoints and proxies: are there any, and
 * the URL without them. (Connection strings: postgres/conninfo.h.) Any thread.
 */
#ifndef PGKEEP_CONFIG_REDACT_H
#define PGKEEP_CONFIG_REDACT_H

#include "base/err.h"
#include "base/text.h"

/* True when the part before the host holds a '@'. */
bool redact_url_has_password(const char *url);
void redact_url(const char *url, struct text *out);

#endif
