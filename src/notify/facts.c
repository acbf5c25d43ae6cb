/* What is good, too old or broken is health's to say, as in `status`: a message never tells of
 * something that `pgkeep status` would not show. */
#include "notify/facts.h"

#include "base/memory.h"
#include "report/artifact_name.h"

#define BIT(event) (1U << (event))

int facts_load(struct facts *facts, struct catalog *catalog, struct err *err)
{
    /* The newest of each job; while it runs it is none of these states, and the job has no row. */
    const unsigned ended = CATALOG_RUN_BIT(CATALOG_RUN_COMPLETE) |
                           CATALOG_RUN_BIT(CATALOG_RUN_FAILED) |
                           CATALOG_RUN_BIT(CATALOG_RUN_CANCELLED);
    const struct catalog_run_filter backups = {
        .kind = "backup", .states = ended, .last_of_jobs = true};
    const struct catalog_run_filter prunes = {
        .kind = "prune", .states = ended, .last_of_jobs = true};
    *facts = (struct facts){0};
    if (health_input_load(&facts->input, catalog, err) < 0 ||
        catalog_runs_list(catalog, &backups, &facts->backups, err) < 0)
        return -1;
    return catalog_runs_list(catalog, &prunes, &facts->prunes, err);
}

void facts_release(struct facts *facts)
{
    health_input_release(&facts->input);
    catalog_runs_release(&facts->backups);
    catalog_runs_release(&facts->prunes);
}

static const struct catalog_run *run_of(const struct catalog_runs *runs, const char *job)
{
    for (size_t i = 0; i < runs->count; i++) {
        if (text_equal(runs->items[i].job, job))
            return &runs->items[i];
    }
    return NULL;
}

static struct decide_item *add(struct facts_job *out, enum notifier_event what,
                               const char *subject)
{
    /* The same copy can be found twice, the same database by two of its groups: once is enough. */
    for (size_t i = 0; i < out->count; i++) {
        if (out->items[i].what == what && strcmp(out->items[i].subject, subject) == 0)
            return &out->items[i];
    }
    struct decide_item *item =
        memory_append(&out->items, &out->count, &out->capacity, sizeof *item);
    item->what = what;
    item->subject = subject;
    return item;
}

/* ---- runs ---- */

/* Will a schedule try it again soon? Then its failure is nobody's news yet. */
static bool waits_for_retry(struct facts_job *out, const struct job_settings *job,
                            int64_t now)
{
    const struct catalog_run *run = out->run;
    bool scheduled =
        run->cause == CATALOG_RUN_BY_SCHEDULE || run->cause == CATALOG_RUN_BY_RETRY;
    if (!scheduled || !job->enabled || run->retry >= job->retries)
        return false;
    int64_t delay = job->retry_delay_s << (run->retry < 20 ? run->retry : 20);
    int64_t until = run->ended + delay + FACTS_RETRY_S;
    if (now >= until || now < run->ended)
        return false;
    if (until < out->next)
        out->next = until;
    return true;
}

/* What the newest run did not come to; of the job as a whole where no database says it. */
static void add_failure(struct facts_job *out, const struct health_job *health)
{
    const struct catalog_run *run = out->run;
    bool asked_any = false;
    for (size_t i = 0; health != NULL && i < health->group_count; i++) {
        const struct health_group *group = &health->groups[i];
        if (group->missed == NULL || group->missed->run != run->id)
            continue;
        struct decide_item *item =
            add(out, NOTIFIER_FAILURE, artifact_name_of_database(group->database));
        item->message = health_missed_why(group);
        item->since = run->ended;
        asked_any = true;
    }
    if (asked_any)
        return;
    struct decide_item *item = add(out, NOTIFIER_FAILURE, "");
    item->message = run->message;
    item->since = run->ended;
    /* No server, no store: of no database anything new is known. */
    out->now.others_stay = health != NULL && health->failed_run != NULL;
}

static void look_at_run(struct facts_job *out, const struct health_job *health,
                        const struct job_settings *job, int64_t now)
{
    const struct catalog_run *run = out->run;
    if (run == NULL || run->state == CATALOG_RUN_CANCELLED ||
        (run->state == CATALOG_RUN_FAILED && waits_for_retry(out, job, now))) {
        out->now.unknown |= BIT(NOTIFIER_FAILURE);
        return;
    }
    out->now.run = run->id;
    out->now.run_good = run->state == CATALOG_RUN_COMPLETE;
    if (run->state == CATALOG_RUN_FAILED)
        add_failure(out, health);
}

/* A prune of all jobs counts where it names this one, and clears all when it went well. */
static void look_at_prune(struct facts_job *out, const struct facts *facts, const char *job)
{
    const struct catalog_run *own = run_of(&facts->prunes, job);
    const struct catalog_run *all = run_of(&facts->prunes, NULL);
    const struct catalog_run *run = own;
    bool names_it =
        all != NULL && all->message != NULL && strstr(all->message, job) != NULL;
    if (all != NULL && (own == NULL || all->id > own->id) &&
        (all->exit_status == 0 || names_it))
        run = all;
    if (run == NULL || run->exit_status != 9)
        return;
    struct decide_item *item = add(out, NOTIFIER_GUARD, "");
    item->message = run->message;
    item->since = run->ended;
}

/* ---- backups ---- */

static void look_at_age(struct facts_job *out, const struct health_job *health,
                        const struct job_settings *job)
{
    if (job->max_age_s == 0)
        return;
    for (size_t i = 0; i < health->group_count; i++) {
        const struct health_group *group = &health->groups[i];
        const char *database = artifact_name_of_database(group->database);
        /* Of the next that grows too old, when. */
        if (!group->too_old) {
            int64_t then = group->good != NULL ? group->good->time + job->max_age_s + 1 : 0;
            if (group->regular && group->expected && then > out->health.now &&
                then < out->next)
                out->next = then;
            continue;
        }
        struct decide_item *item = add(out, NOTIFIER_STALE, database);
        if (group->good != NULL)
            item->since = group->good->time + job->max_age_s;
        else
            item->unless_watched_s = job->max_age_s;
        item->message = group->good != NULL ? "its last good backup is too old"
                                            : "there is no good backup of it";
    }
    /* A job of which not even its databases are known. */
    if (health->good == NULL && health->group_count == 0) {
        struct decide_item *item = add(out, NOTIFIER_STALE, "");
        item->unless_watched_s = job->max_age_s;
        item->message = "there is no good backup";
    }
}

/* Has something normal come after it? Its mark stays, for whoever looks at that backup. */
static bool is_overtaken(const struct health_job *health,
                         const struct catalog_artifact *artifact)
{
    for (size_t i = 0; i < health->group_count; i++) {
        const struct health_group *group = &health->groups[i];
        if (strcmp(group->database, artifact->database) == 0 &&
            strcmp(group->type, artifact->type) == 0 && group->good != NULL &&
            group->good->seq > artifact->seq)
            return true;
    }
    return false;
}

static void look_at_problems(struct facts_job *out, const struct health_job *health)
{
    for (size_t i = 0; i < out->health.problem_count; i++) {
        const struct health_problem *problem = &out->health.problems[i];
        const struct catalog_artifact *artifact = problem->artifact;
        const char *database = artifact_name_database(artifact);
        if (problem->what == HEALTH_SUSPECT && !is_overtaken(health, artifact)) {
            struct decide_item *item = add(out, NOTIFIER_SUSPECT, database);
            item->since = problem->since;
            strlist_addf(&out->texts, "backup %s", artifact->id);
            item->message = out->texts.items[out->texts.count - 1];
        } else if ((problem->what == HEALTH_MISSING || problem->what == HEALTH_DAMAGED) &&
                   problem->copy != NULL) {
            strlist_addf(&out->texts, "%s in %s", artifact->id, problem->copy->store);
            struct decide_item *item =
                add(out, NOTIFIER_DRILL, out->texts.items[out->texts.count - 1]);
            item->since = problem->since;
            strlist_addf(&out->texts, "%s: %s%s%s", database,
                         health_what_name(problem->what), problem->reason ? ": " : "",
                         problem->reason ? problem->reason : "");
            item->message = out->texts.items[out->texts.count - 1];
        }
    }
    for (size_t i = 0; i < health->group_count; i++) {
        if (health->groups[i].gone)
            add(out, NOTIFIER_GONE, artifact_name_of_database(health->groups[i].database))
                ->message = "its server has it no more; its backups stay";
    }
}

void facts_of_job(const struct facts *facts, const struct settings *settings,
                  const struct job_settings *job, int64_t now, struct facts_job *out)
{
    *out = (struct facts_job){.next = INT64_MAX};
    out->now.job = job->name;
    out->now.remind_s = job->remind_s;
    out->run = run_of(&facts->backups, job->name);
    const struct health_spec spec = {.settings = settings,
                                     .job = job->name,
                                     .max_age_s = job->max_age_s > 0 ? job->max_age_s
                                                                     : HEALTH_NO_LIMIT,
                                     .now = now,
                                     .runs = &facts->input.runs,
                                     .run_databases = &facts->input.run_databases};
    health_init(&out->health, &facts->input.artifacts, &spec);
    const struct health_job *health = NULL;
    for (size_t i = 0; i < out->health.job_count; i++) {
        if (strcmp(out->health.jobs[i].name, job->name) == 0)
            health = &out->health.jobs[i];
    }
    look_at_run(out, health, job, now);
    look_at_prune(out, facts, job->name);
    if (health != NULL) {
        look_at_age(out, health, job);
        look_at_problems(out, health);
    }
    out->now.items = out->items;
    out->now.count = out->count;
}

void facts_job_release(struct facts_job *job)
{
    health_release(&job->health);
    free(job->items);
    strlist_release(&job->texts);
}
