/*
 * programs - which pg_dump, and with it pg_dumpall, pg_restore and psql of the same folder.
 *
 * Looked at are bin_dir (itself, else its NN/bin), PATH, and the folders of Debian's packages,
 * /usr/lib/postgresql/NN/bin. Wherever it lies, one of the server's own major is best: what
 * a newer pg_dump writes, an older server does not always read. Then the nearest newer one;
 * an older one refuses to dump. Of one major the newest minor, and of equal ones the first
 * place. A bin_dir that has none to dump the server with is an error.
 */
#ifndef PGKEEP_POSTGRES_PROGRAMS_H
#define PGKEEP_POSTGRES_PROGRAMS_H

#include "base/err.h"

struct programs {
    char *pg_dump, *pg_dumpall, *pg_restore, *psql;
    char *version; /* "15.18" of pg_dump */
    /* What is not as it should be with dumps that it makes of this server: it is of a newer
     * major, or its minor is older than the server's. One sentence; NULL: nothing. */
    char *warning;
};

/* server_version_num as of libpq; 0: whatever the first place has, of several the newest.
 * bin_dir may be NULL. ERR_DATABASE naming the package to install. */
int programs_find(const char *bin_dir, int server_version_num, struct programs *out,
                  struct err *err) MUST_USE;
void programs_release(struct programs *programs);
/* The folder of server programs (initdb, postgres) of this major or the nearest newer one, in the
 * same places; heap. NULL: ERR_DATABASE naming the package to install. */
char *programs_find_server(const char *bin_dir, int server_version_num,
                           struct err *err) MUST_USE;

/* The same, with the folder of the packages elsewhere: for tests. */
struct programs_places {
    const char *bin_dir;       /* NULL or "": none */
    const char *system_folder; /* holds NN/bin */
};
int programs_find_in(const struct programs_places *places, int server_version_num,
                     struct programs *out, struct err *err) MUST_USE;

#endif
