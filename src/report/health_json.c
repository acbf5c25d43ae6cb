/*
 * What `status --json` prints. Every key is always there, null where nothing is known, as in
 * artifact_json.c; ages are given beside times, so that a monitor needs no clock of its own.
 */
#include "report/health_json.h"

#include "base/json.h"
#include "report/artifact_name.h"
#include "config/settings.h"

/* json_pack steals what "o" is given and gives NULL only when memory is out; json_text then
 * ends the process. */

/* 0 bytes were never stored: a dump has a head at least. */
static json_t *bytes_or_null(uint64_t bytes)
{
    return bytes > 0 ? json_integer((json_int_t)bytes) : json_null();
}

/* Of none: null, and not 0, which would be the best of all. */
static json_t *age_json(const struct health *health,
                        const struct catalog_artifact *artifact)
{
    return artifact ? json_integer(health_age(health, artifact)) : json_null();
}

/* Of the snapshot, not of the upload: it is what the backup is worth. */
static json_t *time_json(const struct catalog_artifact *artifact)
{
    return json_time(artifact ? artifact->time : 0);
}

/* Figures that its process wrote last; `updated` says how old they are. */
static json_t *running_json(const struct catalog_artifact *artifact)
{
    const struct catalog_progress *progress = &artifact->progress;
    return json_pack(
        "{s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:I, s:I, s:o, s:o, s:s}", "id", artifact->id,
        "job", json_bytes(*artifact->job ? artifact->job : NULL), "source",
        json_bytes(artifact->source), "database", json_bytes(artifact->database), "type",
        json_bytes(artifact->type), "started", json_time(artifact->started), "phase",
        json_bytes(progress->phase), "raw_bytes", (json_int_t)progress->raw_bytes,
        "stored_bytes", (json_int_t)progress->stored_bytes, "estimate_bytes",
        bytes_or_null(progress->estimate), "updated", json_time(progress->updated), "owner",
        owner_state_name(artifact->owner_state));
}

/* One database of a job: what is good, what was tried last, and whether that is too old. */
static json_t *group_json(const struct health *health, const struct health_group *group)
{
    /* Two artifacts: the last good one, and the last that was tried. */
    const struct catalog_artifact *good = group->good;
    const struct catalog_artifact *tried = group->tried;
    /* Of a complete one that does not count: why not. */
    const char *doubt =
        tried && tried->status == CATALOG_COMPLETE ? health_doubt(health, tried) : NULL;
    return json_pack(
        "{s:o, s:o, s:s?, s:o, s:o, s:o, s:o, s:s?, s:o, s:b, s:b, s:s?, s:b, s:b, s:o}",
        "database", json_bytes(group->database), "type", json_bytes(group->type), "id",
        good ? good->id : NULL, "last_good", time_json(good), "age_seconds",
        age_json(health, good), "stored_bytes",
        bytes_or_null(good ? good->stored_bytes : 0), "last_tried", time_json(tried),
        "last_status", tried ? catalog_status_name(tried->status) : NULL, "last_error",
        json_bytes(tried ? tried->error_message : NULL), "too_old", (int)group->too_old,
        "filtered", (int)health_is_filtered(group), "last_doubt", doubt, "expected",
        (int)group->expected, "gone", (int)group->gone, "missed",
        group->missed ? json_bytes(health_missed_why(group)) : json_null());
}

/* With its databases inside: a dashboard shows them under it. */
static json_t *job_json(const struct health *health, const struct health_job *job)
{
    /* Told only where no artifact tells it: no server, no store. */
    const struct catalog_run *run = job->failed_run;
    json_t *groups = json_array(), *failed = json_null();
    if (run)
        failed =
            json_pack("{s:o, s:I, s:o}", "started", json_time(run->started), "exit_status",
                      (json_int_t)run->exit_status, "message", json_bytes(run->message));
    for (size_t i = 0; i < job->group_count; i++)
        (void)json_array_append_new(groups, group_json(health, &job->groups[i]));
    /* What an ad-hoc backup is called inside is no name of a job. */
    return json_pack("{s:o, s:b, s:b, s:o, s:o, s:o, s:o, s:s?}", "job",
                     json_bytes(strcmp(job->name, SETTINGS_ADHOC) == 0 ? NULL : job->name),
                     "configured", (int)job->configured, "too_old", (int)job->too_old,
                     "last_good", time_json(job->good), "age_seconds",
                     age_json(health, job->good), "failed_run", failed, "databases", groups,
                     "left", job->left);
}

/* Of the copy where there is one, else of the artifact as a whole. */
static json_t *problem_json(const struct health_problem *problem)
{
    const struct catalog_artifact *artifact = problem->artifact;
    return json_pack("{s:s, s:s, s:o, s:o, s:o, s:o, s:o, s:o}", "what",
                     health_what_name(problem->what), "id", artifact->id, "job",
                     json_bytes(*artifact->job ? artifact->job : NULL), "database",
                     json_bytes(artifact->database), "store",
                     json_bytes(problem->copy ? problem->copy->store : NULL), "since",
                     json_time(problem->since), "reason", json_bytes(problem->reason),
                     "until", json_time(problem->until));
}

/* All of it at one moment (`time`): ages and times fit together. */
json_t *health_json(const struct health *health)
{
    json_t *running = json_array();
    json_t *jobs = json_array();
    json_t *problems = json_array();
    json_t *stores = json_array();
    /* Without --max-age nothing is too old, and `too_old` is false. */
    bool limited = health->max_age_s != HEALTH_NO_LIMIT;
    for (size_t i = 0; i < health->running_count; i++)
        (void)json_array_append_new(running, running_json(health->running[i]));
    for (size_t i = 0; i < health->job_count; i++)
        (void)json_array_append_new(jobs, job_json(health, &health->jobs[i]));
    for (size_t i = 0; i < health->problem_count; i++)
        (void)json_array_append_new(problems, problem_json(&health->problems[i]));
    for (size_t i = 0; i < health->store_count; i++)
        (void)json_array_append_new(
            stores,
            json_pack("{s:o, s:I}", "store", json_bytes(health->stores_left[i].name),
                      "copies", (json_int_t)health->stores_left[i].copies));
    return json_pack("{s:o, s:o, s:b, s:o, s:o, s:o, s:o}", "time", json_time(health->now),
                     "max_age_seconds",
                     limited ? json_integer(health->max_age_s) : json_null(), "too_old",
                     (int)health->too_old, "running", running, "jobs", jobs, "problems",
                     problems, "stores_left", stores);
}
