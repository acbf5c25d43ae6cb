/*
 * cli - from argv to an exit status: process set-up, command table, dispatch, errors
 * printed once.
 */
#ifndef PGKEEP_CLI_H
#define PGKEEP_CLI_H

/* The whole program; call it once, from main, before any thread. */
int cli_run(int argc, char **argv);

#endif
