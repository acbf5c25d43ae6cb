#define _XOPEN_SOURCE 700 /* realpath */
#include "postgres/dump.h"

#include "base/file.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/process.h"

#include <dirent.h>
#include <limits.h>
#include <unistd.h>

#define SYSTEM_FOLDER "/usr/lib/postgresql"

struct candidate {
    char *folder;
    char *version; /* "15.18" */
    int major;
};

struct search {
    int wanted;              /* major; 0: any, the newest */
    struct candidate best;   /* of those that are new enough */
    struct candidate newest; /* of those that are not: for the error */
};

static void release_candidate(struct candidate *candidate)
{
    free(candidate->folder);
    free(candidate->version);
    *candidate = (struct candidate){0};
}

/* "pg_dump (PostgreSQL) 15.18 (Debian …)" -> "15.18" and 15. */
static bool parse_version(const char *line, struct candidate *out)
{
    const char *start = strstr(line, ") ");
    if (start == NULL)
        return false;
    start += 2;
    long major = strtol(start, NULL, 10);
    if (major < 9 || major > 999)
        return false;
    out->major = (int)major;
    out->version = memory_strndup(start, strcspn(start, " \n"));
    return true;
}

static bool ask_version(const char *folder, struct candidate *out)
{
    struct err ignored = {0};
    struct text line;
    char *program = file_join(folder, "pg_dump");
    const char *argv[] = {program, "--version", NULL};
    struct process_spec spec = {.argv = argv};
    text_init(&line, 4096);
    bool good = access(program, X_OK) == 0 && process_run(&spec, &line, &ignored) == 0 &&
                parse_version(line.data, out);
    if (good)
        out->folder = memory_strdup(folder);
    text_release(&line);
    free(program);
    return good;
}

/* Takes the candidate over. */
static void consider(struct search *search, struct candidate *candidate)
{
    bool fits = candidate->major >= search->wanted;
    struct candidate *slot = fits ? &search->best : &search->newest;
    bool smallest = fits && search->wanted > 0;
    bool better = slot->folder == NULL || (smallest ? candidate->major < slot->major
                                                    : candidate->major > slot->major);
    if (better) {
        struct candidate old = *slot;
        *slot = *candidate;
        *candidate = old;
    }
    release_candidate(candidate);
}

static void look_into(struct search *search, const char *folder)
{
    struct candidate candidate = {0};
    if (ask_version(folder, &candidate))
        consider(search, &candidate);
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
    DIR *entries = opendir(folder);
    if (entries == NULL)
        return;
    for (struct dirent *entry; (entry = readdir(entries)) != NULL;) {
        char *rest;
        long major = strtol(entry->d_name, &rest, 10);
        if (major < 9 || (*rest != '\0' && *rest != '.'))
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
    char *program = process_find("pg_dump");
    if (program == NULL)
        return;
    char *real = realpath(program, NULL);
    if (real != NULL && !text_ends_with(real, "/pg_wrapper")) {
        char *folder = file_folder(program);
        look_into(search, folder);
        free(folder);
    }
    free(real);
    free(program);
}

static void run_search(struct search *search, const char *bin_dir)
{
    if (bin_dir != NULL && *bin_dir != '\0') {
        look_below(search, bin_dir);
        return;
    }
    look_on_path(search);
    if (search->best.folder == NULL)
        look_below(search, SYSTEM_FOLDER);
}

static int fail(const struct search *search, const char *bin_dir, struct err *err)
{
    const char *where =
        bin_dir != NULL && *bin_dir != '\0' ? bin_dir : "PATH and " SYSTEM_FOLDER;
    if (search->newest.folder != NULL)
        err_set(err, ERR_DATABASE,
                "pg_dump %s is too old for a server of version %d (looked in %s)",
                search->newest.version, search->wanted, where);
    else if (search->wanted > 0)
        err_set(err, ERR_DATABASE, "no pg_dump for a server of version %d (looked in %s)",
                search->wanted, where);
    else
        err_set(err, ERR_DATABASE, "no pg_dump (looked in %s)", where);
    if (search->wanted > 0)
        return err_hint(err, "install the package postgresql-client-%d, or set pg_bin_dir",
                        search->wanted);
    return err_hint(err, "install the package postgresql-client, or set pg_bin_dir");
}

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

int programs_find(const char *bin_dir, int server_version_num, struct programs *out,
                  struct err *err)
{
    struct search search = {.wanted = server_version_num / 10000};
    *out = (struct programs){0};
    run_search(&search, bin_dir);
    int result = search.best.folder == NULL ? fail(&search, bin_dir, err)
                                            : take(&search.best, out, err);
    if (result < 0)
        programs_release(out);
    release_candidate(&search.best);
    release_candidate(&search.newest);
    return result;
}

void programs_release(struct programs *programs)
{
    free(programs->pg_dump);
    free(programs->pg_dumpall);
    free(programs->pg_restore);
    free(programs->psql);
    free(programs->version);
    *programs = (struct programs){0};
}
