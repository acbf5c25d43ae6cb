/*
 * One row per metric: its name, type, help, and the function that adds its samples. A metric
 * without samples is left out, as Prometheus wants.
 */
#include "report/metrics.h"

#include "base/memory.h"
#include "postgres/conninfo.h"
#include "report/artifact_name.h"

enum { METRICS_LABEL_MAX = 1 << 16 };

/* "NAME{label="value",…} " and its value follow; names of databases may hold anything. */
static void add_label(struct text *out, const char *comma, const char *label,
                      const char *value)
{
    /* One sample that is not UTF-8 would cost the reader all others: such bytes are told as
     * people see them elsewhere. Then the three that the format escapes. */
    struct text printable;
    text_init(&printable, METRICS_LABEL_MAX);
    if (!text_is_utf8(value, strlen(value))) {
        text_add_printable(&printable, value, strlen(value));
        value = printable.data;
    }
    text_addf(out, "%s%s=\"", comma, label);
    for (const char *at = value; *at != '\0'; at++) {
        if (*at == '\\' || *at == '"')
            text_add_char(out, '\\');
        if (*at == '\n')
            text_add(out, "\\n");
        else
            text_add_char(out, *at);
    }
    text_add_char(out, '"');
    text_release(&printable);
}

/* ---- backups: a sample per database of a job ---- */

/* Labels in one place: job, database, type. */
static void add_group(struct text *out, const char *name, const struct health_job *job,
                      const struct health_group *group, int64_t value)
{
    text_addf(out, "%s{", name);
    add_label(out, "", "job", job->name);
    add_label(out, ",", "database", artifact_name_of_database(group->database));
    add_label(out, ",", "type", group->type);
    text_addf(out, "} %lld\n", (long long)value);
}

/* What a metric of a database says; -1: nothing. A type of a function, so that a row of the table
 * fits on its line. */
typedef int64_t metrics_value(const struct metrics_input *input,
                              const struct health_group *group);

/* The time of its snapshot, not of its end: rows that came meanwhile are not in it. 0, a very long
 * time ago, where one is expected and none is there: no sample would ring for nobody. */
static int64_t last_success(const struct metrics_input *input,
                            const struct health_group *group)
{
    (void)input;
    return group->good != NULL ? group->good->time : 0;
}

/* For those who cannot reckon with time(); as in `status`, 0 of a backup from the future. */
static int64_t last_age(const struct metrics_input *input, const struct health_group *group)
{
    return health_age(input->health, group->good);
}

/* Whole seconds, rounded. */
static int64_t last_duration(const struct metrics_input *input,
                             const struct health_group *group)
{
    (void)input;
    return (group->good->duration_ms + 500) / 1000;
}

/* What pg_dump wrote; it grows with the database, whatever the codec does. */
static int64_t last_raw(const struct metrics_input *input, const struct health_group *group)
{
    (void)input;
    return (int64_t)group->good->raw_bytes;
}

/* What one copy of it takes, in whichever store. */
static int64_t last_stored(const struct metrics_input *input,
                           const struct health_group *group)
{
    (void)input;
    return (int64_t)group->good->stored_bytes;
}

/* Of any of its backups, the newest proof. */
static int64_t last_proven(const struct metrics_input *input,
                           const struct health_group *group)
{
    int64_t proven = -1;
    for (size_t i = 0; i < input->artifacts->count; i++) {
        const struct catalog_artifact *artifact = &input->artifacts->items[i];
        if (!text_equal(artifact->job, group->good->job) ||
            strcmp(artifact->database, group->database) != 0)
            continue;
        for (size_t j = 0; j < artifact->copy_count; j++) {
            int64_t at = artifact->copies[j].proven;
            proven = at > 0 && at > proven ? at : proven;
        }
    }
    return proven;
}

/* A proof of more than bytes: it was restored. */
static int64_t last_drilled(const struct metrics_input *input,
                            const struct health_group *group)
{
    for (size_t i = 0; i < input->drills->count; i++) {
        const struct catalog_drill *drill = &input->drills->items[i];
        if (text_equal(drill->job, group->good->job) &&
            strcmp(drill->database, group->database) == 0)
            return drill->time;
    }
    return -1;
}

/* Only what the job itself makes: a dump of one table by hand is no backup of the database. And
 * only what somebody waits for, as `status` has it: a database that is gone or left out by now, or
 * a job that left the configuration, would be too old for ever. */
static bool is_told(const struct health_job *job, const struct health_group *group)
{
    return job->watched && group->regular && !group->gone &&
           (group->expected || (!job->run_known && group->good != NULL));
}

/* A job that never came so far as to know its databases would ring for nobody: it gets a sample
 * under the name that its source gives, or under none. */
static void add_unknown(const struct metrics_input *input, const char *name,
                        const struct health_job *job, struct text *out)
{
    const struct job_settings *configured = settings_job(input->settings, job->name);
    const struct source_settings *source =
        configured != NULL && configured->source != NULL
            ? settings_source(input->settings, configured->source)
            : NULL;
    char *database = NULL;
    /* With patterns, what it connects to is not what is backed up. */
    if (source != NULL && source->databases.count == 0)
        database = conninfo_own_database(source->conninfo.text);
    const struct health_group group = {
        .database = database != NULL ? database : "(unknown)", .type = job->type};
    add_group(out, name, job, &group, 0);
    free(database);
}

static void add_groups(const struct metrics_input *input, const char *name,
                       metrics_value *value, struct text *out)
{
    for (size_t i = 0; i < input->health->job_count; i++) {
        const struct health_job *job = &input->health->jobs[i];
        bool any = false;
        for (size_t j = 0; j < job->group_count; j++) {
            const struct health_group *group = &job->groups[j];
            bool known = group->good != NULL || value == last_success;
            int64_t number = known && is_told(job, group) ? value(input, group) : -1;
            any = any || group->gone ||
                  (is_told(job, group) && strcmp(group->type, job->type) == 0);
            if (number >= 0)
                add_group(out, name, job, group, number);
        }
        if (!any && value == last_success && job->configured)
            add_unknown(input, name, job, out);
    }
}

/* ---- copies: a sample per store and state ---- */

/* By store and state: a store that fills up with failed copies shows. */
static void add_copies(const struct metrics_input *input, const char *name,
                       struct text *out, bool bytes)
{
    const struct catalog_artifacts *all = input->artifacts;
    /* By what lies where, not by the configuration: a store that left it still costs. */
    struct strlist stores = {0};
    for (size_t i = 0; i < all->count; i++) {
        for (size_t j = 0; j < all->items[i].copy_count; j++) {
            if (!strlist_has(&stores, all->items[i].copies[j].store))
                strlist_add(&stores, all->items[i].copies[j].store);
        }
    }
    for (size_t s = 0; s < stores.count; s++) {
        uint64_t sums[CATALOG_COPY_STATES] = {0};
        for (size_t i = 0; i < all->count; i++) {
            for (size_t j = 0; j < all->items[i].copy_count; j++) {
                const struct catalog_copy *copy = &all->items[i].copies[j];
                if (strcmp(copy->store, stores.items[s]) == 0)
                    sums[copy->state] += bytes ? copy->bytes : 1;
            }
        }
        /* Also zeros: an alert wants to see damaged copies go from none to one. */
        for (unsigned state = 0; state < CATALOG_COPY_DELETED; state++) {
            text_addf(out, "%s{", name);
            add_label(out, "", "store", stores.items[s]);
            add_label(out, ",", "state",
                      catalog_copy_state_name((enum catalog_copy_state)state));
            text_addf(out, "} %llu\n", (unsigned long long)sums[state]);
        }
    }
    strlist_release(&stores);
}

static void add_copy_count(const struct metrics_input *input, const char *name,
                           struct text *out)
{
    add_copies(input, name, out, false);
}

static void add_copy_bytes(const struct metrics_input *input, const char *name,
                           struct text *out)
{
    add_copies(input, name, out, true);
}

/* ---- what only grows ---- */

/* By job and store, of rows that the catalog keeps for this alone. */
static void add_totals(const struct metrics_input *input, const char *name,
                       const char *total, struct text *out)
{
    for (size_t i = 0; i < input->totals->count; i++) {
        const struct catalog_total *row = &input->totals->items[i];
        if (strcmp(row->name, total) != 0)
            continue;
        text_addf(out, "%s{", name);
        add_label(out, "", "job", row->job);
        add_label(out, ",", "store", row->label);
        text_addf(out, "} %lld\n", (long long)row->value);
    }
}

/* ---- problems ---- */

static void add_problems(const struct metrics_input *input, const char *name,
                         struct text *out)
{
    /* All kinds, also with zero: the first of a kind is a change that an alert can see. */
    size_t counts[HEALTH_WHATS] = {0};
    for (size_t i = 0; i < input->health->problem_count; i++)
        counts[input->health->problems[i].what]++;
    for (unsigned what = 0; what < HEALTH_WHATS; what++)
        text_addf(out, "%s{what=\"%s\"} %zu\n", name,
                  health_what_name((enum health_what)what), counts[what]);
}

/* ---- jobs and runs ---- */

/* Of a job as such. */
static void add_job(struct text *out, const char *name, const struct jobs_row *row,
                    int64_t value)
{
    if (row->kind != JOBS_BACKUP)
        return;
    text_addf(out, "%s{", name);
    add_label(out, "", "job", row->settings->name);
    text_addf(out, "} %lld\n", (long long)value);
}

/* Of one thing that it does: backups, verifications. */
static void add_kind(struct text *out, const char *name, const struct jobs_row *row,
                     int64_t value)
{
    text_addf(out, "%s{", name);
    add_label(out, "", "job", row->settings->name);
    text_addf(out, ",kind=\"%s\"} %lld\n", jobs_kind_name(row->kind), (long long)value);
}

/* They only grow: what is purged stays counted. */
static void add_runs(const struct metrics_input *input, const char *name, struct text *out)
{
    for (size_t i = 0; i < input->jobs->count; i++) {
        const struct jobs_row *row = &input->jobs->items[i];
        const struct {
            const char *state;
            int64_t count;
        } states[] = {{"complete", row->counts.complete},
                      {"failed", row->counts.failed},
                      {"cancelled", row->counts.cancelled}};
        for (size_t j = 0; j < 3; j++) {
            text_addf(out, "%s{", name);
            add_label(out, "", "job", row->settings->name);
            text_addf(out, ",kind=\"%s\",state=\"%s\"} %lld\n", jobs_kind_name(row->kind),
                      states[j].state, (long long)states[j].count);
        }
    }
}

/* Of the last one that has ended; while another runs, still that one. */
static void add_exit_status(const struct metrics_input *input, const char *name,
                            struct text *out)
{
    for (size_t i = 0; i < input->jobs->count; i++) {
        const struct jobs_row *row = &input->jobs->items[i];
        if (row->last != NULL && row->last->ended != 0)
            add_kind(out, name, row, row->last->exit_status);
    }
}

static void add_busy(const struct metrics_input *input, const char *name, struct text *out)
{
    for (size_t i = 0; i < input->jobs->count; i++)
        add_job(out, name, &input->jobs->items[i], input->jobs->items[i].busy);
}

/* 0 explains a backup that grows old. */
static void add_enabled(const struct metrics_input *input, const char *name,
                        struct text *out)
{
    for (size_t i = 0; i < input->jobs->count; i++)
        add_job(out, name, &input->jobs->items[i], input->jobs->items[i].settings->enabled);
}

/* Of a job that only runs by hand nothing is written: no sample is not 0. */
static void add_next(const struct metrics_input *input, const char *name, struct text *out)
{
    for (size_t i = 0; i < input->jobs->count; i++) {
        if (input->jobs->items[i].next != SCHEDULE_NEVER)
            add_kind(out, name, &input->jobs->items[i], input->jobs->items[i].next);
    }
}

/* How long what is due has been waiting for somebody: over a minute, nobody serves. */
static void add_lag(const struct metrics_input *input, const char *name, struct text *out)
{
    int64_t now = input->health->now;
    for (size_t i = 0; i < input->jobs->count; i++) {
        const struct jobs_row *row = &input->jobs->items[i];
        if (row->next != SCHEDULE_NEVER)
            add_kind(out, name, row, !row->busy && row->next < now ? now - row->next : 0);
    }
}

/* ---- notifiers ---- */

static void add_notifier(struct text *out, const char *name,
                         const struct catalog_notifier *notifier, int64_t value)
{
    text_addf(out, "%s{", name);
    add_label(out, "", "notifier", notifier->name);
    text_addf(out, "} %lld\n", (long long)value);
}

static size_t notifier_count(const struct metrics_input *input)
{
    return input->notifiers != NULL ? input->notifiers->count : 0;
}

/* Over minutes: its service is away. */
static void add_waiting(const struct metrics_input *input, const char *name,
                        struct text *out)
{
    for (size_t i = 0; i < notifier_count(input); i++)
        add_notifier(out, name, &input->notifiers->items[i],
                     input->notifiers->items[i].waiting);
}

static void add_sent(const struct metrics_input *input, const char *name, struct text *out)
{
    for (size_t i = 0; i < notifier_count(input); i++)
        add_notifier(out, name, &input->notifiers->items[i],
                     input->notifiers->items[i].sent);
}

/* Tries, of which a message has many. */
static void add_failures(const struct metrics_input *input, const char *name,
                         struct text *out)
{
    for (size_t i = 0; i < notifier_count(input); i++)
        add_notifier(out, name, &input->notifiers->items[i],
                     input->notifiers->items[i].failures);
}

static void add_given_up(const struct metrics_input *input, const char *name,
                         struct text *out)
{
    for (size_t i = 0; i < notifier_count(input); i++)
        add_notifier(out, name, &input->notifiers->items[i],
                     input->notifiers->items[i].given_up);
}

/* From when it was due to when its process began: waiting for room, or for somebody to look. */
static void add_delay(const struct metrics_input *input, const char *name, struct text *out)
{
    for (size_t i = 0; i < input->jobs->count; i++) {
        const struct jobs_row *row = &input->jobs->items[i];
        if (row->last != NULL && row->last->due > 0 && row->last->started > 0)
            add_kind(out, name, row,
                     row->last->started > row->last->due
                         ? row->last->started - row->last->due
                         : 0);
    }
}

/* A gauge of 1, as is the custom: its labels are the message, and its absence says that nothing
 * is told any more. */
static void add_build(const struct metrics_input *input, const char *name, struct text *out)
{
    (void)input;
    text_addf(out, "%s{version=\"%s\"} 1\n", name, PGKEEP_VERSION);
}

/* ---- the table ---- */

static const struct metric {
    const char *name, *type, *help;
    void (*add)(const struct metrics_input *input, const char *name, struct text *out);
    metrics_value *value; /* instead of `add`: by database */
    const char *total;    /* instead of both: a sum of catalog/db/totals.h */
} metrics[] = {
    {"pgkeep_build_info", "gauge", "The version of pgkeep, always 1.", .add = add_build},
    {"pgkeep_backup_last_success_timestamp_seconds", "gauge",
     "When the last good backup of a database was taken.", .value = last_success},
    {"pgkeep_backup_last_success_age_seconds", "gauge", "How old the last good backup is.",
     .value = last_age},
    {"pgkeep_backup_last_duration_seconds", "gauge", "How long the last good backup took.",
     .value = last_duration},
    {"pgkeep_backup_last_raw_bytes", "gauge",
     "Size of the last good backup before compression.", .value = last_raw},
    {"pgkeep_backup_last_stored_bytes", "gauge",
     "Size of the last good backup as it is stored.", .value = last_stored},
    {"pgkeep_backup_last_verified_timestamp_seconds", "gauge",
     "When bytes of a backup of the database were last proven to be whole.",
     .value = last_proven},
    {"pgkeep_backup_last_drilled_timestamp_seconds", "gauge",
     "When a backup of the database was last restored and compared.",
     .value = last_drilled},
    {"pgkeep_copies", "gauge", "Copies in a store by their state.", .add = add_copy_count},
    {"pgkeep_copies_bytes", "gauge",
     "Stored bytes of the copies in a store by their state.", .add = add_copy_bytes},
    {"pgkeep_uploaded_bytes_total", "counter",
     "Bytes that were stored, by the job that did it and where.", .total = TOTALS_UPLOADED},
    {"pgkeep_repeated_bytes_total", "counter",
     "Bytes that were sent in vain and sent again.", .total = TOTALS_REPEATED},
    {"pgkeep_deleted_copies_total", "counter",
     "Copies that prune, delete and sweep removed, by the job that had made them.",
     .total = TOTALS_DELETED},
    {"pgkeep_deleted_bytes_total", "counter", "Stored bytes of those copies.",
     .total = TOTALS_DELETED_BYTES},
    {"pgkeep_problems", "gauge", "What a person should look at (pgkeep status).",
     .add = add_problems},
    {"pgkeep_runs_total", "counter",
     "Runs of a job that have ended, by what they did and how they ended.",
     .add = add_runs},
    {"pgkeep_run_last_exit_status", "gauge", "Exit status of the last run of a job.",
     .add = add_exit_status},
    {"pgkeep_job_busy", "gauge", "1 while a run of the job is pending or under way.",
     .add = add_busy},
    {"pgkeep_job_enabled", "gauge", "1 when the job runs by its schedule.",
     .add = add_enabled},
    {"pgkeep_schedule_next_timestamp_seconds", "gauge", "When the job is due next.",
     .add = add_next},
    {"pgkeep_schedule_lag_seconds", "gauge", "How long the job has been due without a run.",
     .add = add_lag},
    {"pgkeep_run_last_delay_seconds", "gauge",
     "How long after its time the last scheduled run began.", .add = add_delay},
    {"pgkeep_notifications_waiting", "gauge", "Messages that wait to be taken.",
     .add = add_waiting},
    {"pgkeep_notifications_sent_total", "counter", "Messages that were taken.",
     .add = add_sent},
    {"pgkeep_notification_failures_total", "counter",
     "Tries of sending a message that failed.", .add = add_failures},
    {"pgkeep_notifications_given_up_total", "counter", "Messages that nobody took in time.",
     .add = add_given_up},
};

/* Everything at one moment; names are a contract with alert rules. */
void metrics_add(const struct metrics_input *input, struct text *out)
{
    for (size_t i = 0; i < sizeof metrics / sizeof *metrics; i++) {
        struct text samples;
        text_init(&samples, SIZE_MAX / 2);
        if (metrics[i].value != NULL)
            add_groups(input, metrics[i].name, metrics[i].value, &samples);
        else if (metrics[i].total != NULL)
            add_totals(input, metrics[i].name, metrics[i].total, &samples);
        else
            metrics[i].add(input, metrics[i].name, &samples);
        if (samples.length > 0)
            text_addf(out, "# HELP %s %s\n# TYPE %s %s\n%s", metrics[i].name,
                      metrics[i].help, metrics[i].name, metrics[i].type, samples.data);
        text_release(&samples);
    }
}
