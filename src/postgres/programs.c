#define _XOPEN_SOURCE 700 /* realpath */
#include "postgres/programs.h"

#include "base/file.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/process.h"

#include <dirent.h>
#include <limits.h>
#include <unistd.h>

#define SYSTEM_FOLDER "/usr/lib/postgresql"

enum { MAJOR = 10000 }; /* of server_version_num */

/* A folder with a pg_dump that says which one it is. */
struct candidate {
    char *folder;
    char *version; /* "15.18" */
    int major, minor;
};

struct search {
    int wanted;             /* major; 0: any */
    bool server;            /* only where a server can be run */
    struct candidate best;  /* of those that may dump the server */
    struct candidate older; /* the newest of those that may not: for the error */
    struct err trouble; /* of the first one that is there and cannot be asked: as well */
};

static void release_candidate(struct candidate *candidate)
{
    free(candidate->folder);
    free(candidate->version);
    *candidate = (struct candidate){0};
}

/* Is `a` the better choice? Never when they are equal: the first place stays. */
static bool is_better(int wanted, const struct candidate *a, const struct candidate *b)
{
    if (b->folder == NULL)
        return true;
    if (a->major != b->major)
        return wanted == 0 || a->major < wanted ? a->major > b->major : a->major < b->major;
    return a->minor > b->minor;
}

/* An empty text in the configuration takes the default back. */
static bool is_given(const char *bin_dir)
{
    return bin_dir != NULL && *bin_dir != '\0';
}

/* Debian's client packages bring pg_dump without a server. */
static bool has_server(const char *folder)
{
    char *initdb = file_join(folder, "initdb"), *server = file_join(folder, "postgres");
    bool both = access(initdb, X_OK) == 0 && access(server, X_OK) == 0;
    free(initdb);
    free(server);
    return both;
}

/* Asks the pg_dump of this folder, if there is one, and remembers it where it belongs. */
static void look_into(struct search *search, const char *folder)
{
    struct candidate candidate = {0};
    struct err failed = {0};
    struct text line;
    char *program = file_join(folder, "pg_dump");
    const char *argv[] = {program, "--version", NULL};
    struct process_spec spec = {.argv = argv};
    text_init(&line, 4096);
    if (access(program, X_OK) < 0 || (search->server && !has_server(folder)))
        goto cleanup;
    /* The first failure is told: others in later places are most often the same. */
    if (process_run(&spec, &line, &failed) < 0) {
        if (search->trouble.kind == ERR_NONE)
            search->trouble = failed;
        goto cleanup;
    }

    /* "pg_dump (PostgreSQL) 15.18 (Debian …)": 15.18, of 9.6.24 what server_version_num has
     * of it, of 18beta3 the major. */
    char *at = strstr(line.data, ") ");
    if (at == NULL)
        goto cleanup;
    char *version = at + 2, *end;
    long major = strtol(version, &end, 10);
    long minor = *end == '.' ? strtol(end + 1, &end, 10) : 0;
    if (major < 10 && *end == '.')
        minor = minor * 100 + strtol(end + 1, NULL, 10);
    if (major < 9 || major > 999 || minor < 0 || minor >= MAJOR)
        goto cleanup;
    candidate = (struct candidate){memory_strdup(folder),
                                   memory_strndup(version, strcspn(version, " \n")),
                                   (int)major, (int)minor};

    struct candidate *slot =
        candidate.major >= search->wanted ? &search->best : &search->older;
    if (is_better(search->wanted, &candidate, slot)) {
        release_candidate(slot);
        *slot = candidate;
        candidate = (struct candidate){0};
    }
cleanup:
    release_candidate(&candidate);
    text_release(&line);
    free(program);
}

/* The folder itself, else its NN/bin. */
static void look_below(struct search *search, const char *folder)
{
    char *program = file_join(folder, "pg_dump");
    bool here = file_exists(program);
    free(program);
    if (here) {
        look_into(search, folder);
        return;
    }
    /* As Debian lays them out: 15/bin, 16/bin. */
    DIR *entries = opendir(folder);
    if (entries == NULL)
        return;
    for (struct dirent *entry; (entry = readdir(entries)) != NULL;) {
        char *rest;
        long major = strtol(entry->d_name, &rest, 10);
        if (major < 9 || (*rest != '\0' && *rest != '.')) /* 9.6 */
            continue;
        char *below = memory_format("%s/%s/bin", folder, entry->d_name);
        look_into(search, below);
        free(below);
    }
    closedir(entries);
}

/* PATH's pg_dump, unless it is Debian's wrapper: that picks a version by rules of its own
 * and stands for the programs in SYSTEM_FOLDER. */
static void look_on_path(struct search *search)
{
    char *program = file_find_program("pg_dump");
    char *real = program == NULL ? NULL : realpath(program, NULL);
    if (real != NULL && !text_ends_with(real, "/pg_wrapper")) {
        char *folder = file_folder(program);
        look_into(search, folder);
        free(folder);
    }
    free(real);
    free(program);
}

/* An older one that is there explains more than none, and so does what kept one from running: a
 * library that is missing, or a descriptor. */
static int fail(const struct search *search, const struct programs_places *places,
                struct err *err)
{
    /* What was looked for and where; then what is known of the nearest one. */
    char version[48] = "";
    if (search->wanted > 0)
        snprintf(version, sizeof version, " for a server of version %d", search->wanted);
    char *where = is_given(places->bin_dir)
                      ? memory_strdup(places->bin_dir)
                      : memory_format("PATH and %s", places->system_folder);
    if (search->older.folder != NULL)
        err_set(err, ERR_DATABASE, "pg_dump %s is too old%s (looked in %s)",
                search->older.version, version, where);
    else
        err_set(err, ERR_DATABASE, "no pg_dump%s (looked in %s)", version, where);

    /* Its own hint stays: nothing has to be installed where descriptors are too few. */
    if (search->older.folder == NULL && search->trouble.kind != ERR_NONE) {
        char *sentence = memory_strdup(err->text);
        *err = search->trouble;
        err->kind = ERR_DATABASE;
        err_context(err, "%s", sentence);
        free(sentence);
    }
    free(where);
    if (search->wanted > 0)
        return err_hint(err, "install the package postgresql-client-%d, or set pg_bin_dir",
                        search->wanted);
    return err_hint(err, "install the package postgresql-client, or set pg_bin_dir");
}

/* The four of one folder; a package without one of them is an error. */
static int take(const struct candidate *candidate, struct programs *out, struct err *err)
{
    const struct row {
        const char *name;
        char **path;
    } rows[] = {
        {"pg_dump", &out->pg_dump},
        {"pg_dumpall", &out->pg_dumpall},
        {"pg_restore", &out->pg_restore},
        {"psql", &out->psql},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        *rows[i].path = file_join(candidate->folder, rows[i].name);
        if (access(*rows[i].path, X_OK) == 0)
            continue;
        err_errno(err, ERR_DATABASE, "%s", *rows[i].path);
        return err_hint(err, "pg_dump %s is there without %s: install postgresql-client-%d",
                        candidate->version, rows[i].name, candidate->major);
    }
    out->version = memory_strdup(candidate->version);
    log_debug("pg_dump %s from %s", candidate->version, candidate->folder);
    return 0;
}

int programs_find_in(const struct programs_places *places, int server_version_num,
                     struct programs *out, struct err *err)
{
    struct search search = {.wanted = server_version_num / MAJOR};
    bool any = search.wanted == 0;
    *out = (struct programs){0};

    /* All places, because the right major may be in the last of them. But a bin_dir that is
     * of no use at all is a mistake, not to be passed over. */
    const struct candidate *best = &search.best;
    bool given = is_given(places->bin_dir);
    if (given)
        look_below(&search, places->bin_dir);
    if (best->folder == NULL ? !given : !any)
        look_on_path(&search);
    if (best->folder == NULL ? !given : !any)
        look_below(&search, places->system_folder);
    if (given && best->folder != NULL && !text_starts_with(best->folder, places->bin_dir))
        log_info("pg_dump %s from %s is nearer to the server than that of pg_bin_dir",
                 best->version, best->folder);

    int minor = server_version_num % MAJOR;
    int result = best->folder == NULL ? fail(&search, places, err) : take(best, out, err);
    if (result < 0)
        programs_release(out);
    else if (!any && best->major > search.wanted)
        /* 17's pg_dump sets transaction_timeout, which a server of 15 does not know. */
        out->warning = memory_format(
            "pg_dump %s is newer than the server: what it writes does not restore into a "
            "server of version %d (install the package postgresql-client-%d)",
            best->version, search.wanted, search.wanted);
    else if (!any && best->minor < minor && search.wanted >= 10)
        /* 15.19 wrote of a 15.20 server a column attribute that no other version takes. */
        out->warning = memory_format(
            "pg_dump %s is older than the server, which is %d.%d: bring the package "
            "postgresql-client-%d up to date",
            best->version, search.wanted, minor, search.wanted);
    release_candidate(&search.best);
    release_candidate(&search.older);
    return result;
}

int programs_find(const char *bin_dir, int server_version_num, struct programs *out,
                  struct err *err)
{
    const struct programs_places places = {bin_dir, SYSTEM_FOLDER};
    return programs_find_in(&places, server_version_num, out, err);
}

char *programs_find_server(const char *bin_dir, int server_version_num, struct err *err)
{
    struct search search = {.wanted = server_version_num / MAJOR, .server = true};
    char *folder = NULL;
    /* What pg_bin_dir lacks may be elsewhere: it is set for the clients. */
    if (is_given(bin_dir))
        look_below(&search, bin_dir);
    look_on_path(&search);
    look_below(&search, SYSTEM_FOLDER);
    if (search.best.folder != NULL) {
        folder = memory_strdup(search.best.folder);
    } else {
        err_set(err, ERR_DATABASE,
                "no server programs (initdb, postgres) of version %d or newer",
                search.wanted);
        err_hint(err, "install the package postgresql-%d, or drill on a server with --to",
                 search.wanted);
    }
    release_candidate(&search.best);
    release_candidate(&search.older);
    return folder;
}

void programs_release(struct programs *programs)
{
    free(programs->pg_dump);
    free(programs->pg_dumpall);
    free(programs->pg_restore);
    free(programs->psql);
    free(programs->version);
    free(programs->warning);
    *programs = (struct programs){0};
}
