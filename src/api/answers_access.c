/* Logging in and out, and who is logged in. */
#include "api/answers.h"
#include "base/json.h"
#include "catalog/db/facts.h"

/* The hash of the password; NULL: none is set. Heap. */
static int load_hash(struct request *request, char **hash, struct err *err)
{
    struct catalog *catalog = session_catalog(request->session);
    *hash = NULL;
    return catalog == NULL ? 0 : catalog_setting_get(catalog, ACCESS_PASSWORD, hash, err);
}

/* {authenticated,setup,csrf,editable,version,scopes[]}: setup: there is no password yet. */
static json_t *document(const struct request *request, bool authenticated, bool setup)
{
    return json_pack("{s:b, s:b, s:o, s:b, s:s, s:[]}", "authenticated", (int)authenticated,
                     "setup", (int)setup, "csrf",
                     json_bytes(authenticated ? request->who.csrf : NULL), "editable", 0,
                     "version", PGKEEP_VERSION, "scopes");
}

int answers_session(struct request *request, struct err *err)
{
    char *hash = NULL;
    if (load_hash(request, &hash, err) < 0)
        return -1;
    bool known = access_find(request->access, request->cookie, request->now, &request->who);
    request->document = document(request, known, hash == NULL);
    free(hash);
    return 0;
}

int answers_log_in(struct request *request, struct err *err)
{
    const char *password = json_string_value(json_object_get(request->body, "password"));
    char *hash = NULL;
    /* Asked before the hash is: guessing must not cost us time, either. */
    request->retry_after = access_wait_s(request->access, request->address, request->now);
    if (request->retry_after > 0) {
        request->status = 429;
        return err_set(err, ERR_DENIED, "too many failed log-ins; again in %lld s",
                       (long long)request->retry_after);
    }
    if (load_hash(request, &hash, err) < 0)
        return -1;
    bool set = hash != NULL;
    bool fits = password != NULL && access_matches(password, hash);
    free(hash);
    if (!fits) {
        access_failed(request->access, request->address, request->now);
        request->status = 401;
        err_set(err, ERR_DENIED,
                set ? "the password is wrong" : "there is no password yet");
        return set ? -1 : err_hint(err, "`pgkeep password` sets one");
    }
    if (access_log_in(request->access, request->now, &request->who, err) < 0)
        return -1;
    /* A session cookie: it ends with the browser, and with the process that gave it. */
    (void)snprintf(request->set_cookie, sizeof request->set_cookie,
                   "pgkeep=%s; HttpOnly; SameSite=Strict; Path=/", request->who.cookie);
    request->document = document(request, true, false);
    return 0;
}

int answers_log_out(struct request *request, struct err *err)
{
    (void)err;
    access_log_out(request->access, request->cookie);
    (void)snprintf(request->set_cookie, sizeof request->set_cookie,
                   "pgkeep=; HttpOnly; SameSite=Strict; Path=/; Max-Age=0");
    request->document = document(request, false, false);
    return 0;
}
