/* Jobs and their runs, and the sections of the configuration. */
#include "api/answers.h"
#include "base/json.h"
#include "base/memory.h"
#include "base/parse.h"
#include "catalog/artifact_find.h"
#include "config/include.h"
#include "report/jobs.h"

enum { RUNS = 50, RUNS_MOST = 1000 };

int answers_jobs(struct request *request, struct err *err)
{
    struct catalog *catalog = session_catalog(request->session);
    struct jobs jobs = {0};
    int result = jobs_load(&jobs, request->settings, catalog, request->now, err);
    if (result == 0)
        result = jobs_load_history(&jobs, catalog, err);
    if (result == 0)
        request->document = jobs_json(&jobs);
    jobs_release(&jobs);
    return result;
}

/* A pending row: serve begins it as a process of its own, as it does what is due. */
int answers_run_job(struct request *request, struct err *err)
{
    char kind[] = "backup";
    struct catalog_run wish = {
        .kind = kind, .job = request->segments[0], .cause = CATALOG_RUN_BY_API};
    int64_t id = 0;
    if (settings_job(request->settings, wish.job) == NULL)
        return err_set(err, ERR_NOT_FOUND, "there is no job \"%.80s\"", wish.job);
    if (catalog_run_request(session_catalog(request->session), &wish, &id, err) < 0)
        return -1;
    request->wake = true;
    request->status = 202;
    request->document = json_pack("{s:I}", "run", (json_int_t)id);
    return 0;
}

/* Into the file where the job stands, as the command does; serve sees that it changed. */
static int set_enabled(struct request *request, bool enabled, struct err *err)
{
    const struct job_settings *job = settings_job(request->settings, request->segments[0]);
    bool changed = false;
    if (job == NULL)
        return err_set(err, ERR_NOT_FOUND, "there is no job \"%.80s\"",
                       request->segments[0]);
    if (include_set_enabled(request->settings, job, enabled, &changed, err) < 0) {
        /* A file that is not ours to write is no failure of ours. */
        request->status = err->kind == ERR_CONFIG ? 409 : request->status;
        return -1;
    }
    request->document = json_pack("{s:s, s:b, s:b}", "name", job->name, "enabled",
                                  (int)enabled, "changed", (int)changed);
    return 0;
}

int answers_enable(struct request *request, struct err *err)
{
    return set_enabled(request, true, err);
}

int answers_disable(struct request *request, struct err *err)
{
    return set_enabled(request, false, err);
}

/* {runs[],limit}: the newest. */
int answers_runs(struct request *request, struct err *err)
{
    struct catalog *catalog = session_catalog(request->session);
    struct catalog_run_filter filter = {.kind = request_text(request, "kind"),
                                        .job = request_text(request, "job"),
                                        .states = CATALOG_RUN_ANY};
    struct catalog_runs runs = {0};
    if (request_number(request, "limit", RUNS, RUNS_MOST, &filter.limit, err) < 0)
        return -1;
    /* No limit is not what a 0 asks for. */
    if (filter.limit == 0)
        filter.limit = RUNS;
    int result = catalog == NULL ? 0 : catalog_runs_list(catalog, &filter, &runs, err);
    json_t *list = json_array();
    for (size_t i = 0; i < runs.count; i++)
        (void)json_array_append_new(list, jobs_run_json(&runs.items[i]));
    request->document =
        json_pack("{s:o, s:I}", "runs", list, "limit", (json_int_t)filter.limit);
    catalog_runs_release(&runs);
    return result;
}

/* Release in any case. */
static int load_run(struct request *request, struct catalog_runs *runs, struct err *err)
{
    int64_t id = 0;
    struct err ignored = {0};
    bool number = parse_int(request->segments[0], 1, INT64_MAX, &id, &ignored) == 0;
    struct catalog *catalog = session_catalog(request->session);
    if (number && catalog != NULL && catalog_run_load(catalog, id, runs, err) < 0)
        return -1;
    return runs->count > 0
               ? 0
               : err_set(err, ERR_NOT_FOUND, "there is no run %.40s", request->segments[0]);
}

int answers_run(struct request *request, struct err *err)
{
    struct catalog_runs runs = {0};
    int result = load_run(request, &runs, err);
    if (result == 0 && runs.count > 0) {
        request->document = jobs_run_json(&runs.items[0]);
        json_set(request->document, "log", json_bytes(runs.items[0].log));
    }
    catalog_runs_release(&runs);
    return result;
}

/* The run hears it in the catalog; one that is pending has ended by it. */
static int cancel_run(struct request *request, int64_t id, struct err *err)
{
    enum catalog_run_state state = CATALOG_RUN_PENDING;
    if (catalog_run_cancel(session_catalog(request->session), id, &state, err) < 0)
        return -1;
    request->status = 202;
    request->document = json_pack("{s:I, s:s}", "run", (json_int_t)id, "state",
                                  catalog_run_state_name(state));
    return 0;
}

int answers_cancel(struct request *request, struct err *err)
{
    struct catalog_runs runs = {0};
    int result = load_run(request, &runs, err);
    if (result == 0 && runs.count > 0)
        result = cancel_run(request, runs.items[0].id, err);
    catalog_runs_release(&runs);
    return result;
}

int answers_cancel_artifact(struct request *request, struct err *err)
{
    struct catalog *catalog = session_catalog(request->session);
    const struct catalog_choice choice = {.text = request->segments[0]};
    char artifact[ULID_SIZE];
    int64_t id = 0;
    if (catalog_artifact_find(catalog, &choice, artifact, err) < 0 ||
        catalog_run_of_artifact(catalog, artifact, &id, err) < 0)
        return -1;
    if (id != 0)
        return cancel_run(request, id, err);
    /* It may be complete by now. */
    request->status = 409;
    return err_set(err, ERR_NOT_FOUND, "backup %s is not under way", artifact);
}

/* ---- sections ---- */

/* {KEY:[{name,settings{},editable}]}: what was set, as `config` shows it: of a secret that there
 * is one, not what it is. */
static json_t *sections(const struct settings *settings, enum option_scope scope,
                        const char *key)
{
    json_t *list = json_array(), *section = NULL;
    const char *name = NULL;
    /* Values of one section stand together. */
    for (size_t i = 0; i < settings->value_count; i++) {
        const struct settings_value *value = &settings->values[i];
        if (value->option->scope != scope || value->section == NULL)
            continue;
        if (section == NULL || !text_equal(name, value->section)) {
            name = value->section;
            section = json_object();
            (void)json_array_append_new(list, json_pack("{s:o, s:o, s:b}", "name",
                                                        json_bytes(name), "settings",
                                                        section, "editable", 0));
        }
        if (strcmp(value->origin, "default") != 0)
            json_set(section, value->option->key, json_bytes(value->text));
    }
    return json_pack("{s:o}", key, list);
}

int answers_sources(struct request *request, struct err *err)
{
    (void)err;
    request->document = sections(request->settings, OPTION_SOURCE, "sources");
    return 0;
}

int answers_stores(struct request *request, struct err *err)
{
    (void)err;
    request->document = sections(request->settings, OPTION_STORE, "stores");
    return 0;
}

int answers_policies(struct request *request, struct err *err)
{
    (void)err;
    request->document = sections(request->settings, OPTION_POLICY, "policies");
    return 0;
}
