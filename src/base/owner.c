/*
 * "Dead" is the dangerous answer, because uploads are aborted on it. It is given only when
 * this kernel says so, or when this machine has been booted since; everything else is
 * "unknown".
 */
#include "base/owner.h"

#include "base/file.h"
#include "base/parse.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#define STAT_SIZE 2048 /* /proc/PID/stat has 52 fields, about 400 bytes */

/* The first line of a small file of /proc; 0 or -1 with errno. */
static int read_line(const char *path, char *out, size_t size)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return -1;
    ssize_t received = file_read_all(fd, out, size - 1);
    file_close(&fd);
    if (received < 0)
        return -1;
    out[received] = '\0';
    out[strcspn(out, "\n")] = '\0';
    return 0;
}

/* The state letter (field 3) and the start (field 22) of a process. Its name (field 2) may
 * hold blanks and parentheses: fields are counted behind the last one. 0 or -1. */
static int read_stat(int64_t pid, char *state, int64_t *start)
{
    char path[64];
    char line[STAT_SIZE];
    snprintf(path, sizeof path, "/proc/%lld/stat", (long long)pid);
    if (read_line(path, line, sizeof line) < 0)
        return -1;
    /* proc(5): "(%s)", and whatever a program calls itself is in between. */
    char *p = strrchr(line, ')');
    if (p == NULL || p[1] != ' ' || p[2] == '\0')
        return -1;
    *state = p[2];
    p += 2;
    for (int field = 3; field < 22 && p != NULL; field++)
        p = strchr(p + 1, ' ');
    if (p == NULL)
        return -1;
    /* Ticks since boot: two processes with one pid never have the same. */
    errno = 0;
    char *end = NULL;
    long long ticks = strtoll(p + 1, &end, 10);
    if (end == p + 1 || errno != 0 || ticks < 0)
        return -1;
    *start = ticks;
    return 0;
}

/* All five, because each alone is reused or means something else elsewhere. */
int owner_self(struct owner *owner, struct err *err)
{
    struct stat status;
    char state = 0;
    *owner = (struct owner){.pid = getpid()};
    if (read_stat(owner->pid, &state, &owner->start) < 0)
        return err_set(err, ERR_SYSTEM, "cannot read /proc/%lld/stat",
                       (long long)owner->pid);
    if (stat("/proc/self/ns/pid", &status) < 0)
        return err_errno(err, ERR_SYSTEM, "cannot read /proc/self/ns/pid");
    owner->pid_namespace = (int64_t)status.st_ino;
    if (read_line("/proc/sys/kernel/random/boot_id", owner->boot, sizeof owner->boot) < 0)
        return err_errno(err, ERR_SYSTEM, "cannot read the boot id");
    if (gethostname(owner->host, sizeof owner->host) < 0)
        return err_errno(err, ERR_SYSTEM, "cannot read the host name");
    owner->host[sizeof owner->host - 1] = '\0';
    return 0;
}

/* For a column of the catalog and for lock files; the host last, as it may hold anything. */
const char *owner_text(char out[OWNER_SIZE], const struct owner *owner)
{
    snprintf(out, OWNER_SIZE, "%lld:%lld:%lld:%s:%s", (long long)owner->pid,
             (long long)owner->start, (long long)owner->pid_namespace, owner->boot,
             owner->host);
    return out;
}

/* Copies up to the next ':' and steps behind it; false when there is none or it is too
 * long. */
static bool take_field(const char **text, char *out, size_t size)
{
    size_t length = strcspn(*text, ":");
    if ((*text)[length] != ':' || length == 0 || length >= size)
        return false;
    memcpy(out, *text, length);
    out[length] = '\0';
    *text += length + 1;
    return true;
}

/* The same as a number; what is out of range was not written by us. */
static bool take_number(const char **text, int64_t min, int64_t *out)
{
    char field[24];
    struct err ignored = {0};
    return take_field(text, field, sizeof field) &&
           parse_int(field, min, INT64_MAX, out, &ignored) == 0;
}

int owner_parse(const char *text, struct owner *owner)
{
    /* The host comes last and may hold anything, colons too. */
    struct owner parsed = {0};
    if (!take_number(&text, 1, &parsed.pid) || !take_number(&text, 0, &parsed.start) ||
        !take_number(&text, 0, &parsed.pid_namespace) ||
        !take_field(&text, parsed.boot, sizeof parsed.boot) ||
        strlen(text) >= sizeof parsed.host)
        return -1;
    memcpy(parsed.host, text, strlen(text) + 1);
    *owner = parsed;
    return 0;
}

/* A process of this kernel and this pid namespace. */
static enum owner_state process_state(const struct owner *owner)
{
    char state = 0;
    int64_t start = 0;
    /* No process has such a number (proc(5): pid_max is 2^22 at most). */
    if (owner->pid > INT32_MAX)
        return OWNER_DEAD;
    if (read_stat(owner->pid, &state, &start) < 0) {
        /* With hidepid the folder of another user's process is hidden while it lives. */
        if (kill((pid_t)owner->pid, 0) < 0 && errno == ESRCH)
            return OWNER_DEAD;
        return OWNER_UNKNOWN;
    }
    /* A zombie holds nothing any more; another start is another process with the same pid. */
    bool ended = state == 'Z' || state == 'X' || state == 'x';
    return ended || start != owner->start ? OWNER_DEAD : OWNER_ALIVE;
}

enum owner_state owner_state(const struct owner *owner)
{
    struct owner self;
    struct err ignored = {0};
    /* Without knowing where we are nothing can be said of others. */
    if (owner_self(&self, &ignored) < 0)
        return OWNER_UNKNOWN;
    /* Another boot of this host: whatever ran then has ended. Another host: who knows. */
    if (strcmp(owner->boot, self.boot) != 0)
        return strcmp(owner->host, self.host) == 0 ? OWNER_DEAD : OWNER_UNKNOWN;
    /* The same kernel: namespaces tell its containers apart, host names may change. */
    if (owner->pid_namespace != self.pid_namespace)
        return OWNER_UNKNOWN;
    return process_state(owner);
}

/* For rows and files that were written before there were owners, or by something else. */
enum owner_state owner_text_state(const char *text)
{
    struct owner owner;
    if (text == NULL || owner_parse(text, &owner) < 0)
        return OWNER_UNKNOWN;
    return owner_state(&owner);
}

const char *owner_state_name(enum owner_state state)
{
    static const char *const names[] = {"dead", "alive", "unknown"};
    return names[state];
}
