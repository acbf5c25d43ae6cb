/*
 * sigv4_vectors - runs the signer over a folder of test vectors that is no part of the
 * project: SET/CASE folders with a context.json, in the format of awslabs/aws-c-auth.
 *
 * A case is known by its context.json alone, no name is built in. A context whose service
 * is "s3" means S3's rules, any other the generic ones. header-*.txt is signing by header,
 * query-*.txt presigning. A request.txt that is no request (the streaming examples) is read
 * from the canonical request instead.
 */
#ifndef PGKEEP_TESTS_SIGV4_VECTORS_H
#define PGKEEP_TESTS_SIGV4_VECTORS_H

#include "base/err.h"

/* PGKEEP_SIGV4_VECTORS, or ../shared/sigv4 from the root of the checkout that the program
 * (or, failing that, the working folder) is in. Heap; NULL: no root found. */
char *sigv4_vectors_folder(void) MUST_USE;
/* Runs every case below the folder; prints a line per mismatch on stdout. False: there is
 * no such folder. */
bool sigv4_vectors_run(const char *folder, unsigned *cases, unsigned *failed);

#endif
