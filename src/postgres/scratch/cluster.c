/*
 * Settings go onto the command line of the server, so that nothing of its configuration has to be
 * written. What ends it asks nobody: its data are a copy of a backup.
 */
#include "postgres/scratch/cluster.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/process.h"
#include "base/ulid.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define PREFIX "pgkeep-drill-"
#define SOCKET "/.s.PGSQL.5432.lock" /* the longest name in the folder */

enum {
    STEP_MS = 20,
    READY_MS = 60000, /* a slow disk; nothing has to be recovered */
    END_MS = 3000,    /* between SIGQUIT and SIGKILL */
    MIB = 1024 * 1024
};

struct cluster {
    char *folder;
    struct process *process;
    struct process_user user;
    bool other; /* it runs as `user` */
};

/* ---- the folder ---- */

char *cluster_folder(struct err *err)
{
    const char *parent = getenv("TMPDIR");
    unsigned char random[8];
    struct text path;
    /* /var/tmp rather than /tmp, which often is memory. */
    if (parent == NULL || *parent != '/')
        parent = "/var/tmp";
    ulid_random(random, sizeof random);
    text_init(&path, 4096);
    text_addf(&path, "%s/" PREFIX, parent);
    text_add_hex(&path, random, sizeof random);
    /* A socket's path has 107 bytes (unix(7)). */
    if (path.length + strlen(SOCKET) < sizeof((struct sockaddr_un *)NULL)->sun_path)
        return text_finish(&path);
    err_set(err, ERR_SYSTEM, "%s is too long a path for a socket", parent);
    err_hint(err, "set TMPDIR to a shorter one");
    text_release(&path);
    return NULL;
}

bool cluster_is_folder(const char *folder)
{
    const char *slash = strrchr(folder, '/');
    return *folder == '/' && slash != NULL && text_starts_with(slash + 1, PREFIX) &&
           strstr(folder, "/../") == NULL;
}

/* Whom it runs as. */
static int find_user(struct cluster *cluster, struct err *err)
{
    static const char *const names[] = {"postgres", "nobody"};
    cluster->other = geteuid() == 0;
    for (size_t i = 0; cluster->other && i < sizeof names / sizeof *names; i++) {
        const struct passwd *user = getpwnam(names[i]);
        if (user == NULL || user->pw_uid == 0)
            continue;
        cluster->user = (struct process_user){user->pw_uid, user->pw_gid};
        return 0;
    }
    return !cluster->other ? 0
                           : err_set(err, ERR_SYSTEM,
                                     "a server cannot run as root, and there is no user "
                                     "\"postgres\" or \"nobody\"");
}

static int make_folder(const struct cluster *cluster, const char *path, struct err *err)
{
    if (mkdir(path, 0700) < 0)
        return err_errno(err, ERR_SYSTEM, "cannot make %s", path);
    /* Never through a link: the folder it lies in may be that user's already. */
    if (cluster->other && lchown(path, cluster->user.uid, cluster->user.gid) < 0)
        return err_errno(err, ERR_SYSTEM, "cannot give %s away", path);
    return 0;
}

char *cluster_add_folder(const struct cluster *cluster, const char *name, struct err *err)
{
    char *path = file_join(cluster->folder, name);
    if (make_folder(cluster, path, err) == 0)
        return path;
    free(path);
    return NULL;
}

/* ---- its programs ---- */

static void log_line(void *context, const char *line)
{
    log_debug("%s: %s", (const char *)context, line);
}

/* Nothing of our environment is meant for it. */
static const char *const environment[] = {"LC_ALL=C",     "PGDATA",    "PGPORT",
                                          "PGUSER",       "PGOPTIONS", "PGPASSWORD",
                                          "PGSYSCONFDIR", NULL};

static int init(const struct cluster *cluster, const struct cluster_spec *spec,
                const char *data, struct err *err)
{
    char *program = file_join(spec->bin_dir, "initdb");
    const char *argv[] = {program,      "-D",
                          data,         "-U",
                          "postgres",   "--auth=trust",
                          "--locale=C", "--encoding=UTF8",
                          "--no-sync",  NULL};
    /* It takes a second or two and is left to its end, whatever ends us: what it runs has shared
     * memory that only an orderly end removes. */
    struct process_spec process = {.argv = argv,
                                   .env = environment,
                                   .on_stderr = log_line,
                                   .context = (void *)(uintptr_t) "initdb",
                                   .merge_output = true,
                                   .survives = true,
                                   .user = cluster->other ? &cluster->user : NULL,
                                   .cancel = spec->cancel};
    int result = process_run(&process, NULL, err);
    free(program);
    if (result == 0)
        return cancel_check(spec->cancel, err);
    if (err->kind == ERR_SYSTEM)
        err->kind = ERR_DATABASE;
    return err_context(err, "no cluster could be made in %s", cluster->folder);
}

/* One setting a line, as `-c` takes it. */
static void add_settings(struct strlist *argv, const struct cluster *cluster,
                         const struct cluster_spec *spec)
{
    static const char *const fixed[] = {
        "listen_addresses=", "port=5432", "unix_socket_permissions=0700",
        /* Nothing of it has to survive. */
        "fsync=off", "synchronous_commit=off", "full_page_writes=off", "wal_level=minimal",
        "max_wal_senders=0", "archive_mode=off", "restart_after_crash=off",
        /* Memory that a kill would leave in /dev/shm lies in the folder instead. */
        "dynamic_shared_memory_type=mmap",
        /* Rows are counted once: statistics are of no use, and checkpoints neither. */
        "autovacuum=off", "max_wal_size=1GB", "checkpoint_timeout=1h",
        "logging_collector=off", "log_destination=stderr", "max_locks_per_transaction=256",
        "jit=off"};
    for (size_t i = 0; i < sizeof fixed / sizeof *fixed; i++) {
        strlist_add(argv, "-c");
        strlist_add(argv, fixed[i]);
    }
    /* A quarter for its buffers; the restore's sessions take half for making indexes. */
    uint64_t buffers = spec->memory / 4 / MIB;
    strlist_add(argv, "-c");
    strlist_addf(argv, "shared_buffers=%lluMB",
                 (unsigned long long)(buffers < 1 ? 1 : buffers));
    strlist_add(argv, "-c");
    strlist_addf(argv, "maintenance_work_mem=%lluMB",
                 (unsigned long long)(buffers < 4 ? 4 : buffers));
    strlist_add(argv, "-c");
    strlist_addf(argv, "max_connections=%u", spec->sessions + 16);
    strlist_add(argv, "-c");
    strlist_addf(argv, "unix_socket_directories=%s", cluster->folder);
}

/* postmaster.pid says in its eighth line how far it is, as pg_ctl reads it. */
static bool is_ready(const char *data)
{
    char *path = file_join(data, "postmaster.pid");
    struct text text;
    struct err ignored = {0};
    bool absent = false;
    text_init(&text, 4096);
    bool ready = file_read(path, &text, &absent, &ignored) == 0 && !absent &&
                 strstr(text.data, "\nready") != NULL;
    text_release(&text);
    free(path);
    return ready;
}

static int run_server(struct cluster *cluster, const struct cluster_spec *spec,
                      const char *data, struct err *err)
{
    struct strlist argv = {0};
    char *program = file_join(spec->bin_dir, "postgres");
    strlist_add(&argv, program);
    strlist_add(&argv, "-D");
    strlist_add(&argv, data);
    add_settings(&argv, cluster, spec);
    struct process_spec process = {.argv = (const char *const *)strlist_argv(&argv),
                                   .env = environment,
                                   .on_stderr = log_line,
                                   .context = (void *)(uintptr_t) "postgres",
                                   .merge_output = true,
                                   .end_signal = SIGQUIT,
                                   .user = cluster->other ? &cluster->user : NULL,
                                   .cancel = spec->cancel};
    int64_t end = clock_monotonic_ms() + READY_MS;
    cluster->process = process_start(&process, err);
    strlist_release(&argv);
    free(program);
    while (cluster->process != NULL && !is_ready(data)) {
        if (process_ended(cluster->process)) {
            /* It said why. */
            if (process_finish(cluster->process, err) == 0)
                err_set(err, ERR_SYSTEM, "it ended");
            err->kind = ERR_DATABASE;
            return err_context(err, "the server in %s did not start", cluster->folder);
        }
        if (clock_monotonic_ms() >= end)
            return err_set(err, ERR_DATABASE, "the server in %s is not ready after %d s",
                           cluster->folder, READY_MS / 1000);
        if (!cancel_sleep_ms(spec->cancel, STEP_MS))
            return cancel_check(spec->cancel, err);
    }
    return cluster->process != NULL ? 0 : -1;
}

struct cluster *cluster_start(const struct cluster_spec *spec, struct err *err)
{
    struct cluster *cluster = memory_zalloc(sizeof *cluster);
    char *data = file_join(spec->folder, "data");
    cluster->folder = memory_strdup(spec->folder);
    int result = find_user(cluster, err);
    if (result == 0)
        result = make_folder(cluster, spec->folder, err);
    if (result == 0)
        result = init(cluster, spec, data, err);
    if (result == 0)
        result = run_server(cluster, spec, data, err);
    free(data);
    if (result == 0)
        return cluster;
    cluster_stop(cluster);
    return NULL;
}

char *cluster_conninfo(const struct cluster *cluster, const char *database)
{
    /* The folder is made of our own letters but for TMPDIR: quotes and backslashes as libpq has
     * them. */
    struct text text;
    text_init(&text, 8192);
    text_add(&text, "host='");
    for (const char *at = cluster->folder; *at != '\0'; at++) {
        if (*at == '\'' || *at == '\\')
            text_add_char(&text, '\\');
        text_add_char(&text, *at);
    }
    text_addf(&text, "' port=5432 user=postgres password='' sslmode=disable dbname='%s'",
              database);
    return text_finish(&text);
}

void cluster_stop(struct cluster *cluster)
{
    if (cluster == NULL)
        return;
    process_free(cluster->process);
    free(cluster->folder);
    free(cluster);
}

/* ---- what is left of one ---- */

/* Does this process work in the folder? All of a server do: PostgreSQL makes the data folder its own. */
static bool works_in(long pid, const char *folder)
{
    char link[64], where[4096];
    size_t length = strlen(folder);
    snprintf(link, sizeof link, "/proc/%ld/cwd", pid);
    ssize_t size = readlink(link, where, sizeof where - 1);
    return size >= (ssize_t)length && memcmp(where, folder, length) == 0 &&
           (size == (ssize_t)length || where[length] == '/');
}

/* Sends a signal (0: none) to every process that works there; how many there are. */
static size_t signal_all(const char *folder, int signal)
{
    size_t count = 0;
    DIR *entries = opendir("/proc");
    for (struct dirent *entry; entries != NULL && (entry = readdir(entries)) != NULL;) {
        char *rest;
        long pid = strtol(entry->d_name, &rest, 10);
        if (pid <= 1 || *rest != '\0' || !works_in(pid, folder))
            continue;
        count++;
        if (signal != 0)
            (void)kill((pid_t)pid, signal);
    }
    if (entries != NULL)
        closedir(entries);
    return count;
}

/* The server itself, which ends the others and removes its shared memory. What initdb runs (a
 * negative number in its place) ends by itself. */
static void end_server(const char *folder)
{
    struct text text;
    struct err ignored = {0};
    bool absent = false;
    char *path = memory_format("%s/data/postmaster.pid", folder);
    text_init(&text, 4096);
    if (file_read(path, &text, &absent, &ignored) == 0 && !absent) {
        long pid = strtol(text.data, NULL, 10);
        if (pid > 1 && works_in(pid, folder))
            (void)kill((pid_t)pid, SIGQUIT);
    }
    text_release(&text);
    free(path);
}

/* All in an open folder, never through a link. */
static int empty_folder(int fd)
{
    DIR *entries = fdopendir(fd);
    int result = entries == NULL ? -1 : 0;
    if (entries == NULL)
        file_close(&fd);
    for (struct dirent *entry; result == 0 && (entry = readdir(entries)) != NULL;) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        if (unlinkat(dirfd(entries), entry->d_name, 0) == 0 || errno == ENOENT)
            continue;
        int below = openat(dirfd(entries), entry->d_name,
                           O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (below < 0 || empty_folder(below) < 0 ||
            unlinkat(dirfd(entries), entry->d_name, AT_REMOVEDIR) < 0)
            result = -1;
    }
    if (entries != NULL)
        closedir(entries);
    return result;
}

int cluster_remove(const char *folder, struct err *err)
{
    if (!cluster_is_folder(folder))
        return err_set(err, ERR_SYSTEM, "%s is no folder of a drill", folder);
    /* An end in which each still removes what it has, then one that nobody is asked about. */
    int64_t end = clock_monotonic_ms() + END_MS;
    end_server(folder);
    for (int signal = 0; signal_all(folder, signal) > 0;) {
        struct timespec step = {0, STEP_MS * 1000000L};
        (void)nanosleep(&step, NULL);
        signal = clock_monotonic_ms() < end ? 0 : SIGKILL;
        if (clock_monotonic_ms() >= end + END_MS)
            return err_set(err, ERR_SYSTEM, "processes in %s do not end", folder);
    }
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT)
        return 0;
    if (fd < 0 || empty_folder(fd) < 0 || rmdir(folder) < 0)
        return err_errno(err, ERR_SYSTEM, "cannot remove %s", folder);
    return 0;
}
