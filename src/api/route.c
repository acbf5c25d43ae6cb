/*
 * First who asks and whether they may, then a session for this one answer with settings as the files
 * have them now, then the row of the table. Nothing is kept between two requests but log-ins.
 */
#include "api/route.h"

#include "api/answers.h"
#include "base/json.h"
#include "base/log.h"
#include "base/memory.h"

const struct route route_table[] = {
    {"GET", "session", ROUTE_OPEN, "who is logged in", answers_session},
    {"POST", "session", ROUTE_OPEN, "log in with {\"password\"}", answers_log_in},
    {"DELETE", "session", 0, "log out", answers_log_out},
    {"GET", "artifacts", 0, "a page of artifacts, with the total", answers_artifacts},
    {"GET", "artifacts/*", 0, "everything known of one", answers_artifact},
    {"GET", "status", 0, "status --json", answers_status},
    {"GET", "jobs", 0, "jobs --json", answers_jobs},
    {"POST", "jobs/*/run", ROUTE_WRITES, "ask for a backup of the job", answers_run_job},
    {"POST", "jobs/*/enable", 0, "let it run by its schedule again", answers_enable},
    {"POST", "jobs/*/disable", 0, "let it run only when it is asked for", answers_disable},
    {"POST", "artifacts/*/cancel", ROUTE_WRITES, "ask for the end of a backup under way",
     answers_cancel_artifact},
    {"GET", "runs", 0, "runs, newest first", answers_runs},
    {"GET", "runs/*", 0, "one run, with what it said", answers_run},
    {"POST", "runs/*/cancel", ROUTE_WRITES, "ask for its end", answers_cancel},
    {"GET", "sources", 0, "settings of the sources", answers_sources},
    {"GET", "stores", 0, "settings of the stores", answers_stores},
    {"GET", "policies", 0, "settings of the policies", answers_policies},
    {"GET", "metrics", 0, "text for Prometheus", answers_metrics},
    {"GET", "events", 0, "what changes, as Server-Sent Events", answers_events},
};
const size_t route_count = sizeof route_table / sizeof *route_table;

bool route_fits(const char *pattern, const char *path, char *segments[REQUEST_SEGMENTS])
{
    size_t count = 0;
    for (;;) {
        size_t wanted = strcspn(pattern, "/"), given = strcspn(path, "/");
        bool any = wanted == 1 && *pattern == '*';
        if (any ? given == 0 : wanted != given || memcmp(pattern, path, given) != 0)
            return false;
        if (any && count < REQUEST_SEGMENTS)
            memory_take(&segments[count++], memory_strndup(path, given));
        /* Both end, or both go on. */
        pattern += wanted;
        path += given;
        if (*pattern == '\0' || *path == '\0')
            return *pattern == *path;
        pattern++;
        path++;
    }
}

unsigned route_status(enum err_kind kind)
{
    /* All else is ours or of something behind us. */
    static const struct {
        enum err_kind kind;
        unsigned status;
    } rows[] = {{ERR_USAGE, 400},     {ERR_NOT_FOUND, 404}, {ERR_UNSAFE, 409},
                {ERR_BUSY, 503},      {ERR_TRANSIENT, 502}, {ERR_DENIED, 502},
                {ERR_CANCELLED, 503}, {ERR_DATABASE, 502},  {ERR_STORE, 502}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        if (rows[i].kind == kind)
            return rows[i].status;
    }
    return 500;
}

/* {status,title,detail,kind,hint}, RFC 9457. */
static void problem(struct request *request, unsigned status, const struct err *err)
{
    static const char mark[] = "\nhint: ";
    const char *hint = strstr(err->text, mark);
    size_t length = hint ? (size_t)(hint - err->text) : strlen(err->text);
    char *detail = memory_strndup(err->text, length);
    json_decref(request->document);
    request->status = status;
    request->type = "application/problem+json";
    request->document = json_pack("{s:I, s:s, s:o, s:s, s:o}", "status", (json_int_t)status,
                                  "title", err_kind_name(err->kind), "detail",
                                  json_bytes(detail), "kind", err_kind_name(err->kind),
                                  "hint", json_bytes(hint ? hint + strlen(mark) : NULL));
    free(detail);
}

/* The row, or NULL: *known tells whether there is another method. */
static const struct route *find(struct request *request, bool *known)
{
    *known = false;
    for (size_t i = 0; i < route_count; i++) {
        if (!route_fits(route_table[i].pattern, request->path, request->segments))
            continue;
        *known = true;
        if (strcmp(route_table[i].method, request->method) == 0)
            return &route_table[i];
    }
    return NULL;
}

/* False: refused, and the answer says why. */
static bool may(const struct route *route, struct request *request)
{
    struct err err = {0};
    bool writes = strcmp(route->method, "GET") != 0;
    if (route->needs & ROUTE_OPEN)
        return true;
    if (!access_find(request->access, request->cookie, request->now, &request->who)) {
        err_set(&err, ERR_DENIED, "not logged in");
        problem(request, 401, &err);
        return false;
    }
    if (writes && !access_is_csrf(&request->who, request->csrf)) {
        err_set(&err, ERR_DENIED, "X-CSRF-Token is not that of the session");
        problem(request, 403, &err);
        return false;
    }
    return true;
}

void route_answer(struct request *request)
{
    struct err err = {0};
    bool known = false;
    text_init(&request->text, 64U << 20);
    const struct route *route = find(request, &known);
    if (route == NULL) {
        err_set(&err, ERR_NOT_FOUND, "there is no %s", known ? "such method" : "such path");
        problem(request, known ? 405 : 404, &err);
        return;
    }
    if (!may(route, request))
        return;
    struct session_spec spec = {
        .settings = request->settings,
        .kind = "api",
        .catalog = route->needs & ROUTE_WRITES ? SESSION_WRITE : SESSION_READ_IF_ANY};
    request->status = 200;
    request->type = "application/json";
    request->session = session_begin(&spec, &err);
    int result = request->session == NULL ? -1 : route->answer(request, &err);
    if (request->session != NULL)
        (void)session_end(request->session, OUTCOME_DONE, NULL);
    request->session = NULL;
    /* An answer may have a status of its own for what it refuses. */
    if (result < 0)
        problem(request, request->status != 200 ? request->status : route_status(err.kind),
                &err);
    /* Who changed what, from where; never what came in the body. */
    if (strcmp(request->method, "GET") != 0)
        log_info("api: %s %s from %s: %u", request->method, request->path, request->address,
                 request->status);
}
