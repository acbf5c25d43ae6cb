/*
 * From rows to "is it well?", in steps: jobs and their databases, what needs somebody's
 * eyes, and, with both known, what is too old.
 */
#include "report/health.h"

#include "base/memory.h"
#include "catalog/artifact_group.h"
#include "report/artifact_name.h"

#include <fnmatch.h>

const char *health_what_name(enum health_what what)
{
    static const char *const names[HEALTH_WHATS] = {
        [HEALTH_ABANDONED] = "abandoned",     [HEALTH_SUSPECT] = "suspect",
        [HEALTH_QUARANTINED] = "quarantined", [HEALTH_FAILED] = "failed",
        [HEALTH_MISSING] = "missing",         [HEALTH_DAMAGED] = "damaged",
        [HEALTH_DELETING] = "deleting",       [HEALTH_LOCKED] = "locked",
        [HEALTH_BLOCKED] = "blocked",
    };
    return names[what];
}

int64_t health_age(const struct health *health, const struct catalog_artifact *artifact)
{
    return health->now > artifact->time ? health->now - artifact->time : 0;
}

/* ---- jobs and their databases ---- */

static struct health_job *add_job(struct health *health, const char *name)
{
    memory_grow(&health->jobs, &health->job_capacity, health->job_count + 1,
                sizeof(*health->jobs));
    struct health_job *job = &health->jobs[health->job_count++];
    *job = (struct health_job){.name = name, .type = dump_type_name(DUMP_FULL)};
    return job;
}

static struct health_job *job_of(struct health *health, const char *name)
{
    for (size_t i = 0; i < health->job_count; i++) {
        if (strcmp(health->jobs[i].name, name) == 0)
            return &health->jobs[i];
    }
    return add_job(health, name);
}

/* filters_hash: of a partial one, else "". */
static struct health_group *group_of(struct health_job *job, const char *database,
                                     const char *type, const char *filters_hash)
{
    const char *globals = dump_type_name(DUMP_GLOBALS);
    for (size_t i = 0; i < job->group_count; i++) {
        struct health_group *group = &job->groups[i];
        if (strcmp(group->database, database) == 0 && strcmp(group->type, type) == 0 &&
            strcmp(group->filters_hash, filters_hash) == 0)
            return group;
    }
    memory_grow(&job->groups, &job->group_capacity, job->group_count + 1,
                sizeof(*job->groups));
    struct health_group *group = &job->groups[job->group_count++];
    *group = (struct health_group){
        .database = database,
        .type = type,
        .filters_hash = filters_hash,
        .regular = *filters_hash == '\0' &&
                   (strcmp(type, job->type) == 0 || strcmp(type, globals) == 0)};
    return group;
}

static struct health_group *group_of_artifact(struct health_job *job,
                                              const struct catalog_artifact *artifact)
{
    return group_of(job, artifact->database, artifact->type,
                    catalog_artifact_is_partial(artifact) ? artifact->filters_hash : "");
}

bool health_is_filtered(const struct health_group *group)
{
    const struct catalog_artifact *newest = group->good ? group->good : group->tried;
    return newest && newest->filters.count > 0;
}

static bool is_excluded(const struct source_settings *source, const char *database)
{
    for (size_t i = 0; i < source->exclude_databases.count; i++) {
        if (fnmatch(source->exclude_databases.items[i], database, 0) == 0)
            return true;
    }
    return false;
}

/* Databases that are named, not found by a pattern, and the globals. */
static void expect(struct health_job *job, const struct source_settings *source,
                   const char *type)
{
    for (size_t i = 0; source && i < source->databases.count; i++) {
        const char *database = source->databases.items[i];
        if (!strpbrk(database, "*?") && !is_excluded(source, database))
            group_of(job, database, type, "")->expected = true;
    }
    if (source && source->globals)
        group_of(job, "", dump_type_name(DUMP_GLOBALS), "")->expected = true;
}

static void add_configured(struct health *health, const struct settings *settings,
                           const struct job_settings *configured)
{
    struct health_job *job = add_job(health, configured->name);
    job->configured = true;
    job->type = dump_type_name(configured->type);
    if (configured->source)
        expect(job, settings_source(settings, configured->source), job->type);
}

static bool is_good(const struct catalog_artifact *artifact, int64_t now)
{
    if (artifact->status != CATALOG_COMPLETE || artifact->suspect ||
        artifact->quarantined || artifact->time == 0 ||
        artifact->time > now + HEALTH_FUTURE_S)
        return false;
    for (size_t i = 0; i < artifact->copy_count; i++) {
        if (artifact->copies[i].state == CATALOG_COPY_COMPLETE)
            return true;
    }
    return false;
}

/* They come newest first: what is set already is newer. */
static void count_artifact(struct health *health, const struct catalog_artifact *artifact)
{
    struct health_job *job = job_of(health, artifact_name_job(artifact));
    struct health_group *group = group_of_artifact(job, artifact);
    if (artifact->status == CATALOG_RUNNING) {
        memory_grow(&health->running, &health->running_capacity, health->running_count + 1,
                    sizeof(const struct catalog_artifact *));
        health->running[health->running_count++] = artifact;
        return;
    }
    if (!group->tried)
        group->tried = artifact;
    if (group->good || !is_good(artifact, health->now))
        return;
    group->good = artifact;
    if (!job->good && group->regular && strcmp(group->type, job->type) == 0)
        job->good = artifact;
}

static bool group_is_too_old(const struct health *health, const struct health_job *job,
                             const struct health_group *group)
{
    bool goes_on =
        group->expected || group->good == job->good || group->tried != group->good;
    return group->regular && goes_on &&
           (!group->good || health_age(health, group->good) > health->max_age_s);
}

static void judge_job(struct health *health, struct health_job *job)
{
    job->too_old = !job->good;
    for (size_t i = 0; i < job->group_count; i++) {
        struct health_group *group = &job->groups[i];
        group->too_old = group_is_too_old(health, job, group);
        job->too_old = job->too_old || group->too_old;
    }
    health->too_old = health->too_old || job->too_old;
}

/* Without anything to watch there is no good backup either: that is too old. */
static void judge(struct health *health, const struct health_spec *spec)
{
    size_t watched = 0;
    for (size_t i = 0; i < health->job_count; i++) {
        struct health_job *job = &health->jobs[i];
        job->watched = job->configured || spec->job || !health->any_configured;
        if (!job->watched)
            continue;
        watched++;
        if (spec->max_age_s != HEALTH_NO_LIMIT)
            judge_job(health, job);
    }
    if (watched == 0 && spec->max_age_s != HEALTH_NO_LIMIT)
        health->too_old = true;
}

/* ---- problems ---- */

static struct health_problem *add_problem(struct health *health, enum health_what what,
                                          const struct catalog_artifact *artifact,
                                          const struct catalog_copy *copy)
{
    memory_grow(&health->problems, &health->problem_capacity, health->problem_count + 1,
                sizeof(*health->problems));
    struct health_problem *problem = &health->problems[health->problem_count++];
    *problem = (struct health_problem){.what = what, .artifact = artifact, .copy = copy};
    return problem;
}

static void look_at_artifact(struct health *health, const struct catalog_artifact *artifact)
{
    if (artifact->status == CATALOG_RUNNING && artifact->owner_state == OWNER_DEAD)
        add_problem(health, HEALTH_ABANDONED, artifact, NULL)->since =
            artifact->progress.updated ? artifact->progress.updated : artifact->started;
    if (artifact->suspect)
        add_problem(health, HEALTH_SUSPECT, artifact, NULL)->since = artifact->finished;
    if (artifact->quarantined)
        (void)add_problem(health, HEALTH_QUARANTINED, artifact, NULL);
}

static void add_broken(struct health *health, enum health_what what,
                       const struct catalog_artifact *artifact,
                       const struct catalog_copy *copy)
{
    struct health_problem *problem = add_problem(health, what, artifact, copy);
    problem->since = copy->verified;
    problem->reason = copy->verified_error;
}

static void add_removal(struct health *health, enum health_what what,
                        const struct catalog_artifact *artifact,
                        const struct catalog_copy *copy)
{
    struct health_problem *problem = add_problem(health, what, artifact, copy);
    problem->since = copy->marked;
    problem->reason = copy->error;
    problem->until = what == HEALTH_LOCKED ? copy->locked_until : 0;
}

/* Is this copy one that the newest good backup of its database should have? Older ones are
 * history. */
static bool is_of_newest(struct health *health, const struct catalog_artifact *artifact)
{
    struct health_job *job = job_of(health, artifact_name_job(artifact));
    return group_of_artifact(job, artifact)->good == artifact;
}

static void look_at_copy(struct health *health, const struct catalog_artifact *artifact,
                         const struct catalog_copy *copy)
{
    bool stuck = copy->attempts > 0 || health->now - copy->marked > HEALTH_STUCK_S;
    switch (copy->state) {
    case CATALOG_COPY_MISSING:
        add_broken(health, HEALTH_MISSING, artifact, copy);
        break;
    case CATALOG_COPY_DAMAGED:
        add_broken(health, HEALTH_DAMAGED, artifact, copy);
        break;
    case CATALOG_COPY_DELETING:
        if (stuck)
            add_removal(health, HEALTH_DELETING, artifact, copy);
        break;
    case CATALOG_COPY_LOCKED:
        add_removal(health, HEALTH_LOCKED, artifact, copy);
        break;
    case CATALOG_COPY_BLOCKED:
        add_removal(health, HEALTH_BLOCKED, artifact, copy);
        break;
    case CATALOG_COPY_FAILED:
        if (is_of_newest(health, artifact))
            add_problem(health, HEALTH_FAILED, artifact, copy)->reason = copy->error;
        break;
    case CATALOG_COPY_UPLOADING: /* of a running artifact it is told with the artifact */
        if (artifact->status != CATALOG_RUNNING && copy->owner_state == OWNER_DEAD)
            add_problem(health, HEALTH_ABANDONED, artifact, copy)->since = copy->updated;
        break;
    case CATALOG_COPY_COMPLETE:
    case CATALOG_COPY_DELETED:
    case CATALOG_COPY_STATES:
        break;
    }
}

static bool has_artifact_since(const struct catalog_artifacts *artifacts, const char *job,
                               int64_t since)
{
    for (size_t i = 0; i < artifacts->count; i++) {
        const struct catalog_artifact *artifact = &artifacts->items[i];
        if (artifact->started >= since && strcmp(artifact_name_job(artifact), job) == 0)
            return true;
    }
    return false;
}

/* A run that failed once an artifact was there is told by that artifact. */
static void find_failed_run(struct health_job *job, const struct catalog_runs *runs,
                            const struct catalog_artifacts *artifacts)
{
    for (size_t i = 0; runs && i < runs->count; i++) {
        const struct catalog_run *run = &runs->items[i];
        if (!run->job || strcmp(run->job, job->name) != 0)
            continue;
        if (run->exit_status > 0 && !has_artifact_since(artifacts, job->name, run->started))
            job->failed_run = run;
        return;
    }
}

static bool is_asked_for(const struct health_spec *spec, const char *job)
{
    return !spec->job || strcmp(spec->job, job) == 0;
}

void health_init(struct health *health, const struct catalog_artifacts *artifacts,
                 const struct health_spec *spec)
{
    *health = (struct health){.now = spec->now,
                              .max_age_s = spec->max_age_s,
                              .any_configured = spec->settings->job_count > 0};
    for (size_t i = 0; i < spec->settings->job_count; i++) {
        if (is_asked_for(spec, spec->settings->jobs[i].name))
            add_configured(health, spec->settings, &spec->settings->jobs[i]);
    }
    for (size_t i = 0; i < artifacts->count; i++) {
        if (is_asked_for(spec, artifact_name_job(&artifacts->items[i])))
            count_artifact(health, &artifacts->items[i]);
    }
    for (size_t i = 0; i < artifacts->count; i++) {
        const struct catalog_artifact *artifact = &artifacts->items[i];
        if (!is_asked_for(spec, artifact_name_job(artifact)))
            continue;
        look_at_artifact(health, artifact);
        for (size_t j = 0; j < artifact->copy_count; j++)
            look_at_copy(health, artifact, &artifact->copies[j]);
    }
    for (size_t i = 0; i < health->job_count; i++)
        find_failed_run(&health->jobs[i], spec->runs, artifacts);
    judge(health, spec);
}

void health_release(struct health *health)
{
    for (size_t i = 0; i < health->job_count; i++)
        free(health->jobs[i].groups);
    free(health->jobs);
    free(health->running);
    free(health->problems);
    *health = (struct health){0};
}
