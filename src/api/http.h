/*
 * http - HTTP on the addresses of `listen`, by libmicrohttpd with threads of its own.
 *
 *     http_new, before serve's loop and with its signals blocked -> http_wake_fd into that loop
 *     -> http_free
 *
 * Only loopback and unix sockets are taken: what is said is not encrypted. Bounds: connections, time of
 * an idle one, headers, bodies. A Host that is no name of this machine's loopback is refused, so that a
 * page from elsewhere cannot reach us under a name of its own (DNS rebinding).
 */
#ifndef PGKEEP_API_HTTP_H
#define PGKEEP_API_HTTP_H

#include "config/settings.h"

struct http;

/* args: the command line, by which settings are read again for each request. NULL with err. */
struct http *http_new(const struct settings *settings, const struct config_args *args,
                      struct err *err) MUST_USE;
void http_free(struct http *http); /* NULL-safe; ends requests under way */
/* An eventfd, readable when serve has something to look at; -1: no server. NULL-safe. */
int http_wake_fd(const struct http *http);
/* Is this Host one of loopback's, with or without a port? */
bool http_knows_host(const char *host);

#endif
