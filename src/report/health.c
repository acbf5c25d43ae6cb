/*
 * From rows to "is it well?", in steps: jobs and their databases, what needs somebody's
 * eyes, and, with both known, what is too old.
 */
#include "report/health.h"

#include "base/memory.h"
#include "catalog/artifact_group.h"
#include "report/artifact_name.h"

#include <fnmatch.h>

/* Words of JSON and text alike. */
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

/* A backup from the future is not older than now. */
int64_t health_age(const struct health *health, const struct catalog_artifact *artifact)
{
    return health->now > artifact->time ? health->now - artifact->time : 0;
}

/* ---- jobs and their databases ---- */

/* --job narrows everything: rows, problems and the exit status. */
static bool is_asked_for(const struct health_spec *spec, const char *job)
{
    return !spec->job || strcmp(spec->job, job) == 0;
}

/* Made when it is first asked for; the configured ones are asked for first. */
static struct health_job *job_of(struct health *health, const char *name)
{
    for (size_t i = 0; i < health->job_count; i++) {
        if (strcmp(health->jobs[i].name, name) == 0)
            return &health->jobs[i];
    }
    memory_grow(&health->jobs, &health->job_capacity, health->job_count + 1,
                sizeof(*health->jobs));
    struct health_job *job = &health->jobs[health->job_count++];
    /* Of one that is not configured: full, as of an ad-hoc backup that says nothing else. */
    *job = (struct health_job){.name = name, .type = dump_type_name(DUMP_FULL)};
    return job;
}

/* filters_hash: of a partial one, else "". */
static struct health_group *group_of(struct health_job *job, const char *database,
                                     const char *type, const char *filters_hash)
{
    /* Globals belong to every job that asks for them, whatever type its backups have. */
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

/* Filters of the configuration make no group of their own: they may change any night. */
static struct health_group *group_of_artifact(struct health_job *job,
                                              const struct catalog_artifact *artifact)
{
    return group_of(job, artifact->database, artifact->type,
                    catalog_artifact_is_partial(artifact) ? artifact->filters_hash : "");
}

const char *health_missed_why(const struct health_group *group)
{
    /* What was never come to has no message: nobody was left to write one. */
    if (group->missed->outcome == CATALOG_RUN_EXPECTED)
        return "the run ended before it";
    return group->missed->message ? group->missed->message : "";
}

bool health_is_filtered(const struct health_group *group)
{
    /* Of the one that is shown in that row. */
    const struct catalog_artifact *newest = group->good ? group->good : group->tried;
    return newest && newest->filters.count > 0;
}

/* As the server is asked (fnmatch): one rule for both. */
static bool is_excluded(const struct source_settings *source, const char *database)
{
    for (size_t i = 0; i < source->exclude_databases.count; i++) {
        if (fnmatch(source->exclude_databases.items[i], database, 0) == 0)
            return true;
    }
    return false;
}

/* A job is listed although it never ran, and so are the databases that it names. */
static void add_configured(struct health *health, const struct settings *settings,
                           const struct job_settings *configured)
{
    struct health_job *job = job_of(health, configured->name);
    const struct source_settings *source =
        configured->source ? settings_source(settings, configured->source) : NULL;
    job->configured = true;
    job->type = dump_type_name(configured->type);
    /* What a pattern finds only the server knows; a name must be there. */
    for (size_t i = 0; source && i < source->databases.count; i++) {
        const char *database = source->databases.items[i];
        if (!strpbrk(database, "*?") && !is_excluded(source, database))
            group_of(job, database, job->type, "")->expected = true;
    }
    if (source && source->globals)
        group_of(job, "", dump_type_name(DUMP_GLOBALS), "")->expected = true;
}

/* Each by its name: a clock that was ahead asks for another remedy than a store that lost it. */
const char *health_doubt(const struct health *health,
                         const struct catalog_artifact *artifact)
{
    if (artifact->suspect || artifact->quarantined)
        return artifact->suspect ? "suspect" : "quarantined";
    if (artifact->time == 0)
        return "of an unknown time";
    if (artifact->time > health->now + HEALTH_FUTURE_S)
        return "from the future";
    for (size_t i = 0; i < artifact->copy_count; i++) {
        if (artifact->copies[i].state == CATALOG_COPY_COMPLETE)
            return NULL;
    }
    return "without a good copy";
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
        return; /* how it ends is not known: it counts for nothing yet */
    }
    if (!group->tried)
        group->tried = artifact;
    if (group->good || artifact->status != CATALOG_COMPLETE ||
        health_doubt(health, artifact) != NULL)
        return;
    group->good = artifact;
    /* Globals are regular too, but no backup of any data. */
    if (!job->good && group->regular && strcmp(group->type, job->type) == 0)
        job->good = artifact;
}

/* What the last run of each job should have dumped, and what became of it. An ad-hoc run says
 * nothing of the other databases that somebody backed up by hand. */
static void add_run_databases(struct health *health, const struct health_spec *spec)
{
    const struct catalog_run_databases *rows = spec->run_databases;
    for (size_t i = 0; rows != NULL && i < rows->count; i++) {
        const struct catalog_run_database *row = &rows->items[i];
        if (!row->job || strcmp(row->job, SETTINGS_ADHOC) == 0 ||
            !is_asked_for(spec, row->job))
            continue;
        struct health_job *job = job_of(health, row->job);
        struct health_group *group = group_of(job, row->database, row->type, "");
        if (!group->regular)
            continue;
        job->run_known |= strcmp(row->type, job->type) == 0;
        group->gone = row->outcome == CATALOG_RUN_GONE;
        group->expected = !group->gone;
        /* A backup of after that run, by one that is under way, has made up for it. Of one
         * whose turn never came (the run was killed, or timed out) its own may be there: the
         * process can end between a dump and its note. */
        int64_t enough =
            row->outcome == CATALOG_RUN_EXPECTED ? row->started : row->ended + 1;
        if ((row->outcome == CATALOG_RUN_MISSED || row->outcome == CATALOG_RUN_EXPECTED) &&
            (!group->good || group->good->started < enough))
            group->missed = row;
    }
}

/* --max-age, the rule of health.h. */
static void check_age(struct health *health, struct health_job *job)
{
    job->too_old = !job->good || job->failed_run;
    for (size_t i = 0; i < job->group_count; i++) {
        struct health_group *group = &job->groups[i];
        bool goes_on =
            group->expected ||
            (!job->run_known && (group->good == job->good || group->tried != group->good));
        group->too_old =
            group->regular && goes_on &&
            (!group->good || health_age(health, group->good) > health->max_age_s);
        job->too_old = job->too_old || group->too_old || group->missed;
    }
    health->too_old = health->too_old || job->too_old;
}

/* Without anything to watch there is no good backup either: that is too old. */
static void check_ages(struct health *health, const struct health_spec *spec)
{
    size_t watched = 0;
    for (size_t i = 0; i < health->job_count; i++) {
        struct health_job *job = &health->jobs[i];
        /* A job that was taken out of the configuration is history, unless asked for. */
        job->watched = job->configured || spec->job || !health->any_configured;
        if (!job->watched)
            continue;
        watched++;
        if (spec->max_age_s != HEALTH_NO_LIMIT)
            check_age(health, job);
    }
    if (watched == 0 && spec->max_age_s != HEALTH_NO_LIMIT)
        health->too_old = true;
}

/* ---- problems ---- */

/* In the order in which they are found: newest artifact first, as the list comes. */
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

/* What is wrong with the artifact as a whole. */
static void check_artifact(struct health *health, const struct catalog_artifact *artifact)
{
    if (artifact->status == CATALOG_RUNNING && artifact->owner_state == OWNER_DEAD)
        add_problem(health, HEALTH_ABANDONED, artifact, NULL)->since =
            artifact->progress.updated ? artifact->progress.updated : artifact->started;
    if (artifact->suspect)
        add_problem(health, HEALTH_SUSPECT, artifact, NULL)->since = artifact->finished;
    if (artifact->quarantined)
        (void)add_problem(health, HEALTH_QUARANTINED, artifact, NULL);
}

/* What a check found, and when: newer than why an upload once failed. */
static void add_broken(struct health *health, enum health_what what,
                       const struct catalog_artifact *artifact,
                       const struct catalog_copy *copy)
{
    struct health_problem *problem = add_problem(health, what, artifact, copy);
    problem->since = copy->verified;
    problem->reason = copy->verified_error;
}

/* Marked to go and still there: the store's last words say why. */
static void add_removal(struct health *health, enum health_what what,
                        const struct catalog_artifact *artifact,
                        const struct catalog_copy *copy)
{
    struct health_problem *problem = add_problem(health, what, artifact, copy);
    problem->since = copy->marked;
    problem->reason = copy->error;
    problem->until = what == HEALTH_LOCKED ? copy->locked_until : 0;
}

/* What is wrong with one of its copies; states in which nothing is stay silent. */
static void check_copy(struct health *health, const struct catalog_artifact *artifact,
                       const struct catalog_copy *copy)
{
    struct health_job *job;
    /* One that goes on is no problem: prune and sweep see to it. */
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
        /* Only what the newest good backup of its database lacks: older ones are history. */
        job = job_of(health, artifact_name_job(artifact));
        if (group_of_artifact(job, artifact)->good == artifact)
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

/* Copies that lie where no job writes to any more: nobody sees to them unless told. */
static void check_store(struct health *health, const struct settings *settings,
                        const struct catalog_copy *copy)
{
    size_t i = 0;
    if (copy->state != CATALOG_COPY_COMPLETE ||
        !artifact_name_store_left(settings, copy->store))
        return;
    /* A handful of stores at most, so each copy looks through them. */
    while (i < health->store_count && strcmp(health->stores_left[i].name, copy->store) != 0)
        i++;
    if (i == health->store_count) {
        memory_grow(&health->stores_left, &health->store_capacity, health->store_count + 1,
                    sizeof(*health->stores_left));
        health->stores_left[health->store_count++] =
            (struct health_store){.name = copy->store};
    }
    health->stores_left[i].copies++;
}

/* An artifact of this very run: of the process that ran it, which may run a job again, so not
 * from before its begin. Seconds alone would take that of a run just before for it. */
static bool has_artifact(const struct catalog_artifacts *artifacts,
                         const struct catalog_run *run)
{
    for (size_t i = 0; i < artifacts->count; i++) {
        const struct catalog_artifact *artifact = &artifacts->items[i];
        if (artifact->started >= run->started && text_equal(artifact->owner, run->owner) &&
            strcmp(artifact_name_job(artifact), run->job) == 0)
            return true;
    }
    return false;
}

/* A run that failed once an artifact was there is told by that artifact. One by hand says nothing
 * of what else was backed up by hand. */
static void find_failed_run(struct health_job *job, const struct catalog_runs *runs,
                            const struct catalog_artifacts *artifacts)
{
    if (strcmp(job->name, SETTINGS_ADHOC) == 0)
        return;
    for (size_t i = 0; runs && i < runs->count; i++) {
        const struct catalog_run *run = &runs->items[i];
        /* Newest first, so the first of this job is the one. */
        if (!run->job || strcmp(run->job, job->name) != 0)
            continue;
        if (run->exit_status > 0 && !has_artifact(artifacts, run))
            job->failed_run = run;
        return; /* the newest run is what counts, well or not */
    }
}

/* Three passes, since what matters of an older one depends on the newer: groups, problems,
 * ages. */
void health_init(struct health *health, const struct catalog_artifacts *artifacts,
                 const struct health_spec *spec)
{
    *health = (struct health){.now = spec->now,
                              .max_age_s = spec->max_age_s,
                              .any_configured = spec->settings->job_count > 0};
    /* Configured jobs first, in their order; then every artifact into its group, newest first. */
    for (size_t i = 0; i < spec->settings->job_count; i++) {
        if (is_asked_for(spec, spec->settings->jobs[i].name))
            add_configured(health, spec->settings, &spec->settings->jobs[i]);
    }
    for (size_t i = 0; i < artifacts->count; i++) {
        if (is_asked_for(spec, artifact_name_job(&artifacts->items[i])))
            count_artifact(health, &artifacts->items[i]);
    }
    /* Problems once all groups are filled: which copy matters depends on what came later. */
    for (size_t i = 0; i < artifacts->count; i++) {
        const struct catalog_artifact *artifact = &artifacts->items[i];
        if (!is_asked_for(spec, artifact_name_job(artifact)))
            continue;
        check_artifact(health, artifact);
        for (size_t j = 0; j < artifact->copy_count; j++) {
            check_copy(health, artifact, &artifact->copies[j]);
            check_store(health, spec->settings, &artifact->copies[j]);
        }
    }
    for (size_t i = 0; i < health->job_count; i++)
        find_failed_run(&health->jobs[i], spec->runs, artifacts);
    add_run_databases(health, spec);
    for (size_t i = 0; i < health->job_count; i++)
        health->jobs[i].left = artifact_name_job_left(spec->settings, health->jobs[i].name);
    check_ages(health, spec);
}

/* Artifacts and names were borrowed. */
void health_release(struct health *health)
{
    for (size_t i = 0; i < health->job_count; i++)
        free(health->jobs[i].groups);
    free(health->jobs);
    free(health->running);
    free(health->stores_left);
    free(health->problems);
    *health = (struct health){0};
}
