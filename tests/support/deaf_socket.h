/*
 * deaf_socket - a service that is frozen: the kernel connects whoever comes and takes what fits
 * into its buffers, and nobody reads or answers.
 */
#ifndef PGKEEP_TESTS_DEAF_SOCKET_H
#define PGKEEP_TESTS_DEAF_SOCKET_H

#define DEAF_SOCKET_URL 40

/* Listens on a free port of 127.0.0.1; its address goes into url. What is wrong ends the test
 * (Check). To be closed by the caller. */
int deaf_socket(char url[DEAF_SOCKET_URL]);

#endif
