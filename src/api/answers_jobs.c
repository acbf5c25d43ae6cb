/* Jobs and their runs, and the sections of the configuration. */
#include "api/answers.h"
#include "base/json.h"
#include "base/memory.h"
#include "base/parse.h"
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
    if (result == 0) {
        request->document = jobs_run_json(&runs.items[0]);
        json_set(request->document, "log", json_bytes(runs.items[0].log));
    }
    catalog_runs_release(&runs);
    return result;
}

int answers_cancel(struct request *request, struct err *err)
{
    struct catalog_runs runs = {0};
    enum catalog_run_state state = CATALOG_RUN_PENDING;
    int result = load_run(request, &runs, err);
    if (result == 0)
        result = catalog_run_cancel(session_catalog(request->session), runs.items[0].id,
                                    &state, err);
    if (result == 0) {
        request->status = 202;
        request->document = json_pack("{s:I, s:s}", "run", (json_int_t)runs.items[0].id,
                                      "state", catalog_run_state_name(state));
    }
    catalog_runs_release(&runs);
    return result;
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
