#define _GNU_SOURCE /* memfd_create */
#include "tests/support/cli_rig.h"

#include "base/memory.h"
#include "base/text.h"
#include "cli.h"

#include <check.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

/* Nothing of the machine that runs the tests. */
static void forget_environment(void)
{
    static const char *const names[] = {"PGKEEP_CONFIG", "PGKEEP_CATALOG", "PGHOST",
                                        "PGDATABASE",    "PGUSER",         "PGSERVICE"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        unsetenv(names[i]);
    setenv("HOME", "/nonexistent", 1);
    setenv("TZ", "UTC", 1);
    setenv("XDG_CONFIG_HOME", "/nonexistent", 1);
    setenv("XDG_STATE_HOME", "/nonexistent", 1);
}

/* Ends the process. */
static void run(struct strlist *words, int out, int err)
{
    int null = open("/dev/null", O_RDWR);
    forget_environment();
    if (dup2(null, STDIN_FILENO) < 0 || dup2(out, STDOUT_FILENO) < 0 ||
        dup2(err, STDERR_FILENO) < 0)
        _exit(99);
    exit(cli_run((int)words->count, strlist_argv(words)));
}

static char *read_all(int fd)
{
    off_t size = lseek(fd, 0, SEEK_END);
    char *text = memory_alloc((size_t)size + 1);
    ck_assert_int_eq(pread(fd, text, (size_t)size, 0), size);
    text[size] = '\0';
    close(fd);
    return text;
}

static struct cli_said run_list(struct depot *depot, struct strlist *words)
{
    struct cli_said said = {0};
    int out = memfd_create("out", 0), err = memfd_create("err", 0), status = 0;
    ck_assert(out >= 0 && err >= 0);
    /* SQLite does not survive a fork. */
    if (depot != NULL)
        depot_close(depot);
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0)
        run(words, out, err);
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    if (depot != NULL)
        depot_reopen(depot);
    said.status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    said.out = read_all(out);
    said.err = read_all(err);
    said.json = json_loads(said.out, 0, NULL);
    strlist_release(words);
    return said;
}

static void begin_words(struct depot *depot, struct strlist *words)
{
    strlist_add(words, "pgkeep");
    if (depot != NULL)
        strlist_addf(words, "--config=%s", depot->config);
}

struct cli_said cli_rig_run(struct depot *depot, const char *line)
{
    struct strlist words = {0};
    begin_words(depot, &words);
    for (const char *at = line; *at != '\0'; at += strspn(at, " ")) {
        size_t size = strcspn(at, " ");
        strlist_addf(&words, "%.*s", (int)size, at);
        at += size;
    }
    return run_list(depot, &words);
}

struct cli_said cli_rig_run_words(struct depot *depot, const char *const *given)
{
    struct strlist words = {0};
    begin_words(depot, &words);
    for (; *given != NULL; given++)
        strlist_add(&words, *given);
    return run_list(depot, &words);
}

void cli_said_release(struct cli_said *said)
{
    free(said->out);
    free(said->err);
    json_decref(said->json);
    *said = (struct cli_said){0};
}

const char *cli_said_at(const struct cli_said *said, const char *path)
{
    static char texts[4][500];
    static unsigned next;
    char *text = texts[next++ % 4];
    const json_t *at = said->json;
    char key[100];
    for (size_t size = 0; *path != '\0'; path += size + (path[size] == '.')) {
        size = strcspn(path, ".");
        snprintf(key, sizeof key, "%.*s", (int)size, path);
        at = json_is_array(at) ? json_array_get(at, (size_t)strtoul(key, NULL, 10))
                               : json_object_get(at, key);
    }
    if (at == NULL)
        snprintf(text, sizeof texts[0], "-");
    else if (json_is_string(at))
        snprintf(text, sizeof texts[0], "%s", json_string_value(at));
    else if (json_is_integer(at))
        snprintf(text, sizeof texts[0], "%lld", (long long)json_integer_value(at));
    else if (json_is_array(at) || json_is_object(at))
        snprintf(text, sizeof texts[0], "%zu",
                 json_is_array(at) ? json_array_size(at) : json_object_size(at));
    else
        snprintf(text, sizeof texts[0], "%s",
                 json_is_null(at)   ? "null"
                 : json_is_true(at) ? "true"
                                    : "false");
    return text;
}
