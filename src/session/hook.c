/*
 * All of it is base/process.h: a session of its own, which is ended as a whole, and lines of output.
 * What is added is what a hook may know and how long it may take.
 */
#define _GNU_SOURCE /* memfd_create */
#include "session/hook.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/process.h"

#include <sys/mman.h>
#include <unistd.h>

/* Variables that go out by name alone: process.h reads "NAME" as "remove it". */
static void add_secrets(const struct settings *settings, struct strlist *env)
{
    static const char *const known[] = {"PGPASSWORD", "PGSSLPASSWORD", "AWS_ACCESS_KEY_ID",
                                        "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        strlist_add(env, known[i]);
    /* And those that the configuration reads secrets from. */
    for (size_t i = 0; i < settings->source_count; i++) {
        if (settings->sources[i].password_env != NULL)
            strlist_add(env, settings->sources[i].password_env);
    }
    for (size_t i = 0; i < settings->store_count; i++) {
        const struct store_settings *store = &settings->stores[i];
        const char *const names[] = {store->access_key_env, store->secret_key_env,
                                     store->session_token_env};
        for (size_t j = 0; j < 3; j++) {
            if (names[j] != NULL)
                strlist_add(env, names[j]);
        }
    }
    for (size_t i = 0; i < settings->notifier_count; i++) {
        const struct notifier_settings *notifier = &settings->notifiers[i];
        if (notifier->url_env != NULL)
            strlist_add(env, notifier->url_env);
        if (notifier->secret_env != NULL)
            strlist_add(env, notifier->secret_env);
    }
}

/* In memory, so that a hook which does not read it holds nobody up. */
static int document_fd(const char *document, struct err *err)
{
    int fd = memfd_create("pgkeep-hook",
                          MFD_CLOEXEC); /* becomes 0 of the child, and that stays */
    if (fd >= 0 && file_write_all(fd, document, strlen(document)) == 0 &&
        lseek(fd, 0, SEEK_SET) == 0)
        return fd;
    err_errno(err, ERR_SYSTEM, "cannot prepare its input");
    file_close(&fd);
    return -1;
}

/* Whatever it says, on either of its outputs, stands in our log under its name. */
static void log_line(void *context, const char *line)
{
    log_info("%s: %s", (const char *)context, line);
}

int hook_run(const struct hook_spec *spec, struct err *err)
{
    struct strlist arguments = {0}, env = {0};
    char name[64];
    int result = -1;
    if (spec->arguments->count == 0)
        return 0;
    /* What it must not inherit, then what it is told, then itself. */
    add_secrets(spec->settings, &env);
    for (size_t i = 0; i < spec->facts->count; i++)
        strlist_add(&env, spec->facts->items[i]);
    for (size_t i = 0; i < spec->arguments->count; i++)
        strlist_add(&arguments, spec->arguments->items[i]);

    /* Its time is a node of its own below the run's: whichever comes first ends it. */
    struct cancel *limit =
        cancel_new(spec->cancel, clock_monotonic_ms() + spec->timeout_s * 1000, err);
    int fd = limit != NULL ? document_fd(spec->document, err) : -1;
    /* Both outputs are one, in the order in which it wrote them. */
    if (fd >= 0) {
        (void)snprintf(name, sizeof name, "hook %s", spec->name);
        struct process_spec program = {.argv =
                                           (const char *const *)strlist_argv(&arguments),
                                       .env = (const char *const *)strlist_argv(&env),
                                       .stdin_fd = fd,
                                       .merge_output = true,
                                       .on_stderr = log_line,
                                       .context = name,
                                       .cancel = limit};
        struct process *process = process_start(&program, err);
        result = process != NULL ? process_finish(process, err) : -1;
        process_free(process);
    }
    /* A hook that took too long is a hook that failed; only the run's own end is a
     * cancel. */
    if (result < 0 && err->kind == ERR_CANCELLED && !cancel_requested(spec->cancel))
        err->kind = ERR_SYSTEM;
    if (result < 0)
        err_context(err, "hook %s", spec->name);
    file_close(&fd);
    cancel_free(limit);
    strlist_release(&arguments);
    strlist_release(&env);
    return result;
}
