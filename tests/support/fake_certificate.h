/* fake_certificate - an authority and one certificate by it, made anew for a test. */
#ifndef PGKEEP_TESTS_FAKE_CERTIFICATE_H
#define PGKEEP_TESTS_FAKE_CERTIFICATE_H

#include "base/err.h"

#include <openssl/ssl.h>

/* A server's context with a certificate for the host name. The authority's certificate is
 * written to the file ca_path (PEM). NULL: failed. */
SSL_CTX *fake_certificate_context(const char *host, const char *ca_path,
                                  struct err *err) MUST_USE;

#endif
