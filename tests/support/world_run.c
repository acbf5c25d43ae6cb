/* The calls into operations: what they are given and return changes here and nowhere else. */
#include "tests/support/world.h"

#include "backup/export.h"
#include "base/cancel.h"
#include "base/memory.h"
#include "copy/verify.h"

#include <check.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

/* A run that is none of an own kind; ends the test when it cannot begin. */
static struct session *begin(struct world *world, const char *kind)
{
    struct session_spec spec = {
        .settings = &world->settings, .kind = kind, .catalog = SESSION_WRITE};
    err_clear(&world->err);
    struct session *session = session_begin(&spec, &world->err);
    ck_assert_msg(session != NULL, "%s", world->err.text);
    return session;
}

static int end(struct world *world, struct session *session, int result)
{
    world->exit_status = session_end(session, result < 0 ? OUTCOME_FAILED : OUTCOME_DONE,
                                     result < 0 ? &world->err : NULL);
    return result;
}

/* ---- backup ---- */

static void tell_phase(void *context, const char *phase)
{
    struct world *world = context;
    strlist_addf(&world->told, "phase %s", phase);
    if (world->on_phase != NULL)
        world->on_phase(world, phase);
}

static void tell_begin(void *context, const struct catalog_artifact *artifact,
                       const struct meter *meter)
{
    struct world *world = context;
    ck_assert_uint_eq(atomic_load(&meter->raw_bytes), 0);
    strlist_addf(&world->told, "begin %s", artifact->database);
}

static void tell_end(void *context)
{
    struct world *world = context;
    strlist_add(&world->told, "end");
}

static void tell_done(void *context, const struct backup_result *result)
{
    struct world *world = context;
    strlist_addf(&world->told, "done %s", result->database);
}

int world_backup(struct world *world, const char *job)
{
    struct observer observer = {.artifact = tell_begin,
                                .phase = tell_phase,
                                .artifact_end = tell_end,
                                .context = world};
    struct session_spec base = {.settings = &world->settings, .observer = &observer};
    struct backup_spec spec = {.job = job, .done = tell_done, .context = world};
    struct backup_tally tally = {0};
    struct err why = {0};
    backup_results_release(&world->backups);
    err_clear(&world->err);
    struct session *session = backup_begin(&spec, &base, &world->err);
    if (session == NULL)
        return -1;
    int result = backup_job(session, &spec, &world->backups, &world->err);
    backup_tally_add(&tally, settings_job(&world->settings, job), &world->backups,
                     result < 0 ? &world->err : NULL);
    world->exit_status = session_end(session, backup_outcome(&tally, &why), &why);
    return result;
}

struct lock *world_lock(struct world *world, const char *job)
{
    struct lock_spec spec = {.catalog = world->settings.catalog,
                             .kind = LOCK_JOB,
                             .name = job,
                             .command = "somebody's backup"};
    struct lock *lock = lock_take(&spec, &world->err);
    ck_assert_msg(lock != NULL, "%s", world->err.text);
    return lock;
}

const char *world_id(const struct world *world)
{
    size_t count = world->backups.count;
    return count > 0 ? world->backups.items[count - 1].id : "";
}

const char *world_take(struct world *world)
{
    ck_assert_msg(world_backup(world, "nightly") == 0, "%s", world->err.text);
    ck_assert_uint_ge(world->backups.count, 1);
    const struct backup_result *last = &world->backups.items[world->backups.count - 1];
    ck_assert_msg(last->outcome == BACKUP_GOOD, "%s", last->err.text);
    strlist_add(&world->kept, last->id);
    return world->kept.items[world->kept.count - 1];
}

/* ---- copies ---- */

int world_copy(struct world *world, const char *id, const char *from, const char *to)
{
    struct session *session = begin(world, "copy");
    struct copy_artifact_spec spec = {.session = session, .id = id, .from = from, .to = to};
    return end(world, session, copy_artifact_run(&spec, &world->copied, &world->err));
}

static const struct catalog_copy *copy_in(const struct catalog_artifact *artifact,
                                          const char *store)
{
    for (size_t i = 0; i < artifact->copy_count; i++) {
        if (strcmp(artifact->copies[i].store, store) == 0)
            return &artifact->copies[i];
    }
    ck_abort_msg("no copy of %s in %s", artifact->id, store);
    return NULL;
}

int world_verify(struct world *world, const char *id, const char *store,
                 enum catalog_level level)
{
    const struct catalog_artifact *artifact = world_load(world, id);
    struct session *session = begin(world, "verify");
    struct verify_spec spec = {.session = session,
                               .artifact = artifact,
                               .copy = copy_in(artifact, store),
                               .level = level};
    verify_release(&world->checked);
    return end(world, session,
               verify_copy(&spec, &world->checked, &world->why, &world->err));
}

/* The id as a user would see it told. */
static void tell_checked(void *context, const struct catalog_artifact *artifact,
                         const struct catalog_copy *copy,
                         const struct catalog_verification *verification)
{
    struct world *world = context;
    strlist_addf(&world->told, "%s %s %s", artifact->id, copy->store,
                 catalog_result_name(verification->result));
}

int world_verify_all(struct world *world, const struct world_verify_all *what,
                     struct verify_all_result *result)
{
    struct session_spec base = verify_all_session(&(struct verify_all_spec){0});
    struct strlist names = {0};
    struct err why = {0};
    base.settings = &world->settings;
    err_clear(&world->err);
    struct session *session = session_begin(&base, &world->err);
    ck_assert_msg(session != NULL, "%s", world->err.text);
    for (size_t i = 0; what->names[i] != NULL; i++)
        strlist_add(&names, what->names[i]);
    struct verify_all_spec spec = {.session = session,
                                   .names = &names,
                                   .job = what->job,
                                   .among.store = what->store,
                                   .level = what->level,
                                   .checked = tell_checked,
                                   .context = world};
    int done = verify_all(&spec, result, &world->err);
    enum outcome outcome = verify_all_outcome(result, &why);
    strlist_release(&names);
    world->exit_status = done < 0 ? session_end(session, OUTCOME_FAILED, &world->err)
                                  : session_end(session, outcome, &why);
    return done;
}

struct copy_reader *world_open(struct world *world, const char *id,
                               const struct copy_reader_spec *spec)
{
    struct copy_reader_spec from = *spec;
    from.artifact = world_load(world, id);
    from.purpose = "being tested";
    /* Open until the next one is opened: the reader needs it. */
    if (world->reading != NULL)
        (void)session_end(world->reading, OUTCOME_DONE, NULL);
    from.session = world->reading = begin(world, "fetch");
    return copy_reader_open(&from, &world->err);
}

static int add_bytes(void *context, const void *data, size_t size, struct err *err)
{
    (void)err;
    text_add_bytes(context, data, size);
    return 0;
}

int world_read(struct world *world, struct copy_reader *reader, enum copy_reader_form form,
               struct text *out)
{
    struct stream_sink sink = {.write = add_bytes, .context = out};
    ck_assert_msg(reader != NULL, "%s", world->err.text);
    err_clear(&world->err);
    int result = copy_reader_run(reader, form, sink, NULL, &world->err);
    copy_reader_close(reader);
    return result;
}

static struct repository *open_repository(struct world *world, const char *store)
{
    struct repository_spec spec = {
        .settings = &world->settings, .catalog = world->catalog, .name = store};
    struct repository *repository = repository_open(&spec, &world->err);
    ck_assert_msg(repository != NULL, "%s", world->err.text);
    return repository;
}

int world_recover_store(struct world *world, const char *store, bool thorough,
                        struct recover_counts *counts)
{
    struct repository *repository = open_repository(world, store);
    err_clear(&world->err);
    int result = recover_store(world->catalog, repository, thorough, counts, &world->err);
    repository_close(repository);
    return result;
}

void world_recover_job(struct world *world, const char *job)
{
    struct repository_list list = {0};
    struct strlist names = {0};
    strlist_add(&names, "nas");
    strlist_add(&names, "offsite");
    struct session *session = begin(world, "backup");
    ck_assert_msg(session_repositories(session, &names, false, &list, &world->err) == 0,
                  "%s", world->err.text);
    recover_job(world->catalog, &list, job);
    repository_list_release(&list);
    strlist_release(&names);
    (void)end(world, session, 0);
}

/* ---- back out ---- */

int world_restore(struct world *world, const char *id, const struct restore_spec *spec)
{
    struct restore_spec restore = *spec;
    struct restore_done done = {0};
    struct observer observer = {.phase = tell_phase, .context = world};
    struct session_spec run_spec = {.settings = &world->settings,
                                    .kind = "restore",
                                    .catalog = SESSION_WRITE,
                                    .observer = &observer};
    restore.from.artifact = world_load(world, id);
    err_clear(&world->err);
    restore.from.session = session_begin(&run_spec, &world->err);
    ck_assert_msg(restore.from.session != NULL, "%s", world->err.text);
    world->restoring = restore.from.session;
    int result = restore_run(&restore, &done, &world->err);
    world->restoring = NULL;
    memory_replace(&world->store, done.store);
    memory_replace(&world->database, done.database);
    restore_done_release(&done);
    return end(world, restore.from.session, result);
}

int world_export(struct world *world, const char *id, const struct world_export *spec)
{
    struct export_spec export = {
        .from = {.artifact = world_load(world, id), .store = spec->store},
        .form = spec->form,
        .output = spec->output,
        .fd = spec->fd,
        .force = spec->force};
    free(world->store);
    world->store = NULL;
    export.from.session = begin(world, "fetch");
    return end(world, export.from.session, export_run(&export, &world->store, &world->err));
}

/* ---- ends ---- */

void world_cancel(struct world *world)
{
    (void)world;
    cancel_trip(NULL, CANCEL_SIGTERM);
}

/* Across a fork no handle of SQLite may be used. */
bool world_killed(struct world *world, int (*act)(struct world *world), int *result)
{
    int status = 0, found[2];
    int done = 0;
    ck_assert_int_eq(pipe(found), 0);
    catalog_close(world->catalog);
    pid_t child = fork();
    ck_assert_int_ge(child, 0);
    if (child == 0) {
        world->catalog = catalogs_open(&world->catalogs);
        done = act(world);
        ssize_t written = write(found[1], &done, sizeof done);
        _exit(written == (ssize_t)sizeof done ? 0 : 1);
    }
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    close(found[1]);
    bool told = read(found[0], &done, sizeof done) == (ssize_t)sizeof done;
    close(found[0]);
    world->catalog = world->catalogs.catalog = catalogs_open(&world->catalogs);
    bool killed = WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
    ck_assert_msg(killed || told, "the child ended with status %x", (unsigned)status);
    if (result != NULL)
        *result = done;
    return killed;
}
