/*
 * fake_gate - what may stand between a client and a service on loopback: a proxy, TLS, or
 * another address.
 *
 * It listens on a free port of 127.0.0.1, and all that comes goes to 127.0.0.1:`port`,
 * whatever host was asked for; so names that exist nowhere can be used. One thread per
 * connection. Any thread may call anything here. TLS makes the program ignore SIGPIPE.
 */
#ifndef PGKEEP_TESTS_FAKE_GATE_H
#define PGKEEP_TESTS_FAKE_GATE_H

#include "base/err.h"

struct fake_gate;

/* A proxy for CONNECT and for plain requests (one per connection: the service must close).
 * login: "user:password" in base64 that it wants, or NULL. */
struct fake_gate *fake_gate_proxy(int port, const char *login, struct err *err) MUST_USE;
/* Takes TLS, with a certificate for `host` by an authority made for this gate alone, whose
 * own certificate is written to the file ca_path. */
struct fake_gate *fake_gate_tls(int port, const char *host, const char *ca_path,
                                struct err *err) MUST_USE;
/* Passes everything on, and listens on [::1]. NULL where there is no IPv6. */
struct fake_gate *fake_gate_ipv6(int port, struct err *err) MUST_USE;
int fake_gate_port(const struct fake_gate *gate);
unsigned fake_gate_count(struct fake_gate *gate); /* connections so far */
/* The first line of the last request of a proxy; heap, "" when there was none. */
char *fake_gate_line(struct fake_gate *gate) MUST_USE;
void fake_gate_free(struct fake_gate *gate); /* NULL-safe; ends every connection */

#endif
