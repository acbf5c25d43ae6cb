/*
 * owner - which process holds something: a running backup, a lease, a lock file.
 *
 *     owner_self -> owner_text -> (stored, read by another process)
 *     -> owner_parse -> owner_state
 *
 * A pid alone says little: it is reused after its process ended, and means nothing on
 * another machine, after a reboot, or in another container. An owner therefore is host,
 * boot, pid namespace, pid and the time its process started. Any thread; read from /proc.
 */
#ifndef PGKEEP_BASE_OWNER_H
#define PGKEEP_BASE_OWNER_H

#include "base/err.h"

#define OWNER_SIZE 360 /* of the text, with its NUL */

struct owner {
    int64_t pid;
    int64_t start;         /* clock ticks since boot: field 22 of /proc/PID/stat */
    int64_t pid_namespace; /* inode of /proc/self/ns/pid */
    char boot[40];         /* /proc/sys/kernel/random/boot_id */
    char host[256];
};

enum owner_state {
    OWNER_DEAD, /* surely gone: ended, a zombie, its pid is another's, or before a reboot */
    OWNER_ALIVE,  /* surely there */
    OWNER_UNKNOWN /* another machine or container: only a lock shared with it can tell */
};

/* Ourselves. After fork the child must ask again. */
int owner_self(struct owner *owner, struct err *err) MUST_USE;
/* "PID:START:NAMESPACE:BOOT:HOST"; returns out. */
const char *owner_text(char out[OWNER_SIZE], const struct owner *owner);
/* 0, or -1 when it is no such text. */
int owner_parse(const char *text, struct owner *owner) MUST_USE;
/* How it is now. Asking about ourselves is OWNER_ALIVE. */
enum owner_state owner_state(const struct owner *owner);
/* The same for a text; NULL and what cannot be parsed is OWNER_UNKNOWN. */
enum owner_state owner_text_state(const char *text);
/* "dead" "alive" "unknown" */
const char *owner_state_name(enum owner_state state);

#endif
