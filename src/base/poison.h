/* Functions that overrun buffers, keep hidden state, or start a shell: not in pgkeep. */
#ifndef PGKEEP_BASE_POISON_H
#define PGKEEP_BASE_POISON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#pragma GCC poison strcpy strcat sprintf strtok gmtime localtime atoi system popen

#endif
